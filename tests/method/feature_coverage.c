/* feature-coverage: against its definition with each concave function; every subset; lazy = naive. */
#include "method/gain.h"

static int concave;
static double share = 0.05;

static double value(const cull_data_problem *p, const uint8_t *in)
{
    int64_t d = cull_pool_d(p->pool);
    double sum = 0;
    for (int64_t u = 0; u < 2 * d; u++) {
        double all = 0, mine = 0;
        for (int64_t i = 0; i < p->n; i++) {
            double x = (double)row_of(p->pool, i)[u % d] * (u < d ? 1 : -1);
            if (x > 0) all += x, mine += in[i] ? x : 0;
        }
        sum += concave == 0 ? sqrt(mine) : concave == 1 ? log(1 + mine) : fmin(mine, share * all);
    }
    return sum;
}

static const char *const sets[] = {"concave=sqrt", "concave=log", "concave=min share=0.2"};

static void definition(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    share = 0.2;
    for (int parts = 0; parts < 16; parts++) {
        gain_problem *b = gain_new(cx, 90, 9, 14, parts, false, 71);
        concave = parts % 3;
        cull_pick k = gain_pick(cx, "feature-coverage", sets[concave], &b->p);
        gain_replay(&b->p, &k, value, parts & COSTS, 1e-9);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void near_the_best(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int trial = 0; trial < 12; trial++) {
        gain_problem *b = gain_new(cx, 12, 5, 2 + trial % 4, 0, false, 120 + (uint64_t)trial);
        concave = trial % 3;
        cull_pick k = gain_pick(cx, "feature-coverage", sets[concave], &b->p);
        gain_exhaustive(&b->p, &k, value);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void alike_bits(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int s = 0; s < 3; s++) {
        gain_problem *b = gain_new(cx, 1300, 21, 120, s ? 0 : COSTS | QUOTAS | AVOID | HAVE, s, 72);
        gain_all_alike("feature-coverage", sets[s], &b->p);
        if (s == 1) gain_stochastic("feature-coverage", "", &b->p);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

/* Rows of one feature each: a second one of a feature adds what the root of the sum does. */
static void closed_form(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const float x[] = {4, 0, 9, 0, 0, -1, 0, 1};
    cull_data_problem p = {.n = 4, .budget = 4};
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 4, 2, &pool));
    p.pool = pool;
    cull_pick k = gain_pick(cx, "feature-coverage", "", &p);
    const int64_t want[] = {1, 2, 3, 0};
    const double gain[] = {3, 1, 1, sqrt(13) - 3};
    assert_memory_equal(k.idx, want, sizeof want);
    for (int j = 0; j < 4; j++) assert_true(fabs(k.score[j] - gain[j]) < 1e-12);
    cull_pick_free(&k);
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),
        cmocka_unit_test(near_the_best),
        cmocka_unit_test(alike_bits),
        cmocka_unit_test(closed_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
