/* topk.c - the k best rows of a pool for each query, exact and the same for any number of threads.
 *
 * One pass of blocked products S = Q X^T. Each worker keeps, for each query, rows whose interval
 * [low, up] around the product (block.h: the bound) may still hold one of the k best: a buffer of
 * 2k is filled, then its k-th largest `low` becomes the threshold and what lies below it is dropped.
 * Only products above the threshold are looked at, 32 to a test. Where near-ties alone fill a buffer
 * (copies of one row), they are scored canonically on the spot and cut to k. A worker meets rows in
 * ascending order, so a later row must beat the threshold, not equal it. In the end the workers'
 * buffers are merged, cut at the common threshold, and the finalists scored canonically, a stretch of
 * the pool at a time, in ascending order.
 *
 * Where the processor multiplies bf16 at twice the speed, most products are of rows and queries rounded
 * to it; what the wider bound lets through is multiplied again in f32 while the row is at hand.
 *
 * Queries are brought to unit length for the product in either mode, so the bound is e for cosine and
 * e |x| for the dot product, in which the product and its threshold stand for x.q / |q|. */
#include "num/keep.h"

#include <float.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

enum { BX = 512, TILE = 512, GRAIN_MAX = 8192 };

typedef struct {
    cull__keep keep;
    float *s, *x, *inv;
    uint16_t *x16;
    double rows, start; /* rows seen; and before products in bf16 begin */
    double tried, hits; /* such products, and those that had to be taken again, in a chunk */
    double *norm;
    int32_t *at;
} state; /* of one worker */

typedef struct {
    const cull_pool *p;
    const cull__kern *kern;
    const float *q;   /* (m, d) as given */
    const double *nq; /* their norms */
    const float *qu;  /* (m, d) unit */
    const uint8_t *skip;
    int64_t n, d, m, k, cap, tile, grain;
    int64_t from, to; /* chunks of the pool that this process reads */
    bool unit;
    double e;
    bool narrow;         /* products in bf16 where they pay */
    uint16_t *q16;       /* (tiles * tile, d) of qu, zero past m */
    float *zero;         /* (d) */
    cull__narrowed most; /* of qu */
    state *w;
    /* finalists */
    int64_t *first; /* m + 1: where a query's finalists begin */
    cull__ranked *fin;
    int64_t *order, *bucket; /* finalists by stretch of the pool; where each stretch begins */
    int32_t *whose;
    int64_t *idx, *found;
    double *score;
} job;

static double exact(const void *arg, int64_t q, int64_t row, float *buf, float *low, float *up)
{
    const job *j = arg;
    const float *x = cull_pool_rows(j->p, row, row + 1, buf);
    double nx = j->unit ? sqrt(j->kern->dot(x, x, j->d)) : 0;
    double v = cull__similarity(j->kern, j->unit, x, nx, j->q + q * j->d, j->nq[q], j->d);
    float as = (float)(v * (j->unit || j->nq[q] == 0 ? 1 : 1 / j->nq[q]));
    *low = nextafterf(as, -INFINITY);
    *up = nextafterf(as, INFINITY);
    return v;
}

/* Candidates of query q among the w->at[0..hits) of a block x that begins at row lo. Products s are
 * taken anew where they are NULL. */
static void take(const job *j, state *w, int64_t q, const float *s, const float *x, int64_t hits,
                 int64_t lo, float err)
{
    for (int64_t h = 0; h < hits; h++) {
        int32_t r = w->at[h];
        float p = s ? s[r] : j->kern->dotf(x + r * j->d, j->qu + q * j->d, j->d);
        float v = p * w->inv[r], up = v + err;
        if (!(up > w->keep.above[q]) || (j->skip && j->skip[lo + r])) continue;
        cull__keep_add(&w->keep, q, v - err, up, lo + r);
    }
    cull__keep_added(&w->keep, q);
}

/* Norms of a block's rows and their inverses; the largest norm. */
static double norms(const job *j, state *w, const float *x, int64_t n, bool *wild)
{
    double top = 0;
    *wild = false;
    for (int64_t r = 0; r < n; r++) {
        double nx = sqrt(j->kern->dot(x + r * j->d, x + r * j->d, j->d));
        w->norm[r] = nx;
        w->inv[r] = !j->unit || !cull__tame(nx) ? 1 : nx > 0 ? (float)(1 / nx) : 0;
        if (!cull__tame(nx)) *wild = true;
        if (nx > top) top = nx;
    }
    return top;
}

static void tame(const job *j, state *w, const float *x, int64_t n, int64_t q0, int64_t m)
{
    for (int64_t r = 0; r < n; r++) {
        if (cull__tame(w->norm[r])) continue;
        for (int64_t i = 0; i < m; i++) {
            int64_t q = q0 + i;
            double v = cull__similarity(j->kern, j->unit, x + r * j->d, w->norm[r], j->q + q * j->d,
                                        j->nq[q], j->d);
            if (!j->unit && j->nq[q] > 0) v /= j->nq[q];
            w->s[i * n + r] = v > (double)FLT_MAX    ? FLT_MAX
                              : v < -(double)FLT_MAX ? -FLT_MAX
                                                     : (float)v;
        }
    }
}

/* A block's rows in bf16; the largest error of their products with unit queries. */
static float narrowed(const job *j, state *w, const float *x)
{
    double top = 0;
    for (int64_t r = 0; r < BX; r++) {
        cull__narrowed a = cull__narrow(j->kern, x + r * j->d, j->zero, j->d, w->x16 + r * j->d);
        double e = cull__narrow_bound(a, j->most, j->d);
        if (j->unit) e *= (double)w->inv[r];
        if (e > top) top = e;
    }
    return (float)(top * 1.001);
}

/* Products in bf16 let through more rows, each of which costs several times what is saved on a product:
 * they pay once thresholds are high, and are put off where hits turn out to be many. */
static void weigh(state *w)
{
    if (w->hits * 8 > w->tried) w->start = 2 * w->rows;
    w->tried = w->hits = 0;
}

/* A block x of n rows against a tile of m queries. */
static void search(const job *j, state *w, const cull__gemm *g, const float *x, int64_t n,
                   int64_t lo, int64_t q0, bool wild, float err, float err16)
{
    int64_t m = j->m - q0 < j->tile ? j->m - q0 : j->tile;
    bool again = err16 > 0 && cull__gemm_run_bf16(g, j->q16 + q0 * j->d, w->x16, w->s);
    if (!again) cull__scores(j->kern, g, m, n, j->qu + q0 * j->d, x, w->s);
    if (again) w->tried += (double)(m * n);
    if (wild) tame(j, w, x, n, q0, m);
    for (int64_t i = 0; i < m; i++) {
        const float *s = w->s + i * n;
        float above = w->keep.above[q0 + i] - (again ? err16 : err);
        int64_t hits = j->kern->scan_mul(s, w->inv, n, above, w->at);
        if (again) w->hits += (double)hits;
        if (hits) take(j, w, q0 + i, again ? NULL : s, x, hits, lo, err);
    }
}

static cull_status scan(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    state *w = j->w + cull__worker(cx);
    cull__gemm g;
    bool narrow = j->narrow && w->rows >= w->start;
    (void)chunk;
    CULL_TRY((narrow ? cull__gemm_open_bf16 : cull__gemm_open)(cx, j->tile, BX, j->d, &g));
    for (int64_t b = lo; b < hi; b += BX) {
        int64_t n = hi - b < BX ? hi - b : BX;
        const float *x = cull_pool_rows(j->p, b, b + n, w->x);
        bool wild;
        double top = norms(j, w, x, n, &wild);
        float err = (float)(j->unit ? j->e : j->e * top);
        float err16 = narrow && !wild && n == BX ? narrowed(j, w, x) : 0;
        for (int64_t q0 = 0; q0 < j->m; q0 += j->tile)
            search(j, w, &g, x, n, b, q0, wild, err, err16);
        w->rows += (double)n;
    }
    cull__gemm_close(&g);
    weigh(w);
    return CULL_OK;
}

/* ---- finalists ---- */

static int64_t merge_into(const job *j, int workers, int64_t q, float *lows, cull__ranked *out)
{
    int64_t n = 0, kept = 0;
    for (int t = 0; t < workers; t++)
        for (int64_t i = 0; i < j->w[t].keep.n[q]; i++)
            lows[n++] = j->w[t].keep.cand[q * j->cap + i].low;
    if (!n) return 0;
    float least = cull__kth_largest(lows, n, n < j->k ? n : j->k);
    for (int t = 0; t < workers; t++)
        for (int64_t i = 0; i < j->w[t].keep.n[q]; i++) {
            const cull__candidate *c = j->w[t].keep.cand + q * j->cap + i;
            if (n > j->k && c->up < least) continue;
            if (out) out[kept] = (cull__ranked){0, c->row};
            kept++;
        }
    return kept;
}

/* Finalists of one stretch of the pool. Where they outnumber its rows, norms are taken row by row. */
static cull_status rescore(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    int64_t from = j->bucket[chunk], to = j->bucket[chunk + 1];
    float *buf;
    double *norm = NULL;
    CULL_TRY(CULL_TMP(cx, buf, j->d));
    if (j->unit && to - from > hi - lo) {
        CULL_TRY(CULL_TMP(cx, norm, hi - lo));
        for (int64_t r = lo; r < hi; r++) {
            const float *x = cull_pool_rows(j->p, r, r + 1, buf);
            norm[r - lo] = sqrt(j->kern->dot(x, x, j->d));
        }
    }
    for (int64_t t = from; t < to; t++) {
        cull__ranked *f = &j->fin[j->order[t]];
        int64_t q = j->whose[j->order[t]];
        const float *x = cull_pool_rows(j->p, f->i, f->i + 1, buf);
        double nx = !j->unit ? 0 : norm ? norm[f->i - lo] : sqrt(j->kern->dot(x, x, j->d));
        f->v = cull__similarity(j->kern, j->unit, x, nx, j->q + q * j->d, j->nq[q], j->d);
    }
    return CULL_OK;
}

static cull_status finish(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    (void)cx, (void)chunk;
    for (int64_t q = lo; q < hi; q++) {
        cull__ranked *f = j->fin + j->first[q];
        int64_t n = j->first[q + 1] - j->first[q], keep = n < j->k ? n : j->k;
        cull__rank_top(f, n, keep);
        cull__rank_sort(f, keep);
        j->found[q] = keep;
        for (int64_t i = 0; i < j->k; i++) {
            j->idx[q * j->k + i] = i < keep ? f[i].i : -1;
            j->score[q * j->k + i] = i < keep ? f[i].v : -INFINITY;
        }
    }
    return CULL_OK;
}

static cull_status finalists(cull_ctx *cx, job *j)
{
    int workers = cull__workers(cx);
    int64_t stretches = (j->n - 1) / j->grain + 1;
    float *lows;
    CULL_TRY(CULL_TMP(cx, lows, workers * j->cap));
    CULL_TRY(CULL_TMP(cx, j->first, j->m + 1));
    j->first[0] = 0;
    for (int64_t q = 0; q < j->m; q++)
        j->first[q + 1] = j->first[q] + merge_into(j, workers, q, lows, NULL);
    int64_t all = j->first[j->m];
    CULL_TRY(CULL_TMP(cx, j->fin, all));
    CULL_TRY(CULL_TMP(cx, j->order, all));
    CULL_TRY(CULL_TMP(cx, j->whose, all));
    CULL_TRY(CULL_TMP0(cx, j->bucket, stretches + 2));
    for (int64_t q = 0; q < j->m; q++) {
        merge_into(j, workers, q, lows, j->fin + j->first[q]);
        for (int64_t f = j->first[q]; f < j->first[q + 1]; f++) {
            j->whose[f] = (int32_t)q;
            j->bucket[j->fin[f].i / j->grain + 2]++;
        }
    }
    for (int64_t b = 1; b <= stretches + 1; b++) j->bucket[b] += j->bucket[b - 1];
    for (int64_t f = 0; f < all; f++) j->order[j->bucket[j->fin[f].i / j->grain + 1]++] = f;
    CULL_TRY(cull__for(cx, j->n, j->grain, rescore, j));
    return cull__for(cx, j->m, 8, finish, j);
}

/* ---- the pass over the pool ---- */

static cull_status state_new(cull_ctx *cx, const job *j, state *w)
{
    CULL_TRY(cull__keep_new(cx, j->m, j->n, j->d, j->k, exact, j, &w->keep));
    CULL_TRY(CULL_TMP(cx, w->s, j->tile * BX));
    if (cull_pool_dtype(j->p) != CULL_F32) CULL_TRY(CULL_TMP(cx, w->x, BX * j->d));
    if (j->narrow) CULL_TRY(CULL_TMP(cx, w->x16, BX * j->d));
    CULL_TRY(CULL_TMP(cx, w->inv, BX));
    CULL_TRY(CULL_TMP(cx, w->norm, BX));
    CULL_TRY(CULL_TMP(cx, w->at, BX));
    w->start = 32 * (double)(j->k < j->n ? j->k : j->n);
    return CULL_OK;
}

static cull_status narrow_queries(cull_ctx *cx, job *j)
{
    int64_t tiles = (j->m - 1) / j->tile + 1;
    CULL_TRY(CULL_TMP0(cx, j->q16, tiles * j->tile * j->d));
    CULL_TRY(CULL_TMP0(cx, j->zero, j->d));
    j->most = (cull__narrowed){0, 0};
    for (int64_t i = 0; i < j->m; i++) {
        cull__narrowed q =
            cull__narrow(j->kern, j->qu + i * j->d, j->zero, j->d, j->q16 + i * j->d);
        if (q.norm > j->most.norm) j->most.norm = q.norm;
        if (q.lost > j->most.lost) j->most.lost = q.lost;
    }
    return CULL_OK;
}

static cull_status pass(cull_ctx *cx, job *j)
{
    int workers = cull__workers(cx);
    j->narrow = cull__gemm_bf16(cx, j->tile, BX, j->d);
    if (j->narrow) CULL_TRY(narrow_queries(cx, j));
    CULL_TRY(CULL_TMP0(cx, j->w, workers));
    for (int t = 0; t < workers; t++) CULL_TRY(state_new(cx, j, &j->w[t]));
    CULL_TRY(cull__for_some(cx, j->n, j->grain, j->from, j->to, scan, j));
    return finalists(cx, j);
}

/* How many queries one pass serves: all, unless their candidates would take more than a quarter of
 * the memory left or 4 GiB. The answer does not depend on it. */
static int64_t queries_at_once(const job *j, int64_t m, int workers, double memory)
{
    double left = memory / 4;
    if (left > 0x1p32) left = 0x1p32;
    double each = (double)j->cap * (double)sizeof(cull__candidate) * workers;
    int64_t most = (int64_t)(left / each);
    return most >= m ? m : most > 1 ? most : 1;
}

static void shape(job *j)
{
    j->cap = cull__keep_cap(j->n, j->k);
    j->grain = j->n / 256 / BX * BX;
    j->grain = j->grain < BX ? BX : j->grain > GRAIN_MAX ? GRAIN_MAX : j->grain;
}

static int64_t tile_of(int64_t m) { return (m - 1) / ((m - 1) / TILE + 1) + 1; }

/* Of the rows that are st's share. */
static cull_status topk(cull_ctx *cx, const cull__stage *st, const cull_pool *p, const float *q,
                        int64_t m, int64_t k, bool unit, const uint8_t *skip, int64_t *idx,
                        double *score, int64_t *found)
{
    int64_t n = cull_pool_n(p), d = cull_pool_d(p);
    job j = {.p = p, .kern = cull__kernels(cx), .skip = skip, .n = n, .d = d, .k = k, .unit = unit};
    double *nq;
    float *qu;
    j.e = cull__dot_bound(d);
    shape(&j);
    int64_t chunks = (n - 1) / j.grain + 1;
    j.from = cull__stage_first(st, chunks, st->rank);
    j.to = cull__stage_first(st, chunks, st->rank + 1);
    CULL_TRY(CULL_TMP(cx, nq, m));
    CULL_TRY(CULL_TMP(cx, qu, m * d));
    for (int64_t i = 0; i < m; i++) {
        nq[i] = sqrt(j.kern->dot(q + i * d, q + i * d, d));
        j.kern->scale(qu + i * d, q + i * d, nq[i] > 0 ? 1 / nq[i] : 0, d);
    }
    int64_t step = queries_at_once(&j, m, cull__workers(cx), (double)cull__memory_left(cx));
    for (int64_t q0 = 0; q0 < m; q0 += step) {
        j.m = m - q0 < step ? m - q0 : step;
        j.tile = tile_of(j.m);
        j.q = q + q0 * d;
        j.qu = qu + q0 * d;
        j.nq = nq + q0;
        j.idx = idx + q0 * k;
        j.score = score + q0 * k;
        j.found = found + q0;
        cull__mark_t mark = cull__mark(cx);
        cull_status s = pass(cx, &j);
        cull__release(cx, mark);
        CULL_TRY(s);
    }
    return CULL_OK;
}

/* The best k of every query out of `ranks` lists of each, which lie (ranks, m, k). */
static void merge_ranks(int ranks, int64_t m, int64_t k, const int64_t *idx, const double *score,
                        const int64_t *found, int64_t *at, int64_t *to_idx, double *to_score,
                        int64_t *to_found)
{
    for (int64_t q = 0; q < m; q++) {
        int64_t n = 0;
        memset(at, 0, (size_t)ranks * sizeof *at);
        for (int64_t i = 0; i < k; i++) {
            int from = -1;
            for (int r = 0; r < ranks; r++) { /* ranks hold ascending rows: a tie is the lower's */
                if (at[r] == found[r * m + q]) continue;
                if (from < 0 ||
                    score[(r * m + q) * k + at[r]] > score[(from * m + q) * k + at[from]])
                    from = r;
            }
            int64_t t = (from < 0 ? 0 : from * m + q) * k + (from < 0 ? 0 : at[from]);
            to_idx[q * k + i] = from < 0 ? -1 : idx[t];
            to_score[q * k + i] = from < 0 ? -INFINITY : score[t];
            if (from >= 0) at[from]++, n++;
        }
        to_found[q] = n;
    }
}

static cull_status shared_topk(cull_ctx *cx, const cull_pool *p, const float *q, int64_t m,
                               int64_t k, bool unit, const uint8_t *skip, int64_t *idx,
                               double *score, int64_t *found)
{
    cull__stage st;
    cull_status s = CULL_OK;
    int64_t *idx_of, *found_of, *at;
    double *score_of;
    CULL_TRY(cull__stage_open(cx, "nearest rows", &st));
    if (st.ranks == 1) {
        s = topk(cx, &st, p, q, m, k, unit, skip, idx, score, found);
        return cull__stage_close(cx, &st, s, 1, NULL, 0);
    }
    CULL_TRY(CULL_TMP(cx, idx_of, st.ranks * m * k));
    CULL_TRY(CULL_TMP(cx, score_of, st.ranks * m * k));
    CULL_TRY(CULL_TMP(cx, found_of, st.ranks * m));
    CULL_TRY(CULL_TMP(cx, at, st.ranks));
    if (st.mine)
        s = topk(cx, &st, p, q, m, k, unit, skip, idx_of + st.rank * m * k,
                 score_of + st.rank * m * k, found_of + st.rank * m);
    uint64_t each = (uint64_t)(m * k) * 8, all = (uint64_t)st.ranks;
    const cull__piece lists[] = {{idx_of, each, all * each},
                                 {score_of, each, all * each},
                                 {found_of, (uint64_t)m * 8, all * (uint64_t)m * 8}};
    CULL_TRY(cull__stage_close(cx, &st, s, st.ranks, lists, 3));
    merge_ranks(st.ranks, m, k, idx_of, score_of, found_of, at, idx, score, found);
    return CULL_OK;
}

cull_status cull__pool_topk(cull_ctx *cx, const cull_pool *p, const float *q, int64_t m, int64_t k,
                            bool unit, const uint8_t *skip, int64_t *idx, double *score,
                            int64_t *found)
{
    int64_t n = cull_pool_n(p);
    if (m > INT32_MAX || k < 0)
        return cull__fail(cx, CULL_EOPTION, "the best %" PRId64 " rows for %" PRId64 " queries", k,
                          m);
    if (m < 1) return CULL_OK;
    if (n < 1 || k < 1) {
        for (int64_t i = 0; i < m; i++) found[i] = 0;
        for (int64_t i = 0; i < m * k; i++) idx[i] = -1, score[i] = -INFINITY;
        return CULL_OK;
    }
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "nearest rows");
    cull_status s = shared_topk(cx, p, q, m, k, unit, skip, idx, score, found);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

uint64_t cull__topk_bytes(int64_t n, int64_t d, cull_dtype dtype, int64_t m, int64_t k, int workers)
{
    job j = {.n = n, .d = d, .k = k};
    if (n < 1 || d < 1 || m < 1 || k < 1) return 0;
    shape(&j);
    double q = (double)queries_at_once(&j, m, workers, INFINITY), cap = (double)j.cap;
    double each = cull__keep_bytes((int64_t)q, n, d, k) + 4 * BX * fmin(q, TILE) + 16.0 * BX;
    if (dtype != CULL_F32) each += 4 * BX * (double)d;
    bool narrow = cull__gemm_bf16(NULL, tile_of((int64_t)q), BX, d);
    if (narrow) each += 2 * BX * (double)d;
    double scan_ = workers * cull__gemm_bytes(d);
    double finalist = sizeof(cull__ranked) + sizeof *j.order + sizeof *j.whose;
    double finish_ = workers * cap * 4 + q * (8 + fmin((double)k, (double)n) * finalist);
    double all = (double)m * (8 + 4 * (double)d) + (narrow ? 2 * q * (double)d : 0) +
                 workers * each + fmax(scan_, finish_);
    return (uint64_t)all + (uint64_t)(workers + 1) * CULL__ARENA;
}
