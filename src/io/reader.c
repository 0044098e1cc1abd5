/* reader.c - a file as a stream of bytes; gzip (RFC 1952) and zstd (RFC 8878) are told by their
 * first bytes and expanded on the way.
 *
 * Members and frames may be concatenated. What the libraries let pass is refused here: a file that
 * ends inside a member (zlib's gzread calls that an end) and bytes after the last one. Windows of
 * zstd count against the memory limit; over 128 MiB they are refused, as the zstd command does. */
#define _GNU_SOURCE
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { IN = 64 * 1024, WINDOW_LOG = 27 };
typedef enum { PLAIN, GZIP, ZSTD } form;

struct cull__reader {
    cull_ctx *cx;
    int fd;
    bool own, regular, eof, inside; /* inside a member or frame */
    form form;
    uint64_t pos, size, stamp; /* pos: bytes taken from the file */
    unsigned char *in;         /* (IN) */
    size_t lo, hi;             /* what of `in` waits */
    z_stream z;
    bool z_live;
    ZSTD_DCtx *zstd;
    uint64_t charged;
    cull__hasher *tap;
    char name[];
};

static ssize_t take(cull__reader *r, void *buf, size_t n)
{
    ssize_t k;
    if (n > 1 << 30) n = 1 << 30;
    do {
        k = r->regular ? pread(r->fd, buf, n, (off_t)r->pos) : read(r->fd, buf, n);
    } while (k < 0 && errno == EINTR);
    if (k > 0) {
        r->pos += (uint64_t)k;
        if (r->tap) cull__hasher_add(r->tap, buf, (size_t)k);
    }
    if (k == 0) r->eof = true;
    return k;
}

/* At least `want` bytes in `in`, unless the file ends before. */
static cull_status fill(cull_ctx *cx, cull__reader *r, size_t want)
{
    if (r->hi - r->lo >= want) return CULL_OK;
    memmove(r->in, r->in + r->lo, r->hi - r->lo);
    r->hi -= r->lo;
    r->lo = 0;
    while (r->hi < want && !r->eof) {
        ssize_t k = take(r, r->in + r->hi, IN - r->hi);
        if (k < 0) return cull__fail_errno(cx, r->name, "cannot read");
        r->hi += (size_t)k;
    }
    return CULL_OK;
}

static bool is_gzip(const unsigned char *p, size_t n)
{
    return n >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

static bool is_zstd(const unsigned char *p, size_t n)
{
    static const unsigned char frame[4] = {0x28, 0xb5, 0x2f, 0xfd};
    return n >= 4 && (!memcmp(p, frame, 4) ||
                      ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18));
}

void *cull__z_alloc(void *cx, unsigned n, unsigned size)
{
    void *p;
    return cull__alloc(cx, &p, n, size) == CULL_OK ? p : Z_NULL;
}

void cull__z_free(void *cx, void *p)
{
    (void)cx;
    cull__free(p);
}

static cull_status start(cull_ctx *cx, cull__reader *r)
{
    CULL_TRY(CULL_ALLOC(cx, r->in, IN));
    CULL_TRY(fill(cx, r, 4));
    if (is_gzip(r->in, r->hi)) {
        r->form = GZIP;
        r->z.zalloc = cull__z_alloc;
        r->z.zfree = cull__z_free;
        r->z.opaque = cx;
        if (inflateInit2(&r->z, 15 + 16) != Z_OK)
            return cull__fail(cx, CULL_ENOMEM, "%s: out of memory for inflate", r->name);
        r->z_live = true;
    } else if (is_zstd(r->in, r->hi)) {
        r->form = ZSTD;
        r->zstd = ZSTD_createDCtx();
        if (!r->zstd) return cull__fail(cx, CULL_ENOMEM, "%s: out of memory for zstd", r->name);
    }
    return CULL_OK;
}

static cull_status open_fd(cull_ctx *cx, int fd, bool own, const char *name, cull__reader **out)
{
    struct stat st;
    size_t len = strlen(name) + 1;
    cull__reader *r = NULL;
    cull_status s = CULL_OK;
    if (fstat(fd, &st) != 0)
        s = cull__fail_errno(cx, name, "cannot read");
    else if (S_ISDIR(st.st_mode))
        s = cull__fail(cx, CULL_EIO, "%s: is a directory, not a file", name);
    if (s == CULL_OK) s = cull__alloc(cx, (void **)&r, 1, sizeof *r + len);
    if (s != CULL_OK) {
        if (own) close(fd);
        return s;
    }
    memcpy(r->name, name, len);
    r->cx = cx;
    r->fd = fd;
    r->own = own;
    r->regular = S_ISREG(st.st_mode);
    if (r->regular) {
        uint64_t id[5] = {(uint64_t)st.st_dev, (uint64_t)st.st_ino, (uint64_t)st.st_size,
                          (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec};
        r->size = (uint64_t)st.st_size;
        r->stamp = cull__hash64(id, sizeof id, 0) | 1;
    }
    s = start(cx, r);
    if (s == CULL_OK)
        *out = r;
    else
        cull__reader_close(r);
    return s;
}

cull_status cull__reader_open(cull_ctx *cx, const char *path, cull__reader **out)
{
    *out = NULL;
    if (!strcmp(path, "-")) return open_fd(cx, STDIN_FILENO, false, "standard input", out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cull__fail_errno(cx, path, "cannot open");
    return open_fd(cx, fd, true, path, out);
}

cull_status cull__reader_open_fd(cull_ctx *cx, int fd, const char *name, cull__reader **out)
{
    *out = NULL;
    return open_fd(cx, fd, false, name, out);
}

static cull_status cut(cull_ctx *cx, const cull__reader *r, const char *what)
{
    return cull__fail(cx, CULL_EIO,
                      "%s: the %s data is cut off at byte %" PRIu64 "; the file is incomplete",
                      r->name, what, r->pos);
}

static cull_status read_gzip(cull_ctx *cx, cull__reader *r, void *buf, size_t n, size_t *got)
{
    r->z.next_out = buf;
    r->z.avail_out = n > 1 << 30 ? 1u << 30 : (uInt)n;
    uInt room = r->z.avail_out;
    while (r->z.avail_out == room) {
        CULL_TRY(fill(cx, r, r->inside ? 1 : 2));
        if (r->lo == r->hi) return r->inside ? cut(cx, r, "gzip") : CULL_OK;
        if (!r->inside && !is_gzip(r->in + r->lo, r->hi - r->lo))
            return cull__fail(cx, CULL_EIO, "%s: byte %" PRIu64 " follows the end of the gzip data",
                              r->name, cull__reader_offset(r));
        r->inside = true;
        r->z.next_in = r->in + r->lo;
        r->z.avail_in = (uInt)(r->hi - r->lo);
        int e = inflate(&r->z, Z_NO_FLUSH);
        r->lo = r->hi - r->z.avail_in;
        if (e == Z_STREAM_END) {
            r->inside = false;
            inflateReset(&r->z);
        } else if (e == Z_MEM_ERROR) {
            return cull__fail(cx, CULL_ENOMEM, "%s: out of memory for inflate", r->name);
        } else if (e != Z_OK && e != Z_BUF_ERROR) {
            return cull__fail(cx, CULL_EIO, "%s: damaged gzip data near byte %" PRIu64 " (%s)",
                              r->name, cull__reader_offset(r), r->z.msg ? r->z.msg : "no reason");
        }
    }
    *got = room - r->z.avail_out;
    return CULL_OK;
}

/* The window that a frame's head asks for (RFC 8878, 3.1.1.1); 0 = no frame, or cut. */
static uint64_t zstd_window(const unsigned char *p, size_t n)
{
    static const int dict_bytes[] = {0, 1, 2, 4}, size_bytes[] = {0, 2, 4, 8};
    if (n < 6 || p[0] != 0x28) return 0;
    int single = p[4] >> 5 & 1;
    if (!single) {
        uint64_t base = 1ull << (10 + (p[5] >> 3));
        return base + base / 8 * (p[5] & 7);
    }
    int dict = dict_bytes[p[4] & 3], bytes = size_bytes[p[4] >> 6];
    if (!bytes) bytes = 1;
    if (n < (size_t)(5 + dict + bytes)) return 0;
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[5 + dict + i];
    return v + (bytes == 2 ? 256 : 0);
}

static cull_status zstd_head(cull_ctx *cx, cull__reader *r)
{
    CULL_TRY(fill(cx, r, 18));
    size_t n = r->hi - r->lo;
    if (!n) return CULL_OK;
    if (!is_zstd(r->in + r->lo, n))
        return cull__fail(cx, CULL_EIO, "%s: byte %" PRIu64 " follows the end of the zstd data",
                          r->name, cull__reader_offset(r));
    uint64_t w = zstd_window(r->in + r->lo, n);
    char a[32], b[32];
    if (w > 1ull << WINDOW_LOG)
        return cull__fail(cx, CULL_EIO,
                          "%s: its zstd window of %s is over %s; compress it again "
                          "without --long or with --long=%d",
                          r->name, cull__format_bytes(w, a),
                          cull__format_bytes(1ull << WINDOW_LOG, b), WINDOW_LOG);
    w += 512 * 1024; /* tables and blocks */
    if (w > r->charged) {
        if (!cull__charge(cx, w - r->charged))
            return cull__fail(cx, CULL_ENOMEM, "%s: out of memory: its zstd window takes %s",
                              r->name, cull__format_bytes(w, a));
        r->charged = w;
    }
    return CULL_OK;
}

static cull_status read_zstd(cull_ctx *cx, cull__reader *r, void *buf, size_t n, size_t *got)
{
    ZSTD_outBuffer out = {buf, n, 0};
    while (out.pos == 0) {
        CULL_TRY(r->inside ? fill(cx, r, 1) : zstd_head(cx, r));
        if (r->lo == r->hi) return r->inside ? cut(cx, r, "zstd") : CULL_OK;
        ZSTD_inBuffer in = {r->in + r->lo, r->hi - r->lo, 0};
        size_t e = ZSTD_decompressStream(r->zstd, &out, &in);
        r->lo += in.pos;
        if (ZSTD_isError(e))
            return cull__fail(cx, CULL_EIO, "%s: damaged zstd data near byte %" PRIu64 " (%s)",
                              r->name, cull__reader_offset(r), ZSTD_getErrorName(e));
        r->inside = e != 0;
    }
    *got = out.pos;
    return CULL_OK;
}

cull_status cull__read(cull_ctx *cx, cull__reader *r, void *buf, size_t n, size_t *got)
{
    *got = 0;
    if (!n) return CULL_OK;
    if (r->form == GZIP) return read_gzip(cx, r, buf, n, got);
    if (r->form == ZSTD) return read_zstd(cx, r, buf, n, got);
    if (r->lo < r->hi) { /* what was read to tell the form */
        *got = r->hi - r->lo < n ? r->hi - r->lo : n;
        memcpy(buf, r->in + r->lo, *got);
        r->lo += *got;
        return CULL_OK;
    }
    if (r->eof) return CULL_OK;
    ssize_t k = take(r, buf, n);
    if (k < 0) return cull__fail_errno(cx, r->name, "cannot read");
    *got = (size_t)k;
    return CULL_OK;
}

uint64_t cull__reader_offset(const cull__reader *r) { return r->pos - (r->hi - r->lo); }
uint64_t cull__reader_size(const cull__reader *r) { return r->size; }
bool cull__reader_plain(const cull__reader *r) { return r->regular && r->form == PLAIN; }
uint64_t cull__reader_stamp(const cull__reader *r) { return r->stamp; }

void cull__reader_tap(cull__reader *r, cull__hasher *h)
{
    r->tap = h;
    if (h) cull__hasher_add(h, r->in, r->hi);
}

void cull__reader_close(cull__reader *r)
{
    if (!r) return;
    if (r->z_live) inflateEnd(&r->z);
    ZSTD_freeDCtx(r->zstd);
    cull__uncharge(r->cx, r->charged);
    if (r->own) close(r->fd);
    cull__free(r->in);
    cull__free(r);
}
