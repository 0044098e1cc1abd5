/* conform.h - what the files of conformal inference share (cull/conform.h). */
#ifndef CULL__CONFORM_H
#define CULL__CONFORM_H
#include "choose/front.h"

/* A share that is a level on paper may miss it by rounding: levels are raised by this part of themselves. */
#define CULL__REACHED (1 + 1e-12)

/* EINPUT by name of what is none: a NaN; below 0, not finite or all 0 (weights). */
cull_status cull__conform_scores_fit(cull_ctx *cx, const char *what, const double *v, int64_t n);
cull_status cull__conform_weights_fit(cull_ctx *cx, const char *what, const double *w, int64_t n);
/* EINPUT unless least <= n < 2^31; EOPTION unless 0 < level < 1. */
cull_status cull__conform_rows_fit(cull_ctx *cx, const char *what, int64_t n, int64_t least);
cull_status cull__conform_level_fit(cull_ctx *cx, const char *what, double level);

/* v ascending, equal ones as they stood; scratch. */
cull_status cull__conform_sort(cull_ctx *cx, const double *v, int64_t n, cull__place **out);
/* sum[k] = the weight (w NULL: the number) of the first k rows of that order, k = 0 .. n; scratch. */
cull_status cull__conform_sums(cull_ctx *cx, const cull__place *p, const double *w, int64_t n,
                               double **out);

/* Where test scores stand among calibration scores: of the test row that is r-th in order, the weight of the calibration rows
 * below it and of those not above it. */
typedef struct {
    int64_t m;
    const cull__place *t;
    double *below, *upto, total;
} cull__standing;
cull_status cull__conform_stand(cull_ctx *cx, const double *v, const double *w, int64_t n,
                                const double *t, int64_t m, cull__standing *out);

/* The generator of row j for one of the purposes that a call has random numbers for. */
enum { CULL__DRAW_TIES, CULL__DRAW_PRUNE, CULL__DRAW_MODEL };
uint64_t cull__conform_seed(const cull_ctx *cx, uint64_t stream, int purpose);

/* p of a row whose weight is x, where `below`, `upto` and `total` are weights of the calibration rows. */
static inline double cull__conform_p(double below, double upto, double x, double total, double u)
{
    double p = (below + u * (x + (upto - below))) / (total + x);
    return p < 1 ? p : 1;
}
#endif
