/* packed_read.c - any stretch of a packed tensor as it was; what its parts say is not trusted. */
#include "repr/packed.h"

#include <string.h>

typedef struct {
    int64_t from, to; /* numbers that are wanted */
    uint8_t *out;
} want;

static int64_t load64(const uint8_t *at)
{
    int64_t v;
    memcpy(&v, at, 8);
    return v;
}

static cull_status damaged(cull_ctx *cx, const cull__packed *p, const char *part, int64_t from,
                           int64_t to)
{
    return cull__fail(cx, CULL_EIO,
                      "%s: %s and values do not agree about numbers %lld to %lld; the file is "
                      "damaged",
                      p->name, part, (long long)from, (long long)to - 1);
}

static void put(const want *w, int64_t at, const uint8_t *value, int size)
{
    if (at < w->from || at >= w->to) return;
    uint8_t *out = w->out + (at - w->from) * size;
    switch (size) {
    case 1: memcpy(out, value, 1); break;
    case 2: memcpy(out, value, 2); break;
    case 4: memcpy(out, value, 4); break;
    default: memcpy(out, value, 8); break;
    }
}

static cull_status read_bitmask(cull_ctx *cx, const cull__packed *p, int64_t s, int64_t lo,
                                int64_t hi, const want *w)
{
    const uint8_t *bytes = p->part[1] + lo / 8;
    int64_t first = load64(p->part[2] + 8 * s), last = load64(p->part[2] + 8 * s + 8);
    int64_t at = first, count = (hi - lo) / 8 + ((hi - lo) % 8 > 0), size = p->form.size;
    uint64_t bits[CULL__SEGMENT / 64] = {0};
    memcpy(bits, bytes, (size_t)count);
    int64_t ones = 0, words = (count + 7) / 8;
    for (int64_t k = 0; k < words; k++) ones += __builtin_popcountll(bits[k]);
    bool behind = (hi - lo) % 8 && bytes[count - 1] >> (hi - lo) % 8;
    if (first < 0 || first > last || last > p->form.values || last - first != ones || behind)
        return damaged(cx, p, "bitmask", lo, hi);
    for (int64_t k = 0; k < words && lo + 64 * k < w->to; k++) {
        if (lo + 64 * k + 64 <= w->from) {
            at += __builtin_popcountll(bits[k]);
            continue;
        }
        for (uint64_t left = bits[k]; left; left &= left - 1, at++)
            put(w, lo + 64 * k + __builtin_ctzll(left), p->part[0] + at * size, (int)size);
    }
    return CULL_OK;
}

static cull_status read_gaps(cull_ctx *cx, const cull__packed *p, int64_t s, int64_t lo, int64_t hi,
                             const want *w)
{
    const uint8_t *starts = p->part[2] + 16 * s;
    int64_t value = load64(starts), gap = load64(starts + 8), at = lo;
    int64_t values = load64(starts + 16), gaps = load64(starts + 24), size = p->form.size;
    if (value < 0 || value > values || values > p->form.values || gap < 0 || gap > gaps ||
        gaps > p->form.gaps)
        return damaged(cx, p, "gaps", lo, hi);
    for (; gap < gaps; gap++) {
        at += p->part[1][gap];
        if (p->part[1][gap] == 255) continue;
        if (at >= hi || value == values) return damaged(cx, p, "gaps", lo, hi);
        put(w, at++, p->part[0] + value++ * size, (int)size);
    }
    return value == values ? CULL_OK : damaged(cx, p, "gaps", lo, hi);
}

static int64_t column(const cull__packed *p, int64_t k)
{
    if (p->form.cols <= 65536) {
        uint16_t v;
        memcpy(&v, p->part[1] + 2 * k, 2);
        return v;
    }
    int32_t v;
    memcpy(&v, p->part[1] + 4 * k, 4);
    return v;
}

static cull_status read_row(cull_ctx *cx, const cull__packed *p, int64_t r, int64_t lo, int64_t hi,
                            const want *w)
{
    int64_t k = load64(p->part[2] + 8 * r), end = load64(p->part[2] + 8 * r + 8);
    if (k < 0 || k > end || end > p->form.values) return damaged(cx, p, "offsets", lo, hi);
    for (int64_t last = end; k < last;) { /* the first that is wanted */
        int64_t mid = k + (last - k) / 2;
        if (lo + column(p, mid) < w->from)
            k = mid + 1;
        else
            last = mid;
    }
    for (int64_t before = -1, col; k < end; k++, before = col) {
        col = column(p, k);
        if (col <= before || col >= p->form.cols) return damaged(cx, p, "columns", lo, hi);
        if (lo + col >= w->to) break;
        put(w, lo + col, p->part[0] + k * p->form.size, p->form.size);
    }
    return CULL_OK;
}

static cull_status read_2_4(cull_ctx *cx, const cull__packed *p, const want *w)
{
    int size = p->form.size;
    for (int64_t g = w->from / 4; g * 4 < w->to; g++) {
        int two = p->part[1][g / 2] >> g % 2 * 4 & 15, i = two & 3, j = two >> 2;
        if (i >= j) return damaged(cx, p, "indices", 4 * g, 4 * g + 4);
        put(w, 4 * g + i, p->part[0] + 2 * g * size, size);
        put(w, 4 * g + j, p->part[0] + (2 * g + 1) * size, size);
    }
    return CULL_OK;
}

/* ---- sums ---- */

/* Which value is the first at number `at` or behind it; -1: offsets are damaged. */
static int64_t csr_value(const cull__packed *p, int64_t at)
{
    if (at == p->form.n) return p->form.values;
    int64_t r = at / p->form.cols;
    int64_t k = load64(p->part[2] + 8 * r), end = load64(p->part[2] + 8 * r + 8);
    if (k < 0 || k > end || end > p->form.values) return -1;
    while (k < end) {
        int64_t mid = k + (end - k) / 2;
        if (column(p, mid) < at % p->form.cols)
            k = mid + 1;
        else
            end = mid;
    }
    return k;
}

/* Items [from, to) of part k. */
typedef struct {
    int64_t from, to;
} span;

/* What a segment, numbers [lo, hi), has in each part. False where that cannot be. */
static bool spans_of(const cull__packed *p, int64_t s, int64_t lo, int64_t hi,
                     span at[CULL__PACK_PARTS])
{
    const cull__pack_form *f = &p->form;
    at[0] = (span){lo / 2, hi / 2};
    at[1] = (span){lo / 8, hi / 8 + (hi % 8 > 0)};
    if (f->how == CULL__PACKING_BITMASK) {
        const uint8_t *starts = p->part[2] + 8 * s;
        at[0] = (span){load64(starts), load64(starts + 8)};
    } else if (f->how == CULL__PACKING_GAPS) {
        const uint8_t *starts = p->part[2] + 16 * s;
        at[0] = (span){load64(starts), load64(starts + 16)};
        at[1] = (span){load64(starts + 8), load64(starts + 24)};
        if (at[1].from < 0 || at[1].from > at[1].to || at[1].to > f->gaps) return false;
    } else if (f->how == CULL__PACKING_CSR) {
        at[0] = at[1] = (span){csr_value(p, lo), csr_value(p, hi)};
        at[2] = (span){(lo + f->cols - 1) / f->cols, (hi + f->cols - 1) / f->cols + (hi == f->n)};
    }
    return at[0].from >= 0 && at[0].from <= at[0].to && at[0].to <= f->values;
}

static cull_status check_sum(cull_ctx *cx, const cull__packed *p, int64_t s)
{
    int64_t lo = s * CULL__SEGMENT, hi = lo + CULL__SEGMENT;
    cull__pack_part part[CULL__PACK_PARTS];
    const uint8_t *at[CULL__PACK_PARTS];
    uint64_t len[CULL__PACK_PARTS];
    span of[CULL__PACK_PARTS] = {{0, 0}};
    int sums = cull__pack_parts(&p->form, part) - 1;
    if (hi > p->form.n) hi = p->form.n;
    if (!spans_of(p, s, lo, hi, of)) return damaged(cx, p, part[sums - 1].suffix, lo, hi);
    for (int k = 0; k < sums; k++) {
        at[k] = p->part[k] + of[k].from * part[k].width;
        len[k] = (uint64_t)((of[k].to - of[k].from) * part[k].width);
    }
    if (cull__pack_sum(&p->form, at, len) == (uint64_t)load64(p->part[sums] + 8 * s))
        return CULL_OK;
    return damaged(cx, p, "sums", lo, hi);
}

cull_status cull__packed_read(cull_ctx *cx, const cull__packed *p, int64_t from, int64_t n,
                              void *out)
{
    const cull__pack_form *f = &p->form;
    want w = {from, from + n, out};
    if (n <= 0) return CULL_OK;
    for (int64_t s = cull__segments(from); f->sums && s * CULL__SEGMENT < w.to; s++)
        CULL_TRY(check_sum(cx, p, s));
    memset(out, 0, (size_t)(n * f->size));
    if (f->how == CULL__PACKING_2_4) return read_2_4(cx, p, &w);
    int64_t step = f->how == CULL__PACKING_CSR ? f->cols : CULL__SEGMENT;
    for (int64_t s = from / step; s * step < w.to; s++) {
        int64_t lo = s * step, hi = f->n - lo < step ? f->n : lo + step;
        if (f->how == CULL__PACKING_BITMASK)
            CULL_TRY(read_bitmask(cx, p, s, lo, hi, &w));
        else if (f->how == CULL__PACKING_GAPS)
            CULL_TRY(read_gaps(cx, p, s, lo, hi, &w));
        else
            CULL_TRY(read_row(cx, p, s, lo, hi, &w));
    }
    return CULL_OK;
}
