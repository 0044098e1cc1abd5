/* checkpoint_config.h - what a checkpoint's config says that its tensors can be held against. */
#ifndef CULL__CHECKPOINT_CONFIG_H
#define CULL__CHECKPOINT_CONFIG_H
#include "cull/checkpoint.h"

typedef struct {
    char network[128];     /* "" = not said */
    bool causal;           /* it has a head that gives the next token */
    int tied;              /* 1, 0; -1 = not said */
    int64_t layers, words; /* -1 = not said */
    int64_t groups;        /* of heads that share keys and values; -1 */
} cull__checkpoint_config;
/* EINPUT: it is no JSON. Scratch of cx. */
cull_status cull__checkpoint_config_read(cull_ctx *cx, const cull_checkpoint *ck,
                                         cull__checkpoint_config *out);
#endif
