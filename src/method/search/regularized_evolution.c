/* regularized-evolution - a population in which the oldest dies (Real et al. 2019)
 *
 * Chooses   designs of a space, by one objective.
 * Idea      The population is a queue of the `population` designs told last. For each new design
 *           `tournament` members are drawn with replacement; the best of them is copied with one
 *           parameter changed, or more by chance `mutate`. The child enters the queue when it is
 *           told and the oldest dies, however good it was.
 * Reads     values and violations of trials that are done; less violation comes before a better
 *           value.
 * Deviates  (a) A member is any valid design that was told, in the order of telling, so that many
 *           workers share one population (as the paper's do) and points added from elsewhere are
 *           members. (b) Failed trials never enter, and those of the first generation are not made
 *           up for. (c) Every parameter is as likely to be the one that changes; the paper's cells
 *           draw first whether an operation or a connection changes. (d) With `again` never, a child
 *           seen before is made anew from new draws. (e) The paper's 100 and 25 stand from a budget
 *           of 1200 on. Below, a twelfth of the budget, at least 16, and 32 drawn, which is nearly
 *           always the best alive: that has little regret on NAS-Bench-201 CIFAR-10,
 *           NAS-Bench-Macro and FCNet protein at 50 to 1000, where the paper's would be spent on
 *           the random designs that a population begins with.
 * Cost      O(tournament) time and one mutation for a design; 8 bytes a member.
 * Example   cull search space.cull --method regularized-evolution --minimize error -- ./train {lr}
 */
#include "base/base.h"
#include "cull/search.h"
#include "search/parts.h"

typedef struct {
    int64_t population, tournament;
    double mutate, sd;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, population, 0, 0, 1e6,
                 "designs that live at a time; 0 = a twelfth of the budget, 16 to 100"),
    CULL_OPT_I64(opts, tournament, 0, 0, 1e6,
                 "members drawn, of which the best has a child; 0 = 32, of 100 and more a quarter"),
    CULL_OPT_F64(opts, mutate, 0, 0, 1,
                 "chance of each parameter to change; 0 = one changes, always"),
    CULL_OPT_F64(opts, sd, 0.1, 1e-6, 1, "step of a real that changes, as a share of its range"),
    CULL_OPT_END};

typedef struct {
    opts o;
    int64_t valid;   /* trials told with values so far */
    int64_t *member; /* population: the valid-th is at valid % population */
} evolution;

static void close_(void *state)
{
    evolution *e = state;
    if (e) cull__free(e->member);
    cull__free(e);
}

static int64_t by_budget(const cull_search_problem *p)
{
    int64_t part = p->trials > 0 ? p->trials / 12 : 100;
    return part < 16 ? 16 : part > 100 ? 100 : part;
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    evolution *e;
    CULL_TRY(CULL_ALLOC(cx, e, 1));
    e->o = *(const opts *)o;
    if (!e->o.population) e->o.population = by_budget(p);
    if (!e->o.tournament) e->o.tournament = e->o.population < 100 ? 32 : (e->o.population + 3) / 4;
    cull_status s = CULL_ALLOC(cx, e->member, e->o.population);
    if (s != CULL_OK) {
        close_(e);
        return s;
    }
    *state = e;
    return CULL_OK;
}

static int64_t winner(const evolution *e, const cull_search_view *v, cull_rng *r)
{
    int64_t alive = e->valid < e->o.population ? e->valid : e->o.population, best = -1;
    for (int64_t k = 0; k < e->o.tournament; k++) {
        int64_t i = e->member[cull__rng_below(r, alive)];
        if (best < 0 || cull__trial_compare(v, i, best) < 0) best = i;
    }
    return best;
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    const evolution *e = state;
    cull_rng r = cull__search_rng(v, attempt);
    /* the first generation is random, and no more than it, however many of it failed */
    if (e->valid == 0 || v->trials < e->o.population) return cull__space_draw(cx, v->space, &r, x);
    const cull__mutation how = {e->o.mutate > 0 ? e->o.mutate : 1e-12, e->o.sd, false};
    const double *parent = v->x + winner(e, v, &r) * v->width;
    return cull__space_mutate(cx, v->space, &how, &r, parent, x);
}

static cull_status told(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    (void)cx;
    evolution *e = state;
    if (cull__trial_counts(v, number)) e->member[e->valid++ % e->o.population] = number;
    return CULL_OK;
}

static const cull_search_fns fns = {.open = open_, .close = close_, .ask = ask, .told = told};

const cull_method cull__method_regularized_evolution = {
    .slug = "regularized-evolution",
    .title = "children of the best of a few, in a population where the oldest dies",
    .paper = "Real et al. 2019, Regularized Evolution for Image Classifier Architecture Search",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 2,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
