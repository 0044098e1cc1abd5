/* cases_image.c - operations on images: each path of a convolution, pools, normalisation, mixed operations. */
#include "cases.h"
#include "nn/prims.h"

/* Windows by number; p[0] of a case is one, p[1] says without oneDNN (else always by it). */
static const cull_window window[] = {
    {.kernel = {2, 2}},
    {.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}},
    {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}},
    {.kernel = {3, 2}, .stride = {2, 3}, .pad = {2, 0, 0, 1}, .count_pad = true},
    {.kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1, 1, 1}, .count_pad = true},
    {.stride = {2, 1}, .pad = {2, 1, 0, 3}, .dilation = {1, 2}},
    {.pad = {2, 2, 2, 2}, .groups = 2},
    {.stride = {2, 2}, .pad = {1, 1, 1, 1}, .groups = 3},
    {.pad = {1, 1, 1, 1}, .groups = 16},
    {.pad = {4, 4, 4, 4}, .dilation = {2, 2}, .groups = 17},
    {.stride = {2, 2}, .pad = {2, 2, 2, 2}, .groups = 40},
    {.pad = {1, 1, 1, 1}, .groups = 1},
    {.stride = {3, 2}, .pad = {0, 1, 3, 0}, .dilation = {2, 1}, .groups = 3},
    {.kernel = {5, 4}, .stride = {1, 1}, .pad = {4, 2, 1, 3}},
    {.kernel = {2, 2}, .stride = {3, 3}},
    {.pad = {3, 3, 3, 3}, .groups = 9},
};
enum {
    HALVES,
    SAME3,
    HALVES3,
    UNEVEN_PAD,
    SAME3_PAD,
    UNEVEN,
    GROUPS2,
    GROUPS3,
    DW16,
    DW17,
    DW40,
    ONE,
    DW3,
    WIDE,
    GAPS,
    DW9,
};

static const cull_window *of(const nn_case *c) { return window + (int)c->p[0]; }
static int64_t or_one(int64_t v) { return v ? v : 1; }
static int64_t out_size(const cull_window *k, int i, int64_t n, int64_t kernel, int64_t stride)
{
    return (n + k->pad[2 * i] + k->pad[2 * i + 1] - or_one(k->dilation[i]) * (kernel - 1) - 1) /
               stride +
           1;
}

static cull_var *conv(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    cull__prims_use(t, c->p[1] != 0 ? CULL__DNNL_NEVER : CULL__DNNL_ALWAYS);
    return cull_nn_conv2d(t, x[0], x[1], c->ins > 2 ? x[2] : NULL, of(c));
}

static void conv_ref(const nn_case *c, const double *const *x, double *y)
{
    const cull_window *k = of(c);
    const int64_t *d = c->dim[0], *w = c->dim[1], g = or_one(k->groups);
    const int64_t sh = or_one(k->stride[0]), sw = or_one(k->stride[1]);
    const int64_t oh = out_size(k, 0, d[1], w[1], sh), ow = out_size(k, 1, d[2], w[2], sw);
    for (int64_t b = 0; b < d[0]; b++)
        for (int64_t i = 0; i < oh; i++)
            for (int64_t j = 0; j < ow; j++)
                for (int64_t o = 0; o < w[0]; o++) {
                    double s = c->ins > 2 ? x[2][o] : 0;
                    for (int64_t u = 0; u < w[1]; u++)
                        for (int64_t v = 0; v < w[2]; v++) {
                            int64_t r = i * sh - k->pad[0] + u * or_one(k->dilation[0]);
                            int64_t q = j * sw - k->pad[2] + v * or_one(k->dilation[1]);
                            if (r < 0 || r >= d[1] || q < 0 || q >= d[2]) continue;
                            for (int64_t e = 0; e < w[3]; e++)
                                s += x[0][((b * d[1] + r) * d[2] + q) * d[3] +
                                          o / (w[0] / g) * w[3] + e] *
                                     x[1][((o * w[1] + u) * w[2] + v) * w[3] + e];
                        }
                    *y++ = s;
                }
}

static cull_var *max_pool(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_max_pool(t, x[0], of(c));
}
static cull_var *avg_pool(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_avg_pool(t, x[0], of(c));
}

/* Of one window: its largest number, or its mean. */
static double pool_one(const nn_case *c, const double *x, int64_t b, int64_t r, int64_t q,
                       int64_t e, bool max)
{
    const cull_window *k = of(c);
    const int64_t *d = c->dim[0];
    double top = -INFINITY, sum = 0, inside = 0, padded = 0;
    for (int64_t u = r; u < r + k->kernel[0]; u++)
        for (int64_t v = q; v < q + k->kernel[1]; v++) {
            padded += u < d[1] + k->pad[1] && v < d[2] + k->pad[3];
            if (u < 0 || u >= d[1] || v < 0 || v >= d[2]) continue;
            double a = x[((b * d[1] + u) * d[2] + v) * d[3] + e];
            top = fmax(top, a);
            sum += a;
            inside++;
        }
    return max ? top : sum / (k->count_pad ? padded : inside);
}
static void pool_ref(const nn_case *c, const double *x, double *y, bool max)
{
    const cull_window *k = of(c);
    const int64_t *d = c->dim[0];
    const int64_t sh = k->stride[0] ? k->stride[0] : k->kernel[0],
                  sw = k->stride[1] ? k->stride[1] : k->kernel[1];
    for (int64_t b = 0; b < d[0]; b++)
        for (int64_t i = 0; i < out_size(k, 0, d[1], k->kernel[0], sh); i++)
            for (int64_t j = 0; j < out_size(k, 1, d[2], k->kernel[1], sw); j++)
                for (int64_t e = 0; e < d[3]; e++)
                    *y++ = pool_one(c, x, b, i * sh - k->pad[0], j * sw - k->pad[2], e, max);
}
static void max_ref(const nn_case *c, const double *const *x, double *y)
{
    pool_ref(c, x[0], y, true);
}
static void avg_ref(const nn_case *c, const double *const *x, double *y)
{
    pool_ref(c, x[0], y, false);
}

static cull_var *global_pool(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_global_pool(t, x[0]);
}
static void global_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t *d = c->dim[0], px = d[1] * d[2];
    for (int64_t b = 0; b < d[0]; b++)
        for (int64_t e = 0; e < d[3]; e++) {
            y[b * d[3] + e] = 0;
            for (int64_t p = 0; p < px; p++)
                y[b * d[3] + e] += x[0][(b * px + p) * d[3] + e] / (double)px;
        }
}

/* p[2], p[3]: channels of zeros before and after; p[0]: stride */
static cull_var *shortcut(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    return cull_nn_shortcut(t, x[0], (int64_t)c->p[0], (int64_t)c->p[2], (int64_t)c->p[3]);
}
static void shortcut_ref(const nn_case *c, const double *const *x, double *y)
{
    const int64_t *d = c->dim[0], s = (int64_t)c->p[0];
    const int64_t before = (int64_t)c->p[2], all = before + d[3] + (int64_t)c->p[3];
    for (int64_t b = 0; b < d[0]; b++)
        for (int64_t i = 0; i < d[1]; i += s)
            for (int64_t j = 0; j < d[2]; j += s)
                for (int64_t e = 0; e < all; e++) {
                    bool in = e >= before && e < before + d[3];
                    *y++ = in ? x[0][((b * d[1] + i) * d[2] + j) * d[3] + e - before] : 0;
                }
}

static cull_var *add_relu(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    (void)c;
    return cull_nn_add_relu(t, x[0], x[1]);
}
static void add_relu_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = fmax(x[0][i] + x[1][i], 0);
}

/* ---- normalisation; p[3]: relu ---- */

static cull_var *norm(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    const cull_norm o = {
        .gamma = c->ins > 1 ? x[1] : NULL, .beta = c->ins > 1 ? x[2] : NULL, .mean = -1, .var = -1};
    return c->p[3] != 0 ? cull_nn_batch_norm_relu(t, x[0], &o) : cull_nn_batch_norm(t, x[0], &o);
}
static void norm_into(const nn_case *c, const double *x, const double *gamma, const double *beta,
                      double w, double *y)
{
    int64_t n = count_of(c, 0), ch = c->dim[0][c->rank[0] - 1], rows = n / ch;
    for (int64_t e = 0; e < ch; e++) {
        double mean = 0, var = 0;
        for (int64_t r = 0; r < rows; r++) mean += x[r * ch + e] / (double)rows;
        for (int64_t r = 0; r < rows; r++)
            var += (x[r * ch + e] - mean) * (x[r * ch + e] - mean) / (double)rows;
        for (int64_t r = 0; r < rows; r++)
            y[r * ch + e] +=
                w * ((gamma ? gamma[e] : 1) * (x[r * ch + e] - mean) / sqrt(var + 1e-5) +
                     (beta ? beta[e] : 0));
    }
}
static void norm_ref(const nn_case *c, const double *const *x, double *y)
{
    memset(y, 0, (size_t)count_of(c, 0) * sizeof *y);
    norm_into(c, x[0], c->ins > 1 ? x[1] : NULL, c->ins > 1 ? x[2] : NULL, 1, y);
    for (int64_t i = 0; c->p[3] != 0 && i < count_of(c, 0); i++) y[i] = fmax(y[i], 0);
}

/* ---- mixed operations: x is two or three branches, their weights, gamma and beta ---- */

static cull_var *mix(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    const cull_norm plain = {.mean = -1, .var = -1};
    const cull_norm affine = {.gamma = x[4], .beta = x[5], .mean = -1, .var = -1};
    const cull_branch b[] = {
        {x[0], NULL, 3}, {x[1], &affine, 0}, {x[2], &plain, 1}, {x[0], &plain, 2}, {x[0], NULL, 1}};
    (void)c;
    return cull_nn_mix(t, x[3], b, 5);
}
static void mix_ref(const nn_case *c, const double *const *x, double *y)
{
    const double *w = x[3];
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = (w[3] + w[1]) * x[0][i];
    norm_into(c, x[1], x[4], x[5], w[0], y);
    norm_into(c, x[2], NULL, NULL, w[1], y);
    norm_into(c, x[0], NULL, NULL, w[2], y);
}
static cull_var *mix_skip(cull_tape *t, const nn_case *c, cull_var *const *x)
{
    const cull_branch b[] = {{x[0], NULL, 1}, {x[1], NULL, 0}};
    (void)c;
    return cull_nn_mix(t, x[2], b, 2);
}
static void mix_skip_ref(const nn_case *c, const double *const *x, double *y)
{
    for (int64_t i = 0; i < count_of(c, 0); i++) y[i] = x[2][1] * x[0][i] + x[2][0] * x[1][i];
}

/* clang-format off */
#define ON(text, k, n, h, wd, ci, co, kh, kw, g)                                                   \
    {"conv2d", text, 3, {4, 4, 1}, {{n, h, wd, ci}, {co, kh, kw, (ci) / (g)}, {co}}, .p = {k, 0}, .build = conv, .ref = conv_ref}, \
    {"conv2d", text ", no bias", 2, {4, 4}, {{n, h, wd, ci}, {co, kh, kw, (ci) / (g)}}, .p = {k, 0}, .build = conv, .ref = conv_ref}
#define BOTH(text, k, n, h, wd, ci, co, kh, kw, g)                                                 \
    ON(text, k, n, h, wd, ci, co, kh, kw, g),                                                      \
    {"conv2d", text ", without oneDNN", 3, {4, 4, 1}, {{n, h, wd, ci}, {co, kh, kw, (ci) / (g)}, {co}}, .p = {k, 1}, .build = conv, .ref = conv_ref}

const nn_case cases_image[] = {
    BOTH("3x3, odd sizes", ONE, 2, 7, 5, 3, 5, 3, 3, 1),
    BOTH("3x3, channels as oneDNN likes them", ONE, 2, 6, 6, 8, 16, 3, 3, 1),
    BOTH("3x3, 8 channels go", ONE, 1, 5, 7, 16, 8, 3, 3, 1),
    BOTH("3x3, 24 channels go", ONE, 1, 5, 5, 3, 24, 3, 3, 1),
    BOTH("3x3 stride 2", HALVES3, 2, 7, 8, 8, 16, 3, 3, 1),
    BOTH("uneven strides, padding, dilation", UNEVEN, 2, 8, 9, 6, 4, 3, 2, 1),
    BOTH("5x5, 2 groups", GROUPS2, 1, 5, 4, 4, 6, 5, 5, 2),
    BOTH("3 groups, stride 2", GROUPS3, 2, 5, 5, 24, 24, 3, 3, 3),
    BOTH("1x1", HALVES, 2, 5, 7, 13, 9, 1, 1, 1),
    BOTH("1x1, large enough for oneDNN", HALVES, 2, 17, 16, 16, 32, 1, 1, 1),
    BOTH("one pixel comes out", HALVES, 3, 4, 5, 3, 2, 4, 5, 1),
    BOTH("one pixel goes in", ONE, 2, 1, 1, 5, 3, 3, 3, 1),
    ON("depthwise, 1 channel", ONE, 2, 5, 6, 1, 1, 3, 3, 1),
    ON("depthwise, 3 channels, all uneven", DW3, 2, 11, 8, 3, 3, 3, 4, 3),
    ON("depthwise 3x3, 16 channels", DW16, 2, 5, 13, 16, 16, 3, 3, 16),
    ON("depthwise 5x5 dilation 2, 17 channels", DW17, 1, 9, 12, 17, 17, 5, 5, 17),
    ON("depthwise 5x5 stride 2, 40 channels", DW40, 1, 7, 6, 40, 40, 5, 5, 40),
    ON("depthwise 7x7, more padding than image", DW9, 1, 2, 3, 9, 9, 7, 7, 9),
    {"max_pool", "2x2", 1, {4}, {{2, 6, 4, 5}}, .p = {HALVES}, .build = max_pool, .ref = max_ref},
    {"max_pool", "3x3, odd sizes", 1, {4}, {{2, 7, 5, 17}}, .p = {SAME3}, .build = max_pool, .ref = max_ref},
    {"max_pool", "3x3 stride 2", 1, {4}, {{2, 8, 7, 16}}, .p = {HALVES3}, .build = max_pool, .ref = max_ref},
    {"max_pool", "uneven", 1, {4}, {{1, 9, 8, 3}}, .p = {UNEVEN_PAD}, .build = max_pool, .ref = max_ref},
    {"max_pool", "one pixel", 1, {4}, {{2, 1, 1, 3}}, .p = {SAME3}, .build = max_pool, .ref = max_ref},
    {"avg_pool", "2x2", 1, {4}, {{2, 6, 4, 5}}, .p = {HALVES}, .build = avg_pool, .ref = avg_ref},
    {"avg_pool", "3x3, odd sizes", 1, {4}, {{2, 7, 5, 17}}, .p = {SAME3}, .build = avg_pool, .ref = avg_ref},
    {"avg_pool", "3x3 stride 2", 1, {4}, {{2, 8, 7, 16}}, .p = {HALVES3}, .build = avg_pool, .ref = avg_ref},
    {"avg_pool", "uneven, padding counts", 1, {4}, {{1, 9, 8, 3}}, .p = {UNEVEN_PAD}, .build = avg_pool, .ref = avg_ref},
    {"avg_pool", "3x3, padding counts", 1, {4}, {{2, 4, 6, 8}}, .p = {SAME3_PAD}, .build = avg_pool, .ref = avg_ref},
    {"avg_pool", "5x4, uneven padding", 1, {4}, {{1, 6, 5, 9}}, .p = {WIDE}, .build = avg_pool, .ref = avg_ref},
    {"avg_pool", "pixels left out", 1, {4}, {{1, 8, 9, 4}}, .p = {GAPS}, .build = avg_pool, .ref = avg_ref},
    {"avg_pool", "one pixel", 1, {4}, {{2, 1, 1, 3}}, .p = {SAME3}, .build = avg_pool, .ref = avg_ref},
    {"global_pool", "odd sizes", 1, {4}, {{3, 5, 7, 9}}, .build = global_pool, .ref = global_ref},
    {"global_pool", "one pixel", 1, {4}, {{3, 1, 1, 4}}, .build = global_pool, .ref = global_ref},
    {"shortcut", "stride 2, channels on both sides", 1, {4}, {{2, 7, 6, 3}}, .p = {2, 0, 1, 2}, .build = shortcut, .ref = shortcut_ref},
    {"shortcut", "channels behind", 1, {4}, {{2, 3, 3, 5}}, .p = {1, 0, 0, 4}, .build = shortcut, .ref = shortcut_ref},
    {"add_relu", "odd size", 2, {3, 3}, {{3, 7, 5}, {3, 7, 5}}, .build = add_relu, .ref = add_relu_ref},
    {"add_relu", "one row", 2, {1, 1}, {{9}, {9}}, .build = add_relu, .ref = add_relu_ref},
    {"batch_norm", "16 channels", 3, {4, 1, 1}, {{2, 5, 7, 16}, {16}, {16}}, .build = norm, .ref = norm_ref},
    {"batch_norm", "many blocks of rows, 40 channels", 3, {2, 1, 1}, {{333, 40}, {40}, {40}}, .build = norm, .ref = norm_ref},
    {"batch_norm", "neither gamma nor beta, 3 channels", 1, {4}, {{2, 3, 3, 3}}, .build = norm, .ref = norm_ref},
    /* 2^-24 of the mean is 6e-5 of the deviation: what f32 numbers so far from 0 leave */
    {"batch_norm", "a mean far from 0", 1, {2}, {{700, 17}}, {1000}, {1004}, .build = norm, .ref = norm_ref, .value_tol = 1e-4},
    {"batch_norm_relu", "17 channels", 3, {4, 1, 1}, {{2, 5, 7, 17}, {17}, {17}}, .p = {0, 0, 0, 1}, .build = norm, .ref = norm_ref},
    {"batch_norm_relu", "neither gamma nor beta", 1, {2}, {{97, 8}}, .p = {0, 0, 0, 1}, .build = norm, .ref = norm_ref},
    {"mix", "normalised and plain, one of them thrice", 6, {4, 4, 4, 2, 1, 1}, {{2, 5, 6, 16}, {2, 5, 6, 16}, {2, 5, 6, 16}, {2, 2}, {16}, {16}}, .build = mix, .ref = mix_ref},
    {"mix", "odd channels, many blocks of rows", 6, {2, 2, 2, 1, 1, 1}, {{301, 19}, {301, 19}, {301, 19}, {4}, {19}, {19}}, .build = mix, .ref = mix_ref},
    {"mix", "plain alone", 3, {3, 3, 1}, {{4, 3, 5}, {4, 3, 5}, {2}}, .build = mix_skip, .ref = mix_skip_ref},
    {NULL},
};
