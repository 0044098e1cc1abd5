/* nsga2 - a population by ranks of dominance, then by crowding (Deb et al. 2002)
 *
 * Chooses   designs of a space, by several objectives (or one) and constraints.
 * Idea      Of two designs the one of lower rank of dominance is better, and of equal ranks the one
 *           farther from its neighbours. Parents win tournaments of two. A child is their
 *           crossover, then mutated: simulated binary crossover and polynomial mutation of what has
 *           an order, else values of either parent and chance 1 / n of a new one. When `population`
 *           trials have come to an end, the best of the population and of those that came are the
 *           next one. What violates constraints less dominates.
 * Reads     values and violations of trials that are done.
 * Deviates  (a) Nobody waits for a generation: children are made from the population of the last
 *           boundary, and whoever is told belongs to the generation that it is told in. With one
 *           worker this is the paper's. (b) Failed trials count for the boundary and never enter.
 *           (c) One child of each crossover; without one (1 - `mate`) it is its first parent,
 *           mutated. (d) Rounding steps on a short scale comes back to the parent; so discrete
 *           values are drawn anew, as the paper's binary strings are flipped. rounded = yes steps
 *           and rounds. (e) The paper's 100 members stand from a budget of 800 on, for the first
 *           generation is random.
 * Cost      O(1) and a crossover for a design, O(population log^(objectives-1) population) at a
 *           boundary; 16 bytes a member.
 * Example   cull search space.cull --method nsga2 --minimize error,latency -- ./train {lr}
 */
#include "base/base.h"
#include "cull/search.h"
#include "search/parts.h"

typedef struct {
    int64_t population;
    double mate, mutate, eta_cross, eta_mutate;
    bool rounded;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, population, 0, 0, 1e6,
                 "designs of a generation; 0 = an eighth of the budget, 16 to 100"),
    CULL_OPT_F64(opts, mate, 0.9, 0, 1, "chance that a child has two parents"),
    CULL_OPT_F64(opts, eta_cross, 15, 0, 1000,
                 "how near a child is to its parents: larger is nearer"),
    CULL_OPT_F64(opts, eta_mutate, 20, 0, 1000, "how small mutations are: larger is smaller"),
    CULL_OPT_F64(opts, mutate, 0, 0, 1, "chance that a value is mutated; 0 = 1 / parameters"),
    CULL_OPT_BOOL(opts, rounded, 0,
                  "discrete values move and are rounded, as integers do; else few are drawn anew"),
    CULL_OPT_END};

typedef struct {
    opts o;
    cull__generation *now;
    int64_t *idx;  /* population */
    int32_t *rank; /* of members */
    double *crowd;
} breeding;

static void close_(void *state)
{
    breeding *b = state;
    if (!b) return;
    cull__generation_free(b->now);
    cull__free(b->idx);
    cull__free(b->rank);
    cull__free(b->crowd);
    cull__free(b);
}

static cull_status make(cull_ctx *cx, breeding *b)
{
    CULL_TRY(cull__generation_new(cx, b->o.population, &b->now));
    CULL_TRY(CULL_ALLOC(cx, b->idx, b->o.population));
    CULL_TRY(CULL_ALLOC(cx, b->rank, b->o.population));
    return CULL_ALLOC(cx, b->crowd, b->o.population);
}

static int64_t by_budget(const cull_search_problem *p)
{
    int64_t eighth = p->trials > 0 ? p->trials / 8 : 50;
    return eighth < 16 ? 16 : eighth > 100 ? 100 : eighth;
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    breeding *b;
    CULL_TRY(CULL_ALLOC(cx, b, 1));
    b->o = *(const opts *)o;
    if (!b->o.population) b->o.population = by_budget(p);
    cull_status s = make(cx, b);
    if (s != CULL_OK) {
        close_(b);
        return s;
    }
    *state = b;
    return CULL_OK;
}

static int64_t tournament(const breeding *b, cull_rng *r)
{
    int64_t i = cull__rng_below(r, b->now->n), j = cull__rng_below(r, b->now->n);
    bool second =
        b->rank[j] < b->rank[i] || (b->rank[j] == b->rank[i] && b->crowd[j] > b->crowd[i]);
    return b->now->member[second ? j : i];
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    const breeding *b = state;
    cull_rng r = cull__search_rng(v, attempt);
    if (b->now->n == 0) return cull__space_draw(cx, v->space, &r, x);
    const double *first = v->x + tournament(b, &r) * v->width, *second = first;
    if (cull__rng_unit(&r) < b->o.mate) second = v->x + tournament(b, &r) * v->width;
    const cull__sbx by = {b->o.eta_cross, b->o.eta_mutate, b->o.mutate, b->o.rounded};
    return cull__space_sbx(cx, v->space, &by, &r, first, second, x);
}

static cull_status told(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    breeding *b = state;
    bool due;
    cull__generation_told(b->now, v, number, &due);
    if (!due) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull__contest rows;
    CULL_TRY(cull__generation_rows(cx, b->now, v, &rows));
    if (rows.n) CULL_TRY(cull__survive_crowded(cx, &rows, b->idx, b->rank, b->crowd));
    cull__release(cx, mark);
    cull__generation_set(b->now, b->idx, rows.keep);
    return CULL_OK;
}

static const cull_search_fns fns = {.open = open_, .close = close_, .ask = ask, .told = told};

const cull_method cull__method_nsga2 = {
    .slug = "nsga2",
    .title = "a population by ranks of dominance, then by how alone a design stands",
    .paper = "Deb et al. 2002, A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 3,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
