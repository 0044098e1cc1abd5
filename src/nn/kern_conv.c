/* kern_conv.c - convolutions of all channels with all channels; see image.h.
 *
 * A tile of six pixels and two registers of output channels is summed in registers: twelve fused
 * multiply-adds for two loads of weights and six of pixels, enough of each for the processor to do two a cycle.
 * Where one register of them is left, of 8 channels of a pruned layer say, a tile is eight pixels and that one: half
 * the time of a tile that computes another for nobody. Taps come in parts whose weights stay in the first cache.
 * Registers hold 8 on AVX-512 too: oneDNN does there what has many channels (op_conv.c). */
#define CULL_LANES_MOST 8
#include "nn/image.h"
#include "nn/wide.h"

enum { TILE = 6, NARROW = 8, WIDE = 2 * LANES, NEAR = 4096, DEEP = 4 };

typedef struct {
    int64_t x[NARROW], y[NARROW];
    int n; /* pixels; the rest repeat the first and are not stored */
} spot;

/* Taps [from, to) at one spot of n pixels, for the `wide` outputs at y and w; first, second: lanes that
 * there are. */
CULL__INLINE void tile(const cull__gather *k, const spot *s, const float *w, float *y,
                       const float *bias, int64_t from, int64_t to, bool add, int n, int first,
                       int second)
{
    vf sum[TILE][2];
    for (int q = 0; q < TILE; q++) {
        const float *start = add ? y + s->y[q] : bias;
        sum[q][0] = start ? vf_load(start, first) : vf_set(0);
        sum[q][1] = start ? vf_load(start + LANES, second) : vf_set(0);
    }
    for (int64_t t = from; t < to; t++) {
        const float *f = w + t * k->in * WIDE, *x[TILE];
        for (int q = 0; q < TILE; q++) x[q] = k->x + (k->tap[t] + s->x[q]);
        for (int64_t c = 0; c < k->in; c++, f += WIDE) {
            const vf a = vf_load(f, LANES), b = vf_load(f + LANES, LANES);
            for (int q = 0; q < TILE; q++) {
                const vf v = vf_set(x[q][c]);
                sum[q][0] = vf_fma(v, a, sum[q][0]);
                sum[q][1] = vf_fma(v, b, sum[q][1]);
            }
        }
    }
    for (int q = 0; q < TILE; q++) {
        if (q >= n) break;
        vf_store(y + s->y[q], sum[q][0], first);
        vf_store(y + s->y[q] + LANES, sum[q][1], second);
    }
}

/* The same for the `first` outputs alone. */
CULL__INLINE void narrow_tile(const cull__gather *k, const spot *s, const float *w, float *y,
                              const float *bias, int64_t from, int64_t to, bool add, int n,
                              int first)
{
    vf sum[NARROW];
    for (int q = 0; q < NARROW; q++) {
        const float *start = add ? y + s->y[q] : bias;
        sum[q] = start ? vf_load(start, first) : vf_set(0);
    }
    for (int64_t t = from; t < to; t++) {
        const float *f = w + t * k->in * WIDE, *x[NARROW];
        for (int q = 0; q < NARROW; q++) x[q] = k->x + (k->tap[t] + s->x[q]);
        for (int64_t c = 0; c < k->in; c++, f += WIDE) {
            const vf a = vf_load(f, LANES);
            for (int q = 0; q < NARROW; q++) sum[q] = vf_fma(vf_set(x[q][c]), a, sum[q]);
        }
    }
    for (int q = 0; q < NARROW && q < n; q++) vf_store(y + s->y[q], sum[q], first);
}

/* The next `most` pixels of the result in order from (*i, *j) on, where there are so many. */
static void spot_next(const cull__gather *k, int64_t *i, int64_t *j, int most, spot *s)
{
    int64_t x = *i * k->x_row + *j * k->x_col, y = *i * k->y_row + *j * k->y_col;
    s->n = 0;
    for (int q = 0; q < most; q++) {
        if (*i == k->rows) {
            s->x[q] = s->x[0];
            s->y[q] = s->y[0];
            continue;
        }
        s->x[q] = x, s->y[q] = y;
        s->n++;
        x += k->x_col, y += k->y_col;
        if (++*j < k->cols) continue;
        *j = 0;
        ++*i;
        x = *i * k->x_row, y = *i * k->y_row;
    }
}

static void gather(const cull__gather *k)
{
    int64_t part = NEAR / (k->in * WIDE);
    if (part < 1) part = 1;
    for (int64_t o = 0; o < k->out; o += WIDE) {
        const float *w = k->w + o * k->taps * k->in, *bias = k->bias ? k->bias + o : NULL;
        const int64_t rest = k->out - o;
        const int first = rest < LANES ? (int)rest : LANES, second = rest < LANES ? 0
                                                                     : rest < WIDE
                                                                         ? (int)(rest - LANES)
                                                                         : LANES;
        int64_t from = 0;
        do { /* once where there are no taps: zeros, or the bias */
            const int64_t to = k->taps - from < part ? k->taps : from + part;
            const bool add = from > 0 || k->add;
            for (int64_t i = 0, j = 0; i < k->rows;) {
                spot s;
                spot_next(k, &i, &j, second ? TILE : NARROW, &s);
                if (!second && first == LANES && s.n == NARROW)
                    narrow_tile(k, &s, w, k->y + o, bias, from, to, add, NARROW, LANES);
                else if (!second)
                    narrow_tile(k, &s, w, k->y + o, bias, from, to, add, s.n, first);
                else if (second == LANES && s.n == TILE)
                    tile(k, &s, w, k->y + o, bias, from, to, add, TILE, LANES, LANES);
                else
                    tile(k, &s, w, k->y + o, bias, from, to, add, s.n, first, second);
            }
            from = to;
        } while (from < k->taps);
    }
}

/* ---- gradient of the weights ---- */

/* n <= DEEP inputs at x and the outputs at y over rows [lo, hi) of pixels, into w. */
CULL__INLINE void products(const cull__gather *k, const float *x, const float *y, float *w,
                           int64_t lo, int64_t hi, int n, int first, int second)
{
    vf sum[DEEP][2];
    for (int e = 0; e < n; e++) {
        sum[e][0] = vf_load(w + e * WIDE, LANES);
        sum[e][1] = vf_load(w + e * WIDE + LANES, LANES);
    }
    for (int64_t i = lo; i < hi; i++) {
        const float *p = x + i * k->x_row, *g = y + i * k->y_row;
        for (int64_t j = 0; j < k->cols; j++, p += k->x_col, g += k->y_col) {
            const vf a = vf_load(g, first), b = vf_load(g + LANES, second);
            for (int e = 0; e < n; e++) {
                const vf v = vf_set(p[e]);
                sum[e][0] = vf_fma(v, a, sum[e][0]);
                sum[e][1] = vf_fma(v, b, sum[e][1]);
            }
        }
    }
    for (int e = 0; e < n; e++) {
        vf_store(w + e * WIDE, sum[e][0], LANES);
        vf_store(w + e * WIDE + LANES, sum[e][1], LANES);
    }
}

CULL__INLINE void all_inputs(const cull__gather *k, const float *x, const float *y, float *w,
                             int64_t lo, int64_t hi, int first, int second)
{
    int64_t c = 0;
    for (; c + DEEP <= k->in; c += DEEP)
        products(k, x + c, y, w + c * WIDE, lo, hi, DEEP, first, second);
    if (k->in - c == 3)
        products(k, x + c, y, w + c * WIDE, lo, hi, 3, first, second);
    else
        for (; c < k->in; c++) products(k, x + c, y, w + c * WIDE, lo, hi, 1, first, second);
}

static void weights(const cull__gather *k, float *w)
{
    int64_t band = NEAR / (k->cols * k->out + k->x_row); /* rows that stay in the first cache */
    if (band < 1) band = 1;
    for (int64_t lo = 0; lo < k->rows; lo += band) {
        const int64_t hi = k->rows - lo < band ? k->rows : lo + band;
        for (int64_t o = 0; o < k->out; o += WIDE)
            for (int64_t t = 0; t < k->taps; t++) {
                const int64_t rest = k->out - o;
                float *to = w + (o * k->taps + t * WIDE) * k->in;
                if (rest >= WIDE)
                    all_inputs(k, k->x + k->tap[t], k->y + o, to, lo, hi, LANES, LANES);
                else
                    all_inputs(k, k->x + k->tap[t], k->y + o, to, lo, hi,
                               rest < LANES ? (int)rest : LANES,
                               rest < LANES ? 0 : (int)(rest - LANES));
            }
    }
}

const cull__conv_kern CULL__TABLE(conv) = {
    .wide = WIDE,
    .gather = gather,
    .weights = weights,
};
