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
    double *worth; /* of pairs within each label in turn, (fewer, more) */
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

static double pair(const work *w, const cull_box *a, const cull_box *b)
{
    double d = square(a->width - b->width) + square(a->height - b->height);
    if (!w->sizes) d += square(a->left - b->left) + square(a->top - b->top);
    return exp2(-2 * sqrt(d));
}

/* Worths of a label's pairs into w->worth, the fewer boxes as rows; the sum of the rows' largest. *clear:
 * those lie in different columns, so that the sum is the assignment's. */
static double fill(work *w, const view *few, int64_t f, int64_t rows, const view *many, int64_t m,
                   int64_t cols, double *worth, bool *clear)
{
    double sum = 0;
    *clear = true;
    memset(w->taken, 0, (size_t)cols);
    for (int64_t r = 0; r < rows; r++) {
        const cull_box *x = &few->box[few->group[f + r]];
        double *at = worth + r * cols;
        int64_t best = 0;
        for (int64_t c = 0; c < cols; c++) {
            at[c] = pair(w, x, &many->box[many->group[m + c]]);
            if (at[c] > at[best]) best = c;
        }
        sum += at[best];
        if (w->taken[best]++) *clear = false;
    }
    return sum;
}

static cull_status assigned(cull_ctx *cx, work *w, const double *worth, int64_t rows, int64_t cols,
                            double *sum)
{
    cull__mark_t mark = cull__mark(cx);
    double *cost, total;
    CULL_TRY(CULL_TMP(cx, cost, rows * cols));
    for (int64_t i = 0; i < rows * cols; i++) cost[i] = -worth[i];
    CULL_TRY(cull__assign(cx, cost, rows, cols, w->col, &total));
    *sum = -total;
    cull__release(cx, mark);
    return CULL_OK;
}

/* A label that both have: where its boxes begin, how many, what is known of their sum. */
typedef struct {
    int64_t rows, cols;
    const double *worth;
    double most;
    bool clear;
} block;

/* The largest sum over pairs, or, where it is surely below `need`, something below `need`. */
static cull_status best_pairs(cull_ctx *cx, work *w, const view *a, const view *b, double need,
                              double *sum)
{
    cull__mark_t mark = cull__mark(cx);
    int64_t i = 0, j = 0, blocks = 0;
    double *worth = w->worth, most = 0;
    block *k;
    CULL_TRY(CULL_TMP(cx, k, a->n < b->n ? a->n : b->n));
    while (i < a->n && j < b->n) {
        int32_t la = a->box[a->group[i]].label, lb = b->box[b->group[j]].label;
        if (la != lb) {
            i += la < lb, j += lb < la;
            continue;
        }
        int64_t ie = run_end(a, i), je = run_end(b, j);
        bool turned = ie - i > je - j;
        block *x = &k[blocks++];
        *x = (block){.rows = turned ? je - j : ie - i, .cols = turned ? ie - i : je - j};
        x->worth = worth;
        x->most = turned ? fill(w, b, j, x->rows, a, i, x->cols, worth, &x->clear)
                         : fill(w, a, i, x->rows, b, j, x->cols, worth, &x->clear);
        most += x->most;
        worth += x->rows * x->cols;
        i = ie, j = je;
    }
    *sum = 0;
    for (int64_t t = 0; t < blocks && most >= need - 1e-9; t++) {
        double s = k[t].most;
        if (!k[t].clear) CULL_TRY(assigned(cx, w, k[t].worth, k[t].rows, k[t].cols, &s));
        most += s - k[t].most;
        *sum += s;
    }
    if (most < need - 1e-9) *sum = most;
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status work_new(cull_ctx *cx, int64_t a, int64_t b, bool sizes, work *w)
{
    w->sizes = sizes;
    CULL_TRY(CULL_TMP(cx, w->worth, a * b));
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
    int32_t *common, *scratch; /* labels in common with each layout, -1: done with */
    int64_t *row, found;
    double *score;
} one;

static view row_view(const one *q, int64_t i)
{
    return view_of(q->s->library, i, q->s->by.first ? q->s->o->known : CULL__BOXES, q->scratch);
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

/* The score where all common boxes are the same: no score is above it, rounding included, since all
 * steps are monotone. */
static double bound_of(const one *q, int64_t i)
{
    view v = row_view(q, i);
    double common = (double)q->common[i];
    return q->s->by.labels * labels_like(q->common[i], &q->query, &v) +
           q->s->by.boxes * boxes_like(common, &q->query, &v);
}

static cull_status try_row(cull_ctx *cx, one *q, int64_t i)
{
    const weights *by = &q->s->by;
    view v = row_view(q, i);
    double labels = by->labels * labels_like(q->common[i], &q->query, &v), sum = 0, need = 0;
    int64_t least = v.n < q->query.n ? v.n : q->query.n, k = q->s->o->exemplars;
    if (by->boxes > 0) {
        if (q->found == k && !q->s->o->exhaustive)
            need = (q->score[k - 1] - labels) / by->boxes * (double)least;
        CULL_TRY(best_pairs(cx, &q->w, &q->query, &v, need, &sum));
    }
    double score = labels + by->boxes * boxes_like(sum, &q->query, &v);
    if (enters(q, score, i)) enter(q, score, i);
    return CULL_OK;
}

/* Rows with the largest bounds first, so that what enters later has much to beat. */
static cull_status promising(cull_ctx *cx, one *q)
{
    int64_t k = q->s->o->exemplars, n = q->s->library->n, *row;
    double *score;
    CULL_TRY(CULL_TMP(cx, row, k));
    CULL_TRY(CULL_TMP(cx, score, k));
    one by_bound = *q;
    by_bound.row = row, by_bound.score = score;
    for (int64_t i = 0; i < n; i++) {
        if (q->common[i] < 0) continue;
        double b = bound_of(q, i);
        if (enters(&by_bound, b, i)) enter(&by_bound, b, i);
    }
    for (int64_t i = 0; i < by_bound.found; i++) {
        CULL_TRY(try_row(cx, q, row[i]));
        q->common[row[i]] = -1;
    }
    return CULL_OK;
}

static cull_status search_one(cull_ctx *cx, const search *s, int64_t at)
{
    int64_t n = s->library->n, k = s->o->exemplars;
    int64_t known = s->by.first ? s->o->known : CULL__BOXES;
    int32_t *mine;
    one q = {.s = s, .row = s->row + at * k, .score = s->score + at * k};
    CULL_TRY(CULL_TMP(cx, mine, CULL__BOXES));
    CULL_TRY(CULL_TMP(cx, q.scratch, CULL__BOXES));
    CULL_TRY(CULL_TMP(cx, q.common, n));
    q.query = view_of(s->queries, at, known, mine);
    CULL_TRY(work_new(cx, q.query.n, s->most, s->by.sizes, &q.w));
    for (int64_t i = 0; i < n; i++) {
        q.common[i] = -1;
        if (!s->usable[i]) continue;
        view v = row_view(&q, i);
        q.common[i] = (int32_t)common_labels(&q.query, &v);
    }
    if (!s->o->exhaustive) CULL_TRY(promising(cx, &q));
    for (int64_t i = 0; i < n; i++) {
        if (i % 4096 == 0) CULL_TRY(cull__tick(cx, (double)i, (double)n));
        if (q.common[i] < 0) continue;
        if (s->o->exhaustive || enters(&q, bound_of(&q, i), i)) CULL_TRY(try_row(cx, &q, i));
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
