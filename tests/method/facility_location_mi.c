/* facility-location-mi: against its definition; every subset; lazy = naive; what eta is for. */
#include "method/gain.h"

static double eta = 1;

static double value(const cull_data_problem *p, const uint8_t *in)
{
    int64_t d = cull_pool_d(p->pool), m = cull_pool_n(p->target);
    double sum = 0;
    for (int64_t q = 0; q < m; q++) {
        double most = 0;
        for (int64_t i = 0; i < p->n; i++)
            if (in[i]) most = fmax(most, row_cos(row_of(p->pool, i), row_of(p->target, q), d));
        sum += most;
    }
    for (int64_t i = 0; i < p->n; i++) {
        double most = 0;
        for (int64_t q = 0; in[i] && q < m; q++)
            most = fmax(most, row_cos(row_of(p->pool, i), row_of(p->target, q), d));
        sum += eta * most;
    }
    return sum;
}

static void definition(void **state)
{
    (void)state;
    static const double etas[] = {0, 1, 0.2};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int parts = 0; parts < 16; parts++) {
        gain_problem *b = gain_new(cx, 90, 9, 14, parts, false, 51);
        char set[64];
        eta = etas[parts % 3];
        snprintf(set, sizeof set, "eta=%g", eta);
        cull_pick k = gain_pick(cx, "facility-location-mi", set, &b->p);
        gain_replay(&b->p, &k, value, parts & COSTS, 1e-5);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void near_the_best(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    eta = 0.2;
    for (int trial = 0; trial < 8; trial++) {
        gain_problem *b = gain_new(cx, 12, 5, 2 + trial % 4, 0, false, 100 + (uint64_t)trial);
        cull_pick k = gain_pick(cx, "facility-location-mi", "eta=0.2", &b->p);
        gain_exhaustive(&b->p, &k, value);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void alike_bits(void **state)
{
    (void)state;
    static const char *const set[] = {"", "similarity=rbf", "similarity=dot eta=0"};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int s = 0; s < 3; s++) {
        gain_problem *b = gain_new(cx, 1300, 21, 120, s ? 0 : COSTS | QUOTAS | AVOID | HAVE, s, 52);
        gain_all_alike("facility-location-mi", set[s], &b->p);
        if (s == 1) gain_stochastic("facility-location-mi", "", &b->p);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

/* Two target examples and room for two: coverage alone serves both, nearness alone the better one. */
static void what_eta_does(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const float x[] = {1, 0, 1, 0.01f, 0.5f, 1}, q[] = {1, 0, 0, 1};
    cull_pool *pool, *target;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 3, 2, &pool));
    ok(cx, cull_pool_from(cx, q, CULL_F32, 2, 2, &target));
    cull_data_problem p = {.n = 3, .pool = pool, .target = target, .budget = 2};
    cull_pick cover = gain_pick(cx, "facility-location-mi", "eta=0", &p),
              near = gain_pick(cx, "facility-location-mi", "eta=100", &p);
    assert_true(cover.idx[0] == 2 && cover.idx[1] == 0);
    assert_true(near.idx[0] == 1 && near.idx[1] == 0); /* 1 is a little near to the second too */
    cull_pick_free(&cover), cull_pick_free(&near);
    cull_pool_free(pool), cull_pool_free(target);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),
        cmocka_unit_test(near_the_best),
        cmocka_unit_test(alike_bits),
        cmocka_unit_test(what_eta_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
