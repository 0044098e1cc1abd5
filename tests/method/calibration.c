/* calibration: against numbers of scikit-learn 1.9 (IsotonicRegression, CalibratedClassifierCV) and of the package venn-abers 1.5 on
 * the same rows, plain loops on others, and reliability by hand. */
#include "trusting.h"

#include <math.h>

enum { N = 40, T = 9, Z = 60, K = 3 };

static void rows_of_peers(double *s, double *y, double *t)
{
    for (int i = 0; i < N; i++) {
        s[i] = i * 37 % 101 / 101.0;
        y[i] = i * 61 % 89 / 89.0 < s[i];
    }
    for (int i = 0; i < T; i++) t[i] = i * 53 % 97 / 97.0;
}

static cull_policy *fit_kind(cull_ctx *cx, const char *kind, const cull_outcomes *rows)
{
    const cull_method *m = cull_method_find("calibration", NULL);
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    cull_policy *out;
    cull_opts *o;
    p.rows = rows;
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_opts_set(cx, o, "kind", kind));
    ok(cx, cull_trust_fit(cx, m, o, &p, &out));
    cull_opts_free(o);
    return out;
}

static void as_peers(void **state)
{
    (void)state;
    static const double iso[T] = {0,
                                  0.4782608695652174,
                                  0.17749887942626646,
                                  0.4782608695652174,
                                  0.4782608695652174,
                                  0.5,
                                  0.4782608695652174,
                                  0.5,
                                  0.4782608695652174},
                        p0[T] = {0,
                                 0.4583333333333333,
                                 0,
                                 0.4583333333333333,
                                 0.4,
                                 0.46153846153846156,
                                 0.4444444444444444,
                                 0.4666666666666667,
                                 0.4583333333333333},
                        p1[T] = {
                            0.2, 0.5, 0.5, 0.5, 0.5, 0.5714285714285714, 0.5, 0.6666666666666666,
                            0.5};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    double s[N], y[N], t[T];
    rows_of_peers(s, y, t);
    cull_outcomes cal = {.n = N, .models = 1, .score = s, .truth = y},
                  now = {.n = T, .models = 1, .score = t};
    cull_decisions d;
    cull_policy *p = fit_kind(cx, "isotonic", &cal);
    ok(cx, cull_trust_apply(cx, p, NULL, &now, &d, NULL));
    for (int i = 0; i < T; i++) assert_float_equal(d.score[i], iso[i], 1e-12); /* a sum of 40 */
    assert_true(!d.label && !d.lo);
    cull_decisions_free(&d);
    cull_policy_free(p);
    p = fit_kind(cx, "venn-abers", &cal);
    ok(cx, cull_trust_apply(cx, p, NULL, &now, &d, NULL));
    for (int i = 0; i < T; i++) {
        assert_float_equal(d.lo[i], p0[i], 1e-12);
        assert_float_equal(d.hi[i], p1[i], 1e-12);
        assert_float_equal(d.score[i], p1[i] / (1 - p0[i] + p1[i]), 1e-12);
    }
    cull_decisions_free(&d);
    cull_policy_free(p);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static double log_loss_at(const float *z, const double *y, double t)
{
    double sum = 0;
    for (int i = 0; i < Z; i++) {
        double all = 0;
        for (int c = 0; c < K; c++) all += exp(((double)z[i * K + c] - 9) / t);
        sum += log(all) - ((double)z[i * K + (int)y[i]] - 9) / t;
    }
    return sum / Z;
}

/* The least log loss, as a search by thirds finds it; scikit-learn's stops within 2e-4 of it. */
static void temperature(void **state)
{
    (void)state;
    static const double peer[] = {0.5034018158912659,  0.7836416363716125, 0.7789073586463928,
                                  0.48293355107307434, 0.4790789484977722, 0.46052250266075134};
    cull_ctx *cx = cull_ctx_new(NULL);
    float z[Z * K];
    double y[Z], lo = 0.1, hi = 20;
    for (int i = 0; i < Z; i++) {
        y[i] = i % 4 ? i * 7 % 3 : i * 5 % 3;
        for (int c = 0; c < K; c++)
            z[i * K + c] = (float)((i * 29 + c * 17) % 53 / 13.0 + (c == i * 7 % 3 ? 1.5 : 0));
    }
    const float *out[] = {z};
    cull_outcomes rows = {.n = Z, .models = 1, .classes = K, .out = out, .truth = y};
    cull_policy *p = fit_kind(cx, "temperature", &rows);
    for (int k = 0; k < 200; k++) {
        double a = lo + (hi - lo) / 3, b = hi - (hi - lo) / 3;
        if (log_loss_at(z, y, a) < log_loss_at(z, y, b))
            hi = b;
        else
            lo = a;
    }
    assert_float_equal(*cull_policy_get(p, "temperature", NULL, NULL), lo, 1e-6);
    cull_decisions d;
    ok(cx, cull_trust_apply(cx, p, NULL, &rows, &d, NULL));
    for (int i = 0; i < 6; i++) assert_float_equal(d.score[i], peer[i], 2e-4);
    for (int i = 0; i < Z; i++) {
        int best = 0;
        for (int c = 1; c < K; c++)
            if (z[i * K + c] > z[i * K + best]) best = c;
        assert_int_equal(d.label[i], best);
    }
    cull_decisions_free(&d);
    cull_policy_free(p);
    cull_ctx_free(cx);
}

/* Of outputs the top class's being right is calibrated; on other rows it fits better than before, which has too sure logits. */
static void fits_better(void **state)
{
    (void)state;
    static const char *const kind[] = {"temperature", "isotonic", "venn-abers"};
    static made a, b;
    cull_ctx *cx = cull_ctx_new(NULL);
    make_rows(&a, 11, M);
    make_rows(&b, 12, M);
    a.o.models = b.o.models = 1;
    for (int i = 0; i < M * C; i++) a.logit[i] *= 3, b.logit[i] *= 3;
    double raw[M];
    uint8_t hit[M];
    int32_t label[M];
    cull_class_rows r = {.v = b.logit, .dtype = CULL_F32, .n = M, .classes = C};
    cull_reliability before, after;
    ok(cx, cull_class_sure(cx, &r, CULL_SURE_TOP, 1, raw, label));
    for (int i = 0; i < M; i++) hit[i] = label[i] == b.truth[i];
    ok(cx, cull_reliability_of(cx, raw, hit, M, 1, &before));
    for (int k = 0; k < 3; k++) {
        cull_policy *p = fit_kind(cx, kind[k], &a.o);
        cull_decisions d;
        cull_trust_verdict v;
        ok(cx, cull_trust_apply(cx, p, NULL, &b.o, &d, NULL));
        assert_true(cull_trust_calibrates(p));
        ok(cx, cull_trust_reliability(cx, p, &d, &b.o, &after));
        print_message("%s: calibration error %.4f (%.4f to %.4f), before %.4f\n", kind[k],
                      after.ece.value, after.ece.lo, after.ece.hi, before.ece.value);
        assert_true(after.ece.hi < before.ece.lo && after.brier.value < before.brier.value);
        refused(cx, cull_trust_check(cx, p, &d, &b.o, &v), CULL_EINPUT,
                "probabilities are no decisions");
        cull_decisions_free(&d);
        cull_policy_free(p);
    }
    cull_ctx_free(cx);
}

/* Values by hand, bins with their upper end, intervals around the values, the same for any number of threads. */
static void reliability(void **state)
{
    (void)state;
    static const double p[] = {0, 0.2, 0.2, 1. / 15, 0.9, 1, 0.95, 0.2};
    static const uint8_t hit[] = {0, 0, 1, 0, 1, 1, 1, 0};
    double brier = 0, loss = 0;
    cull_reliability one, two;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1), *cy = hooked_ctx(&h, 2);
    for (int i = 0; i < 8; i++) {
        brier += (p[i] - hit[i]) * (p[i] - hit[i]) / 8;
        loss -= log(hit[i] ? p[i] : 1 - p[i]) / 8;
    }
    ok(cx, cull_reliability_of(cx, p, hit, 8, 3, &one));
    ok(cy, cull_reliability_of(cy, p, hit, 8, 3, &two));
    assert_memory_equal(&one, &two, sizeof one);
    assert_float_equal(one.brier.value, brier, 1e-15);
    assert_float_equal(one.log_loss.value, loss, 1e-15);
    assert_float_equal(one.ece.value, (1. / 15 + fabs(0.6 - 1) + 0.1 + 0.05) / 8, 1e-15);
    assert_int_equal(one.bin[0].rows, 2);
    assert_int_equal(one.bin[2].rows, 3);
    assert_float_equal(one.bin[2].share, 1. / 3, 1e-15);
    assert_float_equal(one.bin[2].predicted, 0.2, 1e-15);
    assert_int_equal(one.bin[14].rows, 2);
    assert_true(one.brier.lo < brier && brier < one.brier.hi && isnan(one.bin[7].share));
    const double bad[] = {0.5, 1.5};
    refused(cx, cull_reliability_of(cx, bad, hit, 2, 3, &one), CULL_EINPUT,
            "row 1: the probability is 1.5");
    refused(cx, cull_reliability_of(cx, bad, hit, 0, 3, &one), CULL_EINPUT, "no rows");
    cull_ctx_free(cx), cull_ctx_free(cy);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_peers), cmocka_unit_test(temperature),
                                       cmocka_unit_test(fits_better),
                                       cmocka_unit_test(reliability)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
