/* tarot: against whitening, layers and transport in plain loops, and the best of all small subsets. */
#include "test.h"

#include "base/base.h"
#include "cull/data.h"

enum { N = 150, M = 9, D = 5 };

static cull_pick pick(cull_ctx *cx, const cull_data_problem *p, const char *const *set)
{
    const cull_method *m = cull_method_find("tarot", NULL);
    cull_opts *o;
    cull_pick k;
    ok(cx, cull_opts_new(cx, m, &o));
    for (; *set; set += 2) ok(cx, cull_opts_set(cx, o, set[0], set[1]));
    ok(cx, cull_data_pick(cx, m, o, p, &k));
    cull_opts_free(o);
    return k;
}

typedef struct {
    float x[N * D], y[M * D];
    double cos[M][N]; /* of whitened rows */
    cull_pool *pool, *target;
    cull_data_problem p;
} problem;

/* L^-1 (row - mean), by the definitions. */
static void whitened(const problem *b, double w[N + M][D])
{
    double mean[D] = {0}, c[D][D] = {{0}}, l[D][D] = {{0}};
    for (int i = 0; i < N + M; i++)
        for (int j = 0; j < D; j++) {
            w[i][j] = (double)(i < N ? b->x[i * D + j] : b->y[(i - N) * D + j]);
            mean[j] += w[i][j] / (N + M);
        }
    for (int i = 0; i < N + M; i++)
        for (int j = 0; j < D; j++) w[i][j] -= mean[j];
    for (int j = 0; j < D; j++)
        for (int k = 0; k < D; k++) {
            for (int i = 0; i < N + M; i++) c[j][k] += w[i][j] * w[i][k] / (N + M);
            if (j == k) c[j][k] += 1e-5;
        }
    for (int j = 0; j < D; j++)
        for (int i = j; i < D; i++) {
            double s = c[i][j];
            for (int k = 0; k < j; k++) s -= l[i][k] * l[j][k];
            l[i][j] = i == j ? sqrt(s) : s / l[j][j];
        }
    for (int i = 0; i < N + M; i++)
        for (int j = 0; j < D; j++) {
            for (int k = 0; k < j; k++) w[i][j] -= l[j][k] * w[i][k];
            w[i][j] /= l[j][j];
        }
}

/* n examples (of N), m target rows (of M) of unequal scales. */
static problem *make(cull_ctx *cx, uint64_t seed, int n, int m)
{
    problem *b = calloc(1, sizeof *b);
    static double w[N + M][D];
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < N * D; i++)
        b->x[i] = (float)(pow(3, i % D) * (cull__rng_normal(&r) + (i / D % 3 == 0)));
    for (int i = 0; i < M * D; i++)
        b->y[i] = (float)(pow(3, i % D) * (0.7 * cull__rng_normal(&r) + 0.5 * (i / D % 2)));
    whitened(b, w);
    for (int v = 0; v < M; v++)
        for (int i = 0; i < N; i++) {
            double xx = 0, yy = 0, xy = 0;
            for (int j = 0; j < D; j++) {
                double s = w[i][j], t = w[N + v][j];
                xx += s * s, yy += t * t, xy += s * t;
            }
            b->cos[v][i] = xy / sqrt(xx * yy);
        }
    ok(cx, cull_pool_from(cx, b->x, CULL_F32, n, D, &b->pool));
    ok(cx, cull_pool_from(cx, b->y, CULL_F32, m, D, &b->target));
    b->p = (cull_data_problem){.n = n, .pool = b->pool, .target = b->target};
    return b;
}

static void drop(problem *b)
{
    cull_pool_free(b->pool);
    cull_pool_free(b->target);
    free(b);
}

static double chord(double cos) { return sqrt(fmax(0, 2 - 2 * cos)); }

/* The example of rank r (0 = nearest) of target row v. */
static int ranked(const problem *b, int v, int r)
{
    for (int i = 0; i < N; i++) {
        int before = 0;
        for (int j = 0; j < N; j++)
            before += b->cos[v][j] > b->cos[v][i] || (b->cos[v][j] == b->cos[v][i] && j < i);
        if (before == r) return i;
    }
    return -1;
}

/* Potentials of `count` rows in their entropic transport onto the target, by plain iterations. */
static void potentials(const problem *b, const int *row, int count, double eps, double *f)
{
    double g[M] = {0};
    for (int it = 0; it < 2000; it++) {
        for (int i = 0; i < count; i++) {
            double s = 0;
            for (int v = 0; v < M; v++) s += exp((g[v] - chord(b->cos[v][row[i]])) / eps) / M;
            f[i] = -eps * log(s);
        }
        for (int v = 0; v < M; v++) {
            double s = 0;
            for (int i = 0; i < count; i++)
                s += exp((f[i] - chord(b->cos[v][row[i]])) / eps) / count;
            g[v] = -eps * log(s);
        }
    }
}

/* Layer after layer, each as it must be; the last by its potentials, which are right to what epsilon and
 * the marginal of a target row, off by all of the tolerance, can make. */
static void by_layers(void **state)
{
    (void)state;
    const double slack = 0.5 * M * 0.001;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (uint64_t trial = 0; trial < 12; trial++) {
        problem *b = make(cx, trial, N, M);
        bool taken[N] = {false};
        b->p.budget = 8 + 7 * (double)trial;
        const char *const set[] = {"epsilon", "0.5", "tolerance", "0.001", NULL};
        cull_pick k = pick(cx, &b->p, set);
        int64_t at = 0;
        assert_int_equal(k.n, (int64_t)b->p.budget);
        assert_string_equal(k.by_what, "target");
        for (int r = 0; at < k.n; r++) {
            int item[M], count = 0;
            double f[M];
            for (int v = 0; v < M; v++) {
                int i = ranked(b, v, r);
                bool known = taken[i];
                for (int c = 0; c < count; c++) known |= item[c] == i;
                if (!known) item[count++] = i;
            }
            bool whole = at + count <= k.n;
            if (!whole) potentials(b, item, count, 0.5, f);
            double last = -INFINITY;
            for (int c = 0; c < count && at < k.n; c++, at++) {
                int64_t i = k.idx[at], which = -1;
                for (int e = 0; e < count; e++)
                    if (item[e] == i) which = e;
                assert_true(which >= 0);
                if (whole) {
                    assert_int_equal(which, c);
                } else {
                    assert_true(f[which] >= last - slack);
                    last = fmax(last, f[which]);
                }
                taken[i] = true;
                assert_true(fabs(k.score[at] - b->cos[k.by[at]][i]) < 1e-5);
                assert_int_equal(ranked(b, k.by[at], r), i);
            }
            for (int e = 0; e < count && !whole; e++)
                if (!taken[item[e]]) assert_true(f[e] >= last - slack);
        }
        cull_pick_free(&k);
        drop(b);
    }
    cull_ctx_free(cx);
}

/* Exact transport of three examples, two target rows' worth each, onto six: all 90 ways. */
static double three_to_six(const problem *b, const int *row)
{
    double least = INFINITY;
    for (int code = 0; code < 729; code++) {
        int count[3] = {0};
        double sum = 0;
        for (int v = 0, c = code; v < 6; v++, c /= 3) {
            count[c % 3]++;
            sum += chord(b->cos[v][row[c % 3]]) / 6;
        }
        if (count[0] == 2 && count[1] == 2 && sum < least) least = sum;
    }
    return least;
}

/* Three of twelve, all of one layer: always nearer to the target than the mean of all 220 triples, and on
 * average two thirds of the way from there to the best. */
static void best_subset(void **state)
{
    (void)state;
    enum { TRIALS = 40 };
    cull_ctx *cx = cull_ctx_new(NULL);
    double share = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        problem *b = make(cx, 100 + trial, N, M);
        cull_pool *pool, *target;
        double best = INFINITY, mean = 0;
        const char *const set[] = {"whiten", "false", NULL};
        float x[12 * D], y[6 * D];
        ok(cx, cull_pool_from(cx, x, CULL_F32, 12, D, &pool));
        ok(cx, cull_pool_from(cx, y, CULL_F32, 6, D, &target));
        static double w[N + M][D];
        whitened(b, w); /* by all rows, so that these few are not whitened into a sphere */
        for (int i = 0; i < 12 * D; i++) x[i] = (float)w[i / D][i % D];
        for (int i = 0; i < 6 * D; i++) y[i] = (float)w[N + i / D][i % D];
        cull_data_problem p = {.n = 12, .pool = pool, .target = target, .budget = 3};
        cull_pick k = pick(cx, &p, set);
        assert_int_equal(k.n, 3);
        for (int i = 0; i < 12; i++)
            for (int j = i + 1; j < 12; j++)
                for (int l = j + 1; l < 12; l++) {
                    double v = three_to_six(b, (int[3]){i, j, l});
                    mean += v / 220;
                    best = fmin(best, v);
                }
        double got = three_to_six(b, (int[3]){(int)k.idx[0], (int)k.idx[1], (int)k.idx[2]});
        assert_true(got >= best - 1e-6);
        assert_true(got < mean);
        share += (mean - got) / (mean - best) / TRIALS;
        cull_pick_free(&k);
        cull_pool_free(pool), cull_pool_free(target);
        drop(b);
    }
    assert_true(share > 2.0 / 3);
    cull_ctx_free(cx);
}

/* A hundred of the pool lie where the target does, the rest elsewhere: about so many are kept, and a
 * budget below that still binds. */
static void estimate(void **state)
{
    (void)state;
    enum { POOL = 400, WANT = 60 };
    cull_ctx *cx = cull_ctx_new(NULL);
    static float x[POOL * D], y[WANT * D];
    cull_rng r = cull__rng_seeded(8, 8);
    for (int i = 0; i < POOL * D; i++)
        x[i] = (float)(cull__rng_normal(&r) + (i / D % 4 ? -4 : 4) * (i % D < 2));
    for (int i = 0; i < WANT * D; i++) y[i] = (float)(cull__rng_normal(&r) + 4 * (i % D < 2));
    cull_pool *pool, *target;
    ok(cx, cull_pool_from(cx, x, CULL_F32, POOL, D, &pool));
    ok(cx, cull_pool_from(cx, y, CULL_F32, WANT, D, &target));
    cull_data_problem p = {.n = POOL, .pool = pool, .target = target, .budget = POOL};
    const char *const set[] = {"estimate", "true", "epsilon", "0.001", NULL};
    cull_pick k = pick(cx, &p, set), few;
    int64_t near = 0;

    for (int64_t i = 0; i < k.n; i++) near += k.idx[i] % 4 == 0;
    assert_in_range(k.n, 80, 120);
    assert_true(near >= 90);
    p.budget = 10;
    few = pick(cx, &p, set);
    assert_int_equal(few.n, 10);
    cull_pick_free(&k), cull_pick_free(&few);
    cull_pool_free(pool), cull_pool_free(target);
    cull_ctx_free(cx);
}

/* Lists that end early: the rest goes by the largest cosine. */
static void short_lists(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    problem *b = make(cx, 77, N, M);
    const char *const set[] = {"depth", "2", NULL};
    b->p.budget = 60;
    cull_pick k = pick(cx, &b->p, set);
    double last = INFINITY;
    int64_t listed = 0;
    bool taken[N] = {false};
    assert_int_equal(k.n, 60);
    for (int64_t at = 0; at < k.n; at++) {
        bool near = false;
        for (int v = 0; v < M; v++)
            near |= k.idx[at] == ranked(b, v, 0) || k.idx[at] == ranked(b, v, 1);
        assert_true(!near || at == listed);
        listed += near;
        taken[k.idx[at]] = true;
        if (!near) assert_true(k.score[at] <= last), last = k.score[at];
    }
    for (int i = 0; i < N; i++)
        for (int v = 0; v < M; v++) assert_true(taken[i] || b->cos[v][i] <= last + 1e-5);
    cull_pick_free(&k);
    drop(b);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_layers), cmocka_unit_test(best_subset),
                                       cmocka_unit_test(estimate), cmocka_unit_test(short_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
