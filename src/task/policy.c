/* policy.c - what the doors of compute and trust share. */
#include "task/policy.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *where(const cull_outcomes *o) { return o->where ? o->where : "the rows"; }

/* ---- fit ---- */
cull_status cull__policy_of(cull_ctx *cx, cull_task task, const cull_method *m,
                            const cull_opts *opts)
{
    if (m->task != task)
        return cull__fail(cx, CULL_EINPUT, "%s is a method of task %s, not of %s", m->slug,
                          cull_task_name(m->task), cull_task_name(task));
    if (opts && cull_opts_method(opts) != m)
        return cull__fail(cx, CULL_EINPUT, "these are options of %s, not of %s",
                          cull_opts_method(opts)->slug, m->slug);
    return CULL_OK;
}

cull_status cull__policy_fit(cull_ctx *cx, cull_task task, const cull_method *m,
                             const cull_opts *opts, cull__policy_fill *fill, const void *problem,
                             cull_policy **out)
{
    cull_opts *own = NULL;
    cull_policy *made = NULL;
    *out = NULL;
    CULL_TRY(cull__policy_of(cx, task, m, opts));
    if (!opts) CULL_TRY(cull_opts_new(cx, m, &own));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull_policy_new(cx, &made);
    if (s == CULL_OK) s = fill(cx, m, opts ? opts : own, problem, made);
    cull__release(cx, mark);
    cull_opts_free(own);
    if (s == CULL_OK)
        *out = made;
    else
        cull_policy_free(made);
    return s;
}

/* ---- what a method needs ---- */
static cull_status lacks(cull_ctx *cx, const cull_method *m, const cull_outcomes *o,
                         const char *what)
{
    return cull__fail(cx, CULL_EINPUT, "%s needs %s, and %s has none", m->slug, what, where(o));
}

static cull_status check_needs(cull_ctx *cx, const cull_method *m, unsigned needs,
                               const cull_outcomes *o)
{
    if ((needs & CULL_READS_OUT) && !o->out)
        return lacks(cx, m, o, "what models put out for each class (--logits or --probabilities)");
    if ((needs & CULL_READS_SCORE) && !o->score && !o->out)
        return lacks(cx, m, o, "a score of each model (--score, --logits or --probabilities)");
    if ((needs & CULL_READS_ONLY_SCORE) && !o->score)
        return lacks(cx, m, o, "a score of each model (--score)");
    if ((needs & CULL_READS_QUALITY) && !o->quality && !(o->out && o->truth))
        return lacks(cx, m, o, "what answers are worth (--quality, or --truth beside the outputs)");
    if ((needs & CULL_READS_TRUTH) && !o->truth) return lacks(cx, m, o, "the truth (--truth)");
    if ((needs & CULL_READS_X) && !o->xs)
        return lacks(cx, m, o, "features of the rows (--features, --attributes)");
    if (!(needs & CULL_READS_TRUTH)) return CULL_OK;
    for (int64_t i = 0; i < o->n; i++)
        if (isnan(o->truth[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: row %" PRId64 " has no truth, which %s learns from", where(o),
                              o->first + i, m->slug);
    return CULL_OK;
}

cull_status cull__outcomes_quality(cull_ctx *cx, cull_outcomes *o)
{
    double *q;
    CULL_TRY(CULL_TMP(cx, q, o->models * o->n));
    for (int k = 0; k < o->models; k++)
        for (int64_t i = 0; i < o->n; i++) {
            const float *v = o->out[k] + i * o->classes;
            int32_t best = 0;
            for (int32_t c = 1; c < o->classes; c++)
                if (v[c] > v[best]) best = c;
            q[k * o->n + i] = isnan(o->truth[i]) ? NAN : best == o->truth[i];
        }
    o->quality = q;
    return CULL_OK;
}

cull_status cull__outcomes_can(cull_ctx *cx, const cull_method *m, unsigned needs,
                               const cull_outcomes *rows)
{
    CULL_TRY(cull_outcomes_check(cx, rows));
    return check_needs(cx, m, needs, rows);
}

cull_status cull__outcomes_for(cull_ctx *cx, const cull_method *m, unsigned needs,
                               const cull_outcomes *rows, cull_outcomes *out)
{
    CULL_TRY(cull__outcomes_can(cx, m, needs, rows));
    *out = *rows;
    return (needs & CULL_READS_QUALITY) && !rows->quality ? cull__outcomes_quality(cx, out)
                                                          : CULL_OK;
}

/* ---- what a policy is applied to ---- */
cull_status cull__same_models(cull_ctx *cx, const cull_policy *p, const cull_outcomes *rows)
{
    if (rows->models != cull_policy_models(p))
        return cull__fail(cx, CULL_EINPUT, "%s has %d models, the policy was fitted for %d",
                          where(rows), rows->models, cull_policy_models(p));
    for (int k = 0; rows->name && k < rows->models; k++)
        if (rows->name[k] && strcmp(rows->name[k], cull_policy_model(p, k)))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: model %d is '%s', the policy was fitted for '%s' there; models "
                              "whose columns are called otherwise are named by --models",
                              where(rows), k + 1, rows->name[k], cull_policy_model(p, k));
    return CULL_OK;
}

cull_status cull__policy_opts(cull_ctx *cx, const cull_policy *p, const cull_opts *opts,
                              cull_opts **own, const cull_opts **use)
{
    const cull_method *m = cull_policy_method(p);
    *own = NULL;
    *use = opts;
    if (opts && cull_opts_method(opts) != m)
        return cull__fail(cx, CULL_EINPUT, "these are options of %s, the policy is of %s",
                          cull_opts_method(opts)->slug, m->slug);
    if (opts) return CULL_OK;
    CULL_TRY(cull_policy_options(cx, p, own));
    *use = *own;
    return CULL_OK;
}

/* ---- what a method left ---- */
/* Nobody but a damaged policy says such a thing. */
static cull_status broken(cull_ctx *cx, const cull_method *m, const char *what, int64_t i, double v)
{
    return cull__fail(cx, CULL_EINPUT,
                      "the policy of %s decides on the %s %g in row %" PRId64
                      "; it is damaged, fit it again",
                      m->slug, what, v, i);
}

cull_status cull__decisions_check(cull_ctx *cx, const cull_method *m, const cull_outcomes *rows,
                                  const cull_decisions *d)
{
    if (d->n != rows->n)
        return cull__fail(cx, CULL_EINTERNAL, "%s decided about %" PRId64 " of %" PRId64 " rows",
                          m->slug, d->n, rows->n);
    uint64_t all = rows->models == 64 ? ~(uint64_t)0 : ((uint64_t)1 << rows->models) - 1;
    for (int64_t i = 0; i < d->n; i++) {
        if (d->model && (d->model[i] < -1 || d->model[i] >= rows->models))
            return broken(cx, m, "model", i, d->model[i]);
        if (d->called && (d->called[i] & ~all)) return broken(cx, m, "calls", i, NAN);
        if (d->cost && !(d->cost[i] >= 0)) return broken(cx, m, "cost", i, d->cost[i]);
        if (d->p && !(d->p[i] >= 0 && d->p[i] <= 1)) return broken(cx, m, "p-value", i, d->p[i]);
        if (d->score && isnan(d->score[i])) return broken(cx, m, "score", i, d->score[i]);
        if (d->lo && !(d->lo[i] <= d->hi[i])) return broken(cx, m, "interval from", i, d->lo[i]);
    }
    return CULL_OK;
}
