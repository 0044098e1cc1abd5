/* op_matmul.c - products of matrices, one or a batch of them. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

#include <string.h>

typedef struct {
    bool tx, ty;
} turned;

/* The matrices of the product, and how a batch of them lies. */
typedef struct {
    int64_t m, n, k, x_cols, y_cols; /* cols: as stored */
    int64_t d[2], a[2], b[2];        /* leading dimensions of the result; steps of x and y there */
} product;

static bool leading(const cull_var *x, const cull_var *y, cull_var *z)
{
    cull_var p = *x, q = *y;
    p.rank -= 2, q.rank -= 2;
    return cull__broadcast(&p, &q, &z->rank, z->dim);
}

static cull_status shape(cull_tape *t, cull_var *z)
{
    const cull_var *x = z->in[0], *y = z->in[1];
    const turned *w = z->attr;
    char p[96], q[96];
    bool good = x->rank >= 2 && y->rank >= 2;
    if (good) {
        const int64_t *a = x->dim + x->rank - 2, *b = y->dim + y->rank - 2;
        good = a[!w->tx] == b[w->ty] && leading(x, y, z);
        z->rank += 2;
        if (good) z->dim[z->rank - 2] = a[w->tx], z->dim[z->rank - 1] = b[!w->ty];
    }
    if (good) return CULL_OK;
    return cull__wrong(t, z, "x is %s and y is %s; they must be (..., %s) and (..., %s)",
                       cull__dims(x, p), cull__dims(y, q), w->tx ? "k, m" : "m, k",
                       w->ty ? "n, k" : "k, n");
}

static product product_of(const cull_var *z)
{
    const turned *w = z->attr;
    cull_var x = *z->in[0], y = *z->in[1];
    const int64_t *a = x.dim + x.rank - 2, *b = y.dim + y.rank - 2;
    int64_t sa[CULL_RANK], sb[CULL_RANK];
    product p = {.m = a[w->tx], .k = a[!w->tx], .n = b[!w->ty], .x_cols = a[1], .y_cols = b[1]};
    p.d[0] = p.d[1] = 1;
    x.rank -= 2, y.rank -= 2;
    const int lead = z->rank - 2;
    if (y.n == p.k * p.n && !w->tx) { /* one matrix for all rows of x */
        p.m = x.n / p.k;
        return p;
    }
    cull__broadcast_strides(&x, lead, sa);
    cull__broadcast_strides(&y, lead, sb);
    for (int i = 0; i < lead; i++) {
        p.d[2 - lead + i] = z->dim[i];
        p.a[2 - lead + i] = sa[i] * p.m * p.k;
        p.b[2 - lead + i] = sb[i] * p.k * p.n;
    }
    return p;
}

static cull_status forward(cull_tape *t, cull_var *z)
{
    const turned *w = z->attr;
    const product p = product_of(z);
    float *c = z->v;
    for (int64_t i = 0; i < p.d[0]; i++)
        for (int64_t j = 0; j < p.d[1]; j++, c += p.m * p.n)
            cull__mm(t, w->tx, w->ty, p.m, p.n, p.k, z->in[0]->v + i * p.a[0] + j * p.a[1],
                     p.x_cols, z->in[1]->v + i * p.b[0] + j * p.b[1], p.y_cols, false, c, p.n);
    return CULL_OK;
}

/* dx = dz y^T, or its transposed, as x is stored; dy = x^T dz likewise. A matrix that was broadcast is the
 * same for several of the batch: the first of them writes, the rest add. */
static cull_status side(cull_tape *t, cull_var *z, int of)
{
    const turned *w = z->attr;
    const product p = product_of(z);
    const float *dz = z->g;
    const int64_t *s = of ? p.b : p.a;
    bool add;
    float *grad = cull__grad(t, z->in[of], &add);
    if (!grad) return cull_tape_status(t);
    for (int64_t i = 0; i < p.d[0]; i++)
        for (int64_t j = 0; j < p.d[1]; j++, dz += p.m * p.n) {
            const float *x = z->in[0]->v + i * p.a[0] + j * p.a[1];
            const float *y = z->in[1]->v + i * p.b[0] + j * p.b[1];
            float *g = grad + i * s[0] + j * s[1];
            const bool more = add || (i && !s[0]) || (j && !s[1]);
            if (of == 0 && !w->tx)
                cull__mm(t, false, !w->ty, p.m, p.k, p.n, dz, p.n, y, p.y_cols, more, g, p.x_cols);
            else if (of == 0)
                cull__mm(t, w->ty, true, p.k, p.m, p.n, y, p.y_cols, dz, p.n, more, g, p.x_cols);
            else if (!w->ty)
                cull__mm(t, !w->tx, false, p.k, p.n, p.m, x, p.x_cols, dz, p.n, more, g, p.y_cols);
            else
                cull__mm(t, true, w->tx, p.n, p.k, p.m, dz, p.n, x, p.x_cols, more, g, p.y_cols);
        }
    return CULL_OK;
}

static cull_status backward(cull_tape *t, cull_var *z)
{
    for (int of = 0; of < 2; of++)
        if (z->in[of]->needs) CULL_TRY(side(t, z, of));
    return CULL_OK;
}

static double macs(const cull_var *z) { return (double)z->n * (double)product_of(z).k; }

const cull__op cull__op_matmul = {
    .name = "matmul",
    .doc = "matrix products of the last two dimensions",
    .flags = CULL__READS_IN,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .macs = macs,
};

cull_var *cull_nn_matmul(cull_tape *t, cull_var *x, bool tx, cull_var *y, bool ty)
{
    const turned w = {tx, ty};
    return cull__apply(t, &cull__op_matmul, (cull_var *[]){x, y}, 2, &w, sizeof w);
}
