/* nearest rows of all rows: exact ones against plain loops, and what approximate ones say of themselves. */
#include "test.h"

#include "num/graph.h"

typedef struct {
    int64_t n, d, k;
    float *x;
    uint8_t *skip;
} problem;

/* Rows about some centres; centres = n: about none. */
static problem make(int64_t n, int64_t d, int64_t k, int64_t centres, uint64_t seed)
{
    problem p = {n, d, k, malloc((size_t)(n * d) * 4), NULL};
    float *c = malloc((size_t)(centres * d) * 4);
    cull_rng r = cull__rng_seeded(seed, 4);
    for (int64_t i = 0; i < centres * d; i++) c[i] = (float)cull__rng_normal(&r);
    for (int64_t i = 0; i < n; i++) {
        const float *from = c + (centres < n ? cull__rng_below(&r, centres) : i) * d;
        for (int64_t t = 0; t < d; t++)
            p.x[i * d + t] = from[t] + 0.5f * (float)cull__rng_normal(&r);
    }
    free(c);
    return p;
}

static void drop(problem *p) { free(p->x), free(p->skip); }

static double alike(const problem *p, int rule, int64_t i, int64_t j)
{
    const float *x = p->x + i * p->d, *y = p->x + j * p->d;
    double s = 0, a = 0, b = 0, far = 0;
    for (int64_t t = 0; t < p->d; t++) {
        double u = (double)x[t], v = (double)y[t];
        s += u * v, a += u * u, b += v * v, far += (u - v) * (u - v);
    }
    if (rule == CULL__RBF) return -far;
    if (rule == CULL__DOT) return s;
    return a > 0 && b > 0 ? s / sqrt(a) / sqrt(b) : 0;
}

typedef struct {
    cull__graph g;
    cull_ctx *cx;
    cull_pool *pool;
} answer;

static answer solve_in(cull_ctx *cx, const problem *p, int rule, double recall)
{
    answer a = {.cx = cx};
    cull__graph_opts o = {.rule = {rule, 0}, .k = p->k, .recall = recall, .skip = p->skip};
    assert_non_null(cx);
    ok(cx, cull_pool_from(cx, p->x, CULL_F32, p->n, p->d, &a.pool));
    ok(cx, cull__graph_new(cx, a.pool, &o, &a.g));
    return a;
}

static answer solve(const problem *p, int rule, double recall, int threads, uint64_t memory)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = threads;
    o.memory = memory;
    return solve_in(cull_ctx_new(&o), p, rule, recall);
}

static void answer_free(answer *a) { cull_pool_free(a->pool), cull_ctx_free(a->cx); }

static bool equal(const cull__graph *a, const cull__graph *b)
{
    size_t nk = (size_t)(a->n * a->k) * 4, s = (size_t)a->sampled;
    return a->probe == b->probe && a->sampled == b->sampled && a->recall == b->recall &&
           !memcmp(a->who, b->who, nk) && !memcmp(a->how, b->how, nk) &&
           !memcmp(a->found, b->found, (size_t)a->n * 8) &&
           (!s || (!memcmp(a->sample, b->sample, 8 * s) && !memcmp(a->missing, b->missing, 4 * s)));
}

static int by_rank(const void *a, const void *b)
{
    const cull__ranked *x = a, *y = b;
    if (x->v != y->v) return x->v > y->v ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

/* Of row i the true ones in order; how many there are. */
static int64_t truth(const problem *p, int rule, int64_t i, cull__ranked *r)
{
    int64_t n = 0;
    for (int64_t j = 0; j < p->n; j++)
        if (!p->skip || !p->skip[j]) r[n++] = (cull__ranked){alike(p, rule, i, j), j};
    qsort(r, (size_t)n, sizeof *r, by_rank);
    return n;
}

/* A list is in order, without repeats, and says how alike its rows are. The share of the true ones. */
static double check_list(const problem *p, int rule, const cull__graph *g, int64_t i,
                         const cull__ranked *r, int64_t n, uint8_t *seen)
{
    const int32_t *who = g->who + i * g->k;
    const float *how = g->how + i * g->k;
    int64_t want = n < p->k ? n : p->k, hits = 0;
    double size = rule == CULL__COSINE ? 1 : 100, sign = rule == CULL__RBF ? -1 : 1;
    assert_int_equal(g->found[i], want);
    memset(seen, 0, (size_t)p->n);
    for (int64_t t = 0; t < p->k; t++) {
        if (t >= want) {
            assert_true(who[t] == -1 && how[t] == 0);
            continue;
        }
        assert_true(who[t] >= 0 && who[t] < p->n && !seen[who[t]]);
        assert_true(!p->skip || !p->skip[who[t]]);
        seen[who[t]] = 1;
        double v = alike(p, rule, i, who[t]);
        assert_true(fabs(sign * (double)how[t] - v) <= 1e-5 * size);
        hits += v >= r[want - 1].v - 1e-12 * size;
        if (!t) continue;
        assert_true(sign * (double)how[t - 1] >= sign * (double)how[t]);
    }
    return want ? (double)hits / (double)want : 1;
}

/* The share of the true ones over every `step`-th row. */
static double check(const problem *p, int rule, const cull__graph *g, int64_t step)
{
    cull__ranked *r = malloc((size_t)p->n * sizeof *r);
    uint8_t *seen = malloc((size_t)p->n);
    double sum = 0, rows = 0;
    for (int64_t i = 0; i < p->n; i += step, rows++)
        sum += check_list(p, rule, g, i, r, truth(p, rule, i, r), seen);
    free(r), free(seen);
    return sum / rows;
}

static void exact(void **state)
{
    (void)state;
    static const int64_t shape[][3] = {{1300, 24, 10}, {600, 7, 599}, {300, 33, 310}, {1, 3, 2}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int rule = CULL__COSINE; rule <= CULL__DOT; rule++) {
            problem p = make(shape[i][0], shape[i][1], shape[i][2], shape[i][0], i + 1);
            if (i == 1) p.skip = calloc((size_t)p.n, 1);
            for (int64_t j = 0; p.skip && j < p.n; j++) p.skip[j] = j % 3 == 1;
            answer a = solve(&p, rule, 1, 1, 0), b = solve(&p, rule, 1, 3, 24 << 20);
            assert_true(equal(&a.g, &b.g));
            assert_true(check(&p, rule, &a.g, p.n > 500 ? 7 : 1) == 1);
            assert_true(a.g.recall == 1 && a.g.lists == 0 && a.g.sampled == 0);
            answer_free(&a), answer_free(&b);
            drop(&p);
        }
}

static void approximate(void **state)
{
    (void)state;
    problem p = make(2400, 12, 15, 40, 5);
    p.skip = calloc((size_t)p.n, 1);
    for (int64_t j = 0; j < p.n; j++) p.skip[j] = j % 11 == 1;
    for (int rule = CULL__COSINE; rule <= CULL__RBF; rule++) {
        answer a = solve(&p, rule, 0.9, 1, 0);
        const cull__graph *g = &a.g;
        assert_true(g->lists > 1 && g->probe < g->lists);
        assert_true(0.9 <= g->low && g->low <= g->recall && g->recall <= g->high && g->high <= 1);
        double true_one = check(&p, rule, g, 7), wide = g->high - g->low;
        assert_true(true_one < 1 && fabs(true_one - g->recall) <= 0.02 + wide);
        answer b = solve(&p, rule, 0.9, 3, 0), c = solve(&p, rule, 0.9, 2, 10 << 20);
        assert_true(equal(g, &b.g) && equal(g, &c.g));
        answer_free(&a), answer_free(&b), answer_free(&c);
    }
    drop(&p);
}

/* What is told of the sample is what the search did there, and nothing that a list leaves out is more
 * alike than is told. */
static void told(void **state)
{
    (void)state;
    problem p = make(1500, 10, 12, 40, 6);
    answer a = solve(&p, CULL__COSINE, 0.8, 2, 0);
    const cull__graph *g = &a.g;
    cull__ranked *r = malloc((size_t)p.n * sizeof *r);
    uint8_t *seen = malloc((size_t)p.n);
    double sum = 0;
    int64_t kept_from = 0;
    assert_true(g->sampled == 1000 && g->probe < g->lists);
    for (int64_t s = 0; s < g->sampled; s++) {
        int64_t i = g->sample[s], n = truth(&p, CULL__COSINE, i, r), t = 0;
        assert_true(!s || i > g->sample[s - 1]);
        double part = check_list(&p, CULL__COSINE, g, i, r, n, seen);
        sum += part;
        kept_from += part < 1;
        while (t < n && seen[r[t].i]) t++;
        assert_true(t == n || r[t].v <= (double)g->missing[s] + 1e-6);
        if (part < 1) assert_true(fabs(r[t].v - (double)g->missing[s]) <= 1e-6);
    }
    assert_true(kept_from > 0);
    assert_true(fabs(sum / (double)g->sampled - g->recall) <= 1e-9);
    free(r), free(seen);
    answer_free(&a);
    drop(&p);
}

/* More is asked, more is looked into; what cannot be had from some of the lists is had from all. */
static void steps(void **state)
{
    (void)state;
    problem p = make(1100, 16, 10, 1100, 7);
    answer all = solve(&p, CULL__COSINE, 1, 2, 0);
    int64_t before = 0;
    for (int i = 0; i < 3; i++) {
        static const double asked[] = {0.2, 0.4, 0.9999};
        answer a = solve(&p, CULL__COSINE, asked[i], 2, 0);
        if (i < 2) assert_true(a.g.probe > before);
        before = a.g.probe;
        if (i == 2) assert_true(equal(&a.g, &all.g) && a.g.recall == 1);
        answer_free(&a);
    }
    answer_free(&all);
    drop(&p);
}

/* One row hundreds of times, rows of zeros, rows apart by less than the product tells, rows that f32
 * products cannot hold: lists are uneven, some are empty. */
static void uneven(void **state)
{
    (void)state;
    problem p = make(1100, 9, 10, 30, 8);
    for (int64_t i = 0; i < 300; i++) memcpy(p.x + i * p.d, p.x, (size_t)p.d * 4);
    for (int64_t i = 300; i < 360; i++) memset(p.x + i * p.d, 0, (size_t)p.d * 4);
    for (int64_t i = 360; i < 500; i++)
        for (int64_t t = 0; t < p.d; t++)
            p.x[i * p.d + t] = p.x[360 * p.d + t] * (1 + 1e-7f * (float)(i % 17));
    for (int big = 0; big < 2; big++) {
        for (int64_t t = 0; big && t < p.d; t++) p.x[700 * p.d + t] *= 1e25f;
        for (int rule = CULL__COSINE; rule <= CULL__DOT; rule++)
            for (int some = big; some < 2; some++) {
                double recall = some ? 0.7 : 1;
                answer a = solve(&p, rule, recall, 1, 0), b = solve(&p, rule, recall, 3, 0);
                assert_true(equal(&a.g, &b.g));
                for (int64_t t = 0; t < p.k && !big && rule == CULL__RBF; t++)
                    assert_true(a.g.who[200 * p.k + t] == (int32_t)t);
                answer_free(&a), answer_free(&b);
            }
    }
    drop(&p);
}

static void refusals(void **state)
{
    (void)state;
    problem p = make(1200, 6, 5, 20, 9);
    bool done = false;
    for (long at = 1; at < 600 && !done; at += at < 30 ? 1 : 23) {
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 2);
        if (!cx) continue;
        cull_pool *pool = NULL;
        cull__graph g;
        cull__graph_opts o = {.rule = {CULL__RBF, 0}, .k = p.k, .recall = 0.7};
        cull_status s = cull_pool_from(cx, p.x, CULL_F32, p.n, p.d, &pool);
        if (s == CULL_OK) s = cull__graph_new(cx, pool, &o, &g);
        done = h.calls < at;
        assert_int_equal(s, done ? CULL_OK : CULL_ENOMEM);
        cull_pool_free(pool);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(done);
    drop(&p);
}

/* What is planned is what is taken, more or less. */
static void memory(void **state)
{
    (void)state;
    problem p = make(6000, 8, 20, 80, 10);
    for (int some = 0; some < 2; some++)
        for (int rule = CULL__COSINE; rule <= CULL__RBF; rule++) {
            cull__graph_opts o = {.rule = {rule, 0}, .k = p.k, .recall = some ? 0.9 : 1};
            answer a = solve(&p, rule, o.recall, 2, 0);
            double most = (double)cull_ctx_peak(a.cx);
            double plan = (double)cull__graph_bytes(p.n, p.d, CULL_F32, &o, 2, NULL);
            if (most > 1.05 * plan + 3 * 65536)
                fail_msg("rule %d, recall %g: %g bytes, planned %g", rule, o.recall, most, plan);
            assert_true(plan <= (some ? 8 : 2) * most);
            answer_free(&a);
        }
    drop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exact),  cmocka_unit_test(approximate),
                                       cmocka_unit_test(told),   cmocka_unit_test(steps),
                                       cmocka_unit_test(uneven), cmocka_unit_test(refusals),
                                       cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
