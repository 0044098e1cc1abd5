/* scatter.c - the mean of the rows of pools and the sums of their products about it, in f64.
 *
 * One pass. Rows are shifted by the mean of the first block before they are multiplied, which keeps
 * the sum of squares from drowning a small variance under a large mean; the shift is taken out at
 * the end. Blocks are taken in order, and within one each strip of columns has one owner. */
#include "repr/repr.h"

#include <cblas.h>
#include <string.h>

enum { STRIP = 64, GRAIN = 64, MOST = 4096 };

/* Rows of a block: 16 MiB, within bounds. */
static int64_t step_of(int64_t d)
{
    int64_t step = (INT64_C(16) << 20) / (8 * d);
    return step < GRAIN ? GRAIN : step > MOST ? MOST : step;
}

typedef struct {
    const cull_pool *p;
    int64_t d, first, rows;
    double *x;           /* (rows, d): shifted */
    const double *shift; /* d */
    double *sum;         /* d */
    double *cov;         /* (d, d), upper triangle */
} block;

static cull_status read_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const block *b = arg;
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
    const block *b = arg;
    (void)cx, (void)chunk;
    for (int64_t i = 0; i < b->rows; i++)
        for (int64_t j = lo; j < hi; j++) b->sum[j] += b->x[i * b->d + j];
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(hi - lo), (int)(b->d - lo),
                (int)b->rows, 1, b->x + lo, (int)b->d, b->x + lo, (int)b->d, 1,
                b->cov + lo * b->d + lo, (int)b->d);
    return CULL_OK;
}

/* Sums and products of all rows of b->p about *shift, the mean of the first block where `first`. */
static cull_status accumulate(cull_ctx *cx, block *b, double *shift, bool first)
{
    int64_t n = cull_pool_n(b->p), d = b->d, step = step_of(d);
    CULL_TRY(CULL_TMP(cx, b->x, (n < step ? n : step) * d));
    b->shift = shift;
    for (b->first = 0; b->first < n; b->first += step) {
        b->rows = n - b->first < step ? n - b->first : step;
        CULL_TRY(cull__for(cx, b->rows, GRAIN, read_rows, b));
        if (first && b->first == 0) {
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

static cull_status scatter(cull_ctx *cx, const cull_pool *const *p, int pools, double *mean,
                           double *cov)
{
    int64_t n = 0, d = cull_pool_d(p[0]);
    block b = {.d = d, .cov = cov};
    double *shift;
    CULL_TRY(CULL_TMP0(cx, shift, d));
    CULL_TRY(CULL_TMP0(cx, b.sum, d));
    memset(cov, 0, (size_t)(d * d) * sizeof *cov);
    for (int i = 0; i < pools; i++) {
        cull__mark_t mark = cull__mark(cx);
        b.p = p[i];
        CULL_TRY(accumulate(cx, &b, shift, n == 0));
        n += cull_pool_n(p[i]);
        cull__release(cx, mark);
    }
    for (int64_t j = 0; j < d; j++) {
        b.sum[j] /= (double)n;
        mean[j] = shift[j] + b.sum[j];
    }
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = i; j < d; j++)
            cov[i * d + j] = cov[j * d + i] = cov[i * d + j] - (double)n * b.sum[i] * b.sum[j];
    return CULL_OK;
}

cull_status cull__scatter(cull_ctx *cx, const cull_pool *const *p, int pools, double *mean,
                          double *cov)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status s = scatter(cx, p, pools, mean, cov);
    cull__release(cx, mark);
    return s;
}

uint64_t cull__scatter_bytes(int64_t n, int64_t d, int workers)
{
    int64_t step = step_of(d), rows = n < step ? n : step;
    return 8 * (uint64_t)(d * (rows + 2)) + 4 * (uint64_t)(workers * GRAIN * d);
}
