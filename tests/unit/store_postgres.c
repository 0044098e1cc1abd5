/* Studies on a PostgreSQL server, which is started below /tmp as an unprivileged user where its programs are installed (else
 * 77 = skipped): what every store keeps (study_store.h), several studies in one database, a server that goes away. "store_postgres
 * bench 100000" and "... crowd 96 20" are the long forms. */
#include "study_store.h"

#include <glob.h>
#include <pwd.h>
#include <sys/stat.h>

#include "search/store_kind.h"

typedef struct {
    char dir[64], bin[128], url[256];
    uid_t uid;
    gid_t gid;
} server;
static server pg;

/* A program of PostgreSQL's as its user, since root may not; quiet but for failures. */
static int as_server(const char *fmt, ...)
{
    char cmd[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cmd, sizeof cmd, fmt, ap);
    va_end(ap);
    pid_t p = fork();
    if (p == 0) {
        if (geteuid() == 0 && (setgid(pg.gid) != 0 || setuid(pg.uid) != 0)) _exit(126);
        if (chdir("/") != 0) _exit(126);
        execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
        _exit(127);
    }
    int status;
    return waitpid(p, &status, 0) == p && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int start(void)
{
    return as_server("exec %s/pg_ctl -D %s/d -l %s/log -s -w -o \"-k %s -c listen_addresses='' -c "
                     "fsync=off\" start",
                     pg.bin, pg.dir, pg.dir, pg.dir);
}

static int stop(const char *how)
{
    return as_server("exec %s/pg_ctl -D %s/d -s -m %s -w stop", pg.bin, pg.dir, how);
}

/* SQL for the server by its own client. */
static int psql(const char *sql)
{
    return as_server(
        "exec %s/psql -q -h %s -U cull -d postgres -v ON_ERROR_STOP=1 -c \"%s\" >/dev/null", pg.bin,
        pg.dir, sql);
}

static void psql_row(const char *sql, char *out, size_t size)
{
    char cmd[1024];
    snprintf(cmd, sizeof cmd, "%s/psql -X -q -A -t -h %s -U cull -d postgres -c \"%s\"", pg.bin,
             pg.dir, sql);
    FILE *f = popen(cmd, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, size - 1, f);
    while (n && out[n - 1] == '\n') n--;
    out[n] = 0;
    assert_int_equal(pclose(f), 0);
}

static bool find_programs(void)
{
    glob_t g;
    bool found = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0 && g.gl_pathc > 0;
    if (found) {
        snprintf(pg.bin, sizeof pg.bin, "%s", g.gl_pathv[g.gl_pathc - 1]);
        *strrchr(pg.bin, '/') = 0;
    }
    globfree(&g);
    struct passwd *u = getpwnam("postgres");
    if (!u) u = getpwnam("nobody");
    if (u) pg.uid = u->pw_uid, pg.gid = u->pw_gid;
    return found && (u || geteuid() != 0);
}

static bool make_server(void)
{
    strcpy(pg.dir, "/tmp/cull-pg-XXXXXX");
    if (!mkdtemp(pg.dir)) return false;
    if (geteuid() == 0 && chown(pg.dir, pg.uid, pg.gid) != 0) return false;
    if (as_server("exec %s/initdb -D %s/d -A trust -U cull -E UTF8 --no-sync >%s/init 2>&1", pg.bin,
                  pg.dir, pg.dir))
        return false;
    snprintf(pg.url, sizeof pg.url, "postgresql:///postgres?host=%s&user=cull", pg.dir);
    return start() == 0;
}

static void end_server(void)
{
    char cmd[96];
    stop("immediate");
    snprintf(cmd, sizeof cmd, "rm -rf %s", pg.dir);
    if (system(cmd) != 0) fprintf(stderr, "%s is left behind\n", pg.dir);
}

static char *study(const char *name)
{
    static char url[512];
    snprintf(url, sizeof url, "%s&study=%s", pg.url, name);
    return url;
}

typedef struct {
    hooks h;
    cull_ctx *cx;
} place;

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    p->cx = hooked_ctx(&p->h, 1);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    cull_ctx_free(p->cx);
    long live = p->h.live;
    free(p);
    return live != 0;
}

/* ---- what all keep ---- */

static void events(void **state)
{
    place *p = *state;
    check_events(p->cx, study("a%20b%26c"));
    check_again(p->cx, study("a%20b%26c"));
    check_events(p->cx, pg.url); /* "cull", beside that */
}

static void leases(void **state)
{
    place *p = *state;
    check_leases(p->cx, study("leases"));
}

static void crowd_of_processes(void **state)
{
    place *p = *state;
    check_crowd(p->cx, study("crowd"), 16, 20);
}

static void kills(void **state)
{
    place *p = *state;
    for (int i = 0; i < 10; i++) check_killed(p->cx, study("kills"), i);
}

static void many_in_one_group(void **state)
{
    place *p = *state;
    cull__store *s = open_store(p->cx, study("many"), NULL);
    crowd c = {0};
    ok(p->cx, cull__store_begin(p->cx, s));
    for (int i = 0; i < 1000; i++) ask_one(p->cx, s, i);
    ok(p->cx, cull__store_read(p->cx, s, 0, crowd_event, &c)); /* what is on its way is read too */
    assert_int_equal(c.trials, 1000);
    cull__store_abort(s);
    ok(p->cx, cull__store_begin(p->cx, s));
    for (int i = 0; i < 1000; i++) ask_one(p->cx, s, i);
    cull__store_abort(s);
    c = (crowd){0};
    ok(p->cx, cull__store_read(p->cx, s, 0, crowd_event, &c));
    assert_int_equal(c.seq, 0);
    cull__store_close(s);
}

static void views_for_people(void **state)
{
    char row[256];
    (void)state;
    psql_row("SELECT state, replicate, value, violation, cost, x, worker FROM cull_trial WHERE "
             "study = 'cull' AND number = 0",
             row, sizeof row);
    assert_string_equal(row, "done|2|{0.25,-1e+17}|{0.125}|2.5|{2.385,-0,1e-300}|host:17:0");
    psql_row("SELECT state, ended, worker FROM cull_trial WHERE study = 'cull' AND number = 2", row,
             sizeof row);
    assert_string_equal(row, "timeout|7|host:19:1");
    psql_row("SELECT string_agg(what, ' ' ORDER BY seq) FROM cull_history WHERE study = 'cull'",
             row, sizeof row);
    assert_string_equal(row, "queued asked reported told added asked retried asked told ended");
    psql_row("SELECT string_agg(state, ' ' ORDER BY number) FROM cull_trial WHERE study = 'leases'",
             row, sizeof row);
    assert_string_equal(row, "running done stopped waiting running running done");
}

static cull_status count_studies(cull_ctx *cx, void *user, const char *where,
                                 const cull__study_facts *facts)
{
    (void)cx;
    assert_string_equal(facts->method, "random");
    if (strstr(where, "a%20b%26c")) ++*(int *)user;
    return CULL_OK;
}

static void lists_studies(void **state)
{
    place *p = *state;
    int n = 0;
    ok(p->cx, cull__store_list(p->cx, pg.url, count_studies, &n));
    assert_int_equal(n, 1);
    ok(p->cx, cull__store_list(p->cx, study("crowd"), count_studies, &n));
    assert_int_equal(n, 1);
}

/* Told in words that are no UTF-8, which the server would not take. */
static void foreign_words(void **state)
{
    place *p = *state;
    char row[64];
    cull__event e = {
        .kind = CULL__TOLD, .trial = 0, .state = CULL_TRIAL_FAILED, .note = "caf\xe9 \xff!"};
    cull__store *s = open_store(p->cx, study("words"), NULL);
    ok(p->cx, cull__store_begin(p->cx, s));
    ok(p->cx, cull__store_append(p->cx, s, &e));
    ok(p->cx, cull__store_commit(p->cx, s));
    cull__store_close(s);
    psql_row("SELECT note FROM cull_history WHERE study = 'words'", row, sizeof row);
    assert_string_equal(row, "caf? ?!");
}

/* ---- what is wrong ---- */

static void refuse(cull_ctx *cx, const char *where, cull_status st, const char *part)
{
    cull__study_facts mine = facts_for_tests(), facts;
    cull__store *s = NULL;
    bool was;
    refused(cx, cull__store_open(cx, where, false, false, &mine, &was, &facts, &s), st, part);
    assert_null(s);
    refused(cx, cull__store_open(cx, where, false, false, NULL, &was, &facts, &s), st, part);
    assert_null(s);
}

static void wrong_places(void **state)
{
    place *p = *state;
    char url[512];
    refuse(p->cx, study("none"), CULL_EINPUT, "there is no study 'none'");
    snprintf(url, sizeof url, "postgresql://cull:secret@/nowhere?host=%s", pg.dir);
    refuse(p->cx, url, CULL_EIO, "postgresql://cull@/nowhere?study=cull: there is no connection");
    assert_non_null(strstr(cull_error(p->cx), "\"nowhere\" does not exist"));
    assert_null(strstr(cull_error(p->cx), "secret"));
    refuse(p->cx, "postgresql:///x?host=/nonexistent", CULL_EIO, "No such file");
    refuse(p->cx, "postgresql:///x?colour=red", CULL_EINPUT, "colour");
    static const char *const misread[] = {"cull:secr%et@", "cull:a@secret@", "cull:se/cret@",
                                          "cull:secret@["};
    for (size_t i = 0; i < sizeof misread / sizeof *misread; i++) {
        snprintf(url, sizeof url, "postgresql://%slocalhost:1/db", misread[i]);
        refuse(p->cx, url, CULL_EINPUT, "cannot be read");
        assert_null(strstr(cull_error(p->cx), "ecret"));
    }
    refuse(p->cx, "postgresql://cull:s?ecret@localhost:1/db", CULL_EIO,
           "postgresql://cull@localhost:1/db?study=cull: there is no connection");
    assert_int_equal(psql("CREATE DATABASE empty"), 0);
    snprintf(url, sizeof url, "postgresql:///empty?host=%s&user=cull", pg.dir);
    refuse(p->cx, url, CULL_EINPUT, "no studies in that database");
    int n = 0;
    ok(p->cx, cull__store_list(p->cx, url, count_studies, &n));
    assert_int_equal(psql("CREATE DATABASE other"), 0);
    assert_int_equal(
        as_server("exec %s/psql -q -h %s -U cull -d other -c 'CREATE TABLE cull_study(a int)'",
                  pg.bin, pg.dir),
        0);
    snprintf(url, sizeof url, "postgresql:///other?host=%s&user=cull", pg.dir);
    refuse(p->cx, url, CULL_EINPUT, "not those of cull");
    assert_int_equal(psql("UPDATE cull_study SET version = 2 WHERE name = 'many'"), 0);
    refuse(p->cx, study("many"), CULL_EINPUT, "newer cull (form 2; this one knows 1)");
    assert_int_equal(psql("UPDATE cull_study SET version = 1, seed = '-' WHERE name = 'many'"), 0);
    refuse(p->cx, study("many"), CULL_EINPUT, "damaged");
    assert_int_equal(psql("DELETE FROM cull_study WHERE name = 'many'"), 0);
}

/* Neither what the command says nor its page has the password, nor the words that ps shows while programs run. */
static void command_hides_passwords(void **state)
{
    (void)state;
    char self[200], script[1200];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = 0;
    snprintf(strrchr(self, '/'), 10, "/../cull");
    if (access(self, X_OK) != 0) {
        print_message("the command is not built\n");
        return;
    }
    snprintf(
        script, sizeof script,
        "set -e; cd %s; echo 'a = int(0, 9)' >space.cull; u='postgresql://cull:hunter2@/postgres?"
        "host=%s&password=hunter2&study=hidden'\n"
        "%s search space.cull --minimize e --budget 2 --store=\"$u\" -o page.html --"
        " sh -c 'cat /proc/$PPID/cmdline >ps; echo e=1' >out 2>err\n"
        "%s search status \"$u\" >>out; %s search report \"$u\" -o other.html 2>>err\n"
        "grep -q 'kept in postgresql://cull@/' err; grep -q cull@ page.html other.html\n"
        "[ -s ps ] && ! grep -al hunter out err ps page.html other.html",
        pg.dir, pg.dir, self, self, self);
    assert_int_equal(system(script), 0);
    assert_int_equal(psql("DELETE FROM cull_study WHERE name = 'hidden'"), 0);
}

static void permissions(void **state)
{
    place *p = *state;
    char url[512];
    assert_int_equal(
        psql("CREATE ROLE guest LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest"), 0);
    snprintf(url, sizeof url, "postgresql://guest@/postgres?host=%s", pg.dir);
    cull__study_facts mine = facts_for_tests(), facts;
    cull__store *s;
    bool was;
    expected x = {.next = 1};
    store_events(x.e);
    ok(p->cx, cull__store_open(p->cx, url, false, false, NULL, &was, &facts, &s));
    ok(p->cx, cull__store_read(p->cx, s, 0, expect_event, &x));
    assert_int_equal(x.next, 11);
    cull__store_close(s);
    ok(p->cx, cull__store_open(p->cx, url, false, false, &mine, &was, &facts, &s));
    refused(p->cx, cull__store_begin(p->cx, s), CULL_EIO, "no permission to write");
    cull__store_close(s);
}

static void senseless_events(void **state)
{
    place *p = *state;
    const char *harm[] = {
        "UPDATE cull_event SET kind = 9",          "UPDATE cull_event SET state = 77",
        "UPDATE cull_event SET value = '{1,2,3}'", "UPDATE cull_event SET value = '{{1},{2}}'",
        "UPDATE cull_event SET x = '{1,NULL,3}'",  "DELETE FROM cull_event"};
    for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
        char name[16], sql[256];
        snprintf(name, sizeof name, "harm%d", (int)i);
        check_events(p->cx, study(name));
        snprintf(sql, sizeof sql,
                 "%s WHERE seq = 3 AND study = (SELECT id FROM cull_study WHERE name = '%s')",
                 harm[i], name);
        assert_int_equal(psql(sql), 0);
        expected x = {.next = 1};
        store_events(x.e);
        cull__store *s = open_store(p->cx, study(name), NULL);
        refused(p->cx, cull__store_read(p->cx, s, 0, expect_event, &x), CULL_EINPUT,
                "event 3 makes no sense");
        cull__store_close(s);
    }
}

static void memory_fails(void **state)
{
    place *p = *state;
    cull_status st = CULL_ENOMEM;
    int at;
    (void)p;
    for (at = 1; at < 200 && st != CULL_OK; at++) {
        hooks h = {.fail_at = 0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull__study_facts mine = facts_for_tests(), facts;
        cull__store *s = NULL;
        bool was;
        h.fail_at = h.calls + at;
        st = cull__store_open(cx, study("memory"), true, false, &mine, &was, &facts, &s);
        expected x = {.next = 1};
        int n = store_events(x.e);
        bool taken = st == CULL_OK && (st = cull__store_begin(cx, s)) == CULL_OK;
        for (int i = 0; i < n && st == CULL_OK; i++) st = cull__store_append(cx, s, &x.e[i]);
        if (st == CULL_OK) st = cull__store_read(cx, s, 0, expect_event, &x);
        if (taken) cull__store_abort(s); /* for the next round */
        if (st != CULL_OK && st != CULL_ENOMEM) fail_msg("%d: %s", at, cull_error(cx));
        cull__store_close(s);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(at > 5 && at < 200);
}

/* ---- a server that goes away ---- */

static void tell_one(cull_ctx *cx, cull__store *s, int64_t trial)
{
    ok(cx, cull__store_begin(cx, s));
    ask_one(cx, s, trial);
    ok(cx, cull__store_commit(cx, s));
}

static void server_goes_away(void **state)
{
    place *p = *state;
    crowd c = {0};
    cull__store *s = open_store(p->cx, study("gone"), NULL);
    tell_one(p->cx, s, 0);
    /* between groups: nobody notices */
    assert_int_equal(psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                          "application_name = 'cull'"),
                     0);
    tell_one(p->cx, s, 1);
    assert_int_equal(stop("fast"), 0);
    assert_int_equal(start(), 0);
    ok(p->cx, cull__store_read(p->cx, s, 0, crowd_event, &c));
    tell_one(p->cx, s, 2);
    /* within one: it is lost, and said so */
    ok(p->cx, cull__store_begin(p->cx, s));
    ask_one(p->cx, s, 3);
    assert_int_equal(psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                          "application_name = 'cull'"),
                     0);
    refused(p->cx, cull__store_commit(p->cx, s), CULL_EIO, "connection");
    tell_one(p->cx, s, 3);
    ok(p->cx, cull__store_read(p->cx, s, c.seq, crowd_event, &c));
    assert_int_equal(c.trials, 4);
    /* killed at once, it has all that was committed */
    assert_int_equal(stop("immediate"), 0);
    assert_int_equal(start(), 0);
    tell_one(p->cx, s, 4);
    c = (crowd){0};
    ok(p->cx, cull__store_read(p->cx, s, 0, crowd_event, &c));
    assert_int_equal(c.trials, 5);
    cull__store_close(s);
}

static void study_is_deleted(void **state)
{
    place *p = *state;
    cull__store *s = open_store(p->cx, study("deleted"), NULL);
    assert_int_equal(psql("DELETE FROM cull_study WHERE name = 'deleted'"), 0);
    refused(p->cx, cull__store_begin(p->cx, s), CULL_EIO, "was deleted");
    cull__store_close(s);
}

static void waits_for_others(void **state)
{
    place *p = *state;
    cull__store *a = open_store(p->cx, study("locked"), NULL),
                *b = open_store(p->cx, study("locked"), NULL);
    ok(p->cx, cull__store_begin(p->cx, a));
    p->h.stop_at = p->h.ticks + 1;
    refused(p->cx, cull__store_begin(p->cx, b), CULL_ECANCEL, "stopped");
    p->h.stop_at = 0;
    cull__store_abort(a);
    ok(p->cx, cull__store_begin(p->cx, b));
    cull__store_abort(b);
    cull__store_close(a);
    cull__store_close(b);
}

/* ---- by hand ---- */

static void bench(int64_t n)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__store *s = open_store(cx, study("bench"), NULL);
    double t0 = cull__now();
    for (int64_t i = 0; i < 1000; i++) {
        cull__event told = {
            .kind = CULL__TOLD, .trial = i, .state = CULL_TRIAL_DONE, .value = store_value};
        tell_one(cx, s, i);
        ok(cx, cull__store_begin(cx, s));
        ok(cx, cull__store_append(cx, s, &told));
        ok(cx, cull__store_commit(cx, s));
    }
    printf("ask and tell, two groups: %.1f us a trial\n", 1e3 * (cull__now() - t0));
    t0 = cull__now();
    ok(cx, cull__store_begin(cx, s));
    for (int64_t i = 1000; i < n; i++) ask_one(cx, s, i);
    ok(cx, cull__store_commit(cx, s));
    printf("%ld asked in one group: %.2f s\n", (long)n - 1000, cull__now() - t0);
    cull__store_close(s);
    t0 = cull__now();
    s = open_store(cx, study("bench"), NULL);
    crowd c = {0};
    ok(cx, cull__store_read(cx, s, 0, crowd_event, &c));
    printf("read again: %ld events in %.2f s\n", (long)c.seq, cull__now() - t0);
    cull__store_close(s);
    cull_ctx_free(cx);
}

int main(int argc, char **argv)
{
    if (!find_programs()) {
        printf("no PostgreSQL server is installed (Debian: postgresql)\n");
        return 77;
    }
    if (!make_server()) {
        printf("%s: the server did not start\n", pg.dir);
        return 1;
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__study_facts facts;
    cull__store *s;
    bool was;
    cull_status st = cull__store_open(cx, study("none"), false, false, NULL, &was, &facts, &s);
    int failed = 77;
    if (st == CULL_ENODATA) {
        printf("%s\n", cull_error(cx));
    } else if (argc > 1) {
        if (!strcmp(argv[1], "bench")) bench(atoll(argv[2]));
        double t0 = cull__now();
        if (!strcmp(argv[1], "crowd"))
            check_crowd(cx, study("crowd"), atoi(argv[2]), atoi(argv[3]));
        printf("%.1f s\n", cull__now() - t0);
        failed = 0;
    } else {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
            T(events),
            T(leases),
            T(crowd_of_processes),
            T(kills),
            T(many_in_one_group),
            T(views_for_people),
            T(lists_studies),
            T(foreign_words),
            T(wrong_places),
            T(command_hides_passwords),
            T(permissions),
            T(senseless_events),
            T(memory_fails),
            T(server_goes_away),
            T(study_is_deleted),
            T(waits_for_others),
        };
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    }
    cull_ctx_free(cx);
    end_server();
    return failed;
}
