/* list.c - bare lists of rows: a table with a column `row`, a number a line, an array of numbers.
 *
 * Tables: fields apart by tab, where \t \n \r \\ stand for themselves (as cull writes them), or by
 * comma with quotes as in RFC 4180. */
#include "report/read.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS = 64 };
typedef struct {
    const char *at;
    size_t n;
} field;

/* A cursor over the text; fields are undone into `buf`, which holds the longest record. */
typedef struct {
    cull__reading *g;
    const char *at, *end;
    int64_t line, start; /* of the cursor; of the record */
    char *buf;
    bool tabs;
} table;

static cull_status damaged(table *t, const char *why)
{
    return cull__fail(t->g->cx, CULL_EINPUT, "%s:%" PRId64 ": %s", t->g->path, t->start, why);
}

static char *plain(table *t, char *to)
{
    for (; t->at < t->end && *t->at != '\n' && *t->at != (t->tabs ? '\t' : ','); t->at++) {
        char c = *t->at;
        if (t->tabs && c == '\\' && t->at + 1 < t->end) {
            char e = t->at[1], as = e == 't' ? '\t' : e == 'n' ? '\n' : e == 'r' ? '\r' : e;
            if (strchr("tnr\\", e) && e) c = as, t->at++;
        }
        *to++ = c;
    }
    return to;
}

static cull_status quoted(table *t, char **to)
{
    for (t->at++; t->at < t->end; t->at++) {
        if (*t->at == '"') {
            if (t->at + 1 == t->end || t->at[1] != '"') {
                t->at++;
                return CULL_OK;
            }
            t->at++;
        }
        if (*t->at == '\n') t->line++;
        *(*to)++ = *t->at;
    }
    return damaged(t, "a quote is not closed");
}

/* The next record's fields; n = 0 at the end. Blank lines are skipped. */
static cull_status record(table *t, field *f, int *n)
{
    *n = 0;
    while (t->at < t->end &&
           (*t->at == '\n' || (*t->at == '\r' && t->at + 1 < t->end && t->at[1] == '\n')))
        if (*t->at++ == '\n') t->line++;
    t->start = t->line;
    if (t->at == t->end) return CULL_OK;
    char *to = t->buf;
    for (;;) {
        char *from = to;
        bool quote = !t->tabs && t->at < t->end && *t->at == '"';
        if (quote) CULL_TRY(quoted(t, &to));
        to = plain(t, to);
        bool last = t->at == t->end || *t->at == '\n';
        if (last && to > from && to[-1] == '\r') to--;
        if (*n == FIELDS) return damaged(t, "over 64 columns");
        f[(*n)++] = (field){from, (size_t)(to - from)};
        if (t->at == t->end) return CULL_OK;
        if (*t->at++ == '\n') {
            t->line++;
            return CULL_OK;
        }
        if (t->at == t->end) { /* an empty last field */
            if (*n == FIELDS) return damaged(t, "over 64 columns");
            f[(*n)++] = (field){to, 0};
            return CULL_OK;
        }
    }
}

static int column(const field *head, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (head[i].n == strlen(name) && !memcmp(head[i].at, name, head[i].n)) return i;
    return -1;
}

static cull_status no_row(table *t, const field *head, int n)
{
    char list[160] = "", q[40];
    size_t k = 0;
    for (int i = 0; i < n && k < 120; i++)
        k += (size_t)snprintf(list + k, sizeof list - k, "%s%s", i ? ", " : "",
                              cull__quote(head[i].at, head[i].n, q, sizeof q));
    return cull__fail(t->g->cx, CULL_EINPUT, "%s:1: no column 'row'; it has %s", t->g->path, list);
}

static cull_status row_number(cull__reading *g, const char *where, field f, int64_t *row)
{
    char q[48];
    double v;
    cull__quote(f.at, f.n, q, sizeof q);
    if (cull__parse_i64(f.at, f.n, row)) return CULL_OK;
    /* other programs write rows as 12.0 */
    if (cull__parse_f64(f.at, f.n, &v)) {
        if (v != floor(v) || isinf(v))
            return cull__fail(g->cx, CULL_EINPUT, "%s: row %s is not whole", where, q);
        if (fabs(v) <= 9007199254740992.0) {
            *row = (int64_t)v;
            return CULL_OK;
        }
    }
    return cull__fail(g->cx, CULL_EINPUT, "%s: '%s' is no row number", where, q);
}

static cull_status values(table *t, const char *where, const field *f, int n, const int c[3],
                          double *score, int32_t *by)
{
    char q[48];
    int64_t v;
    *score = NAN, *by = -1;
    if (c[1] >= 0 && c[1] < n && f[c[1]].n && !cull__parse_f64(f[c[1]].at, f[c[1]].n, score))
        return cull__fail(t->g->cx, CULL_EINPUT, "%s: score '%s' is no number", where,
                          cull__quote(f[c[1]].at, f[c[1]].n, q, sizeof q));
    if (c[2] < 0 || c[2] >= n || !f[c[2]].n) return CULL_OK;
    if (!cull__parse_i64(f[c[2]].at, f[c[2]].n, &v) || v < -1 || v > INT32_MAX)
        return cull__fail(t->g->cx, CULL_EINPUT, "%s: by '%s' is no number from 0", where,
                          cull__quote(f[c[2]].at, f[c[2]].n, q, sizeof q));
    *by = (int32_t)v;
    return CULL_OK;
}

static cull_status read_table(table *t)
{
    field f[FIELDS];
    char where[1024];
    int n, c[3]; /* row, score, by */
    CULL_TRY(record(t, f, &n));
    if (!n)
        return cull__fail(t->g->cx, CULL_EINPUT, "%s: empty; it needs a column 'row'", t->g->path);
    int id = column(f, n, "id"), wide = n;
    c[0] = column(f, n, "row"), c[1] = column(f, n, "score"), c[2] = column(f, n, "by");
    if (c[0] < 0) return no_row(t, f, n);
    for (;;) {
        int64_t row;
        double score;
        int32_t by;
        CULL_TRY(record(t, f, &n));
        if (!n) return CULL_OK;
        snprintf(where, sizeof where, "%s:%" PRId64, t->g->path, t->start);
        if (n != wide)
            return cull__fail(t->g->cx, CULL_EINPUT, "%s: %d columns, the header has %d", where, n,
                              wide);
        CULL_TRY(row_number(t->g, where, f[c[0]], &row));
        CULL_TRY(values(t, where, f, n, c, &score, &by));
        CULL_TRY(cull__reading_add(t->g, where, row, score, by, id >= 0 ? f[id].at : NULL,
                                   id >= 0 ? f[id].n : 0));
    }
}

static cull_status read_lines(cull__reading *g, const char *at, size_t n)
{
    char where[1024];
    const char *end = at + n;
    for (int64_t line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        field f = {at, (size_t)(stop - at)};
        while (f.n && strchr(" \t\r", f.at[f.n - 1]) && f.at[f.n - 1]) f.n--;
        int64_t row;
        if (f.n) {
            snprintf(where, sizeof where, "%s:%" PRId64, g->path, line);
            CULL_TRY(row_number(g, where, f, &row));
            CULL_TRY(cull__reading_add(g, where, row, NAN, -1, NULL, 0));
        }
        at = stop + (stop < end);
    }
    return CULL_OK;
}

cull_status cull__read_list(cull__reading *g, const char *kind, const char *at, size_t n)
{
    if (n >= 3 && !memcmp(at, "\xEF\xBB\xBF", 3)) at += 3, n -= 3; /* a mark of byte order */
    if (!strcmp(kind, "txt")) return read_lines(g, at, n);
    table t = {.g = g, .at = at, .end = at + n, .line = 1, .tabs = !strcmp(kind, "tsv")};
    CULL_TRY(CULL_TMP(g->cx, t.buf, (int64_t)n + 1));
    return read_table(&t);
}

/* Integers are rows; booleans are a mask over the pool. */
static cull_status add_array(cull__reading *g, const cull_array *a)
{
    int64_t n = a->ndim ? a->shape[0] : 0;
    bool list = a->ndim > 0;
    for (int i = 1; i < a->ndim; i++) list = list && a->shape[i] == 1;
    if (!list)
        return cull__fail(g->cx, CULL_EINPUT, "%s: %d dimensions; a list of rows has one", g->path,
                          a->ndim);
    bool mask = a->dtype == CULL_BOOL;
    if (!mask && (a->dtype < CULL_I8 || a->dtype > CULL_U64))
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: numbers are %s; rows are integers, or booleans for a mask", g->path,
                          cull_dtype_name(a->dtype));
    const unsigned char *at = a->at;
    char where[1024];
    if (mask) g->n = n;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = i;
        switch (a->dtype) {
        case CULL_BOOL:
            if (!at[i]) continue;
            break;
        case CULL_I8: row = ((const int8_t *)at)[i]; break;
        case CULL_U8: row = at[i]; break;
#define X(T, C)                                                                                    \
    case T: {                                                                                      \
        C v;                                                                                       \
        memcpy(&v, at + (size_t)i * sizeof v, sizeof v);                                           \
        row = (int64_t)v;                                                                          \
        break;                                                                                     \
    }
            X(CULL_I16, int16_t)
            X(CULL_U16, uint16_t)
            X(CULL_I32, int32_t)
            X(CULL_U32, uint32_t)
            X(CULL_I64, int64_t)
#undef X
        case CULL_U64: {
            uint64_t v;
            memcpy(&v, at + (size_t)i * sizeof v, sizeof v);
            row = v > INT64_MAX ? INT64_MAX : (int64_t)v;
            break;
        }
        default: return cull__fail(g->cx, CULL_EINTERNAL, "%s: unknown numbers", g->path);
        }
        snprintf(where, sizeof where, "%s: entry %" PRId64, g->path, i);
        CULL_TRY(cull__reading_add(g, where, row, NAN, -1, NULL, 0));
    }
    return CULL_OK;
}

cull_status cull__read_array(cull__reading *g)
{
    cull_array a;
    CULL_TRY(cull_array_open(g->cx, g->path, NULL, &a));
    cull_status s = add_array(g, &a);
    cull_array_free(&a);
    return s;
}
