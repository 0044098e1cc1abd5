/* op_unary.c - functions of one number: sigmoid, tanh, gelu, ... */
#include "cull/nn_dense.h"
#include "nn/dense.h"

typedef struct {
    int which; /* of the kernels */
    float a, b;
} unary;

static cull_status forward(cull_tape *t, cull_var *y)
{
    const unary *u = y->attr;
    const cull__unary_kern *k = CULL__KERN(unary, cull__tape_ctx(t));
    k->forward[u->which](y->v, y->in[0]->v, y->n, u->a, u->b);
    return CULL_OK;
}

static cull_status backward(cull_tape *t, cull_var *y)
{
    const unary *u = y->attr;
    const cull__unary_kern *k = CULL__KERN(unary, cull__tape_ctx(t));
    cull_var *x = y->in[0];
    const float *s = y->op->flags & CULL__READS_OUT ? y->v : x->v;
    if (cull__grad_move(t, y, x)) {
        k->backward[u->which](x->g, s, x->g, y->n, u->a, u->b, false);
        return CULL_OK;
    }
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    k->backward[u->which](g, s, y->g, y->n, u->a, u->b, add);
    return CULL_OK;
}

static cull_status clip_shape(cull_tape *t, cull_var *y)
{
    const unary *u = y->attr;
    if (!(u->a <= u->b))
        return cull__wrong(t, y, "the bounds are %g and %g; the first must not be above the second",
                           (double)u->a, (double)u->b);
    return cull__same_shape(t, y);
}

/* reads: what the slope is made of; affine and neg need neither. */
#define UNARY(NAME, reads, check, say)                                                             \
    const cull__op cull__op_##NAME = {                                                             \
        .name = #NAME,                                                                             \
        .doc = say,                                                                                \
        .flags = reads,                                                                            \
        .shape = check,                                                                            \
        .forward = forward,                                                                        \
        .backward = backward,                                                                      \
    };
#define PLAIN(NAME, reads, say)                                                                    \
    UNARY(NAME, reads, cull__same_shape, say)                                                      \
    cull_var *cull_nn_##NAME(cull_tape *t, cull_var *x)                                            \
    {                                                                                              \
        const unary u = {.which = CULL__UNARY_##NAME};                                             \
        return cull__apply(t, &cull__op_##NAME, &x, 1, &u, sizeof u);                              \
    }

PLAIN(abs, CULL__READS_IN, "|x|")
PLAIN(exp, CULL__READS_OUT, "e^x")
PLAIN(gelu, CULL__READS_IN, "x times the normal distribution's share below x")
PLAIN(log, CULL__READS_IN, "natural logarithm")
PLAIN(neg, 0, "-x")
PLAIN(reciprocal, CULL__READS_OUT, "1 / x")
PLAIN(sigmoid, CULL__READS_OUT, "1 / (1 + e^-x)")
PLAIN(silu, CULL__READS_IN, "x sigmoid(x)")
PLAIN(softplus, CULL__READS_IN, "log(1 + e^x)")
PLAIN(sqrt, CULL__READS_OUT, "square root")
PLAIN(square, CULL__READS_IN, "x^2")
PLAIN(tanh, CULL__READS_OUT, "hyperbolic tangent")
UNARY(affine, 0, cull__same_shape, "a x + b")
UNARY(clip, CULL__READS_IN, clip_shape, "x, but not below lo nor above hi")
UNARY(leaky_relu, CULL__READS_IN, cull__same_shape, "x, times a slope below 0")

cull_var *cull_nn_affine(cull_tape *t, cull_var *x, double a, double b)
{
    const unary u = {CULL__UNARY_affine, (float)a, (float)b};
    return cull__apply(t, &cull__op_affine, &x, 1, &u, sizeof u);
}

cull_var *cull_nn_clip(cull_tape *t, cull_var *x, double lo, double hi)
{
    const unary u = {CULL__UNARY_clip, (float)lo, (float)hi};
    return cull__apply(t, &cull__op_clip, &x, 1, &u, sizeof u);
}

cull_var *cull_nn_leaky_relu(cull_tape *t, cull_var *x, double slope)
{
    const unary u = {CULL__UNARY_leaky_relu, (float)slope, 0};
    return cull__apply(t, &cull__op_leaky_relu, &x, 1, &u, sizeof u);
}
