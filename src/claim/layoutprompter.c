/* layoutprompter's check: what goes into a prompt and what is made of the answers, without a generator.
 *
 * A grammar writes 2000 documents of four styles: letters in one column, articles in two, newsletters in
 * three, slides. Titles, texts, figures with captions, tables, lists and footers fill the columns from
 * the top, on common edges. 1500 are the library and 500 are hidden: the exemplar retrieved by the labels
 * of a hidden one, or by labels and sizes, is compared with it by its boxes. Then each hidden one is
 * ranked among nine copies of itself with more and more noise, beside 100 of the library as the
 * validation set; and each is written as HTML and parsed back. */
#include "claim/claim.h"
#include "cull/layout.h"
#include "cull/report.h"
#include "repr/layout.h"

#include <math.h>
#include <string.h>

enum {
    ALL = 2000,
    HIDDEN = 500,
    LIBRARY = ALL - HIDDEN,
    VALID = 100,
    MOST = 40,
    COPIES = 10,
    TOP = 64
};
enum { TITLE, TEXT, FIGURE, CAPTION, TABLE, LIST, FOOTER };
#define NOISE 0.01 /* of the first copy; the k-th has k times that */

typedef struct {
    cull_rng r;
    cull_box *box;
    int64_t n;
} page;

static void put(page *p, int32_t label, double left, double top, double width, double height)
{
    if (p->n < MOST) p->box[p->n++] = (cull_box){left, top, width, height, label};
}

static double between(page *p, double lo, double hi)
{
    return lo + (hi - lo) * cull__rng_unit(&p->r);
}

/* Blocks from the top of a column to its bottom; which, by parts of ten for text, figure, table, list. */
static void column(page *p, const int share[4], double left, double width, double top,
                   double bottom)
{
    static const int32_t label[] = {TEXT, FIGURE, TABLE, LIST};
    static const double least[] = {0.06, 0.12, 0.1, 0.08}, most[] = {0.3, 0.25, 0.2, 0.2};
    while (bottom - top > 0.06) {
        int64_t at = cull__rng_below(&p->r, 10);
        int k = 0;
        while (k < 3 && at >= share[k]) at -= share[k++];
        double height = fmin(between(p, least[k], most[k]), bottom - top);
        if (k == 1 && height > 0.09) { /* a figure has its caption below */
            put(p, FIGURE, left, top, width, height - 0.04);
            put(p, CAPTION, left, top + height - 0.03, width, 0.03);
        } else {
            put(p, label[k == 1 ? 0 : k], left, top, width, height);
        }
        top += height + 0.02;
    }
}

static void write_page(page *p)
{
    static const int share[4][4] = {{9, 0, 0, 1}, {5, 3, 2, 0}, {4, 4, 1, 1}, {1, 3, 2, 4}};
    static const int columns[] = {1, 2, 3, 1};
    int64_t style = cull__rng_below(&p->r, 4);
    double margin = style == 3 ? 0.05 : between(p, 0.06, 0.14), gap = 0.03, top = margin;
    int c = style == 3 && cull__rng_below(&p->r, 2) ? 2 : columns[style];
    double width = (1 - 2 * margin - (c - 1) * gap) / c;
    p->n = 0;
    if (style || cull__rng_below(&p->r, 2)) {
        double height = style == 3 ? 0.12 : between(p, 0.04, 0.08);
        put(p, TITLE, margin, top, 1 - 2 * margin, height);
        top += height + 0.03;
    }
    if (style == 1 && cull__rng_below(&p->r, 2)) { /* an abstract over both columns */
        double height = between(p, 0.08, 0.16);
        put(p, TEXT, margin, top, 1 - 2 * margin, height);
        top += height + 0.03;
    }
    for (int k = 0; k < c; k++)
        column(p, share[style], margin + k * (width + gap), width, top, 1 - margin);
    if (style < 2 && cull__rng_below(&p->r, 3))
        put(p, FOOTER, margin, 1 - margin + 0.01, 1 - 2 * margin, 0.03);
}

/* The k-th of the copies. */
static void blur(cull_rng *r, const cull_layout *a, int k, cull_box *to)
{
    for (int64_t j = 0; j < a->n; j++) {
        const cull_box *b = &a->box[j];
        double v[4] = {b->left, b->top, b->width, b->height};
        for (int t = 0; t < 4 && k; t++) {
            double most = t < 2 ? 1 : 1 - v[t - 2];
            v[t] = fmax(0, fmin(v[t] + k * NOISE * cull__rng_normal(r), most));
        }
        to[j] = (cull_box){v[0], v[1], v[2], v[3], b->label};
    }
}

typedef struct {
    cull_layouts *labels, *library, *hidden, *valid, *copies;
    cull_box *box;
    char *html;
    cull_box *read;
} world;

static void drop(world *w)
{
    cull_boxes_free(w->read);
    cull_text_free(w->html);
    cull_layouts_free(w->copies);
    cull_layouts_free(w->valid);
    cull_layouts_free(w->hidden);
    cull_layouts_free(w->library);
    cull_layouts_free(w->labels);
}

static cull_status labels(cull_ctx *cx, world *w)
{
    static const char text[] =
        "{\"elements\":[{\"label\":\"title\"},{\"label\":\"text\"},"
        "{\"label\":\"figure\"},{\"label\":\"caption\"},{\"label\":\"table\"},"
        "{\"label\":\"list\"},{\"label\":\"footer\"}]}";
    return cull_layouts_from(cx, text, sizeof text - 1, "labels", NULL, true, &w->labels);
}

static cull_status make(cull_ctx *cx, cull_rng *r, world *w)
{
    const cull_box **at;
    int64_t *count;
    CULL_TRY(CULL_TMP(cx, w->box, ALL * MOST));
    CULL_TRY(CULL_TMP(cx, at, ALL));
    CULL_TRY(CULL_TMP(cx, count, ALL));
    page p = {.r = *r};
    for (int64_t i = 0; i < ALL; i++) {
        at[i] = p.box = w->box + i * MOST;
        write_page(&p);
        count[i] = p.n;
    }
    *r = p.r;
    CULL_TRY(cull_layouts_of(cx, w->labels, LIBRARY, at, count, NULL, &w->library));
    CULL_TRY(cull_layouts_of(cx, w->labels, VALID, at, count, NULL, &w->valid));
    return cull_layouts_of(cx, w->labels, HIDDEN, at + LIBRARY, count + LIBRARY, NULL, &w->hidden);
}

enum { RANDOM, LABELS, SIZES, WAYS };
typedef struct {
    double boxes[WAYS][TOP], more[2][TOP], correlation[TOP], top2[TOP], lossless[TOP];
} figures;

/* Mean likeness of boxes between the hidden and what is retrieved for them. */
static cull_status retrieval(cull_ctx *cx, cull_rng *r, const world *w, int i, figures *v)
{
    int64_t *row, *found;
    double *score, a, b;
    CULL_TRY(CULL_TMP(cx, row, HIDDEN));
    CULL_TRY(CULL_TMP(cx, found, HIDDEN));
    CULL_TRY(CULL_TMP(cx, score, HIDDEN));
    for (int way = 0; way < WAYS; way++) {
        cull_layout_opts o = CULL_LAYOUT_OPTS;
        o.kind = way == SIZES ? CULL_LAYOUT_SIZES : CULL_LAYOUT_TYPES;
        o.exemplars = 1;
        if (way != RANDOM)
            CULL_TRY(cull_layout_select(cx, w->library, w->hidden, &o, row, score, found));
        v->boxes[way][i] = 0;
        for (int64_t q = 0; q < HIDDEN; q++) {
            if (way == RANDOM) row[q] = cull__rng_below(r, LIBRARY);
            CULL_TRY(cull_layout_likeness(cx, w->hidden, q, w->library, row[q], &a, &b));
            v->boxes[way][i] += b / HIDDEN;
        }
    }
    v->more[0][i] = v->boxes[LABELS][i] - v->boxes[RANDOM][i];
    v->more[1][i] = v->boxes[SIZES][i] - v->boxes[LABELS][i];
    return CULL_OK;
}

/* Spearman's correlation of the scores with 0, 1, ...; equal scores share their mean rank. */
static double correlation(const cull_layout_quality *q)
{
    double rank[COPIES], sum = 0, a = 0, b = 0, mean = (COPIES - 1) / 2.0;
    for (int i = 0; i < COPIES; i++) {
        rank[i] = -0.5;
        for (int j = 0; j < COPIES; j++)
            rank[i] += q[j].score < q[i].score ? 1 : q[j].score == q[i].score ? 0.5 : 0;
        sum += (rank[i] - mean) * (i - mean);
        a += (rank[i] - mean) * (rank[i] - mean);
        b += (i - mean) * (i - mean);
    }
    return a > 0 ? sum / sqrt(a * b) : 0;
}

static cull_status ranks(cull_ctx *cx, cull_rng *r, world *w, int i, figures *v)
{
    cull_box copy[COPIES][MOST];
    const cull_box *at[COPIES];
    int64_t count[COPIES], order[COPIES];
    cull_layout_quality q[COPIES];
    v->correlation[i] = v->top2[i] = 0;
    for (int64_t h = 0; h < HIDDEN; h++) {
        cull_layout a = cull_layouts_at(w->hidden, h);
        for (int k = 0; k < COPIES; k++) {
            blur(r, &a, k, copy[k]);
            at[k] = copy[k];
            count[k] = a.n;
        }
        CULL_TRY(cull_layouts_of(cx, w->labels, COPIES, at, count, NULL, &w->copies));
        CULL_TRY(cull_layout_rank(cx, w->copies, w->valid, order, q));
        v->correlation[i] += correlation(q) / HIDDEN;
        v->top2[i] += (order[0] == 0 || order[1] == 0) / (double)HIDDEN;
        cull_layouts_free(w->copies);
        w->copies = NULL;
    }
    return CULL_OK;
}

static bool same_pixels(const cull_box *a, const cull_box *b, const cull_layout_opts *o)
{
    return a->label == b->label &&
           cull__pixels(a->left, o->width) == cull__pixels(b->left, o->width) &&
           cull__pixels(a->top, o->height) == cull__pixels(b->top, o->height) &&
           cull__pixels(a->width, o->width) == cull__pixels(b->width, o->width) &&
           cull__pixels(a->height, o->height) == cull__pixels(b->height, o->height);
}

/* The share of hidden layouts whose HTML is parsed to the same boxes in the same order, to the pixel. */
static cull_status round_trip(cull_ctx *cx, world *w, int i, figures *v)
{
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    int64_t n, whole = 0;
    o.kind = CULL_LAYOUT_COMPLETION, o.height = 160;
    for (int64_t h = 0; h < HIDDEN; h++) {
        cull_layout a = cull_layouts_at(w->hidden, h);
        CULL_TRY(cull_layout_html(cx, w->hidden, h, &o, &w->html));
        CULL_TRY(cull_layout_parse(cx, w->html, strlen(w->html), w->labels, &o, &w->read, &n));
        int64_t same = 0;
        for (int64_t j = 0; j < n && n == a.n; j++) same += same_pixels(&a.box[j], &w->read[j], &o);
        whole += same == a.n;
        cull_boxes_free(w->read);
        cull_text_free(w->html);
        w->read = NULL, w->html = NULL;
    }
    v->lossless[i] = (double)whole / HIDDEN;
    return CULL_OK;
}

static cull_status one_seed(cull_ctx *cx, world *w, int i, figures *v)
{
    cull_rng r = cull__rng(cx, 1000);
    CULL_TRY(labels(cx, w));
    CULL_TRY(make(cx, &r, w));
    CULL_TRY(retrieval(cx, &r, w, i, v));
    CULL_TRY(ranks(cx, &r, w, i, v));
    return round_trip(cx, w, i, v);
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    figures *v;
    (void)data_dir;
    CULL_TRY(CULL_TMP0(cx, v, 1));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        world w = {0};
        CULL_TRY(cull__tick(cx, i, seeds));
        cull_ctx_reseed(cx, first + (uint64_t)i);
        cull_status s = one_seed(cx, &w, i, v);
        drop(&w);
        CULL_TRY(s);
        cull__release(cx, mark);
    }
    cull__claim_line(out, "likeness of boxes, retrieved by labels over random", v->more[0], false,
                     0.1, true);
    cull__claim_line(out, "likeness of boxes, by labels and sizes over labels", v->more[1], false,
                     0, true);
    cull__claim_line(out, "rank correlation of the ranker's score with noise", v->correlation,
                     false, 0.6, true);
    cull__claim_line(out, "share of cases with the true layout among the first two", v->top2, false,
                     0.9, true);
    cull__claim_line(out, "share of layouts that HTML and back leaves as they were", v->lossless,
                     false, 1, true);
    cull__claim_figure(out, "likeness of boxes, random", v->boxes[RANDOM]);
    cull__claim_figure(out, "likeness of boxes, retrieved by labels", v->boxes[LABELS]);
    cull__claim_figure(out, "likeness of boxes, retrieved by labels and sizes", v->boxes[SIZES]);
    out->note = "no generator is run: what a language model makes of the prompts, and the paper's "
                "figures on RICO and PubLayNet, are not shown here";
    return CULL_OK;
}

const cull__claim cull__claim_layoutprompter = {
    .about = {.slug = "layoutprompter",
              .claim =
                  "exemplars retrieved by what is known of a layout look like it, ranking finds "
                  "the true layout among worse ones, and text carries layouts without loss",
              .setting =
                  "a grammar of documents in 1 to 3 columns, 1500 in the library and 500 hidden, "
                  "nine noisy copies of each, 5 seeds",
              .package = NULL},
    .seeds = 5,
    .run = run,
};
