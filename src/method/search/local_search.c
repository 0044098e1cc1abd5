/* local-search - to a better neighbour again and again, and from a new start where there is none
 *
 * Chooses   designs of a space, by one objective.
 * Idea      From a random design all that differ from it in one value are tried, in random order.
 *           `improvement` first goes on from the first one that is better, `best` tries all and
 *           goes on from the best. Where none is better a random design is the next start. On small
 *           tables of architectures this is as good as any evolution (White et al. 2021).
 * Reads     values and violations of trials that are done; less violation comes before a better
 *           value.
 * Deviates  (a) A neighbour that was asked before counts with what it was told, and is not asked
 *           again. (b) While the last neighbours run, other workers try designs that later are
 *           starts. (c) Neighbours of a real are `steps` sixteenths of its range either way. (d) Of
 *           more than 2^20 / width neighbours that many are drawn (64 at least), from 16 times as
 *           many at most: no more are made, however many there are.
 * Cost      O(neighbours x width) when it moves, at most 2^24 where width < 2^14; O(1) else. The
 *           neighbours are held.
 * Example   cull search space.cull --method local-search --minimize error -- ./train {lr}
 */
#include "base/base.h"
#include "cull/search.h"
#include "search/parts.h"

#include <string.h>

typedef struct {
    int improvement;
    int64_t steps;
} opts;
enum { FIRST, BEST };
enum { HELD = 1 << 20, LEAST = 64, LOOKED = 16 }; /* numbers, neighbours; made for each one held */
enum { START = 1, ENDED = 2 };                    /* asked to be a start of the climb; told */
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, improvement, FIRST, "first|best",
                  "go on from the first better neighbour, or from the best of all"),
    CULL_OPT_I64(opts, steps, 1, 1, 16,
                 "neighbours of a real: so many sixteenths of its range either way"),
    CULL_OPT_END};

/* Those that differ from where the climb stands in one value. */
typedef struct {
    cull_ctx *cx;
    int64_t width, n, cap, room, seen;
    double *x;      /* (n, width) */
    int64_t *trial; /* n; -1 = not asked */
    int64_t *order; /* n */
    int64_t asked;  /* so many of order have been */
    int64_t open;   /* not asked, or running */
    cull__keyed at; /* which of them a key is */
    cull_rng r;
    cull_status status;
} around;

typedef struct {
    cull_ctx *cx;
    const cull_space *space;
    opts o;
    int64_t at, moves; /* the trial where the climb stands, -1 = none; how often it moved */
    around *near;
    cull__keyed known; /* every design that was asked */
    uint8_t *flag;     /* trials: START, ENDED */
    int64_t flags;     /* room of it */
    int64_t *spare;    /* starts that were told and not used, in their order */
    int64_t spares, used, room;
} climb;

static void forget(around *a)
{
    if (!a) return;
    cull__free(a->x);
    cull__free(a->trial);
    cull__free(a->order);
    cull__free(a->at.key);
    cull__free(a->at.trial);
    cull__free(a);
}

static void close_(void *state)
{
    climb *c = state;
    if (!c) return;
    forget(c->near);
    cull__free(c->known.key);
    cull__free(c->known.trial);
    cull__free(c->flag);
    cull__free(c->spare);
    cull__free(c);
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    climb *c;
    CULL_TRY(CULL_ALLOC(cx, c, 1));
    c->cx = c->known.cx = cx, c->space = p->space, c->o = *(const opts *)o, c->at = -1;
    *state = c;
    return CULL_OK;
}

/* ---- the neighbourhood ---- */
static bool collect(void *user, const double *y, int changed)
{
    (void)changed;
    around *a = user;
    int64_t to = a->n;
    if (a->seen++ >= a->room && (to = cull__rng_below(&a->r, a->seen)) >= a->room) return true;
    if (to == a->n) {
        a->status = CULL_GROW(a->cx, a->x, &a->cap, (a->n + 1) * a->width);
        if (a->status != CULL_OK) return false;
        a->n++;
    }
    memcpy(a->x + to * a->width, y, (size_t)a->width * sizeof *y);
    return true;
}

static cull_status look(climb *c, const cull_search_view *v, int64_t trial, around *a)
{
    a->cx = a->at.cx = c->cx, a->width = v->width;
    a->room = HELD / v->width > LEAST ? HELD / v->width : LEAST;
    a->r = cull__event_rng(v, 4, c->moves);
    CULL_TRY(cull__space_neighbours(c->cx, c->space, v->x + trial * v->width, (int)c->o.steps,
                                    LOOKED * a->room, &a->r, collect, a));
    CULL_TRY(a->status);
    CULL_TRY(CULL_ALLOC(c->cx, a->trial, a->n + 1));
    CULL_TRY(CULL_ALLOC(c->cx, a->order, a->n + 1));
    for (int64_t i = 0; i < a->n; i++) {
        cull_key key = cull_space_key(c->space, a->x + i * a->width);
        a->order[i] = i;
        a->trial[i] = cull__keyed_find(&c->known, key);
        a->open += a->trial[i] < 0 || !(c->flag[a->trial[i]] & ENDED);
        CULL_TRY(cull__keyed_add(&a->at, key, i));
    }
    cull__rng_shuffle(&a->r, a->order, a->n);
    return CULL_OK;
}

static cull_status move(climb *c, const cull_search_view *v, int64_t trial)
{
    around *a;
    CULL_TRY(CULL_ALLOC(c->cx, a, 1));
    cull_status s = look(c, v, trial, a);
    if (s != CULL_OK) {
        forget(a);
        return s;
    }
    forget(c->near);
    c->near = a, c->at = trial, c->moves++;
    return CULL_OK;
}

/* The best neighbour that was told, if it is better than where the climb stands; -1 = none. */
static int64_t better(const climb *c, const cull_search_view *v)
{
    int64_t best = c->at;
    for (int64_t i = 0; i < c->near->n; i++) {
        int64_t t = c->near->trial[i];
        if (t >= 0 && (c->flag[t] & ENDED) && cull__trial_compare(v, t, best) < 0) best = t;
    }
    return best == c->at ? -1 : best;
}

/* Goes on as far as what was told allows. */
static cull_status settle(climb *c, const cull_search_view *v)
{
    while (c->at >= 0) {
        bool all = c->near->open == 0;
        int64_t to = all || c->o.improvement == FIRST ? better(c, v) : -1;
        if (to < 0 && !all) return CULL_OK;
        if (to < 0 && c->used == c->spares) {
            c->at = -1;
            return CULL_OK;
        }
        CULL_TRY(move(c, v, to >= 0 ? to : c->spare[c->used]));
        c->used += to < 0;
    }
    return CULL_OK;
}

/* ---- events ---- */
static int64_t unasked(around *a, int attempt)
{
    while (a->asked < a->n && a->trial[a->order[a->asked]] >= 0) a->asked++;
    for (int64_t k = a->asked; k < a->n; k++)
        if (a->trial[a->order[k]] < 0 && attempt-- == 0) return a->order[k];
    return -1;
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    const climb *c = state;
    int64_t i = c->at < 0 ? -1 : unasked(c->near, attempt);
    if (i >= 0) {
        memcpy(x, c->near->x + i * v->width, (size_t)v->width * sizeof *x);
        return CULL_OK;
    }
    cull_rng r = cull__search_rng(v, attempt);
    return cull__space_draw(cx, v->space, &r, x);
}

static cull_status asked(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    (void)cx;
    climb *c = state;
    cull_key key = cull_space_key(c->space, v->x + number * v->width);
    int64_t i = c->at < 0 ? -1 : cull__keyed_find(&c->near->at, key);
    bool start = c->at < 0 || (i < 0 && unasked(c->near, 0) < 0);
    CULL_TRY(CULL_GROW(c->cx, c->flag, &c->flags, number + 1));
    CULL_TRY(cull__keyed_add(&c->known, key, number));
    c->flag[number] = start ? START : 0;
    if (i >= 0 && c->near->trial[i] < 0) c->near->trial[i] = number;
    return CULL_OK;
}

/* Told again after a failure, it does what is left to do. */
static cull_status told(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    (void)cx;
    climb *c = state;
    bool first = !(c->flag[number] & ENDED), start = c->flag[number] & START;
    c->flag[number] |= ENDED;
    if (first && c->at >= 0) {
        cull_key key = cull_space_key(c->space, v->x + number * v->width);
        int64_t i = cull__keyed_find(&c->near->at, key);
        c->near->open -= i >= 0 && c->near->trial[i] == number;
    }
    if (start && cull__trial_counts(v, number)) {
        if (c->at < 0) {
            CULL_TRY(move(c, v, number));
        } else if (first) {
            CULL_TRY(CULL_GROW(c->cx, c->spare, &c->room, c->spares + 1));
            c->spare[c->spares++] = number;
        }
    }
    return settle(c, v);
}

static const cull_search_fns fns = {
    .open = open_, .close = close_, .ask = ask, .asked = asked, .told = told};

const cull_method cull__method_local_search = {
    .slug = "local-search",
    .title = "to a better neighbour again and again, from new starts",
    .paper = "White et al. 2021, Exploring the Loss Landscape in Neural Architecture Search",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 2,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
