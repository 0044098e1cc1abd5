/* tarot - TAROT: targeted selection by optimal transport in whitened features (Feng et al. 2025)
 *
 * Chooses   examples that together cover a target, with a size that is given or estimated.
 * Idea      Features (the paper's: gradients of the loss, projected) of pool and target are whitened
 *           together, so that no direction counts for its scale; distance is sqrt(2 - 2 cos) there.
 *           Layer r is every target row's r-th nearest example: whole layers are kept while they fit,
 *           and of the one that does not, what transport between it and the target values most.
 * Reads     embeddings of the pool and of the target.
 * Deviates  (a) From the paper's code, toward its text: rows are mapped by the inverse of L (the code
 *           multiplies from the wrong side, and does not whiten). (b) In the last layer the smallest
 *           potentials come first, whose mass lowers the distance fastest; the code takes the largest.
 *           (c) estimate = true keeps the depth before the distance rises, as the paper says; the code
 *           keeps the one after. (d) The transport runs until its marginals are right to 0.01, with epsilon
 *           0.001; the code's 0.0001 is stopped after some eight iterations, far from there.
 *           (e) Where lists end before the budget does, the rest goes by the largest cosine with any
 *           target row. Costs and quotas: what does not fit is passed over, also in a layer. Weights of
 *           repetition and the merge with the target have no place in a pick and are left out.
 * Cost      O(n d^2 + d^3 + n d m) time; 4 n d bytes for the whitened pool (in tmpdir where that is
 *           much of the memory), 8 d^2, and 16 bytes for each of m lists of depth.
 * Example   cull data tarot --budget 10% --embeddings g.npy --target-embeddings want.npy
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"
#include "num/num.h"
#include "repr/repr.h"

#include <math.h>
#include <string.h>

typedef struct {
    bool whiten, estimate;
    double ridge, epsilon, tolerance;
    int64_t depth;
} opts;
static const cull_opt table[] = {
    CULL_OPT_BOOL(opts, whiten, true, "whiten pool and target together; false = as they are"),
    CULL_OPT_F64(opts, ridge, 1e-5, 1e-12, 1e6, "added to the variances before whitening"),
    CULL_OPT_I64(opts, depth, 2000, 1, 1 << 24, "nearest examples listed for a target row"),
    CULL_OPT_F64(opts, epsilon, 1e-3, 1e-4, 10, "weight of the entropy in transport"),
    CULL_OPT_F64(opts, tolerance, 0.01, 1e-3, 1, "largest error of the transport's marginals"),
    CULL_OPT_BOOL(opts, estimate, false,
                  "keep no more than lowers the distance to held-out target rows"),
    CULL_OPT_END};

enum { FOLDS = 10 };
static const int64_t ITERATIONS = 100000;

typedef struct {
    const cull_data_problem *p;
    const opts *o;
    const cull_pool *pool, *target; /* (n, d), (m, d): whitened */
    const float *query;             /* (m, d) rows of target */
    int64_t n, m, d;
    int64_t length, *idx, *found; /* (m, length) nearest examples, best first; m: how many */
    double *score;                /* (m, length) cosines */
    int64_t *seen;                /* n: the last layer, counted from 1, that had it */
    int64_t *item, *whose;        /* m: of one layer: examples, and where in idx each stands */
    double *used;                 /* groups */
} layers;

/* Potentials f (count) of rows item of the pool in the transport onto `target`, and its value. */
static cull_status transport(cull_ctx *cx, const layers *l, const int64_t *item, int64_t count,
                             const cull_pool *target, double *f, double *value)
{
    cull__sinkhorn_opts o = {.cost = CULL__CHORD,
                             .epsilon = l->o->epsilon,
                             .tolerance = l->o->tolerance,
                             .iterations = ITERATIONS};
    cull__transport done;
    cull_pool *rows;
    float *x, *one;
    double *g;
    CULL_TRY(CULL_TMP(cx, x, count * l->d));
    CULL_TRY(CULL_TMP(cx, one, l->d));
    CULL_TRY(CULL_TMP(cx, g, cull_pool_n(target)));
    for (int64_t i = 0; i < count; i++)
        memcpy(x + i * l->d, cull_pool_rows(l->pool, item[i], item[i] + 1, one),
               (size_t)l->d * sizeof *x);
    CULL_TRY(cull_pool_from(cx, x, CULL_F32, count, l->d, &rows));
    cull_status s = cull__sinkhorn(cx, rows, target, &o, f, g, &done);
    cull_pool_free(rows);
    *value = done.dual;
    return s;
}

/* ---- layers ---- */

static cull_status list(cull_ctx *cx, layers *l, const cull__taker *t)
{
    l->length = l->o->depth < t->cap ? l->o->depth : t->cap; /* layer r brings r at least */
    CULL_TRY(CULL_TMP(cx, l->idx, l->m * l->length));
    CULL_TRY(CULL_TMP(cx, l->score, l->m * l->length));
    CULL_TRY(CULL_TMP(cx, l->found, l->m));
    CULL_TRY(CULL_TMP0(cx, l->seen, l->n));
    CULL_TRY(CULL_TMP(cx, l->item, l->m));
    CULL_TRY(CULL_TMP(cx, l->whose, l->m));
    if (t->quota) CULL_TRY(CULL_TMP(cx, l->used, l->p->groups));
    return cull__pool_topk(cx, l->pool, l->query, l->m, l->length, true, l->p->avoid, l->idx,
                           l->score, l->found);
}

/* What of layer r can be taken, each once, by target row; how many. */
static int64_t layer_of(layers *l, const cull__taker *t, int64_t r)
{
    int64_t count = 0;
    for (int64_t q = 0; q < l->m; q++) {
        int64_t at = q * l->length + r;
        if (r >= l->found[q] || l->seen[l->idx[at]] == r + 1 || !cull__can_take(t, l->idx[at]))
            continue;
        l->seen[l->idx[at]] = r + 1;
        l->item[count] = l->idx[at];
        l->whose[count++] = at;
    }
    return count;
}

/* Whether all of a layer fits together. */
static bool fits(const layers *l, const cull__taker *t, int64_t count)
{
    double spent = t->spent;
    if (t->count + count > t->cap) return false;
    if (t->quota) memcpy(l->used, t->used, (size_t)l->p->groups * sizeof *l->used);
    for (int64_t i = 0; i < count; i++) {
        double c = t->cost ? t->cost[l->item[i]] : 1;
        spent += c;
        if (t->quota && (l->used[t->group[l->item[i]]] += c) > t->quota[t->group[l->item[i]]])
            return false;
    }
    return spent <= t->budget;
}

static void offer(const layers *l, cull__taker *t, int64_t i)
{
    int64_t at = l->whose[i];
    cull__take(t, l->item[i], l->score[at], (int32_t)(at / l->length));
}

/* Of a layer that does not fit whole, best first. */
static cull_status take_part(cull_ctx *cx, const layers *l, cull__taker *t, int64_t count)
{
    cull__mark_t mark = cull__mark(cx);
    double *f, value;
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, f, count));
    CULL_TRY(CULL_TMP(cx, order, count));
    CULL_TRY(transport(cx, l, l->item, count, l->target, f, &value));
    for (int64_t i = 0; i < count; i++) f[i] = -f[i];
    CULL_TRY(cull__order(cx, f, count, order));
    for (int64_t i = 0; i < count; i++) offer(l, t, order[i]);
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status take_layers(cull_ctx *cx, layers *l, cull__taker *t)
{
    for (int64_t r = 0; r < l->length && !cull__taker_full(t); r++) {
        CULL_TRY(cull__tick(cx, t->spent, t->budget));
        int64_t count = layer_of(l, t, r);
        if (fits(l, t, count))
            for (int64_t i = 0; i < count; i++) offer(l, t, i);
        else
            CULL_TRY(take_part(cx, l, t, count));
    }
    return CULL_OK;
}

static cull_status take_rest(cull_ctx *cx, const layers *l, cull__taker *t)
{
    double *best;
    int32_t *by;
    if (cull__taker_full(t)) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, best, l->n));
    CULL_TRY(CULL_TMP(cx, by, l->n));
    CULL_TRY(cull__pool_best(cx, l->pool, l->query, l->m, true, best, by, NULL));
    return cull__take_best(cx, t, NULL, best, by);
}

/* ---- the size ---- */

/* The depth, from 1, up to which what the rows of a fold propose comes nearer to the other rows. */
static cull_status depth_of(cull_ctx *cx, layers *l, const int64_t *fold, int64_t size,
                            const cull_pool *others, int64_t *depth)
{
    int64_t *item, count = 0;
    double before = INFINITY;
    CULL_TRY(CULL_TMP(cx, item, size * l->length));
    memset(l->seen, 0, (size_t)l->n * sizeof *l->seen);
    *depth = 0;
    for (int64_t r = 0; r < l->length; r++) {
        cull__mark_t mark = cull__mark(cx);
        int64_t had = count;
        double *f, value = before;
        for (int64_t i = 0; i < size; i++) {
            int64_t at = fold[i] * l->length + r;
            if (r >= l->found[fold[i]] || !(l->score[at] > 0) || l->seen[l->idx[at]]) continue;
            l->seen[l->idx[at]] = 1;
            item[count++] = l->idx[at];
        }
        CULL_TRY(CULL_TMP(cx, f, count));
        if (count > had) CULL_TRY(transport(cx, l, item, count, others, f, &value));
        cull__release(cx, mark);
        if (value > before) break;
        before = value;
        *depth = r + 1;
    }
    return CULL_OK;
}

static cull_status cut_lists(cull_ctx *cx, layers *l)
{
    cull_rng r = cull__rng(cx, 1);
    int64_t *order, folds = l->m < FOLDS ? l->m : FOLDS, depth;
    float *rest;
    CULL_TRY(CULL_TMP(cx, order, l->m));
    CULL_TRY(CULL_TMP(cx, rest, l->m * l->d));
    for (int64_t q = 0; q < l->m; q++) order[q] = q;
    cull__rng_shuffle(&r, order, l->m);
    for (int64_t k = 0; k < folds; k++) {
        cull__mark_t mark = cull__mark(cx);
        int64_t lo = l->m * k / folds, hi = l->m * (k + 1) / folds, others = 0;
        cull_pool *held_out;
        for (int64_t i = 0; i < l->m; i++)
            if (folds == 1 || i < lo || i >= hi)
                memcpy(rest + others++ * l->d, l->query + order[i] * l->d,
                       (size_t)l->d * sizeof *rest);
        CULL_TRY(cull_pool_from(cx, rest, CULL_F32, others, l->d, &held_out));
        cull_status s = depth_of(cx, l, order + lo, hi - lo, held_out, &depth);
        cull_pool_free(held_out);
        CULL_TRY(s);
        for (int64_t i = lo; i < hi; i++)
            if (l->found[order[i]] > depth) l->found[order[i]] = depth;
        cull__release(cx, mark);
    }
    for (int64_t q = 0; q < l->m; q++)
        while (l->found[q] > 0 && !(l->score[q * l->length + l->found[q] - 1] > 0)) l->found[q]--;
    memset(l->seen, 0, (size_t)l->n * sizeof *l->seen);
    return CULL_OK;
}

/* ---- the run ---- */

static cull_status choose(cull_ctx *cx, layers *l, cull__taker *t)
{
    CULL_TRY(list(cx, l, t));
    if (l->o->estimate) CULL_TRY(cut_lists(cx, l));
    CULL_TRY(take_layers(cx, l, t));
    return l->o->estimate ? CULL_OK : take_rest(cx, l, t);
}

/* Pool and target whitened together, into x and y. */
static cull_status whiten(cull_ctx *cx, const cull_data_problem *p, double ridge, float *x,
                          float *y)
{
    const cull_pool *both[] = {p->pool, p->target};
    int64_t d = cull_pool_d(p->pool);
    double *mean, *l;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, mean, d));
    CULL_TRY(CULL_TMP(cx, l, d * d));
    CULL_TRY(cull__whitening(cx, both, 2, ridge, mean, l));
    CULL_TRY(cull__whiten(cx, p->pool, mean, l, x));
    CULL_TRY(cull__whiten(cx, p->target, mean, l, y));
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    layers l = {.p = p, .o = o, .pool = p->pool, .target = p->target};
    cull_pool *white = NULL;
    float *x, *y;
    cull__taker t;
    l.n = p->n, l.m = cull_pool_n(p->target), l.d = cull_pool_d(p->pool);
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, y, l.m * l.d));
    l.query = y;
    if (!o->whiten) {
        l.query = cull_pool_rows(p->target, 0, l.m, y);
        CULL_TRY(choose(cx, &l, &t));
        return cull__taker_pick(cx, &t, "target", out);
    }
    cull_pool *target;
    CULL_TRY(cull_pool_from(cx, y, CULL_F32, l.m, l.d, &target));
    cull_status s = cull__pool_spill(cx, l.n, l.d, &x, &white);
    l.pool = white, l.target = target;
    if (s == CULL_OK) s = whiten(cx, p, o->ridge, x, y);
    if (s == CULL_OK) s = choose(cx, &l, &t);
    cull_pool_free(white);
    cull_pool_free(target);
    CULL_TRY(s);
    return cull__taker_pick(cx, &t, "target", out);
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* The transports' part is left out: it is small beside the lists, unless the size is estimated. */
static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    int64_t n = p->n, m = cull_pool_n(p->target), d = cull_pool_d(p->pool);
    int64_t cap = cull__max_picks(p->cost, n, p->budget);
    int64_t len = o->depth < cap ? o->depth : cap;
    cull_dtype t = o->whiten ? CULL_F32 : cull_pool_dtype(p->pool);
    uint64_t rest = cull__take_best_plan(p) - cull__taker_plan(p) + 12 * (uint64_t)n;
    uint64_t held = cull__taker_plan(p) + 4 * (uint64_t)(m * d);
    uint64_t lists = 16 * (uint64_t)(m * len) + 24 * (uint64_t)m + 8 * (uint64_t)n +
                     larger(cull__topk_bytes(n, d, t, m, len, threads), len < cap ? rest : 0);
    if (o->whiten) {
        held += 4 * (uint64_t)(n * d);
        lists = larger(lists, cull__whiten_bytes(n, d, threads));
    }
    double nd = (double)n * (double)d, white = o->whiten ? 2.0 * nd * (double)d : 0;
    *out = (cull_plan){held + lists, o->whiten ? 2 : 1, 2 * nd * (double)m + white};
}

const cull_method cull__method_tarot = {
    .slug = "tarot",
    .title = "layers of nearest examples in whitened features, the last by optimal transport",
    .paper = "Feng et al. 2025, TAROT: Targeted Data Selection via Optimal Transport",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL | CULL_NEEDS_TARGET,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
