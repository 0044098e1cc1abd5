/* micro3.c - the 125 nets of micro3: their parameters, their forward pass, a training. */
#include "cull/micro3.h"
#include "base/base.h"
#include "cull/nn_image.h"
#include "cull/nn_ops.h"
#include "cull/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NONE, SKIP, CONV_1X1, CONV_3X3, AVG_POOL };
enum { SIDE = CULL_MICRO3_SIDE, PIXELS = SIDE * SIDE, EDGES = CULL_MICRO3_EDGES };
enum { WIDTH = 8, CLASSES = 10, BATCH = 64 };

/* ---- the space ---- */

int cull_micro3_count(void) { return CULL_MICRO3_COUNT; }

const char *cull_micro3_op(int op)
{
    static const char *const name[] = {"none", "skip", "nor_conv_1x1", "nor_conv_3x3",
                                       "avg_pool_3x3"};
    return op < 0 || op >= CULL_MICRO3_OPS ? NULL : name[op];
}

bool cull_micro3_ops(int i, int op[CULL_MICRO3_EDGES])
{
    if (i < 0 || i >= CULL_MICRO3_COUNT) return false;
    for (int e = EDGES; e-- > 0; i /= CULL_MICRO3_OPS) op[e] = i % CULL_MICRO3_OPS;
    return true;
}

const char *cull_micro3_name(int i, char buf[64])
{
    int op[EDGES];
    if (!cull_micro3_ops(i, op)) return NULL;
    snprintf(buf, 64, "%s|%s|%s", cull_micro3_op(op[0]), cull_micro3_op(op[1]),
             cull_micro3_op(op[2]));
    return buf;
}

int cull_micro3_find(const char *name)
{
    char buf[64];
    for (int i = 0; i < CULL_MICRO3_COUNT; i++)
        if (!strcmp(cull_micro3_name(i, buf), name)) return i;
    return -1;
}

/* ---- parameters ---- */

typedef struct {
    int gamma, beta, mean, var;
} norm;
typedef struct {
    int w, size;
    norm n;
} conv;
typedef struct {
    cull_params *p;
    uint64_t seed; /* of the first weights */
    int op[EDGES];
    conv stem, reduce, cell[2][EDGES];
    norm last;
    int fc_w, fc_b;
} net;

/* A tensor of zeros, or with fan_in drawn uniformly within 1 / sqrt(fan_in), by its name. */
static cull_status add(net *m, const char *of, const char *what, int rank, const int64_t *dim,
                       cull_init init, int64_t fan_in, unsigned flags, int *at)
{
    char name[64];
    int n = snprintf(name, sizeof name, "%s.%s", of, what);
    CULL_TRY(cull_params_add(m->p, name, rank, dim, init, 0, 0, flags, at));
    if (!fan_in) return CULL_OK;
    const cull_param *q = cull_params_at(m->p, *at);
    float *v = cull_params_value(m->p) + q->at;
    cull_rng r = cull__rng_seeded(m->seed, cull__hash64(name, (size_t)n, 0));
    for (int64_t i = 0; i < q->n; i++)
        v[i] = (float)((2 * cull__rng_unit(&r) - 1) / sqrt((double)fan_in));
    return CULL_OK;
}

static cull_status add_norm(net *m, const char *of, int64_t c, norm *n)
{
    CULL_TRY(add(m, of, "bn.weight", 1, &c, CULL_INIT_ONE, 0, 0, &n->gamma));
    CULL_TRY(add(m, of, "bn.bias", 1, &c, CULL_INIT_ZERO, 0, 0, &n->beta));
    CULL_TRY(add(m, of, "bn.running_mean", 1, &c, CULL_INIT_ZERO, 0, CULL_PARAM_STATE, &n->mean));
    return add(m, of, "bn.running_var", 1, &c, CULL_INIT_ONE, 0, CULL_PARAM_STATE, &n->var);
}

static cull_status add_conv(net *m, const char *of, int64_t out, int size, int64_t in, conv *c)
{
    const int64_t dim[] = {out, size, size, in};
    c->size = size;
    CULL_TRY(add(m, of, "conv.weight", 4, dim, CULL_INIT_ZERO, size * size * in, 0, &c->w));
    return add_norm(m, of, out, &c->n);
}

static cull_status add_cell(net *m, int which)
{
    char name[32];
    int64_t c = which ? 2 * WIDTH : WIDTH;
    for (int e = 0; e < EDGES; e++) {
        int op = m->op[e];
        if (op != CONV_1X1 && op != CONV_3X3) continue;
        snprintf(name, sizeof name, "cell%d.e%d", which + 1, e + 1);
        CULL_TRY(add_conv(m, name, c, op == CONV_1X1 ? 1 : 3, c, &m->cell[which][e]));
    }
    return CULL_OK;
}

static cull_status add_all(net *m)
{
    const int64_t fc[] = {CLASSES, 2 * WIDTH};
    CULL_TRY(add_conv(m, "stem", WIDTH, 3, 1, &m->stem));
    CULL_TRY(add_cell(m, 0));
    CULL_TRY(add_conv(m, "reduce", 2 * WIDTH, 3, WIDTH, &m->reduce));
    CULL_TRY(add_cell(m, 1));
    CULL_TRY(add_norm(m, "last", 2 * WIDTH, &m->last));
    CULL_TRY(add(m, "fc", "weight", 2, fc, CULL_INIT_ZERO, 2 * WIDTH, 0, &m->fc_w));
    return add(m, "fc", "bias", 1, fc, CULL_INIT_ZERO, 2 * WIDTH, 0, &m->fc_b);
}

static cull_status open_net(cull_ctx *cx, int i, uint64_t seed, net *m)
{
    uint64_t own = cull_ctx_seed(cx);
    *m = (net){.seed = cull__hash64(&seed, sizeof seed, own)};
    if (!cull_micro3_ops(i, m->op))
        return cull__fail(cx, CULL_EINPUT, "there is no architecture %d; they count from 0 to %d",
                          i, CULL_MICRO3_COUNT - 1);
    CULL_TRY(cull_params_new(cx, &m->p));
    cull_status s = add_all(m);
    if (s == CULL_OK) return s;
    cull_params_free(m->p);
    m->p = NULL;
    return s;
}

/* ---- forward ---- */

static cull_norm norm_of(cull_tape *t, const norm *n)
{
    return (cull_norm){.gamma = cull_nn_param(t, n->gamma),
                       .beta = cull_nn_param(t, n->beta),
                       .mean = n->mean,
                       .var = n->var};
}

static cull_var *conv_norm(cull_tape *t, const conv *c, cull_var *x, int64_t stride)
{
    int64_t edge = c->size / 2;
    const cull_window k = {.stride = {stride, stride}, .pad = {edge, edge, edge, edge}};
    cull_norm n = norm_of(t, &c->n);
    return cull_nn_batch_norm(t, cull_nn_conv2d(t, x, cull_nn_param(t, c->w), NULL, &k), &n);
}

static cull_var *edge(cull_tape *t, const net *m, int which, int e, cull_var *x)
{
    static const cull_window pool = {.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}};
    int64_t dim[4];
    if (!x) return NULL;
    switch (m->op[e]) {
    case SKIP: return x;
    case AVG_POOL: return cull_nn_avg_pool(t, x, &pool);
    case NONE:
        for (int i = 0; i < 4; i++) dim[i] = cull_var_dim(x, i);
        return cull_nn_constant(t, 4, dim, 0);
    default: return conv_norm(t, &m->cell[which][e], cull_nn_relu(t, x), 1);
    }
}

static cull_var *cell(cull_tape *t, const net *m, int which, cull_var *x)
{
    cull_var *one = edge(t, m, which, 0, x);
    return cull_nn_add(t, edge(t, m, which, 1, x), edge(t, m, which, 2, one));
}

static cull_var *forward(cull_tape *t, const net *m, const float *v, int64_t n)
{
    const int64_t dim[] = {n, SIDE, SIDE, 1};
    cull_norm last = norm_of(t, &m->last);
    cull_var *x = conv_norm(t, &m->stem, cull_nn_input(t, 4, dim, v, false), 1);
    x = conv_norm(t, &m->reduce, cull_nn_relu(t, cell(t, m, 0, x)), 2);
    x = cull_nn_batch_norm_relu(t, cell(t, m, 1, x), &last);
    return cull_nn_linear(t, cull_nn_global_pool(t, x), cull_nn_param(t, m->fc_w),
                          cull_nn_param(t, m->fc_b));
}

static cull_status count(cull_ctx *cx, const net *m, double *macs)
{
    static const float blank[PIXELS];
    cull_tape *t;
    CULL_TRY(cull_tape_new(cx, m->p, &t));
    cull_tape_reset(t, cx, 0, 0);
    forward(t, m, blank, 1);
    *macs = cull_tape_macs(t);
    cull_status s = cull_tape_status(t);
    cull_tape_free(t);
    return s;
}

cull_status cull_micro3_size(cull_ctx *cx, int i, int64_t *params, double *macs)
{
    net m;
    CULL_TRY(open_net(cx, i, 0, &m));
    *params = cull_params_trained(m.p);
    cull_status s = count(cx, &m, macs);
    cull_params_free(m.p);
    return s;
}

/* ---- training ---- */

typedef struct {
    const cull_micro3_data *d;
    net m;
    float *x; /* a batch: a net trains as one shard, so that there is one at a time */
    int32_t *y;
} training;

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    training *w = user;
    for (int64_t i = 0; i < b->n; i++) {
        memcpy(w->x + i * PIXELS, w->d->x + b->row[i] * PIXELS, PIXELS * sizeof *w->x);
        w->y[i] = w->d->y[b->row[i]];
    }
    cull_var *y = cull_batch_predict(b, forward(t, &w->m, w->x, b->n));
    return cull_nn_cross_entropy(t, y, w->y, NULL, 0);
}

static cull_status judge(cull_ctx *cx, training *w, const cull_train_problem *q, double *accuracy)
{
    int64_t *row, tests = w->d->tests;
    float *out;
    double mean;
    cull_class_metrics c;
    CULL_TRY(CULL_TMP(cx, row, tests));
    CULL_TRY(CULL_TMP(cx, out, tests * CLASSES));
    for (int64_t i = 0; i < tests; i++) row[i] = w->d->n + i;
    CULL_TRY(cull_train_evaluate(cx, q, row, tests, BATCH, 1, &mean, out));
    CULL_TRY(cull_metrics_classes(cx, out, w->d->y + w->d->n, tests, CLASSES, &c, NULL));
    *accuracy = c.accuracy;
    return CULL_OK;
}

static cull_status train(cull_ctx *cx, training *w, uint64_t seed, int epochs, double *accuracy)
{
    cull_train_opts o = CULL_TRAIN_OPTS;
    const cull_train_problem q = {
        .params = w->m.p, .n = w->d->n, .loss = loss, .user = w, .outs = CLASSES};
    o.optim = (cull_optim_opts){.kind = CULL_SGD, .momentum = 0.9, .decay = 3e-4};
    o.schedule.lr = 0.05;
    o.epochs = epochs;
    o.batch = BATCH;
    o.last = true;
    o.seed = seed;
    CULL_TRY(CULL_TMP(cx, w->x, BATCH * PIXELS));
    CULL_TRY(CULL_TMP(cx, w->y, BATCH));
    CULL_TRY(cull_train(cx, &q, &o, NULL));
    return judge(cx, w, &q, accuracy);
}

static cull_status check(cull_ctx *cx, const cull_micro3_data *d)
{
    if (d->n < BATCH || d->tests < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "there are %lld images to train on and %lld to test on; there must be %d "
                          "and 1, or more",
                          (long long)d->n, (long long)d->tests, BATCH);
    for (int64_t i = 0; i < d->n + d->tests; i++)
        if (d->y[i] < 0 || d->y[i] >= CLASSES)
            return cull__fail(cx, CULL_EINPUT, "image %lld is of class %d; it must be 0 to 9",
                              (long long)i, (int)d->y[i]);
    return CULL_OK;
}

cull_status cull_micro3_train(cull_ctx *cx, const cull_micro3_data *d, int i, uint64_t seed,
                              int epochs, double *accuracy)
{
    training w = {.d = d};
    CULL_TRY(check(cx, d));
    CULL_TRY(open_net(cx, i, seed, &w.m));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = train(cx, &w, seed, epochs, accuracy);
    cull__release(cx, mark);
    cull_params_free(w.m.p);
    return s;
}
