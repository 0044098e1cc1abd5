/* Cascades: the front against every cascade one by one, ties, what costs nothing, other rows, wrong input. */
#include "test.h"

#include "base/base.h"
#include "cull/cascade.h"

enum { MOST = 60000 };

typedef struct {
    int64_t n;
    int models;
    double *confidence, *quality, *cost;
    bool each;
    double *delay;
} table;

static double *numbers(int64_t n)
{
    double *v = calloc((size_t)n, sizeof *v);
    assert_non_null(v);
    return v;
}

/* `levels` values of confidence; quality 0 or 1, or quarters; costs 0 .. 3 */
static table make(cull_rng *r, int64_t n, int models, int levels, bool quarters, bool each)
{
    table t = {n,    models, numbers(n * models), numbers(n * models), numbers(n * models),
               each, NULL};
    for (int64_t i = 0; i < n * models; i++) {
        t.confidence[i] = (double)cull__rng_below(r, levels) / 7 - 1;
        bool sure = t.confidence[i] * 7 + 7 >= (double)cull__rng_below(r, levels);
        t.quality[i] = quarters ? (double)cull__rng_below(r, sure ? 5 : 3) / 4 : sure;
        t.cost[i] = (double)cull__rng_below(r, 13) / 4;
    }
    return t;
}

static void drop(table *t)
{
    free(t->confidence);
    free(t->quality);
    free(t->cost);
}

static cull_cascade_table view(const table *t)
{
    return (cull_cascade_table){.n = t->n,
                                .models = t->models,
                                .confidence = t->confidence,
                                .quality = t->quality,
                                .cost = t->cost,
                                .cost_each = t->each,
                                .delay = t->delay};
}

/* By the definition, row by row. */
static void evaluate(const table *t, cull_cascade *c)
{
    c->cost = c->quality = 0;
    for (int64_t i = 0; i < t->n; i++)
        for (int s = 0; s < c->stages; s++) {
            int64_t at = c->model[s] * t->n + i;
            c->cost += t->each ? t->cost[at] : t->cost[c->model[s]];
            if (t->confidence[at] >= c->threshold[s]) {
                c->quality += t->quality[at];
                break;
            }
        }
    c->cost /= (double)t->n;
    c->quality /= (double)t->n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The quantiles of a model, whatever the ties; and always and never. */
static int grid_of(const table *t, int k, int quantiles, double *grid)
{
    double *v = numbers(t->n);
    int n = 0;
    memcpy(v, t->confidence + k * t->n, (size_t)t->n * sizeof *v);
    qsort(v, (size_t)t->n, sizeof *v, by_value);
    grid[n++] = -INFINITY;
    for (int q = 0; q < quantiles; q++) grid[n++] = v[q * t->n / quantiles];
    grid[n++] = INFINITY;
    free(v);
    return n;
}

static int every(const table *t, int stages, int quantiles, cull_cascade *out)
{
    static double grid[8][64];
    int sizes[8], n = 0;
    for (int k = 0; k < t->models; k++) sizes[k] = grid_of(t, k, quantiles, grid[k]);
    for (int a = 0; a < t->models; a++) {
        out[n++] = (cull_cascade){.stages = 1, .model = {a}, .threshold = {-INFINITY}};
        for (int b = 0; stages > 1 && b < t->models; b++)
            for (int g = 0; a != b && g < sizes[a]; g++) {
                out[n++] = (cull_cascade){
                    .stages = 2, .model = {a, b}, .threshold = {grid[a][g], -INFINITY}};
                for (int c = 0; stages > 2 && c < t->models; c++)
                    for (int h = 0; c != a && c != b && h < sizes[b]; h++)
                        out[n++] = (cull_cascade){.stages = 3,
                                                  .model = {a, b, c},
                                                  .threshold = {grid[a][g], grid[b][h], -INFINITY}};
            }
    }
    assert_true(n <= MOST);
    for (int i = 0; i < n; i++) evaluate(t, &out[i]);
    return n;
}

/* cheaper, better, fewer stages, lower models, lower thresholds */
static int by_merit(const void *x, const void *y)
{
    const cull_cascade *a = x, *b = y;
    if (a->cost != b->cost) return a->cost < b->cost ? -1 : 1;
    if (a->quality != b->quality) return a->quality > b->quality ? -1 : 1;
    if (a->stages != b->stages) return a->stages - b->stages;
    for (int s = 0; s < a->stages; s++)
        if (a->model[s] != b->model[s]) return a->model[s] - b->model[s];
    for (int s = 0; s < a->stages; s++)
        if (a->threshold[s] != b->threshold[s]) return a->threshold[s] < b->threshold[s] ? -1 : 1;
    return 0;
}

static void same(const cull_cascade *a, const cull_cascade *b)
{
    assert_true(a->cost == b->cost && a->quality == b->quality);
    assert_int_equal(a->stages, b->stages);
    for (int s = 0; s < a->stages; s++) {
        assert_int_equal(a->model[s], b->model[s]);
        assert_true(a->threshold[s] == b->threshold[s]);
    }
}

static bool too_slow(const table *t, const cull_cascade *c, double most)
{
    double sum = 0;
    for (int s = 0; s < c->stages; s++) sum += t->delay[c->model[s]];
    return sum > most;
}

static void as_every_one_in(cull_ctx *cx, const table *t, int stages, int quantiles, double delay)
{
    static cull_cascade all[MOST];
    int n = every(t, stages, quantiles, all), kept = 0;
    qsort(all, (size_t)n, sizeof *all, by_merit);
    for (int i = 0; i < n; i++)
        if (t->delay && too_slow(t, &all[i], delay))
            continue;
        else if (kept == 0 || all[i].quality > all[kept - 1].quality)
            all[kept++] = all[i];
    cull_cascade_front f;
    cull_cascade_table v = view(t);
    cull_cascade_opts o = {.stages = stages, .quantiles = quantiles, .delay = delay};
    ok(cx, cull_cascade_fit(cx, &v, &o, &f));
    assert_int_equal(f.n, kept);
    for (int i = 0; i < kept; i++) same(&f.at[i], &all[i]);
    cull_cascade_front_free(&f);
}

static void as_every_one(cull_ctx *cx, const table *t, int stages, int quantiles)
{
    as_every_one_in(cx, t, stages, quantiles, 0);
}

/* Slow models are not left out one by one: three together may be too slow. */
static void within_a_delay(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(10, 1);
    double delay[5] = {.5, 1, 2, 4, 8};
    for (int round = 0; round < 12; round++) {
        table t = make(&r, 32, 5, 20, round % 2, round % 3 == 0);
        t.delay = delay;
        as_every_one_in(cx, &t, 3, 6, 1 + round % 8);
        drop(&t);
    }
    cull_ctx_free(cx);
}

/* 16 and 64 divide means exactly, so the two ways of adding up have the same bits. */
static void front_is_exact(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 1);
    for (int round = 0; round < 60; round++) {
        int models = 1 + (int)cull__rng_below(&r, 5), stages = 1 + (int)cull__rng_below(&r, 3);
        table t =
            make(&r, round % 2 ? 64 : 16, models, round % 3 ? 40 : 3, round % 5 < 2, round % 4 < 2);
        as_every_one(cx, &t, stages, round % 7 == 0 ? 2 : 9);
        drop(&t);
    }
    table odd = make(&r, 1, 3, 5, false, true); /* one row: nothing to separate */
    as_every_one(cx, &odd, 3, 4);
    drop(&odd);
    cull_ctx_free(cx);
}

static void ties_and_nothing_to_pay(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(4, 1);
    for (int round = 0; round < 12; round++) {
        table t = make(&r, 32, 4, round % 2 ? 2 : 6, false, round % 2);
        for (int i = 0; i < 32 * 4; i++) t.cost[i] = round % 3 == 0 ? 0 : t.cost[i] > 1;
        for (int i = 0; i < 32; i++) { /* two models are one */
            t.confidence[32 + i] = t.confidence[i];
            t.quality[32 + i] = t.quality[i];
            t.cost[(t.each ? 32 + i : 1)] = t.cost[t.each ? i : 0];
        }
        as_every_one(cx, &t, 3, 9);
        drop(&t);
    }
    cull_ctx_free(cx);
}

/* Costs that are far apart and many rows: many cascades wait at a time. */
static void larger_front(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(5, 1);
    table t = make(&r, 128, 5, 1000, true, true);
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < 128; i++)
            t.cost[k * 128 + i] = ldexp(1 + (double)cull__rng_below(&r, 9), 6 * k - 12);
    as_every_one(cx, &t, 3, 28);
    drop(&t);
    cull_ctx_free(cx);
}

/* 0.1 and the like: sums of doubles differ by rounding from sums of whole numbers. */
static void any_numbers(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(6, 1);
    enum { N = 777, K = 4 };
    table t = make(&r, N, K, 1 << 20, false, true);
    for (int i = 0; i < N * K; i++) {
        t.quality[i] = cull__rng_unit(&r) * (t.confidence[i] > 1e4 ? 1 : .5);
        t.cost[i] = 1e-3 + cull__rng_unit(&r) * (i / N + 1) * 1e7;
    }
    cull_cascade_table v = view(&t);
    cull_cascade_front f;
    ok(cx, cull_cascade_fit(cx, &v, NULL, &f));
    assert_true(f.n > 20 && f.looked > 1000);
    for (int64_t i = 0; i < f.n; i++) {
        cull_cascade c = f.at[i];
        double cost, quality, share[CULL_CASCADE_STAGES], all = 0;
        evaluate(&t, &c);
        /* each row's numbers moved by 2^-52 n of the largest, and n additions round as much each */
        assert_true(fabs(c.quality - f.at[i].quality) < 1e-12);
        assert_true(fabs(c.cost - f.at[i].cost) < 1e-12 * 8 * 4e7);
        assert_true(i == 0 ||
                    (f.at[i].cost > f.at[i - 1].cost && f.at[i].quality > f.at[i - 1].quality));
        ok(cx, cull_cascade_judge(cx, &v, &c, &cost, &quality, share));
        assert_true(cost == c.cost && quality == c.quality);
        for (int s = 0; s < c.stages; s++) all += share[s];
        assert_true(fabs(all - 1) < 1e-15 * 4);
        assert_int_equal(cull_cascade_within(&f, f.at[i].cost), i);
        assert_int_equal(cull_cascade_within(&f, nextafter(f.at[i].cost, 0)), i - 1);
        assert_int_equal(cull_cascade_reaching(&f, f.at[i].quality), i);
        assert_int_equal(cull_cascade_reaching(&f, nextafter(f.at[i].quality, 2)),
                         i + 1 < f.n ? i + 1 : -1);
    }
    cull_cascade_front_free(&f);
    drop(&t);
    cull_ctx_free(cx);
}

static void routes(void **state)
{
    (void)state;
    enum { N = 2500 };
    cull_rng r = cull__rng_seeded(7, 1);
    double *v = numbers(3 * N);
    uint8_t stage[N];
    for (int i = 0; i < 3 * N; i++) v[i] = (double)cull__rng_below(&r, 10);
    v[5] = NAN;
    v[N + 5] = NAN;
    cull_cascade c = {.stages = 3, .threshold = {7, 5, -INFINITY}};
    cull_cascade_route(&c, v, N, stage);
    for (int i = 0; i < N; i++) assert_int_equal(stage[i], v[i] >= 7 ? 0 : v[N + i] >= 5 ? 1 : 2);
    assert_int_equal(stage[5], 2);
    c.stages = 1;
    cull_cascade_route(&c, v, N, stage);
    for (int i = 0; i < N; i++) assert_int_equal(stage[i], 0);
    free(v);
}

static void threads_and_memory(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(8, 1);
    table t = make(&r, 501, 7, 1 << 20, true, true);
    cull_cascade_table v = view(&t);
    static cull_cascade one[1000];
    cull_cascade_front f;
    long calls = 0;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_plan plan;
        h.calls = 0;
        ok(cx, cull_cascade_plan(cx, &v, NULL, &plan));
        ok(cx, cull_cascade_fit(cx, &v, NULL, &f));
        assert_true(f.n > 20 && f.n <= 1000);
        size_t bytes = (size_t)f.n * sizeof *f.at;
        double peak = (double)cull_ctx_peak(cx), bound = (double)plan.bytes;
        /* fronts in their copies, the result, and what the arenas round up; what waits is not all there */
        double more = (double)f.n * 24 * (2 + threads * 4 + 7) + (double)bytes;
        if (peak > bound + more + 64 * 1024 * (1 + threads) || peak < .6 * bound)
            fail_msg("plan %.0f, peak %.0f", bound, peak);
        if (threads == 1) {
            calls = h.calls;
            memcpy(one, f.at, bytes);
        } else {
            assert_memory_equal(one, f.at, bytes);
        }
        cull_cascade_front_free(&f);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(calls > 10);
    for (long k = 1; k <= calls; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.calls = 0;
        h.fail_at = k;
        refused(cx, cull_cascade_fit(cx, &v, NULL, &f), CULL_ENOMEM, "");
        assert_null(f.at);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    hooks h = {.stop_at = 12};
    cull_ctx *cx = hooked_ctx(&h, 1);
    refused(cx, cull_cascade_fit(cx, &v, NULL, &f), CULL_ECANCEL, "cascades");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    drop(&t);
}

/* Where rows are what takes the memory, the plan is near. */
static void plan_of_many_rows(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(9, 1);
    table t = make(&r, 100000, 4, 1 << 20, false, true);
    cull_cascade_table v = view(&t);
    cull_cascade_opts o = {.stages = 3, .quantiles = 5};
    for (int stages = 1; stages <= 3; stages++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_cascade_front f;
        cull_plan plan;
        o.stages = stages;
        ok(cx, cull_cascade_plan(cx, &v, &o, &plan));
        ok(cx, cull_cascade_fit(cx, &v, &o, &f));
        double part = (double)cull_ctx_peak(cx) / (double)plan.bytes;
        if (part < .9 || part > 1.02) fail_msg("%d stages: %g of the plan", stages, part);
        assert_true((plan.flops == 0) == (stages == 1));
        cull_cascade_front_free(&f);
        cull_ctx_free(cx);
    }
    drop(&t);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double conf[4] = {1, 2, 3, 4}, right[4] = {0, 1, 1, 1}, cost[2] = {1, 2}, c, q;
    cull_cascade_table t = {2, 2, conf, right, cost, false, NULL}, bad = t;
    cull_cascade_front f;
    cull_cascade_opts o = CULL_CASCADE_OPTS;
    cull_plan plan;
    conf[2] = NAN;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EINPUT, "confidence of model 1 in row 0");
    conf[2] = 3;
    right[1] = 1.5;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EINPUT,
            "quality of model 0 in row 1 is 1.5; it must be in 0 .. 1");
    right[1] = NAN;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EINPUT, "quality of model 0 in row 1");
    right[1] = 1;
    cost[1] = -1;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EINPUT, "cost of model 1 in row 0 is -1");
    cost[1] = INFINITY;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EINPUT, "cost of model 1");
    cost[1] = 2;
    o.stages = 4;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EOPTION, "stages is 4");
    o.stages = 2;
    o.quantiles = 256;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EOPTION, "quantiles is 256");
    o = (cull_cascade_opts)CULL_CASCADE_OPTS;
    o.delay = 1;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EINPUT, "no model's delay is known");
    double late[2] = {1, NAN};
    t.delay = late;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EINPUT, "delay of model 1 is nan");
    o.delay = NAN;
    refused(cx, cull_cascade_fit(cx, &t, &o, &f), CULL_EOPTION, "delay is nan");
    t.delay = NULL;
    bad.n = 0;
    refused(cx, cull_cascade_fit(cx, &bad, NULL, &f), CULL_EINPUT, "0 rows");
    refused(cx, cull_cascade_plan(cx, &bad, NULL, &plan), CULL_EINPUT, "0 rows");
    bad = t;
    bad.models = 5000;
    refused(cx, cull_cascade_fit(cx, &bad, NULL, &f), CULL_EINPUT, "5000 models");
    cull_cascade no = {.stages = 1, .model = {2}};
    refused(cx, cull_cascade_judge(cx, &t, &no, &c, &q, NULL), CULL_EINPUT, "model 2 of 2");
    no.stages = 9;
    refused(cx, cull_cascade_judge(cx, &t, &no, &c, &q, NULL), CULL_EINPUT, "9 stages");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(front_is_exact),
                                       cmocka_unit_test(ties_and_nothing_to_pay),
                                       cmocka_unit_test(larger_front),
                                       cmocka_unit_test(within_a_delay),
                                       cmocka_unit_test(any_numbers),
                                       cmocka_unit_test(routes),
                                       cmocka_unit_test(threads_and_memory),
                                       cmocka_unit_test(plan_of_many_rows),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
