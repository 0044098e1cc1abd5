/* facility-location: against its definition and every subset of small pools; lazy = naive, bit by bit,
 * with similarities held, made anew and in a graph. */
#include "method/gain.h"

/* How alike two rows are under the options of the test that runs. */
static struct {
    int rule;
    double gamma;
    int64_t neighbours;
} now;

static double alike(const float *a, const float *b, int64_t d)
{
    if (now.rule == 0) return row_cos(a, b, d);
    if (now.rule == 1) return exp(-now.gamma * row_dist2(a, b, d));
    return row_dot(a, b, d);
}

/* Whether fewer than `neighbours` rows that may be kept are more alike to j than i is. */
static bool near(const cull_data_problem *p, int64_t j, int64_t i)
{
    int64_t d = cull_pool_d(p->pool), before = 0;
    double s = alike(row_of(p->pool, i), row_of(p->pool, j), d);
    for (int64_t k = 0; k < p->n && now.neighbours; k++)
        if (!(p->avoid && p->avoid[k]) || (p->have && p->have[k]))
            before += alike(row_of(p->pool, k), row_of(p->pool, j), d) > s + 1e-12;
    return !now.neighbours || before < now.neighbours;
}

static double value(const cull_data_problem *p, const uint8_t *in)
{
    int64_t d = cull_pool_d(p->pool);
    double sum = 0;
    for (int64_t j = 0; j < p->n; j++) {
        double most = 0;
        for (int64_t i = 0; i < p->n; i++) {
            if (!in[i]) continue;
            double s = alike(row_of(p->pool, i), row_of(p->pool, j), d);
            if (s > most && near(p, j, i)) most = s;
        }
        sum += most;
    }
    return sum;
}

static void definition(void **state)
{
    (void)state;
    static const char *const set[] = {"similarity=cosine", "similarity=rbf gamma=0.07",
                                      "similarity=dot"};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int parts = 0; parts < 16; parts++) {
        int rule = parts % 3;
        gain_problem *b = gain_new(cx, 70, 9, parts & QUOTAS ? 17 : 11, parts, false, 5);
        now.rule = rule, now.gamma = 0.07, now.neighbours = 0;
        cull_pick k = gain_pick(cx, "facility-location", set[rule], &b->p);
        gain_replay(&b->p, &k, value, parts & COSTS, rule == 2 ? 1e-3 : 1e-4);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void graph(void **state)
{
    (void)state;
    static const char *const set[] = {"similarity=cosine neighbours=6",
                                      "similarity=rbf gamma=0.07 neighbours=6",
                                      "similarity=dot neighbours=6"};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int rule = 0; rule < 3; rule++) {
        gain_problem *b = gain_new(cx, 60, 9, 9, AVOID | HAVE | COSTS, false, 6);
        now.rule = rule, now.gamma = 0.07, now.neighbours = 6;
        cull_pick k = gain_pick(cx, "facility-location", set[rule], &b->p);
        gain_replay(&b->p, &k, value, true, 1e-3);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

/* More rows than are searched at once: the first gain is the largest sum over the rows of which a row
 * is among the three nearest, and the next ones follow from those lists. */
static void graph_in_blocks(void **state)
{
    (void)state;
    enum { N = 4300, D = 5, K = 3 };
    cull_ctx *cx = cull_ctx_new(NULL);
    gain_problem *b = gain_new(cx, N, D, 6, 0, false, 10);
    float *unit = malloc(N * D * sizeof *unit), *best = calloc(N, sizeof *best);
    int *list = malloc(N * K * sizeof *list);
    double *how = malloc(N * K * sizeof *how);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < D; c++)
            unit[i * D + c] = b->x[i * D + c] / (float)sqrt(row_dot(b->x + i * D, b->x + i * D, D));
    for (int j = 0; j < N; j++) {
        for (int k = 0; k < K; k++) how[j * K + k] = -1;
        for (int i = 0; i < N; i++) {
            double s = row_dot(unit + i * D, unit + j * D, D);
            int k = K;
            for (; k > 0 && s > how[j * K + k - 1]; k--)
                if (k < K)
                    how[j * K + k] = how[j * K + k - 1], list[j * K + k] = list[j * K + k - 1];
            if (k < K) how[j * K + k] = s, list[j * K + k] = i;
        }
    }
    cull_pick pick = gain_pick(cx, "facility-location", "neighbours=3", &b->p);
    for (int64_t at = 0; at < pick.n; at++) {
        double *gain = calloc(N, sizeof *gain), most = 0;
        for (int e = 0; e < N * K; e++)
            if (how[e] > best[e / K]) gain[list[e]] += how[e] - best[e / K];
        for (int i = 0; i < N; i++) most = fmax(most, gain[i]);
        assert_true(gain[pick.idx[at]] >= most - 1e-4);
        assert_true(fabs(pick.score[at] - gain[pick.idx[at]]) < 1e-4);
        for (int e = 0; e < N * K; e++)
            if (list[e] == pick.idx[at]) best[e / K] = fmaxf(best[e / K], (float)how[e]);
        free(gain);
    }
    free(unit), free(best), free(list), free(how);
    cull_pick_free(&pick);
    gain_free(b);
    cull_ctx_free(cx);
}

typedef struct {
    char said[8][512];
    int n;
} heard;

static void hear(void *user, cull_level level, const char *msg)
{
    heard *h = user;
    (void)level;
    if (h->n < 8) snprintf(h->said[h->n++], sizeof h->said[0], "%s", msg);
}

static double said(const heard *h, const char *what)
{
    double v;
    for (int i = 0; i < h->n; i++) {
        const char *at = strstr(h->said[i], what);
        if (at && sscanf(at + strlen(what), "%lf", &v) == 1) return v;
    }
    fail_msg("nobody says '%s'", what);
    return 0;
}

/* Of some neighbours only: the recall is told, and by the true graph the choice is nearly as good. */
static void some_neighbours(void **state)
{
    (void)state;
    enum { N = 3000 };
    heard h = {.n = 0};
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.log = hear;
    o.user = &h;
    cull_ctx *cx = cull_ctx_new(&o);
    gain_problem *b = gain_new(cx, N, 6, 40, HAVE | AVOID, false, 11);
    double sum[2] = {0, 0}, told[2];
    cull_pick pick[2];
    for (int some = 0; some < 2; some++) {
        h.n = 0;
        pick[some] = gain_pick(cx, "facility-location",
                               some ? "neighbours=20 recall=0.8" : "neighbours=20", &b->p);
        for (int64_t i = 0; i < pick[some].n; i++) sum[some] += pick[some].score[i];
        told[some] = said(&h, "hide at most ");
    }
    double recall = said(&h, "approximate: ");
    assert_true(recall >= 80 && recall < 100);
    assert_true(told[0] > 0 && told[1] > 0 && told[1] < 100);
    assert_true(sum[1] >= 0.9 * sum[0]);
    cull_pick_free(&pick[0]), cull_pick_free(&pick[1]);
    gain_all_alike("facility-location", "neighbours=20 recall=0.8", &b->p);
    gain_free(b);
    cull_ctx_free(cx);
}

static void near_the_best(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    now.rule = 0, now.neighbours = 0;
    for (int trial = 0; trial < 8; trial++) {
        gain_problem *b = gain_new(cx, 12, 5, 2 + trial % 4, 0, false, 40 + (uint64_t)trial);
        cull_pick k = gain_pick(cx, "facility-location", "", &b->p);
        gain_exhaustive(&b->p, &k, value);
        cull_pick_free(&k);
        gain_free(b);
    }
    cull_ctx_free(cx);
}

static void alike_bits(void **state)
{
    (void)state;
    static const char *const set[] = {"", "similarity=rbf", "neighbours=20",
                                      "similarity=rbf neighbours=20", "similarity=dot"};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int s = 0; s < 5; s++)
        for (int ties = 0; ties < 2; ties++) {
            int parts = s % 2 ? 0 : COSTS | QUOTAS | AVOID | HAVE;
            gain_problem *b = gain_new(cx, 1300, 21, 120, parts, ties, 7);
            gain_all_alike("facility-location", set[s], &b->p);
            if (s == 0 && ties) gain_stochastic("facility-location", "", &b->p);
            gain_free(b);
        }
    cull_ctx_free(cx);
}

/* Less memory than all similarities take: they are made anew, and nothing changes. */
static void little_memory(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    gain_problem *b = gain_new(cx, 2100, 21, 60, HAVE, true, 8);
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 2;
    o.memory = 8 << 20;
    cull_ctx *poor = cull_ctx_new(&o);
    cull_pick rich = gain_pick(cx, "facility-location", "", &b->p),
              small = gain_pick(poor, "facility-location", "", &b->p);
    same_as(&rich, &small);
    assert_true(cull_ctx_peak(cx) > 2100 * 2100 * 4);
    assert_true(cull_ctx_peak(poor) <= 8 << 20);
    cull_pick_free(&rich), cull_pick_free(&small);
    cull_ctx_free(poor);
    gain_free(b);
    cull_ctx_free(cx);
}

/* Pairs of equal rows: the lower one is taken. One dear row against cheap ones that add little. */
static void ties_and_singles(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    gain_problem *b = gain_new(cx, 40, 6, 6, 0, true, 9);
    cull_pick k = gain_pick(cx, "facility-location", "", &b->p);
    for (int64_t j = 0; j < k.n; j++) assert_int_equal(k.idx[j] % 2, 0);
    cull_pick_free(&k);
    gain_free(b);
    float x[11 * 2] = {0};
    double cost[11];
    for (int i = 0; i < 11; i++) x[2 * i] = 1, cost[i] = 4;
    x[20] = 0, x[21] = 1, cost[10] = 0.1; /* alone on its axis: a gain of 1 for 0.1 */
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, x, CULL_F32, 11, 2, &pool));
    cull_data_problem p = {.n = 11, .pool = pool, .cost = cost, .budget = 4};
    k = gain_pick(cx, "facility-location", "", &p);
    assert_int_equal(k.n, 1);
    assert_int_equal(k.idx[0], 0); /* 10 beats 1, though 1 / 0.1 beats 10 / 4 */
    assert_true(k.score[0] == 10);
    cull_pick_free(&k);
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),      cmocka_unit_test(graph),
        cmocka_unit_test(graph_in_blocks), cmocka_unit_test(some_neighbours),
        cmocka_unit_test(near_the_best),   cmocka_unit_test(alike_bits),
        cmocka_unit_test(little_memory),   cmocka_unit_test(ties_and_singles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
