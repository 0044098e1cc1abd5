/* teach_show.h - the parts of teach-show's check: strategies ranked on images, and on a task of labels. */
#ifndef CULL__CLAIM_TEACH_SHOW_H
#define CULL__CLAIM_TEACH_SHOW_H
#include "claim/claim.h"
#include "claim/teach_learner.h"

/* The class of 10 with the largest sum of exp(-far / temperature) over its exemplars; of equals the lowest. far: squared
 * distances to the pool; exemplar (k) rows of it; label (pool). */
int32_t cull__soft_nearest(const float *far, const int32_t *label, const int64_t *exemplar,
                           int64_t k, double temperature);

/* Test accuracies on images, which are drawn by the ctx's seed, of k exemplars: one random set, k-centre, random search, mutation. */
enum { CULL__ONE_SET, CULL__CENTRES, CULL__DRAWN, CULL__MUTATED, CULL__RANKED };
cull_status cull__teach_rank(cull_ctx *cx, const cull__images *im, int64_t k, double temperature,
                             double accuracy[CULL__RANKED]);

/* Test accuracies on one task, which r draws: the seed instruction alone, the best instruction, one random set of exemplars
 * and searched ones behind the seed instruction, instruction and exemplars in two stages. */
enum { CULL__NOTHING, CULL__TOLD, CULL__ONE_SHOWN, CULL__SHOWN, CULL__BOTH, CULL__TAUGHT };
cull_status cull__teach_task(cull_ctx *cx, cull__learner *l, cull_rng *r,
                             double accuracy[CULL__TAUGHT]);
#endif
