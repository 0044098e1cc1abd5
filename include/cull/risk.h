/* cull/risk.h - thresholds whose risk is held: tests of a mean loss, learn then test, conformal risk control, intervals of
 * a share.
 *
 * A threshold is a place 0 .. k-1 of a grid; loss (n, k) holds what each calibration row loses at each of them. Who has the
 * mean losses needs no matrix: all but cull_risk_pvalues and cull_risk_conformal take means. Rows are independent
 * (learn then test) or exchangeable with the test rows (conformal risk control). */
#ifndef CULL_RISK_H
#define CULL_RISK_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- p-values of "the risk is above alpha", small where it is not; 0 < alpha < 1, n >= 1 rows ---- */
/* Hoeffding and Bentkus, for losses in [0, 1] with this mean (Bates et al. 2021; Angelopoulos et al. 2021, proposition 1).
 * NaN for a mean outside [0, 1]. */
CULL_API double cull_risk_hoeffding_bentkus(double mean, int64_t n, double alpha);
/* Exact for losses of 0 and 1, `hits` of which are 1: P(Binomial(n, alpha) <= hits). */
CULL_API double cull_risk_binomial(int64_t hits, int64_t n, double alpha);
/* By betting (Waudby-Smith and Ramdas 2023): 1 over the most that a bettor against "above alpha" had, who stakes more where losses so
 * far were alike; far smaller than Hoeffding and Bentkus's for losses of little variance. Rows are in an order that their losses
 * have no part in; stakes are those for a test at delta, and any delta is valid. NaN where a loss is outside [0, 1]. */
CULL_API double cull_risk_betting(const double *loss, int64_t n, double alpha, double delta);
/* Of each threshold: mean[j] (may be NULL) and p[j], the exact one where all its losses are 0 or 1 and `exact`, else Hoeffding
 * and Bentkus's. EINPUT: a loss outside [0, 1]. O(n k) time, no memory of its own but k counts. */
CULL_API cull_status cull_risk_pvalues(cull_ctx *cx, const double *loss, int64_t n, int64_t k,
                                       double alpha, bool exact, double *mean,
                                       double *p) CULL_CHECKED;

/* ---- learn then test (Angelopoulos et al. 2021): thresholds that all hold the risk with probability 1 - delta ---- */
/* From place 0 on until one fails (section 2.3): the order must not depend on the calibration rows; put safe thresholds
 * first. Or each at delta / k, whatever the order. */
typedef enum { CULL_LTT_SEQUENCE, CULL_LTT_BONFERRONI } cull_ltt;
/* valid[j] (k) from p (k); *count of them. NaN is no evidence. 0 < delta < 1. */
CULL_API cull_status cull_risk_learn(cull_ctx *cx, const double *p, int64_t k, double delta,
                                     cull_ltt how, uint8_t *valid, int64_t *count) CULL_CHECKED;

/* ---- conformal risk control (Angelopoulos et al. 2022): the expected loss of a new row is alpha at most ---- */
/* Losses that never grow from a threshold to the next and are `most` at most: *at = the first place for which
 * (n mean + most) / (n + 1) <= alpha, -1 where there is none (the last threshold must then be safe by itself). EINPUT names a
 * row whose loss grows or passes `most`. O(n k) time. */
CULL_API cull_status cull_risk_conformal(cull_ctx *cx, const double *loss, int64_t n, int64_t k,
                                         double alpha, double most, int64_t *at) CULL_CHECKED;
/* The same from the means (k) of n rows, whose losses the caller knows not to grow. EINPUT: means that do. */
CULL_API cull_status cull_risk_conformal_means(cull_ctx *cx, const double *mean, int64_t k,
                                               int64_t n, double alpha, double most,
                                               int64_t *at) CULL_CHECKED;

/* Clopper and Pearson's (1934) interval of a share of which `hits` of n were seen: holds it with probability `level` at
 * least, each end with (1 + level) / 2. n = 0: 0 and 1. */
CULL_API void cull_risk_interval(int64_t hits, int64_t n, double level, double *lo, double *hi);

#ifdef __cplusplus
}
#endif
#endif
