/* kmeans.h - what kmeans.c and its seeding share. */
#ifndef CULL__KMEANS_H
#define CULL__KMEANS_H
#include "num/block.h"

/* Rows [lo, hi) as k-means sees them: unit vectors if spherical. buf has room for (hi-lo, d). */
const float *cull__kmeans_rows(const cull_pool *p, const cull__kern *kern, bool spherical,
                               int64_t lo, int64_t hi, float *buf);
/* k-means++ on a sample: centroids into c (k, d). `stream` tells restarts apart. */
cull_status cull__kmeans_seed(cull_ctx *cx, const cull_pool *p, int64_t k, bool spherical,
                              uint64_t stream, float *c);
double cull__kmeans_seed_bytes(int64_t n, int64_t k, int64_t d); /* what it allocates */
#endif
