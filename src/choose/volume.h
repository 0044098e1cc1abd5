/* volume.h - volumes of unions of boxes [0, e], e > 0: what fronts cover, seen from the reference point. */
#ifndef CULL__VOLUME_H
#define CULL__VOLUME_H
#include "base/base.h"
#include "choose/front.h"

enum { CULL__VOLUME_DEEP = 8 }; /* most objectives that are measured exactly */

/* e (n, m), depths below the reference; all finite. */
cull_status cull__volume3(cull_ctx *cx, const double *e, int64_t n, double *volume);
/* m = 4 .. 8. */
cull_status cull__volume_sliced(cull_ctx *cx, const double *e, int64_t n, int m, double *volume);
/* each[i]: what the union loses without box i. m = 3 .. 8. */
cull_status cull__volume_shares(cull_ctx *cx, const double *e, int64_t n, int m, double *each);

/* e (count, m) = ref - v of the rows who (count) that are below ref in all objectives. EINPUT: a reference that is not finite,
 * a row that covers no finite volume. */
cull_status cull__front_depths(cull_ctx *cx, const double *v, int64_t n, int m, const double *ref,
                               double **e, int64_t **who, int64_t *count);
#endif
