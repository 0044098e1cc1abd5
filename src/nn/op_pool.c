/* op_pool.c - maxima and means over windows of an image, means over all of it, and the shortcut without weights. */
#include "cull/nn_image.h"
#include "nn/image.h"

#include <inttypes.h>
#include <string.h>

static cull_status image_in(cull_tape *t, cull_var *y)
{
    char d[96];
    if (y->in[0]->rank == 4) return CULL_OK;
    return cull__wrong(t, y, "x is %s; it must be (n, height, width, channels)",
                       cull__dims(y->in[0], d));
}

static cull_status window_shape(cull_tape *t, cull_var *y)
{
    CULL_TRY(image_in(t, y));
    const cull_var *x = y->in[0];
    const cull_window *k = y->attr;
    y->rank = 4;
    y->dim[0] = x->dim[0];
    y->dim[3] = x->dim[3];
    for (int i = 0; i < 2; i++) {
        const int64_t e = k->kernel[i], s = k->stride[i] ? k->stride[i] : e;
        const int64_t p = k->pad[2 * i], q = k->pad[2 * i + 1];
        if (e < 1 || s < 1 || e > INT16_MAX || s > INT16_MAX)
            return cull__wrong(t, y,
                               "kernel %" PRId64 " and stride %" PRId64 "; they must be 1 to %d", e,
                               s, INT16_MAX);
        if (p < 0 || q < 0 || p >= e || q >= e)
            return cull__wrong(t, y,
                               "padding %" PRId64 " and %" PRId64
                               "; it must be at least 0 and below the kernel's %" PRId64,
                               p, q, e);
        if (x->dim[1 + i] + p + q < e || x->dim[1 + i] > 1 << 30)
            return cull__wrong(t, y,
                               "the kernel has %" PRId64 " pixels and the padded image %" PRId64, e,
                               x->dim[1 + i] + p + q);
        y->dim[1 + i] = (x->dim[1 + i] + p + q - e) / s + 1;
    }
    if (x->dim[0] > 1 << 30 || x->dim[3] > 1 << 30)
        return cull__wrong(t, y, "more than 2^30 images or channels");
    return CULL_OK;
}

static cull__conv geometry(const cull_var *y)
{
    const int64_t *x = y->in[0]->dim;
    const cull_window *k = y->attr;
    return (cull__conv){
        .n = (int32_t)x[0],
        .h = (int32_t)x[1],
        .w = (int32_t)x[2],
        .in = (int32_t)x[3],
        .out = (int32_t)x[3],
        .oh = (int32_t)y->dim[1],
        .ow = (int32_t)y->dim[2],
        .kh = (int32_t)k->kernel[0],
        .kw = (int32_t)k->kernel[1],
        .sh = (int32_t)(k->stride[0] ? k->stride[0] : k->kernel[0]),
        .sw = (int32_t)(k->stride[1] ? k->stride[1] : k->kernel[1]),
        .ph = (int32_t)k->pad[0],
        .ph2 = (int32_t)k->pad[1],
        .pw = (int32_t)k->pad[2],
        .pw2 = (int32_t)k->pad[3],
    };
}

static int64_t row_floats(const cull_var *y)
{
    const int64_t w = y->dim[2] > y->in[0]->dim[2] ? y->dim[2] : y->in[0]->dim[2];
    return w * y->dim[3];
}

static cull_var *pooled(cull_tape *t, const cull__op *op, cull_var *x, const cull_window *k)
{
    static const cull_window none;
    return cull__apply(t, op, &x, 1, k ? k : &none, sizeof *k);
}

/* ---- maxima ---- */

static cull_status max_forward(cull_tape *t, cull_var *y)
{
    const cull__conv c = geometry(y);
    float *row = cull__take_floats(t, row_floats(y));
    if (!row) return cull_tape_status(t);
    CULL__KERN(pool, cull__tape_ctx(t))->max(&c, y->in[0]->v, y->v, row);
    cull__give_floats(t, row, row_floats(y));
    return CULL_OK;
}

static cull_status max_backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    const cull__conv c = geometry(y);
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    if (!add) memset(g, 0, (size_t)x->n * sizeof *g);
    CULL__KERN(pool, cull__tape_ctx(t))->max_back(&c, x->v, y->v, y->g, g);
    return CULL_OK;
}

const cull__op cull__op_max_pool = {
    .name = "max_pool",
    .doc = "the largest number of each window of an image",
    .flags = CULL__READS_IN0 | CULL__READS_OUT,
    .shape = window_shape,
    .forward = max_forward,
    .backward = max_backward,
};

cull_var *cull_nn_max_pool(cull_tape *t, cull_var *x, const cull_window *k)
{
    return pooled(t, &cull__op_max_pool, x, k);
}

/* ---- means ---- */

static cull_status mean_forward(cull_tape *t, cull_var *y)
{
    const cull__conv c = geometry(y);
    const cull_window *k = y->attr;
    float *row = cull__take_floats(t, row_floats(y));
    if (!row) return cull_tape_status(t);
    CULL__KERN(pool, cull__tape_ctx(t))->mean(&c, y->in[0]->v, y->v, row, k->count_pad);
    cull__give_floats(t, row, row_floats(y));
    return CULL_OK;
}

static cull_status mean_backward(cull_tape *t, cull_var *y)
{
    const cull__conv c = geometry(y);
    const cull_window *k = y->attr;
    bool add;
    float *g = cull__grad(t, y->in[0], &add), *row = NULL;
    if (!g || !(row = cull__take_floats(t, row_floats(y)))) return cull_tape_status(t);
    CULL__KERN(pool, cull__tape_ctx(t))->mean_back(&c, y->g, g, row, k->count_pad, add);
    cull__give_floats(t, row, row_floats(y));
    return CULL_OK;
}

const cull__op cull__op_avg_pool = {
    .name = "avg_pool",
    .doc = "the mean of each window of an image",
    .shape = window_shape,
    .forward = mean_forward,
    .backward = mean_backward,
};

cull_var *cull_nn_avg_pool(cull_tape *t, cull_var *x, const cull_window *k)
{
    return pooled(t, &cull__op_avg_pool, x, k);
}

/* ---- the mean of all pixels ---- */

static cull_status global_shape(cull_tape *t, cull_var *y)
{
    CULL_TRY(image_in(t, y));
    y->rank = 2;
    y->dim[0] = y->in[0]->dim[0];
    y->dim[1] = y->in[0]->dim[3];
    return CULL_OK;
}

static cull_status global_forward(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    const int64_t px = x->dim[1] * x->dim[2], ch = x->dim[3];
    const cull__elem_kern *k = CULL__KERN(elem, cull__tape_ctx(t));
    const float by = 1 / (float)px;
    for (int64_t b = 0; b < x->dim[0]; b++)
        k->sum_rows(y->v + b * ch, x->v + b * px * ch, px, ch, false);
    for (int64_t i = 0; i < y->n; i++) y->v[i] *= by;
    return CULL_OK;
}

static cull_status global_backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    const int64_t px = x->dim[1] * x->dim[2], ch = x->dim[3];
    const float by = 1 / (float)px;
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    for (int64_t b = 0; b < x->dim[0]; b++) {
        const float *d = y->g + b * ch;
        for (int64_t p = 0; p < px; p++, g += ch)
            for (int64_t e = 0; e < ch; e++) g[e] = (add ? g[e] : 0) + by * d[e];
    }
    return CULL_OK;
}

const cull__op cull__op_global_pool = {
    .name = "global_pool",
    .doc = "the mean of each channel over all pixels",
    .shape = global_shape,
    .forward = global_forward,
    .backward = global_backward,
};

cull_var *cull_nn_global_pool(cull_tape *t, cull_var *x)
{
    return cull__apply(t, &cull__op_global_pool, &x, 1, NULL, 0);
}

/* ---- every stride-th pixel between channels of zeros ---- */

typedef struct {
    int64_t stride, before, after;
} shortcut;

static cull_status shortcut_shape(cull_tape *t, cull_var *y)
{
    CULL_TRY(image_in(t, y));
    const shortcut *k = y->attr;
    const int64_t *x = y->in[0]->dim;
    if (k->stride < 1 || k->before < 0 || k->after < 0 || k->before > INT32_MAX ||
        k->after > INT32_MAX)
        return cull__wrong(t, y,
                           "stride %" PRId64 ", %" PRId64 " channels before and %" PRId64
                           " after; they must be at least 1, 0 and 0",
                           k->stride, k->before, k->after);
    y->rank = 4;
    y->dim[0] = x[0];
    for (int i = 1; i < 3; i++) y->dim[i] = (x[i] - 1) / k->stride + 1;
    y->dim[3] = k->before + x[3] + k->after;
    return CULL_OK;
}

/* Pixel (b, i, j) of the result in x. */
static int64_t source(const cull_var *y, int64_t b, int64_t i, int64_t j)
{
    const shortcut *k = y->attr;
    const int64_t *x = y->in[0]->dim;
    return ((b * x[1] + i * k->stride) * x[2] + j * k->stride) * x[3];
}

static cull_status shortcut_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const shortcut *k = y->attr;
    const cull_var *x = y->in[0];
    float *v = y->v;
    for (int64_t b = 0; b < y->dim[0]; b++)
        for (int64_t i = 0; i < y->dim[1]; i++)
            for (int64_t j = 0; j < y->dim[2]; j++, v += y->dim[3]) {
                memset(v, 0, (size_t)k->before * sizeof *v);
                memcpy(v + k->before, x->v + source(y, b, i, j), (size_t)x->dim[3] * sizeof *v);
                memset(v + k->before + x->dim[3], 0, (size_t)k->after * sizeof *v);
            }
    return CULL_OK;
}

static cull_status shortcut_backward(cull_tape *t, cull_var *y)
{
    const shortcut *k = y->attr;
    cull_var *x = y->in[0];
    const float *d = y->g + k->before;
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    if (!add) memset(g, 0, (size_t)x->n * sizeof *g);
    for (int64_t b = 0; b < y->dim[0]; b++)
        for (int64_t i = 0; i < y->dim[1]; i++)
            for (int64_t j = 0; j < y->dim[2]; j++, d += y->dim[3]) {
                float *to = g + source(y, b, i, j);
                for (int64_t e = 0; e < x->dim[3]; e++) to[e] += d[e];
            }
    return CULL_OK;
}

const cull__op cull__op_shortcut = {
    .name = "shortcut",
    .doc = "every stride-th pixel of an image between channels of zeros",
    .shape = shortcut_shape,
    .forward = shortcut_forward,
    .backward = shortcut_backward,
};

cull_var *cull_nn_shortcut(cull_tape *t, cull_var *x, int64_t stride, int64_t before, int64_t after)
{
    const shortcut k = {stride, before, after};
    return cull__apply(t, &cull__op_shortcut, &x, 1, &k, sizeof k);
}
