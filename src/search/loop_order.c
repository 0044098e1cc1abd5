/* loop_order.c - results in the order of virtual time: what the answer of a run does not depend on its workers by.
 *
 * There are `in_order` places. A trial begins at the virtual time at which it was asked for, and its result comes `length` later:
 * what it cost, 1 where it told nothing; of an evaluation with a budget the share of the budget. Where reports decide
 * who goes on, a whole evaluation lasts 1 and a step its share of it. Of what is known the earliest is taken, of equals that of
 * the lowest number, and only when no evaluation that is not known so far could come before: its next event is not earlier than its
 * last one (a result comes at the time of the report of its last step). Evaluators are not held up for that: what they say is
 * kept. */
#include "search/loop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double length(const cull__run *r, int64_t budget, double cost)
{
    if (r->rule) return 1;
    if (cost > 0 && isfinite(cost)) return cost;
    if (budget > 0 && r->p->stop.last > 0) return (double)budget / (double)r->p->stop.last;
    return 1;
}

static double report_time(const cull__run *r, double begin, int64_t step)
{
    double last = r->p->stop.last > 0 ? (double)r->p->stop.last : 1;
    return begin + (double)step / last;
}

/* When the next thing of t comes; false: it is not known. Without a rule reports come with the result. */
static bool next_time(const cull__run *r, const cull__entry *t, double *at)
{
    if (r->rule && t->head < t->reports) {
        *at = report_time(r, t->begin, t->report[t->head].step);
        return true;
    }
    if (!t->over) return false;
    *at = fmax(t->at, t->begin + length(r, t->budget, t->outcome.cost));
    return true;
}

/* ---- keeping ---- */

static cull_status keep_report(cull__run *r, cull__entry *t, const cull__eval_event *ev)
{
    if (t->stopped || ev->step <= t->step) return CULL_OK;
    CULL_TRY(CULL_GROW(r->cx, t->report, &t->cap, t->reports + 1));
    cull__kept_report *k = &t->report[t->reports++];
    k->step = t->step = ev->step;
    memcpy(k->value, ev->value, (size_t)r->p->objectives * sizeof *k->value);
    return CULL_OK;
}

cull_status cull__order_keep(cull__run *r, cull__entry *t, const cull__eval_event *ev)
{
    if (ev->kind == CULL__EVAL_REPORT) return keep_report(r, t, ev);
    const cull_outcome *o = &ev->outcome;
    t->over = true;
    t->outcome = *o;
    if (o->value) memcpy(t->value, o->value, (size_t)r->p->objectives * sizeof *t->value);
    if (o->violation)
        memcpy(t->violation, o->violation, (size_t)r->p->constraints * sizeof *t->violation);
    snprintf(t->note, sizeof t->note, "%s", o->note ? o->note : "");
    t->outcome.value = o->value ? t->value : NULL;
    t->outcome.violation = o->violation ? t->violation : NULL;
    t->outcome.note = o->note ? t->note : NULL;
    return CULL_OK;
}

/* ---- taking ---- */

static bool before(double a, const cull__entry *t, double b, const cull__entry *u)
{
    return a < b || (a == b && t->number < u->number);
}

/* The entry whose turn it is; NULL: none yet. */
static cull__entry *turn(const cull__run *r, double *at)
{
    cull__entry *best = NULL, *unknown = NULL;
    double when;
    for (int i = 0; i < r->places; i++) {
        cull__entry *t = &r->entry[i];
        if (t->number < 0) continue;
        if (!next_time(r, t, &when)) {
            if (!unknown || before(t->at, t, unknown->at, unknown)) unknown = t;
        } else if (!best || before(when, t, *at, best)) {
            best = t, *at = when;
        }
    }
    return best && (!unknown || before(*at, best, unknown->at, unknown)) ? best : NULL;
}

static cull_status take_report(cull__run *r, cull__entry *t)
{
    const cull__kept_report *k = &t->report[t->head++];
    bool go;
    CULL_TRY(cull__run_report(r, t, k->step, k->value, &go));
    if (go) return CULL_OK;
    if (t->worker >= 0) {
        r->at[t->worker] = CULL__DRAINS;
        r->e->fns->answer(r->e, t->worker, false);
    }
    cull__entry_free(t);
    return CULL_OK;
}

static cull_status take_result(cull__run *r, cull__entry *t)
{
    while (t->number >= 0 && t->head < t->reports) CULL_TRY(take_report(r, t));
    return t->number < 0 ? CULL_OK : cull__run_tell(r, t, &t->outcome);
}

cull_status cull__order_settle(cull__run *r)
{
    double at = 0;
    for (cull__entry *t; (t = turn(r, &at));) {
        r->now = fmax(r->now, at);
        t->at = at;
        CULL_TRY(r->rule && t->head < t->reports ? take_report(r, t) : take_result(r, t));
        CULL_TRY(cull__run_fill(r));
    }
    return CULL_OK;
}

/* ---- beginning, and going on ---- */

void cull__order_begin(cull__run *r, cull__entry *t, const cull_trial *of)
{
    t->begin = r->now;
    for (int i = 0; i < r->pasts; i++) {
        if (r->past[i].number != of->number) continue;
        t->begin = r->past[i].begin;
        r->past[i].number = -1;
    }
    t->step = of->steps;
    t->at = r->rule && of->steps ? report_time(r, t->begin, of->steps) : t->begin;
}

typedef struct {
    cull__run *r;
    int64_t trials;
    double *begin; /* trials */
    int64_t *budget;
    bool *tried; /* trials: it failed, and begins anew when it is asked again */
} reading;

static cull_status on_event(cull_ctx *cx, void *user, const cull__event *e)
{
    reading *g = user;
    cull__run *r = g->r;
    (void)cx;
    if (e->trial < 0 || e->trial >= g->trials) return CULL_OK;
    int64_t i = e->trial;
    double at = r->now;
    bool failed = e->state == CULL_TRIAL_FAILED || e->state == CULL_TRIAL_TIMEOUT;
    switch (e->kind) {
    case CULL__ASKED:
        if (e->x ? e->state == CULL_TRIAL_DONE : !g->tried[i]) break;
        if (e->x) g->budget[i] = e->budget;
        g->begin[i] = r->now;
        g->tried[i] = false;
        break;
    case CULL__REPORTED:
        if (r->rule) at = report_time(r, g->begin[i], e->step);
        break;
    case CULL__RETRIED:
        if (failed) at = g->begin[i] + length(r, g->budget[i], e->cost), g->tried[i] = true;
        break;
    case CULL__TOLD: at = g->begin[i] + length(r, g->budget[i], e->cost); break;
    default: break;
    }
    r->now = fmax(r->now, at);
    return CULL_OK;
}

cull_status cull__order_resume(cull__run *r)
{
    cull__store *store = cull__study_store(r->s);
    reading g = {.r = r, .trials = cull_study_trials(r->s)};
    if (!store || !g.trials) return CULL_OK;
    CULL_TRY(CULL_TMP0(r->cx, g.begin, g.trials));
    CULL_TRY(CULL_TMP0(r->cx, g.budget, g.trials));
    CULL_TRY(CULL_TMP0(r->cx, g.tried, g.trials));
    CULL_TRY(cull__store_read(r->cx, store, 0, on_event, &g));
    for (int64_t i = 0; i < g.trials && r->pasts < r->places; i++) {
        if (r->s->trial[i].state != CULL_TRIAL_RUNNING || g.tried[i]) continue;
        r->past[r->pasts++] = (struct cull__past){i, g.begin[i]};
    }
    return CULL_OK;
}
