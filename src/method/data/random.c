/* random - a uniform sample: the baseline that every other method must beat.
 *
 * Chooses   training examples, uniformly without replacement, while they fit the budget.
 * Idea      A random order; each example in turn is kept if budget and quotas allow.
 * Reads     nothing but the number of examples, costs and groups.
 * Deviates  -
 * Cost      O(n) time; 9 n + 20 k bytes to keep k of n; no pass over the pool.
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
    int64_t *row;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, row, p->n));
    for (int64_t i = 0; i < p->n; i++) row[i] = i;
    cull_rng r = cull__rng(cx, 0);
    for (int64_t i = 0; i < p->n && !cull__taker_full(&t); i++) { /* a shuffle, as far as needed */
        int64_t j = i + cull__rng_below(&r, p->n - i), chosen = row[j];
        row[j] = row[i];
        if (i % 65536 == 0) CULL_TRY(cull__tick(cx, (double)i, (double)p->n));
        cull__take(&t, chosen, 0, -1);
    }
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)o, (void)threads;
    *out = (cull_plan){cull__taker_plan(p) + 8 * (uint64_t)p->n, 0, 0};
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
    .plan.data = plan,
};
