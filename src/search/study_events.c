/* study_events.c - what happens in a study: written, applied, and the method notified, in one order. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "search/study.h"

double cull__study_clock(const cull_study *s)
{
    double t = s->base + (cull__now() - s->began);
    return t > s->latest ? t : s->latest;
}

/* ---- room ---- */

static cull_status reserve_trial(cull_study *s)
{
    cull_ctx *cx = s->cx;
    int64_t n = s->trials + 1;
    if (n >= INT32_MAX) return cull__fail(cx, CULL_EINPUT, "a study has at most 2^31 - 2 trials");
    CULL_TRY(CULL_GROW(cx, s->trial, &s->cap.trial, n));
    CULL_TRY(CULL_GROW(cx, s->value, &s->cap.value, n * s->p.objectives));
    if (s->p.constraints)
        CULL_TRY(CULL_GROW(cx, s->violation, &s->cap.violation, n * s->p.constraints));
    return CULL_OK;
}

/* The method may be owed all that waits for the point that is told, and one more. */
static cull_status reserve_owed(cull_study *s)
{
    if (s->owed_head == s->owed_n) s->owed_head = s->owed_n = 0;
    return CULL_GROW(s->cx, s->owed, &s->cap.owed, s->owed_n + 4 + s->waiting);
}

static bool has_note(const cull__event *e)
{
    return e->kind != CULL__WIDENED && e->note && *e->note;
}

static cull_status reserve_note(cull_study *s, const cull__event *e)
{
    if (!has_note(e)) return CULL_OK;
    if (s->notes >= INT32_MAX)
        return cull__fail(s->cx, CULL_EINPUT, "a study has at most 2^31 - 1 notes");
    int64_t bytes = s->note_bytes + (int64_t)strlen(e->note) + 1;
    CULL_TRY(CULL_GROW(s->cx, s->note, &s->cap.note, s->notes + 1));
    return CULL_GROW(s->cx, s->note_text, &s->cap.note_text, bytes);
}

cull_status cull__study_reserve(cull_study *s, const cull__event *e)
{
    cull_ctx *cx = s->cx;
    CULL_TRY(reserve_owed(s));
    CULL_TRY(reserve_note(s, e));
    if (e->x && e->x != s->keyed) s->key = cull_space_key(s->p.space, e->x);
    s->keyed = NULL;
    switch (e->kind) {
    case CULL__ASKED:
        if (!e->x) return CULL_OK;
        CULL_TRY(reserve_trial(s));
        CULL_TRY(cull__stops_reserve(cx, &s->stops, 0, s->v.trials + 1));
        return cull__points_reserve(s, false);
    case CULL__ADDED: CULL_TRY(reserve_trial(s)); return cull__points_reserve(s, e->noise > 0);
    case CULL__TOLD:
    case CULL__REPORTED:
        CULL_TRY(cull__stops_reserve(cx, &s->stops, e->step, s->v.trials));
        return e->noise > 0 ? cull__points_reserve(s, true) : CULL_OK;
    case CULL__QUEUED: return CULL_GROW(cx, s->queue, &s->cap.queue, (s->queue_n + 1) * s->v.width);
    case CULL__RETRIED: return CULL_GROW(cx, s->again, &s->cap.again, s->again_n + 1);
    case CULL__ENDED:
    case CULL__WIDENED: break;
    }
    return CULL_OK;
}

/* ---- application ---- */

bool cull__study_finite(const cull_study *s, const double *value)
{
    for (int i = 0; i < s->p.objectives; i++)
        if (!isfinite(value[i])) return false;
    return true;
}

static cull__trial *new_trial(cull_study *s, int32_t point, const cull__event *e)
{
    int64_t m = s->p.objectives, c = s->p.constraints;
    cull__trial *t = &s->trial[s->trials];
    *t = (cull__trial){.point = point,
                       .replicate = e->replicate,
                       .state = CULL_TRIAL_RUNNING,
                       .began = e->at,
                       .ended = e->at,
                       .budget = e->budget};
    for (int64_t j = 0; j < m; j++) s->value[s->trials * m + j] = NAN;
    for (int64_t j = 0; j < c; j++) s->violation[s->trials * c + j] = 0;
    s->trials++;
    s->point[point].asked++;
    return t;
}

/* The point that is asked is the first of the queue that may be: those before it were passed over. */
static void unqueue(cull_study *s)
{
    const cull_key k = s->key;
    while (s->queue_head < s->queue_n) {
        const double *q = s->queue + s->queue_head++ * s->v.width;
        cull_key have = cull_space_key(s->p.space, q);
        if (have.word[0] == k.word[0] && have.word[1] == k.word[1]) break;
    }
    if (s->queue_head == s->queue_n) s->queue_head = s->queue_n = 0;
}

static void hand_out_again(cull_study *s, int64_t trial)
{
    s->trial[trial].waits = 0;
    for (int64_t i = s->again_head; i < s->again_n; i++) {
        if (s->again[i] != trial) continue;
        memmove(s->again + i, s->again + i + 1, (size_t)(s->again_n - i - 1) * sizeof *s->again);
        s->again_n--;
        return;
    }
}

static void asked(cull_study *s, const cull__event *e)
{
    s->ended = false; /* whoever asks after a stop has resumed, for all */
    if (!e->x) {
        hand_out_again(s, e->trial);
        return;
    }
    s->running++;
    if (e->step > 0) { /* of a point that is there: a replicate, a further rung */
        int32_t i = (int32_t)e->step - 1;
        new_trial(s, i, e);
        s->paid++;
        if (s->p.stop.anew) cull__stops_asked(&s->stops, i, e->budget, false);
        return;
    }
    unqueue(s);
    int64_t like = e->state == CULL_TRIAL_DONE ? cull__keys_find(s, s->key) : -1;
    int32_t i = cull__points_new(s, e->x);
    new_trial(s, i, e);
    s->owed[s->owed_n++] = 2 * (int64_t)i;
    if (like >= 0) {
        s->waiting++;
        cull__points_copy(s, i, (int32_t)like);
        return;
    }
    s->paid++;
    if (s->p.stop.anew)
        cull__stops_asked(&s->stops, i, e->budget, true);
    else
        cull__stops_point(&s->stops, i);
}

/* Values are turned so that less is better. */
static void take_values(cull_study *s, int64_t trial, const cull__event *e)
{
    int64_t m = s->p.objectives, c = s->p.constraints;
    for (int64_t j = 0; j < m && e->value; j++)
        s->value[trial * m + j] = s->objective[j].maximize ? -e->value[j] : e->value[j];
    for (int64_t j = 0; j < c && e->violation; j++) s->violation[trial * c + j] = e->violation[j];
}

static void take_note(cull_study *s, const cull__event *e)
{
    s->trial[e->trial].note = 0;
    if (!has_note(e)) return;
    size_t n = strlen(e->note) + 1;
    memcpy(s->note_text + s->note_bytes, e->note, n);
    s->note[s->notes++] = s->note_bytes;
    s->note_bytes += (int64_t)n;
    s->trial[e->trial].note = (int32_t)s->notes;
}

static void told(cull_study *s, const cull__event *e)
{
    cull__trial *t = &s->trial[e->trial];
    bool good = e->state == CULL_TRIAL_DONE || e->state == CULL_TRIAL_STOPPED;
    if (t->waits) hand_out_again(s, e->trial);
    t->state = (uint8_t)e->state;
    t->cost += e->cost;
    t->ended = e->at;
    take_note(s, e);
    s->spent += e->cost;
    s->running--;
    if (good) take_values(s, e->trial, e);
    if (s->p.stop.anew && t->budget)
        cull__stops_told(&s->stops, t->point, t->budget,
                         good ? s->value + e->trial * s->p.objectives : NULL);
    cull__points_told(s, e->trial, e->noise);
}

static void reported(cull_study *s, const cull__event *e)
{
    cull__trial *t = &s->trial[e->trial];
    int64_t m = s->p.objectives, before = t->steps;
    double v[CULL_OBJECTIVES];
    for (int64_t j = 0; j < m; j++) v[j] = s->objective[j].maximize ? -e->value[j] : e->value[j];
    if (!s->p.stop.anew) cull__stops_report(&s->stops, t->point, before, e->step, v);
    t->steps = e->step;
    if (e->state != CULL_TRIAL_STOPPED) return;
    cull__event end = *e;
    end.state = cull__study_finite(s, e->value) ? CULL_TRIAL_STOPPED : CULL_TRIAL_FAILED;
    end.cost = end.noise = 0;
    told(s, &end);
}

static void added(cull_study *s, const cull__event *e)
{
    int32_t i = cull__points_new(s, e->x);
    new_trial(s, i, e);
    s->owed[s->owed_n++] = 2 * (int64_t)i;
    s->running++;
    s->point[i].in = (int32_t)s->replicates - 1; /* the last that is awaited */
    double spent = s->spent;
    told(s, e);
    s->spent = spent;
    s->point[i].in = 1;
}

static void retried(cull_study *s, const cull__event *e)
{
    cull__trial *t = &s->trial[e->trial];
    t->waits = 1;
    t->tries += e->state != CULL_TRIAL_RUNNING && t->tries < UINT16_MAX;
    t->cost += e->cost;
    if (has_note(e)) take_note(s, e);
    s->spent += e->cost;
    s->again[s->again_n++] = e->trial;
}

void cull__study_apply(cull_study *s, const cull__event *e)
{
    if (e->at > s->latest) s->latest = e->at;
    s->seq = e->seq;
    switch (e->kind) {
    case CULL__ASKED: asked(s, e); break;
    case CULL__QUEUED:
        memcpy(s->queue + s->queue_n++ * s->v.width, e->x, (size_t)s->v.width * sizeof *e->x);
        break;
    case CULL__ADDED: added(s, e); break;
    case CULL__REPORTED: reported(s, e); break;
    case CULL__TOLD: told(s, e); break;
    case CULL__RETRIED: retried(s, e); break;
    case CULL__ENDED: s->ended = true; break;
    case CULL__WIDENED: break;
    }
}

/* ---- the method ---- */

static cull_status notify(cull_study *s, int64_t what)
{
    cull_search_view *v = &s->v;
    if (what % 2 == 0) return s->fns->asked ? s->fns->asked(s->cx, s->state, v, what / 2) : CULL_OK;
    s->told[v->tells++] = what / 2;
    cull_status r = s->fns->told ? s->fns->told(s->cx, s->state, v, what / 2) : CULL_OK;
    if (r != CULL_OK) v->tells--;
    return r;
}

cull_status cull__study_deliver(cull_study *s)
{
    while (s->owed_head < s->owed_n) {
        cull__mark_t m = cull__mark(s->cx);
        cull_status r = notify(s, s->owed[s->owed_head]);
        cull__release(s->cx, m);
        CULL_TRY(r);
        s->owed_head++;
    }
    return CULL_OK;
}

/* ---- the store ---- */

cull_status cull__study_check_trial(cull_study *s, int64_t number)
{
    if (number >= 0 && number < s->trials) return CULL_OK;
    return cull__fail(s->cx, CULL_EINPUT, "there is no trial %lld; the study has %lld of them",
                      (long long)number, (long long)s->trials);
}

static bool runs(const cull_study *s, int64_t trial)
{
    return trial >= 0 && trial < s->trials && s->trial[trial].state == CULL_TRIAL_RUNNING;
}

static bool sound_outcome(const cull_study *s, const cull__event *e)
{
    if (e->state == CULL_TRIAL_DONE) return e->value && cull__study_finite(s, e->value);
    return e->state == CULL_TRIAL_FAILED || e->state == CULL_TRIAL_TIMEOUT ||
           e->state == CULL_TRIAL_LOST;
}

static bool sound_ask(const cull_study *s, const cull__event *e)
{
    if (!e->x) return runs(s, e->trial) && s->trial[e->trial].waits;
    return e->trial == s->trials && e->step >= 0 && e->step <= s->v.trials && e->budget >= 0;
}

/* Whether an event that was read can be applied: a store is a file, and files are anything. */
static bool sound(const cull_study *s, const cull__event *e)
{
    if (e->seq != s->seq + 1) return false;
    switch (e->kind) {
    case CULL__ASKED: return sound_ask(s, e);
    case CULL__QUEUED: return e->x;
    case CULL__ADDED: return e->x && e->trial == s->trials && sound_outcome(s, e);
    case CULL__REPORTED:
        return runs(s, e->trial) && e->value && e->step > s->trial[e->trial].steps &&
               (e->state == CULL_TRIAL_RUNNING || e->state == CULL_TRIAL_STOPPED);
    case CULL__TOLD: return runs(s, e->trial) && sound_outcome(s, e);
    case CULL__RETRIED: return runs(s, e->trial) && !s->trial[e->trial].waits;
    case CULL__ENDED: return true;
    case CULL__WIDENED: return e->note;
    }
    return false;
}

/* A point of before the space was widened. */
static cull_status point_mapped(cull_study *s, const cull__event *e)
{
    char why[400], which[40] = "a point that was to be asked";
    cull_status r = cull__space_map(s->cx, s->from, e->x, s->p.space, s->mapped);
    if (r != CULL_EINPUT) return r;
    snprintf(why, sizeof why, "%s", cull_error(s->cx));
    if (e->trial >= 0) snprintf(which, sizeof which, "trial %lld", (long long)e->trial);
    return cull__fail(s->cx, CULL_EINPUT, "%s of the store is none of the space as it is now: %s",
                      which, why);
}

static cull_status point_read(cull_study *s, const cull__event *e, cull__event *mine)
{
    const cull_space *of = s->from ? s->from : s->p.space;
    if (e->width != cull_space_width(of))
        return cull__fail(s->cx, CULL_EINPUT,
                          "event %lld of the store has a point of %lld numbers, not of %lld",
                          (long long)e->seq, (long long)e->width, (long long)cull_space_width(of));
    if (s->from) {
        CULL_TRY(point_mapped(s, e));
        mine->x = s->mapped;
        mine->width = s->v.width;
        return CULL_OK;
    }
    if (cull_space_check(s->cx, s->p.space, e->x) == CULL_OK) return CULL_OK;
    char why[400];
    snprintf(why, sizeof why, "%s", cull_error(s->cx));
    return cull__fail(s->cx, CULL_EINPUT,
                      "event %lld of the store has no point of its space, and is damaged: %s",
                      (long long)e->seq, why);
}

static cull_status read_one(cull_ctx *cx, void *user, const cull__event *e)
{
    cull_study *s = user;
    cull__event mine = *e;
    CULL_TRY(cull__study_deliver(s));
    if (!sound(s, e))
        return cull__fail(cx, CULL_EINPUT,
                          "event %lld of the store does not follow from those before it: it is "
                          "damaged",
                          (long long)e->seq);
    cull__mark_t m = cull__mark(cx);
    cull_status r = e->x ? point_read(s, e, &mine) : CULL_OK;
    if (r == CULL_OK && e->kind == CULL__WIDENED) r = cull__study_widened(s, e->note);
    cull__release(cx, m);
    CULL_TRY(r);
    CULL_TRY(cull__study_reserve(s, &mine));
    cull__study_apply(s, &mine);
    return CULL_OK;
}

cull_status cull__study_read(cull_study *s)
{
    return s->store ? cull__store_read(s->cx, s->store, s->seq, read_one, s) : CULL_OK;
}

cull_status cull__study_begin(cull_study *s)
{
    CULL_TRY(cull__study_deliver(s));
    if (!s->store) return CULL_OK;
    if (*s->unwritable) return cull__fail(s->cx, CULL_EIO, "%s", s->unwritable);
    CULL_TRY(cull__store_begin(s->cx, s->store));
    cull_status r = cull__study_read(s);
    if (r == CULL_OK) r = cull__study_deliver(s);
    if (r != CULL_OK) cull__store_abort(s->store);
    return r;
}

cull_status cull__study_write(cull_study *s, cull__event *e, int64_t k)
{
    e->at = cull__study_clock(s);
    if (*s->worker) e->worker = s->worker;
    e->width = e->x ? s->v.width : 0;
    e->seq = s->seq + 1 + k;
    if (!s->store) return CULL_OK;
    CULL_TRY(cull__store_append(s->cx, s->store, e));
    if (e->seq == s->seq + 1 + k) return CULL_OK;
    return cull__fail(s->cx, CULL_EINTERNAL, "the store gave event %lld the number %lld",
                      (long long)(s->seq + 1 + k), (long long)e->seq);
}

cull_status cull__study_put(cull_study *s, cull__event *e)
{
    CULL_TRY(cull__study_reserve(s, e));
    return cull__study_write(s, e, 0);
}

cull_status cull__study_let_go(cull_study *s, cull_status r)
{
    s->keyed = NULL;
    if (s->store) cull__store_abort(s->store);
    return r;
}

/* A method that fails to take it in is notified again before anything else happens. */
cull_status cull__study_end(cull_study *s, cull_status r, const cull__event *e)
{
    if (r != CULL_OK) return cull__study_let_go(s, r);
    if (s->store) CULL_TRY(cull__store_commit(s->cx, s->store));
    cull__study_apply(s, e);
    if (cull__study_deliver(s) != CULL_OK) cull__fail(s->cx, CULL_OK, "%s", "");
    return CULL_OK;
}

/* What was written follows from what is in memory as what another process wrote does. */
cull_status cull__study_end_group(cull_study *s, cull_status r)
{
    if (r != CULL_OK) return cull__study_let_go(s, r);
    CULL_TRY(cull__store_commit(s->cx, s->store));
    CULL_TRY(cull__study_read(s));
    if (cull__study_deliver(s) != CULL_OK) cull__fail(s->cx, CULL_OK, "%s", "");
    return CULL_OK;
}
