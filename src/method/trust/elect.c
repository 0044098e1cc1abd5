/* elect - Candidates that are scored on the way: the earliest checkpoint at which all but the best may be dropped.
 *
 * Chooses   one row of each group: a group is a problem, its rows are candidates (seeds, samples, runs).
 * Idea      Candidates differ early. A score at a checkpoint, which need not be of what comes out, says which of them goes on; how
 *           early that is good enough is learnt from problems whose candidates were all run to the end.
 * Reads     score: a "model" is a checkpoint, in order, its score that of the candidate by then; truth: the quality of what
 *           came out, larger = better; group: the problem; each (or cost): what a candidate has cost up to the checkpoint,
 *           else 1, 2, ...
 * Deviates  The paper fixes the stop by hand and has no guarantee. Here the loss of a stop is how much worse its choice
 *           is than the last checkpoint's, in parts of the problem's range of quality, and the stop is the earliest that holds
 *           `level`: with probability 1 - delta (learn then test), or in expectation for delta 0 (conformal risk control on the
 *           largest loss from there on, which is more than asked). The paper's own score of edited images, what
 *           changed outside the edit, is made by whoever runs the editor. Rows of candidates that were dropped need some score at
 *           later checkpoints, which is not read.
 * Cost      O(rows checkpoints) time, for a guarantee 8 bytes a problem and checkpoint three times.
 * Example   cull trust elect --score s10,s20,s30,s100 --truth quality --group problem --level 0.05 runs.csv -o stop.json
 */
#include "base/base.h"
#include "choose/race.h"
#include "cull/compute.h"
#include "cull/trust.h"

#include <inttypes.h>
#include <math.h>

typedef struct {
    double halve;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, halve, 0, 0, 1e6,
                 "one candidate in so many goes on after the stop, and again whenever twice as "
                 "many checkpoints are done; 0 or 1 = one alone goes on"),
    CULL_OPT_END};

/* Rows by group: row[k] is candidate k of the race. Groups without a row are none. */
static cull_status race_of(cull_ctx *cx, const cull_outcomes *o, cull__race *r, int64_t **row)
{
    int64_t *first, *at;
    double *score, *quality = NULL;
    if (!o->group)
        return cull__fail(cx, CULL_EINPUT,
                          "elect needs to know which rows are candidates of one problem (--group)");
    CULL_TRY(CULL_TMP0(cx, first, o->groups + 1));
    CULL_TRY(CULL_TMP0(cx, at, o->groups + 1));
    CULL_TRY(CULL_TMP(cx, *row, o->n));
    CULL_TRY(CULL_TMP(cx, score, o->n * o->models));
    if (o->truth) CULL_TRY(CULL_TMP(cx, quality, o->n));
    for (int64_t i = 0; i < o->n; i++) at[o->group[i] + 1]++;
    for (int32_t g = 0; g < o->groups; g++) at[g + 1] += at[g];
    *r = (cull__race){0, first, o->n, o->models, score, quality, NULL};
    for (int32_t g = 0; g < o->groups; g++)
        if (at[g + 1] > at[g]) first[++r->problems] = at[g + 1];
    for (int64_t i = 0; i < o->n; i++) {
        int64_t c = at[o->group[i]]++;
        (*row)[c] = i;
        for (int k = 0; k < o->models; k++) score[k * o->n + c] = o->score[k * o->n + i];
        if (quality) quality[c] = o->truth[i];
    }
    return CULL_OK;
}

static cull_status costs(cull_ctx *cx, const cull_outcomes *o, double **cost)
{
    CULL_TRY(CULL_TMP(cx, *cost, o->models));
    for (int k = 0; k < o->models; k++) {
        double sum = 0;
        for (int64_t i = 0; o->cost && i < o->n; i++) sum += o->cost[k * o->n + i] / (double)o->n;
        (*cost)[k] = o->cost ? sum : o->each ? o->each[k] : k + 1;
    }
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, const cull_trust_problem *p, const void *o_, cull_policy *out)
{
    const opts *o = o_;
    cull__race r;
    double *cost, *mean_cost, *loss, mean[CULL_MODELS];
    int64_t *row;
    int stop;
    char name[2][16];
    CULL_TRY(race_of(cx, p->rows, &r, &row));
    CULL_TRY(costs(cx, p->rows, &cost));
    r.cost = cost;
    CULL_TRY(CULL_TMP(cx, loss, r.problems * r.steps));
    CULL_TRY(CULL_TMP(cx, mean_cost, r.steps));
    CULL_TRY(cull__race_losses(cx, &r, o->halve, loss, mean_cost));
    CULL_TRY(cull__race_stop(cx, loss, r.problems, r.steps, p->level, p->delta, mean, &stop));
    if (stop < 0)
        CULL_TRY(cull_policy_note(cx, out,
                                  "%" PRId64 " problems cannot show that any stop before the last "
                                  "loses %g at most: all candidates run to the end",
                                  r.problems, p->level));
    int at = stop < 0 ? r.steps - 1 : stop;
    CULL_TRY(cull_policy_note(
        cx, out,
        "the first cut is at %s: a problem costs %.4g instead of %.4g; its choice "
        "lost %.4g of the range of quality on the rows it was learnt from",
        cull_outcomes_name(p->rows, at, name[0]), mean_cost[at], mean_cost[r.steps - 1], mean[at]));
    CULL_TRY(cull_policy_put_number(cx, out, "stop", at));
    CULL_TRY(cull_policy_put(cx, out, "loss", 1, r.steps, mean));
    CULL_TRY(cull_policy_put(cx, out, "cost", 1, r.steps, mean_cost));
    CULL_TRY(cull_policy_put_text(cx, out, "unchecked",
                                  "what a stop loses shows only where candidates that it dropped "
                                  "were run to the end: fit on such rows instead"));
    return cull_policy_guarantee(
        cx, out,
        &(cull_guarantee){.bounds =
                              "quality lost by the early choice, in parts of a problem's range",
                          .level = p->level,
                          .delta = p->delta,
                          .assumes = "problems are drawn independently from one population",
                          .n = r.problems});
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_,
                         const cull_outcomes *rows, cull_decisions *out)
{
    const opts *o = o_;
    cull__race r;
    double stop, cost;
    int64_t *row, *alive;
    CULL_TRY(cull_policy_need_number(cx, p, "stop", &stop));
    if (!(stop >= 0 && stop < rows->models))
        return cull__fail(cx, CULL_EINPUT, "the policy stops at checkpoint %g of %d", stop,
                          rows->models);
    CULL_TRY(race_of(cx, rows, &r, &row));
    r.quality = NULL;
    CULL_TRY(cull__race_fits(cx, &r));
    CULL_TRY(CULL_TMP(cx, alive, rows->n));
    CULL_TRY(cull_decisions_new(cx, rows->n, CULL_DECIDES_KEEP | CULL_DECIDES_SCORE, 0, out));
    cull__race_plan plan = {(int)stop, o->halve};
    for (int64_t i = 0; i < rows->n; i++) out->score[i] = rows->score[plan.first * rows->n + i];
    for (int64_t i = 0; i < r.problems; i++)
        out->keep[row[cull__race_run(&r, &plan, i, alive, &cost)]] = 1;
    return CULL_OK;
}

static const cull_trust_fns fns = {
    .needs = CULL_READS_ONLY_SCORE | CULL_READS_TRUTH,
    .apply_needs = CULL_READS_ONLY_SCORE,
    .at_once = "",
    .delta = true,
    .fit = fit,
    .apply = apply,
};
const cull_method cull__method_elect = {
    .slug = "elect",
    .title = "the best of several candidates, the others stopped as early as is safe",
    .paper = "Kim et al. 2025, Early Timestep Zero-Shot Candidate Selection for "
             "Instruction-Guided Image Editing",
    .columns = "",
    .task = CULL_TASK_TRUST,
    .rev = 1,
    .flags = 0,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.trust = &fns,
};
