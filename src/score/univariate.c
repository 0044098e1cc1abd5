/* univariate.c - variance, analysis of variance and chi-squared of columns, in one pass over the rows.
 *
 * Means and squares about them are updated value by value (Welford 1962), chunks of rows are merged in
 * order (Chan, Golub, LeVeque 1983): nothing is lost to a large mean, a constant column has exactly 0. */
#include "score/columns.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CHUNKS = 64, LEAST = 1024 };
static const double STATES = 1 << 25; /* doubles of all chunks' states together */

/* A state: `parts` arrays of d numbers. */
typedef struct sweep {
    const cull_feature_problem *p;
    int64_t parts, grain, rows; /* arrays of d; rows of a chunk; rows read at a time */
    double *state;              /* (chunks, parts, d) */
    void (*begin)(const struct sweep *s, double *state); /* NULL: zeros */
    /* one more row of d values; false where a value is no use */
    bool (*row)(const struct sweep *s, double *state, int64_t i, const float *x);
    void (*merge)(const struct sweep *s, double *state, const double *more);
    const char *refuse; /* what to say of such a value: "takes counts, 0 or more" */
} sweep;

static void grid(sweep *s)
{
    const cull_feature_problem *p = s->p;
    double each = (double)s->parts * (double)p->d;
    int64_t most = each < STATES / CHUNKS ? CHUNKS : each < STATES ? (int64_t)(STATES / each) : 1;
    int64_t chunks = (p->n + LEAST - 1) / LEAST;
    if (chunks > most) chunks = most;
    s->grain = (p->n + chunks - 1) / chunks;
    s->rows = 65536 / p->d < 1 ? 1 : 65536 / p->d;
    if (s->rows > s->grain) s->rows = s->grain;
}

static int64_t chunks_of(const sweep *s) { return (s->p->n + s->grain - 1) / s->grain; }

static cull_status sweep_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const sweep *s = arg;
    const cull_feature_problem *p = s->p;
    double *state = s->state + chunk * s->parts * p->d;
    float *buf = NULL;
    if (cull_pool_dtype(p->x) != CULL_F32) CULL_TRY(CULL_TMP(cx, buf, s->rows * p->d));
    if (s->begin) s->begin(s, state);
    for (int64_t at = lo; at < hi; at += s->rows) {
        int64_t to = at + s->rows < hi ? at + s->rows : hi;
        const float *x = cull_pool_rows(p->x, at, to, buf);
        CULL_TRY(cull__tick(cx, (double)at, (double)hi));
        for (int64_t i = at; i < to; i++, x += p->d) {
            if (s->row(s, state, i, x)) continue;
            const double *less = cull_pool_offset(p->x);
            char name[32];
            int64_t c = 0;
            while (!(x[c] < 0) || (p->avoid && p->avoid[c]) || (p->levels && p->levels[c])) c++;
            return cull__fail(cx, CULL_EINPUT, "column %s of row %" PRId64 " is %g; %s",
                              cull__column_name(p, c, name), i, (double)x[c] + (less ? less[c] : 0),
                              s->refuse);
        }
    }
    return CULL_OK;
}

/* The state of all rows is that of the first chunk then. */
static cull_status sweep_rows(cull_ctx *cx, sweep *s)
{
    grid(s);
    int64_t each = s->parts * s->p->d, chunks = chunks_of(s);
    CULL_TRY(CULL_TMP0(cx, s->state, chunks * each));
    CULL_TRY(cull__for(cx, s->p->n, s->grain, sweep_chunk, s));
    for (int64_t c = 1; c < chunks; c++) s->merge(s, s->state, s->state + c * each);
    return CULL_OK;
}

/* ---- moments: count, mean, sum of squares about it ---- */

static void add_row(double *restrict n, double *restrict mean, double *restrict m2,
                    const float *restrict x, int64_t d)
{
    for (int64_t c = 0; c < d; c++) {
        bool has = x[c] == x[c];
        double v = has ? (double)x[c] : mean[c];
        n[c] += has;
        double delta = v - mean[c];
        mean[c] += delta / (n[c] > 1 ? n[c] : 1);
        m2[c] += delta * (v - mean[c]);
    }
}

static void add_moments(double *n, double *mean, double *m2, double n2, double mean2, double m22)
{
    if (!(n2 > 0)) return;
    double all = *n + n2, delta = mean2 - *mean;
    *mean += delta * (n2 / all);
    *m2 += m22 + delta * delta * (*n * n2 / all);
    *n = all;
}

/* ---- variance: moments, least, largest ---- */

static void variance_begin(const sweep *s, double *state)
{
    int64_t d = s->p->d;
    for (int64_t c = 0; c < d; c++) state[3 * d + c] = INFINITY, state[4 * d + c] = -INFINITY;
}

static bool variance_row(const sweep *s, double *t, int64_t i, const float *x)
{
    int64_t d = s->p->d;
    double *least = t + 3 * d, *most = t + 4 * d;
    (void)i;
    add_row(t, t + d, t + 2 * d, x, d);
    for (int64_t c = 0; c < d; c++) {
        least[c] = x[c] < least[c] ? x[c] : least[c];
        most[c] = x[c] > most[c] ? x[c] : most[c];
    }
    return true;
}

static void variance_merge(const sweep *s, double *t, const double *u)
{
    int64_t d = s->p->d;
    for (int64_t c = 0; c < d; c++) {
        add_moments(t + c, t + d + c, t + 2 * d + c, u[c], u[d + c], u[2 * d + c]);
        t[3 * d + c] = fmin(t[3 * d + c], u[3 * d + c]);
        t[4 * d + c] = fmax(t[4 * d + c], u[4 * d + c]);
    }
}

static bool avoided(const cull_feature_problem *p, int64_t c) { return p->avoid && p->avoid[c]; }

cull_status cull__column_variance(cull_ctx *cx, const cull_feature_problem *p, bool range,
                                  double *out)
{
    int64_t d = p->d;
    sweep s = {
        .p = p, .parts = 5, .begin = variance_begin, .row = variance_row, .merge = variance_merge};
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(sweep_rows(cx, &s));
    const double *t = s.state;
    for (int64_t c = 0; c < d; c++) {
        double wide = t[4 * d + c] - t[3 * d + c];
        out[c] = t[2 * d + c] / t[c] / (range ? wide * wide : 1);
        if (!(wide > 0) || avoided(p, c)) out[c] = NAN;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- F of classes: moments for each class ---- */

static bool classes_row(const sweep *s, double *t, int64_t i, const float *x)
{
    int64_t d = s->p->d;
    t += 3 * d * (int64_t)s->p->y[i];
    add_row(t, t + d, t + 2 * d, x, d);
    return true;
}

static void classes_merge(const sweep *s, double *t, const double *u)
{
    int64_t d = s->p->d;
    for (int32_t k = 0; k < s->p->classes; k++, t += 3 * d, u += 3 * d)
        for (int64_t c = 0; c < d; c++)
            add_moments(t + c, t + d + c, t + 2 * d + c, u[c], u[d + c], u[2 * d + c]);
}

static void f_of_classes(const sweep *s, int64_t c, double *f, double *pv)
{
    int64_t d = s->p->d;
    double n = 0, mean = 0, between = 0, within = 0, groups = 0;
    for (int32_t k = 0; k < s->p->classes; k++) {
        const double *t = s->state + 3 * d * k + c;
        groups += t[0] > 0;
        within += t[2 * d];
        add_moments(&n, &mean, &between, t[0], t[d], 0);
    }
    *f = *pv = NAN;
    if (groups < 2 || n <= groups || !(between + within > 0)) return;
    *f = between / (groups - 1) / (within / (n - groups));
    *pv = cull__f_tail(*f, groups - 1, n - groups);
}

/* ---- F of a correlation: count, means, squares and product about them, of the rows with a value ---- */

static bool numbers_row(const sweep *s, double *restrict t, int64_t i, const float *restrict x)
{
    int64_t d = s->p->d;
    double y = s->p->y[i];
    for (int64_t c = 0; c < d; c++) {
        if (x[c] != x[c]) continue;
        double n = t[c] += 1, dx = (double)x[c] - t[d + c], dy = y - t[2 * d + c];
        t[d + c] += dx / n;
        t[2 * d + c] += dy / n;
        t[3 * d + c] += dx * ((double)x[c] - t[d + c]);
        t[4 * d + c] += dy * (y - t[2 * d + c]);
        t[5 * d + c] += dx * (y - t[2 * d + c]);
    }
    return true;
}

static void numbers_merge(const sweep *s, double *t, const double *u)
{
    int64_t d = s->p->d;
    for (int64_t c = 0; c < d; c++) {
        double n = t[c], m = u[c], dx = u[d + c] - t[d + c], dy = u[2 * d + c] - t[2 * d + c];
        if (!(m > 0)) continue;
        t[5 * d + c] += u[5 * d + c] + dx * dy * (n * m / (n + m));
        add_moments(&n, t + d + c, t + 3 * d + c, m, u[d + c], u[3 * d + c]);
        add_moments(t + c, t + 2 * d + c, t + 4 * d + c, m, u[2 * d + c], u[4 * d + c]);
    }
}

static void f_of_numbers(const sweep *s, int64_t c, double *f, double *pv)
{
    int64_t d = s->p->d;
    const double *t = s->state + c;
    double n = t[0], xx = t[3 * d], yy = t[4 * d], xy = t[5 * d];
    *f = *pv = NAN;
    if (n < 3 || !(xx > 0) || !(yy > 0)) return;
    double rest = xx * yy - xy * xy;
    *f = rest > 0 ? xy * xy / rest * (n - 2) : INFINITY;
    *pv = cull__f_tail(*f, 1, n - 2);
}

cull_status cull__column_f(cull_ctx *cx, const cull_feature_problem *p, double *f, double *pv)
{
    bool classes = p->classes > 0;
    sweep s = {.p = p,
               .parts = classes ? 3 * (int64_t)p->classes : 6,
               .row = classes ? classes_row : numbers_row,
               .merge = classes ? classes_merge : numbers_merge};
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(sweep_rows(cx, &s));
    for (int64_t c = 0; c < p->d; c++) {
        (classes ? f_of_classes : f_of_numbers)(&s, c, f + c, pv + c);
        if (avoided(p, c)) f[c] = pv[c] = NAN;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- chi-squared of counts: least, largest, then for each class rows with a value and their sum ---- */

static void chi2_begin(const sweep *s, double *t)
{
    for (int64_t c = 0; c < s->p->d; c++) t[c] = INFINITY, t[s->p->d + c] = -INFINITY;
}

static bool chi2_row(const sweep *s, double *t, int64_t i, const float *x)
{
    const cull_feature_problem *p = s->p;
    int64_t d = p->d;
    double *least = t, *most = t + d, *n = t + (2 + 2 * (int64_t)p->y[i]) * d, *sum = n + d;
    bool good = true;
    for (int64_t c = 0; c < d; c++) {
        bool has = x[c] == x[c];
        n[c] += has;
        sum[c] += has ? (double)x[c] : 0;
        least[c] = x[c] < least[c] ? x[c] : least[c];
        most[c] = x[c] > most[c] ? x[c] : most[c];
        good &= !(x[c] < 0);
    }
    for (int64_t c = 0; !good && c < d; c++)
        if (x[c] < 0 && !avoided(p, c) && !(p->levels && p->levels[c])) return false;
    return true;
}

static void chi2_merge(const sweep *s, double *t, const double *u)
{
    int64_t d = s->p->d;
    for (int64_t c = 0; c < d; c++) {
        t[c] = fmin(t[c], u[c]);
        t[d + c] = fmax(t[d + c], u[d + c]);
    }
    for (int64_t i = 2 * d; i < s->parts * d; i++) t[i] += u[i];
}

static void chi2_of_counts(const sweep *s, int64_t c, double *chi2, double *pv)
{
    int64_t d = s->p->d;
    int32_t classes = s->p->classes;
    const double *t = s->state + c;
    const double *less =
        cull_pool_offset(s->p->x); /* of what was counted, by sums that are short of it */
    double n = 0, total = 0, groups = 0, value = 0, offset = less ? less[c] : 0;
    for (int32_t k = 0; k < classes; k++) {
        groups += t[(2 + 2 * k) * d] > 0;
        n += t[(2 + 2 * k) * d];
        total += t[(3 + 2 * k) * d];
    }
    *chi2 = *pv = NAN;
    if (groups < 2 || !(t[d] > t[0])) return;
    for (int32_t k = 0; k < classes; k++) {
        double here = t[(2 + 2 * k) * d], expected = total * (here / n);
        double off = t[(3 + 2 * k) * d] - expected; /* both short of as much */
        expected += offset * here;
        if (expected > 0) value += off * off / expected;
    }
    *chi2 = value;
    *pv = cull__chi2_tail(value, groups - 1);
}

/* ---- and of a table of levels by classes ---- */

typedef struct {
    const cull_feature_problem *p;
    double *chi2, *df; /* (d) */
} tables;

/* The rows in order of their codes, those without a value left out; from (levels + 1). */
static void by_level(const uint16_t *code, const float *v, int64_t n, int32_t levels, int64_t *from,
                     uint32_t *row)
{
    memset(from, 0, (size_t)(levels + 1) * sizeof *from);
    for (int64_t i = 0; i < n; i++)
        if (v[i] == v[i]) from[code[i] + 1]++;
    for (int32_t k = 0; k < levels; k++) from[k + 1] += from[k];
    for (int64_t i = 0; i < n; i++)
        if (v[i] == v[i]) row[from[code[i]]++] = (uint32_t)i;
    for (int32_t k = levels; k > 0; k--) from[k] = from[k - 1];
    from[0] = 0;
}

static cull_status table(cull_ctx *cx, void *arg, int64_t c, float *v)
{
    const tables *a = arg;
    const cull_feature_problem *p = a->p;
    double *x, *work, *share, m = 0, groups = 0, used = 0, value = 0;
    uint16_t *code;
    uint32_t *row, *count;
    int64_t *from;
    CULL_TRY(CULL_TMP(cx, x, p->n));
    CULL_TRY(CULL_TMP(cx, work, 2 * p->n));
    CULL_TRY(CULL_TMP(cx, code, p->n));
    CULL_TRY(CULL_TMP(cx, row, p->n));
    CULL_TRY(CULL_TMP0(cx, share, p->classes));
    CULL_TRY(CULL_TMP0(cx, count, p->classes));
    for (int64_t i = 0; i < p->n; i++) x[i] = v[i];
    int32_t levels = cull__bin(x, p->n, 0, false, work, code);
    if (levels < 0) return cull__too_many_levels(cx, p, c);
    CULL_TRY(CULL_TMP(cx, from, levels + 1));
    by_level(code, v, p->n, levels, from, row);
    for (int64_t i = 0; i < p->n; i++)
        if (v[i] == v[i]) share[(int64_t)p->y[i]]++, m++;
    for (int32_t k = 0; k < p->classes; k++) groups += share[k] > 0;
    for (int32_t l = 0; l < levels; l++) {
        double in = (double)(from[l + 1] - from[l]), rest = in;
        used += in > 0;
        for (int64_t j = from[l]; j < from[l + 1]; j++) count[(int64_t)p->y[row[j]]]++;
        for (int64_t j = from[l]; j < from[l + 1];
             j++) { /* each class once, in order of its rows */
            int64_t k = (int64_t)p->y[row[j]];
            if (!count[k]) continue;
            double expected = in * share[k] / m, off = count[k] - expected;
            value += off * off / expected;
            rest -= expected;
            count[k] = 0;
        }
        value += fmax(rest, 0); /* classes that the level lacks */
    }
    if (used < 2 || groups < 2) return CULL_OK;
    a->chi2[c] = value;
    a->df[c] = (used - 1) * (groups - 1);
    return CULL_OK;
}

static cull_status chi2_of_levels(cull_ctx *cx, const cull_feature_problem *p, double *chi2,
                                  double *pv)
{
    tables a = {.p = p, .chi2 = chi2, .df = pv};
    uint8_t *want;
    CULL_TRY(CULL_TMP(cx, want, p->d));
    for (int64_t c = 0; c < p->d; c++) {
        want[c] = p->levels[c] > 0;
        if (want[c]) chi2[c] = pv[c] = NAN;
    }
    CULL_TRY(cull__each_column(cx, p, want, table, &a));
    for (int64_t c = 0; c < p->d; c++)
        if (want[c]) pv[c] = cull__chi2_tail(chi2[c], pv[c]);
    return CULL_OK;
}

static int64_t categorical(const cull_feature_problem *p)
{
    int64_t count = 0;
    for (int64_t c = 0; p->levels && c < p->d; c++) count += p->levels[c] > 0 && !avoided(p, c);
    return count;
}

cull_status cull__column_chi2(cull_ctx *cx, const cull_feature_problem *p, double *chi2, double *pv)
{
    sweep s = {.p = p,
               .parts = 2 + 2 * (int64_t)p->classes,
               .begin = chi2_begin,
               .row = chi2_row,
               .merge = chi2_merge,
               .refuse = "chi2 takes counts, 0 or more"};
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(sweep_rows(cx, &s));
    for (int64_t c = 0; c < p->d; c++) {
        chi2_of_counts(&s, c, chi2 + c, pv + c);
        if (avoided(p, c)) chi2[c] = pv[c] = NAN;
    }
    cull__release(cx, mark);
    if (categorical(p)) CULL_TRY(chi2_of_levels(cx, p, chi2, pv));
    cull__release(cx, mark);
    return CULL_OK;
}

uint64_t cull__column_sweep_bytes(const cull_feature_problem *p, int which, int threads)
{
    sweep s = {.p = p,
               .parts = which == CULL__VARIANCE ? 5
                        : which == CULL__CHI2   ? 2 + 2 * (int64_t)p->classes
                        : p->classes            ? 3 * (int64_t)p->classes
                                                : 6};
    grid(&s);
    int64_t chunks = chunks_of(&s), workers = threads < chunks ? threads : chunks;
    uint64_t bytes = 8 * (uint64_t)(chunks * s.parts * p->d);
    if (cull_pool_dtype(p->x) != CULL_F32)
        bytes += 4 * (uint64_t)(s.rows * p->d) * (uint64_t)workers;
    int64_t others = which == CULL__CHI2 ? categorical(p) : 0;
    if (!others) return bytes;
    uint64_t tables_bytes = cull__each_column_bytes(p, others, threads, NULL) + (uint64_t)p->d +
                            (uint64_t)threads * (30 + 8) * (uint64_t)p->n;
    return bytes > tables_bytes ? bytes : tables_bytes;
}
