/* boruta: columns that make the target by construction are confirmed, all others are not. */
#include "columns.h"

static void planted(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    static const int want[] = {1, 4, 7};
    for (int classes = 0; classes < 2; classes++)
        for (int grouped = 0; grouped < 2; grouped++)
            for (uint64_t seed = 1; seed <= 3; seed++) {
                table_of *t = table_new(cx, classes, false);
                cull_feature_pick k;
                cull_ctx_reseed(cx, seed);
                if (grouped) t->p.group = t->group, t->p.groups = TABLE_ROWS / 6;
                ok(cx, pick_columns(cx, "boruta", "", &t->p, &k));
                kept_are(&k, want, 3);
                for (int c = 0; c < TABLE_COLS; c++) {
                    bool in = c == 1 || c == 4 || c == 7, none = c == 9 || c == 10;
                    assert_int_equal(k.verdict[c], in ? CULL_CONFIRMED : CULL_REJECTED);
                    assert_true(none == isnan(k.score[c]) && none == isnan(k.p[c]));
                    if (in)
                        assert_true(k.p[c] <= 0.01);
                    else if (!none)
                        assert_true(k.p[c] > 0.5);
                }
                for (int i = 1; i < 3; i++) assert_true(k.pick.score[i] <= k.pick.score[i - 1]);
                cull_feature_pick_free(&k);
                table_free(t);
            }
    cull_ctx_free(cx);
}

/* A target that nothing makes: an empty pick is the answer. */
static void noise(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    table_of *t = table_new(cx, true, false);
    cull_rng r = cull__rng_seeded(3, 3);
    for (int i = 0; i < TABLE_ROWS; i++) t->klass[i] = (double)cull__rng_below(&r, 2);
    cull_feature_pick k;
    ok(cx, pick_columns(cx, "boruta", "", &t->p, &k));
    assert_int_equal(k.pick.n, 0);
    assert_true(k.pick.spent == 0);
    cull_feature_pick_free(&k);
    table_free(t);
    cull_ctx_free(cx);
}

/* One column, all of them good, none left to test, all constant. */
static void edges(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    float x[90 * 3];
    double y[90];
    cull_pool *pool;
    cull_feature_pick k;
    for (int i = 0; i < 90; i++) {
        y[i] = i % 2;
        for (int c = 0; c < 3; c++) x[i * 3 + c] = (float)(i % 2 ? i + c : -i - c);
    }
    cull_feature_problem p = {.n = 90, .d = 3, .y = y, .classes = 2, .budget = INFINITY};
    for (int shadows = 0; shadows < 2; shadows++) {
        const char *o = shadows ? "shadows=1" : "";
        p.d = 3;
        ok(cx, cull_pool_from(cx, x, CULL_F32, 90, 3, &pool));
        p.x = pool;
        ok(cx, pick_columns(cx, "boruta", o, &p, &k));
        kept_are(&k, (int[]){0, 1, 2}, 3);
        cull_feature_pick_free(&k);
        cull_pool_free(pool);
        ok(cx, cull_pool_from(cx, x, CULL_F32, 90, 1, &pool)); /* some other column, alone */
        p.x = pool, p.d = 1;
        for (int i = 0; i < 90; i++) y[i] = x[i] > 0;
        ok(cx, pick_columns(cx, "boruta", o, &p, &k));
        kept_are(&k, (int[]){0}, 1);
        cull_feature_pick_free(&k);
        p.avoid = (uint8_t[]){1};
        ok(cx, pick_columns(cx, "boruta", o, &p, &k));
        kept_are(&k, NULL, 0);
        cull_feature_pick_free(&k);
        p.avoid = NULL, p.have = (uint8_t[]){1};
        ok(cx, pick_columns(cx, "boruta", o, &p, &k));
        kept_are(&k, NULL, 0);
        cull_feature_pick_free(&k);
        p.have = NULL;
        for (int i = 0; i < 90; i++) y[i] = i % 2;
        cull_pool_free(pool);
    }
    for (int i = 0; i < 270; i++) x[i] = 4;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 90, 3, &pool));
    p.x = pool, p.d = 3;
    ok(cx, pick_columns(cx, "boruta", "", &p, &k));
    kept_are(&k, NULL, 0);
    cull_feature_pick_free(&k);
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

static void limits(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    table_of *t = table_new(cx, true, false);
    cull_feature_pick all, k;
    ok(cx, pick_columns(cx, "boruta", "", &t->p, &all));
    t->p.budget = 2;
    ok(cx, pick_columns(cx, "boruta", "", &t->p, &k));
    kept_are(&k, (int[]){(int)all.pick.idx[0], (int)all.pick.idx[1]}, 2);
    cull_feature_pick_free(&k);
    t->p.budget = INFINITY;
    t->p.cost = t->cost;
    t->avoid[1] = 1, t->have[4] = 1;
    t->p.avoid = t->avoid, t->p.have = t->have;
    ok(cx, pick_columns(cx, "boruta", "", &t->p, &k));
    kept_are(&k, (int[]){7}, 1);
    assert_true(isnan(k.score[1]));
    cull_feature_pick_free(&k);
    cull_feature_pick_free(&all);
    table_free(t);
    cull_ctx_free(cx);
}

/* Too few rounds to decide leave all undecided; `rough` and `patience` end that. */
static void rounds(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    table_of *t = table_new(cx, true, false);
    cull_feature_pick k;
    ok(cx, pick_columns(cx, "boruta", "rounds=3", &t->p, &k));
    assert_int_equal(k.pick.n, 0);
    for (int c = 0; c < TABLE_COLS; c++)
        assert_int_equal(k.verdict[c], c == 9 || c == 10 ? CULL_REJECTED : CULL_TENTATIVE);
    for (int c = 0; c < TABLE_COLS; c++) { /* 3 hits of 3; none, one or two */
        if (c == 9 || c == 10) continue;
        bool in = c == 1 || c == 4 || c == 7;
        double want = in || k.p[c] < 0.6 ? (in ? 0.125 : 0.5) : k.p[c] < 0.9 ? 0.875 : 1;
        assert_true(fabs(k.p[c] - want) < 1e-12);
    }
    cull_feature_pick_free(&k);
    ok(cx, pick_columns(cx, "boruta", "rounds=3 rough=true", &t->p, &k));
    kept_are(&k, (int[]){1, 4, 7}, 3);
    cull_feature_pick_free(&k);
    ok(cx, pick_columns(cx, "boruta", "patience=2", &t->p, &k));
    assert_int_equal(k.verdict[1], CULL_TENTATIVE);
    assert_true(fabs(k.p[1] - 0.25) < 1e-12); /* two rounds were played */
    cull_feature_pick_free(&k);
    ok(cx, pick_columns(cx, "boruta", "two_step=false perc=90", &t->p, &k));
    assert_int_equal(k.verdict[1], CULL_CONFIRMED);
    cull_feature_pick_free(&k);
    table_free(t);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    table_of *t = table_new(cx, true, false);
    cull_feature_pick k;
    t->p.y = NULL, t->p.ys = t->pool;
    refused(cx, pick_columns(cx, "boruta", "", &t->p, &k), CULL_EINPUT, "");
    t->p.ys = NULL;
    refused(cx, pick_columns(cx, "boruta", "", &t->p, &k), CULL_EINPUT, "to be predicted");
    table_free(t);
    cull_ctx_free(cx);
}

static void bears(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    table_of *t = table_new(cx, true, false);
    t->p.group = t->group, t->p.groups = TABLE_ROWS / 6;
    bears_all("boruta", "grow=5 rounds=12 rough=true", &t->p, 1);
    plan_holds("boruta", "", &t->p);
    table_free(t);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted), cmocka_unit_test(noise),  cmocka_unit_test(edges),
        cmocka_unit_test(limits),  cmocka_unit_test(rounds), cmocka_unit_test(refusals),
        cmocka_unit_test(bears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
