/* op_loss_more.c - losses beside cross entropy. Each leaves its slopes behind, so that backward only scales
 * them: those in x, and where a gradient passes to the second input and they are not just the opposite, those
 * in it. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

#include <inttypes.h>
#include <math.h>

typedef struct {
    int which; /* of the kernels' `each` */
    double b;  /* the loss's own number */
    const float *weight;
} loss;

static cull_status shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0], *z = y->in[1];
    char p[96], q[96];
    bool same = x->rank == z->rank;
    for (int i = 0; same && i < x->rank; i++) same = x->dim[i] == z->dim[i];
    if (!same)
        return cull__wrong(t, y, "the shapes are %s and %s; they must be the same",
                           cull__dims(x, p), cull__dims(z, q));
    y->rank = 0;
    return CULL_OK;
}

static cull_status positive_shape(cull_tape *t, cull_var *y)
{
    const loss *a = y->attr;
    if (!(a->b > 0) || isinf(a->b))
        return cull__wrong(t, y, "its number is %g; it must be above 0", a->b);
    return shape(t, y);
}

/* What a row's loss is multiplied by: its share of all weights. */
static double share(const loss *a, int64_t rows, int64_t r, double all)
{
    return a->weight ? (double)a->weight[r] / all : 1 / (double)rows;
}
static double weights(const loss *a, int64_t rows)
{
    double all = 0;
    for (int64_t r = 0; a->weight && r < rows; r++) all += (double)a->weight[r];
    return all;
}

static cull_status scale_into(cull_tape *t, cull_var *y, int of, const float *slope, float sign)
{
    cull_var *x = y->in[of];
    bool add;
    if (!x->needs) return CULL_OK;
    float *g = cull__grad(t, x, &add);
    if (g) CULL__KERN(rows, cull__tape_ctx(t))->scaled(g, slope, x->n, sign * y->g[0], add);
    return cull_tape_status(t);
}

/* ---- of single numbers: rows are those of the first dimension ---- */

static cull_status each(cull_tape *t, cull_var *y)
{
    const loss *a = y->attr;
    const cull__loss_kern *k = CULL__KERN(loss, cull__tape_ctx(t));
    const cull_var *x = y->in[0];
    const int64_t rows = x->rank && a->weight ? x->dim[0] : 1, n = x->n / rows;
    const double all = weights(a, rows);
    float *q = cull__save(t, y, x->n);
    if (!q) return cull_tape_status(t);
    double total = 0;
    for (int64_t r = 0; r < rows; r++)
        total += k->each[a->which](q + r * n, x->v + r * n, y->in[1]->v + r * n, n,
                                   (float)(share(a, rows, r, all) / (double)n), (float)a->b);
    y->v[0] = (float)total;
    return CULL_OK;
}

static cull_status one_sided(cull_tape *t, cull_var *y) { return scale_into(t, y, 0, y->save, 1); }

static cull_status two_sided(cull_tape *t, cull_var *y)
{
    CULL_TRY(scale_into(t, y, 0, y->save, 1));
    return scale_into(t, y, 1, y->save, -1);
}

/* ---- of rows of the last dimension ---- */

typedef struct {
    int64_t rows, n;
    double all;
} grid;

static grid grid_of(const cull_var *y)
{
    const cull_var *x = y->in[0];
    const int64_t n = x->rank ? x->dim[x->rank - 1] : 1, rows = x->n / n;
    return (grid){rows, n, weights(y->attr, rows)};
}

static cull_status soft(cull_tape *t, cull_var *y)
{
    const grid g = grid_of(y);
    const cull_var *x = y->in[0];
    const bool both = y->in[1]->needs;
    float *q = cull__save(t, y, both ? 2 * x->n : x->n), *log = NULL;
    if (q) log = cull__take_floats(t, x->n);
    if (!log) return cull_tape_status(t);
    CULL__KERN(rows, cull__tape_ctx(t))->log_softmax(log, x->v, g.rows, g.n, 1);
    double total = 0;
    for (int64_t r = 0, at = 0; r < g.rows; r++, at += g.n) {
        const float a = (float)share(y->attr, g.rows, r, g.all);
        total +=
            CULL__KERN(loss, cull__tape_ctx(t))->soft(q + at, y->in[1]->v + at, log + at, g.n, a);
        if (both)
            CULL__KERN(rows, cull__tape_ctx(t))->scaled(q + x->n + at, log + at, g.n, -a, false);
    }
    y->v[0] = (float)total;
    cull__give_floats(t, log, x->n);
    return CULL_OK;
}

static cull_status kl(cull_tape *t, cull_var *y)
{
    const grid g = grid_of(y);
    const cull_var *x = y->in[0];
    const double temperature = ((const loss *)y->attr)->b;
    const cull__rows_kern *k = CULL__KERN(rows, cull__tape_ctx(t));
    float *q = cull__save(t, y, x->n), *p = NULL, *log = NULL;
    if (q) p = cull__take_floats(t, x->n);
    if (p) log = cull__take_floats(t, x->n);
    if (!log) return cull_tape_status(t);
    k->log_softmax(log, x->v, g.rows, g.n, (float)(1 / temperature));
    k->log_softmax(p, y->in[1]->v, g.rows, g.n, (float)(1 / temperature));
    double total = 0;
    for (int64_t r = 0, at = 0; r < g.rows; r++, at += g.n)
        total += CULL__KERN(loss, cull__tape_ctx(t))
                     ->kl(q + at, p + at, log + at, g.n,
                          (float)(temperature * share(y->attr, g.rows, r, g.all)));
    y->v[0] = (float)(temperature * total); /* the slopes in x have one T less than the loss */
    cull__give_floats(t, p, x->n);
    cull__give_floats(t, log, x->n);
    return CULL_OK;
}

static cull_status rank(cull_tape *t, cull_var *y)
{
    const grid g = grid_of(y);
    const loss *a = y->attr;
    float *q = cull__save(t, y, y->in[0]->n);
    if (!q) return cull_tape_status(t);
    double total = 0;
    for (int64_t r = 0, at = 0; r < g.rows; r++, at += g.n)
        total += CULL__KERN(loss, cull__tape_ctx(t))
                     ->rank(q + at, y->in[0]->v + at, y->in[1]->v + at, g.n,
                            (float)share(a, g.rows, r, g.all), (float)a->b);
    y->v[0] = (float)total;
    return CULL_OK;
}

static cull_status cosine(cull_tape *t, cull_var *y)
{
    const grid g = grid_of(y);
    const int64_t n = y->in[0]->n;
    float *q = cull__save(t, y, 2 * n);
    if (!q) return cull_tape_status(t);
    double total = 0;
    for (int64_t r = 0, at = 0; r < g.rows; r++, at += g.n)
        total += CULL__KERN(loss, cull__tape_ctx(t))
                     ->cosine(q + at, q + n + at, y->in[0]->v + at, y->in[1]->v + at, g.n,
                              (float)share(y->attr, g.rows, r, g.all));
    y->v[0] = (float)total;
    return CULL_OK;
}

static cull_status own_slopes(cull_tape *t, cull_var *y)
{
    const float *q = y->save;
    CULL_TRY(scale_into(t, y, 0, q, 1));
    return scale_into(t, y, 1, q + y->in[0]->n, 1);
}

#define LOSS(NAME, check, forth, back, say)                                                        \
    const cull__op cull__op_##NAME = {                                                             \
        .name = #NAME,                                                                             \
        .doc = say,                                                                                \
        .flags = CULL__READS_OUT,                                                                  \
        .shape = check,                                                                            \
        .forward = forth,                                                                          \
        .backward = back,                                                                          \
    };
LOSS(bce, positive_shape, each, one_sided, "mean cross entropy of sigmoid(x)")
LOSS(cosine_distance, shape, cosine, own_slopes, "mean of 1 - cos(x, y)")
LOSS(hinge, shape, each, one_sided, "mean of max(0, margin - target x)")
LOSS(huber, positive_shape, each, two_sided, "mean of squares near 0, distances beyond")
LOSS(kl, positive_shape, kl, one_sided, "mean of T^2 KL(teacher | x) at temperature T")
LOSS(mae, shape, each, two_sided, "mean of |x - target|")
LOSS(mse, shape, each, two_sided, "mean of (x - target)^2")
LOSS(rank_logistic, shape, rank, one_sided, "mean over pairs of log(1 + exp(x_j - x_i))")
LOSS(rank_margin, shape, rank, one_sided, "mean over pairs of max(0, margin - x_i + x_j)")
LOSS(soft_cross_entropy, shape, soft, own_slopes, "mean cross entropy with probabilities")

static cull_var *apply(cull_tape *t, const cull__op *op, cull_var *x, cull_var *y, loss a)
{
    return cull__apply(t, op, (cull_var *[]){x, y}, 2, &a, sizeof a);
}

cull_var *cull_nn_bce(cull_tape *t, cull_var *x, cull_var *target, double positive,
                      const float *weight)
{
    return apply(t, &cull__op_bce, x, target, (loss){CULL__LOSS_bce, positive, weight});
}
cull_var *cull_nn_cosine_distance(cull_tape *t, cull_var *x, cull_var *y, const float *weight)
{
    return apply(t, &cull__op_cosine_distance, x, y, (loss){.weight = weight});
}
cull_var *cull_nn_hinge(cull_tape *t, cull_var *x, cull_var *target, double margin,
                        const float *weight)
{
    return apply(t, &cull__op_hinge, x, target, (loss){CULL__LOSS_hinge, margin, weight});
}
cull_var *cull_nn_huber(cull_tape *t, cull_var *x, cull_var *target, double delta,
                        const float *weight)
{
    return apply(t, &cull__op_huber, x, target, (loss){CULL__LOSS_huber, delta, weight});
}
cull_var *cull_nn_kl(cull_tape *t, cull_var *x, cull_var *teacher, double temperature,
                     const float *weight)
{
    return apply(t, &cull__op_kl, x, teacher, (loss){.b = temperature, .weight = weight});
}
cull_var *cull_nn_mae(cull_tape *t, cull_var *x, cull_var *target, const float *weight)
{
    return apply(t, &cull__op_mae, x, target, (loss){CULL__LOSS_mae, 0, weight});
}
cull_var *cull_nn_mse(cull_tape *t, cull_var *x, cull_var *target, const float *weight)
{
    return apply(t, &cull__op_mse, x, target, (loss){CULL__LOSS_mse, 0, weight});
}
cull_var *cull_nn_rank_logistic(cull_tape *t, cull_var *x, cull_var *target, const float *weight)
{
    return apply(t, &cull__op_rank_logistic, x, target, (loss){.b = -1, .weight = weight});
}
cull_var *cull_nn_rank_margin(cull_tape *t, cull_var *x, cull_var *target, double margin,
                              const float *weight)
{
    const loss a = {.b = margin > 0 ? margin : 0, .weight = weight};
    return apply(t, &cull__op_rank_margin, x, target, a);
}
cull_var *cull_nn_soft_cross_entropy(cull_tape *t, cull_var *x, cull_var *target,
                                     const float *weight)
{
    return apply(t, &cull__op_soft_cross_entropy, x, target, (loss){.weight = weight});
}
