/* metainf: planted tables where the best way is known, tables of rank 2 without error, workloads unlike any seen, costs that stay
 * below a budget as often as promised. */
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"
#include "score/meta.h"

enum { N = 160, M = 80, K = 4 };

/* Way k is best near c_k = 1, 3, 5, 7 on a line: -(x - c)^2; a second feature says nothing. */
static double planted(double x, int k) { return -(x - (1 + 2 * k)) * (x - (1 + 2 * k)); }

static void hulls(void **state)
{
    (void)state;
    static double x[N * 2], v[K * N], asked[M * 2], score[K * M];
    static const int kind[] = {CULL__META_JOINT, CULL__META_EACH, CULL__META_PAIRS,
                               CULL__META_ALORS};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(61, 0);
    for (int i = 0; i < N; i++) {
        x[2 * i] = 8 * (i + 0.5) / N;
        x[2 * i + 1] = x[2 * i] * x[2 * i]; /* alors is linear in what it is given */
        for (int k = 0; k < K; k++) v[k * N + i] = planted(x[2 * i], k);
    }
    cull__meta_rows rows = {.n = N, .d = 2, .ways = K, .x = x, .v = v};
    for (int i = 0; i < M; i++) { /* a quarter away from where two ways are as good */
        asked[2 * i] = (double)(2 * cull__rng_below(&r, K)) + 0.25 + 1.5 * cull__rng_unit(&r);
        asked[2 * i + 1] = asked[2 * i] * asked[2 * i];
    }
    for (int t = 0; t < 4; t++) {
        cull__meta_opts o = {.kind = kind[t],
                             .predictor = CULL_PREDICT_BOOST,
                             .rounds = 300,
                             .depth = 6,
                             .rate = 0.2,
                             .rank = 5,
                             .l2 = 1e-9,
                             .stream = 1};
        ok(cx, cull__meta_say(cx, &rows, &o, asked, M, score));
        for (int i = 0; i < M; i++) {
            int best = 0, want = (int)(asked[2 * i] / 2);
            for (int k = 1; k < K; k++)
                if (score[k * M + i] > score[best * M + i]) best = k;
            assert_int_equal(best, want);
        }
    }
    /* clusters cut the line elsewhere: they are better than any one way, and no more is asked */
    cull__meta_opts o = {.kind = CULL__META_ISAC};
    ok(cx, cull__meta_say(cx, &rows, &o, asked, M, score));
    double ours = 0, single = -INFINITY;
    for (int k = 0; k < K; k++) {
        double sum = 0;
        for (int i = 0; i < M; i++) sum += planted(asked[2 * i], k) / M;
        single = fmax(single, sum);
    }
    for (int i = 0; i < M; i++) {
        int best = 0;
        for (int k = 1; k < K; k++)
            if (score[k * M + i] > score[best * M + i]) best = k;
        ours += planted(asked[2 * i], best) / M;
    }
    assert_true(ours > single / 2);
    cull_ctx_free(cx);
}

/* A table of rank 2 whose left factors are linear in the features: rows never seen come out to 1e-6. */
static void rank_two(void **state)
{
    (void)state;
    enum { D = 3 };
    static double x[N * D], v[K * N], score[K * M];
    double u[2][D], b[2], w[2][K];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(62, 0);
    for (int t = 0; t < 2; t++) {
        b[t] = cull__rng_normal(&r);
        for (int j = 0; j < D; j++) u[t][j] = cull__rng_normal(&r);
        for (int k = 0; k < K; k++) w[t][k] = cull__rng_normal(&r);
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < D; j++) x[i * D + j] = cull__rng_normal(&r);
        for (int k = 0; k < K; k++) {
            v[k * N + i] = 0;
            for (int t = 0; t < 2; t++) {
                double left = b[t];
                for (int j = 0; j < D; j++) left += u[t][j] * x[i * D + j];
                v[k * N + i] += left * w[t][k];
            }
        }
    }
    double *known = malloc(sizeof *known * K * (N - M));
    for (int k = 0; k < K; k++)
        memcpy(known + k * (N - M), v + k * N + M, (size_t)(N - M) * sizeof *known);
    cull__meta_rows rows = {.n = N - M, .d = D, .ways = K, .x = x + M * D, .v = known};
    cull__meta_opts o = {.kind = CULL__META_ALORS, .rank = 2, .l2 = 1e-10};
    ok(cx, cull__meta_say(cx, &rows, &o, x, M, score));
    for (int i = 0; i < M; i++)
        for (int k = 0; k < K; k++) assert_true(fabs(score[k * M + i] - v[k * N + i]) < 1e-6);
    o.rank = 1; /* and one factor is too few */
    ok(cx, cull__meta_say(cx, &rows, &o, x, M, score));
    double off = 0;
    for (int i = 0; i < M; i++) off = fmax(off, fabs(score[i] - v[i]));
    assert_true(off > 1e-2);
    free(known);
    cull_ctx_free(cx);
}

/* ---- policies ---- */

typedef struct {
    float x[N];
    const float *xs[1];
    double quality[K * N], cost[K * N];
    int64_t d[1];
    cull_outcomes rows;
} world;

/* Quality is a speed, way k's is best near 1 + 2 k; its cost falls with it, and is noisy. */
static void make(world *w, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < N; i++) {
        w->x[i] = (float)(8 * cull__rng_unit(&r));
        for (int k = 0; k < K; k++) {
            w->quality[k * N + i] = exp(planted((double)w->x[i], k) / 10);
            w->cost[k * N + i] = (1 + k) * exp(0.2 * cull__rng_normal(&r));
        }
    }
    w->xs[0] = w->x;
    w->d[0] = 1;
    w->rows = (cull_outcomes){.n = N,
                              .models = K,
                              .quality = w->quality,
                              .cost = w->cost,
                              .x = w->xs,
                              .d = w->d,
                              .xs = 1};
}

static void selects_and_falls_back(void **state)
{
    (void)state;
    static world w, other;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("metainf", NULL);
    make(&w, 1), make(&other, 2);
    cull_compute_problem q = CULL_COMPUTE_PROBLEM;
    cull_policy *p;
    cull_decisions d;
    const double *judged;
    q.rows = &w.rows;
    ok(cx, cull_compute_fit(cx, m, NULL, &q, &p));
    ok(cx, cull_policy_need(cx, p, "judged", CULL__METAS, 2, &judged));
    assert_true(judged[0] > 0.9 && judged[2 * CULL__META_SINGLE] < 1e-9);
    double single[K] = {0};
    int average = 0;
    for (int k = 0; k < K; k++)
        for (int i = 0; i < N; i++) single[k] += log(w.quality[k * N + i]);
    for (int k = 1; k < K; k++)
        if (single[k] > single[average]) average = k;
    other.x[0] = 1000, other.x[1] = -77;
    ok(cx, cull_compute_apply(cx, p, NULL, &other.rows, &d));
    assert_true(d.model[0] == average && d.model[1] == average);
    int right = 0;
    for (int i = 2; i < N; i++) right += d.model[i] == (int)fmin((double)other.x[i] / 2, K - 1);
    assert_true(right > 0.85 * N);
    cull_decisions_free(&d);
    cull_policy_free(p);
    /* the budget is above a row's cost in 9 of 10 */
    q.budget = 2.9;
    ok(cx, cull_compute_fit(cx, m, NULL, &q, &p));
    ok(cx, cull_compute_apply(cx, p, NULL, &other.rows, &d));
    int over = 0, dear = 0;
    for (int i = 0; i < N; i++) over += d.cost[i] > 2.9, dear += d.model[i] > 1;
    assert_true(over < 0.2 * N && dear < 0.1 * N);
    cull_decisions_free(&d);
    cull_policy_free(p);
    q.budget = 0.2;
    refused(cx, cull_compute_fit(cx, m, NULL, &q, &p), CULL_EINPUT, "budget 0.2: the cheapest");
    q.budget = INFINITY;
    q.target = 1;
    refused(cx, cull_compute_fit(cx, m, NULL, &q, &p), CULL_EINPUT, "no target");
    q.target = -INFINITY;
    for (int i = 3; i < N; i++) w.quality[i] = NAN;
    refused(cx, cull_compute_fit(cx, m, NULL, &q, &p), CULL_EINPUT, "known of 3 rows");
    cull_ctx_free(cx);
}

/* Features that say nothing close nothing. */
static void shuffled(void **state)
{
    (void)state;
    static world w;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(9, 0);
    make(&w, 3);
    for (int i = 0; i < N; i++) w.x[i] = (float)cull__rng_unit(&r);
    cull_compute_problem q = CULL_COMPUTE_PROBLEM;
    cull_policy *p;
    const double *judged;
    q.rows = &w.rows;
    ok(cx, cull_compute_fit(cx, cull_method_find("metainf", NULL), NULL, &q, &p));
    ok(cx, cull_policy_need(cx, p, "judged", CULL__METAS, 2, &judged));
    for (int k = 0; k < CULL__METAS; k++) assert_true(judged[2 * k] <= 0.05);
    cull_policy_free(p);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hulls),
        cmocka_unit_test(rank_two),
        cmocka_unit_test(selects_and_falls_back),
        cmocka_unit_test(shuffled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
