/* project.c - random projection of wide rows: a matrix with one entry in each part of a column.
 *
 * The places and signs of part b are a stream of the generator, 16 bits a column, so the matrix is
 * never held; it is made anew, a stripe of columns at a time, for as many rows as a call has. Parts
 * write to places of their own and each sums along the columns in order: that is the parallel loop. */
#include "base/base.h"
#include "cull/store.h"
#include "io/io.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { PARTS = 8, PLACES = 1 << 15, STRIPE = 2048, STREAM = 0x50524F4A };

typedef struct {
    const cull_array *a;
    int64_t n, width, d, parts;
    float *out;
} job;

/* n of a's numbers from `lo` on: where they are, or in buf. */
static const float *numbers(const cull_array *a, int64_t lo, int64_t n, float *buf)
{
    if (a->dtype == CULL_F32 && ((uintptr_t)a->at & 3) == 0) return (const float *)a->at + lo;
    cull_array_f32(a, lo, n, buf);
    return buf;
}

static cull_status one_part(cull_ctx *cx, void *arg, int64_t part, int64_t lo, int64_t hi)
{
    const job *j = arg;
    int64_t first = lo * j->d / j->parts, size = hi * j->d / j->parts - first;
    float scale = (float)(1 / sqrt((double)j->parts)), *buf, *sign;
    uint32_t *at;
    cull_rng r = cull__rng(cx, STREAM + (uint64_t)part);
    CULL_TRY(CULL_TMP(cx, buf, STRIPE));
    CULL_TRY(CULL_TMP(cx, sign, STRIPE));
    CULL_TRY(CULL_TMP(cx, at, STRIPE));
    for (int64_t i = 0; i < j->n; i++)
        memset(j->out + i * j->d + first, 0, (size_t)size * sizeof *j->out);
    for (int64_t c = 0; c < j->width; c += STRIPE) {
        int64_t m = j->width - c < STRIPE ? j->width - c : STRIPE;
        CULL_TRY(cull__tick(cx, (double)c, (double)j->width));
        for (int64_t k = 0; k < m; k += 2) { /* one too many, of an odd width */
            uint32_t u = cull__rng_u32(&r);
            for (int64_t h = k; h < k + 2; h++, u >>= 16) {
                at[h] = (u >> 1 & (PLACES - 1)) * (uint32_t)size / PLACES;
                sign[h] = (float)(2 * (int)(u & 1) - 1) * scale; /* no branch */
            }
        }
        for (int64_t i = 0; i < j->n; i++) {
            float *y = j->out + i * j->d + first;
            const float *x = numbers(j->a, i * j->width + c, m, buf);
            for (int64_t k = 0; k < m; k++) y[at[k]] += sign[k] * x[k];
        }
    }
    return CULL_OK;
}

cull_status cull_project(cull_ctx *cx, const cull_array *a, int64_t d, float *out)
{
    job j = {.a = a, .d = d, .parts = d < PARTS ? d : PARTS, .out = out};
    if (!cull__array_rows(a, &j.n, &j.width))
        return cull__fail(cx, CULL_EINPUT, "only rows of at least one number can be projected");
    if (d < 1 || d > PARTS * PLACES)
        return cull__fail(cx, CULL_EINPUT, "a projection to %" PRId64 " numbers; it takes 1 to %d",
                          d, PARTS * PLACES);
    const char *phase = cull__phase(cx, "projecting");
    cull_status s = cull__for(cx, j.parts, 1, one_part, &j);
    cull__phase(cx, phase);
    return s;
}
