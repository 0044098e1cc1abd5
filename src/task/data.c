/* data.c - the one door to every method of task data: checks the problem, lends scratch memory,
 * calls the method, checks the result. */
#include "cull/data.h"
#include "base/base.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- the problem ---- */

static cull_status check_column(cull_ctx *cx, const cull_table *t, const char *name, int64_t n)
{
    const double *v = cull_table_col(t, name);
    if (t->n != n)
        return cull__fail(cx, CULL_EINPUT,
                          "the score columns have %" PRId64 " rows, the pool has %" PRId64, t->n,
                          n);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return cull__fail(cx, CULL_EINPUT, "%s[%" PRId64 "] is %s; scores must be finite", name,
                              i, isnan(v[i]) ? "nan" : "infinite");
    return CULL_OK;
}

/* Columns of a comma-separated list: there, as long as the pool, and finite if `values`. */
static cull_status check_columns(cull_ctx *cx, const cull_method *m, const char *list, bool must,
                                 const cull_data_problem *p, bool values)
{
    while (list && *list) {
        char name[64];
        size_t len = strcspn(list, ",");
        if (len >= sizeof name)
            return cull__fail(cx, CULL_EINTERNAL, "%s: a column name is too long", m->slug);
        memcpy(name, list, len);
        name[len] = 0;
        list += len + (list[len] == ',');
        bool has = cull_table_col(&p->score, name) != NULL;
        if (!has && must)
            return cull__fail(cx, CULL_EINPUT, "%s needs a score column '%s'", m->slug, name);
        if (has && values) CULL_TRY(check_column(cx, &p->score, name, p->n));
    }
    return CULL_OK;
}

static cull_status check_limits(cull_ctx *cx, const cull_data_problem *p)
{
    if (p->n < 1) return cull__fail(cx, CULL_EINPUT, "the pool is empty");
    if (!(p->budget > 0) || !isfinite(p->budget))
        return cull__fail(cx, CULL_EINPUT, "budget %g: it must be a finite number above 0",
                          p->budget);
    double least = 1;
    for (int64_t i = 0; p->cost && i < p->n; i++) {
        if (!(p->cost[i] > 0) || !isfinite(p->cost[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "cost[%" PRId64 "] is %g; costs must be finite and above 0", i,
                              p->cost[i]);
        if (i == 0 || p->cost[i] < least) least = p->cost[i];
    }
    if (p->budget < least)
        return cull__fail(cx, CULL_EINPUT,
                          "budget %g is below the cost of any example (the least is %g)", p->budget,
                          least);
    if (p->quota && !p->group) return cull__fail(cx, CULL_EINPUT, "quotas need groups");
    if (p->group && p->groups < 1)
        return cull__fail(cx, CULL_EINPUT, "there are groups, but their number is %d", p->groups);
    for (int64_t i = 0; p->group && i < p->n; i++)
        if (p->group[i] < 0 || p->group[i] >= p->groups)
            return cull__fail(cx, CULL_EINPUT, "group[%" PRId64 "] is %d; it must be 0 to %d", i,
                              p->group[i], p->groups - 1);
    for (int32_t g = 0; p->quota && g < p->groups; g++)
        if (!(p->quota[g] >= 0))
            return cull__fail(cx, CULL_EINPUT, "quota[%d] is %g; it must not be negative", g,
                              p->quota[g]);
    return CULL_OK;
}

static cull_status check_rates(cull_ctx *cx, const cull_data_problem *p)
{
    for (int32_t i = 0; p->rate && i < p->rates; i++)
        if (!(p->rate[i] > 0) || !isfinite(p->rate[i]))
            return cull__fail(cx, CULL_EINPUT, "rate[%d] is %g; rates must be finite and above 0",
                              i, p->rate[i]);
    if (!p->rate || !p->pool || (p->rates > 0 && cull_pool_d(p->pool) % p->rates == 0))
        return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s has rows of %" PRId64 " numbers, which are not %d gradients of one "
                      "length; there must be a rate for each",
                      cull_pool_name(p->pool), cull_pool_d(p->pool), p->rates);
}

static cull_status check_needs(cull_ctx *cx, const cull_method *m, const cull_data_problem *p)
{
    bool target = m->flags & CULL_NEEDS_TARGET;
    if ((m->flags & CULL_NEEDS_POOL) && !p->pool)
        return cull__fail(cx, CULL_EINPUT, "%s needs embeddings of the pool", m->slug);
    if ((m->flags & CULL_NEEDS_POOL) && target && !p->target)
        return cull__fail(cx, CULL_EINPUT, "%s needs target examples (--target)", m->slug);
    if ((m->flags & CULL_NEEDS_TEXT) && !p->text)
        return cull__fail(cx, CULL_EINPUT, "%s needs the pool's text", m->slug);
    if ((m->flags & CULL_NEEDS_TEXT) && target && !p->target_text)
        return cull__fail(cx, CULL_EINPUT, "%s needs target examples as text (--target)", m->slug);
    if (p->pool && cull_pool_n(p->pool) != p->n)
        return cull__fail(cx, CULL_EINPUT, "%s has %" PRId64 " rows, the pool has %" PRId64,
                          cull_pool_name(p->pool), cull_pool_n(p->pool), p->n);
    if (p->text && cull_corpus_n(p->text) != p->n)
        return cull__fail(cx, CULL_EINPUT, "the text has %" PRId64 " rows, the pool has %" PRId64,
                          cull_corpus_n(p->text), p->n);
    if (p->pool && p->target) CULL_TRY(cull_pool_alike(cx, p->pool, p->target));
    if ((m->flags & CULL_NEEDS_AGAINST) && !p->against)
        return cull__fail(cx, CULL_EINPUT, "%s needs examples to stay away from (--against)",
                          m->slug);
    if (p->pool && p->against) CULL_TRY(cull_pool_alike(cx, p->pool, p->against));
    if (p->against && cull_pool_n(p->against) < 1)
        return cull__fail(cx, CULL_EINPUT, "there is no example to stay away from");
    if (p->target && cull_pool_n(p->target) < 1)
        return cull__fail(cx, CULL_EINPUT, "there is no target example");
    if (target && p->target_text && cull_corpus_n(p->target_text) < 1)
        return cull__fail(cx, CULL_EINPUT, "there is no target example");
    for (int64_t i = 0; p->target && p->target_task && i < cull_pool_n(p->target); i++)
        if (p->target_task[i] < 0 || p->target_task[i] >= p->target_tasks)
            return cull__fail(cx, CULL_EINPUT, "target_task[%" PRId64 "] is %d; it must be 0 to %d",
                              i, p->target_task[i], p->target_tasks - 1);
    return CULL_OK;
}

/* values: the numbers in columns and pools too. */
static cull_status check_problem(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                 const cull_data_problem *p, bool values)
{
    if (m->task != CULL_TASK_DATA)
        return cull__fail(cx, CULL_EINPUT, "%s is of task %s, not data", m->slug,
                          cull_task_name(m->task));
    if (opts && cull_opts_method(opts) != m)
        return cull__fail(cx, CULL_EINPUT, "the options are those of %s, not of %s",
                          cull_opts_method(opts)->slug, m->slug);
    CULL_TRY(check_limits(cx, p));
    CULL_TRY(check_columns(cx, m, m->columns, true, p, values));
    CULL_TRY(check_columns(cx, m, m->may, false, p, values));
    CULL_TRY(check_needs(cx, m, p));
    CULL_TRY(check_rates(cx, p));
    if (values && (m->flags & CULL_NEEDS_POOL)) {
        CULL_TRY(cull_pool_check(cx, p->pool));
        if (m->flags & CULL_NEEDS_TARGET) CULL_TRY(cull_pool_check(cx, p->target));
        if (m->flags & CULL_NEEDS_AGAINST) CULL_TRY(cull_pool_check(cx, p->against));
    }
    return CULL_OK;
}

/* ---- the result: a method that breaks its promise is a bug, told as one ---- */

static cull_status check_pick(cull_ctx *cx, const cull_method *m, const cull_data_problem *p,
                              const cull_pick *k)
{
    uint8_t *seen;
    double spent = 0;
    CULL_TRY(CULL_TMP0(cx, seen, p->n));
    for (int64_t i = 0; i < k->n; i++) {
        int64_t r = k->idx[i];
        if (r < 0 || r >= p->n)
            return cull__fail(cx, CULL_EINTERNAL, "%s kept row %" PRId64 " of %" PRId64, m->slug, r,
                              p->n);
        if (seen[r]++)
            return cull__fail(cx, CULL_EINTERNAL, "%s kept row %" PRId64 " twice", m->slug, r);
        if (p->avoid && p->avoid[r])
            return cull__fail(cx, CULL_EINTERNAL, "%s kept row %" PRId64 ", which is to be avoided",
                              m->slug, r);
        if (p->have && p->have[r])
            return cull__fail(cx, CULL_EINTERNAL, "%s kept row %" PRId64 ", which is held already",
                              m->slug, r);
        spent += p->cost ? p->cost[r] : 1;
    }
    if (spent > p->budget || fabs(spent - k->spent) > 1e-9 * (1 + spent))
        return cull__fail(cx, CULL_EINTERNAL, "%s spent %g of %g and said %g", m->slug, spent,
                          p->budget, k->spent);
    return CULL_OK;
}

static uint64_t hash_of(const cull_pick *k)
{
    size_t n = (size_t)k->n;
    return cull__hash64(k->idx, n * sizeof *k->idx,
                        cull__hash64(k->score, n * sizeof *k->score, 1));
}

cull_status cull_data_pick(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                           const cull_data_problem *p, cull_pick *out)
{
    *out = (cull_pick){0};
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, m->slug);
    cull_opts *def = NULL;
    cull_status s = check_problem(cx, m, opts, p, true);
    if (s == CULL_OK && !opts) s = cull_opts_new(cx, m, &def);
    if (s == CULL_OK) s = m->run.data(cx, p, cull_opts_raw(opts ? opts : def), out);
    cull__release(cx, mark);
    bool best_so_far = s == CULL_ECANCEL && (m->flags & CULL_ANYTIME);
    if (s == CULL_OK || best_so_far) {
        cull_status bad = check_pick(cx, m, p, out);
        if (bad != CULL_OK) s = bad, best_so_far = false;
        cull__release(cx, mark);
    }
    s = cull__agree(cx, "the choice", s == CULL_OK ? hash_of(out) : 0, s);
    cull__phase(cx, phase);
    cull_opts_free(def);
    if (s != CULL_OK && !best_so_far) cull_pick_free(out);
    return s;
}

cull_status cull_data_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                           const cull_data_problem *p, cull_plan *out)
{
    *out = (cull_plan){0};
    cull_opts *def = NULL;
    CULL_TRY(check_problem(cx, m, opts, p, false));
    if (!opts) CULL_TRY(cull_opts_new(cx, m, &def));
    if (m->plan.data) m->plan.data(p, cull_opts_raw(opts ? opts : def), cull_ctx_threads(cx), out);
    cull_opts_free(def);
    return CULL_OK;
}
