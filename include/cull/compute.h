/* cull/compute.h - how much work to spend on each input: exits, cascades, routers, experts, drafts.
 *
 * Pointers in a problem are borrowed for the call. */
#ifndef CULL_COMPUTE_H
#define CULL_COMPUTE_H
#include "cull/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_compute_problem {
    const cull_outcomes *rows; /* whose outcomes are known */
    double budget;             /* most mean cost of a row; INFINITY = none */
    double target;             /* least mean quality; -INFINITY = none */
    double delay;              /* most delay of a row; INFINITY = none */
    /* The mean loss is at most `risk`, but with the chance `delta`; delta 0 = in expectation (conformal risk control). Loss
     * is 1 - quality, or what a method says it is: of router and moe2, quality lost against the strongest model. NAN = no
     * such guarantee is asked for. */
    double risk, delta;
} cull_compute_problem;
/* clang-format off */
#define CULL_COMPUTE_PROBLEM {.budget = INFINITY, .target = -INFINITY, .delay = INFINITY, .risk = NAN, .delta = 0.1}
/* clang-format on */

/* Choices that hold a limit to the mean loss, the safest first, the cheapest last. Scratch. */
typedef struct {
    int64_t places, start; /* how many; the one that was fitted. 0 = the policy has none */
    const double *loss;    /* (places): on the rows that they were learnt from */
    int reference;         /* the model that quality is lost against; -1 = loss is 1 - quality */
} cull_compute_path;

#define CULL_PROBLEM "problem" /* of a policy: budget, target, delay, risk, delta */
/* What a method of task compute is. */
typedef struct cull_compute_fns {
    /* What of the rows it cannot do without: the door refuses problems that lack it, by name. */
    unsigned needs, apply_needs; /* sums of CULL_READS_... */
    /* Decisions depend on which rows are decided on together, so that these must come at once: "" = always, else
     * where this option is on. NULL = each row is decided on by itself. */
    const char *at_once;
    cull_status (*fit)(cull_ctx *cx, const cull_compute_problem *p, const void *opts,
                       cull_policy *out);
    /* opts are those of fit, some of which may have been set anew; rows have no quality or truth. */
    cull_status (*apply)(cull_ctx *cx, const cull_policy *p, const void *opts,
                         const cull_outcomes *rows, cull_decisions *out);
    /* Of a method whose policies may hold a limit in expectation by a place on a path, so that it can follow the rows of a stream
     * (cull/stream.h): the path, and what is decided at a place of it. NULL else. */
    cull_status (*path)(cull_ctx *cx, const cull_policy *p, const void *opts,
                        cull_compute_path *out);
    cull_status (*at)(cull_ctx *cx, const cull_policy *p, const void *opts,
                      const cull_outcomes *rows, int64_t place, cull_decisions *out);
    /* For a plan. `work`: adds the sizes that its time goes by, and sets `bend`; NULL = the rows alone. `brief`: options whose least value makes a
     * trial short and holds as much, comma-separated; NULL = none. `trial`: rows that a fit is tried on at most; 0 = as of
     * others. */
    void (*work)(const cull_compute_problem *p, const void *opts, cull_policy_plan *out);
    const char *brief;
    int64_t trial;
} cull_compute_fns;
enum {
    CULL_READS_OUT = 1,
    CULL_READS_SCORE = 2,   /* or `out`, from which it is made */
    CULL_READS_QUALITY = 4, /* or `out` and `truth`, from which it is made */
    CULL_READS_TRUTH = 8,
    CULL_READS_X = 16,
    CULL_READS_ONLY_SCORE = 32 /* and nothing stands in for it */
};

/* Learn a policy by m (a method of task compute); opts NULL = defaults. Where quality is asked for and only
 * outputs and the truth are there, it is 1 where the largest output is of the true class. CULL_EINPUT, by name:
 * what cull_outcomes_check refuses, what m needs and is not there, a budget below the cheapest model, a target
 * above what can be had, rows too few to learn from. */
CULL_API cull_status cull_compute_fit(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                      const cull_compute_problem *p,
                                      cull_policy **out) CULL_CHECKED;
/* What that would hold and do; nothing is kept. Bytes come from trials in a context of their own: of all rows where there are up
 * to 8,192 (or `trial`), else of even samples of a quarter, a half and all of so many, along a line or, where bytes grow
 * faster, along a parabola. Errors are those of the fit; what a sample alone is refused for is told in out->refused. */
CULL_API cull_status cull_compute_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                                       const cull_compute_problem *p,
                                       cull_policy_plan *out) CULL_CHECKED;
/* Decide about rows; opts NULL = as fitted. The models must be those of the policy, in number and, where
 * they have names, by name. */
CULL_API cull_status cull_compute_apply(cull_ctx *cx, const cull_policy *p, const cull_opts *opts,
                                        const cull_outcomes *rows,
                                        cull_decisions *out) CULL_CHECKED;

/* What decisions cost and are worth on rows whose outcomes are known, each with its 95 % interval (bootstrap
 * over rows, over groups where there are any), beside each model alone. A decision with a label is worth 1 where
 * that is the truth; else it is worth the quality of its model, which is made as for a fit where it is not given. */
typedef struct {
    const char *what; /* "policy", or the name of a model */
    double quality, quality_lo, quality_hi, cost, cost_lo, cost_hi;
    double saving, saving_lo, saving_hi; /* 1 - cost / cost of the model that is best alone */
} cull_compute_line;
typedef struct {
    cull_compute_line line[CULL_MODELS + 1]; /* the policy's first */
    int lines, best;                         /* the line of the model that is best alone */
    double share[CULL_MODELS];               /* of rows that each model ran on */
} cull_compute_verdict;
CULL_API cull_status cull_compute_judge(cull_ctx *cx, const cull_decisions *d,
                                        const cull_outcomes *rows,
                                        cull_compute_verdict *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
