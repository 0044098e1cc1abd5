/* cma-es: finds the bottom of a narrow valley to many digits; refuses what has no numbers. */
#include "models.h"

/* A valley a hundred times as long as wide, askew; an int and a category beside it. */
static bool valley(const cull_space *s, const double *x, double *value, double *violation)
{
    (void)s, (void)violation;
    double a = x[0] + x[1] - 0.9, b = x[0] - x[1] + 0.2;
    value[0] = a * a + 1e4 * b * b + pow(x[2] - 7, 2) + (x[3] != 2);
    return true;
}

static void narrow_valley(void **state)
{
    (void)state;
    study_run r = {.space = "a = real(0, 1)\nb = real(0, 1)\nc = int(1, 9)\nd = one(p, q, r)\n",
                   .method = "cma-es",
                   .trials = 900,
                   .fn = valley};
    assert_true(mean_best(&r, 6) < 1e-6);
    r.opts = "mixed=best";
    assert_true(mean_best(&r, 6) < 1);
    r.opts = "population=12";
    r.workers = 5;
    r.trials = 900;
    assert_true(mean_best(&r, 6) < 1e-3);
}

static bool holes(const cull_space *s, const double *x, double *value, double *violation)
{
    (void)s, (void)violation;
    value[0] = 2;
    for (int j = 0; j < 2; j++) {
        double y = 6 * (x[j] - 0.8);
        value[0] += y * y - cos(6.283185307179586 * y);
    }
    return x[0] < 0.95;
}

/* Of many holes, by starting anew. */
static void restarts(void **state)
{
    (void)state;
    study_run r = {.space = "a = real(0, 1)\nb = real(0, 1)\n",
                   .method = "cma-es",
                   .trials = 1500,
                   .fn = holes};
    assert_true(mean_best(&r, 6) < 0.1);
}

static void no_numbers(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    study_run r = {.space = "a = one(p, q)\n", .method = "cma-es", .trials = 5, .fn = valley};
    refused(cx, run_study(cx, &r), CULL_EINPUT, "no reals and no ints");
    r.space = "a = real(0, 1)\n";
    r.objectives = 2;
    refused(cx, run_study(cx, &r), CULL_EINPUT, "objective");
    cull_ctx_free(cx);
}

static void holds(void **state)
{
    (void)state;
    holds_up("cma-es", "population=5", 1, 40);
    holds_up("cma-es", "population=4 mixed=best", 1, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(narrow_valley), cmocka_unit_test(restarts),
                                       cmocka_unit_test(no_numbers), cmocka_unit_test(holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
