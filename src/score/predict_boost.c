/* predict_boost.c - boosted trees as a predictor. */
#include "score/predict.h"
#include "score/trees.h"

#include <math.h>
#include <string.h>

/* XGBoost refuses what f32 does not hold. */
static void narrow(const double *x, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(x[i] > 1e30 ? 1e30 : x[i] < -1e30 ? -1e30 : x[i]);
}

static cull_status narrowed(cull_ctx *cx, const double *x, int64_t n, float **out)
{
    CULL_TRY(CULL_TMP(cx, *out, n));
    narrow(x, n, *out);
    return CULL_OK;
}

typedef struct {
    cull__booster *b;
    int64_t d;
} boosted;

static void boost_free(void *m)
{
    boosted *b = m;
    if (!b) return;
    cull__booster_free(b->b);
    cull__free(b);
}

/* A fixed number would leave one answer to all where rows are few: of 50 rows none splits into 20 and 20
 * more than once. */
static double leaf_of(int64_t n)
{
    double leaf = floor((double)n / 20);
    return leaf < 1 ? 1 : leaf > 20 ? 20 : leaf;
}

static cull_status boost_fit(cull_ctx *cx, const cull__samples *t, const cull_predict_opts *o,
                             uint64_t stream, void **out)
{
    cull__boost_opts b = {.rounds = o->rounds ? o->rounds : 100,
                          .depth = o->depth ? o->depth : 6,
                          .rate = o->rate > 0 ? o->rate : 0.1,
                          .sample = 1,
                          .stream = stream,
                          .leaf = o->leaf > 0 ? o->leaf : leaf_of(t->n),
                          .bins = true};
    float *x, *y, *w = NULL;
    boosted *m;
    CULL_TRY(narrowed(cx, t->x, t->n * t->d, &x));
    CULL_TRY(narrowed(cx, t->y, t->n, &y));
    if (t->weight) CULL_TRY(narrowed(cx, t->weight, t->n, &w));
    CULL_TRY(CULL_ALLOC(cx, m, 1));
    m->d = t->d;
    cull_status s = cull__booster_fit(cx, x, y, w, t->n, t->d, &b, &m->b);
    if (s == CULL_OK)
        *out = m;
    else
        boost_free(m);
    return s;
}

static cull_status boost_say(cull_ctx *cx, const void *model, const double *x, int64_t n,
                             double *mean, double *spread)
{
    const boosted *m = model;
    float *v, *said;
    (void)spread;
    CULL_TRY(narrowed(cx, x, n * m->d, &v));
    CULL_TRY(CULL_TMP(cx, said, n));
    CULL_TRY(cull__booster_ask(cx, m->b, v, n, CULL__VALUES, said));
    for (int64_t i = 0; i < n; i++) mean[i] = (double)said[i];
    return CULL_OK;
}

static cull_status boost_shap(cull_ctx *cx, const void *model, const double *x, int64_t n,
                              bool pairs, float *phi)
{
    const boosted *m = model;
    float *v;
    CULL_TRY(narrowed(cx, x, n * m->d, &v));
    return cull__booster_ask(cx, m->b, v, n, pairs ? CULL__PAIRS : CULL__SHARES, phi);
}

const cull__predictor cull__predict_boost = {
    .name = "boost",
    .fit = boost_fit,
    .free = boost_free,
    .say = boost_say,
    .shap = boost_shap,
};
