/* cases_shape.c - changes of shape. */
#include "cases.h"

/* Number i of (rank, dim) by its coordinates, and back. */
static void place(int rank, const int64_t *dim, int64_t i, int64_t *at)
{
    for (int d = rank - 1; d >= 0; i /= dim[d--]) at[d] = i % dim[d];
}
static int64_t number(int rank, const int64_t *dim, const int64_t *at)
{
    int64_t i = 0;
    for (int d = 0; d < rank; d++) i = i * dim[d] + at[d];
    return i;
}

static cull_var *reshape(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_reshape(t, x[0], 2, (int64_t[]){(int64_t)c->p[0], (int64_t)c->p[1]});
}
static cull_var *flatten(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_flatten(t, x[0], (int)c->p[0]);
}
static void same_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = x[0][i];
}
/* A gradient reaches a view and what it is a view of. */
static cull_var *viewed(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    cull_var *v = cull_nn_square(t, x[0]), *w = cull_nn_flatten(t, v, 0);
    (void)c;
    return cull_nn_add(t, w, cull_nn_flatten(t, cull_nn_exp(t, v), 0));
}
static void viewed_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) {
        double v = x[0][i] * x[0][i];
        y[i] = v + exp(v);
    }
}

static cull_var *permute(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    int order[CULL_RANK];
    for (int i = 0; i < c->rank[0]; i++) order[i] = (int)c->p[i];
    return cull_nn_permute(t, x[0], order);
}
static void permute_ref(const nn_case *c, const double *const *x, double *y)
{
    const int rank = c->rank[0];
    int64_t dim[CULL_RANK], at[CULL_RANK], to[CULL_RANK];
    for (int d = 0; d < rank; d++) dim[d] = c->dim[0][(int)c->p[d]];
    for (int64_t i = 0; i < count_of(c, 0); i++) {
        place(rank, c->dim[0], i, at);
        for (int d = 0; d < rank; d++) to[d] = at[(int)c->p[d]];
        y[number(rank, dim, to)] = x[0][i];
    }
}
static cull_var *transpose(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_transpose(t, x[0], -1, -2);
}
static void transpose_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t a = c->dim[0][c->rank[0] - 2], b = c->dim[0][c->rank[0] - 1];
    for (int64_t i = 0; i < count_of(c, 0); i++)
        y[i / (a * b) * a * b + i % b * a + i / b % a] = x[0][i];
}

/* p: dimension, from, to */
static cull_var *slice(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_slice(t, x[0], (int)c->p[0], (int64_t)c->p[1], (int64_t)c->p[2]);
}
static void slice_ref(const nn_case *c, const double *const *x, double *y)
{
    const int d = (int)c->p[0] < 0 ? (int)c->p[0] + c->rank[0] : (int)c->p[0];
    const int64_t n = c->dim[0][d], from = (int64_t)c->p[1] + (c->p[1] < 0 ? n : 0);
    const int64_t to = (int64_t)c->p[2] + (c->p[2] < 0 ? n : 0);
    int64_t at[CULL_RANK], o = 0;
    for (int64_t i = 0; i < count_of(c, 0); i++) {
        place(c->rank[0], c->dim[0], i, at);
        if (at[d] >= from && at[d] < to) y[o++] = x[0][i];
    }
}

static cull_var *concat(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_concat(t, x, c->ins, (int)c->p[0]);
}
static void concat_ref(const nn_case *c, const double *const *x, double *y)
{
    const int rank = c->rank[0], d = (int)c->p[0] < 0 ? (int)c->p[0] + rank : (int)c->p[0];
    int64_t dim[CULL_RANK], at[CULL_RANK], before = 0;
    memcpy(dim, c->dim[0], sizeof dim);
    for (int k = 1; k < c->ins; k++) dim[d] += c->dim[k][d];
    for (int k = 0; k < c->ins; before += c->dim[k++][d])
        for (int64_t i = 0; i < count_of(c, k); i++) {
            place(rank, c->dim[k], i, at);
            at[d] += before;
            y[number(rank, dim, at)] = x[k][i];
        }
}

static const int64_t before[] = {1, 0, 2, 1}, after[] = {0, 3, 1, 1};
static cull_var *pad(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_pad(t, x[0], before, after, c->p[0]);
}
static void pad_ref(const nn_case *c, const double *const *x, double *y)
{
    const int rank = c->rank[0];
    int64_t dim[CULL_RANK], at[CULL_RANK], n = 1;
    for (int d = 0; d < rank; d++) n *= dim[d] = c->dim[0][d] + before[d] + after[d];
    for (int64_t i = 0; i < n; i++) y[i] = c->p[0];
    for (int64_t i = 0; i < count_of(c, 0); i++) {
        place(rank, c->dim[0], i, at);
        for (int d = 0; d < rank; d++) at[d] += before[d];
        y[number(rank, dim, at)] = x[0][i];
    }
}

static const int64_t wide[] = {3, 2, 5, 4};
static cull_var *broadcast(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_broadcast_to(t, x[0], 4, wide);
}
static void broadcast_ref(const nn_case *c, const double *const *x, double *y)
{
    int64_t at[CULL_RANK], from[CULL_RANK];
    for (int64_t i = 0; i < 120; i++) {
        place(4, wide, i, at);
        for (int d = 0; d < c->rank[0]; d++)
            from[d] = c->dim[0][d] == 1 ? 0 : at[d + 4 - c->rank[0]];
        y[i] = x[0][number(c->rank[0], c->dim[0], from)];
    }
}

static cull_var *shuffle(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_channel_shuffle(t, x[0], (int)c->p[0]);
}
static void shuffle_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = c->dim[0][c->rank[0] - 1], g = (int64_t)c->p[0], each = n / g;
    for (int64_t i = 0; i < count_of(c, 0); i++)
        y[i / n * n + i % n % each * g + i % n / each] = x[0][i];
}

const nn_case cases_shape[] = {
    {"reshape", "whole", 1, {3}, {{3, 7, 5}}, .p = {15, 7}, .build = reshape, .ref = same_ref},
    {"reshape",
     "one left open",
     1,
     {3},
     {{3, 7, 5}},
     .p = {5, -1},
     .build = reshape,
     .ref = same_ref},
    {"reshape", "flatten", 1, {4}, {{3, 2, 5, 2}}, .p = {1}, .build = flatten, .ref = same_ref},
    {"reshape", "a view beside its base", 1, {2}, {{3, 7}}, .build = viewed, .ref = viewed_ref},
    {"permute",
     "four",
     1,
     {4},
     {{3, 4, 5, 2}},
     .p = {2, 0, 3, 1},
     .build = permute,
     .ref = permute_ref},
    {"permute", "three", 1, {3}, {{3, 4, 5}}, .p = {2, 1, 0}, .build = permute, .ref = permute_ref},
    {"permute",
     "as it is",
     1,
     {3},
     {{3, 4, 5}},
     .p = {0, 1, 2},
     .build = permute,
     .ref = permute_ref},
    {"permute", "transpose", 1, {3}, {{2, 35, 37}}, .build = transpose, .ref = transpose_ref},
    {"slice", "first", 1, {2}, {{7, 5}}, .p = {0, 2, 6}, .build = slice, .ref = slice_ref},
    {"slice",
     "last, from the end",
     1,
     {3},
     {{3, 4, 7}},
     .p = {-1, -5, -1},
     .build = slice,
     .ref = slice_ref},
    {"slice", "all of it", 1, {3}, {{3, 4, 7}}, .p = {1, 0, 4}, .build = slice, .ref = slice_ref},
    {"concat", "first", 2, {2, 2}, {{3, 5}, {4, 5}}, .p = {0}, .build = concat, .ref = concat_ref},
    {"concat",
     "four, last",
     4,
     {3, 3, 3, 3},
     {{3, 5, 2}, {3, 5, 1}, {3, 5, 7}, {3, 5, 4}},
     .p = {-1},
     .build = concat,
     .ref = concat_ref},
    {"concat",
     "middle, one fixed",
     3,
     {3, 3, 3},
     {{3, 5, 2}, {3, 1, 2}, {3, 4, 2}},
     .fixed = {0, 1},
     .p = {1},
     .build = concat,
     .ref = concat_ref},
    {"concat", "one alone", 1, {1}, {{5}}, .p = {0}, .build = concat, .ref = concat_ref},
    {"pad", "four, of -2", 1, {4}, {{2, 3, 4, 5}}, .p = {-2}, .build = pad, .ref = pad_ref},
    {"pad", "one, of 0", 1, {1}, {{6}}, .p = {0}, .build = pad, .ref = pad_ref},
    {"broadcast_to", "from four", 1, {4}, {{3, 1, 5, 1}}, .build = broadcast, .ref = broadcast_ref},
    {"broadcast_to", "from one", 1, {1}, {{4}}, .build = broadcast, .ref = broadcast_ref},
    {"broadcast_to", "from a number", 1, {0}, {{0}}, .build = broadcast, .ref = broadcast_ref},
    {"channel_shuffle",
     "3 groups",
     1,
     {3},
     {{2, 5, 12}},
     .p = {3},
     .build = shuffle,
     .ref = shuffle_ref},
    {"channel_shuffle",
     "1 group",
     1,
     {2},
     {{2, 12}},
     .p = {1},
     .build = shuffle,
     .ref = shuffle_ref},
    {NULL},
};
