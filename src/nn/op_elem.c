/* op_elem.c - operations on one number at a time. */
#include "cull/nn_ops.h"
#include "nn/kern.h"
#include "nn/nn.h"

static cull_status same_shape(cull_tape *t, cull_var *y)
{
    (void)t;
    y->rank = y->in[0]->rank;
    for (int i = 0; i < y->rank; i++) y->dim[i] = y->in[0]->dim[i];
    return CULL_OK;
}

static cull_status relu(cull_tape *t, cull_var *y)
{
    CULL__KERN(elem, cull__tape_ctx(t))->relu(y->v, y->in[0]->v, y->n);
    return CULL_OK;
}

static cull_status relu_back(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    const cull__elem_kern *k = CULL__KERN(elem, cull__tape_ctx(t));
    if (!x->needs) return CULL_OK;
    if (cull__grad_move(t, y, x)) {
        k->relu_back(x->g, y->v, x->g, y->n, false);
        return CULL_OK;
    }
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    k->relu_back(g, y->v, y->g, y->n, add);
    return CULL_OK;
}

const cull__op cull__op_relu = {
    .name = "relu",
    .doc = "max(x, 0)",
    .flags = CULL__READS_OUT,
    .shape = same_shape,
    .forward = relu,
    .backward = relu_back,
};

cull_var *cull_nn_relu(cull_tape *t, cull_var *x)
{
    return cull__apply(t, &cull__op_relu, &x, 1, NULL, 0);
}

/* ---- sums ---- */

static cull_status add_shape(cull_tape *t, cull_var *y)
{
    char a[96], b[96];
    same_shape(t, y);
    bool same = y->in[0]->rank == y->in[1]->rank;
    for (int i = 0; same && i < y->rank; i++) same = y->in[0]->dim[i] == y->in[1]->dim[i];
    if (same) return CULL_OK;
    return cull__wrong(t, y, "the shapes are %s and %s; they must be the same",
                       cull__dims(y->in[0], a), cull__dims(y->in[1], b));
}

static cull_status add_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    for (int64_t i = 0; i < y->n; i++) y->v[i] = y->in[0]->v[i] + y->in[1]->v[i];
    return CULL_OK;
}

static cull_status add_back(cull_tape *t, cull_var *y)
{
    for (int k = 1; k >= 0; k--) {
        cull_var *x = y->in[k];
        if (!x->needs || (k == 0 && cull__grad_move(t, y, x))) continue;
        bool add;
        float *g = cull__grad(t, x, &add);
        if (!g) return cull_tape_status(t);
        for (int64_t i = 0; i < y->n; i++) g[i] = add ? g[i] + y->g[i] : y->g[i];
    }
    return CULL_OK;
}

const cull__op cull__op_add = {
    .name = "add",
    .doc = "x + y",
    .shape = add_shape,
    .forward = add_forward,
    .backward = add_back,
};

cull_var *cull_nn_add(cull_tape *t, cull_var *x, cull_var *y)
{
    return cull__apply(t, &cull__op_add, (cull_var *[]){x, y}, 2, NULL, 0);
}
