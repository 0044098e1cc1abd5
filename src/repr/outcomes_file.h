/* outcomes_file.h - files of outcomes: opened in outcomes_file.c, read some rows at a time in outcomes_rows.c. */
#ifndef CULL__REPR_OUTCOMES_FILE_H
#define CULL__REPR_OUTCOMES_FILE_H
#include "base/base.h"
#include "cull/outcomes.h"
#include "cull/pool.h"
#include "io/table.h"
#include "repr/runs.h"

/* Lists of columns, in the order in which they stand in the table that is opened. */
enum { SCORE, QUALITY, COST, ATTRIBUTES, LISTS };
enum { TRUTH, WEIGHT, SPREAD, SINGLES };
enum { FEATURES = 64, ARRAYS = CULL_MODELS + FEATURES + 1 };

struct cull_outcomes_file {
    cull_outcomes o; /* the rows at hand */
    cull__cols *table;
    int from[LISTS][CULL_MODELS]; /* which column of it; -1 = the number is the same in all rows */
    double same[CULL_MODELS];     /* of costs */
    int parts[LISTS], single_from[SINGLES], group_from;
    int64_t rows, ended;      /* of the arrays, -1 = there is none; 1 = the table has no more */
    char rows_of[256];        /* which said so */
    cull_array array[ARRAYS]; /* kept open: outputs and features point into them */
    int arrays;
    const cull_array *truth;
    const float *out0[CULL_MODELS], *x0[FEATURES], *out[CULL_MODELS], *x[FEATURES];
    float *own[ARRAYS]; /* made from arrays that are not f32 */
    int owns;
    int64_t d[FEATURES];
    const char *name[CULL_MODELS];
    double each[CULL_MODELS], delay[CULL_MODELS];
    double *list[LISTS], *single[SINGLES], *truths; /* truths: of a file, of all rows */
    int64_t list_cap[LISTS], single_cap[SINGLES], group_cap, hash_cap, name_cap;
    int32_t *group;
    const char **group_name; /* in the table's keys */
    uint64_t *hash;
    float *attributes; /* (n, d) */
    int64_t attributes_cap;
    cull__runs runs;
    char *words; /* names and lists, cut apart */
    char where[256];
};

/* `path` has n rows, and `of` m. */
cull_status cull__outcomes_differ(cull_ctx *cx, const char *path, int64_t n, const char *of,
                                  int64_t m);
#endif
