/* cull/train.h - training: optimisers, schedules, averages, the loop, curvature. Data: cull/dataset.h.
 *
 *     static cull_var *loss(cull_tape *t, void *user, const cull_batch *b);  // the graph of b's rows
 *     cull_train_problem q = {.params = p, .n = 50000, .loss = loss, .user = &net};
 *     cull_train_opts o = CULL_TRAIN_OPTS;
 *     o.epochs = 30;
 *     status = cull_train(cx, &q, &o, &history);
 *
 * Bits depend on seed, options and instruction set, not on the number of threads. */
#ifndef CULL_TRAIN_H
#define CULL_TRAIN_H
#include "cull/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- optimisers: PyTorch's formulas, in one pass over the flat buffer ----
 * State and frozen tensors stay as they are, and so do masked numbers: weight decay does not move them
 * either. Flags and mask may change between steps; tensors may not be added. */
typedef struct cull_optim cull_optim;
typedef enum {
    CULL_SGD,   /* momentum, dampening 0; decay is added to the gradient */
    CULL_ADAM,  /* Kingma and Ba 2015; decay is added to the gradient */
    CULL_ADAMW, /* Loshchilov and Hutter 2019; decay shrinks the weights */
} cull_optim_kind;
typedef struct {
    cull_optim_kind kind;
    double decay;    /* weight decay, not of CULL_PARAM_NO_DECAY */
    double momentum; /* SGD */
    bool nesterov;
    double beta1, beta2, epsilon; /* Adam, AdamW */
    double clip;                  /* most length of the gradient; 0 = any */
    double clip_value;            /* most size of one number of it, before `clip`; 0 = any */
    /* Times the sign of each number of CULL_PARAM_SCALE (0 has none), added to its gradient behind `clip`: the
     * l1 norm of scales as a part of the loss, which draws them to 0 (Liu et al. 2017, network slimming, section
     * 3; their s = 1e-4 to 1e-5). See cull_surgery_slim. 0 = none */
    double norm_l1;
    const double *scale; /* of each tensor: times the learning rate; NULL = 1. Copied */
} cull_optim_opts;
/* clang-format off */
#define CULL_OPTIM_OPTS {.kind = CULL_ADAM, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8}
/* clang-format on */
CULL_API cull_status cull_optim_new(cull_ctx *cx, cull_params *p, const cull_optim_opts *o,
                                    cull_optim **out) CULL_CHECKED;
CULL_API void cull_optim_free(cull_optim *o);
/* One step along sum_k share[k] grad[k] (n flat gradients, added in order; share NULL = 1 each). CULL_EOPTION:
 * a learning rate that is not finite or below 0; CULL_EINPUT: `clip` and a gradient that is not finite. */
CULL_API cull_status cull_optim_step(cull_ctx *cx, cull_optim *o, const float *const *grad,
                                     const double *share, int n, double lr) CULL_CHECKED;
CULL_API double cull_optim_norm(const cull_optim *o); /* length before `clip`; NaN without it */
/* What a checkpoint keeps besides the weights: flat arrays of cull_params_size numbers, under PyTorch's
 * names ("momentum_buffer", "exp_avg", "exp_avg_sq"), to read and write; and the steps done. */
CULL_API int cull_optim_count(const cull_optim *o);
CULL_API float *cull_optim_array(cull_optim *o, int i, const char **name); /* NULL outside */
CULL_API int64_t cull_optim_steps(const cull_optim *o);
CULL_API void cull_optim_set_steps(cull_optim *o, int64_t steps);
CULL_API void cull_optim_reset(cull_optim *o); /* zeros, step 0 */

/* ---- learning rates ---- */
typedef enum {
    CULL_LR_CONSTANT,
    CULL_LR_LINEAR, /* from lr to lr * floor; so do the next three */
    CULL_LR_COSINE,
    CULL_LR_POLY, /* (1 - t)^power */
    CULL_LR_COSINE_POWER, /* Hundt et al. 2019: (power^(c + 1) - power) / (power^2 - power), c the cosine's */
    CULL_LR_STEP, /* times gamma at each milestone */
} cull_lr_kind;
typedef struct {
    cull_lr_kind kind;
    double lr, floor;
    double
        warmup; /* steps of a linear start: lr (step + 1) / warmup; the rest is as of 0 behind it */
    double power, gamma;
    const double *milestone; /* CULL_LR_STEP: shares of all steps, 0 to 1, ascending */
    int milestones;
    bool by_epoch; /* cull_train: a step of it is an epoch */
} cull_schedule;
/* clang-format off */
#define CULL_SCHEDULE {.kind = CULL_LR_COSINE, .lr = 1e-3, .power = 1, .gamma = .1}
/* clang-format on */
/* The rate of step 0 .. steps-1. */
CULL_API double cull_schedule_at(const cull_schedule *s, double step, double steps);
CULL_API cull_status cull_schedule_check(cull_ctx *cx, const cull_schedule *s) CULL_CHECKED;

/* ---- averages and snapshots of all numbers, state too ---- */
typedef struct cull_ema cull_ema;
/* Begins at p's numbers. ramp: step i (from 1) uses min(decay, (1 + i) / (10 + i)). */
CULL_API cull_status cull_ema_new(cull_ctx *cx, cull_params *p, double decay, bool ramp,
                                  cull_ema **out) CULL_CHECKED;
CULL_API void cull_ema_free(cull_ema *e);
CULL_API void cull_ema_step(cull_ema *e); /* e = decay e + (1 - decay) p */
CULL_API float *cull_ema_value(cull_ema *e);
CULL_API int64_t cull_ema_steps(const cull_ema *e);
CULL_API void cull_ema_set_steps(cull_ema *e, int64_t steps);
CULL_API void cull_ema_swap(cull_ema *e); /* p's numbers and e's change places */

typedef struct cull_snapshots cull_snapshots;
/* Keeps `keep` of those taken: the last ones, or those of the lowest score. */
CULL_API cull_status cull_snapshots_new(cull_ctx *cx, cull_params *p, int keep, bool best,
                                        cull_snapshots **out) CULL_CHECKED;
CULL_API void cull_snapshots_free(cull_snapshots *s);
CULL_API void cull_snapshots_take(cull_snapshots *s, int64_t step, double score);
CULL_API int cull_snapshots_count(const cull_snapshots *s);
/* i = 0 is the newest, or the best; NULL outside. step and score may be NULL. */
CULL_API const float *cull_snapshots_at(const cull_snapshots *s, int i, int64_t *step,
                                        double *score);
/* All numbers as they were then, masked and frozen ones too. False: there is none. */
CULL_API bool cull_snapshots_restore(cull_snapshots *s, int i);

/* ---- the loop ---- */
/* A shard of a batch: what the loss is of. */
typedef struct {
    const int64_t *row;  /* rows of the data */
    int64_t n;           /* of them */
    double share;        /* n over the rows of the batch */
    bool train;          /* else nothing is drawn and no gradient is asked for */
    int shard;           /* calls of one shard never overlap, others may */
    int64_t epoch, step; /* from 0; step counts through all epochs */
    uint64_t
        stream; /* draws of a row (augmentation) are from (stream, row): of the seed and the epoch */
    float *out; /* (n, outs): predictions go here; NULL = not wanted. See cull_batch_predict */
} cull_batch;
/* The mean loss over b's rows, a scalar on t; NULL after a failure. Memory of its own that the graph borrows
 * must last until the shard's next call. */
typedef cull_var *cull_loss_fn(cull_tape *t, void *user, const cull_batch *b);
/* Copy x (n, outs), where predictions are wanted. Returns x. */
CULL_API cull_var *cull_batch_predict(const cull_batch *b, cull_var *x);

typedef struct {
    cull_params *params;
    int64_t n;              /* rows to train on */
    const int64_t *row;     /* which; NULL = 0 .. n-1 */
    int64_t val_n;          /* rows to validate on; 0 = none */
    const int64_t *val_row; /* NULL = n .. n+val_n-1 */
    cull_loss_fn *loss;
    void *user; /* handed to all functions here; read by several threads */
    int outs;   /* numbers predicted of a row; 0 = no predictions */
    /* of the predictions (n, outs) of the validation rows; larger is better */
    double (*metric)(void *user, const int64_t *row, const float *out, int64_t n);
    /* after each step, at most one thread; may change weights, flags and mask. A run that goes on from a
     * checkpoint calls it from the next step on: flags, mask and what user holds are not in there */
    cull_status (*after)(cull_ctx *cx, void *user, int64_t step, int64_t steps);
    uint64_t hash; /* of data and network: a checkpoint of another is refused */
} cull_train_problem;

typedef struct {
    cull_optim_opts optim;
    cull_schedule schedule;
    int64_t epochs, batch;
    int64_t shards;   /* equal parts of a batch, which run in parallel; batch norm is of each */
    bool drop_last;   /* leave out the rows of an epoch that fill no batch */
    bool in_order;    /* do not shuffle */
    double ema;       /* decay of an average, which is validated and handed out; 0 = none */
    int64_t patience; /* stop after so many epochs without a better validation; 0 = never */
    double min_delta; /* better by less does not count */
    bool by_metric;   /* of the metric, else of the validation's loss */
    bool last;        /* hand out the last weights, not the best validated ones */
    uint64_t seed;    /* of order and draws, beside the ctx's */
} cull_train_opts;
/* clang-format off */
#define CULL_TRAIN_OPTS \
    {.optim = CULL_OPTIM_OPTS, .schedule = CULL_SCHEDULE, .epochs = 10, .batch = 64, .shards = 1}
/* clang-format on */

/* One number an epoch that was trained; NaN where there is none. Owned. */
typedef struct {
    int64_t epochs, best; /* best: the epoch handed out, -1 = the last */
    int64_t steps;
    bool early;     /* patience ended it */
    uint64_t bytes; /* tapes, gradients, optimiser: measured at the first step */
    double *train_loss, *val_loss, *metric, *lr, *seconds, *rows_s; /* lr: of the last step */
    void *mem_;
} cull_history;
CULL_API void cull_history_free(cull_history *h);

/* Trains q's parameters in place. Where the ctx's job keeps checkpoints, a killed run goes on behind its
 * last one to the same bits. CULL_EINPUT: a loss that is not finite, with the operation that made it;
 * a batch larger than the data; a checkpoint of other data or options. CULL_ENOMEM before anything is
 * trained where tapes, gradients and optimiser do not fit the memory limit. h may be NULL. */
CULL_API cull_status cull_train(cull_ctx *cx, const cull_train_problem *q, const cull_train_opts *o,
                                cull_history *h) CULL_CHECKED;
/* count independent trainings, of q[i] (with parameters of its own) by o[i], each on one thread, to what
 * cull_train gives it alone. h: one for each, or NULL. After a failure all histories are empty. */
CULL_API cull_status cull_train_many(cull_ctx *cx, const cull_train_problem *q,
                                     const cull_train_opts *o, int64_t count,
                                     cull_history *h) CULL_CHECKED;
/* Mean loss over n rows in evaluation mode, batches of `batch`, `shards` at a time; out (n, q->outs) or NULL. */
CULL_API cull_status cull_train_evaluate(cull_ctx *cx, const cull_train_problem *q,
                                         const int64_t *row, int64_t n, int64_t batch,
                                         int64_t shards, double *loss, float *out) CULL_CHECKED;

/* ---- how good predictions are ---- */
typedef struct {
    double accuracy, top5; /* ties: the lower class first */
    double auc; /* of two classes, else the mean of one against the rest; NaN: a class is missing */
    double nll, ece, brier; /* of softmax(score); ece: 15 bins of equal width */
} cull_class_metrics;
/* score (n, classes) before softmax. confusion (classes, classes) [label][predicted] or NULL. */
CULL_API cull_status cull_metrics_classes(cull_ctx *cx, const float *score, const int32_t *label,
                                          int64_t n, int64_t classes, cull_class_metrics *out,
                                          int64_t *confusion) CULL_CHECKED;
typedef struct {
    double mse, r2, kendall; /* tau-b */
} cull_number_metrics;
CULL_API cull_status cull_metrics_numbers(cull_ctx *cx, const float *predicted, const float *target,
                                          int64_t n, cull_number_metrics *out) CULL_CHECKED;

/* ---- gradients and curvature, in evaluation mode, of q's rows; weights are as before afterwards ---- */
/* Mean gradient over the rows, flat, zero where nothing is trained; in batches of `batch`. */
CULL_API cull_status cull_gradient(cull_ctx *cx, const cull_train_problem *q, int64_t batch,
                                   float *grad) CULL_CHECKED;
typedef enum { CULL_PROJECT_SIGN, CULL_PROJECT_NORMAL } cull_project_kind;
/* The gradient of each row by itself, times a random matrix (trained, k) of signs or normal numbers over
 * sqrt(k), which (seed of cx, kind) fixes and nothing holds: out (n, k). What a store takes (cull/store.h).
 * k = 0: as they are, (n, cull_params_trained). O(n (backward + trained k)) time. */
CULL_API cull_status cull_gradients(cull_ctx *cx, const cull_train_problem *q, int64_t k,
                                    cull_project_kind kind, float *out) CULL_CHECKED;
/* H v by central difference over a step of r / |v| (r 0 = 0.01): v and out flat. */
CULL_API cull_status cull_hessian_times(cull_ctx *cx, const cull_train_problem *q, int64_t batch,
                                        double r, const float *v, float *out) CULL_CHECKED;
/* The largest eigenvalue of the Hessian (of either sign: not by size), by Lanczos with `most` products at
 * most (0 = 50), until it is known to tolerance * |value| (0 = 1e-3); *error: how far off it may be;
 * vector flat or NULL. Holds a flat vector for each product. */
CULL_API cull_status cull_hessian_top(cull_ctx *cx, const cull_train_problem *q, int64_t batch,
                                      double r, int64_t most, double tolerance, double *value,
                                      double *error, float *vector) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
