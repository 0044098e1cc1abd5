/* variance - columns whose values vary most
 *
 * Chooses   columns of large variance: what hardly changes can tell little apart.
 * Idea      The population variance of each column, or of the column divided by its range, so that units do
 *           not count. The largest are kept.
 * Reads     numeric columns. Missing values are left out; a column that is constant is never kept.
 * Deviates  -
 * Cost      O(n d) time, one pass over the rows; 5 d numbers for each of up to 64 chunks of rows.
 * Example   cull feature variance --budget 20 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/columns.h"

typedef struct {
    int scale;
} opts;
enum { NONE, RANGE };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, scale, NONE, "none|range", "what values are divided by first"),
    CULL_OPT_END,
};

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o_,
                       cull_feature_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    double *score;
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    CULL_TRY(cull__column_variance(cx, p, o->scale == RANGE, score));
    CULL_TRY(cull__columns_best(cx, p, &t, score));
    const char *is = o->scale == RANGE ? "variance over the squared range" : "variance";
    return cull__columns_pick(cx, p, &t, &(cull__columns){.score = score, .score_is = is}, out);
}

static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)o;
    uint64_t sweep = cull__column_sweep_bytes(p, CULL__VARIANCE, threads),
             best = 8 * (uint64_t)p->d;
    *out = (cull_plan){cull__columns_plan(p) + 8 * (uint64_t)p->d + (sweep > best ? sweep : best),
                       1, 8 * (double)p->n * (double)p->d};
}

const cull_method cull__method_variance = {
    .slug = "variance",
    .title = "columns whose values vary most",
    .paper = "",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_BASELINE | CULL_TAKES_MISSING,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
