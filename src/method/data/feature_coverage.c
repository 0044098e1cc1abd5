/* feature-coverage - every feature present, with less and less for more (Kirchhoff and Bilmes 2014)
 *
 * Chooses   examples that together have much of every feature.
 * Idea      The sum over features of a concave function of the feature's total over the kept: what is
 *           there already counts less. Submodular and monotone, O(d) an example, no similarities.
 * Reads     embeddings of the pool; made from text, if none are given.
 * Deviates  A number of an embedding is two features, one for each sign, so that none is negative (the
 *           paper's are counts of n-grams). Rows count as they are: bring them to one length beforehand
 *           where length means nothing (features of text have unit length).
 * Cost      O(n d) time for a start and O(d) for each question; 32 d bytes and the greedy's 16 n.
 * Example   cull data feature-coverage --budget 2% --concave log pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

#include <math.h>
#include <string.h>

typedef struct {
    int concave;
    double share;
    cull__greedy_opts greedy;
} opts;
enum { SQRT, LOG, MIN };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, concave, SQRT, "sqrt|log|min",
                  "the function of a feature's total x: its root, log(1 + x), or x up to a limit"),
    CULL_OPT_F64(opts, share, 0.05, 1e-9, 1,
                 "min: the limit, as a share of the feature's total over the pool"),
    CULL__GREEDY_ROWS(opts), CULL_OPT_END};

typedef struct {
    const cull_pool *pool;
    int64_t d;
    int concave;
    double *sum, *limit; /* 2 d: totals over the chosen (MIN: what is left of the limit); limits */
    double *root;        /* 2 d: of sum, for SQRT */
} features;

static inline int64_t feature(const features *f, int64_t j, float x)
{
    return x < 0 ? f->d + j : j;
}

/* Each written so that rounding does not let it grow with the total. */
static double gain_of(const features *f, const float *row)
{
    double gain = 0;
    for (int64_t j = 0; j < f->d; j++) {
        int64_t u = feature(f, j, row[j]);
        double x = fabs((double)row[j]), at = f->sum[u];
        if (x == 0) continue;
        if (f->concave == SQRT) gain += x / (sqrt(at + x) + f->root[u]);
        if (f->concave == LOG) gain += log1p(x / (1 + at));
        if (f->concave == MIN) gain += x < at ? x : at;
    }
    return gain;
}

typedef struct {
    const features *f;
    const int64_t *row;
    double *gain;
} question;

static cull_status ask(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const question *q = arg;
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, q->f->d));
    for (int64_t k = lo; k < hi; k++)
        q->gain[k] = gain_of(q->f, cull_pool_rows(q->f->pool, q->row[k], q->row[k] + 1, buf));
    return CULL_OK;
}

static cull_status gains(cull_ctx *cx, void *arg, const int64_t *row, int64_t m, double *gain)
{
    features *f = arg;
    question q = {f, row, gain};
    return cull__for(cx, m, 32768 / f->d + 1, ask, &q);
}

static cull_status begin(cull_ctx *cx, void *arg)
{
    features *f = arg;
    (void)cx;
    memcpy(f->sum, f->limit, (size_t)(2 * f->d) * sizeof *f->sum);
    memset(f->root, 0, (size_t)(2 * f->d) * sizeof *f->root);
    return CULL_OK;
}

static cull_status commit(cull_ctx *cx, void *arg, const int64_t *row, int64_t m)
{
    features *f = arg;
    float *buf;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, buf, f->d));
    for (int64_t k = 0; k < m; k++) {
        const float *x = cull_pool_rows(f->pool, row[k], row[k] + 1, buf);
        for (int64_t j = 0; j < f->d; j++) {
            int64_t u = feature(f, j, x[j]);
            double more = fabs((double)x[j]);
            f->sum[u] = f->concave == MIN ? fmax(f->sum[u] - more, 0) : f->sum[u] + more;
            f->root[u] = sqrt(f->sum[u]);
        }
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status limits(cull_ctx *cx, features *f, double share)
{
    float *buf;
    CULL_TRY(CULL_TMP(cx, buf, f->d));
    for (int64_t i = 0; f->concave == MIN && i < cull_pool_n(f->pool); i++) {
        const float *x = cull_pool_rows(f->pool, i, i + 1, buf);
        for (int64_t j = 0; j < f->d; j++)
            f->limit[feature(f, j, x[j])] += fabs((double)x[j]) * share;
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    features f = {.pool = p->pool, .d = cull_pool_d(p->pool), .concave = o->concave};
    cull__gain g = {.arg = &f,
                    .slack = o->concave == LOG ? 1e-12 : 0,
                    .batch = 1,
                    .begin = begin,
                    .gains = gains,
                    .commit = commit};
    cull__taker t;
    double value;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP0(cx, f.limit, 2 * f.d));
    CULL_TRY(CULL_TMP(cx, f.sum, 2 * f.d));
    CULL_TRY(CULL_TMP(cx, f.root, 2 * f.d));
    CULL_TRY(limits(cx, &f, o->share));
    CULL_TRY(cull__greedy(cx, &g, &t, &o->greedy, &value));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    uint64_t d = (uint64_t)cull_pool_d(p->pool);
    (void)threads;
    *out = (cull_plan){cull__taker_plan(p) + cull__greedy_plan(p, &o->greedy) + 52 * d, 1,
                       8 * (double)p->n * (double)d};
}

const cull_method cull__method_feature_coverage = {
    .slug = "feature-coverage",
    .title = "every feature present, with less and less for more of it",
    .paper = "Kirchhoff and Bilmes 2014, Submodularity for Data Selection in Machine Translation",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
