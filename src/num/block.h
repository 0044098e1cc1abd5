/* block.h - what the searches over a pool share: a block of rows with its norms, the product's
 * rounding bound, total orders.
 *
 * The bound. A dot product of d terms in f32, in whatever order and with or without fused
 * multiply-add, differs from the exact one by at most g |x|.|q| <= g |x| |q|, g = d u / (1 - d u),
 * u = 2^-24 (each term meets at most d roundings; Cauchy-Schwarz; Higham 2002, section 3.1). Queries
 * rounded to unit length, the row's scale, and the comparison itself add a few u more: 16 are granted.
 * So with e = cull__dot_bound(d), |product - exact| <= e |x| |q|, and a row whose product is more than
 * 2 e |x| |q| below the k-th best cannot be among the best; all others are scored again by the
 * canonical dot (f64 sums over fixed lanes), which alone decides. */
#ifndef CULL__BLOCK_H
#define CULL__BLOCK_H
#include "num/num.h"

#include <math.h>

static inline double cull__dot_bound(int64_t d)
{
    double g = (double)(d + 16) * 0x1p-24;
    return g < 0.5 ? g / (1 - g) : INFINITY;
}

/* A product of rows rounded to bf16 differs from the exact one by at most |x - x'| |q'| + |x| |q - q'|
 * more, by Cauchy-Schwarz again: what the rounding took, about |x| / 600, not its worst case. Lengths
 * come from f32 sums of squares (cull__kern.narrow), which underflow below 2^-70 a term; products may
 * lose what is below 2^-126, and meet at most two roundings a term. */
typedef struct {
    double norm, lost; /* |x| and |x - x'|, neither below the true one */
} cull__narrowed;
static inline cull__narrowed cull__narrow(const cull__kern *kern, const float *x, const float *c,
                                          int64_t d, uint16_t *out)
{
    float sum[2];
    kern->narrow(x, c, d, out, sum);
    double by = 1 + (double)(d + 16) * 0x1p-23, least = (double)d * 0x1p-70;
    double norm = sqrt((double)sum[0]) * by + least;
    return (cull__narrowed){norm, sqrt((double)sum[1]) * by + least + norm * 0x1p-23};
}
static inline double cull__narrow_bound(cull__narrowed x, cull__narrowed q, int64_t d)
{
    double e = cull__dot_bound(2 * d) * 1.02; /* |x'| |q'| < 1.02 |x| |q| */
    return x.lost * (q.norm + q.lost) + x.norm * (q.lost + e * q.norm) + (double)d * 0x1p-100;
}

/* Norms between these keep f32 products away from overflow and underflow; a row outside (other than
 * zero) is "wild": its products are replaced by canonical ones. */
static inline bool cull__tame(double norm)
{
    return (norm >= 0x1p-50 && norm <= 0x1p50) || norm == 0;
}

/* Rounding takes the quotient of a row and its copy past 1. */
static inline double cull__as_cosine(double c) { return c > 1 ? 1 : c < -1 ? -1 : c; }

/* The canonical similarity of a row and a query with their norms. */
static inline double cull__similarity(const cull__kern *kern, bool unit, const float *x, double nx,
                                      const float *q, double nq, int64_t d)
{
    double s = kern->dot(x, q, d);
    if (!unit) return s;
    return nx > 0 && nq > 0 ? cull__as_cosine(s / (nx * nq)) : 0;
}

enum { CULL__ARENA = 64 * 1024 }; /* small scratch of one arena, rounded up */

/* Scratch of one open cull__gemm: blocks of the rows side by side. */
static inline double cull__gemm_bytes(int64_t d) { return 256.0 * (double)(d < 512 ? d : 512); }

/* Best first: larger value, then smaller index. */
typedef struct {
    double v;
    int64_t i;
} cull__ranked;
static inline bool cull__before(cull__ranked a, cull__ranked b)
{
    return a.v > b.v || (a.v == b.v && a.i < b.i);
}
void cull__rank_top(cull__ranked *v, int64_t n,
                    int64_t k);                          /* the k first to the front, any order */
void cull__rank_sort(cull__ranked *v, int64_t n);        /* all in order */
float cull__kth_largest(float *v, int64_t n, int64_t k); /* reorders v; 1 <= k <= n */

/* S (m, n) = A B^T where m is too few for a product of matrices, else by g. */
static inline void cull__scores(const cull__kern *kern, const cull__gemm *g, int64_t m, int64_t n,
                                const float *a, const float *b, float *s)
{
    if (m > 4 && n > 4) {
        cull__gemm_run(g, m, n, a, b, s);
        return;
    }
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < m; i++) s[i * n + j] = kern->dotf(a + i * g->k, b + j * g->k, g->k);
}
#endif
