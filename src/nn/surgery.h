/* surgery.h - inside of structured pruning: where every channel belongs. */
#ifndef CULL__NN_SURGERY_H
#define CULL__NN_SURGERY_H
#include "cull/surgery.h"
#include "nn/model.h"

/* Of one layer with parameters and one unit. */
typedef struct {
    int layer;
    int64_t made, read; /* channels */
} cull__surgery_part;
typedef struct {
    char *name;
    const char *fixed;
    int64_t first, width;
} cull__surgery_group;
struct cull_surgery {
    cull_ctx *cx;
    const cull_model *m;
    int64_t *at;   /* layers + 1: the place of a layer's first channel in `unit` */
    int32_t *unit; /* of every channel of every layer */
    int64_t units, groups, group_room;
    cull__surgery_group *group;
    int32_t *group_of;        /* of a unit */
    int64_t *first;           /* units + 1: a unit's parts */
    cull__surgery_part *part; /* by layer, within a unit */
};
/* Channels that layer l makes, and that it reads from its first input, where keep says what stays (NULL = all). */
int64_t cull__surgery_made(const cull_surgery *s, int layer, const bool *keep);
int64_t cull__surgery_read(const cull_surgery *s, int layer, const bool *keep);
typedef enum { CULL__CUTS_NOT, CULL__CUTS_CONV, CULL__CUTS_LINEAR, CULL__CUTS_NORM } cull__cuts;
cull__cuts cull__surgery_kind(const cull__model_layer *l); /* how its parameters are cut */
/* Multiply-adds and trained numbers of a layer of so many channels. */
void cull__surgery_cost(const cull__model_layer *l, int64_t made, int64_t read, double *macs,
                        int64_t *params);
/* The mean |gamma| of a unit's batch norms, NaN where it has none: scratch of cx (surgery_score.c). */
cull_status cull__surgery_gamma(cull_ctx *cx, const cull_surgery *s, double *gamma);
/* Training that sets filters to 0: a model's, which it borrows; share of every group that stays. EINPUT: a model without
 * convolutions that can be cut (surgery_soft.c). */
typedef struct cull__soft cull__soft;
cull_status cull__soft_new(cull_ctx *cx, cull_model *m, double share, cull__soft **out);
void cull__soft_free(cull__soft *f);
/* Of every group's channels all but the share of the largest filters (CULL_CHANNEL_L2; ties as in cull_surgery_choose,
 * round 1) lose the weights of the convolutions that make them. */
cull_status cull__soft_prune(cull_ctx *cx, cull__soft *f);
/* The description of the model that keep leaves (surgery_text.c). */
cull_status cull__surgery_text(cull_ctx *cx, const cull_surgery *s, const bool *keep,
                               cull_buf *out);
#endif
