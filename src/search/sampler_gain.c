/* sampler_gain.c - expected improvement, of a value and of a volume. */
#include "search/sampler_gain.h"

#include "choose/choose.h"

#include <math.h>

static const double AUGMENT = 0.05;

double cull__gain_below(double best, double m, double s)
{
    if (!(s > 0)) return fmax(best - m, 0);
    double u = (best - m) / s;
    double density = exp(-0.5 * u * u) * 0.3989422804014327;
    double below = 0.5 * erfc(-u * 0.7071067811865476);
    return s * (density + u * below);
}

/* The volume that y adds is the integral over what is not covered of whether y is below there: its
 * mean is a sum over strips of the products of integrals of distribution functions, and those are
 * expected improvements. */
double cull__gain_volume(const double *front, int64_t n, const double *ref, const double *m,
                         const double *s)
{
    double sum = 0, before = 0;
    for (int64_t i = 0; i <= n; i++) {
        double right = i < n ? front[2 * i] : ref[0], height = i ? front[2 * i - 1] : ref[1];
        double reach = cull__gain_below(right, m[0], s[0]);
        sum += (reach - before) * cull__gain_below(height, m[1], s[1]);
        before = reach;
    }
    return sum;
}

cull_status cull__gain_front(cull_ctx *cx, const double *v, int64_t n, const double *ref,
                             double *out, int64_t *count)
{
    double *score;
    int64_t *by, *then;
    CULL_TRY(CULL_TMP(cx, score, n));
    CULL_TRY(CULL_TMP(cx, by, n));
    CULL_TRY(CULL_TMP(cx, then, n));
    for (int64_t i = 0; i < n; i++) score[i] = -v[2 * i + 1];
    CULL_TRY(cull__order(cx, score, n, by));
    for (int64_t i = 0; i < n; i++) score[i] = -v[2 * by[i]];
    CULL_TRY(cull__order(cx, score, n, then));
    double lowest = ref[1];
    *count = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *row = v + 2 * by[then[i]];
        if (row[0] >= ref[0] || row[1] >= lowest) continue;
        out[2 * *count] = row[0];
        out[2 * *count + 1] = lowest = row[1];
        ++*count;
    }
    return CULL_OK;
}

void cull__gain_scalar(const double *y, int64_t n, int m, const double *w, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        double most = -INFINITY, sum = 0;
        for (int j = 0; j < m; j++) {
            most = fmax(most, w[j] * y[i * m + j]);
            sum += w[j] * y[i * m + j];
        }
        out[i] = most + AUGMENT * sum;
    }
}
