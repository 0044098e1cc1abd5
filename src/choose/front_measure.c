/* front_measure.c - how far a front is from another one, R2, and weights in all directions (cull/front.h). */
#include <math.h>
#include <string.h>

#include "choose/front.h"
#include "cull/front.h"

static cull_status finite_rows(cull_ctx *cx, const char *what, const double *z, int64_t k, int m)
{
    for (int64_t i = 0; i < k * m; i++)
        if (!isfinite(z[i]))
            return cull__fail(cx, CULL_EINPUT, "%s %lld, objective %lld is %g; it must be finite",
                              what, (long long)(i / m), (long long)(i % m), z[i]);
    return CULL_OK;
}

typedef struct {
    double plain, plus, worst; /* the least over rows of v */
} nearest;

static nearest nearest_to(const double *v, int64_t n, int m, const double *z)
{
    nearest at = {INFINITY, INFINITY, INFINITY};
    for (int64_t i = 0; i < n; i++) {
        const double *a = v + i * m;
        double plain = 0, plus = 0, worst = -INFINITY;
        for (int d = 0; d < m; d++) {
            double off = a[d] - z[d];
            plain += off * off;
            if (off > 0) plus += off * off;
            if (off > worst) worst = off;
        }
        if (!(plain >= 0)) continue; /* a NaN */
        if (plain < at.plain) at.plain = plain;
        if (plus < at.plus) at.plus = plus;
        if (worst < at.worst) at.worst = worst;
    }
    return at;
}

cull_status cull_front_distance(cull_ctx *cx, const double *v, int64_t n, int m, const double *z,
                                int64_t k, double *igd, double *igd_plus, double *epsilon)
{
    double plain = 0, plus = 0, worst = -INFINITY;
    CULL_TRY(cull__front_fits(cx, n, m));
    CULL_TRY(cull__front_fits(cx, k, m));
    if (k == 0) return cull__fail(cx, CULL_EINPUT, "the reference front has no rows");
    CULL_TRY(finite_rows(cx, "reference row", z, k, m));
    for (int64_t j = 0; j < k; j++) {
        nearest at = nearest_to(v, n, m, z + j * m);
        plain += sqrt(at.plain);
        plus += sqrt(at.plus);
        if (at.worst > worst) worst = at.worst;
        if (j % 64 == 0) CULL_TRY(cull__tick(cx, (double)j, (double)k));
    }
    if (igd) *igd = plain / (double)k;
    if (igd_plus) *igd_plus = plus / (double)k;
    if (epsilon) *epsilon = worst;
    return CULL_OK;
}

cull_status cull_front_r2(cull_ctx *cx, const double *v, int64_t n, int m, const double *w,
                          int64_t k, const double *ideal, double *r2)
{
    double total = 0;
    CULL_TRY(cull__front_fits(cx, n, m));
    CULL_TRY(cull__front_fits(cx, k, m));
    if (k == 0) return cull__fail(cx, CULL_EINPUT, "R2 over no weights");
    CULL_TRY(finite_rows(cx, "weight", w, k, m));
    CULL_TRY(finite_rows(cx, "ideal point", ideal, 1, m));
    for (int64_t i = 0; i < k * m; i++)
        if (w[i] < 0)
            return cull__fail(cx, CULL_EINPUT, "weight %lld, objective %lld is %g; at least 0",
                              (long long)(i / m), (long long)(i % m), w[i]);
    for (int64_t j = 0; j < k; j++) {
        double best = INFINITY;
        for (int64_t i = 0; i < n; i++) {
            double most = 0;
            if (cull__row_has_nan(v + i * m, m)) continue;
            for (int d = 0; d < m; d++) {
                double off = fabs(v[i * m + d] - ideal[d]);
                if (w[j * m + d] > 0) most = fmax(most, w[j * m + d] * off);
            }
            best = fmin(best, most);
        }
        total += best;
        if (j % 64 == 0) CULL_TRY(cull__tick(cx, (double)j, (double)k));
    }
    *r2 = total / (double)k;
    return CULL_OK;
}

/* C(parts + m - 1, m - 1); -1 where it is beyond 2^63. */
static int64_t count_weights(int m, int parts)
{
    uint64_t c = 1, most = INT64_MAX;
    for (uint64_t i = 1; i < (uint64_t)m; i++) {
        uint64_t by = (uint64_t)parts + i; /* c by / i is whole: a binomial of each step */
        uint64_t whole = c / i, rest = c % i;
        if (whole > most / by) return -1;
        c = whole * by + rest * by / i;
        if (c > most) return -1;
    }
    return (int64_t)c;
}

int64_t cull_front_weights(int m, int parts, double *w)
{
    if (m < 1 || m > CULL__FRONT_WIDE || parts < 1) return -1;
    int64_t count = count_weights(m, parts);
    if (!w || count < 0) return count;
    int at[CULL__FRONT_WIDE] = {0};
    at[m - 1] = parts;
    for (int64_t k = 0; k < count; k++) {
        for (int d = 0; d < m; d++) w[k * m + d] = (double)at[d] / parts;
        if (m == 1) break;
        /* the next in order: what the last one has goes back, but for one, which the last before it that can gets */
        int d = m - 2, rest = at[m - 1];
        at[m - 1] = 0;
        for (; d >= 0 && rest == 0; d--) {
            rest = at[d];
            at[d] = 0;
        }
        if (d < 0) break;
        at[d]++;
        at[m - 1] = rest - 1;
    }
    return count;
}
