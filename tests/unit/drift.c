/* drift: p-values against plain ranks, capital against products, alarms over exchangeable streams, delays; levels against a plain
 * rule, the share that is missed against its bound over streams that shift. */
#include "test.h"

#include <math.h>

#include "base/base.h"
#include "cull/drift.h"

enum { BEFORE = 200 };

static double gauss(cull_rng *r) { return fabs(cull__rng_normal(r)); }

/* ---- the test martingale ---- */
static cull_drift *drift_of(cull_ctx *cx, double alarm, const double *v, int64_t n)
{
    cull_drift *d;
    cull_drift_opts o = {.alarm = alarm, .stream = 1};
    ok(cx, cull_drift_new(cx, &o, v, n, &d));
    return d;
}

/* With scores that are classes themselves: every p-value lies between the ranks of its row, and the capital is what jumpers have who
 * started at each row, by turns. */
static void bets(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(1, 2);
    static double c[1501][3]; /* the jumpers */
    double before[BEFORE], seen[2000];
    int64_t n = 0;
    for (int i = 0; i < BEFORE; i++) before[i] = (double)(i / 2 % 7);
    for (int i = 1; i < BEFORE; i += 2) seen[n++] = before[i];
    for (int e = 0; e < 3; e++) c[0][e] = 0.5 / 3;
    cull_drift *d = drift_of(cx, 1e-9, before, BEFORE);
    for (int i = 0; i < 1500; i++) {
        double v = (double)cull__rng_below(&r, 7), above = 0, equal = 1;
        for (int64_t k = 0; k < n; k++) above += seen[k] > v, equal += seen[k] == v;
        seen[n++] = v;
        assert_false(cull_drift_step(d, v));
        double p = cull_drift_p(d), all = 0.5 / log2(i + 3);
        assert_true(p > above / (double)n - 1e-12 && p <= (above + equal) / (double)n + 1e-12);
        for (int e = 0; e < 3; e++) c[i + 1][e] = 0.5 / 3 * (1 / log2(i + 2) - 1 / log2(i + 3));
        for (int k = 0; k <= i + 1; k++) {
            double total = c[k][0] + c[k][1] + c[k][2];
            for (int e = 0; e < 3; e++) {
                c[k][e] = (0.99 * c[k][e] + 0.01 / 3 * total) * (1 + (e - 1) * (p - 0.5));
                all += c[k][e];
            }
        }
        assert_float_equal(cull_drift_log10(d), log10(all), 1e-9);
    }
    cull_drift_free(d);
    cull_ctx_free(cx);
}

/* 1,000 streams that do not change, of scores with and without ties: at most a share `alarm` of them has any alarm. The p-values
 * are uniform: a quarter of them in each quarter. */
static void false_alarms(void **state)
{
    (void)state;
    enum { STREAMS = 1000, ROWS = 1000 };
    cull_ctx *cx = cull_ctx_new(NULL);
    int alarms = 0;
    int64_t quarter[4] = {0};
    for (int s = 0; s < STREAMS; s++) {
        cull_rng r = cull__rng_seeded(2, (uint64_t)s);
        double before[BEFORE];
        cull_ctx_reseed(cx, (uint64_t)s + 1);
        for (int i = 0; i < BEFORE; i++)
            before[i] = s % 2 ? gauss(&r) : (double)cull__rng_below(&r, 3);
        cull_drift *d = drift_of(cx, 0.1, before, s % 5 ? BEFORE : 0);
        bool any = false;
        for (int i = 0; i < ROWS; i++) {
            any |= cull_drift_step(d, s % 2 ? gauss(&r) : (double)cull__rng_below(&r, 3));
            if (!isnan(cull_drift_p(d))) quarter[(int)fmin(4 * cull_drift_p(d), 3)]++;
        }
        alarms += any;
        cull_drift_free(d);
    }
    print_message("false alarms in %d of %d streams\n", alarms, STREAMS);
    assert_true(alarms <= STREAMS / 10);
    double all = (double)(quarter[0] + quarter[1] + quarter[2] + quarter[3]);
    for (int k = 0; k < 4; k++) /* 6 standard deviations */
        assert_float_equal((double)quarter[k] / all, 0.25, 6 * sqrt(0.1875 / all));
    cull_ctx_free(cx);
}

/* Scores grow, shrink, or spread from row 500 on: how many rows until the alarm; after it, none of a stream that stays so. */
static void delays(void **state)
{
    (void)state;
    enum { STREAMS = 200, AT = 500, ROWS = 1500 };
    static const struct {
        const char *what;
        double scale, shift;
        int64_t median;
    } kind[] = {
        {"twice as large", 2, 0, 60}, {"half as large", 0.5, 0, 80}, {"shifted by 1", 1, 1, 40}};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int k = 0; k < 3; k++) {
        int64_t delay[STREAMS], late = 0, early = 0, again = 0;
        for (int s = 0; s < STREAMS; s++) {
            cull_rng r = cull__rng_seeded(3, (uint64_t)s);
            double before[BEFORE];
            cull_ctx_reseed(cx, (uint64_t)s + 1);
            for (int i = 0; i < BEFORE; i++) before[i] = gauss(&r);
            cull_drift *d = drift_of(cx, 0.05, before, BEFORE);
            int64_t at = -1;
            for (int i = 0; i < ROWS; i++) {
                double v = gauss(&r);
                if (i >= AT) v = v * kind[k].scale + kind[k].shift;
                if (!cull_drift_step(d, v)) continue;
                again += at >= 0;
                if (at < 0) at = i;
            }
            early += at >= 0 && at < AT;
            if (at >= AT) delay[late++] = at - AT;
            cull_drift_free(d);
        }
        for (int64_t i = 1; i < late; i++)
            for (int64_t j = i; j > 0 && delay[j] < delay[j - 1]; j--) {
                int64_t t = delay[j];
                delay[j] = delay[j - 1];
                delay[j - 1] = t;
            }
        print_message("%s: %d of %d streams, median %d rows late, 90 %% within %d; again %d\n",
                      kind[k].what, (int)late, STREAMS, (int)delay[late / 2],
                      (int)delay[late * 9 / 10], (int)again);
        assert_true(late + early == STREAMS && early <= STREAMS / 20 && again <= STREAMS / 10);
        assert_true(delay[late / 2] <= kind[k].median);
    }
    cull_ctx_free(cx);
}

/* ---- thresholds that follow ---- */
static cull_adaptive *adaptive_of(cull_ctx *cx, double alpha, double rate, int64_t window,
                                  const double *v, int64_t n)
{
    cull_adaptive *a;
    cull_adaptive_opts o = {.alpha = alpha, .rate = rate, .window = window};
    ok(cx, cull_adaptive_new(cx, &o, v, n, &a));
    return a;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One rate: the rule itself, and quantiles of the last scores as sorting finds them. */
static void one_rate(void **state)
{
    (void)state;
    enum { WINDOW = 37, ROWS = 600 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(4, 4);
    double v[BEFORE + ROWS], sorted[WINDOW], level = 0.2;
    for (int i = 0; i < BEFORE + ROWS; i++)
        v[i] = floor(10 * gauss(&r)) * (i > BEFORE + 300 ? 4 : 1); /* with ties */
    cull_adaptive *a = adaptive_of(cx, 0.2, 0.05, WINDOW, v, BEFORE);
    for (int i = BEFORE; i < BEFORE + ROWS; i++) {
        memcpy(sorted, v + i - WINDOW, sizeof sorted);
        qsort(sorted, WINDOW, sizeof *sorted, by_value);
        double k = ceil((WINDOW + 1) * (1 - level) - 1e-9);
        double want = level <= 0 || k > WINDOW ? INFINITY
                      : level >= 1             ? -INFINITY
                                               : sorted[(int)fmax(k, 1) - 1];
        assert_float_equal(cull_adaptive_level(a), level, 1e-9);
        assert_true(cull_adaptive_threshold(a) == want);
        bool missed = v[i] > want;
        assert_int_equal(cull_adaptive_step(a, v[i]), missed);
        level += 0.05 * (0.2 - missed);
    }
    assert_float_equal(cull_adaptive_bound(a), (0.8 + 0.05) / (0.05 * ROWS), 1e-12);
    cull_adaptive_free(a);
    cull_ctx_free(cx);
}

/* What streams do: nothing, a jump, a slow growth, a wave, an enemy who looks at the threshold. */
static double stream_of(int kind, int i, double threshold, cull_rng *r)
{
    double v = gauss(r);
    if (kind == 1) return i < 400 ? v : 3 * v;
    if (kind == 2) return v * (1 + i / 200.0);
    if (kind == 3) return v * (2 + sin(i / 50.0));
    if (kind == 4) return isinf(threshold) ? 1e6 : threshold + (i % 3 ? 1 : -1);
    return v;
}

/* 1,000 streams: the share missed is within its bound, always, and near alpha on those that shift, where a fixed threshold is not. */
static void shifting(void **state)
{
    (void)state;
    enum { STREAMS = 1000, ROWS = 1000, KINDS = 5 };
    static const double rate[] = {0, 0.005, 0.05};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int m = 0; m < 3; m++) {
        double mean[KINDS] = {0}, fixed[KINDS] = {0}, worst[KINDS] = {0};
        for (int s = 0; s < STREAMS; s++) {
            cull_rng r = cull__rng_seeded(5, (uint64_t)s);
            double before[BEFORE];
            int kind = s % KINDS, missed = 0, still = 0;
            for (int i = 0; i < BEFORE; i++) before[i] = gauss(&r);
            cull_adaptive *a = adaptive_of(cx, 0.1, rate[m], 0, before, BEFORE);
            double first = cull_adaptive_threshold(a);
            for (int i = 0; i < ROWS; i++) {
                double v = stream_of(kind, i, cull_adaptive_threshold(a), &r);
                still += v > first;
                missed += cull_adaptive_step(a, v);
                if (fabs(missed / (i + 1.0) - 0.1) > cull_adaptive_bound(a) + 1e-9)
                    fail_msg("rate %g, kind %d: %d of %d missed", rate[m], kind, missed, i + 1);
            }
            double off = fabs(missed / (double)ROWS - 0.1);
            worst[kind] = fmax(worst[kind], off);
            mean[kind] += missed / (double)ROWS / (STREAMS / KINDS);
            fixed[kind] += still / (double)ROWS / (STREAMS / KINDS);
            cull_adaptive_free(a);
        }
        for (int k = 0; k < KINDS; k++) {
            print_message(
                "rate %g, kind %d: missed %.4f, at worst %.4f off; a fixed threshold %.4f\n",
                rate[m], k, mean[k], worst[k], fixed[k]);
            if (k < 4) assert_float_equal(mean[k], 0.1, m == 1 ? 0.06 : 0.015);
        }
        assert_true(fixed[1] > 0.3 && fixed[2] > 0.3);
    }
    cull_ctx_free(cx);
}

/* ---- what is wrong, no memory ---- */
static void refusals(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    double v[30] = {0};
    cull_drift *d;
    cull_adaptive *a;
    cull_drift_opts o = {.alarm = 1.5};
    cull_adaptive_opts p = {.alpha = 0.1};
    refused(cx, cull_drift_new(cx, &o, v, 30, &d), CULL_EOPTION, "alarm is 1.5");
    o = (cull_drift_opts){.jump = -1};
    refused(cx, cull_drift_new(cx, &o, v, 30, &d), CULL_EOPTION, "jump is -1");
    p.rate = 2;
    refused(cx, cull_adaptive_new(cx, &p, v, 30, &a), CULL_EOPTION, "rate is 2");
    p = (cull_adaptive_opts){.alpha = 0};
    refused(cx, cull_adaptive_new(cx, &p, v, 30, &a), CULL_EOPTION, "alpha is 0");
    p = (cull_adaptive_opts){.alpha = 0.5, .window = -3};
    refused(cx, cull_adaptive_new(cx, &p, v, 30, &a), CULL_EOPTION, "window is -3");
    v[7] = NAN;
    o = (cull_drift_opts){0};
    p.window = 0;
    refused(cx, cull_drift_new(cx, &o, v, 30, &d), CULL_EINPUT, "score 7 is nan");
    refused(cx, cull_adaptive_new(cx, &p, v, 30, &a), CULL_EINPUT, "score 7 is nan");
    assert_true(!d && !a);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    v[7] = 0;
    bool failed = true;
    for (long k = 1; failed; k++) {
        h = (hooks){.fail_at = k};
        cx = hooked_ctx(&h, 1);
        failed = !cx;
        if (!cx) continue;
        cull_status s = cull_drift_new(cx, &o, v, 30, &d), t = cull_adaptive_new(cx, &p, v, 30, &a);
        failed = h.calls >= k;
        assert_true((s == CULL_OK) == (d != NULL) && (t == CULL_OK) == (a != NULL));
        assert_true((s == CULL_OK || s == CULL_ENOMEM) && (t == CULL_OK || t == CULL_ENOMEM));
        cull_drift_free(d);
        cull_adaptive_free(a);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bets),     cmocka_unit_test(false_alarms),
                                       cmocka_unit_test(delays),   cmocka_unit_test(one_rate),
                                       cmocka_unit_test(shifting), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
