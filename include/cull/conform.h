/* cull/conform.h - choices and sets with a guarantee, from scores of rows whose truth is known (calibration) and of rows whose
 * truth is not (test).
 *
 * The guarantees are exact for finite samples where calibration and test rows are exchangeable, or where weights say how they
 * differ; they hold on average over both. Scores are any numbers without a NaN, infinities among them. For choosing rows
 * that are positive, a score is nonconformity: the smaller, the more a row looks positive, and calibration rows that are
 * positive have infinity (cull_conform_clip), so that they never speak against one.
 *
 * A level that is reached on paper counts as reached: shares are compared with a slack of 1e-12 of their size. Random
 * numbers come of (seed of cx, stream), each row's own whatever the other rows are. */
#ifndef CULL_CONFORM_H
#define CULL_CONFORM_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* v[i] = infinity where positive[i], else -score[i]: the clipped score (Jin and Candes 2023), for scores that
 * are the larger, the more a row looks positive. positive NULL = none, as for test rows. EINPUT: a NaN. */
CULL_API cull_status cull_conform_clip(cull_ctx *cx, const double *score, const uint8_t *positive,
                                       int64_t n, double *v) CULL_CHECKED;

/* ---- quantiles: what a new score stays below with probability 1 - alpha at least; 0 < alpha < 1 ---- */
/* The ceil((n + 1)(1 - alpha))-th smallest of v (n), infinity where that is beyond n (Vovk, Gammerman and Shafer 2005;
 * Lei et al. 2018). O(n log n) time, 32 bytes a row, as the two below. */
CULL_API cull_status cull_conform_quantile(cull_ctx *cx, const double *v, int64_t n, double alpha,
                                           double *out) CULL_CHECKED;
/* Under a shift that weights w (n) and those of the test rows tw (m) tell, >= 0 (Tibshirani et al. 2019, "Conformal prediction
 * under covariate shift"): out[j] = the least x for which the rows with v <= x have the share 1 - alpha
 * of the weight of all and of test row j, infinity where there is none. O((n + m) log n) time. */
CULL_API cull_status cull_conform_quantile_weighted(cull_ctx *cx, const double *v, const double *w,
                                                    int64_t n, double alpha, const double *tw,
                                                    int64_t m, double *out) CULL_CHECKED;
/* By group[i], 0 .. groups - 1 (Mondrian; Vovk, Gammerman and Shafer 2005): out[g] is the quantile of the rows of
 * group g, count[g] (may be NULL) how many they are. */
CULL_API cull_status cull_conform_quantile_groups(cull_ctx *cx, const double *v,
                                                  const int32_t *group, int64_t n, int32_t groups,
                                                  double alpha, double *out,
                                                  int64_t *count) CULL_CHECKED;

/* ---- p-values ---- */
/* How calibration rows count whose score is that of the test row: all of them (valid whatever the ties), none (valid only
 * where ties have probability 0), or a random share U of them and of the row itself (valid, and exactly uniform). */
typedef enum { CULL_TIES_COUNT, CULL_TIES_STRICT, CULL_TIES_RANDOM } cull_ties;
/* p[j] of test scores t (m) against calibration scores v (n), n >= 1: (1 + #{v <= t_j}) / (n + 1), (1 + #{v < t_j}) / (n + 1) or
 * (#{v < t_j} + U_j (1 + #{v = t_j})) / (n + 1). With weights w (n) and tw (m) (both or neither) rows count by their
 * weight, the test row by tw_j (Jin and Candes 2023b). O((n + m) log (n + m)) time, 32 to 80 bytes a row. */
CULL_API cull_status cull_conform_pvalues(cull_ctx *cx, const double *v, const double *w, int64_t n,
                                          const double *t, const double *tw, int64_t m,
                                          cull_ties ties, uint64_t stream, double *p) CULL_CHECKED;

/* ---- many tests: how many of the chosen are wrong ---- */
/* Benjamini and Hochberg (1995): with r the largest number for which r of the p-values are q r / m at most, keep those
 * that are. FDR <= q where p-values are independent or positively dependent, as conformal ones without weights are. keep (m);
 * *kept = r; *threshold (may be NULL) = q r / m. 0 < q < 1. O(m log m) time. */
CULL_API cull_status cull_fdr_bh(cull_ctx *cx, const double *p, int64_t m, double q, uint8_t *keep,
                                 int64_t *kept, double *threshold) CULL_CHECKED;
/* e-BH (Wang and Ramdas 2022): r of the e-values are m / (q r) at least. FDR <= q whatever their dependence. e-values are
 * >= 0, infinity among them; one of 0 is never kept. *threshold = m / (q r), infinity where r = 0. */
CULL_API cull_status cull_fdr_ebh(cull_ctx *cx, const double *e, int64_t m, double q, uint8_t *keep,
                                  int64_t *kept, double *threshold) CULL_CHECKED;

/* ---- conformal selection: test rows that are positive, with FDR <= q ---- */
/* A row's evidence is worth m / (q R_j), where R_j is how many rows would be chosen if its own p-value were 0. The last step
 * keeps rows with xi_j R_j <= r, r the largest number that as many rows fulfil: xi is 1, one random number of all, or each
 * row's own (Jin and Candes 2023b). One number of all chooses most often all; all three control the FDR. */
typedef enum { CULL_PRUNE_DTM, CULL_PRUNE_HOMO, CULL_PRUNE_HETE } cull_prune;
typedef struct {
    double q;         /* FDR, in (0, 1) */
    cull_prune prune; /* not of cull_conform_select, which needs none */
    double beta;      /* in (0, 1]: evidence is asked for at q beta R_j / m; 0 = 1 */
    cull_ties ties;
    uint64_t stream;
} cull_select_opts;
/* Who is chosen and why. Arrays of m rows, the caller's; any may be NULL. */
typedef struct {
    uint8_t *keep;
    double *p;
    double *e;        /* m / (q beta R_j) where p_j is at most q beta R_j / m, else 0 */
    int64_t *size;    /* R_j */
    int32_t *model;   /* which model row j is judged by */
    int64_t kept;     /* out */
    double threshold; /* out, of cull_conform_select: the largest p-value that is kept */
} cull_selection;

/* Jin and Candes (2023, "Selection by prediction with conformal p-values"): p-values of cull_conform_pvalues, then
 * Benjamini-Hochberg; e, size and model are not filled. Also OptCS-Full: scores v and t that leave-one-out fits over all
 * n + m rows gave, in which the test rows stood as negative. O((n + m) log (n + m)) time. */
CULL_API cull_status cull_conform_select(cull_ctx *cx, const double *v, int64_t n, const double *t,
                                         int64_t m, const cull_select_opts *o,
                                         cull_selection *out) CULL_CHECKED;
/* Weighted conformal selection (Jin and Candes 2023b, "Model-free selective inference under covariate shift via weighted
 * conformal p-values"): w (n) and tw (m) in proportion to the ratio of the densities of test and
 * calibration rows, >= 0. Of row l the p-values that R_j counts are (sum of w_i 1{v_i < t_l} + tw_j 1{t_j < t_l}) / (sum of w_i +
 * tw_j). O((n + m) log (n + m)) time, about 120 bytes a row. */
CULL_API cull_status cull_conform_select_weighted(cull_ctx *cx, const double *v, const double *w,
                                                  int64_t n, const double *t, const double *tw,
                                                  int64_t m, const cull_select_opts *o,
                                                  cull_selection *out) CULL_CHECKED;
/* OptCS (Bai and Jin 2024, "Optimized conformal selection"): as many models have scored the rows, v (models, n) and t (models,
 * m), and each test row is judged by the one for which its R_j is the largest, ties at random; the FDR is held although the
 * same rows choose. That is OptCS-MSel where the models were trained on other rows, and OptCS-Full-MSel where scores are
 * of leave-one-out fits, as above. Of row l the p-values that R_j counts are (#{v_i <= t_l} + 1{t_j <= t_l}) / (n + 1).
 * O(models (n + m) log (n + m)) time; 16 bytes a test score, and about 120 bytes a row for each worker. */
CULL_API cull_status cull_conform_select_model(cull_ctx *cx, const double *v, int64_t n,
                                               const double *t, int64_t m, int models,
                                               const cull_select_opts *o,
                                               cull_selection *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
