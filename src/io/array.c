/* array.c - arrays of files: which form a file has, which member is meant, and what it stands on. */
#define _GNU_SOURCE
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "npy and safetensors are read in place");

/* ---- shapes and memory ---- */

bool cull__array_bytes(const cull_array *a, uint64_t *bytes)
{
    uint64_t n = cull_dtype_size(a->dtype);
    *bytes = 0;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] == 0) return true;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] < 0 || __builtin_mul_overflow(n, (uint64_t)a->shape[i], &n)) return false;
    *bytes = n;
    return n <= INT64_MAX;
}

bool cull__array_rows(const cull_array *a, int64_t *n, int64_t *d)
{
    *d = 1;
    if (a->ndim < 1 || a->shape[0] < 0 || !cull_dtype_size(a->dtype)) return false;
    for (int i = 1; i < a->ndim; i++)
        if (__builtin_mul_overflow(*d, a->shape[i], d)) return false;
    *n = a->shape[0];
    return *d >= 1;
}

const char *cull__shape_text(const cull_array *a, char buf[208])
{
    int k = sprintf(buf, "(");
    for (int i = 0; i < a->ndim && i < 8; i++)
        k += sprintf(buf + k, "%s%" PRId64, i ? ", " : "", a->shape[i]);
    sprintf(buf + k, a->ndim == 1 ? ",)" : ")");
    return buf;
}

cull_status cull__array_fits(cull_ctx *cx, const char *path, const cull_array *a, uint64_t have)
{
    char shape[208];
    uint64_t need;
    if (!cull__array_bytes(a, &need))
        return cull__fail(cx, CULL_EIO, "%s: shape %s of %s is larger than any file", path,
                          cull__shape_text(a, shape), cull_dtype_name(a->dtype));
    if (need != have)
        return cull__fail(cx, CULL_EIO,
                          "%s: shape %s of %s takes %" PRIu64 " bytes, the file has %" PRIu64
                          " for it: it is cut, or is not what it says",
                          path, cull__shape_text(a, shape), cull_dtype_name(a->dtype), need, have);
    return CULL_OK;
}

cull_status cull__array_memory(cull_ctx *cx, uint64_t bytes, void **mem, void **at)
{
    cull__bytes *b;
    *mem = NULL;
    CULL_TRY(CULL_ALLOC(cx, b, 1));
    cull_status s = cull__spill_new(cx, bytes, bytes > cull__memory_limit(cx) / 4, b, at);
    if (s != CULL_OK)
        cull__free(b);
    else
        *mem = b;
    return s;
}

void cull_array_free(cull_array *a)
{
    if (!a) return;
    cull__bytes *b = a->mem_;
    if (b) cull__bytes_close(b);
    cull__free(b);
    *a = (cull_array){0};
}

void cull__swap_bytes(void *out, const unsigned char *in, int64_t n, size_t size)
{
    unsigned char *o = out;
    if (size == 1) memcpy(o, in, (size_t)n);
    for (int64_t i = 0; size == 2 && i < n; i++) {
        uint16_t v;
        memcpy(&v, in + 2 * i, 2);
        v = __builtin_bswap16(v);
        memcpy(o + 2 * i, &v, 2);
    }
    for (int64_t i = 0; size == 4 && i < n; i++) {
        uint32_t v;
        memcpy(&v, in + 4 * i, 4);
        v = __builtin_bswap32(v);
        memcpy(o + 4 * i, &v, 4);
    }
    for (int64_t i = 0; size == 8 && i < n; i++) {
        uint64_t v;
        memcpy(&v, in + 8 * i, 8);
        v = __builtin_bswap64(v);
        memcpy(o + 8 * i, &v, 8);
    }
}

/* ---- members ---- */

/* "a, b, c, ..." of the first names, as many as there is room for. */
static const char *list(const char *const *names, int64_t count, char *buf, size_t size)
{
    size_t k = 0;
    buf[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        char one[80];
        cull__quote(names[i], strlen(names[i]), one, sizeof one);
        if (k + strlen(one) + 8 > size) {
            snprintf(buf + k, size - k, ", ...");
            break;
        }
        k += (size_t)snprintf(buf + k, size - k, "%s%s", i ? ", " : "", one);
    }
    return buf;
}

cull_status cull__member(cull_ctx *cx, const char *path, const char *const *names, int64_t count,
                         const char *name, int64_t *which)
{
    char all[400], asked[80];
    const char *want = name ? name : "embeddings";
    if (!count) return cull__fail(cx, CULL_EINPUT, "%s: it holds no array", path);
    if (!name && count == 1) return *which = 0, CULL_OK;
    for (int64_t i = 0; i < count; i++)
        if (!strcmp(names[i], want)) return *which = i, CULL_OK;
    list(names, count, all, sizeof all);
    if (!name)
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: it holds several arrays: %s; name one with a colon after the path, as %s:%s", path,
            all, path, cull__quote(names[0], strlen(names[0]), asked, sizeof asked));
    const char *near =
        strlen(name) > 2 ? cull__nearest(name, names, count > 1000 ? 1000 : (int)count) : NULL;
    cull__quote(name, strlen(name), asked, sizeof asked);
    if (near)
        return cull__fail(cx, CULL_EINPUT, "%s: no array '%s'; did you mean '%s'? It holds %s",
                          path, asked, near, all);
    return cull__fail(cx, CULL_EINPUT, "%s: no array '%s'; it holds %s", path, asked, all);
}

/* ---- forms ---- */

const char *cull__extension(const char *path, char buf[16])
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    size_t n = strlen(file);
    if (n > 3 && !strcasecmp(file + n - 3, ".gz")) n -= 3;
    if (n > 4 && !strncasecmp(file + n - 4, ".zst", 4)) n -= 4;
    size_t dot = n;
    while (dot && file[dot - 1] != '.') dot--;
    size_t k = 0;
    for (size_t i = dot; dot && i < n && k < 15; i++)
        buf[k++] = file[i] >= 'A' && file[i] <= 'Z' ? (char)(file[i] | 32) : file[i];
    buf[k] = 0;
    return buf;
}

static bool is_idx(const unsigned char *at, size_t n)
{
    return n >= 4 && !at[0] && !at[1] && at[2] >= 8 && at[2] <= 14 && at[2] != 10 && at[3] >= 1 &&
           at[3] <= 8;
}

static cull_status not_pickle(cull_ctx *cx, const char *path, const char *ext, bool zip)
{
    if (zip && !strcmp(ext, "safetensors"))
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: a zip archive (a PyTorch checkpoint or an npz) under the name of "
            "safetensors; PyTorch's pickles are never loaded: save it with safetensors",
            path);
    if (zip &&
        (!strcmp(ext, "pt") || !strcmp(ext, "pth") || !strcmp(ext, "bin") || !strcmp(ext, "ckpt")))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: a PyTorch checkpoint, which holds a pickle; pickles are never "
                          "loaded: save the tensors as npy or safetensors",
                          path);
    if (!zip)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: a pickle; pickles are never loaded: save the numbers as npy or "
                          "safetensors",
                          path);
    return CULL_OK;
}

cull_status cull__array_form(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                             const char **form, cull__array_reader **reader)
{
    static const struct {
        const char *ext, *form;
        cull__array_reader *reader;
    } named[] = {
        {"npy", "npy", cull__npy_parse},
        {"npz", "npz", cull__npz_parse},
        {"safetensors", "safetensors", cull__safetensors_parse},
        {"bin", "cifar", cull__cifar_parse},
        {"svmlight", "svmlight", cull__svmlight_parse},
        {"libsvm", "svmlight", cull__svmlight_parse},
        {"svm", "svmlight", cull__svmlight_parse},
        {"fvecs", "fvecs", cull__fvecs_parse},
        {"ivecs", "ivecs", cull__ivecs_parse},
        {"bvecs", "bvecs", cull__bvecs_parse},
    };
    char ext[16], head[24];
    cull__extension(path, ext);
    bool vecs = !strcmp(ext, "fvecs") || !strcmp(ext, "ivecs") || !strcmp(ext, "bvecs");
    bool zip = n >= 4 && at[0] == 'P' && at[1] == 'K' &&
               ((at[2] == 3 && at[3] == 4) || (at[2] == 5 && at[3] == 6));
    if (n >= 6 && !memcmp(at, "\x93NUMPY", 6))
        return *form = "npy", *reader = cull__npy_parse, CULL_OK;
    if (zip) {
        CULL_TRY(not_pickle(cx, path, ext, true));
        return *form = "npz", *reader = cull__npz_parse, CULL_OK;
    }
    if (n > 8 && at[8] == '{' && cull__le64(at) <= n - 8 && !vecs)
        return *form = "safetensors", *reader = cull__safetensors_parse, CULL_OK;
    /* a CIFAR record may begin like an IDX file */
    if (is_idx(at, n) && !vecs && !(!strcmp(ext, "bin") && (n % 3073 == 0 || n % 3074 == 0)))
        return *form = "idx", *reader = cull__idx_parse, CULL_OK;
    if (n >= 2 && at[0] == 0x80 && at[1] >= 2 && at[1] <= 5 && strcmp(ext, "bin") && !vecs)
        return not_pickle(cx, path, ext, false);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (!strcmp(ext, named[i].ext))
            return *form = named[i].form, *reader = named[i].reader, CULL_OK;
    if (!n) return cull__fail(cx, CULL_EINPUT, "%s: the file is empty", path);
    return cull__fail(
        cx, CULL_EINPUT,
        "%s: no form of array that cull reads (npy, npz, safetensors, IDX, CIFAR .bin, "
        "svmlight, fvecs); it begins '%s'",
        path, cull__quote((const char *)at, n < 16 ? n : 16, head, sizeof head));
}

/* ---- open ---- */

static cull_status open_file(cull_ctx *cx, const char *path, const char *name, cull_array *out)
{
    cull__bytes *file;
    cull__array_reader *reader;
    const char *form;
    CULL_TRY(CULL_ALLOC(cx, file, 1));
    cull_status s = cull__bytes_open(cx, path, file);
    if (s == CULL_OK) {
        s = cull__array_form(cx, path, file->at, file->n, &form, &reader);
        if (s == CULL_OK) s = reader(cx, path, name, file->at, file->n, out);
        if (s == CULL_OK && !out->mem_) {
            out->mem_ = file; /* the array stands on it */
            return CULL_OK;
        }
        cull__bytes_close(file);
    }
    cull__free(file);
    return s;
}

/* Of path:NAME the path and the NAME, unless a file of the whole name exists; the longest path that
 * exists wins. */
static cull_status split(cull_ctx *cx, const char **path, const char **name)
{
    size_t n = strlen(*path);
    char *p;
    if (access(*path, F_OK) == 0) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, p, (int64_t)n + 1));
    memcpy(p, *path, n + 1);
    for (size_t i = n; i-- > 1;) {
        if ((*path)[i] != ':') continue;
        p[i] = 0;
        if (access(p, F_OK) != 0) continue;
        if (*name)
            return cull__fail(cx, CULL_EINPUT, "%s: the array '%s' is asked for as well: name one",
                              *path, *name);
        *name = *path + i + 1;
        *path = p;
        return CULL_OK;
    }
    return CULL_OK;
}

cull_status cull__array_file(cull_ctx *cx, const char **path, const char **name)
{
    static const char tail[] = ".safetensors.index.json";
    cull__bytes index;
    char *shard;
    CULL_TRY(split(cx, path, name));
    size_t n = strlen(*path), k = sizeof tail - 1;
    if (n <= k || strcasecmp(*path + n - k, tail)) return CULL_OK;
    CULL_TRY(cull__bytes_open(cx, *path, &index));
    cull_status s = cull__safetensors_shard(cx, *path, *name, index.at, index.n, &shard, name);
    cull__bytes_close(&index);
    CULL_TRY(s);
    if (access(shard, F_OK) != 0)
        return cull__fail(cx, CULL_EIO, "%s: the shard %s, which holds '%s', is missing", *path,
                          shard, *name);
    *path = shard;
    return CULL_OK;
}

cull_status cull_array_open(cull_ctx *cx, const char *path, const char *name, cull_array *out)
{
    cull__mark_t mark = cull__mark(cx);
    *out = (cull_array){0};
    cull_status s = cull__array_file(cx, &path, &name);
    if (s == CULL_OK) s = open_file(cx, path, name, out);
    cull__release(cx, mark);
    if (s != CULL_OK) cull_array_free(out);
    return s;
}
