/* obs.h - a matrix pruned so that its outputs stay: what is left of a row makes up for what goes (optimal brain surgeon, column by
 * column, as SparseGPT has it).
 *
 * With the Gram matrix H = X^T X of the inputs, setting w_c to 0 costs w_c^2 / [H^-1]_cc at least, where the inverse is of the
 * columns that may still change, and the best change of those is -w_c / [H^-1]_cc times row c of it. For columns in order all these rows
 * are those of one triangle, L with H^-1 = L L^T. */
#ifndef CULL__OBS_H
#define CULL__OBS_H
#include "base/base.h"

/* h (d, d) symmetric, of which the lower triangle counts, becomes l. A diagonal entry of 0 is an input that is always 0: it stands
 * alone; dead (d) says which. damping times the mean of the others is added to the diagonal; all is divided by that mean. *bad = -1, or a row that says
 * that h is no Gram matrix. h is overwritten. O(d^3) time in f64, on one thread. */
cull_status cull__obs_factor(cull_ctx *cx, double *h, int64_t d, double damping, float *l,
                             uint8_t *dead, int64_t *bad);

typedef struct {
    int64_t outs, ins;
    float *w;            /* (outs, ins), in its place */
    const float *l;      /* (ins, ins), of cull__obs_factor */
    const uint8_t *dead; /* ins: inputs that are always 0, whose weights become 0 */
    double sparsity;
    int n, m; /* m > 0: of each m columns of a row n stay, of a shorter group at the end n or all */
    int64_t block; /* columns whose weights are chosen together; a multiple of m */
} cull__obs;
/* In each block of columns floor(sparsity * numbers) of all rows go, those that cost least; of equal ones the last. O(outs ins^2)
 * time, f32 products between blocks; the same bits for any number of threads. */
cull_status cull__obs_prune(cull_ctx *cx, const cull__obs *p);
/* Scratch of it, at most. */
uint64_t cull__obs_bytes(int64_t outs, int64_t ins, int64_t columns, int threads);
#endif
