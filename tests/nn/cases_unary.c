/* cases_unary.c - functions of one number. */
#include "cases.h"

#define UNARY(name, value)                                                                         \
    static cull_var *name##_of(cull_tape *t, const nn_case *c, cull_var *const *x)                 \
    {                                                                                              \
        (void)c;                                                                                   \
        return cull_nn_##name(t, x[0]);                                                            \
    }                                                                                              \
    static void name##_ref(const nn_case *c, const double *const *x, double *y)                    \
    {                                                                                              \
        for (int64_t i = 0; i < count_of(c, 0); i++) {                                             \
            const double v = x[0][i];                                                              \
            y[i] = (value);                                                                        \
        }                                                                                          \
    }
UNARY(abs, fabs(v))
UNARY(exp, exp(v))
UNARY(gelu, .5 * v * (1 + erf(v / sqrt(2))))
UNARY(log, log(v))
UNARY(neg, -v)
UNARY(reciprocal, 1 / v)
UNARY(sigmoid, 1 / (1 + exp(-v)))
UNARY(silu, v / (1 + exp(-v)))
UNARY(softplus, log1p(exp(v)))
UNARY(sqrt, sqrt(v))
UNARY(square, v *v)
UNARY(tanh, tanh(v))

static cull_var *affine(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_affine(t, x[0], c->p[0], c->p[1]);
}
static void affine_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = c->p[0] * x[0][i] + c->p[1];
}

static cull_var *clip(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_clip(t, x[0], c->p[0], c->p[1]);
}
static void clip_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = fmin(fmax(x[0][i], c->p[0]), c->p[1]);
}

static cull_var *leaky(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_leaky_relu(t, x[0], c->p[0]);
}
static void leaky_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = x[0][i] * (x[0][i] > 0 ? 1 : c->p[0]);
}

#define CASE(name, from, to)                                                                       \
    {#name, "odd size", 1, {3}, {{3, 7, 5}}, {from}, {to}, .build = name##_of, .ref = name##_ref}, \
    {                                                                                              \
#name, "one number", 1,                                                                    \
            {0 }, {{0 } }, {from }, {to }, .build = name##_of, .ref = name##_ref                   \
    }

const nn_case cases_unary[] = {
    {"abs", "odd size", 1, {3}, {{3, 7, 5}}, .build = abs_of, .ref = abs_ref, .kink = 1e-3},
    {"abs", "one number", 1, {0}, {{0}}, .build = abs_of, .ref = abs_ref, .kink = 1e-3},
    CASE(exp, -4, 4),
    CASE(gelu, -4, 4),
    CASE(log, .1, 4),
    CASE(neg, -4, 4),
    CASE(reciprocal, .3, 4),
    CASE(sigmoid, -6, 6),
    CASE(silu, -6, 6),
    CASE(softplus, -6, 6),
    CASE(sqrt, .1, 4),
    CASE(square, -4, 4),
    CASE(tanh, -4, 4),
    {"affine", "odd size", 1, {2}, {{5, 7}}, .p = {-2.5, .75}, .build = affine, .ref = affine_ref},
    {"affine", "one number", 1, {0}, {{0}}, .p = {3, 0}, .build = affine, .ref = affine_ref},
    /* 35 numbers: none lies within a difference's step of a bound */
    {"clip", "both bounds", 1, {2}, {{5, 7}}, .p = {-.4, .7}, .build = clip, .ref = clip_ref},
    {"clip", "one bound", 1, {2}, {{5, 7}}, .p = {-1e30, .3}, .build = clip, .ref = clip_ref},
    {"leaky_relu",
     "odd size",
     1,
     {2},
     {{5, 7}},
     .p = {.2},
     .build = leaky,
     .ref = leaky_ref,
     .kink = 1e-3},
    {"leaky_relu",
     "negative slope",
     1,
     {1},
     {{33}},
     .p = {-.5},
     .build = leaky,
     .ref = leaky_ref,
     .kink = 1e-3},
    {NULL},
};
