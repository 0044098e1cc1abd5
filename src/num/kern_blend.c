/* kern_blend.c - loops of merges, compiled once for each instruction set. */
#include "num/blend.h"

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

static void sign(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = x[i] >= 0 ? 1 : -1;
}

static void agree(float *restrict sum, float *restrict counts, const float *restrict x,
                  const float *restrict sign_, float w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        bool with = x[i] * sign_[i] > 0;
        sum[i] += with ? x[i] : 0;
        counts[i] += with ? w : 0;
    }
}

static void mean(float *restrict sum, const float *restrict counts, int64_t n)
{
    for (int64_t i = 0; i < n; i++) sum[i] /= counts[i] == 0 ? 1 : counts[i];
}

static void mix(float *restrict x, float a, const float *restrict y, float b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = a * x[i] + b * y[i];
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
                                     .sign = sign,
                                     .agree = agree,
                                     .mean = mean,
                                     .mix = mix};
