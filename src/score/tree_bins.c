/* tree_bins.c - columns as bytes: values become codes in their order, fewer than 64 of them. */
#include "score/trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = CULL__BINS - 1, SAMPLE = 1 << 14, BLOCK = 256, CHUNKS = 16, LEAST = 16 };

struct binning {
    const cull_pool *x;
    const int32_t *levels;
    cull__binned *out;
};

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The largest value of each bin, of v[0..n) ascending; returns how many bins. */
static int cuts_of(const float *v, int64_t n, float *cut)
{
    int64_t kinds = n > 0;
    for (int64_t i = 1; i < n; i++) kinds += v[i] != v[i - 1];
    int bins = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i + 1 < n && v[i + 1] == v[i]) continue;
        bool full = kinds <= MOST || (i + 1) * MOST >= (bins + 1) * n;
        if (full || i + 1 == n) cut[bins++] = v[i];
    }
    return bins;
}

/* Codes of one numeric column v[0..n); buf has room for SAMPLE + 2. */
static void number_codes(const float *v, int64_t n, float *buf, uint8_t *code)
{
    int64_t m = 0, step = (n + SAMPLE - 1) / SAMPLE;
    float lo = INFINITY, hi = -INFINITY, cut[CULL__BINS];
    for (int64_t i = 0; i < n; i++) {
        if (isnan(v[i])) continue;
        lo = v[i] < lo ? v[i] : lo, hi = v[i] > hi ? v[i] : hi;
        if (i % step == 0) buf[m++] = v[i];
    }
    if (step > 1 && lo <= hi) buf[m++] = lo, buf[m++] = hi; /* a rare value is still a value */
    qsort(buf, (size_t)m, sizeof *buf, by_value);
    int bins = cuts_of(buf, m, cut);
    for (int64_t i = 0; i < n; i++) {
        int a = 0, b = bins - 1; /* the first bin whose largest is not below the value */
        while (a < b) {
            int mid = (a + b) / 2;
            if (v[i] <= cut[mid])
                b = mid;
            else
                a = mid + 1;
        }
        code[i] = isnan(v[i]) ? CULL__MISSING : (uint8_t)a;
    }
}

/* Of more categories than codes the commonest stay apart; ties by code. */
static cull_status name_codes(cull_ctx *cx, const float *v, int64_t n, int32_t levels,
                              uint8_t *code)
{
    if (levels <= MOST) {
        for (int64_t i = 0; i < n; i++) code[i] = isnan(v[i]) ? CULL__MISSING : (uint8_t)v[i];
        return CULL_OK;
    }
    int64_t *count;
    uint8_t *to;
    CULL_TRY(CULL_TMP0(cx, count, levels));
    CULL_TRY(CULL_TMP(cx, to, levels));
    memset(to, MOST - 1, (size_t)levels);
    for (int64_t i = 0; i < n; i++)
        if (!isnan(v[i])) count[(int32_t)v[i]]++;
    for (int k = 0; k < MOST - 1; k++) {
        int32_t best = 0;
        for (int32_t l = 1; l < levels; l++)
            if (count[l] > count[best]) best = l;
        if (count[best] < 1) break;
        count[best] = -1, to[best] = (uint8_t)k;
    }
    for (int64_t i = 0; i < n; i++) code[i] = isnan(v[i]) ? CULL__MISSING : to[(int32_t)v[i]];
    return CULL_OK;
}

static cull_status bin_columns(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    const struct binning *a = arg;
    int64_t n = a->out->n, d = a->out->d, w = hi - lo;
    float *v, *rows, *buf;
    CULL_TRY(CULL_TMP(cx, v, w * n));
    CULL_TRY(CULL_TMP(cx, rows, BLOCK * d));
    CULL_TRY(CULL_TMP(cx, buf, SAMPLE + 2));
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t end = at + BLOCK < n ? at + BLOCK : n;
        const float *x = cull_pool_rows(a->x, at, end, rows);
        for (int64_t i = at; i < end; i++, x += d)
            for (int64_t c = 0; c < w; c++) v[c * n + i] = x[lo + c];
    }
    for (int64_t c = lo; c < hi; c++) {
        int32_t levels = a->levels ? a->levels[c] : 0;
        uint8_t *code = a->out->code + c * n;
        cull__mark_t mark = cull__mark(cx);
        if (levels)
            CULL_TRY(name_codes(cx, v + (c - lo) * n, n, levels, code));
        else
            number_codes(v + (c - lo) * n, n, buf, code);
        cull__release(cx, mark);
        uint64_t seen = 0;
        for (int64_t i = 0; i < n; i++) seen |= UINT64_C(1) << code[i];
        a->out->codes[c] = seen;
        a->out->named[c] = levels > 0;
    }
    return CULL_OK;
}

static int64_t grain_of(int64_t n, int64_t d)
{
    int64_t grain = (INT64_C(1) << 23) / (n > 0 ? n : 1), most = (d + CHUNKS - 1) / CHUNKS;
    grain = grain < most ? grain : most;
    return grain < LEAST ? LEAST : grain;
}

cull_status cull__tree_bins(cull_ctx *cx, const cull_pool *x, const int32_t *levels,
                            cull__binned *out)
{
    *out = (cull__binned){.n = cull_pool_n(x), .d = cull_pool_d(x)};
    if (out->n > INT32_MAX || out->d > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "trees take at most 2147483647 rows and columns");
    CULL_TRY(CULL_TMP(cx, out->code, out->n * out->d));
    CULL_TRY(CULL_TMP(cx, out->codes, out->d));
    CULL_TRY(CULL_TMP(cx, out->named, out->d));
    return cull__for(cx, out->d, grain_of(out->n, out->d), bin_columns,
                     &(struct binning){x, levels, out});
}

uint64_t cull__tree_bins_bytes(int64_t n, int64_t d, int workers)
{
    int64_t grain = grain_of(n, d), chunks = (d + grain - 1) / grain;
    uint64_t w = (uint64_t)(workers < chunks ? workers : chunks);
    return (uint64_t)n * (uint64_t)d + 9 * (uint64_t)d +
           w * 4 * ((uint64_t)((grain < d ? grain : d) * n + BLOCK * d) + SAMPLE);
}
