/* narrow.h - blocks of transformers some of whose units go: channels of a feed-forward layer, groups of heads.
 *
 * A unit is rows of some tensors and columns of others. How much one matters is the product of the sizes of its parts that
 * its output is a product of: it is 0 just where the unit adds nothing. */
#ifndef CULL__NARROW_H
#define CULL__NARROW_H
#include "base/base.h"
#include "cull/weights.h"

typedef struct {
    int64_t each; /* rows or columns of a unit, beside one another */
    bool factor;  /* its size counts */
} cull__narrow_run;
enum { CULL__NARROW_RUNS = 3 };
typedef struct {
    int64_t tensor, block;
    int64_t
        experts;  /* the tensor has a matrix for each of so many blocks, from `block` on; 0 = one */
    bool columns; /* else rows are cut */
    bool reads;   /* what the units say is its input */
    int runs;     /* 1; more where gate and up, or queries, keys and values are one matrix */
    cull__narrow_run run[CULL__NARROW_RUNS];
} cull__narrow_part;
typedef struct {
    const char *prefix;  /* "model.layers.3.mlp" */
    int64_t units, kept; /* kept: told before units are chosen */
    bool *keep;
    int64_t *unit;   /* those kept, ascending */
    int in, out;     /* parts found of either side */
    int64_t outputs; /* how many numbers the block adds */
    uint64_t hash;
} cull__narrow_block;
typedef struct {
    const cull_checkpoint *ck;
    const char *what; /* "channels", "groups of heads": of units, for sentences */
    int64_t blocks, parts;
    cull__narrow_block *block;
    cull__narrow_part *part;
} cull__narrow;

/* Feed-forward layers: gate and up (w1 w3, fc1, intermediate.dense, one fused matrix), down; blocks may be of several widths.
 * Experts that are one tensor are a block each. EINPUT: there is none, shapes disagree, how such experts lie is not known. */
cull_status cull__narrow_ffn(cull_ctx *cx, const cull_checkpoint *ck, cull__narrow **out);
/* Attention by heads of `width` numbers, `heads` of queries over `groups` of keys and values. */
cull_status cull__narrow_heads(cull_ctx *cx, const cull_checkpoint *ck, int64_t heads,
                               int64_t groups, int64_t width, cull__narrow **out);
/* The matrix that a part is of, or that of each expert: rows and columns (1 of a vector) of t. */
void cull__narrow_matrix(const cull__narrow_part *p, const cull_tensor *t, int64_t *rows,
                         int64_t *cols);
/* Rows or columns of a unit, of all runs. */
int64_t cull__narrow_each(const cull__narrow_part *p);

typedef enum { CULL__NARROW_L2, CULL__NARROW_L1, CULL__NARROW_RANDOM } cull__narrow_by;
/* Of every block the `kept` units that matter most. Columns count as often as activations (norms of inputs under the
 * tensors' names; NULL = 1 each) say. planning: any will do. */
cull_status cull__narrow_choose(cull_ctx *cx, cull__narrow *n, cull__narrow_by by,
                                const cull_checkpoint *activations, bool planning);
/* The items become as small, their `part` is 1 + the part of n; w->own = n. */
cull_status cull__narrow_items(cull_ctx *cx, cull_weights_work *w, cull__narrow *n);
/* The methods' `block`. */
cull_status cull__narrow_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                              void *state, const void *own, int64_t from, int64_t n, float *out);

/* ---- the manifest (narrow_manifest.c) ---- */
cull_status cull__narrow_write(cull_ctx *cx, const cull__narrow *n, const char *slug,
                               const char **out);
/* The choice of a manifest: all of n's blocks, of as many units; those of one width keep as many. */
cull_status cull__narrow_again(cull_ctx *cx, cull__narrow *n, const char *text);
/* After keep was filled. */
cull_status cull__narrow_list(cull_ctx *cx, cull__narrow *n);
#endif
