/* facility-location - every example of the pool near to a kept one (Nemhauser, Wolsey and Fisher 1978)
 *
 * Chooses   examples that stand for the whole pool: the sum over all of it of the similarity to the
 *           nearest kept one is large.
 * Idea      The sum is submodular: an example adds the less the more is kept. Taking the one that adds
 *           most comes within 1 - 1/e of the best choice of that size. Lazy evaluation asks again only
 *           for examples that could still be the best (Minoux 1978); stochastic greedy looks at a draw
 *           of them (Mirzasoleiman et al. 2015).
 * Reads     embeddings of the pool.
 * Deviates  (a) Above 20,000 examples each one is covered by its nearest 200 only (neighbours); how much
 *           of the sum that can hide at most is told. Above 100,000 not all of those are found, but at
 *           least 95 in 100 (recall), as measured on a sample, and what that hides is an estimate.
 *           (b) Similarities below 0 count as 0. (c) Unequal costs: most gain for the cost, or from the
 *           best single example on if that is more alone; quotas: the best that fits. (d) Examples held
 *           already cover from the start.
 * Cost      O(n^2 d) time for similarities. Held: 4 n^2 bytes, up to 2 GiB and half of the memory
 *           left; beyond that made anew for each question, O(n d) each. A graph: 16 n neighbours
 *           bytes, and with a recall below 1 a share of that time.
 * Example   cull data facility-location --budget 2% pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

typedef struct {
    cull__cover_opts cover;
    cull__greedy_opts greedy;
} opts;
static const cull_opt table[] = {CULL__COVER_ROWS(opts), CULL__GRAPH_ROW(opts),
                                 CULL__GREEDY_ROWS(opts), CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    cull__cover c;
    cull__gain g;
    double value;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(cull__cover_new(cx, p, p->pool, CULL__NEAREST, &o->cover, &c, &g));
    CULL_TRY(cull__greedy(cx, &g, &t, &o->greedy, &value));
    CULL_TRY(cull__cover_tell(cx, "facility-location", &c));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    double flops;
    uint64_t cover =
        cull__cover_plan(p, p->pool, &o->cover, threads, cull__greedy_plan(p, &o->greedy), &flops);
    *out = (cull_plan){cull__taker_plan(p) + cover, 1, flops};
}

const cull_method cull__method_facility_location = {
    .slug = "facility-location",
    .title = "every example of the pool near to a kept one",
    .paper = "Nemhauser, Wolsey and Fisher 1978, An analysis of approximations for maximizing "
             "submodular set functions",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 2,
    .flags = CULL_NEEDS_POOL,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
