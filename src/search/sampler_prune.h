/* sampler_prune.h - values that a design had better not have, by their shares in a predictor's
 * answers. */
#ifndef CULL__SAMPLER_PRUNE_H
#define CULL__SAMPLER_PRUNE_H
#include "search/sampler_model.h"

/* out[j] = 1: feature j, a flag of a parameter's value, is forbidden. By SHAP values of the rows
 * that p, trees whose answers are minimised, was fitted on (Luo et al. 2020, GBDT-NAS-3S). order 1:
 * of the features whose mean share where they are 1 makes answers larger the `most` worst. order 2:
 * of pairs, by their interactions; those that are worst when both are 1 go both, those when one is
 * 1 and the other 0, that one; where their own shares are for it. A parameter keeps a value. */
cull_status cull__prune(cull_ctx *cx, const cull_predictor *p, const cull__rows *rows,
                        const cull__features *f, int order, int64_t most, uint8_t *out);
/* Whether a point with these features has none of them. */
bool cull__prune_keeps(const uint8_t *forbidden, const double *row, int64_t d);
#endif
