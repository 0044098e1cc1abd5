/* rfe - recursive elimination: the columns that a model weighs least leave, and it is fitted again.
 *
 * Chooses   the columns that are left when they fit the budget; then, of those that left, the last that still fit.
 * Idea      A model of all columns gives each a weight. A share of them (`step`), the least, leave; the model is
 *           fitted on the rest, until the rest is affordable. Weights count what stands beside a column, so of
 *           two that say the same one may leave and the other then be worth more.
 * Reads     columns (numbers; categories as 0/1 blocks, or as trees read them; a missing value counts as the mean,
 *           or goes where trees send it) and the target (classes, numbers; linear: several numbers).
 * Deviates  Any model with weights, not a support vector machine alone: ridge regression, on classes as 0/1;
 *           logistic regression; a forest's gain. A block's weight is the deviation of what it adds. Columns held
 *           already never leave.
 * Cost      linear: O(n D^2) once, O(D^3) a round, D numbers in all; D^2 doubles. logistic: O(100 n D classes) a
 *           round. trees: a forest a round. A round leaves 1 - step of the columns.
 * Example   cull feature rfe --y label --budget 20 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/score.h"
#include "score/subset.h"

#include <math.h>
#include <string.h>

enum { LINEAR, LOGISTIC, TREES, STREAM = 0x4FE };

typedef struct {
    int model;
    int64_t grow;
    double step, l2;
} opts;
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, model, LINEAR, "linear|logistic|trees", "what weighs the columns"),
    CULL_OPT_F64(opts, step, 0.1, 0, 0.99, "share of the columns that leaves at once; 0 = one"),
    CULL_OPT_F64(opts, l2, 0.001, 1e-9, 1e6, "penalty of linear and logistic, for each row"),
    CULL_OPT_I64(opts, grow, 100, 1, 100000, "trees of a forest"),
    CULL_OPT_END,
};

typedef struct {
    const cull_feature_problem *p;
    const opts *o;
    cull__design x;
    cull__binned bins;
    double *gram;             /* linear: sums over all rows */
    int64_t *live, k, *order; /* columns left; a round's, best first */
    double *weight, *score;   /* of live ones; d */
    double spent;             /* by live columns that are not held */
    int64_t gone;
} state;

static bool held(const state *s, int64_t c) { return s->p->have && s->p->have[c]; }
static double cost(const state *s, int64_t c)
{
    return held(s, c) ? 0 : s->p->cost ? s->p->cost[c] : 1;
}

/* ---- weights ---- */

/* Variance of a number of the design. */
static double variance(const cull__design *x, int64_t l)
{
    const float *v = x->x + l * x->n;
    double sum = 0, sq = 0, n = (double)x->n;
    for (int64_t i = 0; i < x->n; i++) sum += v[i], sq += (double)v[i] * v[i];
    return sq / n - sum / n * (sum / n);
}

/* The weight of each column: of number i of the live ones, b[i * each + t * apart] for target t. */
static void weigh(state *s, const double *b, int64_t count, int64_t each, int64_t apart)
{
    int64_t at = 0;
    for (int64_t i = 0; i < s->k; i++) {
        s->weight[i] = 0;
        for (int64_t l = s->x.start[s->live[i]]; l < s->x.start[s->live[i] + 1]; l++, at++)
            for (int64_t t = 0; t < count; t++) {
                double v = b[at * each + t * apart];
                s->weight[i] += v * v * variance(&s->x, l);
            }
        s->weight[i] = sqrt(s->weight[i]);
    }
}

static int64_t width_of(const state *s)
{
    int64_t w = 0;
    for (int64_t i = 0; i < s->k; i++) w += s->x.start[s->live[i] + 1] - s->x.start[s->live[i]];
    return w;
}

static cull_status by_ridge(cull_ctx *cx, state *s)
{
    int64_t w = width_of(s), *at, n = 0, y = s->x.targets;
    double *b;
    CULL_TRY(CULL_TMP(cx, at, w));
    CULL_TRY(CULL_TMP(cx, b, (w + 1) * y));
    for (int64_t i = 0; i < s->k; i++)
        for (int64_t l = s->x.start[s->live[i]]; l < s->x.start[s->live[i] + 1]; l++) at[n++] = l;
    CULL_TRY(cull__design_solve(cx, s->gram, s->x.width + 1 + y, y, at, w,
                                s->o->l2 * (double)s->p->n, b, NULL));
    weigh(s, b, y, y, 1);
    return CULL_OK;
}

static cull_status by_logistic(cull_ctx *cx, state *s)
{
    const cull_feature_problem *p = s->p;
    int64_t w = width_of(s), at = 0;
    float *x;
    int32_t *y;
    double *b;
    CULL_TRY(CULL_TMP(cx, x, p->n * w));
    CULL_TRY(CULL_TMP(cx, y, p->n));
    CULL_TRY(CULL_TMP(cx, b, p->classes * (w + 1)));
    for (int64_t i = 0; i < s->k; i++)
        for (int64_t l = s->x.start[s->live[i]]; l < s->x.start[s->live[i] + 1]; l++, at++)
            for (int64_t r = 0; r < p->n; r++) x[r * w + at] = s->x.x[l * p->n + r];
    for (int64_t r = 0; r < p->n; r++) y[r] = (int32_t)p->y[r];
    cull__logreg_opts o = {.l2 = s->o->l2};
    CULL_TRY(cull__logreg_fit(cx, x, y, p->n, w, p->classes, &o, b));
    weigh(s, b, p->classes, 1, w + 1);
    return CULL_OK;
}

static cull_status by_forest(cull_ctx *cx, state *s)
{
    const cull_feature_problem *p = s->p;
    const uint8_t **col;
    uint8_t *named;
    CULL_TRY(CULL_TMP(cx, col, s->k));
    CULL_TRY(CULL_TMP(cx, named, s->k));
    for (int64_t i = 0; i < s->k; i++) {
        col[i] = s->bins.code + s->live[i] * p->n;
        named[i] = s->bins.named[s->live[i]];
    }
    cull__table t = {.n = p->n,
                     .d = s->k,
                     .col = col,
                     .named = named,
                     .y = p->y,
                     .classes = p->classes,
                     .group = p->group,
                     .groups = p->groups};
    cull__forest_opts o = {.trees = s->o->grow,
                           .leaf = p->classes ? 1 : 5,
                           .worth = CULL__GAIN,
                           .stream = cull__hash64(&s->k, sizeof s->k, STREAM)};
    return cull__forest(cx, &t, &o, s->weight, NULL, 0, NULL);
}

/* ---- rounds ---- */

static cull_status rank(cull_ctx *cx, state *s)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status st = s->o->model == LINEAR     ? by_ridge(cx, s)
                     : s->o->model == LOGISTIC ? by_logistic(cx, s)
                                               : by_forest(cx, s);
    if (st == CULL_OK) {
        for (int64_t i = 0; i < s->k; i++)
            if (held(s, s->live[i])) s->weight[i] = INFINITY;
        st = cull__order(cx, s->weight, s->k, s->order);
    }
    cull__release(cx, mark);
    return st;
}

/* The least of the live leave, a step of them or until the rest is affordable; their score is their place. */
static void leave(state *s)
{
    int64_t most = (int64_t)floor(s->o->step * (double)s->k), last = s->k - 1, k = 0;
    for (int64_t i = 0; i < (most > 1 ? most : 1) && s->spent > s->p->budget; i++, last--) {
        int64_t c = s->live[s->order[last]];
        s->score[c] = (double)++s->gone;
        s->spent -= cost(s, c);
        s->live[s->order[last]] = -1;
    }
    for (int64_t i = 0; i < s->k; i++)
        if (s->live[i] >= 0) s->live[k++] = s->live[i];
    s->k = k;
}

static cull_status eliminate(cull_ctx *cx, state *s)
{
    double all = (double)s->k;
    while (s->k) {
        CULL_TRY(cull__tick(cx, all - (double)s->k, all));
        CULL_TRY(rank(cx, s));
        if (!(s->spent > s->p->budget)) break;
        leave(s);
    }
    for (int64_t i = s->k - 1; i >= 0; i--) s->score[s->live[s->order[i]]] = (double)++s->gone;
    return CULL_OK;
}

static cull_status prepare(cull_ctx *cx, state *s)
{
    const cull_feature_problem *p = s->p;
    if (s->o->model == LOGISTIC && !(p->y && p->classes))
        return cull__fail(cx, CULL_EINPUT,
                          "logistic regression needs classes to predict; for numbers there is "
                          "model=linear");
    if (s->o->model == TREES) {
        if (p->y) return cull__tree_bins(cx, p->x, p->levels, &s->bins);
        return cull__fail(cx, CULL_EINPUT, "trees take one target; there are %d",
                          (int)cull_pool_d(p->ys));
    }
    CULL_TRY(cull__design_new(cx, p, &s->x));
    if (s->o->model == LOGISTIC) return CULL_OK;
    int64_t m = s->x.width + 1 + s->x.targets;
    CULL_TRY(cull__tmp(cx, (void **)&s->gram, m, (size_t)m * sizeof *s->gram, false));
    return cull__design_gram(cx, &s->x, NULL, 1, s->gram);
}

static bool empty(const state *s, int64_t c)
{
    if (s->o->model == TREES) return cull__binned_constant(&s->bins, c);
    return s->x.start[c + 1] == s->x.start[c];
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    state s = {.p = p, .o = o};
    cull__taker t;
    CULL_TRY(prepare(cx, &s));
    CULL_TRY(CULL_TMP(cx, s.live, p->d));
    CULL_TRY(CULL_TMP(cx, s.order, p->d));
    CULL_TRY(CULL_TMP(cx, s.weight, p->d));
    CULL_TRY(CULL_TMP(cx, s.score, p->d));
    for (int64_t c = 0; c < p->d; c++) {
        s.score[c] = NAN;
        if ((p->avoid && p->avoid[c]) || empty(&s, c)) continue;
        s.live[s.k++] = c;
        s.spent += cost(&s, c);
    }
    CULL_TRY(eliminate(cx, &s));
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(cull__columns_best(cx, p, &t, s.score)); /* those left are first, and fit together */
    cull__columns say = {.score = s.score, .score_is = "place; the first to leave is 1"};
    return cull__columns_pick(cx, p, &t, &say, out);
}

static void plan(const cull_feature_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    cull__forest_opts f = {.trees = o->grow};
    uint64_t n = (uint64_t)p->n, w = (uint64_t)cull__design_width(p);
    uint64_t y = p->classes > 2 ? (uint64_t)p->classes : 1, m = w + 1 + y;
    double rounds = o->step > 0 ? log((double)p->d + 1) / -log1p(-o->step) : (double)p->d;
    if (o->model == TREES) {
        out->bytes = cull__tree_bins_bytes(p->n, p->d, 1) +
                     cull__forest_bytes(p->n, p->n, p->d, p->classes, 0, threads);
        out->flops = rounds * cull__forest_flops(p->n, p->d, p->classes, &f);
    } else if (o->model == LINEAR) {
        out->bytes = cull__design_bytes(p) + 8 * m * (2 * m + 256);
        out->flops = (double)n * (double)(m * m) + rounds * pow((double)m, 3) / 10;
    } else {
        out->bytes = cull__design_bytes(p) + n * (4 * w + 12) + 8 * y * 100 * m;
        out->flops = rounds * 100 * (double)n * (double)(m * y);
    }
    out->bytes += cull__columns_plan(p) + 32 * (uint64_t)p->d;
    out->passes = 1;
}

const cull_method cull__method_rfe = {
    .slug = "rfe",
    .title = "recursive elimination of the columns that a model weighs least",
    .paper =
        "Guyon, Weston, Barnhill and Vapnik, 2002, Gene Selection for Cancer Classification using "
        "Support Vector Machines",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
