/* importance: densities and divergences against plain sums of their definition, known causes, chance. */
#include "test.h"

#include "base/base.h"
#include "cull/importance.h"

static cull_space *space_of(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "test", &s));
    return s;
}

/* By the definition, of an ordered number u[k] of 0..1 (k = 0 .. seen - 1, the best first): kernels cut to 0..1. */
static double by_kernels(const double *u, int best, int seen, int cells, bool uniform)
{
    double mean = 0, var = 0, sorted[1024], p[64], q[64], sum = 0;
    for (int k = 0; k < best; k++) mean += u[k] / best;
    for (int k = 0; k < best; k++) var += (u[k] - mean) * (u[k] - mean) / (best - 1);
    memcpy(sorted, u, (size_t)best * sizeof *u);
    for (int i = 0; i < best; i++)
        for (int j = i + 1; j < best; j++)
            if (sorted[j] < sorted[i]) {
                double t = sorted[i];
                sorted[i] = sorted[j];
                sorted[j] = t;
            }
    /* a quarter: the first that at least so many are not above */
    double iqr = (sorted[(3 * best + 3) / 4 - 1] - sorted[(best + 3) / 4 - 1]) / 1.34;
    double h = sqrt(var) < iqr || iqr == 0 ? sqrt(var) : iqr;
    h = fmax(1.06 * h * pow(best, -.2), .5 / cells);
    for (int c = 0; c < cells; c++) {
        p[c] = q[c] = 1. / cells;
        for (int k = 0; k < seen; k++) {
            double lo = ((double)c / cells - u[k]) / h, hi = ((c + 1.) / cells - u[k]) / h;
            double mass = (erf(hi / sqrt(2)) - erf(lo / sqrt(2))) /
                          (erf((1 - u[k]) / h / sqrt(2)) - erf(-u[k] / h / sqrt(2)));
            if (k < best) p[c] += mass;
            q[c] += mass;
        }
        p[c] /= best + 1;
        q[c] = uniform ? 1. / cells : q[c] / (seen + 1);
        sum += q[c] * (p[c] / q[c] - 1) * (p[c] / q[c] - 1);
    }
    return sum;
}

static double by_counts(const int *v, int best, int seen, int n, bool uniform)
{
    double sum = 0;
    for (int c = 0; c < n; c++) {
        double p = 1. / n, q = 1. / n;
        for (int k = 0; k < seen; k++) {
            p += k < best && v[k] == c;
            q += v[k] == c;
        }
        p /= best + 1;
        q = uniform ? 1. / n : q / (seen + 1);
        sum += (p - q) * (p - q) / q;
    }
    return sum;
}

static void definition(void **state)
{
    (void)state;
    enum { N = 200 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s =
        space_of(cx, "a = real(-2, 6)\nb = real(1e-4, 1, log)\nc = one(x, y, z)\n"
                     "d = ordinal(1, 2, 4, 8, 16)\ne = int(0, 9)\nf = int(1, 1000, log)\n");
    double x[N * 6], value[N], u[4][N];
    int c[N];
    cull_rng r = cull__rng_seeded(51, 0);
    assert_int_equal(cull_space_width(s), 6);
    for (int i = 0; i < N; i++) { /* in order of their values, at the middles of positions */
        double at = ((double)cull__rng_below(&r, 512) + .5) / 512;
        u[0][i] = i < 60 ? (floor(at * 100) + .5) / 512 : at;
        u[1][i] = ((double)cull__rng_below(&r, 512) + .5) / 512;
        c[i] = (int)cull__rng_below(&r, 3);
        u[2][i] = ((double)cull__rng_below(&r, 5) + .5) / 5;
        u[3][i] = ((double)cull__rng_below(&r, 10) + .5) / 10;
        x[i * 6] = -2 + 8 * u[0][i];
        x[i * 6 + 1] = pow(10, -4 + 4 * u[1][i]);
        x[i * 6 + 2] = c[i];
        x[i * 6 + 3] = floor(u[2][i] * 5);
        x[i * 6 + 4] = floor(u[3][i] * 10);
        x[i * 6 + 5] = 1 + floor(999 * u[0][i]);
        value[i] = i;
    }
    for (int uniform = 0; uniform < 2; uniform++)
        for (int local = 0; local < 2; local++) {
            cull_importance_opts o = CULL_IMPORTANCE_OPTS;
            cull_importance got[6];
            int best = local ? 30 : 20, seen = local ? 120 : N;
            double sum = 0;
            o.uniform = uniform;
            o.draws = -1;
            if (local) {
                o.top = 0.15;
                o.region = 0.6;
            }
            ok(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, &o, got));
            const double want[5] = {by_kernels(u[0], best, seen, 64, uniform),
                                    by_kernels(u[1], best, seen, 64, uniform),
                                    by_counts(c, best, seen, 3, uniform),
                                    by_kernels(u[2], best, seen, 5, uniform),
                                    by_kernels(u[3], best, seen, 10, uniform)};
            for (int k = 0; k < 6; k++) {
                if (k < 5) assert_true(fabs(got[k].divergence - want[k]) < 1e-10 * (1 + want[k]));
                assert_true(got[k].best == best && got[k].seen == seen && got[k].active == 1);
                assert_true(isnan(got[k].chance) && isnan(got[k].p));
                sum += got[k].divergence;
            }
            for (int k = 0; k < 6; k++)
                assert_true(fabs(got[k].share - got[k].divergence / sum) < 1e-15);
        }
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* A search whose causes are known: a matters most, c somewhat, the rest not at all. */
static void causes(void **state)
{
    (void)state;
    enum { N = 600 };
    static double x[N * 16], value[N * 2], violation[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s =
        space_of(cx, "a = real(0, 1)\nb = real(0, 1)\nc = one(p, q, r, s)\nd = int(1, 500)\n"
                     "e = subset(1..3 of 4)\nf = permutation(u, v, w)\n");
    int64_t width = cull_space_width(s);
    cull_importance got[6];
    cull_importance_opts o = CULL_IMPORTANCE_OPTS;
    assert_true(width <= 16 && cull_space_params(s) == 6);
    for (int i = 0; i < N; i++) {
        double *at = x + i * width;
        ok(cx, cull_space_draw(cx, s, (uint64_t)i, at));
        value[2 * i] = (at[0] - .3) * (at[0] - .3) + 0.02 * (at[2] != 2);
        value[2 * i + 1] = at[3]; /* the other objective: d alone */
    }
    o.objective = 0;
    ok(cx, cull_search_importance(cx, s, N, x, 2, value, NULL, &o, got));
    assert_true(got[0].share > 0.6 && got[0].p < 0.02 && got[2].p < 0.02 &&
                got[2].divergence > 0.3);
    assert_true(got[0].divergence > 10 * got[0].chance);
    const int idle[] = {1, 3, 4, 5};
    for (int k = 0; k < 4; k++) {
        const cull_importance *g = got + idle[k];
        assert_true(g->divergence < 4 * g->chance && g->p > 0.01 &&
                    g->divergence < 0.1 * got[0].divergence);
    }
    o.objective = 1;
    ok(cx, cull_search_importance(cx, s, N, x, 2, value, NULL, &o, got));
    assert_true(got[3].share > 0.8);
    o.objective = CULL_IMPORTANCE_RANK; /* both at once */
    ok(cx, cull_search_importance(cx, s, N, x, 2, value, NULL, &o, got));
    assert_true(got[0].p < 0.02 && got[3].p < 0.02 && got[0].share + got[3].share > 0.6);
    /* what keeps the constraint comes first, whatever its value; NaN does not count */
    for (int i = 0; i < N; i++) violation[i] = fmax(0, x[i * width + 1] - .15);
    o.objective = 0;
    ok(cx, cull_search_importance(cx, s, N, x, 2, value, violation, &o, got));
    assert_true(got[1].share > 0.5 && got[1].p < 0.02);
    for (int i = 0; i < N; i += 2) value[2 * i] = NAN;
    ok(cx, cull_search_importance(cx, s, N, x, 2, value, NULL, &o, got));
    assert_int_equal(got[0].seen, N / 2);
    cull_space_free(s);
    cull_ctx_free(cx);
}

static void conditional(void **state)
{
    (void)state;
    enum { N = 400 };
    static double x[N * 8], value[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = space_of(
        cx, "opt = or { sgd { m = real(0, 1) } adam { beta = real(0, 1) } }\nw = real(0, 1)\n");
    int64_t width = cull_space_width(s), sgd = 0;
    int m = cull_space_find(s, "opt.sgd.m"), beta = cull_space_find(s, "opt.adam.beta");
    cull_importance got[4];
    assert_true(m > 0 && beta > 0 && cull_space_params(s) == 4 && width == 4);
    for (int i = 0; i < N; i++) {
        double *at = x + i * width;
        ok(cx, cull_space_draw(cx, s, (uint64_t)i, at));
        bool is_sgd = at[cull_space_at(s, 0)->at] == 0;
        sgd += is_sgd;
        value[i] =
            is_sgd ? fabs(at[cull_space_at(s, m)->at] - .8) : 2 + at[cull_space_at(s, 3)->at];
    }
    ok(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, NULL, got));
    assert_int_equal(got[m].seen, sgd);
    assert_int_equal(got[beta].seen, N - sgd);
    assert_true(got[m].best == 40 && got[m].divergence > 1 &&
                fabs(got[m].active - sgd / (double)N) < 1e-15);
    /* none of the best has it: nothing is said */
    assert_true(got[beta].best == 0 && isnan(got[beta].divergence) && got[beta].share == 0);
    assert_true(got[0].p < 0.02);
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* More values than cells: neighbours share one. */
static void many_values(void **state)
{
    (void)state;
    enum { N = 500, VALUES = 3000 };
    static double x[N * 2], value[N];
    static char text[VALUES * 6 + 64];
    size_t at = (size_t)sprintf(text, "a = ordinal(0");
    for (int i = 1; i < VALUES; i++) at += (size_t)sprintf(text + at, ", %d", i);
    sprintf(text + at, ")\nb = int(0, 100000)\n");
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_space *s = space_of(cx, text);
    uint64_t held = cull_ctx_held(cx);
    cull_importance got[2];
    for (int i = 0; i < N; i++) {
        ok(cx, cull_space_draw(cx, s, (uint64_t)i, x + i * 2));
        value[i] = fabs(x[i * 2] - 2990);
    }
    ok(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, NULL, got));
    assert_true(got[0].share > 0.9 && got[0].p < 0.02 && got[1].divergence < 4 * got[1].chance);
    assert_true(cull_ctx_peak(cx) - held < 4 << 20); /* kernels of 512 positions, not of 3000 */
    cull_space_free(s);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void of_a_study(void **state)
{
    (void)state;
    enum { N = 60 };
    double x[N * 2], value[N];
    int64_t n = 0;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_space *s = space_of(cx, "a = real(0, 1)\nb = one(p, q, r)\n");
    const cull_objective gain = {.name = "gain", .maximize = true};
    cull_search_problem p = {.space = s, .objectives = 1, .objective = &gain, .trials = N};
    cull_study *study;
    cull_importance got[2], want[2];
    ok(cx, cull_study_open(cx, &p, cull_method_find("random-search", NULL), NULL, NULL, &study));
    while (!cull_study_done(study)) {
        cull_trial t;
        ok(cx, cull_study_ask(study, &t));
        double v = -fabs(t.x[0] - .5) + .1 * t.x[1];
        cull_outcome o = CULL_OUTCOME;
        int64_t number = t.number;
        o.value = &v;
        if (number % 7 == 0) o.state = CULL_TRIAL_FAILED;
        if (o.state == CULL_TRIAL_DONE) {
            memcpy(x + n * 2, t.x, 2 * sizeof *x);
            value[n++] = -v;
        }
        ok(cx, cull_study_tell(study, number, &o));
    }
    ok(cx, cull_study_importance(cx, study, NULL, got));
    ok(cx, cull_search_importance(cx, s, n, x, 1, value, NULL, NULL, want));
    assert_memory_equal(got, want, sizeof got);
    assert_int_equal(got[0].seen, n);
    cull_study_free(study);
    cull_space_free(s);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void threads_memory_refusals(void **state)
{
    (void)state;
    enum { N = 90 };
    double x[N * 3], value[N];
    cull_importance got[2][3];
    long calls = 0;
    for (int t = 0; t < 2; t++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, t + 1);
        cull_space *s = space_of(cx, "a = real(0, 1)\nb = one(p, q)\nc = int(1, 5)\n");
        for (int i = 0; i < N; i++) {
            ok(cx, cull_space_draw(cx, s, (uint64_t)i, x + i * 3));
            value[i] = x[i * 3];
        }
        ok(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, NULL, got[t]));
        for (long at = 0; t == 0 && at <= calls; at++) { /* the first round counts */
            h.calls = 0;
            h.fail_at = at;
            cull_ctx *c2 = hooked_ctx(&h, 1);
            if (!c2) continue; /* the ctx itself */
            cull_status st = cull_search_importance(c2, s, N, x, 1, value, NULL, NULL, got[1]);
            assert_int_equal(st, at ? CULL_ENOMEM : CULL_OK);
            if (at == 0) calls = h.calls;
            cull_ctx_free(c2);
        }
        h.fail_at = 0;
        cull_importance_opts o = CULL_IMPORTANCE_OPTS;
        refused(cx, cull_search_importance(cx, s, 3, x, 1, value, NULL, NULL, got[1]), CULL_EINPUT,
                "besides the best 2; there are 3");
        o.top = 0.5;
        o.region = 0.5;
        refused(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, &o, got[1]), CULL_EINPUT,
                "besides the best 45; there are 45");
        o.top = 1;
        refused(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, &o, got[1]), CULL_EOPTION,
                "top is 1");
        o.top = 0;
        o.region = NAN;
        refused(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, &o, got[1]), CULL_EOPTION,
                "region is nan");
        o.region = 0;
        o.objective = 1;
        refused(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, &o, got[1]), CULL_EOPTION,
                "objective 1 of 1");
        if (t) ok(cx, cull_search_importance(cx, s, N, x, 1, value, NULL, NULL, got[1]));
        cull_space_free(s);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(calls > 3);
    assert_memory_equal(got[0], got[1], sizeof got[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),  cmocka_unit_test(causes),
        cmocka_unit_test(conditional), cmocka_unit_test(many_values),
        cmocka_unit_test(of_a_study),  cmocka_unit_test(threads_memory_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
