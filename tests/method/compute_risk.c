/* compute_risk: that limits to the risk of cascade, router and moe2 hold: over 1000 draws of rows, what is chosen is judged on a
 * population. With delta 0.1 at most a tenth of the draws is over the limit, in any group (of so many coins more than 138 fall so once in
 * 30,000 times); with delta 0 the mean loss of all draws is at most the limit. */
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"

enum { N = 180, BIG = 1500, ALL = BIG + N, K = 3, D = 2, C = 2, DRAWS = 1000 };

/* Rows are hard or not; the small model is right of the easy ones, and of those where its feature says so. Outputs are of two
 * classes; the score is how sure they are. */
typedef struct {
    int64_t n, d[1];
    float *out[K], *x;
    const float *outs[K], *xs[1];
    double *quality, *score, *truth;
    int32_t *group;
    cull_outcomes rows;
} world;

static void make(world *w, int64_t n, uint64_t stream)
{
    static const double each[K] = {1, 3, 9};
    cull_rng r = cull__rng_seeded(31, stream);
    *w = (world){.n = n, .d = {D}};
    w->x = malloc((size_t)(n * D) * sizeof *w->x);
    w->quality = malloc((size_t)(n * K) * sizeof *w->quality);
    w->score = malloc((size_t)(n * K) * sizeof *w->score);
    w->truth = malloc((size_t)n * sizeof *w->truth);
    w->group = malloc((size_t)n * sizeof *w->group);
    for (int k = 0; k < K; k++) w->outs[k] = w->out[k] = malloc((size_t)(n * C) * sizeof(float));
    for (int64_t i = 0; i < n; i++) {
        double hard = cull__rng_normal(&r);
        w->group[i] = (int32_t)cull__rng_below(&r, 2);
        w->truth[i] = (double)cull__rng_below(&r, C);
        w->x[i * D] = (float)(hard + .5 * cull__rng_normal(&r));
        w->x[i * D + 1] = (float)(w->group[i] + cull__rng_normal(&r));
        for (int k = 0; k < K; k++) {
            double margin = .6 + .9 * k - (1 - .25 * k) * hard - .3 * w->group[i];
            margin += .5 * cull__rng_normal(&r);
            int said = margin > 0 ? (int)w->truth[i] : 1 - (int)w->truth[i];
            w->quality[k * n + i] = margin > 0;
            w->score[k * n + i] = fabs(margin);
            w->out[k][i * C + said] = (float)fabs(margin);
            w->out[k][i * C + 1 - said] = 0;
        }
    }
    w->xs[0] = w->x;
    w->rows = (cull_outcomes){.n = n,
                              .models = K,
                              .classes = C,
                              .outputs = CULL_LOGITS,
                              .out = w->outs,
                              .score = w->score,
                              .quality = w->quality,
                              .truth = w->truth,
                              .each = each,
                              .group = w->group,
                              .groups = 2,
                              .x = w->xs,
                              .d = w->d,
                              .xs = 1};
}

static void drop(world *w)
{
    free(w->x), free(w->quality), free(w->score), free(w->truth), free(w->group);
    for (int k = 0; k < K; k++) free(w->out[k]);
}

typedef struct {
    const char *method;
    const char *option[9];
    bool lost; /* against the last model, which is the strongest */
    double risk;
} setting;

/* What the population loses, in the worse group where there are two; *cost of a row. */
static double lost(const world *big, const cull_decisions *d, const setting *s, bool groups,
                   double *cost)
{
    double sum[2] = {0}, n[2] = {0};
    *cost = 0;
    for (int64_t i = 0; i < BIG; i++) {
        int g = groups ? big->group[i] : 0;
        double q = d->label ? d->label[i] == big->truth[i] : big->quality[d->model[i] * BIG + i];
        sum[g] += (s->lost ? big->quality[(K - 1) * BIG + i] : 1) - q;
        n[g]++;
        *cost += d->cost[i] / BIG;
    }
    return groups ? fmax(sum[0] / n[0], sum[1] / n[1]) : sum[0] / n[0];
}

/* Every other draw asks for it in each group. */
static void holds(const setting *s, bool expected)
{
    const cull_method *m = cull_method_find(s->method, NULL);
    static world big;
    double mean = 0, square = 0, spent = 0;
    int broke = 0, fitted = 0;
    make(&big, BIG, 0);
    for (int draw = 0; draw < DRAWS; draw++) {
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.seed = (uint64_t)draw + 1;
        co.threads = 1;
        const bool groups = draw % 2;
        cull_ctx *cx = cull_ctx_new(&co);
        world w;
        make(&w, N, (uint64_t)draw + 1);
        cull_compute_problem p = CULL_COMPUTE_PROBLEM;
        cull_policy *policy;
        cull_opts *o;
        p.rows = &w.rows;
        p.risk = s->risk;
        p.delta = expected ? 0 : .1;
        ok(cx, cull_opts_new(cx, m, &o));
        ok(cx, cull_opts_set(cx, o, "groups", groups ? "yes" : "no"));
        for (int k = 0; s->option[k]; k += 2)
            ok(cx, cull_opts_set(cx, o, s->option[k], s->option[k + 1]));
        if (cull_compute_fit(cx, m, o, &p, &policy) == CULL_OK) {
            cull_decisions d;
            double cost;
            ok(cx, cull_compute_apply(cx, policy, NULL, &big.rows, &d));
            const cull_guarantee *g = cull_policy_guaranteed(policy);
            assert_true(g && g->level == p.risk && g->delta == p.delta && !g->broken);
            assert_true(!groups == !strstr(g->bounds, "in each of 2 groups (0, 1)"));
            assert_true(!s->lost == !strstr(g->bounds, "quality lost against m2"));
            double got = lost(&big, &d, s, groups, &cost);
            broke += got > s->risk;
            mean += got, square += got * got, spent += cost;
            fitted++;
            cull_decisions_free(&d);
            cull_policy_free(policy);
        }
        cull_opts_free(o);
        drop(&w);
        cull_ctx_free(cx);
    }
    drop(&big);
    mean /= fitted, spent /= fitted;
    double off = sqrt((square / fitted - mean * mean) / fitted);
    if (getenv("SHOW"))
        printf("%s delta %g: %d fitted, %d broke, mean %.4f (%.4f) of %g, cost %.3f\n", s->method,
               expected ? 0 : .1, fitted, broke, mean, off, s->risk, spent);
    /* not all that can be had is always asked for, so that something is saved, and something may break */
    if (fitted < DRAWS * 6 / 10 || spent > (s->lost ? 8.99 : 12))
        fail_msg("%s: %d fitted, they cost %g", s->method, fitted, spent);
    if (expected ? mean > s->risk + 3 * off : broke > 138)
        fail_msg("%s: %d broke, the mean loss is %g", s->method, broke, mean);
}

static void each_way(const setting *s)
{
    holds(s, false);
    holds(s, true);
}

static void of_cascade(void **state)
{
    (void)state;
    static const setting s = {"cascade", {"quantiles", "12", "stages", "2"}, false, .17};
    each_way(&s);
}

static void of_router(void **state)
{
    (void)state;
    static const setting s = {
        "router", {"kind", "ridge", "folds", "2", "reference", "3"}, true, .1};
    each_way(&s);
}

static void of_moe2(void **state)
{
    (void)state;
    static const setting s = {
        "moe2", {"shape", "linear", "folds", "0", "epochs", "2", "reference", "3"}, true, .1};
    each_way(&s);
}

/* The reference alone where nothing is shown to hold: it loses nothing. Wrong input by name. */
static void falls_back(void **state)
{
    (void)state;
    static const char *const slug[] = {"router", "moe2"};
    static const double delay[] = {1, 2, 3};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int t = 0; t < 2; t++) {
        const cull_method *m = cull_method_find(slug[t], NULL);
        cull_compute_problem p = CULL_COMPUTE_PROBLEM;
        cull_policy *policy;
        cull_decisions d;
        cull_opts *o;
        world w;
        make(&w, N, 5);
        ok(cx, cull_opts_new(cx, m, &o));
        p.rows = &w.rows;
        p.risk = 1e-6;
        ok(cx, cull_compute_fit(cx, m, o, &p, &policy));
        ok(cx, cull_compute_apply(cx, policy, NULL, &w.rows, &d));
        for (int i = 0; i < N; i++) assert_true(d.model[i] == 2 && d.cost[i] == 9);
        cull_decisions_free(&d);
        cull_policy_free(policy);
        p.budget = 4; /* the strongest is over it */
        refused(cx, cull_compute_fit(cx, m, o, &p, &policy), CULL_EINPUT,
                "to hold a risk of 1e-06");
        p.budget = INFINITY;
        w.rows.delay = delay;
        p.delay = 2.5;
        refused(cx, cull_compute_fit(cx, m, o, &p, &policy), CULL_EINPUT, "2.5");
        p.delay = INFINITY;
        ok(cx,
           cull_opts_set(cx, o, "reference", "2")); /* and another one, who is no better than m1 */
        p.risk = .3;
        ok(cx, cull_compute_fit(cx, m, o, &p, &policy));
        assert_true(strstr(cull_policy_guaranteed(policy)->bounds, "lost against m1") != NULL);
        ok(cx, cull_compute_apply(cx, policy, NULL, &w.rows, &d));
        double cost = 0;
        for (int i = 0; i < N; i++) cost += d.cost[i] / N;
        assert_true(cost <= 3);
        cull_decisions_free(&d);
        cull_policy_free(policy);
        ok(cx, cull_opts_set(cx, o, "reference", "4"));
        refused(cx, cull_compute_fit(cx, m, o, &p, &policy), CULL_EINPUT,
                "reference 4: there are 3 models");
        ok(cx, cull_opts_set(cx, o, "reference", "0"));
        ok(cx, cull_opts_set(cx, o, "groups", "yes"));
        w.rows.group = NULL;
        refused(cx, cull_compute_fit(cx, m, o, &p, &policy), CULL_EINPUT, "groups: the rows have");
        ok(cx, cull_opts_set(cx, o, "groups", "no"));
        ok(cx, cull_opts_set(cx, o, "hold", "0.99"));
        w.rows.n = 20;
        refused(cx, cull_compute_fit(cx, m, o, &p, &policy), CULL_EINPUT, "too few");
        cull_opts_free(o);
        drop(&w);
    }
    world w;
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *policy;
    make(&w, N, 5);
    w.quality[3] = 1.5;
    p.rows = &w.rows;
    p.risk = .2;
    refused(cx, cull_compute_fit(cx, cull_method_find("router", NULL), NULL, &p, &policy),
            CULL_EINPUT, "row 3: the quality of a model is 1.5");
    drop(&w);
    cull_ctx_free(cx);
}

/* With a budget the best that holds within it; `spend` stays among what holds. */
static void within_a_budget(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("router", NULL);
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *policy;
    cull_decisions d;
    cull_opts *o;
    world w;
    int64_t n, cols;
    make(&w, 20 * N, 9);
    p.rows = &w.rows;
    p.risk = .1;
    ok(cx, cull_compute_fit(cx, m, NULL, &p, &policy));
    const double *curve = cull_policy_get(policy, "curve", &n, &cols);
    double price, least = curve[1], most = curve[3 * n - 2];
    ok(cx, cull_policy_need_number(cx, policy, "price", &price));
    assert_true(n > 5 && price == curve[0]); /* the cheapest */
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_opts_set(cx, o, "spend", "1.01"));
    refused(cx, cull_compute_apply(cx, policy, o, &w.rows, &d), CULL_EINPUT, "spend 1.01");
    cull_policy_free(policy);
    p.budget = (least + most) / 2;
    ok(cx, cull_compute_fit(cx, m, NULL, &p, &policy));
    ok(cx, cull_policy_need_number(cx, policy, "price", &price));
    curve = cull_policy_get(policy, "curve", &n, &cols);
    int64_t at = 0;
    while (at + 1 < n && curve[3 * at + 4] <= p.budget) at++;
    assert_true(price == curve[3 * at] && curve[1] == least);
    cull_policy_free(policy);
    p.budget = .9 * least;
    refused(cx, cull_compute_fit(cx, m, NULL, &p, &policy), CULL_EINPUT,
            "what holds a risk of 0.1 costs");
    cull_opts_free(o);
    drop(&w);
    cull_ctx_free(cx);
}

static void memory_may_fail(void **state)
{
    (void)state;
    static const char *const slug[] = {"cascade", "router", "moe2"};
    world w;
    make(&w, 60, 6);
    for (int t = 0; t < 6; t++) {
        const cull_method *m = cull_method_find(slug[t % 3], NULL);
        bool failed = true;
        for (long k = 1; failed; k += 1 + k / 16) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            failed = !cx;
            if (!cx) continue;
            cull_compute_problem p = CULL_COMPUTE_PROBLEM;
            cull_policy *policy = NULL;
            cull_opts *o = NULL;
            p.rows = &w.rows;
            p.risk = .4;
            p.delta = t < 3 ? .1 : 0;
            cull_status s = cull_opts_new(cx, m, &o);
            if (s == CULL_OK && t % 3 == 2) s = cull_opts_set(cx, o, "epochs", "2");
            if (s == CULL_OK) s = cull_opts_set(cx, o, "groups", "yes");
            if (s == CULL_OK) s = cull_compute_fit(cx, m, o, &p, &policy);
            failed = h.calls >= k;
            if (failed) assert_int_equal(s, CULL_ENOMEM);
            cull_policy_free(policy);
            cull_opts_free(o);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
    }
    drop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_cascade),      cmocka_unit_test(of_router),
        cmocka_unit_test(of_moe2),         cmocka_unit_test(falls_back),
        cmocka_unit_test(within_a_budget), cmocka_unit_test(memory_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
