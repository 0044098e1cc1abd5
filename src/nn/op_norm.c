/* op_norm.c - batch normalisation, alone or with the relu that follows.
 *
 * Statistics take one pass: sums of differences from the mean of what came before, over blocks that a cache
 * holds, joined in double (Chan, Golub and LeVeque 1979). So a mean that is large beside the deviation
 * costs no digits. Of the two passes of the gradient the first takes both sums. */
#include "nn/norm.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

cull__normed cull__normed_at(float *p, int64_t c)
{
    return (cull__normed){p, p + c, p + 2 * c, p + 3 * c};
}

cull__norm cull__norm_of(const cull_norm *o)
{
    return (cull__norm){.mean = o->mean,
                        .var = o->var,
                        .eps = o->eps != 0 ? o->eps : 1e-5,
                        .momentum = o->momentum != 0 ? o->momentum : 0.1};
}

cull_status cull__norm_check(cull_tape *t, const cull_var *y, const cull__norm *o, int64_t c,
                             int64_t rows, const cull_var *gamma, const cull_var *beta)
{
    char g[96], b[96];
    if (gamma && (gamma->rank != 1 || beta->rank != 1 || gamma->n != c || beta->n != c))
        return cull__wrong(t, y, "gamma is %s and beta %s; x has %" PRId64 " channels",
                           cull__dims(gamma, g), cull__dims(beta, b), c);
    if (!(o->eps > 0) || !(o->momentum > 0 && o->momentum <= 1))
        return cull__wrong(t, y, "eps is %g and momentum %g; they must be above 0, momentum to 1",
                           o->eps, o->momentum);
    if ((o->mean < 0) != (o->var < 0))
        return cull__wrong(t, y, "running statistics are a mean and a variance, or neither");
    for (int i = 0; i < 2 && o->mean >= 0; i++) {
        const cull_param *q = cull_params_at(cull__tape_params(t), i ? o->var : o->mean);
        if (!q || !(q->flags & CULL_PARAM_STATE) || q->n != c)
            return cull__wrong(t, y,
                               "the running %s must be a state parameter of %" PRId64 " numbers",
                               i ? "variance" : "mean", c);
    }
    if (rows < 2 && cull__norm_by_batch(t, o))
        return cull__wrong(t, y, "there is one number a channel; a batch's spread needs two");
    return CULL_OK;
}

bool cull__norm_by_batch(const cull_tape *t, const cull__norm *o)
{
    return o->mean < 0 || cull__tape_mode(t) & CULL_TAPE_TRAIN;
}

/* ---- statistics ---- */

/* Blocks so far (n rows of them) and one more of r: means and sums of squares about them. */
static void join(double *mean, double *m2, int64_t n, int64_t r, int64_t c, const float *mid,
                 const float *s, const float *q)
{
    const double part = (double)r / (double)(n + r);
    for (int64_t i = 0; i < c; i++) {
        const double off = (double)s[i] / (double)r, own = (double)q[i] - off * (double)s[i];
        const double d = (double)mid[i] + off - mean[i];
        mean[i] += d * part;
        m2[i] += (own > 0 ? own : 0) + d * d * part * (double)n;
    }
}

static cull_status batch_statistics(cull_tape *t, const float *x, int64_t rows, int64_t c,
                                    float *mean, double *m2)
{
    const cull__norm_kern *k = CULL__KERN(norm, cull__tape_ctx(t));
    const int64_t step = cull__norm_rows(c);
    double *at = (double *)cull__take_floats(t, 2 * c);
    float *s = cull__take_floats(t, 2 * c), *q = s ? s + c : NULL;
    if (!at || !s) return cull_tape_status(t);
    memset(at, 0, (size_t)c * sizeof *at);
    memset(m2, 0, (size_t)c * sizeof *m2);
    memcpy(mean, x, (size_t)c * sizeof *mean);
    for (int64_t lo = 0, r; lo < rows; lo += r) {
        r = rows - lo < step ? rows - lo : step;
        memset(s, 0, (size_t)(2 * c) * sizeof *s);
        k->spread(x + lo * c, r, c, mean, s, q);
        if (lo == 0) { /* once more, about their own mean: the first row may lie far off */
            for (int64_t i = 0; i < c; i++) mean[i] += s[i] / (float)r;
            memset(s, 0, (size_t)(2 * c) * sizeof *s);
            k->spread(x, r, c, mean, s, q);
        }
        join(at, m2, lo, r, c, mean, s, q);
        for (int64_t i = 0; i < c; i++) mean[i] = (float)at[i];
    }
    cull__give_floats(t, (float *)at, 2 * c);
    cull__give_floats(t, s, 2 * c);
    return CULL_OK;
}

/* New running statistics: idempotent, since a value may be computed again. */
static cull_status keep(cull_tape *t, const cull__norm *o, int64_t rows, int64_t c,
                        const float *mean, const double *m2)
{
    if (o->mean < 0) return CULL_OK;
    cull_params *p = cull__tape_params(t);
    const float *old = cull_params_value(p);
    const int64_t at = cull_params_at(p, o->mean)->at, var_at = cull_params_at(p, o->var)->at;
    float *m = cull__tape_state(t, o->mean), *v = m ? cull__tape_state(t, o->var) : NULL;
    if (!v) return cull_tape_status(t);
    for (int64_t i = 0; i < c; i++) {
        const double was = (double)old[at + i], spread = (double)old[var_at + i];
        m[i] = (float)(was + o->momentum * ((double)mean[i] - was));
        v[i] = (float)(spread + o->momentum * (m2[i] / (double)(rows - 1) - spread));
    }
    return CULL_OK;
}

cull_status cull__norm_find(cull_tape *t, const cull__norm *o, const float *x, int64_t rows,
                            int64_t c, const float *gamma, const float *beta,
                            const cull__normed *to)
{
    double *m2 = (double *)cull__take_floats(t, 2 * c);
    if (!m2) return cull_tape_status(t);
    if (cull__norm_by_batch(t, o)) {
        CULL_TRY(batch_statistics(t, x, rows, c, to->mean, m2));
        CULL_TRY(keep(t, o, rows, c, to->mean, m2));
        for (int64_t i = 0; i < c; i++) m2[i] /= (double)rows;
    } else {
        cull_params *p = cull__tape_params(t);
        const float *old = cull_params_value(p);
        memcpy(to->mean, old + cull_params_at(p, o->mean)->at, (size_t)c * sizeof *to->mean);
        for (int64_t i = 0; i < c; i++) m2[i] = (double)old[cull_params_at(p, o->var)->at + i];
    }
    for (int64_t i = 0; i < c; i++) {
        const double inv = 1 / sqrt(m2[i] + o->eps), a = inv * (gamma ? (double)gamma[i] : 1);
        to->inv[i] = (float)inv;
        to->a[i] = (float)a;
        to->b[i] = (float)((beta ? (double)beta[i] : 0) - a * (double)to->mean[i]);
    }
    cull__give_floats(t, (float *)m2, 2 * c);
    return CULL_OK;
}

void cull__norm_slopes(const cull__normed *m, bool batch, int64_t rows, int64_t c,
                       const double *sum, const double *product, float by, float *k, float *l,
                       float *z)
{
    for (int64_t i = 0; i < c; i++) {
        const double a = (double)m->a[i] * (double)by, inv = (double)m->inv[i];
        const double slope = batch ? -a * inv * inv * product[i] / (double)rows : 0;
        k[i] = (float)a;
        l[i] = (float)slope;
        z[i] = batch ? (float)(-a * sum[i] / (double)rows - slope * (double)m->mean[i]) : 0;
    }
}

/* ---- the operations ---- */

extern const cull__op cull__op_batch_norm_relu;

static int64_t channels(const cull_var *x) { return x->dim[x->rank - 1]; }
static bool with_relu(const cull_var *y) { return y->op == &cull__op_batch_norm_relu; }

static cull_status shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    char d[96];
    if (x->rank < 2)
        return cull__wrong(t, y, "x is %s; it must be (..., channels)", cull__dims(x, d));
    y->rank = x->rank;
    memcpy(y->dim, x->dim, sizeof y->dim);
    return cull__norm_check(t, y, y->attr, channels(x), x->n / channels(x),
                            y->ins > 1 ? y->in[1] : NULL, y->ins > 1 ? y->in[2] : NULL);
}

static cull_status forward(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    const int64_t c = channels(x), rows = x->n / c;
    float *save = cull__save(t, y, CULL__NORMED * c);
    if (!save) return cull_tape_status(t);
    const cull__normed m = cull__normed_at(save, c);
    CULL_TRY(cull__norm_find(t, y->attr, x->v, rows, c, y->ins > 1 ? y->in[1]->v : NULL,
                             y->ins > 1 ? y->in[2]->v : NULL, &m));
    const int64_t step = cull__norm_rows(c);
    const cull__norm_kern *k = CULL__KERN(norm, cull__tape_ctx(t));
    for (int64_t lo = 0; lo < rows; lo += step)
        k->scale(y->v + lo * c, x->v + lo * c, rows - lo < step ? rows - lo : step, c, m.a, m.b,
                 with_relu(y));
    return CULL_OK;
}

/* Sums of the gradient, and of its products with x - mean. */
static void sums(const cull__norm_kern *k, const cull_var *y, const cull__normed *m, float *block,
                 double *sum, double *product)
{
    const cull_var *x = y->in[0];
    const int64_t c = channels(x), rows = x->n / c, step = cull__norm_rows(c);
    memset(sum, 0, (size_t)c * sizeof *sum);
    memset(product, 0, (size_t)c * sizeof *product);
    for (int64_t lo = 0; lo < rows; lo += step) {
        memset(block, 0, (size_t)(2 * c) * sizeof *block);
        k->product(y->g + lo * c, x->v + lo * c, rows - lo < step ? rows - lo : step, c, m->mean,
                   m->a, m->b, with_relu(y), block, block + c);
        for (int64_t i = 0; i < c; i++) sum[i] += (double)block[i];
        for (int64_t i = 0; i < c; i++) product[i] += (double)block[c + i];
    }
}

static cull_status to_affine(cull_tape *t, cull_var *y, const cull__normed *m, const double *sum,
                             const double *product)
{
    for (int j = 1; j < y->ins; j++) {
        bool add;
        if (!y->in[j]->needs) continue;
        float *g = cull__grad(t, y->in[j], &add);
        if (!g) return cull_tape_status(t);
        for (int64_t i = 0; i < y->in[j]->n; i++) {
            const double v = j == 1 ? product[i] * (double)m->inv[i] : sum[i];
            g[i] = (float)((add ? (double)g[i] : 0) + v);
        }
    }
    return CULL_OK;
}

static cull_status backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    const int64_t c = channels(x), rows = x->n / c, step = cull__norm_rows(c), room = 9 * c;
    const cull__normed m = cull__normed_at(y->save, c);
    const cull__norm_kern *k = CULL__KERN(norm, cull__tape_ctx(t));
    float *lent = cull__take_floats(t, room);
    if (!lent) return cull_tape_status(t);
    double *sum = (double *)lent, *product = sum + c;
    float *of_g = lent + 4 * c, *of_x = of_g + c, *rest = of_x + c;
    sums(k, y, &m, rest + c, sum, product);
    CULL_TRY(to_affine(t, y, &m, sum, product));
    if (x->needs) {
        bool add = false;
        const float *dy = y->g;
        float *dx = cull__grad_move(t, y, x) ? x->g : cull__grad(t, x, &add);
        if (!dx) return cull_tape_status(t);
        cull__norm_slopes(&m, cull__norm_by_batch(t, y->attr), rows, c, sum, product, 1, of_g, of_x,
                          rest);
        for (int64_t lo = 0; lo < rows; lo += step)
            k->back(dx + lo * c, dy + lo * c, x->v + lo * c, rows - lo < step ? rows - lo : step, c,
                    of_g, of_x, rest, m.a, m.b, with_relu(y), add);
    }
    cull__give_floats(t, lent, room);
    return CULL_OK;
}

const cull__op cull__op_batch_norm = {
    .name = "batch_norm",
    .doc = "each channel to mean 0 and variance 1, then scaled and shifted",
    .flags = CULL__READS_IN0 | CULL__READS_OUT,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};

const cull__op cull__op_batch_norm_relu = {
    .name = "batch_norm_relu",
    .doc = "max(batch_norm(x), 0)",
    .flags = CULL__READS_IN0 | CULL__READS_OUT,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};

static cull_var *normed(cull_tape *t, const cull__op *op, cull_var *x, const cull_norm *o)
{
    const cull__norm a = cull__norm_of(o);
    const bool affine = o->gamma || o->beta;
    return cull__apply(t, op, (cull_var *[]){x, o->gamma, o->beta}, affine ? 3 : 1, &a, sizeof a);
}

cull_var *cull_nn_batch_norm(cull_tape *t, cull_var *x, const cull_norm *o)
{
    return normed(t, &cull__op_batch_norm, x, o);
}

cull_var *cull_nn_batch_norm_relu(cull_tape *t, cull_var *x, const cull_norm *o)
{
    return normed(t, &cull__op_batch_norm_relu, x, o);
}
