/* gates.c - gates over embeddings, trained with the model and then hardened; see gates.h.
 *
 * A value's embedding counts s sigmoid(tau c) times, s = 1 / sigmoid(start), so that all count once at first.
 * tau grows to `temperature`: gates end near 0 or s. In the end gates are steps, weights are put back to an
 * early epoch's, and the model is trained alone. */
#include "score/gates.h"
#include "cull/nn_dense.h"
#include "cull/nn_ops.h"
#include "cull/nn_random.h"
#include "nn/train.h"
#include "num/num.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHARDS = 4, LEAST = 256, DEEP = 3, CROSS = 8 };

struct cull__gates_net {
    cull_params *p;
    cull__gates_opts o;
    int64_t fields, ids;
    int embedding, gate, w[DEEP], b[DEEP], cross_w[CROSS], cross_b[CROSS], head_w, head_b;
    double tau;
    bool searching, gated; /* gated: an end with steps */
    const cull__clicks *rows;
    int32_t *id[SHARDS]; /* of a shard's rows */
    float *click[SHARDS];
    int64_t most;
};
typedef struct cull__gates_net net;

double cull__gates_tau(double temperature, int64_t e, int64_t search)
{
    return search > 1 ? pow(temperature, (double)e / (double)(search - 1)) : temperature;
}

/* ---- the model ---- */

static cull_status tensor(net *n, const char *name, int64_t a, int64_t b, cull_init init,
                          double scale, int64_t fan_in, unsigned flags, int *at)
{
    return cull_params_add(n->p, name, b ? 2 : 1, (int64_t[]){a, b}, init, scale, fan_in, flags,
                           at);
}

static cull_status layer(net *n, const char *name, int64_t in, int64_t out, int *w, int *b)
{
    char what[96];
    snprintf(what, sizeof what, "%s.weight", name);
    CULL_TRY(tensor(n, what, out, in, CULL_INIT_TORCH, 0, in, 0, w));
    if (!b) return CULL_OK;
    snprintf(what, sizeof what, "%s.bias", name);
    return tensor(n, what, out, 0, CULL_INIT_TORCH, 0, in, 0, b);
}

static cull_status net_params(cull_ctx *cx, net *n)
{
    const cull__gates_opts *o = &n->o;
    int64_t flat = n->fields * o->dim, in = flat, width = o->hidden;
    char name[64];
    if (o->model == CULL__IPNN) in += n->fields * (n->fields - 1) / 2;
    CULL_TRY(cull_params_new(cx, &n->p));
    CULL_TRY(tensor(n, "embedding", n->ids, o->dim, CULL_INIT_XAVIER, 0, o->dim, 0, &n->embedding));
    CULL_TRY(
        tensor(n, "gate", n->ids, 1, CULL_INIT_CONST, o->start, 0, CULL_PARAM_NO_DECAY, &n->gate));
    if (o->model == CULL__FM) return CULL_OK;
    for (int i = 0; i < DEEP; i++) {
        snprintf(name, sizeof name, "mlp.%d", i);
        CULL_TRY(layer(n, name, in, width, n->w + i, n->b + i));
        in = width;
        width = width > 1 ? width / 2 : 1;
    }
    if (o->model != CULL__DCN) return layer(n, "mlp.out", in, 1, &n->head_w, &n->head_b);
    for (int i = 0; i < o->cross; i++) {
        snprintf(name, sizeof name, "cross.%d", i);
        CULL_TRY(layer(n, name, flat, 1, n->cross_w + i, NULL));
        snprintf(name, sizeof name, "cross.%d.bias", i);
        CULL_TRY(tensor(n, name, flat, 0, CULL_INIT_ZERO, 0, 0, 0, n->cross_b + i));
    }
    return layer(n, "combine", in + flat, 1, &n->head_w, NULL);
}

static cull_var *mlp(cull_tape *t, const net *n, cull_var *x)
{
    for (int i = 0; i < DEEP; i++)
        x = cull_nn_relu(
            t, cull_nn_linear(t, x, cull_nn_param(t, n->w[i]), cull_nn_param(t, n->b[i])));
    return x;
}

/* x0 (w^T x) + b + x, layer by layer (Wang et al. 2017). */
static cull_var *crossed(cull_tape *t, const net *n, cull_var *x0)
{
    cull_var *x = x0;
    for (int i = 0; i < n->o.cross; i++) {
        cull_var *s = cull_nn_linear(t, x, cull_nn_param(t, n->cross_w[i]), NULL);
        s = cull_nn_add(t, cull_nn_mul(t, x0, s), cull_nn_param(t, n->cross_b[i]));
        x = cull_nn_add(t, s, x);
    }
    return x;
}

static cull_var *head(cull_tape *t, const net *n, cull_var *x)
{
    return cull_nn_linear(t, x, cull_nn_param(t, n->head_w),
                          n->o.model == CULL__DCN ? NULL : cull_nn_param(t, n->head_b));
}

/* Logits (rows) of the shard's ids. */
static cull_var *logits(cull_tape *t, const net *n, const int32_t *id, int64_t rows)
{
    int64_t f = n->fields, d = n->o.dim;
    const int64_t by_field[3] = {rows, f, d}, flat[2] = {rows, f * d}, one[1] = {rows};
    cull_var *e = cull_nn_embedding(t, cull_nn_param(t, n->embedding), id, rows * f);
    if (n->searching || n->gated) {
        double scale = 1 + exp(-n->o.start);
        cull_var *g = cull_nn_embedding(t, cull_nn_param(t, n->gate), id, rows * f);
        e = cull_nn_mul(t, e, cull_nn_gate(t, g, n->searching ? n->tau : 1, scale, !n->searching));
    }
    e = cull_nn_reshape(t, e, 3, by_field);
    cull_var *x = cull_nn_reshape(t, e, 2, flat), *y;
    switch (n->o.model) {
    case CULL__FM: return cull_nn_fm(t, e);
    case CULL__DEEPFM:
        y = cull_nn_reshape(t, head(t, n, mlp(t, n, x)), 1, one);
        return cull_nn_add(t, y, cull_nn_fm(t, e));
    case CULL__DCN:
        y = cull_nn_concat(t, (cull_var *[]){crossed(t, n, x), mlp(t, n, x)}, 2, -1);
        return cull_nn_reshape(t, head(t, n, y), 1, one);
    case CULL__IPNN:
        y = f > 1 ? cull_nn_concat(t, (cull_var *[]){x, cull_nn_field_pairs(t, e)}, 2, -1) : x;
        return cull_nn_reshape(t, head(t, n, mlp(t, n, y)), 1, one);
    }
    return NULL;
}

static cull_var *loss_of(cull_tape *t, void *user, const cull_batch *b)
{
    net *n = user;
    int32_t *id = n->id[b->shard];
    float *click = n->click[b->shard];
    int64_t f = n->fields;
    for (int64_t i = 0; i < b->n; i++) {
        memcpy(id + i * f, n->rows->id + b->row[i] * f, (size_t)f * sizeof *id);
        click[i] = n->rows->click ? n->rows->click[b->row[i]] : 0;
    }
    cull_var *y = cull_batch_predict(b, logits(t, n, id, b->n));
    cull_var *loss = cull_nn_bce(t, y, cull_nn_input(t, 1, &b->n, click, false), 1, NULL);
    if (!n->searching || !b->train || n->o.penalty <= 0) return loss;
    cull_var *gates = cull_nn_gate(t, cull_nn_param(t, n->gate), n->tau, 1, false);
    return cull_nn_add(t, loss,
                       cull_nn_affine(t, cull_nn_sum(t, gates, 3, false), n->o.penalty, 0));
}

/* ---- training ---- */

typedef struct {
    cull_ctx *cx;
    net *n;
    cull_train_problem q;
    cull__crew crew;
    cull_optim *optim;
    const cull__clicks *train, *val;
    int64_t *order, batch, grain, epochs;
    float *out;    /* val->n */
    double *score; /* val->n */
} training;

static cull_status one_epoch(training *t)
{
    cull_rng r = cull__rng(t->cx, 100 + (uint64_t)t->epochs++);
    t->n->rows = t->train;
    for (int64_t i = 0; i < t->train->n; i++) t->order[i] = i;
    cull__rng_shuffle(&r, t->order, t->train->n);
    for (int64_t lo = 0; lo < t->train->n; lo += t->batch)
        CULL_TRY(cull__crew_step(t->cx, &t->crew, t->optim, t->order + lo,
                                 t->train->n - lo < t->batch ? t->train->n - lo : t->batch,
                                 t->grain, 0, t->n->o.rate));
    return cull__tick(t->cx, (double)t->epochs, (double)(t->n->o.search + t->n->o.epochs));
}

static cull_status auc_of(training *t, double *auc)
{
    double loss;
    t->n->rows = t->val;
    for (int64_t i = 0; i < t->val->n; i++) t->order[i] = i;
    CULL_TRY(cull__crew_evaluate(t->cx, &t->crew, t->order, t->val->n, t->grain, &loss, t->out));
    for (int64_t i = 0; i < t->val->n; i++) t->score[i] = (double)t->out[i];
    return cull__auc(t->cx, t->score, t->val->click, t->val->n, auc);
}

static cull_status search(training *t, float *early)
{
    net *n = t->n;
    size_t bytes = (size_t)cull_params_size(n->p) * sizeof *early;
    n->searching = true;
    for (int64_t e = 0; e < n->o.search; e++) {
        n->tau = cull__gates_tau(n->o.temperature, e, n->o.search);
        if (e == n->o.rewind) memcpy(early, cull_params_value(n->p), bytes);
        CULL_TRY(one_epoch(t));
    }
    n->searching = false;
    return CULL_OK;
}

/* Gates are steps now and stay; the other weights begin where `early` has them. */
static void harden(training *t, const float *early, cull__gates *out)
{
    net *n = t->n;
    const cull_param *g = cull_params_at(n->p, n->gate);
    float *v = cull_params_value(n->p);
    for (int64_t i = 0; i < n->ids; i++) {
        bool shut = n->o.shut && n->o.shut[i];
        out->gate[i] = v[g->at + i];
        if (shut && out->gate[i] > 0) v[g->at + i] = -out->gate[i];
        out->open[i] = v[g->at + i] > 0;
    }
    for (int i = 0; i < cull_params_count(n->p); i++) {
        const cull_param *q = cull_params_at(n->p, i);
        if (i != n->gate) memcpy(v + q->at, early + q->at, (size_t)q->n * sizeof *v);
    }
    cull_params_flag(n->p, n->gate, CULL_PARAM_FROZEN);
    cull_optim_reset(t->optim);
    n->gated = true;
}

/* Train until the first epoch without a better AUC; the best weights stay. */
static cull_status finish(training *t, float *best, cull__gates *out)
{
    net *n = t->n;
    size_t bytes = (size_t)cull_params_size(n->p) * sizeof *best;
    double auc = -1;
    out->epochs = 0;
    for (int64_t e = 0; e < n->o.epochs; e++) {
        double now;
        CULL_TRY(one_epoch(t));
        CULL_TRY(auc_of(t, &now));
        if (!(now > auc)) break;
        auc = now;
        out->epochs = e + 1;
        memcpy(best, cull_params_value(n->p), bytes);
    }
    memcpy(cull_params_value(n->p), best, bytes);
    out->auc = auc;
    return CULL_OK;
}

static cull_status rooms(cull_ctx *cx, training *t)
{
    net *n = t->n;
    int64_t most = t->train->n > t->val->n ? t->train->n : t->val->n;
    t->batch = n->o.batch < t->train->n ? n->o.batch : t->train->n;
    t->grain = cull__crew_grain(&t->crew, t->batch, LEAST);
    n->most = t->grain;
    for (int s = 0; s < SHARDS; s++) {
        CULL_TRY(CULL_ALLOC(cx, n->id[s], t->grain * n->fields));
        CULL_TRY(CULL_ALLOC(cx, n->click[s], t->grain));
    }
    CULL_TRY(CULL_TMP(cx, t->order, most));
    CULL_TRY(CULL_TMP(cx, t->out, t->val->n));
    return CULL_TMP(cx, t->score, t->val->n);
}

static cull_status check(cull_ctx *cx, const cull__clicks *train, const cull__clicks *val)
{
    int64_t clicks = 0;
    if (train->n < 1 || val->n < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows to train on and %" PRId64
                          " to stop by; there must be some of both",
                          train->n, val->n);
    for (int64_t i = 0; i < val->n; i++) clicks += val->click[i];
    if (clicks && clicks < val->n) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "all %" PRId64 " rows held out are of one class; hold out more", val->n);
}

static cull_status run(training *t, cull__gates *out)
{
    cull_ctx *cx = t->cx;
    net *n = t->n;
    float *early, *best;
    cull_optim_opts oo = CULL_OPTIM_OPTS;
    oo.decay = n->o.l2;
    CULL_TRY(check(cx, t->train, t->val));
    CULL_TRY(net_params(cx, n));
    CULL_TRY(cull_optim_new(cx, n->p, &oo, &t->optim));
    t->q = (cull_train_problem){
        .params = n->p, .n = t->train->n, .loss = loss_of, .user = n, .outs = 1};
    CULL_TRY(cull__crew_new(cx, &t->q, SHARDS, &t->crew));
    CULL_TRY(rooms(cx, t));
    CULL_TRY(CULL_TMP(cx, early, cull_params_size(n->p)));
    CULL_TRY(CULL_TMP(cx, best, cull_params_size(n->p)));
    memcpy(early, cull_params_value(n->p), (size_t)cull_params_size(n->p) * sizeof *early);
    memcpy(best, early, (size_t)cull_params_size(n->p) * sizeof *early);
    if (n->o.search) {
        CULL_TRY(search(t, early));
        harden(t, early, out);
    }
    return finish(t, best, out);
}

static void net_free(net *n)
{
    if (!n) return;
    cull_params_free(n->p);
    for (int s = 0; s < SHARDS; s++) cull__free(n->id[s]), cull__free(n->click[s]);
    cull__free(n);
}

void cull__gates_free(cull__gates *g)
{
    net_free(g->net);
    cull__free(g->gate), cull__free(g->open);
    *g = (cull__gates){0};
}

cull_status cull__gates_train(cull_ctx *cx, const cull__clicks *train, const cull__clicks *val,
                              const cull__gates_opts *o, cull__gates *out)
{
    *out = (cull__gates){.ids = train->at[train->fields]};
    cull__mark_t mark = cull__mark(cx);
    training t = {.cx = cx, .train = train, .val = val};
    cull_status s = CULL_ALLOC(cx, out->gate, out->ids);
    if (s == CULL_OK) s = CULL_ALLOC(cx, out->open, out->ids);
    if (s == CULL_OK) s = CULL_ALLOC(cx, out->net, 1);
    if (s == CULL_OK) {
        t.n = out->net;
        *t.n = (net){.o = *o, .fields = train->fields, .ids = out->ids, .tau = 1};
        s = run(&t, out);
        t.n->rows = NULL;
        t.n->o.shut = NULL;
    }
    cull__crew_free(&t.crew);
    cull_optim_free(t.optim);
    cull__release(cx, mark);
    if (s != CULL_OK) cull__gates_free(out);
    return s;
}

cull_status cull__gates_predict(cull_ctx *cx, const cull__gates *g, const cull__clicks *rows,
                                float *out)
{
    net *n = g->net;
    cull_tape *t;
    CULL_TRY(cull_tape_new(cx, n->p, &t));
    cull_status s = CULL_OK;
    for (int64_t at = 0; s == CULL_OK && at < rows->n; at += n->most) {
        int64_t some = rows->n - at < n->most ? rows->n - at : n->most;
        cull_batch b = {.n = some, .out = out + at};
        cull_tape_reset(t, cx, 0, 0);
        cull_batch_predict(&b, logits(t, n, rows->id + at * n->fields, some));
        s = cull_tape_status(t);
    }
    cull_tape_free(t);
    return s;
}
