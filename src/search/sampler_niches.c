/* sampler_niches.c - survival by niches about reference points (Deb and Jain 2014). */
#include "cull/front.h"
#include "search/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const cull__contest *r;
    const double *ref;
    int64_t k;
    int32_t *rank;
    int64_t *pool; /* rows of the ranks that may stay, n of them; `sure` of them do */
    int64_t n, sure;
    double ideal[CULL_OBJECTIVES], reach[CULL_OBJECTIVES]; /* the axes from 0 to 1 */
    int64_t *niche;                                        /* of each of the pool */
    double *off;                                           /* and how far it is from its line */
} niches;

static double value_of(const niches *q, int64_t i, int j)
{
    return q->r->value[q->pool[i] * q->r->m + j];
}

/* Solves a (m, m) b = 1 by elimination; false where a is singular. */
static bool plane(double *a, int m, double *b)
{
    for (int j = 0; j < m; j++) b[j] = 1;
    for (int c = 0; c < m; c++) {
        int p = c;
        for (int i = c + 1; i < m; i++)
            if (fabs(a[i * m + c]) > fabs(a[p * m + c])) p = i;
        if (fabs(a[p * m + c]) < 1e-12) return false;
        for (int j = 0; j < m && p != c; j++) {
            double t = a[c * m + j];
            a[c * m + j] = a[p * m + j], a[p * m + j] = t;
        }
        double t = b[c];
        b[c] = b[p], b[p] = t;
        for (int i = 0; i < m; i++) {
            double f = i == c ? 0 : a[i * m + c] / a[c * m + c];
            for (int j = c; j < m && f != 0; j++) a[i * m + j] -= f * a[c * m + j];
            b[i] -= f * b[c];
        }
    }
    for (int c = 0; c < m; c++) b[c] /= a[c * m + c];
    return true;
}

/* The row nearest to each axis by the achievement function, weights 1 and 1e-6; then where the
 * plane through them cuts the axes. Where there is no such plane, the worst of the first rank. */
static void normalise(niches *q)
{
    int m = q->r->m;
    double a[CULL_OBJECTIVES * CULL_OBJECTIVES], b[CULL_OBJECTIVES];
    for (int j = 0; j < m; j++) {
        q->ideal[j] = INFINITY;
        for (int64_t i = 0; i < q->n; i++) q->ideal[j] = fmin(q->ideal[j], value_of(q, i, j));
    }
    for (int c = 0; c < m; c++) {
        double best = INFINITY;
        for (int64_t i = 0; i < q->n; i++) {
            double worst = 0;
            for (int j = 0; j < m; j++)
                worst = fmax(worst, (value_of(q, i, j) - q->ideal[j]) / (j == c ? 1 : 1e-6));
            if (worst >= best) continue;
            best = worst;
            for (int j = 0; j < m; j++) a[c * m + j] = value_of(q, i, j) - q->ideal[j];
        }
    }
    bool good = plane(a, m, b);
    for (int j = 0; j < m && good; j++) good = b[j] > 0 && b[j] < 1e6;
    for (int j = 0; j < m; j++) {
        double worst = q->ideal[j];
        for (int64_t i = 0; i < q->n; i++)
            if (q->rank[q->pool[i]] == 0) worst = fmax(worst, value_of(q, i, j));
        q->reach[j] = good ? 1 / b[j] : worst - q->ideal[j];
        if (!(q->reach[j] > 0)) q->reach[j] = 1;
    }
}

/* Each row to the reference line that it is nearest to. */
static void associate(niches *q)
{
    int m = q->r->m;
    for (int64_t i = 0; i < q->n; i++) {
        double y[CULL_OBJECTIVES], best = INFINITY, length = 0;
        for (int j = 0; j < m; j++) {
            y[j] = (value_of(q, i, j) - q->ideal[j]) / q->reach[j];
            length += y[j] * y[j];
        }
        for (int64_t k = 0; k < q->k; k++) {
            const double *w = q->ref + k * m;
            double dot = 0, square = 0;
            for (int j = 0; j < m; j++) dot += y[j] * w[j], square += w[j] * w[j];
            double off = length - dot * dot / square;
            if (off < best) best = off, q->niche[i] = k;
        }
        q->off[i] = best;
    }
}

/* Of those not sure of pool, in `niche`: the nearest, or any. -1 = none. */
static int64_t candidate(const niches *q, int64_t niche, bool nearest, cull_rng *rng)
{
    int64_t found = -1, seen = 0;
    for (int64_t i = q->sure; i < q->n; i++) {
        if (q->niche[i] != niche) continue;
        if (nearest ? found < 0 || q->off[i] < q->off[found] : cull__rng_below(rng, ++seen) == 0)
            found = i;
    }
    return found;
}

static void to_sure(niches *q, int64_t i)
{
    int64_t s = q->sure++, row = q->pool[s], niche = q->niche[s];
    double off = q->off[s];
    q->pool[s] = q->pool[i], q->niche[s] = q->niche[i], q->off[s] = q->off[i];
    q->pool[i] = row, q->niche[i] = niche, q->off[i] = off;
}

/* Rows of the last rank to the niches that have fewest, until enough stay. */
static void fill_niches(niches *q, int64_t *count, cull_rng *rng)
{
    for (int64_t i = 0; i < q->sure; i++) count[q->niche[i]]++;
    while (q->sure < q->r->keep) {
        int64_t least = INT64_MAX, niche = -1, ties = 0;
        for (int64_t k = 0; k < q->k; k++) {
            if (count[k] < least) least = count[k], ties = 0;
            ties += count[k] == least;
        }
        ties = cull__rng_below(rng, ties);
        while (ties >= 0) ties -= count[++niche] == least;
        int64_t i = candidate(q, niche, least == 0, rng);
        if (i < 0) {
            count[niche] = INT64_MAX; /* nobody is left there */
        } else {
            to_sure(q, i);
            count[niche]++;
        }
    }
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

cull_status cull__survive_niches(cull_ctx *cx, const cull__contest *r, const double *ref, int64_t k,
                                 cull_rng *rng, int64_t *idx)
{
    cull__mark_t mark = cull__mark(cx);
    niches q = {.r = r, .ref = ref, .k = k};
    int64_t *count, *of;
    int32_t ranks, last;
    CULL_TRY(CULL_TMP(cx, q.rank, r->n));
    CULL_TRY(CULL_TMP(cx, q.pool, r->n));
    CULL_TRY(CULL_TMP(cx, q.niche, r->n));
    CULL_TRY(CULL_TMP(cx, q.off, r->n));
    CULL_TRY(CULL_TMP0(cx, count, k));
    CULL_TRY(CULL_TMP0(cx, of, r->n + 1));
    CULL_TRY(cull_front_ranks(cx, r->value, r->n, r->m, r->violation, q.rank, &ranks));
    for (int64_t i = 0; i < r->n; i++) of[q.rank[i]]++;
    for (last = 0; last < ranks && q.sure + of[last] <= r->keep; last++) q.sure += of[last];
    for (int pass = 0; pass < 2; pass++) /* those that stay for sure come first */
        for (int64_t i = 0; i < r->n; i++)
            if (pass ? q.rank[i] == last : q.rank[i] < last) q.pool[q.n++] = i;
    if (q.sure < r->keep) {
        normalise(&q);
        associate(&q);
        fill_niches(&q, count, rng);
    }
    memcpy(idx, q.pool, (size_t)r->keep * sizeof *idx);
    qsort(idx, (size_t)r->keep, sizeof *idx, ascending);
    cull__release(cx, mark);
    return CULL_OK;
}
