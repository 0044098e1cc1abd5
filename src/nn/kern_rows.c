/* kern_rows.c - softmax, sums, norms, dropout over rows of numbers; see dense.h. */
#include "nn/dense.h"
#include "nn/lanes.h"
#include "nn/vmath.h"

#include <string.h>

/* Exponentials are taken of whole groups of short rows at once. */
static int64_t group(int64_t rows, int64_t n)
{
    int64_t few = 2048 / n;
    return few < 1 ? 1 : few < rows ? few : rows;
}

static void exps(float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = cull__expf(y[i]);
}

/* y = a (x - its largest); a row of -inf alone stays so. */
static void lower(float *y, const float *x, int64_t n, float a)
{
    float top = cull__lane_max(x, n);
    top = top >= -FLT_MAX ? top : 0;
    CULL__EACH for (int64_t i = 0; i < n; i++) y[i] = (x[i] - top) * a;
}

static void scaled(float *y, const float *x, int64_t n, float a, bool add)
{
    if (add) {
        CULL__EACH for (int64_t i = 0; i < n; i++) y[i] += a * x[i];
    } else {
        CULL__EACH for (int64_t i = 0; i < n; i++) y[i] = a * x[i];
    }
}

static void softmax(float *y, const float *x, int64_t rows, int64_t n, float a)
{
    for (int64_t at = 0, m; at < rows; at += m, y += m * n, x += m * n) {
        m = group(rows - at, n);
        for (int64_t r = 0; r < m; r++) lower(y + r * n, x + r * n, n, a);
        exps(y, m * n);
        for (int64_t r = 0; r < m; r++) {
            float sum = (float)cull__lane_sum(y + r * n, n);
            scaled(y + r * n, y + r * n, n, sum == 0 ? 0 : 1 / sum, false);
        }
    }
}

static double sum_of_exps(const float *x, int64_t n)
{
    float buf[512];
    double sum = 0;
    for (int64_t at = 0; at < n; at += 512) {
        int64_t m = n - at < 512 ? n - at : 512;
        for (int64_t i = 0; i < m; i++) buf[i] = cull__expf(x[at + i]);
        sum += (double)cull__run_sum(buf, m);
    }
    return sum;
}

static void log_softmax(float *y, const float *x, int64_t rows, int64_t n, float a)
{
    for (int64_t r = 0; r < rows; r++, y += n, x += n) {
        lower(y, x, n, a);
        const float l = cull__logf((float)sum_of_exps(y, n));
        for (int64_t i = 0; i < n; i++) y[i] -= l;
    }
}

static void softmax_back(float *g, const float *restrict y, const float *dy, int64_t rows,
                         int64_t n, float a, bool add)
{
    for (int64_t r = 0; r < rows; r++, g += n, y += n, dy += n) {
        const float s = (float)cull__lane_dot(y, dy, n);
        if (add) {
            CULL__EACH for (int64_t i = 0; i < n; i++) g[i] += a * y[i] * (dy[i] - s);
        } else {
            CULL__EACH for (int64_t i = 0; i < n; i++) g[i] = a * y[i] * (dy[i] - s);
        }
    }
}

static void log_softmax_back(float *g, const float *restrict y, const float *dy, int64_t rows,
                             int64_t n, float a, bool add)
{
    for (int64_t r = 0; r < rows; r++, g += n, y += n, dy += n) {
        const float s = (float)cull__lane_sum(dy, n);
        if (add) {
            CULL__EACH for (int64_t i = 0; i < n; i++) g[i] += a * (dy[i] - cull__expf(y[i]) * s);
        } else {
            CULL__EACH for (int64_t i = 0; i < n; i++) g[i] = a * (dy[i] - cull__expf(y[i]) * s);
        }
    }
}

static double cross(float *q, const float *x, const int32_t *label, const float *weight,
                    float scale, double smooth, int64_t rows, int64_t n)
{
    const float even = (float)(smooth / (double)n), sharp = (float)(1 - smooth);
    double total = 0;
    for (int64_t at = 0, m; at < rows; at += m, q += m * n, x += m * n) {
        m = group(rows - at, n);
        double low = 0; /* of the group's rows: w times the targets' (x - top) */
        for (int64_t r = 0; r < m; r++) {
            const float w = weight ? scale * weight[at + r] : scale;
            float *v = q + r * n;
            lower(v, x + r * n, n, 1);
            double target = (1 - smooth) * (double)v[label[at + r]];
            if (smooth > 0) target += smooth / (double)n * cull__lane_sum(v, n);
            low += (double)w * target;
        }
        exps(q, m * n);
        for (int64_t r = 0; r < m; r++) {
            const float w = weight ? scale * weight[at + r] : scale;
            float *v = q + r * n, sum = (float)cull__lane_sum(v, n);
            const float by = w / sum, less = w * even;
            total += (double)w * (double)cull__logf(sum);
            for (int64_t i = 0; i < n; i++) v[i] = v[i] * by - less;
            v[label[at + r]] -= w * sharp;
        }
        total -= low;
    }
    return total;
}

static void row_sums(float *s, const float *x, int64_t rows, int64_t n, float a, bool add)
{
    for (int64_t r = 0; r < rows; r++, x += n) {
        float sum = a * (float)cull__lane_sum(x, n);
        s[r] = add ? s[r] + sum : sum;
    }
}

static void col_sums(float *restrict s, const float *restrict x, int64_t rows, int64_t n, float a,
                     bool add)
{
    if (!add) memset(s, 0, (size_t)n * sizeof *s);
    for (int64_t r = 0; r < rows; r++, x += n)
        for (int64_t i = 0; i < n; i++) s[i] += a * x[i];
}

static void norm(float *restrict y, float *restrict left, const float *restrict x,
                 const float *restrict w, const float *restrict b, int64_t rows, int64_t n,
                 float eps, bool centre)
{
    for (int64_t r = 0; r < rows; r++, y += n, x += n) {
        float mean = centre ? (float)(cull__lane_sum(x, n) / (double)n) : 0;
        double var = cull__lane_square(x, mean, n) / (double)n;
        float by = (float)(1 / sqrt(var + (double)eps));
        left[2 * r] = mean, left[2 * r + 1] = by;
        for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * by;
        if (w)
            for (int64_t i = 0; i < n; i++) y[i] *= w[i];
        if (b)
            for (int64_t i = 0; i < n; i++) y[i] += b[i];
    }
}

/* With h = dy w and u = (x - mean) rstd: dx = rstd (h - mean(h) - u mean(h u)). Pieces of a row at a time:
 * h and u are made twice rather than kept. */
enum { PIECE = 512 };

static void pieces(float *h, float *u, const float *x, const float *w, const float *dy, int64_t m,
                   float mean, float by)
{
    for (int64_t i = 0; i < m; i++) u[i] = (x[i] - mean) * by;
    if (w)
        for (int64_t i = 0; i < m; i++) h[i] = dy[i] * w[i];
    else
        memcpy(h, dy, (size_t)m * sizeof *h);
}

static void norm_back(float *dx, float *dw, float *db, const float *left, const float *x,
                      const float *w, const float *dy, int64_t rows, int64_t n, bool centre,
                      bool add_x)
{
    float h[PIECE], u[PIECE];
    for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx = dx ? dx + n : NULL) {
        const float mean = left[2 * r], by = left[2 * r + 1];
        double sum = 0, dot = 0;
        for (int64_t at = 0; at < n; at += PIECE) {
            int64_t m = n - at < PIECE ? n - at : PIECE;
            pieces(h, u, x + at, w ? w + at : NULL, dy + at, m, mean, by);
            if (dw) {
                CULL__EACH for (int64_t i = 0; i < m; i++) dw[at + i] += dy[at + i] * u[i];
            }
            if (db) {
                CULL__EACH for (int64_t i = 0; i < m; i++) db[at + i] += dy[at + i];
            }
            if (centre) sum += (double)cull__run_sum(h, m);
            dot += (double)cull__run_dot(h, u, m);
        }
        if (!dx) continue;
        const float hm = (float)(sum / (double)n), hu = (float)(dot / (double)n);
        for (int64_t at = 0; at < n; at += PIECE) {
            int64_t m = n - at < PIECE ? n - at : PIECE;
            pieces(h, u, x + at, w ? w + at : NULL, dy + at, m, mean, by);
            for (int64_t i = 0; i < m; i++) h[i] = by * (h[i] - hm - u[i] * hu);
            if (add_x)
                for (int64_t i = 0; i < m; i++) dx[at + i] += h[i];
            else
                memcpy(dx + at, h, (size_t)m * sizeof *h);
        }
    }
}

/* Philox4x32-10 as in base/rng.c, for up to 64 positions at once: the same numbers. */
enum { AT_ONCE = 64 };
static void draws(uint32_t *restrict out, uint64_t position, uint64_t seed, int64_t n)
{
    uint32_t a[AT_ONCE], b[AT_ONCE], c[AT_ONCE], d[AT_ONCE];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int64_t i = 0; i < n; i++) {
        uint64_t p = position + (uint64_t)i;
        a[i] = (uint32_t)p, b[i] = (uint32_t)(p >> 32), c[i] = d[i] = 0;
    }
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
        for (int64_t i = 0; i < n; i++) {
            uint64_t p = (uint64_t)0xD2511F53u * a[i], q = (uint64_t)0xCD9E8D57u * c[i];
            a[i] = (uint32_t)(q >> 32) ^ b[i] ^ k0;
            c[i] = (uint32_t)(p >> 32) ^ d[i] ^ k1;
            b[i] = (uint32_t)q, d[i] = (uint32_t)p;
        }
    for (int64_t i = 0; i < n; i++) {
        out[4 * i] = a[i], out[4 * i + 1] = b[i];
        out[4 * i + 2] = c[i], out[4 * i + 3] = d[i];
    }
}

static void drop(float *y, const float *x, int64_t n, uint64_t seed, uint32_t below, float a,
                 bool add)
{
    uint32_t u[4 * AT_ONCE];
    for (int64_t at = 0; at < n; at += 4 * AT_ONCE) {
        int64_t m = n - at < 4 * AT_ONCE ? n - at : 4 * AT_ONCE;
        draws(u, (uint64_t)(at / 4), seed, (m + 3) / 4);
        if (add) {
            CULL__EACH for (int64_t i = 0; i < m; i++) y[at + i] +=
                u[i] >= below ? a * x[at + i] : 0;
        } else {
            CULL__EACH for (int64_t i = 0; i < m; i++) y[at + i] =
                u[i] >= below ? a * x[at + i] : 0;
        }
    }
}

const cull__rows_kern CULL__TABLE(rows) = {
    .softmax = softmax,
    .log_softmax = log_softmax,
    .softmax_back = softmax_back,
    .log_softmax_back = log_softmax_back,
    .cross = cross,
    .row_sums = row_sums,
    .col_sums = col_sums,
    .exps = exps,
    .scaled = scaled,
    .dot = cull__lane_dot,
    .norm = norm,
    .norm_back = norm_back,
    .drop = drop,
};
