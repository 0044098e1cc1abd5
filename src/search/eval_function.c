/* eval_function.c - the evaluator that calls a function, from a thread for each worker. See cull/evaluate.h. */
#define _GNU_SOURCE
#include "search/eval.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef enum {
    IDLE,   /* the thread waits for a trial */
    WORK,   /* it is in the function */
    REPORT, /* it has reported; the loop has not seen it yet */
    ASKS,   /* the loop has, and owes an answer */
    DONE,   /* the function has returned; the loop has not seen it yet */
    QUIT,
} call_state;

typedef struct function function;
struct cull_call {
    function *f;
    int worker;
    pthread_t thread;
    bool started;
    pthread_cond_t wake;
    call_state state;
    bool stop; /* told, or to be told at its next report */
    cull_trial trial;
    double *x; /* its point */
    int64_t step;
    double value[CULL_OBJECTIVES], violation[CULL_OBJECTIVES];
    double seen[CULL_OBJECTIVES]; /* of a report */
    cull_outcome outcome;
    char note[400];
};

struct function {
    cull_evaluator base;
    const cull_search_problem *problem;
    cull_evaluate_fn *fn;
    void *user;
    pthread_mutex_t lock;
    pthread_cond_t happened;
    bool ending;
    cull_call *call;
    int workers, turn;
};

static function *function_of(cull_evaluator *e) { return (function *)e; }

/* ---- in a worker's thread ---- */

int cull_call_worker(const cull_call *c) { return c->worker; }

bool cull_call_report(cull_call *c, int64_t step, const double *value)
{
    function *f = c->f;
    pthread_mutex_lock(&f->lock);
    bool stop = c->stop || f->ending;
    if (!stop) {
        c->step = step;
        memcpy(c->seen, value, (size_t)f->problem->objectives * sizeof *value);
        c->state = REPORT;
        pthread_cond_signal(&f->happened);
        while (c->state != WORK && !f->ending) pthread_cond_wait(&c->wake, &f->lock);
        c->state = WORK;
        stop = c->stop || f->ending;
    }
    pthread_mutex_unlock(&f->lock);
    return !stop;
}

static void call_it(cull_call *c)
{
    function *f = c->f;
    memset(c->value, 0, sizeof c->value);
    memset(c->violation, 0, sizeof c->violation);
    c->outcome = (cull_outcome)CULL_OUTCOME;
    f->fn(f->user, c, &c->trial, &c->outcome, c->value, c->violation);
    snprintf(c->note, sizeof c->note, "%s", c->outcome.note ? c->outcome.note : "");
    c->outcome.value = c->value;
    c->outcome.violation = f->problem->constraints ? c->violation : NULL;
    c->outcome.note = *c->note ? c->note : NULL;
}

static void *thread(void *arg)
{
    cull_call *c = arg;
    function *f = c->f;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (c->state != WORK && c->state != QUIT) pthread_cond_wait(&c->wake, &f->lock);
        if (c->state == QUIT) break;
        pthread_mutex_unlock(&f->lock);
        call_it(c);
        pthread_mutex_lock(&f->lock);
        c->state = DONE;
        pthread_cond_signal(&f->happened);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- in the loop's ---- */

/* Signals are the host's other threads' to take. */
static cull_status thread_start(cull_ctx *cx, cull_call *c)
{
    sigset_t all, before;
    if (c->started) return CULL_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int bad = pthread_create(&c->thread, NULL, thread, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    c->started = !bad;
    return bad ? cull__fail(cx, CULL_ENOMEM, "worker %d has no thread: %s", c->worker,
                            strerror(bad))
               : CULL_OK;
}

static cull_status begin(cull_ctx *cx, cull_evaluator *e, int worker, const cull_trial *t)
{
    function *f = function_of(e);
    cull_call *c = &f->call[worker];
    c->state = IDLE; /* its thread is not there, or waits */
    CULL_TRY(thread_start(cx, c));
    pthread_mutex_lock(&f->lock);
    f->ending = false;
    c->trial = *t;
    memcpy(c->x, t->x, (size_t)cull_space_width(f->problem->space) * sizeof *c->x);
    c->trial.x = c->x;
    c->trial.value = c->trial.violation = NULL;
    c->stop = false;
    c->state = WORK;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&f->lock);
    return CULL_OK;
}

static bool take(cull_call *c, cull__eval_event *ev)
{
    ev->worker = c->worker;
    if (c->state == REPORT) {
        c->state = ASKS;
        ev->kind = CULL__EVAL_REPORT;
        ev->step = c->step;
        ev->value = c->seen;
        return true;
    }
    if (c->state != DONE) return false;
    c->state = IDLE;
    ev->kind = CULL__EVAL_DONE;
    ev->outcome = c->outcome;
    return true;
}

static cull_status wait_next(cull_ctx *cx, cull_evaluator *e, double seconds, cull__eval_event *ev)
{
    function *f = function_of(e);
    struct timespec until;
    (void)cx;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double to = (double)until.tv_nsec * 1e-9 + seconds;
    until.tv_sec += (time_t)to;
    until.tv_nsec = (long)((to - (double)(time_t)to) * 1e9);
    *ev = (cull__eval_event){.kind = CULL__EVAL_NONE};
    pthread_mutex_lock(&f->lock);
    for (int bad = 0; !bad && ev->kind == CULL__EVAL_NONE;) {
        for (int k = 0; k < f->workers; k++) {
            int i = (f->turn + k) % f->workers;
            if (!take(&f->call[i], ev)) continue;
            f->turn = (i + 1) % f->workers;
            break;
        }
        if (ev->kind == CULL__EVAL_NONE)
            bad = pthread_cond_timedwait(&f->happened, &f->lock, &until);
    }
    pthread_mutex_unlock(&f->lock);
    return CULL_OK;
}

static void answer(cull_evaluator *e, int worker, bool go)
{
    function *f = function_of(e);
    cull_call *c = &f->call[worker];
    pthread_mutex_lock(&f->lock);
    c->stop |= !go;
    if (c->state == ASKS) {
        c->state = WORK;
        pthread_cond_signal(&c->wake);
    }
    pthread_mutex_unlock(&f->lock);
}

/* A call cannot be broken off: its next report says stop, and its return is waited for. */
static void end(cull_evaluator *e, bool (*hurry)(void *user), void *user)
{
    function *f = function_of(e);
    (void)hurry, (void)user;
    pthread_mutex_lock(&f->lock);
    f->ending = true;
    for (int i = 0; i < f->workers; i++) pthread_cond_signal(&f->call[i].wake);
    for (int i = 0; i < f->workers; i++) {
        cull_call *c = &f->call[i];
        while (c->started && c->state != DONE && c->state != IDLE)
            pthread_cond_wait(&f->happened, &f->lock);
        c->state = QUIT;
        pthread_cond_signal(&c->wake);
    }
    pthread_mutex_unlock(&f->lock);
    for (int i = 0; i < f->workers; i++) {
        if (f->call[i].started) pthread_join(f->call[i].thread, NULL);
        f->call[i].started = false;
    }
    f->ending = false;
}

static void drop(function *f)
{
    if (!f->call) return;
    end(&f->base, NULL, NULL);
    for (int i = 0; i < f->workers; i++) {
        pthread_cond_destroy(&f->call[i].wake);
        cull__free(f->call[i].x);
    }
    cull__free(f->call);
    f->call = NULL, f->workers = 0;
}

static cull_status start(cull_ctx *cx, cull_evaluator *e, int workers)
{
    function *f = function_of(e);
    if (workers == f->workers) return CULL_OK;
    drop(f);
    CULL_TRY(CULL_ALLOC(cx, f->call, workers));
    f->workers = workers;
    for (int i = 0; i < workers; i++) {
        f->call[i].f = f;
        f->call[i].worker = i;
        pthread_cond_init(&f->call[i].wake, NULL);
    }
    for (int i = 0; i < workers; i++)
        CULL_TRY(CULL_ALLOC(cx, f->call[i].x, cull_space_width(f->problem->space)));
    return CULL_OK;
}

static void function_free(cull_evaluator *e)
{
    function *f = function_of(e);
    drop(f);
    pthread_cond_destroy(&f->happened);
    pthread_mutex_destroy(&f->lock);
    cull__free(f);
}

static const cull__eval_fns fns = {start, begin, wait_next, answer, end, function_free};

cull_status cull_evaluate_function(cull_ctx *cx, const cull_search_problem *p, cull_evaluate_fn *fn,
                                   void *user, cull_evaluator **out)
{
    function *f;
    pthread_condattr_t a;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, f, 1));
    f->base.fns = &fns;
    f->problem = p;
    f->fn = fn;
    f->user = user;
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&f->happened, &a);
    pthread_condattr_destroy(&a);
    *out = &f->base;
    return CULL_OK;
}
