/* kern_conv.c - convolutions of all channels with all channels; see image.h.
 *
 * A tile of six pixels and two registers of output channels is summed in registers: twelve fused
 * multiply-adds for two loads of weights and six of pixels, enough of each for the processor to do two a cycle.
 * Where one register of them is left, of 8 channels of a pruned layer say, the other takes the odd inputs: half the time
 * of a tile that computes outputs for nobody. Taps come in parts whose weights stay in the first cache.
 * Registers hold 8 on AVX-512 too: oneDNN does there what has many channels (op_conv.c). */
#define CULL_LANES_MOST 8
#include "nn/image.h"
#include "nn/wide.h"

enum { TILE = 6, WIDE = 2 * LANES, NEAR = 4096, DEEP = 4 };

typedef struct {
    int64_t x[TILE], y[TILE];
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

/* ---- one register of outputs ---- */

/* Lanes of a and b in turn, in two registers, and the sums of each two lanes of such a pair. Halves of 16 bytes stay where they
 * are: that costs less. */
#if CULL_ISA_LEVEL >= 3 && defined(__AVX2__)
#define LOW 0, 8, 1, 9, 4, 12, 5, 13
#define HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define EVEN 0, 2, 8, 10, 4, 6, 12, 14
#define ODD 1, 3, 9, 11, 5, 7, 13, 15
#else
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#endif

/* p[0], p[1], p[0], p[1], ... */
CULL__INLINE vf two(const float *p)
{
    double both;
    memcpy(&both, p, sizeof both);
#if CULL_ISA_LEVEL >= 3 && defined(__AVX2__)
    return (vf)_mm256_set1_pd(both);
#else
    typedef double vd __attribute__((vector_size(LANES * 4)));
    return (vf)(vd){both, both};
#endif
}

/* The same for the `first` outputs alone. Each has two lanes, for even inputs and odd ones, so that a pixel is loaded for
 * two registers' multiply-adds, as above. */
CULL__INLINE void narrow_tile(const cull__gather *k, const spot *s, const float *w, float *y,
                              const float *bias, int64_t from, int64_t to, bool add, int n,
                              int first)
{
    vf sum[TILE][2];
    memset(sum, 0, sizeof sum);
    for (int64_t t = from; t < to; t++) {
        const float *f = w + t * k->in * WIDE, *x[TILE];
        for (int q = 0; q < TILE; q++) x[q] = k->x + (k->tap[t] + s->x[q]);
        int64_t c = 0;
        for (; c + 1 < k->in; c += 2, f += 2 * WIDE) {
            const vf even = vf_load(f, LANES), odd = vf_load(f + WIDE, LANES);
            const vf a = __builtin_shufflevector(even, odd, LOW),
                     b = __builtin_shufflevector(even, odd, HIGH);
            for (int q = 0; q < TILE; q++) {
                const vf v = two(x[q] + c);
                sum[q][0] = vf_fma(v, a, sum[q][0]);
                sum[q][1] = vf_fma(v, b, sum[q][1]);
            }
        }
        if (c == k->in) continue;
        const vf even = vf_load(f, LANES), none = vf_set(0);
        const vf a = __builtin_shufflevector(even, none, LOW),
                 b = __builtin_shufflevector(even, none, HIGH);
        for (int q = 0; q < TILE; q++) {
            const vf v = __builtin_shufflevector(vf_set(x[q][c]), none, LOW);
            sum[q][0] = vf_fma(v, a, sum[q][0]);
            sum[q][1] = vf_fma(v, b, sum[q][1]);
        }
    }
    for (int q = 0; q < TILE && q < n; q++) {
        const float *start = add ? y + s->y[q] : bias;
        vf all = __builtin_shufflevector(sum[q][0], sum[q][1], EVEN) +
                 __builtin_shufflevector(sum[q][0], sum[q][1], ODD);
        if (start) all += vf_load(start, first);
        vf_store(y + s->y[q], all, first);
    }
}

/* The next pixels of the result in order from (*i, *j) on, where there are so many. */
static void spot_next(const cull__gather *k, int64_t *i, int64_t *j, spot *s)
{
    int64_t x = *i * k->x_row + *j * k->x_col, y = *i * k->y_row + *j * k->y_col;
    s->n = 0;
    for (int q = 0; q < TILE; q++) {
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
                spot_next(k, &i, &j, &s);
                if (!second && first == LANES && s.n == TILE)
                    narrow_tile(k, &s, w, k->y + o, bias, from, to, add, TILE, LANES);
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
