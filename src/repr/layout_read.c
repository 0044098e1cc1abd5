/* layout_read.c - layouts from jsonl and to it. See cull/layout.h. */
#include "io/io.h"
#include "repr/layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SPARE = 64 };

typedef struct {
    cull_ctx *cx;
    const char *name;
    int64_t line;
    bool partial;
    cull_layouts *l;
    cull__json_parser *p;
    double width, height; /* what numbers are divided by */
    cull_box box[CULL__BOXES];
    int64_t n;
    cull__relation *relation; /* of the record; NULL = it gives none */
    int64_t relations;
    cull_status s;
} reading;

static const char *const field[] = {"left", "top", "width", "height"};

static cull_status wrong(reading *r, const char *what)
{
    return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": %s", r->name, r->line, what);
}

static cull_status wrong_box(reading *r, const char *key, const char *what)
{
    return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": element %" PRId64 ": '%s' %s", r->name,
                      r->line, r->n, key, what);
}

static cull_status twice(reading *r, cull__json_value v)
{
    const char *key;
    size_t n;
    CULL_TRY(cull__json_twice(r->cx, v, &key, &n));
    if (!key) return CULL_OK;
    return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": '%.*s' stands twice in one object",
                      r->name, r->line, n > 70 ? 70 : (int)n, key);
}

static cull_status number(reading *r, cull__json_value element, int k, double all, double *out)
{
    cull__json_value v;
    char a[32], b[32];
    *out = NAN;
    bool there = cull__json_get(element, field[k], &v) && cull__json_kind(v) != CULL__JSON_NULL;
    if (!there) return r->partial ? CULL_OK : wrong_box(r, field[k], "is missing");
    if (!cull__json_number(v, out)) return wrong_box(r, field[k], "is no number");
    if (*out >= 0 && *out <= all) {
        *out /= all;
        return CULL_OK;
    }
    return cull__fail(r->cx, CULL_EINPUT,
                      "%s:%" PRId64 ": element %" PRId64 ": '%s' is %s; it must be 0 to %s%s",
                      r->name, r->line, r->n, field[k], cull__format_f64(*out, a),
                      cull__format_f64(all, b), all == 1 ? ", a share of the canvas" : " pixels");
}

static cull_status element(reading *r, cull__json_value v)
{
    cull__json_value label;
    cull_box *b = &r->box[r->n];
    double *at[] = {&b->left, &b->top, &b->width, &b->height};
    size_t n;
    if (r->n == CULL__BOXES) return wrong(r, "there are more than 1024 elements");
    if (cull__json_kind(v) != CULL__JSON_OBJECT) return wrong(r, "an element is no object");
    CULL_TRY(twice(r, v));
    if (!cull__json_get(v, "label", &label)) return wrong_box(r, "label", "is missing");
    const char *s = cull__json_string(label, &n);
    if (!s) return wrong_box(r, "label", "is no string");
    cull_status named = cull__layouts_name(r->l, s, n, &b->label);
    if (named == CULL_EINPUT) {
        char why[200];
        cull__quote(cull_error(r->cx), strlen(cull_error(r->cx)), why, sizeof why);
        return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": element %" PRId64 ": %s", r->name,
                          r->line, r->n, why);
    }
    CULL_TRY(named);
    for (int k = 0; k < 4; k++) CULL_TRY(number(r, v, k, k % 2 ? r->height : r->width, at[k]));
    if (b->left + b->width > 1 + 1e-6) return wrong_box(r, "width", "reaches beyond the canvas");
    if (b->top + b->height > 1 + 1e-6) return wrong_box(r, "height", "reaches beyond the canvas");
    r->n++;
    return CULL_OK;
}

static bool each(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    (void)key, (void)key_n;
    r->s = element(r, v);
    return r->s == CULL_OK;
}

/* ---- relations ---- */

static cull_status wrong_relation(reading *r, const char *what)
{
    return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": relation %" PRId64 ": %s", r->name,
                      r->line, r->relations, what);
}

/* The members of a relation. */
typedef struct {
    cull__json_value v[3];
    int n;
} triple;

static bool member(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    triple *t = arg;
    (void)key, (void)key_n;
    t->v[t->n++] = v;
    return t->n < 3;
}

static cull_status place(reading *r, cull__json_value v, int16_t *out)
{
    int64_t at;
    char what[96];
    if (!cull__json_integer(v, &at))
        return wrong_relation(r, "elements are named by their places, whole numbers from 0; only "
                                 "the last may be \"canvas\"");
    if (at >= 0 && at < r->n) {
        *out = (int16_t)at;
        return CULL_OK;
    }
    snprintf(what, sizeof what,
             "there is no element %" PRId64 "; the record has %" PRId64 ", counted from 0", at,
             r->n);
    return wrong_relation(r, what);
}

static cull_status word(reading *r, cull__json_value v, int words, int16_t *out)
{
    size_t n;
    const char *s = cull__json_string(v, &n);
    char q[80], known[80];
    int used = 0;
    for (int k = 0; s && k < words; k++)
        if (strlen(cull__relation_word[k]) == n && !memcmp(cull__relation_word[k], s, n)) {
            *out = (int16_t)k;
            return CULL_OK;
        }
    for (int k = 0; k < words; k++)
        used += snprintf(known + used, sizeof known - (size_t)used, "%s%s", k ? ", " : "",
                         cull__relation_word[k]);
    return cull__fail(r->cx, CULL_EINPUT,
                      "%s:%" PRId64 ": relation %" PRId64 ": %s%s%s is none of %s%s", r->name,
                      r->line, r->relations, s ? "'" : "",
                      s ? cull__quote(s, n, q, sizeof q) : "the second member", s ? "'" : "", known,
                      words == CULL__CANVAS_WORDS ? ", the words for the canvas" : "");
}

static cull_status relation(reading *r, cull__json_value v)
{
    triple t = {.n = 0};
    size_t n = 0;
    cull__relation *a = &r->relation[r->relations];
    if (r->relations == CULL__RELATIONS) return wrong(r, "there are more than 10000 relations");
    if (cull__json_kind(v) != CULL__JSON_ARRAY || cull__json_count(v) != 3)
        return wrong_relation(r, "it is no array of three, as [0, \"top\", 1]");
    cull__json_each(v, member, &t);
    const char *s = cull__json_string(t.v[2], &n);
    bool canvas = s && n == 6 && !memcmp(s, "canvas", 6);
    CULL_TRY(place(r, t.v[0], &a->first));
    a->second = CULL__CANVAS;
    if (!canvas) CULL_TRY(place(r, t.v[2], &a->second));
    if (a->first == a->second) return wrong_relation(r, "an element stands beside itself");
    CULL_TRY(word(r, t.v[1], canvas ? CULL__CANVAS_WORDS : CULL__RELATION_WORDS, &a->word));
    r->relations++;
    return CULL_OK;
}

static bool each_relation(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    (void)key, (void)key_n;
    r->s = relation(r, v);
    return r->s == CULL_OK;
}

/* After the elements, whose places they name. */
static cull_status relations(reading *r, cull__json_value root)
{
    cull__json_value v;
    r->relation = NULL;
    r->relations = 0;
    if (!cull__json_get(root, "relations", &v) || cull__json_kind(v) == CULL__JSON_NULL)
        return CULL_OK;
    if (!r->partial)
        return wrong(r, "'relations' are for layouts that are wanted; here they are drawn from the "
                        "boxes, so leave them out");
    if (cull__json_kind(v) != CULL__JSON_ARRAY) return wrong(r, "'relations' is no array");
    int64_t n = cull__json_count(v);
    CULL_TRY(CULL_TMP(r->cx, r->relation, (n < CULL__RELATIONS ? n : CULL__RELATIONS) + 1));
    cull__json_each(v, each_relation, r);
    return r->s;
}

/* ---- records ---- */

static cull_status canvas(reading *r, cull__json_value root)
{
    cull__json_value v[2];
    bool w = cull__json_get(root, "width", &v[0]), h = cull__json_get(root, "height", &v[1]);
    r->width = r->height = 1;
    if (!w && !h) return CULL_OK;
    if (w != h)
        return wrong(r,
                     "the canvas has a width or a height only; give both, or neither and shares");
    if (!cull__json_number(v[0], &r->width) || !cull__json_number(v[1], &r->height) ||
        !(r->width > 0) || !(r->height > 0))
        return wrong(r, "width and height of the canvas must be numbers above 0");
    return CULL_OK;
}

static cull_status record(reading *r, const char *s, size_t n)
{
    cull__json_value root, v;
    const char *why, *id = "";
    size_t where, id_n = 0;
    if (!cull__json_parse(r->p, s, n, &root, &why, &where)) {
        if (where == SIZE_MAX) return cull__fail(r->cx, CULL_ENOMEM, "%s: %s", r->name, why);
        return cull__fail(r->cx, CULL_EINPUT, "%s:%" PRId64 ": byte %zu of the line: %s", r->name,
                          r->line, where + 1, why);
    }
    if (cull__json_kind(root) != CULL__JSON_OBJECT) return wrong(r, "the record is no object");
    CULL_TRY(twice(r, root));
    CULL_TRY(canvas(r, root));
    if (cull__json_get(root, "id", &v) && cull__json_kind(v) != CULL__JSON_NULL) {
        id = cull__json_string(v, &id_n);
        if (!id || memchr(id, 0, id_n)) return wrong(r, "'id' is no string without NUL");
    }
    if (!cull__json_get(root, "elements", &v) || cull__json_kind(v) != CULL__JSON_ARRAY)
        return wrong(r, "there is no array 'elements'");
    r->n = 0;
    r->s = CULL_OK;
    cull__json_each(v, each, r);
    CULL_TRY(r->s);
    if (!r->n) return wrong(r, "there is no element; a layout has one at least");
    CULL_TRY(relations(r, root));
    return cull__layouts_add(r->l, id, id_n, r->box, r->n, r->relation, r->relations);
}

/* The parser reads up to SPARE bytes past a line, so the last lines are copied. */
static cull_status line(reading *r, const char *s, size_t n, const char *end)
{
    char *copy;
    while (n && (s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    if (!n) return CULL_OK;
    if ((size_t)(end - s) >= n + SPARE) return record(r, s, n);
    CULL_TRY(CULL_TMP0(r->cx, copy, (int64_t)n + SPARE));
    memcpy(copy, s, n);
    return record(r, copy, n);
}

static cull_status lines(reading *r, const char *at, size_t n)
{
    const char *end = at + n, *s = at;
    cull_status st = CULL_OK;
    if (n >= 3 && !memcmp(at, "\xef\xbb\xbf", 3)) s += 3;
    for (r->line = 1; st == CULL_OK && s < end; r->line++) {
        const char *e = memchr(s, '\n', (size_t)(end - s));
        if (!e) e = end;
        cull__mark_t mark = cull__mark(r->cx);
        st = line(r, s, (size_t)(e - s), end);
        cull__release(r->cx, mark);
        s = e + 1;
        if (st == CULL_OK && r->line % 1024 == 0)
            st = cull__tick(r->cx, (double)(s - at), (double)n);
    }
    if (st == CULL_OK && !r->l->n)
        st = cull__fail(r->cx, CULL_EINPUT, "%s: it holds no layout", r->name);
    return st;
}

cull_status cull_layouts_from(cull_ctx *cx, const char *text, size_t n, const char *name,
                              const cull_layouts *like, bool partial, cull_layouts **out)
{
    cull__mark_t mark = cull__mark(cx);
    reading *r;
    *out = NULL;
    CULL_TRY(CULL_TMP0(cx, r, 1));
    r->cx = cx, r->name = name, r->partial = partial;
    cull_status s = cull__layouts_new(cx, like, &r->l);
    if (s == CULL_OK) s = cull__json_parser_new(cx, &r->p);
    if (s == CULL_OK) s = lines(r, text, n);
    cull__json_parser_free(r->p);
    if (s == CULL_OK)
        *out = r->l;
    else
        cull_layouts_free(r->l);
    cull__release(cx, mark);
    return s;
}

cull_status cull_layouts_open(cull_ctx *cx, const char *path, const cull_layouts *like,
                              bool partial, cull_layouts **out)
{
    cull__bytes b;
    *out = NULL;
    CULL_TRY(cull__bytes_open(cx, path, &b));
    cull_status s = cull_layouts_from(cx, (const char *)b.at, b.n, path, like, partial, out);
    cull__bytes_close(&b);
    return s;
}

/* ---- to jsonl ---- */

static void write_box(cull_json *j, const cull_layouts *l, const cull_box *b, int32_t width,
                      int32_t height)
{
    const double v[] = {b->left, b->top, b->width, b->height};
    cull__json_open(j, '{');
    cull__json_key(j, "label");
    cull__json_str(j, l->label[b->label]);
    for (int k = 0; k < 4; k++) {
        if (isnan(v[k])) continue;
        cull__json_key(j, field[k]);
        if (width)
            cull__json_i64(j, cull__pixels(v[k], k % 2 ? height : width));
        else
            cull__json_f64(j, v[k]);
    }
    cull__json_close(j, '}');
}

static void write_relations(cull_json *j, const cull_layouts *l, int64_t i)
{
    if (!l->related[i]) return;
    cull__json_key(j, "relations");
    cull__json_open(j, '[');
    for (int64_t k = l->first_relation[i]; k < l->first_relation[i + 1]; k++) {
        const cull__relation *a = &l->relation[k];
        cull__json_open(j, '[');
        cull__json_i64(j, a->first);
        cull__json_str(j, cull__relation_word[a->word]);
        if (a->second == CULL__CANVAS)
            cull__json_str(j, "canvas");
        else
            cull__json_i64(j, a->second);
        cull__json_close(j, ']');
    }
    cull__json_close(j, ']');
}

cull_status cull_layouts_text(cull_ctx *cx, const cull_layouts *l, int32_t width, int32_t height,
                              char **out)
{
    cull_json j = {.b = CULL_BUF(cx)};
    *out = NULL;
    if (width < 0 || height < 0 || !width != !height)
        return cull__fail(cx, CULL_EOPTION, "a canvas of %d x %d pixels", width, height);
    for (int64_t i = 0; i < l->n; i++) {
        cull_layout a = cull_layouts_at(l, i);
        cull__json_open(&j, '{');
        if (*a.id) cull__json_key(&j, "id"), cull__json_str(&j, a.id);
        if (width) {
            cull__json_key(&j, "width"), cull__json_i64(&j, width);
            cull__json_key(&j, "height"), cull__json_i64(&j, height);
        }
        cull__json_key(&j, "elements");
        cull__json_open(&j, '[');
        for (int64_t k = 0; k < a.n; k++) write_box(&j, l, &a.box[k], width, height);
        cull__json_close(&j, ']');
        write_relations(&j, l, i);
        cull__json_close(&j, '}');
        j.comma[0] = false;
        cull__buf_add(&j.b, "\n", 1);
    }
    if (j.b.status == CULL_OK)
        *out = j.b.at;
    else
        cull__buf_free(&j.b);
    return j.b.status;
}
