/* image.h - inner loops of operations on images (n, h, w, channels); see kern.h. */
#ifndef CULL__NN_IMAGE_H
#define CULL__NN_IMAGE_H
#include "nn/kern.h"
#include "nn/prims.h"

/* ---- kern_dw.c: a filter for each channel; weights turned to (kh, kw, channels) ---- */
typedef struct {
    /* add: to what is in y; else y begins as the bias, or 0 where that is NULL */
    void (*forward)(const cull__conv *c, const float *x, const float *w, const float *bias,
                    float *y, bool add);
    void (*back_data)(const cull__conv *c, const float *dy, const float *w, float *dx, bool add);
    /* w: kh kw channels numbers lent, for the gradient's sum */
    void (*back_weights)(const cull__conv *c, const float *x, const float *dy, float *dw);
} cull__dw_kern;
CULL__DECLARE(dw);

/* ---- kern_conv.c: all channels to all channels, by tiles of pixels and output channels ---- */
typedef struct {
    const float *x; /* an image with its padding about it */
    const float *
        w; /* for each block of `wide` outputs, tap and input: `wide` numbers, zeros past the last */
    const float *bias;     /* or NULL */
    const int64_t *tap;    /* of each tap: where it lies in x, from a pixel's first */
    int64_t taps, in, out; /* in and out: channels */
    int64_t rows, cols;    /* of pixels that come out */
    int64_t x_row, x_col;  /* floats from one to the next in x, */
    int64_t y_row, y_col;  /* and in y */
    float *y;              /* the first pixel */
    bool add;              /* to what is in y */
} cull__gather;
typedef struct {
    int wide;
    void (*gather)(const cull__gather *k);
    /* the other way round: x and w change their parts, w grows by the products of x with y */
    void (*weights)(const cull__gather *k, float *w);
} cull__conv_kern;
CULL__DECLARE(conv);

/* ---- kern_pool.c: windows over each channel; in = out, row: a row of the wider image lent ---- */
typedef struct {
    void (*max)(const cull__conv *c, const float *x, float *y, float *row);
    /* to the first of a window's pixels that is its maximum; added to dx */
    void (*max_back)(const cull__conv *c, const float *x, const float *y, const float *dy,
                     float *dx);
    /* pad: it counts */
    void (*mean)(const cull__conv *c, const float *x, float *y, float *row, bool pad);
    void (*mean_back)(const cull__conv *c, const float *dy, float *dx, float *row, bool pad,
                      bool add);
} cull__pool_kern;
CULL__DECLARE(pool);

/* ---- kern_norm.c: rows of c channels ---- */
typedef struct {
    /* s += sum of x - m over the rows, q += sum of its squares */
    void (*spread)(const float *x, int64_t rows, int64_t c, const float *m, float *s, float *q);
    /* y = a x + b, or max(that, 0) */
    void (*scale)(float *y, const float *x, int64_t rows, int64_t c, const float *a, const float *b,
                  bool relu);
    void (*scale_add)(float *y, const float *x, int64_t rows, int64_t c, const float *a,
                      const float *b); /* y += a x + b */
    /* s += sum of g, q += sum of g (x - m); relu: only where a x + b > 0. s may be NULL */
    void (*product)(const float *g, const float *x, int64_t rows, int64_t c, const float *m,
                    const float *a, const float *b, bool relu, float *s, float *q);
    /* d = k g + l x + z, or added to what is there; relu: g counts only where a x + b > 0. d may be g */
    void (*back)(float *d, const float *g, const float *x, int64_t rows, int64_t c, const float *k,
                 const float *l, const float *z, const float *a, const float *b, bool relu,
                 bool add);
} cull__norm_kern;
CULL__DECLARE(norm);
#endif
