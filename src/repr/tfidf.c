/* tfidf.c - plain TF-IDF cosine to the mean of target texts (Salton and Buckley 1988): the baseline
 * that needs no basis.
 *
 * The mean is summed in fixed point, 2^-32 a step: whole numbers add up the same in any order, so
 * each worker keeps a sum of its own. A weight is at most 1, so 2^31 texts cannot overflow it. */
#include "repr/features.h"

#include <math.h>
#include <string.h>

struct profile {
    const cull_embed_opts *o;
    const float *idf;
    int64_t **sum; /* one a worker */
    double *mean;  /* 2^bits, unit length */
    double *out;
};

static double weigh(const struct profile *p, const cull__row *r, double *w)
{
    double sum = 0;
    for (int64_t j = 0; j < r->n; j++) {
        w[j] = (double)cull__tf(p->o, r->count[j]) * p->idf[r->col[j]];
        sum += w[j] * w[j];
    }
    return sum > 0 ? 1 / sqrt(sum) : 0;
}

static cull_status room(cull_ctx *cx, const cull__row *r, double **w, int64_t *cap)
{
    if (r->n <= *cap) return CULL_OK;
    *cap = r->cap;
    return CULL_TMP(cx, *w, *cap);
}

static cull_status add_texts(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                             int64_t n, void *slot)
{
    const struct profile *p = arg;
    int64_t **sum = &p->sum[cull__worker(cx)], cap = 0;
    cull__row r;
    double *w = NULL;
    (void)chunk, (void)slot;
    if (!*sum) CULL_TRY(CULL_ALLOC(cx, *sum, INT64_C(1) << p->o->bits));
    CULL_TRY(cull__row_new(cx, p->o, &r));
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(cull__row_read(&r, rec[i].text, rec[i].text_n));
        CULL_TRY(room(cx, &r, &w, &cap));
        double unit = weigh(p, &r, w);
        for (int64_t j = 0; j < r.n; j++) (*sum)[r.col[j]] += llrint(w[j] * unit * 0x1p32);
    }
    return CULL_OK;
}

static cull_status compare_texts(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                                 int64_t n, void *slot)
{
    const struct profile *p = arg;
    int64_t cap = 0;
    cull__row r;
    double *w = NULL;
    (void)chunk, (void)slot;
    CULL_TRY(cull__row_new(cx, p->o, &r));
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(cull__row_read(&r, rec[i].text, rec[i].text_n));
        CULL_TRY(room(cx, &r, &w, &cap));
        double unit = weigh(p, &r, w), sum = 0;
        for (int64_t j = 0; j < r.n; j++) sum += w[j] * p->mean[r.col[j]];
        p->out[rec[i].row] = sum * unit;
    }
    return CULL_OK;
}

static cull_status target_mean(cull_ctx *cx, const cull_corpus *target, struct profile *p)
{
    int64_t features = INT64_C(1) << p->o->bits;
    int workers = cull__workers(cx);
    double norm = 0;
    CULL_TRY(CULL_TMP0(cx, p->sum, workers));
    CULL_TRY(CULL_TMP0(cx, p->mean, features));
    cull_status s = cull__corpus_pass(cx, target, 0, add_texts, NULL, p);
    for (int64_t f = 0; f < features; f++) {
        int64_t whole = 0;
        for (int k = 0; k < workers; k++) whole += p->sum[k] ? p->sum[k][f] : 0;
        p->mean[f] = (double)whole;
        norm += p->mean[f] * p->mean[f];
    }
    for (int k = 0; k < workers; k++) cull__free(p->sum[k]);
    for (int64_t f = 0; f < features && norm > 0; f++) p->mean[f] /= sqrt(norm);
    return s;
}

static cull_status similarities(cull_ctx *cx, const cull_corpus *c, const cull_corpus *target,
                                struct profile *p)
{
    int64_t features = INT64_C(1) << p->o->bits;
    uint32_t *df;
    float *idf;
    CULL_TRY(CULL_TMP(cx, df, features));
    CULL_TRY(CULL_TMP(cx, idf, features));
    CULL_TRY(cull__document_counts(cx, c, p->o, df, NULL, NULL));
    for (int64_t f = 0; f < features; f++) idf[f] = cull__idf(cull_corpus_n(c), df[f]);
    p->idf = idf;
    CULL_TRY(target_mean(cx, target, p));
    return cull__corpus_pass(cx, c, 0, compare_texts, NULL, p);
}

cull_status cull_corpus_tfidf(cull_ctx *cx, const cull_corpus *c, const cull_corpus *target,
                              const cull_embed_opts *o, double *out)
{
    cull_embed_opts full;
    struct profile p = {.o = &full, .out = out};
    CULL_TRY(cull__embed_check(cx, o, &full));
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "comparing words");
    cull_status s = similarities(cx, c, target, &p);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

uint64_t cull__tfidf_plan(const cull_corpus *c, const cull_corpus *target, const cull_embed_opts *o,
                          int threads)
{
    uint64_t features = UINT64_C(1) << o->bits, pass = cull__pass_plan(c, threads);
    uint64_t mine = (uint64_t)cull__pass_workers(c, threads),
             its = (uint64_t)cull__pass_workers(target, threads);
    uint64_t counting = features * (8 + 4 * mine) + pass;
    uint64_t summing = features * (16 + 8 * its) + cull__pass_plan(target, threads);
    uint64_t comparing = features * 16 + pass;
    uint64_t most = counting > summing ? counting : summing;
    return most > comparing ? most : comparing;
}
