/* experts.h - what experts of one layer are worth, how alike they are, which of their units are the same (experts.c,
 * experts_loss.c). */
#ifndef CULL__SCORE_EXPERTS_H
#define CULL__SCORE_EXPERTS_H
#include "cull/checkpoint.h"
#include "repr/experts.h"

/* ---- from the router's logits z (tokens, experts) ---- */
/* usage (experts): the share of tokens for which each is among the `top` largest logits (ties: the lower expert). */
cull_status cull__expert_usage(cull_ctx *cx, const float *z, int64_t tokens, int64_t experts,
                               int top, double *usage);
/* s (experts, experts): (cosine + 1) / 2 of two experts' logits over tokens; 1 on the diagonal, a half beside zeros. */
cull_status cull__expert_likeness(cull_ctx *cx, const float *z, int64_t tokens, int64_t experts,
                                  double *s);
/* weight (experts): what a token's logits z give each expert: softmax over those that are kept, of which the `top`
 * largest count, brought to a sum of 1 where asked; kept NULL = all. False where fewer than `top` are kept. */
void cull__expert_route(const float *z, int64_t experts, int top, bool renormalise,
                        const uint8_t *kept, double *weight);

/* ---- units: perm (units) of an expert; its unit perm[i] stands for unit i of expert `ref`, so that the sum of inner
 * products of their weights, in and out, is largest. Exact: units^2 numbers of 12 bytes, O(units^3) time at most. ---- */
cull_status cull__expert_align(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe *m,
                               int64_t block, int64_t ref, int64_t expert, int32_t *perm);
/* The hidden neurons of an expert, all experts of the block having as many; EINPUT where that cannot be told. */
cull_status cull__expert_units(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe *m,
                               int64_t block, int64_t *units);
uint64_t cull__expert_align_bytes(int64_t units, int64_t inputs);

/* ---- what a layer's output loses without some experts (experts_loss.c) ---- */
typedef enum {
    CULL__ACT_SILU,
    CULL__ACT_GELU,
    CULL__ACT_GELU_TANH,
    CULL__ACT_RELU,
    CULL__ACT_CLAMPED /* gpt-oss: gate at most 7, times sigmoid(1.702 gate); up within +-7, plus 1 */
} cull__act;
typedef struct {
    int64_t tokens, experts;
    int top;
    bool renormalise;
    const float *logits; /* (tokens, experts), borrowed */
    double *gram;        /* (tokens, experts, experts): inner products of the experts' outputs */
    double *full;        /* (tokens, experts): weights with all experts */
    double norm2;        /* of the outputs with all experts */
} cull__expert_cache;
/* x (tokens, inputs): what the layer was given. Scratch of cx; every expert is read once for each block of tokens. */
cull_status cull__expert_outputs(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe *m,
                                 int64_t block, cull__act act, const float *x, int64_t tokens,
                                 const float *logits, int top, bool renormalise,
                                 cull__expert_cache *out);
/* Squared norm of the change of the outputs when only those of kept (experts) are left: a cull__kept_loss of a
 * cull__expert_cache. */
double cull__expert_loss(const void *cache, const uint8_t *kept);
#endif
