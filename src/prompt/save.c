/* save.c - what a search found as one JSON file, and the prompts that it makes. */
#include "prompt/task.h"

#include "cull/report.h"
#include "io/io.h"
#include "num/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char FORM[] = "cull prompt 1";

/* ---- writing ---- */

static void text(cull_json *j, const char *key, const char *s)
{
    cull__json_key(j, key);
    cull__json_str(j, s);
}

static void integer(cull_json *j, const char *key, int64_t v)
{
    cull__json_key(j, key);
    cull__json_i64(j, v);
}

static void number(cull_json *j, const char *key, double v)
{
    cull__json_key(j, key);
    cull__json_f64(j, v);
}

static void score(cull_json *j, const char *key, const cull_prompt_score *s, int64_t rows)
{
    cull__json_key(j, key);
    cull__json_open(j, '{');
    if (rows) integer(j, "rows", rows);
    number(j, rows ? "score" : "mean", s->mean);
    number(j, "low", s->lo);
    number(j, "high", s->hi);
    cull__json_close(j, '}');
}

static void exemplars(cull_json *j, const cull_prompt_task *t, const cull_prompt_result *r)
{
    cull__json_key(j, "exemplars");
    cull__json_open(j, '[');
    for (int64_t i = 0; i < r->k; i++) {
        const char *input, *output;
        cull_prompt_task_exemplar(t, r->exemplar[i], &input, &output);
        cull__json_open(j, '{');
        integer(j, "row", r->exemplar[i]);
        text(j, "input", input);
        text(j, "output", output);
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
    if (r->each) integer(j, "nearest", r->each);
}

static void calls(cull_json *j, const cull_prompt_task *t, const cull_prompt_result *r)
{
    cull__json_key(j, "calls");
    cull__json_open(j, '{');
    integer(j, "search", r->calls);
    integer(j, "instructions", r->instruction_calls);
    integer(j, "test", r->test_calls);
    integer(j, "made", t->calls.made);
    integer(j, "cached", t->calls.cached);
    integer(j, "failed", t->calls.failed);
    cull__json_close(j, '}');
}

static void trail(cull_json *j, const cull_prompt_task *t, const cull_prompt_result *r)
{
    cull__json_key(j, "instructions");
    cull__json_open(j, '[');
    for (int64_t i = 0; i < t->instructions; i++) cull__json_str(j, t->instruction[i]);
    cull__json_close(j, ']');
    cull__json_key(j, "tried");
    cull__json_open(j, '[');
    for (int64_t i = 0; i < r->tried; i++) {
        const cull_prompt_tried *p = &r->trail[i];
        cull__json_open(j, '{');
        integer(j, "instruction", p->instruction);
        cull__json_key(j, "exemplars");
        cull__json_open(j, '[');
        for (int64_t k = 0; k < p->k; k++) cull__json_i64(j, p->exemplar[k]);
        cull__json_close(j, ']');
        number(j, "score", p->score);
        integer(j, "rows", p->rows);
        integer(j, "calls", p->calls);
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
}

static void words(cull_json *j, const char *key, const char *const *argv)
{
    if (!argv) return;
    cull__json_key(j, key);
    cull__json_open(j, '[');
    for (; *argv; argv++) cull__json_str(j, *argv);
    cull__json_close(j, ']');
}

/* First what a prompt is made of, then what it is worth, then how it was found. */
static void all(cull_json *j, const cull_prompt_task *t, const cull_prompt_opts *o,
                const cull_prompt_result *r)
{
    cull__json_open(j, '{');
    text(j, "form", FORM);
    text(j, "instruction", t->instruction[r->instruction]);
    exemplars(j, t, r);
    text(j, "template", t->form.prompt.text);
    if (t->form.exemplar.text) text(j, "exemplar", t->form.exemplar.text);
    score(j, "validation", &r->val, t->val.n);
    number(j, "expected", r->expected);
    if (t->test.n) score(j, "test", &r->test, t->test.n);
    if (t->test.n) score(j, "optimism", &r->optimism, 0);
    text(j, "scoring",
         t->judge || t->o.judge_fn ? "judge" : cull_prompt_scoring_name(t->o.scoring));
    words(j, "judge", t->o.judge);
    if (t->o.after) text(j, "after", t->o.after);
    words(j, "model", t->o.argv);
    text(j, "strategy", cull_prompt_strategy_name(o->strategy));
    integer(j, "k", o->k);
    integer(j, "seed", (int64_t)cull_ctx_seed(t->cx));
    integer(j, "candidates", r->candidates);
    calls(j, t, r);
    trail(j, t, r);
    cull__json_close(j, '}');
    cull__buf_add(&j->b, "\n", 1);
}

cull_status cull_prompt_json(cull_ctx *cx, const cull_prompt_task *t, const cull_prompt_opts *o,
                             const cull_prompt_result *r, char **out)
{
    const cull_prompt_opts other = CULL_PROMPT_OPTS;
    cull_json j = {.b = CULL_BUF(cx)};
    *out = NULL;
    all(&j, t, o ? o : &other, r);
    cull_status s = j.b.status;
    if (s == CULL_OK)
        *out = j.b.at;
    else
        cull__buf_free(&j.b);
    return s;
}

cull_status cull_prompt_write(cull_ctx *cx, const cull_prompt_task *t, const cull_prompt_opts *o,
                              const cull_prompt_result *r, const char *path)
{
    cull__writer *w;
    char *json;
    CULL_TRY(cull_prompt_json(cx, t, o, r, &json));
    cull_status s = cull__writer_open(cx, path, &w);
    if (s == CULL_OK) s = cull__writer_end(cx, w, cull__write(cx, w, json, strlen(json)));
    cull__free(json);
    return s;
}

/* ---- reading ---- */

struct cull_prompt_saved {
    cull__template form;
    char *text; /* all strings below */
    const char *instruction;
    const char **input, **output;
    int64_t k, each;
};

typedef struct {
    cull_ctx *cx;
    const char *path;
    cull_prompt_saved *s;
    char *at; /* where the next string goes */
    cull_status status;
} reading;

/* Strings of a file are no longer than the file. */
static const char *string_of(reading *g, cull__json_value object, const char *key, bool must)
{
    cull__json_value v;
    size_t n = 0;
    bool there = cull__json_get(object, key, &v) && cull__json_kind(v) == CULL__JSON_STRING;
    const char *s = there ? cull__json_string(v, &n) : NULL;
    if (!s || memchr(s, 0, n)) {
        if (must && g->status == CULL_OK)
            g->status = cull__fail(g->cx, CULL_EINPUT,
                                   "%s: no text '%s', so it is no prompt of "
                                   "cull prompt search",
                                   g->path, key);
        return NULL;
    }
    char *to = g->at;
    memcpy(to, s, n);
    to[n] = 0;
    g->at += n + 1;
    return to;
}

static bool exemplar_of(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *g = arg;
    (void)key, (void)n;
    if (cull__json_kind(v) != CULL__JSON_OBJECT) {
        g->status = cull__fail(g->cx, CULL_EINPUT, "%s: an exemplar that is no object", g->path);
        return false;
    }
    g->s->input[g->s->k] = string_of(g, v, "input", true);
    g->s->output[g->s->k++] = string_of(g, v, "output", true);
    return g->status == CULL_OK;
}

static cull_status take(reading *g, cull__json_value root)
{
    cull__json_value v;
    cull_prompt_saved *s = g->s;
    if (cull__json_kind(root) != CULL__JSON_OBJECT)
        return cull__fail(g->cx, CULL_EINPUT, "%s: is no JSON object", g->path);
    const char *form = string_of(g, root, "form", true);
    if (form && strcmp(form, FORM) != 0)
        return cull__fail(g->cx, CULL_EINPUT, "%s: its form is '%.40s', not '%s'", g->path, form,
                          FORM);
    s->instruction = string_of(g, root, "instruction", true);
    const char *prompt = string_of(g, root, "template", true);
    const char *exemplar = string_of(g, root, "exemplar", false);
    CULL_TRY(g->status);
    CULL_TRY(cull__template_open(g->cx, prompt, exemplar, &s->form));
    if (!cull__json_get(root, "exemplars", &v) || cull__json_kind(v) != CULL__JSON_ARRAY)
        return cull__fail(g->cx, CULL_EINPUT, "%s: no list 'exemplars'", g->path);
    int64_t n = cull__json_count(v);
    CULL_TRY(CULL_ALLOC(g->cx, s->input, n + 1));
    CULL_TRY(CULL_ALLOC(g->cx, s->output, n + 1));
    (void)cull__json_each(v, exemplar_of, g);
    CULL_TRY(g->status);
    if (cull__json_get(root, "nearest", &v) &&
        (!cull__json_integer(v, &s->each) || s->each < 1 || s->each > n))
        return cull__fail(g->cx, CULL_EINPUT, "%s: 'nearest' is a number from 1 to %lld", g->path,
                          (long long)n);
    return CULL_OK;
}

static cull_status parse(cull_ctx *cx, const char *name, const char *at, size_t n,
                         cull__json_parser *p, cull_prompt_saved *s)
{
    char *copy;
    const char *why;
    size_t where;
    cull__json_value root;
    CULL_TRY(CULL_TMP0(cx, copy, (int64_t)n + 64));
    if (n) memcpy(copy, at, n);
    if (!cull__json_parse(p, copy, n, &root, &why, &where)) {
        if (where == SIZE_MAX) return cull__fail(cx, CULL_ENOMEM, "%s: out of memory", name);
        return cull__fail(cx, CULL_EINPUT, "%s: is no prompt of cull prompt search; byte %zu: %s",
                          name, where, why);
    }
    /* a string takes its bytes and an end; in the file it has two quotes */
    CULL_TRY(CULL_ALLOC(cx, s->text, (int64_t)n + 1));
    reading g = {cx, name, s, s->text, CULL_OK};
    return take(&g, root);
}

cull_status cull_prompt_saved_from(cull_ctx *cx, const char *at, size_t n, const char *name,
                                   cull_prompt_saved **out)
{
    cull_prompt_saved *s;
    cull__json_parser *p = NULL;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    cull__mark_t m = cull__mark(cx);
    cull_status st = cull__json_parser_new(cx, &p);
    if (st == CULL_OK) st = parse(cx, name, at, n, p, s);
    if (st == CULL_OK)
        *out = s;
    else
        cull_prompt_saved_free(s);
    cull__json_parser_free(p);
    cull__release(cx, m);
    return st;
}

cull_status cull_prompt_read(cull_ctx *cx, const char *path, cull_prompt_saved **out)
{
    cull__bytes b;
    *out = NULL;
    CULL_TRY(cull__bytes_open(cx, path, &b));
    cull_status s = cull_prompt_saved_from(cx, (const char *)b.at, b.n, path, out);
    cull__bytes_close(&b);
    return s;
}

void cull_prompt_saved_free(cull_prompt_saved *s)
{
    if (!s) return;
    cull__template_free(&s->form);
    cull__free(s->text);
    cull__free(s->input);
    cull__free(s->output);
    cull__free(s);
}

/* ---- its prompts ---- */

/* Those most like the input, the most like last. */
static cull_status nearest(cull_ctx *cx, const cull_prompt_saved *s, const char *input,
                           cull__filling *f)
{
    cull__alike a;
    const char *const *const at[] = {s->input, &input};
    const int64_t n[] = {s->k, 1};
    int64_t *idx, found;
    double *score;
    const char **in, **out;
    CULL_TRY(CULL_TMP(cx, idx, s->each));
    CULL_TRY(CULL_TMP(cx, score, s->each));
    CULL_TRY(CULL_TMP(cx, in, s->each));
    CULL_TRY(CULL_TMP(cx, out, s->each));
    CULL_TRY(cull__alike_open(cx, at, n, 2, &a));
    cull_array q = cull_pool_array(a.of[1]);
    cull_status st = cull__pool_topk(cx, a.of[0], q.at, 1, s->each, true, NULL, idx, score, &found);
    cull__alike_close(&a);
    CULL_TRY(st);
    for (int64_t i = 0; i < found; i++) {
        in[found - 1 - i] = s->input[idx[i]];
        out[found - 1 - i] = s->output[idx[i]];
    }
    f->k = found, f->input = in, f->output = out;
    return CULL_OK;
}

cull_status cull_prompt_saved_text(cull_ctx *cx, const cull_prompt_saved *s, const char *input,
                                   char **out)
{
    cull__filling f = {s->instruction, input, s->k, s->input, s->output};
    cull_buf b = CULL_BUF(cx);
    size_t bad;
    *out = NULL;
    if (!cull__utf8_ok(input, strlen(input), &bad))
        return cull__fail(cx, CULL_EINPUT, "the input's byte %zu is no UTF-8", bad);
    cull__mark_t m = cull__mark(cx);
    cull_status st = s->each ? nearest(cx, s, input, &f) : CULL_OK;
    if (st == CULL_OK) {
        cull__buf_add(&b, "", 0);
        cull__template_fill(&s->form, &f, &b);
        st = b.status;
    }
    cull__release(cx, m);
    if (st == CULL_OK)
        *out = b.at;
    else
        cull__buf_free(&b);
    return st;
}
