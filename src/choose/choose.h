/* choose.h - CHOOSE: from numbers, costs and limits to indices. Knows nothing of who scored. */
#ifndef CULL__CHOOSE_H
#define CULL__CHOOSE_H
#include "base/base.h"
#include "cull/pool.h"

/* ---- order ----
 * One order everywhere: score descending, ties by index; -0 and 0 are one. Scores are not NaN. */
typedef struct {
    uint64_t key; /* of the score; a smaller key is a larger score */
    int64_t i;
} cull__scored;
uint64_t cull__rank_key(double score);
double cull__rank_score(uint64_t key);
/* order[0..n) = indices, best first. Radix sort: O(n), 32 n bytes of scratch. */
cull_status cull__order(cull_ctx *cx, const double *score, int64_t n, int64_t *order);
/* The k best of 0..n-1, best first; k <= n. O(n), 32 k bytes of scratch. */
cull_status cull__topk(cull_ctx *cx, const double *score, int64_t n, int64_t k, int64_t *idx);

/* The k best of a stream whose indices ascend: twice k are held, and when they are full the worse
 * half goes. O(1) a push on average, 32 k bytes of scratch. */
typedef struct {
    cull__scored *at;
    int64_t k, n;
    uint64_t worst; /* what does not beat this is not among the k best */
} cull__best;
cull_status cull__best_new(cull_ctx *cx, int64_t k, cull__best *b);
void cull__best_trim(cull__best *b);
static inline void cull__best_push(cull__best *b, double score, int64_t i)
{
    uint64_t key = cull__rank_key(score);
    if (key >= b->worst) return;
    if (b->n == 2 * b->k) cull__best_trim(b);
    if (key < b->worst) b->at[b->n++] = (cull__scored){key, i};
}
void cull__best_end(cull__best *b); /* b->at[0 .. b->n) best first */

/* ---- taking under a budget ----
 * A method offers examples in its order; the taker keeps the ledger: budget, quota of each group,
 * what must be avoided, what is taken already. An offer that does not fit is passed over, so cheaper
 * ones later still may. What does not fit now never will. */
typedef struct {
    int64_t n, count;
    const double *cost; /* n, or NULL = 1 each */
    double budget, spent, least, mean;
    const int32_t *group;        /* n, or NULL */
    const double *quota;         /* groups, or NULL */
    double *used;                /* groups: spent in each */
    const uint8_t *avoid, *have; /* n, or NULL */
    uint8_t *taken;              /* n: taken, or barred by the method */
    int64_t *idx;                /* what was taken, in order, with its score and what chose it */
    double *score;
    int32_t *by;
    int64_t cap;
} cull__taker;
struct cull_data_problem;
/* A taker with the ledger of p; its memory is scratch of cx. O(n) time, n + 20 cap bytes. */
cull_status cull__taker_new(cull_ctx *cx, const struct cull_data_problem *p, cull__taker *t);
/* Neither taken nor avoided nor held already, and it fits. */
bool cull__can_take(const cull__taker *t, int64_t i);
bool cull__take(cull__taker *t, int64_t i, double score, int32_t by);
void cull__taker_empty(cull__taker *t);      /* as it was when new; nothing may be barred */
bool cull__taker_full(const cull__taker *t); /* not even the cheapest example can be added */
cull_status cull__taker_pick(cull_ctx *cx, const cull__taker *t, const char *by_what,
                             cull_pick *out);
/* Most examples that the budget buys: min(n, budget / least cost). An upper bound where costs are
 * not whole numbers, since the ledger's sum is rounded. */
int64_t cull__max_picks(const double *cost, int64_t n, double budget);

/* Scores of rows [lo, hi) into out[0 .. hi-lo). */
typedef void cull__score_fn(const void *arg, int64_t lo, int64_t hi, double *out);
/* Offer every row, best first (score descending, ties by index), without sorting all of them: a pass
 * keeps as many of the best takeable rows as may be needed; should they not fill the budget, the
 * next pass keeps twice as many. One pass where costs are equal and there are no quotas. fn NULL:
 * arg is the scores, n doubles. by: n, what chose each row, or NULL. 32 bytes of scratch for each
 * row kept of a pass. */
cull_status cull__take_best(cull_ctx *cx, cull__taker *t, cull__score_fn *fn, const void *arg,
                            const int32_t *by);
/* Bytes of a taker of p; and those of it with cull__take_best (first pass) on it. */
uint64_t cull__taker_plan(const struct cull_data_problem *p);
uint64_t cull__take_best_plan(const struct cull_data_problem *p);

/* ---- columns (columns.c): the ledger over the columns of a feature problem ---- */
struct cull_feature_problem;
struct cull_feature_pick;
typedef struct {
    const double *score;     /* d: larger = better; NaN = nothing to score */
    const double *p;         /* d, or NULL */
    const uint8_t *verdict;  /* d, or NULL */
    const char *score_is;    /* static */
    const int64_t *level_at; /* d + 1, or NULL; and for each level there: */
    const uint8_t *level_kept;
} cull__columns;
/* Without a budget it has room for all columns. */
cull_status cull__columns_taker(cull_ctx *cx, const struct cull_feature_problem *p, cull__taker *t);
/* Offer columns best first (ties by index), those without a score never. */
cull_status cull__columns_best(cull_ctx *cx, const struct cull_feature_problem *p, cull__taker *t,
                               const double *score);
/* The column to take next: the best score of those that can be taken and have one (ties by index), or the
 * best for its cost: score / cost, of scores below 0 score * cost. -1: there is none. */
int64_t cull__columns_next(const cull__taker *t, const double *score, bool per_cost);
double cull__columns_worth(const cull__taker *t, int64_t c, double score, bool per_cost);
cull_status cull__columns_pick(cull_ctx *cx, const struct cull_feature_problem *p,
                               const cull__taker *t, const cull__columns *found,
                               struct cull_feature_pick *out);
uint64_t cull__columns_plan(const struct cull_feature_problem *p); /* bytes of taker and best */

/* ---- copies (copies.c) ---- */
/* Rows in the order in which they may stay: those held already, then by `rank` (n finite numbers, larger
 * first, ties by index; NULL = by index); *n of them, without those to avoid. 40 n bytes of scratch. */
cull_status cull__copies_order(cull_ctx *cx, const struct cull_data_problem *p, const double *rank,
                               int64_t *order, int64_t *n);
/* Take what stays, in that order, and say of all rows of the pool what stands for them. */
cull_status cull__copies_pick(cull_ctx *cx, cull__taker *t, const int64_t *order, int64_t n,
                              const double *rank, const int64_t *stands, const float *like,
                              const char *stays, cull_pick *out);

/* ---- draws ---- */
/* m of 0..n-1 without replacement, uniform, into out[0..m) in random order. */
cull_status cull__sample(cull_ctx *cx, cull_rng *r, int64_t n, int64_t m, int64_t *out);
/* The same as marks: mark[i] = 1 for m of 0..n-1, else 0 (selection sampling: Knuth, The Art of
 * Computer Programming, volume 2, algorithm S). O(n) time, no scratch. */
void cull__sample_mark(cull_rng *r, int64_t n, int64_t m, uint8_t *mark);
/* Order for drawing without replacement with weights exp(logw): Gumbel keys, descending
 * (Efraimidis and Spirakis 2006 in log space). The first m of order are such a draw. */
cull_status cull__weighted_order(cull_ctx *cx, cull_rng *r, const double *logw, int64_t n,
                                 int64_t *order);

/* ---- apportionment ---- */
/* Whole shares of `total` in proportion to weight[0..k), each at most cap[j]; what a full one could
 * not take goes to the others. Largest remainders, ties by index. The shares sum to
 * min(total, sum of cap) exactly. Weights >= 0; weightless ones get what the others cannot take.
 * O(k^2) at worst. */
cull_status cull__apportion(cull_ctx *cx, const double *weight, const int64_t *cap, int64_t k,
                            int64_t total, int64_t *share);

/* ---- clusters ---- */
/* One round of a draw over clusters. `budget` (cut to what t has left) is shared out in proportion
 * to weight (k) with cull__apportion, a cluster's cap being what of it can still be taken. Each
 * cluster then gives up rows in random order without replacement, with chances in proportion to
 * exp(logw) (n, or NULL = alike), the clusters taking turns. What costs or quotas left unspent is
 * shared out again until nothing fits. assign: n values 0..k-1. by = cluster, score = logw or 0.
 * O(n) time a sharing, 16 n + 48 max cluster bytes of scratch. */
cull_status cull__cluster_draw(cull_ctx *cx, cull__taker *t, cull_rng *r, const int32_t *assign,
                               int64_t k, const double *weight, const double *logw, double budget);
/* New weights after feedback value[i] on rows idx[i], i < m: weight[j] *= exp(s_j / temperature),
 * s_j the mean over the rows of cluster j, the mean of all s_j where j has none; then the weights
 * sum to 1. (Diversify and Conquer, Yu et al. 2024, section 3.2, in the form that allows s_j < 0.) */
cull_status cull__cluster_reweigh(cull_ctx *cx, const int32_t *assign, int64_t k,
                                  const int64_t *idx, const double *value, int64_t m,
                                  double temperature, double *weight);
/* Mean silhouette (Rousseeuw 1987) of x (n, d) under assign (n, 0..k-1), Euclidean; a row alone in
 * its cluster counts 0. -1..1; 0 when k = 1. O(n^2 d) time, n + k doubles of scratch a worker. */
cull_status cull__silhouette(cull_ctx *cx, const float *x, int64_t n, int64_t d,
                             const int32_t *assign, int64_t k, double *out);
/* The number of clusters with the best silhouette, of 8, 16, 32, ... 512 that leave 4 rows a cluster
 * of a sample (8192 rows, fewer when they would exceed 64 MiB; silhouette over 1024 of them). */
cull_status cull__clusters_auto(cull_ctx *cx, const cull_pool *p, cull_rng *r, int64_t *k);
#endif
