/* array.h - what every fuzz target of an array form does: read the bytes, and if they are taken, read
 * every number and make a pool of it. */
#ifndef CULL_FUZZ_ARRAY_H
#define CULL_FUZZ_ARRAY_H
#include "fuzz.h"

#include "cull/pool.h"
#include "io/io.h"

static inline void fuzz_numbers(cull_ctx *cx, const cull_array *a)
{
    float f[64];
    double d[64];
    uint64_t bytes;
    cull_pool *p;
    if (!cull__array_bytes(a, &bytes)) abort();
    int64_t n = (int64_t)(bytes / cull_dtype_size(a->dtype)), rows = n;
    for (int64_t i = 0; i < n; i += 64) {
        cull_array_f32(a, i, n - i < 64 ? n - i : 64, f);
        cull_array_f64(a, i, n - i < 64 ? n - i : 64, d);
    }
    if (a->ndim > 1 && a->shape[0] > 0) rows = a->shape[0];
    if (n > 0 && cull_pool_from(cx, a->at, a->dtype, rows, n / rows, &p) == CULL_OK) {
        (void)!cull_pool_check(cx, p);
        cull_pool_free(p);
    }
}

static inline cull_ctx *fuzz_ctx(void)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 1;
    o.memory = 64 << 20;
    return cull_ctx_new(&o);
}

static inline int fuzz_reader(cull__array_reader *reader, const char *const *names, int count,
                              const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    if (!cx) cx = fuzz_ctx();
    for (int i = 0; i < count; i++) {
        cull_array a;
        cull__mark_t mark = cull__mark(cx);
        cull_status s = reader(cx, "p", names[i], data, n, &a);
        if (s == CULL_OK)
            fuzz_numbers(cx, &a);
        else if (!cull_error(cx)[0] || s == CULL_EINTERNAL)
            abort();
        cull_array_free(&a);
        cull__release(cx, mark);
    }
    return 0;
}
#endif
