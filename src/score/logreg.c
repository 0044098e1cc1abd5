/* logreg.c - multinomial logistic regression by L-BFGS (Liu and Nocedal 1989) on the full batch.
 *
 * Objective: weighted mean of -log p(label | row), plus l2 / 2 |w|^2 over the weights, not the
 * biases. Loss and gradient are sums over a grid of chunks that n, d and classes alone fix, added in
 * order, all in f64. Steps are found by backtracking with a parabola (Nocedal and Wright 2006,
 * section 3.5); a pair whose curvature is not positive is not kept. */
#include "num/num.h"
#include "score/score.h"

#include <cblas.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BLOCK = 256, MEMORY = 10, CHUNKS = 64 };

struct model {
    const float *x; /* (n, d) */
    const int32_t *y;
    int64_t n, d, classes, size; /* size = classes * (d + 1) */
    int64_t grain, chunks;
    double l2, total;    /* sum of the rows' weights */
    const double *share; /* classes: weight of a row, by its label */
    double *part;        /* (chunks, size + 1): gradient, then loss */
    const double *w;     /* (classes, d + 1) where it is evaluated */
};

/* m rows with a 1 for the bias into x (m, d + 1), their softmax into p (m, classes); with labels y
 * (else NULL) also nll (m) = -log p of the label, exact where p underflows. */
static void softmax_rows(const float *rows, int64_t d, int64_t m, int64_t classes, const double *w,
                         double *x, double *p, const int32_t *y, double *nll)
{
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < d; j++) x[i * (d + 1) + j] = rows[i * d + j];
        x[i * (d + 1) + d] = 1;
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)classes, (int)(d + 1), 1, x,
                (int)(d + 1), w, (int)(d + 1), 0, p, (int)classes);
    for (int64_t i = 0; i < m; i++) {
        double *q = p + i * classes, top = q[0], sum = 0;
        for (int64_t c = 1; c < classes; c++) top = q[c] > top ? q[c] : top;
        if (y) nll[i] = top - q[y[i]];
        for (int64_t c = 0; c < classes; c++) sum += q[c] = exp(q[c] - top);
        for (int64_t c = 0; c < classes; c++) q[c] /= sum;
        if (y) nll[i] += log(sum);
    }
}

static cull_status part_of(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct model *m = arg;
    double *g = m->part + chunk * (m->size + 1), *x, *p, nll[BLOCK], loss = 0;
    CULL_TRY(CULL_TMP(cx, x, BLOCK * (m->d + 1)));
    CULL_TRY(CULL_TMP(cx, p, BLOCK * m->classes));
    for (int64_t at = lo; at < hi; at += BLOCK) {
        int64_t rows = hi - at < BLOCK ? hi - at : BLOCK;
        softmax_rows(m->x + at * m->d, m->d, rows, m->classes, m->w, x, p, m->y + at, nll);
        for (int64_t i = 0; i < rows; i++) {
            double *q = p + i * m->classes, s = m->share[m->y[at + i]] / m->total;
            loss += s * nll[i];
            q[m->y[at + i]] -= 1;
            for (int64_t c = 0; c < m->classes; c++) q[c] *= s;
        }
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m->classes, (int)(m->d + 1),
                    (int)rows, 1, p, (int)m->classes, x, (int)(m->d + 1), at > lo, g,
                    (int)(m->d + 1));
    }
    g[m->size] = loss;
    return CULL_OK;
}

/* The objective at w and its gradient g (classes, d + 1). */
static cull_status evaluate(cull_ctx *cx, struct model *m, const double *w, double *f, double *g)
{
    m->w = w;
    CULL_TRY(cull__for(cx, m->n, m->grain, part_of, m));
    *f = 0;
    memset(g, 0, (size_t)m->size * sizeof *g);
    for (int64_t c = 0; c < m->chunks; c++) {
        const double *part = m->part + c * (m->size + 1);
        for (int64_t i = 0; i < m->size; i++) g[i] += part[i];
        *f += part[m->size];
    }
    for (int64_t i = 0; i < m->size; i++) {
        if (i % (m->d + 1) == m->d) continue;
        g[i] += m->l2 * w[i];
        *f += 0.5 * m->l2 * w[i] * w[i];
    }
    if (isfinite(*f)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "logistic regression: the loss is not finite; the rows must be, and should "
                      "not be larger than 1e100");
}

static double dot(const double *a, const double *b, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

static double largest(const double *a, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s = fabs(a[i]) > s ? fabs(a[i]) : s;
    return s;
}

struct history {
    double *s, *y, rho[MEMORY]; /* (MEMORY, size) each */
    int64_t count;              /* pairs ever kept */
};

/* step = -H g, the two loops. */
static void direction(const struct history *h, const double *g, int64_t n, double *step)
{
    double alpha[MEMORY];
    int64_t have = h->count < MEMORY ? h->count : MEMORY;
    for (int64_t i = 0; i < n; i++) step[i] = -g[i];
    for (int64_t k = 0; k < have; k++) {
        int64_t at = (h->count - 1 - k) % MEMORY;
        alpha[at] = h->rho[at] * dot(h->s + at * n, step, n);
        for (int64_t i = 0; i < n; i++) step[i] -= alpha[at] * h->y[at * n + i];
    }
    if (have) {
        int64_t at = (h->count - 1) % MEMORY;
        double scale = 1 / (h->rho[at] * dot(h->y + at * n, h->y + at * n, n));
        for (int64_t i = 0; i < n; i++) step[i] *= scale;
    }
    for (int64_t k = have - 1; k >= 0; k--) {
        int64_t at = (h->count - 1 - k) % MEMORY;
        double beta = h->rho[at] * dot(h->y + at * n, step, n);
        for (int64_t i = 0; i < n; i++) step[i] += (alpha[at] - beta) * h->s[at * n + i];
    }
}

static void remember(struct history *h, const double *w0, const double *w1, const double *g0,
                     const double *g1, int64_t n)
{
    int64_t at = h->count % MEMORY;
    double *s = h->s + at * n, *y = h->y + at * n;
    for (int64_t i = 0; i < n; i++) s[i] = w1[i] - w0[i], y[i] = g1[i] - g0[i];
    double curve = dot(s, y, n);
    if (!(curve > 1e-12 * dot(y, y, n))) return;
    h->rho[at] = 1 / curve;
    h->count++;
}

struct point {
    double *w, *g, f;
};

/* From a along step to b, where the objective is lower by a fair share; *moved = false when no step
 * down to rounding is. */
static cull_status line_search(cull_ctx *cx, struct model *m, const struct point *a,
                               const double *step, double t, struct point *b, bool *moved)
{
    double slope = dot(a->g, step, m->size);
    for (int tries = 0; tries < 40; tries++) {
        for (int64_t i = 0; i < m->size; i++) b->w[i] = a->w[i] + t * step[i];
        CULL_TRY(evaluate(cx, m, b->w, &b->f, b->g));
        *moved = b->f <= a->f + 1e-4 * t * slope;
        if (*moved) return CULL_OK;
        double best = -slope * t * t / (2 * (b->f - a->f - slope * t)); /* of the parabola */
        t = best > 0.1 * t && best < 0.6 * t ? best : best >= 0.6 * t ? 0.6 * t : 0.1 * t;
    }
    return CULL_OK;
}

static cull_status descend(cull_ctx *cx, struct model *m, int iterations, double tol, double *w)
{
    struct history h = {0};
    struct point a, b;
    double *step;
    CULL_TRY(CULL_TMP(cx, h.s, MEMORY * m->size));
    CULL_TRY(CULL_TMP(cx, h.y, MEMORY * m->size));
    CULL_TRY(CULL_TMP(cx, step, m->size));
    CULL_TRY(CULL_TMP0(cx, a.w, m->size));
    CULL_TRY(CULL_TMP(cx, a.g, m->size));
    CULL_TRY(CULL_TMP(cx, b.w, m->size));
    CULL_TRY(CULL_TMP(cx, b.g, m->size));
    CULL_TRY(evaluate(cx, m, a.w, &a.f, a.g));
    for (int k = 0; k < iterations && largest(a.g, m->size) > tol; k++) {
        bool moved;
        CULL_TRY(cull__tick(cx, k, iterations));
        direction(&h, a.g, m->size, step);
        double first = h.count ? 1 : 1 / (sqrt(dot(a.g, a.g, m->size)) + 1e-300);
        CULL_TRY(line_search(cx, m, &a, step, first, &b, &moved));
        if (!moved) {
            if (!h.count) break;
            h.count = 0; /* what is remembered misleads: start again downhill */
            continue;
        }
        remember(&h, a.w, b.w, a.g, b.g, m->size);
        struct point was = a;
        a = b;
        b = was;
    }
    memcpy(w, a.w, (size_t)m->size * sizeof *w);
    return CULL_OK;
}

static cull_status check_labels(cull_ctx *cx, const int32_t *y, int64_t n, int32_t classes)
{
    if (n < 1 || classes < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "logistic regression of %" PRId64 " rows in %d classes; there must be at "
                          "least one of each",
                          n, classes);
    for (int64_t i = 0; i < n; i++)
        if (y[i] < 0 || y[i] >= classes)
            return cull__fail(cx, CULL_EINPUT, "label[%" PRId64 "] is %d; it must be 0 to %d", i,
                              y[i], classes - 1);
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, struct model *m, const cull__logreg_opts *o, double *w)
{
    double *share, *count;
    CULL_TRY(CULL_TMP(cx, share, m->classes));
    CULL_TRY(CULL_TMP0(cx, count, m->classes));
    for (int64_t i = 0; i < m->n; i++) count[m->y[i]]++;
    for (int64_t c = 0; c < m->classes; c++) {
        share[c] = o->balanced && count[c] > 0 ? (double)m->n / count[c] : 1;
        m->total += share[c] * count[c];
    }
    int64_t most = (INT64_C(64) << 20) / (8 * (m->size + 1)); /* partial sums: 64 MiB at most */
    most = most > CHUNKS ? CHUNKS : most < 1 ? 1 : most;
    m->grain = ((m->n + most - 1) / most + BLOCK - 1) / BLOCK * BLOCK;
    m->chunks = (m->n + m->grain - 1) / m->grain;
    m->share = share;
    CULL_TRY(CULL_TMP(cx, m->part, m->chunks * (m->size + 1)));
    return descend(cx, m, o->iterations > 0 ? o->iterations : 100, o->tol > 0 ? o->tol : 1e-4, w);
}

cull_status cull__logreg_fit(cull_ctx *cx, const float *x, const int32_t *y, int64_t n, int64_t d,
                             int32_t classes, const cull__logreg_opts *o, double *w)
{
    const cull__logreg_opts none = {0};
    if (!o) o = &none;
    CULL_TRY(check_labels(cx, y, n, classes));
    struct model m = {.x = x, .y = y, .n = n, .d = d, .classes = classes};
    m.size = classes * (d + 1);
    m.l2 = o->l2 > 0 ? o->l2 : 1 / (double)n;
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "logistic regression");
    cull_status s = fit(cx, &m, o, w);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

struct predicting {
    const float *x;
    int64_t d;
    int32_t classes;
    const double *w;
    double *proba;
    int32_t *label;
};

static cull_status predict_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct predicting *a = arg;
    double *x, *p;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, BLOCK * (a->d + 1)));
    CULL_TRY(CULL_TMP(cx, p, BLOCK * a->classes));
    softmax_rows(a->x + lo * a->d, a->d, hi - lo, a->classes, a->w, x, p, NULL, NULL);
    if (a->proba)
        memcpy(a->proba + lo * a->classes, p, (size_t)((hi - lo) * a->classes) * sizeof *p);
    for (int64_t i = lo; a->label && i < hi; i++) {
        const double *q = p + (i - lo) * a->classes;
        int32_t best = 0;
        for (int32_t c = 1; c < a->classes; c++)
            if (q[c] > q[best]) best = c;
        a->label[i] = best;
    }
    return CULL_OK;
}

cull_status cull__logreg_predict(cull_ctx *cx, const float *x, int64_t n, int64_t d,
                                 int32_t classes, const double *w, double *proba, int32_t *label)
{
    struct predicting a = {x, d, classes, w, proba, label};
    return cull__for(cx, n, BLOCK, predict_rows, &a);
}
