/* predict_forest.c - a random forest as a predictor: columns as codes by cuts that stay, trees that stay. */
#include "score/predict.h"
#include "score/trees.h"

#include <math.h>

typedef struct {
    cull__grown *trees;
    int64_t d;
    double *cut; /* (d, CULL__CUTS), ascending */
    int *cuts;   /* d */
} forest;

static void forest_free(void *m)
{
    forest *f = m;
    if (!f) return;
    cull__forest_free(f->trees);
    cull__free(f->cut);
    cull__free(f->cuts);
    cull__free(f);
}

static cull_status set_cuts(cull_ctx *cx, forest *f, const cull__samples *t)
{
    double *v;
    CULL_TRY(CULL_TMP(cx, v, t->n));
    CULL_TRY(CULL_ALLOC(cx, f->cut, t->d * CULL__CUTS));
    CULL_TRY(CULL_ALLOC(cx, f->cuts, t->d));
    for (int64_t c = 0; c < t->d; c++) {
        for (int64_t i = 0; i < t->n; i++) v[i] = t->x[i * t->d + c];
        f->cuts[c] = cull__cuts_of(v, t->n, f->cut + c * CULL__CUTS);
    }
    return CULL_OK;
}

static cull_status grow(cull_ctx *cx, forest *f, const cull__samples *t, const cull_predict_opts *o,
                        uint64_t stream)
{
    uint8_t *code;
    const uint8_t **col;
    double leaf = floor((double)t->n / 50);
    f->d = t->d;
    CULL_TRY(set_cuts(cx, f, t));
    CULL_TRY(CULL_TMP(cx, code, t->n * t->d));
    CULL_TRY(CULL_TMP(cx, col, t->d));
    for (int64_t c = 0; c < t->d; c++) {
        col[c] = code + c * t->n;
        for (int64_t i = 0; i < t->n; i++)
            code[c * t->n + i] =
                cull__cut_code(f->cut + c * CULL__CUTS, f->cuts[c], t->x[i * t->d + c]);
    }
    cull__table table = {
        .n = t->n, .d = t->d, .col = col, .y = t->y, .weight = t->weight, .rows = t->n};
    cull__forest_opts how = {.trees = o->rounds ? o->rounds : 100,
                             .depth = o->depth,
                             .leaf = leaf < 1   ? 1
                                     : leaf > 5 ? 5
                                                : (int64_t)leaf,
                             .worth = CULL__COUNT,
                             .stream = stream};
    if (o->leaf > 0) how.leaf = o->leaf < (double)t->n ? (int64_t)ceil(o->leaf) : t->n;
    return cull__forest_keep(cx, &table, &how, &f->trees);
}

static cull_status forest_fit(cull_ctx *cx, const cull__samples *t, const cull_predict_opts *o,
                              uint64_t stream, void **out)
{
    forest *f;
    CULL_TRY(CULL_ALLOC(cx, f, 1));
    cull_status s = grow(cx, f, t, o, stream);
    if (s == CULL_OK)
        *out = f;
    else
        forest_free(f);
    return s;
}

static cull_status forest_say(cull_ctx *cx, const void *model, const double *x, int64_t n,
                              double *mean, double *spread)
{
    const forest *f = model;
    uint8_t *code;
    CULL_TRY(CULL_TMP(cx, code, n * f->d));
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < f->d; c++)
            code[i * f->d + c] =
                cull__cut_code(f->cut + c * CULL__CUTS, f->cuts[c], x[i * f->d + c]);
    cull__forest_ask(f->trees, code, n, mean, spread);
    return CULL_OK;
}

const cull__predictor cull__predict_forest = {
    .name = "forest",
    .fit = forest_fit,
    .free = forest_free,
    .grain = 256,
    .spreads = true,
    .say = forest_say,
};
