/* tadred: on a linear problem its channels are nearly the best by brute force; it keeps budget, costs and
 * what is held, in classes too, and does not depend on threads. */
#include "base/base.h"
#include "cull/feature.h"
#include "score/channels.h"
#include "test.h"

enum { N = 1200, D = 10, KEEP = 4, M = 2 };
static float x[N * D], y[N * M];
static double one[N], class_[N];
static int32_t group[N];

static void make(void)
{
    static const double beta[M][D] = {{2, 0, -1.5, 0, 0, .1, 0, 1, .2, 0},
                                      {0, 0, 1, 0, .3, 0, 0, -.4, 2, .1}};
    cull_rng r = cull__rng_seeded(5, 5);
    for (int i = 0; i < N; i++) {
        for (int c = 0; c < D; c++) /* neighbours are alike */
            x[i * D + c] = (float)(cull__rng_normal(&r) + (c ? .4 * (double)x[i * D + c - 1] : 0));
        for (int j = 0; j < M; j++) {
            double s = .3 * cull__rng_normal(&r);
            for (int c = 0; c < D; c++) s += beta[j][c] * (double)x[i * D + c];
            y[i * M + j] = (float)s;
        }
        one[i] = (double)y[i * M];
        class_[i] = y[i * M] > 0;
        group[i] = i % 40;
    }
}

/* Residual variance of both targets by least squares on the columns of a mask: normal equations, by plain
 * elimination. */
static double residual(unsigned mask)
{
    double a[KEEP][KEEP + M] = {{0}}, rest = 0;
    int col[KEEP], k = 0;
    for (int c = 0; c < D; c++)
        if (mask >> c & 1) col[k++] = c;
    for (int i = 0; i < N; i++)
        for (int p = 0; p < k; p++) {
            for (int q = 0; q < k; q++)
                a[p][q] += (double)x[i * D + col[p]] * (double)x[i * D + col[q]];
            for (int j = 0; j < M; j++)
                a[p][k + j] += (double)x[i * D + col[p]] * (double)y[i * M + j];
        }
    for (int p = 0; p < k; p++)
        for (int q = 0; q < k; q++) {
            if (q == p) continue;
            double f = a[q][p] / a[p][p];
            for (int j = p; j < k + M; j++) a[q][j] -= f * a[p][j];
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < M; j++) {
            double e = (double)y[i * M + j];
            for (int p = 0; p < k; p++) e -= a[p][k + j] / a[p][p] * (double)x[i * D + col[p]];
            rest += e * e / N;
        }
    return rest;
}

static cull_feature_problem problem(cull_ctx *cx, cull_pool **px, cull_pool **py)
{
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, px));
    ok(cx, cull_pool_from(cx, y, CULL_F32, N, M, py));
    return (cull_feature_problem){.n = N, .d = D, .x = *px, .ys = *py, .budget = KEEP};
}

/* Long enough for the scores to come apart: 6 epochs before they are fixed are not. */
static cull_opts *options(cull_ctx *cx, const cull_method *m)
{
    static const char *const set[][2] = {
        {"hidden", "24"}, {"layers", "1"}, {"rate", "3e-3"},   {"batch", "300"}, {"fix", "20"},
        {"fade", "5"},    {"drop", "5"},   {"patience", "10"}, {"epochs", "60"}, {"shrink", "0.7"}};
    cull_opts *o;
    ok(cx, cull_opts_new(cx, m, &o));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        ok(cx, cull_opts_set(cx, o, set[i][0], set[i][1]));
    return o;
}

static cull_feature_pick pick(int threads, uint64_t seed, cull_feature_problem change)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = threads;
    co.seed = seed;
    cull_ctx *cx = cull_ctx_new(&co);
    const cull_method *m = cull_method_find("tadred", NULL);
    cull_opts *o = options(cx, m);
    cull_pool *px, *py;
    cull_feature_problem p = problem(cx, &px, &py);
    cull_feature_pick k;
    if (change.budget > 0) p.budget = change.budget;
    if (change.y) p.ys = NULL, p.y = change.y, p.classes = change.classes;
    p.cost = change.cost, p.have = change.have, p.avoid = change.avoid;
    p.group = change.group, p.groups = change.groups;
    ok(cx, cull_feature_select(cx, m, o, &p, &k));
    cull_pool_free(px);
    cull_pool_free(py);
    cull_opts_free(o);
    cull_ctx_free(cx);
    return k;
}

static bool has(const cull_feature_pick *k, int64_t c)
{
    for (int64_t i = 0; i < k->pick.n; i++)
        if (k->pick.idx[i] == c) return true;
    return false;
}

static void nearly_the_best_subset(void **state)
{
    (void)state;
    double best = INFINITY;
    for (unsigned mask = 0; mask < 1u << D; mask++)
        if (__builtin_popcount(mask) == KEEP) best = fmin(best, residual(mask));
    for (uint64_t seed = 1; seed <= 3; seed++) {
        cull_feature_pick k = pick(2, seed, (cull_feature_problem){0});
        unsigned mask = 0;
        assert_int_equal(k.pick.n, KEEP);
        for (int i = 0; i < KEEP; i++) mask |= 1u << k.pick.idx[i];
        assert_true(residual(mask) <= 1.05 * best);
        for (int c = 0; c < D; c++) /* those kept stayed longer than the rest */
            assert_true(has(&k, c) == (k.score[c] >= k.pick.score[KEEP - 1]));
        cull_feature_pick_free(&k);
    }
}

static void same_for_any_threads(void **state)
{
    (void)state;
    cull_feature_pick a = pick(1, 4, (cull_feature_problem){0}),
                      b = pick(3, 4, (cull_feature_problem){0});
    assert_memory_equal(a.score, b.score, D * sizeof *a.score);
    assert_memory_equal(a.pick.idx, b.pick.idx, KEEP * sizeof *a.pick.idx);
    cull_feature_pick_free(&a);
    cull_feature_pick_free(&b);
}

static void limits(void **state)
{
    (void)state;
    double cost[D];
    uint8_t have[D] = {0}, avoid[D] = {0};
    for (int c = 0; c < D; c++) cost[c] = c == 8 ? 2.385 : .71;
    have[1] = 1;
    avoid[0] = 1;
    cull_feature_pick k = pick(
        2, 1, (cull_feature_problem){.budget = 3.9, .cost = cost, .have = have, .avoid = avoid});
    assert_true(k.pick.spent <= 3.9 && !has(&k, 0) && !has(&k, 1));
    assert_true(isnan(k.score[0]) && !isnan(k.score[1]));
    cull_feature_pick_free(&k);
    /* all of them fit: none goes */
    k = pick(1, 1, (cull_feature_problem){.budget = D});
    assert_int_equal(k.pick.n, D);
    cull_feature_pick_free(&k);
    /* classes, one number, rows in groups */
    k = pick(1, 1, (cull_feature_problem){.y = class_, .classes = 2, .group = group, .groups = 40});
    assert_true(has(&k, 0) && has(&k, 2));
    cull_feature_pick_free(&k);
    k = pick(1, 1, (cull_feature_problem){.y = one});
    assert_true(has(&k, 0) && has(&k, 2) && has(&k, 7));
    cull_feature_pick_free(&k);
}

static void refuses(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *px, *py;
    cull_feature_problem p = problem(cx, &px, &py);
    cull_feature_pick k;
    const cull_method *m = cull_method_find("tadred", NULL);
    uint8_t avoid[D];
    memset(avoid, 1, sizeof avoid);
    p.avoid = avoid;
    ok(cx, cull_feature_select(cx, m, NULL, &p, &k));
    assert_true(k.pick.n == 0 && isnan(k.score[3]));
    cull_feature_pick_free(&k);
    p.avoid = NULL;
    int32_t all[N] = {0};
    p.group = all;
    p.groups = 1;
    refused(cx, cull_feature_select(cx, m, NULL, &p, &k), CULL_EINPUT, "to judge by");
    cull_pool_free(px);
    cull_pool_free(py);
    cull_ctx_free(cx);
}

static void memory_fails(void **state)
{
    (void)state;
    const cull__channels_opts o = {.hidden = 4,
                                   .layers = 1,
                                   .batch = 300,
                                   .rate = 1e-3,
                                   .holdout = .2,
                                   .fix = 2,
                                   .fade = 1,
                                   .drop = 1,
                                   .patience = 1,
                                   .epochs = 1};
    const double size[] = {D, 5};
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull__channels c = {0};
        cull_pool *px = NULL, *py = NULL;
        cull_status s = CULL_ENOMEM;
        if (cx) s = cull_pool_from(cx, x, CULL_F32, 400, D, &px);
        if (cx && s == CULL_OK) s = cull_pool_from(cx, y, CULL_F32, 400, M, &py);
        cull_feature_problem p = {.n = 400, .d = D, .x = px, .ys = py, .budget = 5};
        if (s == CULL_OK) s = cull__channels_train(cx, &p, &o, size, 2, &c);
        cull__channels_free(&c);
        cull_pool_free(px);
        cull_pool_free(py);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) break;
        assert_int_equal(s, CULL_ENOMEM);
        assert_true(k < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearly_the_best_subset),
        cmocka_unit_test(same_for_any_threads),
        cmocka_unit_test(limits),
        cmocka_unit_test(refuses),
        cmocka_unit_test(memory_fails),
    };
    make();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
