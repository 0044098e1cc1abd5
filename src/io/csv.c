/* csv.c - cells of csv and tsv text, one after the other. */
#include "io/io.h"

#include <inttypes.h>
#include <string.h>

static cull_status quoted(cull__csv *r)
{
    int64_t k = 0, lines = 0;
    for (const char *p = ++r->at; p < r->end; p++) {
        lines += *p == '\n';
        if (*p != '"') continue;
        size_t part = (size_t)(p - r->at);
        CULL_TRY(CULL_GROW(r->cx, r->text, &r->text_cap, k + (int64_t)part + 1));
        memcpy(r->text + k, r->at, part);
        k += (int64_t)part;
        r->at = p + 1;
        if (r->at == r->end || *r->at != '"') {
            r->s = r->text, r->n = (size_t)k;
            *r->line += lines;
            return CULL_OK;
        }
        r->text[k++] = '"';
        p = r->at++;
    }
    if (r->more) {
        r->cut = true;
        r->at = r->end;
        r->s = r->at, r->n = 0;
        return CULL_OK;
    }
    return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": a quote that is never closed", r->path,
                      *r->line);
}

cull_status cull__csv_cell(cull__csv *r)
{
    if (r->at < r->end && *r->at == '"') {
        CULL_TRY(quoted(r));
    } else {
        r->s = r->at;
        while (r->at < r->end && *r->at != r->comma && *r->at != '\n') r->at++;
        r->n = (size_t)(r->at - r->s);
        if (r->n && r->s[r->n - 1] == '\r' && (r->at == r->end || *r->at == '\n')) r->n--;
    }
    if (r->at + 1 < r->end && r->at[0] == '\r' && r->at[1] == '\n') r->at++;
    r->last = r->at >= r->end || *r->at == '\n';
    if (r->at < r->end && !r->last && *r->at != r->comma)
        return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": something follows a closing quote",
                          r->path, *r->line);
    r->at += r->at < r->end;
    return CULL_OK;
}

bool cull__csv_empty(cull__csv *r)
{
    const char *p = r->at;
    if (p < r->end && *p == '\r') p++;
    if (p < r->end && *p != '\n') return false;
    r->at = p < r->end ? p + 1 : p;
    return true;
}

void cull__csv_free(cull__csv *r) { cull__free(r->text); }

static cull_status add_name(cull__csv *r, const char ***name, int64_t *n, int64_t *cap)
{
    char *copy;
    bool quoted = r->at < r->end && *r->at == '"';
    CULL_TRY(cull__csv_cell(r));
    const char *s = r->s, *end = s + r->n;
    while (!quoted && s < end && (*s == ' ' || *s == '\t')) s++;
    while (!quoted && s < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
    CULL_TRY(CULL_GROW(r->cx, *name, cap, *n + 1));
    CULL_TRY(CULL_TMP0(r->cx, copy, end - s + 1));
    memcpy(copy, s, (size_t)(end - s));
    (*name)[(*n)++] = copy;
    return CULL_OK;
}

cull_status cull__csv_names(cull__csv *r, const char ***name, int64_t *n)
{
    int64_t cap = 0;
    cull_status s;
    *name = NULL, *n = 0;
    do s = add_name(r, name, n, &cap);
    while (s == CULL_OK && !r->last);
    if (s != CULL_OK) {
        cull__free(*name);
        *name = NULL;
    }
    return s;
}
