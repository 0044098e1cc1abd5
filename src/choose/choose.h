/* choose.h - CHOOSE: from numbers, costs and limits to indices. Knows nothing of who scored. */
#ifndef CULL__CHOOSE_H
#define CULL__CHOOSE_H
#include "base/base.h"

/* ---- taking under a budget ----
 * A method offers examples in its order; the taker keeps the ledger: budget, quota of each group,
 * what must be avoided, what is taken already. An offer that does not fit is passed over, so cheaper
 * ones later still may. */
typedef struct {
    int64_t n, count;
    const double *cost; /* n, or NULL = 1 each */
    double budget, spent, least;
    const int32_t *group; /* n, or NULL */
    const double *quota;  /* groups, or NULL */
    double *used;         /* groups: spent in each */
    const uint8_t *avoid; /* n, or NULL */
    uint8_t *taken;       /* n */
    int64_t *idx;         /* what was taken, in order, with its score and what chose it */
    double *score;
    int32_t *by;
    int64_t cap;
} cull__taker;
struct cull_data_problem;
/* A taker with the ledger of p; its memory is scratch of cx. O(n) time, n + 20 cap bytes. */
cull_status cull__taker_new(cull_ctx *cx, const struct cull_data_problem *p, cull__taker *t);
bool cull__can_take(const cull__taker *t, int64_t i); /* neither taken nor avoided, and it fits */
bool cull__take(cull__taker *t, int64_t i, double score, int32_t by);
bool cull__taker_full(
    const cull__taker *t); /* nothing can be added any more: cap or the least cost */
cull_status cull__taker_pick(cull_ctx *cx, const cull__taker *t, const char *by_what,
                             cull_pick *out);
/* Most examples that the budget buys: min(n, budget / least cost). */
int64_t cull__max_picks(const double *cost, int64_t n, double budget);

/* ---- order ---- */
/* order[0..n) = indices by score descending, ties by index. Radix sort: O(n), 16 n bytes scratch. */
cull_status cull__order(cull_ctx *cx, const double *score, int64_t n, int64_t *order);
/* The k best (score descending, ties by index) of 0..n-1, best first; k <= n. O(n + k log k). */
cull_status cull__topk(cull_ctx *cx, const double *score, int64_t n, int64_t k, int64_t *idx);

/* ---- draws ---- */
/* m of 0..n-1 without replacement, uniform, into out[0..m) in random order. */
cull_status cull__sample(cull_ctx *cx, cull_rng *r, int64_t n, int64_t m, int64_t *out);
/* Order for drawing without replacement with weights exp(logw): Gumbel keys, descending
 * (Efraimidis and Spirakis 2006 in log space). The first m of order are such a draw. */
cull_status cull__weighted_order(cull_ctx *cx, cull_rng *r, const double *logw, int64_t n,
                                 int64_t *order);

/* ---- apportionment ---- */
/* Whole shares of `total` in proportion to weight[0..k), each at most cap[j]; what a full one could
 * not take goes to the others. Largest remainders, ties by index. The shares sum to
 * min(total, sum of cap) exactly. O(k^2) at worst. */
cull_status cull__apportion(cull_ctx *cx, const double *weight, const int64_t *cap, int64_t k,
                            int64_t total, int64_t *share);
#endif
