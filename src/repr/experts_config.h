/* experts_config.h - what a model's config says of its experts, and the config of one with fewer (experts_config.c). */
#ifndef CULL__EXPERTS_CONFIG_H
#define CULL__EXPERTS_CONFIG_H
#include "base/base.h"

typedef struct {
    int64_t experts;  /* 0 = not said */
    int64_t top;      /* experts that a token goes to; 0 = not said */
    bool renormalise; /* their weights sum to 1: so unless norm_topk_prob is false */
    bool sigmoid;     /* scores are no softmax */
    int64_t groups;   /* that experts are chosen by; 1 = all are one */
    char act[24];     /* of the feed-forward layers: "silu" unless said */
} cull__moe_config;
/* text: of config.json, or NULL. A config inside it (text_config) counts where the outer one does not say. */
cull_status cull__moe_config_read(cull_ctx *cx, const char *path, const char *text,
                                  cull__moe_config *out);
/* The text with every count of routed experts that is `from` turned into `to`; scratch of cx. */
cull_status cull__moe_config_edit(cull_ctx *cx, const char *text, int64_t from, int64_t to,
                                  const char **out);
#endif
