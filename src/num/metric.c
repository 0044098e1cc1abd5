/* metric.c - how well scores and probabilities fit what was the case: AUC, Kendall's tau, calibration. */
#include "num/num.h"

#include <math.h>
#include <string.h>

typedef struct {
    double a, b;
} pair;

static bool after(const pair *x, const pair *y, bool by_b)
{
    if (by_b) return x->b > y->b;
    return x->a > y->a || (x->a == y->a && x->b > y->b);
}

/* Merge sort, by a and then b, or by b alone; how many pairs were out of order. */
static int64_t sort(pair *v, pair *room, int64_t n, bool by_b)
{
    int64_t swaps = 0;
    pair *from = v, *to = room;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            int64_t i = lo, j = mid;
            for (int64_t k = lo; k < hi; k++) {
                bool right = i == mid || (j < hi && after(from + i, from + j, by_b));
                if (right) swaps += mid - i;
                to[k] = from[right ? j++ : i++];
            }
        }
        pair *was = from;
        from = to;
        to = was;
    }
    if (from != v) memcpy(v, from, (size_t)n * sizeof *v);
    return swaps;
}

/* One past the run of pairs that are as v[lo]: in a, in b or in both. */
static int64_t run_end(const pair *v, int64_t n, int64_t lo, bool a, bool b)
{
    int64_t hi = lo + 1;
    while (hi < n && (!a || v[hi].a == v[lo].a) && (!b || v[hi].b == v[lo].b)) hi++;
    return hi;
}

static double ties(const pair *v, int64_t n, bool a, bool b)
{
    double sum = 0;
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        hi = run_end(v, n, lo, a, b);
        sum += .5 * (double)(hi - lo) * (double)(hi - lo - 1);
    }
    return sum;
}

static bool any_nan(const double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (isnan(v[i])) return true;
    return false;
}

cull_status cull__auc(cull_ctx *cx, const double *score, const uint8_t *positive, int64_t n,
                      double *out)
{
    pair *v;
    *out = NAN;
    if (n < 2 || any_nan(score, n)) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, 2 * n));
    for (int64_t i = 0; i < n; i++) v[i] = (pair){score[i], positive[i] ? 1 : 0};
    sort(v, v + n, n, false);
    double ranks = 0, ones = 0;
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        double here = 0;
        hi = run_end(v, n, lo, true, false);
        for (int64_t i = lo; i < hi; i++) here += v[i].b;
        ranks += here * .5 * (double)(lo + hi + 1); /* the mean of ranks lo+1 .. hi */
        ones += here;
    }
    double zeros = (double)n - ones;
    if (ones > 0 && zeros > 0) *out = (ranks - .5 * ones * (ones + 1)) / (ones * zeros);
    cull__release(cx, mark);
    return CULL_OK;
}

/* Knight 1966: discordant pairs are the exchanges that sorting by b takes after sorting by a. */
cull_status cull__kendall(cull_ctx *cx, const double *a, const double *b, int64_t n, double *out)
{
    pair *v;
    *out = NAN;
    if (n < 2 || any_nan(a, n) || any_nan(b, n)) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, v, 2 * n));
    for (int64_t i = 0; i < n; i++) v[i] = (pair){a[i], b[i]};
    sort(v, v + n, n, false);
    double all = .5 * (double)n * (double)(n - 1), in_a = ties(v, n, true, false);
    double in_both = ties(v, n, true, true), apart = (double)sort(v, v + n, n, true);
    double in_b = ties(v, n, false, true);
    double under = sqrt(all - in_a) * sqrt(all - in_b);
    if (under > 0) *out = (all - in_a - in_b + in_both - 2 * apart) / under;
    cull__release(cx, mark);
    return CULL_OK;
}

double cull__ece(const double *confidence, const uint8_t *hit, int64_t n, int bins)
{
    enum { MOST = 64 };
    double sum[MOST] = {0}, hits[MOST] = {0}, gap = 0;
    if (n < 1 || bins < 1 || bins > MOST) return NAN;
    for (int64_t i = 0; i < n; i++) {
        if (!(confidence[i] >= 0 && confidence[i] <= 1)) return NAN;
        int b = (int)ceil(confidence[i] * bins) - 1;
        b = b < 0 ? 0 : b < bins ? b : bins - 1;
        sum[b] += confidence[i];
        hits[b] += hit[i] ? 1 : 0;
    }
    for (int b = 0; b < bins; b++) gap += fabs(hits[b] - sum[b]);
    return gap / (double)n;
}
