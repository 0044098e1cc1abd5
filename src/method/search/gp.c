/* gp - Bayesian optimisation by Gaussian processes (Jones et al. 1998; of several objectives Zhou et al. 2023, AutoPEFT)
 *
 * Chooses   the design that promises the largest gain, where a Gaussian process knows what it does
 *           not know.
 * Idea      Fit a process to the values, huge ones tamed; ask where the expected improvement is
 *           largest, of two objectives the expected gain in volume, of more the improvement of a
 *           random weighting (Knowles 2006). The place is found by climbing over designs that
 *           differ in one value, from the best trials (of several objectives: from the front) and from
 *           random ones, then in ever smaller steps of the numbers.
 * Reads     values and violations of all trials told (the best and the latest `rows`); points of
 *           those that run.
 * Deviates  (a) Lengths of the kernel by maximum a posteriori, not by sampling; sparse = yes takes
 *           SAAS's priors. (b) The gain in volume is exact, not drawn, for what the processes of
 *           the two objectives say apart. (c) Trials that run have the values predicted for them.
 *           (d) 10 first points, not 100. (e) A point that is predicted to break a constraint gains
 *           nothing. (f) scale = ranks is AutoPEFT's, normal scores of the ranks: it blurs the
 *           bottom of a valley of reals. (g) Trials that failed teach no value: a process of its own
 *           learns which work, as a number 0 or 1, and what it predicts multiplies the gain (Gelbart,
 *           Snoek and Adams 2014, who classify). While less than four work, failed ones count as
 *           worse than the worst. (h) The kernel has one length for all features, unless one for
 *           each parameter is so much likelier that it is worth their number (BIC); every third
 *           question has one for each feature, so that what one kernel holds for the best there is,
 *           another doubts. (i) Where parameters have an order, a constant that all values share is learnt too
 *           (Rasmussen and Williams 2006, section 2.7). Else a place far from all trials has their mean, of
 *           which ever more are good ones, and many questions went to corners. Categories have no corners:
 *           of them alone it gains nothing. (j) There, too, of one objective any design may be asked that none looked at
 *           beats by expected improvement, its chance and an optimist's bound together (Lyu et al. 2018, whose front an
 *           evolution finds): one gain alone asks too much near the best. (k) Matern 3/2, not 5/2, where designs have steps only:
 *           what a step changes is rougher than what a real number changes.
 * Cost      O(rows^3) a fit, O(rows^2) for each of `looks` designs, up to twice that where trials
 *           fail; meant for some hundred trials.
 * Example   cull search space.cull --method gp --minimize error --budget 200 -- ./train {lr}
 */
#include "cull/front.h"
#include "search/sampler_gain.h"
#include "search/sampler_model.h"

#include <math.h>
#include <string.h>

typedef struct {
    int64_t startup, rows, looks, starts;
    bool even, sparse;
    int lengths, scale, acquisition;
} opts;
enum { EITHER, ONE, PARAMETER, FEATURE };
enum { AUTO, IMPROVEMENT, ENSEMBLE };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, startup, 10, 2, 100000, "trials told before anything is learnt"),
    CULL_OPT_BOOL(opts, even, 1, "spread first points evenly; else they are drawn"),
    CULL_OPT_I64(opts, rows, 300, 10, 5000, "trials that are learnt from at most"),
    CULL_OPT_I64(opts, looks, 1000, 10, 1000000, "designs that are looked at for a question"),
    CULL_OPT_I64(opts, starts, 10, 1, 10000, "places to climb from"),
    CULL_OPT_BOOL(opts, sparse, 0, "expect few parameters to matter (SAAS)"),
    CULL_OPT_ENUM(
        opts, lengths, EITHER, "either|one|parameter|feature",
        "of the kernel: one for all, for each parameter or for each of its features; "
        "either = one or for each parameter, by likelihood, every third time for each feature"),
    CULL_OPT_ENUM(opts, scale, CULL__TAMED, CULL__SCALES, "what is learnt of a value"),
    CULL_OPT_ENUM(
        opts, acquisition, AUTO, "auto|improvement|ensemble",
        "of one objective: the largest expected improvement, or any design that none beats by it, "
        "its "
        "chance and an optimist's bound together; auto = ensemble where a parameter has an order"),
    CULL_OPT_END};

/* Variance of the constant that all values share, over the kernel's. */
static const double LEVEL = 1;
enum { POLISH = 24, ROUNDS = 12, LONG = 32, OTHERWISE = 3, FEW = 4 };
typedef struct {
    opts o;
    bool numbers; /* there are reals, or ints of many values */
    bool ordered; /* not all parameters are categories */
    cull__features f;
} state;

static cull_status open(cull_ctx *cx, const cull_search_problem *p, const void *o, void **out)
{
    state *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->o = *(const opts *)o;
    for (int i = 0; i < cull_space_params(p->space); i++) {
        const cull_space_param *q = cull_space_at(p->space, i);
        s->ordered |= q->kind != CULL_SPACE_CATEGORY;
        s->numbers |= q->kind == CULL_SPACE_REAL || q->kind == CULL_SPACE_SIMPLEX ||
                      (q->kind == CULL_SPACE_INT && q->n > LONG);
    }
    cull__features_open(p->space, CULL_ENCODE_ONEHOT, false, &s->f);
    *out = s;
    return CULL_OK;
}

/* ---- what is learnt from: a view of the trials told, the best and the latest ---- */
static cull_status some_rows(cull_ctx *cx, const state *s, const cull_search_view *v,
                             cull_search_view *out)
{
    int64_t *told, *idx, n, kept = 0, half = s->o.rows / 2;
    uint8_t *in;
    *out = *v;
    if (v->tells <= s->o.rows) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, told, s->o.rows));
    CULL_TRY(CULL_TMP(cx, idx, v->trials));
    CULL_TRY(CULL_TMP0(cx, in, v->trials));
    for (int j = 0; j < v->objectives; j++) { /* the best by each objective share a half */
        CULL_TRY(cull__search_sorted(cx, v, j, idx, &n));
        int64_t most = half / v->objectives;
        for (int64_t i = 0; i < n && i < most; i++) in[idx[i]] = 1;
    }
    int64_t best = 0;
    for (int64_t t = 0; t < v->trials; t++) best += in[t];
    for (int64_t k = v->tells - 1; k >= 0 && best < s->o.rows; k--) {
        best += !in[v->told[k]];
        in[v->told[k]] = 1;
    }
    for (int64_t k = 0; k < v->tells; k++)
        if (in[v->told[k]]) told[kept++] = v->told[k];
    out->told = told;
    out->tells = kept;
    return CULL_OK;
}

/* Rows of one objective: a random weighting of all, each in 0..1. */
static cull_status weigh(cull_ctx *cx, cull__rows *r, cull_rng *rng)
{
    double w[CULL_OBJECTIVES], total = 0, *unit, *out;
    CULL_TRY(CULL_TMP(cx, unit, r->n * r->m));
    CULL_TRY(CULL_TMP(cx, out, r->n));
    for (int j = 0; j < r->m; j++) total += w[j] = -log(cull__rng_unit(rng));
    for (int j = 0; j < r->m; j++) {
        const double *y = r->y + j * r->n;
        double lo = INFINITY, hi = -INFINITY;
        w[j] /= total;
        for (int64_t i = 0; i < r->n; i++) lo = fmin(lo, y[i]), hi = fmax(hi, y[i]);
        for (int64_t i = 0; i < r->n; i++)
            unit[i * r->m + j] = hi > lo ? (y[i] - lo) / (hi - lo) : 0;
    }
    cull__gain_scalar(unit, r->n, r->m, w, out);
    r->m = 1;
    r->y = out;
    return CULL_OK;
}

/* Trials that run join as rows with the values predicted for them. */
static cull_status believe(cull_ctx *cx, const state *s, const cull_search_view *v,
                           const cull__surrogate *m, const cull__rows *r, cull__rows *out)
{
    int64_t *who, n = 0, d = s->f.d;
    CULL_TRY(CULL_TMP(cx, who, v->trials));
    for (int64_t t = 0; t < v->trials; t++) {
        who[n] = t;
        n += v->state[t] == CULL_TRIAL_RUNNING;
    }
    *out = *r;
    if (n == 0) return CULL_OK;
    double *x, *mean, *violation;
    out->n = r->n + n;
    CULL_TRY(CULL_TMP(cx, x, n * v->width));
    CULL_TRY(CULL_TMP(cx, mean, n * r->m));
    CULL_TRY(CULL_TMP(cx, violation, n));
    CULL_TRY(CULL_TMP(cx, out->x, out->n * d));
    CULL_TRY(CULL_TMP(cx, out->y, out->n * r->m));
    for (int64_t i = 0; i < n; i++)
        memcpy(x + i * v->width, v->x + who[i] * v->width, (size_t)v->width * sizeof *x);
    CULL_TRY(cull__surrogate_say(cx, m, x, n, mean, NULL, violation, NULL));
    memcpy(out->x, r->x, (size_t)(r->n * d) * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        cull__features_of(&s->f, x + i * v->width, out->x + (r->n + i) * d);
    for (int j = 0; j < r->m; j++) {
        memcpy(out->y + j * out->n, r->y + j * r->n, (size_t)r->n * sizeof *x);
        for (int64_t i = 0; i < n; i++) out->y[j * out->n + r->n + i] = mean[i * r->m + j];
    }
    if (!r->violation) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, out->violation, out->n));
    memcpy(out->violation, r->violation, (size_t)r->n * sizeof *x);
    memcpy(out->violation + r->n, violation, (size_t)n * sizeof *x);
    return CULL_OK;
}

/* ---- what a design gains ---- */
typedef struct {
    const cull_search_view *v;
    const cull__surrogate *m;
    int objectives;
    double best, ref[2]; /* one; two */
    double *front;
    int64_t fronts;
    cull__gain_several *several; /* of one: what else may be asked; NULL = the largest gain alone */
} gains;

static cull_status open_gains(cull_ctx *cx, const cull__rows *r, gains *g)
{
    g->objectives = r->m;
    g->best = INFINITY;
    for (int64_t i = 0; i < r->n; i++) { /* of those within the limits, where there are any */
        if (r->violation && r->violation[i] > 0) continue;
        g->best = fmin(g->best, r->y[i]);
    }
    for (int64_t i = 0; i < r->n && g->best == INFINITY; i++) g->best = fmax(r->y[i], -1e9);
    if (r->m != 2) return CULL_OK;
    double *v;
    int64_t n = 0;
    CULL_TRY(CULL_TMP(cx, v, 2 * r->n));
    CULL_TRY(CULL_TMP(cx, g->front, 2 * r->n));
    for (int j = 0; j < 2; j++) {
        double lo = INFINITY, hi = -INFINITY;
        for (int64_t i = 0; i < r->n; i++) {
            lo = fmin(lo, r->y[j * r->n + i]);
            hi = fmax(hi, r->y[j * r->n + i]);
        }
        g->ref[j] = hi + 0.1 * (hi - lo) + 1e-9;
    }
    for (int64_t i = 0; i < r->n; i++) {
        if (r->violation && r->violation[i] > 0) continue;
        v[2 * n] = r->y[i];
        v[2 * n++ + 1] = r->y[r->n + i];
    }
    return cull__gain_front(cx, v, n, g->ref, g->front, &g->fronts);
}

/* Gains (n) of n points; -violation where one is expected. */
static cull_status gains_of(cull_ctx *cx, const gains *g, const double *x, int64_t n, double *out)
{
    double *mean, *spread, *violation, *chance;
    int m = g->objectives;
    CULL_TRY(CULL_TMP(cx, mean, n * m));
    CULL_TRY(CULL_TMP(cx, spread, n * m));
    CULL_TRY(CULL_TMP(cx, violation, n));
    CULL_TRY(CULL_TMP(cx, chance, n));
    CULL_TRY(cull__surrogate_say(cx, g->m, x, n, mean, spread, violation, chance));
    for (int64_t i = 0; i < n; i++) {
        const double *mi = mean + m * i, *si = spread + m * i;
        double three[3];
        if (violation[i] > 0) {
            out[i] = -violation[i];
        } else if (m == 2) {
            out[i] = chance[i] * cull__gain_volume(g->front, g->fronts, g->ref, mi, si);
        } else if (!g->several) {
            out[i] = chance[i] * cull__gain_below(g->best, *mi, *si);
        } else {
            cull__gain_three(g->best, *mi, *si, chance[i], three);
            out[i] = three[0];
            CULL_TRY(cull__gain_several_add(cx, g->several, x + i * g->v->width, three));
        }
    }
    return CULL_OK;
}

/* ---- climbing ---- */
typedef struct {
    double *x;
    int64_t n, cap, width;
    cull__seen *seen;
} near_points;

static bool collect(void *user, const double *y, int changed)
{
    (void)changed;
    near_points *p = user;
    if (!cull__seen_add(p->seen, y)) return true;
    memcpy(p->x + p->n++ * p->width, y, (size_t)p->width * sizeof *y);
    return p->n < p->cap;
}

typedef struct {
    const gains *g;
    cull__seen seen; /* trials, and what was looked at */
    int64_t looks;
    double *x, gain; /* the best so far */
    bool any;
} climber;

/* Looks at n points: returns the best of them, which may be the best of all. */
static cull_status look(cull_ctx *cx, climber *c, const double *x, int64_t n, int64_t *best,
                        double *gain)
{
    double *out;
    CULL_TRY(CULL_TMP(cx, out, n));
    CULL_TRY(gains_of(cx, c->g, x, n, out));
    *best = 0;
    for (int64_t i = 1; i < n; i++)
        if (out[i] > out[*best]) *best = i;
    *gain = out[*best];
    c->looks -= n;
    if (c->any && !(*gain > c->gain)) return CULL_OK;
    int64_t width = c->g->v->width;
    c->any = true;
    c->gain = *gain;
    memcpy(c->x, x + *best * width, (size_t)width * sizeof *x);
    return CULL_OK;
}

static cull_status climb(cull_ctx *cx, climber *c, double *at, double height)
{
    const cull_search_view *v = c->g->v;
    near_points p = {.cap = 256, .width = v->width, .seen = &c->seen};
    CULL_TRY(CULL_TMP(cx, p.x, p.cap * v->width));
    while (c->looks > 0) {
        int64_t best;
        double gain;
        p.n = 0;
        p.cap = c->looks < 256 ? c->looks : 256;
        CULL_TRY(cull__space_neighbours(cx, v->space, at, 2, INT64_MAX, NULL, collect, &p));
        if (p.n == 0) break;
        CULL_TRY(look(cx, c, p.x, p.n, &best, &gain));
        if (!(gain > height)) break;
        height = gain;
        memcpy(at, p.x + best * v->width, (size_t)v->width * sizeof *at);
    }
    return CULL_OK;
}

/* Numbers go on in ever smaller steps from the best so far. */
static cull_status polish(cull_ctx *cx, climber *c, cull_rng *r)
{
    const cull_search_view *v = c->g->v;
    double *y;
    CULL_TRY(CULL_TMP(cx, y, POLISH * v->width));
    cull__mutation change = {.rate = 0.5, .sd = 0.05};
    for (int k = 0; k < ROUNDS; k++) {
        double before = c->gain, gain;
        int64_t best, n = 0;
        for (int t = 0; t < POLISH; t++) {
            CULL_TRY(cull__space_mutate(cx, v->space, &change, r, c->x, y + n * v->width));
            n += cull__seen_add(&c->seen, y + n * v->width);
        }
        if (n > 0) CULL_TRY(look(cx, c, y, n, &best, &gain));
        if (!(c->gain > before)) change.sd *= 0.5;
    }
    return CULL_OK;
}

/* Points to climb from: the best trials; of several objectives some of those that none dominates. */
static cull_status parents_of(cull_ctx *cx, const cull_search_view *v, const cull__rows *told,
                              int64_t most, cull_rng *rng, double **x, int64_t *n)
{
    int32_t *rank;
    int64_t *best;
    if (told->m == 1) return cull__rows_parents(cx, v, told, most, x, n);
    CULL_TRY(CULL_TMP(cx, rank, told->n));
    CULL_TRY(CULL_TMP(cx, best, told->n));
    CULL_TRY(cull_front_ranks(cx, told->value, told->n, told->m, told->violation, rank, NULL));
    *n = 0;
    for (int64_t i = 0; i < told->n; i++)
        if (rank[i] == 0) best[(*n)++] = told->told[i];
    cull__rng_shuffle(rng, best, *n);
    *n = *n < most ? *n : most;
    CULL_TRY(CULL_TMP(cx, *x, *n * v->width));
    for (int64_t i = 0; i < *n; i++)
        memcpy(*x + i * v->width, v->x + best[i] * v->width, (size_t)v->width * sizeof **x);
    return CULL_OK;
}

/* From the best trials and from the best of many random points, in turn. */
static cull_status search(cull_ctx *cx, state *s, const gains *g, const cull__rows *r,
                          cull_rng *rng, double *x, bool *found)
{
    const cull_search_view *v = g->v;
    climber c = {.g = g, .looks = s->o.looks, .x = x};
    double *from, *pool, *at, gain;
    int64_t parents, n, best;
    CULL_TRY(cull__seen_open(cx, v, v->trials, 2 * s->o.looks + POLISH * ROUNDS, &c.seen));
    CULL_TRY(parents_of(cx, v, r, (s->o.starts + 1) / 2, rng, &from, &parents));
    CULL_TRY(cull__inner_some(cx, v, v->trials, s->o.looks / 4, s->o.looks / 8, from, parents, rng,
                              &pool, &n));
    if (n == 0) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, at, v->width));
    CULL_TRY(look(cx, &c, pool, n, &best, &gain));
    memcpy(at, pool + best * v->width, (size_t)v->width * sizeof *at);
    for (int64_t k = 0; k <= parents && c.looks > 0; k++) {
        cull__mark_t mark = cull__mark(cx);
        cull_status status = climb(cx, &c, at, k ? -INFINITY : gain);
        cull__release(cx, mark);
        CULL_TRY(status);
        if (k < parents) memcpy(at, from + k * v->width, (size_t)v->width * sizeof *at);
    }
    *found = c.any;
    if (s->numbers) CULL_TRY(polish(cx, &c, rng));
    if (g->several) (void)cull__gain_several_draw(g->several, rng, x);
    return CULL_OK;
}

/* Features that are values of one category have one number. */
static cull_status groups(cull_ctx *cx, const state *s, const int64_t **out)
{
    int64_t *group;
    int before = -1;
    CULL_TRY(CULL_TMP(cx, group, s->f.d));
    for (int64_t j = 0; j < s->f.d; j++) {
        int i = cull_space_feature(s->f.space, s->f.encode, j, NULL);
        bool same = i == before && cull_space_at(s->f.space, i)->kind == CULL_SPACE_CATEGORY;
        group[j] = j == 0 ? 0 : group[j - 1] + !same;
        before = i;
    }
    *out = group;
    return CULL_OK;
}

/* r: of these values; told: all, where some failed, else NULL; number: of the trial that it is for. */
static cull_status fit(cull_ctx *cx, const state *s, const cull__rows *r, const cull__rows *told,
                       int64_t number, uint64_t stream, cull__surrogate *m)
{
    int lengths = s->o.lengths;
    if (lengths == EITHER && number % OTHERWISE == 0) lengths = FEATURE;
    cull_predict_opts p = CULL_PREDICT_OPTS;
    p.kind = CULL_PREDICT_GP;
    p.level = s->ordered ? LEVEL : 0;
    p.rough = s->ordered && !s->numbers;
    p.sparse = s->o.sparse;
    p.isotropic = lengths == ONE;
    p.either = lengths == EITHER;
    if (lengths != FEATURE) CULL_TRY(groups(cx, s, &p.group));
    CULL_TRY(cull__surrogate_fit(cx, r, &s->f, &p, stream, m));
    if (!told) return CULL_OK;
    return cull__surrogate_fit_works(cx, told, &p, stream, m);
}

static cull_status propose(cull_ctx *cx, state *s, const cull_search_view *v, cull_rng *r,
                           cull__surrogate *m, double *x, bool *found)
{
    cull_search_view some;
    cull__rows told, all;
    uint64_t stream = cull__rng_u64(r) >> 8;
    CULL_TRY(some_rows(cx, s, v, &some));
    CULL_TRY(cull__rows_open(cx, &some, some.tells, &s->f, (cull__scale)s->o.scale, &told));
    cull__rows rows = told, *failing = NULL;
    int64_t working = 0;
    for (int64_t i = 0; i < told.n; i++) working += told.works[i] > 0;
    if (working >= FEW && working < told.n) {
        failing = &told; /* of which only those that work teach values */
        CULL_TRY(cull__rows_working(cx, &told, &s->f, (cull__scale)s->o.scale, &rows));
    }
    if (told.m > 2) CULL_TRY(weigh(cx, &rows, r));
    CULL_TRY(fit(cx, s, &rows, failing, v->trials, stream, m));
    CULL_TRY(believe(cx, s, v, m, &rows, &all));
    if (all.n > rows.n) {
        cull__surrogate_close(m);
        CULL_TRY(fit(cx, s, &all, failing, v->trials, stream, m));
    }
    gains g = {.v = v, .m = m};
    CULL_TRY(open_gains(cx, &all, &g));
    bool ensemble = s->o.acquisition == AUTO ? s->ordered : s->o.acquisition == ENSEMBLE;
    if (!ensemble || v->objectives > 1) return search(cx, s, &g, &told, r, x, found);
    cull__gain_several several;
    CULL_TRY(cull__gain_several_open(cx, v->width, &several));
    g.several = &several;
    cull_status status = search(cx, s, &g, &told, r, x, found);
    cull__gain_several_close(&several);
    return status;
}

static cull_status ask(cull_ctx *cx, void *state_, const cull_search_view *v, int attempt,
                       double *x)
{
    state *s = state_;
    cull__surrogate m = {0};
    bool found = false;
    cull_rng r = cull__search_rng(v, attempt);
    if (v->tells < s->o.startup) return cull__model_start(cx, v, s->o.even, attempt, x);
    cull_status status = propose(cx, s, v, &r, &m, x, &found);
    cull__surrogate_close(&m);
    if (status != CULL_OK || found) return status;
    return cull__model_start(cx, v, false, attempt, x);
}

static const cull_search_fns fns = {.open = open, .close = cull__free, .ask = ask};
const cull_method cull__method_gp = {
    .slug = "gp",
    .title = "where a Gaussian process expects the largest gain",
    .paper = "Jones, Schonlau and Welch 1998, Efficient Global Optimization of Expensive "
             "Black-Box Functions",
    .columns = "",
    .task = CULL_TASK_SEARCH,
    .rev = 7,
    .flags = CULL_STOCHASTIC | CULL_ANYTIME | CULL_MANY_OBJECTIVES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.search = &fns,
};
