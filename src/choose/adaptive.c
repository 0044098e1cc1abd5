/* adaptive.c - a threshold that follows the rows: adaptive conformal inference (cull/drift.h). */
#include "base/base.h"
#include "cull/drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    RATES = 8,
    LEAST = 100,
    MOST = 10000,
    STRETCH = 500
}; /* of several rates: rows over which the best one is met */
static const double CORRECTS = 0.005;

struct cull_adaptive {
    double alpha, rate, offset; /* the level is that of the rates, or alpha, and this */
    double at, threshold;
    int rates; /* 0: one alone */
    double level[RATES], weight[RATES], eta, sigma;
    int64_t n, cap, seen; /* scores in the window; rows that came */
    double *sorted, *ring;
    int64_t next; /* in the ring, from which the oldest leaves */
};

void cull_adaptive_free(cull_adaptive *a)
{
    if (!a) return;
    cull__free(a->sorted);
    cull__free(a->ring);
    cull__free(a);
}

double cull_adaptive_level(const cull_adaptive *a) { return a->at; }

double cull_adaptive_threshold(const cull_adaptive *a) { return a->threshold; }

double cull_adaptive_bound(const cull_adaptive *a)
{
    double most = a->rates ? 1 : fmax(a->alpha, 1 - a->alpha);
    return a->seen ? (most + a->rate) / (a->rate * (double)a->seen) : INFINITY;
}

/* ---- the last scores, in order ---- */
static int64_t below(const cull_adaptive *a, double v)
{
    int64_t lo = 0, hi = a->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (a->sorted[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void push(cull_adaptive *a, double v)
{
    double *s = a->sorted;
    if (a->n == a->cap) {
        int64_t out = below(a, a->ring[a->next]);
        memmove(s + out, s + out + 1, (size_t)(a->n - out - 1) * sizeof *s);
        a->n--;
    }
    int64_t in = below(a, v);
    memmove(s + in + 1, s + in, (size_t)(a->n - in) * sizeof *s);
    s[in] = v;
    a->n++;
    a->ring[a->next] = v;
    a->next = (a->next + 1) % a->cap;
}

/* ---- the level ---- */
static void set_level(cull_adaptive *a)
{
    double base = a->rates ? 0 : a->alpha;
    for (int k = 0; k < a->rates; k++) base += a->weight[k] * a->level[k];
    base = fmin(fmax(base, 0), 1);
    a->offset = fmin(a->offset, 1 + a->rate - base); /* scores of -inf are never missed */
    a->at = base + a->offset;
    double rank = ceil((double)(a->n + 1) * (1 - a->at) * (1 - 1e-12));
    a->threshold = a->at <= 0            ? INFINITY
                   : a->at >= 1          ? -INFINITY
                   : rank > (double)a->n ? INFINITY
                                         : a->sorted[rank < 1 ? 0 : (int64_t)rank - 1];
}

/* beta: the largest level at which the row would not have been missed. */
static void weigh_rates(cull_adaptive *a, double beta)
{
    double sum = 0;
    for (int k = 0; k < a->rates; k++) {
        double off = beta - a->level[k], loss = a->alpha * off - fmin(0, off);
        a->weight[k] *= exp(-a->eta * loss);
        sum += a->weight[k];
        a->level[k] += ldexp(0.001, k) * (a->alpha - (off < 0));
    }
    for (int k = 0; k < a->rates; k++)
        a->weight[k] = (1 - a->sigma) * a->weight[k] / sum + a->sigma / a->rates;
}

bool cull_adaptive_step(cull_adaptive *a, double score)
{
    bool missed = score > a->threshold;
    double beta = 1 - (double)below(a, score) / (double)(a->n + 1);
    weigh_rates(a, beta);
    a->offset += a->rate * (a->alpha - missed);
    a->seen++;
    push(a, score);
    set_level(a);
    return missed;
}

/* ---- begin ---- */
static void several(cull_adaptive *a)
{
    double b = a->alpha,
           spread = (1 - b) * (1 - b) * b * b * b + b * b * (1 - b) * (1 - b) * (1 - b);
    a->rates = RATES;
    a->rate = CORRECTS;
    a->sigma = 1.0 / (2 * STRETCH);
    a->eta = sqrt(3.0 / STRETCH) * sqrt((log((double)RATES * STRETCH) + 2) / spread);
    for (int k = 0; k < RATES; k++) {
        a->level[k] = a->alpha;
        a->weight[k] = 1.0 / RATES;
    }
}

static cull_status fill(cull_ctx *cx, cull_adaptive *a, const double *score, int64_t n)
{
    CULL_TRY(CULL_ALLOC(cx, a->sorted, a->cap));
    CULL_TRY(CULL_ALLOC(cx, a->ring, a->cap));
    for (int64_t i = 0; i < n; i++)
        if (isnan(score[i]))
            return cull__fail(cx, CULL_EINPUT, "score %lld is nan; it must be a number",
                              (long long)i);
    for (int64_t i = n > a->cap ? n - a->cap : 0; i < n; i++) push(a, score[i]);
    set_level(a);
    return CULL_OK;
}

cull_status cull_adaptive_new(cull_ctx *cx, const cull_adaptive_opts *o, const double *score,
                              int64_t n, cull_adaptive **out)
{
    cull_adaptive *a;
    int64_t window = o->window ? o->window : n < LEAST ? LEAST : n > MOST ? MOST : n;
    *out = NULL;
    if (!(o->alpha > 0 && o->alpha < 1))
        return cull__fail(cx, CULL_EOPTION, "alpha is %g; it must lie between 0 and 1", o->alpha);
    if (!(o->rate >= 0 && o->rate <= 1))
        return cull__fail(cx, CULL_EOPTION, "rate is %g; it must be 0 to 1", o->rate);
    if (window < 1 || window > 1 << 24)
        return cull__fail(cx, CULL_EOPTION, "window is %lld rows; it must be 1 to %d",
                          (long long)window, 1 << 24);
    CULL_TRY(CULL_ALLOC(cx, a, 1));
    a->alpha = o->alpha;
    a->rate = o->rate;
    a->cap = window;
    if (o->rate == 0) several(a);
    cull_status s = fill(cx, a, score, n);
    if (s == CULL_OK)
        *out = a;
    else
        cull_adaptive_free(a);
    return s;
}
