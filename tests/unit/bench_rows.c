/* bench_rows: tables whose rows name designs: circuits, graph nets under all their names, runs where designs have no
 * result, a table as JSON. */
#include "test.h"

#include "claim/search_bench.h"
#include "cull/report.h"
#include "cull/search.h"

#include <unistd.h>

static const cull_bench_table named = {"made", "a made table", "", "log10", NULL};
static char path[] = "/tmp/cull-rows-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int f = mkstemp(path);
    return f < 0 || close(f) ? -1 : 0;
}

static int drop_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_text(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* ---- circuits ---- */

static const char circuit[] =
    "width = ordinal(1, 4, 16)\nkind = one(0, 1)\nunroll = ordinal(2, 8)\n";
static const char circuits[] = "more,unroll,width,kind,time_ms\n"
                               "x,2,1,0,10\nx,8,16,1,0.5\nx,8,4,0,2.5\nx,2,16,1,40\n";

static cull_status open_circuits(cull_ctx *cx, const char *text, cull__bench_problem *p)
{
    *p = (cull__bench_problem){.about = &named};
    write_text(text);
    CULL_TRY(cull__bench_listed(cx, path, circuit, "time_ms", p->about->second, p));
    return cull__bench_ready(cx, p);
}

static void listed(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p;
    (void)state;
    ok(cx, open_circuits(cx, circuits, &p));
    assert_int_equal(p.points, 12);
    assert_int_equal(p.designs, 4);
    assert_true(p.best == 0.5 && p.worst == 40 && p.minimize && p.ratio);
    for (int i = 0, has = 0; i < 12; i++) { /* width, kind, unroll: of 3, 2, 2 */
        double v = i == 0 ? 10 : i == 11 ? 0.5 : i == 5 ? 2.5 : i == 10 ? 40 : 0;
        assert_true(p.row[i] < 0 ? v == 0 : p.value[p.row[i]] == v);
        has += p.row[i] >= 0;
        if (i == 11) assert_int_equal(has, 4);
    }
    assert_true(cull__bench_regret(&p, 5) == 1);
    cull_space_free(p.space);
    static const struct {
        const char *row, *why;
    } wrong[] = {{"x,2,3,0,1\n", "line 2: width has no value '3'"},
                 {"x,2,1,0,0\n", "line 2: a time must be a number above 0"},
                 {"x,2,1,0,no\n", "line 2: a time must be a number above 0"},
                 {"x,2,1,0,1\nx,2,1,0,1\n", "line 3: this design is there twice"}};
    for (int k = 0; k < 4; k++) {
        char text[128];
        snprintf(text, sizeof text, "more,unroll,width,kind,time_ms\n%s", wrong[k].row);
        refused(cx, open_circuits(cx, text, &p), CULL_EINPUT, wrong[k].why);
        cull_space_free(p.space);
    }
    refused(cx, open_circuits(cx, "unroll,width,time_ms\n", &p), CULL_EINPUT, "no column 'kind'");
    cull_space_free(p.space);
    cull_ctx_free(cx);
}

/* ---- runs where most points fail ---- */

enum { SEEDS = 5, BUDGETS = 3 };

static void failing(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p;
    cull_bench_opts o = CULL_BENCH_OPTS;
    static const char *const slug[] = {"tpe", "tpe",       "regularized-evolution",
                                       "gp",  "annealing", "local-search"};
    static const char *const name[] = {NULL, "tpe:startup=2", NULL, NULL, NULL, NULL};
    const cull_method *m[6];
    cull_opts *mine[6] = {0};
    cull_bench *b;
    bool nothing = false;
    (void)state;
    ok(cx, open_circuits(cx, circuits, &p));
    for (int i = 0; i < 6; i++) assert_non_null(m[i] = cull_method_find(slug[i], NULL));
    ok(cx, cull_opts_new(cx, m[1], &mine[1]));
    ok(cx, cull_opts_set(cx, mine[1], "startup", "2"));
    o.method = m, o.methods = 6, o.seeds = SEEDS;
    o.opts = (const cull_opts *const *)mine, o.name = name;
    o.at[0] = 1, o.at[1] = 6, o.at[2] = 12;
    ok(cx, cull__bench_run(cx, &p, &o, &b));
    assert_int_equal(b->lines, 7);
    assert_string_equal(b->line[1].name, "tpe");
    assert_string_equal(b->line[2].name, "tpe:startup=2");
    for (int i = 0; i < b->lines; i++)
        for (int s = 0; s < SEEDS; s++) {
            const double *r = b->line[i].regret;
            assert_string_equal(b->line[i].why, "");
            /* nothing found counts as the worst, which is 80 times the best */
            nothing |= r[s] == log10(80);
            assert_true(r[s] >= r[SEEDS + s] && r[SEEDS + s] >= r[2 * SEEDS + s]);
            assert_true(r[2 * SEEDS + s] == 0); /* all of the space, failed or not */
        }
    /* options matter: by six trials two know what the first two came to, where the other has drawn all */
    assert_memory_not_equal(b->line[1].regret, b->line[2].regret, BUDGETS * SEEDS * sizeof(double));
    assert_true(nothing); /* 1 of 3 designs works: not all 35 first ones do */
    assert_int_equal(b->designs, 4);
    cull_bench_free(b);
    char longer[CULL_BENCH_NAME + 1] = "";
    const char *const too[] = {longer, NULL, NULL, NULL, NULL, NULL};
    memset(longer, 'x', CULL_BENCH_NAME);
    o.name = too;
    refused(cx, cull__bench_run(cx, &p, &o, &b), CULL_EINPUT, "is longer than");
    cull_opts_free(mine[1]);
    cull_space_free(p.space);
    cull_ctx_free(cx);
}

/* ---- graph nets ----
 * The oracle writes a net as a tree: of each node its operation and, in order of the alphabet, its sons, where a skip that
 * has sons stands for these. */

enum { NODES = 4, MOST = 59049, LONGEST = 64 };
static const char *const links[] = {"0000", "0001", "0011", "0012", "0013",
                                    "0111", "0112", "0122", "0123"};
static const char nine[] = "012345678", five[] = "14578";

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

/* Sons of node f (0 = the input), skips replaced by theirs, added to son[]. */
static void sons_of(const char *link, const char *op, int f, int *son, int *n)
{
    for (int i = 0; i < NODES; i++) {
        bool has = false;
        if (link[i] - '0' != f) continue;
        for (int j = 0; j < NODES; j++) has |= link[j] - '0' == i + 1;
        if (op[i] == '8' && has)
            sons_of(link, op, i + 1, son, n);
        else
            son[(*n)++] = i;
    }
}

static void tree(const char *link, const char *op, int f, char *out)
{
    int son[NODES], n = 0;
    char text[NODES][LONGEST];
    sons_of(link, op, f, son, &n);
    int kept = 0;
    for (int k = 0; k < n; k++) {
        if (op[son[k]] == '8' && (f == 0 || n == 1)) continue;
        tree(link, op, son[k] + 1, text[kept]);
        char head[LONGEST];
        snprintf(head, sizeof head, "%c%.50s", op[son[k]], text[kept]);
        strcpy(text[kept++], head);
    }
    qsort(text, (size_t)kept, sizeof *text, by_text);
    strcpy(out, "(");
    for (int k = 0; k < kept; k++) strcat(out, text[k]);
    strcat(out, ")");
}

typedef struct {
    char key[LONGEST];
    int at;
} form;

/* All points of the space by their trees; returns how many, of *classes kinds. */
static int all_forms(const char *ops, form *out, int *classes)
{
    int base = (int)strlen(ops), n = 0;
    for (int l = 0; l < 9; l++)
        for (int rest = 0; rest < base * base * base * base; rest++, n++) {
            char op[NODES + 1] = "";
            for (int i = NODES - 1, v = rest; i >= 0; i--, v /= base) op[i] = ops[v % base];
            tree(links[l], op, 0, out[n].key);
            out[n].at = n;
        }
    qsort(out, (size_t)n, sizeof *out, by_text);
    *classes = 0;
    for (int i = 0; i < n; i++) *classes += i == 0 || strcmp(out[i].key, out[i - 1].key);
    return n;
}

/* A row for each tree that is not empty, its last point: value and test by its number. */
static void write_graph(const char *ops, const form *f, int n)
{
    FILE *out = fopen(path, "w");
    int base = (int)strlen(ops), row = 0;
    assert_non_null(out);
    fprintf(out, "link,op1,op2,op3,op4,test,val\n");
    for (int i = 0; i < n; i++) {
        if (!strcmp(f[i].key, "()") || (i + 1 < n && !strcmp(f[i].key, f[i + 1].key))) continue;
        int at = f[i].at, all = base * base * base * base;
        fprintf(out, "%s", links[at / all]);
        for (int k = all / base, v = at % all; k; v %= k, k /= base)
            fprintf(out, ",%c", ops[v / k]);
        fprintf(out, ",%d,%d\n", row + 2, row + 1);
        row++;
    }
    assert_int_equal(fclose(out), 0);
}

static void graph_of(const char *ops, int classes)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p = {.about = &named};
    form *f = calloc(MOST, sizeof *f);
    int found, n = all_forms(ops, f, &found);
    assert_int_equal(found, classes + 1); /* as published; and the net of nothing but skips */
    write_graph(ops, f, n);
    ok(cx, cull__bench_graph(cx, path, ops == five, "val", "test", &p));
    ok(cx, cull__bench_ready(cx, &p));
    assert_int_equal(p.points, n);
    assert_int_equal(p.designs, classes);
    for (int i = 0, row = -1; i < n; i++) {
        if (!strcmp(f[i].key, "()")) {
            assert_int_equal(p.row[f[i].at], -1);
            continue;
        }
        row += i == 0 || strcmp(f[i].key, f[i - 1].key);
        assert_int_equal(p.row[f[i].at], row);
        assert_true(p.value[row] == row + 1 && p.test[row] == row + 2);
    }
    cull_space_free(p.space);
    cull_ctx_free(cx);
    free(f);
}

static void graphs(void **state)
{
    (void)state;
    graph_of(five, 2021);
    graph_of(nine, 26206);
}

static void graphs_wrong(void **state)
{
    static const struct {
        const char *rows, *why;
        bool few;
    } is[] = {
        {"0012,1,2,3,9,.5,.5", "operations digits", false},
        {"0012,1,2,3,x,.5,.5", "operations digits", false},
        {"0012,1,4,5,0,.5,.5", "operations digits", true},
        {"0021,1,4,5,7,.5,.5", "link must be one of nine", true},
        {"0012,1,2,3,4,.5,0", "a share must be a number above 0", false},
        {"0000,1,2,3,4,.5,.5\n0000,1,2,3,4,.5,.5", "line 3: this design is there twice", false},
        {"0000,1,2,3,4,.5,.5\n0000,2,1,3,4,.5,.5", "designs 0 and 1 are one net", false}};
    cull_ctx *cx = cull_ctx_new(NULL);
    (void)state;
    for (int k = 0; k < 7; k++) {
        cull__bench_problem p = {.about = &named};
        char text[128];
        snprintf(text, sizeof text, "link,op1,op2,op3,op4,test,val\n%s\n", is[k].rows);
        write_text(text);
        refused(cx, cull__bench_graph(cx, path, is[k].few, "val", "test", &p), CULL_EINPUT,
                is[k].why);
        cull_space_free(p.space);
    }
    cull_ctx_free(cx);
}

/* ---- a table as JSON ---- */

static void json(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    char *text, *at;
    (void)state;
    ok(cx, cull_bench_json(cx, "micro3", NULL, &text));
    assert_non_null(
        strstr(text, "{\"table\":\"micro3\",\"unit\":\"points\",\"space\":\"e1 = one("));
    assert_non_null(
        strstr(text, "\"minimize\":false,\"ratio\":false,\"scale\":100,\"best\":0.777,"));
    assert_null(strchr(text, '\n'));
    assert_non_null(at = strstr(text, "\"value\":["));
    at += strlen("\"value\":[");
    for (int i = 0; i < 125; i++, at++)
        assert_true(strtod(at, &at) == cull__micro3_right[i][0] / 2000.0);
    assert_non_null(at = strstr(text, "\"test\":["));
    assert_true(strtod(at + 8, NULL) == cull__micro3_right[0][1] / 2000.0);
    cull_text_free(text);
    refused(cx, cull_bench_json(cx, "micro4", NULL, &text), CULL_EINPUT, "did you mean micro3?");
    refused(cx, cull_bench_json(cx, "spector-mm", "/nowhere", &text), CULL_ENODATA, "mm.csv");
    cull_ctx_free(cx);
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cx = hooked_ctx(&h, 1);
        cull_status s = cx ? cull_bench_json(cx, "micro3", NULL, &text) : CULL_ENOMEM;
        if (s == CULL_OK) cull_text_free(text);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) break;
        assert_int_equal(s, CULL_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(listed), cmocka_unit_test(failing),
                                       cmocka_unit_test(graphs), cmocka_unit_test(graphs_wrong),
                                       cmocka_unit_test(json)};
    return cmocka_run_group_tests(tests, make_file, drop_file);
}
