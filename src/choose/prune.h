/* prune.h - which weights of a tensor stay: by magnitude, or by magnitude times a number of the input. */
#ifndef CULL__PRUNE_H
#define CULL__PRUNE_H
#include "choose/threshold.h"
#include "cull/method.h"
#include "cull/weights.h"

/* What methods that prune are asked for, the first member of their options. A tensor is pruned where it has two axes or more, floating,
 * of attention, ffn or a convolution, never a norm. */
typedef struct {
    double sparsity;
    int64_t n, m;         /* n of m stay: both 0, or 1 <= n < m <= CULL__NM */
    int64_t min_elements; /* numbers that a tensor must have */
    bool with_embeddings, with_heads, with_others; /* these roles too; others: also routers */
    bool transposed;                               /* across, of cull__grid_of */
} cull__prune_opts;
/* clang-format off */
#define CULL__PRUNE_NM \
    CULL_OPT_I64(cull__prune_opts, n, 0, 0, CULL__NM, "N:M instead: so many ..."), \
    CULL_OPT_I64(cull__prune_opts, m, 0, 0, CULL__NM, "... of each m inputs stay; 0 = by sparsity")
#define CULL__PRUNE_WHICH \
    CULL_OPT_I64(cull__prune_opts, min_elements, 0, 0, 1e15, "tensors with fewer weights stay whole"), \
    CULL_OPT_BOOL(cull__prune_opts, with_embeddings, false, "embeddings too"), \
    CULL_OPT_BOOL(cull__prune_opts, with_heads, false, "layers that give the outputs too"), \
    CULL_OPT_BOOL(cull__prune_opts, with_others, false, "tensors whose names say nothing, and routers, too")
/* clang-format on */
/* idle of cull_weights_fns: with N:M no share counts. */
const char *cull__prune_idle(const void *opts, const char *name);
/* Items that are not pruned become copies. EOPTION: n of m cannot be; EINPUT: nothing is pruned. */
cull_status cull__prune_items(cull_ctx *cx, cull_weights_work *w, const char *method);

/* A tensor as outputs by inputs. Axes behind the second (a convolution's kernel) lie within an input: N:M goes
 * along inputs, for each place of the kernel. */
typedef struct {
    int64_t outs, ins, inner;
    bool across; /* stored (ins, outs), as GPT-2 has it; inner = 1 */
} cull__grid;
/* shape (ndim), ndim >= 1, no size 0. across is for two axes alone. */
cull__grid cull__grid_of(const int64_t *shape, int ndim, bool across);
static inline int64_t cull__grid_width(const cull__grid *g) { return g->ins * g->inner; }

/* Of n values those that stay when the share `sparsity` goes: n - floor(sparsity n). */
int64_t cull__stay(int64_t n, double sparsity);

/* How one tensor is pruned: by N:M (m > 0), by a cut for each output (cuts), or by one cut (one). */
typedef struct {
    cull__values v; /* the tensor is its part `part` */
    int64_t part;
    cull__grid grid;
    const float *norm;     /* for each value of an output, or NULL = all 1: scores are |x| norm */
    bool later;            /* of equal scores in an output the later ones stay */
    int n, m;              /* N:M: n of m stay */
    const cull__cut *cuts; /* outs */
    const cull__cut *one;
} cull__pruner;

/* cuts (outs): in each output the share `sparsity` of its values goes, those of the least scores. O(1) passes over the tensor; as
 * scratch a block, or a block of columns, for each worker. */
cull_status cull__prune_cuts(cull_ctx *cx, const cull__pruner *p, double sparsity, cull__cut *cuts);
/* keep[i] = 1 where value from + i of the tensor stays, else 0. n <= CULL__VALUES. */
cull_status cull__prune_keep(cull_ctx *cx, const cull__pruner *p, int64_t from, int64_t n,
                             uint8_t *keep);
/* Scratch of a worker, at most. */
uint64_t cull__prune_bytes(const cull__grid *g, int m);
#endif
