/* router.c - quality of models' answers predicted by neighbours, linear models or boosted trees (router.h). */
#include "score/router.h"
#include "cull/predict.h"
#include "num/num.h"
#include "score/score.h"

#include <math.h>
#include <string.h>

/* ---- rows of one model whose quality is known ---- */

typedef struct {
    int64_t n;
    double *x, *q, mean;
    bool same; /* all of one quality */
} known;

static cull_status gather(cull_ctx *cx, const cull__router_rows *r, int k, known *u)
{
    CULL_TRY(CULL_TMP(cx, u->x, r->n * r->d));
    CULL_TRY(CULL_TMP(cx, u->q, r->n));
    u->n = 0, u->mean = 0, u->same = true;
    for (int64_t i = 0; i < r->n; i++) {
        double q = r->quality[k * r->n + i];
        if (isnan(q)) continue;
        memcpy(u->x + u->n * r->d, r->x + i * r->d, (size_t)r->d * sizeof *u->x);
        u->q[u->n++] = q;
        u->mean += q;
        u->same &= q == u->q[0];
    }
    if (u->n < 2)
        return cull__fail(cx, CULL_EINPUT,
                          "the quality of model %d is known of %d rows; two are needed at least",
                          k + 1, (int)u->n);
    u->mean /= (double)u->n;
    return CULL_OK;
}

/* Columns of mean 0 and variance 1; what does not vary counts 0. */
static void scales(const double *x, int64_t n, int64_t d, double *mean, double *scale)
{
    for (int64_t j = 0; j < d; j++) {
        double sq = 0;
        mean[j] = 0;
        for (int64_t i = 0; i < n; i++) mean[j] += x[i * d + j] / (double)n;
        for (int64_t i = 0; i < n; i++)
            sq += (x[i * d + j] - mean[j]) * (x[i * d + j] - mean[j]) / (double)n;
        scale[j] = sqrt(sq) > 1e-12 * (1 + fabs(mean[j])) ? 1 / sqrt(sq) : 0;
    }
}

/* ---- linear kinds ---- */

static cull_status linear(cull_ctx *cx, const cull__router_opts *o, const known *u, int64_t d,
                          double *w)
{
    float *x;
    double *mean, *scale, *two;
    int32_t *y;
    memset(w, 0, (size_t)(d + 1) * sizeof *w);
    w[d] = o->kind == CULL__ROUTER_RIDGE ? u->mean : u->mean > 0.5 ? 20 : -20;
    for (int64_t i = 0; o->kind == CULL__ROUTER_LOGISTIC && i < u->n; i++)
        if (u->q[i] != 0 && u->q[i] != 1)
            return cull__fail(cx, CULL_EINPUT,
                              "logistic needs answers that are right or wrong, quality 1 or 0; "
                              "there is %g: choose ridge, boost or knn",
                              u->q[i]);
    if (u->same) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, mean, d));
    CULL_TRY(CULL_TMP(cx, scale, d));
    CULL_TRY(CULL_TMP(cx, x, u->n * d));
    scales(u->x, u->n, d, mean, scale);
    for (int64_t i = 0; i < u->n * d; i++) x[i] = (float)((u->x[i] - mean[i % d]) * scale[i % d]);
    if (o->kind == CULL__ROUTER_RIDGE) {
        CULL_TRY(cull__ridge_fit(cx, x, u->q, u->n, d, o->l2, w));
    } else {
        cull__logreg_opts l = {.l2 = o->l2 / (double)u->n, .iterations = 200};
        CULL_TRY(CULL_TMP(cx, y, u->n));
        CULL_TRY(CULL_TMP0(cx, two, 2 * (d + 1)));
        for (int64_t i = 0; i < u->n; i++) y[i] = u->q[i] > 0.5;
        CULL_TRY(cull__logreg_fit(cx, x, y, u->n, d, 2, &l, two));
        for (int64_t j = 0; j <= d; j++) w[j] = two[d + 1 + j] - two[j];
    }
    for (int64_t j = 0; j < d; j++) {
        w[j] *= scale[j];
        w[d] -= w[j] * mean[j];
    }
    return CULL_OK;
}

cull_status cull__router_weights(cull_ctx *cx, const cull__router_rows *r,
                                 const cull__router_opts *o, double *w)
{
    for (int k = 0; k < r->models; k++) {
        cull__mark_t mark = cull__mark(cx);
        known u;
        CULL_TRY(gather(cx, r, k, &u));
        CULL_TRY(linear(cx, o, &u, r->d, w + k * (r->d + 1)));
        cull__release(cx, mark);
    }
    return CULL_OK;
}

void cull__router_weigh(int kind, int models, int64_t d, const double *w, const double *x,
                        int64_t m, double *out)
{
    for (int k = 0; k < models; k++)
        for (int64_t i = 0; i < m; i++) {
            const double *v = w + k * (d + 1);
            double sum = v[d];
            for (int64_t j = 0; j < d; j++) sum += v[j] * x[i * d + j];
            out[k * m + i] = kind == CULL__ROUTER_LOGISTIC ? 1 / (1 + exp(-sum)) : sum;
        }
}

/* ---- neighbours: the nearest are those of the largest <x, q> - |x|^2 / 2 ---- */

static cull_status nearest(cull_ctx *cx, const cull__router_rows *r, const double *x, int64_t m,
                           int64_t k, int64_t *idx)
{
    int64_t d = r->d, wide = d + 1, *found;
    float *a, *b;
    double *mean, *scale, *score;
    cull_pool *pool;
    CULL_TRY(CULL_TMP(cx, mean, d));
    CULL_TRY(CULL_TMP(cx, scale, d));
    CULL_TRY(CULL_TMP(cx, a, r->n * wide));
    CULL_TRY(CULL_TMP(cx, b, m * wide));
    CULL_TRY(CULL_TMP(cx, score, m * k));
    CULL_TRY(CULL_TMP(cx, found, m));
    scales(r->x, r->n, d, mean, scale);
    for (int64_t i = 0; i < r->n; i++) {
        double sq = 0;
        for (int64_t j = 0; j < d; j++) {
            double v = (r->x[i * d + j] - mean[j]) * scale[j];
            a[i * wide + j] = (float)v;
            sq += v * v;
        }
        a[i * wide + d] = (float)(-sq / 2);
    }
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < d; j++)
            b[i * wide + j] = (float)((x[i * d + j] - mean[j]) * scale[j]);
        b[i * wide + d] = 1;
    }
    CULL_TRY(cull_pool_from(cx, a, CULL_F32, r->n, wide, &pool));
    cull_status s = cull__pool_topk(cx, pool, b, m, k, false, NULL, idx, score, found);
    cull_pool_free(pool);
    return s;
}

static cull_status by_neighbours(cull_ctx *cx, const cull__router_rows *r,
                                 const cull__router_opts *o, const double *x, int64_t m,
                                 double *out)
{
    int64_t k = o->neighbours < r->n ? o->neighbours : r->n, *idx;
    CULL_TRY(CULL_TMP(cx, idx, m * k));
    CULL_TRY(nearest(cx, r, x, m, k, idx));
    for (int c = 0; c < r->models; c++) {
        cull__mark_t mark = cull__mark(cx);
        known u;
        CULL_TRY(gather(cx, r, c, &u));
        for (int64_t i = 0; i < m; i++) {
            double sum = 0;
            int64_t of = 0;
            for (int64_t j = 0; j < k; j++) {
                double q = r->quality[c * r->n + idx[i * k + j]];
                if (isnan(q)) continue;
                sum += q;
                of++;
            }
            out[c * m + i] = of ? sum / (double)of : u.mean;
        }
        cull__release(cx, mark);
    }
    return CULL_OK;
}

/* ---- trees ---- */

static cull_status by_trees(cull_ctx *cx, const cull__router_rows *r, const cull__router_opts *o,
                            const double *x, int64_t m, double *out)
{
    cull_predict_opts p = CULL_PREDICT_OPTS;
    p.kind = CULL_PREDICT_BOOST, p.rounds = o->rounds, p.depth = o->depth, p.rate = o->rate;
    for (int k = 0; k < r->models; k++) {
        cull__mark_t mark = cull__mark(cx);
        cull_predictor *t = NULL;
        known u;
        CULL_TRY(gather(cx, r, k, &u));
        cull_status s = CULL_OK;
        for (int64_t i = 0; u.same && i < m; i++) out[k * m + i] = u.mean;
        if (!u.same)
            s = cull_predictor_fit(cx, u.x, u.q, NULL, u.n, r->d, &p, o->stream + (uint64_t)k, &t);
        if (s == CULL_OK && !u.same) s = cull_predictor_say(cx, t, x, m, out + k * m, NULL);
        cull_predictor_free(t);
        CULL_TRY(s);
        cull__release(cx, mark);
    }
    return CULL_OK;
}

cull_status cull__router_say(cull_ctx *cx, const cull__router_rows *r, const cull__router_opts *o,
                             const double *x, int64_t m, double *out)
{
    double *w;
    cull__mark_t mark = cull__mark(cx);
    if (cull__router_linear(o->kind)) {
        CULL_TRY(CULL_TMP(cx, w, r->models * (r->d + 1)));
        CULL_TRY(cull__router_weights(cx, r, o, w));
        cull__router_weigh(o->kind, r->models, r->d, w, x, m, out);
    } else if (o->kind == CULL__ROUTER_KNN) {
        CULL_TRY(by_neighbours(cx, r, o, x, m, out));
    } else {
        CULL_TRY(by_trees(cx, r, o, x, m, out));
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- folds ---- */

static cull_status one_fold(cull_ctx *cx, const cull__router_rows *r, const cull__router_opts *o,
                            const int32_t *fold, int64_t f, double *out)
{
    int64_t *row, n = 0, at = r->n, d = r->d;
    double *x, *q, *said;
    CULL_TRY(CULL_TMP(cx, row, r->n));
    for (int64_t i = 0; i < r->n; i++) row[fold[i] == f ? --at : n++] = i;
    int64_t m = r->n - n;
    if (m == 0) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, x, r->n * d));
    CULL_TRY(CULL_TMP(cx, q, r->models * n));
    CULL_TRY(CULL_TMP(cx, said, r->models * m));
    for (int64_t i = 0; i < r->n; i++) memcpy(x + i * d, r->x + row[i] * d, (size_t)d * sizeof *x);
    for (int k = 0; k < r->models; k++)
        for (int64_t i = 0; i < n; i++) q[k * n + i] = r->quality[k * r->n + row[i]];
    cull__router_rows some = {.n = n, .d = d, .models = r->models, .x = x, .quality = q};
    CULL_TRY(cull__router_say(cx, &some, o, x + n * d, m, said));
    for (int k = 0; k < r->models; k++)
        for (int64_t i = 0; i < m; i++) out[k * r->n + row[n + i]] = said[k * m + i];
    return CULL_OK;
}

cull_status cull__router_cross(cull_ctx *cx, const cull__router_rows *r, const cull__router_opts *o,
                               const int32_t *fold, int64_t folds, double *out)
{
    for (int64_t f = 0; f < folds; f++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, (double)f, (double)folds));
        CULL_TRY(one_fold(cx, r, o, fold, f, out));
        cull__release(cx, mark);
    }
    return CULL_OK;
}
