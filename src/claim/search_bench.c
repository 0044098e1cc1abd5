/* search_bench.c - methods of task search on tables of known results, over seeds. See cull/bench.h. */
#define _GNU_SOURCE
#include "claim/search_bench.h"
#include "cull/report.h"
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
    return CULL_OK;
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

/* One more evaluation; *best is the first of the best so far, -1 where all failed. ENODATA: the space has no more. */
static cull_status step(cull_study *s, const cull__bench_problem *p, int64_t *best)
{
    cull_trial t;
    CULL_TRY(cull_study_ask(s, &t));
    int64_t at = design_of(p, t.x);
    if (at < 0) return cull_study_tell(s, t.number, &(cull_outcome){.state = CULL_TRIAL_FAILED});
    if (*best < 0 || better(p, at, *best)) *best = at;
    return cull_study_tell(s, t.number,
                           &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &p->value[at]});
}

/* Values at each budget; where the space ends before, what was best then. */
static cull_status run(cull_ctx *cx, const bench *w, cull_study *s, int line, int seed)
{
    const cull_bench *b = w->b;
    const cull_bench_line *l = &b->line[line];
    int64_t done = 0, best = -1;
    double began = processor();
    for (int j = 0; j < b->budgets; j++) {
        for (; done < b->at[j] && !cull_study_done(s); done++) {
            cull_status st = step(s, w->p, &best);
            if (st == CULL_ENODATA) break;
            CULL_TRY(st);
            if (done % 64 == 0) CULL_TRY(cull__tick(cx, 0, 0));
        }
        if (done == 0)
            return cull__fail(cx, CULL_EINPUT, "%s proposes nothing on %s", l->method->slug,
                              w->p->about->name);
        l->regret[j * b->seeds + seed] =
            cull__bench_regret(w->p, best < 0 ? w->p->worst : w->p->value[best]);
        l->test[j * b->seeds + seed] = w->p->test && best >= 0 ? w->p->test[best] : NAN;
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
    (void)lo, (void)hi;
    if (*w->b->line[line].why) return CULL_OK;
    CULL_TRY(cull_study_open(cx, &w->problem, w->method[line], w->opts[line], NULL, &s));
    s->v.seed = w->seed + (uint64_t)seed; /* draws are of it alone, and cx is shared by all seeds */
    cull_status st = run(cx, w, s, line, seed);
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
                      .seeds = o->seeds,
                      .budgets = o->budgets,
                      .lines = lines,
                      .line = (cull_bench_line *)(void *)(block + at),
                      .mem_ = block};
    memcpy(b->at, o->at, sizeof b->at);
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
    cull_objective objective = {"value", .maximize = !p->minimize};
    bench w = {.p = p,
               .problem = {.space = p->space, .objectives = 1, .objective = &objective},
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

/* ---- by name ---- */

static cull_status find(cull_ctx *cx, const char *table, const cull_bench_table **t)
{
    const char *near = NULL;
    *t = cull_bench_find(table, &near);
    if (*t) return CULL_OK;
    if (near)
        return cull__fail(cx, CULL_EINPUT, "there is no table '%.60s'; did you mean %s?", table,
                          near);
    return cull__fail(cx, CULL_EINPUT, "there is no table '%.60s'; the first of %d is %s", table,
                      cull_bench_count(), cull_bench_at(0)->name);
}

static cull_status open_table(cull_ctx *cx, const char *table, const char *dir,
                              cull__bench_problem *p)
{
    const cull_bench_table *t;
    CULL_TRY(find(cx, table, &t));
    return cull__bench_open(cx, t, dir ? dir : "/usr/share/datasets", p);
}

cull_status cull_bench_search(cull_ctx *cx, const char *table, const cull_bench_opts *o,
                              cull_bench **out)
{
    const cull_bench_opts none = CULL_BENCH_OPTS;
    const cull_bench_table *t;
    cull__bench_problem p = {0};
    *out = NULL;
    if (!o) o = &none;
    CULL_TRY(find(cx, table, &t));
    CULL_TRY(check(cx, o)); /* before minutes of reading */
    cull__mark_t mark = cull__mark(cx);
    cull_status s = open_table(cx, table, o->data_dir, &p);
    if (s == CULL_OK) s = cull__bench_run(cx, &p, o, out);
    cull_space_free(p.space);
    cull__release(cx, mark);
    return s;
}

/* ---- a table as JSON ---- */

static void json_params(cull_json *j, const cull_space *s)
{
    cull__json_open(j, '[');
    for (int i = 0; i < cull_space_params(s); i++) {
        const cull_space_param *q = cull_space_at(s, i);
        cull__json_open(j, '{');
        cull__json_key(j, "name"), cull__json_str(j, q->name);
        cull__json_key(j, "kind");
        cull__json_str(j, q->kind == CULL_SPACE_ORDINAL ? "ordinal" : "category");
        cull__json_key(j, "values"), cull__json_open(j, '[');
        for (int64_t k = 0; k < q->n; k++) cull__json_str(j, q->value[k]);
        cull__json_close(j, ']'), cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
}

static void json_values(cull_json *j, const cull__bench_problem *p, const double *v)
{
    cull__json_open(j, '[');
    for (int64_t i = 0; i < p->points; i++) {
        int64_t at = p->row ? p->row[i] : i;
        cull__json_f64(j, at < 0 ? NAN : v[at]);
    }
    cull__json_close(j, ']');
}

static cull_status json_table(cull_ctx *cx, const cull__bench_problem *p, char **out)
{
    cull_json j = {.b = CULL_BUF(cx)};
    char *space;
    CULL_TRY(cull_space_text(cx, p->space, false, &space));
    cull__json_open(&j, '{');
    cull__json_key(&j, "table"), cull__json_str(&j, p->about->name);
    cull__json_key(&j, "unit"), cull__json_str(&j, p->about->unit);
    cull__json_key(&j, "space"), cull__json_str(&j, space);
    cull__json_key(&j, "parameters"), json_params(&j, p->space);
    cull__json_key(&j, "minimize"), cull__json_bool(&j, p->minimize);
    cull__json_key(&j, "ratio"), cull__json_bool(&j, p->ratio);
    cull__json_key(&j, "scale"), cull__json_f64(&j, p->scale);
    cull__json_key(&j, "best"), cull__json_f64(&j, p->best);
    cull__json_key(&j, "worst"), cull__json_f64(&j, p->worst);
    cull__json_key(&j, "value"), json_values(&j, p, p->value);
    if (p->test) cull__json_key(&j, "test"), json_values(&j, p, p->test);
    cull__json_close(&j, '}');
    cull_text_free(space);
    cull_status status = j.b.status;
    if (status == CULL_OK)
        *out = j.b.at;
    else
        cull__buf_free(&j.b);
    return status;
}

cull_status cull_bench_json(cull_ctx *cx, const char *table, const char *data_dir, char **out)
{
    cull__bench_problem p = {0};
    cull__mark_t mark = cull__mark(cx);
    *out = NULL;
    cull_status s = open_table(cx, table, data_dir, &p);
    if (s == CULL_OK) s = json_table(cx, &p, out);
    cull_space_free(p.space);
    cull__release(cx, mark);
    return s;
}

void cull_bench_free(cull_bench *b)
{
    if (b) cull__free(b->mem_);
}
