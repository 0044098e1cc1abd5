/* op_mix.c - weighted sums of branches, some of them normalised on the way; and add_relu.
 *
 * Forward and backward go over blocks of rows that a cache holds and take every branch's block in turn, so
 * the sum and its gradient pass through memory once whatever the number of branches. */
#include "nn/norm.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

enum { BRANCHES = 64 };

typedef struct {
    cull__norm norm;
    int64_t at;   /* of its weight */
    int x, gamma; /* inputs; gamma < 0: not scaled (beta is the next one) */
    int place;    /* its statistics, in what is saved; < 0: it is not normalised */
} branch;
typedef struct {
    int n, normed;
    branch b[BRANCHES]; /* n of them are kept */
} mix;

static int64_t channels(const cull_var *x) { return x->dim[x->rank - 1]; }
static const float *gamma_of(const cull_var *y, const branch *b)
{
    return b->gamma < 0 ? NULL : y->in[b->gamma]->v;
}
static const float *beta_of(const cull_var *y, const branch *b)
{
    return b->gamma < 0 ? NULL : y->in[b->gamma + 1]->v;
}
static cull__normed normed_at(const cull_var *y, const branch *b)
{
    const int64_t c = channels(y);
    return cull__normed_at((float *)y->save + b->place * CULL__NORMED * c, c);
}

static cull_status shape(cull_tape *t, cull_var *y)
{
    const mix *m = y->attr;
    const cull_var *first = y->in[m->b[0].x];
    char one[96], other[96];
    if (first->rank < 2)
        return cull__wrong(t, y, "branch 0 is %s; it must be (..., channels)",
                           cull__dims(first, one));
    const int64_t c = channels(first);
    for (int k = 0; k < m->n; k++) {
        const branch *b = m->b + k;
        const cull_var *x = y->in[b->x];
        if (x->rank != first->rank || memcmp(x->dim, first->dim, sizeof x->dim) != 0)
            return cull__wrong(t, y, "branch 0 is %s and branch %d is %s; they must be the same",
                               cull__dims(first, one), k, cull__dims(x, other));
        if (b->at < 0 || b->at >= y->in[0]->n)
            return cull__wrong(t, y, "branch %d has weight number %" PRId64 " of %" PRId64, k,
                               b->at, y->in[0]->n);
        if (b->place >= 0)
            CULL_TRY(cull__norm_check(t, y, &b->norm, c, x->n / c,
                                      b->gamma < 0 ? NULL : y->in[b->gamma],
                                      b->gamma < 0 ? NULL : y->in[b->gamma + 1]));
    }
    y->rank = first->rank;
    memcpy(y->dim, first->dim, sizeof y->dim);
    return CULL_OK;
}

/* Of each branch a and b (c numbers each): its share of y is a x + b. */
static void shares(const cull_var *y, float *to)
{
    const mix *m = y->attr;
    const int64_t c = channels(y);
    for (int k = 0; k < m->n; k++, to += 2 * c) {
        const float w = y->in[0]->v[m->b[k].at];
        const cull__normed s = m->b[k].place < 0 ? (cull__normed){0} : normed_at(y, m->b + k);
        for (int64_t i = 0; i < c; i++) {
            to[i] = s.a ? w * s.a[i] : w;
            to[c + i] = s.b ? w * s.b[i] : 0;
        }
    }
}

static cull_status forward(cull_tape *t, cull_var *y)
{
    const mix *m = y->attr;
    const int64_t c = channels(y), rows = y->n / c, step = cull__norm_rows(c);
    const int64_t room = 2 * c * m->n;
    const cull__norm_kern *k = CULL__KERN(norm, cull__tape_ctx(t));
    if (m->normed && !cull__save(t, y, CULL__NORMED * c * m->normed)) return cull_tape_status(t);
    for (int i = 0; i < m->n; i++) {
        const branch *b = m->b + i;
        if (b->place < 0) continue;
        const cull__normed s = normed_at(y, b);
        CULL_TRY(cull__norm_find(t, &b->norm, y->in[b->x]->v, rows, c, gamma_of(y, b),
                                 beta_of(y, b), &s));
    }
    float *ab = cull__take_floats(t, room);
    if (!ab) return cull_tape_status(t);
    shares(y, ab);
    for (int64_t lo = 0; lo < rows; lo += step) {
        const int64_t r = rows - lo < step ? rows - lo : step;
        for (int i = 0; i < m->n; i++) {
            const float *x = y->in[m->b[i].x]->v + lo * c, *a = ab + 2 * c * i;
            if (i == 0)
                k->scale(y->v + lo * c, x, r, c, a, a + c, false);
            else
                k->scale_add(y->v + lo * c, x, r, c, a, a + c);
        }
    }
    cull__give_floats(t, ab, room);
    return CULL_OK;
}

/* ---- backward ---- */

/* For each branch: k, l and z (c each) of the gradient of its x, and c sums of products. */
typedef struct {
    float *zero, *block; /* c; 2 c */
    double *sum;         /* of y's gradient: c */
    double *product;     /* of that with x - mean: n c */
    float *slope;        /* n of 3 c */
} lent;

static int64_t lent_floats(const mix *m, int64_t c) { return c * (5 + 5 * (int64_t)m->n) + c; }
static lent lent_at(float *p, const mix *m, int64_t c)
{
    double *sum = (double *)p;
    float *rest = p + 2 * c + 2 * c * m->n;
    return (lent){rest, rest + c, sum, sum + c, rest + 3 * c};
}

static void products(cull_tape *t, const cull_var *y, const lent *u)
{
    const mix *m = y->attr;
    const int64_t c = channels(y), rows = y->n / c, step = cull__norm_rows(c);
    const cull__norm_kern *k = CULL__KERN(norm, cull__tape_ctx(t));
    memset(u->zero, 0, (size_t)c * sizeof *u->zero);
    memset(u->sum, 0, (size_t)(c * (1 + m->n)) * sizeof *u->sum);
    for (int64_t lo = 0; lo < rows; lo += step) {
        const int64_t r = rows - lo < step ? rows - lo : step;
        for (int i = 0; i < m->n; i++) {
            const branch *b = m->b + i;
            double *product = u->product + c * i;
            memset(u->block, 0, (size_t)(2 * c) * sizeof *u->block);
            k->product(y->g + lo * c, y->in[b->x]->v + lo * c, r, c,
                       b->place < 0 ? u->zero : normed_at(y, b).mean, NULL, NULL, false,
                       i ? NULL : u->block, u->block + c);
            for (int64_t e = 0; e < c; e++) product[e] += (double)u->block[c + e];
            for (int64_t e = 0; i == 0 && e < c; e++) u->sum[e] += (double)u->block[e];
        }
    }
}

static cull_status to_weights(cull_tape *t, cull_var *y, const lent *u)
{
    const mix *m = y->attr;
    const int64_t c = channels(y);
    cull_var *w = y->in[0];
    bool add;
    if (!w->needs) return CULL_OK;
    float *g = cull__grad(t, w, &add);
    if (!g) return cull_tape_status(t);
    if (!add) memset(g, 0, (size_t)w->n * sizeof *g);
    for (int i = 0; i < m->n; i++) {
        const branch *b = m->b + i;
        const double *product = u->product + c * i;
        double s = 0;
        for (int64_t e = 0; e < c; e++)
            if (b->place < 0)
                s += product[e];
            else {
                const cull__normed n = normed_at(y, b);
                const float *beta = beta_of(y, b);
                s += (double)n.a[e] * product[e] + (beta ? (double)beta[e] * u->sum[e] : 0);
            }
        g[b->at] += (float)s;
    }
    return CULL_OK;
}

static cull_status to_affine(cull_tape *t, cull_var *y, const lent *u)
{
    const mix *m = y->attr;
    const int64_t c = channels(y);
    for (int i = 0; i < m->n; i++) {
        const branch *b = m->b + i;
        const double w = (double)y->in[0]->v[b->at];
        for (int j = 0; j < 2 && b->gamma >= 0; j++) {
            cull_var *p = y->in[b->gamma + j];
            bool add;
            if (!p->needs) continue;
            float *g = cull__grad(t, p, &add);
            if (!g) return cull_tape_status(t);
            const cull__normed n = normed_at(y, b);
            for (int64_t e = 0; e < c; e++) {
                const double v = w * (j ? u->sum[e] : u->product[c * i + e] * (double)n.inv[e]);
                g[e] = (float)((add ? (double)g[e] : 0) + v);
            }
        }
    }
    return CULL_OK;
}

static void slopes(const cull_tape *t, const cull_var *y, const lent *u)
{
    const mix *m = y->attr;
    const int64_t c = channels(y);
    for (int i = 0; i < m->n; i++) {
        const branch *b = m->b + i;
        float *k = u->slope + 3 * c * i;
        const float w = y->in[0]->v[b->at];
        if (b->place < 0) {
            for (int64_t e = 0; e < c; e++) k[e] = w;
            continue;
        }
        const cull__normed n = normed_at(y, b);
        cull__norm_slopes(&n, cull__norm_by_batch(t, &b->norm), y->n / c, c, u->sum,
                          u->product + c * i, w, k, k + c, k + 2 * c);
    }
}

static cull_status to_branches(cull_tape *t, cull_var *y, const lent *u)
{
    const mix *m = y->attr;
    const int64_t c = channels(y), rows = y->n / c, step = cull__norm_rows(c);
    const cull__norm_kern *k = CULL__KERN(norm, cull__tape_ctx(t));
    float *g[BRANCHES] = {0};
    bool add[BRANCHES];
    for (int i = 0; i < m->n; i++) {
        cull_var *x = y->in[m->b[i].x];
        if (x->needs && !(g[i] = cull__grad(t, x, add + i))) return cull_tape_status(t);
    }
    slopes(t, y, u);
    for (int64_t lo = 0; lo < rows; lo += step) {
        const int64_t r = rows - lo < step ? rows - lo : step;
        const float *dy = y->g + lo * c;
        for (int i = 0; i < m->n; i++) {
            const float *s = u->slope + 3 * c * i;
            if (!g[i]) continue;
            float *d = g[i] + lo * c;
            if (m->b[i].place >= 0)
                k->back(d, dy, y->in[m->b[i].x]->v + lo * c, r, c, s, s + c, s + 2 * c, NULL, NULL,
                        false, add[i]);
            else if (add[i])
                k->scale_add(d, dy, r, c, s, u->zero);
            else
                k->scale(d, dy, r, c, s, u->zero, false);
        }
    }
    return CULL_OK;
}

static cull_status backward(cull_tape *t, cull_var *y)
{
    const mix *m = y->attr;
    const int64_t room = lent_floats(m, channels(y));
    float *p = cull__take_floats(t, room);
    if (!p) return cull_tape_status(t);
    const lent u = lent_at(p, m, channels(y));
    products(t, y, &u);
    CULL_TRY(to_weights(t, y, &u));
    CULL_TRY(to_affine(t, y, &u));
    CULL_TRY(to_branches(t, y, &u));
    cull__give_floats(t, p, room);
    return CULL_OK;
}

const cull__op cull__op_mix = {
    .name = "mix",
    .doc = "weighted sum of branches, each as it is or normalised",
    .flags = CULL__READS_IN | CULL__READS_OUT,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};

cull_var *cull_nn_mix(cull_tape *t, cull_var *w, const cull_branch *from, int n)
{
    mix a = {.n = n};
    cull_var *in[1 + 3 * BRANCHES] = {w};
    int ins = 1;
    if (n < 1 || n > BRANCHES) {
        const cull_var y = {.op = &cull__op_mix};
        cull__wrong(t, &y, "there are %d branches; it must be 1 to %d", n, BRANCHES);
        return NULL;
    }
    for (int k = 0; k < n; k++) {
        branch *b = a.b + k;
        const cull_norm *o = from[k].norm;
        *b = (branch){.at = from[k].at, .x = ins, .gamma = -1, .place = -1};
        in[ins++] = from[k].x;
        if (!o) continue;
        b->norm = cull__norm_of(o);
        b->place = a.normed++;
        if (!o->gamma && !o->beta) continue;
        b->gamma = ins;
        in[ins++] = o->gamma;
        in[ins++] = o->beta;
    }
    return cull__apply(t, &cull__op_mix, in, ins, &a, offsetof(mix, b) + (size_t)n * sizeof *a.b);
}

/* ---- the end of a residual block ---- */

static cull_status add_shape(cull_tape *t, cull_var *y)
{
    const cull_var *a = y->in[0], *b = y->in[1];
    char da[96], db[96];
    if (a->rank != b->rank || memcmp(a->dim, b->dim, sizeof a->dim) != 0)
        return cull__wrong(t, y, "the shapes are %s and %s; they must be the same",
                           cull__dims(a, da), cull__dims(b, db));
    y->rank = a->rank;
    memcpy(y->dim, a->dim, sizeof y->dim);
    return CULL_OK;
}

static cull_status add_forward(cull_tape *t, cull_var *y)
{
    CULL__KERN(elem, cull__tape_ctx(t))->add_relu(y->v, y->in[0]->v, y->in[1]->v, y->n);
    return CULL_OK;
}

static cull_status add_backward(cull_tape *t, cull_var *y)
{
    const cull__elem_kern *k = CULL__KERN(elem, cull__tape_ctx(t));
    for (int i = 1; i >= 0; i--) {
        cull_var *x = y->in[i];
        if (!x->needs) continue;
        if (i == 0 && cull__grad_move(t, y, x)) {
            k->relu_back(x->g, y->v, x->g, y->n, false);
            continue;
        }
        bool add;
        float *g = cull__grad(t, x, &add);
        if (!g) return cull_tape_status(t);
        k->relu_back(g, y->v, y->g, y->n, add);
    }
    return CULL_OK;
}

const cull__op cull__op_add_relu = {
    .name = "add_relu",
    .doc = "max(x + y, 0)",
    .flags = CULL__READS_OUT,
    .shape = add_shape,
    .forward = add_forward,
    .backward = add_backward,
};

cull_var *cull_nn_add_relu(cull_tape *t, cull_var *x, cull_var *y)
{
    return cull__apply(t, &cull__op_add_relu, (cull_var *[]){x, y}, 2, NULL, 0);
}
