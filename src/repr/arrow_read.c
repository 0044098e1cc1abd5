/* arrow_read.c - cells of Arrow columns where they lie, as records and as arrays.
 *
 * Offsets add up from the batch down: a sliced batch or struct shifts the rows of its fields, and a field
 * may be sliced itself. A null anywhere on the way is a null. */
#include "io/io.h"
#include "repr/arrow.h"
#include "repr/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- bits and integers ---- */

static bool bit(const void *bits, int64_t i)
{
    return ((const uint8_t *)bits)[i >> 3] >> (i & 7) & 1;
}

static bool null_at(const struct ArrowArray *v, int64_t i)
{
    return v->null_count && v->buffers[0] && !bit(v->buffers[0], i);
}

/* Of any width and at any address; u64 keeps its bits. */
static int64_t integer(cull_dtype t, const void *at, int64_t i)
{
    size_t size = cull_dtype_size(t);
    int shift = 64 - 8 * (int)size;
    uint64_t v = 0;
    memcpy(&v, (const char *)at + (size_t)i * size, size);
    bool sign = t == CULL_I8 || t == CULL_I16 || t == CULL_I32;
    return sign ? (int64_t)(v << shift) >> shift : (int64_t)v;
}

/* ---- cells ---- */

static int64_t batch_of(const cull_arrow *a, int64_t row)
{
    int64_t lo = 0, hi = a->batches;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (a->first[mid] <= row)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* The array that holds the cell, and where in it, past any dictionary; 0, or why there is none. */
static int locate(const cull__arrow_column *c, int64_t row, const struct ArrowArray **out,
                  int64_t *at)
{
    int64_t b = batch_of(c->of, row), i = row - c->of->first[b];
    const struct ArrowArray *v = &c->of->batch[b];
    for (int d = 0;; d++) {
        i += v->offset;
        if (null_at(v, i)) return CULL__NULL;
        if (d == c->depth) break;
        v = v->children[c->path[d]];
    }
    if (c->dictionary) {
        int64_t index = integer(c->own.dtype, v->buffers[1], i);
        v = v->dictionary;
        if (index < 0 || index >= v->length) return CULL__BROKEN;
        i = index + v->offset;
        if (null_at(v, i)) return CULL__NULL;
    }
    *out = v;
    *at = i;
    return 0;
}

static int64_t string(const cull__arrow_type *t, const struct ArrowArray *v, int64_t i,
                      const char **at)
{
    int64_t from = integer(t->dtype, v->buffers[1], i);
    int64_t n = integer(t->dtype, v->buffers[1], i + 1);
    if (from < 0 || n < from || (n > from && !v->buffers[2])) return CULL__BROKEN;
    *at = n > from ? (const char *)v->buffers[2] + from : "";
    return n - from;
}

/* A view is its length and, to 12 bytes, the string itself; else four bytes of it, the number of a buffer
 * and a place in that. The last buffer has the sizes of those. */
static int64_t view(const struct ArrowArray *v, int64_t i, const char **at)
{
    const char *p = (const char *)v->buffers[1] + 16 * i;
    int64_t n = integer(CULL_I32, p, 0), buffer = integer(CULL_I32, p, 2);
    int64_t from = integer(CULL_I32, p, 3);
    *at = p + 4;
    if (n >= 0 && n <= 12) return n;
    const void *sizes = v->buffers[v->n_buffers - 1];
    if (n < 0 || buffer < 0 || from < 0 || buffer >= v->n_buffers - 3 || !sizes ||
        !v->buffers[2 + buffer] || integer(CULL_I64, sizes, buffer) < from + n)
        return CULL__BROKEN;
    *at = (const char *)v->buffers[2 + buffer] + from;
    return n;
}

static double number(const cull__arrow_type *t, const struct ArrowArray *v, int64_t i)
{
    cull_array a = {.dtype = t->dtype, .ndim = 1, .shape = {i + 1}, .at = v->buffers[1]};
    double d;
    if (t->dtype == CULL_BOOL) return bit(v->buffers[1], i);
    cull_array_f64(&a, i, 1, &d);
    return d;
}

static int64_t number_text(const cull__arrow_type *t, const struct ArrowArray *v, int64_t i,
                           char buf[32])
{
    if (t->dtype == CULL_BOOL)
        strcpy(buf, bit(v->buffers[1], i) ? "true" : "false");
    else if (t->dtype == CULL_U64)
        sprintf(buf, "%" PRIu64, (uint64_t)integer(t->dtype, v->buffers[1], i));
    else if (t->dtype >= CULL_I8)
        sprintf(buf, "%" PRId64, integer(t->dtype, v->buffers[1], i));
    else
        cull__format_f64(number(t, v, i), buf);
    return (int64_t)strlen(buf);
}

static int64_t text_cell(const void *of, int64_t row, char buf[32], const char **at)
{
    const cull__arrow_column *c = of;
    const struct ArrowArray *v;
    int64_t i;
    int why = locate(c, row, &v, &i);
    if (why) return why;
    if (c->value.form == CULL__ARROW_STRING) return string(&c->value, v, i, at);
    if (c->value.form == CULL__ARROW_VIEW) return view(v, i, at);
    *at = buf;
    return number_text(&c->value, v, i, buf);
}

static int number_cell(const void *of, int64_t row, double *out)
{
    const cull__arrow_column *c = of;
    const struct ArrowArray *v;
    int64_t i;
    int why = locate(c, row, &v, &i);
    if (!why) *out = number(&c->value, v, i);
    return why;
}

cull_status cull_arrow_corpus(cull_ctx *cx, const cull_arrow *a, const cull_corpus_opts *o,
                              cull_corpus **out)
{
    cull__memory m = {.n = a->n, .cols = a->cols};
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, m.col, m.cols));
    for (int i = 0; i < m.cols; i++) {
        const cull__arrow_column *c = &a->column[i];
        bool numbers = c->value.form == CULL__ARROW_NUMBER;
        bool cells =
            numbers || c->value.form == CULL__ARROW_STRING || c->value.form == CULL__ARROW_VIEW;
        m.col[i] = (cull__column){.name = c->name,
                                  .kind = numbers ? "number" : c->value.word,
                                  .of = c,
                                  .text = cells ? text_cell : NULL,
                                  .number = numbers ? number_cell : NULL};
    }
    return cull__corpus_open(cx, o, &m, out);
}

/* ---- arrays ---- */

static cull_status wrong(cull_ctx *cx, const cull__arrow_column *c, int64_t row, const char *what)
{
    return cull__fail(cx, CULL_EINPUT, "arrow: row %" PRId64 " of column '%s' %s", row, c->name,
                      what);
}

static cull_status no_nulls(cull_ctx *cx, const cull__arrow_column *c, const struct ArrowArray *v,
                            int64_t from, int64_t n, int64_t row, int64_t each)
{
    if (!v->null_count || !v->buffers[0]) return CULL_OK;
    for (int64_t i = 0; i < n; i++)
        if (!bit(v->buffers[0], from + i))
            return wrong(cx, c, row + i / each, "holds a null; an array is all numbers");
    return CULL_OK;
}

/* Rows of lists are one after the other in their elements; each must have d. */
static cull_status same_length(cull_ctx *cx, const cull__arrow_column *c,
                               const struct ArrowArray *v, int64_t from, int64_t n, int64_t row,
                               int64_t d)
{
    char what[128];
    cull_dtype t = c->own.dtype;
    int64_t last = integer(t, v->buffers[1], from);
    for (int64_t i = 0; i < n; i++) {
        int64_t end = integer(t, v->buffers[1], from + i + 1);
        if (last < 0 || end < last || end > v->children[0]->length)
            return wrong(cx, c, row + i, "has an offset outside the column's data");
        if (end - last != d) {
            snprintf(what, sizeof what, "has %" PRId64 " numbers, row 0 has %" PRId64, end - last,
                     d);
            return wrong(cx, c, row + i, what);
        }
        last = end;
    }
    return CULL_OK;
}

/* The array that holds the numbers of batch b, one after the other from *from; none is null. */
static cull_status numbers_of(cull_ctx *cx, const cull__arrow_column *c, int64_t b, int64_t d,
                              const struct ArrowArray **out, int64_t *from)
{
    const struct ArrowArray *v = &c->of->batch[b];
    int64_t n = v->length, i = 0, row = c->of->first[b];
    for (int k = 0;; k++) {
        i += v->offset;
        CULL_TRY(no_nulls(cx, c, v, i, n, row, 1));
        if (k == c->depth) break;
        v = v->children[c->path[k]];
    }
    if (cull__arrow_vector(c)) {
        if (c->own.form == CULL__ARROW_LIST) {
            CULL_TRY(same_length(cx, c, v, i, n, row, d));
            i = integer(c->own.dtype, v->buffers[1], i);
        } else {
            i *= d;
        }
        v = v->children[0];
        i += v->offset;
        CULL_TRY(no_nulls(cx, c, v, i, n * d, row, d));
    }
    *out = v;
    *from = i;
    return CULL_OK;
}

/* Cells of a dictionary, row by row. */
static cull_status look_up(cull_ctx *cx, const cull__arrow_column *c, const cull_array *a, char *to)
{
    size_t size = cull_dtype_size(a->dtype);
    for (int64_t row = 0; row < c->of->n; row++, to += size) {
        const struct ArrowArray *v;
        int64_t i;
        int why = locate(c, row, &v, &i);
        if (why)
            return wrong(cx, c, row,
                         why == CULL__NULL ? "holds a null; an array is all numbers"
                                           : "has an index outside its dictionary");
        if (a->dtype == CULL_BOOL)
            *to = bit(v->buffers[1], i);
        else
            memcpy(to, (const char *)v->buffers[1] + (size_t)i * size, size);
    }
    return CULL_OK;
}

static cull_status join(cull_ctx *cx, const cull__arrow_column *c, const cull_array *a, int64_t d,
                        char *to)
{
    size_t size = cull_dtype_size(a->dtype);
    if (c->dictionary) return look_up(cx, c, a, to);
    for (int64_t b = 0; b < c->of->batches; b++) {
        const struct ArrowArray *v;
        int64_t from, n = c->of->batch[b].length * d;
        CULL_TRY(numbers_of(cx, c, b, d, &v, &from));
        if (a->dtype == CULL_BOOL)
            for (int64_t i = 0; i < n; i++) to[i] = bit(v->buffers[1], from + i);
        else if (n)
            memcpy(to, (const char *)v->buffers[1] + (size_t)from * size, (size_t)n * size);
        to += (size_t)n * size;
        CULL_TRY(cull__tick(cx, (double)b, (double)c->of->batches));
    }
    return CULL_OK;
}

/* The length of row 0 of lists; 0 without rows. Sense is checked in same_length. */
static int64_t first_length(const cull__arrow_column *c)
{
    const struct ArrowArray *v;
    int64_t i;
    if (!c->of->n || locate(c, 0, &v, &i)) return 0;
    return integer(c->own.dtype, v->buffers[1], i + 1) - integer(c->own.dtype, v->buffers[1], i);
}

static cull_status column_named(cull_ctx *cx, const cull_arrow *a, const char *name,
                                const cull__arrow_column **out)
{
    char list[256] = "", q[128];
    size_t k = 0;
    *out = NULL;
    for (int i = 0; i < a->cols; i++) {
        if (k < sizeof list - 80)
            k += (size_t)snprintf(list + k, sizeof list - k, "%s%s", i ? ", " : "",
                                  cull__quote(a->column[i].name, strlen(a->column[i].name), q, 64));
        if (strcmp(a->column[i].name, name)) continue;
        if (*out) return cull__fail(cx, CULL_EINPUT, "arrow: two columns are named '%s'", name);
        *out = &a->column[i];
    }
    if (*out) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "arrow: no column '%s'; the table has %s",
                      cull__quote(name, strlen(name), q, sizeof q), a->cols ? list : "none");
}

cull_status cull_arrow_array(cull_ctx *cx, const cull_arrow *a, const char *column, cull_array *out)
{
    const cull__arrow_column *c;
    uint64_t bytes;
    void *to;
    *out = (cull_array){0};
    CULL_TRY(column_named(cx, a, column, &c));
    bool lists = cull__arrow_vector(c);
    if (!lists && c->value.form != CULL__ARROW_NUMBER)
        return cull__fail(cx, CULL_EINPUT,
                          "arrow: column '%s' is of type %s; an array is made of numbers, or of "
                          "lists of them",
                          c->name, c->value.word);
    int64_t d = !lists ? 1 : c->own.form == CULL__ARROW_FIXED ? c->own.width : first_length(c);
    cull_array r = {
        .dtype = lists ? c->item.dtype : c->value.dtype, .ndim = lists ? 2 : 1, .shape = {a->n, d}};
    snprintf(r.name, sizeof r.name, "%s", c->name);
    if (d < 0 || !cull__array_bytes(&r, &bytes)) return wrong(cx, c, 0, "has no sensible length");
    if (a->batches == 1 && r.dtype != CULL_BOOL && !c->dictionary) {
        const struct ArrowArray *v;
        int64_t from;
        CULL_TRY(numbers_of(cx, c, 0, d, &v, &from));
        r.at = bytes ? (const char *)v->buffers[1] + (size_t)from * cull_dtype_size(r.dtype) : "";
    } else {
        CULL_TRY(cull__array_memory(cx, bytes, &r.mem_, &to));
        r.at = to;
        cull_status s = join(cx, c, &r, d, to);
        if (s != CULL_OK) {
            cull_array_free(&r);
            return s;
        }
    }
    *out = r;
    return CULL_OK;
}
