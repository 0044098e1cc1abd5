/* table_text.c - records of csv, tsv and jsonl as numbers in columns, a part of the text at a time (table.h). */
#define _GNU_SOURCE
#include "io/table.h"

#include <inttypes.h>
#include <string.h>

enum { PART = 1 << 18, JSON_SPARE = 64 }; /* the parser of JSON reads so far past a text */

struct cull__records {
    cull__reader *in;
    char *buf;
    int64_t cap;
    size_t at, n;   /* buf[at .. n) is still to be read */
    size_t whole;   /* where its last line ends */
    bool end, json; /* end: the file has no more */
    int64_t seen;   /* records before those of the filling */
    cull__csv csv;
    int64_t cells, empty; /* of a record; of one cell: empty lines before this one */
    int64_t *to; /* (2 cells) the columns a cell goes to, as a number and as a key; -1 = none */
    cull__json_parser *p;
};

void cull__records_close(cull__records *t)
{
    if (!t) return;
    cull__reader_close(t->in);
    cull__json_parser_free(t->p);
    cull__csv_free(&t->csv);
    cull__free(t->buf);
    cull__free(t->to);
    cull__free(t);
}

static cull_status more(cull__filling *g, cull__records *t)
{
    size_t got;
    if (t->at) memmove(t->buf, t->buf + t->at, t->n - t->at);
    t->n -= t->at;
    t->at = 0;
    CULL_TRY(CULL_GROW(g->cx, t->buf, &t->cap, (int64_t)t->n + PART + JSON_SPARE));
    CULL_TRY(cull__read(g->cx, t->in, t->buf + t->n, (size_t)t->cap - JSON_SPARE - t->n, &got));
    t->n += got;
    memset(t->buf + t->n, 0, JSON_SPARE);
    t->end = got == 0;
    const char *last = memrchr(t->buf, '\n', t->n);
    t->whole = t->end ? t->n : last ? (size_t)(last - t->buf) + 1 : 0;
    return cull__tick(g->cx, (double)cull__reader_offset(t->in), (double)cull__reader_size(t->in));
}

/* ---- csv and tsv ---- */
static cull_status csv_cell(cull__filling *g, const cull__csv *r, const int64_t to[2])
{
    for (int k = 0; k < 2; k++) {
        if (to[k] < 0) continue;
        cull__column *c = &g->c[to[k]];
        double v;
        size_t i = 0;
        while (i < r->n && (r->s[i] == ' ' || r->s[i] == '\t')) i++;
        if (i == r->n)
            CULL_TRY(cull__put_blank(g, c));
        else if (c->dropped)
            continue;
        else if (cull__parse_f64(r->s, r->n, &v))
            CULL_TRY(cull__put_number(g, c, v));
        else
            CULL_TRY(cull__put_text(g, c, r->s, r->n, "no number"));
    }
    return CULL_OK;
}

/* t->csv.cut: the record is not whole, and was not read. */
static cull_status csv_record(cull__filling *g, cull__records *t)
{
    cull__csv *r = &t->csv;
    int64_t i = 0, first = g->line;
    do {
        CULL_TRY(cull__csv_cell(r));
        if (r->cut) return CULL_OK;
        if (i < t->cells) CULL_TRY(csv_cell(g, r, t->to + 2 * i));
        i++;
    } while (!r->last);
    if (i != t->cells)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s:%" PRId64 ": the record has %" PRId64 " cells, the header %" PRId64,
                          g->path, first, i, t->cells);
    g->rows++;
    return CULL_OK;
}

/* An empty line is a record only where records have one cell and another one follows. */
static cull_status csv_line(cull__filling *g, cull__records *t)
{
    cull__csv *r = &t->csv;
    const char *from = r->at;
    bool empty = cull__csv_empty(r);
    if (t->cells > 1 && empty) return CULL_OK;
    if (empty) {
        t->empty++;
        return CULL_OK;
    }
    if (!t->empty) return csv_record(g, t);
    int64_t now = g->line;
    cull__csv none = {.s = "", .n = 0};
    g->line = now - t->empty--;
    CULL_TRY(csv_cell(g, &none, t->to));
    g->rows++;
    g->line = now - 1; /* the line itself comes again */
    r->at = from;
    return CULL_OK;
}

static cull_status csv_next(cull__filling *g, cull__records *t, int64_t most)
{
    cull__csv *r = &t->csv;
    while (g->rows < most) {
        if (t->at >= t->whole) {
            if (t->end) break;
            CULL_TRY(more(g, t));
            continue;
        }
        r->at = t->buf + t->at;
        r->end = t->buf + t->whole;
        r->more = !t->end;
        r->cut = false;
        while (g->rows < most && r->at < r->end) {
            const char *from = r->at;
            int64_t line = g->line;
            CULL_TRY(csv_line(g, t));
            if (r->cut) {
                r->at = from;
                g->line = line;
                break;
            }
            g->line++;
        }
        t->at = (size_t)(r->at - t->buf);
        if (r->cut) CULL_TRY(more(g, t));
    }
    return CULL_OK;
}

/* Where the columns that are asked for stand among the cells. */
static cull_status find_columns(cull__filling *g, cull__records *t, const char *const *names)
{
    for (int a = 0; a < g->nasked; a++) {
        const cull__col *want = &g->asked[a];
        int64_t found = -1, twice = -1;
        for (int64_t i = 0; i < t->cells; i++)
            if (!strcmp(names[i], want->name)) found < 0 ? (found = i) : (twice = i);
        if (found < 0) return cull__unknown_column(g, want->name, names, t->cells);
        if (twice >= 0)
            return cull__fail(g->cx, CULL_EINPUT, "%s:1: two columns '%s'", g->path, want->name);
        t->to[2 * found + (want->kind == CULL__COL_KEY)] = a;
        CULL_TRY(cull__add_column(g, want->name, strlen(want->name), want->kind));
    }
    for (int64_t i = 0; !g->nasked && i < t->cells; i++) {
        t->to[2 * i] = i;
        CULL_TRY(cull__add_column(g, names[i], strlen(names[i]), CULL__COL_NUMBER));
    }
    return CULL_OK;
}

static cull_status csv_header(cull__filling *g, cull__records *t)
{
    const char **names = NULL;
    cull__csv *r = &t->csv;
    for (;;) {
        r->at = t->buf + t->at;
        r->end = t->buf + t->whole;
        r->more = !t->end;
        r->cut = false;
        g->line = 1;
        if (t->whole > t->at) CULL_TRY(cull__csv_names(r, &names, &t->cells));
        if (t->whole > t->at && !r->cut) break;
        cull__free(names);
        names = NULL;
        if (t->end) return cull__fail(g->cx, CULL_EINPUT, "%s: the file is empty", g->path);
        CULL_TRY(more(g, t));
    }
    t->at = (size_t)(r->at - t->buf);
    cull_status s = CULL_ALLOC(g->cx, t->to, 2 * t->cells);
    for (int64_t i = 0; s == CULL_OK && i < 2 * t->cells; i++) t->to[i] = -1;
    if (s == CULL_OK) s = find_columns(g, t, names);
    cull__free(names);
    g->line++;
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

static cull_status json_cell(cull__filling *g, cull__column *c, cull__json_value record)
{
    cull__json_value v;
    const char *s;
    double x;
    size_t n;
    if (!field(record, c->name, &v)) return cull__put_blank(g, c);
    switch (cull__json_kind(v)) {
    case CULL__JSON_NULL: return cull__put_blank(g, c);
    case CULL__JSON_BOOL: return cull__put_number(g, c, cull__json_truth(v));
    case CULL__JSON_NUMBER:
        if (cull__json_number(v, &x)) return cull__put_number(g, c, x);
        break;
    case CULL__JSON_STRING:
        s = cull__json_string(v, &n);
        return cull__put_text(g, c, s, n, "a string and no number");
    case CULL__JSON_ARRAY: return cull__put_text(g, c, NULL, 0, "an array and no number");
    case CULL__JSON_OBJECT: return cull__put_text(g, c, NULL, 0, "an object and no number");
    }
    return cull__put_text(g, c, NULL, 0, "no number");
}

struct first {
    cull__filling *g;
    cull_status s;
};
static bool on_key(void *arg, const char *key, size_t n, cull__json_value v)
{
    struct first *k = arg;
    (void)v;
    k->s = memchr(key, 0, n) ? CULL_OK : cull__add_column(k->g, key, n, CULL__COL_NUMBER);
    return k->s == CULL_OK;
}

static cull_status json_record(cull__filling *g, cull__records *t, const char *s, size_t n)
{
    cull__json_value root;
    const char *why, *key;
    size_t where, key_n;
    if (!cull__json_parse(t->p, s, n, &root, &why, &where)) {
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
    if (!t->seen && !g->rows && !g->nasked) {
        struct first k = {g, CULL_OK};
        if (!cull__json_each(root, on_key, &k)) return k.s;
    }
    for (int64_t i = 0; i < g->cols; i++) CULL_TRY(json_cell(g, &g->c[i], root));
    g->rows++;
    return CULL_OK;
}

static cull_status jsonl_next(cull__filling *g, cull__records *t, int64_t most)
{
    while (g->rows < most) {
        if (t->at >= t->whole) {
            if (t->end) break;
            CULL_TRY(more(g, t));
            continue;
        }
        const char *s = t->buf + t->at, *e = memchr(s, '\n', t->whole - t->at);
        size_t n = e ? (size_t)(e - s) : t->whole - t->at;
        t->at += n + (e != NULL);
        while (n && (s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
        cull__mark_t mark = cull__mark(g->cx);
        cull_status st = n ? json_record(g, t, s, n) : CULL_OK;
        cull__release(g->cx, mark);
        CULL_TRY(st);
        g->line++;
    }
    if (!t->seen && !g->rows)
        return cull__fail(g->cx, CULL_EINPUT, "%s: it holds no record", g->path);
    return CULL_OK;
}

/* ---- either ---- */
cull_status cull__records_next(cull__filling *g, cull__records *t, int64_t most)
{
    t->csv.cx = g->cx;
    cull_status s = t->json ? jsonl_next(g, t, most) : csv_next(g, t, most);
    t->seen += g->rows;
    return s;
}

/* Standard input has no name that says what it is. */
static cull_status sniff(cull__filling *g, cull__records *t)
{
    size_t i = 0;
    for (;;) {
        while (i < t->n && strchr(" \t\r\n", t->buf[i])) i++;
        if (i < t->n || t->end) break;
        CULL_TRY(more(g, t));
    }
    t->json = i < t->n && t->buf[i] == '{';
    return CULL_OK;
}

static cull_status begin(cull__filling *g, cull__records *t, const char *end)
{
    t->json = !strcmp(end, "jsonl") || !strcmp(end, "ndjson");
    t->csv = (cull__csv){
        .cx = g->cx, .path = g->path, .line = &g->line, .comma = strcmp(end, "tsv") ? ',' : '\t'};
    CULL_TRY(more(g, t));
    if (!strcmp(g->path, "-")) CULL_TRY(sniff(g, t));
    while (t->n < 3 && !t->end) CULL_TRY(more(g, t));
    CULL_TRY(cull__not_utf16(g->cx, g->path, t->buf, (size_t)t->n));
    if (t->n >= 3 && !memcmp(t->buf, "\xef\xbb\xbf", 3)) t->at = 3;
    if (!t->json) return csv_header(g, t);
    for (int a = 0; a < g->nasked; a++)
        CULL_TRY(cull__add_column(g, g->asked[a].name, strlen(g->asked[a].name), g->asked[a].kind));
    g->line = 1;
    return cull__json_parser_new(g->cx, &t->p);
}

cull_status cull__records_open(cull__filling *g, cull__reader *in, const char *end,
                               cull__records **out)
{
    cull__records *t;
    *out = NULL;
    cull_status s = CULL_ALLOC(g->cx, t, 1);
    if (s != CULL_OK) {
        cull__reader_close(in);
        return s;
    }
    t->in = in;
    *out = t;
    return begin(g, t, end);
}
