/* cull/search.h - choose a design: ask for a point of a space, tell how good it is, again and again.
 *
 *     cull_study_open(cx, space, &problem, method, opts, NULL, &study);
 *     while (!cull_study_done(study)) {
 *         cull_trial t;
 *         status = cull_study_ask(study, &t);        // t.x is a point of the space
 *         status = cull_study_tell(study, t.number, &(cull_outcome){.value = f(t.x)});
 *     }
 *
 * Everything that happens is an event, in one order: asked, reported, told. A method's state is a function of the events,
 * and its draws are of (seed, number of the trial), so a study that is read back from its store goes on to the same
 * sequence, and processes that share a store agree. */
#ifndef CULL_SEARCH_H
#define CULL_SEARCH_H
#include "cull/method.h"
#include "cull/space.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is asked for ---- */
typedef struct {
    const char *name; /* "error" */
    bool maximize;
} cull_objective;
enum { CULL_OBJECTIVES = 16 }; /* most of them; constraints too */

typedef enum {                    /* a point that was asked before, by its key */
               CULL_AGAIN_NEVER,  /* is not asked again: another one is, until all have been */
               CULL_AGAIN_CACHED, /* is told at once what was told then, and costs no evaluation */
               CULL_AGAIN_PAID,   /* is evaluated again: a replicate */
} cull_again;

typedef enum { /* who of those that report on the way goes on */
               CULL_STOP_NONE,
               CULL_STOP_MEDIAN, /* not worse than the median of the others at that step */
               CULL_STOP_HALVING, /* successive halving, synchronous: a rung waits until it is full */
               CULL_STOP_ASHA,    /* the best 1/eta of those at its rung so far (Li et al. 2020) */
               CULL_STOP_HYPERBAND, /* ASHA over brackets that begin at different rungs */
} cull_stop_kind;
typedef struct {
    cull_stop_kind kind;
    double eta; /* 0 = 3 */
    int64_t first,
        last; /* steps of the first rung and of a whole evaluation: 0 = 1; last must be given */
    /* false: a trial that runs reports at its steps, and is told there whether to go on. true: evaluations cannot be looked
     * at on the way; a point is asked with a budget of the first rung's steps (cull_trial.budget), and asked again, as a
     * trial of its own, with the next rung's when it is among the best. HALVING is of this kind alone. */
    bool anew;
} cull_stop;

/* Statistics that cost no evaluation (FLOPs, parameters) of n designs, two or more: x (n, width) are points of the space,
 * y (n, m) finite. Methods with CULL_READS_STATS learn from them first. */
typedef struct {
    int64_t n;
    int m;
    const double *x, *y;
} cull_search_stats;

typedef struct cull_search_problem {
    const cull_space *space; /* borrowed until the study is freed */
    int objectives;          /* 1 .. CULL_OBJECTIVES */
    const cull_objective *objective;
    int constraints;               /* told beside the values: fulfilled at 0 or below */
    const char *const *constraint; /* their names */
    int64_t trials;                /* evaluations paid for in all; 0 = no limit */
    double seconds,
        cost; /* wall time over all runs; sum of what tell says a trial cost; 0 = no limit */
    cull_again again;
    int64_t replicates; /* evaluations of each point, whose mean counts; 0 = 1; not with `stop` */
    int64_t retries;    /* of a failed evaluation before it counts as failed */
    cull_stop stop;     /* with several objectives by rank of dominance, then crowding */
    const char *id;     /* of what a trial's numbers depend on besides, kept in the store; NULL */
    const cull_search_stats *stats; /* borrowed until the study is freed; NULL = none */
} cull_search_problem;

/* Columns of a csv, tsv or jsonl file (.gz, .zst too) whose rows are points of `space`: a column for each parameter, called
 * as it is, or `key`, a column of digits (cull_table_opts). EINPUT by line: no point of the space, a cell without a number. */
CULL_API cull_status cull_search_stats_open(cull_ctx *cx, const cull_space *space, const char *path,
                                            const char *const *column, int columns, const char *key,
                                            cull_search_stats **out) CULL_CHECKED;
CULL_API void cull_search_stats_free(cull_search_stats *s); /* NULL is none */

/* ---- trials ---- */
typedef enum {
    CULL_TRIAL_RUNNING, /* asked, not told */
    CULL_TRIAL_DONE,
    CULL_TRIAL_STOPPED, /* by `stop`: its value is that of its last report */
    CULL_TRIAL_FAILED,  /* it came to nothing: crash, rubbish, NaN */
    CULL_TRIAL_TIMEOUT,
    CULL_TRIAL_LOST, /* its worker went away and the retries are used up */
} cull_trial_state;
CULL_API const char *cull_trial_state_name(cull_trial_state s); /* "done" */
typedef struct {
    int64_t number;  /* from 0 */
    const double *x; /* its point, the study's until the next call */
    cull_trial_state state;
    const double *value;       /* objectives as told; NaN where none */
    const double *violation;   /* constraints as told, or NULL */
    double cost, began, ended; /* as told; seconds since the study began */
    int64_t steps;             /* of its last report */
    int64_t budget;            /* steps that it may take for now (rungs that start anew); 0 = all */
    int32_t replicate;         /* of an earlier trial's point: 1, 2, ...; 0 = the first */
    int64_t point;             /* number of its point: trials of one point share it */
    const double *
        mean; /* objectives over the evaluations of its point that came to something; NaN where none */
    const double
        *noise;       /* standard deviation of the mean, by replicates or as told; 0 = not known */
    const char *note; /* why it, or its last try, failed: the study's until the next call; NULL */
} cull_trial;
typedef struct {
    cull_trial_state state; /* DONE, FAILED or TIMEOUT */
    const double
        *value; /* objectives, in the caller's direction; one that is not finite makes it FAILED */
    const double *violation; /* constraints; NULL = all fulfilled */
    double cost;             /* 0 = none told */
    double noise;            /* standard deviation of the values, 0 = not known */
    const char *note;        /* why it failed: a line; NULL */
} cull_outcome;
/* clang-format off */
#define CULL_OUTCOME {.state = CULL_TRIAL_DONE}
/* clang-format on */

/* ---- the study ---- */
typedef struct cull_study cull_study;
/* store: NULL or "" = in memory; a file name = SQLite; "postgresql://..." = a server. One that is there goes on, and must be
 * of the same space (or `widen`), objectives, method and seed: EINPUT says which differs. opts NULL = defaults. */
typedef struct {
    size_t size;
    const char *store;
    bool resume; /* the store must be there; else it must not, or be the same study */
    bool widen;  /* the space may have grown: new values, wider bounds, new optional parameters */
    bool sync;   /* told results survive a power failure: an fsync for each of them */
    bool default_first; /* a study that begins asks for the point of defaults before all others */
} cull_study_opts;
/* clang-format off */
#define CULL_STUDY_OPTS {.size = sizeof(cull_study_opts)}
/* clang-format on */
/* The method to take where none is named, its slug: that of the study in `store` (NULL = none) if it is there; else, of a study
 * of so many trials (0 = no limit), gp up to 300, whose questions cost most and gain most, and tpe above. Settled on
 * NAS-Bench-201 CIFAR-10, NAS-Bench-Macro and FCNet protein. */
CULL_API const char *cull_search_default(cull_ctx *cx, const char *store, int64_t trials);
CULL_API cull_status cull_study_open(cull_ctx *cx, const cull_search_problem *p,
                                     const cull_method *m, const cull_opts *opts,
                                     const cull_study_opts *o, cull_study **out) CULL_CHECKED;
CULL_API void cull_study_free(cull_study *s);
/* The budget is spent, the space has no more points, or stop was asked for; and nothing that runs can bring more (a
 * retry, a next rung). Trials may still run, and may be told. */
CULL_API bool cull_study_done(const cull_study *s);
/* The first limit that is reached, by its name in cull_search_problem: "trials", "cost" or "seconds"; NULL = none. */
CULL_API const char *cull_study_spent(const cull_study *s);
/* No more is asked, by any process that shares the store, until a study is opened on it with `resume` and asks. */
CULL_API cull_status cull_study_stop(cull_study *s) CULL_CHECKED;
CULL_API bool cull_study_stopped(const cull_study *s); /* so it is, by what was read so far */

/* The next trial to evaluate. ENODATA: there is none now (done, or a rung waits for others that run). A trial that is to be
 * tried again comes with its number of before. */
CULL_API cull_status cull_study_ask(cull_study *s, cull_trial *out) CULL_CHECKED;
/* Points that come before any that the method proposes, in order (a warm start, a default). With AGAIN_NEVER those that
 * were asked already are passed over. */
CULL_API cull_status cull_study_enqueue(cull_study *s, const double *x) CULL_CHECKED;
/* A result from elsewhere (another study's, a table): counts as told, and against no budget. */
CULL_API cull_status cull_study_add(cull_study *s, const double *x, const cull_outcome *o,
                                    int64_t *number) CULL_CHECKED;
/* The same of every row of a csv, tsv or jsonl file (.gz, .zst too) of any earlier study: columns called as parameters,
 * objectives, constraints and, where they are there, `cost`, `state` and `budget`; others are passed over, and so are rows
 * of trials that run, were stopped, failed before their point was whole, or had a rung's budget. An empty cell: not active; of
 * an objective or a constraint: the trial failed. Columns may have the names of Optuna's trials_dataframe; `params_c` is also the one parameter called `...c`
 * that is active, which the log tells. EINPUT by line, and nothing is added. *added may be NULL. */
CULL_API cull_status cull_study_import(cull_study *s, const char *path,
                                       int64_t *added) CULL_CHECKED;
/* How far a running trial has come: its values after `step` steps. *go = false: it should stop, and is not told. A step not
 * beyond its last is passed over (a retry). */
CULL_API cull_status cull_study_report(cull_study *s, int64_t number, int64_t step,
                                       const double *value, bool *go) CULL_CHECKED;
/* EINPUT: no such trial, not running (told already), values missing. The study stays as it was. */
CULL_API cull_status cull_study_tell(cull_study *s, int64_t number,
                                     const cull_outcome *o) CULL_CHECKED;

CULL_API const cull_search_problem *cull_study_problem(const cull_study *s);
CULL_API int64_t cull_study_trials(const cull_study *s); /* asked so far, added ones too */
CULL_API int64_t
cull_study_paid(const cull_study *s); /* evaluations that count against the budget */
CULL_API cull_status cull_study_trial(cull_study *s, int64_t number, cull_trial *out) CULL_CHECKED;
/* Trials that nothing done dominates, constraints first, by the means of their points, of each the first; with one objective
 * the best. Those of whole evaluations; while there are none, those of the furthest rung. idx has room for cull_study_trials. */
CULL_API cull_status cull_study_best(cull_study *s, int64_t *idx, int64_t *n) CULL_CHECKED;

/* ---- what methods are (src/method/search) ---- */
/* What a sampler sees, everything minimised; arrays by number of point. A point is what the method proposed (or was queued,
 * or added); with replicates and rungs of `anew` it has several trials, else it is one, and numbers are the same. */
typedef struct {
    const cull_search_problem *problem;
    const cull_space *space;
    int64_t width;
    int objectives;
    int64_t trials;  /* points so far */
    const double *x; /* (trials, width) */
    const double *
        value; /* (trials, objectives): sign turned where maximised; of STOPPED its last report; else NaN */
    const double *
        noise; /* (trials, objectives): standard deviation of value, 0 = not known; NULL = of none */
    const double *violation; /* trials: sum of v / (1 + v) of constraints v above 0; 0 = feasible */
    const uint8_t *state;    /* trials: cull_trial_state; STOPPED too at a rung below the last */
    const int64_t *steps;    /* trials: of its last report, or rung's; 0 = whole */
    const int64_t *told;     /* tells: number of the point told k-th, each once */
    int64_t tells;
    int64_t
        revised; /* how often a told value was replaced by that of a longer evaluation (`anew`) */
    uint64_t seed;
    void *study; /* for cull_search_seen */
} cull_search_view;
/* Whether x was asked before, done or running, and is not to be asked again: with CULL_AGAIN_PAID no point is such. */
CULL_API bool cull_search_seen(const cull_search_view *v, const double *x);

/* A method of task search. State changes in `asked` and `told` alone, which are called for every point once, in the order of
 * events, those read back from a store too (a queued or added point is asked as well); `ask` may keep caches. So the state
 * is a function of the events. One that fails leaves the state as it was, and is called again. Scratch (CULL_TMP) goes back
 * after each call. */
typedef struct cull_search_fns {
    cull_status (*open)(cull_ctx *cx, const cull_search_problem *p, const void *opts, void **state);
    void (*close)(void *state);
    /* x (width): the point of trial v->trials, valid and within the constraints. `attempt` counts from 0: proposals of this
     * number so far were seen before, and this one should be another. Draws are of cull__search_rng(v, attempt). ENODATA: it has
     * no more points, and the study is done. */
    cull_status (*ask)(cull_ctx *cx, void *state, const cull_search_view *v, int attempt,
                       double *x);
    cull_status (*asked)(cull_ctx *cx, void *state, const cull_search_view *v,
                         int64_t number); /* or NULL */
    cull_status (*told)(cull_ctx *cx, void *state, const cull_search_view *v,
                        int64_t number); /* or NULL */
    /* Whether it can search this problem: EINPUT with the reason (reals, several objectives, ...). Or NULL. */
    cull_status (*fits)(cull_ctx *cx, const cull_search_problem *p, const void *opts);
} cull_search_fns;

#ifdef __cplusplus
}
#endif
#endif
