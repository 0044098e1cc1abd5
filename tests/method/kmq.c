/* kmq: on clusters that cannot be mistaken, the shares by hand; chances by quality; how many. */
#include "test.h"

#include "base/base.h"
#include "cull/data.h"

enum { D = 8 };

/* size[j] rows about the j-th of k far corners, shuffled; which (n) says whose each row is. */
static float *blobs(const int64_t *size, int k, int64_t n, int32_t *which)
{
    float *x = malloc((size_t)n * D * sizeof *x);
    cull_rng r = cull__rng_seeded(12, (uint64_t)k);
    int64_t i = 0, *order = malloc((size_t)n * sizeof *order);
    for (int j = 0; j < k; j++)
        for (int64_t m = 0; m < size[j]; m++) which[i++] = j;
    for (i = 0; i < n; i++) order[i] = which[i];
    cull__rng_shuffle(&r, order, n);
    for (i = 0; i < n; i++) {
        which[i] = (int32_t)order[i];
        for (int c = 0; c < D; c++)
            x[i * D + c] = (float)(cull__rng_normal(&r) + 100.0 * (which[i] >> c % 3 & 1) +
                                   (c == 7 ? 100.0 * which[i] : 0));
    }
    free(order);
    return x;
}

static cull_pick pick(cull_ctx *cx, const cull_data_problem *p, const char *clusters,
                      const char *share)
{
    const cull_method *m = cull_method_find("kmq", NULL);
    cull_opts *o;
    cull_pick k;
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_opts_set(cx, o, "clusters", clusters));
    ok(cx, cull_opts_set(cx, o, "share", share));
    ok(cx, cull_data_pick(cx, m, o, p, &k));
    cull_opts_free(o);
    return k;
}

static void shares(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const int64_t size[] = {700, 200, 90, 10};
    /* 200 of 1000: equal shares, redistributed by hand (which of the first three gets the odd one
     * depends on the clusters' numbers); and in proportion, exactly */
    static const int64_t even[] = {63, 63, 63, 10}, in_proportion[] = {140, 40, 18, 2};
    int32_t which[1000];
    float *x = blobs(size, 4, 1000, which);
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 1000, D, &pool));
    cull_data_problem p = {.n = 1000, .pool = pool, .budget = 200};
    for (int share = 0; share < 2; share++) {
        cull_pick k = pick(cx, &p, "4", share ? "1" : "0");
        int64_t count[4] = {0}, extra = 0;
        int32_t cluster_of[4] = {-1, -1, -1, -1};
        for (int64_t i = 0; i < k.n; i++) {
            int32_t b = which[k.idx[i]];
            count[b]++;
            assert_true(cluster_of[b] == -1 || cluster_of[b] == k.by[i]);
            cluster_of[b] = k.by[i];
        }
        assert_int_equal(k.n, 200);
        for (int j = 0; j < 4; j++) extra += count[j] - (share ? in_proportion : even)[j];
        for (int j = 0; j < 4; j++)
            assert_in_range(count[j] - (share ? in_proportion : even)[j], 0, share ? 0 : j < 3);
        assert_int_equal(extra, share ? 0 : 1);
        cull_pick_free(&k);
    }
    cull_pick k = pick(cx, &p, "1000", "0"); /* a cluster for each row still keeps 200 */
    assert_int_equal(k.n, 200);
    cull_pick_free(&k);
    cull_pool_free(pool);
    free(x);
    cull_ctx_free(cx);
}

static void how_many(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { K = 8, N = 800 };
    int64_t size[K];
    int32_t which[N], most = 0;
    for (int j = 0; j < K; j++) size[j] = N / K;
    float *x = blobs(size, K, N, which);
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &pool));
    cull_data_problem p = {.n = N, .pool = pool, .budget = 400};
    cull_pick k = pick(cx, &p, "0", "0");
    for (int64_t i = 0; i < k.n; i++)
        if (k.by[i] > most) most = k.by[i];
    assert_int_equal(most + 1, K); /* of 8, 16, 32, 64, 128 */
    cull_pick_free(&k);
    cull_pool_free(pool);
    free(x);
    cull_ctx_free(cx);
}

/* One cluster, one example: chances follow exp(quality / temperature). */
static void quality(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { N = 5, DRAWS = 20000 };
    static const double q[N] = {0, 0.6, -0.4, 1.2, 0.2};
    const char *names[] = {"quality"};
    const double *cols[] = {q};
    float x[N * D];
    for (int i = 0; i < N * D; i++) x[i] = (float)(i * 37 % 11);
    cull_pool *pool;
    cull_opts *o;
    const cull_method *m = cull_method_find("kmq", NULL);
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &pool));
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_opts_set(cx, o, "clusters", "1"));
    ok(cx, cull_opts_set(cx, o, "restarts", "1"));
    ok(cx, cull_opts_set(cx, o, "temperature", "0.5"));
    cull_data_problem p = {.n = N, .score = {N, 1, names, cols}, .pool = pool, .budget = 1};
    for (int use = 0; use < 2; use++) {
        ok(cx, cull_opts_set(cx, o, "quality", use ? "true" : "false"));
        double count[N] = {0}, sum = 0, chi = 0;
        for (uint64_t seed = 0; seed < DRAWS; seed++) {
            cull_pick k;
            cull_ctx_reseed(cx, seed);
            ok(cx, cull_data_pick(cx, m, o, &p, &k));
            assert_true(k.n == 1 && k.score[0] == (use ? q[k.idx[0]] : 0));
            count[k.idx[0]]++;
            cull_pick_free(&k);
        }
        for (int i = 0; i < N; i++) sum += use ? exp(q[i] / 0.5) : 1;
        for (int i = 0; i < N; i++) {
            double want = DRAWS * (use ? exp(q[i] / 0.5) : 1) / sum;
            chi += (count[i] - want) * (count[i] - want) / want;
        }
        assert_true(chi < 18.5); /* 4 degrees of freedom, p = 0.001 */
    }
    cull_opts_free(o);
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shares), cmocka_unit_test(how_many),
                                       cmocka_unit_test(quality)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
