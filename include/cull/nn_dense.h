/* cull/nn_dense.h - the dense operations of a tape (cull/nn.h): numbers one at a time and in pairs, sums,
 * shapes, products, softmax, rows by index, losses, norms. cull/nn_ops.h includes it and has the rules.
 *
 * Dimensions given as a number may be negative, counting from the last: -1 is the last. Arrays of the
 * caller's (ids, masks, weights) are borrowed until the tape's reset. A row is the last dimension. */
#ifndef CULL_NN_DENSE_H
#define CULL_NN_DENSE_H
#include "cull/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one number at a time: the result has x's shape ---- */
CULL_API cull_var *cull_nn_abs(cull_tape *t, cull_var *x);
CULL_API cull_var *cull_nn_affine(cull_tape *t, cull_var *x, double a, double b); /* a x + b */
CULL_API cull_var *cull_nn_clip(cull_tape *t, cull_var *x, double lo, double hi);
CULL_API cull_var *cull_nn_exp(cull_tape *t, cull_var *x);
CULL_API cull_var *cull_nn_gelu(cull_tape *t, cull_var *x); /* x Phi(x), with erf */
CULL_API cull_var *cull_nn_leaky_relu(cull_tape *t, cull_var *x, double slope); /* below 0 */
CULL_API cull_var *cull_nn_log(cull_tape *t, cull_var *x);
CULL_API cull_var *cull_nn_neg(cull_tape *t, cull_var *x);
CULL_API cull_var *cull_nn_reciprocal(cull_tape *t, cull_var *x);
CULL_API cull_var *cull_nn_sigmoid(cull_tape *t, cull_var *x);
CULL_API cull_var *cull_nn_silu(cull_tape *t, cull_var *x);     /* x sigmoid(x) */
CULL_API cull_var *cull_nn_softplus(cull_tape *t, cull_var *x); /* log(1 + e^x) */
CULL_API cull_var *cull_nn_sqrt(cull_tape *t, cull_var *x);
CULL_API cull_var *cull_nn_square(cull_tape *t, cull_var *x);
CULL_API cull_var *cull_nn_tanh(cull_tape *t, cull_var *x);

/* ---- two numbers: shapes are broadcast as numpy's are ---- */
CULL_API cull_var *cull_nn_add(cull_tape *t, cull_var *x, cull_var *y);
CULL_API cull_var *cull_nn_sub(cull_tape *t, cull_var *x, cull_var *y);
CULL_API cull_var *cull_nn_mul(cull_tape *t, cull_var *x, cull_var *y);
CULL_API cull_var *cull_nn_div(cull_tape *t, cull_var *x, cull_var *y);
/* The larger (smaller) of both; where they are equal the gradient is x's. */
CULL_API cull_var *cull_nn_max(cull_tape *t, cull_var *x, cull_var *y);
CULL_API cull_var *cull_nn_min(cull_tape *t, cull_var *x, cull_var *y);

#ifdef __cplusplus
}
#endif
#endif
