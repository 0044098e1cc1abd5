/* k-centre - no example of the pool far from a kept one (Gonzalez 1985)
 *
 * Chooses   examples such that the largest distance of any example to its nearest kept one is small.
 * Idea      Farthest first: the example that is farthest from all that is kept is taken next. The
 *           largest distance left is at most twice the least that is possible with so many centres
 *           (Gonzalez 1985, theorem 2.2).
 * Reads     embeddings of the pool.
 * Deviates  The paper begins anywhere: here with the example nearest to the mean, or with the first; or
 *           with the examples held already (Sener and Savarese 2018). Rows that must not be kept are
 *           not covered for certain. Costs and quotas: the farthest that fits; the bound is then lost.
 * Cost      O(n k d) time at most, less as distances to new centres are only computed for rows that
 *           could be the farthest; 28 n + 4 k d bytes; the pool is never copied.
 * Example   cull data k-centre --budget 500 pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

#include <math.h>

typedef struct {
    int metric, start;
} opts;
enum { COSINE, EUCLIDEAN, MEAN = 0, FIRST };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, metric, COSINE, "cosine|euclidean", "distance: 1 - cosine, or Euclidean"),
    CULL_OPT_ENUM(opts, start, MEAN, "mean|first",
                  "where nothing is held: begin nearest to the mean, or with the first that fits"),
    CULL_OPT_END};

typedef struct {
    cull__steps steps;
    int metric;
} centres;

static double nearer(double value, double product, double square, double extra)
{
    (void)square, (void)extra;
    double far = product < 1 ? 1 - product : 0;
    return far < value ? far : value;
}

/* Squared, so that no root is taken of what is looked at and left. */
static double nearer2(double value, double product, double square, double extra)
{
    double far = square + extra - 2 * product;
    return far < 0 ? 0 : far < value ? far : value;
}

static cull_status begin(cull_ctx *cx, void *arg)
{
    centres *c = arg;
    (void)cx;
    cull__steps_begin(&c->steps);
    for (int64_t i = 0; i < c->steps.n; i++) c->steps.value[i] = INFINITY;
    return CULL_OK;
}

static cull_status gains(cull_ctx *cx, void *arg, const int64_t *row, int64_t m, double *gain)
{
    centres *c = arg;
    CULL_TRY(cull__steps_refresh(cx, &c->steps, row, m));
    for (int64_t k = 0; k < m; k++) {
        double far = c->steps.value[row[k]];
        gain[k] = c->metric == EUCLIDEAN ? sqrt(far) : far;
    }
    return CULL_OK;
}

static cull_status commit(cull_ctx *cx, void *arg, const int64_t *row, int64_t m)
{
    centres *c = arg;
    (void)cx;
    for (int64_t k = 0; k < m; k++) cull__steps_add(&c->steps, row[k], c->steps.square[row[k]]);
    return CULL_OK;
}

/* Of the rows that can be taken, the one nearest to the mean (of unit vectors for the cosine). */
static cull_status nearest_to_mean(cull_ctx *cx, const centres *c, const cull__taker *t,
                                   int64_t *row)
{
    const cull__steps *s = &c->steps;
    double *sum, least = INFINITY, square = 0;
    float *mean, *buf;
    CULL_TRY(CULL_TMP0(cx, sum, s->d));
    CULL_TRY(CULL_TMP(cx, mean, s->d));
    CULL_TRY(CULL_TMP(cx, buf, s->d));
    for (int64_t i = 0; i < s->n; i++) {
        const float *x = cull_pool_rows(s->pool, i, i + 1, buf);
        for (int64_t j = 0; j < s->d; j++) sum[j] += (double)x[j] * s->scale[i];
    }
    for (int64_t j = 0; j < s->d; j++) mean[j] = (float)(sum[j] / (double)s->n);
    square = s->kern->dot(mean, mean, s->d);
    for (int64_t i = 0; i < s->n; i++) {
        if (!cull__can_take(t, i)) continue;
        const float *x = cull_pool_rows(s->pool, i, i + 1, buf);
        double far = s->square[i] + square - 2 * s->kern->dot(x, mean, s->d) * s->scale[i];
        if (far < least) least = far, *row = i;
    }
    return CULL_OK;
}

static cull_status take_first(cull_ctx *cx, const centres *c, int start, cull__taker *t)
{
    int64_t row = -1;
    for (int64_t i = 0; t->have && i < t->n; i++)
        if (t->have[i]) return CULL_OK;
    if (start == MEAN) CULL_TRY(nearest_to_mean(cx, c, t, &row));
    for (int64_t i = 0; row < 0 && i < t->n; i++)
        if (cull__can_take(t, i)) row = i;
    if (row >= 0) cull__take(t, row, 0, -1);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    const cull__greedy_opts lazy = {CULL__LAZY, 0};
    cull__taker t;
    centres c = {.metric = o->metric};
    cull__gain g = {
        .arg = &c, .batch = 1, .plain = true, .begin = begin, .gains = gains, .commit = commit};
    double value;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(cull__steps_new(cx, p->pool, o->metric == COSINE ? nearer : nearer2,
                             cull__steps_most(p), o->metric == COSINE, &c.steps));
    CULL_TRY(take_first(cx, &c, o->start, &t));
    bool first = t.count > 0;
    CULL_TRY(cull__greedy(cx, &g, &t, &lazy, &value));
    if (first && t.count > 1) t.score[0] = t.score[1]; /* farther than the second is none from it */
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const cull__greedy_opts lazy = {CULL__LAZY, 0};
    int64_t d = cull_pool_d(p->pool), most = cull__steps_most(p);
    (void)o_, (void)threads;
    *out = (cull_plan){cull__taker_plan(p) + cull__greedy_plan(p, &lazy) +
                           cull__steps_plan(p->n, d, most),
                       2, 2 * (double)p->n * (double)d * (double)most};
}

const cull_method cull__method_k_centre = {
    .slug = "k-centre",
    .title = "farthest first: no example far from a kept one",
    .paper = "Gonzalez 1985, Clustering to minimize the maximum intercluster distance",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
