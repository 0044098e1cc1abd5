/* rows.c - rows of a file, held as text: inputs, and what is right. */
#include "prompt/text.h"

#include "repr/repr.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    char **input, **target, *text;
    int64_t *at; /* n + 1 */
    const char *path;
} held;

void cull_prompt_rows_free(cull_prompt_rows *r)
{
    held *h = r ? r->mem_ : NULL;
    if (!h) return;
    cull__free(h->input);
    cull__free(h->target);
    cull__free(h->text);
    cull__free(h->at);
    cull__free(h);
    *r = (cull_prompt_rows){0};
}

/* ---- two passes: lengths, then bytes ---- */

static cull_status lengths(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                           int64_t n, void *slot)
{
    held *h = arg;
    (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        if (memchr(rec[i].text, 0, rec[i].text_n))
            return cull__fail(cx, CULL_EINPUT, "%s: record %lld (from 0): its input holds a NUL",
                              h->path, (long long)rec[i].row);
        h->at[rec[i].row + 1] = (int64_t)rec[i].text_n + 1;
    }
    return CULL_OK;
}

static cull_status bytes(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec, int64_t n,
                         void *slot)
{
    held *h = arg;
    (void)cx, (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        h->input[rec[i].row] = h->text + h->at[rec[i].row];
        memcpy(h->input[rec[i].row], rec[i].text, rec[i].text_n);
    }
    return CULL_OK;
}

/* What is right is a column of labels, which may be numbers: each different one stands once behind the inputs. */
static cull_status targets(cull_ctx *cx, const cull_corpus *c, int64_t n, held *h, char *to)
{
    int32_t count;
    const int32_t *code = cull_corpus_label(c, &count);
    char **of;
    CULL_TRY(CULL_ALLOC(cx, h->target, n + 1));
    cull__mark_t m = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, of, (int64_t)count + 1));
    for (int32_t i = 0; i < count; i++) {
        const char *name = cull_corpus_label_name(c, i);
        size_t k = strlen(name) + 1;
        memcpy(to, name, k);
        of[i] = to;
        to += k;
    }
    for (int64_t i = 0; i < n; i++) h->target[i] = of[code[i]];
    cull__release(cx, m);
    return CULL_OK;
}

static cull_status hold(cull_ctx *cx, const cull_corpus *c, held *h)
{
    int64_t n = cull_corpus_n(c), more = 0;
    int32_t count = 0;
    const int32_t *code = cull_corpus_label(c, &count);
    CULL_TRY(CULL_ALLOC(cx, h->input, n + 1));
    CULL_TRY(CULL_ALLOC(cx, h->at, n + 1));
    CULL_TRY(cull__corpus_pass(cx, c, 0, lengths, NULL, h));
    for (int64_t i = 0; i < n; i++) h->at[i + 1] += h->at[i];
    for (int32_t i = 0; i < count; i++) more += (int64_t)strlen(cull_corpus_label_name(c, i)) + 1;
    CULL_TRY(CULL_ALLOC(cx, h->text, h->at[n] + more + 1));
    CULL_TRY(cull__corpus_pass(cx, c, 0, bytes, NULL, h));
    return code ? targets(cx, c, n, h, h->text + h->at[n]) : CULL_OK;
}

static cull_status open_rows(cull_ctx *cx, const char *path, const cull_corpus_opts *o,
                             cull_prompt_rows *out)
{
    cull_corpus *c;
    held *h = NULL;
    *out = (cull_prompt_rows){0};
    CULL_TRY(cull_corpus_open(cx, o, &c));
    cull_status s = CULL_ALLOC(cx, h, 1);
    if (s == CULL_OK) {
        h->path = path;
        *out = (cull_prompt_rows){.n = cull_corpus_n(c), .mem_ = h};
        s = hold(cx, c, h);
        out->input = (const char *const *)h->input;
        out->target = (const char *const *)h->target;
    }
    if (s == CULL_OK && !out->n) s = cull__fail(cx, CULL_EINPUT, "%s: there is no record", path);
    cull_corpus_free(c);
    if (s != CULL_OK) cull_prompt_rows_free(out);
    return s;
}

cull_status cull_prompt_rows_open(cull_ctx *cx, const char *path, const char *input,
                                  const char *target, cull_prompt_rows *out)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path, o.npaths = 1;
    o.text = input ? input : "input";
    o.label = target ? target : "target";
    return open_rows(cx, path, &o, out);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

cull_status cull_prompt_instructions_open(cull_ctx *cx, const char *path, cull_prompt_rows *out)
{
    static const char *const form[] = {".jsonl", ".csv", ".tsv", ".jsonl.gz", ".jsonl.zst"};
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path, o.npaths = 1;
    o.format = "txt";
    for (int i = 0; i < 5; i++)
        if (ends_with(path, form[i])) o.format = NULL, o.text = "instruction";
    return open_rows(cx, path, &o, out);
}
