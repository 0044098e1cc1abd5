/* svmlight.c - the sparse text of SVMlight and LIBSVM, made dense: `label index:value ...` on a line,
 * indices rising, `#` begins a comment, `qid:N` is passed over. Indices count from 1, or from 0 if a
 * 0 occurs. Members: x (n, features) f32, the default; y (n,) f64, the labels.
 *
 * Two passes: the first finds the size. A dense form of more than 256 times the file (and 16 MiB) is
 * refused: one stray index must not take the machine's memory. */
#include "io/io.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    cull_ctx *cx;
    const char *path;
    int64_t line, rows, lo, hi; /* the least and the greatest index */
    bool labels;                /* wanted: labels, not features */
    float *x;                   /* NULL in the first pass */
    double *y;
    int64_t width;
} reading;

static cull_status bad(reading *r, const char *s, size_t n, const char *why)
{
    char token[48];
    return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": '%s' %s", r->path, r->line,
                      cull__quote(s, n, token, sizeof token), why);
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

static cull_status feature(reading *r, const char *s, size_t n, int64_t *before)
{
    int64_t index;
    double value;
    const char *colon = memchr(s, ':', n);
    if (!colon) return bad(r, s, n, "is no index:value");
    size_t k = (size_t)(colon - s);
    if (k == 3 && !memcmp(s, "qid", 3)) return CULL_OK;
    if (!cull__parse_i64(s, k, &index) || index < 0 || index >= INT64_C(1) << 48)
        return bad(r, s, n, "has an index that is no whole number from 0 to 2^48");
    if (index <= *before) return bad(r, s, n, "does not rise: indices must, and only once each");
    if (!cull__parse_f64(colon + 1, n - k - 1, &value))
        return bad(r, s, n, "has a value that is no number");
    *before = index;
    if (index < r->lo) r->lo = index;
    if (index > r->hi) r->hi = index;
    if (r->x) r->x[r->rows * r->width + index - r->lo] = (float)value;
    return CULL_OK;
}

static cull_status line(reading *r, const char *s, const char *end)
{
    const char *hash = memchr(s, '#', (size_t)(end - s));
    if (hash) end = hash;
    bool first = true;
    int64_t before = -1;
    double label;
    while (s < end) {
        while (s < end && blank(*s)) s++;
        const char *e = s;
        while (e < end && !blank(*e)) e++;
        if (e == s) break;
        size_t n = (size_t)(e - s);
        if (!first) {
            CULL_TRY(feature(r, s, n, &before));
        } else if (!cull__parse_f64(s, n, &label)) {
            return bad(r, s, n, "is no label: a line begins with one number");
        } else if (r->y) {
            r->y[r->rows] = label;
        }
        first = false;
        s = e;
    }
    r->rows += !first;
    return CULL_OK;
}

static cull_status pass(reading *r, const char *s, size_t n)
{
    const char *end = s + n;
    r->rows = 0;
    for (r->line = 1; s < end; r->line++) {
        const char *e = memchr(s, '\n', (size_t)(end - s));
        if (!e) e = end;
        CULL_TRY(line(r, s, e));
        s = e + 1;
        if (r->line % 4096 == 0)
            CULL_TRY(cull__tick(r->cx, (double)(n - (size_t)(end - s)), (double)n));
    }
    return CULL_OK;
}

static cull_status size_up(reading *r, size_t n, cull_array *out)
{
    char shape[208];
    uint64_t bytes;
    if (!r->rows) return cull__fail(r->cx, CULL_EINPUT, "%s: it holds no record", r->path);
    if (r->hi < 0) r->hi = 0, r->lo = 1;
    if (r->lo > 1) r->lo = 1;
    r->width = r->hi - r->lo + 1;
    out->dtype = r->labels ? CULL_F64 : CULL_F32;
    out->ndim = r->labels ? 1 : 2;
    out->shape[0] = r->rows;
    out->shape[1] = r->labels ? 0 : r->width;
    if (!cull__array_bytes(out, &bytes) || bytes / 256 > n + (16 << 20) / 256)
        return cull__fail(r->cx, CULL_EINPUT,
                          "%s: feature %" PRId64
                          " makes a dense array of shape %s from %zu bytes of "
                          "text; hash or choose features first",
                          r->path, r->hi, cull__shape_text(out, shape), n);
    return CULL_OK;
}

cull_status cull__svmlight_parse(cull_ctx *cx, const char *path, const char *name,
                                 const unsigned char *at, size_t n, cull_array *out)
{
    static const char *const names[] = {"x", "y"};
    reading r = {.cx = cx, .path = path, .lo = INT64_MAX, .hi = -1};
    int64_t which = 0;
    uint64_t bytes;
    void *made;
    *out = (cull_array){0};
    if (name) CULL_TRY(cull__member(cx, path, names, 2, name, &which));
    r.labels = which == 1;
    CULL_TRY(pass(&r, (const char *)at, n));
    CULL_TRY(size_up(&r, n, out));
    cull__array_bytes(out, &bytes);
    CULL_TRY(cull__array_memory(cx, bytes, &out->mem_, &made));
    out->at = made;
    strcpy(out->name, names[which]);
    if (r.labels)
        r.y = made;
    else
        r.x = made;
    return pass(&r, (const char *)at, n);
}
