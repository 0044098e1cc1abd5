/* draft-length: rounds by plain loops, never slower than the best fixed length, logits and probabilities alike. */
#include "test.h"

#include "base/base.h"
#include "cull/compute.h"

enum { N = 1500 };

typedef struct {
    double score[2 * N], quality[2 * N], each[2];
    cull_outcomes o;
} table;

static void make(uint64_t seed, bool logits, table *t)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    bool easy = true;
    for (int i = 0; i < N; i++) {
        if (cull__rng_unit(&r) < .2) easy = !easy;
        double a = easy ? .95 : .35, said = a + .04 * (cull__rng_unit(&r) - .5);
        t->quality[i] = cull__rng_unit(&r) < a;
        t->score[i] = logits ? log(said / (1 - said)) : said;
        t->quality[N + i] = NAN;
        t->score[N + i] = 0;
    }
    t->each[0] = .1, t->each[1] = 1;
    t->o = (cull_outcomes){
        .n = N, .models = 2, .score = t->score, .quality = t->quality, .each = t->each};
}

static const cull_method *method(void) { return cull_method_find("draft-length", NULL); }

static double number(cull_ctx *cx, const cull_policy *p, const char *name)
{
    double v;
    ok(cx, cull_policy_need_number(cx, p, name, &v));
    return v;
}

/* Tokens for the work over the whole trace, rounds of length[at] tokens or of `fixed`. */
static double play(const table *t, const int32_t *length, int fixed)
{
    double cost = 0, tokens = 0;
    for (int at = 0; at < N;) {
        int k = length ? length[at] : at + fixed < N ? fixed : N - at, good = 0;
        while (good < k && t->quality[at + good] == 1) good++;
        cost += k * t->each[0] + t->each[1];
        tokens += good + 1;
        at += good + 1;
    }
    return tokens / cost;
}

static void rounds(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static table t, u;
    for (uint64_t seed = 0; seed < 5; seed++) {
        cull_compute_problem p = CULL_COMPUTE_PROBLEM;
        cull_policy *policy, *other;
        cull_decisions d, e;
        make(seed, false, &t);
        make(seed, true, &u);
        p.rows = &t.o;
        ok(cx, cull_compute_fit(cx, method(), NULL, &p, &policy));
        p.rows = &u.o;
        ok(cx, cull_compute_fit(cx, method(), NULL, &p, &other));
        assert_true(number(cx, policy, "logits") == 0 && number(cx, other, "logits") == 1);
        assert_true(fabs(number(cx, policy, "tau") - number(cx, other, "tau")) < 1e-9);
        ok(cx, cull_compute_apply(cx, policy, NULL, &t.o, &d));
        ok(cx, cull_compute_apply(cx, other, NULL, &u.o, &e));
        double tau = number(cx, policy, "tau"), best = 0;
        int least = (int)number(cx, policy, "least"), most = (int)number(cx, policy, "most");
        for (int i = 0; i < N; i++) {
            double product = 1, all = 1;
            int k = 0;
            for (;;) { /* the score of the k-th token is known after the next pass: lag 1 */
                if (++k == most || i + k == N) break;
                if (k > 1) product *= t.score[i + k - 2];
                if (k >= least && k > 1 && 1 - product >= tau) break;
            }
            for (int j = 0; j < k; j++) all *= t.score[i + j];
            assert_int_equal(d.label[i], k);
            assert_true(d.model[i] == -1 && d.called[i] == 3 && d.cost[i] == k * .1 + 1);
            assert_true(fabs(d.score[i] - all) < 1e-12);
            assert_true(e.label[i] ==
                        k); /* thresholds lie at scores, but none of the 1500 is within 1e-12 */
        }
        for (int k = 1; k <= 20; k++) best = fmax(best, play(&t, NULL, k));
        assert_true(play(&t, d.label, 0) >= best - 1e-12);
        assert_true(fabs(play(&t, NULL, (int)number(cx, policy, "fixed")) - best) < 1e-12);
        cull_decisions_free(&d), cull_decisions_free(&e);
        cull_policy_free(policy), cull_policy_free(other);
    }
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
    make(1, false, &t);
    p.rows = &t.o;
    t.quality[7] = 2;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_EINPUT,
            "row 7: the acceptance of the draft's token is 2");
    t.quality[7] = 1;
    t.each[0] = 0;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_EOPTION,
            "a draft pass costs 0");
    t.each[0] = 1;
    p.budget = 3;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_EINPUT, "takes no budget");
    p.budget = INFINITY;
    t.o.models = 1;
    refused(cx, cull_compute_fit(cx, method(), NULL, &p, &out), CULL_EINPUT, "needs two models");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rounds), cmocka_unit_test(wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
