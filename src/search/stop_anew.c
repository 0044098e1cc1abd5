/* stop_anew.c - rungs whose evaluations begin anew with a larger budget: who is asked again, and when. */
#include <math.h>

#include "search/stop.h"

static cull__rung *rung_of(const cull__stops *t, int bracket, int k)
{
    return &t->rung[bracket * t->rungs + k];
}

static int index_of(const cull__stops *t, int64_t budget)
{
    int k = 0;
    while (k < t->rungs - 1 && t->rung[k].step < budget) k++;
    return k;
}

/* Best of a rung that was not asked further, among its `quota` best; -1 = none. */
static cull_status best_of(cull_ctx *cx, const cull__stops *t, const cull__rung *r, int64_t quota,
                           int32_t *point)
{
    int64_t *order = NULL;
    *point = -1;
    if (quota < 1) return CULL_OK;
    if (t->m > 1) {
        CULL_TRY(CULL_TMP(cx, order, r->n));
        CULL_TRY(cull__rung_order(cx, r->value, r->n, t->m, order));
    }
    for (int64_t i = order ? 0 : r->low; i < quota; i++) {
        const cull__rung_entry *e = &r->entry[order ? order[i] : i];
        if (e->on) continue;
        *point = e->point;
        break;
    }
    return CULL_OK;
}

/* ---- asynchronous: ASHA, and brackets of it ---- */

static cull_status ask_asha(cull_ctx *cx, const cull__stops *t, cull__stops_next *out)
{
    for (int b = 0; b < t->brackets; b++)
        for (int k = t->rungs - 2; k >= b; k--) {
            const cull__rung *r = rung_of(t, b, k);
            int64_t quota = (int64_t)floor((double)r->n / t->rule.eta);
            CULL_TRY(best_of(cx, t, r, quota, &out->point));
            if (out->point < 0) continue;
            out->kind = CULL__STOPS_ON;
            out->budget = rung_of(t, b, k + 1)->step;
            return CULL_OK;
        }
    int b = cull__stops_next_bracket(t);
    *out = (cull__stops_next){.kind = CULL__STOPS_NEW, .budget = rung_of(t, b, b)->step};
    return CULL_OK;
}

/* ---- synchronous ---- */

/* Points of rung k: the first has as many as bring one to the last. */
static int64_t size_of(const cull__stops *t, int k)
{
    double first = ceil(pow(t->rule.eta, t->rungs - 1) - 1e-9);
    double n = floor(first / pow(t->rule.eta, k) + 1e-9);
    return n < 1 ? 1 : n > 1e9 ? 1000000000 : (int64_t)n;
}

static cull_status ask_halving(cull_ctx *cx, const cull__stops *t, bool exhausted,
                               cull__stops_next *out)
{
    const cull__rung *r = rung_of(t, 0, t->at), *below = t->at ? r - 1 : NULL;
    *out = (cull__stops_next){.kind = CULL__STOPS_NEW, .point = -1, .budget = t->rung[0].step};
    if (t->asked == 0) return CULL_OK;
    if (t->asked < t->want && below) {
        out->kind = CULL__STOPS_ON;
        out->budget = r->step;
        return best_of(cx, t, below, below->n, &out->point);
    }
    if (t->asked < t->want && !exhausted) return CULL_OK;
    if (r->out < t->asked) {
        out->kind = CULL__STOPS_WAIT;
        return CULL_OK;
    }
    if (t->at + 1 == t->rungs || r->n == 0) return CULL_OK; /* a new bracket */
    out->kind = CULL__STOPS_ON;
    out->budget = r[1].step;
    return best_of(cx, t, r, r->n, &out->point);
}

static void begin_bracket(cull__stops *t)
{
    for (int k = 0; k < t->rungs; k++) t->rung[k].n = t->rung[k].out = t->rung[k].low = 0;
    t->at = 0;
    t->asked = 0;
    t->want = size_of(t, 0);
}

static void halving_asked(cull__stops *t, int k, bool fresh)
{
    const cull__rung *r = rung_of(t, 0, t->at);
    if (fresh && (t->asked == 0 || t->at > 0 || r->out >= t->want)) begin_bracket(t);
    if (!fresh && k > t->at) {
        int64_t n = r->n, size = size_of(t, k);
        t->at = k;
        t->asked = 0;
        t->want = n < size ? n : size;
    }
    t->asked++;
}

/* ---- what happened ---- */

cull_status cull__stops_ask(cull_ctx *cx, const cull__stops *t, bool exhausted,
                            cull__stops_next *out)
{
    *out = (cull__stops_next){.kind = CULL__STOPS_NEW, .point = -1};
    if (t->rule.kind == CULL_STOP_HALVING) return ask_halving(cx, t, exhausted, out);
    return ask_asha(cx, t, out);
}

static void went_on(cull__rung *r, int32_t point)
{
    for (int64_t i = 0; i < r->n; i++)
        if (r->entry[i].point == point) r->entry[i].on = true;
    while (r->low < r->n && r->entry[r->low].on) r->low++;
}

void cull__stops_asked(cull__stops *t, int32_t point, int64_t budget, bool fresh)
{
    int k = index_of(t, budget);
    if (fresh) cull__stops_point(t, point);
    if (t->rule.kind == CULL_STOP_HALVING) halving_asked(t, k, fresh);
    if (!fresh && k > 0) went_on(rung_of(t, cull__stops_bracket(t, point), k - 1), point);
}

void cull__stops_told(cull__stops *t, int32_t point, int64_t budget, const double *value)
{
    cull__rung *r = rung_of(t, cull__stops_bracket(t, point), index_of(t, budget));
    r->out++;
    if (value) cull__rung_insert(r, t->m, point, value);
}
