/* table: numeric columns of csv, tsv, jsonl and arrays; what is no number, by name. */
#include "files.h"

#include <zlib.h>

#include "cull/table.h"
#include "io/io.h"

static cull_status open_text(cull_ctx *cx, const char *name, const char *text,
                             const char *const *columns, int n, cull_table_file **out)
{
    return cull_table_open(cx, spit(name, text, strlen(text)), columns, n, out);
}

/* The table is of these columns ("a=1,2;b=3,4"), and no others. */
static void holds(const cull_table_file *f, const char *want)
{
    const cull_table *t = cull_table_of(f);
    char got[500] = "";
    size_t k = 0;
    for (int c = 0; c < t->cols; c++) {
        k += (size_t)sprintf(got + k, "%s%s=", c ? ";" : "", t->name[c]);
        for (int64_t i = 0; i < t->n; i++) {
            char num[32];
            k +=
                (size_t)sprintf(got + k, "%s%s", i ? "," : "", cull__format_f64(t->col[c][i], num));
        }
        assert_ptr_equal(cull_table_col(t, t->name[c]), t->col[c]);
    }
    assert_string_equal(got, want);
}

static void csv(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *want;
    } good[] = {
        {"t.csv", "a,b,c\n1,x,2.5\n-3e2,y,nan\n", "a=1,-300;c=2.5,nan"},
        {"t.csv",
         "\xef\xbb\xbf"
         "a,b\r\n1,2\r\n\r\n3,4",
         "a=1,3;b=2,4"},
        {"t.csv", "\"a \"\"1\"\"\",b\n\"5\",\"x, \"\"y\"\"\nz\"\n6,\n", "a \"1\"=5,6"},
        {"t.tsv", "a\tb\n1,5\t2\n3\t4\n", "b=2,4"},
        {"t.csv", "a\n1\n2\n\n\n", "a=1,2"},
        {"t.csv", "a,b\n", "a=;b="},
        {"t.csv", "a,text,b\n1,,2\n3,hello,4\n", "a=1,3;b=2,4"}, /* blanks in text are fine */
        {"t.csv", "a,none\n1,\n3,\n", "a=1,3"},
        {"t.csv", "a\n inf \n", "a=inf"},
        {"t.csv", " a , b\t,\" c \"\r\n1, 2 ,3\n", "a=1;b=2; c =3"}, /* in quotes blanks stay */
        {"t.csv", "a\r\n1\r\n\r\n\r\n", "a=1"}, /* no cells at the end of the file */
    };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_table_file *f;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ok(cx, open_text(cx, good[i].name, good[i].text, NULL, 0, &f));
        holds(f, good[i].want);
        cull_table_close(f);
    }
    static const char *const ca[] = {"c", "a"};
    ok(cx, open_text(cx, "t.csv", "a,b,c\n1,x,2\n3,y,4\n", ca, 2, &f)); /* in the order asked */
    holds(f, "c=2,4;a=1,3");
    cull_table_close(f);
    static const struct {
        const char *text, *part;
        int asked;
    } bad[] = {
        {"a,c\n1,2\n3,four\n", "t.csv:3: column 'c' is 'four', which is no number", 2},
        {"a,c\n1,2\n\n3, \n", "t.csv:4: column 'c' is blank; every row needs a number", 2},
        {"a,c\n1,2\n,3\n", "t.csv:3: column 'a' is blank", 0},
        {"a,c\n1,2\n3,\n", "t.csv:3: column 'c' is blank", 0},
        {"a,c\n1,2,3\n", "t.csv:2: the record has 3 cells, the header 2", 2},
        {"a,c\n1,2\n3\n", "t.csv:3: the record has 1 cells, the header 2", 0},
        {"a,b\n1,2\n", "t.csv: no column 'c'; it has a, b", 2},
        {"a,c,a\n1,2,3\n", "t.csv:1: two columns 'a'", 2},
        {"a,c\n1,\"2\n3,4\n", "t.csv:2: a quote that is never closed", 2},
        {"a,c\n1,\"2\"3\n", "t.csv:2: something follows a closing quote", 2},
        {"a,c\n\"x\ny\",2\n3,z\n", "t.csv:4: column 'c' is 'z'", 1},
        {"a,c\n0x10,2\n", "'0x10', which is no number", 2},
        {"a\nx\n", "no column of numbers", 0},
        {"a\n1\n\n2\n", "t.csv:3: column 'a' is blank", 0}, /* one column: the line is a cell */
        {"", "empty", 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(cx, open_text(cx, "t.csv", bad[i].text, ca, bad[i].asked, &f), CULL_EINPUT,
                bad[i].part);
        assert_null(f);
    }
    static const char *const aa[] = {"a", "a"};
    refused(cx, open_text(cx, "t.csv", "a\n1\n", aa, 2, &f), CULL_EINPUT, "asked for twice");
    refused(cx, cull_table_open(cx, in_dir("no.csv"), NULL, 0, &f), CULL_EIO, "no.csv");
    gzFile z = gzopen(in_dir("t.csv.gz"), "wb");
    gzputs(z, "a,b\n1,2\n");
    gzclose(z);
    ok(cx, cull_table_open(cx, in_dir("t.csv.gz"), NULL, 0, &f));
    holds(f, "a=1;b=2");
    cull_table_close(f);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void jsonl(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_table_file *f;
    static const char text[] =
        "{\"id\":\"x\",\"a\":1,\"b\":true,\"m\":{\"s\":0.5},\"k.d\":7,\"l\":[1]}\n\n"
        "{\"b\":false,\"a\":-2e300,\"m\":{\"s\":1.5},\"id\":null,\"k.d\":8,\"new\":3}\r\n"
        "{\"a\":9007199254740993,\"b\":false,\"m\":{\"s\":2},\"id\":\"z\",\"k.d\":9}";
    ok(cx, open_text(cx, "t.jsonl", text, NULL, 0, &f));
    holds(f, "a=1,-2e+300,9007199254740992;b=1,0,0;k.d=7,8,9");
    cull_table_close(f);
    static const char *const asked[] = {"m.s", "k.d", "a"};
    ok(cx, open_text(cx, "t.ndjson", text, asked, 3, &f));
    holds(f, "m.s=0.5,1.5,2;k.d=7,8,9;a=1,-2e+300,9007199254740992");
    cull_table_close(f);
    static const struct {
        const char *text, *part;
        int asked;
    } bad[] = {
        {"{\"a\":1}\n{\"a\":\"2\"}\n", "t.jsonl:2: column 'a' is '2', which is a string", 1},
        {"{\"a\":1}\n\n{\"b\":2}\n", "t.jsonl:3: column 'a' is blank", 1},
        {"{\"a\":1}\n{\"a\":null}\n", "t.jsonl:2: column 'a' is blank", 1},
        {"{\"a\":1}\n{\"a\":null}\n", "t.jsonl:2: column 'a' is blank", 0},
        {"{\"a\":[1]}\n", "t.jsonl:1: column 'a' is an array", 1},
        {"{\"a\":{}}\n", "t.jsonl:1: column 'a' is an object", 1},
        {"{\"a\":1}\n{\"a\":1\n", "t.jsonl:2: byte 7 of the line: the text ends inside", 1},
        {"{\"a\":1}\n[1]\n", "t.jsonl:2: the record is no object", 1},
        {"{\"a\":1,\"a\":2}\n", "t.jsonl:1: the record has 'a' twice", 1},
        {"{\"a\":NaN}\n", "t.jsonl:1: byte 6 of the line", 1},
        {"{\"a\":\"x\"}\n", "no column of numbers", 0},
        {"\n\n", "it holds no record", 0},
        {"", "it holds no record", 1},
    };
    static const char *const a[] = {"a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(cx, open_text(cx, "t.jsonl", bad[i].text, a, bad[i].asked, &f), CULL_EINPUT,
                bad[i].part);
        assert_null(f);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* A safetensors file of several tensors. */
static const char *tensors(const char *head)
{
    static bytes b;
    static const float v[] = {1, 2, 3, 4, 5, 6};
    b.n = 0;
    add_int(&b, strlen(head), 8);
    add_text(&b, head);
    add(&b, v, sizeof v);
    return spit("t.safetensors", b.at, b.n);
}

#define T(name, dtype, shape, lo, hi)                                                              \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #lo "," #hi "]" \
    "}"

static void arrays(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_table_file *f;
    static const int16_t v[] = {1, 2, 3, 4, 5, 6};
    cull_array a = {.dtype = CULL_I16, .ndim = 2, .shape = {2, 3}, .at = v};
    ok(cx, cull_array_write(cx, in_dir("s.npy"), &a));
    ok(cx, cull_table_open(cx, in_dir("s.npy"), NULL, 0, &f));
    holds(f, "c0=1,4;c1=2,5;c2=3,6");
    cull_table_close(f);
    static const char *const c[] = {"c2", "c0"}, *const bad_c[] = {"c3"}, *const x[] = {"x"};
    ok(cx, cull_table_open(cx, in_dir("s.npy"), c, 2, &f));
    holds(f, "c2=3,6;c0=1,4");
    cull_table_close(f);
    refused(cx, cull_table_open(cx, in_dir("s.npy"), bad_c, 1, &f), CULL_EINPUT,
            "no column 'c3'; it has c0 to c2");
    refused(cx, cull_table_open(cx, in_dir("s.npy"), x, 1, &f), CULL_EINPUT, "no column 'x'");
    a.ndim = 1, a.shape[0] = 6;
    ok(cx, cull_array_write(cx, in_dir("loss.f32.npy.gz"), &a));
    ok(cx, cull_table_open(cx, in_dir("loss.f32.npy.gz"), NULL, 0, &f));
    holds(f, "loss=1,2,3,4,5,6");
    cull_table_close(f);
    refused(cx, cull_table_open(cx, in_dir("loss.f32.npy.gz"), x, 1, &f), CULL_EINPUT,
            "no column 'x'; it has loss");
    strcpy(a.name, "pass");
    ok(cx, cull_array_write(cx, in_dir("s.npz"), &a));
    ok(cx, cull_table_open(cx, in_dir("s.npz"), NULL, 0, &f));
    holds(f, "pass=1,2,3,4,5,6");
    cull_table_close(f);
    ok(cx, cull_table_open(cx, in_dir("s.npz:pass"), NULL, 0, &f));
    holds(f, "pass=1,2,3,4,5,6");
    cull_table_close(f);
    refused(cx, cull_table_open(cx, in_dir("s.npz"), x, 1, &f), CULL_EINPUT,
            "no array 'x'; it holds pass");
    a.ndim = 3, a.shape[1] = a.shape[2] = 1;
    ok(cx, cull_array_write(cx, in_dir("s.npy"), &a));
    refused(cx, cull_table_open(cx, in_dir("s.npy"), NULL, 0, &f), CULL_EINPUT, "is no table");
    ok(cx, cull_array_write(cx, in_dir("s.npz"), &a));
    refused(cx, cull_table_open(cx, in_dir("s.npz"), NULL, 0, &f), CULL_EINPUT,
            "no column of numbers");

    const char *two =
        tensors("{" T("m", "F32", "[2,1]", 0, 8) "," T("x", "F32", "[2]", 8, 16) "," T(
            "y", "I32", "[2]", 16, 24) "," T("z", "F4", "[0]", 24, 24) "}");
    ok(cx, cull_table_open(cx, two, NULL, 0, &f));
    holds(f, "x=3,4;y=1084227584,1086324736");
    cull_table_close(f);
    ok(cx, cull_table_open(cx, in_dir("t.safetensors"), x, 1, &f));
    holds(f, "x=3,4");
    cull_table_close(f);
    static const char *const m[] = {"m"};
    refused(cx, cull_table_open(cx, in_dir("t.safetensors"), m, 1, &f), CULL_EINPUT,
            "'m' has shape (2, 1); a column has one dimension");
    two = tensors("{" T("x", "F32", "[2]", 0, 8) "," T("y", "F32", "[4]", 8, 24) "}");
    refused(cx, cull_table_open(cx, two, NULL, 0, &f), CULL_EINPUT,
            "column 'y' has 4 rows, 'x' has 2");
    two = tensors("{" T("x", "F32", "[2]", 0, 8) "}"); /* damage is not passed over */
    refused(cx, cull_table_open(cx, two, NULL, 0, &f), CULL_EIO, "belong to no tensor");
    refused(cx, open_text(cx, "t.dat", "hello", NULL, 0, &f), CULL_EINPUT, "no form of array");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void no_memory(void **state)
{
    (void)state;
    spit("m.csv", "a,\"b\"\"\",c\n1,\"2\",3\n4,5,6\n", 24);
    spit("m.jsonl", "{\"a\":1,\"b\":2}\n{\"a\":1,\"b\":2}\n", 28);
    tensors("{" T("x", "F32", "[3]", 0, 12) "," T("y", "F32", "[3]", 12, 24) "}");
    static const char *const name[] = {"m.csv", "m.jsonl", "t.safetensors"};
    for (int i = 0; i < 3; i++)
        for (long k = 1;; k++) {
            hooks h = {0};
            cull_table_file *f;
            cull_ctx *cx = hooked_ctx(&h, 1);
            h.fail_at = h.calls + k;
            cull_status s = cull_table_open(cx, in_dir(name[i]), NULL, 0, &f);
            bool reached = h.calls >= h.fail_at;
            if (s != (reached ? CULL_ENOMEM : CULL_OK))
                fail_msg("%ld: %d %s", k, s, cull_error(cx));
            cull_table_close(f);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (!reached) {
                assert_true(k > 8);
                break;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv), cmocka_unit_test(jsonl),
                                       cmocka_unit_test(arrays), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
