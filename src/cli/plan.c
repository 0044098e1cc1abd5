/* plan.c - cull data --plan: what a run would do, hold and take, before it does it.
 *
 * Bytes come from the library's own plans, phase by phase: the largest of them counts. Seconds come
 * from a short trial: an even sample of the pool goes through the same steps, and each step's time
 * grows with what it depends on. Reading and embedding grow with the records, the reduction of the
 * features with its operations, the method with its operations (or the records) along a straight
 * line through two sizes of sample, so that what it does once is not counted often. */
#include "cull/text.h"
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL = 2000, LARGE = 6000 };

/* A part of the pool as a problem of its own. */
typedef struct {
    int64_t n, *row, *at; /* rows of the pool; which of the larger sample they are */
    char dir[512], file[544];
    cull_corpus *text;
    cull_pool *pool, *target;
    float *rows;
    double *column[MAX_COLUMNS], *cost;
    const double *values[MAX_COLUMNS];
    cull_data_problem p;
    cull_ctx *cx; /* its own, so that its peak is its own */
} sample;

/* Seconds of a method on a sample, and what they grow with. */
typedef struct {
    double size, seconds;
} point;

typedef struct {
    double features, method; /* seconds, for the whole pool */
    cull_plan make, plan;    /* of the features, beside the records; of the method beside both */
    uint64_t rows;           /* bytes of the features */
    uint64_t judging;        /* bytes of the baselines and of coverage, beside both */
    uint64_t trial;          /* what the method held in its trial */
    int64_t d;
} estimate;

/* ---- the sample ---- */

/* n of q's rows, evenly; or n of another sample's. */
static int sample_rows(cli *c, const problem *q, const sample *of, int64_t n, sample *s)
{
    int64_t all = of ? of->n : q->n;
    s->n = n < all ? n : all;
    s->row = malloc(((size_t)s->n + 1) * sizeof *s->row);
    s->at = malloc(((size_t)s->n + 1) * sizeof *s->at);
    if (!s->row || !s->at) return fail(c, FAILED, "out of memory");
    for (int64_t i = 0; i < s->n; i++) {
        s->at[i] = i * (all / s->n);
        s->row[i] = of ? of->row[s->at[i]] : s->at[i];
    }
    return context_for(c, cull_ctx_seed(c->cx), &s->cx);
}

static int sample_text(cli *c, const cull_corpus *from, sample *s)
{
    const char *dir = value_of(c, "tmpdir", getenv("TMPDIR")), *path = s->file;
    char e[16];
    snprintf(s->dir, sizeof s->dir, "%s/cull-XXXXXX", dir && *dir ? dir : "/tmp");
    if (!mkdtemp(s->dir)) return fail(c, FAILED, "%s: cannot make a folder", s->dir);
    file_ending(c->input[0], e);
    snprintf(s->file, sizeof s->file, "%s/sample.%s", s->dir, *e ? e : "jsonl");
    TRY(check(c, cull_corpus_write(c->cx, from, s->at, s->n, s->file)));
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    o.text = value_of(c, "text", NULL);
    return check(c, cull_corpus_open(c->cx, &o, &s->text));
}

static double *gather_doubles(const double *v, const sample *s)
{
    double *out = malloc(((size_t)s->n + 1) * sizeof *out);
    for (int64_t i = 0; out && i < s->n; i++) out[i] = v[s->row[i]];
    return out;
}

static int sample_pool(cli *c, const cull_pool *from, const int64_t *row, sample *s)
{
    s->rows = gather(from, row, s->n);
    if (!s->rows) return fail(c, FAILED, "out of memory");
    return check(c, cull_pool_from(c->cx, s->rows, CULL_F32, s->n, cull_pool_d(from), &s->pool));
}

/* The numbers beside the sample's rows. Quotas and what is avoided cost no time worth a thought. */
static int sample_problem(cli *c, const problem *q, const sample *of, sample *s)
{
    const cull_pool *target = of ? of->p.target : s->target ? s->target : q->target;
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
    if (of && of->pool)
        TRY(sample_pool(c, of->pool, s->at, s));
    else if (q->pool)
        TRY(sample_pool(c, q->pool, s->row, s));
    s->p.pool = s->pool;
    s->p.target = target;
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
    free(s->cost), free(s->rows), free(s->row), free(s->at);
    cull_ctx_free(s->cx);
}

/* ---- bytes ---- */

static int64_t target_rows(const problem *q)
{
    return q->target_text ? cull_corpus_n(q->target_text) : q->target ? cull_pool_n(q->target) : 0;
}

/* Coverage takes blocks of 4096 kept rows, with products of at most 1024 of them in each worker. */
static uint64_t cover_bytes(cli *c, const cull_data_problem *p, int64_t d)
{
    uint64_t k = p->cost || p->budget > (double)p->n ? (uint64_t)p->n : (uint64_t)p->budget;
    if (!p->pool || !p->target) return 0;
    if (k > 4096) k = 4096;
    uint64_t products = 256 * 4 * (k < 1024 ? k : 1024) + 65536;
    return 4 * k * (uint64_t)d + (uint64_t)cull_ctx_threads(c->cx) * products;
}

/* The baselines that a report measures too, and coverage. */
static int plan_judging(cli *c, const problem *q, const cull_method *m, const cull_data_problem *p,
                        bool baselines, estimate *e)
{
    cull_plan b;
    for (int i = 0; baselines && i < cull_method_count(); i++) {
        const cull_method *o = cull_method_at(i);
        if (o == m || !(o->flags & CULL_BASELINE) || problem_lacks(q, o)) continue;
        TRY(check(c, cull_data_plan(c->cx, o, NULL, p, &b)));
        if (b.bytes > e->judging) e->judging = b.bytes;
    }
    uint64_t cover = cover_bytes(c, p, e->d);
    if (cover > e->judging) e->judging = cover;
    return DONE;
}

/* Shapes are enough for the library's plan: embeddings that are not made yet are only said to be. */
static int plan_bytes(cli *c, problem *q, const cull_method *m, const cull_opts *opts,
                      bool baselines, estimate *e)
{
    cull_embed_opts o;
    cull_pool *pool = NULL, *target = NULL;
    static const float none[1];
    int64_t rows = q->target_text ? cull_corpus_n(q->target_text) : 0;
    int rc = embed_settings(c, "embed-", &o);
    e->d = q->pool ? cull_pool_d(q->pool) : q->embeds ? o.dim : 0;
    cull_data_problem p = q->p;
    if (rc == DONE && q->embeds) {
        e->rows = (uint64_t)(q->n + rows) * (uint64_t)o.dim * sizeof(float);
        rc = check(c, cull_pool_from(c->cx, none, CULL_F32, q->n, o.dim, &pool));
        p.pool = pool;
    }
    if (rc == DONE && q->embeds && rows) {
        rc = check(c, cull_pool_from(c->cx, none, CULL_F32, rows, o.dim, &target));
        p.target = target;
    }
    if (rc == DONE) rc = check(c, cull_data_plan(c->cx, m, opts, &p, &e->plan));
    if (rc == DONE) rc = plan_judging(c, q, m, &p, baselines, e);
    if (rc == DONE && q->embeds) rc = check(c, cull_embed_plan(c->cx, q->text, &o, rows, &e->make));
    cull_pool_free(pool);
    cull_pool_free(target);
    return rc;
}

/* The largest of the phases. `open`, `held`: at most while the records were opened, and after; each
 * pass over them later holds about as much again. A method that does not say what it holds is taken
 * to hold what it held in its trial, and a score and a place for each record more. */
static uint64_t most_bytes(const problem *q, const sample *s, const estimate *e, uint64_t open,
                           uint64_t held)
{
    uint64_t method = e->plan.bytes, pass = q->text ? open - held : 0;
    if (!method) method = e->trial + 16 * (uint64_t)(q->n - s->n);
    if (e->judging > method) method = e->judging;
    if (pass > method) method = pass;
    uint64_t later = held + e->rows + method;
    if (held + e->make.bytes > later) later = held + e->make.bytes;
    return later > open ? later : open;
}

/* ---- seconds ---- */

/* Features of the sample and of the target, timed: counting words is what planning does too. */
static int try_features(cli *c, const problem *q, sample *s, estimate *e)
{
    cull_embed_opts o;
    cull_embed *basis = NULL;
    cull_plan part;
    TRY(embed_settings(c, "embed-", &o));
    double began = seconds_now();
    TRY(check_in(c, s->cx, cull_embed_plan(s->cx, s->text, &o, 0, &part)));
    double counted = seconds_now();
    TRY(check_in(c, s->cx, cull_embed_fit(s->cx, s->text, &o, &basis)));
    double fitted = seconds_now();
    int rc = check_in(c, s->cx, cull_embed_apply(s->cx, basis, s->text, &s->pool));
    double applied = seconds_now();
    if (rc == DONE && q->target_text)
        rc = check_in(c, s->cx, cull_embed_apply(s->cx, basis, q->target_text, &s->target));
    cull_embed_free(basis);
    double count = counted - began, reduce = fitted - counted - count;
    double times = (double)q->n / (double)s->n;
    if (reduce < 0) reduce = 0;
    if (part.flops > 0) reduce *= e->make.flops / part.flops;
    e->features = times * (count + applied - fitted) + reduce + (seconds_now() - applied);
    return rc;
}

/* A short run is timed up to three times, and the fastest counts. */
static int try_method(cli *c, const cull_method *m, const cull_opts *opts, sample *s, point *out)
{
    cull_plan part;
    double all = 0;
    TRY(check_in(c, s->cx, cull_data_plan(s->cx, m, opts, &s->p, &part)));
    *out = (point){part.flops > 0 ? part.flops : (double)s->n, INFINITY};
    for (int i = 0; i < 3 && all < 0.1; i++) {
        cull_pick k = {0};
        double began = seconds_now();
        TRY(check_in(c, s->cx, cull_data_pick(s->cx, m, opts, &s->p, &k)));
        double took = seconds_now() - began;
        cull_pick_free(&k);
        all += took;
        if (took < out->seconds) out->seconds = took;
    }
    return DONE;
}

/* The seconds at `size` on the line through both points; through the larger one and nothing, where
 * the smaller did not take less. */
static double line(point a, point b, double size)
{
    double slope = (b.seconds - a.seconds) / (b.size - a.size);
    if (!(slope > 0)) slope = b.seconds / b.size;
    return b.seconds + slope * (size - b.size);
}

static int try_sizes(cli *c, const problem *q, const cull_method *m, const cull_opts *opts,
                     sample *s, estimate *e)
{
    sample less = {0};
    point a, b;
    TRY(sample_problem(c, q, NULL, s));
    TRY(try_method(c, m, opts, s, &b));
    e->trial = cull_ctx_peak(s->cx);
    e->method = b.seconds;
    if (s->n == q->n) return DONE;
    int rc = sample_rows(c, q, s, SMALL, &less);
    if (rc == DONE && s->text && (m->flags & CULL_NEEDS_TEXT)) rc = sample_text(c, s->text, &less);
    if (rc == DONE) rc = sample_problem(c, q, s, &less);
    if (rc == DONE) rc = try_method(c, m, opts, &less, &a);
    sample_free(&less);
    if (rc == DONE) e->method = line(a, b, e->plan.flops > 0 ? e->plan.flops : (double)q->n);
    return rc;
}

/* ---- said ---- */

static void say(cli *c, const problem *q, const cull_method *m, const estimate *e, double opened,
                uint64_t bytes)
{
    char a[32];
    double all = opened + e->features + e->method;
    double passes = e->plan.passes + e->make.passes + 1;
    if (c->json) {
        printf("{\"method\":\"%s\",\"rows\":%lld,\"dim\":%lld,\"bytes\":%llu,\"passes\":%.1f,"
               "\"seconds\":%.3f}\n",
               m->slug, (long long)q->n, (long long)e->d, (unsigned long long)bytes, passes, all);
        return;
    }
    printf("method    %s\nrows      %lld\n", m->slug, (long long)q->n);
    if (target_rows(q)) printf("target    %lld\n", (long long)target_rows(q));
    if (e->d)
        printf("features  %lld numbers a row%s\n", (long long)e->d,
               q->embeds ? ", made from the text" : "");
    printf("budget    %s of %s\n", q->budget.text, q->cost_unit ? q->cost_unit : "examples");
    printf("passes    %.0f over the pool\n", passes);
    printf("memory    about %s\n", cull_format_bytes(bytes, a));
    printf("time      about %.1f s: %.1f s to read, %.1f s for features, %.1f s for %s\n", all,
           opened, e->features, e->method, m->slug);
}

int plan_say(cli *c, problem *q, const cull_method *m, const cull_opts *opts, bool baselines,
             double opened)
{
    estimate e = {0};
    sample s = {0};
    uint64_t open = cull_ctx_peak(c->cx), held = cull_ctx_held(c->cx);
    TRY(plan_bytes(c, q, m, opts, baselines, &e));
    bool text = q->embeds || (q->p.text && (m->flags & CULL_NEEDS_TEXT));
    int rc = sample_rows(c, q, NULL, LARGE, &s);
    if (rc == DONE && text) rc = sample_text(c, q->text, &s);
    if (rc == DONE && q->embeds) rc = try_features(c, q, &s, &e);
    if (rc == DONE) rc = try_sizes(c, q, m, opts, &s, &e);
    uint64_t bytes = rc == DONE ? most_bytes(q, &s, &e, open, held) : 0;
    sample_free(&s);
    progress_end();
    if (rc == DONE) say(c, q, m, &e, opened, bytes);
    return rc;
}
