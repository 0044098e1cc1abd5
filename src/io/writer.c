/* writer.c - files written whole or not at all: a temporary beside the target, fsync, rename.
 *
 * .gz and .zst are compressed by name (gzip level 6 without a time stamp, zstd level 3), so the
 * same bytes in give the same file. A link is followed, so that it stays a link. What is no
 * regular file (a pipe, /dev/full, /dev/fd/3) is written directly. */
#define _GNU_SOURCE
#include "io/io.h"
#include "io/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { OUT = 64 * 1024 };
/* The disk begins to write after so many bytes: at the end fsync waits for the last of them only. */
enum { EARLY = 64 << 20 };

struct cull__writer {
    int fd;
    bool own, z_live;
    char *path, *tmp; /* what errors name; the temporary, "" = written directly */
    char *target;     /* where the temporary goes: path with links followed */
    mode_t mode;      /* of the file that is there already; 0 = none is */
    char *buf;        /* (OUT) what is to be written */
    size_t n;
    _Atomic uint64_t placed; /* bytes of cull__write_at */
    z_stream z;
    ZSTD_CCtx *zstd;
    cull_status status; /* the first failure */
};

static bool ends(const char *s, const char *tail)
{
    size_t a = strlen(s), b = strlen(tail);
    return a >= b && !strcasecmp(s + a - b, tail);
}

static cull_status copy(cull_ctx *cx, const char *s, char **out)
{
    size_t n = strlen(s) + 1;
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)n));
    memcpy(*out, s, n);
    return CULL_OK;
}

static cull_status open_tmp(cull_ctx *cx, cull__writer *w)
{
    CULL_TRY(CULL_ALLOC(cx, w->tmp, (int64_t)(strlen(w->target) + CULL__TEMPORARY)));
    w->fd = cull__temporary(w->target, w->mode ? w->mode : 0666, w->tmp);
    /* what takes the place of a private file is no less private */
    if (w->fd >= 0 && (!w->mode || fchmod(w->fd, w->mode) == 0)) return CULL_OK;
    if (w->fd >= 0) return cull__fail_errno(cx, w->path, "cannot keep its permissions");
    w->tmp[0] = 0;
    return cull__fail_errno(cx, w->path, "cannot write here");
}

static cull_status open_target(cull_ctx *cx, cull__writer *w)
{
    struct stat st;
    const char *path = w->path;
    if (cull__rank(cx) == 0 && (!strcmp(path, "-") || !strcmp(path, "/dev/stdout"))) {
        w->fd = STDOUT_FILENO;
        return CULL_OK;
    }
    if (!*path) return cull__fail(cx, CULL_EIO, "the name of the file to write is empty");
    if (cull__rank(cx) > 0) path = "/dev/null"; /* rank 0 writes the same */
    bool there = stat(path, &st) == 0;
    if (!there && errno != ENOENT) return cull__fail_errno(cx, path, "cannot write here");
    if (there && S_ISDIR(st.st_mode))
        return cull__fail(cx, CULL_EIO, "%s: is a directory; give the name of a file", path);
    if ((there && !S_ISREG(st.st_mode)) || !strncmp(path, "/dev/fd/", 8) ||
        !strncmp(path, "/proc/", 6)) {
        w->fd = open(path, O_WRONLY | O_CLOEXEC);
        w->own = true;
        return w->fd >= 0 ? CULL_OK : cull__fail_errno(cx, path, "cannot write");
    }
    if (there && access(path, W_OK) != 0) return cull__fail_errno(cx, path, "cannot write");
    if (!there && lstat(path, &st) == 0)
        return cull__fail(cx, CULL_EIO, "%s: is a link to a file that is not there", path);
    w->mode = there ? st.st_mode & 0777 : 0;
    char *real = there ? realpath(path, NULL) : NULL;
    cull_status s = copy(cx, real ? real : path, &w->target);
    free(real);
    CULL_TRY(s);
    w->own = true;
    return open_tmp(cx, w);
}

static cull_status open_form(cull_ctx *cx, cull__writer *w)
{
    if (ends(w->path, ".gz")) {
        w->z.zalloc = cull__z_alloc;
        w->z.zfree = cull__z_free;
        w->z.opaque = cx;
        if (deflateInit2(&w->z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
            return cull__fail(cx, CULL_ENOMEM, "%s: out of memory for deflate", w->path);
        w->z_live = true;
    } else if (ends(w->path, ".zst")) {
        w->zstd = ZSTD_createCCtx();
        if (!w->zstd) return cull__fail(cx, CULL_ENOMEM, "%s: out of memory for zstd", w->path);
        ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
    }
    return CULL_OK;
}

cull_status cull__writer_open(cull_ctx *cx, const char *path, cull__writer **out)
{
    cull__writer *w;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, w, 1));
    w->fd = -1;
    cull_status s = copy(cx, path, &w->path);
    if (s == CULL_OK) s = CULL_ALLOC(cx, w->buf, OUT);
    if (s == CULL_OK) s = open_form(cx, w);
    if (s == CULL_OK) s = open_target(cx, w);
    if (s != CULL_OK) return cull__writer_end(cx, w, s);
    *out = w;
    return CULL_OK;
}

static cull_status put(cull_ctx *cx, cull__writer *w, const void *p, size_t n)
{
    if (cull__write_all(w->fd, p, n)) return CULL_OK;
    return cull__fail_errno(cx, w->fd == STDOUT_FILENO ? "standard output" : w->path,
                            "cannot write");
}

/* The buffer through deflate to the file. */
static cull_status put_gzip(cull_ctx *cx, cull__writer *w, bool last)
{
    unsigned char some[32 * 1024];
    int e;
    w->z.next_in = (unsigned char *)w->buf;
    w->z.avail_in = (uInt)w->n;
    do {
        w->z.next_out = some;
        w->z.avail_out = sizeof some;
        e = deflate(&w->z, last ? Z_FINISH : Z_NO_FLUSH);
        CULL_TRY(put(cx, w, some, sizeof some - w->z.avail_out));
    } while (last ? e != Z_STREAM_END && e != Z_STREAM_ERROR : w->z.avail_out == 0);
    return CULL_OK;
}

static cull_status put_zstd(cull_ctx *cx, cull__writer *w, bool last)
{
    char some[32 * 1024];
    ZSTD_inBuffer in = {w->buf, w->n, 0};
    for (;;) {
        ZSTD_outBuffer out = {some, sizeof some, 0};
        size_t e = ZSTD_compressStream2(w->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(e))
            return cull__fail(cx, CULL_ENOMEM, "%s: zstd: %s", w->path, ZSTD_getErrorName(e));
        CULL_TRY(put(cx, w, some, out.pos));
        if (last ? e == 0 : in.pos == in.size) return CULL_OK;
    }
}

static cull_status flush(cull_ctx *cx, cull__writer *w, bool last)
{
    cull_status s = w->z_live ? put_gzip(cx, w, last)
                    : w->zstd ? put_zstd(cx, w, last)
                              : put(cx, w, w->buf, w->n);
    w->n = 0;
    return s;
}

cull_status cull__write(cull_ctx *cx, cull__writer *w, const void *p, size_t n)
{
    const char *at = p;
    if (w->status != CULL_OK) return w->status;
    while (n && w->status == CULL_OK) {
        size_t k = n < OUT - w->n ? n : OUT - w->n;
        memcpy(w->buf + w->n, at, k);
        w->n += k;
        at += k;
        n -= k;
        if (w->n == OUT) w->status = flush(cx, w, false);
    }
    return w->status;
}

cull_status cull__disk_room(cull_ctx *cx, const char *path, const char *dir, uint64_t bytes)
{
    struct statvfs v;
    char need[32], have[32];
    if (statvfs(dir, &v) != 0) return CULL_OK; /* it will be found out */
    uint64_t bavail = v.f_bavail, each = v.f_frsize, left;
    if (__builtin_mul_overflow(bavail, each, &left) || left >= bytes) return CULL_OK;
    return cull__fail(cx, CULL_EIO, "%s: %s (%" PRIu64 " bytes) are needed, and %s are free there",
                      path, cull__format_bytes(bytes, need), bytes, cull__format_bytes(left, have));
}

cull_status cull__writer_room(cull_ctx *cx, cull__writer *w, uint64_t bytes)
{
    char need[32];
    if (!w->tmp || !*w->tmp || bytes == 0 || fallocate(w->fd, 0, 0, (off_t)bytes) == 0)
        return CULL_OK;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR) return CULL_OK;
    char what[80];
    snprintf(what, sizeof what, "cannot take the %s that it needs",
             cull__format_bytes(bytes, need));
    return cull__fail_errno(cx, w->path, what);
}

cull_status cull__write_at(cull_ctx *cx, cull__writer *w, const void *p, size_t n, uint64_t at)
{
    if (!w->own || w->z_live || w->zstd)
        return cull__fail(cx, CULL_EINTERNAL, "%s: no file to write at any place", w->path);
    if (!cull__write_all_at(w->fd, p, n, at)) return cull__fail_errno(cx, w->path, "cannot write");
    uint64_t was = atomic_fetch_add(&w->placed, n);
    if (was / EARLY != (was + n) / EARLY) (void)sync_file_range(w->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return CULL_OK;
}

/* The descriptor of a temporary is open until it has its name: until then it says that it is in use. After fsync
 * its closing has nothing left that could fail. */
static cull_status settle(cull_ctx *cx, cull__writer *w)
{
    CULL_TRY(flush(cx, w, true));
    if (!w->own) return CULL_OK;
    if (!w->tmp || !*w->tmp) {
        w->own = false;
        return close(w->fd) == 0 ? CULL_OK : cull__fail_errno(cx, w->path, "cannot write");
    }
    if (fsync(w->fd) != 0) return cull__fail_errno(cx, w->path, "cannot write");
    if (rename(w->tmp, w->target) != 0)
        return cull__fail_errno(cx, w->path, "cannot put the new file in place");
    w->tmp[0] = 0;
    cull__sync_folder(w->target);
    return CULL_OK;
}

cull_status cull__writer_end(cull_ctx *cx, cull__writer *w, cull_status s)
{
    if (!w) return s;
    if (s == CULL_OK) s = w->status;
    if (s == CULL_OK) s = settle(cx, w);
    if (w->tmp && *w->tmp) unlink(w->tmp);
    if (w->own && w->fd >= 0) close(w->fd);
    if (w->z_live) deflateEnd(&w->z);
    ZSTD_freeCCtx(w->zstd);
    cull__free(w->buf);
    cull__free(w->target);
    cull__free(w->tmp);
    cull__free(w->path);
    cull__free(w);
    return s;
}
