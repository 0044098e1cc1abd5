/* semdedup - drop what means the same as something that stays (Abbas et al. 2023)
 *
 * Chooses   one of every group of semantic copies: examples whose embeddings have a cosine of `threshold`
 *           or more with one that stays. All the rest, unless a budget says less.
 * Idea      Two texts or images with nearly the same embedding teach the same. The paper clusters by
 *           k-means, compares within clusters, and keeps of each group the one least like its centroid.
 * Reads     embeddings of the pool.
 * Deviates  (a) clusters = 0, the default, compares all with all, exactly: no pair across a border is
 *           missed. With clusters it is the paper's. (b) A row goes only if it is near one that STAYS, so
 *           that none goes by a chain of others; the paper joins whole chains. (c) The first of a group
 *           stays by default, which needs no centroid; hard is the paper's. Without clusters the
 *           centroid is that of the pool. (d) The threshold is given as a cosine, the paper's 1 - eps.
 * Cost      O(n kept w) time, w numbers of a sketch for each row, often a sixth of d; 36 n bytes and the
 *           sketches. With clusters, of each cluster; and k-means.
 * Example   cull data semdedup --threshold 0.95 --groups copies.tsv pool.jsonl -o distinct.jsonl
 */
#include "choose/choose.h"
#include "cull/data.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

enum { FIRST, HARD, EASY, RANDOM, ITERATIONS = 10 };
typedef struct {
    double threshold;
    int64_t clusters;
    int keep;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, threshold, 0.95, 0.1, 1, "least cosine of two copies"),
    CULL_OPT_I64(opts, clusters, 0, 0, 1 << 24,
                 "compare within so many clusters only, as the paper does; 0 = all with all"),
    CULL_OPT_ENUM(opts, keep, FIRST, "first|hard|easy|random",
                  "which of a group stays: the first, the one least or most like its cluster's "
                  "centroid, any"),
    CULL_OPT_END};

typedef struct {
    const cull_pool *pool;
    const cull__kern *kern;
    const float *centroid;
    const int32_t *assign;
    double sign, *rank;
} likeness;

static cull_status rank_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const likeness *l = arg;
    int64_t d = cull_pool_d(l->pool);
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, d));
    for (int64_t i = lo; i < hi; i++) {
        const float *x = cull_pool_rows(l->pool, i, i + 1, buf);
        double norm = sqrt(l->kern->dot(x, x, d));
        double dot = l->kern->dot(x, l->centroid + l->assign[i] * d, d);
        l->rank[i] = norm > 0 ? l->sign * dot / norm : 0;
    }
    return CULL_OK;
}

/* What decides who stays; and the clusters, where there are any. */
static cull_status rank_of(cull_ctx *cx, const cull_data_problem *p, const opts *o, double *rank,
                           int32_t *assign)
{
    bool central = o->keep == HARD || o->keep == EASY;
    int64_t d = cull_pool_d(p->pool), k = o->clusters > 0 ? o->clusters : 1, *count;
    if (k > p->n) k = p->n;
    if (o->keep == RANDOM) {
        cull_rng r = cull__rng(cx, 1);
        for (int64_t i = 0; i < p->n; i++) rank[i] = cull__rng_unit(&r);
    }
    if (!o->clusters && !central) return CULL_OK;
    cull__kmeans_opts ko = {.k = k, .iterations = ITERATIONS, .spherical = true};
    likeness l = {.pool = p->pool, .kern = cull__kernels(cx), .assign = assign, .rank = rank};
    float *centroid;
    double value;
    CULL_TRY(CULL_TMP(cx, centroid, k * d));
    CULL_TRY(CULL_TMP(cx, count, k));
    CULL_TRY(cull__kmeans(cx, p->pool, &ko, centroid, assign, count, &value));
    l.centroid = centroid;
    l.sign = o->keep == HARD ? -1 : 1;
    return central ? cull__for(cx, p->n, 1024, rank_rows, &l) : CULL_OK;
}

/* Rows in order, cluster after cluster: cluster c has sorted[first[c] .. first[c + 1]). */
static void by_cluster(const int32_t *assign, int64_t k, const int64_t *order, int64_t n,
                       int64_t *sorted, int64_t *first)
{
    memset(first, 0, (size_t)(k + 2) * sizeof *first);
    for (int64_t i = 0; i < n; i++) first[assign[order[i]] + 2]++;
    for (int64_t c = 1; c <= k + 1; c++) first[c] += first[c - 1];
    for (int64_t i = 0; i < n; i++) sorted[first[assign[order[i]] + 1]++] = order[i];
}

static cull_status within(cull_ctx *cx, const cull_data_problem *p, const opts *o,
                          const int32_t *assign, const int64_t *order, int64_t n, int64_t *stands,
                          float *like)
{
    int64_t k = o->clusters < p->n ? o->clusters : p->n, *sorted, *first;
    CULL_TRY(CULL_TMP(cx, sorted, n));
    CULL_TRY(CULL_TMP(cx, first, k + 2));
    by_cluster(assign, k, order, n, sorted, first);
    for (int64_t c = 0; c < k; c++) {
        CULL_TRY(cull__tick(cx, (double)c, (double)k));
        CULL_TRY(cull__pool_distinct(cx, p->pool, sorted + first[c], first[c + 1] - first[c],
                                     o->threshold, stands, like));
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    static const char *const stays[] = {"first", "hardest", "easiest", "one drawn"};
    const opts *o = o_;
    cull__taker t;
    double *rank;
    int64_t *order, *where, n;
    int32_t *assign;
    float *like;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP0(cx, rank, p->n));
    CULL_TRY(CULL_TMP0(cx, assign, p->n));
    CULL_TRY(CULL_TMP(cx, order, p->n));
    CULL_TRY(CULL_TMP(cx, where, p->n));
    CULL_TRY(CULL_TMP0(cx, like, p->n));
    for (int64_t i = 0; i < p->n; i++) where[i] = -1;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = rank_of(cx, p, o, rank, assign);
    cull__release(cx, mark);
    CULL_TRY(s);
    CULL_TRY(cull__copies_order(cx, p, rank, order, &n));
    s = o->clusters ? within(cx, p, o, assign, order, n, where, like)
                    : cull__pool_distinct(cx, p->pool, order, n, o->threshold, where, like);
    cull__release(cx, mark);
    CULL_TRY(s);
    return cull__copies_pick(cx, &t, order, n, rank, where, like, stays[o->keep], out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    int64_t d = cull_pool_d(p->pool), k = o->clusters > 0 ? o->clusters : 1;
    if (k > p->n) k = p->n;
    cull__kmeans_opts ko = {.k = k, .iterations = ITERATIONS, .spherical = true};
    uint64_t n = (uint64_t)p->n, means = 0, near, sorting = 40 * n;
    bool central = o->keep == HARD || o->keep == EASY;
    if (o->clusters || central)
        means = cull__kmeans_bytes(p->n, d, cull_pool_dtype(p->pool), threads, &ko) +
                (uint64_t)k * (4 * (uint64_t)d + 8);
    near = cull__distinct_bytes(o->clusters ? p->n / k + 1 : p->n, d, threads);
    if (o->clusters) near += 8 * (n + (uint64_t)k);
    uint64_t most = means > near ? means : near;
    *out = (cull_plan){cull__taker_plan(p) + 32 * n + (most > sorting ? most : sorting), 0, 0};
}

const cull_method cull__method_semdedup = {
    .slug = "semdedup",
    .title = "one of every group of semantic copies",
    .paper = "Abbas et al. 2023, SemDeDup: Data-efficient learning at web-scale through semantic "
             "deduplication",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL | CULL_FINDS_COPIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
