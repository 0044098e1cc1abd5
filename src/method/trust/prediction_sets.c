/* prediction-sets - classes among which the true one is, as often as asked for
 *
 * Chooses   for each row a set of classes that holds the true one with probability 1 - level.
 * Idea      How strange the true class is of each calibration row: 1 - p (LAC; Sadinle, Lei and Wasserman 2019), the probability of
 *           all classes that are likelier and of itself (APS; Romano, Sesia and Candes 2020), that and a charge for late ranks
 *           (RAPS; Angelopoulos et al. 2021), or its rank. A quantile of those is the threshold; a set is the classes that are no
 *           stranger. By group or by true class the quantile is of each one's rows (Mondrian; Vovk et al. 2005); with weights it
 *           is of the weighted rows (Tibshirani et al. 2019); with delta it is the order statistic that suffices for all but so
 *           many calibrations (Vovk 2012).
 * Reads     outputs for each class and the true class; weights and groups where there are any.
 * Deviates  APS and RAPS: a set holds no class by force, so that it may be empty where random numbers are used; they are tuned for where
 *           asked, for all rows together, without weights. By group or class, delta is of each one by itself.
 * Cost      O(n classes) to fit but for sorts, O(n classes log classes) to apply; 8 n bytes, with weights and by class 8 n classes.
 * Example   cull trust prediction-sets --level 0.1 --logits val.npy --truth labels.npy -o sets.json
 */
#include "base/base.h"
#include "choose/strata.h"
#include "cull/compute.h"
#include "cull/conform.h"
#include "cull/sets.h"
#include "cull/trust.h"
#include "score/outcomes.h"

#include <math.h>
#include <stdio.h>

typedef struct {
    int kind, by, tune;
    bool randomised;
    double penalty, part;
    int64_t ranks, which;
} opts;
enum { ALL, GROUP, CLASS };
enum { NO, SIZE, ADAPTIVENESS };
static const cull_opt table[] = {
    CULL_OPT_ENUM(
        opts, kind, CULL_SET_LAC, "lac|aps|raps|top",
        "how strange a class is: 1 - p, the probability down to it, that and a charge for "
        "late ranks, its rank"),
    CULL_OPT_ENUM(opts, by, ALL, "all|group|class",
                  "whose miscoverage is held: of all rows, of each group, of each true class"),
    CULL_OPT_BOOL(opts, randomised, true,
                  "of aps and raps: random numbers make coverage exact and sets smaller"),
    CULL_OPT_F64(opts, penalty, .01, 0, 1e6, "of raps: what each rank above those costs: lambda"),
    CULL_OPT_I64(opts, ranks, 5, 0, 1 << 30, "of raps: ranks that cost nothing"),
    CULL_OPT_ENUM(opts, tune, NO, "no|size|adaptiveness",
                  "of raps: rows of their own choose penalty and ranks, for small sets or for even "
                  "coverage over sizes of sets"),
    CULL_OPT_F64(opts, part, .2, .01, .9, "of tune: the part of the rows that chooses"),
    CULL_OPT_I64(opts, which, 1, 1, CULL_MODELS, "which of several models, counted from 1"),
    CULL_OPT_END};
enum { OF_CALIBRATION = 1, OF_TEST, OF_TUNING }; /* streams of random numbers */
static const char NAME[] = "threshold";

static cull_status rows_of(cull_ctx *cx, const opts *o, const cull_outcomes *x, cull_class_rows *r)
{
    if (o->which > x->models)
        return cull__fail(cx, CULL_EINPUT, "model %lld is asked for; there are %d",
                          (long long)o->which, x->models);
    *r = (cull_class_rows){.v = x->out[o->which - 1],
                           .dtype = CULL_F32,
                           .proba = x->outputs == CULL_PROBABILITIES,
                           .n = x->n,
                           .classes = x->classes};
    return CULL_OK;
}

/* Penalty and ranks are those that were chosen, where they were. */
static cull_set_opts set_opts(const cull_policy *p, const opts *o, uint64_t stream)
{
    const double *chosen = o->tune == NO ? NULL : cull_policy_get(p, "tuned", NULL, NULL);
    return (cull_set_opts){.score = (cull_set_score)o->kind,
                           .randomised = o->randomised,
                           .lambda = chosen ? chosen[0] : o->penalty,
                           .k = chosen ? (int64_t)chosen[1] : o->ranks,
                           .stream = stream};
}

/* ---- penalty and ranks by the data ---- */
/* How bad sets are: their mean size, or the most that coverage among sets of about one size is off. */
static double badness(const opts *o, const uint8_t *set, const int32_t *label, int64_t n,
                      int64_t classes, double level)
{
    static const int64_t upto[] = {1, 3, 6, 10, 100, INT64_MAX}; /* the paper's */
    enum { STRATA = sizeof upto / sizeof *upto };
    double rows[STRATA] = {0}, held[STRATA] = {0}, sum = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t size = 0;
        int s = 0;
        for (int64_t c = 0; c < classes; c++) size += set[i * classes + c];
        while (size > upto[s]) s++;
        sum += (double)size / (double)n;
        rows[s]++;
        held[s] += set[i * classes + label[i]];
    }
    for (int s = 0; s < STRATA; s++)
        if (rows[s] > 0) most = fmax(most, fabs(held[s] / rows[s] - (1 - level)));
    return o->tune == SIZE ? sum : most;
}

/* On rows x, which the threshold will not be of. */
static cull_status tune(cull_ctx *cx, const opts *o, const cull_outcomes *x, double level,
                        int64_t others, cull_policy *out)
{
    static const double sizes[] = {.001, .01, .1, .2, .5}, /* the grids of the released code */
        even[] = {0, 1e-5, 1e-4, 8e-4, 9e-4, .001, .0015, .002};
    const double *grid = o->tune == SIZE ? sizes : even;
    const int points = o->tune == SIZE ? 5 : 8;
    cull_class_rows r;
    cull_set_opts so = {.score = CULL_SET_TOP, .stream = OF_TUNING};
    int32_t *label;
    uint8_t *set;
    double *v, q, best = INFINITY, chosen[2] = {0};
    CULL_TRY(rows_of(cx, o, x, &r));
    CULL_TRY(CULL_TMP(cx, label, x->n));
    CULL_TRY(CULL_TMP(cx, v, x->n));
    CULL_TRY(CULL_TMP(cx, set, x->n * x->classes));
    for (int64_t i = 0; i < x->n; i++) label[i] = (int32_t)x->truth[i];
    CULL_TRY(cull_set_scores(cx, &r, label, &so, v));
    CULL_TRY(cull_conform_quantile(cx, v, x->n, level, &q));
    chosen[1] = fmin(q, x->classes); /* of too few rows: no rank costs anything */
    so = (cull_set_opts){CULL_SET_RAPS, o->randomised, 0, (int64_t)chosen[1], OF_TUNING, 0};
    for (int j = 0; j < points; j++) {
        so.lambda = grid[j];
        CULL_TRY(cull_set_scores(cx, &r, label, &so, v));
        CULL_TRY(cull_conform_quantile(cx, v, x->n, level, &q));
        CULL_TRY(cull_set_members(cx, &r, &so, &q, 0, 0, set));
        double bad = badness(o, set, label, x->n, x->classes, level);
        if (bad < best) best = bad, chosen[0] = grid[j];
    }
    CULL_TRY(cull_policy_put(cx, out, "tuned", 1, 2, chosen));
    return cull_policy_note(cx, out,
                            "%lld rows chose a penalty of %g from rank %g on, by %s of %.4g; the "
                            "threshold is of the other %lld",
                            (long long)x->n, chosen[0], chosen[1],
                            o->tune == SIZE ? "a mean size" : "a coverage off the level at worst",
                            best, (long long)others);
}

/* *x: the rows that are left for the threshold. */
static cull_status tune_on_some(cull_ctx *cx, const opts *o, double level, cull_outcomes *x,
                                cull_policy *out)
{
    cull_outcomes some;
    int64_t *row, *of[2], n[2] = {0};
    uint8_t *half;
    if (o->kind != CULL_SET_RAPS)
        return cull__fail(cx, CULL_EOPTION, "tune is of kind raps, and kind is another");
    CULL_TRY(CULL_TMP(cx, row, x->n));
    CULL_TRY(CULL_TMP(cx, half, x->n));
    for (int k = 0; k < 2; k++) CULL_TRY(CULL_TMP(cx, of[k], x->n));
    for (int64_t i = 0; i < x->n; i++) row[i] = i;
    cull__outcomes_split(cx, x, row, x->n, o->part, half);
    for (int64_t i = 0; i < x->n; i++) of[half[i]][n[half[i]]++] = i;
    if (n[0] < 1 || n[1] < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%lld rows are too few to set a part of %g of them aside",
                          (long long)x->n, o->part);
    CULL_TRY(cull_outcomes_gather(cx, x, of[1], n[1], &some));
    CULL_TRY(tune(cx, o, &some, level, n[0], out));
    return cull_outcomes_gather(cx, x, of[0], n[0], x);
}

static const char *assumed(const opts *o, bool weighted)
{
    if (weighted)
        return o->by == ALL
                   ? "weights are in proportion to the ratio of the densities of test and "
                     "calibration rows"
                   : "within each group or class, weights are in proportion to the ratio of the "
                     "densities of test and calibration rows";
    if (o->by == GROUP) return "within each group, calibration and test rows are exchangeable";
    if (o->by == CLASS) return "within each true class, calibration and test rows are exchangeable";
    return "calibration and test rows are exchangeable";
}

static cull_status fit(cull_ctx *cx, const cull_trust_problem *p, const void *o_, cull_policy *out)
{
    const opts *o = o_;
    cull_outcomes rows = *p->rows;
    const cull_outcomes *x = &rows;
    cull_class_rows r;
    int32_t *label;
    double *v;
    int64_t open = 0;
    if (o->tune != NO) CULL_TRY(tune_on_some(cx, o, p->level, &rows, out));
    cull_set_opts so = set_opts(out, o, OF_CALIBRATION);
    CULL_TRY(rows_of(cx, o, x, &r));
    if (o->by == GROUP && !x->group)
        return cull__fail(cx, CULL_EINPUT, "prediction-sets by group needs groups (--group)");
    CULL_TRY(CULL_TMP(cx, label, x->n));
    CULL_TRY(CULL_TMP(cx, v, x->n));
    for (int64_t i = 0; i < x->n; i++) label[i] = (int32_t)x->truth[i];
    CULL_TRY(cull_set_scores(cx, &r, label, &so, v));
    cull__strata s = {.v = v,
                      .w = x->weight,
                      .stratum = o->by == CLASS   ? label
                                 : o->by == GROUP ? x->group
                                                  : NULL,
                      .n = x->n,
                      .strata = o->by == CLASS   ? x->classes
                                : o->by == GROUP ? x->groups
                                                 : 1,
                      .alpha = p->level,
                      .delta = p->delta,
                      .follow = o->by == ALL && !x->weight};
    CULL_TRY(cull__strata_keep(cx, &s, NAME, out, &open));
    if (o->by == GROUP) CULL_TRY(cull__groups_keep(cx, x, out));
    CULL_TRY(cull_policy_put_number(cx, out, "classes", x->classes));
    if (open)
        CULL_TRY(
            cull_policy_note(cx, out,
                             "%lld of %d %s have too few calibration rows for the level: their "
                             "sets hold all classes",
                             (long long)open, (int)s.strata,
                             o->by == CLASS   ? "classes"
                             : o->by == GROUP ? "groups"
                                              : "thresholds"));
    char each[400], bounds[440] = "miscoverage";
    if (o->by == GROUP)
        cull__outcomes_groups(x, each, sizeof each);
    else
        snprintf(each, sizeof each, "each of %d classes", x->classes);
    if (o->by != ALL)
        snprintf(bounds, sizeof bounds, "miscoverage in %s%s", each,
                 p->delta > 0 ? ", each by itself," : "");
    cull_guarantee g = {.bounds = bounds,
                        .level = p->level,
                        .delta = p->delta,
                        .assumes = assumed(o, x->weight != NULL),
                        .n = x->n};
    return cull_policy_guarantee(cx, out, &g);
}

/* Thresholds by class: one of each, or, where rows have weights, one of each row and class, class by class. */
static cull_status class_thresholds(cull_ctx *cx, const cull_policy *p, const cull_outcomes *x,
                                    bool weighted, double **q)
{
    const int32_t classes = x->classes;
    const int64_t n = weighted ? x->n : classes;
    int32_t *of;
    CULL_TRY(CULL_TMP(cx, of, n));
    CULL_TRY(CULL_TMP(cx, *q, weighted ? n * classes : n));
    for (int32_t c = 0; c < (weighted ? classes : 1); c++) {
        for (int64_t i = 0; i < n; i++) of[i] = weighted ? c : (int32_t)i;
        CULL_TRY(cull__strata_read(cx, p, NAME, of, x->weight, n, *q + c * n));
    }
    return CULL_OK;
}

/* Sets at threshold q[row * row_step + class * class_step]. */
static cull_status sets_at(cull_ctx *cx, const cull_policy *p, const opts *o,
                           const cull_outcomes *x, const double *q, int64_t row_step,
                           int64_t class_step, cull_decisions *out)
{
    cull_class_rows r;
    cull_set_opts so = set_opts(p, o, OF_TEST);
    double classes;
    so.first = x->first;
    CULL_TRY(rows_of(cx, o, x, &r));
    CULL_TRY(cull_policy_need_number(cx, p, "classes", &classes));
    if (classes != x->classes)
        return cull__fail(cx, CULL_EINPUT, "the rows have %d classes, the policy was fitted for %g",
                          x->classes, classes);
    CULL_TRY(cull_decisions_new(
        cx, x->n, CULL_DECIDES_SET | CULL_DECIDES_LABEL | CULL_DECIDES_SCORE, x->classes, out));
    CULL_TRY(cull_class_sure(cx, &r, CULL_SURE_TOP, 1, out->score, out->label));
    return cull_set_members(cx, &r, &so, q, row_step, class_step, out->set);
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *x,
                         cull_decisions *out)
{
    const opts *o = o_;
    double *q;
    bool weighted = cull__strata_weighted(p, NAME);
    int32_t *group = NULL;
    if (o->by == GROUP && !x->group)
        return cull__fail(cx, CULL_EINPUT, "prediction-sets by group needs groups (--group)");
    if (o->by == CLASS) {
        CULL_TRY(class_thresholds(cx, p, x, weighted, &q));
        return sets_at(cx, p, o, x, q, weighted, weighted ? x->n : 1, out);
    }
    CULL_TRY(CULL_TMP(cx, q, x->n));
    if (o->by == GROUP) {
        CULL_TRY(CULL_TMP(cx, group, x->n));
        CULL_TRY(cull__groups_read(cx, p, x, group));
    }
    CULL_TRY(cull__strata_read(cx, p, NAME, group, x->weight, x->n, q));
    return sets_at(cx, p, o, x, q, 1, 0, out);
}

/* ---- a stream ---- */
static cull_status strange(cull_ctx *cx, const cull_policy *p, const void *o_,
                           const cull_outcomes *x, double *v)
{
    cull_class_rows r;
    cull_set_opts so = set_opts(p, o_, OF_TEST);
    int32_t *label;
    so.first = x->first;
    CULL_TRY(rows_of(cx, o_, x, &r));
    CULL_TRY(CULL_TMP(cx, label, x->n));
    for (int64_t i = 0; i < x->n; i++) label[i] = isnan(x->truth[i]) ? 0 : (int32_t)x->truth[i];
    CULL_TRY(cull_set_scores(cx, &r, label, &so, v));
    for (int64_t i = 0; i < x->n; i++)
        if (isnan(x->truth[i])) v[i] = NAN;
    return CULL_OK;
}

static cull_status at(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *x,
                      const double *threshold, cull_decisions *out)
{
    return sets_at(cx, p, o_, x, threshold, 1, 0, out);
}

static const cull_trust_fns fns = {.needs = CULL_READS_OUT | CULL_READS_TRUTH,
                                   .apply_needs = CULL_READS_OUT,
                                   .delta = true,
                                   .fit = fit,
                                   .apply = apply,
                                   .strange = strange,
                                   .at = at};
const cull_method cull__method_prediction_sets = {
    .slug = "prediction-sets",
    .title = "sets of classes that hold the true one as often as asked for",
    .paper = "Romano, Sesia and Candes 2020, Classification with valid and adaptive coverage",
    .columns = "",
    .task = CULL_TASK_TRUST,
    .rev = 3,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.trust = &fns,
};
