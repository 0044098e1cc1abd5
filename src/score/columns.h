/* columns.h - SCORE of columns: passes over columns, tests, bins, entropies, neighbours. */
#ifndef CULL__COLUMNS_H
#define CULL__COLUMNS_H
#include "base/base.h"
#include "cull/feature.h"
#include "num/num.h"

/* ---- passes (columns.c) ---- */
/* What sentences call a column. */
const char *cull__column_name(const cull_feature_problem *p, int64_t c, char buf[32]);
/* EINPUT unless the problem has one target. `slug` is who asks. */
cull_status cull__one_target(cull_ctx *cx, const cull_feature_problem *p, const char *slug);
/* Columns with want[c] (NULL: all) that are not avoided, each as its n numbers side by side; v is fn's own.
 * In parallel; a pass over the rows for each block of columns, 256 MiB of them or a quarter of the memory
 * that is left. */
typedef cull_status cull__column_fn(cull_ctx *cx, void *arg, int64_t c, float *v);
cull_status cull__each_column(cull_ctx *cx, const cull_feature_problem *p, const uint8_t *want,
                              cull__column_fn *fn, void *arg);
/* What it holds at most beside fn's own scratch, and its passes, of `columns` columns. */
uint64_t cull__each_column_bytes(const cull_feature_problem *p, int64_t columns, int threads,
                                 double *passes);
/* Ascending, by radix; no NaN. work: n. -0 sorts with 0. O(n). */
void cull__sort_f64(double *v, double *work, int64_t n);
/* The same, with a number beside each; stable. */
typedef struct {
    double v;
    int64_t at;
} cull__valued;
void cull__sort_valued(cull__valued *v, cull__valued *work, int64_t n);

/* ---- one column at a time (univariate.c): one pass over the rows, missing values left out ---- */
/* Population variance; of values divided by their range where `range`. NaN: constant, or no value. */
cull_status cull__column_variance(cull_ctx *cx, const cull_feature_problem *p, bool range,
                                  double *out);
/* One-way analysis of variance of the classes, or the F of a correlation with numbers; p-values. NaN where
 * there is nothing to test: a constant column, or values in rows of one class, or in too few rows. */
cull_status cull__column_f(cull_ctx *cx, const cull_feature_problem *p, double *f, double *pv);
/* Chi-squared: of a numeric column (counts, none below 0) its sums over the classes against their shares of
 * the rows; of a categorical one the table of its levels by the classes. */
cull_status cull__column_chi2(cull_ctx *cx, const cull_feature_problem *p, double *chi2,
                              double *pv);
enum { CULL__VARIANCE, CULL__F, CULL__CHI2 };
uint64_t cull__column_sweep_bytes(const cull_feature_problem *p, int which, int threads);

/* ---- bins (bins.c) ----
 * A numeric column becomes codes 0, 1, ... in order of its values, equal values alike:
 *   by frequency  a column of at most `bins` different values has a bin for each; otherwise a value that r of
 *                 the m present values are below is in bin floor(r bins / m);
 *   by width      bin floor(bins (v - min) / (max - min)), the maximum in the last;
 * bins that nothing fell into are left out. A categorical column keeps its levels, those that occur. Missing
 * values are a level of their own, the last. */
typedef struct {
    int64_t
        bins; /* 1 .. CULL__BINS_MOST; 0 = by the rows: their cube root, at least 2, at most 64 */
    bool width;
} cull__bins;
enum { CULL__BINS_MOST = 4096, CULL__LEVELS_MOST = 65535 };
int64_t cull__bins_of(const cull__bins *b, int64_t n);
/* v (n), NaN = missing, into code (n); work: 2 n. bins 0: a level for each value. Returns the number of
 * levels, or -1 when there are more than CULL__LEVELS_MOST. */
int32_t cull__bin(const double *v, int64_t n, int64_t bins, bool width, double *work,
                  uint16_t *code);
cull_status cull__too_many_levels(cull_ctx *cx, const cull_feature_problem *p, int64_t c);

/* ---- information (info.c): plug-in estimates over codes, in nats ---- */
typedef struct {
    double sum;    /* of c ln c over the cells of a table of counts */
    int64_t cells; /* that are not empty */
} cull__cells;
typedef struct {
    const void *at; /* n codes, a byte each or two */
    int32_t levels; /* 0: the column is avoided */
    bool wide;
} cull__coded;
/* The columns of a problem and its target as codes. A byte a code where a column has at most 256 levels. */
typedef struct {
    int64_t n, d;
    cull__coded *col, y;
    cull__cells *own, *with_y; /* (d) of a column alone; with the target */
    cull__cells y_own;
    const double *c_ln_c; /* up to 65535 or n */
    cull_pool
        *held; /* the codes: in memory, or in tmpdir where they are over a quarter of the limit */
} cull__codes;
cull_status cull__codes_new(cull_ctx *cx, const cull_feature_problem *p, const cull__bins *b,
                            cull__codes *t);
void cull__codes_free(cull__codes *t);
uint64_t cull__codes_bytes(const cull_feature_problem *p, const cull__bins *b, int threads);
/* H(column), H(target), I(column; target). NaN for a column of fewer than two levels. */
double cull__codes_entropy(const cull__codes *t, int64_t c);
double cull__codes_target(const cull__codes *t);
double cull__codes_relevance(const cull__codes *t, int64_t c);
/* Of pairs of columns a[i], b[i]: I(a; b), and where `given` is not NULL I(a; target | b). In parallel. */
cull_status cull__codes_pairs(cull_ctx *cx, const cull__codes *t, const int64_t *a,
                              const int64_t *b, int64_t pairs, double *mutual, double *given);
/* sum[c] += I(c; s), or I(c; target | s) if `given`, for every column with open[c]. */
cull_status cull__codes_add(cull_ctx *cx, const cull__codes *t, int64_t s, const uint8_t *open,
                            bool given, double *sum);
/* I(column; target) of columns with want[c] (NULL: all), without holding any code; NaN for others. `miller` takes off the first-order bias
 * (Miller 1955), (cells of the table - rows - columns + 1) / 2n. */
cull_status cull__column_mutual(cull_ctx *cx, const cull_feature_problem *p, const uint8_t *want,
                                const cull__bins *b, bool miller, double *out);
uint64_t cull__column_mutual_bytes(const cull_feature_problem *p, const cull__bins *b, int threads,
                                   double *passes);

/* ---- information by nearest neighbours (neighbours.c), in nats ----
 * x numbers and y classes: Ross 2014; both numbers: Kraskov et al. 2004, the first estimator. `copies`:
 * neighbours that are as far as the k-th lie outside like it, and where that is at no distance all that are
 * there count (Gao et al. 2017), so that ties need no noise. */
typedef struct {
    int64_t k;
    bool copies;
} cull__neighbours;
/* x (n) finite, y (n) 0 .. classes-1. O(n log n) time; scratch of cx. Below 0 by the estimate: 0. */
cull_status cull__mutual_classes(cull_ctx *cx, const double *x, const int32_t *y, int64_t n,
                                 int32_t classes, const cull__neighbours *o, double *out);
/* Differences of x and y count unit[0] and unit[1] times: scaled so, equal ones stay equal. */
cull_status cull__mutual_numbers(cull_ctx *cx, const double *x, const double *y, int64_t n,
                                 const double unit[2], const cull__neighbours *o, double *out);
/* Of every column; `noise`: a normal number of 1e-10 of its scale is added to each number first. */
cull_status cull__column_neighbours(cull_ctx *cx, const cull_feature_problem *p,
                                    const cull__neighbours *o, bool noise, double *out);
uint64_t cull__column_neighbours_bytes(const cull_feature_problem *p, int threads, double *passes);

/* ---- Relief (relief.c) ---- */
typedef struct {
    int64_t k, rows; /* neighbours; rows asked, 0 = all */
    double sigma;    /* of the ranks of neighbours, of numbers to predict; 0 = all alike */
} cull__relief_opts;
cull_status cull__column_relief(cull_ctx *cx, const cull_feature_problem *p,
                                const cull__relief_opts *o, double *out);
uint64_t cull__column_relief_bytes(const cull_feature_problem *p, const cull__relief_opts *o,
                                   int threads);
#endif
