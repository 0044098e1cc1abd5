/* peft.h - low-rank adapters as the PEFT package saves them: config, names, scales (peft.c). */
#ifndef CULL__PEFT_H
#define CULL__PEFT_H
#include "base/base.h"
#include "cull/checkpoint.h"

/* A key of rank_pattern or alpha_pattern, and what it says. */
typedef struct {
    const char *key;
    double value;
} cull__peft_rule;

/* What adapter_config.json says. */
typedef struct {
    double rank, alpha;
    bool rslora, transposed, dora; /* transposed: fan_in_fan_out, of weights (in, out) */
    cull__peft_rule *ranks, *alphas;
    int64_t nranks, nalphas;
} cull__peft_config;

/* What an adapter does to a tensor of the base; tensors of the adapter, -1 = none. */
typedef struct {
    int64_t a, b; /* + scale * B A, of `rank` */
    int64_t
        magnitude; /* of DoRA: (rows), the length that each row of B A comes to have in the sum */
    int64_t bias;  /* + scale * it */
    int64_t whole; /* the tensor that takes its place */
    int64_t rank, rows, cols; /* of B A, before it is turned */
    bool transposed;
    bool shared; /* the tensor is the base's embedding, and its head too */
    double scale;
} cull__peft_delta;

/* text: of adapter_config.json; path: for errors. What it has is in cx's scratch. */
cull_status cull__peft_config_read(cull_ctx *cx, const char *path, const char *text,
                                   cull__peft_config *out);
/* Rank and scale of a module: alpha / r, alpha / sqrt(r) with rslora. A key of a pattern counts that matches the
 * whole name or its end after a dot, as a POSIX extended regular expression; the first one does. */
cull_status cull__peft_scale(cull_ctx *cx, const cull__peft_config *c, const char *module,
                             int64_t *rank, double *scale);
/* What adapter ad does to each tensor of base: delta (cull_checkpoint_count(base)). rename: "OLD=NEW", of what the
 * adapter's names call tensors of the base. EINPUT, by name: a tensor that belongs to none of the base, half a pair, shapes that
 * do not fit, an embedding or head of its own where the base has one for both. */
cull_status cull__peft_match(cull_ctx *cx, const cull_checkpoint *ad, const cull_checkpoint *base,
                             const char *const *rename, int renames, cull__peft_delta *delta);
#endif
