/* kept.h - which k of n things to keep, where only the loss of a whole set is known (kept.c). */
#ifndef CULL__KEPT_H
#define CULL__KEPT_H
#include "base/base.h"

/* What it costs to keep the things of which kept[i] is 1; finite; called from several threads. */
typedef double cull__kept_loss(const void *arg, const uint8_t *kept);
typedef struct {
    int64_t most; /* sets that may be tried one by one: with as many or fewer the answer is exact */
    int64_t
        beam; /* else things are dropped one after another, from the best so many sets at each step; 1 = greedy */
} cull__kept_opts;
/* kept (n), *loss and whether no set is better. Of equal losses the set that comes first in the order of its
 * members. 1 <= k <= n <= 4096. */
cull_status cull__kept_best(cull_ctx *cx, int64_t n, int64_t k, cull__kept_loss *fn,
                            const void *arg, const cull__kept_opts *o, uint8_t *kept, double *loss,
                            bool *exact);
#endif
