/* cases_random.c - operations that draw, densities, gates. The references draw the same numbers. */
#include "base/base.h"
#include "cases.h"
#include "cull/nn_random.h"

static cull_rng noise(void) /* of the first draw of stream 3 */
{
    uint64_t first = 0;
    return cull__rng_seeded(cull__hash64(&first, sizeof first, 3), 0);
}
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static cull_var *gumbel(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_gumbel_softmax(t, x[0], c->p[0], c->p[1] != 0);
}
static void gumbel_soft(const nn_case *c, const double *const *x, double *y)
{
    int64_t k = c->dim[0][c->rank[0] - 1], rows = count_of(c, 0) / k;
    cull_rng r = noise();
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0;
        for (int64_t j = 0; j < k; j++)
            sum += y[i * k + j] = exp((x[0][i * k + j] + cull__rng_gumbel(&r)) / c->p[0]);
        for (int64_t j = 0; j < k; j++) y[i * k + j] /= sum;
    }
}
static void gumbel_hard(const nn_case *c, const double *const *x, double *y)
{
    int64_t k = c->dim[0][c->rank[0] - 1], rows = count_of(c, 0) / k;
    gumbel_soft(c, x, y);
    for (int64_t i = 0; i < rows; i++) {
        int64_t best = 0;
        for (int64_t j = 0; j < k; j++)
            if (y[i * k + j] > y[i * k + best]) best = j;
        for (int64_t j = 0; j < k; j++) y[i * k + j] = j == best;
    }
}

static cull_var *bernoulli(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_bernoulli(t, x[0]);
}
static void bernoulli_hard(const nn_case *c, const double *const *x, double *y)
{
    cull_rng r = noise();
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = cull__rng_unit(&r) < sigmoid(x[0][i]);
}
static void bernoulli_soft(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = sigmoid(x[0][i]);
}

static cull_var *normal(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_normal(t, x[0], x[1]);
}
static void normal_ref(const nn_case *c, const double *const *x, double *y)
{
    cull_rng r = noise();
    for (int64_t i = 0; i < count_of(c, 0); i++)
        y[i] = x[0][i] + exp(x[1][i]) * cull__rng_normal(&r);
}

static cull_var *beta(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    cull_var *y = cull_nn_beta(t, x[0], x[1]);
    /* what it draws is looked at in unit.nn_random; here that it stays within 0 and 1 */
    for (int64_t i = 0; y && i < cull_var_count(y); i++) {
        assert_true(cull_var_value(y)[i] > 0 && cull_var_value(y)[i] < 1);
    }
    return cull_nn_gate(t, y, 1, 1, true);
}
static void ones(const nn_case *c, const double *const *x, double *y)
{
    (void)x;
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = 1;
}

static cull_var *normal_density(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_normal_log_density(t, x[0], x[1], x[2]);
}
static void normal_density_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) {
        double sd = exp(x[2][i]), z = (x[0][i] - x[1][i]) / sd;
        y[i] = log(exp(-z * z / 2) / (sd * sqrt(2 * M_PI)));
    }
}

static cull_var *bernoulli_density(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_bernoulli_log_density(t, cull_nn_gate(t, x[0], 1, 1, true), x[1]);
}
static void bernoulli_density_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++)
        y[i] = log(x[0][i] > 0 ? sigmoid(x[1][i]) : 1 - sigmoid(x[1][i]));
}

static cull_var *beta_density(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_beta_log_density(t, x[0], x[1], x[2]);
}
static void beta_density_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++)
        y[i] = log(tgamma(x[1][i] + x[2][i]) / tgamma(x[1][i]) / tgamma(x[2][i]) *
                   pow(x[0][i], x[1][i] - 1) * pow(1 - x[0][i], x[2][i] - 1));
}

static cull_var *gate(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_gate(t, x[0], c->p[0], c->p[1], c->p[2] != 0);
}
static void gate_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++)
        y[i] = c->p[1] * (c->p[2] != 0 ? x[0][i] > 0 : sigmoid(c->p[0] * x[0][i]));
}

static const cull_hard_concrete paper = {2. / 3, -.1, 1.1};
static cull_var *concrete(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return c->p[0] != 0 ? cull_nn_hard_concrete_open(t, x[0], &paper)
                        : cull_nn_hard_concrete(t, x[0], &paper);
}
static void concrete_ref(const nn_case *c, const double *const *x, double *y)
{
    cull_rng r = noise();
    for (int64_t i = 0; i < count_of(c, 0); i++) {
        double s = sigmoid(x[0][i]), u;
        if (c->mode & CULL_TAPE_TRAIN) {
            u = cull__rng_unit(&r);
            s = sigmoid((log(u / (1 - u)) + x[0][i]) * 1.5);
        }
        s = s * 1.2 - .1;
        y[i] = s < 0 ? 0 : s > 1 ? 1 : s;
    }
}
static void open_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = sigmoid(x[0][i] - 2. / 3 * log(.1 / 1.1));
}

static cull_var *through(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_straight_through(t, x[0], x[1]);
}
static void first(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = x[0][i];
}
static void second(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = x[1][i];
}

static const float mask[] = {1, 0, 0, 1, 1, 0};
static cull_var *masked(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_masked(t, x[0], mask);
}
static void masked_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = (double)mask[i] * x[0][i];
}

/* clang-format off */
const nn_case cases_random[] = {
    {"gumbel_softmax", "soft", 1, {3}, {{2, 3, 5}}, .p = {.7, 0}, .build = gumbel, .ref = gumbel_soft, .random = true},
    {"gumbel_softmax", "hard, with the soft gradient", 1, {2}, {{4, 3}}, .p = {2, 1}, .build = gumbel, .ref = gumbel_hard, .soft = gumbel_soft, .random = true},
    {"bernoulli", "with the gradient of its mean", 1, {2}, {{5, 7}}, .build = bernoulli, .ref = bernoulli_hard, .soft = bernoulli_soft, .random = true},
    {"normal", "both gradients", 2, {2, 2}, {{5, 7}, {5, 7}}, .build = normal, .ref = normal_ref, .random = true},
    {"beta", "within 0 and 1", 2, {1, 1}, {{40}, {40}}, {.3, .3}, {3, 3}, {true, true}, .build = beta, .ref = ones, .random = true},
    {"normal_log_density", "three gradients", 3, {2, 2, 2}, {{3, 5}, {3, 5}, {3, 5}}, .build = normal_density, .ref = normal_density_ref},
    {"bernoulli_log_density", "of zeros and ones", 2, {1, 1}, {{9}, {9}}, {-1, -6}, {1, 6}, {true}, .build = bernoulli_density, .ref = bernoulli_density_ref},
    {"beta_log_density", "small and large shapes", 3, {1, 1, 1}, {{30}, {30}, {30}}, {.05, .2, .2}, {.95, 15, 15}, {true}, .build = beta_density, .ref = beta_density_ref},
    {"gate", "soft", 1, {2}, {{3, 4}}, .p = {5, 1.6065, 0}, .build = gate, .ref = gate_ref},
    {"gate_hard", "a step", 1, {2}, {{3, 4}}, .fixed = {true}, .p = {5, 1.6065, 1}, .build = gate, .ref = gate_ref},
    {"hard_concrete", "drawn", 1, {1}, {{50}}, {-2}, {2}, .build = concrete, .ref = concrete_ref, .random = true, .mode = CULL_TAPE_TRAIN},
    {"hard_concrete", "estimated", 1, {1}, {{50}}, {-2}, {2}, .build = concrete, .ref = concrete_ref},
    {"hard_concrete_open", "the penalty", 1, {1}, {{9}}, {-3}, {3}, .p = {1}, .build = concrete, .ref = open_ref},
    {"straight_through", "gradient to the second", 2, {2, 2}, {{2, 3}, {2, 3}}, .fixed = {true}, .build = through, .ref = first, .soft = second},
    {"masked", "a row", 1, {1}, {{6}}, .build = masked, .ref = masked_ref},
    {NULL},
};
/* clang-format on */
