/* channels.c - a task network and a score network over the channels that are left; see channels.h.
 *
 * With m the mask, med the channels' medians, k the weight of the drawn score: the task network reads
 * s (m x + (1 - m) med), s = k sigma(x) + (1 - k) sbar, sigma = 2 sigmoid(score network). A step first trains
 * with scores, then fixes their mean sbar, lets k go to 0, then m of the channels to go; then it trains on
 * until nothing gets better. Weights and the optimiser's state go on through all steps. */
#include "score/channels.h"
#include "cull/nn_dense.h"
#include "cull/nn_ops.h"
#include "cull/nn_random.h"
#include "nn/train.h"
#include "num/num.h"
#include "score/folds.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHARDS = 4, LEAST = 64, LAYERS = 8 }; /* a batch below SHARDS * LEAST rows is one shard */

typedef struct {
    int w[LAYERS + 1], b[LAYERS + 1], layers;
} mlp;
typedef struct {
    float *unit;  /* (rows, d) x over its scale: the score network's input */
    float *drawn; /* k times what scores multiply */
    float *fixed; /* (1 - k) sbar times that */
    float *y;     /* (rows, m) */
    int32_t *label;
    double *sum; /* d: sigma over the rows of this epoch so far */
} desk;          /* of one shard */

struct cull__channels_net {
    cull_params *p;
    mlp score, task;
    int64_t d, m, most; /* candidates; outputs; rows of a shard */
    int64_t *col;       /* d: column of the problem */
    float *ax, *med, *ay, *sbar, *mask;
    float k;
    bool averaging;
    const cull_pool *x;
    const float *y; /* (n, m), or NULL */
    const int32_t *label;
    desk at[SHARDS];
    float *row[SHARDS]; /* of the pool, as it is read */
};
typedef struct cull__channels_net net;

/* ---- networks ---- */

static cull_status mlp_new(cull_params *p, const char *name, int64_t in, int64_t hidden,
                           int64_t layers, int64_t out, mlp *n)
{
    n->layers = (int)layers;
    for (int i = 0; i <= layers; i++) {
        char what[64];
        int64_t to = i < layers ? hidden : out, dim[2] = {to, in};
        snprintf(what, sizeof what, "%s.%d.weight", name, i);
        CULL_TRY(cull_params_add(p, what, 2, dim, CULL_INIT_TORCH, 0, in, 0, n->w + i));
        snprintf(what, sizeof what, "%s.%d.bias", name, i);
        CULL_TRY(cull_params_add(p, what, 1, dim, CULL_INIT_TORCH, 0, in, 0, n->b + i));
        in = to;
    }
    return CULL_OK;
}

static cull_var *mlp_on(cull_tape *t, const mlp *n, cull_var *x)
{
    for (int i = 0; i <= n->layers; i++) {
        if (i) x = cull_nn_relu(t, x);
        x = cull_nn_linear(t, x, cull_nn_param(t, n->w[i]), cull_nn_param(t, n->b[i]));
    }
    return x;
}

/* Row r of the candidates into the shard's desk, at place i. */
static void lay(const net *n, int shard, int64_t i, int64_t r)
{
    const desk *a = n->at + shard;
    const float *v = cull_pool_rows(n->x, r, r + 1, n->row[shard]);
    float *unit = a->unit + i * n->d, *drawn = a->drawn + i * n->d, *fixed = a->fixed + i * n->d;
    for (int64_t c = 0; c < n->d; c++) {
        float x = v[n->col[c]];
        float left = (n->mask[c] * x + (1 - n->mask[c]) * n->med[c]) / n->ax[c];
        unit[c] = x / n->ax[c];
        drawn[c] = n->k * left;
        fixed[c] = (1 - n->k) * n->sbar[c] * left;
    }
    for (int64_t j = 0; n->y && j < n->m; j++) a->y[i * n->m + j] = n->y[r * n->m + j];
    if (n->label) a->label[i] = n->label[r];
}

static cull_var *loss_of(cull_tape *t, void *user, const cull_batch *b)
{
    net *n = user;
    desk *a = n->at + b->shard;
    const int64_t in[2] = {b->n, n->d}, out[2] = {b->n, n->m};
    for (int64_t i = 0; i < b->n; i++) lay(n, b->shard, i, b->row[i]);
    cull_var *z = cull_nn_input(t, 2, in, a->fixed, false);
    if (n->k > 0 || n->averaging) {
        cull_tape_scope(t, "the score network");
        cull_var *s = mlp_on(t, &n->score, cull_nn_input(t, 2, in, a->unit, false));
        s = cull_nn_gate(t, s, 1, 2, false);
        if (s && (b->train || n->averaging)) {
            const float *v = cull_var_value(s);
            for (int64_t i = 0; i < b->n; i++)
                for (int64_t c = 0; c < n->d; c++) a->sum[c] += (double)v[i * n->d + c];
        }
        if (n->k > 0) z = cull_nn_add(t, cull_nn_masked(t, s, a->drawn), z);
    }
    cull_tape_scope(t, "the task network");
    cull_var *y = mlp_on(t, &n->task, z);
    if (n->label) {
        cull_batch_predict(b, y);
        return cull_nn_cross_entropy(t, y, a->label, NULL, 0);
    }
    y = cull_batch_predict(b, cull_nn_mul(t, y, cull_nn_input(t, 1, &n->m, n->ay, false)));
    if (!n->y) return y; /* a prediction alone is wanted */
    return cull_nn_mse(t, y, cull_nn_input(t, 2, out, a->y, false), NULL);
}

/* ---- what the data say ---- */

/* 99th percentile of |x| and the median of each candidate; a column without either is none. */
static cull_status scales(cull_ctx *cx, const cull_feature_problem *p, net *n, const int64_t *rows,
                          int64_t count)
{
    enum { BLOCK = 16 };
    cull__mark_t mark = cull__mark(cx);
    float *buf;
    double *v;
    CULL_TRY(CULL_TMP(cx, buf, p->d));
    CULL_TRY(CULL_TMP(cx, v, count * BLOCK));
    int64_t d = 0;
    for (int64_t c = 0; c < p->d; c += BLOCK) {
        int64_t wide = p->d - c < BLOCK ? p->d - c : BLOCK;
        for (int64_t i = 0; i < count; i++) {
            const float *x = cull_pool_rows(p->x, rows[i], rows[i] + 1, buf);
            for (int64_t j = 0; j < wide; j++) v[j * count + i] = (double)x[c + j];
        }
        for (int64_t j = 0; j < wide; j++) {
            double *u = v + j * count, med, top;
            bool moves = false;
            for (int64_t i = 1; i < count; i++) moves |= u[i] != u[0];
            if (!moves || (p->avoid && p->avoid[c + j])) continue;
            CULL_TRY(cull__quantile(cx, u, count, .5, &med));
            for (int64_t i = 0; i < count; i++) u[i] = fabs(u[i]);
            CULL_TRY(cull__quantile(cx, u, count, .99, &top));
            n->col[d] = c + j;
            n->med[d] = (float)med;
            n->ax[d] = top > 0 ? (float)top : 1;
            d++;
        }
        CULL_TRY(cull__tick(cx, (double)c, (double)p->d));
    }
    cull__release(cx, mark);
    n->d = d;
    return CULL_OK;
}

static cull_status targets(cull_ctx *cx, const cull_feature_problem *p, net *n, const int64_t *rows,
                           int64_t count)
{
    n->m = p->ys ? cull_pool_d(p->ys) : p->classes ? p->classes : 1;
    CULL_TRY(CULL_ALLOC(cx, n->ay, n->m));
    if (!p->ys && p->classes) {
        int32_t *label;
        CULL_TRY(CULL_TMP(cx, label, p->n));
        for (int64_t i = 0; i < p->n; i++) label[i] = (int32_t)p->y[i];
        n->label = label;
        return CULL_OK;
    }
    float *y, *buf;
    double *v;
    CULL_TRY(CULL_TMP(cx, y, p->n * n->m));
    CULL_TRY(CULL_TMP(cx, buf, n->m));
    CULL_TRY(CULL_TMP(cx, v, count));
    for (int64_t i = 0; i < p->n; i++) {
        if (!p->ys)
            y[i] = (float)p->y[i];
        else
            memcpy(y + i * n->m, cull_pool_rows(p->ys, i, i + 1, buf), (size_t)n->m * sizeof *y);
    }
    for (int64_t j = 0; j < n->m; j++) {
        double top;
        for (int64_t i = 0; i < count; i++) v[i] = fabs((double)y[rows[i] * n->m + j]);
        CULL_TRY(cull__quantile(cx, v, count, .99, &top));
        n->ay[j] = top > 0 ? (float)top : 1;
    }
    n->y = y;
    return CULL_OK;
}

static cull_status split(cull_ctx *cx, const cull_feature_problem *p, double share, int64_t *order,
                         int64_t *train)
{
    CULL_TRY(cull__holdout(cx, p->n, p->group, p->groups, share, 1, order, train));
    if (*train >= 2 && *train < p->n) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%" PRId64 " rows%s leave %" PRId64 " to train on and %" PRId64
                      " to judge by; it must be at least 2 and 1",
                      p->n, p->group ? " in their groups" : "", *train, p->n - *train);
}

/* ---- training ---- */

typedef struct {
    cull_ctx *cx;
    const cull_feature_problem *p;
    const cull__channels_opts *o;
    net *n;
    cull_train_problem q;
    cull__crew crew;
    cull_optim *optim;
    int64_t *order, train; /* rows: to train on, then those held out */
    int64_t *epoch_order, batch, grain, epochs;
    float *best;
} training;

static void sums_clear(net *n)
{
    for (int s = 0; s < SHARDS; s++) memset(n->at[s].sum, 0, (size_t)n->d * sizeof(double));
}

static double sum_of(const net *n, int64_t c)
{
    double sum = 0;
    for (int s = 0; s < SHARDS; s++) sum += n->at[s].sum[c];
    return sum;
}

static cull_status one_epoch(training *t, double *held_out)
{
    cull_rng r = cull__rng(t->cx, 2 + (uint64_t)t->epochs);
    memcpy(t->epoch_order, t->order, (size_t)t->train * sizeof *t->order);
    cull__rng_shuffle(&r, t->epoch_order, t->train);
    sums_clear(t->n);
    for (int64_t lo = 0; lo < t->train; lo += t->batch)
        CULL_TRY(cull__crew_step(t->cx, &t->crew, t->optim, t->epoch_order + lo,
                                 t->train - lo < t->batch ? t->train - lo : t->batch, t->grain, 0,
                                 t->o->rate));
    t->epochs++;
    CULL_TRY(cull__crew_evaluate(t->cx, &t->crew, t->order + t->train, t->p->n - t->train, t->grain,
                                 held_out, NULL));
    return cull__tick(t->cx, (double)t->epochs, 0);
}

/* Mean scores over the rows to train on, by the weights as they are. */
static cull_status average(training *t, double *mean)
{
    double loss;
    sums_clear(t->n);
    t->n->averaging = true;
    cull_status s = cull__crew_evaluate(t->cx, &t->crew, t->order, t->train, t->grain, &loss, NULL);
    t->n->averaging = false;
    for (int64_t c = 0; c < t->n->d; c++) mean[c] = sum_of(t->n, c) / (double)t->train;
    return s;
}

/* The channels to go: smallest mean score first, until those left cost at most `size`. */
static void choose(const training *t, double size, uint8_t *going)
{
    const net *n = t->n;
    const cull_feature_problem *p = t->p;
    double left = 0;
    memset(going, 0, (size_t)n->d);
    for (int64_t c = 0; c < n->d; c++)
        if (n->mask[c] > 0 && !(p->have && p->have[n->col[c]]))
            left += p->cost ? p->cost[n->col[c]] : 1;
    while (left > size) {
        int64_t worst = -1;
        for (int64_t c = 0; c < n->d; c++) {
            if (n->mask[c] == 0 || going[c] || (p->have && p->have[n->col[c]])) continue;
            if (worst < 0 || n->sbar[c] < n->sbar[worst]) worst = c;
        }
        if (worst < 0) return;
        going[worst] = 1;
        left -= p->cost ? p->cost[n->col[worst]] : 1;
    }
}

/* Epoch e (from 1) of a step: what k and the mask of those that go are from now on. */
static void phase(training *t, int step, int64_t e, const uint8_t *going)
{
    net *n = t->n;
    const cull__channels_opts *o = t->o;
    const float from = step ? .5f : 1;
    if (e == o->fix) /* the sums are still those of the epoch before */
        for (int64_t c = 0; c < n->d; c++)
            n->sbar[c] = (n->sbar[c] + (float)(sum_of(n, c) / (double)t->train)) / 2;
    /* k falls by .5 / fade an epoch, from 1 or from .5 */
    float k = from - .5f * (float)(e - o->fix + 1) / (float)o->fade;
    n->k = e < o->fix ? from : k > 1e-6f ? k : 0;
    int64_t begun = e - o->fix - o->fade + 1;
    float m = begun < 1 ? 1 : begun >= o->drop ? 0 : 1 - (float)begun / (float)o->drop;
    for (int64_t c = 0; c < n->d; c++)
        if (going[c]) n->mask[c] = m;
}

static cull_status one_size(training *t, int step, double size, double *best_loss)
{
    const cull__channels_opts *o = t->o;
    net *n = t->n;
    int64_t settled = o->plain ? 0 : o->fix + o->fade + (step ? o->drop : o->fade), since = 0;
    int64_t most = o->epochs > settled ? o->epochs : settled + 1;
    size_t bytes = (size_t)cull_params_size(n->p) * sizeof(float);
    uint8_t *going;
    cull__mark_t mark = cull__mark(t->cx);
    CULL_TRY(CULL_TMP0(t->cx, going, n->d));
    if (step) choose(t, size, going);
    *best_loss = INFINITY;
    for (int64_t e = 0; e < most && (o->plain || since < o->patience); e++) {
        double loss;
        if (!o->plain) phase(t, step, e + 1, going);
        CULL_TRY(one_epoch(t, &loss));
        if (!isfinite(loss))
            return cull__fail(t->cx, CULL_EINPUT,
                              "the loss on the rows held out is not finite after epoch %" PRId64
                              "; a lower rate may help",
                              t->epochs);
        if (e < settled) continue;
        if (loss < *best_loss) {
            *best_loss = loss;
            memcpy(t->best, cull_params_value(n->p), bytes);
            since = 0;
        } else
            since++;
    }
    memcpy(cull_params_value(n->p), t->best, bytes);
    if (!step && !o->plain) {
        double *mean;
        CULL_TRY(CULL_TMP(t->cx, mean, n->d));
        CULL_TRY(average(t, mean));
        for (int64_t c = 0; c < n->d; c++) n->sbar[c] = (float)mean[c];
    }
    cull__release(t->cx, mark);
    return CULL_OK;
}

/* ---- a whole run ---- */

static cull_status desks(cull_ctx *cx, net *n, int64_t wide, int64_t most)
{
    n->most = most;
    for (int s = 0; s < SHARDS; s++) {
        desk *a = n->at + s;
        CULL_TRY(CULL_ALLOC(cx, a->unit, most * n->d));
        CULL_TRY(CULL_ALLOC(cx, a->drawn, most * n->d));
        CULL_TRY(CULL_ALLOC(cx, a->fixed, most * n->d));
        CULL_TRY(CULL_ALLOC(cx, a->y, most * n->m));
        CULL_TRY(CULL_ALLOC(cx, a->label, most));
        CULL_TRY(CULL_ALLOC(cx, a->sum, n->d));
        CULL_TRY(CULL_ALLOC(cx, n->row[s], wide));
    }
    return CULL_OK;
}

static void net_free(net *n)
{
    if (!n) return;
    for (int s = 0; s < SHARDS; s++) {
        desk *a = n->at + s;
        cull__free(a->unit), cull__free(a->drawn), cull__free(a->fixed);
        cull__free(a->y), cull__free(a->label), cull__free(a->sum), cull__free(n->row[s]);
    }
    cull_params_free(n->p);
    cull__free(n->col), cull__free(n->ax), cull__free(n->med), cull__free(n->ay);
    cull__free(n->sbar), cull__free(n->mask);
    cull__free(n);
}

void cull__channels_free(cull__channels *c)
{
    net_free(c->net);
    cull__free(c->kept), cull__free(c->stayed), cull__free(c->score), cull__free(c->loss);
    *c = (cull__channels){0};
}

static cull_status net_new(training *t)
{
    cull_ctx *cx = t->cx;
    const cull_feature_problem *p = t->p;
    const cull__channels_opts *o = t->o;
    net *n = t->n;
    n->x = p->x;
    n->k = o->plain ? 0 : 1;
    CULL_TRY(CULL_ALLOC(cx, n->col, p->d));
    CULL_TRY(CULL_ALLOC(cx, n->ax, p->d));
    CULL_TRY(CULL_ALLOC(cx, n->med, p->d));
    CULL_TRY(CULL_ALLOC(cx, n->sbar, p->d));
    CULL_TRY(CULL_ALLOC(cx, n->mask, p->d));
    CULL_TRY(CULL_TMP(cx, t->order, p->n));
    CULL_TRY(split(cx, p, o->holdout, t->order, &t->train));
    CULL_TRY(scales(cx, p, n, t->order, t->train));
    CULL_TRY(targets(cx, p, n, t->order, t->train));
    if (!n->d) return CULL_OK;
    for (int64_t c = 0; c < n->d; c++) n->sbar[c] = n->mask[c] = 1;
    CULL_TRY(cull_params_new(cx, &n->p));
    if (!o->plain) CULL_TRY(mlp_new(n->p, "score", n->d, o->hidden, o->layers, n->d, &n->score));
    CULL_TRY(mlp_new(n->p, "task", n->d, o->hidden, o->layers, n->m, &n->task));
    t->batch = o->batch < t->train ? o->batch : t->train;
    return CULL_OK;
}

static cull_status run(training *t, const double *size, int steps, cull__channels *out)
{
    cull_ctx *cx = t->cx;
    net *n = t->n;
    for (int64_t c = 0; c < out->d; c++) out->score[c] = NAN;
    CULL_TRY(net_new(t));
    if (!n->d) return CULL_OK; /* nothing to choose from */
    cull_optim_opts oo = CULL_OPTIM_OPTS;
    CULL_TRY(cull_optim_new(cx, n->p, &oo, &t->optim));
    t->q = (cull_train_problem){
        .params = n->p, .n = t->train, .loss = loss_of, .user = n, .outs = (int)n->m};
    CULL_TRY(cull__crew_new(cx, &t->q, SHARDS, &t->crew));
    t->grain = cull__crew_grain(&t->crew, t->batch, LEAST);
    CULL_TRY(desks(cx, n, t->p->d, t->grain));
    CULL_TRY(CULL_TMP(cx, t->epoch_order, t->train));
    CULL_TRY(CULL_TMP(cx, t->best, cull_params_size(n->p)));
    for (int s = 0; s < steps; s++) {
        CULL_TRY(one_size(t, s, size[s], out->loss + s));
        out->steps = s + 1;
        for (int64_t c = 0; c < n->d; c++) out->stayed[n->col[c]] += n->mask[c] > 0;
    }
    for (int64_t c = 0; c < n->d; c++) {
        out->kept[n->col[c]] = n->mask[c] > 0;
        out->score[n->col[c]] = (double)n->sbar[c];
    }
    out->m = n->m;
    out->epochs = t->epochs;
    return CULL_OK;
}

cull_status cull__channels_train(cull_ctx *cx, const cull_feature_problem *p,
                                 const cull__channels_opts *o, const double *size, int steps,
                                 cull__channels *out)
{
    *out = (cull__channels){.d = p->d};
    cull__mark_t mark = cull__mark(cx);
    training t = {.cx = cx, .p = p, .o = o};
    cull_status s = CULL_ALLOC(cx, out->kept, p->d);
    if (s == CULL_OK) s = CULL_ALLOC(cx, out->stayed, p->d);
    if (s == CULL_OK) s = CULL_ALLOC(cx, out->score, p->d);
    if (s == CULL_OK) s = CULL_ALLOC(cx, out->loss, steps);
    if (s == CULL_OK) s = CULL_ALLOC(cx, out->net, 1);
    t.n = out->net;
    if (s == CULL_OK) s = run(&t, size, steps, out);
    cull__crew_free(&t.crew);
    cull_optim_free(t.optim);
    cull__release(cx, mark);
    if (out->net) out->net->x = NULL, out->net->y = NULL, out->net->label = NULL;
    if (s != CULL_OK) cull__channels_free(out);
    return s;
}

cull_status cull__channels_predict(cull_ctx *cx, const cull__channels *c, const cull_pool *x,
                                   float *out)
{
    net *n = c->net;
    int64_t rows = cull_pool_n(x), *row, at = 0;
    if (cull_pool_d(x) != c->d)
        return cull__fail(cx, CULL_EINPUT, "%s has %" PRId64 " columns; the network reads %" PRId64,
                          cull_pool_name(x), cull_pool_d(x), c->d);
    cull__mark_t mark = cull__mark(cx);
    cull_tape *t = NULL;
    CULL_TRY(CULL_TMP(cx, row, n->most));
    cull_status s = cull_tape_new(cx, n->p, &t);
    n->x = x;
    for (; s == CULL_OK && at < rows; at += n->most) {
        int64_t some = rows - at < n->most ? rows - at : n->most;
        for (int64_t i = 0; i < some; i++) row[i] = at + i;
        cull_batch b = {.row = row, .n = some, .out = out + at * n->m};
        cull_tape_reset(t, cx, 0, 0);
        const int64_t in[2] = {some, n->d};
        for (int64_t i = 0; i < some; i++) lay(n, 0, i, row[i]);
        cull_var *y = mlp_on(t, &n->task, cull_nn_input(t, 2, in, n->at[0].fixed, false));
        if (n->ay[0] != 0) y = cull_nn_mul(t, y, cull_nn_input(t, 1, &n->m, n->ay, false));
        cull_batch_predict(&b, y);
        s = cull_tape_status(t);
    }
    n->x = NULL;
    cull_tape_free(t);
    cull__release(cx, mark);
    return s;
}
