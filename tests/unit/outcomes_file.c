/* outcomes_file: what models said, from tables and arrays of every form; what does not fit, by name. */
#include "files.h"

#include <sys/stat.h>

#include "cull/outcomes.h"
#include "cull/pool.h"

static const char TABLE[] = "s1,s2,q1,q2,c2,y,w,sp,g\n"
                            "0.5,0.9,1,1,4,0,1,1,b\n"
                            "0.25,0.75,0,1,6,2,0.5,2,a\n"
                            "-3,0.125,1,0,5,1,2,1.5,b\n";

static const char *text(const char *name, const char *s) { return spit(name, s, strlen(s)); }

static cull_status open_by(cull_ctx *cx, const char *path, const cull_outcomes_opts *o,
                           cull_outcomes_file **f)
{
    cull_outcomes_opts own = *o;
    own.table = path;
    return cull_outcomes_open(cx, &own, f);
}

static void is(const double *v, int n, const double *want)
{
    assert_non_null(v);
    for (int i = 0; i < n; i++)
        if (v[i] != want[i]) fail_msg("number %d is %g, not %g", i, v[i], want[i]);
}

/* All columns, from each form of a table. */
static void tables(void **state)
{
    (void)state;
    static const char tsv[] =
        "s1\ts2\tq1\tq2\tc2\ty\tw\tsp\tg\n0.5\t0.9\t1\t1\t4\t0\t1\t1\tb\n"
        "0.25\t0.75\t0\t1\t6\t2\t0.5\t2\ta\n-3\t0.125\t1\t0\t5\t1\t2\t1.5\tb\n";
    static const char jsonl[] =
        "{\"s1\":0.5,\"s2\":0.9,\"q1\":1,\"q2\":1,\"c2\":4,\"y\":0,\"w\":1,\"sp\":1,\"g\":\"b\"}\n"
        "{\"s1\":0.25,\"s2\":0.75,\"q1\":0,\"q2\":1,\"c2\":6,\"y\":2,\"w\":0.5,\"sp\":2,\"g\":"
        "\"a\"}\n"
        "{\"s1\":-3,\"s2\":0.125,\"q1\":1,\"q2\":0,\"c2\":5,\"y\":1,\"w\":2,\"sp\":1.5,\"g\":\"b\"}"
        "\n";
    static const struct {
        const char *name, *text;
    } form[] = {{"t.csv", TABLE}, {"t.tsv", tsv}, {"t.jsonl", jsonl}};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    for (size_t i = 0; i < 3; i++) {
        cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
        cull_outcomes_file *f;
        o.score = "s1,s2", o.quality = "q1,q2", o.cost = "1.5,c2", o.delay = "1,2e3";
        o.truth = "y", o.weight = "w", o.spread = "sp", o.group = "g";
        ok(cx, open_by(cx, text(form[i].name, form[i].text), &o, &f));
        const cull_outcomes *r = cull_outcomes_of(f);
        assert_int_equal(r->n, 3);
        assert_int_equal(r->models, 2);
        is(r->score, 6, (const double[]){0.5, 0.25, -3, 0.9, 0.75, 0.125});
        is(r->quality, 6, (const double[]){1, 0, 1, 1, 1, 0});
        is(r->cost, 6, (const double[]){1.5, 1.5, 1.5, 4, 6, 5}); /* a number and a column */
        is(r->delay, 2, (const double[]){1, 2000});
        is(r->truth, 3, (const double[]){0, 2, 1});
        is(r->weight, 3, (const double[]){1, 0.5, 2});
        is(r->spread, 3, (const double[]){1, 2, 1.5});
        assert_true(!r->each && !r->out && !r->x && r->classes == 0);
        assert_int_equal(r->groups, 2);
        static const char *const want[] = {"b", "a", "b"};
        for (int k = 0; k < 3; k++) {
            assert_string_equal(cull_outcomes_group(f, r->group[k]), want[k]);
            assert_string_equal(r->group_name[r->group[k]], want[k]);
        }
        assert_null(cull_outcomes_group(f, 2));
        assert_null(cull_outcomes_group(f, -1));
        assert_string_equal(r->name[0], "q1"); /* of the columns of quality */
        assert_string_equal(r->name[1], "q2");
        assert_non_null(strstr(r->where, form[i].name));
        cull_outcomes_close(f);
    }
    cull_outcomes_close(NULL);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Costs that are all numbers take no column; groups may be numbers; a column may serve twice. */
static void numbers(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    cull_outcomes_file *f;
    o.score = "s1,s1", o.cost = "1,2.5", o.models = "x,y", o.group = "c2", o.weight = "s2";
    o.quality = "q1,s1";
    ok(cx, open_by(cx, text("t.csv", TABLE), &o, &f));
    const cull_outcomes *r = cull_outcomes_of(f);
    is(r->each, 2, (const double[]){1, 2.5});
    assert_null(r->cost);
    is(r->score, 6, (const double[]){0.5, 0.25, -3, 0.5, 0.25, -3});
    assert_string_equal(r->name[1], "y");
    assert_int_equal(r->groups, 3);
    assert_string_equal(cull_outcomes_group(f, r->group[0]), "4");
    assert_string_equal(cull_outcomes_group(f, r->group[2]), "5");
    cull_outcomes_close(f);
    o = (cull_outcomes_opts)CULL_OUTCOMES_OPTS;
    o.score = "s1"; /* the least that there can be; models are called like it */
    ok(cx, open_by(cx, in_dir("t.csv"), &o, &f));
    r = cull_outcomes_of(f);
    assert_string_equal(r->name[0], "s1");
    assert_true(!r->each && !r->cost && !r->group && !r->truth && r->hash);
    cull_outcomes_close(f);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- arrays ---- */
enum { ROWS = 5, CLASSES = 3 };
static double logit(int k, int i, int c) { return 0.3 * k + 0.7 * i - c * c; }

static const char *array(cull_ctx *cx, const char *name, int k, cull_dtype t, int cols)
{
    double d[ROWS * CLASSES];
    float s[ROWS * CLASSES];
    int64_t l[ROWS * CLASSES];
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < cols; c++) {
            int at = i * cols + c;
            d[at] = cols == 1 ? i % CLASSES : logit(k, i, c);
            s[at] = (float)d[at];
            l[at] = (int64_t)d[at];
        }
    cull_array a = {.dtype = t, .ndim = cols == 1 ? 1 : 2, .shape = {ROWS, cols}};
    a.at = t == CULL_F64 ? (void *)d : t == CULL_F32 ? (void *)s : (void *)l;
    strcpy(a.name, "out");
    const char *path = in_dir(name);
    ok(cx, cull_array_write(cx, path, &a));
    return path;
}

static void arrays(void **state)
{
    (void)state;
    static const struct {
        const char *first, *member, *truth;
        cull_dtype t;
    } form[] = {{"a.npy", "", "y.npy", CULL_F32},
                {"a.npz", ":out", "y.npz", CULL_F32},
                {"a.npz", "", "y.safetensors", CULL_F64},
                {"a.npy.gz", "", "y.npy", CULL_F64}};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
        cull_outcomes_file *f;
        char first[600], second[600], truth[600];
        const char *logits[] = {first, second}, *x[] = {second};
        snprintf(first, sizeof first, "%s%s", array(cx, form[i].first, 0, form[i].t, CLASSES),
                 form[i].member);
        snprintf(second, sizeof second, "%s", array(cx, "b.npy", 1, CULL_F32, CLASSES));
        snprintf(truth, sizeof truth, "%s", array(cx, form[i].truth, 0, CULL_I64, 1));
        o.logits = logits, o.logits_files = 2, o.truth = truth, o.features = x,
        o.features_files = 1;
        ok(cx, cull_outcomes_open(cx, &o, &f));
        const cull_outcomes *r = cull_outcomes_of(f);
        assert_int_equal(r->n, ROWS);
        assert_int_equal(r->classes, CLASSES);
        assert_int_equal(r->outputs, CULL_LOGITS);
        assert_int_equal(r->d[0], CLASSES);
        for (int q = 0; q < ROWS; q++) {
            assert_true(r->truth[q] == q % CLASSES);
            for (int c = 0; c < CLASSES; c++) {
                assert_true(r->out[0][q * CLASSES + c] == (float)logit(0, q, c));
                assert_true(r->out[1][q * CLASSES + c] == (float)logit(1, q, c));
                assert_true(r->x[0][q * CLASSES + c] == (float)logit(1, q, c));
            }
        }
        assert_string_equal(r->name[0], *form[i].member ? "out" : form[i].first);
        assert_string_equal(r->name[1], "b.npy");
        cull_outcomes_close(f);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* The truth as a column, as csv of one column, and where a folder is called like the column. */
static void truths(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    cull_outcomes_file *f;
    o.score = "s1";
    const char *table = text("t.csv", TABLE);
    o.truth = text("y.csv", "y\n3\n1.5\n-2\n");
    ok(cx, open_by(cx, table, &o, &f));
    is(cull_outcomes_of(f)->truth, 3, (const double[]){3, 1.5, -2});
    cull_outcomes_close(f);
    o.truth = text("y.csv", "y,z\n3,1\n1,2\n2,3\n");
    refused(cx, open_by(cx, table, &o, &f), CULL_EINPUT,
            "y.csv has 2 columns of numbers; a truth is one");
    o.truth = text("y.csv", "y\n3\n1\n");
    refused(cx, open_by(cx, table, &o, &f), CULL_EINPUT, "y.csv has 2 rows, ");
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(files_dir), 0);
    assert_int_equal(mkdir("y", 0700), 0);
    o.truth = "y";
    o.table = "t.csv";
    cull_status s = cull_outcomes_open(cx, &o, &f);
    assert_int_equal(rmdir("y"), 0);
    assert_int_equal(chdir(here), 0);
    ok(cx, s);
    is(cull_outcomes_of(f)->truth, 3, (const double[]){0, 2, 1});
    cull_outcomes_close(f);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void refusals(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_outcomes_file *f = (cull_outcomes_file *)&h;
    char table[512], a[512], b[512], wide[512], many[400] = "s1";
    snprintf(table, sizeof table, "%s", text("t.csv", TABLE));
    snprintf(a, sizeof a, "%s", array(cx, "a.npy", 0, CULL_F32, CLASSES));
    snprintf(wide, sizeof wide, "%s", array(cx, "wide.npy", 0, CULL_F32, 2));
    snprintf(b, sizeof b, "%s", array(cx, "b.npy", 0, CULL_F32, CLASSES));
    for (int i = 0; i < 64; i++) strcat(many, ",s1");
    const char *a2[] = {a, wide}, *ab[] = {a, b};
#define O .size = sizeof(cull_outcomes_opts)
    const struct {
        cull_outcomes_opts o;
        const char *say;
    } bad[] = {
        {{O, .table = table}, "there is nothing to read: name --score, --quality, --logits"},
        {{O, .table = table, .score = "s1,s2", .quality = "q1"},
         "--score has 2 entries and --quality has 1; both are one for each model"},
        {{O, .table = table, .score = "s1,s2", .cost = "1,2,3"},
         "--score has 2 entries and --cost has 3"},
        {{O, .table = table, .score = "s1", .models = "a,b"}, "and --models has 2"},
        {{O, .table = table, .score = "s1", .delay = "1,2"}, "and --delay has 2"},
        {{O, .table = table, .score = "s1", .delay = "fast"}, "--delay: 'fast' is no number"},
        {{O, .table = table, .score = "s1,,s2"}, "--score 's1,,s2': an entry is empty"},
        {{O, .table = table, .score = ""}, "--score '': an entry is empty"},
        {{O, .table = table, .score = many}, "--score: more than 64 models"},
        {{O, .table = table, .score = "s3"}, "no column 's3'"},
        {{O, .table = table, .score = "s1", .truth = "yy"}, "no column 'yy'"},
        {{O, .table = table, .score = "s1", .group = "gg"}, "'gg'"},
        {{O, .score = "s1"}, "s1: there is no table with such a column"},
        {{O, .logits = ab, .logits_files = 2, .group = "g"},
         "--group g: there is no table with such a column"},
        {{O, .logits = ab, .logits_files = 2, .truth = "y"}, "y: there is no table"},
        {{O, .table = table, .score = "s1", .cost = "-2"}, "the cost of model 's1' is -2"},
        {{O, .table = table, .score = "s1", .spread = "s1"}, "row 2: the spread is -3"},
        {{O, .table = table, .score = "g"}, "is 'b', which is no number"},
        {{O, .logits = a2, .logits_files = 2}, "wide.npy has 2 classes, "},
        {{O, .logits = ab, .logits_files = 2, .probabilities = ab, .probabilities_files = 2},
         "give --logits or --probabilities, not both"},
        {{O, .table = table, .score = "s1,s2", .logits = ab, .logits_files = 2},
         "a.npy has 5 rows, "},
        {{O, .table = table, .score = "s1", .features = ab, .features_files = 65},
         "--features: more than 64 files"},
        {{O, .probabilities = ab, .probabilities_files = 2}, "(are these logits?)"},
        {{O, .logits = ab, .logits_files = 2, .truth = a}, "a truth is one number a row"},
    };
#undef O
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused(cx, cull_outcomes_open(cx, &bad[i].o, &f), CULL_EINPUT, bad[i].say);
        assert_null(f);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Alike in what is known beforehand, alike in the hash, whatever came of it. */
static void hashes(void **state)
{
    (void)state;
    static const char rows[] = "s1,s2,q1,q2\n1,2,0,0\n1,3,0,0\n1,2,1,1\n2,1,0,0\n";
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    cull_outcomes_file *f;
    o.score = "s1,s2", o.quality = "q1,q2";
    ok(cx, open_by(cx, text("t.csv", rows), &o, &f));
    const uint64_t *v = cull_outcomes_of(f)->hash;
    assert_true(v[0] == v[2] && v[0] != v[1] && v[0] != v[3] && v[1] != v[3]);
    cull_outcomes_close(f);
    o.score = NULL; /* nothing is known beforehand */
    ok(cx, open_by(cx, in_dir("t.csv"), &o, &f));
    assert_null(cull_outcomes_of(f)->hash);
    cull_outcomes_close(f);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- block by block ---- */
enum { MANY = 30000 };
static char *big_text(char form)
{
    static const char *const cell[] = {"b", "\"a, \"\"1\"\"\n\"", "2.0", "2"};
    static const char *const json[] = {"\"b\"", "\"a, \\\"1\\\"\\n\"", "2.0", "2"};
    char *s = malloc((size_t)MANY * 160), *at = s;
    assert_non_null(s);
    if (form != 'j') at += sprintf(at, "s1%cg%cy\n", form, form);
    for (int i = 0; i < MANY; i++) {
        double v = i * 0.37 + 1e-7 * i;
        if (form == 'j')
            at += sprintf(at, "{\"s1\":%.17g,\"g\":%s%s}\n", v, json[i % 4],
                          i % 3   ? ",\"y\":1"
                          : i % 2 ? ",\"y\":null"
                                  : "");
        else
            at += sprintf(at, "%.17g%c%s%c%s\n", v, form, cell[i % 4], form, i % 3 ? "1" : "");
    }
    return s;
}

static bool same_row(const cull_outcomes *a, int64_t at, const cull_outcomes *r, int64_t i)
{
    return r->score[i] == a->score[at] && r->hash[i] == a->hash[at] &&
           r->cost[r->n + i] == a->cost[a->n + at] && isnan(r->truth[i]) == (at % 3 == 0) &&
           !memcmp(&r->truth[i], &a->truth[at], sizeof(double)) &&
           !strcmp(r->group_name[r->group[i]], a->group_name[a->group[at]]);
}

/* The same rows wherever blocks begin; quoted cells go over lines, and over what is read at a time. */
static void blocks(void **state)
{
    (void)state;
    static const char form[] = {',', '\t', 'j'};
    static const char *const name[] = {"big.csv", "big.tsv", "big.jsonl"};
    static const int64_t most[] = {1, 4096, MANY, INT64_MAX};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    for (int k = 0; k < 3; k++) {
        char *s = big_text(form[k]);
        cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
        cull_outcomes_file *all, *f;
        o.table = text(name[k], s), o.score = "s1,s1", o.cost = "2,s1", o.truth = "y";
        o.group = "g";
        refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT, "blank; every row needs a number");
        o.late = true;
        ok(cx, cull_outcomes_open(cx, &o, &all));
        const cull_outcomes *a = cull_outcomes_of(all), *r;
        assert_int_equal(a->n, MANY);
        assert_int_equal(a->groups, 3);
        for (size_t b = 0; b < sizeof most / sizeof *most; b++) {
            int64_t n = 0;
            ok(cx, cull_outcomes_begin(cx, &o, &f));
            for (r = cull_outcomes_of(f);; n += r->n) {
                ok(cx, cull_outcomes_next(cx, f, most[b]));
                if (!r->n || (most[b] == 1 && n > 600)) break;
                assert_int_equal(r->first, n);
                assert_int_equal(r->n, MANY - n < most[b] ? MANY - n : most[b]);
                for (int64_t i = 0; i < r->n; i++)
                    if (!same_row(a, n + i, r, i)) fail_msg("%s: row %d", name[k], (int)(n + i));
            }
            assert_true(n == MANY || most[b] == 1);
            cull_outcomes_close(f);
        }
        assert_string_equal(a->group_name[a->group[1]], "a, \"1\""); /* blanks around are none */
        assert_string_equal(a->group_name[a->group[2]], "2");
        cull_outcomes_close(all);
        free(s);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Arrays beside a table are cut alike; more rows on either side are told once they are seen. */
static void blocks_of_arrays(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    char logits[512], truth[512];
    const char *out[] = {logits};
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    cull_outcomes_file *f;
    snprintf(logits, sizeof logits, "%s", array(cx, "a.npy", 0, CULL_F32, CLASSES));
    snprintf(truth, sizeof truth, "%s", array(cx, "y.npy", 0, CULL_I64, 1));
    o.logits = out, o.logits_files = 1, o.truth = truth;
    for (int with_table = 0; with_table < 2; with_table++) {
        if (with_table) o.table = text("t.csv", "w,g\n1,7\n2,8\n3,7\n4,9\n5,7\n");
        if (with_table) o.weight = "w", o.group = "g";
        ok(cx, cull_outcomes_begin(cx, &o, &f));
        const cull_outcomes *r = cull_outcomes_of(f);
        for (int64_t n = 0; n < ROWS; n += 2) {
            ok(cx, cull_outcomes_next(cx, f, 2));
            assert_int_equal(r->n, n + 2 <= ROWS ? 2 : ROWS - n);
            for (int64_t i = 0; i < r->n; i++) {
                assert_true(r->out[0][i * CLASSES + 1] == (float)logit(0, (int)(n + i), 1));
                assert_true(r->truth[i] == (double)((n + i) % CLASSES));
                assert_true(!with_table || r->weight[i] == (double)(n + i + 1));
            }
        }
        ok(cx, cull_outcomes_next(cx, f, 2));
        assert_int_equal(r->n, 0);
        cull_outcomes_close(f);
    }
    static const struct {
        const char *rows, *say;
    } bad[] = {{"w\n1\n2\n3\n", "a.npy has 5 rows, "}, {"w\n1\n2\n3\n4\n5\n6\n", "has more"}};
    for (int i = 0; i < 2; i++) {
        o.table = text("t.csv", bad[i].rows), o.group = NULL;
        ok(cx, cull_outcomes_begin(cx, &o, &f));
        cull_status s = CULL_OK;
        for (int k = 0; k < 4 && s == CULL_OK; k++) s = cull_outcomes_next(cx, f, 2);
        refused(cx, s, CULL_EINPUT, bad[i].say);
        cull_outcomes_close(f);
    }
    o = (cull_outcomes_opts)CULL_OUTCOMES_OPTS; /* an array as the table */
    o.table = logits, o.score = "c2,c0", o.group = "c1";
    ok(cx, cull_outcomes_begin(cx, &o, &f));
    for (int i = 0; i < ROWS; i++) {
        ok(cx, cull_outcomes_next(cx, f, 1));
        assert_true(cull_outcomes_of(f)->score[0] == (double)(float)logit(0, i, 2));
        assert_true(cull_outcomes_of(f)->score[1] == (double)(float)logit(0, i, 0));
    }
    cull_outcomes_close(f);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void no_memory(void **state)
{
    (void)state;
    cull_ctx *plain = cull_ctx_new(NULL);
    char table[512], a[512];
    snprintf(table, sizeof table, "%s",
             text("t.csv", "s,c,g,y\n1,1,a,0\n2,1,b,1\n3,2,a,2\n1,2,b,0\n0,0,c,1\n"));
    snprintf(a, sizeof a, "%s", array(plain, "a.npy", 0, CULL_F64, CLASSES));
    cull_ctx_free(plain);
    const char *logits[] = {a};
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    o.table = table, o.score = "s", o.cost = "c", o.truth = "y", o.logits = logits;
    o.logits_files = 1;
    for (int numeric = 0; numeric < 2; numeric++) {
        bool failed = true;
        o.group = numeric ? "c" : "g";
        for (long k = 1; failed; k++) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_outcomes_file *f = NULL;
            failed = !cx;
            if (!cx) continue;
            cull_status s = cull_outcomes_open(cx, &o, &f);
            failed = h.calls >= k;
            if (s != CULL_OK && s != CULL_ENOMEM) fail_msg("%ld: %d %s", k, s, cull_error(cx));
            assert_true((s == CULL_OK) == (f != NULL));
            cull_outcomes_close(f);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(numbers, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(arrays, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(truths, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(refusals, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(hashes, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(blocks, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(blocks_of_arrays, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(no_memory, make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
