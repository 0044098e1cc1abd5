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
/* Ridge regression: w (d+1, bias last) that makes the sum of (y - w x - bias)^2 + l2 |w|^2 least, l2 > 0; x
 * (n, d) f32. Conjugate gradients in f64, to a residual of 1e-9: O(n d) a step. Deterministic. */
cull_status cull__ridge_fit(cull_ctx *cx, const float *x, const double *y, int64_t n, int64_t d,
                            double l2, double *w);
/* How well rows of a pool teach its labels: multinomial logistic regression is fitted on them, and the
 * labels of other rows are asked of it. Rows count as (row - mean) * scale. Labels that were not taught
 * are not answered; where one alone was, it is the answer to all. The penalty is l2 / 2 |w|^2 beside
 * the sum of the losses. Which l2: the one of 10, 1, 0.1, 0.01 with the most right answers in 3-fold
 * cross-validation among the rows taught (2000 of them drawn by `seed`, where there are more), the
 * larger of equals. */
typedef struct {
    const cull_pool *pool; /* (n, d) */
    const int32_t *label;  /* (n) of 0 .. classes - 1 */
    int32_t classes;
    const cull_pool *test;     /* (., d); may be the same pool */
    const int32_t *test_label; /* of each of its rows */
    const int64_t *test_row;   /* (tests): those asked for; NULL = the first `tests` */
    int64_t tests;             /* at least 1 */
    const double *mean;        /* (d) */
    double scale;
    double l2; /* NAN = chosen as above */
    uint64_t seed;
} cull__judge;
typedef struct {
    double accuracy,
        balanced; /* balanced: the mean share of right answers over the tests' labels */
    double l2;    /* NAN where only one label was taught */
} cull__judged;
/* mean (d) of the rows, and the scale that makes their squared distance from it 1 on average. */
cull_status cull__judge_scale(cull_ctx *cx, const cull_pool *p, double *mean, double *scale);
/* row (n): ascending, n >= 1. O((n + tests) d) memory; O(n d classes) time a step, of which a fit takes
 * up to 100 and cross-validation 12 fits. */
cull_status cull__judge_rows(cull_ctx *cx, const cull__judge *j, const int64_t *row, int64_t n,
                             cull__judged *out);
#endif
