/* lists.c - rows of a pool in lists, and the nearest rows within some of the lists (an inverted file:
 * Sivic and Zisserman 2003; Jegou, Douze and Schmid 2011, section IV).
 *
 * Which lists are looked into depends on the list that a row is in, not on the row: all rows of a list
 * then meet the same candidates, in products of matrices. Within those lists the answer is exact: the
 * product only sorts out rows whose interval around it (block.h: the bound) cannot reach the k best, and
 * who is left is scored by canonical f64 sums. Since k-means assigns by canonical scores too, no bit of
 * the answer depends on block shape, threads or instruction set.
 *
 * In the product rows are unit vectors (cosine), or multiplied by one power of two, so that the longest has
 * a length in [1/2, 1] and nothing overflows; by distance it is x.q - |x|^2/2, which has its order. */
#include "num/graph.h"
#include "num/keep.h"

#include <string.h>

enum { BX = 512, MOST = 512, GRAIN = 1024 };

/* ---- the lists ---- */

static cull_status norms(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    cull__lists *l = arg;
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, l->d));
    for (int64_t i = lo; i < hi; i++) {
        const float *x = cull_pool_rows(l->p, i, i + 1, buf);
        l->norm[i] = sqrt(l->kern->dot(x, x, l->d));
    }
    return CULL_OK;
}

/* From l->list to the rows of each list, ascending. */
static void sort_in(cull__lists *l)
{
    memset(l->begin, 0, (size_t)(l->lists + 1) * sizeof *l->begin);
    memset(l->has, 0, (size_t)l->lists * sizeof *l->has);
    for (int64_t i = 0; i < l->n; i++) {
        l->begin[l->list[i] + 1]++;
        if (!l->skip || !l->skip[i]) l->has[l->list[i]]++, l->open++;
    }
    for (int64_t a = 0; a < l->lists; a++) l->begin[a + 1] += l->begin[a];
    for (int64_t i = 0; i < l->n; i++) l->row[l->begin[l->list[i]]++] = (int32_t)i;
    for (int64_t a = l->lists; a > 0; a--) l->begin[a] = l->begin[a - 1];
    l->begin[0] = 0;
}

static cull__kmeans_opts clusters(cull__alike rule, int64_t lists)
{
    return (cull__kmeans_opts){.k = lists,
                               .iterations = 8,
                               .batch = 32 * lists,
                               .sampled = true,
                               .spherical = rule.rule == CULL__COSINE};
}

cull_status cull__lists_new(cull_ctx *cx, const cull_pool *p, cull__alike rule, const uint8_t *skip,
                            int64_t k, int64_t lists, cull__lists *l)
{
    double top = 0, v;
    *l = (cull__lists){.p = p, .kern = cull__kernels(cx), .rule = rule, .skip = skip, .k = k};
    l->n = cull_pool_n(p);
    l->d = cull_pool_d(p);
    l->lists = lists;
    l->e = cull__dot_bound(l->d);
    CULL_TRY(CULL_TMP(cx, l->norm, l->n));
    CULL_TRY(CULL_TMP0(cx, l->c, lists * l->d));
    CULL_TRY(CULL_TMP(cx, l->begin, lists + 1));
    CULL_TRY(CULL_TMP(cx, l->has, lists));
    CULL_TRY(CULL_TMP(cx, l->row, l->n));
    CULL_TRY(CULL_TMP0(cx, l->list, l->n));
    CULL_TRY(cull__for(cx, l->n, GRAIN, norms, l));
    for (int64_t i = 0; i < l->n; i++) top = fmax(top, l->norm[i]);
    l->scale = top > 0 ? ldexp(1, -ilogb(top) - 1) : 1;
    if (lists > 1) {
        cull__mark_t mark = cull__mark(cx);
        cull__kmeans_opts o = clusters(rule, lists);
        int64_t *count;
        CULL_TRY(CULL_TMP(cx, count, lists));
        CULL_TRY(cull__kmeans(cx, p, &o, l->c, l->list, count, &v));
        cull__release(cx, mark);
    }
    sort_in(l);
    return CULL_OK;
}

void cull__lists_order(const cull__lists *l, int64_t from, cull__ranked *order)
{
    const float *c = l->c + from * l->d;
    for (int64_t a = 0; a < l->lists; a++) {
        const float *to = l->c + a * l->d;
        double v =
            l->rule.rule == CULL__RBF ? -l->kern->dist2(c, to, l->d) : l->kern->dot(c, to, l->d);
        order[a] = (cull__ranked){v, a};
    }
    cull__rank_sort(order, l->lists);
}

int64_t cull__lists_least(const cull__lists *l, const cull__ranked *order)
{
    int64_t rows = 0, least = 0, want = l->k < l->open ? l->k : l->open;
    do rows += l->has[order[least++].i];
    while (rows < want);
    return least;
}

/* ---- the search ---- */

typedef struct {
    const cull__lists *l;
    const int32_t *query;
    int64_t m, n; /* queries; rows of the block */
    cull__keep keep;
    cull__gemm g;
    float *q, *x, *s, *half,
        *buf;          /* (MOST, d), (BX, d), (MOST, BX); BX: what the product is lessened by */
    int32_t *row, *at; /* BX */
    double top;        /* the longest of x */
    cull__ranked *order, *rank;
    int64_t ordered; /* the list that `order` begins at */
} search;

/* By distance: less is nearer. */
static double score_of(const cull__lists *l, int64_t q, int64_t row, const float *xq,
                       const float *x)
{
    if (l->rule.rule == CULL__RBF) return -l->kern->dist2(xq, x, l->d);
    return cull__similarity(l->kern, l->rule.rule == CULL__COSINE, x, l->norm[row], xq, l->norm[q],
                            l->d);
}

static float told(const cull__lists *l, double score)
{
    if (l->rule.rule != CULL__RBF) return (float)score;
    return (float)(l->rule.gamma > 0 ? exp(l->rule.gamma * score) : -score);
}

static double exact(const void *arg, int64_t q, int64_t row, float *buf, float *low, float *up)
{
    const search *w = arg;
    const cull__lists *l = w->l;
    int64_t i = w->query[q];
    const float *xq = cull_pool_rows(l->p, i, i + 1, w->buf);
    double v = score_of(l, i, row, xq, cull_pool_rows(l->p, row, row + 1, buf));
    double as = v, slack = 0, nq = l->norm[i] * l->scale;
    if (l->rule.rule != CULL__COSINE) as *= l->scale * l->scale;
    if (l->rule.rule == CULL__RBF) {
        slack = 0x1p-40 * (nq * nq - as);
        as = (nq * nq + as) / 2;
    }
    *low = nextafterf((float)(as - slack), -INFINITY);
    *up = nextafterf((float)(as + slack), INFINITY);
    return v;
}

/* Row i as the product wants it; its length there. */
static double load(const cull__lists *l, int64_t i, float *buf, float *to)
{
    const float *x = cull_pool_rows(l->p, i, i + 1, buf);
    double by = l->scale;
    if (l->rule.rule == CULL__COSINE) by = l->norm[i] > 0 ? 1 / l->norm[i] : 0;
    l->kern->scale(to, x, by, l->d);
    return l->norm[i] * by;
}

/* The error of a product of rows of such lengths, and of what is taken from it. A little more than the
 * bound, so that a row whose score is the threshold itself is not left out. */
static float error_of(const cull__lists *l, double nq, double nx)
{
    double e = 1.001 * l->e * nq * nx + 0x1p-100;
    if (l->rule.rule == CULL__RBF) e += 0x1p-22 * (nq * nx + nx * nx) + 0x1p-40 * nq * nq;
    return (float)e;
}

static void block(search *w)
{
    const cull__lists *l = w->l;
    if (w->n) cull__scores(l->kern, &w->g, w->m, w->n, w->q, w->x, w->s);
    for (int64_t i = 0; i < w->m; i++) {
        const float *s = w->s + i * w->n;
        bool unit = l->rule.rule == CULL__COSINE;
        float err = error_of(l, unit ? 1 : l->norm[w->query[i]] * l->scale, unit ? 1 : w->top);
        float above = w->keep.above[i] - err;
        int64_t hits = l->kern->scan_sub(s, w->half, w->n, above, w->at);
        for (int64_t h = 0; h < hits; h++) {
            int32_t r = w->at[h];
            float v = s[r] - w->half[r];
            cull__keep_add(&w->keep, i, v - err, v + err, w->row[r]);
        }
        if (hits) cull__keep_added(&w->keep, i);
    }
    w->n = 0;
    w->top = 0;
}

static void look_at(search *w, int64_t i)
{
    const cull__lists *l = w->l;
    if (l->skip && l->skip[i]) return;
    double nx = load(l, i, w->buf, w->x + w->n * l->d);
    w->half[w->n] = l->rule.rule == CULL__RBF ? (float)(nx * nx / 2) : 0;
    w->row[w->n++] = (int32_t)i;
    if (nx > w->top) w->top = nx;
    if (w->n == BX) block(w);
}

/* At the rows of the nearest lists; at all rows as they lie where that is all lists. */
static void look(search *w, int64_t from, int64_t probe)
{
    const cull__lists *l = w->l;
    for (int64_t i = 0; probe >= l->lists && i < l->n; i++) look_at(w, i);
    if (probe < l->lists) {
        if (from != w->ordered) cull__lists_order(l, from, w->order);
        w->ordered = from;
        int64_t least = cull__lists_least(l, w->order);
        for (int64_t a = 0; a < probe || a < least; a++) {
            int64_t list = w->order[a].i;
            for (int64_t t = l->begin[list]; t < l->begin[list + 1]; t++) look_at(w, l->row[t]);
        }
    }
    block(w);
}

static void finish(search *w, int64_t i, int32_t *who, float *how, int64_t *found)
{
    const cull__lists *l = w->l;
    const cull__candidate *c = w->keep.cand + i * w->keep.cap;
    float *xq = w->x; /* the block is done with */
    int64_t k = l->k, n;
    if (w->keep.n[i] > k) cull__keep_cut(&w->keep, i);
    n = w->keep.n[i];
    const float *q = cull_pool_rows(l->p, w->query[i], w->query[i] + 1, xq);
    for (int64_t t = 0; t < n; t++) {
        const float *x = cull_pool_rows(l->p, c[t].row, c[t].row + 1, w->buf);
        w->rank[t] = (cull__ranked){score_of(l, w->query[i], c[t].row, q, x), c[t].row};
    }
    int64_t keep = n < k ? n : k;
    cull__rank_top(w->rank, n, keep);
    cull__rank_sort(w->rank, keep);
    for (int64_t t = 0; t < k; t++) {
        who[t] = t < keep ? (int32_t)w->rank[t].i : -1;
        how[t] = t < keep ? told(l, w->rank[t].v) : 0;
    }
    *found = keep;
}

/* Queries at once: fewer where each has many candidates. */
static int64_t most_of(int64_t n, int64_t k)
{
    double each = (double)cull__keep_cap(n, k) * (double)sizeof(cull__candidate);
    double most = 0x1p26 / each;
    return most > MOST ? MOST : most < 1 ? 1 : (int64_t)most;
}

static cull_status search_new(cull_ctx *cx, const cull__lists *l, int64_t most, search *w)
{
    *w = (search){.l = l, .ordered = -1};
    CULL_TRY(cull__keep_new(cx, most, l->n, l->d, l->k, exact, w, &w->keep));
    CULL_TRY(CULL_TMP(cx, w->q, most * l->d));
    CULL_TRY(CULL_TMP(cx, w->x, BX * l->d));
    CULL_TRY(CULL_TMP(cx, w->s, most * BX));
    CULL_TRY(CULL_TMP(cx, w->half, BX));
    CULL_TRY(CULL_TMP(cx, w->row, BX));
    CULL_TRY(CULL_TMP(cx, w->at, BX));
    CULL_TRY(CULL_TMP(cx, w->buf, l->d));
    CULL_TRY(CULL_TMP(cx, w->order, l->lists));
    CULL_TRY(CULL_TMP(cx, w->rank, w->keep.cap));
    return cull__gemm_open(cx, most, BX, l->d, &w->g);
}

cull_status cull__lists_near(cull_ctx *cx, const cull__lists *l, const int32_t *query, int64_t m,
                             int64_t probe, int32_t *who, float *how, int64_t *found)
{
    cull__mark_t mark = cull__mark(cx);
    search w;
    int64_t most = most_of(l->n, l->k);
    if (most > m) most = m;
    if (m < 1) return CULL_OK;
    CULL_TRY(search_new(cx, l, most, &w));
    for (int64_t lo = 0, hi; lo < m; lo = hi) {
        int64_t from = l->list[query[lo]];
        for (hi = lo; hi < m && hi - lo < most; hi++) {
            if (probe < l->lists && l->list[query[hi]] != from) break;
            load(l, query[hi], w.buf, w.q + (hi - lo) * l->d);
        }
        w.query = query + lo;
        w.m = hi - lo;
        cull__keep_none(&w.keep, w.m);
        look(&w, from, probe);
        for (int64_t i = 0; i < w.m; i++)
            finish(&w, i, who + (lo + i) * l->k, how + (lo + i) * l->k, found + lo + i);
    }
    cull__gemm_close(&w.g);
    cull__release(cx, mark);
    return CULL_OK;
}

double cull__lists_bytes(int64_t n, int64_t d, cull_dtype dtype, int64_t lists, int workers)
{
    cull__kmeans_opts o = clusters((cull__alike){0, 0}, lists);
    double making = lists > 1 ? (double)cull__kmeans_bytes(n, d, dtype, workers, &o) : 0;
    return 16.0 * (double)n + (double)lists * (4 * (double)d + 24) + making;
}

double cull__lists_near_bytes(int64_t n, int64_t d, int64_t k, int64_t lists)
{
    int64_t most = most_of(n, k);
    return cull__keep_bytes(most, n, d, k) + 16.0 * (double)(cull__keep_cap(n, k) + lists) +
           4.0 * ((double)(most + BX + 1) * (double)d + (double)(most + 3) * BX) +
           cull__gemm_bytes(d) + CULL__ARENA;
}
