/* calibration - probabilities that fit what is the case, made from scores or outputs
 *
 * Chooses   nothing by itself: it says of each row how likely its answer is right, or a positive row is one, so that a threshold on
 *           that number means what it says.
 * Idea      temperature divides all logits by one number, of least log loss on the calibration rows (Guo et al. 2017): ranks stay, and
 *           so does the answer. isotonic is the step function of least squares that does not fall (Zadrozny and Elkan 2002),
 *           linear between its knots. venn-abers fits that twice for each row, taken as wrong and as right: of the two
 *           probabilities one is calibrated, whatever the scores are (Vovk, Petej and Fedorova 2015); `score` is the one between them
 *           of least regret.
 * Reads     a score and a truth of 0 and 1; or outputs and the true class, of which the top class's being right is calibrated.
 * Deviates  temperature calibrates all classes at once, the others the top class alone.
 * Cost      O(n log n) to fit, O(log n) a row; 24 n bytes. temperature: O(classes) a row.
 * Example   cull trust calibration --kind isotonic --score s --truth y val.csv -o calibrated.json
 */
#include "base/base.h"
#include "cull/compute.h"
#include "cull/confidence.h"
#include "cull/trust.h"

#include <math.h>

typedef struct {
    int kind;
    int64_t which;
} opts;
enum { TEMPERATURE, ISOTONIC, VENN_ABERS };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, kind, VENN_ABERS, "temperature|isotonic|venn-abers",
                  "one number for all logits, a step function that does not fall, or two "
                  "probabilities of which one is calibrated"),
    CULL_OPT_I64(opts, which, 1, 1, CULL_MODELS, "which of several models, counted from 1"),
    CULL_OPT_END};

/* Scores are calibrated where there are some, but by temperature. */
static bool of_outputs(const opts *o, const cull_outcomes *x)
{
    return o->kind == TEMPERATURE || !x->score;
}

static cull_status check_model(cull_ctx *cx, const opts *o, const cull_outcomes *x)
{
    if (o->which > x->models)
        return cull__fail(cx, CULL_EINPUT, "model %lld is asked for; there are %d",
                          (long long)o->which, x->models);
    if (o->kind == TEMPERATURE && !x->out)
        return cull__fail(cx, CULL_EINPUT,
                          "a temperature is of outputs for each class (--logits or "
                          "--probabilities), and there are none");
    return CULL_OK;
}

static cull_class_rows rows_of(const opts *o, const cull_outcomes *x)
{
    return (cull_class_rows){.v = x->out[o->which - 1],
                             .dtype = CULL_F32,
                             .proba = x->outputs == CULL_PROBABILITIES,
                             .n = x->n,
                             .classes = x->classes};
}

/* What is calibrated (n), and of outputs the class that is answered. Two rows of one top probability need not tie in their odds. */
static cull_status score_of(cull_ctx *cx, const opts *o, const cull_outcomes *x, double *score,
                            int32_t *label)
{
    if (of_outputs(o, x)) {
        cull_class_rows r = rows_of(o, x);
        return cull_class_sure(cx, &r, o->kind == VENN_ABERS ? CULL_SURE_ODDS : CULL_SURE_TOP, 1,
                               score, label);
    }
    for (int64_t i = 0; i < x->n; i++) score[i] = x->score[(o->which - 1) * x->n + i];
    return CULL_OK;
}

/* ---- fit ---- */
static cull_status positives(cull_ctx *cx, const cull_outcomes *x, const int32_t *label,
                             uint8_t *positive)
{
    for (int64_t i = 0; i < x->n; i++) {
        if (!label && x->truth[i] != 0 && x->truth[i] != 1)
            return cull__fail(cx, CULL_EINPUT,
                              "row %lld: the truth is %g; of a score it must be 0 or 1",
                              (long long)i, x->truth[i]);
        positive[i] = label ? label[i] == x->truth[i] : x->truth[i] == 1;
    }
    return CULL_OK;
}

static cull_status fit_temperature(cull_ctx *cx, const opts *o, const cull_outcomes *x,
                                   cull_policy *out)
{
    cull_class_rows r = rows_of(o, x);
    int32_t *label;
    double t;
    bool ended;
    CULL_TRY(CULL_TMP(cx, label, x->n));
    for (int64_t i = 0; i < x->n; i++) label[i] = (int32_t)x->truth[i];
    CULL_TRY(cull_temperature_fit(cx, &r, label, &t, &ended));
    CULL_TRY(cull_policy_note(cx, out, "the temperature is %.6g%s", t,
                              ended ? ": the log loss has no least value" : ""));
    return cull_policy_put_number(cx, out, "temperature", t);
}

static cull_status fit_isotonic(cull_ctx *cx, const double *score, const uint8_t *positive,
                                int64_t n, cull_policy *out)
{
    cull_isotonic f;
    double *y;
    CULL_TRY(CULL_TMP(cx, y, n));
    for (int64_t i = 0; i < n; i++) y[i] = positive[i];
    CULL_TRY(cull_isotonic_fit(cx, score, y, NULL, n, &f));
    cull_status s = cull_policy_put(cx, out, "x", 1, f.n, f.x);
    if (s == CULL_OK) s = cull_policy_put(cx, out, "y", 1, f.n, f.y);
    if (s == CULL_OK)
        s = cull_policy_note(cx, out, "%lld knots, from %.4g to %.4g", (long long)f.n, f.y[0],
                             f.y[f.n - 1]);
    cull_isotonic_free(&f);
    return s;
}

static cull_status fit_venn_abers(cull_ctx *cx, const double *score, const uint8_t *positive,
                                  int64_t n, cull_policy *out)
{
    cull_venn_abers f;
    CULL_TRY(cull_venn_abers_fit(cx, score, positive, n, &f));
    cull_status s = cull_policy_put(cx, out, "x", 1, f.n, f.score);
    if (s == CULL_OK) s = cull_policy_put(cx, out, "p0", 1, f.n, f.p0);
    if (s == CULL_OK) s = cull_policy_put(cx, out, "p1", 1, f.n, f.p1);
    cull_venn_abers_free(&f);
    return s;
}

static cull_status fit(cull_ctx *cx, const cull_trust_problem *p, const void *o_, cull_policy *out)
{
    const opts *o = o_;
    const cull_outcomes *x = p->rows;
    double *score;
    int32_t *label = NULL;
    uint8_t *positive;
    CULL_TRY(check_model(cx, o, x));
    if (x->weight)
        return cull__fail(cx, CULL_EINPUT, "calibration takes no weights; leave --weight out");
    bool outputs = of_outputs(o, x);
    CULL_TRY(cull_policy_put_text(cx, out, "calibrates", outputs ? "answers" : "positives"));
    CULL_TRY(cull_policy_put_text(cx, out, "unchecked",
                                  "probabilities are no decisions that a truth could refute; "
                                  "cull_trust_reliability says how well they fit"));
    if (o->kind == TEMPERATURE) return fit_temperature(cx, o, x, out);
    CULL_TRY(CULL_TMP(cx, score, x->n));
    CULL_TRY(CULL_TMP(cx, positive, x->n));
    if (outputs) CULL_TRY(CULL_TMP(cx, label, x->n));
    CULL_TRY(score_of(cx, o, x, score, label));
    CULL_TRY(positives(cx, x, label, positive));
    return o->kind == ISOTONIC ? fit_isotonic(cx, score, positive, x->n, out)
                               : fit_venn_abers(cx, score, positive, x->n, out);
}

/* ---- apply ---- */
/* Knots of the policy, which rise; values from 0 to 1. */
static cull_status knots(cull_ctx *cx, const cull_policy *p, const char *name, int64_t *n,
                         const double **v)
{
    bool rises = name[0] == 'x';
    CULL_TRY(cull_policy_need(cx, p, name, 1, rises ? -1 : *n, v));
    if (rises) (void)cull_policy_get(p, name, NULL, n);
    for (int64_t i = 0; i < *n; i++)
        if (isnan((*v)[i]) || (rises ? i && (*v)[i] <= (*v)[i - 1] : (*v)[i] < 0 || (*v)[i] > 1))
            return cull__fail(cx, CULL_EINPUT, "the policy is damaged: its %s has %g at place %lld",
                              name, (*v)[i], (long long)i);
    if (*n > 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "the policy is damaged: it has no knots");
}

static cull_status apply_temperature(cull_ctx *cx, const cull_policy *p, const opts *o,
                                     const cull_outcomes *x, cull_decisions *out)
{
    cull_class_rows r = rows_of(o, x);
    double t;
    CULL_TRY(cull_policy_need_number(cx, p, "temperature", &t));
    if (!(t > 0) || isinf(t))
        return cull__fail(cx, CULL_EINPUT, "the policy is damaged: its temperature is %g", t);
    return cull_class_sure(cx, &r, CULL_SURE_TOP, t, out->score, out->label);
}

static cull_status apply_isotonic(cull_ctx *cx, const cull_policy *p, cull_decisions *out)
{
    const double *x, *y;
    int64_t n = 0;
    CULL_TRY(knots(cx, p, "x", &n, &x));
    CULL_TRY(knots(cx, p, "y", &n, &y));
    cull_isotonic f = {.n = n, .x = (double *)(uintptr_t)x, .y = (double *)(uintptr_t)y};
    cull_isotonic_apply(&f, out->score, out->n, out->score);
    return CULL_OK;
}

static cull_status apply_venn_abers(cull_ctx *cx, const cull_policy *p, cull_decisions *out)
{
    const double *x, *p0, *p1;
    int64_t n = 0;
    CULL_TRY(knots(cx, p, "x", &n, &x));
    CULL_TRY(knots(cx, p, "p0", &n, &p0));
    CULL_TRY(knots(cx, p, "p1", &n, &p1));
    cull_venn_abers f = {.n = n,
                         .score = (double *)(uintptr_t)x,
                         .p0 = (double *)(uintptr_t)p0,
                         .p1 = (double *)(uintptr_t)p1};
    cull_venn_abers_apply(&f, out->score, out->n, out->lo, out->hi);
    for (int64_t i = 0; i < out->n; i++) out->score[i] = out->hi[i] / (1 - out->lo[i] + out->hi[i]);
    return CULL_OK;
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *x,
                         cull_decisions *out)
{
    const opts *o = o_;
    CULL_TRY(check_model(cx, o, x));
    bool outputs = of_outputs(o, x);
    CULL_TRY(cull_decisions_new(cx, x->n,
                                CULL_DECIDES_SCORE | (outputs ? CULL_DECIDES_LABEL : 0) |
                                    (o->kind == VENN_ABERS ? CULL_DECIDES_INTERVAL : 0),
                                0, out));
    if (o->kind == TEMPERATURE) return apply_temperature(cx, p, o, x, out);
    CULL_TRY(score_of(cx, o, x, out->score, out->label));
    return o->kind == ISOTONIC ? apply_isotonic(cx, p, out) : apply_venn_abers(cx, p, out);
}

static const cull_trust_fns fns = {.needs = CULL_READS_SCORE | CULL_READS_TRUTH,
                                   .apply_needs = CULL_READS_SCORE,
                                   .fit = fit,
                                   .apply = apply};
const cull_method cull__method_calibration = {
    .slug = "calibration",
    .title = "probabilities that fit what is the case: temperature, isotonic, Venn-Abers",
    .paper = "Vovk, Petej and Fedorova 2015, Large-scale probabilistic predictors with and without "
             "guarantees of validity",
    .columns = "",
    .task = CULL_TASK_TRUST,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.trust = &fns,
};
