/* nn_metrics.c - measures of predictions against scikit-learn's and scipy's numbers, and by hand. */
#include "cull/train.h"
#include "num/num.h"
#include "test.h"

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) < within)) fail_msg("%.17g, not %.17g", got, want);
}

enum { N = 53, K = 7 };

/* scipy 1.10.1 and scikit-learn 1.2.1 on these numbers (numpy.round is rint: half to even). */
static void is_like_scipy(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double a[N], b[N], ay[N], out;
    uint8_t y[N];
    for (int i = 0; i < N; i++) {
        a[i] = rint(5 * sin(1.3 * i)) / 2;
        b[i] = rint(4 * sin(1.3 * i + .8) + cos(7. * i)) / 2;
        y[i] = i * 7 % 5 < 2;
        ay[i] = a[i] + y[i];
    }
    ok(cx, cull__kendall(cx, a, b, N, &out));
    near(out, 0.48945952395621495, 1e-14);
    ok(cx, cull__auc(cx, ay, y, N, &out));
    near(out, 0.63913690476190477, 1e-14);
    cull_ctx_free(cx);
}

/* Pairs, one by one. */
static void is_like_counting(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    enum { MOST = 70 };
    double a[MOST], b[MOST];
    uint8_t y[MOST];
    for (int n = 2; n < MOST; n++) {
        cull_rng r = cull__rng_seeded(3, (uint64_t)n);
        double same = 0, ones = 0, wins = 0, in_a = 0, in_b = 0, all = .5 * n * (n - 1), out;
        for (int i = 0; i < n; i++) {
            a[i] = (double)cull__rng_below(&r, 2 + n / 3) - 3;
            b[i] = (double)cull__rng_below(&r, 9);
            y[i] = cull__rng_below(&r, 3) == 0;
            ones += y[i];
        }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                if (y[i] && !y[j]) wins += a[i] > a[j] ? 1 : a[i] == a[j] ? .5 : 0;
                if (j >= i) continue;
                same += (double)((a[i] > a[j]) - (a[i] < a[j])) *
                        (double)((b[i] > b[j]) - (b[i] < b[j]));
                in_a += a[i] == a[j];
                in_b += b[i] == b[j];
            }
        ok(cx, cull__auc(cx, a, y, n, &out));
        if (ones > 0 && ones < n)
            near(out, wins / (ones * (n - ones)), 1e-13);
        else
            assert_true(isnan(out));
        ok(cx, cull__kendall(cx, a, b, n, &out));
        if (in_a < all && in_b < all)
            near(out, same / sqrt((all - in_a) * (all - in_b)), 1e-13);
        else
            assert_true(isnan(out));
    }
    double out;
    a[1] = NAN;
    ok(cx, cull__auc(cx, a, y, 9, &out));
    assert_true(isnan(out));
    ok(cx, cull__kendall(cx, b, a, 9, &out));
    assert_true(isnan(out));
    h.fail_at = h.calls + 1;
    static double many[60000];
    refused(cx, cull__kendall(cx, many, many, 60000, &out), CULL_ENOMEM, "");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void calibration(void **state)
{
    (void)state;
    /* two bins: (0, .5] with .2 and .5 (its upper end), one hit; (.5, 1] with .9, none */
    near(cull__ece((double[]){.2, .5, .9}, (uint8_t[]){1, 0, 0}, 3, 2), (.3 + .9) / 3, 1e-15);
    near(cull__ece((double[]){0, 1}, (uint8_t[]){0, 1}, 2, 15), 0, 1e-15);
    assert_true(isnan(cull__ece((double[]){1.5}, (uint8_t[]){1}, 1, 15)));
    assert_true(isnan(cull__ece(NULL, NULL, 0, 15)));
}

static void classes(void **state)
{
    (void)state;
    static const int64_t want[K * K] = {8, 0, 0, 0, 0, 0, 0, 2, 5, 0, 0, 0, 0, 0, 0, 2, 3,
                                        3, 0, 0, 0, 0, 0, 1, 1, 6, 0, 0, 0, 0, 0, 0, 2, 5,
                                        0, 0, 0, 0, 0, 0, 2, 5, 6, 0, 0, 0, 0, 0, 2};
    cull_ctx *cx = cull_ctx_new(NULL);
    float s[N * K];
    int32_t label[N];
    int64_t confusion[K * K];
    cull_class_metrics m;
    for (int r = 0; r < N; r++) {
        label[r] = (3 * r + (r % 4 == 0)) % K;
        for (int k = 0; k < K; k++)
            s[r * K + k] = (float)(rint(4 * sin(.9 * r + 1.7 * k)) / 2) + (k == 3 * r % K ? 2 : 0);
    }
    ok(cx, cull_metrics_classes(cx, s, label, N, K, &m, confusion));
    assert_memory_equal(confusion, want, sizeof want);
    near(m.accuracy, 0.4339622641509434, 1e-15);
    near(m.nll, 1.3378898999859037, 1e-13);
    near(m.auc, 0.83348614808242139, 1e-13);
    near(m.brier, 0.70915382458028198, 1e-13);
    near(m.ece, 0.16147225735381607, 1e-13);
    near(m.top5, 1, 1e-15);
    /* the label has place 6, 5 and 4 of 7: counted from 1, equals in order of the class */
    const float t[] = {7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 3, 1, 7, 6, 5, 4, 4, 2, 1};
    ok(cx, cull_metrics_classes(cx, t, (int32_t[]){5, 4, 3}, 3, K, &m, NULL));
    near(m.top5, 2. / 3, 1e-15);
    near(m.accuracy, 0, 1e-15);
    assert_true(isnan(m.auc)); /* not every class is there */
    ok(cx, cull_metrics_classes(cx, (float[]){0, 1, 0, -1, 0, 3, 900, -900},
                                (int32_t[]){1, 0, 0, 0}, 4, 2, &m, NULL));
    near(m.auc, 2. / 3, 1e-15);
    refused(cx, cull_metrics_classes(cx, s, (int32_t[]){0, 9}, 2, K, &m, NULL), CULL_EINPUT,
            "the label of row 1 is 9");
    refused(cx, cull_metrics_classes(cx, s, label, 0, K, &m, NULL), CULL_EINPUT, "0 rows");
    s[9] = NAN;
    refused(cx, cull_metrics_classes(cx, s, label, N, K, &m, NULL), CULL_EINPUT,
            "class 2 in row 1 is nan");
    cull_ctx_free(cx);
}

static void numbers(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float p[N], t[N];
    cull_number_metrics m;
    for (int i = 0; i < N; i++) {
        t[i] = (float)sin(.4 * i);
        p[i] = (float)sin(.4 * i + .3);
    }
    ok(cx, cull_metrics_numbers(cx, p, t, N, &m));
    near(m.mse, 0.043696241548544873, 1e-14);
    near(m.r2, 0.9128030910907633, 1e-13);
    near(m.kendall, 0.82728592162554437, 1e-14);
    ok(cx, cull_metrics_numbers(cx, p, (float[]){2, 2, 2}, 3, &m));
    assert_true(isnan(m.r2) && isnan(m.kendall));
    p[4] = INFINITY;
    refused(cx, cull_metrics_numbers(cx, p, t, N, &m), CULL_EINPUT, "row 4 is predicted as inf");
    refused(cx, cull_metrics_numbers(cx, p, t, 0, &m), CULL_EINPUT, "no predictions");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_like_scipy), cmocka_unit_test(is_like_counting),
        cmocka_unit_test(calibration),   cmocka_unit_test(classes),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
