/* cases_softmax.c - softmax of rows, of masked rows, of segments; norms of rows. */
#include "cases.h"

static int64_t last(const nn_case *c) { return c->dim[0][c->rank[0] - 1]; }

static cull_var *softmax(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_softmax(t, x[0], c->p[0]);
}
static cull_var *log_softmax(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_log_softmax(t, x[0], c->p[0]);
}
static void softmax_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = last(c);
    for (int64_t r = 0; r < count_of(c, 0); r += n) {
        double sum = 0;
        for (int64_t i = r; i < r + n; i++) sum += exp(x[0][i] / c->p[0]);
        for (int64_t i = r; i < r + n; i++) y[i] = exp(x[0][i] / c->p[0]) / sum;
    }
}
static void log_softmax_ref(const nn_case *c, const double *const *x, double *y)
{
    softmax_ref(c, x, y);
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = log(y[i]);
}

/* 3 rows of 5; the second is all masked */
static const uint8_t mask[] = {1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 255, 1, 1};
static cull_var *masked(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_masked_softmax(t, x[0], mask, 3, (int64_t)c->p[1], c->p[0]);
}
static void masked_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t r = 0; r < count_of(c, 0) / 5; r++) {
        const uint8_t *m = mask + r / (int64_t)c->p[1] % 3 * 5;
        double sum = 0;
        for (int64_t i = 0; i < 5; i++) sum += m[i] ? exp(x[0][r * 5 + i] / c->p[0]) : 0;
        for (int64_t i = 0; i < 5; i++)
            y[r * 5 + i] = m[i] ? exp(x[0][r * 5 + i] / c->p[0]) / sum : 0;
    }
}

/* segment 1 is empty */
static const int32_t id[] = {2, 0, 2, 3, 2, 0, 3};
static cull_var *segment(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_segment_softmax(t, x[0], id, 4, c->p[0]);
}
static void segment_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = count_of(c, 0) / 7;
    for (int64_t r = 0; r < 7; r++)
        for (int64_t i = 0; i < n; i++) {
            double sum = 0;
            for (int64_t s = 0; s < 7; s++)
                sum += id[s] == id[r] ? exp(x[0][s * n + i] / c->p[0]) : 0;
            y[r * n + i] = exp(x[0][r * n + i] / c->p[0]) / sum;
        }
}

/* p: eps, and for layer norm whether there is a scale, a shift */
static cull_var *layer(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    cull_var *w = c->p[1] ? x[1] : NULL;
    return cull_nn_layer_norm(t, x[0], w, c->p[2] ? x[c->p[1] ? 2 : 1] : NULL, c->p[0]);
}
static cull_var *rms(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_rms_norm(t, x[0], c->p[1] ? x[1] : NULL, c->p[0]);
}
static void norm(const nn_case *c, const double *const *x, double *y, bool centre)
{
    const int64_t n = last(c);
    for (int64_t r = 0; r < count_of(c, 0); r += n) {
        double mean = 0, var = 0;
        for (int64_t i = r; centre && i < r + n; i++) mean += x[0][i] / (double)n;
        for (int64_t i = r; i < r + n; i++) var += (x[0][i] - mean) * (x[0][i] - mean) / (double)n;
        for (int64_t i = r; i < r + n; i++)
            y[i] = (x[0][i] - mean) / sqrt(var + c->p[0]) * (c->p[1] ? x[1][i - r] : 1) +
                   (c->p[2] ? x[c->p[1] ? 2 : 1][i - r] : 0);
    }
}
static void layer_ref(const nn_case *c, const double *const *x, double *y) { norm(c, x, y, true); }
static void rms_ref(const nn_case *c, const double *const *x, double *y) { norm(c, x, y, false); }

const nn_case cases_softmax[] = {
    {"softmax",
     "short rows",
     1,
     {2},
     {{7, 10}},
     {-4},
     {4},
     .p = {1},
     .build = softmax,
     .ref = softmax_ref},
    {"softmax",
     "long rows, warm",
     1,
     {3},
     {{2, 3, 67}},
     {-4},
     {4},
     .p = {2.5},
     .build = softmax,
     .ref = softmax_ref},
    {"softmax",
     "longer than a group",
     1,
     {2},
     {{2, 2050}},
     {-4},
     {4},
     .p = {.5},
     .build = softmax,
     .ref = softmax_ref},
    {"log_softmax",
     "short rows, cold",
     1,
     {2},
     {{7, 10}},
     {-4},
     {4},
     .p = {.5},
     .build = log_softmax,
     .ref = log_softmax_ref},
    {"log_softmax",
     "long rows",
     1,
     {1},
     {{1030}},
     {-4},
     {4},
     .p = {1},
     .build = log_softmax,
     .ref = log_softmax_ref},
    {"masked_softmax",
     "in turns",
     1,
     {3},
     {{2, 3, 5}},
     {-4},
     {4},
     .p = {1, 1},
     .build = masked,
     .ref = masked_ref},
    {"masked_softmax",
     "each twice, warm",
     1,
     {3},
     {{3, 2, 5}},
     {-4},
     {4},
     .p = {1.5, 2},
     .build = masked,
     .ref = masked_ref},
    {"segment_softmax",
     "scores",
     1,
     {1},
     {{7}},
     {-4},
     {4},
     .p = {1},
     .build = segment,
     .ref = segment_ref},
    {"segment_softmax",
     "heads, warm",
     1,
     {2},
     {{7, 3}},
     {-4},
     {4},
     .p = {1.5},
     .build = segment,
     .ref = segment_ref},
    {"layer_norm",
     "scaled and shifted",
     3,
     {3, 1, 1},
     {{2, 3, 37}, {37}, {37}},
     .p = {1e-5, 1, 1},
     .build = layer,
     .ref = layer_ref},
    {"layer_norm",
     "plain, longer than a piece",
     1,
     {2},
     {{2, 515}},
     {3},
     {5},
     .p = {1e-5},
     .build = layer,
     .ref = layer_ref},
    {"layer_norm",
     "shifted",
     2,
     {2, 1},
     {{3, 7}, {7}},
     .p = {1e-2, 0, 1},
     .build = layer,
     .ref = layer_ref},
    {"layer_norm",
     "of constants",
     3,
     {2, 1, 1},
     {{5, 7}, {7}, {7}},
     .fixed = {1},
     .p = {1e-5, 1, 1},
     .build = layer,
     .ref = layer_ref},
    {"rms_norm",
     "scaled",
     2,
     {3, 1},
     {{2, 3, 37}, {37}},
     .p = {1e-5, 1},
     .build = rms,
     .ref = rms_ref},
    {"rms_norm", "plain", 1, {1}, {{9}}, .p = {1e-2}, .build = rms, .ref = rms_ref},
    {NULL},
};
