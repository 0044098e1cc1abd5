/* trust.c - the door to every method of task trust. */
#include "cull/trust.h"
#include "task/policy.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hashes of calibration rows, as two columns of 32 bits: every f64 holds them exactly. */
#define HASHES "calibration.rows"

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
    return cull_policy_put(cx, p, HASHES, rows->n, 2, half);
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

/* ---- apply ---- */
/* How many rows are copies of calibration rows. Sorted, both are walked through once. */
static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static cull_status overlap(cull_ctx *cx, const cull_policy *p, const cull_outcomes *rows,
                           int64_t *shared)
{
    int64_t n;
    uint64_t *a, *b;
    const double *half = cull_policy_get(p, HASHES, &n, NULL);
    *shared = 0;
    if (!half || !rows->hash) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, a, n));
    CULL_TRY(CULL_TMP(cx, b, rows->n));
    for (int64_t i = 0; i < n; i++) a[i] = (uint64_t)half[2 * i] << 32 | (uint64_t)half[2 * i + 1];
    memcpy(b, rows->hash, (size_t)rows->n * sizeof *b);
    qsort(a, (size_t)n, sizeof *a, by_hash);
    qsort(b, (size_t)rows->n, sizeof *b, by_hash);
    int64_t alike = 0;
    for (int64_t i = 1; i < n; i++) alike += a[i] == a[i - 1];
    if (alike > n / 100) return CULL_OK; /* what is known of rows does not tell them apart */
    for (int64_t i = 0, k = 0; k < rows->n; k++) {
        while (i < n && a[i] < b[k]) i++;
        *shared += i < n && a[i] == b[k];
    }
    return CULL_OK;
}

/* An option that is not what it was when the rows were calibrated; NULL = none. */
static cull_status changed_option(cull_ctx *cx, const cull_policy *p, const cull_opts *opts,
                                  const char **name)
{
    cull_opts *fitted;
    char a[64], b[64];
    *name = NULL;
    CULL_TRY(cull_policy_options(cx, p, &fitted));
    for (const cull_opt *o = cull_policy_method(p)->opts; o && o->name && !*name; o++)
        if (strcmp(cull_opts_get(fitted, o->name, a, sizeof a),
                   cull_opts_get(opts, o->name, b, sizeof b)))
            *name = o->name;
    cull_opts_free(fitted);
    return CULL_OK;
}

/* What is guaranteed of these rows; why not is a text of the policy, so that it lives as long. */
static cull_status guaranteed(cull_ctx *cx, cull_policy *p, const cull_opts *opts,
                              const cull_outcomes *rows, cull_guarantee *g)
{
    const cull_guarantee *said = cull_policy_guaranteed(p);
    const char *name;
    int64_t shared;
    char why[200] = "";
    if (!said) return CULL_OK;
    *g = *said;
    CULL_TRY(overlap(cx, p, rows, &shared));
    CULL_TRY(changed_option(cx, p, opts, &name));
    if (shared)
        snprintf(why, sizeof why,
                 "%" PRId64 " of %" PRId64
                 " rows are copies of calibration rows; leave them out of one",
                 shared, rows->n);
    else if (name)
        snprintf(why, sizeof why, "option %s was another one when it was calibrated", name);
    if (!*why) return CULL_OK;
    CULL_TRY(cull_policy_put_text(cx, p, "doubt", why));
    g->broken = cull_policy_text(p, "doubt");
    return CULL_OK;
}

cull_status cull_trust_apply(cull_ctx *cx, cull_policy *p, const cull_opts *opts,
                             const cull_outcomes *rows, cull_decisions *out, cull_guarantee *g)
{
    const cull_method *m = cull_policy_method(p);
    const cull_opts *use;
    cull_opts *own;
    cull_outcomes checked;
    cull_guarantee said = {0};
    *out = (cull_decisions){0};
    if (g) *g = said;
    if (m->task != CULL_TASK_TRUST)
        return cull__fail(cx, CULL_EINPUT, "the policy is of %s, a method of task %s", m->slug,
                          cull_task_name(m->task));
    CULL_TRY(cull__policy_opts(cx, p, opts, &own, &use));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__same_models(cx, p, rows);
    if (s == CULL_OK) s = cull__outcomes_for(cx, m, m->run.trust->apply_needs, rows, &checked);
    if (s == CULL_OK) s = m->run.trust->apply(cx, p, cull_opts_raw(use), &checked, out);
    if (s == CULL_OK) s = cull__decisions_check(cx, m, rows, out);
    if (s == CULL_OK) s = guaranteed(cx, p, use, rows, &said);
    cull__release(cx, mark);
    cull_opts_free(own);
    if (s != CULL_OK) {
        cull_decisions_free(out);
        return s;
    }
    if (g) *g = said;
    return CULL_OK;
}
