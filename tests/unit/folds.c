/* folds: sizes and classes are even, groups whole, too few of either refused. */
#include "score/folds.h"
#include "test.h"

enum { N = 101 };

static void rows(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    double y[N];
    int32_t fold[N], other[N];
    for (int i = 0; i < N; i++) y[i] = i < 13 ? 2 : i % 2;
    for (int64_t k = 2; k <= 7; k++) {
        int count[7][3] = {{0}}, size[7] = {0}, rows_of[3] = {0};
        ok(cx, cull__folds(cx, N, y, 3, NULL, 0, k, 5, fold));
        for (int i = 0; i < N; i++) {
            assert_true(fold[i] >= 0 && fold[i] < k);
            count[fold[i]][(int)y[i]]++, size[fold[i]]++, rows_of[(int)y[i]]++;
        }
        for (int f = 0; f < k; f++) {
            assert_true(size[f] == N / k || size[f] == N / k + 1);
            for (int c = 0; c < 3; c++)
                assert_true(count[f][c] == rows_of[c] / k || count[f][c] == rows_of[c] / k + 1);
        }
    }
    ok(cx, cull__folds(cx, N, NULL, 0, NULL, 0, 4, 5, fold));
    ok(cx, cull__folds(cx, N, NULL, 0, NULL, 0, 4, 6, other));
    assert_memory_not_equal(fold, other, sizeof fold);
    ok(cx, cull__folds(cx, N, NULL, 0, NULL, 0, 4, 5, other));
    assert_memory_equal(fold, other, sizeof fold);
    cull_ctx_free(cx);
}

static void groups(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    double y[N];
    int32_t fold[N], group[N], of[23];
    for (int i = 0; i < N; i++) group[i] = i % 22, y[i] = group[i] % 2; /* group 22 has no row */
    for (int64_t k = 2; k <= 7; k++) {
        int size[7] = {0}, ones[7] = {0};
        memset(of, -1, sizeof of);
        ok(cx, cull__folds(cx, N, y, 2, group, 23, k, 5, fold));
        for (int i = 0; i < N; i++) {
            assert_true(of[group[i]] < 0 || of[group[i]] == fold[i]);
            of[group[i]] = fold[i];
            size[fold[i]]++, ones[fold[i]] += y[i] > 0;
        }
        for (int f = 0; f < k;
             f++) { /* 22 groups of 4 or 5: each fold within one group of its share */
            assert_true(abs(size[f] - N / (int)k) <= 6);
            assert_true(abs(2 * ones[f] - size[f]) <= 6);
        }
    }
    refused(cx, cull__folds(cx, N, y, 2, group, 23, 23, 5, fold), CULL_EINPUT,
            "22 groups cannot make 23 folds");
    refused(cx, cull__folds(cx, 3, y, 2, NULL, 0, 4, 5, fold), CULL_EINPUT,
            "3 rows cannot make 4 folds");
    refused(cx, cull__folds(cx, 3, y, 2, NULL, 0, 1, 5, fold), CULL_EINPUT, "2 folds at least");
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    (void)state;
    hooks h = {0};
    double y[N] = {0};
    int32_t fold[N], group[N];
    long fails = 0;
    for (int i = 0; i < N; i++) group[i] = i / 2;
    for (bool done = false; !done;) {
        h = (hooks){0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.fail_at = h.calls + ++fails;
        cull_status s = cull__folds(cx, N, y, 2, group, 60, 3, 1, fold);
        done = h.calls < h.fail_at;
        assert_int_equal(s, done ? CULL_OK : CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(fails > 1);
}

/* Every row once, groups whole, and at least one unit on either side whatever the share. */
static void held_out(void **state)
{
    (void)state;
    enum { ROWS = 60, UNITS = 7 };
    int32_t group[ROWS];
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int i = 0; i < ROWS; i++) group[i] = i % UNITS;
    for (int grouped = 0; grouped < 2; grouped++)
        for (int k = 0; k < 4; k++) {
            const double share[] = {0, .25, .9, 1};
            int64_t order[ROWS], train = -1, seen = 0;
            int side[UNITS] = {0};
            ok(cx,
               cull__holdout(cx, ROWS, grouped ? group : NULL, UNITS, share[k], 3, order, &train));
            assert_true(train >= 1 && train < ROWS);
            if (!grouped && k == 1) assert_int_equal(train, 45);
            for (int i = 0; i < ROWS; i++) {
                seen |= INT64_C(1) << order[i];
                side[group[order[i]]] |= i < train ? 1 : 2;
            }
            assert_true(seen == (INT64_C(1) << ROWS) - 1);
            for (int g = 0; grouped && g < UNITS; g++) assert_true(side[g] == 1 || side[g] == 2);
        }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(groups),
        cmocka_unit_test(memory),
        cmocka_unit_test(held_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
