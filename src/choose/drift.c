/* drift.c - a conformal test martingale over classes of scores (cull/drift.h). */
#include "cull/drift.h"
#include "base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 4096, RECENT = 1024, FIRST = 100, FEW = 20, SIDES = 3 };
static const double side[SIDES] = {-1, 0, 1};

struct cull_drift {
    double edge[CLASSES - 1]; /* class c: scores above edge[c - 1], up to edge[c] */
    int64_t edges;
    int64_t sum[CLASSES + 1]; /* rows by class, as a binary indexed tree */
    int64_t rows;
    double recent[RECENT]; /* the last scores, in a ring */
    int64_t seen;
    double share[SIDES], reserve,
        top; /* capital on each side, and not bet yet; top: of the alarm */
    int64_t bets;
    double jump, p;
    bool ready, alarmed; /* classes are set; the last step gave the alarm */
    cull_rng rng;
};

void cull_drift_free(cull_drift *d) { cull__free(d); }

static double capital(const cull_drift *d)
{
    double sum = d->reserve;
    for (int e = 0; e < SIDES; e++) sum += d->share[e];
    return sum;
}

double cull_drift_log10(const cull_drift *d) { return log10(capital(d)); }

double cull_drift_p(const cull_drift *d) { return d->p; }

/* ---- classes ---- */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantiles of v (n), which is sorted here; equal ones are one. */
static void set_classes(cull_drift *d, double *v, int64_t n)
{
    int64_t most = n < CLASSES - 1 ? n : CLASSES - 1;
    qsort(v, (size_t)n, sizeof *v, by_value);
    d->edges = 0;
    for (int64_t k = 0; k < most; k++) {
        double e = v[k * n / most];
        if (!d->edges || e > d->edge[d->edges - 1]) d->edge[d->edges++] = e;
    }
    memset(d->sum, 0, sizeof d->sum);
    d->rows = 0;
    d->ready = true;
}

static int64_t class_of(const cull_drift *d, double v)
{
    int64_t lo = 0, hi = d->edges;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (d->edge[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Rows of the classes before c. */
static int64_t before(const cull_drift *d, int64_t c)
{
    int64_t n = 0;
    for (; c > 0; c -= c & -c) n += d->sum[c];
    return n;
}

static void add(cull_drift *d, int64_t c)
{
    d->rows++;
    for (c++; c <= CLASSES; c += c & -c) d->sum[c]++;
}

/* ---- bets ---- */
/* Half of the capital is bet from the start, where it is soon too little to notice a late change; of the other half a part starts at
 * each row, so that 1 / log2(t + 2) of it is left after t of them. */
static void begin(cull_drift *d)
{
    for (int e = 0; e < SIDES; e++) d->share[e] = 0.5 / SIDES;
    d->reserve = 0.5;
    d->bets = 0;
    d->alarmed = false;
}

static void bet(cull_drift *d, double p)
{
    double sum = 0, left = 0.5 / log2((double)++d->bets + 2);
    for (int e = 0; e < SIDES; e++) sum += d->share[e] += (d->reserve - left) / SIDES;
    d->reserve = left;
    for (int e = 0; e < SIDES; e++) {
        d->share[e] = (1 - d->jump) * d->share[e] + d->jump / SIDES * sum;
        d->share[e] *= 1 + side[e] * (p - 0.5);
    }
}

/* Classes by the last rows; none of those to come has come. */
static void anew(cull_drift *d)
{
    double v[RECENT];
    int64_t n = d->seen < RECENT ? d->seen : RECENT;
    memcpy(v, d->recent, (size_t)n * sizeof *v);
    set_classes(d, v, n);
    begin(d);
}

bool cull_drift_step(cull_drift *d, double score)
{
    if (d->alarmed) anew(d);
    d->recent[d->seen++ % RECENT] = score;
    d->p = NAN;
    if (!d->ready) {
        if (d->seen == FIRST) anew(d);
        return false;
    }
    int64_t c = class_of(d, score), upto = before(d, c + 1), below = before(d, c);
    double u = cull__rng_unit(&d->rng);
    d->p = ((double)(d->rows - upto) + u * (double)(upto - below + 1)) / (double)(d->rows + 1);
    add(d, c);
    bet(d, d->p);
    d->alarmed = capital(d) >= d->top;
    if (d->alarmed) d->top *= 2;
    return d->alarmed;
}

void cull_drift_restart(cull_drift *d)
{
    if (!d->alarmed) d->top *= 2;
    begin(d);
    d->ready = false;
    d->seen = 0;
    d->p = NAN;
}

static cull_status fill(cull_ctx *cx, cull_drift *d, const double *score, int64_t n)
{
    double *v;
    int64_t half = (n + 1) / 2;
    for (int64_t i = 0; i < n; i++)
        if (isnan(score[i]))
            return cull__fail(cx, CULL_EINPUT, "score %lld is nan; it must be a number",
                              (long long)i);
    if (n < FEW) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, v, half));
    for (int64_t i = 0; i < half; i++) v[i] = score[2 * i];
    set_classes(d, v, half);
    for (int64_t i = 1; i < n; i += 2) add(d, class_of(d, score[i]));
    return CULL_OK;
}

cull_status cull_drift_new(cull_ctx *cx, const cull_drift_opts *o, const double *score, int64_t n,
                           cull_drift **out)
{
    cull_drift *d;
    double alarm = o->alarm ? o->alarm : 0.05, jump = o->jump ? o->jump : 0.01;
    *out = NULL;
    if (!(alarm > 0 && alarm < 1))
        return cull__fail(cx, CULL_EOPTION, "alarm is %g; it must lie between 0 and 1", alarm);
    if (!(jump > 0 && jump < 1))
        return cull__fail(cx, CULL_EOPTION, "jump is %g; it must lie between 0 and 1", jump);
    CULL_TRY(CULL_ALLOC(cx, d, 1));
    d->jump = jump;
    d->top = 2 / alarm;
    d->p = NAN;
    d->rng = cull__rng(cx, o->stream);
    begin(d);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = fill(cx, d, score, n);
    cull__release(cx, mark);
    if (s == CULL_OK)
        *out = d;
    else
        cull_drift_free(d);
    return s;
}
