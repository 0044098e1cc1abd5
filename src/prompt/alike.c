/* alike.c - text features of inputs, so that those alike can be told. */
#include "prompt/text.h"

#include "cull/corpus.h"
#include "cull/embed.h"

#include <string.h>

/* Texts end to end, as a corpus borrows them. */
typedef struct {
    char *bytes;
    int64_t *offset;
    cull_corpus *corpus;
} texts;

static void close_texts(texts *t)
{
    cull_corpus_free(t->corpus);
    cull__free(t->bytes);
    cull__free(t->offset);
}

static cull_status open_texts(cull_ctx *cx, const char *const *at, int64_t n, texts *t)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.text = "text";
    *t = (texts){0};
    CULL_TRY(CULL_ALLOC(cx, t->offset, n + 1));
    for (int64_t i = 0; i < n; i++) t->offset[i + 1] = t->offset[i] + (int64_t)strlen(at[i]);
    CULL_TRY(CULL_ALLOC(cx, t->bytes, t->offset[n] + 1));
    for (int64_t i = 0; i < n; i++)
        memcpy(t->bytes + t->offset[i], at[i], (size_t)(t->offset[i + 1] - t->offset[i]));
    const cull_column col = {.name = "text", .offset = t->offset, .bytes = t->bytes};
    return cull_corpus_from(cx, n, &col, 1, &o, &t->corpus);
}

static cull_status apply(cull_ctx *cx, const cull_embed *e, const char *const *at, int64_t n,
                         cull_pool **out)
{
    texts t;
    cull_status s = open_texts(cx, at, n, &t);
    if (s == CULL_OK) s = cull_embed_apply(cx, e, t.corpus, out);
    close_texts(&t);
    return s;
}

static cull_status fit(cull_ctx *cx, const char *const *at, int64_t n, cull_embed **out)
{
    texts t;
    cull_status s = open_texts(cx, at, n, &t);
    if (s == CULL_OK) s = cull_embed_fit(cx, t.corpus, NULL, out);
    close_texts(&t);
    return s;
}

cull_status cull__alike_open(cull_ctx *cx, const char *const *const *at, const int64_t *n,
                             int lists, cull__alike *out)
{
    cull_embed *e = NULL;
    *out = (cull__alike){0};
    cull_status s = fit(cx, at[0], n[0], &e);
    for (int i = 0; s == CULL_OK && i < lists; i++)
        if (n[i]) s = apply(cx, e, at[i], n[i], &out->of[i]);
    cull_embed_free(e);
    if (s != CULL_OK) cull__alike_close(out);
    return s;
}

void cull__alike_close(cull__alike *a)
{
    for (int i = 0; i < 3; i++) cull_pool_free(a->of[i]);
    *a = (cull__alike){0};
}
