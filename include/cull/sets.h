/* cull/sets.h - prediction sets: how strange a class is of a row, and which classes are not too strange.
 *
 * A calibration row's number is how strange its true class is (cull_set_scores); a quantile of those (cull/conform.h) is the
 * threshold; a row's set is the classes that are no stranger (cull_set_members). Probabilities are softmax in double, or as
 * given over their sum; classes of one probability stand in their order. */
#ifndef CULL_SETS_H
#define CULL_SETS_H
#include "cull/confidence.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CULL_SET_LAC, /* 1 - p (Sadinle, Lei and Wasserman 2019): the smallest sets on average, some of them empty */
    CULL_SET_APS, /* probability of all likelier classes, and of this one (Romano, Sesia and Candes 2020) */
    CULL_SET_RAPS, /* that and lambda max(0, rank - k) (Angelopoulos et al. 2021): fewer large sets */
    CULL_SET_TOP   /* rank, from 1 on: sets of one size */
} cull_set_score;
typedef struct {
    cull_set_score score;
    /* Of APS and RAPS: a random part of the class's own probability counts, the same of all classes of a row. Coverage is exact then, and
     * sets are smaller; some are empty. */
    bool randomised;
    double lambda;   /* of RAPS, >= 0 */
    int64_t k;       /* of RAPS: ranks, from 1 on, that cost nothing */
    uint64_t stream; /* random numbers are of (seed of cx, stream, row and what it holds), */
    int64_t first;   /* where rows count from this number on */
} cull_set_opts;
/* v (n): how strange class label[i] is of row i. O(n classes) time. */
CULL_API cull_status cull_set_scores(cull_ctx *cx, const cull_class_rows *r, const int32_t *label,
                                     const cull_set_opts *o, double *v) CULL_CHECKED;
/* set (n, classes): 1 where class c of row i is at most q[i * row_step + c * class_step] strange. Steps of 0 and 0: one
 * threshold; 1 and 0: one of each row; 0 and 1: of each class. O(n classes log classes) time. */
CULL_API cull_status cull_set_members(cull_ctx *cx, const cull_class_rows *r,
                                      const cull_set_opts *o, const double *q, int64_t row_step,
                                      int64_t class_step, uint8_t *set) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
