/* study_check.c - whether a problem is one, and one for the method. */
#include <math.h>
#include <string.h>

#include "search/study.h"

static const char *name_at(const cull_search_problem *p, int i)
{
    return i < p->objectives ? p->objective[i].name : p->constraint[i - p->objectives];
}

static cull_status check_names(cull_ctx *cx, const cull_search_problem *p)
{
    int n = p->objectives + p->constraints;
    for (int i = 0; i < n; i++) {
        const char *name = name_at(p, i);
        if (!name || !*name)
            return cull__fail(cx, CULL_EINPUT, "%s %d has no name",
                              i < p->objectives ? "objective" : "constraint",
                              i < p->objectives ? i : i - p->objectives);
        for (int j = 0; j < i; j++)
            if (!strcmp(name, name_at(p, j)))
                return cull__fail(cx, CULL_EINPUT, "two objectives or constraints are called '%s'",
                                  name);
        if (cull_space_find(p->space, name) >= 0)
            return cull__fail(cx, CULL_EINPUT,
                              "'%s' is a parameter of the space; an objective or constraint needs "
                              "a name of its own",
                              name);
    }
    return CULL_OK;
}

static cull_status check_limit(cull_ctx *cx, const char *what, double v)
{
    if (isfinite(v) && v >= 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s is %g; it must be at least 0 (0 = %s)", what, v,
                      !strcmp(what, "replicates") ? "1"
                      : !strcmp(what, "retries")  ? "none"
                                                  : "no limit");
}

static cull_status check_stop(cull_ctx *cx, const cull_search_problem *p)
{
    const cull_stop *t = &p->stop;
    if ((unsigned)t->kind > CULL_STOP_HYPERBAND)
        return cull__fail(cx, CULL_EINPUT, "there is no stop rule %d", (int)t->kind);
    if (t->kind == CULL_STOP_NONE) {
        if (!t->anew) return CULL_OK;
        return cull__fail(cx, CULL_EINPUT, "budgets that begin anew need a stop rule with rungs");
    }
    if (t->eta != 0 && !(t->eta > 1 && t->eta <= 1e6))
        return cull__fail(cx, CULL_EINPUT, "eta is %g; it must be above 1", t->eta);
    if (t->first < 0 || t->last < 1 || t->last < t->first)
        return cull__fail(cx, CULL_EINPUT,
                          "a stop rule runs from step %lld to %lld; the last must be given, and be "
                          "at least the first",
                          (long long)t->first, (long long)t->last);
    if (t->kind == CULL_STOP_HALVING && !t->anew)
        return cull__fail(cx, CULL_EINPUT,
                          "a rung of halving waits until it is full, so trials are asked anew with "
                          "budgets: say so, or take asha");
    if (t->kind == CULL_STOP_MEDIAN && t->anew)
        return cull__fail(cx, CULL_EINPUT, "the median rule has no rungs to begin anew at");
    if (p->replicates > 1)
        return cull__fail(cx, CULL_EINPUT, "replicates cannot be had together with a stop rule");
    return CULL_OK;
}

static cull_status check_method(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                                const cull_opts *opts)
{
    if (!m || m->task != CULL_TASK_SEARCH)
        return cull__fail(cx, CULL_EINPUT, "%s is no method of task search", m ? m->slug : "NULL");
    if (opts && cull_opts_method(opts) != m)
        return cull__fail(cx, CULL_EINPUT, "these options are of %s, not of %s",
                          cull_opts_method(opts)->slug, m->slug);
    if (p->objectives > 1 && !(m->flags & CULL_MANY_OBJECTIVES))
        return cull__fail(cx, CULL_EINPUT,
                          "%s takes one objective, not %d; tpe, linas and nsga2 take several",
                          m->slug, p->objectives);
    for (int i = 0; i < cull_space_params(p->space) && (m->flags & CULL_FINITE_ONLY); i++) {
        const cull_space_param *q = cull_space_at(p->space, i);
        if (q->kind == CULL_SPACE_REAL || q->kind == CULL_SPACE_SIMPLEX)
            return cull__fail(cx, CULL_EINPUT,
                              "%s takes parameters with a finite number of values; '%s' has "
                              "infinitely many",
                              m->slug, q->name);
    }
    return CULL_OK;
}

cull_status cull__study_check(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                              const cull_opts *opts)
{
    if (!p->space) return cull__fail(cx, CULL_EINPUT, "the problem has no space");
    if (p->objectives < 1 || p->objectives > CULL_OBJECTIVES)
        return cull__fail(cx, CULL_EINPUT, "a study has 1 to %d objectives, not %d",
                          CULL_OBJECTIVES, p->objectives);
    if (p->constraints < 0 || p->constraints > CULL_OBJECTIVES)
        return cull__fail(cx, CULL_EINPUT, "a study has at most %d constraints, not %d",
                          CULL_OBJECTIVES, p->constraints);
    CULL_TRY(check_names(cx, p));
    CULL_TRY(check_limit(cx, "the budget of trials", (double)p->trials));
    CULL_TRY(check_limit(cx, "the budget of seconds", p->seconds));
    CULL_TRY(check_limit(cx, "the budget of cost", p->cost));
    CULL_TRY(check_limit(cx, "replicates", (double)p->replicates));
    CULL_TRY(check_limit(cx, "retries", (double)p->retries));
    if (p->replicates > INT32_MAX || p->retries > UINT16_MAX)
        return cull__fail(cx, CULL_EINPUT, "replicates or retries are too many");
    if ((unsigned)p->again > CULL_AGAIN_PAID)
        return cull__fail(cx, CULL_EINPUT, "'again' is never, cached or paid, not %d",
                          (int)p->again);
    CULL_TRY(check_stop(cx, p));
    CULL_TRY(check_method(cx, p, m, opts));
    return cull__stats_check(cx, p, m);
}
