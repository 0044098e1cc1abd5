/* annealing - a walk that takes steps for the worse, ever more seldom (Kirkpatrick et al. 1983)
 *
 * Chooses   designs of a space, by one objective.
 * Idea      The first `first` designs are random, and the best of them is where the walk begins.
 *           Each new design is the walk's with one parameter changed; when it is told, the walk
 *           goes there if it is better, and else by chance exp(-(what it is worse by) /
 *           temperature). The temperature falls geometrically with every told trial, from `hot` to
 *           `cold` times how far the best of the first values is from their median.
 * Reads     values and violations of trials that are done.
 * Deviates  (a) The temperature's unit is the reach of the better half of the first values, so that
 *           options need no scale; a deviation would be mostly one of bad designs, which may be
 *           worse by decades. `hot` and `cold` have little regret on NAS-Bench-201 CIFAR-10,
 *           NAS-Bench-Macro and FCNet protein. (b) The fall ends with the budget; a study without a
 *           number of trials cools over 1000. (c) Several workers hold several steps of one walk:
 *           each is judged against where the walk stands when it is told. (d) A violation is never
 *           taken for a smaller one; failed trials are never gone to, and the first are not more
 *           for them. (e) A point that was told from elsewhere is a step as well. (f) Where what is
 *           next to the walk is known already, ever more parameters change.
 * Cost      one mutation for a design; 8 bytes for each of the first.
 * Example   cull search space.cull --method annealing --minimize error --budget 200 -- ./train {lr}
 */
#include "base/base.h"
#include "cull/search.h"
#include "num/num.h"
#include "search/parts.h"

#include <math.h>

typedef struct {
    int64_t first;
    double hot, cold, mutate, sd;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, first, 10, 1, 1e6, "random designs before the walk begins"),
    CULL_OPT_F64(
        opts, hot, 0.1, 0, 1e6,
        "temperature at the beginning, in distances of the first values' best from their median"),
    CULL_OPT_F64(opts, cold, 0.001, 0, 1e6, "temperature at the end, in the same"),
    CULL_OPT_F64(opts, mutate, 0, 0, 1,
                 "chance of each parameter to change; 0 = one changes, always"),
    CULL_OPT_F64(opts, sd, 0.1, 1e-6, 1, "step of a real that changes, as a share of its range"),
    CULL_OPT_END};

typedef struct {
    opts o;
    int64_t steps; /* over which it cools */
    int64_t told;  /* trials with values so far */
    int64_t at;    /* where the walk stands; -1 = nowhere yet */
    double *first; /* their values */
    double unit;   /* how far the best of them is from their median */
} walk;

static void close_(void *state)
{
    walk *w = state;
    if (w) cull__free(w->first);
    cull__free(w);
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    walk *w;
    CULL_TRY(CULL_ALLOC(cx, w, 1));
    w->o = *(const opts *)o;
    w->at = -1;
    w->steps = (p->trials > 0 ? p->trials : 1000) - w->o.first;
    if (w->steps < 1) w->steps = 1;
    cull_status s = CULL_ALLOC(cx, w->first, w->o.first);
    if (s == CULL_OK)
        *state = w;
    else
        close_(w);
    return s;
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    const walk *w = state;
    cull_rng r = cull__search_rng(v, attempt);
    if (w->at < 0 || v->trials < w->o.first) return cull__space_draw(cx, v->space, &r, x);
    /* neighbours that are all known: farther, little by little */
    double rate =
        fmax(w->o.mutate > 0 ? w->o.mutate : 1e-12, attempt < 4 ? 0 : fmin(attempt / 40.0, 1));
    const cull__mutation how = {rate, w->o.sd, true};
    return cull__space_mutate(cx, v->space, &how, &r, v->x + w->at * v->width, x);
}

static double temperature(const walk *w)
{
    double part = (double)(w->told - w->o.first) / (double)w->steps;
    if (w->o.hot <= 0 || w->o.cold <= 0) return part < 1 ? w->o.hot * w->unit * (1 - part) : 0;
    return w->unit * w->o.hot * pow(w->o.cold / w->o.hot, fmin(part, 1));
}

static bool accepted(const walk *w, const cull_search_view *v, int64_t number)
{
    if (w->at < 0 || cull__trial_compare(v, number, w->at) <= 0) return true;
    if (w->told < w->o.first || v->violation[number] > v->violation[w->at]) return false;
    double worse = v->value[number] - v->value[w->at], t = temperature(w);
    cull_rng r = cull__event_rng(v, 1, number);
    return t > 0 && cull__rng_unit(&r) < exp(-worse / t);
}

static cull_status measure(cull_ctx *cx, walk *w)
{
    double least = INFINITY, middle;
    for (int64_t i = 0; i < w->o.first; i++) least = fmin(least, w->first[i]);
    CULL_TRY(cull__quantile(cx, w->first, w->o.first, 0.5, &middle));
    w->unit = middle - least;
    return CULL_OK;
}

static cull_status told(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    walk *w = state;
    if (!cull__trial_counts(v, number)) return CULL_OK;
    if (accepted(w, v, number)) w->at = number;
    if (w->told < w->o.first) w->first[w->told] = v->value[number];
    return ++w->told == w->o.first ? measure(cx, w) : CULL_OK;
}

static const cull_search_fns fns = {.open = open_, .close = close_, .ask = ask, .told = told};

const cull_method cull__method_annealing = {
    .slug = "annealing",
    .title = "a walk that takes steps for the worse, ever more seldom",
    .paper = "Kirkpatrick et al. 1983, Optimization by Simulated Annealing",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 2,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
