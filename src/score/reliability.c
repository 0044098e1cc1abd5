/* reliability.c - how well probabilities fit what was the case, with intervals (cull/confidence.h). */
#include "base/base.h"
#include "cull/confidence.h"
#include "cull/risk.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { BINS = CULL_RELIABILITY_BINS, DRAWS = 1000 };
enum { BRIER, LOG_LOSS, ECE, WHAT };

typedef struct {
    const double *p;
    const uint8_t *hit;
    const uint8_t *bin;
    int64_t n;
    uint64_t stream;
    double *draw[WHAT]; /* (DRAWS) */
} work;

static int bin_of(double p)
{
    int b = (int)ceil(p * BINS) - 1;
    return b < 0 ? 0 : b >= BINS ? BINS - 1 : b;
}

/* Of rows row(i), i < n. */
typedef struct {
    double brier, log_loss, off[BINS];
    int64_t rows[BINS], hits[BINS];
} sums;

static void add(sums *s, const work *w, int64_t i)
{
    double p = w->p[i], miss = p - w->hit[i];
    int b = w->bin[i];
    s->brier += miss * miss;
    s->log_loss -= log(w->hit[i] ? p : 1 - p);
    s->off[b] += miss;
    s->rows[b]++;
    s->hits[b] += w->hit[i];
}

static void means(const sums *s, int64_t n, double out[WHAT])
{
    double off = 0;
    for (int b = 0; b < BINS; b++) off += fabs(s->off[b]);
    out[BRIER] = s->brier / (double)n;
    out[LOG_LOSS] = s->log_loss / (double)n;
    out[ECE] = off / (double)n;
}

static cull_status draw_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *w = arg;
    (void)chunk;
    for (int64_t k = lo; k < hi; k++) {
        sums s = {0};
        double v[WHAT];
        uint64_t name[2] = {w->stream, (uint64_t)k};
        cull_rng r = cull__rng(cx, cull__hash64(name, sizeof name, 0));
        for (int64_t i = 0; i < w->n; i++) add(&s, w, cull__rng_below(&r, w->n));
        means(&s, w->n, v);
        for (int f = 0; f < WHAT; f++) w->draw[f][k] = v[f];
    }
    return cull__tick(cx, (double)hi, DRAWS);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void interval(double value, double *draw, cull_interval_found *out)
{
    qsort(draw, DRAWS, sizeof *draw, by_value);
    *out = (cull_interval_found){
        .value = value, .lo = draw[DRAWS * 25 / 1000], .hi = draw[DRAWS * 975 / 1000 - 1]};
}

static cull_status judge(cull_ctx *cx, work *w, cull_reliability *out)
{
    sums s = {0};
    double v[WHAT];
    uint8_t *bin;
    CULL_TRY(CULL_TMP(cx, bin, w->n));
    for (int64_t i = 0; i < w->n; i++) {
        if (!(w->p[i] >= 0 && w->p[i] <= 1))
            return cull__fail(cx, CULL_EINPUT,
                              "row %" PRId64 ": the probability is %g; it must be 0 to 1", i,
                              w->p[i]);
        bin[i] = (uint8_t)bin_of(w->p[i]);
    }
    w->bin = bin;
    for (int64_t i = 0; i < w->n; i++) add(&s, w, i);
    means(&s, w->n, v);
    for (int f = 0; f < WHAT; f++) CULL_TRY(CULL_TMP(cx, w->draw[f], DRAWS));
    CULL_TRY(cull__for(cx, DRAWS, 8, draw_some, w));
    interval(v[BRIER], w->draw[BRIER], &out->brier);
    interval(v[LOG_LOSS], w->draw[LOG_LOSS], &out->log_loss);
    interval(v[ECE], w->draw[ECE], &out->ece);
    for (int b = 0; b < BINS; b++) {
        cull_reliability_bin *to = &out->bin[b];
        double n = (double)s.rows[b];
        to->rows = s.rows[b];
        to->share = n ? (double)s.hits[b] / n : NAN;
        to->predicted = n ? ((double)s.hits[b] + s.off[b]) / n : NAN;
        cull_risk_interval(s.hits[b], s.rows[b], 0.95, &to->lo, &to->hi);
    }
    return CULL_OK;
}

cull_status cull_reliability_of(cull_ctx *cx, const double *p, const uint8_t *hit, int64_t n,
                                uint64_t stream, cull_reliability *out)
{
    work w = {.p = p, .hit = hit, .n = n, .stream = stream};
    *out = (cull_reliability){0};
    if (n < 1) return cull__fail(cx, CULL_EINPUT, "there are no rows to judge probabilities by");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = judge(cx, &w, out);
    cull__release(cx, mark);
    return s;
}
