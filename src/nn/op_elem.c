/* op_elem.c - relu, which keeps a kernel of its own; the other functions of one number are op_unary.c. */
#include "cull/nn_ops.h"
#include "nn/dense.h"

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
    .shape = cull__same_shape,
    .forward = relu,
    .backward = relu_back,
};

cull_var *cull_nn_relu(cull_tape *t, cull_var *x)
{
    return cull__apply(t, &cull__op_relu, &x, 1, NULL, 0);
}
