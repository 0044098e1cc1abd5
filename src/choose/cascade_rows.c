/* cascade_rows.c - a table of models' answers is checked, its numbers become whole, its confidences bins (cascade.h). */
#include "choose/cascade.h"

#include <math.h>
#include <string.h>

#include "choose/front.h"

static cull_status check_numbers(cull_ctx *cx, const cull_cascade_table *t, int k)
{
    for (int64_t i = 0; i < t->n; i++) {
        double c = t->confidence[k * t->n + i], q = t->quality[k * t->n + i];
        if (!isfinite(c))
            return cull__fail(cx, CULL_EINPUT,
                              "confidence of model %d in row %lld is %g; it must be finite", k,
                              (long long)i, c);
        if (!(q >= 0 && q <= 1))
            return cull__fail(cx, CULL_EINPUT,
                              "quality of model %d in row %lld is %g; it must be in 0 .. 1", k,
                              (long long)i, q);
    }
    int64_t costs = t->cost_each ? t->n : 1;
    for (int64_t i = 0; i < costs; i++) {
        double c = t->cost[k * costs + i];
        if (!(c >= 0 && c <= 1e290))
            return cull__fail(cx, CULL_EINPUT,
                              "cost of model %d in row %lld is %g; it must be in 0 .. 1e290", k,
                              (long long)i, c);
    }
    if (t->delay && !(t->delay[k] >= 0 && t->delay[k] <= 1e290))
        return cull__fail(cx, CULL_EINPUT, "delay of model %d is %g; it must be in 0 .. 1e290", k,
                          t->delay[k]);
    return CULL_OK;
}

cull_status cull__cascade_check(cull_ctx *cx, const cull_cascade_table *t, int quantiles)
{
    if (t->n < 1 || t->n > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "a cascade of %lld rows; it takes 1 to %d",
                          (long long)t->n, INT32_MAX);
    if (t->models < 1 || t->models > CULL__CASCADE_MODELS)
        return cull__fail(cx, CULL_EINPUT, "a cascade of %d models; it takes 1 to %d", t->models,
                          CULL__CASCADE_MODELS);
    if (quantiles < 2 || quantiles > CULL__CASCADE_GRID)
        return cull__fail(cx, CULL_EOPTION, "quantiles is %d; it must be in 2 .. %d", quantiles,
                          CULL__CASCADE_GRID);
    for (int k = 0; k < t->models; k++) CULL_TRY(check_numbers(cx, t, k));
    return CULL_OK;
}

/* Thresholds are values that occur, each once, above the least: with ties no row is on both sides. */
static void make_grid(cull__cascade_rows *r, int k, const cull__place *sorted, int quantiles)
{
    double *at = r->at + (int64_t)k * 256, last = sorted[0].v;
    int g = 0;
    for (int q = 1; q < quantiles; q++) {
        double v = sorted[q * r->n / quantiles].v;
        if (v > last) at[++g] = last = v;
    }
    r->grid[k] = g;
    for (int64_t i = 0, b = 0; i < r->n; i++) {
        while (b < g && sorted[i].v >= at[b + 1]) b++;
        r->bin[sorted[i].i * r->models + k] = (uint8_t)b;
    }
}

static cull_status read_confidence(cull_ctx *cx, const cull_cascade_table *t, int quantiles,
                                   cull__cascade_rows *r)
{
    cull__place *p, *room;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, p, t->n));
    CULL_TRY(CULL_TMP(cx, room, t->n));
    for (int k = 0; k < t->models; k++) {
        CULL_TRY(cull__tick(cx, k, t->models));
        for (int64_t i = 0; i < t->n; i++) p[i] = (cull__place){t->confidence[k * t->n + i], i};
        cull__places_sort(p, room, t->n);
        make_grid(r, k, p, quantiles);
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static double largest(const double *v, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (v[i] > most) most = v[i];
    return most;
}

/* The most binary places with which n numbers up to `most` sum to less than 2^52. */
static int places_for(double most, int64_t n)
{
    int e;
    if (most == 0) return 0;
    frexp(most * (double)n, &e); /* most n < 2^e, and n roundings add less than 2^e more */
    return 51 - e;
}

static void read_numbers(const cull_cascade_table *t, cull__cascade_rows *r)
{
    int64_t costs = t->cost_each ? t->n : 1;
    r->quality_places = places_for(1, t->n);
    r->cost_places = places_for(CULL_CASCADE_STAGES * largest(t->cost, t->models * costs), t->n);
    for (int64_t i = 0; i < t->n; i++)
        for (int k = 0; k < t->models; k++) {
            double *at = r->row + i * r->width + k;
            at[0] = rint(ldexp(t->quality[k * t->n + i], r->quality_places));
            r->total[k] += at[0];
            if (!t->cost_each) continue;
            at[t->models] = rint(ldexp(t->cost[k * t->n + i], r->cost_places));
            r->total[t->models + k] += at[t->models];
        }
    for (int k = 0; r->cost && k < t->models; k++)
        r->cost[k] = rint(ldexp(t->cost[k], r->cost_places));
}

cull_status cull__cascade_read(cull_ctx *cx, const cull_cascade_table *t, int quantiles,
                               cull__cascade_rows *r)
{
    int64_t k = t->models;
    *r = (cull__cascade_rows){.n = t->n, .models = t->models};
    r->width = t->cost_each ? 2 * t->models : t->models;
    CULL_TRY(CULL_TMP(cx, r->row, t->n * r->width));
    CULL_TRY(CULL_TMP0(cx, r->total, r->width));
    if (!t->cost_each) CULL_TRY(CULL_TMP(cx, r->cost, k));
    CULL_TRY(CULL_TMP(cx, r->bin, t->n * k));
    CULL_TRY(CULL_TMP(cx, r->grid, k));
    CULL_TRY(CULL_TMP(cx, r->at, k * 256));
    read_numbers(t, r);
    return read_confidence(cx, t, quantiles, r);
}
