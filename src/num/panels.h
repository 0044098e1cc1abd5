/* panels.h - rows 16 side by side, and their similarities: each the same bits wherever it is computed.
 *
 * A product of matrices by a library has bits that depend on the shape of the call. Where a number may
 * be computed once and held, or anew whenever it is needed, as memory allows, both must agree: here
 * every product of two rows is one sum in order, in whatever block it stands. */
#ifndef CULL__PANELS_H
#define CULL__PANELS_H
#include "num/num.h"

enum { CULL__PANEL = 16 };
enum { CULL__COSINE, CULL__RBF, CULL__DOT };

/* How alike two rows are: cosine; exp(-gamma |x - y|^2); dot product. */
typedef struct {
    int rule;
    double gamma;
} cull__alike;

typedef struct {
    int64_t n, d, panels; /* panels of 16 rows; rows past n are 0 */
    float *at;            /* (panels, d, 16) */
    float *sq;            /* panels * 16: squared lengths */
} cull__panels;

/* 1 / the mean squared distance of two rows of the pool. O(n d) time. */
cull_status cull__rbf_gamma(cull_ctx *cx, const cull_pool *p, double *gamma);
/* All rows of a pool, or row[0..m) of it; unit vectors for the cosine. Scratch of cx. */
cull_status cull__panels_of(cull_ctx *cx, const cull_pool *p, cull__alike rule, cull__panels *out);
cull_status cull__panels_some(cull_ctx *cx, const cull_pool *p, cull__alike rule,
                              const int64_t *row, int64_t m, cull__panels *out);
/* s (16, 16): how alike the rows of panel i of a and of panel j of b are. */
void cull__panels_tile(const cull__kern *kern, cull__alike rule, const cull__panels *a, int64_t i,
                       const cull__panels *b, int64_t j, float s[CULL__PANEL * CULL__PANEL]);
uint64_t cull__panels_bytes(int64_t n, int64_t d);
#endif
