/* variance: against two plain passes; gaps, ranges, costs, many rows, a large mean. */
#include "table.h"

static void plain(const float *x, int n, int d, int c, bool range, double *out)
{
    double mean = 0, square = 0, m = 0, least = INFINITY, most = -INFINITY;
    for (int i = 0; i < n; i++) {
        double v = (double)x[i * d + c];
        if (isnan(v)) continue;
        mean += v;
        m++;
        least = fmin(least, v);
        most = fmax(most, v);
    }
    mean /= m;
    for (int i = 0; i < n; i++)
        if (!isnan(x[i * d + c])) square += pow((double)x[i * d + c] - mean, 2);
    *out = most > least ? square / m / (range ? pow(most - least, 2) : 1) : NAN;
}

static void tables(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    table *t = table_new(cx, false, true, false);
    for (int range = 0; range < 2; range++)
        for (int costs = 0; costs < 2; costs++) {
            const char *set[] = {"scale", range ? "range" : "none", NULL};
            double want[D];
            cull_feature_pick k;
            for (int c = 0; c < D; c++) {
                plain(t->x, N, D, c, range, want + c);
                if (t->avoid[c]) want[c] = NAN;
            }
            t->p.y = NULL; /* nothing to predict */
            t->p.cost = costs ? t->cost : NULL;
            select_by(cx, "variance", set, &t->p, &k);
            ranked(&t->p, &k, want, 1e-13);
            assert_true(isnan(k.score[CONSTANT]) && isnan(k.score[EMPTY]));
            assert_true(!k.p && !k.verdict && strstr(k.score_is, "variance"));
            cull_feature_pick_free(&k);
            holds_up("variance", set, &t->p);
        }
    table_free(t);
    cull_ctx_free(cx);
}

/* Chunks of rows are merged; a mean far from 0 takes nothing away. */
static void many_rows(void **state)
{
    (void)state;
    enum { MANY = 70001, FEW = 3 };
    cull_ctx *cx = cull_ctx_new(NULL);
    float *x = malloc(sizeof *x * MANY * FEW);
    cull_pool *pool;
    double want[FEW];
    cull_feature_pick k;
    for (int i = 0; i < MANY * FEW; i++)
        x[i] = (float)(split_mix((uint64_t)i, 8) * 4 + (i % FEW == 1 ? 100000 : 0));
    ok(cx, cull_pool_from(cx, x, CULL_F32, MANY, FEW, &pool));
    cull_feature_problem p = {.n = MANY, .d = FEW, .x = pool, .budget = 2};
    for (int c = 0; c < FEW; c++) plain(x, MANY, FEW, c, false, want + c);
    select_by(cx, "variance", NULL, &p, &k);
    ranked(&p, &k, want, 1e-11);
    cull_feature_pick_free(&k);
    holds_up("variance", NULL, &p);
    cull_pool_free(pool);
    free(x);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables), cmocka_unit_test(many_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
