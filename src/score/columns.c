/* columns.c - columns of a pool of rows, each as its numbers side by side; sorting them. */
#include "score/columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *cull__column_name(const cull_feature_problem *p, int64_t c, char buf[32])
{
    if (p->name) return p->name[c];
    snprintf(buf, 32, "c%" PRId64, c);
    return buf;
}

cull_status cull__one_target(cull_ctx *cx, const cull_feature_problem *p, const char *slug)
{
    if (p->y) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s predicts one target, and there are %" PRId64, slug,
                      cull_pool_d(p->ys));
}

/* ---- passes ---- */

enum { ROOM = 256 << 20, TILE = 16 };

typedef struct {
    const cull_feature_problem *p;
    const int64_t *col; /* (wide) */
    int64_t wide;
    float *out; /* (wide, n) */
    cull__column_fn *fn;
    void *arg;
} block;

static int64_t rows_at_once(int64_t d)
{
    int64_t rows = 65536 / d;
    return rows < 1 ? 1 : rows > 1024 ? 1024 : rows;
}

static cull_status gather(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const block *b = arg;
    const cull_feature_problem *p = b->p;
    float *buf = NULL;
    (void)chunk;
    if (cull_pool_dtype(p->x) != CULL_F32) CULL_TRY(CULL_TMP(cx, buf, (hi - lo) * p->d));
    const float *x = cull_pool_rows(p->x, lo, hi, buf);
    for (int64_t from = 0; from < b->wide; from += TILE) {
        int64_t to = from + TILE < b->wide ? from + TILE : b->wide;
        for (int64_t i = lo; i < hi; i++)
            for (int64_t k = from; k < to; k++)
                b->out[k * p->n + i] = x[(i - lo) * p->d + b->col[k]];
    }
    return CULL_OK;
}

static cull_status columns(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const block *b = arg;
    (void)chunk;
    for (int64_t k = lo; k < hi; k++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(b->fn(cx, b->arg, b->col[k], b->out + k * b->p->n));
        cull__release(cx, mark);
    }
    return CULL_OK;
}

static int64_t columns_at_once(int64_t n, int64_t all, double room)
{
    double wide = room / (4 * (double)n);
    if (wide >= (double)all) return all;
    return wide < 1 ? 1 : wide < TILE ? (int64_t)wide : (int64_t)wide / TILE * TILE;
}

/* How many columns one worker takes at a time: what is fixed by the data alone. */
static int64_t column_grain(int64_t n) { return n < 16384 ? 16384 / n : 1; }

cull_status cull__each_column(cull_ctx *cx, const cull_feature_problem *p, const uint8_t *want,
                              cull__column_fn *fn, void *arg)
{
    int64_t *col, all = 0;
    if (p->n > UINT32_MAX) /* rows are counted and named in 32 bits */
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " rows; there may be %" PRIu32, p->n,
                          UINT32_MAX);
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, col, p->d));
    for (int64_t c = 0; c < p->d; c++)
        if ((!want || want[c]) && !(p->avoid && p->avoid[c])) col[all++] = c;
    double left = (double)cull__memory_left(cx) / 4;
    int64_t wide = columns_at_once(p->n, all, left < ROOM ? left : ROOM);
    block b = {.p = p, .fn = fn, .arg = arg};
    if (all) CULL_TRY(CULL_TMP(cx, b.out, wide * p->n));
    for (int64_t from = 0; from < all; from += wide) {
        b.col = col + from;
        b.wide = all - from < wide ? all - from : wide;
        cull__span(cx, (double)from, (double)(from + b.wide), (double)all);
        CULL_TRY(cull__for(cx, p->n, rows_at_once(p->d), gather, &b));
        CULL_TRY(cull__for(cx, b.wide, column_grain(p->n), columns, &b));
    }
    cull__span(cx, 0, 1, 0);
    cull__release(cx, mark);
    return CULL_OK;
}

uint64_t cull__each_column_bytes(const cull_feature_problem *p, int64_t columns, int threads,
                                 double *passes)
{
    int64_t wide = columns_at_once(p->n, columns, ROOM);
    if (passes) *passes = columns ? (double)((columns + wide - 1) / wide) : 0;
    int64_t rows = rows_at_once(p->d);
    if (rows > p->n) rows = p->n;
    uint64_t buf = cull_pool_dtype(p->x) == CULL_F32 ? 0 : 4 * (uint64_t)(rows * p->d);
    return 8 * (uint64_t)p->d + 4 * (uint64_t)wide * (uint64_t)p->n + buf * (uint64_t)threads;
}

/* ---- sorting ---- */

static uint64_t key_of(double v)
{
    uint64_t u;
    v += 0.0; /* -0 becomes 0 */
    memcpy(&u, &v, 8);
    return u >> 63 ? ~u : u | 1ull << 63;
}

enum { DIGIT = 11, DIGITS = 6, VALUES = 1 << DIGIT };

/* Where each digit's values begin; a digit that all keys share is left out, and floats as doubles share
 * the lowest two. Returns which digits count. */
static unsigned starts(uint32_t (*count)[VALUES], uint64_t first, int64_t n)
{
    unsigned live = 0;
    for (int d = 0; d < DIGITS; d++) {
        if (count[d][first >> DIGIT * d & (VALUES - 1)] == n) continue;
        live |= 1u << d;
        uint32_t sum = 0;
        for (int v = 0; v < VALUES; v++) {
            uint32_t here = count[d][v];
            count[d][v] = sum;
            sum += here;
        }
    }
    return live;
}

void cull__sort_f64(double *v, double *work, int64_t n)
{
    uint32_t count[DIGITS][VALUES] = {{0}};
    double *a = v, *b = work;
    for (int64_t i = 0; i < n; i++) {
        uint64_t key = key_of(v[i]);
        for (int d = 0; d < DIGITS; d++) count[d][key >> DIGIT * d & (VALUES - 1)]++;
    }
    unsigned live = n ? starts(count, key_of(v[0]), n) : 0;
    for (int d = 0; d < DIGITS; d++) {
        if (!(live >> d & 1)) continue;
        uint32_t *to = count[d];
        for (int64_t i = 0; i < n; i++) b[to[key_of(a[i]) >> DIGIT * d & (VALUES - 1)]++] = a[i];
        double *t = a;
        a = b;
        b = t;
    }
    if (a != v) memcpy(v, a, (size_t)n * sizeof *v);
}

void cull__sort_valued(cull__valued *v, cull__valued *work, int64_t n)
{
    uint32_t count[DIGITS][VALUES] = {{0}};
    cull__valued *a = v, *b = work;
    for (int64_t i = 0; i < n; i++) {
        uint64_t key = key_of(v[i].v);
        for (int d = 0; d < DIGITS; d++) count[d][key >> DIGIT * d & (VALUES - 1)]++;
    }
    unsigned live = n ? starts(count, key_of(v[0].v), n) : 0;
    for (int d = 0; d < DIGITS; d++) {
        if (!(live >> d & 1)) continue;
        uint32_t *to = count[d];
        for (int64_t i = 0; i < n; i++) b[to[key_of(a[i].v) >> DIGIT * d & (VALUES - 1)]++] = a[i];
        cull__valued *t = a;
        a = b;
        b = t;
    }
    if (a != v) memcpy(v, a, (size_t)n * sizeof *v);
}
