/* optcs - Optimized Conformal Selection (Bai and Jin 2024)
 *
 * Chooses   test rows whose truth is wanted (1, or above a number), by the best of several models, and a share `level` at most is
 *           wrong on average although the same calibration rows choose the model.
 * Idea      For each test row and model: how many rows would be chosen if this row were certain and stood among the
 *           calibration rows? The model for which that is most judges the row; as the question does not look at the row's own
 *           rank, its p-value stays one. Rows that pass at their own number are e-values, which e-BH puts together.
 * Reads     a score of each model, or outputs of which class 1 is wanted; truth. With leave-one-out: scores of fits over all
 *           calibration and test rows, test rows labelled 0, each row scored by the fit that left it out (OptCS-Full-MSel;
 *           of one model OptCS-Full, which is Benjamini-Hochberg over them).
 * Deviates  (a) All numbers of rows come from one order of the scores, in n log n for a model, exactly; the published code runs
 *           Benjamini-Hochberg for each row and model. (b) Equal scores count against a row (ties = count), where one
 *           published script has a strict comparison. (c) The variant that fits n + 1 models for each test row is not here: it
 *           is no function of a table of scores.
 * Cost      O(K (n + m) log (n + m)) time; 16 bytes a test score and about 120 a row for each worker. The policy holds the scores of the
 *           calibration rows that are not wanted.
 * Example   cull trust optcs --level 0.1 --score ridge,forest,knn --truth affinity --above 6 calib.csv -o cert.json
 */
#include "base/base.h"
#include "choose/positives.h"
#include "cull/compute.h"

typedef struct {
    int prune, ties;
    double beta;
    bool leave_one_out;
} opts;
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, prune, CULL_PRUNE_HOMO, "dtm|homo|hete",
                  "rows are pruned by no random number, one of all, or each row's own"),
    CULL_OPT_ENUM(
        opts, ties, CULL_TIES_COUNT, "count|strict|random",
        "rows of equal scores count all, not at all, which is right only where there are none, or "
        "by a random share"),
    CULL_OPT_F64(opts, beta, 1, 0.01, 1, "evidence is asked for at this share of the level"),
    CULL_OPT_BOOL(opts, leave_one_out, false,
                  "scores are of leave-one-out fits over calibration and test rows together"),
    CULL_OPT_END};

static cull_status fit(cull_ctx *cx, const cull_trust_problem *p, const void *o_, cull_policy *out)
{
    const opts *o = o_;
    if (p->rows->weight)
        return cull__fail(cx, CULL_EINPUT,
                          "optcs takes no weights; conformal-selection does, for one model");
    CULL_TRY(cull__positives_keep(cx, p, 0, p->rows->models, false, out));
    return cull_policy_guarantee(
        cx, out,
        &(cull_guarantee){
            .bounds = "false discovery rate",
            .level = p->level,
            .assumes = o->leave_one_out
                           ? "calibration and test rows are exchangeable, and every row was scored "
                             "by the same fit without it"
                           : "calibration and test rows are exchangeable, and no model has seen "
                             "the calibration rows",
            .n = p->rows->n});
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_,
                         const cull_outcomes *rows, cull_decisions *out)
{
    const opts *o = o_;
    const double *v;
    cull__positives c;
    CULL_TRY(cull__positives_read(cx, p, &c));
    if (c.models != rows->models)
        return cull__fail(cx, CULL_EINPUT,
                          "the policy is damaged: it has scores of %d models, not %d", c.models,
                          rows->models);
    CULL_TRY(cull__positives_scores(cx, rows, c.above, &v));
    CULL_TRY(cull_decisions_new(cx, rows->n,
                                CULL_DECIDES_KEEP | CULL_DECIDES_P | CULL_DECIDES_SCORE, 0, out));
    cull_select_opts s = {.q = c.level,
                          .prune = (cull_prune)o->prune,
                          .ties = (cull_ties)o->ties,
                          .beta = o->beta,
                          .stream = cull__positives_stream(rows, false)};
    cull_selection chosen = {.keep = out->keep, .p = out->p, .e = out->score};
    if (c.models > 1 || !o->leave_one_out)
        return cull_conform_select_model(cx, c.v, c.n, v, rows->n, c.models, &s, &chosen);
    for (int64_t i = 0; i < rows->n; i++) out->score[i] = -v[i];
    chosen.e = NULL;
    return cull_conform_select(cx, c.v, c.n, v, rows->n, &s, &chosen);
}

static const cull_trust_fns fns = {
    .needs = CULL_READS_SCORE | CULL_READS_TRUTH,
    .apply_needs = CULL_READS_SCORE,
    .at_once = "",
    .fit = fit,
    .apply = apply,
};
const cull_method cull__method_optcs = {
    .slug = "optcs",
    .title = "rows whose truth is wanted, by the best of several models, with a bound on the share "
             "that is wrong",
    .paper = "Bai and Jin 2024, Optimized Conformal Selection: Powerful Selective Inference After "
             "Conformity Score Optimization",
    .columns = "",
    .task = CULL_TASK_TRUST,
    .rev = 2,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.trust = &fns,
};
