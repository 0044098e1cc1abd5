/* principal components: against Jacobi's rotations on a covariance made in the test. */
#include "test.h"

#include "num/num.h"
#include "repr/repr.h"

enum { N = 5003, D = 9 };

static double unit(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (double)(*s >> 11) * 0x1p-53 - 0.5;
}

/* Rows with a mean of a thousand, unequal variances and correlated columns. */
static float *make_rows(void)
{
    float *x = malloc(sizeof(float) * N * D);
    uint64_t seed = 4;
    for (int i = 0; i < N; i++) {
        double z[D];
        for (int j = 0; j < D; j++) z[j] = unit(&seed) * (j + 1) * (j + 1);
        for (int j = 0; j < D; j++)
            x[i * D + j] =
                (float)(1000 + 37 * j + z[j] + 0.5 * z[(j + 1) % D] - 0.3 * z[(j + 4) % D]);
    }
    return x;
}

/* Eigenvalues w, vectors in columns of v, of a symmetric matrix; not sorted. */
static void jacobi(double *a, double *v, double *w)
{
    for (int i = 0; i < D * D; i++) v[i] = i % (D + 1) == 0;
    for (int sweep = 0; sweep < 50; sweep++)
        for (int p = 0; p < D; p++)
            for (int q = p + 1; q < D; q++) {
                if (a[p * D + q] == 0) continue;
                double th = (a[q * D + q] - a[p * D + p]) / (2 * a[p * D + q]);
                double t = (th >= 0 ? 1 : -1) / (fabs(th) + sqrt(th * th + 1));
                double c = 1 / sqrt(t * t + 1), s = t * c;
                for (int k = 0; k < D; k++) {
                    double e = a[k * D + p], f = a[k * D + q], g = v[k * D + p], h = v[k * D + q];
                    a[k * D + p] = c * e - s * f, a[k * D + q] = s * e + c * f;
                    v[k * D + p] = c * g - s * h, v[k * D + q] = s * g + c * h;
                }
                for (int k = 0; k < D; k++) {
                    double e = a[p * D + k], f = a[q * D + k];
                    a[p * D + k] = c * e - s * f, a[q * D + k] = s * e + c * f;
                }
            }
    for (int i = 0; i < D; i++) w[i] = a[i * D + i];
}

static void reference(void **state)
{
    (void)state;
    float *x = make_rows(), comp[3][D * D], *out = malloc(sizeof(float) * N * 4);
    double mean[3][D], var[3][D], m[D] = {0}, cov[D * D] = {0}, v[D * D], w[D];
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_pool *p;
        ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &p));
        ok(cx, cull__pca(cx, p, D, mean[threads], comp[threads], var[threads]));
        if (threads == 2) ok(cx, cull__project(cx, p, 4, mean[2], comp[2], out));
        cull_pool_free(p);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(mean[1], mean[2], sizeof mean[1]);
    assert_memory_equal(comp[1], comp[2], sizeof comp[1]);
    assert_memory_equal(var[1], var[2], sizeof var[1]);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) m[j] += (double)x[i * D + j] / N;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++)
            for (int k = 0; k < D; k++)
                cov[j * D + k] += (x[i * D + j] - m[j]) * (x[i * D + k] - m[k]) / (N - 1);
    jacobi(cov, v, w);
    for (int c = 0; c < D; c++) {
        assert_true(fabs(mean[1][c] - m[c]) < 1e-9 * m[c]);
        int at = 0;
        for (int k = 1; k < D; k++) /* the k-th largest is the one with k larger */
            if (fabs(w[k] - var[1][c]) < fabs(w[at] - var[1][c])) at = k;
        int larger = 0;
        for (int k = 0; k < D; k++) larger += w[k] > w[at];
        assert_int_equal(larger, c);
        assert_true(fabs(w[at] - var[1][c]) < 1e-9 * w[at]);
        double dot = 0, big = 0;
        for (int j = 0; j < D; j++) {
            dot += v[j * D + at] * comp[1][c * D + j];
            if (fabsf(comp[1][c * D + j]) > fabs(big)) big = comp[1][c * D + j];
        }
        assert_true(fabs(fabs(dot) - 1) < 1e-6);
        assert_true(big > 0);
    }
    for (int i = 0; i < N; i += 7)
        for (int c = 0; c < 4; c++) {
            double want = 0;
            for (int j = 0; j < D; j++) want += (x[i * D + j] - m[j]) * comp[1][c * D + j];
            assert_true(fabs(want - out[i * 4 + c]) < 1e-3);
        }
    free(x);
    free(out);
}

static void edges(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    float x[3] = {1, -2, 5}, comp[9];
    double mean[3], var[3];
    cull_pool *one, *none;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 1, 3, &one));
    ok(cx, cull_pool_from(cx, x, CULL_F32, 0, 3, &none));
    ok(cx, cull__pca(cx, one, 3, mean, comp, var));
    for (int j = 0; j < 3; j++) assert_true(mean[j] == x[j] && var[j] == 0);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            double dot = 0;
            for (int j = 0; j < 3; j++) dot += (double)comp[a * 3 + j] * comp[b * 3 + j];
            assert_true(fabs(dot - (a == b)) < 1e-6);
        }
    refused(cx, cull__pca(cx, one, 4, mean, comp, var), CULL_EOPTION,
            "4 principal components of rows of 3 numbers; there can be 1 to 3");
    refused(cx, cull__pca(cx, one, 0, mean, comp, var), CULL_EOPTION, "0 principal components");
    refused(cx, cull__pca(cx, none, 2, mean, comp, var), CULL_EINPUT, "has no row");
    cull_pool_free(one);
    cull_pool_free(none);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void failures(void **state)
{
    (void)state;
    float *x = make_rows(), comp[D * D], out[500 * D];
    double mean[D], var[D];
    bool done = false;
    for (long k = 1; !done; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 2);
        cull_pool *p;
        ok(cx, cull_pool_from(cx, x, CULL_F32, 500, D, &p));
        h.calls = 0;
        h.fail_at = k;
        cull_status s = cull__pca(cx, p, D, mean, comp, var);
        if (s == CULL_OK) s = cull__project(cx, p, D, mean, comp, out);
        done = h.calls < k;
        if (done) ok(cx, s);
        if (s != CULL_OK) assert_int_equal(s, CULL_ENOMEM);
        cull_pool_free(p);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),
        cmocka_unit_test(edges),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
