/* cascade_deep.h - what the files about cascades of many stages share: who is better, and better ones nearby. */
#ifndef CULL__CASCADE_DEEP_H
#define CULL__CASCADE_DEEP_H
#include "choose/cascade.h"

#include <math.h>

/* The first n - 1 of the stages have thresholds of their models' grids, from 1 on. */
typedef struct {
    int16_t model[CULL_CASCADE_STAGES];
    uint8_t grid[CULL_CASCADE_STAGES];
    int stages;
    double cost, quality; /* sums */
} cull__chain;

typedef struct {
    const cull__cascade_rows *r;
    int stages; /* at most */
    double budget, target;
    cull__chain best; /* that is allowed */
    cull__chain next; /* where the climb goes: to the best, or, where price is above 0, to */
    double price;     /* more quality - price cost, allowed or not */
    bool moved;
    int32_t *open;   /* (n): scratch */
    double *rest;    /* (n, 2): quality and cost of what comes after, by row */
    double *bin_sum; /* (256, as many as are needed) */
} cull__deep;

static inline double cull__deep_cost(const cull__deep *d, double sum)
{
    return ldexp(sum, -d->r->cost_places) / (double)d->r->n;
}
static inline double cull__deep_quality(const cull__deep *d, double sum)
{
    return ldexp(sum, -d->r->quality_places) / (double)d->r->n;
}
static inline bool cull__deep_allowed(const cull__deep *d, double cost, double quality)
{
    return cull__deep_cost(d, cost) <= d->budget && cull__deep_quality(d, quality) >= d->target;
}
/* Allowed, and better than the best: by quality, then cost, or by cost, then quality, where there is a target. */
static inline bool cull__deep_better(const cull__deep *d, double cost, double quality)
{
    const cull__chain *b = &d->best;
    bool less = cost<b->cost, more = quality> b->quality;
    if (!cull__deep_allowed(d, cost, quality)) return false;
    return d->target == -INFINITY ? more || (quality == b->quality && less)
                                  : less || (cost == b->cost && more);
}
static inline double cull__row_cost(const cull__cascade_rows *r, int64_t i, int k)
{
    return r->cost ? r->cost[k] : r->row[i * r->width + r->models + k];
}
bool cull__deep_has(const cull__chain *c, int k);
/* Fast enough with k in the place of stage `at` (-1: beside all). */
bool cull__deep_in_time(const cull__cascade_rows *r, const cull__chain *c, int at, int k);
/* Rows that the first `stages` of c leave open, into d->open, and what those stages cost and answered. */
int64_t cull__deep_replay(cull__deep *d, const cull__chain *c, int stages, double *cost,
                          double *quality);
/* Better ones by changing, adding or taking away one stage, until there is none. `all`, `dearest`: the most that quality and
 * cost sum to. */
cull_status cull__deep_polish(cull_ctx *cx, cull__deep *d, double all, double dearest);
#endif
