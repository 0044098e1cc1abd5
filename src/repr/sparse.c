/* sparse.c - products of sparse rows with narrow dense matrices.
 *
 * A X sums each row in the order of its entries, each row by one worker. A^T Y gives each of the
 * PARTS column ranges to one worker, which walks all rows in order: no two workers add to the same
 * sum, so the bits do not depend on threads. A second copy of A by columns would cost its memory
 * again and be slower: in row order the frequent columns, most of all entries, stay in cache. */
#include "repr/features.h"

#include <string.h>

struct product {
    const cull__sparse *a;
    const cull__kern *kern;
    const float *in;
    float *out;
    int64_t k;
};

static cull_status rows_times(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct product *p = arg;
    (void)cx, (void)chunk;
    for (int64_t i = lo; i < hi; i++)
        p->kern->gather(p->out + i * p->k, p->in, p->k, p->k, p->a->row[i],
                        p->a->cut[i * (CULL__PARTS + 1) + CULL__PARTS]);
    return CULL_OK;
}

cull_status cull__sparse_times(cull_ctx *cx, const cull__sparse *a, const float *x, int64_t k,
                               float *y)
{
    struct product p = {a, cull__kernels(cx), x, y, k};
    return cull__for(cx, a->n, 64, rows_times, &p);
}

static cull_status part_times(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct product *p = arg;
    const cull__sparse *a = p->a;
    (void)chunk, (void)hi;
    memset(p->out + a->bound[lo] * p->k, 0,
           (size_t)((a->bound[lo + 1] - a->bound[lo]) * p->k) * sizeof *p->out);
    for (int64_t i = 0; i < a->n; i++) {
        const uint32_t *cut = a->cut + i * (CULL__PARTS + 1) + lo;
        p->kern->scatter(p->out, p->k, a->row[i] + cut[0], cut[1] - cut[0], p->in + i * p->k);
        if (i % 4096 == 0) CULL_TRY(cull__tick(cx, (double)i, (double)a->n));
    }
    return CULL_OK;
}

cull_status cull__sparse_transpose_times(cull_ctx *cx, const cull__sparse *a, const float *y,
                                         int64_t k, float *g)
{
    struct product p = {a, cull__kernels(cx), y, g, k};
    return cull__for(cx, CULL__PARTS, 1, part_times, &p);
}
