/* report: a run written and read back, pages, the terminal. */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "cull/data.h"
#include "cull/report.h"

/* ---- a run with everything, from a generator of its own ---- */

enum { N = 4000, K = 120, TARGETS = 300 };
typedef struct {
    int64_t idx[K];
    double score[K], pool[N], cover[2][TARGETS];
    int32_t by[K];
    char *id[K], *text[K];
    char ids[K][40], texts[K][160];
    cull_pick pick;
    cull_strings strings;
    cull_run_input input[2];
    cull_run_tally group[11];
    cull_run_figure figure[5];
    cull_run_series series[2];
    cull_run run;
} fixture;

static const char nasty[] =
    "a\"b\\c\n\t\x01\x1b[31m </script><b>&amp; \xC3\xA9 \xE2\x80\xAE \xF0\x9F\x98\x80";
static const char *const notes[] = {"13 rows overlap with the evaluation set and were left out",
                                    "</ul><script>alert(1)</script>"};
static const char *const argv_[] = {"cull", "data", "random", "--budget", "3%", "my pool's.jsonl"};

static double unit(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (double)(*s >> 11) * 0x1p-53;
}

static void build(fixture *f)
{
    static const char *const names[11] = {
        "networking", "language", "programming",
        "hardware",   "storage",  "mathematics",
        "</g><i>",    "graphics", "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E",
        "humour",     "standard"};
    uint64_t s = 77;
    memset(f, 0, sizeof *f);
    for (int i = 0; i < N; i++) f->pool[i] = unit(&s) + unit(&s) + unit(&s) - 1.1;
    for (int i = 0; i < K; i++) {
        f->idx[i] = (i * 37 + 11) % N;
        f->score[i] = 1.9 - 0.006 * i - 0.01 * unit(&s) / 3;
        f->by[i] = i % 7 ? (int32_t)(i % 13) : -1;
        snprintf(f->ids[i], sizeof f->ids[i], "foldoc-%05d", i * 811 % 12014);
        snprintf(f->texts[i], sizeof f->texts[i],
                 "A protocol for the %d-th layer, defined so that hosts on unlike networks agree "
                 "on the order of octets in each word that they send.",
                 i);
        f->id[i] = f->ids[i], f->text[i] = f->texts[i];
    }
    snprintf(f->ids[3], sizeof f->ids[3], "%.39s", nasty);
    snprintf(f->texts[3], sizeof f->texts[3], "%s", nasty);
    f->score[5] = -0.0, f->score[6] = 1.0 / 3, f->score[7] = 5e-324;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < TARGETS; i++)
            f->cover[k][i] = 0.28 + 0.5 * sqrt(unit(&s)) + (k ? 0 : 0.17);
    f->pick = (cull_pick){.n = K, .idx = f->idx, .score = f->score, .by = f->by, .spent = 118.25};
    f->pick.by_what = "target";
    f->strings = (cull_strings){K, f->id, f->text, NULL};
    f->input[0] = (cull_run_input){
        "pool", {"data/foldoc.jsonl", 2839112, N, "0123456789abcdef0123456789abcdef"}};
    f->input[1] = (cull_run_input){
        "target", {"net \xFF.jsonl", 91823, 300, "fedcba9876543210fedcba9876543210"}};
    for (int g = 0; g < 11; g++)
        f->group[g] = (cull_run_tally){names[g], 100 + 61 * g, g * g * 7 % 23, g % 2 ? NAN : 12.5};
    f->figure[0] = (cull_run_figure){"random", "label precision", 0.612, 0.5801, 0.6433, NULL};
    f->figure[1] = (cull_run_figure){"tf-idf", "label precision", 0.371, 0.33, 0.41, NULL};
    f->figure[2] =
        (cull_run_figure){"random pick", "label precision", 0.038, 0.031, 0.046, "20 draws"};
    f->figure[3] = (cull_run_figure){"random", "mean coverage", 0.7715, NAN, NAN, NULL};
    f->figure[4] =
        (cull_run_figure){"random pick", "mean coverage", 0.598, 0.591, 0.604, "20 draws"};
    f->series[0] = (cull_run_series){"random", TARGETS, f->cover[0], 0};
    f->series[1] = (cull_run_series){"random pick", TARGETS, f->cover[1], 0};
    f->run = (cull_run){.method = cull_method_find("random", NULL),
                        .seed = UINT64_MAX - 3,
                        .isa = "v3",
                        .threads = 2,
                        .build = "libraries 1.0",
                        .version = "0.1.0",
                        .input = f->input,
                        .inputs = 2,
                        .n = N,
                        .budget = 120,
                        .budget_text = "3%",
                        .cost_unit = "words",
                        .pick = &f->pick,
                        .ids = &f->strings,
                        .group = f->group,
                        .groups = 11,
                        .figure = f->figure,
                        .figures = 5,
                        .pool_score = f->pool,
                        .coverage = f->series,
                        .coverages = 2,
                        .note = notes,
                        .notes = 2,
                        .seconds = 3.217,
                        .peak_bytes = 431u << 20,
                        .argv = argv_,
                        .argc = 6};
}

/* ---- files of the test ---- */

static char dir[64];
static const char *in(const char *name)
{
    static char path[4][160];
    static int k;
    char *p = path[k++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}
static char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s: not there", path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *s = malloc((size_t)size + 1);
    assert_int_equal(fread(s, 1, (size_t)size, f), size);
    s[size] = 0;
    if (n) *n = (size_t)size;
    fclose(f);
    return s;
}
static const char *put(const char *name, const char *text)
{
    const char *p = in(name);
    FILE *f = fopen(p, "wb");
    fwrite(text, 1, strlen(text), f);
    fclose(f);
    return p;
}
static void same_file(const char *a, const char *b)
{
    char *x = slurp(a, NULL), *y = slurp(b, NULL);
    assert_string_equal(x, y);
    free(x), free(y);
}

static bool same_bits(double a, double b)
{
    return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof a);
}

/* ---- tests ---- */

static void json_round_trip(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static fixture f;
    build(&f);
    ok(cx, cull_run_write(cx, &f.run, CULL_FORM_JSON, in("a.json")));
    cull_pick_file back;
    ok(cx, cull_pick_read(cx, in("a.json"), &back));
    const cull_run *r = &back.run;
    assert_false(back.bare);
    assert_string_equal(back.kind, "json");
    assert_string_equal(r->slug, "random");
    assert_ptr_equal(r->method, f.run.method);
    assert_true(r->seed == UINT64_MAX - 3 && r->n == N && r->threads == 2);
    assert_string_equal(r->budget_text, "3%");
    assert_true(r->budget == 120 && r->pick->spent == 118.25 && r->seconds == 3.217);
    assert_true(r->peak_bytes == 431u << 20);
    assert_int_equal(r->pick->n, K);
    for (int i = 0; i < K; i++) {
        assert_int_equal(r->pick->idx[i], f.idx[i]);
        assert_true(same_bits(r->pick->score[i], f.score[i]));
        assert_int_equal(r->pick->by[i], f.by[i]);
        assert_string_equal(r->ids->id[i], f.id[i]);
    }
    assert_string_equal(r->pick->by_what, "target");
    assert_int_equal(r->inputs, 2);
    assert_string_equal(r->input[0].file.path, "data/foldoc.jsonl");
    assert_string_equal(r->input[1].file.path,
                        "net \xEF\xBF\xBD.jsonl"); /* bytes that are no text */
    assert_string_equal(r->input[1].file.hash, "fedcba9876543210fedcba9876543210");
    assert_true(r->input[0].file.bytes == 2839112 && r->input[0].file.rows == N);
    assert_int_equal(r->figures, 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(r->figure[i].name, f.figure[i].name);
        assert_true(same_bits(r->figure[i].lo, f.figure[i].lo));
        assert_true(same_bits(r->figure[i].value, f.figure[i].value));
    }
    assert_string_equal(r->figure[2].note, "20 draws");
    assert_null(r->figure[0].note);
    assert_int_equal(r->groups, 11);
    for (int i = 0; i < 11; i++) {
        assert_string_equal(r->group[i].name, f.group[i].name);
        assert_int_equal(r->group[i].kept, f.group[i].kept);
        assert_true(same_bits(r->group[i].quota, f.group[i].quota));
    }
    assert_int_equal(r->argc, 6);
    assert_string_equal(r->argv[5], "my pool's.jsonl");
    assert_string_equal(r->note[1], notes[1]);
    /* each score is in one bin, the pool's and the kept's */
    int64_t kept = 0, pool = 0;
    for (int b = 0; b < r->histogram.bins; b++)
        kept += r->histogram.kept[b], pool += r->histogram.pool[b];
    assert_true(kept == K && pool == N);
    /* what was read writes the same file, and that reads again */
    ok(cx, cull_run_write(cx, r, CULL_FORM_JSON, in("b.json")));
    same_file(in("a.json"), in("b.json"));
    cull_pick_file_free(&back);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void quantiles_by_sorting(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    build(&f);
    ok(cx, cull_run_write(cx, &f.run, CULL_FORM_JSON, in("q.json")));
    cull_pick_file back;
    ok(cx, cull_pick_read(cx, in("q.json"), &back));
    for (int k = 0; k <= 100; k++) { /* the value with that share of the others below it */
        double q = back.run.coverage[0].v[k];
        int below = 0, equal = 0;
        for (int i = 0; i < TARGETS; i++) below += f.cover[0][i] < q, equal += f.cover[0][i] == q;
        double at = (TARGETS - 1) * k / 100.0;
        assert_true(below <= floor(at) + 1 && below + equal >= ceil(at));
    }
    assert_int_equal(back.run.coverage[0].of, TARGETS);
    cull_pick_file_free(&back);
    cull_ctx_free(cx);
}

static void tsv_round_trip(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    build(&f);
    static const char *const name[] = {"a.tsv", "a.tsv.gz", "a.tsv.zst"};
    for (int k = 0; k < 3; k++) {
        ok(cx, cull_run_write(cx, &f.run, CULL_FORM_TSV, in(name[k])));
        cull_pick_file back;
        ok(cx, cull_pick_read(cx, in(name[k]), &back));
        assert_true(back.bare);
        assert_int_equal(back.run.pick->n, K);
        for (int i = 0; i < K; i++) {
            assert_int_equal(back.run.pick->idx[i], f.idx[i]);
            assert_true(same_bits(back.run.pick->score[i], f.score[i]));
            assert_int_equal(back.run.pick->by[i], f.by[i]);
            assert_string_equal(back.run.ids->id[i], f.id[i]);
        }
        cull_opts *o;
        refused(cx, cull_pick_file_opts(cx, &back, &o), CULL_EINPUT, "names no method");
        cull_pick_file_free(&back);
    }
    char *t = slurp(in("a.tsv"), NULL);
    assert_true(!strncmp(t, "row\tid\tscore\tby\n11\tfoldoc-00000\t", 32));
    free(t);
    cull_ctx_free(cx);
}

/* Tags open and close in order, attributes are quoted, nothing but known tags is there. */
static void well_formed(const char *s)
{
    static const char *const empty[] = {"meta", "br", "rect", "line", "circle", "path", "polyline"};
    char stack[64][16];
    int depth = 0;
    for (const char *p = strchr(s, '<'); p; p = strchr(p, '<')) {
        const char *end = p + 1;
        bool quote = false;
        for (; *end && (quote || *end != '>'); end++) {
            if (*end == '"') quote = !quote;
            assert_true(*end != '<');
        }
        assert_true(*end == '>');
        char tag[16] = "";
        sscanf(p[1] == '/' ? p + 2 : p + 1, "%15[a-zA-Z0-9!]", tag);
        assert_true(*tag);
        bool single = end[-1] == '/' || *tag == '!';
        for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
            single = single || !strcmp(tag, empty[i]);
        assert_true(strcmp(tag, "script"));
        if (p[1] == '/') {
            if (!depth || strcmp(stack[depth - 1], tag))
                fail_msg("</%s> closes <%s>", tag, depth ? stack[depth - 1] : "");
            depth--;
        } else if (!single) {
            assert_true(depth < 64);
            strcpy(stack[depth++], tag);
        }
        p = end;
    }
    assert_int_equal(depth, 0);
    for (const char *p = strchr(s, '&'); p; p = strchr(p + 1, '&'))
        assert_true(!strncmp(p, "&lt;", 4) || !strncmp(p, "&gt;", 4) || !strncmp(p, "&amp;", 5) ||
                    !strncmp(p, "&quot;", 6) || !strncmp(p, "&#39;", 5));
    size_t n = strlen(s);
    assert_true(cull__utf8_ok(s, n, NULL));
    for (size_t i = 0; i < n; i++) assert_true((unsigned char)s[i] >= 32 || strchr("\n\t", s[i]));
    assert_null(strstr(s, "nan"));
    assert_null(strstr(s, "http"));
    assert_null(strstr(s, "url("));
    assert_true(n < 300000);
}

static void html(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    static fixture f;
    build(&f);
    ok(cx, cull_run_write(cx, &f.run, CULL_FORM_HTML, in("a.html")));
    char *s = slurp(in("a.html"), NULL);
    well_formed(s);
    assert_non_null(strstr(s, "&lt;/script&gt;&lt;b&gt;&amp;amp; \xC3\xA9"));
    assert_null(strstr(s, "<script"));
    assert_null(strstr(s, "\x1b"));
    assert_null(strstr(s, "\xE2\x80\xAE")); /* no mark that turns the direction of a line */
    assert_non_null(strstr(s, "random kept 120 of 4,000"));
    assert_non_null(strstr(s, "&#39;my pool&#39;\\&#39;&#39;s.jsonl&#39;"));
    int plots = 0;
    for (const char *p = s; (p = strstr(p, "<svg")); p++) plots++;
    assert_int_equal(plots, 5); /* two metrics, coverage, scores, groups */
    free(s);
    /* any part may be missing: each of the parts alone, then none */
    for (int without = 0; without < 64; without++) {
        cull_run r = {.pick = &f.pick, .n = without & 1 ? N : 0};
        if (without & 2) r.ids = &f.strings;
        if (without & 4) r.figure = f.figure, r.figures = 5;
        if (without & 8) r.group = f.group, r.groups = 11;
        if (without & 16) r.coverage = f.series, r.coverages = 2;
        if (without & 32 && without & 1) r.pool_score = f.pool;
        if (without & 32) r.method = f.run.method;
        ok(cx, cull_run_write(cx, &r, CULL_FORM_HTML, in("part.html")));
        s = slurp(in("part.html"), NULL);
        well_formed(s);
        free(s);
        ok(cx, cull_run_write(cx, &r, CULL_FORM_MD, in("part.md")));
        ok(cx, cull_run_write(cx, &r, CULL_FORM_JSON, in("part.json")));
        cull_pick_file back;
        ok(cx, cull_pick_read(cx, in("part.json"), &back));
        ok(cx, cull_run_write(cx, &back.run, CULL_FORM_JSON, in("part2.json")));
        same_file(in("part.json"), in("part2.json"));
        cull_pick_file_free(&back);
    }
    cull_run r = {0};
    refused(cx, cull_run_write(cx, &r, CULL_FORM_HTML, in("no.html")), CULL_EINPUT, "no pick");
    assert_int_equal(access(in("no.html"), F_OK), -1);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Numbers at the ends of what a double holds draw plots without nan or inf. */
static void html_of_extremes(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const double odd[] = {0,        -0.0,    5e-324, 1e-300,   -1e-300,   1,    1e300,
                                 -1.7e308, 1.7e308, NAN,    INFINITY, -INFINITY, 1e15, 123456789};
    enum { ODD = sizeof odd / sizeof *odd };
    for (int a = 0; a < ODD; a++)
        for (int b = 0; b < ODD; b++) {
            int64_t idx[2] = {0, 1};
            double score[2] = {odd[a], odd[b]}, pool[2] = {odd[b], odd[a]};
            cull_pick pick = {.n = 2, .idx = idx, .score = score, .spent = 2, .by_what = ""};
            cull_run_figure g[2] = {{"x", "m", odd[a], odd[b], odd[b], NULL},
                                    {"y", "m", odd[b], odd[a], odd[b], NULL}};
            cull_run_series c = {"x", 2, score, 0};
            cull_run_tally t[2] = {{"", 0, 0, NAN}, {"z", INT64_MAX / 4, INT64_MAX / 4, odd[a]}};
            cull_run r = {.pick = &pick,
                          .n = 2,
                          .pool_score = pool,
                          .figure = g,
                          .figures = 2,
                          .coverage = &c,
                          .coverages = 1,
                          .group = t,
                          .groups = 2};
            ok(cx, cull_run_write(cx, &r, CULL_FORM_HTML, in("odd.html")));
            char *s = slurp(in("odd.html"), NULL);
            well_formed(s);
            for (const char *p = s; (p = strstr(p, "inf")); p++) /* as text, never as a place */
                assert_true(p[-1] == '>' || p[-1] == '-' || p[-1] == '[' || p[-1] == ' ');
            free(s);
            char *text;
            ok(cx, cull_run_summary(cx, &r, 80, 0, &text));
            cull_text_free(text);
            ok(cx, cull_run_write(cx, &r, CULL_FORM_JSON, in("odd.json")));
            cull_pick_file back;
            ok(cx, cull_pick_read(cx, in("odd.json"), &back));
            for (int i = 0; i < 2; i++)
                assert_true(isfinite(score[i]) ? same_bits(back.run.pick->score[i], score[i])
                                               : isnan(back.run.pick->score[i]));
            cull_pick_file_free(&back);
        }
    cull_ctx_free(cx);
}

static void terminal(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    build(&f);
    char *s;
    ok(cx, cull_run_summary(cx, &f.run, 72, 0, &s));
    static const char golden[] =
        "random kept 120 of 4,000 (3.0 %), spent 118.3 of 120 words\n"
        "\n"
        "label precision, 95 % interval\n"
        "  random         0.612  [0.580, 0.643]\n"
        "  tf-idf         0.371  [0.330, 0.410]\n"
        "  random pick    0.038  [0.031, 0.046]      20 draws\n"
        "\n"
        "mean coverage, 95 % interval\n"
        "  random         0.772\n"
        "  random pick    0.598  [0.591, 0.604]      20 draws\n"
        "\n"
        "kept by group\n"
        "  </g><i>      #############################    15 %      22 of 466\n"
        "  graphics     ############################     15 %      21 of 527\n"
        "  storage      ##########################       14 %      20 of 344\n"
        "  hardware     ######################           12 %      17 of 283\n"
        "  humour       ####################             11 %      15 of 649\n"
        "  mathematics  ###################             9.9 %      14 of 405\n"
        "  ?"
        "??          ###############                 7.7 %      11 of 588\n"
        "  standard     #############                   7.0 %      10 of 710\n"
        "  and 3 more\n"
        "\n"
        "13 rows overlap with the evaluation set and were left out\n"
        "</ul><script>alert(1)</script>\n"
        "\n"
        "3.22 s, 431 MiB of memory, seed 18446744073709551612, 2 threads (v3)\n";
    assert_string_equal(s, golden);
    for (const char *p = s; *p; p++) assert_true((*p >= 32 && *p < 127) || *p == '\n');
    cull_text_free(s);
    ok(cx, cull_run_summary(cx, &f.run, 72, CULL_TEXT_UNICODE, &s));
    int columns = 0;
    for (const char *p = s; *p; p++) { /* lines of figures and groups fit */
        if (*p == '\n')
            columns = 0;
        else
            columns += ((unsigned char)*p & 0xC0) != 0x80;
        assert_true(columns <= 74);
    }
    assert_null(strchr(s, 0x1b));
    cull_text_free(s);
    ok(cx, cull_run_summary(cx, &f.run, 72, CULL_TEXT_COLOR, &s));
    assert_non_null(strstr(s, "\033[1mrandom\033[0m kept"));
    cull_text_free(s);
    cull_ctx_free(cx);
}

static void markdown(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static fixture f;
    build(&f);
    f.run.groups = 2, f.run.figures = 3;
    f.group[0].name = "a|b*<i>\n";
    ok(cx, cull_run_write(cx, &f.run, CULL_FORM_MD, in("a.md")));
    char *s = slurp(in("a.md"), NULL);
    assert_string_equal(s,
                        "**random** kept 120 of 4,000 rows (3.0 %), seed 18446744073709551612.\n\n"
                        "| method | metric | value | 95 % interval |\n| --- | --- | --: | --- |\n"
                        "| random | label precision | 0.612 | [0.580, 0.643] |\n"
                        "| tf-idf | label precision | 0.371 | [0.330, 0.410] |\n"
                        "| random pick | label precision | 0.038 | [0.031, 0.046] |\n\n"
                        "| group | kept | of the pool | share kept |\n| --- | --: | --: | --: |\n"
                        "| language | 7 | 161 | 4.3 % |\n| a\\|b\\*&lt;i>  | 0 | 100 | 0 % |\n");
    free(s);
    cull_ctx_free(cx);
}

static void forms(void **state)
{
    (void)state;
    cull_form f;
    assert_true(cull_form_find("json", &f) && f == CULL_FORM_JSON);
    assert_true(cull_form_find("out/pick.tsv.gz", &f) && f == CULL_FORM_TSV);
    assert_true(cull_form_find("report.html", &f) && f == CULL_FORM_HTML);
    assert_true(cull_form_find("a.b/x.md", &f) && f == CULL_FORM_MD);
    assert_true(cull_form_find("Report.HTML", &f) && f == CULL_FORM_HTML);
    assert_false(cull_form_find("pick.parquet", &f));
    assert_false(cull_form_find("a.html/pick", &f));
    assert_false(cull_form_find("out/tsv", &f));
    assert_false(cull_form_find("", &f));
    assert_string_equal(cull_form_name(CULL_FORM_MD), "md");
    assert_null(cull_form_name((cull_form)9));
}

static void options_for_replay(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pick_file back;
    cull_opts *o;
    static const char form[] = "{\"kind\":\"pick\",\"method\":\"%s\",\"rev\":%d,\"options\":{%s},"
                               "\"pick\":[{\"row\":4}]}";
    char text[400];
    snprintf(text, sizeof text, form, "random", 1, "");
    ok(cx, cull_pick_read(cx, put("r.json", text), &back));
    ok(cx, cull_pick_file_opts(cx, &back, &o));
    cull_opts_free(o);
    cull_pick_file_free(&back);
    snprintf(text, sizeof text, form, "random", 2, "");
    ok(cx, cull_pick_read(cx, put("r.json", text), &back));
    refused(cx, cull_pick_file_opts(cx, &back, &o), CULL_EINPUT, "of revision 2 when");
    cull_pick_file_free(&back);
    snprintf(text, sizeof text, form, "randon", 1, "");
    ok(cx, cull_pick_read(cx, put("r.json", text), &back));
    refused(cx, cull_pick_file_opts(cx, &back, &o), CULL_EINPUT, "no method 'randon'");
    cull_pick_file_free(&back);
    snprintf(text, sizeof text, form, "random", 1, "\"depth\":3");
    ok(cx, cull_pick_read(cx, put("r.json", text), &back));
    assert_string_equal(back.run.option[0].value, "3");
    refused(cx, cull_pick_file_opts(cx, &back, &o), CULL_EINPUT, "no option 'depth'");
    assert_null(o);
    cull_pick_file_free(&back);
    cull_ctx_free(cx);
}

/* Text in memory and the file are the same bytes, in every form, also when it comes in pieces. */
static void in_memory(void **state)
{
    (void)state;
    static fixture f;
    build(&f);
    cull_ctx *cx = cull_ctx_new(NULL);
    enum { MANY = 9000 };
    int64_t *idx = calloc(MANY, sizeof *idx);
    double *score = calloc(MANY, sizeof *score);
    for (int i = 0; i < MANY; i++) idx[i] = i, score[i] = 1.0 / (i + 3);
    cull_pick many = {.n = MANY, .idx = idx, .score = score, .by_what = ""};
    cull_run big = {.slug = "random", .n = MANY, .pick = &many};
    const cull_run *const run[] = {&f.run, &big};
    for (int i = 0; i < 2; i++)
        for (int form = 0; form < CULL_FORMS; form++) {
            char *text;
            ok(cx, cull_run_text(cx, run[i], (cull_form)form, &text));
            ok(cx, cull_run_write(cx, run[i], (cull_form)form, in("same")));
            char *file = slurp(in("same"), NULL);
            assert_string_equal(text, file);
            free(file);
            cull_text_free(text);
        }
    char *none = (char *)idx;
    refused(cx, cull_run_text(cx, &f.run, CULL_FORMS, &none), CULL_EINPUT, "no form");
    assert_null(none);
    free(idx), free(score);
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    (void)state;
    static fixture f;
    build(&f);
    for (int form = 0; form <= 2 * CULL_FORMS; form++)
        for (long k = 1;; k++) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            if (!cx) continue;
            char *text = NULL;
            cull_form as = (cull_form)(form % CULL_FORMS);
            cull_status s = form < CULL_FORMS       ? cull_run_write(cx, &f.run, as, in("m"))
                            : form < 2 * CULL_FORMS ? cull_run_text(cx, &f.run, as, &text)
                                                    : cull_run_summary(cx, &f.run, 80, 3, &text);
            assert_true(s == CULL_OK || (s == CULL_ENOMEM && *cull_error(cx)));
            cull_text_free(text);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (h.calls < k) break;
            assert_true(k < 3000);
        }
    cull_ctx *plain = cull_ctx_new(NULL);
    ok(plain, cull_run_write(plain, &f.run, CULL_FORM_JSON, in("m.json")));
    cull_ctx_free(plain);
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        cull_pick_file back;
        cull_status s = cull_pick_read(cx, in("m.json"), &back);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        cull_pick_file_free(&back);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (h.calls < k) break;
        assert_true(k < 3000);
    }
}

static int enter(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cull-report-XXXXXX");
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(quantiles_by_sorting),
        cmocka_unit_test(tsv_round_trip),
        cmocka_unit_test(html),
        cmocka_unit_test(html_of_extremes),
        cmocka_unit_test(terminal),
        cmocka_unit_test(forms),
        cmocka_unit_test(in_memory),
        cmocka_unit_test(markdown),
        cmocka_unit_test(options_for_replay),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests_name("report", tests, enter, leave);
}
