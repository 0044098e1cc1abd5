/* metainf - which way to run a workload, by what all ways did on others (Du et al. 2025, MetaInf)
 *
 * Chooses   one model (a way to run: cached, batched, quantised, ...) for each row (a workload), before any
 *           has run.
 * Idea      One predictor learns from rows of features and which way it was how good that way is; the
 *           best by prediction is taken. A workload unlike all that were seen gets the way that was best on
 *           average. Within a budget only ways come into question whose cost lies below it with
 *           probability 1 - alpha.
 * Reads     features and quality of all models (a row that lacks one is left out); costs; groups (folds keep
 *           them together: rows of one model and machine are no test of another).
 * Deviates  (a) Descriptions are no texts here: features are numbers; make them of text by `cull embed`. (b)
 *           quality is learnt as a logarithm where all of it is above 0, as it is compared by ratios. (c) The
 *           paper keeps to a cost by its prediction, which is over it half of the time; here by a
 *           conformal quantile of what predictions missed costs by on unseen rows. (d) The paper's baselines are kinds.
 * Cost      folds + 1 fits of the kind, and of the others beside it; n^2 d distances. The policy keeps
 *           the rows, and learns from them again where it is applied.
 * Example   cull compute metainf --long workload=prompt,way=way,time=seconds --attributes length runs.csv
 */
#include "cull/compute.h"
#include "cull/conform.h"
#include "num/num.h"
#include "score/folds.h"
#include "score/meta.h"
#include "score/outcomes.h"
#include "score/predict.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    int64_t rounds, depth, rank, folds;
    double rate, l2, alpha, cold;
    int kind, predictor, values;
    bool beside;
} opts;
enum { AUTO, RAW, LOG };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, kind, CULL__META_JOINT, CULL__META_NAMES, "what selects"),
    CULL_OPT_ENUM(opts, predictor, CULL_PREDICT_BOOST, "auto|ridge|svr|boost|forest|mlp|gp",
                  "joint, each: what predicts"),
    CULL_OPT_ENUM(opts, values, AUTO, "auto|raw|log",
                  "quality as it is or as its logarithm; auto: that where all is above 0"),
    CULL_OPT_I64(opts, rounds, 200, 1, 100000, "boost, pairs: trees"),
    CULL_OPT_I64(opts, depth, 4, 1, 30, "boost: of a tree at most"),
    CULL_OPT_F64(opts, rate, 0.1, 1e-4, 1, "boost: share of each tree's answer that counts"),
    CULL_OPT_I64(opts, rank, 5, 1, CULL_MODELS, "alors: of the table, at most"),
    CULL_OPT_F64(opts, l2, 1e-3, 1e-12, 1e12, "alors: of the sum of squares + l2 |w|^2"),
    CULL_OPT_I64(opts, folds, 5, 2, 100, "of rows that selections are judged on unseen"),
    CULL_OPT_F64(opts, alpha, 0.1, 1e-6, 0.999999, "with a budget: chance that a cost is above it"),
    CULL_OPT_F64(opts, cold, 0.95, 0, 1,
                 "farther from all rows than so many of them are: the best on average is taken"),
    CULL_OPT_BOOL(opts, beside, true, "the other kinds are judged beside it"),
    CULL_OPT_END};

static cull__meta_opts way_of(const opts *o)
{
    return (cull__meta_opts){.kind = o->kind,
                             .predictor = (cull_predict_kind)o->predictor,
                             .rounds = o->rounds,
                             .depth = o->depth,
                             .rank = o->rank,
                             .rate = o->rate,
                             .l2 = o->l2,
                             .stream = 1};
}

/* ---- the table ---- */

typedef struct {
    cull__meta_rows r,
        cost; /* cost: by which budgets are kept, as a logarithm; v NULL = the same for all rows */
    const int32_t *group;
    int32_t groups;
    bool log;
} school;

static bool whole(const cull_outcomes *o, int64_t i)
{
    for (int k = 0; k < o->models; k++)
        if (isnan(o->quality[k * o->n + i])) return false;
    return true;
}

static cull_status log_or_not(cull_ctx *cx, const opts *o, const double *v, int64_t n, bool *out)
{
    bool above = true;
    for (int64_t i = 0; i < n; i++) {
        if (v[i] <= 0 && o->values == LOG)
            return cull__fail(cx, CULL_EINPUT, "quality %g has no logarithm; choose values=raw",
                              v[i]);
        above &= v[i] > 0;
    }
    *out = above && o->values != RAW;
    return CULL_OK;
}

static cull_status enrol(cull_ctx *cx, const cull_compute_problem *p, const opts *o, school *s)
{
    const cull_outcomes *from = p->rows;
    int64_t n = 0, d, *row;
    int models = from->models;
    double *all, *x, *v, *c = NULL;
    int32_t *group;
    CULL_TRY(CULL_TMP(cx, row, from->n));
    for (int64_t i = 0; i < from->n; i++)
        if (whole(from, i)) row[n++] = i;
    if (n < 4)
        return cull__fail(
            cx, CULL_EINPUT,
            "the quality of all models is known of %" PRId64 " rows; four are needed at least", n);
    CULL_TRY(cull__outcomes_features(cx, from, &all, &d));
    CULL_TRY(CULL_TMP(cx, x, n * d));
    CULL_TRY(CULL_TMP(cx, v, models * n));
    CULL_TRY(CULL_TMP(cx, group, n));
    if (from->cost && p->budget < INFINITY) CULL_TRY(CULL_TMP(cx, c, models * n));
    for (int64_t i = 0; i < n; i++) {
        memcpy(x + i * d, all + row[i] * d, (size_t)d * sizeof *x);
        group[i] = from->group ? from->group[row[i]] : 0;
        for (int k = 0; k < models; k++) {
            v[k * n + i] = from->quality[k * from->n + row[i]];
            if (c) c[k * n + i] = log(fmax(from->cost[k * from->n + row[i]], 1e-300));
        }
    }
    CULL_TRY(log_or_not(cx, o, v, models * n, &s->log));
    for (int64_t i = 0; s->log && i < models * n; i++) v[i] = log(v[i]);
    s->r = s->cost = (cull__meta_rows){.n = n, .d = d, .ways = models, .x = x, .v = v};
    s->cost.v = c;
    s->group = from->group ? group : NULL, s->groups = from->groups;
    return CULL_OK;
}

static cull_status deal(cull_ctx *cx, const school *s, const opts *o, int32_t **fold,
                        int64_t *count)
{
    int64_t parts = 0;
    uint8_t *seen;
    const int32_t *group = s->group;
    CULL_TRY(CULL_TMP0(cx, seen, s->groups + 1));
    for (int64_t i = 0; group && i < s->r.n; i++) parts += !seen[group[i]], seen[group[i]] = 1;
    if (parts < 2) group = NULL, parts = s->r.n / 2; /* others must leave two rows to learn from */
    *count = o->folds < parts ? o->folds : parts;
    CULL_TRY(CULL_TMP(cx, *fold, s->r.n));
    return cull__folds(cx, s->r.n, NULL, 0, group, group ? s->groups : 0, *count, 2, *fold);
}

static int best_of(const double *score, int ways, int64_t n, int64_t i)
{
    int best = 0;
    for (int k = 1; k < ways; k++)
        if (score[k * n + i] > score[best * n + i]) best = k;
    return best;
}

/* ---- how good selections are on unseen rows ---- */

/* *gap: of what lies between the single best way and the best for each row, the share that is won; *right: share of rows
 * whose best way (or one as good) was taken. */
static cull_status judge(cull_ctx *cx, const school *s, const cull__meta_opts *way,
                         const int32_t *fold, int64_t folds, double *gap, double *right)
{
    const cull__meta_rows *r = &s->r;
    double *score, single = -INFINITY, ours = 0, ideal = 0;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, score, r->ways * r->n));
    CULL_TRY(cull__meta_cross(cx, r, way, fold, folds, score));
    for (int k = 0; k < r->ways; k++) single = fmax(single, cull__mean(r->v + k * r->n, r->n));
    *right = 0;
    for (int64_t i = 0; i < r->n; i++) {
        double got = r->v[best_of(score, r->ways, r->n, i) * r->n + i];
        double most = r->v[best_of(r->v, r->ways, r->n, i) * r->n + i];
        ours += got / (double)r->n, ideal += most / (double)r->n;
        *right += (got == most) / (double)r->n;
    }
    *gap = ideal > single ? (ours - single) / (ideal - single) : 0;
    cull__release(cx, mark);
    return CULL_OK;
}

static bool judged(const opts *o, int kind, int ways)
{
    enum { PAIRED = 16 }; /* ways; a forest for each pair of more takes long */
    return kind == o->kind || (o->beside && (kind != CULL__META_PAIRS || ways <= PAIRED));
}

static cull_status compare(cull_ctx *cx, const school *s, const opts *o, const int32_t *fold,
                           int64_t folds, cull_policy *out)
{
    static const char *const name[] = {"joint", "each", "alors", "isac", "pairs", "single"};
    double v[CULL__METAS][2];
    for (int kind = 0; kind < CULL__METAS; kind++) {
        cull__meta_opts way = way_of(o);
        v[kind][0] = v[kind][1] = NAN;
        if (!judged(o, kind, s->r.ways)) continue;
        way.kind = kind;
        CULL_TRY(judge(cx, s, &way, fold, folds, &v[kind][0], &v[kind][1]));
        CULL_TRY(cull_policy_note(
            cx, out,
            "%s closes %.3g of the gap between the single best and the best for each row, "
            "on unseen rows; it takes the best way for %.3g of them%s",
            name[kind], v[kind][0], v[kind][1], kind == o->kind ? " (this policy)" : ""));
    }
    return cull_policy_put(cx, out, "judged", CULL__METAS, 2, &v[0][0]);
}

/* ---- costs ---- */

/* What predictions of the logarithms of costs must be raised by, to be above with probability 1 - alpha. */
static cull_status raise(cull_ctx *cx, const school *s, const opts *o, const int32_t *fold,
                         int64_t folds, double *lift)
{
    const cull__meta_rows *c = &s->cost;
    cull__meta_opts way = way_of(o);
    double *said, *over;
    way.kind = CULL__META_EACH;
    CULL_TRY(CULL_TMP(cx, said, c->ways * c->n));
    CULL_TRY(CULL_TMP(cx, over, c->n));
    CULL_TRY(cull__meta_cross(cx, c, &way, fold, folds, said));
    for (int k = 0; k < c->ways; k++) {
        for (int64_t i = 0; i < c->n; i++) over[i] = c->v[k * c->n + i] - said[k * c->n + i];
        CULL_TRY(cull_conform_quantile(cx, over, c->n, o->alpha, lift + k));
    }
    return CULL_OK;
}

static cull_status put_costs(cull_ctx *cx, const cull_compute_problem *p, const school *s,
                             const opts *o, const int32_t *fold, int64_t folds, cull_policy *out)
{
    double lift[CULL_MODELS], mean[CULL_MODELS], least = INFINITY;
    for (int k = 0; k < s->r.ways; k++) {
        mean[k] = 0;
        for (int64_t i = 0; i < p->rows->n; i++)
            mean[k] += cull__outcomes_cost(p->rows, k, i) / (double)p->rows->n;
        least = fmin(least, mean[k]);
    }
    CULL_TRY(cull_policy_put(cx, out, "cost", 1, s->r.ways, mean));
    CULL_TRY(cull_policy_put_number(cx, out, "budget", p->budget));
    if (!(p->budget < INFINITY)) return CULL_OK;
    if (!(least <= p->budget))
        return cull__fail(cx, CULL_EINPUT, "budget %g: the cheapest model costs %g a row",
                          p->budget, least);
    if (!s->cost.v) return CULL_OK;
    CULL_TRY(raise(cx, s, o, fold, folds, lift));
    CULL_TRY(cull_policy_put(cx, out, "lift", 1, s->r.ways, lift));
    return cull_policy_put(cx, out, "costs", s->r.ways, s->r.n, s->cost.v);
}

/* ---- fit ---- */

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    const opts *o = o_;
    school s;
    int32_t *fold;
    int64_t folds;
    double *far, cold;
    if (p->target > -INFINITY || !isnan(p->risk) || p->delay < INFINITY)
        return cull__fail(cx, CULL_EINPUT,
                          "metainf keeps to a budget; it knows no target, no risk and no delay");
    CULL_TRY(enrol(cx, p, o, &s));
    CULL_TRY(deal(cx, &s, o, &fold, &folds));
    CULL_TRY(compare(cx, &s, o, fold, folds, out));
    CULL_TRY(put_costs(cx, p, &s, o, fold, folds, out));
    CULL_TRY(CULL_TMP(cx, far, s.r.n));
    CULL_TRY(cull__meta_far(cx, &s.r, s.r.x, s.r.n, true, far));
    CULL_TRY(cull__quantile(cx, far, s.r.n, o->cold, &cold));
    CULL_TRY(cull_policy_put_number(cx, out, "cold", cold));
    CULL_TRY(cull_policy_put_number(cx, out, "log", s.log));
    CULL_TRY(cull_policy_put_number(cx, out, "seed", (double)(cull_ctx_seed(cx) >> 11)));
    CULL_TRY(cull_policy_put(cx, out, "x", s.r.n, s.r.d, s.r.x));
    return cull_policy_put(cx, out, "values", s.r.ways, s.r.n, s.r.v);
}

/* ---- decisions ---- */

typedef struct {
    double *score, *single, *far, *upper; /* (ways, n), (ways), (n), (ways, n) or NULL */
    const double *mean;
    double cold, budget, log;
} said;

static cull_status ask(cull_ctx *cx, const cull_policy *p, const opts *o, const double *x,
                       int64_t n, int64_t d, int ways, said *out)
{
    cull__meta_rows r = {.ways = ways, .d = d};
    cull__meta_opts way = way_of(o);
    int64_t wide = 0;
    const double *lift = cull_policy_get(p, "lift", NULL, NULL);
    if (cull_policy_get(p, "x", &r.n, &wide) && wide != d)
        return cull__fail(cx, CULL_EINPUT,
                          "the rows have %" PRId64 " features, the policy was fitted on %" PRId64,
                          d, wide);
    CULL_TRY(cull_policy_need(cx, p, "x", r.n, d, &r.x));
    CULL_TRY(cull_policy_need(cx, p, "values", ways, r.n, &r.v));
    if (r.n < 4) return cull__fail(cx, CULL_EINPUT, "the policy is damaged: it has too few rows");
    CULL_TRY(cull__meta_say(cx, &r, &way, x, n, out->score));
    CULL_TRY(cull__meta_far(cx, &r, x, n, false, out->far));
    for (int k = 0; k < ways; k++) out->single[k] = cull__mean(r.v + k * r.n, r.n);
    out->upper = NULL;
    if (!lift) return CULL_OK;
    CULL_TRY(cull_policy_need(cx, p, "lift", 1, ways, &lift));
    CULL_TRY(cull_policy_need(cx, p, "costs", ways, r.n, &r.v));
    CULL_TRY(CULL_TMP(cx, out->upper, ways * n));
    way.kind = CULL__META_EACH;
    CULL_TRY(cull__meta_say(cx, &r, &way, x, n, out->upper));
    for (int64_t i = 0; i < ways * n; i++) out->upper[i] = exp(out->upper[i] + lift[i / n]);
    return CULL_OK;
}

static cull_status read_policy(cull_ctx *cx, const cull_policy *p, const opts *o, const double *x,
                               int64_t n, int64_t d, int ways, said *a)
{
    double seed;
    CULL_TRY(cull_policy_need_number(cx, p, "seed", &seed));
    CULL_TRY(cull_policy_need_number(cx, p, "cold", &a->cold));
    CULL_TRY(cull_policy_need_number(cx, p, "budget", &a->budget));
    CULL_TRY(cull_policy_need_number(cx, p, "log", &a->log));
    CULL_TRY(cull_policy_need(cx, p, "cost", 1, ways, &a->mean));
    CULL_TRY(CULL_TMP(cx, a->score, ways * n));
    CULL_TRY(CULL_TMP(cx, a->single, ways));
    CULL_TRY(CULL_TMP(cx, a->far, n));
    uint64_t now = cull_ctx_seed(cx);
    cull_ctx_reseed(cx, seed >= 0 && seed < 0x1p53 ? (uint64_t)seed : 0);
    cull_status s = ask(cx, p, o, x, n, d, ways, a);
    cull_ctx_reseed(cx, now);
    return s;
}

/* The best way that fits; of equal ones the cheaper. Where none fits, the one nearest to it. */
static int choose(const said *a, int64_t i, int64_t n, int ways)
{
    int best = -1, least = 0;
    for (int k = 0; k < ways; k++) {
        double cost = a->upper ? a->upper[k * n + i] : a->mean[k];
        double v = a->far[i] > a->cold ? a->single[k] : a->score[k * n + i];
        double now = best < 0 ? 0 : a->far[i] > a->cold ? a->single[best] : a->score[best * n + i];
        if (cost < (a->upper ? a->upper[least * n + i] : a->mean[least])) least = k;
        if (!(cost <= a->budget)) continue;
        if (best < 0 || v > now || (v == now && a->mean[k] < a->mean[best])) best = k;
    }
    return best < 0 ? least : best;
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_,
                         const cull_outcomes *rows, cull_decisions *out)
{
    double *x;
    int64_t d, n = rows->n;
    int ways = rows->models;
    said a;
    CULL_TRY(cull__outcomes_features(cx, rows, &x, &d));
    CULL_TRY(read_policy(cx, p, o_, x, n, d, ways, &a));
    CULL_TRY(cull_decisions_new(cx, n, CULL_DECIDES_CALLS | CULL_DECIDES_SCORE, 0, out));
    for (int64_t i = 0; i < n; i++) {
        int k = choose(&a, i, n, ways);
        bool far = a.far[i] > a.cold;
        double v = far ? a.single[k] : a.score[k * n + i];
        const opts *o = o_;
        bool votes = o->kind == CULL__META_PAIRS && !far;
        out->model[i] = k;
        out->called[i] = UINT64_C(1) << k;
        out->cost[i] = cull__outcomes_cost(rows, k, i);
        out->score[i] = a.log > 0 && !votes ? exp(v) : v;
    }
    return CULL_OK;
}

/* Predictors by kernels learn from so many of (row, way) at most, and hold their square. */
static void work(const cull_compute_problem *p, const void *o_, cull_policy_plan *out)
{
    const opts *o = o_;
    const double ways = p->rows->models, folds = (double)o->folds, n = (double)p->rows->n;
    double predictors = 0;
    for (int kind = 0; kind < CULL__METAS; kind++) {
        if (!judged(o, kind, p->rows->models)) continue;
        if (kind == CULL__META_JOINT) predictors++;
        if (kind == CULL__META_EACH) predictors += ways;
        if (kind == CULL__META_PAIRS) predictors += ways * (ways - 1) / 2;
    }
    cull_policy_plan_add(out, "folds", folds);
    cull_policy_plan_add(out, "predictors", folds * predictors);
    cull_policy_plan_add(out, "distances", n * n);
    out->bend = CULL__KERNEL_ROWS * folds / ((folds - 1) * ways);
}

static const cull_compute_fns fns = {.needs = CULL_READS_QUALITY | CULL_READS_X,
                                     .apply_needs = CULL_READS_X,
                                     .fit = fit,
                                     .apply = apply,
                                     .work = work,
                                     .trial = 256};
const cull_method cull__method_metainf = {
    .slug = "metainf",
    .title = "the way to run a workload that did best on workloads like it",
    .paper = "Du et al. 2025, Meta-Learning for Speeding Up Large Model Inference in Decentralized "
             "Environments",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 1,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
