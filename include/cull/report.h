/* cull/report.h - what a result carries, written and read back: tsv, JSON, HTML, markdown, terminal.
 *
 * A cull_run borrows all that it points to. Zero means "not known" everywhere, NAN where a zero
 * could be meant (lo, hi, quota): each writer shows what is there and leaves out the rest. */
#ifndef CULL_REPORT_H
#define CULL_REPORT_H
#include "cull/base.h"
#include "cull/corpus.h"
#include "cull/method.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *role; /* "pool", "target", "scores", ... */
    cull_input_file file;
} cull_run_input;
typedef struct {
    const char *name, *value; /* the value as text, as cull_opts_get gives it */
} cull_run_option;
/* How many of one group (or label) were in the pool and were kept. */
typedef struct {
    const char *name;
    int64_t pool, kept;
    double quota; /* upper limit on the cost kept; NAN = none */
} cull_run_tally;
/* One number with its 95 % interval, of the method or of a baseline. */
typedef struct {
    const char *name, *metric; /* "rds-plus", "precision" */
    double value, lo, hi;      /* lo, hi: NAN = no interval */
    const char *note;          /* "20 draws"; NULL = none */
} cull_run_figure;
/* A distribution: n values in any order, drawn by their quantiles. */
typedef struct {
    const char *name; /* "rds-plus", "random" */
    int64_t n;
    const double *v;
    int64_t of; /* how many values they stand for, when v is a summary; 0 = n */
} cull_run_series;
/* Equal bins over [lo, hi]: the pool's and the kept's scores. */
typedef struct {
    double lo, hi;
    int bins;                   /* 0 = none */
    const int64_t *pool, *kept; /* bins; pool NULL = not known */
} cull_run_histogram;

/* What was found of every column of a table (task feature). */
typedef struct {
    int64_t n;
    const char *const *name;
    const double *score;    /* larger = better; NAN = nothing to score */
    const double *p;        /* p-values; NULL = the method does not test */
    const uint8_t *verdict; /* cull_verdict of each; NULL = the method ranks */
    const double *share;    /* of the bootstraps, in how many it was kept; NULL = there were none */
    const char *score_is;
} cull_run_columns;

typedef struct {
    const char *task;          /* NULL = "data" */
    const cull_method *method; /* or slug and rev */
    const char *slug;
    int rev;
    const cull_opts *opts; /* of `method`, resolved; or option[] */
    const cull_run_option *option;
    int options;
    uint64_t seed;
    const char *isa; /* cull_ctx_isa */
    int threads;
    const char *version, *build; /* NULL = of this library */

    const cull_run_input *input;
    int inputs;
    int64_t n;               /* rows of the pool */
    double budget;           /* in cost units */
    const char *budget_text; /* as asked for: "2%" */
    const char *cost_unit;   /* "words", "bytes", a field; NULL = "examples" */
    const cull_pick *pick;
    const cull_strings *ids; /* of the pick's rows, in its order; texts as snippets; NULL = none */
    const cull_run_columns *columns; /* of task feature, whose rows are columns; NULL = none */

    const cull_run_tally *group, *label;
    int groups, labels;
    const cull_run_figure *figure; /* the method's own, then baselines' */
    int figures;
    const double *pool_score;     /* n: of the kind that pick->score is; NULL = not known */
    cull_run_histogram histogram; /* bins 0 = made from pick->score and pool_score */
    /* Of each target example the best similarity to a kept one: the method's, the baselines'. */
    const cull_run_series *coverage;
    int coverages;
    const char *coverage_metric; /* axis title; NULL = "best cosine similarity to a kept example" */

    const char *const *note; /* sentences to show */
    int notes;
    double seconds;
    uint64_t peak_bytes;
    const char *const *argv; /* the command that replays it */
    int argc;
} cull_run;

typedef enum { CULL_FORM_TSV, CULL_FORM_JSON, CULL_FORM_HTML, CULL_FORM_MD, CULL_FORMS } cull_form;
CULL_API const char *cull_form_name(cull_form f); /* "tsv" */
/* By a form's name ("json") or by a file's ("out/pick.json.gz"); false when it is none. */
CULL_API bool cull_form_find(const char *name, cull_form *out);

/* Write the run to path ("-" = standard output), all or nothing; .gz and .zst by name.
 * tsv: `row id score by`, a line for each kept row. json: the pick file, which cull_pick_read and
 * the other commands read (docs/formats.md); numbers survive to the bit. html: one page that loads
 * nothing. md: figures and groups as tables. O(kept) time, plus one pass over pool_score. */
CULL_API cull_status cull_run_write(cull_ctx *cx, const cull_run *r, cull_form form,
                                    const char *path) CULL_CHECKED;
/* The same bytes in memory, with a NUL behind them; free with cull_text_free before cx. */
CULL_API cull_status cull_run_text(cull_ctx *cx, const cull_run *r, cull_form form,
                                   char **out) CULL_CHECKED;

/* Text for a terminal; free with cull_text_free. width 0 = 80 columns. */
enum { CULL_TEXT_COLOR = 1, CULL_TEXT_UNICODE = 2 };
CULL_API cull_status cull_run_summary(cull_ctx *cx, const cull_run *r, int width, unsigned flags,
                                      char **out) CULL_CHECKED;
CULL_API void cull_text_free(char *text);

/* ---- reading back ---- */
/* A pick file, or a bare list of rows: .tsv or .csv with a column `row` (also id, score, by), text
 * with a row number a line, .npy or .npz with integers (rows) or booleans (a mask). Each also as
 * .gz or .zst. Refuses, naming file and line: a repeated or negative row, one that is not whole or
 * not in the pool, a file of another kind, JSON that is damaged or lacks a field. */
typedef struct {
    cull_run run;     /* what the file says; run.pick is never NULL, run.method is looked up */
    bool bare;        /* a bare list: run holds nothing but pick, perhaps ids */
    const char *kind; /* "json", "tsv", "csv", "txt", "npy" */
    void *mem_;
} cull_pick_file;
CULL_API cull_status cull_pick_read(cull_ctx *cx, const char *path,
                                    cull_pick_file *out) CULL_CHECKED;
CULL_API void cull_pick_file_free(cull_pick_file *f);
/* A method's options as the file has them, for replay. A rev other than the method's, or an option
 * that it no longer has, is CULL_EINPUT. */
CULL_API cull_status cull_pick_file_opts(cull_ctx *cx, const cull_pick_file *f,
                                         cull_opts **out) CULL_CHECKED;

/* ---- many methods on one problem ---- */
/* Mean of n values and its two-sided 95 % interval by Student's t; lo, hi NAN when n < 2. */
CULL_API void cull_interval(const double *v, int64_t n, double *mean, double *lo, double *hi);
/* Two-sided 95 % interval of the share hits / n (Wilson 1927); n >= 1. */
CULL_API void cull_interval_share(double hits, double n, double *lo, double *hi);

typedef struct {
    const char *method; /* slug, or a name of the caller's */
    uint64_t seed;
    bool baseline;
    const double *value; /* metrics of them, NAN = not measured; NULL = it did not run, see why */
    double seconds;
    uint64_t peak_bytes;
    const char *why; /* "needs target examples" */
} cull_compare_row;
typedef struct {
    const char *task;          /* NULL = "data" */
    const char *const *metric; /* larger is better; the first orders the table */
    int metrics;
    unsigned shares; /* bit m: metric m is a share, and its interval stays within 0 to 1 */
    const cull_compare_row *row; /* any order; methods x seeds, a deterministic one may have 1 */
    int rows;
    const char *chance; /* the baseline of the paired differences; NULL = "random" */
    const cull_run_input *input;
    int inputs;
    int64_t n;
    double budget;
    const char *budget_text, *cost_unit;
    const char *isa;
    int threads;
    const char *const *note;
    int notes;
    const char *const *argv;
    int argc;
} cull_compare;
/* One method over its seeds, for one metric. Differences are paired by seed (one run of a method
 * that does not draw is paired with every seed of the other); intervals are 95 %, Student's t. */
typedef struct {
    const char *method;
    bool baseline;
    int runs;
    double mean, lo, hi;
    double to_chance, to_chance_lo, to_chance_hi; /* NAN where there is none */
    int pairs, wins;                              /* differences to chance; those above 0 */
    double to_best, to_best_lo, to_best_hi;       /* to the baseline with the best mean */
    double seconds;                               /* mean */
    uint64_t peak_bytes;                          /* most */
    const char *why;
} cull_compare_line;
/* The table of metric `m`, best first, those that did not run last, without methods of which it was
 * not measured. `out` has room for c->rows
 * lines, *n of them are filled; *best is the best baseline's name or NULL. O(rows^2) time. */
CULL_API cull_status cull_compare_table(cull_ctx *cx, const cull_compare *c, int m,
                                        cull_compare_line *out, int *n,
                                        const char **best) CULL_CHECKED;
CULL_API cull_status cull_compare_write(cull_ctx *cx, const cull_compare *c, cull_form form,
                                        const char *path) CULL_CHECKED;
/* As cull_run_text. */
CULL_API cull_status cull_compare_text(cull_ctx *cx, const cull_compare *c, cull_form form,
                                       char **out) CULL_CHECKED;
CULL_API cull_status cull_compare_summary(cull_ctx *cx, const cull_compare *c, int width,
                                          unsigned flags, char **out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
