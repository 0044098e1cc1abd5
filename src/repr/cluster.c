/* cluster.c - the door of k-means: checks, memory for the result, a folder for its checkpoints. */
#define _GNU_SOURCE /* st_mtim */
#include "cull/cluster.h"
#include "base/base.h"
#include "io/parts.h"
#include "num/num.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static cull_status options(cull_ctx *cx, const cull_pool *p, const cull_cluster_opts *given,
                           cull_cluster_opts *o, cull__kmeans_opts *k)
{
    *o = (cull_cluster_opts)CULL_CLUSTER_OPTS;
    if (given) memcpy(o, given, given->size < sizeof *o ? given->size : sizeof *o);
    if (cull_pool_n(p) < 1)
        return cull__fail(cx, CULL_EINPUT, "%s: has no rows", cull_pool_name(p));
    if (o->iterations < 0 || o->restarts < 0 || !(o->tolerance >= 0) || o->batch < 0)
        return cull__fail(cx, CULL_EOPTION,
                          "%" PRId64 " iterations, %d restarts, tolerance %g, batch %" PRId64
                          "; none may be negative",
                          o->iterations, o->restarts, o->tolerance, o->batch);
    *k = (cull__kmeans_opts){.k = o->clusters,
                             .iterations = o->iterations,
                             .restarts = o->restarts,
                             .tol = o->tolerance,
                             .sampled = o->sampled,
                             .batch = o->batch < cull_pool_n(p) ? o->batch : cull_pool_n(p),
                             .spherical = o->spherical};
    return CULL_OK;
}

/* Whose checkpoints: what the answer depends on, the file by its size and time. */
static cull_status keep_in(cull_ctx *cx, const cull_pool *p, const cull_cluster_opts *o,
                           cull__parts **out)
{
    cull_buf b = CULL_BUF(cx);
    struct stat st;
    cull__parts_opts at = {.dir = o->checkpoint, .loops = true};
    if (!o->checkpoint) return CULL_OK;
    cull__buf_printf(&b, "cull: %s cluster\nseed: %" PRIu64 "\npool: %s", cull_version(),
                     cull_ctx_seed(cx), cull_pool_name(p));
    if (stat(cull_pool_name(p), &st) == 0)
        cull__buf_printf(&b, " (%lld bytes of %lld.%09ld)", (long long)st.st_size,
                         (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
    cull__buf_printf(&b, "\nrows: %" PRId64 " of %" PRId64 "\nclusters: %" PRId64, cull_pool_n(p),
                     cull_pool_d(p), o->clusters);
    cull__buf_printf(&b, "\niterations: %" PRId64 "\nrestarts: %d\ntolerance: %.17g", o->iterations,
                     o->restarts, o->tolerance);
    cull__buf_printf(&b, "\nsampled: %d\nspherical: %d\nbatch: %" PRId64 "\n", o->sampled,
                     o->spherical, o->batch);
    cull_status s = b.status;
    at.run = b.at;
    if (s == CULL_OK) s = cull__parts_open(cx, &at, out);
    cull__buf_free(&b);
    return s;
}

static cull_status cluster(cull_ctx *cx, const cull_pool *p, const cull__kmeans_opts *k,
                           cull_clusters *c)
{
    CULL_TRY(CULL_ALLOC(cx, c->centroid, c->k * c->d));
    CULL_TRY(CULL_ALLOC(cx, c->assign, c->n));
    CULL_TRY(CULL_ALLOC(cx, c->count, c->k));
    return cull__kmeans(cx, p, k, c->centroid, c->assign, c->count, &c->objective);
}

cull_status cull_cluster(cull_ctx *cx, const cull_pool *p, const cull_cluster_opts *given,
                         cull_clusters *out)
{
    cull_cluster_opts o;
    cull__kmeans_opts k;
    cull__parts *parts = NULL;
    *out = (cull_clusters){.n = cull_pool_n(p), .d = cull_pool_d(p)};
    CULL_TRY(options(cx, p, given, &o, &k));
    if (o.clusters < 1 || o.clusters > out->n)
        return cull__fail(cx, CULL_EOPTION,
                          "%" PRId64 " clusters of %" PRId64
                          " rows; there must be 1 to as many clusters as rows",
                          o.clusters, out->n);
    out->k = o.clusters;
    CULL_TRY(cull_pool_check(cx, p));
    CULL_TRY(keep_in(cx, p, &o, &parts));
    cull_status s = cluster(cx, p, &k, out);
    if (s == CULL_OK) s = cull__meet(cx, "the clusters");
    if (s == CULL_OK && parts) s = cull__parts_clear(cx, parts);
    cull__parts_close(cx, parts);
    if (s != CULL_OK) cull_clusters_free(out);
    return s;
}

void cull_clusters_free(cull_clusters *c)
{
    cull__free(c->centroid);
    cull__free(c->assign);
    cull__free(c->count);
    *c = (cull_clusters){0};
}

cull_status cull_cluster_plan(cull_ctx *cx, const cull_pool *p, const cull_cluster_opts *given,
                              cull_plan *out)
{
    cull_cluster_opts o;
    cull__kmeans_opts k;
    CULL_TRY(options(cx, p, given, &o, &k));
    double n = (double)cull_pool_n(p), d = (double)cull_pool_d(p), c = (double)o.clusters;
    double share = k.batch ? (double)k.batch / n : 1, runs = o.restarts > 1 ? o.restarts : 1;
    out->bytes = cull__kmeans_bytes(cull_pool_n(p), cull_pool_d(p), cull_pool_dtype(p),
                                    cull_ctx_threads(cx), &k);
    out->bytes += (uint64_t)(4 * n + c * (4 * d + 8));
    out->passes = 1 + runs * ((double)o.iterations * share + 1); /* the first: checking */
    out->flops = 2 * n * d * c * (out->passes - 1);
    return CULL_OK;
}
