/* relevance.c - where an edit happens, and what changed elsewhere (relevance.h). */
#include "score/relevance.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

/* To 0..1; all zeros where there is one value only. */
static void stretch(double *v, int64_t n)
{
    double lo = v[0], hi = v[0];
    for (int64_t i = 1; i < n; i++) {
        lo = v[i] < lo ? v[i] : lo;
        hi = v[i] > hi ? v[i] : hi;
    }
    for (int64_t i = 0; i < n; i++) v[i] = hi > lo ? (v[i] - lo) / (hi - lo) : 0;
}

static cull_status difference(cull_ctx *cx, const float *a, const float *b, int64_t pixels,
                              int64_t channels, double *v)
{
    double q1, q3;
    for (int64_t i = 0; i < pixels; i++) {
        v[i] = 0;
        for (int64_t c = 0; c < channels; c++)
            v[i] += fabs((double)a[i * channels + c] - (double)b[i * channels + c]);
        if (!isfinite(v[i]))
            return cull__fail(cx, CULL_EINPUT, "predictions at pixel %lld differ by %g",
                              (long long)i, v[i]);
    }
    CULL_TRY(cull__quantile(cx, v, pixels, .25, &q1));
    CULL_TRY(cull__quantile(cx, v, pixels, .75, &q3));
    double most = q3 + 1.5 * (q3 - q1);
    for (int64_t i = 0; i < pixels; i++) v[i] = v[i] > most ? most : v[i];
    stretch(v, pixels);
    return CULL_OK;
}

cull_status cull__relevance_add(cull_ctx *cx, const float *a, const float *b, int64_t candidates,
                                int64_t pixels, int64_t channels, int64_t step, double *map)
{
    cull__mark_t mark = cull__mark(cx);
    double *one, *mean;
    if (candidates < 1 || pixels < 1 || channels < 1 || step < 0)
        return cull__fail(
            cx, CULL_EINPUT,
            "%lld candidates of %lld pixels and %lld channels; each must be 1 or more",
            (long long)candidates, (long long)pixels, (long long)channels);
    CULL_TRY(CULL_TMP(cx, one, pixels));
    CULL_TRY(CULL_TMP0(cx, mean, pixels));
    for (int64_t k = 0; k < candidates; k++) {
        int64_t at = k * pixels * channels;
        CULL_TRY(difference(cx, a + at, b + at, pixels, channels, one));
        for (int64_t i = 0; i < pixels; i++) mean[i] += one[i] / (double)candidates;
    }
    for (int64_t i = 0; i < pixels; i++) mean[i] *= mean[i];
    stretch(mean, pixels);
    for (int64_t i = 0; i < pixels; i++)
        map[i] = step == 0 ? mean[i] : map[i] + (mean[i] - map[i]) / (double)(step + 1);
    cull__release(cx, mark);
    return CULL_OK;
}

double cull__background_change(const float *image, const float *source, const double *map,
                               int64_t pixels, int64_t channels)
{
    double sum = 0, total = 0;
    for (int64_t i = 0; i < pixels; i++) {
        double off = 0;
        for (int64_t c = i * channels; c < (i + 1) * channels; c++)
            off += fabs((double)image[c] - (double)source[c]);
        sum += (1 - map[i]) * off / (double)channels;
        total += 1 - map[i];
    }
    return total > 0 ? sum / total : 0;
}
