/* ant-colony - pheromone on values: good designs' values are chosen more often (Byla and Pang 2020)
 *
 * Chooses   designs of a space, by one objective.
 * Idea      Every value of every parameter has pheromone, `floor` at first. An ant chooses each
 *           value: by chance `greed` the one with most pheromone, else in proportion to it. Once it
 *           has set out, the values it chose lose: tau <- (1 - decay) tau + decay floor, so that
 *           the next one goes elsewhere. When `ants` of them were told, the values of the best
 *           design ever gain: tau <- (1 - evaporation) tau + evaporation.
 * Reads     values and violations of trials that are done; less violation comes before a better
 *           value.
 * Deviates  (a) The best design gains 1 and not 1 over its cost, so that values may have any sign
 *           and scale. (b) The heuristic factor is 1. (c) Ants are of a fixed length: DeepSwarm's
 *           grow by a layer each wave. (d) Pheromone of a permutation is on (place, item), of a
 *           subset on each item in or out. Reals and long ints are cut to `levels` parts, drawn
 *           uniformly within. (e) Waves of several workers overlap: a wave is `ants` trials told.
 *           (f) A design that was seen before is made anew with less greed.
 * Cost      O(values) time for a design; 8 bytes a value.
 * Example   cull search space.cull --method ant-colony --minimize error --budget 64 -- ./train {lr}
 */
#include "base/base.h"
#include "cull/search.h"
#include "search/parts.h"

#include <math.h>

typedef struct {
    int64_t ants, levels;
    double greed, decay, evaporation, floor;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, ants, 8, 1, 1e6, "designs told between two rewards of the best"),
    CULL_OPT_F64(opts, greed, 0.5, 0, 1, "chance that the value with most pheromone is chosen"),
    CULL_OPT_F64(opts, decay, 0.1, 0, 1,
                 "what a value that was chosen loses, as a share of the way to floor"),
    CULL_OPT_F64(opts, evaporation, 0.25, 0, 1,
                 "how far a wave brings the best design's values to 1"),
    CULL_OPT_F64(opts, floor, 0.1, 1e-9, 1, "pheromone at first"),
    CULL_OPT_I64(opts, levels, 8, 2, 1e6,
                 "parts of a real's scale, and of an int's of more than 64 values"),
    CULL_OPT_END};

typedef struct {
    opts o;
    cull__choices *choices;
    double *tau;         /* pheromone: of way w of slot s at weight[s] + w */
    int64_t asked, told; /* trials */
    int64_t best;        /* -1 = none */
} colony;

static void close_(void *state)
{
    colony *c = state;
    if (!c) return;
    cull__choices_free(c->choices);
    cull__free(c->tau);
    cull__free(c);
}

static cull_status make(cull_ctx *cx, const cull_search_problem *p, colony *c)
{
    CULL_TRY(cull__choices_new(cx, p->space, c->o.levels, &c->choices));
    int64_t n = c->choices->weight[c->choices->slots];
    CULL_TRY(CULL_ALLOC(cx, c->tau, n + 1));
    for (int64_t i = 0; i < n; i++) c->tau[i] = c->o.floor;
    return CULL_OK;
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    colony *c;
    CULL_TRY(CULL_ALLOC(cx, c, 1));
    c->o = *(const opts *)o, c->best = -1;
    cull_status s = make(cx, p, c);
    if (s != CULL_OK) {
        close_(c);
        return s;
    }
    *state = c;
    return CULL_OK;
}

typedef struct {
    const colony *c;
    double greed;
} ant;

static int most(const double *tau, int ways, const uint8_t *open, cull_rng *r)
{
    int found = -1, ties = 0;
    for (int i = 0; i < ways; i++) {
        if (open && !open[i]) continue;
        if (found < 0 || tau[i] > tau[found]) found = i, ties = 0;
        if (tau[i] == tau[found] && cull__rng_below(r, ++ties) == 0) found = i;
    }
    return found;
}

static int choose(void *user, int64_t slot, int ways, const uint8_t *open, cull_rng *r)
{
    const ant *a = user;
    const double *tau = a->c->tau + a->c->choices->weight[slot];
    if (cull__rng_unit(r) < a->greed) return most(tau, ways, open, r);
    double sum = 0;
    int last = 0;
    for (int i = 0; i < ways; i++)
        if (!open || open[i]) sum += tau[i];
    sum *= cull__rng_unit(r);
    for (int i = 0; i < ways; i++) {
        if (open && !open[i]) continue;
        last = i;
        if ((sum -= tau[i]) < 0) break;
    }
    return last;
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    const colony *c = state;
    cull_rng r = cull__search_rng(v, attempt);
    for (int k = 0; k < 64; k++) {
        ant a = {c, c->o.greed * pow(0.5, attempt + k)};
        if (cull__choices_make(c->choices, choose, &a, &r, x)) return CULL_OK;
    }
    return cull__space_draw(cx, v->space, &r, x);
}

typedef struct {
    colony *c;
    double share, to;
} scent;

static bool touch(void *user, int64_t slot, int ways, const uint8_t *open, int way)
{
    (void)ways, (void)open;
    const scent *s = user;
    double *tau = s->c->tau + s->c->choices->weight[slot] + way;
    *tau = (1 - s->share) * *tau + s->share * s->to;
    return true;
}

static cull_status asked(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    (void)cx;
    colony *c = state;
    if (number < c->asked) return CULL_OK; /* heard before */
    c->asked = number + 1;
    scent s = {c, c->o.decay, c->o.floor};
    cull__choices_read(c->choices, v->x + number * v->width, touch, &s);
    return CULL_OK;
}

static cull_status told(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    (void)cx;
    colony *c = state;
    if (cull__trial_counts(v, number) &&
        (c->best < 0 || cull__trial_compare(v, number, c->best) < 0))
        c->best = number;
    if (++c->told % c->o.ants || c->best < 0) return CULL_OK;
    scent s = {c, c->o.evaporation, 1};
    cull__choices_read(c->choices, v->x + c->best * v->width, touch, &s);
    return CULL_OK;
}

static const cull_search_fns fns = {
    .open = open_, .close = close_, .ask = ask, .asked = asked, .told = told};

const cull_method cull__method_ant_colony = {
    .slug = "ant-colony",
    .title = "pheromone on values: what good designs chose is chosen more often",
    .paper = "Dorigo and Gambardella 1997, Ant Colony System; Byla and Pang 2020, DeepSwarm",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
