/* loop.c - the loop over evaluators: places ask for trials, workers evaluate them, results are told.
 *
 * A place is a trial under way: there is one for each worker, or `in_order` of them. Everything happens in this thread, one event
 * of the evaluator at a time. */
#include "search/loop.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    GUARD = 10, /* failures without a success, after which nothing more is tried */
    AGAIN = 10  /* times that a trial may ask to be run later */
};
static const double SLICE = 0.1, /* seconds that are waited at most before the caller is asked */
    LOOK = 0.2,                  /* ... before the study is asked whether there is more now */
    PAUSE = 1, LONGEST = 60;     /* before a trial is run again that asked for it: doubles */

void cull_evaluator_free(cull_evaluator *e)
{
    if (e) e->fns->free(e);
}

void cull__entry_free(cull__entry *t)
{
    t->number = -1;
    t->worker = -1;
    t->over = t->stopped = false;
    t->reports = t->head = t->step = 0;
    t->again = 0;
    t->when = 0;
}

/* A call that failed at the store has not happened, and a connection that was lost is made anew by the next one. */
static bool once_more(cull__run *r, cull_status s, bool *tried)
{
    if (s != CULL_EIO || *tried || !cull__study_store(r->s)) return false;
    cull__log(r->cx, CULL_LOG_WARN, "%s; once more", cull_error(r->cx));
    return *tried = true;
}

/* ---- asking ---- */

static cull_status ask(cull__run *r, cull__entry *t, bool *none)
{
    cull_trial of;
    bool tried = false;
    cull_status s;
    do s = cull_study_ask(r->s, &of);
    while (once_more(r, s, &tried));
    *none = s == CULL_ENODATA;
    if (*none) return CULL_OK;
    CULL_TRY(s);
    t->number = of.number;
    t->budget = of.budget;
    r->asked++;
    if (r->in_order) cull__order_begin(r, t, &of);
    return CULL_OK;
}

cull_status cull__run_fill(cull__run *r)
{
    if (r->dry && cull__now() < r->ask_at) return CULL_OK;
    for (int i = 0; i < r->places; i++) {
        bool none;
        if (r->entry[i].number >= 0) continue;
        CULL_TRY(ask(r, &r->entry[i], &none));
        if (!none) continue;
        r->dry = true;
        r->ask_at = cull__now() + LOOK;
        break;
    }
    return CULL_OK;
}

/* ---- evaluating ---- */

static cull_status begin(cull__run *r, int place, int worker)
{
    cull_trial t;
    CULL_TRY(cull_study_trial(r->s, r->entry[place].number, &t));
    CULL_TRY(r->e->fns->begin(r->cx, r->e, worker, &t));
    r->entry[place].worker = worker;
    r->at[worker] = place;
    return CULL_OK;
}

/* The trial of the lowest number that waits for a worker. */
static int waiting(const cull__run *r, double now, double *soon)
{
    int best = -1;
    for (int i = 0; i < r->places; i++) {
        const cull__entry *t = &r->entry[i];
        if (t->number < 0 || t->worker >= 0 || t->over) continue;
        if (t->when > now) {
            if (t->when < *soon) *soon = t->when;
        } else if (best < 0 || t->number < r->entry[best].number) {
            best = i;
        }
    }
    return best;
}

/* soon: when the next one may begin that has to wait. */
static cull_status begin_all(cull__run *r, double *soon)
{
    double now = cull__now();
    for (int w = 0; w < r->workers; w++) {
        if (r->at[w] != CULL__FREE) continue;
        int place = waiting(r, now, soon);
        if (place < 0) break;
        CULL_TRY(begin(r, place, w));
    }
    return CULL_OK;
}

/* ---- telling ---- */

static void told(cull__run *r, int64_t number)
{
    cull_trial t;
    r->dry = false;
    if (r->o->each && cull_study_trial(r->s, number, &t) == CULL_OK)
        r->o->each(r->o->user, r->s, &t);
}

static cull_status all_fail(cull__run *r)
{
    if (r->failed == 1)
        return cull__fail(r->cx, CULL_EINPUT, "the only evaluation failed: %s", r->why);
    return cull__fail(r->cx, CULL_EINPUT,
                      "each of the first %" PRId64 " evaluations failed%s; the last: %s", r->failed,
                      r->failed < GUARD ? "" : ", so no more is tried", r->why);
}

static cull_status count_failure(cull__run *r, const char *note)
{
    if (!note || !*note) note = "it does not say why";
    cull__quote(note, strlen(note), r->why, sizeof r->why);
    return ++r->failed >= GUARD && !r->good ? all_fail(r) : CULL_OK;
}

/* Of a process that was silent for too long, its machine asleep or the server away, others have taken the trial: it was told by
 * them, or waits to be run again. */
static bool taken(const cull__run *r, const cull__entry *t, cull_status s)
{
    const cull__trial *of = &r->s->trial[t->number];
    if (s != CULL_EINPUT || (of->state == CULL_TRIAL_RUNNING && !of->waits)) return false;
    cull__log(r->cx, CULL_LOG_WARN,
              "trial %" PRId64 " was taken for lost by another process; what came of it here is "
              "passed over",
              t->number);
    return true;
}

cull_status cull__run_tell(cull__run *r, cull__entry *t, const cull_outcome *o)
{
    int64_t number = t->number;
    cull_outcome out = *o;
    char note[96];
    if (out.state == CULL_TRIAL_DONE &&
        (!isfinite(out.cost) || out.cost < 0 || !isfinite(out.noise) || out.noise < 0)) {
        snprintf(note, sizeof note, "its cost is %g and its noise %g; both are 0 or more", out.cost,
                 out.noise);
        out = (cull_outcome){.state = CULL_TRIAL_FAILED, .note = note};
    }
    bool tried = false;
    cull_status s;
    do s = cull_study_tell(r->s, number, &out);
    while (once_more(r, s, &tried));
    if (taken(r, t, s)) {
        cull__entry_free(t);
        r->dry = false;
        return CULL_OK;
    }
    CULL_TRY(s);
    cull__entry_free(t);
    bool good = out.state == CULL_TRIAL_DONE;
    for (int i = 0; good && i < r->p->objectives; i++) good = isfinite(out.value[i]);
    r->good |= good;
    told(r, number);
    if (good) return CULL_OK;
    return count_failure(r, out.state == CULL_TRIAL_DONE ? "a value is not finite" : out.note);
}

cull_status cull__run_report(cull__run *r, cull__entry *t, int64_t step, const double *value,
                             bool *go)
{
    *go = true;
    if (step < 1) return CULL_OK;
    bool tried = false;
    cull_status s;
    do s = cull_study_report(r->s, t->number, step, value, go);
    while (once_more(r, s, &tried));
    if (taken(r, t, s)) {
        *go = false;
        return CULL_OK;
    }
    CULL_TRY(s);
    if (!*go) {
        r->good = true;
        told(r, t->number);
    }
    return CULL_OK;
}

/* It asked to be run later. */
static cull_status later(cull__run *r, cull__entry *t, const char *note)
{
    if (++t->again > AGAIN) {
        cull_outcome o = {.state = CULL_TRIAL_FAILED, .note = note};
        cull__eval_event ev = {.kind = CULL__EVAL_DONE, .outcome = o};
        return r->in_order ? cull__order_keep(r, t, &ev) : cull__run_tell(r, t, &o);
    }
    double pause = fmin(LONGEST, ldexp(PAUSE, t->again - 1));
    t->when = cull__now() + pause;
    if (!r->said_later)
        cull__log(r->cx, CULL_LOG_INFO,
                  "trial %" PRId64 " asks to be run again later, in %g s (%s)", t->number, pause,
                  note && *note ? note : "it does not say why");
    r->said_later = true; /* once: a search may do nothing but wait */
    return CULL_OK;
}

static cull_status take(cull__run *r, const cull__eval_event *ev)
{
    int place = r->at[ev->worker];
    bool go = true;
    if (place < 0) { /* of a trial that is over */
        if (ev->kind == CULL__EVAL_REPORT)
            r->e->fns->answer(r->e, ev->worker, false);
        else
            r->at[ev->worker] = CULL__FREE;
        return CULL_OK;
    }
    cull__entry *t = &r->entry[place];
    if (ev->kind == CULL__EVAL_REPORT) {
        cull_status s = CULL_OK;
        if (r->in_order)
            s = cull__order_keep(r, t, ev);
        else if (!t->stopped)
            s = cull__run_report(r, t, ev->step, ev->value, &go);
        t->stopped |= !go;
        r->e->fns->answer(r->e, ev->worker, !t->stopped);
        return s;
    }
    r->at[ev->worker] = CULL__FREE;
    t->worker = -1;
    if (t->stopped) {
        cull__entry_free(t);
        return CULL_OK;
    }
    if (ev->kind == CULL__EVAL_AGAIN) return later(r, t, ev->outcome.note);
    return r->in_order ? cull__order_keep(r, t, ev) : cull__run_tell(r, t, &ev->outcome);
}

/* ---- the loop ---- */

static int under_way(const cull__run *r)
{
    int n = 0;
    for (int i = 0; i < r->places; i++) n += r->entry[i].number >= 0;
    return n;
}

static cull_status tick(cull__run *r)
{
    int64_t most = r->p->trials, done = cull_study_paid(r->s) - under_way(r);
    if (done < 0) done = 0;
    return cull__tick(r->cx, (double)(most && done > most ? most : done), (double)most);
}

static cull_status loop(cull__run *r)
{
    for (;;) {
        cull__eval_event ev;
        double soon = INFINITY;
        CULL_TRY(tick(r));
        CULL_TRY(cull__lease_beat(r));
        CULL_TRY(cull__run_fill(r));
        CULL_TRY(begin_all(r, &soon));
        if (!under_way(r) && cull_study_done(r->s)) {
            CULL_TRY(cull__lease_end(r));
            if (cull_study_done(r->s)) return r->failed && !r->good ? all_fail(r) : CULL_OK;
            continue;
        }
        double wait = fmin(SLICE, fmax(0, soon - cull__now()));
        CULL_TRY(r->e->fns->wait(r->cx, r->e, wait, &ev));
        if (ev.kind == CULL__EVAL_NONE) continue;
        CULL_TRY(take(r, &ev));
        if (r->in_order) CULL_TRY(cull__order_settle(r));
    }
}

/* ---- its beginning and its end ---- */

/* Trials that are not told go back, so that whoever goes on has them at once; a store that does not take one, as it is locked or
 * away, is not waited for again. The first failure is the one that counts. */
static cull_status leave(cull__run *r, cull_status s)
{
    char why[1024];
    snprintf(why, sizeof why, "%s", s == CULL_OK ? "" : cull_error(r->cx));
    r->e->fns->end(r->e, r->o->hurry, r->o->user);
    for (int i = 0; i < r->places; i++)
        if (r->entry[i].number >= 0 && !r->entry[i].stopped &&
            cull__study_give_back(r->s, r->entry[i].number, false) == CULL_EIO)
            break;
    return s == CULL_OK ? s : cull__fail(r->cx, s, "%s", why);
}

static void drop(cull__run *r)
{
    for (int i = 0; r->entry && i < r->places; i++) cull__free(r->entry[i].report);
    cull__free(r->entry);
    cull__free(r->at);
    cull__free(r->beating);
    cull__free(r->past);
}

static bool some_good(const cull_study *s)
{
    for (int64_t i = 0; i < s->trials; i++)
        if (s->trial[i].state == CULL_TRIAL_DONE || s->trial[i].state == CULL_TRIAL_STOPPED)
            return true;
    return false;
}

static cull_status set_up(cull__run *r)
{
    CULL_TRY(CULL_ALLOC(r->cx, r->entry, r->places));
    CULL_TRY(CULL_ALLOC(r->cx, r->at, r->workers));
    CULL_TRY(CULL_ALLOC(r->cx, r->beating, r->places));
    CULL_TRY(CULL_ALLOC(r->cx, r->past, r->places));
    for (int i = 0; i < r->places; i++) cull__entry_free(&r->entry[i]);
    for (int w = 0; w < r->workers; w++) r->at[w] = CULL__FREE;
    r->rule = r->p->stop.kind != CULL_STOP_NONE && !r->p->stop.anew;
    r->good = some_good(r->s);
    cull__lease_name(r);
    CULL_TRY(cull__lease_claim(r));
    if (r->in_order) CULL_TRY(cull__order_resume(r));
    return r->e->fns->start(r->cx, r->e, r->workers);
}

static cull_status check(cull_ctx *cx, const cull_run_opts *o)
{
    if (o->workers < 0 || o->workers > CULL__WORKERS || o->in_order < 0 ||
        o->in_order > CULL__WORKERS)
        return cull__fail(cx, CULL_EOPTION, "workers %d, in order %d: 0 to %d may be", o->workers,
                          o->in_order, CULL__WORKERS);
    if (!(o->heartbeat >= 0))
        return cull__fail(cx, CULL_EOPTION, "a heartbeat is a number of seconds, not %g",
                          o->heartbeat);
    return CULL_OK;
}

cull_status cull_study_run(cull_ctx *cx, cull_study *study, cull_evaluator *e,
                           const cull_run_opts *o)
{
    cull_run_opts none = CULL_RUN_OPTS;
    if (!o) o = &none;
    CULL_TRY(check(cx, o));
    cull__run r = {.cx = cx,
                   .s = study,
                   .e = e,
                   .p = cull_study_problem(study),
                   .o = o,
                   .workers = o->workers ? o->workers : 1,
                   .in_order = o->in_order > 0,
                   .heartbeat = o->heartbeat > 0 ? o->heartbeat : 5};
    r.places = r.in_order ? o->in_order : r.workers;
    const char *phase = cull__phase(cx, "searching");
    cull__mark_t m = cull__mark(cx);
    cull_status s = set_up(&r);
    if (s == CULL_OK) s = leave(&r, loop(&r));
    cull__release(cx, m);
    cull__phase(cx, phase);
    drop(&r);
    return s;
}
