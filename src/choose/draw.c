/* draw.c - draws without replacement, and whole shares of a total. */
#include "choose/choose.h"

#include <math.h>
#include <string.h>

cull_status cull__sample(cull_ctx *cx, cull_rng *r, int64_t n, int64_t m, int64_t *out)
{
    cull__mark_t mark = cull__mark(cx);
    int64_t *all;
    CULL_TRY(CULL_TMP(cx, all, n));
    for (int64_t i = 0; i < n; i++) all[i] = i;
    for (int64_t i = 0; i < m; i++) {
        int64_t j = i + cull__rng_below(r, n - i);
        out[i] = all[j];
        all[j] = all[i];
    }
    cull__release(cx, mark);
    return CULL_OK;
}

void cull__sample_mark(cull_rng *r, int64_t n, int64_t m, uint8_t *mark)
{
    for (int64_t i = 0; i < n; i++) {
        mark[i] = m > 0 && cull__rng_below(r, n - i) < m;
        m -= mark[i];
    }
}

cull_status cull__weighted_order(cull_ctx *cx, cull_rng *r, const double *logw, int64_t n,
                                 int64_t *order)
{
    cull__mark_t mark = cull__mark(cx);
    double *key;
    CULL_TRY(CULL_TMP(cx, key, n));
    for (int64_t i = 0; i < n; i++) key[i] = logw[i] + cull__rng_gumbel(r);
    CULL_TRY(cull__order(cx, key, n, order));
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__apportion(cull_ctx *cx, const double *weight, const int64_t *cap, int64_t k,
                            int64_t total, int64_t *share)
{
    cull__mark_t mark = cull__mark(cx);
    double *rest;
    int64_t *order, left = 0;
    CULL_TRY(CULL_TMP(cx, rest, k));
    CULL_TRY(CULL_TMP(cx, order, k));
    memset(share, 0, (size_t)k * sizeof *share);
    for (int64_t j = 0; j < k; j++) left += cap[j];
    if (total < left) left = total;
    while (left > 0) {
        double sum = 0;
        int64_t given = 0, open = 0;
        for (int64_t j = 0; j < k; j++)
            if (share[j] < cap[j]) sum += weight[j], open++;
        bool even = !(sum > 0); /* only weightless ones have room: they share alike */
        for (int64_t j = 0; j < k; j++) {
            rest[j] = -1;
            if (share[j] >= cap[j]) continue;
            double want = (double)left * (even ? 1.0 / (double)open : weight[j] / sum);
            int64_t whole = (int64_t)floor(want), room = cap[j] - share[j];
            if (whole > room) whole = room;
            if (whole > left - given) whole = left - given; /* products are rounded */
            share[j] += whole;
            given += whole;
            rest[j] = share[j] < cap[j] ? want - floor(want) : -1;
        }
        left -= given;
        /* a round that filled somebody deals again; else the remainders decide the last few */
        bool filled = false;
        for (int64_t j = 0; j < k; j++)
            filled |= rest[j] < 0 && given > 0 && share[j] == cap[j] && cap[j] > 0;
        if (left > 0 && (!filled || given == 0)) {
            CULL_TRY(cull__order(cx, rest, k, order));
            for (int64_t r = 0; r < k && left > 0 && rest[order[r]] >= 0; r++)
                share[order[r]]++, left--;
        }
    }
    cull__release(cx, mark);
    return CULL_OK;
}
