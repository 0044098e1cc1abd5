/* moe2 - which experts to enlist under budgets of cost and delay, and who of them answers a row
 * (Jin et al. 2025, MoE^2)
 *
 * Chooses   a subset of the models, and for each row those of it that run; their probabilities are
 *           mixed.
 * Idea      A gate learns once, on all experts, to weigh them row by row. Of every subset that fits
 *           cost and delay the one whose mixture, by the same gate with its weights renormalised, has
 *           the least cross-entropy is found exactly. Rows then call the `top` of it by weight.
 *           With a limit to the risk, the best subsets for falling budgets are tested on rows that had no
 *           part in all this, the dearest first; the cheapest that holds is right at most `risk` less
 *           often than the strongest model, which answers alone where none is shown to.
 * Reads     outputs, truth and features; costs, delays; groups (folds keep them together).
 * Deviates  (a) More experts need not lower the loss here, as the paper takes for granted: subsets are
 *           cut off by -mean log max p over the experts left, which no mixture of them can beat,
 *           instead of by dominance; the answer is exact all the same. (b) Subsets are compared by gates
 *           that have not seen a row (folds); 0 folds is the paper's way. (c) Subsets are compared as
 *           they will be used, `top` experts a row, and the dearest `top` of a subset must fit the
 *           budget on every row's costs. (d) refit: a gate that learns for the chosen experts alone is used where
 *           it is better; the paper's claim that it cannot be holds of gates that can be anything.
 *           (e) shape=auto: of a linear gate and a network the one that is better on unseen rows.
 *           (f) With a limit to the risk the gate is not learnt again.
 * Cost      a few trainings of a small network; n times experts for each subset that is measured.
 * Example   cull compute moe2 --probabilities a.npy,b.npy --truth y.npy --features x.npy --budget 2.5
 */
#include "choose/limit.h"
#include "choose/subset_search.h"
#include "score/held.h"
#include "score/mixture.h"

#include "cull/compute.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int64_t top, enlist, hidden, epochs, folds, reference;
    double overhead, rate, decay, least, hold;
    int together, shape;
    bool refit, groups;
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
    CULL_OPT_I64(
        opts, reference, 0, 0, CULL_MODELS,
        "with a limit to the risk: the model, from 1, that quality is lost against; 0 = the "
        "strongest on the rows learnt from"),
    CULL_OPT_F64(opts, hold, 0.5, 0.01, 0.99,
                 "with a limit to the risk: share of the rows that it is tested on"),
    CULL_OPT_BOOL(opts, groups, false, "with a limit to the risk: it holds in each group"),
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

/* a->set = 0 where nothing is allowed. */
static cull_status search(cull_ctx *cx, choice *c, cull__subset_answer *a)
{
    cull__subset_problem q = {.n = c->p->rows->models,
                              .least = 1,
                              .allowed = allowed,
                              .loss = loss_of,
                              .bound = bound_of,
                              .arg = c};
    CULL_TRY(cull__subset_search(cx, &q, a));
    a->set = called_by_any(&c->mix, a->set);
    return CULL_OK;
}

static cull_status nothing_fits(cull_ctx *cx, const choice *c)
{
    double cost = INFINITY, delay = INFINITY;
    for (int k = 0; k < c->p->rows->models; k++) {
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

static cull_status tell(cull_ctx *cx, const choice *c, const cull__subset_answer *a, double gain,
                        const learnt *l, bool limited, cull_policy *out)
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
    CULL_TRY(cull__gate_put(cx, out, &l->gate));
    CULL_TRY(cull_policy_note(cx, out, "%d of %d experts are enlisted: %s",
                              cull__subset_size(a->set), r->models, who));
    CULL_TRY(cull_policy_note(
        cx, out,
        limited ? "its cross-entropy is %.4g; %s alone, the best single one, has %.4g"
                : "no allowed subset has less than its cross-entropy of %.4g, with the gate of all "
                  "experts; %s alone, the best single one, has %.4g",
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

/* ---- decisions ---- */

/* The class that a mixture gives most to; sum (classes): what it gives. */
static int32_t mixed(const cull_outcomes *r, int64_t i, uint64_t called, const double *z,
                     double *all, double *sum)
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
    return best;
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
    CULL_TRY(cull__gate_get(cx, p, d, &g));
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
        if (!r->out) continue;
        out->label[i] = mixed(r, i, called, zi, all, sum);
        out->score[i] = sum[out->label[i]];
    }
    return CULL_OK;
}

/* ---- fit ---- */

static cull_status fits(cull_ctx *cx, const cull_compute_problem *p, const cull_outcomes *r,
                        const opts *o)
{
    if (p->target > -INFINITY)
        return cull__fail(cx, CULL_EINPUT,
                          "moe2 keeps to a budget and a delay; it knows no target");
    if (p->delay < INFINITY && !r->delay)
        return cull__fail(cx, CULL_EINPUT, "delay %g: the delays of the models are not known",
                          p->delay);
    if (r->n < 2 * (o->folds > 2 ? o->folds : 2))
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows are too few for %" PRId64 " folds of two or more", r->n,
                          o->folds);
    return CULL_OK;
}

/* A gate learnt, and what subsets are chosen by. */
static cull_status prepare(cull_ctx *cx, const cull_compute_problem *p, const opts *o,
                           cull__gate_rows *g, learnt *l, choice *c)
{
    CULL_TRY(fits(cx, p, p->rows, o));
    CULL_TRY(rows_of(cx, p->rows, o->least, g));
    CULL_TRY(learn_best(cx, g, o, l));
    *c = (choice){
        .o = o,
        .p = p,
        .mix = {.n = g->n, .experts = g->experts, .top = (int)o->top, .z = l->z, .p = g->p}};
    return CULL_OK;
}

static cull_status plain(cull_ctx *cx, const cull_compute_problem *p, const opts *o,
                         cull_policy *out)
{
    cull__gate_rows g;
    learnt l;
    cull__subset_answer a;
    choice c;
    double gain;
    CULL_TRY(prepare(cx, p, o, &g, &l, &c));
    CULL_TRY(search(cx, &c, &a));
    if (!a.set) return nothing_fits(cx, &c);
    CULL_TRY(learn_again(cx, &c, &g, a.set, &l, &gain));
    return tell(cx, &c, &a, gain, &l, false, out);
}

/* ---- with a limit to the risk ---- */

enum {
    PATH = 24,
    SHORT = 8
}; /* in expectation a row counts by its worst subset on the way: few of them */
typedef struct {
    cull_outcomes rows, learn, test;
    cull_compute_problem p; /* of the rows learnt from */
    choice c;
    cull__subset_answer path[PATH]; /* best subsets, the dearest first */
    int places, reference;
    double *z, *all, *sum; /* of the tested rows; of one */
} limited;

/* Quality is whether the largest output is of the true class, as a mixture's is. */
static cull_status add_quality(cull_ctx *cx, const cull_outcomes *r, cull_outcomes *out)
{
    double *q, *p;
    CULL_TRY(CULL_TMP(cx, q, r->models * r->n));
    CULL_TRY(CULL_TMP(cx, p, r->classes));
    for (int k = 0; k < r->models; k++)
        for (int64_t i = 0; i < r->n; i++) {
            int32_t best = 0;
            cull__outcomes_proba(r, k, i, p);
            for (int32_t c = 1; c < r->classes; c++) best = p[c] > p[best] ? c : best;
            q[k * r->n + i] = best == (int32_t)r->truth[i];
        }
    *out = *r;
    out->quality = q;
    return CULL_OK;
}

static cull_status losses(cull_ctx *cx, void *arg, int64_t place, double *loss)
{
    const limited *l = arg;
    const cull_outcomes *t = &l->test;
    (void)cx;
    for (int64_t i = 0; i < t->n; i++) {
        const double *z = l->z + i * t->models;
        uint64_t set = cull__mixture_called(z, t->models, l->path[place].set, (int)l->c.o->top);
        bool right = mixed(t, i, set, z, l->all, l->sum) == (int32_t)t->truth[i];
        loss[i] = t->quality[l->reference * t->n + i] - right;
    }
    return CULL_OK;
}

/* The best subset for the budget, for a little less than that costs, and so on. */
static cull_status find_path(cull_ctx *cx, limited *l, double budget)
{
    const int most = l->p.delta > 0 ? PATH : SHORT;
    double least = INFINITY, step = 0;
    for (int k = 0; k < l->learn.models; k++) least = fmin(least, dearest(&l->c, UINT64_C(1) << k));
    for (l->places = 0; l->places < most; l->places++) {
        cull__subset_answer *a = &l->path[l->places];
        CULL_TRY(search(cx, &l->c, a));
        if (!a->set) break;
        double cost = dearest(&l->c, a->set);
        if (l->places == 0) step = (cost - least) / most;
        l->p.budget = fmin(cost - step, cost * (1 - 1e-9));
    }
    l->p.budget = budget;
    return l->places ? CULL_OK : nothing_fits(cx, &l->c);
}

/* Within a budget the best of what holds, else the cheapest; the reference alone loses nothing. */
static cull_status choose(cull_ctx *cx, const limited *l, int64_t held, cull__subset_answer *a)
{
    const uint64_t only = UINT64_C(1) << l->reference;
    const bool may = allowed((void *)(uintptr_t)&l->c, only);
    const cull_compute_problem *p = &l->p;
    if (held) *a = l->path[p->budget < INFINITY ? 0 : held - 1];
    if (held && (!may || p->budget < INFINITY || dearest(&l->c, a->set) < dearest(&l->c, only)))
        return CULL_OK;
    if (!may)
        return cull__fail(cx, CULL_EINPUT,
                          "no subset was shown to hold a risk of %g on %" PRId64
                          " rows, and '%s' alone is over the budget of %g or the delay of %g",
                          p->risk, l->test.n,
                          cull_outcomes_name(p->rows, l->reference, (char[16]){0}), p->budget,
                          p->delay);
    *a = (cull__subset_answer){.set = only, .loss = cull__mixture_bound(&l->c.mix, only)};
    return CULL_OK;
}

static cull_status within_limit(cull_ctx *cx, const cull_compute_problem *p, const opts *o,
                                cull_policy *out)
{
    limited *l;
    cull__gate_rows g, t;
    cull__subset_answer a;
    learnt fresh;
    int64_t held;
    double first;
    CULL_TRY(cull__held_groups(cx, p->rows, o->groups));
    CULL_TRY(CULL_TMP0(cx, l, 1));
    CULL_TRY(add_quality(cx, p->rows, &l->rows));
    CULL_TRY(cull__held_split(cx, &l->rows, o->hold, &l->learn, &l->test));
    CULL_TRY(cull__held_reference(cx, &l->learn, o->reference, &l->reference));
    l->p = *p;
    l->p.rows = &l->learn;
    CULL_TRY(prepare(cx, &l->p, o, &g, &fresh, &l->c));
    CULL_TRY(find_path(cx, l, p->budget));
    CULL_TRY(rows_of(cx, &l->test, o->least, &t));
    CULL_TRY(CULL_TMP(cx, l->z, t.n * t.experts));
    CULL_TRY(CULL_TMP(cx, l->all, l->test.classes));
    CULL_TRY(CULL_TMP(cx, l->sum, l->test.classes));
    CULL_TRY(cull__gate_ask(cx, &fresh.gate, t.x, t.n, l->z));
    cull__limit limit = {.n = l->test.n,
                         .group = o->groups ? l->test.group : NULL,
                         .groups = l->test.groups,
                         .level = p->risk,
                         .delta = p->delta,
                         .low = -1};
    CULL_TRY(cull__limit_along(cx, &limit, l->places, losses, l, &held, &first));
    CULL_TRY(choose(cx, l, held, &a));
    CULL_TRY(tell(cx, &l->c, &a, 0, &fresh, true, out));
    return cull__held_promise(cx, p, o->groups, l->reference, l->test.n, out);
}

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    return isnan(p->risk) ? plain(cx, p, o_, out) : within_limit(cx, p, o_, out);
}

static void work(const cull_compute_problem *p, const void *o_, cull_policy_plan *out)
{
    const opts *o = o_;
    cull_policy_plan_add(out, "folds", (double)o->folds);
    cull_policy_plan_add(out, "subsets of experts at most", ldexp(1, p->rows->models) - 1);
}

static const cull_compute_fns fns = {.needs = CULL_READS_OUT | CULL_READS_TRUTH | CULL_READS_X,
                                     .apply_needs = CULL_READS_X,
                                     .fit = fit,
                                     .apply = apply,
                                     .work = work,
                                     .brief = "epochs"};
const cull_method cull__method_moe2 = {
    .slug = "moe2",
    .title = "the best subset of experts under budgets, mixed row by row",
    .paper = "Jin et al. 2025, MoE^2: Optimizing Collaborative Inference for Edge Large Language "
             "Models",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 2,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
