/* graph-cut - like the pool, unlike each other (Lin and Bilmes 2010)
 *
 * Chooses   examples that are like many of the pool and unlike those kept already.
 * Idea      The sum of the similarities between the kept and the whole pool, less lambda (penalty) times
 *           those among the kept: a cut function of the similarity graph. Submodular; up to lambda = 1/2
 *           more is never worse, above it diversity outweighs. Greedy choice (Nemhauser et al. 1978).
 * Reads     embeddings of the pool.
 * Deviates  The paper's first sum leaves out the kept, which is this with lambda + 1. Similarity is
 *           (1 + cosine) / 2, which is never negative. With equal costs the order is that of the plain
 *           cosine: the two gains differ by a factor and a number that is the same for all rows. No
 *           graph is made: the sum over the pool is a product with the pool's sum.
 * Cost      O(n d) time for a start and O(n k d) at most for k examples, mostly far less;
 *           36 n + 4 k d bytes.
 * Example   cull data graph-cut --budget 2% --penalty 0.4 pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"

typedef struct {
    double penalty;
    cull__greedy_opts greedy;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, penalty, 0.5, 0, 1e6,
                 "lambda: weight of the similarities among the kept; above 0.5 more may be worse"),
    CULL__GREEDY_ROWS(opts), CULL_OPT_END};

typedef struct {
    cull__steps steps;
    double lambda, *total; /* n: similarity of each row to the pool */
} cut;

/* Of the sum of the similarities to the chosen. */
static double more(double value, double product, double square, double extra)
{
    (void)square, (void)extra;
    return value + (product > -1 ? (1 + product) / 2 : 0);
}

static cull_status begin(cull_ctx *cx, void *arg)
{
    cut *c = arg;
    (void)cx;
    cull__steps_begin(&c->steps);
    for (int64_t i = 0; i < c->steps.n; i++) c->steps.value[i] = 0;
    return CULL_OK;
}

static cull_status gains(cull_ctx *cx, void *arg, const int64_t *row, int64_t m, double *gain)
{
    cut *c = arg;
    CULL_TRY(cull__steps_refresh(cx, &c->steps, row, m));
    for (int64_t k = 0; k < m; k++) {
        double own = (1 + c->steps.square[row[k]]) / 2;
        gain[k] = c->total[row[k]] - c->lambda * (2 * c->steps.value[row[k]] + own);
    }
    return CULL_OK;
}

static cull_status commit(cull_ctx *cx, void *arg, const int64_t *row, int64_t m)
{
    cut *c = arg;
    (void)cx;
    for (int64_t k = 0; k < m; k++) cull__steps_add(&c->steps, row[k], 0);
    return CULL_OK;
}

static cull_status totals(cull_ctx *cx, cut *c)
{
    const cull__steps *s = &c->steps;
    double *sum;
    float *buf;
    CULL_TRY(CULL_TMP(cx, c->total, s->n));
    CULL_TRY(CULL_TMP0(cx, sum, s->d));
    CULL_TRY(CULL_TMP(cx, buf, s->d));
    for (int64_t i = 0; i < s->n; i++) {
        const float *x = cull_pool_rows(s->pool, i, i + 1, buf);
        for (int64_t j = 0; j < s->d; j++) sum[j] += (double)x[j] * s->scale[i];
    }
    for (int64_t i = 0; i < s->n; i++) {
        const float *x = cull_pool_rows(s->pool, i, i + 1, buf);
        double dot = 0;
        for (int64_t j = 0; j < s->d; j++) dot += (double)x[j] * sum[j];
        c->total[i] = ((double)s->n + dot * s->scale[i]) / 2;
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    cut c = {.lambda = o->penalty};
    cull__gain g = {.arg = &c, .batch = 1, .begin = begin, .gains = gains, .commit = commit};
    double value;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(cull__steps_new(cx, p->pool, more, cull__steps_most(p), true, &c.steps));
    CULL_TRY(totals(cx, &c));
    CULL_TRY(cull__greedy(cx, &g, &t, &o->greedy, &value));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    int64_t d = cull_pool_d(p->pool), most = cull__steps_most(p);
    (void)threads;
    *out = (cull_plan){cull__taker_plan(p) + cull__greedy_plan(p, &o->greedy) +
                           cull__steps_plan(p->n, d, most) + 8 * (uint64_t)p->n,
                       3, 2 * (double)p->n * (double)d * (double)most};
}

const cull_method cull__method_graph_cut = {
    .slug = "graph-cut",
    .title = "like the pool, unlike each other",
    .paper =
        "Lin and Bilmes 2010, Multi-document summarization via budgeted maximization of submodular "
        "functions",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
