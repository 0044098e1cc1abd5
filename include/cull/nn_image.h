/* cull/nn_image.h - operations of a tape on images (n, height, width, channels); see cull/nn_ops.h. */
#ifndef CULL_NN_IMAGE_H
#define CULL_NN_IMAGE_H
#include "cull/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a window goes over an image. Where it is NULL, and where a field is 0: strides and dilations of 1 (of
 * pools: strides of the kernel's size), no padding, one group. */
typedef struct {
    int64_t kernel[2]; /* height, width; of pools (a convolution's is in its weights) */
    int64_t stride[2]; /* down, across */
    int64_t pad[4]; /* rows above and below, columns left and right; zeros, which pools leave out */
    int64_t dilation[2]; /* of convolutions: pixels from tap to tap */
    int64_t
        groups; /* of convolutions: the channels in so many parts, each with filters of its own */
    bool count_pad; /* of averages: padding counts as pixels of 0 */
} cull_window;
/* Padding for which (height / stride) rows come out, rounded up; an odd one more goes below and right
 * (TensorFlow's "same"; with odd kernels and a stride of 1 everybody's). */
CULL_API void cull_window_same(cull_window *w, int64_t kh, int64_t kw, int64_t height,
                               int64_t width);

/* x (n, h, w, in) with weights w (out, kh, kw, in / groups), plus b (out) unless NULL. Weights of a
 * filter for each channel (groups = in = out) have loops of their own. */
CULL_API cull_var *cull_nn_conv2d(cull_tape *t, cull_var *x, cull_var *w, cull_var *b,
                                  const cull_window *k);

/* ---- pools ---- */
CULL_API cull_var *cull_nn_max_pool(cull_tape *t, cull_var *x, const cull_window *k);
CULL_API cull_var *cull_nn_avg_pool(cull_tape *t, cull_var *x, const cull_window *k);
/* The mean over height and width: (n, channels). */
CULL_API cull_var *cull_nn_global_pool(cull_tape *t, cull_var *x);

/* ---- normalisation over everything but the last dimension ---- */
typedef struct {
    cull_var *gamma, *beta; /* (channels) both, or both NULL: 1 and 0 */
    int mean,
        var; /* parameters (channels) with CULL_PARAM_STATE; < 0: none are kept, and the batch's
                               own statistics are used in every mode */
    double eps,
        momentum; /* 0 = 1e-5; momentum: the batch's share of the running statistics, 0 = 0.1 */
} cull_norm;
/* gamma (x - mean) / sqrt(variance + eps) + beta for each channel, of the batch where the tape is in train
 * mode and else of what was kept (Ioffe and Szegedy 2015). Kept variances are unbiased, as PyTorch's. */
CULL_API cull_var *cull_nn_batch_norm(cull_tape *t, cull_var *x, const cull_norm *o);
/* relu of that, in the same passes. */
CULL_API cull_var *cull_nn_batch_norm_relu(cull_tape *t, cull_var *x, const cull_norm *o);

/* ---- sums ---- */
CULL_API cull_var *cull_nn_add_relu(cull_tape *t, cull_var *x, cull_var *y); /* max(x + y, 0) */
/* Every stride-th pixel, with `before` channels of zeros in front and `after` behind: the shortcut
 * without weights of residual nets (He et al. 2016, option A). */
CULL_API cull_var *cull_nn_shortcut(cull_tape *t, cull_var *x, int64_t stride, int64_t before,
                                    int64_t after);

/* One part of a mixed operation. */
typedef struct {
    cull_var *x;
    const cull_norm *norm; /* NULL, or: the part is x normalised, which happens on the way */
    int64_t at;            /* its weight is number `at` of the weights */
} cull_branch;
/* sum_k w[at_k] branch_k, of n branches of one shape; w of any shape. A node of a supernet is one of
 * these over all of its edges' operations: what is normalised is never stored, and each branch is read once
 * for its statistics and once for the sum. A branch whose weight is exactly 0 is better left out. */
CULL_API cull_var *cull_nn_mix(cull_tape *t, cull_var *w, const cull_branch *branch, int n);

#ifdef __cplusplus
}
#endif
#endif
