/* cull/predict.h - predictors: numbers learnt from rows of features, for search and for anything else. */
#ifndef CULL_PREDICT_H
#define CULL_PREDICT_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CULL_PREDICT_AUTO,   /* the kind of the highest mean rank correlation in cross-validation */
    CULL_PREDICT_RIDGE,  /* in closed form */
    CULL_PREDICT_SVR,    /* epsilon-insensitive, Gaussian kernel */
    CULL_PREDICT_BOOST,  /* boosted trees by XGBoost, one thread */
    CULL_PREDICT_FOREST, /* random forest; spread of its trees */
    CULL_PREDICT_MLP,    /* a network on the engine of cull/nn.h; spread of an ensemble */
    CULL_PREDICT_GP,     /* Gaussian process, Matern, lengths by maximum a posteriori */
    CULL_PREDICTORS
} cull_predict_kind;
CULL_API const char *cull_predict_name(cull_predict_kind k); /* "ridge" */
typedef struct {
    size_t size;
    cull_predict_kind kind;
    /* RIDGE: the least of sum (y - w x - b)^2 + l2 |w|^2, of features and answers of mean 0 and variance 1; 0 = chosen
     * by leaving one row out, of more than 4 d rows by generalised cross-validation */
    double l2;
    /* SVR, in the same units: c 0 = chosen by cross-validation; epsilon 0 = 0.02; gamma 0 = 1 / d */
    double c, epsilon, gamma;
    int64_t rounds, depth;     /* BOOST, FOREST (trees): 0 = 100 and 6, any */
    double rate;               /* BOOST: 0 = 0.1 */
    double leaf;               /* BOOST, FOREST: rows at least; 0 = grows with n, from 1 */
    int64_t hidden[3], epochs; /* MLP: 0 = 128 and 128; epochs 0 = 200 */
    int64_t members;           /* MLP: networks that are averaged; 0 = 1 */
    bool sparse;               /* GP: lengths by SAAS's priors (Eriksson and Jankowiak 2021) */
    bool isotropic;            /* GP: one length for all features */
    bool either; /* GP: one length or several, whichever is likelier for what it takes (BIC) */
    bool rough;  /* GP: Matern 3/2, whose functions have one derivative; else 5/2, of two */
    /* GP: d numbers that do not fall: features of one number share a length. NULL = each has its own */
    const int64_t *group;
    /* GP: variance of a constant that all answers share, over the kernel's; 0 = none: far from all rows it says
     * their mean */
    double level;
    /* MLP: rows without answers but with `free_m` numbers that cost nothing (FLOPs, parameters), to learn the first
     * layers from (FBNetV3, Dai et al. 2021): free_x (free_n, d), free_y (free_n, free_m); 0 = none */
    const double *free_x, *free_y;
    int64_t free_n;
    int free_m;
    int64_t folds; /* AUTO: 0 = 5 */
} cull_predict_opts;
/* clang-format off */
#define CULL_PREDICT_OPTS {.size = sizeof(cull_predict_opts)}
/* clang-format on */

typedef struct cull_predictor cull_predictor;
/* x (n, d), y (n), finite; weight (n; from 0, only their ratios count) or NULL. n >= 2. All kinds see features and
 * answers brought to mean 0 and variance 1; features that do not vary are left out. A GP and an SVR of
 * more than 2000 rows learn from so many of them, drawn. Bits do not depend on threads; draws are of (seed of cx,
 * stream). CULL_ENODATA: BOOST where cull was built without XGBoost. */
CULL_API cull_status cull_predictor_fit(cull_ctx *cx, const double *x, const double *y,
                                        const double *weight, int64_t n, int64_t d,
                                        const cull_predict_opts *o, uint64_t stream,
                                        cull_predictor **out) CULL_CHECKED;
CULL_API void cull_predictor_free(cull_predictor *p);
CULL_API cull_predict_kind cull_predictor_kind(const cull_predictor *p); /* AUTO: what was chosen */
/* Mean rank correlation (Kendall's tau-b) of AUTO's cross-validation for each kind; NaN = not tried. */
CULL_API double cull_predictor_tau(const cull_predictor *p, cull_predict_kind k);
/* mean (n), and spread (n; may be NULL): standard deviation of what is predicted, without noise: of GP and FOREST,
 * of an MLP of several members, of RIDGE by its posterior; NaN of others. */
CULL_API cull_status cull_predictor_say(cull_ctx *cx, const cull_predictor *p, const double *x,
                                        int64_t n, double *mean, double *spread) CULL_CHECKED;
/* Derivatives of the mean (n, d), and of the spread (n, d; may be NULL), of RIDGE, SVR, MLP and GP; others EINPUT. */
CULL_API cull_status cull_predictor_gradient(cull_ctx *cx, const cull_predictor *p, const double *x,
                                             int64_t n, double *mean, double *spread) CULL_CHECKED;
/* BOOST: shares of each feature in each answer (n, d + 1; the last is the base): TreeSHAP, exact, path-dependent (Lundberg et
 * al. 2018); and of pairs (n, d + 1, d + 1). */
CULL_API cull_status cull_predictor_shap(cull_ctx *cx, const cull_predictor *p, const double *x,
                                         int64_t n, double *phi) CULL_CHECKED;
CULL_API cull_status cull_predictor_shap_pairs(cull_ctx *cx, const cull_predictor *p,
                                               const double *x, int64_t n,
                                               double *phi) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
