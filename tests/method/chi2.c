/* chi2: against the sum over cells, and scikit-learn's answers; gaps, levels, what is no count. */
#include "sklearn.h"
#include "table.h"

/* of counts */
static double plain(const float *x, const double *y, int c, bool levels, double *df)
{
    double n = 0, total = 0, value = 0, used[2] = {0}, in_class[4] = {0}, share[5] = {0};
    double cell[5][4] = {{0}};
    for (int i = 0; i < N; i++) {
        double v = (double)x[i * D + c];
        if (isnan(v)) continue;
        int k = (int)y[i], l = levels ? (int)v : 0;
        n++;
        in_class[k]++;
        share[l] += levels ? 1 : v;
        cell[l][k] += levels ? 1 : v;
        total += v;
    }
    for (int k = 0; k < 4; k++) used[0] += in_class[k] > 0;
    for (int l = 0; l < 5; l++) {
        used[1] += share[l] > 0;
        for (int k = 0; k < 4; k++) {
            double expected = share[l] * in_class[k] / n;
            if (expected > 0) value += pow(cell[l][k] - expected, 2) / expected;
        }
    }
    *df = (used[0] - 1) * (levels ? used[1] - 1 : 1);
    return total > 0 ? value : NAN;
}

static table *counts(cull_ctx *cx)
{
    table *t = table_new(cx, true, true, false);
    for (int i = 0; i < N * D; i++)
        if (!isnan(t->x[i]) && i % D != LEVELS && i % D != GAPPED_LEVELS)
            t->x[i] = floorf(fabsf(t->x[i]));
    for (int i = 0; i < N; i++) t->x[i * D + AVOIDED] = -5; /* of no account */
    return t;
}

static void tables(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    table *t = counts(cx);
    double want[D], df[D];
    cull_feature_pick k;
    for (int c = 0; c < D; c++) {
        want[c] = plain(t->x, t->class, c, t->levels[c] > 0, df + c);
        if (t->avoid[c] || c == CONSTANT || c == EMPTY) want[c] = NAN;
    }
    assert_true(df[GAPPED_LEVELS] == 4 && df[LEVELS] == 8 && df[PLAIN] == 2);
    select_by(cx, "chi2", NULL, &t->p, &k);
    ranked(&t->p, &k, want, 1e-12);
    for (int c = 0; c < D; c++) /* of 2 degrees of freedom: e^(-x/2); of 4: (1 + x/2) of that */
        if (!isnan(want[c]) && df[c] <= 4)
            assert_true(
                close_to(k.p[c], exp(-want[c] / 2) * (df[c] == 2 ? 1 : 1 + want[c] / 2), 1e-12));
    cull_feature_pick_free(&k);
    holds_up("chi2", NULL, &t->p);
    table_free(t);
    cull_ctx_free(cx);
}

static void peer(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    asked *a = asked_new();
    cull_pool *pool;
    cull_feature_pick k;
    ok(cx, cull_pool_from(cx, a->counts, CULL_F32, ROWS, WIDE, &pool));
    cull_feature_problem p = {
        .n = ROWS, .d = WIDE, .x = pool, .y = a->class, .classes = 3, .budget = 3};
    select_by(cx, "chi2", NULL, &p, &k);
    ranked(&p, &k, sklearn_chi2, 1e-12);
    for (int c = 0; c < WIDE; c++) assert_true(fabs(k.p[c] / sklearn_chi2_p[c] - 1) < 1e-11);
    cull_feature_pick_free(&k);
    cull_pool_free(pool);
    free(a);
    cull_ctx_free(cx);
}

static void no_counts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    table *t = counts(cx);
    const cull_method *m = cull_method_find("chi2", NULL);
    cull_feature_pick k;
    t->x[17 * D + REST] = -0.5F;
    refused(cx, cull_feature_select(cx, m, NULL, &t->p, &k), CULL_EINPUT,
            "column c9 of row 17 is -0.5");
    t->p.y = t->number, t->p.classes = 0;
    refused(cx, cull_feature_select(cx, m, NULL, &t->p, &k), CULL_EINPUT, "needs classes");
    table_free(t);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables), cmocka_unit_test(peer),
                                       cmocka_unit_test(no_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
