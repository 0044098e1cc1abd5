/* annealing.c - annealing against its rule of acceptance: how often a step for the worse is taken.
 * */
#include "searching.h"

enum { W = 60 };
static double last[2][W];

/* The walk stands at value 0; every odd trial is told 1, every even one 0. Whether a step to 1 was
 * taken shows in the next proposal: it is one value away from where the walk stands. */
static double taken(const char *hot, const char *cold, int n)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, W, "one(a, b)");
    cull_search_problem p = {.space = sp};
    cull_study *s = study_of(cx, &p, "annealing", WITH(hot, cold, "first=10"));
    int worse = 0, accepted = 0;
    for (int k = 0; k < 10; k++) answer(cx, s, asked(cx, s).number, &(double){k % 2});
    answer(cx, s, asked(cx, s).number, &(double){0}); /* equal to the best: gone to */
    for (int k = 0; k < n; k++) {
        cull_trial t = asked(cx, s);
        memcpy(last[0], t.x, sizeof last[0]);
        answer(cx, s, t.number, &(double){1});
        t = asked(cx, s);
        bool here = distance(t.x, last[0], W) == 1;
        worse++, accepted += here;
        answer(cx, s, t.number, &(double){0});
    }
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
    return (double)accepted / worse;
}

static void as_often_as_it_should(void **state)
{
    (void)state;
    double unit = 0.5; /* of 0, 1, 0, 1, ... ten of them: from the least to the median */
    double want = exp(-1 / (0.8 * unit)), have = taken("hot=0.8", "cold=0.8", 3000);
    assert_true(fabs(have - want) < 4 * sqrt(want * (1 - want) / 3000)); /* 4 standard errors */
}

static void the_coldest_never_and_the_hottest_always(void **state)
{
    (void)state;
    assert_true(taken("hot=0", "cold=0", 300) == 0);
    assert_true(taken("hot=1e6", "cold=1e6", 300) == 1);
}

/* From hot to cold over the budget: 2 units at first, 0.01 at the end. */
static void it_cools(void **state)
{
    (void)state;
    int early = 0, late = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, seed);
        cull_space *sp = space_of_many(cx, W, "one(a, b)");
        cull_search_problem p = {.space = sp, .trials = 110};
        cull_study *s = study_of(cx, &p, "annealing", WITH("hot=2"));
        double at[W];
        for (int k = 0; k < 110; k++) {
            cull_trial t = asked(cx, s);
            if (k > 11 && k % 2) {
                bool here = distance(t.x, last[0], W) == 1;
                early += here && k < 60, late += here && k >= 60;
            }
            memcpy(k % 2 ? at : last[0], t.x, sizeof at);
            answer(cx, s, t.number, &(double){k < 10 ? k % 2 : 1 - k % 2});
        }
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
    /* exp(-1 / T) over the first half is 0.1 in the mean, over the second below 1e-5 */
    assert_true(early > 60 * 24 / 20 && late == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_often_as_it_should),
                                       cmocka_unit_test(the_coldest_never_and_the_hottest_always),
                                       cmocka_unit_test(it_cools)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
