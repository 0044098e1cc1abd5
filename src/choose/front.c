/* front.c - ranks of dominance, the rows that nothing dominates, and crowding (cull/front.h). */
#include "choose/front.h"

#include <math.h>
#include <string.h>

#include "cull/front.h"

enum { RUN = 8, MANY = 400 }; /* from so many on digits are quicker: measured */

/* Bits that are in the order of the numbers; -0 is 0. */
static uint64_t in_order(double v)
{
    uint64_t u;
    v += 0.0;
    memcpy(&u, &v, sizeof u);
    return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

/* By bytes, the lowest first; those that are all alike are passed over. */
static void sort_by_digits(cull__place *p, cull__place *room, int64_t n)
{
    uint32_t count[8][256] = {{0}};
    for (int64_t k = 0; k < n; k++) {
        uint64_t u = in_order(p[k].v);
        for (int b = 0; b < 8; b++) count[b][u >> 8 * b & 255]++;
    }
    cull__place *from = p, *to = room;
    for (int b = 0; b < 8; b++) {
        uint32_t at = 0;
        if (count[b][in_order(p[0].v) >> 8 * b & 255] == (uint32_t)n) continue;
        for (int c = 0; c < 256; c++) {
            uint32_t here = count[b][c];
            count[b][c] = at;
            at += here;
        }
        for (int64_t k = 0; k < n; k++)
            to[count[b][in_order(from[k].v) >> 8 * b & 255]++] = from[k];
        cull__place *was = from;
        from = to;
        to = was;
    }
    if (from != p) memcpy(p, from, (size_t)n * sizeof *p);
}

void cull__places_sort(cull__place *p, cull__place *room, int64_t n)
{
    if (n >= MANY) {
        sort_by_digits(p, room, n);
        return;
    }
    for (int64_t lo = 0; lo < n; lo += RUN)
        for (int64_t i = lo + 1; i < n && i < lo + RUN; i++) {
            cull__place x = p[i];
            int64_t j = i;
            for (; j > lo && p[j - 1].v > x.v; j--) p[j] = p[j - 1];
            p[j] = x;
        }
    cull__place *from = p, *to = room;
    for (int64_t width = RUN; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            int64_t i = lo, j = mid, k = lo;
            while (i < mid && j < hi) { /* no branch on what is random */
                bool right = from[j].v < from[i].v;
                to[k++] = from[right ? j : i];
                j += right;
                i += !right;
            }
            memcpy(to + k, from + i, (size_t)(mid - i) * sizeof *to);
            memcpy(to + k + (mid - i), from + j, (size_t)(hi - j) * sizeof *to);
        }
        cull__place *was = from;
        from = to;
        to = was;
    }
    if (from != p) memcpy(p, from, (size_t)n * sizeof *p);
}

cull_status cull__front_fits(cull_ctx *cx, int64_t n, int m)
{
    if (m < 1 || m > CULL__FRONT_WIDE)
        return cull__fail(cx, CULL_EINPUT, "a front of %d objectives; 1 to %d are possible", m,
                          CULL__FRONT_WIDE);
    if (n < 0 || n >= INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "a front of %lld rows; 0 to 2147483646 are possible",
                          (long long)n);
    return CULL_OK;
}

/* Rows without a NaN by their violation (what is below 0 is 0, a NaN is the worst), p (n); how many. */
static int64_t by_violation(const double *v, int64_t n, int m, const double *violation,
                            cull__place *p, cull__place *room)
{
    int64_t count = 0;
    bool sorted = true;
    for (int64_t i = 0; i < n; i++) {
        double x = !violation ? 0 : violation[i] > 0 ? violation[i] : 0;
        if (violation && isnan(violation[i])) x = INFINITY;
        if (cull__row_has_nan(v + i * m, m)) continue;
        sorted &= count == 0 || p[count - 1].v <= x;
        p[count++] = (cull__place){x, i};
    }
    if (!sorted) cull__places_sort(p, room, count);
    return count;
}

static cull_status rank_groups(cull_ctx *cx, const double *v, int64_t n, int m,
                               const double *violation, int32_t *rank, int32_t *next)
{
    cull__place *p, *room;
    CULL_TRY(CULL_TMP(cx, p, n));
    CULL_TRY(CULL_TMP(cx, room, n));
    int64_t count = by_violation(v, n, m, violation, p, room);
    for (int64_t i = 0; i < n; i++) rank[i] = -1;
    for (int64_t lo = 0, hi; lo < count; lo = hi) {
        for (hi = lo + 1; hi < count && p[hi].v == p[lo].v; hi++) {}
        CULL_TRY(cull__tick(cx, (double)lo, (double)count));
        CULL_TRY(cull__front_chains(cx, v, m, p + lo, room, hi - lo, *next, rank, next));
    }
    if (count == n) return CULL_OK;
    for (int64_t i = 0; i < n; i++)
        if (rank[i] < 0) rank[i] = *next; /* rows with a NaN */
    ++*next;
    return CULL_OK;
}

cull_status cull_front_ranks(cull_ctx *cx, const double *v, int64_t n, int m,
                             const double *violation, int32_t *rank, int32_t *ranks)
{
    int32_t next = 0;
    CULL_TRY(cull__front_fits(cx, n, m));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = rank_groups(cx, v, n, m, violation, rank, &next);
    cull__release(cx, mark);
    if (ranks) *ranks = s == CULL_OK ? next : 0;
    return s;
}

/* Of equal rows the first stays: rows are grouped by a hash of their numbers, in a table of open addresses. */
static cull_status keep_distinct(cull_ctx *cx, const double *v, int m, int64_t *idx, int64_t *count)
{
    int64_t size = 16, kept = 0, *slot;
    while (size < 2 * *count) size *= 2;
    double *row;
    CULL_TRY(CULL_TMP0(cx, slot, size)); /* 1 + its place in idx */
    CULL_TRY(CULL_TMP(cx, row, m));
    for (int64_t k = 0; k < *count; k++) {
        const double *x = v + idx[k] * m;
        for (int d = 0; d < m; d++) row[d] = isnan(x[d]) ? (double)NAN : x[d] + 0.0; /* -0 is 0 */
        uint64_t h = cull__hash64(row, (size_t)m * sizeof *row, 0);
        int64_t at = (int64_t)(h & (uint64_t)(size - 1));
        for (; slot[at]; at = (at + 1) & (size - 1)) {
            const double *y = v + idx[slot[at] - 1] * m;
            bool same = true;
            for (int d = 0; d < m && same; d++) same = x[d] == y[d] || (isnan(x[d]) && isnan(y[d]));
            if (same) break;
        }
        if (slot[at]) continue;
        idx[kept] = idx[k];
        slot[at] = ++kept;
    }
    *count = kept;
    return CULL_OK;
}

cull_status cull_front_best(cull_ctx *cx, const double *v, int64_t n, int m, bool distinct,
                            int64_t *idx, int64_t *count)
{
    int32_t *rank;
    *count = 0;
    CULL_TRY(cull__front_fits(cx, n, m));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, rank, n);
    if (s == CULL_OK) s = cull_front_ranks(cx, v, n, m, NULL, rank, NULL);
    for (int64_t i = 0; s == CULL_OK && i < n; i++)
        if (rank[i] == 0) idx[(*count)++] = i;
    if (s == CULL_OK && distinct) s = keep_distinct(cx, v, m, idx, count);
    cull__release(cx, mark);
    if (s != CULL_OK) *count = 0;
    return s;
}

/* What a neighbour on either side leaves free, as a share of the whole range; ranges may be infinite. */
static double gap(double lo, double hi, double range)
{
    double free = lo == hi ? 0 : hi - lo;
    if (isinf(range)) return isinf(free) ? 1 : 0;
    return free / range;
}

/* One rank's rows, p (n) sorted by an objective. */
static void add_gaps(const cull__place *p, int64_t n, double *distance)
{
    double range = p[n - 1].v - p[0].v;
    if (p[n - 1].v == p[0].v && n > 2) return; /* it tells none from another */
    distance[p[0].i] = distance[p[n - 1].i] = INFINITY;
    for (int64_t k = 1; k + 1 < n; k++) distance[p[k].i] += gap(p[k - 1].v, p[k + 1].v, range);
}

/* Rows by rank, without those that have a NaN: who[from[r] .. from[r + 1]). from (n + 1), zeros. */
static cull_status group(cull_ctx *cx, const double *v, int64_t n, int m, const int32_t *rank,
                         int64_t *from, int64_t *who)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t r = rank ? rank[i] : 0;
        if (r < 0 || r >= n)
            return cull__fail(cx, CULL_EINPUT, "rank %d of row %lld; ranks are 0 to %lld", r,
                              (long long)i, (long long)n - 1);
        if (!cull__row_has_nan(v + i * m, m)) from[r + 1]++;
    }
    for (int64_t r = 0; r < n; r++) from[r + 1] += from[r];
    for (int64_t i = 0; i < n; i++)
        if (!cull__row_has_nan(v + i * m, m)) who[from[rank ? rank[i] : 0]++] = i;
    memmove(from + 1, from, (size_t)n * sizeof *from);
    from[0] = 0;
    return CULL_OK;
}

static cull_status crowd(cull_ctx *cx, const double *v, int64_t n, int m, const int32_t *rank,
                         double *distance)
{
    int64_t *from, *who;
    cull__place *p, *room;
    CULL_TRY(CULL_TMP0(cx, from, n + 1));
    CULL_TRY(CULL_TMP(cx, who, n));
    CULL_TRY(CULL_TMP(cx, p, n));
    CULL_TRY(CULL_TMP(cx, room, n));
    CULL_TRY(group(cx, v, n, m, rank, from, who));
    for (int64_t i = 0; i < n; i++) distance[i] = 0;
    for (int64_t r = 0; r < n; r++) {
        int64_t *w = who + from[r], count = from[r + 1] - from[r];
        for (int d = 0; d < m && count; d++) {
            for (int64_t k = 0; k < count; k++) p[k] = (cull__place){v[w[k] * m + d], w[k]};
            cull__places_sort(p, room, count);
            add_gaps(p, count, distance);
        }
        if (r % 1024 == 0) CULL_TRY(cull__tick(cx, (double)r, (double)n));
    }
    return CULL_OK;
}

cull_status cull_front_crowding(cull_ctx *cx, const double *v, int64_t n, int m,
                                const int32_t *rank, double *distance)
{
    CULL_TRY(cull__front_fits(cx, n, m));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = crowd(cx, v, n, m, rank, distance);
    cull__release(cx, mark);
    return s;
}
