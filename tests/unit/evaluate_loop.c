/* The loop over evaluators, tables and functions: the same answer for any number of workers in order, resumption, stops,
 * retries, what fails. */
#include "cull/evaluate.h"
#include "search/eval.h"
#include "search/loop.h"
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static const cull_objective one[] = {{"error", false}};
static const cull_objective two[] = {{"error", false}, {"acc", true}};

typedef struct {
    cull_ctx *cx;
    cull_space *space;
    cull_search_problem p;
    char dir[64], path[100], store[100];
} fixture;

static void use_space(fixture *f, const char *text)
{
    cull_space_free(f->space);
    ok(f->cx, cull_space_from(f->cx, text, strlen(text), "test.cull", &f->space));
    f->p.space = f->space;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 1;
    f->cx = cull_ctx_new(&o);
    use_space(f, "a = int(0, 99)\nb = int(0, 99)\n");
    f->p.objectives = 1, f->p.objective = one, f->p.trials = 40;
    snprintf(f->dir, sizeof f->dir, "/tmp/cull-loop-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/table.csv", f->dir);
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

static cull_study *open_study(fixture *f, const char *method, const char *store)
{
    cull_study *s;
    cull_study_opts o = CULL_STUDY_OPTS;
    o.store = store;
    ok(f->cx, cull_study_open(f->cx, &f->p, cull_method_find(method, NULL), NULL, &o, &s));
    return s;
}

/* ---- functions ---- */

typedef struct {
    pthread_mutex_t lock;
    int calls, running, most; /* at a time */
    int nap_us;               /* times a number of the point */
    int fail_from, fail_to;   /* calls that fail */
    int steps;
    int linger_us;  /* of trial 0 between its last report and its result */
    int stop_after; /* calls until the tick says stop; 0 = never */
    bool cost;
    int64_t stopped;
} world;

static void evaluate(void *user, cull_call *call, const cull_trial *t, cull_outcome *out,
                     double *value, double *violation)
{
    world *w = user;
    (void)violation;
    pthread_mutex_lock(&w->lock);
    int n = w->calls++;
    if (++w->running > w->most) w->most = w->running;
    pthread_mutex_unlock(&w->lock);
    int a = (int)t->x[0], b = (int)t->x[1];
    double v = (a - 30) * (a - 30) + (b - 60) * (b - 60);
    if (w->nap_us) usleep((useconds_t)(w->nap_us * (1 + (a * 7 + b) % 10)));
    value[0] = v, value[1] = -v;
    for (int64_t k = 1; k <= w->steps; k++) {
        double way = v + 1000.0 / (double)k;
        if (!cull_call_report(call, k, &way)) {
            pthread_mutex_lock(&w->lock);
            w->stopped++;
            pthread_mutex_unlock(&w->lock);
            break;
        }
    }
    if (w->linger_us && t->number == 0) usleep((useconds_t)w->linger_us);
    if (w->cost) out->cost = 0.25 + (a * 13 + b * 7) % 10;
    if (n >= w->fail_from && n < w->fail_to)
        out->state = CULL_TRIAL_FAILED, out->note = "the weather";
    pthread_mutex_lock(&w->lock);
    w->running--;
    pthread_mutex_unlock(&w->lock);
}

#define WORLD                                                                                      \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* A run's log: number, point, state, value of each trial, and the order of tells by `each`. */
typedef struct {
    char *text;
    size_t n;
} record;

static void each(void *user, const cull_study *s, const cull_trial *t)
{
    record *r = user;
    (void)s;
    r->text = realloc(r->text, r->n + 200);
    r->n += (size_t)sprintf(r->text + r->n, "%d:%d,%d:%s:%g:%g ", (int)t->number, (int)t->x[0],
                            (int)t->x[1], cull_trial_state_name(t->state), t->value[0], t->cost);
}

static cull_status run(fixture *f, cull_study *s, world *w, int workers, int in_order, record *rec)
{
    cull_evaluator *e;
    cull_run_opts o = CULL_RUN_OPTS;
    o.workers = workers, o.in_order = in_order;
    if (rec) o.each = each, o.user = rec;
    ok(f->cx, cull_evaluate_function(f->cx, &f->p, evaluate, w, &e));
    cull_status st = cull_study_run(f->cx, s, e, &o);
    cull_evaluator_free(e);
    return st;
}

static void threads(void **state)
{
    fixture *f = *state;
    world w = WORLD;
    w.nap_us = 1000;
    cull_study *s = open_study(f, "random-search", NULL);
    ok(f->cx, run(f, s, &w, 4, 0, NULL));
    assert_int_equal(w.calls, 40);
    assert_int_equal(w.most, 4);
    assert_true(cull_study_done(s));
    for (int64_t i = 0; i < 40; i++) {
        cull_trial t;
        ok(f->cx, cull_study_trial(s, i, &t));
        assert_int_equal(t.state, CULL_TRIAL_DONE);
        double a = t.x[0] - 30, b = t.x[1] - 60;
        assert_true(t.value[0] == a * a + b * b);
    }
    cull_study_free(s);
}

/* Three workers or one, fast or slow ones: the same tells in the same order; costs that are told change it. */
static void in_order(void **state)
{
    fixture *f = *state;
    record first = {0};
    for (int cost = 0; cost < 2; cost++) {
        for (int k = 0; k < 4; k++) {
            world w = WORLD;
            record got = {0};
            w.cost = cost, w.nap_us = k % 2 ? 300 : 0;
            w.fail_from = 0, w.fail_to = 0;
            cull_study *s = open_study(f, "regularized-evolution", NULL);
            ok(f->cx, run(f, s, &w, k < 2 ? 1 : 3, 4, &got));
            cull_study_free(s);
            assert_int_equal(w.calls, 40);
            if (!k) {
                if (cost) assert_string_not_equal(first.text, got.text);
                free(first.text);
                first = got;
            } else {
                assert_string_equal(first.text, got.text);
                free(got.text);
            }
        }
    }
    free(first.text);
}

/* The oracle of virtual time: four places, a list of finishes, sorted by hand. */
static void order_is_by_cost(void **state)
{
    fixture *f = *state;
    world w = WORLD;
    record got = {0};
    w.cost = true;
    cull_study *s = open_study(f, "random-search", NULL);
    ok(f->cx, run(f, s, &w, 2, 4, &got));
    double end[4];
    int64_t at[4], next = 0;
    char *text = got.text;
    for (int i = 0; i < 4; i++) at[i] = -1;
    double now = 0;
    for (int told = 0; told < 40; told++) {
        int best = -1;
        for (int i = 0; i < 4; i++) {
            cull_trial t;
            if (at[i] < 0 && next < 40) {
                ok(f->cx, cull_study_trial(s, next, &t));
                at[i] = next++, end[i] = now + t.cost;
            }
        }
        for (int i = 0; i < 4; i++)
            if (at[i] >= 0 &&
                (best < 0 || end[i] < end[best] || (end[i] == end[best] && at[i] < at[best])))
                best = i;
        assert_int_equal(strtol(text, NULL, 10), at[best]);
        text = strchr(text, ' ') + 1;
        now = end[best];
        at[best] = -1;
    }
    free(got.text);
    cull_study_free(s);
}

static void rule_in_order(void **state)
{
    fixture *f = *state;
    record first = {0};
    f->p.stop = (cull_stop){.kind = CULL_STOP_ASHA, .eta = 3, .first = 1, .last = 9};
    for (int k = 0; k < 4; k++) {
        world w = WORLD;
        record got = {0};
        w.steps = 9, w.nap_us = k % 2 ? 200 : 0, w.linger_us = k >= 2 ? 200000 : 0;
        cull_study *s = open_study(f, "random-search", NULL);
        ok(f->cx, run(f, s, &w, 1 + k, 4, &got));
        cull_study_free(s);
        assert_non_null(strstr(got.text, "stopped"));
        assert_non_null(strstr(got.text, "done"));
        if (!k)
            first = got;
        else
            assert_string_equal(first.text, got.text), free(got.text);
    }
    free(first.text);
    world w = WORLD;
    w.steps = 9;
    cull_study *s = open_study(f, "random-search", NULL);
    ok(f->cx, run(f, s, &w, 3, 0, NULL));
    assert_true(w.stopped > 5);
    cull_study_free(s);
}

/* ---- going on ---- */

static int stop_at(void *user, const char *what, double done, double total)
{
    world *w = user;
    (void)what, (void)total;
    return w->stop_after && done >= w->stop_after;
}

static char *log_of(fixture *f, const char *store)
{
    cull_study *s;
    cull_study_opts o = CULL_STUDY_OPTS;
    record r = {0};
    o.store = store, o.resume = true;
    ok(f->cx, cull_study_open(f->cx, &f->p, cull_method_find("regularized-evolution", NULL), NULL,
                              &o, &s));
    for (int64_t i = 0; i < cull_study_trials(s); i++) {
        cull_trial t;
        ok(f->cx, cull_study_trial(s, i, &t));
        each(&r, s, &t);
    }
    cull_study_free(s);
    return r.text;
}

/* Cancelled in the middle and gone on with by other numbers of workers, or killed: the same log. */
static void goes_on(void **state)
{
    fixture *f = *state;
    char *want = NULL, other[120];
    for (int kind = 0; kind < 3; kind++) {
        world w = WORLD;
        w.cost = true, w.nap_us = 100;
        snprintf(other, sizeof other, "%s/%d.db", f->dir, kind);
        if (kind == 1) {
            cull_ctx_opts co = CULL_CTX_OPTS;
            co.tick = stop_at, co.user = &w, co.tick_ms = 0, co.threads = 1;
            w.stop_after = 11;
            cull_ctx *mine = f->cx;
            f->cx = cull_ctx_new(&co);
            cull_study *s = open_study(f, "regularized-evolution", other);
            refused(f->cx, run(f, s, &w, 3, 4, NULL), CULL_ECANCEL, "");
            assert_int_equal(w.running, 0);
            cull_study_free(s);
            cull_ctx_free(f->cx);
            f->cx = mine;
        } else if (kind == 2) {
            for (int i = 0; i < 3; i++) {
                pid_t pid = fork();
                if (!pid) {
                    cull_study *s = open_study(f, "regularized-evolution", other);
                    w.nap_us = 3000;
                    (void)!run(f, s, &w, 2, 4, NULL);
                    _exit(0);
                }
                usleep(60000);
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
            }
        }
        cull_study *s = open_study(f, "regularized-evolution", other);
        if (kind) assert_true(cull_study_trials(s) < 40);
        w.stop_after = 0;
        ok(f->cx, run(f, s, &w, 2, 4, NULL));
        cull_study_free(s);
        char *got = log_of(f, other);
        if (!kind)
            want = got;
        else
            assert_string_equal(want, got), free(got);
    }
    free(want);
}

/* A worker of another machine that is not heard of: its trial is run again, here, under its number. */
static void silent_worker(void **state)
{
    fixture *f = *state;
    world w = WORLD;
    cull_trial t;
    cull_evaluator *e;
    f->p.trials = 10;
    cull_study *s = open_study(f, "random-search", f->store);
    cull__study_worker(s, "elsewhere:1:1");
    for (int i = 0; i < 3; i++) ok(f->cx, cull_study_ask(s, &t));
    cull_study_free(s);
    s = open_study(f, "random-search", f->store);
    w.nap_us = 30000;
    cull_run_opts o = {.workers = 2, .heartbeat = 0.03};
    ok(f->cx, cull_evaluate_function(f->cx, &f->p, evaluate, &w, &e));
    ok(f->cx, cull_study_run(f->cx, s, e, &o));
    assert_int_equal(w.calls, 10);
    for (int64_t i = 0; i < 10; i++) {
        ok(f->cx, cull_study_trial(s, i, &t));
        assert_int_equal(t.state, CULL_TRIAL_DONE);
    }
    cull_study_free(s);
    cull_evaluator_free(e);
}

/* One that has been silent for too long since the last heartbeat before the end is run again too. */
static void evaluate_slowly(void *user, cull_call *call, const cull_trial *t, cull_outcome *out,
                            double *value, double *violation)
{
    atomic_int *calls = user;
    (void)call, (void)out, (void)violation;
    usleep(60000);
    value[0] = t->x[0];
    ++*calls;
}

static void silent_at_the_end(void **state)
{
    fixture *f = *state;
    atomic_int calls = 0;
    cull_trial t;
    cull_evaluator *e;
    f->p.trials = 2;
    cull_study *s = open_study(f, "random-search", f->store);
    cull__study_worker(s, "elsewhere:1:1");
    ok(f->cx, cull_study_ask(s, &t));
    cull_study_free(s);
    usleep(960000); /* it may be silent for a second */
    s = open_study(f, "random-search", f->store);
    cull_run_opts o = {.workers = 1, .heartbeat = 0.1};
    ok(f->cx, cull_evaluate_function(f->cx, &f->p, evaluate_slowly, &calls, &e));
    ok(f->cx, cull_study_run(f->cx, s, e, &o));
    assert_int_equal(calls, 2);
    cull_study_free(s);
    cull_evaluator_free(e);
}

/* The first call is taken for lost by another process while it runs: its report, or its result, is passed over, and the search
 * goes on. */
typedef struct {
    fixture *f;
    atomic_int calls;
    bool reports, told_to_stop;
} robbed;

static void evaluate_robbed(void *user, cull_call *call, const cull_trial *t, cull_outcome *out,
                            double *value, double *violation)
{
    robbed *r = user;
    (void)out, (void)violation;
    value[0] = t->x[0];
    if (r->calls++) return;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_study *s;
    ok(cx, cull_study_reopen(cx, r->f->store, &s));
    ok(cx, cull_study_claim(cx, s));
    usleep(20000);
    ok(cx, cull_study_beat(cx, s, NULL, 0, 0.001));
    cull_study_free(s);
    cull_ctx_free(cx);
    if (r->reports) r->told_to_stop = !cull_call_report(call, 1, value);
}

static void taken_for_lost(void **state)
{
    fixture *f = *state;
    for (int reports = 0; reports < 2; reports++) {
        robbed r = {.f = f, .reports = reports};
        cull_evaluator *e;
        cull_trial t;
        snprintf(f->store, sizeof f->store, "%s/%d.db", f->dir, reports);
        f->p.trials = 5;
        f->p.stop = (cull_stop){.kind = reports ? CULL_STOP_MEDIAN : CULL_STOP_NONE, .last = 9};
        cull_study *s = open_study(f, "random-search", f->store);
        cull_run_opts o = {.workers = 1};
        ok(f->cx, cull_evaluate_function(f->cx, &f->p, evaluate_robbed, &r, &e));
        ok(f->cx, cull_study_run(f->cx, s, e, &o));
        assert_int_equal(r.calls, 6);
        assert_int_equal(r.told_to_stop, reports);
        assert_int_equal(cull_study_trials(s), 5);
        for (int64_t i = 0; i < 5; i++) {
            ok(f->cx, cull_study_trial(s, i, &t));
            assert_true(t.state == CULL_TRIAL_DONE && t.value[0] == t.x[0]);
        }
        cull_study_free(s);
        cull_evaluator_free(e);
    }
}

/* By its store alone: the same log, and it goes on. */
static void reopened(void **state)
{
    fixture *f = *state;
    world w = WORLD;
    cull_study *s;
    cull_running r[4];
    int64_t n;
    cull_trial t;
    static const char *const limit[] = {"mem,\"ory"};
    f->p.trials = 7, f->p.objectives = 2, f->p.objective = two;
    f->p.constraints = 1, f->p.constraint = limit, f->p.id = "a \"b\"";
    s = open_study(f, "nsga2", f->store);
    ok(f->cx, run(f, s, &w, 1, 0, NULL));
    cull_study_free(s);
    cull_ctx *other = cull_ctx_new(&(cull_ctx_opts){.size = sizeof(cull_ctx_opts), .seed = 99});
    ok(other, cull_study_reopen(other, f->store, &s));
    assert_int_equal(cull_ctx_seed(other), cull_ctx_seed(f->cx));
    const cull_search_problem *p = cull_study_problem(s);
    assert_true(p->objectives == 2 && p->objective[1].maximize && p->constraints == 1);
    assert_string_equal(p->constraint[0], *limit);
    assert_string_equal(p->id, f->p.id);
    assert_int_equal(cull_study_trials(s), 7);
    ok(other, cull_study_ask(s, &t));
    ok(other, cull_study_running(other, s, r, 4, &n));
    assert_true(n == 1 && r[0].number == 7);
    char path[100], line[400];
    snprintf(path, sizeof path, "%s/log.csv", f->dir);
    ok(other, cull_study_write(other, s, NULL, 0, path));
    FILE *in = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, in));
    assert_string_equal(line,
                        "trial,state,a,b,error,acc,\"mem,\"\"ory\",cost,began,ended,steps,budget,"
                        "replicate,worker,note\n");
    for (int i = 0; i < 8; i++) assert_non_null(fgets(line, sizeof line, in));
    assert_non_null(strstr(line, "7,running,"));
    assert_null(fgets(line, sizeof line, in));
    fclose(in);
    cull_study_free(s);
    refused(other, cull_study_reopen(other, path, &s), CULL_EINPUT, "is not a study");
    refused(other, cull_study_reopen(other, "", &s), CULL_EINPUT, "none is named");
    cull_ctx_free(other);
}

/* ---- failures ---- */

/* Whichever allocation fails: nothing is left, and it is said. */
static void memory_fails(void **state)
{
    fixture *f = *state;
    cull_table_opts o = {.size = sizeof o, .mean = true};
    cull_run_opts ro = {.workers = 2, .in_order = 3};
    char text[4000] = "a,b,error\n";
    use_space(f, "a = int(0, 9)\nb = int(0, 9)\n");
    for (int i = 0; i < 200; i++)
        sprintf(text + strlen(text), "%d,%d,%d\n", i / 10 % 10, i % 10, i);
    f->p.trials = 9;
    for (int kind = 0; kind < 2; kind++) {
        snprintf(f->path, sizeof f->path, "%s/m.csv", f->dir);
        FILE *out = fopen(f->path, "w");
        fputs(text, out);
        fclose(out);
        cull_status st = CULL_ENOMEM;
        bool failed = true; /* some allocation did */
        for (long k = 1; failed && k < 2000; k++) {
            hooks h = {.fail_at = k};
            world w = WORLD;
            cull_evaluator *e = NULL;
            cull_study *s = NULL;
            cull_ctx *cx = hooked_ctx(&h, 1);
            if (!cx) continue;
            st = kind ? cull_evaluate_table(cx, &f->p, f->path, &o, &e)
                      : cull_evaluate_function(cx, &f->p, evaluate, &w, &e);
            if (st == CULL_OK)
                st = cull_study_open(cx, &f->p, cull_method_find("random-search", NULL), NULL, NULL,
                                     &s);
            if (st == CULL_OK) st = cull_study_run(cx, s, e, &ro);
            cull_evaluator_free(e);
            cull_study_free(s);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            failed = h.calls >= k;
            if (st != CULL_OK) assert_int_equal(st, CULL_ENOMEM);
        }
        assert_int_equal(st, CULL_OK);
    }
}

static void failures(void **state)
{
    fixture *f = *state;
    world w = WORLD;
    w.fail_from = 0, w.fail_to = 100;
    cull_study *s = open_study(f, "random-search", NULL);
    refused(f->cx, run(f, s, &w, 2, 0, NULL), CULL_EINPUT, "the last: the weather");
    assert_true(w.calls <= 12);
    cull_study_free(s);
    w.calls = 0, w.fail_from = 1; /* one success: they are just failures */
    s = open_study(f, "random-search", NULL);
    ok(f->cx, run(f, s, &w, 2, 0, NULL));
    assert_int_equal(w.calls, 40);
    cull_study_free(s);
    w.calls = 0, w.fail_to = 9, w.fail_from = 0;
    f->p.retries = 20;
    s = open_study(f, "random-search", NULL);
    ok(f->cx, run(f, s, &w, 2, 0, NULL));
    assert_int_equal(w.calls, 49);
    for (int64_t i = 0; i < 40; i++) {
        cull_trial t;
        ok(f->cx, cull_study_trial(s, i, &t));
        assert_int_equal(t.state, CULL_TRIAL_DONE);
    }
    cull_study_free(s);
}

static void asks_again_later(void **state)
{
    fixture *f = *state;
    cull_evaluator *e;
    char script[200];
    snprintf(script, sizeof script, "[ -e %s/$0 ] && echo 3 && exit; touch %s/$0; exit 75", f->dir,
             f->dir);
    const char *argv[] = {"/bin/sh", "-c", script, "{a}", NULL};
    cull_command_opts o = {.argv = argv};
    f->p.trials = 2;
    cull_study *s = open_study(f, "random-search", NULL);
    ok(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e));
    cull_run_opts ro = {.workers = 2};
    double began = cull__now();
    ok(f->cx, cull_study_run(f->cx, s, e, &ro));
    assert_true(cull__now() - began > 0.9);
    cull_trial t;
    ok(f->cx, cull_study_trial(s, 1, &t));
    assert_true(t.state == CULL_TRIAL_DONE && t.value[0] == 3);
    cull_evaluator_free(e);
    cull_study_free(s);
}

/* ---- tables ---- */

static void write_table(const fixture *f, const char *text)
{
    FILE *out = fopen(f->path, "w");
    fputs(text, out);
    fclose(out);
}

static cull_evaluator *table(fixture *f, cull_table_opts o)
{
    cull_evaluator *e;
    ok(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e));
    return e;
}

static void tables(void **state)
{
    fixture *f = *state;
    cull_evaluator *e;
    cull_table_opts o = CULL_TABLE_OPTS;
    use_space(f, "x = one(u, v)\ny = int(1, 2)\nz = ordinal(0.5, 1) if x == u\n");
    f->p.objectives = 2, f->p.objective = two;
    write_table(f, "y,x,z,error,top1,s\n1,u,0.5,1,9,2.5\n2,u,0.5,2,8,1\n1,u,1,3,7,1\n1,v,,4,6,1\n"
                   "2,v,,5,5,1\n2,u,1,6,,1\n");
    o.column = (const char *[]){"error", "top1"}, o.columns = 2, o.cost = "s";
    e = table(f, o);
    cull_study *s = open_study(f, "random-search", NULL);
    ok(f->cx, cull_study_run(f->cx, s, e, NULL));
    assert_int_equal(cull_study_trials(s), 6);
    double sum = 0;
    int failed = 0;
    for (int64_t i = 0; i < 6; i++) {
        cull_trial t;
        char text[8];
        ok(f->cx, cull_study_trial(s, i, &t));
        failed += t.state == CULL_TRIAL_FAILED;
        if (t.state != CULL_TRIAL_DONE) continue;
        assert_true(t.value[0] + t.value[1] == 10);
        cull_space_value(f->space, t.x, 2, text, sizeof text);
        if (t.value[0] == 3) assert_string_equal(text, "1");
        if (t.value[0] == 1) assert_true(t.cost == 2.5);
        sum += t.value[0];
    }
    assert_true(failed == 1 && sum == 15);
    cull_study_free(s);
    cull_evaluator_free(e);

    o.column = (const char *[]){"error", "top2"};
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT,
            "no column 'top2'; did you mean 'top1'?");
    o.columns = 1;
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT, "2 objectives");
    o = (cull_table_opts)CULL_TABLE_OPTS;
    f->p.objectives = 1;
    write_table(f, "y,x,z,error\n1,u,0.5,1\n3,u,0.5,1\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT, ":3: ");
    write_table(f, "y,x,z,error\n1,u,0.5,1\n1,u,0.5,3\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT,
            ":3: the point of line 2 again");
    write_table(f, "y,x,z,error\n1,u,,1\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT, "'z' is blank");
    write_table(f, "y,x,z,error\n1,u,0.5,low\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT,
            "column 'error' is 'low', no number");
}

static void missing_points(void **state)
{
    fixture *f = *state;
    cull_table_opts o = CULL_TABLE_OPTS;
    use_space(f, "y = int(1, 9)\n");
    write_table(f, "y,error\n1,10\n2,20\n7,70\n");
    for (int nearest = 0; nearest < 2; nearest++) {
        o.nearest = nearest;
        cull_evaluator *e = table(f, o);
        ok(f->cx, e->fns->start(f->cx, e, 1));
        for (double x = 1; x <= 9; x++) {
            cull_trial t = {.x = &x};
            cull__eval_event ev;
            ok(f->cx, e->fns->begin(f->cx, e, 0, &t));
            ok(f->cx, e->fns->wait(f->cx, e, 0, &ev));
            double near = x < 2 ? 10 : x < 4.5 ? 20 : 70;
            if (nearest)
                assert_true(ev.outcome.state == CULL_TRIAL_DONE && ev.outcome.value[0] == near);
            else if (x == 3)
                assert_non_null(strstr(ev.outcome.note, "table.csv has no row of y=3"));
        }
        cull_evaluator_free(e);
    }
}

static void keys_of_digits(void **state)
{
    fixture *f = *state;
    cull_evaluator *e;
    cull_table_opts o = {.size = sizeof o, .key = "arch", .mean = true};
    char text[400] = "arch,error\n";
    use_space(f, "p = one(none, skip)\nq = int(0, 2)\n");
    for (int i = 0; i < 6; i++)
        sprintf(text + strlen(text), "%d%d,%d\n%d%d,%d\n", i / 3, i % 3, i, i / 3, i % 3, i + 2);
    write_table(f, text);
    e = table(f, o);
    cull_study *s = open_study(f, "random-search", NULL);
    ok(f->cx, cull_study_run(f->cx, s, e, NULL));
    assert_int_equal(cull_study_trials(s), 6);
    for (int64_t i = 0; i < 6; i++) {
        cull_trial t;
        ok(f->cx, cull_study_trial(s, i, &t));
        assert_true(t.value[0] == 3 * t.x[0] + t.x[1] + 1); /* the mean of two rows */
    }
    cull_study_free(s);
    cull_evaluator_free(e);
    write_table(f, "arch,error\n1,4\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT,
            "'1' has 1 digits, the space 2 parameters; zeros in front");
    write_table(f, "arch,error\n13,4\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT,
            "'3' is no value of q");
    snprintf(f->path, sizeof f->path, "%s/table.jsonl", f->dir);
    write_table(f, "{\"arch\":\"00\",\"error\":4}\n{\"arch\":10,\"error\":5}\n");
    e = table(f, o);
    cull_evaluator_free(e);
}

static void arrays(void **state)
{
    fixture *f = *state;
    cull_evaluator *e;
    cull_table_opts o = CULL_TABLE_OPTS;
    float v[12];
    use_space(f, "p = one(a, b)\nq = int(0, 2)\n");
    for (int i = 0; i < 12; i++) v[i] = (float)i;
    snprintf(f->path, sizeof f->path, "%s/table.npy", f->dir);
    FILE *out = fopen(f->path, "wb");
    char head[128] = "\x93NUMPY\x01";
    const char *dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 2), }";
    memset(head + 8, 0, 2);
    head[7] = 0, head[8] = 118, head[9] = 0;
    memset(head + 10, ' ', 118);
    memcpy(head + 10, dict, strlen(dict));
    head[127] = '\n';
    fwrite(head, 1, 128, out);
    fwrite(v, sizeof *v, 12, out);
    fclose(out);
    for (int kind = 0; kind < 2; kind++) {
        f->p.replicates = kind ? 2 : 0, f->p.trials = 0;
        e = table(f, o);
        cull_study *s = open_study(f, "random-search", NULL);
        ok(f->cx, cull_study_run(f->cx, s, e, NULL));
        assert_int_equal(cull_study_trials(s), kind ? 12 : 6);
        for (int64_t i = 0; i < cull_study_trials(s); i++) {
            cull_trial t;
            ok(f->cx, cull_study_trial(s, i, &t));
            double row = 2 * (3 * t.x[0] + t.x[1]);
            assert_true(t.value[0] == (kind ? row + t.replicate : row + 0.5));
        }
        cull_study_free(s);
        cull_evaluator_free(e);
    }
    use_space(f, "p = one(a, b)\nq = int(0, 3)\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT,
            "values of 6 points, and the space has more than 6");
    use_space(f, "p = one(a, b)\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT,
            "values of 6 points, and the space has 2");
    use_space(f, "p = real(0, 1)\n");
    refused(f->cx, cull_evaluate_table(f->cx, &f->p, f->path, &o, &e), CULL_EINPUT, "no list");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads, setup, teardown),
        cmocka_unit_test_setup_teardown(in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(order_is_by_cost, setup, teardown),
        cmocka_unit_test_setup_teardown(rule_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(silent_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(silent_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(taken_for_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(reopened, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_again_later, setup, teardown),
        cmocka_unit_test_setup_teardown(tables, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_points, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_of_digits, setup, teardown),
        cmocka_unit_test_setup_teardown(arrays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
