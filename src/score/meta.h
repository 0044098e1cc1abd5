/* meta.h - which of several ways is best for a workload, learnt from what all of them did on others. */
#ifndef CULL__META_H
#define CULL__META_H
#include "base/base.h"
#include "cull/predict.h"

enum {
    CULL__META_JOINT, /* one predictor of (features, way) */
    CULL__META_EACH,  /* one predictor for each way */
    CULL__META_ALORS, /* truncated SVD of the table, its left factors regressed on features (Misir and Sebag 2017) */
    CULL__META_ISAC, /* clusters of features, each with its means (Kadioglu et al. 2010) */
    CULL__META_PAIRS, /* a forest for each pair of ways votes (Xu et al. 2011; Lindauer et al. 2015) */
    CULL__META_SINGLE, /* the means over all workloads */
    CULL__METAS
};
#define CULL__META_NAMES "joint|each|alors|isac|pairs|single"
typedef struct {
    int64_t n, d;
    int ways;
    const double *x, *v; /* (n, d); (ways, n) larger = better; all finite, n >= 2 */
} cull__meta_rows;
typedef struct {
    int kind;
    cull_predict_kind predictor; /* of JOINT and EACH */
    int64_t rounds, depth, rank; /* rank: of ALORS at most */
    double rate, l2;             /* l2: of ALORS */
    uint64_t stream;
} cull__meta_opts;
/* Scores (ways, m) of x (m, d): larger = better. */
cull_status cull__meta_say(cull_ctx *cx, const cull__meta_rows *r, const cull__meta_opts *o,
                           const double *x, int64_t m, double *score);
/* out (ways, n): of each row by what other folds teach. */
cull_status cull__meta_cross(cull_ctx *cx, const cull__meta_rows *r, const cull__meta_opts *o,
                             const int32_t *fold, int64_t folds, double *out);
/* Squared distance from each of x (m, d) to the nearest row of r, columns brought to variance 1; own: x are the rows
 * themselves, none of which is its own neighbour. */
cull_status cull__meta_far(cull_ctx *cx, const cull__meta_rows *r, const double *x, int64_t m,
                           bool own, double *far);
#endif
