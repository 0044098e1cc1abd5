/* bench_front: tables of two objectives: volumes and regret against the plane counted by hand, who takes part, threads, failing
 * memory, a named table and its JSON. */
#include "test.h"

#include "claim/search_bench.h"
#include "cull/report.h"
#include "cull/search.h"

#include <sys/stat.h>
#include <unistd.h>

enum { SEEDS = 3, BUDGETS = 3, LEVELS = 8, DESIGNS = LEVELS * LEVELS };
static const cull_bench_table named = {"made", "a made table", "", "volume", "area"};
static const char text[] = "a = ordinal(1, 2, 3, 4, 5, 6, 7, 8)\nb = one(s, t, u, v, w, x, y, z)\n";
static double value[DESIGNS], area[DESIGNS];

/* Whole numbers, so that a volume is a number of unit squares. */
static cull__bench_problem made_of(cull_ctx *cx)
{
    cull__bench_problem p = {.about = &named, .value = value, .second = area, .scale = 1};
    for (int i = 0; i < DESIGNS; i++) {
        value[i] = 1 + i * 37 % 29; /* maximised */
        area[i] = 1 + i * 23 % 31;
    }
    ok(cx, cull_space_from(cx, text, sizeof text - 1, "made", &p.space));
    ok(cx, cull__bench_ready(cx, &p));
    return p;
}

/* Squares of the plane that designs design[0..n) dominate. */
static int squares(const int *design, int n)
{
    int found = 0;
    for (int v = 1; v < 29; v++)       /* from v to v + 1: those of value v + 1 or more have it */
        for (int a = 1; a < 31; a++) { /* from a to a + 1: those of area a or less */
            bool in = false;
            for (int i = 0; i < n; i++) in |= value[design[i]] > v && area[design[i]] <= a;
            found += in;
        }
    return found;
}

static void ready(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p = made_of(cx);
    int all[DESIGNS], front = 0;
    (void)state;
    for (int i = 0; i < DESIGNS; i++) {
        bool in = true;
        all[i] = i;
        for (int j = 0; j < DESIGNS; j++) {
            bool no_worse = value[j] >= value[i] && area[j] <= area[i];
            bool same = value[j] == value[i] && area[j] == area[i];
            in &= !(no_worse && (!same || j < i));
        }
        front += in;
    }
    assert_true(front > 2);
    assert_int_equal(p.front, front);
    assert_true(p.reference[0] == -1 && p.reference[1] == 31);
    assert_true(p.volume == squares(all, DESIGNS));
    double v[2];
    cull__bench_measured(&p, 5, v);
    assert_true(v[0] == -value[5] && v[1] == area[5]);
    p.minimize = p.ratio = true;
    cull__bench_measured(&p, 5, v);
    assert_true(v[0] == log10(value[5]) && v[1] == area[5]);
    area[9] = INFINITY;
    refused(cx, cull__bench_ready(cx, &p), CULL_EINPUT, "made: design 9 has inf as area");
    for (int i = 0; i < DESIGNS; i++) area[i] = 7;
    p.reference[0] = p.reference[1] = 0;
    refused(cx, cull__bench_ready(cx, &p), CULL_EINPUT, "its front dominates no volume");
    cull_space_free(p.space);
    cull_ctx_free(cx);
}

/* The same run by the public study. */
static void by_hand(const cull__bench_problem *p, const cull_method *m, const cull_bench_opts *o,
                    uint64_t seed, double *r)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_objective objective[2] = {{"value", true}, {"area", false}};
    cull_search_problem sp = {
        .space = p->space, .objectives = 2, .objective = objective, .trials = o->at[BUDGETS - 1]};
    int found[DESIGNS], n = 0;
    cull_study *s;
    co.seed = seed;
    cull_ctx *cx = cull_ctx_new(&co);
    ok(cx, cull_study_open(cx, &sp, m, NULL, NULL, &s));
    for (int j = 0; n < o->at[BUDGETS - 1];) {
        cull_trial k;
        ok(cx, cull_study_ask(s, &k));
        int at = found[n++] = (int)k.x[0] * LEVELS + (int)k.x[1];
        const double both[2] = {value[at], area[at]};
        ok(cx,
           cull_study_tell(s, k.number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = both}));
        if (n == o->at[j]) r[j++] = 1 - squares(found, n) / p->volume;
    }
    cull_study_free(s);
    cull_ctx_free(cx);
}

static const char *const slug[] = {"gp", "nsga2", "annealing", "linas", "tpe"};
enum { METHODS = sizeof slug / sizeof *slug };

static cull_bench_opts opts_of(const cull_method **m)
{
    cull_bench_opts o = CULL_BENCH_OPTS;
    for (int i = 0; i < METHODS; i++) assert_non_null(m[i] = cull_method_find(slug[i], NULL));
    o.method = m, o.methods = METHODS, o.seeds = SEEDS;
    o.at[0] = 1, o.at[1] = 12, o.at[2] = 30;
    return o;
}

static void runs(void **state)
{
    cull_ctx *both[2]; /* which the results are of */
    cull_bench *b[2];
    const cull_method *m[METHODS];
    cull_bench_opts o = opts_of(m);
    (void)state;
    for (int t = 0; t < 2; t++) {
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.threads = 1 + t, co.seed = 7;
        cull_ctx *cx = both[t] = cull_ctx_new(&co);
        cull__bench_problem p = made_of(cx);
        ok(cx, cull__bench_run(cx, &p, &o, &b[t]));
        assert_int_equal(b[t]->front, p.front);
        assert_true(b[t]->reference[0] == 1 && b[t]->reference[1] == 31);
        for (int i = 0; i < b[t]->lines; i++) {
            const cull_bench_line *l = &b[t]->line[i];
            if (!strcmp(l->name, "annealing")) {
                assert_non_null(strstr(l->why, "takes one objective, not 2"));
                continue;
            }
            assert_string_equal(l->why, "");
            for (int s = 0; s < SEEDS; s++) {
                double r[BUDGETS];
                by_hand(&p, l->method, &o, 7 + (uint64_t)s, r);
                for (int j = 0; j < BUDGETS; j++)
                    CHECK(l->method, l->regret[j * SEEDS + s] == r[j]);
            }
        }
        cull_space_free(p.space);
    }
    for (int i = 0; i < b[0]->lines; i++)
        assert_memory_equal(b[0]->line[i].regret, b[1]->line[i].regret,
                            BUDGETS * SEEDS * sizeof(double));
    for (int t = 0; t < 2; t++) {
        cull_bench_free(b[t]);
        cull_ctx_free(both[t]);
    }
}

/* Most points fail: one that found nothing lacks all of the volume. */
static void failing(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p = made_of(cx);
    cull_bench_opts o = CULL_BENCH_OPTS;
    int32_t row[DESIGNS];
    cull_bench *b;
    bool nothing = false;
    (void)state;
    for (int i = 0; i < DESIGNS; i++) row[i] = i % 9 ? -1 : i / 9; /* the first 8 designs */
    p.row = row, p.designs = DESIGNS / 9 + 1, p.reference[0] = p.reference[1] = 0;
    ok(cx, cull__bench_ready(cx, &p));
    o.method = NULL, o.seeds = 8, o.budgets = 2, o.at[0] = 2, o.at[1] = DESIGNS;
    ok(cx, cull__bench_run(cx, &p, &o, &b));
    int ran = 0;
    for (int i = 0; i < b->lines; i++)
        for (int s = 0; !*b->line[i].why && s < o.seeds; s++) {
            const double *r = b->line[i].regret + s;
            nothing |= r[0] == 1;
            CHECK(b->line[i].method, r[0] >= r[o.seeds] && r[o.seeds] == 0);
            ran++;
        }
    assert_true(nothing && ran >= 7 * o.seeds);
    cull_bench_free(b);
    cull_space_free(p.space);
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    const cull_method *m[METHODS];
    cull_bench_opts o = opts_of(m);
    (void)state;
    o.methods = 2, o.method = m + 1, o.seeds = 2, o.at[1] = 3, o.budgets = 2;
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *sure = cull_ctx_new(NULL), *cx = hooked_ctx(&h, 1);
        cull__bench_problem p = made_of(sure);
        cull_bench *b = NULL;
        p.reference[0] = p.reference[1] = 0;
        cull_status s = cx ? cull__bench_ready(cx, &p) : CULL_ENOMEM;
        if (s == CULL_OK) s = cull__bench_run(cx, &p, &o, &b);
        if (s != CULL_OK) {
            assert_int_equal(s, CULL_ENOMEM);
            assert_null(b);
        }
        cull_bench_free(b);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        cull_space_free(p.space);
        cull_ctx_free(sure);
        if (s == CULL_OK) break;
    }
}

/* ---- a table of a file ---- */

static char dir[] = "/tmp/cull-bench-front-XXXXXX";

static const char *in(const char *file)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return path;
}

static int make_files(void **state)
{
    (void)state;
    return !mkdtemp(dir) || mkdir(in("spector"), 0700);
}

static int drop_files(void **state)
{
    (void)state;
    unlink(in("spector/spmv_500000.csv"));
    rmdir(in("spector"));
    return rmdir(dir);
}

static void write_spmv(const char *rows)
{
    FILE *f = fopen(in("spector/spmv_500000.csv"), "w");
    assert_non_null(f);
    fprintf(f, "block_dim,compute_units,unroll,manual_simd_size,time_ms,logic_util\n%s", rows);
    assert_int_equal(fclose(f), 0);
}

static void file(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p;
    const cull_bench_table *t = cull_bench_find("spector-spmv-logic", NULL);
    char *json;
    (void)state;
    assert_non_null(t);
    assert_string_equal(t->second, "logic");
    write_spmv("1,1,1,1,100,10\n1,1,1,2,10,20\n1,2,1,2,1,60\n1,2,1,4,1000,60\n");
    ok(cx, cull__bench_open(cx, t, dir, &p));
    assert_int_equal(p.front, 3);
    /* log10 of whole powers of ten is exact: (3 - 2) x (20 - 10) + (3 - 1) x (60 - 20) */
    assert_true(p.reference[0] == 3 && p.reference[1] == 60 && p.volume == 90);
    cull_space_free(p.space);
    ok(cx, cull_bench_json(cx, t->name, dir, &json));
    assert_non_null(strstr(json, "\"second\":\"logic\",\"second_value\":[10,20,"));
    assert_non_null(strstr(json, "],\"reference\":[3,60],\"volume\":90}"));
    cull_text_free(json);
    ok(cx, cull_bench_json(cx, "spector-spmv", dir, &json));
    assert_null(strstr(json, "second"));
    cull_text_free(json);
    write_spmv("1,1,1,1,100,10\n1,1,1,2,10,no\n");
    refused(cx, cull__bench_open(cx, t, dir, &p), CULL_EINPUT,
            "line 3: logic must be a number above 0");
    cull_space_free(p.space);
    write_spmv("1,1,1,1,100,10\n");
    refused(cx, cull__bench_open(cx, t, dir, &p), CULL_EINPUT, "dominates no volume");
    cull_space_free(p.space);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready),  cmocka_unit_test(runs), cmocka_unit_test(failing),
        cmocka_unit_test(memory), cmocka_unit_test(file),
    };
    return cmocka_run_group_tests(tests, make_files, drop_files);
}
