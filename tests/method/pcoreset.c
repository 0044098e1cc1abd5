/* pcoreset: farthest first in probabilities replayed by plain loops, with every centre compared again;
 * heads, logits and probabilities come to the same; at most twice the best radius of every subset. */
#include "method/gain.h"

enum { N = 200, C = 7 };

/* Mean of the softmax of `heads` heads of row i, by libm. */
static void probability(const float *x, int heads, double *p)
{
    for (int c = 0; c < C; c++) p[c] = 0;
    for (int h = 0; h < heads; h++) {
        double sum = 0;
        for (int c = 0; c < C; c++) sum += exp((double)x[h * C + c]);
        for (int c = 0; c < C; c++) p[c] += exp((double)x[h * C + c]) / sum / heads;
    }
}

static double share[N][C]; /* of each row */

static double apart(const cull_data_problem *p, int64_t i, int64_t j)
{
    double sum = 0;
    (void)p;
    for (int c = 0; c < C; c++) sum += (share[i][c] - share[j][c]) * (share[i][c] - share[j][c]);
    return sqrt(sum);
}

static void farthest_first(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int parts = 0; parts < 16; parts++)
        for (int heads = 1; heads < 3; heads++) {
            gain_problem *b = gain_new(cx, N, C * heads, 30, parts, false, 5);
            for (int64_t i = 0; i < N; i++) probability(row_of(b->pool, i), heads, share[i]);
            cull_pick k = gain_pick(cx, "pcoreset", heads > 1 ? "heads=2" : "", &b->p);
            gain_farthest(&b->p, &k, apart, NULL);
            cull_pick_free(&k);
            gain_free(b);
        }
    cull_ctx_free(cx);
}

/* The same choice from logits, from logits moved by a constant, and from their probabilities. */
static void one_space(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    gain_problem *b = gain_new(cx, N, C, 25, HAVE | AVOID, false, 6);
    float *x = malloc(sizeof(float[N][C])), *y = malloc(sizeof(float[N][C]));
    for (int64_t i = 0; i < N; i++) {
        double p[C];
        probability(row_of(b->pool, i), 1, p);
        for (int c = 0; c < C; c++) x[i * C + c] = (float)p[c], y[i * C + c] = b->x[i * C + c] + 64;
    }
    cull_pick k = gain_pick(cx, "pcoreset", "", &b->p);
    const float *at[] = {x, y};
    for (int t = 0; t < 2; t++) {
        cull_pool *pool;
        ok(cx, cull_pool_from(cx, at[t], CULL_F32, N, C, &pool));
        cull_data_problem q = b->p;
        q.pool = pool;
        cull_pick other = gain_pick(cx, "pcoreset", t ? "" : "values=probabilities", &q);
        assert_int_equal(other.n, k.n);
        assert_memory_equal(other.idx, k.idx, (size_t)k.n * sizeof *k.idx);
        cull_pick_free(&other);
        cull_pool_free(pool);
    }
    cull_pick_free(&k);
    gain_free(b);
    free(x), free(y);
    cull_ctx_free(cx);
}

/* One number is the first of two classes, as a probability or as a logit. */
static void one_number(void **state)
{
    static const char *const set[] = {"values=probabilities", "values=probabilities", "", ""};
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 3);
    float x[4][2 * N];
    cull_pick k[4];
    for (int64_t i = 0; i < N; i++) {
        double p = 0.02 + 0.96 * cull__rng_unit(&r);
        x[0][i] = x[1][2 * i] = (float)p, x[1][2 * i + 1] = (float)(1 - p);
        x[2][i] = x[3][2 * i] = (float)log(p / (1 - p)), x[3][2 * i + 1] = 0;
    }
    for (int t = 0; t < 4; t++) {
        cull_pool *pool;
        ok(cx, cull_pool_from(cx, x[t], CULL_F32, N, 1 + t % 2, &pool));
        cull_data_problem p = {.n = N, .pool = pool, .budget = 9};
        k[t] = gain_pick(cx, "pcoreset", set[t], &p);
        assert_memory_equal(k[t].idx, k[0].idx, 9 * sizeof *k[0].idx);
        cull_pool_free(pool);
    }
    assert_true(fabs(k[1].score[1] - sqrt(2) * k[0].score[1]) < 1e-6);
    for (int t = 0; t < 4; t++) cull_pick_free(&k[t]);
    cull_ctx_free(cx);
}

static void twice_the_best(void **state)
{
    enum { FEW = 12, TAKE = 3 };
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (uint64_t seed = 0; seed < 8; seed++) {
        double best = INFINITY, mine = 0;
        uint8_t in[FEW] = {0}, own[FEW] = {0};
        gain_problem *b = gain_new(cx, FEW, C, TAKE, 0, false, 70 + seed);
        for (int64_t i = 0; i < FEW; i++) probability(row_of(b->pool, i), 1, share[i]);
        cull_pick k = gain_pick(cx, "pcoreset", "", &b->p);
        for (int64_t j = 0; j < k.n; j++) own[k.idx[j]] = 1;
        for (uint32_t set = 1; set < 1u << FEW; set++) {
            double worst = 0;
            if (__builtin_popcount(set) != TAKE) continue;
            for (int i = 0; i < FEW; i++) in[i] = set >> i & 1;
            for (int i = 0; i < FEW; i++) worst = fmax(worst, gain_radius(&b->p, apart, in, i));
            best = fmin(best, worst);
        }
        for (int i = 0; i < FEW; i++) mine = fmax(mine, gain_radius(&b->p, apart, own, i));
        assert_true(mine <= 2 * best + 1e-6 && mine >= best - 1e-6);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void refuses(cull_ctx *cx, const char *set, const float *x, int64_t d, const char *says)
{
    cull_pool *pool;
    cull_opts *o;
    cull_pick k = {0};
    char word[64];
    const cull_method *m = cull_method_find("pcoreset", NULL);
    ok(cx, cull_pool_from(cx, x, CULL_F32, 2, d, &pool));
    ok(cx, cull_opts_new(cx, m, &o));
    snprintf(word, sizeof word, "%s", set);
    char *value = strchr(word, '=');
    if (value) {
        *value++ = 0;
        ok(cx, cull_opts_set(cx, o, word, value));
    }
    cull_data_problem p = {.n = 2, .pool = pool, .budget = 1};
    assert_int_equal(cull_data_pick(cx, m, o, &p, &k), CULL_EINPUT);
    if (!strstr(cull_error(cx), says)) fail_msg("%s: no \"%s\"", cull_error(cx), says);
    cull_opts_free(o);
    cull_pool_free(pool);
}

static void bad_input(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const float below[] = {0.5f, 0.5f, 1.25f, -0.25f}, over[] = {0.5f, 0.5f, 0.5f, 1},
                are[] = {0.25f, 0.75f, 1, 0}, three[] = {1, 2, 3, 4, 5, 6};
    refuses(cx, "values=probabilities", below, 2, "row 1 of memory go down to -0.25");
    refuses(cx, "values=probabilities", over, 2, "row 1 of memory sum to 1.5");
    refuses(cx, "values=logits", are, 2, "these are probabilities");
    refuses(cx, "heads=2", three, 3, "3 numbers, which are not 2 predictions");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(farthest_first), cmocka_unit_test(one_space), cmocka_unit_test(one_number),
        cmocka_unit_test(twice_the_best), cmocka_unit_test(bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
