/* predict.h - what the kinds of predictors (cull/predict.h) give to the door they share (predict.c).
 *
 * The door checks, drops rows of weight 0 and columns that do not vary, and brings what is left to mean 0 and
 * variance 1, answers too: a kind never sees a huge number, a constant column or a constant answer. */
#ifndef CULL__PREDICT_H
#define CULL__PREDICT_H
#include "base/base.h"
#include "cull/predict.h"

typedef struct {
    const double *x;      /* (n, d): columns of mean 0 and variance 1 over the rows by weight */
    const double *y;      /* (n), so too */
    const double *weight; /* (n) above 0, of mean 1; NULL = all alike */
    int64_t n, d;         /* n >= 2, d >= 1 */
    const int64_t *group; /* (d) 0, 1, ...: whose length each has; NULL = its own */
    /* of MLP: rows with numbers that cost nothing; moments of x are then over both */
    const double *free_x; /* (free_n, d) */
    const double *free_y; /* (free_n, free_m), as they came */
    int64_t free_n;
    int free_m;
} cull__samples;

/* `most` rows, drawn without repeats, in their order; or t itself. Scratch. */
enum { CULL__KERNEL_ROWS = 2000 }; /* that a kind with a kernel of all pairs learns from */
cull_status cull__samples_draw(cull_ctx *cx, const cull__samples *t, int64_t most, uint64_t stream,
                               cull__samples *out);

typedef struct {
    const char *name;
    /* *out is the kind's own, of CULL_ALLOC; NULL after a failure. Scratch goes back with the caller. */
    cull_status (*fit)(cull_ctx *cx, const cull__samples *t, const cull_predict_opts *o,
                       uint64_t stream, void **out);
    void (*free)(void *m);
    int64_t grain; /* rows that a worker is asked at a time; 0: all, in one worker */
    bool spreads;
    /* x (n, d), finite; spread (n) or NULL */
    cull_status (*say)(cull_ctx *cx, const void *m, const double *x, int64_t n, double *mean,
                       double *spread);
    /* (n, d) each, spread or NULL; NULL: has none */
    cull_status (*gradient)(cull_ctx *cx, const void *m, const double *x, int64_t n, double *mean,
                            double *spread);
    /* (n, d + 1), or of pairs (n, d + 1, d + 1) */
    cull_status (*shap)(cull_ctx *cx, const void *m, const double *x, int64_t n, bool pairs,
                        float *phi);
} cull__predictor;
extern const cull__predictor cull__predict_ridge, cull__predict_svr, cull__predict_boost,
    cull__predict_forest, cull__predict_mlp, cull__predict_gp;

/* The kind of the highest mean of Kendall's tau-b over folds; of equal ones the cheaper. x, y, weight as they
 * came. tau (CULL_PREDICTORS): NaN where not tried. */
cull_status cull__predict_choose(cull_ctx *cx, const double *x, const double *y,
                                 const double *weight, int64_t n, int64_t d,
                                 const cull_predict_opts *o, uint64_t stream,
                                 cull_predict_kind *kind, double *tau);

/* ---- Gaussian processes (predict_gp.c) ---- */
/* Of the kernel in logarithms: variance, noise, then the lengths (1, of each group, or d), or with `sparse` SAAS's tau
 * and as many rho, which make lengths (tau rho)^(-1/2). The kernel is variance (level + Matern). */
typedef struct {
    bool isotropic, sparse;
    const int64_t *group; /* (d) 0 .. groups - 1; NULL = d of them */
    int64_t groups;
    bool rough;   /* Matern 3/2, else 5/2 */
    double level; /* not learnt */
} cull__gp_form;
int64_t cull__gp_size(const cull__gp_form *f, int64_t d); /* of theta */
/* -log p(y | theta) and, with `prior`, - log p(theta); gradient (size). *loss = inf: the kernel is singular. */
cull_status cull__gp_loss(cull_ctx *cx, const cull__samples *t, const cull__gp_form *f,
                          const double *theta, bool prior, double *loss, double *grad);
/* The posterior of these numbers, for cull__predict_gp to ask and to free. */
cull_status cull__gp_at(cull_ctx *cx, const cull__samples *t, const cull__gp_form *f,
                        const double *theta, void **out);

/* ---- least value of a smooth function (predict_lbfgs.c) ---- */
/* *f = inf where there is none. */
typedef cull_status cull__smooth_fn(cull_ctx *cx, void *arg, const double *x, double *f, double *g);
/* L-BFGS from x (n), which takes the best point found; *best its value. Stops after `steps`, or when a step
 * gains less than `tol`. */
cull_status cull__lbfgs(cull_ctx *cx, cull__smooth_fn *fn, void *arg, int64_t n, int steps,
                        double tol, double *x, double *best);
#endif
