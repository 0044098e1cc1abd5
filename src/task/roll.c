/* roll.c - a place on a path of choices that follows what is lost on a stream (cull/stream.h). */
#include "task/policy.h"
#include "task/stream.h"

#include <inttypes.h>
#include <math.h>

cull_status cull__roll_begin(cull_ctx *cx, cull_stream *s, double rate, bool *follows)
{
    const cull_guarantee *g = cull_policy_guaranteed(s->p);
    cull_compute_path path;
    *follows = false;
    if (s->m->task != CULL_TASK_COMPUTE || !s->m->run.compute->path) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull_status st = s->m->run.compute->path(cx, s->p, cull_opts_raw(s->opts), &path);
    *follows = st == CULL_OK && path.places > 0;
    if (*follows) {
        cull_rolling_opts o = {.level = g->level, .rate = rate};
        s->places = path.places;
        s->start = path.start;
        s->reference = path.reference;
        s->sum.watch.level = g->level;
        st = cull_rolling_new(cx, &o, path.loss, path.places, path.start, &s->rolling);
    }
    cull__release(cx, mark);
    return st;
}

/* Decisions at the places that were come to; a block visits few of them. */
typedef struct {
    cull_stream *s;
    const cull_outcomes *rows;
    cull_decisions *of; /* (places): n 0 = not made */
} block;

static cull_status at_place(cull_ctx *cx, block *b, int64_t place, const cull_decisions **d)
{
    cull_stream *s = b->s;
    *d = &b->of[place];
    if (b->of[place].n || !b->rows->n) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull_status st =
        s->m->run.compute->at(cx, s->p, cull_opts_raw(s->opts), b->rows, place, &b->of[place]);
    cull__release(cx, mark);
    return st;
}

/* NAN = it is not known. */
static cull_status lost(cull_ctx *cx, const block *b, const cull_decisions *d, int64_t i, double *v)
{
    const cull_outcomes *o = b->rows;
    double q[2] = {o->quality[d->model[i] * o->n + i],
                   b->s->reference < 0 ? 1 : o->quality[b->s->reference * o->n + i]};
    for (int k = 0; k < 2; k++)
        if (q[k] < 0 || q[k] > 1)
            return cull__fail(cx, CULL_EINPUT,
                              "row %" PRId64 ": the quality of a model is %g; a limit to the risk "
                              "needs it in 0 .. 1",
                              o->first + i, q[k]);
    *v = q[1] - q[0];
    return CULL_OK;
}

static void copy_row(const cull_decisions *from, int64_t i, cull_decisions *to)
{
    to->model[i] = from->model[i];
    to->called[i] = from->called[i];
    to->cost[i] = from->cost[i];
    if (to->label) to->label[i] = from->label[i];
    if (to->score) to->score[i] = from->score[i];
}

static cull_status roll(cull_ctx *cx, block *b, cull_decisions *out)
{
    cull_stream *s = b->s;
    const cull_decisions *first, *now;
    CULL_TRY(at_place(cx, b, s->start, &first));
    CULL_TRY(cull_decisions_new(cx, b->rows->n,
                                CULL_DECIDES_CALLS | (first->label ? CULL_DECIDES_LABEL : 0) |
                                    (first->score ? CULL_DECIDES_SCORE : 0),
                                0, out));
    CULL_TRY(CULL_ALLOC(cx, out->level, b->rows->n));
    CULL_TRY(CULL_ALLOC(cx, out->drift, b->rows->n));
    for (int64_t i = 0; i < b->rows->n; i++) {
        cull__seen v;
        CULL_TRY(at_place(cx, b, cull_rolling_place(s->rolling), &now));
        copy_row(now, i, out);
        out->level[i] = cull_rolling_level(s->rolling);
        CULL_TRY(lost(cx, b, now, i, &v.lost));
        CULL_TRY(lost(cx, b, first, i, &v.fitted));
        v.score = v.fitted;
        if (!isnan(v.lost)) {
            cull_rolling_step(s->rolling, v.lost);
            cull__watch_row(s, s->sum.rows + i, &v);
        }
        out->drift[i] = cull_drift_log10(s->drift);
    }
    s->sum.watch.bound = cull_rolling_bound(s->rolling);
    s->sum.watch.helpless = cull_rolling_helpless(s->rolling);
    return CULL_OK;
}

cull_status cull__roll_follow(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                              cull_decisions *out)
{
    cull_outcomes own = *rows;
    block b = {.s = s, .rows = &own};
    if (!own.quality && own.out && own.truth) CULL_TRY(cull__outcomes_quality(cx, &own));
    if (!own.quality)
        return cull__fail(cx, CULL_EINPUT,
                          "a stream whose choices follow what they lose wants the quality of "
                          "models where it is known (--quality, or --truth beside the outputs)");
    CULL_TRY(CULL_TMP0(cx, b.of, s->places));
    cull_status st = roll(cx, &b, out);
    for (int64_t j = 0; j < s->places; j++) cull_decisions_free(&b.of[j]);
    return st;
}
