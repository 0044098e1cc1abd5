/* space_weights: categories with weights: read, written, refused; draws, listed points, first points and mutations at those chances,
 * and what the space is by functional ANOVA. */
#include "test.h"

#include "cull/importance.h"
#include "cull/report.h"
#include "cull/space.h"
#include "space/space.h"

static cull_space *from(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "s", &s));
    return s;
}

static const char weighted[] = "a = one(x: 6, \"y z\": 3, w: 1, default=w)\nb = one(p, q)\n";

static void written(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, weighted), *plain = from(cx, "a = one(x, y)\n");
    const double *w = cull_space_at(s, 0)->weight;
    char *text;
    (void)state;
    assert_true(w[0] == 0.6 && w[1] == 0.3 && w[2] == 0.1); /* each divided once */
    assert_null(cull_space_at(s, 1)->weight);
    assert_null(cull_space_at(plain, 0)->weight);
    for (int json = 0; json < 2; json++) {
        ok(cx, cull_space_text(cx, s, json, &text));
        if (!json) assert_string_equal(text, weighted);
        if (json)
            assert_non_null(
                strstr(text, "\"one\":[\"x\",\"y z\",\"w\"],\"weights\":[6,3,1],\"default\":"));
        cull_space *again = from(cx, text);
        assert_true(cull_space_hash(again) == cull_space_hash(s));
        assert_memory_equal(cull_space_at(again, 0)->weight, w, 3 * sizeof *w);
        cull_space_free(again);
        cull_text_free(text);
    }
    cull_space_free(plain);
    /* copies share them */
    plain = from(cx, "r = repeat(1..3) { a = one(x: 1, y: 3) }\n");
    assert_true(cull_space_at(plain, 3)->weight[1] == 0.75);
    cull_space_free(plain);
    cull_space_free(s);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    static const struct {
        const char *text, *why;
    } is[] = {
        {"a = one(x: 1, y)", "s:1: a: 'y' has no weight; either all values have one or none"},
        {"a = one(x, y: 1)", "a: 'x' has no weight"},
        {"a = one(x: 0, y: 1)", "the weight of 'x' is 0; weights are above 0"},
        {"a = one(x: -1, y: 1)", "the weight of 'x' is -1"},
        {"a = one(x: 1e308, y: 1e308)", "the weight of 'y' is 1e+308"},
        {"a = one(x: nan, y: 1)", "the weight of 'x' is no number"},
        {"a = one(x: , y: 1)", "a weight was expected at ', y"},
        {"a = ordinal(x: 1, y: 2)", "')' is missing after the values at ': 1"},
        {"{\"space\": [{\"name\": \"a\", \"one\": [\"x\", \"y\"], \"weights\": [1]}]}",
         "s: a: \"weights\" must list a number for each of its 2 values"},
        {"{\"space\": [{\"name\": \"a\", \"one\": [\"x\", \"y\"], \"weights\": [1, \"2\"]}]}",
         "a: a weight is no number"},
        {"{\"space\": [{\"name\": \"a\", \"ordinal\": [1, 2], \"weights\": [1, 2]}]}",
         "\"weights\" does not go with ordinal"},
        {"{\"hyperparameters\": [{\"name\": \"a\", \"type\": \"categorical\", \"choices\": [1, 2], "
         "\"weights\": [0, 1]}]}",
         "the weight of '1' is 0"},
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s;
    (void)state;
    for (size_t k = 0; k < sizeof is / sizeof *is; k++)
        refused(cx, cull_space_from(cx, is[k].text, strlen(is[k].text), "s", &s), CULL_EINPUT,
                is[k].why);
    cull_ctx_free(cx);
}

enum { DRAWS = 20000 };

/* Shares of so many draws are within five standard deviations of the chances. */
static void near_chances(const int *count, const double *chance, int n)
{
    for (int k = 0; k < n; k++)
        assert_true(fabs(count[k] - DRAWS * chance[k]) <=
                    5 * sqrt(DRAWS * chance[k] * (1 - chance[k])));
}

static void draws(void **state)
{
    static const double all[3] = {0.6, 0.3, 0.1}, kept[3] = {6. / 13, 6. / 13, 1. / 13};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, weighted);
    int count[3] = {0};
    double x[2];
    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        ok(cx, cull_space_draw(cx, s, (uint64_t)i, x));
        count[(int)x[0]]++;
    }
    near_chances(count, all, 3);
    const cull_space_param *p = cull_space_at(s, 0);
    assert_true(cull__space_by_chance(p, 0) == 0 && cull__space_by_chance(p, 0.59) == 0);
    assert_true(cull__space_by_chance(p, 0.61) == 1 && cull__space_by_chance(p, 0.89) == 1);
    assert_true(cull__space_by_chance(p, 0.91) == 2 && cull__space_by_chance(p, 1) == 2);
    assert_true(cull__space_by_chance(cull_space_at(s, 1), 0.5) == 1);
    cull_space_free(s);
    /* with a constraint: (x, p) of 0.3, (y z) of 0.3, (w, p) of 0.05, whether drawn again or listed */
    s = from(cx, "a = one(x: 6, y: 3, w: 1)\nb = one(p, q)\nforbid a != y and b == q\n");
    memset(count, 0, sizeof count);
    for (int i = 0; i < DRAWS; i++) {
        ok(cx, cull_space_draw(cx, s, (uint64_t)i, x));
        count[(int)x[0]]++;
    }
    near_chances(count, kept, 3);
    cull_space_free(s);
    s = from(cx, "a = one(x: 6, y: 3, w: 1)\nb = int(1, 500)\nc = int(1, 500)\n"
                 "require b == 7 and (a == y or c < 3) and c < 5\n"); /* hard to hit: a list */
    const double listed[3] = {12. / 26, 12. / 26, 2. / 26};
    double y[3];
    memset(count, 0, sizeof count);
    for (int i = 0; i < DRAWS; i++) {
        ok(cx, cull_space_draw(cx, s, (uint64_t)i, y));
        count[(int)y[0]]++;
    }
    near_chances(count, listed, 3);
    cull_space_free(s);
    cull_ctx_free(cx);
}

static void mutations(void **state)
{
    static const double to[3][3] = {{0, 0.75, 0.25}, {6. / 7, 0, 1. / 7}, {2. / 3, 1. / 3, 0}};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "a = one(x: 6, y: 3, w: 1)\n");
    cull__mutation o = {0};
    cull_rng r = cull__rng_seeded(5, 0);
    (void)state;
    for (int k = 0; k < 3; k++) {
        int count[3] = {0};
        double x = k, y;
        for (int i = 0; i < DRAWS; i++) {
            ok(cx, cull__space_mutate(cx, s, &o, &r, &x, &y));
            count[(int)y]++;
        }
        near_chances(count, to[k], 3);
    }
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* Methods that begin with an even sequence have the chances almost exactly. */
static void first_points(void **state)
{
    static const char *const slug[] = {"quasi-random", "tpe", "gp"};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "a = one(x: 6, y: 3, w: 1)\nb = real(0, 1)\n");
    cull_objective objective = {"v", false};
    cull_search_problem p = {.space = s, .objectives = 1, .objective = &objective, .trials = 100};
    (void)state;
    for (int m = 0; m < 3; m++) {
        const cull_method *method = cull_method_find(slug[m], NULL);
        cull_study *st;
        cull_opts *o;
        int count[3] = {0};
        ok(cx, cull_opts_new(cx, method, &o));
        if (m) ok(cx, cull_opts_set(cx, o, "startup", "60"));
        ok(cx, cull_study_open(cx, &p, method, o, NULL, &st));
        for (int i = 0; i < 60; i++) {
            cull_trial t;
            const double v = i;
            ok(cx, cull_study_ask(st, &t));
            count[(int)t.x[0]]++;
            ok(cx, cull_study_tell(st, t.number,
                                   &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}));
        }
        CHECK(method, abs(count[0] - 36) <= 6 && abs(count[1] - 18) <= 6 && count[2] <= 12);
        cull_study_free(st);
        cull_opts_free(o);
    }
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* The variance of (0, 1) at a chance of 0.9 is 0.09, of b at even chances 0.25. */
static void fanova(void **state)
{
    enum { N = 200 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "a = one(x: 9, y: 1)\nb = one(p, q)\n");
    double x[2 * N], y[N];
    cull_fanova got[2];
    (void)state;
    for (int i = 0; i < N; i++) {
        x[2 * i] = i % 2, x[2 * i + 1] = i / 2 % 2;
        y[i] = x[2 * i] + x[2 * i + 1];
    }
    ok(cx, cull_search_fanova(cx, s, N, x, y, NULL, got, NULL, NULL));
    assert_true(fabs(got[0].share - 0.09 / 0.34) < 1e-12);
    assert_true(fabs(got[1].share - 0.25 / 0.34) < 1e-12);
    cull_space_free(s);
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    static const char json[] =
        "{\"space\": [{\"name\": \"a\", \"one\": [\"x\", \"y\"], \"weights\": [1, 2]}]}";
    (void)state;
    for (int kind = 0; kind < 2; kind++)
        for (long k = 1;; k++) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_space *s = NULL;
            const char *text = kind ? json : weighted;
            cull_status st = cx ? cull_space_from(cx, text, strlen(text), "s", &s) : CULL_ENOMEM;
            cull_space_free(s);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (st == CULL_OK) break;
            assert_int_equal(st, CULL_ENOMEM);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),   cmocka_unit_test(refusals),     cmocka_unit_test(draws),
        cmocka_unit_test(mutations), cmocka_unit_test(first_points), cmocka_unit_test(fanova),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
