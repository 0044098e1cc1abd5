/* report_read: bare lists of rows and what is refused, each by its sentence. */
#include "test.h"

#include <unistd.h>

#include "base/base.h"
#include "cull/pool.h"
#include "cull/report.h"

static char dir[64];
static const char *put(const char *name, const char *text, size_t n)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    fwrite(text, 1, n, f);
    fclose(f);
    return path;
}

typedef struct {
    const char *name, *text;
    int64_t n, row[6];
} good;

static void lists(void **state)
{
    (void)state;
    static const good g[] = {
        {"a.txt", "5\n3\n\n 17 \r\n0", 4, {5, 3, 17, 0}},
        {"a.txt",
         "\xEF\xBB\xBF"
         "9\n",
         1,
         {9}},
        {"noname", "2\n1\n", 2, {2, 1}},
        {"a.txt", "", 0, {0}},
        {"a.tsv", "id\trow\nx\t4\n\ny\t12.0\n", 2, {4, 12}},
        {"a.csv", "row,score\n7,0.5\n6,\n", 2, {7, 6}},
        {"a.csv", "\"row\",id\r\n3,\"a,\"\"b\"\"\nc\"\r\n4,\"\"\r\n", 2, {3, 4}},
        {"a.csv", "row\n", 0, {0}},
        {"a.csv", "row,\n8,\n", 1, {8}},
        {"a.json",
         "{\"kind\":\"pick\",\"pick\":[{\"row\":9},{\"row\":2.0,\"score\":null}]}",
         2,
         {9, 2}},
        {"b.txt", "  {\"kind\": \"pick\", \"pick\": []}", 0, {0}},
    };
    for (size_t i = 0; i < sizeof g / sizeof *g; i++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_pick_file f;
        ok(cx, cull_pick_read(cx, put(g[i].name, g[i].text, strlen(g[i].text)), &f));
        assert_int_equal(f.run.pick->n, g[i].n);
        for (int64_t k = 0; k < g[i].n; k++) {
            assert_int_equal(f.run.pick->idx[k], g[i].row[k]);
            assert_int_equal(f.run.pick->by[k], -1);
        }
        if (i == 6) assert_string_equal(f.run.ids->id[0], "a,\"b\"\nc");
        if (i == 6) assert_string_equal(f.run.ids->id[1], "");
        if (i == 5) assert_true(f.run.pick->score[0] == 0.5 && isnan(f.run.pick->score[1]));
        cull_pick_file_free(&f);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *sentence;
    } bad[] = {
        {"a.txt", "5\n3\n5\n", "a.txt: row 5 is there twice, as row 1 and 3"},
        {"a.txt", "5\n-3\n", "a.txt:2: row -3 is negative; the first is 0"},
        {"a.txt", "5\n\n2.5\n", "a.txt:3: row 2.5 is not whole"},
        {"a.txt", "5\nrow\n", "a.txt:2: 'row' is no row number"},
        {"a.txt", "99999999999999999999\n", "a.txt:1: '99999999999999999999' is no row number"},
        {"a.txt", "inf\n", "row inf is not whole"},
        {"a.txt", "nan\n", "row nan is not whole"},
        {"a.tsv", "", "a.tsv: empty; it needs a column 'row'"},
        {"a.tsv", "idx\tscore\n1\t2\n", "a.tsv:1: no column 'row'; it has idx, score"},
        {"a.tsv", "row\tscore\n1\n", "a.tsv:2: 1 columns, the header has 2"},
        {"a.csv", "row,score\n1,2\n2,x\n", "a.csv:3: score 'x' is no number"},
        {"a.csv", "row,by\n1,0.5\n", "a.csv:2: by '0.5' is no number from 0"},
        {"a.csv", "row,id\n1,\"abc\n", "a.csv:2: a quote is not closed"},
        {"a.csv", "row\n1\n\n1\n", "row 1 is there twice"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[{\"row\":1},", "a.json: damaged JSON near byte"},
        {"a.json", "{\"text\":\"x\"}", "no field 'kind'; a pick file that cull wrote has one"},
        {"a.json", "[1,2]", "no field 'kind'"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[],\"n\":1,\"n\":2}", "field 'n' is there twice"},
        {"a.json", "{\"kind\":7}", "no field 'kind'"},
        {"a.json", "{\"kind\":\"front\"}", "kind 'front' cannot be read here; 'pick' can"},
        {"a.json", "{\"kind\":\"pick\"}", "a.json: no field 'pick'"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":3}", "field 'pick' is no array"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[3]}", "pick[0]: it is no object with a row"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[{\"row\":1},{}]}", "pick[1]: it has no row"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[{\"row\":\"1\"}]}",
         "pick[0]: its row is no number"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[{\"row\":1.5}]}", "pick[0]: row 1.5 is not whole"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[{\"row\":-2}]}", "pick[0]: row -2 is negative"},
        {"a.json", "{\"kind\":\"pick\",\"n\":9,\"pick\":[{\"row\":9}]}",
         "pick[0]: row 9 of a pool of 9"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[{\"row\":4},{\"row\":3},{\"row\":4}]}",
         "row 4 is there twice, as entry 0 and 2"},
        {"a.json", "{\"kind\":\"pick\",\"kept\":3,\"pick\":[{\"row\":4}]}",
         "it says 3 kept rows and lists 1"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[{\"row\":1,\"score\":\"x\"}]}",
         "field 'score' is no number"},
        {"a.json", "{\"kind\":\"pick\",\"pick\":[{\"row\":1,\"by\":3000000000}]}",
         "field 'by' is 3000000000, outside -1 to 2147483647"},
        {"a.json", "{\"kind\":\"pick\",\"seed\":-1,\"pick\":[]}", "field 'seed' is -1"},
        {"a.json", "{\"kind\":\"pick\",\"seed\":\"18446744073709551616\",\"pick\":[]}",
         "field 'seed' is no whole number"},
        {"a.json", "{\"kind\":\"pick\",\"n\":2.5,\"pick\":[]}", "field 'n' is no whole number"},
        {"a.json", "{\"kind\":\"pick\",\"method\":5,\"pick\":[]}", "field 'method' is no string"},
        {"a.json", "{\"kind\":\"pick\",\"options\":[],\"pick\":[]}",
         "field 'options' is no object"},
        {"a.json", "{\"kind\":\"pick\",\"options\":{\"k\":[1]},\"pick\":[]}",
         "field 'k' is no option's value"},
        {"a.json", "{\"kind\":\"pick\",\"argv\":[\"cull\",3],\"pick\":[]}",
         "field 'argv' is no list of strings"},
        {"a.json", "{\"kind\":\"pick\",\"histogram\":{\"kept\":[1,-2]},\"pick\":[]}",
         "field 'histogram' is no list of counts"},
        {"a.json", "{\"kind\":\"pick\",\"histogram\":{\"kept\":[1],\"pool\":[1,2]},\"pick\":[]}",
         "pair of lists of one length"},
        {"a.json", "", "a.json: damaged JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_pick_file f;
        refused(cx, cull_pick_read(cx, put(bad[i].name, bad[i].text, strlen(bad[i].text)), &f),
                CULL_EINPUT, bad[i].sentence);
        assert_null(f.mem_);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pick_file f;
    refused(cx, cull_pick_read(cx, "/nowhere/pick.json", &f), CULL_EIO, "/nowhere/pick.json: ");
    cull_ctx_free(cx);
    /* memory that is short is not said to be damage */
    enum { N = 1 << 20 };
    char *big = malloc(N);
    memset(big, ' ', N);
    memcpy(big, "{\"kind\":\"pick\",\"pick\":[]}", 26);
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.memory = 2 * N;
    cx = cull_ctx_new(&o);
    refused(cx, cull_pick_read(cx, put("big.json", big, N), &f), CULL_ENOMEM,
            "big.json: out of memory");
    cull_ctx_free(cx);
    free(big);
}

/* Every cut of a file is refused or is a shorter list; none crashes (run under ASAN too). */
static void cuts(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"cull\":\"0.1.0\",\"kind\":\"pick\",\"method\":\"random\",\"options\":{\"a\":1,\"b\":"
        "\"x\"},"
        "\"inputs\":[{\"role\":\"pool\",\"path\":\"p\",\"bytes\":3,\"rows\":2,\"xxh128\":\"00\"}],"
        "\"coverage\":[{\"name\":\"a\",\"of\":2,\"quantiles\":[0.5,null,1]}],"
        "\"histogram\":{\"lo\":0,\"hi\":1,\"kept\":[1,0]},\"pick\":[{\"row\":3,\"id\":"
        "\"q\\u0000r\"}]}";
    static const char table[] = "row,id,score\n3,\"a\"\"b\",0.5\n4,\\,1\n";
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pick_file f;
    ok(cx, cull_pick_read(cx, put("w.json", whole, sizeof whole - 1), &f));
    assert_string_equal(f.run.ids->id[0], "q\xEF\xBF\xBDr");
    assert_int_equal(f.run.coverage[0].n, 3);
    cull_pick_file_free(&f);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        refused(cx, cull_pick_read(cx, put("w.json", whole, n), &f), CULL_EINPUT, "damaged JSON");
        cull_pick_file_free(&f);
    }
    for (size_t n = 0; n < sizeof table; n++)
        for (int kind = 0; kind < 3; kind++) {
            static const char *const name[] = {"t.csv", "t.tsv", "t.txt"};
            cull_status s = cull_pick_read(cx, put(name[kind], table, n), &f);
            assert_true(s == CULL_OK || s == CULL_EINPUT);
            cull_pick_file_free(&f);
        }
    cull_ctx_free(cx);
}

static void arrays(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    char path[160];
    cull_pick_file f;
    snprintf(path, sizeof path, "%s/i.npy", dir);
    int64_t rows[4] = {900, 3, 77, 0};
    cull_array a = {.dtype = CULL_I64, .ndim = 1, .shape = {4}, .at = rows};
    ok(cx, cull_array_write(cx, path, &a));
    ok(cx, cull_pick_read(cx, path, &f));
    assert_true(f.bare && f.run.pick->n == 4);
    assert_string_equal(f.kind, "npy");
    for (int i = 0; i < 4; i++) assert_int_equal(f.run.pick->idx[i], rows[i]);
    cull_pick_file_free(&f);
    uint16_t small[3] = {65535, 0, 256};
    a = (cull_array){.dtype = CULL_U16, .ndim = 2, .shape = {3, 1}, .at = small};
    ok(cx, cull_array_write(cx, path, &a));
    ok(cx, cull_pick_read(cx, path, &f));
    for (int i = 0; i < 3; i++) assert_int_equal(f.run.pick->idx[i], small[i]);
    cull_pick_file_free(&f);
    uint8_t mask[6] = {0, 1, 1, 0, 0, 1};
    a = (cull_array){.dtype = CULL_BOOL, .ndim = 1, .shape = {6}, .at = mask};
    ok(cx, cull_array_write(cx, path, &a));
    ok(cx, cull_pick_read(cx, path, &f));
    assert_int_equal(f.run.pick->n, 3);
    assert_true(f.run.pick->idx[0] == 1 && f.run.pick->idx[1] == 2 && f.run.pick->idx[2] == 5);
    cull_pick_file_free(&f);
    rows[2] = 900;
    a = (cull_array){.dtype = CULL_I64, .ndim = 1, .shape = {4}, .at = rows};
    ok(cx, cull_array_write(cx, path, &a));
    refused(cx, cull_pick_read(cx, path, &f), CULL_EINPUT, "row 900 is there twice");
    rows[2] = -1;
    ok(cx, cull_array_write(cx, path, &a));
    refused(cx, cull_pick_read(cx, path, &f), CULL_EINPUT, "entry 2: row -1 is negative");
    float x[2] = {1, 2};
    a = (cull_array){.dtype = CULL_F32, .ndim = 1, .shape = {2}, .at = x};
    ok(cx, cull_array_write(cx, path, &a));
    refused(cx, cull_pick_read(cx, path, &f), CULL_EINPUT, "numbers are f32; rows are integers");
    a = (cull_array){.dtype = CULL_I64, .ndim = 2, .shape = {2, 2}, .at = rows};
    ok(cx, cull_array_write(cx, path, &a));
    refused(cx, cull_pick_read(cx, path, &f), CULL_EINPUT, "2 dimensions; a list of rows has one");
    a = (cull_array){.dtype = CULL_I64, .ndim = 3, .shape = {0, INT64_MAX, 4}, .at = rows};
    ok(cx, cull_array_write(cx, path, &a));
    refused(cx, cull_pick_read(cx, path, &f), CULL_EINPUT, "3 dimensions; a list of rows has one");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* A pick file for which memory does not suffice is not called damaged. */
static void no_room(void **state)
{
    (void)state;
    enum { N = 400000 };
    char *text = malloc(N);
    int k = sprintf(text, "{\"kind\":\"pick\",\"pick\":[],\"note\":\"");
    memset(text + k, 'x', (size_t)(N - k));
    memcpy(text + N - 2, "\"}", 2);
    const char *path = put("large.json", text, N);
    for (int small = 0; small < 2; small++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = 1;
        o.memory = small ? 1 << 20 : 1 << 23;
        cull_ctx *cx = cull_ctx_new(&o);
        cull_pick_file f;
        if (small)
            refused(cx, cull_pick_read(cx, path, &f), CULL_ENOMEM, "large.json: out of memory");
        else
            ok(cx, cull_pick_read(cx, path, &f));
        cull_pick_file_free(&f);
        cull_ctx_free(cx);
    }
    free(text);
}

static int enter(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cull-read-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
static int leave(void **state)
{
    (void)state;
    char line[100];
    snprintf(line, sizeof line, "rm -r %s", dir);
    return system(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists), cmocka_unit_test(refusals),
                                       cmocka_unit_test(cuts), cmocka_unit_test(arrays),
                                       cmocka_unit_test(no_room)};
    return cmocka_run_group_tests_name("report_read", tests, enter, leave);
}
