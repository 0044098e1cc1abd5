/* dsir - DSIR: importance resampling on hashed n-grams (Xie et al. 2023)
 *
 * Chooses   texts that are likely under the target's n-grams and unlikely under the pool's.
 * Idea      Both corpora as bags of hashed words and word pairs; the log importance weight of a text
 *           is the sum over its n-grams of log p_target - log p_pool. Drawn without replacement in
 *           proportion to the weight, by Gumbel noise on its logarithm (sections 3 and 4).
 * Reads     the pool's text and the target's text.
 * Deviates  Both distributions are smoothed by alpha counts a bucket; the paper's code adds 1e-8 to
 *           the probabilities. sample = false keeps the largest weights, without the noise.
 * Cost      O(bytes) time, 2 passes over the text; 16 n + 16 buckets bytes.
 * Example   cull data dsir --budget 5% --target target.jsonl pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"
#include "score/score.h"

typedef struct {
    int64_t buckets;
    double alpha;
    bool sample;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, buckets, 10000, 16, 1 << 24, "hash buckets of the n-grams"),
    CULL_OPT_F64(opts, alpha, 1, 1e-6, 1e6, "counts added to each bucket of both distributions"),
    CULL_OPT_BOOL(opts, sample, true, "draw by weight; false = keep the largest weights"),
    CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    double *logw, *key;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, logw, p->n));
    CULL_TRY(CULL_TMP(cx, key, p->n));
    CULL_TRY(cull__dsir(cx, p->text, p->target_text, o->buckets, o->alpha, logw));
    cull_rng r = cull__rng(cx, 0);
    for (int64_t i = 0; i < p->n; i++) key[i] = logw[i] + (o->sample ? cull__rng_gumbel(&r) : 0);
    CULL_TRY(cull__take_best(cx, &t, NULL, key, NULL));
    for (int64_t i = 0; i < t.count; i++) t.score[i] = logw[t.idx[i]];
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    uint64_t both = 16 * (uint64_t)p->n;
    uint64_t weights = cull__dsir_plan(p->text, p->target_text, o->buckets, threads);
    uint64_t weighing = cull__taker_plan(p) + weights, taking = cull__take_best_plan(p);
    *out = (cull_plan){both + (weighing > taking ? weighing : taking), 2, 0};
}

const cull_method cull__method_dsir = {
    .slug = "dsir",
    .title = "importance resampling by hashed n-grams",
    .paper = "Xie et al. 2023, Data Selection for Language Models via Importance Resampling",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_TEXT | CULL_NEEDS_TARGET | CULL_STOCHASTIC | CULL_BASELINE,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
