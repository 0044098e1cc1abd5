/* watch.c - a stream that is watched: alarms, and a threshold that follows (cull/stream.h). */
#include "task/policy.h"
#include "task/stream.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TIES = 71 }; /* stream of random numbers */

static bool has_threshold(const cull_stream *s, const double **score, int64_t *n)
{
    *score = NULL;
    *n = 0;
    if (s->m->task != CULL_TASK_TRUST || !s->m->run.trust->strange) return false;
    *score = cull_policy_get(s->p, CULL_SCORES, n, NULL);
    return *score != NULL;
}

cull_status cull_stream_watch(cull_ctx *cx, cull_stream *s, const cull_watch_opts *o)
{
    const double *score;
    int64_t n;
    cull_watch_summary *w = &s->sum.watch;
    if (s->at_once)
        return cull__fail(cx, CULL_EINPUT,
                          "%s decides about all rows at once; there is no stream to watch",
                          s->m->slug);
    if (s->sum.rows || s->sum.watched)
        return cull__fail(cx, CULL_EINPUT, "a stream is watched from its first row on");
    bool threshold = has_threshold(s, &score, &n);
    if (!threshold) CULL_TRY(cull__roll_begin(cx, s, o->rate, &w->path));
    w->follows = threshold || w->path;
    if (w->follows && o->anew)
        return cull__fail(cx, CULL_EINPUT,
                          "the policy of %s follows the rows; there is nothing to fit anew",
                          s->m->slug);
    if (o->anew) CULL_TRY(cull__anew_new(cx, s->p, o->anew, &s->anew));
    if (threshold) {
        cull_adaptive_opts a = {.rate = o->rate, .window = o->window};
        CULL_TRY(cull_policy_need_number(cx, s->p, "level", &a.alpha));
        CULL_TRY(cull_policy_need_number(cx, s->p, "threshold", &s->fitted));
        CULL_TRY(cull_adaptive_new(cx, &a, score, n, &s->adaptive));
        w->level = a.alpha;
    }
    cull_drift_opts d = {.alarm = o->alarm, .stream = TIES};
    CULL_TRY(cull_drift_new(cx, &d, score, n, &s->drift));
    s->sum.watched = true;
    return CULL_OK;
}

bool cull__watch_row(cull_stream *s, int64_t row, const cull__seen *v)
{
    cull_watch_summary *w = &s->sum.watch;
    int after = w->alarms > 0;
    w->known++;
    w->of[after]++;
    w->missed[after] += v->lost;
    if (!isnan(v->fitted)) {
        w->still_of[after]++;
        w->still[after] += v->fitted;
    }
    bool alarm = !isnan(v->score) && cull_drift_step(s->drift, v->score);
    double most = cull_drift_log10(s->drift);
    if (most > w->most) w->most = most;
    if (!alarm) return false;
    if (w->alarms < CULL_ALARMS) w->at[w->alarms] = row;
    w->alarms++;
    return true;
}

static cull_status room(cull_ctx *cx, int64_t n, cull_decisions *d)
{
    CULL_TRY(CULL_ALLOC(cx, d->level, n));
    return CULL_ALLOC(cx, d->drift, n);
}

/* Rows one after the other: the threshold of each is set by those before it. */
static cull_status thresholds(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                              double *threshold, double *level, double *drift)
{
    double *score;
    const void *raw = cull_opts_raw(s->opts);
    cull_outcomes own = *rows;
    if ((s->m->run.trust->needs & CULL_READS_QUALITY) && !own.quality && own.out && own.truth)
        CULL_TRY(cull__outcomes_quality(cx, &own));
    if (s->m->run.trust->needs & CULL_READS_QUALITY ? !own.quality : !own.truth)
        return cull__fail(cx, CULL_EINPUT,
                          "a stream that is watched wants the truth of rows where it is known "
                          "(--truth)");
    CULL_TRY(CULL_TMP(cx, score, rows->n));
    CULL_TRY(s->m->run.trust->strange(cx, s->p, raw, &own, score));
    for (int64_t i = 0; i < rows->n; i++) {
        threshold[i] = cull_adaptive_threshold(s->adaptive);
        level[i] = cull_adaptive_level(s->adaptive);
        if (!isnan(score[i]))
            cull__watch_row(s, s->sum.rows + i,
                            &(cull__seen){score[i], cull_adaptive_step(s->adaptive, score[i]),
                                          score[i] > s->fitted});
        drift[i] = cull_drift_log10(s->drift);
    }
    s->sum.watch.bound = cull_adaptive_bound(s->adaptive);
    return CULL_OK;
}

cull_status cull__watch_follow(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                               cull_decisions *out)
{
    double *threshold, *level, *drift;
    CULL_TRY(CULL_TMP(cx, threshold, rows->n));
    CULL_TRY(CULL_TMP(cx, level, rows->n));
    CULL_TRY(CULL_TMP(cx, drift, rows->n));
    CULL_TRY(thresholds(cx, s, rows, threshold, level, drift));
    CULL_TRY(s->m->run.trust->at(cx, s->p, cull_opts_raw(s->opts), rows, threshold, out));
    CULL_TRY(room(cx, rows->n, out));
    for (int64_t i = 0; i < rows->n; i++) {
        out->level[i] = level[i];
        out->drift[i] = drift[i];
    }
    return CULL_OK;
}

/* What row i lost by its decision (of an interval, how far its truth is outside), or, where nobody knows of any row, minus how sure it
 * is; NAN = not known. Where answers are kept or not, what matters of a wrong one is how sure it was. */
static double lost(const cull_outcomes *rows, const cull_decisions *d, int64_t i)
{
    double loss = NAN;
    if (d->lo && !d->score) return fmax(d->lo[i] - rows->truth[i], rows->truth[i] - d->hi[i]);
    int k = d->model ? d->model[i] : rows->models == 1 ? 0 : -1;
    if (rows->truth && d->label) {
        if (!isnan(rows->truth[i])) loss = d->label[i] != rows->truth[i];
    } else if (rows->quality && (d->model || k == 0)) {
        if (k >= 0) loss = -rows->quality[k * rows->n + i];
    } else {
        return d->score ? -d->score[i] : NAN;
    }
    if (!d->keep || !d->score || isnan(loss)) return loss;
    return loss == (rows->truth && d->label ? 0 : -1) ? -INFINITY : d->score[i];
}

/* The end of `rows`, from row i on, is decided on by another policy. */
static cull_status decide_again(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows, int64_t i,
                                cull_decisions *out)
{
    cull_decisions d;
    const int64_t n = rows->n - i;
    if (n == 0) return CULL_OK;
    CULL_TRY(cull__stream_decide(cx, s, rows, &d));
    if (out->model) memcpy(out->model + i, d.model + i, (size_t)n * sizeof *d.model);
    if (out->called) memcpy(out->called + i, d.called + i, (size_t)n * sizeof *d.called);
    if (out->cost) memcpy(out->cost + i, d.cost + i, (size_t)n * sizeof *d.cost);
    if (out->label) memcpy(out->label + i, d.label + i, (size_t)n * sizeof *d.label);
    if (out->score) memcpy(out->score + i, d.score + i, (size_t)n * sizeof *d.score);
    if (out->keep) memcpy(out->keep + i, d.keep + i, (size_t)n * sizeof *d.keep);
    if (out->p) memcpy(out->p + i, d.p + i, (size_t)n * sizeof *d.p);
    if (out->lo) memcpy(out->lo + i, d.lo + i, (size_t)n * sizeof *d.lo);
    if (out->hi) memcpy(out->hi + i, d.hi + i, (size_t)n * sizeof *d.hi);
    if (out->set) memcpy(out->set + i * d.classes, d.set + i * d.classes, (size_t)(n * d.classes));
    cull_decisions_free(&d);
    return CULL_OK;
}

cull_status cull__watch_look(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                             cull_decisions *out)
{
    if (out->lo && !out->score && !rows->truth)
        return cull__fail(cx, CULL_EINPUT,
                          "a stream of intervals that is watched wants the truth of rows where it "
                          "is known (--truth)");
    CULL_TRY(CULL_ALLOC(cx, out->drift, rows->n));
    for (int64_t i = 0; i < rows->n; i++) {
        cull__seen v = {lost(rows, out, i), 0, 0};
        bool alarm = !isnan(v.score) && cull__watch_row(s, s->sum.rows + i, &v), fitted = false;
        out->drift[i] = cull_drift_log10(s->drift);
        if (s->anew) CULL_TRY(cull__anew_row(cx, s, rows, i, alarm, &fitted));
        if (fitted) CULL_TRY(decide_again(cx, s, rows, i + 1, out));
    }
    return CULL_OK;
}
