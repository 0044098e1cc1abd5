/* cases_product.c - layers of weights, matrix products. */
#include "cases.h"
#include "nn/links.h"

static cull_var *linear(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_linear(t, x[0], x[1], c->ins > 2 ? x[2] : NULL);
}
static void linear_ref(const nn_case *c, const double *const *x, double *y)
{
    int64_t out = c->dim[1][0], in = c->dim[1][1], rows = count_of(c, 0) / in;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            double s = c->ins > 2 ? x[2][o] : 0;
            for (int64_t i = 0; i < in; i++) s += x[0][r * in + i] * x[1][o * in + i];
            y[r * out + o] = s;
        }
}

/* p: which are transposed. Leading dimensions: two at most, of size 1 where there are none. */
static cull_var *matmul(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_matmul(t, x[0], c->p[0] != 0, x[1], c->p[1] != 0);
}
static void matmul_ref(const nn_case *c, const double *const *x, double *y)
{
    int64_t d[2][4] = {{1, 1, 1, 1}, {1, 1, 1, 1}};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < c->rank[k]; i++) d[k][4 - c->rank[k] + i] = c->dim[k][i];
    const bool tx = c->p[0] != 0, ty = c->p[1] != 0;
    const int64_t m = d[0][2 + tx], n = d[1][3 - ty], k = d[0][3 - tx];
    for (int64_t i = 0; i < (d[0][0] > d[1][0] ? d[0][0] : d[1][0]); i++)
        for (int64_t j = 0; j < (d[0][1] > d[1][1] ? d[0][1] : d[1][1]); j++) {
            const double *a = x[0] + (i % d[0][0] * d[0][1] + j % d[0][1]) * m * k;
            const double *b = x[1] + (i % d[1][0] * d[1][1] + j % d[1][1]) * k * n;
            for (int64_t r = 0; r < m; r++)
                for (int64_t o = 0; o < n; o++, y++)
                    for (int64_t l = 0; l < k; l++)
                        *y += a[tx ? l * m + r : r * k + l] * b[ty ? o * k + l : l * n + o];
        }
}
/* p[0]: which list. Weights lie (out, in): what a list calls its inputs are the layer's outputs. */
static const int64_t start_wide[] = {0, 2, 3, 3, 6, 7, 7, 9};
static const int32_t col_wide[] = {1, 4, 0, 0, 2, 4, 3, 1, 2};
static const int64_t start_tall[] = {0, 1, 1, 3, 6, 11, 11, 12, 14};
static const int32_t col_tall[] = {2, 0, 3, 1, 2, 3, 0, 1, 2, 3, 4, 4, 0, 4};
static const cull__sparse list[] = {{.in = 5,
                                     .out = 7,
                                     .by_out = true,
                                     .rows = 7,
                                     .cols = 5,
                                     .links = 9,
                                     .start = (int64_t *)start_wide,
                                     .col = (int32_t *)col_wide},
                                    {.in = 8,
                                     .out = 5,
                                     .rows = 8,
                                     .cols = 5,
                                     .links = 14,
                                     .start = (int64_t *)start_tall,
                                     .col = (int32_t *)col_tall}};
static cull_var *links(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull__nn_linear_links(t, x[0], x[1], c->ins > 2 ? x[2] : NULL, list + (int)c->p[0]);
}
static void links_ref(const nn_case *c, const double *const *x, double *y)
{
    const cull__sparse *s = list + (int)c->p[0];
    int64_t rows = count_of(c, 0) / s->out;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t o = 0; o < s->in; o++) y[r * s->in + o] = c->ins > 2 ? x[2][o] : 0;
        for (int64_t i = 0; i < s->rows; i++)
            for (int64_t e = s->start[i]; e < s->start[i + 1]; e++) {
                int64_t from = s->by_out ? i : s->col[e], to = s->by_out ? s->col[e] : i;
                y[r * s->in + to] += x[1][e] * x[0][r * s->out + from];
            }
    }
}

#define MATMUL(what, tx, ty, r0, r1, ...)                                                          \
    {                                                                                              \
        "matmul", what, 2, {r0, r1}, {__VA_ARGS__}, .p = {tx, ty}, .build = matmul,                \
                                                    .ref = matmul_ref                              \
    }
#define D(...)                                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

const nn_case cases_product[] = {
    MATMUL("two", 0, 0, 2, 2, D(7, 13), D(13, 5)),
    MATMUL("two, first transposed", 1, 0, 2, 2, D(13, 7), D(13, 5)),
    MATMUL("two, second transposed", 0, 1, 2, 2, D(7, 13), D(5, 13)),
    MATMUL("two, both transposed", 1, 1, 2, 2, D(13, 7), D(5, 13)),
    MATMUL("batches", 0, 1, 4, 4, D(2, 3, 7, 13), D(2, 3, 5, 13)),
    MATMUL("batches, transposed", 1, 0, 3, 3, D(3, 13, 7), D(3, 13, 5)),
    MATMUL("a batch by one", 0, 0, 3, 2, D(3, 7, 13), D(13, 5)),
    MATMUL("a batch, transposed, by one", 1, 0, 3, 2, D(3, 13, 7), D(13, 5)),
    MATMUL("one by a batch", 0, 0, 2, 4, D(7, 13), D(2, 3, 13, 5)),
    MATMUL("broadcast by turns", 1, 1, 4, 4, D(2, 1, 13, 7), D(1, 3, 5, 13)),
    {"linear_links",
     "fewer outputs, a bias",
     3,
     {2, 1, 1},
     {{19, 7}, {9}, {5}},
     .build = links,
     .ref = links_ref},
    {"linear_links",
     "more outputs, three dimensions, no bias",
     2,
     {3, 1},
     {{2, 3, 5}, {14}},
     .p = {1},
     .build = links,
     .ref = links_ref},
    {"linear",
     "with a bias",
     3,
     {2, 2, 1},
     {{7, 13}, {5, 13}, {5}},
     .build = linear,
     .ref = linear_ref},
    {"linear",
     "three dimensions, no bias",
     2,
     {3, 2},
     {{2, 3, 17}, {33, 17}},
     .build = linear,
     .ref = linear_ref},
    {"linear",
     "large enough for oneDNN",
     3,
     {2, 2, 1},
     {{67, 129}, {65, 129}, {65}},
     .build = linear,
     .ref = linear_ref},
    {NULL},
};
