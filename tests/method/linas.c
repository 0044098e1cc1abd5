/* linas: populations bred on predictions cover a front sooner than draws do. */
#include "models.h"

#include "cull/front.h"

/* Eight choices whose neighbours matter: the least value is 0, a draw's mean 3. */
static const char choices[] =
    "a = one(p, q, r)\nb = one(p, q, r)\nc = one(p, q, r)\nd = one(p, q, r)\n"
    "e = one(p, q, r)\nf = one(p, q, r)\ng = ordinal(1, 2, 4, 8)\nh = int(1, 5)\n";

static bool choices_value(const cull_space *s, const double *x, double *value, double *violation)
{
    (void)s;
    value[0] = 0.3 * fabs(x[6] - 3) + 0.2 * fabs(x[7] - 4);
    for (int j = 0; j < 6; j++) value[0] += 0.4 * (x[j] != j % 3);
    for (int j = 1; j < 6; j++) value[0] += 0.2 * (x[j] == 2 && x[j - 1] == 2);
    violation[0] = x[0] == 0 ? -1 : 0.5;
    value[1] = x[6] + (double)(x[0] == 1) + x[7];
    return true;
}

static double gap(const char *method, const char *opts, int64_t trials)
{
    study_run r = {
        .space = choices, .method = method, .opts = opts, .trials = trials, .fn = choices_value};
    return mean_best(&r, 6);
}

static void one(void **state)
{
    (void)state;
    double drawn = gap("random-search", NULL, 75);
    assert_true(gap("linas", NULL, 75) < 0.3 * drawn);
}

static double volume(const char *method, const char *opts, uint64_t seed)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    double x[75 * 8], v[150], worst[2] = {5, 8.5}, out;
    study_run r = {.space = choices,
                   .method = method,
                   .opts = opts,
                   .objectives = 2,
                   .trials = 75,
                   .seed = seed,
                   .fn = choices_value,
                   .x = x};
    ok(cx, run_study(cx, &r));
    for (int t = 0; t < 75; t++) {
        double value[2], violation[1];
        choices_value(NULL, x + 8 * t, value, violation);
        v[2 * t] = value[0];
        v[2 * t + 1] = value[1];
    }
    ok(cx, cull_front_volume(cx, v, 75, 2, worst, &out, NULL));
    cull_ctx_free(cx);
    return out;
}

static void two(void **state)
{
    (void)state;
    double drawn = 0, bred = 0, rounded = 0;
    for (uint64_t s = 1; s <= 5; s++) {
        drawn += volume("random-search", NULL, s);
        bred += volume("linas", NULL, s);
        rounded += volume("linas", "operators=rounded novel=no scale=values", s);
    }
    assert_true(bred > 1.08 * drawn);
    assert_true(rounded > 1.03 * drawn);
}

static void holds(void **state)
{
    (void)state;
    holds_up("linas", "population=5 rounds=5 size=8", 2, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one), cmocka_unit_test(two),
                                       cmocka_unit_test(holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
