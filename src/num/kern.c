/* kern.c - inner loops, compiled once for each instruction set (CULL_ISA_LEVEL 2, 3, 4).
 *
 * Sums run over 16 fixed lanes (element i goes to lane i % 16, lanes are added as a tree) with
 * contraction off, so the bits are the same on every level: only how many lanes one register holds
 * differs. In `dot` each product of two floats is exact in f64. */
#include "num/num.h"
#include "num/vectors.h"

#include <float.h>
#include <string.h>

static double tree(double l[16])
{
    for (int h = 8; h; h /= 2)
        for (int i = 0; i < h; i++) l[i] += l[i + h];
    return l[0];
}

static double dot(const float *a, const float *b, int64_t d)
{
    vd s[VM];
    double l[16];
    int64_t i = 0;
    for (int v = 0; v < VM; v++) s[v] = vd_set(0);
    for (; i + 16 <= d; i += 16)
        for (int v = 0; v < VM; v++)
            s[v] = vd_add(s[v], vd_mul(vd_widen(a + i + v * D), vd_widen(b + i + v * D)));
    for (int v = 0; v < VM; v++) vd_store(l + v * D, s[v]);
    for (int j = 0; i < d; i++, j++) l[j] += (double)a[i] * (double)b[i];
    return tree(l);
}

static double dist2(const float *a, const float *b, int64_t d)
{
    vd s[VM];
    double l[16];
    int64_t i = 0;
    for (int v = 0; v < VM; v++) s[v] = vd_set(0);
    for (; i + 16 <= d; i += 16)
        for (int v = 0; v < VM; v++) {
            vd t = vd_sub(vd_widen(a + i + v * D), vd_widen(b + i + v * D));
            s[v] = vd_add(s[v], vd_mul(t, t));
        }
    for (int v = 0; v < VM; v++) vd_store(l + v * D, s[v]);
    for (int j = 0; i < d; i++, j++) {
        double t = (double)a[i] - (double)b[i];
        l[j] += t * t;
    }
    return tree(l);
}

static float dist1(const float *a, const float *b, int64_t d)
{
    vf s[VN];
    float l[16];
    int64_t i = 0;
    for (int v = 0; v < VN; v++) s[v] = vf_set(0);
    for (; i + 16 <= d; i += 16)
        for (int v = 0; v < VN; v++) {
            vf x = vf_load(a + i + v * W), y = vf_load(b + i + v * W);
            s[v] = vf_add(s[v], vf_max(vf_sub(x, y), vf_sub(y, x)));
        }
    for (int v = 0; v < VN; v++) vf_store(l + v * W, s[v]);
    for (int j = 0; i < d; i++, j++) l[j] += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
    for (int h = 8; h; h /= 2)
        for (int j = 0; j < h; j++) l[j] += l[j + h];
    return l[0];
}

static float dotf(const float *a, const float *b, int64_t d)
{
    vf s[VN];
    float l[16];
    int64_t i = 0;
    for (int v = 0; v < VN; v++) s[v] = vf_set(0);
    for (; i + 16 <= d; i += 16)
        for (int v = 0; v < VN; v++)
            s[v] = vf_add(s[v], vf_mul(vf_load(a + i + v * W), vf_load(b + i + v * W)));
    for (int v = 0; v < VN; v++) vf_store(l + v * W, s[v]);
    for (int j = 0; i < d; i++, j++) l[j] += a[i] * b[i];
    for (int h = 8; h; h /= 2)
        for (int j = 0; j < h; j++) l[j] += l[j + h];
    return l[0];
}

static void axpy(float *y, float a, const float *x, int64_t d)
{
    vf f = vf_set(a);
    int64_t i = 0;
    for (; i + W <= d; i += W) vf_store(y + i, vf_add(vf_load(y + i), vf_mul(f, vf_load(x + i))));
    for (; i < d; i++) y[i] += a * x[i];
}

/* The rows of a are the rows of c, 16 numbers of it in VN registers: as many of its rows at a time as
 * leave registers to spare. Each number is one chain of additions in order of k. */
static void tile(const float *restrict a, const float *restrict b, int64_t d, float *restrict c)
{
    enum { R = VN == 1 ? 16 : VN < 8 ? 8 / VN : 1 };
    for (int r0 = 0; r0 < 16; r0 += R) {
        vf s[R][VN];
        for (int r = 0; r < R; r++)
            for (int v = 0; v < VN; v++) s[r][v] = vf_set(0);
        for (int64_t k = 0; k < d; k++)
            for (int r = 0; r < R; r++)
                for (int v = 0; v < VN; v++)
                    s[r][v] = vf_add(
                        s[r][v], vf_mul(vf_set(a[k * 16 + r0 + r]), vf_load(b + k * 16 + v * W)));
        for (int r = 0; r < R; r++)
            for (int v = 0; v < VN; v++) vf_store(c + (r0 + r) * 16 + v * W, s[r][v]);
    }
}

static void add(double *y, const float *x, int64_t d)
{
    int64_t i = 0;
    for (; i + D <= d; i += D) vd_store(y + i, vd_add(vd_load(y + i), vd_widen(x + i)));
    for (; i < d; i++) y[i] += (double)x[i];
}

static void scale(float *y, const float *x, double a, int64_t d)
{
    for (int64_t i = 0; i < d; i++) y[i] = (float)((double)x[i] * a);
}

/* To nearest even, by integers; x - c is finite, and what the rounding takes is exact in f32. */
static inline void narrow_one(float y, uint16_t *out, float sum[2])
{
    uint32_t u;
    float r;
    memcpy(&u, &y, 4);
    u = (u + 0x7FFF + (u >> 16 & 1)) & 0xFFFF0000u;
    memcpy(&r, &u, 4);
    *out = (uint16_t)(u >> 16);
    sum[0] += y * y;
    sum[1] += (y - r) * (y - r);
}

static void narrow(const float *x, const float *c, int64_t d, uint16_t *out, float sum[2])
{
    int64_t i = 0;
    sum[0] = sum[1] = 0;
#if CULL_ISA_LEVEL >= 4 && defined(__AVX512F__)
    const __m512i one = _mm512_set1_epi32(1), half = _mm512_set1_epi32(0x7FFF),
                  high = _mm512_set1_epi32((int)0xFFFF0000u);
    vf s = vf_set(0), t = s;
    for (; i + 16 <= d; i += 16) {
        vf y = vf_sub(vf_load(x + i), vf_load(c + i));
        __m512i u = _mm512_castps_si512(y), odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), one);
        u = _mm512_and_si512(_mm512_add_epi32(_mm512_add_epi32(u, half), odd), high);
        vf r = vf_sub(y, _mm512_castsi512_ps(u));
        s = vf_add(s, vf_mul(y, y));
        t = vf_add(t, vf_mul(r, r));
        _mm256_storeu_si256((__m256i *)(void *)(out + i),
                            _mm512_cvtepi32_epi16(_mm512_srli_epi32(u, 16)));
    }
    sum[0] = _mm512_reduce_add_ps(s);
    sum[1] = _mm512_reduce_add_ps(t);
#endif
    for (; i < d; i++) narrow_one(x[i] - c[i], out + i, sum);
}

static float larger(float a, float b) { return a > b ? a : b; }
static float smaller(float a, float b) { return a < b ? a : b; }

/* Two registers' worth of maxima: one alone would wait for itself. */
static float max(const float *s, int64_t n)
{
    enum { M = 2 * VN };
    vf m[M];
    float l[16];
    int64_t i = 0;
    for (int v = 0; v < M; v++) m[v] = vf_set(-FLT_MAX);
    for (; i + 32 <= n; i += 32)
        for (int v = 0; v < M; v++) m[v] = vf_max(vf_load(s + i + v * W), m[v]);
    for (int v = 0; v < VN; v++) vf_store(l + v * W, vf_max(m[v], m[v + VN]));
    for (int h = 8; h; h /= 2)
        for (int j = 0; j < h; j++) l[j] = larger(l[j], l[j + h]);
    for (; i < n; i++) l[0] = larger(s[i], l[0]);
    return l[0];
}

/* Sums of what is positive of a term over blocks of 16, and which of them add anything. The others may
 * be left out later: zeros change no bit. With more than a quarter live all are read, as memory is
 * quicker in order. */
#define POSITIVE(name, vterm, term)                                                                \
    static inline uint64_t name##_block(const float *s, const float *b, vf *t)                     \
    {                                                                                              \
        unsigned some = 0;                                                                         \
        for (int v = 0; v < VN; v++) {                                                             \
            vf x = vterm(vf_load(s + v * W), vf_load(b + v * W));                                  \
            some |= vf_above(x, vf_set(0));                                                        \
            t[v] = vf_add(t[v], vf_max(x, vf_set(0)));                                             \
        }                                                                                          \
        return some != 0;                                                                          \
    }                                                                                              \
    static float name(const float *s, const float *b, int64_t n, uint64_t *live)                   \
    {                                                                                              \
        vf t[VN];                                                                                  \
        float l[16];                                                                               \
        int64_t whole = n / 16;                                                                    \
        uint64_t todo = *live, some = 0;                                                           \
        for (int v = 0; v < VN; v++) t[v] = vf_set(0);                                             \
        if (__builtin_popcountll(todo) > 16)                                                       \
            for (int64_t i = 0; i < whole; i++)                                                    \
                some |= name##_block(s + i * 16, b + i * 16, t) << i;                              \
        else                                                                                       \
            for (; todo; todo &= todo - 1) {                                                       \
                int i = __builtin_ctzll(todo);                                                     \
                some |= name##_block(s + i * 16, b + i * 16, t) << i;                              \
            }                                                                                      \
        *live = some;                                                                              \
        for (int v = 0; v < VN; v++) vf_store(l + v * W, t[v]);                                    \
        for (int64_t j = 0, i = whole * 16; i < n; i++, j++) l[j] += larger(term(s[i], b[i]), 0);  \
        for (int h = 8; h; h /= 2)                                                                 \
            for (int j = 0; j < h; j++) l[j] += l[j + h];                                          \
        return l[0];                                                                               \
    }
#define MINUS(a, b) ((a) - (b))
POSITIVE(above, vf_sub, MINUS)
POSITIVE(within, vf_min, smaller)

/* A lane keeps its two largest and where (as a float: below 2^24) it met the largest. Two pairs (a, a')
 * and (b, b') merge to max(a, b) and the largest of min(a, b), a', b'. */
static int64_t top2_sub(const float *restrict s, const float *restrict b, int64_t n, float top[2])
{
    enum { M = 2 * VN };
    static const float count[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    vf m[M], u[M], at[M], step = vf_set(0);
    float l[16], k[16], w[16], largest[16];
    int64_t i = 0;
    int lane = 0;
    for (int v = 0; v < M; v++) m[v] = u[v] = vf_set(-FLT_MAX), at[v] = vf_set(0);
    for (; i + 32 <= n; i += 32, step = vf_add(step, vf_set(32)))
        for (int v = 0; v < M; v++) {
            vf t = vf_sub(vf_load(s + i + v * W), vf_load(b + i + v * W));
            u[v] = vf_max(vf_min(t, m[v]), u[v]);
            at[v] = vf_pick(t, m[v], step, at[v]);
            m[v] = vf_max(t, m[v]);
        }
    for (int v = 0; v < M; v++) at[v] = vf_add(at[v], vf_load(count + v * W));
    for (int v = 0; v < VN; v++) {
        vf_store(k + v * W, vf_max(vf_min(m[v], m[v + VN]), vf_max(u[v], u[v + VN])));
        vf_store(w + v * W, vf_pick(m[v + VN], m[v], at[v + VN], at[v]));
        vf_store(l + v * W, vf_max(m[v], m[v + VN]));
        vf_store(largest + v * W, vf_max(m[v], m[v + VN]));
    }
    for (int h = 8; h; h /= 2)
        for (int j = 0; j < h; j++) {
            k[j] = larger(smaller(l[j], l[j + h]), larger(k[j], k[j + h]));
            l[j] = larger(l[j], l[j + h]);
        }
    for (int v = 0; v < VN; v++) {
        unsigned below = vf_above(vf_set(l[0]), vf_load(largest + v * W)), all = (1u << W) - 1;
        if (below != all) lane = v * W + __builtin_ctz(~below);
    }
    int64_t at_top = (int64_t)w[lane];
    for (; i < n; i++) {
        float t = s[i] - b[i];
        k[0] = larger(smaller(t, l[0]), k[0]);
        at_top = t > l[0] ? i : at_top;
        l[0] = larger(t, l[0]);
    }
    top[0] = l[0];
    top[1] = k[0];
    return at_top;
}

/* e^x for x <= 0, zero below -60. x = k ln 2 + r with |r| <= ln 2 / 2: k comes from adding 1.5 * 2^23,
 * which leaves no place for a fraction, and 127 beside it makes its low bits the exponent of 2^k. ln 2
 * is taken off in two parts, of which k times the first is exact. On r, 1 + r + r^2 q(r) with q of
 * degree 4 fitted to the least largest relative error, 4e-9; roundings make it one unit in the last
 * place. */
static inline vf vf_exp(vf x)
{
    vf magic = vf_set(12582912.0f + 127), z = vf_add(vf_mul(x, vf_set(0x1.715476p0f)), magic);
    vf k = vf_sub(z, magic);
    vf r = vf_sub(vf_sub(x, vf_mul(k, vf_set(0x1.62ep-1f))), vf_mul(k, vf_set(0x1.0bfbe8p-15f)));
    vf q = vf_set(0x1.6a23cep-10f);
    q = vf_add(vf_mul(q, r), vf_set(0x1.123a2p-7f));
    q = vf_add(vf_mul(q, r), vf_set(0x1.5558f2p-5f));
    q = vf_add(vf_mul(q, r), vf_set(0x1.555492p-3f));
    q = vf_add(vf_mul(q, r), vf_set(0x1.fffffcp-2f));
    vf e = vf_add(vf_set(1), vf_add(r, vf_mul(vf_mul(r, r), q)));
    return vf_pick(x, vf_set(-60), vf_mul(e, vf_raise(z)), vf_set(0));
}

/* h + a s, or h - a sqrt(2 - 2 s) of cosines. */
static inline vf lift(vf s, vf h, vf a, bool chord)
{
    if (!chord) return vf_add(h, vf_mul(a, s));
    vf two = vf_sub(vf_set(2), vf_add(s, s));
    return vf_sub(h, vf_mul(a, vf_sqrt(vf_max(two, vf_set(0)))));
}

/* What is past the last whole 16 is done on a copy filled up with numbers of no weight. */
static inline void soft_as(float *restrict s, const float *restrict h, float a_, bool chord,
                           int64_t n, float out[2])
{
    vf a = vf_set(a_), top[VN], sum[VN];
    float l[16], rest[16], hr[16];
    int64_t whole = n / 16 * 16, i, end = whole < n ? whole + 16 : whole;
    for (int v = 0; v < VN; v++) top[v] = vf_set(-1e30f), sum[v] = vf_set(0);
    if (whole < n) {
        for (i = 0; i < 16; i++) rest[i] = 0, hr[i] = -1e30f;
        for (i = whole; i < n; i++) rest[i - whole] = s[i], hr[i - whole] = h[i];
        for (int v = 0; v < VN; v++) {
            top[v] = lift(vf_load(rest + v * W), vf_load(hr + v * W), a, chord);
            vf_store(rest + v * W, top[v]);
        }
    }
    for (i = 0; i < whole; i += 16)
        for (int v = 0; v < VN; v++) {
            vf t = lift(vf_load(s + i + v * W), vf_load(h + i + v * W), a, chord);
            vf_store(s + i + v * W, t);
            top[v] = vf_max(t, top[v]);
        }
    for (int v = 0; v < VN; v++) vf_store(l + v * W, top[v]);
    for (int j = 0; j < 8; j++) l[j] = larger(l[j], l[j + 8]);
    for (int j = 0; j < 4; j++) l[j] = larger(l[j], l[j + 4]);
    out[0] = larger(larger(l[0], l[2]), larger(l[1], l[3]));
    for (i = 0; i < end; i += 16) {
        float *at = i < whole ? s + i : rest;
        for (int v = 0; v < VN; v++) {
            vf e = vf_exp(vf_sub(vf_load(at + v * W), vf_set(out[0])));
            vf_store(at + v * W, e);
            sum[v] = vf_add(sum[v], e);
        }
    }
    for (i = whole; i < n; i++) s[i] = rest[i - whole];
    for (int v = 0; v < VN; v++) vf_store(l + v * W, sum[v]);
    for (int j = 0; j < 8; j++) l[j] += l[j + 8];
    for (int j = 0; j < 4; j++) l[j] += l[j + 4];
    out[1] = (l[0] + l[2]) + (l[1] + l[3]);
}

/* The additions of a kernel are in the order of the calls: blocks of 16 stay in registers for all points. */
static void bells(float *restrict term, int64_t stride, const float *u, int64_t points,
                  const float *restrict mid, const float *restrict scale,
                  const float *restrict base, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16) {
        vf m[VN], s[VN], b[VN];
        for (int v = 0; v < VN; v++) {
            m[v] = vf_load(mid + i + v * W);
            s[v] = vf_load(scale + i + v * W);
            b[v] = vf_load(base + i + v * W);
        }
        for (int64_t k = 0; k < points; k++) {
            float *at = term + k * stride + i;
            if (u[k] != u[k]) continue;
            for (int v = 0; v < VN; v++) {
                vf z = vf_sub(vf_set(u[k]), m[v]), t = vf_sub(vf_mul(vf_mul(s[v], z), z), b[v]);
                vf_store(at + v * W, vf_add(vf_load(at + v * W), t));
            }
        }
    }
}

static void soft(float *s, const float *h, float a, bool chord, int64_t n, float out[2])
{
    if (chord)
        soft_as(s, h, a, true, n, out);
    else
        soft_as(s, h, a, false, n, out);
}

/* The scans differ in one operation; a block of 32 with nothing above is left at one test. */
#define SCAN(name, vop, op)                                                                        \
    static int64_t name(const float *restrict s, const float *restrict b, int64_t n, float above,  \
                        int32_t *restrict out)                                                     \
    {                                                                                              \
        vf t = vf_set(above);                                                                      \
        int64_t i = 0, k = 0;                                                                      \
        for (; i + 32 <= n; i += 32) {                                                             \
            uint32_t m = 0;                                                                        \
            for (int v = 0; v < 2 * VN; v++)                                                       \
                m |= (uint32_t)vf_above(vop(vf_load(s + i + v * W), b + i + v * W), t) << (v * W); \
            for (; m; m &= m - 1) out[k++] = (int32_t)i + __builtin_ctz(m);                        \
        }                                                                                          \
        for (; i < n; i++)                                                                         \
            if (op(s[i], b[i]) > above) out[k++] = (int32_t)i;                                     \
        return k;                                                                                  \
    }
#define SUB_V(a, p) vf_sub(a, vf_load(p))
#define MUL_V(a, p) vf_mul(a, vf_load(p))
#define SELF_V(a, p) ((void)(p), a)
#define SUB(a, b) ((a) - (b))
#define MUL(a, b) ((a) * (b))
#define SELF(a, b) (a)
SCAN(scan_sub, SUB_V, SUB)
SCAN(scan_mul, MUL_V, MUL)
SCAN(scan_self, SELF_V, SELF)

static int64_t scan(const float *s, int64_t n, float above, int32_t *out)
{
    return scan_self(s, s, n, above, out);
}

/* `runs` registers of y at a time, summed over all entries before they are stored. */
static inline void gather_run(float *y, const float *x, int64_t stride, const cull__entry *e,
                              int64_t n, int runs)
{
    vf s[4 * VN];
    for (int v = 0; v < runs; v++) s[v] = vf_set(0);
    for (int64_t i = 0; i < n; i++) {
        const float *r = x + (int64_t)e[i].col * stride;
        vf a = vf_set(e[i].val);
        for (int v = 0; v < runs; v++) s[v] = vf_add(s[v], vf_mul(a, vf_load(r + v * W)));
    }
    for (int v = 0; v < runs; v++) vf_store(y + v * W, s[v]);
}

static void gather(float *y, const float *x, int64_t k, int64_t stride, const cull__entry *e,
                   int64_t n)
{
    enum { RUN = VN < 4 ? 4 * VN : 2 * VN }; /* at most 8 registers of 16 */
    int64_t j = 0;
    for (; j + RUN * W <= k; j += RUN * W) gather_run(y + j, x + j, stride, e, n, RUN);
    for (; j < k; j += 16) gather_run(y + j, x + j, stride, e, n, VN);
}

static void scatter(float *g, int64_t k, const cull__entry *e, int64_t n, const float *y)
{
    for (int64_t i = 0; i < n; i++) axpy(g + (int64_t)e[i].col * k, e[i].val, y, k);
}

/* Halves by integers: shift into place, then 2^112 moves the exponent's bias and makes subnormals
 * normal in one exact multiplication; infinities and NaN get their exponent back. */
static void from_f16(const uint16_t *restrict h, int64_t n, float *restrict out)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t a = (uint32_t)(h[i] & 0x7FFF) << 13, sign = (uint32_t)(h[i] & 0x8000) << 16, u;
        float f;
        memcpy(&f, &a, 4);
        f *= 0x1p112f;
        memcpy(&u, &f, 4);
        u = a >= 0x0F800000u ? a | 0x7F800000u : u;
        u |= sign;
        memcpy(out + i, &u, 4);
    }
}

static void from_bf16(const uint16_t *restrict h, int64_t n, float *restrict out)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t u = (uint32_t)h[i] << 16;
        memcpy(out + i, &u, 4);
    }
}

static void to_f32(cull_dtype t, const void *src, int64_t n, float *out)
{
    if (t == CULL_F16)
        from_f16(src, n, out);
    else if (t == CULL_BF16)
        from_bf16(src, n, out);
    else if (t == CULL_F32)
        memcpy(out, src, (size_t)n * sizeof *out);
}

#define NAME_(isa) cull__kern_##isa
#define NAME(isa) NAME_(isa)
extern const cull__kern NAME(CULL_ISA);
const cull__kern NAME(CULL_ISA) = {
    .dot = dot,
    .to_f32 = to_f32,
    .dotf = dotf,
    .axpy = axpy,
    .dist2 = dist2,
    .dist1 = dist1,
    .add = add,
    .scale = scale,
    .narrow = narrow,
    .tile = tile,
    .above = above,
    .within = within,
    .max = max,
    .top2_sub = top2_sub,
    .soft = soft,
    .bells = bells,
    .scan = scan,
    .scan_sub = scan_sub,
    .scan_mul = scan_mul,
    .gather = gather,
    .scatter = scatter,
};
