/* kern_moments.c - sums over numbers that may be NaN or infinite, compiled once for each instruction set.
 *
 * Number i goes to lane i % 16, lanes are added as a tree: the same bits on every level. What is not finite is
 * made 0 by a mask; how many were is counted in the same loop, which kind only where there are any. */
#include <string.h>

#include "num/moments.h"

enum { L = 16, INF = 0x7F800000 };

static inline uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline int32_t finite(uint32_t u) { return -(int32_t)((int32_t)(u & 0x7FFFFFFF) < INF); }

static double tree(double l[L])
{
    for (int h = L / 2; h; h /= 2)
        for (int i = 0; i < h; i++) l[i] += l[i + h];
    return l[0];
}

static int32_t most(const int32_t l[L])
{
    int32_t m = 0;
    for (int i = 0; i < L; i++) m = l[i] > m ? l[i] : m;
    return m;
}

static int64_t total(const int32_t l[L])
{
    int64_t t = 0;
    for (int i = 0; i < L; i++) t += l[i];
    return t;
}

typedef struct {
    double sum[L];
    int32_t top[L], zero[L], odd[L];
} lanes;

static inline void moments_group(lanes *restrict s, const float *restrict x)
{
    for (int l = 0; l < L; l++) {
        uint32_t u = bits_of(x[l]);
        int32_t a = (int32_t)(u & 0x7FFFFFFF), fine = finite(u), b = a & fine;
        s->sum[l] += (double)float_of(u & (uint32_t)fine);
        s->top[l] = b > s->top[l] ? b : s->top[l];
        s->zero[l] += a == 0;
        s->odd[l] += 1 + fine;
    }
}

static void moments(const float *x, int64_t n, cull__moments *out)
{
    lanes s = {{0}, {0}, {0}, {0}};
    float rest[L] = {0};
    int64_t whole = n / L * L;
    for (int64_t i = 0; i < whole; i += L) moments_group(&s, x + i);
    memcpy(rest, x + whole, (size_t)(n - whole) * sizeof *x);
    if (whole < n) moments_group(&s, rest);
    *out = (cull__moments){.sum = tree(s.sum), .absmax = float_of((uint32_t)most(s.top))};
    out->zeros = total(s.zero) - (whole < n ? L - (n - whole) : 0);
    int64_t odd = total(s.odd);
    for (int64_t i = 0; odd && i < n; i++) out->nans += x[i] != x[i];
    out->infs = odd - out->nans;
}

static inline void spread_group(double *restrict sum, const float *restrict x, double mean)
{
    for (int l = 0; l < L; l++) {
        uint32_t u = bits_of(x[l]);
        int32_t fine = finite(u);
        double d = (double)float_of(u & (uint32_t)fine) - (fine ? mean : 0);
        sum[l] += d * d;
    }
}

static double spread(const float *x, int64_t n, double mean)
{
    double sum[L] = {0};
    int64_t whole = n / L * L;
    for (int64_t i = 0; i < whole; i += L) spread_group(sum, x + i, mean);
    for (int64_t i = whole; i < n; i++) {
        double d = finite(bits_of(x[i])) ? (double)x[i] - mean : 0;
        sum[i - whole] += d * d;
    }
    return tree(sum);
}

typedef struct {
    double aa[L], bb[L], ab[L], apart2[L];
    int32_t top[L], odd[L];
} pair_lanes;

static inline void apart_group(pair_lanes *restrict s, const float *restrict a,
                               const float *restrict b)
{
    for (int l = 0; l < L; l++) {
        uint32_t u = bits_of(a[l]), v = bits_of(b[l]);
        uint32_t fine = (uint32_t)(finite(u) & finite(v));
        float f = float_of(u & fine), g = float_of(v & fine);
        double x = (double)f, y = (double)g, d = x - y;
        int32_t off = (int32_t)(bits_of(f - g) & 0x7FFFFFFF);
        s->aa[l] += x * x;
        s->bb[l] += y * y;
        s->ab[l] += x * y;
        s->apart2[l] += d * d;
        s->top[l] = off > s->top[l] ? off : s->top[l];
        s->odd[l] += 1 + (int32_t)fine;
    }
}

static void apart(const float *a, const float *b, int64_t n, cull__apart *out)
{
    pair_lanes s = {{0}, {0}, {0}, {0}, {0}, {0}};
    float rest[2][L] = {{0}, {0}};
    int64_t whole = n / L * L;
    for (int64_t i = 0; i < whole; i += L) apart_group(&s, a + i, b + i);
    memcpy(rest[0], a + whole, (size_t)(n - whole) * sizeof *a);
    memcpy(rest[1], b + whole, (size_t)(n - whole) * sizeof *b);
    if (whole < n) apart_group(&s, rest[0], rest[1]);
    *out = (cull__apart){.odd = total(s.odd),
                         .aa = tree(s.aa),
                         .bb = tree(s.bb),
                         .ab = tree(s.ab),
                         .apart2 = tree(s.apart2),
                         .absmax = float_of((uint32_t)most(s.top))};
}

#define PASTE_(isa) cull__moments_##isa
#define PASTE(isa) PASTE_(isa)
const cull__moments_kern PASTE(CULL_ISA) = {moments, spread, apart};
