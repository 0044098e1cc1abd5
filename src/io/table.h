/* table.h - columns of tables, some rows at a time; inside: who fills them. */
#ifndef CULL__TABLE_H
#define CULL__TABLE_H
#include "cull/table.h"
#include "io/dict.h"
#include "io/io.h"

enum { CULL__TABLE_MOST = 4096 }; /* columns */

/* ---- columns that are asked for ---- */
typedef enum {
    CULL__COL_NUMBER,
    CULL__COL_BLANKS, /* a number; a blank cell is nan */
    CULL__COL_KEY     /* a number or a text; its values are codes */
} cull__col_kind;
typedef struct {
    const char *name;
    cull__col_kind kind;
} cull__col;
/* What codes 0, 1, ... of a key column stand for, in order of appearance. A number is one key however it is
 * written. */
typedef struct {
    cull__dict name;
    double *value; /* of each; nan of a text */
    int64_t cap;
    bool text; /* some key is no number */
} cull__keys;

typedef struct cull__cols cull__cols;
/* Columns of a table, of whichever form cull/table.h names; n = 0: all that are numbers. A column may be asked for
 * as numbers and as a key. */
cull_status cull__cols_open(cull_ctx *cx, const char *path, const cull__col *col, int n,
                            cull__cols **out);
/* Up to `most` more rows, which are the reader's until the next call: out->n = 0 at the end. Text holds one part of the
 * file beside them; arrays stay mapped. */
cull_status cull__cols_next(cull_ctx *cx, cull__cols *r, int64_t most, cull_table *out);
/* Of text: the line that the row read last ends on; of arrays 0. */
int64_t cull__cols_line(const cull__cols *r);
const cull__keys *cull__cols_keys(const cull__cols *r, int col);
void cull__cols_close(cull__cols *r);

/* ---- inside ---- */
typedef struct {
    char *name;
    cull__col_kind kind;
    double *v; /* (rows) */
    int64_t cap;
    int64_t blank;         /* line of the first blank cell */
    bool numbers, dropped; /* dropped: some cell is no number, and nobody asked for the column */
    cull__keys keys;
    int64_t array, at, width; /* of arrays: which, and where in its rows of `width` */
} cull__column;
typedef struct {
    cull_ctx *cx;
    const char *path;
    const cull__col *asked; /* while it is opened */
    int nasked;             /* 0: all that are numeric */
    cull__column *c;
    int64_t cols, cap;
    int64_t rows, line; /* rows that the columns hold; the line that is read */
} cull__filling;
cull_status cull__add_column(cull__filling *g, const char *name, size_t n, cull__col_kind kind);
cull_status cull__put_number(cull__filling *g, cull__column *c, double v);
cull_status cull__put_blank(cull__filling *g, cull__column *c);
/* A text: refused where a number was asked for. */
cull_status cull__put_text(cull__filling *g, cull__column *c, const char *s, size_t n,
                           const char *why);
cull_status cull__unknown_column(cull__filling *g, const char *want, const char *const *have,
                                 int64_t n);

/* ---- table_text.c: records of csv, tsv and jsonl ---- */
typedef struct cull__records cull__records;
/* Makes the columns; `end` is the extension of the file. The reader becomes the records'. */
cull_status cull__records_open(cull__filling *g, cull__reader *in, const char *end,
                               cull__records **out);
/* Puts records into g until it has `most` rows, or there are no more. */
cull_status cull__records_next(cull__filling *g, cull__records *t, int64_t most);
void cull__records_close(cull__records *t);
#endif
