/* ticket.h - inside of lottery tickets: masks of flat parameters, and one training under a mask. */
#ifndef CULL__NN_TICKET_H
#define CULL__NN_TICKET_H
#include "cull/ticket.h"
#include "nn/model.h"

/* ---- ticket_mask.c: a mask is a number for each of the flat buffer, 0 or 1 ---- */
bool cull__mask_takes(const cull_param *q);
int64_t cull__mask_count(const cull_param *q, const float *mask); /* NULL = all */
/* p's mask, or ones where it has none. */
void cull__mask_copy(cull_params *p, float *mask);
/* Weights outside p's mask become 0. */
void cull__mask_zero(cull_params *p);
/* See cull_mask_prune; w: the weights that are ranked. mask is changed only where all is well. */
cull_status cull__mask_cut(cull_ctx *cx, const cull_params *p, const float *w, const double *rate,
                           bool global, float *mask);
/* Of each tensor the left[i] largest weights that mask leaves (left NULL: `all` of all together), fewer
 * where the next one is as large. */
void cull__mask_largest(const cull_params *p, const float *w, const int64_t *left, int64_t all,
                        float *mask);
/* As many random positions of each tensor as mask leaves. */
cull_status cull__mask_random(cull_ctx *cx, const cull_params *p, cull_rng *r, float *mask);
/* What is left of n weights after `rounds` rounds of cull_mask_prune, no two of them alike. */
int64_t cull__mask_after(int64_t n, double rate, int rounds, bool global);

/* ---- ticket_train.c ---- */
typedef struct {
    cull_model *m; /* weights to begin with, under its mask; afterwards the last ones */
    const cull_ticket_data *d;
    const cull_ticket_opts *o;
    int64_t from; /* step to begin at */
    uint64_t seed;
    float *rewind; /* NULL, or room for the weights after o->rewind steps */
    float *best;   /* NULL, or room for those of the early stop */
    uint64_t kept; /* what a checkpoint must be of */
    cull_ticket_run run;
    cull__loop loop; /* open; to be dropped when what came of it is kept */
} cull__ticket_job;
cull_status cull__ticket_train(cull_ctx *cx, cull__ticket_job *j);
/* The refusal of a checkpoint (ticket.c). */
cull_status cull__ticket_of_another(cull_ctx *cx);
#endif
