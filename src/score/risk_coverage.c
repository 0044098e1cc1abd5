/* risk_coverage.c - what is accepted at a threshold and what that costs; areas, rates and intervals (cull/confidence.h). */
#include "cull/confidence.h"
#include "num/block.h"
#include "num/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows in order of a score ---- */
static cull_status scores_fit(cull_ctx *cx, const char *what, const double *v, int64_t n,
                              bool finite)
{
    if (n < 1) return cull__fail(cx, CULL_EINPUT, "no rows; at least one is needed");
    for (int64_t i = 0; i < n; i++)
        if (finite ? !isfinite(v[i]) : isnan(v[i]))
            return cull__fail(cx, CULL_EINPUT, "row %lld: its %s is %g; it must be %s",
                              (long long)i, what, v[i], finite ? "finite" : "a number");
    return CULL_OK;
}

/* Descending, ties by row. */
static cull_status ordered(cull_ctx *cx, const double *v, int64_t n, cull__ranked **out)
{
    CULL_TRY(CULL_TMP(cx, *out, n));
    for (int64_t i = 0; i < n; i++) (*out)[i] = (cull__ranked){v[i], i};
    cull__rank_sort(*out, n);
    return CULL_OK;
}

/* One past the run of rows that tie with v[lo]. */
static int64_t tied(const cull__ranked *v, int64_t n, int64_t lo)
{
    int64_t hi = lo + 1;
    while (hi < n && v[hi].v == v[lo].v) hi++;
    return hi;
}

/* ---- risk and coverage ---- */
cull_status cull_risk_curve(cull_ctx *cx, const double *score, const double *loss, int64_t n,
                            cull_risk_point *at, int64_t *points)
{
    *points = 0;
    CULL_TRY(scores_fit(cx, "score", score, n, false));
    CULL_TRY(scores_fit(cx, "loss", loss, n, true));
    cull__mark_t mark = cull__mark(cx);
    cull__ranked *v;
    CULL_TRY(ordered(cx, score, n, &v));
    double sum = 0;
    for (int64_t lo = 0, hi; lo < n; lo = hi) {
        hi = tied(v, n, lo);
        for (int64_t i = lo; i < hi; i++) sum += loss[v[i].i];
        at[(*points)++] = (cull_risk_point){
            .threshold = v[lo].v, .coverage = (double)hi / (double)n, .risk = sum / (double)hi};
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* The curve in scratch. */
static cull_status curve(cull_ctx *cx, const double *score, const double *loss, int64_t n,
                         cull_risk_point **at, int64_t *points)
{
    CULL_TRY(CULL_TMP(cx, *at, n > 0 ? n : 1));
    return cull_risk_curve(cx, score, loss, n, *at, points);
}

/* Least possible area: rows in rising order of their loss, one at a time. */
static cull_status best_area(cull_ctx *cx, const double *loss, int64_t n, double *out)
{
    cull__ranked *v;
    CULL_TRY(ordered(cx, loss, n, &v));
    double sum = 0, area = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += v[n - 1 - i].v;
        area += sum / (double)(i + 1);
    }
    *out = area / (double)n;
    return CULL_OK;
}

cull_status cull_risk_area(cull_ctx *cx, const double *score, const double *loss, int64_t n,
                           double *aurc, double *excess)
{
    cull__mark_t mark = cull__mark(cx);
    cull_risk_point *at;
    int64_t points;
    double area = 0, least = 0, before = 0;
    *aurc = *excess = NAN;
    cull_status s = curve(cx, score, loss, n, &at, &points);
    if (s == CULL_OK) s = best_area(cx, loss, n, &least);
    if (s == CULL_OK) {
        for (int64_t i = 0; i < points; i++) {
            area += (at[i].coverage - before) * at[i].risk;
            before = at[i].coverage;
        }
        *aurc = area;
        *excess = area - least;
    }
    cull__release(cx, mark);
    return s;
}

cull_status cull_coverage_at_risk(cull_ctx *cx, const double *score, const double *loss, int64_t n,
                                  double r, cull_risk_point *out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_risk_point *at;
    int64_t points;
    *out = (cull_risk_point){.threshold = INFINITY, .coverage = 0, .risk = NAN};
    cull_status s = curve(cx, score, loss, n, &at, &points);
    for (int64_t i = 0; s == CULL_OK && i < points; i++)
        if (at[i].risk <= r) *out = at[i];
    cull__release(cx, mark);
    return s;
}

cull_status cull_risk_at_coverage(cull_ctx *cx, const double *score, const double *loss, int64_t n,
                                  double c, cull_risk_point *out)
{
    if (!(c > 0 && c <= 1))
        return cull__fail(cx, CULL_EINPUT, "a coverage of %g; it must be above 0 and at most 1", c);
    cull__mark_t mark = cull__mark(cx);
    cull_risk_point *at;
    int64_t points, i = 0;
    cull_status s = curve(cx, score, loss, n, &at, &points);
    if (s == CULL_OK) {
        while (at[i].coverage < c) i++;
        *out = at[i];
    }
    cull__release(cx, mark);
    return s;
}

/* ---- rates ---- */
cull_status cull_auroc(cull_ctx *cx, const double *score, const uint8_t *positive, int64_t n,
                       double *out)
{
    *out = NAN;
    CULL_TRY(scores_fit(cx, "score", score, n, false));
    return cull__auc(cx, score, positive, n, out);
}

cull_status cull_fpr_at_tpr(cull_ctx *cx, const double *score, const uint8_t *positive, int64_t n,
                            double t, double *out)
{
    double ones = 0, hits = 0, others = 0;
    *out = NAN;
    CULL_TRY(scores_fit(cx, "score", score, n, false));
    if (!(t > 0 && t <= 1))
        return cull__fail(cx, CULL_EINPUT, "a rate of %g; it must be above 0 and at most 1", t);
    for (int64_t i = 0; i < n; i++) ones += positive[i] != 0;
    if (ones == 0 || ones == (double)n) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull__ranked *v;
    CULL_TRY(ordered(cx, score, n, &v));
    for (int64_t lo = 0, hi; lo < n && hits / ones < t; lo = hi) {
        hi = tied(v, n, lo);
        for (int64_t i = lo; i < hi; i++) *(positive[v[i].i] ? &hits : &others) += 1;
    }
    *out = others / ((double)n - ones);
    cull__release(cx, mark);
    return CULL_OK;
}

/* Bins of equal mass, from the least confidence up. */
static cull_status mass_error(cull_ctx *cx, const double *confidence, const uint8_t *hit, int64_t n,
                              int bins, double *out)
{
    cull__ranked *v;
    CULL_TRY(ordered(cx, confidence, n, &v));
    double gap = 0;
    int64_t at = 0; /* rows taken, from the end of v */
    for (int b = 1; b <= bins; b++) {
        int64_t end = (int64_t)ceil((double)b * (double)n / bins);
        double sum = 0;
        for (; at < n && (at < end || (at > 0 && v[n - 1 - at].v == v[n - at].v)); at++)
            sum += (hit[v[n - 1 - at].i] ? 1 : 0) - v[n - 1 - at].v;
        gap += fabs(sum);
    }
    *out = gap / (double)n;
    return CULL_OK;
}

cull_status cull_calibration_error(cull_ctx *cx, const double *confidence, const uint8_t *hit,
                                   int64_t n, int bins, bool equal_mass, double *out)
{
    *out = NAN;
    CULL_TRY(scores_fit(cx, "confidence", confidence, n, true));
    if (bins < 1 || bins > 64)
        return cull__fail(cx, CULL_EINPUT, "%d bins; 1 to 64 are possible", bins);
    for (int64_t i = 0; i < n; i++)
        if (confidence[i] < 0 || confidence[i] > 1)
            return cull__fail(cx, CULL_EINPUT, "row %lld: its confidence is %g; it must be 0 to 1",
                              (long long)i, confidence[i]);
    if (!equal_mass) {
        *out = cull__ece(confidence, hit, n, bins);
        return CULL_OK;
    }
    cull__mark_t mark = cull__mark(cx);
    cull_status s = mass_error(cx, confidence, hit, n, bins, out);
    cull__release(cx, mark);
    return s;
}

/* ---- intervals ---- */
typedef struct {
    cull_interval_of of;
    int64_t groups;
    uint64_t stream;
    double *sum; /* (groups, 3): of a (a - b), of b, and rows */
    double *out; /* (draws) */
} drawing;

static double value_of(cull_interval_of of, const double sum[3])
{
    if (of != CULL_OF_RATIO) return sum[0] / sum[2];
    return sum[1] > 0 ? sum[0] / sum[1] : INFINITY;
}

static cull_status draw_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const drawing *w = arg;
    const uint64_t name[2] = {w->stream, (uint64_t)chunk};
    cull_rng r = cull__rng(cx, cull__hash64(name, sizeof name, 0));
    for (int64_t d = lo; d < hi; d++) {
        double sum[3] = {0, 0, 0};
        for (int64_t g = 0; g < w->groups; g++) {
            const double *one = w->sum + 3 * cull__rng_below(&r, w->groups);
            for (int k = 0; k < 3; k++) sum[k] += one[k];
        }
        w->out[d] = value_of(w->of, sum);
    }
    return cull__tick(cx, (double)hi, 0);
}

static int by_group(const void *x, const void *y)
{
    const int64_t *a = x, *b = y;
    if (a[0] != b[0]) return a[0] < b[0] ? -1 : 1;
    return a[1] < b[1] ? -1 : a[1] > b[1];
}

/* Sums of each group, groups in rising order; and of all. */
static cull_status sum_groups(cull_ctx *cx, drawing *w, const double *a, const double *b, int64_t n,
                              const int64_t *group, double all[3])
{
    int64_t(*row)[2];
    CULL_TRY(CULL_TMP(cx, row, n));
    CULL_TRY(CULL_TMP0(cx, w->sum, 3 * n));
    for (int64_t i = 0; i < n; i++) {
        row[i][0] = group ? group[i] : i;
        row[i][1] = i;
    }
    if (group) qsort(row, (size_t)n, sizeof *row, by_group);
    w->groups = 0;
    for (int64_t k = 0; k < n; k++) {
        if (k == 0 || row[k][0] != row[k - 1][0]) w->groups++;
        int64_t i = row[k][1];
        double *at = w->sum + 3 * (w->groups - 1);
        double of_b = w->of == CULL_OF_MEAN ? 0 : b[i];
        double one[3] = {w->of == CULL_OF_DIFFERENCE ? a[i] - of_b : a[i], of_b, 1};
        for (int c = 0; c < 3; c++) {
            at[c] += one[c];
            all[c] += one[c];
        }
    }
    return CULL_OK;
}

static cull_status interval(cull_ctx *cx, drawing *w, const double *a, const double *b, int64_t n,
                            const int64_t *group, int64_t draws, double level,
                            cull_interval_found *out)
{
    double all[3] = {0, 0, 0};
    CULL_TRY(sum_groups(cx, w, a, b, n, group, all));
    if (w->of == CULL_OF_RATIO && !(all[1] > 0))
        return cull__fail(cx, CULL_EINPUT,
                          "the denominators of a ratio are all 0; one must be above 0");
    out->value = value_of(w->of, all);
    out->groups = w->groups;
    CULL_TRY(CULL_TMP(cx, w->out, draws));
    CULL_TRY(cull__for(cx, draws, 64, draw_some, w));
    CULL_TRY(cull__quantile(cx, w->out, draws, (1 - level) / 2, &out->lo));
    return cull__quantile(cx, w->out, draws, (1 + level) / 2, &out->hi);
}

cull_status cull_interval_rows(cull_ctx *cx, cull_interval_of of, const double *a, const double *b,
                               int64_t n, const cull_interval_opts *o, cull_interval_found *out)
{
    const cull_interval_opts none = {0};
    if (!o) o = &none;
    int64_t draws = o->draws ? o->draws : 10000;
    double level = o->level != 0 ? o->level : .95;
    *out = (cull_interval_found){.value = NAN, .lo = NAN, .hi = NAN};
    CULL_TRY(scores_fit(cx, "value", a, n, true));
    if (of != CULL_OF_MEAN) CULL_TRY(scores_fit(cx, "second value", b, n, true));
    for (int64_t i = 0; of == CULL_OF_RATIO && i < n; i++)
        if (b[i] < 0)
            return cull__fail(cx, CULL_EINPUT,
                              "row %lld: the denominator of a ratio is %g; it must be "
                              "0 or above",
                              (long long)i, b[i]);
    if (draws < 1 || draws > 100000000)
        return cull__fail(cx, CULL_EINPUT, "%lld draws of a bootstrap; 1 to 100000000 are possible",
                          (long long)draws);
    if (!(level > 0 && level < 1))
        return cull__fail(cx, CULL_EINPUT, "a level of %g; it must be between 0 and 1", level);
    drawing w = {.of = of, .stream = o->stream};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = interval(cx, &w, a, b, n, o->group, draws, level, out);
    cull__release(cx, mark);
    return s;
}
