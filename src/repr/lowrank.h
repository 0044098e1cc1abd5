/* lowrank.h - the leading singular values and vectors of a dense matrix (lowrank.c). */
#ifndef CULL__LOWRANK_H
#define CULL__LOWRANK_H
#include "base/base.h"

typedef struct {
    int64_t rank;    /* at most, 1 .. the lesser side */
    double energy;   /* stop at the least rank that holds this share of |a|^2; 0 = take `rank` */
    int64_t exact;   /* up to this lesser side by the eigenvectors of the Gram matrix in f64 */
    int iterations;  /* of the power method beyond it */
    uint64_t stream; /* of the random signs */
} cull__lowrank_opts;

typedef struct {
    int64_t rank; /* found: 0 for a matrix of zeros */
    bool exact;
    double all, kept; /* squared Frobenius norms of the matrix and of what the rank holds of it */
} cull__lowrank_fit;

/* a (m, n) is near u v, with u (m, rank) = U sqrt(S) and v (rank, n) = sqrt(S) V^T, rows without gaps
 * however many are found; both have room for opts->rank. sigma (opts->rank): singular values found. The
 * squared error is all - kept: by Eckart and Young (1936) no matrix of that rank has less where `exact`;
 * else the subspace is random (Halko, Martinsson and Tropp 2011), and it is what this one has. */
cull_status cull__lowrank(cull_ctx *cx, const float *a, int64_t m, int64_t n,
                          const cull__lowrank_opts *o, float *u, float *v, double *sigma,
                          cull__lowrank_fit *fit);
/* Whether such a matrix is decomposed exactly, and what is held besides a, u and v. */
bool cull__lowrank_exact(int64_t m, int64_t n, const cull__lowrank_opts *o);
uint64_t cull__lowrank_bytes(int64_t m, int64_t n, int workers, const cull__lowrank_opts *o);
#endif
