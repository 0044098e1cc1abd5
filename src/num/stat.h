/* stat.h - what the files about verdicts share (cull/verdict.h). */
#ifndef CULL__STAT_H
#define CULL__STAT_H
#include "base/base.h"

/* EINPUT unless there are at least so many, all finite: "random results: number 3 is nan". */
cull_status cull__results_fit(cull_ctx *cx, const char *what, const double *v, int64_t n,
                              int64_t least);
/* I_x(a, b), the regularised incomplete beta function; a, b > 0. Not in a loop's worker: lgamma. */
double cull__beta_inc(double a, double b, double x);
#endif
