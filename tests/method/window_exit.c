/* window-exit: passing all is the ensemble and passing none the first member, to the bit; thresholds and windows by plain
 * loops; rows outside keep their side; windows set anew; three members; wrong input. */
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"
#include "cull/confidence.h"

enum { N = 3000, C = 5, K = 3 };

typedef struct {
    float out[K][N * C];
    double truth[N], cost[K * N];
    const float *list[K];
    cull_outcomes rows;
} table;

/* Logits of two or three members that err alike on hard rows; far: all of them are less sure. */
static void make(cull_rng *r, table *t, int models, double far)
{
    for (int i = 0; i < N; i++) {
        double hard = cull__rng_unit(r) < far ? .4 : 1, noise[C];
        t->truth[i] = (double)cull__rng_below(r, C);
        for (int c = 0; c < C; c++) noise[c] = cull__rng_normal(r);
        for (int k = 0; k < K; k++) {
            t->cost[k * N + i] = k + 1 + (i & 1);
            for (int c = 0; c < C; c++)
                t->out[k][i * C + c] =
                    (float)(noise[c] + cull__rng_normal(r) + 4 * hard * (c == t->truth[i]));
        }
    }
    for (int k = 0; k < K; k++) t->list[k] = t->out[k];
    t->rows = (cull_outcomes){
        .n = N, .models = models, .classes = C, .out = t->list, .truth = t->truth, .cost = t->cost};
}

static const cull_method *method(void)
{
    const cull_method *m = cull_method_find("window-exit", NULL);
    assert_non_null(m);
    return m;
}

static cull_opts *options(cull_ctx *cx, const char *const *words) /* name, value, ..., NULL */
{
    cull_opts *o;
    ok(cx, cull_opts_new(cx, method(), &o));
    for (; *words; words += 2) ok(cx, cull_opts_set(cx, o, words[0], words[1]));
    return o;
}
#define OPTIONS(cx, ...) options(cx, (const char *const[]){__VA_ARGS__, NULL})

static cull_policy *learn(cull_ctx *cx, const cull_opts *o, const cull_outcomes *rows,
                          double budget)
{
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *policy;
    p.rows = rows;
    p.budget = budget;
    ok(cx, cull_compute_fit(cx, method(), o, &p, &policy));
    return policy;
}

/* Members 0 .. m of row i: mean softmax p, mean of the largest ones; the class. */
static int together(const table *t, int m, int i, double *p, double *top)
{
    int best = 0;
    memset(p, 0, C * sizeof *p);
    *top = 0;
    for (int k = 0; k <= m; k++) {
        double z[C], most = 0;
        for (int c = 0; c < C; c++) z[c] = t->out[k][i * C + c];
        cull_softmax(z, C, 1, z);
        for (int c = 0; c < C; c++) {
            p[c] += z[c];
            if (z[c] > most) most = z[c];
        }
        *top += most;
    }
    for (int c = 0; c < C; c++) {
        p[c] /= m + 1;
        if (p[c] > p[best]) best = c;
    }
    *top /= m + 1;
    return best;
}

static void all_or_none(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t;
    cull_rng r = cull__rng_seeded(1, 1);
    make(&r, &t, 2, .3);
    for (int way = 0; way < 3; way++) {
        cull_opts *o =
            OPTIONS(cx, "share", way ? "1" : "0", "combine", way == 2 ? "softmax" : "scores");
        cull_policy *policy = learn(cx, o, &t.rows, INFINITY);
        cull_decisions d;
        ok(cx, cull_compute_apply(cx, policy, NULL, &t.rows, &d));
        for (int i = 0; i < N; i++) {
            double p[C], top;
            int label = together(&t, way ? 1 : 0, i, p, &top), same = d.label[i] == label;
            if (way == 2) { /* a mean softmax sums to 1 but for rounding, and is brought to it */
                assert_true(fabs(d.score[i] - p[label]) < 1e-15);
            } else {
                assert_true(d.score[i] == top);
            }
            assert_true(same && d.called[i] == (way ? 3u : 1u) && d.model[i] == (way ? -1 : 0));
            assert_true(d.cost[i] == t.cost[i] + (way ? t.cost[N + i] : 0));
        }
        cull_decisions_free(&d);
        cull_policy_free(policy);
        cull_opts_free(o);
    }
    cull_ctx_free(cx);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, int n, double q)
{
    double at = q * (n - 1), low = floor(at);
    int i = (int)low;
    return i + 1 < n ? sorted[i] + (at - low) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

typedef struct {
    double v;
    int wrong;
} answer;

static int surest_first(const void *a, const void *b) { return -by_value(a, b); }

/* The threshold whose risk is nearest to `level`, over ranks from 500 (300: a tenth) on. No ties here. */
static double nearest(const double *score, const int *wrong, double level)
{
    static answer s[N];
    double best = 2, tau = 0;
    int errors = 0;
    for (int i = 0; i < N; i++) s[i] = (answer){score[i], wrong[i]};
    qsort(s, N, sizeof *s, surest_first);
    for (int i = 0; i < N; i++) {
        errors += s[i].wrong;
        double off = fabs((double)errors / (i + 1) - level);
        if (i + 1 < N / 10 || off > best) continue;
        best = off;
        tau = s[i].v;
    }
    return tau;
}

static void windows(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t, other;
    static double score[N], sorted[N];
    static int wrong[N];
    cull_rng r = cull__rng_seeded(2, 1);
    make(&r, &t, 2, .3);
    make(&r, &other, 2, .3);
    for (int i = 0; i < N; i++) {
        double p[C];
        wrong[i] = together(&t, 0, i, p, &score[i]) != t.truth[i];
    }
    memcpy(sorted, score, sizeof score);
    qsort(sorted, N, sizeof *sorted, by_value);
    for (int goal = 0; goal < 5; goal++) {
        /* the last: so few rows are below that the window is cut short; the last but one: the lowest */
        const char *const goals[] = {"cov", "risk", "fpr", "cov", "risk"}, *const level[] = {
                                                                               "0.05", "0.8",
                                                                               "0.95", "0.1",
                                                                               "0.97"};
        cull_opts *o = OPTIONS(cx, "goal", goals[goal], "level", level[goal], "side",
                               goal == 3 ? "low" : "both");
        cull_policy *policy = learn(cx, o, &t.rows, INFINITY);
        const double *tau = cull_policy_get(policy, "tau", NULL, NULL),
                     *lo = cull_policy_get(policy, "lo", NULL, NULL),
                     *hi = cull_policy_get(policy, "hi", NULL, NULL);
        double share = atof(level[goal]), below = 0;
        double want = !strcmp(goals[goal], "cov") ? nearest(score, wrong, share)
                                                  : sorted[N - (int)ceil(share * N - 1e-9)];
        assert_true(tau[0] == want);
        for (int i = 0; i < N; i++) below += score[i] < want;
        double a = fmax(below / N - .1, 0), b = fmin(below / N + .1, 1);
        if (goal == 3) a = 0, b = .2;
        assert_true(a > 0 ? fabs(lo[0] - quantile(sorted, N, a)) < 1e-15 : lo[0] == -INFINITY);
        assert_true(fabs(hi[0] - quantile(sorted, N, b)) < 1e-15);
        cull_decisions d;
        int passed = 0;
        ok(cx, cull_compute_apply(cx, policy, NULL, &other.rows, &d));
        for (int i = 0; i < N; i++) {
            double p[C], top, both;
            int first = together(&other, 0, i, p, &top);
            bool on = top >= lo[0] && top <= hi[0];
            together(&other, 1, i, p, &both);
            assert_int_equal(d.called[i], on ? 3 : 1);
            assert_true(d.score[i] == (on ? both : top));
            if (!on) assert_true(d.label[i] == first && d.keep[i] == (top >= tau[0]));
            if (on) assert_true(d.keep[i] == (both >= tau[1]));
            passed += on;
        }
        /* five standard deviations of a share, of two samples */
        assert_true(fabs(passed / (double)N - (b - a)) < 5 * sqrt(2 * .2 * .8 / N));
        cull_decisions_free(&d);
        cull_policy_free(policy);
        cull_opts_free(o);
    }
    cull_ctx_free(cx);
}

/* On rows of another kind the old window holds another share; set anew it holds its own, whatever the truth. */
static void set_anew(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t, far;
    cull_rng r = cull__rng_seeded(3, 1);
    make(&r, &t, 2, 0);
    make(&r, &far, 2, 1);
    far.rows.truth = NULL;
    cull_opts *o = OPTIONS(cx, "shift", "yes");
    cull_policy *policy = learn(cx, NULL, &t.rows, INFINITY);
    for (int anew = 0; anew < 2; anew++) {
        cull_decisions d;
        int passed = 0;
        ok(cx, cull_compute_apply(cx, policy, anew ? o : NULL, &far.rows, &d));
        for (int i = 0; i < N; i++) passed += d.called[i] == 3;
        if (anew)
            assert_int_equal(passed, N / 5);
        else
            assert_true(abs(passed - N / 5) > N / 50);
        cull_decisions_free(&d);
    }
    cull_policy_free(policy);
    cull_opts_free(o);
    cull_ctx_free(cx);
}

/* A budget sets the share, of all further members; each averages those before it. */
static void three_members(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t;
    cull_rng r = cull__rng_seeded(4, 1);
    make(&r, &t, 3, .3);
    cull_policy *policy = learn(cx, NULL, &t.rows, 1.5 + .5 * 2.5 + .25 * 3.5);
    double pass, cost = 0;
    int came[3] = {0};
    cull_decisions d;
    ok(cx, cull_policy_need_number(cx, policy, "share", &pass));
    assert_true(fabs(pass - .5) < 1e-12);
    ok(cx, cull_compute_apply(cx, policy, NULL, &t.rows, &d));
    for (int i = 0; i < N; i++) {
        double p[C], top;
        int s = d.called[i] == 1 ? 0 : d.called[i] == 3 ? 1 : 2;
        assert_true(s < 2 || d.called[i] == 7);
        assert_int_equal(d.label[i], together(&t, s, i, p, &top));
        assert_true(d.score[i] == top);
        cost += d.cost[i] / N;
        for (int k = 0; k <= s; k++) came[k]++;
    }
    assert_true(came[0] == N && abs(came[1] - N / 2) <= 1 && abs(came[2] - N / 4) <= 1);
    assert_true(fabs(cost - (1.5 + .5 * 2.5 + .25 * 3.5)) < .05);
    cull_decisions_free(&d);
    cull_policy_free(policy);
    policy = learn(cx, NULL, &t.rows, 100);
    ok(cx, cull_policy_need_number(cx, policy, "share", &pass));
    assert_true(pass == 1);
    cull_policy_free(policy);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t;
    cull_rng r = cull__rng_seeded(5, 1);
    make(&r, &t, 2, .3);
    cull_compute_problem p = CULL_COMPUTE_PROBLEM, bad;
    cull_policy *policy;
    cull_outcomes rows = t.rows;
    p.rows = &rows;
    bad = p;
    bad.budget = 1;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "budget 1: the first model alone costs 1.5");
    bad = p;
    bad.risk = .1;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "window-exit takes a budget, but no target");
    cull_opts *o = OPTIONS(cx, "combine", "softmax", "sure", "energy");
    refused(cx, cull_compute_fit(cx, method(), o, &p, &policy), CULL_EOPTION,
            "sure energy is of logits");
    t.truth[5] = NAN;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &policy), CULL_EINPUT,
            "row 5 has no truth");
    rows.truth = NULL;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &policy), CULL_EINPUT, "needs the truth");
    rows.models = 1;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &policy), CULL_EINPUT, "two models");
    cull_opts_free(o);
    cull_ctx_free(cx);
}

static void threads_and_memory(void **state)
{
    (void)state;
    static table t;
    static double first[N];
    cull_rng r = cull__rng_seeded(6, 1);
    make(&r, &t, 3, .3);
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    long calls = 0;
    p.rows = &t.rows;
    for (long k = 0; k <= calls + 1; k++) { /* 0: one thread; calls + 1: two */
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, k > calls ? 2 : 1);
        cull_policy *policy = NULL;
        cull_decisions d = {0};
        h.calls = 0;
        h.fail_at = k > calls ? 0 : k;
        cull_status s = cull_compute_fit(cx, method(), NULL, &p, &policy);
        if (s == CULL_OK) s = cull_compute_apply(cx, policy, NULL, &t.rows, &d);
        if (k && k <= calls)
            assert_int_equal(s, CULL_ENOMEM);
        else
            ok(cx, s);
        if (k == 0) {
            calls = h.calls;
            memcpy(first, d.score, sizeof first);
        }
        if (k > calls) assert_memory_equal(first, d.score, sizeof first);
        cull_decisions_free(&d);
        cull_policy_free(policy);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(calls > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_or_none), cmocka_unit_test(windows),
        cmocka_unit_test(set_anew),    cmocka_unit_test(three_members),
        cmocka_unit_test(refusals),    cmocka_unit_test(threads_and_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
