/* num: transport between pools against other programs' numbers, plain loops and brute force. */
#include "test.h"

#include "num/num.h"

static cull_pool *pool_of(cull_ctx *cx, const void *at, cull_dtype t, int64_t n, int64_t d)
{
    cull_pool *p;
    ok(cx, cull_pool_from(cx, at, t, n, d, &p));
    return p;
}

static float *normals(int64_t n, double mean, uint64_t stream)
{
    float *v = malloc((size_t)n * sizeof *v);
    cull_rng r = cull__rng_seeded(5, stream);
    for (int64_t i = 0; i < n; i++) v[i] = (float)(mean + cull__rng_normal(&r));
    return v;
}

/* POT 0.9.7: ot.sinkhorn(a, b, C, epsilon, method="sinkhorn_log", stopThr=1e-15) in f64, potentials
 * epsilon (log u - log a) and epsilon (log v - log b), shifted to sum b g = 0; and ot.emd2(a, b, C).
 * x[i][t] = sin(1 + 1.7 (6 i + t)), y[i][t] = 0.3 + cos(2 + 0.9 (6 i + t)), rounded to f32;
 * a[i] ~ 1 + i mod 5, b[i] ~ 1 + 3 i mod 4. */
static void another_program(void **state)
{
    (void)state;
    enum { N = 40, M = 25, D = 6 };
    static const struct {
        cull__cost cost;
        double epsilon, value, f0, f7, f39, g3, g24, exact;
    } want[] = {{CULL__SQUARED, 0.5, 5.51231658193, 4.13495128174, 5.86589231364, 6.16127237247,
                 1.02506940578, 0.769668380565, 4.86452300838},
                {CULL__SQUARED, 0.05, 4.97576433701, 3.55137497286, 5.3413293418, 5.61125357862,
                 0.912391968789, 0.687055990542, 4.86452300838},
                {CULL__CHORD, 0.5, 1.3699153309, 1.23430305732, 1.47503694487, 1.47018348982,
                 0.0363571063446, 0.0319126322745, 1.19238009396},
                {CULL__CHORD, 0.05, 1.26501737962, 1.09728233609, 1.34438551926, 1.36408874403,
                 0.0735072225999, 0.0764997756532, 1.19238009396}};
    float x[N * D], y[M * D];
    double a[N], b[M], f[N], g[M];
    for (int i = 0; i < N * D; i++) x[i] = (float)sin(1 + 1.7 * i);
    for (int i = 0; i < M * D; i++) y[i] = (float)(0.3 + cos(2 + 0.9 * i));
    for (int i = 0; i < N; i++) a[i] = 1 + i % 5;
    for (int i = 0; i < M; i++) b[i] = 1 + 3 * i % 4;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *px = pool_of(cx, x, CULL_F32, N, D), *py = pool_of(cx, y, CULL_F32, M, D);
    for (int i = 0; i < 4; i++) {
        cull__sinkhorn_opts o = {.cost = want[i].cost,
                                 .epsilon = want[i].epsilon,
                                 .tolerance = 1e-5,
                                 .iterations = 1000,
                                 .a = a,
                                 .b = b};
        cull__transport t;
        ok(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t));
        assert_true(t.error <= 1e-5 && t.epsilon == want[i].epsilon);
        assert_true(fabs(t.dual - want[i].value) < 2e-6);
        assert_true(t.primal >= t.dual && t.primal - t.dual < 1e-4);
        assert_true(t.dual - t.rounding <= want[i].value);
        assert_true(t.primal + t.rounding >= want[i].value);
        assert_true(fabs(f[0] - want[i].f0) < 1e-4 && fabs(f[7] - want[i].f7) < 1e-4);
        assert_true(fabs(f[39] - want[i].f39) < 1e-4);
        assert_true(fabs(g[3] - want[i].g3) < 1e-4 && fabs(g[24] - want[i].g24) < 1e-4);
        /* exact transport <= entropic <= exact + epsilon KL(any plan | a b), here < 3.3 epsilon */
        assert_true(t.primal + t.rounding >= want[i].exact);
        assert_true(t.dual <= want[i].exact + 3.3 * want[i].epsilon);
    }
    cull_pool_free(px), cull_pool_free(py);
    cull_ctx_free(cx);
}

/* Five points onto five: the least of all 120 assignments, from both sides. */
static void brute_force(void **state)
{
    (void)state;
    enum { K = 5, D = 3 };
    cull_ctx *cx = cull_ctx_new(NULL);
    for (uint64_t trial = 0; trial < 20; trial++) {
        float *x = normals(K * D, 0, 2 * trial), *y = normals(K * D, 0.5, 2 * trial + 1);
        double least = INFINITY, f[K], g[K];
        for (int code = 0; code < 3125; code++) {
            int seen = 0;
            double sum = 0;
            for (int i = 0, c = code; i < K; i++, c /= 5) {
                seen |= 1 << c % 5;
                for (int t = 0; t < D; t++) {
                    double u = (double)x[i * D + t] - (double)y[c % 5 * D + t];
                    sum += u * u / K;
                }
            }
            if (seen == 31 && sum < least) least = sum;
        }
        cull_pool *px = pool_of(cx, x, CULL_F32, K, D), *py = pool_of(cx, y, CULL_F32, K, D);
        cull__sinkhorn_opts o = {.epsilon = 0.01, .tolerance = 1e-3, .iterations = 20000};
        cull__transport t;
        ok(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t));
        assert_true(t.primal + t.rounding >= least);
        assert_true(t.dual - t.rounding <= least + 0.01 * log(K));
        cull_pool_free(px), cull_pool_free(py);
        free(x), free(y);
    }
    cull_ctx_free(cx);
}

/* The promises about (f, g), with costs in f64 from the very numbers of the pools: rows have their
 * mass, columns have it to the error told, the dual is the value it should be. */
static void promises(cull_ctx *cx, const cull_pool *px, const cull_pool *py,
                     const cull__sinkhorn_opts *o, const double *f, const double *g,
                     const cull__transport *t)
{
    int64_t n = cull_pool_n(px), m = cull_pool_n(py), d = cull_pool_d(px);
    float *x = malloc((size_t)(n * d) * 4), *y = malloc((size_t)(m * d) * 4);
    double *mass = calloc((size_t)m, sizeof *mass), off = 0, dual = 0, sum_b = 0, sum_a = 0;
    const float *xr = cull_pool_rows(px, 0, n, x), *yr = cull_pool_rows(py, 0, m, y);
    (void)cx;
    for (int64_t i = 0; i < n; i++) sum_a += o->a ? o->a[i] : 1;
    for (int64_t j = 0; j < m; j++) sum_b += o->b ? o->b[j] : 1;
    for (int64_t i = 0; i < n; i++) {
        double a = (o->a ? o->a[i] : 1) / sum_a, row = 0;
        for (int64_t j = 0; j < m; j++) {
            double b = (o->b ? o->b[j] : 1) / sum_b, xx = 0, yy = 0, xy = 0, c;
            for (int64_t k = 0; k < d; k++) {
                double u = xr[i * d + k], v = yr[j * d + k];
                xx += u * u, yy += v * v, xy += u * v;
            }
            if (o->cost == CULL__CHORD && xx * yy == 0) xx = yy = 1;
            c = o->cost == CULL__CHORD ? sqrt(fmax(0, 2 - 2 * xy / sqrt(xx * yy)))
                                       : xx + yy - 2 * xy;
            double p = a * b * exp((f[i] + g[j] - c) / t->epsilon);
            row += p, mass[j] += p;
        }
        assert_true(isfinite(f[i]));
        assert_true(fabs(row / a - 1) < 2e-3);
        dual += a * f[i];
    }
    double centre = 0, size = 0;
    for (int64_t j = 0; j < m; j++) {
        double b = (o->b ? o->b[j] : 1) / sum_b;
        off += fabs(mass[j] - b), centre += b * g[j], size += b * fabs(g[j]);
    }
    assert_true(fabs(centre) <= 1e-12 * (1 + size));
    assert_true(off <= o->tolerance + 2e-3);
    assert_true(fabs(t->dual - dual) <= 1e-9 * (1 + fabs(dual)));
    assert_true(t->primal >= t->dual);
    free(x), free(y), free(mass);
}

static cull__transport solve(const cull_pool *px, const cull_pool *py, const cull__sinkhorn_opts *o,
                             int threads, uint64_t memory, double *f, double *g)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull__transport t;
    co.threads = threads;
    co.memory = memory;
    cull_ctx *cx = cull_ctx_new(&co);
    ok(cx, cull__sinkhorn(cx, px, py, o, f, g, &t));
    double peak = (double)cull_ctx_peak(cx);
    double said =
        (double)cull__sinkhorn_bytes(cull_pool_n(px), cull_pool_n(py), cull_pool_d(px), threads);
    double block = (threads + 1) * 65536.0;
    /* how many workers hold a strip at one time is the scheduler's choice: with several, a bound only */
    if ((threads == 1 && said > 1.05 * peak + block) || said * 1.05 + block < peak)
        fail_msg("said %.0f bytes, took %.0f", said, peak);
    cull_ctx_free(cx);
    return t;
}

/* Several chunks, strips and tiles with ends that are not whole; every dtype; threads and memory. */
static void shapes(void **state)
{
    (void)state;
    enum { N = 5003, M = 1100, D = 17 };
    cull_ctx *cx = cull_ctx_new(NULL);
    float *x = normals(N * D, 0, 100), *y = normals(M * D, 0.4, 101);
    uint16_t *half = malloc(N * D * 2);
    double *f = malloc(2 * N * sizeof *f), *g = malloc(2 * M * sizeof *g), a[300], b[40];
    for (int k = 0; k < D; k++) x[121 * D + k] = 0; /* its cosine with any other is 0 */
    for (int i = 0; i < N * D; i++) half[i] = cull__f32_to_f16(x[i]);
    for (int i = 0; i < 300; i++) a[i] = 1 + 1e3 * (i % 7 == 0);
    for (int i = 0; i < 40; i++) b[i] = pow(10, -(i % 7));
    cull_pool *px = pool_of(cx, x, CULL_F32, N, D), *py = pool_of(cx, y, CULL_F32, M, D);
    cull_pool *ph = pool_of(cx, half, CULL_F16, N, D);
    for (int chord = 0; chord < 2; chord++) {
        cull__sinkhorn_opts o = {.cost = chord ? CULL__CHORD : CULL__SQUARED,
                                 .epsilon = chord ? 0.05 : 0.1,
                                 .relative = !chord,
                                 .tolerance = 1e-2,
                                 .iterations = 500};
        cull__transport one = solve(px, py, &o, 1, 0, f, g), four, other;
        four = solve(px, py, &o, 4, UINT64_C(64) << 20, f + N, g + M);
        assert_memory_equal(&one, &four, sizeof one);
        assert_memory_equal(f, f + N, N * sizeof *f);
        assert_memory_equal(g, g + M, M * sizeof *g);
        promises(cx, px, py, &o, f, g, &one);
        other = solve(ph, py, &o, 2, 0, f, g);
        promises(cx, ph, py, &o, f, g, &other);
        assert_true(fabs(one.dual - other.dual) < 1e-3 * one.dual);
    }
    cull_pool *pa = pool_of(cx, x, CULL_F32, 300, D), *pb = pool_of(cx, y, CULL_F32, 40, D);
    cull__sinkhorn_opts o = {
        .epsilon = 0.02, .relative = true, .tolerance = 1e-3, .iterations = 3000, .a = a, .b = b};
    cull__transport t = solve(pa, pb, &o, 2, 0, f, g);
    promises(cx, pa, pb, &o, f, g, &t);
    cull_pool_free(pa), cull_pool_free(pb), cull_pool_free(px), cull_pool_free(py);
    cull_pool_free(ph);
    free(x), free(y), free(half), free(f), free(g);
    cull_ctx_free(cx);
}

/* Far clusters, copies, single points, a large common mean: no zero and no NaN may come out. */
static void hard(void **state)
{
    (void)state;
    enum { N = 200, M = 90, D = 4 };
    cull_ctx *cx = cull_ctx_new(NULL);
    double f[N], g[M];
    for (int kind = 0; kind < 5; kind++) {
        float *x = normals(N * D, 0, 200 + (uint64_t)kind), *y = normals(M * D, 0, 300);
        for (int i = 0; i < N * D; i++) {
            if (kind == 0 && i / D % 10 == 0)
                x[i] += 300;         /* a tenth of x, and as much of y, far away */
            if (kind == 1) x[i] = 3; /* one point */
            if (kind == 2) x[i] += 4096;
        }
        for (int i = 0; i < M * D; i++) {
            if (kind == 0 && i / D % 10 == 0) y[i] += 300;
            if (kind == 1) y[i] = 3;
            if (kind == 2) y[i] += 4096;
            if (kind == 3) y[i] = (float)(i % D); /* one point, x is not */
        }
        int64_t n = kind == 4 ? 1 : N;
        cull_pool *px = pool_of(cx, x, CULL_F32, n, D), *py = pool_of(cx, y, CULL_F32, M, D);
        cull__sinkhorn_opts o = {
            .epsilon = 0.05, .relative = kind != 0, .tolerance = 1e-2, .iterations = 5000};
        cull__transport t;
        if (kind == 0) o.epsilon = 50; /* f32 products are good to 0.02 there */
        ok(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t));
        promises(cx, px, py, &o, f, g, &t);
        cull_pool_free(px), cull_pool_free(py);
        free(x), free(y);
    }
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    enum { N = 150, M = 60, D = 4 };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    float *x = normals(N * D, 0, 400), *y = normals(M * D, 1, 401);
    double f[N], g[M], a[N];
    cull__transport t;
    cull_pool *px = pool_of(cx, x, CULL_F32, N, D), *py = pool_of(cx, y, CULL_F32, M, D);
    cull_pool *narrow = pool_of(cx, y, CULL_F32, M, D - 1), *none = pool_of(cx, y, CULL_F32, 0, D);
    cull__sinkhorn_opts o = {
        .epsilon = 0.01, .relative = true, .tolerance = 1e-6, .iterations = 20};
    refused(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t), CULL_EINPUT,
            "after 20 iterations the marginals are wrong by");
    o.iterations = 5000, o.tolerance = 1e-3, o.epsilon = 1e-8;
    refused(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t), CULL_EINPUT, "too small beside costs");
    o.epsilon = 0;
    refused(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t), CULL_EOPTION, "must be above 0");
    o.epsilon = 0.1;
    refused(cx, cull__sinkhorn(cx, px, narrow, &o, f, g, &t), CULL_EINPUT, "rows of 4 numbers");
    refused(cx, cull__sinkhorn(cx, px, none, &o, f, g, &t), CULL_EINPUT, "has no row");
    for (int i = 0; i < N; i++) a[i] = i != 17;
    o.a = a;
    refused(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t), CULL_EINPUT, "a[17] is 0");
    a[17] = INFINITY;
    refused(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t), CULL_EINPUT, "no finite sum");
    o.a = NULL;
    h.ticks = 0, h.stop_at = 3;
    refused(cx, cull__sinkhorn(cx, px, py, &o, f, g, &t), CULL_ECANCEL, "stopped");
    h.stop_at = 0;
    cull_pool_free(px), cull_pool_free(py), cull_pool_free(narrow), cull_pool_free(none);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    for (long at = 1;; at++) { /* the k-th allocation fails */
        hooks bad = {0};
        cx = hooked_ctx(&bad, 1);
        px = pool_of(cx, x, CULL_F32, N, D), py = pool_of(cx, y, CULL_F32, M, D);
        bad.calls = 0, bad.fail_at = at;
        cull_status s = cull__sinkhorn(cx, px, py, &o, f, g, &t);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        cull_pool_free(px), cull_pool_free(py);
        cull_ctx_free(cx);
        assert_int_equal(bad.live, 0);
        if (s == CULL_OK) break;
    }
    free(x), free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(another_program),
                                       cmocka_unit_test(brute_force), cmocka_unit_test(shapes),
                                       cmocka_unit_test(hard), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
