/* train.h - inside of training: the kernels of optimisers, and what parts of the loop share. */
#ifndef CULL__NN_TRAIN_H
#define CULL__NN_TRAIN_H
#include "cull/train.h"
#include "nn/kern.h"
#include "nn/nn.h"

/* ---- kern_optim.c ---- */
/* What one step does to a stretch of the flat buffer. The gradient is sum_k share[k] grad[k], clipped, times
 * coef, and with decay where that is coupled. */
typedef struct {
    const float *const *grad;
    const float *share; /* NULL = 1 each */
    int grads;
    float clip_value; /* 0 = any */
    float coef;       /* of the clipped length; 1 = none */
    const float *mask;
    float lr, decay;     /* decay: the coupled one */
    float keep;          /* what decoupled decay leaves of a weight */
    float momentum;      /* SGD */
    float beta2;         /* Adam */
    float more1, more2;  /* 1 - beta */
    float epsilon, root; /* 1 / sqrt(1 - beta2^t) */
    bool nesterov;
} cull__update;
typedef struct {
    /* sum of squares of the gradient [lo, hi), before coef and decay */
    double (*square)(const cull__update *u, int64_t lo, int64_t hi);
    void (*sgd)(const cull__update *u, float *p, float *b, int64_t lo, int64_t hi); /* b: or NULL */
    void (*adam)(const cull__update *u, float *p, float *m, float *v, int64_t lo, int64_t hi);
    void (*ema)(float *e, const float *p, float more, int64_t n); /* e += more (p - e) */
    void (*swap)(float *a, float *b, int64_t n);
} cull__optim_kern;
CULL__DECLARE(optim);
#endif
