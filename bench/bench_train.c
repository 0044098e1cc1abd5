/* bench_train.c - what the loop of training adds to a step: an MLP 64-64-10, batches of 32, Adam.
 *
 *   bench_train [ROUNDS]
 *
 * Prints `case,us`, the least of ROUNDS (9) means over 5000 steps, on one thread: the tape's forward and
 * backward alone, the optimiser alone, and cull_train, which also shuffles, gathers rows and counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cull/nn_ops.h"
#include "cull/train.h"

enum { IN = 64, HIDDEN = 64, OUT = 10, BATCH = 32, ROWS = 3200, EPOCHS = 50 };

typedef struct {
    cull_params *p;
    int w1, b1, w2, b2;
    float x[ROWS][IN], in[BATCH][IN];
    int32_t y[ROWS], of[BATCH];
    int64_t all[ROWS];
} net;

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_train: %s\n", cull_error(cx));
    exit(1);
}

static cull_var *loss(cull_tape *t, void *user, const cull_batch *b)
{
    net *n = user;
    for (int64_t i = 0; i < b->n; i++) {
        memcpy(n->in[i], n->x[b->row[i]], sizeof n->in[i]);
        n->of[i] = n->y[b->row[i]];
    }
    cull_var *x = cull_nn_input(t, 2, (int64_t[]){b->n, IN}, n->in[0], false);
    cull_var *h =
        cull_nn_relu(t, cull_nn_linear(t, x, cull_nn_param(t, n->w1), cull_nn_param(t, n->b1)));
    cull_var *y = cull_nn_linear(t, h, cull_nn_param(t, n->w2), cull_nn_param(t, n->b2));
    return cull_nn_cross_entropy(t, y, n->of, NULL, 0);
}

static net *net_new(cull_ctx *cx)
{
    net *n = calloc(1, sizeof *n);
    cull_rng r = cull__rng_seeded(1, 1);
    if (!n) exit(1);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < IN; j++) n->x[i][j] = (float)cull__rng_normal(&r);
        n->y[i] = (int32_t)cull__rng_below(&r, OUT);
        n->all[i] = i;
    }
    must(cx, cull_params_new(cx, &n->p));
    must(cx, cull_params_add(n->p, "1.weight", 2, (int64_t[]){HIDDEN, IN}, CULL_INIT_HE, 0, 0, 0,
                             &n->w1));
    must(cx,
         cull_params_add(n->p, "1.bias", 1, (int64_t[]){HIDDEN}, CULL_INIT_ZERO, 0, 0, 0, &n->b1));
    must(cx, cull_params_add(n->p, "2.weight", 2, (int64_t[]){OUT, HIDDEN}, CULL_INIT_HE, 0, 0, 0,
                             &n->w2));
    must(cx, cull_params_add(n->p, "2.bias", 1, (int64_t[]){OUT}, CULL_INIT_ZERO, 0, 0, 0, &n->b2));
    return n;
}

static double less(double a, double b) { return a < b ? a : b; }

int main(int argc, char **argv)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = 1;
    cull_ctx *cx = cull_ctx_new(&co);
    if (!cx) return 1;
    net *n = net_new(cx);
    cull_tape *t;
    cull_optim *optim;
    cull_train_opts o = CULL_TRAIN_OPTS;
    cull_train_problem q = {.params = n->p, .n = ROWS, .loss = loss, .user = n};
    double best[3] = {1e9, 1e9, 1e9}, steps = EPOCHS * (ROWS / BATCH);
    o.batch = BATCH;
    o.epochs = EPOCHS;
    must(cx, cull_tape_new(cx, n->p, &t));
    must(cx, cull_optim_new(cx, n->p, &o.optim, &optim));
    for (int round = argc > 1 ? atoi(argv[1]) : 9; round > 0; round--) {
        double began = cull__now();
        for (int s = 0; s < (int)steps; s++) {
            cull_batch b = {.row = n->all + s % (ROWS / BATCH) * BATCH, .n = BATCH};
            cull_tape_reset(t, cx, CULL_TAPE_GRAD | CULL_TAPE_TRAIN, 0);
            must(cx, cull_tape_backward(t, loss(t, n, &b)));
        }
        best[0] = less(best[0], cull__now() - began);
        began = cull__now();
        for (int s = 0; s < (int)steps; s++)
            must(cx,
                 cull_optim_step(cx, optim, (const float *[]){cull_tape_grad(t)}, NULL, 1, 1e-9));
        best[1] = less(best[1], cull__now() - began);
        began = cull__now();
        must(cx, cull_train(cx, &q, &o, NULL));
        best[2] = less(best[2], cull__now() - began);
    }
    static const char *const name[] = {"tape", "optimiser", "cull_train"};
    for (int i = 0; i < 3; i++) printf("%s,%.2f\n", name[i], best[i] / steps * 1e6);
    cull_optim_free(optim);
    cull_tape_free(t);
    cull_params_free(n->p);
    free(n);
    cull_ctx_free(cx);
    return 0;
}
