/* nsga3 - a population spread over directions of the objectives (Deb and Jain 2014)
 *
 * Chooses   designs of a space, by several objectives and constraints.
 * Idea      Ranks of dominance as in nsga2; of the rank that does not fit whole, those stay that
 *           stand in the emptiest niches. A niche is all that is nearest to one reference
 *           direction, of Das and Dennis's grid over the simplex, once the front is brought to 0..1
 *           by its ideal point and the plane through its extremes. Parents are drawn at random; of
 *           two the one that violates constraints less.
 * Reads     values and violations of trials that are done.
 * Deviates  (a) to (d) of nsga2. (e) Extreme points are of the rows at hand, not remembered from
 *           earlier generations. (f) Where the plane through the extremes is none, the worst of the
 *           first rank is 1. (g) `parts` 0: the finest grid of at most 100 directions, in two
 *           layers (the inner one half as wide) from six objectives on.
 * Cost      as nsga2, and O(population x directions x objectives) at a boundary.
 * Example   cull search space.cull --method nsga3 --minimize error,time,size -- ./train {lr}
 */
#include "base/base.h"
#include "cull/front.h"
#include "cull/search.h"
#include "search/parts.h"

typedef struct {
    int64_t population, parts;
    double mate, mutate, eta_cross, eta_mutate;
    bool rounded;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, population, 0, 0, 1e6,
                 "designs of a generation; 0 = one for each direction, 20 at least"),
    CULL_OPT_I64(opts, parts, 0, 0, 100,
                 "parts of each edge of the grid of directions; 0 = by the objectives"),
    CULL_OPT_F64(opts, mate, 1, 0, 1, "chance that a child has two parents"),
    CULL_OPT_F64(opts, eta_cross, 30, 0, 1000,
                 "how near a child is to its parents: larger is nearer"),
    CULL_OPT_F64(opts, eta_mutate, 20, 0, 1000, "how small mutations are: larger is smaller"),
    CULL_OPT_F64(opts, mutate, 0, 0, 1, "chance that a value is mutated; 0 = 1 / parameters"),
    CULL_OPT_BOOL(opts, rounded, 0,
                  "discrete values move and are rounded, as integers do; else few are drawn anew"),
    CULL_OPT_END};

enum { FEWEST = 20 }; /* of a generation, unless it is said */
typedef struct {
    opts o;
    cull__generation *now;
    int64_t *idx;      /* population */
    double *direction; /* (directions, m) */
    int64_t directions;
} breeding;

static void close_(void *state)
{
    breeding *b = state;
    if (!b) return;
    cull__generation_free(b->now);
    cull__free(b->idx);
    cull__free(b->direction);
    cull__free(b);
}

static int finest(int m, int64_t most)
{
    int parts = 1;
    while (parts < 100 && cull_front_weights(m, parts + 1, NULL) <= most) parts++;
    return parts;
}

static cull_status aim(cull_ctx *cx, breeding *b, int m)
{
    enum { MOST = 100 };
    bool layers = !b->o.parts && m >= 6;
    int outer = b->o.parts ? (int)b->o.parts : finest(m, layers ? MOST / 2 : MOST);
    int64_t n = cull_front_weights(m, outer, NULL), more = 0;
    int inner = outer > 1 ? outer - 1 : 1;
    if (layers) more = cull_front_weights(m, inner, NULL);
    if (n > 1000000)
        return cull__fail(
            cx, CULL_EOPTION,
            "nsga3: parts = %d makes %lld directions of %d objectives; at most 1000000", outer,
            (long long)n, m);
    CULL_TRY(CULL_ALLOC(cx, b->direction, (n + more) * m));
    cull_front_weights(m, outer, b->direction);
    if (layers) {
        double *w = b->direction + n * m;
        cull_front_weights(m, inner, w);
        for (int64_t i = 0; i < more * m; i++) w[i] = w[i] / 2 + 0.5 / m;
    }
    b->directions = n + more;
    return CULL_OK;
}

static cull_status make(cull_ctx *cx, const cull_search_problem *p, breeding *b)
{
    CULL_TRY(aim(cx, b, p->objectives));
    int64_t size = b->o.population ? b->o.population : b->directions;
    if (!b->o.population && size < FEWEST) size = FEWEST;
    CULL_TRY(cull__generation_new(cx, size, &b->now));
    return CULL_ALLOC(cx, b->idx, size);
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    breeding *b;
    CULL_TRY(CULL_ALLOC(cx, b, 1));
    b->o = *(const opts *)o;
    cull_status s = make(cx, p, b);
    if (s != CULL_OK) {
        close_(b);
        return s;
    }
    *state = b;
    return CULL_OK;
}

static const double *parent(const breeding *b, const cull_search_view *v, cull_rng *r)
{
    int64_t i = b->now->member[cull__rng_below(r, b->now->n)];
    int64_t j = b->now->member[cull__rng_below(r, b->now->n)];
    return v->x + (v->violation[j] < v->violation[i] ? j : i) * v->width;
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    const breeding *b = state;
    cull_rng r = cull__search_rng(v, attempt);
    if (b->now->n == 0) return cull__space_draw(cx, v->space, &r, x);
    const double *first = parent(b, v, &r), *second = first;
    if (cull__rng_unit(&r) < b->o.mate) second = parent(b, v, &r);
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
    cull_rng r = cull__event_rng(v, 5, b->now->number);
    CULL_TRY(cull__generation_rows(cx, b->now, v, &rows));
    if (rows.n) CULL_TRY(cull__survive_niches(cx, &rows, b->direction, b->directions, &r, b->idx));
    cull__release(cx, mark);
    cull__generation_set(b->now, b->idx, rows.keep);
    return CULL_OK;
}

static const cull_search_fns fns = {.open = open_, .close = close_, .ask = ask, .told = told};

const cull_method cull__method_nsga3 = {
    .slug = "nsga3",
    .title = "a population spread over directions, for three objectives or more",
    .paper = "Deb and Jain 2014, An Evolutionary Many-Objective Optimization Algorithm Using "
             "Reference-Point-Based Nondominated Sorting Approach, Part I",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 3,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
