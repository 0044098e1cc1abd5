/* k-centre: farthest first replayed by plain loops; at most twice the best radius of every subset. */
#include "method/gain.h"

static bool euclidean;

static double apart(const cull_data_problem *p, int64_t i, int64_t j)
{
    int64_t d = cull_pool_d(p->pool);
    const float *a = row_of(p->pool, i), *b = row_of(p->pool, j);
    return euclidean ? sqrt(row_dist2(a, b, d)) : 1 - row_cos(a, b, d);
}

/* How near to the mean, of unit vectors for the cosine. */
static double near_mean(const cull_data_problem *p, int64_t i)
{
    int64_t d = cull_pool_d(p->pool);
    double sum = 0;
    for (int64_t c = 0; c < d; c++) {
        double mean = 0, own = 0;
        for (int64_t j = 0; j < p->n; j++) {
            const float *x = row_of(p->pool, j);
            double v = euclidean ? x[c] : x[c] / sqrt(row_dot(x, x, d));
            mean += v / (double)p->n;
            if (j == i) own = v;
        }
        sum += (own - mean) * (own - mean);
    }
    return -sum;
}

static void farthest_first(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int parts = 0; parts < 16; parts++) {
        gain_problem *b = gain_new(cx, 150, 7, 30, parts, false, 11);
        euclidean = parts % 2;
        cull_pick k = gain_pick(cx, "k-centre", euclidean ? "metric=euclidean" : "", &b->p);
        gain_farthest(&b->p, &k, apart, near_mean);
        if (!(parts & HAVE)) assert_true(k.score[0] == k.score[1]);
        cull_pick_free(&k);
        k = gain_pick(cx, "k-centre", "start=first", &b->p);
        int64_t first = 0;
        uint8_t none[200] = {0};
        double used[3] = {0};
        while (!gain_fits(&b->p, none, 0, used, first)) first++;
        if (!(parts & HAVE)) assert_int_equal(k.idx[0], first);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static double worst(const cull_data_problem *p, const uint8_t *in)
{
    double most = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (gain_radius(p, apart, in, i) > most) most = gain_radius(p, apart, in, i);
    return most;
}

static void twice_the_best(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    euclidean = true;
    for (int trial = 0; trial < 8; trial++) {
        gain_problem *b = gain_new(cx, 12, 3, 2 + trial % 4, 0, false, 60 + (uint64_t)trial);
        cull_pick k = gain_pick(cx, "k-centre", "metric=euclidean", &b->p);
        uint8_t in[12] = {0}, mine[12] = {0};
        double best = INFINITY;
        for (uint32_t set = 1; set < 1u << 12; set++) {
            if (__builtin_popcount(set) != (int)b->p.budget) continue;
            for (int i = 0; i < 12; i++) in[i] = set >> i & 1;
            if (worst(&b->p, in) < best) best = worst(&b->p, in);
        }
        for (int64_t j = 0; j < k.n; j++) mine[k.idx[j]] = 1;
        assert_true(worst(&b->p, mine) <= 2 * best + 1e-9);
        assert_true(worst(&b->p, mine) >= best - 1e-9);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

/* Four corners of a square and its middle: the middle first, then the corners, a tie to the lowest. */
static void square(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const float x[] = {3, 3, 5, 5, 3, 5, 5, 3, 4, 4};
    cull_data_problem p = {.n = 5, .budget = 5};
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 5, 2, &pool));
    p.pool = pool;
    cull_pick k = gain_pick(cx, "k-centre", "metric=euclidean", &p);
    const int64_t want[] = {4, 0, 1, 2, 3};
    assert_memory_equal(k.idx, want, sizeof want);
    assert_true(k.score[4] == sqrt(2));
    cull_pick_free(&k);
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

static void threads(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    gain_problem *b = gain_new(cx, 3000, 40, 300, HAVE, true, 12);
    cull_pick first = {0};
    for (int t = 1; t < 4; t++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = t;
        o.isa = t == 3 ? LEAST_ISA : NULL;
        cull_ctx *one = cull_ctx_new(&o);
        cull_pick k = gain_pick(one, "k-centre", "", &b->p);
        if (t == 1) first = k;
        same_as(&first, &k);
        if (t > 1) cull_pick_free(&k);
        cull_ctx_free(one);
    }
    cull_pick_free(&first);
    gain_free(b);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(farthest_first),
        cmocka_unit_test(twice_the_best),
        cmocka_unit_test(square),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
