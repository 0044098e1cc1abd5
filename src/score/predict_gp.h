/* predict_gp.h - what the two files of Gaussian processes share. */
#ifndef CULL__PREDICT_GP_H
#define CULL__PREDICT_GP_H
#include "score/predict.h"

/* -log p(theta), whose gradient is added to g. */
double cull__gp_prior(const cull__gp_form *f, int64_t d, const double *theta, double *g);
cull_status cull__gp_say(cull_ctx *cx, const void *m, const double *x, int64_t n, double *mean,
                         double *spread);
cull_status cull__gp_gradient(cull_ctx *cx, const void *m, const double *x, int64_t n, double *mean,
                              double *spread);
void cull__gp_free(void *m);
#endif
