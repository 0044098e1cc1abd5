/* arrow.c - opening a table by the Arrow C data interface: its columns from the schema, its batches, and
 * whether each batch has what the schema promises. The interface tells no sizes of buffers, so beyond
 * lengths, counts and pointers a producer has to be trusted; what cells point to is checked when they
 * are read (arrow_read.c). */
#include "repr/arrow.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- types ---- */

static const struct {
    const char *format;
    bool more; /* something may follow */
    cull__arrow_type type;
} types[] = {
    {"b", false, {CULL__ARROW_NUMBER, CULL_BOOL, 2, "bool", 0}},
    {"c", false, {CULL__ARROW_NUMBER, CULL_I8, 2, "int8", 0}},
    {"C", false, {CULL__ARROW_NUMBER, CULL_U8, 2, "uint8", 0}},
    {"s", false, {CULL__ARROW_NUMBER, CULL_I16, 2, "int16", 0}},
    {"S", false, {CULL__ARROW_NUMBER, CULL_U16, 2, "uint16", 0}},
    {"i", false, {CULL__ARROW_NUMBER, CULL_I32, 2, "int32", 0}},
    {"I", false, {CULL__ARROW_NUMBER, CULL_U32, 2, "uint32", 0}},
    {"l", false, {CULL__ARROW_NUMBER, CULL_I64, 2, "int64", 0}},
    {"L", false, {CULL__ARROW_NUMBER, CULL_U64, 2, "uint64", 0}},
    {"e", false, {CULL__ARROW_NUMBER, CULL_F16, 2, "float16", 0}},
    {"f", false, {CULL__ARROW_NUMBER, CULL_F32, 2, "float32", 0}},
    {"g", false, {CULL__ARROW_NUMBER, CULL_F64, 2, "float64", 0}},
    {"u", false, {CULL__ARROW_STRING, CULL_I32, 3, "string", 0}},
    {"U", false, {CULL__ARROW_STRING, CULL_I64, 3, "string", 0}},
    {"vu", false, {CULL__ARROW_VIEW, CULL_I32, 3, "string", 0}},
    {"+l", false, {CULL__ARROW_LIST, CULL_I32, 2, "list", 0}},
    {"+L", false, {CULL__ARROW_LIST, CULL_I64, 2, "list", 0}},
    {"+w:", true, {CULL__ARROW_FIXED, CULL_I32, 1, "list", 0}},
    {"+s", false, {CULL__ARROW_STRUCT, CULL_I32, 1, "struct", 0}},
    {"n", false, {.word = "null"}},
    {"z", false, {.word = "binary"}},
    {"Z", false, {.word = "binary"}},
    {"vz", false, {.word = "binary"}},
    {"w:", true, {.word = "binary"}},
    {"d:", true, {.word = "decimal"}},
    {"td", true, {.word = "date"}},
    {"tt", true, {.word = "time"}},
    {"ts", true, {.word = "timestamp"}},
    {"tD", true, {.word = "duration"}},
    {"ti", true, {.word = "interval"}},
    {"+v", true, {.word = "list view"}},
    {"+m", false, {.word = "map"}},
    {"+u", true, {.word = "union"}},
    {"+r", false, {.word = "run-end encoding"}},
};

static cull__arrow_type type_of(const struct ArrowSchema *s)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i].format);
        if (strncmp(s->format, types[i].format, n) || (s->format[n] && !types[i].more)) continue;
        cull__arrow_type t = types[i].type;
        if (t.form == CULL__ARROW_FIXED &&
            (!cull__parse_i64(s->format + n, strlen(s->format + n), &t.width) || t.width < 0))
            break;
        return t;
    }
    return (cull__arrow_type){.word = "an unknown type"};
}

static bool integers(const cull__arrow_type *t)
{
    return t->form == CULL__ARROW_NUMBER && t->dtype >= CULL_I8 && t->dtype <= CULL_U64;
}

/* ---- columns ---- */

static cull_status bad_schema(cull_ctx *cx, const char *name, const char *why)
{
    return cull__fail(cx, CULL_EINPUT, "arrow: column '%s' of the schema %s", name, why);
}

/* The types below a column's own. */
static cull_status look_below(cull_ctx *cx, cull__arrow_column *c, const struct ArrowSchema *s)
{
    c->own = c->value = type_of(s);
    if (s->dictionary) {
        if (!s->dictionary->format || !integers(&c->own))
            return bad_schema(cx, c->name, "has a dictionary, but no integers to index it");
        c->dictionary = true;
        c->value = type_of(s->dictionary);
        if (c->value.form > CULL__ARROW_VIEW || s->dictionary->dictionary)
            c->value = (cull__arrow_type){.word = "dictionary"};
    }
    if (!cull__arrow_vector(c)) return CULL_OK;
    if (s->n_children != 1 || !s->children || !s->children[0] || !s->children[0]->format)
        return bad_schema(cx, c->name, "is a list of no type");
    c->item = type_of(s->children[0]);
    if (c->item.form != CULL__ARROW_NUMBER || s->children[0]->dictionary)
        c->value = (cull__arrow_type){.word = "list of other than numbers"};
    return CULL_OK;
}

/* s, which hangs at `at`, as a column; of a struct, its fields, named prefix + its name + '.' + theirs. */
static cull_status add_columns(cull_ctx *cx, cull_arrow *a, const struct ArrowSchema *s,
                               const char *prefix, cull__arrow_column at)
{
    if (!s || !s->format) return bad_schema(cx, prefix, "has a field without a format");
    bool root = s == &a->schema, last = at.depth == CULL__ARROW_DEPTH;
    bool nested = type_of(s).form == CULL__ARROW_STRUCT && !s->dictionary && !last;
    cull_buf name = CULL_BUF(cx);
    if (!root || !nested)
        cull__buf_printf(&name, "%s%s%s", prefix, s->name ? s->name : "", nested ? "." : "");
    cull_status st = name.status;
    if (nested && st == CULL_OK) {
        const char *below = root ? "" : name.at;
        if (s->n_children < 0 || s->n_children > INT32_MAX / 2 || (s->n_children && !s->children))
            st = bad_schema(cx, below, "is a struct without its fields");
        at.among[at.depth++] = s->n_children;
        for (int64_t i = 0; st == CULL_OK && i < s->n_children; i++) {
            at.path[at.depth - 1] = (int)i;
            st = add_columns(cx, a, s->children[i], below, at);
        }
        cull__buf_free(&name);
        return st;
    }
    if (st == CULL_OK) st = CULL_GROW(cx, a->column, &a->cols_cap, (int64_t)a->cols + 1);
    if (st != CULL_OK) {
        cull__buf_free(&name);
        return st;
    }
    at.of = a;
    at.name = name.at;
    a->column[a->cols++] = at;
    return look_below(cx, &a->column[a->cols - 1], s);
}

/* ---- batches ---- */

/* NULL, or what is wrong with v, of which [0, need) is used. */
static const char *unsound(const cull__arrow_type *t, const struct ArrowArray *v, int64_t need)
{
    if (!v) return "has no array";
    if (v->length < 0 || v->offset < 0 || v->offset > INT64_MAX - v->length)
        return "has a negative length or offset";
    if (v->length < need) return "has fewer rows than the batch";
    if (v->n_buffers < t->buffers || (t->buffers && !v->buffers)) return "lacks buffers";
    if (t->buffers > 1 && need && !v->buffers[1]) return "has no data";
    return NULL;
}

/* Of the elements of v's lists, rows [0, need). What offsets say is checked when they are read. */
static const char *bad_items(const cull__arrow_column *c, const struct ArrowArray *v, int64_t need)
{
    int64_t items = 0;
    if (v->n_children != 1 || !v->children) return "has lists without elements";
    if (c->own.form == CULL__ARROW_FIXED && __builtin_mul_overflow(need, c->own.width, &items))
        return "has more elements than memory";
    const char *why = unsound(&c->item, v->children[0], items);
    if (!why && v->children[0]->length && !v->children[0]->buffers[1]) why = "has no elements";
    return why;
}

static const char *bad_column(const cull__arrow_column *c, const struct ArrowArray *v)
{
    static const cull__arrow_type fields = {.form = CULL__ARROW_STRUCT, .buffers = 1};
    int64_t need = v->length;
    const char *why;
    for (int d = 0; d < c->depth; d++) {
        if ((why = unsound(&fields, v, need))) return why;
        if (v->n_children != c->among[d] || !v->children)
            return "has other fields than the schema says";
        need += v->offset;
        v = v->children[c->path[d]];
    }
    if (c->value.form == CULL__ARROW_OTHER) return NULL; /* never read */
    if ((why = unsound(&c->own, v, need))) return why;
    need += v->offset;
    if (cull__arrow_vector(c)) return bad_items(c, v, need);
    if (!c->dictionary) return NULL;
    return v->dictionary ? unsound(&c->value, v->dictionary, v->dictionary->length)
                         : "has no dictionary";
}

static cull_status producer(cull_ctx *cx, struct ArrowArrayStream *s, const char *what, int code)
{
    const char *why = s->get_last_error ? s->get_last_error(s) : NULL;
    char q[512];
    if (why)
        return cull__fail(cx, CULL_EIO, "arrow: %s: %s", what,
                          cull__quote(why, strlen(why), q, sizeof q));
    errno = code;
    return cull__fail_errno(cx, "arrow", what);
}

static cull_status keep(cull_ctx *cx, cull_arrow *a, struct ArrowArray *v)
{
    CULL_TRY(CULL_GROW(cx, a->batch, &a->batch_cap, a->batches + 1));
    CULL_TRY(CULL_GROW(cx, a->first, &a->first_cap, a->batches + 1));
    for (int i = 0; i < a->cols; i++) {
        const char *why = bad_column(&a->column[i], v);
        if (why)
            return cull__fail(cx, CULL_EINPUT,
                              "arrow: column '%s' of the batch at row %" PRId64 " %s",
                              a->column[i].name, a->n, why);
    }
    if (v->length > INT64_MAX - a->n) return cull__fail(cx, CULL_EINPUT, "arrow: too many rows");
    a->batch[a->batches] = *v;
    a->first[a->batches++] = a->n;
    a->n += v->length;
    v->release = NULL;
    return CULL_OK;
}

static cull_status draw(cull_ctx *cx, cull_arrow *a, struct ArrowArrayStream *s)
{
    if (!s->get_schema || !s->get_next)
        return cull__fail(cx, CULL_EINPUT, "arrow: the stream has no functions");
    int code = s->get_schema(s, &a->schema);
    if (code) {
        a->schema.release = NULL;
        return producer(cx, s, "the stream gives no schema", code);
    }
    CULL_TRY(add_columns(cx, a, &a->schema, "", (cull__arrow_column){0}));
    for (;;) {
        struct ArrowArray v = {0};
        code = s->get_next(s, &v);
        if (code) return producer(cx, s, "the stream gives no batch", code);
        if (!v.release) return CULL_OK;
        cull_status st = v.length ? keep(cx, a, &v) : CULL_OK;
        if (v.release) v.release(&v);
        CULL_TRY(st);
        CULL_TRY(cull__tick(cx, (double)a->n, 0));
    }
}

cull_status cull_arrow_open(cull_ctx *cx, struct ArrowArrayStream *stream, cull_arrow **out)
{
    struct ArrowArrayStream s = *stream;
    cull_arrow *a = NULL;
    *out = NULL;
    if (!s.release)
        return cull__fail(cx, CULL_EINPUT, "arrow: the stream was taken before; make another");
    stream->release = NULL;
    const char *phase = cull__phase(cx, "reading");
    cull_status st = CULL_ALLOC(cx, a, 1);
    if (st == CULL_OK) st = draw(cx, a, &s);
    s.release(&s);
    cull__phase(cx, phase);
    if (st == CULL_OK)
        *out = a;
    else
        cull_arrow_free(a);
    return st;
}

void cull_arrow_free(cull_arrow *a)
{
    if (!a) return;
    for (int64_t i = 0; i < a->batches; i++) a->batch[i].release(&a->batch[i]);
    if (a->schema.release) a->schema.release(&a->schema);
    for (int i = 0; i < a->cols; i++) cull__free(a->column[i].name);
    cull__free(a->column);
    cull__free(a->batch);
    cull__free(a->first);
    cull__free(a);
}

/* ---- what is known of it ---- */

int64_t cull_arrow_n(const cull_arrow *a) { return a->n; }

const char *cull_arrow_column(const cull_arrow *a, int i, const char **kind)
{
    if (i < 0 || i >= a->cols) return NULL;
    static const char *const kinds[] = {"other",  "number", "string", "string",
                                        "vector", "vector", "other"};
    if (kind) *kind = kinds[a->column[i].value.form];
    return a->column[i].name;
}
