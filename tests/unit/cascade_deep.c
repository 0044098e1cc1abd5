/* Cascades of many stages: against every one, bounds that hold where the search is cut short, nothing lost to the start. */
#include "test.h"

#include "base/base.h"
#include "cull/cascade.h"

enum { N = 16, K = 5 };

typedef struct {
    double confidence[K * N], quality[K * N], cost[K * N], delay[K];
    cull_cascade_table t;
} table;

/* Numbers whose means of 16 are exact. own: a model is sure and right of rows that are its own, so that chains are long. */
static void make(cull_rng *r, table *t, bool each, bool quarters, bool own)
{
    for (int i = 0; i < K * N; i++) {
        t->confidence[i] = (double)cull__rng_below(r, 8);
        bool sure = t->confidence[i] >= (double)cull__rng_below(r, 8);
        t->quality[i] = quarters ? (double)cull__rng_below(r, sure ? 5 : 3) / 4 : sure;
        if (own) {
            bool his = i % N % K == i / N;
            t->confidence[i] = his ? 7 : (double)cull__rng_below(r, 4);
            t->quality[i] = his || cull__rng_below(r, 8) == 0;
        }
        t->cost[i] = (double)cull__rng_below(r, 13) / 4 + i / N * (i / N);
        t->delay[i / N] = 1 + i / N;
    }
    t->t = (cull_cascade_table){.n = N,
                                .models = K,
                                .confidence = t->confidence,
                                .quality = t->quality,
                                .cost = t->cost,
                                .cost_each = each,
                                .delay = t->delay};
}

typedef struct {
    const table *t;
    int stages, quantiles;
    double delay, budget, target;
    double cost, quality; /* the best so far; cost INFINITY: none */
} every;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void look(every *e, const bool *open, unsigned used, int depth, double cost, double quality,
                 double slow)
{
    const table *t = e->t;
    for (int k = 0; k < K; k++) {
        double sorted[N], c = cost, late = slow + t->delay[k];
        if (used >> k & 1 || (e->delay > 0 && late > e->delay)) continue;
        for (int i = 0; i < N; i++)
            if (open[i]) c += t->cost[e->t->t.cost_each ? k * N + i : k] / N;
        memcpy(sorted, t->confidence + k * N, sizeof sorted);
        qsort(sorted, N, sizeof *sorted, by_value);
        for (int q = 0; q < e->quantiles; q++) { /* 0: the least, so that all are answered */
            bool rest[N], any = false;
            double v = sorted[q * N / e->quantiles], good = quality;
            for (int i = 0; i < N; i++) {
                bool answers = open[i] && t->confidence[k * N + i] >= v;
                rest[i] = open[i] && !answers;
                any |= rest[i];
                if (answers) good += t->quality[k * N + i] / N;
            }
            if (any && depth + 1 < e->stages)
                look(e, rest, used | 1u << k, depth + 1, c, good, late);
            if (q || c > e->budget || good < e->target) continue; /* not the end, or not allowed */
            bool better = e->target == -INFINITY
                              ? good > e->quality || (good == e->quality && c < e->cost)
                              : c < e->cost || (c == e->cost && good > e->quality);
            if (!better) continue;
            e->cost = c;
            e->quality = good;
        }
    }
}

static void best_of_all(every *e)
{
    bool open[N];
    memset(open, 1, sizeof open);
    e->cost = INFINITY;
    e->quality = -1;
    look(e, open, 0, 0, 0, 0, 0);
}

static void as_every_one(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(1, 1);
    int gained = 0, proven = 0, tries = 0;
    for (int round = 0; round < 24; round++) {
        static table t;
        make(&r, &t, round % 2, round % 3 == 0, round % 3 == 1);
        every e = {.t = &t,
                   .stages = 4 + round % 2,
                   .quantiles = 4,
                   .delay = round % 4 == 3 ? 9 : 0,
                   .budget = INFINITY,
                   .target = -INFINITY};
        cull_cascade_front f;
        cull_cascade_opts o = {.stages = 2, .quantiles = 4, .delay = e.delay};
        ok(cx, cull_cascade_fit(cx, &t.t, &o, &f));
        cull_cascade *start = &f.at[round % 3 == 1 ? f.n - 1 : f.n / 2];
        if (round % 5 < 3)
            e.budget = start->cost * (round % 3 == 1 ? 1.5 : 1);
        else
            e.target = start->quality;
        best_of_all(&e);
        double last = round % 5 < 3 ? INFINITY : -INFINITY;
        for (int64_t limit = 0; limit <= 100000; limit = limit ? limit * 10 : 1) {
            cull_cascade_deep_opts d = {.stages = e.stages,
                                        .quantiles = 4,
                                        .delay = e.delay,
                                        .budget = e.budget,
                                        .target = e.target,
                                        .limit = limit};
            cull_cascade_found got;
            double cost, quality;
            ok(cx, cull_cascade_deepen(cx, &t.t, &d, start, &got));
            ok(cx, cull_cascade_judge(cx, &t.t, &got.best, &cost, &quality, NULL));
            assert_true(cost == got.best.cost && quality == got.best.quality);
            assert_true(cost <= e.budget && quality >= e.target && got.nodes <= limit);
            if (e.target == -INFINITY) { /* the bound holds, and does not rise */
                assert_true(got.bound >= e.quality && got.bound <= last &&
                            quality >= start->quality);
            } else {
                assert_true(got.bound <= e.cost && got.bound >= last && cost <= start->cost);
            }
            last = got.bound;
            if (limit == 100000) {
                assert_true(got.proven && quality == e.quality && cost == e.cost);
                assert_true(got.bound == (e.target == -INFINITY ? quality : cost));
                gained += got.best.stages > 3;
                proven += got.nodes < 100000;
                tries++;
            }
        }
        cull_cascade_front_free(&f);
    }
    if (tries != 24 || proven != 24 || gained < 5)
        fail_msg("of %d %d proven, %d with more than three stages", tries, proven, gained);
    cull_ctx_free(cx);
}

/* Chains of four stages are never worse than the best of three, which is exact, and 1,000 beginnings are enough to show that there is no
 * better one; some are longer. */
static void four_of_six(void **state)
{
    (void)state;
    enum { ROWS = 400, MODELS = 6, TABLES = 12 };
    static double confidence[MODELS * ROWS], quality[MODELS * ROWS];
    static const double cost[MODELS] = {1, 2, 4, 8, 16, 32};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 1);
    int gained = 0;
    for (int round = 0; round < TABLES; round++) {
        for (int i = 0; i < ROWS; i++) {
            double hard = cull__rng_normal(&r);
            for (int k = 0; k < MODELS; k++) {
                double margin = .36 * k - hard + .8 * cull__rng_normal(&r);
                quality[k * ROWS + i] = margin > 0;
                confidence[k * ROWS + i] = fabs(margin) + .3 * cull__rng_normal(&r);
            }
        }
        cull_cascade_table t = {.n = ROWS,
                                .models = MODELS,
                                .confidence = confidence,
                                .quality = quality,
                                .cost = cost};
        cull_cascade_deep_opts d = CULL_CASCADE_DEEP_OPTS;
        cull_cascade_front f;
        cull_cascade_found got;
        d.stages = 4, d.quantiles = 50, d.limit = 1000, d.budget = 3 + 2 * round;
        ok(cx, cull_cascade_fit(cx, &t, &(cull_cascade_opts){.stages = 3, .quantiles = 50}, &f));
        const cull_cascade *three = &f.at[cull_cascade_within(&f, d.budget)];
        ok(cx, cull_cascade_deepen(cx, &t, &d, three, &got));
        assert_true(got.proven && got.bound == got.best.quality && got.nodes <= 1000);
        assert_true(got.best.quality >= three->quality && got.best.cost <= d.budget);
        gained += got.best.quality > three->quality;
        cull_cascade_front_free(&f);
    }
    assert_true(gained > 0);
    cull_ctx_free(cx);
}

/* With models beside that are never right the answer is the same; there are so many that one stage is looked into at once. */
static void among_many(void **state)
{
    (void)state;
    enum { MANY = 20 };
    static table t;
    static double confidence[MANY * N], quality[MANY * N], cost[MANY * N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(4, 1);
    for (int round = 0; round < 8; round++) {
        make(&r, &t, true, round % 2, round % 3 == 1);
        for (int i = 0; i < MANY * N; i++) {
            bool real = i < K * N;
            confidence[i] = real ? t.confidence[i] : i % 3;
            quality[i] = real ? t.quality[i] : 0;
            cost[i] = real ? t.cost[i] : 100;
        }
        cull_cascade_table many = t.t;
        many.models = MANY, many.confidence = confidence, many.quality = quality;
        many.cost = cost, many.delay = NULL;
        cull_cascade start = {.stages = 1, .threshold = {-INFINITY}};
        cull_cascade_deep_opts d = CULL_CASCADE_DEEP_OPTS;
        cull_cascade_found few, got;
        d.stages = 4, d.quantiles = 4, d.limit = 1000000, d.budget = 6 + round;
        ok(cx, cull_cascade_deepen(cx, &t.t, &d, &start, &few));
        ok(cx, cull_cascade_deepen(cx, &many, &d, &start, &got));
        assert_true(few.proven && got.proven);
        assert_true(few.best.quality == got.best.quality && few.best.cost == got.best.cost);
    }
    cull_ctx_free(cx);
}

static void threads_memory_refusals(void **state)
{
    (void)state;
    static table t;
    cull_rng r = cull__rng_seeded(2, 1);
    make(&r, &t, true, true, false);
    cull_cascade start = {.stages = 1, .threshold = {-INFINITY}};
    cull_cascade_deep_opts o = CULL_CASCADE_DEEP_OPTS;
    cull_cascade_found first, got;
    long calls = 0;
    o.quantiles = 6;
    for (long k = 0; k <= calls + 1; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, k > calls ? 2 : 1);
        h.calls = 0;
        h.fail_at = k > calls ? 0 : k;
        cull_status s = cull_cascade_deepen(cx, &t.t, &o, &start, &got);
        if (k && k <= calls)
            assert_int_equal(s, CULL_ENOMEM);
        else
            ok(cx, s);
        if (k == 0) {
            calls = h.calls;
            first = got;
        }
        if (k > calls) assert_memory_equal(&first, &got, sizeof got);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(calls > 1);
    cull_ctx *cx = cull_ctx_new(NULL);
    o.budget = .001;
    refused(cx, cull_cascade_deepen(cx, &t.t, &o, &start, &got), CULL_EINPUT, "the start costs");
    o.budget = INFINITY;
    start.model[0] = 5;
    refused(cx, cull_cascade_deepen(cx, &t.t, &o, &start, &got), CULL_EINPUT,
            "stage 0 of the start is model 5");
    start = (cull_cascade){.stages = 2, .model = {0, 1}, .threshold = {.123, -INFINITY}};
    refused(cx, cull_cascade_deepen(cx, &t.t, &o, &start, &got), CULL_EINPUT,
            "threshold 0.123 of stage 0");
    start.model[1] = 0;
    start.threshold[0] = 3;
    refused(cx, cull_cascade_deepen(cx, &t.t, &o, &start, &got), CULL_EINPUT, "");
    o.stages = 9;
    refused(cx, cull_cascade_deepen(cx, &t.t, &o, &start, &got), CULL_EOPTION, "stages is 9");
    o.stages = 4;
    o.limit = -1;
    refused(cx, cull_cascade_deepen(cx, &t.t, &o, &start, &got), CULL_EOPTION, "limit -1");
    o.limit = 1;
    t.t.delay = NULL;
    o.delay = 1;
    refused(cx, cull_cascade_deepen(cx, &t.t, &o, &start, &got), CULL_EOPTION, "delay is 1");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_every_one),
                                       cmocka_unit_test(four_of_six), cmocka_unit_test(among_many),
                                       cmocka_unit_test(threads_memory_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
