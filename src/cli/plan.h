/* plan.h - what --plan says, of every task that estimates. */
#ifndef CULL_CLI_PLAN_H
#define CULL_CLI_PLAN_H
#include "cli.h"
#include "cull/job.h"
#include "cull/policy.h"

typedef struct {
    const cull_method *m;
    cull_estimate e;
    bool timed; /* its seconds are known */
    /* Of compute and trust; NULL = of others. */
    const cull_outcomes *rows;
    const cull_opts *opts;
    const cull_policy_plan *policy;
    const char *reads, *writes;
} planned;
/* As lines, or with --json as one object. */
int say_plan(cli *c, const planned *p);
#endif
