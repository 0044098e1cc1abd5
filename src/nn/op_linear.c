/* op_linear.c - a layer of weights (out, in) and biases. */
#include "cull/nn_ops.h"
#include "nn/kern.h"
#include "nn/nn.h"

#include <inttypes.h>

static int64_t rows_of(const cull_var *x) { return x->n / x->dim[x->rank - 1]; }

static cull_status shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0], *w = y->in[1], *b = y->ins > 2 ? y->in[2] : NULL;
    char dx[96], dw[96];
    if (w->rank != 2 || x->rank < 1 || x->dim[x->rank - 1] != w->dim[1])
        return cull__wrong(t, y,
                           "x is %s and the weights are %s; they must be (..., in) and (out, in)",
                           cull__dims(x, dx), cull__dims(w, dw));
    if (b && (b->rank != 1 || b->n != w->dim[0]))
        return cull__wrong(t, y, "the bias is %s; it must be (%" PRId64 ")", cull__dims(b, dx),
                           w->dim[0]);
    y->rank = x->rank;
    for (int i = 0; i < x->rank; i++) y->dim[i] = x->dim[i];
    y->dim[x->rank - 1] = w->dim[0];
    return CULL_OK;
}

static cull_status forward(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0], *w = y->in[1];
    int64_t rows = rows_of(x), out = w->dim[0], in = w->dim[1];
    const cull__elem_kern *k = CULL__KERN(elem, cull__tape_ctx(t));
    if (y->ins > 2) k->fill_rows(y->v, y->in[2]->v, rows, out);
    cull__mm(t, false, true, rows, out, in, x->v, in, w->v, in, y->ins > 2, y->v, out);
    return CULL_OK;
}

static cull_status backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0], *w = y->in[1], *b = y->ins > 2 ? y->in[2] : NULL;
    int64_t rows = rows_of(x), out = w->dim[0], in = w->dim[1];
    const cull__elem_kern *k = CULL__KERN(elem, cull__tape_ctx(t));
    bool add;
    float *g;
    if (w->needs) {
        if (!(g = cull__grad(t, w, &add))) return cull_tape_status(t);
        cull__mm(t, true, false, out, in, rows, y->g, out, x->v, in, add, g, in);
    }
    if (b && b->needs) {
        if (!(g = cull__grad(t, b, &add))) return cull_tape_status(t);
        k->sum_rows(g, y->g, rows, out, add);
    }
    if (x->needs) {
        if (!(g = cull__grad(t, x, &add))) return cull_tape_status(t);
        cull__mm(t, false, false, rows, in, out, y->g, out, w->v, in, add, g, in);
    }
    return CULL_OK;
}

static double macs(const cull_var *y) { return (double)y->n * (double)y->in[1]->dim[1]; }

const cull__op cull__op_linear = {
    .name = "linear",
    .doc = "x times transposed weights, plus a bias",
    .flags = CULL__READS_IN0 | CULL__READS_IN1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .macs = macs,
};

cull_var *cull_nn_linear(cull_tape *t, cull_var *x, cull_var *w, cull_var *b)
{
    return cull__apply(t, &cull__op_linear, (cull_var *[]){x, w, b}, b ? 3 : 2, NULL, 0);
}
