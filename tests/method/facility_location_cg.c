/* facility-location-cg: against its definition; every subset; nu = 1 is facility location with those
 * examples held, nu = 0 is facility location. */
#include "method/gain.h"

static double nu = 1;

static double value(const cull_data_problem *p, const uint8_t *in)
{
    int64_t d = cull_pool_d(p->pool);
    double sum = 0;
    for (int64_t j = 0; j < p->n; j++) {
        double most = 0, floor_ = 0;
        for (int64_t a = 0; a < cull_pool_n(p->against); a++)
            floor_ = fmax(floor_, row_cos(row_of(p->against, a), row_of(p->pool, j), d));
        for (int64_t i = 0; i < p->n; i++)
            if (in[i]) most = fmax(most, row_cos(row_of(p->pool, i), row_of(p->pool, j), d));
        sum += fmax(most - nu * floor_, 0);
    }
    return sum;
}

static void definition(void **state)
{
    (void)state;
    static const double nus[] = {1, 0.4, 0};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int parts = 0; parts < 16; parts++) {
        gain_problem *b = gain_new(cx, 60, 9, 12, parts, false, 61);
        char set[64];
        nu = nus[parts % 3];
        snprintf(set, sizeof set, "nu=%g", nu);
        cull_pick k = gain_pick(cx, "facility-location-cg", set, &b->p);
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
    nu = 0.4;
    for (int trial = 0; trial < 8; trial++) {
        gain_problem *b = gain_new(cx, 12, 5, 2 + trial % 4, 0, false, 110 + (uint64_t)trial);
        cull_pick k = gain_pick(cx, "facility-location-cg", "nu=0.4", &b->p);
        gain_exhaustive(&b->p, &k, value);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void alike_bits(void **state)
{
    (void)state;
    static const char *const set[] = {"", "similarity=rbf", "neighbours=30"};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int s = 0; s < 3; s++) {
        gain_problem *b = gain_new(cx, 1300, 21, 120, s ? 0 : COSTS | QUOTAS | AVOID | HAVE, s, 62);
        gain_all_alike("facility-location-cg", set[s], &b->p);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

/* The rows held, given as examples to stay away from instead, with nu = 1: the same choice. */
static void like_held(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    gain_problem *b = gain_new(cx, 400, 9, 30, HAVE, false, 63);
    float *x = malloc(400 * 9 * sizeof *x);
    int64_t a = 0;
    for (int64_t i = 0; i < 400; i++)
        if (b->have[i]) memcpy(x + 9 * a++, row_of(b->pool, i), 9 * sizeof *x);
    cull_pool *against;
    ok(cx, cull_pool_from(cx, x, CULL_F32, a, 9, &against));
    cull_data_problem given = b->p;
    given.have = NULL, given.avoid = b->have, given.against = against;
    cull_pick held = gain_pick(cx, "facility-location", "", &b->p),
              away = gain_pick(cx, "facility-location-cg", "", &given);
    same_as(&held, &away);
    cull_pick_free(&held), cull_pick_free(&away);
    given.avoid = NULL;
    held = gain_pick(cx, "facility-location", "", &given);
    away = gain_pick(cx, "facility-location-cg", "nu=0", &given);
    same_as(&held, &away);
    cull_pick_free(&held), cull_pick_free(&away);
    cull_pool_free(against);
    free(x);
    gain_free(b);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),
        cmocka_unit_test(near_the_best),
        cmocka_unit_test(alike_bits),
        cmocka_unit_test(like_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
