/* cifar.c - the binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of one label, or of a
 * coarse and a fine one, and 3072 bytes of pixels (3 planes of 32 x 32). The form has no signature,
 * so the size and the labels must both fit. Members: x (n, 3072), the default; y (n,) labels, fine
 * ones in CIFAR-100; coarse (n,) in CIFAR-100. */
#include "io/io.h"

#include <inttypes.h>
#include <string.h>

enum { PIXELS = 3072 };

/* The first record whose labels no file of this kind has, or -1. */
static int64_t misfit(const unsigned char *at, int64_t records, int labels)
{
    for (int64_t i = 0; i < records; i++) {
        const unsigned char *r = at + i * (PIXELS + labels);
        if (labels == 1 ? r[0] >= 10 : r[0] >= 20 || r[1] >= 100) return i;
    }
    return -1;
}

cull_status cull__cifar_parse(cull_ctx *cx, const char *path, const char *name,
                              const unsigned char *at, size_t n, cull_array *out)
{
    static const char *const names[] = {"x", "y", "coarse"};
    int labels = 0;
    int64_t bad = -1, which = 0;
    *out = (cull_array){.dtype = CULL_U8};
    for (int l = 1; l <= 2 && !labels && n; l++) {
        if (n % (size_t)(PIXELS + l)) continue;
        bad = misfit(at, (int64_t)(n / (size_t)(PIXELS + l)), l);
        if (bad < 0) labels = l;
    }
    if (!labels && bad >= 0)
        return cull__fail(cx, CULL_EIO,
                          "%s: record %" PRId64 " has no label of CIFAR-10 (below 10) or CIFAR-100 "
                          "(below 20 and 100): the file is something else",
                          path, bad);
    if (!labels)
        return cull__fail(cx, CULL_EIO,
                          "%s: %zu bytes are no whole number of CIFAR-10 records (3073 bytes) or "
                          "CIFAR-100 records (3074)",
                          path, n);
    if (name) CULL_TRY(cull__member(cx, path, names, 1 + labels, name, &which));
    int64_t records = (int64_t)n / (PIXELS + labels), width = which ? 1 : PIXELS;
    size_t skip = which == 0 ? (size_t)labels : which == 1 ? (size_t)labels - 1 : 0;
    void *made;
    CULL_TRY(cull__array_memory(cx, (uint64_t)(records * width), &out->mem_, &made));
    for (int64_t i = 0; i < records; i++)
        memcpy((char *)made + i * width, at + i * (PIXELS + labels) + skip, (size_t)width);
    out->ndim = which ? 1 : 2;
    out->shape[0] = records;
    out->shape[1] = which ? 0 : PIXELS;
    out->at = made;
    strcpy(out->name, names[which]);
    return CULL_OK;
}
