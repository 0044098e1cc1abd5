/* front.h - what the files about fronts share (cull/front.h): numbers in order, rows compared. */
#ifndef CULL__FRONT_H
#define CULL__FRONT_H
#include "base/base.h"

/* A number and whose it is. */
typedef struct {
    double v;
    int64_t i;
} cull__place;
/* Ascending, equal ones as they stood, by digits or by merging. room (n); n < 2^31. None is NaN. */
void cull__places_sort(cull__place *p, cull__place *room, int64_t n);

static inline bool cull__row_has_nan(const double *v, int m)
{
    for (int d = 0; d < m; d++)
        if (v[d] != v[d]) return true;
    return false;
}
/* a is nowhere larger than b: it dominates b or equals it. */
static inline bool cull__row_covers(const double *a, const double *b, int m)
{
    for (int d = 0; d < m; d++)
        if (a[d] > b[d]) return false;
    return true;
}

/* EINPUT unless there are 0 .. 2^31 - 2 rows of 1 .. CULL__FRONT_WIDE numbers. */
enum { CULL__FRONT_WIDE = 1024 };
cull_status cull__front_fits(cull_ctx *cx, int64_t n, int m);

/* Of rows p[0 .. n).i of v, none with a NaN: rank = base + the longest chain of rows that dominate it, one after the
 * other. *next = base + the number of ranks. p and room (n) are scratch. */
cull_status cull__front_chains(cull_ctx *cx, const double *v, int m, cull__place *p,
                               cull__place *room, int64_t n, int32_t base, int32_t *rank,
                               int32_t *next);
/* The same of two or three objectives by a sweep that is quicker. *done = false: given up, as it would take O(n^2); p
 * has its rows still. */
cull_status cull__front_sweep(cull_ctx *cx, const double *v, int m, cull__place *p,
                              cull__place *room, int64_t n, int32_t base, int32_t *rank,
                              int32_t *next, bool *done);
/* The same of rows that differ, in lexicographic order, m > 1; key (rows, m): the number of its value among those of its objective.
 * rank (rows): zeros before. */
cull_status cull__front_bits(cull_ctx *cx, const int32_t *key, int m, int32_t rows, int32_t *rank);
#endif
