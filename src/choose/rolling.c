/* rolling.c - a place on a path of choices that follows what is lost: rolling risk control (cull/drift.h). */
#include "base/base.h"
#include "cull/drift.h"

#include <math.h>

static const double RATE = 0.005;

struct cull_rolling {
    double level, rate, at, lo, hi; /* at: the nominal loss, from lo to hi */
    double *loss;                   /* places: never falling */
    int64_t places, seen, helpless;
};

void cull_rolling_free(cull_rolling *r)
{
    if (!r) return;
    cull__free(r->loss);
    cull__free(r);
}

double cull_rolling_level(const cull_rolling *r) { return r->at; }

int64_t cull_rolling_place(const cull_rolling *r)
{
    int64_t lo = 0, hi = r->places;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (r->loss[mid] <= r->at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : 0;
}

/* Clipped at hi the sum of losses is only less. At lo, where the safest choice is in force already, the rest of this one row's loss
 * is let go: to make up for it later would need rows that lose less than the level, of which there may be none. */
void cull_rolling_step(cull_rolling *r, double loss)
{
    r->at = fmin(r->at + r->rate * (r->level - loss), r->hi);
    r->seen++;
    if (r->at >= r->lo) return;
    r->at = r->lo;
    r->helpless++;
}

double cull_rolling_bound(const cull_rolling *r)
{
    return r->seen ? (r->hi - r->lo) / (r->rate * (double)r->seen) : INFINITY;
}

int64_t cull_rolling_helpless(const cull_rolling *r) { return r->helpless; }

cull_status cull_rolling_new(cull_ctx *cx, const cull_rolling_opts *o, const double *loss,
                             int64_t places, int64_t start, cull_rolling **out)
{
    cull_rolling *r;
    *out = NULL;
    if (!(o->level > 0 && o->level < 1))
        return cull__fail(cx, CULL_EOPTION, "level is %g; it must lie between 0 and 1", o->level);
    if (!(o->rate >= 0 && o->rate <= 1))
        return cull__fail(cx, CULL_EOPTION, "rate is %g; it must be 0 to 1", o->rate);
    if (places < 1 || start < 0 || start >= places)
        return cull__fail(cx, CULL_EINPUT, "place %lld of %lld", (long long)start,
                          (long long)places);
    for (int64_t j = 0; j < places; j++)
        if (!isfinite(loss[j]))
            return cull__fail(cx, CULL_EINPUT, "the loss at place %lld is %g; it must be finite",
                              (long long)j, loss[j]);
    CULL_TRY(CULL_ALLOC(cx, r, 1));
    r->level = o->level;
    r->rate = o->rate > 0 ? o->rate : RATE;
    r->places = places;
    cull_status s = CULL_ALLOC(cx, r->loss, places);
    if (s != CULL_OK) {
        cull_rolling_free(r);
        return s;
    }
    for (int64_t j = 0; j < places; j++) r->loss[j] = j ? fmax(loss[j], r->loss[j - 1]) : loss[j];
    r->at = r->loss[start];
    r->hi = r->loss[places - 1];
    r->lo = r->loss[0] - r->rate; /* what comes to below it was at place 0 before */
    *out = r;
    return CULL_OK;
}
