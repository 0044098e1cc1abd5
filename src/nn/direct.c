/* direct.c - convolutions by kern_conv.c, an image at a time.
 *
 * An image is copied with its padding about it, so that the inner loops know no edges. The gradient of x is a
 * convolution of dy too: with strides of s, one for each of the s s classes of pixels, which takes the taps
 * that fall on it. */
#include "nn/direct.h"
#include "nn/image.h"

#include <string.h>

/* One axis: `out` places, places * step + tap * apart - before in `in`; see along(). */
typedef struct {
    int64_t in, out, k, s, d, p;
} axis;
static axis down(const cull__conv *c) { return (axis){c->h, c->oh, c->kh, c->sh, c->dh, c->ph}; }
static axis across(const cull__conv *c) { return (axis){c->w, c->ow, c->kw, c->sw, c->dw, c->pw}; }

typedef struct {
    int64_t before, size; /* of the padded image */
} padded;

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static padded pad_forward(const axis *a)
{
    return (padded){a->p, most(a->p + a->in, (a->out - 1) * a->s + (a->k - 1) * a->d + 1)};
}

/* Whether tap u falls on the places of x of class r; *shift: then place s y + r takes y + *shift of dy. */
static bool falls(const axis *a, int64_t r, int64_t u, int64_t *shift)
{
    const int64_t at = r + a->p - u * a->d;
    *shift = at / a->s;
    return at % a->s == 0;
}
static int64_t class_size(const axis *a, int64_t r) { return (a->in - r + a->s - 1) / a->s; }

static padded pad_back(const axis *a)
{
    int64_t before = 0, end = a->out, shift;
    for (int64_t r = 0; r < a->s && r < a->in; r++)
        for (int64_t u = 0; u < a->k; u++)
            if (falls(a, r, u, &shift)) {
                before = most(before, -shift);
                end = most(end, class_size(a, r) + shift);
            }
    return (padded){before, before + end};
}

/* ---- what a call borrows from the tape ---- */

typedef struct {
    padded h, w;
    int64_t ch, image_n, weights_n, taps_n;
    float *image, *weights;
    int64_t *tap, *uv; /* of each tap: where it is in the image; its number in the kernel */
} lent;

static bool borrow(cull_tape *t, const cull__conv *c, bool back, lent *l)
{
    const axis h = down(c), w = across(c);
    const int64_t wide = CULL__KERN(conv, cull__tape_ctx(t))->wide, k = (int64_t)c->kh * c->kw;
    const int64_t in = back ? c->out : c->in, out = back ? c->in : c->out;
    *l = (lent){.h = back ? pad_back(&h) : pad_forward(&h),
                .w = back ? pad_back(&w) : pad_forward(&w),
                .ch = in,
                .weights_n = (out + wide - 1) / wide * wide * k * in,
                .taps_n = 4 * k};
    l->image_n = l->h.size * l->w.size * in;
    l->image = cull__take_floats(t, l->image_n);
    l->weights = l->image ? cull__take_floats(t, l->weights_n) : NULL;
    l->tap = l->weights ? (int64_t *)cull__take_floats(t, l->taps_n) : NULL;
    l->uv = l->tap ? l->tap + k : NULL;
    if (!l->tap) return false;
    memset(l->image, 0, (size_t)l->image_n * sizeof *l->image); /* the padding stays so */
    return true;
}

static void give(cull_tape *t, lent *l)
{
    cull__give_floats(t, l->image, l->image_n);
    cull__give_floats(t, l->weights, l->weights_n);
    cull__give_floats(t, (float *)l->tap, l->taps_n);
}

static void fill_image(const lent *l, const float *from, int64_t rows, int64_t cols)
{
    const int64_t row = cols * l->ch;
    for (int64_t i = 0; i < rows; i++)
        memcpy(l->image + ((l->h.before + i) * l->w.size + l->w.before) * l->ch, from + i * row,
               (size_t)row * sizeof *from);
}

/* w (out, kh kw, in) to blocks of `wide` outputs: tap, input, output; outputs and inputs change their parts
 * in `back`. unpack: from the blocks, added or written. */
static void pack(const cull__conv *c, const lent *l, int64_t taps, int64_t wide, bool back,
                 const float *w)
{
    const int64_t in = back ? c->out : c->in, out = back ? c->in : c->out,
                  k = (int64_t)c->kh * c->kw;
    float *to = l->weights;
    for (int64_t o = 0; o < out; o += wide)
        for (int64_t t = 0; t < taps; t++)
            for (int64_t e = 0; e < in; e++, to += wide)
                for (int64_t i = 0; i < wide; i++) {
                    const int64_t a = back ? e : o + i, b = back ? o + i : e;
                    to[i] = o + i < out ? w[(a * k + l->uv[t]) * c->in + b] : 0;
                }
}

static void unpack(const cull__conv *c, const lent *l, int64_t wide, float *w, bool add)
{
    const int64_t k = (int64_t)c->kh * c->kw;
    for (int64_t o = 0; o < c->out; o++)
        for (int64_t t = 0; t < k; t++, w += c->in) {
            const float *from = l->weights + (o / wide * wide * k + t * wide) * c->in + o % wide;
            for (int64_t e = 0; e < c->in; e++) w[e] = (add ? w[e] : 0) + from[e * wide];
        }
}

/* Taps that lie beside one another in the image are one of as many inputs: longer inner loops. */
static void merge(cull__gather *k, int64_t *tap)
{
    int64_t run = 1, in = k->in;
    while (run < k->taps && tap[run] == tap[0] + run * in) run++;
    if (run < 2 || k->taps % run) return;
    for (int64_t t = 0; t < k->taps; t++)
        if (tap[t] != tap[t - t % run] + t % run * in) return;
    for (int64_t t = 0; t < k->taps / run; t++) tap[t] = tap[t * run];
    k->in *= run;
    k->taps /= run;
}

static cull__gather forward_gather(const cull__conv *c, const lent *l)
{
    const int64_t row = l->w.size * l->ch;
    for (int64_t u = 0, t = 0; u < c->kh; u++)
        for (int64_t v = 0; v < c->kw; v++, t++) {
            l->tap[t] = u * c->dh * row + v * c->dw * l->ch;
            l->uv[t] = t;
        }
    cull__gather k = {.x = l->image,
                      .w = l->weights,
                      .tap = l->tap,
                      .taps = (int64_t)c->kh * c->kw,
                      .in = c->in,
                      .out = c->out,
                      .rows = c->oh,
                      .cols = c->ow,
                      .x_row = c->sh * row,
                      .x_col = c->sw * l->ch,
                      .y_row = (int64_t)c->ow * c->out,
                      .y_col = c->out};
    merge(&k, l->tap);
    return k;
}

cull_status cull__direct(cull_tape *t, const cull__conv *c, const float *x, const float *w,
                         const float *bias, float *y)
{
    const cull__conv_kern *kern = CULL__KERN(conv, cull__tape_ctx(t));
    lent l;
    if (!borrow(t, c, false, &l)) return cull_tape_status(t);
    cull__gather k = forward_gather(c, &l);
    pack(c, &l, (int64_t)c->kh * c->kw, kern->wide, false, w);
    k.bias = bias;
    for (int64_t b = 0; b < c->n; b++) {
        fill_image(&l, x + b * c->h * c->w * c->in, c->h, c->w);
        k.y = y + b * c->oh * k.y_row;
        kern->gather(&k);
    }
    give(t, &l);
    return CULL_OK;
}

cull_status cull__direct_weights(cull_tape *t, const cull__conv *c, const float *x, const float *dy,
                                 float *dw, bool add)
{
    const cull__conv_kern *kern = CULL__KERN(conv, cull__tape_ctx(t));
    lent l;
    if (!borrow(t, c, false, &l)) return cull_tape_status(t);
    cull__gather k = forward_gather(c, &l);
    memset(l.weights, 0, (size_t)l.weights_n * sizeof *l.weights);
    for (int64_t b = 0; b < c->n; b++) {
        fill_image(&l, x + b * c->h * c->w * c->in, c->h, c->w);
        k.y = (float *)dy + b * c->oh * k.y_row;
        kern->weights(&k, l.weights);
    }
    unpack(c, &l, kern->wide, dw, add);
    give(t, &l);
    return CULL_OK;
}

/* The class (r, q) of x's pixels: its taps, and where it lies; none: there is no such pixel. */
static bool class_gather(const cull__conv *c, const lent *l, int64_t r, int64_t q, float *dx,
                         cull__gather *k)
{
    const axis h = down(c), w = across(c);
    const int64_t row = l->w.size * l->ch;
    int64_t taps = 0, i, j;
    if (r >= c->h || q >= c->w) return false;
    for (int64_t u = 0; u < c->kh; u++)
        for (int64_t v = c->kw - 1; v >= 0; v--) /* so that they come in the image's order */
            if (falls(&h, r, u, &i) && falls(&w, q, v, &j)) {
                l->tap[taps] = (l->h.before + i) * row + (l->w.before + j) * l->ch;
                l->uv[taps++] = u * c->kw + v;
            }
    *k = (cull__gather){.x = l->image,
                        .w = l->weights,
                        .tap = l->tap,
                        .taps = taps,
                        .in = c->out,
                        .out = c->in,
                        .rows = class_size(&h, r),
                        .cols = class_size(&w, q),
                        .x_row = row,
                        .x_col = l->ch,
                        .y_row = (int64_t)c->sh * c->w * c->in,
                        .y_col = (int64_t)c->sw * c->in,
                        .y = dx + (r * c->w + q) * c->in};
    return true;
}

cull_status cull__direct_data(cull_tape *t, const cull__conv *c, const float *dy, const float *w,
                              float *dx, bool add)
{
    const cull__conv_kern *kern = CULL__KERN(conv, cull__tape_ctx(t));
    const int64_t image = (int64_t)c->h * c->w * c->in, of_dy = (int64_t)c->oh * c->ow * c->out;
    lent l;
    if (!borrow(t, c, true, &l)) return cull_tape_status(t);
    for (int64_t r = 0; r < c->sh; r++)
        for (int64_t q = 0; q < c->sw; q++) {
            cull__gather k;
            if (!class_gather(c, &l, r, q, dx, &k)) continue;
            pack(c, &l, k.taps, kern->wide, true, w);
            merge(&k, l.tap);
            k.add = add;
            for (int64_t b = 0; b < c->n; b++, k.y += image) {
                fill_image(&l, dy + b * of_dy, c->oh, c->ow);
                kern->gather(&k);
            }
        }
    give(t, &l);
    return CULL_OK;
}
