/* op_links.c - a layer whose weights are a list, by the kernels of sparse layers.
 *
 * Those have a row for each feature, the tape one for each example: what comes and goes is transposed,
 * with columns of 0 up to a multiple of 16. */
#include "nn/kern.h"
#include "nn/links.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    const cull__sparse *links;
} links;

/* The list with the weights of w. */
static cull__sparse list_of(const cull_var *y)
{
    cull__sparse s = *((const links *)y->attr)->links;
    s.w = y->in[1]->v;
    return s;
}

static int64_t rows_of(const cull_var *x) { return x->n / x->dim[x->rank - 1]; }
static int64_t padded(int64_t rows) { return (rows + 15) / 16 * 16; }

static cull_status shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0], *w = y->in[1], *b = y->ins > 2 ? y->in[2] : NULL;
    const cull__sparse *s = ((const links *)y->attr)->links;
    char dx[96], dw[96];
    if (x->dim[x->rank - 1] != s->out || w->rank != 1 || w->n != s->links ||
        (b && (b->rank != 1 || b->n != s->in)))
        return cull__wrong(t, y,
                           "x is %s and the weights are %s; the list has %" PRId64
                           " links from %" PRId64 " to %" PRId64 " features",
                           cull__dims(x, dx), cull__dims(w, dw), s->links, s->out, s->in);
    y->rank = x->rank;
    for (int i = 0; i < x->rank; i++) y->dim[i] = x->dim[i];
    y->dim[x->rank - 1] = s->in;
    return CULL_OK;
}

/* ---- transposing: blocks of 16 by 16 stay in the first cache ---- */

enum { SIDE = 16 };

static void to_features(const float *restrict x, int64_t rows, int64_t d, float *restrict xt)
{
    int64_t ld = padded(rows);
    for (int64_t k = 0; k < d; k += SIDE)
        for (int64_t i = 0; i < ld; i += SIDE)
            for (int64_t c = k; c < k + SIDE && c < d; c++)
                for (int64_t r = i; r < i + SIDE; r++) xt[c * ld + r] = r < rows ? x[r * d + c] : 0;
}

static void to_rows(const float *restrict xt, int64_t rows, int64_t d, bool add, float *restrict x)
{
    int64_t ld = padded(rows);
    for (int64_t i = 0; i < rows; i += SIDE)
        for (int64_t k = 0; k < d; k += SIDE)
            for (int64_t r = i; r < i + SIDE && r < rows; r++)
                for (int64_t c = k; c < k + SIDE && c < d; c++)
                    x[r * d + c] = (add ? x[r * d + c] : 0) + xt[c * ld + r];
}

/* ---- forward ---- */

static cull_status forward(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    const cull__sparse s = list_of(y);
    const cull__sparse_kern *k = cull__sparse_kernels(cull__tape_ctx(t));
    const float *b = y->ins > 2 ? y->in[2]->v : NULL;
    int64_t rows = rows_of(x), ld = padded(rows);
    bool keeps = y->in[1]->needs; /* for the gradient of the weights */
    float *xt = keeps ? cull__save(t, y, s.out * ld) : cull__take_floats(t, s.out * ld);
    float *yt = cull__take_floats(t, s.in * ld);
    if (xt && yt) {
        to_features(x->v, rows, s.out, xt);
        for (int64_t o = 0; o < s.in; o++)
            for (int64_t r = 0; r < ld; r++) yt[o * ld + r] = b ? b[o] : 0;
        cull__sparse_backward(k, &s, xt, yt, ld, ld);
        to_rows(yt, rows, s.in, false, y->v);
    }
    cull__give_floats(t, yt, s.in * ld);
    if (!keeps) cull__give_floats(t, xt, s.out * ld);
    return cull_tape_status(t);
}

/* ---- backward ---- */

static void grad_of_weights(cull_tape *t, cull_var *y, const cull__sparse *s, const float *dyt)
{
    cull_var *w = y->in[1];
    const cull__sparse_kern *k = cull__sparse_kernels(cull__tape_ctx(t));
    int64_t ld = padded(rows_of(y));
    bool add;
    float *g = cull__grad(t, w, &add), *more = NULL;
    if (g && add) more = cull__take_floats(t, s->links);
    if (!g || (add && !more)) return;
    cull__sparse_grad(k, s, 0, s->rows, dyt, y->save, ld, ld, add ? more : g);
    for (int64_t e = 0; add && e < s->links; e++) g[e] += more[e];
    cull__give_floats(t, more, s->links);
}

static void grad_of_input(cull_tape *t, cull_var *y, const cull__sparse *s, const float *dyt)
{
    cull_var *x = y->in[0];
    const cull__sparse_kern *k = cull__sparse_kernels(cull__tape_ctx(t));
    int64_t rows = rows_of(y), ld = padded(rows);
    bool add;
    float *g = cull__grad(t, x, &add), *xt = cull__take_floats(t, s->out * ld);
    if (g && xt) {
        memset(xt, 0, (size_t)(s->out * ld) * sizeof *xt);
        cull__sparse_forward(k, s, dyt, xt, ld, ld);
        to_rows(xt, rows, s->out, add, g);
    }
    cull__give_floats(t, xt, s->out * ld);
}

static cull_status backward(cull_tape *t, cull_var *y)
{
    cull_var *b = y->ins > 2 ? y->in[2] : NULL;
    const cull__sparse s = list_of(y);
    const cull__elem_kern *k = CULL__KERN(elem, cull__tape_ctx(t));
    int64_t rows = rows_of(y), ld = padded(rows);
    bool add;
    if (b && b->needs) {
        float *g = cull__grad(t, b, &add);
        if (!g) return cull_tape_status(t);
        k->sum_rows(g, y->g, rows, s.in, add);
    }
    float *dyt = cull__take_floats(t, s.in * ld);
    if (!dyt) return cull_tape_status(t);
    to_features(y->g, rows, s.in, dyt);
    if (y->in[1]->needs) grad_of_weights(t, y, &s, dyt);
    if (y->in[0]->needs) grad_of_input(t, y, &s, dyt);
    cull__give_floats(t, dyt, s.in * ld);
    return cull_tape_status(t);
}

static double macs(const cull_var *y) { return (double)rows_of(y) * (double)y->in[1]->n; }

const cull__op cull__op_linear_links = {
    .name = "linear_links",
    .doc = "x by weights that are a list of few, plus a bias",
    .flags = CULL__READS_IN1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .macs = macs,
};

cull_var *cull__nn_linear_links(cull_tape *t, cull_var *x, cull_var *w, cull_var *b,
                                const cull__sparse *list)
{
    return cull__apply(t, &cull__op_linear_links, (cull_var *[]){x, w, b}, b ? 3 : 2,
                       &(links){list}, sizeof(links));
}
