/* risk: tests of a risk against sums of binomial terms, learn then test, conformal risk control, Clopper and Pearson. */
#include "test.h"

#include "base/base.h"
#include "cull/risk.h"

/* P(Binomial(n, x) <= k), term by term. */
static double binomial(int64_t k, int64_t n, double x)
{
    double sum = 0;
    for (int64_t i = 0; i <= k && i <= n; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) +
                   (double)i * log(x) + (double)(n - i) * log1p(-x));
    return sum;
}

static void exact_binomial(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 60; n += 3)
        for (int64_t k = 0; k <= n; k++)
            for (int a = 1; a < 10; a++) {
                double want = binomial(k, n, a / 10.), got = cull_risk_binomial(k, n, a / 10.);
                /* logs of factorials of 60 carry 1e-13 */
                assert_true(fabs(got - want) <= 1e-11 * want + 1e-15);
            }
    assert_true(cull_risk_binomial(-1, 5, .5) == 0);
    assert_true(fabs(cull_risk_binomial(0, 1000, .3) / pow(.7, 1000) - 1) < 1e-9);
}

static void hoeffding_bentkus(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 80; n += 7)
        for (int64_t k = 0; k <= 2 * n; k++)
            for (int a = 1; a < 10; a++) {
                double mean = (double)k / (2. * (double)n), alpha = a / 10.;
                double x = mean < alpha ? mean : alpha, h = 0;
                if (x > 0) h += x * log(x / alpha);
                h += (1 - x) * log((1 - x) / (1 - alpha));
                double want = fmin(exp(-(double)n * h), exp(1.) * binomial((k + 1) / 2, n, alpha));
                if (want > 1) want = 1;
                assert_true(fabs(cull_risk_hoeffding_bentkus(mean, n, alpha) - want) < 1e-11);
            }
    assert_true(isnan(cull_risk_hoeffding_bentkus(1.5, 10, .1)));
    assert_true(isnan(cull_risk_hoeffding_bentkus(NAN, 10, .1)));
    /* rows of risk alpha pass at level d at most d of the time, exactly: all counts of hits summed up */
    for (int a = 1; a < 10; a += 2)
        for (int d = 1; d < 10; d++) {
            double pass = 0;
            for (int64_t k = 0; k <= 50; k++)
                if (cull_risk_hoeffding_bentkus((double)k / 50, 50, a / 10.) <= d / 10.)
                    pass = binomial(k, 50, a / 10.);
            assert_true(pass <= d / 10. + 1e-12);
        }
}

static void pvalues_of_losses(void **state)
{
    (void)state;
    enum { N = 37, K = 5 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 0);
    static double loss[N * K], p[K], mean[K];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < K; j++)
            loss[i * K + j] = j == 2 ? cull__rng_unit(&r) : (double)(cull__rng_below(&r, 5) < j);
    for (int exact = 0; exact < 2; exact++) {
        ok(cx, cull_risk_pvalues(cx, loss, N, K, .45, exact, mean, p));
        for (int j = 0; j < K; j++) {
            double s = 0;
            for (int i = 0; i < N; i++) s += loss[i * K + j];
            assert_true(fabs(mean[j] - s / N) < 1e-15);
            double want = exact && j != 2 ? cull_risk_binomial((int64_t)s, N, .45)
                                          : cull_risk_hoeffding_bentkus(s / N, N, .45);
            assert_true(fabs(p[j] - want) < 1e-12);
        }
    }
    loss[8] = 1.25;
    refused(cx, cull_risk_pvalues(cx, loss, N, K, .45, true, NULL, p), CULL_EINPUT,
            "row 1 loses 1.25 at threshold 3");
    refused(cx, cull_risk_pvalues(cx, loss, N, K, 0, true, NULL, p), CULL_EOPTION, "alpha is 0");
    cull_ctx_free(cx);
}

static void learn_then_test(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double p[] = {.01, .05, .2, .001, NAN};
    uint8_t valid[5];
    int64_t count;
    static const uint8_t sequence[] = {1, 1, 0, 0, 0}, bonferroni[] = {1, 0, 0, 1, 0};
    ok(cx, cull_risk_learn(cx, p, 5, .05, CULL_LTT_SEQUENCE, valid, &count));
    assert_memory_equal(valid, sequence, 5);
    assert_int_equal(count, 2);
    ok(cx, cull_risk_learn(cx, p, 5, .05, CULL_LTT_BONFERRONI, valid, &count));
    assert_memory_equal(valid, bonferroni, 5);
    assert_int_equal(count, 2);
    ok(cx, cull_risk_learn(cx, p, 0, .05, CULL_LTT_BONFERRONI, valid, &count));
    assert_int_equal(count, 0);
    refused(cx, cull_risk_learn(cx, p, 5, 1, CULL_LTT_SEQUENCE, valid, &count), CULL_EOPTION,
            "delta is 1");
    cull_ctx_free(cx);
}

static void conformal_control(void **state)
{
    (void)state;
    enum { N = 19, K = 8 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(4, 0);
    static double loss[N * K], mean[K];
    int64_t at, same, found = 0;
    for (int trial = 0; trial < 500; trial++) {
        int sum[K] = {0}; /* losses of 0 and 1: whole numbers decide */
        for (int i = 0; i < N; i++) {
            int64_t until = cull__rng_below(&r, K + 1);
            for (int j = 0; j < K; j++) {
                loss[i * K + j] = j < until;
                sum[j] += j < until;
            }
        }
        int64_t tenth = cull__rng_below(&r, 10), want = -1;
        for (int j = K; j-- > 0;)
            if (10 * (sum[j] + 1) <= tenth * (N + 1)) want = j;
        for (int j = 0; j < K; j++) mean[j] = sum[j] / (double)N;
        ok(cx, cull_risk_conformal(cx, loss, N, K, (double)tenth / 10, 1, &at));
        ok(cx, cull_risk_conformal_means(cx, mean, K, N, (double)tenth / 10, 1, &same));
        assert_int_equal(at, want);
        assert_int_equal(same, want);
        found += at > 0;
    }
    assert_in_range(found, 100, 499);
    loss[3] = 1;
    loss[2] = 0;
    refused(cx, cull_risk_conformal(cx, loss, N, K, .1, 1, &at), CULL_EINPUT,
            "row 0 loses 1 at threshold 3");
    mean[5] = mean[4] + .1;
    refused(cx, cull_risk_conformal_means(cx, mean, K, N, .1, 1, &at), CULL_EINPUT,
            "the mean loss at threshold 4");
    refused(cx, cull_risk_conformal_means(cx, mean, K, N, 2, 1, &at), CULL_EOPTION, "a risk of 2");
    cull_ctx_free(cx);
}

static void clopper_pearson(void **state)
{
    (void)state;
    double lo, hi;
    for (int64_t n = 1; n < 40; n += 3)
        for (int64_t k = 0; k <= n; k++) {
            cull_risk_interval(k, n, .9, &lo, &hi);
            assert_true(lo <= (double)k / (double)n && (double)k / (double)n <= hi);
            /* 1e-9: sums of 40 terms, each right to 1e-13, over a slope of at most 40 */
            if (k < n) assert_true(fabs(binomial(k, n, hi) - .05) < 1e-9);
            if (k > 0) assert_true(fabs(1 - binomial(k - 1, n, lo) - .05) < 1e-9);
            if (k == 0) assert_true(lo == 0);
            if (k == n) assert_true(hi == 1);
        }
    cull_risk_interval(0, 0, .95, &lo, &hi);
    assert_true(lo == 0 && hi == 1);
    cull_risk_interval(0, 1000000, .95, &lo, &hi); /* 1 - .025^(1/n) */
    assert_true(fabs(hi / -expm1(log(.025) / 1e6) - 1) < 1e-8);
}

static void memory_may_fail(void **state)
{
    (void)state;
    enum { K = 20000 };
    static double loss[K], p[K];
    for (int which = 0; which < 2; which++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        int64_t at;
        h.fail_at = h.calls + 1;
        assert_int_equal(which ? cull_risk_conformal(cx, loss, 1, K, .5, 1, &at)
                               : cull_risk_pvalues(cx, loss, 1, K, .5, false, NULL, p),
                         CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_binomial),    cmocka_unit_test(hoeffding_bentkus),
        cmocka_unit_test(pvalues_of_losses), cmocka_unit_test(learn_then_test),
        cmocka_unit_test(conformal_control), cmocka_unit_test(clopper_pearson),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
