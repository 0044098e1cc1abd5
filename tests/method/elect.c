/* elect: its stop is the earliest that holds by plain sums; one row of each group; shuffled rows change nothing. */
#include "test.h"

#include "base/base.h"
#include "cull/trust.h"

enum { P = 90, N = 5, K = 4, ROWS = P * N };

typedef struct {
    double score[K * ROWS], truth[ROWS];
    int32_t group[ROWS];
    cull_outcomes o;
} table;

/* Later checkpoints say more; `turn` moves rows about. */
static void make(uint64_t seed, bool turn, table *t)
{
    static const double noise[K] = {3, 1, .3, 0};
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int i = 0; i < ROWS; i++) {
        int at = turn ? (i * 7 + 3) % ROWS : i; /* 7 and 450 have no common factor */
        double q = cull__rng_normal(&r);
        t->truth[at] = q;
        t->group[at] = (int32_t)(2 * (i / N)); /* odd groups have no rows */
        for (int k = 0; k < K; k++) t->score[k * ROWS + at] = q + noise[k] * cull__rng_normal(&r);
    }
    t->o = (cull_outcomes){.n = ROWS,
                           .models = K,
                           .score = t->score,
                           .truth = t->truth,
                           .group = t->group,
                           .groups = 2 * P};
}

static const cull_method *elect(void) { return cull_method_find("elect", NULL); }

static cull_policy *learn(cull_ctx *cx, const table *t, double level, double delta)
{
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    cull_policy *out;
    p.rows = &t->o, p.level = level, p.delta = delta;
    ok(cx, cull_trust_fit(cx, elect(), NULL, &p, &out));
    return out;
}

/* Best row of a group by checkpoint k. */
static int best(const table *t, int group, int k)
{
    int top = -1;
    for (int i = 0; i < ROWS; i++)
        if (t->group[i] == group && (top < 0 || t->score[k * ROWS + i] > t->score[k * ROWS + top]))
            top = i;
    return top;
}

static double loss(const table *t, int group, int k)
{
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < ROWS; i++)
        if (t->group[i] == group) lo = fmin(lo, t->truth[i]), hi = fmax(hi, t->truth[i]);
    return fmax(0, t->truth[best(t, group, K - 1)] - t->truth[best(t, group, k)]) / (hi - lo);
}

static void stop_and_choice(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t, turned;
    double holds_at[K]; /* the largest loss from k on, and one row of loss 1 more */
    make(5, false, &t);
    make(5, true, &turned);
    for (int k = 0; k < K; k++) {
        double sum = 1;
        for (int g = 0; g < P; g++) {
            double most = 0;
            for (int j = k; j < K; j++) most = fmax(most, loss(&t, 2 * g, j));
            sum += most;
        }
        holds_at[k] = sum / (P + 1);
        assert_true(k == 0 || holds_at[k] < holds_at[k - 1]);
    }
    for (int l = 0; l < 2 * K; l++) { /* a little above what k holds, and a little below */
        int want = l / 2 + l % 2;
        double level = holds_at[l / 2] * (l % 2 ? .999 : 1.001);
        if (want == K) want = K - 1;
        cull_policy *p = learn(cx, &t, level, 0), *q = learn(cx, &turned, level, 0);
        double stop;
        ok(cx, cull_policy_need_number(cx, p, "stop", &stop));
        assert_true(stop == want);
        ok(cx, cull_policy_need_number(cx, q, "stop", &stop));
        assert_true(stop == want);
        assert_true(cull_policy_guaranteed(p)->n == P);
        cull_decisions d;
        ok(cx, cull_trust_apply(cx, p, NULL, &turned.o, &d, NULL));
        for (int g = 0; g < P; g++) {
            int top = best(&turned, 2 * g, want), kept = 0;
            for (int i = 0; i < ROWS; i++) kept += turned.group[i] == 2 * g && d.keep[i];
            assert_true(kept == 1 && d.keep[top] == 1);
        }
        cull_trust_verdict v;
        refused(cx, cull_trust_check(cx, p, &d, &turned.o, &v), CULL_EINPUT, "run to the end");
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_policy_free(q);
    }
    cull_ctx_free(cx);
}

/* With delta the stop is no earlier than it would be by the mean alone, and new problems keep the level. */
static void holds(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t, fresh;
    int broken = 0, early = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        make(100 + seed, false, &t);
        make(900 + seed, false, &fresh);
        cull_policy *p = learn(cx, &t, .2, .1);
        double stop, sum = 0;
        ok(cx, cull_policy_need_number(cx, p, "stop", &stop));
        early += stop < K - 1;
        for (int g = 0; g < P; g++) sum += loss(&fresh, 2 * g, (int)stop) / P;
        broken += sum > .2;
        cull_policy_free(p);
    }
    assert_true(early > 30 && broken <= 10); /* a tenth of 40 and three deviations */
    cull_ctx_free(cx);
}

static void wrong(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static table t;
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    cull_policy *out;
    make(5, false, &t);
    p.rows = &t.o;
    t.o.group = NULL;
    refused(cx, cull_trust_fit(cx, elect(), NULL, &p, &out), CULL_EINPUT, "--group");
    make(5, false, &t);
    double each[K] = {1, 3, 2, 4};
    t.o.each = each;
    refused(cx, cull_trust_fit(cx, elect(), NULL, &p, &out), CULL_EINPUT,
            "the cost up to checkpoint 2 is 2");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stop_and_choice), cmocka_unit_test(holds),
                                       cmocka_unit_test(wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
