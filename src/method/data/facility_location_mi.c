/* facility-location-mi - near to every target example, and each near to one (Kothawade et al. 2022)
 *
 * Chooses   examples for a target: every target example gets a near one, and eta says how much it counts
 *           that each kept example is itself near to the target.
 * Idea      The mutual information of facility location between the kept and the target (Iyer et al.
 *           2021), in the form that needs no similarity within the pool (FLQMI): the sum over target
 *           examples of the largest similarity to a kept one, and eta times the sum over the kept of
 *           the largest similarity to a target example. Submodular and monotone; greedy choice.
 * Reads     embeddings of the pool and of the target.
 * Deviates  Similarities below 0 count as 0. Examples held already cover the target from the start.
 * Cost      O(n m d) time for m target examples; 4 n m bytes where there is room, up to 2 GiB, else
 *           similarities are made anew for each question.
 * Example   cull data facility-location-mi --budget 2% --target dev.jsonl pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

typedef struct {
    double eta;
    cull__cover_opts cover;
    cull__greedy_opts greedy;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(
        opts, eta, 1, 0, 1e6,
        "weight of each kept example's own nearness: 0 = only the target's coverage counts"),
    CULL__COVER_ROWS(opts), CULL__GREEDY_ROWS(opts), CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    cull__cover c;
    cull__gain g;
    float *own;
    double value;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(cull__cover_new(cx, p, p->target, CULL__NEAREST, &o->cover, &c, &g));
    CULL_TRY(CULL_TMP(cx, c.bonus, p->n));
    CULL_TRY(CULL_TMP(cx, own, p->n));
    CULL_TRY(cull__cover_best(cx, &c, p->target, own));
    for (int64_t i = 0; i < p->n; i++) c.bonus[i] = o->eta * (double)own[i];
    CULL_TRY(cull__greedy(cx, &g, &t, &o->greedy, &value));
    CULL_TRY(cull__cover_tell(cx, "facility-location-mi", &c));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    double flops;
    uint64_t own = 12 * (uint64_t)p->n, greedy = cull__greedy_plan(p, &o->greedy);
    uint64_t target = cull__panels_bytes(cull_pool_n(p->target), cull_pool_d(p->target));
    uint64_t later = own + (greedy > target ? greedy : target);
    uint64_t cover = cull__cover_plan(p, p->target, &o->cover, threads, later, &flops);
    *out = (cull_plan){cull__taker_plan(p) + cover, 1, 2 * flops};
}

const cull_method cull__method_facility_location_mi = {
    .slug = "facility-location-mi",
    .title = "near to every target example, and each near to one",
    .paper = "Kothawade et al. 2022, PRISM: A Rich Class of Parameterized Submodular Information "
             "Measures for Guided Data Subset Selection",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL | CULL_NEEDS_TARGET,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
