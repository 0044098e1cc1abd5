/* kern_sparse.c - products of sparse layers, compiled once for each instruction set.
 *
 * A link is a multiple of one row of numbers added to another; columns go in tiles, so that a tile of
 * the narrow side stays in the second cache while the wide side is streamed past it. Dot products run
 * over 16 fixed lanes, added as a tree, with contraction off: the same bits on every level. */
#include "nn/sparse.h"

#include <string.h>

#if defined(__AVX512F__)
enum { W = 16 };
#elif defined(__AVX2__)
enum { W = 8 };
#else
enum { W = 4 };
#endif
enum { VN = 16 / W, TILE = 2 * VN }; /* registers for 16 numbers; for the columns of a tile */
typedef float vf __attribute__((vector_size(W * 4)));
typedef int32_t vi __attribute__((vector_size(W * 4)));
typedef float v4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));
typedef float vf_at __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef float v4_at __attribute__((vector_size(16), aligned(4), may_alias));

static inline vf load(const float *p) { return *(const vf_at *)p; }
static inline void store(float *p, vf a) { *(vf_at *)p = a; }
static inline vf all(float a) { return a - (vf){0}; }

/* ---- y[row] += w x[col] ---- */
static inline void gather_tile(const cull__sparse *s, const float *x, float *y, int64_t ld,
                               int runs)
{
    for (int64_t i = 0; i < s->rows; i++) {
        vf a[TILE];
        float *to = y + i * ld;
        for (int v = 0; v < runs; v++) a[v] = load(to + v * W);
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++) {
            const float *r = x + (int64_t)s->col[e] * ld;
            vf w = all(s->w[e]);
            for (int v = 0; v < runs; v++) a[v] += w * load(r + v * W);
        }
        for (int v = 0; v < runs; v++) store(to + v * W, a[v]);
    }
}

static void gather(const cull__sparse *s, const float *x, float *y, int64_t ld, int64_t n)
{
    int64_t c = 0;
    for (; c + TILE * W <= n; c += TILE * W) gather_tile(s, x + c, y + c, ld, TILE);
    for (; c < n; c += 16) gather_tile(s, x + c, y + c, ld, VN);
}

/* ---- y[col] += w x[row] ---- */
static inline void scatter_tile(const cull__sparse *s, const float *x, float *y, int64_t ld,
                                int runs)
{
    for (int64_t i = 0; i < s->rows; i++) {
        vf a[TILE];
        for (int v = 0; v < runs; v++) a[v] = load(x + i * ld + v * W);
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++) {
            float *to = y + (int64_t)s->col[e] * ld;
            vf w = all(s->w[e]);
            for (int v = 0; v < runs; v++) store(to + v * W, load(to + v * W) + w * a[v]);
        }
    }
}

static void scatter(const cull__sparse *s, const float *x, float *y, int64_t ld, int64_t n)
{
    int64_t c = 0;
    for (; c + TILE * W <= n; c += TILE * W) scatter_tile(s, x + c, y + c, ld, TILE);
    for (; c < n; c += 16) scatter_tile(s, x + c, y + c, ld, VN);
}

/* ---- dot products of the links alone ---- */
typedef struct {
    union {
        vf v[VN];
        v4 q[4];
    } l; /* 16 lanes */
} lanes;

/* Lanes of four sums to one number each: 16 to 4 in place, then the four side by side. */
static inline v4 finish(lanes s[4])
{
    v4 q[4];
    for (int k = 0; k < 4; k++) q[k] = (s[k].l.q[0] + s[k].l.q[2]) + (s[k].l.q[1] + s[k].l.q[3]);
    v4 a = __builtin_shufflevector(q[0], q[1], 0, 4, 1, 5) +
           __builtin_shufflevector(q[0], q[1], 2, 6, 3, 7);
    v4 b = __builtin_shufflevector(q[2], q[3], 0, 4, 1, 5) +
           __builtin_shufflevector(q[2], q[3], 2, 6, 3, 7);
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

/* Four links of one row at a time; the last ones again where there are fewer. */
static void sampled(const cull__sparse *s, int64_t lo, int64_t hi, const float *a, const float *b,
                    int64_t ld, int64_t n, float *g)
{
    const int64_t first = s->start[lo];
    for (int64_t i = lo; i < hi; i++) {
        const float *x = a + i * ld;
        const int64_t end = s->start[i + 1];
        for (int64_t e = s->start[i]; e < end; e += 4) {
            const float *y[4];
            lanes sum[4] = {0};
            int have = end - e < 4 ? (int)(end - e) : 4;
            for (int k = 0; k < 4; k++)
                y[k] = b + (int64_t)s->col[e + (k < have ? k : have - 1)] * ld;
            for (int64_t c = 0; c < n; c += 16)
                for (int v = 0; v < VN; v++) {
                    vf xv = load(x + c + v * W);
                    for (int k = 0; k < 4; k++) sum[k].l.v[v] += xv * load(y[k] + c + v * W);
                }
            v4 r = finish(sum);
            if (have == 4)
                *(v4_at *)(g + e - first) = r;
            else
                for (int k = 0; k < have; k++) g[e - first + k] = r[k];
        }
    }
}

static void sgd(float *restrict w, float *restrict v, const float *restrict g, int64_t n,
                float rate, float momentum, float decay)
{
    for (int64_t i = 0; i < n; i++) {
        v[i] = momentum * v[i] - rate * g[i];
        w[i] += v[i] - decay * w[i];
    }
}

/* ---- 1 / (1 + exp(-v)) ---- */
/* e^x of x <= 0, by x = k ln 2 + r with |r| <= ln 2 / 2: 1.5 * 2^23 has no place for a fraction, which
 * leaves k, and 127 beside it makes its low bits the exponent of 2^k. Of e^r the Taylor polynomial of
 * degree 6 is off by 2e-7 of itself at most, less than the sigmoid can show. */
static inline vf exp_of(vf x)
{
    const vf magic = all(12582912.0f + 127), z = x * all(0x1.715476p0f) + magic, k = z - magic;
    const vf r = (x - k * all(0x1.62ep-1f)) - k * all(0x1.0bfbe8p-15f);
    vf q = all(1.0f / 720);
    q = q * r + all(1.0f / 120);
    q = q * r + all(1.0f / 24);
    q = q * r + all(1.0f / 6);
    q = q * r + all(0.5f);
    q = q * r + all(1);
    return (q * r + all(1)) * (vf)((vi)z << 23);
}

static inline vf sigmoid_of(vf v)
{
    const vi negative = v < all(0), sign = {0};
    const vi bits = (vi)v | (sign + INT32_MIN); /* -|v| */
    const vi deep = (vf)bits < all(-80);        /* its exponential would leave the range */
    const vi arg = ((vi)all(-80) & deep) | (bits & ~deep);
    const vf e = exp_of((vf)arg), s = all(1) / (all(1) + e);
    return (vf)(((vi)(e * s) & negative) | ((vi)s & ~negative));
}

static void sigmoid(float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) store(v + i, sigmoid_of(load(v + i)));
}

static void tanh_(float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        vf x = load(v + i), s = sigmoid_of(x + x);
        store(v + i, s + s - all(1));
    }
}

#define NAME_(isa) cull__sparse_kern_##isa
#define NAME(isa) NAME_(isa)
extern const cull__sparse_kern NAME(CULL_ISA);
const cull__sparse_kern NAME(CULL_ISA) = {.gather = gather,
                                          .scatter = scatter,
                                          .sampled = sampled,
                                          .sgd = sgd,
                                          .sigmoid = sigmoid,
                                          .tanh = tanh_};
