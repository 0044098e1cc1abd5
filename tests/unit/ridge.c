/* ridge: against the normal equations solved by elimination, in odd sizes, more columns than rows too. */
#include "test.h"

#include "score/score.h"

/* (X^T X + l2) w = X^T y of centred columns, by Gauss and Jordan; w has d + 1. */
static void naive(const float *x, const double *y, int n, int d, double l2, double *w)
{
    double *a = calloc((size_t)d * (size_t)(d + 1), sizeof *a), *mean = calloc((size_t)d + 1, 8);
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < d; c++) mean[c] += (double)x[i * d + c] / n;
        mean[d] += y[i] / n;
    }
    for (int i = 0; i < n; i++)
        for (int r = 0; r < d; r++)
            for (int c = 0; c <= d; c++)
                a[r * (d + 1) + c] += ((double)x[i * d + r] - mean[r]) *
                                      (c < d ? (double)x[i * d + c] - mean[c] : y[i] - mean[d]);
    for (int r = 0; r < d; r++) a[r * (d + 1) + r] += l2;
    for (int p = 0; p < d; p++)
        for (int r = 0; r < d; r++) {
            double f = r == p ? 0 : a[r * (d + 1) + p] / a[p * (d + 1) + p];
            for (int c = p; r != p && c <= d; c++) a[r * (d + 1) + c] -= f * a[p * (d + 1) + c];
        }
    w[d] = mean[d];
    for (int r = 0; r < d; r++) {
        w[r] = a[r * (d + 1) + d] / a[r * (d + 1) + r];
        w[d] -= w[r] * mean[r];
    }
    free(a), free(mean);
}

static void draw(int n, int d, float *x, double *y)
{
    cull_rng r = cull__rng_seeded(5, (uint64_t)(n * 1000 + d));
    for (int i = 0; i < n; i++) {
        y[i] = 3 + cull__rng_normal(&r);
        for (int c = 0; c < d; c++) {
            x[i * d + c] = (float)cull__rng_normal(&r) + (float)(c % 3);
            y[i] += (double)x[i * d + c] * (c % 4 == 1 ? 2.385 : 0.125);
        }
    }
}

static void weights(void **state)
{
    (void)state;
    static const int size[][2] = {{1, 1}, {2, 1}, {17, 3}, {257, 5}, {700, 31}, {13, 40}};
    for (int k = 0; k < 6; k++)
        for (int threads = 1; threads <= 2; threads++) {
            int n = size[k][0], d = size[k][1];
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, threads);
            float *x = malloc((size_t)(n * d) * sizeof *x);
            double y[700], want[41], got[41];
            draw(n, d, x, y);
            naive(x, y, n, d, 1.5, want);
            ok(cx, cull__ridge_fit(cx, x, y, n, d, 1.5, got));
            /* a residual of 1e-9 of X^T y over eigenvalues of at least 1.5 */
            for (int c = 0; c <= d; c++) assert_true(fabs(got[c] - want[c]) < 1e-5);
            free(x);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
}

static void same_bits_and_no_memory(void **state)
{
    (void)state;
    enum { N = 1033, D = 7 };
    static float x[N * D];
    static double y[N];
    double one[D + 1], got[D + 1];
    draw(N, D, x, y);
    cull_ctx_opts o = CULL_CTX_OPTS;
    for (o.threads = 1; o.threads <= 4; o.threads *= 2) {
        cull_ctx *cx = cull_ctx_new(&o);
        ok(cx, cull__ridge_fit(cx, x, y, N, D, 1, o.threads == 1 ? one : got));
        assert_true(o.threads == 1 || !memcmp(one, got, sizeof one));
        cull_ctx_free(cx);
    }
    for (long at = 1;; at++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.calls = 0, h.fail_at = at;
        cull_status s = cull__ridge_fit(cx, x, y, N, D, 1, got);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) break;
    }
}

/* Nothing to learn from: y is the same everywhere. */
static void constant(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const float x[] = {1, 2, 3, 4};
    const double y[] = {2.385, 2.385};
    double w[3];
    ok(cx, cull__ridge_fit(cx, x, y, 2, 2, 1, w));
    assert_true(w[0] == 0 && w[1] == 0 && w[2] == 2.385);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights),
                                       cmocka_unit_test(same_bits_and_no_memory),
                                       cmocka_unit_test(constant)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
