/* layout.c - sets of layouts: labels, boxes in their order, options. See cull/layout.h. */
#include "repr/layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const cull__relation_word[CULL__RELATION_WORDS] = {
    "top", "center", "bottom", "left", "right", "smaller", "equal", "larger"};

/* ---- a set ---- */

void cull_layouts_free(cull_layouts *l)
{
    if (!l) return;
    cull__free(l->label);
    cull__free(l->box);
    cull__free(l->group);
    cull__free(l->run);
    cull__free(l->first_run);
    cull__free(l->first);
    cull__free(l->id);
    cull__free(l->ids);
    cull__free(l->relation);
    cull__free(l->first_relation);
    cull__free(l->related);
    cull__free(l);
}

static cull_status begin(cull_layouts *l, const cull_layouts *like)
{
    cull_ctx *cx = l->cx;
    CULL_TRY(CULL_GROW(cx, l->first, &l->first_cap, 1));
    CULL_TRY(CULL_GROW(cx, l->first_run, &l->first_run_cap, 1));
    CULL_TRY(CULL_GROW(cx, l->first_relation, &l->first_relation_cap, 1));
    CULL_TRY(CULL_GROW(cx, l->ids, &l->ids_cap, 1));
    l->id_bytes = 1; /* the empty id */
    if (!like || !like->labels) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, l->label, &l->label_cap, like->labels));
    memcpy(l->label, like->label, (size_t)like->labels * sizeof *l->label);
    l->labels = like->labels;
    return CULL_OK;
}

cull_status cull__layouts_new(cull_ctx *cx, const cull_layouts *like, cull_layouts **out)
{
    cull_layouts *l;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, l, 1));
    l->cx = cx;
    cull_status s = begin(l, like);
    if (s == CULL_OK)
        *out = l;
    else
        cull_layouts_free(l);
    return s;
}

int32_t cull__layouts_find(const cull_layouts *l, const char *s, size_t n)
{
    for (int64_t i = 0; i < l->labels; i++)
        if (!memcmp(l->label[i], s, n < CULL__LABEL_BYTES ? n : CULL__LABEL_BYTES) &&
            strlen(l->label[i]) == n)
            return (int32_t)i;
    return -1;
}

cull_status cull__layouts_name(cull_layouts *l, const char *s, size_t n, int32_t *out)
{
    char q[80];
    *out = cull__layouts_find(l, s, n);
    if (*out >= 0) return CULL_OK;
    bool plain = n > 0 && n <= CULL__LABEL_BYTES && s[0] != ' ' && s[n - 1] != ' ';
    for (size_t i = 0; plain && i < n; i++) plain = (unsigned char)s[i] >= 32 && s[i] != 127;
    if (!plain)
        return cull__fail(l->cx, CULL_EINPUT,
                          "the label '%s' is not 1 to %d bytes without control characters or "
                          "blanks at its ends",
                          cull__quote(s, n, q, sizeof q), CULL__LABEL_BYTES);
    if (n == 6 && !memcmp(s, "canvas", 6))
        return cull__fail(l->cx, CULL_EINPUT, "the label 'canvas' means the canvas itself");
    if (l->labels == CULL__LABELS)
        return cull__fail(l->cx, CULL_EINPUT, "the label '%s' is one more than %d",
                          cull__quote(s, n, q, sizeof q), CULL__LABELS);
    CULL_TRY(CULL_GROW(l->cx, l->label, &l->label_cap, l->labels + 1));
    memset(l->label[l->labels], 0, sizeof *l->label);
    memcpy(l->label[l->labels], s, n);
    *out = (int32_t)l->labels++;
    return CULL_OK;
}

/* A box on its way to its place. */
typedef struct {
    cull_box box;
    const char *name;
    int64_t was;
} placed;

static int by_place(const void *a_, const void *b_)
{
    const placed *a = a_, *b = b_;
    if (a->box.top != b->box.top) return a->box.top < b->box.top ? -1 : 1;
    if (a->box.left != b->box.left) return a->box.left < b->box.left ? -1 : 1;
    int c = strcmp(a->name, b->name);
    return c ? c : a->was < b->was ? -1 : 1;
}

static int by_label(const void *a_, const void *b_)
{
    const placed *a = a_, *b = b_;
    if (a->box.label != b->box.label) return a->box.label < b->box.label ? -1 : 1;
    return a->was < b->was ? -1 : 1;
}

/* place[i]: where box i of those that come has gone. */
static cull_status in_order(cull_layouts *l, cull_box *box, int64_t n, int32_t *group,
                            int16_t *place)
{
    placed *p;
    bool known = true;
    CULL_TRY(CULL_TMP(l->cx, p, n));
    for (int64_t i = 0; i < n; i++) {
        p[i] = (placed){box[i], l->label[box[i].label], i};
        known = known && !isnan(box[i].top) && !isnan(box[i].left);
    }
    if (known) qsort(p, (size_t)n, sizeof *p, by_place);
    for (int64_t i = 0; i < n; i++) place[p[i].was] = (int16_t)i;
    for (int64_t i = 0; i < n; i++) box[i] = p[i].box, p[i].was = i;
    qsort(p, (size_t)n, sizeof *p, by_label);
    for (int64_t i = 0; i < n; i++) group[i] = (int32_t)p[i].was;
    return CULL_OK;
}

/* Relations of the layout that comes, whose boxes have gone to place[]. */
static cull_status relate(cull_layouts *l, const cull__relation *given, int64_t n,
                          const int16_t *place)
{
    cull_ctx *cx = l->cx;
    CULL_TRY(CULL_GROW(cx, l->first_relation, &l->first_relation_cap, l->n + 2));
    CULL_TRY(CULL_GROW(cx, l->related, &l->related_cap, l->n + 1));
    if (n) CULL_TRY(CULL_GROW(cx, l->relation, &l->relation_cap, l->relations + n));
    for (int64_t i = 0; i < n; i++) {
        cull__relation a = given[i];
        a.first = place[a.first];
        if (a.second != CULL__CANVAS) a.second = place[a.second];
        l->relation[l->relations++] = a;
    }
    l->related[l->n] = given != NULL;
    l->first_relation[l->n + 1] = l->relations;
    return CULL_OK;
}

cull_status cull__layouts_add(cull_layouts *l, const char *id, size_t id_n, cull_box *box,
                              int64_t n, const cull__relation *relation, int64_t relations)
{
    cull_ctx *cx = l->cx;
    cull__mark_t mark = cull__mark(cx);
    int16_t *place;
    CULL_TRY(CULL_TMP(cx, place, n));
    CULL_TRY(CULL_GROW(cx, l->box, &l->box_cap, l->boxes + n));
    CULL_TRY(CULL_GROW(cx, l->group, &l->group_cap, l->boxes + n));
    CULL_TRY(CULL_GROW(cx, l->first, &l->first_cap, l->n + 2));
    CULL_TRY(CULL_GROW(cx, l->first_run, &l->first_run_cap, l->n + 2));
    CULL_TRY(CULL_GROW(cx, l->run, &l->run_cap, l->runs + n));
    CULL_TRY(CULL_GROW(cx, l->id, &l->id_cap, l->n + 1));
    CULL_TRY(CULL_GROW(cx, l->ids, &l->ids_cap, l->id_bytes + (int64_t)id_n + 1));
    CULL_TRY(in_order(l, box, n, l->group + l->boxes, place));
    CULL_TRY(relate(l, relation, relations, place));
    memcpy(l->box + l->boxes, box, (size_t)n * sizeof *box);
    for (int64_t i = 0; i < n; i++) {
        int32_t label = box[l->group[l->boxes + i]].label;
        bool again = i && l->run[l->runs - 1].label == label;
        if (!again) l->run[l->runs++] = (struct cull__run){label, 0};
        l->run[l->runs - 1].count++;
    }
    l->first_run[l->n + 1] = l->runs;
    l->id[l->n] = 0;
    if (id_n) {
        l->id[l->n] = l->id_bytes;
        memcpy(l->ids + l->id_bytes, id, id_n);
        l->ids[l->id_bytes + (int64_t)id_n] = 0;
        l->id_bytes += (int64_t)id_n + 1;
    }
    l->boxes += n;
    l->first[++l->n] = l->boxes;
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status check_box(cull_layouts *l, const cull_box *b, int64_t i, int64_t j)
{
    const double v[] = {b->left, b->top, b->width, b->height};
    bool good = b->label >= 0 && b->label < l->labels;
    for (int k = 0; k < 4; k++) good = good && v[k] >= 0 && v[k] <= 1;
    if (good) return CULL_OK;
    return cull__fail(l->cx, CULL_EINPUT,
                      "box %" PRId64 " of layout %" PRId64 ": its label or its place is none; "
                      "places are 0 to 1",
                      j, i);
}

cull_status cull_layouts_of(cull_ctx *cx, const cull_layouts *like, int64_t n,
                            const cull_box *const *box, const int64_t *count, const char *const *id,
                            cull_layouts **out)
{
    cull_layouts *l;
    cull_box own[CULL__BOXES];
    cull_status s = cull__layouts_new(cx, like, out);
    if (s != CULL_OK) return s;
    l = *out;
    for (int64_t i = 0; s == CULL_OK && i < n; i++) {
        if (count[i] < 1 || count[i] > CULL__BOXES)
            s = cull__fail(cx, CULL_EINPUT,
                           "layout %" PRId64 " has %" PRId64 " boxes; there must be 1 to %d", i,
                           count[i], CULL__BOXES);
        for (int64_t j = 0; s == CULL_OK && j < count[i]; j++) s = check_box(l, &box[i][j], i, j);
        if (s != CULL_OK) break;
        memcpy(own, box[i], (size_t)count[i] * sizeof *own);
        s = cull__layouts_add(l, id ? id[i] : "", id ? strlen(id[i]) : 0, own, count[i], NULL, 0);
    }
    if (s != CULL_OK) cull_layouts_free(l), *out = NULL;
    return s;
}

int64_t cull_layouts_n(const cull_layouts *l) { return l->n; }
cull_layout cull_layouts_at(const cull_layouts *l, int64_t i)
{
    return (cull_layout){l->ids + l->id[i], l->box + l->first[i], l->first[i + 1] - l->first[i]};
}
int32_t cull_layouts_labels(const cull_layouts *l) { return (int32_t)l->labels; }
const char *cull_layouts_label(const cull_layouts *l, int32_t label) { return l->label[label]; }

cull_status cull__layouts_alike(cull_ctx *cx, const cull_layouts *a, const cull_layouts *b)
{
    int64_t n = a->labels < b->labels ? a->labels : b->labels;
    for (int64_t i = 0; i < n; i++)
        if (strcmp(a->label[i], b->label[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "label %" PRId64 " is '%s' in one set of layouts and '%s' in the "
                              "other; one must be opened like the other",
                              i, a->label[i], b->label[i]);
    return CULL_OK;
}

/* ---- options ---- */

const char *cull_layout_kind_name(cull_layout_kind k)
{
    static const char *const name[] = {"types", "sizes", "relations", "completion", "refinement"};
    return (unsigned)k < CULL_LAYOUT_KINDS ? name[k] : "";
}

bool cull_layout_canvas(const char *s, int32_t *width, int32_t *height)
{
    static const struct {
        const char *name;
        int32_t width, height;
    } known[] = {{"rico", 90, 160},
                 {"publaynet", 120, 160},
                 {"posterlayout", 102, 150},
                 {"webui", 120, 120}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(s, known[i].name)) {
            *width = known[i].width, *height = known[i].height;
            return true;
        }
    const char *x = strchr(s, 'x');
    int64_t w, h;
    if (!x || !cull__parse_i64(s, (size_t)(x - s), &w) ||
        !cull__parse_i64(x + 1, strlen(x + 1), &h))
        return false;
    if (w < 1 || h < 1 || w > 10000 || h > 10000) return false;
    *width = (int32_t)w, *height = (int32_t)h;
    return true;
}

cull_status cull__layout_options(cull_ctx *cx, const cull_layout_opts *given, cull_layout_opts *o)
{
    *o = (cull_layout_opts)CULL_LAYOUT_OPTS;
    if (given && given->size != sizeof *o)
        return cull__fail(cx, CULL_EOPTION,
                          "the options are not a cull_layout_opts of this version");
    if (given) *o = *given;
    if ((unsigned)o->kind >= CULL_LAYOUT_KINDS)
        return cull__fail(cx, CULL_EOPTION, "there is no kind of constraint %d", (int)o->kind);
    if (o->width < 1 || o->height < 1 || o->width > 10000 || o->height > 10000)
        return cull__fail(cx, CULL_EOPTION, "a canvas of %d x %d; each must be 1 to 10000 pixels",
                          o->width, o->height);
    if (o->exemplars < 1 || o->exemplars > 1000)
        return cull__fail(cx, CULL_EOPTION, "%" PRId64 " exemplars; there must be 1 to 1000",
                          o->exemplars);
    if (o->known < 1 || o->known > CULL__BOXES)
        return cull__fail(cx, CULL_EOPTION, "%" PRId64 " known boxes; there must be 1 to %d",
                          o->known, CULL__BOXES);
    if (o->characters < 1)
        return cull__fail(cx, CULL_EOPTION,
                          "a prompt of %" PRId64 " characters; it needs 1 at least", o->characters);
    if (!o->domain) o->domain = "page";
    return CULL_OK;
}

int32_t cull__pixels(double share, int32_t all)
{
    double v = floor(share * all + 1e-6);
    return v < 0 ? 0 : v > all ? all : (int32_t)v;
}

cull_status cull__layout_needs(cull_ctx *cx, const cull_layouts *l, int64_t i, cull_layout_kind k,
                               int64_t known)
{
    cull_layout a = cull_layouts_at(l, i);
    if (k == CULL_LAYOUT_TYPES || (k == CULL_LAYOUT_RELATIONS && l->related[i])) return CULL_OK;
    for (int64_t j = 0; j < a.n && (k != CULL_LAYOUT_COMPLETION || j < known); j++) {
        const cull_box *b = &a.box[j];
        const char *lacks = isnan(b->width) || isnan(b->height) ? "size" : "place";
        bool sized = !isnan(b->width) && !isnan(b->height);
        if (sized && (k == CULL_LAYOUT_SIZES || (!isnan(b->left) && !isnan(b->top)))) continue;
        return cull__fail(cx, CULL_EINPUT,
                          "layout %" PRId64 ", element %" PRId64 " (%s) has no %s; %s needs it", i,
                          j, l->label[b->label], lacks, cull_layout_kind_name(k));
    }
    return CULL_OK;
}
