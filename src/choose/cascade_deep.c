/* cascade_deep.c - cascades of more than three stages, by branch and bound over beginnings (cull/cascade.h).
 *
 * A beginning is a chain whose stages all have a threshold. The rows that it leaves open are answered by some model each, at that
 * model's cost at least; so for any l >= 0 quality - l cost is at most what the beginning has so far and, of each open row,
 * the largest q_k - l c_k. Few l are tried, and the best bound counts. */
#include "choose/cascade_deep.h"

#include <string.h>

enum { PRICES = 8, BIN = 4 + PRICES, OPEN_MOST = 1 << 16 };

typedef struct {
    double promise; /* no cascade that begins so has a higher value: quality, or minus the cost */
    int64_t number; /* in order of coming: of equal promises the first */
    cull__chain c;
} node;

typedef struct {
    cull__deep d;
    double price[PRICES];
    double *top;                  /* (n, PRICES): the largest q - price c of the row */
    double budget, target, slack; /* as sums; what rounding may take */
    node *heap;
    int64_t n, come;
    double dropped; /* the highest promise of what there was no room for */
} search;

/* ---- the heap: the highest promise first ---- */
static bool before(const node *a, const node *b)
{
    return a->promise != b->promise ? a->promise > b->promise : a->number < b->number;
}

static void push(search *s, const node *x)
{
    int64_t i = s->n;
    if (s->n == OPEN_MOST) {
        s->dropped = fmax(s->dropped, x->promise);
        return;
    }
    for (s->n++; i > 0 && before(x, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = *x;
}

static node pop(search *s)
{
    node first = s->heap[0], last = s->heap[--s->n];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < s->n; i = child) {
        if (child + 1 < s->n && before(&s->heap[child + 1], &s->heap[child])) child++;
        if (!before(&s->heap[child], &last)) break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return first;
}

/* ---- bounds ---- */
static double value_of_best(const search *s)
{
    return s->d.target == -INFINITY ? s->d.best.quality : -s->d.best.cost;
}

/* Of a beginning with these sums, whose open rows have the sums `top`. */
static double promise(const search *s, double cost, double quality, const double *top)
{
    double best = INFINITY;
    for (int j = 0; j < PRICES; j++) {
        double l = s->price[j], most = quality - l * cost + top[j]; /* of quality - l cost */
        if (s->d.target == -INFINITY) {
            double b =
                l == 0 || isinf(s->budget) ? (l == 0 ? most : INFINITY) : most + l * s->budget;
            best = fmin(best, b);
        } else if (l == 0) {
            if (most < s->target - s->slack) return -INFINITY;
        } else {
            best = fmin(best, (most - s->target) / l);
        }
    }
    if (s->d.target != -INFINITY) best = fmin(best, -cost); /* what is spent is spent */
    return best + s->slack;
}

/* The most that quality and one model's cost sum to. */
static void largest(const cull__cascade_rows *r, double *all, double *dearest)
{
    *all = ldexp((double)r->n, r->quality_places);
    *dearest = 0;
    for (int k = 0; k < r->models; k++)
        *dearest = fmax(*dearest, r->cost ? r->cost[k] * (double)r->n : r->total[r->models + k]);
}

static cull_status prepare(cull_ctx *cx, search *s, double all, double dearest)
{
    const cull__cascade_rows *r = s->d.r;
    CULL_TRY(CULL_TMP(cx, s->top, r->n * PRICES));
    CULL_TRY(CULL_TMP(cx, s->heap, OPEN_MOST));
    for (int j = 0; j < PRICES; j++)
        s->price[j] = j == 0 || dearest == 0 ? 0 : ldexp(all / dearest, 2 * j - 8);
    for (int64_t i = 0; i < r->n; i++)
        for (int j = 0; j < PRICES; j++) {
            double most = -INFINITY;
            for (int k = 0; k < r->models; k++)
                most = fmax(most, r->row[i * r->width + k] - s->price[j] * cull__row_cost(r, i, k));
            s->top[i * PRICES + j] = most;
        }
    s->budget = ldexp(s->d.budget, r->cost_places) * (double)r->n;
    s->target = ldexp(s->d.target, r->quality_places) * (double)r->n;
    s->slack = 1e-9 * (s->d.target == -INFINITY ? all : dearest);
    s->dropped = -INFINITY;
    return CULL_OK;
}

/* ---- a beginning is looked into ---- */

/* Model k as the next stage of c, which leaves rows open[0 .. n): as the last one, and with each threshold. */
static void extend(search *s, const cull__chain *c, int k, int64_t n)
{
    cull__deep *d = &s->d;
    const cull__cascade_rows *r = d->r;
    double(*sum)[BIN] = (double(*)[BIN])(void *)d->bin_sum, top[PRICES] = {0};
    double cost = c->cost, all = c->quality;
    int bins = r->grid[k] + 1, at = c->stages;
    memset(sum, 0, (size_t)bins * sizeof *sum);
    for (int64_t j = 0; j < n; j++) {
        int64_t i = d->open[j];
        double *to = sum[r->bin[i * r->models + k]];
        to[0] += r->row[i * r->width + k];
        to[1]++;
        for (int p = 0; p < PRICES; p++) to[4 + p] += s->top[i * PRICES + p];
        cost += cull__row_cost(r, i, k);
    }
    for (int b = 0; b < bins; b++) all += sum[b][0];
    node next = {.c = *c};
    next.c.model[at] = (int16_t)k;
    next.c.stages = at + 1;
    next.c.cost = cost;
    if (cull__deep_better(d, cost, all)) {
        d->best = next.c;
        d->best.quality = all;
    }
    if (at + 1 >= d->stages || cull__deep_cost(d, cost) > d->budget) return;
    double answered = all, left = 0;
    for (int g = 1; g < bins; g++) {
        answered -= sum[g - 1][0];
        left += sum[g - 1][1];
        for (int p = 0; p < PRICES; p++) top[p] += sum[g - 1][4 + p];
        if (sum[g - 1][1] == 0 || left == (double)n)
            continue; /* as with less, or it answers none */
        next.promise = promise(s, cost, answered, top);
        if (next.promise <= value_of_best(s)) continue;
        next.c.grid[at] = (uint8_t)g;
        next.c.quality = answered;
        next.number = s->come++;
        push(s, &next);
    }
}

static void look_into(search *s, const cull__chain *c)
{
    double cost, quality;
    int64_t n = cull__deep_replay(&s->d, c, c->stages, &cost, &quality);
    for (int k = 0; k < s->d.r->models; k++)
        if (!cull__deep_has(c, k) && cull__deep_in_time(s->d.r, c, -1, k)) extend(s, c, k, n);
}

static cull_status branch(cull_ctx *cx, search *s, int64_t limit, cull_cascade_found *out)
{
    node first = {.number = s->come++};
    double open = -INFINITY, top[PRICES] = {0};
    for (int64_t i = 0; i < s->d.r->n; i++)
        for (int p = 0; p < PRICES; p++) top[p] += s->top[i * PRICES + p];
    first.promise = promise(s, 0, 0, top);
    push(s, &first);
    while (s->n) {
        node x = pop(s);
        open = x.promise;
        if (x.promise <= value_of_best(s) || out->nodes == limit) break;
        CULL_TRY(cull__tick(cx, (double)out->nodes, (double)limit));
        look_into(s, &x.c);
        out->nodes++;
        open = -INFINITY;
    }
    open = fmax(fmax(open, s->dropped), value_of_best(s));
    out->proven = open <= value_of_best(s);
    out->bound = s->d.target == -INFINITY ? fmin(cull__deep_quality(&s->d, open), 1)
                                          : cull__deep_cost(&s->d, fmax(-open, 0));
    return CULL_OK;
}

/* ---- the door ---- */
static cull_status options(cull_ctx *cx, const cull_cascade_table *t,
                           const cull_cascade_deep_opts *o)
{
    if (o->stages < 1 || o->stages > CULL_CASCADE_STAGES)
        return cull__fail(cx, CULL_EOPTION, "stages is %d; it must be in 1 .. %d", o->stages,
                          CULL_CASCADE_STAGES);
    if (!(o->budget >= 0) || isnan(o->target) || o->target == INFINITY || o->limit < 0)
        return cull__fail(cx, CULL_EOPTION, "budget %g, target %g and limit %lld are out of range",
                          o->budget, o->target, (long long)o->limit);
    if (!(o->delay >= 0) || (o->delay > 0 && !t->delay))
        return cull__fail(cx, CULL_EOPTION,
                          "delay is %g; it must be 0 or more, and delays must be known", o->delay);
    return CULL_OK;
}

/* Thresholds of the start become places of the grid. */
static cull_status begin(cull_ctx *cx, cull__deep *d, const cull_cascade *start)
{
    const cull__cascade_rows *r = d->r;
    cull__chain *c = &d->best;
    if (start->stages < 1 || start->stages > d->stages)
        return cull__fail(cx, CULL_EINPUT, "the start has %d stages; at most %d are wanted",
                          start->stages, d->stages);
    c->stages = start->stages;
    for (int s = 0; s < c->stages; s++) {
        int k = start->model[s], g = 1;
        cull__chain rest = *c;
        rest.stages = s;
        if (k < 0 || k >= r->models || cull__deep_has(&rest, k) ||
            !cull__deep_in_time(r, &rest, -1, k))
            return cull__fail(cx, CULL_EINPUT, "stage %d of the start is model %d", s, k);
        const double *at = r->at + (int64_t)k * 256;
        while (g < r->grid[k] && at[g] < start->threshold[s]) g++;
        c->model[s] = (int16_t)k;
        c->grid[s] = s + 1 < c->stages ? (uint8_t)g : 0;
        if (s + 1 < c->stages && (r->grid[k] == 0 || at[g] != start->threshold[s]))
            return cull__fail(cx, CULL_EINPUT,
                              "threshold %g of stage %d is none of model %d's quantiles",
                              start->threshold[s], s, k);
    }
    int64_t n = cull__deep_replay(d, c, c->stages - 1, &c->cost, &c->quality);
    for (int64_t j = 0; j < n; j++) {
        c->cost += cull__row_cost(r, d->open[j], c->model[c->stages - 1]);
        c->quality += r->row[d->open[j] * r->width + c->model[c->stages - 1]];
    }
    if (cull__deep_allowed(d, c->cost, c->quality)) return CULL_OK;
    return cull__fail(
        cx, CULL_EINPUT,
        "the start costs %g and has a quality of %g; budget %g and target %g want other",
        cull__deep_cost(d, c->cost), cull__deep_quality(d, c->quality), d->budget, d->target);
}

static void unfold(const cull__deep *d, cull_cascade *out)
{
    const cull__chain *c = &d->best;
    *out = (cull_cascade){.stages = c->stages};
    out->cost = cull__deep_cost(d, c->cost);
    out->quality = cull__deep_quality(d, c->quality);
    for (int s = 0; s < c->stages; s++) {
        out->model[s] = c->model[s];
        out->threshold[s] =
            s + 1 < c->stages ? d->r->at[c->model[s] * 256 + c->grid[s]] : -INFINITY;
    }
}

static cull_status deepen(cull_ctx *cx, const cull_cascade_table *t,
                          const cull_cascade_deep_opts *o, const cull_cascade *start,
                          cull_cascade_found *out)
{
    cull__cascade_rows r;
    double all, dearest;
    search s = {.d = {.r = &r, .stages = o->stages, .budget = o->budget, .target = o->target}};
    CULL_TRY(cull__cascade_check(cx, t, o->quantiles));
    CULL_TRY(cull__cascade_read(cx, t, o->quantiles, &r));
    if (o->delay > 0) r.delay = t->delay;
    r.most = o->delay;
    CULL_TRY(CULL_TMP(cx, s.d.open, r.n));
    CULL_TRY(CULL_TMP(cx, s.d.rest, r.n * 2));
    CULL_TRY(CULL_TMP(cx, s.d.bin_sum, 256 * BIN));
    CULL_TRY(begin(cx, &s.d, start));
    largest(&r, &all, &dearest);
    CULL_TRY(cull__deep_polish(cx, &s.d, all, dearest));
    CULL_TRY(prepare(cx, &s, all, dearest));
    CULL_TRY(branch(cx, &s, o->limit, out));
    unfold(&s.d, &out->best);
    return CULL_OK;
}

cull_status cull_cascade_deepen(cull_ctx *cx, const cull_cascade_table *t,
                                const cull_cascade_deep_opts *opts, const cull_cascade *start,
                                cull_cascade_found *out)
{
    static const cull_cascade_deep_opts as_given = CULL_CASCADE_DEEP_OPTS;
    memset(out, 0, sizeof *out);
    if (!opts) opts = &as_given;
    CULL_TRY(options(cx, t, opts));
    const char *phase = cull__phase(cx, "cascades");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = deepen(cx, t, opts, start, out);
    cull__release(cx, mark);
    cull__phase(cx, phase);
    if (s != CULL_OK) memset(out, 0, sizeof *out);
    return s;
}
