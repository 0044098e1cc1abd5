/* job.h - inside of a job: what it was given, the problem made of that, and what came out. */
#ifndef CULL__JOB_H
#define CULL__JOB_H
#include "base/base.h"
#include "cull/embed.h"
#include "cull/job.h"
#include "cull/pool.h"
#include "cull/table.h"
#include "io/parts.h"
#include "score/score.h"

enum { MAX_COLUMNS = 64, MAX_FILES = 1024 };
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* An input as it was given: text, or something in memory. */
typedef struct {
    const char *name; /* of the catalogue's row */
    char *value;      /* NULL = in memory */
    cull_array array;
    const cull_corpus *records;
} given;

/* A budget as asked for: a number, or a share of all. */
typedef struct {
    const char *text;
    double number;
    bool percent;
} budget_ask;

enum { GROUP, LABEL, TASK, VALID, CODES };
typedef struct {
    const int32_t *code; /* (n) */
    int64_t n;
    int32_t count;
    const char *const *names; /* (count); NULL = the corpus knows */
} codes;

enum { DRAWS = 5, MAX_FIGURES = 32, MAX_SERIES = 12 };
/* What is told of a choice and of the baselines. */
typedef struct {
    cull_run_figure figure[MAX_FIGURES];
    int figures;
    cull_run_series series[MAX_SERIES];
    int serieses;
    double *owned[MAX_SERIES];
    cull_run_tally *tally[CODES];
} figures;

/* ---- split.c: a fair problem of one labelled pool ---- */
typedef struct {
    int64_t targets; /* 0 = none are drawn */
    double holdout;  /* share of the rows to be held out; 0 = none */
    int32_t *group;  /* n: rows of one group leave the pool together */
    int32_t groups;
    int64_t *order, *row; /* groups; targets: the rows that are the target */
    int64_t *test, tests; /* n: the rows held out, so many; NULL = none */
    uint8_t *avoid, *gone;
    cull_corpus *text;
    cull_pool *pool;
    float *rows;
} split;

/* ---- judge.c: a classifier trained on what was kept ---- */
typedef struct {
    cull__judge of; /* what stays the same: the representation, the labels, the penalty */
    double holdout;
    double *mean;
    int32_t *valid;     /* labels of `valid` as the pool's codes */
    int64_t *row, rows; /* n: those trained on */
} judge;

/* ---- compare.c ---- */
typedef struct comparison comparison;

/* ---- feature.c: of a job of task feature ---- */
struct feature;

struct cull_job {
    cull_ctx *cx;
    cull_task task;
    given *set;
    int64_t sets, set_cap;
    struct {
        char *name;
        const double *v;
        int64_t n;
    } mine[MAX_COLUMNS]; /* score columns of the caller */
    int mines;
    codes codes[CODES];
    const char *const *argv;
    int argc;
    bool opened, settled;

    cull_data_problem p; /* points into what follows */
    int64_t n;
    const cull_corpus *text, *target_text, *against_text, *valid_text;
    cull_pool *pool, *target, *against, *valid;
    cull_corpus *opened_text, *opened_target, *opened_against, *opened_valid; /* of files */
    int32_t *target_task;
    struct {
        int32_t *code;     /* (n) */
        const char **name; /* (count) */
    } labels[CODES];       /* read from arrays */

    const char *column[MAX_COLUMNS]; /* of the score table; names are the catalogue's */
    const double *values[MAX_COLUMNS];
    int columns;
    char *named[MAX_COLUMNS]; /* owned */
    int names;
    cull_table_file *scores; /* of `scores`, or of records that hold more than text */

    budget_ask budget;
    double *cost, *quota, *rate;
    int32_t rates;
    uint8_t *avoid, *have;
    cull_overlaps overlap;
    const char *cost_unit;
    int32_t wanted;       /* the code of label-is, or -1 */
    bool embeds;          /* embeddings are to be made of the text; done unless `dry` */
    double embed_seconds; /* spent on making features */
    double open_seconds;
    bool array; /* the pool is an array: no text, no ids */

    cull_run_input *input; /* with hashes */
    int inputs;

    /* the result of the last run */
    cull_run run;
    bool ran;
    cull_pick pick;
    figures f;
    cull_strings ids;
    char notes[8][400];
    const char *note[8];
    int noted;
    cull_run_option *option; /* as text: opts may go before the result does */
    const char **words;      /* of the command put together */
    char **kept;             /* texts that the result points to */
    int64_t keeps, keep_cap;
    comparison *compared;
    struct feature *feature; /* of task feature */
    struct feature_comparison *f_compared;
    cull__parts *parts; /* checkpoints or shares */
};

/* ---- job.c: what was given ---- */
const given *job__first(const cull_job *j, const char *name, const given *after);
bool has(const cull_job *j, const char *name);
/* The text of an input given at most once; `other` when there is none. */
const char *value_of(const cull_job *j, const char *name, const char *other);
/* The texts of one given several times; returns how many there are, at most `cap` to out. */
int values_of(const cull_job *j, const char *name, const char **out, int cap);
const cull_array *array_of(const cull_job *j, const char *name);
const cull_corpus *records_of(const cull_job *j, const char *name);
cull_status number_of(cull_job *j, const char *name, double other, double lo, double hi, bool whole,
                      double *out);

/* A copy of s that lives as long as the job. */
cull_status job_keep(cull_job *j, const char *s, const char **out);

/* ---- open.c: the problem ---- */
/* All that the methods read and that can be had. `judged`: the target is embedded too, for
 * coverage. `dry`: nothing is embedded. */
cull_status job_open(cull_job *j, const cull_method *const *method, int methods, bool judged,
                     bool dry);
void job_close(cull_job *j);
cull_status job_hashes(cull_job *j); /* fills j->input */
/* Why m cannot run ("needs target examples", or the score columns that it must have), or NULL. */
const char *job_lacks(const cull_job *j, const cull_method *m);
/* The m rows of p as f32: (m, d); cull__free. */
cull_status gather(cull_ctx *cx, const cull_pool *p, const int64_t *row, int64_t m, float **out);
cull_status embed_settings(cull_job *j, cull_embed_opts *o);
const char *code_name(const cull_job *j, int which, int32_t code);
/* The code called `name`; refused as "SENTENCE 'name'; did you mean ...". */
cull_status code_find(cull_job *j, int which, const char *name, const char *sentence, int32_t *out);

/* ---- groups.c: who stands for whom, as a list ---- */
cull_status groups_write(cull_job *j);
cull_status groups_note(const cull_job *j, char *out, size_t size); /* "" = nothing to say */

/* ---- parts.c: checkpoints and shares ---- */
cull_status parts_open(cull_job *j, const cull_method *m, const cull_opts *opts);

/* ---- scores.c: named columns beside the records ---- */
/* Before the records are opened: which columns they must have; after: where the numbers are. */
cull_status scores_ask(cull_job *j, const cull_method *const *method, int methods);
cull_status scores_find(cull_job *j, const cull_method *const *method, int methods);

/* ---- limits.c: budget, costs, quotas, what to avoid, what is held already ---- */
cull_status budget_parse(cull_job *j, bool all); /* before any file is read; all: none is needed */
cull_status limits_set(cull_job *j);

/* ---- measure.c: how good a choice is ---- */
typedef struct {
    double precision, lo, hi; /* NAN = not known */
    double coverage;
    double *best; /* of each target example, its best similarity to a kept one; or NULL */
    int64_t targets;
} measured;
cull_status measure(cull_job *j, const cull_pick *k, measured *out);
void measured_free(measured *m);
cull_status figures_of(cull_job *j, const cull_method *m, bool baselines);
void figures_free(figures *f);

/* ---- split.c ---- */
bool split_asked(const cull_job *j);
cull_status split_check(cull_job *j); /* the settings, before any file is read */
cull_status split_groups(cull_job *j, double holdout, split *s);
cull_status split_make(cull_job *j, split *s, uint64_t seed); /* changes j->p */
void split_free(cull_job *j, split *s);

/* ---- judge.c ---- */
bool judge_asked(const cull_job *j);
cull_status judge_check(cull_job *j, judge *g); /* the settings, before any file is read */
cull_status judge_open(cull_job *j, judge *g);  /* once the problem is there */
/* Trained in cx on what k names (NULL = on all that may be kept), tested on the rows that s holds out,
 * or on `valid`. */
cull_status judge_pick(cull_job *j, cull_ctx *cx, judge *g, const split *s, const cull_pick *k,
                       cull__judged *out);
void judge_free(judge *g);

/* ---- labels.c: labels of an array's rows, in an array ---- */
cull_status labels_read(cull_job *j, int which, const char *path);

void comparison_free(comparison *w);
void feature_comparison_free(struct feature_comparison *w);
/* ---- run.c ---- */
void job_note(cull_job *j, const char *fmt, ...) CULL_PRINTF(2, 3); /* a sentence of the report */
/* What all tasks' results say. */
cull_status job_describe(cull_job *j, const cull_method *m, const cull_opts *opts, double seconds);
void job_forget(cull_job *j); /* the result of the last run */
#endif
