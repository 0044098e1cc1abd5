/* bench: regret, runs against a study by hand, threads, failing memory, tables that are wrong. */
#include "test.h"

#include "claim/search_bench.h"
#include "cull/micro3.h"
#include "cull/pool.h"
#include "cull/search.h"
#include "cull/verdict.h"

#include <sys/stat.h>
#include <unistd.h>

enum { DESIGNS = 3 * 4 * 5, SEEDS = 4, BUDGETS = 3 };
static const char text[] = "a = one(u, v, w)\nb = ordinal(1, 2, 4, 8)\nc = one(p, q, r, s, t)\n";
static const cull_bench_table named = {"made", "a made table", "", "points", NULL};
static double value[DESIGNS], test[DESIGNS];

static cull__bench_problem made_of(cull_ctx *cx)
{
    cull__bench_problem p = {.about = &named, .value = value, .test = test, .scale = 100};
    for (int i = 0; i < DESIGNS; i++) {
        value[i] = (i * 37 % DESIGNS + 1) / 64.0; /* a permutation: no ties */
        test[i] = -i;
    }
    ok(cx, cull_space_from(cx, text, sizeof text - 1, "made", &p.space));
    ok(cx, cull__bench_ready(cx, &p));
    return p;
}

static cull_bench_opts opts_of(const cull_method **m)
{
    cull_bench_opts o = CULL_BENCH_OPTS;
    static const char *const slug[] = {"regularized-evolution", "tpe", "random-search", "grid"};
    for (int i = 0; i < 4; i++) assert_non_null(m[i] = cull_method_find(slug[i], NULL));
    o.method = m, o.methods = 4, o.seeds = SEEDS;
    o.at[0] = 1, o.at[1] = 9, o.at[2] = 30;
    return o;
}

static void regret(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p = made_of(cx);
    (void)state;
    assert_int_equal(p.designs, DESIGNS);
    assert_true(p.best == 60 / 64.0);
    assert_true(cull__bench_regret(&p, 60 / 64.0) == 0);
    assert_true(cull__bench_regret(&p, 28 / 64.0) == 50);
    p.minimize = true;
    ok(cx, cull__bench_ready(cx, &p));
    assert_true(p.best == 1 / 64.0);
    assert_true(cull__bench_regret(&p, 33 / 64.0) == 50);
    p.ratio = true;
    assert_true(cull__bench_regret(&p, 1 / 64.0) == 0);
    /* log10 of a ratio of numbers that are not exact in binary: a few roundings */
    assert_true(fabs(cull__bench_regret(&p, 10 / 64.0) - 1) < 1e-15);
    value[7] = 0;
    refused(cx, cull__bench_ready(cx, &p), CULL_EINPUT, "design 7 has the value 0");
    p.ratio = false, value[7] = NAN;
    refused(cx, cull__bench_ready(cx, &p), CULL_EINPUT, "made: design 7");
    cull_space_free(p.space);
    cull_ctx_free(cx);
}

/* The same run by the public study, in a ctx of that seed. */
static void by_hand(const cull__bench_problem *p, const cull_method *m, const cull_bench_opts *o,
                    uint64_t seed, double *r, double *t)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_objective objective = {"value", true};
    cull_search_problem sp = {
        .space = p->space, .objectives = 1, .objective = &objective, .trials = o->at[BUDGETS - 1]};
    cull_study *s;
    co.seed = seed;
    cull_ctx *cx = cull_ctx_new(&co);
    ok(cx, cull_study_open(cx, &sp, m, NULL, NULL, &s));
    double best = -1, its_test = 0;
    for (int64_t i = 1, j = 0; i <= o->at[BUDGETS - 1]; i++) {
        cull_trial k;
        ok(cx, cull_study_ask(s, &k));
        int at = ((int)k.x[0] * 4 + (int)k.x[1]) * 5 + (int)k.x[2];
        if (value[at] > best) best = value[at], its_test = test[at];
        ok(cx, cull_study_tell(s, k.number,
                               &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &value[at]}));
        if (i == o->at[j]) r[j] = 100 * (60 / 64.0 - best), t[j] = its_test, j++;
    }
    cull_study_free(s);
    cull_ctx_free(cx);
}

static void check_line(const cull__bench_problem *p, const cull_bench_opts *o, const cull_bench *b,
                       int line)
{
    const cull_bench_line *l = &b->line[line];
    double sum[BUDGETS] = {0}, r[BUDGETS], t[BUDGETS], tests[BUDGETS] = {0};
    assert_string_equal(l->why, "");
    assert_true(l->ask_us >= 0);
    for (int s = 0; s < SEEDS; s++) {
        by_hand(p, l->method, o, 7 + (uint64_t)s, r, t);
        for (int j = 0; j < BUDGETS; j++) {
            assert_true(l->regret[j * SEEDS + s] == r[j]);
            assert_true(l->test[j * SEEDS + s] == t[j]);
            sum[j] += r[j], tests[j] += t[j];
        }
    }
    for (int j = 0; j < BUDGETS; j++) {
        const cull_bench_cell *c = &l->cell[j];
        /* sums of four numbers of 7 bits: exact but for the order */
        assert_true(fabs(c->regret - sum[j] / SEEDS) <= 1e-12);
        assert_true(fabs(c->test - tests[j] / SEEDS) <= 1e-12);
        assert_true(c->lo <= c->regret && c->regret <= c->hi);
        if (line) assert_true(c->gain == b->line[0].cell[j].regret - c->regret);
        if (!line) assert_true(isnan(c->gain) && isnan(c->p));
    }
}

static cull_bench *run_with(int threads, const cull_bench_opts *o, cull_ctx **out)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_bench *b;
    co.threads = threads, co.seed = 7;
    cull_ctx *cx = *out = cull_ctx_new(&co);
    cull__bench_problem p = made_of(cx);
    ok(cx, cull__bench_run(cx, &p, o, &b));
    assert_int_equal(b->lines, 4); /* random-search once, and first */
    assert_string_equal(b->line[0].method->slug, "random-search");
    assert_string_equal(b->line[1].method->slug, "regularized-evolution");
    for (int i = 0; i < b->lines; i++) check_line(&p, o, b, i);
    double t, df, q;
    ok(cx, cull_verdict_welch(cx, b->line[2].regret + SEEDS, SEEDS, b->line[0].regret + SEEDS,
                              SEEDS, &t, &df, &q));
    assert_true(b->line[2].cell[1].p == q);
    cull_space_free(p.space);
    return b;
}

static void runs(void **state)
{
    const cull_method *m[4];
    cull_bench_opts o = opts_of(m);
    cull_ctx *cx[2];
    cull_bench *a = run_with(1, &o, cx), *b = run_with(2, &o, cx + 1);
    (void)state;
    for (int i = 0; i < a->lines; i++) {
        size_t n = BUDGETS * SEEDS * sizeof(double);
        assert_memory_equal(a->line[i].regret, b->line[i].regret, n);
        assert_memory_equal(a->line[i].test, b->line[i].test, n);
        assert_memory_equal(a->line[i].cell, b->line[i].cell, sizeof a->line[i].cell);
    }
    cull_bench_free(a);
    cull_bench_free(b);
    cull_bench_free(NULL);
    cull_ctx_free(cx[0]);
    cull_ctx_free(cx[1]);
}

/* All of a space has been asked: every method has the best; budgets beyond say so too. cma-es
 * has nothing to search here. */
static void whole(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p = made_of(cx);
    cull_bench_opts o = CULL_BENCH_OPTS;
    static const char *const slug[] = {"cma-es", "local-search", "quasi-random", "tpe", "uct"};
    const cull_method *m[5];
    cull_bench *b;
    bool refuses = false;
    (void)state;
    for (int i = 0; i < 5; i++) assert_non_null(m[i] = cull_method_find(slug[i], NULL));
    o.method = m, o.methods = 5, o.seeds = 2, o.budgets = 2, o.at[0] = DESIGNS,
    o.at[1] = 2 * DESIGNS;
    ok(cx, cull__bench_run(cx, &p, &o, &b));
    assert_int_equal(b->lines, 6);
    for (int i = 0; i < b->lines; i++)
        for (int k = 0; !*b->line[i].why && k < 4; k++)
            CHECK(b->line[i].method, b->line[i].regret[k] == 0);
    for (int i = 0; i < b->lines; i++)
        if (!strcmp(b->line[i].method->slug, "cma-es")) {
            refuses = true;
            assert_non_null(strstr(b->line[i].why, "no reals"));
            assert_true(isnan(b->line[i].ask_us));
        }
    assert_true(refuses);
    cull_bench_free(b);
    cull_space_free(p.space);
    cull_ctx_free(cx);
}

static void memory(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_bench_opts o = CULL_BENCH_OPTS;
        const cull_method *m[4];
        o = opts_of(m);
        o.methods = 1, o.seeds = 2;
        cull_bench *b = NULL;
        cull_status s = cx ? cull_bench_search(cx, "micro3", &o, &b) : CULL_ENOMEM;
        if (s != CULL_OK) {
            assert_int_equal(s, CULL_ENOMEM);
            assert_null(b);
        }
        cull_bench_free(b);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) break;
    }
}

static void stopped(void **state)
{
    hooks h = {.stop_at = 3};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_bench *b;
    (void)state;
    assert_int_equal(cull_bench_search(cx, "micro3", NULL, &b), CULL_ECANCEL);
    assert_null(b);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void wrong(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_bench_opts o = CULL_BENCH_OPTS;
    cull_bench *b;
    const cull_method *m = cull_method_at(0); /* of task data */
    (void)state;
    refused(cx, cull_bench_search(cx, "micro4", &o, &b), CULL_EINPUT, "did you mean micro3?");
    refused(cx, cull_bench_search(cx, "zzz", &o, &b), CULL_EINPUT, "there is no table 'zzz'");
    o.seeds = 1;
    refused(cx, cull_bench_search(cx, "micro3", &o, &b), CULL_EOPTION, "1 seeds");
    o.seeds = 2, o.at[1] = 50;
    refused(cx, cull_bench_search(cx, "micro3", &o, &b), CULL_EOPTION, "budget 2 is 50");
    o.at[1] = 100, o.budgets = CULL_BENCH_BUDGETS + 1;
    refused(cx, cull_bench_search(cx, "micro3", &o, &b), CULL_EOPTION, "9 budgets");
    o.budgets = 3, o.method = &m, o.methods = 1;
    refused(cx, cull_bench_search(cx, "micro3", &o, &b), CULL_EINPUT, "is a method of task data");
    o.data_dir = "/nowhere";
    refused(cx, cull_bench_search(cx, "nb201-c10", &o, &b), CULL_ENODATA, "/nowhere/nasbench201");
    refused(cx, cull_bench_search(cx, "fcnet-slice", &o, &b), CULL_ENODATA, "/nowhere/hpo_tables");
    assert_null(cull_bench_at(-1));
    assert_null(cull_bench_at(cull_bench_count()));
    for (int i = 0; i < cull_bench_count(); i++)
        assert_ptr_equal(cull_bench_find(cull_bench_at(i)->name, NULL), cull_bench_at(i));
    cull_ctx_free(cx);
}

/* The numbers in the library are those of the table that comes with it. */
static void micro3(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_micro3_table *t = calloc(1, sizeof *t);
    (void)state;
    assert_non_null(t);
    ok(cx, cull_micro3_read(cx, CULL_SOURCE_DIR "/share/micro3.csv", t));
    for (int i = 0; i < CULL_MICRO3_COUNT; i++)
        for (int j = 0; j < 2; j++)
            assert_int_equal(cull__micro3_right[i][j], llround(2000 * t->row[i].accuracy[j]));
    free(t);
    cull_ctx_free(cx);
}

/* ---- tables of files ---- */

static char dir[] = "/tmp/cull-bench-XXXXXX";
static const char *const folder[] = {"macro", "nasbench201", "hpo_tables"};

static const char *in(const char *file)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return path;
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) return -1;
    for (int i = 0; i < 3; i++)
        if (mkdir(in(folder[i]), 0700)) return -1;
    return 0;
}

static int drop_files(void **state)
{
    static const char *const file[] = {"macro/nasbench_macro_cifar10.csv", "nasbench201/nb201.csv",
                                       "nasbench201/nb201_test_mean.csv",
                                       "hpo_tables/fcnet_valmse_f32.npy",
                                       "hpo_tables/hpobench_mlp_balacc_f32.npy"};
    (void)state;
    for (int i = 0; i < 5; i++) unlink(in(file[i]));
    for (int i = 0; i < 3; i++) rmdir(in(folder[i]));
    return rmdir(dir);
}

/* Every arch, the last first; column j holds (number + j) mod 90. */
static void digits(const char *file, const char *head, int n, int base, int designs)
{
    FILE *f = fopen(in(file), "w");
    assert_non_null(f);
    fprintf(f, "%s\n", head);
    for (int at = designs - 1; at >= 0; at--) {
        char arch[16] = "";
        for (int i = n - 1, rest = at; i >= 0; i--, rest /= base)
            arch[i] = (char)('0' + rest % base);
        fprintf(f, "%s,%d,%d,%d,%d\n", arch, at % 90, (at + 1) % 90, (at + 2) % 90, (at + 3) % 90);
    }
    assert_int_equal(fclose(f), 0);
}

static void csv(void **state)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p;
    (void)state;
    digits("macro/nasbench_macro_cifar10.csv", "arch,mean_acc,acc0,acc1,acc2", 8, 3, 6561);
    ok(cx, cull__bench_open(cx, cull_bench_find("nas-bench-macro", NULL), dir, &p));
    assert_int_equal(p.designs, 6561);
    assert_true(p.best == 89 && p.value[6560] == 6560 % 90 && !p.test && !p.minimize);
    assert_true(cull__bench_regret(&p, 88.5) == 0.5);
    cull_space_free(p.space);
    digits("nasbench201/nb201.csv", "arch,c10_val200,c100_val200,in16_val200,more", 6, 5, 15625);
    refused(cx, cull__bench_open(cx, cull_bench_find("nb201-c100", NULL), dir, &p), CULL_ENODATA,
            "nb201_test_mean.csv");
    cull_space_free(p.space);
    digits("nasbench201/nb201_test_mean.csv", "arch,more,c10_test200,c100_test200,in16_test200", 6,
           5, 15625);
    ok(cx, cull__bench_open(cx, cull_bench_find("nb201-c100", NULL), dir, &p));
    assert_int_equal(p.designs, 15625);
    for (int i = 0; i < 15625; i += 97)
        assert_true(p.value[i] == (i + 1) % 90 && p.test[i] == (i + 2) % 90);
    cull_space_free(p.space);
    cull_ctx_free(cx);
}

/* (sets, n, seeds): one more for each setting, from 1 on, and for each data set; seeds are about their mean. */
static float *rising(int sets, int n, int seeds)
{
    int64_t all = (int64_t)sets * n * seeds;
    float *v = malloc(sizeof *v * (size_t)all);
    assert_non_null(v);
    for (int64_t i = 0; i < all; i++)
        v[i] = (float)(1 + i / seeds % n + i / seeds / n + (i % seeds - (seeds - 1) / 2.0) / 4);
    return v;
}

static void npy(void **state)
{
    static const struct {
        const char *file, *name;
        int sets, designs, seeds, at;
        bool errors;
    } is[] = {
        {"hpo_tables/fcnet_valmse_f32.npy", "fcnet-protein", 4, 62208, 4, 2, true},
        {"hpo_tables/hpobench_mlp_balacc_f32.npy", "hpobench-vehicle", 8, 30000, 5, 7, false}};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bench_problem p;
    (void)state;
    for (int k = 0; k < 2; k++) {
        int n = is[k].designs, first = 1 + is[k].at;
        float *v = rising(is[k].sets, n, is[k].seeds);
        cull_array a = {
            .dtype = CULL_F32, .ndim = 3, .shape = {is[k].sets, n, is[k].seeds}, .at = v};
        const cull_bench_table *t = cull_bench_find(is[k].name, NULL);
        ok(cx, cull_array_write(cx, in(is[k].file), &a));
        ok(cx, cull__bench_open(cx, t, dir, &p));
        assert_int_equal(p.designs, n); /* the space has as many */
        assert_true(p.minimize == is[k].errors && p.ratio == is[k].errors);
        /* a mean of quarters, each divided first: a few roundings of numbers below 2^16 */
        assert_true(fabs(p.best - (is[k].errors ? first : first + n - 1)) < 1e-10);
        assert_true(fabs(p.value[n - 1] - (first + n - 1)) < 1e-10);
        if (is[k].errors) assert_true(fabs(cull__bench_regret(&p, 10 * first) - 1) < 1e-12);
        if (!is[k].errors) assert_true(fabs(cull__bench_regret(&p, p.best - 0.5) - 50) < 1e-8);
        cull_space_free(p.space);
        a.shape[0]--;
        ok(cx, cull_array_write(cx, in(is[k].file), &a));
        refused(cx, cull__bench_open(cx, t, dir, &p), CULL_EINPUT, "the shape must be (");
        free(v);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regret), cmocka_unit_test(runs),    cmocka_unit_test(whole),
        cmocka_unit_test(memory), cmocka_unit_test(stopped), cmocka_unit_test(wrong),
        cmocka_unit_test(micro3), cmocka_unit_test(csv),     cmocka_unit_test(npy),
    };
    return cmocka_run_group_tests(tests, make_files, drop_files);
}
