/* kern_dw.c - depthwise convolution, a register of channels at a time; see image.h.
 *
 * Several pixels of a row are summed side by side in registers, so that each weight is read once for all
 * of them. Pixels whose window leaves the image go one at a time over the taps that remain. */
#include "nn/image.h"
#include "nn/wide.h"

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* Taps [*lo, *hi) of k, d apart, whose place at + tap d lies in [0, n). */
static void taps(int64_t at, int64_t d, int64_t k, int64_t n, int64_t *lo, int64_t *hi)
{
    *lo = at < 0 ? (-at + d - 1) / d : 0;
    *hi = at < n ? least(k, (n - 1 - at) / d + 1) : 0;
    *lo = least(*lo, k);
    *hi = most(*lo, *hi);
}

/* Pixels [*lo, *hi) of `count`, s apart from -p on, whose k taps all lie in [0, n). */
static void inside(int64_t count, int64_t s, int64_t p, int64_t d, int64_t k, int64_t n,
                   int64_t *lo, int64_t *hi)
{
    int64_t end = n + p - d * (k - 1); /* s j < end */
    *lo = p > 0 ? least(count, (p + s - 1) / s) : 0;
    *hi = end > 0 ? least(count, (end - 1) / s + 1) : 0;
    *hi = most(*lo, *hi);
}

typedef struct {
    const float *x, *w, *bias;
    float *y;
    int64_t channels, row, step; /* of x: floats a row of taps, a tap */
    int64_t next, kw;            /* floats between pixels of x */
    int64_t u0, u1, v0, v1;
    bool add;
} window;

/* `count` pixels, the first one's corner at x[at], to y[to]; both constant where it is inlined. */
CULL__INLINE void pixels(const window *k, int64_t at, int64_t to, int count, int w)
{
    vf sum[8];
    for (int q = 0; q < count; q++)
        sum[q] = k->add    ? vf_load(k->y + to + q * k->channels, w)
                 : k->bias ? vf_load(k->bias, w)
                           : vf_set(0);
    for (int64_t u = k->u0; u < k->u1; u++)
        for (int64_t v = k->v0; v < k->v1; v++) {
            const float *x = k->x + (at + u * k->row + v * k->step);
            const vf f = vf_load(k->w + (u * k->kw + v) * k->channels, w);
            for (int q = 0; q < count; q++) sum[q] = vf_fma(f, vf_load(x + q * k->next, w), sum[q]);
        }
    for (int q = 0; q < count; q++) vf_store(k->y + to + q * k->channels, sum[q], w);
}

/* Row i of image b for the w channels at k's pointers. */
CULL__INLINE void forward_row(const cull__conv *c, window *k, int64_t b, int64_t i, int w)
{
    const int64_t ch = c->in;
    const int64_t corner = (b * c->h + i * c->sh - c->ph) * c->w * ch - c->pw * ch;
    const int64_t to = (b * c->oh + i) * c->ow * ch;
    int64_t lo, hi, j = 0;
    taps(i * c->sh - c->ph, c->dh, c->kh, c->h, &k->u0, &k->u1);
    inside(c->ow, c->sw, c->pw, c->dw, c->kw, c->w, &lo, &hi);
    while (j < c->ow) {
        if (j >= lo && j < hi) {
            k->v0 = 0, k->v1 = c->kw;
            for (; j + 8 <= hi; j += 8) pixels(k, corner + j * k->next, to + j * ch, 8, w);
            for (; j + 3 <= hi; j += 3) pixels(k, corner + j * k->next, to + j * ch, 3, w);
            for (; j < hi; j++) pixels(k, corner + j * k->next, to + j * ch, 1, w);
            continue;
        }
        taps(j * c->sw - c->pw, c->dw, c->kw, c->w, &k->v0, &k->v1);
        pixels(k, corner + j * k->next, to + j * ch, 1, w);
        j++;
    }
}

static void forward(const cull__conv *c, const float *x, const float *w, const float *bias,
                    float *y, bool add)
{
    const int64_t ch = c->in;
    for (int64_t b = 0; b < c->n; b++)
        for (int64_t i = 0; i < c->oh; i++)
            for (int64_t at = 0; at < ch; at += LANES) {
                window k = {.x = x + at,
                            .w = w + at,
                            .bias = bias ? bias + at : NULL,
                            .y = y + at,
                            .channels = ch,
                            .row = (int64_t)c->dh * c->w * ch,
                            .step = c->dw * ch,
                            .next = c->sw * ch,
                            .kw = c->kw,
                            .add = add};
                if (ch - at >= LANES)
                    forward_row(c, &k, b, i, LANES);
                else
                    forward_row(c, &k, b, i, (int)(ch - at));
            }
}

/* ---- gradient of x ---- */

/* Each pixel of dy to the pixels it came from. */
CULL__INLINE void scatter_row(const cull__conv *c, const float *dy, const float *w, float *dx,
                              int64_t b, int64_t i, int lanes)
{
    const int64_t ch = c->in;
    int64_t u0, u1, v0, v1;
    taps(i * c->sh - c->ph, c->dh, c->kh, c->h, &u0, &u1);
    for (int64_t j = 0; j < c->ow; j++) {
        const vf g = vf_load(dy + ((b * c->oh + i) * c->ow + j) * ch, lanes);
        taps(j * c->sw - c->pw, c->dw, c->kw, c->w, &v0, &v1);
        for (int64_t u = u0; u < u1; u++)
            for (int64_t v = v0; v < v1; v++) {
                int64_t row = i * c->sh - c->ph + u * c->dh, col = j * c->sw - c->pw + v * c->dw;
                float *to = dx + ((b * c->h + row) * c->w + col) * ch;
                vf f = vf_load(w + (u * c->kw + v) * ch, lanes);
                vf_store(to, vf_fma(f, g, vf_load(to, lanes)), lanes);
            }
    }
}

/* w: for strides of 1 with its taps in reverse order (the gradient is then a convolution of dy). */
static void back_data(const cull__conv *c, const float *dy, const float *w, float *dx, bool add)
{
    const int64_t ch = c->in;
    if (c->sh == 1 && c->sw == 1) {
        cull__conv r = *c;
        r.h = c->oh, r.w = c->ow, r.oh = c->h, r.ow = c->w;
        r.ph = c->dh * (c->kh - 1) - c->ph;
        r.pw = c->dw * (c->kw - 1) - c->pw;
        forward(&r, dy, w, NULL, dx, add);
        return;
    }
    if (!add) memset(dx, 0, (size_t)(c->n * (int64_t)c->h * c->w * ch) * sizeof *dx);
    for (int64_t b = 0; b < c->n; b++)
        for (int64_t i = 0; i < c->oh; i++)
            for (int64_t at = 0; at < ch; at += LANES)
                if (ch - at >= LANES)
                    scatter_row(c, dy + at, w + at, dx + at, b, i, LANES);
                else
                    scatter_row(c, dy + at, w + at, dx + at, b, i, (int)(ch - at));
}

/* ---- gradient of the weights ---- */

/* K taps beside one another, pixel j's first at x[at + j next], over pixels [j, hi), into dw. */
CULL__INLINE void sums(const cull__conv *c, const float *x, int64_t at, const float *dy, float *dw,
                       int64_t j, int64_t hi, int K, int lanes)
{
    const int64_t ch = c->in, next = c->sw * ch, step = c->dw * ch;
    vf even[7], odd[7];
    for (int v = 0; v < K; v++) even[v] = odd[v] = vf_set(0);
    for (; j + 2 <= hi; j += 2) {
        const vf g = vf_load(dy + j * ch, lanes), h = vf_load(dy + (j + 1) * ch, lanes);
        for (int v = 0; v < K; v++) {
            even[v] = vf_fma(g, vf_load(x + (at + j * next + v * step), lanes), even[v]);
            odd[v] = vf_fma(h, vf_load(x + (at + (j + 1) * next + v * step), lanes), odd[v]);
        }
    }
    if (j < hi)
        for (int v = 0; v < K; v++)
            even[v] = vf_fma(vf_load(dy + j * ch, lanes),
                             vf_load(x + (at + j * next + v * step), lanes), even[v]);
    for (int v = 0; v < K; v++)
        vf_store(dw + v * ch, vf_load(dw + v * ch, lanes) + (even[v] + odd[v]), lanes);
}

/* What row i of image b gives to the taps of row u. */
CULL__INLINE void weights_row(const cull__conv *c, const float *x, const float *dy, float *dw,
                              int64_t row, int lanes)
{
    const int64_t ch = c->in;
    int64_t lo, hi;
    inside(c->ow, c->sw, c->pw, c->dw, c->kw, c->w, &lo, &hi);
    const int64_t corner = row - c->pw * ch;
    int64_t v = 0;
    if (lo < hi) {
        if (c->kw == 3)
            sums(c, x, corner, dy, dw, lo, hi, 3, lanes);
        else if (c->kw == 5)
            sums(c, x, corner, dy, dw, lo, hi, 5, lanes);
        else
            for (v = 0; v < c->kw; v++)
                sums(c, x, corner + v * c->dw * ch, dy, dw + v * ch, lo, hi, 1, lanes);
    }
    for (int64_t j = 0; j < c->ow; j++) {
        if (j == lo && lo < hi) j = hi;
        if (j >= c->ow) break;
        int64_t v0, v1;
        taps(j * c->sw - c->pw, c->dw, c->kw, c->w, &v0, &v1);
        const vf g = vf_load(dy + j * ch, lanes);
        for (v = v0; v < v1; v++) {
            vf f = vf_load(x + (corner + (j * c->sw + v * c->dw) * ch), lanes);
            vf_store(dw + v * ch, vf_fma(g, f, vf_load(dw + v * ch, lanes)), lanes);
        }
    }
}

static void back_weights(const cull__conv *c, const float *x, const float *dy, float *dw)
{
    const int64_t ch = c->in;
    memset(dw, 0, (size_t)((int64_t)c->kh * c->kw * ch) * sizeof *dw);
    for (int64_t b = 0; b < c->n; b++)
        for (int64_t i = 0; i < c->oh; i++) {
            int64_t u0, u1;
            taps(i * c->sh - c->ph, c->dh, c->kh, c->h, &u0, &u1);
            for (int64_t at = 0; at < ch; at += LANES)
                for (int64_t u = u0; u < u1; u++) {
                    int64_t row = (b * c->h + i * c->sh - c->ph + u * c->dh) * c->w * ch;
                    const float *g = dy + (b * c->oh + i) * c->ow * ch + at;
                    float *to = dw + u * c->kw * ch + at;
                    if (ch - at >= LANES)
                        weights_row(c, x + at, g, to, row, LANES);
                    else
                        weights_row(c, x + at, g, to, row, (int)(ch - at));
                }
        }
}

const cull__dw_kern CULL__TABLE(dw) = {
    .forward = forward,
    .back_data = back_data,
    .back_weights = back_weights,
};
