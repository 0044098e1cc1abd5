/* npy.c - NumPy's array file, versions 1.0, 2.0 and 3.0.
 *
 * "\x93NUMPY", version, length of the head (u16 in version 1, else u32), then a Python dict with
 * descr, fortran_order and shape, then the numbers. ml_dtypes saves bfloat16 as void of two bytes
 * ('<V2'), so V2 is read, and written, as bf16. Big-endian numbers are turned around in memory.
 * Deviation: more bytes than the shape takes are refused (numpy would not look at them). */
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *descr;
    cull_dtype dtype;
} types[] = {
    {"f4", CULL_F32}, {"f2", CULL_F16}, {"f8", CULL_F64},  {"V2", CULL_BF16}, {"i1", CULL_I8},
    {"u1", CULL_U8},  {"i2", CULL_I16}, {"u2", CULL_U16},  {"i4", CULL_I32},  {"u4", CULL_U32},
    {"i8", CULL_I64}, {"u8", CULL_U64}, {"b1", CULL_BOOL},
};

typedef struct {
    cull_ctx *cx;
    const char *path;
    const char *start, *at, *end; /* the dict, and where the reading stands */
    size_t offset;                /* of the dict in the file */
    char descr[32];
    bool fortran, swap;
    int have; /* 1 descr, 2 fortran_order, 4 shape */
    cull_array *a;
} head;

static cull_status damaged(head *h, const char *want)
{
    char near[32];
    size_t left = (size_t)(h->end - h->at);
    return cull__fail(h->cx, CULL_EIO, "%s: byte %zu: the npy head has no %s at '%s'", h->path,
                      h->offset + (size_t)(h->at - h->start), want,
                      cull__quote(h->at, left < 20 ? left : 20, near, sizeof near));
}

static void blanks(head *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t' || *h->at == '\r'))
        h->at++;
}

static bool take(head *h, char c)
{
    blanks(h);
    if (h->at == h->end || *h->at != c) return false;
    h->at++;
    return true;
}

static bool word(head *h, const char *w)
{
    size_t n = strlen(w);
    blanks(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, w, n)) return false;
    h->at += n;
    return true;
}

static bool string(head *h, char out[32])
{
    blanks(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"')) return false;
    char quote = *h->at;
    const char *s = h->at + 1;
    const char *e = memchr(s, quote, (size_t)(h->end - s));
    if (!e || e - s > 31 || memchr(s, 0, (size_t)(e - s))) return false;
    memcpy(out, s, (size_t)(e - s));
    out[e - s] = 0;
    h->at = e + 1;
    return true;
}

static cull_status shape(head *h)
{
    cull_array *a = h->a;
    if (!take(h, '(')) return damaged(h, "shape");
    while (!take(h, ')')) {
        int64_t v = 0;
        blanks(h);
        const char *first = h->at;
        for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++)
            if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *h->at - '0', &v))
                return damaged(h, "length below 2^63");
        if (h->at == first) return damaged(h, "length");
        if (h->at < h->end && *h->at == 'L') h->at++; /* written by Python 2 */
        if (a->ndim == 8)
            return cull__fail(h->cx, CULL_EINPUT, "%s: more than 8 dimensions", h->path);
        a->shape[a->ndim++] = v;
        if (!take(h, ',')) {
            if (!take(h, ')')) return damaged(h, "')'");
            break;
        }
    }
    return CULL_OK;
}

static cull_status dict(head *h)
{
    char key[32];
    if (!take(h, '{')) return damaged(h, "'{'");
    while (!take(h, '}')) {
        if (!string(h, key)) return damaged(h, "key");
        if (!take(h, ':')) return damaged(h, "':'");
        int bit = !strcmp(key, "descr") ? 1 : !strcmp(key, "fortran_order") ? 2 : 4;
        if (bit == 4 && strcmp(key, "shape")) return damaged(h, "known key before the value");
        if (h->have & bit) return damaged(h, "key that is new before the value");
        h->have |= bit;
        blanks(h);
        if (bit == 1 && h->at < h->end && *h->at == '[')
            return cull__fail(h->cx, CULL_EINPUT,
                              "%s: a structured dtype (named fields); save one plain array of "
                              "numbers",
                              h->path);
        if (bit == 1 && !string(h, h->descr)) return damaged(h, "descr");
        if (bit == 2) {
            h->fortran = word(h, "True");
            if (!h->fortran && !word(h, "False")) return damaged(h, "True or False");
        }
        if (bit == 4) CULL_TRY(shape(h));
        if (!take(h, ',')) {
            if (!take(h, '}')) return damaged(h, "'}'");
            break;
        }
    }
    if (h->have != 7)
        return cull__fail(h->cx, CULL_EIO, "%s: the npy head lacks %s", h->path,
                          !(h->have & 1)   ? "descr"
                          : !(h->have & 2) ? "fortran_order"
                                           : "shape");
    blanks(h);
    if (h->at != h->end) return damaged(h, "end");
    return CULL_OK;
}

static cull_status dtype(head *h)
{
    const char *d = h->descr, *order = strchr("<>|=", d[0]);
    char shown[40];
    if (!strcmp(d, "bfloat16")) return h->a->dtype = CULL_BF16, CULL_OK;
    const char *kind = d[0] && order ? d + 1 : d;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(kind, types[i].descr)) {
            h->a->dtype = types[i].dtype;
            h->swap = d[0] == '>';
            if (h->swap && types[i].dtype == CULL_BF16) break;
            return CULL_OK;
        }
    const char *what = "no kind of number that cull reads";
    switch (kind[0]) {
    case 'O':
        return cull__fail(h->cx, CULL_EINPUT,
                          "%s: dtype object; pickled objects are never loaded: save numbers "
                          "(np.asarray(a, dtype='f4'))",
                          h->path);
    case 'U':
    case 'S': what = "text, not numbers"; break;
    case 'c': what = "complex numbers"; break;
    case 'M':
    case 'm': what = "dates, not numbers"; break;
    }
    return cull__fail(
        h->cx, CULL_EINPUT,
        "%s: dtype '%s' is %s; it takes f2, f4, f8, i1 to i8, u1 to u8, b1, or V2 for "
        "bfloat16",
        h->path, cull__quote(d, strlen(d), shown, sizeof shown), what);
}

static cull_status start(head *h, const unsigned char *at, size_t n)
{
    if (n < 6 || memcmp(at, "\x93NUMPY", 6)) {
        char begin[24];
        return cull__fail(h->cx, CULL_EIO, "%s: no npy file: it begins '%s', not \\x93NUMPY",
                          h->path,
                          cull__quote((const char *)at, n < 8 ? n : 8, begin, sizeof begin));
    }
    size_t fixed = n >= 8 && at[6] == 1 ? 10 : 12;
    if (n < fixed)
        return cull__fail(h->cx, CULL_EIO, "%s: cut inside the npy head, at byte %zu", h->path, n);
    if (at[6] < 1 || at[6] > 3 || at[7])
        return cull__fail(h->cx, CULL_EINPUT, "%s: npy version %d.%d; 1.0, 2.0 and 3.0 are known",
                          h->path, at[6], at[7]);
    size_t len = at[6] == 1 ? cull__le16(at + 8) : cull__le32(at + 8);
    if (len > n - fixed)
        return cull__fail(
            h->cx, CULL_EIO,
            "%s: the npy head is said to take %zu bytes, %zu are left: the file is cut", h->path,
            len, n - fixed);
    h->offset = fixed;
    h->start = h->at = (const char *)at + fixed;
    h->end = h->at + len;
    return CULL_OK;
}

cull_status cull__npy_parse(cull_ctx *cx, const char *path, const char *name,
                            const unsigned char *at, size_t n, cull_array *out)
{
    head h = {.cx = cx, .path = path, .a = out};
    char text[208];
    *out = (cull_array){0};
    if (name)
        return cull__fail(cx, CULL_EINPUT, "%s: an npy file holds one array, which has no name",
                          path);
    CULL_TRY(start(&h, at, n));
    CULL_TRY(dict(&h));
    CULL_TRY(dtype(&h));
    if (h.fortran && out->ndim > 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: shape %s in Fortran order; save it in C order: "
                          "np.save(path, np.ascontiguousarray(a))",
                          path, cull__shape_text(out, text));
    const unsigned char *data = (const unsigned char *)h.end;
    uint64_t bytes = (uint64_t)(n - (size_t)(data - at));
    CULL_TRY(cull__array_fits(cx, path, out, bytes));
    size_t size = cull_dtype_size(out->dtype);
    out->at = data;
    if (!h.swap || size == 1) return CULL_OK;
    void *turned;
    CULL_TRY(cull__array_memory(cx, bytes, &out->mem_, &turned));
    cull__swap_bytes(turned, data, (int64_t)(bytes / size), size);
    out->at = turned;
    return CULL_OK;
}

size_t cull__npy_head(const cull_array *a, char buf[512])
{
    char shape_text[208];
    const char *descr = "";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == a->dtype) descr = types[i].descr;
    char order = cull_dtype_size(a->dtype) == 1 ? '|' : '<';
    int k = snprintf(buf + 10, 502, "{'descr': '%c%s', 'fortran_order': False, 'shape': %s, }",
                     order, descr, cull__shape_text(a, shape_text));
    size_t n = (10 + (size_t)k + 1 + 63) & ~(size_t)63; /* the numbers begin at a multiple of 64 */
    memset(buf + 10 + k, ' ', n - 10 - (size_t)k);
    buf[n - 1] = '\n';
    memcpy(buf, "\x93NUMPY\x01\x00", 8);
    buf[8] = (char)((n - 10) & 255);
    buf[9] = (char)((n - 10) >> 8);
    return n;
}
