/* cull/ticket.h - lottery tickets: a network pruned by magnitude, round by round, and trained again each
 * time from where it began (Frankle and Carbin 2019); masks of models, and their files.
 *
 *     cull_ticket_opts o = CULL_TICKET_OPTS;
 *     o.rounds = 15;
 *     status = cull_ticket_find(cx, m, &data, &o, &ticket);
 *     status = cull_ticket_apply(cx, ticket, 15, false, m); // what is left of the first weights
 *
 * Weights of layers (tensors of two dimensions and more) are pruned; biases, norms and frozen tensors
 * never are. A masked weight is exactly 0 and stays so, whatever the optimiser remembers and decays. */
#ifndef CULL_TICKET_H
#define CULL_TICKET_H
#include "cull/fit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- masks of a model ---- */
/* One round of pruning: m's mask (all weights where it has none) loses of each layer's n remaining ones
 * those whose size is at most that of rank round(rate n), counted from 0 and the smallest: round(rate n) + 1
 * where no two are alike; none where the rate is 0. rate: of each tensor of parameters, within [0, 1).
 * global: the ranks of all layers with a rate above 0 together, and ceil(rate n) with the largest of the
 * rates; a layer may then lose all. Half a weight is rounded to even. Nothing is changed unless all is
 * well. EINPUT: of a layer, by name (global: of all), nothing would be left. */
CULL_API cull_status cull_mask_prune(cull_ctx *cx, cull_model *m, const double *rate,
                                     bool global) CULL_CHECKED;
/* Weights that the mask leaves, of those of tensor i (-1 = of all that can be pruned). */
CULL_API int64_t cull_mask_left(const cull_model *m, int i);
CULL_API bool cull_mask_takes(const cull_model *m, int i); /* tensor i can be pruned */
/* safetensors of bytes 0 and 1 under the weights' names, with PyTorch's shapes. Atomic. */
CULL_API cull_status cull_mask_save(cull_ctx *cx, const cull_model *m,
                                    const char *path) CULL_CHECKED;
/* m's mask from such a file; weights outside it become 0. Tensors that the file has not keep all. EINPUT by
 * tensor: one that the model has not, another shape, neither 0 nor 1; nothing is changed then. */
CULL_API cull_status cull_mask_load(cull_ctx *cx, cull_model *m, const char *path) CULL_CHECKED;

/* ---- tickets ---- */
/* What is trained in a round: the ticket, and networks of as many weights that it is held against. */
typedef enum {
    CULL_TICKET_OWN,    /* the weights it began with, under the mask */
    CULL_TICKET_REINIT, /* other first weights under the same mask, all steps */
    CULL_TICKET_SIGNS,  /* sizes drawn from those of the layer's first weights, their signs kept */
    CULL_TICKET_RANDOM, /* the weights it began with under a random mask, as many of each layer */
    CULL_TICKET_ONE_SHOT, /* ... under that of the largest weights of the whole network's training */
    CULL_TICKET_WAYS
} cull_ticket_way;
/* Steps count from 1. loss and accuracy are of the rows to judge by; accuracy NaN where there are no classes. */
typedef struct {
    bool there;      /* it was trained */
    int64_t stop;    /* of the least loss of the validation rows: early stopping */
    double val_loss; /* there */
    double loss, accuracy;
    double last_val_loss, last_loss, last_accuracy; /* after the last step */
    double seconds;
} cull_ticket_run;
typedef struct {
    int64_t left; /* weights, of those that can be pruned */
    double share; /* of them */
    cull_ticket_run run[CULL_TICKET_WAYS];
} cull_ticket_round;

typedef struct {
    cull_fit_data all;
    const int64_t *row, *val_row, *test_row; /* to train on, to stop by, to judge by */
    int64_t n, val_n, test_n;                /* test_n 0: judged by the rows that it stops by */
} cull_ticket_data;
typedef struct {
    size_t size;
    /* Optimiser (made anew for each training), schedule, batch, shards, smoothing, augmentation, seed; its
     * epochs, patience, average and soft_keep do not count. A killed search goes on behind the last steps that it kept of
     * each training. */
    cull_fit_opts fit;
    int rounds;         /* of pruning, after the whole network's training */
    double prune;       /* share of a layer's weights that goes in each */
    double output;      /* of the last layer; below 0: half of `prune` */
    const double *rate; /* instead of both: of each tensor of parameters; NULL = as they say */
    bool global;   /* all layers' weights are ranked together, and `prune` is the share of all */
    bool one_shot; /* one pruning, to as many weights as `rounds` would leave */
    int64_t steps; /* of each training */
    int64_t every; /* steps from one validation to the next; 0 = an epoch's */
    int64_t
        rewind; /* back to the weights after so many steps of the first training, and on from there */
    unsigned controls; /* 1 << CULL_TICKET_REINIT and so on */
    const int *at;     /* rounds in which controls are trained; NULL = all */
    int ats;
    double
        sparse; /* a linear layer with no more than this share of its weights is computed as a list */
} cull_ticket_opts;
/* clang-format off */
#define CULL_TICKET_OPTS \
    {.size = sizeof(cull_ticket_opts), .fit = CULL_FIT_OPTS, .rounds = 15, .prune = .2, .output = -1, \
     .steps = 1500, .sparse = .1}
/* clang-format on */

typedef struct cull_ticket cull_ticket;
/* m's weights are where it begins, and its mask, if it has one, what it begins with; m stays as it is.
 * Trainings of one round run beside one another; a step draws the same rows in each. EOPTION, EINPUT: see
 * cull_fit and cull_mask_prune; there must be validation rows. */
CULL_API cull_status cull_ticket_find(cull_ctx *cx, cull_model *m, const cull_ticket_data *d,
                                      const cull_ticket_opts *o, cull_ticket **out) CULL_CHECKED;
CULL_API void cull_ticket_free(cull_ticket *t);
CULL_API int cull_ticket_count(const cull_ticket *t); /* of rounds, the whole network's (0) too */
CULL_API const cull_ticket_round *cull_ticket_at(const cull_ticket *t,
                                                 int round); /* NULL outside */
/* m, of the same description, becomes that of a round: the mask, and the weights that it is trained from;
 * trained: those of its early stop, of the last round alone. */
CULL_API cull_status cull_ticket_apply(cull_ctx *cx, const cull_ticket *t, int round, bool trained,
                                       cull_model *m) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
