/* train.h - inside of training: the kernels of optimisers, and what parts of the loop share. */
#ifndef CULL__NN_TRAIN_H
#define CULL__NN_TRAIN_H
#include "cull/train.h"
#include "nn/kern.h"
#include "nn/nn.h"

/* ---- kern_optim.c ---- */
/* What one step does to a stretch of the flat buffer. The gradient is sum_k share[k] grad[k], clipped, times
 * coef, and with decay where that is coupled, and l1 times the signs of weights. */
typedef struct {
    const float *const *grad;
    const float *share; /* NULL = 1 each */
    int grads;
    float clip_value; /* 0 = any */
    float coef;       /* of the clipped length; 1 = none */
    const float *mask;
    float lr, decay; /* decay: the coupled one */
    float l1;
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
    /* size or -size for each bit of words w[0..n), the lowest first: 32 n numbers */
    void (*signs)(float *out, const uint32_t *w, int64_t n, float size);
} cull__optim_kern;
CULL__DECLARE(optim);

/* Of all options of a training of `count` tensors (train.c). */
uint64_t cull__train_hash(const cull_train_opts *o, int count);

/* ---- crew.c: tapes that go over batches beside one another ---- */
typedef struct {
    const cull_train_problem *q;
    cull_tape **tape;
    int64_t tapes;
} cull__crew;
cull_status cull__crew_new(cull_ctx *cx, const cull_train_problem *q, int64_t tapes,
                           cull__crew *out);
void cull__crew_free(cull__crew *c);
/* The loss of b on tape b->shard, which starts a step of that mode and stream; backward with CULL_TAPE_GRAD. */
cull_status cull__crew_loss(cull_ctx *cx, const cull__crew *c, const cull_batch *b, unsigned mode,
                            uint64_t stream, double *loss);
/* One step of `optim` along the mean gradient of row[0..n), in shards of `grain` rows with a tape each; the
 * draws of shard k are of stream + k. */
cull_status cull__crew_step(cull_ctx *cx, const cull__crew *c, cull_optim *optim,
                            const int64_t *row, int64_t n, int64_t grain, uint64_t stream,
                            double lr);
/* Rows of a shard: all of the batch where a part of it would be below `least`. */
int64_t cull__crew_grain(const cull__crew *c, int64_t batch, int64_t least);
/* Mean loss over row[0..n) in evaluation mode, in batches, as many at a time as there are tapes; out
 * (n, outs) or NULL. */
cull_status cull__crew_evaluate(cull_ctx *cx, const cull__crew *c, const int64_t *row, int64_t n,
                                int64_t batch, double *loss, float *out);
/* q has parameters and a loss, and counts that make sense. */
cull_status cull__problem_check(cull_ctx *cx, const cull_train_problem *q);
/* row[0..n), or first .. first+n-1 where it is NULL, in scratch. */
cull_status cull__row_list(cull_ctx *cx, const int64_t *row, int64_t first, int64_t n,
                           int64_t **out);
#endif
