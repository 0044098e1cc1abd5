/* logistic regression: the objective written anew, its gradient by differences, separable classes. */
#include "test.h"

#include "score/score.h"

enum { N = 700, D = 5, C = 4, SIZE = C * (D + 1) };

static double unit(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (double)(*s >> 11) * 0x1p-53 - 0.5;
}

/* Overlapping classes of unequal size. */
static void make_data(float *x, int32_t *y, uint64_t seed, double apart)
{
    for (int i = 0; i < N; i++) {
        y[i] = (int32_t)(i % 10 < 5 ? 0 : i % 10 < 8 ? 1 : i % 10 < 9 ? 2 : 3);
        for (int j = 0; j < D; j++)
            x[i * D + j] = (float)(unit(&seed) * 4 + (j == y[i] ? apart : 0) - 0.3 * j);
    }
}

static double objective(const float *x, const int32_t *y, const double *w, double l2, bool balanced)
{
    double f = 0, total = 0, count[C] = {0}, share[C];
    for (int i = 0; i < N; i++) count[y[i]]++;
    for (int c = 0; c < C; c++) total += (share[c] = balanced ? N / count[c] : 1) * count[c];
    for (int i = 0; i < N; i++) {
        double z[C], sum = 0;
        for (int c = 0; c < C; c++) {
            z[c] = w[c * (D + 1) + D];
            for (int j = 0; j < D; j++) z[c] += w[c * (D + 1) + j] * x[i * D + j];
        }
        for (int c = 0; c < C; c++) sum += exp(z[c] - z[y[i]]);
        f += share[y[i]] / total * log(sum);
    }
    for (int c = 0; c < C; c++)
        for (int j = 0; j < D; j++) f += l2 / 2 * w[c * (D + 1) + j] * w[c * (D + 1) + j];
    return f;
}

static void optimum(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N];
    make_data(x, y, 1, 1);
    for (int balanced = 0; balanced < 2; balanced++) {
        double w[3][SIZE], l2 = balanced ? 0.02 : 1.0 / N;
        for (int threads = 1; threads <= 2; threads++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, threads);
            cull__logreg_opts o = {.l2 = balanced ? 0.02 : 0, .tol = 1e-7, .balanced = balanced};
            ok(cx, cull__logreg_fit(cx, x, y, N, D, C, &o, w[threads]));
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        assert_memory_equal(w[1], w[2], sizeof w[1]);
        double best = objective(x, y, w[1], l2, balanced), far = 0;
        for (int i = 0; i < SIZE; i++) {
            double was = w[1][i], up, down;
            w[1][i] = was + 1e-4;
            up = objective(x, y, w[1], l2, balanced);
            w[1][i] = was - 1e-4;
            down = objective(x, y, w[1], l2, balanced);
            w[1][i] = was;
            assert_true(fabs(up - down) / 2e-4 < 1e-6);
            assert_true(up > best - 1e-12 && down > best - 1e-12);
            far = fabs(was) > far ? fabs(was) : far;
        }
        assert_true(far > 0.2 && best < log(C) * 0.95);
    }
}

static void separable(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N], label[N];
    static double proba[N * C];
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    double w[SIZE];
    make_data(x, y, 2, 9);
    for (int i = 0; i < N; i++) /* class 3 has its place and no column of its own */
        for (int j = 0; j < D; j++)
            if (y[i] == 3) x[i * D + j] -= 9;
    ok(cx, cull__logreg_fit(cx, x, y, N, D, C, NULL, w));
    ok(cx, cull__logreg_predict(cx, x, N, D, C, w, proba, label));
    assert_memory_equal(label, y, sizeof y);
    for (int i = 0; i < N; i++) {
        double sum = 0, z[C], all = 0;
        for (int c = 0; c < C; c++) {
            sum += proba[i * C + c];
            z[c] = w[c * (D + 1) + D];
            for (int j = 0; j < D; j++) z[c] += w[c * (D + 1) + j] * x[i * D + j];
            all += exp(z[c]);
        }
        assert_true(fabs(sum - 1) < 1e-12);
        for (int c = 0; c < C; c++) assert_true(fabs(proba[i * C + c] - exp(z[c]) / all) < 1e-9);
    }
    /* one class leaves nothing to learn */
    memset(y, 0, sizeof y);
    ok(cx, cull__logreg_fit(cx, x, y, N, D, 1, NULL, w));
    for (int j = 0; j <= D; j++) assert_true(w[j] == 0);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void refusals(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N];
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    double w[SIZE];
    make_data(x, y, 3, 1);
    y[17] = 4;
    refused(cx, cull__logreg_fit(cx, x, y, N, D, C, NULL, w), CULL_EINPUT,
            "label[17] is 4; it must be 0 to 3");
    y[17] = -1;
    refused(cx, cull__logreg_fit(cx, x, y, N, D, C, NULL, w), CULL_EINPUT, "label[17] is -1");
    y[17] = 0;
    refused(cx, cull__logreg_fit(cx, x, y, 0, D, C, NULL, w), CULL_EINPUT, "0 rows in 4 classes");
    x[99] = NAN;
    refused(cx, cull__logreg_fit(cx, x, y, N, D, C, NULL, w), CULL_EINPUT, "not finite");
    x[99] = INFINITY;
    refused(cx, cull__logreg_fit(cx, x, y, N, D, C, NULL, w), CULL_EINPUT, "not finite");
    x[99] = 3e38f; /* large is not infinite */
    ok(cx, cull__logreg_fit(cx, x, y, N, D, C, NULL, w));
    for (int i = 0; i < SIZE; i++) assert_true(isfinite(w[i]));
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void failures(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N], label[N];
    make_data(x, y, 4, 1);
    for (int stop = 0; stop < 2; stop++) {
        bool done = false;
        for (long k = 1; !done; k++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 2);
            double w[SIZE];
            *(stop ? &h.stop_at : &h.fail_at) = k + (stop ? 0 : h.calls);
            long before = h.calls;
            cull_status s = cull__logreg_fit(cx, x, y, N, D, C, NULL, w);
            if (s == CULL_OK) s = cull__logreg_predict(cx, x, N, D, C, w, NULL, label);
            done = stop ? h.ticks < k : h.calls - before < k;
            if (done) ok(cx, s);
            if (s != CULL_OK) assert_int_equal(s, stop ? CULL_ECANCEL : CULL_ENOMEM);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimum),
        cmocka_unit_test(separable),
        cmocka_unit_test(refusals),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
