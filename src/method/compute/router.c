/* router - one model for each row before any has run, by what its answer is predicted to be worth
 *
 * Chooses   the model that answers a row.
 * Idea      From rows with features, learn what each model's answer is worth; take the model of the most
 *           worth less a price times its mean cost. Prices fall from one that only the cheapest is worth
 *           to none; mean cost and quality at each are known of rows that were predicted by other folds,
 *           and the price for a budget or a target is read off there.
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
#include "choose/route.h"
#include "cull/compute.h"
#include "score/folds.h"
#include "score/outcomes.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    int64_t neighbours, rounds, depth, folds;
    double l2, rate, spend;
    int kind;
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

/* ---- fit ---- */

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

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    const opts *o = o_;
    school s;
    cull__route_curve c;
    int64_t at;
    if (!isnan(p->risk))
        return cull__fail(cx, CULL_EINPUT,
                          "router holds no risk; choose a target, or the method cascade");
    if (p->rows->n < 4)
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " rows are too few to learn from",
                          p->rows->n);
    CULL_TRY(enrol(cx, p, &s));
    CULL_TRY(measure(cx, p->rows, &s, o, &c));
    CULL_TRY(settle(cx, p, &c, &at));
    CULL_TRY(put_curve(cx, &c, at, out));
    return put_school(cx, &s, o, out);
}

/* ---- decisions ---- */

static cull_status price_of(cull_ctx *cx, const cull_policy *p, const opts *o, double *price)
{
    int64_t n, cols;
    const double *v = cull_policy_get(p, "curve", &n, &cols);
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

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_,
                         const cull_outcomes *rows, cull_decisions *out)
{
    const opts *o = o_;
    const double *who, *mean;
    double price, *x, *worth, *cost;
    int64_t d, models = 0, n = rows->n;
    cull_policy_get(p, "who", NULL, &models);
    CULL_TRY(cull_policy_need(cx, p, "who", 1, models, &who));
    CULL_TRY(cull_policy_need(cx, p, "cost", 1, models, &mean));
    CULL_TRY(price_of(cx, p, o, &price));
    for (int64_t k = 0; k < models; k++)
        if (!(who[k] >= 0 && who[k] < rows->models && mean[k] >= 0) || models > CULL_MODELS)
            return cull__fail(cx, CULL_EINPUT, "the policy is damaged: it calls model %g", who[k]);
    CULL_TRY(cull__outcomes_features(cx, rows, &x, &d));
    CULL_TRY(CULL_TMP(cx, worth, models * n));
    CULL_TRY(CULL_TMP(cx, cost, models * n));
    CULL_TRY(predict(cx, p, o, (int)models, x, n, d, worth));
    for (int64_t k = 0; k < models; k++)
        for (int64_t i = 0; i < n; i++) cost[k * n + i] = mean[k];
    cull__route_rows r = {.n = n, .models = (int)models, .worth = worth, .cost = cost};
    CULL_TRY(cull_decisions_new(cx, n, CULL_DECIDES_CALLS | CULL_DECIDES_SCORE, 0, out));
    for (int64_t i = 0; i < n; i++) {
        int at = cull__route_at(&r, i, price), k = (int)who[at];
        out->model[i] = k;
        out->called[i] = UINT64_C(1) << k;
        out->cost[i] = cull__outcomes_cost(rows, k, i);
        out->score[i] = worth[at * n + i];
    }
    return CULL_OK;
}

static const cull_compute_fns fns = {.needs = CULL_READS_QUALITY | CULL_READS_X,
                                     .apply_needs = CULL_READS_X,
                                     .fit = fit,
                                     .apply = apply};
const cull_method cull__method_router = {
    .slug = "router",
    .title = "the model whose answer is predicted to be worth most for its cost",
    .paper = "Ong et al. 2024, RouteLLM: Learning to Route LLMs with Preference Data",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 1,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
