/* channels.h - SCORE: what each measured channel is worth to a task network that is trained beside a score
 * network, while channels are taken away (Blumberg et al. 2024). */
#ifndef CULL__CHANNELS_H
#define CULL__CHANNELS_H
#include "base/base.h"
#include "cull/feature.h"
#include "cull/nn.h"

typedef struct {
    int64_t hidden, layers; /* of both networks */
    int64_t batch;
    double rate;        /* Adam's */
    double holdout;     /* share of the rows (or groups) that stopping is judged by */
    int64_t fix;        /* epochs of a step before its scores are fixed */
    int64_t fade, drop; /* epochs in which the score network, then the channels, fade out */
    int64_t patience;   /* a step ends after so many epochs without a better loss */
    int64_t epochs;     /* most of a step */
    bool plain;         /* no scores at all, one step, exactly `epochs` epochs: a baseline */
} cull__channels_opts;

typedef struct {
    int64_t d, m;    /* columns of the problem; outputs (classes, or numbers) */
    int steps;       /* 0: there was no column to choose from */
    uint8_t *kept;   /* d: still there at the end */
    int32_t *stayed; /* d: steps that it was there for */
    double *score;   /* d: mean score at the end; NaN = never a candidate (avoided, constant) */
    double *loss;    /* steps: best loss on the rows held out, in the targets' units */
    int64_t epochs;  /* of all steps */
    struct cull__channels_net *net; /* the task network of the last step */
} cull__channels;

/* Steps t = 1 .. steps: channels with the smallest mean score go until what is left costs at most size[t-1]
 * (the first step takes none away). Columns held already stay. x without missing values, all numeric; the target is
 * p->ys, else p->y. O(epochs n (d hidden + hidden^2)) time; 4 n m bytes and tapes of a batch. */
cull_status cull__channels_train(cull_ctx *cx, const cull_feature_problem *p,
                                 const cull__channels_opts *o, const double *size, int steps,
                                 cull__channels *out);
void cull__channels_free(cull__channels *c);
/* What the task network says of rows of x (n, d): out (n, m), of classes their scores. */
cull_status cull__channels_predict(cull_ctx *cx, const cull__channels *c, const cull_pool *x,
                                   float *out);
#endif
