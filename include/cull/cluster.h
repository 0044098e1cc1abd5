/* cull/cluster.h - k-means over a pool that may be larger than memory.
 *
 * The same centroids, to the bit, for any number of threads, processes (cull_ranks) and instruction
 * sets; no row is left out behind the caller's back. */
#ifndef CULL_CLUSTER_H
#define CULL_CLUSTER_H
#include "cull/base.h"
#include "cull/method.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    size_t size;
    int64_t clusters;   /* k, 1 to n */
    int64_t iterations; /* at most; with a batch, so many batches */
    int restarts;       /* the best of so many runs */
    double tolerance;   /* stop when the objective falls by less than this share; 0 = never early */
    bool sampled;   /* start from k rows drawn at random; else k-means++ on a sample of 32 k rows */
    bool spherical; /* rows count as unit vectors, centroids have unit length */
    int64_t batch;  /* rows of a minibatch (Sculley 2010), k at least; 0 = all rows */
    const char *checkpoint; /* folder that keeps the state at ends of passes; NULL = none */
} cull_cluster_opts;
/* clang-format off */
#define CULL_CLUSTER_OPTS \
    {.size = sizeof(cull_cluster_opts), .clusters = 8, .iterations = 25, .restarts = 1}
/* clang-format on */

typedef struct {
    int64_t n, d, k;
    float *centroid; /* (k, d) */
    int32_t *assign; /* n: the nearest centroid of each row, ties the lower */
    int64_t *count;  /* k: rows of each; 0 only where the pool has too few distinct rows, or, with a
                         batch, where no batch came by */
    double objective; /* sum of squared distances of the rows from their centroids */
} cull_clusters;

/* Lloyd's algorithm (1957, 1982), seeded by k-means++ (Arthur and Vassilvitskii 2007): `iterations` + 1
 * passes over p for each restart; or Sculley 2010 over batches and one pass. An empty cluster takes the
 * row farthest from its centroid. O(n d k) time a pass at most; 16 n bytes, and 16 to 64 sets of k d
 * doubles, beside the result; never the pool. EINPUT: no rows, or a number that is not finite, by row
 * and column. EOPTION: k outside 1 to n, a batch below k. */
CULL_API cull_status cull_cluster(cull_ctx *cx, const cull_pool *p, const cull_cluster_opts *o,
                                  cull_clusters *out) CULL_CHECKED;
CULL_API void cull_clusters_free(cull_clusters *c);
/* What that takes. */
CULL_API cull_status cull_cluster_plan(cull_ctx *cx, const cull_pool *p, const cull_cluster_opts *o,
                                       cull_plan *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
