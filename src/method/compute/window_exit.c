/* window-exit - an ensemble's further members run only where the first one's confidence is near the point that matters.
 *
 * Chooses   how many members of an ensemble (in the order given) answer a row, and which answers to keep.
 * Idea      Whoever keeps answers above a threshold gains from a better score only where it changes a side. So the rows go on
 *           whose score lies in a window about the threshold, not those with the lowest scores. Stage m averages members 1..m.
 * Reads     outputs of each member, and the truth where the threshold is set by risk; costs.
 * Deviates  a window's end that quantiles are clipped at is open, and a share of 0 or 1 passes no row or all; the threshold is of
 *           rank 500 at least, or of a tenth of the rows where that is less; more than two members: each stage has a
 *           threshold and a window of its own, over the rows that came to it.
 * Cost      one softmax a row and member that ran, O(n log n) to fit.
 * Example   cull compute window-exit --logits a.npy --logits b.npy --truth labels.npy --goal cov --level 0.05 --share 0.2
 */
#include "base/base.h"
#include "cull/compute.h"
#include "num/num.h"
#include "score/outcomes.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    int goal, sure, combine, side;
    double level, share;
    int64_t first;
    bool shift;
} opts;
enum { COVERAGE, RISK, FPR };
enum { SCORES, SOFTMAX };
enum { BOTH, LOW };
static const cull_opt table[] = {
    CULL_OPT_ENUM(
        opts, goal, COVERAGE, "cov|risk|fpr",
        "what is to be good: coverage at a risk, risk at a coverage, false positives at a "
        "rate of true ones"),
    CULL_OPT_F64(opts, level, 0.05, 1e-6, 1, "that risk, coverage or rate"),
    CULL_OPT_F64(opts, share, 0.2, 0, 1,
                 "share of the rows of a stage that go on to the next; a budget overrules it"),
    CULL_OPT_ENUM(opts, sure, CULL_SURE_TOP, "top|margin|entropy|odds|logit|energy",
                  "how sure outputs are"),
    CULL_OPT_ENUM(opts, combine, SCORES, "scores|softmax",
                  "the score of several members: mean of theirs, or that of their mean softmax"),
    CULL_OPT_ENUM(opts, side, BOTH, "both|low",
                  "the window lies on both sides of the threshold, or holds the lowest scores"),
    CULL_OPT_I64(
        opts, first, 500, 1, INT64_C(1) << 50,
        "of goal cov: rows that the threshold keeps at least (a tenth where that is less)"),
    CULL_OPT_BOOL(opts, shift, false,
                  "windows are set anew by the rows that are decided on, without their truth"),
    CULL_OPT_END};

/* ---- what members 1 .. m + 1 say together about some rows ---- */
typedef struct {
    const cull_outcomes *r;
    const opts *o;
    int m;
    const int64_t *row;
    double *score;
    int32_t *label;
} stage;

static void gather(const cull_outcomes *r, int k, const int64_t *row, int64_t n, float *to)
{
    size_t bytes = (size_t)r->classes * sizeof *to;
    for (int64_t i = 0; i < n; i++)
        memcpy(to + i * r->classes, r->out[k] + row[i] * r->classes, bytes);
}

/* The mean softmax of n rows, its largest class, and the mean of the members' scores. */
static cull_status average(cull_ctx *cx, const stage *s, const int64_t *row, int64_t n,
                           double *mean, double *score, int32_t *label)
{
    const cull_outcomes *r = s->r;
    int64_t cells = n * r->classes;
    float *out;
    double *proba, *one;
    CULL_TRY(CULL_TMP(cx, out, cells));
    CULL_TRY(CULL_TMP(cx, proba, cells));
    CULL_TRY(CULL_TMP(cx, one, n));
    memset(mean, 0, (size_t)cells * sizeof *mean);
    memset(score, 0, (size_t)n * sizeof *score);
    cull_class_rows rows = {.v = out,
                            .dtype = CULL_F32,
                            .proba = r->outputs == CULL_PROBABILITIES,
                            .n = n,
                            .classes = r->classes};
    for (int k = 0; k <= s->m; k++) {
        gather(r, k, row, n, out);
        CULL_TRY(cull_class_sure(cx, &rows, (cull_sure)s->o->sure, 1, one, label));
        for (int64_t i = 0; i < n; i++) score[i] += one[i];
        if (s->m == 0) return CULL_OK; /* as it is */
        CULL_TRY(cull_class_proba(cx, &rows, 1, proba));
        for (int64_t i = 0; i < cells; i++) mean[i] += proba[i];
    }
    for (int64_t i = 0; i < cells; i++) mean[i] /= s->m + 1;
    for (int64_t i = 0; i < n; i++) score[i] /= s->m + 1;
    return CULL_OK;
}

static cull_status stage_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const stage *s = arg;
    int64_t n = hi - lo;
    double *mean;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, mean, n * s->r->classes));
    CULL_TRY(average(cx, s, s->row + lo, n, mean, s->score + lo, s->label + lo));
    if (s->m == 0) return CULL_OK;
    cull_class_rows rows = {
        .v = mean, .dtype = CULL_F64, .proba = true, .n = n, .classes = s->r->classes};
    bool of_mean = s->o->combine == SOFTMAX;
    return cull_class_sure(cx, &rows, of_mean ? (cull_sure)s->o->sure : CULL_SURE_TOP, 1,
                           of_mean ? s->score + lo : NULL, s->label + lo);
}

/* score and label (n) of rows row[0 .. n). */
static cull_status run_stage(cull_ctx *cx, const cull_outcomes *r, const opts *o, int m,
                             const int64_t *row, int64_t n, double *score, int32_t *label)
{
    enum { GRAIN = 512 };
    stage s = {r, o, m, row, score, label};
    return n ? cull__for(cx, n, GRAIN, stage_some, &s) : CULL_OK;
}

/* ---- the threshold that matters, and the window about it ---- */

/* Where the risk is nearest to the level, of those that keep `first` rows; of several the last. */
static cull_status nearest_risk(cull_ctx *cx, const opts *o, const double *score,
                                const double *loss, int64_t n, double *tau)
{
    cull_risk_point *at;
    int64_t points, first = n / 10 < o->first ? n / 10 : o->first;
    double best = INFINITY;
    CULL_TRY(CULL_TMP(cx, at, n));
    CULL_TRY(cull_risk_curve(cx, score, loss, n, at, &points));
    for (int64_t j = 0; j < points; j++) {
        double off = fabs(at[j].risk - o->level);
        if (at[j].coverage * (double)n < (double)first - .5 || off > best) continue;
        best = off;
        *tau = at[j].threshold;
    }
    return CULL_OK;
}

static cull_status threshold(cull_ctx *cx, const opts *o, const double *score, const double *loss,
                             int64_t n, double *tau)
{
    cull_risk_point p;
    if (o->goal == COVERAGE) return nearest_risk(cx, o, score, loss, n, tau);
    CULL_TRY(
        cull_risk_at_coverage(cx, score, loss, n, o->level, &p)); /* of all rows: those that are
                                                                          in distribution */
    *tau = p.threshold;
    return CULL_OK;
}

static cull_status window(cull_ctx *cx, const opts *o, double share, const double *score, int64_t n,
                          double tau, double *lo, double *hi)
{
    int64_t below = 0;
    *lo = INFINITY;
    *hi = -INFINITY;
    if (n == 0 || share <= 0) return CULL_OK;
    for (int64_t i = 0; i < n; i++) below += score[i] < tau;
    double u = (double)below / (double)n, a = u - share / 2, b = u + share / 2;
    if (o->side == LOW) {
        a = 0;
        b = share;
    }
    *lo = -INFINITY;
    *hi = INFINITY;
    if (share >= 1) return CULL_OK;
    if (a > 0) CULL_TRY(cull__quantile(cx, score, n, a, lo));
    if (b < 1) CULL_TRY(cull__quantile(cx, score, n, b, hi));
    return CULL_OK;
}

/* Of rows row[0 .. n) those in the window, in order; how many. */
static int64_t pass_on(const double *score, double lo, double hi, int64_t *row, int64_t n)
{
    int64_t on = 0;
    for (int64_t i = 0; i < n; i++)
        if (score[i] >= lo && score[i] <= hi) row[on++] = row[i];
    return on;
}

/* ---- fit ---- */
static cull_status check(cull_ctx *cx, const cull_compute_problem *p, const opts *o)
{
    const cull_outcomes *r = p->rows;
    if (r->models < 2)
        return cull__fail(cx, CULL_EINPUT, "window-exit needs two models at least, not one");
    if (isfinite(p->target) || isfinite(p->delay) || !isnan(p->risk))
        return cull__fail(cx, CULL_EINPUT,
                          "window-exit takes a budget, but no target, delay or limit to the risk; "
                          "cascade does");
    if (o->combine == SOFTMAX && (o->sure == CULL_SURE_LOGIT || o->sure == CULL_SURE_ENERGY))
        return cull__fail(
            cx, CULL_EOPTION,
            "sure %s is of logits, and a mean softmax has none; combine must be scores",
            cull_sure_name((cull_sure)o->sure));
    if (o->goal != COVERAGE) return CULL_OK;
    if (!r->truth)
        return cull__fail(cx, CULL_EINPUT, "goal cov needs the truth of the rows (--truth)");
    for (int64_t i = 0; i < r->n; i++)
        if (isnan(r->truth[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "row %" PRId64 " has no truth, which goal cov learns from", i);
    return CULL_OK;
}

/* The share by which a budget is spent: the first member, a share of rows on the second, of those on the third, ... */
static cull_status share_for(cull_ctx *cx, const cull_outcomes *r, double budget, double *share)
{
    double cost[CULL_MODELS] = {0};
    for (int k = 0; k < r->models; k++)
        for (int64_t i = 0; i < r->n; i++) cost[k] += cull__outcomes_cost(r, k, i) / (double)r->n;
    if (budget < cost[0])
        return cull__fail(cx, CULL_EINPUT, "budget %g: the first model alone costs %g", budget,
                          cost[0]);
    double lo = 0, hi = 1;
    for (int step = 0; step < 60; step++) {
        double mid = step ? (lo + hi) / 2 : 1, spent = 0;
        for (int k = r->models - 1; k >= 0; k--) spent = cost[k] + mid * spent;
        if (spent <= budget)
            lo = mid;
        else
            hi = mid;
    }
    *share = lo;
    return CULL_OK;
}

typedef struct {
    double tau[CULL_MODELS], lo[CULL_MODELS], hi[CULL_MODELS], share;
} learnt;

/* A stage's threshold is of all rows as it would answer them; its window is over those that come to it. */
static cull_status learn_stage(cull_ctx *cx, const cull_outcomes *r, const opts *o, int m,
                               const int64_t *all, int64_t *row, int64_t *n, learnt *l)
{
    double *score, *loss;
    int32_t *label;
    CULL_TRY(CULL_TMP(cx, score, r->n));
    CULL_TRY(CULL_TMP(cx, label, r->n));
    CULL_TRY(CULL_TMP0(cx, loss, r->n));
    CULL_TRY(run_stage(cx, r, o, m, all, r->n, score, label));
    for (int64_t i = 0; o->goal == COVERAGE && i < r->n; i++) loss[i] = label[i] != r->truth[i];
    CULL_TRY(threshold(cx, o, score, loss, r->n, &l->tau[m]));
    if (m + 1 == r->models) return CULL_OK;
    for (int64_t i = 0; i < *n; i++) score[i] = score[row[i]]; /* row[i] >= i */
    CULL_TRY(window(cx, o, l->share, score, *n, l->tau[m], &l->lo[m], &l->hi[m]));
    *n = pass_on(score, l->lo[m], l->hi[m], row, *n);
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    const opts *o = o_;
    const cull_outcomes *r = p->rows;
    int64_t *all, *row, n = r->n;
    learnt l = {.share = o->share};
    CULL_TRY(check(cx, p, o));
    if (isfinite(p->budget)) CULL_TRY(share_for(cx, r, p->budget, &l.share));
    CULL_TRY(CULL_TMP(cx, all, n));
    CULL_TRY(CULL_TMP(cx, row, n));
    for (int64_t i = 0; i < n; i++) all[i] = row[i] = i;
    for (int m = 0; m < r->models; m++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, m, r->models));
        CULL_TRY(learn_stage(cx, r, o, m, all, row, &n, &l));
        cull__release(cx, mark);
        if (m + 1 < r->models)
            CULL_TRY(cull_policy_note(cx, out,
                                      "stage %d keeps answers from a score of %.6g on; %.1f %% of "
                                      "all rows, with scores from %.6g to %.6g, go on",
                                      m + 1, l.tau[m], 100 * (double)n / (double)r->n, l.lo[m],
                                      l.hi[m]));
    }
    CULL_TRY(cull_policy_put(cx, out, "tau", 1, r->models, l.tau));
    CULL_TRY(cull_policy_put(cx, out, "lo", 1, r->models - 1, l.lo));
    CULL_TRY(cull_policy_put(cx, out, "hi", 1, r->models - 1, l.hi));
    return cull_policy_put_number(cx, out, "share", l.share);
}

/* ---- apply ---- */
static void decide(const cull_outcomes *r, int m, double tau, const int64_t *row, int64_t n,
                   const double *score, const int32_t *label, cull_decisions *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = row[i];
        out->model[at] = m ? -1 : 0;
        out->called[at] |= (uint64_t)1 << m;
        out->cost[at] += cull__outcomes_cost(r, m, at);
        out->label[at] = label[i];
        out->score[at] = score[i];
        out->keep[at] = score[i] >= tau;
    }
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *r,
                         cull_decisions *out)
{
    const opts *o = o_;
    const double *tau, *lo, *hi;
    double share, *score;
    int32_t *label;
    int64_t *row, n = r->n;
    CULL_TRY(cull_policy_need(cx, p, "tau", 1, r->models, &tau));
    CULL_TRY(cull_policy_need(cx, p, "lo", 1, r->models - 1, &lo));
    CULL_TRY(cull_policy_need(cx, p, "hi", 1, r->models - 1, &hi));
    CULL_TRY(cull_policy_need_number(cx, p, "share", &share));
    CULL_TRY(CULL_TMP(cx, row, n));
    CULL_TRY(CULL_TMP(cx, score, n));
    CULL_TRY(CULL_TMP(cx, label, n));
    CULL_TRY(cull_decisions_new(
        cx, n, CULL_DECIDES_CALLS | CULL_DECIDES_LABEL | CULL_DECIDES_SCORE | CULL_DECIDES_KEEP, 0,
        out));
    for (int64_t i = 0; i < n; i++) row[i] = i;
    for (int m = 0; m < r->models && n; m++) {
        double from, to;
        CULL_TRY(cull__tick(cx, m, r->models));
        CULL_TRY(run_stage(cx, r, o, m, row, n, score, label));
        decide(r, m, tau[m], row, n, score, label, out);
        if (m + 1 == r->models) break;
        from = lo[m];
        to = hi[m];
        if (o->shift) CULL_TRY(window(cx, o, share, score, n, tau[m], &from, &to));
        n = pass_on(score, from, to, row, n);
    }
    return CULL_OK;
}

static const cull_compute_fns fns = {.needs = CULL_READS_OUT,
                                     .apply_needs = CULL_READS_OUT,
                                     .at_once = "shift",
                                     .fit = fit,
                                     .apply = apply};

const cull_method cull__method_window_exit = {
    .slug = "window-exit",
    .title = "further members of an ensemble where the first is near the threshold",
    .paper =
        "Xia, Bouganis 2023, Window-Based Early-Exit Cascades for Uncertainty Estimation: When "
        "Deep Ensembles are More Efficient than Single Models",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 2,
    .flags = 0,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
