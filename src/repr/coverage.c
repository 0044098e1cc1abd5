/* coverage.c - how well some rows of a pool cover a target: of each target row the best cosine
 * similarity to one of them. The rows are taken a block at a time; a maximum does not mind the order. */
#include "num/num.h"

#include <inttypes.h>
#include <string.h>

enum { BLOCK = 4096 };

static cull_status cover(cull_ctx *cx, const cull_pool *p, const int64_t *idx, int64_t k,
                         const cull_pool *target, double *best)
{
    int64_t d = cull_pool_d(p), m = cull_pool_n(target), most = k < BLOCK ? k : BLOCK;
    float *rows;  // (most, d)
    double *here; // (m)
    CULL_TRY(CULL_TMP(cx, rows, most * d));
    CULL_TRY(CULL_TMP(cx, here, m));
    for (int64_t lo = 0; lo < k; lo += BLOCK) {
        int64_t n = k - lo < BLOCK ? k - lo : BLOCK;
        CULL_TRY(cull__tick(cx, (double)lo, (double)k));
        for (int64_t i = 0; i < n; i++) {
            float *to = rows + i * d;
            const float *r = cull_pool_rows(p, idx[lo + i], idx[lo + i] + 1, to);
            if (r != to) memcpy(to, r, (size_t)d * sizeof *to);
        }
        CULL_TRY(cull__pool_best(cx, target, rows, n, true, here, NULL, NULL));
        for (int64_t j = 0; j < m; j++)
            if (lo == 0 || here[j] > best[j]) best[j] = here[j];
    }
    return CULL_OK;
}

cull_status cull_pool_coverage(cull_ctx *cx, const cull_pool *p, const int64_t *idx, int64_t k,
                               const cull_pool *target, double *best)
{
    if (k < 1)
        return cull__fail(cx, CULL_EINPUT, "no row was kept: there is nothing to cover with");
    CULL_TRY(cull_pool_alike(cx, p, target));
    for (int64_t i = 0; i < k; i++)
        if (idx[i] < 0 || idx[i] >= cull_pool_n(p))
            return cull__fail(cx, CULL_EINPUT, "row %" PRId64 " is not in %s, which has %" PRId64,
                              idx[i], cull_pool_name(p), cull_pool_n(p));
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "coverage");
    cull_status s = cover(cx, p, idx, k, target, best);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}
