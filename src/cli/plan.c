/* plan.c - cull data --plan: rows, bytes, passes and time, before anything is done. */
#include "problem.h"

int plan_say(cli *c, problem *q, const cull_method *m, const cull_opts *opts)
{
    cull_plan plan;
    TRY(check(c, cull_data_plan(c->cx, m, opts, &q->p, &plan)));
    printf("%llu\n", (unsigned long long)plan.bytes);
    return DONE;
}
