/* bench_image.c - times convolutions, pools, normalisation, a mixed supernet and a residual net.
 *
 *   bench_image ops|plain|dnnl|nb201|resnet20|products [--threads T] [--repeat R] [--batch N]
 *               [--only NAME]
 *
 * Prints `case,tool,threads,seconds,megabytes`: the median over R (9) runs of forward and backward, of nets a
 * whole step of training with momentum, a shard of the batch for each thread; megabytes: what the tape and
 * the parameters held at most, of nets. One thread counts its processor time, several count the clock, as
 * peers/image_torch.py does. `plain` and `dnnl` are ops
 * without oneDNN, and by it wherever it can; `products` compares it with OpenBLAS. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cull/nn_image.h"
#include "cull/nn_ops.h"
#include "nn/prims.h"

enum { SHARDS = 8, RUNS = 99 };
typedef struct net net;
struct net {
    cull_params *p;
    cull_tape *t[SHARDS];
    int shards, threads, repeat, next; /* next: how many parameters */
    int64_t batch;
    float *x, *momentum, *alpha;
    int32_t *label;
    bool made; /* parameters are there */
    cull_var *(*logits)(net *n, cull_tape *t, cull_var *x, int *next);
};

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_image: %s\n", cull_error(cx));
    exit(1);
}

static float *noise(int64_t n, uint64_t stream)
{
    cull_rng r = cull__rng_seeded(1, stream);
    float *v = aligned_alloc(64, ((size_t)n * sizeof *v + 63) / 64 * 64);
    if (!v) exit(1);
    for (int64_t i = 0; i < n; i++) v[i] = (float)(2 * cull__rng_unit(&r) - 1);
    return v;
}

static double seconds(int threads)
{
    struct timespec s;
    clock_gettime(threads > 1 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &s);
    return (double)s.tv_sec + 1e-9 * (double)s.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}
static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return v[n / 2];
}

/* ---- single operations ---- */

typedef struct {
    const char *name;
    int64_t n, h, in, out, k, groups, stride, dilation;
} op;
static const op ops[] = {
    {"conv 16x3x32x32 to 16 k3", 16, 32, 3, 16, 3, 1, 1, 1},
    {"conv 64x16x32x32 to 16 k3", 64, 32, 16, 16, 3, 1, 1, 1},
    {"conv 64x16x32x32 to 16 k1", 64, 32, 16, 16, 1, 1, 1, 1},
    {"conv 64x32x16x16 to 32 k3", 64, 16, 32, 32, 3, 1, 1, 1},
    {"conv 64x64x8x8 to 64 k3", 64, 8, 64, 64, 3, 1, 1, 1},
    {"conv 64x32x32x32 to 64 k3 s2", 64, 32, 32, 64, 3, 1, 2, 1},
    {"depthwise 64x16x32x32 k3", 64, 32, 16, 16, 3, 16, 1, 1},
    {"depthwise 64x16x32x32 k5 d2", 64, 32, 16, 16, 5, 16, 1, 2},
    {"depthwise 64x64x8x8 k3", 64, 8, 64, 64, 3, 64, 1, 1},
    {"avg_pool 3x3 64x16x32x32", 64, 32, 16, 16, 3, 0, 1, 1},
    {"max_pool 3x3 64x16x32x32", 64, 32, 16, 16, 3, 0, 1, 1},
    {"batch_norm 64x16x32x32", 64, 32, 16, 16, 0, 0, 1, 1},
    {"batch_norm and relu 64x16x32x32", 64, 32, 16, 16, 0, 0, 1, 1},
};

static cull_var *op_forward(cull_tape *t, const op *o, cull_var *x, cull_var *w, cull_var *one)
{
    const int64_t p = o->dilation * (o->k - 1) / 2;
    const cull_window k = {.kernel = {o->k, o->k},
                           .stride = {o->stride, o->stride},
                           .pad = {p, p, p, p},
                           .dilation = {o->dilation, o->dilation},
                           .groups = o->groups};
    const cull_norm norm = {.gamma = one, .beta = one, .mean = -1, .var = -1};
    switch (*o->name) {
    case 'a': return cull_nn_avg_pool(t, x, &k);
    case 'm': return cull_nn_max_pool(t, x, &k);
    case 'b':
        return strstr(o->name, "relu") ? cull_nn_batch_norm_relu(t, x, &norm)
                                       : cull_nn_batch_norm(t, x, &norm);
    }
    return cull_nn_conv2d(t, x, w, NULL, &k);
}

typedef struct {
    const op *o;
    cull_tape *t;
    const float *x, *w, *g;
    cull__dnnl use;
    double back, forward;
    int repeat;
} timed;

static cull_status time_op(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    timed *u = arg;
    const op *o = u->o;
    const int64_t groups = o->groups ? o->groups : 1, xd[] = {o->n, o->h, o->h, o->in},
                  wd[] = {o->out, o->k ? o->k : 1, o->k ? o->k : 1, o->in / groups},
                  one[] = {o->in};
    double f[RUNS], b[RUNS];
    (void)chunk, (void)lo, (void)hi;
    for (int r = -2; r < u->repeat; r++) {
        double start = seconds(1), mid = start;
        int times = 0;
        for (f[RUNS - 1] = 0; times < 4; times++) {
            cull_tape_reset(u->t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 1);
            cull__prims_use(u->t, u->use);
            cull_var *x = cull_nn_input(u->t, 4, xd, u->x, true);
            cull_var *w = cull_nn_input(u->t, 4, wd, u->w, true);
            mid = seconds(1);
            cull_var *y = op_forward(u->t, o, x, w, cull_nn_input(u->t, 1, one, u->w, true));
            CULL_TRY(cull_tape_status(u->t));
            f[RUNS - 1] += seconds(1) - mid;
            y->g = (float *)u->g;
            y->watched = true;
            CULL_TRY(y->op->backward(u->t, y));
            y->g = NULL;
        }
        if (r < 0) continue;
        b[r] = (seconds(1) - start) / times;
        f[r] = f[RUNS - 1] / times;
    }
    u->forward = median(f, u->repeat);
    u->back = median(b, u->repeat);
    return CULL_OK;
}

static void all_ops(cull_ctx *cx, int repeat, cull__dnnl use, const char *only)
{
    cull_tape *t;
    float *x = noise(64 * 64 * 32 * 32, 1), *w = noise(1 << 17, 2),
          *g = noise(64 * 64 * 32 * 32, 3);
    must(cx, cull_tape_new(cx, NULL, &t));
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (only && !strstr(ops[i].name, only)) continue;
        timed u = {ops + i, t, x, w, g, use, 0, 0, repeat};
        must(cx, cull__for(cx, 1, 1, time_op, &u));
        printf("%s,cull%s,1,%.6f,forward %.6f\n", ops[i].name,
               use == CULL__DNNL_NEVER    ? "-plain"
               : use == CULL__DNNL_ALWAYS ? "-dnnl"
                                          : "",
               u.back, u.forward);
    }
    cull_tape_free(t);
    free(x), free(w), free(g);
}

/* ---- nets: written once; their parameters are made by going over them with a tape that has failed, where
 * every tensor is NULL ---- */

static int param(net *n, int *next, int rank, const int64_t *dim, cull_init init, unsigned flags)
{
    char name[32];
    int index = (*next)++;
    if (n->made) return index;
    snprintf(name, sizeof name, "p%d", index);
    if (cull_params_add(n->p, name, rank, dim, init, 0, 0, flags, &index) != CULL_OK) exit(1);
    return index;
}

static cull_var *conv(net *n, cull_tape *t, cull_var *x, int64_t in, int64_t out, int64_t k,
                      int64_t stride, int *next)
{
    const int64_t dim[] = {out, k, k, in}, p = k / 2;
    const cull_window w = {.stride = {stride, stride}, .pad = {p, p, p, p}};
    return cull_nn_conv2d(t, x, cull_nn_param(t, param(n, next, 4, dim, CULL_INIT_HE, 0)), NULL,
                          &w);
}

static cull_norm norm(net *n, cull_tape *t, int64_t c, int *next)
{
    const int g = param(n, next, 1, &c, CULL_INIT_ONE, 0);
    const int b = param(n, next, 1, &c, CULL_INIT_ZERO, 0);
    const int m = param(n, next, 1, &c, CULL_INIT_ZERO, CULL_PARAM_STATE);
    const int v = param(n, next, 1, &c, CULL_INIT_ONE, CULL_PARAM_STATE);
    return (cull_norm){
        .gamma = cull_nn_param(t, g), .beta = cull_nn_param(t, b), .mean = m, .var = v};
}

static cull_var *head(net *n, cull_tape *t, cull_var *x, int64_t c, int *next)
{
    const int64_t dim[] = {10, c}, ten[] = {10};
    const int w = param(n, next, 2, dim, CULL_INIT_TORCH, 0);
    const int b = param(n, next, 1, ten, CULL_INIT_ZERO, 0);
    return cull_nn_linear(t, cull_nn_global_pool(t, x), cull_nn_param(t, w), cull_nn_param(t, b));
}

static cull_var *resnet20(net *n, cull_tape *t, cull_var *x, int *next)
{
    x = conv(n, t, x, 3, 16, 3, 1, next);
    cull_norm o = norm(n, t, 16, next);
    x = cull_nn_batch_norm_relu(t, x, &o);
    for (int64_t s = 0; s < 3; s++)
        for (int64_t b = 0; b < 3; b++) {
            const int64_t c = INT64_C(16) << s, stride = s && !b ? 2 : 1;
            cull_var *y = conv(n, t, x, c / stride, c, 3, stride, next);
            o = norm(n, t, c, next);
            y = conv(n, t, cull_nn_batch_norm_relu(t, y, &o), c, c, 3, 1, next);
            o = norm(n, t, c, next);
            y = cull_nn_batch_norm(t, y, &o);
            if (stride > 1) x = cull_nn_shortcut(t, x, 2, c / 4, c / 4);
            cull_var *z = cull_nn_add_relu(t, y, x);
            cull_nn_forget(t, y);
            x = z;
        }
    return head(n, t, x, 64, next);
}

/* Four nodes, each the sum over those before of zero, skip, 1x1, 3x3 and a mean, mixed. */
static cull_var *cell(net *n, cull_tape *t, cull_var *x, int64_t c, cull_var *alpha, int *next)
{
    const cull_window three = {.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}};
    cull_var *node[4] = {x}, *relu[3], *mean[3];
    int64_t edge = 0;
    for (int i = 1; i < 4; i++) {
        cull_branch b[12];
        cull_norm o[6];
        int k = 0, m = 0;
        relu[i - 1] = cull_nn_relu(t, node[i - 1]);
        mean[i - 1] = cull_nn_avg_pool(t, node[i - 1], &three);
        for (int j = 0; j < i; j++, edge++) {
            b[k++] = (cull_branch){node[j], NULL, 5 * edge + 1};
            for (int64_t e = 1; e < 4; e += 2) {
                cull_var *y = conv(n, t, relu[j], c, c, e, 1, next);
                o[m] = norm(n, t, c, next);
                b[k++] = (cull_branch){y, o + m++, 5 * edge + (e == 1 ? 2 : 3)};
            }
            b[k++] = (cull_branch){mean[j], NULL, 5 * edge + 4};
        }
        node[i] = cull_nn_mix(t, alpha, b, k);
    }
    for (int i = 0; i < 3; i++) cull_nn_forget(t, mean[i]);
    return node[3];
}

static cull_var *reduction(net *n, cull_tape *t, cull_var *x, int64_t c, int *next)
{
    const cull_window two = {.kernel = {2, 2}};
    cull_var *y = conv(n, t, cull_nn_relu(t, x), c / 2, c, 3, 2, next);
    cull_norm o = norm(n, t, c, next);
    y = conv(n, t, cull_nn_batch_norm_relu(t, y, &o), c, c, 3, 1, next);
    o = norm(n, t, c, next);
    cull_var *z = conv(n, t, cull_nn_avg_pool(t, x, &two), c / 2, c, 1, 1, next);
    const int64_t one = 1;
    cull_var *w = cull_nn_constant(t, 1, &one, 1);
    const cull_branch b[] = {{y, &o, 0}, {z, NULL, 0}};
    return cull_nn_mix(t, w, b, 2);
}

static cull_var *nb201(net *n, cull_tape *t, cull_var *x, int *next)
{
    const int64_t dim[] = {6, 5};
    cull_var *alpha = cull_nn_input(t, 2, dim, n->alpha, true);
    x = conv(n, t, x, 3, 16, 3, 1, next);
    cull_norm o = norm(n, t, 16, next);
    x = cull_nn_batch_norm(t, x, &o);
    for (int64_t s = 0; s < 3; s++) {
        x = cell(n, t, x, INT64_C(16) << s, alpha, next);
        if (s < 2) x = reduction(n, t, x, INT64_C(32) << s, next);
    }
    o = norm(n, t, 64, next);
    return head(n, t, cull_nn_batch_norm_relu(t, x, &o), 64, next);
}

static cull_status shard(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    net *n = arg;
    cull_tape *t = n->t[chunk];
    const int64_t dim[] = {hi - lo, 32, 32, 3};
    int next = 0;
    cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 1);
    cull_var *y = n->logits(n, t, cull_nn_input(t, 4, dim, n->x + lo * 32 * 32 * 3, false), &next);
    CULL_TRY(cull_tape_status(t));
    return cull_tape_backward(t, cull_nn_cross_entropy(t, y, n->label + lo, NULL, 0));
}

static void step(cull_ctx *cx, net *n)
{
    must(cx, cull__for(cx, n->batch, n->batch / n->shards, shard, n));
    cull_tape_settle(n->t, n->shards);
    float *v = cull_params_value(n->p);
    const float by = 1 / (float)n->shards;
    for (int i = 0; i < cull_params_count(n->p); i++) {
        const cull_param *q = cull_params_at(n->p, i);
        if (q->flags & CULL_PARAM_STATE) continue;
        for (int64_t j = q->at; j < q->at + q->n; j++) {
            float g = 3e-4f * v[j];
            for (int k = 0; k < n->shards; k++) g += by * cull_tape_grad(n->t[k])[j];
            n->momentum[j] = .9f * n->momentum[j] + g;
            v[j] -= .025f * n->momentum[j];
        }
    }
}

static void time_net(cull_ctx *cx, const char *name, net *n)
{
    double v[RUNS];
    uint64_t peak = 0;
    n->x = noise(n->batch * 32 * 32 * 3, 1);
    n->alpha = noise(30, 2);
    for (int i = 0; i < 30; i++) n->alpha[i] = .2f + .01f * n->alpha[i];
    n->label = malloc((size_t)n->batch * sizeof *n->label);
    for (int64_t i = 0; i < n->batch; i++) n->label[i] = (int32_t)(i % 10);
    must(cx, cull_params_new(cx, &n->p));
    must(cx, cull_tape_new(cx, n->p, n->t));
    cull_nn_param(n->t[0], -1);
    n->next = 0;
    n->logits(n, n->t[0], NULL, &n->next);
    cull_tape_free(n->t[0]);
    n->made = true;
    for (int i = 0; i < n->shards; i++) must(cx, cull_tape_new(cx, n->p, n->t + i));
    n->momentum = calloc((size_t)cull_params_size(n->p), sizeof *n->momentum);
    for (int r = -2; r < n->repeat; r++) {
        double start = seconds(n->threads);
        step(cx, n);
        if (r >= 0) v[r] = seconds(n->threads) - start;
    }
    for (int i = 0; i < n->shards; i++) peak += cull_tape_peak(n->t[i]);
    peak += (uint64_t)cull_params_size(n->p) * sizeof(float) * (2 + (uint64_t)n->shards);
    printf("%s,cull,%d,%.6f,%.0f\n", name, n->threads, median(v, n->repeat), (double)peak / 0x1p20);
    for (int i = 0; i < n->shards; i++) cull_tape_free(n->t[i]);
    cull_params_free(n->p);
    free(n->x), free(n->alpha), free(n->label), free(n->momentum);
}

/* ---- products ---- */

static cull_status time_product(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    static const int64_t size[][3] = {
        {16, 16, 16},   {32, 32, 32},    {40, 40, 40},    {48, 48, 48},    {56, 56, 56},
        {64, 64, 64},   {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {64, 256, 784},
        {128, 10, 256}, {65536, 16, 16}, {4096, 64, 64},  {65536, 16, 144}};
    timed *u = arg;
    (void)chunk, (void)lo, (void)hi;
    float *c = noise(65536 * 16, 4);
    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (int how = 0; how < 3; how++) {
            const int64_t *z = size[s], m = z[how == 2], n = z[how == 2 ? 2 : 1],
                          k = z[how ? how == 2 ? 0 : 2 : 2];
            double t[2][RUNS];
            for (int off = 0; off < 2; off++) {
                cull_tape_reset(u->t, cx, 0, 1);
                cull__prims_use(u->t, off ? CULL__DNNL_NEVER : CULL__DNNL_FASTER);
                int64_t times = 1 + (int64_t)(2e8 / (double)(m * n * k));
                for (int r = -1; r < u->repeat; r++) {
                    double start = seconds(1);
                    for (int64_t i = 0; i < times; i++)
                        if (off ||
                            !cull__prims_mm(u->t, how == 2, how == 1, m, n, k, u->x,
                                            how == 2 ? m : k, u->w, how == 1 ? k : n, false, c, n))
                            cull__mm(u->t, how == 2, how == 1, m, n, k, u->x, how == 2 ? m : k,
                                     u->w, how == 1 ? k : n, false, c, n);
                    if (r >= 0) t[off][r] = (seconds(1) - start) / (double)times;
                }
            }
            const double flop = 2e-9 * (double)m * (double)n * (double)k;
            printf("%s %lldx%lldx%lld,OpenBLAS %.1f,oneDNN %.1f GF/s\n",
                   how == 0   ? "nn"
                   : how == 1 ? "nt"
                              : "tn",
                   (long long)m, (long long)n, (long long)k, flop / median(t[1], u->repeat),
                   flop / median(t[0], u->repeat));
        }
    free(c);
    return CULL_OK;
}

int main(int argc, char **argv)
{
    net n = {.shards = 1, .threads = 1, .repeat = 9};
    const char *what = argc > 1 ? argv[1] : "", *only = NULL;
    for (int i = 2; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--threads")) n.threads = n.shards = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--repeat")) n.repeat = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--only")) only = argv[i + 1];
        if (!strcmp(argv[i], "--batch")) n.batch = atoi(argv[i + 1]);
    }
    if (n.shards < 1 || n.shards > SHARDS || n.repeat < 1 || n.repeat >= RUNS) return 2;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = n.threads;
    cull_ctx *cx = cull_ctx_new(&o);
    if (!strcmp(what, "ops") || !strcmp(what, "plain") || !strcmp(what, "dnnl")) {
        all_ops(cx, n.repeat,
                *what == 'p'   ? CULL__DNNL_NEVER
                : *what == 'd' ? CULL__DNNL_ALWAYS
                               : CULL__DNNL_FASTER,
                only);
    } else if (!strcmp(what, "products")) {
        timed u = {.x = noise(65536 * 144, 1), .w = noise(65536 * 144, 2), .repeat = n.repeat};
        must(cx, cull_tape_new(cx, NULL, &u.t));
        must(cx, cull__for(cx, 1, 1, time_product, &u));
        cull_tape_free(u.t);
    } else if (!strcmp(what, "nb201") || !strcmp(what, "resnet20")) {
        n.logits = *what == 'n' ? nb201 : resnet20;
        if (!n.batch) n.batch = *what == 'n' ? 64 : 128;
        time_net(cx, what, &n);
    } else {
        fprintf(stderr, "usage: bench_image ops|plain|dnnl|nb201|resnet20|products [--threads T] "
                        "[--repeat R] [--batch N] [--only NAME]\n");
        return 2;
    }
    cull_ctx_free(cx);
    return 0;
}
