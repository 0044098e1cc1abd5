/* pool.c - a matrix of embedded examples, read as f32 a block of rows at a time. */
#include "cull/pool.h"
#include "base/base.h"
#include "repr/repr.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

struct cull_pool {
    cull_array a;
    int64_t n, d;
    char name[256];
};

cull_status cull__pool_of(cull_ctx *cx, const cull_array *a, const char *name, cull_pool **out)
{
    int64_t n = a->ndim ? a->shape[0] : 1, d = 1;
    for (int i = 1; i < a->ndim; i++) d *= a->shape[i];
    CULL_TRY(CULL_ALLOC(cx, *out, 1));
    (*out)->a = *a;
    (*out)->n = n;
    (*out)->d = d;
    cull__quote(name, strlen(name), (*out)->name, sizeof(*out)->name);
    return CULL_OK;
}

cull_status cull_pool_open(cull_ctx *cx, const char *path, cull_pool **out)
{
    cull_array a;
    *out = NULL;
    CULL_TRY(cull_array_open(cx, path, NULL, &a));
    cull_status s = cull__pool_of(cx, &a, path, out);
    if (s != CULL_OK) cull_array_free(&a);
    return s;
}

cull_status cull_pool_from(cull_ctx *cx, const void *at, cull_dtype t, int64_t n, int64_t d,
                           cull_pool **out)
{
    cull_array a = {.dtype = t, .ndim = 2, .shape = {n, d}, .at = at};
    *out = NULL;
    if (n < 0 || d < 1)
        return cull__fail(cx, CULL_EINPUT, "a pool of shape (%" PRId64 ", %" PRId64 ")", n, d);
    return cull__pool_of(cx, &a, "memory", out);
}

void cull_pool_free(cull_pool *p)
{
    if (!p) return;
    cull_array_free(&p->a);
    cull__free(p);
}

int64_t cull_pool_n(const cull_pool *p) { return p->n; }
int64_t cull_pool_d(const cull_pool *p) { return p->d; }
cull_dtype cull_pool_dtype(const cull_pool *p) { return p->a.dtype; }
const char *cull_pool_name(const cull_pool *p) { return p->name; }

const float *cull_pool_rows(const cull_pool *p, int64_t lo, int64_t hi, float *buf)
{
    if (p->a.dtype == CULL_F32 && ((uintptr_t)p->a.at & 3) == 0)
        return (const float *)p->a.at + lo * p->d;
    cull_array_f32(&p->a, lo * p->d, (hi - lo) * p->d, buf);
    return buf;
}

static cull_status check_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const cull_pool *p = arg;
    float *buf;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, buf, (hi - lo) * p->d));
    const float *x = cull_pool_rows(p, lo, hi, buf);
    int64_t len = (hi - lo) * p->d;
    float sum = 0;
    for (int64_t i = 0; i < len; i++) sum += x[i] * 0; /* NaN if any is not finite */
    if (sum == 0) return CULL_OK;
    for (int64_t i = 0; i < len; i++)
        if (!isfinite(x[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s[%" PRId64 ", %" PRId64 "] is %s; embeddings must be finite",
                              p->name, lo + i / p->d, i % p->d, isnan(x[i]) ? "nan" : "infinite");
    return CULL_OK;
}

cull_status cull_pool_check(cull_ctx *cx, const cull_pool *p)
{
    int64_t grain = 65536 / p->d + 1;
    const char *phase = cull__phase(cx, "checking embeddings");
    cull_status s = cull__for(cx, p->n, grain, check_rows, (void *)p);
    cull__phase(cx, phase);
    return s;
}
