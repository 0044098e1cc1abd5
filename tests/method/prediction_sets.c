/* prediction-sets: against scores and quantiles by counting; coverage of draws, in expectation and with delta. */
#include "trusting.h"

#include "cull/sets.h"

/* How strange class c of a row is, without random numbers. */
static double plain(int score, const float *z, int c, double lambda, int k)
{
    double p[C], sum = 0, before = 0;
    int rank = 0;
    for (int i = 0; i < C; i++) sum += p[i] = exp(z[i]);
    for (int i = 0; i < C; i++)
        if (z[i] > z[c] || (z[i] == z[c] && i < c)) {
            before += p[i] / sum;
            rank++;
        }
    if (score == CULL_SET_LAC) return 1 - p[c] / sum;
    if (score == CULL_SET_TOP) return rank + 1;
    double v = rank == C - 1 ? 1 : before + p[c] / sum; /* all of it, however that rounds */
    return score == CULL_SET_RAPS ? v + lambda * fmax(0, rank + 1 - k) : v;
}

static const char *const SCORES[] = {"lac", "aps", "raps", "top"};
static const char *const BY[] = {"all", "group", "class"};

static void by_counting(void **state)
{
    (void)state;
    static made a, b;
    static double v[M];
    static uint8_t in[M];
    enum { N = 211, T = 57 };
    make_rows(&a, 1, N);
    make_rows(&b, 2, T);
    for (int i = 0; i < N; i++)
        a.truth[i] = a.truth[i] == 4 && i > 3 ? 0 : a.truth[i]; /* a rare class */
    for (int way = 0; way < 48; way++) {
        int score = way % 4, by = way / 4 % 3, weights = way / 12 % 2, model = way / 24;
        a.o.weight = weights ? a.weight : NULL;
        b.o.weight = weights ? b.weight : NULL;
        const char *set[] = {"kind",  SCORES[score],     "by",  BY[by],  "randomised",
                             "no",    "penalty",         ".04", "ranks", "2",
                             "which", model ? "2" : "1", NULL};
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_policy *p;
        cull_decisions d;
        cull_guarantee g;
        ok(cx, trust_by(cx, "prediction-sets", set, &a, &b, .13, 0, &p, &d, &g));
        for (int i = 0; i < N; i++)
            v[i] = plain(score, a.out[model] + i * C, (int)a.truth[i], .04, 2);
        for (int j = 0; j < T; j++)
            for (int c = 0; c < C; c++) {
                for (int i = 0; i < N; i++)
                    in[i] = by == 0 || (by == 1 ? a.group[i] == b.group[j] : a.truth[i] == c);
                double q = plain_quantile(v, weights ? a.weight : NULL, in, N,
                                          weights ? b.weight[j] : 1, .13);
                /* v of a calibration row may be the threshold, never of these */
                bool want = plain(score, b.out[model] + j * C, c, .04, 2) <= q;
                assert_int_equal(d.set[j * C + c], want);
            }
        assert_int_equal(strncmp(g.bounds, "miscoverage", 11), 0);
        assert_true(!strstr(g.bounds, "in each of ") == !by);
        assert_true(g.level == .13 && g.delta == 0 && g.n == N && !g.broken);
        if (weights) assert_non_null(strstr(g.assumes, "weights"));
        if (by) assert_non_null(strstr(g.assumes, "within"));
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_ctx_free(cx);
    }
}

static double covered(const cull_decisions *d, const made *b, double *size)
{
    double hits = 0;
    *size = 0;
    for (int64_t j = 0; j < d->n; j++) {
        hits += d->set[j * C + (int)b->truth[j]];
        for (int c = 0; c < C; c++) *size += d->set[j * C + c];
    }
    *size /= (double)d->n;
    return hits / (double)d->n;
}

/* Over draws, coverage is 1 - level + at most 1 / (n + 1): exactly so where scores have no ties. */
static void over_draws(void **state)
{
    (void)state;
    static made a, b;
    enum { N = 60, T = 400, DRAWS = 150 };
    double size_plain = 0, size_drawn = 0, size;
    for (int way = 0; way < 4; way++) {
        /* lac; aps with and without random numbers; lac with delta */
        const char *set[] = {"kind", way % 3 == 0 ? "lac" : "aps", "randomised",
                             way == 1 ? "yes" : "no", NULL};
        double delta = way == 3 ? .2 : 0, mean = 0, mean2 = 0, low = 0;
        for (int k = 0; k < DRAWS; k++) {
            cull_ctx_opts co = CULL_CTX_OPTS;
            co.seed = (uint64_t)k;
            cull_ctx *cx = cull_ctx_new(&co);
            cull_policy *p;
            cull_decisions d;
            make_rows(&a, 1000 + 2 * (uint64_t)k, N);
            make_rows(&b, 1001 + 2 * (uint64_t)k, T);
            ok(cx, trust_by(cx, "prediction-sets", set, &a, &b, .2, delta, &p, &d, NULL));
            double c = covered(&d, &b, &size);
            mean += c / DRAWS;
            mean2 += c * c / DRAWS;
            low += c < .8;
            if (way == 1) size_drawn += size;
            if (way == 2) size_plain += size;
            cull_decisions_free(&d);
            cull_policy_free(p);
            cull_ctx_free(cx);
        }
        double error = 3 * sqrt((mean2 - mean * mean) / DRAWS); /* three standard errors */
        assert_true(mean >= .8 - error);
        if (way < 2) assert_true(mean <= .8 + 1. / (N + 1) + error);
        /* with delta: calibrations whose coverage is below; 400 test rows blur it (three errors of 150 draws, and that) */
        if (way == 3) assert_true(low / DRAWS <= .2 + .13 && mean > .82);
        if (way == 0) assert_true(low / DRAWS > .25);
    }
    assert_true(size_drawn < .95 * size_plain);
}

static void refusals(void **state)
{
    (void)state;
    static made a, b;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p;
    cull_decisions d;
    const char *none[] = {NULL}, *group[] = {"by", "group", NULL}, *class[] = {"by", "class", NULL};
    const char *third[] = {"which", "3", NULL}, *odd[] = {"kind", "nope", NULL};
    make_rows(&a, 1, 40);
    make_rows(&b, 2, 20);
    refused(cx, trust_by(cx, "prediction-sets", third, &a, &b, .1, 0, &p, &d, NULL), CULL_EINPUT,
            "model 3 is asked for; there are 2");
    refused(cx, trust_by(cx, "prediction-sets", odd, &a, &b, .1, 0, &p, &d, NULL), CULL_EOPTION,
            "nope");
    a.o.weight = a.weight;
    refused(cx, trust_by(cx, "prediction-sets", none, &a, &b, .1, 0, &p, &d, NULL), CULL_EINPUT,
            "these rows have none (--weight)");
    refused(cx, trust_by(cx, "prediction-sets", none, &a, &b, .1, .1, &p, &d, NULL), CULL_EINPUT,
            "with weights the level holds in expectation");
    a.o.weight = NULL;
    b.o.classes = C - 1;
    for (int i = 0; i < 20; i++) b.truth[i] = 0;
    refused(cx, trust_by(cx, "prediction-sets", none, &a, &b, .1, 0, &p, &d, NULL), CULL_EINPUT,
            "the rows have 4 classes, the policy was fitted for 5");
    b.o.classes = C;
    b.o.group = NULL;
    refused(cx, trust_by(cx, "prediction-sets", group, &a, &b, .1, 0, &p, &d, NULL), CULL_EINPUT,
            "--group");
    /* too few rows: all classes, and the policy says so; a group that was not there likewise */
    ok(cx, trust_by(cx, "prediction-sets", class, &a, &b, .01, 0, &p, &d, NULL));
    for (int i = 0; i < 20 * C; i++) assert_int_equal(d.set[i], 1);
    assert_int_equal(cull_policy_notes(p), 1);
    assert_non_null(strstr(cull_policy_note_at(p, 0), "5 of 5 classes have too few"));
    cull_decisions_free(&d);
    cull_policy_free(p);
    b.o.group = b.group;
    b.o.groups = 4;
    b.group[3] = 3;
    ok(cx, trust_by(cx, "prediction-sets", group, &a, &b, .5, 0, &p, &d, NULL));
    int in = 0;
    for (int c = 0; c < C; c++) in += d.set[3 * C + c];
    assert_int_equal(in, C);
    cull_decisions_free(&d);
    cull_policy_free(p);
    cull_ctx_free(cx);
    const char *raps[] = {"kind", "raps", "by", "class", NULL};
    a.o.weight = a.weight, b.o.weight = b.weight;
    memory_fails("prediction-sets", raps, &a, &b, 0);
    a.o.weight = NULL;
    memory_fails("prediction-sets", group, &a, &b, .1);
}

static void threads(void **state)
{
    (void)state;
    static made a, b;
    static uint8_t set_of[2][M * C];
    const char *set[] = {"kind", "aps", NULL};
    make_rows(&a, 1, M);
    make_rows(&b, 2, M);
    for (int k = 0; k < 2; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, k + 1);
        cull_policy *p;
        cull_decisions d;
        ok(cx, trust_by(cx, "prediction-sets", set, &a, &b, .1, 0, &p, &d, NULL));
        memcpy(set_of[k], d.set, M * C);
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_ctx_free(cx);
    }
    assert_memory_equal(set_of[0], set_of[1], M * C);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_counting), cmocka_unit_test(over_draws),
                                       cmocka_unit_test(refusals), cmocka_unit_test(threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
