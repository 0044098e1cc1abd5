/* layout_like.c - how alike layouts are, and which of a library are most like a wanted one. See
 * cull/layout.h.
 *
 * Boxes of different labels are worth nothing to one another, so the best assignment is one for each
 * label by itself. Within a label every box of the fewer can at most have its best partner; where those
 * are all different they are the assignment, and where their sum is too little nobody needs to know it. */
#include "num/num.h"
#include "repr/layout.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Boxes of a layout by label; `group` says which. */
typedef struct {
    const cull_box *box;
    const int32_t *group;
    int64_t n;
} view;

typedef struct {
    double *distance2; /* of pairs within each label in turn */
    int64_t *col;
    uint8_t *taken;
    bool sizes; /* (width, height) alone count */
} work;

/* What the kind of a constraint makes of likeness. */
typedef struct {
    double labels, boxes;
    bool sizes, first;
} weights;

static weights weights_of(cull_layout_kind k)
{
    switch (k) {
    case CULL_LAYOUT_SIZES: return (weights){.labels = 0.5, .boxes = 0.5, .sizes = true};
    case CULL_LAYOUT_COMPLETION: return (weights){.boxes = 1, .first = true};
    case CULL_LAYOUT_REFINEMENT: return (weights){.labels = 0.5, .boxes = 0.5};
    default: return (weights){.labels = 1};
    }
}

/* Layout i, or its first `known` boxes; scratch has room for so many. */
static view view_of(const cull_layouts *l, int64_t i, int64_t known, int32_t *scratch)
{
    int64_t first = l->first[i], all = l->first[i + 1] - first, n = 0;
    view v = {l->box + first, l->group + first, all};
    if (all <= known) return v;
    for (int64_t j = 0; j < all; j++)
        if (v.group[j] < known) scratch[n++] = v.group[j];
    return (view){v.box, scratch, n};
}

static int64_t run_end(const view *v, int64_t i)
{
    int32_t label = v->box[v->group[i]].label;
    while (i < v->n && v->box[v->group[i]].label == label) i++;
    return i;
}

static int64_t common_labels(const view *a, const view *b)
{
    int64_t i = 0, j = 0, common = 0;
    while (i < a->n && j < b->n) {
        int32_t la = a->box[a->group[i]].label, lb = b->box[b->group[j]].label;
        common += la == lb;
        i += la <= lb;
        j += lb <= la;
    }
    return common;
}

static double square(double x) { return x * x; }

static double distance2(const work *w, const cull_box *a, const cull_box *b)
{
    double d = square(a->width - b->width) + square(a->height - b->height);
    if (!w->sizes) d += square(a->left - b->left) + square(a->top - b->top);
    return d;
}

static double worth(double distance2) { return exp2(-2 * sqrt(distance2)); }

/* A label that both have: its boxes, the fewer as rows, and what is known of their sum. */
typedef struct {
    const view *few, *many;
    int64_t f, m, rows, cols; /* where they begin, how many */
    double *distance2;        /* (rows, cols) */
    double most;              /* the rows' nearest, summed */
    bool clear;               /* they lie in different columns: that is the assignment */
} block;

/* Sums to be had, less what becomes known; false when that surely falls below what is needed. */
typedef struct {
    double left, need;
} hope;

static bool holds(const hope *h) { return h->left >= h->need - 1e-9; }

static bool fill(work *w, block *k, hope *h)
{
    k->clear = true;
    memset(w->taken, 0, (size_t)k->cols);
    for (int64_t r = 0; r < k->rows && holds(h); r++) {
        const cull_box *x = &k->few->box[k->few->group[k->f + r]];
        double *at = k->distance2 + r * k->cols;
        int64_t best = 0;
        for (int64_t c = 0; c < k->cols; c++) {
            at[c] = distance2(w, x, &k->many->box[k->many->group[k->m + c]]);
            if (at[c] < at[best]) best = c;
        }
        double v = worth(at[best]);
        k->most += v;
        h->left -= 1 - v;
        if (w->taken[best]++) k->clear = false;
    }
    return holds(h);
}

static cull_status assigned(cull_ctx *cx, work *w, const block *k, double *sum)
{
    cull__mark_t mark = cull__mark(cx);
    double *cost, total;
    CULL_TRY(CULL_TMP(cx, cost, k->rows * k->cols));
    for (int64_t i = 0; i < k->rows * k->cols; i++) cost[i] = -worth(k->distance2[i]);
    CULL_TRY(cull__assign(cx, cost, k->rows, k->cols, w->col, &total));
    *sum = -total;
    cull__release(cx, mark);
    return CULL_OK;
}

/* The labels that both have, one block each; how many. */
static int64_t blocks_of(const work *w, const view *a, const view *b, block *k)
{
    int64_t i = 0, j = 0, n = 0;
    double *at = w->distance2;
    while (i < a->n && j < b->n) {
        int32_t la = a->box[a->group[i]].label, lb = b->box[b->group[j]].label;
        if (la != lb) {
            i += la < lb, j += lb < la;
            continue;
        }
        int64_t ie = run_end(a, i), je = run_end(b, j);
        if (ie - i <= je - j)
            k[n] = (block){a, b, i, j, ie - i, je - j, at, 0, true};
        else
            k[n] = (block){b, a, j, i, je - j, ie - i, at, 0, true};
        at += k[n].rows * k[n].cols;
        n++;
        i = ie, j = je;
    }
    return n;
}

/* The largest sum over pairs, or, where it is surely below `need`, something below `need`. */
static cull_status best_pairs(cull_ctx *cx, work *w, const view *a, const view *b, double need,
                              double *sum)
{
    cull__mark_t mark = cull__mark(cx);
    block *k;
    hope h = {0, need};
    CULL_TRY(CULL_TMP(cx, k, a->n < b->n ? a->n : b->n));
    int64_t n = blocks_of(w, a, b, k);
    for (int64_t t = 0; t < n; t++) h.left += (double)k[t].rows;
    for (int64_t t = 0; t < n && fill(w, &k[t], &h); t++) {}
    *sum = 0;
    for (int64_t t = 0; t < n && holds(&h); t++) {
        double s = k[t].most;
        if (!k[t].clear) CULL_TRY(assigned(cx, w, &k[t], &s));
        h.left -= k[t].most - s;
        *sum += s;
    }
    if (!holds(&h)) *sum = h.left;
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status work_new(cull_ctx *cx, int64_t a, int64_t b, bool sizes, work *w)
{
    w->sizes = sizes;
    CULL_TRY(CULL_TMP(cx, w->distance2, a * b));
    CULL_TRY(CULL_TMP(cx, w->col, a > b ? a : b));
    return CULL_TMP(cx, w->taken, a > b ? a : b);
}

static double labels_like(int64_t common, const view *a, const view *b)
{
    return a->n + b->n ? 2 * (double)common / (double)(a->n + b->n) : 0;
}

static double boxes_like(double sum, const view *a, const view *b)
{
    int64_t least = a->n < b->n ? a->n : b->n;
    return least ? sum / (double)least : 0;
}

static cull_status likeness(cull_ctx *cx, const cull_layouts *a, int64_t i, const cull_layouts *b,
                            int64_t j, double *labels, double *boxes)
{
    work w;
    double sum;
    CULL_TRY(cull__layouts_alike(cx, a, b));
    CULL_TRY(cull__layout_needs(cx, a, i, CULL_LAYOUT_REFINEMENT, 0));
    CULL_TRY(cull__layout_needs(cx, b, j, CULL_LAYOUT_REFINEMENT, 0));
    view x = view_of(a, i, CULL__BOXES, NULL), y = view_of(b, j, CULL__BOXES, NULL);
    CULL_TRY(work_new(cx, x.n, y.n, false, &w));
    CULL_TRY(best_pairs(cx, &w, &x, &y, 0, &sum));
    *labels = labels_like(common_labels(&x, &y), &x, &y);
    *boxes = boxes_like(sum, &x, &y);
    return CULL_OK;
}

cull_status cull_layout_likeness(cull_ctx *cx, const cull_layouts *a, int64_t i,
                                 const cull_layouts *b, int64_t j, double *labels, double *boxes)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status s = likeness(cx, a, i, b, j, labels, boxes);
    cull__release(cx, mark);
    return s;
}

static int64_t largest(const cull_layouts *l)
{
    int64_t most = 0;
    for (int64_t i = 0; i < l->n; i++)
        if (l->first[i + 1] - l->first[i] > most) most = l->first[i + 1] - l->first[i];
    return most;
}

cull_status cull__layout_nearest(cull_ctx *cx, const cull_layouts *a, int64_t i,
                                 const cull_layouts *b, double *out)
{
    cull__mark_t mark = cull__mark(cx);
    work w;
    view x = view_of(a, i, CULL__BOXES, NULL);
    *out = 0;
    CULL_TRY(work_new(cx, x.n, largest(b), false, &w));
    for (int64_t j = 0; j < b->n; j++) {
        view y = view_of(b, j, CULL__BOXES, NULL);
        int64_t common = common_labels(&x, &y);
        double labels = 0.2 * labels_like(common, &x, &y), sum;
        if (labels + 0.8 * boxes_like((double)common, &x, &y) <= *out) continue;
        double need = (*out - labels) / 0.8 * (double)(x.n < y.n ? x.n : y.n);
        CULL_TRY(best_pairs(cx, &w, &x, &y, need, &sum));
        double u = labels + 0.8 * boxes_like(sum, &x, &y);
        if (u > *out) *out = u;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- the most alike of a library ---- */

typedef struct {
    const cull_layouts *library, *queries;
    const cull_layout_opts *o;
    weights by;
    const uint8_t *usable; /* of the library */
    int64_t most;          /* boxes of a layout there */
    int64_t *row, *found;
    double *score;
} search;

/* One query's search. */
typedef struct {
    const search *s;
    work w;
    view query;
    int32_t *has, *seen; /* of each label of the library: how many the query has; zeros */
    int32_t *common, *scratch;
    double *bound; /* of each layout, what it can have at most; below 0: done with */
    int64_t *row, found;
    double *score;
} one;

/* Boxes of row i that count. */
static int64_t counted(const one *q, int64_t i)
{
    const cull_layouts *l = q->s->library;
    int64_t n = l->first[i + 1] - l->first[i];
    return q->s->by.first && n > q->s->o->known ? q->s->o->known : n;
}

static int32_t in_common(one *q, int64_t i)
{
    const cull_layouts *l = q->s->library;
    int32_t common = 0;
    if (q->s->by.first) {
        const cull_box *b = l->box + l->first[i];
        int64_t n = counted(q, i);
        for (int64_t j = 0; j < n; j++) common += q->seen[b[j].label]++ < q->has[b[j].label];
        for (int64_t j = 0; j < n; j++) q->seen[b[j].label] = 0;
        return common;
    }
    for (int64_t t = l->first_run[i]; t < l->first_run[i + 1]; t++) {
        int32_t has = q->has[l->run[t].label], count = l->run[t].count;
        common += has < count ? has : count;
    }
    return common;
}

static double score_of(const one *q, double common, double sum, int64_t n)
{
    const weights *by = &q->s->by;
    double m = (double)q->query.n, a = (double)n;
    return by->labels * (2 * common / (m + a)) + by->boxes * (sum / (m < a ? m : a));
}

/* Whether row i with so much stands before the last of a full list. */
static bool enters(const one *q, double score, int64_t i)
{
    int64_t k = q->s->o->exemplars;
    if (q->found < k) return true;
    return score > q->score[k - 1] || (score == q->score[k - 1] && i < q->row[k - 1]);
}

static void enter(one *q, double score, int64_t i)
{
    int64_t k = q->s->o->exemplars, at = q->found < k ? q->found++ : k - 1;
    for (; at > 0; at--) {
        double above = q->score[at - 1];
        if (above > score || (above == score && q->row[at - 1] < i)) break;
        q->score[at] = above, q->row[at] = q->row[at - 1];
    }
    q->score[at] = score, q->row[at] = i;
}

static cull_status try_row(cull_ctx *cx, one *q, int64_t i)
{
    const weights *by = &q->s->by;
    int64_t n = counted(q, i), k = q->s->o->exemplars;
    double sum = 0, need = 0, rest = score_of(q, q->common[i], 0, n);
    if (by->boxes > 0) {
        view v = view_of(q->s->library, i, n, q->scratch);
        if (q->found == k && !q->s->o->exhaustive)
            need = (q->score[k - 1] - rest) / by->boxes * (double)(n < q->query.n ? n : q->query.n);
        CULL_TRY(best_pairs(cx, &q->w, &q->query, &v, need, &sum));
    }
    double score = score_of(q, q->common[i], sum, n);
    if (enters(q, score, i)) enter(q, score, i);
    return CULL_OK;
}

/* The bound of a layout is its score if all boxes of common labels were the same: no score is above it,
 * rounding included, since all steps are monotone. The largest bounds go first, so that what enters
 * later has much to beat. */
static cull_status promising(cull_ctx *cx, one *q)
{
    int64_t k = q->s->o->exemplars, n = q->s->library->n;
    one first = *q;
    CULL_TRY(CULL_TMP(cx, first.row, k));
    CULL_TRY(CULL_TMP(cx, first.score, k));
    for (int64_t i = 0; i < n; i++) {
        q->bound[i] = -1;
        if (!q->s->usable[i]) continue;
        q->common[i] = in_common(q, i);
        q->bound[i] = score_of(q, q->common[i], q->common[i], counted(q, i));
        if (enters(&first, q->bound[i], i)) enter(&first, q->bound[i], i);
    }
    for (int64_t i = 0; i < first.found && !q->s->o->exhaustive; i++) {
        CULL_TRY(try_row(cx, q, first.row[i]));
        q->bound[first.row[i]] = -1;
    }
    return CULL_OK;
}

static cull_status search_one(cull_ctx *cx, const search *s, int64_t at)
{
    int64_t n = s->library->n, k = s->o->exemplars, labels = s->library->labels;
    int64_t known = s->by.first ? s->o->known : CULL__BOXES;
    int32_t *mine;
    one q = {.s = s, .row = s->row + at * k, .score = s->score + at * k};
    if (labels < s->queries->labels) labels = s->queries->labels;
    CULL_TRY(CULL_TMP(cx, mine, CULL__BOXES));
    CULL_TRY(CULL_TMP(cx, q.scratch, CULL__BOXES));
    CULL_TRY(CULL_TMP(cx, q.common, n));
    CULL_TRY(CULL_TMP(cx, q.bound, n));
    CULL_TRY(CULL_TMP0(cx, q.has, labels));
    CULL_TRY(CULL_TMP0(cx, q.seen, labels));
    q.query = view_of(s->queries, at, known, mine);
    for (int64_t i = 0; i < q.query.n; i++) q.has[q.query.box[q.query.group[i]].label]++;
    CULL_TRY(work_new(cx, q.query.n, s->most, s->by.sizes, &q.w));
    CULL_TRY(promising(cx, &q));
    for (int64_t i = 0; i < n; i++) {
        if (i % 4096 == 0) CULL_TRY(cull__tick(cx, (double)i, (double)n));
        if (q.bound[i] < 0) continue;
        if (s->o->exhaustive || enters(&q, q.bound[i], i)) CULL_TRY(try_row(cx, &q, i));
    }
    s->found[at] = q.found;
    for (int64_t i = q.found; i < k; i++) q.row[i] = -1, q.score[i] = 0;
    return CULL_OK;
}

static cull_status some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(search_one(cx, arg, i));
        cull__release(cx, mark);
    }
    return CULL_OK;
}

static bool has_pixels(const cull_layouts *l, int64_t i, const cull_layout_opts *o)
{
    cull_layout a = cull_layouts_at(l, i);
    for (int64_t j = 0; j < a.n; j++)
        if (!cull__pixels(a.box[j].width, o->width) || !cull__pixels(a.box[j].height, o->height))
            return false;
    return true;
}

static cull_status choose(cull_ctx *cx, const cull_layouts *library, const cull_layouts *queries,
                          const cull_layout_opts *given, int64_t *row, double *score,
                          int64_t *found)
{
    cull_layout_opts o;
    uint8_t *usable;
    CULL_TRY(cull__layout_options(cx, given, &o));
    CULL_TRY(cull__layouts_alike(cx, library, queries));
    for (int64_t i = 0; i < library->n; i++)
        CULL_TRY(cull__layout_needs(cx, library, i, CULL_LAYOUT_REFINEMENT, 0));
    for (int64_t i = 0; i < queries->n; i++)
        CULL_TRY(cull__layout_needs(
            cx, queries, i, o.kind == CULL_LAYOUT_RELATIONS ? CULL_LAYOUT_TYPES : o.kind, o.known));
    CULL_TRY(CULL_TMP(cx, usable, library->n));
    for (int64_t i = 0; i < library->n; i++) usable[i] = has_pixels(library, i, &o);
    search s = {library, queries, &o,   weights_of(o.kind), usable, largest(library),
                row,     found,   score};
    return cull__for(cx, queries->n, 1, some, &s);
}

cull_status cull_layout_select(cull_ctx *cx, const cull_layouts *library,
                               const cull_layouts *queries, const cull_layout_opts *o, int64_t *row,
                               double *score, int64_t *found)
{
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "exemplars");
    cull_status s = choose(cx, library, queries, o, row, score, found);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}
