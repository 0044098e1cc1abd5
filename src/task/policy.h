/* policy.h - what the doors of compute and trust share: what methods need, what they left. */
#ifndef CULL__TASK_POLICY_H
#define CULL__TASK_POLICY_H
#include "base/base.h"
#include "cull/compute.h"

/* What a door does once it knows method and options: fills `out`. */
typedef cull_status cull__policy_fill(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                      const void *problem, cull_policy *out);
/* A new policy by m, which must be a method of `task`, with opts or by default. */
cull_status cull__policy_fit(cull_ctx *cx, cull_task task, const cull_method *m,
                             const cull_opts *opts, cull__policy_fill *fill, const void *problem,
                             cull_policy **out);
/* What a fit by opts holds, from trials by `fit` on some of the rows, at most `most` (0 = as many as is usual): options named in
 * `brief` have their least value there. */
typedef cull_status cull__policy_try(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                     const void *problem, const cull_outcomes *rows,
                                     cull_policy **out);
cull_status cull__policy_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                              cull__policy_try *fit, const void *problem, const char *brief,
                              int64_t most, const cull_outcomes *rows, cull_policy_plan *out);
/* m is a method of that task, and opts are its own. */
cull_status cull__policy_of(cull_ctx *cx, cull_task task, const cull_method *m,
                            const cull_opts *opts);
/* rows are sound, and there is all that `needs` says. */
cull_status cull__outcomes_can(cull_ctx *cx, const cull_method *m, unsigned needs,
                               const cull_outcomes *rows);
/* The same, and rows with all that `needs` says; quality is made where it is asked for and outputs and
 * truth are there. Scratch of cx. */
cull_status cull__outcomes_for(cull_ctx *cx, const cull_method *m, unsigned needs,
                               const cull_outcomes *rows, cull_outcomes *out);
/* Of outputs and the truth: 1 where the largest output is of the true class; ties go to the lower class. */
cull_status cull__outcomes_quality(cull_ctx *cx, cull_outcomes *o);
/* Rows to decide on must be of the policy's models. */
cull_status cull__same_models(cull_ctx *cx, const cull_policy *p, const cull_outcomes *rows);
/* What apply left: a number for each row, models that there are, costs that are numbers. */
cull_status cull__decisions_check(cull_ctx *cx, const cull_method *m, const cull_outcomes *rows,
                                  const cull_decisions *d);
/* opts, or where that is NULL *own, those of the policy; free *own. */
cull_status cull__policy_opts(cull_ctx *cx, const cull_policy *p, const cull_opts *opts,
                              cull_opts **own, const cull_opts **use);
/* Decide about rows, all in one block, by a policy of that task; g may be NULL. */
cull_status cull__apply_at_once(cull_ctx *cx, cull_task task, cull_policy *p, const cull_opts *opts,
                                const cull_outcomes *rows, cull_decisions *out, cull_guarantee *g);
/* Hashes of calibration rows in a policy, as two columns of 32 bits: every f64 holds them exactly. */
#define CULL__HASHES "calibration.rows"
#endif
