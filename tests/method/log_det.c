/* log-det: against the determinant by elimination, over every subset of small pools, past the rank. */
#include "method/gain.h"

static double ridge = 0.1;
static bool cosine = true;

/* log det(I + K / ridge) of the rows in the set. */
static double value(const cull_data_problem *p, const uint8_t *in)
{
    int64_t row[100], k = 0, d = cull_pool_d(p->pool);
    static double a[100][100];
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (in[i]) row[k++] = i;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++) {
            const float *x = row_of(p->pool, row[i]), *y = row_of(p->pool, row[j]);
            a[i][j] = (i == j) + (cosine ? row_cos(x, y, d) : row_dot(x, y, d)) / ridge;
        }
    for (int64_t c = 0; c < k; c++) {
        sum += log(a[c][c]);
        for (int64_t i = c + 1; i < k; i++)
            for (int64_t j = k; j-- > c;) a[i][j] -= a[i][c] / a[c][c] * a[c][j];
    }
    return sum;
}

static void definition(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int parts = 0; parts < 16; parts++) {
        gain_problem *b = gain_new(cx, 60, 9, 14, parts, false, 21);
        cosine = parts % 3;
        ridge = parts % 3 == 1 ? 0.01 : 0.1;
        char set[64];
        snprintf(set, sizeof set, "similarity=%s ridge=%g", cosine ? "cosine" : "dot", ridge);
        cull_pick k = gain_pick(cx, "log-det", set, &b->p);
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
    cosine = true, ridge = 0.1;
    for (int trial = 0; trial < 8; trial++) {
        gain_problem *b = gain_new(cx, 12, 5, 2 + trial % 4, 0, false, 70 + (uint64_t)trial);
        cull_pick k = gain_pick(cx, "log-det", "", &b->p);
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
            gain_new(cx, 900, 21, 90, ties ? 0 : COSTS | QUOTAS | AVOID | HAVE, ties, 22);
        gain_all_alike("log-det", "", &b->p);
        gain_stochastic("log-det", "", &b->p);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

/* Orthogonal rows of lengths 3, 2, 1, of dot products: gains log(1 + length^2 / ridge), then nothing
 * but the ridge is left of a repetition. */
static void closed_form(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const float x[] = {0, 2, 0, 3, 0, 0, 0, 0, 1, 3, 0, 0};
    cull_data_problem p = {.n = 4, .budget = 4};
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 4, 3, &pool));
    p.pool = pool;
    cull_pick k = gain_pick(cx, "log-det", "similarity=dot ridge=0.5", &p);
    const int64_t want[] = {1, 0, 2, 3};
    const double gain[] = {log(19), log(9), log(3), log(37. / 19)};
    assert_memory_equal(k.idx, want, sizeof want);
    for (int j = 0; j < 4; j++) assert_true(fabs(k.score[j] - gain[j]) < 1e-6);
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
