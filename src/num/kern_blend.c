/* kern_blend.c - loops of merges, compiled once for each instruction set. */
#include "num/blend.h"
#include "num/vectors.h"

#include <string.h>

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

/* x where `stays`, else 0 of its sign. */
static inline float held(float x, bool stays)
{
    return float_of(bits_of(x) & (0x80000000u | (0u - (uint32_t)stays)));
}

static bool nan_(const float *x, int64_t n)
{
    uint32_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t a = bits_of(x[i]) & 0x7FFFFFFF;
        most = (int32_t)a > (int32_t)most ? a : most;
    }
    return most > 0x7F800000;
}

static void fma_(float *restrict sum, const float *restrict x, float w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) sum[i] = __builtin_fmaf(w, x[i], sum[i]);
}

static void add(float *restrict sum, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) sum[i] += x[i];
}

static void subtract(float *restrict x, const float *restrict y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] -= y[i];
}

static void scale(float *x, float w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] *= w;
}

static void divide(float *x, float w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] /= w;
}

static void keep_(float *restrict x, const uint8_t *restrict keep, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = held(x[i], keep[i] != 0);
}

/* Bits of magnitudes are below 2^31: they compare as signed. */
static void above(float *x, uint32_t key, int64_t n)
{
    const int32_t k = (int32_t)key;
    for (int64_t i = 0; i < n; i++) x[i] = held(x[i], (int32_t)(bits_of(x[i]) & 0x7FFFFFFF) >= k);
}

static void below(float *x, uint32_t key, int64_t n)
{
    const int32_t k = (int32_t)key;
    for (int64_t i = 0; i < n; i++) x[i] = held(x[i], (int32_t)(bits_of(x[i]) & 0x7FFFFFFF) <= k);
}

static void draw(float *restrict x, const uint32_t *restrict u, uint32_t limit, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = held(x[i], u[i] < limit);
}

/* n <= W of them. */
static inline void elect_some(float *sum, const float *x, int64_t stride, const float *w,
                              int models, bool normalize, int64_t n)
{
    const vf zero = vf_set(0), one = vf_set(1), less = vf_set(-0x1p-149f);
    vf all = zero, with = zero, counts = zero;
    for (int m = 0; m < models; m++) all = vf_add(all, vf_some(x + m * stride, n));
    vf sign = vf_pick(all, less, one, vf_set(-1)); /* 0 counts as +, NaN as - */
    for (int m = 0; m < models; m++) {
        vf v = vf_some(x + m * stride, n), same = vf_mul(v, sign);
        with = vf_add(with, vf_pick(same, zero, v, zero));
        counts = vf_add(counts, vf_pick(same, zero, vf_set(w[m]), zero));
    }
    vf by = vf_pick(counts, zero, counts, vf_pick(zero, counts, counts, one));
    vf_store_some(sum, normalize ? vf_div(with, by) : with, n);
}

static void elect(float *restrict sum, const float *restrict x, int64_t stride,
                  const float *restrict w, int models, bool normalize, int64_t n)
{
    int64_t i = 0;
    for (; i + W <= n; i += W) elect_some(sum + i, x + i, stride, w, models, normalize, W);
    if (i < n) elect_some(sum + i, x + i, stride, w, models, normalize, n - i);
}

static void mix(float *restrict x, double a, const float *restrict y, double b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = (float)(a * (double)x[i] + b * (double)y[i]);
}

/* Those of some 8 or 16 that lie within move to the front of a vector, which is stored whole: hence the room. */
#if CULL_ISA_LEVEL >= 4 && defined(__AVX512F__)
static int64_t sift_wide(const float *x, uint32_t lo, uint32_t hi, int64_t n, int32_t *above,
                         uint32_t *some, int32_t *m)
{
    const __m512i low = _mm512_set1_epi32((int)lo), high = _mm512_set1_epi32((int)hi);
    const __m512i magnitude = _mm512_set1_epi32(INT32_MAX);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512i key = _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude);
        __mmask16 over = _mm512_cmpgt_epi32_mask(key, high);
        __mmask16 in = _mm512_cmpge_epi32_mask(key, low) & (__mmask16)~over;
        _mm512_storeu_si512(some + *m, _mm512_maskz_compress_epi32(in, key));
        *above += __builtin_popcount(over);
        *m += __builtin_popcount(in);
    }
    return i;
}
#elif CULL_ISA_LEVEL >= 3 && defined(__AVX2__) && defined(__BMI2__)
static int64_t sift_wide(const float *x, uint32_t lo, uint32_t hi, int64_t n, int32_t *above,
                         uint32_t *some, int32_t *m)
{
    const __m256i low = _mm256_set1_epi32((int)lo), high = _mm256_set1_epi32((int)hi);
    const __m256i magnitude = _mm256_set1_epi32(INT32_MAX);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i key = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(x + i)), magnitude);
        __m256i over = _mm256_cmpgt_epi32(key, high), under = _mm256_cmpgt_epi32(low, key);
        unsigned out =
            (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(over, under)));
        *above += __builtin_popcount((unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(over)));
        if (out == 255) continue;
        /* a byte of ones for each lane that stays picks that lane's number */
        uint64_t lanes = _pdep_u64(~out & 255, 0x0101010101010101) * 255;
        __m256i to = _mm256_cvtepu8_epi32(
            _mm_cvtsi64_si128((long long)_pext_u64(0x0706050403020100, lanes)));
        _mm256_storeu_si256((__m256i *)(some + *m), _mm256_permutevar8x32_epi32(key, to));
        *m += __builtin_popcount(~out & 255);
    }
    return i;
}
#else
static int64_t sift_wide(const float *x, uint32_t lo, uint32_t hi, int64_t n, int32_t *above,
                         uint32_t *some, int32_t *m)
{
    (void)x, (void)lo, (void)hi, (void)n, (void)above, (void)some, (void)m;
    return 0;
}
#endif

static int32_t sift(const float *x, uint32_t lo, uint32_t hi, int64_t n, int32_t *above,
                    uint32_t *some)
{
    int32_t m = 0;
    *above = 0;
    for (int64_t i = sift_wide(x, lo, hi, n, above, some, &m); i < n; i++) {
        uint32_t key = bits_of(x[i]) & INT32_MAX;
        some[m] = key;
        m += key - lo <= hi - lo;
        *above += key > hi;
    }
    return m;
}

#define PASTE_(isa) cull__blend_##isa
#define PASTE(isa) PASTE_(isa)
extern const cull__blend PASTE(CULL_ISA);
const cull__blend PASTE(CULL_ISA) = {.nan = nan_,
                                     .fma = fma_,
                                     .add = add,
                                     .subtract = subtract,
                                     .scale = scale,
                                     .divide = divide,
                                     .keep = keep_,
                                     .above = above,
                                     .below = below,
                                     .draw = draw,
                                     .elect = elect,
                                     .mix = mix,
                                     .sift = sift};
