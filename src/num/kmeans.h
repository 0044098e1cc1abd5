/* kmeans.h - what kmeans.c and its seeding share. */
#ifndef CULL__KMEANS_H
#define CULL__KMEANS_H
#include "num/block.h"

/* Rows [lo, hi) as k-means sees them: unit vectors if spherical. buf has room for (hi-lo, d). */
const float *cull__kmeans_rows(const cull_pool *p, const cull__kern *kern, bool spherical,
                               int64_t lo, int64_t hi, float *buf);
/* Where o says that centroids are to start, into c (k, d); `stream` tells restarts apart. */
cull_status cull__kmeans_start(cull_ctx *cx, const cull_pool *p, const cull__kmeans_opts *o,
                               uint64_t stream, float *c);
/* `size` of n rows without repeats, ascending. */
void cull__kmeans_sample(cull_rng *r, int64_t n, int64_t size, int64_t *row);
/* A start, and iterations over minibatches from there, into c (k, d). */
cull_status cull__kmeans_batches(cull_ctx *cx, const cull_pool *p, const cull__kmeans_opts *o,
                                 uint64_t stream, float *c);
uint64_t cull__kmeans_batch_bytes(int64_t d, int workers, const cull__kmeans_opts *o);
double cull__kmeans_seed_bytes(int64_t n, int64_t k, int64_t d); /* what it allocates */
#endif
