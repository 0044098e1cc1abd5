/* nsga3.c - nsga3 against fronts whose niches are known, and a sphere that it must cover. */
#include "searching.h"

#include "cull/front.h"
#include "search/parts.h"

static bool kept(const int64_t *idx, int64_t n, int64_t i)
{
    for (int64_t k = 0; k < n; k++)
        if (idx[k] == i) return true;
    return false;
}

/* On the plane f1 + f2 + f3 = 1, scaled by 1, 10 and 1000: a point on each of 15 directions, and
 * between them 60 beside the same directions. Each direction's own point stays, whatever the order
 * of rows. */
static void one_in_each_niche(void **state)
{
    (void)state;
    static const double scale[3] = {1, 10, 1000}, shift[3] = {0.3, -7, 50};
    double w[15 * 3], value[75 * 3], violation[75] = {0};
    int64_t idx[75], own[15], order[75];
    cull_ctx *cx = cull_ctx_new(NULL);
    assert_int_equal(cull_front_weights(3, 4, w), 15);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cull_rng r = cull__rng_seeded(seed, 5);
        for (int i = 0; i < 75; i++) order[i] = i;
        cull__rng_shuffle(&r, order, 75);
        for (int i = 0; i < 75; i++) {
            const double *at = w + i % 15 * 3;
            double off = i < 15 ? 0 : 0.01 + 0.02 * cull__rng_unit(&r);
            for (int j = 0; j < 3; j++) { /* towards the middle, on the plane */
                double f = at[j] * (1 - off) + off * (i % 15 == 7 ? (j == 0) : 1 / 3.0);
                value[order[i] * 3 + j] = shift[j] + scale[j] * f;
            }
            if (i < 15) own[i] = order[i];
        }
        cull__contest rows = {3, 75, 15, value, violation};
        ok(cx, cull__survive_niches(cx, &rows, w, 15, &r, idx));
        for (int i = 0; i < 15; i++) assert_true(kept(idx, 15, own[i]));
    }
    cull_ctx_free(cx);
}

/* Ranks that fit stay whole; violations come first; rows that are all alike are no trouble. */
static void whole_ranks_first(void **state)
{
    (void)state;
    double w[15 * 3], value[30 * 3], violation[30] = {0};
    int64_t idx[30];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 9);
    cull_front_weights(3, 4, w);
    for (int i = 0; i < 30; i++)
        for (int j = 0; j < 3; j++) /* three planes, each dominated by the one below */
            value[i * 3 + j] = w[i % 10 * 3 + j] + (double)(i / 10);
    for (int keep = 1; keep <= 30; keep++) {
        cull__contest rows = {3, 30, keep, value, violation};
        ok(cx, cull__survive_niches(cx, &rows, w, 15, &r, idx));
        for (int k = 1; k < keep; k++) assert_true(idx[k] > idx[k - 1]);
        for (int i = 0; i < 30; i++)
            if ((i / 10 + 1) * 10 <= keep) assert_true(kept(idx, keep, i));
        for (int k = 0; k < keep; k++) assert_true(idx[k] / 10 * 10 < keep);
    }
    for (int i = 0; i < 30; i++) violation[i] = i < 10 ? 0.5 : i < 20 ? 0 : 2;
    cull__contest rows = {3, 30, 12, value, violation};
    ok(cx, cull__survive_niches(cx, &rows, w, 15, &r, idx));
    for (int i = 10; i < 20; i++) assert_true(kept(idx, 12, i));
    assert_true(idx[0] < 10 && idx[1] < 10);
    for (int i = 0; i < 90; i++) value[i] = 3;
    ok(cx, cull__survive_niches(cx, &rows, w, 15, &r, idx));
    cull_ctx_free(cx);
}

/* The sphere of DTLZ2 (Deb et al. 2002), 7 parameters: after 91 x 80 designs the front is on it and
 * covers it. */
static void covers_a_sphere(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, 7, "real(0, 1)");
    cull_search_problem p = {.space = sp, .objectives = 3, .trials = 91 * 80};
    cull_study *s = study_of(cx, &p, "nsga3", NULL);
    double(*v)[3] = malloc(91 * 80 * sizeof *v), w[91 * 3], far = 0;
    int n = 0;
    while (!cull_study_done(s)) {
        cull_trial t = asked(cx, s);
        double g = 1, a = t.x[0] * acos(0), b = t.x[1] * acos(0);
        for (int j = 2; j < 7; j++) g += (t.x[j] - 0.5) * (t.x[j] - 0.5);
        v[n][0] = g * cos(a) * cos(b), v[n][1] = g * cos(a) * sin(b), v[n][2] = g * sin(a);
        answer(cx, s, t.number, v[n++]);
    }
    assert_int_equal(cull_front_weights(3, 12, w), 91);
    for (int k = 0; k < 91; k++) { /* the nearest to where each direction meets the sphere */
        double best = INFINITY, length = sqrt(w[3 * k] * w[3 * k] + w[3 * k + 1] * w[3 * k + 1] +
                                              w[3 * k + 2] * w[3 * k + 2]);
        for (int i = 0; i < n; i++) {
            double d = 0;
            for (int j = 0; j < 3; j++) d += pow(v[i][j] - w[3 * k + j] / length, 2);
            best = fmin(best, sqrt(d));
        }
        far = fmax(far, best);
    }
    assert_true(far <
                0.08); /* neighbouring directions meet it 0.1 apart; random designs come to 0.2 */
    free(v);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* With one objective there is one direction, and the best of all are the population. */
static void one_objective(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, 6, "real(0, 1)");
    cull_search_problem p = {.space = sp, .objectives = 1, .trials = 1000};
    cull_study *s = study_of(cx, &p, "nsga3", NULL);
    double best = INFINITY;
    while (!cull_study_done(s)) {
        cull_trial t = asked(cx, s);
        double v = 0;
        for (int j = 0; j < 6; j++) v += (t.x[j] - 0.3) * (t.x[j] - 0.3);
        best = fmin(best, v);
        answer(cx, s, t.number, &v);
    }
    assert_true(best < 0.003); /* the best of 1000 draws is near 0.06 */
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_in_each_niche), cmocka_unit_test(whole_ranks_first),
        cmocka_unit_test(covers_a_sphere), cmocka_unit_test(one_objective)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
