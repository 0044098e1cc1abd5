/* calibrate: isotonic regression, Platt's sigmoid and Venn-Abers: against plain definitions, scikit-learn and venn-abers. */
#include "test.h"

#include "base/base.h"
#include "cull/confidence.h"

enum { N = 60 };

static double unit(int i, int a, int b, int m) { return (double)((a * i + b) % m) / m; }

/* As in the test of confidence; y = .5 x + u(i, 53, 2, 97), w = .5 + u(i, 29, 1, 13). */
static void rows(double *x, double *y, double *w, uint8_t *positive)
{
    for (int i = 0; i < N; i++) {
        x[i] = unit(i, 37, 5, 31);
        y[i] = .5 * x[i] + unit(i, 53, 2, 97);
        w[i] = .5 + unit(i, 29, 1, 13);
        positive[i] = unit(i, 53, 2, 97) + .6 * x[i] > .8;
    }
}

static const double Q[] = {-1, 0, .1, .2, .33, .5, .61803, .77, .9, 1, 2};

/* Isotonic regression at x0 by its definition: the largest over l of the least over r of means of rows with l <= x <= r. */
static double min_max(const double *x, const double *y, const double *w, int n, double x0)
{
    double most = -INFINITY;
    for (int i = 0; i < n; i++) {
        if (x[i] > x0) continue;
        double least = INFINITY;
        for (int j = 0; j < n; j++) {
            if (x[j] < x0) continue;
            double sum = 0, under = 0;
            for (int k = 0; k < n; k++)
                if (x[k] >= x[i] && x[k] <= x[j]) {
                    sum += (w ? w[k] : 1) * y[k];
                    under += w ? w[k] : 1;
                }
            least = fmin(least, sum / under);
        }
        most = fmax(most, least);
    }
    return most;
}

static void isotonic(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double x[N], y[N], w[N], out[11];
    uint8_t positive[N];
    rows(x, y, w, positive);
    cull_isotonic f;
    ok(cx, cull_isotonic_fit(cx, x, y, w, N, &f));
    /* sklearn 1.9.1: IsotonicRegression(out_of_bounds="clip").fit(x, y, w).predict(Q) */
    const double want[] = {0.5868335330013101, 0.5868335330013101, 0.5868335330013101,
                           0.5874479473751854, 0.6813000311102053, 0.7277969621271296,
                           0.8064030371081707, 0.844962970724322,  1.0365341761611357,
                           1.0365341761611357, 1.0365341761611357};
    cull_isotonic_apply(&f, Q, 11, out);
    for (int i = 0; i < 11; i++) assert_true(fabs(out[i] - want[i]) < 1e-14);
    assert_int_equal(f.n, 14);
    for (int weighted = 0; weighted < 2; weighted++) {
        cull_isotonic_free(&f);
        ok(cx, cull_isotonic_fit(cx, x, y, weighted ? w : NULL, N, &f));
        for (int i = 0; i < N; i++) {
            cull_isotonic_apply(&f, x + i, 1, out);
            assert_true(fabs(out[0] - min_max(x, y, weighted ? w : NULL, N, x[i])) < 1e-14);
        }
    }
    const double nan = NAN;
    cull_isotonic_apply(&f, &nan, 1, out);
    assert_true(isnan(out[0]));
    cull_isotonic_free(&f);
    /* falling values make one run, rising ones stay, one row is a constant */
    const double up[] = {1, 2, 3, 4}, down[] = {4, 3, 2, 1};
    ok(cx, cull_isotonic_fit(cx, up, down, NULL, 4, &f));
    assert_true(f.n == 2 && f.y[0] == 2.5 && f.y[1] == 2.5 && f.x[0] == 1 && f.x[1] == 4);
    cull_isotonic_free(&f);
    ok(cx, cull_isotonic_fit(cx, down, down, NULL, 4, &f));
    assert_true(f.n == 4 && f.y[3] == 4);
    cull_isotonic_free(&f);
    ok(cx, cull_isotonic_fit(cx, up, down, NULL, 1, &f));
    cull_isotonic_apply(&f, Q, 2, out);
    assert_true(f.n == 1 && out[0] == 4 && out[1] == 4);
    cull_isotonic_free(&f);
    cull_isotonic_free(&f);
    w[5] = 0;
    refused(cx, cull_isotonic_fit(cx, x, y, w, N, &f), CULL_EINPUT, "row 5: its weight is 0");
    y[9] = INFINITY;
    refused(cx, cull_isotonic_fit(cx, x, y, NULL, N, &f), CULL_EINPUT, "row 9: its target is inf");
    refused(cx, cull_isotonic_fit(cx, x, y, NULL, 0, &f), CULL_EINPUT, "no rows");
    cull_ctx_free(cx);
}

static void platt(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double x[N], y[N], w[N], a, b, c, d;
    uint8_t positive[N], all[N];
    rows(x, y, w, positive);
    ok(cx, cull_platt_fit(cx, x, positive, N, &a, &b));
    /* numpy, 30 steps of Newton's method; sklearn 1.9.1's _SigmoidCalibration stops at 1.92548372, -0.97768815 */
    assert_true(fabs(a - 1.9254837197577677) < 1e-10 && fabs(b + 0.9776881389725659) < 1e-10);
    for (int i = 0; i < N; i++) x[i] = 1e6 * x[i] - 4e8; /* any scale */
    ok(cx, cull_platt_fit(cx, x, positive, N, &c, &d));
    assert_true(fabs(c * 1e6 - a) < 1e-7 && fabs(d + 4e8 * c * -1 - b) < 1e-4);
    for (int i = 0; i < N; i++) all[i] = 1;
    ok(cx,
       cull_platt_fit(cx, x, all, N, &a, &b)); /* one class: its share, smoothed, and no slope */
    assert_true(fabs(1 / (1 + exp(-(a * x[3] + b))) - 61. / 62) < 1e-7);
    for (int i = 0; i < N; i++)
        positive[i] = x[i] > x[0]; /* torn apart: targets keep the slope finite */
    ok(cx, cull_platt_fit(cx, x, positive, N, &a, &b));
    assert_true(a > 0 && isfinite(a) && isfinite(b));
    for (int i = 0; i < N; i++) x[i] = 2;
    ok(cx, cull_platt_fit(cx, x, positive, N, &a, &b));
    assert_true(isfinite(a) && isfinite(b));
    x[1] = NAN;
    refused(cx, cull_platt_fit(cx, x, positive, N, &a, &b), CULL_EINPUT, "row 1: its score is nan");
    cull_ctx_free(cx);
}

/* Isotonic regression over the calibration rows and (s, label), read at s. */
static double with_row(const double *x, const uint8_t *positive, int n, double s, int label)
{
    double px[N + 1], py[N + 1];
    for (int i = 0; i < n; i++) {
        px[i] = x[i];
        py[i] = positive[i];
    }
    px[n] = s;
    py[n] = label;
    return min_max(px, py, NULL, n + 1, s);
}

static void venn_abers(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double x[N], y[N], w[N], p0[11], p1[11];
    uint8_t positive[N];
    cull_venn_abers f;
    rows(x, y, w, positive);
    ok(cx, cull_venn_abers_fit(cx, x, positive, N, &f));
    cull_venn_abers_apply(&f, Q, 11, p0, p1);
    /* venn-abers 1.5: VennAbers().fit(c_[1 - x, x], positive), the second answer of predict_proba(c_[1 - Q, Q]) */
    const double want[][2] = {{0, 5. / 17},      {0, 5. / 17},     {4. / 15, 1. / 3},
                              {4. / 15, 1. / 3}, {1. / 3, 4. / 9}, {7. / 15, 5. / 9},
                              {5. / 9, 9. / 14}, {4. / 7, 2. / 3}, {2. / 3, 7. / 9},
                              {.7, 1},           {.7, 1}};
    for (int i = 0; i < 11; i++)
        assert_true(fabs(p0[i] - want[i][0]) < 1e-15 && fabs(p1[i] - want[i][1]) < 1e-15);
    cull_venn_abers_free(&f);
    /* many small problems, ties of every kind, rows on scores, between them and beyond */
    cull_rng r = cull__rng_seeded(7, 7);
    for (int k = 0; k < 300; k++) {
        int n = 1 + (int)cull__rng_below(&r, 12), grid = 2 + (int)cull__rng_below(&r, 14);
        for (int i = 0; i < n; i++) {
            x[i] = (double)cull__rng_below(&r, grid);
            positive[i] = cull__rng_unit(&r) < .1 + .8 * x[i] / grid;
            if (k % 5 == 0) positive[i] = k % 2;
        }
        ok(cx, cull_venn_abers_fit(cx, x, positive, n, &f));
        for (double s = -1; s <= grid; s += .5) {
            cull_venn_abers_apply(&f, &s, 1, p0, p1);
            assert_true(fabs(p0[0] - with_row(x, positive, n, s, 0)) < 1e-14);
            assert_true(fabs(p1[0] - with_row(x, positive, n, s, 1)) < 1e-14);
        }
        cull_venn_abers_free(&f);
    }
    const double nan = NAN;
    ok(cx, cull_venn_abers_fit(cx, x, positive, 3, &f));
    cull_venn_abers_apply(&f, &nan, 1, p0, p1);
    assert_true(isnan(p0[0]) && isnan(p1[0]));
    cull_venn_abers_free(&f);
    refused(cx, cull_venn_abers_fit(cx, &nan, positive, 1, &f), CULL_EINPUT,
            "row 0: its score is nan");
    cull_ctx_free(cx);
}

static cull_status everything(cull_ctx *cx, double out[6])
{
    double x[N], y[N], w[N];
    uint8_t positive[N];
    rows(x, y, w, positive);
    cull_isotonic f;
    cull_venn_abers v;
    CULL_TRY(cull_isotonic_fit(cx, x, y, w, N, &f));
    cull_isotonic_apply(&f, x, 1, out);
    cull_isotonic_free(&f);
    CULL_TRY(cull_venn_abers_fit(cx, x, positive, N, &v));
    cull_venn_abers_apply(&v, x, 1, out + 1, out + 2);
    cull_venn_abers_free(&v);
    return cull_platt_fit(cx, x, positive, N, out + 3, out + 4);
}

static void memory(void **state)
{
    (void)state;
    double out[6];
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    ok(cx, everything(cx, out));
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    for (long k = 2, calls = h.calls; k <= calls; k++) {
        hooks g = {.fail_at = k};
        if (!(cx = hooked_ctx(&g, 1))) continue;
        assert_int_equal(everything(cx, out), CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(g.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(isotonic), cmocka_unit_test(platt),
                                       cmocka_unit_test(venn_abers), cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
