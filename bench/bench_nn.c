/* bench_nn.c - times training steps of multilayer perceptrons on generated input, on one thread.
 *
 *   bench_nn [--repeat R] [--steps S]
 *
 * Forward, backward and Adam, as one user would write them. Prints `case,tool,threads,microseconds` of the
 * processor's time, the least of R rounds of S steps; peers/mlp_torch.py is the same for PyTorch. The
 * learning rate is low, so that the loss does not reach 0, where gradients become subnormal and slow. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "cull/nn_ops.h"
#include "cull/train.h"

typedef struct {
    int64_t in, hidden, out, batch;
} shape;

typedef struct {
    cull_ctx *cx;
    cull_params *p;
    cull_tape *t;
    int w1, b1, w2, b2;
    shape s;
    cull_optim *adam;
    float *x;
    int32_t *label;
    uint64_t step;
    double best;
    int repeat, each;
} net;

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_nn: %s\n", cull_error(cx));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void build(net *n, shape s)
{
    cull_rng r = cull__rng_seeded(1, 1);
    *n = (net){.s = s, .cx = cull_ctx_new(NULL)};
    must(n->cx, cull_params_new(n->cx, &n->p));
    must(n->cx, cull_params_add(n->p, "0.weight", 2, (int64_t[]){s.hidden, s.in}, CULL_INIT_TORCH,
                                0, 0, 0, &n->w1));
    must(n->cx, cull_params_add(n->p, "0.bias", 1, &s.hidden, CULL_INIT_TORCH, 0, s.in, 0, &n->b1));
    must(n->cx, cull_params_add(n->p, "2.weight", 2, (int64_t[]){s.out, s.hidden}, CULL_INIT_TORCH,
                                0, 0, 0, &n->w2));
    must(n->cx,
         cull_params_add(n->p, "2.bias", 1, &s.out, CULL_INIT_TORCH, 0, s.hidden, 0, &n->b2));
    must(n->cx, cull_tape_new(n->cx, n->p, &n->t));
    n->x = malloc((size_t)(s.batch * s.in) * sizeof *n->x);
    n->label = malloc((size_t)s.batch * sizeof *n->label);
    const cull_optim_opts adam = CULL_OPTIM_OPTS;
    must(n->cx, cull_optim_new(n->cx, n->p, &adam, &n->adam));
    for (int64_t i = 0; i < s.batch * s.in; i++) n->x[i] = (float)cull__rng_normal(&r);
    for (int64_t i = 0; i < s.batch; i++) n->label[i] = (int32_t)(i % s.out);
}

static void drop(net *n)
{
    cull_optim_free(n->adam);
    cull_tape_free(n->t);
    cull_params_free(n->p);
    cull_ctx_free(n->cx);
    free(n->x), free(n->label);
}

static void one_step(cull_ctx *cx, net *n)
{
    cull_tape *t = n->t;
    cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, n->step);
    cull_var *x = cull_nn_input(t, 2, (int64_t[]){n->s.batch, n->s.in}, n->x, false);
    cull_var *h =
        cull_nn_relu(t, cull_nn_linear(t, x, cull_nn_param(t, n->w1), cull_nn_param(t, n->b1)));
    cull_var *y = cull_nn_linear(t, h, cull_nn_param(t, n->w2), cull_nn_param(t, n->b2));
    cull_var *loss = cull_nn_cross_entropy(t, y, n->label, NULL, 0);
    must(cx, cull_tape_backward(t, loss));
    const float *grad = cull_tape_grad(t);
    must(cx, cull_optim_step(cx, n->adam, &grad, NULL, 1, 1e-5));
    n->step++;
}

/* Inside of a loop of the library's, where products keep to one thread. */
static cull_status rounds(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    net *n = arg;
    (void)chunk, (void)lo, (void)hi;
    for (int i = 0; i < n->each; i++) one_step(cx, n);
    for (int r = 0; r < n->repeat; r++) {
        double from = now();
        for (int i = 0; i < n->each; i++) one_step(cx, n);
        double took = (now() - from) / n->each * 1e6;
        if (!r || took < n->best) n->best = took;
    }
    return CULL_OK;
}

int main(int argc, char **argv)
{
    int repeat = 7, steps = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--repeat")) repeat = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--steps")) steps = atoi(argv[i + 1]);
    }
    if (repeat < 1 || steps < 0) return 2;
    const shape shapes[] = {{64, 64, 10, 32}, {784, 256, 10, 64}};
    for (int k = 0; k < 2; k++) {
        net n;
        const shape s = shapes[k];
        build(&n, s);
        n.repeat = repeat, n.each = steps ? steps : k ? 100 : 2000;
        must(n.cx, cull__for(n.cx, 1, 1, rounds, &n));
        printf("mlp %lld-%lld-%lld batch %lld,cull,1,%.1f\n", (long long)s.in, (long long)s.hidden,
               (long long)s.out, (long long)s.batch, n.best);
        drop(&n);
    }
    return 0;
}
