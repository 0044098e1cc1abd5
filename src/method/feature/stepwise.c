/* stepwise - columns added or taken away one at a time, by the error of a plain model in cross-validation.
 *
 * Chooses   the columns of the best set that the search came by, within the budget.
 * Idea      Forward: the column that lowers the error most joins. Backward: the column that the error misses least
 *           leaves. Floating: after each column that joins, columns leave as long as the set is better than
 *           the best one of its size so far. The search ends when `patience` steps have lowered the error by less
 *           than `tolerance` of what it was.
 * Reads     columns (numbers; categories as 0/1 blocks; a missing value counts as the mean) and the target (classes,
 *           numbers; linear and knn: several numbers). Groups stay in one fold.
 * Deviates  Ridge regression is moved from set to set, not fitted again. Numbers are standardised, and missing ones
 *           filled, over all rows at once, which looks at no target. Columns held already are in every set.
 * Cost      linear: O(n D^2) once, D numbers in all; a step of k numbers O(folds (d k^2 + k^3)); (folds + 1) D^2
 *           doubles. knn: O(n^2 d) a step. logistic, trees: d fits for each fold a step.
 * Example   cull feature stepwise --y label --model linear --search floating table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/subset.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { FORWARD, BACKWARD, FLOATING, STREAM = 0x57E9 };

typedef struct {
    int model, search;
    int64_t folds, patience, neighbours, grow;
    double tolerance, l2;
} opts;
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, model, CULL__LINEAR, "linear|logistic|knn|trees", "what predicts"),
    CULL_OPT_ENUM(opts, search, FORWARD, "forward|backward|floating",
                  "how sets follow one another"),
    CULL_OPT_I64(opts, folds, 5, 2, 100, "of cross-validation"),
    CULL_OPT_F64(opts, tolerance, 0.01, 0, 1, "a step that lowers the error by less gains nothing"),
    CULL_OPT_I64(opts, patience, 3, 1, 1000000, "steps without gain until the search ends"),
    CULL_OPT_F64(opts, l2, 0.001, 1e-9, 1e6, "penalty of linear and logistic, for each row"),
    CULL_OPT_I64(opts, neighbours, 5, 1, 100, "rows that answer, of knn"),
    CULL_OPT_I64(opts, grow, 50, 1, 100000, "trees of a forest"),
    CULL_OPT_END,
};

typedef struct {
    const cull_feature_problem *p;
    const opts *o;
    cull__subset s;
    int64_t *set, k, held; /* columns in it: those held first */
    int64_t *cand, *best, bests;
    uint8_t *in, *may; /* d: in the set; may join */
    double *error;     /* of candidates */
    double *score;     /* d: what the column was worth when last looked at */
    double *size_best; /* floating: the best error of each size */
    double here, least, spent;
    int64_t quiet;
    bool found; /* a set within the budget */
} search;

static double cost(const search *s, int64_t c) { return s->p->cost ? s->p->cost[c] : 1; }

static void put(search *s, int64_t c, double error)
{
    s->set[s->k++] = c;
    s->in[c] = 1;
    s->spent += cost(s, c);
    s->here = error;
}

static void drop(search *s, int64_t c, double error)
{
    int64_t at = s->held;
    while (s->set[at] != c) at++;
    memmove(s->set + at, s->set + at + 1, (size_t)(s->k - at - 1) * sizeof *s->set);
    s->k--;
    s->in[c] = 0;
    s->spent -= cost(s, c);
    s->here = error;
}

/* The set as it is may be the best so far; fewer columns need no gain. */
static void note(search *s, bool smaller)
{
    if (s->spent > s->p->budget * (1 + 1e-12)) return;
    double gain = s->o->tolerance * s->least;
    bool better = !s->found || (smaller ? s->here <= s->least + gain : s->here < s->least - gain);
    s->quiet = better ? 0 : s->quiet + 1;
    if (!better) return;
    if (!s->found || s->here < s->least || !smaller) s->least = s->here;
    s->found = true;
    s->bests = s->k;
    memcpy(s->best, s->set, (size_t)s->k * sizeof *s->best);
}

/* The best candidate of its kind, -1 if there is none: to join, or to leave. */
static cull_status look(cull_ctx *cx, search *s, bool add, int64_t but, int64_t *best,
                        double *error)
{
    int64_t m = 0;
    *best = -1;
    if (add) {
        for (int64_t c = 0; c < s->p->d; c++)
            if (s->may[c] && !s->in[c] && s->spent + cost(s, c) <= s->p->budget * (1 + 1e-12))
                s->cand[m++] = c;
    } else {
        for (int64_t i = s->held; i < s->k; i++)
            if (s->set[i] != but) s->cand[m++] = s->set[i];
    }
    if (!m) return CULL_OK;
    double here;
    CULL_TRY(cull__subset_try(cx, &s->s, s->set, s->k, s->cand, m, add, &here, s->error));
    for (int64_t i = 0; i < m; i++) {
        s->score[s->cand[i]] = add ? here - s->error[i] : s->error[i] - here;
        if (*best < 0 || s->error[i] < *error) *best = s->cand[i], *error = s->error[i];
    }
    return CULL_OK;
}

static cull_status float_back(cull_ctx *cx, search *s, int64_t joined)
{
    if (s->here < s->size_best[s->k]) s->size_best[s->k] = s->here;
    while (s->k - s->held > 2) {
        int64_t c;
        double error;
        CULL_TRY(look(cx, s, false, joined, &c, &error));
        if (c < 0 || !(error < s->size_best[s->k - 1] * (1 - 1e-9))) break;
        drop(s, c, error);
        s->size_best[s->k] = error;
        note(s, false);
    }
    return CULL_OK;
}

static cull_status go_forward(cull_ctx *cx, search *s)
{
    note(s, false);
    s->quiet = 0;
    for (int64_t step = 0; s->quiet < s->o->patience; step++) {
        int64_t c;
        double error;
        CULL_TRY(cull__tick(cx, (double)(step < s->p->d ? step : s->p->d), (double)s->p->d));
        CULL_TRY(look(cx, s, true, -1, &c, &error));
        if (c < 0) break;
        put(s, c, error);
        note(s, false);
        if (s->o->search == FLOATING) CULL_TRY(float_back(cx, s, c));
    }
    return CULL_OK;
}

static cull_status go_back(cull_ctx *cx, search *s)
{
    int64_t c;
    double error;
    for (c = 0; c < s->p->d; c++)
        if (s->may[c]) put(s, c, 0);
    CULL_TRY(cull__subset_try(cx, &s->s, s->set, s->k, NULL, 0, false, &s->here, s->error));
    note(s, true);
    int64_t all = s->k;
    while (!s->found || s->quiet < s->o->patience) {
        CULL_TRY(cull__tick(cx, (double)(all - s->k), (double)all));
        CULL_TRY(look(cx, s, false, -1, &c, &error));
        if (c < 0) break;
        drop(s, c, error);
        note(s, true);
    }
    return CULL_OK;
}

static cull_status room(cull_ctx *cx, search *s)
{
    int64_t d = s->p->d;
    CULL_TRY(CULL_TMP(cx, s->set, d));
    CULL_TRY(CULL_TMP(cx, s->cand, d));
    CULL_TRY(CULL_TMP(cx, s->best, d));
    CULL_TRY(CULL_TMP0(cx, s->in, d));
    CULL_TRY(CULL_TMP0(cx, s->may, d));
    CULL_TRY(CULL_TMP(cx, s->error, d));
    CULL_TRY(CULL_TMP(cx, s->score, d));
    CULL_TRY(CULL_TMP(cx, s->size_best, d + 1));
    for (int64_t c = 0; c <= d; c++) s->size_best[c] = INFINITY;
    return CULL_OK;
}

static cull_status found(cull_ctx *cx, search *s, cull_feature_pick *out)
{
    cull__taker t;
    uint8_t *verdict;
    CULL_TRY(CULL_TMP0(cx, verdict, s->p->d));
    CULL_TRY(cull__columns_taker(cx, s->p, &t));
    for (int64_t i = 0; i < s->bests; i++) {
        verdict[s->best[i]] = CULL_CONFIRMED;
        if (i >= s->held) (void)cull__take(&t, s->best[i], s->score[s->best[i]], -1);
    }
    cull__columns say = {.score = s->score,
                         .verdict = verdict,
                         .score_is = "fall of the error, share of that of no columns"};
    return cull__columns_pick(cx, s->p, &t, &say, out);
}

static cull__subset_opts model_of(const opts *o)
{
    return (cull__subset_opts){.model = (cull__model)o->model,
                               .folds = o->folds,
                               .neighbours = o->neighbours,
                               .trees = o->grow,
                               .l2 = o->l2,
                               .stream = STREAM};
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    search s = {.p = p, .o = o};
    cull__subset_opts m = model_of(o);
    double error = 0;
    CULL_TRY(cull__subset_new(cx, p, &m, &s.s));
    CULL_TRY(room(cx, &s));
    for (int64_t c = 0; c < p->d; c++) {
        bool usable = s.s.x.start[c + 1] > s.s.x.start[c] && !(p->avoid && p->avoid[c]);
        s.score[c] = usable ? 0 : NAN;
        if (usable && p->have && p->have[c])
            s.set[s.k++] = c, s.in[c] = 1;
        else
            s.may[c] = usable;
    }
    s.held = s.k;
    CULL_TRY(cull__subset_try(cx, &s.s, s.set, s.k, NULL, 0, true, &s.here, &error));
    if (s.o->search == BACKWARD)
        CULL_TRY(go_back(cx, &s));
    else
        CULL_TRY(go_forward(cx, &s));
    return found(cx, &s, out);
}

static void plan(const cull_feature_problem *p, const void *o_, int threads, cull_plan *out)
{
    cull__subset_opts m = model_of(o_);
    out->bytes = cull__subset_bytes(p, &m, threads) + cull__columns_plan(p) + 51 * (uint64_t)p->d;
    out->passes = 1;
    double w = (double)cull__design_width(p);
    out->flops = m.model == CULL__LINEAR ? (double)p->n * w * w : 0;
}

const cull_method cull__method_stepwise = {
    .slug = "stepwise",
    .title = "columns one at a time, by a plain model's error",
    .paper = "Pudil, Novovicova and Kittler, 1994, Floating Search Methods in Feature Selection",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_NEEDS_Y | CULL_TAKES_MISSING | CULL_TAKES_CATEGORIES |
             CULL_OWN_NUMBER,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
