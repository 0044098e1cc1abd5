/* search_stats: statistics of designs, read from tables and kept apart by the store of a study. */
#include "study_file.h"

#include "cull/evaluate.h"

static const char text[] =
    "op = or { conv { k = ordinal(1, 3, 5) } skip { } }\nwidth = int(1, 9)\n";
static const char *const names[] = {"flops", "params"};

static cull_space *space_of(cull_ctx *cx, const char *what)
{
    cull_space *sp;
    ok(cx, cull_space_from(cx, what, strlen(what), "test", &sp));
    return sp;
}

static void file_of(const place *p, const char *name, const char *what, char path[160])
{
    snprintf(path, 160, "%s/%s", p->dir, name);
    put_file(path, what, strlen(what));
}

static void is_read(void **state)
{
    place *p = *state;
    char path[160];
    cull_search_stats *t;
    cull_space *sp = space_of(p->cx, text),
               *digits = space_of(p->cx, "a = one(x, y)\nb = int(1, 5)");
    file_of(p, "a.csv",
            "flops,op,op.conv.k,note,width,params\n"
            "1e9,conv,3,first,9,-4\n2,skip,,second,1,0\n3.5,conv,1,third,2,7\n2,skip,,again,1,1\n",
            path);
    ok(p->cx, cull_search_stats_open(p->cx, sp, path, names, 2, NULL, &t));
    assert_true(t->n == 4 && t->m == 2 && cull_space_width(sp) == 3);
    const double y[] = {1e9, -4, 2, 0, 3.5, 7, 2, 1}, x[] = {0, 1, 9, 1, NAN, 1, 0, 0, 2};
    assert_memory_equal(t->y, y, sizeof y);
    for (int i = 0; i < 9; i++) assert_true(isnan(x[i]) ? isnan(t->x[i]) : t->x[i] == x[i]);
    cull_search_stats_free(t);
    file_of(p, "b.tsv", "arch\tparams\n03\t1\n15\t2\n", path);
    ok(p->cx, cull_search_stats_open(p->cx, digits, path, names + 1, 1, "arch", &t));
    assert_true(t->n == 2 && t->m == 1 && t->x[0] == 0 && t->x[1] == 3 && t->x[2] == 1 &&
                t->x[3] == 5 && t->y[1] == 2);
    cull_search_stats_free(t);
    /* a column asked for twice, and one that is the point's */
    const char *const twice[] = {"params", "arch", "params"};
    ok(p->cx, cull_search_stats_open(p->cx, digits, path, twice, 3, "arch", &t));
    const double same[] = {1, 3, 1, 2, 15, 2};
    assert_true(t->n == 2 && t->m == 3);
    assert_memory_equal(t->y, same, sizeof same);
    cull_search_stats_free(t);
    cull_search_stats_free(NULL);
    cull_space_free(sp);
    cull_space_free(digits);
}

static void bad_tables(void **state)
{
    static const struct {
        const char *rows, *part;
    } bad[] = {{"op,op.conv.k,width,flops\nskip,,1,2\nskip,,2,3\n", "params"},
               {"op,op.conv.k,width,flops,params\nskip,,1,2,3\nskip,,2,,3\n",
                ".csv:3: column 'flops' has no finite number"},
               {"op,op.conv.k,width,flops,params\nskip,,1,2,inf\nskip,,2,4,3\n",
                ".csv:2: column 'params' has no finite number"},
               {"op,op.conv.k,width,flops,params\nskip,,1,2,3\nskip,,2,many,3\n",
                ".csv:3: column 'flops' is 'many', no number"},
               {"op,op.conv.k,width,flops,params\nskip,,1,2,3\nskip,,10,2,3\n", ".csv:3: "},
               {"op,op.conv.k,width,flops,params\nskip,,1,2,3\nconv,,1,2,3\n",
                ".csv:3: 'op.conv.k' is blank"},
               {"op,op.conv.k,width,flops,params\nskip,,1,2,3\n", "one design says nothing"}};
    place *p = *state;
    char path[160];
    cull_search_stats *t;
    cull_space *sp = space_of(p->cx, text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        file_of(p, "bad.csv", bad[i].rows, path);
        refused(p->cx, cull_search_stats_open(p->cx, sp, path, names, 2, NULL, &t), CULL_EINPUT,
                bad[i].part);
        assert_null(t);
    }
    refused(p->cx, cull_search_stats_open(p->cx, sp, path, names, 0, NULL, &t), CULL_EINPUT,
            "no column is named");
    refused(p->cx, cull_search_stats_open(p->cx, sp, "a.npy", names, 2, NULL, &t), CULL_EINPUT,
            "rows of csv, tsv or jsonl");
    cull_space_free(sp);
}

static void memory(void **state)
{
    place *p = *state;
    char path[160], rows[4000] = "op,op.conv.k,width,flops\n";
    for (int i = 0; i < 90; i++)
        snprintf(rows + strlen(rows), 40, "%s,%d,%d\n", i % 2 ? "skip," : "conv,3", i % 9 + 1, i);
    file_of(p, "many.csv", rows, path);
    int failed = 0;
    for (long at = 1;; at++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_space *sp = space_of(cx, text);
        cull_search_stats *t;
        h.calls = 0, h.fail_at = at;
        cull_status s = cull_search_stats_open(cx, sp, path, names, 1, NULL, &t);
        bool done = s == CULL_OK && h.calls < at;
        if (s == CULL_OK) assert_true(t->n == 90 && t->y[89] == 89);
        if (s != CULL_OK) {
            refused(cx, s, CULL_ENOMEM, "memory");
            failed++;
        }
        cull_search_stats_free(t);
        cull_space_free(sp);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (done) break;
    }
    assert_true(failed > 3);
}

/* ---- in a study ---- */

static const cull_objective objective[1] = {{.name = "error"}};

static cull_status open_by(cull_ctx *cx, const cull_space *sp, const char *method,
                           const cull_search_stats *t, const char *where, cull_study **out)
{
    cull_search_problem p = {
        .space = sp, .objectives = 1, .objective = objective, .trials = 30, .stats = t};
    cull_study_opts o = CULL_STUDY_OPTS;
    const cull_method *m = cull_method_find(method, NULL);
    cull_opts *opts = NULL;
    o.store = where;
    ok(cx, cull_opts_new(cx, m, &opts));
    if (!strcmp(method, "nars")) {
        ok(cx, cull_opts_set(cx, opts, "batch", "4"));
        ok(cx, cull_opts_set(cx, opts, "epochs", "5"));
        ok(cx, cull_opts_set(cx, opts, "pool", "20"));
    }
    cull_status s = cull_study_open(cx, &p, m, opts, &o, out);
    cull_opts_free(opts);
    return s;
}

static void not_fit(void **state)
{
    place *p = *state;
    cull_space *sp = space_of(p->cx, "a = int(0, 9)\n");
    cull_study *s;
    double x[] = {3, 4, 5}, y[] = {1, 2, 3};
    cull_search_stats t = {.n = 3, .m = 1, .x = x, .y = y};
    refused(p->cx, open_by(p->cx, sp, "tpe", &t, NULL, &s), CULL_EINPUT,
            "tpe learns nothing from statistics of designs; nars does");
    x[1] = 10;
    refused(p->cx, open_by(p->cx, sp, "nars", &t, NULL, &s), CULL_EINPUT,
            "statistics of design 1: ");
    x[1] = 4, y[2] = NAN;
    refused(p->cx, open_by(p->cx, sp, "nars", &t, NULL, &s), CULL_EINPUT,
            "statistics of design 2: number 0 is not finite");
    y[2] = 3, t.n = 1;
    refused(p->cx, open_by(p->cx, sp, "nars", &t, NULL, &s), CULL_EINPUT,
            "1 statistics of 1 designs");
    t.n = 3, t.m = 0;
    refused(p->cx, open_by(p->cx, sp, "nars", &t, NULL, &s), CULL_EINPUT, "0 statistics of 3");
    t.m = 1, t.y = NULL;
    refused(p->cx, open_by(p->cx, sp, "nars", &t, NULL, &s), CULL_EINPUT, "points and numbers");
    cull_space_free(sp);
}

static void go_on(cull_ctx *cx, cull_study *s, int n, double *x)
{
    for (int i = 0; i < n; i++) {
        cull_trial k;
        ok(cx, cull_study_ask(s, &k));
        double v = fabs(k.x[0] - 31) + fabs(k.x[1] - 5);
        memcpy(x + 2 * i, k.x, 2 * sizeof *x);
        ok(cx,
           cull_study_tell(s, k.number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}));
    }
}

/* A store knows a study's statistics; without them it can be looked at, and asks nothing new. */
static void kept_apart(void **state)
{
    enum { N = 14, ROWS = 20 };
    place *p = *state;
    cull_space *sp = space_of(p->cx, "a = int(0, 99)\nb = int(0, 99)\n");
    double x[2 * ROWS], y[ROWS], want[2 * N], got[2 * N];
    for (int i = 0; i < ROWS; i++) {
        x[2 * i] = 5 * i, x[2 * i + 1] = i * 37 % 100;
        y[i] = fabs(x[2 * i] - 31);
    }
    cull_search_stats t = {.n = ROWS, .m = 1, .x = x, .y = y};
    cull_study *s;
    cull_trial k;
    int64_t idx[N], n;
    char other[120];
    ok(p->cx, open_by(p->cx, sp, "nars", &t, NULL, &s));
    go_on(p->cx, s, N, want);
    cull_study_free(s);
    ok(p->cx, open_by(p->cx, sp, "nars", NULL, NULL, &s));
    go_on(p->cx, s, N, got);
    cull_study_free(s);
    assert_memory_not_equal(want, got, sizeof got); /* they matter */
    ok(p->cx, open_by(p->cx, sp, "nars", &t, p->path, &s));
    go_on(p->cx, s, 6, got);
    cull_study_free(s);
    for (int by = 0; by < 2; by++) {
        if (by)
            ok(p->cx, cull_study_reopen(p->cx, p->path, &s));
        else
            ok(p->cx, open_by(p->cx, sp, "nars", NULL, p->path, &s));
        assert_int_equal(cull_study_trials(s), 6);
        ok(p->cx, cull_study_best(s, idx, &n));
        refused(p->cx, cull_study_ask(s, &k), CULL_EINPUT, "none are given");
        cull_study_free(s);
    }
    y[3]++;
    refused(p->cx, open_by(p->cx, sp, "nars", &t, p->path, &s), CULL_EINPUT, "other stats");
    y[3]--;
    t.n--;
    refused(p->cx, open_by(p->cx, sp, "nars", &t, p->path, &s), CULL_EINPUT, "other stats");
    t.n++;
    ok(p->cx, open_by(p->cx, sp, "nars", &t, p->path, &s));
    go_on(p->cx, s, N - 6, got + 12);
    cull_study_free(s);
    assert_memory_equal(want, got, sizeof got);
    snprintf(other, sizeof other, "%s/without", p->dir);
    ok(p->cx, open_by(p->cx, sp, "nars", NULL, other, &s));
    cull_study_free(s);
    refused(p->cx, open_by(p->cx, sp, "nars", &t, other, &s), CULL_EINPUT, "other stats");
    cull_space_free(sp);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {EACH(is_read), EACH(bad_tables), EACH(memory), EACH(not_fit),
                                       EACH(kept_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
