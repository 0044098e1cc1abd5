/* encode.c - points as features: numbers for those who learn from points. */
#include "space/inner.h"

#include <math.h>

enum { SHORT = 32 }; /* values at most that LEVELS flags one by one */

static bool numbers(const cull_space_param *p)
{
    return p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT || p->kind == CULL_SPACE_ORDINAL;
}

/* A feature for each of its values. */
static bool one_hot(const cull_space_param *p, cull_encode e)
{
    if (p->kind == CULL_SPACE_CATEGORY) return e != CULL_ENCODE_FLAT;
    return e == CULL_ENCODE_LEVELS && numbers(p) && p->kind != CULL_SPACE_REAL && p->n <= SHORT;
}

/* A feature for each item at each place. */
static bool placed(const cull_space_param *p, cull_encode e)
{
    return e == CULL_ENCODE_LEVELS && p->kind == CULL_SPACE_PERMUTATION && p->n <= SHORT;
}

static int64_t values_of(const cull_space_param *p, cull_encode e)
{
    return one_hot(p, e) ? p->n : placed(p, e) ? p->n * p->n : p->width;
}

/* Where features alone do not say whether it is active. */
static bool flagged(const cull_space *s, int i, cull_encode e)
{
    return e != CULL_ENCODE_FLAT && !s->more[i].always && !one_hot(s->param + i, e) &&
           !placed(s->param + i, e);
}

void cull__space_lay_features(cull_space *s)
{
    for (int e = 0; e < 3; e++)
        for (int i = 0; i < s->params; i++) {
            s->more[i].feature[e] = s->features[e];
            s->features[e] +=
                values_of(s->param + i, (cull_encode)e) + flagged(s, i, (cull_encode)e);
        }
}

int64_t cull_space_features(const cull_space *s, cull_encode e) { return s->features[e]; }

/* One number of a parameter that has a place for each. */
static double scaled(const cull_space_param *p, cull_encode e, double v)
{
    if (e == CULL_ENCODE_FLAT || p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT)
        return cull__space_to_unit(p, v);
    if (p->kind == CULL_SPACE_SUBSET || p->kind == CULL_SPACE_SIMPLEX) return v;
    return p->n > 1 ? v / (double)(p->n - 1) : 0.5;
}

void cull_space_encode(const cull_space *s, cull_encode e, const double *x, double *out)
{
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        const double *v = x + p->at;
        bool active = !isnan(v[0]);
        int64_t n = values_of(p, e);
        if (one_hot(p, e) || placed(p, e)) {
            for (int64_t j = 0; j < n; j++) out[j] = 0;
            if (active && one_hot(p, e))
                out[p->kind == CULL_SPACE_INT ? (int64_t)((v[0] - p->lo) / p->step)
                                              : (int64_t)v[0]] = 1;
            else if (active)
                for (int64_t j = 0; j < p->n; j++) out[j * p->n + (int64_t)v[j]] = 1;
        } else if (active && p->kind == CULL_SPACE_PERMUTATION && e != CULL_ENCODE_FLAT) {
            for (int64_t j = 0; j < n; j++) out[(int64_t)v[j]] = scaled(p, e, (double)j);
        } else {
            for (int64_t j = 0; j < n; j++)
                out[j] = active ? scaled(p, e, v[j]) : e == CULL_ENCODE_FLAT ? -1 : 0.5;
        }
        out += n;
        if (flagged(s, i, e)) *out++ = active;
    }
}

int cull_space_feature(const cull_space *s, cull_encode e, int64_t j, int64_t *value)
{
    int lo = 0, hi = s->params - 1;
    if (value) *value = -1;
    if (j < 0 || j >= s->features[e]) return -1;
    while (lo < hi) {
        int mid = (lo + hi + 1) / 2;
        if (s->more[mid].feature[e] <= j)
            lo = mid;
        else
            hi = mid - 1;
    }
    const cull_space_param *p = s->param + lo;
    int64_t k = j - s->more[lo].feature[e];
    if (!value || k >= values_of(p, e)) return lo;
    if (one_hot(p, e) || (p->width > 1 && e != CULL_ENCODE_FLAT)) *value = k;
    if (placed(p, e) || p->width == 1) *value = placed(p, e) ? k % p->n : *value;
    return lo;
}
