/* order.c - sorting and top-k of doubles with a total order: score descending, then index. */
#include "choose/choose.h"

#include <string.h>

/* Bits whose unsigned order is the descending order of the score. */
uint64_t cull__rank_key(double score)
{
    uint64_t u;
    score += 0.0; /* -0 becomes 0 */
    memcpy(&u, &score, 8);
    return u >> 63 ? u : ~u & 0x7FFFFFFFFFFFFFFFu;
}

double cull__rank_score(uint64_t key)
{
    double v;
    uint64_t u = key >> 63 ? key : ~key & 0x7FFFFFFFFFFFFFFFu;
    memcpy(&v, &u, 8);
    return v;
}

/* Stable, so that ties stay in order of index; a byte that all keys share costs nothing. Returns
 * which of the two arrays holds the sorted entries. */
static cull__scored *radix(cull__scored *a, cull__scored *b, int64_t n)
{
    int64_t count[8][256] = {{0}};
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < 8; d++) count[d][a[i].key >> 8 * d & 255]++;
    for (int d = 0; d < 8 && n > 0; d++) {
        int64_t *c = count[d], sum = 0;
        if (c[a[0].key >> 8 * d & 255] == n) continue;
        for (int v = 0; v < 256; v++) {
            int64_t here = c[v];
            c[v] = sum;
            sum += here;
        }
        for (int64_t i = 0; i < n; i++) b[c[a[i].key >> 8 * d & 255]++] = a[i];
        cull__scored *t = a;
        a = b;
        b = t;
    }
    return a;
}

cull_status cull__order(cull_ctx *cx, const double *score, int64_t n, int64_t *order)
{
    cull__mark_t m = cull__mark(cx);
    cull__scored *a, *b;
    CULL_TRY(CULL_TMP(cx, a, n));
    CULL_TRY(CULL_TMP(cx, b, n));
    for (int64_t i = 0; i < n; i++) a[i] = (cull__scored){cull__rank_key(score[i]), i};
    a = radix(a, b, n);
    for (int64_t i = 0; i < n; i++) order[i] = a[i].i;
    cull__release(cx, m);
    return CULL_OK;
}

cull_status cull__best_new(cull_ctx *cx, int64_t k, cull__best *b)
{
    if (k < 1) k = 1;
    *b = (cull__best){.k = k, .worst = UINT64_MAX};
    return CULL_TMP(cx, b->at, 2 * k);
}

/* The k-th smallest key of n, and how many of the entries that have it are among the first k. */
static uint64_t select_key(const cull__scored *a, int64_t n, int64_t k, int64_t *ties)
{
    uint64_t prefix = 0, mask = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        int64_t count[256] = {0};
        for (int64_t i = 0; i < n; i++)
            if ((a[i].key & mask) == prefix) count[a[i].key >> shift & 255]++;
        uint64_t d = 0;
        while (k > count[d]) k -= count[d++];
        prefix |= d << shift;
        mask |= (uint64_t)255 << shift;
    }
    *ties = k;
    return prefix;
}

void cull__best_trim(cull__best *b)
{
    if (b->n <= b->k) return;
    int64_t ties, kept = 0;
    b->worst = select_key(b->at, b->n, b->k, &ties);
    for (int64_t i = 0; i < b->n; i++) {
        uint64_t key = b->at[i].key;
        if (key < b->worst || (key == b->worst && ties-- > 0)) b->at[kept++] = b->at[i];
    }
    b->n = kept;
}

void cull__best_end(cull__best *b)
{
    cull__best_trim(b);
    b->at = radix(b->at, b->at + b->k, b->n);
}

cull_status cull__topk(cull_ctx *cx, const double *score, int64_t n, int64_t k, int64_t *idx)
{
    if (k <= 0) return CULL_OK;
    cull__mark_t m = cull__mark(cx);
    cull__best b;
    CULL_TRY(cull__best_new(cx, k, &b));
    for (int64_t i = 0; i < n; i++) cull__best_push(&b, score[i], i);
    cull__best_end(&b);
    for (int64_t i = 0; i < b.n; i++) idx[i] = b.at[i].i;
    cull__release(cx, m);
    return CULL_OK;
}
