/* report_compare: means, intervals and paired differences against a naive reference; the writers. */
#include "test.h"

#include <unistd.h>

#include "base/base.h"
#include "cull/report.h"

/* Student's t, 0.975, from tables. */
static const double t975[] = {0, 12.70620474, 4.30265273, 3.18244631, 2.77644511, 2.57058184};

static void naive(const double *v, int n, double *mean, double *half)
{
    double s = 0, q = 0;
    for (int i = 0; i < n; i++) s += v[i] / n;
    for (int i = 0; i < n; i++) q += (v[i] - s) * (v[i] - s);
    *mean = s;
    *half = n > 1 ? t975[n - 1] * sqrt(q / (n - 1) / n) : NAN;
}

static const double value[12][2] = {{0.611, 0.71}, {0.598, 0.72}, {0.634, NAN},  {0.041, 0.58},
                                    {0.036, 0.60}, {0.052, 0.59}, {0.371, 0.66}, {0.45, 0.64},
                                    {0.44, 0.65},  {0.47, 0.63},  {0.58, 0.69},  {0, 0}};
static const char *const metric[] = {"label precision", "mean coverage"};
static const char *const note[] = {"3 seeds"};

static int make(cull_compare_row r[12])
{
    static const char *const who[] = {"rds-plus", "rds-plus", "rds-plus",  "random",
                                      "random",   "random",   "tf-idf",    "less",
                                      "less",     "less",     "<k-centre>"};
    static const int seed[] = {1, 2, 3, 3, 1, 2, 1, 2, 3, 4, 1};
    for (int i = 0; i < 11; i++)
        r[i] = (cull_compare_row){who[i],   (uint64_t)seed[i], i >= 3 && i <= 6,
                                  value[i], 0.1 * (i + 1),     (uint64_t)(i + 1) << 20,
                                  NULL};
    r[11] = (cull_compare_row){.method = "dsir", .seed = 1, .why = "dsir needs the pool's text"};
    return 12;
}

static const cull_compare_line *line_of(const cull_compare_line *l, int n, const char *method)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(l[i].method, method)) return &l[i];
    fail_msg("no line for %s", method);
    return NULL;
}

static void near(double a, double b) { assert_true(fabs(a - b) < 1e-7); }

static void table(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_compare_row r[12];
    cull_compare c = {.metric = metric, .metrics = 2, .row = r, .rows = make(r)};
    cull_compare_line l[12];
    const char *best;
    int n;
    double mean, half;
    ok(cx, cull_compare_table(cx, &c, 0, l, &n, &best));
    assert_int_equal(n, 6);
    assert_string_equal(best, "tf-idf"); /* 0.371 against 0.043 */
    static const char *const order[] = {"rds-plus", "<k-centre>", "less",
                                        "tf-idf",   "random",     "dsir"};
    for (int i = 0; i < 6; i++) assert_string_equal(l[i].method, order[i]);
    naive((double[]){0.611, 0.598, 0.634}, 3, &mean, &half);
    near(l[0].mean, mean), near(l[0].lo, mean - half), near(l[0].hi, mean + half);
    assert_int_equal(l[0].runs, 3);
    near(l[0].seconds, 0.2);
    assert_int_equal(l[0].peak_bytes, 3 << 20);
    /* by seed: random's are given as 3, 1, 2 */
    naive((double[]){0.611 - 0.036, 0.598 - 0.052, 0.634 - 0.041}, 3, &mean, &half);
    near(l[0].to_chance, mean), near(l[0].to_chance_lo, mean - half);
    near(l[0].to_chance_hi, mean + half);
    assert_int_equal(l[0].pairs, 3), assert_int_equal(l[0].wins, 3);
    assert_int_equal(l[2].pairs, 2), assert_int_equal(l[2].wins, 2);
    assert_int_equal(line_of(l, n, "random")->pairs, 0);
    /* the best baseline ran once: paired with every seed */
    naive((double[]){0.611 - 0.371, 0.598 - 0.371, 0.634 - 0.371}, 3, &mean, &half);
    near(l[0].to_best, mean), near(l[0].to_best_hi, mean + half);
    /* seeds 2 and 3 are in both */
    naive((double[]){0.45 - 0.052, 0.44 - 0.041}, 2, &mean, &half);
    near(l[2].to_chance, mean), near(l[2].to_chance_lo, mean - half);
    assert_true(isnan(l[3].to_best) && isnan(l[4].to_chance)); /* to itself */
    assert_true(isnan(l[1].lo) && !isnan(l[1].to_chance_lo));
    near(l[1].to_best, 0.58 - 0.371);
    assert_true(isnan(l[1].to_best_lo)); /* one run each has no interval */
    assert_true(isnan(l[5].mean) && l[5].runs == 0);
    assert_string_equal(l[5].why, "dsir needs the pool's text");
    ok(cx, cull_compare_table(cx, &c, 1, l, &n, &best));
    assert_int_equal(line_of(l, n, "rds-plus")->runs, 2); /* one was not measured */
    naive((double[]){0.71 - 0.60, 0.72 - 0.59}, 2, &mean, &half);
    near(line_of(l, n, "rds-plus")->to_chance, mean);
    c.chance = "less";
    ok(cx, cull_compare_table(cx, &c, 1, l, &n, &best));
    near(line_of(l, n, "tf-idf")->to_chance, 0.66 - 0.64); /* 0.64, 0.65, 0.63 */
    assert_int_equal(line_of(l, n, "tf-idf")->wins, 3);
    assert_int_equal(line_of(l, n, "random")->pairs, 2),
        assert_int_equal(line_of(l, n, "random")->wins, 0);
    c.chance = "nobody";
    ok(cx, cull_compare_table(cx, &c, 1, l, &n, &best));
    assert_true(isnan(l[0].to_chance));
    refused(cx, cull_compare_table(cx, &c, 2, l, &n, &best), CULL_EINPUT, "metric 2 of 2");
    cull_ctx_free(cx);
}

static void interval(void **state)
{
    (void)state;
    double v[6] = {3.25, -1.5, 0.125, 2.75, 9.0, 1.0}, m, lo, hi, mean, half;
    for (int n = 2; n <= 6; n++) {
        naive(v, n, &mean, &half);
        cull_interval(v, n, &m, &lo, &hi);
        near(m, mean);
        assert_true(fabs(lo - (mean - half)) < 1e-6 * (1 + half));
        assert_true(fabs(hi - (mean + half)) < 1e-6 * (1 + half));
    }
    cull_interval(v, 1, &m, &lo, &hi);
    assert_true(m == 3.25 && isnan(lo) && isnan(hi));
    cull_interval(v, 0, &m, &lo, &hi);
    assert_true(isnan(m) && isnan(lo));
}

static const char golden_md[] =
    "| method | label precision | 95 % interval | runs | to random | wins | to tf-idf | time | "
    "memory |\n"
    "| --- | --: | --- | --: | --- | --: | --- | --: | --: |\n"
    "| rds-plus | 0.614 | [0.569, 0.660] | 3 | +0.571 [0.512, 0.630]* | 3/3 | "
    "+0.243 [0.198, 0.289]* | 200 ms | 3.0 MiB |\n"
    "| &lt;k-centre> | 0.580 |  | 1 | +0.537 [0.517, 0.557]* | 3/3 | +0.209 | 1.10 s | 11.0 MiB |\n"
    "| less | 0.453 | [0.415, 0.491] | 3 | +0.399 [0.392, 0.405]* | 2/2 | "
    "+0.082 [0.044, 0.120]* | 900 ms | 10.0 MiB |\n"
    "| tf-idf | 0.371 |  | 1 | +0.328 [0.308, 0.348]* | 3/3 |  | 700 ms | 7.0 MiB |\n"
    "| random | 0.043 | [0.023, 0.063] | 3 |  |  | -0.328 [-0.348, -0.308]* | 500 ms | 6.0 MiB |\n"
    "| dsir | - | dsir needs the pool's text | 0 | | | | | |\n"
    "\n\\* the interval of the difference does not hold 0\n";

static void writers(void **state)
{
    (void)state;
    cull_compare_row r[12];
    static const char *const argv_[] = {"cull", "compare", "--seeds", "3", "pool.jsonl"};
    cull_run_input in = {"pool", {"pool.jsonl", 99, 4000, "0123456789abcdef0123456789abcdef"}};
    cull_compare c = {.metric = metric,
                      .metrics = 2,
                      .row = r,
                      .rows = make(r),
                      .n = 4000,
                      .budget = 120,
                      .budget_text = "3%",
                      .note = note,
                      .notes = 1,
                      .argv = argv_,
                      .argc = 5,
                      .input = &in,
                      .inputs = 1,
                      .isa = "v3",
                      .threads = 2};
    char path[100];
    static char text[200000];
    snprintf(path, sizeof path, "/tmp/cull-compare-%d.out", (int)getpid());
    for (int form = 0; form <= CULL_FORMS; form++)
        for (long k = 1;; k++) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            char *s = NULL;
            if (!cx) continue;
            cull_status e = form < CULL_FORMS ? cull_compare_write(cx, &c, (cull_form)form, path)
                                              : cull_compare_summary(cx, &c, 120, 0, &s);
            assert_true(e == CULL_OK || e == CULL_ENOMEM);
            bool done = h.calls < k;
            if (done) ok(cx, e);
            if (done && s) {
                assert_non_null(strstr(s, "rds-plus      0.614  [0.569, 0.660]       3  +0.571"));
                for (const char *p = s; *p; p++) assert_true(*p == '\n' || (*p >= 32 && *p < 127));
            }
            cull_text_free(s);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (!done) continue;
            if (form == CULL_FORMS) break;
            FILE *f = fopen(path, "rb");
            size_t n = fread(text, 1, sizeof text - 1, f);
            fclose(f);
            text[n] = 0;
            char *same;
            cull_ctx *plain = cull_ctx_new(NULL);
            ok(plain, cull_compare_text(plain, &c, (cull_form)form, &same));
            assert_string_equal(same, text);
            cull_text_free(same);
            cull_ctx_free(plain);
            if (form == CULL_FORM_MD) {
                assert_true(!strncmp(text, golden_md, strlen(golden_md)));
            }
            if (form == CULL_FORM_HTML) {
                assert_non_null(strstr(text, "&lt;k-centre&gt;"));
                assert_null(strstr(text, "<k-"));
                assert_null(strstr(text, "nan"));
            }
            if (form == CULL_FORM_JSON) assert_non_null(strstr(text, "\"kind\":\"compare\""));
            if (form == CULL_FORM_TSV) {
                int tabs = 0, lines = 0;
                for (const char *p = text; *p; p++) tabs += *p == '\t', lines += *p == '\n';
                assert_int_equal(lines, 13);
                assert_int_equal(tabs, 13 * 17);
            }
            break;
        }
    unlink(path);
    cull_ctx *cx = cull_ctx_new(NULL);
    c.rows = 0;
    refused(cx, cull_compare_write(cx, &c, CULL_FORM_MD, path), CULL_EINPUT, "has no run");
    cull_ctx_free(cx);
}

/* A method of which a metric was not measured has no line there; an interval with 0 has no mark. */
static void unmeasured(void **state)
{
    (void)state;
    static const double v[4][2] = {{0.5, 1}, {0.7, 2}, {0.4, 3}, {0.9, NAN}};
    static const char *const who[] = {"a", "a", "random", "full"};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_compare_row r[4];
    for (int i = 0; i < 4; i++)
        r[i] = (cull_compare_row){.method = who[i], .seed = (uint64_t)i, .value = v[i]};
    cull_compare c = {.metric = metric, .metrics = 2, .row = r, .rows = 4};
    cull_compare_line l[4];
    const char *best;
    char *text;
    int n;
    ok(cx, cull_compare_table(cx, &c, 0, l, &n, &best));
    assert_int_equal(n, 3);
    ok(cx, cull_compare_table(cx, &c, 1, l, &n, &best));
    assert_int_equal(n, 2);
    assert_string_equal(l[0].method, "random");
    assert_int_equal(l[1].pairs, 2), assert_int_equal(l[1].wins, 0);
    ok(cx, cull_compare_text(cx, &c, CULL_FORM_MD, &text));
    assert_null(strchr(text, '*'));
    cull_text_free(text);
    cull_ctx_free(cx);
}

/* Student's t over two shares goes far beyond 0 and 1; the interval of a share does not. */
static void shares(void **state)
{
    (void)state;
    static const double v[4][2] = {{0.9, 0.9}, {1, 1}, {0, 0}, {0.125, 0.125}};
    static const char *const who[] = {"much", "much", "little", "little"};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_compare_row r[4];
    for (int i = 0; i < 4; i++)
        r[i] = (cull_compare_row){.method = who[i], .seed = (uint64_t)i % 2, .value = v[i]};
    cull_compare c = {.metric = metric, .metrics = 2, .shares = 1, .row = r, .rows = 4};
    cull_compare_line l[4];
    const char *best;
    int n;
    for (int m = 0; m < 2; m++) {
        ok(cx, cull_compare_table(cx, &c, m, l, &n, &best));
        assert_int_equal(n, 2);
        double up = 0.95 + t975[1] * 0.05, down = 0.0625 - t975[1] * 0.0625;
        near(l[0].hi, m ? up : 1), near(l[0].lo, 0.95 - t975[1] * 0.05);
        near(l[1].lo, m ? down : 0), near(l[1].hi, 0.0625 + t975[1] * 0.0625);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(shares),
                                       cmocka_unit_test(unmeasured), cmocka_unit_test(interval),
                                       cmocka_unit_test(writers)};
    return cmocka_run_group_tests_name("report_compare", tests, NULL, NULL);
}
