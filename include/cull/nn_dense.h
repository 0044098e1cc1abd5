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

/* ---- softmax over the last dimension, of x / temperature ---- */
CULL_API cull_var *cull_nn_softmax(cull_tape *t, cull_var *x, double temperature);
CULL_API cull_var *cull_nn_log_softmax(cull_tape *t, cull_var *x, double temperature);
/* Only where mask is not 0; elsewhere, and in a row without any, the result is 0. mask (rows, n), borrowed:
 * row r of x takes its row (r / each) % rows, so that (S, S) serves (B, H, S, S) with each 1, and (B, S) with
 * each H S. A mask to be added is a tensor: cull_nn_add, then cull_nn_softmax, where a row of -inf is 0 too. */
CULL_API cull_var *cull_nn_masked_softmax(cull_tape *t, cull_var *x, const uint8_t *mask,
                                          int64_t rows, int64_t each, double temperature);
/* Over those rows (the first dimension) that have one id, of 0 .. segments - 1, in any order. */
CULL_API cull_var *cull_nn_segment_softmax(cull_tape *t, cull_var *x, const int32_t *id,
                                           int64_t segments, double temperature);

/* ---- rows by index: rows are the first dimension here; ids are borrowed and must be in range ---- */
CULL_API cull_var *cull_nn_embedding(cull_tape *t, cull_var *table, const int32_t *id, int64_t n);
CULL_API cull_var *cull_nn_gather_rows(cull_tape *t, cull_var *x, const int32_t *id, int64_t n);
/* Row id[i] of the result is the sum of those rows i of x (scatter-add); rows without any are 0. */
CULL_API cull_var *cull_nn_segment_sum(cull_tape *t, cull_var *x, const int32_t *id,
                                       int64_t segments);
CULL_API cull_var *cull_nn_segment_mean(cull_tape *t, cull_var *x, const int32_t *id,
                                        int64_t segments);
/* The k largest of the last dimension, the largest first, of equal ones the first; at (one for each number
 * of the result, or NULL) gets their places. */
CULL_API cull_var *cull_nn_topk(cull_tape *t, cull_var *x, int64_t k, int32_t *at);
/* (n, classes): 1 at id, else 0. */
CULL_API cull_var *cull_nn_one_hot(cull_tape *t, const int32_t *id, int64_t n, int64_t classes);

/* ---- losses beside cull_nn_cross_entropy: one number. weight: of each row, borrowed, or NULL; the mean
 * over rows is weighted by it. Rows are those of the last dimension ---- */
/* -sum target log softmax(x): targets are probabilities, of x's shape. */
CULL_API cull_var *cull_nn_soft_cross_entropy(cull_tape *t, cull_var *x, cull_var *target,
                                              const float *weight);
/* T^2 KL(softmax(teacher / T) | softmax(x / T)) (Hinton, Vinyals, Dean 2015); none passes to the teacher. */
CULL_API cull_var *cull_nn_kl(cull_tape *t, cull_var *x, cull_var *teacher, double temperature,
                              const float *weight);
/* 1 - cos(x, y) */
CULL_API cull_var *cull_nn_cosine_distance(cull_tape *t, cull_var *x, cull_var *y,
                                           const float *weight);
/* Over all pairs of a row with target_i > target_j, their mean: log(1 + exp(x_j - x_i)) (Burges et al. 2005,
 * RankNet), or max(0, margin - x_i + x_j). No gradient passes to the targets. O(n^2) time a row. */
CULL_API cull_var *cull_nn_rank_logistic(cull_tape *t, cull_var *x, cull_var *target,
                                         const float *weight);
CULL_API cull_var *cull_nn_rank_margin(cull_tape *t, cull_var *x, cull_var *target, double margin,
                                       const float *weight);
/* Here a row is one of the first dimension, and its loss the mean over its numbers. */
CULL_API cull_var *cull_nn_mse(cull_tape *t, cull_var *x, cull_var *target, const float *weight);
CULL_API cull_var *cull_nn_mae(cull_tape *t, cull_var *x, cull_var *target, const float *weight);
CULL_API cull_var *cull_nn_huber(cull_tape *t, cull_var *x, cull_var *target, double delta,
                                 const float *weight);
/* Cross entropy of sigmoid(x) with targets in 0 .. 1, whose part counts `positive` times (1 = plain). No
 * gradient passes to the targets. */
CULL_API cull_var *cull_nn_bce(cull_tape *t, cull_var *x, cull_var *target, double positive,
                               const float *weight);
/* max(0, margin - target x), targets being -1 or 1. No gradient passes to the targets. */
CULL_API cull_var *cull_nn_hinge(cull_tape *t, cull_var *x, cull_var *target, double margin,
                                 const float *weight);

/* ---- noise, in train mode alone: otherwise x itself comes back ---- */
/* Each number 0 with probability p, else divided by 1 - p (Srivastava et al. 2014). */
CULL_API cull_var *cull_nn_dropout(cull_tape *t, cull_var *x, double p);
/* So each row of the first dimension as a whole (Huang et al. 2016, stochastic depth). */
CULL_API cull_var *cull_nn_drop_path(cull_tape *t, cull_var *x, double p);

/* ---- norms over the last dimension (n); w and b (n) may be NULL ---- */
/* (x - mean) / sqrt(var + eps) w + b (Ba, Kiros, Hinton 2016) */
CULL_API cull_var *cull_nn_layer_norm(cull_tape *t, cull_var *x, cull_var *w, cull_var *b,
                                      double eps);
/* x / sqrt(mean(x^2) + eps) w (Zhang and Sennrich 2019) */
CULL_API cull_var *cull_nn_rms_norm(cull_tape *t, cull_var *x, cull_var *w, double eps);

#ifdef __cplusplus
}
#endif
#endif
