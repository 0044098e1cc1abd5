/* cases_attention.c - attention: heads, masks, keys in front, one tensor in three parts. */
#include "cases.h"

/* p: heads, causal, whether keys are the queries and values the keys */
static cull_var *attention(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    cull_var *k = c->ins > 1 ? x[1] : x[0], *v = c->ins > 2 ? x[2] : k;
    return cull_nn_attention(t, x[0], k, v, (int64_t)c->p[0], c->p[1] != 0);
}

static void attention_ref(const nn_case *c, const double *const *x, double *y)
{
    const int kin = c->ins > 1, vin = c->ins > 2 ? 2 : kin;
    const int64_t n = c->dim[0][0], s = c->dim[0][1], w = c->dim[0][2], u = c->dim[kin][1];
    const int64_t heads = (int64_t)c->p[0], d = w / heads;
    double *p = malloc((size_t)u * sizeof *p);
    for (int64_t b = 0; b < n; b++)
        for (int64_t i = 0; i < s; i++)
            for (int64_t h = 0; h < heads; h++) {
                const int64_t seen = c->p[1] != 0 ? u - s + i + 1 : u;
                double sum = 0;
                for (int64_t j = 0; j < seen; j++) {
                    double dot = 0;
                    for (int64_t k = h * d; k < (h + 1) * d; k++)
                        dot += x[0][(b * s + i) * w + k] * x[kin][(b * u + j) * w + k];
                    sum += p[j] = exp(dot / sqrt((double)d));
                }
                for (int64_t k = h * d; k < (h + 1) * d; k++)
                    for (int64_t j = 0; j < seen; j++)
                        y[(b * s + i) * w + k] += p[j] / sum * x[vin][(b * u + j) * w + k];
            }
    free(p);
}
#define ATTENTION(what, n, ...)                                                                    \
    {                                                                                              \
        "attention", what, n, {3, 3, 3}, __VA_ARGS__, .build = attention, .ref = attention_ref     \
    }
#define D(...)                                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

const nn_case cases_attention[] = {
    ATTENTION("all see all", 3, D({2, 5, 6}, {2, 7, 6}, {2, 7, 6}), D(-2, -2, -2), D(2, 2, 2),
              .p = {2, 0}),
    ATTENTION("causal", 3, D({2, 7, 9}, {2, 7, 9}, {2, 7, 9}), D(-2, -2, -2), D(2, 2, 2),
              .p = {3, 1}),
    ATTENTION("causal, keys in front", 3, D({2, 5, 6}, {2, 8, 6}, {2, 8, 6}), .p = {2, 1}),
    ATTENTION("causal, one head, one tensor", 1, D({3, 5, 4}), .p = {1, 1}),
    ATTENTION("keys are values", 2, D({2, 3, 6}, {2, 5, 6}), .p = {3, 0}),
    ATTENTION("queries alone are learnt", 3, D({2, 5, 6}, {2, 5, 6}, {2, 5, 6}), .fixed = {0, 1, 1},
              .p = {2, 1}),
    ATTENTION("values alone are learnt", 3, D({2, 5, 6}, {2, 5, 6}, {2, 5, 6}), .fixed = {1, 1, 0},
              .p = {2, 1}),
    ATTENTION("one position", 3, D({2, 1, 4}, {2, 1, 4}, {2, 1, 4}), .p = {4, 1}),
    ATTENTION("large enough for oneDNN", 3, D({1, 70, 48}, {1, 70, 48}, {1, 70, 48}), .p = {1, 1}),
    {NULL},
};
