/* study_ask.c - what comes next: a retry, a replicate, a further rung, the queue, or what the method proposes. */
#include <math.h>
#include <string.h>

#include "search/sampler.h"
#include "search/study.h"

enum {
    ATTEMPTS = 20,     /* proposals of the method for a number */
    DRAWS = 100,       /* random points after those */
    CACHED_RUN = 1000, /* results repeated in one ask, before a random new point is asked */
    WALK = 1 << 22     /* points of a space that is gone through for what is left */
};

const char *cull_study_spent(const cull_study *s)
{
    const cull_search_problem *p = &s->p;
    if (p->trials > 0 && s->paid >= p->trials) return "trials";
    if (p->cost > 0 && s->spent >= p->cost) return "cost";
    return p->seconds > 0 && cull__study_clock(s) >= p->seconds ? "seconds" : NULL;
}

static bool nothing_new(const cull_study *s)
{
    if (s->exhausted) return true;
    return s->p.again != CULL_AGAIN_PAID && s->count >= 0 && s->keys >= s->count;
}

static bool replicate_due(const cull_study *s)
{
    int64_t n = s->v.trials;
    if (s->replicates <= 1 || n == 0) return false;
    const cull__point *p = &s->point[n - 1];
    return p->asked < s->replicates && s->pstate[n - 1] == CULL_TRIAL_RUNNING;
}

bool cull_study_done(const cull_study *s)
{
    if (s->ended) return true;
    if (s->again_head < s->again_n) return false;
    if (s->running > 0 && s->p.retries > 0) return false;
    if (cull_study_spent(s)) return true;
    if (!nothing_new(s) || replicate_due(s)) return false;
    if (!s->p.stop.anew) return true;
    cull__stops_next next;
    if (s->running > 0) return false;
    cull__mark_t m = cull__mark(s->cx);
    cull_status r = cull__stops_ask(s->cx, &s->stops, true, &next);
    cull__release(s->cx, m);
    return r == CULL_OK && next.kind != CULL__STOPS_ON;
}

bool cull_study_stopped(const cull_study *s) { return s->ended; }

cull_status cull_study_stop(cull_study *s)
{
    CULL_TRY(cull__study_begin(s));
    cull__event e = {.kind = CULL__ENDED, .trial = -1};
    return cull__study_end(s, cull__study_put(s, &e), &e);
}

/* ---- new points ---- */

/* The first point that is the same design as x; -1 = none. The key of what is asked in the end need not be
 * made again. */
static int64_t find(cull_study *s, const double *x)
{
    s->key = cull_space_key(s->p.space, x);
    s->keyed = x;
    return cull__keys_find(s, s->key);
}

static bool seen(cull_study *s, const double *x) { return find(s, x) >= 0; }

static cull_status draw(cull_study *s, int attempt, double *x)
{
    cull_rng r = cull__search_rng_more(&s->v, attempt, 15);
    return cull__space_draw(s->cx, s->p.space, &r, x);
}

static bool all_discrete(const cull_space *p)
{
    for (int i = 0; i < cull_space_params(p); i++) {
        cull_space_kind k = cull_space_at(p, i)->kind;
        if (k == CULL_SPACE_REAL || k == CULL_SPACE_SIMPLEX) return false;
    }
    return true;
}

/* Every point in turn, one of those not seen with equal chance; none: the space is exhausted. */
static cull_status walk(cull_study *s, double *x, bool *found)
{
    cull_rng r = cull__search_rng_more(&s->v, DRAWS, 15);
    double *y;
    int64_t fresh = 0, passed = 0;
    CULL_TRY(CULL_TMP(s->cx, y, s->v.width));
    bool more = cull__space_first(s->p.space, y);
    for (; more && passed < WALK; more = cull__space_next(s->p.space, y)) {
        if (passed++ % 65536 == 0) CULL_TRY(cull__tick(s->cx, 0, 0));
        if (seen(s, y) || cull__rng_below(&r, ++fresh) != 0) continue;
        memcpy(x, y, (size_t)s->v.width * sizeof *x);
    }
    *found = fresh > 0;
    return CULL_OK;
}

static cull_status other_point(cull_study *s, double *x, bool *found)
{
    for (int i = 0; i < DRAWS; i++) {
        CULL_TRY(draw(s, i, x));
        *found = !seen(s, x);
        if (*found) return CULL_OK;
    }
    if (all_discrete(s->p.space)) CULL_TRY(walk(s, x, found));
    s->exhausted = !*found;
    return CULL_OK;
}

static cull_status propose(cull_study *s, int attempt, double *x)
{
    if (s->lacks_stats)
        return cull__fail(s->cx, CULL_EINPUT,
                          "the study in the store learns from statistics of designs, and none are "
                          "given; give it the same ones");
    CULL_TRY(s->fns->ask(s->cx, s->state, &s->v, attempt, x));
    if (cull_space_check(s->cx, s->p.space, x) == CULL_OK) return CULL_OK;
    char why[200];
    strncpy(why, cull_error(s->cx), sizeof why - 1);
    why[sizeof why - 1] = 0;
    return cull__fail(s->cx, CULL_EINTERNAL, "%s proposed what is no point of the space: %s",
                      s->method->slug, why);
}

/* The first of the queue that may be asked; *have = false: there is none. */
static void from_queue(cull_study *s, double *x, bool *have)
{
    *have = false;
    for (int64_t i = s->queue_head; i < s->queue_n && !*have; i++) {
        memcpy(x, s->queue + i * s->v.width, (size_t)s->v.width * sizeof *x);
        *have = s->p.again != CULL_AGAIN_NEVER || !seen(s, x);
    }
}

/* again: results repeated in this ask so far. */
static cull_status new_point(cull_study *s, int64_t again, double *x, bool *found)
{
    from_queue(s, x, found);
    if (*found) return CULL_OK;
    if (nothing_new(s)) return CULL_OK;
    if (s->p.again != CULL_AGAIN_NEVER && again < CACHED_RUN) {
        *found = true;
        return propose(s, 0, x);
    }
    for (int i = 0; i < ATTEMPTS && s->p.again == CULL_AGAIN_NEVER; i++) {
        CULL_TRY(propose(s, i, x));
        *found = !seen(s, x);
        if (*found) return CULL_OK;
    }
    return other_point(s, x, found);
}

static void number_again(cull_study *s, cull__event *e)
{
    if (s->p.again == CULL_AGAIN_NEVER) return; /* it is a new one */
    int64_t like = find(s, e->x);
    if (like < 0) return;
    e->replicate = s->point[like].times;
    if (s->p.again == CULL_AGAIN_CACHED) e->state = CULL_TRIAL_DONE;
}

/* ---- what comes ---- */

static cull_status no_more(cull_study *s)
{
    return cull__fail(s->cx, CULL_ENODATA, "%s",
                      s->ended ? "stop was asked for: there is nothing more to evaluate"
                      : cull_study_spent(s)
                          ? "the budget is spent: there is nothing more to evaluate"
                          : "every point of the space was asked");
}

static void same_point(cull_study *s, int32_t i, int64_t budget, double *x, cull__event *e)
{
    s->keyed = NULL;
    e->x = memcpy(x, s->x + (int64_t)i * s->v.width, (size_t)s->v.width * sizeof *x);
    e->step = (int64_t)i + 1;
    e->budget = budget;
    e->replicate = s->point[i].asked;
}

/* A new point, or with budgets one that goes on: *found = false: none of them. */
static cull_status rung_or_new(cull_study *s, int64_t again, double *x, cull__event *e, bool *found)
{
    cull__stops_next next = {.kind = CULL__STOPS_NEW};
    bool anew = s->p.stop.anew, old = nothing_new(s);
    *found = false;
    if (anew) CULL_TRY(cull__stops_ask(s->cx, &s->stops, old, &next));
    if (next.kind == CULL__STOPS_NEW) {
        cull_status r = new_point(s, again, x, found);
        if (r == CULL_ENODATA) s->exhausted = true; /* the method has no more */
        if (r != CULL_OK && (r != CULL_ENODATA || !anew)) return r;
        if (anew && !*found && !old && s->exhausted)
            CULL_TRY(cull__stops_ask(s->cx, &s->stops, true, &next));
    }
    if (next.kind == CULL__STOPS_WAIT)
        return cull__fail(s->cx, CULL_ENODATA, "a rung waits for the trials that run");
    if (next.kind == CULL__STOPS_ON) {
        same_point(s, next.point, next.budget, x, e);
        *found = true;
    } else if (*found) {
        e->x = x;
        e->budget = next.budget;
        number_again(s, e);
    }
    return CULL_OK;
}

static cull_status next_event(cull_study *s, int64_t again, double *x, cull__event *e)
{
    bool found;
    s->keyed = NULL;
    *e = (cull__event){.kind = CULL__ASKED, .trial = s->trials};
    if (s->ended) return no_more(s);
    if (s->again_head < s->again_n) {
        e->trial = s->again[s->again_head];
        return CULL_OK;
    }
    if (cull_study_spent(s)) return no_more(s);
    if (replicate_due(s)) {
        same_point(s, (int32_t)s->v.trials - 1, 0, x, e);
        return CULL_OK;
    }
    CULL_TRY(rung_or_new(s, again, x, e, &found));
    return found ? CULL_OK : no_more(s);
}

cull_status cull_study_ask(cull_study *s, cull_trial *out)
{
    for (int64_t again = 0;; again++) {
        cull__event e;
        double *x;
        CULL_TRY(cull__study_begin(s));
        cull__mark_t m = cull__mark(s->cx);
        cull_status r = CULL_TMP(s->cx, x, s->v.width);
        if (r == CULL_OK) r = next_event(s, again, x, &e);
        if (r == CULL_OK) r = cull__study_put(s, &e);
        r = cull__study_end(s, r, &e);
        cull__release(s->cx, m);
        CULL_TRY(r);
        if (e.state != CULL_TRIAL_DONE) return cull_study_trial(s, e.trial, out);
    }
}
