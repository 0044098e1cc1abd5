/* cull/feature.h - choose which columns of a table to measure, under a budget.
 *
 * Pointers in a problem are borrowed for the call. Problems may be shared between threads. */
#ifndef CULL_FEATURE_H
#define CULL_FEATURE_H
#include "cull/base.h"
#include "cull/method.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_feature_problem {
    int64_t n, d;          /* rows; columns to choose from */
    const cull_pool *x;    /* (n, d) f32 (see cull_pool_centre) or codes; NaN = missing */
    const int32_t *levels; /* d: codes of a categorical column are 0 .. levels-1; 0 = it is numeric;
                                or NULL = all are numeric */
    const char *const *name; /* d: what columns are called, or NULL = c0, c1, ... */
    const double *y;         /* n: the class (0 .. classes-1) or the number to predict, or NULL */
    int32_t classes;         /* 0 = y is numbers (regression) */
    const cull_pool *ys;     /* (n, m) numbers to predict, for methods that take several; or NULL */
    const int32_t *group;    /* n: rows of one group are never split between folds, or NULL */
    int32_t groups;          /* number of groups */
    const double *cost;      /* d, > 0, or NULL = 1 each */
    double budget; /* upper limit on the sum of the costs kept, > 0; INFINITY = none, for methods
                                that find their own number */
    const uint8_t
        *have; /* d: 1 = held already: it costs nothing, is never kept again, and counts where
                                columns add to one another; or NULL */
    const uint8_t *avoid; /* d: 1 = never keep, or NULL */
} cull_feature_problem;

/* What a method says of columns. */
typedef enum { CULL_REJECTED, CULL_TENTATIVE, CULL_CONFIRMED } cull_verdict;
/* What was kept, and what was found of every column. Owned; free with cull_feature_pick_free, which may be
 * after the ctx that made it (the `free` hook must still work then). */
typedef struct cull_feature_pick {
    cull_pick pick; /* columns kept, in the order chosen, with their scores */
    int64_t d;
    double *score; /* d: larger = better; NaN = nothing to score (constant, all missing, avoided) */
    double *p;     /* d: p-values where the method tests, else NULL */
    uint8_t *verdict;     /* d: cull_verdict where the method finds its own number, else NULL */
    const char *score_is; /* "mutual information, nats" (static) */
    /* Of a method that also chooses among the values of columns, else NULL. */
    int64_t *
        level_at; /* d+1: those of column c are level_at[c] .. level_at[c+1]-1 of the next; first its
                            levels (a numeric column: its bins, in order), then a missing value */
    uint8_t *level_kept; /* 0 = counts as no value at all */
} cull_feature_pick;
CULL_API void cull_feature_pick_free(cull_feature_pick *k);

/* Run m (a method of task feature) on p; opts NULL = defaults. *out is empty unless CULL_OK, or
 * CULL_ECANCEL by an ANYTIME method. CULL_EINPUT, by name: no target where m needs one, a target that is
 * missing, out of range or of one class only, a code out of its column's range, an infinity, missing
 * values or categorical columns where m takes none (CULL_TAKES_MISSING, CULL_TAKES_CATEGORIES), a cost,
 * budget or group as in cull_data_pick, shapes that disagree, options of another method. A column that is
 * constant or all missing is no error: it is never kept. Source of each method: its file's head comment. */
CULL_API cull_status cull_feature_select(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                         const cull_feature_problem *p,
                                         cull_feature_pick *out) CULL_CHECKED;
/* What that would take, like cull_data_plan. */
CULL_API cull_status cull_feature_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                       const cull_feature_problem *p, cull_plan *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
