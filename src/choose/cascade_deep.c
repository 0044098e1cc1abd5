/* cascade_deep.c - cascades of more than three stages, by branch and bound over beginnings (cull/cascade.h).
 *
 * A beginning is a chain whose stages all have a threshold. The rows that it leaves open are answered by some model each, at that
 * model's cost at least; so for any l >= 0 quality - l cost is at most what the beginning has so far and, of each open row,
 * the largest q_k - l c_k of the models that are left. Few l are tried, about the one that is best at the start, and the best bound counts.
 *
 * Of up to FAR models, where that is no more than about FAR_WORK additions, a beginning is looked into three stages at once: the next
 * two with all their thresholds, whose open rows lie in a plane of bins, and each model that may come last. So the last three stages of
 * a chain are exact, and the bound is needed for what lies between: chains of four stages are done when all first stages are
 * looked into. Else it is one stage at once.
 */
#include "choose/cascade_deep.h"

#include <string.h>

enum { PRICES = 8, BIN = 4 + PRICES, OPEN_MOST = 1 << 16, FAR = 16, FAR_WORK = 1 << 26 };

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
    double dropped;  /* the highest promise of what there was no room for */
    double promised; /* of the beginning that is looked into */
    /* Of up to FAR models: open rows by the next stage's bin, and sums over rows by the bin of the stage after it. */
    int32_t *order;
    double *plane, *on, *sum;
    int line;
} search;

/* Numbers of a line of the plane: those of a row, then these. */
enum { COUNT, TOP, MORE = TOP + PRICES };

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

/* The largest q - l c of row i over models that are not among `used`. */
static double top_of(const cull__cascade_rows *r, int64_t i, double l, const bool *used)
{
    double most = -INFINITY;
    for (int k = 0; k < r->models; k++)
        if (!used || !used[k])
            most = fmax(most, r->row[i * r->width + k] - l * cull__row_cost(r, i, k));
    return most;
}

/* Of all rows, the bound that a price l gives: of quality within the budget, or of minus the cost with the target. */
static double bound_at(const search *s, double l)
{
    double sum = 0;
    for (int64_t i = 0; i < s->d.r->n; i++) sum += top_of(s->d.r, i, l, NULL);
    return s->d.target == -INFINITY ? sum + l * s->budget : (sum - s->target) / l;
}

/* The price whose bound is least, in powers of 2 about `unit`; the bound has one valley. */
static double best_price(const search *s, double unit)
{
    enum { STEPS = 24, SPAN = 20 };
    double lo = -SPAN, hi = SPAN;
    for (int step = 0; step < STEPS; step++) {
        double a = lo + (hi - lo) / 3, b = hi - (hi - lo) / 3;
        if (bound_at(s, exp2(a) * unit) <= bound_at(s, exp2(b) * unit))
            hi = b;
        else
            lo = a;
    }
    return exp2((lo + hi) / 2) * unit;
}

static cull_status prepare(cull_ctx *cx, search *s, double all, double dearest)
{
    const cull__cascade_rows *r = s->d.r;
    CULL_TRY(CULL_TMP(cx, s->top, r->n * PRICES));
    CULL_TRY(CULL_TMP(cx, s->heap, OPEN_MOST));
    s->budget = ldexp(s->d.budget, r->cost_places) * (double)r->n;
    s->target = ldexp(s->d.target, r->quality_places) * (double)r->n;
    s->slack = 1e-9 * (s->d.target == -INFINITY ? all : dearest);
    s->dropped = -INFINITY;
    bool priced = dearest > 0 && (s->d.target != -INFINITY || isfinite(s->budget));
    double at = priced ? best_price(s, all / dearest) : 0;
    for (int j = 0; j < PRICES; j++) s->price[j] = j ? at * exp2(.7 * (j - PRICES / 2)) : 0;
    for (int64_t i = 0; i < r->n; i++)
        for (int j = 0; j < PRICES; j++) s->top[i * PRICES + j] = top_of(r, i, s->price[j], NULL);
    double most = 1;
    for (int k = 0; k < r->models; k++) most = fmax(most, r->grid[k]);
    if (r->models > FAR || pow(r->models, 3) * ((double)r->n + most * most) > FAR_WORK)
        return CULL_OK;
    s->line = r->width + MORE;
    CULL_TRY(CULL_TMP(cx, s->order, r->n));
    CULL_TRY(CULL_TMP(cx, s->plane, (CULL__CASCADE_GRID + 1) * s->line));
    CULL_TRY(CULL_TMP(cx, s->on, s->line));
    return CULL_TMP(cx, s->sum, s->line);
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

/* ---- three stages at once ---- */
/* Stage `a` next, with threshold g, then b: what is known while thresholds grow. */
typedef struct {
    const cull__chain *c;
    int a, b, g;
    double cost,
        quality; /* of the beginning with a and b on all that come to them, and with what a answered */
    double *far; /* by threshold of a: the highest promise of what is not looked at */
} ahead;

static double sum_cost(const cull__cascade_rows *r, const double *line, int k)
{
    return r->cost ? r->cost[k] * line[r->width + COUNT] : line[r->models + k];
}

static cull__chain chain_of(const ahead *w, int h, int last)
{
    cull__chain c = *w->c;
    const int model[] = {w->a, w->b, last}, grid[] = {w->g, h, 0};
    for (int j = 0; j < 3 && model[j] >= 0; j++) {
        c.model[c.stages] = (int16_t)model[j];
        c.grid[c.stages++] = (uint8_t)grid[j];
    }
    return c;
}

static void consider(cull__deep *d, cull__chain c, double cost, double quality)
{
    c.grid[c.stages - 1] = 0;
    c.cost = cost;
    c.quality = quality;
    d->best = c;
}

/* All thresholds of b, and all models that may come last, for one threshold of a. */
static void scan(search *s, const ahead *w, const bool *may, bool more)
{
    cull__deep *d = &s->d;
    const cull__cascade_rows *r = d->r;
    double *sum = s->sum;
    memset(sum, 0, (size_t)s->line * sizeof *sum);
    for (int h = 1; h <= r->grid[w->b]; h++) {
        const double *line = s->plane + (int64_t)(h - 1) * s->line;
        if (line[r->width + COUNT] == 0) continue; /* the same as with a lower threshold */
        for (int k = 0; k < s->line; k++) sum[k] += line[k];
        double quality = w->quality - sum[w->b];
        for (int k = 0; k < r->models; k++) {
            double cost = w->cost + sum_cost(r, sum, k), q = quality + sum[k];
            if (may[k] && cull__deep_better(d, cost, q)) consider(d, chain_of(w, h, k), cost, q);
        }
        if (more)
            w->far[w->g] = fmax(w->far[w->g], promise(s, w->cost, quality, sum + r->width + TOP));
    }
}

/* Rows in order of a's bins come to b one bin after the other. */
static void next_two(search *s, const cull__chain *c, int a, int b, const int64_t *from,
                     double cost, double all, double *far)
{
    cull__deep *d = &s->d;
    const cull__cascade_rows *r = d->r;
    const int left = d->stages - c->stages - 2; /* stages after b */
    bool used[FAR] = {false}, may[FAR];
    double *on = s->on;
    cull__chain both = chain_of(&(ahead){.c = c, .a = a, .b = b, .g = 1}, 1, -1);
    for (int k = 0; k < r->models; k++) {
        used[k] = cull__deep_has(&both, k);
        may[k] = !used[k] && cull__deep_in_time(r, &both, -1, k);
    }
    memset(s->plane, 0, (size_t)(r->grid[b] + 1) * (size_t)s->line * sizeof *s->plane);
    memset(on, 0, (size_t)s->line * sizeof *on);
    for (int g = 1; g <= r->grid[a]; g++) {
        if (from[g] == from[g - 1]) continue;
        for (int64_t j = from[g - 1]; j < from[g]; j++) {
            int64_t i = s->order[j];
            double *to = s->plane + (int64_t)r->bin[i * r->models + b] * s->line;
            for (int k = 0; k < r->width; k++) {
                to[k] += r->row[i * r->width + k];
                on[k] += r->row[i * r->width + k];
            }
            to[r->width + COUNT]++;
            on[r->width + COUNT]++;
            for (int p = 0; left >= 2 && p < PRICES; p++)
                to[r->width + TOP + p] += top_of(r, i, s->price[p], used);
        }
        if (from[g] == from[r->grid[a] + 1]) break; /* a answers none */
        ahead w = {.c = c, .a = a, .b = b, .g = g, .far = far};
        w.cost = cost + sum_cost(r, on, b);
        w.quality = all - on[a] + on[b];
        if (cull__deep_better(d, w.cost, w.quality))
            consider(d, chain_of(&w, 0, -1), w.cost, w.quality);
        if (left >= 1 && cull__deep_cost(d, w.cost) <= d->budget) scan(s, &w, may, left >= 2);
    }
}

/* Rows open[0 .. n) by a's bins; what the beginning is with a on all of them. */
static void in_order(search *s, int a, int64_t n, int64_t *from, double *cost, double *all)
{
    const cull__cascade_rows *r = s->d.r;
    memset(from, 0, (size_t)(r->grid[a] + 2) * sizeof *from);
    for (int64_t j = 0; j < n; j++) {
        int64_t i = s->d.open[j];
        from[r->bin[i * r->models + a] + 1]++;
        *cost += cull__row_cost(r, i, a);
        *all += r->row[i * r->width + a];
    }
    for (int b = 0; b <= r->grid[a]; b++) from[b + 1] += from[b];
    for (int64_t j = 0; j < n; j++) {
        int64_t i = s->d.open[j];
        s->order[from[r->bin[i * r->models + a]]++] = (int32_t)i;
    }
    for (int b = r->grid[a] + 1; b > 0; b--) from[b] = from[b - 1];
    from[0] = 0;
}

/* Model a next, as the last one and with each threshold and two more; what may lie behind those is put off. */
static void extend_far(search *s, const cull__chain *c, int a, int64_t n)
{
    cull__deep *d = &s->d;
    const cull__cascade_rows *r = d->r;
    int64_t from[CULL__CASCADE_GRID + 3];
    double far[CULL__CASCADE_GRID + 1], cost = c->cost, all = c->quality;
    node next = {.c = *c};
    in_order(s, a, n, from, &cost, &all);
    next.c.model[c->stages] = (int16_t)a;
    next.c.stages++;
    if (cull__deep_better(d, cost, all)) consider(d, next.c, cost, all);
    if (next.c.stages >= d->stages || cull__deep_cost(d, cost) > d->budget) return;
    for (int g = 0; g <= r->grid[a]; g++) far[g] = -INFINITY;
    for (int b = 0; b < r->models; b++)
        if (!cull__deep_has(&next.c, b) && cull__deep_in_time(r, &next.c, -1, b))
            next_two(s, c, a, b, from, cost, all, far);
    double answered = all;
    for (int g = 1; g <= r->grid[a]; g++) {
        for (int64_t j = from[g - 1]; j < from[g]; j++)
            answered -= r->row[(int64_t)s->order[j] * r->width + a];
        if (!(far[g] > value_of_best(s))) continue;
        next.promise = fmin(far[g], s->promised);
        next.c.grid[c->stages] = (uint8_t)g;
        next.c.cost = cost;
        next.c.quality = answered;
        next.number = s->come++;
        push(s, &next);
    }
}

static cull_status look_into(cull_ctx *cx, search *s, const cull__chain *c)
{
    double cost, quality;
    int64_t n = cull__deep_replay(&s->d, c, c->stages, &cost, &quality);
    for (int k = 0; k < s->d.r->models; k++) {
        if (cull__deep_has(c, k) || !cull__deep_in_time(s->d.r, c, -1, k)) continue;
        CULL_TRY(cull__tick(cx, 0, 0));
        if (s->plane)
            extend_far(s, c, k, n);
        else
            extend(s, c, k, n);
    }
    return CULL_OK;
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
        s->promised = x.promise;
        CULL_TRY(look_into(cx, s, &x.c));
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
