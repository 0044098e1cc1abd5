/* fdr.c - Benjamini-Hochberg and e-BH (cull/conform.h). */
#include <math.h>

#include "choose/conform.h"
#include "cull/conform.h"

/* The largest r for which r of v are r at most, kept are those that are; v in units of one row's share of the level. */
static cull_status step_up(cull_ctx *cx, const double *v, int64_t m, uint8_t *keep, int64_t *kept)
{
    cull__place *p;
    int64_t r = m;
    CULL_TRY(cull__conform_sort(cx, v, m, &p));
    while (r > 0 && !(p[r - 1].v <= (double)r * CULL__REACHED)) r--;
    for (int64_t j = 0; j < m; j++) keep[p[j].i] = j < r;
    *kept = r;
    return CULL_OK;
}

static cull_status rejected(cull_ctx *cx, const double *x, int64_t m, double q, bool e,
                            uint8_t *keep, int64_t *kept)
{
    double *v;
    CULL_TRY(CULL_TMP(cx, v, m));
    for (int64_t j = 0; j < m; j++) v[j] = (double)m / q * (e ? 1 / (x[j] + 0.0) : x[j]);
    return step_up(cx, v, m, keep, kept);
}

cull_status cull_fdr_bh(cull_ctx *cx, const double *p, int64_t m, double q, uint8_t *keep,
                        int64_t *kept, double *threshold)
{
    CULL_TRY(cull__conform_rows_fit(cx, "p-values", m, 0));
    CULL_TRY(cull__conform_level_fit(cx, "the false discovery rate q", q));
    for (int64_t j = 0; j < m; j++)
        if (!(p[j] >= 0 && p[j] <= 1))
            return cull__fail(cx, CULL_EINPUT, "p-value %lld is %g; it must lie in [0, 1]",
                              (long long)j, p[j]);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = rejected(cx, p, m, q, false, keep, kept);
    cull__release(cx, mark);
    if (s == CULL_OK && threshold) *threshold = m ? q * (double)*kept / (double)m : 0;
    return s;
}

cull_status cull_fdr_ebh(cull_ctx *cx, const double *e, int64_t m, double q, uint8_t *keep,
                         int64_t *kept, double *threshold)
{
    CULL_TRY(cull__conform_rows_fit(cx, "e-values", m, 0));
    CULL_TRY(cull__conform_level_fit(cx, "the false discovery rate q", q));
    for (int64_t j = 0; j < m; j++)
        if (!(e[j] >= 0))
            return cull__fail(cx, CULL_EINPUT, "e-value %lld is %g; it must be 0 or more",
                              (long long)j, e[j]);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = rejected(cx, e, m, q, true, keep, kept);
    cull__release(cx, mark);
    if (s == CULL_OK && threshold) *threshold = *kept ? (double)m / (q * (double)*kept) : INFINITY;
    return s;
}
