/* fbnetv3.h - the parts of fbnetv3's check: rankings and curves (fbnetv3.c), trainings (fbnetv3_recipe.c). */
#ifndef CULL__CLAIM_FBNETV3_H
#define CULL__CLAIM_FBNETV3_H
#include "claim/claim.h"
#include "claim/search_table.h"

/* (a) Lines and figures of a table whose columns are accuracy, parameters, FLOPs. */
cull_status cull__fbnetv3_ranks(cull_ctx *cx, const cull__search_table *t, int seeds,
                                cull_claim_result *out);
/* (c) The same of the learning curves, if they are there; and the note. */
cull_status cull__fbnetv3_curves(cull_ctx *cx, const char *dir, cull_claim_result *out);

/* ---- (b) ---- */
/* Images of digits as rows of numbers from 0 to 1, and how much is done with them. */
typedef struct {
    int64_t n, d;
    const float *x; /* (n, d) */
    const int32_t *y;
    int64_t train, val, test; /* rows of each kind, drawn; together n at most */
    int64_t epochs, trials,
        again; /* of a training; of a search; trainings that judge what it found */
} cull__digits;
/* The first `want` images of MNIST in dir/mnist, 14 x 14: x and y of *out, scratch of cx. ENODATA: they are not there. */
cull_status cull__digits_load(cull_ctx *cx, const char *dir, int64_t want, cull__digits *out);

/* Shares of test rows labelled rightly by what the searches found, by cx's seed: over architecture alone with the default
 * recipe, over both, and over both by random search. */
typedef struct {
    double alone, joint, drawn;
} cull__recipe;
cull_status cull__recipe_search(cull_ctx *cx, const cull__digits *d, cull__recipe *out);
#endif
