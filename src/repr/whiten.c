/* whiten.c - rows of several pools brought to mean 0 and covariance I by one linear map: with the
 * covariance S + ridge I = L L^T, row x becomes L^-1 (x - mean). All in f64 but for the result. */
#include "num/num.h"
#include "repr/repr.h"

#include <cblas.h>
#include <inttypes.h>
#include <math.h>

enum { ROWS = 256 };

cull_status cull__whitening(cull_ctx *cx, const cull_pool *const *p, int pools, double ridge,
                            double *mean, double *l)
{
    int64_t n = 0, d = cull_pool_d(p[0]), bad = -1, flat = 0;
    for (int i = 0; i < pools; i++) n += cull_pool_n(p[i]);
    CULL_TRY(cull__scatter(cx, p, pools, mean, l));
    for (int64_t i = 0; i < d * d; i++) l[i] /= (double)n;
    for (int64_t i = 0; i < d; i++) l[i * d + i] += ridge;
    CULL_TRY(cull__cholesky(cx, l, d, &bad));
    if (bad >= 0)
        return cull__fail(cx, CULL_EINPUT,
                          "whitening: column %" PRId64 " of the embeddings depends on those before "
                          "it, and a ridge of %g is lost beside their variances; it must be larger",
                          bad, ridge);
    for (int64_t i = 0; i < d; i++) flat += l[i * d + i] * l[i * d + i] < 2 * ridge;
    if (flat)
        cull__log(cx, CULL_LOG_INFO,
                  "whitening: %" PRId64 " of %" PRId64
                  " directions hardly vary beside the ridge %g",
                  flat, d, ridge);
    return CULL_OK;
}

typedef struct {
    const cull_pool *p;
    const double *mean, *l;
    float *out;
} job;

static cull_status rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    int64_t d = cull_pool_d(j->p), n = hi - lo;
    float *buf;
    double *y;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, n * d));
    CULL_TRY(CULL_TMP(cx, y, n * d));
    const float *x = cull_pool_rows(j->p, lo, hi, buf);
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = 0; t < d; t++) y[i * d + t] = (double)x[i * d + t] - j->mean[t];
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (int)n, (int)d, 1,
                j->l, (int)d, y, (int)d);
    for (int64_t i = 0; i < n * d; i++) j->out[lo * d + i] = (float)y[i];
    return CULL_OK;
}

cull_status cull__whiten(cull_ctx *cx, const cull_pool *p, const double *mean, const double *l,
                         float *out)
{
    job j = {p, mean, l, out};
    const char *phase = cull__phase(cx, "whitening");
    cull_status s = cull__for(cx, cull_pool_n(p), ROWS, rows, &j);
    cull__phase(cx, phase);
    return s;
}

uint64_t cull__whiten_bytes(int64_t n, int64_t d, int workers)
{
    uint64_t fit = cull__scatter_bytes(n, d, workers);
    uint64_t map = 12 * (uint64_t)(workers * (n < ROWS ? n : ROWS) * d);
    return 8 * (uint64_t)(d * (d + 1)) + (fit > map ? fit : map);
}
