/* svd.c - the leading right singular vectors of sparse rows: Halko, Martinsson and Tropp 2011,
 * "Finding structure with randomness", algorithm 4.4 (subspace iteration), then 5.1.
 *
 * Deviates: the test matrix is random signs, not Gaussian: 40 times cheaper to draw, and as good for
 * a range finder. Orthonormalised once an iteration, after A (A^T Q), on the side of the rows: over
 * one iteration directions spread by the squared ratio of their singular values, which f32 bears for
 * text, and the side of the features is several times taller. Orthonormal columns come from the
 * eigenvectors of the Gram matrix in f64, so fewer independent rows than columns are no special case;
 * the last small SVD is the same step once more. */
#include "num/num.h"
#include "repr/features.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { OVERSAMPLE = 10, BLOCK = 512, PARTIALS = 32 };
static const uint64_t SIGNS = UINT64_C(0x7369676e) << 32; /* stream of the test matrix: + column */

int64_t cull__svd_width(int64_t dim) { return (dim + OVERSAMPLE + 15) / 16 * 16; }

struct tall {
    float *t; /* (n, w) */
    int64_t n, w, grain;
    double *gram;       /* (chunks, w, w) */
    const float *turn;  /* (k, w): rows that t is multiplied by */
    const float *scale; /* n, or NULL */
    int64_t k;
};

/* The upper triangle of this chunk's t^T t. */
static cull_status gram_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct tall *a = arg;
    int64_t w = a->w;
    double *d;
    CULL_TRY(CULL_TMP(cx, d, BLOCK * w));
    for (int64_t at = lo; at < hi; at += BLOCK) {
        int64_t m = hi - at < BLOCK ? hi - at : BLOCK;
        for (int64_t i = 0; i < m * w; i++) d[i] = a->t[at * w + i];
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)w, (int)m, 1, d, (int)w, at > lo,
                    a->gram + chunk * w * w, (int)w);
    }
    return CULL_OK;
}

static cull_status turn_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct tall *a = arg;
    int64_t w = a->w, m = hi - lo;
    float *out;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, out, m * a->k));
    cull__gemm_nt(m, a->k, w, a->t + lo * w, w, a->turn, w, out, a->k);
    for (int64_t i = 0; i < m; i++) {
        float *row = a->t + (lo + i) * w;
        float s = a->scale ? a->scale[lo + i] : 1;
        for (int64_t j = 0; j < a->k; j++) row[j] = out[i * a->k + j] * s;
        memset(row + a->k, 0, (size_t)(w - a->k) * sizeof *row);
    }
    return CULL_OK;
}

/* The first k columns of t (n, w) become the left singular vectors of t, times scale of their row;
 * the columns beyond k or beyond the rank become 0. sigma (k) may be NULL. Singular values below
 * `least` of the largest count as 0. */
static cull_status orthonormal(cull_ctx *cx, float *t, int64_t n, int64_t w, int64_t k,
                               double least, const float *scale, double *sigma)
{
    struct tall a = {.t = t, .n = n, .w = w, .k = k, .scale = scale};
    int64_t most = (INT64_C(32) << 20) / (w * w * 8); /* partial sums take at most 32 MiB */
    most = most > PARTIALS ? PARTIALS : most < 1 ? 1 : most;
    a.grain = (n + most - 1) / most;
    a.grain = a.grain < BLOCK ? BLOCK : (a.grain + BLOCK - 1) / BLOCK * BLOCK;
    int64_t chunks = (n + a.grain - 1) / a.grain;
    double *value, *vector;
    float *turn;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, a.gram, chunks * w * w));
    CULL_TRY(CULL_TMP(cx, value, w));
    CULL_TRY(CULL_TMP(cx, vector, w * w));
    CULL_TRY(CULL_TMP0(cx, turn, k * w));
    CULL_TRY(cull__for(cx, n, a.grain, gram_chunk, &a));
    for (int64_t c = 1; c < chunks; c++)
        for (int64_t i = 0; i < w * w; i++) a.gram[i] += a.gram[c * w * w + i];
    for (int64_t i = 0; i < w; i++)
        for (int64_t j = 0; j < i; j++) a.gram[i * w + j] = a.gram[j * w + i];
    CULL_TRY(cull__eigh(cx, a.gram, w, value, vector));
    for (int64_t i = 0; i < k; i++) {
        bool real = value[i] > 0 && value[i] > least * least * value[0];
        double s = real ? sqrt(value[i]) : 0;
        if (sigma) sigma[i] = s;
        for (int64_t j = 0; real && j < w; j++) turn[i * w + j] = (float)(vector[i * w + j] / s);
    }
    a.turn = turn;
    CULL_TRY(cull__for(cx, n, BLOCK, turn_chunk, &a));
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status draw_signs(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct tall *a = arg;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        cull_rng r = cull__rng(cx, SIGNS + (uint64_t)i);
        uint32_t bits = 0;
        for (int64_t j = 0; j < a->w; j++, bits >>= 1) {
            if (j % 32 == 0) bits = cull__rng_u32(&r);
            a->t[i * a->w + j] = bits & 1 ? 1.0f : -1.0f;
        }
    }
    return CULL_OK;
}

cull_status cull__sparse_svd(cull_ctx *cx, const cull__sparse *a, int64_t dim, int iterations,
                             const float *scale, float *g, double *sigma)
{
    int64_t w = cull__svd_width(dim);
    struct tall signs = {.t = g, .n = a->cols, .w = w};
    float *y;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, y, a->n * w));
    CULL_TRY(cull__for(cx, a->cols, BLOCK, draw_signs, &signs));
    CULL_TRY(cull__sparse_times(cx, a, g, w, y));
    for (int i = 0; i < iterations; i++) {
        CULL_TRY(orthonormal(cx, y, a->n, w, w, 1e-6, NULL, NULL));
        CULL_TRY(cull__sparse_transpose_times(cx, a, y, w, g));
        CULL_TRY(cull__sparse_times(cx, a, g, w, y));
    }
    CULL_TRY(orthonormal(cx, y, a->n, w, w, 1e-6, NULL, NULL));
    CULL_TRY(cull__sparse_transpose_times(cx, a, y, w, g));
    CULL_TRY(orthonormal(cx, g, a->cols, w, dim, 1e-5, scale, sigma));
    cull__release(cx, mark);
    return CULL_OK;
}
