/* vmath.h - exp, log, tanh, erf and what is made of them, for loops that the compiler vectorises.
 *
 * Multiplications, additions, divisions and bits of numbers alone, so that every instruction set gives the
 * same bits (contraction is off); no branches. Polynomials are minimax on these ranges. The largest errors
 * in units of the last place, against libm in double: exp 1.0 (subnormal results too), log 0.8, tanh 1.4,
 * erf 1.2, sigmoid 2.4 (a result below 1e-37 becomes 0), softplus 2.0. */
#ifndef CULL__NN_VMATH_H
#define CULL__NN_VMATH_H
#include <float.h>
#include <math.h>
#include <stdint.h>

static inline uint32_t cull__bits(float x)
{
    union {
        float f;
        uint32_t u;
    } v = {.f = x};
    return v.u;
}

static inline float cull__of_bits(uint32_t u)
{
    union {
        uint32_t u;
        float f;
    } v = {.u = u};
    return v.f;
}

/* ln 2 in two parts: products of the first with whole numbers up to 2^8 are exact */
#define CULL__LN2_HI 0x1.62e4p-1f
#define CULL__LN2_LO 1.42860682e-6f

/* e^x = 2^k e^r with |r| <= ln 2 / 2. 2^k is applied in two steps, since k may lie outside of what one
 * exponent holds; the first is exact. */
static inline float cull__expf(float x)
{
    const float whole = 0x1.8p23f; /* added, it leaves the nearest whole number in the low bits */
    x = x < -104.f ? -104.f : x;
    x = x > 89.f ? 89.f : x;
    float k = x * 1.44269504f + whole;
    int32_t e = (int32_t)(cull__bits(k) - cull__bits(whole));
    k -= whole;
    float r = (x - k * CULL__LN2_HI) - k * CULL__LN2_LO;
    float p = 0x1.6dbc64p-10f;
    p = p * r + 0x1.124148p-7f;
    p = p * r + 0x1.555454p-5f;
    p = p * r + 0x1.555486p-3f;
    p = p * r + .5f;
    p = 1 + (r + r * r * p);
    int32_t half = e >> 1;
    return p * cull__of_bits((uint32_t)(127 + half) << 23) *
           cull__of_bits((uint32_t)(127 + e - half) << 23);
}

/* x = 2^k m with m in sqrt(1/2) .. sqrt(2), log m = 2 atanh(f / (2 + f)) with f = m - 1. */
static inline float cull__logf(float x)
{
    float scaled = x * 0x1p23f;
    uint32_t b = cull__bits(x < FLT_MIN ? scaled : x);
    int32_t k = (int32_t)(b - cull__bits(0x1.6a09e6p-1f)) >> 23;
    float m = cull__of_bits(b - ((uint32_t)k << 23));
    float n = (float)k - (x < FLT_MIN ? 23.f : 0.f);
    float f = m - 1, s = f / (2 + f), z = s * s, h = .5f * f * f;
    float r = 0x1.e4bca4p-3f;
    r = r * z + 0x1.242b1ap-2f;
    r = r * z + 0x1.999abcp-2f;
    r = r * z + 0x1.555554p-1f;
    r = r * z;
    float y = n * CULL__LN2_HI - ((h - (s * (h + r) + n * CULL__LN2_LO)) - f);
    float out = x == 0 ? -INFINITY : NAN;
    y = x > 0 ? y : out;
    return x < INFINITY ? y : x;
}

/* log(1 + x) for x in 0 .. 1 */
static inline float cull__log1pf(float x)
{
    float w = 1 + x;
    return cull__logf(w) + (x - (w - 1)) / w;
}

static inline float cull__sign_of(float magnitude, float x)
{
    return cull__of_bits((cull__bits(magnitude) & 0x7fffffffu) | (cull__bits(x) & 0x80000000u));
}

/* An odd polynomial near 0, else by e^2x. */
static inline float cull__tanhf(float x)
{
    float z = x * x, a = fabsf(x), p = 0x1.0da8fap-6f;
    p = p * z - 0x1.af96a4p-5f;
    p = p * z + 0x1.10d01ap-3f;
    p = p * z - 0x1.55545ap-2f;
    float small = x + x * z * p;
    float large = cull__sign_of(1 - 2 / (cull__expf(2 * a) + 1), x);
    return a < .55f ? small : large;
}

/* An odd polynomial near 0, else 1 - exp(-t q(t)), where q is fitted to -log(erfc(t)) / t. */
static inline float cull__erff(float x)
{
    float a = fabsf(x), z = x * x, t = a > 4.f ? 4.f : a;
    float p = 0x1.58947p-14f;
    p = p * z - 0x1.a8fc6cp-11f;
    p = p * z + 0x1.54a49p-8f;
    p = p * z - 0x1.b80b0ep-6f;
    p = p * z + 0x1.ce2de2p-4f;
    p = p * z - 0x1.812742p-2f;
    p = p * z + .128379166f;
    float small = x + x * p;
    float q = 0x1.4b65e8p-18f;
    q = q * t - 0x1.7e5ce2p-15f;
    q = q * t - 0x1.9ff69ap-15f;
    q = q * t + 0x1.800fc4p-9f;
    q = q * t - 0x1.737e3ap-6f;
    q = q * t + 0x1.af27fp-4f;
    q = q * t + 0x1.4570aep-1f;
    q = q * t + 0x1.20e8c4p+0f;
    float large = cull__sign_of(1 - cull__expf(-t * q), x);
    large = x == x ? large : x;
    return a < .95f ? small : large;
}

static inline float cull__sigmoidf(float x) { return 1 / (1 + cull__expf(-x)); }

/* log(1 + e^x) */
static inline float cull__softplusf(float x)
{
    return (x > 0 ? x : 0) + cull__log1pf(cull__expf(-fabsf(x)));
}
#endif
