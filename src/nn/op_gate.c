/* op_gate.c - gates that choose, and weights under a mask. */
#include "cull/nn_random.h"
#include "nn/nn.h"

#include <math.h>

static cull_status like_x(cull_tape *t, cull_var *y)
{
    (void)t;
    y->rank = y->in[0]->rank;
    for (int i = 0; i < y->rank; i++) y->dim[i] = y->in[0]->dim[i];
    return CULL_OK;
}

/* ---- annealed ---- */

typedef struct {
    double tau, scale;
} gate;

static cull_status gate_shape(cull_tape *t, cull_var *y)
{
    const gate *a = y->attr;
    if (!(a->tau > 0) || !isfinite(a->tau) || !isfinite(a->scale))
        return cull__wrong(t, y, "tau is %g and scale %g; tau must be above 0, both finite", a->tau,
                           a->scale);
    return like_x(t, y);
}

static cull_status gate_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const gate *a = y->attr;
    for (int64_t i = 0; i < y->n; i++)
        y->v[i] = (float)(a->scale * cull__logistic(a->tau * (double)y->in[0]->v[i]));
    return CULL_OK;
}

static cull_status gate_backward(cull_tape *t, cull_var *y)
{
    const gate *a = y->attr;
    cull_var *x = y->in[0];
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    for (int64_t i = 0; i < y->n; i++) {
        double s = cull__logistic(a->tau * (double)x->v[i]);
        g[i] = (add ? g[i] : 0) + (float)((double)y->g[i] * a->scale * a->tau * s * (1 - s));
    }
    return CULL_OK;
}

const cull__op cull__op_gate = {
    .name = "gate",
    .doc = "scale sigmoid(tau x)",
    .flags = CULL__READS_IN,
    .shape = gate_shape,
    .forward = gate_forward,
    .backward = gate_backward,
};

static cull_status step_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const gate *a = y->attr;
    for (int64_t i = 0; i < y->n; i++) y->v[i] = y->in[0]->v[i] > 0 ? (float)a->scale : 0;
    return CULL_OK;
}

const cull__op cull__op_gate_hard = {
    .name = "gate_hard",
    .doc = "scale where x > 0, else 0",
    .shape = gate_shape,
    .forward = step_forward,
};

cull_var *cull_nn_gate(cull_tape *t, cull_var *x, double tau, double scale, bool hard)
{
    gate a = {tau, scale};
    return cull__apply(t, hard ? &cull__op_gate_hard : &cull__op_gate, &x, 1, &a, sizeof a);
}

/* ---- hard concrete ---- */

typedef struct {
    uint64_t stream;
    cull_hard_concrete h;
} concrete;

static cull_status concrete_shape(cull_tape *t, cull_var *y)
{
    const cull_hard_concrete *h = &((const concrete *)y->attr)->h;
    if (!(h->beta > 0 && h->low < 0 && h->high > 1))
        return cull__wrong(t, y, "beta %g, low %g, high %g; it must be beta > 0, low < 0, high > 1",
                           h->beta, h->low, h->high);
    return like_x(t, y);
}

static cull_status concrete_forward(cull_tape *t, cull_var *y)
{
    const concrete *a = y->attr;
    const cull_hard_concrete *h = &a->h;
    bool drawn = cull__tape_mode(t) & CULL_TAPE_TRAIN;
    float *slope = cull__save(t, y, y->n);
    if (!slope) return cull_tape_status(t);
    cull_rng r = cull__rng_seeded(a->stream, 0);
    for (int64_t i = 0; i < y->n; i++) {
        double x = (double)y->in[0]->v[i], by = 1;
        if (drawn) {
            double u = cull__rng_unit(&r);
            x = (x + log(u) - log1p(-u)) / h->beta;
            by = 1 / h->beta;
        }
        double s = cull__logistic(x), z = s * (h->high - h->low) + h->low;
        y->v[i] = (float)(z < 0 ? 0 : z > 1 ? 1 : z);
        slope[i] = z > 0 && z < 1 ? (float)((h->high - h->low) * by * s * (1 - s)) : 0;
    }
    return CULL_OK;
}

static cull_status concrete_backward(cull_tape *t, cull_var *y)
{
    bool add;
    float *g = cull__grad(t, y->in[0], &add);
    if (!g) return cull_tape_status(t);
    const float *slope = y->save;
    for (int64_t i = 0; i < y->n; i++) g[i] = (add ? g[i] : 0) + y->g[i] * slope[i];
    return CULL_OK;
}

const cull__op cull__op_hard_concrete = {
    .name = "hard_concrete",
    .doc = "gates in [0, 1] that are 0 or 1 with a chance",
    .flags = CULL__RANDOM | CULL__READS_OUT,
    .shape = concrete_shape,
    .forward = concrete_forward,
    .backward = concrete_backward,
};

cull_var *cull_nn_hard_concrete(cull_tape *t, cull_var *x, const cull_hard_concrete *h)
{
    concrete a = {0, *h};
    return cull__apply(t, &cull__op_hard_concrete, &x, 1, &a, sizeof a);
}

static double open_at(const cull_hard_concrete *h, double x)
{
    return cull__logistic(x - h->beta * log(-h->low / h->high));
}

static cull_status open_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const concrete *a = y->attr;
    for (int64_t i = 0; i < y->n; i++) y->v[i] = (float)open_at(&a->h, (double)y->in[0]->v[i]);
    return CULL_OK;
}

static cull_status open_backward(cull_tape *t, cull_var *y)
{
    const concrete *a = y->attr;
    bool add;
    float *g = cull__grad(t, y->in[0], &add);
    if (!g) return cull_tape_status(t);
    for (int64_t i = 0; i < y->n; i++) {
        double p = open_at(&a->h, (double)y->in[0]->v[i]);
        g[i] = (add ? g[i] : 0) + (float)((double)y->g[i] * p * (1 - p));
    }
    return CULL_OK;
}

const cull__op cull__op_hard_concrete_open = {
    .name = "hard_concrete_open",
    .doc = "the chance that a hard concrete gate is not 0",
    .flags = CULL__READS_IN,
    .shape = concrete_shape,
    .forward = open_forward,
    .backward = open_backward,
};

cull_var *cull_nn_hard_concrete_open(cull_tape *t, cull_var *x, const cull_hard_concrete *h)
{
    concrete a = {0, *h};
    return cull__apply(t, &cull__op_hard_concrete_open, &x, 1, &a, sizeof a);
}

/* ---- straight through ---- */

static cull_status through_shape(cull_tape *t, cull_var *y)
{
    char a[96], b[96];
    if (y->in[0]->n != y->in[1]->n || y->in[0]->rank != y->in[1]->rank)
        return cull__wrong(t, y, "the shapes are %s and %s; they must be the same",
                           cull__dims(y->in[0], a), cull__dims(y->in[1], b));
    return like_x(t, y);
}

static cull_status copy(cull_tape *t, cull_var *y)
{
    (void)t;
    for (int64_t i = 0; i < y->n; i++) y->v[i] = y->in[0]->v[i];
    return CULL_OK;
}

static cull_status through_backward(cull_tape *t, cull_var *y)
{
    cull_var *soft = y->in[1];
    if (!soft->needs || cull__grad_move(t, y, soft)) return CULL_OK;
    bool add;
    float *g = cull__grad(t, soft, &add);
    if (!g) return cull_tape_status(t);
    for (int64_t i = 0; i < y->n; i++) g[i] = (add ? g[i] : 0) + y->g[i];
    return CULL_OK;
}

const cull__op cull__op_straight_through = {
    .name = "straight_through",
    .doc = "the first argument, with a gradient to the second",
    .shape = through_shape,
    .forward = copy,
    .backward = through_backward,
};

cull_var *cull_nn_straight_through(cull_tape *t, cull_var *hard, cull_var *soft)
{
    return cull__apply(t, &cull__op_straight_through, (cull_var *[]){hard, soft}, 2, NULL, 0);
}

/* ---- masks ---- */

typedef struct {
    const float *at;
} mask;

static cull_status masked_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const float *m = ((const mask *)y->attr)->at;
    for (int64_t i = 0; i < y->n; i++) y->v[i] = m[i] * y->in[0]->v[i];
    return CULL_OK;
}

static cull_status masked_backward(cull_tape *t, cull_var *y)
{
    const float *m = ((const mask *)y->attr)->at;
    bool add;
    float *g = cull__grad(t, y->in[0], &add);
    if (!g) return cull_tape_status(t);
    for (int64_t i = 0; i < y->n; i++) g[i] = (add ? g[i] : 0) + y->g[i] * m[i];
    return CULL_OK;
}

const cull__op cull__op_masked = {
    .name = "masked",
    .doc = "x times constants, number by number",
    .shape = like_x,
    .forward = masked_forward,
    .backward = masked_backward,
};

cull_var *cull_nn_masked(cull_tape *t, cull_var *x, const float *m)
{
    return cull__apply(t, &cull__op_masked, &x, 1, &(mask){m}, sizeof(mask));
}
