/* runs: tables with a row for each run, as outcomes of workloads; what does not fit, by line. */
#include "files.h"

#include "cull/outcomes.h"

static const char RUNS[] = "load,kind,way,speed,usd,group\n"
                           "10,a,fast,4,1,x\n"
                           "9,b,slow,1,2,y\n"
                           "10,a,slow,2,5,x\n"
                           "9,a,fast,8,,y\n"
                           "10,a,fast,6,3,x\n"
                           "9,a,slow,,7,y\n";

static const char *text(const char *name, const char *s) { return spit(name, s, strlen(s)); }

static void is(const double *v, int n, const double *want)
{
    assert_non_null(v);
    for (int i = 0; i < n; i++)
        if (v[i] != want[i] && !(isnan(v[i]) && isnan(want[i])))
            fail_msg("number %d is %g, not %g", i, v[i], want[i]);
}

static cull_status open_runs(cull_ctx *cx, const char *path, const char *runs,
                             const char *attributes, cull_outcomes_file **f)
{
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    o.table = path, o.runs = runs, o.attributes = attributes;
    return cull_outcomes_open(cx, &o, f);
}

/* Cells are means, workloads and ways are sorted, what was not run is not known and costs what the way does elsewhere. */
static void cells(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    cull_outcomes_file *f;
    o.table = text("r.csv", RUNS);
    o.runs = "way=way,workload=load+kind,quality=speed,cost=usd", o.attributes = "load",
    o.group = "group";
    ok(cx, cull_outcomes_open(cx, &o, &f));
    const cull_outcomes *r = cull_outcomes_of(f);
    assert_true(r->n == 3 && r->models == 2 && r->xs == 1 && r->d[0] == 1);
    assert_string_equal(r->name[0], "fast");
    assert_string_equal(r->name[1], "slow");
    is(r->quality, 6, (const double[]){8, NAN, 5, NAN, 1, 2});
    is(r->cost, 6, (const double[]){2, 2, 2, 3.5, 2, 5});
    assert_true(r->x[0][0] == 9 && r->x[0][1] == 9 && r->x[0][2] == 10);
    assert_true(r->groups == 2 && r->group[0] == 1 && r->group[1] == 1 && r->group[2] == 0);
    assert_string_equal(cull_outcomes_group(f, 1), "y");
    ok(cx, cull_outcomes_next(cx, f, INT64_MAX));
    assert_int_equal(r->n, 0); /* there are no more */
    cull_outcomes_close(f);
    o.models = "slow", o.runs = "way=way,workload=load,time=speed";
    o.group = NULL;
    ok(cx, cull_outcomes_open(cx, &o, &f));
    r = cull_outcomes_of(f);
    assert_true(r->n == 2 && r->models == 1 && !r->cost);
    is(r->quality, 2, (const double[]){1, 0.5});
    cull_outcomes_close(f);
    o.models = "slow,fast", o.runs = "way=way,workload=load,loss=speed", o.cost = "3,4";
    ok(cx, cull_outcomes_open(cx, &o, &f));
    r = cull_outcomes_of(f);
    is(r->quality, 4, (const double[]){-1, -2, -8, -5});
    is(r->each, 2, (const double[]){3, 4});
    cull_outcomes_close(f);
    cull_ctx_free(cx);
}

/* Sums of tenths depend on their order; means of runs do not. */
static void any_order(void **state)
{
    (void)state;
    enum { N = 30 };
    cull_ctx *cx = cull_ctx_new(NULL);
    double want[2] = {0};
    for (int turn = 0; turn < N; turn++) {
        char all[2000] = "w,m,q,c\n";
        for (int k = 0; k < N; k++) {
            int i = (k * 7 + turn) % N;
            sprintf(all + strlen(all), "%d,one,%d.%d,0.%d\n", 1, i * i, i % 10, (i * 3) % 10);
        }
        cull_outcomes_file *f;
        ok(cx, open_runs(cx, text("o.csv", all), "workload=w,way=m,quality=q,cost=c", NULL, &f));
        const cull_outcomes *r = cull_outcomes_of(f);
        if (!turn) want[0] = r->quality[0], want[1] = r->cost[0];
        assert_true(r->quality[0] == want[0] && r->cost[0] == want[1]);
        cull_outcomes_close(f);
    }
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    static const char runs[] = "workload=load,way=way,quality=speed";
    static const struct {
        const char *runs, *attributes, *say;
    } bad[] = {
        {"workload=load,way=way", NULL, "no quality, loss or time"},
        {"way=way,quality=speed", NULL, "no workload"},
        {"workload=load,quality=speed", NULL, "no way"},
        {"workload=load,way=way,speed", NULL, "there is no column in speed"},
        {"workload=load,way=,quality=speed", NULL, "there is no column in way="},
        {"workload=load,wy=way,quality=speed", NULL, "there is no entry wy"},
        {"workload=load,way=way,quality=speed,loss=usd", NULL, "are one, not two: loss"},
        {"workload=load,way=way,way=kind,quality=speed", NULL, "twice there is way"},
        {"workload=load+,way=way,quality=speed", NULL, "a column is empty in workload"},
        {"workload=load,way=way,quality=sped", NULL, "no column 'sped'; it has load, kind"},
        {"workload=load,way=way,quality=kind", NULL, "r.csv:2: column 'kind' is 'a'"},
        {"workload=kind,way=way,quality=speed", "load",
         "r.csv:5: column 'load' is 9; in an earlier row of workload 'a' it is 10"},
        {"workload=load,way=kind,quality=speed,cost=usd", NULL, NULL},
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_outcomes_file *f;
    char path[512];
    snprintf(path, sizeof path, "%s", text("r.csv", RUNS));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cull_status s = open_runs(cx, path, bad[i].runs, bad[i].attributes, &f);
        if (bad[i].say)
            refused(cx, s, CULL_EINPUT, bad[i].say);
        else
            ok(cx, s);
        cull_outcomes_close(f);
    }
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    o.table = path, o.runs = runs, o.group = "kind";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT,
            "r.csv:5: column 'kind' is 'a'; in an earlier row of workload '9' it is 'b'");
    o.group = NULL, o.models = "fast,fats";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT, "no run of way 'fats'");
    o.models = NULL, o.score = "speed";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT, "--score is of tables with a row for");
    o.score = NULL, o.cost = "usd,usd";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT, "it is a column of --long");
    o.cost = "1";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT,
            "--long has 2 entries and --cost has 1");
    o.cost = NULL;
    ok(cx, cull_outcomes_begin(cx, &o, &f));
    refused(cx, cull_outcomes_next(cx, f, 1), CULL_EINPUT, "is read whole");
    cull_outcomes_close(f);
    o.table = text("t.csv", "load,way,speed\n1,a,0\n");
    o.runs = "workload=load,way=way,time=speed";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT,
            "t.csv:2: column 'speed' is 0; a time");
    o.table = text("c.csv", "load,way,speed,usd\n1,a,0,\n1,a,1,-3\n");
    o.runs = "workload=load,way=way,quality=speed,cost=usd";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT, "c.csv:3: column 'usd' is -3; a cost");
    o.table = text("n.csv", "load,way,speed,usd\n1,a,0,\n1,a,1,\n");
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT,
            "no run of way 'a' whose cost is known");
    char many[1200] = "load,way,speed\n";
    for (int i = 0; i < CULL_MODELS + 1; i++) sprintf(many + strlen(many), "1,%d,1\n", i);
    o.table = text("m.csv", many), o.runs = runs;
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT, "has 65 ways; name at most 64");
    cull_ctx_free(cx);
}

/* Attributes of a second table, which has other workloads too, in another order. */
static void workloads(void **state)
{
    (void)state;
    static const char more[] = "kind,size,load,team\nz,1,9,q\na,2,10,p\nb,3,9,q\na,4,9,p\n";
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    cull_outcomes_file *f;
    char path[512], path2[512];
    snprintf(path, sizeof path, "%s", text("r.csv", RUNS));
    snprintf(path2, sizeof path2, "%s", text("w.csv", more));
    o.table = path, o.workloads = path2, o.attributes = "size,load", o.group = "team";
    o.runs = "workload=load+kind,way=way,quality=speed";
    ok(cx, cull_outcomes_open(cx, &o, &f));
    const cull_outcomes *r = cull_outcomes_of(f);
    static const float want[] = {4, 9, 3, 9, 2, 10};
    assert_true(r->n == 3 && r->d[0] == 2 && !memcmp(r->x[0], want, sizeof want));
    assert_true(r->groups == 2 && r->group[0] == 0 && r->group[1] == 1 && r->group[2] == 0);
    cull_outcomes_close(f);
    o.runs = "workload=load,way=way,quality=speed";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT,
            "w.csv:4: workload '9' stands there a second time");
    o.attributes = "size";
    o.workloads = text("v.csv", "kind,size,load,team\na,2,10,p\n");
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT,
            "v.csv: there is no workload '9', which");
    o.attributes = "length";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT, "no column 'length'; it has kind");
    o.runs = NULL, o.quality = "speed";
    refused(cx, cull_outcomes_open(cx, &o, &f), CULL_EINPUT, "beside a table of runs");
    cull_ctx_free(cx);
}

static void no_memory(void **state)
{
    (void)state;
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    char path[512], path2[512];
    snprintf(path, sizeof path, "%s", text("r.csv", RUNS));
    snprintf(path2, sizeof path2, "%s", text("w.csv", "kind,load,group\na,9,x\nb,9,x\na,10,y\n"));
    o.table = path, o.attributes = "load", o.group = "group";
    for (int turn = 0; turn < 3; turn++) {
        const bool bad = turn == 1;
        bool failed = true;
        o.workloads = turn == 2 ? path2 : NULL;
        o.runs = bad ? "workload=kind,way=way,quality=speed,cost=usd"
                     : "workload=load+kind,way=way,quality=speed,cost=usd";
        for (long k = 1; failed; k++) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_outcomes_file *f = NULL;
            failed = !cx;
            if (!cx) continue;
            cull_status s = cull_outcomes_open(cx, &o, &f);
            failed = h.calls >= k;
            assert_true(s == CULL_ENOMEM || s == (bad ? CULL_EINPUT : CULL_OK));
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
        cmocka_unit_test_setup_teardown(cells, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(any_order, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(refusals, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(workloads, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(no_memory, make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
