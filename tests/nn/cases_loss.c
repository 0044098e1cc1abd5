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

/* ---- beside cross entropy; p: the loss's number, weighted ---- */

static const float *weight_of(const nn_case *c) { return c->p[1] ? weight : NULL; }
/* The mean over rows, weighted, of what was found of each. */
static double mean_of(const nn_case *c, const double *row, int64_t rows)
{
    double total = 0, all = 0;
    for (int64_t r = 0; r < rows; r++) {
        total += (c->p[1] ? (double)weight[r] : 1) * row[r];
        all += c->p[1] ? (double)weight[r] : 1;
    }
    return total / all;
}
static void softmax_of(const double *x, int64_t n, double temperature, double *p)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += exp(x[i] / temperature);
    for (int64_t i = 0; i < n; i++) p[i] = exp(x[i] / temperature) / sum;
}

#define EACH(name, call, value)                                                                    \
    static cull_var *name(cull_tape *t, const nn_case *c, cull_var *const *x) { return call; }     \
    EACH_REF(name, value)
#define EACH_REF(name, value)                                                                      \
    static void name##_ref(const nn_case *c, const double *const *x_, double *out)                 \
    {                                                                                              \
        const int64_t rows = c->rank[0] ? c->dim[0][0] : 1, n = count_of(c, 0) / rows;             \
        double row[16] = {0};                                                                      \
        for (int64_t i = 0; i < rows * n; i++) {                                                   \
            const double x = x_[0][i], y = x_[1][i];                                               \
            row[i / n] += (value) / (double)n;                                                     \
        }                                                                                          \
        *out = mean_of(c, row, rows);                                                              \
    }
EACH(mse, cull_nn_mse(t, x[0], x[1], weight_of(c)), (x - y) * (x - y))
EACH(mae, cull_nn_mae(t, x[0], x[1], weight_of(c)), fabs(x - y))
EACH(huber, cull_nn_huber(t, x[0], x[1], c->p[0], weight_of(c)),
     fabs(x - y) < c->p[0] ? .5 * (x - y) * (x - y) : c->p[0] * (fabs(x - y) - .5 * c->p[0]))
EACH(bce, cull_nn_bce(t, x[0], x[1], c->p[0], weight_of(c)),
     -(1 - y) * log(1 - 1 / (1 + exp(-x))) - c->p[0] * y * log(1 / (1 + exp(-x))))
/* targets, as they are drawn, are brought to -1 or 1 */
static cull_var *hinge(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    static float sign[64];
    if (!x[1]) return NULL;
    for (int64_t i = 0; i < count_of(c, 1); i++) sign[i] = cull_var_value(x[1])[i] < 0 ? -1 : 1;
    cull_var *y = cull_nn_input(t, c->rank[1], c->dim[1], sign, false);
    return cull_nn_hinge(t, x[0], y, c->p[0], weight_of(c));
}
EACH_REF(hinge, fmax(0, c->p[0] - (y < 0 ? -1 : 1) * x))

static cull_var *soft(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_soft_cross_entropy(t, x[0], x[1], weight_of(c));
}
static void soft_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = c->dim[0][c->rank[0] - 1], rows = count_of(c, 0) / n;
    double row[16] = {0}, p[64];
    for (int64_t r = 0; r < rows; r++) {
        softmax_of(x[0] + r * n, n, 1, p);
        for (int64_t i = 0; i < n; i++) row[r] -= x[1][r * n + i] * log(p[i]);
    }
    *y = mean_of(c, row, rows);
}

static cull_var *kl(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_kl(t, x[0], x[1], c->p[0], weight_of(c));
}
static void kl_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = c->dim[0][c->rank[0] - 1], rows = count_of(c, 0) / n;
    double row[16] = {0}, p[64], q[64];
    for (int64_t r = 0; r < rows; r++) {
        softmax_of(x[1] + r * n, n, c->p[0], p);
        softmax_of(x[0] + r * n, n, c->p[0], q);
        for (int64_t i = 0; i < n; i++) row[r] += c->p[0] * c->p[0] * p[i] * log(p[i] / q[i]);
    }
    *y = mean_of(c, row, rows);
}

static cull_var *cosine(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_cosine_distance(t, x[0], x[1], weight_of(c));
}
static void cosine_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = c->dim[0][c->rank[0] - 1], rows = count_of(c, 0) / n;
    double row[16];
    for (int64_t r = 0; r < rows; r++) {
        double aa = 0, bb = 0, ab = 0;
        for (int64_t i = r * n; i < (r + 1) * n; i++) {
            aa += x[0][i] * x[0][i];
            bb += x[1][i] * x[1][i];
            ab += x[0][i] * x[1][i];
        }
        row[r] = 1 - ab / sqrt(aa * bb);
    }
    *y = mean_of(c, row, rows);
}

static cull_var *rank(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return c->p[0] < 0 ? cull_nn_rank_logistic(t, x[0], x[1], weight_of(c))
                       : cull_nn_rank_margin(t, x[0], x[1], c->p[0], weight_of(c));
}
static void rank_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t n = c->dim[0][c->rank[0] - 1], rows = count_of(c, 0) / n;
    double row[16] = {0};
    for (int64_t r = 0; r < rows; r++) {
        const double *v = x[0] + r * n, *w = x[1] + r * n;
        double pairs = 0;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                if (!(w[i] > w[j])) continue;
                pairs++;
                row[r] += c->p[0] < 0 ? log1p(exp(v[j] - v[i])) : fmax(0, c->p[0] - v[i] + v[j]);
            }
        row[r] /= pairs ? pairs : 1;
    }
    *y = mean_of(c, row, rows);
}

#define TWO(name, what, r, d, ...)                                                                 \
    {                                                                                              \
        name, what, 2, {r, r}, {d, d}, __VA_ARGS__                                                 \
    }
#define D(...)                                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define FIXED .fixed = {0, 1}

const nn_case cases_loss[] = {
    TWO("mse", "plain", 3, D(2, 3, 7), .build = mse, .ref = mse_ref),
    TWO("mse", "weighted", 2, D(6, 5), .p = {0, 1}, .build = mse, .ref = mse_ref),
    TWO("mse", "one number", 0, D(0), .build = mse, .ref = mse_ref),
    TWO("mae", "plain", 2, D(5, 7), .build = mae, .ref = mae_ref),
    TWO("mae", "weighted", 1, D(6), .p = {0, 1}, .build = mae, .ref = mae_ref),
    TWO("huber", "wide", 2, D(5, 7), .p = {.7}, .build = huber, .ref = huber_ref),
    TWO("huber", "narrow, weighted", 2, D(6, 7), .p = {.2, 1}, .build = huber, .ref = huber_ref),
    TWO("bce", "plain", 2, D(5, 7), {-4}, {4, 1}, FIXED, .p = {1}, .build = bce, .ref = bce_ref),
    TWO("bce", "positives count more, weighted", 2, D(6, 3), {-4}, {4, 1}, FIXED, .p = {3.5, 1},
        .build = bce, .ref = bce_ref),
    TWO("hinge", "plain", 2, D(5, 7), {-2, -1}, {2, 1}, FIXED, .p = {1}, .build = hinge,
        .ref = hinge_ref),
    TWO("hinge", "margin .5, weighted", 1, D(6), {-2, -1}, {2, 1}, FIXED, .p = {.5, 1},
        .build = hinge, .ref = hinge_ref),
    TWO("soft_cross_entropy", "plain", 2, D(5, 7), {-3, 0}, {3, 1}, .build = soft, .ref = soft_ref),
    TWO("soft_cross_entropy", "weighted, targets fixed", 3, D(2, 3, 5), {-3, 0}, {3, 1}, FIXED,
        .p = {0, 1}, .build = soft, .ref = soft_ref),
    TWO("kl", "plain", 2, D(5, 7), {-3, -3}, {3, 3}, FIXED, .p = {1}, .build = kl, .ref = kl_ref),
    TWO("kl", "temperature 4, weighted", 2, D(6, 7), {-3, -3}, {3, 3}, FIXED, .p = {4, 1},
        .build = kl, .ref = kl_ref),
    TWO("cosine_distance", "plain", 2, D(5, 33), .build = cosine, .ref = cosine_ref),
    TWO("cosine_distance", "weighted", 3, D(2, 3, 7), .p = {0, 1}, .build = cosine,
        .ref = cosine_ref),
    TWO("rank_logistic", "lists", 2, D(3, 9), FIXED, .p = {-1}, .build = rank, .ref = rank_ref),
    TWO("rank_logistic", "weighted", 2, D(6, 5), FIXED, .p = {-1, 1}, .build = rank,
        .ref = rank_ref),
    TWO("rank_margin", "one list", 1, D(13), FIXED, .p = {.3}, .build = rank, .ref = rank_ref),
    TWO("rank_margin", "weighted", 2, D(6, 5), FIXED, .p = {.1, 1}, .build = rank, .ref = rank_ref),
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
