/* kmeans_seed.c - k-means++ (Arthur and Vassilvitskii 2007): each next centroid is a row drawn with
 * probability proportional to its squared distance from the nearest centroid so far.
 *
 * On a sample of min(n, max(32 k, 4096)) rows drawn without repeats, so that the cost is
 * O(32 k^2 d) whatever the size of the pool; a pool up to that size is used whole. Distances are f64
 * sums and the draw walks them in order, so the seeds are the same for any number of threads. Where
 * fewer than k distinct rows exist, the rest of the centroids repeat rows. */
#include "num/kmeans.h"

#include <string.h>

enum { CHUNK = 1024 };

typedef struct {
    const cull_pool *p;
    const cull__kern *kern;
    bool spherical;
    int64_t d;
    const int64_t *row; /* of the pool, ascending */
    float *x;           /* (s, d) the sample */
    double *d2, *sum;   /* (s) to the nearest centroid; of each chunk */
    const float *newest;
    bool first;
} seeding;

static cull_status gather(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    seeding *s = arg;
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, s->d));
    for (int64_t i = lo; i < hi; i++) {
        const float *x =
            cull__kmeans_rows(s->p, s->kern, s->spherical, s->row[i], s->row[i] + 1, buf);
        memcpy(s->x + i * s->d, x, (size_t)s->d * sizeof *x);
    }
    return CULL_OK;
}

static cull_status nearer(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    seeding *s = arg;
    double sum = 0;
    (void)cx;
    for (int64_t i = lo; i < hi; i++) {
        double v = s->kern->dist2(s->x + i * s->d, s->newest, s->d);
        if (s->first || v < s->d2[i]) s->d2[i] = v;
        sum += s->d2[i];
    }
    s->sum[chunk] = sum;
    return CULL_OK;
}

/* Which row of the sample the number u in (0, 1) falls on. */
static int64_t drawn(const seeding *s, int64_t n, double u)
{
    int64_t chunks = (n - 1) / CHUNK + 1, c = 0, last = 0;
    double all = 0, left;
    for (int64_t i = 0; i < chunks; i++) all += s->sum[i];
    left = u * all;
    while (c < chunks - 1 && left >= s->sum[c]) left -= s->sum[c++];
    for (int64_t i = c * CHUNK; i < n && i < (c + 1) * CHUNK; i++) {
        if (!(s->d2[i] > 0)) continue;
        last = i;
        left -= s->d2[i];
        if (left < 0) break;
    }
    return last;
}

/* Each row is kept with the chance that is still owed (Knuth's algorithm S). */
void cull__kmeans_sample(cull_rng *r, int64_t n, int64_t size, int64_t *row)
{
    for (int64_t i = 0, have = 0; have < size; i++)
        if (size - have == n - i || cull__rng_below(r, n - i) < size - have) row[have++] = i;
}

static int64_t sample_size(int64_t n, int64_t k)
{
    int64_t size = k > INT64_MAX / 32 ? n : 32 * k;
    size = size < 4096 ? 4096 : size;
    return size < n ? size : n;
}

double cull__kmeans_seed_bytes(int64_t n, int64_t k, int64_t d)
{
    return (double)sample_size(n, k) * (4 * (double)d + 16);
}

static cull_status seed(cull_ctx *cx, const cull_pool *p, int64_t k, bool spherical,
                        uint64_t stream, float *c)
{
    int64_t n = cull_pool_n(p), size = sample_size(n, k), *row;
    seeding s = {.p = p, .kern = cull__kernels(cx), .spherical = spherical, .d = cull_pool_d(p)};
    cull_rng r = cull__rng(cx, stream);
    CULL_TRY(CULL_TMP(cx, row, size));
    CULL_TRY(CULL_TMP(cx, s.x, size * s.d));
    CULL_TRY(CULL_TMP(cx, s.d2, size));
    CULL_TRY(CULL_TMP(cx, s.sum, (size - 1) / CHUNK + 1));
    cull__kmeans_sample(&r, n, size, row);
    s.row = row;
    CULL_TRY(cull__for(cx, size, CHUNK, gather, &s));
    int64_t at = cull__rng_below(&r, size);
    for (int64_t j = 0; j < k; j++) {
        memcpy(c + j * s.d, s.x + at * s.d, (size_t)s.d * sizeof *c);
        if (j == k - 1) break;
        s.newest = c + j * s.d;
        s.first = j == 0;
        CULL_TRY(cull__for(cx, size, CHUNK, nearer, &s));
        at = drawn(&s, size, cull__rng_unit(&r));
    }
    return CULL_OK;
}

static cull_status draw(cull_ctx *cx, const cull_pool *p, int64_t k, bool spherical,
                        uint64_t stream, float *c)
{
    seeding s = {.p = p, .kern = cull__kernels(cx), .spherical = spherical, .d = cull_pool_d(p)};
    cull_rng r = cull__rng(cx, stream);
    int64_t *row;
    CULL_TRY(CULL_TMP(cx, row, k));
    cull__kmeans_sample(&r, cull_pool_n(p), k, row);
    s.row = row;
    s.x = c;
    return cull__for(cx, k, CHUNK, gather, &s);
}

cull_status cull__kmeans_start(cull_ctx *cx, const cull_pool *p, const cull__kmeans_opts *o,
                               uint64_t stream, float *c)
{
    if (o->start) {
        memcpy(c, o->start, (size_t)(o->k * cull_pool_d(p)) * sizeof *c);
        return CULL_OK;
    }
    cull__mark_t mark = cull__mark(cx);
    cull_status s = (o->sampled ? draw : seed)(cx, p, o->k, o->spherical, stream, c);
    cull__release(cx, mark);
    return s;
}
