/* selective-classification: thresholds by counting, the risk of what is accepted over draws, refusals. */
#include "trusting.h"

#include "cull/confidence.h"
#include "cull/risk.h"

/* Sureness by hand: log odds of the top class. */
static double odds(const float *z)
{
    double sum = 0;
    int top = 0;
    for (int c = 1; c < C; c++)
        if (z[c] > z[top]) top = c;
    for (int c = 0; c < C; c++)
        if (c != top) sum += exp((double)z[c] - z[top]);
    return -log(sum);
}

static bool wrong(const made *r, int64_t i)
{
    int top = 0;
    for (int c = 1; c < C; c++)
        if (r->logit[i * C + c] > r->logit[i * C + top]) top = c;
    return top != (int)r->truth[i];
}

/* P(Binomial(n, p) <= k), summed. */
static double below(int k, int n, double p)
{
    double sum = 0;
    for (int i = 0; i <= k; i++)
        sum += exp(lgamma(n + 1.) - lgamma(i + 1.) - lgamma(n - i + 1.) + i * log(p) +
                   (n - i) * log1p(-p));
    return sum;
}

static int down(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a < *b) - (*a > *b);
}

static void by_counting(void **state)
{
    (void)state;
    static made a, b;
    static double s[M], t[M];
    enum { N = 500, G = 20 };
    make_rows(&a, 1, N);
    make_rows(&b, 2, M);
    for (int i = 0; i < N; i++) s[i] = t[i] = odds(a.logit + i * C);
    qsort(t, N, sizeof *t, down);
    for (int way = 0; way < 2; way++) { /* the binomial test on a grid; conformal risk control */
        double level = way ? .12 : .3, delta = way ? 0 : .1, want = INFINITY, got;
        const char *set[] = {"grid", "20", "test", "each", NULL};
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_policy *p;
        cull_decisions d;
        cull_guarantee g;
        ok(cx, trust_by(cx, "selective-classification", set, &a, &b, level, delta, &p, &d, &g));
        for (int k = way ? -1 : 0; k < (way ? N : G); k++) {
            double at = way ? (k < 0 ? -INFINITY : t[N - 1 - k])
                            : (k == G - 1 ? -INFINITY : t[(k + 1) * (N - 1) / G]);
            int n = 0, bad = 0;
            for (int i = 0; i < N; i++) {
                if (s[i] <= at) continue;
                n++;
                bad += wrong(&a, i);
            }
            bool valid = way ? bad + 1 <= level * (N + 1) : below(bad, n, level) <= delta / G;
            if (n && valid) want = fmin(want, at);
        }
        ok(cx, cull_policy_need_number(cx, p, "threshold", &got));
        assert_true(isfinite(want) && fabs(got - want) < 1e-12);
        for (int j = 0; j < M; j++) {
            double o = odds(b.logit + j * C);
            if (fabs(o - want) > 1e-12) assert_int_equal(d.keep[j], o > want);
            assert_true(fabs(d.score[j] - o) < 1e-12);
            assert_int_equal(wrong(&b, j), d.label[j] != (int)b.truth[j]);
        }
        assert_string_equal(g.bounds, way ? "share of rows that are accepted and wrong"
                                          : "risk of accepted answers");
        int64_t rows, cols;
        const double *curve = cull_policy_get(p, "curve", &rows, &cols);
        assert_true(rows <= 101 && rows > 90 && cols == 3 && curve[3 * rows - 2] == 1);
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_ctx_free(cx);
    }
}

/* True risks are those of 700 rows, blurred by that; a method that took the calibration rows' own risk would be above in half the
 * draws (checked: `naive`). */
static void over_draws(void **state)
{
    (void)state;
    static made a, b;
    static double s[M], loss[M];
    enum { N = 400, DRAWS = 120 };
    double above[4] = {0}, kept[4] = {0}, joint = 0;
    for (int k = 0; k < DRAWS; k++) {
        make_rows(&a, 9000 + 2 * (uint64_t)k, N);
        make_rows(&b, 9001 + 2 * (uint64_t)k, M);
        for (int way = 0; way < 4; way++) { /* each, sequence, in expectation, naive */
            const char *set[] = {"test", way == 1 ? "sequence" : "each", NULL};
            cull_ctx_opts co = CULL_CTX_OPTS;
            co.seed = (uint64_t)k;
            cull_ctx *cx = cull_ctx_new(&co);
            cull_policy *p = NULL;
            cull_decisions d = {0};
            cull_risk_point at = {0};
            if (way < 3) {
                ok(cx, trust_by(cx, "selective-classification", set, &a, &b, way == 2 ? .1 : .3,
                                way == 2 ? 0 : .1, &p, &d, NULL));
            } else {
                for (int i = 0; i < N; i++) {
                    s[i] = odds(a.logit + i * C);
                    loss[i] = wrong(&a, i);
                }
                ok(cx, cull_coverage_at_risk(cx, s, loss, N, .3, &at));
            }
            double n = 0, bad = 0;
            for (int j = 0; j < M; j++)
                if (way < 3 ? d.keep[j] : odds(b.logit + j * C) >= at.threshold) {
                    n++;
                    bad += wrong(&b, j);
                }
            above[way] += bad > .3 * n;
            kept[way] += n / M / DRAWS;
            if (way == 2) joint += bad / M / DRAWS;
            cull_decisions_free(&d);
            cull_policy_free(p);
            cull_ctx_free(cx);
        }
    }
    assert_true(above[0] / DRAWS < .1 + .08 &&
                above[1] / DRAWS < .1 + .08); /* three errors of 120 draws */
    assert_true(above[3] / DRAWS > .3);
    assert_true(kept[0] > .1 && kept[1] > .1);
    assert_true(joint > .09 && joint < .1 + .004); /* standard error of the mean: 0.0012 */
}

static void refusals(void **state)
{
    (void)state;
    static made a, b;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p;
    cull_decisions d;
    cull_guarantee g;
    const char *none[] = {NULL}, *top[] = {"sure", "top", NULL},
               *seq[] = {"test", "sequence", NULL};
    make_rows(&a, 1, 30);
    make_rows(&b, 2, 20);
    /* 30 rows cannot show a risk of 1 % */
    ok(cx, trust_by(cx, "selective-classification", none, &a, &b, .01, .05, &p, &d, &g));
    for (int i = 0; i < 20; i++) assert_int_equal(d.keep[i], 0);
    assert_non_null(strstr(cull_policy_note_at(p, 0), "nothing is accepted"));
    cull_decisions_free(&d);
    ok(cx, cull_policy_put_number(cx, p, "threshold", NAN));
    refused(cx, cull_trust_apply(cx, p, NULL, &b.o, &d, &g), CULL_EINPUT, "it is damaged");
    cull_policy_free(p);
    /* losses between 0 and 1, a given score, models beside */
    static double quality[2 * M], score[2 * M];
    for (int i = 0; i < 2 * 30; i++) {
        quality[i] = .9 + .001 * i;
        score[i] = i;
    }
    a.o.quality = quality, a.o.score = score, b.o.score = score;
    ok(cx, trust_by(cx, "selective-classification", none, &a, &b, .4, .05, &p, &d, &g));
    for (int i = 0; i < 20; i++) assert_true(d.score[i] == i && d.keep[i]);
    cull_decisions_free(&d);
    cull_policy_free(p);
    quality[3] = 2;
    refused(cx, trust_by(cx, "selective-classification", none, &a, &b, .4, .05, &p, &d, &g),
            CULL_EINPUT, "row 3: the quality of its answer is 2");
    quality[3] = 1;
    a.o.out = NULL, a.o.classes = 0, a.o.truth = NULL;
    refused(cx, trust_by(cx, "selective-classification", top, &a, &b, .4, .05, &p, &d, &g),
            CULL_EINPUT, "would be made from outputs");
    a.o.n = 1, a.o.models = 1;
    b.o.models = 1;
    refused(cx, trust_by(cx, "selective-classification", seq, &a, &b, .4, .05, &p, &d, &g),
            CULL_EINPUT, "1 rows are too few");
    cull_ctx_free(cx);
    make_rows(&a, 1, 30);
    b.o.score = NULL;
    b.o.models = 2;
    memory_fails("selective-classification", seq, &a, &b, .1);
    memory_fails("selective-classification", none, &a, &b, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_counting), cmocka_unit_test(over_draws),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
