/* score.h - SCORE: representations to numbers. */
#ifndef CULL__SCORE_H
#define CULL__SCORE_H
#include "base/base.h"
#include "cull/corpus.h"
#include "cull/pool.h"

/* Log importance weight of every row of c for target (DSIR, Xie et al. 2023, section 4): hashed
 * unigrams and bigrams in `buckets` buckets, both distributions smoothed by `alpha`; out (n) is
 * sum over the row's n-grams of log p_target - log p_pool. Two passes over c, O(buckets) memory. */
cull_status cull__dsir(cull_ctx *cx, const cull_corpus *c, const cull_corpus *target,
                       int64_t buckets, double alpha, double *out);
uint64_t cull__dsir_plan(const cull_corpus *c, const cull_corpus *target, int64_t buckets,
                         int threads); /* most bytes that it holds at once */

/* Multinomial logistic regression, L2 on the weights (not the bias), L-BFGS on the full batch, f64
 * objective. x (n, d) f32, y (n) 0..classes-1, w (classes, d+1) out, bias last. Deterministic. */
typedef struct {
    double l2;      /* lambda in mean loss + lambda/2 |w|^2; default 1/n when 0 */
    int iterations; /* at most; 0 = 100 */
    double tol;     /* largest gradient entry to stop at; 0 = 1e-4 */
    bool balanced;  /* classes weigh alike */
} cull__logreg_opts;
cull_status cull__logreg_fit(cull_ctx *cx, const float *x, const int32_t *y, int64_t n, int64_t d,
                             int32_t classes, const cull__logreg_opts *o, double *w);
/* proba (n, classes) and/or label (n); either may be NULL. */
cull_status cull__logreg_predict(cull_ctx *cx, const float *x, int64_t n, int64_t d,
                                 int32_t classes, const double *w, double *proba, int32_t *label);
#endif
