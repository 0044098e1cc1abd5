/* design.c - columns as numbers for plain models, and least squares on them. */
#include "num/num.h"
#include "score/subset.h"

#include <cblas.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BLOCK = 256, GRAIN = 16 };

static int32_t levels_of(const cull_feature_problem *p, int64_t c)
{
    return p->levels ? p->levels[c] : 0;
}

static int64_t targets_of(const cull_feature_problem *p)
{
    if (!p->y) return cull_pool_d(p->ys);
    return p->classes > 2 ? p->classes : 1;
}

int64_t cull__design_width(const cull_feature_problem *p)
{
    int64_t w = 0;
    for (int64_t c = 0; c < p->d; c++) w += levels_of(p, c) ? levels_of(p, c) : 1;
    return w;
}

struct making {
    const cull_feature_problem *p;
    cull__design *out;
    const int64_t *most; /* d + 1: starts when every column has its numbers */
    uint8_t *empty;      /* d */
};

static bool standardize(float *v, int64_t n)
{
    double sum = 0, sq = 0, have = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(v[i])) sum += v[i], have++;
    double mean = have > 0 ? sum / have : 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(v[i])) sq += (v[i] - mean) * (v[i] - mean);
    double sd = have > 0 ? sqrt(sq / have) : 0;
    bool varies = sd > 1e-7 * fabs(mean) && sd > 0;
    for (int64_t i = 0; i < n; i++) v[i] = !varies || isnan(v[i]) ? 0 : (float)((v[i] - mean) / sd);
    return varies;
}

static cull_status make_columns(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    const struct making *a = arg;
    int64_t n = a->out->n, d = a->out->d;
    float *buf, *x = a->out->x;
    CULL_TRY(CULL_TMP(cx, buf, BLOCK * d));
    for (int64_t c = lo; c < hi; c++)
        if (levels_of(a->p, c))
            memset(x + a->most[c] * n, 0, (size_t)((a->most[c + 1] - a->most[c]) * n) * sizeof *x);
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t end = at + BLOCK < n ? at + BLOCK : n;
        const float *row = cull_pool_rows(a->p->x, at, end, buf);
        for (int64_t i = at; i < end; i++, row += d)
            for (int64_t c = lo; c < hi; c++) {
                float *to = x + a->most[c] * n + i;
                if (!levels_of(a->p, c))
                    *to = row[c];
                else if (!isnan(row[c]))
                    to[(int64_t)row[c] * n] = 1;
            }
    }
    for (int64_t c = lo; c < hi; c++) {
        float *v = x + a->most[c] * n;
        int64_t kinds = 0;
        if (!levels_of(a->p, c)) {
            a->empty[c] = !standardize(v, n);
            continue;
        }
        for (int64_t l = 0; l < a->most[c + 1] - a->most[c]; l++)
            for (int64_t i = 0; i < n; i++)
                if (v[l * n + i] > 0) {
                    kinds++;
                    break;
                }
        a->empty[c] = kinds < 2;
    }
    return CULL_OK;
}

static cull_status make_targets(cull_ctx *cx, const cull_feature_problem *p, cull__design *x)
{
    int64_t n = p->n;
    float *buf;
    x->targets = targets_of(p);
    CULL_TRY(CULL_TMP0(cx, x->y, x->targets * n));
    if (p->y && p->classes) {
        for (int64_t i = 0; i < n; i++) {
            if (p->classes > 2)
                x->y[(int64_t)p->y[i] * n + i] = 1;
            else
                x->y[i] = p->y[i];
        }
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP(cx, buf, x->targets));
    for (int64_t i = 0; i < n; i++) {
        const float *row = p->y ? NULL : cull_pool_rows(p->ys, i, i + 1, buf);
        for (int64_t t = 0; t < x->targets; t++) x->y[t * n + i] = p->y ? p->y[i] : row[t];
    }
    for (int64_t t = 0; t < x->targets; t++) {
        double *y = x->y + t * n, mean = cull__mean(y, n), sd = n > 1 ? cull__sd(y, n) : 0;
        for (int64_t i = 0; i < n; i++) y[i] = sd > 0 ? (y[i] - mean) / sd : 0;
    }
    return CULL_OK;
}

cull_status cull__design_new(cull_ctx *cx, const cull_feature_problem *p, cull__design *out)
{
    int64_t *most;
    uint8_t *empty;
    *out = (cull__design){.n = p->n, .d = p->d};
    CULL_TRY(CULL_TMP(cx, out->start, p->d + 1));
    CULL_TRY(CULL_TMP(cx, most, p->d + 1));
    CULL_TRY(CULL_TMP(cx, empty, p->d));
    most[0] = 0;
    for (int64_t c = 0; c < p->d; c++)
        most[c + 1] = most[c] + (levels_of(p, c) ? levels_of(p, c) : 1);
    if (most[p->d] > INT32_MAX / 2)
        return cull__fail(cx, CULL_EINPUT,
                          "the columns have %" PRId64 " categories; plain models take fewer",
                          most[p->d]);
    CULL_TRY(cull__tmp(cx, (void **)&out->x, most[p->d], (size_t)p->n * sizeof *out->x, false));
    CULL_TRY(cull__for(cx, p->d, GRAIN, make_columns, &(struct making){p, out, most, empty}));
    for (int64_t c = 0; c < p->d; c++) { /* close up */
        int64_t w = empty[c] ? 0 : most[c + 1] - most[c];
        if (w && out->width != most[c])
            memmove(out->x + out->width * p->n, out->x + most[c] * p->n,
                    (size_t)(w * p->n) * sizeof *out->x);
        out->start[c] = out->width;
        out->width += w;
    }
    out->start[p->d] = out->width;
    return make_targets(cx, p, out);
}

uint64_t cull__design_bytes(const cull_feature_problem *p)
{
    return (uint64_t)p->n * (4 * (uint64_t)cull__design_width(p) + 8 * (uint64_t)targets_of(p)) +
           17 * (uint64_t)p->d;
}

/* ---- sums of products ---- */

struct summing {
    const cull__design *x;
    const int32_t *fold;
    double *out;
};

/* Numbers, 1 and targets of rows row[0..k) side by side: (m, BLOCK). */
static void gather(const cull__design *x, const int64_t *row, int64_t k, double *z)
{
    int64_t n = x->n, w = x->width;
    for (int64_t c = 0; c < w; c++)
        for (int64_t i = 0; i < k; i++) z[c * BLOCK + i] = x->x[c * n + row[i]];
    for (int64_t i = 0; i < k; i++) z[w * BLOCK + i] = 1;
    for (int64_t t = 0; t < x->targets; t++)
        for (int64_t i = 0; i < k; i++) z[(w + 1 + t) * BLOCK + i] = x->y[t * n + row[i]];
}

static cull_status sum_fold(cull_ctx *cx, void *arg, int64_t f, int64_t lo, int64_t hi)
{
    (void)lo, (void)hi;
    const struct summing *a = arg;
    const cull__design *x = a->x;
    int64_t m = x->width + 1 + x->targets, k = 0, row[BLOCK];
    double *g = a->out + f * m * m, *z;
    CULL_TRY(CULL_TMP(cx, z, m * BLOCK));
    memset(g, 0, (size_t)(m * m) * sizeof *g);
    for (int64_t i = 0; i < x->n; i++) {
        if (!a->fold || a->fold[i] == f) row[k++] = i;
        if (k < BLOCK && i + 1 < x->n) continue;
        gather(x, row, k, z);
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)m, (int)k, 1, z, BLOCK, 1, g,
                    (int)m);
        k = 0;
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < i; j++) g[j * m + i] = g[i * m + j];
    return CULL_OK;
}

cull_status cull__design_gram(cull_ctx *cx, const cull__design *x, const int32_t *fold,
                              int64_t folds, double *out)
{
    return cull__for(cx, folds, 1, sum_fold, &(struct summing){x, fold, out});
}

/* ---- least squares ---- */

static int64_t index_of(const int64_t *at, int64_t k, int64_t m, int64_t targets, int64_t i)
{
    return i < k ? at[i] : m - 1 - targets;
}

cull_status cull__design_solve(cull_ctx *cx, const double *gram, int64_t m, int64_t targets,
                               const int64_t *at, int64_t k, double l2, double *b, double *inverse)
{
    int64_t q = k + 1, bad;
    double *a;
    CULL_TRY(CULL_TMP(cx, a, q * q));
    for (int64_t i = 0; i < q; i++) {
        const double *row = gram + index_of(at, k, m, targets, i) * m;
        for (int64_t j = 0; j < q; j++) a[i * q + j] = row[index_of(at, k, m, targets, j)];
        for (int64_t t = 0; t < targets; t++) b[i * targets + t] = row[m - targets + t];
        a[i * q + i] += i < k ? l2 : 0;
    }
    CULL_TRY(cull__cholesky(cx, a, q, &bad));
    if (bad >= 0)
        return cull__fail(cx, CULL_EINPUT,
                          "the columns depend on one another; a larger l2 would tell them apart");
    for (int turn = 0; turn < 2; turn++)
        cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, turn ? CblasTrans : CblasNoTrans,
                    CblasNonUnit, (int)q, (int)targets, 1, a, (int)q, b, (int)targets);
    if (!inverse) return CULL_OK;
    memset(inverse, 0, (size_t)(q * q) * sizeof *inverse);
    for (int64_t i = 0; i < q; i++) inverse[i * q + i] = 1;
    for (int turn = 0; turn < 2; turn++)
        cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, turn ? CblasTrans : CblasNoTrans,
                    CblasNonUnit, (int)q, (int)q, 1, a, (int)q, inverse, (int)q);
    return CULL_OK;
}
