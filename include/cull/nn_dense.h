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

/* ---- over dimensions: a bit for each (1u << i), 0 = all; keep: they stay, of size 1 ---- */
CULL_API cull_var *cull_nn_sum(cull_tape *t, cull_var *x, unsigned dims, bool keep);
CULL_API cull_var *cull_nn_mean(cull_tape *t, cull_var *x, unsigned dims, bool keep);
/* The largest; the gradient goes to the first of equal ones. */
CULL_API cull_var *cull_nn_amax(cull_tape *t, cull_var *x, unsigned dims, bool keep);

/* ---- shapes ---- */
/* The same numbers in order; one of the dimensions may be -1: whatever is left for it. No copy. */
CULL_API cull_var *cull_nn_reshape(cull_tape *t, cull_var *x, int rank, const int64_t *dim);
/* Dimensions from..last as one. No copy. */
CULL_API cull_var *cull_nn_flatten(cull_tape *t, cull_var *x, int from);
/* Dimension i of the result is order[i] of x. */
CULL_API cull_var *cull_nn_permute(cull_tape *t, cull_var *x, const int *order);
CULL_API cull_var *cull_nn_transpose(cull_tape *t, cull_var *x, int a, int b); /* two of them */
/* [from, to) of a dimension; negative numbers count from its end. */
CULL_API cull_var *cull_nn_slice(cull_tape *t, cull_var *x, int dim, int64_t from, int64_t to);
/* n tensors, one after another along a dimension. */
CULL_API cull_var *cull_nn_concat(cull_tape *t, cull_var *const *x, int n, int dim);
/* Of each dimension before[i] and after[i] more of `value`. */
CULL_API cull_var *cull_nn_pad(cull_tape *t, cull_var *x, const int64_t *before,
                               const int64_t *after, double value);
CULL_API cull_var *cull_nn_broadcast_to(cull_tape *t, cull_var *x, int rank, const int64_t *dim);
/* The last dimension as (groups, n / groups), transposed (Zhang et al. 2018, ShuffleNet). */
CULL_API cull_var *cull_nn_channel_shuffle(cull_tape *t, cull_var *x, int groups);

/* ---- products ---- */
/* x (..., m, k) times y (..., k, n): (..., m, n). Leading dimensions are broadcast. tx, ty: the last two of
 * that operand are transposed, (..., k, m) and (..., n, k). */
CULL_API cull_var *cull_nn_matmul(cull_tape *t, cull_var *x, bool tx, cull_var *y, bool ty);

#ifdef __cplusplus
}
#endif
#endif
