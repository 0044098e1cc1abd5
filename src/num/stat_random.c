/* stat_random.c - what random draws from a table come to, exactly, and regret (cull/verdict.h). */
#include <math.h>

#include "cull/verdict.h"
#include "num/block.h"
#include "num/num.h"
#include "num/stat.h"

/* Of sorted v (n), the better later: the mean of the best of k. Chances are followed from the best value down, where each is a
 * product of the last one's and a ratio, and left off where they can no longer count. */
static double without(const double *v, int64_t n, int64_t k)
{
    double chance = (double)k / (double)n, off = 0;
    for (int64_t i = n; i >= k && chance > 1e-40; i--) {
        off += chance * (v[n - 1] - v[i - 1]);
        chance *= (double)(i - k) / (double)(i - 1);
    }
    return v[n - 1] - off;
}

/* With replacement: all k are among the lowest i with chance (i / n)^k. */
static double with(const double *v, int64_t n, int64_t k)
{
    double off = 0;
    for (int64_t i = n - 1; i >= 1; i--) {
        double chance = exp((double)k * log1p(-(double)(n - i) / (double)n));
        off += chance * (v[i] - v[i - 1]);
        if (chance < 1e-40) break;
    }
    return v[n - 1] - off;
}

static double best_of(const double *v, int64_t n, bool replace, int64_t k)
{
    if (replace) return with(v, n, k);
    return without(v, n, k < n ? k : n);
}

/* v with the better later, sign turned where smaller is better. */
static cull_status rising(cull_ctx *cx, const double *v, int64_t n, bool maximize, double **out)
{
    cull__ranked *r;
    CULL_TRY(cull__results_fit(cx, "values of the table", v, n, 1));
    CULL_TRY(CULL_TMP(cx, *out, n));
    CULL_TRY(CULL_TMP(cx, r, n));
    for (int64_t i = 0; i < n; i++) r[i] = (cull__ranked){maximize ? v[i] : -v[i], i};
    cull__rank_sort(r, n);
    for (int64_t i = 0; i < n; i++) (*out)[i] = r[n - 1 - i].v;
    return CULL_OK;
}

static cull_status random_curve(cull_ctx *cx, const double *v, int64_t n, bool maximize,
                                bool replace, int64_t most, double *best)
{
    double *u;
    CULL_TRY(rising(cx, v, n, maximize, &u));
    for (int64_t k = 1; k <= most; k++) {
        double b = best_of(u, n, replace, k);
        best[k - 1] = maximize ? b : -b;
        if (k % 64 == 0) CULL_TRY(cull__tick(cx, (double)k, (double)most));
    }
    return CULL_OK;
}

cull_status cull_verdict_random(cull_ctx *cx, const double *v, int64_t n, bool maximize,
                                bool replace, int64_t most, double *best)
{
    if (most < 1)
        return cull__fail(cx, CULL_EINPUT, "the best of %lld draws; at least 1", (long long)most);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = random_curve(cx, v, n, maximize, replace, most, best);
    cull__release(cx, mark);
    return s;
}

static cull_status equivalent(cull_ctx *cx, const double *v, int64_t n, double result,
                              bool maximize, bool replace, int64_t *draws)
{
    double *u;
    CULL_TRY(rising(cx, v, n, maximize, &u));
    double want = (maximize ? result : -result) - 1e-12 * (u[n - 1] - u[0]);
    int64_t lo = 1, hi = replace ? INT64_C(1) << 53 : n; /* the best of hi is good enough */
    if (best_of(u, n, replace, hi) < want) return CULL_OK;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (best_of(u, n, replace, mid) >= want)
            hi = mid;
        else
            lo = mid + 1;
    }
    *draws = lo;
    return CULL_OK;
}

cull_status cull_verdict_equivalent(cull_ctx *cx, const double *v, int64_t n, double result,
                                    bool maximize, bool replace, int64_t *draws)
{
    *draws = -1;
    if (isnan(result)) return cull__fail(cx, CULL_EINPUT, "the result is NaN");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = equivalent(cx, v, n, result, maximize, replace, draws);
    cull__release(cx, mark);
    return s;
}

void cull_verdict_regret(const double *v, int64_t n, double best, bool maximize, double *regret)
{
    double least = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double off = maximize ? best - v[i] : v[i] - best;
        if (off < least) least = off;
        regret[i] = least;
    }
}
