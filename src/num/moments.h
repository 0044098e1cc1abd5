/* moments.h - sums over blocks of numbers of which some may be NaN or infinite, in a fixed order. */
#ifndef CULL__MOMENTS_H
#define CULL__MOMENTS_H
#include "base/base.h"

/* Of the finite ones but `nans` and `infs`. */
typedef struct {
    int64_t zeros, nans, infs;
    double sum;
    float absmax;
} cull__moments;
/* Of pairs both of which are finite; odd = how many are not. */
typedef struct {
    int64_t odd;
    double aa, bb, ab, apart2;
    float absmax; /* of a - b, which is rounded once */
} cull__apart;
typedef struct { /* n < 2^31 */
    void (*moments)(const float *x, int64_t n, cull__moments *out);
    double (*spread)(const float *x, int64_t n, double mean); /* sum of (x - mean)^2 */
    void (*apart)(const float *a, const float *b, int64_t n, cull__apart *out);
} cull__moments_kern;
const cull__moments_kern *cull__moments_of(const cull_ctx *cx);
#endif
