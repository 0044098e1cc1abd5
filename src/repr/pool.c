/* pool.c - a matrix of embedded examples, read as f32 a block of rows at a time. */
#define _GNU_SOURCE
#include "cull/pool.h"
#include "base/base.h"
#include "io/io.h"
#include "repr/repr.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct cull_pool {
    cull_array a;
    int64_t n, d;
    char name[256];
};

cull_status cull__pool_of(cull_ctx *cx, const cull_array *a, const char *name, cull_pool **out)
{
    char shape[208];
    int64_t d = 1;
    bool fits = a->ndim >= 1;
    for (int i = 1; i < a->ndim; i++) fits = fits && !__builtin_mul_overflow(d, a->shape[i], &d);
    if (!fits || d < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: shape %s is no pool; it takes rows of at least one number", name,
                          cull__shape_text(a, shape));
    CULL_TRY(CULL_ALLOC(cx, *out, 1));
    (*out)->a = *a;
    (*out)->n = a->shape[0];
    (*out)->d = d;
    cull__quote(name, strlen(name), (*out)->name, sizeof(*out)->name);
    return CULL_OK;
}

/* Passes go from front to back, so the kernel may read well ahead. Only advice: no failure counts. */
static void read_ahead(const cull_array *a)
{
    uint64_t bytes = 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)a->at & ~(page - 1);
    if (cull__array_bytes(a, &bytes) && bytes >= 16 << 20)
        posix_madvise((void *)at, (size_t)bytes + ((uintptr_t)a->at - at), POSIX_MADV_SEQUENTIAL);
}

cull_status cull_pool_open(cull_ctx *cx, const char *path, cull_pool **out)
{
    cull_array a;
    *out = NULL;
    CULL_TRY(cull_array_open(cx, path, NULL, &a));
    cull_status s = cull__pool_of(cx, &a, path, out);
    if (s == CULL_OK)
        read_ahead(&a);
    else
        cull_array_free(&a);
    return s;
}

/* The rows of n pools, one pool after the other. */
static cull_status join(cull_ctx *cx, cull_pool *const *part, int n, cull_pool **out)
{
    int64_t rows = 0, d = part[0]->d;
    float *at;
    for (int i = 0; i < n; i++) {
        rows += part[i]->n;
        if (part[i]->d != d)
            return cull__fail(cx, CULL_EINPUT,
                              "%s has rows of %" PRId64 " numbers, %s of %" PRId64
                              "; they must be one embedding",
                              part[0]->name, d, part[i]->name, part[i]->d);
    }
    CULL_TRY(cull__pool_spill(cx, rows, d, &at, out));
    for (int i = 0; i < n; at += part[i]->n * d, i++)
        cull_array_f32(&part[i]->a, 0, part[i]->n * d, at);
    return CULL_OK;
}

cull_status cull_pool_open_all(cull_ctx *cx, const char *const *path, int n, cull_pool **out)
{
    cull_pool **part;
    *out = NULL;
    if (n == 1) return cull_pool_open(cx, path[0], out);
    CULL_TRY(CULL_ALLOC(cx, part, n));
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < n; i++) s = cull_pool_open(cx, path[i], &part[i]);
    if (s == CULL_OK) s = join(cx, part, n, out);
    for (int i = 0; i < n; i++) cull_pool_free(part[i]);
    cull__free(part);
    return s;
}

cull_status cull_pool_write_rows(cull_ctx *cx, const cull_pool *p, const int64_t *row, int64_t n,
                                 const char *path)
{
    cull_array a = p->a;
    uint64_t bytes;
    void *to;
    size_t each = (size_t)p->d * cull_dtype_size(a.dtype);
    a.shape[0] = n;
    if (n < 0 || !cull__array_bytes(&a, &bytes))
        return cull__fail(cx, CULL_EINPUT, "%" PRId64 " rows of %s are too many", n, p->name);
    for (int64_t i = 0; i < n; i++)
        if (row[i] < 0 || row[i] >= p->n)
            return cull__fail(cx, CULL_EINPUT, "row %" PRId64 " is not one of 0 to %" PRId64,
                              row[i], p->n - 1);
    CULL_TRY(cull__array_memory(cx, bytes, &a.mem_, &to));
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)to + (size_t)i * each, (const char *)p->a.at + (size_t)row[i] * each, each);
    a.at = to;
    cull_status s = cull_array_write(cx, path, &a);
    cull_array_free(&a);
    return s;
}

cull_status cull_pool_from(cull_ctx *cx, const void *at, cull_dtype t, int64_t n, int64_t d,
                           cull_pool **out)
{
    cull_array a = {.dtype = t, .ndim = 2, .shape = {n, d}, .at = at};
    uint64_t bytes;
    *out = NULL;
    if (n < 0 || d < 1 || !cull_dtype_size(t) || !cull__array_bytes(&a, &bytes))
        return cull__fail(cx, CULL_EINPUT, "a pool of shape (%" PRId64 ", %" PRId64 ") of %s", n, d,
                          cull_dtype_name(t));
    return cull__pool_of(cx, &a, "memory", out);
}

cull_status cull__pool_spill(cull_ctx *cx, int64_t n, int64_t d, float **rows, cull_pool **out)
{
    cull_array a = {.dtype = CULL_F32, .ndim = 2, .shape = {n, d}};
    uint64_t bytes;
    void *at;
    *rows = NULL;
    *out = NULL;
    if (n < 0 || d < 1 || !cull__array_bytes(&a, &bytes))
        return cull__fail(cx, CULL_EINPUT, "a pool of shape (%" PRId64 ", %" PRId64 ")", n, d);
    CULL_TRY(cull__array_memory(cx, bytes, &a.mem_, &at));
    a.at = at;
    cull_status s = cull__pool_of(cx, &a, "memory", out);
    if (s == CULL_OK)
        *rows = at;
    else
        cull_array_free(&a);
    return s;
}

cull_array cull_pool_array(const cull_pool *p)
{
    return (cull_array){.dtype = p->a.dtype, .ndim = 2, .shape = {p->n, p->d}, .at = p->a.at};
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
void cull_pool_rename(cull_pool *p, const char *name)
{
    cull__quote(name, strlen(name), p->name, sizeof p->name);
}

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
    cull_status s = cull__spread(cx, "checking", p->n, grain, check_rows, (void *)p, NULL, 0);
    cull__phase(cx, phase);
    return s;
}
