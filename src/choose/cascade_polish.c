/* cascade_polish.c - a cascade is made better stage by stage (cascade_deep.h).
 *
 * At a place of the chain a model with any threshold can be put in, before the stage that is there or in its stead. Rows that
 * come to the place are looked at once for each model: by bins of its confidence, what it would answer and what the stages
 * behind make of the rows that it hands on. */
#include "choose/cascade_deep.h"

#include <string.h>

bool cull__deep_has(const cull__chain *c, int k)
{
    for (int s = 0; s < c->stages; s++)
        if (c->model[s] == k) return true;
    return false;
}

bool cull__deep_in_time(const cull__cascade_rows *r, const cull__chain *c, int at, int k)
{
    if (!r->delay) return true;
    double sum = r->delay[k];
    for (int s = 0; s < c->stages; s++) sum += s == at ? 0 : r->delay[c->model[s]];
    return sum <= r->most;
}

int64_t cull__deep_replay(cull__deep *d, const cull__chain *c, int stages, double *cost,
                          double *quality)
{
    const cull__cascade_rows *r = d->r;
    int64_t n = 0;
    *cost = *quality = 0;
    for (int64_t i = 0; i < r->n; i++) {
        int s = 0;
        for (; s < stages; s++) {
            *cost += cull__row_cost(r, i, c->model[s]);
            if (r->bin[i * r->models + c->model[s]] >= c->grid[s]) break;
        }
        if (s < stages)
            *quality += r->row[i * r->width + c->model[s]];
        else
            d->open[n++] = (int32_t)i;
    }
    return n;
}

/* What the stages from `from` on make of the open rows. */
static void after(cull__deep *d, const cull__chain *c, int from, int64_t n)
{
    const cull__cascade_rows *r = d->r;
    for (int64_t j = 0; j < n; j++) {
        int64_t i = d->open[j];
        double cost = 0, quality = 0;
        for (int s = from; s < c->stages; s++) {
            cost += cull__row_cost(r, i, c->model[s]);
            quality = r->row[i * r->width + c->model[s]];
            if (s + 1 < c->stages && r->bin[i * r->models + c->model[s]] >= c->grid[s]) break;
        }
        d->rest[2 * j] = cost;
        d->rest[2 * j + 1] = quality;
    }
}

/* Put model k with threshold g at `at`, in the stead of the stage there or before it; g 0: it answers all, the end. */
static cull__chain put(const cull__chain *c, int at, bool instead, int k, int g)
{
    cull__chain new = {.stages = at + 1};
    memcpy(new.model, c->model, (size_t)at * sizeof *c->model);
    memcpy(new.grid, c->grid, (size_t)at);
    new.model[at] = (int16_t)k;
    new.grid[at] = (uint8_t)g;
    for (int s = at + instead; g && s < c->stages; s++, new.stages++) {
        new.model[new.stages] = c->model[s];
        new.grid[new.stages] = c->grid[s];
    }
    return new;
}

/* Is a chain of these sums the best, or where to go? */
static bool wanted(const cull__deep *d, double cost, double quality)
{
    if (cull__deep_better(d, cost, quality)) return true;
    return d->price > 0 && quality - d->price * cost > d->next.quality - d->price * d->next.cost;
}

static void take(cull__deep *d, cull__chain c, double cost, double quality)
{
    c.cost = cost;
    c.quality = quality;
    bool better = cull__deep_better(d, cost, quality);
    if (better) d->best = c;
    if (d->price > 0 ? quality - d->price * cost <= d->next.quality - d->price * d->next.cost
                     : !better)
        return;
    d->next = c;
    d->moved = true;
}

/* All thresholds of model k at `at`; what lies before costs `cost` and answers `quality`. */
static void try_model(cull__deep *d, const cull__chain *c, int at, bool instead, int k, int64_t n,
                      double cost, double quality)
{
    const cull__cascade_rows *r = d->r;
    double(*sum)[4] = (double(*)[4])(void *)d->bin_sum;
    bool end = at + instead >= c->stages; /* nothing comes after */
    int bins = r->grid[k] + 1;
    memset(sum, 0, (size_t)bins * sizeof *sum);
    for (int64_t j = 0; j < n; j++) {
        int64_t i = d->open[j];
        double *to = sum[r->bin[i * r->models + k]];
        to[0] += d->rest[2 * j];
        to[1] += d->rest[2 * j + 1];
        to[2] += r->row[i * r->width + k];
        to[3]++;
        cost += cull__row_cost(r, i, k);
    }
    for (int b = 0; b < bins; b++) quality += sum[b][2];
    for (int g = 0; g < bins; g++) { /* bins below g are handed on */
        if (g) {
            cost += sum[g - 1][0];
            quality += sum[g - 1][1] - sum[g - 1][2];
        }
        if (g && (end || sum[g - 1][3] == 0)) continue;
        if (wanted(d, cost, quality)) take(d, put(c, at, instead, k, g), cost, quality);
    }
}

static void try_place(cull__deep *d, const cull__chain *c, int at, bool instead)
{
    double cost, quality;
    int64_t n = cull__deep_replay(d, c, at, &cost, &quality);
    after(d, c, at + instead, n);
    for (int k = 0; k < d->r->models; k++) {
        bool same = instead && c->model[at] == k;
        if (!same && cull__deep_has(c, k)) continue;
        if (!cull__deep_in_time(d->r, c, instead ? at : -1, k)) continue;
        try_model(d, c, at, instead, k, n, cost, quality);
    }
}

/* One more model at the end, before which the last one gets a threshold. */
static void try_after(cull__deep *d, const cull__chain *c)
{
    double cost, quality;
    int last = c->stages - 1;
    int64_t n = cull__deep_replay(d, c, last, &cost, &quality);
    for (int k = 0; k < d->r->models; k++) {
        cull__chain more = *c;
        if (cull__deep_has(c, k) || !cull__deep_in_time(d->r, c, -1, k)) continue;
        more.model[more.stages] = (int16_t)k;
        more.grid[more.stages++] = 0;
        after(d, &more, last + 1, n);
        try_model(d, &more, last, true, c->model[last], n, cost, quality);
    }
}

/* The chain without stage `at`. */
static void try_without(cull__deep *d, const cull__chain *c, int at)
{
    cull__chain new = *c;
    double cost, quality;
    new.stages--;
    for (int s = at; s < new.stages; s++) {
        new.model[s] = c->model[s + 1];
        new.grid[s] = c->grid[s + 1];
    }
    int64_t n = cull__deep_replay(d, &new, new.stages - 1, &cost, &quality);
    after(d, &new, new.stages - 1, n);
    for (int64_t j = 0; j < n; j++) {
        cost += d->rest[2 * j];
        quality += d->rest[2 * j + 1];
    }
    take(d, new, cost, quality);
}

/* From c on, as long as a change helps; *end: where that led to. */
static cull_status climb(cull_ctx *cx, cull__deep *d, cull__chain c, cull__chain *end)
{
    for (d->moved = true; d->moved; c = d->next) {
        d->moved = false;
        d->next = c;
        for (int at = 0; at < c.stages; at++) {
            CULL_TRY(cull__tick(cx, 0, 0));
            try_place(d, &c, at, true);
            if (c.stages > 1) try_without(d, &c, at);
            if (c.stages < d->stages) try_place(d, &c, at, false);
        }
        if (c.stages < d->stages) try_after(d, &c);
    }
    *end = c;
    return CULL_OK;
}

/* With a limit to the cost hardly a single change is allowed. So the climb is by quality less a price of cost, too, and whatever
 * is allowed on the way counts; the price is halved in on where that ends at the limit. */
cull_status cull__deep_polish(cull_ctx *cx, cull__deep *d, double all, double dearest)
{
    enum { STEPS = 16, SPAN = 20 };
    cull__chain end;
    double lo = -SPAN, hi = SPAN; /* the price in powers of 2 */
    d->price = 0;
    CULL_TRY(climb(cx, d, d->best, &end));
    for (int step = 0; step < STEPS && dearest > 0; step++) {
        double mid = (lo + hi) / 2;
        d->price = exp2(mid) * all / dearest;
        CULL_TRY(climb(cx, d, d->best, &end));
        bool dear = d->target == -INFINITY ? cull__deep_cost(d, end.cost) > d->budget
                                           : cull__deep_quality(d, end.quality) >= d->target;
        if (dear)
            lo = mid;
        else
            hi = mid;
    }
    d->price = 0;
    return climb(cx, d, d->best, &end);
}
