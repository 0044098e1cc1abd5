/* outcomes.h - how sure models are of rows of outcomes, whatever that is known from. */
#ifndef CULL__SCORE_OUTCOMES_H
#define CULL__SCORE_OUTCOMES_H
#include "base/base.h"
#include "cull/confidence.h"
#include "cull/outcomes.h"

/* Of model k and rows lo .. lo + n: its scores where there are some, else how sure its outputs are; label (may be NULL): the class
 * of its largest output, -1 where there are none. */
cull_status cull__outcomes_sure(cull_ctx *cx, const cull_outcomes *o, int k, cull_sure sure,
                                int64_t lo, int64_t n, double *score, int32_t *label);
/* All features of a row side by side: x (n, d), scratch. EINPUT where one is not finite. */
cull_status cull__outcomes_features(cull_ctx *cx, const cull_outcomes *o, double **x, int64_t *d);
/* Row i of what model k put out, as probabilities that sum to 1. */
void cull__outcomes_proba(const cull_outcomes *o, int k, int64_t i, double *p);
/* Of rows row[0..n) of o those that something is learnt from (0) and those that a limit is tested on (1), about a share `hold` of
 * them, by chance; copies of a row are on one side. */
void cull__outcomes_split(cull_ctx *cx, const cull_outcomes *o, const int64_t *row, int64_t n,
                          double hold, uint8_t *half);
/* "each of 3 groups (north, south, west)", the first ones' names; where they have none, their numbers. Returns buf. */
const char *cull__outcomes_groups(const cull_outcomes *o, char *buf, size_t size);
/* What running model k on row i costs. */
static inline double cull__outcomes_cost(const cull_outcomes *o, int k, int64_t i)
{
    return o->cost ? o->cost[k * o->n + i] : o->each ? o->each[k] : 1;
}
#endif
