/* kmeans_batch.c - k-means over minibatches (Sculley 2010, Web-scale k-means clustering, algorithm 1).
 *
 * A batch is assigned as a whole by the same canonical scores as a full pass, and a centroid then goes
 * to the mean of all rows it ever had: what the paper's steps of 1 / count come to, without depending
 * on the order within a batch. Rows of a batch are read in ascending order. */
#include "num/kmeans.h"

#include <string.h>

typedef struct {
    const cull_pool *p;
    const cull__kern *kern;
    bool spherical;
    int64_t k, d, b;
    int64_t *row;    /* (b) of the pool */
    float *x;        /* (b, d) */
    double *sum;     /* (k, d) of all rows so far */
    int64_t *had;    /* (k) how many */
    int32_t *assign; /* (b) */
    int64_t *count;  /* (k) */
} batches;

static cull_status read_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    batches *j = arg;
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, j->d));
    for (int64_t i = lo; i < hi; i++) {
        const float *x =
            cull__kmeans_rows(j->p, j->kern, j->spherical, j->row[i], j->row[i] + 1, buf);
        memcpy(j->x + i * j->d, x, (size_t)j->d * sizeof *x);
    }
    return CULL_OK;
}

static void recentre(const batches *j, float *c)
{
    for (int64_t i = 0; i < j->b; i++) {
        j->kern->add(j->sum + j->assign[i] * j->d, j->x + i * j->d, j->d);
        j->had[j->assign[i]]++;
    }
    for (int64_t i = 0; i < j->k; i++) {
        const double *s = j->sum + i * j->d;
        double by = (double)j->had[i], square = 0;
        if (!j->count[i]) continue;
        for (int64_t t = 0; j->spherical && t < j->d; t++) square += s[t] * s[t];
        if (j->spherical) by = sqrt(square);
        for (int64_t t = 0; by > 0 && t < j->d; t++) c[i * j->d + t] = (float)(s[t] / by);
    }
}

static cull_status iterate(cull_ctx *cx, batches *j, const cull__kmeans_opts *o, uint64_t stream,
                           float *c)
{
    cull__kmeans_opts one = {.k = j->k, .start = c, .spherical = o->spherical};
    uint64_t kd = (uint64_t)(j->k * j->d);
    const cull__piece state[] = {{c, 0, kd * sizeof *c},
                                 {j->sum, 0, kd * sizeof *j->sum},
                                 {j->had, 0, (uint64_t)j->k * sizeof *j->had}};
    float *moved;
    double v;
    cull__loop loop;
    bool found;
    int64_t it = 0;
    CULL_TRY(CULL_TMP(cx, moved, j->k * j->d));
    CULL_TRY(cull__loop_find(cx, "k-means, batches", &loop, &it, state, 3, &found));
    if (!found) CULL_TRY(cull__kmeans_start(cx, j->p, o, stream, c));
    for (; it < o->iterations; it++) {
        cull_pool *batch;
        cull_rng r = cull__rng(cx, stream + ((uint64_t)(it + 1) << 32));
        cull__kmeans_sample(&r, cull_pool_n(j->p), j->b, j->row);
        CULL_TRY(cull__for(cx, j->b, 1024, read_rows, j));
        CULL_TRY(cull_pool_from(cx, j->x, CULL_F32, j->b, j->d, &batch));
        cull_status s = cull__kmeans(cx, batch, &one, moved, j->assign, j->count, &v);
        cull_pool_free(batch);
        CULL_TRY(s);
        recentre(j, c);
        CULL_TRY(cull__tick(cx, (double)it + 1, (double)o->iterations));
        CULL_TRY(cull__loop_keep(cx, &loop, it + 1, it + 1 == o->iterations, state, 3));
    }
    return CULL_OK;
}

cull_status cull__kmeans_batches(cull_ctx *cx, const cull_pool *p, const cull__kmeans_opts *o,
                                 uint64_t stream, float *c)
{
    batches j = {.p = p, .kern = cull__kernels(cx), .spherical = o->spherical, .k = o->k};
    j.d = cull_pool_d(p);
    j.b = o->batch < cull_pool_n(p) ? o->batch : cull_pool_n(p);
    CULL_TRY(CULL_TMP(cx, j.row, j.b));
    CULL_TRY(CULL_TMP(cx, j.x, j.b * j.d));
    CULL_TRY(CULL_TMP0(cx, j.sum, j.k * j.d));
    CULL_TRY(CULL_TMP0(cx, j.had, j.k));
    CULL_TRY(CULL_TMP(cx, j.assign, j.b));
    CULL_TRY(CULL_TMP(cx, j.count, j.k));
    return iterate(cx, &j, o, stream, c);
}

uint64_t cull__kmeans_batch_bytes(int64_t d, int workers, const cull__kmeans_opts *o)
{
    cull__kmeans_opts one = {.k = o->k, .start = (const float *)o, .spherical = o->spherical};
    double k = (double)o->k, b = (double)o->batch, of = (double)d;
    double held = b * (8 + 4 * of + 4) + k * of * (8 + 4) + 16 * k;
    return (uint64_t)held + cull__kmeans_bytes(o->batch, d, CULL_F32, workers, &one);
}
