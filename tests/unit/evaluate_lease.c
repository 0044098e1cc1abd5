/* Loops of the caller's own on a store that is shared: who is gone, who is silent, what goes back. */
#include "cull/evaluate.h"
#include "search/store_kind.h"
#include "search/study.h"
#include "test.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    cull_ctx *cx;
    cull_space *space;
    cull_search_problem p;
    char dir[64], store[100];
} fixture;

static const cull_objective one[] = {{"error", false}};

static int setup(void **state)
{
    static const char text[] = "a = int(0, 99)\n";
    fixture *f = calloc(1, sizeof *f);
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 1;
    f->cx = cull_ctx_new(&o);
    ok(f->cx, cull_space_from(f->cx, text, strlen(text), "test.cull", &f->space));
    f->p = (cull_search_problem){.space = f->space, .objectives = 1, .objective = one, .trials = 3};
    snprintf(f->dir, sizeof f->dir, "/tmp/cull-lease-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->store, sizeof f->store, "%s/run.db", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", f->dir);
    assert_int_equal(system(line), 0);
    cull_space_free(f->space);
    cull_ctx_free(f->cx);
    free(f);
    return 0;
}

static cull_study *open_study(fixture *f, const char *store)
{
    cull_study *s;
    cull_study_opts o = CULL_STUDY_OPTS;
    o.store = store;
    ok(f->cx, cull_study_open(f->cx, &f->p, cull_method_find("random-search", NULL), NULL, &o, &s));
    return s;
}

static int64_t asked(fixture *f, cull_study *s)
{
    cull_trial t;
    ok(f->cx, cull_study_ask(s, &t));
    return t.number;
}

/* A child asks for trial 0 and ends. */
static void ask_and_end(fixture *f, bool claims)
{
    pid_t pid = fork();
    if (pid == 0) {
        cull_study *s = open_study(f, f->store);
        if (claims) ok(f->cx, cull_study_claim(f->cx, s));
        _exit(asked(f, s) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void gone(void **state)
{
    fixture *f = *state;
    ask_and_end(f, true);
    cull_study *s = open_study(f, f->store);
    assert_int_equal(asked(f, s), 1);
    ok(f->cx, cull_study_claim(f->cx, s));
    assert_int_equal(asked(f, s), 0); /* under its number */
    assert_int_equal(asked(f, s), 2);
    cull_study *other = open_study(f, f->store);
    ok(f->cx, cull_study_claim(f->cx, other)); /* of the same process, which is there */
    refused(f->cx, cull_study_ask(other, &(cull_trial){0}), CULL_ENODATA, "budget is spent");
    cull_study_free(other);
    cull_study_free(s);
}

/* The number of a process that is gone here says nothing of another machine that has this one's name. */
static void namesake(void **state)
{
    fixture *f = *state;
    pid_t pid = fork();
    if (pid == 0) {
        cull_study *other = open_study(f, f->store);
        ok(f->cx, cull_study_claim(f->cx, other));
        char name[96], *digit;
        snprintf(name, sizeof name, "%s", other->worker);
        digit = strchr(name, '@') + 1;
        *digit = *digit == '0' ? '1' : '0';
        cull__study_worker(other, name);
        _exit(asked(f, other) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    cull_study *s = open_study(f, f->store);
    ok(f->cx, cull_study_claim(f->cx, s));
    assert_int_equal(asked(f, s), 1);
    assert_int_equal(asked(f, s), 2);
    cull_study_free(s);
}

/* Of a worker that never said who it is nobody knows that it is gone, but that it is silent. */
static void silent(void **state)
{
    fixture *f = *state;
    ask_and_end(f, false);
    cull_study *s = open_study(f, f->store), *other = open_study(f, f->store);
    ok(f->cx, cull_study_claim(f->cx, s));
    int64_t mine = asked(f, s), n;
    assert_int_equal(mine, 1);
    for (int i = 0; i < 12; i++) {
        usleep(20000);
        ok(f->cx, cull_study_beat(f->cx, s, &mine, 1, 0.01));
    }
    assert_int_equal(asked(f, s), 0);
    cull_running r[3];
    ok(f->cx, cull_study_beat(f->cx, other, NULL, 0, 10)); /* patient: neither is silent for it */
    assert_int_equal(asked(f, other), 2);
    ok(f->cx, cull_study_running(f->cx, other, r, 3, &n));
    assert_int_equal(n, 3);
    assert_true(*r[1].worker && strstr(r[1].worker, ":"));
    cull_study_free(other);
    cull_study_free(s);
}

static void given_back(void **state)
{
    fixture *f = *state;
    for (int kept = 0; kept < 2; kept++) {
        cull_study *s = open_study(f, kept ? f->store : NULL);
        double x, value = 1;
        cull_trial t;
        cull_outcome o = {.state = CULL_TRIAL_DONE, .value = &value};
        ok(f->cx, cull_study_claim(f->cx, s));
        ok(f->cx, cull_study_beat(f->cx, s, NULL, 0, 0));
        ok(f->cx, cull_study_ask(s, &t));
        x = t.x[0];
        for (int i = 0; i < 2; i++) assert_int_equal(asked(f, s), i + 1);
        assert_true(cull_study_done(s)); /* the budget is spent */
        ok(f->cx, cull_study_give_back(s, 0));
        assert_false(cull_study_done(s));
        refused(f->cx, cull_study_give_back(s, 0), CULL_EINPUT, "waits to be asked again");
        refused(f->cx, cull_study_tell(s, 0, &o), CULL_EINPUT, "waits to be asked again");
        ok(f->cx, cull_study_ask(s, &t));
        assert_int_equal(t.number, 0);
        assert_true(t.x[0] == x);
        assert_int_equal(cull_study_paid(s), 3);
        ok(f->cx, cull_study_tell(s, 0, &o));
        refused(f->cx, cull_study_give_back(s, 0), CULL_EINPUT, "it is done");
        refused(f->cx, cull_study_give_back(s, 7), CULL_EINPUT, "7");
        cull_study_free(s);
    }
}

/* A process asks for a trial and is killed while another searches: that one spends what is left of the budget. */
static void killed_beside(void *user, cull_call *call, const cull_trial *t, cull_outcome *out,
                          double *value, double *violation)
{
    fixture *f = user;
    (void)call, (void)out, (void)violation;
    if (t->number == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            cull_ctx *cx = cull_ctx_new(NULL);
            cull_study *s;
            cull_trial asked;
            if (cull_study_reopen(cx, f->store, &s) != CULL_OK ||
                cull_study_claim(cx, s) != CULL_OK || cull_study_ask(s, &asked) != CULL_OK)
                _exit(1);
            kill(getpid(), SIGKILL);
        }
        waitpid(pid, NULL, 0);
    }
    value[0] = t->x[0];
}

static void spends_all(void **state)
{
    fixture *f = *state;
    cull_evaluator *e;
    cull_trial t;
    cull_study *s = open_study(f, f->store);
    ok(f->cx, cull_evaluate_function(f->cx, &f->p, killed_beside, f, &e));
    ok(f->cx, cull_study_run(f->cx, s, e, NULL));
    assert_int_equal(cull_study_trials(s), 3);
    for (int i = 0; i < 3; i++) {
        ok(f->cx, cull_study_trial(s, i, &t));
        assert_int_equal(t.state, CULL_TRIAL_DONE);
    }
    cull_evaluator_free(e);
    cull_study_free(s);
}

/* The server goes away while four trials run: each time that it is asked for takes ten seconds, so that is not once a trial. */
static int knocks;
static cull_status no_answer(cull_ctx *cx, void *s)
{
    (void)s;
    knocks++;
    return cull__fail(cx, CULL_EIO, "nobody is there");
}

static void goes_away(void *user, cull_call *call, const cull_trial *t, cull_outcome *out,
                      double *value, double *violation)
{
    static cull__store_kind away;
    static _Atomic int begun, left;
    (void)call, (void)out, (void)violation;
    for (begun++; begun < 4 || (t->number && !left);) usleep(1000);
    if (t->number == 0) {
        away = cull__store_sqlite, away.begin = no_answer;
        ((cull_study *)user)->store->kind = &away;
        left = 1;
    }
    value[0] = 1;
}

static void store_goes_away(void **state)
{
    fixture *f = *state;
    cull_evaluator *e;
    cull_run_opts o = CULL_RUN_OPTS;
    o.workers = 4;
    f->p.trials = 9;
    cull_study *s = open_study(f, f->store);
    ok(f->cx, cull_evaluate_function(f->cx, &f->p, goes_away, s, &e));
    refused(f->cx, cull_study_run(f->cx, s, e, &o), CULL_EIO, "nobody is there");
    assert_int_equal(knocks, 3); /* telling, once more, and giving back */
    cull_evaluator_free(e);
    cull_study_free(s);
    s = open_study(f, f->store); /* what ran runs again: this process is the one that had it */
    assert_int_equal(cull_study_trials(s), 4);
    cull_study_free(s);
}

/* Root may write anything, so a child looks that is nobody. What it finds is its exit status; cmocka's assertions do not work
 * in a child. */
static void look_as_nobody(const char *store)
{
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(2);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_study *s;
    cull_trial t;
    cull_running r[4];
    int64_t n;
    if (cull_study_reopen(cx, store, &s) != CULL_OK || cull_study_trials(s) != 3) _exit(3);
    if (cull_study_trial(s, 1, &t) != CULL_OK || t.state != CULL_TRIAL_DONE) _exit(4);
    if (cull_study_running(cx, s, r, 4, &n) != CULL_OK || n != 1) _exit(5);
    if (cull_study_claim(cx, s) != CULL_OK || cull_study_beat(cx, s, NULL, 0, 1) != CULL_OK)
        _exit(6);
    if (cull_study_stop(s) != CULL_EIO || !strstr(cull_error(cx), "no permission to write"))
        _exit(7);
    if (cull_study_ask(s, &t) != CULL_EIO || cull_study_trials(s) != 3) _exit(8);
    cull_study_free(s);
    cull_ctx_free(cx);
    _exit(0);
}

/* Another person's study is looked at while it runs and when it is over. */
static void reopened_without_permission(void **state)
{
    fixture *f = *state;
    const double value[] = {0.5};
    cull_trial t;
    cull_study *s = open_study(f, f->store);
    for (int i = 0; i < 3; i++) {
        ok(f->cx, cull_study_ask(s, &t));
        if (i < 2)
            ok(f->cx, cull_study_tell(s, t.number,
                                      &(cull_outcome){.state = CULL_TRIAL_DONE, .value = value}));
    }
    assert_int_equal(chmod(f->dir, 0755), 0);
    for (int closed = 0; closed < 2; closed++) {
        int status;
        if (closed) cull_study_free(s);
        pid_t child = fork();
        if (child == 0) look_as_nobody(f->store);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gone, setup, teardown),
        cmocka_unit_test_setup_teardown(namesake, setup, teardown),
        cmocka_unit_test_setup_teardown(silent, setup, teardown),
        cmocka_unit_test_setup_teardown(given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(spends_all, setup, teardown),
        cmocka_unit_test_setup_teardown(store_goes_away, setup, teardown),
        cmocka_unit_test_setup_teardown(reopened_without_permission, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
