/* spectral.c - groups of a few things by how alike they are: see spectral.h. */
#include "num/spectral.h"
#include "num/num.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Groups numbered in the order of their lowest members. */
static void renumber(int32_t *group, int64_t n, int32_t *name, int64_t k)
{
    int32_t next = 0;
    for (int64_t g = 0; g < k; g++) name[g] = -1;
    for (int64_t i = 0; i < n; i++) {
        if (name[group[i]] < 0) name[group[i]] = next++;
        group[i] = name[group[i]];
    }
}

static cull_status check(cull_ctx *cx, const double *s, int64_t n, int64_t k)
{
    if (n < 1 || n > CULL__SPECTRAL_MOST || k < 1 || k > n)
        return cull__fail(
            cx, CULL_EOPTION,
            "%" PRId64 " groups of %" PRId64 " things; there can be 1 to %" PRId64 " of at most %d",
            k, n, n < CULL__SPECTRAL_MOST ? n : CULL__SPECTRAL_MOST, CULL__SPECTRAL_MOST);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            if (i != j &&
                (!(s[i * n + j] >= 0) || !isfinite(s[i * n + j]) || s[i * n + j] != s[j * n + i]))
                return cull__fail(cx, CULL_EINPUT,
                                  "the likeness of things %" PRId64 " and %" PRId64
                                  " is not a number from 0 up that is the same both ways",
                                  i, j);
    return CULL_OK;
}

/* Row i of out (n, k): where thing i stands among the first k eigenvectors, at length 1. */
static cull_status embed(cull_ctx *cx, const double *s, int64_t n, int64_t k, float *out)
{
    double *a, *value, *vector, *root;
    CULL_TRY(CULL_TMP(cx, a, n * n));
    CULL_TRY(CULL_TMP(cx, value, n));
    CULL_TRY(CULL_TMP(cx, vector, n * n));
    CULL_TRY(CULL_TMP(cx, root, n));
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++) sum += i == j ? 0 : s[i * n + j];
        root[i] = sum > 0 ? 1 / sqrt(sum) : 0;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            a[i * n + j] = i == j ? 0 : root[i] * root[j] * s[i * n + j];
    CULL_TRY(cull__eigh(cx, a, n, value, vector));
    for (int64_t i = 0; i < n; i++) {
        double length = 0;
        for (int64_t c = 0; c < k; c++) length += vector[c * n + i] * vector[c * n + i];
        double by = length > 0 ? 1 / sqrt(length) : 0;
        for (int64_t c = 0; c < k; c++) out[i * k + c] = (float)(vector[c * n + i] * by);
    }
    return CULL_OK;
}

/* A group without a member takes the lowest one of a group that has more. */
static void fill(int32_t *group, int64_t n, int64_t *count, int64_t k)
{
    for (int64_t g = 0; g < k; g++)
        for (int64_t i = n - 1; i >= 0 && count[g] == 0; i--)
            if (count[group[i]] > 1) {
                count[group[i]]--;
                group[i] = (int32_t)g, count[g] = 1;
            }
}

cull_status cull__spectral(cull_ctx *cx, const double *likeness, int64_t n, int64_t k, int restarts,
                           int32_t *group)
{
    float *at, *centroid;
    int64_t *count;
    int32_t *name;
    cull_pool *p = NULL;
    double objective;
    CULL_TRY(check(cx, likeness, n, k));
    if (k == n || k == 1) {
        for (int64_t i = 0; i < n; i++) group[i] = k == 1 ? 0 : (int32_t)i;
        return CULL_OK;
    }
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, at, n * k));
    CULL_TRY(CULL_TMP(cx, centroid, k * k));
    CULL_TRY(CULL_TMP(cx, count, k));
    CULL_TRY(CULL_TMP(cx, name, k));
    CULL_TRY(embed(cx, likeness, n, k, at));
    CULL_TRY(cull_pool_from(cx, at, CULL_F32, n, k, &p));
    const cull__kmeans_opts o = {.k = k, .iterations = 100, .restarts = restarts};
    cull_status s = cull__kmeans(cx, p, &o, centroid, group, count, &objective);
    cull_pool_free(p);
    CULL_TRY(s);
    fill(group, n, count, k);
    renumber(group, n, name, k);
    cull__release(cx, mark);
    return CULL_OK;
}
