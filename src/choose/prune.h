/* prune.h - which weights of a tensor stay: by magnitude, or by magnitude times a number of the input. */
#ifndef CULL__PRUNE_H
#define CULL__PRUNE_H
#include "choose/threshold.h"
#include "cull/weights.h"

/* What is asked of a tensor: it is pruned where it has two axes or more and `least` numbers, floating, of attention, ffn or a
 * convolution, never a norm. */
typedef struct {
    bool embeddings, heads, others; /* these roles too; others: also routers */
    int64_t least;
    double sparsity;
    int64_t n, m; /* n of m stay: both 0, or 1 <= n < m <= CULL__NM */
} cull__prune_asked;
/* Items that are not pruned become copies; `asked` reads an item's options. EOPTION: n of m cannot be; EINPUT: nothing is
 * pruned. */
cull_status cull__prune_items(cull_ctx *cx, cull_weights_work *w, const char *method,
                              cull__prune_asked (*asked)(const void *opts));

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
