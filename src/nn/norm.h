/* norm.h - normalisation of channels, as batch_norm and mix share it. */
#ifndef CULL__NN_NORM_H
#define CULL__NN_NORM_H
#include "cull/nn_image.h"
#include "nn/image.h"

/* What of a cull_norm is no tensor. */
typedef struct {
    int mean, var;
    double eps, momentum;
} cull__norm;

/* Of each channel: what is subtracted, 1 / deviation, and y = a x + b; c numbers each, one after the other. */
typedef struct {
    float *mean, *inv, *a, *b;
} cull__normed;
enum { CULL__NORMED = 4 };
cull__normed cull__normed_at(float *p, int64_t c);

cull__norm cull__norm_of(const cull_norm *o);
/* The settings are sound and gamma and beta, of a layer y over c channels, are (c); both may be NULL. */
cull_status cull__norm_check(cull_tape *t, const cull_var *y, const cull__norm *o, int64_t c,
                             int64_t rows, const cull_var *gamma, const cull_var *beta);
/* Whether the batch's own statistics count. */
bool cull__norm_by_batch(const cull_tape *t, const cull__norm *o);
/* Statistics of x (rows of c), new running ones, and what follows for y. */
cull_status cull__norm_find(cull_tape *t, const cull__norm *o, const float *x, int64_t rows,
                            int64_t c, const float *gamma, const float *beta,
                            const cull__normed *to);
/* dx = k dy + l x + z, from sum = sum of dy and product = sum of dy (x - mean), times `by`. */
void cull__norm_slopes(const cull__normed *m, bool batch, int64_t rows, int64_t c,
                       const double *sum, const double *product, float by, float *k, float *l,
                       float *z);
/* Rows that a cache holds along with those of a few other tensors. */
static inline int64_t cull__norm_rows(int64_t c) { return c < 4096 ? 4096 / c : 1; }
#endif
