/* anew.c - a policy that is fitted anew to rows gathered after an alarm (cull/stream.h). */
#include "task/policy.h"
#include "task/stream.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct cull__anew {
    cull_outcomes rows; /* gathered: `want` at most, of which there are rows.n */
    int64_t want, from; /* from: the first row */
    bool on;            /* rows are gathered */
    bool laid;          /* there is room for rows */
    double asked[5];    /* of task compute: budget, target, delay, risk, delta */
    cull_policy *policy;
};

void cull__anew_free(cull__anew *a)
{
    if (!a) return;
    const cull_outcomes *o = &a->rows;
    for (int k = 0; o->out && k < o->models; k++) cull__free((void *)(uintptr_t)o->out[k]);
    for (int k = 0; o->x && k < o->xs; k++) cull__free((void *)(uintptr_t)o->x[k]);
    const void *of[] = {o->out,    o->x,      o->score, o->quality, o->cost, o->truth,
                        o->weight, o->spread, o->group, o->d,       o->each, o->delay};
    for (size_t k = 0; k < sizeof of / sizeof *of; k++) cull__free((void *)(uintptr_t)of[k]);
    cull_policy_free(a->policy);
    cull__free(a);
}

cull_policy *cull__anew_policy(const cull__anew *a) { return a ? a->policy : NULL; }

cull_status cull__anew_new(cull_ctx *cx, const cull_policy *p, int64_t rows, cull__anew **out)
{
    const double *asked = NULL;
    bool compute = cull_policy_method(p)->task == CULL_TASK_COMPUTE;
    if (rows < 1 || rows > 1 << 24)
        return cull__fail(cx, CULL_EOPTION, "anew is %" PRId64 " rows; it must be 1 to %d", rows,
                          1 << 24);
    if (compute && !cull_policy_get(p, CULL_PROBLEM, NULL, NULL))
        return cull__fail(cx, CULL_EINPUT,
                          "the policy of %s does not say what it was fitted for, as an older "
                          "version wrote it; fit it again",
                          cull_policy_method(p)->slug);
    if (compute) CULL_TRY(cull_policy_need(cx, p, CULL_PROBLEM, 1, 5, &asked));
    CULL_TRY(CULL_ALLOC(cx, *out, 1));
    (*out)->want = rows;
    if (asked) memcpy((*out)->asked, asked, sizeof(*out)->asked);
    return CULL_OK;
}

/* ---- rows are gathered ---- */
static cull_status numbers(cull_ctx *cx, const double *like, int64_t n, const double **out)
{
    double *v;
    if (!like) return CULL_OK;
    CULL_TRY(CULL_ALLOC(cx, v, n));
    *out = v;
    return CULL_OK;
}

static cull_status matrices(cull_ctx *cx, const float *const *like, int count, const int64_t *d,
                            int64_t width, int64_t n, const float *const **out)
{
    float **v;
    if (!like) return CULL_OK;
    CULL_TRY(CULL_ALLOC(cx, v, count));
    *out = (const float *const *)(uintptr_t)v;
    for (int k = 0; k < count; k++) CULL_TRY(CULL_ALLOC(cx, v[k], n * (d ? d[k] : width)));
    return CULL_OK;
}

/* Room for rows like these. (K, n) arrays are laid out as for `want` rows, and read when there are so many. */
static cull_status lay(cull_ctx *cx, cull__anew *a, const cull_outcomes *like)
{
    cull_outcomes *o = &a->rows;
    const int64_t n = a->want, k = like->models;
    int64_t *d = NULL;
    int32_t *group = NULL;
    a->laid = true;
    *o =
        (cull_outcomes){.models = like->models, .classes = like->classes, .outputs = like->outputs};
    CULL_TRY(numbers(cx, like->score, k * n, &o->score));
    CULL_TRY(numbers(cx, like->quality, k * n, &o->quality));
    CULL_TRY(numbers(cx, like->cost, k * n, &o->cost));
    CULL_TRY(numbers(cx, like->each, k, &o->each));
    CULL_TRY(numbers(cx, like->delay, k, &o->delay));
    CULL_TRY(numbers(cx, like->truth, n, &o->truth));
    CULL_TRY(numbers(cx, like->weight, n, &o->weight));
    CULL_TRY(numbers(cx, like->spread, n, &o->spread));
    if (like->each) memcpy((double *)(uintptr_t)o->each, like->each, (size_t)k * sizeof(double));
    if (like->delay) memcpy((double *)(uintptr_t)o->delay, like->delay, (size_t)k * sizeof(double));
    if (like->group) CULL_TRY(CULL_ALLOC(cx, group, n));
    o->group = group;
    CULL_TRY(matrices(cx, like->out, (int)k, NULL, like->classes, n, &o->out));
    if (!like->xs) return CULL_OK;
    CULL_TRY(CULL_ALLOC(cx, d, like->xs));
    memcpy(d, like->d, (size_t)like->xs * sizeof *d);
    o->d = d;
    o->xs = like->xs;
    return matrices(cx, like->x, like->xs, like->d, 0, n, &o->x);
}

static void put(const double *to, int64_t wide, const double *from, int64_t n, int64_t i, int count,
                int64_t at)
{
    double *v = (double *)(uintptr_t)to;
    for (int k = 0; v && k < count; k++) v[k * wide + at] = from[k * n + i];
}

static void put_rows(const float *const *to, const float *const *from, int count, const int64_t *d,
                     int64_t width, int64_t i, int64_t at)
{
    for (int k = 0; to && k < count; k++) {
        int64_t w = d ? d[k] : width;
        memcpy((float *)(uintptr_t)to[k] + at * w, from[k] + i * w, (size_t)w * sizeof(float));
    }
}

static void gather(cull__anew *a, const cull_outcomes *rows, int64_t i)
{
    cull_outcomes *o = &a->rows;
    const int64_t at = o->n++, n = rows->n, wide = a->want;
    put(o->score, wide, rows->score, n, i, o->models, at);
    put(o->quality, wide, rows->quality, n, i, o->models, at);
    put(o->cost, wide, rows->cost, n, i, o->models, at);
    put(o->truth, wide, rows->truth, n, i, 1, at);
    put(o->weight, wide, rows->weight, n, i, 1, at);
    put(o->spread, wide, rows->spread, n, i, 1, at);
    if (o->group) ((int32_t *)(uintptr_t)o->group)[at] = rows->group[i];
    put_rows(o->out, rows->out, o->models, NULL, o->classes, i, at);
    put_rows(o->x, rows->x, o->xs, o->d, 0, i, at);
}

static bool came(const cull_outcomes *rows, int64_t i)
{
    bool all = !rows->truth || !isnan(rows->truth[i]);
    for (int k = 0; rows->quality && k < rows->models; k++)
        all &= !isnan(rows->quality[k * rows->n + i]);
    return all;
}

/* ---- a fit ---- */
static cull_status fit(cull_ctx *cx, const cull_stream *s, const cull__anew *a, cull_policy **out)
{
    if (s->m->task == CULL_TASK_COMPUTE) {
        cull_compute_problem p = {&a->rows,    a->asked[0], a->asked[1],
                                  a->asked[2], a->asked[3], a->asked[4]};
        return cull_compute_fit(cx, s->m, s->opts, &p, out);
    }
    cull_trust_problem p = {.rows = &a->rows};
    CULL_TRY(cull_policy_need_number(cx, s->p, "level", &p.level));
    CULL_TRY(cull_policy_need_number(cx, s->p, "delta", &p.delta));
    CULL_TRY(cull_policy_need_number(cx, s->p, "above", &p.above));
    return cull_trust_fit(cx, s->m, s->opts, &p, out);
}

/* A fit that is refused says why, and rows are gathered from the next one on. */
static cull_status renew(cull_ctx *cx, cull_stream *s, int64_t row, bool *fitted)
{
    cull__anew *a = s->anew;
    cull_watch_summary *w = &s->sum.watch;
    cull_policy *made;
    cull_status st = fit(cx, s, a, &made);
    a->rows.n = 0;
    if (st == CULL_EINPUT) {
        w->refused++;
        CULL_TRY(cull_policy_put_text(cx, s->p, "not fitted anew", cull_error(cx)));
        w->why = cull_policy_text(s->p, "not fitted anew");
        return CULL_OK;
    }
    CULL_TRY(st);
    cull_policy_free(a->policy);
    a->policy = made;
    a->on = false;
    if (w->fits < CULL_ALARMS) w->fit_from[w->fits] = a->from, w->fit_to[w->fits] = row;
    w->fits++;
    cull_drift_restart(s->drift);
    *fitted = true;
    return CULL_OK;
}

cull_status cull__anew_row(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows, int64_t i,
                           bool alarm, bool *fitted)
{
    cull__anew *a = s->anew;
    *fitted = false;
    if (!rows->truth && !rows->quality)
        return cull__fail(cx, CULL_EINPUT,
                          "to fit anew the outcome of rows must be given where it is known "
                          "(--truth or --quality)");
    if (alarm) {
        a->on = true; /* from the next row on: the alarm itself was chosen by this one */
        a->rows.n = 0;
        return CULL_OK;
    }
    if (!a->on || !came(rows, i)) return CULL_OK;
    if (!a->laid) CULL_TRY(lay(cx, a, rows));
    if (a->rows.n == 0) a->from = s->sum.rows + i;
    gather(a, rows, i);
    if (a->rows.n < a->want) return CULL_OK;
    a->rows.groups = rows->groups;
    a->rows.group_name = rows->group_name;
    a->rows.name = rows->name;
    return renew(cx, s, s->sum.rows + i, fitted);
}
