/* direct.h - convolutions of all channels with all channels by our own loops (groups = 1). */
#ifndef CULL__NN_DIRECT_H
#define CULL__NN_DIRECT_H
#include "nn/prims.h"

/* As the primitives of prims.h, but they add where they are told to, and fail when memory does. */
cull_status cull__direct(cull_tape *t, const cull__conv *c, const float *x, const float *w,
                         const float *bias, float *y);
cull_status cull__direct_data(cull_tape *t, const cull__conv *c, const float *dy, const float *w,
                              float *dx, bool add);
cull_status cull__direct_weights(cull_tape *t, const cull__conv *c, const float *x, const float *dy,
                                 float *dw, bool add);
#endif
