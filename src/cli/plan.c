/* plan.c - cull data --plan: what a run would do, hold and take, before it does it.
 *
 * Bytes come from the library's own estimates. Seconds come from a short trial: an even sample of the
 * pool goes through the same steps, and each step's time grows with what it depends on: features
 * with the records (a straight line through two sample sizes), the method with its operations. */
#include "cull/text.h"
#include "problem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL = 2000, LARGE = 6000 };

/* A part of the pool as a problem of its own. */
typedef struct {
    int64_t n, *row;
    char dir[512], file[544];
    cull_corpus *text;
    cull_pool *pool, *target;
    float *rows, *target_rows;
    double *column[MAX_COLUMNS], *cost;
    const double *values[MAX_COLUMNS];
    int32_t *group;
    cull_data_problem p;
    cull_ctx *cx; /* its own, so that its peak is its own */
    double seconds;
    uint64_t peak; /* of making its features */
} sample;

typedef struct {
    double features, method; /* seconds, for the whole pool */
    cull_plan plan;
    uint64_t held, rows, features_most; /* bytes: records; their features; while these are made */
    uint64_t trial;                     /* what the method held in its trial */
    int64_t d;
    bool made; /* the features are made from text */
} estimate;

static int sample_rows(cli *c, const problem *q, int64_t n, sample *s)
{
    s->n = n < q->n ? n : q->n;
    s->row = malloc(((size_t)s->n + 1) * sizeof *s->row);
    if (!s->row) return fail(c, FAILED, "out of memory");
    for (int64_t i = 0; i < s->n; i++) s->row[i] = i * (q->n / s->n);
    return context_for(c, cull_ctx_seed(c->cx), &s->cx);
}

static int sample_text(cli *c, const problem *q, sample *s)
{
    const char *dir = value_of(c, "tmpdir", getenv("TMPDIR")), *path = s->file;
    char e[16];
    snprintf(s->dir, sizeof s->dir, "%s/cull-XXXXXX", dir && *dir ? dir : "/tmp");
    if (!mkdtemp(s->dir)) return fail(c, FAILED, "%s: cannot make a folder", s->dir);
    file_ending(c->input[0], e);
    snprintf(s->file, sizeof s->file, "%s/sample.%s", s->dir, *e ? e : "jsonl");
    TRY(check(c, cull_corpus_write(c->cx, q->text, s->row, s->n, s->file)));
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    o.text = value_of(c, "text", NULL);
    return check(c, cull_corpus_open(c->cx, &o, &s->text));
}

/* Features of the sample and of the target, timed. */
static int sample_features(cli *c, const problem *q, sample *s)
{
    cull_embed_opts o;
    cull_embed *e = NULL;
    double began = seconds_now();
    TRY(embed_settings(c, "embed-", &o));
    int rc = check_in(c, s->cx, cull_embed_fit(s->cx, s->text, &o, &e));
    if (rc == DONE) rc = check_in(c, s->cx, cull_embed_apply(s->cx, e, s->text, &s->pool));
    s->seconds = seconds_now() - began;
    if (rc == DONE && q->target_text)
        rc = check_in(c, s->cx, cull_embed_apply(s->cx, e, q->target_text, &s->target));
    s->peak = cull_ctx_peak(s->cx);
    cull_embed_free(e);
    return rc;
}

static double *gather_doubles(const double *v, const sample *s)
{
    double *out = malloc(((size_t)s->n + 1) * sizeof *out);
    for (int64_t i = 0; out && i < s->n; i++) out[i] = v[s->row[i]];
    return out;
}

/* The numbers beside the sample's rows. Quotas and what is avoided cost no time worth a thought. */
static int sample_problem(cli *c, const problem *q, sample *s)
{
    s->p = q->p;
    s->p.n = s->n;
    s->p.quota = NULL, s->p.group = NULL, s->p.avoid = NULL;
    for (int i = 0; i < q->columns; i++) {
        s->values[i] = s->column[i] = gather_doubles(q->values[i], s);
        if (!s->column[i]) return fail(c, FAILED, "out of memory");
    }
    s->p.score = (cull_table){s->n, q->columns, q->column, s->values};
    if (q->cost && !(s->cost = gather_doubles(q->cost, s))) return fail(c, FAILED, "out of memory");
    s->p.cost = s->cost;
    double share = (double)s->n / (double)q->n, least = s->cost ? s->cost[0] : 1;
    for (int64_t i = 0; s->cost && i < s->n; i++)
        if (s->cost[i] < least) least = s->cost[i];
    s->p.budget = q->p.budget * share > least ? q->p.budget * share : least;
    if (!s->cost) s->p.budget = (double)(int64_t)s->p.budget;
    if (q->pool && !s->pool) {
        s->rows = gather(q->pool, s->row, s->n);
        if (!s->rows) return fail(c, FAILED, "out of memory");
        TRY(check(c,
                  cull_pool_from(c->cx, s->rows, CULL_F32, s->n, cull_pool_d(q->pool), &s->pool)));
    }
    s->p.pool = s->pool;
    s->p.target = s->target ? s->target : q->target;
    s->p.text = q->p.text ? s->text : NULL;
    return DONE;
}

static void sample_free(sample *s)
{
    cull_pool_free(s->pool);
    cull_pool_free(s->target);
    cull_corpus_free(s->text);
    if (s->file[0]) unlink(s->file), rmdir(s->dir);
    for (int i = 0; i < MAX_COLUMNS; i++) free(s->column[i]);
    free(s->cost), free(s->rows), free(s->row);
    cull_ctx_free(s->cx);
}

/* ---- the whole from the sample ---- */

/* Shapes are enough for the library's plan: embeddings that are not made yet are only said to be. */
static int plan_method(cli *c, problem *q, const cull_method *m, const cull_opts *opts, estimate *e)
{
    cull_embed_opts o;
    cull_pool *pool = NULL, *target = NULL;
    static const float none[1];
    TRY(embed_settings(c, "embed-", &o));
    e->made = (m->flags & CULL_NEEDS_POOL) && !q->pool;
    e->d = q->pool ? cull_pool_d(q->pool) : e->made ? o.dim : 0;
    if (e->made) TRY(check(c, cull_pool_from(c->cx, none, CULL_F32, q->n, o.dim, &pool)));
    cull_data_problem p = q->p;
    if (pool) p.pool = pool;
    int rc = DONE;
    if (e->made && q->target_text) {
        int64_t rows = cull_corpus_n(q->target_text);
        rc = check(c, cull_pool_from(c->cx, none, CULL_F32, rows, o.dim, &target));
        p.target = target;
    }
    if (rc == DONE) rc = check(c, cull_data_plan(c->cx, m, opts, &p, &e->plan));
    e->held = cull_ctx_peak(c->cx);
    if (rc == DONE && e->made)
        rc = check(c,
                   cull_embed_plan(c->cx, &o, cull_corpus_bytes(q->text), q->n, &e->features_most));
    e->rows = e->made ? (uint64_t)q->n * (uint64_t)o.dim * sizeof(float) : 0;
    cull_pool_free(pool);
    cull_pool_free(target);
    return rc;
}

/* The value at n of the line through (small, a) and (large, b), never below b. */
static double line(double small, double a, double large, double b, double n)
{
    double slope = (b - a) / (large - small);
    return slope > 0 ? b + slope * (n - large) : b * n / large;
}

static int try_features(cli *c, const problem *q, sample *s, estimate *e)
{
    TRY(sample_text(c, q, s));
    TRY(sample_features(c, q, s));
    e->features = s->seconds;
    double most = (double)s->peak;
    if (s->n < q->n) {
        sample less = {0};
        int rc = sample_rows(c, q, SMALL, &less);
        if (rc == DONE) rc = sample_text(c, q, &less);
        if (rc == DONE) rc = sample_features(c, q, &less);
        double a = (double)less.n, b = (double)s->n, n = (double)q->n;
        e->features = line(a, less.seconds, b, s->seconds, n);
        most = line(a, (double)less.peak, b, (double)s->peak, n);
        sample_free(&less);
        TRY(rc);
    }
    if (most < (double)e->features_most) e->features_most = (uint64_t)most;
    return DONE;
}

static int try_method(cli *c, problem *q, const cull_method *m, const cull_opts *opts, sample *s,
                      estimate *e)
{
    cull_plan part;
    cull_pick k = {0};
    TRY(sample_problem(c, q, s));
    TRY(check_in(c, s->cx, cull_data_plan(s->cx, m, opts, &s->p, &part)));
    double began = seconds_now();
    TRY(check_in(c, s->cx, cull_data_pick(s->cx, m, opts, &s->p, &k)));
    double took = seconds_now() - began, grows = (double)q->n / (double)s->n;
    cull_pick_free(&k);
    if (part.flops > 0 && e->plan.flops > 0) grows = e->plan.flops / part.flops;
    e->method = took * grows;
    e->trial = cull_ctx_peak(s->cx);
    return DONE;
}

/* The largest of its phases. A method that does not say what it holds is taken to hold what it held in
 * its trial, and a score and a place for each record more. */
static uint64_t most_bytes(const problem *q, const sample *s, const estimate *e)
{
    uint64_t method = e->plan.bytes;
    if (!method) method = e->trial + 16 * (uint64_t)(q->n - s->n);
    method += e->rows;
    return e->held + (e->features_most > method ? e->features_most : method);
}

/* ---- said ---- */

static void say(cli *c, const problem *q, const cull_method *m, const estimate *e, double opened,
                uint64_t bytes)
{
    char a[32];
    double all = opened + e->features + e->method;
    if (c->json) {
        printf("{\"method\":\"%s\",\"rows\":%lld,\"dim\":%lld,\"bytes\":%llu,\"passes\":%.1f,"
               "\"seconds\":%.3f}\n",
               m->slug, (long long)q->n, (long long)e->d, (unsigned long long)bytes,
               e->plan.passes + (e->made ? 2 : 0) + 1, all);
        return;
    }
    printf("method    %s\nrows      %lld\n", m->slug, (long long)q->n);
    if (q->target_text || q->target)
        printf("target    %lld\n", (long long)(q->target_text ? cull_corpus_n(q->target_text)
                                                              : cull_pool_n(q->target)));
    if (e->d)
        printf("features  %lld numbers a row%s\n", (long long)e->d,
               e->made ? ", made from the text" : "");
    printf("budget    %s of %s\n", q->budget.text, q->cost_unit ? q->cost_unit : "examples");
    printf("passes    %.0f over the pool\n", e->plan.passes + (e->made ? 2 : 0) + 1);
    printf("memory    at most %s\n", cull_format_bytes(bytes, a));
    printf("time      about %.1f s: %.1f s to read, %.1f s for features, %.1f s for %s\n", all,
           opened, e->features, e->method, m->slug);
}

int plan_say(cli *c, problem *q, const cull_method *m, const cull_opts *opts, double opened)
{
    estimate e = {0};
    sample s = {0};
    TRY(plan_method(c, q, m, opts, &e));
    int rc = sample_rows(c, q, LARGE, &s);
    if (rc == DONE && e.made) rc = try_features(c, q, &s, &e);
    if (rc == DONE && !e.made && q->p.text && (m->flags & CULL_NEEDS_TEXT))
        rc = sample_text(c, q, &s);
    if (rc == DONE) rc = try_method(c, q, m, opts, &s, &e);
    uint64_t bytes = most_bytes(q, &s, &e);
    sample_free(&s);
    progress_end();
    if (rc == DONE) say(c, q, m, &e, opened, bytes);
    return rc;
}
