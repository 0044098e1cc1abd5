/* frame: tables of mixed columns read as a pool, and some of their columns written again. */
#include "files.h"

#include "cull/feature.h"
#include "cull/frame.h"

static const char CSV[] = "\xef\xbb\xbf"
                          "age,\"city, now\",dose,flag,y\r\n"
                          "31,Ulm,0.5,1,no\r\n"
                          "\r\n"
                          " 42 ,\"Ro\"\"me\",,NA,yes\r\n"
                          "NA,Ulm,-2e-1,0,no\r\n"
                          "17,?,NULL,1,no";

static cull_frame *open_text(cull_ctx *cx, const char *name, const char *text, cull_frame_opts o)
{
    cull_frame *f;
    const char *path = spit(name, text, strlen(text));
    o.paths = &path;
    o.npaths = 1;
    ok(cx, cull_frame_open(cx, &o, &f));
    return f;
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *s = calloc(1, 4096);
    assert_true(fread(s, 1, 4095, f) < 4095);
    fclose(f);
    return s;
}

static bool same(float a, float b) { return a == b || (isnan(a) && isnan(b)); }

static void check_csv(const cull_frame *f)
{
    static const float want[] = {31,  0, 0.5f,  1, 42, 1,   NAN, NAN,
                                 NAN, 0, -0.2f, 0, 17, NAN, NAN, 1};
    float buf[16];
    const cull_pool *p = cull_frame_pool(f);
    assert_int_equal(cull_pool_n(p), 4);
    assert_int_equal(cull_pool_d(p), 4);
    const float *v = cull_pool_rows(p, 0, 4, buf);
    for (int i = 0; i < 16; i++) assert_true(same(v[i], want[i]));
    assert_string_equal(cull_frame_names(f)[1], "city, now");
    const int32_t *levels = cull_frame_levels(f);
    assert_true(!levels[0] && levels[1] == 2 && !levels[2] && !levels[3]);
    int32_t classes;
    const double *y = cull_frame_target(f, &classes);
    assert_int_equal(classes, 2);
    assert_true(y[0] == 0 && y[1] == 1 && y[2] == 0 && y[3] == 0);
    assert_string_equal(cull_frame_target_name(f, 1), "yes");
    assert_int_equal(cull_frame_find(f, "dose", NULL), 2);
    const char *near;
    assert_int_equal(cull_frame_find(f, "doze", &near), -1);
    assert_string_equal(near, "dose");
}

static void csv(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_frame_opts o = CULL_FRAME_OPTS;
    o.target = "y";
    cull_frame *f = open_text(cx, "t.csv", CSV, o);
    check_csv(f);
    cull_frame_free(f);
    o.categorical = "flag";
    o.missing = "NA,NULL"; /* then ? is a city */
    f = open_text(cx, "t.csv", CSV, o);
    assert_int_equal(cull_frame_levels(f)[3], 2);
    assert_int_equal(cull_frame_levels(f)[1], 3);
    cull_frame_free(f);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Fields come in any order, and a record may lack some. */
static void jsonl(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_frame_opts o = CULL_FRAME_OPTS;
    o.group = "g";
    cull_frame *f =
        open_text(cx, "t.jsonl",
                  "{\"a\":1.5,\"g\":7,\"b\":true}\n\n{\"b\":null,\"c\":\"x\",\"g\":\"k\"}\n"
                  "{\"g\":7,\"c\":3,\"a\":-2}",
                  o);
    static const float want[] = {1.5f, 1, NAN, NAN, NAN, 0, -2, NAN, 1};
    float buf[9];
    const float *v = cull_pool_rows(cull_frame_pool(f), 0, 3, buf);
    for (int i = 0; i < 9; i++) assert_true(same(v[i], want[i]));
    int32_t groups;
    const int32_t *g = cull_frame_group(f, &groups);
    assert_true(groups == 2 && g[0] == 0 && g[1] == 1 && g[2] == 0);
    cull_frame_free(f);
    cull_ctx_free(cx);
}

static void written(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    const char *path = spit("w.csv", CSV, strlen(CSV)), *to = in_dir("k.csv");
    const char *const name[] = {"y", "city, now"}, *const bad[] = {"y", "citi, now"};
    cull_frame_opts o = CULL_FRAME_OPTS;
    o.paths = &path, o.npaths = 1;
    ok(cx, cull_frame_write(cx, &o, name, 2, to));
    char *got = read_all(to);
    assert_string_equal(got, "y,\"city, now\"\nno,Ulm\nyes,\"Ro\"\"me\"\nno,Ulm\nno,?\n");
    free(got);
    refused(cx, cull_frame_write(cx, &o, bad, 2, in_dir("none.csv")), CULL_EINPUT,
            "did you mean 'city, now'");
    assert_null(read_all(in_dir("none.csv")));
    const char *const field[] = {"b", "a"};
    const char text[] = "{\"a\":1e2,\"b\":\"q\\\"\\u00e4\",\"c\":0}\n{\"b\":null,\"a\":true}\n";
    path = spit("w.jsonl", text, strlen(text)), to = in_dir("k.jsonl");
    ok(cx, cull_frame_write(cx, &o, field, 2, to));
    got = read_all(to);
    assert_string_equal(got, "{\"b\":\"q\\\"\xc3\xa4\",\"a\":100}\n{\"a\":true}\n");
    free(got);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Members X and y of one file; X lies at an odd address there, and a column is taken out of it. */
static void array(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    float x[] = {1, 2, 3, 4, 5, 6}, y[] = {0, 1}, buf[6];
    bytes b = {.n = 0};
    char head[200] = "{\"X\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                     "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}}";
    while ((8 + strlen(head)) % 4 != 3) strcat(head, " ");
    add_int(&b, strlen(head), 8);
    add_text(&b, head);
    add(&b, x, sizeof x), add(&b, y, sizeof y);
    const char *path = spit("a.safetensors", b.at, b.n), *to = in_dir("k.npy");
    const char *const name[] = {"c2", "c0"};
    cull_frame_opts o = CULL_FRAME_OPTS;
    cull_frame *f;
    o.paths = &path, o.npaths = 1, o.target = "y";
    ok(cx, cull_frame_open(cx, &o, &f));
    int32_t classes;
    const double *t = cull_frame_target(f, &classes);
    assert_true(cull_frame_is_array(f) && !classes && t[0] == 0 && t[1] == 1);
    cull_feature_problem p = {
        .n = 2, .d = 3, .x = cull_frame_pool(f), .y = t, .classes = 2, .budget = 2};
    cull_feature_pick k;
    ok(cx, cull_feature_select(cx, cull_method_find("random-columns", NULL), NULL, &p, &k));
    assert_int_equal(k.pick.n, 2);
    cull_feature_pick_free(&k);
    cull_frame_free(f);
    ok(cx, cull_frame_write(cx, &o, name, 2, to));
    cull_pool *w;
    ok(cx, cull_pool_open(cx, to, &w));
    const float *v = cull_pool_rows(w, 0, 2, buf);
    assert_true(cull_pool_d(w) == 2 && v[0] == 3 && v[1] == 1 && v[2] == 6 && v[3] == 4);
    cull_pool_free(w);
    cull_ctx_free(cx);
}

/* Times a second apart differ still; a sentinel among them is told of, as is a cell that makes text of numbers. */
static void rounding(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_frame_opts o = CULL_FRAME_OPTS;
    char text[1024] = "when,sent,dose,y\n";
    for (int i = 0; i < 20; i++)
        sprintf(text + strlen(text), "%d,%d,%s,%d\n", 1700000001 + i, i ? 1700000000 + i : 0,
                i == 8 ? "1.2.3" : "0.25", i % 2);
    cull_frame *f = open_text(cx, "r.csv", text, o);
    float buf[80];
    const float *v = cull_pool_rows(cull_frame_pool(f), 0, 20, buf);
    for (int i = 0; i < 20; i++) assert_true(v[4 * i] == (float)i);
    const double *offset = cull_pool_offset(cull_frame_pool(f));
    assert_true(offset[0] == 1700000001 && offset[1] == 0 && offset[3] == 0);
    assert_non_null(strstr(cull_frame_note(f, 0), "r.csv:10: column 'dose' is taken as text"));
    assert_non_null(strstr(cull_frame_note(f, 0), "'1.2.3' is no number, although 19 of its 20"));
    assert_non_null(strstr(cull_frame_note(f, 1), "'sent' 1700000001 and 1700000002 are both"));
    assert_null(cull_frame_note(f, 2));
    cull_frame_free(f);
    o.categorical = "dose,sent";
    f = open_text(cx, "r.csv", text, o);
    assert_null(cull_frame_note(f, 0));
    cull_frame_free(f);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* The same of arrays, below 0 too; what is constant, spread out or f32 stays as it is. */
static void centred(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    int64_t x[4][3] = {{1700000003, -1700000001, 0},
                       {1700000001, -1700000002, 16777217},
                       {1700000002, -1700000003, 16777216},
                       {1700000009, -1700000009, 3}};
    static const float want[4][3] = {{2, 0, 0}, {0, -1, 16777216}, {1, -2, 16777216}, {8, -8, 3}};
    cull_pool *p;
    cull_pool_merge m;
    float buf[12];
    ok(cx, cull_pool_from(cx, x, CULL_I64, 4, 3, &p));
    ok(cx, cull_pool_centre(cx, p, &m));
    assert_memory_equal(cull_pool_rows(p, 0, 4, buf), want, sizeof want);
    assert_true(m.column == 2 && m.a == 16777217 && m.b == 16777216);
    cull_pool_free(p);
    ok(cx, cull_pool_from(cx, want, CULL_F32, 4, 3, &p));
    ok(cx, cull_pool_centre(cx, p, &m));
    assert_true(m.column == -1 && !cull_pool_offset(p));
    cull_pool_free(p);
    cull_ctx_free(cx);
}

static void no_memory(void **state)
{
    (void)state;
    const char *path = spit("m.csv", CSV, strlen(CSV)), *to = in_dir("mk.csv");
    const char *const name[] = {"y", "dose"};
    cull_frame_opts o = CULL_FRAME_OPTS;
    o.paths = &path, o.npaths = 1;
    o.target = "y";
    for (int writes = 0; writes < 2; writes++)
        for (long at = 1;; at++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            h.calls = 0, h.fail_at = at;
            cull_frame *f = NULL;
            cull_status s =
                writes ? cull_frame_write(cx, &o, name, 2, to) : cull_frame_open(cx, &o, &f);
            assert_true(s == CULL_OK || (s == CULL_ENOMEM && !f));
            if (s == CULL_OK && !writes) check_csv(f);
            cull_frame_free(f);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (s == CULL_OK) break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv),      cmocka_unit_test(jsonl),
                                       cmocka_unit_test(written),  cmocka_unit_test(array),
                                       cmocka_unit_test(rounding), cmocka_unit_test(centred),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
