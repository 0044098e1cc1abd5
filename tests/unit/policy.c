/* policy: what is put in comes out, also of a file, to the bit; damaged files; groups known again by name. */
#include "files.h"

#include <float.h>

#include "cull/compute.h"
#include "cull/trust.h"

static const char *const names[] = {"a \"b\"", "c,d\t\xc3\xa9"};
static const cull_outcomes two = {.n = 1, .models = 2, .name = names};

static cull_policy *made(cull_ctx *cx, const char *slug)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_policy *p;
    cull_opts *o;
    assert_non_null(m);
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_policy_new(cx, &p));
    ok(cx, cull_policy_made_by(cx, p, m, o, &two));
    cull_opts_free(o);
    return p;
}

static char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *s = malloc(1 << 20);
    assert_true(f && s);
    *n = fread(s, 1, (1 << 20) - 1, f);
    s[*n] = 0;
    fclose(f);
    return s;
}

/* Written, read, written: the same bytes. */
static cull_policy *round_trip(cull_ctx *cx, const cull_policy *p)
{
    cull_policy *again;
    size_t n, m;
    ok(cx, cull_policy_write(cx, p, in_dir("p.json")));
    char *a = slurp(in_dir("p.json"), &n);
    ok(cx, cull_policy_open(cx, in_dir("p.json"), &again));
    ok(cx, cull_policy_write(cx, again, in_dir("p.json")));
    char *b = slurp(in_dir("p.json"), &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
    return again;
}

static uint64_t bits(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static void numbers(void **state)
{
    (void)state;
    const double v[] = {0,
                        -0.0,
                        1,
                        -1.0 / 3,
                        0.1,
                        INFINITY,
                        -INFINITY,
                        NAN,
                        DBL_MAX,
                        -DBL_MIN,
                        5e-324,
                        -2.5e-310,
                        1 << 30,
                        9007199254740993.0,
                        1e22,
                        1.7976931348623155e308,
                        123456789012345678.0,
                        2.385};
    enum { V = sizeof v / sizeof *v };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_policy *p = made(cx, "cascade");
    ok(cx, cull_policy_put(cx, p, "all", V / 2, 2, v));
    ok(cx, cull_policy_put(cx, p, "row", 1, V, v));
    ok(cx, cull_policy_put(cx, p, "none", 0, 0, NULL));
    ok(cx, cull_policy_put(cx, p, "flat", 0, 5, NULL));
    ok(cx, cull_policy_put(cx, p, "tall", 7, 0, v));
    ok(cx, cull_policy_put_number(cx, p, "minus zero", -0.0));
    ok(cx, cull_policy_put_number(cx, p, "twice", 1));
    ok(cx, cull_policy_put(cx, p, "twice", 2, 1, v + 8));
    cull_policy *again = round_trip(cx, p);
    for (int i = 0; i < 2; i++) {
        const cull_policy *of = i ? again : p;
        int64_t rows, cols;
        const double *got = cull_policy_get(of, "all", &rows, &cols);
        assert_true(rows == V / 2 && cols == 2);
        for (int k = 0; k < V; k++)
            assert_true(isnan(v[k]) ? isnan(got[k]) : bits(got[k]) == bits(v[k]));
        assert_non_null(cull_policy_get(of, "none", &rows, &cols));
        assert_true(rows == 0 && cols == 0);
        assert_non_null(cull_policy_get(of, "flat", &rows, &cols));
        assert_true(rows == 0 && cols == 5);
        assert_non_null(cull_policy_get(of, "tall", &rows, &cols));
        assert_true(rows == 7 && cols == 0);
        double z = 1;
        ok(cx, cull_policy_need_number(cx, of, "minus zero", &z));
        assert_true(z == 0 && signbit(z));
        got = cull_policy_get(of, "twice", &rows, NULL);
        assert_true(rows == 2 && got[0] == DBL_MAX && got[1] == -DBL_MIN);
        assert_null(cull_policy_get(of, "absent", &rows, &cols));
        assert_true(rows == 0 && cols == 0);
        assert_null(cull_policy_get(of, "absent", NULL, NULL));
        refused(cx, cull_policy_need(cx, of, "absent", 1, 1, &got), CULL_EINPUT,
                "the policy lacks the array 'absent'; fit it again");
        refused(cx, cull_policy_need(cx, of, "all", -1, 3, &got), CULL_EINPUT,
                "the policy's array 'all' is 9 x 2, not as its method leaves it");
        refused(cx, cull_policy_need_number(cx, of, "twice", &z), CULL_EINPUT, "'twice' is 2 x 1");
        ok(cx, cull_policy_need(cx, of, "all", 9, -1, &got));
    }
    refused(cx, cull_policy_put(cx, p, "x", INT64_MAX / 4, 5, v), CULL_EINPUT, "is too large");
    refused(cx, cull_policy_put(cx, p, "x", -1, 1, v), CULL_EINPUT, "of -1 x 1 numbers");
    cull_policy_free(p), cull_policy_free(again), cull_policy_free(NULL);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void texts(void **state)
{
    (void)state;
    static const char nasty[] =
        "\"quoted\" \\ back/slash\n\ttab\x01 \xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80 </script>";
    char *large = malloc(100001);
    memset(large, 'x', 100000);
    large[100000] = 0;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_ctx_reseed(cx, UINT64_MAX);
    cull_policy *p = made(cx, "cascade");
    ok(cx, cull_policy_put_text(cx, p, nasty, nasty));
    ok(cx, cull_policy_put_text(cx, p, "", "of no name"));
    ok(cx, cull_policy_put_text(cx, p, "empty", ""));
    ok(cx, cull_policy_put_text(cx, p, "twice", "one"));
    ok(cx, cull_policy_put_text(cx, p, "twice", large));
    ok(cx, cull_policy_note(cx, p, "%d %% of rows: %s", 62, nasty));
    ok(cx, cull_policy_note(cx, p, "second"));
    ok(cx, cull_policy_note(cx, p, "%s", large)); /* cut, not lost */
    assert_null(cull_policy_guaranteed(p));
    cull_guarantee g = {.bounds = "old", .n = 1};
    ok(cx, cull_policy_guarantee(cx, p, &g));
    g = (cull_guarantee){
        .bounds = nasty, .level = 0.1, .delta = 5e-324, .assumes = "a", .n = 1 << 30};
    ok(cx, cull_policy_guarantee(cx, p, &g));
    cull_policy *again = round_trip(cx, p);
    for (int i = 0; i < 2; i++) {
        const cull_policy *of = i ? again : p;
        assert_string_equal(cull_policy_text(of, nasty), nasty);
        assert_string_equal(cull_policy_text(of, ""), "of no name");
        assert_string_equal(cull_policy_text(of, "empty"), "");
        assert_string_equal(cull_policy_text(of, "twice"), large);
        assert_null(cull_policy_text(of, "absent"));
        assert_int_equal(cull_policy_notes(of), 3);
        assert_int_equal(strncmp(cull_policy_note_at(of, 0), "62 % of rows: \"quoted\"", 22), 0);
        assert_string_equal(cull_policy_note_at(of, 1), "second");
        assert_int_equal(strlen(cull_policy_note_at(of, 2)), 999);
        assert_null(cull_policy_note_at(of, 3));
        assert_null(cull_policy_note_at(of, -1));
        const cull_guarantee *said = cull_policy_guaranteed(of);
        assert_string_equal(said->bounds, nasty);
        assert_string_equal(said->assumes, "a");
        assert_null(said->broken);
        assert_true(said->level == 0.1 && said->delta == 5e-324 && said->n == 1 << 30);
        assert_int_equal(cull_policy_models(of), 2);
        assert_string_equal(cull_policy_model(of, 0), names[0]);
        assert_string_equal(cull_policy_model(of, 1), names[1]);
        assert_null(cull_policy_model(of, 2));
        assert_string_equal(cull_policy_method(of)->slug, "cascade");
    }
    size_t n;
    char *file = slurp(in_dir("p.json"), &n);
    assert_non_null(strstr(file, "18446744073709551615"));
    free(file), free(large);
    cull_policy_free(p), cull_policy_free(again);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Options are those of the fit, whatever the defaults become; a policy that nobody made is refused. */
static void makers(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    const cull_method *m = cull_method_find("prediction-sets", NULL);
    cull_opts *o;
    cull_policy *p;
    char buf[64];
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_opts_set(cx, o, "kind", "raps"));
    ok(cx, cull_opts_set(cx, o, "penalty", "0.3"));
    ok(cx, cull_policy_new(cx, &p));
    ok(cx, cull_policy_made_by(cx, p, m, o, &two));
    cull_opts_free(o);
    cull_policy *again = round_trip(cx, p);
    ok(cx, cull_policy_options(cx, again, &o));
    assert_string_equal(cull_opts_get(o, "kind", buf, sizeof buf), "raps");
    assert_string_equal(cull_opts_get(o, "penalty", buf, sizeof buf), "0.3");
    cull_opts_free(o);
    ok(cx, cull_policy_put_text(cx, again, "option.penalty", "much"));
    refused(cx, cull_policy_options(cx, again, &o), CULL_EOPTION, "penalty");
    assert_null(o);
    cull_policy_free(p), cull_policy_free(again);
    ok(cx, cull_policy_new(cx, &p));
    refused(cx, cull_policy_write(cx, p, in_dir("none.json")), CULL_EINPUT, "is of no method");
    assert_int_equal(access(in_dir("none.json"), F_OK), -1);
    refused(cx, cull_policy_options(cx, p, &o), CULL_EINPUT, "is of no method");
    cull_policy_free(p);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- damaged files ---- */
static cull_policy *full(cull_ctx *cx)
{
    const double v[] = {1, NAN, -0.5, INFINITY};
    cull_policy *p = made(cx, "prediction-sets");
    ok(cx, cull_policy_put(cx, p, "v", 2, 2, v));
    ok(cx, cull_policy_put_text(cx, p, "t", "x"));
    ok(cx, cull_policy_note(cx, p, "note"));
    ok(cx, cull_policy_guarantee(
               cx, p, &(cull_guarantee){.bounds = "b", .level = .1, .assumes = "a", .n = 4}));
    return p;
}

static void damaged(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_policy *p = full(cx), *got;
    size_t n;
    ok(cx, cull_policy_write(cx, p, in_dir("p.json")));
    cull_policy_free(p);
    char *file = slurp(in_dir("p.json"), &n);
    for (size_t k = 0; k < n - 1; k++) { /* the last byte is a newline */
        cull_status s = cull_policy_open(cx, spit("cut.json", file, k), &got);
        if (s != CULL_EINPUT || got) fail_msg("%zu bytes of %zu were read", k, n);
        assert_non_null(strstr(cull_error(cx), "cut.json"));
    }
    for (size_t k = 0; k < n; k++)
        for (int by = 1; by < 256; by += 85) {
            char was = file[k];
            file[k] = (char)(was ^ by);
            cull_status s = cull_policy_open(cx, spit("cut.json", file, n), &got);
            assert_true(s == CULL_OK || (s == CULL_EINPUT && *cull_error(cx)));
            cull_policy_free(got);
            file[k] = was;
        }
    free(file);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* The file with one part replaced. */
static void swap(const char *file, const char *from, const char *to, char *out)
{
    const char *at = strstr(file, from);
    if (!at) fail_msg("the file lacks %s: %s", from, file);
    sprintf(out, "%.*s%s%s", (int)(at - file), file, to, at + strlen(from));
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *say;
    } bad[] = {
        {"\"format\":1", "\"format\":2",
         "of format 2, this cull reads up to 1; it was made by a newer one"},
        {"\"format\":1", "\"format\":0", "'format' is not a whole number"},
        {"\"format\":1", "\"format\":\"1\"", "'format' is not a number"},
        {"\"format\":1", "\"fromat\":1", "'format' is not a number"},
        {"\"cull\":\"policy\"", "\"cull\":\"pick\"", "no policy (the file that"},
        {"\"prediction-sets\"", "\"oracle\"", "of method 'oracle', which this cull lacks"},
        {"\"prediction-sets\"", "\"random\"", "of method 'random', which this cull lacks"},
        {"\"prediction-sets\"", "7", "'method' is not a string"},
        {"\"shape\":[2,2]", "\"shape\":[2,3]",
         "'values' is not a list of as many numbers as its shape"},
        {"\"shape\":[2,2]", "\"shape\":[4]", "'shape' is not two whole numbers"},
        {"\"shape\":[2,2]", "\"shape\":[2,2,1]", "'values' is not a list"},
        {"\"shape\":[2,2]", "\"shape\":[-2,-2]", "'shape' is not two whole numbers"},
        {"\"shape\":[2,2]", "\"shape\":[1e300,1e300]", "'shape' is not two whole numbers"},
        {"\"shape\":[2,2]", "\"shape\":[1.6,2.5]", "'shape' is not two whole numbers"},
        {"\"shape\":[2,2]", "\"shape\":\"22\"", "'shape' is not a list"},
        {"-0.5", "\"-0.5\"", "'values' is not a list"},
        {"-0.5", "null", "'values' is not a list"},
        {"\"nan\"", "\"NaN\"", "'values' is not a list"},
        {"\"notes\":[\"note\"]", "\"notes\":[3]", "'notes' is not a string"},
        {"\"notes\":[\"note\"]", "\"notes\":{}", "'notes' is not a list"},
        {"\"t\":\"x\"", "\"t\":\"x\\u0000y\"", "'t' is not a string without NUL"},
        {"\"t\":\"x\"", "\"t\\u0000u\":\"x\"", "'name' is not a string without NUL"},
        {"\"level\":0.1", "\"level\":[]", "'level' is not a number"},
        {"\"bounds\":\"b\"", "\"bounds\":null", "'bounds' is not a string"},
        {"\"rows\":4", "\"rows\":4.5", "'rows' is not a whole number"},
        {"\"seed\":1", "\"seed\":-1", "'seed' is not a whole number"},
        {"\"delta\":0", "\"delto\":0", "'delta' is not a number"},
    };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_policy *p = full(cx), *got;
    size_t n;
    ok(cx, cull_policy_write(cx, p, in_dir("p.json")));
    cull_policy_free(p);
    char *file = slurp(in_dir("p.json"), &n), *out = malloc(n + 200);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        swap(file, bad[i].from, bad[i].to, out);
        refused(cx, cull_policy_open(cx, spit("x.json", out, strlen(out)), &got), CULL_EINPUT,
                bad[i].say);
        assert_non_null(strstr(cull_error(cx), "x.json: "));
        assert_null(got);
    }
    swap(file, "\"format\":1", "\"later\":[{}],\"format\":1",
         out); /* what is not known is no fault */
    ok(cx, cull_policy_open(cx, spit("x.json", out, strlen(out)), &got));
    cull_policy_free(got);
    refused(cx, cull_policy_open(cx, spit("x.json", "[1]", 3), &got), CULL_EINPUT, "no policy");
    refused(cx, cull_policy_open(cx, spit("x.json", "", 0), &got), CULL_EINPUT, "x.json");
    refused(cx, cull_policy_open(cx, in_dir("absent"), &got), CULL_EIO, "absent");
    free(file), free(out);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- groups ---- */
/* Rows of group "b" stray ten times as far; in other rows the groups have other numbers. */
static void groups(void **state)
{
    (void)state;
    enum { N = 200 };
    static const char *const first[] = {"a", "b"}, *const other[] = {"new", "b", "a"};
    double mu[N] = {0}, y[N];
    int32_t g[N], other_g[N];
    for (int i = 0; i < N; i++) {
        g[i] = i & 1;
        y[i] = (g[i] ? 10 : 1) * (i % 97 + 1) / 97.0;
        other_g[i] = i % 5 == 0 ? 0 : g[i] ? 1 : 2;
    }
    cull_outcomes o = {
        .n = N, .models = 1, .score = mu, .truth = y, .group = g, .groups = 2, .group_name = first};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    const cull_method *m = cull_method_find("prediction-intervals", NULL);
    cull_opts *opts;
    cull_policy *p;
    cull_decisions d, e;
    ok(cx, cull_opts_new(cx, m, &opts));
    ok(cx, cull_opts_set(cx, opts, "by", "group"));
    cull_trust_problem t = CULL_TRUST_PROBLEM;
    t.rows = &o;
    ok(cx, cull_trust_fit(cx, m, opts, &t, &p));
    cull_policy *again = round_trip(cx, p);
    ok(cx, cull_trust_apply(cx, again, NULL, &o, &d, NULL));
    assert_true(d.hi[0] < 1.1 && d.hi[1] > 8);
    o.group = other_g, o.groups = 3, o.group_name = other;
    ok(cx, cull_trust_apply(cx, again, NULL, &o, &e, NULL));
    for (int i = 0; i < N; i++)
        assert_true(other_g[i] ? e.lo[i] == d.lo[i] && e.hi[i] == d.hi[i]
                               : e.lo[i] == -INFINITY && e.hi[i] == INFINITY);
    cull_decisions_free(&e);
    o.group_name = NULL;
    refused(cx, cull_trust_apply(cx, again, NULL, &o, &e, NULL), CULL_EINPUT,
            "the groups of the calibration rows have names, those of these rows numbers alone");
    cull_decisions_free(&d);
    cull_policy_free(p), cull_policy_free(again);
    cull_opts_free(opts);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static cull_status whole_life(cull_ctx *cx, cull_policy **p, cull_policy **again)
{
    const double v[] = {1, NAN};
    const cull_guarantee g = {.bounds = "b", .level = .1, .assumes = "a", .broken = "c", .n = 4};
    const cull_method *m = cull_method_find("cascade", NULL);
    cull_outcomes rows = two;
    cull_opts *o;
    int32_t group = 1;
    rows.group = &group, rows.groups = 2, rows.group_name = names;
    cull_status s = cull_opts_new(cx, m, &o);
    if (s != CULL_OK) return s;
    s = cull_policy_new(cx, p);
    if (s == CULL_OK) s = cull_policy_made_by(cx, *p, m, o, &rows);
    cull_opts_free(o);
    for (int i = 0; i < 2 && s == CULL_OK; i++) s = cull_policy_put(cx, *p, "v", 1, 2, v);
    for (int i = 0; i < 2 && s == CULL_OK; i++) s = cull_policy_put_text(cx, *p, "t", "x");
    if (s == CULL_OK) s = cull_policy_note(cx, *p, "note");
    for (int i = 0; i < 2 && s == CULL_OK; i++) s = cull_policy_guarantee(cx, *p, &g);
    if (s == CULL_OK) s = cull_policy_write(cx, *p, in_dir("p.json"));
    return s == CULL_OK ? cull_policy_open(cx, in_dir("p.json"), again) : s;
}

static void no_memory(void **state)
{
    (void)state;
    bool failed = true;
    for (long k = 1; failed; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_policy *p = NULL, *again = NULL;
        failed = !cx;
        if (!cx) continue;
        cull_status s = whole_life(cx, &p, &again);
        failed = h.calls >= k;
        if (s != (failed ? CULL_ENOMEM : CULL_OK)) fail_msg("%ld: %d %s", k, s, cull_error(cx));
        cull_policy_free(p), cull_policy_free(again);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(texts, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(makers, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(damaged, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(refusals, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(groups, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(no_memory, make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
