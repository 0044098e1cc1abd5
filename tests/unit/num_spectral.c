/* num: spectral groups against scikit-learn's on the same matrices, and what they keep. */
#include "test.h"

#include "base/base.h"
#include "num/spectral.h"

static uint64_t lcg;
static double uniform(void)
{
    lcg = lcg * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(lcg >> 40) / (1 << 24) - 0.5;
}

enum { MOST = 24 };
/* Likeness of n rows of t numbers about k centres: (cosine + 1) / 2. */
static void planted(int seed, int n, int k, int t, double noise, double *s)
{
    static double c[MOST][128], z[MOST][128];
    int g[MOST];
    lcg = (uint64_t)seed;
    for (int i = 0; i < k; i++)
        for (int j = 0; j < t; j++) c[i][j] = uniform();
    for (int i = 0; i < n; i++) g[i] = i < k ? i : (int)((uniform() + 0.5) * k);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < t; j++) z[i][j] = c[g[i]][j] + noise * uniform();
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double ij = 0, ii = 0, jj = 0;
            for (int x = 0; x < t; x++)
                ij += z[i][x] * z[j][x], ii += z[i][x] * z[i][x], jj += z[j][x] * z[j][x];
            s[i * n + j] = (ij / sqrt(ii * jj) + 1) / 2;
        }
}

/* scikit-learn 1.9.1: SpectralClustering(k, affinity='precomputed', random_state=0) */
static const struct {
    int n, k, t;
    double noise;
    int32_t group[MOST];
} known[] = {
    {8, 4, 64, .5, {0, 1, 2, 3, 0, 3, 1, 1}},
    {16, 5, 96, .6, {0, 1, 2, 3, 4, 4, 4, 3, 4, 0, 4, 2, 0, 3, 3, 1}},
    {13, 6, 80, .6, {0, 1, 2, 3, 4, 5, 5, 2, 5, 1, 2, 2, 1}},
    {24, 7, 128, .9, {0, 1, 2, 3, 4, 5, 6, 0, 1, 5, 1, 0, 2, 1, 0, 6, 0, 0, 2, 1, 5, 5, 6, 3}},
};

static void as_scikit_learn(void **state)
{
    (void)state;
    double s[MOST * MOST];
    for (int i = 0; i < 4; i++) {
        planted(i + 1, known[i].n, known[i].k, known[i].t, known[i].noise, s);
        int32_t g[2][MOST];
        for (int threads = 1; threads <= 2; threads++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, threads);
            ok(cx, cull__spectral(cx, s, known[i].n, known[i].k, 10, g[threads - 1]));
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        assert_memory_equal(g[0], known[i].group, (size_t)known[i].n * sizeof **g);
        assert_memory_equal(g[0], g[1], (size_t)known[i].n * sizeof **g);
    }
}

static void ends(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double s[MOST * MOST];
    int32_t g[MOST];
    planted(5, 9, 3, 20, 0.5, s);
    ok(cx, cull__spectral(cx, s, 9, 9, 3, g));
    for (int i = 0; i < 9; i++) assert_int_equal(g[i], i);
    ok(cx, cull__spectral(cx, s, 9, 1, 3, g));
    for (int i = 0; i < 9; i++) assert_int_equal(g[i], 0);
    /* copies of one thing, and things that are like none: still so many groups as were asked for */
    for (int i = 0; i < 81; i++) s[i] = 1;
    for (int zero = 0; zero < 2; zero++) {
        int seen = 0;
        ok(cx, cull__spectral(cx, s, 9, 4, 3, g));
        for (int i = 0; i < 9; i++) seen |= 1 << g[i];
        assert_int_equal(seen, 15);
        memset(s, 0, sizeof s);
    }
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double s[MOST * MOST];
    int32_t g[MOST];
    planted(5, 9, 3, 20, 0.5, s);
    refused(cx, cull__spectral(cx, s, 9, 0, 3, g), CULL_EOPTION, "0 groups of 9");
    refused(cx, cull__spectral(cx, s, 9, 10, 3, g), CULL_EOPTION, "1 to 9");
    s[5 * 9 + 2] += 1;
    refused(cx, cull__spectral(cx, s, 9, 3, 3, g), CULL_EINPUT, "2 and 5");
    s[5 * 9 + 2] = s[2 * 9 + 5] = NAN;
    refused(cx, cull__spectral(cx, s, 9, 3, 3, g), CULL_EINPUT, "2 and 5");
    cull_ctx_free(cx);
    planted(5, 9, 3, 20, 0.5, s);
    for (long at = 1; at < 200; at++) {
        hooks h = {.fail_at = at};
        if (!(cx = hooked_ctx(&h, 1))) continue;
        cull_status st = cull__spectral(cx, s, 9, 3, 2, g);
        assert_true(st == CULL_OK || st == CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (h.calls < at) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_scikit_learn), cmocka_unit_test(ends),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
