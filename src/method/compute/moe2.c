/* moe2 - which experts to enlist under budgets of cost and delay, and who of them answers a row
 * (Jin et al. 2025, MoE^2)
 *
 * Chooses   a subset of the models, and for each row those of it that run; their probabilities are
 *           mixed.
 * Idea      A gate learns once, on all experts, to weigh them row by row. Of every subset that fits
 *           cost and delay the one whose mixture, by the same gate with its weights renormalised, has
 *           the least cross-entropy is found exactly. Rows then call the `top` of it by weight.
 * Reads     outputs, truth and features; costs, delays; groups (folds keep them together).
 * Deviates  (a) More experts need not lower the loss here, as the paper takes for granted: subsets are
 *           cut off by -mean log max p over the experts left, which no mixture of them can beat,
 *           instead of by dominance; the answer is exact all the same. (b) Subsets are compared by gates
 *           that have not seen a row (folds); 0 folds is the paper's way. (c) Subsets are compared as
 *           they will be used, `top` experts a row, and the dearest `top` of a subset must fit the
 *           budget on every row's costs. (d) refit: a gate that learns for the chosen experts alone is used where
 *           it is better; the paper's claim that it cannot be holds of gates that can be anything.
 *           (e) shape=auto: of a linear gate and a network the one that is better on unseen rows.
 * Cost      a few trainings of a small network; n times experts for each subset that is measured.
 * Example   cull compute moe2 --probabilities a.npy,b.npy --truth y.npy --features x.npy --budget 2.5
 */
#include "choose/subset_search.h"
#include "score/mixture.h"
#include "score/outcomes.h"

#include "cull/compute.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int64_t top, enlist, hidden, epochs, folds;
    double overhead, rate, decay, least;
    int together, shape;
    bool refit;
} opts;
enum { PARALLEL, SEQUENTIAL };
enum { AUTO, MLP, LINEAR };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, top, 0, 0, CULL_MODELS,
                 "experts that answer a row; 0 = all that are enlisted"),
    CULL_OPT_I64(opts, enlist, 0, 0, CULL_MODELS,
                 "experts enlisted, at most; 0 = as budgets allow"),
    CULL_OPT_ENUM(opts, together, PARALLEL, "parallel|sequential",
                  "parallel: the delay of a row is its slowest expert's; sequential: their sum"),
    CULL_OPT_F64(opts, overhead, 0, 0, 1e300, "delay of putting the answers together"),
    CULL_OPT_ENUM(opts, shape, AUTO, "auto|mlp|linear", "of the gate that weighs the experts"),
    CULL_OPT_I64(opts, hidden, 32, 1, 4096, "mlp: units between the features and the experts"),
    CULL_OPT_I64(opts, epochs, 100, 1, 100000, "of training at most; with folds as many as help"),
    CULL_OPT_F64(opts, rate, 3e-3, 1e-8, 1, "of learning"),
    CULL_OPT_F64(opts, decay, 1e-2, 0, 10, "of weights"),
    CULL_OPT_I64(opts, folds, 5, 0, 100, "of rows that gates are compared on unseen; 0 = none"),
    CULL_OPT_F64(opts, least, 1e-6, 1e-12, 0.1,
                 "least probability that an expert counts as giving"),
    CULL_OPT_BOOL(opts, refit, true,
                  "learn the gate again for the chosen experts alone, if that is better"),
    CULL_OPT_END};

/* ---- which subsets fit ---- */

typedef struct {
    const opts *o;
    const cull_compute_problem *p;
    cull__mixture mix;
} choice;

/* Of `set`, the sum of the `top` largest costs, or all: the most a row can cost, on average over rows. */
static double dearest(const choice *c, uint64_t set)
{
    const cull_outcomes *r = c->p->rows;
    int64_t rows = r->cost ? r->n : 1, size = cull__subset_size(set);
    int64_t top = c->o->top && c->o->top < size ? c->o->top : size;
    double sum = 0;
    for (int64_t i = 0; i < rows; i++) {
        uint64_t left = set;
        for (int64_t t = 0; t < top; t++) {
            int best = -1;
            for (int k = 0; k < r->models; k++)
                if (left >> k & 1 &&
                    (best < 0 || cull__outcomes_cost(r, k, i) > cull__outcomes_cost(r, best, i)))
                    best = k;
            sum += cull__outcomes_cost(r, best, i);
            left &= ~(UINT64_C(1) << best);
        }
    }
    return sum / (double)rows;
}

/* The same of delays; `top` of them answer one after the other, or side by side. */
static double slowest(const choice *c, uint64_t set)
{
    const cull_outcomes *r = c->p->rows;
    double sum = 0;
    for (int64_t t = 0; set && (!c->o->top || t < c->o->top); t++) {
        int best = -1;
        for (int k = 0; k < r->models; k++)
            if (set >> k & 1 && (best < 0 || r->delay[k] > r->delay[best])) best = k;
        sum += r->delay[best];
        set &= ~(UINT64_C(1) << best);
        if (c->o->together == PARALLEL) break;
    }
    return sum + c->o->overhead;
}

static bool allowed(void *arg, uint64_t set)
{
    const choice *c = arg;
    const double rounding = 1 + 1e-12;
    if (c->o->enlist && cull__subset_size(set) > c->o->enlist) return false;
    if (c->p->budget < INFINITY && dearest(c, set) > c->p->budget * rounding) return false;
    return !(c->p->delay < INFINITY) || slowest(c, set) <= c->p->delay * rounding;
}

static cull_status loss_of(cull_ctx *cx, void *arg, uint64_t set, double *out)
{
    const choice *c = arg;
    (void)cx;
    *out = cull__mixture_loss(&c->mix, set);
    return CULL_OK;
}

static cull_status bound_of(cull_ctx *cx, void *arg, uint64_t in, uint64_t rest, double *out)
{
    const choice *c = arg;
    (void)cx;
    *out = cull__mixture_bound(&c->mix, in | rest);
    return CULL_OK;
}

/* Those of the set that some row calls: the others change nothing. */
static uint64_t called_by_any(const cull__mixture *m, uint64_t set)
{
    uint64_t any = 0;
    for (int64_t i = 0; i < m->n; i++)
        any |= cull__mixture_called(m->z + i * m->experts, m->experts, set, m->top);
    return any;
}

static cull_status choose(cull_ctx *cx, choice *c, cull__subset_answer *a)
{
    cull__subset_problem q = {.n = c->p->rows->models,
                              .least = 1,
                              .allowed = allowed,
                              .loss = loss_of,
                              .bound = bound_of,
                              .arg = c};
    CULL_TRY(cull__subset_search(cx, &q, a));
    a->set = called_by_any(&c->mix, a->set);
    if (a->set) return CULL_OK;
    double cost = INFINITY, delay = INFINITY;
    for (int k = 0; k < q.n; k++) {
        cost = fmin(cost, dearest(c, UINT64_C(1) << k));
        if (c->p->rows->delay) delay = fmin(delay, slowest(c, UINT64_C(1) << k));
    }
    if (cost > c->p->budget)
        return cull__fail(cx, CULL_EINPUT, "budget %g: no expert fits; the cheapest costs %g",
                          c->p->budget, cost);
    return cull__fail(cx, CULL_EINPUT,
                      "budget %g and delay %g: no expert fits both; the fastest takes %g",
                      c->p->budget, c->p->delay, delay);
}

/* ---- the gate ---- */

typedef struct {
    cull__gate gate;
    double *z, loss;
} learnt;

static uint64_t all_of(int n) { return n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1; }

/* Folds keep groups together, so there are no more of them than groups (of which 4096 are told apart). */
static int64_t folds_of(const cull__gate_rows *r, const opts *o)
{
    uint64_t seen[64] = {0};
    int64_t n = 0;
    for (int64_t i = 0; r->group && i < r->n; i++) {
        uint64_t *word = seen + (r->group[i] / 64) % 64, one = UINT64_C(1) << r->group[i] % 64;
        n += !(*word & one);
        *word |= one;
    }
    return r->group && n < o->folds ? n : o->folds;
}

static cull_status learn(cull_ctx *cx, const cull__gate_rows *r, const opts *o, int kind,
                         learnt *out)
{
    cull__gate_opts g = {.hidden = kind == MLP ? o->hidden : 0,
                         .epochs = o->epochs,
                         .rate = o->rate,
                         .decay = o->decay,
                         .folds = folds_of(r, o)};
    CULL_TRY(CULL_TMP(cx, out->z, r->n * r->experts));
    CULL_TRY(cull__gate_fit(cx, r, &g, 1, &out->gate, out->z));
    cull__mixture m = {.n = r->n, .experts = r->experts, .z = out->z, .p = r->p};
    out->loss = cull__mixture_loss(&m, all_of(r->experts));
    return CULL_OK;
}

static cull_status learn_best(cull_ctx *cx, const cull__gate_rows *r, const opts *o, learnt *out)
{
    learnt other;
    if (o->shape != AUTO) return learn(cx, r, o, o->shape, out);
    CULL_TRY(learn(cx, r, o, LINEAR, out));
    CULL_TRY(learn(cx, r, o, MLP, &other));
    if (other.loss < out->loss) *out = other;
    return CULL_OK;
}

/* The gate of the experts in `set` alone, put where theirs are among all; kept where it has less loss. */
static cull_status learn_again(cull_ctx *cx, const choice *c, const cull__gate_rows *r,
                               uint64_t set, learnt *best, double *gain)
{
    int who[CULL_MODELS], m = 0;
    double *p;
    learnt fresh;
    for (int k = 0; k < r->experts; k++)
        if (set >> k & 1) who[m++] = k;
    *gain = 0;
    if (!c->o->refit || m < 2 || m == r->experts) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, p, r->n * m));
    for (int64_t i = 0; i < r->n; i++)
        for (int j = 0; j < m; j++) p[i * m + j] = r->p[i * r->experts + who[j]];
    cull__gate_rows own = *r;
    own.experts = m;
    own.p = p;
    CULL_TRY(learn(cx, &own, c->o, best->gate.hidden ? MLP : LINEAR, &fresh));
    cull__mixture now = {r->n, m, c->mix.top, fresh.z, p};
    *gain = cull__mixture_loss(&c->mix, set) - cull__mixture_loss(&now, all_of(m));
    if (!(*gain > 0)) return CULL_OK;
    cull__gate g;
    CULL_TRY(cull__gate_new(cx, r->d, fresh.gate.hidden, r->experts, &g));
    int last = cull__gate_layers(&g) - 1;
    int64_t wide = cull__gate_in(&g, last);
    g.mean = fresh.gate.mean, g.scale = fresh.gate.scale;
    if (last) g.w[0] = fresh.gate.w[0], g.b[0] = fresh.gate.b[0];
    for (int j = 0; j < m; j++) {
        memcpy(g.w[last] + who[j] * wide, fresh.gate.w[last] + j * wide,
               (size_t)wide * sizeof(double));
        g.b[last][who[j]] = fresh.gate.b[last][j];
    }
    best->gate = g;
    return CULL_OK;
}

/* ---- the policy ---- */

static const char *const WEIGHT[] = {"gate.0.weight", "gate.1.weight"};
static const char *const BIAS[] = {"gate.0.bias", "gate.1.bias"};

static cull_status put_gate(cull_ctx *cx, cull_policy *out, const cull__gate *g)
{
    CULL_TRY(cull_policy_put(cx, out, "gate.mean", 1, g->d, g->mean));
    CULL_TRY(cull_policy_put(cx, out, "gate.scale", 1, g->d, g->scale));
    for (int l = 0; l < cull__gate_layers(g); l++) {
        int64_t wide = cull__gate_in(g, l), high = cull__gate_out(g, l);
        CULL_TRY(cull_policy_put(cx, out, WEIGHT[l], high, wide, g->w[l]));
        CULL_TRY(cull_policy_put(cx, out, BIAS[l], 1, high, g->b[l]));
    }
    return CULL_OK;
}

static cull_status get_gate(cull_ctx *cx, const cull_policy *p, int64_t d, cull__gate *g)
{
    int64_t hidden = 0, cols;
    int k = cull_policy_models(p);
    const double *v;
    if (cull_policy_get(p, WEIGHT[1], NULL, NULL)) cull_policy_get(p, WEIGHT[0], &hidden, &cols);
    const double *mean = cull_policy_get(p, "gate.mean", NULL, &cols);
    if (mean && cols != d)
        return cull__fail(cx, CULL_EINPUT,
                          "the rows have %" PRId64 " features, the policy was fitted on %" PRId64,
                          d, cols);
    CULL_TRY(cull_policy_need(cx, p, "gate.mean", 1, d, &mean));
    CULL_TRY(cull__gate_new(cx, d, hidden, k, g));
    memcpy(g->mean, mean, (size_t)d * sizeof *mean);
    CULL_TRY(cull_policy_need(cx, p, "gate.scale", 1, d, &v));
    memcpy(g->scale, v, (size_t)d * sizeof *v);
    for (int l = 0; l < cull__gate_layers(g); l++) {
        int64_t wide = cull__gate_in(g, l), high = cull__gate_out(g, l);
        CULL_TRY(cull_policy_need(cx, p, WEIGHT[l], high, wide, &v));
        memcpy(g->w[l], v, (size_t)(high * wide) * sizeof *v);
        CULL_TRY(cull_policy_need(cx, p, BIAS[l], 1, high, &v));
        memcpy(g->b[l], v, (size_t)high * sizeof *v);
    }
    return CULL_OK;
}

static cull_status tell(cull_ctx *cx, const choice *c, const cull__subset_answer *a, double gain,
                        const learnt *l, cull_policy *out)
{
    const cull_outcomes *r = c->p->rows;
    double in[CULL_MODELS] = {0}, alone = INFINITY;
    char buf[16], who[400] = "";
    int best = 0;
    size_t at = 0;
    for (int k = 0; k < r->models; k++) {
        double loss =
            cull__mixture_bound(&c->mix, UINT64_C(1) << k); /* of one expert it is the loss */
        in[k] = (double)(a->set >> k & 1);
        if (in[k] > 0 && at < sizeof who)
            at += (size_t)snprintf(who + at, sizeof who - at, "%s%s", at ? ", " : "",
                                   cull_outcomes_name(r, k, buf));
        if (loss < alone && allowed((void *)(uintptr_t)c, UINT64_C(1) << k)) alone = loss, best = k;
    }
    CULL_TRY(cull_policy_put(cx, out, "enlisted", 1, r->models, in));
    CULL_TRY(cull_policy_put_number(cx, out, "loss", a->loss));
    CULL_TRY(cull_policy_put_number(cx, out, "loss of the best single expert", alone));
    CULL_TRY(cull_policy_put_number(cx, out, "subsets measured", (double)a->losses));
    CULL_TRY(cull_policy_put_number(cx, out, "gain of learning the gate again", gain));
    CULL_TRY(put_gate(cx, out, &l->gate));
    CULL_TRY(cull_policy_note(cx, out, "%d of %d experts are enlisted: %s",
                              cull__subset_size(a->set), r->models, who));
    CULL_TRY(cull_policy_note(
        cx, out,
        "no allowed subset has less than its cross-entropy of %.4g, with the gate of all experts; "
        "%s alone, the best single one, has %.4g",
        a->loss, cull_outcomes_name(r, best, buf), alone));
    CULL_TRY(cull_policy_note(cx, out, "%" PRId64 " subsets were measured", a->losses));
    if (gain == 0) return CULL_OK;
    return cull_policy_note(
        cx, out,
        "a gate for the enlisted experts alone changes the cross-entropy by %.4g: it is %s", -gain,
        gain > 0 ? "used" : "not used");
}

static cull_status rows_of(cull_ctx *cx, const cull_outcomes *r, double least, cull__gate_rows *g)
{
    double *x, *p, *all;
    *g = (cull__gate_rows){.n = r->n, .experts = r->models, .group = r->group, .groups = r->groups};
    CULL_TRY(cull__outcomes_features(cx, r, &x, &g->d));
    CULL_TRY(CULL_TMP(cx, p, r->n * r->models));
    CULL_TRY(CULL_TMP(cx, all, r->classes));
    for (int64_t i = 0; i < r->n; i++)
        for (int k = 0; k < r->models; k++) {
            cull__outcomes_proba(r, k, i, all);
            p[i * r->models + k] = fmax(all[(int64_t)r->truth[i]], least);
        }
    g->x = x;
    g->p = p;
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    const opts *o = o_;
    cull__gate_rows g;
    learnt l;
    cull__subset_answer a;
    double gain;
    if (p->target > -INFINITY || !isnan(p->risk))
        return cull__fail(cx, CULL_EINPUT,
                          "moe2 keeps to a budget and a delay; it knows no target and no risk");
    if (p->delay < INFINITY && !p->rows->delay)
        return cull__fail(cx, CULL_EINPUT, "delay %g: the delays of the models are not known",
                          p->delay);
    if (p->rows->n < 2 * (o->folds > 2 ? o->folds : 2))
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows are too few for %" PRId64 " folds of two or more",
                          p->rows->n, o->folds);
    CULL_TRY(rows_of(cx, p->rows, o->least, &g));
    CULL_TRY(learn_best(cx, &g, o, &l));
    choice c = {.o = o,
                .p = p,
                .mix = {.n = g.n, .experts = g.experts, .top = (int)o->top, .z = l.z, .p = g.p}};
    CULL_TRY(choose(cx, &c, &a));
    CULL_TRY(learn_again(cx, &c, &g, a.set, &l, &gain));
    return tell(cx, &c, &a, gain, &l, out);
}

/* ---- decisions ---- */

static void mixed(const cull_outcomes *r, int64_t i, uint64_t called, const double *z, double *all,
                  double *sum, cull_decisions *out)
{
    double g[CULL_MODELS];
    int32_t best = 0;
    cull__mixture_weights(z, r->models, called, g);
    for (int32_t c = 0; c < r->classes; c++) sum[c] = 0;
    for (int k = 0; k < r->models; k++) {
        if (!(called >> k & 1)) continue;
        cull__outcomes_proba(r, k, i, all);
        for (int32_t c = 0; c < r->classes; c++) sum[c] += g[k] * all[c];
    }
    for (int32_t c = 1; c < r->classes; c++)
        if (sum[c] > sum[best]) best = c;
    out->label[i] = best;
    out->score[i] = sum[best];
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *r,
                         cull_decisions *out)
{
    const opts *o = o_;
    const double *in;
    double *x, *z, *all, *sum;
    int64_t d;
    uint64_t set = 0;
    cull__gate g;
    CULL_TRY(cull__outcomes_features(cx, r, &x, &d));
    CULL_TRY(get_gate(cx, p, d, &g));
    CULL_TRY(cull_policy_need(cx, p, "enlisted", 1, r->models, &in));
    for (int k = 0; k < r->models; k++) set |= (uint64_t)(in[k] > 0) << k;
    if (!set) return cull__fail(cx, CULL_EINPUT, "the policy enlists no expert: it is damaged");
    CULL_TRY(CULL_TMP(cx, z, r->n * r->models));
    CULL_TRY(CULL_TMP(cx, all, r->classes + 1));
    CULL_TRY(CULL_TMP(cx, sum, r->classes + 1));
    CULL_TRY(cull__gate_ask(cx, &g, x, r->n, z));
    unsigned what = CULL_DECIDES_CALLS | (r->out ? CULL_DECIDES_LABEL | CULL_DECIDES_SCORE : 0);
    CULL_TRY(cull_decisions_new(cx, r->n, what, r->classes, out));
    for (int64_t i = 0; i < r->n; i++) {
        const double *zi = z + i * r->models;
        uint64_t called = cull__mixture_called(zi, r->models, set, (int)o->top);
        out->called[i] = called;
        out->model[i] = cull__subset_size(called) == 1 ? __builtin_ctzll(called) : -1;
        for (int k = 0; k < r->models; k++)
            if (called >> k & 1) out->cost[i] += cull__outcomes_cost(r, k, i);
        if (r->out) mixed(r, i, called, zi, all, sum, out);
    }
    return CULL_OK;
}

static const cull_compute_fns fns = {.needs = CULL_READS_OUT | CULL_READS_TRUTH | CULL_READS_X,
                                     .apply_needs = CULL_READS_X,
                                     .fit = fit,
                                     .apply = apply};
const cull_method cull__method_moe2 = {
    .slug = "moe2",
    .title = "the best subset of experts under budgets, mixed row by row",
    .paper = "Jin et al. 2025, MoE^2: Optimizing Collaborative Inference for Edge Large Language "
             "Models",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 1,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
