/* claim.h - what the checks share: their list, their result, data, and picks from plain arrays. */
#ifndef CULL__CLAIM_H
#define CULL__CLAIM_H
#include "base/base.h"
#include "cull/claim.h"
#include "cull/data.h"

typedef cull_status cull__claim_fn(cull_ctx *cx, const char *data_dir, int seeds,
                                   cull_claim_result *out);
typedef struct {
    cull_claim about;
    int seeds; /* of a full run */
    cull__claim_fn *run;
} cull__claim;

/* One value a seed, in `v`. `worst`: the threshold must hold for every seed, not for the mean. */
void cull__claim_line(cull_claim_result *r, const char *what, const double *v, bool below,
                      double threshold, bool worst);
void cull__claim_figure(cull_claim_result *r, const char *what, const double *v);

/* Gamma with shape a and scale 1 (Marsaglia and Tsang 2000; below 1 by their power of a uniform). */
double cull__gamma(cull_rng *r, double a);

/* Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): images as rows of 28 x 28 pixels from 0 to 255, labels
 * 0..9. Pools are closed by the caller, labels are scratch of cx. */
enum { CULL__FASHION_SIDE = 28 };
typedef struct {
    cull_pool *train, *test;
    int32_t *y, *test_y;
} cull__images;
cull_status cull__fashion_open(cull_ctx *cx, const char *dir, cull__images *f);
void cull__fashion_close(cull__images *f);
/* Rows drawn without return, pixels from 0 to 1: `trains` of the training images, then `tests` of the test images; x is
 * (trains + tests, CULL__FASHION_SIDE^2). */
cull_status cull__fashion_draw(cull_ctx *cx, const cull__images *f, cull_rng r, int64_t trains,
                               int64_t tests, float *x, int32_t *y);
/* Its first d principal components: x (n, d) and test (tests, d), pixels from 0 to 1, centred; labels
 * 0..9. Scratch of cx. */
typedef struct {
    int64_t n, tests, d;
    float *x, *test;
    int32_t *y, *test_y;
} cull__fashion;
cull_status cull__fashion_load(cull_ctx *cx, const char *dir, int64_t d, cull__fashion *f);

/* All `count` numbers of an array, of any shape, of a file. */
cull_status cull__claim_array(cull_ctx *cx, const char *path, const char *name, int64_t count,
                              float *out);

/* A requirement as measured otherwise, with its interval (NaN: none). */
void cull__claim_add_line(cull_claim_result *r, const char *what, double value, double lo,
                          double hi, bool below, double threshold);
void cull__claim_add_figure(cull_claim_result *r, const char *what, double value, double lo,
                            double hi);
/* mean a / mean b of values that belong together, and its 95 % interval by a bootstrap of pairs. */
cull_status cull__claim_ratio(cull_ctx *cx, const double *a, const double *b, int n, double *ratio,
                              double *lo, double *hi);
/* `one` for seeds 0 .. seeds-1: the ctx's seed is so much higher in each, and its scratch goes back after it. */
typedef cull_status cull__claim_seed_fn(cull_ctx *cx, void *arg, int seed);
cull_status cull__claim_seeds(cull_ctx *cx, int seeds, cull__claim_seed_fn *one, void *arg);
/* An empty folder of its own for the check's files, which the caller removes: its name into dir (size). */
cull_status cull__claim_folder(cull_ctx *cx, const char *slug, size_t size, char *dir);
/* Options "name=value name=value". */
cull_status cull__claim_options(cull_ctx *cx, cull_opts *o, const char *text);

/* The pick of `slug` with options "name=value name=value" from x (n, d), towards q (m, d) where that
 * is not NULL; `keep` rows into idx. */
cull_status cull__claim_pick(cull_ctx *cx, const char *slug, const char *options, const float *x,
                             int64_t n, const float *q, int64_t m, int64_t d, int64_t keep,
                             int64_t *idx);
/* Share of test rows (tests, d) that a logistic regression fitted on rows idx[0..k) of x labels
 * rightly. */
cull_status cull__claim_accuracy(cull_ctx *cx, const float *x, const int32_t *y, const int64_t *idx,
                                 int64_t k, int64_t d, const float *test, const int32_t *test_y,
                                 int64_t tests, double *accuracy);
/* rows idx[0..k) of x (., d) one after the other. */
void cull__gather(const float *x, const int64_t *idx, int64_t k, int64_t d, float *out);
#endif
