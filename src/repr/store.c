/* store.c - an array that grows on disk, and its checksums beside it.
 *
 * A block goes out in three writes: its rows, the npy head with the new number of rows, the entry in
 * PATH.sums. Whatever was written before a kill, the entries never tell of more than is there; what is
 * there beyond them is cut off at the next opening. Pages reach the disk in any order, though: after a
 * loss of power the last blocks that were not flushed may be told of and not be there, so opening
 * also drops blocks from the end until one has its checksum. */
#define _GNU_SOURCE
#include "cull/store.h"
#include "base/base.h"
#include "io/io.h"
#include "repr/sums.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20 }; /* bytes */

struct cull_store {
    int fd, sums_fd;
    char *path, *sums;
    cull_dtype dtype;
    int64_t d, from;
    size_t row;          /* bytes of one */
    int64_t room;        /* rows of a full block */
    int64_t rows, count; /* rows in blocks that are written; and how many blocks */
    int64_t held;        /* rows in `block` */
    char *block;         /* (room, d) */
    float *wide;         /* (room, d) before they are rounded to dtype */
};

static bool write_at(int fd, const void *p, size_t n, int64_t at)
{
    const char *from = p;
    while (n) {
        ssize_t k = pwrite(fd, from, n < 1 << 30 ? n : 1 << 30, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        from += k, at += k;
        n -= (size_t)k;
    }
    return true;
}

static int64_t end_of(const cull_store *s, int64_t rows)
{
    return CULL__STORE_HEAD + rows * (int64_t)s->row;
}

static bool write_head(const cull_store *s, int64_t rows)
{
    char head[512];
    cull_array a = {.dtype = s->dtype, .ndim = 2, .shape = {rows, s->d}};
    return write_at(s->fd, head, cull__npy_head(&a, head), 0);
}

static cull_status write_block(cull_ctx *cx, cull_store *s)
{
    size_t n = (size_t)s->held * s->row;
    int64_t rows = s->rows + s->held;
    if (!s->held) return CULL_OK;
    cull__sums_entry e = cull__sums_entry_of(s->count, rows, s->block, n);
    if (!write_at(s->fd, s->block, n, end_of(s, s->rows)) || !write_head(s, rows))
        return cull__fail_errno(cx, s->path, "cannot write");
    if (!write_at(s->sums_fd, &e, sizeof e,
                  (int64_t)sizeof(cull__sums_head) + s->count * (int64_t)sizeof e))
        return cull__fail_errno(cx, s->sums, "cannot write");
    s->rows = rows;
    s->count++;
    s->held = 0;
    return CULL_OK;
}

/* ---- opening ---- */

static cull_status open_files(cull_ctx *cx, cull_store *s)
{
    bool there = access(s->path, F_OK) == 0;
    if (there && access(s->sums, F_OK) != 0)
        return cull__fail(cx, CULL_EINPUT,
                          "%s is there, %s is not: it is no store; give the name of a new file",
                          s->path, s->sums);
    s->sums_fd = open(s->sums, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->sums_fd < 0) return cull__fail_errno(cx, s->sums, "cannot write here");
    if (flock(s->sums_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return cull__fail(cx, CULL_EIO, "%s: another process appends to it", s->path);
    s->fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    return s->fd >= 0 ? CULL_OK : cull__fail_errno(cx, s->path, "cannot write here");
}

/* How many of the blocks are kept: those up to the last that is whole. */
static cull_status keep(cull_ctx *cx, cull_store *s, const cull__sums *told)
{
    struct stat st;
    if (fstat(s->fd, &st) != 0) return cull__fail_errno(cx, s->path, "cannot read");
    for (s->count = told->blocks; s->count > 0; s->count--) {
        const cull__sums_entry *e = &told->entry[s->count - 1];
        int64_t from = s->count > 1 ? e[-1].rows : 0;
        s->rows = e->rows;
        if (e->rows - from > s->room)
            return cull__fail(cx, CULL_EIO,
                              "%s: a block of %" PRId64 " rows; none has over %" PRId64, s->sums,
                              e->rows - from, s->room);
        if (end_of(s, e->rows) > st.st_size) continue;
        size_t n = (size_t)(e->rows - from) * s->row;
        if (pread(s->fd, s->block, n, (off_t)end_of(s, from)) != (ssize_t)n)
            return cull__fail_errno(cx, s->path, "cannot read");
        cull_hash128 is = cull__hash128(s->block, n);
        if (is.lo == e->sum.lo && is.hi == e->sum.hi) return CULL_OK;
    }
    s->rows = 0;
    if (!told->blocks) return CULL_OK;
    return cull__fail(
        cx, CULL_EIO,
        "%s: not one block has its checksum in %s: one of the two is not of this store; "
        "remove both to begin anew",
        s->path, s->sums);
}

static cull_status resume(cull_ctx *cx, cull_store *s, const cull__sums_head *want)
{
    cull__bytes file;
    cull__sums told = {0};
    CULL_TRY(cull__bytes_map_fd(cx, s->sums_fd, s->sums, &file));
    cull_status e = CULL_OK;
    bool fresh = !file.n && lseek(s->fd, 0, SEEK_END) <= CULL__STORE_HEAD;
    if (!fresh) e = cull__sums_parse(cx, s->sums, file.at, file.n, &told);
    if (e == CULL_OK && !fresh && memcmp(&told.head, want, sizeof *want))
        e = cull__fail(cx, CULL_EINPUT,
                       "%s holds rows of %" PRId64 " %s projected from %" PRId64
                       " with seed %" PRIu64 ", not of %" PRId64 " %s from %" PRId64
                       " with seed %" PRIu64,
                       s->path, told.head.d, cull_dtype_name((cull_dtype)told.head.dtype),
                       told.head.from, told.head.seed, want->d,
                       cull_dtype_name((cull_dtype)want->dtype), want->from, want->seed);
    if (e == CULL_OK && !fresh) e = keep(cx, s, &told);
    cull__bytes_close(&file);
    return e;
}

/* Both files cut to the blocks that are kept. */
static cull_status settle(cull_ctx *cx, cull_store *s, const cull__sums_head *head)
{
    off_t sums = (off_t)(sizeof *head + (size_t)s->count * sizeof(cull__sums_entry));
    if (ftruncate(s->sums_fd, sums) != 0 || !write_at(s->sums_fd, head, sizeof *head, 0))
        return cull__fail_errno(cx, s->sums, "cannot write");
    if (ftruncate(s->fd, (off_t)end_of(s, s->rows)) != 0 || !write_head(s, s->rows))
        return cull__fail_errno(cx, s->path, "cannot write");
    return CULL_OK;
}

static cull_status copy(cull_ctx *cx, const char *s, const char *end, char **out)
{
    size_t n = strlen(s) + strlen(end) + 1;
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)n));
    snprintf(*out, n, "%s%s", s, end);
    return CULL_OK;
}

static cull_status start(cull_ctx *cx, const char *path, cull_store *s)
{
    cull__sums_head head =
        cull__sums_head_of(s->dtype, s->d, s->from, s->from ? cull_ctx_seed(cx) : 0);
    CULL_TRY(copy(cx, path, "", &s->path));
    CULL_TRY(copy(cx, path, ".sums", &s->sums));
    CULL_TRY(cull__alloc(cx, (void **)&s->block, s->room, s->row));
    CULL_TRY(CULL_ALLOC(cx, s->wide, s->room * s->d));
    CULL_TRY(open_files(cx, s));
    CULL_TRY(resume(cx, s, &head));
    return settle(cx, s, &head);
}

static void drop(cull_store *s)
{
    if (s->fd >= 0) close(s->fd);
    if (s->sums_fd >= 0) close(s->sums_fd);
    cull__free(s->wide), cull__free(s->block), cull__free(s->path), cull__free(s->sums);
    cull__free(s);
}

cull_status cull_store_open(cull_ctx *cx, const char *path, cull_dtype t, int64_t d, int64_t from,
                            cull_store **out)
{
    char ext[16];
    *out = NULL;
    if (strcmp(cull__extension(path, ext), "npy"))
        return cull__fail(cx, CULL_EINPUT, "%s: a store is an npy file; call it NAME.npy", path);
    if (t != CULL_F16 && t != CULL_BF16 && t != CULL_F32)
        return cull__fail(cx, CULL_EINPUT, "%s: a store of %s; it takes f16, bf16 or f32", path,
                          cull_dtype_name(t));
    if (d < 1 || d > INT32_MAX || from < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: rows of %" PRId64 " numbers, projected from %" PRId64
                          "; it takes 1 to %d, from any number or 0 = as they are",
                          path, d, from, INT32_MAX);
    cull_store *s;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    *s = (cull_store){.fd = -1, .sums_fd = -1, .dtype = t, .d = d, .from = from};
    s->row = (size_t)d * cull_dtype_size(t);
    s->room = s->row < BLOCK ? BLOCK / (int64_t)s->row : 1;
    cull_status e = start(cx, path, s);
    if (e == CULL_OK)
        *out = s;
    else
        drop(s);
    return e;
}

int64_t cull_store_rows(const cull_store *s) { return s->rows + s->held; }

/* ---- appending ---- */

typedef struct {
    cull_store *s;
    int64_t row; /* what errors call the first one */
} encoding;

/* Rows of `wide` behind those in the block, rounded. */
static cull_status encode(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const encoding *e = arg;
    const cull_store *s = e->s;
    (void)chunk;
    for (int64_t i = lo * s->d; i < hi * s->d; i++) {
        float v = s->wide[i];
        char *to = s->block + (size_t)s->held * s->row + (size_t)i * cull_dtype_size(s->dtype);
        uint16_t half = s->dtype == CULL_F16 ? cull__f32_to_f16(v) : cull__f32_to_bf16(v);
        bool fits = isfinite(v);
        if (s->dtype == CULL_F32)
            memcpy(to, &v, sizeof v);
        else
            memcpy(to, &half, sizeof half);
        if (s->dtype == CULL_F16) fits = (half & 0x7C00) != 0x7C00;
        if (s->dtype == CULL_BF16) fits = (half & 0x7F80) != 0x7F80;
        if (fits) continue;
        return cull__fail(cx, CULL_EINPUT,
                          "%s[%" PRId64 ", %" PRId64 "] is %g; %s takes finite numbers%s", s->path,
                          e->row + i / s->d, i % s->d, (double)v, cull_dtype_name(s->dtype),
                          s->dtype == CULL_F16 ? " up to 65504" : "");
    }
    return CULL_OK;
}

/* Rows lo .. lo + n of a, which the block has room for. */
static cull_status add(cull_ctx *cx, cull_store *s, const cull_array *a, int64_t lo, int64_t n)
{
    int64_t width = s->from ? s->from : s->d;
    if (s->from) {
        cull_array part = {.dtype = a->dtype, .ndim = 2, .shape = {n, width}};
        part.at = (const char *)a->at + (size_t)(lo * width) * cull_dtype_size(a->dtype);
        CULL_TRY(cull_project(cx, &part, s->d, s->wide));
    } else {
        cull_array_f32(a, lo * width, n * width, s->wide);
    }
    encoding e = {s, cull_store_rows(s)};
    CULL_TRY(cull__for(cx, n, 16384 / s->d + 1, encode, &e));
    s->held += n;
    return s->held == s->room ? write_block(cx, s) : CULL_OK;
}

cull_status cull_store_append(cull_ctx *cx, cull_store *s, const cull_array *a)
{
    int64_t n, width, want = s->from ? s->from : s->d;
    char shape[208];
    if (!cull__array_rows(a, &n, &width) || width != want)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: appended is shape %s; it takes rows of %" PRId64 " numbers", s->path,
                          cull__shape_text(a, shape), want);
    for (int64_t lo = 0, k; lo < n; lo += k) {
        if (s->held == s->room) CULL_TRY(write_block(cx, s)); /* the disk was full before */
        k = n - lo < s->room - s->held ? n - lo : s->room - s->held;
        CULL_TRY(add(cx, s, a, lo, k));
    }
    return CULL_OK;
}

cull_status cull_store_flush(cull_ctx *cx, cull_store *s)
{
    CULL_TRY(write_block(cx, s));
    if (fsync(s->fd) != 0) return cull__fail_errno(cx, s->path, "cannot write");
    if (fsync(s->sums_fd) != 0) return cull__fail_errno(cx, s->sums, "cannot write");
    return CULL_OK;
}

cull_status cull_store_close(cull_ctx *cx, cull_store *s)
{
    if (!s) return CULL_OK;
    cull_status e = cull_store_flush(cx, s);
    drop(s);
    return e;
}
