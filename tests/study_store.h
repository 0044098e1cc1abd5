/* study_store.h - what every store of studies keeps (src/search/store.h), as functions of where it is. */
#ifndef CULL_TEST_STUDY_STORE_H
#define CULL_TEST_STUDY_STORE_H
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "search/store_kind.h"
#include "test.h"

enum { WIDTH = 3 };

static inline cull__study_facts facts_for_tests(void)
{
    return (cull__study_facts){.space = "lr = real(1e-5, 0.1, log)\n",
                               .problem = "{\"objectives\":[\"error\",\"latency\"]}",
                               .method = "random",
                               .opts = "{\"na\\u00efve\":\"'\\\"\"}",
                               .seed = UINT64_MAX - 4,
                               .width = WIDTH,
                               .objectives = 2,
                               .constraints = 1};
}

static inline cull__store *open_store(cull_ctx *cx, const char *where, bool *was)
{
    cull__study_facts mine = facts_for_tests(), facts;
    cull__store *s;
    bool w;
    ok(cx, cull__store_open(cx, where, true, false, &mine, was ? was : &w, &facts, &s));
    return s;
}

/* ---- one event of each kind ---- */

static const double store_x[WIDTH] = {2.385, -0.0, 1e-300}, store_value[2] = {0.25, -1e17},
                    store_violation[1] = {0.125};

static inline int store_events(cull__event e[10])
{
    const cull__event all[10] = {
        {.kind = CULL__QUEUED, .trial = -1, .width = WIDTH, .x = store_x},
        {.kind = CULL__ASKED,
         .trial = 0,
         .replicate = 2,
         .budget = 9,
         .width = WIDTH,
         .x = store_x,
         .at = 0.1,
         .worker = "host:17:0"},
        {.kind = CULL__REPORTED, .trial = 0, .step = 3, .value = store_value, .at = 0.2},
        {.kind = CULL__TOLD,
         .trial = 0,
         .state = CULL_TRIAL_DONE,
         .value = store_value,
         .violation = store_violation,
         .cost = 2.5,
         .noise = NAN,
         .at = 1.0 / 3,
         .note = "it's \"fine\"; \xc3\xa9"},
        {.kind = CULL__ADDED,
         .trial = 1,
         .width = WIDTH,
         .x = store_x,
         .state = CULL_TRIAL_DONE,
         .value = store_value,
         .cost = INFINITY},
        {.kind = CULL__ASKED, .trial = 2, .width = WIDTH, .x = store_x, .worker = "host:18:1"},
        {.kind = CULL__RETRIED, .trial = 2, .state = CULL_TRIAL_FAILED, .note = "exit 1"},
        {.kind = CULL__ASKED, .trial = 2, .worker = "host:19:1"},
        {.kind = CULL__TOLD, .trial = 2, .state = CULL_TRIAL_TIMEOUT, .at = 7, .note = ""},
        {.kind = CULL__ENDED, .trial = -1, .at = 8},
    };
    memcpy(e, all, sizeof all);
    return 10;
}

static inline void same_doubles(const double *a, const double *b, int64_t n)
{
    assert_true(!a == !b);
    if (a) assert_memory_equal(a, b, (size_t)n * sizeof *a);
}

static inline void same_text(const char *a, const char *b)
{
    assert_true(!a == !b);
    if (a) assert_string_equal(a, b);
}

static inline void same_event(const cull__event *a, const cull__event *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->trial, b->trial);
    assert_int_equal(a->replicate, b->replicate);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->budget, b->budget);
    assert_int_equal(a->state, b->state);
    if (a->x) assert_int_equal(a->width, b->width);
    same_doubles(a->x, b->x, a->width);
    same_doubles(a->value, b->value, 2);
    same_doubles(a->violation, b->violation, 1);
    assert_true(a->cost == b->cost && a->at == b->at);
    assert_true(a->noise == b->noise || (isnan(a->noise) && isnan(b->noise)));
    same_text(a->note, b->note);
    same_text(a->worker, b->worker);
}

typedef struct {
    cull__event e[10];
    int64_t next, stop_at;
} expected;

static inline cull_status expect_event(cull_ctx *cx, void *user, const cull__event *e)
{
    expected *x = user;
    if (e->seq == x->stop_at) return cull__fail(cx, CULL_ECANCEL, "enough");
    assert_int_equal(e->seq, x->next);
    same_event(e, &x->e[e->seq - 1]);
    x->next++;
    return CULL_OK;
}

static inline void append_all(cull_ctx *cx, cull__store *s, const cull__event *e, int n)
{
    for (int i = 0; i < n; i++) {
        cull__event copy = e[i];
        ok(cx, cull__store_append(cx, s, &copy));
        assert_int_equal(copy.seq, i + 1);
    }
}

/* What is committed is there for all, in order and bit by bit; what is aborted is not. The store must be new. */
static inline void check_events(cull_ctx *cx, const char *where)
{
    bool was;
    cull__store *s = open_store(cx, where, &was);
    assert_false(was);
    expected x = {.next = 1};
    int n = store_events(x.e);
    ok(cx, cull__store_begin(cx, s));
    append_all(cx, s, x.e, n);
    cull__store_abort(s);
    ok(cx, cull__store_read(cx, s, 0, expect_event, &x));
    assert_int_equal(x.next, 1);
    ok(cx, cull__store_begin(cx, s));
    append_all(cx, s, x.e, n);
    ok(cx, cull__store_read(cx, s, 4, expect_event,
                            &(expected){.next = 5,
                                        .stop_at = 100,
                                        .e = {x.e[0], x.e[1], x.e[2], x.e[3], x.e[4], x.e[5],
                                              x.e[6], x.e[7], x.e[8], x.e[9]}}));
    ok(cx, cull__store_commit(cx, s));
    ok(cx, cull__store_read(cx, s, 0, expect_event, &x));
    assert_int_equal(x.next, n + 1);
    x.next = 1, x.stop_at = 6;
    assert_int_equal(cull__store_read(cx, s, 0, expect_event, &x), CULL_ECANCEL);
    assert_int_equal(x.next, 6);
    x.stop_at = 0;
    ok(cx, cull__store_read(cx, s, 5, expect_event, &x)); /* it goes on where that ended */
    assert_int_equal(x.next, n + 1);
    ok(cx, cull__store_read(cx, s, n, expect_event, &x));
    cull__store_close(s);
}

static inline void same_facts(const cull__study_facts *a, const cull__study_facts *b)
{
    assert_string_equal(a->space, b->space);
    assert_string_equal(a->first, b->first ? b->first : b->space);
    assert_string_equal(a->problem, b->problem);
    assert_string_equal(a->method, b->method);
    assert_string_equal(a->opts, b->opts);
    assert_true(a->seed == b->seed && a->width == b->width);
    assert_int_equal(a->objectives, b->objectives);
    assert_int_equal(a->constraints, b->constraints);
}

static inline cull_status facts_listed(cull_ctx *cx, void *user, const char *where,
                                       const cull__study_facts *facts)
{
    (void)cx, (void)where;
    same_facts(facts, user);
    return CULL_OK;
}

/* After check_events: it is known again, its own facts count, it may be read alone, and its space may grow. */
static inline void check_again(cull_ctx *cx, const char *where)
{
    cull__study_facts mine = facts_for_tests(), other = mine, facts;
    cull__store *s;
    bool was;
    other.method = "tpe", other.seed = 1;
    ok(cx, cull__store_open(cx, where, true, true, &other, &was, &facts, &s));
    assert_true(was);
    same_facts(&facts, &mine);
    expected x = {.next = 1};
    int n = store_events(x.e);
    ok(cx, cull__store_read(cx, s, 0, expect_event, &x));
    assert_int_equal(x.next, n + 1);

    other = mine;
    other.space = "lr = real(1e-5, 1, log)\n", other.first = mine.space, other.width = WIDTH + 1;
    ok(cx, cull__store_begin(cx, s));
    ok(cx, cull__store_widen(cx, s, &other));
    cull__store_abort(s);
    ok(cx, cull__store_list(cx, where, facts_listed, &mine));
    ok(cx, cull__store_begin(cx, s));
    ok(cx, cull__store_widen(cx, s, &other));
    ok(cx, cull__store_commit(cx, s));
    ok(cx, cull__store_list(cx, where, facts_listed, &other));
    cull__store_close(s);

    ok(cx, cull__store_open(cx, where, false, false, NULL, &was, &facts, &s));
    same_facts(&facts, &other);
    x.next = 1;
    ok(cx, cull__store_read(cx, s, 0, expect_event, &x));
    assert_int_equal(x.next, n + 1);
    refused(cx, cull__store_begin(cx, s), CULL_EINPUT, "reading alone");
    refused(cx, cull__store_beat(cx, s, &(int64_t){0}, 1, "w"), CULL_EINPUT, "reading alone");
    cull__store_close(s);
}

/* ---- leases ---- */

static inline void ask_one(cull_ctx *cx, cull__store *s, int64_t trial)
{
    cull__event e = {
        .kind = CULL__ASKED, .trial = trial, .width = WIDTH, .x = store_x, .worker = "host:1:0"};
    ok(cx, cull__store_append(cx, s, &e));
}

/* Told, waiting and stopped trials are not lost; running ones are once nothing was heard of them for long. */
static inline void check_leases(cull_ctx *cx, const char *where)
{
    cull__store *s = open_store(cx, where, NULL);
    cull__event done = {
        .kind = CULL__TOLD, .trial = 1, .state = CULL_TRIAL_DONE, .value = store_value};
    cull__event stop = {.kind = CULL__REPORTED,
                        .trial = 2,
                        .step = 1,
                        .state = CULL_TRIAL_STOPPED,
                        .value = store_value};
    cull__event wait = {.kind = CULL__RETRIED, .trial = 3, .state = CULL_TRIAL_LOST};
    cull__event go = {.kind = CULL__REPORTED, .trial = 4, .step = 1, .value = store_value};
    cull__event cached = {
        .kind = CULL__ASKED, .trial = 6, .width = WIDTH, .x = store_x, .state = CULL_TRIAL_DONE};
    int64_t lost[8], n;
    ok(cx, cull__store_begin(cx, s));
    for (int i = 0; i < 6; i++) ask_one(cx, s, i);
    ok(cx, cull__store_append(cx, s, &done));
    ok(cx, cull__store_append(cx, s, &stop));
    ok(cx, cull__store_append(cx, s, &wait));
    ok(cx, cull__store_append(cx, s, &go));
    ok(cx, cull__store_append(cx, s, &cached));
    ok(cx, cull__store_commit(cx, s));
    ok(cx, cull__store_lost(cx, s, 60, lost, 8, &n));
    assert_int_equal(n, 0);
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    ok(cx, cull__store_beat(cx, s, (int64_t[]){5, 1, 99}, 3,
                            "host:2:0")); /* two are no longer running */
    ok(cx, cull__store_lost(cx, s, 0.2, lost, 8, &n));
    assert_int_equal(n, 2);
    assert_true(lost[0] == 0 && lost[1] == 4);
    ok(cx, cull__store_lost(cx, s, 0.2, lost, 1, &n));
    assert_int_equal(n, 1);
    ok(cx, cull__store_begin(cx, s)); /* a beat within a group is part of it */
    ok(cx, cull__store_beat(cx, s, (int64_t[]){0, 4}, 2, "host:2:0"));
    ok(cx, cull__store_commit(cx, s));
    ok(cx, cull__store_lost(cx, s, 0.2, lost, 8, &n));
    assert_int_equal(n, 0);
    cull__store_close(s);
}

/* ---- many processes ---- */

typedef struct {
    int64_t seq, trials, told, mine;
    int64_t last; /* trial asked last by this worker */
    char worker[32];
    uint8_t *state;
    int64_t cap;
} crowd;

static inline cull_status crowd_event(cull_ctx *cx, void *user, const cull__event *e)
{
    crowd *c = user;
    if (e->seq != c->seq + 1)
        return cull__fail(cx, CULL_EINTERNAL, "event %ld after %ld", (long)e->seq, (long)c->seq);
    c->seq = e->seq;
    if (e->kind == CULL__ASKED && e->trial != c->trials++)
        return cull__fail(cx, CULL_EINTERNAL, "trial %ld as the %ldth", (long)e->trial,
                          (long)c->trials);
    if (c->state) {
        if (e->trial >= c->cap || c->state[e->trial] != (e->kind == CULL__TOLD))
            return cull__fail(cx, CULL_EINTERNAL, "trial %ld twice", (long)e->trial);
        c->state[e->trial]++;
    }
    c->told += e->kind == CULL__TOLD;
    if (e->worker && !strcmp(e->worker, c->worker)) c->mine++;
    return CULL_OK;
}

/* Ask and tell `each` trials as one of many; writes the number of events that are safe to `fd`. */
static inline cull_status crowd_member(cull_ctx *cx, const char *where, int each, int fd)
{
    cull__study_facts mine = facts_for_tests(), facts;
    crowd c = {0};
    cull__store *s;
    bool was;
    snprintf(c.worker, sizeof c.worker, "me:%d", (int)getpid());
    CULL_TRY(cull__store_open(cx, where, true, false, &mine, &was, &facts, &s));
    cull_status st = CULL_OK;
    for (int k = 0; k < 2 * each && st == CULL_OK; k++) {
        cull__event e = {.kind = k % 2 ? CULL__TOLD : CULL__ASKED,
                         .state = k % 2 ? CULL_TRIAL_DONE : CULL_TRIAL_RUNNING,
                         .width = WIDTH,
                         .x = k % 2 ? NULL : store_x,
                         .value = k % 2 ? store_value : NULL,
                         .worker = c.worker};
        st = cull__store_begin(cx, s);
        if (st != CULL_OK) break;
        st = cull__store_read(cx, s, c.seq, crowd_event, &c);
        if (k % 2 == 0) c.last = c.trials;
        e.trial = c.last;
        if (st == CULL_OK) st = cull__store_append(cx, s, &e);
        if (st == CULL_OK)
            st = cull__store_commit(cx, s);
        else
            cull__store_abort(s);
        int64_t done = k + 1;
        if (st == CULL_OK && fd >= 0 && write(fd, &done, sizeof done) != sizeof done)
            st = CULL_EINTERNAL;
    }
    cull__store_close(s);
    return st;
}

static inline pid_t crowd_start(const char *where, int each, int fd)
{
    pid_t p = fork();
    if (p) return p;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_status st = cx ? crowd_member(cx, where, each, fd) : CULL_ENOMEM;
    if (st != CULL_OK) fprintf(stderr, "process %d: %s\n", (int)getpid(), cull_error(cx));
    cull_ctx_free(cx);
    _exit(st != CULL_OK);
}

/* Processes that make the store together and share it: no trial is lost, none doubled. The store must be new. */
static inline void check_crowd(cull_ctx *cx, const char *where, int processes, int each)
{
    for (int i = 0; i < processes; i++) assert_true(crowd_start(where, each, -1) > 0);
    for (int i = 0; i < processes; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    bool was;
    cull__store *s = open_store(cx, where, &was);
    assert_true(was);
    crowd c = {.cap = (int64_t)processes * each};
    c.state = calloc((size_t)c.cap, 1);
    ok(cx, cull__store_read(cx, s, 0, crowd_event, &c));
    assert_int_equal(c.trials, c.cap);
    assert_int_equal(c.told, c.cap);
    free(c.state);
    cull__store_close(s);
}

/* A writer is killed at some moment; events it knew to be committed are there, and a half group is not. */
static inline void check_killed(cull_ctx *cx, const char *where, int round)
{
    crowd c = {0};
    cull__store *s = open_store(cx, where, NULL);
    ok(cx, cull__store_read(cx, s, 0, crowd_event, &c));
    int64_t before = c.seq, done = 0, got;
    cull__store_close(s);
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t p = crowd_start(where, 1 << 20, fd[1]);
    assert_true(p > 0);
    close(fd[1]);
    /* a while after its first commit, which may take a server some time */
    assert_int_equal(read(fd[0], &done, sizeof done), sizeof done);
    nanosleep(&(struct timespec){0, 1000003L * ((7 * round + 1) % 13)}, NULL);
    kill(p, SIGKILL);
    assert_int_equal(waitpid(p, NULL, 0), p);
    while (read(fd[0], &got, sizeof got) == sizeof got) done = got;
    close(fd[0]);
    s = open_store(cx, where, NULL);
    ok(cx, cull__store_begin(cx, s)); /* its lock is gone too */
    ok(cx, cull__store_read(cx, s, c.seq, crowd_event, &c));
    cull__store_abort(s);
    assert_true(c.seq - before == done || c.seq - before == done + 1);
    cull__store_close(s);
}
#endif
