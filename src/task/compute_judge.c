/* compute_judge.c - what decisions cost and are worth on rows whose outcomes are known. */
#include "base/base.h"
#include "cull/compute.h"
#include "cull/confidence.h"
#include "task/policy.h"

#include <inttypes.h>
#include <math.h>

enum { DRAWS = 2000 };

/* Quality and cost of every row under one way to decide. */
typedef struct {
    double *quality, *cost;
} column;

static double cost_of(const cull_outcomes *o, int k, int64_t i)
{
    return o->cost ? o->cost[k * o->n + i] : o->each ? o->each[k] : 1;
}

/* Where several models answer together only the label says what that is worth. */
static cull_status worth(cull_ctx *cx, const cull_decisions *d, const cull_outcomes *o, int64_t i,
                         double *out)
{
    if (d->label && o->truth && !isnan(o->truth[i])) {
        *out = d->label[i] == o->truth[i];
        return CULL_OK;
    }
    int32_t k = d->model ? d->model[i] : -1;
    if (k < 0 || !o->quality || isnan(o->quality[k * o->n + i]))
        return cull__fail(cx, CULL_EINPUT,
                          "row %" PRId64 ": it is not known what its answer is worth; give the "
                          "quality of models or the truth",
                          i);
    *out = o->quality[k * o->n + i];
    return CULL_OK;
}

typedef struct {
    const cull_outcomes *o;
    const int64_t *group; /* as the bootstrap wants it */
} judging;

static cull_status interval(cull_ctx *cx, const judging *g, cull_interval_of of, const double *a,
                            const double *b, double *value, double *lo, double *hi)
{
    cull_interval_opts opts = {.draws = DRAWS, .group = g->group};
    cull_interval_found v;
    CULL_TRY(cull_interval_rows(cx, of, a, b, g->o->n, &opts, &v));
    *value = v.value;
    *lo = v.lo;
    *hi = v.hi;
    return CULL_OK;
}

static cull_status line_of(cull_ctx *cx, const judging *g, const column *c, const char *what,
                           cull_compute_line *l)
{
    *l = (cull_compute_line){.what = what, .saving = NAN, .saving_lo = NAN, .saving_hi = NAN};
    CULL_TRY(interval(cx, g, CULL_OF_MEAN, c->quality, NULL, &l->quality, &l->quality_lo,
                      &l->quality_hi));
    return interval(cx, g, CULL_OF_MEAN, c->cost, NULL, &l->cost, &l->cost_lo, &l->cost_hi);
}

static cull_status saved(cull_ctx *cx, const judging *g, const column *c, const column *best,
                         cull_compute_line *l)
{
    double value, lo, hi, sum = 0;
    for (int64_t i = 0; i < g->o->n; i++) sum += best->cost[i];
    if (!(sum > 0)) return CULL_OK;
    CULL_TRY(interval(cx, g, CULL_OF_RATIO, c->cost, best->cost, &value, &lo, &hi));
    l->saving = 1 - value;
    l->saving_lo = 1 - hi;
    l->saving_hi = 1 - lo;
    return CULL_OK;
}

static cull_status columns(cull_ctx *cx, const cull_decisions *d, const cull_outcomes *o, column *c)
{
    for (int k = 0; k <= o->models; k++) {
        CULL_TRY(CULL_TMP(cx, c[k].quality, o->n));
        CULL_TRY(CULL_TMP(cx, c[k].cost, o->n));
    }
    for (int64_t i = 0; i < o->n; i++) {
        CULL_TRY(worth(cx, d, o, i, &c[0].quality[i]));
        c[0].cost[i] = d->cost ? d->cost[i] : 0;
        for (int k = 0; o->quality && k < o->models; k++) {
            c[k + 1].quality[i] = o->quality[k * o->n + i];
            c[k + 1].cost[i] = cost_of(o, k, i);
        }
    }
    return CULL_OK;
}

static cull_status judge(cull_ctx *cx, const cull_decisions *d, const cull_outcomes *o,
                         cull_compute_verdict *v)
{
    column c[CULL_MODELS + 1];
    judging g = {o, NULL};
    int64_t *group = NULL;
    if (o->group) CULL_TRY(CULL_TMP(cx, group, o->n));
    for (int64_t i = 0; group && i < o->n; i++) group[i] = o->group[i];
    g.group = group;
    CULL_TRY(columns(cx, d, o, c));
    v->lines = o->quality ? o->models + 1 : 1;
    for (int k = 0; k < v->lines; k++) {
        const char *what = k == 0 ? "policy" : o->name && o->name[k - 1] ? o->name[k - 1] : "";
        CULL_TRY(line_of(cx, &g, &c[k], what, &v->line[k]));
        if (k && (v->best < 1 || v->line[k].quality > v->line[v->best].quality)) v->best = k;
    }
    for (int k = 0; v->best > 0 && k < v->lines; k++)
        CULL_TRY(saved(cx, &g, &c[k], &c[v->best], &v->line[k]));
    for (int64_t i = 0; d->called && i < o->n; i++)
        for (int k = 0; k < o->models; k++) v->share[k] += (double)(d->called[i] >> k & 1);
    for (int k = 0; k < o->models; k++) v->share[k] /= (double)o->n;
    return CULL_OK;
}

cull_status cull_compute_judge(cull_ctx *cx, const cull_decisions *d, const cull_outcomes *rows,
                               cull_compute_verdict *out)
{
    *out = (cull_compute_verdict){.best = -1};
    if (d->n != rows->n)
        return cull__fail(cx, CULL_EINPUT, "decisions about %" PRId64 " rows, outcomes of %" PRId64,
                          d->n, rows->n);
    cull__mark_t mark = cull__mark(cx);
    cull_outcomes known = *rows;
    cull_status s = CULL_OK;
    if (!known.quality && known.out && known.truth) s = cull__outcomes_quality(cx, &known);
    if (s == CULL_OK) s = judge(cx, d, &known, out);
    cull__release(cx, mark);
    return s;
}
