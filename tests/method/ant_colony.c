/* ant_colony.c - ant-colony against its pheromone kept by hand. */
#include "searching.h"

enum { D = 5, K = 4 };

/* With greed 1 every value chosen has the most pheromone; pheromone by the two rules. */
static void pheromone(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, D, "one(a, b, c, d)");
    cull_search_problem p = {.space = sp, .again = CULL_AGAIN_PAID};
    cull_study *s =
        study_of(cx, &p, "ant-colony",
                 WITH("greed=1", "ants=3", "decay=0.2", "evaporation=0.3", "floor=0.15"));
    double tau[D][K], best[D], least = INFINITY;
    int ties = 0;
    for (int i = 0; i < D * K; i++) tau[i / K][i % K] = 0.15;
    for (int n = 1; n <= 300; n++) {
        cull_trial t = asked(cx, s);
        for (int j = 0; j < D; j++) {
            double most = 0;
            for (int k = 0; k < K; k++) most = fmax(most, tau[j][k]);
            assert_true(tau[j][(int)t.x[j]] > most - 1e-12);
            for (int k = 0; k < K; k++) ties += k != (int)t.x[j] && tau[j][k] == most;
            tau[j][(int)t.x[j]] += 0.2 * (0.15 - tau[j][(int)t.x[j]]);
        }
        double v = n % 50 == 0 ? -n : rugged(t.x, D); /* a new best every now and then */
        if (v < least) least = v, memcpy(best, t.x, sizeof best);
        answer(cx, s, t.number, &v);
        for (int j = 0; j < D && n % 3 == 0; j++)
            tau[j][(int)best[j]] += 0.3 * (1 - tau[j][(int)best[j]]);
    }
    assert_true(ties > 10);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* With greed 0 values come in proportion: after a wave the best one's has 0.55, three others 0.1
 * each. */
static void in_proportion(void **state)
{
    (void)state;
    int hit = 0, n = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, seed);
        cull_space *sp = space_of_many(cx, D, "one(a, b, c, d)");
        cull_search_problem p = {.space = sp, .again = CULL_AGAIN_PAID};
        cull_study *s =
            study_of(cx, &p, "ant-colony", WITH("greed=0", "ants=4", "decay=0", "evaporation=0.5"));
        double best[D];
        for (int k = 0; k < 7; k++) {
            cull_trial t = asked(cx, s);
            if (k == 2) memcpy(best, t.x, sizeof best);
            if (k >= 4) hit += D - distance(t.x, best, D), n += D;
            answer(cx, s, t.number, &(double){k == 2 ? -1 : k});
        }
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
    double want = 0.55 / 0.85;
    assert_true(fabs((double)hit / n - want) < 4 * sqrt(want * (1 - want) / n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pheromone),
                                       cmocka_unit_test(in_proportion)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
