/* judge: what can be said without fitting (one label, chance, the scale), and which penalty is chosen. */
#include "test.h"

#include "score/score.h"

enum { N = 1500, D = 6, WIDE = 150, C = 3 };

/* Three classes around corners that lie `apart`; class c has every third row. */
static void blobs(float *x, int32_t *y, int64_t n, int64_t d, double apart, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 1);
    for (int64_t i = 0; i < n; i++) {
        y[i] = (int32_t)(i % C);
        for (int64_t k = 0; k < d; k++)
            x[i * d + k] = (float)(3 + cull__rng_normal(&r) + (k % C == y[i] ? apart : 0));
    }
}

static cull_pool *pool_of(cull_ctx *cx, const float *x, int64_t n, int64_t d)
{
    cull_pool *p;
    ok(cx, cull_pool_from(cx, x, CULL_F32, n, d, &p));
    return p;
}

/* A judge of rows 0 .. n-1 of x, which has `tests` more rows behind them. */
typedef struct {
    cull__judge of;
    cull_pool *pool;
    double mean[WIDE];
    int64_t row[N], test[N];
} bench;

static void open_bench(cull_ctx *cx, bench *b, const float *x, const int32_t *y, int64_t n,
                       int64_t tests, int64_t d)
{
    b->pool = pool_of(cx, x, n + tests, d);
    b->of = (cull__judge){b->pool, y, C, b->pool, y, b->test, tests, b->mean, 0, NAN, 1};
    for (int64_t i = 0; i < n; i++) b->row[i] = i;
    for (int64_t i = 0; i < tests; i++) b->test[i] = n + i;
    ok(cx, cull__judge_scale(cx, b->pool, b->mean, &b->of.scale));
}

static void scale(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N];
    double mean[D], scale_, want[D] = {0}, square = 0;
    cull_ctx *cx = cull_ctx_new(NULL);
    blobs(x, y, N, D, 2, 5);
    cull_pool *p = pool_of(cx, x, N, D);
    ok(cx, cull__judge_scale(cx, p, mean, &scale_));
    for (int i = 0; i < N * D; i++) want[i % D] += x[i] / (double)N;
    for (int i = 0; i < N * D; i++) square += (x[i] - want[i % D]) * (x[i] - want[i % D]) / N;
    for (int k = 0; k < D; k++) assert_true(fabs(mean[k] - want[k]) < 1e-9);
    assert_true(fabs(scale_ * scale_ * square - 1) < 1e-9);
    x[7 * D + 2] = NAN;
    refused(cx, cull__judge_scale(cx, p, mean, &scale_), CULL_EINPUT, "[7, 2] is nan");
    cull_pool_free(p);
    for (int i = 0; i < N * D; i++) x[i] = 4;
    p = pool_of(cx, x, N, D);
    ok(cx, cull__judge_scale(cx, p, mean, &scale_));
    assert_true(mean[1] == 4 && scale_ == 1);
    cull_pool_free(p);
    cull_ctx_free(cx);
}

static void known_answers(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N];
    static bench b;
    int64_t row[N], n = 0;
    cull__judged v;
    cull_ctx *cx = cull_ctx_new(NULL);
    blobs(x, y, N, D, 12, 2);
    open_bench(cx, &b, x, y, 60, 1001, D);
    ok(cx, cull__judge_rows(cx, &b.of, b.row, 60, &v));
    assert_true(v.accuracy == 1 && v.balanced == 1 && !isnan(v.l2));
    /* rows 60 .. 1060: 334, 334 and 333 of the labels 0, 1 and 2 */
    for (int i = 0; i < 60; i++)
        if (y[i] == 2) row[n++] = i;
    ok(cx, cull__judge_rows(cx, &b.of, row, n, &v));
    assert_true(v.accuracy == 333.0 / 1001 && fabs(v.balanced - 1.0 / 3) < 1e-12);
    assert_true(isnan(v.l2)); /* there was nothing to fit */
    ok(cx, cull__judge_rows(cx, &b.of, row, 1, &v));
    assert_true(v.accuracy == 333.0 / 1001);
    for (int i = n = 0; i < 60; i++)
        if (y[i] != 1) row[n++] = i;
    ok(cx, cull__judge_rows(cx, &b.of, row, n, &v)); /* label 1 is never answered */
    assert_true(v.accuracy == 667.0 / 1001 && fabs(v.balanced - 2.0 / 3) < 1e-12);
    ok(cx, cull__judge_rows(cx, &b.of, row, 2, &v)); /* a row of each of two labels */
    assert_true(v.accuracy == 667.0 / 1001);
    b.of.tests = 2; /* rows 60 and 61: labels that are not among the tests count for nothing */
    ok(cx, cull__judge_rows(cx, &b.of, row, n, &v));
    assert_true(v.accuracy == 0.5 && v.balanced == 0.5);
    cull_pool_free(b.pool);
    cull_ctx_free(cx);
}

/* Labels dealt out anew tell nothing: a third of the answers is right. */
static void chance(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N];
    static bench b;
    cull__judged v;
    cull_rng r = cull__rng_seeded(8, 1);
    cull_ctx *cx = cull_ctx_new(NULL);
    blobs(x, y, N, D, 12, 3);
    for (int i = N - 1; i > 0; i--) {
        int at = (int)cull__rng_below(&r, i + 1);
        int32_t was = y[i];
        y[i] = y[at], y[at] = was;
    }
    open_bench(cx, &b, x, y, 500, 1000, D);
    ok(cx, cull__judge_rows(cx, &b.of, b.row, 500, &v));
    assert_true(fabs(v.accuracy - 1.0 / 3) < 4 * sqrt(2.0 / 9 / 1000));
    cull_pool_free(b.pool);
    cull_ctx_free(cx);
}

/* The accuracy of a fixed penalty. */
static double with(cull_ctx *cx, bench *b, int64_t n, double l2)
{
    cull__judged v;
    b->of.l2 = l2;
    ok(cx, cull__judge_rows(cx, &b->of, b->row, n, &v));
    assert_true(v.l2 == l2);
    return v.accuracy;
}

/* Few rows of many numbers that each tell a little want a large penalty; three numbers of small variance
 * that tell all want a small one. The choice sees none of the tests. */
static void penalty(void **state)
{
    (void)state;
    static float x[N * WIDE];
    static int32_t y[N];
    static bench b;
    cull__judged v;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int small = 0; small < 2; small++) {
        blobs(x, y, N, WIDE, small ? 0 : 0.25, 4);
        for (int i = 0; small && i < N * C; i++)
            x[i / C * WIDE + i % C] = y[i / C] == i % C ? 0.8f : 0;
        open_bench(cx, &b, x, y, 300, 1000, WIDE);
        ok(cx, cull__judge_rows(cx, &b.of, b.row, 300, &v));
        double large_ = with(cx, &b, 300, 10), little = with(cx, &b, 300, 0.01);
        assert_true(small ? v.l2 == 0.01 : v.l2 == 10);
        assert_true(small ? little > large_ + 0.05 : large_ > little + 0.05);
        assert_true(v.accuracy == (small ? little : large_));
        cull_pool_free(b.pool);
    }
    cull_ctx_free(cx);
}

/* 1 thread = 2 threads, and no memory is lost when some is refused. */
static void bits(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N];
    static bench b;
    cull__judged v[3];
    blobs(x, y, N, D, 1, 6);
    for (int threads = 1; threads <= 2; threads++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = threads;
        cull_ctx *cx = cull_ctx_new(&o);
        open_bench(cx, &b, x, y, 1300, 200, D);
        ok(cx, cull__judge_rows(cx, &b.of, b.row, 1300, &v[threads]));
        cull_pool_free(b.pool);
        cull_ctx_free(cx);
    }
    assert_memory_equal(&v[1], &v[2], sizeof v[1]);
    bool done = false;
    for (long at = 2; !done; at++) {
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_pool *p = NULL;
        cull_status s = cull_pool_from(cx, x, CULL_F32, N, D, &p);
        b.of.pool = b.of.test = p;
        if (s == CULL_OK) s = cull__judge_scale(cx, p, b.mean, &b.of.scale);
        if (s == CULL_OK) s = cull__judge_rows(cx, &b.of, b.row, 1300, v);
        done = h.calls < at;
        if (s != CULL_OK && (done || s != CULL_ENOMEM)) fail_msg("%ld: %s", at, cull_error(cx));
        cull_pool_free(p);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(&v[0], &v[1], sizeof v[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scale), cmocka_unit_test(known_answers),
                                       cmocka_unit_test(chance), cmocka_unit_test(penalty),
                                       cmocka_unit_test(bits)};
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
