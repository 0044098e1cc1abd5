/* regularized_evolution.c - regularized-evolution: whose child a design is, told by what it differs
 * in. */
#include "searching.h"

enum { W = 60, P = 8, N = 200 };

/* A sample of a thousand holds the best of the eight alive: the parent is that one, and none that
 * failed or is older. */
static void the_parent_is_the_best_alive(void **state)
{
    (void)state;
    static double x[N][W], value[N];
    bool good[N];
    int alive[N], n = 0, aged = 0;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, W, "one(a, b)");
    cull_search_problem p = {.space = sp};
    cull_study *s =
        study_of(cx, &p, "regularized-evolution", WITH("population=8", "tournament=1000"));
    for (int k = 0; k < N; k++) {
        cull_trial t = asked(cx, s);
        memcpy(x[k], t.x, sizeof x[k]);
        value[k] = sin(2.385 * k * k), good[k] = k % 5 != 2;
        if (k >= P) {
            int first = n > P ? n - P : 0, best = alive[first], ever = alive[0];
            for (int i = 0; i < n; i++) {
                if (i >= first && value[alive[i]] < value[best]) best = alive[i];
                if (value[alive[i]] < value[ever]) ever = alive[i];
            }
            assert_int_equal(distance(x[k], x[best], W), 1);
            aged += best != ever;
        } else {
            for (int i = 0; i < n; i++) assert_true(distance(x[k], x[alive[i]], W) > 5);
        }
        if (good[k])
            answer(cx, s, t.number, &value[k]), alive[n++] = k;
        else
            failed(cx, s, t.number);
    }
    assert_true(aged > 50); /* the best ever had died */
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* With sample 1 each of the alive is a parent as often: 8 of them, 2400 children. */
static void a_sample_of_one_is_uniform(void **state)
{
    (void)state;
    int hit[P] = {0};
    for (uint64_t seed = 1; seed <= 2400; seed++) {
        double x[P][W];
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, seed);
        cull_space *sp = space_of_many(cx, W, "one(a, b)");
        cull_search_problem p = {.space = sp};
        cull_study *s =
            study_of(cx, &p, "regularized-evolution", WITH("population=8", "tournament=1"));
        for (int k = 0; k < P; k++) {
            cull_trial t = asked(cx, s);
            memcpy(x[k], t.x, sizeof x[k]);
            answer(cx, s, t.number, &(double){k});
        }
        cull_trial t = asked(cx, s);
        for (int k = 0; k < P; k++) hit[k] += distance(t.x, x[k], W) == 1;
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
    for (int k = 0; k < P; k++) assert_in_range(hit[k], 300 - 65, 300 + 65); /* 4 deviations */
}

/* On a rugged table it finds better designs than random draws do. */
static double found(const char *slug, const char *const *set)
{
    double sum = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, seed);
        cull_space *sp = space_of_many(cx, 8, "one(a, b, c, d)");
        cull_search_problem p = {.space = sp, .trials = 100};
        cull_study *s = study_of(cx, &p, slug, set);
        double best = INFINITY;
        while (!cull_study_done(s)) {
            cull_trial t = asked(cx, s);
            double v = rugged(t.x, 8);
            best = fmin(best, v);
            answer(cx, s, t.number, &v);
        }
        sum += best;
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
    return sum / 40;
}

static void better_than_random(void **state)
{
    (void)state;
    double random = found("random-search", NULL), own = found("regularized-evolution", NULL);
    assert_true(own < random - 0.8); /* 5.6 standard errors of either at least */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_parent_is_the_best_alive),
                                       cmocka_unit_test(a_sample_of_one_is_uniform),
                                       cmocka_unit_test(better_than_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
