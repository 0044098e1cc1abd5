/* frame_cells.c - the cells of csv, tsv and jsonl records, each a number, a text or missing. */
#include "repr/frame.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 1 << 20, JSON_SPARE = 64 };

cull_status cull__no_column(cull_ctx *cx, const char *path, const char *name,
                            const char *const *have, int64_t n)
{
    char all[300], shown[80], want[80];
    size_t k = 0;
    all[0] = 0;
    cull__quote(name, strlen(name), want, sizeof want);
    const char *near = cull__nearest(name, have, n > 100000 ? 100000 : (int)n);
    if (near)
        return cull__fail(cx, CULL_EINPUT, "%s: no column '%s'; did you mean '%s'?", path, want,
                          cull__quote(near, strlen(near), shown, sizeof shown));
    for (int64_t i = 0; i < n && k < sizeof all - 100; i++) {
        cull__quote(have[i], strlen(have[i]), shown, sizeof shown);
        k += (size_t)snprintf(all + k, sizeof all - k, "%s%s", i ? ", " : "", shown);
        if (k >= sizeof all - 100 && i + 1 < n) strcpy(all + k, ", ...");
    }
    return cull__fail(cx, CULL_EINPUT, "%s: no column '%s'; it has %s", path, want, all);
}

static cull_status text_cell(cull__cells *r, int64_t column, const char *s, size_t n)
{
    cull__cell c = {.s = s, .n = n};
    while (c.n && (*c.s == ' ' || *c.s == '\t')) c.s++, c.n--;
    while (c.n && (c.s[c.n - 1] == ' ' || c.s[c.n - 1] == '\t')) c.n--;
    if (!c.n || cull__listed(r->missing, c.s, c.n))
        c.kind = CULL__CELL_NONE;
    else if (cull__parse_f64(c.s, c.n, &c.v))
        c.kind = isnan(c.v) ? CULL__CELL_NONE : CULL__CELL_NUMBER;
    else
        c.kind = CULL__CELL_TEXT;
    return r->cell(r->arg, column, &c);
}

/* ---- csv and tsv ---- */

/* to: which column each cell of a record is. */
static cull_status header(cull__cells *r, cull__csv *k, bool first, int32_t **to, int64_t *cells)
{
    int64_t cap = 0, n = 0;
    char shown[80];
    *to = NULL;
    do {
        int64_t before = r->names.n;
        CULL_TRY(cull__csv_cell(k));
        CULL_TRY(CULL_GROW(r->cx, *to, &cap, n + 1));
        if (n == MOST)
            return cull__fail(r->cx, CULL_EINPUT, "%s: more than %d columns", r->path, MOST);
        if (!k->n)
            return cull__fail(
                r->cx, CULL_EINPUT, "%s:1: column %" PRId64 " has no name%s", r->path, n + 1,
                n ? ""
                  : "; give it one, or write the table without its index (pandas: index=False)");
        if (!cull__utf8_ok(k->s, k->n, NULL))
            return cull__fail(r->cx, CULL_EINPUT,
                              "%s:1: the name of column %" PRId64 " is not UTF-8; convert the file "
                              "(iconv -t utf-8)",
                              r->path, n + 1);
        CULL_TRY(cull__dict_add(r->cx, &r->names, k->s, k->n, &(*to)[n]));
        cull__quote(k->s, k->n, shown, sizeof shown);
        bool known = r->names.n == before, twice = false;
        for (int64_t i = 0; known && i < n; i++) twice |= (*to)[i] == (*to)[n];
        if (twice) return cull__fail(r->cx, CULL_EINPUT, "%s:1: two columns '%s'", r->path, shown);
        if (!known && !first)
            return cull__fail(r->cx, CULL_EINPUT,
                              "%s:1: column '%s' is not in the first file; all need one header",
                              r->path, shown);
        n++;
    } while (!k->last);
    *cells = n;
    if (n == 1 && strpbrk(shown, ";|"))
        return cull__fail(
            r->cx, CULL_EINPUT,
            "%s:1: its one column is called '%s'; columns are separated by commas, or "
            "by tabs in a .tsv",
            r->path, shown);
    if (n == r->names.n) return CULL_OK;
    return cull__fail(r->cx, CULL_EINPUT, "%s:1: %" PRId64 " columns, the first file has %" PRId64,
                      r->path, n, r->names.n);
}

static cull_status csv_record(cull__cells *r, cull__csv *k, const int32_t *to, int64_t cells)
{
    int64_t i = 0, line = r->line;
    do {
        CULL_TRY(cull__csv_cell(k));
        if (i < cells) CULL_TRY(text_cell(r, to[i], k->s, k->n));
        i++;
    } while (!k->last);
    if (i != cells)
        return cull__fail(r->cx, CULL_EINPUT,
                          "%s:%" PRId64 ": the record has %" PRId64 " cells, the header %" PRId64,
                          r->path, line, i, cells);
    return r->end(r->arg);
}

static cull_status csv_all(cull__cells *r, const char *at, size_t n, char comma, bool first)
{
    int64_t cells = 0;
    int32_t *to = NULL;
    cull__csv k = {
        .cx = r->cx, .path = r->path, .line = &r->line, .at = at, .end = at + n, .comma = comma};
    if (n >= 3 && !memcmp(at, "\xef\xbb\xbf", 3)) k.at += 3;
    if (k.at == k.end) return cull__fail(r->cx, CULL_EINPUT, "%s: the file is empty", r->path);
    r->line = 1;
    cull_status s = header(r, &k, first, &to, &cells);
    /* a record of one cell may be an empty line, but not at the end */
    while (s == CULL_OK && cells == 1 && k.end > k.at && (k.end[-1] == '\n' || k.end[-1] == '\r'))
        k.end--;
    for (r->line++; s == CULL_OK && k.at < k.end; r->line++) {
        if (cells > 1 && cull__csv_empty(&k)) continue;
        s = csv_record(r, &k, to, cells);
        if (s == CULL_OK && r->line % 4096 == 0)
            s = cull__tick(r->cx, (double)(k.at - at), (double)n);
    }
    cull__csv_free(&k);
    cull__free(to);
    return s;
}

/* ---- jsonl ---- */

struct member {
    cull__cells *r;
    cull_status s;
};

static bool on_member(void *arg, const char *key, size_t n, cull__json_value v)
{
    struct member *m = arg;
    cull__cells *r = m->r;
    int32_t column;
    char number[32];
    cull__cell c = {0};
    m->s = cull__dict_add(r->cx, &r->names, key, n, &column);
    if (m->s != CULL_OK) return false;
    switch (cull__json_kind(v)) {
    case CULL__JSON_NULL: break;
    case CULL__JSON_BOOL:
        c.kind = CULL__CELL_NUMBER, c.v = cull__json_truth(v);
        c.s = c.v ? "true" : "false", c.n = strlen(c.s);
        break;
    case CULL__JSON_NUMBER:
        c.kind = cull__json_number(v, &c.v) ? CULL__CELL_NUMBER : CULL__CELL_NONE;
        break;
    case CULL__JSON_STRING:
        c.s = cull__json_string(v, &c.n);
        c.kind = !c.n || cull__listed(r->missing, c.s, c.n) ? CULL__CELL_NONE : CULL__CELL_TEXT;
        break;
    default:
        m->s = cull__fail(r->cx, CULL_EINPUT,
                          "%s:%" PRId64 ": field '%.*s' holds several values; a column takes one",
                          r->path, r->line, n > 70 ? 70 : (int)n, key);
        return false;
    }
    if (c.kind == CULL__CELL_NUMBER && !c.s)
        c.s = cull__format_f64(c.v, number), c.n = strlen(number);
    m->s = r->cell(r->arg, column, &c);
    return m->s == CULL_OK;
}

static cull_status json_record(cull__cells *r, cull__json_parser *p, const char *s, size_t n)
{
    cull__json_value root;
    const char *why, *key;
    size_t where, key_n;
    if (!cull__json_parse(p, s, n, &root, &why, &where)) {
        if (where == SIZE_MAX) return cull__fail(r->cx, CULL_ENOMEM, "%s: %s", r->path, why);
        return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": byte %zu of the line: %s", r->path,
                          r->line, where + 1, why);
    }
    if (cull__json_kind(root) != CULL__JSON_OBJECT)
        return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": the record is no object", r->path,
                          r->line);
    CULL_TRY(cull__json_twice(r->cx, root, &key, &key_n));
    if (key)
        return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": the record has '%.*s' twice",
                          r->path, r->line, key_n > 70 ? 70 : (int)key_n, key);
    struct member m = {r, CULL_OK};
    if (!cull__json_each(root, on_member, &m)) return m.s;
    return r->end(r->arg);
}

/* The parser reads up to JSON_SPARE bytes past a line, so the last lines are copied. */
static cull_status json_line(cull__cells *r, cull__json_parser *p, const char *s, size_t n,
                             const char *end)
{
    char *copy;
    while (n && (s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    if (!n) return CULL_OK;
    if ((size_t)(end - s) >= n + JSON_SPARE) return json_record(r, p, s, n);
    CULL_TRY(CULL_TMP0(r->cx, copy, (int64_t)n + JSON_SPARE));
    memcpy(copy, s, n);
    return json_record(r, p, copy, n);
}

static cull_status jsonl_all(cull__cells *r, const char *at, size_t n)
{
    cull__json_parser *p;
    const char *end = at + n, *s = at;
    if (n >= 3 && !memcmp(at, "\xef\xbb\xbf", 3)) s += 3;
    CULL_TRY(cull__json_parser_new(r->cx, &p));
    cull_status st = CULL_OK;
    for (r->line = 1; st == CULL_OK && s < end; r->line++) {
        const char *e = memchr(s, '\n', (size_t)(end - s));
        if (!e) e = end;
        cull__mark_t mark = cull__mark(r->cx);
        st = json_line(r, p, s, (size_t)(e - s), end);
        cull__release(r->cx, mark);
        s = e + 1;
        if (st == CULL_OK && r->line % 4096 == 0)
            st = cull__tick(r->cx, (double)(s - at), (double)n);
    }
    cull__json_parser_free(p);
    return st;
}

cull_status cull__cells_read(cull__cells *r, const char *path, const cull__bytes *b, bool first)
{
    char ext[16];
    const char *s = (const char *)b->at;
    size_t i = 0;
    bool sniff = !strcmp(path, "-");
    r->path = path;
    CULL_TRY(cull__not_utf16(r->cx, path, b->at, b->n));
    cull__extension(path, ext);
    while (sniff && i < b->n && strchr(" \t\r\n", s[i])) i++;
    if (sniff ? i < b->n && s[i] == '{' : !strcmp(ext, "jsonl") || !strcmp(ext, "ndjson"))
        return jsonl_all(r, s, b->n);
    return csv_all(r, s, b->n, strcmp(ext, "tsv") ? ',' : '\t', first);
}
