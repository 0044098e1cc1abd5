/* cull/nn_random.h - operations that draw, densities, and gates that choose (cull/nn.h).
 *
 * Draws come from the stream that the step was begun with and from their place in it: the same for any
 * number of threads, and the same again where a forgotten value is computed anew. */
#ifndef CULL_NN_RANDOM_H
#define CULL_NN_RANDOM_H
#include "cull/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- draws ---- */
/* softmax((x + g) / tau) over the last dimension, g Gumbel noise (Jang et al. 2017, Maddison et al. 2017).
 * hard: the one-hot of its largest number, with the gradient of the soft one (straight through). */
CULL_API cull_var *cull_nn_gumbel_softmax(cull_tape *t, cull_var *x, double tau, bool hard);
/* 1 with probability sigmoid(x), else 0; the gradient is that of sigmoid(x) (straight through). */
CULL_API cull_var *cull_nn_bernoulli(cull_tape *t, cull_var *x);
/* mean + exp(log_sd) e, e standard normal; all of one shape. Gradients pass through both. */
CULL_API cull_var *cull_nn_normal(cull_tape *t, cull_var *mean, cull_var *log_sd);
/* Beta(a, b) for a, b > 0 of one shape (Cheng 1978; a or b below 1: Joehnk 1964). No gradient passes:
 * weigh cull_nn_beta_log_density. */
CULL_API cull_var *cull_nn_beta(cull_tape *t, cull_var *a, cull_var *b);

/* ---- log densities, each number by itself; all arguments of one shape ---- */
CULL_API cull_var *cull_nn_normal_log_density(cull_tape *t, cull_var *x, cull_var *mean,
                                              cull_var *log_sd);
/* log sigmoid(logit) where x is 1, log(1 - sigmoid(logit)) where it is 0; x gets no gradient. */
CULL_API cull_var *cull_nn_bernoulli_log_density(cull_tape *t, cull_var *x, cull_var *logit);
/* x within (0, 1), without a gradient. */
CULL_API cull_var *cull_nn_beta_log_density(cull_tape *t, cull_var *x, cull_var *a, cull_var *b);

/* ---- gates ---- */
/* scale sigmoid(tau x): as tau grows, a step at 0 (continuous sparsification: Savarese et al. 2020). hard:
 * scale where x > 0, else 0, and no gradient. */
CULL_API cull_var *cull_nn_gate(cull_tape *t, cull_var *x, double tau, double scale, bool hard);
/* Hard concrete gates (Louizos et al. 2018, section 2.2) of log alpha x: in train mode drawn, else their
 * deterministic estimate; clip(s (high - low) + low, 0, 1) with s a concrete variable of temperature beta. */
typedef struct {
    double beta, low, high; /* 2/3, -0.1, 1.1 in the paper; low < 0, high > 1 */
} cull_hard_concrete;
CULL_API cull_var *cull_nn_hard_concrete(cull_tape *t, cull_var *x, const cull_hard_concrete *h);
/* The chance that each of those gates is not 0: the penalty. */
CULL_API cull_var *cull_nn_hard_concrete_open(cull_tape *t, cull_var *x,
                                              const cull_hard_concrete *h);
/* The numbers of `hard`, whose gradient goes to `soft` as it is. */
CULL_API cull_var *cull_nn_straight_through(cull_tape *t, cull_var *hard, cull_var *soft);
/* x with every number times the constant in mask (as many; borrowed until the reset): weights under a mask. */
CULL_API cull_var *cull_nn_masked(cull_tape *t, cull_var *x, const float *mask);

#ifdef __cplusplus
}
#endif
#endif
