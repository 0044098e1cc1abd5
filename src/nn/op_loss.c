/* op_loss.c - losses: one number, the mean over rows. */
#include "cull/nn_ops.h"
#include "nn/dense.h"

#include <inttypes.h>

static cull_status scalar(cull_var *y)
{
    y->rank = 0;
    return CULL_OK;
}

/* ---- cross entropy of softmax ---- */

typedef struct {
    const int32_t *label;
    const float *weight;
    double smoothing;
} ce;

static cull_status ce_shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    const ce *a = y->attr;
    char d[96];
    if (x->rank < 1)
        return cull__wrong(t, y, "x is %s; it must be (..., classes)", cull__dims(x, d));
    int64_t k = x->dim[x->rank - 1], rows = x->n / k;
    if (!(a->smoothing >= 0 && a->smoothing <= 1))
        return cull__wrong(t, y, "smoothing is %g; it must be 0 to 1", a->smoothing);
    for (int64_t i = 0; i < rows; i++)
        if (a->label[i] < 0 || a->label[i] >= k)
            return cull__wrong(t, y, "the label of row %" PRId64 " is %d; it must be 0 to %" PRId64,
                               i, a->label[i], k - 1);
    return scalar(y);
}

/* Leaves d loss / d x behind, so that backward only scales it. */
static cull_status ce_forward(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    const ce *a = y->attr;
    int64_t k = x->dim[x->rank - 1], rows = x->n / k;
    float *p = cull__save(t, y, x->n);
    if (!p) return cull_tape_status(t);
    double weights = 0;
    for (int64_t i = 0; i < rows; i++) weights += a->weight ? (double)a->weight[i] : 1;
    double total =
        CULL__KERN(rows, cull__tape_ctx(t))
            ->cross(p, x->v, a->label, a->weight, (float)(1 / weights), a->smoothing, rows, k);
    y->v[0] = (float)total;
    return CULL_OK;
}

static cull_status ce_backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    CULL__KERN(rows, cull__tape_ctx(t))->scaled(g, y->save, x->n, y->g[0], add);
    return CULL_OK;
}

const cull__op cull__op_cross_entropy = {
    .name = "cross_entropy",
    .doc = "mean over rows of the cross entropy of softmax(x) with labels",
    .flags = CULL__READS_OUT,
    .shape = ce_shape,
    .forward = ce_forward,
    .backward = ce_backward,
};

cull_var *cull_nn_cross_entropy(cull_tape *t, cull_var *x, const int32_t *label,
                                const float *weight, double smoothing)
{
    ce a = {label, weight, smoothing};
    return cull__apply(t, &cull__op_cross_entropy, &x, 1, &a, sizeof a);
}

/* ---- sum of products with constants ---- */

typedef struct {
    const float *w;
} weights;

static cull_status weighted_shape(cull_tape *t, cull_var *y)
{
    (void)t;
    return scalar(y);
}

static cull_status weighted_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const weights *a = y->attr;
    double sum = 0;
    for (int64_t i = 0; i < y->in[0]->n; i++) sum += (double)a->w[i] * (double)y->in[0]->v[i];
    y->v[0] = (float)sum;
    return CULL_OK;
}

static cull_status weighted_backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    const weights *a = y->attr;
    CULL__KERN(rows, cull__tape_ctx(t))->scaled(g, a->w, x->n, y->g[0], add);
    return CULL_OK;
}

const cull__op cull__op_weighted_sum = {
    .name = "weighted_sum",
    .doc = "sum of x times constants",
    .shape = weighted_shape,
    .forward = weighted_forward,
    .backward = weighted_backward,
};

cull_var *cull_nn_weighted_sum(cull_tape *t, cull_var *x, const float *w)
{
    return cull__apply(t, &cull__op_weighted_sum, &x, 1, &(weights){w}, sizeof(weights));
}
