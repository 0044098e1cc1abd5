/* cases_index.c - rows by index, top-k, one-hot; dropout. */
#include "base/base.h"
#include "cases.h"

static const int32_t id[] = {2, 0, 2, 3, 2, 0, 4};
enum { IDS = 7 };

static cull_var *embedding(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_embedding(t, x[0], id, IDS);
}
static cull_var *gather(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_gather_rows(t, x[0], id, IDS);
}
static void gather_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = count_of(c, 0) / c->dim[0][0];
    for (int64_t i = 0; i < IDS * n; i++) y[i] = x[0][id[i / n] * n + i % n];
}

static cull_var *sums(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_segment_sum(t, x[0], id, 5);
}
static cull_var *means(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_segment_mean(t, x[0], id, 6);
}
static void sums_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = count_of(c, 0) / IDS;
    for (int64_t i = 0; i < IDS * n; i++) y[id[i / n] * n + i % n] += x[0][i];
}
static void means_ref(const nn_case *c, const double *const *x, double *y)
{
    static const double of[] = {2, 1, 3, 1, 1};
    const int64_t n = count_of(c, 0) / IDS;
    sums_ref(c, x, y);
    for (int64_t i = 0; i < 5 * n; i++) y[i] /= of[i / n];
}

static int32_t places[64];
static cull_var *topk(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_topk(t, x[0], (int64_t)c->p[0], c->p[1] ? places : NULL);
}
static void topk_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = c->dim[0][c->rank[0] - 1], k = (int64_t)c->p[0];
    for (int64_t r = 0; r < count_of(c, 0) / n; r++)
        for (int64_t i = 0; i < n; i++) {
            int64_t place = 0; /* how many are larger */
            for (int64_t j = 0; j < n; j++) place += x[0][r * n + j] > x[0][r * n + i];
            if (place < k) y[r * k + place] = x[0][r * n + i];
        }
}

static cull_var *one_hot(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)x;
    return cull_nn_one_hot(t, id, IDS, (int64_t)c->p[0]);
}
static void one_hot_ref(const nn_case *c, const double *const *x, double *y)
{
    (void)x;
    for (int i = 0; i < IDS; i++) y[i * (int)c->p[0] + id[i]] = 1;
}

/* The harness's first random operation of a step with stream 3 draws from here. */
static cull_rng first_draw(void)
{
    const uint64_t none = 0;
    return cull__rng_seeded(cull__hash64(&none, sizeof none, 3), 0);
}
static cull_var *dropout(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_dropout(t, x[0], c->p[0]);
}
static cull_var *drop_path(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_drop_path(t, x[0], c->p[0]);
}
static void drop(const nn_case *c, const double *x, double *y, int64_t each)
{
    cull_rng r = first_draw();
    double keep = 0;
    for (int64_t i = 0; i < count_of(c, 0); i++) {
        if (i % each == 0) keep = cull__rng_u32(&r) >= c->p[0] * 0x1p32 ? 1 / (1 - c->p[0]) : 0;
        y[i] = c->mode & CULL_TAPE_TRAIN ? keep * x[i] : x[i];
    }
}
static void dropout_ref(const nn_case *c, const double *const *x, double *y)
{
    drop(c, x[0], y, 1);
}
static void drop_path_ref(const nn_case *c, const double *const *x, double *y)
{
    drop(c, x[0], y, count_of(c, 0) / c->dim[0][0]);
}

const nn_case cases_index[] = {
    {"embedding", "some twice, one never", 1, {2}, {{5, 3}}, .build = embedding, .ref = gather_ref},
    {"embedding", "width 1", 1, {2}, {{6, 1}}, .build = embedding, .ref = gather_ref},
    {"gather_rows", "images", 1, {3}, {{5, 2, 3}}, .build = gather, .ref = gather_ref},
    {"gather_rows", "numbers", 1, {1}, {{5}}, .build = gather, .ref = gather_ref},
    {"segment_sum", "rows", 1, {2}, {{7, 3}}, .build = sums, .ref = sums_ref},
    {"segment_sum", "numbers", 1, {1}, {{7}}, .build = sums, .ref = sums_ref},
    {"segment_mean", "rows", 1, {2}, {{7, 3}}, .build = means, .ref = means_ref},
    {"segment_mean", "of three dimensions", 1, {3}, {{7, 2, 5}}, .build = means, .ref = means_ref},
    {"topk", "3 of 11", 1, {3}, {{2, 3, 11}}, .p = {3, 1}, .build = topk, .ref = topk_ref},
    {"topk", "all: sorted", 1, {1}, {{11}}, .p = {11}, .build = topk, .ref = topk_ref},
    {"one_hot", "5 classes", 0, .p = {5}, .build = one_hot, .ref = one_hot_ref},
    {"one_hot", "9 classes", 0, .p = {9}, .build = one_hot, .ref = one_hot_ref},
    {"dropout",
     "training",
     1,
     {2},
     {{17, 13}},
     .p = {.4},
     .build = dropout,
     .ref = dropout_ref,
     .mode = CULL_TAPE_TRAIN,
     .random = true},
    {"dropout",
     "p of 0",
     1,
     {2},
     {{17, 13}},
     .p = {0},
     .build = dropout,
     .ref = dropout_ref,
     .mode = CULL_TAPE_TRAIN},
    {"dropout", "evaluating", 1, {2}, {{3, 5}}, .p = {.4}, .build = dropout, .ref = dropout_ref},
    {"drop_path",
     "training",
     1,
     {3},
     {{17, 3, 2}},
     .p = {.4},
     .build = drop_path,
     .ref = drop_path_ref,
     .mode = CULL_TAPE_TRAIN,
     .random = true},
    {"drop_path",
     "evaluating",
     1,
     {2},
     {{3, 5}},
     .p = {.4},
     .build = drop_path,
     .ref = drop_path_ref},
    {NULL},
};
