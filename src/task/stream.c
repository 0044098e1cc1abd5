/* stream.c - policies applied to rows block by block; what is guaranteed of all of them (cull/stream.h). */
#include "task/stream.h"
#include "task/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void cull_stream_free(cull_stream *s)
{
    if (!s) return;
    cull_drift_free(s->drift);
    cull_adaptive_free(s->adaptive);
    cull_rolling_free(s->rolling);
    cull__anew_free(s->anew);
    cull_opts_free(s->own);
    cull__free(s->hash);
    cull__free(s);
}

/* ---- rows that stand in the calibration too ---- */
/* Where h is, or would be. */
static uint64_t place(const cull_stream *s, uint64_t h)
{
    uint64_t at = h & s->mask;
    while (s->hash[at] && s->hash[at] != h) at = (at + 1) & s->mask;
    return at;
}

static cull_status read_hashes(cull_ctx *cx, cull_stream *s)
{
    int64_t n, slots = 16, alike = 0;
    const double *half = cull_policy_get(s->p, CULL__HASHES, &n, NULL);
    if (!half) return CULL_OK;
    while (slots < 2 * n) slots *= 2;
    CULL_TRY(CULL_ALLOC(cx, s->hash, slots));
    s->mask = (uint64_t)slots - 1;
    for (int64_t i = 0; i < n; i++) {
        uint64_t h = (uint64_t)half[2 * i] << 32 | (uint64_t)half[2 * i + 1];
        alike += h ? s->hash[place(s, h)] == h : s->zero;
        s->zero |= !h;
        if (h) s->hash[place(s, h)] = h;
    }
    s->known = alike <= n / 100; /* else what is known of rows does not tell them apart */
    return CULL_OK;
}

static void count_copies(cull_stream *s, const cull_outcomes *rows)
{
    for (int64_t i = 0; s->known && rows->hash && i < rows->n; i++) {
        uint64_t h = rows->hash[i];
        s->sum.copies += h ? s->hash[place(s, h)] == h : s->zero;
    }
}

/* ---- blocks ---- */
cull_status cull_stream_new(cull_ctx *cx, cull_policy *p, const cull_opts *opts, cull_stream **out)
{
    cull_stream *s;
    char on[64];
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->p = p;
    s->m = cull_policy_method(p);
    cull_status st = cull__policy_opts(cx, p, opts, &s->own, &s->opts);
    if (st == CULL_OK && s->m->task == CULL_TASK_TRUST) st = read_hashes(cx, s);
    if (st != CULL_OK) {
        cull_stream_free(s);
        return st;
    }
    const char *when =
        s->m->task == CULL_TASK_TRUST ? s->m->run.trust->at_once : s->m->run.compute->at_once;
    if (when) s->at_once = !*when || !strcmp(cull_opts_get(s->opts, when, on, sizeof on), "true");
    *out = s;
    return CULL_OK;
}

bool cull_stream_at_once(const cull_stream *s) { return s->at_once; }

cull_status cull__stream_decide(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                                cull_decisions *out)
{
    const void *raw = cull_opts_raw(s->opts);
    cull_policy *p = cull__anew_policy(s->anew);
    if (!p) p = s->p;
    return s->m->task == CULL_TASK_TRUST ? s->m->run.trust->apply(cx, p, raw, rows, out)
                                         : s->m->run.compute->apply(cx, p, raw, rows, out);
}

static cull_status decide(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                          cull_decisions *out)
{
    bool trust = s->m->task == CULL_TASK_TRUST, follows = s->sum.watch.follows;
    cull_outcomes checked;
    CULL_TRY(cull__same_models(cx, s->p, rows));
    CULL_TRY(cull__outcomes_for(
        cx, s->m, trust ? s->m->run.trust->apply_needs : s->m->run.compute->apply_needs, rows,
        &checked));
    if (s->rolling)
        CULL_TRY(cull__roll_follow(cx, s, &checked, out));
    else
        CULL_TRY(follows ? cull__watch_follow(cx, s, &checked, out)
                         : cull__stream_decide(cx, s, &checked, out));
    if (s->sum.watched && !follows) CULL_TRY(cull__watch_look(cx, s, &checked, out));
    return cull__decisions_check(cx, s->m, rows, out);
}

cull_status cull_stream_next(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                             cull_decisions *out)
{
    *out = (cull_decisions){0};
    if (s->at_once && s->sum.rows)
        return cull__fail(cx, CULL_EINPUT,
                          "%s decides about all rows at once; they must come in one block",
                          s->m->slug);
    cull__mark_t mark = cull__mark(cx);
    cull_status st = decide(cx, s, rows, out);
    cull__release(cx, mark);
    if (st != CULL_OK) {
        cull_decisions_free(out);
        return st;
    }
    s->sum.rows += rows->n;
    for (int64_t i = 0; out->keep && i < rows->n; i++) s->sum.kept += out->keep[i];
    count_copies(s, rows);
    return CULL_OK;
}

/* ---- what is guaranteed ---- */
/* An option that is not what it was when the rows were calibrated; NULL = none. */
static cull_status changed_option(cull_ctx *cx, const cull_stream *s, const char **name)
{
    cull_opts *fitted;
    char a[64], b[64];
    *name = NULL;
    CULL_TRY(cull_policy_options(cx, s->p, &fitted));
    for (const cull_opt *o = s->m->opts; o && o->name && !*name; o++)
        if (strcmp(cull_opts_get(fitted, o->name, a, sizeof a),
                   cull_opts_get(s->opts, o->name, b, sizeof b)))
            *name = o->name;
    cull_opts_free(fitted);
    return CULL_OK;
}

/* Why it does not hold is a text of the policy, so that it lives as long. */
cull_status cull_stream_sum(cull_ctx *cx, cull_stream *s, cull_stream_summary *out)
{
    const cull_policy *now = cull__anew_policy(s->anew);
    const cull_guarantee *said = cull_policy_guaranteed(now ? now : s->p);
    const char *name;
    char why[200] = "";
    *out = s->sum;
    if (now) {
        if (said) out->guarantee = *said;
        return CULL_OK;
    }
    if (!said || s->m->task != CULL_TASK_TRUST) return CULL_OK;
    out->guarantee = *said;
    CULL_TRY(changed_option(cx, s, &name));
    if (s->sum.copies)
        snprintf(why, sizeof why,
                 "%" PRId64 " of %" PRId64
                 " rows are copies of calibration rows; leave them out of one",
                 s->sum.copies, s->sum.rows);
    else if (name)
        snprintf(why, sizeof why, "option %s was another one when it was calibrated", name);
    if (!*why) return CULL_OK;
    CULL_TRY(cull_policy_put_text(cx, s->p, "doubt", why));
    out->guarantee.broken = cull_policy_text(s->p, "doubt");
    return CULL_OK;
}

/* ---- all rows in one block ---- */
cull_status cull__apply_at_once(cull_ctx *cx, cull_task task, cull_policy *p, const cull_opts *opts,
                                const cull_outcomes *rows, cull_decisions *out, cull_guarantee *g)
{
    const cull_method *m = cull_policy_method(p);
    cull_stream *s;
    cull_stream_summary sum = {0};
    *out = (cull_decisions){0};
    if (g) *g = sum.guarantee;
    if (m->task != task)
        return cull__fail(cx, CULL_EINPUT, "the policy is of %s, a method of task %s", m->slug,
                          cull_task_name(m->task));
    CULL_TRY(cull_stream_new(cx, p, opts, &s));
    cull_status st = cull_stream_next(cx, s, rows, out);
    if (st == CULL_OK) st = cull_stream_sum(cx, s, &sum);
    cull_stream_free(s);
    if (st != CULL_OK) cull_decisions_free(out);
    if (g) *g = sum.guarantee;
    return st;
}
