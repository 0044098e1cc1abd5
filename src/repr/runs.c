/* runs.c - tables of runs (runs.h). */
#include "repr/runs.h"
#include "cull/outcomes.h"
#include "io/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 8, ATTRIBUTES = 64 };
enum { WORKLOAD, WAY, KEYS };
enum { QUALITY, LOSS, TIME };

typedef struct {
    cull_ctx *cx;
    const cull__runs_opts *o;
    cull__runs *out;
    const char *path;
    cull__col col[2 * PARTS + 2 + ATTRIBUTES + 1];
    int cols;
    int key[KEYS][PARTS], keys[KEYS]; /* columns that name the workload, the way */
    int value, kind, cost, attribute[ATTRIBUTES], group; /* columns; -1 = none */
    cull__cols *table;
    cull_table t;
    int32_t *code[KEYS];               /* of each row, in sorted order of what it names */
    int64_t count[KEYS], *first[KEYS]; /* the first row of each code */
} reading;

void cull__runs_free(cull__runs *r)
{
    cull__free(r->quality), cull__free(r->cost), cull__free(r->x), cull__free(r->group);
    cull__free(r->name), cull__free(r->group_name), cull__free(r->text);
    *r = (cull__runs){0};
}

/* ---- which columns ---- */
static int want(reading *g, const char *name, cull__col_kind kind)
{
    for (int i = 0; i < g->cols; i++)
        if (!strcmp(g->col[i].name, name) && g->col[i].kind == kind) return i;
    g->col[g->cols] = (cull__col){name, kind};
    return g->cols++;
}

static cull_status wrong(reading *g, const char *why, const char *what)
{
    return cull__fail(g->cx, CULL_EINPUT,
                      "--long '%.200s': %s%s; write workload=COLUMN,way=COLUMN,quality=COLUMN",
                      g->o->columns, why, what);
}

/* name=value, which are cut apart. */
static cull_status take_entry(reading *g, char *entry)
{
    static const char *const word[] = {"workload", "way", "quality", "loss", "time", "cost"};
    char *value = strchr(entry, '=');
    int k = 0;
    if (!value || !value[1]) return wrong(g, "there is no column in ", entry);
    *value++ = 0;
    while (k < 6 && strcmp(word[k], entry)) k++;
    if (k == 6) return wrong(g, "there is no entry ", entry);
    if (k < KEYS) {
        if (g->keys[k]) return wrong(g, "twice there is ", entry);
        for (char *part = value; part; part = value) {
            value = strchr(part, '+');
            if (value) *value++ = 0;
            if (!*part) return wrong(g, "a column is empty in ", entry);
            if (g->keys[k] == PARTS) return wrong(g, "more than 8 columns are in ", entry);
            g->key[k][g->keys[k]++] = want(g, part, CULL__COL_KEY);
        }
        return CULL_OK;
    }
    int *to = k == 5 ? &g->cost : &g->value;
    if (*to >= 0)
        return wrong(
            g, k == 5 ? "twice there is " : "quality, loss or time are one, not two: ", entry);
    if (k < 5) g->kind = k - KEYS;
    *to = want(g, value, CULL__COL_BLANKS);
    return CULL_OK;
}

static void want_attributes(reading *g)
{
    const cull__runs_opts *o = g->o;
    for (int i = 0; i < o->attributes; i++)
        g->attribute[i] = want(g, o->attribute[i], CULL__COL_NUMBER);
    if (o->group) g->group = want(g, o->group, CULL__COL_KEY);
}

static cull_status take_columns(reading *g)
{
    const cull__runs_opts *o = g->o;
    size_t n = strlen(o->columns) + 1;
    char *copy;
    CULL_TRY(CULL_TMP(g->cx, copy, (int64_t)n));
    memcpy(copy, o->columns, n);
    for (char *entry = copy, *next; entry; entry = next) {
        next = strchr(entry, ',');
        if (next) *next++ = 0;
        CULL_TRY(take_entry(g, entry));
    }
    if (!g->keys[WORKLOAD]) return wrong(g, "no workload", "");
    if (!g->keys[WAY]) return wrong(g, "no way", "");
    if (g->value < 0) return wrong(g, "no quality, loss or time", "");
    if (!o->workloads) want_attributes(g);
    return CULL_OK;
}

/* ---- a row that is wrong ---- */
/* "runs.csv:17", by reading it again; "row 16 of -" where that cannot be. */
static void place_of(reading *g, int64_t row, char *buf, size_t size)
{
    cull__cols *again;
    cull_table t;
    int64_t line = 0;
    const char *path = g->path;
    snprintf(buf, size, "row %" PRId64 " of %.200s", row, path);
    if (!strcmp(path, "-") || cull__cols_open(g->cx, path, g->col, g->cols, &again) != CULL_OK)
        return;
    cull_status s = row ? cull__cols_next(g->cx, again, row, &t) : CULL_OK;
    if (s == CULL_OK) s = cull__cols_next(g->cx, again, 1, &t);
    if (s == CULL_OK) line = cull__cols_line(again);
    cull__cols_close(again);
    if (line) snprintf(buf, size, "%.200s:%" PRId64, path, line);
}

static cull_status bad_row(reading *g, int64_t row, int col, const char *is, const char *right)
{
    char place[240], shown[80];
    place_of(g, row, place, sizeof place);
    const char *name = g->col[col].name;
    return cull__fail(g->cx, CULL_EINPUT, "%s: column '%s' is %s; %s", place,
                      cull__quote(name, strlen(name), shown, sizeof shown), is, right);
}

/* ---- what rows name ---- */
typedef struct {
    int64_t a, b, i;
} item;
static int by_item(const void *x_, const void *y_)
{
    const item *x = x_, *y = y_;
    if (x->a != y->a) return x->a < y->a ? -1 : 1;
    if (x->b != y->b) return x->b < y->b ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

typedef struct {
    const char *text;
    double value;
    int64_t code;
} label;
static int by_text(const void *x, const void *y)
{
    return strcmp(((const label *)x)->text, ((const label *)y)->text);
}
static int by_value(const void *x_, const void *y_)
{
    const label *x = x_, *y = y_;
    return (x->value > y->value) - (x->value < y->value);
}

/* Codes of a key column in order of its texts, or of its numbers where all are. */
static cull_status ranks_of(reading *g, int col, int64_t **rank)
{
    const cull__keys *k = cull__cols_keys(g->table, col);
    label *by;
    CULL_TRY(CULL_TMP(g->cx, by, k->name.n));
    CULL_TRY(CULL_TMP(g->cx, *rank, k->name.n));
    for (int32_t c = 0; c < k->name.n; c++)
        by[c] = (label){cull__dict_text(&k->name, c), k->value[c], c};
    qsort(by, (size_t)k->name.n, sizeof *by, k->text ? by_text : by_value);
    for (int64_t c = 0; c < k->name.n; c++) (*rank)[by[c].code] = c;
    return CULL_OK;
}

/* Rows that agree in all of the columns have one code; codes are in order, the first column's before the next one's. */
static cull_status name_rows(reading *g, int which)
{
    int64_t n = g->t.n, *rank, *first;
    int32_t *code;
    item *at;
    CULL_TRY(CULL_TMP0(g->cx, code, n));
    CULL_TRY(CULL_TMP(g->cx, first, n));
    CULL_TRY(CULL_TMP(g->cx, at, n));
    for (int k = 0; k < g->keys[which]; k++) {
        const double *v = g->t.col[g->key[which][k]];
        int32_t codes = -1;
        CULL_TRY(ranks_of(g, g->key[which][k], &rank));
        for (int64_t i = 0; i < n; i++) at[i] = (item){code[i], rank[(int64_t)v[i]], i};
        qsort(at, (size_t)n, sizeof *at, by_item);
        for (int64_t j = 0; j < n; j++) {
            if (!j || at[j].a != at[j - 1].a || at[j].b != at[j - 1].b) first[++codes] = at[j].i;
            code[at[j].i] = codes;
        }
        g->count[which] = codes + 1;
    }
    g->code[which] = code;
    g->first[which] = first;
    return CULL_OK;
}

/* Its keys, with `between` between them. */
static void join_keys(const reading *g, int which, int64_t row, const char *between, char *buf,
                      size_t size)
{
    size_t at = 0;
    buf[0] = 0;
    for (int k = 0; k < g->keys[which] && at < size; k++) {
        int col = g->key[which][k];
        const cull__dict *of = &cull__cols_keys(g->table, col)->name;
        at += (size_t)snprintf(buf + at, size - at, "%s%s", k ? between : "",
                               cull__dict_text(of, (int32_t)g->t.col[col][row]));
    }
}

/* "cached", or of several columns "cached+8". */
static void name_of(const reading *g, int which, int64_t code, char *buf, size_t size)
{
    join_keys(g, which, g->first[which][code], "+", buf, size);
}

/* way[code]: which it is among those that count; -1 = none of them. */
static cull_status take_ways(reading *g, int **way)
{
    enum { NAME = 256 };
    const cull__runs_opts *o = g->o;
    cull__runs *r = g->out;
    char name[NAME];
    r->ways = o->ways ? o->ways
                      : (int)(g->count[WAY] < CULL_MODELS + 1 ? g->count[WAY] : CULL_MODELS + 1);
    if (r->ways > CULL_MODELS)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s has %" PRId64 " ways; name at most %d of them (--models)", o->table,
                          g->count[WAY], CULL_MODELS);
    CULL_TRY(CULL_TMP(g->cx, *way, g->count[WAY]));
    CULL_TRY(CULL_ALLOC(g->cx, r->name, r->ways));
    CULL_TRY(CULL_ALLOC(g->cx, r->text, (int64_t)r->ways * NAME));
    for (int k = 0; k < o->ways; k++) r->name[k] = o->way[k];
    for (int64_t c = 0; c < g->count[WAY]; c++) {
        (*way)[c] = o->ways ? -1 : (int)c;
        name_of(g, WAY, c, name, sizeof name);
        for (int k = 0; k < o->ways; k++)
            if (!strcmp(o->way[k], name)) (*way)[c] = k;
        if (o->ways) continue;
        r->name[c] = memcpy(r->text + c * NAME, name, NAME);
    }
    return CULL_OK;
}

/* ---- cells ---- */
typedef struct {
    int64_t cell;
    double quality, cost;
} run;
static int by_run(const void *x_, const void *y_)
{
    const run *x = x_, *y = y_;
    if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
    if (x->quality != y->quality) return x->quality < y->quality ? -1 : 1;
    if (isnan(x->cost) || isnan(y->cost)) return isnan(x->cost) - isnan(y->cost);
    return (x->cost > y->cost) - (x->cost < y->cost);
}

static cull_status run_of(reading *g, int64_t row, double *quality, double *cost)
{
    char buf[32];
    double v = g->t.col[g->value][row], c = g->cost < 0 ? 0 : g->t.col[g->cost][row];
    if (g->kind == TIME && v <= 0)
        return bad_row(g, row, g->value, cull__format_f64(v, buf), "a time is above 0");
    if (c < 0) return bad_row(g, row, g->cost, cull__format_f64(c, buf), "a cost is 0 or more");
    *quality = g->kind == TIME ? 1 / v : g->kind == LOSS ? -v : v;
    *cost = c;
    return CULL_OK;
}

/* Means do not depend on the order of rows: what is added up is sorted first. */
static void fill_cells(const run *all, int64_t n, cull__runs *r)
{
    for (int64_t from = 0, to; from < n; from = to) {
        double quality = 0, cost = 0, costs = 0;
        for (to = from; to < n && all[to].cell == all[from].cell; to++) {
            quality += all[to].quality;
            if (isnan(all[to].cost)) continue;
            cost += all[to].cost, costs++;
        }
        r->quality[all[from].cell] = quality / (double)(to - from);
        if (r->cost && costs) r->cost[all[from].cell] = cost / costs;
    }
}

/* A run that was not made costs what the way's others do on average. */
static cull_status fill_costs(reading *g)
{
    cull__runs *r = g->out;
    for (int k = 0; k < r->ways; k++) {
        double sum = 0, *cost = r->cost ? r->cost + k * r->n : NULL;
        int64_t known = 0, paid = 0;
        for (int64_t i = 0; i < r->n; i++) {
            known += !isnan(r->quality[k * r->n + i]);
            if (cost && !isnan(cost[i])) sum += cost[i], paid++;
        }
        if (!known || (cost && !paid))
            return cull__fail(g->cx, CULL_EINPUT,
                              "%s: there is no run of way '%.200s' whose %s is known", g->o->table,
                              r->name[k], known ? "cost" : "quality");
        for (int64_t i = 0; cost && i < r->n; i++)
            if (isnan(cost[i])) cost[i] = sum / (double)paid;
    }
    return CULL_OK;
}

static cull_status take_cells(reading *g, const int *way)
{
    cull__runs *r = g->out;
    int64_t n = 0;
    run *all;
    CULL_TRY(CULL_ALLOC(g->cx, r->quality, r->ways * r->n));
    if (g->cost >= 0) CULL_TRY(CULL_ALLOC(g->cx, r->cost, r->ways * r->n));
    for (int64_t i = 0; i < r->ways * r->n; i++) {
        r->quality[i] = NAN;
        if (r->cost) r->cost[i] = NAN;
    }
    CULL_TRY(CULL_TMP(g->cx, all, g->t.n));
    for (int64_t i = 0; i < g->t.n; i++) {
        int k = way[g->code[WAY][i]];
        if (k < 0 || isnan(g->t.col[g->value][i])) continue;
        all[n] = (run){.cell = k * r->n + g->code[WORKLOAD][i]};
        CULL_TRY(run_of(g, i, &all[n].quality, &all[n].cost));
        n++;
    }
    qsort(all, (size_t)n, sizeof *all, by_run);
    fill_cells(all, n, r);
    return fill_costs(g);
}

/* ---- what describes workloads ---- */
static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* Where a column is not the same in all rows of a workload, the first such row; -1 = nowhere. */
static int64_t differs(const reading *g, int col)
{
    const double *v = g->t.col[col];
    for (int64_t i = 0; i < g->t.n; i++)
        if (!same(v[i], v[g->first[WORKLOAD][g->code[WORKLOAD][i]]])) return i;
    return -1;
}

static cull_status constant(reading *g, int col)
{
    char name[120], before[40], now[40], is[140], right[200];
    int64_t i = differs(g, col);
    if (i < 0) return CULL_OK;
    int32_t w = g->code[WORKLOAD][i];
    const double a = g->t.col[col][i], b = g->t.col[col][g->first[WORKLOAD][w]];
    name_of(g, WORKLOAD, w, name, sizeof name);
    if (g->col[col].kind == CULL__COL_KEY) {
        const cull__dict *of = &cull__cols_keys(g->table, col)->name;
        snprintf(now, sizeof now, "'%.36s'", cull__dict_text(of, (int32_t)a));
        snprintf(before, sizeof before, "'%.36s'", cull__dict_text(of, (int32_t)b));
    } else {
        cull__format_f64(a, now);
        cull__format_f64(b, before);
    }
    snprintf(is, sizeof is, "%s", now);
    snprintf(right, sizeof right, "in an earlier row of workload '%.100s' it is %s", name, before);
    return bad_row(g, i, col, is, right);
}

/* The row of `w`, a table with one for each workload, that each workload of g has. */
static cull_status find_workloads(reading *g, reading *w, int64_t *row)
{
    enum { NAME = 4096 };
    char *key, place[240], name[120];
    cull__dict known = {0};
    int32_t code;
    cull_status s = CULL_TMP(g->cx, key, NAME);
    for (int64_t c = 0; s == CULL_OK && c < g->out->n; c++) {
        join_keys(g, WORKLOAD, g->first[WORKLOAD][c], "\x1f", key, NAME);
        s = cull__dict_add(g->cx, &known, key, strlen(key), &code);
        row[c] = -1;
    }
    for (int64_t i = 0; s == CULL_OK && i < w->t.n; i++) {
        join_keys(w, WORKLOAD, i, "\x1f", key, NAME);
        code = cull__dict_find(&known, key, strlen(key));
        if (code < 0) continue;
        if (row[code] >= 0) {
            place_of(w, i, place, sizeof place);
            name_of(g, WORKLOAD, code, name, sizeof name);
            s = cull__fail(g->cx, CULL_EINPUT, "%s: workload '%s' stands there a second time",
                           place, name);
        }
        row[code] = i;
    }
    for (int64_t c = 0; s == CULL_OK && c < g->out->n; c++) {
        if (row[c] >= 0) continue;
        name_of(g, WORKLOAD, c, name, sizeof name);
        s = cull__fail(g->cx, CULL_EINPUT, "%s: there is no workload '%s', which %s has", w->path,
                       name, g->path);
    }
    cull__dict_free(&known);
    return s;
}

static cull_status open_workloads(reading *g, reading *w, int64_t **row)
{
    CULL_TRY(CULL_TMP(g->cx, *row, g->out->n));
    for (int k = 0; k < g->keys[WORKLOAD]; k++)
        w->key[WORKLOAD][k] = want(w, g->col[g->key[WORKLOAD][k]].name, CULL__COL_KEY);
    w->keys[WORKLOAD] = g->keys[WORKLOAD];
    want_attributes(w);
    CULL_TRY(cull__cols_open(g->cx, w->path, w->col, w->cols, &w->table));
    CULL_TRY(cull__cols_next(g->cx, w->table, INT64_MAX, &w->t));
    return find_workloads(g, w, *row);
}

/* Of workload i, in row[i] of `from`. */
static cull_status take_attributes(const reading *from, const int64_t *row, cull__runs *r)
{
    r->d = from->o->attributes;
    if (r->d) CULL_TRY(CULL_ALLOC(from->cx, r->x, r->n * r->d));
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t j = 0; j < r->d; j++)
            r->x[i * r->d + j] = (float)from->t.col[from->attribute[j]][row[i]];
    return CULL_OK;
}

static cull_status take_groups(reading *g, const int64_t *row, cull__runs *r)
{
    int64_t *rank;
    if (g->group < 0) return CULL_OK;
    CULL_TRY(ranks_of(g, g->group, &rank));
    const cull__dict *of = &cull__cols_keys(g->table, g->group)->name;
    size_t room = 0;
    for (int32_t c = 0; c < of->n; c++) room += strlen(cull__dict_text(of, c)) + 1;
    /* the names stand behind the list of them */
    void *block;
    CULL_TRY(
        cull__alloc(g->cx, &block, (int64_t)((size_t)of->n * sizeof *r->group_name + room), 1));
    r->group_name = block;
    char *to = (char *)(r->group_name + of->n);
    for (int32_t c = 0; c < of->n; c++) {
        size_t n = strlen(cull__dict_text(of, c)) + 1;
        r->group_name[rank[c]] = memcpy(to, cull__dict_text(of, c), n);
        to += n;
    }
    r->groups = (int32_t)of->n;
    CULL_TRY(CULL_ALLOC(g->cx, r->group, r->n));
    for (int64_t w = 0; w < r->n; w++)
        r->group[w] = (int32_t)rank[(int64_t)g->t.col[g->group][row[w]]];
    return CULL_OK;
}

static cull_status read_all(reading *g, reading *w)
{
    int *way;
    int64_t *row;
    CULL_TRY(take_columns(g));
    CULL_TRY(cull__cols_open(g->cx, g->o->table, g->col, g->cols, &g->table));
    CULL_TRY(cull__cols_next(g->cx, g->table, INT64_MAX, &g->t));
    if (!g->t.n) return cull__fail(g->cx, CULL_EINPUT, "%s: there are no rows", g->o->table);
    CULL_TRY(name_rows(g, WORKLOAD));
    CULL_TRY(name_rows(g, WAY));
    g->out->n = g->count[WORKLOAD];
    CULL_TRY(take_ways(g, &way));
    CULL_TRY(take_cells(g, way));
    row = g->first[WORKLOAD];
    reading *from = g->o->workloads ? w : g;
    if (from == w) CULL_TRY(open_workloads(g, w, &row));
    for (int j = 0; from == g && j < g->o->attributes; j++) CULL_TRY(constant(g, g->attribute[j]));
    if (from == g && g->group >= 0) CULL_TRY(constant(g, g->group));
    CULL_TRY(take_attributes(from, row, g->out));
    return take_groups(from, row, g->out);
}

cull_status cull__runs_read(cull_ctx *cx, const cull__runs_opts *o, cull__runs *out)
{
    reading g = {.cx = cx, .o = o, .out = out, .value = -1, .cost = -1, .group = -1}, w = g;
    g.path = o->table, w.path = o->workloads;
    *out = (cull__runs){0};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = read_all(&g, &w);
    cull__cols_close(w.table);
    cull__cols_close(g.table);
    cull__release(cx, mark);
    if (s != CULL_OK) cull__runs_free(out);
    return s;
}
