/* plan.c - what a run would do, hold and take, before it does it.
 *
 * Bytes come from the library's own plans, phase by phase: the largest of them counts. Seconds come
 * from a short trial: an even sample of the pool goes through the same steps, and each step's time
 * grows with what it depends on. Reading and embedding grow with the records, the reduction of the
 * features with its operations, the method with its operations (or the records) along a straight
 * line through two sizes of sample, so that what it does once is not counted often. */
#include "feature.h"

#include <math.h>
#include <string.h>

enum { SMALL = 2000, LARGE = 6000 };

/* A part of the pool as a problem of its own. */
typedef struct {
    int64_t n, *row, *at; /* rows of the pool; which of the larger sample they are */
    cull_corpus *text;
    cull_pool *pool, *target, *against;
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

/* n of the pool's rows, evenly; or n of another sample's. */
static cull_status sample_rows(cull_job *j, const sample *of, int64_t n, sample *s)
{
    int64_t all = of ? of->n : j->n;
    s->n = n < all ? n : all;
    CULL_TRY(CULL_ALLOC(j->cx, s->row, s->n));
    CULL_TRY(CULL_ALLOC(j->cx, s->at, s->n));
    for (int64_t i = 0; i < s->n; i++) {
        s->at[i] = i * all / s->n;
        s->row[i] = of ? of->row[s->at[i]] : s->at[i];
    }
    return cull__ctx_like(j->cx, cull_ctx_seed(j->cx), &s->cx);
}

static cull_status gather_doubles(cull_job *j, const double *v, const sample *s, double **out)
{
    CULL_TRY(CULL_ALLOC(j->cx, *out, s->n));
    for (int64_t i = 0; i < s->n; i++) (*out)[i] = v[s->row[i]];
    return CULL_OK;
}

static cull_status sample_pool(cull_job *j, const cull_pool *from, const int64_t *row, sample *s)
{
    CULL_TRY(gather(j->cx, from, row, s->n, &s->rows));
    return cull_pool_from(j->cx, s->rows, CULL_F32, s->n, cull_pool_d(from), &s->pool);
}

/* The numbers beside the sample's rows. Quotas and what is avoided cost no time worth a thought. */
static cull_status sample_problem(cull_job *j, const sample *of, sample *s)
{
    const cull_pool *target = of ? of->p.target : s->target ? s->target : j->target;
    s->p = j->p;
    s->p.n = s->n;
    s->p.quota = NULL, s->p.group = NULL, s->p.avoid = NULL, s->p.have = NULL;
    for (int i = 0; i < j->columns; i++) {
        CULL_TRY(gather_doubles(j, j->values[i], s, &s->column[i]));
        s->values[i] = s->column[i];
    }
    s->p.score = (cull_table){s->n, j->columns, j->column, s->values};
    if (j->cost) CULL_TRY(gather_doubles(j, j->cost, s, &s->cost));
    s->p.cost = s->cost;
    double share = (double)s->n / (double)j->n, least = s->cost ? s->cost[0] : 1;
    for (int64_t i = 0; s->cost && i < s->n; i++)
        if (s->cost[i] < least) least = s->cost[i];
    s->p.budget = j->p.budget * share > least ? j->p.budget * share : least;
    if (!s->cost) s->p.budget = floor(s->p.budget);
    if (of && of->pool)
        CULL_TRY(sample_pool(j, of->pool, s->at, s));
    else if (j->pool)
        CULL_TRY(sample_pool(j, j->pool, s->row, s));
    s->p.pool = s->pool;
    s->p.target = target;
    s->p.against = of ? of->p.against : s->against ? s->against : j->against;
    s->p.text = j->p.text ? s->text : NULL;
    return CULL_OK;
}

static void sample_free(sample *s)
{
    cull_pool_free(s->pool);
    cull_pool_free(s->target);
    cull_pool_free(s->against);
    cull_corpus_free(s->text);
    for (int i = 0; i < MAX_COLUMNS; i++) cull__free(s->column[i]);
    cull__free(s->cost), cull__free(s->rows), cull__free(s->row), cull__free(s->at);
    cull_ctx_free(s->cx);
}

/* ---- bytes ---- */

static int64_t target_rows(const cull_job *j)
{
    return j->target_text ? cull_corpus_n(j->target_text) : j->target ? cull_pool_n(j->target) : 0;
}

/* Coverage takes blocks of 4096 kept rows, with products of at most 1024 of them in each worker. */
static uint64_t cover_bytes(cull_job *j, const cull_data_problem *p, int64_t d)
{
    uint64_t k = p->cost || p->budget > (double)p->n ? (uint64_t)p->n : (uint64_t)p->budget;
    if (!p->pool || !p->target) return 0;
    if (k > 4096) k = 4096;
    uint64_t products = 256 * 4 * (k < 1024 ? k : 1024) + 65536;
    return 4 * k * (uint64_t)d + (uint64_t)cull_ctx_threads(j->cx) * products;
}

/* The baselines that a report measures too, and coverage. */
static cull_status plan_judging(cull_job *j, const cull_method *m, const cull_data_problem *p,
                                bool baselines, estimate *e)
{
    cull_plan b;
    for (int i = 0; baselines && i < cull_method_count(); i++) {
        const cull_method *o = cull_method_at(i);
        if (o->task != CULL_TASK_DATA || o == m || !(o->flags & CULL_BASELINE) || job_lacks(j, o))
            continue;
        CULL_TRY(cull_data_plan(j->cx, o, NULL, p, &b));
        if (b.bytes > e->judging) e->judging = b.bytes;
    }
    uint64_t cover = cover_bytes(j, p, e->d);
    if (cover > e->judging) e->judging = cover;
    return CULL_OK;
}

/* Shapes are enough for the library's plan: embeddings that are not made yet are only said to be. */
static cull_status plan_bytes(cull_job *j, const cull_method *m, const cull_opts *opts,
                              bool baselines, estimate *e)
{
    cull_embed_opts o;
    cull_pool *pool = NULL, *target = NULL, *against = NULL;
    static const float none[1];
    int64_t rows = j->target_text ? cull_corpus_n(j->target_text) : 0;
    int64_t away = j->against_text ? cull_corpus_n(j->against_text) : 0;
    cull_status s = embed_settings(j, &o);
    e->d = j->pool ? cull_pool_d(j->pool) : j->embeds ? o.dim : 0;
    cull_data_problem p = j->p;
    if (s == CULL_OK && j->embeds) {
        e->rows = (uint64_t)(j->n + rows + away) * (uint64_t)o.dim * sizeof(float);
        s = cull_pool_from(j->cx, none, CULL_F32, j->n, o.dim, &pool);
        p.pool = pool;
    }
    if (s == CULL_OK && j->embeds && rows) {
        s = cull_pool_from(j->cx, none, CULL_F32, rows, o.dim, &target);
        p.target = target;
    }
    if (s == CULL_OK && j->embeds && away) {
        s = cull_pool_from(j->cx, none, CULL_F32, away, o.dim, &against);
        p.against = against;
    }
    if (s == CULL_OK) s = cull_data_plan(j->cx, m, opts, &p, &e->plan);
    if (s == CULL_OK) s = plan_judging(j, m, &p, baselines, e);
    if (s == CULL_OK && j->embeds) s = cull_embed_plan(j->cx, j->text, &o, rows + away, &e->make);
    cull_pool_free(pool);
    cull_pool_free(target);
    cull_pool_free(against);
    return s;
}

/* The largest of the phases. `open`, `held`: at most while the records were opened, and after; each
 * pass over them later holds about as much again. A method that does not say what it holds is taken
 * to hold what it held in its trial, and a score and a place for each record more. */
static uint64_t most_bytes(const cull_job *j, const sample *s, const estimate *e, uint64_t open,
                           uint64_t held)
{
    uint64_t method = e->plan.bytes, pass = j->text ? open - held : 0;
    if (!method) method = e->trial + 16 * (uint64_t)(j->n - s->n);
    if (e->judging > method) method = e->judging;
    if (pass > method) method = pass;
    uint64_t later = held + e->rows + method;
    if (held + e->make.bytes > later) later = held + e->make.bytes;
    return later > open ? later : open;
}

/* ---- seconds ---- */

/* What failed in the sample's context is told in the job's. */
static cull_status told(cull_job *j, const sample *s, cull_status st)
{
    return st == CULL_OK ? st : cull__fail(j->cx, st, "%s", cull_error(s->cx));
}

/* Features of the sample and of the target, timed: counting words is what planning does too. */
static cull_status try_features(cull_job *j, sample *s, estimate *e)
{
    cull_embed_opts o;
    cull_embed *basis = NULL;
    cull_plan part;
    const cull_corpus *text = s->text;
    CULL_TRY(embed_settings(j, &o));
    double began = cull__now();
    CULL_TRY(told(j, s, cull_embed_plan(s->cx, text, &o, 0, &part)));
    double counted = cull__now();
    CULL_TRY(told(j, s, cull_embed_fit(s->cx, text, &o, &basis)));
    double fitted = cull__now();
    cull_status st = cull_embed_apply(s->cx, basis, text, &s->pool);
    double applied = cull__now();
    if (st == CULL_OK && j->target_text)
        st = cull_embed_apply(s->cx, basis, j->target_text, &s->target);
    if (st == CULL_OK && j->against_text)
        st = cull_embed_apply(s->cx, basis, j->against_text, &s->against);
    cull_embed_free(basis);
    double count = counted - began, reduce = fitted - counted - count;
    double times = (double)j->n / (double)s->n;
    if (reduce < 0) reduce = 0;
    if (part.flops > 0) reduce *= e->make.flops / part.flops;
    e->features = times * (count + applied - fitted) + reduce + (cull__now() - applied);
    return told(j, s, st);
}

/* A short run is timed up to three times, and the fastest counts. */
static cull_status try_method(cull_job *j, const cull_method *m, const cull_opts *opts, sample *s,
                              point *out)
{
    cull_plan part;
    double all = 0;
    CULL_TRY(told(j, s, cull_data_plan(s->cx, m, opts, &s->p, &part)));
    *out = (point){part.flops > 0 ? part.flops : (double)s->n, INFINITY};
    for (int i = 0; i < 3 && all < 0.1; i++) {
        cull_pick k = {0};
        double began = cull__now();
        CULL_TRY(told(j, s, cull_data_pick(s->cx, m, opts, &s->p, &k)));
        double took = cull__now() - began;
        cull_pick_free(&k);
        all += took;
        if (took < out->seconds) out->seconds = took;
    }
    return CULL_OK;
}

/* The seconds at `size` on the line through both points; through the larger one and nothing, where
 * the smaller did not take less. */
static double line(point a, point b, double size)
{
    double slope = (b.seconds - a.seconds) / (b.size - a.size);
    if (!(slope > 0)) slope = b.seconds / b.size;
    return b.seconds + slope * (size - b.size);
}

static cull_status try_smaller(cull_job *j, const cull_method *m, const cull_opts *opts,
                               const sample *s, sample *less, point *out)
{
    CULL_TRY(sample_rows(j, s, SMALL, less));
    if (s->text && (m->flags & CULL_NEEDS_TEXT))
        CULL_TRY(cull_corpus_take(j->cx, s->text, less->at, less->n, &less->text));
    CULL_TRY(sample_problem(j, s, less));
    return try_method(j, m, opts, less, out);
}

static cull_status try_sizes(cull_job *j, const cull_method *m, const cull_opts *opts, sample *s,
                             estimate *e)
{
    sample less = {0};
    point a, b;
    CULL_TRY(sample_problem(j, NULL, s));
    CULL_TRY(try_method(j, m, opts, s, &b));
    e->trial = cull_ctx_peak(s->cx);
    e->method = b.seconds;
    if (s->n == j->n) return CULL_OK;
    cull_status st = try_smaller(j, m, opts, s, &less, &a);
    sample_free(&less);
    if (st == CULL_OK) e->method = line(a, b, e->plan.flops > 0 ? e->plan.flops : (double)j->n);
    return st;
}

static cull_status try_sample(cull_job *j, const cull_method *m, const cull_opts *opts, sample *s,
                              estimate *e)
{
    bool text = j->embeds || (j->p.text && (m->flags & CULL_NEEDS_TEXT));
    CULL_TRY(sample_rows(j, NULL, LARGE, s));
    if (text) CULL_TRY(cull_corpus_take(j->cx, j->text, s->row, s->n, &s->text));
    if (j->embeds) CULL_TRY(try_features(j, s, e));
    return try_sizes(j, m, opts, s, e);
}

cull_status cull_job_estimate(cull_job *j, const cull_method *m, const cull_opts *opts,
                              unsigned flags, cull_estimate *out)
{
    estimate e = {0};
    sample s = {0};
    *out = (cull_estimate){0};
    if (j->task == CULL_TASK_FEATURE) return feature_estimate(j, m, opts, flags, out);
    CULL_TRY(job_open(j, &m, 1, flags & CULL_JOB_FEATURES, true));
    uint64_t open = cull_ctx_peak(j->cx), held = cull_ctx_held(j->cx);
    CULL_TRY(plan_bytes(j, m, opts, flags & CULL_JOB_BASELINES, &e));
    cull_status st = try_sample(j, m, opts, &s, &e);
    if (st == CULL_OK)
        *out = (cull_estimate){.rows = j->n,
                               .targets = target_rows(j),
                               .dim = e.d,
                               .makes_features = j->embeds,
                               .budget = j->budget.text,
                               .cost_unit = j->cost_unit ? j->cost_unit : "examples",
                               .bytes = most_bytes(j, &s, &e, open, held),
                               .passes = e.plan.passes + e.make.passes + 1,
                               .read = j->open_seconds,
                               .features = e.features,
                               .choose = e.method};
    sample_free(&s);
    return st;
}
