/* subset.h - how well a plain model predicts by some of the columns, and how much each weighs in it. */
#ifndef CULL__SUBSET_H
#define CULL__SUBSET_H
#include "cull/feature.h"
#include "score/trees.h"

/* ---- columns as numbers (design.c) ----
 * A numeric column has mean 0 and variance 1, a missing value being its mean; a categorical one is a block of
 * 0/1, one for each code, all 0 where it is missing. A column without two values has no numbers. Targets:
 * numbers of mean 0 and variance 1, classes as 0/1 for each (of two: for the second). */
typedef struct {
    int64_t n, d, width, targets;
    float *x;       /* (width, n): number after number */
    int64_t *start; /* d + 1: column c is the numbers [start[c], start[c + 1]) */
    double *y;      /* (targets, n) */
} cull__design;
cull_status cull__design_new(cull_ctx *cx, const cull_feature_problem *p, cull__design *out);
uint64_t cull__design_bytes(const cull_feature_problem *p);
int64_t cull__design_width(const cull_feature_problem *p); /* at most */

/* Sums of products of the numbers, 1 and the targets (m = width + 1 + targets, in that order) over the rows of
 * each fold: out (folds, m, m), symmetric. O(n m^2) time. */
cull_status cull__design_gram(cull_ctx *cx, const cull__design *x, const int32_t *fold,
                              int64_t folds, double *out);
/* Least squares with the penalty l2 |b|^2 on all but the 1, from such sums: of the `k` numbers at[0..k) and 1
 * (last), b (k + 1, targets), and where asked (not NULL) the inverse (k + 1, k + 1). O(k^3) time. */
cull_status cull__design_solve(cull_ctx *cx, const double *gram, int64_t m, int64_t targets,
                               const int64_t *at, int64_t k, double l2, double *b, double *inverse);

/* ---- the error of a model by some columns, in cross-validation (subset.c, subset_linear.c, subset_knn.c) ----
 * linear: ridge regression, on classes as 0/1; logistic: log loss; knn: the mean of the nearest rows by distance
 * of the design; trees: a forest. The error is the squared one, save for logistic, as a share of that of
 * no columns. */
typedef enum { CULL__LINEAR, CULL__LOGISTIC, CULL__KNN, CULL__TREES } cull__model;
typedef struct {
    cull__model model;
    int64_t folds, neighbours, trees;
    double l2; /* of each row */
    uint64_t stream;
} cull__subset_opts;
typedef struct {
    const cull_feature_problem *p;
    cull__subset_opts o;
    cull__design x;
    cull__binned bins; /* trees */
    int32_t *fold;     /* n */
    double *gram;      /* linear: (folds + 1, m, m), the last of all rows */
    double none;       /* error of no columns, not yet a share */
} cull__subset;
cull_status cull__subset_new(cull_ctx *cx, const cull_feature_problem *p,
                             const cull__subset_opts *o, cull__subset *out);
/* *here: the error by the columns set[0..k). error[i]: with candidate cand[i] added to them (add) or, being one
 * of them, taken away. Linear: O(folds k^2) a candidate, O(folds k^3) once. */
cull_status cull__subset_try(cull_ctx *cx, const cull__subset *s, const int64_t *set, int64_t k,
                             const int64_t *cand, int64_t cands, bool add, double *here,
                             double *error);
uint64_t cull__subset_bytes(const cull_feature_problem *p, const cull__subset_opts *o, int threads);

/* Of the models, each for its file. */
cull_status cull__subset_linear(cull_ctx *cx, const cull__subset *s, const int64_t *set, int64_t k,
                                const int64_t *cand, int64_t cands, bool add, double *here,
                                double *error);
cull_status cull__subset_knn(cull_ctx *cx, const cull__subset *s, const int64_t *set, int64_t k,
                             const int64_t *cand, int64_t cands, bool add, double *here,
                             double *error);
#endif
