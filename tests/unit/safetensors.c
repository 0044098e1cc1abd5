/* safetensors: whole files, every broken promise of the head, shards. */
#include "files.h"

#include "io/io.h"

static void file(bytes *b, const char *head, size_t data)
{
    b->n = 0;
    add_int(b, strlen(head), 8);
    add_text(b, head);
    for (size_t i = 0; i < data; i++) add_int(b, i * 151 + 7, 1);
}

#define T(name, dtype, shape, lo, hi)                                                              \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #lo "," #hi "]" \
    "}"

static void reads(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        cull_dtype dtype;
    } types[] = {{"F32", CULL_F32},  {"F16", CULL_F16}, {"BF16", CULL_BF16}, {"F64", CULL_F64},
                 {"I8", CULL_I8},    {"U8", CULL_U8},   {"I16", CULL_I16},   {"U16", CULL_U16},
                 {"I32", CULL_I32},  {"U32", CULL_U32}, {"I64", CULL_I64},   {"U64", CULL_U64},
                 {"BOOL", CULL_BOOL}};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static bytes b;
    cull_array a;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        char head[300];
        size_t size = cull_dtype_size(types[t].dtype), n = 6 * size;
        /* one odd byte before it: numbers at any address */
        snprintf(
            head, sizeof head,
            "{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"data_offsets\":[1,%zu],\"shape\":[2,3],"
            "\"dtype\":\"%s\",\"later\":null},\"odd\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],"
            "\"data_offsets\":[0,1]},\"none\":{\"dtype\":\"F4\",\"shape\":[0],\"data_offsets\":"
            "[1,1]}}%*s",
            n + 1, types[t].name, (int)(t % 9), "");
        file(&b, head, n + 1);
        ok(cx, cull__safetensors_parse(cx, "p", "w", b.at, b.n, &a));
        assert_int_equal(a.dtype, types[t].dtype);
        assert_int_equal(a.ndim, 2);
        assert_int_equal(a.shape[0], 2);
        assert_int_equal(a.shape[1], 3);
        assert_string_equal(a.name, "w");
        assert_ptr_equal(a.at, b.at + b.n - n);
        double got[6];
        cull_array_f64(&a, 0, 6, got); /* must not trip over the address */
        uint64_t u = 0;
        memcpy(&u, b.at + b.n - size, size);
        if (types[t].dtype == CULL_U64 || types[t].dtype == CULL_U32)
            assert_true(got[5] == (double)u);
        cull_array_free(&a);
        refused(cx, cull__safetensors_parse(cx, "p", "odd", b.at, b.n, &a), CULL_EINPUT,
                "tensor 'odd' has dtype F8_E4M3, which cull does not read");
        refused(cx, cull__safetensors_parse(cx, "p", "none", b.at, b.n, &a), CULL_EINPUT, "F4");
    }
    file(&b, "{" T("a\\u00e9", "F32", "[]", 0, 4) "}", 4);
    ok(cx, cull__safetensors_parse(cx, "p", NULL, b.at, b.n, &a));
    assert_string_equal(a.name, "a\xc3\xa9");
    assert_int_equal(a.ndim, 0);
    file(&b, "{" T("a", "F32", "[1]", 0, 4) "," T("embeddings", "F32", "[0,7]", 4, 4) "}", 4);
    ok(cx, cull__safetensors_parse(cx, "p", NULL, b.at, b.n, &a));
    assert_string_equal(a.name, "embeddings");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *head, *part;
        size_t data;
    } bad[] = {
        {"{" T("a", "F32", "[2]", 0, 8) "}",
         "'a' ends at byte 8 of data of 7 bytes: the file is cut", 7},
        {"{" T("a", "F32", "[2]", 0, 8) "}", "1 bytes at the end belong to no tensor", 9},
        {"{" T("a", "F32", "[2]", 0, 8) "," T("b", "F32", "[2]", 4, 12) "}", "'b' overlaps another",
         12},
        {"{" T("a", "F32", "[2]", 0, 8) "," T("b", "F32", "[2]", 0, 8) "}", "overlaps another", 8},
        {"{" T("b", "F32", "[1]", 12, 16) "," T("a", "F32", "[2]", 0, 8) "}",
         "'b' leaves a hole before it", 16},
        {"{" T("a", "F32", "[2]", 4, 12) "}", "'a' leaves a hole before it", 12},
        {"{" T("a", "F32", "[3]", 0, 8) "}", "shape (3,) of F32 does not take the 8 bytes", 8},
        {"{" T("a", "F16", "[2,1]", 0, 8) "}", "shape (2, 1) of F16 does not take the 8 bytes", 8},
        {"{" T("a", "F8_E5M2", "[7]", 0, 8) "}", "does not take the 8 bytes", 8},
        {"{" T("a", "F32", "[4294967296,4294967296,4294967296]", 0, 8) "}",
         "'a': shape (4294967296, 4294967296, 4294967296) has too many numbers", 8},
        {"{" T("a", "F32", "[4294967296,4294967296,0]", 0, 0) "}",
         "'a': shape (4294967296, 4294967296, 0) has too many numbers", 0},
        {"{" T("a", "Q9", "[4294967296,4294967296,0]", 0, 0) "}", "has too many numbers", 0},
        {"{" T("a", "F64", "[2305843009213693952,2]", 0, 0) "}", "does not take the 0 bytes", 0},
        {"{" T("a", "F32", "[2]", 8, 0) "}", "'a' ends before it begins", 8},
        {"{" T("a", "F32", "[-2]", 0, 8) "}", "'a' has a length that is no whole number", 8},
        {"{" T("a", "F32", "[2.5]", 0, 8) "}", "'a' has a length that is no whole number", 8},
        {"{" T("a", "F32", "[2.0]", 0, 8) "}", "'a' has a length that is no whole number", 8},
        {"{" T("a", "F32", "[-0]", 0, 0) "}", "byte 37: -0 is no whole number from 0", 0},
        {"{" T("a", "F32", "[2]", -0, 8) "}", "byte 56: -0 is no whole number from 0", 8},
        {"{" T("a\\\"-0", "F32", "[2e0]", 0, 8) "}", "has a length that is no whole number", 8},
        {"{" T("a", "F32", "[2e0]", 0, 8) "}", "'a' has a length that is no whole number", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8.0]}}", "no two", 8},
        {"{\"__metadata__\":{\"k\":1}," T("a", "F32", "[2]", 0, 8) "}",
         "its __metadata__ says 'k', which is no string", 8},
        {"{" T("a", "F32", "[2]", 0, 8) ",\"__metadata__\":{\"b\":\"v\",\"k\":null}}",
         "its __metadata__ says 'k', which is no string", 8},
        {"{\"__metadata__\":[]," T("a", "F32", "[2]", 0, 8) "}",
         "its __metadata__ is no object of strings", 8},
        {"{" T("a", "F32", "[\"2\"]", 0, 8) "}", "'a' has a length that is no whole number", 8},
        {"{" T("a", "F32", "2", 0, 8) "}", "'a' has a shape or data_offsets that are no array", 8},
        {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,2]", 0, 8) "}", "more than 8 dimensions", 8},
        {"{" T("a", "F32", "[2]", 0, -8) "}", "'a' has data_offsets that are no two", 8},
        {"{" T("a", "F32", "[2]", 0, 18446744073709551615) "}", "no two", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}}", "no two", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4,8]}}", "no two", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "'a' lacks dtype, shape or data_offsets", 8},
        {"{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype that is no string",
         8},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         "'a' says dtype, shape or data_offsets twice", 8},
        {"{\"a\":7}", "'a' is no object", 8},
        {"{\"a\\u0000b\":7}", "has a NUL", 8},
        {"{" T("a", "F32", "[2]", 0, 8) "," T("a", "F32", "[2]", 8, 16) "}", "it names 'a' twice",
         16},
        {"{\"a\":{}", "byte 15: damaged JSON", 0},
        {"{\"a\xff\":{}}", "byte 11: damaged JSON: bytes that are not UTF-8", 0},
        {"{} {}", "damaged JSON", 0},
        {"[]", "byte 8 is no '{'", 0},
        {"{}", "belong to no tensor", 3},
    };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static bytes b;
    cull_array a;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        file(&b, bad[i].head, bad[i].data);
        cull_status s = cull__safetensors_parse(cx, "p", NULL, b.at, b.n, &a);
        if (s == CULL_OK || !strstr(cull_error(cx), bad[i].part))
            fail_msg("%zu: %d '%s' lacks '%s'", i, s, cull_error(cx), bad[i].part);
        assert_memory_equal(cull_error(cx), "p: ", 3);
    }
    file(&b, "{}", 0);
    refused(cx, cull__safetensors_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT, "no array");
    file(&b, "{" T("a", "F32", "[2]", 0, 8) "," T("bias", "F32", "[1]", 8, 12) "}", 12);
    refused(cx, cull__safetensors_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT,
            "several arrays: a, bias; name one");
    refused(cx, cull__safetensors_parse(cx, "p", "bia", b.at, b.n, &a), CULL_EINPUT,
            "no array 'bia'; did you mean 'bias'?");
    for (size_t n = 0; n < b.n; n++) { /* cut anywhere */
        unsigned char *exact = malloc(n ? n : 1);
        memcpy(exact, b.at, n);
        assert_int_equal(cull__safetensors_parse(cx, "p", "a", exact, n, &a), CULL_EIO);
        free(exact);
    }
    b.at[4] = 1; /* a head of 4 GiB */
    refused(cx, cull__safetensors_parse(cx, "p", "a", b.at, b.n, &a), CULL_EIO,
            "is said to take 4294967");
    memset(b.at, 255, 8);
    refused(cx, cull__safetensors_parse(cx, "p", "a", b.at, b.n, &a), CULL_EIO,
            "is said to take 18446744073709551615 bytes");
    size_t long_n = 100000001 + 8;
    unsigned char *big = calloc(long_n, 1);
    memcpy(big, "\x01\xe1\xf5\x05\0\0\0\0{}", 10);
    refused(cx, cull__safetensors_parse(cx, "p", "a", big, long_n, &a), CULL_EIO,
            "a safetensors head of 100000001 bytes; at most 100000000");
    free(big);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void shards(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static bytes b;
    cull_array a;
    static const char index[] =
        "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"m-1.safetensors\","
        "\"b\":\"m-2.safetensors\",\"c\":\"m-3.safetensors\",\"lost\":\"m-1.safetensors\","
        "\"up\":\"../m-1.safetensors\",\"in\":\"x/../../m.safetensors\",\"abs\":\"/etc/m\","
        "\"empty\":\"\",\"none\":3,\"dots\":\"..m\"}}";
    file(&b, "{" T("a", "F32", "[2]", 0, 8) "}", 8);
    spit("m-1.safetensors", b.at, b.n);
    file(&b, "{" T("b", "U8", "[4]", 0, 4) "}", 4);
    spit("m-2.safetensors", b.at, b.n);
    char path[256];
    strcpy(path, spit("m.safetensors.index.json", index, strlen(index)));
    ok(cx, cull_array_open(cx, path, "b", &a));
    assert_int_equal(a.dtype, CULL_U8);
    assert_memory_equal(a.at, b.at + b.n - 4, 4);
    cull_array_free(&a);
    ok(cx, cull_array_open(cx, in_dir("m.safetensors.index.json:a"), NULL, &a));
    assert_int_equal(a.dtype, CULL_F32);
    cull_array_free(&a);
    refused(cx, cull_array_open(cx, path, "c", &a), CULL_EIO, "m-3.safetensors, which holds 'c'");
    assert_non_null(strstr(cull_error(cx), "is missing"));
    refused(cx, cull_array_open(cx, path, "lost", &a), CULL_EINPUT,
            "m-1.safetensors: no array 'lost'");
    static const char *const out[] = {"up", "in", "abs", "empty", "none"};
    for (int i = 0; i < 5; i++)
        refused(cx, cull_array_open(cx, path, out[i], &a), CULL_EINPUT,
                "a shard is a file of the same folder");
    refused(cx, cull_array_open(cx, path, "dots", &a), CULL_EIO, "is missing");
    refused(cx, cull_array_open(cx, path, NULL, &a), CULL_EINPUT, "several arrays: a, b, c");
    refused(cx, cull_array_open(cx, path, "zzz", &a), CULL_EINPUT, "no array 'zzz'");
    static const char *const bad[][2] = {
        {"{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}", "weight_map names 'a' twice"},
        {"{\"weight_map\":[]}", "no object 'weight_map'"},
        {"{}", "no object 'weight_map'"},
        {"[]", "no object"},
        {"{", "damaged JSON"},
        {"", "damaged JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(cx,
                cull_array_open(cx, spit("n.safetensors.index.json", bad[i][0], strlen(bad[i][0])),
                                "a", &a),
                CULL_EIO, bad[i][1]);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void no_memory(void **state)
{
    (void)state;
    for (long k = 1;; k++) { /* of the index, then of its shard */
        hooks h = {0};
        cull_array a = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.fail_at = h.calls + k;
        cull_status s = cull_array_open(cx, in_dir("m.safetensors.index.json"), "b", &a);
        bool reached = h.calls >= h.fail_at;
        if (s != (reached ? CULL_ENOMEM : CULL_OK)) fail_msg("%ld: %d %s", k, s, cull_error(cx));
        cull_array_free(&a);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!reached) {
            assert_true(k > 8);
            break;
        }
    }
}

/* ---- several tensors at once ---- */

/* What is written is read again: names, shapes, numbers, metadata; a head that ends on 64 bytes. */
static void writes_all(void **state)
{
    (void)state;
    static const float w[6] = {1, -2.5f, 3, 4, 5, 6}, b[1] = {7};
    static const char *const meta[] = {"format", "pt", "a \"note\"", "line\nnext"};
    const cull__tensor t[] = {
        {.name = "fc.weight", .a = {.dtype = CULL_F32, .ndim = 2, .shape = {2, 3}, .at = w}},
        {.name = "none", .a = {.dtype = CULL_F32, .ndim = 1, .shape = {0}, .at = w}},
        {.name = "fc.bias", .a = {.dtype = CULL_F32, .ndim = 1, .shape = {1}, .at = b}}};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull__bytes file;
    cull__tensor *got;
    const char **notes;
    int64_t n, metas;
    const char *path = in_dir("many.safetensors");
    ok(cx, cull__safetensors_write(cx, path, t, 3, meta, 4));
    ok(cx, cull__bytes_open(cx, path, &file));
    assert_int_equal((file.n - 7 * sizeof(float)) % 64, 0);
    ok(cx, cull__safetensors_all(cx, path, file.at, file.n, &got, &n, &notes, &metas));
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(got[i].name, t[i].name);
        assert_string_equal(got[i].dtype, "F32");
        assert_true(got[i].readable);
        assert_int_equal(got[i].a.ndim, t[i].a.ndim);
        assert_memory_equal(got[i].a.shape, t[i].a.shape, (size_t)t[i].a.ndim * sizeof(int64_t));
    }
    assert_memory_equal(got[0].a.at, w, sizeof w);
    assert_memory_equal(got[2].a.at, b, sizeof b);
    assert_int_equal(metas, 4);
    for (int i = 0; i < 4; i++) assert_string_equal(notes[i], meta[i]);
    cull__bytes_close(&file);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Metadata with a NUL is passed over; dtypes that are not read are named, not refused. */
static void reads_all(void **state)
{
    (void)state;
    static bytes b;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__tensor *got;
    const char **notes;
    int64_t n, metas;
    file(&b,
         "{\"__metadata__\":{\"n\":\"3\\u0000\",\"k\":\"v\"}," T("x", "F8_E4M3", "[2]", 0, 2) "," T(
             "y", "F16", "[1]", 2, 4) "}",
         4);
    ok(cx, cull__safetensors_all(cx, "p", b.at, b.n, &got, &n, &notes, &metas));
    assert_int_equal(n, 2);
    assert_int_equal(metas, 2);
    assert_string_equal(notes[0], "k");
    assert_string_equal(notes[1], "v");
    assert_false(got[0].readable);
    assert_string_equal(got[0].dtype, "F8_E4M3");
    assert_true(got[1].readable);
    assert_int_equal(got[1].a.dtype, CULL_F16);
    cull_ctx_free(cx);
}

/* Nothing is left behind where an allocation fails, nor half a file. */
static void writes_all_or_nothing(void **state)
{
    (void)state;
    static const float w[4] = {1, 2, 3, 4};
    const cull__tensor t = {.name = "w",
                            .a = {.dtype = CULL_F32, .ndim = 1, .shape = {4}, .at = w}};
    const char *path = in_dir("failing.safetensors");
    cull_status s = CULL_ENOMEM;
    int failed = 0;
    for (long k = 2; s != CULL_OK; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        s = cx ? cull__safetensors_write(cx, path, &t, 1, NULL, 0) : CULL_ENOMEM;
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        assert_int_equal(access(path, F_OK) == 0, s == CULL_OK);
        failed += s != CULL_OK;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(failed >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads),
                                       cmocka_unit_test(refusals),
                                       cmocka_unit_test(shards),
                                       cmocka_unit_test(no_memory),
                                       cmocka_unit_test(writes_all),
                                       cmocka_unit_test(reads_all),
                                       cmocka_unit_test(writes_all_or_nothing)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
