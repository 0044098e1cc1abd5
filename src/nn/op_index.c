/* op_index.c - rows by index: embedding, gather, sums of segments, top-k, one-hot. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    const int32_t *id;
    int64_t n, rows;
} index;

cull_status cull__ids_ok(cull_tape *t, const cull_var *y, const int32_t *id, int64_t n,
                         int64_t below)
{
    for (int64_t i = 0; i < n; i++)
        if (id[i] < 0 || id[i] >= below)
            return cull__wrong(t, y, "the id of row %" PRId64 " is %d; it must be 0 to %" PRId64, i,
                               id[i], below - 1);
    return CULL_OK;
}

/* The result has x's dimensions but the first. */
static cull_status rows_shape(cull_tape *t, cull_var *y, int64_t rows)
{
    const cull_var *x = y->in[0];
    char d[96];
    if (x->rank < 1 || rows < 1)
        return cull__wrong(t, y, "x is %s, the result has %" PRId64 " rows; both must have some",
                           cull__dims(x, d), rows);
    cull__same_shape(t, y);
    y->dim[0] = rows;
    return CULL_OK;
}

/* to = rows id of from */
static void take(float *to, const float *from, const int32_t *id, int64_t n, int64_t width,
                 bool add)
{
    for (int64_t i = 0; i < n; i++, to += width) {
        const float *v = from + id[i] * width;
        if (add)
            for (int64_t k = 0; k < width; k++) to[k] += v[k];
        else
            memcpy(to, v, (size_t)width * sizeof *to);
    }
}

/* rows id of to += those of from, in order */
static void put(float *to, const float *from, const int32_t *id, int64_t n, int64_t width)
{
    for (int64_t i = 0; i < n; i++, from += width) {
        float *v = to + id[i] * width;
        for (int64_t k = 0; k < width; k++) v[k] += from[k];
    }
}

static int64_t width_of(const cull_var *y) { return y->n / y->dim[0]; }

/* ---- rows by id ---- */

static cull_status gather_shape(cull_tape *t, cull_var *y)
{
    const index *a = y->attr;
    CULL_TRY(rows_shape(t, y, a->n));
    return cull__ids_ok(t, y, a->id, a->n, y->in[0]->dim[0]);
}

static cull_status gather(cull_tape *t, cull_var *y)
{
    (void)t;
    const index *a = y->attr;
    take(y->v, y->in[0]->v, a->id, a->n, width_of(y), false);
    return CULL_OK;
}

static cull_status gather_back(cull_tape *t, cull_var *y)
{
    const index *a = y->attr;
    cull_var *x = y->in[0];
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    if (!add) memset(g, 0, (size_t)x->n * sizeof *g);
    put(g, y->g, a->id, a->n, width_of(y));
    return CULL_OK;
}

const cull__op cull__op_embedding = {
    .name = "embedding",
    .doc = "rows of a table",
    .shape = gather_shape,
    .forward = gather,
    .backward = gather_back,
};
const cull__op cull__op_gather_rows = {
    .name = "gather_rows",
    .doc = "rows by their numbers",
    .shape = gather_shape,
    .forward = gather,
    .backward = gather_back,
};

cull_var *cull_nn_embedding(cull_tape *t, cull_var *table, const int32_t *id, int64_t n)
{
    const index a = {.id = id, .n = n};
    return cull__apply(t, &cull__op_embedding, &table, 1, &a, sizeof a);
}
cull_var *cull_nn_gather_rows(cull_tape *t, cull_var *x, const int32_t *id, int64_t n)
{
    const index a = {.id = id, .n = n};
    return cull__apply(t, &cull__op_gather_rows, &x, 1, &a, sizeof a);
}

bool cull__embedding_rows(const cull_var *y, const int32_t **id, int64_t *n)
{
    if (y->op != &cull__op_embedding) return false;
    const index *a = y->attr;
    *id = a->id, *n = a->n;
    return true;
}

/* ---- segments ---- */

static cull_status segment_shape(cull_tape *t, cull_var *y)
{
    const index *a = y->attr;
    CULL_TRY(rows_shape(t, y, a->rows));
    return cull__ids_ok(t, y, a->id, y->in[0]->dim[0], a->rows);
}

static cull_status segment_sum(cull_tape *t, cull_var *y)
{
    (void)t;
    const index *a = y->attr;
    memset(y->v, 0, (size_t)y->n * sizeof *y->v);
    put(y->v, y->in[0]->v, a->id, y->in[0]->dim[0], width_of(y));
    return CULL_OK;
}

static cull_status segment_sum_back(cull_tape *t, cull_var *y)
{
    const index *a = y->attr;
    bool add;
    float *g = cull__grad(t, y->in[0], &add);
    if (g) take(g, y->g, a->id, y->in[0]->dim[0], width_of(y), add);
    return cull_tape_status(t);
}

/* 1 / rows of each segment are left behind. */
static cull_status segment_mean(cull_tape *t, cull_var *y)
{
    const index *a = y->attr;
    const cull__rows_kern *k = CULL__KERN(rows, cull__tape_ctx(t));
    const int64_t n = width_of(y);
    float *share = cull__save(t, y, a->rows);
    if (!share) return cull_tape_status(t);
    memset(share, 0, (size_t)a->rows * sizeof *share);
    for (int64_t i = 0; i < y->in[0]->dim[0]; i++) share[a->id[i]]++;
    CULL_TRY(segment_sum(t, y));
    for (int64_t r = 0; r < a->rows; r++) {
        share[r] = share[r] > 0 ? 1 / share[r] : 0;
        k->scaled(y->v + r * n, y->v + r * n, n, share[r], false);
    }
    return CULL_OK;
}

static cull_status segment_mean_back(cull_tape *t, cull_var *y)
{
    const index *a = y->attr;
    const cull__rows_kern *k = CULL__KERN(rows, cull__tape_ctx(t));
    const float *share = y->save;
    const int64_t n = width_of(y);
    bool add;
    float *g = cull__grad(t, y->in[0], &add);
    if (!g) return cull_tape_status(t);
    for (int64_t i = 0; i < y->in[0]->dim[0]; i++)
        k->scaled(g + i * n, y->g + a->id[i] * n, n, share[a->id[i]], add);
    return CULL_OK;
}

const cull__op cull__op_segment_sum = {
    .name = "segment_sum",
    .doc = "sums of rows that share an id",
    .shape = segment_shape,
    .forward = segment_sum,
    .backward = segment_sum_back,
};
const cull__op cull__op_segment_mean = {
    .name = "segment_mean",
    .doc = "means of rows that share an id",
    .flags = CULL__READS_OUT,
    .shape = segment_shape,
    .forward = segment_mean,
    .backward = segment_mean_back,
};

cull_var *cull_nn_segment_sum(cull_tape *t, cull_var *x, const int32_t *id, int64_t segments)
{
    const index a = {.id = id, .rows = segments};
    return cull__apply(t, &cull__op_segment_sum, &x, 1, &a, sizeof a);
}
cull_var *cull_nn_segment_mean(cull_tape *t, cull_var *x, const int32_t *id, int64_t segments)
{
    const index a = {.id = id, .rows = segments};
    return cull__apply(t, &cull__op_segment_mean, &x, 1, &a, sizeof a);
}

/* ---- top-k ---- */

typedef struct {
    int64_t k;
    int32_t *at;
} best;

static cull_status topk_shape(cull_tape *t, cull_var *y)
{
    const best *a = y->attr;
    const cull_var *x = y->in[0];
    char d[96];
    if (x->rank < 1 || x->dim[x->rank - 1] > INT32_MAX || a->k < 1 || a->k > x->dim[x->rank - 1])
        return cull__wrong(t, y, "k is %" PRId64 " of %s; it must be 1 to the last dimension", a->k,
                           cull__dims(x, d));
    cull__same_shape(t, y);
    y->dim[y->rank - 1] = a->k;
    return CULL_OK;
}

/* Insertion into the k best so far. */
static void best_of(float *v, int32_t *at, const float *x, int64_t n, int64_t k)
{
    int64_t have = 0;
    for (int64_t i = 0; i < n; i++) {
        if (have == k && !(x[i] > v[k - 1])) continue;
        int64_t p = have < k ? have++ : k - 1;
        for (; p > 0 && x[i] > v[p - 1]; p--) v[p] = v[p - 1], at[p] = at[p - 1];
        v[p] = x[i], at[p] = (int32_t)i;
    }
}

static cull_status topk(cull_tape *t, cull_var *y)
{
    const best *a = y->attr;
    const int64_t n = y->in[0]->dim[y->rank - 1], rows = y->n / a->k;
    int32_t *at = (int32_t *)cull__save(t, y, y->n);
    if (!at) return cull_tape_status(t);
    for (int64_t r = 0; r < rows; r++)
        best_of(y->v + r * a->k, at + r * a->k, y->in[0]->v + r * n, n, a->k);
    if (a->at) memcpy(a->at, at, (size_t)y->n * sizeof *at);
    return CULL_OK;
}

static cull_status topk_back(cull_tape *t, cull_var *y)
{
    const best *a = y->attr;
    cull_var *x = y->in[0];
    const int64_t n = x->dim[x->rank - 1];
    const int32_t *at = y->save;
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    if (!add) memset(g, 0, (size_t)x->n * sizeof *g);
    for (int64_t i = 0; i < y->n; i++) g[i / a->k * n + at[i]] += y->g[i];
    return CULL_OK;
}

const cull__op cull__op_topk = {
    .name = "topk",
    .doc = "the k largest of each row",
    .flags = CULL__READS_OUT,
    .shape = topk_shape,
    .forward = topk,
    .backward = topk_back,
};

cull_var *cull_nn_topk(cull_tape *t, cull_var *x, int64_t k, int32_t *at)
{
    const best a = {k, at};
    return cull__apply(t, &cull__op_topk, &x, 1, &a, sizeof a);
}

/* ---- one-hot ---- */

static cull_status one_hot_shape(cull_tape *t, cull_var *y)
{
    const index *a = y->attr;
    if (a->n < 1 || a->rows < 1)
        return cull__wrong(t, y, "%" PRId64 " rows of %" PRId64 " classes; there must be some",
                           a->n, a->rows);
    y->rank = 2;
    y->dim[0] = a->n, y->dim[1] = a->rows;
    return cull__ids_ok(t, y, a->id, a->n, a->rows);
}

static cull_status one_hot(cull_tape *t, cull_var *y)
{
    (void)t;
    const index *a = y->attr;
    memset(y->v, 0, (size_t)y->n * sizeof *y->v);
    for (int64_t i = 0; i < a->n; i++) y->v[i * a->rows + a->id[i]] = 1;
    return CULL_OK;
}

const cull__op cull__op_one_hot = {
    .name = "one_hot",
    .doc = "rows of zeros with a 1 at an id",
    .shape = one_hot_shape,
    .forward = one_hot,
};

cull_var *cull_nn_one_hot(cull_tape *t, const int32_t *id, int64_t n, int64_t classes)
{
    const index a = {.id = id, .n = n, .rows = classes};
    return cull__apply(t, &cull__op_one_hot, NULL, 0, &a, sizeof a);
}
