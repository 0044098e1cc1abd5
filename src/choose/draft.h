/* draft.h - speculative decoding: how many tokens the draft model proposes before the target model checks them.
 *
 * Everything is told from a trace: for each position of a text, the chance that the draft's token is accepted
 * there, and what a stop head said of it. A round drafts a few tokens (a draft pass each), then one target pass
 * keeps those before the first rejected one and adds a token of its own; the next round begins after it. That a
 * token's chance does not depend on where its round began is what a trace takes for granted. */
#ifndef CULL__DRAFT_H
#define CULL__DRAFT_H
#include "base/base.h"

enum { CULL__DRAFT_MOST = 64 }; /* tokens a round drafts at most */

typedef struct {
    int64_t n;
    const double *taken; /* n: probability of being accepted; what was seen is 0 or 1 */
    const double *said;  /* n: that probability as predicted; NULL = no rule asks for it */
} cull__trace;

typedef enum {
    CULL__DRAFT_FIXED,   /* `most` tokens */
    CULL__DRAFT_PRODUCT, /* until 1 - product of what was said is tau or more (Huang et al. 2024) */
    CULL__DRAFT_LAST,    /* until what was said of one token is below tau */
    CULL__DRAFT_SCHEDULE, /* begin with `start`; 2 more after a round all accepted, else 1 fewer */
} cull__draft_rule;
typedef struct {
    cull__draft_rule rule;
    double tau;
    int least, most; /* tokens, 1 <= least <= most */
    int lag;         /* 0; or 1: a token's prediction needs the draft pass after it */
    int start;
} cull__draft_policy;

/* Expected numbers. Rounds are target passes; a token is what a round adds to the text. */
typedef struct {
    double tokens, drafts, rounds;
} cull__draft_count;
typedef struct {
    double draft, target; /* cost of a pass, > 0 */
} cull__draft_cost;

/* EINPUT by position where a number is no probability, or n < 1; EOPTION where the policy is none, or asks for
 * predictions that the trace lacks. */
cull_status cull__trace_fits(cull_ctx *cx, const cull__trace *t);
cull_status cull__draft_policy_fits(cull_ctx *cx, const cull__trace *t,
                                    const cull__draft_policy *p);
cull_status cull__draft_cost_fits(cull_ctx *cx, const cull__draft_cost *c);

/* The expected counts of going over the trace once, exact: the chance that a round begins at a position is
 * carried forward over the trace. block (blocks; NULL with 0) has those of rounds that begin in each of so many
 * stretches of equal length. O(n most) time, for a schedule O(n most^2); O(most^2) memory. Trace and policy
 * fit. */
void cull__draft_count_up(const cull__trace *t, const cull__draft_policy *p, int64_t blocks,
                          cull__draft_count *block, cull__draft_count *sum);
/* Tokens of a round that begins at `at`, unless what is drafted ends the text; not of a schedule. */
int cull__draft_length(const cull__trace *t, const cull__draft_policy *p, int64_t at);
/* Acceptances drawn, 0 or 1. No position is tested twice in a run, so a count over them is a run that
 * draws as it goes, and policies counted over the same draws are compared on the same luck. */
void cull__draft_draw(cull_rng *r, const double *taken, int64_t n, double *out);
/* Tokens in the time of one target pass: 1 is decoding without a draft. */
double cull__draft_speed(const cull__draft_count *c, const cull__draft_cost *cost);

/* ---- draft_fit.c ---- */
/* The fastest fixed length within least .. most. O(n most^2). */
cull_status cull__draft_fixed(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c,
                              int least, int most, cull__draft_policy *best, double *speed);
/* The fastest tau, least and most of p's rule (PRODUCT or LAST; lag, least and most are p's own, within which
 * it looks). Thresholds are those that the trace has to tell apart: all of them up to `grid`, else that many
 * quantiles and then those around the best. Begins with the best fixed length, so it is not slower than that
 * on this trace. O(n most (grid + most)) time. Same bits for any number of threads. */
cull_status cull__draft_fit(cull_ctx *cx, const cull__trace *t, const cull__draft_cost *c, int grid,
                            cull__draft_policy *p, double *speed);
/* Speed of a over that of b, less 1, and its 95 % interval by a bootstrap of blocks that both were counted
 * in. */
cull_status cull__draft_gain(cull_ctx *cx, const cull__draft_count *a, const cull__draft_count *b,
                             int64_t blocks, const cull__draft_cost *c, uint64_t stream,
                             double *gain, double *lo, double *hi);
#endif
