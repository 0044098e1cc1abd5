/* prims.h - primitives of oneDNN that a tape keeps, found by their shape. */
#ifndef CULL__NN_PRIMS_H
#define CULL__NN_PRIMS_H
#include "nn/nn.h"

/* A convolution of x (n, h, w, in) into (n, oh, ow, out); weights (out, kh, kw, in / groups). */
typedef struct {
    int32_t n, h, w, in, oh, ow, out, kh, kw;
    int32_t sh, sw;       /* stride */
    int32_t ph, pw;       /* zeros before the first row and column */
    int32_t ph2, pw2;     /* and after the last */
    int32_t dh, dw;       /* dilation: 1 = dense */
    int32_t groups, bias; /* bias: 0 or 1 */
} cull__conv;

/* Each does the whole of its work and says so, or nothing: then there is no such primitive, or it is known
 * to be slow, and somebody else's loops must do. Where memory ran out the tape has failed besides. */
bool cull__prims_mm(cull_tape *t, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a,
                    int64_t lda, const float *b, int64_t ldb, bool add, float *c, int64_t ldc);
bool cull__prims_conv(cull_tape *t, const cull__conv *c, const float *x, const float *w,
                      const float *bias, float *y);
bool cull__prims_conv_data(cull_tape *t, const cull__conv *c, const float *dy, const float *w,
                           float *dx);
bool cull__prims_conv_weights(cull_tape *t, const cull__conv *c, const float *x, const float *dy,
                              float *dw);
/* Whether the tape asks oneDNN: for tests and benchmarks; as a tape begins, where that was measured to be the
 * faster way. */
typedef enum { CULL__DNNL_FASTER, CULL__DNNL_NEVER, CULL__DNNL_ALWAYS } cull__dnnl;
void cull__prims_use(cull_tape *t, cull__dnnl how);
cull__dnnl cull__prims_used(cull_tape *t);
#endif
