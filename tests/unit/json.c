/* json: what is JSON and what is not, where it goes wrong, values, doubled keys. */
#include "test.h"

#include "io/io.h"

static bool parse(cull__json_parser *p, const char *text, size_t n, cull__json_value *v,
                  const char **why, size_t *at)
{
    char *buf = malloc(n + 64); /* the promise of the header, no byte more */
    memcpy(buf, text, n);
    memset(buf + n, 0x5a, 64);
    bool good = cull__json_parse(p, buf, n, v, why, at);
    free(buf); /* values live in the parser */
    return good;
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
        const char *why;
    } bad[] = {
        {"", 0, "empty"},
        {"   ", 3, "empty"},
        {"{\"a\":1,}", 7, "a key in quotes"},
        {"{\"a\" 1}", 5, "':' was expected"},
        {"{\"a\":1 \"b\":2}", 7, "',' or '}'"},
        {"[1 2]", 3, "',' or ']'"},
        {"[1,2", 4, "ends inside an array"},
        {"{\"a\":[1,2]", 10, "ends inside an object"},
        {"{\"a\":", 5, "ends where a value"},
        {"{\"a\":\"xyz", 5, "no closing quote"},
        {"{\"a\":NaN}", 5, "NaN and Infinity are not JSON"},
        {"{\"a\":-Infinity}", 5, "NaN and Infinity are not JSON"},
        {"{\"a\":1e999}", 5, "out of range"},
        {"[-1e999]", 1, "out of range"},
        {"[36893488147419103232]", 1, "out of range"},
        {"[01]", 2, "malformed number"},
        {"[1.]", 3, "after its point"},
        {"[1e]", 3, "exponent"},
        {"[+1]", 1, "not a value"},
        {"{'a':1}", 1, "a key in quotes"},
        {"[\"a\tb\"]", 3, "control character"},
        {"[\"\\x\"]", 3, "unknown escape"},
        {"[\"\\u12g4\"]", 6, "hexadecimal"},
        {"[\"\\ud800\"]", 3, "surrogate"},
        {"[\"\\udc00x\"]", 3, "surrogate"},
        {"[\"ok\xff\"]", 4, "UTF-8"},
        {"[\"\xc0\xaf\"]", 2, "UTF-8"},
        {"{} x", 3, "follows"},
        {"{}{}", 2, "follows"},
        {"[1]//c", 3, "follows"},
        {"\xef\xbb\xbf[1]", 0, "not a value"},
    };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull__json_parser *p;
    ok(cx, cull__json_parser_new(cx, &p));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cull__json_value v;
        const char *why = "?";
        size_t at = 77;
        if (parse(p, bad[i].text, strlen(bad[i].text), &v, &why, &at))
            fail_msg("'%s' passed", bad[i].text);
        if (at != bad[i].at || !strstr(why, bad[i].why))
            fail_msg("'%s': '%s' at %zu, not '%s' at %zu", bad[i].text, why, at, bad[i].why,
                     bad[i].at);
    }
    cull__json_parser_free(p);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void depth(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__json_parser *p;
    ok(cx, cull__json_parser_new(cx, &p));
    static const int levels[] = {1, 63, 64, 65, 1000, 1022, 1023, 1024, 1025, 1026, 10000, 100000};
    int last_good = 0, first_bad = 0;
    for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
        size_t n = (size_t)levels[k];
        char *s = malloc(2 * n);
        memset(s, '[', n);
        memset(s + n, ']', n);
        cull__json_value v;
        const char *why = "";
        size_t at = 0;
        if (parse(p, s, 2 * n, &v, &why, &at)) {
            last_good = levels[k];
        } else {
            if (!first_bad) first_bad = levels[k];
            if (!strstr(why, "deeper than 1024")) fail_msg("%d levels: %s", levels[k], why);
        }
        free(s);
    }
    assert_true(last_good >= 1023 && last_good <= 1024);
    assert_true(first_bad > last_good && first_bad <= 1025);
    cull__json_parser_free(p);
    cull_ctx_free(cx);
}

struct seen {
    char text[256];
    int n;
};

static bool collect(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    struct seen *s = arg;
    double d = -1;
    if (key) snprintf(s->text + strlen(s->text), 64, "%.*s=", (int)key_n, key);
    if (cull__json_number(v, &d)) snprintf(s->text + strlen(s->text), 64, "%g;", d);
    return ++s->n < 3;
}

static void values(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__json_parser *p;
    ok(cx, cull__json_parser_new(cx, &p));
    static const char text[] = "{\"s\":\"a\\u0000b\\ud83d\\ude00\\n\", \"i\":-9223372036854775808, "
                               "\"u\":18446744073709551615,"
                               "\"f\":1.5e3,\"g\":0.1, \"t\":true, \"z\":null, \"arr\":[3,4,5,6], "
                               "\"o\":{\"k\":7,\"l\":8}, \"\":1}";
    cull__json_value root, v;
    const char *why;
    size_t at, n = 0;
    assert_true(parse(p, text, strlen(text), &root, &why, &at));
    assert_int_equal(cull__json_kind(root), CULL__JSON_OBJECT);
    assert_int_equal(cull__json_count(root), 10);
    assert_true(cull__json_get(root, "s", &v));
    assert_int_equal(cull__json_kind(v), CULL__JSON_STRING);
    const char *s = cull__json_string(v, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(s, "a\0b\xf0\x9f\x98\x80\n", 8);
    int64_t i;
    double d;
    assert_false(cull__json_number(v, &d));
    assert_true(cull__json_get(root, "i", &v) && cull__json_integer(v, &i) && i == INT64_MIN);
    assert_true(cull__json_get(root, "u", &v) && !cull__json_integer(v, &i));
    assert_true(cull__json_number(v, &d) && d == 18446744073709551616.0);
    uint64_t u;
    assert_true(cull__json_unsigned(v, &u) && u == UINT64_MAX);
    assert_true(cull__json_get(root, "f", &v) && cull__json_integer(v, &i) && i == 1500);
    assert_false(cull__json_unsigned(v, &u));
    assert_true(cull__json_get(root, "g", &v) && !cull__json_integer(v, &i));
    assert_true(cull__json_number(v, &d) && d == 0.1);
    assert_true(cull__json_get(root, "t", &v) && cull__json_truth(v));
    assert_int_equal(cull__json_kind(v), CULL__JSON_BOOL);
    assert_true(cull__json_get(root, "z", &v) && cull__json_kind(v) == CULL__JSON_NULL);
    assert_true(cull__json_get(root, "", &v));
    assert_false(cull__json_get(root, "nope", &v));
    struct seen seen = {"", 0};
    assert_true(cull__json_get(root, "arr", &v) && cull__json_count(v) == 4);
    assert_false(cull__json_get(v, "x", &v));
    assert_false(cull__json_each(v, collect, &seen)); /* stopped after three */
    assert_string_equal(seen.text, "3;4;5;");
    seen = (struct seen){"", 0};
    assert_true(cull__json_get(root, "o", &v) && cull__json_each(v, collect, &seen));
    assert_string_equal(seen.text, "k=7;l=8;");
    cull__json_parser_free(p);
    cull_ctx_free(cx);
}

/* The doubled key among m, at every place of the second, is found; without one nothing is. */
static void doubled(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__json_parser *p;
    ok(cx, cull__json_parser_new(cx, &p));
    static const int sizes[] = {1, 2, 5, 63, 64, 65, 66, 130, 3000};
    char *text = malloc(200000);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        for (int twice = -1; twice<sizes[k]; twice += sizes[k]> 100 ? 37 : 1) {
            size_t n = 0;
            for (int i = 0; i < sizes[k]; i++)
                n += (size_t)sprintf(text + n, "%c\"key %d\":%d", i ? ',' : '{', i * 7919, i);
            if (twice >= 0) n += (size_t)sprintf(text + n, ",\"key\\u0020%d\":0", twice * 7919);
            text[n++] = '}';
            cull__json_value v;
            const char *why, *key;
            size_t at, key_n = 0;
            assert_true(parse(p, text, n, &v, &why, &at));
            ok(cx, cull__json_twice(cx, v, &key, &key_n));
            char want[32];
            snprintf(want, sizeof want, "key %d", twice * 7919);
            if (twice < 0) {
                assert_null(key);
            } else {
                assert_non_null(key);
                assert_int_equal(key_n, strlen(want));
                assert_memory_equal(key, want, key_n);
            }
        }
    }
    free(text);
    cull__json_parser_free(p);
    cull_ctx_free(cx);
}

static void limits(void **state)
{
    (void)state;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.memory = 1 << 20;
    cull_ctx *cx = cull_ctx_new(&o);
    cull__json_parser *p;
    ok(cx, cull__json_parser_new(cx, &p));
    size_t n = 2 << 20, at = 0;
    char *s = malloc(n + 64);
    memset(s, 'a', n + 64);
    s[0] = s[n - 1] = '"';
    cull__json_value v;
    const char *why = "";
    assert_false(cull__json_parse(p, s, n, &v, &why, &at));
    assert_int_equal(at, SIZE_MAX);
    assert_string_equal(why, "out of memory");
    s[999] = '"';
    assert_true(cull__json_parse(p, s, 1000, &v, &why, &at)); /* and goes on */
    free(s);
    cull__json_parser_free(p);
    assert_int_equal(cull__memory_left(cx), 1 << 20);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals), cmocka_unit_test(depth),  cmocka_unit_test(values),
        cmocka_unit_test(doubled),  cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
