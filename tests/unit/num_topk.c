/* num: top-k and best similarity against a naive search in f64; ties, copies, halves, bad luck. */
#include "test.h"

#include "num/block.h"

typedef struct {
    int64_t n, d, m, k;
    float *x, *q;
    uint8_t *skip;
} problem;

static problem make(int64_t n, int64_t d, int64_t m, int64_t k, uint64_t seed)
{
    problem p = {n, d, m, k, malloc((size_t)(n * d) * 4), malloc((size_t)(m * d) * 4), NULL};
    cull_rng r = cull__rng_seeded(seed, 1);
    for (int64_t i = 0; i < n * d; i++) p.x[i] = (float)cull__rng_normal(&r);
    for (int64_t i = 0; i < m * d; i++) p.q[i] = (float)cull__rng_normal(&r);
    return p;
}

static void drop(problem *p) { free(p->x), free(p->q), free(p->skip); }

/* Sums in order and in long double: an oracle that shares nothing with the library. */
static double similarity(const float *x, const float *q, int64_t d, bool unit)
{
    long double s = 0, a = 0, b = 0;
    for (int64_t i = 0; i < d; i++) {
        s += (long double)x[i] * q[i];
        a += (long double)x[i] * x[i];
        b += (long double)q[i] * q[i];
    }
    if (!unit) return (double)s;
    return a > 0 && b > 0 ? (double)(s / (sqrtl(a) * sqrtl(b))) : 0;
}

static int by_rank(const void *a, const void *b)
{
    const cull__ranked *x = a, *y = b;
    if (x->v != y->v) return x->v > y->v ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

typedef struct {
    int64_t *idx, *found;
    double *score;
} answer;

static answer room(const problem *p)
{
    answer a = {malloc((size_t)(p->m * p->k) * 8), malloc((size_t)p->m * 8),
                malloc((size_t)(p->m * p->k) * 8)};
    return a;
}

static void answer_free(answer *a) { free(a->idx), free(a->found), free(a->score); }

static bool equal(const problem *p, const answer *a, const answer *b)
{
    size_t mk = (size_t)(p->m * p->k) * 8;
    return !memcmp(a->idx, b->idx, mk) && !memcmp(a->score, b->score, mk) &&
           !memcmp(a->found, b->found, (size_t)p->m * 8);
}

/* The oracle's order decides unless two values agree to 1e-12 of `size`, where either may lead. */
static void check(const problem *p, bool unit, const answer *a, double size)
{
    cull__ranked *r = malloc((size_t)p->n * sizeof *r);
    uint8_t *seen = calloc((size_t)p->n, 1);
    for (int64_t q = 0; q < p->m; q++) {
        int64_t n = 0;
        for (int64_t i = 0; i < p->n; i++)
            if (!p->skip || !p->skip[i])
                r[n++] =
                    (cull__ranked){similarity(p->x + i * p->d, p->q + q * p->d, p->d, unit), i};
        qsort(r, (size_t)n, sizeof *r, by_rank);
        int64_t want = n < p->k ? n : p->k;
        assert_int_equal(a->found[q], want);
        memset(seen, 0, (size_t)p->n);
        for (int64_t i = 0; i < p->k; i++) {
            int64_t row = a->idx[q * p->k + i];
            double v = a->score[q * p->k + i];
            if (i >= want) {
                assert_true(row == -1 && v == -INFINITY);
                continue;
            }
            assert_true(row >= 0 && row < p->n && !seen[row]);
            seen[row] = 1;
            assert_true(fabs(v - r[i].v) <= 1e-12 * size);
            if (row != r[i].i) {
                double own = similarity(p->x + row * p->d, p->q + q * p->d, p->d, unit);
                assert_true(fabs(own - r[i].v) <= 1e-12 * size);
            }
            if (i) { /* the order is total: score, then index */
                double before = a->score[q * p->k + i - 1];
                assert_true(before > v || (before == v && a->idx[q * p->k + i - 1] < row));
            }
        }
    }
    free(r), free(seen);
}

static answer solve(const problem *p, const void *data, cull_dtype t, bool unit, int threads,
                    const char *isa)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    cull_pool *pool;
    answer a = room(p);
    o.threads = threads;
    o.isa = isa;
    cull_ctx *cx = cull_ctx_new(&o);
    if (!cx) { /* an instruction set that is not here */
        answer_free(&a);
        return (answer){0};
    }
    ok(cx, cull_pool_from(cx, data, t, p->n, p->d, &pool));
    ok(cx, cull__pool_topk(cx, pool, p->q, p->m, p->k, unit, p->skip, a.idx, a.score, a.found));
    cull_pool_free(pool);
    cull_ctx_free(cx);
    return a;
}

static void everywhere(const problem *p, bool unit, double size)
{
    static const char *const isas[] = ISA_NAMES;
    answer a = solve(p, p->x, CULL_F32, unit, 1, NULL);
    check(p, unit, &a, size);
    for (int t = 2; t <= 4; t += 2) {
        answer b = solve(p, p->x, CULL_F32, unit, t, NULL);
        assert_true(equal(p, &a, &b));
        answer_free(&b);
    }
    for (int v = 0; v < 3; v++) {
        answer b = solve(p, p->x, CULL_F32, unit, 2, isas[v]);
        if (!b.idx) continue;
        assert_true(equal(p, &a, &b));
        answer_free(&b);
    }
    answer_free(&a);
}

static void naive(void **state)
{
    (void)state;
    static const int64_t shape[][4] = {{2700, 48, 37, 10}, {3000, 33, 3, 200}, {700, 64, 20, 1},
                                       {600, 16, 5, 599},  {600, 16, 5, 600},  {300, 7, 2, 310},
                                       {1, 1, 1, 1},       {5200, 5, 1, 100},  {2600, 3, 530, 4}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int unit = 0; unit < 2; unit++) {
            problem p = make(shape[i][0], shape[i][1], shape[i][2], shape[i][3], i + 1);
            everywhere(&p, unit, 100);
            p.skip = calloc((size_t)p.n, 1);
            cull_rng r = cull__rng_seeded(i, 9);
            for (int64_t j = 0; j < p.n; j++) p.skip[j] = cull__rng_below(&r, 3) == 0;
            everywhere(&p, unit, 100);
            drop(&p);
        }
}

/* Every row is a copy of one of seven, so the k-th place is always a tie of hundreds. */
static void copies(void **state)
{
    (void)state;
    problem p = make(4000, 40, 9, 25, 77);
    for (int64_t i = 7; i < p.n; i++) memcpy(p.x + i * p.d, p.x + i * i % 7 * p.d, (size_t)p.d * 4);
    everywhere(&p, true, 1);
    everywhere(&p, false, 100);
    drop(&p);
    p = make(3000, 24, 6, 50, 78); /* nearly copies: apart by less than the product can tell */
    cull_rng r = cull__rng_seeded(5, 5);
    for (int64_t i = 1; i < p.n; i++)
        for (int64_t t = 0; t < p.d; t++)
            p.x[i * p.d + t] = p.x[t] * (float)(1 + 1e-7 * cull__rng_normal(&r));
    everywhere(&p, true, 1);
    everywhere(&p, false, 100);
    drop(&p);
}

/* Zero rows, a zero query, rows that f32 products cannot hold. */
static void extremes(void **state)
{
    (void)state;
    problem p = make(2600, 20, 8, 40, 3);
    for (int64_t i = 0; i < p.n; i++) {
        float by = i % 5 == 0 ? 0 : i % 7 == 0 ? 1e-30f : i % 11 == 0 ? 1e25f : 1;
        for (int64_t t = 0; t < p.d; t++) p.x[i * p.d + t] *= by;
    }
    for (int64_t t = 0; t < p.d; t++) {
        p.q[t] = 0;
        p.q[p.d + t] *= 1e-25f;
        p.q[2 * p.d + t] *= 1e30f;
    }
    everywhere(&p, true, 1);
    drop(&p);
    p = make(2600, 20, 8, 40, 4);
    for (int64_t i = 0; i < p.n; i += 7)
        for (int64_t t = 0; t < p.d; t++) p.x[i * p.d + t] *= 1e25f;
    for (int64_t t = 0; t < p.d; t++) p.q[p.d + t] *= 1e-25f, p.q[2 * p.d + t] *= 1e30f;
    answer a = solve(&p, p.x, CULL_F32, false, 1, NULL),
           b = solve(&p, p.x, CULL_F32, false, 2, LEAST_ISA);
    check(&p, false, &a, 1e57);
    assert_true(equal(&p, &a, &b));
    answer_free(&a), answer_free(&b);
    drop(&p);
}

static void half_pools(void **state)
{
    (void)state;
    problem p = make(2100, 24, 6, 12, 21);
    uint16_t *h = malloc((size_t)(p.n * p.d) * 2);
    double *w = malloc((size_t)(p.n * p.d) * 8);
    for (int t = 0; t < 3; t++) {
        for (int64_t i = 0; i < p.n * p.d; i++) {
            h[i] = t ? cull__f32_to_bf16(p.x[i]) : cull__f32_to_f16(p.x[i]);
            if (t < 2) p.x[i] = t ? cull__bf16_to_f32(h[i]) : cull__f16_to_f32(h[i]);
            w[i] = (double)p.x[i];
        }
        cull_dtype type = t == 2 ? CULL_F64 : t ? CULL_BF16 : CULL_F16;
        answer a = solve(&p, p.x, CULL_F32, true, 1, NULL);
        answer b = solve(&p, t == 2 ? (void *)w : (void *)h, type, true, 2, NULL);
        check(&p, true, &a, 1);
        assert_true(equal(&p, &a, &b));
        answer_free(&a), answer_free(&b);
    }
    free(h), free(w);
    drop(&p);
}

static void memory(void **state)
{
    (void)state;
    problem p = make(1700, 20, 30, 200, 6);
    answer a = solve(&p, p.x, CULL_F32, true, 1, NULL), b = room(&p);
    for (long k = 1, done = 0; !done; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 2);
        cull_pool *pool = NULL;
        if (!cx) continue;
        cull_status s = cull_pool_from(cx, p.x, CULL_F32, p.n, p.d, &pool);
        if (s == CULL_OK)
            s = cull__pool_topk(cx, pool, p.q, p.m, p.k, true, NULL, b.idx, b.score, b.found);
        if (s != CULL_OK) {
            assert_int_equal(s, CULL_ENOMEM);
            assert_non_null(strstr(cull_error(cx), "out of memory"));
        } else {
            done = h.calls < k;
            assert_true(done);
            assert_true(k > 5);
        }
        cull_pool_free(pool);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(equal(&p, &a, &b));
    /* less memory: the queries go in several passes, to the same answer */
    int64_t reads = 0;
    for (int limited = 0; limited < 2; limited++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        hooks h = {0};
        cull_pool *pool;
        o.threads = 1;
        o.memory = limited ? 600000 : 0;
        o.tick = hook_tick;
        o.user = &h;
        o.tick_ms = 0;
        cull_ctx *cx = cull_ctx_new(&o);
        memset(b.idx, 0, (size_t)(p.m * p.k) * 8);
        ok(cx, cull_pool_from(cx, p.x, CULL_F32, p.n, p.d, &pool));
        ok(cx, cull__pool_topk(cx, pool, p.q, p.m, p.k, true, NULL, b.idx, b.score, b.found));
        assert_true(equal(&p, &a, &b));
        if (limited) assert_true(h.ticks > reads + 4);
        reads = h.ticks;
        cull_pool_free(pool);
        cull_ctx_free(cx);
    }
    hooks h = {.stop_at = 3};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, p.x, CULL_F32, p.n, p.d, &pool));
    assert_int_equal(cull__pool_topk(cx, pool, p.q, p.m, p.k, true, NULL, b.idx, b.score, b.found),
                     CULL_ECANCEL);
    cull_pool_free(pool);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    answer_free(&a), answer_free(&b);
    drop(&p);
}

static void nothing(void **state)
{
    (void)state;
    problem p = make(10, 4, 3, 2, 1);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *pool, *none;
    int64_t idx[6], found[3] = {9, 9, 9};
    double score[6];
    ok(cx, cull_pool_from(cx, p.x, CULL_F32, 10, 4, &pool));
    ok(cx, cull_pool_from(cx, p.x, CULL_F32, 0, 4, &none));
    ok(cx, cull__pool_topk(cx, none, p.q, 3, 2, true, NULL, idx, score, found));
    assert_true(!found[0] && !found[2] && idx[5] == -1 && score[5] == -INFINITY);
    found[1] = 7;
    ok(cx, cull__pool_topk(cx, pool, p.q, 3, 0, true, NULL, idx, score, found));
    assert_true(!found[1]);
    ok(cx, cull__pool_topk(cx, pool, p.q, 0, 2, true, NULL, idx, score, found));
    refused(cx, cull__pool_topk(cx, pool, p.q, 3, -1, true, NULL, idx, score, found), CULL_EOPTION,
            "the best -1 rows");
    refused(cx, cull__pool_best(cx, pool, p.q, 0, true, score, NULL, NULL), CULL_EINPUT,
            "at least one");
    cull_pool_free(pool);
    cull_pool_free(none);
    cull_ctx_free(cx);
    drop(&p);
}

/* ---- best and mean ---- */

static void best_case(const problem *p, bool unit, double size)
{
    size_t n = (size_t)p->n;
    double *first = malloc(2 * n * 8), *v = malloc(2 * n * 8);
    int32_t *which = malloc(2 * n * 4);
    for (int run = 0; run < 4; run++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        cull_pool *pool;
        o.threads = run == 2 ? 2 : 1;
        o.isa = run == 1 ? LEAST_ISA : NULL;
        cull_ctx *cx = cull_ctx_new(&o);
        ok(cx, cull_pool_from(cx, p->x, CULL_F32, p->n, p->d, &pool));
        if (run == 3) { /* outputs one by one */
            ok(cx, cull__pool_best(cx, pool, p->q, p->m, unit, v, NULL, NULL));
            ok(cx, cull__pool_best(cx, pool, p->q, p->m, unit, NULL, which + n, NULL));
            ok(cx, cull__pool_best(cx, pool, p->q, p->m, unit, NULL, NULL, v + n));
        } else {
            ok(cx, cull__pool_best(cx, pool, p->q, p->m, unit, v, which + (run ? n : 0), v + n));
        }
        if (!run) memcpy(first, v, 2 * n * 8);
        assert_memory_equal(first, v, 2 * n * 8);
        if (run) assert_memory_equal(which, which + n, n * 4);
        cull_pool_free(pool);
        cull_ctx_free(cx);
    }
    for (int64_t i = 0; i < p->n; i++) {
        double top = -INFINITY, sum = 0;
        for (int64_t q = 0; q < p->m; q++) {
            double s = similarity(p->x + i * p->d, p->q + q * p->d, p->d, unit);
            if (s > top) top = s;
            sum += s;
        }
        assert_true(fabs(v[i] - top) <= 1e-12 * size);
        assert_true(fabs(v[n + (size_t)i] - sum / (double)p->m) <= 1e-12 * size);
        assert_true(which[i] >= 0 && which[i] < p->m);
        double own = similarity(p->x + i * p->d, p->q + which[i] * p->d, p->d, unit);
        assert_true(fabs(own - top) <= 1e-12 * size);
    }
    free(first), free(v), free(which);
}

static void best(void **state)
{
    (void)state;
    static const int64_t shape[][3] = {{2200, 32, 40}, {700, 20, 1}, {900, 17, 4}, {300, 8, 2100}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int unit = 0; unit < 2; unit++) {
            problem p = make(shape[i][0], shape[i][1], shape[i][2], 1, i + 40);
            best_case(&p, unit, 100);
            drop(&p);
        }
    problem p = make(600, 24, 33, 1, 50); /* queries that are copies: the lowest wins */
    for (int64_t q = 3; q < p.m; q++) memcpy(p.q + q * p.d, p.q + q % 3 * p.d, (size_t)p.d * 4);
    for (int64_t t = 0; t < p.d; t++) p.x[5 * p.d + t] = 0;
    best_case(&p, true, 1);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *pool;
    int32_t which[600];
    double v[600];
    ok(cx, cull_pool_from(cx, p.x, CULL_F32, p.n, p.d, &pool));
    ok(cx, cull__pool_best(cx, pool, p.q, p.m, true, v, which, NULL));
    for (int64_t i = 0; i < p.n; i++) assert_in_range(which[i], 0, 2);
    assert_true(v[5] == 0 && which[5] == 0);
    cull_pool_free(pool);
    cull_ctx_free(cx);
    for (int64_t i = 0; i < p.n; i += 3)
        for (int64_t t = 0; t < p.d; t++) p.x[i * p.d + t] *= i % 2 ? 1e-30f : 1e25f;
    for (int64_t t = 0; t < p.d; t++) p.q[4 * p.d + t] *= 1e-33f;
    best_case(&p, true, 1);
    drop(&p);
}

static void unit(void **state)
{
    (void)state;
    problem p = make(500, 30, 1, 1, 60);
    float *u = malloc((size_t)(p.n * p.d) * 4);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *pool;
    for (int64_t t = 0; t < p.d; t++) p.x[7 * p.d + t] = 0, p.x[8 * p.d + t] *= 1e30f;
    ok(cx, cull_pool_from(cx, p.x, CULL_F32, p.n, p.d, &pool));
    ok(cx, cull__pool_unit(cx, pool, u));
    for (int64_t i = 0; i < p.n; i++) {
        double s = 0;
        for (int64_t t = 0; t < p.d; t++) s += (double)p.x[i * p.d + t] * p.x[i * p.d + t];
        for (int64_t t = 0; t < p.d; t++)
            assert_true(fabs(u[i * p.d + t] - (i == 7 ? 0 : p.x[i * p.d + t] / sqrt(s))) < 6.1e-8);
    }
    cull_pool_free(pool);
    cull_ctx_free(cx);
    free(u);
    drop(&p);
}

static void ranks(void **state)
{
    (void)state;
    enum { N = 700 };
    cull__ranked v[N], w[N];
    float f[N], g[N];
    for (int round = 0; round < 60; round++) {
        cull_rng r = cull__rng_seeded((uint64_t)round, 2);
        int64_t n = 1 + cull__rng_below(&r, N), k = 1 + cull__rng_below(&r, n);
        for (int64_t i = 0; i < n; i++) {
            double x = round % 3 == 0   ? cull__rng_normal(&r)
                       : round % 3 == 1 ? (double)cull__rng_below(&r, 4)
                                        : (double)(i < n / 2 ? i : n - i);
            v[i] = w[i] = (cull__ranked){x, i};
            f[i] = g[i] = round % 7 == 6 && i % 9 == 0 ? -INFINITY : (float)x;
        }
        qsort(w, (size_t)n, sizeof *w, by_rank);
        cull__rank_top(v, n, k);
        qsort(v, (size_t)k, sizeof *v, by_rank);
        for (int64_t i = 0; i < k; i++) assert_true(v[i].v == w[i].v && v[i].i == w[i].i);
        cull__rank_sort(v, n);
        for (int64_t i = 0; i < n; i++) assert_true(v[i].v == w[i].v && v[i].i == w[i].i);
        float t = cull__kth_largest(f, n, k);
        int64_t above = 0, same = 0;
        for (int64_t i = 0; i < n; i++) above += g[i] > t, same += g[i] == t;
        assert_true(above < k && above + same >= k);
    }
}

/* Similarities that differ by less than bf16 can tell: one direction with a little noise. Large enough
 * for products in bf16; in round 1 later rows are ever nearer to the queries. */
static void near(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        problem p = make(6000, 64, 40, 9, 77);
        for (int64_t i = 0; i < p.n * p.d; i++) {
            double towards = round ? (double)(i / p.d) * 1e-5 : 0;
            p.x[i] = (float)(cos((double)(i % p.d)) + 2e-3 * (double)p.x[i] +
                             towards * sin((double)(i % p.d)));
        }
        for (int64_t i = 0; i < p.m * p.d; i++)
            p.q[i] =
                (float)(cos((double)(i % p.d)) + sin((double)(i % p.d)) + 2e-3 * (double)p.q[i]);
        everywhere(&p, true, 1);
        everywhere(&p, false, 100);
        drop(&p);
    }
}

/* The plan against the peak: to 5 % and the arenas' blocks. */
static void bytes(void **state)
{
    (void)state;
    const int64_t shapes[][4] = {{20000, 24, 300, 100}, {9000, 100, 7, 1}, {3000, 16, 40, 2900}};
    for (int round = 0; round < 6; round++) {
        const int64_t *at = shapes[round / 2];
        problem p = make(at[0], at[1], at[2], at[3], (uint64_t)round);
        answer a = room(&p);
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.threads = round & 1 ? 1 : 2;
        cull_ctx *cx = cull_ctx_new(&co);
        cull_pool *pool;
        ok(cx, cull_pool_from(cx, p.x, CULL_F32, p.n, p.d, &pool));
        double before = (double)cull_ctx_peak(cx);
        ok(cx, cull__pool_topk(cx, pool, p.q, p.m, p.k, true, NULL, a.idx, a.score, a.found));
        double took = (double)cull_ctx_peak(cx) - before;
        double said = (double)cull__topk_bytes(p.n, p.d, CULL_F32, p.m, p.k, co.threads);
        double slack = 0.05 * took + (co.threads + 1) * 65536; /* with 2 threads, a bound only */
        if (took > said + slack || (co.threads == 1 && said > took + slack))
            fail_msg("round %d: said %.0f, took %.0f", round, said, took);
        cull_pool_free(pool);
        cull_ctx_free(cx);
        answer_free(&a);
        drop(&p);
    }
}

/* The cosine of a row with itself is 1, not what rounding makes of it. */
static void at_most_one(void **state)
{
    (void)state;
    enum { N = 500, D = 7 };
    float x[N * D];
    double best[N], mean[1];
    int32_t which[N];
    uint32_t r = 1;
    cull_pool *p;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int i = 0; i < N * D; i++) r = r * 1664525u + 1013904223u, x[i] = (float)(r >> 9) + 0.5f;
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &p));
    ok(cx, cull__pool_best(cx, p, x, N, true, best, which, NULL));
    for (int i = 0; i < N; i++) assert_true(best[i] <= 1 && best[i] > 1 - 1e-15);
    cull_pool_free(p);
    for (int i = 0; i < N; i++) {
        ok(cx, cull_pool_from(cx, x + i * D, CULL_F32, 1, D, &p));
        ok(cx, cull__pool_best(cx, p, x + i * D, 1, true, best, which, mean));
        assert_true(mean[0] <= 1 && mean[0] > 1 - 1e-7);
        cull_pool_free(p);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_most_one), cmocka_unit_test(ranks),      cmocka_unit_test(naive),
        cmocka_unit_test(copies),      cmocka_unit_test(extremes),   cmocka_unit_test(memory),
        cmocka_unit_test(nothing),     cmocka_unit_test(half_pools), cmocka_unit_test(best),
        cmocka_unit_test(unit),        cmocka_unit_test(near),       cmocka_unit_test(bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
