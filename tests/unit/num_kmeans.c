/* num: k-means against a plain Lloyd in f64; ties, empty clusters, offsets, bad luck. */
#include "test.h"

#include "num/num.h"

typedef struct {
    int64_t n, d, k;
    float *x, *c;
    int32_t *assign;
    int64_t *count;
    double obj;
} fit;

static fit make(int64_t n, int64_t d, int64_t k)
{
    fit f = {n,
             d,
             k,
             calloc((size_t)(n * d), 4),
             calloc((size_t)(k * d), 4),
             calloc((size_t)n, 4),
             calloc((size_t)k, 8),
             -1};
    return f;
}

static void drop(fit *f) { free(f->x), free(f->c), free(f->assign), free(f->count); }

/* Rows about `centres` points, plus an offset common to all. */
static void blobs(fit *f, int64_t centres, double spread, double offset, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 3);
    double *c = malloc((size_t)(centres * f->d) * 8);
    for (int64_t i = 0; i < centres * f->d; i++) c[i] = spread * cull__rng_normal(&r) + offset;
    for (int64_t i = 0; i < f->n; i++) {
        const double *at = c + cull__rng_below(&r, centres) * f->d;
        for (int64_t t = 0; t < f->d; t++)
            f->x[i * f->d + t] = (float)(at[t] + cull__rng_normal(&r));
    }
    free(c);
}

static void run(fit *f, const cull__kmeans_opts *o, int threads, const char *isa, bool *here)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_pool *p;
    co.threads = threads;
    co.isa = isa;
    cull_ctx *cx = cull_ctx_new(&co);
    if (here) *here = cx != NULL;
    if (!cx) return;
    ok(cx, cull_pool_from(cx, f->x, CULL_F32, f->n, f->d, &p));
    ok(cx, cull__kmeans(cx, p, o, f->c, f->assign, f->count, &f->obj));
    cull_pool_free(p);
    cull_ctx_free(cx);
}

static double distance(const float *x, const double *c, int64_t d)
{
    double s = 0;
    for (int64_t t = 0; t < d; t++) s += ((double)x[t] - c[t]) * ((double)x[t] - c[t]);
    return s;
}

/* An empty cluster takes the farthest row of a cluster that has others. */
static void refill(const fit *f, const double *c, double *sum, int64_t *count, int32_t *assign)
{
    for (int64_t j = 0; j < f->k; j++) {
        double top = 0;
        int64_t row = -1;
        if (count[j]) continue;
        for (int64_t i = 0; i < f->n; i++) {
            double v = distance(f->x + i * f->d, c + assign[i] * f->d, f->d);
            /* a row that was moved is alone in its cluster */
            if (v > top && count[assign[i]] > 1) top = v, row = i;
        }
        if (row < 0) return;
        for (int64_t t = 0; t < f->d; t++) {
            sum[assign[row] * f->d + t] -= (double)f->x[row * f->d + t];
            sum[j * f->d + t] = (double)f->x[row * f->d + t];
        }
        count[assign[row]]--;
        count[j] = 1;
        assign[row] = (int32_t)j;
    }
}

/* Plain Lloyd from `start`; centroids rounded to f32 after each step, as the library keeps them. */
static double naive(const fit *f, const float *start, int64_t iterations, double *c,
                    int32_t *assign)
{
    double *sum = malloc((size_t)(f->k * f->d) * 8), obj = 0;
    int64_t *count = malloc((size_t)f->k * 8);
    for (int64_t i = 0; i < f->k * f->d; i++) c[i] = (double)start[i];
    for (int64_t it = 0; it <= iterations; it++) {
        memset(sum, 0, (size_t)(f->k * f->d) * 8);
        memset(count, 0, (size_t)f->k * 8);
        obj = 0;
        for (int64_t i = 0; i < f->n; i++) {
            double best = INFINITY;
            for (int64_t j = 0; j < f->k; j++) {
                double v = distance(f->x + i * f->d, c + j * f->d, f->d);
                if (v < best) best = v, assign[i] = (int32_t)j;
            }
            obj += best;
            count[assign[i]]++;
            for (int64_t t = 0; t < f->d; t++)
                sum[assign[i] * f->d + t] += (double)f->x[i * f->d + t];
        }
        if (it == iterations) break;
        refill(f, c, sum, count, assign);
        for (int64_t j = 0; j < f->k; j++)
            for (int64_t t = 0; t < f->d && count[j]; t++)
                c[j * f->d + t] = (double)(float)(sum[j * f->d + t] / (double)count[j]);
    }
    free(sum), free(count);
    return obj;
}

static void agrees(int64_t n, int64_t d, int64_t k, double spread, double offset, uint64_t seed)
{
    static const char *const isas[] = ISA_NAMES;
    fit f = make(n, d, k), g = make(n, d, k);
    blobs(&f, k, spread, offset, seed);
    memcpy(g.x, f.x, (size_t)(n * d) * 4);
    cull__kmeans_opts o = {.k = k, .iterations = 12, .start = f.x};
    run(&f, &o, 1, NULL, NULL);
    double *c = malloc((size_t)(k * d) * 8);
    int32_t *assign = malloc((size_t)n * 4);
    double obj = naive(&f, f.x, 12, c, assign);
    assert_memory_equal(f.assign, assign, (size_t)n * 4);
    for (int64_t i = 0; i < k * d; i++)
        assert_true(fabs(f.c[i] - c[i]) <= 1.2e-7 * fabs(c[i]) + 1e-12);
    assert_true(fabs(f.obj - obj) <= 1e-6 * obj);
    int64_t *count = calloc((size_t)k, 8);
    for (int64_t i = 0; i < n; i++) count[f.assign[i]]++;
    assert_memory_equal(count, f.count, (size_t)k * 8);
    for (int run_i = 0; run_i < 5; run_i++) { /* threads, instruction sets */
        bool here;
        run(&g, &o, run_i < 2 ? 2 * run_i + 2 : 2, run_i < 2 ? NULL : isas[run_i - 2], &here);
        if (!here) continue;
        assert_memory_equal(f.c, g.c, (size_t)(k * d) * 4);
        assert_memory_equal(f.assign, g.assign, (size_t)n * 4);
        assert_memory_equal(f.count, g.count, (size_t)k * 8);
        assert_memory_equal(&f.obj, &g.obj, 8);
    }
    free(c), free(assign), free(count);
    drop(&f), drop(&g);
}

static void lloyd(void **state)
{
    (void)state;
    agrees(500, 8, 6, 2, 0, 1);
    agrees(500, 8, 25, 2, 0, 2);
    agrees(3000, 33, 40, 2, 0, 3);
    agrees(2500, 20, 17, 2, 0, 4);
    agrees(700, 3, 1, 2, 0, 5);
    agrees(2000, 12, 20, 2, 300, 6); /* far from the origin: near-ties of the product everywhere */
    agrees(1500, 1, 3, 2, 0, 7);
    agrees(5000, 48, 40, 2, 0,
           8); /* large enough for products in bf16, with whole blocks and short ones */
    agrees(4000, 41, 32, 0.1, 300, 9);
}

static double best_of_five(const fit *f)
{
    double *c = malloc((size_t)(f->k * f->d) * 8), best = INFINITY;
    float *start = malloc((size_t)(f->k * f->d) * 4);
    double *d2 = malloc((size_t)f->n * 8);
    int32_t *assign = malloc((size_t)f->n * 4);
    cull_rng r = cull__rng_seeded(11, 4);
    for (int run_i = 0; run_i < 5; run_i++) {
        for (int64_t j = 0; j < f->k; j++) {
            double all = 0;
            int64_t at = 0;
            for (int64_t i = 0; i < f->n; i++) {
                d2[i] = j ? INFINITY : 1;
                for (int64_t e = 0; e < j; e++) {
                    double s = 0;
                    for (int64_t t = 0; t < f->d; t++)
                        s += pow((double)f->x[i * f->d + t] - (double)start[e * f->d + t], 2);
                    if (s < d2[i]) d2[i] = s;
                }
                all += d2[i];
            }
            for (double u = cull__rng_unit(&r) * all; at < f->n - 1 && (u -= d2[at]) > 0;) at++;
            memcpy(start + j * f->d, f->x + at * f->d, (size_t)f->d * 4);
        }
        double v = naive(f, start, 60, c, assign);
        if (v < best) best = v;
    }
    free(c), free(start), free(d2), free(assign);
    return best;
}

static void seeding(void **state)
{
    (void)state;
    fit f = make(900, 6, 9);
    blobs(&f, 9, 6, 0, 31);
    cull__kmeans_opts o = {.k = 9, .iterations = 60, .restarts = 5};
    run(&f, &o, 2, NULL, NULL);
    double want = best_of_five(&f);
    assert_true(f.obj <= 1.01 * want);
    fit g = make(900, 6, 9);
    memcpy(g.x, f.x, (size_t)(f.n * f.d) * 4);
    run(&g, &o, 1, NULL, NULL);
    assert_memory_equal(f.c, g.c, (size_t)(f.k * f.d) * 4);
    assert_memory_equal(f.assign, g.assign, (size_t)f.n * 4);
    assert_memory_equal(&f.obj, &g.obj, 8);
    /* what is handed back belongs together, whichever restart won */
    double obj = 0, *c = malloc((size_t)(f.k * f.d) * 8);
    for (int64_t i = 0; i < f.k * f.d; i++) c[i] = (double)f.c[i];
    for (int64_t i = 0; i < f.n; i++) obj += distance(f.x + i * f.d, c + f.assign[i] * f.d, f.d);
    assert_true(fabs(obj - f.obj) <= 1e-9 * obj);
    /* an early stop costs at most what it was told to */
    o.tol = 1e-3;
    run(&g, &o, 1, NULL, NULL);
    assert_true(g.obj >= f.obj * (1 - 1e-9) && g.obj <= 1.05 * f.obj);
    free(c);
    drop(&f), drop(&g);
    fit big = make(9000, 5, 30); /* larger than the sample */
    blobs(&big, 30, 8, 0, 32);
    o = (cull__kmeans_opts){.k = 30, .iterations = 30, .restarts = 3};
    run(&big, &o, 2, NULL, NULL);
    assert_true(big.obj < 9000 * 5 * 2.5); /* 1 per number if every centre were found */
    drop(&big);
}

static void empties(void **state)
{
    (void)state;
    fit f = make(1400, 4, 8), g = make(1400, 4, 8);
    blobs(&f, 8, 5, 0, 41);
    float start[32] = {0}; /* all at one point: ties give everything to the first */
    for (int i = 0; i < 32; i++) start[i] = 1e4f + (float)(i % 4);
    memcpy(g.x, f.x, (size_t)(f.n * f.d) * 4);
    cull__kmeans_opts o = {.k = 8, .iterations = 40, .start = start};
    run(&f, &o, 1, NULL, NULL);
    run(&g, &o, 2, NULL, NULL);
    assert_memory_equal(f.c, g.c, sizeof start);
    assert_memory_equal(f.assign, g.assign, (size_t)f.n * 4);
    for (int64_t i = 0; i < f.k; i++) assert_true(f.count[i] > 0);
    drop(&g);
    g = make(1400, 4, 8); /* three distinct rows only */
    for (int64_t i = 0; i < g.n; i++)
        for (int64_t t = 0; t < g.d; t++) g.x[i * g.d + t] = f.x[i % 3 * g.d + t];
    o.start = NULL;
    o.restarts = 2;
    run(&g, &o, 2, NULL, NULL);
    int64_t filled = 0, all = 0;
    for (int64_t i = 0; i < g.k; i++) filled += g.count[i] > 0, all += g.count[i];
    assert_true(filled == 3 && all == g.n && g.obj <= 1e-9);
    drop(&f), drop(&g);
    f = make(40, 3, 40); /* as many clusters as rows */
    blobs(&f, 40, 5, 0, 42);
    o = (cull__kmeans_opts){.k = 40, .iterations = 5};
    run(&f, &o, 2, NULL, NULL);
    assert_true(f.obj == 0);
    drop(&f);
    f = make(600, 6, 5); /* values that f32 products cannot hold, and zeros */
    blobs(&f, 5, 5, 0, 43);
    for (int64_t i = 0; i < f.n; i++)
        for (int64_t t = 0; t < f.d; t++)
            f.x[i * f.d + t] *= i % 4 == 0 ? 1e22f : i % 4 == 1 ? 0 : 1;
    o = (cull__kmeans_opts){.k = 5, .iterations = 10, .restarts = 2};
    run(&f, &o, 2, NULL, NULL);
    assert_true(isfinite(f.obj));
    for (int64_t i = 0; i < f.n; i++) assert_in_range(f.assign[i], 0, 4);
    drop(&f);
}

static void spherical(void **state)
{
    (void)state;
    fit f = make(1500, 10, 6), g = make(1500, 10, 6);
    blobs(&f, 6, 3, 0, 51);
    cull_rng r = cull__rng_seeded(1, 1);
    for (int64_t i = 0; i < f.n; i++) { /* lengths do not matter */
        float by = (float)exp(2 * cull__rng_normal(&r));
        for (int64_t t = 0; t < f.d; t++) g.x[i * f.d + t] = f.x[i * f.d + t] * by;
    }
    cull__kmeans_opts o = {.k = 6, .iterations = 30, .restarts = 4, .spherical = true};
    run(&f, &o, 2, NULL, NULL);
    run(&g, &o, 1, NULL, NULL);
    assert_true(fabs(f.obj - g.obj) <= 1e-5 * f.obj);
    double obj = 0;
    for (int64_t j = 0; j < f.k; j++) {
        double s = 0;
        for (int64_t t = 0; t < f.d; t++) s += (double)f.c[j * f.d + t] * f.c[j * f.d + t];
        assert_true(fabs(s - 1) < 1e-6);
    }
    for (int64_t i = 0; i < f.n; i++) {
        double nx = 0, top = -2, own = 0;
        for (int64_t t = 0; t < f.d; t++) nx += (double)f.x[i * f.d + t] * f.x[i * f.d + t];
        for (int64_t j = 0; j < f.k; j++) {
            double s = 0;
            for (int64_t t = 0; t < f.d; t++) s += (double)f.x[i * f.d + t] * f.c[j * f.d + t];
            s /= sqrt(nx);
            if (s > top) top = s;
            if (j == f.assign[i]) own = s;
        }
        assert_true(top - own < 1e-6);
        obj += 2 - 2 * own;
    }
    assert_true(fabs(obj - f.obj) <= 1e-5 * obj);
    drop(&f), drop(&g);
}

static void bad_luck(void **state)
{
    (void)state;
    fit f = make(1400, 5, 7), g = make(1400, 5, 7);
    blobs(&f, 7, 4, 0, 61);
    cull__kmeans_opts o = {.k = 7, .iterations = 6, .restarts = 2};
    run(&f, &o, 1, NULL, NULL);
    for (long k = 1, done = 0; !done; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 2);
        cull_pool *p = NULL;
        if (!cx) continue;
        cull_status s = cull_pool_from(cx, f.x, CULL_F32, f.n, f.d, &p);
        if (s == CULL_OK) s = cull__kmeans(cx, p, &o, g.c, g.assign, g.count, &g.obj);
        if (s == CULL_OK)
            done = 1;
        else
            assert_int_equal(s, CULL_ENOMEM);
        assert_true(!done || k > 5);
        cull_pool_free(p);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(f.c, g.c, (size_t)(f.k * f.d) * 4);
    assert_memory_equal(f.assign, g.assign, (size_t)f.n * 4);
    hooks h = {.stop_at = 9};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_pool *p;
    ok(cx, cull_pool_from(cx, f.x, CULL_F32, f.n, f.d, &p));
    assert_int_equal(cull__kmeans(cx, p, &o, g.c, g.assign, g.count, &g.obj), CULL_ECANCEL);
    h.stop_at = 0;
    o.k = 1401;
    refused(cx, cull__kmeans(cx, p, &o, g.c, g.assign, g.count, &g.obj), CULL_EOPTION,
            "1401 clusters of 1400 rows");
    o.k = 0;
    refused(cx, cull__kmeans(cx, p, &o, g.c, g.assign, g.count, &g.obj), CULL_EOPTION,
            "0 clusters");
    cull_pool_free(p);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    drop(&f), drop(&g);
}

/* Number i of x becomes a half, at place i of halves: in ascending order, in place. */
static void half_at(float *x, int64_t i)
{
    uint16_t h = cull__f32_to_f16(x[i]);
    memcpy((char *)x + 2 * i, &h, 2);
}

/* The plan against the peak: to 5 % and the arenas' blocks. */
static void bytes(void **state)
{
    (void)state;
    const int64_t shapes[][3] = {{30000, 32, 64}, {9000, 17, 1}, {12000, 8, 300}, {5000, 64, 2000}};
    for (int round = 0; round < 16; round++) {
        const int64_t *at = shapes[round / 4];
        bool half = round & 1;
        fit f = make(at[0], at[1], at[2]);
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.threads = round & 2 ? 1 : 2;
        cull_ctx *cx = cull_ctx_new(&co);
        cull_pool *p;
        cull__kmeans_opts o = {.k = f.k, .iterations = 3, .spherical = half};
        blobs(&f, 50, 3, 0, (uint64_t)round);
        for (int64_t i = 0; half && i < f.n * f.d; i++) half_at(f.x, i);
        ok(cx, cull_pool_from(cx, f.x, half ? CULL_F16 : CULL_F32, f.n, f.d, &p));
        double before = (double)cull_ctx_peak(cx);
        ok(cx, cull__kmeans(cx, p, &o, f.c, f.assign, f.count, &f.obj));
        double took = (double)cull_ctx_peak(cx) - before;
        double said =
            (double)cull__kmeans_bytes(f.n, f.d, half ? CULL_F16 : CULL_F32, co.threads, &o);
        double slack = 0.05 * took + (co.threads + 1) * 65536; /* with 2 threads, a bound only */
        if (took > said + slack || (co.threads == 1 && said > took + slack))
            fail_msg("round %d: said %.0f, took %.0f", round, said, took);
        cull_pool_free(p);
        cull_ctx_free(cx);
        drop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lloyd),    cmocka_unit_test(seeding),
                                       cmocka_unit_test(empties),  cmocka_unit_test(spherical),
                                       cmocka_unit_test(bad_luck), cmocka_unit_test(bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
