/* compute.c - the door to every method of task compute, and what its decisions are worth. */
#include "cull/compute.h"
#include "task/policy.h"

#include <math.h>

/* ---- fit ---- */
static cull_status check_problem(cull_ctx *cx, const cull_compute_problem *p)
{
    if (!(p->budget >= 0))
        return cull__fail(cx, CULL_EINPUT, "budget %g: the mean cost of a row must be 0 or more",
                          p->budget);
    if (!(p->delay > 0))
        return cull__fail(cx, CULL_EINPUT, "delay %g: it must be above 0", p->delay);
    if (isnan(p->target)) return cull__fail(cx, CULL_EINPUT, "target nan: it must be a number");
    if (!(p->delta >= 0 && p->delta < 1))
        return cull__fail(cx, CULL_EINPUT, "delta %g: it must be from 0 to below 1", p->delta);
    if (!isnan(p->risk) && !(p->risk > 0 && p->risk < 1))
        return cull__fail(cx, CULL_EINPUT, "risk %g: it must be between 0 and 1", p->risk);
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                       const void *problem, cull_policy *out)
{
    const cull_compute_problem *p = problem;
    cull_compute_problem own = *p;
    cull_outcomes rows;
    CULL_TRY(check_problem(cx, p));
    CULL_TRY(cull__outcomes_for(cx, m, m->run.compute->needs, p->rows, &rows));
    own.rows = &rows;
    CULL_TRY(cull_policy_made_by(cx, out, m, opts, &rows));
    return m->run.compute->fit(cx, &own, cull_opts_raw(opts), out);
}

cull_status cull_compute_fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                             const cull_compute_problem *p, cull_policy **out)
{
    return cull__policy_fit(cx, CULL_TASK_COMPUTE, m, opts, fit, p, out);
}

/* ---- apply ---- */
cull_status cull_compute_apply(cull_ctx *cx, const cull_policy *p, const cull_opts *opts,
                               const cull_outcomes *rows, cull_decisions *out)
{
    const cull_method *m = cull_policy_method(p);
    const cull_opts *use;
    cull_opts *own;
    cull_outcomes checked;
    *out = (cull_decisions){0};
    if (m->task != CULL_TASK_COMPUTE)
        return cull__fail(cx, CULL_EINPUT, "the policy is of %s, a method of task %s", m->slug,
                          cull_task_name(m->task));
    CULL_TRY(cull__policy_opts(cx, p, opts, &own, &use));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__same_models(cx, p, rows);
    if (s == CULL_OK) s = cull__outcomes_for(cx, m, m->run.compute->apply_needs, rows, &checked);
    if (s == CULL_OK) s = m->run.compute->apply(cx, p, cull_opts_raw(use), &checked, out);
    if (s == CULL_OK) s = cull__decisions_check(cx, m, rows, out);
    cull__release(cx, mark);
    cull_opts_free(own);
    if (s != CULL_OK) cull_decisions_free(out);
    return s;
}
