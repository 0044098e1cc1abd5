/* npz.c - NumPy's archive of arrays: a zip of npy members, stored or deflated.
 *
 * The zip's directory is read here and not by a library, because a stored member is used where it
 * lies, and no library tells where that is. What is checked: the directory's bounds, names that
 * occur twice, both heads of a member, its size and its CRC-32. Zip64 is read. Format: PKWARE
 * APPNOTE 6.3.9, sections 4.3 and 4.5.3. */
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { END = 22, LOCATOR = 20, END64 = 56, ENTRY = 46, LOCAL = 30, CRC_GRAIN = 1 << 20 };

typedef struct {
    const char *name; /* without .npy */
    uint64_t local, comp, size;
    uint32_t crc, flags, method;
} member;

typedef struct {
    cull_ctx *cx;
    const char *path;
    const unsigned char *at;
    size_t n;
    uint64_t dir, dir_n, count; /* the central directory */
    member *member;
} zip;

/* ---- CRC-32 ---- */

typedef struct {
    const unsigned char *at;
    size_t n;
    uint32_t *crc;
} crc_job;

static cull_status crc_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    crc_job *j = arg;
    (void)cx;
    size_t from = (size_t)lo * CRC_GRAIN, to = (size_t)hi * CRC_GRAIN;
    if (to > j->n) to = j->n;
    j->crc[chunk] = (uint32_t)crc32(0, j->at + from, (uInt)(to - from));
    return CULL_OK;
}

cull_status cull__crc32(cull_ctx *cx, const void *at, size_t n, uint32_t before, uint32_t *out)
{
    int64_t chunks = (int64_t)(n / CRC_GRAIN) + (n % CRC_GRAIN != 0);
    crc_job j = {.at = at, .n = n};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, j.crc, chunks);
    if (s == CULL_OK) s = cull__for(cx, chunks, 1, crc_chunk, &j);
    *out = before;
    for (int64_t c = 0; s == CULL_OK && c < chunks; c++) {
        size_t len = c + 1 < chunks ? CRC_GRAIN : n - (size_t)c * CRC_GRAIN;
        *out = (uint32_t)crc32_combine(*out, j.crc[c], (z_off_t)len);
    }
    cull__release(cx, mark);
    return s;
}

/* ---- the directory ---- */

static cull_status damaged(zip *z, const char *what, uint64_t where)
{
    return cull__fail(z->cx, CULL_EIO, "%s: damaged zip archive: %s at byte %" PRIu64, z->path,
                      what, where);
}

static cull_status find_directory(zip *z)
{
    size_t e = z->n >= END ? z->n - END + 1 : 0, last = e > 65536 ? e - 65536 : 0;
    while (e > last) {
        const unsigned char *p = z->at + --e;
        if (cull__le32(p) == 0x06054b50 && cull__le16(p + 20) == z->n - e - END) {
            z->count = cull__le16(p + 10);
            z->dir_n = cull__le32(p + 12);
            z->dir = cull__le32(p + 16);
            bool zip64 = z->count == 0xFFFF || z->dir_n == 0xFFFFFFFF || z->dir == 0xFFFFFFFF;
            if (!zip64) return CULL_OK;
            if (e < LOCATOR || cull__le32(p - LOCATOR) != 0x07064b50) return CULL_OK;
            uint64_t at = cull__le64(p - LOCATOR + 8);
            if (z->n < END64 || at > z->n - END64 || cull__le32(z->at + at) != 0x06064b50)
                return damaged(z, "no zip64 end record", at);
            z->count = cull__le64(z->at + at + 32);
            z->dir_n = cull__le64(z->at + at + 40);
            z->dir = cull__le64(z->at + at + 48);
            return CULL_OK;
        }
    }
    return cull__fail(z->cx, CULL_EIO,
                      "%s: the zip archive has no directory at its end: the file is cut", z->path);
}

/* Sizes that do not fit 32 bits stand in the extra field with id 1, in this order. */
static void zip64_sizes(member *m, const unsigned char *extra, size_t n)
{
    uint64_t *const field[] = {&m->size, &m->comp, &m->local};
    while (n >= 4) {
        size_t id = cull__le16(extra), len = cull__le16(extra + 2);
        extra += 4, n -= 4;
        if (len > n) return;
        if (id == 1) {
            for (int i = 0; i < 3; i++)
                if (*field[i] == 0xFFFFFFFF && len >= 8)
                    *field[i] = cull__le64(extra), extra += 8, len -= 8;
            return;
        }
        extra += len, n -= len;
    }
}

static cull_status entry(zip *z, uint64_t *at, uint64_t end, member *m)
{
    const unsigned char *p = z->at + *at;
    char *name;
    if (end - *at < ENTRY || cull__le32(p) != 0x02014b50) return damaged(z, "no entry", *at);
    size_t name_n = cull__le16(p + 28), extra_n = cull__le16(p + 30);
    uint64_t whole = ENTRY + (uint64_t)name_n + extra_n + cull__le16(p + 32);
    if (whole > end - *at) return damaged(z, "a cut entry", *at);
    *m = (member){.flags = cull__le16(p + 8),
                  .method = cull__le16(p + 10),
                  .crc = cull__le32(p + 16),
                  .comp = cull__le32(p + 20),
                  .size = cull__le32(p + 24),
                  .local = cull__le32(p + 42)};
    zip64_sizes(m, p + ENTRY + name_n, extra_n);
    if (memchr(p + ENTRY, 0, name_n)) return damaged(z, "a name with a NUL", *at);
    CULL_TRY(CULL_TMP(z->cx, name, (int64_t)name_n + 1));
    memcpy(name, p + ENTRY, name_n);
    if (name_n > 4 && !memcmp(name + name_n - 4, ".npy", 4)) name_n -= 4;
    name[name_n] = 0;
    m->name = name;
    *at += whole;
    return CULL_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `names` in the order of the archive; a copy of it is sorted to find twins. */
static cull_status twins(zip *z, const char ***names)
{
    const char **sorted;
    int64_t n = (int64_t)z->count;
    CULL_TRY(CULL_TMP(z->cx, *names, n));
    CULL_TRY(CULL_TMP(z->cx, sorted, n));
    for (int64_t i = 0; i < n; i++) sorted[i] = (*names)[i] = z->member[i].name;
    qsort(sorted, (size_t)n, sizeof *sorted, by_name);
    for (int64_t i = 1; i < n; i++)
        if (!strcmp(sorted[i], sorted[i - 1])) {
            char shown[80];
            return cull__fail(z->cx, CULL_EIO, "%s: the archive holds two members '%s'", z->path,
                              cull__quote(sorted[i], strlen(sorted[i]), shown, sizeof shown));
        }
    return CULL_OK;
}

static cull_status directory(zip *z, const char ***names)
{
    CULL_TRY(find_directory(z));
    if (z->dir > z->n || z->dir_n > z->n - z->dir)
        return damaged(z, "a directory past the end", z->dir);
    if (z->count > z->dir_n / ENTRY)
        return damaged(z, "a directory with fewer entries than it says", z->dir);
    CULL_TRY(CULL_TMP(z->cx, z->member, (int64_t)z->count));
    uint64_t at = z->dir;
    for (uint64_t i = 0; i < z->count; i++)
        CULL_TRY(entry(z, &at, z->dir + z->dir_n, &z->member[i]));
    return twins(z, names);
}

/* ---- a member ---- */

static cull_status find_data(zip *z, const member *m, const char *label, uint64_t *at)
{
    if (m->flags & 1) return cull__fail(z->cx, CULL_EINPUT, "%s: it is encrypted", label);
    if (z->dir < LOCAL || m->local > z->dir - LOCAL || cull__le32(z->at + m->local) != 0x04034b50)
        return damaged(z, "no head of a member", m->local);
    const unsigned char *p = z->at + m->local;
    *at = m->local + LOCAL + cull__le16(p + 26) + cull__le16(p + 28);
    if (*at > z->dir || m->comp > z->dir - *at)
        return damaged(z, "a member that runs into the directory", m->local);
    return CULL_OK;
}

static cull_status inflate_all(zip *z, const unsigned char *in, const member *m, const char *label,
                               unsigned char *out)
{
    z_stream s = {.zalloc = cull__z_alloc, .zfree = cull__z_free, .opaque = z->cx};
    uint64_t in_left = m->comp, out_left = m->size;
    cull_status st = CULL_OK;
    int rc = inflateInit2(&s, -15);
    if (rc == Z_MEM_ERROR) return CULL_ENOMEM; /* cull__z_alloc has said it */
    s.next_in = (unsigned char *)in;
    s.next_out = out;
    while (rc == Z_OK && st == CULL_OK) {
        uInt a = in_left > 1 << 22 ? 1 << 22 : (uInt)in_left;
        uInt b = out_left > 1 << 22 ? 1 << 22 : (uInt)out_left;
        s.avail_in = a, s.avail_out = b;
        rc = inflate(&s, Z_NO_FLUSH);
        in_left -= a - s.avail_in;
        out_left -= b - s.avail_out;
        st = cull__tick(z->cx, (double)(m->size - out_left), (double)m->size);
    }
    inflateEnd(&s);
    CULL_TRY(st);
    if (rc == Z_MEM_ERROR) return CULL_ENOMEM;
    if (rc != Z_STREAM_END || out_left || in_left)
        return cull__fail(z->cx, CULL_EIO,
                          "%s: damaged: after %" PRIu64 " of %" PRIu64 " bytes it does not inflate",
                          label, m->size - out_left, m->size);
    return CULL_OK;
}

/* The member's bytes, in place or (mem set) inflated. */
static cull_status expand(zip *z, const member *m, const char *label, const unsigned char **bytes,
                          void **mem)
{
    uint64_t at = 0;
    uint32_t crc;
    void *made;
    CULL_TRY(find_data(z, m, label, &at));
    *bytes = z->at + at;
    if (m->method != 0 && m->method != 8)
        return cull__fail(z->cx, CULL_EINPUT,
                          "%s: compressed by zip method %u; np.savez and np.savez_compressed use 0 "
                          "and 8",
                          label, m->method);
    if (m->method == 0 && m->comp != m->size)
        return damaged(z, "a stored member of two sizes", m->local);
    if (m->method == 8) {
        if (m->size / 1040 > m->comp) /* deflate makes at most 1032 bytes of one */
            return cull__fail(z->cx, CULL_EIO,
                              "%s: damaged: %" PRIu64 " bytes cannot inflate to %" PRIu64, label,
                              m->comp, m->size);
        CULL_TRY(cull__array_memory(z->cx, m->size, mem, &made));
        CULL_TRY(inflate_all(z, *bytes, m, label, made));
        *bytes = made;
    }
    CULL_TRY(cull__crc32(z->cx, *bytes, (size_t)m->size, 0, &crc));
    if (crc != m->crc)
        return cull__fail(z->cx, CULL_EIO, "%s: damaged: its CRC-32 is %08x, the archive says %08x",
                          label, crc, m->crc);
    return CULL_OK;
}

static cull_status pick(zip *z, const char **names, const char *name, int64_t *which)
{
    bool indices = false, indptr = false;
    int64_t n = (int64_t)z->count;
    for (int64_t i = 0; i < n; i++) {
        size_t len = strlen(names[i]);
        indices |= !strcmp(names[i], "indices");
        indptr |= !strcmp(names[i], "indptr");
        if (len >= 8 && !strcmp(names[i] + len - 8, "data.pkl"))
            return cull__fail(z->cx, CULL_EINPUT,
                              "%s: a PyTorch checkpoint, which holds a pickle; pickles are never "
                              "loaded: save the tensors as npy or safetensors",
                              z->path);
    }
    if (!name && indices && indptr)
        return cull__fail(
            z->cx, CULL_EINPUT,
            "%s: a sparse matrix of scipy; save it dense (np.save(path, a.toarray()))", z->path);
    size_t len = name ? strlen(name) : 0;
    if (len > 4 && !strcmp(name + len - 4, ".npy")) { /* unzip -l shows it so */
        char *bare;
        CULL_TRY(CULL_TMP0(z->cx, bare, (int64_t)len));
        memcpy(bare, name, len - 4);
        name = bare;
    }
    return cull__member(z->cx, z->path, names, n, name, which);
}

cull_status cull__npz_parse(cull_ctx *cx, const char *path, const char *name,
                            const unsigned char *at, size_t n, cull_array *out)
{
    zip z = {.cx = cx, .path = path, .at = at, .n = n};
    const char **names;
    const unsigned char *bytes;
    char *label;
    int64_t which = 0;
    void *mem = NULL;
    *out = (cull_array){0};
    CULL_TRY(directory(&z, &names));
    CULL_TRY(pick(&z, names, name, &which));
    const member *m = &z.member[which];
    size_t room = strlen(path) + strlen(m->name) + 2;
    CULL_TRY(CULL_TMP(cx, label, (int64_t)room));
    snprintf(label, room, "%s:%s", path, m->name);
    cull_status s = expand(&z, m, label, &bytes, &mem);
    if (s == CULL_OK) s = cull__npy_parse(cx, label, NULL, bytes, (size_t)m->size, out);
    if (s == CULL_OK && !out->mem_)
        out->mem_ = mem;
    else
        cull_array_free(&(cull_array){.mem_ = mem});
    if (s == CULL_OK) cull__quote(m->name, strlen(m->name), out->name, sizeof out->name);
    return s;
}

cull_status cull__npz_names(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                            const char ***names, int64_t *count)
{
    zip z = {.cx = cx, .path = path, .at = at, .n = n};
    CULL_TRY(directory(&z, names));
    *count = (int64_t)z.count;
    return CULL_OK;
}
