/* table.c - numeric columns of csv, tsv, jsonl and array files. See cull/table.h. */
#define _GNU_SOURCE
#include "cull/table.h"
#include "io/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST = CULL__TABLE_MOST, MOST_KEYS = 1 << 20 };

struct cull__cols {
    cull__filling g;
    cull__records *text; /* or arrays: */
    cull__bytes bytes;   /* that they point into */
    cull_array *array;
    int64_t arrays, cap, n, at; /* n rows, of which `at` were handed out */
    const char **name;
    const double **col;
    char path[];
};
struct cull_table_file {
    cull_table t;
    cull__cols *r;
};

/* ---- columns ---- */
cull_status cull__add_column(cull__filling *g, const char *name, size_t n, cull__col_kind kind)
{
    if (g->cols == MOST)
        return cull__fail(g->cx, CULL_EINPUT, "%s: more than %d columns; name those that you need",
                          g->path, MOST);
    CULL_TRY(CULL_GROW(g->cx, g->c, &g->cap, g->cols + 1));
    cull__column *c = &g->c[g->cols];
    *c = (cull__column){.kind = kind, .array = -1};
    CULL_TRY(CULL_ALLOC(g->cx, c->name, (int64_t)n + 1));
    memcpy(c->name, name, n);
    g->cols++;
    return CULL_OK;
}

static cull_status no_number(cull__filling *g, const cull__column *c, const char *s, size_t n,
                             const char *why)
{
    char shown[48], name[80];
    cull__quote(c->name, strlen(c->name), name, sizeof name);
    if (!s)
        return cull__fail(g->cx, CULL_EINPUT, "%s:%" PRId64 ": column '%s' is %s", g->path, g->line,
                          name, why);
    return cull__fail(g->cx, CULL_EINPUT, "%s:%" PRId64 ": column '%s' is '%s', which is %s",
                      g->path, g->line, name, cull__quote(s, n, shown, sizeof shown), why);
}

static cull_status put(cull__filling *g, cull__column *c, double v)
{
    CULL_TRY(CULL_GROW(g->cx, c->v, &c->cap, g->rows + 1));
    c->v[g->rows] = v;
    return CULL_OK;
}

/* value: nan of a text. */
static cull_status put_key(cull__filling *g, cull__column *c, const char *s, size_t n, double value)
{
    cull__keys *k = &c->keys;
    int32_t code;
    CULL_TRY(cull__dict_add(g->cx, &k->name, s, n, &code));
    if (code == MOST_KEYS)
        return cull__fail(g->cx, CULL_EINPUT, "%s: column '%.70s' has more than %d values", g->path,
                          c->name, MOST_KEYS);
    CULL_TRY(CULL_GROW(g->cx, k->value, &k->cap, code + 1));
    k->value[code] = value;
    k->text |= isnan(value);
    return put(g, c, code);
}

cull_status cull__put_number(cull__filling *g, cull__column *c, double v)
{
    char buf[32];
    if (c->kind == CULL__COL_KEY) {
        if (isnan(v)) return no_number(g, c, NULL, 0, "nan; every row needs a value");
        const char *s = cull__format_f64(v == 0 ? 0 : v, buf); /* -0 is 0 */
        return put_key(g, c, s, strlen(s), v);
    }
    c->numbers = true;
    return c->dropped ? CULL_OK : put(g, c, v);
}

cull_status cull__put_blank(cull__filling *g, cull__column *c)
{
    if (c->kind == CULL__COL_BLANKS) return put(g, c, NAN);
    if (c->kind == CULL__COL_KEY) return no_number(g, c, NULL, 0, "blank; every row needs a value");
    if (g->nasked) return no_number(g, c, NULL, 0, "blank; every row needs a number");
    if (!c->blank) c->blank = g->line;
    return c->dropped ? CULL_OK : put(g, c, NAN);
}

cull_status cull__put_text(cull__filling *g, cull__column *c, const char *s, size_t n,
                           const char *why)
{
    if (c->kind == CULL__COL_KEY && s) {
        while (n && strchr(" \t\r\n", s[n - 1])) n--;
        while (n && strchr(" \t\r\n", *s)) s++, n--;
        return put_key(g, c, s, n, NAN);
    }
    if (g->nasked) return no_number(g, c, s, n, why);
    c->dropped = true;
    return CULL_OK;
}

cull_status cull__unknown_column(cull__filling *g, const char *want, const char *const *have,
                                 int64_t n)
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

/* ---- arrays ---- */
/* Number `at` of each row of `width` of the array that was opened last; the first column says how many rows there are. */
static cull_status add_array(cull__cols *r, const char *name, cull__col_kind kind, int64_t at,
                             int64_t width)
{
    cull__filling *g = &r->g;
    int64_t n = r->array[r->arrays - 1].shape[0];
    if (g->cols && n != r->n)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: column '%.70s' has %" PRId64 " rows, '%.70s' has %" PRId64, g->path,
                          name, n, g->c[0].name, r->n);
    r->n = n;
    CULL_TRY(cull__add_column(g, name, strlen(name), kind));
    cull__column *c = &g->c[g->cols - 1];
    c->array = r->arrays - 1;
    c->at = at;
    c->width = width;
    c->numbers = true;
    return CULL_OK;
}

static cull_status keep_array(cull__cols *r, cull_array *a)
{
    cull_status s = CULL_GROW(r->g.cx, r->array, &r->cap, r->arrays + 1);
    if (s == CULL_OK)
        r->array[r->arrays++] = *a;
    else
        cull_array_free(a);
    return s;
}

static cull_status matrix(cull__cols *r)
{
    cull__filling *g = &r->g;
    const cull_array *a = &r->array[r->arrays - 1];
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
        for (int k = 0; k < g->nasked; k++)
            if (strcmp(g->asked[k].name, name))
                return cull__unknown_column(g, g->asked[k].name, &only, 1);
        for (int k = 0; k < (g->nasked ? g->nasked : 1); k++)
            CULL_TRY(add_array(r, name, g->nasked ? g->asked[k].kind : CULL__COL_NUMBER, 0, 1));
        return CULL_OK;
    }
    int64_t width = a->shape[1];
    for (int64_t k = 0; k < (g->nasked ? g->nasked : width); k++) {
        int64_t from = k;
        const char *want = g->nasked ? g->asked[k].name : NULL;
        if (want && (want[0] != 'c' || !cull__parse_i64(want + 1, strlen(want + 1), &from) ||
                     from < 0 || from >= width))
            return cull__fail(g->cx, CULL_EINPUT, "%s: no column '%.70s'; it has c0 to c%" PRId64,
                              g->path, want, width - 1);
        snprintf(name, sizeof name, "c%" PRId64, from);
        CULL_TRY(add_array(r, name, want ? g->asked[k].kind : CULL__COL_NUMBER, from, width));
    }
    return CULL_OK;
}

static cull_status one_member(cull__cols *r, const char *name, cull__col_kind kind,
                              cull__array_reader *reader)
{
    cull__filling *g = &r->g;
    char shape[208];
    cull_array a;
    cull_status s = reader(g->cx, g->path, name, r->bytes.at, r->bytes.n, &a);
    if (s == CULL_OK && a.ndim == 1) {
        CULL_TRY(keep_array(r, &a));
        return add_array(r, name, kind, 0, 1);
    }
    if (s == CULL_OK && g->nasked)
        s = cull__fail(g->cx, CULL_EINPUT, "%s: '%.70s' has shape %s; a column has one dimension",
                       g->path, name, cull__shape_text(&a, shape));
    else if (s == CULL_EINPUT && !g->nasked)
        s = CULL_OK; /* sound, but no numbers: text beside the scores */
    cull_array_free(&a);
    return s;
}

static cull_status members(cull__cols *r, cull__array_reader *reader, cull__array_lister *lister)
{
    cull__filling *g = &r->g;
    const char **all = NULL;
    int64_t n = g->nasked;
    if (!n) {
        CULL_TRY(lister(g->cx, g->path, r->bytes.at, r->bytes.n, &all, &n));
        if (n > MOST)
            return cull__fail(g->cx, CULL_EINPUT,
                              "%s: more than %d arrays; name those that you need", g->path, MOST);
    }
    for (int64_t i = 0; i < n; i++) {
        cull__mark_t mark = cull__mark(g->cx);
        cull_status s = one_member(r, all ? all[i] : g->asked[i].name,
                                   all ? CULL__COL_NUMBER : g->asked[i].kind, reader);
        cull__release(g->cx, mark);
        CULL_TRY(s);
    }
    return CULL_OK;
}

/* Rows of a column from the place that was come to. */
static cull_status read_array(cull__cols *r, cull__column *c, int64_t n)
{
    cull__filling *g = &r->g;
    const cull_array *a = &r->array[c->array];
    CULL_TRY(CULL_GROW(g->cx, c->v, &c->cap, n));
    if (c->width == 1) cull_array_f64(a, r->at, n, c->v);
    for (int64_t i = 0; c->width > 1 && i < n; i++)
        cull_array_f64(a, (r->at + i) * c->width + c->at, 1, c->v + i);
    if (c->kind != CULL__COL_KEY) return CULL_OK;
    for (g->rows = 0; g->rows < n; g->rows++) {
        g->line = r->at + g->rows;
        CULL_TRY(cull__put_number(g, c, c->v[g->rows]));
    }
    return CULL_OK;
}

static cull_status next_of_arrays(cull__cols *r, int64_t most)
{
    int64_t n = r->n - r->at < most ? r->n - r->at : most;
    for (int64_t k = 0; k < r->g.cols; k++) CULL_TRY(read_array(r, &r->g.c[k], n));
    r->g.rows = n;
    r->at += n;
    return CULL_OK;
}

/* ---- rows ---- */
static bool is_text(const char *path, const char *end)
{
    static const char *const text[] = {"csv", "tsv", "jsonl", "ndjson"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (!strcmp(end, text[i])) return true;
    return !strcmp(path, "-");
}

static cull_status open_form(cull__cols *r)
{
    cull__filling *g = &r->g;
    char end[16];
    const char *form = "";
    cull__array_reader *reader;
    cull_array a;
    cull__extension(g->path, end);
    bool file = strchr(g->path, ':') == NULL || access(g->path, F_OK) == 0;
    if (file && is_text(g->path, end)) {
        cull__reader *in;
        CULL_TRY(cull__reader_open(g->cx, g->path, &in));
        return cull__records_open(g, in, end, &r->text);
    }
    if (file) {
        CULL_TRY(cull__bytes_open(g->cx, g->path, &r->bytes));
        CULL_TRY(cull__array_form(g->cx, g->path, r->bytes.at, r->bytes.n, &form, &reader));
    }
    if (!strcmp(form, "npz")) return members(r, reader, cull__npz_names);
    if (!strcmp(form, "safetensors")) return members(r, reader, cull__safetensors_names);
    cull__bytes_close(&r->bytes); /* one array, perhaps path:NAME */
    r->bytes = (cull__bytes){0};
    CULL_TRY(cull_array_open(g->cx, g->path, NULL, &a));
    CULL_TRY(keep_array(r, &a));
    return matrix(r);
}

void cull__cols_close(cull__cols *r)
{
    if (!r) return;
    cull__records_close(r->text);
    for (int64_t i = 0; i < r->arrays; i++) cull_array_free(&r->array[i]);
    cull__bytes_close(&r->bytes);
    for (int64_t i = 0; i < r->g.cols; i++) {
        cull__column *c = &r->g.c[i];
        cull__free(c->name);
        cull__free(c->v);
        cull__dict_free(&c->keys.name);
        cull__free(c->keys.value);
    }
    cull__free(r->g.c);
    cull__free(r->array);
    cull__free(r->name);
    cull__free(r->col);
    cull__free(r);
}

cull_status cull__cols_open(cull_ctx *cx, const char *path, const cull__col *col, int n,
                            cull__cols **out)
{
    cull__cols *r;
    void *room;
    size_t length = strlen(path) + 1;
    *out = NULL;
    CULL_TRY(cull__alloc(cx, &room, (int64_t)(sizeof *r + length), 1));
    r = room;
    memcpy(r->path, path, length);
    r->g = (cull__filling){.cx = cx, .path = r->path, .asked = col, .nasked = n};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = open_form(r);
    cull__release(cx, mark);
    r->g.asked = NULL;
    if (s == CULL_OK)
        *out = r;
    else
        cull__cols_close(r);
    return s;
}

/* Drop what is not numeric and make the public table. */
static cull_status finish(cull__cols *r, cull_table *t)
{
    cull__filling *g = &r->g;
    *t = (cull_table){.n = g->rows};
    if (!r->name) CULL_TRY(CULL_ALLOC(g->cx, r->name, g->cols));
    if (!r->col) CULL_TRY(CULL_ALLOC(g->cx, r->col, g->cols));
    for (int64_t i = 0; i < g->cols; i++) {
        cull__column *c = &g->c[i];
        if (c->dropped || (!g->nasked && g->rows && !c->numbers)) continue;
        if (c->blank) {
            g->line = c->blank;
            return no_number(g, c, NULL, 0, "blank; every row needs a number");
        }
        CULL_TRY(CULL_GROW(g->cx, c->v, &c->cap, 1));
        r->name[t->cols] = c->name;
        r->col[t->cols++] = c->v;
    }
    if (!t->cols) return cull__fail(g->cx, CULL_EINPUT, "%s: no column of numbers", g->path);
    t->name = r->name;
    t->col = r->col;
    return CULL_OK;
}

cull_status cull__cols_next(cull_ctx *cx, cull__cols *r, int64_t most, cull_table *out)
{
    r->g.cx = cx;
    r->g.rows = 0;
    CULL_TRY(r->text ? cull__records_next(&r->g, r->text, most) : next_of_arrays(r, most));
    return finish(r, out);
}

int64_t cull__cols_line(const cull__cols *r) { return r->text ? r->g.line - 1 : 0; }
const cull__keys *cull__cols_keys(const cull__cols *r, int col) { return &r->g.c[col].keys; }

/* ---- a table, whole ---- */
void cull_table_close(cull_table_file *t)
{
    if (!t) return;
    cull__cols_close(t->r);
    cull__free(t);
}

const cull_table *cull_table_of(const cull_table_file *t) { return &t->t; }

static cull_status fill(cull_ctx *cx, const char *path, const char *const *columns, int n,
                        cull_table_file *f)
{
    cull__col *col;
    CULL_TRY(CULL_TMP(cx, col, n));
    for (int i = 0; i < n; i++) col[i] = (cull__col){columns[i], CULL__COL_NUMBER};
    CULL_TRY(cull__cols_open(cx, path, col, n, &f->r));
    return cull__cols_next(cx, f->r, INT64_MAX, &f->t);
}

cull_status cull_table_open(cull_ctx *cx, const char *path, const char *const *columns,
                            int ncolumns, cull_table_file **out)
{
    cull_table_file *f;
    *out = NULL;
    if (ncolumns < 0 || ncolumns > MOST)
        return cull__fail(cx, CULL_EINPUT, "%d columns are asked for; 0 to %d may be", ncolumns,
                          MOST);
    for (int i = 0; i < ncolumns; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(columns[i], columns[k]))
                return cull__fail(cx, CULL_EINPUT, "column '%s' is asked for twice", columns[i]);
    CULL_TRY(CULL_ALLOC(cx, f, 1));
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "reading columns");
    cull_status s = fill(cx, path, columns, ncolumns, f);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    if (s == CULL_OK)
        *out = f;
    else
        cull_table_close(f);
    return s;
}
