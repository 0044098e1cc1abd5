/* kern_unary.c - functions of one number, and their derivatives; see dense.h. */
#include "nn/dense.h"
#include "nn/lanes.h"
#include "nn/vmath.h"

/* s is x or y, whichever the record in op_unary.c keeps. */
#define UNARY(name, value, slope)                                                                  \
    static void name##_to(float *restrict y, const float *restrict x_, int64_t n, float a,         \
                          float b)                                                                 \
    {                                                                                              \
        (void)a, (void)b;                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const float x = x_[i];                                                                 \
            y[i] = (value);                                                                        \
        }                                                                                          \
    }                                                                                              \
    static void name##_back(float *g, const float *restrict s_, const float *dy, int64_t n,        \
                            float a, float b, bool add)                                            \
    {                                                                                              \
        (void)a, (void)b;                                                                          \
        if (add) {                                                                                 \
            CULL__EACH for (int64_t i = 0; i < n; i++)                                             \
            {                                                                                      \
                const float s = s_[i];                                                             \
                (void)s;                                                                           \
                g[i] += dy[i] * (slope);                                                           \
            }                                                                                      \
        } else {                                                                                   \
            CULL__EACH for (int64_t i = 0; i < n; i++)                                             \
            {                                                                                      \
                const float s = s_[i];                                                             \
                (void)s;                                                                           \
                g[i] = dy[i] * (slope);                                                            \
            }                                                                                      \
        }                                                                                          \
    }

#define R2 .707106781f  /* 1 / sqrt(2) */
#define R2PI .39894228f /* 1 / sqrt(2 pi) */

static inline float silu_slope(float x)
{
    float p = cull__sigmoidf(x);
    return p * (1 + x * (1 - p));
}

static inline float gelu_slope(float x)
{
    return .5f * (1 + cull__erff(R2 * x)) + x * R2PI * cull__expf(-.5f * x * x);
}

UNARY(abs, fabsf(x), (s > 0 ? 1.f : 0.f) - (s < 0 ? 1.f : 0.f))
UNARY(affine, a *x + b, a)
UNARY(clip, x < a ? a : (x > b ? b : x), (s < a ? 0.f : 1.f) * (s > b ? 0.f : 1.f))
UNARY(exp, cull__expf(x), s)
UNARY(gelu, .5f * x * (1 + cull__erff(R2 * x)), gelu_slope(s))
UNARY(leaky_relu, x > 0 ? x : a * x, s > 0 ? 1.f : a)
UNARY(log, cull__logf(x), 1 / s)
UNARY(neg, -x, -1.f)
UNARY(reciprocal, 1 / x, -s *s)
UNARY(sigmoid, cull__sigmoidf(x), s *(1 - s))
UNARY(silu, x *cull__sigmoidf(x), silu_slope(s))
UNARY(softplus, cull__softplusf(x), cull__sigmoidf(s))
UNARY(sqrt, sqrtf(x), .5f / s)
UNARY(square, x *x, 2 * s)
UNARY(tanh, cull__tanhf(x), 1 - s * s)

const cull__unary_kern CULL__TABLE(unary) = {
    .forward =
        {
#define X(name) name##_to,
            CULL__UNARY(X)
#undef X
        },
    .backward =
        {
#define X(name) name##_back,
            CULL__UNARY(X)
#undef X
        },
};
