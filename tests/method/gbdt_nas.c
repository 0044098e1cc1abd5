/* gbdt-nas: what trees rank first is better than what is drawn, and what SHAP leaves out was worse.
 * */
#include "models.h"

#include "search/sampler_prune.h"

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

static void better_than_random(void **state)
{
    (void)state;
    double drawn = gap("random-search", NULL, 80);
    assert_true(gap("gbdt-nas", "pool=2000", 80) < 0.5 * drawn);
    assert_true(gap("gbdt-nas", "pool=2000 prune=values", 80) < 0.5 * drawn);
    assert_true(gap("gbdt-nas", "pool=1000 prune=pairs rounds=20", 60) < 0.7 * drawn);
}

/* Values are additive here, so what is worst is known. */
static void prunes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { N = 200 };
    cull_space *sp;
    cull__features f;
    cull_predictor *p;
    ok(cx, cull_space_from(cx, choices, strlen(choices), "space", &sp));
    cull__features_open(sp, CULL_ENCODE_LEVELS, false, &f);
    double *x = malloc((size_t)(N * f.d) * sizeof *x), y[N];
    uint8_t *out = malloc((size_t)f.d);
    cull_rng r = cull__rng(cx, 4);
    for (int i = 0; i < N; i++) {
        double point[8];
        ok(cx, cull__space_draw(cx, sp, &r, point));
        cull__features_of(&f, point, x + i * f.d);
        y[i] = (point[2] == 1) + 0.5 * (point[4] == 0) + 0.01 * cull__rng_normal(&r);
    }
    cull_predict_opts o = CULL_PREDICT_OPTS;
    o.kind = CULL_PREDICT_BOOST;
    ok(cx, cull_predictor_fit(cx, x, y, NULL, N, f.d, &o, 1, &p));
    cull__rows rows = {.n = N, .m = 1, .x = x, .y = y};
    for (int order = 1; order <= 2; order++) {
        int64_t value, gone = 0;
        ok(cx, cull__prune(cx, p, &rows, &f, order, order == 1 ? 2 : 1, out));
        for (int64_t j = 0; j < f.d; j++) {
            if (!out[j]) continue;
            int i = cull_space_feature(sp, CULL_ENCODE_LEVELS, j, &value);
            gone++;
            if (order == 1) assert_true((i == 2 && value == 1) || (i == 4 && value == 0));
        }
        assert_int_equal(gone, order == 1 ? 2 : 1);
    }
    cull_predictor_free(p);
    free(x);
    free(out);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static void holds(void **state)
{
    (void)state;
    holds_up("gbdt-nas", "startup=4 batch=4 pool=20 rounds=2 prune=values", 1, 9);
}

/* Shares are of trees; without pruning anything that learns may rank. */
static void other_predictors(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    study_run r = {.space = choices,
                   .method = "gbdt-nas",
                   .opts = "predictor=ridge prune=values",
                   .trials = 5,
                   .fn = choices_value};
    refused(cx, run_study(cx, &r), CULL_EOPTION, "boosted trees, and predictor is ridge");
    cull_ctx_free(cx);
    assert_true(gap("gbdt-nas", "pool=2000 predictor=ridge", 80) <
                0.5 * gap("random-search", NULL, 80));
}

static void one_objective_only(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    study_run r = {
        .space = choices, .method = "gbdt-nas", .objectives = 2, .trials = 5, .fn = choices_value};
    refused(cx, run_study(cx, &r), CULL_EINPUT, "objective");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(better_than_random),
                                       cmocka_unit_test(prunes),
                                       cmocka_unit_test(one_objective_only),
                                       cmocka_unit_test(other_predictors), cmocka_unit_test(holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
