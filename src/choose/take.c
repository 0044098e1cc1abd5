/* take.c - the ledger of a choice: budget, quotas, what to avoid; and the plainest rule, best first. */
#include "choose/choose.h"
#include "cull/data.h"

#include <string.h>

static int64_t picks(double least, bool whole, int64_t n, double budget)
{
    double most = budget / least;
    if (!whole) most = most * (1 + 1e-7) + 1; /* sums of costs are rounded */
    return most >= (double)n ? n : most > 0 ? (int64_t)most : 0;
}

int64_t cull__max_picks(const double *cost, int64_t n, double budget)
{
    double least = 1;
    for (int64_t i = 0; cost && i < n; i++)
        if (i == 0 || cost[i] < least) least = cost[i];
    return picks(least, !cost, n, budget);
}

static cull__taker ledger(const cull_data_problem *p)
{
    cull__taker t = {.n = p->n,
                     .cost = p->cost,
                     .budget = p->budget,
                     .least = 1,
                     .mean = 1,
                     .group = p->group,
                     .quota = p->quota,
                     .avoid = p->avoid,
                     .have = p->have};
    if (p->cost) {
        double sum = 0;
        t.least = p->cost[0];
        for (int64_t i = 0; i < p->n; i++) {
            sum += p->cost[i];
            if (p->cost[i] < t.least) t.least = p->cost[i];
        }
        t.mean = sum / (double)p->n;
    }
    t.cap = picks(t.least, !p->cost, p->n, p->budget);
    return t;
}

cull_status cull__taker_new(cull_ctx *cx, const cull_data_problem *p, cull__taker *t)
{
    *t = ledger(p);
    CULL_TRY(CULL_TMP0(cx, t->taken, p->n));
    CULL_TRY(CULL_TMP(cx, t->idx, t->cap));
    CULL_TRY(CULL_TMP(cx, t->score, t->cap));
    CULL_TRY(CULL_TMP(cx, t->by, t->cap));
    if (p->quota) CULL_TRY(CULL_TMP0(cx, t->used, p->groups));
    return CULL_OK;
}

static uint64_t taker_bytes(const cull__taker *t, int32_t groups)
{
    return (uint64_t)t->n + 20 * (uint64_t)t->cap + (t->quota ? 8 * (uint64_t)groups : 0);
}

uint64_t cull__taker_plan(const cull_data_problem *p)
{
    cull__taker t = ledger(p);
    return taker_bytes(&t, p->groups);
}

static double cost_of(const cull__taker *t, int64_t i) { return t->cost ? t->cost[i] : 1; }

bool cull__can_take(const cull__taker *t, int64_t i)
{
    if (t->taken[i] || (t->avoid && t->avoid[i]) || (t->have && t->have[i])) return false;
    if (t->count == t->cap) return false;
    double c = cost_of(t, i);
    if (t->spent + c > t->budget) return false;
    return !t->quota || t->used[t->group[i]] + c <= t->quota[t->group[i]];
}

bool cull__take(cull__taker *t, int64_t i, double score, int32_t by)
{
    if (!cull__can_take(t, i)) return false;
    double c = cost_of(t, i);
    t->spent += c;
    if (t->quota) t->used[t->group[i]] += c;
    t->taken[i] = 1;
    t->idx[t->count] = i;
    t->score[t->count] = score;
    t->by[t->count++] = by;
    return true;
}

void cull__taker_empty(cull__taker *t)
{
    for (int64_t j = 0; j < t->count; j++) {
        t->taken[t->idx[j]] = 0;
        if (t->quota) t->used[t->group[t->idx[j]]] = 0;
    }
    t->count = 0;
    t->spent = 0;
}

bool cull__taker_full(const cull__taker *t)
{
    return t->count == t->cap || t->spent + t->least > t->budget;
}

cull_status cull__taker_pick(cull_ctx *cx, const cull__taker *t, const char *by_what,
                             cull_pick *out)
{
    CULL_TRY(cull__pick_new(cx, t->count, out));
    size_t n = (size_t)t->count;
    memcpy(out->idx, t->idx, n * sizeof *t->idx);
    memcpy(out->score, t->score, n * sizeof *t->score);
    memcpy(out->by, t->by, n * sizeof *t->by);
    out->spent = t->spent;
    out->by_what = by_what;
    return CULL_OK;
}

/* ---- best first ---- */

/* How many rows the first pass keeps. */
static int64_t first_pass(const cull__taker *t)
{
    int64_t most = t->cap - t->count;
    if (!t->cost && !t->quota) return most;
    double likely = 1.25 * (t->budget - t->spent) / t->mean + 64;
    return likely < (double)most ? (int64_t)likely : most;
}

enum { BLOCK = 4096, TICK = 256 };

uint64_t cull__take_best_plan(const cull_data_problem *p)
{
    cull__taker t = ledger(p);
    return taker_bytes(&t, p->groups) + 32 * (uint64_t)first_pass(&t) + 8 * BLOCK;
}

/* The best rows that can still be taken into b. */
static cull_status gather(cull_ctx *cx, const cull__taker *t, cull__score_fn *fn, const void *arg,
                          cull__best *b)
{
    double *buf = NULL;
    if (fn) CULL_TRY(CULL_TMP(cx, buf, BLOCK));
    for (int64_t lo = 0, block = 0; lo < t->n; lo += BLOCK, block++) {
        int64_t hi = t->n - lo < BLOCK ? t->n : lo + BLOCK;
        const double *score = fn ? buf : (const double *)arg + lo;
        if (block % TICK == 0) CULL_TRY(cull__tick(cx, (double)lo, (double)t->n));
        if (fn) fn(arg, lo, hi, buf);
        for (int64_t i = lo; i < hi; i++)
            if (cull__can_take(t, i)) cull__best_push(b, score[i - lo], i);
    }
    return CULL_OK;
}

cull_status cull__take_best(cull_ctx *cx, cull__taker *t, cull__score_fn *fn, const void *arg,
                            const int32_t *by)
{
    int64_t keep = first_pass(t);
    while (!cull__taker_full(t)) {
        cull__mark_t m = cull__mark(cx);
        cull__best b;
        CULL_TRY(cull__best_new(cx, keep, &b));
        CULL_TRY(gather(cx, t, fn, arg, &b));
        cull__best_end(&b);
        for (int64_t j = 0; j < b.n; j++)
            cull__take(t, b.at[j].i, cull__rank_score(b.at[j].key), by ? by[b.at[j].i] : -1);
        bool all = b.n < b.k; /* every row that could be taken was offered */
        cull__release(cx, m);
        if (all) break;
        keep = 2 * keep < t->n ? 2 * keep : t->n;
    }
    return CULL_OK;
}
