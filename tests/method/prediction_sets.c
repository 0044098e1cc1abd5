/* prediction-sets: against scores and quantiles by counting; coverage of draws, in expectation and with delta. */
#include "trusting.h"

#include "cull/sets.h"
#include "score/outcomes.h"

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

/* Rows that are decided about one at a time, all of one seed: coverage is that of many at once. */
static void one_at_a_time(void **state)
{
    (void)state;
    static made a, b;
    enum { N = 60, DRAWS = 600 };
    static const char *const set[] = {"kind", "aps", NULL};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        double mean = 0, size;
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.seed = seed;
        cull_ctx *cx = cull_ctx_new(&co);
        for (uint64_t k = 0; k < DRAWS; k++) {
            cull_policy *p;
            cull_decisions d;
            make_rows(&a, 1000 + 2 * k, N);
            make_rows(&b, 1001 + 2 * k, 1);
            ok(cx, trust_by(cx, "prediction-sets", set, &a, &b, .2, 0, &p, &d, NULL));
            mean += covered(&d, &b, &size) / DRAWS;
            cull_decisions_free(&d);
            cull_policy_free(p);
        }
        cull_ctx_free(cx);
        double error = 3 * sqrt(.8 * .2 / DRAWS);
        if (mean < .8 - error || mean > .8 + 1. / (N + 1) + error)
            fail_msg("seed %d: coverage is %.3f", (int)seed, mean);
    }
}

/* The mean size of sets, or the most that coverage is off among sets of about one size, by counting. */
static double badness(const made *a, const uint8_t *half, int n, double lambda, int k, bool size)
{
    static const int upto[] = {1, 3, C};
    static double v[M];
    double rows[3] = {0}, hits[3] = {0}, sum = 0, most = 0;
    for (int i = 0; i < n; i++)
        v[i] = plain(CULL_SET_RAPS, a->out[0] + i * C, (int)a->truth[i], lambda, k);
    double q = plain_quantile(v, NULL, half, n, 1, .2);
    for (int i = 0, s; i < n; i++) {
        int in = 0;
        if (!half[i]) continue;
        for (int c = 0; c < C; c++)
            in += plain(CULL_SET_RAPS, a->out[0] + i * C, c, lambda, k) <= q + 1e-12;
        for (s = 0; in > upto[s];) s++;
        sum += in, rows[s]++, hits[s] += v[i] <= q + 1e-12;
    }
    for (int s = 0; s < 3; s++)
        if (rows[s] > 0) most = fmax(most, fabs(hits[s] / rows[s] - .8));
    return size ? sum / (rows[0] + rows[1] + rows[2]) : most;
}

/* What is chosen is the best of the grid, the first of those, and ranks are the quantile of the true class's. */
static void chosen(void **state)
{
    (void)state;
    static made a, b;
    static uint8_t half[M];
    static double rank[M];
    enum { N = 300 };
    static const double grid[2][8] = {{.001, .01, .1, .2, .5},
                                      {0, 1e-5, 1e-4, 8e-4, 9e-4, .001, .0015, .002}};
    int64_t row[N];
    for (int i = 0; i < N; i++) row[i] = i;
    for (int draw = 0; draw < 60; draw++) {
        bool size = draw % 2;
        const char *set[] = {"kind",       "raps", "tune", size ? "size" : "adaptiveness",
                             "randomised", "no",   "part", ".4",
                             NULL};
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.seed = (uint64_t)draw;
        cull_ctx *cx = cull_ctx_new(&co);
        cull_policy *p;
        cull_decisions d;
        make_rows(&a, 700 + (uint64_t)draw, N);
        make_rows(&b, 1, 20);
        ok(cx, trust_by(cx, "prediction-sets", set, &a, &b, .2, 0, &p, &d, NULL));
        const double *got = cull_policy_get(p, "tuned", NULL, NULL);
        cull__outcomes_split(cx, &a.o, row, N, .4, half);
        for (int i = 0; i < N; i++)
            rank[i] = plain(CULL_SET_TOP, a.out[0] + i * C, (int)a.truth[i], 0, 0);
        assert_true(got[1] == plain_quantile(rank, NULL, half, N, 1, .2));
        double best = INFINITY, at = -1;
        for (int j = 0; j < (size ? 5 : 8); j++) {
            double bad = badness(&a, half, N, grid[!size][j], (int)got[1], size);
            if (bad < best - 1e-12) best = bad, at = grid[!size][j];
        }
        assert_true(got[0] == at);
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_ctx_free(cx);
    }
}

/* Tuned by rows of their own, coverage stays exact: over 1,000 draws. */
static void tuned(void **state)
{
    (void)state;
    static made a, b;
    enum { N = 80, T = 100, DRAWS = 1000 };
    static const char *const ways[] = {"no", "size", "adaptiveness"};
    double size;
    for (int way = 0; way < 3; way++) {
        const char *set[] = {"kind",    "raps", "tune",  ways[way], "part", ".25",
                             "penalty", "0",    "ranks", "0",       NULL};
        double mean = 0, mean2 = 0, rows = 0, sizes = 0;
        for (int k = 0; k < DRAWS; k++) {
            cull_ctx_opts co = CULL_CTX_OPTS;
            co.seed = (uint64_t)k, co.threads = 1;
            cull_ctx *cx = cull_ctx_new(&co);
            cull_policy *p;
            cull_decisions d;
            cull_guarantee g;
            make_rows(&a, 5000 + 2 * (uint64_t)k, N);
            make_rows(&b, 5001 + 2 * (uint64_t)k, T);
            ok(cx, trust_by(cx, "prediction-sets", set, &a, &b, .2, 0, &p, &d, &g));
            double c = covered(&d, &b, &size);
            const double *chosen = cull_policy_get(p, "tuned", NULL, NULL);
            assert_true(!chosen == !way && (way || g.n == N));
            if (way) assert_true(chosen[0] <= .5 && chosen[1] >= 1 && chosen[1] <= C && g.n < N);
            mean += c / DRAWS, mean2 += c * c / DRAWS;
            rows += 1. / ((double)g.n + 1) / DRAWS;
            sizes += size / DRAWS;
            cull_decisions_free(&d);
            cull_policy_free(p);
            cull_ctx_free(cx);
        }
        double error = 3 * sqrt((mean2 - mean * mean) / DRAWS);
        if (getenv("SHOW"))
            printf("tune %s: covered %.4f (%.4f) of .8, mean size %.3f\n", ways[way], mean,
                   error / 3, sizes);
        assert_true(mean >= .8 - error && mean <= .8 + rows + error);
    }
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
    const char *aps[] = {"kind", "aps", "tune", "size", NULL};
    const char *few[] = {"kind", "raps", "tune", "size", "part", ".01", NULL};
    b.o.group = b.group;
    refused(cx, trust_by(cx, "prediction-sets", aps, &a, &b, .1, 0, &p, &d, NULL), CULL_EOPTION,
            "tune is of kind raps");
    a.o.n = 1;
    refused(cx, trust_by(cx, "prediction-sets", few, &a, &b, .1, 0, &p, &d, NULL), CULL_EINPUT,
            "1 rows are too few to set a part of 0.01 of them aside");
    a.o.n = 40;
    b.o.group = NULL;
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
    const char *raps[] = {"kind", "raps", "by", "class", "tune", "size", NULL};
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_counting),   cmocka_unit_test(over_draws),
        cmocka_unit_test(one_at_a_time), cmocka_unit_test(chosen),
        cmocka_unit_test(tuned),         cmocka_unit_test(refusals),
        cmocka_unit_test(threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
