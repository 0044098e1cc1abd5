/* order.c - sorting and top-k of doubles with a total order: score descending, then index. */
#include "choose/choose.h"

#include <string.h>

/* Bits whose unsigned order is the descending order of v; -0 and 0 are one. */
static uint64_t descending(double v)
{
    uint64_t u;
    v += 0.0;
    memcpy(&u, &v, 8);
    return u >> 63 ? u : ~u & 0x7FFFFFFFFFFFFFFFu;
}

typedef struct {
    uint64_t key;
    int64_t i;
} pair;

/* Stable, so that ties stay in order of index; passes over a byte that all keys share are skipped. */
static void radix(pair *a, pair *b, int64_t n)
{
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t count[257] = {0};
        for (int64_t i = 0; i < n; i++) count[(a[i].key >> shift & 255) + 1]++;
        bool one = false;
        for (int d = 1; d <= 256; d++) one |= count[d] == n;
        if (one) continue;
        for (int d = 1; d <= 256; d++) count[d] += count[d - 1];
        for (int64_t i = 0; i < n; i++) b[count[a[i].key >> shift & 255]++] = a[i];
        memcpy(a, b, (size_t)n * sizeof *a);
    }
}

cull_status cull__order(cull_ctx *cx, const double *score, int64_t n, int64_t *order)
{
    cull__mark_t m = cull__mark(cx);
    pair *a, *b;
    CULL_TRY(CULL_TMP(cx, a, n));
    CULL_TRY(CULL_TMP(cx, b, n));
    for (int64_t i = 0; i < n; i++) a[i] = (pair){descending(score[i]), i};
    radix(a, b, n);
    for (int64_t i = 0; i < n; i++) order[i] = a[i].i;
    cull__release(cx, m);
    return CULL_OK;
}

static bool before(pair a, pair b) { return a.key < b.key || (a.key == b.key && a.i < b.i); }

/* heap[0] is the worst kept */
static void sift(pair *heap, int64_t k, pair v)
{
    int64_t p = 0;
    for (;;) {
        int64_t c = 2 * p + 1;
        if (c >= k) break;
        if (c + 1 < k && before(heap[c], heap[c + 1])) c++;
        if (!before(v, heap[c])) break;
        heap[p] = heap[c];
        p = c;
    }
    heap[p] = v;
}

cull_status cull__topk(cull_ctx *cx, const double *score, int64_t n, int64_t k, int64_t *idx)
{
    if (k <= 0) return CULL_OK;
    cull__mark_t m = cull__mark(cx);
    pair *heap, *spare;
    CULL_TRY(CULL_TMP(cx, heap, k));
    CULL_TRY(CULL_TMP(cx, spare, k));
    for (int64_t i = 0; i < k; i++) heap[i] = (pair){UINT64_MAX, INT64_MAX};
    for (int64_t i = 0; i < n; i++) {
        pair v = {descending(score[i]), i};
        if (before(v, heap[0])) sift(heap, k, v);
    }
    /* index order first, so that the stable sort by key leaves ties by index */
    for (int64_t i = 0; i < k; i++) spare[i] = (pair){(uint64_t)heap[i].i, (int64_t)heap[i].key};
    radix(spare, heap, k);
    for (int64_t i = 0; i < k; i++) spare[i] = (pair){(uint64_t)spare[i].i, (int64_t)spare[i].key};
    radix(spare, heap, k);
    for (int64_t i = 0; i < k; i++) idx[i] = spare[i].i;
    cull__release(cx, m);
    return CULL_OK;
}
