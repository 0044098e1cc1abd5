/* layout_text.c - layouts as sequences, as HTML and as prompts. See cull/layout.h. */
#include "repr/layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the order of boxes in text ---- */

typedef struct {
    const char *name;
    int64_t at;
} named;

static int by_name(const void *a_, const void *b_)
{
    const named *a = a_, *b = b_;
    int c = strcmp(a->name, b->name);
    return c ? c : a->at < b->at ? -1 : 1;
}

static bool by_place(cull_layout_kind k)
{
    return k == CULL_LAYOUT_COMPLETION || k == CULL_LAYOUT_REFINEMENT;
}

/* Boxes of layout i as its text has them, in scratch; turn[j], which of them its box j is. */
static cull_status ordered(cull_ctx *cx, const cull_layouts *l, int64_t i, cull_layout_kind k,
                           cull_box **out, int64_t **turn, int64_t *count)
{
    cull_layout a = cull_layouts_at(l, i);
    named *name;
    CULL_TRY(CULL_TMP(cx, *out, a.n));
    CULL_TRY(CULL_TMP(cx, *turn, a.n));
    CULL_TRY(CULL_TMP(cx, name, a.n));
    for (int64_t j = 0; j < a.n; j++) name[j] = (named){l->label[a.box[j].label], j};
    if (!by_place(k)) qsort(name, (size_t)a.n, sizeof *name, by_name);
    for (int64_t j = 0; j < a.n; j++) (*out)[j] = a.box[name[j].at], (*turn)[name[j].at] = j;
    *count = a.n;
    return CULL_OK;
}

/* ---- sequences ---- */

/* A layout on its way to text; the canvas is number n. */
typedef struct {
    const cull_layouts *l;
    const cull_layout_opts *o;
    const cull_box *box;
    int64_t n;
    cull_buf *to;
} text;

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

static void add_name(const text *t, int64_t j)
{
    if (j == t->n)
        add(t->to, "canvas");
    else
        cull__buf_printf(t->to, "%s %" PRId64, t->l->label[t->box[j].label], j);
}

static void add_known(const text *t, int64_t j, bool place)
{
    const cull_box *b = &t->box[j];
    if (place)
        cull__buf_printf(t->to, " %d %d", cull__pixels(b->left, t->o->width),
                         cull__pixels(b->top, t->o->height));
    cull__buf_printf(t->to, " %d %d", cull__pixels(b->width, t->o->width),
                     cull__pixels(b->height, t->o->height));
}

/* How large b is beside a: equal within a tenth of a's area. */
static const char *size_of(const cull_box *a, const cull_box *b)
{
    double x = a->width * a->height, y = b->width * b->height;
    if (y >= 0.9 * x && y <= 1.1 * x) return "equal";
    return y < x ? "smaller" : "larger";
}

/* Where b lies beside a; before all else above or below it. */
static const char *place_of(const cull_box *a, const cull_box *b)
{
    if (b->top + b->height <= a->top) return "top";
    if (b->top >= a->top + a->height) return "bottom";
    if (b->left + b->width <= a->left) return "left";
    if (b->left >= a->left + a->width) return "right";
    return "center";
}

/* In which third of the canvas the middle of b lies. */
static const char *third_of(const cull_box *b)
{
    double y = b->top + b->height / 2;
    return y < 1.0 / 3 ? "top" : y < 2.0 / 3 ? "center" : "bottom";
}

static void add_relation(const text *t, int64_t first, const char *word, int64_t second)
{
    add(t->to, " | ");
    add_name(t, first);
    cull__buf_printf(t->to, " %s ", word);
    add_name(t, second);
}

/* A tenth of all n^2 relations, one at least, each as likely: between two boxes by size and by place, of
 * a box and the canvas by place. */
static void draw_relations(const text *t, cull_rng *r)
{
    int64_t left = t->n * t->n, need = (left + 9) / 10;
    for (int64_t i = 0; i < t->n; i++)
        for (int64_t j = i + 1; j <= t->n; j++)
            for (int kind = 0; kind < (j < t->n ? 2 : 1); kind++) {
                if (cull__rng_below(r, left--) >= need) continue;
                need--;
                if (j == t->n)
                    add_relation(t, i, third_of(&t->box[i]), j);
                else
                    add_relation(t, j,
                                 kind ? size_of(&t->box[i], &t->box[j])
                                      : place_of(&t->box[i], &t->box[j]),
                                 i);
            }
}

/* Those that the record of layout i gives, in its order, else drawn. */
static void add_relations(const text *t, int64_t i, const int64_t *turn, cull_rng *r)
{
    if (!t->l->related[i]) {
        draw_relations(t, r);
        return;
    }
    for (int64_t k = t->l->first_relation[i]; k < t->l->first_relation[i + 1]; k++) {
        const cull__relation *a = &t->l->relation[k];
        add_relation(t, turn[a->first], cull__relation_word[a->word],
                     a->second == CULL__CANVAS ? t->n : turn[a->second]);
    }
}

static double noisy(cull_rng *r, double v, double most)
{
    v += 0.01 * cull__rng_normal(r);
    return v < 0 ? 0 : v > most ? most : v;
}

static void add_noise(cull_rng *r, cull_box *b)
{
    b->left = noisy(r, b->left, 1);
    b->top = noisy(r, b->top, 1);
    b->width = noisy(r, b->width, 1 - b->left);
    b->height = noisy(r, b->height, 1 - b->top);
}

static cull_status add_sequence(cull_ctx *cx, const cull_layouts *l, int64_t i,
                                const cull_layout_opts *o, bool example, cull_buf *to)
{
    cull__mark_t mark = cull__mark(cx);
    cull_box *box;
    int64_t *turn, n;
    cull_rng r = cull__rng(cx, 2 * (uint64_t)i + !example);
    CULL_TRY(cull__layout_needs(cx, l, i, o->kind, o->known));
    CULL_TRY(ordered(cx, l, i, o->kind, &box, &turn, &n));
    if (o->kind == CULL_LAYOUT_REFINEMENT && example)
        for (int64_t j = 0; j < n; j++) add_noise(&r, &box[j]);
    text t = {l, o, box, n, to};
    int64_t shown = o->kind == CULL_LAYOUT_COMPLETION && o->known < n ? o->known : n;
    for (int64_t j = 0; j < shown; j++) {
        if (j) add(to, " | ");
        add_name(&t, j);
        if (by_place(o->kind) || o->kind == CULL_LAYOUT_SIZES) add_known(&t, j, by_place(o->kind));
    }
    if (o->kind == CULL_LAYOUT_RELATIONS) add_relations(&t, i, turn, &r);
    cull__release(cx, mark);
    return to->status;
}

/* ---- HTML ---- */

static void add_escaped(cull_buf *to, const char *s)
{
    for (; *s; s++) {
        const char *e = *s == '&'   ? "&amp;"
                        : *s == '<' ? "&lt;"
                        : *s == '>' ? "&gt;"
                        : *s == '"' ? "&quot;"
                                    : NULL;
        if (e)
            add(to, e);
        else
            cull__buf_add(to, s, 1);
    }
}

static void add_div(cull_buf *to, const char *label, int32_t left, int32_t top, int32_t width,
                    int32_t height)
{
    add(to, "<div class=\"");
    add_escaped(to, label);
    cull__buf_printf(to, "\" style=\"left:%dpx; top:%dpx; width:%dpx; height:%dpx\"></div>\n", left,
                     top, width, height);
}

static cull_status add_html(cull_ctx *cx, const cull_layouts *l, int64_t i,
                            const cull_layout_opts *o, cull_buf *to)
{
    cull__mark_t mark = cull__mark(cx);
    cull_box *b;
    int64_t *turn, n;
    CULL_TRY(cull__layout_needs(cx, l, i, CULL_LAYOUT_REFINEMENT, 0));
    CULL_TRY(ordered(cx, l, i, o->kind, &b, &turn, &n));
    add_div(to, "canvas", 0, 0, o->width, o->height);
    for (int64_t j = 0; j < n; j++)
        add_div(to, l->label[b[j].label], cull__pixels(b[j].left, o->width),
                cull__pixels(b[j].top, o->height), cull__pixels(b[j].width, o->width),
                cull__pixels(b[j].height, o->height));
    cull__release(cx, mark);
    return to->status;
}

/* The text, or what went wrong; scratch since `mark` goes back. */
static cull_status hand_out(cull_buf *b, cull__mark_t mark, cull_status s, char **out)
{
    cull__release(b->cx, mark);
    if (s == CULL_OK) s = b->status;
    if (s == CULL_OK)
        *out = b->at;
    else
        cull__buf_free(b);
    return s;
}

cull_status cull_layout_sequence(cull_ctx *cx, const cull_layouts *l, int64_t i,
                                 const cull_layout_opts *given, bool example, char **out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_layout_opts o;
    cull_buf b = CULL_BUF(cx);
    *out = NULL;
    CULL_TRY(cull__layout_options(cx, given, &o));
    return hand_out(&b, mark, add_sequence(cx, l, i, &o, example, &b), out);
}

cull_status cull_layout_html(cull_ctx *cx, const cull_layouts *l, int64_t i,
                             const cull_layout_opts *given, char **out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_layout_opts o;
    cull_buf b = CULL_BUF(cx);
    *out = NULL;
    CULL_TRY(cull__layout_options(cx, given, &o));
    return hand_out(&b, mark, add_html(cx, l, i, &o, &b), out);
}

/* ---- prompts ---- */

static void add_preamble(const cull_layout_opts *o, cull_buf *to)
{
    static const char *const task[] = {
        "Lay out a page of the elements named below.",
        "Lay out a page of the elements named below. After an element's name and number stand its "
        "width and height.",
        "Lay out a page of the elements named below, so that the relations after them hold: \"a 1 "
        "top b 0\" says that a 1 lies above b 0, \"a 1 larger b 0\" that its area is larger.",
        "Complete a page that begins with the elements below. After an element's name and number "
        "stand its left, top, width and height.",
        "Tidy up a page whose elements lie roughly as said below. After an element's name and "
        "number stand its left, top, width and height."};
    cull__buf_printf(to,
                     "%s\nDomain: %s\nCanvas: %d pixels wide, %d pixels high\nAnswer in HTML with "
                     "one div for each element, its class the element's name, its style left, top, "
                     "width and height in pixels, as in the examples. Elements stay within the "
                     "canvas, line up, and do not overlap without need.\n",
                     task[o->kind], o->domain, o->width, o->height);
}

static int64_t characters(const char *s, size_t n)
{
    int64_t c = 0;
    for (size_t i = 0; i < n; i++) c += ((unsigned char)s[i] & 0xC0) != 0x80;
    return c;
}

/* Exemplars in a drawn order, while they fit. */
static cull_status add_examples(cull_ctx *cx, const cull_layouts *library, int64_t q,
                                const int64_t *row, int64_t k, const cull_layout_opts *o,
                                cull_buf *to, int64_t *used)
{
    int64_t *turn, written = characters(to->at, to->n);
    cull_rng r = cull__rng_seeded(cull_ctx_seed(cx) ^ 0x6c61796f7574, (uint64_t)q);
    CULL_TRY(CULL_TMP(cx, turn, k));
    for (int64_t i = 0; i < k; i++) turn[i] = row[i];
    cull__rng_shuffle(&r, turn, k);
    for (*used = 0; *used < k; ++*used) {
        size_t before = to->n;
        if (turn[*used] < 0 || turn[*used] >= library->n)
            return cull__fail(cx, CULL_EINPUT, "exemplar %" PRId64 " of %" PRId64 " layouts",
                              turn[*used], library->n);
        add(to, "\n");
        CULL_TRY(add_sequence(cx, library, turn[*used], o, true, to));
        add(to, "\n");
        CULL_TRY(add_html(cx, library, turn[*used], o, to));
        CULL_TRY(to->status);
        written += characters(to->at + before, to->n - before);
        if (written > o->characters) {
            to->n = before;
            to->at[before] = 0;
            break;
        }
    }
    return CULL_OK;
}

cull_status cull_layout_prompt(cull_ctx *cx, const cull_layouts *library,
                               const cull_layouts *queries, int64_t q, const int64_t *row,
                               int64_t k, const cull_layout_opts *given, char **out, int64_t *used)
{
    cull__mark_t mark = cull__mark(cx);
    cull_layout_opts o;
    cull_buf b = CULL_BUF(cx);
    *out = NULL, *used = 0;
    CULL_TRY(cull__layout_options(cx, given, &o));
    add_preamble(&o, &b);
    cull_status s = b.status;
    if (s == CULL_OK) s = add_examples(cx, library, q, row, k, &o, &b, used);
    add(&b, "\n");
    if (s == CULL_OK) s = add_sequence(cx, queries, q, &o, false, &b);
    add(&b, "\n");
    return hand_out(&b, mark, s, out);
}
