/* predict_lbfgs.c - the least value of a smooth function of few numbers, by L-BFGS. */
#include "score/predict.h"

#include <math.h>
#include <string.h>

enum { MEMORY = 10, TRIES = 25 };

typedef struct {
    double *x, *g, f;
} point;
typedef struct {
    cull__smooth_fn *fn;
    void *arg;
    int64_t n;
    double *s, *y, rho[MEMORY], *step; /* s, y: (MEMORY, n), the last pairs */
    int64_t pairs;
} descent;

static double dot(const double *a, const double *b, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

/* step = -H g by the two loops (Nocedal 1980). */
static void aim(descent *d, const double *g)
{
    int64_t n = d->n, have = d->pairs < MEMORY ? d->pairs : MEMORY;
    double alpha[MEMORY], *q = d->step;
    for (int64_t i = 0; i < n; i++) q[i] = -g[i];
    for (int64_t k = d->pairs - 1; k >= d->pairs - have; k--) {
        int64_t at = k % MEMORY;
        alpha[at] = d->rho[at] * dot(d->s + at * n, q, n);
        for (int64_t i = 0; i < n; i++) q[i] -= alpha[at] * d->y[at * n + i];
    }
    if (have) {
        const double *y = d->y + (d->pairs - 1) % MEMORY * n;
        double scale = 1 / (d->rho[(d->pairs - 1) % MEMORY] * dot(y, y, n));
        for (int64_t i = 0; i < n; i++) q[i] *= scale;
    }
    for (int64_t k = d->pairs - have; k < d->pairs; k++) {
        int64_t at = k % MEMORY;
        double beta = d->rho[at] * dot(d->y + at * n, q, n);
        for (int64_t i = 0; i < n; i++) q[i] += (alpha[at] - beta) * d->s[at * n + i];
    }
}

static void remember(descent *d, const point *a, const point *b)
{
    int64_t n = d->n, at = d->pairs % MEMORY;
    double *s = d->s + at * n, *y = d->y + at * n;
    for (int64_t i = 0; i < n; i++) s[i] = b->x[i] - a->x[i], y[i] = b->g[i] - a->g[i];
    double bend = dot(s, y, n);
    if (!(bend > 1e-10 * dot(y, y, n))) return; /* not convex between the two: nothing is learnt */
    d->rho[at] = 1 / bend;
    d->pairs++;
}

/* From a to b along the step, halved until the value falls by a fair share of what the slope promises. */
static cull_status walk(cull_ctx *cx, descent *d, const point *a, point *b, bool *moved)
{
    double slope = dot(a->g, d->step, d->n), size = sqrt(dot(d->step, d->step, d->n)), t = 1;
    *moved = false;
    if (!(slope < 0)) return CULL_OK;
    if (!d->pairs && size > 1) t = 1 / size;
    if (t * size > 4) t = 4 / size; /* logarithms: further is another scale altogether */
    for (int i = 0; i < TRIES && !*moved; i++, t /= 2) {
        for (int64_t k = 0; k < d->n; k++) b->x[k] = a->x[k] + t * d->step[k];
        CULL_TRY(d->fn(cx, d->arg, b->x, &b->f, b->g));
        *moved = b->f <= a->f + 1e-4 * t * slope;
    }
    return CULL_OK;
}

static cull_status descend(cull_ctx *cx, descent *d, point *a, point *b, int steps, double tol)
{
    CULL_TRY(d->fn(cx, d->arg, a->x, &a->f, a->g));
    for (int k = 0; isfinite(a->f) && k < steps; k++) {
        bool moved;
        CULL_TRY(cull__tick(cx, k, steps));
        aim(d, a->g);
        CULL_TRY(walk(cx, d, a, b, &moved));
        if (!moved && !d->pairs) break;
        if (!moved) {
            d->pairs = 0; /* straight down, once */
            continue;
        }
        double gain = a->f - b->f;
        remember(d, a, b);
        point t = *a;
        *a = *b, *b = t;
        if (gain < tol) break;
    }
    return CULL_OK;
}

cull_status cull__lbfgs(cull_ctx *cx, cull__smooth_fn *fn, void *arg, int64_t n, int steps,
                        double tol, double *x, double *best)
{
    descent d = {.fn = fn, .arg = arg, .n = n};
    point a, b;
    CULL_TRY(CULL_TMP(cx, d.s, MEMORY * n));
    CULL_TRY(CULL_TMP(cx, d.y, MEMORY * n));
    CULL_TRY(CULL_TMP(cx, d.step, n));
    CULL_TRY(CULL_TMP(cx, a.x, n));
    CULL_TRY(CULL_TMP(cx, a.g, n));
    CULL_TRY(CULL_TMP(cx, b.x, n));
    CULL_TRY(CULL_TMP(cx, b.g, n));
    memcpy(a.x, x, (size_t)n * sizeof *x);
    CULL_TRY(descend(cx, &d, &a, &b, steps, tol));
    memcpy(x, a.x, (size_t)n * sizeof *x);
    *best = a.f;
    return CULL_OK;
}
