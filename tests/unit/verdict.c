/* verdict: results against random ones, by scipy's and numpy's figures, closed forms and all choices counted. */
#include "test.h"

#include "base/base.h"
#include "cull/verdict.h"

static const double A[] = {97.23, 97.02, 96.81, 97.35, 97.11, 96.94, 97.18, 97.42, 97.05};
static const double B[] = {96.9, 97.01, 96.55, 96.78, 97.12, 96.63, 96.88, 96.7};

static bool near(double a, double b, double tol) { return fabs(a - b) <= tol * fabs(b); }

/* scipy.stats.ttest_ind(a, b, equal_var=False), scipy 1.10 */
static void welch(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double t, df, p;
    ok(cx, cull_verdict_welch(cx, A, 9, B, 8, &t, &df, &p));
    assert_true(near(t, 3.2098909419828927, 1e-12)); /* 97.12 - 96.82: four digits are lost */
    assert_true(near(df, 14.787921226813229, 1e-11) && near(p, 0.0059335616330266055, 1e-11));
    const double a[] = {1e-3, 2e-3, 1.5e-3}, b[] = {5, 9, 7.5, 30, 12};
    ok(cx, cull_verdict_welch(cx, a, 3, b, 5, &t, &df, &p));
    assert_true(near(t, -2.840181049349775, 1e-14) && near(df, 4.000000033350008, 1e-14));
    assert_true(near(p, 0.046859041119580606, 1e-12));
    const double five[] = {5, 5}, six[] = {6, 6, 6};
    ok(cx, cull_verdict_welch(cx, five, 2, six, 3, &t, &df, &p));
    assert_true(t == -INFINITY && p == 0 && isnan(df));
    ok(cx, cull_verdict_welch(cx, five, 2, five, 2, &t, &df, &p));
    assert_true(isnan(t) && isnan(p));
    refused(cx, cull_verdict_welch(cx, five, 1, six, 3, &t, &df, &p), CULL_EINPUT,
            "1 results of the method; at least 2");
    const double odd[] = {1, NAN};
    refused(cx, cull_verdict_welch(cx, five, 2, odd, 2, &t, &df, &p), CULL_EINPUT,
            "random results: number 1 is nan");
    cull_ctx_free(cx);
}

static void relative(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_search_verdict v, w;
    ok(cx, cull_verdict_relative(cx, A, 9, B, 8, true, 100, 20000, 5, &v));
    assert_true(near(v.mean, 97.12333333333332, 1e-15) && near(v.sd, 0.1942935922772547, 1e-12));
    assert_true(near(v.random_mean, 96.82125, 1e-15) &&
                near(v.random_sd, 0.1931274560639045, 1e-12));
    assert_true(near(v.relative, 0.3120010672588183, 1e-12));
    assert_true(near(v.reduction, 9.5032114300693, 1e-12) && near(v.t, 3.2098909419828927, 1e-12));
    /* numpy, 10^6 draws: 0.13303 to 0.49068. A percentile of 20000 draws has a standard error of 0.0012 */
    assert_true(fabs(v.lo - 0.13303) < 0.006 && fabs(v.hi - 0.49068) < 0.006);
    ok(cx, cull_verdict_relative(cx, A, 9, B, 8, true, NAN, 20000, 6, &w));
    assert_true(isnan(w.reduction) && w.relative == v.relative && w.lo != v.lo);
    /* smaller is better: errors, whose limit is 0 */
    double ea[9], eb[8];
    for (int i = 0; i < 9; i++) ea[i] = 100 - A[i];
    for (int i = 0; i < 8; i++) eb[i] = 100 - B[i];
    ok(cx, cull_verdict_relative(cx, ea, 9, eb, 8, false, 0, 0, 5, &w));
    assert_true(near(w.relative, v.reduction, 1e-10) && near(w.reduction, v.reduction, 1e-10));
    assert_true(w.lo > 0 && w.lo < w.relative && w.hi > w.relative);
    const double zero[] = {-1, 1};
    refused(cx, cull_verdict_relative(cx, A, 9, zero, 2, true, NAN, 0, 0, &v), CULL_EINPUT, "is 0");
    refused(cx, cull_verdict_relative(cx, A, 9, B, 8, true, NAN, -1, 0, &v), CULL_EINPUT,
            "-1 draws");
    cull_ctx_free(cx);
}

static void pairs(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double mean, lo, hi, p;
    ok(cx, cull_verdict_paired(cx, A, B, 8, 40000, 1, &mean, &lo, &hi, &p));
    /* numpy, 10^6 draws: 0.1525 to 0.475, p 9.4e-5 */
    assert_true(near(mean, 0.31125, 1e-12) && fabs(lo - 0.1525) < 0.006 &&
                fabs(hi - 0.475) < 0.006);
    assert_true(p < 5e-4);
    const double d[] = {.3, -.2, .5, .1, -.4, .25, -.1}, z[7] = {0};
    ok(cx, cull_verdict_paired(cx, d, z, 7, 40000, 1, &mean, &lo, &hi, &p));
    /* -0.15 to 0.27857, p 0.58769, of standard error 0.0025 */
    assert_true(fabs(lo + 0.15) < 0.008 && fabs(hi - 0.27857) < 0.008 && fabs(p - 0.58769) < 0.01);
    ok(cx, cull_verdict_paired(cx, d, d, 7, 100, 1, &mean, &lo, &hi, &p));
    assert_true(mean == 0 && lo == 0 && hi == 0 && p == 1);
    cull_ctx_free(cx);
}

static void reached(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double v[20], lo, hi;
    int64_t count;
    for (int i = 0; i < 20; i++) v[i] = (i * 7) % 20;
    ok(cx, cull_verdict_reached(cx, v, 20, 17, true, &count, &lo, &hi));
    assert_int_equal(count, 3); /* scipy.stats.binomtest(3, 20).proportion_ci(method="wilson") */
    assert_true(fabs(lo - 0.05236874589621662) < 1e-12 && fabs(hi - 0.3604188647407569) < 1e-12);
    ok(cx, cull_verdict_reached(cx, v, 20, 2, false, &count, &lo, &hi));
    assert_int_equal(count, 3);
    cull_ctx_free(cx);
}

/* The mean over all choices of k of v (n), without or with replacement, of the best. */
static double all_choices(const double *v, int n, int k, bool maximize, bool replace)
{
    double sum = 0, count = 0;
    int64_t total = 1;
    for (int i = 0; i < k; i++) total *= replace ? n : 2;
    if (!replace) total = 1 << n;
    for (int64_t c = 0; c < total; c++) {
        double best = maximize ? -INFINITY : INFINITY;
        if (!replace && __builtin_popcountll((unsigned long long)c) != k) continue;
        int64_t left = c;
        for (int i = 0; i < (replace ? k : n); i++) {
            double x = v[replace ? left % n : i];
            if (!replace && !(c >> i & 1)) continue;
            left /= n;
            best = maximize ? fmax(best, x) : fmin(best, x);
        }
        sum += best;
        count++;
    }
    return sum / count;
}

static void best_of_draws(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const double v[] = {3.5, -1, 2, 2, 8.25, 0, 4};
    double best[10];
    for (int maximize = 0; maximize < 2; maximize++)
        for (int replace = 0; replace < 2; replace++) {
            ok(cx, cull_verdict_random(cx, v, 7, maximize, replace, 10, best));
            for (int k = 1; k <= 6; k++)
                assert_true(fabs(best[k - 1] - all_choices(v, 7, k, maximize, replace)) < 1e-13);
            if (replace) continue;
            for (int k = 7; k <= 10; k++) assert_true(best[k - 1] == (maximize ? 8.25 : -1));
        }
    /* 1 .. M: the best of k is k (M + 1) / (k + 1) */
    enum { M = 5000 };
    static double u[M], many[M];
    for (int i = 0; i < M; i++) u[(i * 1511) % M] = i + 1;
    ok(cx, cull_verdict_random(cx, u, M, true, false, M, many));
    for (int k = 1; k <= M; k++) assert_true(near(many[k - 1], k * (M + 1.) / (k + 1), 1e-13));
    refused(cx, cull_verdict_random(cx, u, M, true, false, 0, many), CULL_EINPUT, "0 draws");
    refused(cx, cull_verdict_random(cx, u, 0, true, false, 1, many), CULL_EINPUT, "at least 1");
    cull_ctx_free(cx);
}

static void equivalents(void **state)
{
    (void)state;
    enum { M = 999 };
    double u[M], turned[M], best;
    int64_t k;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int i = 0; i < M; i++) {
        u[(i * 500) % M] = i + 1;
        turned[(i * 500) % M] = -i - 1;
    }
    for (int want = 1; want <= M; want += 37) {
        double exact = want * (M + 1.) / (want + 1);
        ok(cx, cull_verdict_equivalent(cx, u, M, exact, true, false, &k));
        assert_int_equal(k, want);
        ok(cx, cull_verdict_equivalent(cx, turned, M, -exact, false, false, &k));
        assert_int_equal(k, want);
        if (want == M) continue;
        ok(cx, cull_verdict_equivalent(cx, u, M, exact + 1e-6, true, false, &k));
        assert_int_equal(k, want + 1);
    }
    ok(cx, cull_verdict_equivalent(cx, u, M, -5, true, false, &k));
    assert_int_equal(k, 1); /* worse than a single draw */
    ok(cx, cull_verdict_equivalent(cx, u, M, M, true, false, &k));
    assert_int_equal(k, M);
    ok(cx, cull_verdict_equivalent(cx, u, M, M + 1e-6, true, false, &k));
    assert_int_equal(k, -1);
    ok(cx, cull_verdict_equivalent(cx, u, M, 990, true, true, &k));
    double curve[500];
    assert_true(k > 1 && k <= 500);
    ok(cx, cull_verdict_random(cx, u, M, true, true, k, curve));
    best = curve[k - 1];
    assert_true(best >= 990 && curve[k - 2] < 990);
    ok(cx, cull_verdict_equivalent(cx, u, M, M + 1e-6, true, true, &k));
    assert_int_equal(k, -1);
    refused(cx, cull_verdict_equivalent(cx, u, M, NAN, true, true, &k), CULL_EINPUT, "NaN");
    cull_ctx_free(cx);
}

static void regrets(void **state)
{
    (void)state;
    const double v[] = {NAN, 3, 5, NAN, 4, 1};
    double r[6];
    cull_verdict_regret(v, 6, 5.5, true, r);
    const double up[] = {INFINITY, 2.5, .5, .5, .5, .5},
                 down[] = {INFINITY, 2.5, 2.5, 2.5, 2.5, .5};
    assert_memory_equal(r, up, sizeof r);
    cull_verdict_regret(v, 6, .5, false, r);
    assert_memory_equal(r, down, sizeof r);
}

/* scipy.stats.kendalltau of all and of those that count */
static void rankings(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const double x[] = {1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9.5};
    const double y[] = {2, 1, 3, 3, 5, 4, 4, 8, 6, 9, 7, 10};
    double tau;
    ok(cx, cull_verdict_tau(cx, x, y, 12, NULL, 1, true, &tau));
    assert_true(near(tau, 0.8125, 1e-14));
    ok(cx, cull_verdict_tau(cx, x, y, 12, NULL, 5 / 12., true, &tau));
    assert_true(near(tau, 0.4, 1e-14));
    ok(cx, cull_verdict_tau(cx, x, y, 12, NULL, 4 / 12., false, &tau));
    assert_true(near(tau, 0.4, 1e-14));
    ok(cx, cull_verdict_tau(cx, x, y, 12, NULL, 7 / 12., true,
                            &tau)); /* two stand at the seventh place */
    assert_true(near(tau, 2 / 3., 1e-14));
    ok(cx, cull_verdict_tau(cx, x, y, 12, y, 4 / 12., true, &tau)); /* (9.5,10) (8,9) (6,8) (9,7) */
    assert_true(near(tau, 1 / 3., 1e-14));
    ok(cx, cull_verdict_tau(cx, x, y, 1, NULL, 1, true, &tau));
    assert_true(isnan(tau));
    refused(cx, cull_verdict_tau(cx, x, y, 12, NULL, 0, true, &tau), CULL_EINPUT, "best 0");
    refused(cx, cull_verdict_tau(cx, x, y, 12, NULL, 1.5, true, &tau), CULL_EINPUT, "best 1.5");
    cull_ctx_free(cx);
}

/* tau-b of two columns by its definition; NaN where one has no two different values. */
static double plain_tau(const double *v, int n, int epochs, int a, int b)
{
    double agree = 0, one = 0, two = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) {
            double p = v[i * epochs + a] - v[j * epochs + a],
                   q = v[i * epochs + b] - v[j * epochs + b];
            agree += ((p > 0) - (p < 0)) * ((q > 0) - (q < 0));
            one += p != 0, two += q != 0;
        }
    return one > 0 && two > 0 ? agree / sqrt(one * two) : NAN;
}

/* Curves that begin alike and part: noise that falls, values in steps so that there are ties. */
static void short_trainings(void **state)
{
    (void)state;
    enum { N = 37, EPOCHS = 53 };
    static double v[N * EPOCHS];
    double tau[2][EPOCHS];
    int64_t epoch;
    cull_rng r = cull__rng_seeded(5, 1);
    for (int i = 0; i < N; i++)
        for (int e = 0; e < EPOCHS; e++) {
            double at = i / (double)N + 4 * (EPOCHS - 1 - e) / (double)EPOCHS * cull__rng_unit(&r);
            v[i * EPOCHS + e] = e == 0 ? 1 : floor(50 * at) / 50;
        }
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, t + 1);
        for (int k = 0; k <= 20; k++) {
            int64_t want = 1;
            ok(cx, cull_verdict_stop_epoch(cx, v, N, EPOCHS, k / 20., &epoch, tau[t]));
            while (want < EPOCHS &&
                   !(plain_tau(v, N, EPOCHS, (int)want - 1, EPOCHS - 1) >= k / 20. - 1e-14))
                want++;
            assert_int_equal(epoch, want);
        }
        for (int e = 0; e < EPOCHS; e++) {
            double want = plain_tau(v, N, EPOCHS, e, EPOCHS - 1);
            assert_true(isnan(want) ? isnan(tau[t][e]) : near(tau[t][e], want, 1e-13));
        }
        assert_true(isnan(tau[t][0]) && near(tau[t][EPOCHS - 1], 1, 1e-15));
        ok(cx, cull_verdict_stop_epoch(cx, v, 2, 1, .5, &epoch, NULL)); /* of one epoch: it */
        assert_int_equal(epoch, 1);
        refused(cx, cull_verdict_stop_epoch(cx, v, N, EPOCHS, 1.5, &epoch, NULL), CULL_EINPUT,
                "threshold of 1.5");
        refused(cx, cull_verdict_stop_epoch(cx, v, N, EPOCHS, NAN, &epoch, NULL), CULL_EINPUT,
                "threshold of nan");
        refused(cx, cull_verdict_stop_epoch(cx, v, 1, EPOCHS, .5, &epoch, NULL), CULL_EINPUT,
                "1 curves of 53");
        refused(cx, cull_verdict_stop_epoch(cx, v, N, 0, .5, &epoch, NULL), CULL_EINPUT,
                "of 0 epochs");
        refused(cx, cull_verdict_stop_epoch(cx, v, N, INT64_MAX / 2, .5, &epoch, NULL), CULL_EINPUT,
                "37 curves");
        double kept = v[7];
        v[7] = INFINITY;
        refused(cx, cull_verdict_stop_epoch(cx, v, N, EPOCHS, .5, &epoch, NULL), CULL_EINPUT,
                "number 7 is inf");
        v[7] = kept;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(tau[0] + 1, tau[1] + 1, sizeof tau[0] - sizeof tau[0][0]);
}

/* All 6561 designs of NAS-Bench-Macro, three seeds each: seeds agree over all, and hardly among the best tenth. Figures by
 * scipy.stats.kendalltau, and by order statistics with lgamma in numpy. */
static void macro(void **state)
{
    (void)state;
    enum { N = 6561 };
    static double seed[3][N], mean[N];
    const char *given = getenv("CULL_DATA");
    char path[1024], line[256];
    int n = 0;
    snprintf(path, sizeof path, "%s/nas/macro/nasbench_macro_cifar10.csv",
             given ? given : CULL_SOURCE_DIR "/../shared/data");
    FILE *f = fopen(path, "r");
    if (!f) {
        print_message("skipped: no %s (CULL_DATA says where data lies)\n", path);
        skip();
    }
    while (n < N && fgets(line, sizeof line, f))
        n += sscanf(line, "%*[^,],%lf,%lf,%lf,%lf", &seed[0][n], &seed[1][n], &seed[2][n],
                    mean + n) == 4;
    fclose(f);
    assert_int_equal(n, N);
    cull_ctx *cx = cull_ctx_new(NULL);
    double tau, best[64];
    int64_t k;
    ok(cx, cull_verdict_tau(cx, seed[0], seed[1], N, NULL, 1, true, &tau));
    assert_true(fabs(tau - 0.881950) < 1e-6);
    ok(cx, cull_verdict_tau(cx, seed[0], seed[1], N, mean, 0.1, true, &tau));
    assert_true(fabs(tau - 0.186787) < 1e-6);
    ok(cx, cull_verdict_random(cx, mean, N, true, false, 64, best));
    assert_true(near(best[7], 92.35564208368382, 1e-10) &&
                near(best[63], 92.80887528237089, 1e-10));
    ok(cx, cull_verdict_equivalent(cx, mean, N, 93, true, false, &k));
    assert_int_equal(k, 377);
    ok(cx, cull_verdict_equivalent(cx, mean, N, 93.1, true, false, &k));
    assert_int_equal(k, 1894);
    cull_ctx_free(cx);
}

static void lotteries(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const double v[] = {1, 2, 4, 3, 3, 3.5, 0, 1, 1, 7, 5, 6};
    cull_lottery l;
    ok(cx, cull_verdict_lottery(cx, v, 4, 3, true, &l));
    assert_true(l.best == 3 && l.worst == 2 && near(l.spread, 6 - 2. / 3, 1e-15));
    assert_true(near(l.mean, 3.0416666666666665, 1e-15) &&
                near(l.noise, 0.9682458365518543, 1e-14));
    const double q[5] = {2 / 3., 1.9166666666666667, 2.75, 3.875,
                         6}; /* numpy.quantile of the means */
    for (int k = 0; k < 5; k++) assert_true(near(l.quantile[k], q[k], 1e-14));
    ok(cx, cull_verdict_lottery(cx, v, 4, 3, false, &l));
    assert_true(l.best == 2 && l.worst == 3);
    ok(cx, cull_verdict_lottery(cx, v, 12, 1, true, &l));
    assert_true(isnan(l.noise) && l.best == 9 && l.worst == 6 && l.quantile[4] == 7);
    refused(cx, cull_verdict_lottery(cx, v, 0, 3, true, &l), CULL_EINPUT, "0 settings");
    cull_ctx_free(cx);
}

static void threads_and_memory(void **state)
{
    (void)state;
    cull_search_verdict v[2];
    int64_t k;
    double mean, lo[2], hi, p, tau, curve[5];
    cull_lottery l;
    long calls = 0;
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, t + 1);
        memset(v + t, 0, sizeof *v);
        ok(cx, cull_verdict_relative(cx, A, 9, B, 8, true, 100, 9999, 5, v + t));
        ok(cx, cull_verdict_paired(cx, A, B, 8, 9999, 5, &mean, lo + t, &hi, &p));
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(v, v + 1, sizeof *v);
    assert_true(lo[0] == lo[1]);
    for (long at = 0; at <= calls; at++) { /* the first round counts */
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.calls = 0;
        h.fail_at = at;
        cull_status s = cull_verdict_relative(cx, A, 9, B, 8, true, 100, 9999, 5, v);
        if (s == CULL_OK) s = cull_verdict_paired(cx, A, B, 8, 9999, 5, &mean, lo, &hi, &p);
        if (s == CULL_OK) s = cull_verdict_equivalent(cx, A, 9, 97, true, false, &k);
        if (s == CULL_OK) s = cull_verdict_random(cx, A, 9, true, true, 5, curve);
        if (s == CULL_OK) s = cull_verdict_tau(cx, A, B, 8, NULL, 1, true, &tau);
        if (s == CULL_OK) s = cull_verdict_stop_epoch(cx, A, 3, 3, .9, &k, NULL);
        if (s == CULL_OK) s = cull_verdict_lottery(cx, A, 3, 3, true, &l);
        assert_int_equal(s, at ? CULL_ENOMEM : CULL_OK);
        if (at == 0) calls = h.calls;
        assert_true(calls > 0);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welch),           cmocka_unit_test(relative),
        cmocka_unit_test(short_trainings), cmocka_unit_test(pairs),
        cmocka_unit_test(reached),         cmocka_unit_test(best_of_draws),
        cmocka_unit_test(equivalents),     cmocka_unit_test(regrets),
        cmocka_unit_test(macro),           cmocka_unit_test(rankings),
        cmocka_unit_test(lotteries),       cmocka_unit_test(threads_and_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
