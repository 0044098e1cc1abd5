/* random-search - uniform random points: the baseline that every other method must beat.
 *
 * Chooses   points of a space, each uniform value by value among those that keep the constraints.
 * Idea      Every point is drawn by itself; nothing that was told changes what comes.
 * Reads     nothing but the space.
 * Deviates  -
 * Cost      O(parameters) a point; no memory.
 * Example   cull search space.cull --method random-search --minimize error --budget 100 -- ./train {lr}
 */
#include "search/sampler.h"

typedef struct {
    char none;
} opts;
static const cull_opt table[] = {CULL_OPT_END};

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    (void)cx, (void)p, (void)o;
    *state = NULL;
    return CULL_OK;
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    (void)state;
    cull_rng r = cull__search_rng(v, attempt);
    return cull__space_draw(cx, v->space, &r, x);
}

static const cull_search_fns fns = {.open = open_, .ask = ask};

const cull_method cull__method_random_search = {
    .slug = "random-search",
    .title = "uniform random points",
    .paper = "",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_BASELINE | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
