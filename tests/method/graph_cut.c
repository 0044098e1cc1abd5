/* graph-cut: against the sums of its definition; with equal costs, the order of the plain cosine. */
#include "method/gain.h"

static double lambda = 0.5, shift = 1, scale = 2;

static double value(const cull_data_problem *p, const uint8_t *in)
{
    int64_t d = cull_pool_d(p->pool);
    double to_all = 0, among = 0;
    for (int64_t j = 0; j < p->n; j++)
        for (int64_t i = 0; i < p->n && in[j]; i++) {
            double s = (shift + row_cos(row_of(p->pool, i), row_of(p->pool, j), d)) / scale;
            to_all += s;
            if (in[i]) among += s;
        }
    return to_all - lambda * among;
}

static void definition(void **state)
{
    (void)state;
    static const double lambdas[] = {0, 0.5, 3};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int parts = 0; parts < 16; parts++) {
        gain_problem *b = gain_new(cx, 60, 9, 14, parts, false, 31);
        char set[64];
        lambda = lambdas[parts % 3];
        snprintf(set, sizeof set, "penalty=%g", lambda);
        cull_pick k = gain_pick(cx, "graph-cut", set, &b->p);
        gain_replay(&b->p, &k, value, parts & COSTS, 1e-4);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

/* The scores are of (1 + cosine) / 2; the rows those of the cosine. */
static void order_of_cosine(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    gain_problem *b = gain_new(cx, 60, 9, 20, 0, false, 32);
    cull_pick k = gain_pick(cx, "graph-cut", "penalty=2", &b->p);
    lambda = 2, shift = 0, scale = 1;
    uint8_t in[60] = {0};
    for (int64_t at = 0; at < k.n; at++) {
        double now = value(&b->p, in);
        in[k.idx[at]] = 1;
        k.score[at] = value(&b->p, in) - now;
    }
    gain_replay(&b->p, &k, value, false, 1e-4);
    shift = 1, scale = 2;
    cull_pick_free(&k);
    gain_free(b);
    cull_ctx_free(cx);
}

static void near_the_best(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    lambda = 0.5;
    for (int trial = 0; trial < 8; trial++) {
        gain_problem *b = gain_new(cx, 12, 5, 2 + trial % 4, 0, false, 80 + (uint64_t)trial);
        cull_pick k = gain_pick(cx, "graph-cut", "", &b->p);
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
    for (int ties = 0; ties < 2; ties++) {
        gain_problem *b =
            gain_new(cx, 900, 21, 90, ties ? 0 : COSTS | QUOTAS | AVOID | HAVE, ties, 33);
        gain_all_alike("graph-cut", "penalty=0.4", &b->p);
        gain_stochastic("graph-cut", "penalty=0.4", &b->p);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),
        cmocka_unit_test(order_of_cosine),
        cmocka_unit_test(near_the_best),
        cmocka_unit_test(alike_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
