/* stop.h - rules of who goes on: rungs and what was reported there. */
#ifndef CULL__STOP_H
#define CULL__STOP_H
#include "base/base.h"
#include "cull/search.h"

/* Results at one step. With one objective in order of value, then of arrival; with several of arrival. */
typedef struct {
    int32_t point;
    bool on; /* it was asked with the next rung's budget */
} cull__rung_entry;
typedef struct {
    int64_t step, n, cap, value_cap;
    double *value; /* (n, m) */
    cull__rung_entry *entry;
    int64_t out; /* those that ended, failures too */
    int64_t low; /* one objective: entries before it are all `on` */
} cull__rung;

enum { CULL__RUNGS = 256 };
typedef struct {
    cull_stop rule; /* with its defaults in place */
    int m;
    int rungs, brackets; /* MEDIAN: a rung for each step that was reported, one bracket */
    int64_t rung_cap;
    cull__rung *rung;  /* (brackets, rungs) */
    int64_t *assigned; /* brackets: points so far */
    double *weight;    /* brackets: shares of the points; bracket b begins at rung b */
    uint8_t *bracket;  /* of each point; HYPERBAND alone */
    int64_t bracket_cap;
    /* HALVING: the rung that is being filled, how many it takes, and how many were asked */
    int at;
    int64_t want, asked;
} cull__stops;

cull_status cull__stops_open(cull_ctx *cx, const cull_search_problem *p, cull__stops *t);
void cull__stops_close(cull__stops *t);

/* ---- by reports ---- */
/* Whether a trial of `point` that was at `before` goes on at `step`. */
cull_status cull__stops_decide(cull_ctx *cx, const cull__stops *t, int32_t point, int64_t before,
                               int64_t step, const double *value, bool *go);
/* Room for one more result, at `step`, and for a new point. */
cull_status cull__stops_reserve(cull_ctx *cx, cull__stops *t, int64_t step, int64_t points);
void cull__stops_report(cull__stops *t, int32_t point, int64_t before, int64_t step,
                        const double *value);
/* A new point: the next of its bracket. */
void cull__stops_point(cull__stops *t, int32_t point);

/* ---- for both ---- */
int cull__stops_next_bracket(const cull__stops *t);
int cull__stops_bracket(const cull__stops *t, int32_t point);
/* Reserve was for it. */
void cull__rung_insert(cull__rung *r, int m, int32_t point, const double *value);
/* Positions of n rows, best first: by rank of dominance, then crowding, then arrival; order (n). */
cull_status cull__rung_order(cull_ctx *cx, const double *value, int64_t n, int m, int64_t *order);

/* ---- by budgets (anew), stop_anew.c ---- */
typedef enum { CULL__STOPS_NEW, CULL__STOPS_ON, CULL__STOPS_WAIT } cull__stops_next_kind;
typedef struct {
    cull__stops_next_kind kind;
    int32_t point; /* ON */
    int64_t budget;
} cull__stops_next;
/* What is asked next. `exhausted`: there are no new points. */
cull_status cull__stops_ask(cull_ctx *cx, const cull__stops *t, bool exhausted,
                            cull__stops_next *out);
void cull__stops_asked(cull__stops *t, int32_t point, int64_t budget, bool fresh);
/* value NULL: it came to nothing. */
void cull__stops_told(cull__stops *t, int32_t point, int64_t budget, const double *value);
#endif
