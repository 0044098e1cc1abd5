/* pca.c - principal components of a pool (Pearson 1901; Hotelling 1933), exact: the covariance in
 * f64 and its eigenvectors.
 *
 * One pass. Rows are shifted by the mean of the first block before they are multiplied, which keeps
 * the sum of squares from drowning a small variance under a large mean; the shift is taken out at
 * the end. Blocks are taken in order, and within one each strip of columns has one owner. */
#include "num/num.h"
#include "repr/repr.h"

#include <cblas.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { STRIP = 64, GRAIN = 64, MOST = 4096 };

struct block {
    const cull_pool *p;
    int64_t d, first, rows;
    double *x;           /* (rows, d): shifted */
    const double *shift; /* d */
    double *sum;         /* d */
    double *cov;         /* (d, d), upper triangle */
};

static cull_status read_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct block *b = arg;
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, (hi - lo) * b->d));
    const float *x = cull_pool_rows(b->p, b->first + lo, b->first + hi, buf);
    for (int64_t i = lo; i < hi; i++)
        for (int64_t j = 0; j < b->d; j++)
            b->x[i * b->d + j] = x[(i - lo) * b->d + j] - b->shift[j];
    return CULL_OK;
}

static cull_status add_strip(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct block *b = arg;
    (void)cx, (void)chunk;
    for (int64_t i = 0; i < b->rows; i++)
        for (int64_t j = lo; j < hi; j++) b->sum[j] += b->x[i * b->d + j];
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(hi - lo), (int)(b->d - lo),
                (int)b->rows, 1, b->x + lo, (int)b->d, b->x + lo, (int)b->d, 1,
                b->cov + lo * b->d + lo, (int)b->d);
    return CULL_OK;
}

/* Sums and products of all rows about *shift, the mean of the first block. */
static cull_status accumulate(cull_ctx *cx, struct block *b, double *shift)
{
    int64_t n = cull_pool_n(b->p), d = b->d, step = (INT64_C(16) << 20) / (8 * d);
    step = step < GRAIN ? GRAIN : step > MOST ? MOST : step;
    CULL_TRY(CULL_TMP(cx, b->x, (n < step ? n : step) * d));
    b->shift = shift;
    for (b->first = 0; b->first < n; b->first += step) {
        b->rows = n - b->first < step ? n - b->first : step;
        CULL_TRY(cull__for(cx, b->rows, GRAIN, read_rows, b));
        if (b->first == 0) {
            for (int64_t i = 0; i < b->rows; i++)
                for (int64_t j = 0; j < d; j++) b->sum[j] += b->x[i * d + j];
            for (int64_t j = 0; j < d; j++) {
                shift[j] = b->sum[j] / (double)b->rows;
                b->sum[j] = 0;
            }
            CULL_TRY(cull__for(cx, b->rows, GRAIN, read_rows, b));
        }
        CULL_TRY(cull__for(cx, d, STRIP, add_strip, b));
    }
    return CULL_OK;
}

static void write_components(const double *value, const double *vector, int64_t d, int64_t k,
                             float *components, double *variance)
{
    for (int64_t c = 0; c < k; c++) {
        const double *v = vector + c * d;
        int64_t big = 0; /* the sign of a direction is free: its largest entry is positive */
        for (int64_t j = 1; j < d; j++)
            if (fabs(v[j]) > fabs(v[big])) big = j;
        double sign = v[big] < 0 ? -1 : 1;
        for (int64_t j = 0; j < d; j++) components[c * d + j] = (float)(sign * v[j]);
        variance[c] = value[c] > 0 ? value[c] : 0;
    }
}

static cull_status pca(cull_ctx *cx, const cull_pool *p, int64_t k, double *mean, float *components,
                       double *variance)
{
    int64_t n = cull_pool_n(p), d = cull_pool_d(p);
    struct block b = {.p = p, .d = d};
    double *shift, *value, *vector;
    CULL_TRY(CULL_TMP0(cx, shift, d));
    CULL_TRY(CULL_TMP0(cx, b.sum, d));
    CULL_TRY(CULL_TMP0(cx, b.cov, d * d));
    CULL_TRY(accumulate(cx, &b, shift));
    for (int64_t j = 0; j < d; j++) {
        b.sum[j] /= (double)n;
        mean[j] = shift[j] + b.sum[j];
    }
    double below = n > 1 ? (double)(n - 1) : 1;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = i; j < d; j++) {
            double c = (b.cov[i * d + j] - (double)n * b.sum[i] * b.sum[j]) / below;
            b.cov[i * d + j] = b.cov[j * d + i] = c;
        }
    CULL_TRY(CULL_TMP(cx, value, d));
    CULL_TRY(CULL_TMP(cx, vector, d * d));
    CULL_TRY(cull__eigh(cx, b.cov, d, value, vector));
    write_components(value, vector, d, k, components, variance);
    return CULL_OK;
}

cull_status cull__pca(cull_ctx *cx, const cull_pool *p, int64_t k, double *mean, float *components,
                      double *variance)
{
    if (k < 1 || k > cull_pool_d(p))
        return cull__fail(cx, CULL_EOPTION,
                          "%" PRId64 " principal components of rows of %" PRId64
                          " numbers; there can be 1 to %" PRId64,
                          k, cull_pool_d(p), cull_pool_d(p));
    if (cull_pool_n(p) < 1)
        return cull__fail(cx, CULL_EINPUT, "%s has no row: there is no principal component",
                          cull_pool_name(p));
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "principal components");
    cull_status s = pca(cx, p, k, mean, components, variance);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

struct projecting {
    const cull_pool *p;
    int64_t k, d;
    const double *mean;
    const float *components;
    float *out;
};

static cull_status project_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct projecting *a = arg;
    int64_t m = hi - lo;
    float *buf, *c;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, m * a->d));
    CULL_TRY(CULL_TMP(cx, c, m * a->d));
    const float *x = cull_pool_rows(a->p, lo, hi, buf);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < a->d; j++) c[i * a->d + j] = (float)(x[i * a->d + j] - a->mean[j]);
    cull__gemm_nt(m, a->k, a->d, c, a->d, a->components, a->d, a->out + lo * a->k, a->k);
    return CULL_OK;
}

cull_status cull__project(cull_ctx *cx, const cull_pool *p, int64_t k, const double *mean,
                          const float *components, float *out)
{
    struct projecting a = {p, k, cull_pool_d(p), mean, components, out};
    const char *phase = cull__phase(cx, "projecting");
    cull_status s = cull__for(cx, cull_pool_n(p), 256, project_rows, &a);
    cull__phase(cx, phase);
    return s;
}
