/* volume_drawn.c - what a front covers, estimated from random points, for any number of objectives (cull/front.h).
 *
 * Points are drawn in the least box around all (volume B) and those covered are counted, or, where the boxes' own volumes
 * sum to less (S), a box is drawn by its volume, then a point of it, which counts as 1 / (boxes that hold it) (Karp and
 * Luby 1983). A draw's relative variance is B / V - 1, or at most S / V - 1. */
#include <math.h>

#include "choose/volume.h"
#include "cull/front.h"

enum { GRAIN = 2048 };

typedef struct {
    const double *e, *whole; /* (n, m) depths, (m) the deepest of each objective */
    const double *up_to;     /* (n) sums of the boxes' shares; NULL = draw in the box around all */
    int64_t n;
    int m;
    uint64_t stream;
    double *sum, *squares; /* for each chunk */
} draws;

static int64_t holders(const draws *w, const double *x, bool first)
{
    int64_t count = 0;
    for (int64_t i = 0; i < w->n && !(first && count); i++)
        count += cull__row_covers(x, w->e + i * w->m, w->m);
    return count;
}

static int64_t box_at(const double *up_to, int64_t n, double u)
{
    int64_t lo = 0, hi = n - 1;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (up_to[mid] > u)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static cull_status draw(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const draws *w = arg;
    const uint64_t name[2] = {w->stream, (uint64_t)chunk};
    cull_rng r = cull__rng(cx, cull__hash64(name, sizeof name, 0));
    double *x, sum = 0, squares = 0;
    CULL_TRY(CULL_TMP(cx, x, w->m));
    for (int64_t k = lo; k < hi; k++) {
        const double *box = w->whole;
        if (w->up_to) box = w->e + box_at(w->up_to, w->n, cull__rng_unit(&r)) * w->m;
        for (int d = 0; d < w->m; d++) x[d] = box[d] * cull__rng_unit(&r);
        double y = (double)holders(w, x, !w->up_to);
        if (w->up_to) y = 1 / y; /* the box that was drawn is one of them */
        sum += y;
        squares += y * y;
    }
    w->sum[chunk] = sum;
    w->squares[chunk] = squares;
    return cull__tick(cx, (double)hi, 0);
}

/* The volume of each box as a share of the box around all, their sum in *total. */
static void box_shares(const draws *w, double *share, double *total)
{
    *total = 0;
    for (int64_t i = 0; i < w->n; i++) {
        share[i] = 1;
        for (int d = 0; d < w->m; d++) share[i] *= w->e[i * w->m + d] / w->whole[d];
        *total += share[i];
    }
    double sum = 0;
    for (int64_t i = 0; i < w->n; i++) share[i] = (sum += share[i]) / *total;
}

static cull_status estimate(cull_ctx *cx, draws *w, int64_t n, double *volume, double *error)
{
    double *whole, *share, total, all = 1, sum = 0, squares = 0;
    int64_t chunks = (n - 1) / GRAIN + 1;
    CULL_TRY(CULL_TMP0(cx, whole, w->m));
    CULL_TRY(CULL_TMP(cx, share, w->n));
    CULL_TRY(CULL_TMP(cx, w->sum, chunks));
    CULL_TRY(CULL_TMP(cx, w->squares, chunks));
    for (int64_t i = 0; i < w->n; i++)
        for (int d = 0; d < w->m; d++) whole[d] = fmax(whole[d], w->e[i * w->m + d]);
    for (int d = 0; d < w->m; d++) all *= whole[d];
    w->whole = whole;
    box_shares(w, share, &total);
    w->up_to = total < 1 ? share : NULL;
    if (w->up_to) all *= total;
    if (!isfinite(all))
        return cull__fail(cx, CULL_EINPUT,
                          "the volume within the reference point is beyond all "
                          "numbers; scale the objectives");
    CULL_TRY(cull__for(cx, n, GRAIN, draw, w));
    for (int64_t c = 0; c < chunks; c++) {
        sum += w->sum[c];
        squares += w->squares[c];
    }
    double mean = sum / (double)n, spread = fmax(squares / (double)n - mean * mean, 0);
    *volume = all * mean;
    *error = all * sqrt(spread / (double)(n - 1));
    return CULL_OK;
}

static cull_status drawn(cull_ctx *cx, const double *v, int64_t n, int m, const double *ref,
                         int64_t count, uint64_t stream, double *volume, double *error)
{
    double *e;
    int64_t *who;
    draws w = {.m = m, .stream = stream};
    CULL_TRY(cull__front_depths(cx, v, n, m, ref, &e, &who, &w.n));
    w.e = e;
    return w.n ? estimate(cx, &w, count, volume, error) : CULL_OK;
}

cull_status cull_front_volume_drawn(cull_ctx *cx, const double *v, int64_t n, int m,
                                    const double *ref, int64_t count, uint64_t stream,
                                    double *volume, double *error)
{
    *volume = *error = 0;
    if (count < 2)
        return cull__fail(cx, CULL_EINPUT, "a volume from %lld draws; at least 2 are needed",
                          (long long)count);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = drawn(cx, v, n, m, ref, count, stream, volume, error);
    cull__release(cx, mark);
    return s;
}
