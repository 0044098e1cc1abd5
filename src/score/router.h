/* router.h - what models' answers will be worth on a row, learnt from rows where that is known. */
#ifndef CULL__ROUTER_H
#define CULL__ROUTER_H
#include "base/base.h"

enum {
    CULL__ROUTER_KNN,      /* the mean of the nearest rows, columns brought to variance 1 */
    CULL__ROUTER_LOGISTIC, /* of answers that are right or wrong */
    CULL__ROUTER_RIDGE,
    CULL__ROUTER_BOOST,
    CULL__ROUTERS
};
#define CULL__ROUTER_NAMES "knn|logistic|ridge|boost"
typedef struct {
    int kind;
    int64_t neighbours, rounds, depth;
    double l2, rate; /* l2: of the sum of losses + l2 / 2 |w|^2 */
    uint64_t stream;
} cull__router_opts;
typedef struct {
    int64_t n, d;
    int models;
    const double *x;       /* (n, d) */
    const double *quality; /* (models, n); NAN = not known */
} cull__router_rows;

static inline bool cull__router_linear(int kind)
{
    return kind == CULL__ROUTER_LOGISTIC || kind == CULL__ROUTER_RIDGE;
}
/* Of the linear kinds: w (models, d + 1) on x as it is, the bias last. EINPUT: a model of which fewer than two rows are known,
 * logistic: a quality that is neither 0 nor 1. */
cull_status cull__router_weights(cull_ctx *cx, const cull__router_rows *r,
                                 const cull__router_opts *o, double *w);
/* out (models, m) of x (m, d). */
void cull__router_weigh(int kind, int models, int64_t d, const double *w, const double *x,
                        int64_t m, double *out);
/* Learn from r and say, out (models, m), of any kind. The same bits for any number of threads. */
cull_status cull__router_say(cull_ctx *cx, const cull__router_rows *r, const cull__router_opts *o,
                             const double *x, int64_t m, double *out);
/* out (models, n): of each row by those of other folds. */
cull_status cull__router_cross(cull_ctx *cx, const cull__router_rows *r, const cull__router_opts *o,
                               const int32_t *fold, int64_t folds, double *out);
#endif
