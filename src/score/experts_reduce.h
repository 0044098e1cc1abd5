/* experts_reduce.h - what methods that leave a model fewer experts have in common (experts_reduce.c). */
#ifndef CULL__EXPERTS_REDUCE_H
#define CULL__EXPERTS_REDUCE_H
#include "cull/weights.h"
#include "repr/experts_config.h"
#include "repr/experts_cut.h"
#include "score/experts.h"
#include "score/experts_stats.h"

typedef struct {
    const cull_checkpoint *ck, *stats;
    cull__moe moe;
    cull__moe_config config;
    cull__expert_stats *of; /* each block's; NULL where a manifest says what to do */
    cull__moe_cut *cut;
    int64_t *kept; /* how many experts each block keeps */
    int top;       /* experts that a token goes to */
    bool whole;    /* routers keep all rows */
    bool aligned;  /* units are permuted before experts are merged */
} cull__reduce;

/* Scratch of cx. top: as asked for, 0 = as the config says. A manifest of the problem fills cut, and *done is true; else
 * there must be statistics. */
cull_status cull__reduce_open(cull_ctx *cx, const cull_weights_work *w, int64_t top,
                              cull__reduce *r, bool *done);
/* kept: share > 0: that share of all experts, the most used ones of all blocks, of each at least `top`; else the number that
 * keep (blocks) has for each. EOPTION where that is none, too few or too many. */
cull_status cull__reduce_counts(cull_ctx *cx, cull__reduce *r, double share, const int64_t *keep);
/* usage (experts) and logits z (NULL: not recorded) of a block; scratch of cx. */
cull_status cull__reduce_block(cull_ctx *cx, const cull__reduce *r, int64_t block, float **z,
                               double **usage);
/* The items, config and manifest of the result. */
cull_status cull__reduce_close(cull_ctx *cx, cull_weights_work *w, const cull__reduce *r,
                               const char *slug);
/* The activation of the experts, from the config's name. */
cull_status cull__reduce_act(cull_ctx *cx, const cull__reduce *r, cull__act *out);
#endif
