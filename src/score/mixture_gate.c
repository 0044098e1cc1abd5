/* mixture_gate.c - the gate of a mixture of experts: a small network, cross-fitted (mixture.h). */
#include "cull/nn_ops.h"
#include "nn/train.h"
#include "score/folds.h"
#include "score/mixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 64, PATIENCE = 15, GRAIN = 512 };

cull_status cull__gate_new(cull_ctx *cx, int64_t d, int64_t hidden, int experts, cull__gate *g)
{
    *g = (cull__gate){.d = d, .hidden = hidden, .experts = experts};
    CULL_TRY(CULL_TMP0(cx, g->mean, d));
    CULL_TRY(CULL_TMP0(cx, g->scale, d));
    for (int l = 0; l < cull__gate_layers(g); l++) {
        CULL_TRY(CULL_TMP0(cx, g->w[l], cull__gate_out(g, l) * cull__gate_in(g, l)));
        CULL_TRY(CULL_TMP0(cx, g->b[l], cull__gate_out(g, l)));
    }
    return CULL_OK;
}

/* ---- asking ---- */

typedef struct {
    const cull__gate *g;
    const double *x;
    double *z;
} asking;

static void layer(const cull__gate *g, int l, const double *in, double *out)
{
    int64_t wide = cull__gate_in(g, l);
    for (int64_t o = 0; o < cull__gate_out(g, l); o++) {
        const double *w = g->w[l] + o * wide;
        double sum = g->b[l][o];
        for (int64_t j = 0; j < wide; j++) sum += w[j] * in[j];
        out[o] = sum;
    }
}

static cull_status some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const asking *a = arg;
    const cull__gate *g = a->g;
    double *in, *mid;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, in, g->d));
    CULL_TRY(CULL_TMP(cx, mid, g->hidden + 1));
    for (int64_t i = lo; i < hi; i++) {
        double *z = a->z + i * g->experts;
        for (int64_t j = 0; j < g->d; j++) in[j] = (a->x[i * g->d + j] - g->mean[j]) * g->scale[j];
        layer(g, 0, in, g->hidden ? mid : z);
        for (int64_t j = 0; j < g->hidden; j++) mid[j] = mid[j] > 0 ? mid[j] : 0;
        if (g->hidden) layer(g, 1, mid, z);
    }
    return CULL_OK;
}

cull_status cull__gate_ask(cull_ctx *cx, const cull__gate *g, const double *x, int64_t n, double *z)
{
    asking a = {g, x, z};
    return cull__for(cx, n, GRAIN, some, &a);
}

/* ---- learning ---- */

typedef struct {
    const cull__gate_rows *r;
    const float *x,
        *p; /* as the network reads them: standardised, and for each row over its largest */
    const cull__gate_opts *o;
    uint64_t stream;
    const int32_t *fold;
    cull__gate scaled; /* mean and scale */
    double *z;
    int64_t *epochs; /* of each fold */
} school;

typedef struct {
    const school *s;
    cull_params *params;
    int w[2], b[2];
    float *bx, *bp;
    cull__gate *g; /* where weights go */
} lesson;

static cull_var *loss_of(cull_tape *t, void *user, const cull_batch *b)
{
    lesson *l = user;
    const cull__gate *g = l->g;
    int64_t d = g->d, k = g->experts;
    for (int64_t i = 0; i < b->n; i++) {
        memcpy(l->bx + i * d, l->s->x + b->row[i] * d, (size_t)d * sizeof *l->bx);
        memcpy(l->bp + i * k, l->s->p + b->row[i] * k, (size_t)k * sizeof *l->bp);
    }
    cull_var *x = cull_nn_input(t, 2, (int64_t[]){b->n, d}, l->bx, false);
    for (int i = 0; i < cull__gate_layers(g); i++) {
        if (i) x = cull_nn_relu(t, x);
        x = cull_nn_linear(t, x, cull_nn_param(t, l->w[i]), cull_nn_param(t, l->b[i]));
    }
    x = cull_nn_mul(t, cull_nn_softmax(t, x, 1),
                    cull_nn_input(t, 2, (int64_t[]){b->n, k}, l->bp, false));
    return cull_nn_neg(t, cull_nn_mean(t, cull_nn_log(t, cull_nn_sum(t, x, 2, false)), 0, false));
}

static cull_status make(cull_ctx *cx, lesson *l)
{
    CULL_TRY(cull_params_new(cx, &l->params));
    for (int i = 0; i < cull__gate_layers(l->g); i++) {
        int64_t dim[2] = {cull__gate_out(l->g, i), cull__gate_in(l->g, i)};
        char name[32];
        snprintf(name, sizeof name, "gate.%d.weight", i);
        CULL_TRY(cull_params_add(l->params, name, 2, dim, CULL_INIT_TORCH, 0, dim[1], 0, l->w + i));
        snprintf(name, sizeof name, "gate.%d.bias", i);
        CULL_TRY(cull_params_add(l->params, name, 1, dim, CULL_INIT_ZERO, 0, dim[1],
                                 CULL_PARAM_NO_DECAY, l->b + i));
    }
    return CULL_OK;
}

static void copy_out(const lesson *l)
{
    const float *v = cull_params_value(l->params);
    for (int i = 0; i < cull__gate_layers(l->g); i++) {
        const cull_param *w = cull_params_at(l->params, l->w[i]),
                         *b = cull_params_at(l->params, l->b[i]);
        for (int64_t j = 0; j < w->n; j++) l->g->w[i][j] = (double)v[w->at + j];
        for (int64_t j = 0; j < b->n; j++) l->g->b[i][j] = (double)v[b->at + j];
    }
}

/* Rows a fold is judged by. */
typedef struct {
    const int64_t *row;
    int64_t n, best_epoch;
    double *x, *p, *z, *best_z, best;
} exam;

static cull_status examine(cull_ctx *cx, lesson *l, exam *e, int64_t epoch)
{
    int64_t k = l->g->experts;
    copy_out(l);
    CULL_TRY(cull__gate_ask(cx, l->g, e->x, e->n, e->z));
    cull__mixture m = {.n = e->n, .experts = (int)k, .z = e->z, .p = e->p};
    double loss = cull__mixture_loss(&m, k == 64 ? UINT64_MAX : (UINT64_C(1) << k) - 1);
    if (!(loss < e->best)) return CULL_OK;
    e->best = loss;
    e->best_epoch = epoch;
    memcpy(e->best_z, e->z, (size_t)(e->n * k) * sizeof *e->z);
    return CULL_OK;
}

static cull_status epochs_of(cull_ctx *cx, lesson *l, const cull__crew *crew, cull_optim *optim,
                             int64_t *row, int64_t n, int64_t epochs, uint64_t stream, exam *e)
{
    cull_rng r = cull__rng(cx, stream);
    int64_t each = (n - 1) / BATCH + 1, step = 0;
    for (int64_t t = 0; t < epochs && (!e || t - e->best_epoch < PATIENCE); t++) {
        CULL_TRY(cull__tick(cx, (double)t, (double)epochs));
        cull__rng_shuffle(&r, row, n);
        for (int64_t j = 0; j < each; j++, step++) {
            int64_t lo = j * n / each, hi = (j + 1) * n / each;
            CULL_TRY(cull__crew_step(cx, crew, optim, row + lo, hi - lo, hi - lo,
                                     stream + (uint64_t)step, l->s->o->rate));
        }
        if (e) CULL_TRY(examine(cx, l, e, t + 1));
    }
    return CULL_OK;
}

/* A gate from row[0..n) into g; e = NULL: for all epochs. */
static cull_status teach(cull_ctx *cx, const school *s, cull__gate *g, int64_t *row, int64_t n,
                         int64_t epochs, uint64_t stream, exam *e)
{
    lesson l = {.s = s, .g = g};
    cull__crew crew = {0};
    cull_optim *optim = NULL;
    cull_optim_opts oo = CULL_OPTIM_OPTS;
    oo.kind = CULL_ADAMW, oo.decay = s->o->decay;
    CULL_TRY(CULL_TMP(cx, l.bx, BATCH * g->d));
    CULL_TRY(CULL_TMP(cx, l.bp, BATCH * g->experts));
    cull_status st = make(cx, &l);
    cull_train_problem q = {.params = l.params, .n = s->r->n, .loss = loss_of, .user = &l};
    if (st == CULL_OK) st = cull__crew_new(cx, &q, 1, &crew);
    if (st == CULL_OK) {
        st = cull_optim_new(cx, l.params, &oo, &optim);
        if (st == CULL_OK) st = epochs_of(cx, &l, &crew, optim, row, n, epochs, stream, e);
        if (st == CULL_OK) copy_out(&l);
        cull_optim_free(optim);
        cull__crew_free(&crew);
    }
    cull_params_free(l.params);
    return st;
}

static cull_status scaled_gate(cull_ctx *cx, const school *s, cull__gate *g)
{
    CULL_TRY(cull__gate_new(cx, s->r->d, s->o->hidden, s->r->experts, g));
    memcpy(g->mean, s->scaled.mean, (size_t)g->d * sizeof *g->mean);
    memcpy(g->scale, s->scaled.scale, (size_t)g->d * sizeof *g->scale);
    return CULL_OK;
}

static cull_status one_fold(cull_ctx *cx, void *arg, int64_t f, int64_t lo, int64_t hi)
{
    const school *s = arg;
    const cull__gate_rows *r = s->r;
    int64_t *row, n = 0, at = r->n, k = r->experts;
    (void)lo, (void)hi;
    CULL_TRY(CULL_TMP(cx, row, r->n));
    for (int64_t i = 0; i < r->n; i++) row[s->fold[i] == f ? --at : n++] = i;
    exam e = {.row = row + n, .n = r->n - n, .best = INFINITY};
    CULL_TRY(CULL_TMP(cx, e.x, e.n * r->d));
    CULL_TRY(CULL_TMP(cx, e.p, e.n * k));
    CULL_TRY(CULL_TMP(cx, e.z, e.n * k));
    CULL_TRY(CULL_TMP0(cx, e.best_z, e.n * k));
    for (int64_t i = 0; i < e.n; i++) {
        memcpy(e.x + i * r->d, r->x + e.row[i] * r->d, (size_t)r->d * sizeof *e.x);
        memcpy(e.p + i * k, r->p + e.row[i] * k, (size_t)k * sizeof *e.p);
    }
    cull__gate g;
    CULL_TRY(scaled_gate(cx, s, &g));
    CULL_TRY(teach(cx, s, &g, row, n, s->o->epochs, s->stream + ((uint64_t)(f + 1) << 32), &e));
    for (int64_t i = 0; i < e.n; i++)
        memcpy(s->z + e.row[i] * k, e.best_z + i * k, (size_t)k * sizeof *e.z);
    s->epochs[f] = e.best_epoch;
    return CULL_OK;
}

/* Mean 0 and variance 1; what does not vary counts 0. */
static void scales(const cull__gate_rows *r, cull__gate *g)
{
    for (int64_t j = 0; j < r->d; j++) {
        double mean = 0, sq = 0;
        for (int64_t i = 0; i < r->n; i++) mean += r->x[i * r->d + j] / (double)r->n;
        for (int64_t i = 0; i < r->n; i++) {
            double e = r->x[i * r->d + j] - mean;
            sq += e * e / (double)r->n;
        }
        g->mean[j] = mean;
        g->scale[j] = sqrt(sq) > 1e-12 * (1 + fabs(mean)) ? 1 / sqrt(sq) : 0;
    }
}

static cull_status as_floats(cull_ctx *cx, const cull__gate_rows *r, school *s)
{
    float *x, *p;
    CULL_TRY(CULL_TMP(cx, x, r->n * r->d));
    CULL_TRY(CULL_TMP(cx, p, r->n * r->experts));
    for (int64_t i = 0; i < r->n; i++) {
        double most = 0;
        for (int64_t j = 0; j < r->d; j++)
            x[i * r->d + j] =
                (float)((r->x[i * r->d + j] - s->scaled.mean[j]) * s->scaled.scale[j]);
        for (int k = 0; k < r->experts; k++) most = fmax(most, r->p[i * r->experts + k]);
        for (int k = 0; k < r->experts; k++) /* not 0: one that is has no logarithm */
            p[i * r->experts + k] = (float)fmax(r->p[i * r->experts + k] / most, 1e-20);
    }
    s->x = x, s->p = p;
    return CULL_OK;
}

static int64_t median(int64_t *v, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        for (int64_t j = i; j > 0 && v[j] < v[j - 1]; j--) {
            int64_t t = v[j];
            v[j] = v[j - 1], v[j - 1] = t;
        }
    return v[n / 2];
}

cull_status cull__gate_fit(cull_ctx *cx, const cull__gate_rows *r, const cull__gate_opts *o,
                           uint64_t stream, cull__gate *g, double *z)
{
    school s = {.r = r, .o = o, .stream = stream, .z = z};
    int64_t epochs = o->epochs, *row;
    CULL_TRY(cull__gate_new(cx, r->d, o->hidden, r->experts, g));
    scales(r, g);
    s.scaled = *g;
    CULL_TRY(as_floats(cx, r, &s));
    if (o->folds >= 2) {
        int32_t *fold;
        CULL_TRY(CULL_TMP(cx, fold, r->n));
        CULL_TRY(CULL_TMP0(cx, s.epochs, o->folds));
        CULL_TRY(cull__folds(cx, r->n, NULL, 0, r->group, r->groups, o->folds, stream, fold));
        s.fold = fold;
        CULL_TRY(cull__for(cx, o->folds, 1, one_fold, &s));
        epochs = median(s.epochs, o->folds);
    }
    CULL_TRY(CULL_TMP(cx, row, r->n));
    for (int64_t i = 0; i < r->n; i++) row[i] = i;
    CULL_TRY(teach(cx, &s, g, row, r->n, epochs, stream, NULL));
    return o->folds >= 2 ? CULL_OK : cull__gate_ask(cx, g, r->x, r->n, z);
}
