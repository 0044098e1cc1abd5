/* saturated-coverage: against the sums of its definition; every subset; lazy = naive, bit by bit. */
#include "method/gain.h"

static double alpha = 0.05;

static double value(const cull_data_problem *p, const uint8_t *in)
{
    int64_t d = cull_pool_d(p->pool);
    double sum = 0;
    for (int64_t j = 0; j < p->n; j++) {
        double all = 0, mine = 0;
        for (int64_t i = 0; i < p->n; i++) {
            double s = row_cos(row_of(p->pool, i), row_of(p->pool, j), d);
            if (s > 0) all += s, mine += in[i] ? s : 0;
        }
        sum += mine < alpha * all ? mine : alpha * all;
    }
    return sum;
}

static void definition(void **state)
{
    (void)state;
    static const double alphas[] = {0.05, 0.3, 1};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int parts = 0; parts < 16; parts++) {
        gain_problem *b = gain_new(cx, 60, 9, 12, parts, false, 41);
        char set[64];
        alpha = alphas[parts % 3];
        snprintf(set, sizeof set, "alpha=%g", alpha);
        cull_pick k = gain_pick(cx, "saturated-coverage", set, &b->p);
        gain_replay(&b->p, &k, value, parts & COSTS, 1e-4);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void near_the_best(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    alpha = 0.3;
    for (int trial = 0; trial < 8; trial++) {
        gain_problem *b = gain_new(cx, 12, 5, 2 + trial % 4, 0, false, 90 + (uint64_t)trial);
        cull_pick k = gain_pick(cx, "saturated-coverage", "alpha=0.3", &b->p);
        gain_exhaustive(&b->p, &k, value);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void alike_bits(void **state)
{
    (void)state;
    static const char *const set[] = {"", "neighbours=20", "similarity=rbf"};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int s = 0; s < 3; s++) {
        gain_problem *b = gain_new(cx, 1300, 21, 120, s ? 0 : COSTS | QUOTAS | AVOID | HAVE, s, 42);
        gain_all_alike("saturated-coverage", set[s], &b->p);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

/* With all the pool's edges a graph is the whole, and with little memory nothing changes. */
static void ways(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    gain_problem *b = gain_new(cx, 2100, 21, 40, HAVE, false, 43);
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.memory = 8 << 20;
    cull_ctx *poor = cull_ctx_new(&o);
    cull_pick rich = gain_pick(cx, "saturated-coverage", "", &b->p),
              small = gain_pick(poor, "saturated-coverage", "", &b->p);
    same_as(&rich, &small);
    cull_pick_free(&rich), cull_pick_free(&small);
    cull_ctx_free(poor);
    gain_free(b);
    b = gain_new(cx, 300, 21, 40, 0, false, 44);
    cull_pick all = gain_pick(cx, "saturated-coverage", "alpha=1", &b->p),
              edges = gain_pick(cx, "saturated-coverage", "alpha=1 neighbours=299", &b->p);
    assert_memory_equal(all.idx, edges.idx, 20 * sizeof *all.idx); /* modular: one order of sums */
    cull_pick_free(&all), cull_pick_free(&edges);
    gain_free(b);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),
        cmocka_unit_test(near_the_best),
        cmocka_unit_test(alike_bits),
        cmocka_unit_test(ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
