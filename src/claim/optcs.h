/* optcs.h - what both parts of optcs's check share: one choice of test rows in all ways, and their rates over many. */
#ifndef CULL__CLAIM_OPTCS_H
#define CULL__CLAIM_OPTCS_H
#include "claim/claim.h"

/* Scores of as many models (each the larger, the more a row looks positive), and what rows are. */
typedef struct {
    int models;
    int64_t n, m;
    double *calib, *test; /* (models, n), (models, m) */
    uint8_t *calib_positive, *test_positive;
} cull__scored_rows;
cull_status cull__scored_rows_new(cull_ctx *cx, int models, int64_t n, int64_t m,
                                  cull__scored_rows *out);

/* OptCS by its three prunings; the model that chooses most, as if it had been chosen beforehand; the same, chosen on one half
 * of the calibration rows and used with the other; a model at random. */
typedef enum { WAY_DTM, WAY_HOMO, WAY_HETE, WAY_NAIVE, WAY_SPLIT, WAY_RANDOM, WAYS } cull__way;
typedef struct {
    double fdp, power; /* share of the chosen that is negative, of the positive that is chosen */
} cull__outcome;
/* Rows of either side stand in random order. Draws of (seed of cx, stream); scratch of cx. */
cull_status cull__optcs_trial(cull_ctx *cx, const cull__scored_rows *t, double q, uint64_t stream,
                              cull__outcome out[WAYS]);

/* Means over trials: `at` holds `each` outcomes a trial, of which this is number `which`. */
typedef struct {
    double mean, error; /* standard error */
} cull__rate;
cull_status cull__optcs_rate(cull_ctx *cx, const cull__outcome *at, int64_t trials, int64_t each,
                             int64_t which, bool power, cull__rate *out);
void cull__optcs_figure(cull_claim_result *r, const char *what, cull__rate x);

/* (b): DAVIS and HIV. */
cull_status cull__optcs_drugs(cull_ctx *cx, const char *data_dir, int64_t trials,
                              cull_claim_result *out);
cull_status cull__optcs_drugs_path(cull_ctx *cx, const char *data_dir, const char *file, char *path,
                                   size_t size);
#endif
