/* deltas.h - what fine-tuned models differ in from their base: read, thinned, agreed on by sign, added up. */
#ifndef CULL__DELTAS_H
#define CULL__DELTAS_H
#include "choose/threshold.h"
#include "cull/weights.h"

enum {
    CULL__DELTAS = 4096
}; /* numbers that are worked on at a time; places begin at multiples of it */

/* model s - base, numbers from .. from + n of the tensor; source 0 is the base. A NaN, where the problem allows it, is 0. */
cull_status cull__delta_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             int s, int64_t from, int64_t n, float *out);

/* Of x[0 .. n), numbers from .. of the part, what does not lie above the cut becomes 0; or what does not lie above `last`,
 * or does above `first`. The sign stays, as where a number is multiplied by a mask. */
void cull__delta_above(const cull_ctx *cx, const cull__cut *cut, int64_t part, int64_t from,
                       int64_t n, float *x);
void cull__delta_band(const cull_ctx *cx, const cull__cut *first, const cull__cut *last,
                      int64_t part, int64_t from, int64_t n, float *x);

/* weight[s] of each model: the option (a double) that lies `at` bytes within its options; returns their sum. */
float cull__model_weights(const cull_weights_work *w, const cull_weights_item *it, size_t at,
                          float *weight);
/* The sum of weight * model, numbers from .. from + n, divided by `by` where that is not 0. */
cull_status cull__models_sum(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             const float *weight, float by, int64_t from, int64_t n, float *out);

typedef struct cull__deltas {
    const cull_weights_work *w;
    const cull_weights_item *it;
    /* What is not kept of x[0 .. n), numbers from .. of source s's delta, becomes 0; NULL = all is kept.
     * n <= CULL__DELTAS and within one multiple of it. */
    cull_status (*thin)(cull_ctx *cx, const struct cull__deltas *d, int s, int64_t from, int64_t n,
                        float *x);
    const void *arg;     /* thin's */
    const float *weight; /* of each source; the base's is not read */
    float alpha;         /* of the sum */
    bool elect;          /* only what has the sign of the sum counts (Yadav et al. 2023, TIES) */
    bool normalize;      /* the sum is divided by the weights of what counts */
} cull__deltas;

/* base + alpha * sum of weight * thinned delta, numbers from .. from + n. In f32, one operation after another in the
 * order of models, so that its bits are those of other programs that do the same. Where NaN is allowed, a number is NaN if
 * any of its differences is. */
cull_status cull__deltas_block(cull_ctx *cx, const cull__deltas *d, int64_t from, int64_t n,
                               float *out);

/* Of each model's delta by magnitude the cuts at its ranks: rank and cut are sources x ranks; where a model's first rank is below 0 it has
 * none. Base and models are read together, as many at once as may be held. */
cull_status cull__delta_cuts(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             const int64_t *rank, int ranks, cull__cut *cut);
/* What that holds at most, over all items. */
uint64_t cull__delta_cuts_bytes(const cull_weights_work *w, int ranks, int threads);
#endif
