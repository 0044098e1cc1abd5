/* eval_rows.h - cells of a table's text as text: rows of csv, tsv and jsonl, the columns that are asked for. */
#ifndef CULL__EVAL_ROWS_H
#define CULL__EVAL_ROWS_H
#include "io/io.h"

typedef struct {
    const char *s; /* "" where there is none; ends with NUL */
    size_t n;
} cull__cell;
/* A row: cells in the order in which columns were asked for, until the call returns. */
typedef cull_status cull__row_fn(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell);
/* EINPUT by line: a column that is not there, a record of another number of cells, no JSON, no row at all. A number of a
 * jsonl keeps the digits that it needs; true and false are "1" and "0". */
cull_status cull__rows_read(cull_ctx *cx, const char *path, const char *const *column, int columns,
                            cull__row_fn *fn, void *user);
bool cull__rows_are_text(const char *path); /* by its name; else it is an array */
#endif
