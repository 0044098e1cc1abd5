/* op_conv.c - convolutions of images, by whichever way is the fastest one for them.
 *
 * A filter for each channel: kern_dw.c. A kernel of one pixel: a matrix product. All channels to all: oneDNN on
 * AVX-512, where it runs near the processor's peak if channels fill its registers, else direct.c. Measured on Zen 4: 8
 * channels made from 16 at 93 GFLOP/s, oneDNN 55; 24 from 64 at 100 and 95; 64 from 64 at 103 and 128. On Zen 3 beside oneDNN 2.6, in
 * turns: alike at 16 channels, 1.0 to 1.4 times its speed at 32, 1.3 to 1.5 at 64 or with strides; slower at
 * 3 (0.6 to 0.9), in the one layer of a net that has so few. Groups: oneDNN, and what it has only slow loops
 * for by patches (im2col) and matrix products. */
#include "cull/nn_image.h"
#include "nn/direct.h"
#include "nn/image.h"

#include <inttypes.h>
#include <string.h>

enum { PATCHES = 1 << 17 }; /* floats of patches at a time: half of a cache of 1 MB */

static int64_t or_one(int64_t v) { return v ? v : 1; }

void cull_window_same(cull_window *w, int64_t kh, int64_t kw, int64_t height, int64_t width)
{
    const int64_t k[2] = {kh, kw}, size[2] = {height, width};
    for (int i = 0; i < 2; i++) {
        int64_t s = or_one(w->stride[i]), d = or_one(w->dilation[i]);
        int64_t all = ((size[i] + s - 1) / s - 1) * s + d * (k[i] - 1) + 1 - size[i];
        if (all < 0) all = 0;
        w->pad[2 * i] = all / 2;
        w->pad[2 * i + 1] = all - all / 2;
    }
}

static cull_status shape(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0], *w = y->in[1], *b = y->ins > 2 ? y->in[2] : NULL;
    const cull_window *k = y->attr;
    char dx[96], dw[96];
    if (x->rank != 4 || w->rank != 4)
        return cull__wrong(t, y,
                           "x is %s and the weights are %s; they must be (n, height, width, in) "
                           "and (out, height, width, in / groups)",
                           cull__dims(x, dx), cull__dims(w, dw));
    const int64_t g = or_one(k->groups), in = x->dim[3], out = w->dim[0];
    if (g < 1 || in % g || out % g || w->dim[3] != in / g)
        return cull__wrong(t, y,
                           "x is %s, the weights are %s and there are %" PRId64
                           " groups; they must divide both and the weights' last be in / groups",
                           cull__dims(x, dx), cull__dims(w, dw), g);
    if (b && (b->rank != 1 || b->n != out))
        return cull__wrong(t, y, "the bias is %s; it must be (%" PRId64 ")", cull__dims(b, dx),
                           out);
    y->rank = 4;
    y->dim[0] = x->dim[0];
    y->dim[3] = out;
    for (int i = 0; i < 2; i++) {
        const int64_t s = or_one(k->stride[i]), d = or_one(k->dilation[i]);
        const int64_t p = k->pad[2 * i], q = k->pad[2 * i + 1], most = INT16_MAX;
        if (s < 1 || d < 1 || p < 0 || q < 0 || s > most || d > most || p > most || q > most)
            return cull__wrong(t, y,
                               "stride %" PRId64 ", dilation %" PRId64 ", padding %" PRId64
                               " and %" PRId64 "; they must be 0 to %d",
                               s, d, p, q, INT16_MAX);
        const int64_t reach = d * (w->dim[1 + i] - 1) + 1, room = x->dim[1 + i] + p + q;
        if (room < reach)
            return cull__wrong(t, y,
                               "the kernel reaches over %" PRId64 " pixels and the padded image "
                               "has %" PRId64 "; x is %s, the weights are %s",
                               reach, room, cull__dims(x, dx), cull__dims(w, dw));
        y->dim[1 + i] = (room - reach) / s + 1;
    }
    for (int i = 0; i < 4; i++)
        if (x->dim[i] > 1 << 30 || y->dim[i] > 1 << 30 || w->dim[i] > 1 << 30)
            return cull__wrong(t, y, "x is %s, the weights are %s: that is too large",
                               cull__dims(x, dx), cull__dims(w, dw));
    return CULL_OK;
}

static cull__conv geometry(const cull_var *y)
{
    const int64_t *x = y->in[0]->dim, *w = y->in[1]->dim;
    const cull_window *k = y->attr;
    return (cull__conv){
        .n = (int32_t)x[0],
        .h = (int32_t)x[1],
        .w = (int32_t)x[2],
        .in = (int32_t)x[3],
        .oh = (int32_t)y->dim[1],
        .ow = (int32_t)y->dim[2],
        .out = (int32_t)w[0],
        .kh = (int32_t)w[1],
        .kw = (int32_t)w[2],
        .sh = (int32_t)or_one(k->stride[0]),
        .sw = (int32_t)or_one(k->stride[1]),
        .ph = (int32_t)k->pad[0],
        .pw = (int32_t)k->pad[2],
        .ph2 = (int32_t)k->pad[1],
        .pw2 = (int32_t)k->pad[3],
        .dh = (int32_t)or_one(k->dilation[0]),
        .dw = (int32_t)or_one(k->dilation[1]),
        .groups = (int32_t)or_one(k->groups),
        .bias = y->ins > 2,
    };
}

static bool depthwise(const cull__conv *c) { return c->groups == c->in && c->out == c->in; }
static bool one_pixel(const cull__conv *c)
{
    return c->kh == 1 && c->kw == 1 && c->sh == 1 && c->sw == 1 && c->groups == 1 && !c->ph &&
           !c->pw && !c->ph2 && !c->pw2;
}

/* ---- patches: for each pixel of y the numbers of x under the kernel, zeros outside ---- */

typedef struct {
    const cull__conv *c;
    int64_t k, in, out; /* numbers of a patch; channels of a group */
    int64_t rows, step; /* of y's n * oh rows: all, at a time */
    float *patch;
} patches;

static bool patches_take(cull_tape *t, const cull__conv *c, patches *p)
{
    p->c = c;
    p->in = c->in / c->groups;
    p->out = c->out / c->groups;
    p->k = p->in * c->kh * c->kw;
    p->rows = (int64_t)c->n * c->oh;
    p->step = PATCHES / (p->k * c->ow);
    if (p->step < 1) p->step = 1;
    if (p->step > p->rows) p->step = p->rows;
    return (p->patch = cull__take_floats(t, p->step * p->k * c->ow)) != NULL;
}

static void patches_give(cull_tape *t, patches *p)
{
    cull__give_floats(t, p->patch, p->step * p->k * p->c->ow);
}

/* Where tap (u, v) of pixel j of row r lies in x, group g; -1: outside. */
static int64_t place(const cull__conv *c, int64_t r, int64_t j, int64_t u, int64_t v)
{
    const int64_t row = r % c->oh * c->sh - c->ph + u * c->dh, col = j * c->sw - c->pw + v * c->dw;
    if (row < 0 || row >= c->h || col < 0 || col >= c->w) return -1;
    return ((r / c->oh * c->h + row) * c->w + col) * c->in;
}

/* Rows [lo, hi) of y. back: from the patches to x, added. */
static void patches_move(const patches *p, int64_t lo, int64_t hi, int64_t g, const float *from,
                         float *to, bool back)
{
    const cull__conv *c = p->c;
    const size_t bytes = (size_t)p->in * sizeof *to;
    float *at = p->patch;
    for (int64_t r = lo; r < hi; r++)
        for (int64_t j = 0; j < c->ow; j++)
            for (int64_t u = 0; u < c->kh; u++)
                for (int64_t v = 0; v < c->kw; v++, at += p->in) {
                    int64_t i = place(c, r, j, u, v);
                    if (!back && i < 0)
                        memset(at, 0, bytes);
                    else if (!back)
                        memcpy(at, from + i + g * p->in, bytes);
                    else if (i >= 0)
                        for (int64_t e = 0; e < p->in; e++) to[i + g * p->in + e] += at[e];
                }
}

static cull_status patches_forward(cull_tape *t, const cull__conv *c, const float *x,
                                   const float *w, float *y)
{
    patches p;
    if (!patches_take(t, c, &p)) return cull_tape_status(t);
    for (int64_t lo = 0; lo < p.rows; lo += p.step) {
        int64_t hi = lo + p.step < p.rows ? lo + p.step : p.rows;
        for (int64_t g = 0; g < c->groups; g++) {
            patches_move(&p, lo, hi, g, x, NULL, false);
            cull__mm(t, false, true, (hi - lo) * c->ow, p.out, p.k, p.patch, p.k,
                     w + g * p.out * p.k, p.k, c->bias, y + lo * c->ow * c->out + g * p.out,
                     c->out);
        }
    }
    patches_give(t, &p);
    return CULL_OK;
}

static cull_status patches_weights(cull_tape *t, const cull__conv *c, const float *x,
                                   const float *dy, float *dw, bool add)
{
    patches p;
    if (!patches_take(t, c, &p)) return cull_tape_status(t);
    for (int64_t lo = 0; lo < p.rows; lo += p.step) {
        int64_t hi = lo + p.step < p.rows ? lo + p.step : p.rows;
        for (int64_t g = 0; g < c->groups; g++) {
            patches_move(&p, lo, hi, g, x, NULL, false);
            cull__mm(t, true, false, p.out, p.k, (hi - lo) * c->ow,
                     dy + lo * c->ow * c->out + g * p.out, c->out, p.patch, p.k, add || lo,
                     dw + g * p.out * p.k, p.k);
        }
    }
    patches_give(t, &p);
    return CULL_OK;
}

static cull_status patches_data(cull_tape *t, const cull__conv *c, const float *dy, const float *w,
                                float *dx, bool add)
{
    patches p;
    if (!patches_take(t, c, &p)) return cull_tape_status(t);
    if (!add) memset(dx, 0, (size_t)((int64_t)c->n * c->h * c->w * c->in) * sizeof *dx);
    for (int64_t lo = 0; lo < p.rows; lo += p.step) {
        int64_t hi = lo + p.step < p.rows ? lo + p.step : p.rows;
        for (int64_t g = 0; g < c->groups; g++) {
            cull__mm(t, false, false, (hi - lo) * c->ow, p.k, p.out,
                     dy + lo * c->ow * c->out + g * p.out, c->out, w + g * p.out * p.k, p.k, false,
                     p.patch, p.k);
            patches_move(&p, lo, hi, g, NULL, dx, true);
        }
    }
    patches_give(t, &p);
    return CULL_OK;
}

/* ---- a filter for each channel ---- */

/* (channels, kh kw) to (kh kw, channels). flip: taps in reverse order. */
static float *turned(cull_tape *t, const cull__conv *c, const float *w, bool flip)
{
    const int64_t k = (int64_t)c->kh * c->kw, ch = c->in;
    float *v = cull__take_floats(t, k * ch);
    if (!v || !w) return v;
    for (int64_t i = 0; i < k; i++)
        for (int64_t e = 0; e < ch; e++) v[i * ch + e] = w[e * k + (flip ? k - 1 - i : i)];
    return v;
}

static cull_status dw_forward(cull_tape *t, const cull__conv *c, const float *x, const float *w,
                              const float *bias, float *y)
{
    float *v = turned(t, c, w, false);
    if (!v) return cull_tape_status(t);
    CULL__KERN(dw, cull__tape_ctx(t))->forward(c, x, v, bias, y, false);
    cull__give_floats(t, v, (int64_t)c->kh * c->kw * c->in);
    return CULL_OK;
}

static cull_status dw_data(cull_tape *t, const cull__conv *c, const float *dy, const float *w,
                           float *dx, bool add)
{
    float *v = turned(t, c, w, c->sh == 1 && c->sw == 1);
    if (!v) return cull_tape_status(t);
    CULL__KERN(dw, cull__tape_ctx(t))->back_data(c, dy, v, dx, add);
    cull__give_floats(t, v, (int64_t)c->kh * c->kw * c->in);
    return CULL_OK;
}

static cull_status dw_weights(cull_tape *t, const cull__conv *c, const float *x, const float *dy,
                              float *dw, bool add)
{
    const int64_t k = (int64_t)c->kh * c->kw, ch = c->in;
    float *v = turned(t, c, NULL, false);
    if (!v) return cull_tape_status(t);
    CULL__KERN(dw, cull__tape_ctx(t))->back_weights(c, x, dy, v);
    for (int64_t e = 0; e < ch; e++)
        for (int64_t i = 0; i < k; i++)
            dw[e * k + i] = add ? dw[e * k + i] + v[i * ch + e] : v[i * ch + e];
    cull__give_floats(t, v, k * ch);
    return CULL_OK;
}

/* ---- the operation ---- */

/* made: the channels that are made. oneDNN computes 16 of them at a time on AVX-512, 1.1 to 1.25 times as fast as direct.c its 8,
 * which is the faster one where that leaves many for nobody. */
static bool by_dnnl(cull_tape *t, const cull__conv *c, int64_t made)
{
    const cull__dnnl use = cull__prims_used(t);
    const int64_t eights = (made + 7) / 8, sixteens = (made + 15) / 16;
    const bool wide = cull__isa(cull__tape_ctx(t)) >= 4 && 5 * 2 * sixteens <= 6 * eights;
    return use == CULL__DNNL_ALWAYS || (use == CULL__DNNL_FASTER && (c->groups > 1 || wide));
}

static cull_status forward(cull_tape *t, cull_var *y)
{
    const float *x = y->in[0]->v, *w = y->in[1]->v, *bias = y->ins > 2 ? y->in[2]->v : NULL;
    const cull__conv c = geometry(y);
    const int64_t rows = y->n / c.out;
    const bool one = one_pixel(&c);
    if (depthwise(&c)) return dw_forward(t, &c, x, w, bias, y->v);
    if (!one && by_dnnl(t, &c, c.out) && cull__prims_conv(t, &c, x, w, bias, y->v)) return CULL_OK;
    if (!one && c.groups == 1) return cull__direct(t, &c, x, w, bias, y->v);
    if (bias) CULL__KERN(elem, cull__tape_ctx(t))->fill_rows(y->v, bias, rows, c.out);
    if (!one) return patches_forward(t, &c, x, w, y->v);
    cull__mm(t, false, true, rows, c.out, c.in, x, c.in, w, c.in, bias != NULL, y->v, c.out);
    return CULL_OK;
}

/* What oneDNN wrote to `own` (n numbers, lent where it is not g) goes to g. */
static void take_over(cull_tape *t, float *g, float *own, int64_t n, bool done)
{
    if (own == g) return;
    if (done) CULL__KERN(elem, cull__tape_ctx(t))->add(g, own, n);
    cull__give_floats(t, own, n);
}

static cull_status to_weights(cull_tape *t, const cull__conv *c, const cull_var *y, float *g,
                              bool add)
{
    const float *x = y->in[0]->v;
    const int64_t n = y->in[1]->n;
    if (depthwise(c)) return dw_weights(t, c, x, y->g, g, add);
    if (one_pixel(c)) {
        cull__mm(t, true, false, c->out, c->in, y->n / c->out, y->g, c->out, x, c->in, add, g,
                 c->in);
        return CULL_OK;
    }
    if (by_dnnl(t, c, c->out)) {
        float *own = add ? cull__take_floats(t, n) : g;
        bool done = own && cull__prims_conv_weights(t, c, x, y->g, own);
        take_over(t, g, own, n, done);
        if (done) return CULL_OK;
    }
    return c->groups == 1 ? cull__direct_weights(t, c, x, y->g, g, add)
                          : patches_weights(t, c, x, y->g, g, add);
}

static cull_status to_data(cull_tape *t, const cull__conv *c, const cull_var *y, float *g, bool add)
{
    const float *w = y->in[1]->v;
    const int64_t n = y->in[0]->n;
    if (depthwise(c)) return dw_data(t, c, y->g, w, g, add);
    if (one_pixel(c)) {
        cull__mm(t, false, false, y->n / c->out, c->in, c->out, y->g, c->out, w, c->in, add, g,
                 c->in);
        return CULL_OK;
    }
    if (by_dnnl(t, c, c->in)) {
        float *own = add ? cull__take_floats(t, n) : g;
        bool done = own && cull__prims_conv_data(t, c, y->g, w, own);
        take_over(t, g, own, n, done);
        if (done) return CULL_OK;
    }
    return c->groups == 1 ? cull__direct_data(t, c, y->g, w, g, add)
                          : patches_data(t, c, y->g, w, g, add);
}

static cull_status backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0], *w = y->in[1], *b = y->ins > 2 ? y->in[2] : NULL;
    const cull__conv c = geometry(y);
    bool add;
    float *g;
    if (w->needs) {
        if (!(g = cull__grad(t, w, &add))) return cull_tape_status(t);
        CULL_TRY(to_weights(t, &c, y, g, add));
    }
    if (b && b->needs) {
        if (!(g = cull__grad(t, b, &add))) return cull_tape_status(t);
        CULL__KERN(elem, cull__tape_ctx(t))->sum_rows(g, y->g, y->n / c.out, c.out, add);
    }
    if (x->needs) {
        if (!(g = cull__grad(t, x, &add))) return cull_tape_status(t);
        CULL_TRY(to_data(t, &c, y, g, add));
    }
    return CULL_OK;
}

static double macs(const cull_var *y)
{
    const int64_t *w = y->in[1]->dim;
    return (double)y->n * (double)(w[1] * w[2] * w[3]);
}

const cull__op cull__op_conv2d = {
    .name = "conv2d",
    .doc = "convolution of images: any kernel, stride, padding, dilation, groups",
    .flags = CULL__READS_IN0 | CULL__READS_IN1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .macs = macs,
};

cull_var *cull_nn_conv2d(cull_tape *t, cull_var *x, cull_var *w, cull_var *b, const cull_window *k)
{
    static const cull_window plain;
    return cull__apply(t, &cull__op_conv2d, (cull_var *[]){x, w, b}, b ? 3 : 2, k ? k : &plain,
                       sizeof *k);
}
