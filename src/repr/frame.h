/* frame.h - inside of a frame: columns, the codes of their texts, and the cells of a file's records. */
#ifndef CULL__FRAME_H
#define CULL__FRAME_H
#include "base/base.h"
#include "cull/frame.h"
#include "io/dict.h"
#include "io/io.h"

/* ---- frame_cells.c ---- */
typedef enum { CULL__CELL_NONE, CULL__CELL_NUMBER, CULL__CELL_TEXT } cull__cell_kind;
typedef struct {
    cull__cell_kind kind;
    double v;      /* of a number */
    const char *s; /* how it is written, not NUL-terminated */
    size_t n;
} cull__cell;
/* Who reads cells; columns are numbered in the order in which the files have them. */
typedef struct {
    cull_ctx *cx;
    const char *missing;
    const char *path; /* for errors */
    int64_t line, rows;
    cull__dict names;
    cull_status (*cell)(void *arg, int64_t column, const cull__cell *c);
    cull_status (*end)(void *arg); /* of a record */
    void *arg;
} cull__cells;
/* All records of the bytes of one file, of which `first` says that it is the first. */
cull_status cull__cells_read(cull__cells *r, const char *path, const cull__bytes *b, bool first);
/* Its name says that it holds records. */
bool cull__is_table(const char *path);
/* Refuses: PATH has no column NAME; the nearest is named, else all that fit. */
cull_status cull__no_column(cull_ctx *cx, const char *path, const char *name,
                            const char *const *have, int64_t n);
#endif
