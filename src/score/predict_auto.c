/* predict_auto.c - which kind of predictor ranks rows best: cross-validation by Kendall's tau-b. */
#include "num/num.h"
#include "score/predict.h"

#include <math.h>
#include <string.h>

enum { FEW = 20, FOLDS = 5 };

/* From the cheapest on, to fit and to ask. */
static const cull_predict_kind tried[] = {CULL_PREDICT_RIDGE, CULL_PREDICT_BOOST,
                                          CULL_PREDICT_SVR,   CULL_PREDICT_FOREST,
                                          CULL_PREDICT_GP,    CULL_PREDICT_MLP};
enum { TRIED = sizeof tried / sizeof *tried };

typedef struct {
    const double *x, *y, *weight;
    int64_t n, d, folds;
    const cull_predict_opts *o;
    uint64_t stream;
    const int64_t *order; /* n: fold f is every folds-th of them from f on */
    double *tau;          /* (TRIED, folds) */
} contest;

/* Rows of fold f, or all others. */
static cull_status rows_of(cull_ctx *cx, const contest *c, int64_t f, bool test, double **x,
                           double **y, double **weight, int64_t *n)
{
    CULL_TRY(CULL_TMP(cx, *x, c->n * c->d));
    CULL_TRY(CULL_TMP(cx, *y, c->n));
    *weight = NULL, *n = 0;
    if (c->weight) CULL_TRY(CULL_TMP(cx, *weight, c->n));
    for (int64_t i = 0; i < c->n; i++) {
        int64_t row = c->order[i];
        if ((i % c->folds == f) != test) continue;
        memcpy(*x + *n * c->d, c->x + row * c->d, (size_t)c->d * sizeof **x);
        (*y)[*n] = c->y[row];
        if (*weight) (*weight)[*n] = c->weight[row];
        ++*n;
    }
    return CULL_OK;
}

static cull_status one_fold(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const contest *c = arg;
    cull_predict_opts o = *c->o;
    cull_predictor *p;
    double *x, *y, *w, *mean;
    int64_t n, f = chunk % c->folds;
    (void)lo, (void)hi;
    o.kind = tried[chunk / c->folds];
    c->tau[chunk] = NAN;
    CULL_TRY(rows_of(cx, c, f, false, &x, &y, &w, &n));
    cull_status s = cull_predictor_fit(cx, x, y, w, n, c->d, &o, c->stream + (uint64_t)f, &p);
    if (s == CULL_ENODATA) return CULL_OK; /* built without it */
    CULL_TRY(s);
    s = rows_of(cx, c, f, true, &x, &y, &w, &n);
    if (s == CULL_OK) s = CULL_TMP(cx, mean, n);
    if (s == CULL_OK) s = cull_predictor_say(cx, p, x, n, mean, NULL);
    if (s == CULL_OK) s = cull__kendall(cx, mean, y, n, c->tau + chunk);
    if (s == CULL_OK && isnan(c->tau[chunk])) c->tau[chunk] = 0; /* one answer to all */
    cull_predictor_free(p);
    return s;
}

static cull_status fold_order(cull_ctx *cx, contest *c)
{
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, order, c->n));
    for (int64_t i = 0; i < c->n; i++) order[i] = i;
    cull_rng r = cull__rng(cx, c->stream + 1000);
    cull__rng_shuffle(&r, order, c->n);
    c->order = order;
    return CULL_OK;
}

cull_status cull__predict_choose(cull_ctx *cx, const double *x, const double *y,
                                 const double *weight, int64_t n, int64_t d,
                                 const cull_predict_opts *o, uint64_t stream,
                                 cull_predict_kind *kind, double *tau)
{
    contest c = {.x = x, .y = y, .weight = weight, .n = n, .d = d, .o = o, .stream = stream};
    double best = -INFINITY;
    *kind = CULL_PREDICT_RIDGE;
    if (n < FEW) return CULL_OK;
    c.folds = o->folds ? o->folds : FOLDS;
    if (c.folds > n / 2) c.folds = n / 2; /* a fold of one row has no order */
    CULL_TRY(CULL_TMP(cx, c.tau, TRIED * c.folds));
    CULL_TRY(fold_order(cx, &c));
    CULL_TRY(cull__for(cx, TRIED * c.folds, 1, one_fold, &c));
    for (int k = 0; k < TRIED; k++) {
        double mean = cull__mean(c.tau + k * c.folds, c.folds);
        tau[tried[k]] = mean;
        if (mean > best) best = mean, *kind = tried[k];
    }
    return CULL_OK;
}
