/* report.h - REPORT: what the writers share: text for people, marks of a page, plots, and the facts
 * of a run once defaults are filled in. */
#ifndef CULL__REPORT_H
#define CULL__REPORT_H
#include "base/base.h"
#include "cull/report.h"

/* ---- numbers for people, whatever the locale ---- */
const char *cull__fixed(double v, int decimals, char buf[32]); /* 0 to 9 decimals */
const char *cull__human(double v, char buf[32]);               /* 3 or 4 digits; nan is "-" */
const char *cull__scientific(double v, int decimals,
                             char buf[32]);               /* 4.00e-11; v is finite, not 0 */
const char *cull__amount(double v, char buf[32]);         /* the same, whole as 12,345 */
const char *cull__count(int64_t v, char buf[32]);         /* 12,345 */
const char *cull__percent(double share, char buf[32]);    /* "2.5 %" */
const char *cull__duration(double seconds, char buf[32]); /* "340 ms", "2 min 5 s" */
/* "[0.58, 0.64]" or "" when there is no interval. */
const char *cull__range(double lo, double hi, char buf[80]);

/* ---- text for people ---- */
/* Bytes that are not UTF-8 become U+FFFD, so that what is written is always text. */
void cull__add_utf8(cull_buf *b, const char *s);
/* The same with control characters as '?', cut to `columns` of a terminal (0 = all of it). Returns
 * the columns taken. */
int cull__add_cut(cull_buf *b, const char *s, int columns, bool unicode);
void cull__add_pad(cull_buf *b, int columns);
int cull__columns(const char *s);
/* One word of a POSIX shell's command line, quoted where needed. */
void cull__add_shell(cull_buf *b, const char *s);
/* A cell of a markdown table. */
void cull__add_md(cull_buf *b, const char *s);
/* Text or attribute value of a page. */
void cull__add_html(cull_buf *b, const char *s);
void cull__add_html_cut(cull_buf *b, const char *s, int64_t most); /* characters */
void cull__json_text(cull_json *j, const char *s);                 /* any bytes, made UTF-8 */
void cull__json_line(cull_json *j);                                /* what follows starts a line */
void cull__json_exact(cull_json *j, double v);               /* reads back to the bit, -0 too */
void cull__json_pair(cull_json *j, const char *k, double v); /* key and value */

void cull__json_seed(cull_json *j, uint64_t seed);
bool cull__digits(const char *s, size_t n, uint64_t *out); /* of a seed written as a string */

/* ---- the facts of a run (scratch of the ctx's arena) ---- */
enum { CULL__QUANTILES = 101, CULL__BINS = 40, CULL__SHOWN = 50, CULL__SNIPPET = 400 };
typedef struct {
    const cull_run *r;
    const char *task, *slug, *title, *paper, *version, *build, *unit;
    int rev;
    const cull_run_option *option;
    int options;
    cull_run_histogram histogram;        /* bins 0 = none */
    double (*coverage)[CULL__QUANTILES]; /* for each series */
    double share;                        /* kept / n, NAN when n is not known */
} cull__facts;
cull_status cull__run_facts(cull_ctx *cx, const cull_run *r, cull__facts *f);
/* v's quantiles 0, 1, ... 100 %, linear; those of 101 sorted values are the values. */
cull_status cull__quantiles(cull_ctx *cx, const double *v, int64_t n, double q[CULL__QUANTILES]);
/* Indices of tallies, most kept first, ties in the order given. */
cull_status cull__tally_order(cull_ctx *cx, const cull_run_tally *t, int n, int **order);

/* ---- writers: each fills a buffer ---- */
cull_status cull__run_html(cull_ctx *cx, const cull__facts *f, cull_buf *b);
cull_status cull__run_md(cull_ctx *cx, const cull__facts *f, cull_buf *b);
cull_status cull__write_buf(cull_ctx *cx, const char *path, cull_buf *b);
void cull__json_inputs(cull_json *j, const cull_run_input *in, int n);
void cull__json_strings(cull_json *j, const char *k, const char *const *s, int n);

/* ---- parts of a page (page.c) ---- */
void cull__page_open(cull_buf *b, const char *title);
void cull__page_close(cull_buf *b);
void cull__page_command(cull_buf *b, const char *const *argv, int argc);
void cull__page_inputs(cull_buf *b, const cull_run_input *in, int n);
void cull__page_notes(cull_buf *b, const char *const *note, int n);
/* <tr><th>name</th><td>value</td></tr>, nothing when value is NULL or "". */
void cull__page_fact(cull_buf *b, const char *name, const char *value);

/* ---- plots (plot.c): inline SVG ---- */
typedef struct {
    const char *label;
    double value, lo, hi;
    bool strong;      /* what the page is about, in the accent colour */
    const double *at; /* single runs, drawn faint */
    int n;
} cull__dot;
void cull__plot_dots(cull_buf *b, const char *title, const cull__dot *d, int n);
void cull__plot_scores(cull_buf *b, const cull_run_histogram *h);
cull_status cull__plot_tally(cull_ctx *cx, cull_buf *b, const char *title, const cull_run_tally *t,
                             int n);
void cull__plot_coverage(cull_buf *b, const cull__facts *f);
/* n numbers from 1 on; not finite = a gap. class_: "kept", "pool", "third", ... */
typedef struct {
    const char *name, *class_;
    const double *v;
} cull__curve;
void cull__plot_curves(cull_buf *b, const char *title, const char *across, const cull__curve *c,
                       int curves, int n);
#endif
