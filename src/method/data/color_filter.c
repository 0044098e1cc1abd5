/* color-filter - CoLoR-Filter: Conditional Loss Reduction Filtering (Brandfonbrener et al. 2024)
 *
 * Chooses   training sequences for a target domain.
 * Idea      Keep the sequences whose loss falls most when a small language model, trained on a
 *           sample of the pool, is tuned to the target: score = loss_prior - loss_cond, largest
 *           first, of the whole pool or of tau random candidates for each one kept (section 3).
 *           rule = conditional is the paper's companion: smallest loss_cond, whatever the prior.
 * Reads     columns loss_prior and loss_cond: mean loss of each example under the two models, nats
 *           a token (means, so that lengths do not count).
 * Deviates  (a) tau is 0 by default, the whole pool; the paper takes 7, 16, 32 or 64, for that many
 *           candidates need scoring. (b) Unequal costs: best first, while they fit the budget.
 * Cost      O(n) time; n + 52 k bytes to keep k of n; 1 pass over the columns.
 * Example   cull data color-filter --budget 2 --scores losses.csv pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"

#include <math.h>

typedef struct {
    double tau;
    int rule;
} opts;
enum { REDUCTION, CONDITIONAL };
static const cull_opt table[] = {
    CULL_OPT_F64(opts, tau, 0, 0, 1e9,
                 "random candidates for each example that the budget buys; 0 = the whole pool"),
    CULL_OPT_ENUM(opts, rule, REDUCTION, "reduction|conditional",
                  "keep the largest loss_prior - loss_cond, or the smallest loss_cond"),
    CULL_OPT_END};

typedef struct {
    const double *prior, *cond;
} losses;

static void reduction(const void *arg, int64_t lo, int64_t hi, double *out)
{
    const losses *l = arg;
    for (int64_t i = lo; i < hi; i++) out[i - lo] = l->prior[i] - l->cond[i];
}

static void conditional(const void *arg, int64_t lo, int64_t hi, double *out)
{
    const losses *l = arg;
    for (int64_t i = lo; i < hi; i++) out[i - lo] = -l->cond[i];
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    losses l = {cull_table_col(&p->score, "loss_prior"), cull_table_col(&p->score, "loss_cond")};
    cull__taker t;
    CULL_TRY(cull__taker_new(cx, p, &t));
    double candidates = ceil(o->tau * p->budget / t.mean);
    if (o->tau > 0 && candidates < (double)p->n) {
        cull_rng r = cull__rng(cx, 0);
        cull__sample_mark(&r, p->n, (int64_t)candidates, t.taken);
        for (int64_t i = 0; i < p->n; i++) t.taken[i] ^= 1; /* the others are out */
    }
    CULL_TRY(cull__take_best(cx, &t, o->rule == REDUCTION ? reduction : conditional, &l, NULL));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)o, (void)threads;
    *out = (cull_plan){cull__take_best_plan(p), 1, (double)p->n};
}

const cull_method cull__method_color_filter = {
    .slug = "color-filter",
    .title = "examples that a model tuned to the target finds easier than its prior does",
    .paper = "Brandfonbrener et al. 2024, CoLoR-Filter: Conditional Loss Reduction Filtering for "
             "Targeted Language Model Pre-training",
    .columns = "loss_prior,loss_cond",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
