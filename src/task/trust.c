/* trust.c - the door to every method of task trust. */
#include "cull/trust.h"
#include "task/policy.h"

/* ---- fit ---- */
static cull_status check_problem(cull_ctx *cx, const cull_method *m, const cull_trust_problem *p)
{
    if (!(p->level > 0 && p->level < 1))
        return cull__fail(cx, CULL_EINPUT, "level %g: it must be between 0 and 1", p->level);
    if (!(p->delta >= 0 && p->delta < 1))
        return cull__fail(cx, CULL_EINPUT, "delta %g: it must be from 0 to below 1", p->delta);
    if (p->delta > 0 && !m->run.trust->delta)
        return cull__fail(cx, CULL_EINPUT,
                          "delta %g: what %s guarantees holds in expectation; leave delta out",
                          p->delta, m->slug);
    return CULL_OK;
}

static cull_status keep_hashes(cull_ctx *cx, const cull_outcomes *rows, cull_policy *p)
{
    double *half;
    if (!rows->hash) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, half, 2 * rows->n));
    for (int64_t i = 0; i < rows->n; i++) {
        half[2 * i] = (double)(rows->hash[i] >> 32);
        half[2 * i + 1] = (double)(rows->hash[i] & 0xFFFFFFFFu);
    }
    return cull_policy_put(cx, p, CULL__HASHES, rows->n, 2, half);
}

static cull_status fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                       const void *problem, cull_policy *out)
{
    const cull_trust_problem *p = problem;
    cull_trust_problem own = *p;
    cull_outcomes rows;
    CULL_TRY(check_problem(cx, m, p));
    CULL_TRY(cull__outcomes_for(cx, m, m->run.trust->needs, p->rows, &rows));
    own.rows = &rows;
    CULL_TRY(cull_policy_made_by(cx, out, m, opts, &rows));
    CULL_TRY(cull_policy_put_number(cx, out, "level", p->level));
    CULL_TRY(cull_policy_put_number(cx, out, "delta", p->delta));
    CULL_TRY(cull_policy_put_number(cx, out, "above", p->above));
    CULL_TRY(keep_hashes(cx, &rows, out));
    return m->run.trust->fit(cx, &own, cull_opts_raw(opts), out);
}

cull_status cull_trust_fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                           const cull_trust_problem *p, cull_policy **out)
{
    return cull__policy_fit(cx, CULL_TASK_TRUST, m, opts, fit, p, out);
}

static cull_status try_fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                           const void *problem, const cull_outcomes *rows, cull_policy **out)
{
    cull_trust_problem p = *(const cull_trust_problem *)problem;
    p.rows = rows;
    return cull_trust_fit(cx, m, opts, &p, out);
}

cull_status cull_trust_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                            const cull_trust_problem *p, cull_policy_plan *out)
{
    *out = (cull_policy_plan){0};
    CULL_TRY(cull__policy_of(cx, CULL_TASK_TRUST, m, opts));
    CULL_TRY(check_problem(cx, m, p));
    CULL_TRY(cull__outcomes_can(cx, m, m->run.trust->needs, p->rows));
    return cull__policy_plan(cx, m, opts, try_fit, p, NULL, 0, p->rows, out);
}

/* ---- apply ---- */
cull_status cull_trust_apply(cull_ctx *cx, cull_policy *p, const cull_opts *opts,
                             const cull_outcomes *rows, cull_decisions *out, cull_guarantee *g)
{
    return cull__apply_at_once(cx, CULL_TASK_TRUST, p, opts, rows, out, g);
}
