/* select2reason - Select2Reason: joint rank of difficulty and trace length (Yang et al. 2025)
 *
 * Chooses   reasoning examples to fine-tune on.
 * Idea      Rank by difficulty and rank by length of the reasoning trace, both descending from 0;
 *           keep the smallest  J = weight * rank_difficulty + (1 - weight) * rank_length. Ranks, not
 *           scores, so that any monotone map of either leaves the choice as it is.
 * Reads     columns difficulty (of the question: a judge's probability, or 1 - pass rate) and length
 *           (of the trace; the paper's final version drops exact repeats of a step first).
 * Deviates  Equal values rank in order of the pool, as in the paper's code; equal J too. Unequal
 *           costs: smallest J first, while they fit the budget.
 * Cost      O(n) time, 49 n bytes; 3 passes over the columns. The score is -J.
 * Example   cull data select2reason --budget 10% --scores judged.csv traces.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"

typedef struct {
    double weight;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 0.25, 0, 1, "weight of the rank by difficulty; length has the rest"),
    CULL_OPT_END};

/* score[i] -= weight * rank of v[i] */
static cull_status subtract_rank(cull_ctx *cx, const double *v, int64_t n, double weight,
                                 double *score)
{
    cull__mark_t m = cull__mark(cx);
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, order, n));
    CULL_TRY(cull__order(cx, v, n, order));
    for (int64_t r = 0; r < n; r++) score[order[r]] -= weight * (double)r;
    cull__release(cx, m);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    const double *difficulty = cull_table_col(&p->score, "difficulty");
    const double *length = cull_table_col(&p->score, "length");
    cull__taker t;
    double *score;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP0(cx, score, p->n));
    CULL_TRY(cull__tick(cx, 0, 3));
    CULL_TRY(subtract_rank(cx, difficulty, p->n, o->weight, score));
    CULL_TRY(cull__tick(cx, 1, 3));
    CULL_TRY(subtract_rank(cx, length, p->n, 1 - o->weight, score));
    CULL_TRY(cull__take_best(cx, &t, NULL, score, NULL));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o, int threads, cull_plan *out)
{
    uint64_t n = (uint64_t)p->n, best = cull__take_best_plan(p) + 8 * n;
    uint64_t sort = cull__taker_plan(p) + 8 * n + 40 * n;
    (void)o, (void)threads;
    *out = (cull_plan){best > sort ? best : sort, 3, 0};
}

const cull_method cull__method_select2reason = {
    .slug = "select2reason",
    .title = "hard questions with long reasoning traces, by one joint rank",
    .paper = "Yang et al. 2025, Select2Reason: Efficient Instruction-Tuning Data Selection for "
             "Long-CoT Reasoning",
    .columns = "difficulty,length",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
