/* random - a uniform sample: the baseline that every other method must beat.
 *
 * Chooses   training examples, uniformly without replacement, while they fit the budget.
 * Idea      A random order; each example in turn is kept if budget and quotas allow.
 * Reads     nothing but the number of examples, costs and groups.
 * Deviates  -
 * Cost      O(n) time, 8 n bytes.
 * Example   cull data random --budget 2% pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"

typedef struct {
    char none;
} opts;
static const cull_opt table[] = {CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o, cull_pick *out)
{
    (void)o;
    cull__taker t;
    int64_t *order;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, order, p->n));
    CULL_TRY(cull__tick(cx, 0, 1));
    cull_rng r = cull__rng(cx, 0);
    CULL_TRY(cull__sample(cx, &r, p->n, p->n, order));
    for (int64_t i = 0; i < p->n && !cull__taker_full(&t); i++) cull__take(&t, order[i], 0, -1);
    return cull__taker_pick(cx, &t, "", out);
}

const cull_method cull__method_random = {
    .slug = "random",
    .title = "a uniform sample",
    .paper = "",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_BASELINE,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
};
