/* layout_read.c - layouts from jsonl and to it. See cull/layout.h. */
#include "io/io.h"
#include "repr/layout.h"

#include <inttypes.h>
#include <math.h>
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
    return cull__layouts_add(r->l, id, id_n, r->box, r->n);
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
