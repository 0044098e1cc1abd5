/* unit.space - descriptions of spaces: what is read, written and refused, and in which words. */
#include "cull/space.h"
#include "cull/report.h"
#include "test.h"

static cull_space *from(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "s", &s));
    return s;
}

static const char tree[] =
    "lr = real(1e-5, 0.1, log, default=0.01) # a note\n"
    "opt = or { sgd { momentum = real(0, 0.99) } adam { beta2 = real(0.9, 0.999) } plain }\n"
    "block = repeat(1..3) { width = int(16, 256, log)\n act = one(relu, gelu) }\n"
    "warmup = optional { steps = int(10, 1000, step=10) }\n"
    "batch = ordinal(16, 32, 64)\n"
    "order = permutation(crop, flip, blur)\n"
    "keep = subset(2..4 of 10) mix = simplex(a, b, c)";

static void test_tree(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, tree);
    const char *const names[] = {"lr",
                                 "opt",
                                 "opt.sgd.momentum",
                                 "opt.adam.beta2",
                                 "block",
                                 "block.1.width",
                                 "block.1.act",
                                 "block.2.width",
                                 "block.2.act",
                                 "block.3.width",
                                 "block.3.act",
                                 "warmup",
                                 "warmup.steps",
                                 "batch",
                                 "order",
                                 "keep",
                                 "mix"};
    int n = sizeof names / sizeof *names;
    assert_int_equal(cull_space_params(s), n);
    for (int i = 0; i < n; i++) {
        assert_string_equal(cull_space_at(s, i)->name, names[i]);
        assert_int_equal(cull_space_find(s, names[i]), i);
    }
    assert_int_equal(cull_space_width(s), 14 + 3 + 10 + 3);
    assert_null(cull_space_at(s, n));
    assert_null(cull_space_at(s, -1));
    assert_int_equal(cull_space_find(s, "block.4.act"), -1);
    const cull_space_param *p = cull_space_at(s, 8);
    assert_int_equal(p->within, 4);
    assert_true(p->from == 2 && p->to == 3 && p->kind == CULL_SPACE_CATEGORY && p->n == 2);
    p = cull_space_at(s, 12);
    assert_true(p->lo == 10 && p->hi == 1000 && p->step == 10 && p->n == 100);
    assert_true(cull_space_at(s, 13)->number[2] == 64);
    double x[30], y[30];
    char *text;
    ok(cx, cull_space_default(cx, s, x));
    ok(cx, cull_space_format(cx, s, x, &text));
    assert_string_equal(text, "lr=0.01 opt=sgd opt.sgd.momentum=0.495 block=2 block.1.width=63 "
                              "block.1.act=relu block.2.width=63 block.2.act=relu warmup=no "
                              "batch=32 order=crop>flip>blur keep=1+2 "
                              "mix=0.3333333333333333/0.3333333333333333/0.3333333333333333");
    cull_text_free(text);
    for (int k = 0; k < 1000; k++) {
        ok(cx, cull_space_draw(cx, s, (uint64_t)k, x));
        ok(cx, cull_space_check(cx, s, x));
        ok(cx, cull_space_format(cx, s, x, &text));
        ok(cx, cull_space_parse(cx, s, text, y));
        for (int j = 0; j < 30; j++) assert_true(x[j] == y[j] || (isnan(x[j]) && isnan(y[j])));
        cull_text_free(text);
    }
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* Text and JSON of a space are the space again, to the byte. */
static void round_trip(cull_ctx *cx, const char *text)
{
    cull_space *s = from(cx, text);
    for (int json = 0; json < 2; json++) {
        char *a, *b;
        ok(cx, cull_space_text(cx, s, json, &a));
        cull_space *t = from(cx, a);
        assert_int_equal(cull_space_hash(s), cull_space_hash(t));
        ok(cx, cull_space_text(cx, t, json, &b));
        assert_string_equal(a, b);
        cull_text_free(a);
        cull_text_free(b);
        cull_space_free(t);
    }
    cull_space_free(s);
}

static void test_written(void **state)
{
    (void)state;
    static const char *const texts[] = {
        tree,
        "a = one(x, \"y z\", \"or\", 3x3, conv-1, default=\"y z\")",
        "\"n:1\" = int(-5, 5, default=-2) \"if\" = ordinal(small, large) x = real(0, 1) if \"if\" "
        "== small",
        "a = int(1, 9) b = int(1, 9) forbid a * 2 - (b - 3) / 2 > -4 and not (a == b or a < 3)",
        "a = int(-1, 9) b = one(p, q) if a in {-1, 2, 3} require a > 1 or b not in {q}",
        "a = int(1, 9) forbid not (a > 3 and a < 7) and (a - (3 - 1)) * (a + 1) != --4",
        "r = repeat(3, tied) { a = one(x, y) } s = repeat(0..2, default=1) { t = optional { } }",
        "a = permutation(4) b = subset(\"7\") c = simplex(x, y) d = subset(1 of 3, default=2)",
        "a = or { x { b = or(default=q) { p q { r = optional(default=yes) { s = int(1, 2) } } } } "
        "}",
        "\"and\" = one(1e-5, 0.5) b = int(0, 3) if \"and\" == 1e-5",
        "m = optional { k = one(p, q) } z = int(1, 2) if m and m.k == p forbid m and z == 2",
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) round_trip(cx, texts[i]);
    cull_ctx_free(cx);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "s: there is no parameter"},
        {"# nothing\n", "there is no parameter"},
        {"lr real(0, 1)", "s:1: lr: '=' is missing after the name at 'real(0, 1)'"},
        {"\n\nlr = rael(0, 1)", "s:3: lr: 'rael' is none of"},
        {"lr = rael(0, 1)", "the nearest is 'real'"},
        {"lr = real(1, 0)", "s:1: lr: nothing lies from 1 to 0"},
        {"lr = real(0, 1, log)", "log wants bounds above 0, and the least value is 0"},
        {"lr = real(-1, 1, log)", "log wants bounds above 0"},
        {"lr = real(0, inf)", "must be finite"},
        {"lr = real(0 1)", "',' is missing before the greatest value"},
        {"lr = real(0, 1, step=2)", "log or default= was expected"},
        {"lr = real(0, 1, default=2)", "lr: its default: 2 is not from 0 to 1"},
        {"lr = real(0, 1", "')' is missing after the bounds at the end"},
        {"n = int(0.5, 2)", "bounds of an int are whole numbers"},
        {"n = int(1, 9, step=0)", "a step of 0"},
        {"n = int(1, 9, step=2, log)", "log and step exclude each other"},
        {"n = int(1, 9, step=2, default=4)", "4 is no step of 2 from 1"},
        {"a = one()", "one() has no values"},
        {"a = one { b { c = real(0, 1) } d }", "s:1: a: one(a, b) has values alone; choices with"},
        {"a = ordinal()", "ordinal() has no values"},
        {"a = one(x, y, x)", "the value 'x' is there twice"},
        {"a = one(x, y, default=z)", "'z' is none of its values"},
        {"a = one(relu, gelu, default=rely)", "the nearest is 'relu'"},
        {"a = one(x, \"y)", "a quote is not closed"},
        {"a = subset(5 of x, y)", "a subset of up to 5 of 2 items"},
        {"a = subset(3..2 of 5)", "the lesser number of items comes first"},
        {"a = subset(2 of 0)", "has no items"},
        {"a = subset(2 of 3, default=1)", "1 items; it has 2 to 2"},
        {"a = permutation(x, \"y>z\")", "holds one of + > / , and blank"},
        {"a = permutation(x, y, default=x)", "it puts all 2 in an order"},
        {"a = permutation(5000)", "a permutation of 5000 items; at most 4096"},
        {"a = simplex(x, y, default=\"0.5/0.6\")", "the shares have a sum of 1.1"},
        {"a = repeat(0) { b = int(1, 2) }", "repeat wants at least one copy"},
        {"a = repeat(3..1) { b = int(1, 2) }", "repeat wants at least one copy"},
        {"a = repeat(x) { b = int(1, 2) }", "how many copies was expected"},
        {"a = repeat(1000000) { b = int(1, 2) }", "at most 100000 parameters"},
        {"a = repeat(1000) { b = repeat(1000) { c = int(1, 2) } }", "1001001 parameters"},
        {"a = subset(60000) b = repeat(100) { c = subset(60000) }", "6060001 numbers"},
        {"a = or { }", "or has no branches"},
        {"a = or { x { } x { } }", "two branches 'x'"},
        {"a = or { x { b = int(1, 2) }", "s:1: a: '{' is not closed by '}'"},
        {"a = optional { b = int(1, 2)\n\n", "s:1: a: '{' is not closed by '}'"},
        {"a = int(1, 2)\n}", "s:2: '}' closes nothing"},
        {"a = int(1, 2)\na = int(1, 3)", "s:2: there is a parameter 'a' already, on line 1"},
        {"a = int(1, 2) if b == 1\nb = int(1, 2)",
         "a condition can speak only of what stands above it, and 'b' stands below"},
        {"a = int(1, 2) if a == 1", "is about itself"},
        {"alpha = int(1, 2)\nb = int(1, 2) if alhpa == 1",
         "s:2: there is no parameter 'alhpa'; the nearest is 'alpha'"},
        {"a = one(x, y) b = int(1, 2) if a == z", "a: 'z' is none of its values: x, y"},
        {"a = ordinal(8, 16, 32)\nforbid a == 17",
         "s:2: a: '17' is none of its values; the nearest is '16'"},
        {"a = ordinal(8, 16, 32) require 27 != a",
         "'27' is none of its values; the nearest is '32'"},
        {"a = ordinal(8, 16, 32) forbid a == -9", "'-9' is none of its values; the nearest is '8'"},
        {"a = ordinal(8, 16, 32) forbid a in {17}", "the nearest is '16'"},
        {"a = one(x, y) b = int(1, 2) if a > x", "the values of 'a' have no order"},
        {"a = one(x, y) b = int(1, 2) if a + 1 == 2", "'a' is no number"},
        {"a = one(x, y) b = int(1, 2) if a", "'a' is neither true nor false"},
        {"a = int(1, 3) b = int(1, 2) if a + 1", "a number is neither true nor false"},
        {"a = int(1, 3) b = int(1, 2) if a = 1", "== compares"},
        {"a = int(1, 3) b = int(1, 2) if 1 < a < 3", "comparisons do not follow one another"},
        {"a = int(1, 3) b = int(1, 2) if (a == 1", "')' was expected"},
        {"a = int(1, 3) b = int(1, 2) if a in {x}", "'x' is no number"},
        {"a = int(1, 3) b = int(1, 2) if a in 3", "'{' with the values of in was expected"},
        {"a = int(1, 9, step=2)\nforbid a == 4", "s:2: a: 4 is no step of 2 from 1"},
        {"a = int(-3, 9) forbid -4 != a", "a: -4 is not from -3 to 9"},
        {"a = int(-3, 9) forbid a in {-2, 10}", "a: 10 is not from -3 to 9"},
        {"a = real(0, 1) b = int(1, 2) if a == 1.5", "a: 1.5 is not from 0 to 1"},
        {"a = int(1, 3) forbid", "a parameter, a value or a number was expected at the end"},
        {"a = int(1, 3) forbid 1 == 2", "a constraint must speak of a parameter"},
        {"a = int(1, 3) forbid (a == 1) + 1 == 2", "a number was expected"},
        {"k = subset(3) b = int(1, 2) if k > 2", "'k' has many numbers; name one of its items"},
        {"a = int(1, 3)\nb = int(1, 2) if a > 3", "s:2: b is never active"},
        {"a = one(x, y) c = optional { b = int(1, 2) if a == x and a == y }",
         "c.b is never active"},
        {"a = or { x { b = int(1, 2) } y }\nc = int(1, 2) if a == y and a.x.b == 1",
         "s:2: c is never active"},
        {"a = int(1, 3)\nrequire a > 3", "s:2: no point keeps 'require a > 3'"},
        {"a = int(1, 99) b = int(1, 99) c = real(0, 1)\nforbid c < 2 or c >= 0\nrequire a > 100",
         "s:3: no point keeps 'require a > 100'"},
        {"a = int(1, 3) b = int(1, 3) require a > b require b > a", "no point keeps all of the 2"},
        {"\"a b\" = int(1, 3)", "holds one of blank"},
        {"9 = int(1, 3)", "begins with a digit"},
        {"{", "s: byte 1: damaged JSON"},
        {"{}", "neither a list \"space\" nor"},
        {"{\"space\": 3}", "\"space\" must be a list"},
        {"{\"space\": [{\"real\": [0, 1]}]}", "an entry has no \"name\""},
        {"{\"space\": [{\"name\": \"a\"}]}", "a: it must have one of real, int"},
        {"{\"space\": [{\"name\": \"a\", \"real\": [0]}]}", "its bounds must be [least, greatest]"},
        {"{\"space\": [{\"name\": \"a\", \"real\": [1, 0]}]}", "s: a: nothing lies from 1 to 0"},
        {"{\"space\": [{\"name\": \"a\", \"one\": [1, 2], \"log\": true}]}",
         "\"log\" does not go with one"},
        {"{\"space\": [{\"name\": \"a\", \"one\": [1, null]}]}", "a value is a string"},
        {"{\"space\": [{\"name\": \"a\", \"one\": [1], \"lag\": 1}]}", "'lag' is no key"},
        {"{\"space\": [{\"name\": \"a\", \"one\": [1]}, {\"forbid\": \"a == 1 )\"}]}",
         "')' is too much in \"forbid\""},
        {"{\"hyperparameters\": [{\"name\": \"a\", \"type\": \"odd\"}]}", "the type 'odd'"},
        {"{\"hyperparameters\": [{\"name\": \"a\", \"type\": \"normal_float\", \"lower\": null}]}",
         "it has no number \"lower\""},
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(cx, cull_space_from(cx, cases[i].text, strlen(cases[i].text), "s", &s), CULL_EINPUT,
                cases[i].why);
        assert_null(s);
    }
    char deep[2000] = "";
    for (int k = 0; k < 40; k++) strcat(deep, "a = optional {");
    refused(cx, cull_space_from(cx, deep, strlen(deep), "s", &s), CULL_EINPUT, "nested deeper");
    strcpy(deep, "a = int(1, 2) b = int(1, 2) if ");
    for (int k = 0; k < 400; k++) strcat(deep, "(");
    refused(cx, cull_space_from(cx, deep, strlen(deep), "s", &s), CULL_EINPUT, "nested deeper");
    refused(cx, cull_space_from(cx, "a\0b", 3, "s", &s), CULL_EINPUT, "holds a NUL");
    const char *const marked[] = {"\xef\xbb\xbf"
                                  "x = real(0, 1)",
                                  "\xef\xbb\xbf{\"space\": [{\"name\": \"x\", \"real\": [0, 1]}]}"};
    for (int i = 0; i < 2; i++) {
        ok(cx, cull_space_from(cx, marked[i], strlen(marked[i]), "s", &s));
        assert_string_equal(cull_space_at(s, 0)->name, "x");
        cull_space_free(s);
    }
    refused(cx, cull_space_open(cx, "/nowhere/x.cull", &s), CULL_EIO, "/nowhere/x.cull");
    cull_ctx_free(cx);
}

static void test_point_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a=x n=3", "the point is forbidden by 'forbid a == x and n == 3'"},
        {"a=x", "n has no value, and is active"},
        {"a=x n=1 b.c=2", "b has no value, and is active"},
        {"a=x n=1 b=no b.c=2 k=1", "b.c has a value, and is not active"},
        {"a=x a=y", "a has two values"},
        {"a=x m=1", "there is no parameter 'm'"},
        {"a=x n=1.5", "n: 1.5 is no whole number"},
        {"a=x n=9", "n: 9 is not from 1 to 3"},
        {"a=x n", "'n' is no name=value"},
        {"a=x n=", "n has an empty value"},
        {"a=\"x", "a quote is not closed"},
        {"a=x n=1 b=no k=1+1", "k: item '1' is there twice"},
        {"a=x n=1 b=no k=1+2+3", "k: 3 items; it has 0 to 2"},
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "a = one(x, y) n = int(1, 3) b = optional { c = int(1, 2) }\n"
                             "k = subset(0..2 of 3) forbid a == x and n == 3");
    double x[7];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!i)
            refused(cx, cull_space_parse(cx, s, "a=x, n=3, b=no, k=+", x), CULL_EINPUT,
                    cases[i].why);
        else
            refused(cx, cull_space_parse(cx, s, cases[i].text, x), CULL_EINPUT, cases[i].why);
    }
    ok(cx, cull_space_parse(cx, s, " k=3+1, n=3\n a=\"y\" b=yes b.c=2", x));
    assert_true(x[0] == 1 && x[1] == 3 && x[2] == 1 && x[3] == 2 && x[4] == 1 && x[5] == 0);
    cull_space_free(s);
    cull_ctx_free(cx);
}

static const char configspace[] =
    "{\"name\": \"demo\", \"hyperparameters\": ["
    "{\"type\": \"uniform_float\", \"name\": \"svm:C\", \"lower\": 0.1, \"upper\": 1.5, "
    "\"default_value\": 0.4, \"log\": true, \"q\": null, \"meta\": null},"
    "{\"type\": \"categorical\", \"name\": \"a\", \"choices\": [\"x\", \"y\", \"z w\"], "
    "\"weights\": [0.5, 0.3, 0.2], \"default_value\": \"z w\"},"
    "{\"type\": \"uniform_int\", \"name\": \"c\", \"lower\": -5, \"upper\": 10, \"log\": false, "
    "\"default_value\": 6},"
    "{\"type\": \"ordinal\", \"name\": \"d\", \"sequence\": [1, 2, 3], \"default_value\": 1},"
    "{\"type\": \"constant\", \"name\": \"e\", \"value\": true},"
    "{\"type\": \"normal_int\", \"name\": \"g\", \"mu\": 50.0, \"sigma\": 10.0, \"lower\": 1, "
    "\"upper\": 100, \"default_value\": 50, \"log\": false}],"
    "\"conditions\": [{\"type\": \"EQ\", \"child\": \"svm:C\", \"parent\": \"a\", \"value\": "
    "\"x\"},"
    "{\"type\": \"GT\", \"child\": \"svm:C\", \"parent\": \"c\", \"value\": -2},"
    "{\"type\": \"OR\", \"child\": \"g\", \"conditions\": [{\"type\": \"NEQ\", \"child\": \"g\", "
    "\"parent\": \"a\", \"value\": \"z w\"}, {\"type\": \"IN\", \"child\": \"g\", \"parent\": "
    "\"d\", \"values\": [2, 3]}]}],"
    "\"forbiddens\": [{\"type\": \"AND\", \"clauses\": [{\"type\": \"IN\", \"name\": \"d\", "
    "\"values\": [1, 2]}, {\"type\": \"EQUALS\", \"name\": \"c\", \"value\": 3}]},"
    "{\"type\": \"RELATION_GT\", \"left\": \"c\", \"right\": \"g\"},"
    "{\"type\": \"RELATION\", \"left\": \"c\", \"right\": \"g\", \"lambda\": \"EQUALS\"}],"
    "\"python_module_version\": \"1.2.0\", \"format_version\": 0.4}";

static void test_configspace(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, configspace);
    char *text;
    ok(cx, cull_space_text(cx, s, false, &text));
    assert_string_equal(text, "a = one(x: 0.5, y: 0.3, \"z w\": 0.2, default=\"z w\")\n"
                              "c = int(-5, 10, default=6)\n"
                              "\"svm:C\" = real(0.1, 1.5, log, default=0.4) if a == x and c > -2\n"
                              "d = ordinal(1, 2, 3, default=1)\n"
                              "e = one(true)\n"
                              "g = int(1, 100, default=50) if a != \"z w\" or d in {2, 3}\n"
                              "forbid d in {1, 2} and c == 3\n"
                              "forbid c > g\n"
                              "forbid c == g\n");
    cull_text_free(text);
    cull_space_free(s);
    round_trip(cx, configspace);
    static const char circle[] =
        "{\"hyperparameters\": [{\"name\": \"a\", \"type\": \"constant\", \"value\": 1}, "
        "{\"name\": "
        "\"b\", \"type\": \"constant\", \"value\": 1}], \"conditions\": [{\"type\": \"EQ\", "
        "\"child\": \"a\", \"parent\": \"b\", \"value\": 1}, {\"type\": \"EQ\", \"child\": \"b\", "
        "\"parent\": \"a\", \"value\": 1}]}";
    refused(cx, cull_space_from(cx, circle, strlen(circle), "s", &s), CULL_EINPUT, "form a circle");
    cull_ctx_free(cx);
}

/* Every allocation of reading may fail, and nothing is lost then. */
static void test_memory(void **state)
{
    (void)state;
    static const char text[] = "a = or { x { n = int(1, 9) } y } b = one(p, q) if a == y\n"
                               "c = int(1, 30) d = int(1, 30) forbid c + d != 3";
    for (int which = 0; which < 2; which++) {
        const char *from_text = which ? configspace : text;
        bool done = false;
        for (long k = 1; !done; k++) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            if (!cx) continue;
            cull_space *s;
            char *out;
            cull_status st = cull_space_from(cx, from_text, strlen(from_text), "s", &s);
            if (st == CULL_OK) {
                st = cull_space_text(cx, s, true, &out);
                if (st == CULL_OK) cull_text_free(out);
                cull_space_free(s);
            }
            done = st == CULL_OK;
            assert_true(done || st == CULL_ENOMEM);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            assert_true(k < 1000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),        cmocka_unit_test(test_written),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_point_refused),
        cmocka_unit_test(test_configspace), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
