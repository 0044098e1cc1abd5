/* weights.h - parts of the door of task weights: which options a tensor has. */
#ifndef CULL__TASK_WEIGHTS_H
#define CULL__TASK_WEIGHTS_H
#include "base/base.h"
#include "cull/weights.h"

/* ---- rules (weights_rules.c) ---- */
typedef struct cull__rules cull__rules;
/* The rules of p, read and checked; opts counts where none does. *out is freed whatever is returned. */
cull_status cull__rules_new(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                            const cull_weights_problem *p, cull__rules **out);
/* The options of tensor t in model `model` (-1 = the base): as long as the rules live. */
cull_status cull__rules_opts(cull_ctx *cx, cull__rules *r, const cull_tensor *t, int model,
                             const void **out);
/* A rule that no tensor has met is refused. */
cull_status cull__rules_used(cull_ctx *cx, const cull__rules *r);
void cull__rules_free(cull__rules *r);
#endif
