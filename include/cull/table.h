/* cull/table.h - numeric columns of files: scores made elsewhere, costs, targets. */
#ifndef CULL_TABLE_H
#define CULL_TABLE_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_table_file cull_table_file;
/* The columns called columns[0..ncolumns), in that order; ncolumns 0 takes every column whose cells
 * are all numbers.
 *   .csv, .tsv   the first line names the columns; "..." quotes a cell (RFC 4180)
 *   .jsonl       a field of each record, also by dots ("meta.score"); true and false are 1 and 0
 *   .npz, .safetensors   each array of one dimension is a column
 *   .npy and the other arrays of cull_array_open   (n, k): c0, c1, ...; (n,): called after the file
 * each also as .gz or .zst; "-" is csv or jsonl from standard input. A cell that is no number, or
 * blank, is CULL_EINPUT and named by file, line and column; nan and inf are numbers here.
 * One pass, O(rows * columns) memory. */
CULL_API cull_status cull_table_open(cull_ctx *cx, const char *path, const char *const *columns,
                                     int ncolumns, cull_table_file **out) CULL_CHECKED;
CULL_API const cull_table *cull_table_of(const cull_table_file *t);
CULL_API void cull_table_close(cull_table_file *t);

#ifdef __cplusplus
}
#endif
#endif
