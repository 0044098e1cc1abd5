/* move_flat.c - simulated binary crossover of points that are all reals, without conditions: gene by gene the same as
 * move.c, but many genes abreast and no branch on a coin. */
#include "space/inner.h"

#include <math.h>

enum { ABREAST = 64 };

typedef struct {
    const cull_space *s;
    const cull__sbx *o;
    cull_rng *r;
    const double *x, *z;
} mating;

/* v^k and v^(1/k) of each; where k is 2, 4, 8, ... by squares and square roots. */
static int doublings(double k)
{
    int n = 0;
    double at = 1;
    for (; at < k && n < 10; n++) at *= 2;
    return at == k ? n : -1;
}

static void powers(double *v, int n, double k)
{
    int squares = doublings(k);
    for (int j = 0; j < n && squares < 0; j++) v[j] = cull__power(v[j], k);
    for (; squares > 0; squares--)
        for (int j = 0; j < n; j++) v[j] *= v[j];
}

static void roots(double *v, int n, double k)
{
    int squares = doublings(k);
    for (int j = 0; j < n && squares < 0; j++) v[j] = pow(v[j], 1 / k);
    for (; squares > 0; squares--)
        for (int j = 0; j < n; j++) v[j] = sqrt(v[j]);
}

/* How far from the middle of the parents, in halves of what is between them: t (n) uniform, room: from the nearer
 * parent to the edge, in the same measure. */
static void spread(double *t, const double *room, int n, double eta)
{
    double share[ABREAST];
    for (int j = 0; j < n; j++) share[j] = 1 + room[j];
    powers(share, n, eta + 1);
    for (int j = 0; j < n; j++) {
        double u = t[j] * (2 - 1 / share[j]), above = 1 / (2 - u);
        t[j] = u <= 1 ? u : above;
    }
    roots(t, n, eta + 1);
}

/* A logarithmic one moves between 0 and 1, others as they are: the measure is the same for all. */
static double scaled(const cull_space_param *p, double v)
{
    return p->log ? cull__space_to_unit(p, v) : v;
}

static double within(const cull_space_param *p, double v)
{
    if (p->log) return cull__space_from_unit(p, v);
    v = v > p->lo ? v : p->lo;
    return v < p->hi ? v : p->hi;
}

/* Genes gene[0 .. n) cross; towards the lower edge where `low` has their bit. */
static void cross(const mating *m, int first, const uint8_t *gene, int n, uint64_t low, double *y)
{
    double middle[ABREAST], half[ABREAST], room[ABREAST], t[ABREAST];
    uint32_t word[ABREAST];
    cull__rng_fill(m->r, word, n);
    for (int j = 0; j < n; j++) {
        const cull_space_param *p = m->s->param + first + gene[j];
        double a = scaled(p, m->x[first + gene[j]]), b = scaled(p, m->z[first + gene[j]]);
        double lo = a < b ? a : b, hi = a < b ? b : a;
        double below = lo - (p->log ? 0 : p->lo), above = (p->log ? 1 : p->hi) - hi;
        middle[j] = 0.5 * lo + 0.5 * hi;
        half[j] = 0.5 * hi - 0.5 * lo;
        room[j] = low >> gene[j] & 1 ? below : above;
        t[j] = ((double)word[j] + 0.5) * 0x1p-32;
    }
    for (int j = 0; j < n; j++) room[j] /= half[j];
    spread(t, room, n, m->o->eta_cross);
    for (int j = 0; j < n; j++) {
        int i = first + gene[j];
        double off = t[j] * half[j], to = low >> gene[j] & 1 ? middle[j] - off : middle[j] + off;
        if (half[j] > 1e-14 * fabs(middle[j])) y[i] = within(m->s->param + i, to);
    }
}

/* Three coins a gene: whose it is, whether it crosses, and which way. */
static void mate(const mating *m, int first, int n, double *y)
{
    uint32_t word[6];
    uint64_t coin[3];
    uint8_t gene[ABREAST];
    int count = 0;
    cull__rng_fill(m->r, word, 6);
    for (int k = 0; k < 3; k++) coin[k] = word[2 * k] | (uint64_t)word[2 * k + 1] << 32;
    for (int k = 0; k < n; k++) {
        double a = m->x[first + k], b = m->z[first + k];
        y[first + k] = coin[0] >> k & 1 ? b : a;
        gene[count] = (uint8_t)k;
        count += (coin[1] >> k & 1) & (a != b);
    }
    if (count) cross(m, first, gene, count, coin[2], y);
}

static void mutate(const mating *m, double *y)
{
    double n = m->s->params, keep = log1p(-(m->o->rate > 0 ? m->o->rate : 1 / n));
    for (double at = cull__passed(m->r, keep); at < n; at += 1 + cull__passed(m->r, keep)) {
        int i = (int)at;
        const cull_space_param *p = m->s->param + i;
        y[i] = cull__space_from_unit(
            p, cull__polynomial(m->r, m->o->eta_mutate, cull__space_to_unit(p, y[i])));
    }
}

void cull__flat_sbx(const cull_space *s, const cull__sbx *o, cull_rng *r, const double *x,
                    const double *z, double *y)
{
    mating m = {s, o, r, x, z};
    for (int i = 0; i < s->params && x != z; i += ABREAST)
        mate(&m, i, s->params - i < ABREAST ? s->params - i : ABREAST, y);
    for (int i = 0; i < s->params && x == z; i++) y[i] = x[i];
    mutate(&m, y);
}
