/* ridge.c - least squares with an L2 penalty on the weights, by conjugate gradients on the normal
 * equations: no matrix of columns by columns is made, however many there are. */
#include "score/score.h"

#include <math.h>
#include <string.h>

enum { GRAIN = 256, STEPS = 1000 };

typedef struct {
    const float *x;
    int64_t n, d;
    const double *mean; /* (d) of the columns */
    const double *v;    /* (d): A v is wanted; NULL = X^T y is */
    const double *y;    /* (n), centred */
    double *part;       /* (chunks, d) */
} product;

/* Of these rows, X^T (X v) or X^T y. */
static cull_status add_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)cx;
    product *a = arg;
    double *g = a->part + chunk * a->d;
    memset(g, 0, (size_t)a->d * sizeof *g);
    for (int64_t i = lo; i < hi; i++) {
        const float *x = a->x + i * a->d;
        double s = a->y ? a->y[i] : 0;
        for (int64_t c = 0; a->v && c < a->d; c++) s += ((double)x[c] - a->mean[c]) * a->v[c];
        for (int64_t c = 0; c < a->d; c++) g[c] += s * ((double)x[c] - a->mean[c]);
    }
    return CULL_OK;
}

static cull_status apply(cull_ctx *cx, product *a, double *out)
{
    CULL_TRY(cull__for(cx, a->n, GRAIN, add_rows, a));
    memset(out, 0, (size_t)a->d * sizeof *out);
    for (int64_t k = 0; k * GRAIN < a->n; k++)
        for (int64_t c = 0; c < a->d; c++) out[c] += a->part[k * a->d + c];
    return CULL_OK;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

/* (X^T X + l2) w = X^T y from w = 0, until the residual is a billionth of what it was. */
static cull_status descend(cull_ctx *cx, product *a, double l2, double *w)
{
    int64_t d = a->d;
    double *r, *p, *q;
    CULL_TRY(CULL_TMP(cx, r, d));
    CULL_TRY(CULL_TMP(cx, p, d));
    CULL_TRY(CULL_TMP(cx, q, d));
    CULL_TRY(apply(cx, a, r));
    memcpy(p, r, (size_t)d * sizeof *p);
    memset(w, 0, (size_t)d * sizeof *w);
    double rr = dot(r, r, d), first = rr;
    a->y = NULL, a->v = p;
    for (int step = 0; step < STEPS && rr > 1e-18 * first; step++) {
        CULL_TRY(cull__tick(cx, step, STEPS));
        CULL_TRY(apply(cx, a, q));
        for (int64_t c = 0; c < d; c++) q[c] += l2 * p[c];
        double alpha = rr / dot(p, q, d), was = rr;
        for (int64_t c = 0; c < d; c++) w[c] += alpha * p[c], r[c] -= alpha * q[c];
        rr = dot(r, r, d);
        for (int64_t c = 0; c < d; c++) p[c] = r[c] + rr / was * p[c];
    }
    return CULL_OK;
}

cull_status cull__ridge_fit(cull_ctx *cx, const float *x, const double *y, int64_t n, int64_t d,
                            double l2, double *w)
{
    cull__mark_t mark = cull__mark(cx);
    product a = {.x = x, .n = n, .d = d};
    double *mean, *centred, middle = 0;
    CULL_TRY(CULL_TMP0(cx, mean, d));
    CULL_TRY(CULL_TMP(cx, centred, n));
    CULL_TRY(CULL_TMP(cx, a.part, (n + GRAIN - 1) / GRAIN * d));
    for (int64_t i = 0; i < n; i++) {
        middle += y[i] / (double)n;
        for (int64_t c = 0; c < d; c++) mean[c] += (double)x[i * d + c] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) centred[i] = y[i] - middle;
    a.mean = mean, a.y = centred;
    CULL_TRY(descend(cx, &a, l2, w));
    w[d] = middle - dot(w, mean, d);
    cull__release(cx, mark);
    return CULL_OK;
}
