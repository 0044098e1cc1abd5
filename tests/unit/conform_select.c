/* conform_select: conformal selection, weighted and over models, against the definitions read literally: for each test row and
 * model all auxiliary p-values, and Benjamini-Hochberg among them. */
#include "test.h"

#include "base/base.h"
#include "cull/conform.h"

enum { ROWS = 48, MODELS = 4 };

/* p <= level, as on paper. */
static bool at_most(double p, double level) { return p <= level * (1 + 1e-11); }

/* How many Benjamini-Hochberg keeps. */
static int64_t bh_size(const double *p, int64_t m, double q)
{
    int64_t best = 0;
    for (int64_t k = 1; k <= m; k++) {
        int64_t upto = 0;
        for (int64_t j = 0; j < m; j++) upto += at_most(p[j], q * (double)k / (double)m);
        if (upto >= k) best = k;
    }
    return best;
}

/* R_j with the weights of either paper: `strict` is the weighted one's. */
static int64_t literal_size(const double *v, const double *w, int64_t n, const double *t,
                            const double *tw, int64_t m, int64_t j, double q, bool strict)
{
    double p[ROWS], total = tw[j];
    for (int64_t i = 0; i < n; i++) total += w[i];
    for (int64_t l = 0; l < m; l++) {
        double mass = (strict ? t[j] < t[l] : t[j] <= t[l]) ? tw[j] : 0;
        for (int64_t i = 0; i < n; i++) mass += (strict ? v[i] < t[l] : v[i] <= t[l]) ? w[i] : 0;
        p[l] = l == j ? 0 : mass / total;
    }
    return bh_size(p, m, q);
}

/* e-BH over e / xi by its definition. */
static int64_t literal_ebh(const double *e, const double *xi, int64_t m, double q, uint8_t *keep)
{
    int64_t best = 0;
    for (int64_t k = 1; k <= m; k++) {
        int64_t upto = 0;
        for (int64_t j = 0; j < m; j++) upto += at_most((double)m / (q * (double)k), e[j] / xi[j]);
        if (upto >= k) best = k;
    }
    for (int64_t j = 0; j < m; j++)
        keep[j] = best > 0 && at_most((double)m / (q * (double)best), e[j] / xi[j]);
    return best;
}

typedef struct {
    int64_t n, m;
    int models;
    double v[MODELS * ROWS], t[MODELS * ROWS], w[ROWS], tw[ROWS];
} instance;

/* What a row's score is: kind 0 noise, 1 few values, 2 all the same; `good` of ten calibration rows are positive. */
static void draw(cull_rng *r, instance *g, int64_t n, int64_t m, int models, int kind, int good)
{
    g->n = n;
    g->m = m;
    g->models = models;
    for (int k = 0; k < models; k++) {
        for (int64_t i = 0; i < n; i++) {
            double x = kind == 0   ? cull__rng_normal(r)
                       : kind == 1 ? (double)cull__rng_below(r, 6)
                                   : 1;
            g->v[k * n + i] = cull__rng_below(r, 10) < good ? INFINITY : x;
        }
        for (int64_t j = 0; j < m; j++)
            g->t[k * m + j] = kind == 0   ? cull__rng_normal(r) - 1
                              : kind == 1 ? (double)cull__rng_below(r, 5)
                                          : 1;
    }
    for (int64_t i = 0; i < ROWS; i++) {
        g->w[i] = kind ? (double)cull__rng_below(r, 4) : exp(cull__rng_normal(r));
        g->tw[i] = kind ? (double)(1 + cull__rng_below(r, 3)) : exp(cull__rng_normal(r));
    }
}

/* All that does not depend on what is drawn, and what is kept given the p-values. */
static void check_models(cull_ctx *cx, const instance *g, double q, double beta)
{
    uint8_t keep[ROWS], want[ROWS];
    double p[ROWS], e[ROWS], one[ROWS], xi[ROWS];
    int64_t size[ROWS], literal[MODELS];
    int32_t model[ROWS];
    for (int i = 0; i < ROWS; i++) one[i] = 1;
    cull_selection out = {.keep = keep, .p = p, .e = e, .size = size, .model = model};
    cull_select_opts o = {.q = q, .beta = beta};
    if (beta == 0) beta = 1;
    ok(cx, cull_conform_select_model(cx, g->v, g->n, g->t, g->m, g->models, &o, &out));
    for (int64_t j = 0; j < g->m; j++) {
        int64_t most = 0, upto = 1;
        for (int k = 0; k < g->models; k++) {
            literal[k] =
                literal_size(g->v + k * g->n, one, g->n, g->t + k * g->m, one, g->m, j, q, false);
            if (literal[k] > most) most = literal[k];
        }
        assert_int_equal(size[j], most);
        assert_true(model[j] >= 0 && model[j] < g->models);
        assert_int_equal(literal[model[j]], most);
        for (int64_t i = 0; i < g->n; i++)
            upto += g->v[model[j] * g->n + i] <= g->t[model[j] * g->m + j];
        assert_true(fabs(p[j] - (double)upto / (double)(g->n + 1)) < 1e-15);
        double level = q * beta * (double)most / (double)g->m;
        assert_true(at_most(p[j], level) ? fabs(e[j] * level - 1) < 1e-12 : e[j] == 0);
    }
    assert_int_equal(out.kept, literal_ebh(e, one, g->m, q, want));
    assert_memory_equal(keep, want, (size_t)g->m);
    int64_t dtm = out.kept;
    for (int how = CULL_PRUNE_HOMO; how <= CULL_PRUNE_HETE; how++) {
        /* xi is not seen; whatever it is, what is kept lies between these */
        o.prune = (cull_prune)how;
        ok(cx, cull_conform_select_model(cx, g->v, g->n, g->t, g->m, g->models, &o, &out));
        int64_t kept = 0;
        for (int64_t j = 0; j < g->m; j++) {
            xi[j] = 1e-300;
            kept += keep[j];
            assert_true(!keep[j] || e[j] > 0);
        }
        assert_int_equal(kept, out.kept);
        assert_true(kept >= dtm && kept <= literal_ebh(e, xi, g->m, q, want));
    }
}

static void models_by_definition(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(11, 0);
    instance g;
    for (int trial = 0; trial < 300; trial++) {
        draw(&r, &g, 1 + cull__rng_below(&r, ROWS - 1), 1 + cull__rng_below(&r, ROWS - 1),
             1 + (int)cull__rng_below(&r, MODELS), trial % 2, (int)cull__rng_below(&r, 11));
        check_models(cx, &g, (1 + (double)cull__rng_below(&r, 9)) / 10, trial % 3 ? 0 : .9);
    }
    /* n = 3, m = 1; everything tied; no positive, only positives */
    for (int n = 1; n <= 3; n++)
        for (int m = 1; m <= 5; m++)
            for (int kind = 0; kind < 3; kind++)
                for (int good = 0; good <= 10; good += 5)
                    for (int q = 1; q < 10; q += 2) {
                        draw(&r, &g, n, m, 2, kind, good);
                        check_models(cx, &g, q / 10., 0);
                    }
    cull_ctx_free(cx);
}

static void weighted_by_definition(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(12, 0);
    instance g;
    for (int trial = 0; trial < 700; trial++) {
        uint8_t keep[ROWS], want[ROWS];
        double p[ROWS], e[ROWS], one[ROWS];
        int64_t size[ROWS];
        cull_selection out = {.keep = keep, .p = p, .e = e, .size = size};
        cull_select_opts o = {.q = (1 + (double)cull__rng_below(&r, 9)) / 10};
        int64_t n = trial < 400 ? 1 + cull__rng_below(&r, ROWS - 1) : 1 + cull__rng_below(&r, 3);
        int64_t m = trial < 400 ? 1 + cull__rng_below(&r, ROWS - 1) : 1 + cull__rng_below(&r, 4);
        draw(&r, &g, n, m, 1, trial % 3, (int)cull__rng_below(&r, 11));
        if (trial % 5 == 0) /* one row that outweighs all */
            g.tw[0] = 1e6;
        ok(cx, cull_conform_select_weighted(cx, g.v, g.w, n, g.t, g.tw, m, &o, &out));
        for (int64_t j = 0; j < m; j++) {
            assert_int_equal(size[j], literal_size(g.v, g.w, n, g.t, g.tw, m, j, o.q, true));
            double mass = g.tw[j], total = g.tw[j];
            for (int64_t i = 0; i < n; i++) {
                mass += g.v[i] <= g.t[j] ? g.w[i] : 0;
                total += g.w[i];
            }
            assert_true(fabs(p[j] - mass / total) < 1e-13);
            double level = o.q * (double)size[j] / (double)m;
            assert_true(at_most(p[j], level) ? fabs(e[j] * level - 1) < 1e-12 : e[j] == 0);
            one[j] = 1;
        }
        assert_int_equal(out.kept, literal_ebh(e, one, m, o.q, want));
        assert_memory_equal(keep, want, (size_t)m);
    }
    cull_ctx_free(cx);
}

/* The choice without weights is Benjamini-Hochberg's; weights that are all alike choose no more, and with one xi near 0
 * all that pass at their own size. */
static void plain_is_bh(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(13, 0);
    instance g;
    int64_t any = 0;
    for (int trial = 0; trial < 300; trial++) {
        uint8_t keep[ROWS], want[ROWS];
        double p[ROWS], level, literal[ROWS];
        int64_t kept;
        cull_selection out = {.keep = keep, .p = p}, none = {0};
        cull_select_opts o = {.q = .3, .ties = (cull_ties)(trial % 3), .stream = (uint64_t)trial};
        draw(&r, &g, 1 + cull__rng_below(&r, ROWS - 1), 1 + cull__rng_below(&r, ROWS - 1), 1,
             trial % 2, 5);
        ok(cx, cull_conform_select(cx, g.v, g.n, g.t, g.m, &o, &out));
        ok(cx, cull_conform_pvalues(cx, g.v, NULL, g.n, g.t, NULL, g.m, o.ties, o.stream, literal));
        assert_memory_equal(p, literal, (size_t)g.m * sizeof *p);
        ok(cx, cull_fdr_bh(cx, p, g.m, .3, want, &kept, &level));
        assert_int_equal(out.kept, kept);
        assert_int_equal(kept, bh_size(p, g.m, .3));
        assert_true(out.threshold == level);
        assert_memory_equal(keep, want, (size_t)g.m);
        any += kept > 0;
        ok(cx, cull_conform_select(cx, g.v, g.n, g.t, g.m, &o, &none));
        assert_int_equal(none.kept, kept);
    }
    assert_in_range(any, 50, 299);
    cull_ctx_free(cx);
}

/* Of models that are alike each is chosen as often; two calls agree, two streams do not. */
static void equal_models_share(void **state)
{
    (void)state;
    enum { N = 30, M = 3000, K = 3 };
    static double v[K * N], t[K * M];
    static int32_t model[M], again[M];
    cull_ctx *cx = cull_ctx_new(NULL);
    int count[K] = {0};
    cull_selection out = {.model = model};
    cull_select_opts o = {.q = .2, .stream = 5};
    ok(cx, cull_conform_select_model(cx, v, N, t, M, K, &o, &out));
    for (int j = 0; j < M; j++) count[model[j]]++;
    for (int k = 0; k < K; k++) assert_in_range(count[k], 885, 1115); /* 1000 +- 4.5 sd of 26 */
    out.model = again;
    ok(cx, cull_conform_select_model(cx, v, N, t, M, K, &o, &out));
    assert_memory_equal(model, again, sizeof model);
    o.stream = 6;
    ok(cx, cull_conform_select_model(cx, v, N, t, M, K, &o, &out));
    assert_true(memcmp(model, again, sizeof model) != 0);
    cull_ctx_free(cx);
}

/* Rows without any signal, all negative: something is chosen at most q of the time, although the best of four models is
 * taken; by the uncorrected choice of that model far more often. */
static void false_discoveries(void **state)
{
    (void)state;
    enum { RUNS = 1500, N = 119, M = 12, K = 4 };
    static double v[K * N], t[K * M];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(14, 0);
    int wrong[3] = {0}, naive = 0;
    for (int run = 0; run < RUNS; run++) {
        for (int i = 0; i < K * N; i++) v[i] = cull__rng_normal(&r);
        for (int i = 0; i < K * M; i++) t[i] = cull__rng_normal(&r);
        cull_selection out = {0};
        int64_t best = 0;
        cull_select_opts o = {.q = .2, .stream = (uint64_t)run};
        for (int how = 0; how < 3; how++) {
            o.prune = (cull_prune)how;
            ok(cx, cull_conform_select_model(cx, v, N, t, M, K, &o, &out));
            wrong[how] += out.kept > 0;
        }
        for (int k = 0; k < K; k++) {
            ok(cx, cull_conform_select(cx, v + k * N, N, t + k * M, M, &o, &out));
            if (out.kept > best) best = out.kept;
        }
        naive += best > 0;
    }
    /* 300 expected at most, sd 15.5 */
    for (int how = 0; how < 3; how++) assert_in_range(wrong[how], 0, 370);
    assert_true(naive > 500);
    cull_ctx_free(cx);
}

/* Test rows are drawn where scores are higher: with the ratio of densities the rate is held, without it is not. */
static void shifted_rows(void **state)
{
    (void)state;
    enum { RUNS = 400, N = 300, M = 100 };
    static double v[N], t[M], w[N], tw[M];
    static uint8_t positive[N + M], keep[M];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(16, 0);
    double fdr[4] = {0};
    for (int run = 0; run < RUNS; run++) {
        for (int i = 0; i < N + M; i++) {
            double x = cull__rng_normal(&r) + (i < N ? 0 : 1);
            positive[i] = .4 * x + cull__rng_normal(&r) > .8;
            (i < N ? w : tw)[i < N ? i : i - N] = exp(x - .5);
            (i < N ? v : t)[i < N ? i : i - N] = i < N && positive[i] ? INFINITY : -x;
        }
        for (int how = 0; how < 4; how++) {
            cull_selection out = {.keep = keep};
            cull_select_opts o = {.q = .5, .prune = (cull_prune)(how % 3), .stream = (uint64_t)run};
            if (how < 3)
                ok(cx, cull_conform_select_weighted(cx, v, w, N, t, tw, M, &o, &out));
            else
                ok(cx, cull_conform_select(cx, v, N, t, M, &o, &out));
            double wrong = 0;
            for (int j = 0; j < M; j++) wrong += keep[j] && !positive[N + j];
            fdr[how] += out.kept > 0 ? wrong / (double)out.kept / RUNS : 0;
        }
    }
    for (int how = 0; how < 3; how++)
        assert_true(fdr[how] < .55); /* .5, and 3 standard errors of .016 */
    assert_true(fdr[3] > .55);
    cull_ctx_free(cx);
}

typedef struct {
    uint8_t keep[900];
    double p[900], e[900];
    int64_t size[900], kept;
    int32_t model[900];
} answer;

static cull_status answer_of(cull_ctx *cx, const double *v, const double *t, answer *a)
{
    cull_selection out = {
        .keep = a->keep, .p = a->p, .e = a->e, .size = a->size, .model = a->model};
    cull_select_opts o = {.q = .3, .prune = CULL_PRUNE_HETE, .ties = CULL_TIES_RANDOM, .beta = .9};
    cull_status s = cull_conform_select_model(cx, v, 1000, t, 900, 5, &o, &out);
    a->kept = out.kept;
    return s;
}

static void threads_and_memory(void **state)
{
    (void)state;
    static double v[5000], t[4500];
    static answer a, b;
    cull_rng r = cull__rng_seeded(15, 0);
    for (int i = 0; i < 5000; i++) v[i] = i % 9 ? (double)cull__rng_below(&r, 900) - 200 : INFINITY;
    for (int i = 0; i < 4500; i++) t[i] = (double)cull__rng_below(&r, 700) - 300;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        ok(cx, answer_of(cx, v, t, threads == 1 ? &a : &b));
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(&a, &b, sizeof a);
    assert_in_range(a.kept, 100, 899);
    for (long k = 1;; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.fail_at = h.calls + k;
        cull_status s = answer_of(cx, v, t, &b);
        bool failed = h.calls >= h.fail_at;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        assert_int_equal(s, failed ? CULL_ENOMEM : CULL_OK);
        if (!failed) break;
    }
    hooks h = {.stop_at = 2};
    cull_ctx *cx = hooked_ctx(&h, 1);
    assert_int_equal(answer_of(cx, v, t, &b), CULL_ECANCEL);
    cull_ctx_free(cx);
}

static void wrong_input(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double v[] = {1, 2, 3, 4}, t[] = {1, NAN}, w[] = {1, 1, 1, -2};
    cull_selection out = {0};
    cull_select_opts o = {.q = .1};
    refused(cx, cull_conform_select_model(cx, v, 2, t, 1, 2, &o, &out), CULL_EINPUT,
            "model 1: its score of test row 0 is nan");
    v[2] = NAN;
    refused(cx, cull_conform_select_model(cx, v, 2, t, 1, 2, &o, &out), CULL_EINPUT,
            "model 1: its score of calibration row 0 is nan");
    v[2] = 3;
    refused(cx, cull_conform_select_model(cx, v, 4, t, 1, 0, &o, &out), CULL_EINPUT, "0 models");
    refused(cx, cull_conform_select_model(cx, v, 0, t, 1, 1, &o, &out), CULL_EINPUT,
            "0 calibration rows");
    refused(cx, cull_conform_select_weighted(cx, v, w, 4, t, w, 1, &o, &out), CULL_EINPUT,
            "calibration weights: number 3 is -2");
    refused(cx, cull_conform_select_weighted(cx, v, NULL, 4, t, w, 1, &o, &out), CULL_EINPUT,
            "needs the weights");
    o.q = 1.5;
    refused(cx, cull_conform_select(cx, v, 4, t, 1, &o, &out), CULL_EOPTION, "q is 1.5");
    o = (cull_select_opts){.q = .1, .beta = 2};
    refused(cx, cull_conform_select(cx, v, 4, t, 1, &o, &out), CULL_EOPTION, "beta is 2");
    o.beta = 0;
    ok(cx, cull_conform_select_model(cx, v, 4, t, 0, 1, &o, &out));
    assert_int_equal(out.kept, 0);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_by_definition), cmocka_unit_test(weighted_by_definition),
        cmocka_unit_test(plain_is_bh),          cmocka_unit_test(equal_models_share),
        cmocka_unit_test(false_discoveries),    cmocka_unit_test(shifted_rows),
        cmocka_unit_test(threads_and_memory),   cmocka_unit_test(wrong_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
