/* sampler_gain.h - what a point is expected to gain, where its values are normal with known mean
 * and spread. */
#ifndef CULL__SAMPLER_GAIN_H
#define CULL__SAMPLER_GAIN_H
#include "base/base.h"
#include "cull/front.h"

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

/* ---- points that none is better than by all of three gains (Lyu et al. 2018, MACE) ---- */
/* Expected improvement, chance of one, and improvement where y is two deviations better than its mean, on a scale that is
 * above 0; each times the chance that the point works. */
void cull__gain_three(double best, double m, double s, double works, double *three);
typedef struct {
    cull_front *front;
    double *x; /* (n, width): those that joined */
    int64_t width, n, cap;
} cull__gain_several;
cull_status cull__gain_several_open(cull_ctx *cx, int64_t width, cull__gain_several *g);
cull_status cull__gain_several_add(cull_ctx *cx, cull__gain_several *g, const double *x,
                                   const double *three);
/* One of them, each as likely; false: there is none. */
bool cull__gain_several_draw(const cull__gain_several *g, cull_rng *r, double *x);
void cull__gain_several_close(cull__gain_several *g);
#endif
