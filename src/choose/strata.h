/* strata.h - conformal thresholds of strata of rows, as a policy keeps them: plain, weighted, or sure (cull/conform.h). */
#ifndef CULL__STRATA_H
#define CULL__STRATA_H
#include "base/base.h"
#include "cull/trust.h"

typedef struct {
    const double *v, *w;    /* (n) scores of calibration rows; weights, NULL = all alike */
    const int32_t *stratum; /* (n) 0 .. strata-1; NULL = all are of one */
    int64_t n;
    int32_t strata;
    double alpha; /* a new score passes the threshold with this chance at most */
    bool follow;  /* the scores are kept too, so that a stream's threshold can start from them */
    double
        delta; /* above 0: that chance, given the calibration rows, is as small but with a chance of delta; without
                   * weights (Vovk 2012: the number of scores below is binomial) */
} cull__strata;
/* Puts thresholds into p under `name`; with weights the scores themselves too, as thresholds then depend on the test row. *open
 * (may be NULL) grows by the strata without a finite threshold, but for weights. O(n log n) time. */
cull_status cull__strata_keep(cull_ctx *cx, const cull__strata *s, const char *name, cull_policy *p,
                              int64_t *open);
/* Whether thresholds of p are weighted. */
bool cull__strata_weighted(const cull_policy *p, const char *name);
/* q (m): thresholds of test rows of these strata (NULL = all 0) and weights (NULL where p has none); infinity of a stratum that had
 * no calibration rows. */
cull_status cull__strata_read(cull_ctx *cx, const cull_policy *p, const char *name,
                              const int32_t *stratum, const double *w, int64_t m, double *q);

/* Groups are known by name where they have names: files number them as they come. keep notes those of the calibration rows; read (n) gives
 * test rows the numbers that the policy's groups have, and -1 where there is none of the name. EINPUT: one side alone has names. */
cull_status cull__groups_keep(cull_ctx *cx, const cull_outcomes *o, cull_policy *p);
cull_status cull__groups_read(cull_ctx *cx, const cull_policy *p, const cull_outcomes *o,
                              int32_t *group);
#endif
