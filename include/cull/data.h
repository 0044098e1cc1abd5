/* cull/data.h - choose training examples under a budget.
 *
 * Pointers in a problem are borrowed for the call. Problems may be shared between threads. */
#ifndef CULL_DATA_H
#define CULL_DATA_H
#include "cull/base.h"
#include "cull/corpus.h"
#include "cull/method.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_data_problem {
    int64_t n;                  /* examples in the pool */
    cull_table score;           /* n rows: named columns that a method reads */
    const cull_pool *pool;      /* (n, d) embeddings, or NULL */
    const cull_pool *target;    /* (m, d) embeddings of target examples, or NULL */
    const int32_t *target_task; /* m: the task of each target example, or NULL = one task */
    int32_t target_tasks;       /* number of tasks */
    const cull_corpus *text, *target_text; /* the same examples as text, or NULL */
    const double *cost;                    /* n, > 0, or NULL = 1 each */
    double budget;                         /* upper limit on the sum of the costs kept, > 0 */
    const int32_t *group;                  /* n: group of each example, or NULL */
    int32_t groups;                        /* number of groups */
    const double *quota;  /* groups: upper limit on the cost kept of each, or NULL */
    const uint8_t *avoid; /* n: 1 = never keep, or NULL */
    const uint8_t *have;  /* n: 1 = held already: it costs nothing, is never kept again, and counts
                             for methods whose examples add to one another; or NULL */
    const double
        *rate;     /* weights, > 0, of as many vectors of one length that a row of embeddings is
                           made of (gradients at checkpoints, side by side), or NULL = a row is one */
    int32_t rates; /* number of weights */
    const cull_pool *against; /* (a, d) embeddings of examples to stay away from, or NULL */
} cull_data_problem;

/* Run m (a method of task data) on p; opts NULL = defaults. *out is empty unless CULL_OK, or
 * CULL_ECANCEL by an ANYTIME method. CULL_EINPUT, by name: a missing input or column, a number that
 * is not finite in what m reads, a cost that is not positive, a budget that is not positive or
 * below the least cost, a negative quota, a group or task out of range, shapes that disagree,
 * options of another method. What is kept is within the budget and every quota, but need not fill
 * them. Source of each method: its file's head comment (`cull info METHOD`). */
CULL_API cull_status cull_data_pick(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                    const cull_data_problem *p, cull_pick *out) CULL_CHECKED;

/* What cull_data_pick would take with cx's threads, within a tenth of the bytes; from shapes and
 * costs alone, without reading the pool. bytes 0: the method does not say. Checks the problem like
 * cull_data_pick, except for the numbers in pools and columns. */
CULL_API cull_status cull_data_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                    const cull_data_problem *p, cull_plan *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
