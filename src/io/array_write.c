/* array_write.c - one array to npy, npz or safetensors. In each the numbers begin at a multiple of 64
 * bytes, so that whoever maps the file can use them where they lie: an npz gets there by an extra
 * field (id 0xD935, the one that zipalign uses). */
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    cull_ctx *cx;
    cull__writer *w;
    const cull_array *a;
    uint64_t bytes;
    const char *name;
} writing;

/* Little-endian fields of a zip, one after the other. */
typedef struct {
    unsigned char at[512];
    size_t n;
} fields;

static void put(fields *f, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) f->at[f->n++] = (unsigned char)(v >> 8 * i);
}

static void put_text(fields *f, const char *s)
{
    memcpy(f->at + f->n, s, strlen(s));
    f->n += strlen(s);
}

static cull_status numbers(writing *g)
{
    enum { STEP = 16 << 20 };
    for (uint64_t i = 0; i < g->bytes; i += STEP) {
        size_t n = g->bytes - i < STEP ? (size_t)(g->bytes - i) : STEP;
        CULL_TRY(cull__write(g->cx, g->w, (const char *)g->a->at + i, n));
        CULL_TRY(cull__tick(g->cx, (double)(i + n), (double)g->bytes));
    }
    return CULL_OK;
}

static cull_status npy(writing *g)
{
    char head[512];
    CULL_TRY(cull__write(g->cx, g->w, head, cull__npy_head(g->a, head)));
    return numbers(g);
}

static cull_status safetensors(writing *g)
{
    cull_buf head = CULL_BUF(g->cx);
    cull_status s = cull__safetensors_head(g->cx, g->a, g->name, &head);
    if (s == CULL_OK) s = cull__write(g->cx, g->w, head.at, head.n);
    cull__buf_free(&head);
    return s == CULL_OK ? numbers(g) : s;
}

/* What the head of a member and its directory entry have in common, from "version needed" to the
 * length of the name. 1980-01-01 is the date of every member: the same array gives the same bytes. */
static void common(fields *f, uint64_t size, uint32_t crc, size_t name_n, bool wide)
{
    uint64_t shown = wide ? 0xFFFFFFFF : size;
    put(f, wide ? 45 : 20, 2);
    put(f, 0x0800, 2); /* the name is UTF-8 */
    put(f, 0, 2);      /* stored */
    put(f, 0, 2);
    put(f, 0x21, 2);
    put(f, crc, 4);
    put(f, shown, 4);
    put(f, shown, 4);
    put(f, name_n, 2);
}

static void wide_sizes(fields *f, uint64_t size)
{
    put(f, 1, 2), put(f, 16, 2), put(f, size, 8), put(f, size, 8);
}

static void directory(fields *f, const char *name, uint64_t size, uint32_t crc, uint64_t at,
                      bool wide)
{
    uint64_t dir = at;
    put(f, 0x02014b50, 4);
    put(f, wide ? 45 : 20, 2);
    common(f, size, crc, strlen(name), wide);
    put(f, wide ? 20 : 0, 2); /* extra field */
    put(f, 0, 2);             /* comment */
    put(f, 0, 2), put(f, 0, 2), put(f, 0, 4);
    put(f, 0, 4); /* the member begins the file */
    put_text(f, name);
    if (wide) wide_sizes(f, size);
    uint64_t dir_n = f->n;
    if (wide) {
        put(f, 0x06064b50, 4), put(f, 44, 8);
        put(f, 45, 2), put(f, 45, 2), put(f, 0, 4), put(f, 0, 4);
        put(f, 1, 8), put(f, 1, 8), put(f, dir_n, 8), put(f, dir, 8);
        put(f, 0x07064b50, 4), put(f, 0, 4), put(f, dir + dir_n, 8), put(f, 1, 4);
    }
    put(f, 0x06054b50, 4), put(f, 0, 2), put(f, 0, 2), put(f, 1, 2), put(f, 1, 2);
    put(f, dir_n, 4), put(f, wide ? 0xFFFFFFFF : dir, 4), put(f, 0, 2);
}

static cull_status npz(writing *g)
{
    char head[512], name[80];
    fields f = {.n = 0};
    uint32_t crc;
    size_t head_n = cull__npy_head(g->a, head);
    snprintf(name, sizeof name, "%s.npy", g->name);
    CULL_TRY(cull__crc32(g->cx, head, head_n, 0, &crc));
    CULL_TRY(cull__crc32(g->cx, g->a->at, (size_t)g->bytes, crc, &crc));
    uint64_t size = head_n + g->bytes;
    bool wide = size > 0xFFFFFFFF - 1024;
    put(&f, 0x04034b50, 4);
    common(&f, size, crc, strlen(name), wide);
    size_t so_far = f.n + 2 + strlen(name) + (wide ? 20 : 0) + 6, pad = (64 - so_far % 64) % 64;
    put(&f, (wide ? 20 : 0) + 6 + pad, 2);
    put_text(&f, name);
    if (wide) wide_sizes(&f, size);
    put(&f, 0xD935, 2), put(&f, 2 + pad, 2), put(&f, 64, 2);
    while (pad--) put(&f, 0, 1);
    uint64_t end = f.n + size;
    CULL_TRY(cull__write(g->cx, g->w, f.at, f.n));
    CULL_TRY(cull__write(g->cx, g->w, head, head_n));
    CULL_TRY(numbers(g));
    f.n = 0;
    directory(&f, name, size, crc, end, wide);
    return cull__write(g->cx, g->w, f.at, f.n);
}

cull_status cull_array_write(cull_ctx *cx, const char *path, const cull_array *a)
{
    char ext[16];
    size_t bad;
    writing g = {.cx = cx, .a = a, .name = a->name[0] ? a->name : "embeddings"};
    cull__extension(path, ext);
    cull_status (*form)(writing *) = !strcmp(ext, "npy") || !strcmp(path, "-") ? npy
                                     : !strcmp(ext, "npz")                     ? npz
                                     : !strcmp(ext, "safetensors")             ? safetensors
                                                                               : NULL;
    if (!form)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: arrays are written as .npy, .npz or .safetensors (and .gz or .zst "
                          "after that)",
                          path);
    if (a->ndim < 0 || a->ndim > 8 || (unsigned)a->dtype >= CULL_DTYPES ||
        !cull__array_bytes(a, &g.bytes))
        return cull__fail(cx, CULL_EINPUT, "%s: an impossible shape or dtype", path);
    if (!cull__utf8_ok(g.name, strlen(g.name), &bad))
        return cull__fail(cx, CULL_EINPUT, "%s: the array's name is not UTF-8", path);
    const char *phase = cull__phase(cx, "writing");
    cull_status s = cull__writer_open(cx, path, &g.w);
    if (s == CULL_OK) s = cull__writer_end(cx, g.w, form(&g));
    cull__phase(cx, phase);
    return s;
}
