/* semdedup: groups against plain loops over f64 cosines; which of a group stays; clusters; limits. */
#include "test.h"

#include "cull/data.h"

enum { N = 900, D = 10 };

typedef struct {
    cull_ctx *cx;
    cull_pool *pool;
    float x[N * D];
    uint8_t have[N], avoid[N];
} made;

/* Rows of every length; each fourth is another one, turned a little. */
static made *make(void)
{
    made *m = calloc(1, sizeof *m);
    uint64_t s = 12345;
    m->cx = cull_ctx_new(NULL);
    for (int i = 0; i < N; i++)
        for (int t = 0; t < D; t++) {
            s = s * 6364136223846793005u + 1442695040888963407u;
            double u = (double)(s >> 40) / 16777216 - 0.5;
            m->x[i * D + t] =
                i % 4 == 3 ? m->x[(i * 7 % i) * D + t] * 2.385f + 0.15f * (float)u : (float)u;
        }
    ok(m->cx, cull_pool_from(m->cx, m->x, CULL_F32, N, D, &m->pool));
    return m;
}

static double cosine(const float *a, const float *b)
{
    double aa = 0, bb = 0, ab = 0;
    for (int t = 0; t < D; t++)
        aa += (double)a[t] * a[t], bb += (double)b[t] * b[t], ab += (double)a[t] * b[t];
    return ab / sqrt(aa * bb);
}

static cull_pick pick(made *m, const cull_data_problem *p, const char *const *set)
{
    const cull_method *method = cull_method_find("semdedup", NULL);
    cull_opts *o;
    cull_pick k;
    ok(m->cx, cull_opts_new(m->cx, method, &o));
    for (; *set; set += 2) ok(m->cx, cull_opts_set(m->cx, o, set[0], set[1]));
    ok(m->cx, cull_data_pick(m->cx, method, o, p, &k));
    cull_opts_free(o);
    return k;
}

/* Nothing that stays is near another that does, and whoever goes is nearest to the one told. */
static void holds(const made *m, const cull_pick *k, double t, const int32_t *cluster)
{
    for (int i = 0; i < N; i++) {
        if (k->stands[i] < 0) continue;
        double best = -1;
        for (int j = 0; j < N; j++) {
            if (j == i || k->stands[j] != j || (cluster && cluster[i] != cluster[j])) continue;
            double c = cosine(m->x + i * D, m->x + j * D);
            if (k->stands[i] == i) assert_true(c < t);
            if (c > best) best = c;
        }
        if (k->stands[i] == i) continue;
        double c = cosine(m->x + i * D, m->x + k->stands[i] * D);
        assert_true(c >= t && fabs(c - (double)k->like[i]) < 1e-6);
    }
}

static void first(void **state)
{
    made *m = *state;
    const char *const set[] = {"threshold", "0.93", NULL};
    cull_data_problem p = {.n = N, .pool = m->pool, .budget = N};
    cull_pick k = pick(m, &p, set);
    int64_t stays[N], n = 0;
    holds(m, &k, 0.93, NULL);
    for (int64_t i = 0; i < N; i++) { /* the plain rule */
        bool near = false;
        for (int64_t j = 0; j < n && !near; j++)
            near = cosine(m->x + i * D, m->x + stays[j] * D) >= 0.93;
        if (!near) stays[n++] = i;
    }
    assert_int_equal(k.n, n);
    assert_memory_equal(k.idx, stays, (size_t)n * 8);
    assert_true(n < N - N / 8 && n > N / 2);
    assert_string_equal(k.stays, "first");
    cull_pick_free(&k);
    p.budget = 17; /* a budget cuts what stays, not who stands for whom */
    k = pick(m, &p, set);
    assert_int_equal(k.n, 17);
    holds(m, &k, 0.93, NULL);
    cull_pick_free(&k);
}

static void held_and_avoided(void **state)
{
    made *m = *state;
    const char *const set[] = {"threshold", "0.93", "keep", "random", NULL};
    for (int i = 0; i < N; i++) m->have[i] = i % 10 == 7, m->avoid[i] = i % 10 == 2;
    cull_data_problem p = {
        .n = N, .pool = m->pool, .budget = N, .have = m->have, .avoid = m->avoid};
    cull_pick k = pick(m, &p, set);
    int64_t to_have = 0;
    holds(m, &k, 0.93, NULL);
    for (int64_t i = 0; i < N; i++) {
        if (m->avoid[i]) assert_int_equal(k.stands[i], -1);
        to_have += k.stands[i] >= 0 && k.stands[i] != i && m->have[k.stands[i]];
    }
    assert_true(to_have > 10);
    for (int64_t i = 0; i < k.n; i++) assert_true(!m->have[k.idx[i]] && !m->avoid[k.idx[i]]);
    cull_pick_free(&k);
}

/* Of two copies the one less, or more, like the pool's mean direction stays. */
static void hard_and_easy(void **state)
{
    made *m = *state;
    double mean[D] = {0};
    float centre[D];
    cull_data_problem p = {.n = N, .pool = m->pool, .budget = N};
    for (int i = 0; i < N; i++) {
        double n = 0;
        for (int t = 0; t < D; t++) n += (double)m->x[i * D + t] * m->x[i * D + t];
        for (int t = 0; t < D; t++) mean[t] += m->x[i * D + t] / sqrt(n);
    }
    for (int t = 0; t < D; t++) centre[t] = (float)mean[t];
    for (int easy = 0; easy < 2; easy++) {
        const char *const set[] = {"threshold", "0.93", "keep", easy ? "easy" : "hard", NULL};
        cull_pick k = pick(m, &p, set);
        holds(m, &k, 0.93, NULL);
        for (int i = 0; i < N; i++) {
            if (k.stands[i] == i) continue;
            double own = cosine(m->x + i * D, centre), its = cosine(m->x + k.stands[i] * D, centre);
            assert_true(easy ? its > own - 1e-5 : its < own + 1e-5);
        }
        cull_pick_free(&k);
    }
}

static void clusters(void **state)
{
    made *m = *state;
    const char *const all[] = {"threshold", "0.93", NULL};
    const char *const some[] = {"threshold", "0.93", "clusters", "12", NULL};
    const char *const one[] = {"threshold", "0.93", "clusters", "1", NULL};
    cull_data_problem p = {.n = N, .pool = m->pool, .budget = N};
    cull_pick a = pick(m, &p, all), b = pick(m, &p, some), c = pick(m, &p, one);
    assert_true(b.n > a.n); /* pairs across borders are missed */
    assert_memory_equal(a.stands, c.stands, N * sizeof *a.stands);
    for (int i = 0; i < N; i++)
        if (b.stands[i] != i) assert_true(cosine(m->x + i * D, m->x + b.stands[i] * D) >= 0.93);
    cull_pick_free(&a), cull_pick_free(&b), cull_pick_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(first), cmocka_unit_test(held_and_avoided),
                                       cmocka_unit_test(hard_and_easy), cmocka_unit_test(clusters)};
    made *m = make();
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        ((struct CMUnitTest *)tests)[i].initial_state = m;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cull_pool_free(m->pool);
    cull_ctx_free(m->cx);
    free(m);
    return failed;
}
