/* sampler_gain.c - expected improvement, of a value and of a volume. */
#include "search/sampler_gain.h"

#include "choose/choose.h"

#include <math.h>
#include <string.h>

static const double AUGMENT = 0.05, OPTIMISM = 2;

static double normal_below(double u) { return 0.5 * erfc(-u * 0.7071067811865476); }

double cull__gain_below(double best, double m, double s)
{
    if (!(s > 0)) return fmax(best - m, 0);
    double u = (best - m) / s;
    double density = exp(-0.5 * u * u) * 0.3989422804014327;
    return s * (density + u * normal_below(u));
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

/* ---- several gains ---- */
void cull__gain_three(double best, double m, double s, double works, double *three)
{
    double up = best - m + OPTIMISM * s;
    three[0] = works * cull__gain_below(best, m, s);
    three[1] = works * (s > 0 ? normal_below((best - m) / s) : m < best);
    three[2] = works * (up > 0 ? 1 + up : 1 / (1 - up));
}

cull_status cull__gain_several_open(cull_ctx *cx, int64_t width, cull__gain_several *g)
{
    *g = (cull__gain_several){.width = width};
    return cull_front_new(cx, 3, NULL, &g->front);
}

cull_status cull__gain_several_add(cull_ctx *cx, cull__gain_several *g, const double *x,
                                   const double *three)
{
    const double least[3] = {-three[0], -three[1], -three[2]};
    bool joined;
    CULL_TRY(cull_front_add(cx, g->front, least, g->n, &joined));
    if (!joined) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, g->x, &g->cap, (g->n + 1) * g->width));
    memcpy(g->x + g->n++ * g->width, x, (size_t)g->width * sizeof *x);
    return CULL_OK;
}

bool cull__gain_several_draw(const cull__gain_several *g, cull_rng *r, double *x)
{
    int64_t id, n = cull_front_size(g->front);
    if (n == 0) return false;
    (void)cull_front_at(g->front, cull__rng_below(r, n), &id);
    memcpy(x, g->x + id * g->width, (size_t)g->width * sizeof *x);
    return true;
}

void cull__gain_several_close(cull__gain_several *g)
{
    cull_front_free(g->front);
    cull__free(g->x);
}
