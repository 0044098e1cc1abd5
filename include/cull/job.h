/* cull/job.h - a task's problem from named inputs, as the command and the bindings take them: files,
 * what the caller holds in memory, settings as text. A job opens what is named, makes what was not
 * given (features of the text), runs methods, judges them beside the baselines, and keeps the result
 * with all that a report says of it. cull_task_inputs lists the names. */
#ifndef CULL_JOB_H
#define CULL_JOB_H
#include "cull/corpus.h"
#include "cull/data.h"
#include "cull/report.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_job cull_job;
/* cx serves every later call on the job and outlives it. */
CULL_API cull_status cull_job_new(cull_ctx *cx, cull_task t, cull_job **out) CULL_CHECKED;
CULL_API void cull_job_free(cull_job *j);

/* ---- inputs, before the first run; in names '_' and '-' are one ----
 * CULL_EOPTION: there is no such input (the nearest is named), or it is given twice; "pool", "target",
 * "against", "have" and "avoid" may be given several times, but as one kind of thing. Rows must agree with the pool's:
 * that is told when the job runs. */
/* A file's name, a field's name, or a setting as text (see cull_task_inputs); copied. */
CULL_API cull_status cull_job_set(cull_job *j, const char *name, const char *value) CULL_CHECKED;
/* pool, target, against, embeddings, target-embeddings: (rows, d) numbers of any dtype; cost: (rows)
 * numbers; avoid: (rows), 0 = may be kept; have: (rows), 0 = not held already. Borrowed until the job is settled or freed. */
CULL_API cull_status cull_job_array(cull_job *j, const char *name,
                                    const cull_array *a) CULL_CHECKED;
/* pool, target, against or avoid: records that the caller opened; borrowed. The fields named by text, id,
 * label, group and cost are those that `c` was opened with; the group of a target is its task. */
CULL_API cull_status cull_job_records(cull_job *j, const char *name,
                                      const cull_corpus *c) CULL_CHECKED;
/* A score column called `name`, n doubles; borrowed. */
CULL_API cull_status cull_job_column(cull_job *j, const char *name, const double *v,
                                     int64_t n) CULL_CHECKED;
/* group, label or target-task: n codes of 0 .. count-1, and what they are called; borrowed. */
CULL_API cull_status cull_job_codes(cull_job *j, const char *name, const int32_t *code, int64_t n,
                                    const char *const *names, int32_t count) CULL_CHECKED;

/* ---- a run ---- */
enum {
    CULL_JOB_JUDGE = 1,     /* precision and coverage, if known; groups and labels counted */
    CULL_JOB_BASELINES = 2, /* the same of every baseline: the random ones are drawn 5 times */
    CULL_JOB_IDS = 4,       /* ids of what was kept */
    CULL_JOB_SNIPPETS = 8,  /* and the first 200 characters of its text */
    CULL_JOB_HASHES = 16,   /* of the files that were read */
    CULL_JOB_FEATURES = 32  /* of texts are made for coverage, although the method reads none */
};
/* Open the inputs, unless a run before did; run m with opts (NULL = defaults); judge as `flags` say.
 * The result is kept in the job. Later runs may have other options; another method finds only what
 * the first one read. With "checkpoint" a folder keeps what a killed run had done, and the same job
 * goes on from there to the same answer; with "shard" and "parts" the run does its share and, while
 * others are missing, ends with CULL_EWAIT. Errors: of the inputs, by name, and of cull_data_pick. */
CULL_API cull_status cull_job_run(cull_job *j, const cull_method *m, const cull_opts *opts,
                                  unsigned flags) CULL_CHECKED;
/* Of the last run; borrowed from the job. NULL before the first. */
CULL_API const cull_run *cull_job_result(const cull_job *j);
/* The command that the result says it was made by, as replay needs it; borrowed. Without it, one is
 * put together where all inputs are files. */
CULL_API void cull_job_argv(cull_job *j, const char *const *argv, int argc);
/* Write the kept rows as they lie in the pool's files or array, in the pool's order or as chosen. */
CULL_API cull_status cull_job_rows(cull_job *j, bool as_chosen, const char *path) CULL_CHECKED;
/* The same of any pick: of `text`, or of `pool` where that is NULL. */
CULL_API cull_status cull_pick_write_rows(cull_ctx *cx, const cull_pick *k, const cull_corpus *text,
                                          const cull_pool *pool, bool as_chosen,
                                          const char *path) CULL_CHECKED;
/* The result has gone where it should: remove the checkpoints that it was kept by. */
CULL_API cull_status cull_job_done(cull_job *j) CULL_CHECKED;
/* Close the inputs and let borrowed memory go; the result stays. No run afterwards. */
CULL_API void cull_job_settle(cull_job *j);

/* ---- before a run ---- */
typedef struct {
    int64_t rows, targets, dim; /* targets, dim: 0 = none */
    bool makes_features;        /* dim numbers a row are made of the text */
    const char *budget, *cost_unit;
    uint64_t bytes;                /* held at once, at most */
    double passes;                 /* over the pool */
    double read, features, choose; /* seconds */
} cull_estimate;
/* What cull_job_run would hold, within a tenth, and how long it would take, within a factor of 2 or
 * 0.1 s: the inputs are opened and an even sample of up to 6,000 rows goes through all steps. */
CULL_API cull_status cull_job_estimate(cull_job *j, const cull_method *m, const cull_opts *opts,
                                       unsigned flags, cull_estimate *out) CULL_CHECKED;

/* ---- many methods ---- */
typedef struct {
    const cull_method *method;
    const cull_opts *opts; /* NULL = defaults */
    const char *name;      /* in the table: "rds-plus:rule=mean"; NULL = the slug */
} cull_variant;
/* Inputs that only a comparison has (targets, split-by), beside those of the task; ends with NULL. */
CULL_API const cull_input *cull_compare_inputs(void);
/* Run n variants on one problem, those that draw once for each of `seeds` seeds from cx's on, and put
 * precision (with label-is) and coverage (with a target) into a table. With `targets` the problem is
 * made anew for each seed (see cull_task_inputs). What lacks an input is left out, and a note says
 * why. *out is borrowed from the job, as is all that it points to. */
CULL_API cull_status cull_job_compare(cull_job *j, const cull_variant *v, int n, int seeds,
                                      const cull_compare **out) CULL_CHECKED;

/* ---- names of files ---- */
typedef enum { CULL_FILE_RECORDS, CULL_FILE_ARRAY, CULL_FILE_PICK, CULL_FILE_OTHER } cull_file_kind;
/* What a name says is in the file; contents are judged by who reads it. */
CULL_API cull_file_kind cull_file_kind_of(const char *path);
/* Its ending in lower case, without dot, .gz, .zst and :NAME; "" = none. Returns buf. */
CULL_API const char *cull_file_ending(const char *path, char buf[16]);

#ifdef __cplusplus
}
#endif
#endif
