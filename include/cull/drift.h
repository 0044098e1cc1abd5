/* cull/drift.h - streams that may change: a test that says when, and thresholds and choices that follow.
 *
 * Rows have a score, how strange their truth is, the larger the stranger (cull/conform.h, cull/sets.h); before the stream
 * stand those of calibration rows. Nothing here keeps more than a fixed number of them. */
#ifndef CULL_DRIFT_H
#define CULL_DRIFT_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a conformal test martingale: have rows stopped being exchangeable? ----
 * Each row's p-value is its rank among all rows since the start, ties at random: where rows are exchangeable they are
 * independent and uniform, whatever the scores (Vovk, Gammerman and Shafer 2005). The Simple Jumper bets against that
 * (Vovk et al. 2021, "Retrain or not retrain"), with half of the capital from the start and, so that a late change is noticed too, with
 * parts of the other half from each row on; the capital, 1 at first, reaches c with a chance of 1 / c at most (Ville). The
 * k-th alarm is given at 2^k / alarm, so that the chance of any false one is `alarm` at most over a stream of any length; after
 * each the test begins anew. Scores are told apart by classes of them, which earlier rows set, so that memory is bounded. */
typedef struct cull_drift cull_drift;
typedef struct {
    double alarm;    /* in (0, 1); 0 = 0.05 */
    double jump;     /* how readily the bet changes sides, in (0, 1); 0 = 0.01 */
    uint64_t stream; /* ties are broken by (seed of cx, stream) */
} cull_drift_opts;
/* score (n, may be 0): of rows before the stream, exchangeable with it while nothing changes. Every second one sets classes, the others
 * count as rows that came. With fewer than 20, the first 100 rows of the stream set them, and nothing is bet on those. EINPUT: a NaN. */
CULL_API cull_status cull_drift_new(cull_ctx *cx, const cull_drift_opts *o, const double *score,
                                    int64_t n, cull_drift **out) CULL_CHECKED;
/* The next row's score, no NaN; true = alarm. O(log classes) time. */
CULL_API bool cull_drift_step(cull_drift *d, double score);
/* log10 of the capital; at an alarm, that with which it was given until the next step. */
CULL_API double cull_drift_log10(const cull_drift *d);
CULL_API double cull_drift_p(const cull_drift *d); /* of the last row; NaN where there was no bet */
/* What scores are changes with the next one: the test begins anew as where there are none before, and the next alarm wants twice the
 * capital, as after an alarm. */
CULL_API void cull_drift_restart(cull_drift *d);
CULL_API void cull_drift_free(cull_drift *d);

/* ---- adaptive conformal inference: a threshold whose misses come to a share of alpha, whatever the rows do ----
 * The threshold is a quantile of the last scores at a level that falls after a miss and rises else (Gibbs and Candes 2021):
 * at += rate (alpha - missed). With rate 0 eight rates are followed and weighed by how they fare (Gibbs and Candes 2024, DtACI), and
 * the same rule, at a rate of 0.005, corrects what that misses in sum. Of n rows, for any whatever, the share missed differs from
 * alpha by cull_adaptive_bound at most: (max(alpha, 1 - alpha) + rate) / (rate n), or (1 + rate) / (rate n) of several. Where scores
 * of -INFINITY, which nothing misses, are among them it is not more than alpha by that. */
typedef struct cull_adaptive cull_adaptive;
typedef struct {
    double alpha; /* in (0, 1) */
    double rate;  /* 0 to 1 */
    int64_t
        window; /* how many of the last scores; 0 = as many as there are before the stream, from 100 to 10000 */
} cull_adaptive_opts;
CULL_API cull_status cull_adaptive_new(cull_ctx *cx, const cull_adaptive_opts *o,
                                       const double *score, int64_t n,
                                       cull_adaptive **out) CULL_CHECKED;
CULL_API double
cull_adaptive_level(const cull_adaptive *a); /* below 0 nothing is missed, from 1 on all */
CULL_API double
cull_adaptive_threshold(const cull_adaptive *a); /* a row is missed whose score is above */
/* The row's score came: true = it was missed. O(window) moves. */
CULL_API bool cull_adaptive_step(cull_adaptive *a, double score);
CULL_API double cull_adaptive_bound(const cull_adaptive *a); /* INFINITY before the first row */
CULL_API void cull_adaptive_free(cull_adaptive *a);

/* ---- rolling risk control: a choice whose losses come to a level on average, as far as any choice can make them ----
 * Choices lie on a path, the safest first, with what each lost on rows before the stream. The one in force is the last whose loss
 * is at most a nominal level; that falls where a row loses more than the level, and rises else: at += rate (level - loss) (Gibbs
 * and Candes 2021 with a loss for the miss, as Feldman et al. 2023, "Achieving risk control in online learning settings"). Only the loss of
 * the choice that was made must be known, of those rows where it is. Of n such rows with losses up to 1, for any whatever, the mean
 * loss is above the level by cull_rolling_bound at most, (most - least + rate) / (rate n) of the path's losses, but for what
 * cull_rolling_helpless rows lost beyond it: at these the safest choice was in force, and there was none left to go to. Where the safest
 * loses nothing, whatever the row, there are none. */
typedef struct cull_rolling cull_rolling;
typedef struct {
    double level; /* in (0, 1) */
    double rate;  /* 0 to 1; 0 = 0.005 */
} cull_rolling_opts;
/* loss (places): copied; one that is less than that of a safer place counts as that. The choice before the first row is `start`, or
 * the last of those that lose as much. EOPTION: level, rate; EINPUT: a loss that is not finite, a start off the path. */
CULL_API cull_status cull_rolling_new(cull_ctx *cx, const cull_rolling_opts *o, const double *loss,
                                      int64_t places, int64_t start,
                                      cull_rolling **out) CULL_CHECKED;
CULL_API int64_t cull_rolling_place(const cull_rolling *r); /* O(log places) */
CULL_API double cull_rolling_level(const cull_rolling *r);  /* nominal */
/* The row's loss by the choice in force came; at most 1, no NaN. */
CULL_API void cull_rolling_step(cull_rolling *r, double loss);
CULL_API double cull_rolling_bound(const cull_rolling *r); /* INFINITY before the first row */
CULL_API int64_t cull_rolling_helpless(const cull_rolling *r);
CULL_API void cull_rolling_free(cull_rolling *r);

#ifdef __cplusplus
}
#endif
#endif
