/* experts_cut.h - a checkpoint with fewer experts: which of its blocks' experts stay or become one, the tensors of the
 * result, and the manifest that says all of it (experts_cut.c, experts_manifest.c). */
#ifndef CULL__EXPERTS_CUT_H
#define CULL__EXPERTS_CUT_H
#include "cull/weights.h"
#include "repr/experts.h"

/* What becomes of the experts of one block. */
typedef struct {
    int64_t kept;
    int32_t *group; /* (experts): the new expert that each is part of; -1 = dropped */
    int32_t *head;  /* (kept): the old expert that stands first in each new one; ascending */
    double *weight; /* (experts): its share of the new one; sums to 1 over a group */
} cull__moe_cut;

/* cut (blocks), experts as they are; scratch of cx. */
cull_status cull__moe_cut_new(cull_ctx *cx, const cull__moe *m, cull__moe_cut **out);
/* The experts of which kept is 1 stay. */
void cull__moe_cut_keep(cull__moe_cut *c, int64_t experts, const uint8_t *kept);
/* Experts of one group (experts; 0 .. kept-1) become one, weighted by usage (at least 1e-6 each), under the number of the
 * most used of them (ties: the lowest). */
void cull__moe_cut_merge(cull__moe_cut *c, int64_t experts, int64_t kept, const int32_t *group,
                         const double *usage);

/* Items of w become those of the result: numbers of experts, rows of routers and of fused tensors. `whole`: routers keep
 * all rows. What must be computed is no copy. */
cull_status cull__moe_cut_items(cull_ctx *cx, cull_weights_work *w, const cull__moe *m,
                                const cull__moe_cut *cut, bool whole);
/* Numbers from .. from + n of what tensor i has of an expert. order: units of it, in their places; NULL = as they are. */
cull_status cull__moe_cut_read(cull_ctx *cx, const cull_weights_work *w, const cull__moe *m,
                               int64_t i, int64_t expert, const int32_t *order, int64_t from,
                               int64_t n, float *out);
/* Numbers of a router or fused tensor with fewer rows: each the weighted sum of its group's. order: of each expert, as
 * above; NULL = all as they are. */
cull_status cull__moe_cut_rows(cull_ctx *cx, const cull_weights_work *w,
                               const cull_weights_item *it, const cull__moe *m,
                               const cull__moe_cut *c, int32_t *const *order, int64_t from,
                               int64_t n, float *out);
/* The config, where all blocks that had as many keep as many; a warning where they do not. */
cull_status cull__moe_cut_config(cull_ctx *cx, cull_weights_work *w, const cull__moe *m,
                                 const cull__moe_cut *cut);

/* ---- the manifest (whole: routers keep all rows; aligned: units were permuted): JSON text (scratch of cx), written and read back ---- */
cull_status cull__moe_manifest(cull_ctx *cx, const char *slug, const cull_checkpoint *ck,
                               const cull__moe *m, const cull__moe_cut *cut, bool whole,
                               bool aligned, const char **out);
/* cut of a manifest's text, for this model: EINPUT by name where it is another's. */
cull_status cull__moe_manifest_read(cull_ctx *cx, const char *text, const cull__moe *m,
                                    cull__moe_cut *cut, bool *whole, bool *aligned);
#endif
