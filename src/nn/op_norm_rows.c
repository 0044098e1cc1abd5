/* op_norm_rows.c - layer norm and RMS norm over the last dimension. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    double eps;
    bool centre, w, b; /* which inputs there are */
} norm;

static cull_var *scale_of(const cull_var *y)
{
    return ((const norm *)y->attr)->w ? y->in[1] : NULL;
}
static cull_var *shift_of(const cull_var *y)
{
    const norm *a = y->attr;
    return a->b ? y->in[1 + a->w] : NULL;
}

static cull_status shape(cull_tape *t, cull_var *y)
{
    const norm *a = y->attr;
    const cull_var *x = y->in[0];
    char d[96];
    if (x->rank < 1) return cull__wrong(t, y, "x is %s; it must be (..., n)", cull__dims(x, d));
    for (int i = 1; i < y->ins; i++)
        if (y->in[i]->rank != 1 || y->in[i]->n != x->dim[x->rank - 1])
            return cull__wrong(t, y, "the %s is %s; it must be (%" PRId64 ")",
                               i == 1 && a->w ? "scale" : "shift", cull__dims(y->in[i], d),
                               x->dim[x->rank - 1]);
    if (!(a->eps >= 0)) return cull__wrong(t, y, "eps is %g; it must be 0 or more", a->eps);
    return cull__same_shape(t, y);
}

static cull_status forward(cull_tape *t, cull_var *y)
{
    const norm *a = y->attr;
    const cull_var *x = y->in[0], *w = scale_of(y), *b = shift_of(y);
    const int64_t n = x->dim[x->rank - 1], rows = x->n / n;
    float *left = cull__save(t, y, 2 * rows);
    if (!left) return cull_tape_status(t);
    CULL__KERN(rows, cull__tape_ctx(t))
        ->norm(y->v, left, x->v, w ? w->v : NULL, b ? b->v : NULL, rows, n, (float)a->eps,
               a->centre);
    return CULL_OK;
}

/* The gradient of a scale or a shift, ready to be added to; NULL = not wanted. */
static float *open_to(cull_tape *t, cull_var *w)
{
    bool add;
    if (!w || !w->needs) return NULL;
    float *g = cull__grad(t, w, &add);
    if (g && !add) memset(g, 0, (size_t)w->n * sizeof *g);
    return g;
}

static cull_status backward(cull_tape *t, cull_var *y)
{
    const norm *a = y->attr;
    cull_var *x = y->in[0], *w = scale_of(y), *b = shift_of(y);
    const int64_t n = x->dim[x->rank - 1];
    float *dw = open_to(t, w), *db = open_to(t, b), *dx = NULL, *dy = y->g;
    bool add = false;
    if (x->needs) dx = cull__grad_move(t, y, x) ? x->g : cull__grad(t, x, &add);
    CULL_TRY(cull_tape_status(t));
    CULL__KERN(rows, cull__tape_ctx(t))
        ->norm_back(dx, dw, db, y->save, x->v, w ? w->v : NULL, dy, x->n / n, n, a->centre, add);
    return CULL_OK;
}

const cull__op cull__op_layer_norm = {
    .name = "layer_norm",
    .doc = "rows of mean 0 and variance 1, scaled and shifted",
    .flags = CULL__READS_OUT | CULL__READS_IN0 | CULL__READS_IN1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
const cull__op cull__op_rms_norm = {
    .name = "rms_norm",
    .doc = "rows of mean square 1, scaled",
    .flags = CULL__READS_OUT | CULL__READS_IN0 | CULL__READS_IN1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};

cull_var *cull_nn_layer_norm(cull_tape *t, cull_var *x, cull_var *w, cull_var *b, double eps)
{
    const norm a = {.eps = eps, .centre = true, .w = w, .b = b};
    cull_var *in[3] = {x};
    int ins = 1;
    if (w) in[ins++] = w;
    if (b) in[ins++] = b;
    return cull__apply(t, &cull__op_layer_norm, in, ins, &a, sizeof a);
}

cull_var *cull_nn_rms_norm(cull_tape *t, cull_var *x, cull_var *w, double eps)
{
    const norm a = {.eps = eps, .w = w};
    return cull__apply(t, &cull__op_rms_norm, (cull_var *[]){x, w}, w ? 2 : 1, &a, sizeof a);
}
