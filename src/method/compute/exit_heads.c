/* exit-heads - Early exits of a frozen network: heads on its layers, and gates that learn with them when to leave.
 *
 * Chooses   for each row the first exit that is good enough, or the network's own output.
 * Idea      An exit matters on the rows that leave there. So heads are trained with each row weighted by its chance to leave at
 *           the head, and gates to leave where -log p + price cost is least, in turns. A gate sees four numbers of its head's
 *           probabilities. Each price gives a point of cost and quality; with a budget the least price is taken that keeps it.
 * Reads     the last model is the network's own output (its logits); the others are exits in order, features of each are what the
 *           layer puts out (their own outputs are not read); truth; cost of a model: of all that runs up to there.
 * Deviates  Columns are brought to deviation 1 instead of a frozen layer norm. Turns are shorter than 200 batches where there are
 *           few rows. weigh plain is what the released code does: there the scale of the weights is not a constant, and
 *           then loss and gradient are those of the plain mean over exits. Sets (alpha) come of rows that training did not see;
 *           they hold if the network did not either (watch=last).
 * Cost      epochs n sum(d) classes, one thread; 16 bytes a feature and class.
 * Example   cull compute exit-heads --features l1.npy --features l2.npy --features l3.npy --logits z.npy --logits z.npy
 *           --logits z.npy --logits z.npy --cost 10,30,60,100 --truth y.npy --price 0.15
 */
#include "base/base.h"
#include "cull/compute.h"
#include "cull/confidence.h"
#include "cull/conform.h"
#include "score/exits.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    double price, positive, lr, decay, hold, alpha;
    int64_t epochs, batch, turn, warm;
    int weigh, watch, balance;
} opts;
enum { MASS, PLAIN };
enum { EXIT, UPTO };
enum { RANDOM, LAST };
static const cull_opt table[] = {
    CULL_OPT_F64(opts, price, 0.15, 0, 1e6,
                 "weight of cost (of the whole network 1) against -log p; a budget overrules it"),
    CULL_OPT_F64(opts, positive, 5, 1, 1000,
                 "where few rows should leave at an exit they count more in its gate's training, "
                 "so much at most; "
                 "1 = all count alike"),
    CULL_OPT_ENUM(opts, balance, EXIT, "exit|upto",
                  "which rows are counted for that: those best off at the exit, as published, or "
                  "there and before, which is what its gate is asked"),
    CULL_OPT_I64(opts, epochs, 15, 1, 10000, "epochs of heads and gates in turns"),
    CULL_OPT_I64(opts, warm, 6, 0, 1000, "epochs of heads alone before, at most"),
    CULL_OPT_I64(opts, batch, 64, 1, 1 << 20, "rows of a step"),
    CULL_OPT_I64(opts, turn, 200, 1, 1 << 30, "steps of a turn"),
    CULL_OPT_F64(opts, lr, 0.01, 1e-8, 10, "learning rate"),
    CULL_OPT_F64(opts, decay, 5e-4, 0, 1, "weight decay"),
    CULL_OPT_F64(opts, hold, 0.2, 0.01, 0.9,
                 "share of the rows kept from training, to watch it by"),
    CULL_OPT_ENUM(
        opts, watch, RANDOM, "random|last",
        "which rows those are: the last ones, where the network itself was trained on the "
        "others"),
    CULL_OPT_ENUM(opts, weigh, MASS, "mass|plain",
                  "rows count in a head's training by their chance to leave there, or all alike"),
    CULL_OPT_F64(opts, alpha, 0, 0, 0.99,
                 "sets of classes that miss the truth in such a share of rows; 0 = no sets"),
    CULL_OPT_END};
static const double prices[] = {0, .02, .05, .1, .2, .4, .8, 1.6, 3.2, 6.4};

/* ---- rows ---- */
static cull_status exits_of(cull_ctx *cx, const cull_outcomes *o)
{
    if (o->models < 2 || o->xs < o->models - 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%d models and features of %d: every model but the last needs the "
                          "features of its exit (--features)",
                          o->models, o->xs);
    return CULL_OK;
}

static double mean_cost(const cull_outcomes *o, int k)
{
    double sum = 0;
    if (!o->cost) return o->each ? o->each[k] : k + 1; /* each layer costs the same */
    for (int64_t i = 0; i < o->n; i++) sum += o->cost[k * o->n + i];
    return sum / (double)o->n;
}

static double cost_at(const cull_outcomes *o, int k, int64_t i)
{
    return o->cost ? o->cost[k * o->n + i] : mean_cost(o, k);
}

static void last_proba(const cull_outcomes *o, int64_t i, double *p)
{
    const float *v = o->out[o->models - 1] + i * o->classes;
    double sum = 0;
    for (int32_t c = 0; c < o->classes; c++) sum += p[c] = v[c];
    if (o->outputs == CULL_LOGITS)
        cull_softmax(p, o->classes, 1, p);
    else
        for (int32_t c = 0; c < o->classes; c++) p[c] /= sum;
}

typedef struct {
    cull__exit_rows r;
    int64_t n, m, *row; /* trained on row[0..n), watched on row[n..n+m) */
    double cost[CULL_MODELS], whole;
} rows;

static cull_status read_rows(cull_ctx *cx, const cull_outcomes *o, const opts *u, rows *x)
{
    int32_t *label;
    double *last, *p;
    cull_rng r = cull__rng(cx, 30);
    CULL_TRY(exits_of(cx, o));
    CULL_TRY(CULL_TMP(cx, label, o->n));
    CULL_TRY(CULL_TMP(cx, last, o->n));
    CULL_TRY(CULL_TMP(cx, p, o->classes));
    CULL_TRY(CULL_TMP(cx, x->row, o->n));
    for (int64_t i = 0; i < o->n; i++) {
        if (!(o->truth[i] >= 0 && o->truth[i] < o->classes))
            return cull__fail(cx, CULL_EINPUT,
                              "row %" PRId64 ": the truth is %g; it must be 0 to %d", i,
                              o->truth[i], o->classes - 1);
        label[i] = (int32_t)o->truth[i];
        last_proba(o, i, p);
        last[i] = -log(fmax(p[label[i]], 1e-300));
        x->row[i] = i;
    }
    x->m = (int64_t)((double)o->n * u->hold);
    x->n = o->n - x->m;
    if (x->m < 1)
        return cull__fail(
            cx, CULL_EINPUT,
            "%" PRId64 " rows: exit-heads needs some to train on and some to watch by", o->n);
    if (u->watch == RANDOM) cull__rng_shuffle(&r, x->row, o->n);
    x->whole = mean_cost(o, o->models - 1);
    if (!(x->whole > 0))
        return cull__fail(cx, CULL_EINPUT, "the whole network costs %g; it must be above 0",
                          x->whole);
    for (int k = 0; k < o->models; k++) x->cost[k] = mean_cost(o, k) / x->whole;
    x->r = (cull__exit_rows){o->models - 1, o->classes, o->x, o->d, label, last, x->cost};
    return CULL_OK;
}

/* ---- fit ---- */
static cull_status train(cull_ctx *cx, const rows *x, const opts *o, double price, cull__exits *e,
                         double *spent)
{
    cull__exit_opts u = {.lambda = price,
                         .lr = o->lr,
                         .floor = o->lr / 50,
                         .momentum = .9,
                         .decay = o->decay,
                         .epochs = o->epochs,
                         .batch = o->batch,
                         .turn = o->turn,
                         .warm = o->warm,
                         .positive = o->positive,
                         .upto = o->balance == UPTO,
                         .plain = o->weigh == PLAIN};
    double *p;
    CULL_TRY(cull__exits_fit(cx, &x->r, x->row, x->n, x->row + x->n, x->m, &u, e));
    CULL_TRY(CULL_TMP(cx, p, x->r.exits * x->r.classes));
    *spent = 0;
    for (int64_t i = 0; i < x->m; i++)
        *spent += x->cost[cull__exits_at(e, x->r.x, x->row[x->n + i], p)] / (double)x->m;
    return CULL_OK;
}

static cull_status within(cull_ctx *cx, const rows *x, const opts *o, double budget, double *price,
                          cull__exits *e)
{
    double spent = INFINITY, least = INFINITY;
    for (size_t k = 0; k < sizeof prices / sizeof *prices; k++) {
        *price = prices[k];
        CULL_TRY(train(cx, x, o, *price, e, &spent));
        if (spent * x->whole <= budget) return CULL_OK;
        least = spent < least ? spent : least;
    }
    return cull__fail(cx, CULL_EINPUT, "budget %g: the cheapest exits cost %g", budget,
                      least * x->whole);
}

/* Of each exit the quantile of 1 - p(truth), over the watched rows that leave there, over all where those are few. */
static cull_status quantiles(cull_ctx *cx, const cull_outcomes *o, const rows *x,
                             const cull__exits *e, double alpha, double *q)
{
    enum { FEW = 20 };
    double *p, *all, *left;
    int *at;
    CULL_TRY(CULL_TMP(cx, p, o->models * o->classes));
    CULL_TRY(CULL_TMP(cx, all, x->m * o->models));
    CULL_TRY(CULL_TMP(cx, left, x->m));
    CULL_TRY(CULL_TMP(cx, at, x->m));
    for (int64_t i = 0; i < x->m; i++) {
        int64_t row = x->row[x->n + i];
        at[i] = cull__exits_at(e, x->r.x, row, p);
        cull__exits every = *e;
        for (int l = 0; l < o->models - 1; l++) { /* exits behind that one too: none opens */
            every.exits = 1, every.head[0] = e->head[l], every.d = e->d + l;
            every.gate = (double[]){0, 0, 0, 0, 0};
            cull__exits_at(&every, x->r.x + l, row, p + l * o->classes);
        }
        last_proba(o, row, p + (o->models - 1) * o->classes);
        for (int l = 0; l < o->models; l++)
            all[l * x->m + i] = 1 - p[l * o->classes + x->r.label[row]];
    }
    for (int l = 0; l < o->models; l++) {
        int64_t n = 0;
        for (int64_t i = 0; i < x->m; i++)
            if (at[i] == l) left[n++] = all[l * x->m + i];
        CULL_TRY(cull_conform_quantile(cx, n > FEW ? left : all + l * x->m, n > FEW ? n : x->m,
                                       alpha, &q[l]));
    }
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, const cull_compute_problem *p, const void *o_,
                       cull_policy *out)
{
    const opts *o = o_;
    const cull_outcomes *r = p->rows;
    rows x;
    cull__exits e;
    double price = o->price, spent, q[CULL_MODELS];
    char name[24];
    if (isfinite(p->target) || isfinite(p->delay) || !isnan(p->risk))
        return cull__fail(cx, CULL_EINPUT,
                          "exit-heads takes a budget, but no target, delay or limit to the risk");
    CULL_TRY(read_rows(cx, r, o, &x));
    if (isfinite(p->budget))
        CULL_TRY(within(cx, &x, o, p->budget, &price, &e));
    else
        CULL_TRY(train(cx, &x, o, price, &e, &spent));
    for (int l = 0; l < e.exits; l++) {
        snprintf(name, sizeof name, "head%d", l + 1);
        CULL_TRY(cull_policy_put(cx, out, name, e.classes, e.d[l] + 1, e.head[l]));
    }
    CULL_TRY(cull_policy_put(cx, out, "gates", e.exits, CULL__EXIT_SIGNS + 1, e.gate));
    CULL_TRY(cull_policy_put_number(cx, out, "price", price));
    if (o->alpha <= 0) return CULL_OK;
    CULL_TRY(quantiles(cx, r, &x, &e, o->alpha, q));
    return cull_policy_put(cx, out, "quantile", 1, r->models, q);
}

/* ---- apply ---- */
typedef struct {
    const cull_outcomes *r;
    const cull__exits *e;
    const double *quantile; /* or NULL */
    cull_decisions *out;
} job;

static cull_status decide(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    const cull_outcomes *r = j->r;
    double *p;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, p, r->models * r->classes));
    for (int64_t i = lo; i < hi; i++) {
        int at = cull__exits_at(j->e, r->x, i, p);
        double *q = p + at * r->classes;
        int32_t top = 0;
        if (at == j->e->exits) last_proba(r, i, q);
        for (int32_t c = 1; c < r->classes; c++) top = q[c] > q[top] ? c : top;
        j->out->model[i] = at;
        j->out->called[i] = (at == 63 ? 0 : (uint64_t)1 << (at + 1)) - 1;
        j->out->cost[i] = cost_at(r, at, i);
        j->out->label[i] = top;
        j->out->score[i] = q[top];
        for (int32_t c = 0; j->quantile && c < r->classes; c++)
            j->out->set[i * r->classes + c] = 1 - q[c] <= j->quantile[at];
    }
    return CULL_OK;
}

/* A copy of an array that the fit left. */
static cull_status take(cull_ctx *cx, const cull_policy *p, const char *name, int64_t m,
                        int64_t cols, double **out)
{
    const double *v;
    CULL_TRY(cull_policy_need(cx, p, name, m, cols, &v));
    CULL_TRY(CULL_TMP(cx, *out, m * cols));
    memcpy(*out, v, (size_t)(m * cols) * sizeof **out);
    return CULL_OK;
}

static cull_status apply(cull_ctx *cx, const cull_policy *p, const void *o_, const cull_outcomes *r,
                         cull_decisions *out)
{
    cull__exits e = {.exits = r->models - 1, .classes = r->classes, .d = r->d};
    const double *quantile = NULL;
    char name[24];
    (void)o_;
    CULL_TRY(exits_of(cx, r));
    for (int l = 0; l < e.exits; l++) {
        snprintf(name, sizeof name, "head%d", l + 1);
        CULL_TRY(take(cx, p, name, r->classes, r->d[l] + 1, &e.head[l]));
    }
    CULL_TRY(take(cx, p, "gates", e.exits, CULL__EXIT_SIGNS + 1, &e.gate));
    if (cull_policy_get(p, "quantile", NULL, NULL))
        CULL_TRY(cull_policy_need(cx, p, "quantile", 1, r->models, &quantile));
    unsigned what = CULL_DECIDES_CALLS | CULL_DECIDES_LABEL | CULL_DECIDES_SCORE;
    CULL_TRY(cull_decisions_new(cx, r->n, what | (quantile ? CULL_DECIDES_SET : 0),
                                quantile ? r->classes : 0, out));
    job j = {r, &e, quantile, out};
    return cull__for(cx, r->n, 256, decide, &j);
}

static void work(const cull_compute_problem *p, const void *o_, cull_policy_plan *out)
{
    const opts *o = o_;
    double learnt = (1 - o->hold) * (double)p->rows->n, each = ceil(learnt / (double)o->batch);
    cull_policy_plan_add(out, "exits", p->rows->models);
    cull_policy_plan_add(out, "steps of training at most", each * (double)(o->epochs + o->warm));
}

static const cull_compute_fns fns = {.needs = CULL_READS_OUT | CULL_READS_TRUTH | CULL_READS_X,
                                     .apply_needs = CULL_READS_OUT | CULL_READS_X,
                                     .fit = fit,
                                     .apply = apply,
                                     .work = work,
                                     .brief = "epochs,warm"};

const cull_method cull__method_exit_heads = {
    .slug = "exit-heads",
    .title = "early exits of a frozen network, heads and gates trained together",
    .paper =
        "Chataoui, Regol, Coates 2024, Jointly-Learned Exit and Inference for a Dynamic Neural "
        "Network : JEI-DNN",
    .columns = "",
    .task = CULL_TASK_COMPUTE,
    .rev = 2,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.compute = &fns,
};
