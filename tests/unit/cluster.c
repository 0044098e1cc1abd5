/* cull_cluster: the door of k-means, minibatches, a start from drawn rows, checkpoints. */
#include "test.h"

#include "cull/cluster.h"
#include "num/num.h"

#include <sys/stat.h>
#include <unistd.h>

enum { N = 20011, D = 12, K = 40 };

/* Rows about 60 points, of unequal share. */
static float *blobs(void)
{
    float *x = malloc(N * D * sizeof *x), at[60 * D];
    cull_rng r = cull__rng_seeded(3, 0);
    for (int i = 0; i < 60 * D; i++) at[i] = (float)(6 * cull__rng_normal(&r));
    for (int64_t i = 0; i < N; i++) {
        double u = cull__rng_unit(&r);
        const float *c = at + (int)(60 * u * u) * D;
        for (int t = 0; t < D; t++) x[i * D + t] = c[t] + (float)cull__rng_normal(&r);
    }
    return x;
}

static cull_clusters run(const float *x, const cull_cluster_opts *o, int threads, uint64_t *peak)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_clusters c;
    cull_pool *p;
    co.threads = threads;
    cull_ctx *cx = cull_ctx_new(&co);
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &p));
    ok(cx, cull_cluster(cx, p, o, &c));
    if (peak) {
        cull_plan plan;
        ok(cx, cull_cluster_plan(cx, p, o, &plan));
        *peak = cull_ctx_peak(cx);
        double said = (double)plan.bytes, took = (double)*peak, slack = (threads + 1) * 65536.0;
        if (said * 1.1 + slack < took || (threads == 1 && said > 1.1 * took + slack))
            fail_msg("start %d, batch %d: said %.0f bytes, took %.0f", o->sampled, (int)o->batch,
                     said, took);
    }
    /* freed before the ctx: copy out */
    cull_clusters mine = c;
    mine.centroid = malloc((size_t)(c.k * c.d) * sizeof *c.centroid);
    mine.assign = malloc((size_t)c.n * sizeof *c.assign);
    mine.count = malloc((size_t)c.k * sizeof *c.count);
    memcpy(mine.centroid, c.centroid, (size_t)(c.k * c.d) * sizeof *c.centroid);
    memcpy(mine.assign, c.assign, (size_t)c.n * sizeof *c.assign);
    memcpy(mine.count, c.count, (size_t)c.k * sizeof *c.count);
    cull_clusters_free(&c);
    cull_pool_free(p);
    cull_ctx_free(cx);
    return mine;
}

static void drop(cull_clusters *c) { free(c->centroid), free(c->assign), free(c->count); }

static double distance(const float *x, const float *c)
{
    double s = 0;
    for (int t = 0; t < D; t++) s += ((double)x[t] - c[t]) * ((double)x[t] - c[t]);
    return s;
}

/* Each row is with its nearest centroid, counts and objective are those of the rows. */
static void right(const float *x, const cull_clusters *c)
{
    double all = 0;
    int64_t *count = calloc(K, sizeof *count);
    for (int64_t i = 0; i < N; i++) {
        const float *own = c->centroid + c->assign[i] * D;
        double mine = distance(x + i * D, own);
        for (int j = 0; j < K; j++)
            assert_true(distance(x + i * D, c->centroid + j * D) > mine - 1e-9);
        all += mine;
        count[c->assign[i]]++;
    }
    assert_memory_equal(count, c->count, K * sizeof *count);
    assert_true(fabs(all - c->objective) < 1e-9 * all);
    free(count);
}

static void forms(void **state)
{
    const float *x = *state;
    double none = 0;
    for (int form = 0; form < 4; form++) {
        cull_cluster_opts o = CULL_CLUSTER_OPTS;
        o.clusters = K;
        o.iterations = form == 3 ? 40 : 6;
        o.sampled = form & 1;
        o.batch = form >= 2 ? 1500 : 0;
        uint64_t peak;
        cull_clusters one = run(x, &o, 1, &peak), two = run(x, &o, 2, &peak);
        right(x, &one);
        assert_memory_equal(one.centroid, two.centroid, K * D * sizeof *one.centroid);
        assert_memory_equal(one.assign, two.assign, N * sizeof *one.assign);
        assert_memory_equal(&one.objective, &two.objective, sizeof one.objective);
        /* better than where it started */
        o.iterations = 0;
        cull_clusters start = run(x, &o, 2, NULL);
        assert_true(one.objective < 0.99 * start.objective);
        if (form == 1) none = one.objective;
        if (form == 3) assert_true(one.objective < 1.15 * none); /* from the same rows */
        drop(&one), drop(&two), drop(&start);
    }
}

/* A minibatch as large as the pool is Lloyd's step, but for its memory of rows gone by. */
static void whole_batch(void **state)
{
    const float *x = *state;
    cull_cluster_opts o = CULL_CLUSTER_OPTS;
    o.clusters = K, o.iterations = 1, o.sampled = true;
    cull_clusters full = run(x, &o, 2, NULL);
    o.batch = 10 * N;
    cull_clusters batch = run(x, &o, 2, NULL);
    for (int i = 0; i < K * D; i++)
        assert_true(fabs((double)full.centroid[i] - batch.centroid[i]) <
                    1e-5 * (1 + fabs((double)full.centroid[i])));
    drop(&full), drop(&batch);
}

static void spherical(void **state)
{
    const float *x = *state;
    cull_cluster_opts o = CULL_CLUSTER_OPTS;
    o.clusters = K, o.spherical = true, o.iterations = 8;
    for (int batch = 0; batch < 2; batch++) {
        o.batch = batch ? 3000 : 0;
        cull_clusters c = run(x, &o, 2, NULL);
        for (int i = 0; i < K; i++) {
            double s = 0;
            for (int t = 0; t < D; t++) s += (double)c.centroid[i * D + t] * c.centroid[i * D + t];
            assert_true(fabs(s - 1) < 1e-5);
        }
        drop(&c);
    }
}

static int stop_after(void *user, const char *what, double done, double total)
{
    (void)done, (void)total;
    return !strcmp(what, "k-means") && --*(int *)user <= 0;
}

/* Stopped at any tick, it goes on to the same bits, and cleans up; another run's folder is refused. */
static void goes_on(void **state)
{
    const float *x = *state;
    char dir[] = "/tmp/cull-cluster-XXXXXX", keep[64];
    assert_non_null(mkdtemp(dir));
    snprintf(keep, sizeof keep, "%s/keep", dir);
    for (int batch = 0; batch < 2; batch++) {
        cull_cluster_opts o = CULL_CLUSTER_OPTS;
        o.clusters = K, o.iterations = 9, o.batch = batch ? 2000 : 0;
        cull_clusters want = run(x, &o, 2, NULL), got;
        o.checkpoint = keep;
        int runs = 0;
        for (int ticks = 30;; ticks += 5) {
            int left = ticks;
            cull_ctx_opts co = CULL_CTX_OPTS;
            co.tick = stop_after, co.tick_ms = 0, co.user = &left, co.threads = 2;
            cull_pool *p;
            cull_ctx *cx = cull_ctx_new(&co);
            ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &p));
            cull_status s = cull_cluster(cx, p, &o, &got);
            if (runs == 2) { /* somebody else's */
                cull_cluster_opts other = o;
                cull_clusters none;
                other.iterations = 10;
                refused(cx, cull_cluster(cx, p, &other, &none), CULL_EINPUT, "another run");
                refused(cx, cull_cluster(cx, p, &other, &none), CULL_EINPUT, "iterations: 9");
            }
            if (s == CULL_OK) {
                assert_memory_equal(got.centroid, want.centroid, K * D * sizeof *got.centroid);
                assert_memory_equal(got.assign, want.assign, N * sizeof *got.assign);
                cull_clusters_free(&got);
            }
            cull_pool_free(p);
            cull_ctx_free(cx);
            runs++;
            if (s == CULL_OK) break;
            assert_int_equal(s, CULL_ECANCEL);
        }
        assert_true(runs > 3);
        struct stat st;
        assert_int_equal(stat(keep, &st), -1); /* gone */
        drop(&want);
    }
    rmdir(dir);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float x[] = {1, 2, 3, NAN};
    cull_pool *p, *empty;
    cull_clusters c;
    cull_cluster_opts o = CULL_CLUSTER_OPTS;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 2, 2, &p));
    ok(cx, cull_pool_from(cx, x, CULL_F32, 0, 2, &empty));
    refused(cx, cull_cluster(cx, p, &o, &c), CULL_EOPTION, "8 clusters of 2 rows");
    o.clusters = 2;
    refused(cx, cull_cluster(cx, p, &o, &c), CULL_EINPUT, "[1, 1] is nan");
    refused(cx, cull_cluster(cx, empty, &o, &c), CULL_EINPUT, "has no rows");
    o.batch = 1;
    x[3] = 4;
    refused(cx, cull_cluster(cx, p, &o, &c), CULL_EOPTION, "batches of 1 rows for 2 clusters");
    o.batch = -1;
    refused(cx, cull_cluster(cx, p, &o, &c), CULL_EOPTION, "none may be negative");
    cull_pool_free(p), cull_pool_free(empty);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(whole_batch),
                                       cmocka_unit_test(spherical), cmocka_unit_test(goes_on),
                                       cmocka_unit_test(refusals)};
    float *x = blobs();
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        ((struct CMUnitTest *)tests)[i].initial_state = x;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(x);
    return failed;
}
