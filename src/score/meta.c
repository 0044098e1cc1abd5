/* meta.c - selection of ways by features of workloads (meta.h). */
#include "score/meta.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

static void scales(const cull__meta_rows *r, double *mean, double *scale)
{
    for (int64_t j = 0; j < r->d; j++) {
        double sq = 0;
        mean[j] = 0;
        for (int64_t i = 0; i < r->n; i++) mean[j] += r->x[i * r->d + j] / (double)r->n;
        for (int64_t i = 0; i < r->n; i++) {
            double e = r->x[i * r->d + j] - mean[j];
            sq += e * e / (double)r->n;
        }
        scale[j] = sqrt(sq) > 1e-12 * (1 + fabs(mean[j])) ? 1 / sqrt(sq) : 0;
    }
}

/* Columns of mean 0 and variance 1 over the rows of r, for those and for x. */
static cull_status standard(cull_ctx *cx, const cull__meta_rows *r, const double *x, int64_t m,
                            double **rows, double **asked)
{
    double *mean, *scale;
    int64_t d = r->d;
    CULL_TRY(CULL_TMP(cx, mean, d));
    CULL_TRY(CULL_TMP(cx, scale, d));
    CULL_TRY(CULL_TMP(cx, *rows, r->n * d));
    CULL_TRY(CULL_TMP(cx, *asked, m * d));
    scales(r, mean, scale);
    for (int64_t i = 0; i < r->n * d; i++) (*rows)[i] = (r->x[i] - mean[i % d]) * scale[i % d];
    for (int64_t i = 0; i < m * d; i++) (*asked)[i] = (x[i] - mean[i % d]) * scale[i % d];
    return CULL_OK;
}

static double apart(const double *a, const double *b, int64_t d)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

cull_status cull__meta_far(cull_ctx *cx, const cull__meta_rows *r, const double *x, int64_t m,
                           bool own, double *far)
{
    double *rows, *asked;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(standard(cx, r, x, m, &rows, &asked));
    for (int64_t i = 0; i < m; i++) {
        far[i] = INFINITY;
        for (int64_t j = 0; j < r->n; j++)
            if (!own || i != j)
                far[i] = fmin(far[i], apart(asked + i * r->d, rows + j * r->d, r->d));
        CULL_TRY(cull__tick(cx, (double)i, (double)m));
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- predictors ---- */

static cull_status ask_one(cull_ctx *cx, const double *x, const double *y, const double *weight,
                           int64_t n, int64_t d, const cull_predict_opts *p, uint64_t stream,
                           const double *asked, int64_t m, double *out)
{
    cull_predictor *t;
    bool same = true;
    for (int64_t i = 1; i < n; i++) same &= y[i] == y[0];
    for (int64_t i = 0; same && i < m; i++) out[i] = y[0];
    if (same) return CULL_OK;
    CULL_TRY(cull_predictor_fit(cx, x, y, weight, n, d, p, stream, &t));
    cull_status s = cull_predictor_say(cx, t, asked, m, out, NULL);
    cull_predictor_free(t);
    return s;
}

static cull_predict_opts predictor_of(const cull__meta_opts *o)
{
    cull_predict_opts p = CULL_PREDICT_OPTS;
    p.kind = o->predictor, p.rounds = o->rounds, p.depth = o->depth, p.rate = o->rate;
    return p;
}

/* Rows of (features, which way). */
static void join(const double *x, int64_t n, int64_t d, int ways, double *out)
{
    int64_t wide = d + ways;
    for (int k = 0; k < ways; k++)
        for (int64_t i = 0; i < n; i++) {
            double *row = out + (k * n + i) * wide;
            memcpy(row, x + i * d, (size_t)d * sizeof *row);
            for (int j = 0; j < ways; j++) row[d + j] = j == k;
        }
}

static cull_status joint(cull_ctx *cx, const cull__meta_rows *r, const cull__meta_opts *o,
                         const double *x, int64_t m, double *score)
{
    const cull_predict_opts p = predictor_of(o);
    int64_t wide = r->d + r->ways;
    double *a, *b;
    CULL_TRY(CULL_TMP(cx, a, r->ways * r->n * wide));
    CULL_TRY(CULL_TMP(cx, b, r->ways * m * wide));
    join(r->x, r->n, r->d, r->ways, a);
    join(x, m, r->d, r->ways, b);
    return ask_one(cx, a, r->v, NULL, r->ways * r->n, wide, &p, o->stream, b, r->ways * m, score);
}

static cull_status each(cull_ctx *cx, const cull__meta_rows *r, const cull__meta_opts *o,
                        const double *x, int64_t m, double *score)
{
    const cull_predict_opts p = predictor_of(o);
    for (int k = 0; k < r->ways; k++)
        CULL_TRY(ask_one(cx, r->x, r->v + k * r->n, NULL, r->n, r->d, &p, o->stream + (uint64_t)k,
                         x, m, score + k * m));
    return CULL_OK;
}

/* A vote of each pair, by how much one is better. */
static cull_status pairs(cull_ctx *cx, const cull__meta_rows *r, const cull__meta_opts *o,
                         const double *x, int64_t m, double *score)
{
    cull_predict_opts p = CULL_PREDICT_OPTS;
    double *y, *w, *out;
    p.kind = CULL_PREDICT_FOREST, p.rounds = o->rounds;
    CULL_TRY(CULL_TMP(cx, y, r->n));
    CULL_TRY(CULL_TMP(cx, w, r->n));
    CULL_TRY(CULL_TMP(cx, out, m));
    for (int a = 0; a < r->ways; a++)
        for (int b = a + 1; b < r->ways; b++) {
            double sum = 0;
            for (int64_t i = 0; i < r->n; i++) {
                double e = r->v[a * r->n + i] - r->v[b * r->n + i];
                y[i] = e > 0 ? 1 : e < 0 ? -1 : 0;
                sum += w[i] = fabs(e);
            }
            for (int64_t i = 0; i < m; i++) out[i] = 0;
            uint64_t stream = o->stream + (uint64_t)(a * r->ways + b);
            if (sum > 0) CULL_TRY(ask_one(cx, r->x, y, w, r->n, r->d, &p, stream, x, m, out));
            for (int64_t i = 0; i < m; i++) {
                score[a * m + i] += out[i] > 0;
                score[b * m + i] += out[i] < 0;
            }
            CULL_TRY(cull__tick(cx, a, r->ways));
        }
    return CULL_OK;
}

/* ---- ALORS ---- */

/* Least squares of y (n, k) on z (n, d) and a constant, l2 on all but that: w (k, d + 1). */
static cull_status regress(cull_ctx *cx, const double *z, const double *y, int64_t n, int64_t d,
                           int64_t k, double l2, double *w)
{
    int64_t wide = d + 1, bad;
    double *a;
    CULL_TRY(CULL_TMP0(cx, a, wide * wide));
    memset(w, 0, (size_t)(k * wide) * sizeof *w);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < wide; j++) {
            double v = j < d ? z[i * d + j] : 1;
            for (int64_t c = 0; c <= j; c++) a[j * wide + c] += v * (c < d ? z[i * d + c] : 1);
            for (int64_t t = 0; t < k; t++) w[t * wide + j] += v * y[i * k + t];
        }
    for (int64_t j = 0; j < d; j++) a[j * wide + j] += l2 + (a[j * wide + j] > 0 ? 0 : 1);
    CULL_TRY(cull__cholesky(cx, a, wide, &bad));
    if (bad >= 0)
        return cull__fail(cx, CULL_EINPUT,
                          "features depend on one another; a larger l2 would tell them apart");
    for (int64_t t = 0; t < k; t++) {
        double *v = w + t * wide;
        for (int64_t j = 0; j < wide; j++) {
            for (int64_t c = 0; c < j; c++) v[j] -= a[j * wide + c] * v[c];
            v[j] /= a[j * wide + j];
        }
        for (int64_t j = wide; j-- > 0;) {
            for (int64_t c = j + 1; c < wide; c++) v[j] -= a[c * wide + j] * v[c];
            v[j] /= a[j * wide + j];
        }
    }
    return CULL_OK;
}

static cull_status alors(cull_ctx *cx, const cull__meta_rows *r, const cull__meta_opts *o,
                         const double *x, int64_t m, double *score)
{
    int64_t ways = r->ways, rank = o->rank < ways ? o->rank : ways, n = r->n, d = r->d;
    double *gram, *value, *v, *left, *rows, *asked, *w;
    CULL_TRY(CULL_TMP0(cx, gram, ways * ways));
    CULL_TRY(CULL_TMP(cx, value, ways));
    CULL_TRY(CULL_TMP(cx, v, ways * ways));
    CULL_TRY(CULL_TMP0(cx, left, n * rank));
    CULL_TRY(CULL_TMP(cx, w, rank * (d + 1)));
    for (int64_t a = 0; a < ways; a++)
        for (int64_t b = 0; b <= a; b++)
            for (int64_t i = 0; i < n; i++) gram[a * ways + b] += r->v[a * n + i] * r->v[b * n + i];
    CULL_TRY(cull__eigh(cx, gram, ways, value, v));
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = 0; t < rank; t++)
            for (int64_t k = 0; k < ways; k++)
                left[i * rank + t] += r->v[k * n + i] * v[t * ways + k];
    CULL_TRY(standard(cx, r, x, m, &rows, &asked));
    CULL_TRY(regress(cx, rows, left, n, d, rank, o->l2, w));
    for (int64_t i = 0; i < m; i++)
        for (int64_t t = 0; t < rank; t++) {
            double u = w[t * (d + 1) + d];
            for (int64_t j = 0; j < d; j++) u += w[t * (d + 1) + j] * asked[i * d + j];
            for (int64_t k = 0; k < ways; k++) score[k * m + i] += u * v[t * ways + k];
        }
    return CULL_OK;
}

/* ---- ISAC ---- */

/* Mean silhouette of rows in clusters (of some 256, evenly apart, where there are more); a row alone counts 0. */
static double silhouette(const double *x, int64_t n, int64_t d, const int32_t *of, int64_t k,
                         double *sum, int64_t *count)
{
    int64_t step = (n - 1) / 256 + 1;
    double total = 0;
    for (int64_t i = 0; i < n; i += step) {
        double near = INFINITY;
        for (int64_t c = 0; c < k; c++) sum[c] = 0, count[c] = 0;
        for (int64_t j = 0; j < n; j += step) {
            sum[of[j]] += sqrt(apart(x + i * d, x + j * d, d));
            count[of[j]]++;
        }
        if (count[of[i]] < 2) continue;
        double own = sum[of[i]] / (double)(count[of[i]] - 1);
        for (int64_t c = 0; c < k; c++)
            if (c != of[i] && count[c]) near = fmin(near, sum[c] / (double)count[c]);
        if (near < INFINITY && fmax(own, near) > 0) total += (near - own) / fmax(own, near);
    }
    return total / (double)((n - 1) / step + 1);
}

static cull_status isac(cull_ctx *cx, const cull__meta_rows *r, const double *x, int64_t m,
                        double *score)
{
    enum { MOST = 16 };
    int64_t n = r->n, d = r->d, best = 0, count[MOST];
    double *rows, *asked, sum[MOST], most = -INFINITY, objective;
    float *f, *centre, *kept;
    int32_t *of;
    cull_pool *pool;
    CULL_TRY(standard(cx, r, x, m, &rows, &asked));
    CULL_TRY(CULL_TMP(cx, f, n * d));
    CULL_TRY(CULL_TMP(cx, centre, MOST * d));
    CULL_TRY(CULL_TMP(cx, kept, MOST * d));
    CULL_TRY(CULL_TMP(cx, of, n));
    for (int64_t i = 0; i < n * d; i++) f[i] = (float)rows[i];
    CULL_TRY(cull_pool_from(cx, f, CULL_F32, n, d, &pool));
    cull_status s = CULL_OK;
    for (int64_t k = 2; s == CULL_OK && k <= MOST && k * 4 <= n; k++) {
        cull__kmeans_opts o = {.k = k, .iterations = 50, .restarts = 3, .tol = 1e-4};
        s = cull__kmeans(cx, pool, &o, centre, of, count, &objective);
        double now = s == CULL_OK ? silhouette(rows, n, d, of, k, sum, count) : 0;
        if (s != CULL_OK || !(now > most)) continue;
        most = now, best = k;
        memcpy(kept, centre, (size_t)(k * d) * sizeof *kept);
    }
    cull_pool_free(pool);
    CULL_TRY(s);
    if (!best) best = 1, memset(kept, 0, (size_t)d * sizeof *kept);
    double *mean, *centres;
    CULL_TRY(CULL_TMP0(cx, mean, best * (r->ways + 1)));
    CULL_TRY(CULL_TMP(cx, centres, best * d));
    for (int64_t i = 0; i < best * d; i++) centres[i] = (double)kept[i];
    for (int64_t i = 0; i < n + m; i++) { /* rows first, so that means are there for who asks */
        const double *at = i < n ? rows + i * d : asked + (i - n) * d;
        int64_t c = 0;
        for (int64_t k = 1; k < best; k++)
            if (apart(at, centres + k * d, d) < apart(at, centres + c * d, d)) c = k;
        double *mc = mean + c * (r->ways + 1);
        if (i < n) mc[r->ways]++;
        for (int k = 0; k < r->ways; k++) {
            if (i < n)
                mc[k] += r->v[k * n + i];
            else
                score[k * m + i - n] = mc[r->ways] > 0 ? mc[k] / mc[r->ways] : 0;
        }
    }
    return CULL_OK;
}

cull_status cull__meta_say(cull_ctx *cx, const cull__meta_rows *r, const cull__meta_opts *o,
                           const double *x, int64_t m, double *score)
{
    cull__mark_t mark = cull__mark(cx);
    memset(score, 0, (size_t)(r->ways * m) * sizeof *score);
    cull_status s = CULL_OK;
    if (o->kind == CULL__META_JOINT) s = joint(cx, r, o, x, m, score);
    if (o->kind == CULL__META_EACH) s = each(cx, r, o, x, m, score);
    if (o->kind == CULL__META_ALORS) s = alors(cx, r, o, x, m, score);
    if (o->kind == CULL__META_ISAC) s = isac(cx, r, x, m, score);
    if (o->kind == CULL__META_PAIRS) s = pairs(cx, r, o, x, m, score);
    for (int k = 0; o->kind == CULL__META_SINGLE && k < r->ways; k++)
        for (int64_t i = 0; i < m; i++) score[k * m + i] = cull__mean(r->v + k * r->n, r->n);
    cull__release(cx, mark);
    return s;
}

cull_status cull__meta_cross(cull_ctx *cx, const cull__meta_rows *r, const cull__meta_opts *o,
                             const int32_t *fold, int64_t folds, double *out)
{
    int64_t *row, d = r->d, ways = r->ways;
    double *x, *v, *said;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, row, r->n));
    CULL_TRY(CULL_TMP(cx, x, r->n * d));
    CULL_TRY(CULL_TMP(cx, v, ways * r->n));
    CULL_TRY(CULL_TMP(cx, said, ways * r->n));
    for (int64_t f = 0; f < folds; f++) {
        int64_t n = 0, at = r->n;
        for (int64_t i = 0; i < r->n; i++) row[fold[i] == f ? --at : n++] = i;
        int64_t m = r->n - n;
        for (int64_t i = 0; i < r->n; i++)
            memcpy(x + i * d, r->x + row[i] * d, (size_t)d * sizeof *x);
        for (int64_t k = 0; k < ways; k++)
            for (int64_t i = 0; i < n; i++) v[k * n + i] = r->v[k * r->n + row[i]];
        cull__meta_rows some = {.n = n, .d = d, .ways = r->ways, .x = x, .v = v};
        CULL_TRY(cull__tick(cx, (double)f, (double)folds));
        CULL_TRY(cull__meta_say(cx, &some, o, x + n * d, m, said));
        for (int64_t k = 0; k < ways; k++)
            for (int64_t i = 0; i < m; i++) out[k * r->n + row[n + i]] = said[k * m + i];
    }
    cull__release(cx, mark);
    return CULL_OK;
}
