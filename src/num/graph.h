/* graph.h - the nearest rows of every row of a pool, all of them or most of them. */
#ifndef CULL__GRAPH_H
#define CULL__GRAPH_H
#include "num/block.h"
#include "num/panels.h"

/* ---- a pool in lists of rows near to one another (lists.c) ---- */
typedef struct {
    const cull_pool *p;
    const cull__kern *kern;
    cull__alike rule;
    const uint8_t *skip;          /* rows that are no one's neighbour; or NULL */
    int64_t n, d, k, lists, open; /* open: rows that are not skipped */
    double e, scale;              /* the product's bound; what rows are multiplied by in it */
    double *norm;                 /* n: |x| */
    float *c;                     /* (lists, d) centroids */
    int64_t *begin;               /* lists + 1: rows row[begin[l] .. begin[l+1]) are list l's */
    int64_t *has;                 /* lists: how many of them are not skipped */
    int32_t *row, *list;          /* n; of each row its list */
} cull__lists;
/* Rows of the pool by k-means in so many lists (1: as they are, no pass over the pool but one for norms).
 * n < 2^31; 1 <= k; numbers are finite. */
cull_status cull__lists_new(cull_ctx *cx, const cull_pool *p, cull__alike rule, const uint8_t *skip,
                            int64_t k, int64_t lists, cull__lists *l);
/* All lists, the nearest to list `from` first (v: how near, i: which). */
void cull__lists_order(const cull__lists *l, int64_t from, cull__ranked *order);
/* How many lists of an order it takes to have k rows (or all that there are). */
int64_t cull__lists_least(const cull__lists *l, const cull__ranked *order);
/* The k nearest of each row of query[0..m) among the rows of the `probe` lists that are nearest to its
 * own, and of more where those have fewer than k: exact among those, whatever block shape, threads,
 * memory or instruction set. Query i's are who[i k ..], best first, ties by row; how alike: how[i k ..];
 * places past found[i] hold -1 and 0. Queries of one list stand together. On the calling worker alone. */
cull_status cull__lists_near(cull_ctx *cx, const cull__lists *l, const int32_t *query, int64_t m,
                             int64_t probe, int32_t *who, float *how, int64_t *found);
/* What cull__lists_new and, for each worker, cull__lists_near take. */
double cull__lists_bytes(int64_t n, int64_t d, cull_dtype dtype, int64_t lists, int workers);
double cull__lists_near_bytes(int64_t n, int64_t d, int64_t k, int64_t lists);

/* ---- the graph (graph.c) ---- */
typedef struct {
    cull__alike rule; /* CULL__RBF of gamma 0: how = |x - y|^2 */
    int64_t k;
    double recall; /* 1: exact */
    const uint8_t *skip;
} cull__graph_opts;
typedef struct {
    int64_t n, k;
    int32_t *who;   /* (n, k): of each row the nearest first, ties by row; itself among them */
    float *how;     /* (n, k): how alike */
    int64_t *found; /* n: so many; places past them hold -1 and 0 */
    /* exact: lists = 0, recall = 1, sampled = 0. Else what a sample of rows has shown: */
    int64_t lists, probe, sampled;
    double recall, low, high; /* share of the k nearest that were found, with a 95 % interval */
    int64_t *sample;          /* sampled: rows, ascending */
    float *missing; /* sampled: how alike the best is that the row's list leaves out, at most */
} cull__graph;
/* The k rows that are most alike to each row. With o->recall below 1 (and n >= 1024) rows are put in
 * about 2 sqrt(n) lists by k-means, and of each row the nearest are looked for in the lists that are
 * nearest to its own: in so few that the lower end of the interval of the share of the true k nearest
 * that is found, on a sample of up to 1000 rows whose nearest are taken exactly, is at least
 * o->recall; in all where half of the pool would be looked at anyway. A function of the data, the options
 * and the seed: same bits for any number of threads, any memory limit and any instruction set. Time:
 * exact O(n^2 d); else a share of that. Memory: 8 n k bytes of results, 40 n for lists, blocks. EINPUT
 * for 2^31 rows or more. */
cull_status cull__graph_new(cull_ctx *cx, const cull_pool *p, const cull__graph_opts *o,
                            cull__graph *g);
/* What it allocates at most, results included; *flops (may be NULL) about. */
uint64_t cull__graph_bytes(int64_t n, int64_t d, cull_dtype dtype, const cull__graph_opts *o,
                           int workers, double *flops);
#endif
