/* import.c - rows of a table of an earlier study, added as results. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "search/eval_rows.h"
#include "search/study.h"

/* What stands beside the point and the values in what cull writes. */
enum { STATE, COST, BUDGET, MORE };
static const char *const more_name[MORE] = {"state", "cost", "budget"};

typedef struct {
    cull_study *s;
    const char *path;
    int params, values, columns;
    const char **column; /* those that are there; of each, which it is: */
    int *what;           /* parameter, params + value, params + values + more */
    cull__cell *cell;    /* all of them in that order, of the row */
    int *share;          /* params: the shared column that it is of, -1 = it has its own */
    int *active;         /* shared: whose value its cell is in the row, -1 = nobody's yet */
    const char **shared_name;
    int shared;
    double *x;
    bool add; /* else rows are looked at alone */
    int64_t rows;
} import;

static bool taken(const cull_search_problem *p, const char *name)
{
    bool is = cull_space_find(p->space, name) >= 0;
    for (int i = 0; i < p->objectives; i++) is |= !strcmp(p->objective[i].name, name);
    for (int i = 0; i < p->constraints; i++) is |= !strcmp(p->constraint[i], name);
    return is;
}

static const char *name_of(const import *t, int i)
{
    const cull_search_problem *p = &t->s->p;
    if (i < t->params) return cull_space_at(p->space, i)->name;
    i -= t->params;
    if (i < p->objectives) return p->objective[i].name;
    return i < t->values ? p->constraint[i - p->objectives] : more_name[i - t->values];
}

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* What Optuna's trials_dataframe calls it, by the second try: an objective of a study that names its metrics; a parameter
 * that a program drew in a branch, where names have no way down. NULL = nothing else. */
static cull_status optuna_name(cull_ctx *cx, const import *t, int i, bool second, const char **out)
{
    int objectives = t->s->p.objectives;
    const char *plain = name_of(t, i), *last = last_part(plain);
    char *name;
    *out = NULL;
    if (i >= t->params + objectives) return CULL_OK;
    int64_t size = (int64_t)strlen(plain) + 16;
    CULL_TRY(CULL_TMP(cx, name, size));
    if (i < t->params)
        snprintf(name, (size_t)size, "params_%s", second ? last : plain);
    else if (second)
        snprintf(name, (size_t)size, "value%s_%s", objectives == 1 ? "" : "s", plain);
    else if (objectives == 1)
        snprintf(name, (size_t)size, "value");
    else
        snprintf(name, (size_t)size, "values_%d", i - t->params);
    bool anothers = second && i < t->params && (last == plain || taken(&t->s->p, last));
    if (!anothers) *out = name;
    return CULL_OK;
}

/* Several parameters may have their value from it, one at a time: those of other branches. */
static void share(import *t, int param, const char *column)
{
    int k = 0;
    while (k < t->shared && strcmp(t->shared_name[k], column)) k++;
    if (k == t->shared) t->shared_name[t->shared++] = column;
    t->share[param] = k;
}

/* name[i]: what i is called in the table; there[i]: whether it has it. */
static cull_status name_columns(cull_ctx *cx, import *t, int all, const char **name, bool *there)
{
    const char **other;
    bool *has;
    CULL_TRY(CULL_TMP(cx, other, all));
    CULL_TRY(CULL_TMP(cx, has, all));
    for (int i = 0; i < all; i++) name[i] = name_of(t, i);
    CULL_TRY(cull__rows_have(cx, t->path, name, all, there));
    for (int second = 0; second < 2; second++) {
        for (int i = 0; i < all; i++) {
            CULL_TRY(optuna_name(cx, t, i, second, &other[i]));
            if (!other[i]) other[i] = name[i];
        }
        CULL_TRY(cull__rows_have(cx, t->path, other, all, has));
        for (int i = 0; i < all; i++) {
            if (there[i] || !has[i]) continue;
            name[i] = other[i];
            there[i] = true;
            if (second && i < t->params) share(t, i, name[i]);
        }
    }
    return CULL_OK;
}

/* One notice of what was matched by the last part of a name. */
static cull_status tell_shared(cull_ctx *cx, const import *t)
{
    enum { COLUMNS = 6, NAMES = 3 };
    cull_buf b = CULL_BUF(cx);
    for (int k = 0; k < t->shared && k < COLUMNS; k++) {
        int names = 0;
        cull__buf_printf(&b, "%s'%s' as ", k ? ", " : "", t->shared_name[k]);
        for (int i = 0; i < t->params; i++) {
            if (t->share[i] != k || names++ >= NAMES) continue;
            cull__buf_printf(&b, "%s%s", names > 1 ? " or " : "", name_of(t, i));
        }
        if (names > NAMES) cull__buf_printf(&b, " or %d others", names - NAMES);
    }
    if (t->shared > COLUMNS) cull__buf_printf(&b, " and %d more", t->shared - COLUMNS);
    cull_status r = b.status;
    if (r == CULL_OK && t->shared)
        cull__log(cx, CULL_LOG_INFO, "%s: by the last part of a name it reads %s", t->path, b.at);
    cull__buf_free(&b);
    return r;
}

/* Objectives and constraints must be there; the rest may be. */
static cull_status find_columns(cull_ctx *cx, import *t)
{
    int all = t->params + t->values + MORE, found = 0;
    const char **name;
    bool *there;
    CULL_TRY(CULL_TMP(cx, t->column, all));
    CULL_TRY(CULL_TMP(cx, t->what, all));
    CULL_TRY(CULL_TMP(cx, t->cell, all));
    CULL_TRY(CULL_TMP(cx, t->x, t->s->v.width));
    CULL_TRY(CULL_TMP(cx, t->share, t->params));
    CULL_TRY(CULL_TMP(cx, t->active, t->params));
    CULL_TRY(CULL_TMP(cx, t->shared_name, t->params));
    for (int i = 0; i < t->params; i++) t->share[i] = -1;
    CULL_TRY(CULL_TMP(cx, name, all));
    CULL_TRY(CULL_TMP(cx, there, all));
    CULL_TRY(name_columns(cx, t, all, name, there));
    for (int i = 0; i < all; i++) {
        bool value = i >= t->params && i < t->params + t->values;
        t->cell[i] = (cull__cell){.s = ""};
        if (i >= t->params + t->values && taken(&t->s->p, name[i])) continue;
        if (!value && !there[i]) continue;
        found += i < t->params;
        t->column[t->columns] = name[i];
        t->what[t->columns++] = i;
    }
    if (found) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: none of its columns is called as a parameter, as '%.60s'", t->path,
                      name_of(t, 0));
}

/* The sentence of the failure with the place before it. */
static cull_status at_line(cull_ctx *cx, const import *t, int64_t line)
{
    char why[300];
    strncpy(why, cull_error(cx), sizeof why - 1);
    why[sizeof why - 1] = 0;
    return cull__fail(cx, CULL_EINPUT, "%s:%lld: %s", t->path, (long long)line, why);
}

/* Whose value a shared column has: one parameter's that is active. */
static cull_status take(cull_ctx *cx, import *t, int i)
{
    int k = t->share[i];
    if (k < 0) return CULL_OK;
    if (t->active[k] >= 0)
        return cull__fail(cx, CULL_EINPUT, "'%s' would be the value of '%s' and of '%s'",
                          t->shared_name[k], name_of(t, t->active[k]), name_of(t, i));
    t->active[k] = i;
    return CULL_OK;
}

static cull_status wrongly(cull_ctx *cx, const import *t, int i, bool active)
{
    return cull__fail(cx, CULL_EINPUT, "'%s' has %s value, and is %sactive", name_of(t, i),
                      active ? "no" : "a", active ? "" : "not ");
}

/* *whole = false: the trial failed before all of its point was drawn. */
static cull_status point(cull_ctx *cx, import *t, bool failed, bool *whole)
{
    const cull_space *sp = t->s->p.space;
    for (int64_t j = 0; j < t->s->v.width; j++) t->x[j] = NAN;
    for (int k = 0; k < t->shared; k++) t->active[k] = -1;
    for (int i = 0; i < t->params; i++) {
        const cull_space_param *p = cull_space_at(sp, i);
        bool active = cull_space_active(sp, t->x, i), has = t->cell[i].n > 0 || t->cell[i].list;
        if (active && !has && p->role == CULL_SPACE_OPTIONAL)
            t->x[p->at] = 0; /* of before it was there */
        else if (active && !has && failed)
            *whole = false;
        else if (active != has && (active || t->share[i] < 0))
            return wrongly(cx, t, i, active);
        else if (active) {
            CULL_TRY(take(cx, t, i));
            CULL_TRY(cull__rows_set(cx, sp, i, &t->cell[i], t->x));
        }
    }
    for (int i = 0; t->shared && i < t->params; i++)
        if (t->share[i] >= 0 && t->cell[i].n > 0 && t->active[t->share[i]] < 0)
            return wrongly(cx, t, i, false);
    return *whole ? cull_space_check(cx, sp, t->x) : CULL_OK;
}

static cull_status number(cull_ctx *cx, const import *t, int i, double *v)
{
    const cull__cell *c = &t->cell[i];
    char shown[60];
    *v = NAN;
    if (c->n == 0 || cull__parse_f64(c->s, c->n, v)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "'%s' is no number: '%s'", name_of(t, i),
                      cull__quote(c->s, c->n, shown, sizeof shown));
}

/* What became of a trial, in cull's words and in those of Optuna's trials_dataframe; any other word says nothing. */
static const struct {
    const char *word;
    cull_trial_state state; /* RUNNING: no outcome of a whole evaluation */
} states[] = {{"running", CULL_TRIAL_RUNNING}, {"waiting", CULL_TRIAL_RUNNING},
              {"stopped", CULL_TRIAL_RUNNING}, {"pruned", CULL_TRIAL_RUNNING},
              {"failed", CULL_TRIAL_FAILED},   {"fail", CULL_TRIAL_FAILED},
              {"lost", CULL_TRIAL_FAILED},     {"timeout", CULL_TRIAL_TIMEOUT}};

static cull_trial_state state_of(const char *word)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (!strcasecmp(states[i].word, word)) return states[i].state;
    return CULL_TRIAL_DONE;
}

/* *whole = false: the row is of no whole evaluation, and is passed over. */
static cull_status outcome(cull_ctx *cx, const import *t, double *value, double *violation,
                           cull_outcome *o, bool *whole)
{
    const cull_search_problem *p = &t->s->p;
    int more = t->params + t->values;
    cull_trial_state state = state_of(t->cell[more + STATE].s);
    double budget;
    *o = (cull_outcome){.state = CULL_TRIAL_DONE, .value = value, .violation = violation};
    CULL_TRY(number(cx, t, more + COST, &o->cost));
    CULL_TRY(number(cx, t, more + BUDGET, &budget));
    if (!(o->cost >= 0 && isfinite(o->cost))) o->cost = 0;
    *whole = state != CULL_TRIAL_RUNNING && !(budget > 0 && budget != (double)p->stop.last);
    for (int j = 0; j < p->objectives; j++) {
        CULL_TRY(number(cx, t, t->params + j, &value[j]));
        if (!isfinite(value[j])) o->state = CULL_TRIAL_FAILED;
    }
    for (int j = 0; j < p->constraints; j++) {
        CULL_TRY(number(cx, t, t->params + p->objectives + j, &violation[j]));
        if (isnan(violation[j])) o->state = CULL_TRIAL_FAILED;
    }
    if (state != CULL_TRIAL_DONE) o->state = state;
    return CULL_OK;
}

/* In a store all rows are one group. */
static cull_status add(import *t, const cull_outcome *o, int64_t k)
{
    cull__event e = {.kind = CULL__ADDED, .x = t->x, .trial = t->s->trials + k};
    if (!t->s->store) return cull_study_add(t->s, t->x, o, NULL);
    if (e.trial >= INT32_MAX - 1)
        return cull__fail(t->s->cx, CULL_EINPUT, "a study has at most 2^31 - 2 trials");
    CULL_TRY(cull__study_outcome(t->s, o, &e));
    return cull__study_write(t->s, &e, k);
}

static cull_status row(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell)
{
    import *t = user;
    double value[CULL_OBJECTIVES], violation[CULL_OBJECTIVES];
    cull_outcome o;
    bool whole;
    for (int k = 0; k < t->columns; k++) t->cell[t->what[k]] = cell[k];
    cull_status r = outcome(cx, t, value, violation, &o, &whole);
    if (r == CULL_OK && whole) r = point(cx, t, o.state != CULL_TRIAL_DONE, &whole);
    if (r == CULL_EINPUT) return at_line(cx, t, line);
    CULL_TRY(r);
    return t->add && whole ? add(t, &o, t->rows++) : CULL_OK;
}

static cull_status read_all(cull_ctx *cx, import *t)
{
    CULL_TRY(find_columns(cx, t));
    CULL_TRY(tell_shared(cx, t));
    CULL_TRY(cull__rows_read(cx, t->path, t->column, t->columns, row, t));
    t->add = true;
    bool group = t->s->store != NULL;
    if (group) CULL_TRY(cull__study_begin(t->s));
    cull_status r = cull__rows_read(cx, t->path, t->column, t->columns, row, t);
    return group ? cull__study_end_group(t->s, r) : r;
}

cull_status cull_study_import(cull_study *s, const char *path, int64_t *added)
{
import t = {.s = s, .path = path, .params = cull_space_params(s->p.space), .values = s->p.objectives + s->p.constraints };
    cull__mark_t m = cull__mark(s->cx);
    cull_status r = read_all(s->cx, &t);
    cull__release(s->cx, m);
    if (r == CULL_OK && added) *added = t.rows;
    return r;
}
