/* experts.h - where a checkpoint's mixtures of experts stand: blocks, experts, routers, told from names (experts.c). */
#ifndef CULL__EXPERTS_H
#define CULL__EXPERTS_H
#include "base/base.h"
#include "cull/checkpoint.h"

/* What a tensor is to the block it belongs to. */
typedef enum {
    CULL__MOE_NONE,
    CULL__MOE_EXPERT, /* of one expert: "P.experts.3.w1.weight", "P.experts.expert_3.wi.weight" */
    CULL__MOE_FUSED,  /* of all, (experts, ..): "P.experts.down_proj", "P.input_linear.weight" */
    CULL__MOE_ROUTER /* a row or number for each: "P.gate.weight", "P.router.bias", "P.moe_statics.x" */
} cull__moe_kind;

/* What a tensor of experts is to each: units are its hidden neurons. */
typedef enum {
    CULL__FFN_OTHER, /* not known */
    CULL__FFN_GATE, /* (units, inputs): what goes through the activation; fused: UP lies beside it */
    CULL__FFN_UP,   /* (units, inputs): what that is multiplied by; without it, see GATE */
    CULL__FFN_DOWN, /* (outputs, units) */
    CULL__FFN_GATE_BIAS,
    CULL__FFN_UP_BIAS,
    CULL__FFN_DOWN_BIAS,
    CULL__FFN_PARTS
} cull__ffn_part;

enum { CULL__EXPERTS_MOST = 1024 }; /* of a block */
typedef struct {
    const char *prefix; /* "model.layers.3.block_sparse_moe" */
    int64_t experts;
    bool fused;
    bool turned;    /* fused: each expert's matrices are (inputs, units) and (units, outputs) */
    int64_t units;  /* of each fused expert; 0 = how they lie is not known */
    int64_t router; /* its weight (experts, inputs), or -1 */
    int64_t bias;   /* what is added to the router's product, (experts), or -1 */
} cull__moe_block;

/* A network whose files have experts fused, the numbers of gate and up in one tensor. */
typedef struct {
    const char *name; /* what its name in the config begins with */
    bool pairs;       /* gate and up of a unit side by side; else all of gate, then all of up */
    bool clamped;     /* gpt-oss' own activation */
    bool sigmoid;     /* scores of its router are no softmax */
    bool scaled;      /* its router scales what it is given, and what it gives */
} cull__moe_network;
/* By the config; NULL = none that is known. */
const cull__moe_network *cull__moe_network_of(cull_ctx *cx, const cull_checkpoint *ck);

typedef struct {
    const cull__moe_network *network; /* NULL = none that is known */
    cull__moe_block *block;           /* in the order of their first tensors */
    int64_t blocks;
    /* of each tensor of the checkpoint */
    struct cull__moe_place {
        cull__moe_kind kind;
        int32_t block, expert; /* -1 = none */
        cull__ffn_part part;   /* of kinds EXPERT and FUSED */
        const char *rest;      /* the name behind "P.experts.3." */
    } * place;
} cull__moe;

/* Scratch of cx. EINPUT, by name: no block at all, an expert that is missing, a router with other rows than there are
 * experts. */
cull_status cull__moe_find(cull_ctx *cx, const cull_checkpoint *ck, cull__moe *out);
/* The axis along which a tensor of a router, or of all experts, has its experts: the first, of (1, experts) the second. */
int cull__moe_axis(const cull_tensor *t, int64_t experts);

/* A matrix of an expert, or a bias as a column, wherever it lies: number (r, c) is the tensor's from + r row + c col. */
typedef struct {
    int64_t tensor; /* -1 = there is none */
    int64_t rows, cols, from, row, col;
} cull__moe_slice;
/* O(tensors). Of a fused block whose units are not known there is none. */
cull__moe_slice cull__moe_part(const cull_checkpoint *ck, const cull__moe *m, int64_t block,
                               int64_t expert, cull__ffn_part part);
/* Rows at .. at + n of it (n, cols), as f32. */
cull_status cull__moe_part_read(cull_ctx *cx, const cull_checkpoint *ck, const cull__moe_slice *s,
                                int64_t at, int64_t n, float *out);
#endif
