/* search_bench.c - methods of task search on tables of known results, over seeds. See cull/bench.h. */
#define _GNU_SOURCE
#include "claim/search_bench.h"
#include "cull/front.h"
#include "cull/search.h"
#include "cull/verdict.h"
#include "num/num.h"
#include "search/study.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { DRAWS = 10000, MOST_SEEDS = 10000 };

/* ---- the table ---- */

int64_t cull__bench_points(const cull_space *s)
{
    int64_t n = 1;
    for (int i = 0; i < cull_space_params(s); i++) n *= cull_space_at(s, i)->n;
    return n;
}

int64_t cull__bench_point(const cull_space *s, const double *x)
{
    int64_t at = 0;
    for (int i = 0; i < cull_space_params(s); i++) {
        const cull_space_param *q = cull_space_at(s, i);
        at = at * q->n + (int64_t)x[q->at];
    }
    return at;
}

void cull__bench_measured(const cull__bench_problem *p, int64_t design, double v[2])
{
    double told = p->value[design];
    v[0] = p->ratio ? log10(told) : told;
    if (!p->minimize) v[0] = -v[0];
    v[1] = p->second[design];
}

/* v: (designs, 2). */
static void place_reference(cull__bench_problem *p, const double *v)
{
    for (int j = 0; j < 2; j++) {
        p->reference[j] = v[j];
        for (int64_t i = 1; i < p->designs; i++)
            p->reference[j] = fmax(p->reference[j], v[2 * i + j]);
    }
}

static cull_status ready_front(cull_ctx *cx, cull__bench_problem *p)
{
    double *v;
    int64_t *front;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, 2 * p->designs));
    CULL_TRY(CULL_TMP(cx, front, p->designs));
    for (int64_t i = 0; i < p->designs; i++) {
        cull__bench_measured(p, i, v + 2 * i);
        if (!isfinite(p->second[i]))
            return cull__fail(cx, CULL_EINPUT, "%s: design %lld has %g as %s; it must be finite",
                              p->about->name, (long long)i, p->second[i], p->about->second);
    }
    CULL_TRY(cull_front_best(cx, v, p->designs, 2, true, front, &p->front));
    if (p->reference[0] == 0 && p->reference[1] == 0) place_reference(p, v);
    CULL_TRY(cull_front_volume(cx, v, p->designs, 2, p->reference, &p->volume, NULL));
    cull__release(cx, mark);
    if (p->volume > 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: its front dominates no volume; a design that is better than the "
                      "reference point in both objectives would",
                      p->about->name);
}

cull_status cull__bench_ready(cull_ctx *cx, cull__bench_problem *p)
{
    p->points = cull__bench_points(p->space);
    if (!p->row) p->designs = p->points;
    p->best = p->worst = p->value[0];
    for (int64_t i = 0; i < p->designs; i++) {
        double v = p->value[i];
        if (!isfinite(v) || (p->ratio && !(v > 0)))
            return cull__fail(cx, CULL_EINPUT, "%s: design %lld has the value %g; it must be %s",
                              p->about->name, (long long)i, v,
                              p->ratio ? "finite and above 0" : "finite");
        p->best = p->minimize ? fmin(p->best, v) : fmax(p->best, v);
        p->worst = p->minimize ? fmax(p->worst, v) : fmin(p->worst, v);
    }
    return p->second ? ready_front(cx, p) : CULL_OK;
}

double cull__bench_regret(const cull__bench_problem *p, double value)
{
    if (p->ratio) return fabs(log10(value / p->best));
    return p->scale * fabs(p->best - value);
}

/* ---- one run ---- */

typedef struct {
    const cull__bench_problem *p;
    cull_search_problem problem;
    const cull_method **method; /* lines: with these options, called so */
    const cull_opts **opts;
    const char **name;
    cull_bench *b;
    double *us; /* of an ask and a tell: (lines, seeds) */
    uint64_t seed;
} bench;

static double processor(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* -1: the table has no such design. */
static int64_t design_of(const cull__bench_problem *p, const double *x)
{
    int64_t at = cull__bench_point(p->space, x);
    return p->row ? p->row[at] : at;
}

static bool better(const cull__bench_problem *p, int64_t a, int64_t b)
{
    return p->minimize ? p->value[a] < p->value[b] : p->value[a] > p->value[b];
}

/* What a run has found. */
typedef struct {
    int64_t best;      /* the first of the best by the first objective, -1: all failed */
    cull_front *front; /* of two objectives */
} finds;

static cull_status find(cull_ctx *cx, const cull__bench_problem *p, int64_t design, finds *f)
{
    double v[2];
    bool joined;
    if (f->best < 0 || better(p, design, f->best)) f->best = design;
    if (!p->second) return CULL_OK;
    cull__bench_measured(p, design, v);
    return cull_front_add(cx, f->front, v, design, &joined);
}

static cull_status lacking(cull_ctx *cx, const cull__bench_problem *p, const finds *f, double *out)
{
    double volume;
    if (p->second) {
        CULL_TRY(cull_front_covered(cx, f->front, &volume));
        *out = 1 - volume / p->volume;
    } else
        *out = cull__bench_regret(p, f->best < 0 ? p->worst : p->value[f->best]);
    return CULL_OK;
}

/* One more evaluation. ENODATA: the space has no more. */
static cull_status step(cull_ctx *cx, cull_study *s, const cull__bench_problem *p, finds *f)
{
    cull_trial t;
    CULL_TRY(cull_study_ask(s, &t));
    int64_t at = design_of(p, t.x);
    if (at < 0) return cull_study_tell(s, t.number, &(cull_outcome){.state = CULL_TRIAL_FAILED});
    CULL_TRY(find(cx, p, at, f));
    const double value[2] = {p->value[at], p->second ? p->second[at] : 0};
    return cull_study_tell(s, t.number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = value});
}

/* Values at each budget; where the space ends before, what was best then. */
static cull_status run(cull_ctx *cx, const bench *w, cull_study *s, finds *f, int line, int seed)
{
    const cull_bench *b = w->b;
    const cull_bench_line *l = &b->line[line];
    int64_t done = 0;
    double began = processor();
    for (int j = 0; j < b->budgets; j++) {
        for (; done < b->at[j] && !cull_study_done(s); done++) {
            cull_status st = step(cx, s, w->p, f);
            if (st == CULL_ENODATA) break;
            CULL_TRY(st);
            if (done % 64 == 0) CULL_TRY(cull__tick(cx, 0, 0));
        }
        if (done == 0)
            return cull__fail(cx, CULL_EINPUT, "%s proposes nothing on %s", l->method->slug,
                              w->p->about->name);
        CULL_TRY(lacking(cx, w->p, f, &l->regret[j * b->seeds + seed]));
        l->test[j * b->seeds + seed] = w->p->test && f->best >= 0 ? w->p->test[f->best] : NAN;
    }
    w->us[line * b->seeds + seed] = 1e6 * (processor() - began) / (double)done;
    return CULL_OK;
}

/* Chunk: (line, seed). */
static cull_status run_one(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const bench *w = arg;
    int line = (int)(chunk / w->b->seeds), seed = (int)(chunk % w->b->seeds);
    cull_study *s;
    finds f = {.best = -1};
    (void)lo, (void)hi;
    if (*w->b->line[line].why) return CULL_OK;
    CULL_TRY(cull_study_open(cx, &w->problem, w->method[line], w->opts[line], NULL, &s));
    s->v.seed = w->seed + (uint64_t)seed; /* draws are of it alone, and cx is shared by all seeds */
    cull_status st = w->p->second ? cull_front_new(cx, 2, w->p->reference, &f.front) : CULL_OK;
    if (st == CULL_OK) st = run(cx, w, s, &f, line, seed);
    cull_front_free(f.front);
    cull_study_free(s);
    return st;
}

/* ---- what comes of the runs ---- */

static cull_status sum_up(cull_ctx *cx, const bench *w, int line)
{
    const cull_bench *b = w->b;
    cull_bench_line *l = &b->line[line];
    double t, df;
    for (int j = 0; j < b->budgets; j++) {
        cull_bench_cell *c = &l->cell[j];
        const double *v = l->regret + j * b->seeds, *random = b->line[0].regret + j * b->seeds;
        cull_rng r = cull__rng_seeded(w->seed, (uint64_t)j);
        *c = (cull_bench_cell){.regret = cull__mean(v, b->seeds),
                               .test = cull__mean(l->test + j * b->seeds, b->seeds),
                               .gain = NAN,
                               .p = NAN};
        CULL_TRY(cull__bootstrap(cx, &r, v, b->seeds, DRAWS, &c->lo, &c->hi));
        if (line == 0) continue;
        c->gain = b->line[0].cell[j].regret - c->regret;
        CULL_TRY(cull_verdict_welch(cx, v, b->seeds, random, b->seeds, &t, &df, &c->p));
    }
    l->ask_us = cull__mean(w->us + line * b->seeds, b->seeds);
    return CULL_OK;
}

/* ---- methods ---- */

/* *why stays "" where it fits. */
static cull_status look_at(cull_ctx *cx, const bench *w, int line)
{
    cull_study *s;
    cull_bench_line *l = &w->b->line[line];
    cull_status st = cull_study_open(cx, &w->problem, l->method, w->opts[line], NULL, &s);
    cull_study_free(s);
    if (st != CULL_EINPUT && st != CULL_EOPTION) return st;
    strncpy(l->why, cull_error(cx), sizeof l->why - 1);
    return CULL_OK;
}

static cull_status add(cull_ctx *cx, bench *w, const cull_method *m, const cull_opts *o,
                       const char *name, int *n)
{
    if (m->task != CULL_TASK_SEARCH)
        return cull__fail(cx, CULL_EINPUT, "%s is a method of task %s", m->slug,
                          cull_task_name(m->task));
    if (!name) name = m->slug;
    if (strlen(name) >= CULL_BENCH_NAME)
        return cull__fail(cx, CULL_EINPUT, "the name '%.40s...' is longer than %d bytes", name,
                          CULL_BENCH_NAME - 1);
    for (int i = 0; i < *n; i++)
        if (!strcmp(w->name[i], name)) return CULL_OK;
    w->method[*n] = m, w->opts[*n] = o, w->name[(*n)++] = name;
    return CULL_OK;
}

static cull_status choose(cull_ctx *cx, bench *w, const cull_bench_opts *o, int *n)
{
    int all = o->method ? o->methods : cull_method_count();
    *n = 0;
    CULL_TRY(CULL_TMP(cx, w->method, all + 1));
    CULL_TRY(CULL_TMP(cx, w->opts, all + 1));
    CULL_TRY(CULL_TMP(cx, w->name, all + 1));
    CULL_TRY(add(cx, w, cull_method_find("random-search", NULL), NULL, NULL, n));
    for (int i = 0; o->method && i < all; i++)
        CULL_TRY(
            add(cx, w, o->method[i], o->opts ? o->opts[i] : NULL, o->name ? o->name[i] : NULL, n));
    for (int i = 0; !o->method && i < all; i++)
        if (cull_method_at(i)->task == CULL_TASK_SEARCH)
            CULL_TRY(add(cx, w, cull_method_at(i), NULL, NULL, n));
    return CULL_OK;
}

/* ---- all of it ---- */

static cull_status check(cull_ctx *cx, const cull_bench_opts *o)
{
    if (o->seeds < 2 || o->seeds > MOST_SEEDS)
        return cull__fail(cx, CULL_EOPTION, "%d seeds; it must be 2 to %d", o->seeds, MOST_SEEDS);
    if (o->budgets < 1 || o->budgets > CULL_BENCH_BUDGETS)
        return cull__fail(cx, CULL_EOPTION, "%d budgets; it must be 1 to %d", o->budgets,
                          CULL_BENCH_BUDGETS);
    for (int j = 0; j < o->budgets; j++)
        if (o->at[j] <= (j ? o->at[j - 1] : 0) || o->at[j] > INT32_MAX)
            return cull__fail(cx, CULL_EOPTION,
                              "budget %d is %lld evaluations; it must be above %lld, at most %d",
                              j + 1, (long long)o->at[j], (long long)(j ? o->at[j - 1] : 0),
                              INT32_MAX);
    return CULL_OK;
}

static void told_reference(const cull__bench_problem *p, double v[2])
{
    double first = p->minimize ? p->reference[0] : -p->reference[0];
    v[0] = p->ratio ? pow(10, first) : first;
    v[1] = p->reference[1];
}

/* One block: the head, its lines, their numbers. */
static cull_status make(cull_ctx *cx, const bench *w, const cull_bench_opts *o, int lines,
                        cull_bench **out)
{
    int64_t each = (int64_t)o->budgets * o->seeds, at = sizeof(cull_bench);
    char *block;
    CULL_TRY(CULL_ALLOC(
        cx, block,
        at + lines * ((int64_t)sizeof(cull_bench_line) + 2 * each * (int64_t)sizeof(double))));
    cull_bench *b = (cull_bench *)(void *)block;
    *b = (cull_bench){.table = w->p->about,
                      .designs = w->p->designs,
                      .best = w->p->best,
                      .front = w->p->front,
                      .seeds = o->seeds,
                      .budgets = o->budgets,
                      .lines = lines,
                      .line = (cull_bench_line *)(void *)(block + at),
                      .mem_ = block};
    memcpy(b->at, o->at, sizeof b->at);
    if (w->p->second) told_reference(w->p, b->reference);
    double *v = (double *)(void *)(b->line + lines);
    for (int i = 0; i < lines; i++, v += 2 * each) {
        b->line[i] = (cull_bench_line){.method = w->method[i], .ask_us = NAN};
        strcpy(b->line[i].name, w->name[i]); /* `add` knows that it fits */
        b->line[i].regret = v, b->line[i].test = v + each;
    }
    *out = b;
    return CULL_OK;
}

static cull_status run_all(cull_ctx *cx, bench *w)
{
    const cull_bench *b = w->b;
    const char *phase = cull__phase(cx, b->table->name);
    cull_status s = CULL_TMP(cx, w->us, (int64_t)b->lines * b->seeds);
    for (int i = 0; s == CULL_OK && i < b->lines; i++) s = look_at(cx, w, i);
    if (s == CULL_OK) s = cull__for(cx, (int64_t)b->lines * b->seeds, 1, run_one, w);
    for (int i = 0; s == CULL_OK && i < b->lines; i++)
        if (!*b->line[i].why) s = sum_up(cx, w, i);
    cull__phase(cx, phase);
    return s;
}

cull_status cull__bench_run(cull_ctx *cx, const cull__bench_problem *p, const cull_bench_opts *o,
                            cull_bench **out)
{
    int lines;
    cull_objective objective[2] = {{"value", .maximize = !p->minimize}, {p->about->second, false}};
    bench w = {
        .p = p,
        .problem = {.space = p->space, .objectives = p->second ? 2 : 1, .objective = objective},
        .seed = cull_ctx_seed(cx)};
    *out = NULL;
    CULL_TRY(check(cx, o));
    w.problem.trials = o->at[o->budgets - 1];
    cull__mark_t mark = cull__mark(cx);
    cull_status s = choose(cx, &w, o, &lines);
    if (s == CULL_OK) s = make(cx, &w, o, lines, &w.b);
    if (s == CULL_OK) s = run_all(cx, &w);
    cull__release(cx, mark);
    if (s == CULL_OK)
        *out = w.b;
    else
        cull_bench_free(w.b);
    return s;
}

cull_status cull_bench_search(cull_ctx *cx, const char *table, const cull_bench_opts *o,
                              cull_bench **out)
{
    const cull_bench_opts none = CULL_BENCH_OPTS;
    const cull_bench_table *t;
    cull__bench_problem p = {0};
    *out = NULL;
    if (!o) o = &none;
    CULL_TRY(cull__bench_named(cx, table, &t));
    CULL_TRY(check(cx, o)); /* before minutes of reading */
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__bench_open(cx, t, o->data_dir, &p);
    if (s == CULL_OK) s = cull__bench_run(cx, &p, o, out);
    cull_space_free(p.space);
    cull__release(cx, mark);
    return s;
}

void cull_bench_free(cull_bench *b)
{
    if (b) cull__free(b->mem_);
}
