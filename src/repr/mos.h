/* mos.h - the file of a Mixture of Shards adapter (mos.c).
 *
 * One safetensors file. For each type of matrix T (q_proj, ...) four tensors: T.pool_A (e L l, in / l), T.pool_B (e L l, out / l),
 * T.index_A and T.index_B, I32 (L, r l); and T.scale (L, r), of each vector, where it is not 1. Vector j of layer k is rows
 * index[k, j l] .. index[k, j l + l - 1] of the pool, end to end: a row of A, a column of B. Metadata: "mos.rank" r, "mos.alpha",
 * and "mos.T", the names of the modules, in which * stands for the layer: "model.layers.*.self_attn.q_proj". The layout is
 * ours: the paper's code keeps the index sets with its modules and has no file of its own. */
#ifndef CULL__MOS_H
#define CULL__MOS_H
#include "cull/checkpoint.h"

typedef struct {
    const char *name, *modules;
    int64_t layers, shards, in, out, rows; /* rows: of a pool */
    int64_t pool[2], index[2];             /* tensors of sides A and B */
    int64_t scale;                         /* or -1 */
    int32_t *at[2];                        /* the index sets (layers, rank * shards) */
} cull__mos_type;
typedef struct {
    int64_t rank;
    double alpha;
    cull__mos_type *type;
    int64_t types;
} cull__mos;

/* Scratch of cx. EINPUT, by name: what lacks, does not fit, or points outside a pool. */
cull_status cull__mos_read(cull_ctx *cx, const cull_checkpoint *ck, cull__mos *out);
/* "model.layers.3.self_attn.q_proj"; scratch of cx. */
cull_status cull__mos_module(cull_ctx *cx, const cull__mos_type *t, int64_t layer,
                             const char **out);
/* Numbers from .. from + n of a layer's A (rank, in) or B (out, rank). */
cull_status cull__mos_numbers(cull_ctx *cx, const cull_checkpoint *ck, const cull__mos *m,
                              const cull__mos_type *t, int64_t layer, int side, int64_t from,
                              int64_t n, float *out);
#endif
