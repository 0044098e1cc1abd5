/* limit.h - how far along a path of choices a limit to the mean loss holds, the safest choice first. */
#ifndef CULL__LIMIT_H
#define CULL__LIMIT_H
#include "base/base.h"

typedef struct {
    int64_t n;            /* rows that nothing of the path was chosen by */
    const int32_t *group; /* n: it must hold in each, by the same choice; NULL = all rows are one */
    int32_t groups;
    double level,
        delta; /* the mean loss is at most `level`, but with the chance delta; delta 0 = in expectation */
    double low; /* losses lie in [low, 1], low <= 0; those of what is safe by itself are 0 */
} cull__limit;
/* What the rows lose (n) at a place of the path; asked for in order, and never behind the first that does not hold. */
typedef cull_status cull__limit_loss(cull_ctx *cx, void *arg, int64_t place, double *loss);

/* Places 0 .. *held - 1 hold the limit. delta > 0: learn then test in the order of the path (cull_risk_learn), where a place's
 * p-value is the largest of the groups': exact for losses of 0 and 1, else by betting; so all groups hold it at once with
 * probability 1 - delta. delta 0: conformal risk control of each row's largest loss up to a place, or 0 if that is more, which is
 * what makes losses grow along the path as that wants; rows are then exchangeable with those to come, within each group.
 * *first: of the first place that does not hold (of the last, where all do) the largest p-value or bound. A group without rows holds
 * nowhere. */
cull_status cull__limit_along(cull_ctx *cx, const cull__limit *l, int64_t places,
                              cull__limit_loss *loss, void *arg, int64_t *held, double *first);
#endif
