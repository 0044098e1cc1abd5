/* prediction-intervals: against distances and quantiles by counting; coverage of draws. */
#include "trusting.h"

static const char *const AROUND[] = {"prediction", "spread", "quantiles"};

static double start(const made *r, int around, int end, int64_t i)
{
    return r->score[(around == 2 ? end : 0) * r->o.n + i];
}

/* How far the truth lies beyond an end (0 = lower), in units. */
static double beyond(const made *r, int around, int end, int64_t i)
{
    double gap = r->number[i] - start(r, around, end, i);
    return (end ? gap : -gap) / (around == 1 ? r->spread[i] : 1);
}

static void by_counting(void **state)
{
    (void)state;
    static made a, b;
    static double v[2][M];
    static uint8_t in[M];
    enum { N = 163, T = 61 };
    make_rows(&a, 1, N);
    make_rows(&b, 2, T);
    as_numbers(&a);
    as_numbers(&b);
    int crossed = 0;
    for (int way = 0; way < 24; way++) {
        int around = way % 3, by = way / 3 % 2, each = way / 6 % 2, weights = way / 12;
        double alpha = way % 5 == 0 ? .9 : .17; /* at .9, ends of quantiles move inward */
        a.o.weight = weights ? a.weight : NULL;
        b.o.weight = weights ? b.weight : NULL;
        const char *set[] = {"around", AROUND[around],         "by", by ? "group" : "all",
                             "ends",   each ? "each" : "both", NULL};
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_policy *p;
        cull_decisions d;
        cull_guarantee g;
        ok(cx, trust_by(cx, "prediction-intervals", set, &a, &b, alpha, 0, &p, &d, &g));
        for (int i = 0; i < N; i++) {
            for (int e = 0; e < 2; e++) v[e][i] = beyond(&a, around, e, i);
            if (!each) v[0][i] = v[1][i] = fmax(v[0][i], v[1][i]);
        }
        for (int j = 0; j < T; j++) {
            double end[2];
            for (int e = 0; e < 2; e++) {
                for (int i = 0; i < N; i++) in[i] = !by || a.group[i] == b.group[j];
                double q = plain_quantile(v[e], weights ? a.weight : NULL, in, N,
                                          weights ? b.weight[j] : 1, each ? alpha / 2 : alpha);
                double unit = around == 1 ? b.spread[j] : 1;
                end[e] = start(&b, around, e, j) + (e ? q : -q) * unit;
            }
            if (end[0] > end[1]) {
                end[0] = end[1] = (end[0] + end[1]) / 2;
                crossed++;
            }
            assert_true(fabs(d.lo[j] - end[0]) < 1e-14 && fabs(d.hi[j] - end[1]) < 1e-14);
        }
        assert_true(g.level == alpha && g.n == N);
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_ctx_free(cx);
    }
    assert_true(crossed > 0);
}

static void over_draws(void **state)
{
    (void)state;
    static made a, b;
    enum { N = 80, T = 300, DRAWS = 200 };
    for (int way = 0; way < 4; way++) { /* three kinds; the last again with delta */
        const char *set[] = {"around", AROUND[way % 3], NULL};
        double mean = 0, mean2 = 0, low = 0;
        for (int k = 0; k < DRAWS; k++) {
            cull_ctx *cx = cull_ctx_new(NULL);
            cull_policy *p;
            cull_decisions d;
            make_rows(&a, 5000 + 2 * (uint64_t)k, N);
            make_rows(&b, 5001 + 2 * (uint64_t)k, T);
            as_numbers(&a);
            as_numbers(&b);
            ok(cx, trust_by(cx, "prediction-intervals", set, &a, &b, .2, way == 3 ? .1 : 0, &p, &d,
                            NULL));
            double c = 0;
            for (int j = 0; j < T; j++) c += d.lo[j] <= b.number[j] && b.number[j] <= d.hi[j];
            c /= T;
            mean += c / DRAWS;
            mean2 += c * c / DRAWS;
            low += c < .8;
            cull_decisions_free(&d);
            cull_policy_free(p);
            cull_ctx_free(cx);
        }
        double error = 3 * sqrt((mean2 - mean * mean) / DRAWS);
        assert_true(mean >= .8 - error);
        if (way < 3) assert_true(mean <= .8 + 1. / (N + 1) + error && low / DRAWS > .2);
        if (way == 3) assert_true(low / DRAWS < .1 + .1); /* 300 test rows blur what is below */
    }
}

static void refusals(void **state)
{
    (void)state;
    static made a, b;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p;
    cull_decisions d;
    const char *none[] = {NULL}, *second[] = {"around", "quantiles", "which", "2", NULL};
    const char *spread[] = {"around", "spread", NULL}, *group[] = {"by", "group", NULL};
    make_rows(&a, 1, 9);
    make_rows(&b, 2, 20);
    refused(cx, trust_by(cx, "prediction-intervals", none, &a, &b, .1, 0, &p, &d, NULL),
            CULL_EINPUT, "needs a score of each model");
    as_numbers(&a);
    as_numbers(&b);
    refused(cx, trust_by(cx, "prediction-intervals", second, &a, &b, .1, 0, &p, &d, NULL),
            CULL_EINPUT, "model 3 is asked for");
    /* 9 rows say nothing of level 0.05 */
    ok(cx, trust_by(cx, "prediction-intervals", none, &a, &b, .05, 0, &p, &d, NULL));
    assert_true(d.lo[0] == -INFINITY && d.hi[0] == INFINITY);
    assert_non_null(strstr(cull_policy_note_at(p, 0), "too few calibration rows"));
    cull_decisions_free(&d);
    cull_policy_free(p);
    /* a policy that is damaged */
    const double nan = NAN;
    ok(cx, trust_by(cx, "prediction-intervals", none, &a, &b, .2, 0, &p, &d, NULL));
    cull_decisions_free(&d);
    ok(cx, cull_policy_put(cx, p, "threshold", 1, 1, &nan));
    refused(cx, cull_trust_apply(cx, p, NULL, &b.o, &d, NULL), CULL_EINPUT,
            "threshold 0 of the policy is nan");
    cull_policy_free(p);
    a.o.spread = NULL;
    refused(cx, trust_by(cx, "prediction-intervals", spread, &a, &b, .1, 0, &p, &d, NULL),
            CULL_EINPUT, "--spread");
    a.o.group = NULL;
    refused(cx, trust_by(cx, "prediction-intervals", group, &a, &b, .1, 0, &p, &d, NULL),
            CULL_EINPUT, "--group");
    cull_ctx_free(cx);
    a.o.group = a.group;
    a.o.weight = a.weight, b.o.weight = b.weight;
    const char *all[] = {"around", "quantiles", "by", "group", "ends", "each", NULL};
    memory_fails("prediction-intervals", all, &a, &b, 0);
}

/* Files number groups as they come: a policy knows them by name. */
static void groups_by_name(void **state)
{
    (void)state;
    static made a, b, c;
    static const char *const here[] = {"x", "y", "z"}, *const there[] = {"z", "new", "x", "y"};
    const int32_t from[] = {2, 3, 0}; /* there of x, y, z */
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p;
    cull_decisions d, e;
    const char *group[] = {"by", "group", NULL};
    make_rows(&a, 1, 300);
    make_rows(&b, 2, 50);
    for (int i = 0; i < 300; i++)
        if (a.group[i] == 2) a.number[i] *= 9; /* groups differ */
    c = b;
    as_numbers(&a);
    as_numbers(&b);
    as_numbers(&c);
    ok(cx, trust_by(cx, "prediction-intervals", group, &a, &b, .1, 0, &p, &d, NULL));
    cull_policy_free(p);
    c.o.group = c.group;
    for (int i = 0; i < 50; i++) c.group[i] = i == 7 ? 1 : from[b.group[i]];
    c.o.groups = 4;
    c.o.group_name = there;
    refused(cx, trust_by(cx, "prediction-intervals", group, &a, &c, .1, 0, &p, &e, NULL),
            CULL_EINPUT,
            "the groups of the calibration rows have numbers alone, those of these rows names");
    a.o.group_name = here;
    ok(cx, trust_by(cx, "prediction-intervals", group, &a, &c, .1, .2, &p, &e, NULL));
    assert_string_equal(cull_policy_guaranteed(p)->bounds,
                        "miscoverage in each of 3 groups (x, y, z), each by itself,");
    cull_decisions_free(&e);
    cull_policy_free(p);
    ok(cx, trust_by(cx, "prediction-intervals", group, &a, &c, .1, 0, &p, &e, NULL));
    assert_string_equal(cull_policy_guaranteed(p)->bounds,
                        "miscoverage in each of 3 groups (x, y, z)");
    for (int i = 0; i < 50; i++) {
        if (i != 7) assert_true(d.lo[i] == e.lo[i] && d.hi[i] == e.hi[i]);
        if (i == 7) assert_true(e.lo[i] == -INFINITY && e.hi[i] == INFINITY);
    }
    cull_policy_free(p);
    cull_decisions_free(&d);
    cull_decisions_free(&e);
    refused(cx, trust_by(cx, "prediction-intervals", group, &a, &b, .1, 0, &p, &e, NULL),
            CULL_EINPUT, "have names, those of these rows numbers alone");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_counting), cmocka_unit_test(over_draws),
                                       cmocka_unit_test(groups_by_name),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
