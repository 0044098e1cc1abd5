/* tree-importance: columns that make the target by construction come first, whatever grows and counts. */
#include "columns.h"
#include "score/trees.h"

static const char *const ways[] = {
    "trees=forest importance=gain",        "trees=forest importance=count depth=3",
    "trees=forest importance=permutation", "trees=boost importance=gain",
    "trees=boost importance=permutation",
};

static void planted(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    int most = cull__boost_built() ? 5 : 3;
    for (int w = 0; w < most; w++)
        for (int classes = 0; classes < 2; classes++)
            for (int grouped = 0; grouped < 2; grouped++) {
                table_of *t = table_new(cx, classes, false);
                cull_feature_pick k;
                t->p.budget = 3;
                if (grouped) t->p.group = t->group, t->p.groups = TABLE_ROWS / 6;
                ok(cx, pick_columns(cx, "tree-importance", ways[w], &t->p, &k));
                kept_are(&k, (int[]){1, 4, 7}, 3);
                assert_true(isnan(k.score[9]) && isnan(k.score[10]) && !isnan(k.score[0]));
                assert_null(k.verdict);
                cull_feature_pick_free(&k);
                t->p.cost = t->cost, t->p.budget = 3.1; /* two columns at most */
                t->avoid[1] = 1, t->p.avoid = t->avoid;
                ok(cx, pick_columns(cx, "tree-importance", ways[w], &t->p, &k));
                kept_are(&k, (int[]){k.score[4] > k.score[7] ? 4 : 7, (int)k.pick.idx[1]},
                         (int)k.pick.n);
                assert_true(isnan(k.score[1]) && k.pick.spent <= 3.1);
                cull_feature_pick_free(&k);
                table_free(t);
            }
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    table_of *t = table_new(cx, true, false);
    cull_feature_pick k;
    refused(cx, pick_columns(cx, "tree-importance", "", &t->p, &k), CULL_EINPUT,
            "how many to keep");
    t->p.budget = 2;
    if (!cull__boost_built())
        refused(cx, pick_columns(cx, "tree-importance", "trees=boost", &t->p, &k), CULL_ENODATA,
                "libxgboost-dev");
    t->x[15] = INFINITY;
    refused(cx, pick_columns(cx, "tree-importance", "", &t->p, &k), CULL_EINPUT, "infinite");
    table_free(t);
    cull_ctx_free(cx);
}

static void bears(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    table_of *t = table_new(cx, true, false);
    t->p.group = t->group, t->p.groups = TABLE_ROWS / 6, t->p.budget = 3;
    bears_all("tree-importance", "grow=20", &t->p, 1);
    bears_all("tree-importance", "grow=20 importance=permutation", &t->p, 3);
    if (cull__boost_built())
        bears_all("tree-importance", "grow=5 trees=boost importance=permutation", &t->p, 1);
    plan_holds("tree-importance", "", &t->p);
    table_free(t);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(planted), cmocka_unit_test(refusals),
                                       cmocka_unit_test(bears)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
