/* micro3: the space, its sizes, a training, the table that comes with cull, tables that are wrong. */
#include "files.h"

#include "cull/micro3.h"

enum { N = 128, TESTS = 32, ALL = N + TESTS, PIXELS = CULL_MICRO3_SIDE * CULL_MICRO3_SIDE };
#define TABLE CULL_SOURCE_DIR "/share/micro3.csv"

/* Each class a bright row of its own, with noise. */
static float x[ALL * PIXELS];
static int32_t y[ALL];
static const cull_micro3_data made = {x, y, N, TESTS, NULL, NULL};

static int start(void **state)
{
    uint32_t s = 5;
    for (int i = 0; i < ALL; i++) {
        y[i] = i % 10;
        for (int k = 0; k < PIXELS; k++) {
            s = s * 1664525u + 1013904223u;
            x[i * PIXELS + k] = (float)(s >> 8) / 16777216.f * 0.3f;
            if (k / CULL_MICRO3_SIDE == 2 + y[i]) x[i * PIXELS + k] += 0.7f;
        }
    }
    return make_dir(state);
}

static void space(void **state)
{
    (void)state;
    char a[64], b[64];
    int op[3];
    assert_int_equal(cull_micro3_count(), 125);
    for (int i = 0; i < 125; i++) {
        assert_non_null(cull_micro3_name(i, a));
        assert_int_equal(cull_micro3_find(a), i);
        for (int j = 0; j < i; j++) assert_string_not_equal(a, cull_micro3_name(j, b));
        assert_true(cull_micro3_ops(i, op));
        snprintf(b, sizeof b, "%s|%s|%s", cull_micro3_op(op[0]), cull_micro3_op(op[1]),
                 cull_micro3_op(op[2]));
        assert_string_equal(a, b);
    }
    assert_null(cull_micro3_name(125, a));
    assert_null(cull_micro3_name(-1, a));
    assert_null(cull_micro3_op(5));
    assert_null(cull_micro3_op(-1));
    assert_false(cull_micro3_ops(125, op));
    assert_int_equal(cull_micro3_find("skip|skip"), -1);
    assert_int_equal(cull_micro3_find("nor_conv_3x3|none|skip"), 3 * 25 + 0 * 5 + 1);
}

/* By hand. Stem: 9 8 weights, 2 8 of the norm; between the cells 9 8 16 and 2 16; last norm 2 16; linear
 * 16 10 + 10. Convolutions of a cell: k k c c and 2 c, of 14x14 pixels of 8 channels, then 7x7 of 16. */
static void sizes(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    const int64_t params = 72 + 16 + 1152 + 32 + 32 + 170;
    const double macs = 196 * 72 + 49 * 1152 + 160;
    const struct {
        const char *name;
        int one, three; /* convolutions of a cell */
    } is[] = {{"none|none|none", 0, 0},
              {"skip|avg_pool_3x3|skip", 0, 0},
              {"nor_conv_1x1|none|skip", 1, 0},
              {"none|nor_conv_3x3|none", 0, 1},
              {"none|none|nor_conv_3x3", 0, 1},
              {"nor_conv_3x3|nor_conv_1x1|nor_conv_3x3", 1, 2},
              {"nor_conv_3x3|nor_conv_3x3|nor_conv_3x3", 0, 3}};
    for (size_t k = 0; k < sizeof is / sizeof *is; k++) {
        int64_t p;
        double m;
        ok(cx, cull_micro3_size(cx, cull_micro3_find(is[k].name), &p, &m));
        assert_int_equal(p, params + is[k].one * (64 + 16 + 256 + 32) +
                                is[k].three * (576 + 16 + 2304 + 32));
        assert_true(m == macs + is[k].one * (196 * 64 + 49 * 256) +
                             is[k].three * (196 * 576 + 49 * 2304));
    }
    int64_t p;
    double m;
    refused(cx, cull_micro3_size(cx, 125, &p, &m), CULL_EINPUT, "no architecture 125");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void learns(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    int i = cull_micro3_find("nor_conv_3x3|skip|nor_conv_3x3");
    double one, again, other, few, none;
    ok(cx, cull_micro3_train(cx, &made, i, 1, 30, &one));
    ok(cx, cull_micro3_train(cx, &made, i, 1, 30, &again));
    ok(cx, cull_micro3_train(cx, &made, i, 1, 1, &few));
    assert_true(one > 0.9 && one == again && few < one);
    /* what sees nothing guesses: no class has more than 4 of the 32 */
    ok(cx, cull_micro3_train(cx, &made, cull_micro3_find("none|none|none"), 1, 2, &none));
    assert_true(none <= 4. / TESTS);
    bool differs = false;
    ok(cx, cull_micro3_train(cx, &made, i, 1, 8, &few));
    for (uint64_t seed = 2; seed < 6 && !differs; seed++) {
        ok(cx, cull_micro3_train(cx, &made, i, seed, 8, &other));
        differs = other != few;
    }
    assert_true(differs);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* One thread = two, to the bit; written and read it is the same. */
static void all(void **state)
{
    (void)state;
    static cull_micro3_table t[3];
    const cull_micro3_data few = {x, y, 64, TESTS, NULL, NULL};
    const char *path = in_dir("all.csv");
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        ok(cx, cull_micro3_run(cx, &few, 2, 1, &t[threads - 1]));
        ok(cx, cull_micro3_write(cx, &t[threads - 1], path));
        ok(cx, cull_micro3_read(cx, path, &t[2]));
        assert_memory_equal(&t[threads - 1], &t[2], sizeof *t);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(&t[0], &t[1], sizeof *t);
}

static void refusals(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static cull_micro3_table t;
    cull_micro3_data d = made;
    double v;
    refused(cx, cull_micro3_run(cx, &d, 0, 1, &t), CULL_EOPTION, "0 seeds; it must be 1 to 16");
    refused(cx, cull_micro3_run(cx, &d, 17, 1, &t), CULL_EOPTION, "17 seeds");
    refused(cx, cull_micro3_train(cx, &d, 0, 1, 0, &v), CULL_EOPTION, "epochs is 0");
    refused(cx, cull_micro3_train(cx, &d, -1, 1, 1, &v), CULL_EINPUT, "no architecture -1");
    d.n = 63;
    refused(cx, cull_micro3_train(cx, &d, 0, 1, 1, &v), CULL_EINPUT, "63 images to train on");
    d = made;
    y[3] = 10;
    refused(cx, cull_micro3_train(cx, &d, 0, 1, 1, &v), CULL_EINPUT, "image 3 is of class 10");
    y[3] = 3;
    refused(cx, cull_micro3_data_open(cx, "/nowhere", &d), CULL_ENODATA, "dataset-fashion-mnist");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* The table of share/ is of this engine's space. */
static void shipped(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static cull_micro3_table t;
    cull_micro3_summary s;
    double sum = 0;
    ok(cx, cull_micro3_read(cx, TABLE, &t));
    assert_true(t.seeds >= 3 && *t.note);
    for (int i = 0; i < 125; i++) {
        int64_t params;
        double macs, mean = 0;
        ok(cx, cull_micro3_size(cx, i, &params, &macs));
        assert_int_equal(params, t.row[i].params);
        assert_true(macs == t.row[i].macs);
        for (int k = 0; k < t.seeds; k++) mean += t.row[i].accuracy[k] / t.seeds;
        assert_true(fabs(mean - t.row[i].mean) < 6e-7);
        sum += t.row[i].mean;
    }
    ok(cx, cull_micro3_sum(cx, &t, &s));
    assert_true(fabs(s.random - sum / 125) < 1e-12);
    for (int i = 0; i < 125; i++) assert_true(t.row[i].mean <= s.best_mean);
    assert_true(t.row[s.best].mean == s.best_mean && s.best_mean > s.random);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* By hand: seeds differ by 0.1 in row 7 alone, so the deviation is sqrt(0.1^2 / 2 / 125). */
static void sums(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static cull_micro3_table t;
    cull_micro3_summary s;
    t.seeds = 2;
    for (int i = 0; i < 125; i++) {
        t.row[i] = (cull_micro3_row){.macs = 125 - i, .accuracy = {0.004 * i, 0.004 * i}};
        t.row[i].mean = 0.004 * i;
    }
    ok(cx, cull_micro3_sum(cx, &t, &s));
    assert_true(s.best == 124 && s.widest == 0 && s.deviation == 0);
    assert_true(fabs(s.random - 0.248) < 1e-12);
    assert_true(fabs(s.kendall - 1) < 1e-12 && fabs(s.kendall_macs + 1) < 1e-12);
    t.row[7].accuracy[1] += 0.1;
    t.row[7].mean += 0.05;
    ok(cx, cull_micro3_sum(cx, &t, &s));
    assert_true(fabs(s.deviation - sqrt(0.01 / 2 / 125)) < 1e-9 && fabs(s.widest - 0.1) < 1e-9);
    assert_true(s.kendall < 1);
    t.seeds = 1;
    ok(cx, cull_micro3_sum(cx, &t, &s));
    assert_true(isnan(s.deviation) && isnan(s.kendall));
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* A table with one thing changed is refused by line. */
static void damaged(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static cull_micro3_table t;
    static char text[1 << 15], copy[1 << 16];
    const char *path = in_dir("bad.csv");
    for (int i = 0; i < 125; i++) t.row[i] = (cull_micro3_row){.accuracy = {0.5}, .mean = 0.5};
    t.seeds = 1;
    strcpy(t.note, "made up");
    ok(cx, cull_micro3_write(cx, &t, path));
    FILE *f = fopen(path, "rb");
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    const struct {
        const char *from, *to, *says;
    } is[] = {{"acc_seed1", "acc_seed2", "bad.csv:2: the columns are not"},
              {"none|none|skip,none,none,skip", "none|none|skip,none,skip,skip",
               "bad.csv:4: this must be"},
              {",0,0,0.5,0.5", ",0,0,0.5,0.6", "bad.csv:3: the mean is not"},
              {",0,0,0.5,0.5", ",0,0,1.5,1.5", "bad.csv:3: params, macs, accuracies"},
              {",0,0,0.5,0.5", ",0,0,0.5,0.5,", "bad.csv:3: params"},
              {",0,0,0.5,0.5", ",0,0,0.5", "bad.csv:3: params"},
              {",0,0,0.5,0.5", ",-1,0,0.5,0.5", "bad.csv:3: params"},
              {",0,0,0.5,0.5", ",0,nan,0.5,0.5", "bad.csv:3: params"},
              {",0,0,0.5,0.5", "", "bad.csv:3: this must be none|none|none"}};
    for (size_t k = 0; k < sizeof is / sizeof *is; k++) {
        char *at = strstr(text, is[k].from);
        assert_non_null(at);
        snprintf(copy, sizeof copy, "%.*s%s%s", (int)(at - text), text, is[k].to,
                 at + strlen(is[k].from));
        spit("bad.csv", copy, strlen(copy));
        refused(cx, cull_micro3_read(cx, in_dir("bad.csv"), &t), CULL_EINPUT, is[k].says);
    }
    spit("bad.csv", text, n - 10);
    refused(cx, cull_micro3_read(cx, in_dir("bad.csv"), &t), CULL_EINPUT, "bad.csv:127:");
    spit("bad.csv", text, (size_t)(strstr(text, "avg_pool_3x3|avg_pool_3x3|avg") - text));
    refused(cx, cull_micro3_read(cx, in_dir("bad.csv"), &t), CULL_EINPUT,
            "it has 124 architectures of 125");
    snprintf(copy, sizeof copy, "%sx\n", text);
    spit("bad.csv", copy, strlen(copy));
    refused(cx, cull_micro3_read(cx, in_dir("bad.csv"), &t), CULL_EINPUT,
            "bad.csv:128: there are more");
    snprintf(copy, sizeof copy, "%s\r\n# more\n\n", text);
    spit("bad.csv", copy, strlen(copy));
    ok(cx, cull_micro3_read(cx, in_dir("bad.csv"), &t));
    assert_string_equal(t.note, "made up");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* The k-th allocation fails: said, and nothing is left. */
static void memory(void **state)
{
    (void)state;
    static cull_micro3_table t;
    int i = cull_micro3_find("nor_conv_1x1|avg_pool_3x3|none"), failed = 0;
    double v;
    for (long k = 1;; k += k < 40 ? 1 : 13) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        cull_status s = cull_micro3_train(cx, &made, i, 1, 1, &v);
        if (s == CULL_OK) s = cull_micro3_read(cx, TABLE, &t);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        failed += s == CULL_ENOMEM;
        bool over = h.calls < k;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (over) break;
    }
    assert_true(failed > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space), cmocka_unit_test(sizes),    cmocka_unit_test(learns),
        cmocka_unit_test(all),   cmocka_unit_test(refusals), cmocka_unit_test(shipped),
        cmocka_unit_test(sums),  cmocka_unit_test(damaged),  cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, start, drop_dir);
}
