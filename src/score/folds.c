/* folds.c - rows dealt out to folds: stratified by class, groups kept together. */
#include "score/folds.h"

#include <inttypes.h>
#include <string.h>

/* Rows in random order, each class dealt out in turn; the next class goes on where the last one ended. */
static cull_status deal_rows(cull_ctx *cx, int64_t n, const double *y, int32_t classes, int64_t k,
                             cull_rng *r, int32_t *fold)
{
    int64_t *row, *start;
    int64_t kinds = classes > 0 ? classes : 1;
    CULL_TRY(CULL_TMP(cx, row, n));
    CULL_TRY(CULL_TMP0(cx, start, kinds + 1));
    for (int64_t i = 0; i < n; i++) row[i] = i;
    cull__rng_shuffle(r, row, n);
    for (int64_t i = 0; i < n; i++) start[(classes > 0 ? (int64_t)y[i] : 0) + 1]++;
    for (int64_t c = 0; c < kinds; c++) start[c + 1] += start[c];
    for (int64_t i = 0; i < n; i++) {
        int64_t c = classes > 0 ? (int64_t)y[row[i]] : 0;
        fold[row[i]] = (int32_t)(start[c]++ % k);
    }
    return CULL_OK;
}

struct groups {
    int64_t count, kinds, k;
    int64_t *has;  /* (groups, kinds): rows of each class */
    int64_t *size; /* groups */
    int64_t *held; /* (k, kinds + 1): rows of each class, and all, in each fold so far */
};

/* How uneven the folds would be, with group g in fold f: classes weigh by how rare they are. */
static double unevenness(const struct groups *g, const int64_t *total, int64_t at, int64_t f)
{
    double sum = 0;
    const int64_t *held = g->held + f * (g->kinds + 1), *has = g->has + at * g->kinds;
    for (int64_t c = 0; c < g->kinds; c++) {
        if (!has[c]) continue;
        double was = (double)held[c], is = was + (double)has[c];
        sum += (is * is - was * was) / ((double)total[c] * (double)total[c]);
    }
    double was = (double)held[g->kinds], is = was + (double)g->size[at],
           n = (double)total[g->kinds];
    return sum / (double)g->kinds + (is * is - was * was) / (n * n);
}

/* Largest first (ties in random order), each to the fold that it leaves the most even. */
static void deal_groups(struct groups *g, const int64_t *total, const int64_t *order, int32_t *to)
{
    for (int64_t i = 0; i < g->count; i++) {
        int64_t at = order[i], best = 0;
        double least = 0;
        if (!g->size[at]) continue;
        for (int64_t f = 0; f < g->k; f++) {
            double u = unevenness(g, total, at, f);
            if (!f || u < least) best = f, least = u;
        }
        to[at] = (int32_t)best;
        int64_t *held = g->held + best * (g->kinds + 1);
        for (int64_t c = 0; c < g->kinds; c++) held[c] += g->has[at * g->kinds + c];
        held[g->kinds] += g->size[at];
    }
}

/* order: sorted by size, descending and stable. */
static cull_status by_size(cull_ctx *cx, const struct groups *g, int64_t *order)
{
    int64_t *spare, n = g->count;
    CULL_TRY(CULL_TMP(cx, spare, n));
    for (int64_t w = 1; w < n; w *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * w) {
            int64_t mid = lo + w < n ? lo + w : n, hi = lo + 2 * w < n ? lo + 2 * w : n;
            for (int64_t a = lo, b = mid, at = lo; at < hi; at++) {
                bool left = b >= hi || (a < mid && g->size[order[a]] >= g->size[order[b]]);
                spare[at] = left ? order[a++] : order[b++];
            }
        }
        memcpy(order, spare, (size_t)n * sizeof *order);
    }
    return CULL_OK;
}

static cull_status folds_of_groups(cull_ctx *cx, int64_t n, const double *y, int32_t classes,
                                   const int32_t *group, int32_t groups, int64_t k, cull_rng *r,
                                   int32_t *fold)
{
    struct groups g = {.count = groups, .kinds = classes > 0 ? classes : 1, .k = k};
    int64_t *total, *order, seen = 0;
    int32_t *to;
    CULL_TRY(CULL_TMP0(cx, g.has, g.count * g.kinds));
    CULL_TRY(CULL_TMP0(cx, g.size, g.count));
    CULL_TRY(CULL_TMP0(cx, g.held, k * (g.kinds + 1)));
    CULL_TRY(CULL_TMP0(cx, total, g.kinds + 1));
    CULL_TRY(CULL_TMP(cx, order, g.count));
    CULL_TRY(CULL_TMP0(cx, to, g.count));
    for (int64_t i = 0; i < n; i++) {
        int64_t c = classes > 0 ? (int64_t)y[i] : 0;
        g.has[group[i] * g.kinds + c]++, g.size[group[i]]++;
        total[c]++, total[g.kinds]++;
    }
    for (int64_t i = 0; i < g.count; i++) order[i] = i, seen += g.size[i] > 0;
    if (seen < k)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " groups cannot make %" PRId64
                          " folds; there must be as many of them at least",
                          seen, k);
    cull__rng_shuffle(r, order, g.count);
    CULL_TRY(by_size(cx, &g, order));
    deal_groups(&g, total, order, to);
    for (int64_t i = 0; i < n; i++) fold[i] = to[group[i]];
    return CULL_OK;
}

cull_status cull__folds(cull_ctx *cx, int64_t n, const double *y, int32_t classes,
                        const int32_t *group, int32_t groups, int64_t k, uint64_t stream,
                        int32_t *fold)
{
    if (k < 2 || n < k)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows cannot make %" PRId64
                          " folds; it takes 2 folds at least, and a row for each",
                          n, k);
    cull__mark_t mark = cull__mark(cx);
    cull_rng r = cull__rng(cx, stream);
    cull_status s = group ? folds_of_groups(cx, n, y, classes, group, groups, k, &r, fold)
                          : deal_rows(cx, n, y, classes, k, &r, fold);
    cull__release(cx, mark);
    return s;
}

cull_status cull__holdout(cull_ctx *cx, int64_t n, const int32_t *group, int32_t groups,
                          double share, uint64_t stream, int64_t *order, int64_t *train)
{
    int64_t units = group ? groups : n, out = (int64_t)(share * (double)units + .5), *unit, at = 0;
    uint8_t *held;
    cull_rng r = cull__rng(cx, stream);
    cull__mark_t mark = cull__mark(cx);
    if (out > units - 1) out = units - 1;
    if (out < 1) out = 1;
    CULL_TRY(CULL_TMP(cx, unit, units));
    CULL_TRY(CULL_TMP0(cx, held, units));
    for (int64_t i = 0; i < units; i++) unit[i] = i;
    cull__rng_shuffle(&r, unit, units);
    for (int64_t i = 0; i < out; i++) held[unit[i]] = 1;
    for (int want = 0; want < 2; want++) {
        for (int64_t i = 0; i < n; i++)
            if (held[group ? group[i] : i] == want) order[at++] = i;
        if (!want) *train = at;
    }
    cull__release(cx, mark);
    return CULL_OK;
}
