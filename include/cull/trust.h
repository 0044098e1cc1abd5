/* cull/trust.h - which outputs to trust, with a guarantee: selection, sets, intervals, early stops.
 *
 * Pointers in a problem are borrowed for the call. */
#ifndef CULL_TRUST_H
#define CULL_TRUST_H
#include "cull/confidence.h"
#include "cull/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_trust_problem {
    const cull_outcomes *rows; /* calibration: rows whose truth is known */
    double
        level; /* what may go wrong at most: the false discovery rate of a selection, the miscoverage of
                     sets and intervals, the risk of what is accepted; in (0, 1) */
    double delta; /* chance that it is more; 0 = the level holds in expectation */
    double above; /* of a selection: rows of truth > above are looked for; NAN = of truth 1 */
} cull_trust_problem;
/* clang-format off */
#define CULL_TRUST_PROBLEM {.level = 0.1, .delta = 0, .above = NAN}
/* clang-format on */

#define CULL_SCORES "calibration.scores"
/* What a method of task trust is: as of compute (cull_compute_fns). */
typedef struct cull_trust_fns {
    unsigned needs, apply_needs; /* sums of CULL_READS_... of cull/compute.h */
    bool delta; /* its guarantee is with a chance of `delta`; else a delta above 0 is refused */
    /* Decisions depend on which rows are decided on together, so that these must come at once: "" = always, else
     * where this option is on. NULL = each row is decided on by itself. */
    const char *at_once;
    cull_status (*fit)(cull_ctx *cx, const cull_trust_problem *p, const void *opts,
                       cull_policy *out);
    cull_status (*apply)(cull_ctx *cx, const cull_policy *p, const void *opts,
                         const cull_outcomes *rows, cull_decisions *out);
    /* Of a method whose threshold bounds a share of all rows, so that it can follow them (cull/stream.h): `strange` is the
     * score (n) of each row that the threshold is compared with, NAN where the truth is not known; `at` decides by a
     * threshold for each row. Its policies hold those scores of the calibration rows, as CULL_SCORES. NULL else. */
    cull_status (*strange)(cull_ctx *cx, const cull_policy *p, const void *opts,
                           const cull_outcomes *rows, double *score);
    cull_status (*at)(cull_ctx *cx, const cull_policy *p, const void *opts,
                      const cull_outcomes *rows, const double *threshold, cull_decisions *out);
} cull_trust_fns;

/* Calibrate m (a method of task trust); opts NULL = defaults. The policy is a certificate: it says what is
 * guaranteed and what that assumes, and holds the hashes of the calibration rows where they are known.
 * CULL_EINPUT, by name: what cull_outcomes_check refuses, what m needs and is not there, a level outside (0, 1),
 * a truth that is missing. */
CULL_API cull_status cull_trust_fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                    const cull_trust_problem *p, cull_policy **out) CULL_CHECKED;
/* What that would hold, as cull_compute_plan. */
CULL_API cull_status cull_trust_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                     const cull_trust_problem *p,
                                     cull_policy_plan *out) CULL_CHECKED;
/* Decide about test rows, all of which count at once in a selection. *g (may be NULL) is what is guaranteed of
 * these decisions: `broken` is set where rows are among those of the calibration, or an option is another; strings live as long as the policy. */
CULL_API cull_status cull_trust_apply(cull_ctx *cx, cull_policy *p, const cull_opts *opts,
                                      const cull_outcomes *rows, cull_decisions *out,
                                      cull_guarantee *g) CULL_CHECKED;
/* Decisions against the truth that became known later: what the guarantee bounds, of this one draw of calibration
 * and test rows, with its exact 95 % interval (Clopper and Pearson). What holds in expectation may be missed in one
 * draw: p is the chance of so much or more where the guarantee holds. With a delta that is of a share at the level;
 * else the rows that went wrong, here and in the calibration, are as likely in one as in the other (binomial, by their
 * numbers). */
typedef struct {
    const char *bounds;
    double level, reached, lo, hi, p;
    int64_t kept, rows;
    double
        power; /* of a selection: share of what is looked for that was kept; of sets and intervals: mean size */
    bool refuted; /* p < 0.025 */
} cull_trust_verdict;
CULL_API cull_status cull_trust_check(cull_ctx *cx, const cull_policy *p, const cull_decisions *d,
                                      const cull_outcomes *rows,
                                      cull_trust_verdict *out) CULL_CHECKED;
/* Of probabilities (method calibration) instead: how well `score` fits what was the case. */
CULL_API bool cull_trust_calibrates(const cull_policy *p);
CULL_API cull_status cull_trust_reliability(cull_ctx *cx, const cull_policy *p,
                                            const cull_decisions *d, const cull_outcomes *rows,
                                            cull_reliability *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
