/* eval_rows.c - cells of csv, tsv and jsonl as text. See eval_rows.h. */
#include "search/eval_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { JSON_SPARE = 64 };

typedef struct {
    cull_ctx *cx;
    const char *path;
    const char *const *column;
    int columns;
    cull__row_fn *fn;
    void *user;
    int64_t line, rows;
    cull__cell *cell;
    int *like;   /* columns: an earlier one of the same name, -1 = none */
    bool *there; /* columns: whether the header has them is all that is asked; NULL = it is not */
} reading;

bool cull__rows_are_text(const char *path)
{
    char ext[16];
    cull__extension(path, ext);
    return !strcmp(path, "-") || !strcmp(ext, "csv") || !strcmp(ext, "tsv") ||
           !strcmp(ext, "jsonl") || !strcmp(ext, "ndjson");
}

static cull_status keep(reading *g, int i, const char *s, size_t n)
{
    char *copy;
    while (n && (*s == ' ' || *s == '\t')) s++, n--;
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    CULL_TRY(CULL_TMP(g->cx, copy, (int64_t)n + 1));
    memcpy(copy, s, n);
    copy[n] = 0;
    g->cell[i] = (cull__cell){.s = copy, .n = n};
    return CULL_OK;
}

static cull_status no_column(reading *g, const char *want, const char *const *have, int64_t n)
{
    char shown[80], nearest[80];
    cull__quote(want, strlen(want), shown, sizeof shown);
    const char *near = cull__nearest(want, have, n > 4096 ? 4096 : (int)n);
    if (near)
        return cull__fail(g->cx, CULL_EINPUT, "%s: no column '%s'; did you mean '%s'?", g->path,
                          shown, cull__quote(near, strlen(near), nearest, sizeof nearest));
    return cull__fail(g->cx, CULL_EINPUT, "%s: no column '%s' among its %" PRId64, g->path, shown,
                      n);
}

/* ---- csv and tsv ---- */

/* to[i]: the column that the i-th cell is, or -1. */
static cull_status header(reading *g, cull__csv *r, int64_t *cells, int **to)
{
    const char **name;
    int64_t n;
    CULL_TRY(cull__csv_names(r, &name, &n));
    cull_status s = CULL_TMP(g->cx, *to, n);
    for (int64_t i = 0; s == CULL_OK && i < n; i++) (*to)[i] = -1;
    for (int a = 0; s == CULL_OK && a < g->columns; a++) {
        int64_t at = -1;
        for (int64_t i = 0; i < n; i++) {
            if (strcmp(name[i], g->column[a])) continue;
            if (at >= 0)
                s = cull__fail(g->cx, CULL_EINPUT, "%s: two columns '%.70s'", g->path, name[i]);
            at = i;
        }
        if (g->there) {
            g->there[a] = at >= 0;
            continue;
        }
        if (s == CULL_OK && at < 0) s = no_column(g, g->column[a], name, n);
        if (s != CULL_OK) break;
        g->like[a] = (*to)[at];
        if (g->like[a] < 0) (*to)[at] = a;
    }
    *cells = n;
    cull__free(name);
    return s;
}

static cull_status record(reading *g, cull__csv *r, int64_t cells, const int *to)
{
    int64_t i = 0, first = g->line;
    do {
        CULL_TRY(cull__csv_cell(r));
        if (i < cells && to[i] >= 0) CULL_TRY(keep(g, to[i], r->s, r->n));
        i++;
    } while (!r->last);
    if (i != cells)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s:%" PRId64 ": the record has %" PRId64 " cells, the header %" PRId64,
                          g->path, first, i, cells);
    for (int a = 0; a < g->columns; a++)
        if (g->like[a] >= 0) g->cell[a] = g->cell[g->like[a]];
    g->rows++;
    return g->fn(g->cx, g->user, first, g->cell);
}

static cull_status csv(reading *g, const char *at, size_t n, char comma)
{
    cull__csv r = {
        .cx = g->cx, .path = g->path, .line = &g->line, .at = at, .end = at + n, .comma = comma};
    int64_t cells;
    int *to;
    if (n >= 3 && !memcmp(at, "\xef\xbb\xbf", 3)) r.at += 3;
    if (r.at == r.end) return cull__fail(g->cx, CULL_EINPUT, "%s: the file is empty", g->path);
    g->line = 1;
    cull_status s = header(g, &r, &cells, &to);
    for (g->line++; !g->there && s == CULL_OK && r.at < r.end; g->line++) {
        if (cull__csv_empty(&r)) continue;
        cull__mark_t m = cull__mark(g->cx);
        s = record(g, &r, cells, to);
        cull__release(g->cx, m);
        if (s == CULL_OK && g->rows % 4096 == 0)
            s = cull__tick(g->cx, (double)(r.at - at), (double)n);
    }
    cull__csv_free(&r);
    return s;
}

/* ---- jsonl ---- */

/* A text's or number's text; NULL: it is neither. */
static const char *scalar(cull__json_value v, char buf[32], size_t *n)
{
    int64_t whole;
    double number;
    if (cull__json_kind(v) == CULL__JSON_STRING) return cull__json_string(v, n);
    if (cull__json_kind(v) != CULL__JSON_NUMBER) return NULL;
    if (cull__json_integer(v, &whole))
        snprintf(buf, 32, "%" PRId64, whole);
    else if (cull__json_number(v, &number))
        cull__format_f64(number, buf);
    else
        return NULL;
    *n = strlen(buf);
    return buf;
}

static bool item(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    cull_buf *b = arg;
    char buf[32];
    size_t n;
    const char *s = scalar(v, buf, &n);
    (void)key, (void)key_n;
    if (s && b->n) cull__buf_add(b, ",", 1);
    if (s) cull__buf_add(b, s, n);
    return s != NULL;
}

static cull_status json_cell(reading *g, int i, cull__json_value root)
{
    cull__json_value v;
    char buf[32];
    size_t n;
    if (!cull__json_get(root, g->column[i], &v) || cull__json_kind(v) == CULL__JSON_NULL)
        return keep(g, i, "", 0);
    if (cull__json_kind(v) == CULL__JSON_BOOL) {
        CULL_TRY(keep(g, i, cull__json_truth(v) ? "1" : "0", 1));
        g->cell[i].truth = true;
        return CULL_OK;
    }
    const char *s = scalar(v, buf, &n);
    if (s) return keep(g, i, s, n);
    cull_buf b = CULL_BUF(g->cx);
    if (cull__json_kind(v) == CULL__JSON_ARRAY && cull__json_each(v, item, &b)) {
        cull_status st = b.status == CULL_OK ? keep(g, i, b.n ? b.at : "", b.n) : b.status;
        cull__buf_free(&b);
        g->cell[i].list = true;
        return st;
    }
    cull__buf_free(&b);
    return cull__fail(g->cx, CULL_EINPUT,
                      "%s:%" PRId64 ": '%.70s' is no number, no text and no list of them", g->path,
                      g->line, g->column[i]);
}

static cull_status json_line(reading *g, cull__json_parser *p, const char *s, size_t n)
{
    cull__json_value root;
    const char *why;
    size_t where;
    char *copy;
    while (n && strchr(" \t\r", s[n - 1])) n--;
    if (!n) return CULL_OK;
    CULL_TRY(CULL_TMP0(g->cx, copy, (int64_t)n + JSON_SPARE));
    memcpy(copy, s, n);
    if (!cull__json_parse(p, copy, n, &root, &why, &where))
        return cull__fail(g->cx, where == SIZE_MAX ? CULL_ENOMEM : CULL_EINPUT,
                          "%s:%" PRId64 ": byte %zu of the line: %s", g->path, g->line, where + 1,
                          why);
    if (cull__json_kind(root) != CULL__JSON_OBJECT)
        return cull__fail(g->cx, CULL_EINPUT, "%s:%" PRId64 ": the record is no object", g->path,
                          g->line);
    for (int i = 0; i < g->columns; i++) CULL_TRY(json_cell(g, i, root));
    g->rows++;
    return g->fn(g->cx, g->user, g->line, g->cell);
}

static cull_status jsonl(reading *g, const char *at, size_t n)
{
    cull__json_parser *p;
    const char *end = at + n, *s = at;
    cull_status st = CULL_OK;
    if (n >= 3 && !memcmp(at, "\xef\xbb\xbf", 3)) s += 3;
    CULL_TRY(cull__json_parser_new(g->cx, &p));
    for (g->line = 1; st == CULL_OK && s < end; g->line++) {
        const char *e = memchr(s, '\n', (size_t)(end - s));
        if (!e) e = end;
        cull__mark_t m = cull__mark(g->cx);
        st = json_line(g, p, s, (size_t)(e - s));
        cull__release(g->cx, m);
        s = e + 1;
        if (st == CULL_OK && g->line % 4096 == 0)
            st = cull__tick(g->cx, (double)(s - at), (double)n);
    }
    cull__json_parser_free(p);
    return st;
}

/* ---- either ---- */

static cull_status read_all(reading *g, const cull__bytes *b)
{
    char ext[16];
    const char *at = (const char *)b->at;
    size_t i = 0;
    cull__extension(g->path, ext);
    CULL_TRY(CULL_TMP(g->cx, g->cell, g->columns));
    CULL_TRY(CULL_TMP(g->cx, g->like, g->columns));
    bool sniff = !strcmp(g->path, "-");
    while (sniff && i < b->n && strchr(" \t\r\n", at[i])) i++;
    bool lines = sniff ? i < b->n && at[i] == '{' : !strcmp(ext, "jsonl") || !strcmp(ext, "ndjson");
    for (int a = 0; lines && g->there && a < g->columns; a++) g->there[a] = true;
    if (lines && g->there) return CULL_OK;
    CULL_TRY(lines ? jsonl(g, at, b->n) : csv(g, at, b->n, strcmp(ext, "tsv") ? ',' : '\t'));
    return g->rows || g->there ? CULL_OK
                               : cull__fail(g->cx, CULL_EINPUT, "%s: it holds no row", g->path);
}

static cull_status open_and_read(reading *g)
{
    cull__bytes b;
    CULL_TRY(cull__bytes_open(g->cx, g->path, &b));
    cull__mark_t m = cull__mark(g->cx);
    cull_status s = read_all(g, &b);
    cull__release(g->cx, m);
    cull__bytes_close(&b);
    return s;
}

cull_status cull__rows_read(cull_ctx *cx, const char *path, const char *const *column, int columns,
                            cull__row_fn *fn, void *user)
{
    reading g = {
        .cx = cx, .path = path, .column = column, .columns = columns, .fn = fn, .user = user};
    return open_and_read(&g);
}

cull_status cull__rows_have(cull_ctx *cx, const char *path, const char *const *column, int columns,
                            bool *there)
{
    reading g = {.cx = cx, .path = path, .column = column, .columns = columns, .there = there};
    return open_and_read(&g);
}

/* ---- a cell as a parameter's value ---- */

static bool has_value(const cull_space_param *p, const char *word)
{
    for (int64_t k = 0; p->value && k < p->n; k++)
        if (!strcmp(p->value[k], word)) return true;
    return false;
}

/* What of the parameter's values a cell's true or false is, a JSON's or one that Python wrote; else the cell's text. */
static const char *word_of(const cull_space_param *p, const cull__cell *c)
{
    bool python = !strcmp(c->s, "True") || !strcmp(c->s, "False");
    bool of_words = p->kind == CULL_SPACE_CATEGORY || p->kind == CULL_SPACE_ORDINAL;
    if (!of_words || !(c->truth || python) || (python && has_value(p, c->s))) return c->s;
    bool yes = *c->s == '1' || *c->s == 'T';
    const char *truth = p->role == CULL_SPACE_OPTIONAL ? yes ? "yes" : "no"
                        : yes                          ? "true"
                                                       : "false";
    return has_value(p, truth) ? truth : c->s;
}

cull_status cull__rows_set(cull_ctx *cx, const cull_space *space, int param, const cull__cell *c,
                           double *x)
{
    const cull_space_param *p = cull_space_at(space, param);
    const char *word = word_of(p, c);
    char *copy;
    char sign = p->kind == CULL_SPACE_SUBSET        ? '+'
                : p->kind == CULL_SPACE_PERMUTATION ? '>'
                : p->kind == CULL_SPACE_SIMPLEX     ? '/'
                                                    : 0;
    if (!c->list || !sign) return cull_space_set(cx, space, param, word, x);
    if (!c->n) return cull_space_set(cx, space, param, "+", x);
    cull__mark_t m = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)c->n + 1));
    for (size_t i = 0; i <= c->n; i++) copy[i] = c->s[i] == ',' ? sign : c->s[i];
    cull_status s = cull_space_set(cx, space, param, copy, x);
    cull__release(cx, m);
    return s;
}
