/* eval_rows.h - cells of a table's text as text: rows of csv, tsv and jsonl, the columns that are asked for. */
#ifndef CULL__EVAL_ROWS_H
#define CULL__EVAL_ROWS_H
#include "cull/space.h"
#include "io/io.h"

typedef struct {
    const char *s; /* "" where there is none; ends with NUL */
    size_t n;
    bool truth; /* a jsonl's true or false, as "1" and "0" */
    bool list;  /* a jsonl's list of texts and numbers, commas between */
} cull__cell;
/* A row: cells in the order in which columns were asked for, until the call returns. */
typedef cull_status cull__row_fn(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell);
/* EINPUT by line: a column that is not there, a record of another number of cells, no JSON, no row at all. A number of a
 * jsonl keeps the digits that it needs. */
cull_status cull__rows_read(cull_ctx *cx, const char *path, const char *const *column, int columns,
                            cull__row_fn *fn, void *user);
/* there[i]: column i is in the header; of a jsonl all are, as each row may have any. EINPUT: it is empty, two are called so. */
cull_status cull__rows_have(cull_ctx *cx, const char *path, const char *const *column, int columns,
                            bool *there);
/* A parameter's value from a cell, written as a point is, as the JSON of one that programs are given (lists, true, false), or as
 * Python writes the latter (True, False). */
cull_status cull__rows_set(cull_ctx *cx, const cull_space *space, int param, const cull__cell *c,
                           double *x);
bool cull__rows_are_text(const char *path); /* by its name; else it is an array */
#endif
