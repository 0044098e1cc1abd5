/* search.h - what the page of a search is made from: its trials as arrays, put in order. */
#ifndef CULL__REPORT_SEARCH_H
#define CULL__REPORT_SEARCH_H
#include "cull/importance.h"
#include "cull/search_report.h"
#include "report/plot.h"

enum {
    CULL__SEARCH_DRAWN = 2000, /* trials in a plot */
    CULL__SEARCH_LINES = 400,  /* of them as lines over parameters */
    CULL__SEARCH_BARS = 20,    /* parameters in the plot of importance */
    CULL__SEARCH_ROWS = 12,    /* numbers of a point in parallel coordinates */
    CULL__SEARCH_SLICES = 6,
    CULL__SEARCH_CURVES = 4, /* objectives with a plot of their own */
    CULL__SEARCH_LEAST = 20, /* trials that importance is asked of */
};

/* Scratch of the ctx's arena. */
typedef struct {
    const cull_search_report *r;
    const cull_search_problem *p;
    const cull_space *space;
    int64_t n, width;
    int m;
    double *x;     /* (n, width) */
    double *value; /* (n, m) as told; NaN where none */
    double *mean;  /* (n, m) of its point's evaluations, or of the furthest: what the best are by */
    double *bad;   /* n: sum of v / (1 + v) of constraints above 0 */
    uint8_t *state; /* n */
    bool *whole;    /* n: evaluated to the end, or as far as any was */
    int64_t tally[CULL_TRIAL_LOST + 1];
    double cost, last, busy; /* sums of cost and of running times; when the last ended */

    int64_t *best, bests;        /* cull_study_best, by the first objective */
    bool *is_best;               /* n */
    double *sorted;              /* n: room for plots */
    int64_t *order;              /* trials done and whole, the best first */
    int64_t used, tenth;         /* how many; of them the best tenth */
    cull_importance *importance; /* of each parameter; NULL = too few trials */
    int *rank;                   /* parameters, the most important first, else as in the space */
} cull__search;
cull_status cull__search_read(cull_ctx *cx, const cull_search_report *r, cull__search *v);

/* One number of a point on a scale of 0..1; NaN where it is not active. Values without a scale of their own lie apart
 * within their cell, by the number of the trial. */
typedef struct {
    int param;
    int64_t k; /* of the parameter's numbers */
} cull__coord;
double cull__coord_at(const cull__search *v, cull__coord c, int64_t trial);
void cull__coord_name(const cull__search *v, cull__coord c, cull_buf *b);
/* Up to 16 marks of the scale: their places and texts, each cut. */
typedef struct {
    double at;
    char text[96];
} cull__coord_mark;
int cull__coord_marks(cull_buf *b, const cull__search *v, cull__coord c, cull__coord_mark mark[16]);
/* Of a parameter's numbers the one in which the best tenth is furthest from the rest. */
cull__coord cull__coord_of(const cull__search *v, int param);

/* ---- plots (search_plot.c, search_lines.c) ---- */
/* Evenly by number, the best always. */
bool cull__search_drawn(const cull__search *v, int64_t trial);
void cull__search_history(cull_buf *b, const cull__search *v, int objective);
void cull__search_front(cull_buf *b, const cull__search *v);
void cull__search_bars(cull_buf *b, const cull__search *v);
void cull__search_lines(cull_buf *b, const cull__search *v);
void cull__search_slices(cull_buf *b, const cull__search *v, int objective);
/* The axis of an objective over trials that count. Where few lie far off on the bad side it ends before them, and
 * *cut counts them. false: there are none. */
bool cull__search_axis(const cull__search *v, int objective, double from, double to, cull__axis *y,
                       int64_t *cut);
#endif
