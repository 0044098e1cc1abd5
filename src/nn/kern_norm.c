/* kern_norm.c - rows of channels: their spread, scaled, multiplied with one another; see image.h.
 *
 * Two registers of channels are taken down all rows before the next two, so that what belongs to a channel
 * stays in registers. Callers hand over as many rows as a cache holds. */
#include "nn/image.h"
#include "nn/wide.h"

/* call(at, registers, lanes) for all c channels */
#define COLUMNS(c, call)                                                                           \
    do {                                                                                           \
        int64_t at = 0;                                                                            \
        for (; at + 2 * LANES <= (c); at += 2 * LANES) call(at, 2, LANES);                         \
        if (at + LANES <= (c)) {                                                                   \
            call(at, 1, LANES);                                                                    \
            at += LANES;                                                                           \
        }                                                                                          \
        if (at < (c)) call(at, 1, (int)((c)-at));                                                  \
    } while (0)

CULL__INLINE void load(vf *v, const float *p, int n, int w)
{
    for (int i = 0; i < n; i++) v[i] = vf_load(p + i * LANES, w);
}
CULL__INLINE void store(float *p, const vf *v, int n, int w)
{
    for (int i = 0; i < n; i++) vf_store(p + i * LANES, v[i], w);
}

typedef int vi __attribute__((vector_size(LANES * 4)));
/* x where t > 0, else 0 */
CULL__INLINE vf where_above(vf x, vf t) { return (vf)((vi)x & (t > vf_set(0))); }

CULL__INLINE void spread_some(const float *x, int64_t rows, int64_t c, const float *m, float *s,
                              float *q, int n, int w)
{
    vf mid[2], sum[2], squares[2];
    load(mid, m, n, w);
    load(sum, s, n, w);
    load(squares, q, n, w);
    for (int64_t r = 0; r < rows; r++, x += c)
        for (int i = 0; i < n; i++) {
            const vf d = vf_load(x + i * LANES, w) - mid[i];
            sum[i] += d;
            squares[i] = vf_fma(d, d, squares[i]);
        }
    store(s, sum, n, w);
    store(q, squares, n, w);
}

static void spread(const float *x, int64_t rows, int64_t c, const float *m, float *s, float *q)
{
#define CALL(at, n, w) spread_some(x + (at), rows, c, m + (at), s + (at), q + (at), n, w)
    COLUMNS(c, CALL);
#undef CALL
}

CULL__INLINE void scale_some(float *y, const float *x, int64_t rows, int64_t c, const float *a,
                             const float *b, bool relu, bool add, int n, int w)
{
    vf by[2], plus[2];
    load(by, a, n, w);
    load(plus, b, n, w);
    for (int64_t r = 0; r < rows; r++, x += c, y += c)
        for (int i = 0; i < n; i++) {
            vf v = vf_fma(by[i], vf_load(x + i * LANES, w), plus[i]);
            if (relu) v = where_above(v, v);
            if (add) v += vf_load(y + i * LANES, w);
            vf_store(y + i * LANES, v, w);
        }
}

static void scale(float *y, const float *x, int64_t rows, int64_t c, const float *a, const float *b,
                  bool relu)
{
#define WITH(at, n, w)                                                                             \
    scale_some(y + (at), x + (at), rows, c, a + (at), b + (at), true, false, n, w)
#define WITHOUT(at, n, w)                                                                          \
    scale_some(y + (at), x + (at), rows, c, a + (at), b + (at), false, false, n, w)
    if (relu)
        COLUMNS(c, WITH);
    else
        COLUMNS(c, WITHOUT);
#undef WITH
#undef WITHOUT
}

static void scale_add(float *y, const float *x, int64_t rows, int64_t c, const float *a,
                      const float *b)
{
#define CALL(at, n, w)                                                                             \
    scale_some(y + (at), x + (at), rows, c, a + (at), b + (at), false, true, n, w)
    COLUMNS(c, CALL);
#undef CALL
}

CULL__INLINE void product_some(const float *g, const float *x, int64_t rows, int64_t c,
                               const float *m, const float *a, const float *b, bool relu, float *s,
                               float *q, int n, int w)
{
    vf mid[2], by[2], plus[2], sum[2], products[2];
    load(mid, m, n, w);
    if (relu) load(by, a, n, w);
    if (relu) load(plus, b, n, w);
    for (int i = 0; i < n; i++) sum[i] = products[i] = vf_set(0);
    for (int64_t r = 0; r < rows; r++, x += c, g += c)
        for (int i = 0; i < n; i++) {
            const vf v = vf_load(x + i * LANES, w);
            vf d = vf_load(g + i * LANES, w);
            if (relu) d = where_above(d, vf_fma(by[i], v, plus[i]));
            sum[i] += d;
            products[i] = vf_fma(d, v - mid[i], products[i]);
        }
    for (int i = 0; i < n; i++) {
        if (s) vf_store(s + i * LANES, vf_load(s + i * LANES, w) + sum[i], w);
        vf_store(q + i * LANES, vf_load(q + i * LANES, w) + products[i], w);
    }
}

static void product(const float *g, const float *x, int64_t rows, int64_t c, const float *m,
                    const float *a, const float *b, bool relu, float *s, float *q)
{
#define WITH(at, n, w)                                                                             \
    product_some(g + (at), x + (at), rows, c, m + (at), a + (at), b + (at), true,                  \
                 s ? s + (at) : NULL, q + (at), n, w)
#define WITHOUT(at, n, w)                                                                          \
    product_some(g + (at), x + (at), rows, c, m + (at), NULL, NULL, false, s ? s + (at) : NULL,    \
                 q + (at), n, w)
    if (relu)
        COLUMNS(c, WITH);
    else
        COLUMNS(c, WITHOUT);
#undef WITH
#undef WITHOUT
}

CULL__INLINE void back_some(float *d, const float *g, const float *x, int64_t rows, int64_t c,
                            const float *k, const float *l, const float *z, const float *a,
                            const float *b, bool relu, bool add, int n, int w)
{
    vf of_g[2], of_x[2], rest[2], by[2], plus[2];
    load(of_g, k, n, w);
    load(of_x, l, n, w);
    load(rest, z, n, w);
    if (relu) load(by, a, n, w);
    if (relu) load(plus, b, n, w);
    for (int64_t r = 0; r < rows; r++, x += c, g += c, d += c)
        for (int i = 0; i < n; i++) {
            const vf v = vf_load(x + i * LANES, w);
            vf e = vf_load(g + i * LANES, w);
            if (relu) e = where_above(e, vf_fma(by[i], v, plus[i]));
            e = vf_fma(of_g[i], e, vf_fma(of_x[i], v, rest[i]));
            if (add) e += vf_load(d + i * LANES, w);
            vf_store(d + i * LANES, e, w);
        }
}

static void back(float *d, const float *g, const float *x, int64_t rows, int64_t c, const float *k,
                 const float *l, const float *z, const float *a, const float *b, bool relu,
                 bool add)
{
#define WITH(at, n, w)                                                                             \
    back_some(d + (at), g + (at), x + (at), rows, c, k + (at), l + (at), z + (at), a + (at),       \
              b + (at), true, add, n, w)
#define WITHOUT(at, n, w)                                                                          \
    back_some(d + (at), g + (at), x + (at), rows, c, k + (at), l + (at), z + (at), NULL, NULL,     \
              false, add, n, w)
    if (relu)
        COLUMNS(c, WITH);
    else
        COLUMNS(c, WITHOUT);
#undef WITH
#undef WITHOUT
}

const cull__norm_kern CULL__TABLE(norm) = {
    .spread = spread,
    .scale = scale,
    .scale_add = scale_add,
    .product = product,
    .back = back,
};
