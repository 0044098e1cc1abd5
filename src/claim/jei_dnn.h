/* jei_dnn.h - the network whose exits jei-dnn's check is about: what their layers put out, row by row. */
#ifndef CULL__CLAIM_JEI_DNN_H
#define CULL__CLAIM_JEI_DNN_H
#include "claim/claim.h"

enum { CULL__JEI_CLASSES = 10, CULL__JEI_EXITS = 3 }; /* exits at most */

/* Rows to train heads on, then those to watch and calibrate by, then those to judge by. */
typedef struct {
    int64_t train, val, test;
    int exits;
    int64_t d[CULL__JEI_EXITS];
    float *x[CULL__JEI_EXITS]; /* (rows, d): what goes into each exit's head */
    float *logit;              /* (rows, classes): of the network's own head */
    double *truth;             /* rows */
    double macs[CULL__JEI_EXITS +
                1]; /* multiply-adds of the network up to each exit, and of all of it */
    double right;   /* share of the test rows that the network has right */
} cull__jei_rows;

/* Four convolutions trained on 20,000 images of Fashion-MNIST, drawn by cx's seed, and frozen; taps behind the first three, pooled to
 * 64 numbers. 2,000 other images watch, 5,000 of the test images judge. Scratch of cx. */
cull_status cull__jei_fashion(cull_ctx *cx, const cull__images *f, cull__jei_rows *out);
#endif
