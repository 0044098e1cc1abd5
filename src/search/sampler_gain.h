/* sampler_gain.h - what a point is expected to gain, where its values are normal with known mean
 * and spread. */
#ifndef CULL__SAMPLER_GAIN_H
#define CULL__SAMPLER_GAIN_H
#include "base/base.h"

/* Mean of max(best - y, 0) for y of mean m and standard deviation s (0 too); everything is
 * minimised. */
double cull__gain_below(double best, double m, double s);
/* Mean volume within ref (2) that y adds to front (n, 2), whose rows are in ascending order of the
 * first value, strictly descending of the second, and below ref; the two values of y are
 * independent. Exact, O(n). */
double cull__gain_volume(const double *front, int64_t n, const double *ref, const double *m,
                         const double *s);
/* Rows of v (n, 2) that are such a front: their number, in out (n, 2). Scratch of cx. */
cull_status cull__gain_front(cull_ctx *cx, const double *v, int64_t n, const double *ref,
                             double *out, int64_t *count);
/* y (n, m), each objective brought to 0..1 -> augmented Tchebycheff values out (n) for weights w
 * (m) (Knowles 2006). */
void cull__gain_scalar(const double *y, int64_t n, int m, const double *w, double *out);
#endif
