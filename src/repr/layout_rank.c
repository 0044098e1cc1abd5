/* layout_rank.c - which of several layouts is the best made. See cull/layout.h. */
#include "repr/layout.h"

#include <math.h>
#include <stdlib.h>

static void edges(const cull_box *b, double at[6])
{
    at[0] = b->left, at[1] = b->left + b->width / 2, at[2] = b->left + b->width;
    at[3] = b->top, at[4] = b->top + b->height / 2, at[5] = b->top + b->height;
}

static double alignment(const cull_layout *a)
{
    double sum = 0;
    for (int64_t i = 0; i < a->n; i++) {
        double x[6], y[6], least = 1 - 1e-12; /* two opposite corners: finite */
        edges(&a->box[i], x);
        for (int64_t j = 0; j < a->n; j++) {
            if (i == j) continue;
            edges(&a->box[j], y);
            for (int k = 0; k < 6; k++) least = fmin(least, fabs(x[k] - y[k]));
        }
        sum += -log1p(-least);
    }
    return a->n > 1 ? sum / (double)a->n : 0;
}

static double common(double a, double wide_a, double b, double wide_b)
{
    double lo = fmax(a, b), hi = fmin(a + wide_a, b + wide_b);
    return hi > lo ? hi - lo : 0;
}

static double overlap(const cull_layout *a)
{
    double sum = 0;
    for (int64_t i = 0; i < a->n; i++) {
        const cull_box *x = &a->box[i];
        double area = x->width * x->height;
        for (int64_t j = 0; j < a->n && area > 0; j++) {
            const cull_box *y = &a->box[j];
            if (i != j)
                sum += common(x->left, x->width, y->left, y->width) *
                       common(x->top, x->height, y->top, y->height) / area;
        }
    }
    return sum / (double)a->n;
}

typedef struct {
    const cull_layouts *candidates, *valid;
    cull_layout_quality *quality;
} ranking;

static cull_status measure(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    ranking *r = arg;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        cull_layout a = cull_layouts_at(r->candidates, i);
        cull_layout_quality *q = &r->quality[i];
        *q = (cull_layout_quality){.alignment = alignment(&a), .overlap = overlap(&a)};
        if (r->valid) CULL_TRY(cull__layout_nearest(cx, r->candidates, i, r->valid, &q->likeness));
    }
    return CULL_OK;
}

/* v brought to 0..1 by the least and most of all; 0 where they are equal. */
static double between(double v, double least, double most)
{
    return most > least ? (v - least) / (most - least) : 0;
}

static void fuse(cull_layout_quality *q, int64_t n, bool valid)
{
    cull_layout_quality lo = {INFINITY, INFINITY, INFINITY, 0},
                        hi = {-INFINITY, -INFINITY, -INFINITY, 0};
    for (int64_t i = 0; i < n; i++) {
        lo.alignment = fmin(lo.alignment, q[i].alignment);
        lo.overlap = fmin(lo.overlap, q[i].overlap);
        lo.likeness = fmin(lo.likeness, q[i].likeness);
        hi.alignment = fmax(hi.alignment, q[i].alignment);
        hi.overlap = fmax(hi.overlap, q[i].overlap);
        hi.likeness = fmax(hi.likeness, q[i].likeness);
    }
    for (int64_t i = 0; i < n; i++) {
        q[i].score = 0.2 * between(q[i].alignment, lo.alignment, hi.alignment) +
                     0.2 * between(q[i].overlap, lo.overlap, hi.overlap);
        if (valid) q[i].score += 0.6 * (1 - between(q[i].likeness, lo.likeness, hi.likeness));
    }
}

static cull_status measures(cull_ctx *cx, const cull_layouts *candidates, const cull_layouts *valid,
                            cull_layout_quality *quality)
{
    int64_t n = candidates->n;
    ranking r = {candidates, valid, quality};
    if (valid) CULL_TRY(cull__layouts_alike(cx, candidates, valid));
    for (int64_t i = 0; i < n; i++)
        CULL_TRY(cull__layout_needs(cx, candidates, i, CULL_LAYOUT_REFINEMENT, 0));
    for (int64_t i = 0; valid && i < valid->n; i++)
        CULL_TRY(cull__layout_needs(cx, valid, i, CULL_LAYOUT_REFINEMENT, 0));
    return cull__for(cx, n, 1, measure, &r);
}

typedef struct {
    double score;
    int64_t at;
} placed;

static int by_score(const void *a_, const void *b_)
{
    const placed *a = a_, *b = b_;
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

static cull_status rank(cull_ctx *cx, const cull_layouts *candidates, const cull_layouts *valid,
                        int64_t *order, cull_layout_quality *quality)
{
    int64_t n = candidates->n;
    placed *p;
    CULL_TRY(measures(cx, candidates, valid, quality));
    fuse(quality, n, valid != NULL);
    CULL_TRY(CULL_TMP(cx, p, n));
    for (int64_t i = 0; i < n; i++) p[i] = (placed){quality[i].score, i};
    qsort(p, (size_t)n, sizeof *p, by_score);
    for (int64_t i = 0; i < n; i++) order[i] = p[i].at;
    return CULL_OK;
}

cull_status cull_layout_rank(cull_ctx *cx, const cull_layouts *candidates,
                             const cull_layouts *valid, int64_t *order,
                             cull_layout_quality *quality)
{
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "candidates");
    cull_status s = rank(cx, candidates, valid, order, quality);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}
