/* study_tell.c - what comes back: results, reports, results from elsewhere, trials given back. */
#include <math.h>
#include <string.h>

#include "search/study.h"

static const char NOT_FINITE[] = "a value is not finite";

const char *cull_trial_state_name(cull_trial_state s)
{
    static const char *const name[] = {"running", "done", "stopped", "failed", "timeout", "lost"};
    return (unsigned)s < sizeof name / sizeof *name ? name[s] : "?";
}

static cull_status running(cull_study *s, int64_t number)
{
    CULL_TRY(cull__study_check_trial(s, number));
    const cull__trial *t = &s->trial[number];
    if (t->state != CULL_TRIAL_RUNNING)
        return cull__fail(s->cx, CULL_EINPUT, "trial %lld is not running: it is %s",
                          (long long)number, cull_trial_state_name((cull_trial_state)t->state));
    if (t->waits)
        return cull__fail(s->cx, CULL_EINPUT,
                          "trial %lld is not running: it waits to be asked again",
                          (long long)number);
    return CULL_OK;
}

cull_status cull__study_outcome(cull_study *s, const cull_outcome *o, cull__event *e)
{
    cull_ctx *cx = s->cx;
    if (o->state != CULL_TRIAL_DONE && o->state != CULL_TRIAL_FAILED &&
        o->state != CULL_TRIAL_TIMEOUT)
        return cull__fail(cx, CULL_EINPUT, "an outcome is done, failed or timeout, not %s",
                          cull_trial_state_name(o->state));
    if (!isfinite(o->cost) || o->cost < 0)
        return cull__fail(cx, CULL_EINPUT, "a cost is a finite number of at least 0, not %g",
                          o->cost);
    if (!isfinite(o->noise) || o->noise < 0)
        return cull__fail(cx, CULL_EINPUT, "noise is a finite number of at least 0, not %g",
                          o->noise);
    e->state = o->state;
    e->cost = o->cost;
    e->note = o->note;
    if (o->state != CULL_TRIAL_DONE) return CULL_OK;
    if (!o->value)
        return cull__fail(cx, CULL_EINPUT, "a trial that is done has values; there are none");
    bool finite = cull__study_finite(s, o->value);
    for (int i = 0; i < s->p.constraints && o->violation; i++) finite &= !isnan(o->violation[i]);
    if (!finite) {
        e->state = CULL_TRIAL_FAILED;
        if (!o->note) e->note = NOT_FINITE;
        return CULL_OK;
    }
    e->value = o->value;
    e->violation = s->p.constraints ? o->violation : NULL;
    e->noise = o->noise;
    return CULL_OK;
}

cull_status cull_study_tell(cull_study *s, int64_t number, const cull_outcome *o)
{
    cull__event e = {.kind = CULL__TOLD, .trial = number};
    CULL_TRY(cull__study_begin(s));
    cull_status r = running(s, number);
    if (r == CULL_OK) r = cull__study_outcome(s, o, &e);
    if (r == CULL_OK && e.state != CULL_TRIAL_DONE && s->trial[number].tries < s->p.retries)
        e.kind = CULL__RETRIED;
    if (r == CULL_OK) r = cull__study_put(s, &e);
    return cull__study_end(s, r, &e);
}

cull_status cull__study_give_back(cull_study *s, int64_t number, bool lost)
{
    cull__event e = {.kind = CULL__RETRIED, .trial = number};
    CULL_TRY(cull__study_begin(s));
    cull_status r = running(s, number);
    if (lost) e.state = CULL_TRIAL_LOST, e.note = "its worker was lost";
    if (r == CULL_OK && lost && s->trial[number].tries >= s->p.retries + 2) e.kind = CULL__TOLD;
    if (r == CULL_OK) r = cull__study_put(s, &e);
    return cull__study_end(s, r, &e);
}

cull__store *cull__study_store(cull_study *s) { return s->store; }

void cull__study_worker(cull_study *s, const char *name)
{
    strncpy(s->worker, name, sizeof s->worker - 1);
}

cull_status cull_study_report(cull_study *s, int64_t number, int64_t step, const double *value,
                              bool *go)
{
    cull__event e = {.kind = CULL__REPORTED, .trial = number, .step = step, .value = value};
    *go = true;
    CULL_TRY(cull__study_begin(s));
    cull_status r = running(s, number);
    if (r == CULL_OK && step <= 0)
        r = cull__fail(s->cx, CULL_EINPUT, "steps count from 1; %lld was reported",
                       (long long)step);
    if (r == CULL_OK && !value)
        r = cull__fail(s->cx, CULL_EINPUT, "a report has values; there are none");
    bool news = r == CULL_OK && step > s->trial[number].steps;
    if (r != CULL_OK || !news) return cull__study_let_go(s, r);
    cull__mark_t m = cull__mark(s->cx);
    if (!s->p.stop.anew) {
        double v[CULL_OBJECTIVES];
        for (int i = 0; i < s->p.objectives; i++)
            v[i] = s->objective[i].maximize ? -value[i] : value[i];
        r = cull__stops_decide(s->cx, &s->stops, s->trial[number].point, s->trial[number].steps,
                               step, v, go);
    }
    e.state = *go ? CULL_TRIAL_RUNNING : CULL_TRIAL_STOPPED;
    if (r == CULL_OK && !*go && !cull__study_finite(s, value)) e.note = NOT_FINITE;
    if (r == CULL_OK) r = cull__study_put(s, &e);
    r = cull__study_end(s, r, &e);
    cull__release(s->cx, m);
    if (r != CULL_OK) *go = true;
    return r;
}

cull_status cull_study_enqueue(cull_study *s, const double *x)
{
    cull__event e = {.kind = CULL__QUEUED, .trial = -1, .x = x};
    CULL_TRY(cull_space_check(s->cx, s->p.space, x));
    CULL_TRY(cull__study_begin(s));
    return cull__study_end(s, cull__study_put(s, &e), &e);
}

cull_status cull_study_add(cull_study *s, const double *x, const cull_outcome *o, int64_t *number)
{
    cull__event e = {.kind = CULL__ADDED, .x = x};
    CULL_TRY(cull_space_check(s->cx, s->p.space, x));
    CULL_TRY(cull__study_begin(s));
    e.trial = s->trials;
    cull_status r = cull__study_outcome(s, o, &e);
    if (r == CULL_OK) r = cull__study_put(s, &e);
    r = cull__study_end(s, r, &e);
    if (r == CULL_OK && number) *number = e.trial;
    return r;
}

/* ---- what is there ---- */

const cull_search_problem *cull_study_problem(const cull_study *s) { return &s->p; }
int64_t cull_study_trials(const cull_study *s) { return s->trials; }
int64_t cull_study_paid(const cull_study *s) { return s->paid; }

cull_status cull_study_trial(cull_study *s, int64_t number, cull_trial *out)
{
    CULL_TRY(cull__study_check_trial(s, number));
    const cull__trial *t = &s->trial[number];
    int64_t m = s->p.objectives, c = s->p.constraints, i = t->point;
    double *value = s->out, *mean = value + CULL_OBJECTIVES, *noise = mean + CULL_OBJECTIVES;
    for (int64_t j = 0; j < m; j++) {
        double sign = s->objective[j].maximize ? -1 : 1;
        value[j] = sign * s->value[number * m + j];
        mean[j] = sign * s->v.value[i * m + j];
        noise[j] = s->noise ? s->noise[i * m + j] : 0;
    }
    *out = (cull_trial){.number = number,
                        .x = s->x + i * s->v.width,
                        .state = (cull_trial_state)t->state,
                        .value = value,
                        .violation = c ? s->violation + number * c : NULL,
                        .cost = t->cost,
                        .began = t->began,
                        .ended = t->ended,
                        .steps = t->steps,
                        .budget = t->budget,
                        .replicate = t->replicate,
                        .point = i,
                        .mean = mean,
                        .noise = noise,
                        .note = t->note ? s->note_text + s->note[t->note - 1] : NULL};
    return CULL_OK;
}
