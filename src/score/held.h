/* held.h - rows kept to test a limit to the risk on, and what is promised then. */
#ifndef CULL__HELD_H
#define CULL__HELD_H
#include "cull/compute.h"
#include "score/outcomes.h"

/* Rows that something is learnt from, and about a share `hold` of them to test it on, of which the quality of all models is known.
 * EINPUT by name: a quality outside 0 .. 1; fewer than 4 to learn from, none to test on. Scratch. */
cull_status cull__held_split(cull_ctx *cx, const cull_outcomes *o, double hold,
                             cull_outcomes *learn, cull_outcomes *test);
/* Mean quality of model k where it is known; -inf = nowhere. */
double cull__held_quality(const cull_outcomes *o, int k);
/* The model that quality is lost against, from the option `reference`: from 1, or 0 for the strongest of these rows. EINPUT: there are
 * not so many. */
cull_status cull__held_reference(cull_ctx *cx, const cull_outcomes *o, int64_t reference, int *out);
/* Whether `groups` may be asked for: the rows have some. */
cull_status cull__held_groups(cull_ctx *cx, const cull_outcomes *o, bool groups);
/* Tells `out` that p's limit holds, by n tested rows, in each group where `groups`: of the risk, or (reference >= 0) of the quality
 * lost against that model. */
cull_status cull__held_promise(cull_ctx *cx, const cull_compute_problem *p, bool groups,
                               int reference, int64_t n, cull_policy *out);
#endif
