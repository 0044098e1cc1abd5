/* positives.h - what methods that choose positive rows with a guarantee share: the calibration rows of a policy.
 *
 * Rows of a positive truth never speak against another row, so a policy keeps the scores of the negative ones alone, and
 * how many (of what weight) the others are. */
#ifndef CULL__POSITIVES_H
#define CULL__POSITIVES_H
#include "base/base.h"
#include "cull/conform.h"
#include "cull/trust.h"

/* Nonconformity (models, n) of rows, of their scores or of the probability of class 1, the smaller, the more they look
 * positive. Scratch of cx, or the policy's. */
cull_status cull__positives_scores(cull_ctx *cx, const cull_outcomes *rows, double above,
                                   const double **score);
/* Into the policy: models from .. to - 1; with the rows' weights where `weighted`. EINPUT: rows of which none is, or all
 * are negative are fine; a truth that stands for neither is not. */
cull_status cull__positives_keep(cull_ctx *cx, const cull_trust_problem *p, int from, int to,
                                 bool weighted, cull_policy *out);

/* And back: clipped scores (models, n), weights or NULL. */
typedef struct {
    int models;
    int64_t n;
    double *v, *w;
    double level, above;
} cull__positives;
cull_status cull__positives_read(cull_ctx *cx, const cull_policy *p, cull__positives *out);
/* What the draws of test rows are named by: what the rows hold, as it was given. A guarantee is one on average over random numbers
 * too, and those of a seed alone would be the same ones for every table. */
uint64_t cull__positives_stream(const cull_outcomes *rows, bool weighted);
#endif
