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
    const double asked[] = {p->budget, p->target, p->delay, p->risk, p->delta};
    CULL_TRY(cull_policy_made_by(cx, out, m, opts, &rows));
    CULL_TRY(cull_policy_put(cx, out, CULL_PROBLEM, 1, 5, asked));
    return m->run.compute->fit(cx, &own, cull_opts_raw(opts), out);
}

cull_status cull_compute_fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                             const cull_compute_problem *p, cull_policy **out)
{
    return cull__policy_fit(cx, CULL_TASK_COMPUTE, m, opts, fit, p, out);
}

static cull_status try_fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                           const void *problem, const cull_outcomes *rows, cull_policy **out)
{
    cull_compute_problem p = *(const cull_compute_problem *)problem;
    p.rows = rows;
    return cull_compute_fit(cx, m, opts, &p, out);
}

cull_status cull_compute_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                              const cull_compute_problem *p, cull_policy_plan *out)
{
    const cull_compute_fns *fns = m->run.compute;
    cull_opts *own = NULL;
    *out = (cull_policy_plan){0};
    CULL_TRY(cull__policy_of(cx, CULL_TASK_COMPUTE, m, opts));
    CULL_TRY(check_problem(cx, p));
    CULL_TRY(cull__outcomes_can(cx, m, fns->needs, p->rows));
    if (!opts) CULL_TRY(cull_opts_new(cx, m, &own));
    if (fns->work) fns->work(p, cull_opts_raw(opts ? opts : own), out);
    cull_opts_free(own);
    return cull__policy_plan(cx, m, opts, try_fit, p, fns->brief, fns->trial, p->rows, out);
}

/* ---- apply ---- */
cull_status cull_compute_apply(cull_ctx *cx, const cull_policy *p, const cull_opts *opts,
                               const cull_outcomes *rows, cull_decisions *out)
{
    /* of task compute nothing is noted in the policy */
    return cull__apply_at_once(cx, CULL_TASK_COMPUTE, (cull_policy *)(uintptr_t)p, opts, rows, out,
                               NULL);
}
