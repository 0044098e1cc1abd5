/* sampler.h - what a method of task search includes: its draws, and its results in order. */
#ifndef CULL__SAMPLER_H
#define CULL__SAMPLER_H
#include "base/base.h"
#include "cull/search.h"
#include "space/space.h"

/* Draws for point v->trials: of (seed, its number, attempt). `which` (0 .. 15): sequences of one attempt. */
cull_rng cull__search_rng(const cull_search_view *v, int attempt);
cull_rng cull__search_rng_more(const cull_search_view *v, int attempt, int which);
/* It has values: finite ones, of a whole evaluation or of as far as it came. */
static inline bool cull__search_finite(const cull_search_view *v, int64_t i)
{
    return v->state[i] == CULL_TRIAL_DONE || v->state[i] == CULL_TRIAL_STOPPED;
}
/* Points that have values, best first: by violation, then objective k, then number. idx: room for v->trials. */
cull_status cull__search_sorted(cull_ctx *cx, const cull_search_view *v, int k, int64_t *idx,
                                int64_t *n);
#endif
