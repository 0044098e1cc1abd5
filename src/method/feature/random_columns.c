/* random-columns - a uniform sample of columns: the baseline that every other method must beat.
 *
 * Chooses   columns, uniformly without replacement, while they fit the budget.
 * Idea      A random number for each column; the largest are kept.
 * Reads     nothing but the number of columns and their costs.
 * Deviates  -
 * Cost      O(d) time and memory; no pass over the rows.
 * Example   cull feature random-columns --budget 20 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"

typedef struct {
    char none;
} opts;
static const cull_opt table[] = {CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    (void)o;
    cull__taker t;
    double *score;
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    cull_rng r = cull__rng(cx, 0);
    for (int64_t c = 0; c < p->d; c++) score[c] = cull__rng_unit(&r);
    CULL_TRY(cull__columns_best(cx, p, &t, score));
    return cull__columns_pick(cx, p, &t, &(cull__columns){.score = score, .score_is = "random"},
                              out);
}

static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)o, (void)threads;
    *out = (cull_plan){cull__columns_plan(p) + 16 * (uint64_t)p->d, 0, 0};
}

const cull_method cull__method_random_columns = {
    .slug = "random-columns",
    .title = "a uniform sample of columns",
    .paper = "",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_BASELINE | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
