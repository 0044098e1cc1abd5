/* tpe - Tree-structured Parzen Estimator (Bergstra et al. 2011), several objectives as MOTPE (Ozaki
 * et al. 2022)
 *
 * Chooses   designs like those that turned out well and unlike the others.
 * Idea      The best trials are good, the rest is bad. A density of each, kernels on whole points
 *           over the tree; some points are drawn from the good one's, from the top of the tree
 *           down, and the one with the largest good / bad is asked. Under both lies a flat density,
 *           of categories with weights by these. joint = no is the paper's:
 *           densities of each parameter by itself over the trials in which it is active, and each
 *           value the best of some.
 * Reads     values, violations and states of all trials told; points of those that run.
 * Deviates  (a) Whole points by default (Falkner et al. 2018 do that too): values go together. (b)
 *           Good are the best tenth, 25 at most, as in Optuna, not a quarter of the square root.
 *           (c) Of the bad ones 64 are compared with, evenly over time; with joint = no all, with
 *           kernels of one width added up in bins. So a question takes the same time after a
 *           hundred trials and after a million. (d) First points are spread evenly. (e) Trials that
 *           run count as bad until they are told. (f) A simplex or a permutation comes from a good
 *           trial's, changed. (g) Points seen before are passed over, unless they may be asked
 *           again at a cost; in the end good ones are changed.
 * Cost      O(p draws (good + kernels)) a question for p parameters; 4 p + 48 bytes a trial. joint = no: O(p draws good) a question, O(p bins)
 *           an answer.
 * Example   cull search space.cull --method tpe --minimize error --budget 200 -- ./train {lr}
 */
#include "search/density.h"
#include "search/density_joint.h"
#include "search/sampler_model.h"

#include <math.h>
#include <string.h>

typedef struct {
    int64_t startup, draws, most, kernels;
    double gamma, prior;
    bool even, liar, joint;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, startup, 10, 1, 1000000, "trials told before densities are used"),
    CULL_OPT_BOOL(opts, even, 1, "spread first points evenly; else they are drawn"),
    CULL_OPT_I64(opts, draws, 24, 1, 10000, "values, or points, that the best is taken of"),
    CULL_OPT_F64(opts, gamma, 0.1, 0.001, 0.9, "share of the trials that are good"),
    CULL_OPT_I64(opts, most, 25, 1, 10000, "good trials at most"),
    CULL_OPT_F64(opts, prior, 1, 1e-6, 1000, "trials that the flat density counts as"),
    CULL_OPT_BOOL(opts, liar, 1, "count trials that run as bad"),
    CULL_OPT_BOOL(opts, joint, 1, "densities of whole points, not of each parameter by itself"),
    CULL_OPT_I64(opts, kernels, 64, 10, 100000,
                 "joint: bad trials that are compared with, at most"),
    CULL_OPT_END};

enum { NOWHERE, GOOD, BAD, RUNNING };
enum { TABLE_VALUES = 32, RETRIES = 100, LAST_ATTEMPT = 8 };
typedef struct {
    opts o;
    const cull_space *space;
    int params;
    int64_t *first, columns; /* a parameter's first column; a subset has one an item */
    cull__density **column;
    cull__split *split;
    cull__joint *good, *bad;
    uint8_t *place; /* of each trial */
    float *unit;    /* joint: (trials, params) */
    int64_t *rest;  /* joint: trials that are bad or run, ascending */
    int64_t rests, cap, cap_unit, cap_rest;
    int64_t met, revised; /* trials asked; values that the state is of */
    bool broken;          /* an event failed half way */
} state;

/* ---- columns ---- */
static int64_t columns_of(const cull_space_param *p)
{
    if (p->kind == CULL_SPACE_SUBSET) return p->n;
    return p->kind != CULL_SPACE_PERMUTATION && p->kind != CULL_SPACE_SIMPLEX;
}

/* What a parameter's j-th number is to its column. */
static double cell_of(const cull_space_param *p, const double *x, int64_t j)
{
    return p->kind == CULL_SPACE_SUBSET ? x[p->at + j] : cull__density_cell(p, x[p->at]);
}

static cull_status open_columns(cull_ctx *cx, state *s, int i)
{
    const cull_space_param *p = cull_space_at(s->space, i);
    double place[TABLE_VALUES];
    bool line = !cull__density_table(p) && p->kind != CULL_SPACE_SUBSET,
         ordered = cull__density_table(p) && p->kind != CULL_SPACE_CATEGORY;
    for (int64_t j = 0; ordered && j < p->n; j++)
        place[j] = cull__space_to_unit(p, cull__density_value(p, j));
    int64_t values = line ? 0 : p->kind == CULL_SPACE_SUBSET ? 2 : p->n;
    for (int64_t j = 0; j < columns_of(p); j++)
        CULL_TRY(cull__density_open(cx, values, ordered ? place : NULL, p->weight, s->o.prior,
                                    &s->column[s->first[i] + j]));
    return CULL_OK;
}

static cull_status open_state(cull_ctx *cx, const cull_search_problem *p, state *s)
{
    s->params = cull_space_params(p->space);
    s->columns = 0;
    CULL_TRY(CULL_ALLOC(cx, s->first, s->params));
    for (int i = 0; i < s->params; i++) {
        s->first[i] = s->columns;
        s->columns += columns_of(cull_space_at(p->space, i));
    }
    CULL_TRY(CULL_ALLOC(cx, s->column, s->columns > 0 ? s->columns : 1));
    for (int i = 0; i < s->params && !s->o.joint; i++) CULL_TRY(open_columns(cx, s, i));
    if (s->o.joint) CULL_TRY(cull__joint_open(cx, p->space, s->o.prior, &s->good));
    if (s->o.joint) CULL_TRY(cull__joint_open(cx, p->space, s->o.prior, &s->bad));
    return cull__split_open(cx, p->objectives, s->o.gamma, s->o.most, &s->split);
}

static void close_state(state *s)
{
    for (int64_t c = 0; s->column && c < s->columns; c++) cull__density_close(s->column[c]);
    cull__split_close(s->split);
    cull__joint_close(s->good);
    cull__joint_close(s->bad);
    cull__free(s->unit);
    cull__free(s->rest);
    cull__free(s->column);
    cull__free(s->first);
    cull__free(s->place);
    *s = (state){.o = s->o, .space = s->space, .met = s->met, .revised = s->revised};
}

static void close(void *state_)
{
    if (state_) close_state(state_);
    cull__free(state_);
}

static cull_status open(cull_ctx *cx, const cull_search_problem *p, const void *o, void **out)
{
    state *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->o = *(const opts *)o;
    s->space = p->space;
    cull_status status = open_state(cx, p, s);
    if (status != CULL_OK) {
        close(s);
        return status;
    }
    *out = s;
    return CULL_OK;
}

/* ---- events ---- */
/* A trial leaves the rest (`by` -1) or joins it: most often the latest does. */
static cull_status count_rest(cull_ctx *cx, state *s, int64_t number, int by)
{
    CULL_TRY(CULL_GROW(cx, s->rest, &s->cap_rest, s->rests + 1));
    int64_t lo = 0, hi = s->rests;
    if (hi > 0 && s->rest[hi - 1] < number) lo = hi;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (s->rest[mid] < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    int64_t *at = s->rest + lo, after = s->rests - lo;
    if (by > 0) memmove(at + 1, at, (size_t)after * sizeof *at);
    if (by < 0) memmove(at, at + 1, (size_t)(after - 1) * sizeof *at);
    if (by > 0) *at = number;
    s->rests += by;
    return CULL_OK;
}

/* Trial number's values leave one side's densities (`by` -1) or join them. */
static cull_status count(cull_ctx *cx, state *s, const cull_search_view *v, int64_t number,
                         cull__side side, int by)
{
    const double *x = v->x + number * v->width;
    if (s->o.joint) return side == CULL__BAD ? count_rest(cx, s, number, by) : CULL_OK;
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = cull_space_at(s->space, i);
        if (isnan(x[p->at])) continue;
        for (int64_t j = 0; j < columns_of(p); j++) {
            cull__density *d = s->column[s->first[i] + j];
            double u = cell_of(p, x, j);
            if (by < 0)
                cull__density_drop(d, side, u);
            else
                CULL_TRY(cull__density_add(cx, d, side, u));
        }
    }
    return CULL_OK;
}

typedef struct {
    state *s;
    const cull_search_view *v;
} mover;

static cull_status move(cull_ctx *cx, void *user, int64_t number, cull__side side)
{
    mover *m = user;
    state *s = m->s;
    uint8_t from = s->place[number], to = side == CULL__GOOD ? GOOD : BAD;
    s->place[number] = to;
    if (from == RUNNING) from = BAD;
    if (from == to) return CULL_OK;
    if (from != NOWHERE)
        CULL_TRY(count(cx, s, m->v, number, from == GOOD ? CULL__GOOD : CULL__BAD, -1));
    return count(cx, s, m->v, number, side, 1);
}

/* Trial number's first event, or a later one. */
static cull_status meet(cull_ctx *cx, state *s, const cull_search_view *v, int64_t number)
{
    CULL_TRY(CULL_GROW(cx, s->place, &s->cap, number + 1));
    if (!s->o.joint) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, s->unit, &s->cap_unit, (number + 1) * s->params));
    cull__joint_unit(s->good, v->x + number * v->width, s->unit + number * s->params);
    return CULL_OK;
}

static cull_status was_asked(cull_ctx *cx, state *s, const cull_search_view *v, int64_t number)
{
    CULL_TRY(meet(cx, s, v, number));
    if (!s->o.liar || s->place[number] != NOWHERE) return CULL_OK;
    CULL_TRY(count(cx, s, v, number, CULL__BAD, 1));
    s->place[number] = RUNNING;
    return CULL_OK;
}

static cull_status was_told(cull_ctx *cx, state *s, const cull_search_view *v, int64_t number)
{
    CULL_TRY(meet(cx, s, v, number));
    if (s->place[number] == GOOD || s->place[number] == BAD) return CULL_OK;
    return cull__split_told(cx, s->split, v, number, move, &(mover){s, v});
}

/* The state of the first `tells` answers, made anew where values were revised or an event failed
 * half way. */
static cull_status mend(cull_ctx *cx, state *s, const cull_search_view *v, int64_t tells)
{
    if (!s->broken && s->revised == v->revised) return CULL_OK;
    close_state(s);
    s->broken = true;
    CULL_TRY(open_state(cx, v->problem, s));
    for (int64_t t = 0; t < s->met; t++) CULL_TRY(was_asked(cx, s, v, t));
    for (int64_t k = 0; k < tells; k++) CULL_TRY(was_told(cx, s, v, v->told[k]));
    s->broken = false;
    s->revised = v->revised;
    return CULL_OK;
}

static cull_status asked(cull_ctx *cx, void *state_, const cull_search_view *v, int64_t number)
{
    state *s = state_;
    CULL_TRY(mend(cx, s, v, v->tells));
    s->broken = true;
    CULL_TRY(was_asked(cx, s, v, number));
    s->broken = false;
    if (number >= s->met) s->met = number + 1;
    return CULL_OK;
}

static cull_status told(cull_ctx *cx, void *state_, const cull_search_view *v, int64_t number)
{
    state *s = state_;
    CULL_TRY(mend(cx, s, v, v->tells - 1));
    s->broken = true;
    CULL_TRY(was_told(cx, s, v, number));
    s->broken = false;
    return CULL_OK;
}

/* ---- a question, value by value ---- */
typedef struct {
    state *s;
    const cull_search_view *v;
    cull_rng *r;
    int64_t candidates;
} maker;

static double best_draw(maker *m, cull__density *d)
{
    double best = cull__density_draw(d, m->r), gain = -INFINITY;
    if (m->candidates == 1) return best;
    gain = cull__density_gain(d, best);
    for (int64_t c = 1; c < m->candidates; c++) {
        double u = cull__density_draw(d, m->r), g = cull__density_gain(d, u);
        if (g > gain) best = u, gain = g;
    }
    return best;
}

/* Items one by one; then those nearest to it change until the number of them is allowed. */
static void fill_subset(maker *m, const cull_space_param *p, cull__density **d, double *v)
{
    int64_t n = 0;
    for (int64_t j = 0; j < p->n; j++) n += (v[j] = best_draw(m, d[j])) > 0.5;
    while (n < p->least || n > p->most) {
        double want = n < p->least ? 0 : 1, best = -INFINITY;
        int64_t which = -1;
        for (int64_t j = 0; j < p->n; j++) {
            double g = cull__density_gain(d[j], 1) * (want > 0.5 ? -1 : 1);
            if (v[j] == want && (g > best || which < 0)) best = g, which = j;
        }
        v[which] = 1 - want;
        n += want > 0.5 ? -1 : 1;
    }
}

/* A good trial's, if one has it: two places exchanged, or moved towards a random point. */
static void fill_changed(maker *m, const cull_space_param *p, double *v)
{
    int64_t n, from;
    const int64_t *good = cull__split_good(m->s->split, &n);
    if (n == 0) return;
    from = cull__rng_below(m->r, n);
    for (int64_t t = 0; t < n; t++, from = (from + 1) % n) {
        const double *x = m->v->x + good[from] * m->v->width + p->at;
        if (isnan(x[0])) continue;
        cull__joint_change(p, x, m->r, v);
        return;
    }
}

static void fill(void *user, const cull_space *space, int i, const double *x, double *v)
{
    (void)x;
    maker *m = user;
    const cull_space_param *p = cull_space_at(space, i);
    cull__density **d = m->s->column + m->s->first[i];
    if (p->kind == CULL_SPACE_SUBSET)
        fill_subset(m, p, d, v);
    else if (columns_of(p) == 0)
        fill_changed(m, p, v);
    else if (!cull__density_table(p))
        v[0] = cull__space_from_unit(p, best_draw(m, d[0]));
    else
        v[0] = cull__density_value(p, (int64_t)best_draw(m, d[0]));
}

static cull_status ask_apart(cull_ctx *cx, state *s, const cull_search_view *v, int64_t candidates,
                             cull_rng *r, double *x)
{
    maker m = {s, v, r, candidates};
    for (int t = 0; t < RETRIES; t++) {
        if (cull__space_make(v->space, fill, &m, r, x)) return CULL_OK;
        if (m.candidates > 1) m.candidates /= 2;
    }
    return cull__space_draw(cx, v->space, r, x);
}

/* Where densities keep coming back to what was seen. */
static cull_status change_good(cull_ctx *cx, state *s, const cull_search_view *v, cull_rng *r,
                               double *x)
{
    int64_t n;
    const int64_t *good = cull__split_good(s->split, &n);
    const cull__mutation change = {.sd = 0.1};
    const double *from = v->x + good[cull__rng_below(r, n)] * v->width;
    return cull__space_mutate(cx, v->space, &change, r, from, x);
}

/* ---- a question, by whole points ---- */
static cull_status set_joint(cull_ctx *cx, state *s, const cull_search_view *v)
{
    int64_t n;
    const int64_t *good = cull__split_good(s->split, &n);
    CULL_TRY(cull__joint_set(cx, s->good, v->x, s->unit, good, n, n));
    return cull__joint_set(cx, s->bad, v->x, s->unit, s->rest, s->rests, s->o.kernels);
}

/* Some points drawn at once: y (CULL__JOINT_BATCH, width). `tries` goes down with each draw. */
typedef struct {
    double *y, good[CULL__JOINT_BATCH], bad[CULL__JOINT_BATCH];
    float *unit;
    int64_t n, tries;
} batch;

static void draw_some(const state *s, const cull_search_view *v, int64_t want, cull_rng *r,
                      batch *b)
{
    for (b->n = 0; b->n < want && b->n < CULL__JOINT_BATCH && b->tries > 0; b->tries--) {
        double *y = b->y + b->n * v->width;
        if (!cull__joint_draw(s->good, r, y)) continue;
        cull__joint_unit(s->good, y, b->unit + b->n * s->params);
        b->n++;
    }
    cull__joint_log(s->good, b->y, b->unit, b->n, b->good);
    cull__joint_log(s->bad, b->y, b->unit, b->n, b->bad);
}

static cull_status ask_joint(cull_ctx *cx, state *s, const cull_search_view *v, int64_t candidates,
                             cull_rng *r, double *x)
{
    batch b = {.tries = 4 * candidates};
    double best = -INFINITY;
    CULL_TRY(set_joint(cx, s, v));
    int64_t rows = candidates < CULL__JOINT_BATCH ? candidates : CULL__JOINT_BATCH;
    CULL_TRY(CULL_TMP(cx, b.y, rows * v->width));
    CULL_TRY(CULL_TMP(cx, b.unit, rows * s->params));
    for (int64_t made = 0; made < candidates && b.tries > 0; made += b.n) {
        draw_some(s, v, candidates - made, r, &b);
        for (int64_t k = 0; k < b.n; k++) {
            const double *y = b.y + k * v->width;
            double gain = b.good[k] - b.bad[k];
            if (!(gain > best) || cull_search_seen(v, y)) continue;
            best = gain;
            for (int64_t j = 0; j < v->width; j++) x[j] = y[j];
        }
    }
    if (best > -INFINITY) return CULL_OK;
    return change_good(cx, s, v, r, x);
}

static cull_status ask(cull_ctx *cx, void *state_, const cull_search_view *v, int attempt,
                       double *x)
{
    state *s = state_;
    int64_t n, candidates = s->o.draws >> (attempt < 32 ? attempt : 32);
    CULL_TRY(mend(cx, s, v, v->tells));
    cull__split_good(s->split, &n);
    if (v->tells < s->o.startup || n == 0) return cull__model_start(cx, v, s->o.even, attempt, x);
    cull_rng r = cull__search_rng(v, attempt);
    if (attempt >= 4 * LAST_ATTEMPT) return cull__space_draw(cx, v->space, &r, x);
    if (attempt >= LAST_ATTEMPT) return change_good(cx, s, v, &r, x);
    if (candidates < 1) candidates = 1;
    cull__mark_t mark = cull__mark(cx);
    cull_status status = s->o.joint ? ask_joint(cx, s, v, candidates, &r, x)
                                    : ask_apart(cx, s, v, candidates, &r, x);
    cull__release(cx, mark);
    return status;
}

static const cull_search_fns fns = {
    .open = open, .close = close, .ask = ask, .asked = asked, .told = told};
const cull_method cull__method_tpe = {
    .slug = "tpe",
    .title =
        "designs like the good trials and unlike the others (tree-structured Parzen estimator)",
    .paper = "Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 4,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
