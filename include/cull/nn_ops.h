/* cull/nn_ops.h - the operations of a tape (cull/nn.h).
 *
 * Each returns a new tensor, or NULL after a failure that the tape keeps: of shapes that do not fit, with
 * a sentence that names operation and layer. "(..., n)" is any number of leading dimensions. Gradients
 * pass through all tensor arguments unless it says otherwise. */
#ifndef CULL_NN_OPS_H
#define CULL_NN_OPS_H
#include "cull/nn.h"
#include "cull/nn_dense.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one number at a time ---- */
CULL_API cull_var *cull_nn_relu(cull_tape *t, cull_var *x);

/* ---- products ---- */
/* x (..., in) times w (out, in) transposed, plus b (out) unless NULL: (..., out). */
CULL_API cull_var *cull_nn_linear(cull_tape *t, cull_var *x, cull_var *w, cull_var *b);

/* ---- fields: embeddings x (rows, fields, dim) of what each row has in each field ---- */
/* sum over pairs i < j of <x_i, x_j>: (rows). Rendle 2010, in O(fields dim). */
CULL_API cull_var *cull_nn_fm(cull_tape *t, cull_var *x);
/* <x_i, x_j> of each pair i < j, in order of i, then j: (rows, fields (fields - 1) / 2). */
CULL_API cull_var *cull_nn_field_pairs(cull_tape *t, cull_var *x);

/* ---- losses: one number, the mean over rows ---- */
/* -sum_k q_k log softmax(x)_k with q = (1 - smoothing) onehot(label) + smoothing / classes. x (..., classes);
 * label: one for each row, borrowed until the reset; weight: of each row, or NULL, divided by its sum. */
CULL_API cull_var *cull_nn_cross_entropy(cull_tape *t, cull_var *x, const int32_t *label,
                                         const float *weight, double smoothing);

/* sum_i w_i x_i, of constants w (as many as x has numbers), borrowed until the reset. */
CULL_API cull_var *cull_nn_weighted_sum(cull_tape *t, cull_var *x, const float *w);

#ifdef __cplusplus
}
#endif
#endif
