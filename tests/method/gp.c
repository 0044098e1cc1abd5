/* gp: gains as integrals say they are; few trials find what draws do not, where some fail too. */
#include "models.h"

#include "search/sampler_gain.h"

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

static void gains(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 2);
    const double v[12] = {0.2, 0.9, 0.5, 0.5, 0.5, 0.4, 0.8, 0.1, 0.9, 0.3, 2, 0},
                 ref[2] = {1.1, 1};
    double front[12];
    int64_t n;
    ok(cx, cull__gain_front(cx, v, 6, ref, front, &n));
    assert_int_equal(n, 3);
    assert_true(front[0] == 0.2 && front[2] == 0.5 && front[3] == 0.4 && front[4] == 0.8);
    enum { DRAWS = 200000 };
    const double mean[3][2] = {{0.4, 0.5}, {0.1, 1.2}, {0.9, 0.05}}, sd[2] = {0.2, 0.3};
    for (int k = 0; k < 3; k++) {
        double sum = 0, square = 0, best = 0;
        for (int t = 0; t < DRAWS; t++) {
            double y[2] = {mean[k][0] + sd[0] * cull__rng_normal(&r),
                           mean[k][1] + sd[1] * cull__rng_normal(&r)};
            double gain = 0, at = fmax(y[0], -9); /* strip by strip: what is free above y */
            for (int i = 0; i <= 3; i++) {
                double left = fmax(at, i ? front[2 * i - 2] : -1e9);
                double right = i < 3 ? front[2 * i] : ref[0], top = i ? front[2 * i - 1] : ref[1];
                if (right > left && top > y[1]) gain += (right - left) * (top - y[1]);
            }
            sum += gain / DRAWS;
            square += gain * gain / DRAWS;
            best += fmax(0.3 - y[0], 0) / DRAWS;
        }
        double error = sqrt((square - sum * sum) / DRAWS);
        assert_true(fabs(cull__gain_volume(front, n, ref, mean[k], sd) - sum) < 4 * error);
        assert_true(fabs(cull__gain_below(0.3, mean[k][0], sd[0]) - best) < 0.002);
    }
    assert_true(cull__gain_below(1, 0.4, 0) == 0.6 && cull__gain_below(0.2, 0.4, 0) == 0);
    const double y[4] = {0.2, 0.6, 1, 0}, w[2] = {0.25, 0.75};
    double out[2];
    cull__gain_scalar(y, 2, 2, w, out);
    assert_true(fabs(out[0] - (0.45 + 0.05 * 0.5)) < 1e-15 && fabs(out[1] - 0.2625) < 1e-15);
    cull_ctx_free(cx);
}

/* What the three gains of normal values are, and of many points those that none is better than. */
static void several(void **state)
{
    (void)state;
    enum { POINTS = 500, DRAWS = 200 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 3);
    cull__gain_several g;
    double three[POINTS][3], x[POINTS], one;
    int best[POINTS], on = 0, hit[POINTS] = {0};
    cull__gain_three(1, 0.4, 0, 0.5, three[0]);
    assert_true(three[0][0] == 0.3 && three[0][1] == 0.5 && three[0][2] == 0.8);
    cull__gain_three(0, 3, 0.5, 1, three[0]);
    assert_true(fabs(three[0][1] - 9.865876e-10) < 1e-15 && fabs(three[0][2] - 1. / 3) < 1e-15);
    ok(cx, cull__gain_several_open(cx, 1, &g));
    assert_false(cull__gain_several_draw(&g, &r, &one));
    for (int i = 0; i < POINTS; i++) {
        x[i] = i;
        cull__gain_three(0, 2 * cull__rng_unit(&r), 2 * cull__rng_unit(&r), cull__rng_unit(&r),
                         three[i]);
        ok(cx, cull__gain_several_add(cx, &g, &x[i], three[i]));
    }
    for (int i = 0; i < POINTS; i++) {
        int better = 0;
        for (int j = 0; j < POINTS; j++)
            better += j != i && three[j][0] >= three[i][0] && three[j][1] >= three[i][1] &&
                      three[j][2] >= three[i][2];
        if (better == 0) best[on++] = i;
    }
    assert_in_range(on, 2, DRAWS / 10);
    for (int t = 0; t < DRAWS; t++) {
        assert_true(cull__gain_several_draw(&g, &r, &one));
        hit[(int)one]++;
    }
    int all = 0;
    for (int i = 0; i < on; i++) {
        assert_true(hit[best[i]] > 0);
        all += hit[best[i]];
    }
    assert_int_equal(all, DRAWS);
    cull__gain_several_close(&g);
    cull_ctx_free(cx);
}

static bool bowl(const cull_space *s, const double *x, double *value, double *violation)
{
    (void)s;
    value[0] = pow(x[0] - 0.37, 2) + pow(x[1] - 0.71, 2) + 0.3 * (x[2] != 1);
    violation[0] = 0.5 - x[0];
    return true;
}

static void better_than_random(void **state)
{
    (void)state;
    assert_true(gap("gp", "looks=300", 40) < 0.4 * gap("random-search", NULL, 40));
    study_run r = {.space = "a = real(0, 1)\nb = real(0, 1)\nc = one(p, q, r)\n",
                   .method = "random-search",
                   .trials = 40,
                   .fn = bowl};
    double drawn = mean_best(&r, 6);
    r.method = "gp";
    assert_true(mean_best(&r, 6) < 0.01 * drawn);
    r.workers = 4;
    assert_true(mean_best(&r, 6) < 0.1 * drawn);
    r.constraints = 1; /* the least value within is 0.0169 */
    double near = mean_best(&r, 6) - 0.0169;
    r.method = "random-search";
    assert_true(near < 0.1 * (mean_best(&r, 6) - 0.0169));
}

/* A third of all fail, as one would expect of two parameters, and some others; the least value is beside them. */
static bool often_fails(const cull_space *s, const double *x, double *value, double *violation)
{
    if (x[6] + x[7] > 7 || (x[0] == 2 && x[1] != 1)) return false;
    return choices_value(s, x, value, violation);
}

static bool never_works(const cull_space *s, const double *x, double *value, double *violation)
{
    (void)s, (void)x, (void)value, (void)violation;
    return false;
}

static void failures(void **state)
{
    (void)state;
    enum { SEEDS = 24 };
    study_run r = {.space = choices, .method = "random-search", .trials = 30, .fn = often_fails};
    double drawn = mean_best(&r, SEEDS);
    r.method = "gp"; /* 0.34 and 0.46 of it where failed ones were learnt as bad values */
    assert_true(mean_best(&r, SEEDS) < 0.2 * drawn);
    r.workers = 4;
    assert_true(mean_best(&r, SEEDS) < 0.4 * drawn);
    r.fn = never_works;
    assert_true(mean_best(&r, 2) == INFINITY);
}

/* auto is the ensemble where a parameter has an order, and the largest gain where none has. */
static void acquisitions(void **state)
{
    (void)state;
    static const struct {
        const char *space, *automatic, *other;
    } of[] = {{"a = int(1, 30)\nb = int(1, 30)\nc = one(p, q, r)\n", "ensemble", "improvement"},
              {"a = one(p, q, r, s, t)\nb = one(p, q, r, s, t)\nc = one(p, q, r, s, t)\n",
               "improvement", "ensemble"}};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int k = 0; k < 2; k++) {
        double x[3][24 * 3];
        const char *name[] = {"auto", of[k].automatic, of[k].other};
        for (int i = 0; i < 3; i++) {
            char opts[64];
            snprintf(opts, sizeof opts, "startup=4 looks=60 acquisition=%s", name[i]);
            study_run r = {.space = of[k].space,
                           .method = "gp",
                           .opts = opts,
                           .trials = 24,
                           .fn = bowl,
                           .x = x[i]};
            ok(cx, run_study(cx, &r));
        }
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        assert_memory_not_equal(x[0], x[2], sizeof x[0]);
    }
    cull_ctx_free(cx);
}

static void holds(void **state)
{
    (void)state;
    holds_up("gp", "startup=4 looks=40 starts=2 rows=10 acquisition=ensemble", 1, 10);
    holds_up("gp", "startup=4 looks=40 starts=2 rows=10", 1, 13);
    holds_up("gp", "startup=6 looks=40 starts=2", 2, 10);
    holds_up("gp", "startup=6 looks=40 starts=2", 3, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains),        cmocka_unit_test(several),
        cmocka_unit_test(acquisitions), cmocka_unit_test(better_than_random),
        cmocka_unit_test(failures),     cmocka_unit_test(holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
