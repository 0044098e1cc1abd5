/* array.c - arrays of files. */
#include "base/base.h"
#include "cull/pool.h"
cull_status cull_array_open(cull_ctx *cx, const char *path, const char *name, cull_array *out)
{
    (void)name, (void)out;
    return cull__fail(cx, CULL_EIO, "%s: no reader", path);
}
void cull_array_free(cull_array *a) { cull__free(a->mem_); }
void cull_array_f32(const cull_array *a, int64_t lo, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++) out[i] = ((const float *)a->at)[lo + i];
}
