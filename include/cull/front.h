/* cull/front.h - choosing among vectors: what is not dominated, how much it covers. All are minimised. */
#ifndef CULL_FRONT_H
#define CULL_FRONT_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* v (n, m) row-major throughout. a dominates b: nowhere larger, somewhere smaller. Rows with a NaN are
 * dominated by all without one. */

/* rank[i] = 0: nothing dominates it; k: only by rows of rank below k. violation (n; NULL = none): a row with a
 * smaller one dominates whatever its values, one with a NaN apart (Deb et al. 2002); 0 and below are fulfilled, a NaN is
 * the worst. O(n log n) time for m = 1, 2, about n log^2 n for 3 and n log^(m-1) n for many rows of more, up to 20,000 m of
 * which take m n^2 / 64; at most 120 + 12 m bytes a row. Returns the number of ranks in *ranks (may be NULL). */
CULL_API cull_status cull_front_ranks(cull_ctx *cx, const double *v, int64_t n, int m,
                                      const double *violation, int32_t *rank,
                                      int32_t *ranks) CULL_CHECKED;
/* Indices of rank 0, ascending; of equal rows the first alone where `distinct`. idx has room for n. */
CULL_API cull_status cull_front_best(cull_ctx *cx, const double *v, int64_t n, int m, bool distinct,
                                     int64_t *idx, int64_t *count) CULL_CHECKED;
/* Crowding distance (Deb et al. 2002) within each rank (NULL = all are of one); ends are INFINITY, of equal ends
 * the first and the last row. An objective in which a rank's rows are all alike adds nothing, nor does a finite distance
 * to an infinite range. 0 of rows with a NaN. */
CULL_API cull_status cull_front_crowding(cull_ctx *cx, const double *v, int64_t n, int m,
                                         const int32_t *rank, double *distance) CULL_CHECKED;

/* ---- how good a front is ---- */
/* Volume of what v dominates within ref (m): exact for m up to 8. each (n; may be NULL): what the volume loses without
 * row i, so that of equal rows neither counts. Rows that are not below ref in all of m add nothing; EINPUT: one that is and
 * has a -infinity. O(n log n) time for m = 2, 3, about n^2 for 4, and a factor of at most n more for each further one, which random
 * fronts do not come near; each: n times what few boxes take. */
CULL_API cull_status cull_front_volume(cull_ctx *cx, const double *v, int64_t n, int m,
                                       const double *ref, double *volume,
                                       double *each) CULL_CHECKED;
/* Estimate for any m from `draws` points of (seed of cx, stream), with its standard error: points of the box around v and ref,
 * or of the rows' own boxes (Karp and Luby 1983) where their volumes sum to less. O(n m draws) time. */
CULL_API cull_status cull_front_volume_drawn(cull_ctx *cx, const double *v, int64_t n, int m,
                                             const double *ref, int64_t draws, uint64_t stream,
                                             double *volume, double *error) CULL_CHECKED;
/* Against a reference front z (k, m): inverted generational distance, its dominance-keeping form IGD+ (Ishibuchi et
 * al. 2015), and additive epsilon. Any of the three may be NULL. */
CULL_API cull_status cull_front_distance(cull_ctx *cx, const double *v, int64_t n, int m,
                                         const double *z, int64_t k, double *igd, double *igd_plus,
                                         double *epsilon) CULL_CHECKED;
/* R2 of Tchebycheff functions over w (k, m) weights from the ideal point (Hansen and Jaszkiewicz 1998). */
CULL_API cull_status cull_front_r2(cull_ctx *cx, const double *v, int64_t n, int m, const double *w,
                                   int64_t k, const double *ideal, double *r2) CULL_CHECKED;
/* Das and Dennis's weights: points of a grid of `parts` on the simplex of m; w NULL = count them alone. */
CULL_API int64_t cull_front_weights(int m, int parts, double *w);

/* ---- a front that grows ---- */
typedef struct cull_front cull_front;
/* ref (m; NULL = no volume). */
CULL_API cull_status cull_front_new(cull_ctx *cx, int m, const double *ref,
                                    cull_front **out) CULL_CHECKED;
CULL_API void cull_front_free(cull_front *f);
/* *joined: it is not dominated by what is there, nor equal to it; those that it dominates leave. `id` is the caller's. */
CULL_API cull_status cull_front_add(cull_ctx *cx, cull_front *f, const double *v, int64_t id,
                                    bool *joined) CULL_CHECKED;
CULL_API int64_t cull_front_size(const cull_front *f);
CULL_API const double *cull_front_at(const cull_front *f, int64_t i, int64_t *id);
CULL_API cull_status cull_front_covered(cull_ctx *cx, cull_front *f,
                                        double *volume) CULL_CHECKED; /* within ref */

#ifdef __cplusplus
}
#endif
#endif
