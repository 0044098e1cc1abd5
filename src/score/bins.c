/* bins.c - columns as codes: equal-frequency or equal-width bins, levels, missing values as a level. */
#include "score/columns.h"

#include <math.h>
#include <string.h>

int64_t cull__bins_of(const cull__bins *b, int64_t n)
{
    if (b->bins) return b->bins;
    double root = floor(cbrt((double)n) + 0.5);
    return root < 2 ? 2 : root > 64 ? 64 : (int64_t)root;
}

cull_status cull__too_many_levels(cull_ctx *cx, const cull_feature_problem *p, int64_t c)
{
    char name[32];
    return cull__fail(cx, CULL_EINPUT,
                      "column %s has more than %d different values; join rare ones or avoid it",
                      cull__column_name(p, c, name), CULL__LEVELS_MOST);
}

/* edge[0 .. returned): the least value of each bin, of the sorted v (m); -1: too many. */
static int64_t frequency_edges(const double *v, int64_t m, int64_t bins, double *edge)
{
    int64_t values = 0, most = bins ? bins : CULL__LEVELS_MOST;
    for (int64_t i = 0; i < m && values <= most; i++)
        if (i == 0 || v[i] != v[i - 1]) {
            if (values < most) edge[values] = v[i];
            values++;
        }
    if (values <= most) return values;
    if (!bins) return -1;
    int64_t n = 0, last = -1;
    for (int64_t i = 0; i < m; i++) {
        if (i > 0 && v[i] == v[i - 1]) continue;
        int64_t bin = i * bins / m;
        if (bin != last) edge[n++] = v[i];
        last = bin;
    }
    return n;
}

/* How many edges are at or below v, less 1; edge[0] is below all. */
static int64_t bin_of(const double *edge, int64_t n, double v)
{
    const double *at = edge;
    while (n > 1) {
        int64_t half = n / 2;
        at = at[half] <= v ? at + half : at;
        n -= half;
    }
    return at - edge;
}

static int32_t by_width(const double *v, int64_t n, int64_t bins, uint16_t *code)
{
    uint16_t to[CULL__BINS_MOST] = {0};
    double least = INFINITY, most = -INFINITY;
    int32_t used = 0;
    for (int64_t i = 0; i < n; i++) {
        if (v[i] < least) least = v[i];
        if (v[i] > most) most = v[i];
    }
    for (int64_t i = 0; i < n; i++) {
        if (isnan(v[i])) continue;
        double at = most > least ? (double)bins * ((v[i] - least) / (most - least)) : 0;
        code[i] = (uint16_t)(at < (double)bins ? at : (double)(bins - 1));
        to[code[i]] = 1;
    }
    for (int64_t k = 0; k < bins; k++)
        if (to[k]) to[k] = (uint16_t)used++;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(v[i])) code[i] = to[code[i]];
    return used;
}

int32_t cull__bin(const double *v, int64_t n, int64_t bins, bool width, double *work,
                  uint16_t *code)
{
    int64_t m = 0, used = 0;
    if (width && bins) {
        used = by_width(v, n, bins, code);
        for (int64_t i = 0; i < n; i++) m += !isnan(v[i]);
    } else {
        double *edge = work + n;
        for (int64_t i = 0; i < n; i++)
            if (!isnan(v[i])) work[m++] = v[i] + 0.0;
        cull__sort_f64(work, edge, m);
        used = frequency_edges(work, m, bins, edge);
        if (used < 0) return -1;
        for (int64_t i = 0; i < n; i++)
            if (!isnan(v[i])) code[i] = (uint16_t)bin_of(edge, used, v[i]);
    }
    if (m == n) return (int32_t)used;
    if (used == CULL__LEVELS_MOST) return -1;
    for (int64_t i = 0; i < n; i++)
        if (isnan(v[i])) code[i] = (uint16_t)used;
    return (int32_t)used + 1;
}
