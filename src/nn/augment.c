/* augment.c - what is done to images at random, in place: crops, mirrors, squares cut out, mixtures. */
#include "nn/dataset.h"

#include <math.h>
#include <string.h>

/* The image moves by (down, right), zeros come in. Lines go in the order in which none is needed again. */
static void shift(float *x, const int64_t shape[3], int64_t down, int64_t right)
{
    int64_t h = shape[0], w = shape[1], c = shape[2], line = w * c;
    int64_t from = right > 0 ? 0 : -right * c, to = right > 0 ? right * c : 0;
    int64_t n = line - from - to;
    for (int64_t k = 0; k < h; k++) {
        int64_t y = down > 0 ? h - 1 - k : k, src = y - down;
        float *out = x + y * line;
        if (src < 0 || src >= h || n <= 0) {
            memset(out, 0, (size_t)line * sizeof *x);
            continue;
        }
        memmove(out + to, x + src * line + from, (size_t)n * sizeof *x);
        memset(out, 0, (size_t)to * sizeof *x);
        memset(out + to + n, 0, (size_t)from * sizeof *x);
    }
}

static void mirror(float *x, const int64_t shape[3])
{
    int64_t w = shape[1], c = shape[2];
    for (int64_t y = 0; y < shape[0]; y++, x += w * c)
        for (int64_t a = 0, b = w - 1; a < b; a++, b--)
            for (int64_t k = 0; k < c; k++) {
                float was = x[a * c + k];
                x[a * c + k] = x[b * c + k];
                x[b * c + k] = was;
            }
}

/* A square about (cy, cx), cut at the borders. */
static void cut(float *x, const int64_t shape[3], int64_t side, int64_t cy, int64_t cx)
{
    int64_t top = cy - side / 2, left = cx - side / 2, c = shape[2];
    int64_t bottom = top + side < shape[0] ? top + side : shape[0];
    int64_t right = left + side < shape[1] ? left + side : shape[1];
    if (left < 0) left = 0;
    for (int64_t y = top < 0 ? 0 : top; y < bottom && left < right; y++)
        memset(x + (y * shape[1] + left) * c, 0, (size_t)((right - left) * c) * sizeof *x);
}

void cull__augment(const cull_augment *a, uint64_t stream, int64_t row, const int64_t shape[3],
                   float *x)
{
    cull_rng r = cull__rng_seeded(stream, (uint64_t)row);
    if (a->pad > 0) {
        int64_t down = cull__rng_below(&r, 2 * a->pad + 1) - a->pad;
        int64_t right = cull__rng_below(&r, 2 * a->pad + 1) - a->pad;
        shift(x, shape, down, right);
    }
    if (a->flip > 0 && cull__rng_unit(&r) < a->flip) mirror(x, shape);
    if (a->cutout > 0) {
        int64_t cy = cull__rng_below(&r, shape[0]), cx = cull__rng_below(&r, shape[1]);
        cut(x, shape, a->cutout, cy, cx);
    }
}

/* ---- mixup ---- */

/* log of Gamma(shape, 1) (Marsaglia and Tsang 2000); below 1 by way of shape + 1. */
static double log_gamma(cull_rng *r, double shape)
{
    double less = shape < 1 ? log(cull__rng_unit(r)) / shape : 0;
    double d = (shape < 1 ? shape + 1 : shape) - 1. / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double z = cull__rng_normal(r), v = 1 + c * z;
        if (v <= 0) continue;
        v = v * v * v;
        if (log(cull__rng_unit(r)) < .5 * z * z + d - d * v + d * log(v)) return log(d * v) + less;
    }
}

float cull_augment_mixup(float *x, int64_t n, int64_t d, double alpha, uint64_t stream,
                         int64_t *with, float *spare)
{
    cull_rng r = cull__rng_seeded(stream, UINT64_MAX);
    for (int64_t i = 0; i < n; i++) with[i] = i;
    if (!(alpha > 0)) return 1;
    double a = log_gamma(&r, alpha), b = log_gamma(&r, alpha);
    float l = (float)(1 / (1 + exp(b - a)));
    cull__rng_shuffle(&r, with, n);
    memcpy(spare, x, (size_t)(n * d) * sizeof *x);
    for (int64_t i = 0; i < n; i++, x += d) {
        const float *other = spare + with[i] * d;
        for (int64_t j = 0; j < d; j++) x[j] = l * x[j] + (1 - l) * other[j];
    }
    return l;
}
