/* The stores of studies in memory and in SQLite files: what each must keep (study_store.h), and what can be wrong with a
 * file. "store_study crowd FILE 96 20", "... kills FILE 200" and "... bench FILE 1000000" are the long forms. */
#include "study_store.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "search/store_sqlite.h"

typedef struct {
    char dir[64], path[96];
    hooks h;
    cull_ctx *cx;
} place;

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    strcpy(p->dir, "/tmp/cull-store-XXXXXX");
    if (!mkdtemp(p->dir)) return 1;
    snprintf(p->path, sizeof p->path, "%s/50%% #1?.cull", p->dir);
    p->cx = hooked_ctx(&p->h, 1);
    *state = p;
    return p->cx ? 0 : 1;
}

static int teardown(void **state)
{
    place *p = *state;
    char cmd[192];
    cull_ctx_free(p->cx);
    long live = p->h.live;
    snprintf(cmd, sizeof cmd, "chmod -R u+w %s; rm -rf %s", p->dir, p->dir);
    int rc = system(cmd);
    free(p);
    return rc || live;
}

static void put_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static sqlite3 *by_hand(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void do_sql(const char *path, const char *sql)
{
    sqlite3 *db = by_hand(path);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

/* The first row as text, columns apart by '|'. */
static void ask_sql(const char *path, const char *sql, char *out, size_t size)
{
    sqlite3 *db = by_hand(path);
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    size_t n = 0;
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        const char *t = (const char *)sqlite3_column_text(q, i);
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "|" : "", t ? t : "");
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
}

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
    ask_sql(p->path, "SELECT seed, method, (SELECT count(*) FROM lease) FROM facts", row,
            sizeof row);
    assert_string_equal(row, "18446744073709551611|random|0");
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

/* ---- what is no study ---- */

static void refuse(cull_ctx *cx, const char *where, bool make, cull_status st, const char *part)
{
    cull__study_facts mine = facts_for_tests(), facts;
    cull__store *s = NULL;
    bool was;
    refused(cx, cull__store_open(cx, where, make, false, &mine, &was, &facts, &s), st, part);
    assert_null(s);
    /* who reads alone is told the same, or less where only writing is wrong */
    if (!make)
        refused(cx, cull__store_open(cx, where, false, false, NULL, &was, &facts, &s), st, part);
    assert_null(s);
}

static void wrong_places(void **state)
{
    place *p = *state;
    char other[128];
    refuse(p->cx, p->path, false, CULL_EINPUT, "there is no such study");
    refuse(p->cx, p->dir, true, CULL_EINPUT, "is a folder");
    refuse(p->cx, "/dev/null", true, CULL_EINPUT, "no regular file");
    refuse(p->cx, "mysql://host/db", true, CULL_EINPUT, "no store of the kind 'mysql'");
    refuse(p->cx, "", false, CULL_EINPUT, "in memory");
    snprintf(other, sizeof other, "%s/none/x.cull", p->dir);
    refuse(p->cx, other, true, CULL_EIO, other);
    snprintf(other, sizeof other, "%s/x", p->path);
    put_file(p->path, "", 0);
    refuse(p->cx, other, true, CULL_EIO, "Not a directory");
    refuse(p->cx, p->path, false, CULL_EINPUT, "is empty");
    cull__store_close(open_store(p->cx, p->path, NULL)); /* an empty file becomes one */
    snprintf(other, sizeof other, "cd %s && [ $(ls | wc -l) = 1 ]", p->dir);
    assert_int_equal(system(other), 0); /* nothing lies beside it once it is closed */
}

static void other_files(void **state)
{
    place *p = *state;
    put_file(p->path, "lr = real(0, 1)\n", 16);
    refuse(p->cx, p->path, true, CULL_EINPUT, "no SQLite file");
    refuse(p->cx, p->path, false, CULL_EINPUT, "no SQLite file");
    unlink(p->path);
    do_sql(p->path, "CREATE TABLE trials(a); INSERT INTO trials VALUES (1)");
    refuse(p->cx, p->path, true, CULL_EINPUT, "another program's SQLite file");
    do_sql(p->path, "PRAGMA application_id = 0x0f055112; PRAGMA user_version = 9");
    refuse(p->cx, p->path, false, CULL_EINPUT, "application id 0x0f055112");
    unlink(p->path);
    cull__store_close(open_store(p->cx, p->path, NULL));
    do_sql(p->path, "PRAGMA user_version = 2");
    refuse(p->cx, p->path, true, CULL_EINPUT, "newer cull (form 2; this one knows 1)");
    do_sql(p->path, "PRAGMA user_version = 0");
    refuse(p->cx, p->path, false, CULL_EINPUT, "damaged");
    do_sql(p->path, "PRAGMA user_version = 1; UPDATE facts SET seed = 'x'");
    refuse(p->cx, p->path, false, CULL_EINPUT, "damaged");
    do_sql(p->path, "DELETE FROM facts");
    refuse(p->cx, p->path, false, CULL_EINPUT, "damaged");
    do_sql(p->path, "DROP TABLE facts");
    refuse(p->cx, p->path, false, CULL_EINPUT, "no such table");
}

/* Open and read, whatever comes of it; the status of what failed. */
static cull_status try_read(cull_ctx *cx, const char *path, bool writing)
{
    cull__study_facts mine = facts_for_tests(), facts;
    crowd c = {0};
    cull__store *s;
    bool was;
    CULL_TRY(cull__store_open(cx, path, false, false, writing ? &mine : NULL, &was, &facts, &s));
    cull_status st = cull__store_read(cx, s, 0, crowd_event, &c);
    cull__store_close(s);
    return st;
}

static void damaged_files(void **state)
{
    place *p = *state;
    assert_int_equal(waitpid(crowd_start(p->path, 200, -1), NULL, 0) > 0, 1);
    static unsigned char was[1 << 20], now[1 << 20];
    FILE *f = fopen(p->path, "rb");
    size_t n = fread(was, 1, sizeof was, f);
    fclose(f);
    assert_true(n > 40000 && n < sizeof was);
    put_file(p->path, was, n / 2 + 100); /* cut off */
    refuse(p->cx, p->path, true, CULL_EINPUT, "damaged");
    put_file(p->path, was, 50);
    refuse(p->cx, p->path, true, CULL_EINPUT, "");
    int refusals = 0;
    for (size_t at = 0; at < n;
         at += at < 100 ? 1 : 97) { /* the header byte by byte, then here and there */
        memcpy(now, was, n);
        now[at] ^= 0xa5;
        put_file(p->path, now, n);
        cull_status st = try_read(p->cx, p->path, at % 2 == 0);
        if (st != CULL_OK) {
            assert_true(st == CULL_EINPUT || st == CULL_EIO || st == CULL_EINTERNAL);
            assert_non_null(strstr(cull_error(p->cx), st == CULL_EINTERNAL ? "trial" : p->path));
            refusals++;
        }
        char wal[128];
        snprintf(wal, sizeof wal, "%s-wal", p->path);
        unlink(wal);
        snprintf(wal, sizeof wal, "%s-shm", p->path);
        unlink(wal);
    }
    assert_true(refusals > 40);
    put_file(p->path, was, n);
    ok(p->cx, try_read(p->cx, p->path, true));
}

static void senseless_events(void **state)
{
    place *p = *state;
    const char *harm[] = {"UPDATE event SET kind = 99 WHERE seq = 3",
                          "UPDATE event SET state = -1 WHERE seq = 3",
                          "UPDATE event SET value = zeroblob(24) WHERE seq = 3",
                          "UPDATE event SET x = zeroblob(7) WHERE seq = 3",
                          "UPDATE event SET violation = zeroblob(0) WHERE seq = 3",
                          "DELETE FROM event WHERE seq = 3"};
    for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
        check_events(p->cx, p->path);
        do_sql(p->path, harm[i]);
        expected x = {.next = 1};
        store_events(x.e);
        cull__store *s = open_store(p->cx, p->path, NULL);
        refused(p->cx, cull__store_read(p->cx, s, 0, expect_event, &x), CULL_EINPUT,
                "event 3 makes no sense");
        cull__store_close(s);
        unlink(p->path);
    }
}

/* ---- what stands in the way ---- */

/* In a child that is nobody, since root may do everything. */
static int as_nobody(void (*fn)(cull_ctx *cx, place *p), place *p)
{
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(2);
        cull_ctx *cx = cull_ctx_new(NULL);
        fn(cx, p);
        cull_ctx_free(cx);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* cmocka's assertions do not work in a child. */
static void must(cull_ctx *cx, bool holds, int code)
{
    if (holds) return;
    fprintf(stderr, "as nobody (%d): %s\n", code, cull_error(cx));
    _exit(code);
}

static void only_reading(cull_ctx *cx, place *p)
{
    cull__study_facts mine = facts_for_tests(), facts;
    cull__store *s;
    bool was;
    must(cx,
         cull__store_open(cx, p->path, true, false, &mine, &was, &facts, &s) == CULL_EIO &&
             strstr(cull_error(cx), "ermission"),
         3);
    must(cx, try_read(cx, p->path, false) == CULL_OK, 4);
}

static void no_reading(cull_ctx *cx, place *p)
{
    must(cx, try_read(cx, p->path, false) == CULL_EIO && strstr(cull_error(cx), p->path), 3);
}

static void no_new_files(cull_ctx *cx, place *p)
{
    cull__study_facts mine = facts_for_tests(), facts;
    cull__store *s;
    bool was;
    must(cx,
         cull__store_open(cx, p->path, true, false, &mine, &was, &facts, &s) == CULL_EIO &&
             strstr(cull_error(cx), p->path),
         3);
}

static void permissions(void **state)
{
    place *p = *state;
    assert_int_equal(waitpid(crowd_start(p->path, 20, -1), NULL, 0) > 0, 1);
    assert_int_equal(chmod(p->path, 0444), 0);
    assert_int_equal(chmod(p->dir, 0555), 0);
    assert_int_equal(as_nobody(only_reading, p), 0);
    assert_int_equal(chmod(p->path, 0666), 0); /* the file may be written, but nothing beside it */
    assert_int_equal(as_nobody(no_new_files, p), 0);
    assert_int_equal(chmod(p->path, 0), 0);
    assert_int_equal(as_nobody(no_reading, p), 0);
    assert_int_equal(chmod(p->path, 0644), 0);
    assert_int_equal(chmod(p->dir, 0755), 0);
    cull__store *s =
        open_store(p->cx, p->path, NULL); /* someone has it open, and nobody reads along */
    ok(p->cx, cull__store_begin(p->cx, s));
    ask_one(p->cx, s, 20);
    ok(p->cx, cull__store_commit(p->cx, s));
    assert_int_equal(as_nobody(only_reading, p), 0);
    cull__store_close(s);
    unlink(p->path);
    assert_int_equal(chmod(p->dir, 0555), 0);
    assert_int_equal(as_nobody(no_new_files, p), 0);
}

static void others_write(void **state)
{
    place *p = *state;
    pid_t writer = crowd_start(p->path, 400, -1);
    crowd c = {0};
    for (int status, i = 0; waitpid(writer, &status, WNOHANG) == 0; i++) {
        cull__study_facts facts;
        cull__store *s;
        bool was;
        cull_status st = cull__store_open(p->cx, p->path, false, false, NULL, &was, &facts, &s);
        if (st != CULL_OK) { /* it is not made yet */
            assert_int_equal(st, CULL_EINPUT);
            continue;
        }
        ok(p->cx, cull__store_read(p->cx, s, c.seq, crowd_event, &c));
        cull__store_close(s);
    }
    ok(p->cx, try_read(p->cx, p->path, false));
}

static void waits_and_gives_up(void **state)
{
    place *p = *state;
    cull__store *s = open_store(p->cx, p->path, NULL);
    int fd[2];
    char c;
    assert_int_equal(pipe(fd), 0);
    pid_t child = fork();
    if (child == 0) { /* holds the write lock until it is killed */
        cull_ctx *cx = cull_ctx_new(NULL);
        cull__store *mine = open_store(cx, p->path, NULL);
        if (cull__store_begin(cx, mine) != CULL_OK || write(fd[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(1);
    }
    assert_int_equal(read(fd[0], &c, 1), 1);
    cull__study_facts mine = facts_for_tests(), facts;
    void *v;
    bool was;
    ok(p->cx, cull__store_sqlite.open(p->cx, p->path, false, false, &mine, &was, &facts, &v));
    ((cull__sqlite *)v)->patience = 0.1;
    char by[32];
    snprintf(by, sizeof by, "by process %d;", (int)child);
    refused(p->cx, cull__store_sqlite.begin(p->cx, v), CULL_EIO, "locked for longer than 0.1 s");
    if (access("/proc/locks", R_OK) == 0) assert_non_null(strstr(cull_error(p->cx), by));
    ok(p->cx, try_read(p->cx, p->path, false)); /* who reads does not wait */
    ((cull__sqlite *)v)->patience = 60;
    p->h.stop_at = p->h.ticks + 1; /* and who waits can be stopped */
    refused(p->cx, cull__store_sqlite.begin(p->cx, v), CULL_ECANCEL, "stopped");
    p->h.stop_at = 0;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ok(p->cx, cull__store_sqlite.begin(p->cx, v));
    cull__store_sqlite.abort(v);
    cull__store_sqlite.close(v);
    ok(p->cx, cull__store_begin(p->cx, s));
    cull__store_abort(s);
    cull__store_close(s);
    close(fd[0]), close(fd[1]);
}

/* Until it is full; what was committed stays, and there is room again later. */
static void fill_up(cull_ctx *cx, void *v, const char *path)
{
    cull_status st = CULL_OK;
    crowd c = {0};
    int64_t kept = 0;
    static char note[2000];
    memset(note, 'n', sizeof note - 1);
    for (int i = 0; i < 5000 && st == CULL_OK; i++) {
        cull__event e = {
            .kind = CULL__ASKED, .trial = i, .width = WIDTH, .x = store_x, .note = note};
        st = cull__store_sqlite.begin(cx, v);
        if (st != CULL_OK) break;
        st = cull__store_sqlite.append(cx, v, &e);
        if (st == CULL_OK)
            st = cull__store_sqlite.commit(cx, v);
        else
            cull__store_sqlite.abort(v);
        kept += st == CULL_OK;
    }
    assert_int_equal(st, CULL_EIO);
    assert_non_null(strstr(cull_error(cx), "the disk is full"));
    assert_true(kept > 10);
    ok(cx, cull__store_sqlite.read(cx, v, 0, crowd_event, &c));
    assert_int_equal(c.seq, kept);
    (void)path;
}

static void full_disk(void **state)
{
    place *p = *state;
    cull__study_facts mine = facts_for_tests(), facts;
    void *v;
    bool was;
    ok(p->cx, cull__store_sqlite.open(p->cx, p->path, true, false, &mine, &was, &facts, &v));
    ok(p->cx, cull__sqlite_exec(p->cx, v, "PRAGMA max_page_count = 100"));
    fill_up(p->cx, v, p->path);
    ok(p->cx, cull__sqlite_exec(p->cx, v, "PRAGMA max_page_count = 1000000"));
    cull__event e = {.kind = CULL__ENDED, .trial = -1};
    ok(p->cx, cull__store_sqlite.begin(p->cx, v));
    ok(p->cx, cull__store_sqlite.append(p->cx, v, &e));
    ok(p->cx, cull__store_sqlite.commit(p->cx, v));
    cull__store_sqlite.close(v);
}

static void full_disk_for_real(void **state)
{
    place *p = *state;
    char disk[96], path[128], row[64];
    snprintf(disk, sizeof disk, "%s/disk", p->dir);
    snprintf(path, sizeof path, "%s/a.cull", disk);
    assert_int_equal(mkdir(disk, 0755), 0);
    if (mount("none", disk, "tmpfs", 0, "size=600k") != 0) {
        print_message("no permission to mount a small disk\n");
        return;
    }
    cull__study_facts mine = facts_for_tests(), facts;
    void *v;
    bool was;
    ok(p->cx, cull__store_sqlite.open(p->cx, path, true, true, &mine, &was, &facts, &v));
    fill_up(p->cx, v, path);
    cull__store_sqlite.close(v);
    ask_sql(path, "PRAGMA quick_check", row, sizeof row);
    assert_string_equal(row, "ok");
    assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

static void file_goes_away(void **state)
{
    place *p = *state;
    cull__store *s = open_store(p->cx, p->path, NULL);
    unlink(p->path);
    refused(p->cx, cull__store_begin(p->cx, s), CULL_EIO, "moved or deleted");
    cull__store_close(s);
}

/* ---- by hand ---- */

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
    crowd c = {0};
    if (cull__store_open(cx, path, false, false, NULL, &was, &facts, &s) != CULL_OK) return 1;
    if (cull__store_read(cx, s, 0, crowd_event, &c) != CULL_OK) return 1;
    cull__store_close(s);
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    printf("read again: %ld events in %.2f s; resident at most %ld MiB\n", (long)c.seq,
           cull__now() - t0, r.ru_maxrss / 1024);
    cull_ctx_free(cx);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "bench")) return bench(argv[2], atoll(argv[3]));
    if (argc >= 4) {
        cull_ctx *cx = cull_ctx_new(NULL);
        double t0 = cull__now();
        if (!strcmp(argv[1], "crowd")) check_crowd(cx, argv[2], atoi(argv[3]), atoi(argv[4]));
        for (int i = 0; !strcmp(argv[1], "kills") && i < atoi(argv[3]); i++)
            check_killed(cx, argv[2], i);
        printf("%s: %.1f s\n", argv[1], cull__now() - t0);
        cull_ctx_free(cx);
        return 0;
    }
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(memory_events),
        T(events),
        T(leases),
        T(crowd_of_processes),
        T(kills),
        T(tables_for_people),
        T(memory_fails),
        T(memory_limit),
        T(wrong_places),
        T(other_files),
        T(damaged_files),
        T(senseless_events),
        T(permissions),
        T(others_write),
        T(waits_and_gives_up),
        T(full_disk),
        T(full_disk_for_real),
        T(file_goes_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
