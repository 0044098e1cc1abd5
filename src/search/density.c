/* density.c - densities of one parameter's values, over a table or a line. */
#include "search/density.h"

#include <math.h>

enum { BINS = CULL__DENSITY_BINS, BELL = CULL__DENSITY_BELL, PER_SD = 32 };
static const double LEAST = 0.01; /* of the range: no kernel is narrower */
static const double ROOT_2PI = 2.5066282746310002;

/* Widths go by n in steps of a quarter, lest every trial change all kernels. */
static int level_of(int64_t n) { return n < 1 ? 0 : 1 + (int)(log((double)n) / log(1.25)); }
static double level_n(int level) { return level < 1 ? 0 : pow(1.25, level - 1); }

static double line_width(int level) { return fmin(1, fmax(LEAST, 1.5 / (level_n(level) + 1))); }
static double table_width(int level) { return 0.2 * pow(fmax(1, level_n(level)), -0.2); }

/* ---- kernels of a side ---- */
static void table_kernel(const cull__density *d, cull__density_side *s)
{
    double h = table_width(s->level);
    for (int64_t j = 0; j < d->values; j++) {
        double *k = s->kernel + j * d->values, total = 0;
        for (int64_t v = 0; v < d->values; v++) {
            double z = (d->place[v] - d->place[j]) / h;
            total += k[v] = exp(-0.5 * z * z);
        }
        for (int64_t v = 0; v < d->values; v++) k[v] /= total;
    }
}

/* kernel[0 .. BINS) by distance, [BINS .. 2 BINS) its sums up to there: what of it lies within is
 * told by those. */
static void line_kernel(cull__density_side *s)
{
    double h = line_width(s->level), total = 0;
    for (int64_t j = 0; j < BINS; j++) {
        double z = (double)j / (BINS * h);
        s->kernel[j] = z < 6 ? exp(-0.5 * z * z) / (h * ROOT_2PI) : 0;
        s->kernel[BINS + j] = total += s->kernel[j];
    }
}

static void spread(const cull__density *d, cull__density_side *s, int64_t j, double w)
{
    if (d->values) {
        const double *k = s->kernel + j * d->values;
        for (int64_t v = 0; v < d->values; v++) s->sum[v] += w * k[v];
        return;
    }
    const double *k = s->kernel, *total = s->kernel + BINS;
    double inside = (total[j] + total[BINS - 1 - j] - k[0]) / BINS;
    w /= inside;
    for (int64_t b = j; b < BINS && k[b - j] != 0; b++) s->sum[b] += w * k[b - j];
    for (int64_t b = j - 1; b >= 0 && k[j - b] != 0; b--) s->sum[b] += w * k[j - b];
}

/* After the number of trials changed: kernels of another width are added up anew. */
static bool widened(const cull__density *d, cull__density_side *s)
{
    int level = level_of(s->n);
    bool same = d->values ? level == s->level : line_width(level) == line_width(s->level);
    if (same) return false;
    s->level = level;
    if (d->values)
        table_kernel(d, s);
    else
        line_kernel(s);
    for (int64_t c = 0; c < d->cells; c++) s->sum[c] = 0;
    for (int64_t c = 0; c < d->cells; c++)
        if (s->count[c] != 0) spread(d, s, c, s->count[c]);
    return true;
}

static void put(cull__density_side *s, int64_t cell, double w)
{
    s->count[cell] += w;
    if (fabs(s->count[cell]) < 1e-9)
        s->count[cell] = 0; /* shares of neighbours, in and out again */
}

static void change(cull__density *d, cull__side side, double u, double by)
{
    cull__density_side *s = &d->side[side];
    if (d->values) {
        int64_t v = (int64_t)u;
        put(s, v, by);
        if (d->place && !widened(d, s)) spread(d, s, v, by);
        return;
    }
    double t = fmin(fmax(u * BINS - 0.5, 0), BINS - 1);
    int64_t lo = (int64_t)t, hi = lo + 1 < BINS ? lo + 1 : lo;
    double w = t - (double)lo;
    put(s, lo, by * (1 - w));
    put(s, hi, by * w);
    if (widened(d, s)) return;
    spread(d, s, lo, by * (1 - w));
    spread(d, s, hi, by * w);
}

/* ---- the few good ones on a line ---- */
static double tail(double z) { return 0.5 * erfc(-z * 0.70710678118654752); }

static void refresh(cull__density *d)
{
    int64_t n = d->side[CULL__GOOD].n;
    double least = 1 / fmin(100, (double)n + 2), before = -1;
    for (int64_t i = 0; i < n; i++) { /* the flat density's middle is a neighbour too */
        double u = d->at[i], next = i + 1 < n ? d->at[i + 1] : -1;
        if (u > 0.5 && before < 0.5) before = 0.5;
        if (u < 0.5 && (next < 0 || next > 0.5)) next = 0.5;
        double reach = fmax(before < 0 ? 0 : u - before, next < 0 ? 0 : next - u);
        double h = fmin(1, fmax(least, reach));
        d->width[i] = 1 / h;
        d->height[i] = 1 / (h * ROOT_2PI * (tail((1 - u) / h) - tail(-u / h)));
        before = u;
    }
    d->stale = false;
}

static double good_at(cull__density *d, double u)
{
    int64_t n = d->side[CULL__GOOD].n;
    if (d->stale) refresh(d);
    double sum = d->prior;
    for (int64_t i = 0; i < n; i++) {
        double z = fabs(u - d->at[i]) * d->width[i] * PER_SD;
        if (z >= BELL) continue;
        int64_t j = (int64_t)z;
        sum += d->height[i] * (d->bell[j] + (z - (double)j) * (d->bell[j + 1] - d->bell[j]));
    }
    return sum / ((double)n + d->prior);
}

/* ---- what others call ---- */
static cull_status open_side(cull_ctx *cx, const cull__density *d, cull__density_side *s)
{
    CULL_TRY(CULL_ALLOC(cx, s->count, d->cells));
    CULL_TRY(CULL_ALLOC(cx, s->sum, d->cells));
    if (d->values && !d->place) return CULL_OK;
    CULL_TRY(CULL_ALLOC(cx, s->kernel, d->values ? d->values * d->values : 2 * BINS));
    s->level = -1;
    widened(d, s);
    return CULL_OK;
}

static cull_status open_all(cull_ctx *cx, const double *place, cull__density *d)
{
    if (place) {
        CULL_TRY(CULL_ALLOC(cx, d->place, d->values));
        for (int64_t v = 0; v < d->values; v++) d->place[v] = place[v];
    }
    for (int j = 0; j < BELL + 2; j++) d->bell[j] = exp(-0.5 * j * j / (PER_SD * PER_SD));
    if (d->values) CULL_TRY(open_side(cx, d, &d->side[CULL__GOOD]));
    return open_side(cx, d, &d->side[CULL__BAD]);
}

cull_status cull__density_open(cull_ctx *cx, int64_t values, const double *place,
                               const double *chance, double prior, cull__density **out)
{
    cull__density *d;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, d, 1));
    d->values = values;
    d->cells = values ? values : BINS;
    d->prior = prior;
    d->chance = chance;
    cull_status s = open_all(cx, place, d);
    if (s != CULL_OK) {
        cull__density_close(d);
        return s;
    }
    *out = d;
    return CULL_OK;
}

void cull__density_close(cull__density *d)
{
    if (!d) return;
    for (int s = 0; s < CULL__SIDES; s++) {
        cull__free(d->side[s].count);
        cull__free(d->side[s].sum);
        cull__free(d->side[s].kernel);
    }
    cull__free(d->place);
    cull__free(d->at);
    cull__free(d->width);
    cull__free(d->height);
    cull__free(d);
}

cull_status cull__density_add(cull_ctx *cx, cull__density *d, cull__side side, double u)
{
    cull__density_side *s = &d->side[side];
    if (!d->values && side == CULL__GOOD) {
        CULL_TRY(CULL_GROW(cx, d->at, &d->cap, s->n + 1));
        CULL_TRY(CULL_GROW(cx, d->width, &d->cap_width, s->n + 1));
        CULL_TRY(CULL_GROW(cx, d->height, &d->cap_height, s->n + 1));
        int64_t i = s->n++;
        for (; i > 0 && d->at[i - 1] > u; i--) d->at[i] = d->at[i - 1];
        d->at[i] = u;
        d->stale = true;
        return CULL_OK;
    }
    s->n++;
    change(d, side, u, 1);
    return CULL_OK;
}

void cull__density_drop(cull__density *d, cull__side side, double u)
{
    cull__density_side *s = &d->side[side];
    if (!d->values && side == CULL__GOOD) {
        int64_t i = 0;
        while (i < s->n && d->at[i] != u) i++;
        if (i == s->n) return;
        for (s->n--; i < s->n; i++) d->at[i] = d->at[i + 1];
        d->stale = true;
        return;
    }
    s->n--;
    change(d, side, u, -1);
}

/* Of a table without an order; prior counts each value as so many trials, on average. */
static double share_at(const cull__density *d, const cull__density_side *s, int64_t v)
{
    double values = (double)d->values, prior = d->prior;
    if (d->chance) prior *= values * d->chance[v];
    return (s->count[v] + prior) / ((double)s->n + d->prior * values);
}

double cull__density_at(cull__density *d, cull__side side, double u)
{
    const cull__density_side *s = &d->side[side];
    if (!d->values && side == CULL__GOOD) return good_at(d, u);
    if (d->values && !d->place) return share_at(d, s, (int64_t)u);
    if (d->values)
        return (fmax(0, s->sum[(int64_t)u]) + d->prior / (double)d->values) /
               ((double)s->n + d->prior);
    double t = fmin(fmax(u * BINS - 0.5, 0), BINS - 1);
    int64_t lo = (int64_t)t, hi = lo + 1 < BINS ? lo + 1 : lo;
    double sum = s->sum[lo] + (t - (double)lo) * (s->sum[hi] - s->sum[lo]);
    return (fmax(0, sum) + d->prior) / ((double)s->n + d->prior);
}

double cull__density_gain(cull__density *d, double u)
{
    return log(cull__density_at(d, CULL__GOOD, u) / cull__density_at(d, CULL__BAD, u));
}

static double draw_value(cull__density *d, cull_rng *r)
{
    double left = cull__rng_unit(r);
    for (int64_t v = 0; v + 1 < d->values; v++) {
        left -= cull__density_at(d, CULL__GOOD, (double)v);
        if (left < 0) return (double)v;
    }
    return (double)(d->values - 1);
}

double cull__density_draw(cull__density *d, cull_rng *r)
{
    if (d->values) return draw_value(d, r);
    int64_t n = d->side[CULL__GOOD].n;
    if (d->stale) refresh(d);
    double which = cull__rng_unit(r) * ((double)n + d->prior);
    if (which >= (double)n) return cull__rng_unit(r);
    int64_t i = (int64_t)which;
    for (int tries = 0; tries < 32; tries++) {
        double u = d->at[i] + cull__rng_normal(r) / d->width[i];
        if (u >= 0 && u <= 1) return u;
    }
    return d->at[i];
}
