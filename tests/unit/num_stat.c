/* num: statistics against known numbers and definitions; eigenvectors; orthonormal columns. */
#include "test.h"

#include "num/num.h"

static bool near(double a, double b, double tol) { return fabs(a - b) <= tol; }

static void moments(void **state)
{
    (void)state;
    const double v[] = {3.25, -1.5, 8, 0.125, 2.5};
    assert_true(near(cull__mean(v, 5), 2.475, 1e-15));
    assert_true(near(cull__sd(v, 5), 3.621118611699982, 1e-14)); /* numpy, ddof=1 */
    assert_true(isnan(cull__mean(v, 0)) && isnan(cull__sd(v, 1)));
    const double big[] = {1e16, 1, -1e16, 1};
    assert_true(cull__mean(big, 4) == 0.5); /* what plain addition loses */
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void quantiles(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const double v[] = {3.25, -1.5, 8, 0.125, 2.5};
    double q;
    ok(cx, cull__quantile(cx, v, 5, 0.3, &q)); /* numpy.quantile gives 0.6 of the way */
    assert_true(near(q, 0.125 + 0.2 * (2.5 - 0.125), 1e-15));
    ok(cx, cull__quantile(cx, v, 5, 0, &q));
    assert_true(q == -1.5);
    ok(cx, cull__quantile(cx, v, 5, 1, &q));
    assert_true(q == 8);
    double w[997], s[997];
    cull_rng r = cull__rng_seeded(4, 4);
    for (int i = 0; i < 997; i++) w[i] = s[i] = floor(40 * cull__rng_normal(&r)) / 8;
    qsort(s, 997, 8, by_value);
    for (double p = 0; p <= 1; p += 0.0173) {
        double at = p * 996, lo = floor(at), want = s[(int)lo];
        if (at > lo) want += (s[(int)lo + 1] - want) * (at - lo);
        ok(cx, cull__quantile(cx, w, 997, p, &q));
        assert_true(near(q, want, 1e-12));
    }
    ok(cx, cull__quantile(cx, v, 0, 0.5, &q));
    assert_true(isnan(q));
    w[3] = NAN;
    ok(cx, cull__quantile(cx, w, 997, 0.5, &q));
    assert_true(isnan(q));
    cull_ctx_free(cx);
}

/* scipy.special.fdtrc and chdtrc */
static void tails(void **state)
{
    (void)state;
    const double f[][4] = {{1.7, 2, 157, 0.18602878268875744},
                           {400.5, 1, 30, 6.632185297092207e-19},
                           {0.01, 3, 4, 0.9984014721769674},
                           {1e-9, 2, 10, 0.9999999989999999}};
    const double chi[][3] = {{3.2, 1, 0.07363827012030258},
                             {1.5, 7, 0.9823096598068504},
                             {900.25, 9, 5.465130918797803e-188},
                             {4100, 4000, 0.1321492595964944},
                             {1e-12, 2, 0.9999999999995}};
    for (int i = 0; i < 4; i++)
        assert_true(near(cull__f_tail(f[i][0], f[i][1], f[i][2]) / f[i][3], 1, 1e-12));
    for (int i = 0; i < 5; i++) /* lgamma(2000) is good to 1e-12 */
        assert_true(near(cull__chi2_tail(chi[i][0], chi[i][1]) / chi[i][2], 1, 1e-11));
    assert_true(cull__f_tail(0, 3, 4) == 1 && cull__f_tail(INFINITY, 3, 4) == 0);
    assert_true(cull__chi2_tail(0, 3) == 1 && cull__chi2_tail(INFINITY, 3) == 0);
    assert_true(isnan(cull__f_tail(NAN, 3, 4)) && isnan(cull__chi2_tail(NAN, 3)));
    assert_true(isnan(cull__f_tail(1, 0, 4)) && isnan(cull__chi2_tail(1, 0)));
}

static void intervals(void **state)
{
    (void)state;
    double lo, hi;
    cull__wilson(7, 10, &lo, &hi); /* statsmodels proportion_confint(7, 10, method='wilson') */
    assert_true(near(lo, 0.3967781475, 1e-9) && near(hi, 0.8922087326, 1e-9));
    cull__wilson(0, 10, &lo, &hi);
    assert_true(lo == 0 && near(hi, 0.2775327999, 1e-9));
    cull__wilson(10, 10, &lo, &hi);
    assert_true(hi == 1 && near(lo, 0.7224672001, 1e-9));
    cull__wilson(0, 0, &lo, &hi);
    assert_true(lo == 0 && hi == 1);
    /* tables of Student's t, 97.5 % */
    static const struct {
        int64_t df;
        double t;
    } t[] = {{1, 12.7062047362}, {2, 4.3026527297},  {3, 3.1824463053},    {4, 2.7764451052},
             {9, 2.2621571627},  {29, 2.0452296421}, {1000, 1.9623390808}, {1000000, 1.9599663568}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        assert_true(near(cull__t_95(t[i].df), t[i].t, t[i].df < 100 ? 1e-10 : 1e-8));
    for (int64_t df = 1; df < 400; df++) assert_true(cull__t_95(df) > cull__t_95(df + 1));
    assert_true(cull__t_95(0) == INFINITY && near(cull__t_95(INT64_MAX), 1.959964, 1e-6));
    const double v[] = {0.71, 0.74, 0.69, 0.78, 0.73};
    cull__t_interval(v, 5, &lo, &hi); /* scipy.stats.t.interval */
    assert_true(near(lo, 0.687893125180, 1e-11) && near(hi, 0.772106874820, 1e-11));
    cull__t_interval(v, 1, &lo, &hi);
    assert_true(lo == -INFINITY && hi == INFINITY);
}

static void bootstrap(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    double v[400], lo, hi, lo2, hi2, tlo, thi;
    cull_rng r = cull__rng_seeded(8, 1);
    for (int i = 0; i < 400; i++) v[i] = 2 + cull__rng_normal(&r);
    cull_rng a = cull__rng_seeded(1, 1), b = a;
    ok(cx, cull__bootstrap(cx, &a, v, 400, 4000, &lo, &hi));
    ok(cx, cull__bootstrap(cx, &b, v, 400, 4000, &lo2, &hi2));
    assert_true(lo == lo2 && hi == hi2);
    cull__t_interval(v, 400, &tlo, &thi);
    assert_true(near(lo, tlo, 0.02) && near(hi, thi, 0.02));
    h.fail_at = h.calls + 1;
    assert_int_equal(cull__bootstrap(cx, &a, v, 400, 200000, &lo, &hi), CULL_ENOMEM);
    h.stop_at = h.ticks + 2;
    assert_int_equal(cull__bootstrap(cx, &a, v, 400, 4000, &lo, &hi), CULL_ECANCEL);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void eigen(void **state)
{
    (void)state;
    enum { D = 70 };
    static double a[D * D], keep[D * D], v[D * D], v2[D * D], w[D], w2[D], unused[1];
    cull_rng r = cull__rng_seeded(5, 2);
    for (int i = 0; i < D; i++)
        for (int j = 0; j <= i; j++)
            keep[i * D + j] = keep[j * D + i] = cull__rng_normal(&r) + (i == j ? i : 0);
    for (int threads = 1; threads < 3; threads++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = threads;
        cull_ctx *cx = cull_ctx_new(&o);
        for (int i = 0; i < D * D; i++) a[i] = i % D > i / D ? NAN : keep[i]; /* upper: unread */
        ok(cx, cull__eigh(cx, a, D, threads == 1 ? w : w2, threads == 1 ? v : v2));
        memcpy(a, keep, sizeof a);
        a[3 * D + 1] = INFINITY;
        refused(cx, cull__eigh(cx, a, D, unused, unused), CULL_EINPUT, "(3, 1)");
        cull_ctx_free(cx);
        if (threads == 2) {
            assert_memory_equal(w, w2, sizeof w);
            assert_memory_equal(v, v2, sizeof v);
        }
    }
    for (int i = 0; i < D; i++) {
        double top = 0;
        if (i) assert_true(w[i] <= w[i - 1]);
        for (int j = 0; j < D; j++) {
            double s = 0, dot = 0;
            for (int t = 0; t < D; t++) {
                s += keep[j * D + t] * v[i * D + t];
                dot += v[i * D + t] * v[j * D + t];
            }
            assert_true(near(s, w[i] * v[i * D + j], 1e-11));
            assert_true(near(dot, i == j, 1e-12));
            if (fabs(v[i * D + j]) > fabs(top)) top = v[i * D + j];
        }
        assert_true(top > 0);
    }
}

static void orthonormal(void **state)
{
    (void)state;
    enum { N = 1800, K = 23 };
    float *a = malloc(N * K * 4), *b = malloc(N * K * 4), *keep = malloc(N * K * 4);
    cull_rng r = cull__rng_seeded(6, 2);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < K; j++)
            keep[i * K + j] = (float)(cull__rng_normal(&r) * pow(10, j % 5) + 30);
        keep[i * K + 7] = 2 * keep[i * K + 2] - keep[i * K + 5]; /* depends on others */
        keep[i * K + 11] = 0;
    }
    memcpy(a, keep, N * K * 4), memcpy(b, keep, N * K * 4);
    for (int t = 1; t < 3; t++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = t;
        o.isa = t == 1 ? NULL : LEAST_ISA;
        cull_ctx *cx = cull_ctx_new(&o);
        ok(cx, cull__orthonormal(cx, t == 1 ? a : b, N, K));
        cull_ctx_free(cx);
    }
    assert_memory_equal(a, b, N * K * 4);
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++) {
            double s = 0, in = 0;
            for (int t = 0; t < N; t++) {
                s += (double)a[t * K + i] * a[t * K + j];
                in += (double)keep[t * K + i] * a[t * K + j];
            }
            assert_true(near(s, i == j && i != 7 && i != 11, 2e-6));
            if (j > i)
                assert_true(fabs(in) < 2e-2 * pow(10, i % 5)); /* later ones add to earlier */
        }
    hooks h = {.fail_at = 3};
    cull_ctx *cx = hooked_ctx(&h, 1);
    assert_int_equal(cull__orthonormal(cx, a, N, K), CULL_ENOMEM);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    free(a), free(b), free(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moments),    cmocka_unit_test(quantiles),
                                       cmocka_unit_test(tails),      cmocka_unit_test(intervals),
                                       cmocka_unit_test(bootstrap),  cmocka_unit_test(eigen),
                                       cmocka_unit_test(orthonormal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
