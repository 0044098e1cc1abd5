/* got-d - GOT-D: the gradient of optimal transport (Kang et al. 2024, Get more for less)
 *
 * Chooses   examples that pull the distribution a model was trained on toward the target, for a light
 *           training before the real fine-tuning. Not the examples that look most like the target.
 * Idea      The pool stands for what the model was trained on. One entropic transport of pool onto
 *           target, squared Euclidean cost; by the dual potential g_j of example j, the derivative of
 *           the transport's value by its mass, on the simplex, is g_j - sum_{i != j} g_i / (n - 1)
 *           (section 3.2). Kept are the most negative: more of these lowers the distance fastest.
 *           away = true keeps the most positive, which lead away from a target that is not wanted.
 * Reads     embeddings of the pool and of the target.
 * Deviates  (a) epsilon counts in mean costs, so that the scale of the embeddings does not matter; the
 *           paper's 0.1 is in units of its own. (b) The tolerance on the marginals is 0.01, not 0.1,
 *           and the over-relaxation is measured, not 1.3. (c) The screen of whole source domains
 *           that comes first is left to the user. (d) All of the pool is the source, also what is to
 *           be avoided; quotas and costs bind what is kept.
 * Cost      O(n d m) time and one pass over the pool an iteration, some ten iterations;
 *           8 n + 4 m d bytes, and 512 m for each worker. Never n x m numbers.
 * Example   cull data got-d --budget 2% --target dev.jsonl pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"
#include "num/num.h"

typedef struct {
    double epsilon, tolerance;
    int64_t iterations;
    bool away;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, epsilon, 0.1, 1e-3, 1e3, "weight of the entropy, in mean costs"),
    CULL_OPT_F64(opts, tolerance, 0.01, 1e-4, 1, "largest error of the transport's marginals"),
    CULL_OPT_I64(opts, iterations, 2000, 100, 1000000, "transport iterations at most"),
    CULL_OPT_BOOL(opts, away, false, "keep what leads away from the target"), CULL_OPT_END};

/* Minus the derivative, or the derivative itself, over the potentials. */
static void to_scores(double *f, int64_t n, bool away)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += f[i];
    for (int64_t i = 0; i < n; i++) {
        double g = n > 1 ? f[i] - (sum - f[i]) / (double)(n - 1) : 0;
        f[i] = away ? g : -g;
    }
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__sinkhorn_opts so = {.epsilon = o->epsilon,
                              .relative = true,
                              .tolerance = o->tolerance,
                              .iterations = o->iterations};
    cull__transport done;
    cull__taker t;
    double *f, *g;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, f, p->n));
    CULL_TRY(CULL_TMP(cx, g, cull_pool_n(p->target)));
    CULL_TRY(cull__sinkhorn(cx, p->pool, p->target, &so, f, g, &done));
    cull__log(cx, CULL_LOG_INFO, "got-d: %d iterations; transport costs %.6g to %.6g (+- %.2g)",
              (int)done.iterations, done.dual, done.primal, done.rounding);
    to_scores(f, p->n, o->away);
    CULL_TRY(cull__take_best(cx, &t, NULL, f, NULL));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    int64_t m = cull_pool_n(p->target);
    uint64_t take = cull__take_best_plan(p);
    uint64_t moving =
        cull__taker_plan(p) + cull__sinkhorn_bytes(p->n, m, cull_pool_d(p->pool), threads);
    (void)o_;
    *out = (cull_plan){8 * (uint64_t)(p->n + m) + (moving > take ? moving : take), 0, 0};
}

const cull_method cull__method_got_d = {
    .slug = "got-d",
    .title = "what pulls the pool toward the target: the gradient of optimal transport",
    .paper = "Kang et al. 2024, Get more for less: Principled Data Selection for Warming Up "
             "Fine-Tuning in LLMs",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL | CULL_NEEDS_TARGET,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
