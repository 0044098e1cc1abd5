/* log-det - a set that spans much: greedy MAP of a determinantal point process (Chen et al. 2018)
 *
 * Chooses   examples that differ from each other: log det(I + K / ridge) of their similarities K is
 *           large.
 * Idea      The most probable set of a determinantal point process, greedily: the logarithm is
 *           submodular and monotone, and what an example adds is the logarithm of its squared distance
 *           from the span of those kept, kept up to date with each one taken (sections 3 and 4) and
 *           only for examples that could be the next (Minoux 1978).
 * Reads     embeddings of the pool.
 * Deviates  The paper updates a Cholesky factor of the kernel, O(k) a row and step. The kernel here is of
 *           products of embeddings (cosine or dot), so that the residual is held as k vectors of d
 *           numbers: the same gains by O(d) a row and step, with no kernel and for any k. submodlib's
 *           log-determinant with lambda is this with ridge = lambda, but for k log(lambda).
 * Cost      O(n k d) time at most, mostly far less, and O(k^2 d); 28 n + 4 k d bytes.
 * Example   cull data log-det --budget 500 pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

#include <math.h>

typedef struct {
    int similarity;
    double ridge;
    cull__greedy_opts greedy;
} opts;
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, similarity, 0, "cosine|dot", "how alike two examples are"),
    CULL_OPT_F64(
        opts, ridge, 0.1, 1e-6, 1e6,
        "the function is log det(I + K / ridge); the smaller, the more a repetition loses"),
    CULL__GREEDY_ROWS(opts), CULL_OPT_END};

/* M = I + sum of x x^T / ridge over the chosen x; its inverse is I - sum of u u^T over the steps u. A
 * row's value is x M^-1 x. */
typedef struct {
    cull__steps steps;
    double ridge, *rest; /* d */
} spanned;

static double residual(double value, double product, double square, double extra)
{
    (void)square, (void)extra;
    double left = value - product * product;
    return left > 0 ? left : 0;
}

static cull_status begin(cull_ctx *cx, void *arg)
{
    spanned *s = arg;
    (void)cx;
    cull__steps_begin(&s->steps);
    for (int64_t i = 0; i < s->steps.n; i++) s->steps.value[i] = s->steps.square[i];
    return CULL_OK;
}

static cull_status gains(cull_ctx *cx, void *arg, const int64_t *row, int64_t m, double *gain)
{
    spanned *s = arg;
    CULL_TRY(cull__steps_refresh(cx, &s->steps, row, m));
    for (int64_t k = 0; k < m; k++) gain[k] = log1p(s->steps.value[row[k]] / s->ridge);
    return CULL_OK;
}

/* u = M^-1 x / sqrt(ridge + x M^-1 x) */
static cull_status commit(cull_ctx *cx, void *arg, const int64_t *row, int64_t m)
{
    spanned *s = arg;
    cull__steps *t = &s->steps;
    for (int64_t k = 0; k < m; k++) {
        CULL_TRY(cull__steps_refresh(cx, t, row + k, 1));
        int64_t before = t->steps;
        float *u = cull__steps_add(t, row[k], 0);
        for (int64_t j = 0; j < t->d; j++) s->rest[j] = (double)u[j];
        for (int64_t b = 0; b < before; b++) {
            const float *v = t->step + b * t->d;
            double along = t->kern->dot(u, v, t->d);
            for (int64_t j = 0; j < t->d; j++) s->rest[j] -= along * (double)v[j];
        }
        double by = 1 / sqrt(s->ridge + t->value[row[k]]);
        for (int64_t j = 0; j < t->d; j++) u[j] = (float)(s->rest[j] * by);
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    spanned s = {.ridge = o->ridge};
    cull__gain g = {.arg = &s,
                    .slack = 1e-12, /* of log1p */
                    .batch = 1,
                    .begin = begin,
                    .gains = gains,
                    .commit = commit};
    double value;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(
        cull__steps_new(cx, p->pool, residual, cull__steps_most(p), o->similarity == 0, &s.steps));
    CULL_TRY(CULL_TMP(cx, s.rest, s.steps.d));
    CULL_TRY(cull__greedy(cx, &g, &t, &o->greedy, &value));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    int64_t d = cull_pool_d(p->pool), most = cull__steps_most(p);
    double k = (double)most;
    (void)threads;
    *out = (cull_plan){cull__taker_plan(p) + cull__greedy_plan(p, &o->greedy) +
                           cull__steps_plan(p->n, d, most),
                       1, 2 * (double)d * k * ((double)p->n + k)};
}

const cull_method cull__method_log_det = {
    .slug = "log-det",
    .title = "a set that spans much: greedy MAP of a determinantal point process",
    .paper =
        "Chen, Zhang and Zhou 2018, Fast Greedy MAP Inference for Determinantal Point Process to "
        "Improve Recommendation Diversity",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
