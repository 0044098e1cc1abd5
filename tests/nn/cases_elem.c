/* cases_elem.c - operations on one number at a time. */
#include "cases.h"

static cull_var *relu(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_relu(t, x[0]);
}
static void relu_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = x[0][i] > 0 ? x[0][i] : 0;
}

const nn_case cases_elem[] = {
    {"relu", "odd size", 1, {3}, {{3, 7, 5}}, .build = relu, .ref = relu_ref, .kink = 1e-3},
    {"relu", "one number", 1, {0}, {{0}}, .build = relu, .ref = relu_ref, .kink = 1e-3},
    {NULL},
};
