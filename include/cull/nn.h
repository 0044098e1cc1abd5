/* cull/nn.h - networks: named parameters, tensors on a tape, gradients.
 *
 * A tape records the operations of one step (cull/nn_ops.h) as they are computed, and goes back over
 * them for gradients. Tensors are f32, row-major, images NHWC; they belong to the tape and last until
 * its next reset. An operation that fails, or is given NULL, returns NULL and the tape keeps the first
 * failure, so a network is written without a check on every line:
 *
 *     cull_var *h = cull_nn_relu(t, cull_nn_linear(t, x, cull_nn_param(t, w1), cull_nn_param(t, b1)));
 *     cull_var *loss = cull_nn_cross_entropy(t, cull_nn_linear(t, h, ...), label, NULL, 0);
 *     status = cull_tape_backward(t, loss);
 *
 * A tape serves one thread at a time. Nets train over fixed shards of a batch, a tape each, so that
 * their bits do not depend on the number of threads (cull/train.h). */
#ifndef CULL_NN_H
#define CULL_NN_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CULL_RANK = 4 }; /* most dimensions of a tensor */

/* ---- parameters: named tensors in one flat buffer ---- */
typedef struct cull_params cull_params;
enum {
    CULL_PARAM_STATE = 1,    /* running statistics: saved and loaded, never trained */
    CULL_PARAM_FROZEN = 2,   /* neither its gradient nor its update is applied */
    CULL_PARAM_NO_DECAY = 4, /* weight decay leaves it alone */
    CULL_PARAM_SCALE = 8,    /* scales of a batch norm: what cull_optim_opts.norm_l1 is of */
};
typedef enum {
    CULL_INIT_ZERO,
    CULL_INIT_ONE,
    CULL_INIT_HE,     /* normal, variance 2 / fan in (He et al. 2015) */
    CULL_INIT_XAVIER, /* uniform, variance 2 / (fan in + fan out) (Glorot and Bengio 2010) */
    CULL_INIT_TORCH,  /* uniform within 1 / sqrt(fan in), as PyTorch's layers begin */
    CULL_INIT_NORMAL, /* normal, standard deviation `scale` */
    CULL_INIT_CONST,  /* `scale` */
    CULL_INIT_GLOROT, /* normal, variance 2 / (fan in + fan out) */
} cull_init;
typedef struct {
    const char *name; /* "layer1.0.conv1.weight", as PyTorch would call it */
    int rank;
    int64_t dim[CULL_RANK]; /* linear (out, in); convolution (out, height, width, in / groups) */
    int64_t at, n;          /* its numbers in the flat buffer: [at, at + n) */
    unsigned flags;
} cull_param;
CULL_API cull_status cull_params_new(cull_ctx *cx, cull_params **out) CULL_CHECKED;
CULL_API void cull_params_free(cull_params *p);
/* A tensor more; *index says which. fan_in 0 = the product of all dimensions but the first (a bias is
 * given that of its layer). Numbers are drawn from (seed of the ctx, name), so that they do not depend on
 * what else there is. CULL_EINPUT: a name used already, a dimension below 1. */
CULL_API cull_status cull_params_add(cull_params *p, const char *name, int rank, const int64_t *dim,
                                     cull_init init, double scale, int64_t fan_in, unsigned flags,
                                     int *index) CULL_CHECKED;
CULL_API int cull_params_count(const cull_params *p);
CULL_API const cull_param *cull_params_at(const cull_params *p, int i); /* NULL outside */
CULL_API int cull_params_find(const cull_params *p, const char *name);  /* -1 = none */
CULL_API void cull_params_flag(cull_params *p, int i, unsigned flags);  /* set them anew */
/* The flat buffer, which moves when a tensor is added; its length, gaps (of zeros) included. */
CULL_API float *cull_params_value(cull_params *p);
CULL_API int64_t cull_params_size(const cull_params *p);
CULL_API int64_t
cull_params_trained(const cull_params *p); /* numbers that are neither state nor frozen */
/* Elementwise masks (cull_params_size numbers, 0 or 1; NULL = none): where 0, neither gradient nor update
 * is applied. Copied. */
CULL_API cull_status cull_params_mask(cull_params *p, const float *mask) CULL_CHECKED;

/* ---- the tape ---- */
typedef struct cull_tape cull_tape;
typedef struct cull_var cull_var;
/* p may be NULL. The tape holds a gradient of p's size from its first backward on. */
CULL_API cull_status cull_tape_new(cull_ctx *cx, cull_params *p, cull_tape **out) CULL_CHECKED;
CULL_API void cull_tape_free(cull_tape *t);
enum {
    CULL_TAPE_GRAD = 1,  /* record, for backward */
    CULL_TAPE_TRAIN = 2, /* dropout drops, batch norm uses the batch and keeps running statistics */
};
/* Forget all tensors and any failure, and start a step. cx, which may be a worker's, serves until the next
 * one. (seed of cx, stream) is what random operations draw from. */
CULL_API void cull_tape_reset(cull_tape *t, cull_ctx *cx, unsigned mode, uint64_t stream);
CULL_API cull_status
cull_tape_status(const cull_tape *t); /* the first failure since; its sentence is in cx */
/* Layer names for errors and counts: what follows is in `name` (static or outliving the step). */
CULL_API void cull_tape_scope(cull_tape *t, const char *name);
/* Gradients of the scalar `loss`. A loss that is not finite is CULL_EINPUT, and the sentence names the
 * first operation whose result was not. Values are given back as they are used: what is read afterwards
 * must be watched. Parameters' gradients are in cull_tape_grad; of cull_param i at its `at`. Where it is
 * called again within a step, gradients are those of the last loss alone. */
CULL_API cull_status cull_tape_backward(cull_tape *t, cull_var *loss) CULL_CHECKED;
/* New running statistics (of batch norm) become the parameters': the mean of what n tapes of one step left. */
CULL_API void cull_tape_settle(cull_tape *const *t, int n);
CULL_API float *cull_tape_grad(cull_tape *t); /* cull_params_size numbers; NULL before a backward */
CULL_API uint64_t cull_tape_bytes(const cull_tape *t); /* held by tensors and gradients now */
CULL_API uint64_t cull_tape_peak(const cull_tape *t);  /* most of that within this step */
CULL_API double
cull_tape_macs(const cull_tape *t); /* multiply-adds of this step's forward operations */

/* ---- tensors ---- */
/* Numbers of the caller's, borrowed until the reset. wants: their gradient is kept. */
CULL_API cull_var *cull_nn_input(cull_tape *t, int rank, const int64_t *dim, const float *v,
                                 bool wants);
CULL_API cull_var *cull_nn_constant(cull_tape *t, int rank, const int64_t *dim, double value);
CULL_API cull_var *cull_nn_param(cull_tape *t, int index); /* a parameter, in place */
/* The same numbers, which no gradient passes (stop-gradient). */
CULL_API cull_var *cull_nn_detach(cull_tape *t, cull_var *x);
/* Its value and gradient survive the backward. Returns x. */
CULL_API cull_var *cull_nn_watch(cull_tape *t, cull_var *x);
/* The forward pass is done with x: its memory is given back and its numbers are computed again when the
 * backward needs them (recompute). Returns x. No effect on leaves and watched tensors. */
CULL_API cull_var *cull_nn_forget(cull_tape *t, cull_var *x);
CULL_API int cull_var_rank(const cull_var *x);
CULL_API int64_t cull_var_dim(const cull_var *x, int i); /* i < 0 counts from the last */
CULL_API int64_t cull_var_count(const cull_var *x);
CULL_API const float *cull_var_value(const cull_var *x); /* NULL when forgotten */
CULL_API const float *
cull_var_grad(const cull_var *x); /* NULL when none came, or it was not watched */

#ifdef __cplusplus
}
#endif
#endif
