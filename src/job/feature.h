/* feature.h - inside of a job of task feature: the table, the problem made of it, and what was found. */
#ifndef CULL__JOB_FEATURE_H
#define CULL__JOB_FEATURE_H
#include "cull/feature.h"
#include "cull/frame.h"
#include "job.h"

struct feature {
    cull_frame *frame;
    cull_feature_problem p;
    double *y, *cost;
    uint8_t *have, *avoid;
    double *seen; /* the different numbers of the target, ascending, where they are classes */
    char target_note[256], wide_note[256];
    /* the result */
    cull_feature_pick pick;
    cull_run_columns columns;
    const char **name; /* (d), and (kept): the job's own */
    char **id;
    double *share;
};

/* ---- feature.c ---- */
cull_status feature_open(cull_job *j, bool own_number);
void feature_close(cull_job *j);  /* the inputs */
void feature_forget(cull_job *j); /* the result */

/* ---- feature_judge.c: how well a plain model does on columns ---- */
typedef struct feature_judge feature_judge;
cull_status feature_judge_open(cull_job *j, feature_judge **out); /* NULL = there is no target */
void feature_judge_free(feature_judge *g);
const char *feature_judge_metric(const feature_judge *g);
enum { FOLDS = 5 };
/* Of each fold by columns col[0..n) and those held; NAN where the model would be too large. */
cull_status feature_judge_columns(cull_ctx *cx, const feature_judge *g, const int64_t *col,
                                  int64_t n, double value[FOLDS]);
void feature_judge_note(const feature_judge *g, char *out, size_t size);

/* ---- feature_stable.c: the same choice from other rows ---- */
typedef struct {
    double index, lo, hi, jaccard;
} stability;
cull_status feature_stability(cull_job *j, const cull_method *m, const cull_opts *opts,
                              int64_t draws, double *share, stability *out);

/* ---- feature_run.c ---- */
cull_status feature_run(cull_job *j, const cull_method *m, const cull_opts *opts, unsigned flags);
cull_status feature_estimate(cull_job *j, const cull_method *m, const cull_opts *opts,
                             unsigned flags, cull_estimate *out);
cull_status feature_hashes(cull_job *j); /* fills j->input */
cull_status feature_rows(cull_job *j, bool with_target, bool as_chosen, const char *path);

/* ---- feature_compare.c ---- */
cull_status feature_compare(cull_job *j, const cull_variant *v, int n, int seeds,
                            const cull_compare **out);
#endif
