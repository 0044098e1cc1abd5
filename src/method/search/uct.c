/* uct - tree search over the parameters in their order (Negrinho and Gordon 2017)
 *
 * Chooses   designs of a space, by one objective.
 * Idea      A design is a path: the value of the first parameter, then of the next. A node keeps
 *           the mean value of the designs that pass it. A new design follows, from the root, the
 *           child with the best mean + c spread sqrt(2 ln N / n) for n of N designs, children
 *           without any first; below the first node that has no children yet the values are drawn.
 *           What it is told is counted in every node of its path, and that node gets its children.
 *           With `bisect` a choice among k values is made by halves, so that neighbours share what
 *           is known of them.
 * Reads     values and violations of trials that are done.
 * Deviates  (a) `spread` is the standard deviation of the values so far, so c needs no scale: the
 *           papers' c is of values within 0..1. (b) Below the tree values are drawn uniformly also
 *           with `bisect`; the paper draws halves, which favours some values where k is no power of
 *           two. (c) What runs counts among n, not in the mean, so that workers spread out. (d)
 *           Reals and long ints are cut to `levels` parts, drawn uniformly within. (e) A branch of
 *           which every design was told is not entered again. (f) Failures and violations count as
 *           the worst value so far. (g) Every trial that is told counts, proposed by the tree or
 *           not.
 * Cost      O(values on the path) time for a design; 40 bytes a child of each node, one node for a
 *           trial.
 * Example   cull search space.cull --method uct --minimize error --budget 64 -- ./train {lr}
 */
#include "base/base.h"
#include "cull/search.h"
#include "search/parts.h"

#include <math.h>

typedef struct {
    double c;
    bool bisect;
    int64_t levels;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, c, 0.5, 0, 1e6,
                 "weight of what is little known, in deviations of the values"),
    CULL_OPT_BOOL(opts, bisect, false, "choose among many values by halves"),
    CULL_OPT_I64(opts, levels, 8, 2, 1e6,
                 "parts of a real's scale, and of an int's of more than 64 values"),
    CULL_OPT_END};

typedef struct {
    int64_t n, child; /* designs told; first child, -1 = none yet */
    double sum;
    int32_t running, ways;
    bool closed; /* every design below was told */
} node;
typedef struct {
    opts o;
    cull_ctx *cx;
    cull__choices *choices;
    bool exact; /* every design has a path of its own, and need not be told twice */
    node *node; /* 0 = the root */
    int64_t nodes, cap;
    int32_t *depth; /* trials: so many nodes count it as running */
    int64_t asked, room;
    cull__spread_t spread;
    int64_t *path; /* nodes of the path that is walked */
    int64_t deep, paths;
} tree;

static void close_(void *state)
{
    tree *t = state;
    if (!t) return;
    cull__choices_free(t->choices);
    cull__free(t->node);
    cull__free(t->depth);
    cull__free(t->path);
    cull__free(t);
}

/* Whether no part of a point is drawn beside the tree. */
static bool exact(const cull__choices *c)
{
    for (int i = 0; i < c->params; i++) {
        const cull_space_param *p = cull_space_at(c->space, i);
        if (p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_SIMPLEX) return false;
        if (p->kind != CULL_SPACE_SUBSET && p->n > c->ways[c->slot[i]]) return false;
    }
    return true;
}

static cull_status make(cull_ctx *cx, const cull_search_problem *p, tree *t)
{
    CULL_TRY(cull__choices_new(cx, p->space, t->o.levels, &t->choices));
    t->exact = exact(t->choices) && p->again != CULL_AGAIN_PAID;
    for (int64_t i = 0; i < t->choices->slots; i++) {
        int halves = 1;
        for (int32_t w = t->choices->ways[i]; t->o.bisect && w > 2; w = (w + 1) / 2) halves++;
        t->paths += halves;
    }
    CULL_TRY(CULL_ALLOC(cx, t->path, ++t->paths));
    CULL_TRY(CULL_GROW(cx, t->node, &t->cap, 1));
    t->node[t->nodes++] = (node){.child = -1};
    return CULL_OK;
}

static cull_status open_(cull_ctx *cx, const cull_search_problem *p, const void *o, void **state)
{
    tree *t;
    CULL_TRY(CULL_ALLOC(cx, t, 1));
    t->cx = cx, t->o = *(const opts *)o;
    cull_status s = make(cx, p, t);
    if (s != CULL_OK) {
        close_(t);
        return s;
    }
    *state = t;
    return CULL_OK;
}

/* ---- a new design ---- */
typedef struct {
    const tree *t;
    int64_t at;    /* -1: below the tree */
    double astray; /* chance of a child at random */
} descent;

static double worth(const tree *t, const node *up, const node *k)
{
    double n = (double)(k->n + k->running), all = (double)(up->n + up->running);
    if (n == 0) return INFINITY;
    double mean = k->n ? k->sum / (double)k->n : up->n ? up->sum / (double)up->n : 0;
    return t->o.c * cull__spread_sd(&t->spread) * sqrt(2 * log(all) / n) - mean;
}

/* A child of d->at, which becomes it; -1: it has none. */
static int branch(descent *d, int ways, const uint8_t *open, cull_rng *r)
{
    const node *up = d->t->node + d->at;
    if (up->child < 0) {
        d->at = -1;
        return -1;
    }
    const node *child = d->t->node + up->child;
    double best = -INFINITY;
    int found = -1, ties = 0;
    bool any = d->astray > 0 && cull__rng_unit(r) < d->astray;
    for (int pass = 0; found < 0 && pass < 2; pass++) /* all closed: one of them */
        for (int i = 0; i < ways; i++) {
            if ((open && !open[i]) || (child[i].closed && !pass)) continue;
            double w = any ? 0 : worth(d->t, up, child + i);
            if (found < 0 || w > best) best = w, ties = 0;
            if (w == best && cull__rng_below(r, ++ties) == 0) found = i;
        }
    d->at = up->child + found;
    return found;
}

static int drawn(int ways, const uint8_t *open, cull_rng *r)
{
    int many = 0;
    for (int i = 0; i < ways; i++) many += !open || open[i];
    int64_t k = cull__rng_below(r, many);
    for (int i = 0; i < ways; i++)
        if ((!open || open[i]) && k-- == 0) return i;
    return 0;
}

static int choose(void *user, int64_t slot, int ways, const uint8_t *open, cull_rng *r)
{
    (void)slot;
    descent *d = user;
    if (!d->t->o.bisect || open) {
        int w = d->at < 0 ? -1 : branch(d, ways, open, r);
        return w < 0 ? drawn(ways, open, r) : w;
    }
    int lo = 0, hi = ways;
    while (hi - lo > 1 && d->at >= 0) {
        int mid = (lo + hi) / 2, w = branch(d, 2, NULL, r);
        if (w == 0) hi = mid;
        if (w == 1) lo = mid;
    }
    return lo + (int)cull__rng_below(r, hi - lo);
}

static cull_status ask(cull_ctx *cx, void *state, const cull_search_view *v, int attempt, double *x)
{
    const tree *t = state;
    cull_rng r = cull__search_rng(v, attempt);
    for (int k = 0; k < 64; k++) { /* constraints may forbid where the tree leads */
        descent d = {t, 0, 1 - pow(0.5, attempt + k)};
        if (cull__choices_make(t->choices, choose, &d, &r, x)) return CULL_OK;
    }
    return cull__space_draw(cx, v->space, &r, x);
}

/* ---- the path of a trial ---- */
static void expand(tree *t, int64_t at, int ways)
{
    t->node[at].child = t->nodes, t->node[at].ways = ways;
    for (int i = 0; i < ways; i++) t->node[t->nodes++] = (node){.child = -1};
}

typedef struct {
    tree *t;
    bool grow; /* the first node without children gets some */
    bool leaf; /* the path ended where the tree did not */
} track;

static bool follow(track *k, int ways, const uint8_t *open, int way)
{
    tree *t = k->t;
    int64_t at = t->path[t->deep - 1];
    if (t->node[at].child < 0) {
        k->leaf = false;
        if (!k->grow) return false;
        expand(t, at, ways);
        for (int i = 0; i < ways && open; i++) t->node[t->node[at].child + i].closed = !open[i];
        return false;
    }
    t->path[t->deep++] = t->node[at].child + way;
    return true;
}

static bool chosen(void *user, int64_t slot, int ways, const uint8_t *open, int way)
{
    (void)slot;
    track *k = user;
    if (!k->t->o.bisect || open) return follow(k, ways, open, way);
    for (int lo = 0, hi = ways; hi - lo > 1;) {
        int mid = (lo + hi) / 2;
        if (!follow(k, 2, NULL, way >= mid)) return false;
        if (way >= mid)
            lo = mid;
        else
            hi = mid;
    }
    return true;
}

/* Fills t->path; whether it ends in a design of its own. */
static bool walk(tree *t, const double *x, bool grow)
{
    track k = {t, grow, true};
    t->path[0] = 0, t->deep = 1;
    cull__choices_read(t->choices, x, chosen, &k);
    return k.leaf;
}

static void shut(tree *t)
{
    t->node[t->path[t->deep - 1]].closed = true;
    for (int64_t i = t->deep - 2; i >= 0; i--) {
        node *up = t->node + t->path[i];
        for (int w = 0; w < up->ways; w++)
            if (!t->node[up->child + w].closed) return;
        up->closed = true;
    }
}

static cull_status asked(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    (void)cx;
    tree *t = state;
    if (number < t->asked) return CULL_OK;
    CULL_TRY(CULL_GROW(t->cx, t->depth, &t->room, number + 1));
    walk(t, v->x + number * v->width, false);
    for (int64_t i = 0; i < t->deep; i++) t->node[t->path[i]].running++;
    t->depth[t->asked++] = (int32_t)t->deep;
    return CULL_OK;
}

static cull_status told(cull_ctx *cx, void *state, const cull_search_view *v, int64_t number)
{
    (void)cx;
    tree *t = state;
    CULL_TRY(CULL_GROW(t->cx, t->node, &t->cap, t->nodes + t->choices->most));
    bool good = cull__trial_counts(v, number) && v->violation[number] <= 0;
    if (good) cull__spread_add(&t->spread, v->value[number]);
    double value = good ? v->value[number] : t->spread.most;
    bool leaf = walk(t, v->x + number * v->width, true);
    for (int64_t i = 0; i < t->deep; i++) {
        node *k = t->node + t->path[i];
        if (i < t->depth[number]) k->running--;
        if (t->spread.n) k->n++, k->sum += value;
    }
    if (leaf && t->exact) shut(t);
    return CULL_OK;
}

static const cull_search_fns fns = {
    .open = open_, .close = close_, .ask = ask, .asked = asked, .told = told};

const cull_method cull__method_uct = {
    .slug = "uct",
    .title = "a tree over the parameters in their order, explored where it is good or little known",
    .paper = "Negrinho and Gordon 2017, DeepArchitect: Automatically Designing and Training Deep "
             "Architectures",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
