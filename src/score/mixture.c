/* mixture.c - mixtures of subsets of experts (mixture.h). */
#include "score/mixture.h"

#include <math.h>

uint64_t cull__mixture_called(const double *z, int experts, uint64_t set, int top)
{
    uint64_t called = 0;
    if (top <= 0 || top >= __builtin_popcountll(set)) return set;
    for (int t = 0; t < top; t++) {
        int best = -1;
        for (int k = 0; k < experts; k++)
            if ((set & ~called) >> k & 1 && (best < 0 || z[k] > z[best])) best = k;
        called |= UINT64_C(1) << best;
    }
    return called;
}

void cull__mixture_weights(const double *z, int experts, uint64_t called, double *g)
{
    double most = -INFINITY, sum = 0;
    for (int k = 0; k < experts; k++)
        if (called >> k & 1 && z[k] > most) most = z[k];
    for (int k = 0; k < experts; k++) sum += g[k] = called >> k & 1 ? exp(z[k] - most) : 0;
    for (int k = 0; k < experts; k++) g[k] /= sum;
}

double cull__mixture_loss(const cull__mixture *m, uint64_t set)
{
    double sum = 0, g[CULL_MODELS];
    for (int64_t i = 0; i < m->n; i++) {
        const double *z = m->z + i * m->experts, *p = m->p + i * m->experts;
        double mixed = 0;
        cull__mixture_weights(z, m->experts, cull__mixture_called(z, m->experts, set, m->top), g);
        for (int k = 0; k < m->experts; k++) mixed += g[k] * p[k];
        sum -= log(mixed);
    }
    return sum / (double)m->n;
}

double cull__mixture_bound(const cull__mixture *m, uint64_t set)
{
    double sum = 0;
    for (int64_t i = 0; i < m->n; i++) {
        const double *p = m->p + i * m->experts;
        double most = 0;
        for (int k = 0; k < m->experts; k++)
            if (set >> k & 1 && p[k] > most) most = p[k];
        sum -= log(most);
    }
    return sum / (double)m->n;
}
