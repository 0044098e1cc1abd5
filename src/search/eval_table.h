/* eval_table.h - a table of known results in memory: rows by their design's key. */
#ifndef CULL__EVAL_TABLE_H
#define CULL__EVAL_TABLE_H
#include "search/eval.h"

/* Rows hold objectives, constraints, the cost and the values on the way, in this order; NaN = blank. Rows of one design
 * are chained in the order of the file. */
typedef struct {
    const cull_search_problem *problem;
    cull_table_opts o; /* what it points to is good while the table is read */
    const char *path;
    int64_t rows, cols, cap, next_cap, line_cap, code_cap;
    double *v;     /* (rows, cols) */
    int64_t *next; /* rows: the next of its design, -1 = none */
    int64_t *line;
    int64_t slots; /* of the hash: powers of 2, at most half full */
    int64_t *slot; /* first row of a design, -1 = free */
    cull_key *key; /* slots */
    int64_t designs;
    int64_t features;
    float *code;   /* (rows, features) where the nearest may be asked for */
    double *x;     /* width: scratch */
    bool points;   /* keep them: */
    double *point; /* (rows, width) */
    int64_t point_cap;
} cull__known;

cull_status cull__known_read(cull_ctx *cx, cull__known *k);
void cull__known_drop(cull__known *k);
cull_status cull__known_add(cull_ctx *cx, cull__known *k, const double *x, const double *v,
                            int64_t line);
/* The first row of x's design, -1 = none. */
int64_t cull__known_find(const cull__known *k, const double *x);
/* The row whose design is nearest by the distance of encoded points. */
int64_t cull__known_nearest(const cull__known *k, const double *code);
/* An array of values in order of the space's points: (points) or (points, seeds). eval_grid.c */
cull_status cull__known_grid(cull_ctx *cx, cull__known *k);
#endif
