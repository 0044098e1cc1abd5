/* random_columns.c - random-columns: every set of columns is as likely, and columns that say nothing, cost,
 * what to avoid and what is held already are kept to. */
#include "test.h"

#include "cull/feature.h"

enum { ROWS = 3, COLUMNS = 7, SAME = 3, EMPTY = 5 };

static cull_pool *table(cull_ctx *cx, float at[ROWS][COLUMNS])
{
    cull_pool *x;
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < COLUMNS; c++)
            at[i][c] = c == SAME ? 1.5f : c == EMPTY ? NAN : (float)(i * c) + 0.25f * (float)i;
    ok(cx, cull_pool_from(cx, at, CULL_F32, ROWS, COLUMNS, &x));
    return x;
}

static void sets(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float at[ROWS][COLUMNS];
    cull_pool *x = table(cx, at);
    const cull_method *m = cull_method_find("random-columns", NULL);
    cull_feature_problem p = {.n = ROWS, .d = COLUMNS, .x = x, .budget = 2};
    int64_t count[COLUMNS * COLUMNS] = {0};
    enum { DRAWS = 20000 };
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        cull_feature_pick k;
        cull_ctx_reseed(cx, seed);
        ok(cx, cull_feature_select(cx, m, NULL, &p, &k));
        assert_true(k.pick.n == 2 && k.pick.spent == 2);
        count[k.pick.idx[0] * COLUMNS + k.pick.idx[1]]++;
        cull_feature_pick_free(&k);
    }
    double chi = 0; /* of the 5 * 4 ordered pairs of columns that vary */
    int64_t other = 0;
    for (int64_t i = 0; i < COLUMNS * COLUMNS; i++) {
        int64_t a = i / COLUMNS, b = i % COLUMNS;
        if (a == b || a == SAME || a == EMPTY || b == SAME || b == EMPTY)
            other += count[i];
        else
            chi += pow((double)count[i] - DRAWS / 20.0, 2) / (DRAWS / 20.0);
    }
    assert_int_equal(other, 0);
    assert_true(chi < 43.8); /* 19 degrees of freedom, p = 0.001 */
    cull_pool_free(x);
    cull_ctx_free(cx);
}

static void limits(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float at[ROWS][COLUMNS];
    cull_pool *x = table(cx, at);
    const double cost[COLUMNS] = {1.3, 2.1, 0.7, 0.1, 4, 0.1, 1.9};
    const uint8_t avoid[COLUMNS] = {1}, have[COLUMNS] = {0, 1};
    cull_feature_problem p = {
        .n = ROWS, .d = COLUMNS, .x = x, .cost = cost, .avoid = avoid, .have = have, .budget = 3};
    cull_feature_pick k;
    ok(cx, cull_feature_select(cx, cull_method_find("random-columns", NULL), NULL, &p, &k));
    /* of 2, 4 and 6, those that fit: 0.7 and 1.9 */
    assert_int_equal(k.pick.n, 2);
    assert_int_equal(k.pick.idx[0] + k.pick.idx[1], 8);
    assert_true(fabs(k.pick.spent - 2.6) < 1e-12); /* a sum of two doubles */
    for (int c = 0; c < COLUMNS; c++)
        assert_int_equal(isnan(k.score[c]), c == 0 || c == SAME || c == EMPTY);
    assert_string_equal(k.score_is, "random");
    cull_feature_pick_free(&k);
    cull_pool_free(x);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
