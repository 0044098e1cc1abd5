/* optfs: the gate of a value that never occurs follows the penalty's scalar recursion, the temperature its
 * schedule; planted columns and values are found among others, whatever the threads. */
#include "base/base.h"
#include "cull/feature.h"
#include "score/gates.h"
#include "test.h"

enum { N = 6000, D = 6, LEVELS = 12, USEFUL = 2 };
static float x[N * D];
static double click[N];
static const int32_t levels[D] = {LEVELS, LEVELS, LEVELS, LEVELS, LEVELS, 0};

/* Values 0 to 3 of columns 0 and 1 decide together; the last column is a number that says nothing. */
static void make(void)
{
    cull_rng r = cull__rng_seeded(3, 9);
    for (int i = 0; i < N; i++) {
        double s = 0;
        for (int c = 0; c < D - 1; c++) x[i * D + c] = (float)cull__rng_below(&r, LEVELS);
        x[i * D + D - 1] = i % 50 ? (float)cull__rng_normal(&r) : NAN;
        if (x[i * D] < 4 && x[i * D + 1] < 4) s = ((int)x[i * D] + (int)x[i * D + 1]) % 2 ? 4 : -4;
        click[i] = cull__rng_unit(&r) < 1 / (1 + exp(-s));
    }
}

static void temperature(void **state)
{
    (void)state;
    assert_true(cull__gates_tau(200, 0, 8) == 1);
    assert_true(fabs(cull__gates_tau(200, 7, 8) - 200) < 1e-9);
    double gamma = pow(200, 1. / 7);
    for (int e = 1; e < 8; e++)
        assert_true(fabs(cull__gates_tau(200, e, 8) / cull__gates_tau(200, e - 1, 8) - gamma) <
                    1e-12);
    assert_true(cull__gates_tau(50, 0, 1) == 50);
}

/* Adam on lambda tau sigmoid'(tau c), in double. */
static double recursion(double c, double lambda, double rate, double end, int search, int steps)
{
    double m = 0, v = 0;
    for (int t = 1; t <= search * steps; t++) {
        double tau = cull__gates_tau(end, (t - 1) / steps, search), s = 1 / (1 + exp(-tau * c));
        double g = lambda * tau * s * (1 - s);
        m = .9 * m + .1 * g;
        v = .999 * v + .001 * g * g;
        c -= rate * (m / (1 - pow(.9, t))) / (sqrt(v / (1 - pow(.999, t))) + 1e-8);
    }
    return c;
}

static void absent_value(void **state)
{
    (void)state;
    enum { ROWS = 700, FIELDS = 3, EACH = 5 };
    static int32_t id[ROWS * FIELDS];
    static uint8_t y[ROWS];
    const int64_t at[FIELDS + 1] = {0, EACH, 2 * EACH, 3 * EACH};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int i = 0; i < ROWS; i++) {
        for (int f = 0; f < FIELDS; f++) /* the last of each field never comes */
            id[i * FIELDS + f] = f * EACH + (i * (f + 2) + i / 7) % (EACH - 1);
        y[i] = i % 3 == 0;
    }
    cull__clicks rows = {ROWS, FIELDS, id, at, y};
    for (int model = CULL__FM; model <= CULL__IPNN; model++) {
        cull__gates_opts o = {.model = (cull__click_model)model,
                              .dim = 4,
                              .hidden = 8,
                              .cross = 2,
                              .batch = 100,
                              .rate = 2e-3,
                              .l2 = 1e-4,
                              .penalty = .01,
                              .temperature = 30,
                              .start = .5,
                              .search = 4,
                              .rewind = 1,
                              .epochs = 2};
        cull__gates g;
        ok(cx, cull__gates_train(cx, &rows, &rows, &o, &g));
        double want = recursion(.5, .01, 2e-3, 30, 4, 7);
        for (int f = 0; f < FIELDS; f++) {
            double got = (double)g.gate[f * EACH + EACH - 1];
            if (fabs(got - want) > 1e-5) fail_msg("model %d: %g, not %g", model, got, want);
        }
        cull__gates_free(&g);
        o.penalty = 0; /* then it stays, and those that occur move */
        ok(cx, cull__gates_train(cx, &rows, &rows, &o, &g));
        assert_true(g.gate[EACH - 1] == .5f && g.gate[0] != .5f);
        cull__gates_free(&g);
    }
    cull_ctx_free(cx);
}

static cull_feature_pick pick(int threads, double budget, const char *model)
{
    static const char *const set[][2] = {{"dim", "6"},       {"hidden", "16"}, {"batch", "300"},
                                         {"penalty", "0.2"}, {"anneal", "8"},  {"rate", "0.01"},
                                         {"bins", "8"}};
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = threads;
    cull_ctx *cx = cull_ctx_new(&co);
    const cull_method *m = cull_method_find("optfs", NULL);
    cull_opts *o;
    cull_pool *px;
    cull_feature_pick k;
    ok(cx, cull_opts_new(cx, m, &o));
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        ok(cx, cull_opts_set(cx, o, set[i][0], set[i][1]));
    ok(cx, cull_opts_set(cx, o, "model", model));
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &px));
    cull_feature_problem p = {
        .n = N, .d = D, .x = px, .levels = levels, .y = click, .classes = 2, .budget = budget};
    ok(cx, cull_feature_select(cx, m, o, &p, &k));
    cull_pool_free(px);
    cull_opts_free(o);
    cull_ctx_free(cx);
    return k;
}

static void finds_what_is_planted(void **state)
{
    (void)state;
    cull_feature_pick k = pick(2, INFINITY, "fm");
    int right = 0, open = 0, planted = 0;
    assert_non_null(k.level_at);
    assert_int_equal(k.level_at[1], LEVELS + 1); /* and a missing value */
    assert_int_equal(k.level_at[D] - k.level_at[D - 1], 8 + 1);
    for (int c = 0; c < D; c++)
        for (int64_t j = k.level_at[c]; j < k.level_at[c + 1]; j++) {
            bool useful = c < USEFUL && j - k.level_at[c] < 4;
            open += k.level_kept[j];
            right += k.level_kept[j] && useful;
            planted += useful;
        }
    assert_int_equal(right, planted); /* all 8 of them, and few others of 70 */
    assert_true(open <= 2 * planted);
    assert_true(k.score[0] > .1 && k.score[1] > .1);
    cull_feature_pick_free(&k);
    k = pick(1, 2, "fm");
    assert_int_equal(k.pick.n, 2);
    assert_true(k.pick.idx[0] + k.pick.idx[1] == 1);
    cull_feature_pick_free(&k);
}

static void same_for_any_threads(void **state)
{
    (void)state;
    static const char *const model[] = {"fm", "deepfm", "dcn", "ipnn"};
    for (int i = 0; i < 4; i++) {
        cull_feature_pick a = pick(1, 3, model[i]), b = pick(3, 3, model[i]);
        assert_memory_equal(a.score, b.score, D * sizeof *a.score);
        assert_memory_equal(a.level_kept, b.level_kept, (size_t)a.level_at[D]);
        cull_feature_pick_free(&a);
        cull_feature_pick_free(&b);
    }
}

static void refuses(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("optfs", NULL);
    cull_pool *px;
    cull_feature_pick k;
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &px));
    cull_feature_problem p = {
        .n = N, .d = D, .x = px, .levels = levels, .y = click, .classes = 3, .budget = 2};
    refused(cx, cull_feature_select(cx, m, NULL, &p, &k), CULL_EINPUT, "tells two classes apart");
    static double rare[N];
    rare[0] = 1;
    p.y = rare;
    p.classes = 2;
    refused(cx, cull_feature_select(cx, m, NULL, &p, &k), CULL_EINPUT, "of one class");
    cull_pool_free(px);
    cull_ctx_free(cx);
}

static void memory_fails(void **state)
{
    (void)state;
    const int64_t at[3] = {0, 3, 6};
    static int32_t id[80];
    static uint8_t y[40];
    for (int i = 0; i < 40; i++) id[2 * i] = i % 3, id[2 * i + 1] = 3 + i % 2, y[i] = i % 4 == 0;
    cull__clicks rows = {40, 2, id, at, y};
    const cull__gates_opts o = {.model = CULL__DCN,
                                .dim = 2,
                                .hidden = 4,
                                .cross = 1,
                                .batch = 20,
                                .rate = 1e-3,
                                .penalty = .01,
                                .temperature = 5,
                                .start = .5,
                                .search = 1,
                                .epochs = 1};
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull__gates g = {0};
        cull_status s = cx ? cull__gates_train(cx, &rows, &rows, &o, &g) : CULL_ENOMEM;
        cull__gates_free(&g);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) break;
        assert_int_equal(s, CULL_ENOMEM);
        assert_true(k < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temperature),
        cmocka_unit_test(absent_value),
        cmocka_unit_test(finds_what_is_planted),
        cmocka_unit_test(same_for_any_threads),
        cmocka_unit_test(refuses),
        cmocka_unit_test(memory_fails),
    };
    make();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
