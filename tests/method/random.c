/* random: every set of examples is as likely, and quotas, costs and what to avoid are kept. */
#include "test.h"

#include "cull/data.h"

static void sets(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("random", NULL);
    cull_data_problem p = {.n = 5, .budget = 2};
    int64_t count[25] = {0};
    enum { DRAWS = 20000 };
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        cull_pick k;
        cull_ctx_reseed(cx, seed);
        ok(cx, cull_data_pick(cx, m, NULL, &p, &k));
        assert_true(k.n == 2 && k.spent == 2 && k.by[0] == -1);
        count[k.idx[0] * 5 + k.idx[1]]++;
        cull_pick_free(&k);
    }
    double chi = 0;
    for (int i = 0; i < 25; i++) {
        if (i % 6 == 0) assert_int_equal(count[i], 0);
        if (i % 6) chi += pow((double)count[i] - DRAWS / 20.0, 2) / (DRAWS / 20.0);
    }
    assert_true(chi < 43.8); /* 19 degrees of freedom, p = 0.001 */
    cull_ctx_free(cx);
}

static void limits(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("random", NULL);
    enum { N = 500 };
    double cost[N], quota[] = {20, 0, 1e9};
    int32_t group[N];
    uint8_t avoid[N];
    for (int i = 0; i < N; i++) {
        cost[i] = 1 + i % 7;
        group[i] = i % 3;
        avoid[i] = i % 5 == 0;
    }
    cull_data_problem p = {.n = N,
                           .cost = cost,
                           .budget = 100,
                           .group = group,
                           .groups = 3,
                           .quota = quota,
                           .avoid = avoid};
    cull_pick k;
    ok(cx, cull_data_pick(cx, m, NULL, &p, &k));
    double used[3] = {0};
    for (int64_t i = 0; i < k.n; i++) {
        used[group[k.idx[i]]] += cost[k.idx[i]];
        assert_int_equal(avoid[k.idx[i]], 0);
    }
    assert_true(used[0] <= 20 && used[0] > 19 && used[1] == 0);
    assert_true(k.spent == 100);
    cull_pick_free(&k);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
