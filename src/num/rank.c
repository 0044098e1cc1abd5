/* rank.c - selection and sorting of scored indices (quickselect, Hoare 1961; heapsort where a
 * partition goes bad, so that no input costs more than n log n). */
#include "num/block.h"

#include <float.h>

static void sift(cull__ranked *v, int64_t at, int64_t n)
{
    cull__ranked x = v[at];
    for (int64_t c; (c = 2 * at + 1) < n; at = c) {
        if (c + 1 < n && cull__before(v[c], v[c + 1])) c++;
        if (!cull__before(x, v[c])) break;
        v[at] = v[c];
    }
    v[at] = x;
}

static void heapsort_ranked(cull__ranked *v, int64_t n)
{
    for (int64_t i = n / 2; i-- > 0;) sift(v, i, n);
    for (int64_t e = n - 1; e > 0; e--) {
        cull__ranked t = v[0];
        v[0] = v[e];
        v[e] = t;
        sift(v, 0, e);
    }
}

static cull__ranked middle(cull__ranked a, cull__ranked b, cull__ranked c)
{
    if (cull__before(a, b)) return cull__before(b, c) ? b : cull__before(a, c) ? c : a;
    return cull__before(a, c) ? a : cull__before(b, c) ? c : b;
}

/* v[lo..hi) so that all before the result come no later than all from it on; both sides non-empty. */
static int64_t part(cull__ranked *v, int64_t lo, int64_t hi)
{
    cull__ranked p = middle(v[lo], v[lo + (hi - lo) / 2], v[hi - 1]);
    int64_t i = lo - 1, j = hi;
    for (;;) {
        do i++;
        while (cull__before(v[i], p));
        do j--;
        while (cull__before(p, v[j]));
        if (i >= j) return i > lo ? i : lo + 1;
        cull__ranked t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}

void cull__rank_top(cull__ranked *v, int64_t n, int64_t k)
{
    int64_t lo = 0, hi = n;
    for (int depth = 0; hi - lo > 16 && k > lo && k < hi; depth++) {
        if (depth == 96) break;
        int64_t m = part(v, lo, hi);
        if (k < m)
            hi = m;
        else
            lo = m;
    }
    if (k > lo && k < hi) heapsort_ranked(v + lo, hi - lo);
}

static void sort_range(cull__ranked *v, int64_t n, int depth)
{
    while (n > 16 && depth-- > 0) {
        int64_t m = part(v, 0, n);
        sort_range(v + m, n - m, depth);
        n = m;
    }
    if (n > 16) {
        heapsort_ranked(v, n);
        return;
    }
    for (int64_t i = 1; i < n; i++) {
        cull__ranked x = v[i];
        int64_t j = i;
        for (; j > 0 && cull__before(x, v[j - 1]); j--) v[j] = v[j - 1];
        v[j] = x;
    }
}

void cull__rank_sort(cull__ranked *v, int64_t n) { sort_range(v, n, 64); }

static float kth_by_parts(float *v, int64_t n, int64_t k)
{
    int64_t lo = 0, hi = n; /* the k-th is in v[lo..hi) */
    while (hi - lo > 1) {
        float a = v[lo], b = v[lo + (hi - lo) / 2], c = v[hi - 1];
        float p = a > b ? (b > c ? b : a > c ? c : a) : (a > c ? a : b > c ? c : b);
        int64_t i = lo, g = lo, e = hi; /* [lo, g) above p, [g, i) equal, [e, hi) below */
        while (i < e) {
            float x = v[i];
            if (x > p) {
                v[i++] = v[g];
                v[g++] = x;
            } else if (x < p) {
                v[i] = v[--e];
                v[e] = x;
            } else {
                i++;
            }
        }
        if (k <= g)
            hi = g;
        else if (k <= e)
            return p;
        else
            lo = e;
    }
    return v[lo];
}

/* Values are counted in equal bins between the least and the largest (no branch to mispredict), and
 * only the bin that holds the k-th is searched. The bin of a value does not fall as it grows, so bins
 * order values rightly however they are rounded. */
float cull__kth_largest(float *v, int64_t n, int64_t k)
{
    enum { BINS = 256 };
    if (n < 64) return kth_by_parts(v, n, k);
    float lo = v[0], hi = v[0];
    for (int64_t i = 1; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
    }
    float by = (BINS - 1) / (hi - lo);
    if (!(by > 0 && by < FLT_MAX) || !(hi - lo < FLT_MAX)) return kth_by_parts(v, n, k);
    int64_t count[BINS] = {0}, above = 0, m = 0;
    for (int64_t i = 0; i < n; i++) count[(int)((v[i] - lo) * by)]++;
    int b = BINS - 1;
    for (; above + count[b] < k; b--) above += count[b];
    for (int64_t i = 0; i < n; i++)
        if ((int)((v[i] - lo) * by) == b) v[m++] = v[i];
    return kth_by_parts(v, m, k - above);
}
