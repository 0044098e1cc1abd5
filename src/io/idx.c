/* idx.c - the IDX form of MNIST and its kin (LeCun, Cortes, Burges): two zero bytes, a type, the number
 * of dimensions, their lengths as big-endian u32, then the numbers, big-endian. */
#include "io/io.h"

cull_status cull__idx_parse(cull_ctx *cx, const char *path, const char *name,
                            const unsigned char *at, size_t n, cull_array *out)
{
    static const struct {
        int type;
        cull_dtype dtype;
    } types[] = {{0x08, CULL_U8},  {0x09, CULL_I8},  {0x0B, CULL_I16},
                 {0x0C, CULL_I32}, {0x0D, CULL_F32}, {0x0E, CULL_F64}};
    bool known = false;
    *out = (cull_array){0};
    if (name)
        return cull__fail(cx, CULL_EINPUT, "%s: an IDX file holds one array, which has no name",
                          path);
    if (n < 4 || at[0] || at[1])
        return cull__fail(cx, CULL_EIO, "%s: no IDX file: it does not begin with two zero bytes",
                          path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == at[2]) out->dtype = types[i].dtype, known = true;
    if (!known)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: IDX type 0x%02x; 08, 09, 0b, 0c, 0d and 0e are known", path, at[2]);
    if (at[3] < 1 || at[3] > 8)
        return cull__fail(cx, CULL_EINPUT, "%s: %d dimensions; 1 to 8 are read", path, at[3]);
    size_t head = 4 + 4 * (size_t)at[3];
    if (n < head)
        return cull__fail(cx, CULL_EIO, "%s: cut inside the IDX head, at byte %zu", path, n);
    out->ndim = at[3];
    for (int i = 0; i < out->ndim; i++)
        out->shape[i] = __builtin_bswap32(cull__le32(at + 4 + 4 * i));
    CULL_TRY(cull__array_fits(cx, path, out, n - head));
    size_t size = cull_dtype_size(out->dtype);
    out->at = at + head;
    if (size == 1) return CULL_OK;
    void *turned;
    CULL_TRY(cull__array_memory(cx, n - head, &out->mem_, &turned));
    cull__swap_bytes(turned, at + head, (int64_t)((n - head) / size), size);
    out->at = turned;
    return CULL_OK;
}
