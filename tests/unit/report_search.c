/* report_search: the page of a study: what it says and escapes, odd studies, allocations that fail, size. */
#include "test.h"

#include "base/base.h"
#include "cull/evaluate.h"
#include "cull/search_report.h"

#define PAGE "report_search_test.html"

static const char text[] =
    "lr = real(1e-5, 0.1, log)\n"
    "opt = or { sgd { momentum = real(0, 0.99) } adam { beta2 = real(0.9, 0.999) } }\n"
    "layers = int(1, 8)\n"
    "act = one(relu, \"<script>\", gelu)\n"
    "keep = subset(1..3 of 4)\n"
    "order = permutation(crop, flip, blur)\n"
    "mix = simplex(a, b)\n"
    "warmup = optional { steps = int(10, 1000) }\n";

typedef struct {
    cull_ctx *cx;
    cull_space *space;
    cull_objective objective[2];
    cull_search_problem p;
    cull_study *study;
} fixture;

static cull_status begin(fixture *f, cull_ctx *cx, const char *space, int objectives)
{
    *f = (fixture){.cx = cx, .objective = {{"error", false}, {"a<b", true}}};
    CULL_TRY(cull_space_from(cx, space, strlen(space), "test", &f->space));
    f->p = (cull_search_problem){.space = f->space,
                                 .objectives = objectives,
                                 .objective = f->objective,
                                 .again = CULL_AGAIN_PAID};
    return cull_study_open(cx, &f->p, cull_method_find("random-search", NULL), NULL, NULL,
                           &f->study);
}

static void end(fixture *f)
{
    cull_study_free(f->study);
    cull_space_free(f->space);
}

/* Each `fails`-th trial fails; the value is of lr and layers. */
static cull_status trials(fixture *f, int64_t n, int fails)
{
    int layers = cull_space_find(f->space, "layers");
    int64_t at = cull_space_at(f->space, layers)->at;
    for (int64_t i = 0; i < n; i++) {
        cull_trial t;
        CULL_TRY(cull_study_ask(f->study, &t));
        double lr = log10(t.x[0]) + 2.5, v[2] = {lr * lr + fabs(t.x[at] - 4) / 8, t.x[at] + lr};
        cull_outcome o = CULL_OUTCOME;
        o.value = v;
        if (fails && i % fails == 0) o.state = CULL_TRIAL_FAILED;
        CULL_TRY(cull_study_tell(f->study, t.number, &o));
    }
    return CULL_OK;
}

static cull_status write_page(fixture *f)
{
    static const char *const argv[] = {"cull", "search", "a b.cull", "</pre>"};
    cull_search_report r = CULL_SEARCH_REPORT;
    r.study = f->study;
    r.argv = argv;
    r.argc = 4;
    return cull_search_write(f->cx, &r, PAGE);
}

static char *read_page(size_t *n)
{
    FILE *in = fopen(PAGE, "rb");
    assert_non_null(in);
    fseek(in, 0, SEEK_END);
    *n = (size_t)ftell(in);
    rewind(in);
    char *s = malloc(*n + 1);
    assert_non_null(s);
    assert_int_equal(fread(s, 1, *n, in), *n);
    s[*n] = 0;
    fclose(in);
    remove(PAGE);
    return s;
}

/* Texts of ticks lie within the plot's 720 units, in the widest of common fonts. */
static void ticks_fit(const char *s)
{
    for (; (s = strstr(s, "<text class=\"tick")); s++) {
        const char *anchor = strstr(s, "text-anchor=\""), *body = strchr(s, '>') + 1;
        double x = atof(strstr(s, " x=\"") + 4), wide = 7.5 * (double)strcspn(body, "<&");
        if (!anchor || anchor > body) continue;
        bool at_end = !strncmp(anchor + 13, "end", 3);
        if (x - (at_end ? wide : wide / 2) < 0 || x + (at_end ? 0 : wide / 2) > 720)
            fail_msg("beyond the plot's edge: %.120s", s);
    }
}

/* What holds of every page: whole, nothing loaded, nothing run, no number that is none. */
static void sound(const char *s)
{
    assert_non_null(strstr(s, "</html>\n"));
    assert_null(strstr(s, "<script"));
    assert_null(strstr(s, "http"));
    assert_null(strstr(s, "src="));
    assert_null(strstr(s, "url("));
    ticks_fit(s);
    for (const char *d = s; (d = strstr(d, "<svg")); d++) {
        const char *close = strstr(d, "</svg>");
        assert_non_null(close);
        for (const char *k = d; k < close; k++)
            assert_false(!strncmp(k, "nan", 3) || !strncmp(k, "\"inf", 4) ||
                         !strncmp(k, ",inf", 4));
    }
}

static int count(const char *s, const char *what)
{
    int n = 0;
    for (; (s = strstr(s, what)); s += strlen(what)) n++;
    return n;
}

/* Of two pages of one study, which must be the same bytes. */
static char *page_in(const char *space, int objectives, int64_t n, int fails, size_t *size)
{
    fixture f;
    size_t again;
    cull_ctx *cx = cull_ctx_new(NULL);
    ok(cx, begin(&f, cx, space, objectives));
    ok(cx, trials(&f, n, fails));
    ok(cx, write_page(&f));
    char *s = read_page(size);
    ok(cx, write_page(&f));
    char *t = read_page(&again);
    assert_int_equal(*size, again);
    assert_memory_equal(s, t, again);
    free(t);
    end(&f);
    cull_ctx_free(cx);
    sound(s);
    return s;
}

static char *page_of(int objectives, int64_t n, int fails, size_t *size)
{
    return page_in(text, objectives, n, fails, size);
}

static void one_objective(void **state)
{
    (void)state;
    size_t n;
    char *s = page_of(1, 200, 10, &n);
    assert_non_null(strstr(s, "Search: 200 trials"));
    assert_non_null(strstr(s, "180 done, 20 failed"));
    assert_non_null(strstr(s, "&lt;script&gt;"));
    assert_non_null(strstr(s, "&lt;/pre&gt;"));
    assert_non_null(strstr(s, "random-search"));
    assert_non_null(strstr(s, "Importance of parameters"));
    assert_non_null(strstr(s, "Parallel coordinates"));
    assert_null(strstr(s, "<h2>Front</h2>"));
    /* 20 strokes of failures, a dot for each of 180 */
    const char *strokes = strstr(s, "<path class=\"third\"");
    assert_non_null(strokes);
    char *stop = strstr(strokes, "/>");
    *stop = 0;
    assert_int_equal(count(strokes, "v-9"), 20);
    free(s);
}

/* Trial by trial, what decides and what does not: lr is first, and the one of sgd breaks its line. */
static void decided(void **state)
{
    (void)state;
    static const char few[] =
        "lr = real(1e-5, 0.1, log)\nact = one(a, b)\nlayers = int(1, 8)\n"
        "opt = or { sgd { momentum = real(0, 1) } adam { beta2 = real(0, 1) } }\n";
    size_t n;
    char *s = page_in(few, 1, 300, 0, &n), *bars = strstr(s, "Importance of parameters</title>");
    assert_non_null(bars);
    char *first = strstr(bars, "class=\"name");
    assert_non_null(first);
    assert_int_equal(strncmp(first, "class=\"name strong\"", 19), 0);
    assert_non_null(strstr(first, "<title>lr</title>"));
    assert_true(strstr(first, "<title>lr</title>") < strstr(first, "<title>act</title>"));
    char *lines = strstr(s, "Parallel coordinates</title>");
    char *path = strstr(lines, "<path style=\"fill:none;stroke:var(--pool)");
    *strstr(path, "/>") = 0;
    /* every line breaks once: one branch of opt alone is active, and the objective comes behind both */
    assert_int_equal(count(path, "M"), 2 * 270);
    free(s);
}

static void two_objectives(void **state)
{
    (void)state;
    size_t n;
    char *s = page_of(2, 150, 7, &n);
    assert_non_null(strstr(s, "<h2>Front</h2>"));
    assert_non_null(strstr(s, "What nothing dominates"));
    assert_non_null(strstr(s, "maximise a&lt;b"));
    assert_int_equal(count(s, ">Values by trial</title>"), 2);
    free(s);
}

static void odd_studies(void **state)
{
    (void)state;
    size_t n;
    char *s = page_of(1, 0, 0, &n);
    assert_non_null(strstr(s, "There are no trials yet"));
    assert_null(strstr(s, "<svg"));
    free(s);
    s = page_of(1, 1, 0, &n);
    assert_non_null(strstr(s, "Search: 1 trial<"));
    assert_int_equal(count(s, "<svg"), 1);
    free(s);
    for (int m = 1; m <= 2; m++) {
        s = page_of(m, 12, 1, &n);
        assert_non_null(strstr(s, "All trials came to nothing"));
        assert_non_null(strstr(s, "No trial has come to a result"));
        assert_null(strstr(s, "<svg"));
        free(s);
    }
    s = page_of(2, 19, 0, &n);
    assert_non_null(strstr(s, "This is asked of 20 trials or more"));
    assert_null(strstr(s, "Importance of parameters"));
    free(s);
}

static void told(fixture *f, double value, double size, double depth)
{
    cull_trial t;
    const double v[2] = {value, value}, over[2] = {size, depth};
    cull_outcome o = CULL_OUTCOME;
    o.value = v, o.violation = over;
    ok(f->cx, cull_study_ask(f->study, &t));
    ok(f->cx, cull_study_tell(f->study, t.number, &o));
}

/* Very small and large values, and ones that differ in late digits: ticks are told apart, and none is cut off. */
static void wide_values(void **state)
{
    (void)state;
    static const struct {
        double from, step;
        const char *tick;
    } of[] = {{0, 1e-12, ">2e-11<"},    {0, 1e300, ">4e301<"},
              {1e9, 1e4, ">1.0002e9<"}, {123456.789, 1e-5, ">123456.7894<"},
              {-3e7, 1e6, ">-2e7<"},    {0, 1, ">20<"}};
    for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
        fixture f;
        size_t n;
        cull_ctx *cx = cull_ctx_new(NULL);
        ok(cx, begin(&f, cx, text, 2));
        for (int i = 0; i < 60; i++) told(&f, of[k].from + of[k].step * i, 0, 0);
        ok(cx, write_page(&f));
        char *s = read_page(&n);
        sound(s);
        if (!strstr(s, of[k].tick)) fail_msg("no tick %s", of[k].tick);
        assert_null(strstr(s, "10.00e"));
        free(s);
        end(&f);
        cull_ctx_free(cx);
    }
}

/* Where no trial keeps all constraints the page says so, and by how much the nearest breaks which. */
static void constraints(void **state)
{
    (void)state;
    static const char *const names[] = {"size", "a<c"};
    static const char sentence[] = "<p>No trial keeps all constraints; shown is what breaks them "
                                   "least: trial 7, size by 0.25, a&lt;c by 0.125.</p>";
    for (int m = 1; m <= 2; m++) {
        fixture f;
        size_t n;
        cull_ctx *cx = cull_ctx_new(NULL);
        ok(cx, begin(&f, cx, text, m));
        cull_study_free(f.study);
        f.p.constraint = names;
        f.p.constraints = 2;
        ok(cx, cull_study_open(cx, &f.p, cull_method_find("random-search", NULL), NULL, NULL,
                               &f.study));
        for (int i = 0; i < 30; i++) told(&f, i, i == 7 ? 0.25 : 1, i == 7 ? 0.125 : -1);
        ok(cx, write_page(&f));
        char *s = read_page(&n);
        sound(s);
        assert_non_null(strstr(s, sentence));
        assert_non_null(
            strstr(s, m > 1 ? "break constraints least<" : "constraints broken least<"));
        free(s);
        told(&f, 40, -1, 0);
        ok(cx, write_page(&f));
        s = read_page(&n);
        assert_null(strstr(s, "No trial keeps"));
        assert_null(strstr(s, "least<"));
        free(s);
        end(&f);
        cull_ctx_free(cx);
    }
}

static void stays_small(void **state)
{
    (void)state;
    size_t n;
    char *s = page_of(2, 10000, 9, &n);
    assert_in_range(n, 50000, 2000000);
    assert_non_null(strstr(s, "2,000 of 10,000 trials are drawn"));
    free(s);
}

static void no_study(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_search_report r = CULL_SEARCH_REPORT;
    refused(cx, cull_search_write(cx, &r, "x.html"), CULL_EINPUT, "x.html: there is no study");
    cull_ctx_free(cx);
}

/* The page alone: the study is made while nothing fails. */
static void allocations(void **state)
{
    (void)state;
    bool done = false;
    for (long k = 1; !done; k++) {
        hooks h = {0};
        fixture f;
        cull_ctx *cx = hooked_ctx(&h, 1);
        assert_non_null(cx);
        ok(cx, begin(&f, cx, text, 2));
        ok(cx, trials(&f, 40, 5));
        h.fail_at = h.calls + k;
        cull_status st = write_page(&f);
        done = h.calls < h.fail_at;
        h.fail_at = 0;
        if (done) assert_int_equal(st, CULL_OK);
        if (!done) assert_int_equal(st, CULL_ENOMEM);
        ok(cx, write_page(&f)); /* and the study is as it was */
        end(&f);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    remove(PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_objective),  cmocka_unit_test(decided),
        cmocka_unit_test(two_objectives), cmocka_unit_test(odd_studies),
        cmocka_unit_test(wide_values),    cmocka_unit_test(constraints),
        cmocka_unit_test(stays_small),    cmocka_unit_test(no_study),
        cmocka_unit_test(allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
