/* num: the cheapest assignment against every permutation, both ways round, with ties and none. */
#include "test.h"

#include "base/base.h"
#include "num/num.h"

/* The least total over all ways to give the first rows of cost (n, m) distinct columns, n <= m. */
static double least(const double *cost, int n, int m, int row, unsigned taken)
{
    double best = INFINITY;
    if (row == n) return 0;
    for (int j = 0; j < m; j++) {
        if (taken >> j & 1) continue;
        double t = cost[row * m + j] + least(cost, n, m, row + 1, taken | 1u << j);
        if (t < best) best = t;
    }
    return best;
}

/* An assignment of min(n, m) rows, no column twice, whose costs sum to what it says. */
static double valid(cull_ctx *cx, const double *cost, int n, int m)
{
    int64_t col[64];
    double total, sum = 0;
    int given = 0;
    uint64_t seen = 0;
    ok(cx, cull__assign(cx, cost, n, m, col, &total));
    for (int i = 0; i < n; i++) {
        if (col[i] < 0) continue;
        assert_true(col[i] < m && !(seen >> col[i] & 1));
        seen |= 1ull << col[i];
        sum += cost[i * m + col[i]];
        given++;
    }
    assert_int_equal(given, n < m ? n : m);
    assert_true(sum == total);
    return total;
}

static void all_permutations(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(11, 0);
    for (int round = 0; round < 600; round++) {
        double cost[36], turned[36];
        int n = 1 + (int)cull__rng_below(&r, 6), m = n + (int)cull__rng_below(&r, 7 - n);
        for (int i = 0; i < n * m; i++) /* one in three rounds has few distinct costs: ties */
            cost[i] = round % 3 ? 10 * cull__rng_normal(&r) : (double)cull__rng_below(&r, 3) - 1;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < m; j++) turned[j * n + i] = cost[i * m + j];
        double want = least(cost, n, m, 0, 0);
        assert_true(fabs(valid(cx, cost, n, m) - want) < 1e-12);
        assert_true(fabs(valid(cx, turned, m, n) - want) < 1e-12);
    }
    cull_ctx_free(cx);
}

/* Duality says that a large one is the best: no cycle of two or three rows is cheaper, and moving a row
 * to a free column is not either. */
static void no_exchange_helps(void **state)
{
    (void)state;
    enum { N = 40, M = 55 };
    static double cost[N * M];
    int64_t c[N];
    double total;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(12, 0);
    for (int i = 0; i < N * M; i++) cost[i] = cull__rng_unit(&r);
    ok(cx, cull__assign(cx, cost, N, M, c, &total));
    bool used[M] = {false};
    for (int i = 0; i < N; i++) used[c[i]] = true;
#define AT(i, j) cost[(i)*M + (j)]
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < M; j++)
            if (!used[j]) assert_true(AT(i, j) >= AT(i, c[i]));
        for (int k = 0; k < N; k++)
            for (int l = 0; l < N; l++)
                assert_true(AT(i, c[k]) + AT(k, c[l]) + AT(l, c[i]) >
                                AT(i, c[i]) + AT(k, c[k]) + AT(l, c[l]) - 1e-12 ||
                            i == k || k == l || i == l);
    }
#undef AT
    cull_ctx_free(cx);
}

static void edges(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    int64_t col[3] = {7, 7, 7};
    double total = 5;
    ok(cx, cull__assign(cx, NULL, 0, 4, col, &total));
    assert_true(total == 0 && col[0] == 7);
    ok(cx, cull__assign(cx, NULL, 3, 0, col, &total));
    assert_true(total == 0 && col[0] == -1 && col[2] == -1);
    const double same[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    ok(cx, cull__assign(cx, same, 3, 3, col, &total));
    assert_true(total == 3 && col[0] == 0 && col[1] == 1 && col[2] == 2); /* ties: the lower */
    const double bad[4] = {NAN, NAN, 1, 2};
    refused(cx, cull__assign(cx, bad, 2, 2, col, &total), CULL_EINPUT, "not finite");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_permutations),
                                       cmocka_unit_test(no_exchange_helps),
                                       cmocka_unit_test(edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
