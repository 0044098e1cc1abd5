/* folds.h - rows dealt out to folds for cross-validation. */
#ifndef CULL__FOLDS_H
#define CULL__FOLDS_H
#include "base/base.h"

/* fold (n) = 0 .. k-1 for each row: a group (0 .. groups-1; NULL = each row by itself) is in one fold alone,
 * folds have alike many rows and, with classes (y 0 .. classes-1), alike many of each; for numbers
 * (classes = 0; y may be NULL) alike many. Random by `stream`. EINPUT where there are fewer groups than
 * folds. A class that one group alone holds is unknown to who learns from the other folds.
 * O(n log n + groups k classes) time. */
cull_status cull__folds(cull_ctx *cx, int64_t n, const double *y, int32_t classes,
                        const int32_t *group, int32_t groups, int64_t k, uint64_t stream,
                        int32_t *fold);
/* Rows in order: those to train on (*train of them), then a share of the rows, or of the groups, that is held
 * out: at least one, and all but one at most. By `stream`. O(n). */
cull_status cull__holdout(cull_ctx *cx, int64_t n, const int32_t *group, int32_t groups,
                          double share, uint64_t stream, int64_t *order, int64_t *train);
#endif
