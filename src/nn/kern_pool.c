/* kern_pool.c - maxima and means over windows of an image; see image.h.
 *
 * A window's rows come first, whole rows of the image at a time, then its columns; where windows are one
 * pixel apart a whole span of them is one loop. */
#include "nn/image.h"
#include "nn/wide.h"

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* One axis: n places of x, windows of k, s apart, the first one at -p, the last place at n + p2 - 1. */
typedef struct {
    int64_t n, out, k, s, p, p2;
} axis;

static axis rows_of(const cull__conv *c)
{
    return (axis){c->h, c->oh, c->kh, c->sh, c->ph, c->ph2};
}
static axis cols_of(const cull__conv *c)
{
    return (axis){c->w, c->ow, c->kw, c->sw, c->pw, c->pw2};
}

/* Places [*lo, *hi) of window i; or the windows of place i. */
static void range(const axis *a, int64_t i, bool back, int64_t *lo, int64_t *hi)
{
    if (back) {
        int64_t from = i + a->p - a->k + 1;
        *lo = from > 0 ? (from + a->s - 1) / a->s : 0;
        *hi = least(a->out, (i + a->p) / a->s + 1);
    } else {
        *lo = most(0, i * a->s - a->p);
        *hi = least(a->n, i * a->s - a->p + a->k);
    }
    *hi = most(*lo, *hi);
}

static float share(const axis *a, int64_t i, bool pad)
{
    int64_t lo, hi;
    range(a, i, false, &lo, &hi);
    if (pad) {
        lo = i * a->s - a->p;
        hi = least(lo + a->k, a->n + a->p2);
    }
    return 1 / (float)(hi - lo);
}

enum { SUM, MAX };
CULL__INLINE float join(float a, float b, int how) { return how == SUM ? a + b : a > b ? a : b; }

CULL__INLINE void into(float *restrict y, const float *restrict x, int64_t n, int how)
{
    for (int64_t i = 0; i < n; i++) y[i] = join(y[i], x[i], how);
}

/* n numbers of y, each of K numbers of x that are `step` apart. */
CULL__INLINE void joined(float *restrict y, const float *restrict x, int64_t n, int64_t step, int K,
                         float by, int how, bool add)
{
    for (int64_t i = 0; i < n; i++) {
        float v = x[i];
        for (int k = 1; k < K; k++) v = join(v, x[i + k * step], how);
        v = how == SUM ? v * by : v;
        y[i] = add ? y[i] + v : v;
    }
}

/* The same for any K, over places [lo, hi) of n channels each. */
static void joined_some(float *restrict y, const float *restrict x, int64_t n, int64_t places,
                        float by, int how, bool add)
{
    for (int64_t i = 0; i < n; i++) {
        float v = places ? x[i] : 0;
        for (int64_t k = 1; k < places; k++) v = join(v, x[i + k * n], how);
        v = how == SUM ? v * by : v;
        y[i] = add ? y[i] + v : v;
    }
}

/* One row of the result from `row`, already joined over the window's rows. */
CULL__INLINE void across(const axis *a, int64_t ch, const float *row, float *y, float by, int how,
                         bool back, bool pad, bool add)
{
    const int64_t from = back ? a->out : a->n, to = back ? a->n : a->out;
    const int64_t shift =
        back ? a->p - a->k + 1 : -a->p; /* stride 1: the first place of window 0 */
    int64_t lo, hi, j = 0, full = 0, end = 0;
    if (a->s == 1 && (a->k == 2 || a->k == 3)) {
        full = most(0, -shift);
        end = most(full, least(to, from - a->k - shift + 1));
    }
    while (j < to) {
        if (j == full && j < end) {
            const float s = back ? by : by / (float)a->k;
            if (a->k == 3)
                joined(y + j * ch, row + (j + shift) * ch, (end - j) * ch, ch, 3, s, how, add);
            else
                joined(y + j * ch, row + (j + shift) * ch, (end - j) * ch, ch, 2, s, how, add);
            j = end;
            continue;
        }
        range(a, j, back, &lo, &hi);
        joined_some(y + j * ch, row + lo * ch, ch, hi - lo,
                    back || how == MAX ? by : by * share(a, j, pad), how, add);
        j++;
    }
}

CULL__INLINE void windows(const cull__conv *c, const float *x, float *y, float *row, int how,
                          bool back, bool pad, bool add)
{
    const axis r = rows_of(c), k = cols_of(c);
    const int64_t ch = c->in, from = back ? r.out : r.n, to = back ? r.n : r.out;
    const int64_t width = (back ? k.out : k.n) * ch, wide = (back ? k.n : k.out) * ch;
    for (int64_t b = 0; b < c->n; b++)
        for (int64_t i = 0; i < to; i++, y += wide) {
            int64_t lo, hi;
            range(&r, i, back, &lo, &hi);
            const float *at = x + (b * from + lo) * width;
            if (lo == hi) memset(row, 0, (size_t)width * sizeof *row);
            for (int64_t u = lo; u < hi; u++, at += width) {
                const float by = back ? share(&r, u, pad) : 1;
                if (u == lo)
                    for (int64_t e = 0; e < width; e++) row[e] = back ? by * at[e] : at[e];
                else if (back)
                    for (int64_t e = 0; e < width; e++) row[e] += by * at[e];
                else
                    into(row, at, width, how);
            }
            if (back)
                for (int64_t j = 0; j < k.out; j++) {
                    const float by = share(&k, j, pad);
                    for (int64_t e = 0; e < ch; e++) row[j * ch + e] *= by;
                }
            across(&k, ch, row, y, back || how == MAX ? 1 : share(&r, i, pad), how, back, pad, add);
        }
}

static void max(const cull__conv *c, const float *x, float *y, float *row)
{
    windows(c, x, y, row, MAX, false, false, false);
}

static void mean(const cull__conv *c, const float *x, float *y, float *row, bool pad)
{
    windows(c, x, y, row, SUM, false, pad, false);
}

static void mean_back(const cull__conv *c, const float *dy, float *dx, float *row, bool pad,
                      bool add)
{
    if (add)
        windows(c, dy, dx, row, SUM, true, pad, true);
    else
        windows(c, dy, dx, row, SUM, true, pad, false);
}

/* ---- to the place that a maximum came from ---- */

typedef int vi __attribute__((vector_size(LANES * 4)));
typedef struct {
    int64_t u0, u1, v0, v1, row, ch;
} corner;

CULL__INLINE void max_pixel(const corner *k, const float *x, const float *y, const float *dy,
                            float *dx, int w)
{
    const vf top = vf_load(y, w), g = vf_load(dy, w);
    vi left = ~(vi){0}; /* lanes whose maximum was not met yet */
    for (int64_t u = k->u0; u < k->u1; u++)
        for (int64_t v = k->v0; v < k->v1; v++) {
            const int64_t at = u * k->row + v * k->ch;
            const vi here = (vf_load(x + at, w) == top) & left;
            left &= ~here;
            vf_store(dx + at, vf_load(dx + at, w) + (vf)((vi)g & here), w);
        }
}

static void max_back(const cull__conv *c, const float *x, const float *y, const float *dy,
                     float *dx)
{
    const axis r = rows_of(c), q = cols_of(c);
    const int64_t ch = c->in;
    for (int64_t b = 0; b < c->n; b++)
        for (int64_t i = 0; i < c->oh; i++)
            for (int64_t j = 0; j < c->ow; j++) {
                corner k = {.row = c->w * ch, .ch = ch};
                range(&r, i, false, &k.u0, &k.u1);
                range(&q, j, false, &k.v0, &k.v1);
                const int64_t from = b * c->h * c->w * ch, to = ((b * c->oh + i) * c->ow + j) * ch;
                for (int64_t e = 0; e < ch; e += LANES)
                    if (ch - e >= LANES)
                        max_pixel(&k, x + from + e, y + to + e, dy + to + e, dx + from + e, LANES);
                    else
                        max_pixel(&k, x + from + e, y + to + e, dy + to + e, dx + from + e,
                                  (int)(ch - e));
            }
}

const cull__pool_kern CULL__TABLE(pool) = {
    .max = max,
    .max_back = max_back,
    .mean = mean,
    .mean_back = mean_back,
};
