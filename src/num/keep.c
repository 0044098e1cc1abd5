/* keep.c - candidates for the k best, see keep.h. A buffer of 2k is filled, then cut: so a row costs
 * O(1) on average, and no order among candidates is kept. */
#include "num/keep.h"

int64_t cull__keep_cap(int64_t n, int64_t k)
{
    int64_t real = k < n ? k : n; /* no query finds more */
    return n - real < real + 64 ? n : 2 * real + 64;
}

cull_status cull__keep_new(cull_ctx *cx, int64_t m, int64_t n, int64_t d, int64_t k,
                           cull__exact_fn *exact, const void *arg, cull__keep *out)
{
    *out = (cull__keep){.k = k, .cap = cull__keep_cap(n, k), .exact = exact, .arg = arg};
    CULL_TRY(CULL_TMP(cx, out->n, m));
    CULL_TRY(CULL_TMP(cx, out->above, m));
    CULL_TRY(CULL_TMP(cx, out->cand, m * out->cap));
    CULL_TRY(CULL_TMP(cx, out->lows, out->cap));
    CULL_TRY(CULL_TMP(cx, out->rank, out->cap));
    CULL_TRY(CULL_TMP(cx, out->row, d));
    cull__keep_none(out, m);
    return CULL_OK;
}

double cull__keep_bytes(int64_t m, int64_t n, int64_t d, int64_t k)
{
    double cap = (double)cull__keep_cap(n, k);
    return (double)m * (12 + cap * (double)sizeof(cull__candidate)) +
           cap * (double)(sizeof(float) + sizeof(cull__ranked)) + 4 * (double)d;
}

void cull__keep_none(cull__keep *w, int64_t m)
{
    for (int64_t q = 0; q < m; q++) w->n[q] = 0, w->above[q] = -INFINITY;
}

static void cut_exact(cull__keep *w, int64_t q)
{
    cull__candidate *c = w->cand + q * w->cap;
    int64_t n = w->n[q];
    float least = INFINITY, low, up;
    for (int64_t i = 0; i < n; i++)
        w->rank[i] = (cull__ranked){w->exact(w->arg, q, c[i].row, w->row, &low, &up), c[i].row};
    cull__rank_top(w->rank, n, w->k);
    for (int64_t i = 0; i < w->k; i++) {
        c[i].row = w->rank[i].i;
        w->exact(w->arg, q, c[i].row, w->row, &c[i].low, &c[i].up);
        if (c[i].low < least) least = c[i].low;
    }
    w->n[q] = w->k;
    w->above[q] = least;
}

void cull__keep_cut(cull__keep *w, int64_t q)
{
    cull__candidate *c = w->cand + q * w->cap;
    int64_t n = w->n[q], kept = 0;
    for (int64_t i = 0; i < n; i++) w->lows[i] = c[i].low;
    float t = cull__kth_largest(w->lows, n, w->k);
    for (int64_t i = 0; i < n; i++)
        if (c[i].up >= t) c[kept++] = c[i];
    w->n[q] = kept;
    w->above[q] = t;
    if (kept > w->k + (w->cap - w->k) / 2) cut_exact(w, q);
}
