/* take.c - the ledger of a choice: budget, quotas, what to avoid. */
#include "choose/choose.h"
#include "cull/data.h"

#include <string.h>

int64_t cull__max_picks(const double *cost, int64_t n, double budget)
{
    double least = 1;
    for (int64_t i = 0; cost && i < n; i++)
        if (i == 0 || cost[i] < least) least = cost[i];
    double most = budget / least;
    return most >= (double)n ? n : most > 0 ? (int64_t)most : 0;
}

cull_status cull__taker_new(cull_ctx *cx, const cull_data_problem *p, cull__taker *t)
{
    *t = (cull__taker){.n = p->n,
                       .cost = p->cost,
                       .budget = p->budget,
                       .least = 1,
                       .group = p->group,
                       .quota = p->quota,
                       .avoid = p->avoid};
    for (int64_t i = 0; p->cost && i < p->n; i++)
        if (i == 0 || p->cost[i] < t->least) t->least = p->cost[i];
    t->cap = cull__max_picks(p->cost, p->n, p->budget);
    CULL_TRY(CULL_TMP0(cx, t->taken, p->n));
    CULL_TRY(CULL_TMP(cx, t->idx, t->cap));
    CULL_TRY(CULL_TMP(cx, t->score, t->cap));
    CULL_TRY(CULL_TMP(cx, t->by, t->cap));
    if (p->quota) CULL_TRY(CULL_TMP0(cx, t->used, p->groups));
    return CULL_OK;
}

static double cost_of(const cull__taker *t, int64_t i) { return t->cost ? t->cost[i] : 1; }

bool cull__can_take(const cull__taker *t, int64_t i)
{
    if (t->taken[i] || (t->avoid && t->avoid[i]) || t->count == t->cap) return false;
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
