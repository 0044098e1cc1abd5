/* pool.c - a matrix of embedded examples, read as f32 a block of rows at a time. */
#define _GNU_SOURCE
#include "cull/pool.h"
#include "base/base.h"
#include "io/io.h"
#include "repr/repr.h"
#include "repr/sums.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct cull_pool {
    cull_array a;
    cull_pool **beside; /* (parts) pools whose rows side by side are this one's, or NULL */
    int parts;
    cull__sums *sums;       /* of the file that it came from, or NULL */
    _Atomic int64_t *asked; /* rows of a large file that the kernel was asked to read; or NULL */
    double *offset;         /* (d) that rows are less of, or NULL */
    int64_t n, d;
    char name[256];
};

cull_status cull__pool_of(cull_ctx *cx, const cull_array *a, const char *name, cull_pool **out)
{
    char shape[208];
    int64_t n, d;
    if (!cull__array_rows(a, &n, &d))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: shape %s is no pool; it takes rows of at least one number", name,
                          cull__shape_text(a, shape));
    CULL_TRY(CULL_ALLOC(cx, *out, 1));
    (*out)->a = *a;
    (*out)->n = n;
    (*out)->d = d;
    cull__quote(name, strlen(name), (*out)->name, sizeof(*out)->name);
    return CULL_OK;
}

/* ---- reading ahead: passes go from front to back. Only advice: no failure counts ---- */

enum { LARGE = 16 << 20, AHEAD = 64 << 20, STEP = 8 << 20 }; /* bytes */

static int64_t row_bytes(const cull_pool *p) { return p->d * (int64_t)cull_dtype_size(p->a.dtype); }

static void *page_of(const cull_pool *p, int64_t row)
{
    uintptr_t at = (uintptr_t)p->a.at + (uintptr_t)(row * row_bytes(p));
    return (void *)(at & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1));
}

static void advise(const cull_pool *p, int64_t lo, int64_t hi, int advice)
{
    const char *end = (const char *)p->a.at + hi * row_bytes(p);
    char *from = page_of(p, lo);
    posix_madvise(from, (size_t)(end - from), advice);
}

/* Whether a row begins in memory; true also of a file whose pages are not ours to ask about. */
static bool at_hand(const cull_pool *p, int64_t row)
{
    unsigned char there = 0;
    return mincore(page_of(p, row), 1, &there) == 0 && (there & 1);
}

static cull_status read_ahead(cull_ctx *cx, cull_pool *p)
{
    if (p->n * row_bytes(p) < LARGE) return CULL_OK;
    CULL_TRY(CULL_ALLOC(cx, p->asked, 1));
    advise(p, 0, p->n, POSIX_MADV_SEQUENTIAL);
    return CULL_OK;
}

/* A pass is at rows lo to hi: what follows is asked for a step at a time, by whoever comes first, so
 * that the disk works while blocks are computed. A pass begins at row 0; single rows are no pass. Asking
 * takes a look at every page, which is saved where they are at hand already. */
static void read_on(const cull_pool *p, int64_t lo, int64_t hi)
{
    int64_t asked = atomic_load_explicit(p->asked, memory_order_relaxed), each = row_bytes(p);
    int64_t from = lo == 0 ? 0 : asked > lo ? asked : lo;
    int64_t to = p->n - hi > AHEAD / each ? hi + AHEAD / each : p->n;
    if (hi - lo < 2 || from >= to || (to < p->n && to - from < STEP / each)) return;
    if (atomic_compare_exchange_strong(p->asked, &asked, to) && !at_hand(p, to - 1))
        advise(p, from, to, POSIX_MADV_WILLNEED);
}

static cull_status sums_agree(cull_ctx *cx, const cull_pool *p, const cull__sums *s)
{
    if (s->rows == p->n && s->head.d == p->d && s->head.dtype == (uint32_t)p->a.dtype)
        return CULL_OK;
    return cull__fail(cx, CULL_EIO,
                      "%s has shape (%" PRId64 ", %" PRId64 ") of %s, but %s.sums is of (%" PRId64
                      ", %" PRId64 ") of %s: remove that if the array was made anew",
                      p->name, p->n, p->d, cull_dtype_name(p->a.dtype), p->name, s->rows, s->head.d,
                      cull_dtype_name((cull_dtype)s->head.dtype));
}

cull_status cull_pool_open(cull_ctx *cx, const char *path, cull_pool **out)
{
    cull_array a = {0};
    cull__sums *sums;
    *out = NULL;
    CULL_TRY(cull__sums_open(cx, path, &sums));
    cull_status s = cull_array_open(cx, path, NULL, &a);
    if (s == CULL_OK) s = cull__pool_of(cx, &a, path, out);
    if (s != CULL_OK) {
        cull_array_free(&a);
        cull__sums_close(sums);
        return s;
    }
    (*out)->sums = sums;
    if (sums) s = sums_agree(cx, *out, sums);
    if (s == CULL_OK) s = read_ahead(cx, *out);
    if (s == CULL_OK) return CULL_OK;
    cull_pool_free(*out);
    *out = NULL;
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
    for (int i = 0; i < n; i++) /* what is copied is never checked again */
        if (part[i]->sums)
            CULL_TRY(cull__sums_check(cx, part[i]->sums, part[i]->name, part[i]->a.at, false));
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

static cull_status beside(cull_ctx *cx, const char *const *path, int n, cull_pool *p)
{
    CULL_TRY(CULL_ALLOC(cx, p->beside, n));
    for (p->parts = 0; p->parts < n; p->parts++) {
        CULL_TRY(cull_pool_open(cx, path[p->parts], &p->beside[p->parts]));
        const cull_pool *a = p->beside[0], *b = p->beside[p->parts];
        if (b->n == a->n && b->d == a->d) continue;
        p->parts++;
        return cull__fail(cx, CULL_EINPUT,
                          "%s has shape (%" PRId64 ", %" PRId64 "), %s (%" PRId64 ", %" PRId64
                          "); files side by side must be of one shape",
                          a->name, a->n, a->d, b->name, b->n, b->d);
    }
    p->n = p->beside[0]->n;
    p->d = p->beside[0]->d * n;
    p->a.dtype = p->beside[0]->a.dtype == CULL_F32 ? CULL_F64 : p->beside[0]->a.dtype;
    memcpy(p->name, p->beside[0]->name, sizeof p->name);
    return CULL_OK;
}

cull_status cull_pool_open_beside(cull_ctx *cx, const char *const *path, int n, cull_pool **out)
{
    *out = NULL;
    if (n == 1) return cull_pool_open(cx, path[0], out);
    CULL_TRY(CULL_ALLOC(cx, *out, 1));
    cull_status s = beside(cx, path, n, *out);
    if (s == CULL_OK) return CULL_OK;
    cull_pool_free(*out);
    *out = NULL;
    return s;
}

cull_status cull_pool_write_rows(cull_ctx *cx, const cull_pool *p, const int64_t *row, int64_t n,
                                 const char *path)
{
    cull_array a = p->a;
    uint64_t bytes;
    void *to;
    if (p->beside)
        return cull__fail(cx, CULL_EINPUT,
                          "%s and %d more lie side by side; write the rows of each by itself",
                          p->name, p->parts - 1);
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
    if (s != CULL_OK) {
        cull_array_free(&a);
        return s;
    }
    s = read_ahead(cx, *out);
    if (s == CULL_OK) {
        *rows = at;
        return CULL_OK;
    }
    cull_pool_free(*out);
    *out = NULL;
    return s;
}

cull_array cull_pool_array(const cull_pool *p)
{
    return (cull_array){.dtype = p->a.dtype, .ndim = 2, .shape = {p->n, p->d}, .at = p->a.at};
}

void cull_pool_free(cull_pool *p)
{
    if (!p) return;
    for (int i = 0; i < p->parts; i++) cull_pool_free(p->beside[i]);
    cull__free(p->beside);
    cull__sums_close(p->sums);
    cull__free(p->asked);
    cull__free(p->offset);
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

static void rows_beside(const cull_pool *p, int64_t lo, int64_t hi, float *buf)
{
    int64_t each = p->beside[0]->d;
    for (int i = 0; i < p->parts; i++)
        if (p->beside[i]->asked) read_on(p->beside[i], lo, hi);
    for (int64_t r = lo; r < hi; r++)
        for (int i = 0; i < p->parts; i++, buf += each)
            cull_array_f32(&p->beside[i]->a, r * each, each, buf);
}

/* ---- rows less an offset ---- */

const double *cull_pool_offset(const cull_pool *p) { return p->offset; }

cull_status cull_pool_set_offset(cull_ctx *cx, cull_pool *p, const double *offset)
{
    if (!offset) return CULL_OK;
    if (!p->offset) CULL_TRY(CULL_ALLOC(cx, p->offset, p->d));
    memcpy(p->offset, offset, (size_t)p->d * sizeof *offset);
    return CULL_OK;
}

static void rows_less(const cull_pool *p, int64_t lo, int64_t hi, float *buf)
{
    enum { ROOM = 256 };
    double v[ROOM];
    for (int64_t r = lo; r < hi; r++)
        for (int64_t c = 0; c < p->d; c += ROOM) {
            int64_t k = p->d - c < ROOM ? p->d - c : ROOM;
            cull_array_f64(&p->a, r * p->d + c, k, v);
            for (int64_t i = 0; i < k; i++) *buf++ = (float)(v[i] - p->offset[c + i]);
        }
}

const float *cull_pool_rows(const cull_pool *p, int64_t lo, int64_t hi, float *buf)
{
    if (p->beside) {
        rows_beside(p, lo, hi, buf);
        return buf;
    }
    if (p->asked) read_on(p, lo, hi);
    if (p->a.dtype == CULL_F32 && ((uintptr_t)p->a.at & 3) == 0)
        return (const float *)p->a.at + lo * p->d;
    if (p->offset && p->a.dtype != CULL_F32)
        rows_less(p, lo, hi, buf);
    else
        cull_array_f32(&p->a, lo * p->d, (hi - lo) * p->d, buf);
    return buf;
}

cull_status cull_pool_alike(cull_ctx *cx, const cull_pool *a, const cull_pool *b)
{
    if (a->d != b->d)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has rows of %" PRId64 " numbers, %s of %" PRId64
                          "; they must be one embedding",
                          a->name, a->d, b->name, b->d);
    for (int i = 0; i < a->parts && a->parts == b->parts; i++)
        CULL_TRY(cull_pool_alike(cx, a->beside[i], b->beside[i]));
    if (!a->sums || !b->sums) return CULL_OK;
    const cull__sums_head *s = &a->sums->head, *t = &b->sums->head;
    if (s->from == t->from && s->seed == t->seed) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s was projected from %" PRId64 " numbers with seed %" PRIu64
                      ", %s from %" PRId64 " with seed %" PRIu64 "; it must be one projection",
                      a->name, s->from, s->seed, b->name, t->from, t->seed);
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
    for (int64_t i = 0; i < len; i++) {
        if (isfinite(x[i])) continue;
        double as_given;
        cull_array_f64(&p->a, lo * p->d + i, 1, &as_given);
        return cull__fail(cx, CULL_EINPUT,
                          "%s[%" PRId64 ", %" PRId64 "] is %s; embeddings must be finite", p->name,
                          lo + i / p->d, i % p->d,
                          isnan(x[i])       ? "nan"
                          : isinf(as_given) ? "infinite"
                                            : "too large for f32");
    }
    return CULL_OK;
}

cull_status cull_pool_check(cull_ctx *cx, const cull_pool *p)
{
    int64_t grain = 65536 / p->d + 1;
    for (int i = 0; i < p->parts; i++) CULL_TRY(cull_pool_check(cx, p->beside[i]));
    if (p->beside) return CULL_OK;
    const char *phase = cull__phase(cx, "checking embeddings");
    /* a store takes finite numbers only */
    cull_status s = p->sums
                        ? cull__sums_check(cx, p->sums, p->name, p->a.at, true)
                        : cull__spread(cx, "checking", p->n, grain, check_rows, (void *)p, NULL, 0);
    cull__phase(cx, phase);
    return s;
}
