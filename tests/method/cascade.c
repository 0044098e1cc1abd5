/* cascade: the choice against all cascades of two models and all orders of their rows, decisions against the definition, the
 * guarantee over many draws, what is kept and read back, wrong input. */
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"

enum { N = 240, K = 3 };

typedef struct {
    double score[K * N], quality[K * N], cost[K * N];
    int32_t group[N];
} table;

static void make(cull_rng *r, table *t)
{
    for (int i = 0; i < N; i++) {
        double hard = cull__rng_normal(r);
        t->group[i] = i % 3 == 0;
        for (int k = 0; k < K; k++) {
            double margin = .4 + .6 * k - hard + .5 * cull__rng_normal(r);
            t->quality[k * N + i] = margin > 0;
            t->score[k * N + i] = floor(20 * fabs(margin + .2 * cull__rng_normal(r))) / 20;
            t->cost[k * N + i] = (1 << 2 * k) * (1 + (i & 1) * .5);
        }
    }
}

static cull_outcomes rows_of(const table *t)
{
    return (cull_outcomes){.n = N,
                           .models = K,
                           .score = t->score,
                           .quality = t->quality,
                           .cost = t->cost,
                           .group = t->group,
                           .groups = 2};
}

static const cull_method *method(void)
{
    const cull_method *m = cull_method_find("cascade", NULL);
    assert_non_null(m);
    return m;
}

static cull_opts *options(cull_ctx *cx, const char *name, const char *value)
{
    cull_opts *o;
    ok(cx, cull_opts_new(cx, method(), &o));
    ok(cx, cull_opts_set(cx, o, name, value));
    return o;
}

/* Mean cost and quality of "a where its score is at least v, else b". */
static void two(const table *t, int a, double v, int b, double *cost, double *quality)
{
    *cost = *quality = 0;
    for (int i = 0; i < N; i++) {
        bool sure = t->score[a * N + i] >= v;
        *cost += (t->cost[a * N + i] + (sure ? 0 : t->cost[b * N + i])) / N;
        *quality += t->quality[(sure ? a : b) * N + i] / N;
    }
}

/* The best quality within a budget, over all pairs and all thresholds that occur (240 quantiles of 240 rows are all). */
static double best_pair(const table *t, double budget)
{
    double best = 0, c, q;
    for (int a = 0; a < K; a++)
        for (int b = 0; b < K; b++)
            for (int i = -1; i < N; i++) {
                two(t, a, i < 0 ? -INFINITY : t->score[a * N + i], b, &c, &q);
                if (a != b && c <= budget && q > best) best = q;
            }
    return best;
}

static void decided(const cull_decisions *d, const cull_outcomes *o, double *cost, double *quality)
{
    *cost = *quality = 0;
    for (int64_t i = 0; i < d->n; i++) {
        double sum = 0;
        for (int k = 0; k < K; k++)
            if (d->called[i] >> k & 1) sum += o->cost[k * o->n + i];
        assert_true(d->cost[i] == sum);
        assert_true(d->called[i] >> d->model[i] & 1);
        assert_true(d->score[i] == o->score[d->model[i] * o->n + i]);
        *cost += sum / (double)d->n;
        *quality += o->quality[d->model[i] * o->n + i] / (double)d->n;
    }
}

static void best_of_all_pairs(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(2, 1);
    table t;
    make(&r, &t);
    cull_outcomes rows = rows_of(&t);
    cull_opts *o = options(cx, "stages", "2");
    ok(cx, cull_opts_set(cx, o, "quantiles", "255"));
    for (double budget = 1.5; budget < 24; budget *= 1.37) {
        cull_compute_problem p = CULL_COMPUTE_PROBLEM;
        cull_policy *policy;
        cull_decisions d;
        double cost, quality;
        p.rows = &rows;
        p.budget = budget;
        ok(cx, cull_compute_fit(cx, method(), o, &p, &policy));
        ok(cx, cull_compute_apply(cx, policy, NULL, &rows, &d));
        decided(&d, &rows, &cost, &quality);
        assert_true(cost <= budget + 1e-9);
        assert_true(fabs(quality - best_pair(&t, budget)) < 1e-9);
        cull_decisions_free(&d);
        cull_policy_free(policy);
    }
    cull_opts_free(o);
    cull_ctx_free(cx);
}

/* A target is reached at least cost; another budget is taken of the same policy, which reads back to the bit. */
static void targets_and_other_budgets(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 1);
    table t;
    make(&r, &t);
    cull_outcomes rows = rows_of(&t);
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *policy, *within, *back;
    cull_decisions d, e;
    double cost, quality, cost2, quality2;
    p.rows = &rows;
    p.target = .87;
    ok(cx, cull_compute_fit(cx, method(), NULL, &p, &policy));
    ok(cx, cull_compute_apply(cx, policy, NULL, &rows, &d));
    decided(&d, &rows, &cost, &quality);
    assert_true(quality >= .87 - 1e-12);
    p.target = -INFINITY; /* for a little less there is nothing as good */
    p.budget = nextafter(cost, 0) - 1e-9;
    ok(cx, cull_compute_fit(cx, method(), NULL, &p, &within));
    ok(cx, cull_compute_apply(cx, within, NULL, &rows, &e));
    decided(&e, &rows, &cost2, &quality2);
    assert_true(quality2 < .87 && cost2 < cost);
    cull_decisions_free(&d);
    char path[] = "/tmp/cull_cascade_XXXXXX", spend[32];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    fclose(fdopen(fd, "w"));
    ok(cx, cull_policy_write(cx, policy, path));
    ok(cx, cull_policy_open(cx, path, &back));
    cull_opts *o = options(cx, "spend", cull__format_f64(p.budget, spend));
    ok(cx, cull_compute_apply(cx, back, o, &rows, &d));
    assert_memory_equal(d.model, e.model, N * sizeof *d.model);
    cull_decisions_free(&d);
    cull_decisions_free(&e);
    ok(cx, cull_opts_set(cx, o, "spend", ".5"));
    refused(cx, cull_compute_apply(cx, back, o, &rows, &d), CULL_EINPUT,
            "spend 0.5: the cheapest cascade of the policy costs 1.25");
    remove(path);
    cull_opts_free(o);
    cull_policy_free(back);
    cull_policy_free(within);
    cull_policy_free(policy);
    cull_ctx_free(cx);
}

/* Labels come of outputs; scores too where there are none. */
static void from_outputs(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(5, 1);
    enum { M = 5000, C = 3 };
    float *small = malloc(M * C * sizeof *small), *large = malloc(M * C * sizeof *large);
    double *truth = malloc(M * sizeof *truth);
    assert_true(small && large && truth);
    for (int i = 0; i < M; i++) {
        truth[i] = (double)cull__rng_below(&r, C);
        for (int c = 0; c < C; c++) {
            small[i * C + c] = (float)(2 * cull__rng_normal(&r) + 2 * (c == truth[i]));
            large[i * C + c] = (float)(cull__rng_normal(&r) + 2 * (c == truth[i]));
        }
    }
    const float *out[] = {small, large};
    const double each[] = {1, 5};
    cull_outcomes rows = {
        .n = M, .models = 2, .classes = C, .out = out, .truth = truth, .each = each};
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *policy;
    cull_decisions d;
    int64_t passed = 0;
    p.rows = &rows;
    p.budget = 3;
    ok(cx, cull_compute_fit(cx, method(), NULL, &p, &policy));
    rows.truth = NULL;
    ok(cx, cull_compute_apply(cx, policy, NULL, &rows, &d));
    int64_t cols;
    double at, v;
    const double *threshold = cull_policy_get(policy, "threshold", NULL, &cols);
    ok(cx, cull_policy_need_number(cx, policy, "chosen", &at));
    v = threshold[3 * (int64_t)at];
    for (int i = 0; i < M; i++) {
        const float *s = small + i * C;
        int a = s[1] > s[0] ? 1 : 0, b;
        if (s[2] > s[a]) a = 2;
        double sum = 0;
        for (int c = 0; c < C; c++) sum += exp((double)s[c] - (double)s[a]);
        if (fabs(1 / sum - v) < 1e-12) continue; /* on the threshold, to rounding */
        bool goes_on = 1 / sum < v;
        const float *use = goes_on ? large + i * C : s;
        b = use[1] > use[0] ? 1 : 0;
        if (use[2] > use[b]) b = 2;
        assert_int_equal(d.label[i], b);
        assert_int_equal(d.model[i], goes_on);
        assert_true(d.cost[i] == (goes_on ? 6 : 1));
        passed += goes_on;
    }
    assert_true(passed > M / 5 && passed <= M * 2 / 5);
    cull_decisions_free(&d);
    cull_policy_free(policy);
    free(small);
    free(large);
    free(truth);
    cull_ctx_free(cx);
}

/* Over many draws the risk of what is chosen, on a population, is above the limit in few: at most 1 in 10, and of 100 such
 * coins more than 20 fall so once in 2000 times. */
static void the_risk_is_held(void **state)
{
    (void)state;
    enum { DRAWS = 100, BIG = 40 };
    int broke = 0, fitted = 0;
    static table big[BIG];
    cull_rng r = cull__rng_seeded(7, 1);
    for (int b = 0; b < BIG; b++) make(&r, &big[b]);
    for (int draw = 0; draw < DRAWS; draw++) {
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.seed = (uint64_t)draw + 1;
        co.threads = 1;
        cull_ctx *cx = cull_ctx_new(&co);
        table t;
        make(&r, &t);
        cull_outcomes rows = rows_of(&t);
        cull_compute_problem p = CULL_COMPUTE_PROBLEM;
        cull_opts *o = options(cx, "groups", draw % 2 ? "yes" : "no");
        ok(cx, cull_opts_set(cx, o, "quantiles", "20"));
        cull_policy *policy;
        p.rows = &rows;
        p.risk = .3;
        cull_status s = cull_compute_fit(cx, method(), o, &p, &policy);
        double wrong[2] = {0}, count[2] = {0};
        for (int b = 0; s == CULL_OK && b < BIG; b++) {
            cull_decisions d;
            rows = rows_of(&big[b]);
            ok(cx, cull_compute_apply(cx, policy, NULL, &rows, &d));
            for (int i = 0; i < N; i++) {
                int g = draw % 2 ? big[b].group[i] : 0;
                wrong[g] += 1 - big[b].quality[d.model[i] * N + i];
                count[g]++;
            }
            cull_decisions_free(&d);
        }
        if (s == CULL_OK) {
            const cull_guarantee *g = cull_policy_guaranteed(policy);
            assert_true(g && g->level == .3 && g->delta == .1 && g->n > 80 && g->n < 160);
            broke += wrong[0] > .3 * count[0] || wrong[1] > .3 * count[1];
            fitted++;
            cull_policy_free(policy);
        }
        cull_opts_free(o);
        cull_ctx_free(cx);
    }
    if (fitted < 60 || broke > 20) fail_msg("%d fitted, %d broke", fitted, broke);
}

/* A longer chain is no worse than the front's, keeps to the budget, and is what decides; the front stays for other budgets. */
static void longer_chains(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(13, 1);
    enum { M = 400, MANY = 5 };
    static double score[MANY * M], quality[MANY * M];
    static const double each[MANY] = {1, 1.5, 2, 2.5, 3};
    for (int i = 0; i < M; i++) /* each model is sure and right of a fifth, and no use elsewhere */
        for (int k = 0; k < MANY; k++) {
            bool own = i % MANY == k;
            score[k * M + i] = own + .9 * cull__rng_unit(&r);
            quality[k * M + i] = own;
        }
    cull_outcomes rows = {.n = M, .models = MANY, .score = score, .quality = quality, .each = each};
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    double got[2][2] = {{0}};
    p.rows = &rows;
    p.budget = 7;
    for (int longer = 0; longer < 2; longer++) {
        cull_opts *o = options(cx, "stages", longer ? "5" : "3");
        cull_policy *policy;
        cull_decisions d;
        ok(cx, cull_compute_fit(cx, method(), o, &p, &policy));
        ok(cx, cull_compute_apply(cx, policy, NULL, &rows, &d));
        for (int i = 0; i < M; i++) {
            got[longer][0] += d.cost[i] / M;
            got[longer][1] += quality[d.model[i] * M + i] / M;
        }
        assert_true(got[longer][0] <= 7 + 1e-9);
        cull_decisions_free(&d);
        if (longer) {
            ok(cx, cull_opts_set(cx, o, "spend", "7"));
            ok(cx, cull_compute_apply(cx, policy, o, &rows, &d));
            double cost = 0;
            for (int i = 0; i < M; i++) cost += d.cost[i] / M;
            assert_true(fabs(cost - got[0][0]) < 1e-9);
            cull_decisions_free(&d);
            cull_policy_free(policy);
            ok(cx, cull_opts_set(cx, o, "spend", "0"));
            cull_compute_problem q = p;
            q.budget = INFINITY;
            q.target = got[1][1] - 1e-9; /* no dearer for what that reached */
            ok(cx, cull_compute_fit(cx, method(), o, &q, &policy));
            ok(cx, cull_compute_apply(cx, policy, NULL, &rows, &d));
            double right = 0;
            for (int i = 0; i < M; i++) right += quality[d.model[i] * M + i] / M;
            assert_true(right >= q.target);
            cull_decisions_free(&d);
            q.risk = .5;
            cull_policy *none;
            refused(cx, cull_compute_fit(cx, method(), o, &q, &none), CULL_EINPUT, "5 stages");
        }
        cull_policy_free(policy);
        cull_opts_free(o);
    }
    if (!(got[1][1] > got[0][1] + .1)) fail_msg("three stages %g, five %g", got[0][1], got[1][1]);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(9, 1);
    table t;
    make(&r, &t);
    cull_outcomes rows = rows_of(&t);
    cull_compute_problem p = CULL_COMPUTE_PROBLEM, bad;
    cull_policy *policy = NULL;
    cull_opts *o = options(cx, "groups", "yes");
    p.rows = &rows;
    bad = p;
    bad.budget = 1;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "budget 1: the cheapest cascade costs 1.25");
    bad = p;
    bad.target = 1.5;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "target 1.5: the best");
    bad.target = .9;
    bad.budget = 1.3;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "within budget 1.3: the cheapest cascade of that quality costs");
    bad = p;
    bad.risk = .001;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "no cascade was shown to hold a risk of 0.001");
    bad.delta = 0;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "no cascade holds a risk of 0.001 in expectation");
    bad.delta = .1;
    rows.group = NULL;
    refused(cx, cull_compute_fit(cx, method(), o, &bad, &policy), CULL_EINPUT, "groups");
    t.quality[7] = 3;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "quality goes from 0 to 3");
    bad = p;
    bad.delay = 1;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "no model's delay");
    const double late[] = {2, 3, 4};
    rows.delay = late;
    refused(cx, cull_compute_fit(cx, method(), NULL, &bad, &policy), CULL_EINPUT,
            "delay 1: every model takes longer");
    for (int i = 0; i < N; i++) t.quality[i % K * N + i] = NAN;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &policy), CULL_EINPUT,
            "no row has the quality");
    assert_null(policy);
    cull_opts_free(o);
    cull_ctx_free(cx);
}

static void threads_and_memory(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(11, 1);
    table t;
    make(&r, &t);
    cull_outcomes rows = rows_of(&t);
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    int32_t first[N];
    long calls = 0;
    p.rows = &rows;
    p.budget = 8;
    p.risk = .3;
    for (long k = 0; k <= calls + 1; k++) { /* 0: one thread; calls + 1: two */
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, k > calls ? 2 : 1);
        cull_policy *policy = NULL;
        cull_decisions d = {0};
        h.calls = 0;
        h.fail_at = k > calls ? 0 : k;
        cull_status s = cull_compute_fit(cx, method(), NULL, &p, &policy);
        if (s == CULL_OK) s = cull_compute_apply(cx, policy, NULL, &rows, &d);
        if (k && k <= calls)
            assert_int_equal(s, CULL_ENOMEM);
        else
            ok(cx, s);
        if (k == 0) {
            calls = h.calls;
            memcpy(first, d.model, sizeof first);
        }
        if (k > calls) assert_memory_equal(first, d.model, sizeof first);
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
        cmocka_unit_test(best_of_all_pairs), cmocka_unit_test(targets_and_other_budgets),
        cmocka_unit_test(from_outputs),      cmocka_unit_test(the_risk_is_held),
        cmocka_unit_test(longer_chains),     cmocka_unit_test(refusals),
        cmocka_unit_test(threads_and_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
