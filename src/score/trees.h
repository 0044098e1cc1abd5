/* trees.h - trees over the columns of a table: a random forest over binned columns, and boosted trees by
 * XGBoost. */
#ifndef CULL__TREES_H
#define CULL__TREES_H
#include "base/base.h"
#include "cull/pool.h"

/* ---- bins (tree_bins.c) ----
 * A column as one byte a row: codes that keep the order of its values, CULL__MISSING where there is
 * none. Up to 63 different values stay apart; more are cut where as many rows lie in each bin (of 2^14
 * rows, evenly apart, where there are more). A category is its own code; of more than 63 the rarest
 * share one. What is to be predicted is not looked at. */
enum { CULL__MISSING = 63, CULL__BINS = 64 };
typedef struct {
    int64_t n, d;
    uint8_t *code;   /* (d, n): column after column */
    uint64_t *codes; /* d: bit k = some row has code k; one bit: nothing to tell rows apart by */
    uint8_t *named;  /* d: 1 = codes have no order */
} cull__binned;
/* Scratch of cx: n d bytes, and while it runs 4 n bytes for each column of a chunk. O(n d) time. */
cull_status cull__tree_bins(cull_ctx *cx, const cull_pool *x, const int32_t *levels,
                            cull__binned *out);
/* Nothing tells its rows apart. */
static inline bool cull__binned_constant(const cull__binned *b, int64_t c)
{
    return (b->codes[c] & (b->codes[c] - 1)) == 0;
}
uint64_t cull__tree_bins_bytes(int64_t n, int64_t d, int workers);

/* ---- cuts (tree_cuts.c) ----
 * Numbers as codes 0 .. CULL__CUTS, none of which is missing, by cuts that later rows are coded by too. */
enum { CULL__CUTS = CULL__MISSING - 1 };
/* Between all different values of v[0..n), which it sorts, or where as many rows lie between any two cuts; ascending, how
 * many. */
int cull__cuts_of(double *v, int64_t n, double *cut);
uint8_t cull__cut_code(const double *cut, int cuts, double v); /* how many do not lie above v */

/* ---- a random forest (Breiman 2001; forest.c, forest_kept.c) ----
 * Trees on bootstrap samples of rows (of groups, where there are any), grown until leaves are pure; in each
 * node the best split among a draw of columns, by squared error, which for classes is the Gini index.
 * Missing values go where the split is better. Categories are ordered by the mean of the target, or by the
 * share of the commonest class, of the node (Breiman et al. 1984). */
typedef struct {
    int64_t n, d;
    const uint8_t *const *col; /* d columns of n codes */
    const uint8_t *named;      /* d, or NULL: all have an order */
    const double *y;           /* n: classes 0 .. classes-1, or numbers (classes = 0) */
    int32_t classes;
    const int32_t *group; /* n, or NULL */
    int32_t groups;
    const int64_t *row; /* rows to learn from, or NULL = all n */
    int64_t rows;
    const double *weight; /* n: what a row counts each time it is drawn; NULL = 1 */
} cull__table;
typedef enum { CULL__GAIN, CULL__COUNT, CULL__PERMUTATION } cull__worth;
typedef struct {
    int64_t trees, depth, leaf,
        mtry; /* depth 0: any; leaf: rows at least; mtry 0: sqrt d, numbers: d/3 */
    cull__worth worth;
    uint64_t stream; /* of random numbers */
} cull__forest_opts;
/* worth (d; or NULL): mean over the trees of what splits by the column took from the mean squared error
 * (gain), of their number (count), or of how much more the rows left out of the tree's sample are mistaken when
 * the column is permuted among them (permutation; squared error, or share of wrong answers).
 * said (tests, K; or NULL): the mean of the trees' answers for rows test[0..tests): K = classes shares, or
 * one number. Chunks of trees are fixed, so threads do not change bits. O(trees rows mtry log rows) time. */
cull_status cull__forest(cull_ctx *cx, const cull__table *t, const cull__forest_opts *o,
                         double *worth, const int64_t *test, int64_t tests, double *said);
/* A forest that stays, of numbers (classes = 0); named columns may have no codes later that they lack here. Between
 * two codes of a column with an order, where it splits, a code that no row of the node has goes to the nearer. */
typedef struct cull__grown cull__grown;
cull_status cull__forest_keep(cull_ctx *cx, const cull__table *t, const cull__forest_opts *o,
                              cull__grown **out);
void cull__forest_free(cull__grown *g);
/* Of rows of codes (n, d): the mean of the trees' answers, and (or NULL) their standard deviation. */
void cull__forest_ask(const cull__grown *g, const uint8_t *code, int64_t n, double *mean,
                      double *spread);
/* fn of each leaf of a tree: the codes that come to it, column by column, and its value; set (d): all codes that there are. Values
 * are of answers brought to mean 0 and variance 1. */
typedef void cull__leaf_fn(void *arg, const uint64_t *set, double value);
void cull__forest_leaves(const cull__grown *g, int64_t tree, uint64_t *set, cull__leaf_fn *fn,
                         void *arg);
/* What cull__forest holds at most, outputs not counted. */
uint64_t cull__forest_bytes(int64_t rows, int64_t n, int64_t d, int32_t classes, int64_t tests,
                            int workers);
double cull__forest_flops(int64_t rows, int64_t d, int32_t classes, const cull__forest_opts *o);

/* ---- boosted trees (Friedman 2001) by XGBoost (boost.c) ----
 * CULL_ENODATA where cull was built without it. One thread for each fit: XGBoost adds what its threads
 * found in an order of its own. Its memory is charged as 24 bytes for each number, which is what its sorted
 * columns take. */
typedef struct {
    int64_t rounds, depth;
    double rate, sample; /* of learning; share of rows for each tree */
    uint64_t stream;
    double leaf; /* rows at least; 0 = XGBoost's 1 */
    bool bins;   /* 256 of each column, however few the rows are */
} cull__boost_opts;
typedef struct {
    const float *x; /* (n, d), NaN = missing; categories by their codes, in that order */
    int64_t n, d;
    const double *y;
    int32_t classes;
    const int64_t *row; /* to learn from */
    int64_t rows;
} cull__tree_rows;
/* worth (d): total gain, number of splits; or with CULL__PERMUTATION by how much the mean loss (squared
 * error, log loss) over the rows test[0..tests) grows when the column is permuted among them. */
cull_status cull__boost(cull_ctx *cx, const cull__tree_rows *t, const cull__boost_opts *o,
                        cull__worth worth, const int64_t *test, int64_t tests, double *out);
uint64_t cull__boost_bytes(int64_t rows, int64_t d, int64_t tests);

/* Trees that stay, of numbers; x (n, d) finite, y, weight (n; or NULL). */
typedef struct cull__booster cull__booster;
cull_status cull__booster_fit(cull_ctx *cx, const float *x, const float *y, const float *weight,
                              int64_t n, int64_t d, const cull__boost_opts *o, cull__booster **out);
void cull__booster_free(cull__booster *b);
/* out (n); of the shares of columns (n, d + 1), of pairs of them (n, d + 1, d + 1), the last being the base.
 * Several threads may ask. */
typedef enum { CULL__VALUES = 0, CULL__SHARES = 2, CULL__PAIRS = 4 } cull__asked;
cull_status cull__booster_ask(cull_ctx *cx, cull__booster *b, const float *x, int64_t n,
                              cull__asked what, float *out);
/* The trees as XGBoost prints them, with the rows of each node; free with cull__free. */
cull_status cull__booster_text(cull_ctx *cx, cull__booster *b, char **out);
bool cull__boost_built(void);
#endif
