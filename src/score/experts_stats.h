/* experts_stats.h - what was recorded of a model's experts while it ran (experts_stats.c).
 *
 * A safetensors file with, for each block P ("model.layers.3.mlp"): P.router_logits (tokens, experts), the router's output before
 * any softmax; or P.usage (experts), the share of tokens that each one got; and P.inputs (tokens, inputs), what the block was
 * given, in the same order, where outputs are to be compared. */
#ifndef CULL__EXPERTS_STATS_H
#define CULL__EXPERTS_STATS_H
#include "cull/checkpoint.h"
#include "repr/experts.h"

typedef struct {
    int64_t logits, usage, inputs; /* tensors of the file, -1 = none */
    int64_t tokens;                /* of logits and inputs */
} cull__expert_stats;
/* of (blocks). EINPUT, by name: a block without any, tensors of blocks that the model has not, other shapes. */
cull_status cull__expert_stats_find(cull_ctx *cx, const cull_checkpoint *stats,
                                    const cull_checkpoint *ck, const cull__moe *m,
                                    cull__expert_stats *of);
/* All numbers of a tensor of the file, in scratch; EINPUT where one is not finite. */
cull_status cull__expert_stats_read(cull_ctx *cx, const cull_checkpoint *stats, int64_t i,
                                    float **out);
/* z (tokens, experts) in scratch: the recorded logits, or the router times the inputs. *z = NULL: there are neither. */
cull_status cull__expert_stats_logits(cull_ctx *cx, const cull_checkpoint *stats,
                                      const cull_checkpoint *ck, const cull__moe *m, int64_t block,
                                      const cull__expert_stats *of, float **z);
/* usage (experts): as recorded, else the share of tokens whose `top` largest logits have each expert. */
cull_status cull__expert_stats_usage(cull_ctx *cx, const cull_checkpoint *stats, const cull__moe *m,
                                     int64_t block, const cull__expert_stats *of, const float *z,
                                     int top, double *usage);
#endif
