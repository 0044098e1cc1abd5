/* race: cuts and what they lose, played by sorting; the guarantee over many draws; relevance maps by hand. */
#include "test.h"

#include "base/base.h"
#include "choose/race.h"
#include "cull/risk.h"
#include "score/relevance.h"

enum { PROBLEMS = 7, MOST = 6, STEPS = 9 };

typedef struct {
    double score[STEPS][PROBLEMS * MOST], quality[PROBLEMS * MOST], cost[STEPS];
    int64_t first[PROBLEMS + 1];
    cull__race r;
} table;

static void make(cull_rng *r, int problems, table *t)
{
    double sum = 0;
    t->first[0] = 0;
    for (int i = 0; i < problems; i++) t->first[i + 1] = t->first[i] + 1 + cull__rng_below(r, MOST);
    for (int c = 0; c < PROBLEMS * MOST; c++) {
        t->quality[c] = (double)cull__rng_below(r, 5) + (c % 2 ? .25 : 0);
        for (int s = 0; s < STEPS; s++) /* ties among them */
            t->score[s][c] = t->quality[c] + (double)cull__rng_below(r, 9 - s) - .5;
    }
    for (int s = 0; s < STEPS; s++) t->cost[s] = sum += cull__rng_unit(r);
    t->r =
        (cull__race){problems, t->first, PROBLEMS * MOST, STEPS, t->score[0], t->quality, t->cost};
}

/* Candidates of problem i ranked by how many beat them; those that stay are marked. */
static int64_t play(const table *t, int first, double halve, int i, double *cost)
{
    bool in[PROBLEMS * MOST] = {false};
    int64_t from = t->first[i], to = t->first[i + 1], left = to - from, winner = -1;
    double share = (double)left;
    int before = -1;
    *cost = 0;
    for (int64_t c = from; c < to; c++) in[c] = true;
    for (int at = first;; at = (at + 1) * 2 > STEPS ? STEPS - 1 : (at + 1) * 2 - 1) {
        bool stays[PROBLEMS * MOST] = {false};
        double paid = t->cost[at] - (before < 0 ? 0 : t->cost[before]);
        int64_t keep = 1;
        *cost += paid * (double)left;
        share /= halve > 1 ? halve : share;
        while (halve > 1 && at < STEPS - 1 && (double)keep < share) keep++;
        for (int64_t c = from; c < to; c++) {
            int64_t better = 0;
            for (int64_t o = from; o < to; o++)
                better += in[o] && (t->score[at][o] > t->score[at][c] ||
                                    (t->score[at][o] == t->score[at][c] && o < c));
            stays[c] = in[c] && better < keep;
            if (in[c] && better == 0) winner = c;
        }
        memcpy(in, stays, sizeof in);
        left = keep < left ? keep : left;
        before = at;
        if (left == 1) break;
    }
    *cost += t->cost[STEPS - 1] - t->cost[before];
    return winner;
}

static void cuts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(21, 0);
    table t;
    for (int trial = 0; trial < 300; trial++) {
        int problems = 1 + (int)cull__rng_below(&r, PROBLEMS);
        double halve = trial % 3 == 0 ? 0 : trial % 3 == 1 ? 2 : 3.5;
        double loss[PROBLEMS][STEPS], cost[STEPS];
        make(&r, problems, &t);
        ok(cx, cull__race_losses(cx, &t.r, halve, loss[0], cost));
        for (int s = 0; s < STEPS; s++) {
            double sum = 0;
            for (int i = 0; i < problems; i++) {
                int64_t alive[MOST];
                double want_cost, got_cost, ignored, top = -1e9, low = 1e9;
                cull__race_plan p = {s, halve};
                int64_t want = play(&t, s, halve, i, &want_cost);
                int64_t whole = play(&t, STEPS - 1, 0, i, &ignored);
                assert_int_equal(cull__race_run(&t.r, &p, i, alive, &got_cost), want);
                assert_true(fabs(got_cost - want_cost) < 1e-12 * want_cost);
                for (int64_t c = t.first[i]; c < t.first[i + 1]; c++) {
                    top = fmax(top, t.quality[c]);
                    low = fmin(low, t.quality[c]);
                }
                double lost = fmax(0, t.quality[whole] - t.quality[want]);
                assert_true(fabs(loss[i][s] - (lost > 0 ? lost / (top - low) : 0)) < 1e-12);
                sum += want_cost / problems;
            }
            assert_true(fabs(cost[s] - sum) < 1e-12 * sum);
        }
    }
    /* eleven to 40 of 100, one to the end */
    int64_t first[2] = {0, 11}, alive[11];
    double score[1100] = {0}, cost;
    cull__race whole = {1, first, 11, 100, score, NULL, NULL};
    cull__race_plan p = {39, 0};
    assert_int_equal(cull__race_run(&whole, &p, 0, alive, &cost), 0);
    assert_true(cost == 500);
    p.first = 99;
    cull__race_run(&whole, &p, 0, alive, &cost);
    assert_true(cost == 1100);
    cull_ctx_free(cx);
}

/* Losses whose means are known: the stop's own is above the level no more often than it may be. */
static void stops(void **state)
{
    (void)state;
    enum { N = 120, S = 6, DRAWS = 400 };
    static const double mean[S] = {.6, .35, .22, .12, .05, 0};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(22, 0);
    double loss[N * S], got[S], expected = 0;
    int stop, broken = 0, early = 0;
    for (int d = 0; d < DRAWS; d++) {
        for (int i = 0; i < N; i++)
            for (int s = 0; s < S; s++) loss[i * S + s] = cull__rng_unit(&r) < mean[s];
        ok(cx, cull__race_stop(cx, loss, N, S, .2, .1, got, &stop));
        assert_true(stop >= 0);
        broken += mean[stop] > .2;
        early += stop <= 3;
        for (int s = 0; s < S; s++) {
            double sum = 0;
            for (int i = 0; i < N; i++) sum += loss[i * S + s];
            assert_true(fabs(got[s] - sum / N) < 1e-12);
        }
        ok(cx, cull__race_stop(cx, loss, N, S, .2, 0, NULL, &stop));
        expected += mean[stop] / DRAWS;
        /* by hand: the earliest whose mean largest loss from here on holds */
        int want = S - 1;
        for (int s = S - 1; s >= 0; s--) {
            double sum = 1;
            for (int i = 0; i < N; i++) {
                double most = 0;
                for (int l = s; l < S; l++) most = fmax(most, loss[i * S + l]);
                sum += most;
            }
            if (sum / (N + 1) <= .2) want = s;
        }
        assert_int_equal(stop, want);
    }
    assert_true(broken <= 40 + 3 * 6); /* a tenth of 400, and three deviations */
    assert_true(early > DRAWS / 2);
    assert_true(expected <= .2);
    /* three problems show nothing */
    ok(cx, cull__race_stop(cx, loss, 3, S, .2, .1, NULL, &stop));
    assert_int_equal(stop, -1);
    ok(cx, cull__race_stop(cx, loss, 3, S, .2, 0, NULL, &stop));
    assert_int_equal(stop, -1);
    cull_ctx_free(cx);
}

static void threads_and_memory(void **state)
{
    (void)state;
    enum { N = 200 };
    static double score[STEPS][N * 3], quality[N * 3], loss[2][N * STEPS], cost[2][STEPS];
    static int64_t first[N + 1];
    cull_rng r = cull__rng_seeded(23, 0);
    for (int i = 0; i <= N; i++) first[i] = 3 * i;
    for (int c = 0; c < 3 * N; c++) {
        quality[c] = cull__rng_normal(&r);
        for (int s = 0; s < STEPS; s++) score[s][c] = quality[c] + cull__rng_normal(&r);
    }
    cull__race t = {N, first, 3 * N, STEPS, score[0], quality, NULL};
    int stop[2] = {0, 0};
    for (long at = 0; at < 12; at++) {
        hooks h = {.fail_at = at < 2 ? 0 : at - 1};
        cull_ctx *cx = hooked_ctx(&h, at == 1 ? 2 : 1);
        if (!cx) continue;
        int which = at == 1;
        cull_status s = cull__race_losses(cx, &t, 2, loss[which], cost[which]);
        if (s == CULL_OK)
            s = cull__race_stop(cx, loss[which], N, STEPS, .4, .1, NULL, &stop[which]);
        if (s != CULL_OK) refused(cx, s, CULL_ENOMEM, "memory");
        assert_true(s == CULL_OK || at >= 2);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(loss[0], loss[1], sizeof loss[0]);
    assert_memory_equal(cost[0], cost[1], sizeof cost[0]);
    assert_int_equal(stop[0], stop[1]);
}

static void wrong(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(24, 0);
    double loss[PROBLEMS * STEPS], cost[STEPS];
    table t;
    make(&r, 3, &t);
    t.score[2][0] = NAN;
    refused(cx, cull__race_losses(cx, &t.r, 0, loss, cost), CULL_EINPUT,
            "the score of candidate 0 at checkpoint 2 is nan");
    make(&r, 3, &t);
    t.quality[0] = INFINITY;
    refused(cx, cull__race_losses(cx, &t.r, 0, loss, cost), CULL_EINPUT,
            "the quality of candidate 0 is inf");
    make(&r, 3, &t);
    t.cost[4] = 0;
    refused(cx, cull__race_losses(cx, &t.r, 0, loss, cost), CULL_EINPUT,
            "the cost up to checkpoint 4 is 0");
    make(&r, 3, &t);
    t.first[2] = t.first[1];
    refused(cx, cull__race_losses(cx, &t.r, 0, loss, cost), CULL_EINPUT,
            "problem 1 has no candidate");
    make(&r, 3, &t);
    t.r.candidates = 2;
    t.first[3] = 5;
    t.first[1] = 1, t.first[2] = 2;
    refused(cx, cull__race_losses(cx, &t.r, 0, loss, cost), CULL_EINPUT, "candidates 0 to 4 of 2");
    make(&r, 3, &t);
    refused(cx, cull__race_losses(cx, &t.r, NAN, loss, cost), CULL_EOPTION, "one in nan goes on");
    t.r.quality = NULL;
    refused(cx, cull__race_losses(cx, &t.r, 0, loss, cost), CULL_EINPUT, "quality is not known");
    t.r.steps = 0;
    refused(cx, cull__race_fits(cx, &t.r), CULL_EINPUT, "3 problems with 0 checkpoints");
    cull_ctx_free(cx);
}

/* ---- relevance.h ---- */
static double percentile(const double *v, int n, double q) /* numpy's default, by ranks */
{
    double s[64];
    memcpy(s, v, (size_t)n * sizeof *s);
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++)
            if (s[k] < s[i]) {
                double x = s[i];
                s[i] = s[k], s[k] = x;
            }
    double at = q * (n - 1);
    int lo = (int)at;
    return lo + 1 < n ? s[lo] + (at - lo) * (s[lo + 1] - s[lo]) : s[lo];
}

static void to_unit(double *v, int n)
{
    double lo = v[0], hi = v[0];
    for (int i = 0; i < n; i++) lo = fmin(lo, v[i]), hi = fmax(hi, v[i]);
    for (int i = 0; i < n; i++) v[i] = (v[i] - lo) / (hi - lo);
}

static void maps(void **state)
{
    (void)state;
    enum { PIXELS = 33, CHANNELS = 3, SEEDS = 4, TIMES = 5 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(25, 0);
    static float a[SEEDS * PIXELS * CHANNELS], b[SEEDS * PIXELS * CHANNELS];
    double map[PIXELS], sum[PIXELS] = {0};
    for (int s = 0; s < TIMES; s++) {
        double mean[PIXELS] = {0};
        for (int i = 0; i < SEEDS * PIXELS * CHANNELS; i++) {
            a[i] = (float)cull__rng_normal(&r);
            b[i] = (float)cull__rng_normal(&r) * (i % 7 ? .1f : 4);
        }
        ok(cx, cull__relevance_add(cx, a, b, SEEDS, PIXELS, CHANNELS, s, map));
        for (int k = 0; k < SEEDS; k++) {
            double v[PIXELS];
            for (int i = 0; i < PIXELS; i++) {
                v[i] = 0;
                for (int c = 0; c < CHANNELS; c++) {
                    int at = (k * PIXELS + i) * CHANNELS + c;
                    v[i] += fabs((double)a[at] - (double)b[at]);
                }
            }
            double q1 = percentile(v, PIXELS, .25), q3 = percentile(v, PIXELS, .75);
            for (int i = 0; i < PIXELS; i++) v[i] = fmin(v[i], q3 + 1.5 * (q3 - q1));
            to_unit(v, PIXELS);
            for (int i = 0; i < PIXELS; i++) mean[i] += v[i] / SEEDS;
        }
        for (int i = 0; i < PIXELS; i++) mean[i] *= mean[i];
        to_unit(mean, PIXELS);
        for (int i = 0; i < PIXELS; i++) {
            sum[i] += mean[i];
            assert_true(fabs(map[i] - sum[i] / (s + 1)) < 1e-12);
        }
    }
    /* the source itself changed nothing; elsewhere by definition */
    assert_true(cull__background_change(a, a, map, PIXELS, CHANNELS) == 0);
    double up = 0, down = 0;
    for (int i = 0; i < PIXELS; i++) {
        double off = 0;
        for (int c = 0; c < CHANNELS; c++)
            off += fabs((double)a[i * CHANNELS + c] - (double)b[i * CHANNELS + c]) / CHANNELS;
        up += (1 - map[i]) * off, down += 1 - map[i];
    }
    assert_true(fabs(cull__background_change(a, b, map, PIXELS, CHANNELS) - up / down) < 1e-12);
    /* predictions that differ nowhere */
    ok(cx, cull__relevance_add(cx, a, a, SEEDS, PIXELS, CHANNELS, 0, map));
    for (int i = 0; i < PIXELS; i++) assert_true(map[i] == 0);
    for (int i = 0; i < PIXELS; i++) map[i] = 1;
    assert_true(cull__background_change(a, b, map, PIXELS, CHANNELS) == 0);
    a[4] = NAN;
    refused(cx, cull__relevance_add(cx, a, b, SEEDS, PIXELS, CHANNELS, 0, map), CULL_EINPUT,
            "predictions at pixel 1 differ by nan");
    refused(cx, cull__relevance_add(cx, a, b, 0, PIXELS, CHANNELS, 0, map), CULL_EINPUT,
            "0 candidates");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts), cmocka_unit_test(stops), cmocka_unit_test(wrong),
        cmocka_unit_test(threads_and_memory), cmocka_unit_test(maps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
