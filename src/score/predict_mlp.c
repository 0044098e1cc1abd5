/* predict_mlp.c - a network as a predictor; with rows that cost nothing, its first layers learn from those
 * (FBNetV3, Dai et al. 2021). */
#include "cull/nn_ops.h"
#include "nn/train.h"
#include "score/predict.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    DEEP = 8,
    EPOCHS = 200,
    FREE_EPOCHS = 20,
    FREE_BATCH = 64,
};
static const double RATE = 3e-3, RATE_ENCODED = 1e-3, DECAY = 1e-2, DROP = 0.2, HUBER = 1;

/* One network: layers one after another, relu between. With an encoder, `proxy` is a layer beside the rest, on
 * what layer `encoder - 1` gives. */
typedef struct {
    cull_params *p;
    int w[DEEP], b[DEEP], proxy_w, proxy_b;
    double r2; /* of the free numbers, as far as they were learnt */
} net;
typedef struct {
    int64_t d, members;
    int layers, encoder; /* encoder: of the layers, so many; 0 = none */
    int64_t width[DEEP + 1];
    net *net;
} mlp;

/* ---- the networks ---- */

static void shape(mlp *m, const cull__samples *t, const cull_predict_opts *o)
{
    static const int64_t encoder[] = {256, 128, 24};
    m->d = m->width[0] = t->d;
    m->members = o->members ? o->members : 1;
    for (int i = 0; t->free_n && i < 3; i++) m->width[++m->layers] = encoder[i];
    m->encoder = m->layers;
    bool plain = !o->hidden[0] && !o->hidden[1] && !o->hidden[2];
    for (int i = 0; i < 3; i++)
        if (plain ? i < 2 : o->hidden[i] > 0) m->width[++m->layers] = plain ? 128 : o->hidden[i];
    m->width[++m->layers] = 1;
}

/* Names carry stream and member: what a tensor begins with is drawn by its name. */
static cull_status layer(net *n, uint64_t stream, int64_t member, const char *name, int i,
                         int64_t in, int64_t out, int *w, int *b)
{
    char what[96];
    snprintf(what, sizeof what, "%" PRIu64 ".%" PRId64 ".%s%d.weight", stream, member, name, i);
    CULL_TRY(cull_params_add(n->p, what, 2, (int64_t[]){out, in}, CULL_INIT_TORCH, 0, in, 0, w));
    snprintf(what, sizeof what, "%" PRIu64 ".%" PRId64 ".%s%d.bias", stream, member, name, i);
    return cull_params_add(n->p, what, 1, &out, CULL_INIT_ZERO, 0, in, CULL_PARAM_NO_DECAY, b);
}

static cull_status make(cull_ctx *cx, const mlp *m, net *n, uint64_t stream, int64_t member,
                        int64_t free_m)
{
    CULL_TRY(cull_params_new(cx, &n->p));
    for (int i = 0; i < m->layers; i++)
        CULL_TRY(
            layer(n, stream, member, "layer", i, m->width[i], m->width[i + 1], n->w + i, n->b + i));
    if (!m->encoder) return CULL_OK;
    return layer(n, stream, member, "proxy", 0, m->width[m->encoder], free_m, &n->proxy_w,
                 &n->proxy_b);
}

static cull_var *linear(cull_tape *t, cull_var *x, int w, int b)
{
    return cull_nn_linear(t, x, cull_nn_param(t, w), cull_nn_param(t, b));
}

/* Layers from 0 on; the last one has no relu. Where all is learnt from few rows, a fifth of each layer drops out;
 * layers that begin from the free rows do better without. */
static cull_var *forward(cull_tape *t, const mlp *m, const net *n, cull_var *x, int layers)
{
    for (int i = 0; i < layers; i++) {
        x = linear(t, x, n->w[i], n->b[i]);
        if (i == m->layers - 1) break;
        x = cull_nn_relu(t, x);
        if (!m->encoder) x = cull_nn_dropout(t, x, DROP);
    }
    return x;
}

/* ---- teaching ---- */

/* f32 copies of what is taught, in the order of rows; of one batch. */
typedef struct {
    const mlp *m;
    const net *n;
    const float *x, *y, *weight; /* (., d), (., k), (.) or NULL */
    int64_t k;
    bool proxy;
    float *bx, *by, *bw;
} lesson;

static cull_var *loss_of(cull_tape *t, void *user, const cull_batch *b)
{
    lesson *l = user;
    int64_t d = l->m->d, k = l->k;
    for (int64_t i = 0; i < b->n; i++) {
        memcpy(l->bx + i * d, l->x + b->row[i] * d, (size_t)d * sizeof *l->bx);
        memcpy(l->by + i * k, l->y + b->row[i] * k, (size_t)k * sizeof *l->by);
        if (l->weight) l->bw[i] = l->weight[b->row[i]];
    }
    cull_var *x = cull_nn_input(t, 2, (int64_t[]){b->n, d}, l->bx, false);
    cull_var *y = cull_nn_input(t, 2, (int64_t[]){b->n, k}, l->by, false);
    if (l->proxy) {
        x = forward(t, l->m, l->n, x, l->m->encoder);
        return cull_nn_huber(t, linear(t, x, l->n->proxy_w, l->n->proxy_b), y, HUBER, NULL);
    }
    x = forward(t, l->m, l->n, x, l->m->layers);
    return cull_nn_mse(t, x, y, l->weight ? l->bw : NULL);
}

static cull_status epochs_of(cull_ctx *cx, const cull__crew *crew, cull_optim *optim, int64_t n,
                             int64_t batch, int64_t epochs, double rate, uint64_t stream)
{
    cull_schedule s = CULL_SCHEDULE;
    int64_t *order, each = (n - 1) / batch + 1, step = 0;
    s.lr = rate;
    CULL_TRY(CULL_TMP(cx, order, n));
    for (int64_t i = 0; i < n; i++) order[i] = i;
    cull_rng r = cull__rng(cx, stream);
    for (int64_t e = 0; e < epochs; e++) {
        CULL_TRY(cull__tick(cx, (double)e, (double)epochs));
        cull__rng_shuffle(&r, order, n);
        for (int64_t k = 0; k < each; k++, step++) {
            int64_t lo = k * n / each, hi = (k + 1) * n / each; /* batches of nearly one size */
            double lr = cull_schedule_at(&s, (double)step, (double)(each * epochs));
            CULL_TRY(cull__crew_step(cx, crew, optim, order + lo, hi - lo, hi - lo,
                                     stream + (uint64_t)step, lr));
        }
    }
    return CULL_OK;
}

static cull_status teach(cull_ctx *cx, lesson *l, int64_t n, int64_t batch, int64_t epochs,
                         double rate, uint64_t stream)
{
    cull_train_problem q = {.params = l->n->p, .n = n, .loss = loss_of, .user = l};
    cull_optim_opts oo = CULL_OPTIM_OPTS;
    cull__crew crew;
    cull_optim *optim = NULL;
    oo.kind = CULL_ADAMW, oo.decay = DECAY;
    CULL_TRY(CULL_TMP(cx, l->bx, batch * l->m->d));
    CULL_TRY(CULL_TMP(cx, l->by, batch * l->k));
    CULL_TRY(CULL_TMP(cx, l->bw, batch));
    CULL_TRY(cull__crew_new(cx, &q, 1, &crew));
    cull_status s = cull_optim_new(cx, l->n->p, &oo, &optim);
    if (s == CULL_OK) s = epochs_of(cx, &crew, optim, n, batch, epochs, rate, stream);
    cull_optim_free(optim);
    cull__crew_free(&crew);
    return s;
}

static cull_status narrowed(cull_ctx *cx, const double *v, int64_t n, float **out)
{
    CULL_TRY(CULL_TMP(cx, *out, n));
    for (int64_t i = 0; i < n; i++) /* products of three layers must stay finite */
        (*out)[i] = (float)(v[i] > 1e6 ? 1e6 : v[i] < -1e6 ? -1e6 : v[i]);
    return CULL_OK;
}

/* Columns of mean 0 and variance 1; one that does not vary is 0. */
static cull_status standardised(cull_ctx *cx, const double *y, int64_t n, int64_t m, float **out)
{
    CULL_TRY(CULL_TMP(cx, *out, n * m));
    for (int64_t c = 0; c < m; c++) {
        double size = 0, mean = 0, sq = 0;
        for (int64_t i = 0; i < n; i++)
            size = fabs(y[i * m + c]) > size ? fabs(y[i * m + c]) : size;
        if (!(size > 0)) size = 1;
        for (int64_t i = 0; i < n; i++) mean += y[i * m + c] / size / (double)n;
        for (int64_t i = 0; i < n; i++) {
            double e = y[i * m + c] / size - mean;
            sq += e * e / (double)n;
        }
        double sd = sqrt(sq);
        for (int64_t i = 0; i < n; i++)
            (*out)[i * m + c] = sd > 1e-14 ? (float)((y[i * m + c] / size - mean) / sd) : 0;
    }
    return CULL_OK;
}

typedef struct {
    mlp *m;
    const cull__samples *t;
    const cull_predict_opts *o;
    uint64_t stream;
} school;

/* The share of the variance of the free numbers, which is 1, that the proxy explains. */
static cull_status explained(cull_ctx *cx, const lesson *l, int64_t n, double *r2)
{
    enum { BLOCK = 256 };
    cull_tape *t;
    cull_status s = CULL_OK;
    double sq = 0;
    CULL_TRY(cull_tape_new(cx, l->n->p, &t));
    for (int64_t lo = 0; lo < n; lo += BLOCK) {
        int64_t m = n - lo < BLOCK ? n - lo : BLOCK;
        cull_tape_reset(t, cx, 0, 0);
        cull_var *x = cull_nn_input(t, 2, (int64_t[]){m, l->m->d}, l->x + lo * l->m->d, false);
        x = linear(t, forward(t, l->m, l->n, x, l->m->encoder), l->n->proxy_w, l->n->proxy_b);
        if ((s = cull_tape_status(t)) != CULL_OK) break;
        for (int64_t i = 0; i < m * l->k; i++) {
            double e = (double)cull_var_value(x)[i] - (double)l->y[lo * l->k + i];
            sq += e * e;
        }
    }
    cull_tape_free(t);
    *r2 = 1 - sq / (double)(n * l->k);
    return s;
}

static int64_t batch_of(int64_t n)
{
    int64_t b = n / 8;
    return n < 8 ? n : b < 8 ? 8 : b > 64 ? 64 : b;
}

static cull_status one_member(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const school *s = arg;
    const cull__samples *t = s->t;
    net *n = s->m->net + chunk;
    lesson l = {.m = s->m, .n = n, .k = 1};
    float *x, *y, *w = NULL;
    uint64_t stream = s->stream + ((uint64_t)chunk << 32);
    (void)lo, (void)hi;
    CULL_TRY(make(cx, s->m, n, s->stream, chunk, t->free_m));
    if (s->m->encoder) {
        lesson free = {.m = s->m, .n = n, .k = t->free_m, .proxy = true};
        CULL_TRY(narrowed(cx, t->free_x, t->free_n * t->d, &x));
        CULL_TRY(standardised(cx, t->free_y, t->free_n, t->free_m, &y));
        free.x = x, free.y = y;
        CULL_TRY(teach(cx, &free, t->free_n, t->free_n < FREE_BATCH ? t->free_n : FREE_BATCH,
                       FREE_EPOCHS, RATE, stream + (1u << 31)));
        CULL_TRY(explained(cx, &free, t->free_n, &n->r2));
    }
    CULL_TRY(narrowed(cx, t->x, t->n * t->d, &x));
    CULL_TRY(narrowed(cx, t->y, t->n, &y));
    if (t->weight) CULL_TRY(narrowed(cx, t->weight, t->n, &w));
    l.x = x, l.y = y, l.weight = w;
    return teach(cx, &l, t->n, batch_of(t->n), s->o->epochs ? s->o->epochs : EPOCHS,
                 s->m->encoder ? RATE_ENCODED : RATE, stream);
}

static void mlp_free(void *model)
{
    mlp *m = model;
    if (!m) return;
    for (int64_t i = 0; m->net && i < m->members; i++) cull_params_free(m->net[i].p);
    cull__free(m->net);
    cull__free(m);
}

static cull_status mlp_fit(cull_ctx *cx, const cull__samples *t, const cull_predict_opts *o,
                           uint64_t stream, void **out)
{
    mlp *m;
    CULL_TRY(CULL_ALLOC(cx, m, 1));
    shape(m, t, o);
    school s = {.m = m, .t = t, .o = o, .stream = stream};
    cull_status status = CULL_ALLOC(cx, m->net, m->members);
    if (status == CULL_OK) status = cull__for(cx, m->members, 1, one_member, &s);
    if (status == CULL_OK && m->encoder)
        cull__log(cx, CULL_LOG_INFO, "free numbers are learnt to an R^2 of %.5f", m->net[0].r2);
    if (status == CULL_OK)
        *out = m;
    else
        mlp_free(m);
    return status;
}

/* ---- asking ---- */

/* What member i says of x (n, d); grad (n, d) or NULL: of the sum of its answers, which is each answer's. */
static cull_status member_says(cull_ctx *cx, const mlp *m, int64_t i, const float *x, int64_t n,
                               float *y, float *grad)
{
    cull_tape *t;
    const net *k = m->net + i;
    CULL_TRY(cull_tape_new(cx, k->p, &t));
    cull_tape_reset(t, cx, grad ? CULL_TAPE_GRAD : 0, 0);
    cull_var *in = cull_nn_input(t, 2, (int64_t[]){n, m->d}, x, grad != NULL);
    if (grad) in = cull_nn_watch(t, in);
    cull_var *out = forward(t, m, k, in, m->layers);
    cull_status s = cull_tape_status(t);
    if (s == CULL_OK) memcpy(y, cull_var_value(out), (size_t)n * sizeof *y);
    if (s == CULL_OK && grad) s = cull_tape_backward(t, cull_nn_sum(t, out, 0, false));
    if (s == CULL_OK && grad) memcpy(grad, cull_var_grad(in), (size_t)(n * m->d) * sizeof *grad);
    cull_tape_free(t);
    return s;
}

/* y (members, n) to mean and standard deviation; of one member NaN. */
static void over_members(const mlp *m, const float *y, int64_t n, double *mean, double *spread)
{
    double k = (double)m->members;
    for (int64_t i = 0; i < n; i++) {
        double s = 0, sq = 0;
        for (int64_t j = 0; j < m->members; j++) s += (double)y[j * n + i];
        mean[i] = s / k;
        for (int64_t j = 0; j < m->members; j++)
            sq += ((double)y[j * n + i] - mean[i]) * ((double)y[j * n + i] - mean[i]);
        if (spread) spread[i] = m->members > 1 ? sqrt(sq / (k - 1)) : NAN;
    }
}

static cull_status mlp_say(cull_ctx *cx, const void *model, const double *x, int64_t n,
                           double *mean, double *spread)
{
    const mlp *m = model;
    float *v, *y;
    CULL_TRY(narrowed(cx, x, n * m->d, &v));
    CULL_TRY(CULL_TMP(cx, y, m->members * n));
    for (int64_t i = 0; i < m->members; i++) CULL_TRY(member_says(cx, m, i, v, n, y + i * n, NULL));
    over_members(m, y, n, mean, spread);
    return CULL_OK;
}

/* Of the spread s: sum_j (y_j - mean) (g_j - its mean) / ((members - 1) s). */
static cull_status mlp_gradient(cull_ctx *cx, const void *model, const double *x, int64_t n,
                                double *mean, double *spread)
{
    const mlp *m = model;
    int64_t d = m->d, size = n * d;
    float *v, *y, *g;
    double *mid, *sd;
    CULL_TRY(narrowed(cx, x, size, &v));
    CULL_TRY(CULL_TMP(cx, y, m->members * n));
    CULL_TRY(CULL_TMP(cx, g, m->members * size));
    CULL_TRY(CULL_TMP(cx, mid, n));
    CULL_TRY(CULL_TMP(cx, sd, n));
    for (int64_t i = 0; i < m->members; i++)
        CULL_TRY(member_says(cx, m, i, v, n, y + i * n, g + i * size));
    over_members(m, y, n, mid, sd);
    memset(mean, 0, (size_t)size * sizeof *mean);
    for (int64_t j = 0; j < m->members; j++)
        for (int64_t a = 0; a < size; a++) mean[a] += (double)g[j * size + a] / (double)m->members;
    for (int64_t a = 0; spread && a < size; a++) {
        int64_t i = a / d;
        double s = 0;
        for (int64_t j = 0; j < m->members; j++)
            s += ((double)y[j * n + i] - mid[i]) * ((double)g[j * size + a] - mean[a]);
        spread[a] = m->members < 2 ? NAN : sd[i] > 0 ? s / ((double)(m->members - 1) * sd[i]) : 0;
    }
    return CULL_OK;
}

const cull__predictor cull__predict_mlp = {
    .name = "mlp",
    .fit = mlp_fit,
    .free = mlp_free,
    .grain = 512,
    .spreads = true,
    .say = mlp_say,
    .gradient = mlp_gradient,
};
