/* router: rows whose best model is known from their features; budgets, targets and delays kept; neighbours and ridge against plain
 * loops and normal equations. */
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"
#include "score/router.h"

enum { N = 600, K = 3, D = 3 };

/* The small model is right where x0 < 0, the middle one where x1 < 0.5, the large one nearly everywhere. */
typedef struct {
    float x[N * D];
    const float *xs[1];
    double quality[K * N], each[K], delay[K], cost[K * N];
    int64_t d[1];
    cull_outcomes rows;
} world;

static void make(world *w, uint64_t seed, double noise)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < D; j++) w->x[i * D + j] = (float)cull__rng_normal(&r);
        for (int k = 0; k < K; k++) {
            bool right = k == 0 ? w->x[i * D] < 0 : k == 1 ? w->x[i * D + 1] < 0.5f : true;
            if (cull__rng_unit(&r) < noise) right = !right;
            w->quality[k * N + i] = right;
        }
    }
    for (int k = 0; k < K; k++) w->each[k] = (double[]){1, 2.5, 9}[k];
    for (int k = 0; k < K; k++) w->delay[k] = 0.5 + k;
    w->xs[0] = w->x;
    w->d[0] = D;
    w->rows = (cull_outcomes){.n = N,
                              .models = K,
                              .quality = w->quality,
                              .each = w->each,
                              .delay = w->delay,
                              .x = w->xs,
                              .d = w->d,
                              .xs = 1};
}

static cull_opts *options(cull_ctx *cx, const char *name, const char *value)
{
    cull_opts *o;
    ok(cx, cull_opts_new(cx, cull_method_find("router", NULL), &o));
    if (name) ok(cx, cull_opts_set(cx, o, name, value));
    return o;
}

static void worth_of(const world *w, const cull_decisions *d, double *cost, double *quality)
{
    *cost = *quality = 0;
    for (int i = 0; i < N; i++) {
        assert_true(d->called[i] == UINT64_C(1) << d->model[i]);
        assert_true(d->cost[i] == w->each[d->model[i]]);
        *cost += d->cost[i] / N;
        *quality += w->quality[d->model[i] * N + i] / N;
    }
}

static void routes_by_features(void **state)
{
    (void)state;
    static world w, other;
    static const char *const kind[] = {"knn", "logistic", "ridge", "boost"};
    static const double floor_of[] = {0.91, 0.93, 0.85, 0.93}; /* far above chance: see below */
    cull_ctx *cx = cull_ctx_new(NULL);
    make(&w, 1, 0.02);
    make(&other, 2, 0.02);
    for (int t = 0; t < 4; t++) {
        cull_opts *o = options(cx, "kind", kind[t]);
        cull_compute_problem q = CULL_COMPUTE_PROBLEM;
        cull_policy *p;
        cull_decisions d;
        double cost, quality;
        q.rows = &w.rows;
        q.budget = 3.6;
        ok(cx, cull_compute_fit(cx, cull_method_find("router", NULL), o, &q, &p));
        ok(cx, cull_compute_apply(cx, p, NULL, &other.rows, &d));
        worth_of(&other, &d, &cost, &quality);
        /* of the cheap model and the large one by chance, this cost buys about 0.5 + 0.48 * 2.6 / 8 */
        assert_true(quality > floor_of[t]);
        assert_true(cost < 3.6 + 0.45); /* three standard errors of what was found on other rows */
        cull_decisions_free(&d);
        ok(cx, cull_opts_set(cx, o, "spend", "1.5"));
        double less;
        ok(cx, cull_compute_apply(cx, p, o, &other.rows, &d));
        worth_of(&other, &d, &less, &quality);
        assert_true(less < 1.75 && less < cost);
        cull_decisions_free(&d);
        ok(cx, cull_opts_set(cx, o, "spend", "0.5"));
        refused(cx, cull_compute_apply(cx, p, o, &other.rows, &d), CULL_EINPUT, "spend 0.5");
        cull_policy_free(p);
        /* a target, for as little as it takes */
        ok(cx, cull_opts_set(cx, o, "spend", "0"));
        q.budget = INFINITY;
        q.target = 0.8;
        ok(cx, cull_compute_fit(cx, cull_method_find("router", NULL), o, &q, &p));
        ok(cx, cull_compute_apply(cx, p, NULL, &other.rows, &d));
        worth_of(&other, &d, &cost, &quality);
        assert_true(fabs(quality - 0.8) < 0.06 && cost < 3);
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_opts_free(o);
    }
    cull_ctx_free(cx);
}

/* Without a limit every row gets the model of most predicted worth; too slow a one is never called. */
static void limits(void **state)
{
    (void)state;
    static world w;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("router", NULL);
    cull_policy *p;
    cull_decisions d;
    make(&w, 3, 0);
    cull_compute_problem q = CULL_COMPUTE_PROBLEM;
    q.rows = &w.rows;
    q.delay = 2;
    ok(cx, cull_compute_fit(cx, m, NULL, &q, &p));
    ok(cx, cull_compute_apply(cx, p, NULL, &w.rows, &d));
    for (int i = 0; i < N; i++) assert_true(d.model[i] < 2);
    cull_decisions_free(&d);
    w.d[0] = 2;
    refused(cx, cull_compute_apply(cx, p, NULL, &w.rows, &d), CULL_EINPUT, "fitted on 3");
    w.d[0] = D;
    cull_policy_free(p);
    q.delay = 0.1;
    refused(cx, cull_compute_fit(cx, m, NULL, &q, &p), CULL_EINPUT, "every model takes longer");
    q.delay = INFINITY;
    q.budget = 0.9;
    refused(cx, cull_compute_fit(cx, m, NULL, &q, &p), CULL_EINPUT, "the cheapest model costs 1");
    q.budget = INFINITY;
    q.target = 1.1;
    refused(cx, cull_compute_fit(cx, m, NULL, &q, &p), CULL_EINPUT, "target 1.1");
    q.target = -INFINITY;
    w.quality[5] = 0.5;
    refused(cx, cull_compute_fit(cx, m, NULL, &q, &p), CULL_EINPUT, "right or wrong");
    for (int i = 0; i < N; i++) w.quality[N + i] = i ? NAN : 1;
    cull_opts *o = options(cx, "kind", "ridge");
    refused(cx, cull_compute_fit(cx, m, o, &q, &p), CULL_EINPUT, "model 2 is known of 1 rows");
    cull_opts_free(o);
    cull_ctx_free(cx);
}

/* ---- predictions against plain loops ---- */

static void solve(double *a, double *b, int n)
{
    for (int c = 0; c < n; c++)
        for (int r = 0; r < n; r++) {
            if (r == c) continue;
            double f = a[r * n + c] / a[c * n + c];
            for (int j = 0; j < n; j++) a[r * n + j] -= f * a[c * n + j];
            b[r] -= f * b[c];
        }
    for (int c = 0; c < n; c++) b[c] /= a[c * n + c];
}

static void predictions(void **state)
{
    (void)state;
    enum { M = 40, NEAR = 7 };
    static world w;
    static double x[N * D], z[N * D], out[K * M];
    cull_ctx *cx = cull_ctx_new(NULL);
    make(&w, 4, 0.1);
    for (int i = 0; i < N * D; i++) x[i] = (double)w.x[i] * (1 + i % D) + 3;
    for (int i = 0; i < 90; i++) w.quality[N + i] = NAN;
    for (int j = 0; j < D; j++) { /* mean 0 and variance 1 */
        double mean = 0, sq = 0;
        for (int i = M; i < N; i++) mean += x[i * D + j] / (N - M);
        for (int i = M; i < N; i++) sq += pow(x[i * D + j] - mean, 2) / (N - M);
        for (int i = 0; i < N; i++) z[i * D + j] = (x[i * D + j] - mean) / sqrt(sq);
    }
    double q[K * (N - M)];
    for (int k = 0; k < K; k++) memcpy(q + k * (N - M), w.quality + k * N + M, sizeof q / K);
    cull__router_rows r = {.n = N - M, .d = D, .models = K, .x = x + M * D, .quality = q};
    cull__router_opts o = {.kind = CULL__ROUTER_KNN, .neighbours = NEAR, .l2 = 3};
    ok(cx, cull__router_say(cx, &r, &o, x, M, out));
    for (int i = 0; i < M; i++) {
        bool used[N] = {false};
        double sum[K] = {0}, of[K] = {0};
        for (int t = 0; t < NEAR; t++) {
            int best = -1;
            double least = INFINITY;
            for (int j = M; j < N; j++) {
                double e = 0;
                for (int c = 0; c < D; c++) e += pow(z[i * D + c] - z[j * D + c], 2);
                if (!used[j] && e < least) least = e, best = j;
            }
            used[best] = true;
            for (int k = 0; k < K; k++) {
                double v = w.quality[k * N + best];
                if (!isnan(v)) sum[k] += v, of[k]++;
            }
        }
        for (int k = 0; k < K; k++)
            if (of[k] > 0) assert_true(fabs(out[k * M + i] - sum[k] / of[k]) < 1e-12);
    }
    /* ridge of the first model: (Z'Z + l2 I) w = Z'(q - mean), all columns centred */
    o.kind = CULL__ROUTER_RIDGE;
    ok(cx, cull__router_say(cx, &r, &o, x, M, out));
    double a[D * D] = {0}, b[D] = {0}, mean = 0;
    for (int i = M; i < N; i++) mean += w.quality[i] / (N - M);
    for (int i = M; i < N; i++)
        for (int j = 0; j < D; j++) {
            b[j] += z[i * D + j] * (w.quality[i] - mean);
            for (int c = 0; c < D; c++) a[j * D + c] += z[i * D + j] * z[i * D + c];
        }
    for (int j = 0; j < D; j++) a[j * D + j] += 3;
    solve(a, b, D);
    for (int i = 0; i < M; i++) {
        double want = mean;
        for (int j = 0; j < D; j++) want += b[j] * z[i * D + j];
        assert_true(fabs(out[i] - want) < 1e-5); /* columns are rounded to f32 */
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_by_features),
        cmocka_unit_test(limits),
        cmocka_unit_test(predictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
