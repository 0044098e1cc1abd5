/* corpus_csv.c - records and cells of csv (RFC 4180) and tsv.
 *
 * A quote is special at the start of a field only; inside, two stand for one, and separators and
 * line ends are text. tsv is the same with a tab. A header is required. Stricter than many
 * readers: every record has as many fields as the header, and nothing follows a closing quote. */
#include "repr/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The end of the quoted field whose text begins at i: just after its closing quote; n + 1 when the
 * bytes end before that is known. */
static size_t closing(const char *p, size_t n, size_t i, bool last)
{
    for (;;) {
        const char *q = i < n ? memchr(p + i, '"', n - i) : NULL;
        if (!q) return n + 1;
        i = (size_t)(q - p) + 1;
        if (i == n) return last ? n : n + 1;
        if (p[i] != '"') return i;
        i++;
    }
}

bool cull__csv_split(const char *p, size_t n, char sep, bool last, size_t *rec, size_t *used,
                     int64_t *lines, bool *open)
{
    *open = false;
    const char *nl = memchr(p, '\n', n);
    if (!nl && !last) return false;
    size_t line = nl ? (size_t)(nl - p) : n, i = line;
    if (memchr(p, '"', line)) {
        for (i = 0; i < n && p[i] != '\n';) { /* at the start of a field */
            if (p[i] == '"') {
                i = closing(p, n, i + 1, last);
                if (i > n) {
                    *open = last;
                    return false;
                }
            }
            while (i < n && p[i] != sep && p[i] != '\n') i++;
            if (i < n && p[i] == sep) i++;
        }
        if (i == n && !last) return false;
    }
    *used = i < n ? i + 1 : n;
    *lines = 0;
    for (const char *q = p, *end = p + *used; q < end && (q = memchr(q, '\n', (size_t)(end - q)));
         q++)
        ++*lines;
    if (i && i <= n && p[i - 1] == '\r') i--;
    *rec = i;
    return true;
}

int64_t cull__csv_cells(const char *p, size_t n, char sep, cull__cell *out, int64_t cap)
{
    int64_t k = 0;
    for (size_t i = 0;; i++) { /* at the start of a field */
        cull__cell c = {p + i, 0, i < n && p[i] == '"'};
        if (c.quoted) {
            size_t end = closing(p, n, i + 1, true);
            if (end > n) return -1;
            c.at++;
            c.n = end - i - 2;
            i = end;
            if (i < n && p[i] != sep) return -1;
        } else {
            const char *q = i < n ? memchr(p + i, sep, n - i) : NULL;
            c.n = q ? (size_t)(q - p) - i : n - i;
            i += c.n;
        }
        if (k < cap) out[k] = c;
        k++;
        if (i >= n) return k;
    }
}

cull_status cull__csv_name(cull_ctx *cx, const cull__cell *c, char **out)
{
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)c->n + 1));
    size_t k = 0;
    for (size_t i = 0; i < c->n; i++) {
        (*out)[k++] = c->at[i];
        if (c->quoted && c->at[i] == '"') i++;
    }
    (*out)[k] = 0;
    return CULL_OK;
}

static cull_status column_of(cull_ctx *cx, const cull__source *f, const cull__field *want,
                             char *const *name, bool optional, int *out)
{
    *out = -1;
    if (!want->name) return CULL_OK;
    for (int i = 0; i < f->cells; i++)
        if (!strcmp(name[i], want->name)) {
            *out = i;
            return CULL_OK;
        }
    if (optional) return CULL_OK;
    char list[256] = "", q[128];
    size_t k = 0;
    for (int i = 0; i < f->cells && k < sizeof list - 80; i++)
        k += (size_t)snprintf(list + k, sizeof list - k, "%s%s", i ? ", " : "",
                              cull__quote(name[i], strlen(name[i]), q, 64));
    return cull__fail(cx, CULL_EINPUT, "%s: no column '%s'; %s has %s", f->path,
                      cull__quote(want->name, strlen(want->name), q, sizeof q), cull__head(f),
                      list);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static cull_status map_names(cull_ctx *cx, const cull_corpus *c, cull__source *f,
                             const cull__cell *cell, int64_t n)
{
    char **name, **sorted, q[128];
    CULL_TRY(CULL_TMP(cx, name, n));
    CULL_TRY(CULL_TMP(cx, sorted, n));
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(cull__csv_name(cx, &cell[i], &name[i]));
        size_t bad;
        if (!cull__utf8_ok(name[i], strlen(name[i]), &bad))
            return cull__fail(cx, CULL_EINPUT, "%s: %s has a name that is not UTF-8", f->path,
                              cull__head(f));
        sorted[i] = name[i];
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int64_t i = 1; i < n; i++)
        if (!strcmp(sorted[i], sorted[i - 1]))
            return cull__fail(cx, CULL_EINPUT, "%s: %s names '%s' twice", f->path, cull__head(f),
                              cull__quote(sorted[i], strlen(sorted[i]), q, sizeof q));
    const cull__wanted *w = &c->want;
    CULL_TRY(CULL_ALLOC(cx, f->map, w->ntext + 3 + w->ncol));
    int *m = f->map;
    for (int i = 0; i < w->ntext; i++) CULL_TRY(column_of(cx, f, &w->text[i], name, false, m++));
    CULL_TRY(column_of(cx, f, &w->id, name, !w->id_asked, m++));
    CULL_TRY(column_of(cx, f, &w->group, name, false, m++));
    CULL_TRY(column_of(cx, f, &w->label, name, false, m++));
    for (int i = 0; i < w->ncol; i++) CULL_TRY(column_of(cx, f, &w->col[i], name, false, m++));
    return CULL_OK;
}

cull_status cull__columns_find(cull_ctx *cx, cull_corpus *c, cull__source *f,
                               const cull__cell *cell, int64_t n)
{
    f->cells = (int)n;
    if (!c->want.ntext && !c->want.no_text) CULL_TRY(cull__guess_csv(cx, c, f, cell, n));
    return map_names(cx, c, f, cell, n);
}

cull_status cull__csv_header(cull_ctx *cx, const cull_corpus *c, cull__source *f, int64_t line,
                             const char *p, size_t n)
{
    char sep = f->format == CULL__TSV ? '\t' : ',';
    int64_t k = cull__csv_cells(p, n, sep, NULL, 0);
    if (k < 0 || k > INT32_MAX / 2)
        return cull__fail(cx, CULL_EINPUT, "%s:%" PRId64 ": the header is malformed: %s", f->path,
                          line, k < 0 ? "text follows a closing quote" : "too many columns");
    CULL_TRY(CULL_ALLOC(cx, f->header, (int64_t)n + 1));
    memcpy(f->header, p, n);
    f->header_n = n;
    cull__mark_t mark = cull__mark(cx);
    cull__cell *cell;
    cull_status s = CULL_TMP(cx, cell, k);
    if (s == CULL_OK) {
        cull__csv_cells(f->header, n, sep, cell, k);
        s = cull__columns_find(cx, (cull_corpus *)(uintptr_t)c, f, cell, k);
    }
    cull__release(cx, mark);
    return s;
}
