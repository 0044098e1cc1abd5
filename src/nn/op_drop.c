/* op_drop.c - dropout of numbers and of rows. The mask is never kept: backward draws it again. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

typedef struct {
    uint64_t stream; /* filled by the tape */
    double p;
} noise;

static cull_status shape(cull_tape *t, cull_var *y)
{
    const noise *a = y->attr;
    if (!(a->p >= 0 && a->p < 1))
        return cull__wrong(t, y, "the probability is %g; it must be 0 to below 1", a->p);
    return cull__same_shape(t, y);
}

static cull_status path_shape(cull_tape *t, cull_var *y)
{
    if (!y->in[0]->rank) return cull__wrong(t, y, "x is one number; it must have rows");
    return shape(t, y);
}

static uint32_t below(const noise *a) { return (uint32_t)(a->p * 0x1p32); }
static float by(const noise *a) { return (float)(1 / (1 - a->p)); }

static void numbers(cull_tape *t, const cull_var *y, float *to, const float *from, bool add)
{
    const noise *a = y->attr;
    CULL__KERN(rows, cull__tape_ctx(t))->drop(to, from, y->n, a->stream, below(a), by(a), add);
}

static void rows(cull_tape *t, const cull_var *y, float *to, const float *from, bool add)
{
    const noise *a = y->attr;
    const cull__rows_kern *k = CULL__KERN(rows, cull__tape_ctx(t));
    const int64_t n = y->n / y->dim[0];
    cull_rng r = cull__rng_seeded(a->stream, 0);
    for (int64_t i = 0; i < y->dim[0]; i++)
        k->scaled(to + i * n, from + i * n, n, cull__rng_u32(&r) >= below(a) ? by(a) : 0, add);
}

typedef void apply_fn(cull_tape *t, const cull_var *y, float *to, const float *from, bool add);
static cull_status back_by(cull_tape *t, cull_var *y, apply_fn *fn)
{
    cull_var *x = y->in[0];
    if (cull__grad_move(t, y, x)) {
        fn(t, y, x->g, x->g, false);
        return CULL_OK;
    }
    bool add;
    float *g = cull__grad(t, x, &add);
    if (g) fn(t, y, g, y->g, add);
    return cull_tape_status(t);
}

static cull_status dropout(cull_tape *t, cull_var *y)
{
    numbers(t, y, y->v, y->in[0]->v, false);
    return CULL_OK;
}
static cull_status dropout_back(cull_tape *t, cull_var *y) { return back_by(t, y, numbers); }
static cull_status drop_path(cull_tape *t, cull_var *y)
{
    rows(t, y, y->v, y->in[0]->v, false);
    return CULL_OK;
}
static cull_status drop_path_back(cull_tape *t, cull_var *y) { return back_by(t, y, rows); }

const cull__op cull__op_dropout = {
    .name = "dropout",
    .doc = "some numbers 0, the others larger for it",
    .flags = CULL__RANDOM,
    .shape = shape,
    .forward = dropout,
    .backward = dropout_back,
};
const cull__op cull__op_drop_path = {
    .name = "drop_path",
    .doc = "some rows 0, the others larger for it",
    .flags = CULL__RANDOM,
    .shape = path_shape,
    .forward = drop_path,
    .backward = drop_path_back,
};

static cull_var *drop(cull_tape *t, const cull__op *op, cull_var *x, double p)
{
    const noise a = {.p = p};
    if (!(cull__tape_mode(t) & CULL_TAPE_TRAIN) && p >= 0 && p < 1) return x;
    return cull__apply(t, op, &x, 1, &a, sizeof a);
}

cull_var *cull_nn_dropout(cull_tape *t, cull_var *x, double p)
{
    return drop(t, &cull__op_dropout, x, p);
}
cull_var *cull_nn_drop_path(cull_tape *t, cull_var *x, double p)
{
    return drop(t, &cull__op_drop_path, x, p);
}
