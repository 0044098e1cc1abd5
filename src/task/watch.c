/* watch.c - a stream that is watched: alarms, and a threshold that follows (cull/stream.h). */
#include "task/policy.h"
#include "task/stream.h"

#include <inttypes.h>
#include <math.h>

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
    w->follows = has_threshold(s, &score, &n);
    if (w->follows) {
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

/* One row's score came. */
static void look(cull_stream *s, int64_t row, double score, bool missed, bool still)
{
    cull_watch_summary *w = &s->sum.watch;
    int after = w->alarms > 0;
    w->known++;
    w->of[after]++;
    w->missed[after] += missed;
    w->still[after] += still;
    bool alarm = cull_drift_step(s->drift, score);
    double v = cull_drift_log10(s->drift);
    if (v > w->most) w->most = v;
    if (!alarm) return;
    if (w->alarms < CULL_ALARMS) w->at[w->alarms] = row;
    w->alarms++;
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
            look(s, s->sum.rows + i, score[i], cull_adaptive_step(s->adaptive, score[i]),
                 score[i] > s->fitted);
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

/* What row i lost by its decision, or, where nobody knows of any row, minus how sure it is; NAN = not known. */
static double lost(const cull_outcomes *rows, const cull_decisions *d, int64_t i)
{
    if (rows->truth && d->label) return isnan(rows->truth[i]) ? NAN : d->label[i] != rows->truth[i];
    if (rows->quality && d->model)
        return d->model[i] < 0 ? NAN : -rows->quality[d->model[i] * rows->n + i];
    return d->score ? -d->score[i] : NAN;
}

cull_status cull__watch_look(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                             cull_decisions *out)
{
    if (!out->label && !out->model && !out->score)
        return cull__fail(cx, CULL_EINPUT,
                          "there is nothing to watch: the policy of %s holds no scores of its "
                          "calibration rows that a threshold could start from",
                          s->m->slug);
    CULL_TRY(CULL_ALLOC(cx, out->drift, rows->n));
    for (int64_t i = 0; i < rows->n; i++) {
        double v = lost(rows, out, i);
        if (!isnan(v)) look(s, s->sum.rows + i, v, false, false);
        out->drift[i] = cull_drift_log10(s->drift);
    }
    return CULL_OK;
}
