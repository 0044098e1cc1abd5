/* got-d: its scores against finite differences, of exact transport by another program and of entropic
 * transport by plain loops; the paper's picture of two sources. */
#include "test.h"

#include "base/base.h"
#include "cull/data.h"

enum { N = 31, M = 20, D = 4 }; /* without a common divisor exact potentials are unique */

static cull_pick pick(cull_ctx *cx, const cull_data_problem *p, const char *epsilon,
                      const char *away)
{
    const cull_method *m = cull_method_find("got-d", NULL);
    cull_opts *o;
    cull_pick k;
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_opts_set(cx, o, "epsilon", epsilon));
    ok(cx, cull_opts_set(cx, o, "tolerance", "1e-4"));
    ok(cx, cull_opts_set(cx, o, "iterations", "100000"));
    ok(cx, cull_opts_set(cx, o, "away", away));
    ok(cx, cull_data_pick(cx, m, o, p, &k));
    cull_opts_free(o);
    return k;
}

typedef struct {
    float x[N * D], y[M * D];
    cull_pool *pool, *target;
    cull_data_problem p;
} problem;

static void make(cull_ctx *cx, problem *b)
{
    for (int i = 0; i < N * D; i++) b->x[i] = (float)sin(1 + 1.7 * i);
    for (int i = 0; i < M * D; i++) b->y[i] = (float)(0.3 + cos(2 + 0.9 * i));
    ok(cx, cull_pool_from(cx, b->x, CULL_F32, N, D, &b->pool));
    ok(cx, cull_pool_from(cx, b->y, CULL_F32, M, D, &b->target));
    b->p = (cull_data_problem){.n = N, .pool = b->pool, .target = b->target, .budget = N};
}

static void drop(problem *b)
{
    cull_pool_free(b->pool);
    cull_pool_free(b->target);
}

/* POT 0.9.7: (ot.emd2 with the mass of example j up by 1e-4 and all others down alike, less the same
 * downwards) / 2e-4, on make()'s numbers. */
static void exact_transport(void **state)
{
    (void)state;
    static const double want[N] = {
        -0.728878, 0.167046,  0.917832,  0.561501,  0.053134,  -0.425061, -0.487979, 0.325218,
        0.491343,  0.511167,  -0.433188, -0.868564, -0.835572, 0.071776,  0.787143,  0.611991,
        0.207598,  -0.415482, -0.543099, 0.144781,  0.466418,  0.680282,  -0.321020, -0.765932,
        -0.913613, -0.007003, 0.663674,  0.670564,  0.382619,  -0.386840, -0.581856};
    cull_ctx *cx = cull_ctx_new(NULL);
    problem b;
    make(cx, &b);
    cull_pick k = pick(cx, &b.p, "0.001", "false");
    double worst = 0;
    for (int64_t i = 0; i < N; i++) worst = fmax(worst, fabs(k.score[i] + want[k.idx[i]]));
    assert_int_equal(k.n, N);
    assert_true(worst < 0.01 * (0.917832 + 0.913613)); /* 1 % of their range */
    cull_pick away = pick(cx, &b.p, "0.001", "true");
    for (int64_t i = 0; i < N; i++) {
        assert_int_equal(away.idx[i], k.idx[N - 1 - i]);
        assert_true(away.score[i] == -k.score[N - 1 - i]);
        if (i > 0) assert_true(k.score[i] <= k.score[i - 1]);
    }
    cull_pick_free(&k), cull_pick_free(&away);
    drop(&b);
    cull_ctx_free(cx);
}

/* min <C, P> + eps KL(P | a b) by 3000 plain iterations in f64. */
static double entropic(double c[N][M], const double *a, double eps)
{
    double f[N] = {0}, g[M] = {0}, value = 0;
    for (int it = 0; it < 3000; it++) {
        for (int i = 0; i < N; i++) {
            double s = 0;
            for (int j = 0; j < M; j++) s += exp((g[j] - c[i][j]) / eps) / M;
            f[i] = -eps * log(s);
        }
        for (int j = 0; j < M; j++) {
            double s = 0;
            for (int i = 0; i < N; i++) s += a[i] * exp((f[i] - c[i][j]) / eps);
            g[j] = -eps * log(s);
        }
    }
    for (int i = 0; i < N; i++) value += a[i] * f[i];
    for (int j = 0; j < M; j++) value += g[j] / M;
    return value;
}

static void entropic_transport(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    problem b;
    double c[N][M], mean = 0;
    make(cx, &b);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < M; j++) {
            c[i][j] = 0;
            for (int t = 0; t < D; t++) {
                double u = (double)b.x[i * D + t] - (double)b.y[j * D + t];
                c[i][j] += u * u;
            }
            mean += c[i][j] / (N * M);
        }
    cull_pick k = pick(cx, &b.p, "0.1", "false");
    for (int64_t at = 0; at < N; at += 3) {
        double value[2], h = 1e-5;
        for (int up = 0; up < 2; up++) {
            double a[N], to = up ? h : -h;
            for (int i = 0; i < N; i++) a[i] = 1.0 / N + (i == k.idx[at] ? to : -to / (N - 1));
            value[up] = entropic(c, a, 0.1 * mean);
        }
        assert_true(fabs((value[1] - value[0]) / (2 * h) + k.score[at]) < 1e-3);
    }
    cull_pick_free(&k);
    drop(&b);
    cull_ctx_free(cx);
}

/* A pool with far more of one source than of another, a target half of each: what the pool has too
 * little of is kept, though the other source has as many near neighbours of the target. */
static void two_sources(void **state)
{
    (void)state;
    enum { POOL = 400, RARE = 20, WANT = 40 };
    cull_ctx *cx = cull_ctx_new(NULL);
    float x[POOL], y[WANT];
    cull_rng r = cull__rng_seeded(3, 3);
    for (int i = 0; i < POOL; i++)
        x[i] = (float)((i % (POOL / RARE) == 0 ? 4 : -4) + cull__rng_normal(&r));
    for (int i = 0; i < WANT; i++) y[i] = (float)((i % 2 ? 4 : -4) + cull__rng_normal(&r));
    cull_data_problem p = {.n = POOL, .budget = RARE};
    cull_pool *pool, *target;
    ok(cx, cull_pool_from(cx, x, CULL_F32, POOL, 1, &pool));
    ok(cx, cull_pool_from(cx, y, CULL_F32, WANT, 1, &target));
    p.pool = pool, p.target = target;
    cull_pick k = pick(cx, &p, "0.1", "false"), away = pick(cx, &p, "0.1", "true");
    for (int i = 0; i < RARE; i++) {
        assert_int_equal(k.idx[i] % (POOL / RARE), 0);
        assert_int_not_equal(away.idx[i] % (POOL / RARE), 0);
    }
    cull_pick_free(&k), cull_pick_free(&away);
    cull_pool_free(pool), cull_pool_free(target);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact_transport),
                                       cmocka_unit_test(entropic_transport),
                                       cmocka_unit_test(two_sources)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
