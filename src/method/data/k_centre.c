/* k-centre - no example of the pool far from a kept one (Gonzalez 1985)
 *
 * Chooses   examples such that the largest distance of any example to its nearest kept one is small.
 * Idea      Farthest first: the example that is farthest from all that is kept is taken next. The
 *           largest distance left is at most twice the least that is possible with so many centres
 *           (Gonzalez 1985, theorem 2.2).
 * Reads     embeddings of the pool.
 * Deviates  The paper begins anywhere: here with the example nearest to the mean, or with the first; or
 *           with the examples held already (Sener and Savarese 2018). Rows that must not be kept are
 *           not covered for certain. Costs and quotas: the farthest that fits; the bound is then lost.
 * Cost      O(n k d) time at most, less as distances to new centres are only computed for rows that
 *           could be the farthest; 28 n + 4 k d bytes; the pool is never copied.
 * Example   cull data k-centre --budget 500 pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

typedef struct {
    int metric, start;
} opts;
enum { COSINE, EUCLIDEAN, MEAN = 0, FIRST };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, metric, COSINE, "cosine|euclidean", "distance: 1 - cosine, or Euclidean"),
    CULL_OPT_ENUM(opts, start, MEAN, "mean|first",
                  "where nothing is held: begin nearest to the mean, or with the first that fits"),
    CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(cull__farthest(cx, p, p->pool, o->metric == COSINE, o->start == MEAN, &t));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    (void)o_, (void)threads;
    *out = (cull_plan){cull__taker_plan(p) + cull__farthest_plan(p, cull_pool_d(p->pool)), 2,
                       cull__farthest_flops(p, cull_pool_d(p->pool))};
}

const cull_method cull__method_k_centre = {
    .slug = "k-centre",
    .title = "farthest first: no example far from a kept one",
    .paper = "Gonzalez 1985, Clustering to minimize the maximum intercluster distance",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
