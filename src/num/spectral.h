/* spectral.h - groups of a few things by how alike they are (spectral.c). */
#ifndef CULL__SPECTRAL_H
#define CULL__SPECTRAL_H
#include "base/base.h"

enum { CULL__SPECTRAL_MOST = 4096 };
/* group (n) = 0 .. k-1, numbered by their lowest members: normalised cut of the symmetric likeness (n, n), which is >= 0 and
 * whose diagonal does not count. Rows of the first k eigenvectors of D^-1/2 S D^-1/2, brought to length 1, go to k-means
 * (Ng, Jordan and Weiss 2001), the best of `restarts`. A thing like no other stands alone only if k allows it. Every group
 * has a member. O(n^3) time, 3 n^2 doubles; n at most CULL__SPECTRAL_MOST. */
cull_status cull__spectral(cull_ctx *cx, const double *likeness, int64_t n, int64_t k, int restarts,
                           int32_t *group);
#endif
