/* cascade - sure answers of cheap models are taken, the rest goes on to the next; the exact front of cost and quality.
 *
 * Chooses   for each row which of some models answers: each runs in turn until one is sure enough.
 * Idea      Every order of models and every pair of thresholds from a grid of quantiles is compared on the rows that are known,
 *           exactly, for up to three stages; those that nothing dominates are kept, so that one policy serves every budget. A
 *           longer chain is looked for from the one chosen, by changes of a stage and branch and bound.
 * Reads     a score of each model (or its outputs), what answers are worth, costs; delays where there is a limit to them.
 * Deviates  - ; a cascade with a guarantee is learnt from one part of the rows and tested on the others: along the front by learn
 *           then test, or, with delta 0, a few of the front by conformal risk control (Angelopoulos et al. 2021, 2022).
 * Cost      K^2 (n + Q^2) K additions for K models and Q quantiles; 17 n K bytes. Applied: one look at each stage's score.
 * Example   cull compute cascade --score small_p,large_p --quality small_ok,large_ok --cost 1,9 --budget 4 val.csv
 */
#include "cull/cascade.h"
#include "base/base.h"
#include "choose/limit.h"
#include "cull/compute.h"
#include "score/held.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    int64_t stages, quantiles, nodes;
    int sure;
    double hold, spend;
    bool groups;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, stages, 3, 1, CULL_CASCADE_STAGES,
                 "models that a row may go through; above 3 the front of three is where a longer "
                 "chain is looked for from"),
    CULL_OPT_I64(opts, quantiles, 100, 2, 255, "thresholds of a model that are tried"),
    CULL_OPT_I64(opts, nodes, 1000, 0, 1000000,
                 "with more than 3 stages: beginnings of chains that are looked into"),
    CULL_OPT_ENUM(opts, sure, CULL_SURE_TOP, "top|margin|entropy|odds|logit|energy",
                  "how sure outputs are, where models have no scores"),
    CULL_OPT_F64(opts, hold, 0.5, 0.01, 0.99,
                 "with a limit to the risk: share of the rows that it is tested on"),
    CULL_OPT_BOOL(opts, groups, false, "with a limit to the risk: it holds in each group"),
    CULL_OPT_F64(opts, spend, 0, 0, 1e290,
                 "mean cost of a row from now on, of what was fitted; 0 = as fitted"),
    CULL_OPT_END};

/* ---- fit ---- */

/* The rows that all models' quality is known of, as (models, n) numbers; quality is brought to 0 .. 1. */
typedef struct {
    int64_t n;
    int64_t *row; /* (n): which they are */
    cull_cascade_table t;
    double low, wide; /* quality = low + wide * t.quality */
} known;

static int64_t find_known(const cull_outcomes *o, int64_t *row)
{
    int64_t n = 0;
    for (int64_t i = 0; i < o->n; i++) {
        bool all = true;
        for (int k = 0; k < o->models; k++) all &= !isnan(o->quality[k * o->n + i]);
        if (all) row[n++] = i;
    }
    return n;
}

static void span_quality(const cull_outcomes *o, known *u)
{
    double lo = 0, hi = 1;
    for (int k = 0; k < o->models; k++)
        for (int64_t j = 0; j < u->n; j++) {
            double q = o->quality[k * o->n + u->row[j]];
            if (q < lo) lo = q;
            if (q > hi) hi = q;
        }
    u->low = lo;
    u->wide = hi - lo;
}

static cull_status read_known(cull_ctx *cx, const cull_outcomes *o, cull_sure sure, known *u)
{
    double *confidence, *quality, *cost, *one;
    int costs = o->cost ? 1 : 0;
    CULL_TRY(CULL_TMP(cx, u->row, o->n));
    u->n = find_known(o, u->row);
    if (u->n == 0)
        return cull__fail(cx, CULL_EINPUT, "no row has the quality of all %d models", o->models);
    span_quality(o, u);
    CULL_TRY(CULL_TMP(cx, confidence, o->models * u->n));
    CULL_TRY(CULL_TMP(cx, quality, o->models * u->n));
    CULL_TRY(CULL_TMP(cx, cost, o->models * (costs ? u->n : 1)));
    CULL_TRY(CULL_TMP(cx, one, o->n));
    for (int k = 0; k < o->models; k++) {
        CULL_TRY(cull__outcomes_sure(cx, o, k, sure, 0, o->n, one, NULL));
        for (int64_t j = 0; j < u->n; j++) {
            int64_t i = u->row[j], at = k * u->n + j;
            confidence[at] = one[i];
            quality[at] = (o->quality[k * o->n + i] - u->low) / u->wide;
            if (costs) cost[at] = cull__outcomes_cost(o, k, i);
        }
        if (!costs) cost[k] = cull__outcomes_cost(o, k, 0);
    }
    u->t = (cull_cascade_table){.n = u->n,
                                .models = o->models,
                                .confidence = confidence,
                                .quality = quality,
                                .cost = cost,
                                .cost_each = costs,
                                .delay = o->delay};
    return CULL_OK;
}

/* Rows where half[j] is `part`. */
static cull_status part_of(cull_ctx *cx, const known *u, const uint8_t *half, int part, known *out)
{
    double *confidence, *quality, *cost;
    int64_t n = 0, models = u->t.models;
    *out = *u;
    CULL_TRY(CULL_TMP(cx, out->row, u->n));
    for (int64_t j = 0; j < u->n; j++)
        if (half[j] == part) out->row[n++] = j;
    CULL_TRY(CULL_TMP(cx, confidence, models * n));
    CULL_TRY(CULL_TMP(cx, quality, models * n));
    CULL_TRY(CULL_TMP(cx, cost, u->t.cost_each ? models * n : 1));
    for (int64_t k = 0; k < models; k++)
        for (int64_t j = 0; j < n; j++) {
            int64_t from = k * u->n + out->row[j];
            confidence[k * n + j] = u->t.confidence[from];
            quality[k * n + j] = u->t.quality[from];
            if (u->t.cost_each) cost[k * n + j] = u->t.cost[from];
        }
    for (int64_t j = 0; j < n; j++) out->row[j] = u->row[out->row[j]];
    out->n = out->t.n = n;
    out->t.confidence = confidence;
    out->t.quality = quality;
    if (u->t.cost_each) out->t.cost = cost;
    return CULL_OK;
}

static cull_status split(cull_ctx *cx, const cull_outcomes *o, const known *u, double hold,
                         known *learn, known *test)
{
    uint8_t *half;
    CULL_TRY(CULL_TMP(cx, half, u->n));
    cull__outcomes_split(cx, o, u->row, u->n, hold, half);
    CULL_TRY(part_of(cx, u, half, 0, learn));
    CULL_TRY(part_of(cx, u, half, 1, test));
    if (learn->n && test->n) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%" PRId64 " rows are too few to learn from some and test on others", u->n);
}

/* ---- a limit to the risk ---- */
typedef struct {
    const known *test;
    const cull_cascade_front *f;
} path;

static cull_status losses(cull_ctx *cx, void *arg, int64_t place, double *loss)
{
    const path *a = arg;
    const cull_cascade *c = &a->f->at[a->f->n - 1 - place];
    const cull_cascade_table *t = &a->test->t;
    (void)cx;
    for (int64_t j = 0; j < t->n; j++)
        for (int s = 0; s < c->stages; s++) {
            int64_t at = c->model[s] * t->n + j;
            if (s + 1 < c->stages && t->confidence[at] < c->threshold[s]) continue;
            loss[j] = 1 - t->quality[at];
            break;
        }
    return CULL_OK;
}

/* A few of the front, about where its risk is the limit on the rows learnt from, and the dearest: in expectation a row counts by
 * its largest loss on the way, which grows with every cascade that errs elsewhere. */
static void thin(cull_cascade_front *f, double risk, int64_t rows)
{
    enum { FEW = 12 };
    double off = sqrt(risk * (1 - risk) / (double)rows);
    double from = risk - 3 * off - 2 / (double)rows, to = risk + off;
    int64_t n = 0,
            last = f->n - 1; /* what is kept moves to the front of what is not looked at again */
    for (int k = FEW; k-- > 0;) { /* cheap ones first, as the front is */
        int64_t i = 0;
        while (i < last && 1 - f->at[i].quality > from + (to - from) * k / (FEW - 1)) i++;
        if (n && f->at[n - 1].cost >= f->at[i].cost) continue;
        f->at[n++] = f->at[i];
    }
    if (f->at[n - 1].cost < f->at[last].cost) f->at[n++] = f->at[last];
    f->n = n;
}

/* Along the front, the dearest first: the order comes of other rows. *from: of the front, all from here on hold. */
static cull_status test_front(cull_ctx *cx, const cull_compute_problem *p, const opts *o,
                              const known *test, cull_cascade_front *f, int64_t *from)
{
    int64_t held;
    int32_t *group = NULL;
    double first;
    if (p->delta == 0) thin(f, p->risk, test->n);
    if (o->groups) CULL_TRY(CULL_TMP(cx, group, test->n));
    for (int64_t j = 0; group && j < test->n; j++) group[j] = p->rows->group[test->row[j]];
    cull__limit l = {test->n, group, p->rows->groups, p->risk, p->delta, 0};
    path a = {test, f};
    CULL_TRY(cull__limit_along(cx, &l, f->n, losses, &a, &held, &first));
    *from = f->n - held;
    if (held) return CULL_OK;
    if (p->delta > 0)
        return cull__fail(
            cx, CULL_EINPUT,
            "no cascade was shown to hold a risk of %g with probability %g on %" PRId64
            " rows; the best one's p-value is %.3g",
            p->risk, 1 - p->delta, test->n, first);
    return cull__fail(cx, CULL_EINPUT,
                      "no cascade holds a risk of %g in expectation on %" PRId64
                      " rows; the best one's bound is %.3g",
                      p->risk, test->n, first);
}

static cull_status can_be_guaranteed(cull_ctx *cx, const cull_compute_problem *p, const opts *o,
                                     const known *u)
{
    if (o->stages > 3)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64
                          " stages: a limit to the risk is tested along the front, which "
                          "is of up to 3",
                          o->stages);
    if (u->low != 0 || u->wide != 1)
        return cull__fail(cx, CULL_EINPUT,
                          "quality goes from %g to %g; a limit to the risk needs it in 0 .. 1",
                          u->low, u->low + u->wide);
    return cull__held_groups(cx, p->rows, o->groups);
}

/* The point that is asked for, of those from `from` on. */
static cull_status choose(cull_ctx *cx, const cull_cascade_front *f, int64_t from, double budget,
                          double target, bool guaranteed, int64_t *at)
{
    const cull_cascade *last = &f->at[f->n - 1];
    int64_t within = isfinite(budget) ? cull_cascade_within(f, budget) : f->n - 1;
    if (within < from)
        return cull__fail(cx, CULL_EINPUT, "budget %g: the cheapest cascade%s costs %g", budget,
                          guaranteed ? " that holds the risk" : "", f->at[from].cost);
    *at = within;
    if (target == -INFINITY) {
        if (guaranteed && !isfinite(budget)) *at = from;
        return CULL_OK;
    }
    int64_t reaching = cull_cascade_reaching(f, target);
    if (reaching < 0)
        return cull__fail(cx, CULL_EINPUT, "target %g: the best cascade has a quality of %g",
                          target, last->quality);
    *at = reaching > from ? reaching : from;
    if (*at <= within) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "target %g within budget %g: the cheapest cascade of that quality costs %g",
                      target, budget, f->at[*at].cost);
}

static cull_status keep_front(cull_ctx *cx, const cull_cascade_front *f, cull_policy *out)
{
    double *v, *model, *threshold;
    CULL_TRY(CULL_TMP(cx, v, f->n * 2));
    CULL_TRY(CULL_TMP(cx, model, f->n * 3));
    CULL_TRY(CULL_TMP(cx, threshold, f->n * 3));
    for (int64_t i = 0; i < f->n; i++) {
        const cull_cascade *c = &f->at[i];
        v[2 * i] = c->cost;
        v[2 * i + 1] = c->quality;
        for (int s = 0; s < 3; s++) {
            model[3 * i + s] = s < c->stages ? c->model[s] : -1;
            threshold[3 * i + s] = s < c->stages ? c->threshold[s] : -INFINITY;
        }
    }
    CULL_TRY(cull_policy_put(cx, out, "front", f->n, 2, v));
    CULL_TRY(cull_policy_put(cx, out, "model", f->n, 3, model));
    return cull_policy_put(cx, out, "threshold", f->n, 3, threshold);
}

static cull_status say(cull_ctx *cx, const known *u, const cull_cascade *c, cull_policy *out)
{
    double cost, quality, share[CULL_CASCADE_STAGES];
    CULL_TRY(cull_cascade_judge(cx, &u->t, c, &cost, &quality, share));
    for (int s = 0; s < c->stages; s++) {
        const char *name = cull_policy_model(out, c->model[s]);
        if (s + 1 < c->stages)
            CULL_TRY(cull_policy_note(
                cx, out, "stage %d: %s answers where its score is %.6g or more, %.1f %% of rows",
                s + 1, name, c->threshold[s], 100 * share[s]));
        else
            CULL_TRY(cull_policy_note(cx, out, "stage %d: %s answers %s, %.1f %% of rows", s + 1,
                                      name, s ? "the rest" : "all", 100 * share[s]));
    }
    return cull_policy_note(cx, out, "mean cost %.6g and quality %.6g on the rows fitted on", cost,
                            u->low + u->wide * quality);
}

/* More stages than the front's: one chain, for the budget or target at hand. */
static cull_status longer(cull_ctx *cx, const cull_compute_problem *p, const opts *o,
                          const known *u, const cull_cascade *start, cull_policy *out)
{
    cull_cascade_deep_opts d = {.stages = (int)o->stages,
                                .quantiles = (int)o->quantiles,
                                .delay = isfinite(p->delay) ? p->delay : 0,
                                .budget = p->budget,
                                .target = -INFINITY,
                                .limit = o->nodes};
    cull_cascade_found got;
    double model[CULL_CASCADE_STAGES];
    double target = (p->target - u->low) / u->wide, have = (start->quality - u->low) / u->wide;
    got.best = *start;
    if (target > have) { /* so far out of reach */
        CULL_TRY(cull_cascade_deepen(cx, &u->t, &d, start, &got));
        have = got.best.quality;
        if (have < target)
            return cull__fail(cx, CULL_EINPUT,
                              "target %g: the best chain that was found has a quality of %g",
                              p->target, u->low + u->wide * have);
    }
    if (p->target != -INFINITY) d.target = fmin(target, have * (1 - 1e-12)); /* scaled: rounded */
    cull_cascade from = got.best;
    CULL_TRY(cull_cascade_deepen(cx, &u->t, &d, &from, &got));
    for (int s = 0; s < got.best.stages; s++) model[s] = got.best.model[s];
    CULL_TRY(cull_policy_put(cx, out, "long model", 1, got.best.stages, model));
    CULL_TRY(cull_policy_put(cx, out, "long threshold", 1, got.best.stages, got.best.threshold));
    CULL_TRY(say(cx, u, &got.best, out));
    double bound = p->target == -INFINITY ? u->low + u->wide * got.bound : got.bound;
    return cull_policy_note(cx, out, "no chain of %d stages has a %s of %s than %.6g", d.stages,
                            p->target == -INFINITY ? "quality" : "cost",
                            p->target == -INFINITY ? "more" : "less", bound);
}

static cull_status learn(cull_ctx *cx, const cull_compute_problem *p, const opts *o, known *u,
                         cull_cascade_front *f, cull_policy *out)
{
    cull_cascade_opts co = {.stages = o->stages < 3 ? (int)o->stages : 3,
                            .quantiles = (int)o->quantiles};
    bool guaranteed = !isnan(p->risk);
    known all = *u, test;
    int64_t from = 0, at = 0;
    if (isfinite(p->delay)) co.delay = p->delay;
    if (guaranteed) CULL_TRY(can_be_guaranteed(cx, p, o, u));
    if (guaranteed) CULL_TRY(split(cx, p->rows, &all, o->hold, u, &test));
    CULL_TRY(cull_cascade_fit(cx, &u->t, &co, f));
    if (f->n == 0)
        return cull__fail(cx, CULL_EINPUT, "delay %g: every model takes longer", p->delay);
    if (guaranteed) CULL_TRY(test_front(cx, p, o, &test, f, &from));
    for (int64_t i = 0; i < f->n; i++) f->at[i].quality = u->low + u->wide * f->at[i].quality;
    double target = p->target;
    if (o->stages > 3) { /* what no front of three has may still be reached */
        int64_t within = isfinite(p->budget) ? cull_cascade_within(f, p->budget) : f->n - 1;
        target = fmin(target, within < 0 ? -INFINITY : f->at[within].quality);
    }
    CULL_TRY(choose(cx, f, from, p->budget, target, guaranteed, &at));
    CULL_TRY(keep_front(cx, f, out));
    CULL_TRY(cull_policy_put_number(cx, out, "from", (double)from));
    CULL_TRY(cull_policy_put_number(cx, out, "chosen", (double)at));
    if (o->stages > 3) return longer(cx, p, o, u, &f->at[at], out);
    CULL_TRY(say(cx, u, &f->at[at], out));
    if (!guaranteed) return CULL_OK;
    return cull__held_promise(cx, p, o->groups, -1, test.n, out);
}

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    const opts *o = o_;
    cull_cascade_front f = {0};
    known u;
    CULL_TRY(read_known(cx, p->rows, (cull_sure)o->sure, &u));
    cull_status s = learn(cx, p, o, &u, &f, out);
    cull_cascade_front_free(&f);
    return s;
}

/* ---- apply ---- */
static cull_status damaged(cull_ctx *cx, const char *what, double v)
{
    return cull__fail(cx, CULL_EINPUT, "the policy is damaged: %s is %g", what, v);
}

/* From as many numbers as there may be stages; -1 is no model. */
static cull_status cascade_of(cull_ctx *cx, const double *model, const double *threshold,
                              int64_t most, int models, cull_cascade *c)
{
    *c = (cull_cascade){0};
    for (int64_t s = 0; s < most && model[s] != -1; s++) {
        if (!(model[s] >= 0 && model[s] < models) || model[s] != floor(model[s]))
            return damaged(cx, "the model of a stage", model[s]);
        if (isnan(threshold[s])) return damaged(cx, "the threshold of a stage", threshold[s]);
        c->model[s] = (int32_t)model[s];
        c->threshold[s] = threshold[s];
        c->stages = (int32_t)s + 1;
    }
    return c->stages ? CULL_OK : damaged(cx, "the number of stages", 0);
}

/* The front as the policy holds it. */
typedef struct {
    int64_t n, from, at;
    const double *front, *model, *threshold;
} stored;

static cull_status read_stored(cull_ctx *cx, const cull_policy *p, stored *f)
{
    double from, at;
    CULL_TRY(cull_policy_need(cx, p, "front", -1, 2, &f->front));
    (void)cull_policy_get(p, "front", &f->n, NULL);
    CULL_TRY(cull_policy_need(cx, p, "model", f->n, 3, &f->model));
    CULL_TRY(cull_policy_need(cx, p, "threshold", f->n, 3, &f->threshold));
    CULL_TRY(cull_policy_need_number(cx, p, "from", &from));
    CULL_TRY(cull_policy_need_number(cx, p, "chosen", &at));
    if (!(from >= 0 && from <= at && at < (double)f->n)) return damaged(cx, "its choice", at);
    f->from = (int64_t)from;
    f->at = (int64_t)at;
    return CULL_OK;
}

static cull_status cascade_for(cull_ctx *cx, const cull_policy *p, const opts *o, int models,
                               cull_cascade *c)
{
    const double *model, *threshold;
    int64_t stages;
    stored f;
    if (o->spend == 0 && cull_policy_get(p, "long model", NULL, &stages)) {
        if (stages > CULL_CASCADE_STAGES)
            return damaged(cx, "the number of stages", (double)stages);
        CULL_TRY(cull_policy_need(cx, p, "long model", 1, stages, &model));
        CULL_TRY(cull_policy_need(cx, p, "long threshold", 1, stages, &threshold));
        return cascade_of(cx, model, threshold, stages, models, c);
    }
    CULL_TRY(read_stored(cx, p, &f));
    int64_t at = f.at;
    if (o->spend > 0) {
        if (!(f.front[2 * f.from] <= o->spend))
            return cull__fail(cx, CULL_EINPUT,
                              "spend %g: the cheapest cascade of the policy costs %g", o->spend,
                              f.front[2 * f.from]);
        for (at = f.from; at + 1 < f.n && f.front[2 * at + 2] <= o->spend;) at++;
    }
    return cascade_of(cx, f.model + 3 * at, f.threshold + 3 * at, 3, models, c);
}

typedef struct {
    const cull_outcomes *rows;
    const cull_cascade *c;
    cull_sure sure;
    cull_decisions *out;
} applying;

/* For a block of rows all stages' scores are looked at; a row pays for those that it came to. */
static cull_status apply_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const applying *a = arg;
    const cull_cascade *c = a->c;
    int64_t n = hi - lo;
    double *score;
    int32_t *label = NULL;
    uint8_t *stage;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, score, c->stages * n));
    CULL_TRY(CULL_TMP(cx, stage, n));
    if (a->out->label) CULL_TRY(CULL_TMP(cx, label, c->stages * n));
    for (int s = 0; s < c->stages; s++)
        CULL_TRY(cull__outcomes_sure(cx, a->rows, c->model[s], a->sure, lo, n, score + s * n,
                                     label ? label + s * n : NULL));
    cull_cascade_route(c, score, n, stage);
    for (int64_t i = 0; i < n; i++) {
        int64_t row = lo + i;
        a->out->model[row] = c->model[stage[i]];
        a->out->score[row] = score[stage[i] * n + i];
        if (label) a->out->label[row] = label[stage[i] * n + i];
        for (int s = 0; s <= stage[i]; s++) {
            a->out->called[row] |= (uint64_t)1 << c->model[s];
            a->out->cost[row] += cull__outcomes_cost(a->rows, c->model[s], row);
        }
    }
    return cull__tick(cx, (double)hi, (double)a->rows->n);
}

static cull_status run(cull_ctx *cx, const opts *o, const cull_cascade *c,
                       const cull_outcomes *rows, cull_decisions *out)
{
    enum { GRAIN = 4096 };
    unsigned what = CULL_DECIDES_CALLS | CULL_DECIDES_SCORE | (rows->out ? CULL_DECIDES_LABEL : 0);
    CULL_TRY(cull_decisions_new(cx, rows->n, what, 0, out));
    applying a = {rows, c, (cull_sure)o->sure, out};
    return cull__for(cx, rows->n, GRAIN, apply_some, &a);
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_,
                         const cull_outcomes *rows, cull_decisions *out)
{
    cull_cascade c;
    CULL_TRY(cascade_for(cx, p, o_, rows->models, &c));
    return run(cx, o_, &c, rows, out);
}

/* ---- a stream ---- */
/* The front from its dear end on. Where a budget or a target wanted a better cascade than the cheapest that holds the limit, none that is
 * cheaper than that is taken. */
static cull_status path_of(cull_ctx *cx, const cull_policy *p, const void *o_,
                           cull_compute_path *out)
{
    const opts *o = o_;
    const cull_guarantee *g = cull_policy_guaranteed(p);
    stored f;
    double *loss;
    *out = (cull_compute_path){.reference = -1};
    if (!g || g->delta > 0 || o->groups || o->spend > 0) return CULL_OK;
    CULL_TRY(read_stored(cx, p, &f));
    int64_t least = f.at > f.from ? f.at : 0;
    out->places = f.n - least;
    out->start = f.n - 1 - f.at;
    CULL_TRY(CULL_TMP(cx, loss, out->places));
    for (int64_t j = 0; j < out->places; j++) loss[j] = 1 - f.front[2 * (f.n - 1 - j) + 1];
    out->loss = loss;
    return CULL_OK;
}

static cull_status at(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *rows,
                      int64_t place, cull_decisions *out)
{
    cull_cascade c;
    stored f;
    CULL_TRY(read_stored(cx, p, &f));
    int64_t i = f.n - 1 - place;
    CULL_TRY(cascade_of(cx, f.model + 3 * i, f.threshold + 3 * i, 3, rows->models, &c));
    return run(cx, o_, &c, rows, out);
}

/* Orders of up to three of the models, with every threshold of the grid at all stages but the last. */
static void work(const cull_compute_problem *p, const void *o_, cull_policy_plan *out)
{
    const opts *o = o_;
    double orders = 0, cascades = 0, more = 1, grid = 1;
    for (int s = 0; s < 3 && s < o->stages && s < p->rows->models; s++) {
        more *= p->rows->models - s;
        orders += more, cascades += more * grid;
        grid *= (double)o->quantiles;
    }
    cull_policy_plan_add(out, "orders of models", orders);
    cull_policy_plan_add(out, "cascades", cascades);
    if (o->stages > 3) cull_policy_plan_add(out, "beginnings of longer ones", (double)o->nodes);
}

static const cull_compute_fns fns = {.needs = CULL_READS_SCORE | CULL_READS_QUALITY,
                                     .apply_needs = CULL_READS_SCORE,
                                     .fit = fit,
                                     .apply = apply,
                                     .path = path_of,
                                     .at = at,
                                     .work = work};

const cull_method cull__method_cascade = {
    .slug = "cascade",
    .title = "a chain of models, each of which answers what it is sure of",
    .paper = "Chen, Zaharia and Zou 2023, FrugalGPT: How to Use Large Language Models While "
             "Reducing Cost and Improving Performance",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 3,
    .flags = 0,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
