/* cull/verdict.h - what the results of searches are worth: against random ones, against a table of everything, over seeds and
 * settings.
 *
 * The protocol (Yang, Esperanca and Carlucci 2020): at least 8 searches and 8 random designs of the same space, trained alike;
 * the gain over random with its interval and its test; how far seeds alone move a ranking; and all settings of a method
 * that were tried, not the best one (Krishnan et al. 2023 call that the hyperparameter lottery). Results must be finite: EINPUT
 * names the first that is not. Draws are of (seed of cx, stream). */
#ifndef CULL_VERDICT_H
#define CULL_VERDICT_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- against random designs ---- */
typedef struct {
    double mean, sd, random_mean, random_sd; /* sd: n - 1 below */
    /* 100 (mean - random_mean) / |random_mean|, sign turned where smaller is better; and its 95 % interval:
     * percentiles of a bootstrap of both sides (Efron 1979) */
    double relative, lo, hi;
    /* The share of what random leaves to the limit that is gained, 100 (mean - random_mean) / (limit - random_mean): near a
     * limit a small relative gain may be a large one. NaN without a limit. */
    double reduction;
    double t, df, p; /* Welch's test that the means are equal, as cull_verdict_welch */
} cull_search_verdict;
/* a (n) results of a method, b (k) of random designs, n, k >= 2; limit: the best that could be (100 for an accuracy in
 * percent), NAN = none; draws of the bootstrap, 0 = 10000. EINPUT: a random mean of 0. */
CULL_API cull_status cull_verdict_relative(cull_ctx *cx, const double *a, int64_t n,
                                           const double *b, int64_t k, bool maximize, double limit,
                                           int64_t draws, uint64_t stream,
                                           cull_search_verdict *out) CULL_CHECKED;
/* Welch's t (1947) of unequal variances s^2: t = (mean a - mean b) / sqrt(s_a^2 / n + s_b^2 / k), with df = (s_a^2 / n +
 * s_b^2 / k)^2 / ((s_a^2 / n)^2 / (n - 1) + (s_b^2 / k)^2 / (k - 1)); p of both sides. Without any variance: t infinite
 * and p 0, or NaN where the means are equal; df is NaN. */
CULL_API cull_status cull_verdict_welch(cull_ctx *cx, const double *a, int64_t n, const double *b,
                                        int64_t k, double *t, double *df, double *p) CULL_CHECKED;
/* a[i] and b[i] belong together (a seed, a data set): mean of a - b, 95 % percentiles of its bootstrap over pairs, and p: the
 * share of draws, moved to mean 0, that are as far off (Efron and Tibshirani 1993, 16.4), (1 + so many) / (1 + draws). */
CULL_API cull_status cull_verdict_paired(cull_ctx *cx, const double *a, const double *b, int64_t n,
                                         int64_t draws, uint64_t stream, double *mean, double *lo,
                                         double *hi, double *p) CULL_CHECKED;
/* How many of n random designs are at least as good as `result`, and the 95 % interval of that share (Wilson 1927). */
CULL_API cull_status cull_verdict_reached(cull_ctx *cx, const double *v, int64_t n, double result,
                                          bool maximize, int64_t *count, double *lo,
                                          double *hi) CULL_CHECKED;

/* ---- against a table of everything ----
 * The best of k random draws from n values, in expectation, exact: without replacement the i-th of them in rising order
 * is the best of C(i-1, k-1) of C(n, k) choices; with replacement of (i/n)^k - ((i-1)/n)^k. */
/* best[k - 1] for k = 1 .. most; without replacement those above n are as of n. O(n most) time at worst. */
CULL_API cull_status cull_verdict_random(cull_ctx *cx, const double *v, int64_t n, bool maximize,
                                         bool replace, int64_t most, double *best) CULL_CHECKED;
/* The fewest draws whose best is as good as `result` in expectation, to 1e-12 of the values' range; -1 = no number
 * is. */
CULL_API cull_status cull_verdict_equivalent(cull_ctx *cx, const double *v, int64_t n,
                                             double result, bool maximize, bool replace,
                                             int64_t *draws) CULL_CHECKED;
/* regret[i]: how far the best of v[0 .. i] is from `best`; NaN values are passed over, and before the first
 * number it is INFINITY. */
CULL_API void cull_verdict_regret(const double *v, int64_t n, double best, bool maximize,
                                  double *regret);

/* ---- over seeds and settings ---- */
/* Kendall's tau-b of two rankings of the same designs (two seeds, two depths, an early and the last epoch), among those with
 * the best `top` share of `by` (n; NULL = a; 1 = all; ties at its end count): a high tau over all may say little about the
 * best. NaN where one side has no two different values. */
CULL_API cull_status cull_verdict_tau(cull_ctx *cx, const double *a, const double *b, int64_t n,
                                      const double *by, double top, bool maximize,
                                      double *tau) CULL_CHECKED;
/* How short trainings may be: v (n, epochs) are learning curves of n designs, tau[e] the rank correlation (tau-b) of epoch
 * e + 1 with the last one (NaN where either has no two different values), *epoch the first, counted from 1, with tau of at
 * least `threshold` (0 to 1); where none is before it, the last (FBNetV3, Dai et al. 2021). Noise takes a tau across a
 * threshold and back: look at tau behind *epoch too. tau (epochs) may be NULL. O(epochs n log n). */
CULL_API cull_status cull_verdict_stop_epoch(cull_ctx *cx, const double *v, int64_t n,
                                             int64_t epochs, double threshold, int64_t *epoch,
                                             double *tau) CULL_CHECKED;
typedef struct {
    double mean,
        noise; /* over settings' means; standard deviation of seeds within a setting, pooled (NaN for one seed) */
    double
        quantile[5]; /* of settings' means: 0, .25, .5, .75, 1, linear between them as numpy does */
    double spread;   /* between the best and the worst setting */
    int64_t best, worst; /* which; ties: the first */
} cull_lottery;
/* v (settings, seeds). */
CULL_API cull_status cull_verdict_lottery(cull_ctx *cx, const double *v, int64_t settings,
                                          int64_t seeds, bool maximize,
                                          cull_lottery *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
