/* cases_fields.c - interactions of fields. */
#include "cases.h"

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

const nn_case cases_fields[] = {
    {"fm", "odd sizes", 1, {3}, {{3, 5, 7}}, .build = fm, .ref = fm_ref},
    {"fm", "one field has no pairs", 1, {3}, {{2, 1, 4}}, .build = fm, .ref = fm_ref},
    {"field_pairs", "odd sizes", 1, {3}, {{3, 5, 7}}, .build = pairs, .ref = pairs_ref},
    {NULL},
};
