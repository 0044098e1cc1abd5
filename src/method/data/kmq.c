/* kmq - kMQ: clusters first, then quality within each (Yu et al. 2024, Diversify and Conquer)
 *
 * Chooses   a diverse set of training examples, without any target.
 * Idea      k-means on the embeddings; every cluster gets a share of the budget and gives examples
 *           drawn without replacement with chances in proportion to exp(quality / temperature)
 *           (section 3.1). Without a quality column the draw is uniform: the paper's kM-Random.
 * Reads     embeddings of the pool; column quality where there is one.
 * Deviates  (a) Shares go by size^share. The default 0 is the repository's rule (all clusters alike),
 *           1 the paper's text (in proportion to size). (b) What small clusters cannot give goes to
 *           the others; the repository returns fewer examples than asked for. (c) 50 Lloyd
 *           iterations at most, not 300: it stops when the objective no longer falls by 1e-4 of
 *           itself. (d) clusters = 0 takes the best silhouette of 8, 16, ..., 512 on a sample.
 *           (e) Unequal costs: shares are of the cost, and what is left over is shared out again.
 *           The rounds with feedback from training (section 3.2) need a trainer between rounds;
 *           their arithmetic is in choose/rounds.c, and this method is one such round.
 * Cost      O(n d k) time a k-means pass, at most iterations * restarts passes; 4 k d + 28 n bytes.
 * Example   cull data kmq --budget 1000 --clusters 64 pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"
#include "num/num.h"

#include <math.h>

typedef struct {
    int64_t clusters, iterations, restarts;
    double share, temperature;
    bool quality;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, clusters, 0, 0, 1 << 20,
                 "number of clusters; 0 = the best silhouette of 8, 16, ..., 512 on a sample"),
    CULL_OPT_F64(opts, share, 0, 0, 1,
                 "a cluster's share goes by size^share: 0 = all alike, 1 = in proportion to size"),
    CULL_OPT_BOOL(opts, quality, true, "weigh by the column quality where there is one"),
    CULL_OPT_F64(opts, temperature, 1, 1e-6, 1e6,
                 "chances within a cluster go by exp(quality / temperature)"),
    CULL_OPT_I64(opts, iterations, 50, 1, 10000, "Lloyd iterations at most"),
    CULL_OPT_I64(opts, restarts, 5, 1, 100, "k-means runs, of which the best is kept"),
    CULL_OPT_END};

enum { STREAM_AUTO = 1, STREAM_DRAW = 2 };

/* assign (n) and weight (k) of the clusters. */
static cull_status cluster(cull_ctx *cx, const cull_data_problem *p, const opts *o, int64_t k,
                           int32_t *assign, double *weight)
{
    cull__mark_t mark = cull__mark(cx);
    float *centroid;
    int64_t *count;
    double objective;
    CULL_TRY(CULL_TMP(cx, centroid, k * cull_pool_d(p->pool)));
    CULL_TRY(CULL_TMP(cx, count, k));
    cull__kmeans_opts km = {
        .k = k, .iterations = o->iterations, .restarts = (int)o->restarts, .tol = 1e-4};
    CULL_TRY(cull__kmeans(cx, p->pool, &km, centroid, assign, count, &objective));
    for (int64_t j = 0; j < k; j++) weight[j] = count[j] ? pow((double)count[j], o->share) : 0;
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    const double *quality = o->quality ? cull_table_col(&p->score, "quality") : NULL;
    cull_rng auto_ = cull__rng(cx, STREAM_AUTO), draw = cull__rng(cx, STREAM_DRAW);
    int64_t k = o->clusters < p->n ? o->clusters : p->n;
    int32_t *assign;
    double *weight, *logw = NULL;
    cull__taker t;
    CULL_TRY(cull__taker_new(cx, p, &t));
    if (k == 0) {
        const char *phase = cull__phase(cx, "choosing the number of clusters");
        CULL_TRY(cull__clusters_auto(cx, p->pool, &auto_, &k));
        cull__phase(cx, phase);
        cull__log(cx, CULL_LOG_INFO, "kmq: %d clusters", (int)k);
    }
    CULL_TRY(CULL_TMP(cx, assign, p->n));
    CULL_TRY(CULL_TMP(cx, weight, k));
    CULL_TRY(cluster(cx, p, o, k, assign, weight));
    if (quality) CULL_TRY(CULL_TMP(cx, logw, p->n));
    for (int64_t i = 0; quality && i < p->n; i++) logw[i] = quality[i] / o->temperature;
    CULL_TRY(cull__cluster_draw(cx, &t, &draw, assign, k, weight, logw, p->budget));
    for (int64_t i = 0; i < t.count; i++) t.score[i] = quality ? quality[t.idx[i]] : 0;
    return cull__taker_pick(cx, &t, "cluster", out);
}

/* With clusters = 0 an upper bound: that of the most clusters that may be tried. */
static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    int64_t k = o->clusters ? o->clusters : 512;
    if (k > p->n) k = p->n;
    double n = (double)p->n, d = (double)cull_pool_d(p->pool);
    bool quality = o->quality && cull_table_col(&p->score, "quality");
    uint64_t held = cull__taker_plan(p) + (uint64_t)(4 * n + 8 * (double)k);
    cull__kmeans_opts km = {.k = k};
    uint64_t cluster_ =
        (uint64_t)((double)k * (4 * d + 8)) +
        cull__kmeans_bytes(p->n, cull_pool_d(p->pool), cull_pool_dtype(p->pool), threads, &km);
    double largest = fmin(n, 4 * n / (double)k); /* clusters are seldom more uneven */
    uint64_t draw = (uint64_t)(8 * n + 56 * largest + 64 * (double)k) + (quality ? 8 * n : 0);
    double passes = (double)(o->restarts * (o->iterations + 2)); /* at most */
    *out = (cull_plan){held + (cluster_ > draw ? cluster_ : draw), passes,
                       2 * n * d * (double)k * passes};
}

const cull_method cull__method_kmq = {
    .slug = "kmq",
    .title = "a diverse set: shares of k-means clusters, drawn by quality",
    .paper = "Yu et al. 2024, Diversify and Conquer: Diversity-Centric Data Selection with "
             "Iterative Refinement",
    .columns = "",
    .may = "quality",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL | CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
