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
    double scale;
} cull__peft_delta;

/* A base whose head is its embedding, as its config says. */
typedef struct {
    int64_t words;    /* the embedding's tensor; -1 = nothing is tied */
    int64_t head;     /* the head's: a copy, or one behind all tensors where there is none */
    const char *name; /* what the head's is called; NULL = not known */
    bool
        together; /* they cannot come apart, and an adapter of one of them adds to the tensor of both */
} cull__peft_tie;

/* text: of adapter_config.json; path: for errors. What it has is in cx's scratch. */
cull_status cull__peft_config_read(cull_ctx *cx, const char *path, const char *text,
                                   cull__peft_config *out);
/* Rank and scale of a module: alpha / r, alpha / sqrt(r) with rslora. A key of a pattern counts that matches the
 * whole name or its end after a dot, as a POSIX extended regular expression; the first one does. */
cull_status cull__peft_scale(cull_ctx *cx, const cull__peft_config *c, const char *module,
                             int64_t *rank, double *scale);
/* EINPUT: its config is no JSON. */
cull_status cull__peft_tied(cull_ctx *cx, const cull_checkpoint *base, cull__peft_tie *out);
/* What adapter ad does to each tensor of base: delta (cull_checkpoint_count(base) + 1), the last one to a head that has
 * no tensor; an adapter may say what that is called. names->rename: "OLD=NEW", of what the adapter's names call tensors of the base; used[] becomes true where one fits.
 * EINPUT, by name: a tensor that belongs to none of the base, half a pair, shapes that do not fit, an embedding or head saved
 * whole, or both, where the base has one for both and they cannot come apart. */
cull_status cull__peft_match(cull_ctx *cx, const cull_checkpoint *ad, const cull_checkpoint *base,
                             const cull_checkpoint_pair_opts *names, cull__peft_tie *tie,
                             cull__peft_delta *delta);
/* Whether anything is done. */
bool cull__peft_touched(const cull__peft_delta *d);
#endif
