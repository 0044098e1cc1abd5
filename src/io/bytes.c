/* bytes.c - a file whole: mapped where it lies, or expanded to memory, or to an unlinked file in
 * tmpdir when that would take more than a quarter of the memory limit. Mapped pages are the page
 * cache's and are not counted. */
#define _GNU_SOURCE
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP = 1 << 20 };

struct owner {
    void *map;
    size_t map_n;
    void *block;
    int fd;      /* of a mapped file that stays open to be read; -1 = none */
    bool cached; /* most of that file was in the page cache when it was opened */
};

bool cull__write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t k = write(fd, at, n > 1 << 30 ? 1 << 30 : n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

bool cull__write_all_at(int fd, const void *p, size_t n, uint64_t at)
{
    const char *from = p;
    while (n) {
        ssize_t k = pwrite(fd, from, n > 1 << 30 ? 1 << 30 : n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return false;
        from += k;
        at += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}

cull_status cull__spool_new(cull_ctx *cx, int *fd)
{
    const char *dir = cull__tmpdir(cx);
    *fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd >= 0) return CULL_OK;
    char name[4096];
    int n = snprintf(name, sizeof name, "%s/cull-XXXXXX", dir);
    if (n < 0 || n >= (int)sizeof name) {
        errno = ENAMETOOLONG;
    } else {
        *fd = mkostemp(name, O_CLOEXEC);
        if (*fd >= 0) {
            unlink(name);
            return CULL_OK;
        }
    }
    return cull__fail_errno(cx, dir, "cannot make a temporary file");
}

/* Map n > 0 bytes of fd. */
static cull_status map(cull_ctx *cx, int fd, const char *name, size_t n, int prot, int flags,
                       cull__bytes *out)
{
    struct owner *w;
    CULL_TRY(CULL_ALLOC(cx, w, 1));
    void *p = mmap(NULL, n, prot, flags, fd, 0);
    if (p == MAP_FAILED) {
        cull__free(w);
        return cull__fail_errno(cx, name, "cannot map");
    }
    *w = (struct owner){.map = p, .map_n = n, .fd = -1};
    *out = (cull__bytes){p, n, w};
    return CULL_OK;
}

cull_status cull__spill_new(cull_ctx *cx, uint64_t n, bool disk, cull__bytes *out, void **at)
{
    *out = (cull__bytes){.at = (const unsigned char *)"", .n = 0};
    *at = (void *)out->at;
    if (n == 0) return CULL_OK;
    if (n > INT64_MAX / 4) return cull__fail(cx, CULL_ENOMEM, "out of memory: too large a block");
    if (!disk) {
        struct owner *w;
        CULL_TRY(CULL_ALLOC(cx, w, 1));
        w->fd = -1;
        cull_status s = cull__alloc(cx, &w->block, (int64_t)n, 1);
        if (s != CULL_OK) {
            cull__free(w);
            return s;
        }
        *out = (cull__bytes){w->block, (size_t)n, w};
    } else {
        int fd;
        CULL_TRY(cull__spool_new(cx, &fd));
        cull_status s = CULL_OK;
        errno = posix_fallocate(fd, 0, (off_t)n); /* a hole on a full disk would be SIGBUS */
        if (errno) s = cull__fail_errno(cx, cull__tmpdir(cx), "no room for a temporary file");
        if (s == CULL_OK)
            s = map(cx, fd, cull__tmpdir(cx), (size_t)n, PROT_READ | PROT_WRITE, MAP_SHARED, out);
        close(fd);
        CULL_TRY(s);
    }
    *at = (void *)(uintptr_t)out->at;
    return CULL_OK;
}

/* What a stream gives, first in memory, from `most` bytes on in a file. */
struct sink {
    char *block;
    int64_t cap, n;
    uint64_t most;
    int fd; /* -1: in memory */
};

static cull_status to_disk(cull_ctx *cx, struct sink *k)
{
    CULL_TRY(cull__spool_new(cx, &k->fd));
    if (!cull__write_all(k->fd, k->block, (size_t)k->n))
        return cull__fail_errno(cx, cull__tmpdir(cx), "cannot write a temporary file");
    if (k->cap > STEP) {
        cull__free(k->block);
        k->block = NULL;
        k->cap = 0;
        CULL_TRY(CULL_GROW(cx, k->block, &k->cap, STEP));
    }
    return CULL_OK;
}

static cull_status drain(cull_ctx *cx, cull__reader *r, struct sink *k)
{
    CULL_TRY(CULL_GROW(cx, k->block, &k->cap, STEP));
    for (;;) {
        size_t got;
        if (k->fd < 0 && k->n == k->cap) {
            cull_status s = (uint64_t)k->cap * 2 > k->most
                                ? CULL_ENOMEM
                                : CULL_GROW(cx, k->block, &k->cap, k->cap * 2);
            if (s != CULL_OK) CULL_TRY(to_disk(cx, k));
        }
        bool disk = k->fd >= 0;
        CULL_TRY(cull__read(cx, r, k->block + (disk ? 0 : k->n),
                            (size_t)(disk ? k->cap : k->cap - k->n), &got));
        if (!got) return CULL_OK;
        if (disk && !cull__write_all(k->fd, k->block, got))
            return cull__fail_errno(cx, cull__tmpdir(cx), "cannot write a temporary file");
        k->n += (int64_t)got;
        CULL_TRY(cull__tick(cx, (double)cull__reader_offset(r), (double)cull__reader_size(r)));
    }
}

static cull_status expand(cull_ctx *cx, cull__reader *r, cull__bytes *out)
{
    struct sink k = {.fd = -1, .most = cull__memory_limit(cx) / 4};
    cull_status s = drain(cx, r, &k);
    if (s == CULL_OK && k.fd >= 0)
        s = map(cx, k.fd, cull__tmpdir(cx), (size_t)k.n, PROT_READ, MAP_SHARED, out);
    struct owner *w = NULL;
    if (s == CULL_OK && k.fd < 0 && k.n) s = CULL_ALLOC(cx, w, 1);
    if (w) {
        w->block = k.block;
        w->fd = -1;
        *out = (cull__bytes){w->block, (size_t)k.n, w};
    } else {
        cull__free(k.block);
    }
    if (k.fd >= 0) close(k.fd);
    return s;
}

bool cull__regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Whether the page cache has more than half of a map, by pages that lie evenly. The system may say that it has all. */
static bool is_cached(const void *at, size_t n)
{
    enum { LOOKS = 256 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (n + page - 1) / page, cached = 0;
    for (size_t i = 0; i < LOOKS; i++) {
        unsigned char one = 0;
        char *p = (char *)(uintptr_t)at + pages * i / LOOKS * page;
        cached += mincore(p, page, &one) == 0 && (one & 1);
    }
    return cached > LOOKS / 2;
}

/* A file's descriptor, kept for reads from front to back, as long as half of those that a process may have are free. */
static void keep(const cull__bytes *b, int fd)
{
    struct owner *w = b->mem_;
    struct rlimit most;
    if (!w || getrlimit(RLIMIT_NOFILE, &most) != 0 || (rlim_t)fd >= most.rlim_cur / 2) {
        close(fd);
        return;
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    w->fd = fd;
    w->cached = is_cached(w->map, w->map_n);
}

static cull_status open_plain(cull_ctx *cx, const char *path, bool to_read, cull__bytes *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cull__fail_errno(cx, path, "cannot open");
    cull_status s = cull__bytes_map_fd(cx, fd, path, out);
    if (s == CULL_OK && to_read)
        keep(out, fd);
    else
        close(fd);
    return s;
}

static cull_status open_any(cull_ctx *cx, const char *path, bool to_read, cull__bytes *out)
{
    cull__reader *r;
    *out = (cull__bytes){.at = (const unsigned char *)"", .n = 0};
    CULL_TRY(cull__reader_open(cx, path, &r));
    cull_status s;
    /* (files of /proc say that they have no bytes) */
    if (!cull__reader_plain(r) || !strcmp(path, "-") || cull__reader_size(r) == 0) {
        const char *phase = cull__phase(cx, "expanding");
        s = expand(cx, r, out);
        cull__phase(cx, phase);
    } else {
        s = open_plain(cx, path, to_read, out);
    }
    cull__reader_close(r);
    return s;
}

cull_status cull__bytes_open(cull_ctx *cx, const char *path, cull__bytes *out)
{
    return open_any(cx, path, false, out);
}

cull_status cull__bytes_open_regular(cull_ctx *cx, const char *path, cull__bytes *out)
{
    *out = (cull__bytes){.at = (const unsigned char *)"", .n = 0};
    if (!cull__regular(path) && access(path, F_OK) == 0)
        return cull__fail(cx, CULL_EINPUT, "%s: is no regular file, as those of a checkpoint are",
                          path);
    return open_any(cx, path, true, out);
}

cull_status cull__bytes_read(cull_ctx *cx, const cull__bytes *b, const char *path, size_t at,
                             size_t n, void *out)
{
    const struct owner *w = b->mem_;
    char *to = out;
    if (!w || w->fd < 0) {
        memcpy(out, b->at + at, n);
        return CULL_OK;
    }
    while (n) {
        ssize_t k = pread(w->fd, to, n > 1 << 30 ? 1 << 30 : n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return cull__fail_errno(cx, path, "cannot read");
        if (k == 0)
            return cull__fail(cx, CULL_EIO,
                              "%s: it was cut to %zu bytes while it was read; it had %zu", path, at,
                              b->n);
        to += k, at += (size_t)k, n -= (size_t)k;
    }
    return CULL_OK;
}

cull_status cull__bytes_map_fd(cull_ctx *cx, int fd, const char *name, cull__bytes *out)
{
    struct stat st;
    *out = (cull__bytes){.at = (const unsigned char *)"", .n = 0};
    if (fstat(fd, &st) != 0) return cull__fail_errno(cx, name, "cannot read");
    if (!st.st_size) return CULL_OK;
    return map(cx, fd, name, (size_t)st.st_size, PROT_READ, MAP_SHARED, out);
}

void cull__bytes_close(cull__bytes *b)
{
    struct owner *w = b->mem_;
    *b = (cull__bytes){0};
    if (!w) return;
    if (w->map) munmap(w->map, w->map_n);
    if (w->fd >= 0) close(w->fd);
    cull__free(w->block);
    cull__free(w);
}

void cull__bytes_drop(const cull__bytes *b, size_t at, size_t n)
{
    struct owner *w = b->mem_;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!w || !w->map) return; /* what is in memory cannot be read again */
    size_t lo = (at + page - 1) / page * page, hi = (at + n) / page * page;
    if (lo < hi) (void)madvise((char *)w->map + lo, hi - lo, MADV_DONTNEED);
}

void cull__bytes_forget(const cull__bytes *b, size_t at, size_t n)
{
    const struct owner *w = b->mem_;
    cull__bytes_drop(b, at, n);
    if (w && w->fd >= 0 && !w->cached)
        (void)posix_fadvise(w->fd, (off_t)at, (off_t)n, POSIX_FADV_DONTNEED);
}

void cull__bytes_ahead(const cull__bytes *b, size_t at, size_t n)
{
    enum { EACH = 1 << 20 };
    const struct owner *w = b->mem_;
    char one;
    if (!w || w->fd < 0) return;
    for (size_t i = (at + EACH - 1) / EACH * EACH; i < at + n; i += EACH)
        if (pread(w->fd, &one, 1, (off_t)i) != 1) return;
}
