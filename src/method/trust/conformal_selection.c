/* conformal-selection - Selection by prediction with conformal p-values (Jin and Candes 2023), also under covariate shift
 *
 * Chooses   test rows whose truth is wanted (1, or above a number), of which a share `level` at most is wrong on average.
 * Idea      A calibration row that is not wanted and looks at least as good as the test row speaks against it: their share is
 *           its p-value, and the Benjamini-Hochberg procedure says how small it must be (with the
 *           clipped score). With weights: weighted p-values, and for each row what would be chosen were it certain (Jin and
 *           Candes 2023b), so that the rate is held although test rows are unlike calibration rows.
 * Reads     score, or outputs of which class 1 is wanted; truth; weight (of both sides) where there is a shift.
 * Deviates  (a) All auxiliary choices together take n log n, by an order that they share; the published code takes a loop over
 *           rows for each pair. (b) The published Python code gives an auxiliary p-value the weight of the wrong row; the
 *           paper's formula is kept. (c) Of several models one must be named beforehand; optcs chooses among them. (d) Under
 *           weights one random number prunes all rows by default (homo), which chooses most often all that pass. (e) Random
 *           numbers are of the seed and of the rows, so that another table has others under one seed.
 * Cost      O((n + m) log (n + m)) time; about 150 bytes a row. The policy holds the scores of the calibration rows that are not
 *           wanted.
 * Example   cull trust conformal-selection --level 0.1 --score s --truth active calib.csv -o cert.json
 */
#include "base/base.h"
#include "choose/positives.h"
#include "cull/compute.h"

typedef struct {
    int64_t which;
    int ties, prune;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, which, 0, 0, CULL_MODELS,
                 "which of several models, from 1; it must not depend on the calibration rows"),
    CULL_OPT_ENUM(
        opts, ties, CULL_TIES_RANDOM, "count|strict|random",
        "rows of equal scores count all, not at all, which is right only where there are none, or "
        "by a random share"),
    CULL_OPT_ENUM(
        opts, prune, CULL_PRUNE_HOMO, "dtm|homo|hete",
        "with weights: rows are pruned by no random number, one of all, or each row's own"),
    CULL_OPT_END};

static cull_status fit(cull_ctx *cx, const cull_trust_problem *p, const void *o_, cull_policy *out)
{
    const opts *o = o_;
    const cull_outcomes *rows = p->rows;
    int model = o->which > 0 ? (int)o->which - 1 : 0;
    if (model >= rows->models || (o->which == 0 && rows->models > 1))
        return cull__fail(
            cx, CULL_EINPUT,
            "model %d of %d: name one by number that was chosen beforehand, or let optcs "
            "choose among them",
            (int)o->which, rows->models);
    bool weighted = rows->weight != NULL;
    CULL_TRY(cull__positives_keep(cx, p, model, model + 1, weighted, out));
    return cull_policy_guarantee(
        cx, out,
        &(cull_guarantee){
            .bounds = "false discovery rate",
            .level = p->level,
            .assumes =
                weighted
                    ? "weights are the ratio of the densities of test and calibration rows, and "
                      "the model has not seen the calibration rows"
                    : "calibration and test rows are exchangeable, and the model has not seen "
                      "the calibration rows",
            .n = rows->n});
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_,
                         const cull_outcomes *rows, cull_decisions *out)
{
    const opts *o = o_;
    const double *v;
    cull__positives c;
    CULL_TRY(cull__positives_read(cx, p, &c));
    if (o->which > rows->models)
        return cull__fail(cx, CULL_EINPUT, "model %d of %d", (int)o->which, rows->models);
    if (c.w && !rows->weight)
        return cull__fail(cx, CULL_EINPUT,
                          "calibration rows have weights, and %s has none (--weight)",
                          rows->where ? rows->where : "the rows");
    CULL_TRY(cull__positives_scores(cx, rows, c.above, &v));
    v += (o->which > 0 ? o->which - 1 : 0) * rows->n;
    CULL_TRY(cull_decisions_new(cx, rows->n,
                                CULL_DECIDES_KEEP | CULL_DECIDES_P | CULL_DECIDES_SCORE, 0, out));
    for (int64_t i = 0; i < rows->n; i++) out->score[i] = -v[i];
    cull_select_opts s = {.q = c.level,
                          .prune = (cull_prune)o->prune,
                          .ties = (cull_ties)o->ties,
                          .stream = cull__positives_stream(rows, c.w != NULL)};
    cull_selection chosen = {.keep = out->keep, .p = out->p};
    if (!c.w) return cull_conform_select(cx, c.v, c.n, v, rows->n, &s, &chosen);
    return cull_conform_select_weighted(cx, c.v, c.w, c.n, v, rows->weight, rows->n, &s, &chosen);
}

static const cull_trust_fns fns = {
    .needs = CULL_READS_SCORE | CULL_READS_TRUTH,
    .apply_needs = CULL_READS_SCORE,
    .at_once = "",
    .fit = fit,
    .apply = apply,
};
const cull_method cull__method_conformal_selection = {
    .slug = "conformal-selection",
    .title = "rows whose truth is wanted, with a bound on the share that is wrong",
    .paper = "Jin and Candes 2023, Selection by Prediction with Conformal p-values",
    .columns = "",
    .task = CULL_TASK_TRUST,
    .rev = 3,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.trust = &fns,
};
