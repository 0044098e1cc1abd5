/* whitening: the covariance of what comes out, against sums made in the test. */
#include "test.h"

#include "num/num.h"
#include "repr/repr.h"

enum { N = 1501, M = 77, D = 23 };

static float *rows(int n, uint64_t stream)
{
    float *x = malloc(sizeof(float) * (size_t)n * D);
    cull_rng r = cull__rng_seeded(9, stream);
    for (int i = 0; i < n; i++) {
        double z[D];
        for (int j = 0; j < D; j++) z[j] = cull__rng_normal(&r) * (1 + 3 * j);
        for (int j = 0; j < D; j++)
            x[i * D + j] =
                (float)(500 - 21 * j + z[j] + 0.3 * z[(j + 1) % D] - 0.2 * z[(j + 5) % D]);
    }
    return x;
}

/* Largest entry of (covariance of all rows) - I, and of the mean. */
static double off(const float *a, const float *b, int columns)
{
    double mean[D] = {0}, worst = 0;
    for (int i = 0; i < N + M; i++)
        for (int j = 0; j < D; j++)
            mean[j] += (double)(i < N ? a[i * D + j] : b[(i - N) * D + j]) / (N + M);
    for (int j = 0; j < columns; j++) {
        worst = fmax(worst, fabs(mean[j]));
        for (int k = 0; k <= j; k++) {
            double c = 0;
            for (int i = 0; i < N + M; i++) {
                const float *x = i < N ? a + i * D : b + (i - N) * D;
                c += ((double)x[j] - mean[j]) * ((double)x[k] - mean[k]) / (N + M);
            }
            worst = fmax(worst, fabs(c - (j == k)));
        }
    }
    return worst;
}

static void covariance(void **state)
{
    (void)state;
    float *x = rows(N, 1), *y = rows(M, 2), *wx[2], *wy = malloc(sizeof(float) * M * D);
    double mean[D], l[2][D * D];
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1 + 2 * t);
        cull_pool *p[2];
        wx[t] = malloc(sizeof(float) * N * D);
        ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &p[0]));
        ok(cx, cull_pool_from(cx, y, CULL_F32, M, D, &p[1]));
        ok(cx, cull__whitening(cx, (const cull_pool *const *)p, 2, 1e-5, mean, l[t]));
        ok(cx, cull__whiten(cx, p[0], mean, l[t], wx[t]));
        ok(cx, cull__whiten(cx, p[1], mean, l[t], wy));
        cull_pool_free(p[0]), cull_pool_free(p[1]);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(l[0], l[1], sizeof l[0]);
    assert_memory_equal(wx[0], wx[1], sizeof(float) * N * D);
    assert_true(off(wx[0], wy, D) < 1e-4);
    assert_true(off(x, y, D) > 1);
    free(x), free(y), free(wx[0]), free(wx[1]), free(wy);
}

/* A column that is another's copy: the ridge stands in, and where it is lost that is said. */
static void singular(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    float *x = rows(N, 3), *y = rows(M, 4), *wx = malloc(sizeof(float) * N * D);
    float *wy = malloc(sizeof(float) * M * D);
    double mean[D], l[D * D];
    cull_pool *p[2];
    for (int i = 0; i < N; i++) x[i * D + D - 1] = x[i * D];
    for (int i = 0; i < M; i++) y[i * D + D - 1] = y[i * D];
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &p[0]));
    ok(cx, cull_pool_from(cx, y, CULL_F32, M, D, &p[1]));
    ok(cx, cull__whitening(cx, (const cull_pool *const *)p, 2, 1e-5, mean, l));
    ok(cx, cull__whiten(cx, p[0], mean, l, wx));
    ok(cx, cull__whiten(cx, p[1], mean, l, wy));
    assert_true(off(wx, wy, D - 1) < 1e-4);
    for (int i = 0; i < N; i++) assert_true(fabsf(wx[i * D + D - 1]) < 0.1f);
    for (int i = 0; i < N * D; i++) x[i] *= 1e6f;
    for (int i = 0; i < M * D; i++) y[i] *= 1e6f;
    for (int i = 0; i < N; i++) x[i * D + D - 1] = x[i * D];
    refused(cx, cull__whitening(cx, (const cull_pool *const *)p, 2, 1e-12, mean, l), CULL_EINPUT,
            "column 22 of the embeddings depends on those before it");
    cull_pool_free(p[0]), cull_pool_free(p[1]);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    free(x), free(y), free(wx), free(wy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(covariance), cmocka_unit_test(singular)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
