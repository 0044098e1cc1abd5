/* silhouette.c - how well rows sit in their clusters, and how many clusters fit best. */
#include "choose/choose.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

typedef struct {
    const float *x;
    int64_t n, d, k;
    const int32_t *assign;
    const int64_t *count;
    double *value;
} silhouette;

static cull_status silhouette_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const silhouette *s = arg;
    const cull__kern *kern = cull__kernels(cx);
    double *sum;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, sum, s->k));
    for (int64_t i = lo; i < hi; i++) {
        memset(sum, 0, (size_t)s->k * sizeof *sum);
        for (int64_t j = 0; j < s->n; j++) {
            sum[s->assign[j]] += sqrt(kern->dist2(s->x + i * s->d, s->x + j * s->d, s->d));
        }
        int32_t own = s->assign[i];
        double a = 0, b = INFINITY;
        for (int64_t c = 0; c < s->k; c++) {
            if (c == own || !s->count[c]) continue;
            double mean = sum[c] / (double)s->count[c];
            if (mean < b) b = mean;
        }
        s->value[i] = 0;
        if (s->count[own] < 2 || b == INFINITY) continue;
        a = sum[own] / (double)(s->count[own] - 1);
        double larger = a > b ? a : b;
        if (larger > 0) s->value[i] = (b - a) / larger;
    }
    return CULL_OK;
}

cull_status cull__silhouette(cull_ctx *cx, const float *x, int64_t n, int64_t d,
                             const int32_t *assign, int64_t k, double *out)
{
    cull__mark_t mark = cull__mark(cx);
    int64_t *count;
    double *value, sum = 0;
    CULL_TRY(CULL_TMP0(cx, count, k));
    CULL_TRY(CULL_TMP(cx, value, n));
    for (int64_t i = 0; i < n; i++) count[assign[i]]++;
    silhouette s = {x, n, d, k, assign, count, value};
    CULL_TRY(cull__for(cx, n, 64, silhouette_rows, &s));
    for (int64_t i = 0; i < n; i++) sum += value[i];
    *out = n > 0 ? sum / (double)n : 0;
    cull__release(cx, mark);
    return CULL_OK;
}

/* s rows of p, drawn, in random order: the first ones are a sample too. */
static cull_status sample_rows(cull_ctx *cx, const cull_pool *p, cull_rng *r, int64_t s, float *x)
{
    int64_t *row, d = cull_pool_d(p);
    CULL_TRY(CULL_TMP(cx, row, s));
    CULL_TRY(cull__sample(cx, r, cull_pool_n(p), s, row));
    for (int64_t i = 0; i < s; i++) {
        const float *at = cull_pool_rows(p, row[i], row[i] + 1, x + i * d);
        if (at != x + i * d) memcpy(x + i * d, at, (size_t)d * sizeof *x);
    }
    return CULL_OK;
}

static cull_status try_clusters(cull_ctx *cx, const cull_pool *sample, const float *x, int64_t s,
                                int64_t k, double *value)
{
    cull__mark_t mark = cull__mark(cx);
    int64_t d = cull_pool_d(sample), *count;
    float *centroid;
    int32_t *assign;
    double objective;
    CULL_TRY(CULL_TMP(cx, centroid, k * d));
    CULL_TRY(CULL_TMP(cx, assign, s));
    CULL_TRY(CULL_TMP(cx, count, k));
    cull__kmeans_opts o = {.k = k, .iterations = 10, .restarts = 1, .tol = 1e-4};
    CULL_TRY(cull__kmeans(cx, sample, &o, centroid, assign, count, &objective));
    CULL_TRY(cull__silhouette(cx, x, s < 1024 ? s : 1024, d, assign, k, value));
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__clusters_auto(cull_ctx *cx, const cull_pool *p, cull_rng *r, int64_t *k)
{
    cull__mark_t mark = cull__mark(cx);
    int64_t n = cull_pool_n(p), d = cull_pool_d(p), s = (16 << 20) / d;
    float *x;
    cull_pool *sample;
    if (s > 8192) s = 8192;
    if (s < 64) s = 64;
    if (s > n) s = n;
    *k = s / 4 < 1 ? 1 : s / 4;
    if (*k < 8) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, x, s * d));
    CULL_TRY(sample_rows(cx, p, r, s, x));
    CULL_TRY(cull_pool_from(cx, x, CULL_F32, s, d, &sample));
    cull_status status = CULL_OK;
    double best = -2, value;
    for (int64_t c = 8; c <= 512 && c <= s / 4 && status == CULL_OK; c *= 2) {
        status = try_clusters(cx, sample, x, s, c, &value);
        if (status == CULL_OK && value > best) best = value, *k = c;
    }
    cull_pool_free(sample);
    cull__release(cx, mark);
    return status;
}
