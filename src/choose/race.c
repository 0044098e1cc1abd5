/* race.c - cuts among candidates, and the earliest that loses no more than stated (race.h). */
#include "choose/race.h"
#include "cull/risk.h"

#include <math.h>

static double cost_at(const cull__race *r, int step)
{
    return step < 0 ? 0 : r->cost ? r->cost[step] : step + 1;
}

cull_status cull__race_fits(cull_ctx *cx, const cull__race *r)
{
    if (r->problems < 1 || r->steps < 1 || r->steps > CULL__RACE_STEPS)
        return cull__fail(cx, CULL_EINPUT, "%lld problems with %d checkpoints; it must be 1 to %d",
                          (long long)r->problems, r->steps, CULL__RACE_STEPS);
    int64_t from = r->first[0], n = r->first[r->problems];
    if (from < 0 || n > r->candidates)
        return cull__fail(cx, CULL_EINPUT, "problems have candidates %lld to %lld of %lld",
                          (long long)from, (long long)n - 1, (long long)r->candidates);
    for (int64_t i = 0; i < r->problems; i++)
        if (r->first[i + 1] <= r->first[i])
            return cull__fail(cx, CULL_EINPUT, "problem %lld has no candidate", (long long)i);
    for (int s = 0; s < r->steps; s++) {
        if (!(cost_at(r, s) >= (s ? cost_at(r, s - 1) : 0)) || !isfinite(cost_at(r, s)))
            return cull__fail(cx, CULL_EINPUT,
                              "the cost up to checkpoint %d is %g; it must not fall from one to "
                              "the next",
                              s, cost_at(r, s));
        for (int64_t c = from; c < n; c++)
            if (!isfinite(r->score[s * r->candidates + c]))
                return cull__fail(cx, CULL_EINPUT,
                                  "the score of candidate %lld at checkpoint %d is %g",
                                  (long long)c, s, r->score[s * r->candidates + c]);
    }
    for (int64_t c = from; r->quality && c < n; c++)
        if (!isfinite(r->quality[c]))
            return cull__fail(cx, CULL_EINPUT, "the quality of candidate %lld is %g", (long long)c,
                              r->quality[c]);
    return CULL_OK;
}

/* The best `keep` of alive[0..n) by v come first, in their order; equals: the one that stood first. Selection
 * in place: a problem has few candidates. */
static void best_first(const double *v, int64_t *alive, int64_t n, int64_t keep)
{
    for (int64_t k = 0; k < keep; k++) {
        int64_t top = k;
        for (int64_t i = k + 1; i < n; i++)
            if (v[alive[i]] > v[alive[top]] ||
                (v[alive[i]] == v[alive[top]] && alive[i] < alive[top]))
                top = i;
        int64_t c = alive[top];
        alive[top] = alive[k], alive[k] = c;
    }
}

int64_t cull__race_run(const cull__race *r, const cull__race_plan *p, int64_t i, int64_t *alive,
                       double *cost)
{
    int64_t n = r->first[i + 1] - r->first[i], left = n;
    int at = p->first, last = r->steps - 1, before = -1;
    double share = (double)n;
    *cost = 0;
    for (int64_t k = 0; k < n; k++) alive[k] = r->first[i] + k;
    for (;;) {
        *cost += (double)left * (cost_at(r, at) - cost_at(r, before));
        share = p->halve > 1 && at < last ? share / p->halve : 1;
        int64_t keep = share > 1 ? (int64_t)ceil(share) : 1;
        best_first(r->score + at * r->candidates, alive, left, keep);
        left = keep;
        if (left == 1) break;
        before = at;
        at = 2 * at + 1 < last ? 2 * at + 1 : last; /* twice as many checkpoints done */
    }
    *cost += cost_at(r, last) - cost_at(r, at);
    return alive[0];
}

typedef struct {
    const cull__race *r;
    double halve, *loss, *cost; /* cost (problems, steps) */
} losses;

static cull_status problems(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const losses *l = arg;
    const cull__race *r = l->r;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        cull__mark_t mark = cull__mark(cx);
        int64_t *alive, from = r->first[i], n = r->first[i + 1] - from;
        double top = r->quality[from], low = top, whole = 0;
        CULL_TRY(CULL_TMP(cx, alive, n));
        for (int64_t c = from; c < from + n; c++) {
            top = r->quality[c] > top ? r->quality[c] : top;
            low = r->quality[c] < low ? r->quality[c] : low;
        }
        for (int s = r->steps - 1; s >= 0; s--) {
            cull__race_plan p = {s, l->halve};
            double q = r->quality[cull__race_run(r, &p, i, alive, &l->cost[i * r->steps + s])];
            if (s == r->steps - 1) whole = q;
            l->loss[i * r->steps + s] = q < whole ? (whole - q) / (top - low) : 0;
        }
        cull__release(cx, mark);
    }
    return cull__tick(cx, (double)lo, 0);
}

cull_status cull__race_losses(cull_ctx *cx, const cull__race *r, double halve, double *loss,
                              double *cost)
{
    cull__mark_t mark = cull__mark(cx);
    losses l = {r, halve, loss, NULL};
    CULL_TRY(cull__race_fits(cx, r));
    if (!r->quality) return cull__fail(cx, CULL_EINPUT, "the candidates' quality is not known");
    if (!(halve >= 0 && isfinite(halve)))
        return cull__fail(cx, CULL_EOPTION, "one in %g goes on; it must be a number, 0 = one",
                          halve);
    CULL_TRY(CULL_TMP(cx, l.cost, r->problems * r->steps));
    CULL_TRY(cull__for(cx, r->problems, 64, problems, &l));
    for (int s = 0; s < r->steps; s++) {
        cost[s] = 0;
        for (int64_t i = 0; i < r->problems; i++)
            cost[s] += l.cost[i * r->steps + s] / (double)r->problems;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* Places of a grid go from the last checkpoint (place 0, whose loss is 0) to the first. */
static cull_status learn(cull_ctx *cx, const double *loss, int64_t n, int steps, double level,
                         double delta, int *stop)
{
    double *turned, *p;
    uint8_t *valid;
    int64_t count;
    CULL_TRY(CULL_TMP(cx, turned, n * steps));
    CULL_TRY(CULL_TMP(cx, p, steps));
    CULL_TRY(CULL_TMP(cx, valid, steps));
    for (int64_t i = 0; i < n; i++)
        for (int s = 0; s < steps; s++) turned[i * steps + s] = loss[(i + 1) * steps - 1 - s];
    CULL_TRY(cull_risk_pvalues(cx, turned, n, steps, level, true, NULL, p));
    p[0] = 0; /* the last checkpoint is what losses are measured from: nothing to test */
    CULL_TRY(cull_risk_learn(cx, p, steps, delta, CULL_LTT_SEQUENCE, valid, &count));
    *stop = count > 1 || steps == 1 ? steps - (int)count : -1;
    return CULL_OK;
}

static cull_status control(cull_ctx *cx, const double *loss, int64_t n, int steps, double level,
                           int *stop)
{
    double *most;
    int64_t at;
    CULL_TRY(CULL_TMP(cx, most, n * steps));
    for (int64_t i = 0; i < n; i++)
        for (int s = steps - 1; s >= 0; s--) {
            double v = loss[i * steps + s], later = s + 1 < steps ? most[i * steps + s + 1] : 0;
            most[i * steps + s] = v > later ? v : later;
        }
    CULL_TRY(cull_risk_conformal(cx, most, n, steps, level, 1, &at));
    *stop = at >= 0 && (at < steps - 1 || steps == 1) ? (int)at : -1;
    return CULL_OK;
}

cull_status cull__race_stop(cull_ctx *cx, const double *loss, int64_t problems_, int steps,
                            double level, double delta, double *mean, int *stop)
{
    cull__mark_t mark = cull__mark(cx);
    for (int s = 0; mean && s < steps; s++) {
        mean[s] = 0;
        for (int64_t i = 0; i < problems_; i++) mean[s] += loss[i * steps + s] / (double)problems_;
    }
    CULL_TRY(delta > 0 ? learn(cx, loss, problems_, steps, level, delta, stop)
                       : control(cx, loss, problems_, steps, level, stop));
    cull__release(cx, mark);
    return CULL_OK;
}
