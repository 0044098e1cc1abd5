/* lowrank.c - the leading singular values and vectors of a dense matrix: of a small one exactly, by the
 * Gram matrix of its lesser side in f64; of a large one within a random subspace that a few power
 * iterations have turned towards them (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1).
 *
 * The Gram matrix squares the condition: singular values below 1e-8 of the largest are noise. The matrix is
 * f32, whose own rounding is larger. The factors are the matrix times orthonormal vectors, so that what is
 * kept is a projection of it, whatever a small singular value was taken for. */
#include "repr/lowrank.h"
#include "num/num.h"

#include <cblas.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { OVERSAMPLE = 10, TILE = 128, STRIP = 256 };
static const uint64_t SIGNS = UINT64_C(0x6c72616e) << 32; /* stream of the test matrix: + row */

typedef struct {
    const float *a;
    int64_t m, n;
    int64_t side, along;      /* the lesser and the greater of m and n */
    bool wide;                /* side = m */
    const float *x;           /* what the matrix is multiplied by */
    float *y;                 /* and the product */
    int64_t w;                /* columns of both */
    double *gram;             /* (side, side), or (w, w) */
    const double *turn, *per; /* (r, side or w) unit rows; r factors */
    int64_t r;
    uint64_t stream;
    double *sum;
} work;

static int64_t width(int64_t rank, int64_t side)
{
    int64_t w = (rank + OVERSAMPLE + 15) / 16 * 16;
    return w < side ? w : side;
}

bool cull__lowrank_exact(int64_t m, int64_t n, const cull__lowrank_opts *o)
{
    int64_t side = m < n ? m : n;
    return side <= o->exact || width(o->rank, side) > side / 2;
}

uint64_t cull__lowrank_bytes(int64_t m, int64_t n, int workers, const cull__lowrank_opts *o)
{
    uint64_t side = (uint64_t)(m < n ? m : n), t = (uint64_t)workers;
    if (cull__lowrank_exact(m, n, o))
        return side * side * 32 + t * STRIP * (side + (uint64_t)o->rank) * 8;
    uint64_t w = (uint64_t)width(o->rank, (int64_t)side);
    return (uint64_t)(m + n) * w * 4 + 32 * w * w * 8 + t * STRIP * w * 16;
}

/* ---- |a|^2 ---- */

static cull_status norm_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *k = arg;
    double s = 0;
    for (int64_t i = lo; i < hi; i++) {
        const float *row = k->a + i * k->n;
        s += cull__kernels(cx)->dot(row, row, k->n);
    }
    k->sum[chunk] = s;
    return CULL_OK;
}

static cull_status norm2(cull_ctx *cx, work *k, double *out)
{
    int64_t chunks = (k->m + STRIP - 1) / STRIP;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, k->sum, chunks));
    CULL_TRY(cull__for(cx, k->m, STRIP, norm_chunk, k));
    *out = 0;
    for (int64_t c = 0; c < chunks; c++) *out += k->sum[c];
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- exact ---- */

/* Places lo .. hi along the greater side, each with its `side` numbers, as f64. */
static void strip(const work *k, int64_t lo, int64_t hi, double *out)
{
    if (!k->wide) {
        for (int64_t i = 0; i < (hi - lo) * k->side; i++) out[i] = k->a[lo * k->side + i];
        return;
    }
    for (int64_t j = 0; j < k->side; j++)
        for (int64_t i = lo; i < hi; i++) out[(i - lo) * k->side + j] = k->a[j * k->n + i];
}

/* Rows lo .. hi of the Gram matrix, up to the diagonal's tile. */
static cull_status gram_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *k = arg;
    int64_t d = k->side;
    double *x;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, STRIP * d));
    for (int64_t at = 0; at < k->along; at += STRIP) {
        int64_t end = at + STRIP < k->along ? at + STRIP : k->along;
        CULL_TRY(cull__tick(cx, 0, 0));
        strip(k, at, end, x);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(hi - lo), (int)hi,
                    (int)(end - at), 1, x + lo, (int)d, x, (int)d, at > 0, k->gram + lo * d,
                    (int)d);
    }
    return CULL_OK;
}

/* Places lo .. hi of the greater side times the vectors of the lesser one. */
static cull_status turn_strip(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *k = arg;
    int64_t d = k->side, r = k->r, n = hi - lo;
    double *x, *t;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, n * d));
    CULL_TRY(CULL_TMP(cx, t, n * r));
    strip(k, lo, hi, x);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)r, (int)d, 1, x, (int)d,
                k->turn, (int)d, 0, t, (int)r);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < r; j++) {
            float f = (float)(t[i * r + j] * k->per[j]);
            k->y[k->wide ? j * k->along + lo + i : (lo + i) * r + j] = f;
        }
    return CULL_OK;
}

/* The rank, of `many` squared singular values, descending; sigma of them all. */
static int64_t cut(const cull__lowrank_opts *o, double *square, int64_t many, double *sigma,
                   cull__lowrank_fit *fit)
{
    int64_t r = 0;
    double least = square[0] * 1e-18;
    fit->kept = 0;
    while (r < many && r < o->rank && square[r] > least && square[r] > 0) {
        if (o->energy > 0 && fit->kept >= o->energy * fit->all) break;
        fit->kept += square[r];
        sigma[r] = sqrt(square[r]);
        r++;
    }
    for (int64_t j = r; j < o->rank; j++) sigma[j] = 0;
    if (fit->kept > fit->all) fit->kept = fit->all; /* rounding */
    return fit->rank = r;
}

static cull_status exact(cull_ctx *cx, work *k, const cull__lowrank_opts *o, float *u, float *v,
                         double *sigma, cull__lowrank_fit *fit)
{
    int64_t d = k->side;
    double *value, *vector, *per;
    CULL_TRY(CULL_TMP(cx, k->gram, d * d));
    CULL_TRY(CULL_TMP(cx, value, d));
    CULL_TRY(CULL_TMP(cx, vector, d * d));
    CULL_TRY(CULL_TMP(cx, per, d));
    CULL_TRY(cull__for(cx, d, TILE, gram_rows, k));
    CULL_TRY(cull__eigh(cx, k->gram, d, value, vector));
    int64_t r = cut(o, value, d, sigma, fit);
    if (r == 0) return CULL_OK;
    for (int64_t j = 0; j < r; j++) per[j] = 1 / sqrt(sigma[j]);
    k->turn = vector, k->per = per, k->r = r, k->y = k->wide ? v : u;
    CULL_TRY(cull__for(cx, k->along, STRIP, turn_strip, k));
    for (int64_t j = 0; j < r; j++)
        for (int64_t i = 0; i < d; i++) {
            float f = (float)(vector[j * d + i] * sqrt(sigma[j]));
            if (k->wide)
                u[i * r + j] = f;
            else
                v[j * d + i] = f;
        }
    return CULL_OK;
}

/* ---- within a subspace ---- */

static cull_status draw(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *k = arg;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        cull_rng r = cull__rng(cx, SIGNS + k->stream + (uint64_t)i);
        uint32_t bits = 0;
        for (int64_t j = 0; j < k->w; j++, bits >>= 1) {
            if (j % 32 == 0) bits = cull__rng_u32(&r);
            k->y[i * k->w + j] = bits & 1 ? 1.0f : -1.0f;
        }
    }
    return CULL_OK;
}

static cull_status times(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *k = arg;
    (void)chunk;
    CULL_TRY(cull__tick(cx, 0, 0));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)(hi - lo), (int)k->w, (int)k->n, 1,
                k->a + lo * k->n, (int)k->n, k->x, (int)k->w, 0, k->y + lo * k->w, (int)k->w);
    return CULL_OK;
}

static cull_status transpose_times(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *k = arg;
    (void)chunk;
    CULL_TRY(cull__tick(cx, 0, 0));
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)(hi - lo), (int)k->w, (int)k->m, 1,
                k->a + lo, (int)k->n, k->x, (int)k->w, 0, k->y + lo * k->w, (int)k->w);
    return CULL_OK;
}

/* Rows lo .. hi of x (.., w) turned by the unit rows, each times its factor: u, or v transposed. */
static cull_status turn_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *k = arg;
    int64_t w = k->w, r = k->r, n = hi - lo;
    double *x, *t;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, n * w));
    CULL_TRY(CULL_TMP(cx, t, n * r));
    for (int64_t i = 0; i < n * w; i++) x[i] = k->x[lo * w + i];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)r, (int)w, 1, x, (int)w,
                k->turn, (int)w, 0, t, (int)r);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < r; j++) {
            float f = (float)(t[i * r + j] * k->per[j]);
            k->y[k->wide ? j * k->n + lo + i : (lo + i) * r + j] = f;
        }
    return CULL_OK;
}

/* b^T b of b (n, w) in f64, in strips in their order. */
static cull_status gram_tall(cull_ctx *cx, const float *b, int64_t n, int64_t w, double *out)
{
    double *x;
    CULL_TRY(CULL_TMP(cx, x, STRIP * w));
    for (int64_t at = 0; at < n; at += STRIP) {
        int64_t m = n - at < STRIP ? n - at : STRIP;
        for (int64_t i = 0; i < m * w; i++) x[i] = b[at * w + i];
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)w, (int)w, (int)m, 1, x, (int)w,
                    x, (int)w, at > 0, out, (int)w);
    }
    return CULL_OK;
}

static cull_status subspace(cull_ctx *cx, work *k, const cull__lowrank_opts *o, float *u, float *v,
                            double *sigma, cull__lowrank_fit *fit)
{
    int64_t w = width(o->rank, k->side);
    float *left, *right;
    double *value, *vector, *per;
    k->w = w, k->stream = o->stream * ((uint64_t)k->n + 1);
    CULL_TRY(CULL_TMP(cx, left, k->m * w));
    CULL_TRY(CULL_TMP(cx, right, k->n * w));
    CULL_TRY(CULL_TMP(cx, value, w));
    CULL_TRY(CULL_TMP(cx, per, w));
    CULL_TRY(CULL_TMP(cx, vector, w * w));
    CULL_TRY(CULL_TMP(cx, k->gram, w * w));
    k->y = right;
    CULL_TRY(cull__for(cx, k->n, STRIP, draw, k));
    for (int it = 0;; it++) {
        k->x = right, k->y = left;
        CULL_TRY(cull__for(cx, k->m, STRIP, times, k));
        CULL_TRY(cull__orthonormal(cx, left, k->m, w));
        k->x = left, k->y = right;
        CULL_TRY(cull__for(cx, k->n, STRIP, transpose_times, k));
        if (it == o->iterations) break;
        CULL_TRY(cull__orthonormal(cx, right, k->n, w));
    }
    /* a is near left right^T; the vectors of the lesser factor's Gram matrix turn both */
    CULL_TRY(gram_tall(cx, right, k->n, w, k->gram));
    CULL_TRY(cull__eigh(cx, k->gram, w, value, vector));
    int64_t r = cut(o, value, w, sigma, fit);
    if (r == 0) return CULL_OK;
    k->turn = vector, k->per = per, k->r = r;
    for (int64_t j = 0; j < r; j++) per[j] = sqrt(sigma[j]);
    k->x = left, k->y = u, k->wide = false;
    CULL_TRY(cull__for(cx, k->m, STRIP, turn_rows, k));
    for (int64_t j = 0; j < r; j++) per[j] = 1 / sqrt(sigma[j]);
    k->x = right, k->y = v, k->wide = true;
    return cull__for(cx, k->n, STRIP, turn_rows, k);
}

cull_status cull__lowrank(cull_ctx *cx, const float *a, int64_t m, int64_t n,
                          const cull__lowrank_opts *o, float *u, float *v, double *sigma,
                          cull__lowrank_fit *fit)
{
    int64_t side = m < n ? m : n;
    if (side < 1 || o->rank < 1 || o->rank > side || m > INT32_MAX || n > INT32_MAX)
        return cull__fail(cx, CULL_EOPTION,
                          "rank %" PRId64 " of a matrix of %" PRId64 " by %" PRId64
                          "; there can be 1 to %" PRId64,
                          o->rank, m, n, side);
    work k = {.a = a, .m = m, .n = n, .side = side, .along = m < n ? n : m, .wide = m < n};
    *fit = (cull__lowrank_fit){.exact = cull__lowrank_exact(m, n, o)};
    CULL_TRY(norm2(cx, &k, &fit->all));
    if (!isfinite(fit->all))
        return cull__fail(cx, CULL_EINPUT,
                          "a matrix of %" PRId64 " by %" PRId64
                          " numbers that are not all finite has no rank",
                          m, n);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = (fit->exact ? exact : subspace)(cx, &k, o, u, v, sigma, fit);
    cull__release(cx, mark);
    return s;
}
