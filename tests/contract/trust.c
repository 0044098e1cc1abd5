/* trust: what every method of task trust keeps, checked on all that are registered. A method is
 * covered the day its file appears. */
#include "policies.h"

static cull_status fit_by(cull_ctx *cx, const cull_method *m, const cull_opts *o,
                          const cull_outcomes *rows, cull_policy **out)
{
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    p.rows = rows;
    p.delta = m->run.trust->delta ? 0.1 : 0;
    return cull_trust_fit(cx, m, o, &p, out);
}

static cull_status apply_by(cull_ctx *cx, cull_policy *p, const cull_outcomes *rows,
                            cull_decisions *out)
{
    return cull_trust_apply(cx, p, NULL, rows, out, NULL);
}

static cull_status plan_by(cull_ctx *cx, const cull_method *m, const cull_opts *o,
                           const cull_outcomes *rows, cull_policy_plan *out)
{
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    p.rows = rows;
    p.delta = m->run.trust->delta ? 0.1 : 0;
    return cull_trust_plan(cx, m, o, &p, out);
}

POLICIES_TESTS(CULL_TASK_TRUST)
