/* conform: quantiles, p-values, Benjamini-Hochberg and e-BH against loops of their definitions. */
#include "test.h"

#include "base/base.h"
#include "cull/conform.h"

enum { MOST = 64 };

/* Scores of few values, many values, all equal, infinities among them. */
static void scores(cull_rng *r, int kind, double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        v[i] = kind == 0   ? cull__rng_normal(r)
               : kind == 1 ? (double)cull__rng_below(r, 5) - 2
                           : 7.25;
        if (kind == 3)
            v[i] = cull__rng_below(r, 2) ? INFINITY : -0.5 * (double)cull__rng_below(r, 4);
        if (kind == 1 && v[i] == 0 && cull__rng_below(r, 2)) v[i] = -0.;
    }
}

static void clip_scores(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double score[] = {2.5, -1, 0}, v[3];
    uint8_t positive[] = {0, 1, 0};
    ok(cx, cull_conform_clip(cx, score, positive, 3, v));
    assert_true(v[0] == -2.5 && v[1] == INFINITY && v[2] == 0);
    ok(cx, cull_conform_clip(cx, score, NULL, 3, v));
    assert_true(v[0] == -2.5 && v[1] == 1 && v[2] == 0);
    score[1] = NAN;
    refused(cx, cull_conform_clip(cx, score, NULL, 3, v), CULL_EINPUT, "scores: number 1 is nan");
    cull_ctx_free(cx);
}

/* The k-th smallest, k counted in whole numbers: alpha = a / 20, k = ceil((n + 1)(20 - a) / 20). */
static void quantile_by_rank(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 0);
    static double v[MOST];
    for (int kind = 0; kind < 4; kind++)
        for (int64_t n = 0; n < MOST; n++)
            for (int a = 1; a < 20; a++) {
                scores(&r, kind, v, n);
                double got, want = INFINITY;
                int64_t k = ((n + 1) * (20 - a) + 19) / 20;
                for (int64_t i = 0; i < n && k <= n; i++) {
                    int64_t less = 0, upto = 0;
                    for (int64_t l = 0; l < n; l++) {
                        less += v[l] < v[i];
                        upto += v[l] <= v[i];
                    }
                    if (less < k && k <= upto) want = v[i];
                }
                ok(cx, cull_conform_quantile(cx, v, n, a / 20., &got));
                assert_true(got == want);
            }
    double out;
    refused(cx, cull_conform_quantile(cx, v, 3, 1, &out), CULL_EOPTION, "alpha is 1");
    refused(cx, cull_conform_quantile(cx, v, 3, NAN, &out), CULL_EOPTION, "alpha is nan");
    v[2] = NAN;
    refused(cx, cull_conform_quantile(cx, v, 3, .1, &out), CULL_EINPUT, "number 2 is nan");
    cull_ctx_free(cx);
}

static void quantile_weighted(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(4, 0);
    static double v[MOST], w[MOST], tw[MOST], out[MOST], one;
    for (int trial = 0; trial < 400; trial++) {
        int64_t n = cull__rng_below(&r, MOST), m = cull__rng_below(&r, MOST);
        int whole = trial % 2;
        int a = 1 + (int)cull__rng_below(&r, 19);
        scores(&r, trial % 4, v, n);
        /* whole weights: levels are met exactly, which whole numbers decide */
        for (int64_t i = 0; i < n; i++)
            w[i] = whole ? (double)cull__rng_below(&r, 4) : cull__rng_unit(&r);
        for (int64_t j = 0; j < m; j++)
            tw[j] = whole ? (double)(1 + cull__rng_below(&r, 4)) : cull__rng_unit(&r);
        ok(cx, cull_conform_quantile_weighted(cx, v, w, n, a / 20., tw, m, out));
        for (int64_t j = 0; j < m; j++) {
            double total = tw[j], want = INFINITY;
            for (int64_t i = 0; i < n; i++) total += w[i];
            for (int64_t i = 0; i < n; i++) {
                double upto = 0;
                for (int64_t l = 0; l < n; l++) upto += v[l] <= v[i] ? w[l] : 0;
                if (20 * upto >= (20 - a) * total && v[i] < want) want = v[i];
            }
            assert_true(out[j] == want);
        }
    }
    /* equal weights: the quantile without any */
    scores(&r, 0, v, 40);
    for (int i = 0; i < 40; i++) w[i] = .3;
    tw[0] = .3;
    ok(cx, cull_conform_quantile_weighted(cx, v, w, 40, .2, tw, 1, out));
    ok(cx, cull_conform_quantile(cx, v, 40, .2, &one));
    assert_true(out[0] == one && isfinite(one));
    w[7] = -1;
    refused(cx, cull_conform_quantile_weighted(cx, v, w, 40, .2, tw, 1, out), CULL_EINPUT,
            "calibration weights: number 7 is -1");
    w[7] = 1;
    tw[0] = INFINITY;
    refused(cx, cull_conform_quantile_weighted(cx, v, w, 40, .2, tw, 1, out), CULL_EINPUT,
            "test weights: number 0 is inf");
    cull_ctx_free(cx);
}

static void quantile_by_group(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(5, 0);
    static double v[MOST], part[MOST], out[5], want;
    static int32_t group[MOST];
    static int64_t count[5];
    for (int trial = 0; trial < 200; trial++) {
        int64_t n = cull__rng_below(&r, MOST), k;
        scores(&r, trial % 4, v, n);
        for (int64_t i = 0; i < n; i++) group[i] = (int32_t)cull__rng_below(&r, 4);
        ok(cx, cull_conform_quantile_groups(cx, v, group, n, 5, .25, out, count));
        for (int g = 0; g < 5; g++) {
            k = 0;
            for (int64_t i = 0; i < n; i++)
                if (group[i] == g) part[k++] = v[i];
            ok(cx, cull_conform_quantile(cx, part, k, .25, &want));
            assert_true(out[g] == want && count[g] == k);
        }
    }
    group[0] = 5;
    refused(cx, cull_conform_quantile_groups(cx, v, group, 1, 5, .25, out, NULL), CULL_EINPUT,
            "row 0 is of group 5");
    cull_ctx_free(cx);
}

static void pvalues_by_definition(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(6, 0);
    static double v[MOST], t[MOST], w[MOST], tw[MOST], p[3][MOST];
    for (int trial = 0; trial < 600; trial++) {
        int64_t n = 1 + cull__rng_below(&r, MOST - 1), m = cull__rng_below(&r, MOST);
        bool with = trial % 3 == 0;
        scores(&r, trial % 4, v, n);
        scores(&r, (trial / 4) % 4, t, m);
        for (int64_t i = 0; i < MOST; i++) {
            w[i] = with ? cull__rng_unit(&r) : 1;
            tw[i] = with ? cull__rng_unit(&r) : 1;
        }
        for (int ties = 0; ties < 3; ties++)
            ok(cx, cull_conform_pvalues(cx, v, with ? w : NULL, n, t, with ? tw : NULL, m,
                                        (cull_ties)ties, 9, p[ties]));
        for (int64_t j = 0; j < m; j++) {
            double below = 0, equal = 0, total = tw[j];
            for (int64_t i = 0; i < n; i++) {
                below += v[i] < t[j] ? w[i] : 0;
                equal += v[i] == t[j] ? w[i] : 0;
                total += w[i];
            }
            /* n sums of numbers near 1 */
            assert_true(fabs(p[CULL_TIES_COUNT][j] - (below + equal + tw[j]) / total) < 1e-13);
            assert_true(fabs(p[CULL_TIES_STRICT][j] - (below + tw[j]) / total) < 1e-13);
            double u = (p[CULL_TIES_RANDOM][j] * total - below) / (equal + tw[j]);
            assert_true(u > -1e-9 && u < 1 + 1e-9);
            assert_true(p[CULL_TIES_COUNT][j] <= 1 && p[CULL_TIES_RANDOM][j] > 0);
        }
    }
    refused(cx, cull_conform_pvalues(cx, v, w, 5, t, NULL, 5, CULL_TIES_COUNT, 0, p[0]),
            CULL_EINPUT, "weights of the test rows are missing");
    refused(cx, cull_conform_pvalues(cx, v, NULL, 0, t, NULL, 5, CULL_TIES_COUNT, 0, p[0]),
            CULL_EINPUT, "0 calibration scores");
    memset(w, 0, sizeof w);
    memset(tw, 0, sizeof tw);
    refused(cx, cull_conform_pvalues(cx, v, w, 5, t, tw, 5, CULL_TIES_COUNT, 0, p[0]), CULL_EINPUT,
            "all weights are 0");
    cull_ctx_free(cx);
}

/* Where everything is tied, the randomised p-value of an exchangeable row is uniform; U is the row's own. */
static void random_ties_are_uniform(void **state)
{
    (void)state;
    enum { M = 4000 };
    static double v[20], t[M], p[M], again[M];
    cull_ctx *cx = cull_ctx_new(NULL);
    int tenth[10] = {0};
    ok(cx, cull_conform_pvalues(cx, v, NULL, 20, t, NULL, M, CULL_TIES_RANDOM, 1, p));
    for (int j = 0; j < M; j++) tenth[(int)(p[j] * 10)]++;
    for (int c = 0; c < 10; c++) assert_in_range(tenth[c], 315, 485); /* 400 +- 4.5 sd of 19 */
    ok(cx, cull_conform_pvalues(cx, v, NULL, 20, t, NULL, 50, CULL_TIES_RANDOM, 1, again));
    assert_memory_equal(p, again, 50 * sizeof *p);
    ok(cx, cull_conform_pvalues(cx, v, NULL, 20, t, NULL, 50, CULL_TIES_RANDOM, 2, again));
    assert_true(memcmp(p, again, 50 * sizeof *p) != 0);
    cull_ctx_free(cx);
}

/* p = c / 60: everything in whole numbers, so that a level that is met counts. */
static void bh_by_definition(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(7, 0);
    static double p[MOST], e[MOST];
    static int c[MOST];
    static uint8_t keep[MOST], keep_e[MOST];
    for (int trial = 0; trial < 2000; trial++) {
        int64_t m = cull__rng_below(&r, trial % 2 ? 6 : MOST), kept, kept_e, want = 0;
        int tenth = 1 + (int)cull__rng_below(&r, 9);
        double level, level_e;
        for (int64_t j = 0; j < m; j++) {
            c[j] = (int)cull__rng_below(&r, trial % 3 ? 61 : 12);
            p[j] = c[j] / 60.;
            e[j] = 60. / c[j];
        }
        for (int64_t k = 1; k <= m; k++) {
            int64_t upto = 0;
            for (int64_t j = 0; j < m; j++) upto += c[j] * m * 10 <= k * tenth * 60;
            if (upto >= k) want = k;
        }
        ok(cx, cull_fdr_bh(cx, p, m, tenth / 10., keep, &kept, &level));
        ok(cx, cull_fdr_ebh(cx, e, m, tenth / 10., keep_e, &kept_e, &level_e));
        int64_t count = 0;
        for (int64_t j = 0; j < m; j++) {
            bool in = want > 0 && c[j] * m * 10 <= want * tenth * 60;
            count += in;
            assert_int_equal(keep[j], in);
            assert_int_equal(keep_e[j], in);
        }
        assert_int_equal(count, want);
        assert_int_equal(kept, want);
        assert_int_equal(kept_e, want);
        assert_true(m == 0 || fabs(level - tenth * .1 * (double)want / (double)m) < 1e-15);
        assert_true(want == 0 ? level_e == INFINITY : fabs(level_e * level - 1) < 1e-14);
    }
    /* no evidence at all is never kept; infinite evidence always */
    double none[] = {0, 0, -0.}, some[] = {0, INFINITY, 1e-9};
    int64_t kept;
    ok(cx, cull_fdr_ebh(cx, none, 3, .999, keep, &kept, NULL));
    assert_int_equal(kept, 0);
    ok(cx, cull_fdr_ebh(cx, some, 3, .01, keep, &kept, NULL));
    assert_true(kept == 1 && keep[1]);
    some[0] = -1;
    refused(cx, cull_fdr_ebh(cx, some, 3, .1, keep, &kept, NULL), CULL_EINPUT, "e-value 0 is -1");
    some[0] = 1.5;
    refused(cx, cull_fdr_bh(cx, some, 3, .1, keep, &kept, NULL), CULL_EINPUT, "p-value 0 is 1.5");
    refused(cx, cull_fdr_bh(cx, none, 3, 0, keep, &kept, NULL), CULL_EOPTION, "q is 0");
    cull_ctx_free(cx);
}

static void memory_may_fail(void **state)
{
    (void)state;
    static double v[5000], t[5000], w[5000], p[5000];
    static uint8_t keep[5000];
    cull_rng r = cull__rng_seeded(8, 0);
    scores(&r, 0, v, 5000);
    scores(&r, 1, t, 5000);
    for (int i = 0; i < 5000; i++) w[i] = cull__rng_unit(&r);
    for (long k = 1;; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        int64_t kept;
        h.fail_at = h.calls + k;
        cull_status s = cull_conform_quantile_weighted(cx, v, w, 5000, .1, w, 5000, p);
        if (s == CULL_OK)
            s = cull_conform_pvalues(cx, v, w, 5000, t, w, 5000, CULL_TIES_RANDOM, 0, p);
        if (s == CULL_OK) s = cull_fdr_bh(cx, p, 5000, .1, keep, &kept, NULL);
        bool failed = h.calls >= h.fail_at;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        assert_int_equal(s, failed ? CULL_ENOMEM : CULL_OK);
        if (!failed) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip_scores),           cmocka_unit_test(quantile_by_rank),
        cmocka_unit_test(quantile_weighted),     cmocka_unit_test(quantile_by_group),
        cmocka_unit_test(pvalues_by_definition), cmocka_unit_test(random_ties_are_uniform),
        cmocka_unit_test(bh_by_definition),      cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
