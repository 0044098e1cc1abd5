/* prediction-intervals - intervals in which the true number is, as often as asked for
 *
 * Chooses   for each row an interval that holds the truth with probability 1 - level.
 * Idea      How far the truth of each calibration row lies outside: of a prediction (split conformal; Lei et al. 2018), in units of how far
 *           it is expected to be off (normalised; Papadopoulos et al. 2008), or of a lower and an upper quantile that models
 *           predict (CQR; Romano, Patterson and Candes 2019). A quantile of those widens the intervals of other rows. By group
 *           it is of each group's rows, with weights of the weighted rows, with delta the order statistic that suffices for all but
 *           so many calibrations, as in prediction-sets.
 * Reads     predictions (score) and the true number; spread, weights and groups where they are asked for or there.
 * Deviates  CQR: an interval whose ends would cross is the point between them. By group, delta is of each one by itself.
 * Cost      O(n log n) time to fit, O(n) to apply; 24 n bytes.
 * Example   cull trust prediction-intervals --level 0.1 --score predicted --truth y val.csv -o intervals.json
 */
#include "base/base.h"
#include "choose/strata.h"
#include "cull/compute.h"
#include "cull/trust.h"
#include "score/outcomes.h"

#include <math.h>
#include <stdio.h>

typedef struct {
    int around, by, ends;
    int64_t which;
} opts;
enum { PREDICTION, SPREAD, QUANTILES, ALL = 0, GROUP, BOTH = 0, EACH };
static const cull_opt table[] = {
    CULL_OPT_ENUM(
        opts, around, PREDICTION, "prediction|spread|quantiles",
        "of one width around the prediction, in widths that go with the spread, or outward "
        "from the lower and the upper quantile that two models predict, in this order"),
    CULL_OPT_ENUM(opts, by, ALL, "all|group",
                  "whose miscoverage is held: of all rows, or of each group"),
    CULL_OPT_ENUM(
        opts, ends, BOTH, "both|each",
        "move both ends by one number, or each by its own, missing on either side at half "
        "the level"),
    CULL_OPT_I64(opts, which, 1, 1, CULL_MODELS,
                 "which of several models, counted from 1; with quantiles the lower one's"),
    CULL_OPT_END};

/* Where intervals start from, and their unit. */
typedef struct {
    const double *lo, *hi, *unit;
} frame;

static cull_status frame_of(cull_ctx *cx, const opts *o, const cull_outcomes *x, frame *f)
{
    int64_t last = o->which + (o->around == QUANTILES);
    if (last > x->models)
        return cull__fail(cx, CULL_EINPUT, "model %lld is asked for; there are %d", (long long)last,
                          x->models);
    if (o->around == SPREAD && !x->spread)
        return cull__fail(cx, CULL_EINPUT, "intervals that go with the spread need one (--spread)");
    if (o->by == GROUP && !x->group)
        return cull__fail(cx, CULL_EINPUT, "prediction-intervals by group needs groups (--group)");
    f->lo = x->score + (o->which - 1) * x->n;
    f->hi = x->score + (last - 1) * x->n;
    f->unit = o->around == SPREAD ? x->spread : NULL;
    return CULL_OK;
}

/* How far row i's truth lies below and above what intervals start from, in units. */
static double below(const frame *f, const cull_outcomes *x, int64_t i)
{
    return (f->lo[i] - x->truth[i]) / (f->unit ? f->unit[i] : 1);
}

static double above(const frame *f, const cull_outcomes *x, int64_t i)
{
    return (x->truth[i] - f->hi[i]) / (f->unit ? f->unit[i] : 1);
}

/* Of both; nan where the truth is not known. */
static double outside(const frame *f, const cull_outcomes *x, int64_t i)
{
    return isnan(x->truth[i]) ? NAN : fmax(below(f, x, i), above(f, x, i));
}

static cull_status keep(cull_ctx *cx, const cull_trust_problem *p, const opts *o, const frame *f,
                        cull_policy *out, int64_t *open)
{
    const cull_outcomes *x = p->rows;
    double *v;
    CULL_TRY(CULL_TMP(cx, v, x->n));
    cull__strata s = {.v = v,
                      .w = x->weight,
                      .stratum = o->by == GROUP ? x->group : NULL,
                      .n = x->n,
                      .strata = o->by == GROUP ? x->groups : 1,
                      .alpha = o->ends == EACH ? p->level / 2 : p->level,
                      .delta = o->ends == EACH ? p->delta / 2 : p->delta,
                      .follow = o->ends == BOTH && o->by == ALL && !x->weight};
    for (int64_t i = 0; i < x->n; i++) v[i] = o->ends == EACH ? below(f, x, i) : outside(f, x, i);
    CULL_TRY(cull__strata_keep(cx, &s, o->ends == EACH ? "below" : "threshold", out, open));
    if (o->ends != EACH) return CULL_OK;
    for (int64_t i = 0; i < x->n; i++) v[i] = above(f, x, i);
    return cull__strata_keep(cx, &s, "above", out, open);
}

static cull_status fit(cull_ctx *cx, const cull_trust_problem *p, const void *o_, cull_policy *out)
{
    const opts *o = o_;
    frame f = {0};
    int64_t open = 0;
    CULL_TRY(frame_of(cx, o, p->rows, &f));
    CULL_TRY(keep(cx, p, o, &f, out, &open));
    if (o->by == GROUP) CULL_TRY(cull__groups_keep(cx, p->rows, out));
    if (open)
        CULL_TRY(cull_policy_note(cx, out,
                                  "%lld thresholds rest on too few calibration rows for the level: "
                                  "there, intervals have no end",
                                  (long long)open));
    char each[400], bounds[440] = "miscoverage";
    if (o->by == GROUP)
        snprintf(bounds, sizeof bounds, "miscoverage in %s%s",
                 cull__outcomes_groups(p->rows, each, sizeof each),
                 p->delta > 0 ? ", each by itself," : "");
    cull_guarantee g = {
        .bounds = bounds,
        .level = p->level,
        .delta = p->delta,
        .assumes =
            p->rows->weight  ? "weights are in proportion to the ratio of the densities of test "
                               "and calibration rows"
            : o->by == GROUP ? "within each group, calibration and test rows are exchangeable"
                             : "calibration and test rows are exchangeable",
        .n = p->rows->n};
    return cull_policy_guarantee(cx, out, &g);
}

/* Widened by lo and hi (n), in units; nothing is within an interval whose ends cross. */
static cull_status intervals_at(cull_ctx *cx, const cull_outcomes *x, const frame *f,
                                const double *lo, const double *hi, cull_decisions *out)
{
    CULL_TRY(cull_decisions_new(cx, x->n, CULL_DECIDES_INTERVAL, 0, out));
    for (int64_t i = 0; i < x->n; i++) {
        double unit = f->unit ? f->unit[i] : 1;
        out->lo[i] = f->lo[i] - lo[i] * unit;
        out->hi[i] = f->hi[i] + hi[i] * unit;
        if (out->lo[i] > out->hi[i]) out->lo[i] = out->hi[i] = out->lo[i] / 2 + out->hi[i] / 2;
        if (isnan(out->lo[i])) out->lo[i] = out->hi[i] = f->lo[i] / 2 + f->hi[i] / 2;
    }
    return CULL_OK;
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *x,
                         cull_decisions *out)
{
    const opts *o = o_;
    frame f = {0};
    double *lo, *hi;
    int32_t *stratum = NULL;
    CULL_TRY(frame_of(cx, o, x, &f));
    if (o->by == GROUP) {
        CULL_TRY(CULL_TMP(cx, stratum, x->n));
        CULL_TRY(cull__groups_read(cx, p, x, stratum));
    }
    CULL_TRY(CULL_TMP(cx, lo, x->n));
    hi = lo;
    CULL_TRY(cull__strata_read(cx, p, o->ends == EACH ? "below" : "threshold", stratum, x->weight,
                               x->n, lo));
    if (o->ends == EACH) {
        CULL_TRY(CULL_TMP(cx, hi, x->n));
        CULL_TRY(cull__strata_read(cx, p, "above", stratum, x->weight, x->n, hi));
    }
    return intervals_at(cx, x, &f, lo, hi, out);
}

/* ---- a stream ---- */
static cull_status strange(cull_ctx *cx, const cull_policy *p, const void *o_,
                           const cull_outcomes *x, double *v)
{
    frame f = {0};
    (void)p;
    CULL_TRY(frame_of(cx, o_, x, &f));
    for (int64_t i = 0; i < x->n; i++) v[i] = outside(&f, x, i);
    return CULL_OK;
}

static cull_status at(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *x,
                      const double *threshold, cull_decisions *out)
{
    frame f = {0};
    (void)p;
    CULL_TRY(frame_of(cx, o_, x, &f));
    return intervals_at(cx, x, &f, threshold, threshold, out);
}

static const cull_trust_fns fns = {.needs = CULL_READS_ONLY_SCORE | CULL_READS_TRUTH,
                                   .apply_needs = CULL_READS_ONLY_SCORE,
                                   .delta = true,
                                   .fit = fit,
                                   .apply = apply,
                                   .strange = strange,
                                   .at = at};
const cull_method cull__method_prediction_intervals = {
    .slug = "prediction-intervals",
    .title = "intervals that hold the true number as often as asked for",
    .paper = "Romano, Patterson and Candes 2019, Conformalized quantile regression",
    .columns = "",
    .task = CULL_TASK_TRUST,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.trust = &fns,
};
