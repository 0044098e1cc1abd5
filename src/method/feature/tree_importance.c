/* tree-importance - the columns that trees split by to most effect.
 *
 * Chooses   the columns of largest importance in a random forest or in boosted trees.
 * Idea      Trees learn the target; a column is worth what its splits took from the error (gain), how many there
 *           are (count), or how much worse rows that were not learnt from are predicted once the column is
 *           permuted among them (permutation).
 * Reads     columns (numbers, categories, missing values) and the target (classes or numbers). Groups: rows
 *           that are not learnt from are of other groups.
 * Deviates  A forest's columns are 63 quantiles, and its gain is a mean over trees, not normalised. Boosted trees
 *           take categories by their codes' order; for permutation one of 4 folds is held out.
 * Cost      Forest: O(trees n sqrt(d) log n) time, n d bytes; permutation: each tree once more for each column it
 *           uses. Boosted: O(rounds depth n d) time, 28 n d bytes, one thread.
 * Example   cull feature tree-importance --y label --budget 20 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/folds.h"
#include "score/trees.h"

#include <math.h>

enum { FOREST, BOOST, FOLDS = 4, STREAM = 0x74EE5 };

typedef struct {
    int trees, importance;
    int64_t grow, depth, leaf;
    double shrink, subsample;
} opts;
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, trees, FOREST, "forest|boost",
                  "a random forest, or boosted trees (XGBoost)"),
    CULL_OPT_ENUM(
        opts, importance, CULL__GAIN, "gain|count|permutation",
        "what a column is worth: the error that its splits took, their number, or the error "
        "that permuting it adds"),
    CULL_OPT_I64(opts, grow, 0, 0, 100000, "trees; 0 = 500 in a forest, 100 boosted"),
    CULL_OPT_I64(opts, depth, 0, 0, 64, "of a tree at most; 0 = any in a forest, 6 boosted"),
    CULL_OPT_I64(opts, leaf, 0, 0, 1000000,
                 "of a forest: rows of a leaf at least; 0 = 1 for classes, 5 for numbers"),
    CULL_OPT_F64(opts, shrink, 0.3, 0.001, 1, "boosted: what each tree counts"),
    CULL_OPT_F64(opts, subsample, 1, 0.01, 1, "boosted: share of the rows for each tree"),
    CULL_OPT_END,
};

/* Columns that may be kept: trees see no others. */
typedef struct {
    const int64_t *col;
    int64_t k;
} usable;

static cull_status by_forest(cull_ctx *cx, const cull_feature_problem *p, const opts *o,
                             const cull__binned *b, const usable *u, double *worth)
{
    const uint8_t **col;
    uint8_t *named;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, col, u->k));
    CULL_TRY(CULL_TMP(cx, named, u->k));
    for (int64_t i = 0; i < u->k; i++) {
        col[i] = b->code + u->col[i] * p->n;
        named[i] = b->named[u->col[i]];
    }
    cull__table t = {.n = p->n,
                     .d = u->k,
                     .col = col,
                     .named = named,
                     .y = p->y,
                     .classes = p->classes,
                     .group = p->group,
                     .groups = p->groups};
    cull__forest_opts f = {.trees = o->grow ? o->grow : 500,
                           .depth = o->depth,
                           .leaf = o->leaf      ? o->leaf
                                   : p->classes ? 1
                                                : 5,
                           .worth = (cull__worth)o->importance,
                           .stream = STREAM};
    cull_status s = cull__forest(cx, &t, &f, worth, NULL, 0, NULL);
    cull__release(cx, mark);
    return s;
}

/* Their values, (n, k). */
static cull_status values_of(cull_ctx *cx, const cull_feature_problem *p, const usable *u,
                             float **out)
{
    float *buf, *x;
    CULL_TRY(CULL_TMP(cx, x, p->n * u->k));
    CULL_TRY(CULL_TMP(cx, buf, p->d));
    for (int64_t i = 0; i < p->n; i++) {
        const float *v = cull_pool_rows(p->x, i, i + 1, buf);
        for (int64_t c = 0; c < u->k; c++) x[i * u->k + c] = v[u->col[c]];
    }
    *out = x;
    return CULL_OK;
}

static cull_status by_boosting(cull_ctx *cx, const cull_feature_problem *p, const opts *o,
                               const usable *u, double *worth)
{
    int64_t n = p->n, *row, *test, rows = 0, tests = 0;
    int32_t *fold;
    float *x;
    if (!cull__boost_built()) return cull__boost(cx, NULL, NULL, CULL__GAIN, NULL, 0, NULL);
    CULL_TRY(values_of(cx, p, u, &x));
    CULL_TRY(CULL_TMP(cx, row, n));
    CULL_TRY(CULL_TMP(cx, test, n));
    CULL_TRY(CULL_TMP0(cx, fold, n));
    bool held = o->importance == CULL__PERMUTATION;
    if (held)
        CULL_TRY(cull__folds(cx, n, p->y, p->classes, p->group, p->groups, FOLDS, STREAM, fold));
    for (int64_t i = 0; i < n; i++) {
        if (held && fold[i] == 0)
            test[tests++] = i;
        else
            row[rows++] = i;
    }
    cull__tree_rows t = {x, n, u->k, p->y, p->classes, row, rows};
    cull__boost_opts b = {.rounds = o->grow ? o->grow : 100,
                          .depth = o->depth ? o->depth : 6,
                          .rate = o->shrink,
                          .sample = o->subsample,
                          .stream = STREAM};
    return cull__boost(cx, &t, &b, (cull__worth)o->importance, test, tests, worth);
}

static const char *said_of(int importance)
{
    static const char *const is[] = {"gain", "splits", "rise of the error when permuted"};
    return is[importance];
}

static cull_status weigh(cull_ctx *cx, const cull_feature_problem *p, const opts *o, double *worth)
{
    cull__binned b;
    usable u = {0};
    int64_t *col;
    double *of;
    CULL_TRY(CULL_TMP(cx, col, p->d));
    CULL_TRY(CULL_TMP(cx, of, p->d));
    CULL_TRY(cull__tree_bins(cx, p->x, p->levels, &b));
    for (int64_t c = 0; c < p->d; c++) {
        worth[c] = NAN;
        if (!cull__binned_constant(&b, c) && !(p->avoid && p->avoid[c])) col[u.k++] = c;
    }
    u.col = col;
    if (!u.k) return CULL_OK;
    if (o->trees == FOREST)
        CULL_TRY(by_forest(cx, p, o, &b, &u, of));
    else
        CULL_TRY(by_boosting(cx, p, o, &u, of));
    for (int64_t i = 0; i < u.k; i++) worth[col[i]] = of[i];
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o_,
                       cull_feature_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    double *worth;
    if (!p->y)
        return cull__fail(cx, CULL_EINPUT, "tree-importance takes one target; there are %d",
                          (int)cull_pool_d(p->ys));
    CULL_TRY(CULL_TMP(cx, worth, p->d));
    CULL_TRY(weigh(cx, p, o, worth));
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(cull__columns_best(cx, p, &t, worth));
    cull__columns say = {.score = worth, .score_is = said_of(o->importance)};
    return cull__columns_pick(cx, p, &t, &say, out);
}

static void plan(const cull_feature_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    uint64_t c = (uint64_t)p->d, n = (uint64_t)p->n, fit;
    cull__forest_opts f = {.trees = o->grow ? o->grow : 500, .depth = o->depth};
    uint64_t bins = cull__tree_bins_bytes(p->n, p->d, threads);
    if (o->trees == FOREST)
        fit = 9 * c + cull__forest_bytes(p->n, p->n, p->d, p->classes, 0, threads);
    else
        fit = 4 * (n + 1) * c + 20 * n + cull__boost_bytes(p->n, p->d, p->n / FOLDS);
    fit += n * c + 9 * c;
    out->bytes = (fit > bins ? fit : bins) + 24 * c + cull__columns_plan(p);
    out->passes = 2;
    out->flops = o->trees == FOREST ? cull__forest_flops(p->n, p->d, p->classes, &f)
                                    : 600.0 * (double)n * (double)c;
}

const cull_method cull__method_tree_importance = {
    .slug = "tree-importance",
    .title = "the columns that trees split by to most effect",
    .paper = "Breiman, 2001, Random Forests; Chen and Guestrin, 2016, XGBoost",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
