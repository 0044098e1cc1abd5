/* cull/outcomes.h - what models said about rows: the input of tasks compute and trust.
 *
 * Everything is borrowed and row-major. A member that is not known is NULL; which ones a method reads, its
 * head comment says. "Models" are whatever answers: networks, exits of one network, experts, ways to run a
 * program. */
#ifndef CULL_OUTCOMES_H
#define CULL_OUTCOMES_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CULL_MODELS = 64 }; /* at most */

typedef enum { CULL_LOGITS, CULL_PROBABILITIES } cull_outputs;
typedef struct cull_outcomes {
    int64_t n;               /* rows */
    int models;              /* K, 1 to CULL_MODELS */
    const char *const *name; /* K; NULL = m0, m1, ... */
    /* What models put out for each class. */
    int32_t classes;         /* 0 = there is nothing of the kind */
    cull_outputs outputs;    /* what it is; both are made probabilities in f64 */
    const float *const *out; /* K: (n, classes) */
    /* One number of each model and row. */
    const double
        *score; /* (K, n): how sure it is, what it predicts; larger = surer, likelier, more */
    const double
        *quality; /* (K, n): what its answer is worth, larger = better: 1 right, 0 wrong, or any
                                number; NAN = not known of this row */
    const double *cost;  /* (K, n), >= 0: of running it on the row */
    const double *each;  /* K, >= 0: of running it on any row, where cost is NULL; NULL = 1 */
    const double *delay; /* K, >= 0: how long it takes; NULL = not known */
    /* One number of each row. */
    const double *truth;  /* n: the class (0 .. classes-1) or the number that is true */
    const double *weight; /* n, >= 0: likelihood ratio of the test rows' distribution to these' */
    const double *spread; /* n, > 0: how far predictions are expected to be off */
    const int32_t *group; /* n: 0 .. groups-1 */
    int32_t groups;
    const char *const *group_name; /* groups; NULL = a number is the same group in all rows */
    const uint64_t *hash; /* n: of all that is known of the row; rows of one hash are copies */
    /* Numbers that describe rows; of exits, a matrix for each. */
    const float *const *x; /* xs: (n, d[i]), finite */
    const int64_t *d;      /* xs */
    int xs;
    const char *where; /* what errors call it: "val.csv"; NULL = "the rows" */
    int64_t first;     /* rows that stand before these in what they are a part of: errors and random
                          numbers count from there */
} cull_outcomes;

/* Shapes, ranges and NaNs: CULL_EINPUT names the row, the model, the value and what would be right.
 * Probabilities must be in 0..1 and sum to 1 within 1e-3; logits must be finite. O(n K classes). */
CULL_API cull_status cull_outcomes_check(cull_ctx *cx, const cull_outcomes *o) CULL_CHECKED;
/* Rows [lo, lo + n) as outcomes of their own, of which nothing is copied but what (K, n) makes necessary:
 * those arrays and the lists of pointers are scratch of cx. */
CULL_API cull_status cull_outcomes_rows(cull_ctx *cx, const cull_outcomes *o, int64_t lo, int64_t n,
                                        cull_outcomes *out) CULL_CHECKED;
/* Rows row[0..n) gathered, all in scratch of cx. */
CULL_API cull_status cull_outcomes_gather(cull_ctx *cx, const cull_outcomes *o, const int64_t *row,
                                          int64_t n, cull_outcomes *out) CULL_CHECKED;
/* The name of model k; writes "m3" into buf where there is none. */
CULL_API const char *cull_outcomes_name(const cull_outcomes *o, int k, char buf[16]);

/* hash[0..n) of what is known of rows before their outcomes are: outputs, features, scores. false = there is none
 * of them. */
CULL_API bool cull_outcomes_hash(const cull_outcomes *o, uint64_t *hash);

/* ---- from files ---- */
typedef struct cull_outcomes_file cull_outcomes_file;
/* Lists are comma-separated, an entry for each model in the same order; NULL = not given. An entry of
 * cost, each of which may be a number, is otherwise a column. */
typedef struct {
    size_t size;
    const char
        *table; /* csv, tsv, jsonl, npz, ... with the columns named below; NULL = there is none */
    const char
        *models; /* names; NULL = of the columns of quality, else of score, else of the arrays */
    const char *score, *quality, *cost;
    const char *delay;           /* numbers */
    const char *truth;           /* a column, or a file with a number for each row */
    const char *weight, *spread; /* columns */
    bool late;                   /* the truth may be blank: it is not known of such a row */
    const char *group;           /* a column of text or numbers */
    const char *const *logits; /* a file (n, classes) for each model, as cull_array_open takes it */
    int logits_files;
    const char *const *probabilities; /* likewise */
    int probabilities_files;
    const char *const *features; /* a file (n, d), or one for each exit */
    int features_files;
    const char *attributes; /* columns of numbers that describe rows, instead of features */
    /* The table has a row for each run instead: "workload=COLUMN,way=COLUMN,quality=COLUMN,cost=COLUMN". Rows of outcomes are
     * the workloads and models the ways, both sorted (numbers by value, else as bytes), so that the order of runs changes
     * nothing; COLUMN+COLUMN names a workload or a way by several. loss=COLUMN makes quality -v, time=COLUMN 1 / v. Runs of one cell
     * count by their mean; a blank or nan is no run. A cell without one has quality NAN, and the cost that the way's runs have on
     * average. Attributes and the group must be the same in all rows of a workload. `models` names the ways that count;
     * other columns and arrays are refused. Such a table is read whole (cull_outcomes_open). NULL = it has not. */
    const char *runs;
    const char *
        workloads; /* of runs: attributes and group are columns of this table, with a row for each workload under
                              the same names of columns; more workloads than ran may stand there. NULL = of the runs' table */
} cull_outcomes_opts;
/* clang-format off */
#define CULL_OUTCOMES_OPTS {.size = sizeof(cull_outcomes_opts)}
/* clang-format on */
/* Opens and checks. CULL_EINPUT, by file: files of different row counts, lists of different lengths, a column
 * that is not there (the nearest is named), whatever cull_outcomes_check refuses. The table is read once. O(n) memory for
 * columns; arrays of f32 stay mapped. */
CULL_API cull_status cull_outcomes_open(cull_ctx *cx, const cull_outcomes_opts *o,
                                        cull_outcomes_file **out) CULL_CHECKED;
/* The same, but no rows are read yet; then up to `most` more of them at a time, in memory that goes by `most`: they are
 * those of cull_outcomes_of until the next call, which has n = 0 at the end. `first` counts on, and groups are numbered as they
 * come. A truth in a text file of its own is held whole. */
CULL_API cull_status cull_outcomes_begin(cull_ctx *cx, const cull_outcomes_opts *o,
                                         cull_outcomes_file **out) CULL_CHECKED;
CULL_API cull_status cull_outcomes_next(cull_ctx *cx, cull_outcomes_file *f,
                                        int64_t most) CULL_CHECKED;
CULL_API const cull_outcomes *cull_outcomes_of(const cull_outcomes_file *f);
/* What group g is called in the file; NULL where there is no such group. */
CULL_API const char *cull_outcomes_group(const cull_outcomes_file *f, int32_t g);
CULL_API void cull_outcomes_close(cull_outcomes_file *f);

#ifdef __cplusplus
}
#endif
#endif
