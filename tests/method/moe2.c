/* moe2: the subset it enlists against all subsets, by its own gate as the policy keeps it; planted experts; budgets, top and delays
 * kept row by row. */
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"

enum { N = 300, K = 6, D = 3, C = 4 };

/* Rows lie in one of K corners of features; expert k knows its own corners and guesses elsewhere. */
typedef struct {
    float out[K][N * C], x[N * D];
    const float *o[K], *xs[1];
    double truth[N], delay[K], each[K], cost[K * N];
    int64_t d[1];
    cull_outcomes rows;
} world;

static void make(world *w, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < N; i++) {
        int corner = (int)cull__rng_below(&r, K);
        w->truth[i] = (double)cull__rng_below(&r, C);
        for (int j = 0; j < D; j++)
            w->x[i * D + j] = (float)((corner >> j & 1) * 4 + cull__rng_normal(&r));
        for (int k = 0; k < K; k++) {
            double sum = 0, p[C];
            bool knows = corner == k || corner == (k + 1) % K;
            for (int c = 0; c < C; c++) {
                p[c] = exp(cull__rng_normal(&r) + (knows && c == w->truth[i] ? 4 : 0));
                sum += p[c];
            }
            for (int c = 0; c < C; c++) w->out[k][i * C + c] = (float)(p[c] / sum);
        }
    }
    for (int k = 0; k < K; k++) {
        w->o[k] = w->out[k];
        w->each[k] = 0.3 + 1.7 * cull__rng_unit(&r);
        w->delay[k] = 0.2 + cull__rng_unit(&r);
        for (int i = 0; i < N; i++) w->cost[k * N + i] = w->each[k] * (0.5 + cull__rng_unit(&r));
    }
    w->xs[0] = w->x;
    w->d[0] = D;
    w->rows = (cull_outcomes){.n = N,
                              .models = K,
                              .classes = C,
                              .outputs = CULL_PROBABILITIES,
                              .out = w->o,
                              .each = w->each,
                              .delay = w->delay,
                              .truth = w->truth,
                              .x = w->xs,
                              .d = w->d,
                              .xs = 1};
}

static cull_opts *options(cull_ctx *cx, const char *const *pairs)
{
    cull_opts *o;
    ok(cx, cull_opts_new(cx, cull_method_find("moe2", NULL), &o));
    for (; pairs && pairs[0]; pairs += 2) ok(cx, cull_opts_set(cx, o, pairs[0], pairs[1]));
    return o;
}

/* The gate's numbers z (N, K), from the policy. */
static void gate_of(cull_ctx *cx, const cull_policy *p, const world *w, double *z)
{
    const double *mean, *scale, *w0, *b0, *w1 = cull_policy_get(p, "gate.1.weight", NULL, NULL);
    int64_t h, wide;
    ok(cx, cull_policy_need(cx, p, "gate.mean", 1, D, &mean));
    ok(cx, cull_policy_need(cx, p, "gate.scale", 1, D, &scale));
    w0 = cull_policy_get(p, "gate.0.weight", &h, &wide);
    assert_int_equal(wide, D);
    ok(cx, cull_policy_need(cx, p, "gate.0.bias", 1, h, &b0));
    for (int i = 0; i < N; i++) {
        double mid[64];
        for (int64_t o = 0; o < h; o++) {
            mid[o] = b0[o];
            for (int j = 0; j < D; j++)
                mid[o] += w0[o * D + j] * (((double)w->x[i * D + j] - mean[j]) * scale[j]);
        }
        if (!w1) memcpy(z + i * K, mid, K * sizeof *z);
        for (int k = 0; w1 && k < K; k++) {
            z[i * K + k] = cull_policy_get(p, "gate.1.bias", NULL, NULL)[k];
            for (int64_t o = 0; o < h; o++) z[i * K + k] += w1[k * h + o] * fmax(mid[o], 0);
        }
    }
}

/* Weights g (K) of one row: the `top` largest of z within set; returns who is called. */
static unsigned weigh(const double *z, unsigned set, int top, double *g)
{
    unsigned called = 0;
    double sum = 0;
    for (int k = 0; k < K; k++) {
        int above = 0;
        for (int j = 0; j < K; j++)
            above += (set >> j & 1) && (z[j] > z[k] || (z[j] == z[k] && j < k));
        if ((set >> k & 1) && (!top || above < top)) called |= 1u << k;
    }
    for (int k = 0; k < K; k++) sum += g[k] = called >> k & 1 ? exp(z[k]) : 0;
    for (int k = 0; k < K; k++) g[k] /= sum;
    return called;
}

static double loss(const world *w, const double *z, unsigned set, int top)
{
    double sum = 0, g[K];
    for (int i = 0; i < N; i++) {
        double p = 0;
        weigh(z + i * K, set, top, g);
        for (int k = 0; k < K; k++) {
            double all = 0;
            for (int c = 0; c < C; c++) all += (double)w->out[k][i * C + c];
            p += g[k] * fmax((double)w->out[k][i * C + (int)w->truth[i]] / all, 1e-6);
        }
        sum -= log(p) / N;
    }
    return sum;
}

/* What `top` of a set may take, the dearest first. */
static double most(const double *v, unsigned set, int top)
{
    double sum = 0;
    for (int t = 0; set && (!top || t < top); t++) {
        int best = -1;
        for (int k = 0; k < K; k++)
            if ((set >> k & 1) && (best < 0 || v[k] > v[best])) best = k;
        sum += v[best];
        set &= ~(1u << best);
    }
    return sum;
}

static void enlists_the_best(void **state)
{
    (void)state;
    static world w;
    static double z[N * K];
    static const char *const tops[] = {"0", "1", "2"}, *const gates[] = {"mlp", "linear"};
    cull_ctx *cx = cull_ctx_new(NULL);
    int sizes[K + 1] = {0};
    for (int t = 0; t < 18; t++) {
        int top = t % 3;
        bool sequential = t % 2;
        make(&w, 50 + (uint64_t)t);
        const char *pairs[] = {"folds",      "0",        "refit",
                               "no",         "epochs",   "15",
                               "top",        tops[top],  "shape",
                               gates[t % 2], "together", sequential ? "sequential" : "parallel",
                               NULL};
        cull_opts *o = options(cx, pairs);
        cull_compute_problem q = CULL_COMPUTE_PROBLEM;
        q.rows = &w.rows;
        q.budget = 0.6 * (1 + t % 5);
        q.delay = t % 4 == 3 ? 1.3 : INFINITY;
        if (top == 1) q.budget = 1.1;
        cull_policy *p;
        ok(cx, cull_compute_fit(cx, cull_method_find("moe2", NULL), o, &q, &p));
        gate_of(cx, p, &w, z);
        unsigned got = 0, called = 0;
        double least = INFINITY;
        for (unsigned s = 1; s < 1u << K; s++) {
            double slow = 0;
            for (int k = 0; k < K; k++)
                if (s >> k & 1) slow = fmax(slow, w.delay[k]);
            if (sequential) slow = most(w.delay, s, top);
            if (most(w.each, s, top) > q.budget || slow > q.delay) continue;
            double l = loss(&w, z, s, top);
            least = fmin(least, l);
        }
        const double *in;
        double said;
        ok(cx, cull_policy_need(cx, p, "enlisted", 1, K, &in));
        ok(cx, cull_policy_need_number(cx, p, "loss", &said));
        for (int k = 0; k < K; k++) got |= (unsigned)(in[k] > 0) << k;
        assert_true(fabs(said - least) < 1e-9);
        assert_true(fabs(loss(&w, z, got, top) - least) < 1e-9);
        assert_true(most(w.each, got, top) <= q.budget);
        for (int i = 0; i < N; i++) called |= weigh(z + i * K, got, top, (double[K]){0});
        assert_int_equal(called, got); /* nobody is enlisted in vain */
        for (int k = 0; k < K; k++) sizes[__builtin_popcount(got)] += k == 0;
        cull_policy_free(p);
        cull_opts_free(o);
    }
    assert_true(sizes[1] < 9 && sizes[2] + sizes[3] + sizes[4] > 6); /* not always the same */
    cull_ctx_free(cx);
}

static void decides_as_it_says(void **state)
{
    (void)state;
    static world w;
    static double z[N * K];
    cull_ctx *cx = cull_ctx_new(NULL);
    make(&w, 99);
    w.rows.cost = w.cost;
    const char *pairs[] = {"top", "2", "epochs", "30", NULL};
    cull_opts *o = options(cx, pairs);
    cull_compute_problem q = CULL_COMPUTE_PROBLEM;
    q.rows = &w.rows;
    q.budget = 2.4;
    cull_policy *p;
    cull_decisions d;
    ok(cx, cull_compute_fit(cx, cull_method_find("moe2", NULL), o, &q, &p));
    ok(cx, cull_compute_apply(cx, p, NULL, &w.rows, &d));
    gate_of(cx, p, &w, z);
    const double *in;
    unsigned set = 0;
    ok(cx, cull_policy_need(cx, p, "enlisted", 1, K, &in));
    for (int k = 0; k < K; k++) set |= (unsigned)(in[k] > 0) << k;
    double mean = 0, right = 0, alone = 0;
    for (int i = 0; i < N; i++) {
        double g[K], cost = 0, sum[C] = {0};
        unsigned called = weigh(z + i * K, set, 2, g);
        assert_int_equal(d.called[i], called);
        for (int k = 0; k < K; k++) {
            if (called >> k & 1) cost += w.cost[k * N + i];
            for (int c = 0; c < C; c++) sum[c] += g[k] * (double)w.out[k][i * C + c];
        }
        assert_true(fabs(d.cost[i] - cost) < 1e-12);
        for (int c = 0; c < C; c++) assert_true(sum[c] <= sum[d.label[i]] + 1e-6);
        mean += cost / N;
        right += d.label[i] == w.truth[i];
    }
    assert_true(mean <= 2.4);
    for (int k = 0; k < K; k++) {
        double hits = 0;
        for (int i = 0; i < N; i++) {
            int best = 0;
            for (int c = 1; c < C; c++)
                if (w.out[k][i * C + c] > w.out[k][i * C + best]) best = c;
            hits += best == w.truth[i];
        }
        alone = fmax(alone, hits);
    }
    assert_true(right > alone + 0.1 * N); /* experts know a third of the rows each */
    cull_decisions_free(&d);
    /* without outputs it still says whom to call */
    cull_outcomes bare = {.n = N, .models = K, .x = w.xs, .d = w.d, .xs = 1};
    ok(cx, cull_compute_apply(cx, p, NULL, &bare, &d));
    assert_null(d.label);
    double g[K];
    for (int i = 0; i < N; i++) {
        assert_int_equal(d.called[i], weigh(z + i * K, set, 2, g));
        assert_true(d.cost[i] == __builtin_popcountll(d.called[i]));
    }
    cull_decisions_free(&d);
    cull_policy_free(p);
    cull_opts_free(o);
    cull_ctx_free(cx);
}

/* Two threads are one; a refitted gate is used only where it is better. */
static void threads_and_refits(void **state)
{
    (void)state;
    static world w;
    static const char *const part[] = {"gate.0.weight", "gate.0.bias", "enlisted"};
    make(&w, 7);
    cull_compute_problem q = CULL_COMPUTE_PROBLEM;
    q.rows = &w.rows;
    q.budget = 2.2;
    cull_policy *p[2];
    cull_ctx *cx[2];
    for (int t = 0; t < 2; t++) {
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.threads = t + 1;
        cx[t] = cull_ctx_new(&co);
        const char *pairs[] = {"epochs", "25", NULL};
        cull_opts *o = options(cx[t], pairs);
        ok(cx[t], cull_compute_fit(cx[t], cull_method_find("moe2", NULL), o, &q, &p[t]));
        cull_opts_free(o);
    }
    for (int i = 0; i < 3; i++) {
        int64_t r[2], c[2];
        const double *a = cull_policy_get(p[0], part[i], &r[0], &c[0]);
        const double *b = cull_policy_get(p[1], part[i], &r[1], &c[1]);
        assert_true(r[0] == r[1] && c[0] == c[1]);
        assert_memory_equal(a, b, (size_t)(r[0] * c[0]) * sizeof *a);
    }
    for (int t = 0; t < 2; t++) {
        cull_policy_free(p[t]);
        cull_ctx_free(cx[t]);
    }
}

static void wrong_input(void **state)
{
    (void)state;
    static world w;
    make(&w, 8);
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("moe2", NULL);
    cull_compute_problem q = CULL_COMPUTE_PROBLEM;
    cull_policy *p;
    q.rows = &w.rows;
    q.budget = 0.1;
    const char *pairs[] = {"folds", "0", "epochs", "2", NULL};
    cull_opts *o = options(cx, pairs);
    refused(cx, cull_compute_fit(cx, m, o, &q, &p), CULL_EINPUT, "budget 0.1: no expert fits");
    q.budget = 9;
    q.delay = 0.1;
    refused(cx, cull_compute_fit(cx, m, o, &q, &p), CULL_EINPUT, "no expert fits both");
    w.rows.delay = NULL;
    refused(cx, cull_compute_fit(cx, m, o, &q, &p), CULL_EINPUT, "delays of the models");
    q.delay = INFINITY;
    q.target = 0.9;
    refused(cx, cull_compute_fit(cx, m, o, &q, &p), CULL_EINPUT, "no target");
    q.target = -INFINITY;
    w.rows.n = 7;
    refused(cx, cull_compute_fit(cx, m, NULL, &q, &p), CULL_EINPUT, "7 rows are too few");
    w.rows.n = N;
    ok(cx, cull_compute_fit(cx, m, o, &q, &p));
    cull_decisions d;
    w.d[0] = D - 1;
    refused(cx, cull_compute_apply(cx, p, NULL, &w.rows, &d), CULL_EINPUT, "fitted on 3");
    cull_policy_free(p);
    cull_opts_free(o);
    cull_ctx_free(cx);
}

static void memory_fails(void **state)
{
    (void)state;
    static world w;
    make(&w, 9);
    w.rows.n = 40;
    cull_compute_problem q = CULL_COMPUTE_PROBLEM;
    q.rows = &w.rows;
    q.budget = 2;
    for (long k = 1; k < 400; k += 1 + k / 8) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        const char *pairs[] = {"folds", "2", "epochs", "2", NULL};
        cull_opts *o = options(cx, pairs);
        cull_policy *p;
        long live = h.live;
        h.fail_at = h.calls + k;
        cull_status s = cull_compute_fit(cx, cull_method_find("moe2", NULL), o, &q, &p);
        bool met = h.calls >= h.fail_at;
        assert_int_equal(s, met ? CULL_ENOMEM : CULL_OK);
        if (met) assert_null(p);
        cull_policy_free(p);
        (void)live;
        cull_opts_free(o);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!met) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enlists_the_best),   cmocka_unit_test(decides_as_it_says),
        cmocka_unit_test(threads_and_refits), cmocka_unit_test(wrong_input),
        cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
