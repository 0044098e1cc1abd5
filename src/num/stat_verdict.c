/* stat_verdict.c - results against random ones, rankings, seeds and settings (cull/verdict.h). */
#include <math.h>
#include <string.h>

#include "cull/verdict.h"
#include "num/block.h"
#include "num/num.h"
#include "num/stat.h"

cull_status cull__results_fit(cull_ctx *cx, const char *what, const double *v, int64_t n,
                              int64_t least)
{
    if (n < least)
        return cull__fail(cx, CULL_EINPUT, "%lld %s; at least %lld are needed", (long long)n, what,
                          (long long)least);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return cull__fail(cx, CULL_EINPUT, "%s: number %lld is %g; it must be finite", what,
                              (long long)i, v[i]);
    return CULL_OK;
}

static cull_status count_draws(cull_ctx *cx, int64_t *draws)
{
    if (*draws == 0) *draws = 10000;
    if (*draws < 1 || *draws > 100000000)
        return cull__fail(cx, CULL_EINPUT, "%lld draws of a bootstrap; 1 to 100000000 are possible",
                          (long long)*draws);
    return CULL_OK;
}

/* ---- Welch ---- */
static void welch(const double *a, int64_t n, const double *b, int64_t k, double *t, double *df,
                  double *p)
{
    double sa = cull__sd(a, n), sb = cull__sd(b, k), gap = cull__mean(a, n) - cull__mean(b, k);
    double va = sa * sa / (double)n, vb = sb * sb / (double)k, v = va + vb;
    *t = *df = *p = NAN;
    if (v > 0) {
        /* shares of v, as squares of small variances may vanish */
        double qa = va / v, qb = vb / v;
        *t = gap / sqrt(v);
        *df = 1 / (qa * qa / (double)(n - 1) + qb * qb / (double)(k - 1));
        *p = cull__f_tail(*t * *t, 1, *df);
    } else if (gap != 0) {
        *t = copysign(INFINITY, gap);
        *p = 0;
    }
}

cull_status cull_verdict_welch(cull_ctx *cx, const double *a, int64_t n, const double *b, int64_t k,
                               double *t, double *df, double *p)
{
    CULL_TRY(cull__results_fit(cx, "results of the method", a, n, 2));
    CULL_TRY(cull__results_fit(cx, "random results", b, k, 2));
    welch(a, n, b, k, t, df, p);
    return CULL_OK;
}

/* ---- bootstrap ---- */
static double resampled(cull_rng *r, const double *v, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += v[cull__rng_below(r, n)];
    return s / (double)n;
}

static double gain(double mean, double random, bool maximize)
{
    return 100 * (maximize ? mean - random : random - mean) / fabs(random);
}

typedef struct {
    const double *a, *b; /* b NULL = the mean of a itself */
    int64_t n, k;
    bool maximize;
    uint64_t stream;
    double *out;
} boot;

static cull_status boot_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const boot *w = arg;
    const uint64_t name[2] = {w->stream, (uint64_t)chunk};
    cull_rng r = cull__rng(cx, cull__hash64(name, sizeof name, 0));
    for (int64_t i = lo; i < hi; i++) {
        w->out[i] = resampled(&r, w->a, w->n);
        if (w->b) w->out[i] = gain(w->out[i], resampled(&r, w->b, w->k), w->maximize);
    }
    return cull__tick(cx, (double)hi, 0);
}

static cull_status boot_all(cull_ctx *cx, boot *w, int64_t draws, double *lo, double *hi)
{
    CULL_TRY(CULL_TMP(cx, w->out, draws));
    CULL_TRY(cull__for(cx, draws, 512, boot_some, w));
    CULL_TRY(cull__quantile(cx, w->out, draws, 0.025, lo));
    return cull__quantile(cx, w->out, draws, 0.975, hi);
}

cull_status cull_verdict_relative(cull_ctx *cx, const double *a, int64_t n, const double *b,
                                  int64_t k, bool maximize, double limit, int64_t draws,
                                  uint64_t stream, cull_search_verdict *out)
{
    memset(out, 0, sizeof *out);
    CULL_TRY(count_draws(cx, &draws));
    CULL_TRY(cull_verdict_welch(cx, a, n, b, k, &out->t, &out->df, &out->p));
    out->mean = cull__mean(a, n);
    out->sd = cull__sd(a, n);
    out->random_mean = cull__mean(b, k);
    out->random_sd = cull__sd(b, k);
    if (out->random_mean == 0)
        return cull__fail(cx, CULL_EINPUT,
                          "the mean of the random results is 0; nothing is relative to that");
    out->relative = gain(out->mean, out->random_mean, maximize);
    out->reduction = 100 * (out->mean - out->random_mean) / (limit - out->random_mean);
    boot w = {.a = a, .b = b, .n = n, .k = k, .maximize = maximize, .stream = stream};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = boot_all(cx, &w, draws, &out->lo, &out->hi);
    cull__release(cx, mark);
    return s;
}

static cull_status paired(cull_ctx *cx, const double *a, const double *b, boot *w, int64_t draws,
                          double *mean, double *lo, double *hi, double *p)
{
    double *off;
    CULL_TRY(CULL_TMP(cx, off, w->n));
    for (int64_t i = 0; i < w->n; i++) off[i] = a[i] - b[i];
    w->a = off;
    *mean = cull__mean(off, w->n);
    CULL_TRY(boot_all(cx, w, draws, lo, hi));
    int64_t far = 0;
    for (int64_t i = 0; i < draws; i++) far += fabs(w->out[i] - *mean) >= fabs(*mean);
    *p = (double)(1 + far) / (double)(1 + draws);
    return CULL_OK;
}

cull_status cull_verdict_paired(cull_ctx *cx, const double *a, const double *b, int64_t n,
                                int64_t draws, uint64_t stream, double *mean, double *lo,
                                double *hi, double *p)
{
    CULL_TRY(count_draws(cx, &draws));
    CULL_TRY(cull__results_fit(cx, "results of the first", a, n, 2));
    CULL_TRY(cull__results_fit(cx, "results of the second", b, n, 2));
    boot w = {.n = n, .stream = stream};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = paired(cx, a, b, &w, draws, mean, lo, hi, p);
    cull__release(cx, mark);
    return s;
}

cull_status cull_verdict_reached(cull_ctx *cx, const double *v, int64_t n, double result,
                                 bool maximize, int64_t *count, double *lo, double *hi)
{
    CULL_TRY(cull__results_fit(cx, "random results", v, n, 1));
    if (isnan(result)) return cull__fail(cx, CULL_EINPUT, "the result is NaN");
    *count = 0;
    for (int64_t i = 0; i < n; i++) *count += maximize ? v[i] >= result : v[i] <= result;
    cull__wilson((double)*count, (double)n, lo, hi);
    return CULL_OK;
}

/* ---- rankings ---- */
static cull_status tau_of_top(cull_ctx *cx, const double *a, const double *b, int64_t n,
                              const double *by, double top, bool maximize, double *tau)
{
    double *x, *y, edge = INFINITY;
    int64_t kept = 0, want = (int64_t)ceil(top * (double)n);
    cull__ranked *r;
    CULL_TRY(CULL_TMP(cx, r, n));
    CULL_TRY(CULL_TMP(cx, x, n));
    CULL_TRY(CULL_TMP(cx, y, n));
    for (int64_t i = 0; i < n; i++) r[i] = (cull__ranked){maximize ? by[i] : -by[i], i};
    if (want > n) want = n;
    cull__rank_top(r, n, want);
    for (int64_t i = 0; i < want; i++) edge = fmin(edge, r[i].v);
    for (int64_t i = 0; i < n; i++) {
        if ((maximize ? by[i] : -by[i]) < edge) continue;
        x[kept] = a[i];
        y[kept++] = b[i];
    }
    return cull__kendall(cx, x, y, kept, tau);
}

cull_status cull_verdict_tau(cull_ctx *cx, const double *a, const double *b, int64_t n,
                             const double *by, double top, bool maximize, double *tau)
{
    *tau = NAN;
    if (!(top > 0 && top <= 1))
        return cull__fail(cx, CULL_EINPUT, "tau of the best %g; it is a share above 0, at most 1",
                          top);
    CULL_TRY(cull__results_fit(cx, "values of the first ranking", a, n, 1));
    CULL_TRY(cull__results_fit(cx, "values of the second ranking", b, n, 1));
    if (by) CULL_TRY(cull__results_fit(cx, "values that say which are the best", by, n, 1));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = tau_of_top(cx, a, b, n, by ? by : a, top, maximize, tau);
    cull__release(cx, mark);
    return s;
}

typedef struct {
    const double *v, *last;
    int64_t n, epochs;
    double *tau;
} curves;

static cull_status tau_of_epochs(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const curves *c = arg;
    double *at;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, at, c->n));
    for (int64_t e = lo; e < hi; e++) {
        cull__mark_t mark = cull__mark(cx);
        for (int64_t i = 0; i < c->n; i++) at[i] = c->v[i * c->epochs + e];
        CULL_TRY(cull__kendall(cx, at, c->last, c->n, c->tau + e));
        cull__release(cx, mark);
        CULL_TRY(cull__tick(cx, (double)(e + 1), (double)c->epochs));
    }
    return CULL_OK;
}

static cull_status stop_epoch(cull_ctx *cx, curves *c, double threshold, int64_t *epoch)
{
    double *last;
    CULL_TRY(CULL_TMP(cx, last, c->n));
    if (!c->tau) CULL_TRY(CULL_TMP(cx, c->tau, c->epochs));
    for (int64_t i = 0; i < c->n; i++) last[i] = c->v[(i + 1) * c->epochs - 1];
    c->last = last;
    CULL_TRY(cull__for(cx, c->epochs, 16, tau_of_epochs, c));
    *epoch = 1;
    while (*epoch < c->epochs && !(c->tau[*epoch - 1] >= threshold)) ++*epoch;
    return CULL_OK;
}

cull_status cull_verdict_stop_epoch(cull_ctx *cx, const double *v, int64_t n, int64_t epochs,
                                    double threshold, int64_t *epoch, double *tau)
{
    *epoch = epochs;
    if (!(threshold >= 0 && threshold <= 1))
        return cull__fail(cx, CULL_EINPUT, "a threshold of %g for tau; it must be 0 to 1",
                          threshold);
    if (n < 2 || epochs < 1 || n > INT64_MAX / 16 / epochs)
        return cull__fail(cx, CULL_EINPUT,
                          "%lld curves of %lld epochs; at least 2 curves of 1 epoch are needed",
                          (long long)n, (long long)epochs);
    CULL_TRY(cull__results_fit(cx, "values of the curves", v, n * epochs, 1));
    cull__mark_t mark = cull__mark(cx);
    curves c = {.v = v, .n = n, .epochs = epochs, .tau = tau};
    cull_status s = stop_epoch(cx, &c, threshold, epoch);
    cull__release(cx, mark);
    return s;
}

/* ---- settings ---- */
static cull_status lottery(cull_ctx *cx, const double *v, int64_t n, int64_t seeds, bool maximize,
                           cull_lottery *out)
{
    double *mean, within = 0;
    CULL_TRY(CULL_TMP(cx, mean, n));
    for (int64_t i = 0; i < n; i++) {
        const double *at = v + i * seeds;
        double sd = cull__sd(at, seeds);
        mean[i] = cull__mean(at, seeds);
        within += sd * sd;
        bool up = mean[i] > mean[maximize ? out->best : out->worst];
        bool down = mean[i] < mean[maximize ? out->worst : out->best];
        if (maximize ? up : down) out->best = i;
        if (maximize ? down : up) out->worst = i;
    }
    out->mean = cull__mean(mean, n);
    out->noise = sqrt(within / (double)n);
    out->spread = fabs(mean[out->best] - mean[out->worst]);
    for (int k = 0; k < 5; k++) CULL_TRY(cull__quantile(cx, mean, n, k / 4., out->quantile + k));
    return CULL_OK;
}

cull_status cull_verdict_lottery(cull_ctx *cx, const double *v, int64_t settings, int64_t seeds,
                                 bool maximize, cull_lottery *out)
{
    memset(out, 0, sizeof *out);
    if (settings < 1 || seeds < 1 || settings > INT64_MAX / 16 / seeds)
        return cull__fail(cx, CULL_EINPUT, "%lld settings of %lld seeds; at least one of each",
                          (long long)settings, (long long)seeds);
    CULL_TRY(cull__results_fit(cx, "results of the settings", v, settings * seeds, 1));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = lottery(cx, v, settings, seeds, maximize, out);
    cull__release(cx, mark);
    return s;
}
