/* near.c - rows of a pool within a cosine of each other, and a set without such rows; exact.
 *
 * Rows are taken in order, a block at a time, against all rows that came before and still count. For
 * every row a sketch of w numbers is kept: its coordinates in w - 1 orthonormal directions, and the
 * length of the rest of the unit vector. By Cauchy-Schwarz the product of two sketches is no less than
 * the cosine, so what falls short of the threshold there is settled by w products instead of d; what
 * does not is compared by the canonical dot, which alone decides. The directions are the leading ones of
 * a sample (coordinates, where rows are long), and w is what costs least on pairs of that sample. The
 * choice of it, like that of bf16 for the sketches, changes no answer.
 *
 * Rounding: sketches are f32 (a product's bound: block.h), directions orthonormal to 2^-22; a slack of
 * eight times the bound of a dot of d terms and 1e-5 covers both. */
#include "num/block.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, PART = 256, TILE = 512, SAMPLE = 1024, TURNED = 1024, SMALL = 4096 };
/* What a comparison of rows far apart in memory costs beside one number's product in a sketch, for each
 * number of a row (measured: 1.2 us for 384). */
enum { VERIFY = 200 };

typedef struct {
    double v;
    int64_t at; /* place in the order; -1 = none */
} nearest;

typedef struct {
    int64_t i, j; /* places in the order, j before i */
    double v;
} pair;

typedef struct {
    pair *at;
    int64_t n, cap;
} pairs;

typedef struct {
    const cull_pool *p;
    const cull__kern *kern;
    const int64_t *row; /* (n) in order; NULL = as they lie */
    int64_t n, d, w;
    double t, slack;
    float *basis; /* (w - 1, d), or NULL: sketches are the unit rows, with zeros after them */
    bool all;     /* every row counts, and pairs are told */
    bool narrow;
    double *norm; /* (n) */
    /* the block: rows as they are, sketches, their rounding */
    int64_t lo, m;
    float *x, *sketch;
    uint16_t *sketch16;
    cull__narrowed *lost, block_most;
    uint8_t *maybe; /* (BLOCK, BLOCK) row i may be near row j < i */
    /* those that count */
    int64_t kept, *who; /* places in the order */
    float *held;        /* (kept, w), zeros up to a whole tile; or */
    uint16_t *held16;
    cull__narrowed held_most;
    float above;
    nearest *best; /* (workers, BLOCK) */
    pairs *found;  /* (workers) */
} job;

static int64_t row_at(const job *j, int64_t i) { return j->row ? j->row[i] : i; }

/* ---- sketches ---- */

static void rest_of(const job *j, float *y)
{
    int64_t k = j->w - 1;
    double left = 1 - j->kern->dot(y, y, k) + 4 * j->slack;
    y[k] = (float)(sqrt(left > 0 ? left : 0) * (1 + 0x1p-22));
}

/* u (m, d) unit rows to y (m, w). */
static void sketch_rows(const job *j, const float *u, int64_t m, float *y)
{
    if (!j->basis) {
        for (int64_t i = 0; i < m; i++) {
            memset(y + i * j->w, 0, (size_t)j->w * sizeof *y);
            memcpy(y + i * j->w, u + i * j->d, (size_t)j->d * sizeof *y);
        }
        return;
    }
    cull__gemm_nt(m, j->w - 1, j->d, u, j->d, j->basis, j->d, y, j->w);
    for (int64_t i = 0; i < m; i++) {
        double square = j->kern->dot(u + i * j->d, u + i * j->d, j->d);
        rest_of(j, y + i * j->w);
        if (!(square > 0)) y[i * j->w + j->w - 1] = 0; /* a row of zeros is near to none */
    }
}

static cull_status load(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    float *u, *zero;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, u, (hi - lo) * j->d));
    CULL_TRY(CULL_TMP0(cx, zero, j->w));
    for (int64_t i = lo; i < hi; i++) {
        float *to = j->x + i * j->d;
        int64_t row = row_at(j, j->lo + i);
        const float *x = cull_pool_rows(j->p, row, row + 1, to);
        if (x != to) memcpy(to, x, (size_t)j->d * sizeof *to);
        double n = sqrt(j->kern->dot(to, to, j->d));
        j->norm[j->lo + i] = n;
        j->kern->scale(u + (i - lo) * j->d, to, n > 0 ? 1 / n : 0, j->d);
    }
    sketch_rows(j, u, hi - lo, j->sketch + lo * j->w);
    for (int64_t i = lo; j->narrow && i < hi; i++)
        j->lost[i] =
            cull__narrow(j->kern, j->sketch + i * j->w, zero, j->w, j->sketch16 + i * j->w);
    return CULL_OK;
}

static cull__narrowed larger(cull__narrowed a, cull__narrowed b)
{
    return (cull__narrowed){fmax(a.norm, b.norm), fmax(a.lost, b.lost)};
}

/* ---- the block against what counts, and against itself ---- */

static cull_status open_product(cull_ctx *cx, const job *j, cull__gemm *g)
{
    return (j->narrow ? cull__gemm_open_bf16 : cull__gemm_open)(cx, PART, TILE, j->w, g);
}

/* Which of PART rows of the block from `a` may be near which of TILE sketches at b: their number. */
static int64_t hits(const job *j, const cull__gemm *g, int64_t a, const float *b,
                    const uint16_t *b16, float *s, int32_t *at)
{
    if (!j->narrow)
        cull__gemm_run(g, PART, TILE, j->sketch + a * j->w, b, s);
    else if (!cull__gemm_run_bf16(g, j->sketch16 + a * j->w, b16, s))
        for (int64_t i = 0; i < PART * TILE; i++) s[i] = 1; /* all are compared */
    return j->kern->scan(s, PART * TILE, j->above, at);
}

static double cosine(const job *j, int64_t i, int64_t of, float *buf)
{
    int64_t row = row_at(j, of);
    const float *y =
        of >= j->lo ? j->x + (of - j->lo) * j->d : cull_pool_rows(j->p, row, row + 1, buf);
    return cull__similarity(j->kern, true, j->x + i * j->d, j->norm[j->lo + i], y, j->norm[of],
                            j->d);
}

static cull_status add_pair(cull_ctx *cx, pairs *f, int64_t i, int64_t of, double v)
{
    CULL_TRY(CULL_GROW(cx, f->at, &f->cap, f->n + 1));
    f->at[f->n++] = (pair){i, of, v};
    return CULL_OK;
}

static bool better(nearest a, nearest b)
{
    return b.at < 0 || a.v > b.v || (a.v == b.v && a.at < b.at);
}

static cull_status against_held(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    int worker = cull__worker(cx);
    nearest *best = j->best + worker * BLOCK;
    cull__gemm g;
    float *s, *buf;
    int32_t *at;
    (void)chunk, (void)hi;
    CULL_TRY(CULL_TMP(cx, s, PART * TILE));
    CULL_TRY(CULL_TMP(cx, at, PART * TILE));
    CULL_TRY(CULL_TMP(cx, buf, j->d));
    CULL_TRY(open_product(cx, j, &g));
    cull_status e = CULL_OK;
    for (int64_t a = 0; a < j->m && e == CULL_OK; a += PART) {
        int64_t n = hits(j, &g, a, j->held + (j->narrow ? 0 : lo * j->w),
                         j->held16 + (j->narrow ? lo * j->w : 0), s, at);
        for (int64_t h = 0; h < n && e == CULL_OK; h++) {
            int64_t i = a + at[h] / TILE, k = lo + at[h] % TILE;
            if (i >= j->m || k >= j->kept) continue;
            nearest one = {cosine(j, i, j->who[k], buf), j->who[k]};
            if (!(one.v >= j->t)) continue;
            if (better(one, best[i])) best[i] = one;
            if (j->all) e = add_pair(cx, &j->found[worker], j->lo + i, one.at, one.v);
        }
    }
    cull__gemm_close(&g);
    return e;
}

static cull_status against_itself(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    cull__gemm g;
    float *s;
    int32_t *at;
    (void)chunk, (void)hi;
    CULL_TRY(CULL_TMP(cx, s, PART * TILE));
    CULL_TRY(CULL_TMP(cx, at, PART * TILE));
    CULL_TRY(open_product(cx, j, &g));
    memset(j->maybe + lo * BLOCK, 0, PART * BLOCK);
    for (int64_t b = 0; b < lo + PART; b += TILE) {
        int64_t n =
            hits(j, &g, lo, j->sketch + b * j->w, j->narrow ? j->sketch16 + b * j->w : NULL, s, at);
        for (int64_t h = 0; h < n; h++) {
            int64_t i = lo + at[h] / TILE, of = b + at[h] % TILE;
            if (of < i && i < j->m) j->maybe[i * BLOCK + of] = 1;
        }
    }
    cull__gemm_close(&g);
    return CULL_OK;
}

/* Whether a hit counts is known row after row: a row that is near one that stays does not stay. */
static cull_status settle(cull_ctx *cx, job *j, nearest *to)
{
    int workers = cull__workers(cx);
    bool stays[BLOCK];
    for (int64_t i = 0; i < j->m; i++) {
        nearest best = {0, -1};
        for (int k = 0; k < workers; k++) {
            nearest one = j->best[k * BLOCK + i];
            if (one.at >= 0 && better(one, best)) best = one;
        }
        for (int64_t of = 0; of < i; of++) {
            if (!j->maybe[i * BLOCK + of] || !(j->all || stays[of])) continue;
            nearest one = {cosine(j, i, j->lo + of, NULL), j->lo + of};
            if (!(one.v >= j->t)) continue;
            if (better(one, best)) best = one;
            if (j->all) CULL_TRY(add_pair(cx, &j->found[0], j->lo + i, one.at, one.v));
        }
        stays[i] = j->all || best.at < 0;
        to[i] = best;
        if (!stays[i]) continue;
        j->who[j->kept] = j->lo + i;
        if (j->narrow)
            memcpy(j->held16 + j->kept * j->w, j->sketch16 + i * j->w, (size_t)j->w * 2);
        else
            memcpy(j->held + j->kept * j->w, j->sketch + i * j->w, (size_t)j->w * 4);
        if (j->narrow) j->held_most = larger(j->held_most, j->lost[i]);
        j->kept++;
    }
    int64_t whole = (j->kept + TILE - 1) / TILE * TILE - j->kept;
    if (j->narrow)
        memset(j->held16 + j->kept * j->w, 0, (size_t)(whole * j->w) * 2);
    else
        memset(j->held + j->kept * j->w, 0, (size_t)(whole * j->w) * 4);
    return CULL_OK;
}

static cull_status do_block(cull_ctx *cx, job *j, nearest *to)
{
    int64_t parts = (j->m + PART - 1) / PART * PART;
    memset(j->sketch + j->m * j->w, 0, (size_t)((BLOCK - j->m) * j->w) * 4);
    if (j->narrow) memset(j->sketch16 + j->m * j->w, 0, (size_t)((BLOCK - j->m) * j->w) * 2);
    CULL_TRY(cull__for(cx, j->m, 64, load, j));
    j->block_most = (cull__narrowed){0, 0};
    for (int64_t i = 0; j->narrow && i < j->m; i++)
        j->block_most = larger(j->block_most, j->lost[i]);
    double off = 0;
    if (j->narrow)
        off = cull__narrow_bound(j->block_most, larger(j->block_most, j->held_most), j->w);
    j->above = nextafterf((float)(j->t - j->slack - off), -INFINITY);
    for (int64_t i = 0; i < cull__workers(cx) * BLOCK; i++) j->best[i] = (nearest){0, -1};
    CULL_TRY(cull__for(cx, j->kept, TILE, against_held, j));
    CULL_TRY(cull__for(cx, parts, PART, against_itself, j));
    return settle(cx, j, to);
}

/* ---- how wide sketches are ---- */

/* Leading directions of the rows u (s, d): their second moments' eigenvectors, or where rows are long the
 * coordinates that have most. */
static cull_status directions(cull_ctx *cx, const job *j, const float *u, int64_t s, float *v)
{
    int64_t d = j->d, most = d < TURNED ? d : TURNED;
    float *turned, *f;
    double *gram, *value, *vector;
    memset(v, 0, (size_t)(most * d) * sizeof *v);
    if (d > TURNED) {
        cull__ranked *r;
        CULL_TRY(CULL_TMP0(cx, r, d));
        for (int64_t i = 0; i < d; i++) r[i].i = i;
        for (int64_t i = 0; i < s * d; i++) r[i % d].v += (double)u[i] * (double)u[i];
        cull__rank_sort(r, d);
        for (int64_t i = 0; i < most; i++) v[i * d + r[i].i] = 1;
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP(cx, turned, d * s));
    CULL_TRY(CULL_TMP(cx, f, d * d));
    CULL_TRY(CULL_TMP(cx, gram, d * d));
    CULL_TRY(CULL_TMP(cx, value, d));
    CULL_TRY(CULL_TMP(cx, vector, d * d));
    for (int64_t i = 0; i < s; i++)
        for (int64_t t = 0; t < d; t++) turned[t * s + i] = u[i * d + t];
    cull__gemm_nt(d, d, s, turned, s, turned, s, f, d);
    for (int64_t i = 0; i < d * d; i++) gram[i] = (double)f[i];
    CULL_TRY(cull__eigh(cx, gram, d, value, vector));
    for (int64_t i = 0; i < d * d; i++) v[i] = (float)vector[i];
    return CULL_OK;
}

/* Pairs of the sample that sketches of w numbers would not settle, as a share. y (s, k): the sample in
 * all directions; zero (k); b (k). */
static double unsettled(job *j, const float *y, int64_t s, int64_t k, float *z, float *products,
                        const float *zero, uint16_t *b)
{
    int64_t open = 0;
    cull__narrowed most = {0, 0};
    for (int64_t i = 0; i < s; i++) {
        memcpy(z + i * j->w, y + i * k, (size_t)(j->w - 1) * sizeof *z);
        rest_of(j, z + i * j->w);
        if (j->narrow) most = larger(most, cull__narrow(j->kern, z + i * j->w, zero, j->w, b));
    }
    double above = j->t - j->slack - cull__narrow_bound(most, most, j->w);
    cull__gemm_nt(s, s, j->w, z, j->w, z, j->w, products, s);
    for (int64_t i = 0; i < s; i++)
        for (int64_t of = 0; of < i; of++) open += (double)products[i * s + of] >= above;
    return (double)open / (0.5 * (double)s * (double)(s - 1));
}

static cull_status choose_sample(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    job *j = arg;
    int64_t s = SAMPLE, d = j->d, k = d < TURNED ? d : TURNED;
    int64_t full = (d + 15) / 16 * 16, best = full;
    double least = (double)full + 24;
    float *u, *v, *y, *z, *products, *zero;
    uint16_t *b;
    (void)chunk, (void)lo, (void)hi;
    CULL_TRY(CULL_TMP(cx, u, 2 * s * d)); /* one half for the directions, the other to judge them */
    CULL_TRY(CULL_TMP(cx, v, k * d));
    CULL_TRY(CULL_TMP(cx, y, s * k));
    CULL_TRY(CULL_TMP(cx, z, s * k));
    CULL_TRY(CULL_TMP(cx, products, s * s));
    CULL_TRY(CULL_TMP0(cx, zero, k));
    CULL_TRY(CULL_TMP(cx, b, k));
    for (int64_t i = 0; i < 2 * s; i++) {
        int64_t row = row_at(j, i * (j->n / (2 * s)));
        float *to = u + (i % 2 * s + i / 2) * d;
        const float *x = cull_pool_rows(j->p, row, row + 1, to);
        double n = sqrt(j->kern->dot(x, x, d));
        j->kern->scale(to, x, n > 0 ? 1 / n : 0, d);
    }
    CULL_TRY(directions(cx, j, u, s, v));
    cull__gemm_nt(s, k, d, u + s * d, d, v, d, y, k);
    for (j->w = 32; j->w < k && j->w < full; j->w += j->w < 128 ? 16 : j->w < 512 ? 64 : 256) {
        double cost =
            (double)j->w + 24 + unsettled(j, y, s, k, z, products, zero, b) * VERIFY * (double)d;
        if (cost < least) least = cost, best = j->w;
        if ((double)j->w + 24 > least) break;
    }
    j->w = best;
    if (best < full) memcpy(j->basis, v, (size_t)((best - 1) * d) * sizeof *v);
    if (best == full) j->basis = NULL;
    return CULL_OK;
}

static int64_t width_most(int64_t n, int64_t d)
{
    return n < SMALL || d <= 48 ? 0 : d < TURNED ? d : TURNED;
}

static cull_status choose_width(cull_ctx *cx, job *j)
{
    int64_t most = width_most(j->n, j->d);
    j->w = (j->d + 15) / 16 * 16;
    if (!most) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, j->basis, most * j->d));
    return cull__for(cx, 1, 1, choose_sample, j); /* on one thread, as all products are */
}

/* ---- the passes ---- */

static cull_status room(cull_ctx *cx, job *j)
{
    int workers = cull__workers(cx);
    int64_t tiles = (j->n + TILE - 1) / TILE * TILE;
    CULL_TRY(CULL_TMP(cx, j->norm, j->n));
    CULL_TRY(CULL_TMP(cx, j->who, j->n));
    CULL_TRY(CULL_TMP(cx, j->x, BLOCK * j->d));
    CULL_TRY(CULL_TMP(cx, j->sketch, BLOCK * j->w));
    CULL_TRY(CULL_TMP(cx, j->maybe, BLOCK * BLOCK));
    CULL_TRY(CULL_TMP(cx, j->best, workers * BLOCK));
    CULL_TRY(CULL_TMP0(cx, j->found, workers));
    if (!j->narrow) return CULL_TMP(cx, j->held, tiles * j->w);
    CULL_TRY(CULL_TMP(cx, j->sketch16, BLOCK * j->w));
    CULL_TRY(CULL_TMP(cx, j->lost, BLOCK));
    return CULL_TMP(cx, j->held16, tiles * j->w);
}

static int by_place(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->i != y->i) return x->i < y->i ? -1 : 1;
    return x->j < y->j ? -1 : x->j > y->j;
}

/* The block's pairs in order, to the caller. */
static cull_status tell(cull_ctx *cx, job *j, cull__near_fn *fn, void *arg)
{
    pairs *all = &j->found[0];
    for (int k = 1; k < cull__workers(cx); k++) {
        CULL_TRY(CULL_GROW(cx, all->at, &all->cap, all->n + j->found[k].n));
        if (j->found[k].n)
            memcpy(all->at + all->n, j->found[k].at, (size_t)j->found[k].n * sizeof *all->at);
        all->n += j->found[k].n;
        j->found[k].n = 0;
    }
    if (all->n) qsort(all->at, (size_t)all->n, sizeof *all->at, by_place);
    for (int64_t k = 0; k < all->n; k++)
        CULL_TRY(fn(cx, arg, row_at(j, all->at[k].i), row_at(j, all->at[k].j), all->at[k].v));
    all->n = 0;
    return CULL_OK;
}

typedef struct {
    int64_t *stands;
    float *like;
    cull__near_fn *fn;
    void *arg;
} output;

static cull_status blocks(cull_ctx *cx, job *j, const output *out)
{
    nearest *to;
    CULL_TRY(choose_width(cx, j));
    CULL_TRY(room(cx, j));
    CULL_TRY(CULL_TMP(cx, to, BLOCK));
    for (j->lo = 0; j->lo < j->n; j->lo += BLOCK) {
        j->m = j->n - j->lo < BLOCK ? j->n - j->lo : BLOCK;
        double a = (double)j->lo / (double)j->n, b = (double)(j->lo + j->m) / (double)j->n;
        cull__span(cx, a * a, b * b, 1);
        cull_status s = do_block(cx, j, to);
        cull__span(cx, 0, 0, 0);
        CULL_TRY(s);
        for (int64_t i = 0; i < j->m && out->stands; i++) {
            int64_t row = row_at(j, j->lo + i);
            out->stands[row] = to[i].at < 0 ? row : row_at(j, to[i].at);
            if (out->like) out->like[row] = to[i].at < 0 ? 1 : (float)to[i].v;
        }
        if (out->fn) CULL_TRY(tell(cx, j, out->fn, out->arg));
    }
    return CULL_OK;
}

static cull_status near_rows(cull_ctx *cx, const cull_pool *p, const int64_t *row, int64_t n,
                             double t, const output *out)
{
    job j = {.p = p, .kern = cull__kernels(cx), .row = row, .n = n, .d = cull_pool_d(p), .t = t};
    if (!(t >= 0.1) || t > 1)
        return cull__fail(cx, CULL_EOPTION, "a cosine of at least %g; it must be 0.1 to 1", t);
    if (n < 1) return CULL_OK;
    j.all = out->fn != NULL;
    j.slack = 1e-5 + 8 * cull__dot_bound(j.d);
    j.narrow = cull__gemm_bf16(cx, PART, TILE, 64);
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "near rows");
    cull_status s = blocks(cx, &j, out);
    for (int k = 0; j.found && k < cull__workers(cx); k++) cull__free(j.found[k].at);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

cull_status cull__pool_distinct(cull_ctx *cx, const cull_pool *p, const int64_t *row, int64_t n,
                                double t, int64_t *stands, float *like)
{
    return near_rows(cx, p, row, n, t, &(output){.stands = stands, .like = like});
}

cull_status cull__pool_near(cull_ctx *cx, const cull_pool *p, double t, cull__near_fn *fn,
                            void *arg)
{
    return near_rows(cx, p, NULL, cull_pool_n(p), t, &(output){.fn = fn, .arg = arg});
}

uint64_t cull__distinct_bytes(int64_t n, int64_t d, int workers)
{
    double w = (double)((d + 15) / 16 * 16), k = (double)width_most(n, d), of = (double)d;
    bool narrow = cull__gemm_bf16(NULL, PART, TILE, 64);
    double s = SAMPLE, busy = fmin(workers, (double)n / 64 + 1);
    /* how wide sketches will be is known from the rows alone: a quarter of them, as a rule */
    if (k > 0) w = fmax(64, w / 4);
    double tiles = (double)((n + TILE - 1) / TILE * TILE);
    double held = 16 * (double)n + BLOCK * (4 * of + 4 * w + BLOCK + 16.0 * workers + 16) +
                  tiles * w * (narrow ? 2 : 4) + (narrow ? BLOCK * (2 * w + 16) : 0);
    double choosing =
        k > 0 ? 4 * (s * of * 3 + 2 * s * k + s * s + k * of + of * of) + 24 * of * of : 0;
    double each = PART * TILE * 8.0 + 4 * of + cull__gemm_bytes((int64_t)w);
    each = fmax(each, 64 * 4 * of + 4 * w);
    return (uint64_t)(4 * k * of + fmax(choosing, held + busy * each)) +
           (uint64_t)(workers + 1) * CULL__ARENA;
}
