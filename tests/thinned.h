/* thinned.h - differences to a base by plain loops: what is kept is told by marks, the rest is TIES' and task arithmetic's sum. */
#ifndef CULL_TEST_THINNED_H
#define CULL_TEST_THINNED_H
#include "merging.h"

typedef struct {
    double weight[MERGING], scale[MERGING]; /* of each source */
    double alpha;
    bool elect, normalize;
} summed;

/* Number i of tensor t; keep[s][i] of source s. */
static inline double thinned_sum(const merging *f, int t, int64_t i, const summed *o,
                                 uint8_t *const *keep)
{
    double d[MERGING], sum = 0, plus = 0, total = 0;
    for (int s = 1; s < f->sources; s++) {
        /* the difference is taken in f32, as the method says */
        float delta = f->in[s].x[t][i] - f->in[0].x[t][i];
        d[s] = keep[s][i] ? o->weight[s] * o->scale[s] * delta : 0;
        plus += d[s];
    }
    for (int s = 1; s < f->sources; s++) {
        bool counts = !o->elect || (d[s] != 0 && (d[s] > 0) == (plus >= 0));
        if (counts) sum += d[s], total += o->weight[s];
    }
    if (o->normalize && total != 0) sum /= total;
    return f->in[0].x[t][i] + o->alpha * sum;
}

/* Ranks of the magnitudes of source s's differences among numbers [from, from + n) of tensor t: of equal ones the first
 * is the larger. O(n^2) would take long on the large tensor: sorted. */
typedef struct {
    float x;
    int64_t i;
} magnitude;
static inline int by_magnitude(const void *a, const void *b)
{
    const magnitude *x = a, *y = b;
    if (x->x != y->x) return x->x > y->x ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

/* keep[i] = 1 where the rank is in [first, first + kept). */
static inline void thinned_keep(const merging *f, int t, int s, int64_t from, int64_t n,
                                int64_t first, int64_t kept, uint8_t *keep)
{
    magnitude *m = malloc((size_t)n * sizeof *m);
    for (int64_t i = 0; i < n; i++)
        m[i] = (magnitude){fabsf(f->in[s].x[t][from + i] - f->in[0].x[t][from + i]), from + i};
    qsort(m, (size_t)n, sizeof *m, by_magnitude);
    for (int64_t r = 0; r < n; r++) keep[m[r].i] = r >= first && r < first + kept;
    free(m);
}

/* Tensor t of the result is the sum of what is kept; of BF16 rounded. */
static inline void thinned_same(const merging *f, const cull_checkpoint *out, int t,
                                const summed *o, uint8_t *const *keep)
{
    int64_t n = f->in[0].t[t].n;
    double *want = malloc((size_t)n * sizeof *want);
    for (int64_t i = 0; i < n; i++) want[i] = thinned_sum(f, t, i, o, keep);
    /* f32 sums of numbers about 1, and the rounding to bf16 */
    merging_same(f, out, t, want, strcmp(f->in[0].t[t].dtype, "BF16") ? 6e-7 : 1. / 256 + 6e-7, 1);
    free(want);
}
#endif
