/* grid - every combination of a few values of each parameter, in random order or in order
 *
 * Chooses   designs of a space, whatever their values; the search that small spaces need.
 * Idea      A real, and an int of more values, is cut to `levels` values, equally far on its scale
 *           and with both ends; a simplex to parts of 1 / (levels - 1). Everything else keeps all
 *           its values. The points of the grid are asked once each, shuffled by the seed, so that a
 *           budget that ends early has seen all of the space; or in order, the first parameter
 *           slowest.
 * Reads     which points were asked.
 * Deviates  (a) A grid of more than 262,144 points is not shuffled but drawn from. (b) What
 *           constraints leave out is passed over.
 * Cost      O(width) time for a design, 32 steps of the odometer where shuffled; 8 bytes a point of
 *           the grid, and a design for every 64 of them, of more than 1024 numbers fewer.
 * Example   cull search space.cull --method grid --minimize error -- ./train {lr}
 */
#include "base/base.h"
#include "cull/search.h"
#include "search/parts.h"

#include <math.h>
#include <string.h>

typedef struct {
    int64_t levels;
    int order;
} opts;
enum { SHUFFLED, IN_ORDER };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, levels, 5, 1, 1e6, "values of a real, and of an int that has more"),
    CULL_OPT_ENUM(opts, order, SHUFFLED, "shuffled|in-order",
                  "points in random order, or the first parameter slowest"),
    CULL_OPT_END};

enum { EVERY = 64, WIDE = 1024, SHUFFLES = 262144 };
typedef struct {
    const cull_space *space;
    cull_ctx *cx;
    opts o;
    cull__sequence walk;
    int params;
    int64_t width;
    double *x;          /* the cursor: the point of index `at` */
    int64_t at;         /* -1 = none */
    int64_t every;      /* EVERY, of wide points more, so that those kept are 32 MiB at most */
    double *kept;       /* points 0, every, 2 every, ... as far as the cursor has been */
    int64_t keeps, cap; /* of them; numbers that have room */
    int64_t *order;     /* n, where shuffled: indices of the points that keep the constraints */
    int64_t n, room;
    bool shuffled;
} grid;

/* ---- the odometer ---- */
static double level(const cull_space_param *p, int64_t k, int64_t levels)
{
    if (p->kind == CULL_SPACE_CATEGORY || p->kind == CULL_SPACE_ORDINAL) return (double)k;
    if (p->kind == CULL_SPACE_INT && p->n <= levels) return p->lo + (double)k * p->step;
    return cull__space_from_unit(p, levels > 1 ? (double)k / (double)(levels - 1) : 0.5);
}

static int64_t values(const cull_space_param *p, int64_t levels)
{
    if (p->kind == CULL_SPACE_REAL) return levels;
    return p->kind == CULL_SPACE_INT && p->n > levels ? levels : p->n;
}

static bool whole(const cull_space_param *p)
{
    return p->kind == CULL_SPACE_SUBSET || p->kind == CULL_SPACE_PERMUTATION;
}

static void first(const grid *g, const cull_space_param *p, double *v)
{
    for (int64_t i = 0; i < p->width; i++) v[i] = 0;
    if (whole(p))
        cull__space_first_value(p, v);
    else if (p->kind == CULL_SPACE_SIMPLEX)
        v[p->n - 1] = 1;
    else
        *v = level(p, 0, g->o.levels);
}

/* Numbers of parts - 1 things in n boxes: one moves a box to the left, what is right of it goes to
 * the end. */
static bool next_simplex(const cull_space_param *p, int64_t levels, double *v)
{
    double parts = levels > 1 ? (double)(levels - 1) : 1;
    int64_t i = p->n - 1;
    while (i > 0 && v[i] == 0) i--;
    if (i == 0) return false;
    double rest = round(v[i] * parts) - 1;
    v[i] = 0;
    v[i - 1] = (round(v[i - 1] * parts) + 1) / parts;
    v[p->n - 1] = rest / parts;
    return true;
}

static bool advance(const grid *g, const cull_space_param *p, double *v)
{
    if (whole(p)) return cull__space_next_value(p, v);
    if (p->kind == CULL_SPACE_SIMPLEX) return next_simplex(p, g->o.levels, v);
    int64_t n = values(p, g->o.levels), lo = 0, hi = n - 1;
    while (lo < hi) { /* where *v is among the levels */
        int64_t mid = (lo + hi) / 2;
        if (level(p, mid, g->o.levels) < *v)
            lo = mid + 1;
        else
            hi = mid;
    }
    while (++lo < n) { /* levels of a short scale may be equal */
        double to = level(p, lo, g->o.levels);
        if (to == *v) continue;
        *v = to;
        return true;
    }
    return false;
}

static void restart(const grid *g, int from, double *x)
{
    for (int i = from; i < g->params; i++) {
        const cull_space_param *p = cull_space_at(g->space, i);
        if (cull_space_active(g->space, x, i))
            first(g, p, x + p->at);
        else
            for (int64_t j = 0; j < p->width; j++) x[p->at + j] = NAN;
    }
}

static bool step(const grid *g, double *x)
{
    for (int i = g->params - 1; i >= 0; i--) {
        const cull_space_param *p = cull_space_at(g->space, i);
        if (!cull_space_active(g->space, x, i) || !advance(g, p, x + p->at)) continue;
        restart(g, i + 1, x);
        return true;
    }
    return false;
}

/* The cursor to point `index`. False: there are no more than g->at + 1. */
static cull_status seek(cull_ctx *cx, grid *g, int64_t index, bool *there)
{
    size_t bytes = (size_t)g->width * sizeof *g->x;
    *there = true;
    if (g->keeps && (g->at < 0 || index < g->at)) {
        int64_t k = index / g->every < g->keeps ? index / g->every : g->keeps - 1;
        memcpy(g->x, g->kept + k * g->width, bytes);
        g->at = k * g->every;
    }
    while (g->at < index && *there) {
        if (g->at < 0)
            restart(g, 0, g->x);
        else
            *there = step(g, g->x);
        if (!*there) break;
        if (++g->at % g->every == 0 && g->at / g->every == g->keeps) {
            cull_status s = CULL_GROW(g->cx, g->kept, &g->cap, (g->keeps + 1) * g->width);
            if (s != CULL_OK) {
                g->at = -1; /* the cursor is nowhere; those kept are good */
                return s;
            }
            memcpy(g->kept + g->keeps++ * g->width, g->x, bytes);
        }
        if (g->at % 4096 == 0) CULL_TRY(cull__tick(cx, 0, 0));
    }
    return CULL_OK;
}

/* ---- the method ---- */
static cull_status at(cull_ctx *cx, void *user, const cull_search_view *v, int64_t index, double *x,
                      bool *there)
{
    grid *g = user;
    if (g->order && !g->shuffled) { /* the seed is known now, and stays */
        cull_rng r = cull__rng_seeded(v->seed, (uint64_t)1 << 61);
        cull__rng_shuffle(&r, g->order, g->n);
        g->shuffled = true;
    }
    CULL_TRY(seek(cx, g, g->order ? g->order[index] : index, there));
    if (!*there) {
        g->walk.end = g->at + 1;
        return CULL_OK;
    }
    memcpy(x, g->x, (size_t)g->width * sizeof *x);
    *there = cull_space_allows(g->space, x);
    return CULL_OK;
}

static void close_(void *state)
{
    grid *g = state;
    if (!g) return;
    cull__free(g->walk.x);
    cull__free(g->x);
    cull__free(g->kept);
    cull__free(g->order);
    cull__free(g);
}

static cull_status make(cull_ctx *cx, grid *g)
{
    bool there;
    CULL_TRY(CULL_ALLOC(cx, g->walk.x, g->width));
    CULL_TRY(CULL_ALLOC(cx, g->x, g->width));
    if (g->o.order == IN_ORDER) return CULL_OK;
    for (int64_t i = 0; i <= SHUFFLES; i++) {
        CULL_TRY(seek(cx, g, i, &there));
        if (!there) break;
        if (!cull_space_allows(g->space, g->x)) continue;
        CULL_TRY(CULL_GROW(cx, g->order, &g->room, g->n + 1));
        g->order[g->n++] = i;
    }
    if (!there) {
        g->walk.end = g->n;
        return g->order ? CULL_OK : CULL_ALLOC(cx, g->order, 1);
    }
    cull__free(g->order); /* too many: they are drawn */
    cull__free(g->kept);
    g->order = NULL, g->kept = NULL, g->keeps = g->cap = 0;
    return CULL_OK;
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    grid *g;
    CULL_TRY(CULL_ALLOC(cx, g, 1));
    g->space = p->space, g->cx = cx, g->o = *(const opts *)o;
    g->params = cull_space_params(p->space), g->width = cull_space_width(p->space);
    g->at = -1, g->every = EVERY * (1 + g->width / WIDE);
    g->walk.at = at, g->walk.user = g, g->walk.end = INT64_MAX, g->walk.number = -1;
    cull_status s = make(cx, g);
    if (s != CULL_OK) {
        close_(g);
        return s;
    }
    *state = g;
    return CULL_OK;
}

typedef struct {
    const grid *g;
    cull_rng *r;
} drawer;

/* A parameter of several numbers keeps all its values: it is drawn. A simplex is rounded to parts.
 * */
static void draw(void *user, const cull_space *s, int i, const double *x, double *v)
{
    (void)x;
    const drawer *d = user;
    const cull_space_param *p = cull_space_at(s, i);
    int64_t parts = d->g->o.levels > 1 ? d->g->o.levels - 1 : 1;
    if (p->kind == CULL_SPACE_SIMPLEX) {
        /* of parts + n - 1 places n - 1 are walls, by selection */
        int64_t left = parts, walls = p->n - 1;
        for (int64_t j = 0; j < p->n; j++) {
            int64_t run = 0;
            while (left > 0 && (!walls || cull__rng_below(d->r, left + walls) >= walls))
                left--, run++;
            walls -= walls > 0;
            v[j] = (double)run / (double)parts;
        }
    } else if (p->kind != CULL_SPACE_SUBSET && p->kind != CULL_SPACE_PERMUTATION) {
        *v = level(p, cull__rng_below(d->r, values(p, d->g->o.levels)), d->g->o.levels);
    }
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    grid *g = state;
    if (g->order || g->o.order == IN_ORDER) return cull__sequence_ask(cx, &g->walk, v, attempt, x);
    cull_rng r = cull__search_rng(v, attempt);
    drawer d = {g, &r};
    for (int k = 0; k < 100000; k++)
        if (cull__space_make(g->space, draw, &d, &r, x)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "no point of the grid that was drawn keeps the constraints");
}

static cull_status asked(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    grid *g = state;
    if (!g->order && g->o.order == SHUFFLED) return CULL_OK;
    return cull__sequence_asked(cx, &g->walk, v, number);
}

static const cull_search_fns fns = {.open = open_, .close = close_, .ask = ask, .asked = asked};

const cull_method cull__method_grid = {
    .slug = "grid",
    .title = "every combination of a few values of each parameter",
    .paper = "",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 2,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_BASELINE | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
