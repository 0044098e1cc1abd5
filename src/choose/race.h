/* race.h - candidates that are scored on the way: which go on, what that saves, what it loses.
 *
 * Candidates of one problem (seeds of a generator, answers, runs) go through the same checkpoints. At a cut the
 * best by the score so far go on. What a plan loses is told from problems whose candidates were all run to the
 * end. */
#ifndef CULL__RACE_H
#define CULL__RACE_H
#include "base/base.h"

enum { CULL__RACE_STEPS = 1024 }; /* checkpoints at most */

typedef struct {
    int64_t problems;
    const int64_t *first; /* problems + 1: candidates first[i] .. first[i+1]-1 are problem i's */
    int64_t candidates;   /* numbers in a row of score, at least first[problems] */
    int steps;
    const double *score;   /* (steps, candidates): larger = better; finite */
    const double *quality; /* candidates: of what comes out in the end; finite; may be NULL */
    const double *cost;    /* steps: of a candidate up to here, not falling; NULL = 1, 2, ... */
} cull__race;
cull_status cull__race_fits(cull_ctx *cx, const cull__race *r);

/* After checkpoint `first` one goes on; or, with halve > 1, one in `halve` of them, and again each time that
 * twice as many checkpoints are done, until one is left or the last checkpoint decides. */
typedef struct {
    int first; /* 0 .. steps - 1 */
    double halve;
} cull__race_plan;
/* The candidate that problem i ends with (of equals the first), an index into the race's, and what the
 * problem costs. Needs no quality; scores of checkpoints that a candidate did not come to are not read.
 * O(candidates steps) at most; scratch for the caller: alive (candidates of the problem). */
int64_t cull__race_run(const cull__race *r, const cull__race_plan *p, int64_t i, int64_t *alive,
                       double *cost);

/* loss (problems, steps): of plan `first` = step on problem i, how much worse its choice is than that of the
 * last checkpoint, in parts of the problem's range of quality: 0 to 1. mean cost (steps). */
cull_status cull__race_losses(cull_ctx *cx, const cull__race *r, double halve, double *loss,
                              double *cost);
/* The earliest first cut whose loss is at most `level`: with probability 1 - delta (learn then test, from the
 * last checkpoint on down, so that the order is none of the data's) or, with delta 0, in expectation (conformal
 * risk control on the largest loss of this cut and all later ones, which bounds it and falls). -1: not even the
 * last but one could be shown to hold, that is there are too few problems. loss (problems, steps) of
 * cull__race_losses; mean (steps, may be NULL) out. */
cull_status cull__race_stop(cull_ctx *cx, const double *loss, int64_t problems, int steps,
                            double level, double delta, double *mean, int *stop);
#endif
