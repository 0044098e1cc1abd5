/* op_shape.c - changes of shape: reshape, permute, slice, concat, pad, broadcast, shuffle. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    int rank;
    int64_t dim[CULL_RANK];
} dims;

static bool dims_from(dims *d, int rank, const int64_t *dim)
{
    *d = (dims){.rank = rank};
    for (int i = 0; i < rank && i < CULL_RANK; i++) d->dim[i] = dim[i];
    return true;
}

static cull_status shape_from(cull_tape *t, cull_var *y, const dims *d)
{
    if (d->rank < 0 || d->rank > CULL_RANK)
        return cull__wrong(t, y, "%d dimensions were asked for; there may be 0 to %d", d->rank,
                           CULL_RANK);
    y->rank = d->rank;
    memcpy(y->dim, d->dim, sizeof d->dim);
    return CULL_OK;
}

/* ---- reshape: a view ---- */

static cull_status reshape_shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    char from[96], to[96];
    int open = -1;
    int64_t n = 1;
    bool good = true;
    CULL_TRY(shape_from(t, y, y->attr));
    cull__dims(y, to);
    for (int i = 0; i < y->rank; i++) {
        if (y->dim[i] == -1 && open < 0) {
            open = i;
            continue;
        }
        good = good && y->dim[i] >= 1 && n <= x->n / y->dim[i];
        if (good) n *= y->dim[i];
    }
    if (open >= 0 && good) good = x->n % n == 0, y->dim[open] = x->n / n;
    if (good && (open >= 0 || n == x->n)) return CULL_OK;
    return cull__wrong(t, y, "%s has %" PRId64 " numbers, which do not make %s",
                       cull__dims(x, from), x->n, to);
}

const cull__op cull__op_reshape = {
    .name = "reshape",
    .doc = "the same numbers under another shape",
    .flags = CULL__VIEW,
    .shape = reshape_shape,
};

cull_var *cull_nn_reshape(cull_tape *t, cull_var *x, int rank, const int64_t *dim)
{
    dims d;
    dims_from(&d, rank, dim);
    return cull__apply(t, &cull__op_reshape, &x, 1, &d, sizeof d);
}

cull_var *cull_nn_flatten(cull_tape *t, cull_var *x, int from)
{
    if (!x) return NULL;
    dims d = {.rank = 1, .dim = {-1}};
    if (from < 0) from += x->rank;
    if (from > 0 && from < x->rank) {
        d.rank = from + 1;
        for (int i = 0; i < from; i++) d.dim[i] = x->dim[i];
        d.dim[from] = -1;
    } else if (from) {
        d.rank = from; /* refused by its number */
    }
    return cull__apply(t, &cull__op_reshape, &x, 1, &d, sizeof d);
}

/* ---- boxes: all of x is a box of y, or all of y one of x ---- */

typedef struct {
    int64_t at, stride[CULL_RANK]; /* where the whole small side lies within the large one */
} box;

/* y = the box of in[of] within y, or (out) the box y of in[0]. */
static void box_copy(cull_var *y, int of, const box *b, bool out)
{
    const cull_var *x = y->in[of], *small = out ? y : x;
    int64_t dense[CULL_RANK];
    cull__dense(small->rank, small->dim, dense);
    if (out)
        cull__strided(y->v, dense, x->v + b->at, b->stride, y->rank, y->dim, false);
    else
        cull__strided(y->v + b->at, b->stride, x->v, dense, x->rank, x->dim, false);
}

static cull_status box_back(cull_tape *t, cull_var *y, int of, const box *b, bool out)
{
    cull_var *x = y->in[of], *small = out ? y : x;
    int64_t dense[CULL_RANK];
    bool add;
    if (!x->needs) return CULL_OK;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    cull__dense(small->rank, small->dim, dense);
    if (!out) {
        cull__strided(g, dense, y->g + b->at, b->stride, x->rank, x->dim, add);
        return CULL_OK;
    }
    if (!add && y->n < x->n) memset(g, 0, (size_t)x->n * sizeof *g);
    cull__strided(g + b->at, b->stride, y->g, dense, y->rank, y->dim, add);
    return CULL_OK;
}

/* ---- permute ---- */

typedef struct {
    int order[CULL_RANK];
} permutation;

static cull_status permute_shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    const permutation *p = y->attr;
    unsigned seen = 0;
    y->rank = x->rank;
    for (int i = 0; i < x->rank; i++) {
        int d = p->order[i] < 0 ? p->order[i] + x->rank : p->order[i];
        if (d < 0 || d >= x->rank || seen >> d & 1)
            return cull__wrong(t, y, "dimension %d of %d is %s", p->order[i], x->rank,
                               d < 0 || d >= x->rank ? "not there" : "named twice");
        seen |= 1u << d;
        y->dim[i] = x->dim[d];
    }
    return CULL_OK;
}

static box permute_box(const cull_var *y)
{
    const cull_var *x = y->in[0];
    const permutation *p = y->attr;
    int64_t dense[CULL_RANK];
    box b = {0};
    cull__dense(x->rank, x->dim, dense);
    for (int i = 0; i < x->rank; i++)
        b.stride[i] = dense[p->order[i] < 0 ? p->order[i] + x->rank : p->order[i]];
    return b;
}

static cull_status permute(cull_tape *t, cull_var *y)
{
    (void)t;
    const box b = permute_box(y);
    box_copy(y, 0, &b, true);
    return CULL_OK;
}

static cull_status permute_back(cull_tape *t, cull_var *y)
{
    const box b = permute_box(y);
    return box_back(t, y, 0, &b, true);
}

const cull__op cull__op_permute = {
    .name = "permute",
    .doc = "dimensions in another order",
    .shape = permute_shape,
    .forward = permute,
    .backward = permute_back,
};

cull_var *cull_nn_permute(cull_tape *t, cull_var *x, const int *order)
{
    permutation p = {{0}};
    if (!x) return NULL;
    for (int i = 0; i < x->rank; i++) p.order[i] = order[i];
    return cull__apply(t, &cull__op_permute, &x, 1, &p, sizeof p);
}

cull_var *cull_nn_transpose(cull_tape *t, cull_var *x, int a, int b)
{
    permutation p;
    if (!x) return NULL;
    const int i = a < 0 ? a + x->rank : a, j = b < 0 ? b + x->rank : b;
    for (int k = 0; k < CULL_RANK; k++) p.order[k] = k == i ? b : k == j ? a : k;
    if (i < 0 || i >= x->rank || j < 0 || j >= x->rank) /* refused by name */
        p.order[0] = i < 0 || i >= x->rank ? a : b;
    return cull__apply(t, &cull__op_permute, &x, 1, &p, sizeof p);
}

/* ---- slice ---- */

typedef struct {
    int dim;
    int64_t from, to;
} cut;

static cull_status slice_shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    cut *c = y->attr;
    if ((c->dim = cull__axis(t, y, x, c->dim)) < 0) return cull_tape_status(t);
    const int64_t n = x->dim[c->dim], from = c->from < 0 ? c->from + n : c->from;
    const int64_t to = c->to < 0 ? c->to + n : c->to;
    if (from < 0 || from >= to || to > n)
        return cull__wrong(
            t, y, "from %" PRId64 " to %" PRId64 " is no part of the %" PRId64 " of dimension %d",
            c->from, c->to, n, c->dim);
    c->from = from, c->to = to;
    cull__same_shape(t, y);
    y->dim[c->dim] = to - from;
    return CULL_OK;
}

static box slice_box(const cull_var *y)
{
    const cut *c = y->attr;
    box b;
    cull__dense(y->in[0]->rank, y->in[0]->dim, b.stride);
    b.at = c->from * b.stride[c->dim];
    return b;
}

static cull_status slice(cull_tape *t, cull_var *y)
{
    (void)t;
    const box b = slice_box(y);
    box_copy(y, 0, &b, true);
    return CULL_OK;
}

static cull_status slice_back(cull_tape *t, cull_var *y)
{
    const box b = slice_box(y);
    return box_back(t, y, 0, &b, true);
}

const cull__op cull__op_slice = {
    .name = "slice",
    .doc = "a range of one dimension",
    .shape = slice_shape,
    .forward = slice,
    .backward = slice_back,
};

cull_var *cull_nn_slice(cull_tape *t, cull_var *x, int dim, int64_t from, int64_t to)
{
    const cut c = {dim, from, to};
    return cull__apply(t, &cull__op_slice, &x, 1, &c, sizeof c);
}

/* ---- concat ---- */

typedef struct {
    int dim;
} along;

static cull_status concat_shape(cull_tape *t, cull_var *y)
{
    along *a = y->attr;
    char p[96], q[96];
    if (!y->ins) return cull__wrong(t, y, "there are no tensors; there must be one at least");
    if ((a->dim = cull__axis(t, y, y->in[0], a->dim)) < 0) return cull_tape_status(t);
    cull__same_shape(t, y);
    for (int k = 1; k < y->ins; k++) {
        const cull_var *x = y->in[k];
        bool good = x->rank == y->rank;
        for (int i = 0; good && i < y->rank; i++) good = i == a->dim || x->dim[i] == y->dim[i];
        if (!good)
            return cull__wrong(t, y, "the shapes are %s and %s; all but dimension %d must be equal",
                               cull__dims(y->in[0], p), cull__dims(x, q), a->dim);
        y->dim[a->dim] += x->dim[a->dim];
    }
    return CULL_OK;
}

static cull_status concat_each(cull_tape *t, cull_var *y, bool back)
{
    const along *a = y->attr;
    box b = {0};
    cull__dense(y->rank, y->dim, b.stride);
    for (int k = 0; k < y->ins; k++) {
        if (back)
            CULL_TRY(box_back(t, y, k, &b, false));
        else
            box_copy(y, k, &b, false);
        b.at += y->in[k]->dim[a->dim] * b.stride[a->dim];
    }
    return CULL_OK;
}

static cull_status concat(cull_tape *t, cull_var *y) { return concat_each(t, y, false); }
static cull_status concat_back(cull_tape *t, cull_var *y) { return concat_each(t, y, true); }

const cull__op cull__op_concat = {
    .name = "concat",
    .doc = "tensors one after another",
    .shape = concat_shape,
    .forward = concat,
    .backward = concat_back,
};

cull_var *cull_nn_concat(cull_tape *t, cull_var *const *x, int n, int dim)
{
    const along a = {dim};
    return cull__apply(t, &cull__op_concat, x, n > 0 ? n : 0, &a, sizeof a);
}

/* ---- pad ---- */

typedef struct {
    int64_t before[CULL_RANK], after[CULL_RANK];
    float value;
} rim;

static cull_status pad_shape(cull_tape *t, cull_var *y)
{
    const rim *r = y->attr;
    cull__same_shape(t, y);
    for (int i = 0; i < y->rank; i++) {
        const int64_t p = r->before[i], q = r->after[i], most = INT64_C(1) << 40;
        if (p < 0 || q < 0 || p > most || q > most)
            return cull__wrong(t, y,
                               "%" PRId64 " before and %" PRId64
                               " after dimension %d; both must be 0 or more",
                               p, q, i);
        y->dim[i] += p + q;
    }
    return CULL_OK;
}

static box pad_box(const cull_var *y)
{
    const rim *r = y->attr;
    box b = {0};
    cull__dense(y->rank, y->dim, b.stride);
    for (int i = 0; i < y->rank; i++) b.at += r->before[i] * b.stride[i];
    return b;
}

static cull_status pad(cull_tape *t, cull_var *y)
{
    (void)t;
    const box b = pad_box(y);
    const float value = ((const rim *)y->attr)->value;
    for (int64_t i = 0; i < y->n; i++) y->v[i] = value;
    box_copy(y, 0, &b, false);
    return CULL_OK;
}

static cull_status pad_back(cull_tape *t, cull_var *y)
{
    const box b = pad_box(y);
    return box_back(t, y, 0, &b, false);
}

const cull__op cull__op_pad = {
    .name = "pad",
    .doc = "a rim of one value",
    .shape = pad_shape,
    .forward = pad,
    .backward = pad_back,
};

cull_var *cull_nn_pad(cull_tape *t, cull_var *x, const int64_t *before, const int64_t *after,
                      double value)
{
    rim r = {.value = (float)value};
    if (!x) return NULL;
    for (int i = 0; i < x->rank; i++) r.before[i] = before[i], r.after[i] = after[i];
    return cull__apply(t, &cull__op_pad, &x, 1, &r, sizeof r);
}

/* ---- broadcast_to ---- */

static cull_status broadcast_shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    char p[96], q[96];
    CULL_TRY(shape_from(t, y, y->attr));
    bool good = y->rank >= x->rank;
    for (int i = 1; good && i <= x->rank; i++) {
        int64_t d = x->dim[x->rank - i];
        good = d == 1 || d == y->dim[y->rank - i];
    }
    if (good) return CULL_OK;
    return cull__wrong(t, y, "%s does not go over into %s", cull__dims(x, p), cull__dims(y, q));
}

static cull_status broadcast(cull_tape *t, cull_var *y)
{
    (void)t;
    int64_t still[CULL_RANK], dense[CULL_RANK];
    cull__broadcast_strides(y->in[0], y->rank, still);
    cull__dense(y->rank, y->dim, dense);
    cull__strided(y->v, dense, y->in[0]->v, still, y->rank, y->dim, false);
    return CULL_OK;
}

static cull_status broadcast_back(cull_tape *t, cull_var *y)
{
    bool add;
    float *g = cull__grad(t, y->in[0], &add);
    if (g) cull__unbroadcast(cull__tape_ctx(t), g, y->in[0], y->g, y->rank, y->dim, 1, add);
    return cull_tape_status(t);
}

const cull__op cull__op_broadcast_to = {
    .name = "broadcast_to",
    .doc = "repeated along dimensions of size 1",
    .shape = broadcast_shape,
    .forward = broadcast,
    .backward = broadcast_back,
};

cull_var *cull_nn_broadcast_to(cull_tape *t, cull_var *x, int rank, const int64_t *dim)
{
    dims d;
    dims_from(&d, rank, dim);
    return cull__apply(t, &cull__op_broadcast_to, &x, 1, &d, sizeof d);
}

/* ---- channel shuffle ---- */

typedef struct {
    int groups;
} shuffle;

static cull_status shuffle_shape(cull_tape *t, cull_var *y)
{
    const int groups = ((const shuffle *)y->attr)->groups;
    const cull_var *x = y->in[0];
    char d[96];
    cull__same_shape(t, y);
    if (x->rank && groups >= 1 && x->dim[x->rank - 1] % groups == 0) return CULL_OK;
    return cull__wrong(t, y, "the last dimension of %s is not a multiple of %d groups",
                       cull__dims(x, d), groups);
}

/* Numbers (rows, a, b) of `from` as (rows, b, a). */
static void swap(float *to, const float *from, const cull_var *x, int64_t a, bool add)
{
    const int64_t n = x->dim[x->rank - 1], b = n / a, dim[3] = {x->n / n, b, a};
    cull__strided(to, (int64_t[]){n, a, 1}, from, (int64_t[]){n, 1, b}, 3, dim, add);
}

static cull_status shuffle_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    swap(y->v, y->in[0]->v, y, ((const shuffle *)y->attr)->groups, false);
    return CULL_OK;
}

static cull_status shuffle_back(cull_tape *t, cull_var *y)
{
    const int groups = ((const shuffle *)y->attr)->groups;
    bool add;
    float *g = cull__grad(t, y->in[0], &add);
    if (g) swap(g, y->g, y, y->dim[y->rank - 1] / groups, add);
    return cull_tape_status(t);
}

const cull__op cull__op_channel_shuffle = {
    .name = "channel_shuffle",
    .doc = "channels of groups mixed by turns",
    .shape = shuffle_shape,
    .forward = shuffle_forward,
    .backward = shuffle_back,
};

cull_var *cull_nn_channel_shuffle(cull_tape *t, cull_var *x, int groups)
{
    const shuffle s = {groups};
    return cull__apply(t, &cull__op_channel_shuffle, &x, 1, &s, sizeof s);
}
