/* nn_random: draws have the moments of their distributions, and refuse what has none. */
#include "cull/nn_random.h"
#include "base/base.h"
#include "test.h"

enum { MANY = 40000 };
static cull_ctx *cx;
static cull_tape *t;

static int begin(void **state)
{
    (void)state;
    cx = cull_ctx_new(NULL);
    return cull_tape_new(cx, NULL, &t) != CULL_OK;
}
static int end(void **state)
{
    (void)state;
    cull_tape_free(t);
    cull_ctx_free(cx);
    return 0;
}

static cull_var *all(double v) { return cull_nn_constant(t, 1, (int64_t[]){MANY}, v); }

/* Mean and variance of y, each within 5 standard errors (of the variance: by the fourth moment). */
static void moments(const cull_var *y, double mean, double var)
{
    assert_non_null(y);
    const float *v = cull_var_value(y);
    double m = 0, s = 0, q = 0;
    for (int i = 0; i < MANY; i++) m += (double)v[i] / MANY;
    for (int i = 0; i < MANY; i++) {
        double d = (double)v[i] - mean;
        s += d * d / MANY;
        q += d * d * d * d / MANY;
    }
    if (fabs(m - mean) > 5 * sqrt(var / MANY)) fail_msg("mean %g, not %g", m, mean);
    if (fabs(s - var) > 5 * sqrt((q - var * var) / MANY)) fail_msg("variance %g, not %g", s, var);
}

static void have_moments(void **state)
{
    (void)state;
    static const double shape[][2] = {{2, 3}, {.4, .7}, {1, 1}, {5, .5}, {1, 4}, {30, 12}};
    cull_tape_reset(t, cx, 0, 5);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        double a = shape[i][0], b = shape[i][1], n = a + b;
        moments(cull_nn_beta(t, all(a), all(b)), a / n, a * b / (n * n * (n + 1)));
    }
    moments(cull_nn_normal(t, all(1.5), all(log(.7))), 1.5, .49);
    double p = 1 / (1 + exp(-.8));
    moments(cull_nn_bernoulli(t, all(.8)), p, p * (1 - p));
}

/* The one-hot of Gumbel softmax falls on each class as often as softmax says. */
static void gumbel_is_categorical(void **state)
{
    (void)state;
    static float x[MANY / 4][4];
    const double logit[4] = {0, 1, -1, .5};
    double sum = 0, hit[4] = {0};
    for (int c = 0; c < 4; c++) sum += exp(logit[c]);
    for (int i = 0; i < MANY / 4; i++)
        for (int c = 0; c < 4; c++) x[i][c] = (float)logit[c];
    cull_tape_reset(t, cx, 0, 6);
    cull_var *in = cull_nn_input(t, 2, (int64_t[]){MANY / 4, 4}, &x[0][0], false);
    const float *y = cull_var_value(cull_nn_gumbel_softmax(t, in, .5, true));
    for (int i = 0; i < MANY; i++) hit[i % 4] += (double)y[i];
    for (int c = 0; c < 4; c++) {
        double p = exp(logit[c]) / sum, n = MANY / 4;
        assert_true(fabs(hit[c] / n - p) < 5 * sqrt(p * (1 - p) / n));
    }
}

/* The same stream draws the same, another one does not, and two draws of one step differ. */
static void streams(void **state)
{
    (void)state;
    float a[3];
    for (int i = 0; i < 3; i++) {
        cull_tape_reset(t, cx, 0, i == 2 ? 9 : 8);
        cull_var *y = cull_nn_normal(t, all(0), all(0)), *z = cull_nn_normal(t, all(0), all(0));
        a[i] = *cull_var_value(y);
        assert_true(a[i] != *cull_var_value(z));
    }
    assert_true(a[0] == a[1] && a[1] != a[2]);
}

#define WRONG(call, part)                                                                          \
    do {                                                                                           \
        cull_tape_reset(t, cx, 0, 5);                                                              \
        assert_null(call);                                                                         \
        refused(cx, cull_tape_status(t), CULL_EINPUT, part);                                       \
    } while (0)

static void refuse(void **state)
{
    (void)state;
    const cull_hard_concrete bad = {.5, .1, 1.1};
    cull_var *two;
    WRONG(cull_nn_gumbel_softmax(t, all(0), 0, false), "tau is 0");
    WRONG(cull_nn_beta(t, all(0), all(1)), "a shape parameter is 0");
    WRONG(cull_nn_gate(t, all(0), INFINITY, 1, false), "tau is inf");
    WRONG(cull_nn_hard_concrete(t, all(0), &bad), "low 0.1");
    WRONG((two = cull_nn_constant(t, 1, (int64_t[]){2}, 0), cull_nn_normal(t, all(0), two)),
          "normal: the shapes are (40000) and (2)");
    WRONG(
        (two = cull_nn_constant(t, 1, (int64_t[]){2}, 0), cull_nn_straight_through(t, all(0), two)),
        "must be the same");
    WRONG(cull_nn_gumbel_softmax(t, cull_nn_constant(t, 0, NULL, 0), 1, false), "one number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(have_moments),
        cmocka_unit_test(gumbel_is_categorical),
        cmocka_unit_test(streams),
        cmocka_unit_test(refuse),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
