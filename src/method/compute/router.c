/* router - one model for each row before any has run, by what its answer is predicted to be worth
 *
 * Chooses   the model that answers a row.
 * Idea      From rows with features, learn what each model's answer is worth; take the model of the most
 *           worth less a price times its mean cost. Prices fall from one that only the cheapest is worth
 *           to none; mean cost and quality at each are known of rows that were predicted by other folds,
 *           and the price for a budget or a target is read off there.
 *           With a limit to the risk, prices are tested on rows that had no part in all this, from none
 *           on; the highest holds on average no more than `risk` less quality than the strongest model,
 *           which answers all where no price is shown to.
 * Reads     features and quality (NaN = not known of this model and row); costs, delays (a model that
 *           takes longer than the limit is not called); groups (folds keep them together).
 * Deviates  - ; RouteLLM's routers (Ong et al. 2024) tell two models apart from preferences; here any number
 *           of models is told apart, from what their answers were worth. For logistic and ridge the
 *           policy keeps weights; for knn and boost it keeps the rows, and boost learns from them again
 *           where it is applied.
 * Cost      folds + 1 fits; knn n^2 d. Applied: a product of features and weights, or n d a row for knn.
 * Example   cull compute router --features x.npy --quality small_ok,large_ok --cost 1,9 --budget 4 val.csv
 */
#include "score/router.h"
#include "choose/limit.h"
#include "choose/route.h"
#include "cull/compute.h"
#include "score/folds.h"
#include "score/held.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    int64_t neighbours, rounds, depth, folds, reference;
    double l2, rate, spend, hold;
    int kind;
    bool groups;
} opts;
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, kind, CULL__ROUTER_LOGISTIC, CULL__ROUTER_NAMES,
                  "what predicts; logistic takes answers that are right or wrong"),
    CULL_OPT_I64(opts, neighbours, 40, 1, 100000, "knn: rows that are averaged"),
    CULL_OPT_F64(opts, l2, 10, 1e-9, 1e12, "logistic, ridge: of the sum of losses + l2 / 2 |w|^2"),
    CULL_OPT_I64(opts, rounds, 60, 1, 100000, "boost: trees"),
    CULL_OPT_I64(opts, depth, 3, 1, 30, "boost: of a tree at most"),
    CULL_OPT_F64(opts, rate, 0.1, 1e-4, 1, "boost: share of each tree's answer that counts"),
    CULL_OPT_I64(opts, folds, 5, 2, 100, "of rows that prices are found on unseen"),
    CULL_OPT_I64(
        opts, reference, 0, 0, CULL_MODELS,
        "with a limit to the risk: the model, from 1, that quality is lost against; 0 = the "
        "strongest on the rows learnt from"),
    CULL_OPT_F64(opts, hold, 0.5, 0.01, 0.99,
                 "with a limit to the risk: share of the rows that it is tested on"),
    CULL_OPT_BOOL(opts, groups, false, "with a limit to the risk: it holds in each group"),
    CULL_OPT_F64(opts, spend, 0, 0, 1e290,
                 "mean cost of a row from now on, of what was fitted; 0 = as fitted"),
    CULL_OPT_END};
enum { POINTS = 400 };

static cull__router_opts way_of(const opts *o)
{
    return (cull__router_opts){.kind = o->kind,
                               .neighbours = o->neighbours,
                               .rounds = o->rounds,
                               .depth = o->depth,
                               .l2 = o->l2,
                               .rate = o->rate,
                               .stream = 1};
}

/* ---- what is learnt from: the models that are fast enough ---- */

typedef struct {
    cull__router_rows r;
    int who[CULL_MODELS];
    double cost[CULL_MODELS]; /* of each of them, on average */
} school;

static cull_status enrol(cull_ctx *cx, const cull_compute_problem *p, school *s)
{
    const cull_outcomes *o = p->rows;
    double *x, *q;
    int m = 0;
    if (p->delay < INFINITY && !o->delay)
        return cull__fail(cx, CULL_EINPUT, "delay %g: the delays of the models are not known",
                          p->delay);
    for (int k = 0; k < o->models; k++)
        if (!(p->delay < INFINITY) || o->delay[k] <= p->delay) s->who[m++] = k;
    if (!m) return cull__fail(cx, CULL_EINPUT, "delay %g: every model takes longer", p->delay);
    s->r = (cull__router_rows){.n = o->n, .models = m};
    CULL_TRY(cull__outcomes_features(cx, o, &x, &s->r.d));
    CULL_TRY(CULL_TMP(cx, q, m * o->n));
    for (int j = 0; j < m; j++) {
        memcpy(q + j * o->n, o->quality + s->who[j] * o->n, (size_t)o->n * sizeof *q);
        s->cost[j] = 0;
        for (int64_t i = 0; i < o->n; i++)
            s->cost[j] += cull__outcomes_cost(o, s->who[j], i) / (double)o->n;
    }
    s->r.x = x, s->r.quality = q;
    return CULL_OK;
}

static cull_status deal(cull_ctx *cx, const cull_outcomes *o, int64_t folds, int32_t **fold,
                        int64_t *count)
{
    int64_t parts = 0;
    uint8_t *seen;
    const int32_t *group = o->group;
    CULL_TRY(CULL_TMP0(cx, seen, o->groups + 1));
    for (int64_t i = 0; group && i < o->n; i++) parts += !seen[group[i]], seen[group[i]] = 1;
    if (parts < 2) group = NULL, parts = o->n;
    *count = folds < parts ? folds : parts;
    CULL_TRY(CULL_TMP(cx, *fold, o->n));
    return cull__folds(cx, o->n, NULL, 0, group, group ? o->groups : 0, *count, 2, *fold);
}

/* The curve over rows all of whose qualities are known, by predictions of other folds. */
static cull_status measure(cull_ctx *cx, const cull_outcomes *o, const school *s, const opts *op,
                           cull__route_curve *out)
{
    const cull__router_opts way = way_of(op);
    int64_t n = o->n, m = 0, folds, *row;
    int models = s->r.models;
    int32_t *fold;
    double *all, *worth, *known, *cost, *paid;
    CULL_TRY(deal(cx, o, op->folds, &fold, &folds));
    CULL_TRY(CULL_TMP(cx, all, models * n));
    CULL_TRY(CULL_TMP(cx, row, n));
    CULL_TRY(cull__router_cross(cx, &s->r, &way, fold, folds, all));
    for (int64_t i = 0; i < n; i++) {
        bool whole = true;
        for (int k = 0; k < models; k++) whole &= !isnan(s->r.quality[k * n + i]);
        if (whole) row[m++] = i;
    }
    if (m < 2)
        return cull__fail(cx, CULL_EINPUT,
                          "the quality of all models is known of %" PRId64
                          " rows; two are needed at least to find a price",
                          m);
    CULL_TRY(CULL_TMP(cx, worth, models * m));
    CULL_TRY(CULL_TMP(cx, known, models * m));
    CULL_TRY(CULL_TMP(cx, cost, models * m));
    CULL_TRY(CULL_TMP(cx, paid, models * m));
    for (int k = 0; k < models; k++)
        for (int64_t j = 0; j < m; j++) {
            worth[k * m + j] = all[k * n + row[j]];
            known[k * m + j] = s->r.quality[k * n + row[j]];
            cost[k * m + j] = s->cost[k];
            paid[k * m + j] = cull__outcomes_cost(o, s->who[k], row[j]);
        }
    cull__route_rows rows = {.n = m, .models = models, .worth = worth, .cost = cost, .paid = paid};
    return cull__route_curve_of(cx, &rows, known, false, out);
}

/* ---- what a policy keeps ---- */

/* The last point within the budget; with a target the first that reaches it. */
static cull_status settle(cull_ctx *cx, const cull_compute_problem *p, const cull__route_curve *c,
                          int64_t *at)
{
    double least = INFINITY, most = -INFINITY;
    *at = -1;
    for (int64_t j = 0; j < c->points; j++) {
        least = fmin(least, c->cost[j]), most = fmax(most, c->quality[j]);
        if (!(c->cost[j] <= p->budget)) continue;
        if (p->target > -INFINITY) {
            if (c->quality[j] >= p->target && *at < 0) *at = j;
        } else {
            *at = j;
        }
    }
    if (*at >= 0) return CULL_OK;
    if (!(least <= p->budget))
        return cull__fail(cx, CULL_EINPUT, "budget %g: the cheapest model costs %g a row",
                          p->budget, least);
    return cull__fail(cx, CULL_EINPUT,
                      "target %g within budget %g: the best that routing gives is %g", p->target,
                      p->budget, most);
}

static cull_status put_curve(cull_ctx *cx, const cull__route_curve *c, int64_t at, cull_policy *out)
{
    double *v;
    int64_t n = 0, step = (c->points - 1) / POINTS + 1;
    CULL_TRY(CULL_TMP(cx, v, 3 * (c->points / step + 3)));
    for (int64_t j = 0; j < c->points; j++) {
        if (j % step && j != at && j != c->points - 1) continue;
        v[3 * n] = c->price[j], v[3 * n + 1] = c->cost[j], v[3 * n + 2] = c->quality[j];
        n++;
    }
    CULL_TRY(cull_policy_put(cx, out, "curve", n, 3, v));
    CULL_TRY(cull_policy_put_number(cx, out, "price", c->price[at]));
    return cull_policy_note(cx, out,
                            "on rows that were predicted unseen, mean cost %.6g and quality %.6g",
                            c->cost[at], c->quality[at]);
}

static cull_status put_school(cull_ctx *cx, const school *s, const opts *o, cull_policy *out)
{
    const cull__router_opts way = way_of(o);
    double who[CULL_MODELS], *w;
    for (int j = 0; j < s->r.models; j++) who[j] = s->who[j];
    CULL_TRY(cull_policy_put(cx, out, "who", 1, s->r.models, who));
    CULL_TRY(cull_policy_put(cx, out, "cost", 1, s->r.models, s->cost));
    if (!cull__router_linear(o->kind)) {
        CULL_TRY(cull_policy_put_number(cx, out, "seed", (double)(cull_ctx_seed(cx) >> 11)));
        CULL_TRY(cull_policy_put(cx, out, "x", s->r.n, s->r.d, s->r.x));
        return cull_policy_put(cx, out, "quality", s->r.models, s->r.n, s->r.quality);
    }
    CULL_TRY(CULL_TMP(cx, w, s->r.models * (s->r.d + 1)));
    CULL_TRY(cull__router_weights(cx, &s->r, &way, w));
    return cull_policy_put(cx, out, "weights", s->r.models, s->r.d + 1, w);
}

/* ---- decisions ---- */

static cull_status price_of(cull_ctx *cx, const cull_policy *p, const opts *o, double *price)
{
    int64_t n;
    const double *v = NULL;
    (void)cull_policy_get(p, "curve", &n, NULL);
    CULL_TRY(cull_policy_need_number(cx, p, "price", price));
    if (!(o->spend > 0)) return CULL_OK;
    CULL_TRY(cull_policy_need(cx, p, "curve", -1, 3, &v));
    bool found = false;
    for (int64_t j = 0; j < n; j++)
        if (v[3 * j + 1] <= o->spend) *price = v[3 * j], found = true;
    if (found) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "spend %g: the cheapest model costs %g a row", o->spend,
                      v[1]);
}

static cull_status predict(cull_ctx *cx, const cull_policy *p, const opts *o, int models,
                           const double *x, int64_t n, int64_t d, double *worth)
{
    const bool linear = cull__router_linear(o->kind);
    const cull__router_opts way = way_of(o);
    cull__router_rows r = {.models = models, .d = d};
    const double *v;
    double seed;
    int64_t wide = -1;
    if (!cull_policy_get(p, linear ? "weights" : "x", &r.n, &wide))
        return cull__fail(cx, CULL_EINPUT,
                          "the policy was fitted for another kind; kind stays as it was");
    if (wide != d + linear)
        return cull__fail(cx, CULL_EINPUT,
                          "the rows have %" PRId64 " features, the policy was fitted on %" PRId64,
                          d, wide - linear);
    if (linear) {
        CULL_TRY(cull_policy_need(cx, p, "weights", models, d + 1, &v));
        cull__router_weigh(o->kind, models, d, v, x, n, worth);
        return CULL_OK;
    }
    CULL_TRY(cull_policy_need(cx, p, "x", r.n, d, &r.x));
    CULL_TRY(cull_policy_need(cx, p, "quality", models, r.n, &r.quality));
    CULL_TRY(cull_policy_need_number(cx, p, "seed", &seed));
    uint64_t now = cull_ctx_seed(cx);
    cull_ctx_reseed(cx, seed >= 0 && seed < 0x1p53 ? (uint64_t)seed : 0);
    cull_status s = cull__router_say(cx, &r, &way, x, n, worth);
    cull_ctx_reseed(cx, now);
    return s;
}

/* What the policy says of rows, by which a price decides; who: the models that it is said of. */
static cull_status consult(cull_ctx *cx, const cull_policy *p, const opts *o,
                           const cull_outcomes *rows, cull__route_rows *r, const double **who)
{
    const double *mean;
    double *x, *worth, *cost;
    int64_t d, models = 0, n = rows->n;
    cull_policy_get(p, "who", NULL, &models);
    CULL_TRY(cull_policy_need(cx, p, "who", 1, models, who));
    CULL_TRY(cull_policy_need(cx, p, "cost", 1, models, &mean));
    for (int64_t k = 0; k < models; k++)
        if (!((*who)[k] >= 0 && (*who)[k] < rows->models && mean[k] >= 0) || models > CULL_MODELS)
            return cull__fail(cx, CULL_EINPUT, "the policy is damaged: it calls model %g",
                              (*who)[k]);
    CULL_TRY(cull__outcomes_features(cx, rows, &x, &d));
    CULL_TRY(CULL_TMP(cx, worth, models * n));
    CULL_TRY(CULL_TMP(cx, cost, models * n));
    CULL_TRY(predict(cx, p, o, (int)models, x, n, d, worth));
    for (int64_t k = 0; k < models; k++)
        for (int64_t i = 0; i < n; i++) cost[k * n + i] = mean[k];
    *r = (cull__route_rows){.n = n, .models = (int)models, .worth = worth, .cost = cost};
    return CULL_OK;
}

/* A policy whose limit to the risk no price is shown to hold has one model for all rows. */
static cull_status only_model(cull_ctx *cx, const cull_policy *p, const opts *o, int models,
                              double *only)
{
    const double *v;
    *only = -1;
    if (!cull_policy_get(p, "only", NULL, NULL)) return CULL_OK;
    CULL_TRY(cull_policy_need(cx, p, "only", 1, 2, &v));
    if (!(v[0] >= 0 && v[0] < models))
        return cull__fail(cx, CULL_EINPUT, "the policy is damaged: it calls model %g", v[0]);
    if (o->spend > 0 && !(v[1] <= o->spend))
        return cull__fail(cx, CULL_EINPUT, "spend %g: the model that answers all costs %g a row",
                          o->spend, v[1]);
    *only = v[0];
    return CULL_OK;
}

/* By a price, or (only >= 0) by one model. */
static cull_status decide(cull_ctx *cx, const cull_policy *p, const opts *o,
                          const cull_outcomes *rows, double price, double only, cull_decisions *out)
{
    const double *who;
    cull__route_rows r;
    CULL_TRY(consult(cx, p, o, rows, &r, &who));
    CULL_TRY(cull_decisions_new(cx, rows->n, CULL_DECIDES_CALLS | CULL_DECIDES_SCORE, 0, out));
    for (int64_t i = 0; i < rows->n; i++) {
        int at = cull__route_at(&r, i, price), k = (int)who[at];
        if (only >= 0) { /* what it is predicted to be worth, where that is known */
            k = (int)only, at = -1;
            for (int j = 0; j < r.models; j++)
                if ((int)who[j] == k) at = j;
        }
        out->model[i] = k;
        out->called[i] = UINT64_C(1) << k;
        out->cost[i] = cull__outcomes_cost(rows, k, i);
        out->score[i] = at < 0 ? 0 : r.worth[at * rows->n + i];
    }
    return CULL_OK;
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_,
                         const cull_outcomes *rows, cull_decisions *out)
{
    double price = 0, only;
    CULL_TRY(only_model(cx, p, o_, rows->models, &only));
    if (only < 0) CULL_TRY(price_of(cx, p, o_, &price));
    return decide(cx, p, o_, rows, price, only, out);
}

/* ---- a stream ---- */
/* The reference, which loses nothing, then prices up to the one that was fitted. */
static cull_status path_of(cull_ctx *cx, const cull_policy *p, const void *o_,
                           cull_compute_path *out)
{
    const opts *o = o_;
    const cull_guarantee *g = cull_policy_guaranteed(p);
    const double *v, *reference;
    double price, *loss;
    int64_t n, at = 0;
    *out = (cull_compute_path){.reference = -1};
    if (!g || g->delta > 0 || o->groups || o->spend > 0) return CULL_OK;
    if (!cull_policy_get(p, "curve", &n, NULL) || !cull_policy_get(p, "reference", NULL, NULL))
        return CULL_OK; /* one model for all rows */
    CULL_TRY(cull_policy_need(cx, p, "curve", n, 3, &v));
    CULL_TRY(cull_policy_need(cx, p, "reference", 1, 2, &reference));
    CULL_TRY(cull_policy_need_number(cx, p, "price", &price));
    while (at < n && v[3 * at] != price) at++;
    if (at == n || !(reference[0] >= 0 && reference[0] < cull_policy_models(p)))
        return cull__fail(cx, CULL_EINPUT, "the policy is damaged: its price is %g", price);
    out->places = n - at + 1;
    out->start = n - at;
    out->reference = (int)reference[0];
    CULL_TRY(CULL_TMP(cx, loss, out->places));
    loss[0] = 0;
    for (int64_t j = 1; j < out->places; j++) loss[j] = reference[1] - v[3 * (n - j) + 2];
    out->loss = loss;
    return CULL_OK;
}

static cull_status at(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *rows,
                      int64_t place, cull_decisions *out)
{
    int64_t n = 0;
    const double *v = cull_policy_get(p, "curve", &n, NULL);
    const double *reference = cull_policy_get(p, "reference", NULL, NULL);
    return decide(cx, p, o_, rows, place ? v[3 * (n - place)] : 0, place ? -1 : reference[0], out);
}

/* ---- fit ---- */

static cull_status plain(cull_ctx *cx, const cull_compute_problem *p, const opts *o,
                         cull_policy *out)
{
    school s;
    cull__route_curve c;
    int64_t at;
    CULL_TRY(enrol(cx, p, &s));
    CULL_TRY(measure(cx, p->rows, &s, o, &c));
    CULL_TRY(settle(cx, p, &c, &at));
    CULL_TRY(put_curve(cx, &c, at, out));
    return put_school(cx, &s, o, out);
}

/* ---- with a limit to the risk ---- */

/* A policy learnt from some rows, and others that it is tested on. */
typedef struct {
    cull_outcomes learn, test;
    const double *who;
    cull__route_rows r; /* of the tested ones, as the policy sees them */
    cull__route_curve c;
    int reference;
} limited;

/* From the least price on. */
static cull_status losses(cull_ctx *cx, void *arg, int64_t place, double *loss)
{
    const limited *l = arg;
    const double *q = l->test.quality, price = l->c.price[l->c.points - 1 - place];
    (void)cx;
    for (int64_t i = 0; i < l->test.n; i++) {
        int k = (int)l->who[cull__route_at(&l->r, i, price)];
        loss[i] = q[l->reference * l->test.n + i] - q[k * l->test.n + i];
    }
    return CULL_OK;
}

/* The reference for all rows: it loses nothing, and needs no test. */
static cull_status put_only(cull_ctx *cx, const cull_compute_problem *p, const limited *l,
                            double cost, cull_policy *out)
{
    const char *name = cull_policy_model(out, l->reference);
    double v[] = {l->reference, cost}, quality = cull__held_quality(&l->learn, l->reference);
    if (p->delay < INFINITY && l->learn.delay[l->reference] > p->delay)
        return cull__fail(cx, CULL_EINPUT,
                          "no price was shown to hold a risk of %g on %" PRId64
                          " rows, and '%s' takes longer than %g",
                          p->risk, l->test.n, name, p->delay);
    if (!(cost <= p->budget) || !(quality >= p->target))
        return cull__fail(cx, CULL_EINPUT,
                          "no price was shown to hold a risk of %g on %" PRId64
                          " rows, and '%s' alone costs %g a row for a quality of %g",
                          p->risk, l->test.n, name, cost, quality);
    CULL_TRY(cull_policy_put(cx, out, "only", 1, 2, v));
    return cull_policy_note(cx, out, "%s answers all rows", name);
}

/* Among the `held` last points of the curve, all of which hold the limit. */
static cull_status settle_held(cull_ctx *cx, const cull_compute_problem *p, limited *l,
                               int64_t held, cull_policy *out)
{
    double cost = 0;
    int64_t at = 0, from = l->c.points - held;
    bool asked = p->budget < INFINITY || p->target > -INFINITY;
    for (int64_t i = 0; i < l->learn.n; i++)
        cost += cull__outcomes_cost(&l->learn, l->reference, i) / (double)l->learn.n;
    bool fast = !(p->delay < INFINITY) || l->learn.delay[l->reference] <= p->delay;
    if (held == 0 || (!asked && fast && cost <= l->c.cost[from]))
        return put_only(cx, p, l, cost, out);
    l->c.points = held;
    l->c.price += from, l->c.cost += from, l->c.quality += from;
    if (p->budget < INFINITY && !(l->c.cost[0] <= p->budget))
        return cull__fail(cx, CULL_EINPUT,
                          "budget %g: what holds a risk of %g costs %g a row at least", p->budget,
                          p->risk, l->c.cost[0]);
    if (asked) CULL_TRY(settle(cx, p, &l->c, &at));
    return put_curve(cx, &l->c, at, out);
}

static cull_status within_limit(cull_ctx *cx, const cull_compute_problem *p, const opts *o,
                                cull_policy *out)
{
    cull_compute_problem own = *p;
    limited l;
    school s;
    int64_t held, step, n = 0;
    double first;
    CULL_TRY(cull__held_groups(cx, p->rows, o->groups));
    CULL_TRY(cull__held_split(cx, p->rows, o->hold, &l.learn, &l.test));
    CULL_TRY(cull__held_reference(cx, &l.learn, o->reference, &l.reference));
    const double lost_to[] = {l.reference, cull__held_quality(&l.learn, l.reference)};
    CULL_TRY(cull_policy_put(cx, out, "reference", 1, 2, lost_to));
    own.rows = &l.learn;
    CULL_TRY(enrol(cx, &own, &s));
    CULL_TRY(measure(cx, &l.learn, &s, o, &l.c));
    CULL_TRY(put_school(cx, &s, o, out));
    CULL_TRY(consult(cx, out, o, &l.test, &l.r, &l.who));
    step = (l.c.points - 1) / POINTS + 1; /* the last one is on the way whatever the step */
    for (int64_t j = (l.c.points - 1) % step; j < l.c.points; j += step, n++) {
        l.c.price[n] = l.c.price[j], l.c.cost[n] = l.c.cost[j];
        l.c.quality[n] = l.c.quality[j];
    }
    l.c.points = n;
    cull__limit limit = {.n = l.test.n,
                         .group = o->groups ? l.test.group : NULL,
                         .groups = l.test.groups,
                         .level = p->risk,
                         .delta = p->delta,
                         .low = -1};
    CULL_TRY(cull__limit_along(cx, &limit, l.c.points, losses, &l, &held, &first));
    CULL_TRY(settle_held(cx, p, &l, held, out));
    return cull__held_promise(cx, p, o->groups, l.reference, l.test.n, out);
}

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    if (p->rows->n < 4)
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " rows are too few to learn from",
                          p->rows->n);
    return isnan(p->risk) ? plain(cx, p, o_, out) : within_limit(cx, p, o_, out);
}

static void work(const cull_compute_problem *p, const void *o_, cull_policy_plan *out)
{
    const opts *o = o_;
    cull_policy_plan_add(out, "folds", (double)o->folds);
    if (o->kind == CULL__ROUTER_KNN)
        cull_policy_plan_add(out, "distances", (double)p->rows->n * (double)p->rows->n);
    else
        cull_policy_plan_add(out, "predictors", ((double)o->folds + 1) * p->rows->models);
}

static const cull_compute_fns fns = {.needs = CULL_READS_QUALITY | CULL_READS_X,
                                     .apply_needs = CULL_READS_X,
                                     .fit = fit,
                                     .apply = apply,
                                     .path = path_of,
                                     .at = at,
                                     .work = work};
const cull_method cull__method_router = {
    .slug = "router",
    .title = "the model whose answer is predicted to be worth most for its cost",
    .paper = "Ong et al. 2024, RouteLLM: Learning to Route LLMs with Preference Data",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 2,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
