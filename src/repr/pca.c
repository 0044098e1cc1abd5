/* pca.c - principal components of a pool (Pearson 1901; Hotelling 1933), exact: the covariance in
 * f64 and its eigenvectors. */
#include "num/num.h"
#include "repr/repr.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

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
    double *cov, *value, *vector;
    CULL_TRY(CULL_TMP(cx, cov, d * d));
    CULL_TRY(cull__scatter(cx, &p, 1, mean, cov));
    double below = n > 1 ? (double)(n - 1) : 1;
    for (int64_t i = 0; i < d * d; i++) cov[i] /= below;
    CULL_TRY(CULL_TMP(cx, value, d));
    CULL_TRY(CULL_TMP(cx, vector, d * d));
    CULL_TRY(cull__eigh(cx, cov, d, value, vector));
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
