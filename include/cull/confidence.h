/* cull/confidence.h - how sure outputs are, how well that fits what was the case, and how to make it fit.
 *
 * A row is one input, a column one class. Scores of sureness are the larger, the surer. Everything is computed in double: in
 * float a top probability is 1 from a margin of 17 on, and thresholds between such rows would not exist. All answers
 * are the same for any number of threads; rows that tie are never torn apart. */
#ifndef CULL_CONFIDENCE_H
#define CULL_CONFIDENCE_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- rows of classes ---- */
typedef struct {
    const void *v;    /* (n, classes) row-major: logits, or probabilities */
    cull_dtype dtype; /* CULL_F32 or CULL_F64 */
    bool proba;       /* they are probabilities */
    int64_t n, classes;
} cull_class_rows;
/* EINPUT names the first row that is not fit: a number that is not finite (a logit may be -infinity, not all of a row), a
 * probability below 0, probabilities whose sum is further from 1 than `tolerance` (0 = 1e-3). */
CULL_API cull_status cull_class_check(cull_ctx *cx, const cull_class_rows *r,
                                      double tolerance) CULL_CHECKED;
/* p (k) = softmax(z / temperature), and its logarithm; in place where p = z. */
CULL_API void cull_softmax(const double *z, int64_t k, double temperature, double *p);
CULL_API void cull_log_softmax(const double *z, int64_t k, double temperature, double *p);
/* out (n, classes): softmax at that temperature. Of probabilities p: p^(1/T) over its sum, at T = 1 p / sum p. */
CULL_API cull_status cull_class_proba(cull_ctx *cx, const cull_class_rows *r, double temperature,
                                      double *out) CULL_CHECKED;

typedef enum {
    CULL_SURE_TOP,     /* largest probability */
    CULL_SURE_MARGIN,  /* largest less second largest probability; of one class 1 */
    CULL_SURE_ENTROPY, /* minus the entropy, in nats */
    CULL_SURE_ODDS,    /* log odds of the largest: orders rows as TOP does, without an end at 1 */
    CULL_SURE_LOGIT,   /* largest logit */
    CULL_SURE_ENERGY, /* T log sum exp(z / T) (Liu et al. 2020, "Energy-based out-of-distribution detection"); the last
                        * two are of logits alone */
    CULL_SURES
} cull_sure;
CULL_API const char *cull_sure_name(cull_sure s); /* "top", "margin", ... */
/* score (n) and label (n), the first of the largest; either may be NULL. The temperature of LOGIT does not count. */
CULL_API cull_status cull_class_sure(cull_ctx *cx, const cull_class_rows *r, cull_sure s,
                                     double temperature, double *score,
                                     int32_t *label) CULL_CHECKED;

/* ---- risk and coverage: accept the rows whose score is at least t ---- */
typedef struct {
    double threshold;
    double coverage, risk; /* share of the rows that are accepted, and their mean loss */
} cull_risk_point;
/* at (room for n): a point for each different score, descending, so that coverage rises to 1; *points of them. Losses are
 * finite (0 and 1 of a wrong answer), scores without a NaN. O(n log n), as all of this part. */
CULL_API cull_status cull_risk_curve(cull_ctx *cx, const double *score, const double *loss,
                                     int64_t n, cull_risk_point *at, int64_t *points) CULL_CHECKED;
/* AURC: the mean over rows of the risk at the threshold that is the row's own score; E-AURC: less that of the order by loss
 * itself (Geifman, Uziel and El-Yaniv 2019, "Bias-reduced uncertainty estimation"), exact for n rows. */
CULL_API cull_status cull_risk_area(cull_ctx *cx, const double *score, const double *loss,
                                    int64_t n, double *aurc, double *excess) CULL_CHECKED;
/* The point of the largest coverage whose risk is at most r; threshold INFINITY, coverage 0 and risk NaN where
 * there is none. On the rows at hand, without a guarantee for others. */
CULL_API cull_status cull_coverage_at_risk(cull_ctx *cx, const double *score, const double *loss,
                                           int64_t n, double r, cull_risk_point *out) CULL_CHECKED;
/* The point of the least coverage that is at least c, 0 < c <= 1. */
CULL_API cull_status cull_risk_at_coverage(cull_ctx *cx, const double *score, const double *loss,
                                           int64_t n, double c, cull_risk_point *out) CULL_CHECKED;

/* ---- how well scores fit; NaN where there is nothing to tell ---- */
/* The chance that a positive row has the larger score, ties counting half: exact. */
CULL_API cull_status cull_auroc(cull_ctx *cx, const double *score, const uint8_t *positive,
                                int64_t n, double *out) CULL_CHECKED;
/* The least share of negative rows at or above a threshold that a share t of the positive rows reaches, 0 < t <= 1. */
CULL_API cull_status cull_fpr_at_tpr(cull_ctx *cx, const double *score, const uint8_t *positive,
                                     int64_t n, double t, double *out) CULL_CHECKED;
/* Expected calibration error (Guo et al. 2017) of confidences 0 to 1 over `bins` (1 to 64) of equal width, each with its
 * upper end, or of equal mass: the b-th ends after row ceil(b n / bins) in order of confidence, or after its ties. */
CULL_API cull_status cull_calibration_error(cull_ctx *cx, const double *confidence,
                                            const uint8_t *hit, int64_t n, int bins,
                                            bool equal_mass, double *out) CULL_CHECKED;
typedef struct {
    double accuracy, log_loss; /* infinite where a label has probability 0 */
    double brier;              /* squared errors summed over classes, mean over rows: 0 to 2 */
    double ece, ece_mass;      /* of the top probability; 15 bins of either kind */
    double auroc, fpr_95;      /* of the score, right rows against wrong ones */
    double aurc, e_aurc;       /* of the score and 0/1 losses */
} cull_class_fit;
/* label (n): what is the case, 0 .. classes - 1; score: which sureness orders the rows. */
CULL_API cull_status cull_class_judge(cull_ctx *cx, const cull_class_rows *r, const int32_t *label,
                                      double temperature, cull_sure score,
                                      cull_class_fit *out) CULL_CHECKED;

/* ---- calibration ---- */
/* The temperature of least log loss (Guo et al. 2017, "On calibration of modern neural networks"), by Newton's method on 1 / T,
 * in which the loss is convex, kept within a bracket. Where the loss falls to the end of 0.01 .. 100 (all rows right by a
 * margin, or answers no better than none), T is that end and *ended true. Probabilities p stand for log p: EINPUT where a
 * label's is 0. */
CULL_API cull_status cull_temperature_fit(cull_ctx *cx, const cull_class_rows *r,
                                          const int32_t *label, double *temperature,
                                          bool *ended) CULL_CHECKED;

/* Least squares among functions that do not fall (pool adjacent violators; Ayer et al. 1955), of weights w > 0 (NULL = 1); rows
 * of one x count as their weighted mean. Between knots it is linear, beyond them constant. */
typedef struct {
    int64_t n;
    double *x, *y; /* (n) knots: x rises, y does not fall */
    void *mem_;
} cull_isotonic;
CULL_API cull_status cull_isotonic_fit(cull_ctx *cx, const double *x, const double *y,
                                       const double *w, int64_t n, cull_isotonic *out) CULL_CHECKED;
CULL_API void cull_isotonic_apply(const cull_isotonic *f, const double *x, int64_t n, double *y);
CULL_API void cull_isotonic_free(cull_isotonic *f);

/* p(positive) = 1 / (1 + exp(-(slope s + offset))), of most likelihood for targets (n1 + 1) / (n1 + 2) and 1 / (n0 + 2)
 * (Platt 1999; Newton's method as Lin, Lin and Weng 2007). */
CULL_API cull_status cull_platt_fit(cull_ctx *cx, const double *score, const uint8_t *positive,
                                    int64_t n, double *slope, double *offset) CULL_CHECKED;

/* Venn-Abers predictors, inductive (Vovk, Petej and Fedorova 2015, "Large-scale probabilistic predictors with and without
 * guarantees of validity"): p0 and p1 are what isotonic regression of the n calibration rows and of the row itself says about it
 * when it is taken as negative, and as positive. One of them is calibrated, whatever the scores; p1 / (1 - p0 + p1) is
 * the probability with the least regret of log loss. Exact: O(n log n) to fit, O(log n) a row. */
typedef struct {
    int64_t n;
    double *score, *p0,
        *p1; /* (n): different calibration scores, rising, and what rows there get */
    void *mem_;
} cull_venn_abers;
CULL_API cull_status cull_venn_abers_fit(cull_ctx *cx, const double *score, const uint8_t *positive,
                                         int64_t n, cull_venn_abers *out) CULL_CHECKED;
CULL_API void cull_venn_abers_apply(const cull_venn_abers *f, const double *score, int64_t m,
                                    double *p0, double *p1);
CULL_API void cull_venn_abers_free(cull_venn_abers *f);

/* ---- intervals by bootstrap over rows: percentiles (Efron 1979) ---- */
typedef enum {
    CULL_OF_MEAN,       /* mean of a; b is not read */
    CULL_OF_RATIO,      /* mean of a over mean of b, of the same rows; b >= 0 */
    CULL_OF_DIFFERENCE, /* mean of a - b, of the same rows */
} cull_interval_of;
typedef struct {
    int64_t draws;   /* 0 = 10000 */
    double level;    /* 0 = 0.95 */
    uint64_t stream; /* draws are of (seed of cx, stream) */
    const int64_t *
        group; /* (n): rows of one value are drawn together (documents, users); NULL = each row by itself */
} cull_interval_opts;
typedef struct {
    double value, lo, hi;
    int64_t groups; /* how many are drawn at a time: few of them make intervals too short */
} cull_interval_found;
/* A ratio's draw whose b are all 0 counts as INFINITY. O(n log n + draws groups) time. */
CULL_API cull_status cull_interval_rows(cull_ctx *cx, cull_interval_of of, const double *a,
                                        const double *b, int64_t n, const cull_interval_opts *o,
                                        cull_interval_found *out) CULL_CHECKED;

/* ---- how well probabilities fit what was the case ---- */
enum { CULL_RELIABILITY_BINS = 15 }; /* of equal width, each with its upper end */
typedef struct {
    int64_t rows;
    double predicted, share, lo,
        hi; /* mean probability; share of hits, its 95 % interval (Clopper and Pearson) */
} cull_reliability_bin;
typedef struct {
    cull_interval_found brier, log_loss,
        ece; /* mean of (p - hit)^2 and of -log p(what was the case); expected calibration error. Percentiles of 1,000 draws; that
                of ece, which draws can only push up where it is small, may lie above it */
    cull_reliability_bin bin[CULL_RELIABILITY_BINS];
} cull_reliability;
/* p (n): probabilities of a hit. O(1000 n) time. */
CULL_API cull_status cull_reliability_of(cull_ctx *cx, const double *p, const uint8_t *hit,
                                         int64_t n, uint64_t stream,
                                         cull_reliability *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
