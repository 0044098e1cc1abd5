/* sparse.h - a layer whose links are a list, for training from sparse to sparse.
 *
 * Activations of a batch are (features, ld): a row for each feature, a column for each example, so that
 * a link is one pass over contiguous numbers. Columns beyond the batch, up to a multiple of 16, count as
 * examples: whoever has some keeps their deltas at zero. Products run on the calling thread; columns
 * are independent of one another in _forward and _backward, rows of the list in _grad, and that is how
 * callers share them out. Every sum has one order, whatever the tiles and the instruction set. */
#ifndef CULL__SPARSE_H
#define CULL__SPARSE_H
#include "base/base.h"

enum { CULL__SPARSE_SLOTS = 2 };
/* Links in compressed rows (CSR). Rows are the wider side of the layer, so that what is gathered from
 * and scattered to is the narrow one, which caches hold. O(links + rows) memory. */
typedef struct {
    int64_t in, out;
    bool by_out; /* rows are outputs and columns inputs; else the other way round */
    int64_t rows, cols, links, room;
    int64_t *start; /* rows + 1 */
    int32_t *col;   /* links: ascending within a row */
    float *w;
    int slots; /* numbers that an optimiser keeps of each link: they follow it, new ones start at 0 */
    float *slot[CULL__SPARSE_SLOTS];
} cull__sparse;

/* A layer without links. CULL_EINPUT: no features on one side, 2^31 of them, or in * out >= 2^53. */
cull_status cull__sparse_new(cull_ctx *cx, int64_t in, int64_t out, int slots, cull__sparse **s);
void cull__sparse_free(cull__sparse *s);
/* Links of an empty layer at `draws` random positions, repeats counting once (an Erdos-Renyi graph, as
 * in Mocanu et al. 2018: draws = epsilon (in + out)), with weights N(0, scale^2). No scratch. */
cull_status cull__sparse_draw(cull_ctx *cx, cull__sparse *s, cull_rng *r, int64_t draws,
                              double scale);
/* Exactly m more links at free positions, all sets of those alike; weights N(0, scale^2). So many of
 * an empty layer make a density. CULL_EINPUT: there are not m free positions. 24 m bytes of scratch. */
cull_status cull__sparse_grow(cull_ctx *cx, cull__sparse *s, cull_rng *r, int64_t m, double scale);
/* Of the positive weights those up to the one at rank floor(zeta * number) from zero, of the negative
 * ones likewise, and weights of 0, which count on neither side, lose their links. zeta in [0, 1).
 * O(links) time, no scratch. Returns how many. */
int64_t cull__sparse_drop(cull__sparse *s, double zeta);
/* From dense weights (in, out), with a link where mask (in, out) is not 0 (NULL: everywhere), and back:
 * 0 where there is none. The layer must be empty; either output may be NULL. */
cull_status cull__sparse_from(cull_ctx *cx, cull__sparse *s, const float *w, const uint8_t *mask);
void cull__sparse_dense(const cull__sparse *s, float *w, uint8_t *mask);
/* Sum of the |weights| of each input (in). */
void cull__sparse_strength(const cull__sparse *s, double *out);

/* ---- products: ld and n multiples of 16, n columns ---- */
typedef struct cull__sparse_kern cull__sparse_kern;
const cull__sparse_kern *cull__sparse_kernels(const cull_ctx *cx);
struct cull__sparse_kern {
    /* y[row] += w x[col], or y[col] += w x[row], for each link */
    void (*gather)(const cull__sparse *s, const float *x, float *y, int64_t ld, int64_t n);
    void (*scatter)(const cull__sparse *s, const float *x, float *y, int64_t ld, int64_t n);
    /* g of each link of rows [lo, hi) = a[row] . b[col], from the first one's on */
    void (*sampled)(const cull__sparse *s, int64_t lo, int64_t hi, const float *a, const float *b,
                    int64_t ld, int64_t n, float *g);
    /* v = momentum v - rate g; w += v - decay w */
    void (*sgd)(float *w, float *v, const float *g, int64_t n, float rate, float momentum,
                float decay);
    /* v = 1 / (1 + exp(-v)), and tanh(v); n a multiple of 16. Off by at most 2e-7. */
    void (*sigmoid)(float *v, int64_t n);
    void (*tanh)(float *v, int64_t n);
};

/* y (out, ld) += W^T x (in, ld) */
static inline void cull__sparse_forward(const cull__sparse_kern *k, const cull__sparse *s,
                                        const float *x, float *y, int64_t ld, int64_t n)
{
    (s->by_out ? k->gather : k->scatter)(s, x, y, ld, n);
}
/* dx (in, ld) += W dy (out, ld) */
static inline void cull__sparse_backward(const cull__sparse_kern *k, const cull__sparse *s,
                                         const float *dy, float *dx, int64_t ld, int64_t n)
{
    (s->by_out ? k->scatter : k->gather)(s, dy, dx, ld, n);
}
/* g[l - start[lo]] = sum over the batch of x dy, for the links l of rows [lo, hi). */
static inline void cull__sparse_grad(const cull__sparse_kern *k, const cull__sparse *s, int64_t lo,
                                     int64_t hi, const float *x, const float *dy, int64_t ld,
                                     int64_t n, float *g)
{
    k->sampled(s, lo, hi, s->by_out ? dy : x, s->by_out ? x : dy, ld, n, g);
}
#endif
