/* vecs.c - .fvecs, .ivecs and .bvecs (TEXMEX: Jegou, Douze and Schmid 2011): each row is its length as a
 * little-endian i32, then so many f32, i32 or u8. The form has no signature: every row's length is
 * checked against the first one's. */
#include "io/io.h"

#include <inttypes.h>
#include <string.h>

static cull_status parse(cull_ctx *cx, const char *path, const char *name, cull_dtype dtype,
                         const unsigned char *at, size_t n, cull_array *out)
{
    size_t size = cull_dtype_size(dtype);
    void *made;
    *out = (cull_array){.dtype = dtype, .ndim = 2};
    if (name)
        return cull__fail(cx, CULL_EINPUT, "%s: holds one array without a name, not '%s'", path,
                          name);
    if (n < 4)
        return cull__fail(cx, CULL_EIO, "%s: %zu bytes are no row; one begins with its length",
                          path, n);
    int64_t d = (int32_t)cull__le32(at);
    if (d < 1 || (uint64_t)d > (n - 4) / size)
        return cull__fail(cx, CULL_EIO,
                          "%s: row 0 says that it has %" PRId64 " numbers; %zu bytes follow", path,
                          d, n - 4);
    size_t row = (size_t)d * size, each = 4 + row;
    int64_t rows = (int64_t)(n / each);
    for (int64_t i = 0; i < rows; i++) {
        int64_t len = (int32_t)cull__le32(at + (size_t)i * each);
        if (len != d)
            return cull__fail(cx, CULL_EIO,
                              "%s: row %" PRId64 ", byte %zu, says that it has %" PRId64
                              " numbers; row 0 has %" PRId64,
                              path, i, (size_t)i * each, len, d);
    }
    if (n % each)
        return cull__fail(cx, CULL_EIO,
                          "%s: row %" PRId64 " is cut: %zu of its %zu bytes are there", path, rows,
                          n % each, each);
    CULL_TRY(cull__array_memory(cx, (uint64_t)rows * row, &out->mem_, &made));
    for (int64_t i = 0; i < rows; i++)
        memcpy((char *)made + (size_t)i * row, at + (size_t)i * each + 4, row);
    out->shape[0] = rows;
    out->shape[1] = d;
    out->at = made;
    return CULL_OK;
}

cull_status cull__fvecs_parse(cull_ctx *cx, const char *path, const char *name,
                              const unsigned char *at, size_t n, cull_array *out)
{
    return parse(cx, path, name, CULL_F32, at, n, out);
}

cull_status cull__ivecs_parse(cull_ctx *cx, const char *path, const char *name,
                              const unsigned char *at, size_t n, cull_array *out)
{
    return parse(cx, path, name, CULL_I32, at, n, out);
}

cull_status cull__bvecs_parse(cull_ctx *cx, const char *path, const char *name,
                              const unsigned char *at, size_t n, cull_array *out)
{
    return parse(cx, path, name, CULL_U8, at, n, out);
}
