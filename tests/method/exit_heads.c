/* exit-heads: masses and chances by products, weights, the best exit; a toy whose right decision is known; sets that
 * hold; wrong input. */
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"
#include "score/exits.h"

static void masses(void **state)
{
    (void)state;
    enum { G = 6 };
    cull_rng r = cull__rng_seeded(31, 0);
    for (int trial = 0; trial < 2000; trial++) {
        double g[G], mass[G], chance[G], sum = 0, come = 1, before = 0;
        for (int l = 0; l < G; l++)
            g[l] = trial % 5 ? cull__rng_unit(&r) : (double)(trial / 5 >> l & 1);
        cull__exit_mass(g, G, mass, chance);
        for (int l = 0; l < G; l++) {
            double want = fmax(0, fmin(g[l], 1 - before));
            assert_true(fabs(mass[l] - want) < 1e-15);
            assert_true(chance[l] >= 0 && chance[l] <= 1);
            /* who comes so far and leaves */
            if (come > 1e-9) assert_true(fabs(come * chance[l] - mass[l]) < 1e-12);
            come *= 1 - chance[l];
            before += g[l];
            sum += mass[l];
        }
        assert_true(sum <= 1 + 1e-12 && fabs(come - (1 - sum)) < 1e-9);
        double ce[G], w[G], weighed = 0, plain = 0;
        for (int l = 0; l < G; l++) ce[l] = 3 * cull__rng_unit(&r);
        cull__exit_weights(mass, ce, G, w);
        for (int l = 0; l < G; l++) weighed += w[l] * ce[l], plain += ce[l];
        if (sum > 0) assert_true(fabs(weighed - plain) < 1e-9);
        for (int l = 0; l < G; l++)
            if (mass[l] > 0 && mass[0] > 0)
                assert_true(fabs(w[l] / w[0] - mass[l] / mass[0]) < 1e-9 * mass[l] / mass[0]);
    }
}

/* The ratio not held constant: by differences, the loss of the weighted sum is the plain one. */
static void undetached(void **state)
{
    (void)state;
    double mass[3] = {.2, .5, .1}, ce[3] = {.7, .2, 1.4}, w[3];
    for (int l = 0; l < 3; l++) {
        double loss[2];
        for (int side = 0; side < 2; side++) {
            double at[3] = {ce[0], ce[1], ce[2]};
            at[l] += side ? 1e-6 : -1e-6;
            cull__exit_weights(mass, at, 3, w);
            loss[side] = w[0] * at[0] + w[1] * at[1] + w[2] * at[2];
        }
        assert_true(fabs((loss[1] - loss[0]) / 2e-6 - 1) < 1e-6);
    }
    cull__exit_weights(mass, ce, 3, w);
    assert_true(fabs(w[1] - 1) > .3); /* held constant it is another */
}

static void signs(void **state)
{
    (void)state;
    const double p[4] = {.1, .6, .05, .25};
    double s[4], square = 0, h = 0, h2 = 0;
    for (int c = 0; c < 4; c++) square += p[c] * p[c], h -= p[c] * log(p[c]);
    for (int c = 0; c < 4; c++) h2 -= p[c] * p[c] / square * log(p[c] * p[c] / square);
    cull__exit_signs(p, 4, s);
    assert_true(s[0] == .6 && fabs(s[1] - h) < 1e-15 && fabs(s[2] - .35) < 1e-15);
    assert_true(fabs(s[3] - h2) < 1e-15);
    const double ce[2] = {1, .4}, cost[3] = {.1, .5, 1};
    assert_int_equal(cull__exit_best(ce, .1, cost, 0, 2), 2);
    assert_int_equal(cull__exit_best(ce, .1, cost, 1, 2), 1);
    assert_int_equal(cull__exit_best(ce, .1, cost, 2, 2), 0);
}

/* ---- a network with one exit: half of the rows are easy there, the others are noise; the last knows all ---- */
enum { N = 4000, C = 3, D = 5, G = 1 };
typedef struct {
    float x[N * D], out[N * C];
    double truth[N], each[G + 1];
    bool easy[N];
    const float *xs[1], *outs[G + 1];
    int64_t d[1];
    cull_outcomes o;
} table;

static void make(uint64_t seed, table *t)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < N; i++) {
        int c = (int)cull__rng_below(&r, C);
        t->easy[i] = cull__rng_below(&r, 2);
        t->truth[i] = c;
        for (int j = 0; j < D; j++)
            t->x[i * D + j] =
                (float)(7 + .2 * cull__rng_normal(&r) + (t->easy[i] && j == c ? 4 : 0));
        for (int k = 0; k < C; k++) t->out[i * C + k] = k == c ? 6 : 0;
    }
    t->xs[0] = t->x, t->d[0] = D;
    t->outs[0] = t->outs[1] = t->out;
    t->each[0] = 2, t->each[1] = 10;
    t->o = (cull_outcomes){.n = N,
                           .models = 2,
                           .classes = C,
                           .outputs = CULL_LOGITS,
                           .out = t->outs,
                           .truth = t->truth,
                           .each = t->each,
                           .x = t->xs,
                           .d = t->d,
                           .xs = 1};
}

static const cull_method *method(void) { return cull_method_find("exit-heads", NULL); }

static cull_policy *learn(cull_ctx *cx, const table *t, const char *name, const char *value,
                          double budget)
{
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *out;
    cull_opts *o;
    ok(cx, cull_opts_new(cx, method(), &o));
    if (name) ok(cx, cull_opts_set(cx, o, name, value));
    p.rows = &t->o, p.budget = budget;
    ok(cx, cull_compute_fit(cx, method(), o, &p, &out));
    cull_opts_free(o);
    return out;
}

static void toy(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t, fresh;
    make(1, &t);
    make(2, &fresh);
    for (int way = 0; way < 3; way++) {
        cull_policy *p = way == 2 ? learn(cx, &t, NULL, NULL, 6.5)
                                  : learn(cx, &t, "weigh", way ? "plain" : "mass", INFINITY);
        cull_decisions d;
        ok(cx, cull_compute_apply(cx, p, NULL, &fresh.o, &d));
        int agree = 0, right = 0;
        double cost = 0;
        for (int i = 0; i < N; i++) {
            /* hard rows lose about log 3 at the exit, 0.15 * 0.8 less for it: they had better go on */
            agree += (d.model[i] == 0) == fresh.easy[i];
            right += d.label[i] == fresh.truth[i];
            assert_true(d.called[i] == (d.model[i] ? 3u : 1u) &&
                        d.cost[i] == (d.model[i] ? 10 : 2));
            assert_true(d.score[i] > 0 && d.score[i] <= 1);
            cost += d.cost[i] / N;
        }
        assert_true(agree > .99 * N && right > .99 * N);
        assert_true(way < 2 || cost <= 6.5 * 1.03); /* a sample of its own */
        cull_decisions_free(&d);
        cull_policy_free(p);
    }
    cull_ctx_free(cx);
}

static void sets(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t, fresh;
    make(3, &t);
    make(4, &fresh);
    for (int side = 0; side < 2; side++) /* a network that is often wrong */
        for (int i = 0; i < N; i++)
            for (int k = 0; k < C; k++)
                (side ? &fresh : &t)->out[i * C + k] = (float)((i * 7 + k * 5) % 11) / 3;
    cull_policy *p = learn(cx, &t, "alpha", "0.1", INFINITY);
    cull_decisions d;
    ok(cx, cull_compute_apply(cx, p, NULL, &fresh.o, &d));
    int in = 0, all = 0;
    assert_int_equal(d.classes, C);
    for (int i = 0; i < N; i++) {
        in += d.set[i * C + (int)fresh.truth[i]];
        for (int k = 0; k < C; k++) all += d.set[i * C + k];
    }
    /* 0.9 but for what 800 rows of calibration and 4000 of test leave open: four deviations */
    assert_true(in > N * (.9 - .05) && in < N * (.9 + .06));
    assert_true(all < C * N);
    cull_decisions_free(&d);
    cull_policy_free(p);
    cull_ctx_free(cx);
}

static void wrong(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static table t;
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *out;
    make(1, &t);
    p.rows = &t.o;
    p.budget = 1;
    t.o.n = 200;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_EINPUT,
            "budget 1: the cheapest");
    p.budget = INFINITY, p.target = .5;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_EINPUT, "no target");
    p.target = -INFINITY, t.o.models = 1;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_EINPUT,
            "1 models and features");
    t.o.models = 2, t.each[1] = 0;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_EINPUT, "costs 0");
    t.each[1] = 10, h.stop_at = h.ticks + 3;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_ECANCEL, "stopped");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static cull_policy *fit_by(cull_ctx *cx, const cull_outcomes *o, const char *const *set)
{
    const cull_method *m = cull_method_find("exit-heads", NULL);
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *out;
    cull_opts *u;
    p.rows = o;
    ok(cx, cull_opts_new(cx, m, &u));
    ok(cx, cull_opts_set(cx, u, "epochs", "3"));
    for (; *set; set += 2) ok(cx, cull_opts_set(cx, u, set[0], set[1]));
    ok(cx, cull_compute_fit(cx, m, u, &p, &out));
    cull_opts_free(u);
    return out;
}

static bool alike(const cull_policy *a, const cull_policy *b, const char *name)
{
    int64_t n, d;
    const double *x = cull_policy_get(a, name, &n, &d), *y = cull_policy_get(b, name, NULL, NULL);
    assert_true(x && y);
    return !memcmp(x, y, (size_t)(n * d) * sizeof *x);
}

/* watch=last: what the last rows are changes nothing that is trained where nothing is watched; otherwise they are among the rows trained
 * on. */
static void last_rows_watch(void **state)
{
    (void)state;
    static table a, b;
    cull_ctx *cx = cull_ctx_new(NULL);
    make(1, &a), make(1, &b);
    for (int i = N - N / 5; i < N; i++) b.truth[i] = 0;
    for (int last = 0; last < 2; last++) {
        const char *set[] = {"watch", last ? "last" : "random", "warm", "0", "positive", "1", NULL};
        cull_policy *p = fit_by(cx, &a.o, set), *q = fit_by(cx, &b.o, set);
        assert_int_equal(alike(p, q, "head1") && alike(p, q, "gates"), last);
        cull_policy_free(p), cull_policy_free(q);
    }
    cull_ctx_free(cx);
}

/* Two exits alike: nobody is better off at the second, so that as published its gate counts rows that should have left five times. Counted
 * with those of the first they are too many, and count less: it opens less often. */
static void balances(void **state)
{
    (void)state;
    static table t;
    cull_ctx *cx = cull_ctx_new(NULL);
    make(3, &t);
    const float *xs[] = {t.x, t.x}, *outs[] = {t.out, t.out, t.out};
    const int64_t d[] = {D, D};
    const double each[] = {1, 5, 10};
    cull_outcomes o = t.o;
    o.models = 3, o.xs = 2, o.x = xs, o.d = d, o.out = outs, o.each = each;
    static const char *const way[] = {"exit", "upto"};
    cull_policy *p[2], *flat[2];
    double open[2] = {0};
    for (int w = 0; w < 2; w++) {
        const char *set[] = {"balance", way[w], "price", "0.3", NULL};
        const char *none[] = {"balance", way[w], "price", "0.3", "positive", "1", NULL};
        p[w] = fit_by(cx, &o, set);
        flat[w] = fit_by(cx, &o, none);
        const double *gate = cull_policy_get(p[w], "gates", NULL, NULL) + 5;
        const double *head = cull_policy_get(p[w], "head2", NULL, NULL);
        for (int i = 0; i < N; i++) {
            double q[C], sign[4], z = gate[4], sum = 0;
            for (int c = 0; c < C; c++) {
                q[c] = head[c * (D + 1) + D];
                for (int j = 0; j < D; j++) q[c] += head[c * (D + 1) + j] * (double)t.x[i * D + j];
            }
            for (int c = 0; c < C; c++) sum += exp(q[c]);
            for (int c = 0; c < C; c++) q[c] = exp(q[c]) / sum;
            cull__exit_signs(q, C, sign);
            for (int k = 0; k < 4; k++) z += gate[k] * sign[k];
            open[w] += 1 / (1 + exp(-z)) / N;
        }
    }
    assert_true(alike(flat[0], flat[1], "gates") && !alike(p[0], p[1], "gates"));
    if (!(open[1] < open[0] - .05)) fail_msg("open %g as published, %g", open[0], open[1]);
    for (int w = 0; w < 2; w++) cull_policy_free(p[w]), cull_policy_free(flat[w]);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(masses),
                                       cmocka_unit_test(undetached),
                                       cmocka_unit_test(signs),
                                       cmocka_unit_test(toy),
                                       cmocka_unit_test(sets),
                                       cmocka_unit_test(wrong),
                                       cmocka_unit_test(last_rows_watch),
                                       cmocka_unit_test(balances)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
