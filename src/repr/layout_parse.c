/* layout_parse.c - boxes from the HTML that a generator wrote. See cull/layout.h. */
#include "repr/layout.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    const char *at;
    size_t n;
} span;

typedef struct {
    cull_ctx *cx;
    const cull_layouts *like;
    const cull_layout_opts *o;
    const char *at, *end;
    int64_t div; /* from 1; the canvas counts */
    cull_box *box;
    int64_t n, cap;
} parsing;

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c; }

static span trim(span s)
{
    while (s.n && blank(s.at[0])) s.at++, s.n--;
    while (s.n && blank(s.at[s.n - 1])) s.n--;
    return s;
}

static bool is(span s, const char *word)
{
    if (s.n != strlen(word)) return false;
    for (size_t i = 0; i < s.n; i++)
        if (lower(s.at[i]) != word[i]) return false;
    return true;
}

static cull_status wrong(const parsing *p, const char *what)
{
    return cull__fail(p->cx, CULL_EINPUT, "div %" PRId64 " %s", p->div, what);
}

static cull_status wrong_word(const parsing *p, const char *what, span s, const char *why)
{
    char q[80];
    return cull__fail(p->cx, CULL_EINPUT, "div %" PRId64 ": %s '%s' %s", p->div, what,
                      cull__quote(s.at, s.n, q, sizeof q), why);
}

/* ---- a tag's attributes ---- */

/* The next NAME=VALUE of a tag; false at its '>', which is passed. *cut: the text ends before it. */
static bool attribute(parsing *p, span *name, span *value, bool *cut)
{
    const char *s = p->at, *end = p->end;
    *cut = false;
    while (s < end && (blank(*s) || *s == '/')) s++;
    if (s == end || *s == '>') {
        *cut = s == end;
        p->at = s + (s < end);
        return false;
    }
    *name = (span){s, 0};
    while (s < end && !blank(*s) && *s != '=' && *s != '>' && *s != '/') s++, name->n++;
    if (!name->n) s++; /* a stray '=' */
    while (s < end && blank(*s)) s++;
    *value = (span){s, 0};
    p->at = s;
    if (s == end || *s != '=') return true;
    for (s++; s < end && blank(*s);) s++;
    char quote = s < end && (*s == '"' || *s == '\'') ? *s++ : 0;
    value->at = s;
    while (s < end && (quote ? *s != quote : !blank(*s) && *s != '>')) s++;
    value->n = (size_t)(s - value->at);
    p->at = s + (quote && s < end);
    *cut = s == end;
    return true;
}

/* ---- what the attributes say ---- */

/* s with the five entities that HTML needs read back; at most `room` bytes. */
static size_t plain(span s, char *to, size_t room)
{
    static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < room;) {
        int k = 0;
        while (k < 5 &&
               (s.n - i < strlen(entity[k]) || memcmp(s.at + i, entity[k], strlen(entity[k]))))
            k++;
        to[n++] = k < 5 ? "&<>\"'"[k] : s.at[i];
        i += k < 5 ? strlen(entity[k]) : 1;
    }
    return n;
}

/* A label as a whole name: as it stands, else the only one that differs in case alone. */
static cull_status label_of(const parsing *p, span class, int32_t *out)
{
    char name[CULL__LABEL_BYTES + 2];
    span s = {name, plain(class, name, sizeof name)};
    int64_t found = 0;
    *out = cull__layouts_find(p->like, s.at, s.n);
    if (*out >= 0) return CULL_OK;
    for (int64_t i = 0; i < p->like->labels; i++) {
        size_t j = 0;
        const char *l = p->like->label[i];
        if (strlen(l) != s.n) continue;
        while (j < s.n && lower(l[j]) == lower(s.at[j])) j++;
        if (j == s.n) *out = (int32_t)i, found++;
    }
    return found == 1 ? CULL_OK : wrong_word(p, "the class", class, "is no label");
}

static cull_status pixels(const parsing *p, span name, span value, double *out)
{
    span v = trim(value);
    if (v.n > 2 && lower(v.at[v.n - 2]) == 'p' && lower(v.at[v.n - 1]) == 'x')
        v = trim((span){v.at, v.n - 2});
    if (!isnan(*out)) return wrong_word(p, "the property", name, "stands twice");
    if (cull__parse_f64(v.at, v.n, out) && isfinite(*out)) return CULL_OK;
    return wrong_word(p, "the number", trim(value), "is none of pixels");
}

/* left, top, width, height of a style; others are passed over. */
static cull_status places(const parsing *p, span style, double v[4])
{
    static const char *const word[] = {"left", "top", "width", "height"};
    while (style.n) {
        span part = {style.at, 0}, name, value;
        while (part.n < style.n && part.at[part.n] != ';') part.n++;
        size_t step = part.n + (part.n < style.n);
        style = (span){style.at + step, style.n - step};
        size_t colon = 0;
        while (colon < part.n && part.at[colon] != ':') colon++;
        name = trim((span){part.at, colon});
        value =
            colon < part.n ? (span){part.at + colon + 1, part.n - colon - 1} : (span){part.at, 0};
        for (int k = 0; k < 4; k++)
            if (is(name, word[k])) CULL_TRY(pixels(p, name, value, &v[k]));
    }
    for (int k = 0; k < 4; k++)
        if (isnan(v[k]))
            return wrong_word(p, "the property", (span){word[k], strlen(word[k])}, "is missing");
    return CULL_OK;
}

static cull_status take(parsing *p, span class, span style)
{
    double v[4] = {NAN, NAN, NAN, NAN}, w = p->o->width, h = p->o->height;
    cull_box b;
    class = trim(class);
    if (is(class, "canvas")) return CULL_OK;
    CULL_TRY(label_of(p, class, &b.label));
    CULL_TRY(places(p, style, v));
    if (v[0] < 0 || v[1] < 0 || v[2] < 0 || v[3] < 0 || v[0] + v[2] > w || v[1] + v[3] > h)
        return cull__fail(p->cx, CULL_EINPUT,
                          "div %" PRId64 " reaches beyond the canvas of %d x %d pixels", p->div,
                          p->o->width, p->o->height);
    if (p->n == CULL__BOXES) return wrong(p, "is one box more than 1024");
    CULL_TRY(CULL_GROW(p->cx, p->box, &p->cap, p->n + 1));
    b.left = v[0] / w, b.top = v[1] / h, b.width = v[2] / w, b.height = v[3] / h;
    p->box[p->n++] = b;
    return CULL_OK;
}

/* ---- the text ---- */

static bool next_div(parsing *p)
{
    for (; p->end - p->at >= 4; p->at++) {
        const char *s = p->at;
        if (*s != '<' || !is((span){s + 1, 3}, "div")) continue;
        if (p->end - s > 4 && !blank(s[4]) && s[4] != '>' && s[4] != '/') continue;
        p->at += 4;
        p->div++;
        return true;
    }
    return false;
}

static cull_status all(parsing *p)
{
    while (next_div(p)) {
        span name, value, class = {0}, style = {0};
        bool cut, classed = false, styled = false;
        while (attribute(p, &name, &value, &cut)) {
            if (cut) break;
            if (is(name, "class")) class = value, classed = true;
            if (is(name, "style")) style = value, styled = true;
        }
        if (cut) return wrong(p, "does not end");
        if (!classed && !styled) continue; /* it only holds others */
        if (!classed) return wrong(p, "has a style and no class");
        CULL_TRY(take(p, class, style));
    }
    if (p->n) return CULL_OK;
    return cull__fail(p->cx, CULL_EINPUT, "there is no div with a label and a place");
}

cull_status cull_layout_parse(cull_ctx *cx, const char *text, size_t n, const cull_layouts *like,
                              const cull_layout_opts *given, cull_box **out, int64_t *boxes)
{
    cull_layout_opts o;
    *out = NULL, *boxes = 0;
    CULL_TRY(cull__layout_options(cx, given, &o));
    parsing p = {.cx = cx, .like = like, .o = &o, .at = text, .end = text + n};
    cull_status s = all(&p);
    if (s != CULL_OK) {
        cull__free(p.box);
        return s;
    }
    *out = p.box, *boxes = p.n;
    return CULL_OK;
}

void cull_boxes_free(cull_box *b) { cull__free(b); }
