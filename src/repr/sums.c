/* sums.c - PATH.sums read: is it whole, does it go with PATH, are the rows what was written. */
#include "repr/sums.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(cull__sums_head) == 64 && sizeof(cull__sums_entry) == 32, "as written");

cull__sums_head cull__sums_head_of(cull_dtype t, int64_t d, int64_t from, uint64_t seed)
{
    cull__sums_head h = {.magic = {'c', 'u', 'l', 'l', 's', 'u', 'm', 's'},
                         .version = 1,
                         .dtype = (uint32_t)t,
                         .d = d,
                         .from = from,
                         .seed = seed};
    h.check = cull__hash64(&h, offsetof(cull__sums_head, check), 0);
    return h;
}

static uint64_t entry_check(const cull__sums_entry *e, int64_t block)
{
    return cull__hash64(e, offsetof(cull__sums_entry, check), (uint64_t)block + 1);
}

cull__sums_entry cull__sums_entry_of(int64_t block, int64_t rows, const void *at, size_t bytes)
{
    cull__sums_entry e = {.rows = rows, .sum = cull__hash128(at, bytes)};
    e.check = entry_check(&e, block);
    return e;
}

static cull_status damaged(cull_ctx *cx, const char *path, const char *what)
{
    return cull__fail(cx, CULL_EIO, "%s: %s; without this file the numbers are read unchecked",
                      path, what);
}

cull_status cull__sums_parse(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                             cull__sums *out)
{
    char what[64];
    cull__sums_head *h = &out->head;
    *out = (cull__sums){.entry = (const cull__sums_entry *)(const void *)(at + sizeof *h)};
    if (n < sizeof *h || memcmp(at, "cullsums", 8))
        return damaged(cx, path, "it does not begin as checksums do");
    memcpy(h, at, sizeof *h);
    if (h->check != cull__hash64(h, offsetof(cull__sums_head, check), 0))
        return damaged(cx, path, "the head is damaged");
    if (h->version != 1)
        return cull__fail(cx, CULL_EINPUT, "%s: version %u; version 1 is known", path, h->version);
    if (h->dtype > CULL_BF16 || h->d < 1 || h->from < 0)
        return damaged(cx, path, "the head says what no store holds");
    for (size_t left = n - sizeof *h; left >= sizeof *out->entry; left -= sizeof *out->entry) {
        cull__sums_entry e;
        memcpy(&e, at + n - left, sizeof e);
        if (e.check != entry_check(&e, out->blocks) || e.rows <= out->rows) {
            snprintf(what, sizeof what, "entry %" PRId64 " is damaged", out->blocks);
            return damaged(cx, path, what);
        }
        out->rows = e.rows;
        out->blocks++;
    }
    cull_array a = {.dtype = (cull_dtype)h->dtype, .ndim = 2, .shape = {out->rows, h->d}};
    uint64_t bytes;
    if (!cull__array_bytes(&a, &bytes) || bytes > INT64_MAX - CULL__STORE_HEAD)
        return damaged(cx, path, "its rows are more than any file has");
    return CULL_OK;
}

static uint64_t row_bytes(const cull__sums *s)
{
    return (uint64_t)s->head.d * cull_dtype_size((cull_dtype)s->head.dtype);
}

static cull_status open_sums(cull_ctx *cx, const char *path, const char *sums, cull__sums *s)
{
    cull__bytes file;
    struct stat st;
    CULL_TRY(cull__bytes_open(cx, sums, &file));
    cull_status e = cull__sums_parse(cx, sums, file.at, file.n, s);
    s->file = file;
    CULL_TRY(e);
    if (stat(path, &st) != 0) return cull__fail_errno(cx, path, "cannot read");
    uint64_t want = CULL__STORE_HEAD + (uint64_t)s->rows * row_bytes(s);
    if ((uint64_t)st.st_size <= want) return CULL_OK;
    return cull__fail(
        cx, CULL_EIO,
        "%s: %" PRId64 " rows are whole, the %" PRIu64
        " bytes after them are of rows that were being appended; open it for appending "
        "to go on behind the whole ones",
        path, s->rows, (uint64_t)st.st_size - want);
}

cull_status cull__sums_open(cull_ctx *cx, const char *path, cull__sums **out)
{
    size_t n = strlen(path);
    char *sums;
    *out = NULL;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, sums, (int64_t)n + 6));
    snprintf(sums, n + 6, "%s.sums", path);
    cull_status s = CULL_OK;
    if (access(sums, F_OK) == 0) {
        s = CULL_ALLOC(cx, *out, 1);
        if (s == CULL_OK) s = open_sums(cx, path, sums, *out);
    }
    cull__release(cx, mark);
    if (s == CULL_OK) return CULL_OK;
    cull__sums_close(*out);
    *out = NULL;
    return s;
}

void cull__sums_close(cull__sums *s)
{
    if (!s) return;
    cull__bytes_close(&s->file);
    cull__free(s);
}

typedef struct {
    const cull__sums *s;
    const char *path;
    const unsigned char *at;
} job;

static cull_status check(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    const cull__sums *s = j->s;
    (void)chunk;
    for (int64_t b = lo; b < hi; b++) {
        int64_t from = b ? s->entry[b - 1].rows : 0, to = s->entry[b].rows;
        const unsigned char *at = j->at + (uint64_t)from * row_bytes(s);
        cull_hash128 is = cull__hash128(at, (size_t)((uint64_t)(to - from) * row_bytes(s)));
        if (is.lo == s->entry[b].sum.lo && is.hi == s->entry[b].sum.hi) continue;
        return cull__fail(cx, CULL_EIO,
                          "%s: rows %" PRId64 " to %" PRId64
                          ": their checksum differs from that in %s.sums: they are damaged; make "
                          "them again",
                          j->path, from, to - 1, j->path);
    }
    return CULL_OK;
}

cull_status cull__sums_check(cull_ctx *cx, const cull__sums *s, const char *path, const void *at,
                             bool shared)
{
    enum { AIM = 1 << 20 }; /* bytes a chunk, about: blocks may be single rows */
    job j = {s, path, at};
    if (!s->blocks) return CULL_OK;
    uint64_t each = (uint64_t)s->rows * row_bytes(s) / (uint64_t)s->blocks;
    int64_t grain = (int64_t)(AIM / (each + 1)) + 1;
    return shared ? cull__spread(cx, "checking", s->blocks, grain, check, &j, NULL, 0)
                  : cull__for(cx, s->blocks, grain, check, &j);
}
