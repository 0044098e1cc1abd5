/* cases_product.c - layers of weights, matrix products. */
#include "cases.h"

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

static cull_var *fm(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_fm(t, x[0]);
}
static cull_var *pairs(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_field_pairs(t, x[0]);
}
static void pairs_ref(const nn_case *c, const double *const *x, double *y)
{
    int64_t f = c->dim[0][1], d = c->dim[0][2];
    for (int64_t r = 0; r < c->dim[0][0]; r++)
        for (int64_t i = 0; i < f; i++)
            for (int64_t j = i + 1; j < f; j++, y++) {
                *y = 0;
                for (int64_t k = 0; k < d; k++)
                    *y += x[0][(r * f + i) * d + k] * x[0][(r * f + j) * d + k];
            }
}
static void fm_ref(const nn_case *c, const double *const *x, double *y)
{
    double all[64];
    int64_t f = c->dim[0][1], pairs_n = f * (f - 1) / 2;
    pairs_ref(c, x, all);
    for (int64_t r = 0; r < c->dim[0][0]; r++) {
        y[r] = 0;
        for (int64_t k = 0; k < pairs_n; k++) y[r] += all[r * pairs_n + k];
    }
}

const nn_case cases_product[] = {
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
    {"fm", "odd sizes", 1, {3}, {{3, 5, 7}}, .build = fm, .ref = fm_ref},
    {"fm", "one field has no pairs", 1, {3}, {{2, 1, 4}}, .build = fm, .ref = fm_ref},
    {"field_pairs", "odd sizes", 1, {3}, {{3, 5, 7}}, .build = pairs, .ref = pairs_ref},
    {NULL},
};
