/* subset_search.h - the best subset of a few items under several budgets: exact by branch and bound, and greedy. */
#ifndef CULL__SUBSET_SEARCH_H
#define CULL__SUBSET_SEARCH_H
#include "base/base.h"

/* A set is a word whose bit i stands for item i. */
enum { CULL__SUBSET_MOST = 64 };

/* What a set may cost. Costs are >= 0; inf: the item is never taken. A sum may exceed `most` by 1e-12 of it, which is rounding. */
typedef struct {
    const double *cost; /* n */
    double most;
    bool widest; /* the largest cost of the set counts (what runs side by side), not the sum */
} cull__subset_budget;

typedef struct {
    int n; /* items, 1 .. 64 */
    const cull__subset_budget *budget;
    int budgets;
    int least;     /* items that a set has, at least */
    uint64_t must; /* items that every set has */
    uint64_t from; /* a set that is measured first; 0 = none, and so if it is not allowed */
    /* Any other limit, as long as with a set all its subsets are allowed; NULL = none. */
    bool (*allowed)(void *arg, uint64_t set);
    /* What to minimise, exact and perhaps dear; inf = never, NaN is refused. Called once for each set. */
    cull_status (*loss)(cull_ctx *cx, void *arg, uint64_t set, double *out);
    /* No set T with `in` within T within `in + rest` has less; NULL = nothing is known. */
    cull_status (*bound)(cull_ctx *cx, void *arg, uint64_t in, uint64_t rest, double *out);
    void *arg;
    int64_t limit; /* losses to measure, at most; 0 = no limit */
} cull__subset_problem;

typedef struct {
    uint64_t set;
    double loss;  /* inf with set = 0 where nothing is allowed, or nothing has a finite loss */
    double lower; /* no allowed set has less; = loss where the search came to its end */
    int64_t losses, bounds; /* how many were asked for */
} cull__subset_answer;

/* Best first by bound; of equal bounds the node with more of its items decided, then the later one. Items whose absence raises
 * the bound of all most are decided first (ties: the lower index), with them before without them. Of sets
 * with equal losses the one that was measured first stays. Where `limit` ends it, loss - lower is the gap. Exact as far as
 * bounds are: what rounding adds to one may cost so much. EINPUT by name: a cost, a NaN. 24 bytes for each
 * open node, which may be 2^n where bounds tell nothing. */
cull_status cull__subset_search(cull_ctx *cx, const cull__subset_problem *p,
                                cull__subset_answer *out);
/* Forward: from `must`, always the item that leaves the least loss, as long as one fits. Backward: from all items, always away
 * with the one whose loss is missed least, until `least` are left. Either returns the best allowed set on its way (`lower` = -inf).
 * Ties: the lower index. At most n (n + 1) / 2 + 1 losses. */
cull_status cull__subset_greedy(cull_ctx *cx, const cull__subset_problem *p, bool backward,
                                cull__subset_answer *out);
/* Within all budgets and allowed. */
bool cull__subset_fits(const cull__subset_problem *p, uint64_t set);
static inline int cull__subset_size(uint64_t set) { return __builtin_popcountll(set); }
#endif
