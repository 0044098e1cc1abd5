/* policy_plan.c - what a fit or decisions would hold, told from trials on some of the rows. */
#include "cull/stream.h"
#include "cull/trust.h"
#include "task/policy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRIAL = 8192, TRIALS = 3, BLOCKS = 1 << 19 };

/* Does in cx, of which nothing else is held, what is planned. */
typedef cull_status trial_fn(cull_ctx *cx, const void *arg, const cull_outcomes *rows);
typedef struct {
    trial_fn *run;
    const void *arg;
} trial;

/* Of n rows, evenly. What so few are refused for need not hold of all. */
static cull_status try_some(cull_ctx *cx, const trial *t, const cull_outcomes *rows, int64_t n,
                            bool all, uint64_t *bytes, cull_policy_plan *out)
{
    cull_ctx *own;
    cull_outcomes some;
    int64_t *row;
    CULL_TRY(CULL_TMP(cx, row, n));
    for (int64_t i = 0; i < n; i++) row[i] = (int64_t)((double)i * (double)rows->n / (double)n);
    CULL_TRY(cull_outcomes_gather(cx, rows, row, n, &some));
    CULL_TRY(cull__ctx_like(cx, cull_ctx_seed(cx), &own));
    cull_status s = t->run(own, t->arg, &some);
    *bytes = cull_ctx_peak(own);
    out->tried = n;
    out->refused[0] = 0;
    if (s == CULL_EINPUT && !all) {
        snprintf(out->refused, sizeof out->refused, "%s", cull_error(own));
        s = CULL_OK;
    }
    if (s != CULL_OK) s = cull__fail(cx, s, "%s", cull_error(own));
    cull_ctx_free(own);
    return s;
}

/* Bytes at n: along a parabola through three sizes, up to `bend`; or along a line where they grow no faster, but for the blocks
 * that small scratch is cut from. */
static double grown(const int64_t size[TRIALS], const uint64_t bytes[TRIALS], double bend, double n)
{
    double at[TRIALS], b[TRIALS];
    for (int i = 0; i < TRIALS; i++) at[i] = (double)size[i], b[i] = (double)bytes[i];
    double early = (b[1] - b[0]) / (at[1] - at[0]), late = (b[2] - b[1]) / (at[2] - at[1]);
    double all = (b[2] - b[0]) / (at[2] - at[0]);
    if (late <= 1.25 * early || (late - early) * (at[2] - at[1]) < BLOCKS)
        return b[2] + (n - at[2]) * (all > 0 ? all : 0);
    double square = (late - early) / (at[2] - at[0]), slope = early - square * (at[0] + at[1]);
    double upto = bend > 0 && n > bend ? fmax(bend, at[2]) : n;
    double there = b[2] + (upto - at[2]) * (slope + square * (upto + at[2]));
    return there + (n - upto) * fmax(slope, 0);
}

static cull_status try_sizes(cull_ctx *cx, const trial *t, const cull_outcomes *rows, int64_t n,
                             int64_t most, cull_policy_plan *out)
{
    int64_t size[TRIALS], least = rows->n < most ? rows->n : most;
    uint64_t bytes[TRIALS];
    if (n <= least || least < 1 << TRIALS)
        return try_some(cx, t, rows, rows->n, true, &out->bytes, out);
    for (int i = 0; i < TRIALS; i++) {
        cull__mark_t mark = cull__mark(cx);
        size[i] = least >> (TRIALS - 1 - i);
        CULL_TRY(try_some(cx, t, rows, size[i], false, &bytes[i], out));
        cull__release(cx, mark);
    }
    out->bytes = (uint64_t)grown(size, bytes, out->bend, (double)n);
    return CULL_OK;
}

/* At n rows like these; of up to `most` all are tried. */
static cull_status tell(cull_ctx *cx, const trial *t, const cull_outcomes *rows, int64_t n,
                        int64_t most, cull_policy_plan *out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status s = try_sizes(cx, t, rows, n, most, out);
    cull__release(cx, mark);
    return s;
}

/* ---- a fit ---- */
/* opts, where those that are to be brief have their least value. */
static cull_status briefly(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                           const char *brief, cull_opts **out)
{
    char buf[64];
    size_t n;
    CULL_TRY(cull_opts_new(cx, m, out));
    cull_status s = CULL_OK;
    for (const cull_opt *o = m->opts; s == CULL_OK && opts && o->name; o++)
        s = cull_opts_set(cx, *out, o->name, cull_opts_get(opts, o->name, buf, sizeof buf));
    for (const char *at = brief; s == CULL_OK && at && *at; at += n + (at[n] == ',')) {
        n = strcspn(at, ",");
        for (const cull_opt *o = m->opts; s == CULL_OK && o->name; o++)
            if (strlen(o->name) == n && !memcmp(o->name, at, n))
                s = cull_opts_set(cx, *out, o->name, cull__format_f64(o->lo, buf));
    }
    if (s != CULL_OK) cull_opts_free(*out);
    return s;
}

typedef struct {
    const cull_method *m;
    const cull_opts *opts;
    const char *brief;
    cull__policy_try *fit;
    const void *problem;
} fitting;

static cull_status fit_some(cull_ctx *cx, const void *arg, const cull_outcomes *rows)
{
    const fitting *f = arg;
    cull_opts *o;
    cull_policy *made = NULL;
    CULL_TRY(briefly(cx, f->m, f->opts, f->brief, &o));
    cull_status s = f->fit(cx, f->m, o, f->problem, rows, &made);
    cull_opts_free(o);
    cull_policy_free(made);
    return s;
}

cull_status cull__policy_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                              cull__policy_try *fit, const void *problem, const char *brief,
                              int64_t most, const cull_outcomes *rows, cull_policy_plan *out)
{
    const fitting f = {m, opts, brief, fit, problem};
    const trial t = {fit_some, &f};
    return tell(cx, &t, rows, rows->n, most ? most : TRIAL, out);
}

/* ---- decisions ---- */
typedef struct {
    cull_policy *p;
    const cull_opts *opts;
    bool checked;
} deciding;

static cull_status compare(cull_ctx *cx, const deciding *a, const cull_outcomes *rows,
                           const cull_decisions *d)
{
    cull_compute_verdict *worth;
    cull_trust_verdict held;
    cull_reliability fits;
    if (cull_policy_method(a->p)->task == CULL_TASK_COMPUTE) {
        CULL_TRY(CULL_TMP(cx, worth, 1));
        return cull_compute_judge(cx, d, rows, worth);
    }
    if (cull_trust_calibrates(a->p)) return cull_trust_reliability(cx, a->p, d, rows, &fits);
    return cull_trust_check(cx, a->p, d, rows, &held);
}

static cull_status decide(cull_ctx *cx, const void *arg, const cull_outcomes *rows)
{
    const deciding *a = arg;
    cull_stream *s;
    cull_decisions d;
    CULL_TRY(cull_stream_new(cx, a->p, a->opts, &s));
    cull_status st = cull_stream_next(cx, s, rows, &d);
    if (st == CULL_OK && a->checked) st = compare(cx, a, rows, &d);
    cull_decisions_free(&d);
    cull_stream_free(s);
    return st;
}

cull_status cull_stream_plan(cull_ctx *cx, cull_policy *p, const cull_opts *opts,
                             const cull_outcomes *rows, int64_t n, bool checked,
                             cull_policy_plan *out)
{
    const deciding a = {p, opts, checked};
    const trial t = {decide, &a};
    *out = (cull_policy_plan){0};
    CULL_TRY(cull_outcomes_check(cx, rows));
    return tell(cx, &t, rows, n, TRIAL, out);
}
