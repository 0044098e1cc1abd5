/* columns.h - tables with known answers for tests of task feature, and what every method of it must bear. */
#ifndef CULL_TEST_COLUMNS_H
#define CULL_TEST_COLUMNS_H
#include "base/base.h"
#include "cull/feature.h"
#include "test.h"

enum { TABLE_ROWS = 240, TABLE_COLS = 12 };

/* Columns 1 (a number), 4 (a number, every 9th missing) and 7 (a category of 4) make the target; 9 is constant, 10
 * all missing, the others are noise. Groups of 6 rows. */
typedef struct {
    float x[TABLE_ROWS * TABLE_COLS];
    int32_t levels[TABLE_COLS], group[TABLE_ROWS];
    double klass[TABLE_ROWS], number[TABLE_ROWS], cost[TABLE_COLS];
    uint8_t avoid[TABLE_COLS], have[TABLE_COLS];
    cull_pool *pool;
    cull_feature_problem p;
} table_of;

static inline table_of *table_new(cull_ctx *cx, bool classes, bool plain)
{
    table_of *t = calloc(1, sizeof *t);
    cull_rng r = cull__rng_seeded(7, 1);
    for (int i = 0; i < TABLE_ROWS; i++) {
        float *x = t->x + i * TABLE_COLS;
        for (int c = 0; c < TABLE_COLS; c++) x[c] = (float)cull__rng_normal(&r);
        x[7] = (float)cull__rng_below(&r, 4);
        x[8] = (float)cull__rng_below(&r, 5);
        x[9] = 2.5f;
        double s = 1.7 * x[1] + 1.4 * x[4] + 3 * (x[7] == 1 || x[7] == 2) - 1.5;
        if (!plain && i % 9 == 4) x[4] = NAN;
        x[10] = plain ? 1 : NAN;
        t->number[i] = s + 0.3 * cull__rng_normal(&r);
        t->klass[i] = t->number[i] > 0;
        t->group[i] = i / 6;
    }
    if (!plain) t->levels[7] = 4, t->levels[8] = 5;
    for (int c = 0; c < TABLE_COLS; c++) t->cost[c] = 1.19 + 0.1 * c;
    ok(cx, cull_pool_from(cx, t->x, CULL_F32, TABLE_ROWS, TABLE_COLS, &t->pool));
    t->p = (cull_feature_problem){.n = TABLE_ROWS,
                                  .d = TABLE_COLS,
                                  .x = t->pool,
                                  .levels = t->levels,
                                  .y = classes ? t->klass : t->number,
                                  .classes = classes ? 2 : 0,
                                  .budget = INFINITY};
    return t;
}

static inline void table_free(table_of *t)
{
    cull_pool_free(t->pool);
    free(t);
}

/* A pick of m with options "name=value name=value". */
static inline cull_status pick_columns(cull_ctx *cx, const char *slug, const char *options,
                                       const cull_feature_problem *p, cull_feature_pick *k)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_opts *o;
    char text[200], *rest = text, *word;
    assert_non_null(m);
    *k = (cull_feature_pick){0};
    CULL_TRY(cull_opts_new(cx, m, &o));
    snprintf(text, sizeof text, "%s", options);
    while ((word = strtok_r(rest, " ", &rest))) {
        char *eq = strchr(word, '=');
        *eq = 0;
        ok(cx, cull_opts_set(cx, o, word, eq + 1));
    }
    cull_status s = cull_feature_select(cx, m, o, p, k);
    cull_opts_free(o);
    return s;
}

/* Exactly these columns, in any order. */
static inline void kept_are(const cull_feature_pick *k, const int *want, int n)
{
    if (k->pick.n != n) fail_msg("%d columns kept, not %d", (int)k->pick.n, n);
    for (int i = 0; i < n; i++) {
        bool in = false;
        for (int64_t j = 0; j < k->pick.n; j++) in |= k->pick.idx[j] == want[i];
        if (!in) fail_msg("column %d is not kept", want[i]);
    }
}

static inline void same_columns(const cull_feature_pick *a, const cull_feature_pick *b)
{
    size_t d = (size_t)a->d;
    assert_int_equal(a->pick.n, b->pick.n);
    assert_memory_equal(a->score, b->score, d * sizeof *a->score);
    if (a->pick.n)
        assert_memory_equal(a->pick.idx, b->pick.idx, (size_t)a->pick.n * sizeof *a->pick.idx);
    assert_true(!a->p == !b->p && !a->verdict == !b->verdict);
    if (a->p) assert_memory_equal(a->p, b->p, d * sizeof *a->p);
    if (a->verdict) assert_memory_equal(a->verdict, b->verdict, d);
}

/* One to three threads; each allocation failing in turn; stopped at a tick. */
static inline void bears_all(const char *slug, const char *options, const cull_feature_problem *p,
                             long step)
{
    cull_feature_pick k[3];
    hooks h[3] = {{0}};
    cull_ctx *with[3];
    for (int t = 0; t < 3; t++) {
        with[t] = hooked_ctx(&h[t], t + 1);
        ok(with[t], pick_columns(with[t], slug, options, p, &k[t]));
        same_columns(&k[0], &k[t]);
    }
    for (int t = 0; t < 3; t++) {
        cull_feature_pick_free(&k[t]);
        cull_ctx_free(with[t]);
        assert_int_equal(h[t].live, 0);
    }
    bool done = false;
    long fails = 0;
    for (long at = 1; !done; at += step) {
        hooks f = {0};
        cull_ctx *cx = hooked_ctx(&f, 1);
        cull_feature_pick a;
        f.fail_at = f.calls + at;
        cull_status s = pick_columns(cx, slug, options, p, &a);
        done = f.calls < f.fail_at;
        fails += !done;
        if (done)
            ok(cx, s);
        else
            refused(cx, s, CULL_ENOMEM, "memory");
        cull_feature_pick_free(&a);
        cull_ctx_free(cx);
        assert_int_equal(f.live, 0);
    }
    assert_true(fails > 0);
    for (long at = 1; at < 40; at += 6) {
        hooks f = {.stop_at = at};
        cull_ctx *cx = hooked_ctx(&f, 2);
        cull_feature_pick a;
        cull_status s = pick_columns(cx, slug, options, p, &a);
        if (f.ticks >= at) refused(cx, s, CULL_ECANCEL, "");
        cull_feature_pick_free(&a);
        cull_ctx_free(cx);
        assert_int_equal(f.live, 0);
    }
}

/* The plan's bytes are not less than what is held, nor twice as much and 512 KiB. */
static inline void plan_holds(const char *slug, const char *options, const cull_feature_problem *p)
{
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    const cull_method *m = cull_method_find(slug, NULL);
    cull_feature_pick k;
    cull_plan plan;
    (void)options;
    ok(cx, cull_feature_plan(cx, m, NULL, p, &plan));
    uint64_t before = cull_ctx_peak(cx);
    ok(cx, pick_columns(cx, slug, "", p, &k));
    double held = (double)(cull_ctx_peak(cx) - before), said = (double)plan.bytes;
    if (held > said + (512 << 10) || said > 2 * held + (512 << 10))
        fail_msg("%s holds %.0f bytes and says %.0f", slug, held, said);
    cull_feature_pick_free(&k);
    cull_ctx_free(cx);
}
#endif
