/* rounding.h - what a column of numbers loses where it is read as f32. */
#ifndef CULL__ROUNDING_H
#define CULL__ROUNDING_H
#include "base/base.h"
#include "cull/pool.h"

/* What a column holds; of zeros at first. */
typedef struct {
    double lo, hi;
    bool any, inexact, whole; /* some number; some that f32 lacks; some whole one that f32 lacks */
} cull__extent;
void cull__extent_add(cull__extent *s, double v);
/* What to subtract before rounding, exactly; 0 where nothing, or nothing that matters, is lost without. */
double cull__extent_offset(const cull__extent *s);

/* Finds two different whole numbers of a column that f32 takes for one, where they lie near to each other in
 * the column, of the first few columns that are watched. */
enum { CULL__WATCHED = 16 };
typedef struct {
    int64_t column[CULL__WATCHED];
    double *seen[CULL__WATCHED];
    int n;
    bool found;
    cull_pool_merge first;
} cull__merges;
cull_status cull__merges_watch(cull_ctx *cx, cull__merges *m, int64_t column,
                               int *slot); /* or -1 */
void cull__merges_add(cull__merges *m, int slot, double v);
void cull__merges_free(cull__merges *m);
#endif
