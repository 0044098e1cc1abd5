/* cull/evaluate.h - who evaluates the trials of a study: a table, a function, any program; and the loop over them. */
#ifndef CULL_EVALUATE_H
#define CULL_EVALUATE_H
#include "cull/search.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_evaluator cull_evaluator;
CULL_API void cull_evaluator_free(cull_evaluator *e);

/* ---- a table of known results ---- */
typedef struct {
    size_t size;
    const char *const *column; /* the objectives' columns, in order; NULL = their names */
    int columns;
    const char *
        key; /* a column of whole designs as digits ("arch"): digit i is the value of parameter i; NULL = a column for
                         each parameter, called as it is */
    const char *cost; /* a column of what an evaluation costs; NULL = none */
    const char *const
        *step; /* columns of the values on the way (one objective), in order; NULL = none */
    int steps;
    bool
        nearest; /* a point that is not in the table takes the nearest one's row, else it fails by name */
    bool mean; /* of rows of one point; else each is for a replicate, in their order */
} cull_table_opts;
/* clang-format off */
#define CULL_TABLE_OPTS {.size = sizeof(cull_table_opts)}
/* clang-format on */
/* A csv, tsv or jsonl file (.gz, .zst too) whose rows are points of p->space; or an .npy (.npz: an array for each column) of
 * (points) or (points, seeds) values, points in the order of a discrete space, its first parameter slowest. Of seeds the mean
 * counts where there are no replicates. EINPUT by line: a value that is not the space's, a point twice with other values
 * without `mean` and without replicates. A blank value is a trial that fails. p is borrowed until the evaluator is freed,
 * here and below. */
CULL_API cull_status cull_evaluate_table(cull_ctx *cx, const cull_search_problem *p,
                                         const char *path, const cull_table_opts *o,
                                         cull_evaluator **out) CULL_CHECKED;

/* ---- a function ---- */
/* Called from the workers' threads, at most one call for each worker at a time. report(call, step, value) says whether to go
 * on. out: value and violation to fill, state DONE beforehand. */
typedef struct cull_call cull_call;
typedef void cull_evaluate_fn(void *user, cull_call *call, const cull_trial *t, cull_outcome *out,
                              double *value, double *violation);
CULL_API bool cull_call_report(cull_call *c, int64_t step, const double *value);
CULL_API int cull_call_worker(const cull_call *c); /* 0 .. workers-1 */
CULL_API cull_status cull_evaluate_function(cull_ctx *cx, const cull_search_problem *p,
                                            cull_evaluate_fn *fn, void *user,
                                            cull_evaluator **out) CULL_CHECKED;

/* ---- a program ---- */
typedef struct {
    size_t size;
    /* {name} of a parameter, {trial}, {worker}, {seed}, {budget}, {dir} are replaced in every word; {{ is {. No word with a
     * parameter: the point is a JSON object on standard input. Inactive parameters: a word that is nothing but one is left out. */
    const char *const *argv; /* ends with NULL; no shell */
    const char *path;        /* folders to seek argv[0] in, as in $PATH; NULL = /bin:/usr/bin */
    bool
        stay; /* one process a worker for many trials: a JSON object a line in, a result a line out */
    double
        timeout; /* seconds of one evaluation; 0 = none. Its process group is killed: SIGTERM, then SIGKILL after `grace` */
    double grace; /* 0 = 5 */
    const char
        *dir; /* a folder for each trial (out, err, point.json) in here; NULL = none is kept */
    int64_t
        most; /* bytes of each output that are kept of a trial, 0 = 1 MiB: of more the beginning and the end */
} cull_command_opts;
/* clang-format off */
#define CULL_COMMAND_OPTS {.size = sizeof(cull_command_opts)}
/* clang-format on */
/* What a program prints on standard output: JSON lines {"step": 3, "error": 0.2} are reports (answered "go" or "stop" on
 * standard input where `stay`, else by SIGTERM), the last line with all objectives is its result, as JSON or as
 * `name=value ...` or, with one objective, a bare number. Other lines are passed over. Exit status 0, else FAILED; 75 = try
 * again later (a retry). Children get the CPU mask of the process before cull pinned anything, and default signals. */
CULL_API cull_status cull_evaluate_command(cull_ctx *cx, const cull_search_problem *p,
                                           const cull_command_opts *o,
                                           cull_evaluator **out) CULL_CHECKED;

/* ---- the loop ---- */
typedef struct {
    size_t size;
    int workers; /* evaluations at a time; 0 = 1 */
    /* Answers that do not depend on the workers: results are taken in the order in which `in_order` workers would have
     * them, by what each trial cost (1 where nothing was told); 0 = as they come. Failures other than the program's own
     * (timeouts) are real time's all the same. */
    int in_order;
    double heartbeat; /* seconds; trials of workers silent for ten of them are retried; 0 = 5 */
    void (*each)(void *user, const cull_study *s,
                 const cull_trial *t); /* after each tell; or NULL */
    void *user;
    bool (*hurry)(
        void *user); /* asked while evaluations are ended: true = by SIGKILL, now; or NULL */
} cull_run_opts;
/* clang-format off */
#define CULL_RUN_OPTS {.size = sizeof(cull_run_opts)}
/* clang-format on */
/* Until the study is done, the ctx's deadline or tick says stop (CULL_ECANCEL; running evaluations are ended and run again
 * when the study goes on), or every evaluation fails: EINPUT after the first 10 without one success, with the last note. */
CULL_API cull_status cull_study_run(cull_ctx *cx, cull_study *s, cull_evaluator *e,
                                    const cull_run_opts *o) CULL_CHECKED;

/* ---- loops of the caller's own ---- */
/* What cull_study_run does for those that share a store; without a store each does nothing. A loop begins with
 * claim: trials asked from then on are known as this process's, and those of processes of this machine that are no more are
 * asked again. */
CULL_API cull_status cull_study_claim(cull_ctx *cx, cull_study *s) CULL_CHECKED;
/* Every `heartbeat` seconds (0 = 5): trials number[0..n) are still evaluated here; those of others that were silent for
 * ten of them are asked again. */
CULL_API cull_status cull_study_beat(cull_ctx *cx, cull_study *s, const int64_t *number, int64_t n,
                                     double heartbeat) CULL_CHECKED;
/* A running trial whose evaluation was broken off is the next to be asked, under its number; it has not failed. Of studies
 * in memory too. */
CULL_API cull_status cull_study_give_back(cull_study *s, int64_t number) CULL_CHECKED;

/* ---- a study in a store, looked at from outside ---- */
/* Space, objectives, method, options and seed are the store's; cx takes the seed. It may go on. Where the store cannot be
 * written (no permission, a full disk) it is read all the same, and only calls that would write fail. */
CULL_API cull_status cull_study_reopen(cull_ctx *cx, const char *store,
                                       cull_study **out) CULL_CHECKED;
/* What others that share the store have written since the last call. To ask and to tell hear of it anyway; who only looks on does
 * by this. EIO: the store cannot be read. Costs a look into the store, and what is new. */
CULL_API cull_status cull_study_refresh(cull_study *s) CULL_CHECKED;
/* Of what the study is, as it was opened: method, its options, seed. Any of the two may be NULL. */
CULL_API const cull_method *cull_study_method(const cull_study *s, const cull_opts **opts,
                                              uint64_t *seed);
typedef struct {
    int64_t number;
    double seconds;  /* until the study's last event; it may run longer */
    bool silent;     /* for more than a minute nothing was heard of its worker */
    char worker[96]; /* "host@numbers:pid:start"; "" = not known */
} cull_running;
/* Trials that run: *n of them, at most cap to out. */
CULL_API cull_status cull_study_running(cull_ctx *cx, cull_study *s, cull_running *out, int64_t cap,
                                        int64_t *n) CULL_CHECKED;
/* Trials idx[0..n) (NULL: all) as rows of .csv, .tsv, .jsonl or .json (.gz, .zst too; "-" = csv on standard output): number, state,
 * the point, values, constraints, cost, times, worker and note. cull_study_import reads it (not .json). */
CULL_API cull_status cull_study_write(cull_ctx *cx, cull_study *s, const int64_t *idx, int64_t n,
                                      const char *path) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
