/* Studies in SQLite files: what is no study, what is damaged, and what stands in the way. Each is a sentence, and nothing
 * that was committed is lost. */
#include "study_file.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* ---- what is no study ---- */

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
    refuse(p->cx, other, true, CULL_EIO, "none/x.cull: its folder is not there");
    snprintf(other, sizeof other, "%s/none/", p->dir);
    refuse(p->cx, other, true, CULL_EINPUT, "names a folder");
    snprintf(other, sizeof other, "%s/x", p->path);
    put_file(p->path, "", 0);
    refuse(p->cx, other, true, CULL_EIO, "Not a directory");
    refuse(p->cx, p->path, false, CULL_EINPUT, "is empty");
    cull__store_close(open_store(p->cx, p->path, NULL)); /* an empty file becomes one */
    ok(p->cx, try_read(p->cx, p->path, false));
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
    refuse(p->cx, p->path, true, CULL_EINPUT, "1 table or view)");
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

static void damaged_files(void **state)
{
    place *p = *state;
    assert_int_equal(waitpid(crowd_start(p->path, 300, -1), NULL, 0) > 0, 1);
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
             strstr(cull_error(cx), "in its folder"),
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
    assert_int_equal(mount("none", disk, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=600k"), 0);
    refused(p->cx, cull__store_sqlite.open(p->cx, path, true, true, &mine, &was, &facts, &v),
            CULL_EIO, "its file system can only be read");
    ok(p->cx, try_read(p->cx, path, false));
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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(wrong_places),       T(other_files),    T(damaged_files),      T(senseless_events),
        T(permissions),        T(others_write),   T(waits_and_gives_up), T(full_disk),
        T(full_disk_for_real), T(file_goes_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
