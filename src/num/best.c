/* best.c - for each row of a pool its best and its mean similarity to a set of queries.
 *
 * Blocks of rows times tiles of queries; a row's scores in a tile are looked at only if their largest
 * may reach the row's best so far, and those within the bound (block.h) are scored canonically. Ties:
 * the lower query. The mean over queries is one dot with their mean, which is held as two f32 vectors
 * (value and remainder), so it has f64 accuracy. Rows or queries too large or too small for f32
 * products are scored canonically throughout. */
#include "num/block.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS = 256, TILE = 1024, GRAIN = 2048 };

typedef struct {
    const cull_pool *p;
    const cull__kern *kern;
    const float *q;   /* (m, d) as given */
    const double *nq; /* their norms */
    const float *qu;  /* (m, d) for the product: unit vectors if `unit` */
    const float *mean_hi, *mean_lo;
    int64_t d, m, tile;
    bool unit, wild;
    const double *weight; /* (parts) of unit vectors that a row is made of, or NULL */
    int64_t parts;
    double e, top; /* bound; largest norm of qu */
    double *best, *mean;
    int32_t *which;
    float *out; /* of pool_unit */
} job;

typedef struct {
    double v;
    int32_t q;
} winner;

static void try_query(const job *j, const float *x, double nx, int64_t q, winner *w)
{
    double v = cull__similarity(j->kern, j->unit, x, nx, j->q + q * j->d, j->nq[q], j->d);
    if (v > w->v || w->q < 0) *w = (winner){v, (int32_t)q};
}

/* s (m): products of row x with the queries from q0 on. */
static void look(const job *j, const float *x, double nx, const float *s, int64_t q0, int64_t m,
                 int32_t *at, winner *w)
{
    if (j->wild || !cull__tame(nx)) {
        for (int64_t i = 0; i < m; i++) try_query(j, x, nx, q0 + i, w);
        return;
    }
    if (nx == 0) {
        if (w->q < 0) *w = (winner){0, 0};
        return;
    }
    double err = j->e * nx * j->top, so_far = j->unit ? w->v * nx : w->v;
    double top = j->kern->max(s, m), above = top - 2 * err;
    if (w->q >= 0 && top + err < so_far) return;
    if (w->q >= 0 && above < so_far - err) above = so_far - err;
    int64_t hits = j->kern->scan(s, m, (float)(above - 0x1p-20 * err), at);
    for (int64_t h = 0; h < hits; h++) try_query(j, x, nx, q0 + at[h], w);
}

static void put(const job *j, const float *x, double nx, int64_t row, const winner *w)
{
    if (j->best) j->best[row] = w->v;
    if (j->which) j->which[row] = w->q;
    if (!j->mean) return;
    double v = j->kern->dot(x, j->mean_hi, j->d) + j->kern->dot(x, j->mean_lo, j->d);
    j->mean[row] = !j->unit ? v : nx > 0 ? cull__as_cosine(v / nx) : 0;
}

/* Each part of n rows brought to the length of its weight. */
static void weigh(const job *j, const float *x, int64_t n, float *to)
{
    int64_t d = j->d / j->parts;
    for (int64_t i = 0; i < n * j->parts; i++) {
        double s = j->kern->dot(x + i * d, x + i * d, d);
        j->kern->scale(to + i * d, x + i * d, s > 0 ? j->weight[i % j->parts] / sqrt(s) : 0, d);
    }
}

static cull_status rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    bool search = j->best || j->which;
    float *s, *buf;
    int32_t *at;
    winner *w;
    cull__gemm g = {0};
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, ROWS * j->d));
    CULL_TRY(CULL_TMP(cx, w, ROWS));
    CULL_TRY(CULL_TMP(cx, at, j->tile));
    CULL_TRY(CULL_TMP(cx, s, search ? ROWS * j->tile : 1));
    if (search) CULL_TRY(cull__gemm_open(cx, ROWS, j->tile, j->d, &g));
    for (int64_t b = lo; b < hi; b += ROWS) {
        int64_t n = hi - b < ROWS ? hi - b : ROWS;
        const float *x = cull_pool_rows(j->p, b, b + n, buf);
        double norm[ROWS];
        if (j->weight) weigh(j, x, n, buf), x = buf;
        for (int64_t r = 0; r < n; r++) {
            norm[r] = sqrt(j->kern->dot(x + r * j->d, x + r * j->d, j->d));
            w[r] = (winner){-INFINITY, -1};
        }
        for (int64_t q0 = 0; search && q0 < j->m; q0 += j->tile) {
            int64_t m = j->m - q0 < j->tile ? j->m - q0 : j->tile;
            cull__scores(j->kern, &g, n, m, x, j->qu + q0 * j->d, s);
            for (int64_t r = 0; r < n; r++)
                look(j, x + r * j->d, norm[r], s + r * m, q0, m, at, &w[r]);
        }
        for (int64_t r = 0; r < n; r++) put(j, x + r * j->d, norm[r], b + r, &w[r]);
    }
    cull__gemm_close(&g);
    return CULL_OK;
}

static cull_status queries(cull_ctx *cx, job *j)
{
    double *nq, *mean;
    float *qu = NULL, *hi, *lo;
    int64_t d = j->d;
    CULL_TRY(CULL_TMP(cx, nq, j->m));
    CULL_TRY(CULL_TMP0(cx, mean, d));
    CULL_TRY(CULL_TMP(cx, hi, d));
    CULL_TRY(CULL_TMP(cx, lo, d));
    if (j->unit) CULL_TRY(CULL_TMP(cx, qu, j->m * d));
    for (int64_t i = 0; i < j->m; i++) {
        const float *q = j->q + i * d;
        nq[i] = sqrt(j->kern->dot(q, q, d));
        double by = !j->unit ? 1 : nq[i] > 0 ? 1 / nq[i] : 0;
        if (qu) j->kern->scale(qu + i * d, q, by, d);
        for (int64_t t = 0; t < d; t++) mean[t] += (double)q[t] * by;
        if (!j->unit && !cull__tame(nq[i])) j->wild = true;
        if (!j->unit && nq[i] > j->top) j->top = nq[i];
    }
    for (int64_t t = 0; t < d; t++) {
        mean[t] /= (double)j->m;
        hi[t] = (float)mean[t];
        lo[t] = (float)(mean[t] - (double)hi[t]);
    }
    if (j->unit) j->top = 1;
    j->nq = nq;
    j->qu = qu ? qu : j->q;
    j->mean_hi = hi;
    j->mean_lo = lo;
    return CULL_OK;
}

static cull__piece rows_of(void *at, int64_t n, int64_t grain, size_t size)
{
    return (cull__piece){at, (uint64_t)grain * size, (uint64_t)n * size};
}

static cull_status best(cull_ctx *cx, job *j)
{
    int64_t n = cull_pool_n(j->p);
    CULL_TRY(queries(cx, j));
    j->tile = (j->m - 1) / ((j->m - 1) / TILE + 1) + 1;
    int64_t grain = n < 8 * GRAIN ? ROWS : GRAIN;
    cull__piece shared[3];
    int pieces = 0;
    if (j->best) shared[pieces++] = rows_of(j->best, n, grain, sizeof *j->best);
    if (j->which) shared[pieces++] = rows_of(j->which, n, grain, sizeof *j->which);
    if (j->mean) shared[pieces++] = rows_of(j->mean, n, grain, sizeof *j->mean);
    return cull__spread(cx, "similarity", n, grain, rows, j, shared, pieces);
}

static cull_status start(cull_ctx *cx, job j)
{
    if (j.m < 1 || j.m > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " queries; at least one is needed", j.m);
    j.kern = cull__kernels(cx);
    j.d = cull_pool_d(j.p);
    j.e = cull__dot_bound(j.d);
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "similarity to the queries");
    cull_status s = best(cx, &j);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

cull_status cull__pool_best(cull_ctx *cx, const cull_pool *p, const float *q, int64_t m, bool unit,
                            double *out, int32_t *best_q, double *mean)
{
    return start(
        cx,
        (job){.p = p, .q = q, .m = m, .unit = unit, .best = out, .which = best_q, .mean = mean});
}

cull_status cull__pool_best_parts(cull_ctx *cx, const cull_pool *p, const double *weight,
                                  int64_t parts, const float *q, int64_t m, double *out,
                                  int32_t *best_q)
{
    return start(cx, (job){.p = p,
                           .weight = weight,
                           .parts = parts,
                           .q = q,
                           .m = m,
                           .best = out,
                           .which = best_q});
}

static cull_status unit_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    (void)cx, (void)chunk;
    for (int64_t r = lo; r < hi; r++) {
        float *to = j->out + r * j->d;
        const float *x = cull_pool_rows(j->p, r, r + 1, to);
        double s = j->kern->dot(x, x, j->d);
        j->kern->scale(to, x, s > 0 ? 1 / sqrt(s) : 0, j->d);
    }
    return CULL_OK;
}

cull_status cull__pool_unit(cull_ctx *cx, const cull_pool *p, float *q)
{
    job j = {.p = p, .kern = cull__kernels(cx), .d = cull_pool_d(p), .out = q};
    return cull__for(cx, cull_pool_n(p), 65536 / j.d + 1, unit_rows, &j);
}
