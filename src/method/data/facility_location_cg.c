/* facility-location-cg - for the pool what given examples do not give (Kothawade et al. 2022)
 *
 * Chooses   examples that stand for the part of the pool that the examples of --against do not stand for:
 *           a private or known set to stay away from.
 * Idea      The conditional gain of facility location (Iyer et al. 2021): an example of the pool is
 *           covered by its nearest kept one only as far as that is more alike than nu times its nearest
 *           one of the given set. Submodular and monotone; greedy choice.
 * Reads     embeddings of the pool and of the examples to stay away from.
 * Deviates  As facility-location: above 20,000 examples the nearest 200 only, above 100,000 at least 95 in
 *           100 of those; similarities below 0 count as 0; examples held already cover from the start.
 * Cost      As facility-location, and O(n a d) time for a examples to stay away from.
 * Example   cull data facility-location-cg --budget 2% --against known.jsonl pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

typedef struct {
    double nu;
    cull__cover_opts cover;
    cull__greedy_opts greedy;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, nu, 1, 0, 1e6,
                 "how strictly to stay away: 0 = not at all, 1 = as if those examples were held"),
    CULL__COVER_ROWS(opts), CULL__GRAPH_ROW(opts), CULL__GREEDY_ROWS(opts), CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    cull__cover c;
    cull__gain g;
    double value;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(cull__cover_new(cx, p, p->pool, CULL__NEAREST, &o->cover, &c, &g));
    CULL_TRY(cull__cover_best(cx, &c, p->against, c.first));
    for (int64_t j = 0; j < p->n; j++) c.first[j] = (float)(o->nu * (double)c.first[j]);
    CULL_TRY(cull__greedy(cx, &g, &t, &o->greedy, &value));
    CULL_TRY(cull__cover_tell(cx, "facility-location-cg", &c));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    double flops, a = (double)cull_pool_n(p->against), d = (double)cull_pool_d(p->pool);
    uint64_t away = cull__panels_bytes(cull_pool_n(p->against), cull_pool_d(p->against));
    uint64_t greedy = cull__greedy_plan(p, &o->greedy), later = greedy > away ? greedy : away;
    uint64_t cover = cull__cover_plan(p, p->pool, &o->cover, threads, later, &flops);
    *out = (cull_plan){cull__taker_plan(p) + cover, 2, flops + 2 * (double)p->n * a * d};
}

const cull_method cull__method_facility_location_cg = {
    .slug = "facility-location-cg",
    .title = "for the pool what given examples do not give",
    .paper = "Kothawade et al. 2022, PRISM: A Rich Class of Parameterized Submodular Information "
             "Measures for Guided Data Subset Selection",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 2,
    .flags = CULL_NEEDS_POOL | CULL_NEEDS_AGAINST,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
