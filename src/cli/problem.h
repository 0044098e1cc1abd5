/* problem.h - a data problem made of files and options: what `data`, `compare`, `replay` share. */
#ifndef CULL_CLI_PROBLEM_H
#define CULL_CLI_PROBLEM_H
#include "cli.h"
#include "cull/corpus.h"
#include "cull/data.h"
#include "cull/embed.h"
#include "cull/pool.h"
#include "cull/report.h"
#include "cull/table.h"

enum { MAX_COLUMNS = 64, MAX_FILES = 1024 };

/* A budget as asked for: a number, or a share of all. */
typedef struct {
    const char *text;
    double number;
    bool percent;
} budget_ask;

typedef struct {
    cull_data_problem p; /* points into what follows */
    cull_corpus *text, *target_text;
    cull_pool *pool, *target;
    void *joined[2]; /* memory of a pool or a target that came from several arrays */
    int32_t *target_task;

    const char *column[MAX_COLUMNS]; /* of the score table; names are the catalogue's */
    const double *values[MAX_COLUMNS];
    char *named[MAX_COLUMNS]; /* owned */
    int columns;
    cull_table_file *scores; /* of --scores, or of records that hold more than text */

    budget_ask budget;
    double *cost, *quota;
    uint8_t *avoid;
    int64_t avoided;
    cull_overlaps overlap;
    const char *cost_unit;
    const int32_t *label;   /* n codes, or NULL */
    int32_t labels, wanted; /* wanted = the code of --label-is, or -1 */
    bool embeds;            /* embeddings are to be made of the text; done unless `dry` */
    double embed_seconds;   /* spent on making features */
    bool array;             /* the pool is an array: no text, no ids */
    int64_t n;

    cull_run_input *input;
    int inputs;
} problem;

/* ---- problem.c ---- */
/* The problem of c's inputs and options, with all that the `methods` read and that can be had.
 * `judged`: the target is embedded too, for coverage. `dry`: nothing is embedded (--plan). */
int problem_open(cli *c, const cull_method *const *method, int methods, bool judged, bool dry,
                 problem *q);
void problem_close(problem *q);
int problem_hashes(cli *c, problem *q); /* fills q->input */
/* Why m cannot run on q ("needs target examples", or the score columns that it must have), or NULL. */
const char *problem_lacks(const problem *q, const cull_method *m);
int embed_settings(cli *c, const char *prefix, cull_embed_opts *o);
int pool_of_files(cli *c, const char **path, int n, void **joined, cull_pool **out);
/* The m rows of p as f32, in memory of the caller: (m, d). NULL when memory is out. */
float *gather(const cull_pool *p, const int64_t *row, int64_t m);

/* ---- scores.c: named columns beside the records ---- */
/* Before the records are opened: which columns they must have; after: where the numbers are. */
int scores_ask(cli *c, const cull_method *const *method, int methods, problem *q);
int scores_find(cli *c, const cull_method *const *method, int methods, problem *q);

/* ---- limits.c: budget, costs, quotas, what to avoid ---- */
int budget_parse(cli *c, budget_ask *out); /* before any file is read */
int limits_set(cli *c, problem *q);

/* ---- measure.c: how good a choice is ---- */
typedef struct {
    double precision, lo, hi; /* NAN = not known */
    double coverage;
    double *best; /* of each target example, its best similarity to a kept one; or NULL */
    int64_t targets;
} measured;
int measure(cli *c, cull_ctx *cx, const problem *q, const cull_pick *k, measured *out);
void measured_free(measured *m);
enum { MAX_FIGURES = 32, MAX_SERIES = 12, DRAWS = 5 };
typedef struct {
    cull_run_figure figure[MAX_FIGURES];
    int figures;
    cull_run_series series[MAX_SERIES];
    int serieses;
    double *owned[MAX_SERIES];
    cull_run_tally *group, *label;
    int groups, labels;
} figures;
int figures_of(cli *c, const problem *q, const cull_method *m, const cull_pick *k, bool baselines,
               figures *f);
void figures_free(figures *f);

/* ---- split.c: a fair problem of one labelled pool ---- */
typedef struct {
    int64_t targets;
    int32_t *group; /* n: rows of one group leave the pool together */
    int32_t groups;
    int64_t *order, *row; /* groups; targets: the rows that are the target */
    uint8_t *avoid, *gone;
    cull_corpus *text;
    cull_pool *pool;
    float *rows;
    char dir[512], file[544];
} split;
int split_check(cli *c); /* the options, before any file is read */
int split_groups(cli *c, problem *q, split *s);
int split_make(cli *c, problem *q, split *s, uint64_t seed); /* changes q->p */
void split_free(problem *q, split *s);

/* ---- plan.c ---- */
/* `opened`: the seconds that opening q took. */
int plan_say(cli *c, problem *q, const cull_method *m, const cull_opts *opts, bool baselines,
             double opened);

/* ---- outputs.c: what -o names ---- */
typedef enum { OUT_RECORDS, OUT_ARRAY, OUT_FORM } out_kind;
typedef struct {
    const char *path;
    out_kind kind;
    cull_form form;
} output;
/* What each -o means for these inputs; also whether it could be written at all. */
int outputs_of(cli *c, output *out);
int check_writable(cli *c, const char *path);
/* The rows of c's inputs that k names. */
int rows_write(cli *c, const cull_corpus *text, const cull_pool *pool, const cull_pick *k,
               const char *path);
#endif
