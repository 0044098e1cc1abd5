/* sparse.c - the list of links of a sparse layer: made, dropped, grown, turned dense and back. */
#include "nn/sparse.h"
#include "num/block.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

extern const cull__sparse_kern cull__sparse_kern_v2;
#if CULL_ISA_MAX >= 3
extern const cull__sparse_kern cull__sparse_kern_v3;
#endif
#if CULL_ISA_MAX >= 4
extern const cull__sparse_kern cull__sparse_kern_v4;
#endif

const cull__sparse_kern *cull__sparse_kernels(const cull_ctx *cx)
{
#if CULL_ISA_MAX >= 4
    if (cull__isa(cx) >= 4) return &cull__sparse_kern_v4;
#endif
#if CULL_ISA_MAX >= 3
    if (cull__isa(cx) >= 3) return &cull__sparse_kern_v3;
#endif
    (void)cx;
    return &cull__sparse_kern_v2;
}

cull_status cull__sparse_new(cull_ctx *cx, int64_t in, int64_t out, int slots, cull__sparse **s)
{
    *s = NULL;
    if (in < 1 || out < 1 || in > INT32_MAX || out > INT32_MAX || in >= (INT64_C(1) << 53) / out)
        return cull__fail(cx, CULL_EINPUT,
                          "a sparse layer of %" PRId64 " by %" PRId64
                          " features; there must be 1 to 2^31 - 1 on each side, and less than 2^53 "
                          "positions",
                          in, out);
    cull__sparse *l;
    CULL_TRY(CULL_ALLOC(cx, l, 1));
    *l = (cull__sparse){.in = in,
                        .out = out,
                        .by_out = out > in,
                        .rows = out > in ? out : in,
                        .cols = out > in ? in : out,
                        .slots = slots};
    cull_status st = CULL_ALLOC(cx, l->start, l->rows + 1);
    if (st != CULL_OK)
        cull__sparse_free(l);
    else
        *s = l;
    return st;
}

void cull__sparse_free(cull__sparse *s)
{
    if (!s) return;
    cull__free(s->start);
    cull__free(s->col);
    cull__free(s->w);
    for (int k = 0; k < s->slots; k++) cull__free(s->slot[k]);
    cull__free(s);
}

/* Room for n links in all; the first time for just so many, as there may never be more. */
static cull_status make_room(cull_ctx *cx, cull__sparse *s, int64_t n)
{
    int64_t cap = s->room;
    CULL_TRY(CULL_GROW(cx, s->col, &cap, n));
    cap = s->room;
    CULL_TRY(CULL_GROW(cx, s->w, &cap, n));
    for (int k = 0; k < s->slots; k++) {
        cap = s->room;
        CULL_TRY(CULL_GROW(cx, s->slot[k], &cap, n));
    }
    s->room = cap;
    return CULL_OK;
}

static cull_status must_be_empty(cull_ctx *cx, const cull__sparse *s)
{
    if (!s->links) return CULL_OK;
    return cull__fail(cx, CULL_EINTERNAL, "a sparse layer has links already");
}

/* ---- random positions ---- */
static void sift(int32_t *v, int64_t at, int64_t n)
{
    int32_t x = v[at];
    for (int64_t c; (c = 2 * at + 1) < n; at = c) {
        if (c + 1 < n && v[c] < v[c + 1]) c++;
        if (x >= v[c]) break;
        v[at] = v[c];
    }
    v[at] = x;
}

static void sort_columns(int32_t *v, int64_t n)
{
    for (int64_t i = n / 2; i-- > 0;) sift(v, i, n);
    for (int64_t e = n - 1; e > 0; e--) {
        int32_t t = v[0];
        v[0] = v[e];
        v[e] = t;
        sift(v, 0, e);
    }
}

static int64_t draw_row(cull__sparse *s, cull_rng *r, int64_t *col)
{
    int64_t at = cull__rng_below(r, s->rows * s->cols);
    *col = at % s->cols;
    return at / s->cols;
}

/* The same positions are drawn twice: once to count those of each row, once to put them there. */
cull_status cull__sparse_draw(cull_ctx *cx, cull__sparse *s, cull_rng *r, int64_t draws,
                              double scale)
{
    int64_t col, kept = 0;
    CULL_TRY(must_be_empty(cx, s));
    CULL_TRY(make_room(cx, s, draws));
    cull_rng again = *r;
    int64_t *at =
        s->start; /* where the next one of row i goes, at the end where row i + 1 begins */
    memset(at, 0, (size_t)(s->rows + 1) * sizeof *at);
    for (int64_t i = 0; i < draws; i++) at[draw_row(s, r, &col) + 1]++;
    for (int64_t i = 0; i < s->rows; i++) at[i + 1] += at[i];
    for (int64_t i = 0; i < draws; i++) {
        int64_t row = draw_row(s, &again, &col);
        s->col[at[row]++] = (int32_t)col;
    }
    for (int64_t i = 0, lo = 0; i < s->rows; i++) {
        int64_t hi = at[i], from = kept;
        sort_columns(s->col + lo, hi - lo);
        for (int64_t e = lo; e < hi; e++)
            if (kept == from || s->col[kept - 1] != s->col[e]) s->col[kept++] = s->col[e];
        at[i] = from;
        lo = hi;
    }
    s->links = at[s->rows] = kept;
    for (int64_t e = 0; e < kept; e++) s->w[e] = (float)(cull__rng_normal(r) * scale);
    return CULL_OK;
}

/* m of 0 .. n-1 without repeats, ascending in v[0..m).i. What repeats is drawn anew until nothing does. */
static void distinct(cull_rng *r, int64_t n, int64_t m, cull__ranked *v)
{
    int64_t have = 0;
    while (have < m) {
        for (int64_t i = have; i < m; i++) {
            v[i].i = cull__rng_below(r, n);
            v[i].v = -(double)v[i].i;
        }
        cull__rank_sort(v, m);
        have = 0;
        for (int64_t i = 0; i < m; i++)
            if (!have || v[have - 1].i != v[i].i) v[have++] = v[i];
    }
}

/* Ranks of m free positions among `free`, ascending: those drawn, or where they are most, all but those. */
static void free_ranks(cull_rng *r, int64_t free_, int64_t m, cull__ranked *v, int64_t *rank)
{
    bool others = m > free_ / 2;
    int64_t drawn = others ? free_ - m : m, k = 0;
    distinct(r, free_, drawn, v);
    if (!others) {
        for (int64_t i = 0; i < m; i++) rank[i] = v[i].i;
        return;
    }
    for (int64_t i = 0, next = 0; i < free_; i++)
        if (next < drawn && v[next].i == i)
            next++;
        else
            rank[k++] = i;
}

/* The rank among the free positions becomes a position: those taken before it are as many more. */
static void positions(const cull__sparse *s, int64_t *at, int64_t m)
{
    int64_t row = 0, e = 0;
    for (int64_t k = 0; k < m; k++) {
        for (; e < s->links; e++) {
            while (e >= s->start[row + 1]) row++;
            if (row * s->cols + s->col[e] - e > at[k]) break;
        }
        at[k] += e;
    }
}

static void move_link(cull__sparse *s, int64_t to, int64_t from)
{
    s->col[to] = s->col[from];
    s->w[to] = s->w[from];
    for (int k = 0; k < s->slots; k++) s->slot[k][to] = s->slot[k][from];
}

cull_status cull__sparse_grow(cull_ctx *cx, cull__sparse *s, cull_rng *r, int64_t m, double scale)
{
    int64_t free_ = s->rows * s->cols - s->links, *at;
    cull__ranked *v;
    if (m < 1) return CULL_OK;
    if (m > free_)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " new links; the layer of %" PRId64 " by %" PRId64
                          " has room for %" PRId64,
                          m, s->in, s->out, free_);
    CULL_TRY(make_room(cx, s, s->links + m));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, at, m));
    CULL_TRY(CULL_TMP(cx, v, m > free_ / 2 ? free_ - m : m));
    free_ranks(r, free_, m, v, at);
    positions(s, at, m);
    /* from the last on, so that each link moves once and none is overwritten */
    int64_t to = s->links + m, next = m;
    for (int64_t row = s->rows; row-- > 0;) {
        int64_t e = s->start[row + 1], first = s->start[row];
        s->start[row + 1] = to;
        while (e > first || (next > 0 && at[next - 1] >= row * s->cols)) {
            if (next > 0 && at[next - 1] >= row * s->cols &&
                (e == first || at[next - 1] > row * s->cols + s->col[e - 1])) {
                s->col[--to] = (int32_t)(at[--next] - row * s->cols);
                s->w[to] = (float)(cull__rng_normal(r) * scale);
                for (int k = 0; k < s->slots; k++) s->slot[k][to] = 0;
            } else {
                move_link(s, --to, --e);
            }
        }
    }
    s->links += m;
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- what is dropped ---- */
static uint32_t bits_of(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

/* The bits of the |weight| at rank floor(zeta * number) among those of one sign. Floats above 0 are in
 * the order of their bits: a byte of them at a time, from the highest. */
static uint32_t at_rank(const cull__sparse *s, bool negative, double zeta)
{
    int64_t n = 0;
    uint32_t known = 0, found = 0;
    for (int64_t e = 0; e < s->links; e++) n += negative ? s->w[e] < 0 : s->w[e] > 0;
    if (!n) return 0;
    int64_t rank = (int64_t)(zeta * (double)n);
    if (rank > n - 1) rank = n - 1;
    for (int shift = 24; shift >= 0; shift -= 8) {
        int64_t count[256] = {0};
        for (int64_t e = 0; e < s->links; e++) {
            uint32_t u = bits_of(negative ? -s->w[e] : s->w[e]);
            if ((negative ? s->w[e] < 0 : s->w[e] > 0) && (u & known) == found)
                count[u >> shift & 255]++;
        }
        uint32_t b = 0;
        while (rank >= count[b]) rank -= count[b++];
        found |= b << shift;
        known |= UINT32_C(255) << shift;
    }
    return found;
}

int64_t cull__sparse_drop(cull__sparse *s, double zeta)
{
    const uint32_t up = at_rank(s, false, zeta), down = at_rank(s, true, zeta);
    int64_t kept = 0, before = s->links, lo = 0;
    for (int64_t i = 0; i < s->rows; i++) {
        int64_t hi = s->start[i + 1];
        for (int64_t e = lo; e < hi; e++) {
            float w = s->w[e];
            if (w > 0 ? bits_of(w) > up : w < 0 && bits_of(-w) > down) move_link(s, kept++, e);
        }
        s->start[i + 1] = kept;
        lo = hi;
    }
    s->links = kept;
    return before - kept;
}

/* ---- dense weights ---- */
static int64_t dense_at(const cull__sparse *s, int64_t row, int64_t col)
{
    return s->by_out ? col * s->out + row : row * s->out + col;
}

cull_status cull__sparse_from(cull_ctx *cx, cull__sparse *s, const float *w, const uint8_t *mask)
{
    int64_t n = 0, all = s->rows * s->cols;
    CULL_TRY(must_be_empty(cx, s));
    for (int64_t i = 0; i < all; i++) n += !mask || mask[i];
    CULL_TRY(make_room(cx, s, n));
    n = 0;
    for (int64_t i = 0; i < s->rows; i++) {
        for (int64_t j = 0; j < s->cols; j++) {
            int64_t at = dense_at(s, i, j);
            if (mask && !mask[at]) continue;
            s->col[n] = (int32_t)j;
            s->w[n] = w[at];
            for (int k = 0; k < s->slots; k++) s->slot[k][n] = 0;
            n++;
        }
        s->start[i + 1] = n;
    }
    s->links = n;
    return CULL_OK;
}

void cull__sparse_dense(const cull__sparse *s, float *w, uint8_t *mask)
{
    size_t all = (size_t)(s->rows * s->cols);
    if (w) memset(w, 0, all * sizeof *w);
    if (mask) memset(mask, 0, all);
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++) {
            int64_t at = dense_at(s, i, s->col[e]);
            if (w) w[at] = s->w[e];
            if (mask) mask[at] = 1;
        }
}

void cull__sparse_strength(const cull__sparse *s, double *out)
{
    memset(out, 0, (size_t)s->in * sizeof *out);
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t e = s->start[i]; e < s->start[i + 1]; e++)
            out[s->by_out ? s->col[e] : i] += fabs((double)s->w[e]);
}
