/* cases_loss.c - losses. */
#include "cases.h"

static const int32_t label[] = {3, 0, 2, 2, 1, 4};
static const float weight[] = {1, 2.5f, 0, .5f, 1, 3};

static cull_var *ce(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_cross_entropy(t, x[0], label, c->p[1] ? weight : NULL, c->p[0]);
}
static void ce_ref(const nn_case *c, const double *const *x, double *y)
{
    int64_t k = c->dim[0][c->rank[0] - 1], rows = count_of(c, 0) / k;
    double total = 0, all = 0;
    for (int64_t r = 0; r < rows; r++) {
        const double *v = x[0] + r * k;
        double sum = 0, w = c->p[1] ? (double)weight[r] : 1, row = 0;
        for (int64_t j = 0; j < k; j++) sum += exp(v[j]);
        for (int64_t j = 0; j < k; j++)
            row -= ((1 - c->p[0]) * (j == label[r]) + c->p[0] / (double)k) * (v[j] - log(sum));
        total += w * row;
        all += w;
    }
    *y = total / all;
}

static const float products[] = {.5f, -2, 3, .25f, 1, -1};
static cull_var *weighted(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_weighted_sum(t, x[0], products);
}
static void weighted_ref(const nn_case *c, const double *const *x, double *y)
{
    *y = 0;
    for (int64_t i = 0; i < count_of(c, 0); i++) *y += (double)products[i] * x[0][i];
}

const nn_case cases_loss[] = {
    {"cross_entropy", "plain", 1, {2}, {{6, 5}}, {-4}, {4}, .build = ce, .ref = ce_ref},
    {"cross_entropy",
     "smoothed and weighted",
     1,
     {3},
     {{2, 3, 5}},
     {-4},
     {4},
     .p = {.1, 1},
     .build = ce,
     .ref = ce_ref},
    {"weighted_sum", "a row", 1, {1}, {{6}}, .build = weighted, .ref = weighted_ref},
    {NULL},
};
