/* The stores of studies in memory and in SQLite files: what each must keep (study_store.h). "store_study crowd FILE
 * 96 20", "... kills FILE 200", "... fair FILE 4" and "... bench FILE 1000000" are the long forms. */
#include "study_file.h"

#include <sys/resource.h>

/* ---- what all keep ---- */

static void memory_events(void **state)
{
    place *p = *state;
    check_events(p->cx, "");
}

static void events(void **state)
{
    place *p = *state;
    check_events(p->cx, p->path);
    check_again(p->cx, p->path);
}

static void leases(void **state)
{
    place *p = *state;
    check_leases(p->cx, p->path);
}

static void crowd_of_processes(void **state)
{
    place *p = *state;
    check_crowd(p->cx, p->path, 16, 20);
}

static void kills(void **state)
{
    place *p = *state;
    char said[64];
    for (int i = 0; i < 10; i++) {
        check_killed(p->cx, p->path, i);
        ask_sql(p->path, "PRAGMA quick_check", said, sizeof said);
        assert_string_equal(said, "ok");
    }
}

static void tables_for_people(void **state)
{
    place *p = *state;
    char row[256];
    check_events(p->cx, p->path);
    ask_sql(p->path,
            "SELECT state, replicate, steps, value1, value2, violation, cost, round(ended, 3), "
            "worker, note "
            "FROM trial WHERE number = 0",
            row, sizeof row);
    assert_string_equal(row,
                        "done|2|3|0.25|-1.0e+17|0.125|2.5|0.333|host:17:0|it's \"fine\"; \xc3\xa9");
    ask_sql(p->path, "SELECT state, worker, note, ended FROM trial WHERE number = 2", row,
            sizeof row);
    assert_string_equal(row, "timeout|host:19:1||7.0");
    ask_sql(p->path, "SELECT count(*), group_concat(what, ' ') FROM history", row, sizeof row);
    assert_string_equal(row, "10|queued asked reported told added asked retried asked told ended");
    ask_sql(p->path, "SELECT seed, method FROM facts", row, sizeof row);
    assert_string_equal(row, "18446744073709551611|random");
}

/* A lease is passed on from the trial that ended to the next; one that was left behind is no lost trial, and goes. */
static void leases_pass(void **state)
{
    place *p = *state;
    cull__event done = {.kind = CULL__TOLD, .state = CULL_TRIAL_DONE, .value = store_value};
    int64_t lost[4], n;
    char row[64];
    for (int round = 0; round < 2; round++) {
        cull__store *s = open_store(p->cx, p->path, NULL);
        for (int i = 4 * round; i < 4 * round + 4; i++) {
            ok(p->cx, cull__store_begin(p->cx, s));
            ask_one(p->cx, s, i);
            ok(p->cx, cull__store_commit(p->cx, s));
            ask_sql(p->path, "SELECT count(*), max(trial) FROM lease", row, sizeof row);
            assert_true(atoi(row) == 1 && atoi(strchr(row, '|') + 1) == i);
            done.trial = i;
            ok(p->cx, cull__store_begin(p->cx, s));
            ok(p->cx, cull__store_append(p->cx, s, &done));
            if (i % 2) { /* what is not committed was not passed on */
                cull__store_abort(s);
                ok(p->cx, cull__store_begin(p->cx, s));
                ok(p->cx, cull__store_append(p->cx, s, &done));
            }
            ok(p->cx, cull__store_commit(p->cx, s));
            ok(p->cx, cull__store_lost(p->cx, s, -1, lost, 4, &n));
            assert_int_equal(n, 0);
        }
        cull__store_close(s);
    }
}

/* ---- power failures: how often the log of changes goes to the disk ---- */

static int (*open_before)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
static int (*sync_before)(sqlite3_file *, int);
static sqlite3_io_methods counted;
static int syncs, fail_sync;

static int count_sync(sqlite3_file *f, int flags)
{
    syncs++;
    return fail_sync ? SQLITE_IOERR_FSYNC : sync_before(f, flags);
}

static int open_counted(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    int rc = open_before(vfs, name, f, flags, out);
    if (rc != SQLITE_OK || !(flags & SQLITE_OPEN_WAL)) return rc;
    counted = *f->pMethods;
    sync_before = counted.xSync;
    counted.xSync = count_sync;
    f->pMethods = &counted;
    return rc;
}

static cull_status one(cull_ctx *cx, cull__store *s, cull__event e)
{
    CULL_TRY(cull__store_begin(cx, s));
    cull_status r = cull__store_append(cx, s, &e);
    if (r == CULL_OK) return cull__store_commit(cx, s);
    cull__store_abort(s);
    return r;
}

/* A result with all before it, and nothing else; where the disk refuses, the next one tries again. */
static void syncs_of_results(void **state)
{
    place *p = *state;
    sqlite3_vfs vfs = *sqlite3_vfs_find(NULL);
    open_before = vfs.xOpen;
    vfs.zName = "counted", vfs.xOpen = open_counted;
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
    const double x[3] = {0.5, 1, 2}, value[2] = {1, 2}, violation[1] = {0};
    for (int sync = 0; sync < 2; sync++) {
        cull__study_facts mine = facts_for_tests(), facts;
        cull__store *s;
        bool was;
        remove(p->path);
        ok(p->cx, cull__store_open(p->cx, p->path, true, sync, &mine, &was, &facts, &s));
        cull__event ask = {.kind = CULL__ASKED, .x = x, .width = 3}, tell = {.kind = CULL__TOLD};
        tell.state = CULL_TRIAL_DONE, tell.value = value, tell.violation = violation;
        ok(p->cx, one(p->cx, s, ask));
        syncs = 0;
        for (int i = 0; i < 5; i++) {
            ask.trial = i + 1, tell.trial = i;
            ok(p->cx, one(p->cx, s, ask));
            assert_int_equal(syncs, sync * i);
            ok(p->cx, one(p->cx, s, tell));
            assert_int_equal(syncs, sync * (i + 1));
        }
        fail_sync = sync;
        tell.trial = 5;
        if (sync) refused(p->cx, one(p->cx, s, tell), CULL_EIO, "did not confirm");
        fail_sync = 0;
        ask.trial = 6;
        ok(p->cx, one(p->cx, s, ask));
        assert_int_equal(syncs, sync * 7);
        cull__store_close(s);
    }
    sqlite3_vfs_unregister(&vfs);
}

/* ---- allocations fail ---- */

static cull_status whole_life(cull_ctx *cx, const char *where)
{
    cull__study_facts mine = facts_for_tests(), facts;
    cull__event e[10];
    cull__store *s;
    bool was;
    CULL_TRY(cull__store_open(cx, where, true, false, &mine, &was, &facts, &s));
    int n = store_events(e);
    cull_status st = cull__store_begin(cx, s);
    for (int i = 0; i < n && st == CULL_OK; i++) st = cull__store_append(cx, s, &e[i]);
    if (st == CULL_OK) st = cull__store_widen(cx, s, &mine);
    if (st == CULL_OK)
        st = cull__store_commit(cx, s);
    else
        cull__store_abort(s);
    crowd c = {0};
    expected x = {.next = 1};
    memcpy(x.e, e, sizeof e);
    if (st == CULL_OK) st = cull__store_read(cx, s, 0, expect_event, &x);
    (void)c;
    cull__store_close(s);
    return st;
}

static void memory_fails(void **state)
{
    place *p = *state;
    const char *kinds[] = {"", p->path};
    for (int k = 0; k < 2; k++) {
        cull_status st = CULL_ENOMEM;
        int at;
        for (at = 1; at < 200 && st != CULL_OK; at++) {
            hooks h = {.fail_at = 0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            assert_non_null(cx);
            h.fail_at = h.calls + at;
            st = whole_life(cx, kinds[k]);
            if (st != CULL_OK && st != CULL_ENOMEM) fail_msg("%d: %s", at, cull_error(cx));
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (k) unlink(p->path);
        }
        assert_true(at > 5 && at < 200);
    }
}

static void memory_limit(void **state)
{
    place *p = *state;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.memory = 1 << 20; /* less than SQLite's cache */
    cull_ctx *cx = cull_ctx_new(&o);
    cull__study_facts mine = facts_for_tests(), facts;
    cull__store *s;
    bool was;
    refused(cx, cull__store_open(cx, p->path, true, false, &mine, &was, &facts, &s), CULL_ENOMEM,
            "out of memory");
    cull_ctx_free(cx);
}

/* ---- by hand ---- */

static double cpu_seconds(const struct rusage *r)
{
    return (double)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) +
           1e-6 * (double)(r->ru_utime.tv_usec + r->ru_stime.tv_usec);
}

static int bench(const char *path, int64_t n)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__study_facts mine = facts_for_tests(), facts;
    cull__store *s;
    bool was;
    double x[20] = {0.1, 0.2}, v[2] = {0.3, 0.4}, t0 = cull__now();
    mine.width = 20;
    if (cull__store_open(cx, path, true, false, &mine, &was, &facts, &s) != CULL_OK) return 1;
    int64_t loose =
        n < 20000 ? n : 20000; /* each in a group of its own, the rest a thousand in one */
    for (int64_t i = 0; i < n; i++) {
        bool first = i < loose || i % 1000 == 0, last = i < loose || i % 1000 == 999 || i == n - 1;
        cull__event ask = {.kind = CULL__ASKED,
                           .trial = i,
                           .width = 20,
                           .x = x,
                           .worker = "host:1:0",
                           .at = 0.001 * (double)i};
        cull__event told = {.kind = CULL__TOLD,
                            .trial = i,
                            .state = CULL_TRIAL_DONE,
                            .value = v,
                            .cost = 1.5,
                            .at = 0.001 * (double)i};
        x[1] = (double)i / 7;
        if (first && cull__store_begin(cx, s) != CULL_OK) return 1;
        if (cull__store_append(cx, s, &ask) != CULL_OK) return 1;
        if (i < loose &&
            (cull__store_commit(cx, s) != CULL_OK || cull__store_begin(cx, s) != CULL_OK))
            return 1;
        if (cull__store_append(cx, s, &told) != CULL_OK) return 1;
        if (last && cull__store_commit(cx, s) != CULL_OK) return 1;
        if (i == loose - 1)
            printf("ask and tell, two groups: %.1f us a trial\n",
                   1e6 * (cull__now() - t0) / (double)loose);
    }
    printf("written: %.1f s\n", cull__now() - t0);
    cull__store_close(s);
    t0 = cull__now();
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    double cpu = cpu_seconds(&r);
    crowd c = {0};
    if (cull__store_open(cx, path, false, false, NULL, &was, &facts, &s) != CULL_OK) return 1;
    if (cull__store_read(cx, s, 0, crowd_event, &c) != CULL_OK) return 1;
    cull__store_close(s);
    getrusage(RUSAGE_SELF, &r);
    printf("read again: %ld events in %.2f s, %.2f s of CPU; resident at most %ld MiB\n",
           (long)c.seq, cull__now() - t0, cpu_seconds(&r) - cpu, r.ru_maxrss / 1024);
    cull_ctx_free(cx);
    return 0;
}

/* How many groups each of several writers got in. */
static void fair(const char *path, int processes, int seconds)
{
    int fd[16][2], n = processes < 16 ? processes : 16;
    pid_t p[16];
    for (int i = 0; i < n; i++) {
        assert_int_equal(pipe(fd[i]), 0);
        p[i] = crowd_start(path, 1 << 20, fd[i][1]);
        close(fd[i][1]);
    }
    int64_t done[16] = {0}, got;
    double until = cull__now() + seconds;
    while (cull__now() < until)
        for (int i = 0; i < n; i++)
            if (read(fd[i][0], &got, sizeof got) == sizeof got) done[i] = got;
    for (int i = 0; i < n; i++) kill(p[i], SIGKILL);
    for (int i = 0; i < n; i++) {
        while (read(fd[i][0], &got, sizeof got) == sizeof got) done[i] = got;
        waitpid(p[i], NULL, 0);
        printf("%ld groups\n", (long)done[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "bench")) return bench(argv[2], atoll(argv[3]));
    if (argc >= 4) {
        cull_ctx *cx = cull_ctx_new(NULL);
        double t0 = cull__now();
        if (!strcmp(argv[1], "crowd") && argc == 5)
            check_crowd(cx, argv[2], atoi(argv[3]), atoi(argv[4]));
        for (int i = 0; !strcmp(argv[1], "kills") && i < atoi(argv[3]); i++)
            check_killed(cx, argv[2], i);
        if (!strcmp(argv[1], "fair")) fair(argv[2], atoi(argv[3]), 3);
        printf("%s: %.1f s\n", argv[1], cull__now() - t0);
        cull_ctx_free(cx);
        return 0;
    }
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(memory_events),
        T(events),
        T(leases),
        T(leases_pass),
        T(crowd_of_processes),
        T(kills),
        T(tables_for_people),
        T(syncs_of_results),
        T(memory_fails),
        T(memory_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
