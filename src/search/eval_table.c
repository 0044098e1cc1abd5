/* eval_table.c - the evaluator that looks results up. See cull/evaluate.h. */
#define _GNU_SOURCE
#include "search/eval_table.h"
#include "cull/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct {
    bool busy, stopped;
    int64_t row; /* -1 = it is not in the table */
    int64_t step, last;
    double value[CULL_OBJECTIVES], violation[CULL_OBJECTIVES], cost;
    double way;
    char note[300];
} place;

typedef struct {
    cull_evaluator base;
    cull__known k;
    char *path;
    double *code; /* features */
    place *place;
    int workers, turn;
} table;

static table *table_of(cull_evaluator *e) { return (table *)e; }

/* Column j of the row that stands for a replicate, or the mean of the design's rows. */
static double value_of(const cull__known *k, int64_t first, int64_t replicate, int64_t j)
{
    int64_t n = 0, at = first;
    double sum = 0;
    for (int64_t r = first; r >= 0; r = k->next[r], n++) sum += k->v[r * k->cols + j];
    if (k->o.mean || n == 1) return sum / (double)n;
    for (int64_t i = replicate % n; i > 0; i--) at = k->next[at];
    return k->v[at * k->cols + j];
}

static cull_status missing(cull_ctx *cx, const table *t, place *w, const double *x)
{
    char *text, shown[160];
    CULL_TRY(cull_space_format(cx, t->k.problem->space, x, &text));
    cull__quote(text, strlen(text), shown, sizeof shown);
    cull_text_free(text);
    snprintf(w->note, sizeof w->note, "%.100s has no row of %s", t->k.path, shown);
    return CULL_OK;
}

static cull_status begin(cull_ctx *cx, cull_evaluator *e, int worker, const cull_trial *t)
{
    table *g = table_of(e);
    const cull__known *k = &g->k;
    const cull_search_problem *p = k->problem;
    place *w = &g->place[worker];
    *w = (place){.busy = true, .row = cull__known_find(k, t->x)};
    if (w->row < 0 && k->o.nearest) {
        cull_space_encode(p->space, CULL_ENCODE_ONEHOT, t->x, g->code);
        w->row = cull__known_nearest(k, g->code);
    }
    if (w->row < 0) return missing(cx, g, w, t->x);
    for (int i = 0; i < p->objectives; i++) {
        w->value[i] = value_of(k, w->row, t->replicate, i);
        if (!isfinite(w->value[i]))
            snprintf(w->note, sizeof w->note, "%.100s has no %.40s for it", k->path,
                     p->objective[i].name);
    }
    for (int i = 0; i < p->constraints; i++)
        w->violation[i] = value_of(k, w->row, t->replicate, p->objectives + i);
    if (k->o.cost) w->cost = value_of(k, w->row, t->replicate, p->objectives + p->constraints);
    if (!isfinite(w->cost)) w->cost = 0;
    w->last = t->budget && t->budget < k->o.steps ? t->budget : k->o.steps;
    int64_t way = k->cols - k->o.steps;
    if (t->budget && t->budget < k->o.steps) {
        w->cost *= (double)t->budget / k->o.steps;
        w->value[0] = value_of(k, w->row, t->replicate, way + t->budget - 1);
    }
    return CULL_OK;
}

static void next_of(table *g, int worker, cull__eval_event *ev)
{
    const cull__known *k = &g->k;
    place *w = &g->place[worker];
    *ev = (cull__eval_event){.worker = worker};
    if (w->row >= 0 && !w->stopped && w->step < w->last) {
        w->way = value_of(k, w->row, 0, k->cols - k->o.steps + w->step);
        ev->kind = CULL__EVAL_REPORT;
        ev->step = ++w->step;
        ev->value = &w->way;
        return;
    }
    w->busy = false;
    ev->kind = CULL__EVAL_DONE;
    ev->outcome = (cull_outcome){.state = *w->note ? CULL_TRIAL_FAILED : CULL_TRIAL_DONE,
                                 .value = w->value,
                                 .violation = k->problem->constraints ? w->violation : NULL,
                                 .cost = w->cost,
                                 .note = *w->note ? w->note : NULL};
}

/* Nothing is under way between calls, so there is nothing to wait for. */
static cull_status wait_next(cull_ctx *cx, cull_evaluator *e, double seconds, cull__eval_event *ev)
{
    table *g = table_of(e);
    struct timespec nap = {0, seconds > 0.1 ? 100000000 : (long)(seconds * 1e9)};
    (void)cx;
    *ev = (cull__eval_event){.kind = CULL__EVAL_NONE};
    for (int i = 0; i < g->workers; i++) {
        int at = (g->turn + i) % g->workers;
        if (!g->place[at].busy) continue;
        next_of(g, at, ev);
        g->turn = (at + 1) % g->workers;
        return CULL_OK;
    }
    if (seconds > 0) (void)nanosleep(&nap, NULL);
    return CULL_OK;
}

static void answer(cull_evaluator *e, int worker, bool go)
{
    if (!go) table_of(e)->place[worker].stopped = true;
}

static void end(cull_evaluator *e, bool (*hurry)(void *user), void *user)
{
    table *g = table_of(e);
    (void)hurry, (void)user;
    for (int i = 0; i < g->workers; i++) g->place[i].busy = false;
}

static cull_status start(cull_ctx *cx, cull_evaluator *e, int workers)
{
    table *g = table_of(e);
    if (workers == g->workers) return CULL_OK;
    cull__free(g->place);
    g->place = NULL, g->workers = 0;
    CULL_TRY(CULL_ALLOC(cx, g->place, workers));
    g->workers = workers;
    return CULL_OK;
}

static void table_free(cull_evaluator *e)
{
    table *g = table_of(e);
    cull__known_drop(&g->k);
    cull__free(g->path);
    cull__free(g->code);
    cull__free(g->place);
    cull__free(g);
}

static const cull__eval_fns fns = {start, begin, wait_next, answer, end, table_free};

static cull_status check(cull_ctx *cx, const cull_search_problem *p, const cull_table_opts *o)
{
    if (o->column && o->columns != p->objectives)
        return cull__fail(cx, CULL_EINPUT,
                          "%d columns are named for %d objectives; name one for each, in order",
                          o->columns, p->objectives);
    if (o->steps < 0 || (o->steps && !o->step))
        return cull__fail(cx, CULL_EINPUT, "columns of steps: %d, and none is named", o->steps);
    if (o->steps && p->objectives > 1)
        return cull__fail(cx, CULL_EINPUT,
                          "values on the way are read of one objective, and there are %d",
                          p->objectives);
    return CULL_OK;
}

static cull_status fill(cull_ctx *cx, table *g, const char *path)
{
    CULL_TRY(CULL_ALLOC(cx, g->path, (int64_t)strlen(path) + 1));
    strcpy(g->path, path);
    g->k.path = g->path;
    CULL_TRY(cull__known_read(cx, &g->k));
    return CULL_ALLOC(cx, g->code, g->k.features);
}

cull_status cull_evaluate_table(cull_ctx *cx, const cull_search_problem *p, const char *path,
                                const cull_table_opts *o, cull_evaluator **out)
{
    table *g;
    cull_table_opts none = CULL_TABLE_OPTS;
    *out = NULL;
    if (!o) o = &none;
    CULL_TRY(check(cx, p, o));
    CULL_TRY(CULL_ALLOC(cx, g, 1));
    g->base.fns = &fns;
    g->k.problem = p;
    g->k.o = *o;
    cull_status s = fill(cx, g, path);
    if (s == CULL_OK)
        *out = &g->base;
    else
        table_free(&g->base);
    return s;
}
