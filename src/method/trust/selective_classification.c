/* selective-classification - answers to accept, of which few are wrong
 *
 * Chooses   the rows whose answer is accepted: those that are surer than a threshold, the lowest for which the mean loss of what is
 *           accepted is at most the level, with probability 1 - delta.
 * Idea      Of the rows above the k-th surest, given its score, losses are independent draws from all rows above: a test of their
 *           mean is exact, for 0/1 losses the binomial one (Geifman and El-Yaniv 2017). A grid of such k is tested, each at
 *           delta over their number; or a part of the rows chooses thresholds and their order, and the rest tests one after the other, each
 *           at delta, until one fails (learn then test; Angelopoulos et al. 2021). Without delta, conformal risk
 *           control (Angelopoulos et al. 2022) holds the expected share of rows that are accepted and wrong.
 * Reads     a score, or outputs from which it is made; quality 0 to 1, or outputs and the truth: the loss is 1 - quality.
 * Deviates  Geifman and El-Yaniv search by halves, testing at delta over their number although what is tested next depends on the rows;
 *           here the grid is fixed beforehand. Losses that are not 0 or 1 are tested by Hoeffding and Bentkus's bound.
 * Cost      O(n log n + grid n) time, 40 n bytes.
 * Example   cull trust selective-classification --level 0.05 --delta 0.1 --logits val.npy --truth labels.npy -o accept.json
 */
#include "base/base.h"
#include "cull/compute.h"
#include "cull/confidence.h"
#include "cull/risk.h"
#include "cull/trust.h"
#include "num/block.h"

#include <math.h>

typedef struct {
    int sure, test;
    int64_t grid, which;
    double part;
} opts;
enum { GIVEN, EACH = 0, SEQUENCE, CURVE = 101 };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, sure, GIVEN, "given|top|margin|entropy|odds|logit|energy",
                  "how sure an answer is: the score that is given (else the log odds of the top "
                  "class), or one made from the outputs"),
    CULL_OPT_ENUM(
        opts, test, SEQUENCE, "each|sequence",
        "with delta: test a grid of thresholds at once, or one after the other in an order "
        "that a part of the rows chooses"),
    CULL_OPT_I64(opts, grid, 50, 1, 10000, "with delta: thresholds that are tested"),
    CULL_OPT_F64(opts, part, .2, .01, .9,
                 "of sequence: the part of the rows that chooses the order"),
    CULL_OPT_I64(opts, which, 1, 1, CULL_MODELS, "which of several models, counted from 1"),
    CULL_OPT_END};

/* ---- rows ---- */
static cull_status score_of(cull_ctx *cx, const opts *o, const cull_outcomes *x, double *score,
                            int32_t *label)
{
    bool given = o->sure == GIVEN && x->score;
    if (o->which > x->models)
        return cull__fail(cx, CULL_EINPUT, "model %lld is asked for; there are %d",
                          (long long)o->which, x->models);
    if (given)
        for (int64_t i = 0; i < x->n; i++) score[i] = x->score[(o->which - 1) * x->n + i];
    if (!x->out && !given)
        return cull__fail(cx, CULL_EINPUT,
                          "how sure an answer is would be made from outputs, and there are none "
                          "(--logits or --probabilities)");
    if (!x->out) return CULL_OK;
    cull_class_rows r = {.v = x->out[o->which - 1],
                         .dtype = CULL_F32,
                         .proba = x->outputs == CULL_PROBABILITIES,
                         .n = x->n,
                         .classes = x->classes};
    cull_sure s = o->sure == GIVEN ? CULL_SURE_ODDS : (cull_sure)(o->sure - 1);
    return cull_class_sure(cx, &r, s, 1, given ? NULL : score, label);
}

static cull_status loss_of(cull_ctx *cx, const opts *o, const cull_outcomes *x, double *loss,
                           bool *zero_one)
{
    const double *quality = x->quality + (o->which - 1) * x->n;
    *zero_one = true;
    for (int64_t i = 0; i < x->n; i++) {
        if (!(quality[i] >= 0 && quality[i] <= 1))
            return cull__fail(cx, CULL_EINPUT,
                              "row %lld: the quality of its answer is %g; it must be 0 to 1",
                              (long long)i, quality[i]);
        loss[i] = 1 - quality[i];
        *zero_one &= loss[i] == 0 || loss[i] == 1;
    }
    return CULL_OK;
}

/* ---- thresholds: what is above one is accepted ---- */
/* Rows by score, surest first: how many are above t, and their sum of losses. */
typedef struct {
    cull__ranked *by;
    double *sum; /* (n + 1) of the losses of the first so many */
    int64_t n;
} order;

static cull_status order_of(cull_ctx *cx, const double *score, const double *loss,
                            const int64_t *row, int64_t n, order *out)
{
    CULL_TRY(CULL_TMP(cx, out->by, n));
    CULL_TRY(CULL_TMP(cx, out->sum, n + 1));
    out->n = n;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = row ? row[i] : i;
        out->by[i] = (cull__ranked){score[at], at};
    }
    cull__rank_sort(out->by, n);
    out->sum[0] = 0;
    for (int64_t i = 0; i < n; i++) out->sum[i + 1] = out->sum[i] + loss[out->by[i].i];
    return CULL_OK;
}

static int64_t above(const order *v, double t)
{
    int64_t lo = 0, hi = v->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (v->by[mid].v > t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Of "what is above t loses more than level on average". */
static double pvalue(const order *v, double t, double level, bool zero_one)
{
    int64_t n = above(v, t);
    if (n == 0) return 1;
    if (zero_one) return cull_risk_binomial((int64_t)llround(v->sum[n]), n, level);
    return cull_risk_hoeffding_bentkus(fmin(v->sum[n] / (double)n, 1), n, level);
}

/* grid thresholds, each the score at a rank that is fixed beforehand, the last one below all. */
static void ranks(const order *v, int64_t grid, double *t)
{
    for (int64_t j = 0; j < grid; j++)
        t[j] = v->by[(int64_t)((double)(j + 1) * (double)(v->n - 1) / (double)grid)].v;
    t[grid - 1] = -INFINITY;
}

typedef struct {
    const double *score, *loss;
    int64_t n;
    double level, delta;
    bool zero_one;
} problem;

/* The lowest of the valid thresholds, infinity where there is none. */
static cull_status lowest(cull_ctx *cx, const double *t, const double *p, int64_t k, double delta,
                          cull_ltt how, double *out)
{
    uint8_t *valid;
    int64_t count;
    CULL_TRY(CULL_TMP(cx, valid, k));
    CULL_TRY(cull_risk_learn(cx, p, k, delta, how, valid, &count));
    *out = INFINITY;
    for (int64_t j = 0; j < k; j++)
        if (valid[j] && t[j] < *out) *out = t[j];
    return CULL_OK;
}

static cull_status test_each(cull_ctx *cx, const opts *o, const problem *w, double *out)
{
    order all;
    double *t, *p;
    CULL_TRY(order_of(cx, w->score, w->loss, NULL, w->n, &all));
    CULL_TRY(CULL_TMP(cx, t, o->grid));
    CULL_TRY(CULL_TMP(cx, p, o->grid));
    ranks(&all, o->grid, t);
    for (int64_t j = 0; j < o->grid; j++) p[j] = pvalue(&all, t[j], w->level, w->zero_one);
    return lowest(cx, t, p, o->grid, w->delta, CULL_LTT_BONFERRONI, out);
}

/* Some rows say which thresholds there are and at which of them the others had best begin; from there coverage grows. */
static cull_status test_sequence(cull_ctx *cx, const opts *o, const problem *w, double *out,
                                 int64_t *rows)
{
    order some, rest;
    int64_t *row, first = 0, n = (int64_t)floor(o->part * (double)w->n);
    double *t, *p, least = INFINITY;
    CULL_TRY(CULL_TMP(cx, row, w->n));
    CULL_TRY(CULL_TMP(cx, t, o->grid));
    CULL_TRY(CULL_TMP(cx, p, o->grid));
    if (n < 1 || n >= w->n)
        return cull__fail(cx, CULL_EINPUT,
                          "%lld rows are too few to set a part of %g of them aside",
                          (long long)w->n, o->part);
    for (int64_t i = 0; i < w->n; i++) row[i] = i;
    cull_rng r = cull__rng(cx, 1);
    cull__rng_shuffle(&r, row, w->n);
    CULL_TRY(order_of(cx, w->score, w->loss, row, n, &some));
    CULL_TRY(order_of(cx, w->score, w->loss, row + n, w->n - n, &rest));
    ranks(&some, o->grid, t);
    for (int64_t j = 0; j < o->grid; j++) { /* what the rest would say if it were as these are */
        int64_t k = above(&some, t[j]);
        double scale = (double)rest.n / (double)n, share = k ? some.sum[k] / (double)k : 1;
        double guess = cull_risk_hoeffding_bentkus(fmin(share, 1),
                                                   (int64_t)ceil((double)k * scale) + 1, w->level);
        if (guess < least) {
            least = guess;
            first = j;
        }
        p[j] = pvalue(&rest, t[j], w->level, w->zero_one);
    }
    *rows = rest.n;
    return lowest(cx, t + first, p + first, o->grid - first, w->delta, CULL_LTT_SEQUENCE, out);
}

/* The lowest threshold of all for which accepted losses, over all rows, are at most the level in expectation. */
static cull_status control(cull_ctx *cx, const problem *w, double *out)
{
    order all;
    double *mean;
    int64_t at;
    CULL_TRY(order_of(cx, w->score, w->loss, NULL, w->n, &all));
    CULL_TRY(CULL_TMP(cx, mean, w->n + 1));
    /* place 0 accepts all, place j what is above the j-th least sure */
    mean[0] = all.sum[w->n] / (double)w->n;
    for (int64_t j = 1; j <= w->n; j++)
        mean[j] = all.sum[above(&all, all.by[w->n - j].v)] / (double)w->n;
    CULL_TRY(cull_risk_conformal_means(cx, mean, w->n + 1, w->n, w->level, 1, &at));
    *out = at < 0 ? INFINITY : at == 0 ? -INFINITY : all.by[w->n - at].v;
    return CULL_OK;
}

/* ---- fit ---- */
/* Risk at up to CURVE coverages, and what the threshold does to the calibration rows. */
static cull_status tell(cull_ctx *cx, const problem *w, double threshold, cull_policy *out)
{
    cull_risk_point *at;
    int64_t points, k = 0;
    double aurc, excess, taken = 0, wrong = 0, curve[CURVE][3];
    CULL_TRY(CULL_TMP(cx, at, w->n));
    CULL_TRY(cull_risk_curve(cx, w->score, w->loss, w->n, at, &points));
    CULL_TRY(cull_risk_area(cx, w->score, w->loss, w->n, &aurc, &excess));
    for (int64_t i = 0; i < points && k < CURVE; i++) {
        if (i < points - 1 && at[i].coverage * (CURVE - 1) < (double)k) continue;
        curve[k][0] = at[i].threshold;
        curve[k][1] = at[i].coverage;
        curve[k++][2] = at[i].risk;
    }
    CULL_TRY(cull_policy_put(cx, out, "curve", k, 3, &curve[0][0]));
    CULL_TRY(cull_policy_put_number(cx, out, "aurc", aurc));
    CULL_TRY(cull_policy_put_number(cx, out, "e-aurc", excess));
    for (int64_t i = 0; i < w->n; i++)
        if (w->score[i] > threshold) {
            taken++;
            wrong += w->loss[i];
        }
    if (taken == 0)
        return cull_policy_note(cx, out,
                                "no threshold is shown to hold the level by these rows: nothing is "
                                "accepted");
    return cull_policy_note(
        cx, out,
        "%.4g %% of the calibration rows are accepted, with a mean loss of %.4g; accepting all "
        "loses %.4g; area under risk by coverage %.4g, %.4g above the least",
        100 * taken / (double)w->n, wrong / taken, at[points - 1].risk, aurc, excess);
}

static cull_status fit(cull_ctx *cx, const cull_trust_problem *p, const void *o_, cull_policy *out)
{
    const opts *o = o_;
    const cull_outcomes *x = p->rows;
    double *score, *loss, threshold = INFINITY;
    int64_t rows = x->n;
    CULL_TRY(CULL_TMP(cx, score, x->n));
    CULL_TRY(CULL_TMP(cx, loss, x->n));
    CULL_TRY(score_of(cx, o, x, score, NULL));
    problem w = {.score = score, .loss = loss, .n = x->n, .level = p->level, .delta = p->delta};
    CULL_TRY(loss_of(cx, o, x, loss, &w.zero_one));
    if (p->delta == 0)
        CULL_TRY(control(cx, &w, &threshold));
    else if (o->test == SEQUENCE)
        CULL_TRY(test_sequence(cx, o, &w, &threshold, &rows));
    else
        CULL_TRY(test_each(cx, o, &w, &threshold));
    CULL_TRY(cull_policy_put_number(cx, out, "threshold", threshold));
    if (p->delta == 0 && w.zero_one) { /* what is wrong and above the threshold was missed */
        double *v;
        CULL_TRY(CULL_TMP(cx, v, x->n));
        for (int64_t i = 0; i < x->n; i++) v[i] = loss[i] > 0 ? score[i] : -INFINITY;
        CULL_TRY(cull_policy_put(cx, out, CULL_SCORES, x->n, 1, v));
    }
    CULL_TRY(tell(cx, &w, threshold, out));
    cull_guarantee g = {.bounds = p->delta > 0 ? "risk of accepted answers"
                                               : "share of rows that are accepted and wrong",
                        .level = p->level,
                        .delta = p->delta,
                        .assumes = p->delta > 0
                                       ? "calibration and test rows are independent draws of "
                                         "one distribution"
                                       : "calibration and test rows are exchangeable",
                        .n = rows};
    return cull_policy_guarantee(cx, out, &g);
}

static cull_status accept_at(cull_ctx *cx, const opts *o, const cull_outcomes *x,
                             const double *threshold, int64_t step, cull_decisions *out)
{
    CULL_TRY(cull_decisions_new(
        cx, x->n, CULL_DECIDES_KEEP | CULL_DECIDES_SCORE | (x->out ? CULL_DECIDES_LABEL : 0), 0,
        out));
    CULL_TRY(score_of(cx, o, x, out->score, out->label));
    for (int64_t i = 0; i < x->n; i++) out->keep[i] = out->score[i] > threshold[i * step];
    return CULL_OK;
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *x,
                         cull_decisions *out)
{
    double threshold;
    CULL_TRY(cull_policy_need_number(cx, p, "threshold", &threshold));
    if (isnan(threshold))
        return cull__fail(cx, CULL_EINPUT, "the threshold of the policy is nan; it is damaged");
    return accept_at(cx, o_, x, &threshold, 0, out);
}

/* ---- a stream ---- */
static cull_status strange(cull_ctx *cx, const cull_policy *p, const void *o_,
                           const cull_outcomes *x, double *v)
{
    const opts *o = o_;
    (void)p;
    CULL_TRY(score_of(cx, o, x, v, NULL));
    const double *quality = x->quality + (o->which - 1) * x->n;
    for (int64_t i = 0; i < x->n; i++) {
        if (!isnan(quality[i]) && quality[i] != 0 && quality[i] != 1)
            return cull__fail(cx, CULL_EINPUT,
                              "row %lld: the quality of its answer is %g; on a stream it must be 0 "
                              "or 1",
                              (long long)(x->first + i), quality[i]);
        v[i] = isnan(quality[i]) ? NAN : quality[i] == 0 ? v[i] : -INFINITY;
    }
    return CULL_OK;
}

static cull_status at(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *x,
                      const double *threshold, cull_decisions *out)
{
    (void)p;
    return accept_at(cx, o_, x, threshold, 1, out);
}

static const cull_trust_fns fns = {.needs = CULL_READS_SCORE | CULL_READS_QUALITY,
                                   .apply_needs = CULL_READS_SCORE,
                                   .delta = true,
                                   .fit = fit,
                                   .apply = apply,
                                   .strange = strange,
                                   .at = at};
const cull_method cull__method_selective_classification = {
    .slug = "selective-classification",
    .title = "answers to accept, of which few are wrong",
    .paper = "Geifman and El-Yaniv 2017, Selective classification for deep neural networks",
    .columns = "",
    .task = CULL_TASK_TRUST,
    .rev = 2,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.trust = &fns,
};
