/* select2reason: the joint rank by hand, its two ends, and that only ranks count. */
#include "test.h"

#include "base/base.h"
#include "cull/data.h"

static cull_pick pick(cull_ctx *cx, const double *d, const double *l, int64_t n, double budget,
                      const char *weight)
{
    const char *names[] = {"difficulty", "length"};
    const double *cols[] = {d, l};
    const cull_method *m = cull_method_find("select2reason", NULL);
    cull_data_problem p = {.n = n, .score = {n, 2, names, cols}, .budget = budget};
    cull_opts *o;
    cull_pick k;
    ok(cx, cull_opts_new(cx, m, &o));
    if (weight) ok(cx, cull_opts_set(cx, o, "weight", weight));
    ok(cx, cull_data_pick(cx, m, o, &p, &k));
    cull_opts_free(o);
    return k;
}

static void by_hand(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const double d[] = {.9, .1, .5, .7}, l[] = {10, 40, 30, 20};
    static const double joint[] = {2.25, .75, 1.25, 1.75};
    static const int64_t order[3][4] = {{1, 2, 3, 0}, {1, 2, 3, 0}, {0, 3, 2, 1}};
    static const char *const weight[] = {NULL, "0", "1"};
    for (int w = 0; w < 3; w++) {
        cull_pick k = pick(cx, d, l, 4, 4, weight[w]);
        assert_memory_equal(k.idx, order[w], sizeof order[w]);
        for (int i = 0; i < 4 && w == 0; i++) assert_true(k.score[i] == -joint[k.idx[i]]);
        cull_pick_free(&k);
    }
    /* ties in difficulty (many are 0 or 1) rank in the pool's order: here length has no say */
    static const double same[] = {1, 1, 1, 1}, len[] = {7, 7, 7, 7};
    cull_pick k = pick(cx, same, len, 4, 2, NULL);
    assert_true(k.n == 2 && k.idx[0] == 0 && k.idx[1] == 1);
    cull_pick_free(&k);
    cull_ctx_free(cx);
}

/* Against ranks counted pair by pair; and after monotone maps of both columns. */
static void ranks(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { N = 700 };
    double d[N], l[N], d2[N], l2[N], joint[N];
    cull_rng r = cull__rng(cx, 4);
    for (int i = 0; i < N; i++) {
        d[i] = cull__rng_below(&r, 3) ? cull__rng_unit(&r) : (double)cull__rng_below(&r, 2);
        l[i] = (double)cull__rng_below(&r, 400);
        d2[i] = exp(3 * d[i]) - 50;
        l2[i] = l[i] * l[i] * l[i];
    }
    for (int i = 0; i < N; i++) {
        int rd = 0, rl = 0;
        for (int j = 0; j < N; j++) {
            rd += d[j] > d[i] || (d[j] == d[i] && j < i);
            rl += l[j] > l[i] || (l[j] == l[i] && j < i);
        }
        joint[i] = .25 * rd + .75 * rl;
    }
    cull_pick a = pick(cx, d, l, N, N, NULL), b = pick(cx, d2, l2, N, N, NULL);
    for (int i = 0; i < N; i++) {
        assert_true(a.score[i] == -joint[a.idx[i]]);
        assert_true(i == 0 || joint[a.idx[i - 1]] < joint[a.idx[i]] ||
                    (joint[a.idx[i - 1]] == joint[a.idx[i]] && a.idx[i - 1] < a.idx[i]));
    }
    assert_memory_equal(a.idx, b.idx, N * sizeof *a.idx);
    cull_pick_free(&a), cull_pick_free(&b);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(ranks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
