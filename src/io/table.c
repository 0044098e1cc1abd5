/* table.c - numeric columns of csv, tsv, jsonl and array files. See cull/table.h. */
#define _GNU_SOURCE
#include "cull/table.h"
#include "io/io.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 4096, JSON_SPARE = 64 };

typedef struct {
    char *name;
    double *v; /* (rows) */
    int64_t cap;
    int64_t blank;         /* line of the first blank cell */
    bool numbers, dropped; /* dropped: some cell is no number, and nobody asked for the column */
} column;

struct cull_table_file {
    cull_table t;
    column *c;
    int64_t cols, cap;
    const char **name;
    const double **col;
};

/* What all forms fill. */
typedef struct {
    cull_ctx *cx;
    const char *path;
    const char *const *asked;
    int nasked; /* 0: all that are numeric */
    cull_table_file *f;
    int64_t rows, line;
} filling;

void cull_table_close(cull_table_file *t)
{
    if (!t) return;
    for (int64_t i = 0; i < t->cols; i++) {
        cull__free(t->c[i].name);
        cull__free(t->c[i].v);
    }
    cull__free(t->c);
    cull__free(t->name);
    cull__free(t->col);
    cull__free(t);
}

const cull_table *cull_table_of(const cull_table_file *t) { return &t->t; }

/* ---- columns ---- */

static cull_status add_column(filling *g, const char *name, size_t n, column **out)
{
    cull_table_file *f = g->f;
    if (f->cols == MOST)
        return cull__fail(g->cx, CULL_EINPUT, "%s: more than %d columns; name those that you need",
                          g->path, MOST);
    CULL_TRY(CULL_GROW(g->cx, f->c, &f->cap, f->cols + 1));
    column *c = &f->c[f->cols];
    *c = (column){0};
    CULL_TRY(CULL_ALLOC(g->cx, c->name, (int64_t)n + 1));
    memcpy(c->name, name, n);
    f->cols++;
    if (out) *out = c;
    return CULL_OK;
}

static cull_status no_number(filling *g, const column *c, const char *s, size_t n, const char *why)
{
    char shown[48], name[80];
    cull__quote(c->name, strlen(c->name), name, sizeof name);
    if (!s)
        return cull__fail(g->cx, CULL_EINPUT, "%s:%" PRId64 ": column '%s' is %s", g->path, g->line,
                          name, why);
    return cull__fail(g->cx, CULL_EINPUT, "%s:%" PRId64 ": column '%s' is '%s', which is %s",
                      g->path, g->line, name, cull__quote(s, n, shown, sizeof shown), why);
}

static cull_status put(filling *g, column *c, double v)
{
    CULL_TRY(CULL_GROW(g->cx, c->v, &c->cap, g->rows + 1));
    c->v[g->rows] = v;
    return CULL_OK;
}

static cull_status put_number(filling *g, column *c, double v)
{
    c->numbers = true;
    return c->dropped ? CULL_OK : put(g, c, v);
}

static cull_status put_blank(filling *g, column *c)
{
    if (g->nasked) return no_number(g, c, NULL, 0, "blank; every row needs a number");
    if (!c->blank) c->blank = g->line;
    return c->dropped ? CULL_OK : put(g, c, NAN);
}

/* A cell that is something else: refused where the column was asked for. */
static cull_status put_other(filling *g, column *c, const char *s, size_t n, const char *why)
{
    if (g->nasked) return no_number(g, c, s, n, why);
    c->dropped = true;
    return CULL_OK;
}

static cull_status unknown_column(filling *g, const char *want, const char *const *have, int64_t n)
{
    char all[400], shown[80];
    size_t k = 0;
    all[0] = 0;
    for (int64_t i = 0; i < n && k < sizeof all - 100; i++) {
        cull__quote(have[i], strlen(have[i]), shown, sizeof shown);
        k += (size_t)snprintf(all + k, sizeof all - k, "%s%s", i ? ", " : "", shown);
        if (k >= sizeof all - 100 && i + 1 < n) strcpy(all + k, ", ...");
    }
    return cull__fail(g->cx, CULL_EINPUT, "%s: no column '%s'; it has %s", g->path,
                      cull__quote(want, strlen(want), shown, sizeof shown), all);
}

/* Drop what is not numeric and make the public table. */
static cull_status finish(filling *g)
{
    cull_table_file *f = g->f;
    CULL_TRY(CULL_ALLOC(g->cx, f->name, f->cols));
    CULL_TRY(CULL_ALLOC(g->cx, f->col, f->cols));
    for (int64_t i = 0; i < f->cols; i++) {
        column *c = &f->c[i];
        if (c->dropped || (!g->nasked && g->rows && !c->numbers)) continue;
        if (c->blank) {
            g->line = c->blank;
            return no_number(g, c, NULL, 0, "blank; every row needs a number");
        }
        CULL_TRY(CULL_GROW(g->cx, c->v, &c->cap, 1));
        f->name[f->t.cols] = c->name;
        f->col[f->t.cols++] = c->v;
    }
    if (!f->t.cols) return cull__fail(g->cx, CULL_EINPUT, "%s: no column of numbers", g->path);
    f->t.n = g->rows;
    f->t.name = f->name;
    f->t.col = f->col;
    return CULL_OK;
}

/* ---- csv and tsv ---- */

/* to[i] = which of the table's columns the i-th cell goes to, or -1. */
static cull_status csv_header(filling *g, cull__csv *r, int64_t *cells, int64_t **to)
{
    const char **names;
    int64_t n;
    g->line = 1;
    CULL_TRY(cull__csv_names(r, &names, &n));
    cull_status s = CULL_TMP(g->cx, *to, n);
    for (int64_t i = 0; s == CULL_OK && i < n; i++) (*to)[i] = -1;
    for (int a = 0; s == CULL_OK && a < g->nasked; a++) {
        int64_t found = -1, twice = -1;
        for (int64_t i = 0; i < n; i++)
            if (!strcmp(names[i], g->asked[a])) found < 0 ? (found = i) : (twice = i);
        if (found < 0)
            s = unknown_column(g, g->asked[a], names, n);
        else if (twice >= 0)
            s = cull__fail(g->cx, CULL_EINPUT, "%s:1: two columns '%s'", g->path, g->asked[a]);
        else
            (*to)[found] = a, s = add_column(g, names[found], strlen(names[found]), NULL);
    }
    for (int64_t i = 0; s == CULL_OK && !g->nasked && i < n; i++)
        (*to)[i] = i, s = add_column(g, names[i], strlen(names[i]), NULL);
    *cells = n;
    cull__free(names);
    return s;
}

static cull_status csv_cell(filling *g, const cull__csv *r, column *c)
{
    double v;
    size_t i = 0;
    while (i < r->n && (r->s[i] == ' ' || r->s[i] == '\t')) i++;
    if (i == r->n) return put_blank(g, c);
    if (c->dropped) return CULL_OK;
    if (cull__parse_f64(r->s, r->n, &v)) return put_number(g, c, v);
    return put_other(g, c, r->s, r->n, "no number");
}

static cull_status csv_record(filling *g, cull__csv *r, int64_t cells, const int64_t *to)
{
    int64_t i = 0, first = g->line;
    do {
        CULL_TRY(cull__csv_cell(r));
        if (i < cells && to[i] >= 0) CULL_TRY(csv_cell(g, r, &g->f->c[to[i]]));
        i++;
    } while (!r->last);
    if (i != cells)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s:%" PRId64 ": the record has %" PRId64 " cells, the header %" PRId64,
                          g->path, first, i, cells);
    g->rows++;
    return CULL_OK;
}

static cull_status csv_all(filling *g, const char *at, size_t n, char comma)
{
    cull__csv r = {
        .cx = g->cx, .path = g->path, .line = &g->line, .at = at, .end = at + n, .comma = comma};
    int64_t cells, *to;
    if (n >= 3 && !memcmp(at, "\xef\xbb\xbf", 3)) r.at += 3;
    if (r.at == r.end) return cull__fail(g->cx, CULL_EINPUT, "%s: the file is empty", g->path);
    cull_status s = csv_header(g, &r, &cells, &to);
    /* a record of one cell may be an empty line, but not at the end */
    while (s == CULL_OK && cells == 1 && r.end > r.at && (r.end[-1] == '\n' || r.end[-1] == '\r'))
        r.end--;
    for (g->line++; s == CULL_OK && r.at < r.end; g->line++) {
        if (cells > 1 && cull__csv_empty(&r)) continue;
        s = csv_record(g, &r, cells, to);
        if (s == CULL_OK && g->rows % 4096 == 0)
            s = cull__tick(g->cx, (double)(r.at - at), (double)n);
    }
    cull__csv_free(&r);
    return s;
}

/* ---- jsonl ---- */

static bool field(cull__json_value record, const char *path, cull__json_value *out)
{
    if (cull__json_kind(record) != CULL__JSON_OBJECT) return false;
    if (cull__json_get(record, path, out)) return true;
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
        char key[256];
        cull__json_value inner;
        size_t n = (size_t)(dot - path);
        if (n >= sizeof key) return false;
        memcpy(key, path, n);
        key[n] = 0;
        if (cull__json_get(record, key, &inner) && field(inner, dot + 1, out)) return true;
    }
    return false;
}

static cull_status json_cell(filling *g, column *c, cull__json_value record)
{
    cull__json_value v;
    const char *s;
    double x;
    size_t n;
    if (!field(record, c->name, &v)) return put_blank(g, c);
    switch (cull__json_kind(v)) {
    case CULL__JSON_NULL: return put_blank(g, c);
    case CULL__JSON_BOOL: return put_number(g, c, cull__json_truth(v));
    case CULL__JSON_NUMBER:
        if (cull__json_number(v, &x)) return put_number(g, c, x);
        break;
    case CULL__JSON_STRING:
        s = cull__json_string(v, &n);
        return put_other(g, c, s, n, "a string and no number");
    case CULL__JSON_ARRAY: return put_other(g, c, NULL, 0, "an array and no number");
    case CULL__JSON_OBJECT: return put_other(g, c, NULL, 0, "an object and no number");
    }
    return put_other(g, c, NULL, 0, "no number");
}

struct first {
    filling *g;
    cull_status s;
};
static bool on_key(void *arg, const char *key, size_t n, cull__json_value v)
{
    struct first *k = arg;
    (void)v;
    k->s = memchr(key, 0, n) ? CULL_OK : add_column(k->g, key, n, NULL);
    return k->s == CULL_OK;
}

static cull_status json_record(filling *g, cull__json_parser *p, const char *s, size_t n)
{
    cull__json_value root;
    const char *why, *key;
    size_t where, key_n;
    if (!cull__json_parse(p, s, n, &root, &why, &where)) {
        if (where == SIZE_MAX) return cull__fail(g->cx, CULL_ENOMEM, "%s: %s", g->path, why);
        return cull__fail(g->cx, CULL_EINPUT, "%s:%" PRId64 ": byte %zu of the line: %s", g->path,
                          g->line, where + 1, why);
    }
    if (cull__json_kind(root) != CULL__JSON_OBJECT)
        return cull__fail(g->cx, CULL_EINPUT, "%s:%" PRId64 ": the record is no object", g->path,
                          g->line);
    CULL_TRY(cull__json_twice(g->cx, root, &key, &key_n));
    if (key)
        return cull__fail(g->cx, CULL_EINPUT, "%s:%" PRId64 ": the record has '%.*s' twice",
                          g->path, g->line, key_n > 70 ? 70 : (int)key_n, key);
    if (!g->rows && !g->nasked) {
        struct first k = {g, CULL_OK};
        if (!cull__json_each(root, on_key, &k)) return k.s;
    }
    for (int64_t i = 0; i < g->f->cols; i++) CULL_TRY(json_cell(g, &g->f->c[i], root));
    g->rows++;
    return CULL_OK;
}

/* The parser reads up to JSON_SPARE bytes past a line, so the last lines are copied. */
static cull_status json_line(filling *g, cull__json_parser *p, const char *s, size_t n,
                             const char *end)
{
    char *copy;
    while (n && (s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    if (!n) return CULL_OK;
    if ((size_t)(end - s) >= n + JSON_SPARE) return json_record(g, p, s, n);
    CULL_TRY(CULL_TMP0(g->cx, copy, (int64_t)n + JSON_SPARE));
    memcpy(copy, s, n);
    return json_record(g, p, copy, n);
}

static cull_status jsonl_all(filling *g, const char *at, size_t n)
{
    cull__json_parser *p;
    const char *end = at + n, *s = at;
    if (n >= 3 && !memcmp(at, "\xef\xbb\xbf", 3)) s += 3;
    for (int a = 0; a < g->nasked; a++)
        CULL_TRY(add_column(g, g->asked[a], strlen(g->asked[a]), NULL));
    CULL_TRY(cull__json_parser_new(g->cx, &p));
    cull_status st = CULL_OK;
    for (g->line = 1; st == CULL_OK && s < end; g->line++) {
        const char *e = memchr(s, '\n', (size_t)(end - s));
        if (!e) e = end;
        cull__mark_t mark = cull__mark(g->cx);
        st = json_line(g, p, s, (size_t)(e - s), end);
        cull__release(g->cx, mark);
        s = e + 1;
        if (st == CULL_OK && g->line % 4096 == 0)
            st = cull__tick(g->cx, (double)(s - at), (double)n);
    }
    cull__json_parser_free(p);
    if (st == CULL_OK && !g->rows)
        st = cull__fail(g->cx, CULL_EINPUT, "%s: it holds no record", g->path);
    return st;
}

/* ---- arrays ---- */

/* Column k of `width`; the first column says how many rows there are. */
static cull_status put_array(filling *g, const cull_array *a, const char *name, int64_t k,
                             int64_t width)
{
    column *c = NULL;
    int64_t n = a->shape[0];
    if (g->f->cols && n != g->rows)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: column '%.70s' has %" PRId64 " rows, '%.70s' has %" PRId64, g->path,
                          name, n, g->f->c[0].name, g->rows);
    g->rows = n;
    CULL_TRY(add_column(g, name, strlen(name), &c));
    CULL_TRY(CULL_GROW(g->cx, c->v, &c->cap, n));
    c->numbers = true;
    if (width == 1) cull_array_f64(a, 0, n, c->v);
    for (int64_t i = 0; width > 1 && i < n; i++) cull_array_f64(a, i * width + k, 1, c->v + i);
    return CULL_OK;
}

static cull_status matrix(filling *g, const cull_array *a)
{
    char shape[208], name[80];
    if (a->ndim < 1 || a->ndim > 2 || (a->ndim == 2 && (a->shape[1] < 1 || a->shape[1] > MOST)))
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: shape %s is no table; it takes (n,) or (n, k), k from 1 to %d",
                          g->path, cull__shape_text(a, shape), MOST);
    const char *slash = strrchr(g->path, '/'), *file = slash ? slash + 1 : g->path;
    snprintf(name, sizeof name, "%s", a->name);
    if (!name[0]) snprintf(name, sizeof name, "%.*s", (int)strcspn(file, "."), file);
    if (a->ndim == 1) {
        const char *const only = name;
        if (g->nasked && (g->nasked > 1 || strcmp(g->asked[0], name)))
            return unknown_column(g, strcmp(g->asked[0], name) ? g->asked[0] : g->asked[1], &only,
                                  1);
        return put_array(g, a, name, 0, 1);
    }
    for (int64_t k = 0; k < (g->nasked ? g->nasked : a->shape[1]); k++) {
        int64_t from = k;
        if (g->nasked && (g->asked[k][0] != 'c' ||
                          !cull__parse_i64(g->asked[k] + 1, strlen(g->asked[k] + 1), &from) ||
                          from < 0 || from >= a->shape[1]))
            return cull__fail(g->cx, CULL_EINPUT, "%s: no column '%.70s'; it has c0 to c%" PRId64,
                              g->path, g->asked[k], a->shape[1] - 1);
        snprintf(name, sizeof name, "c%" PRId64, from);
        CULL_TRY(put_array(g, a, name, from, a->shape[1]));
    }
    return CULL_OK;
}

static cull_status one_member(filling *g, const char *name, cull__array_reader *reader,
                              const cull__bytes *b)
{
    char shape[208];
    cull_array a;
    cull_status s = reader(g->cx, g->path, name, b->at, b->n, &a);
    if (s == CULL_OK && a.ndim == 1)
        s = put_array(g, &a, name, 0, 1);
    else if (s == CULL_OK && g->nasked)
        s = cull__fail(g->cx, CULL_EINPUT, "%s: '%.70s' has shape %s; a column has one dimension",
                       g->path, name, cull__shape_text(&a, shape));
    else if (s == CULL_EINPUT && !g->nasked)
        s = CULL_OK; /* sound, but no numbers: text beside the scores */
    cull_array_free(&a);
    return s;
}

static cull_status members(filling *g, cull__array_reader *reader, cull__array_lister *lister,
                           const cull__bytes *b)
{
    const char *const *names = g->asked;
    const char **all = NULL;
    int64_t n = g->nasked;
    if (!n) {
        CULL_TRY(lister(g->cx, g->path, b->at, b->n, &all, &n));
        names = all;
        if (n > MOST)
            return cull__fail(g->cx, CULL_EINPUT,
                              "%s: more than %d arrays; name those that you need", g->path, MOST);
    }
    for (int64_t i = 0; i < n; i++) {
        cull__mark_t mark = cull__mark(g->cx);
        cull_status s = one_member(g, names[i], reader, b);
        cull__release(g->cx, mark);
        CULL_TRY(s);
    }
    return CULL_OK;
}

/* ---- open ---- */

static cull_status fill_bytes(filling *g, const char *ext, const cull__bytes *b, bool *done)
{
    const char *form, *s = (const char *)b->at;
    cull__array_reader *reader;
    size_t i = 0;
    bool sniff = !strcmp(g->path, "-");
    while (sniff && i < b->n && strchr(" \t\r\n", s[i])) i++;
    *done = true;
    if (sniff ? i < b->n && s[i] == '{' : !strcmp(ext, "jsonl") || !strcmp(ext, "ndjson"))
        return jsonl_all(g, s, b->n);
    if (sniff || !strcmp(ext, "csv") || !strcmp(ext, "tsv"))
        return csv_all(g, s, b->n, strcmp(ext, "tsv") ? ',' : '\t');
    CULL_TRY(cull__array_form(g->cx, g->path, b->at, b->n, &form, &reader));
    if (!strcmp(form, "npz")) return members(g, reader, cull__npz_names, b);
    if (!strcmp(form, "safetensors")) return members(g, reader, cull__safetensors_names, b);
    *done = false;
    return CULL_OK;
}

static cull_status fill(filling *g)
{
    char ext[16];
    bool done = false;
    cull_array a;
    cull__extension(g->path, ext);
    if (strchr(g->path, ':') == NULL || access(g->path, F_OK) == 0) {
        cull__bytes b;
        CULL_TRY(cull__bytes_open(g->cx, g->path, &b));
        cull_status s = fill_bytes(g, ext, &b, &done);
        cull__bytes_close(&b);
        CULL_TRY(s);
    }
    if (!done) { /* one array, perhaps path:NAME */
        CULL_TRY(cull_array_open(g->cx, g->path, NULL, &a));
        cull_status s = matrix(g, &a);
        cull_array_free(&a);
        CULL_TRY(s);
    }
    return finish(g);
}

cull_status cull_table_open(cull_ctx *cx, const char *path, const char *const *columns,
                            int ncolumns, cull_table_file **out)
{
    filling g = {.cx = cx, .path = path, .asked = columns, .nasked = ncolumns};
    *out = NULL;
    if (ncolumns < 0 || ncolumns > MOST)
        return cull__fail(cx, CULL_EINPUT, "%d columns are asked for; 0 to %d may be", ncolumns,
                          MOST);
    for (int i = 0; i < ncolumns; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(columns[i], columns[k]))
                return cull__fail(cx, CULL_EINPUT, "column '%s' is asked for twice", columns[i]);
    CULL_TRY(CULL_ALLOC(cx, g.f, 1));
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "reading columns");
    cull_status s = fill(&g);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    if (s == CULL_OK)
        *out = g.f;
    else
        cull_table_close(g.f);
    return s;
}
