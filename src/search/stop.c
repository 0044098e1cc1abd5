/* stop.c - rules of who goes on: rungs, brackets, and trials that report on the way. */
#include "search/stop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cull/front.h"

enum { MEDIAN_OTHERS = 4 }; /* that must have reported at a step before the median says anything */

/* ---- rungs and brackets ---- */

/* first, first eta, first eta^2, ... below `last`; with budgets `last` too. */
static int steps_of(const cull_stop *rule, int64_t step[CULL__RUNGS])
{
    int n = 0;
    for (double v = (double)rule->first; v < (double)rule->last; v *= rule->eta) {
        int64_t at = llround(v);
        if (at >= rule->last) break;
        if (n > 0 && at <= step[n - 1]) continue;
        if (n == CULL__RUNGS - 1) return -1;
        step[n++] = at;
    }
    if (rule->anew) step[n++] = rule->last;
    return n;
}

/* Hyperband's points for a bracket that has s further rungs: (levels) / (s + 1) eta^s, rounded up. */
static double share(const cull_stop *rule, int levels, int bracket)
{
    int further = levels - 1 - bracket;
    return ceil(levels / (further + 1.0) * pow(rule->eta, further));
}

cull_status cull__stops_open(cull_ctx *cx, const cull_search_problem *p, cull__stops *t)
{
    int64_t step[CULL__RUNGS];
    *t = (cull__stops){.rule = p->stop, .m = p->objectives, .brackets = 1};
    if (p->stop.kind == CULL_STOP_NONE || p->stop.kind == CULL_STOP_MEDIAN) return CULL_OK;
    t->rungs = steps_of(&p->stop, step);
    if (t->rungs < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "an eta of %g makes more than %d rungs from %lld to %lld", p->stop.eta,
                          CULL__RUNGS, (long long)p->stop.first, (long long)p->stop.last);
    int levels = t->rungs + !p->stop.anew;
    if (p->stop.kind == CULL_STOP_HYPERBAND) t->brackets = levels;
    CULL_TRY(CULL_ALLOC(cx, t->rung, (int64_t)t->brackets * t->rungs));
    CULL_TRY(CULL_ALLOC(cx, t->assigned, t->brackets));
    CULL_TRY(CULL_ALLOC(cx, t->weight, t->brackets));
    for (int b = 0; b < t->brackets; b++) {
        t->weight[b] = share(&p->stop, levels, b);
        for (int k = 0; k < t->rungs; k++) t->rung[b * t->rungs + k].step = step[k];
    }
    return CULL_OK;
}

void cull__stops_close(cull__stops *t)
{
    for (int64_t i = 0; i < (int64_t)t->brackets * t->rungs && t->rung; i++)
        cull__free(t->rung[i].value), cull__free(t->rung[i].entry);
    cull__free(t->rung), cull__free(t->assigned), cull__free(t->weight), cull__free(t->bracket);
}

/* The bracket that has the least of its share so far. */
int cull__stops_next_bracket(const cull__stops *t)
{
    int best = 0;
    for (int b = 1; b < t->brackets; b++)
        if ((double)(t->assigned[b] + 1) / t->weight[b] <
            (double)(t->assigned[best] + 1) / t->weight[best])
            best = b;
    return best;
}

int cull__stops_bracket(const cull__stops *t, int32_t point)
{
    return t->brackets > 1 ? t->bracket[point] : 0;
}

void cull__stops_point(cull__stops *t, int32_t point)
{
    if (t->brackets < 2) return;
    int b = cull__stops_next_bracket(t);
    t->bracket[point] = (uint8_t)b;
    t->assigned[b]++;
}

/* ---- room ---- */

static cull_status reserve_rung(cull_ctx *cx, cull__rung *r, int m)
{
    CULL_TRY(CULL_GROW(cx, r->value, &r->value_cap, (r->n + 1) * m));
    return CULL_GROW(cx, r->entry, &r->cap, r->n + 1);
}

/* Where the rung of a step is, or would stand. */
static int place_of(const cull__stops *t, int64_t step)
{
    int lo = 0, hi = t->rungs;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (t->rung[mid].step < step)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static cull_status reserve_step(cull_ctx *cx, cull__stops *t, int64_t step)
{
    int at = place_of(t, step);
    if (at == t->rungs || t->rung[at].step != step) {
        if (t->rungs == INT32_MAX)
            return cull__fail(cx, CULL_EINPUT, "there are too many different steps");
        CULL_TRY(CULL_GROW(cx, t->rung, &t->rung_cap, t->rungs + 1));
        memmove(t->rung + at + 1, t->rung + at, (size_t)(t->rungs - at) * sizeof *t->rung);
        t->rung[at] = (cull__rung){.step = step};
        t->rungs++;
    }
    return reserve_rung(cx, &t->rung[at], t->m);
}

cull_status cull__stops_reserve(cull_ctx *cx, cull__stops *t, int64_t step, int64_t points)
{
    if (t->brackets > 1) CULL_TRY(CULL_GROW(cx, t->bracket, &t->bracket_cap, points));
    if (t->rule.kind == CULL_STOP_MEDIAN) return step > 0 ? reserve_step(cx, t, step) : CULL_OK;
    for (int i = 0; i < t->brackets * t->rungs; i++) CULL_TRY(reserve_rung(cx, &t->rung[i], t->m));
    return CULL_OK;
}

/* ---- a rung ---- */

/* How many are no worse: the place of a new value, which comes after its equals. */
static int64_t no_worse(const cull__rung *r, double v)
{
    int64_t lo = 0, hi = r->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (r->value[mid] <= v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void cull__rung_insert(cull__rung *r, int m, int32_t point, const double *value)
{
    int64_t at = r->n;
    if (m == 1) {
        double v = isfinite(value[0]) ? value[0] : INFINITY;
        at = no_worse(r, v);
        memmove(r->value + at + 1, r->value + at, (size_t)(r->n - at) * sizeof *r->value);
        memmove(r->entry + at + 1, r->entry + at, (size_t)(r->n - at) * sizeof *r->entry);
        r->value[at] = v;
        if (at < r->low) r->low = at;
    } else {
        memcpy(r->value + at * m, value, (size_t)m * sizeof *value);
    }
    r->entry[at] = (cull__rung_entry){point, false};
    r->n++;
}

typedef struct {
    int32_t rank;
    double crowding;
    int64_t at;
} placed;

static int better(const void *a, const void *b)
{
    const placed *p = a, *q = b;
    if (p->rank != q->rank) return p->rank < q->rank ? -1 : 1;
    if (p->crowding != q->crowding) return p->crowding > q->crowding ? -1 : 1;
    return p->at < q->at ? -1 : p->at > q->at;
}

cull_status cull__rung_order(cull_ctx *cx, const double *value, int64_t n, int m, int64_t *order)
{
    int32_t *rank;
    double *crowding;
    placed *p;
    CULL_TRY(CULL_TMP(cx, rank, n));
    CULL_TRY(CULL_TMP(cx, crowding, n));
    CULL_TRY(CULL_TMP(cx, p, n));
    CULL_TRY(cull_front_ranks(cx, value, n, m, NULL, rank, NULL));
    CULL_TRY(cull_front_crowding(cx, value, n, m, rank, crowding));
    for (int64_t i = 0; i < n; i++) p[i] = (placed){rank[i], crowding[i], i};
    qsort(p, (size_t)n, sizeof *p, better);
    for (int64_t i = 0; i < n; i++) order[i] = p[i].at;
    return CULL_OK;
}

/* How many of a rung come before one more of this value. */
static cull_status place_in(cull_ctx *cx, const cull__rung *r, int m, const double *value,
                            int64_t *place)
{
    if (m == 1) {
        *place = no_worse(r, value[0]);
        return CULL_OK;
    }
    double *all;
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, all, (r->n + 1) * m));
    CULL_TRY(CULL_TMP(cx, order, r->n + 1));
    if (r->n) memcpy(all, r->value, (size_t)(r->n * m) * sizeof *all);
    memcpy(all + r->n * m, value, (size_t)m * sizeof *all);
    CULL_TRY(cull__rung_order(cx, all, r->n + 1, m, order));
    for (*place = 0; order[*place] != r->n;) ++*place;
    return CULL_OK;
}

/* ---- trials that report ---- */

/* The furthest rung that was reached after `before`, by `step`; NULL = none. */
static cull__rung *reached(const cull__stops *t, int32_t point, int64_t before, int64_t step)
{
    if (t->rule.kind == CULL_STOP_MEDIAN) {
        int at = place_of(t, step);
        return at < t->rungs && t->rung[at].step == step ? &t->rung[at] : NULL;
    }
    int b = cull__stops_bracket(t, point);
    for (int k = t->rungs - 1; k >= b; k--) {
        cull__rung *r = &t->rung[b * t->rungs + k];
        if (r->step > before && r->step <= step) return r;
    }
    return NULL;
}

static bool by_median(const cull__rung *r, int m, int64_t place, double value)
{
    int64_t n = r->n, half = n / 2;
    if (m > 1) return place <= half;
    return value <= (n % 2 ? r->value[half] : (r->value[half - 1] + r->value[half]) / 2);
}

cull_status cull__stops_decide(cull_ctx *cx, const cull__stops *t, int32_t point, int64_t before,
                               int64_t step, const double *value, bool *go)
{
    bool median = t->rule.kind == CULL_STOP_MEDIAN, finite = true;
    int64_t place;
    *go = true;
    if (t->rule.kind == CULL_STOP_NONE || step >= t->rule.last || step < t->rule.first)
        return CULL_OK;
    const cull__rung *r = reached(t, point, before, step);
    if (!r && !median) return CULL_OK;
    for (int j = 0; j < t->m; j++) finite &= (bool)isfinite(value[j]);
    if (!finite) {
        *go = false;
        return CULL_OK;
    }
    if (median && (!r || r->n < MEDIAN_OTHERS)) return CULL_OK;
    CULL_TRY(place_in(cx, r, t->m, value, &place));
    if (median) {
        *go = by_median(r, t->m, place, value[0]);
        return CULL_OK;
    }
    int64_t best = (int64_t)floor((double)(r->n + 1) / t->rule.eta);
    *go = place < (best > 1 ? best : 1);
    return CULL_OK;
}

void cull__stops_report(cull__stops *t, int32_t point, int64_t before, int64_t step,
                        const double *value)
{
    if (t->rule.kind == CULL_STOP_NONE) return;
    cull__rung *r = reached(t, point, before, step);
    if (r) cull__rung_insert(r, t->m, point, value);
}
