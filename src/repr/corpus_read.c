/* corpus_read.c - the records of a corpus as they lie in its files, a batch at a time.
 *
 * A batch is whole records, and but for the last a whole number of chunks of the corpus: what is
 * left over is carried to the next. So chunks depend on the data alone, not on the size of the
 * buffer, which grows to whatever the longest record needs. */
#include "repr/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

cull_status cull__stream_new(cull_ctx *cx, const cull_corpus *c, size_t slot, cull__stream *s)
{
    uint64_t some = cull__memory_limit(cx) / 16;
    *s = (cull__stream){.c = c, .file = -1, .most = CULL__RECORDS, .target = CULL__BATCH};
    if (some < s->target) s->target = some < CULL__FIRST ? CULL__FIRST : (size_t)some;
    /* slots of a batch stay below 64 MiB while each worker still has one */
    int64_t fit = (64 << 20) / (int64_t)(slot + 1), least = 2 * cull__workers(cx);
    if (c->column && fit > (int64_t)(s->target / sizeof *s->rec) / CULL__CORPUS_CHUNK)
        fit = (int64_t)(s->target / sizeof *s->rec) / CULL__CORPUS_CHUNK;
    if (fit < least) fit = least;
    if (fit < CULL__RECORDS / CULL__CORPUS_CHUNK) s->most = fit * CULL__CORPUS_CHUNK;
    return CULL_GROW(cx, s->buf, &s->buf_cap,
                     CULL__FIRST + CULL__PAD); /* small files need no more */
}

void cull__stream_free(cull__stream *s)
{
    cull__reader_close(s->r);
    if (s->hash) cull__hasher_end(s->hash);
    cull__free(s->buf);
    cull__free(s->rec);
    *s = (cull__stream){0};
}

double cull__stream_at(const cull__stream *s)
{
    return (double)(s->before + (s->r ? cull__reader_offset(s->r) : 0));
}

static cull_status changed(cull_ctx *cx, const char *path)
{
    return cull__fail(cx, CULL_EIO, "%s: the file has changed since it was opened", path);
}

static cull_status next_file(cull_ctx *cx, cull__stream *s)
{
    if (s->file + 1 >= s->c->files) {
        s->over = true;
        return CULL_OK;
    }
    const cull__source *f = &s->c->file[++s->file];
    CULL_TRY(f->fd >= 0 ? cull__reader_open_fd(cx, f->fd, f->path, &s->r)
                        : cull__reader_open(cx, f->path, &s->r));
    uint64_t stamp = cull__reader_stamp(s->r);
    if (s->opening) {
        s->opening->file[s->file].stamp = stamp;
        s->opening->size += cull__reader_size(s->r);
        CULL_TRY(cull__hasher_new(cx, &s->hash));
        cull__reader_tap(s->r, s->hash);
    } else if (stamp != f->stamp) {
        return changed(cx, f->path);
    }
    s->ended = false;
    s->head = f->format == CULL__CSV || f->format == CULL__TSV;
    s->line = 1;
    s->off = 0;
    s->rows = 0;
    return CULL_OK;
}

/* All of the current file is split. */
static cull_status end_file(cull_ctx *cx, cull__stream *s)
{
    const char *path = s->c->file[s->file].path;
    s->before += cull__reader_size(s->r);
    if (s->opening) {
        cull_input_file *pub = &s->opening->pub[s->file];
        pub->rows = s->rows;
        pub->bytes = cull__reader_size(s->r);
        cull__hash_hex(cull__hasher_end(s->hash), pub->hash);
        s->hash = NULL;
        if (!s->off) return cull__fail(cx, CULL_EINPUT, "%s: the file is empty", path);
        if (!s->rows)
            return cull__fail(cx, CULL_EINPUT, "%s: the file has no records, only %s", path,
                              s->c->file[s->file].header_n ? "a header" : "blank lines");
    } else if (s->rows != s->c->pub[s->file].rows) {
        return changed(cx, path);
    }
    cull__reader_close(s->r);
    s->r = NULL;
    return CULL_OK;
}

/* Fill the buffer as far as it goes, or to the end of the file. */
static cull_status fill(cull_ctx *cx, cull__stream *s)
{
    while (!s->ended && s->hi + CULL__PAD < (size_t)s->buf_cap) {
        size_t got;
        CULL_TRY(
            cull__read(cx, s->r, s->buf + s->hi, (size_t)s->buf_cap - CULL__PAD - s->hi, &got));
        s->hi += got;
        s->bytes += got;
        if (!got) s->ended = true;
    }
    return CULL_OK;
}

static void skip(cull__stream *s, size_t n)
{
    s->lo += n;
    s->off += n;
}

/* Records of plain lines: jsonl and txt. False: the rest is no whole line. */
static bool split_line(cull__stream *s, size_t *n, size_t *used, bool *blank)
{
    const char *p = s->buf + s->lo;
    size_t left = s->hi - s->lo;
    const char *nl = memchr(p, '\n', left);
    if (!nl && (!s->ended || !left)) return false;
    *n = nl ? (size_t)(nl - p) : left;
    *used = *n + (nl != NULL);
    if (*n && p[*n - 1] == '\r') --*n;
    size_t i = 0;
    while (i < *n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r')) i++;
    *blank = i == *n;
    return true;
}

/* One record, or a blank line, or the header; false when more bytes are needed. */
static cull_status split_one(cull_ctx *cx, cull__stream *s, bool *more)
{
    const cull__source *f = &s->c->file[s->file];
    bool csv = f->format == CULL__CSV || f->format == CULL__TSV, blank = false, open = false;
    size_t n = 0, used = 0;
    int64_t lines = 1;
    if (s->off == 0) CULL_TRY(cull__not_utf16(cx, f->path, s->buf + s->lo, s->hi - s->lo));
    if (s->off == 0 && s->hi - s->lo >= 3 && !memcmp(s->buf + s->lo, "\xef\xbb\xbf", 3)) skip(s, 3);
    if (csv) {
        *more = s->lo == s->hi ||
                !cull__csv_split(s->buf + s->lo, s->hi - s->lo, f->format == CULL__TSV ? '\t' : ',',
                                 s->ended, &n, &used, &lines, &open);
        blank = n == 0;
        if (open)
            return cull__fail(cx, CULL_EINPUT,
                              "%s:%" PRId64 ": a quoted field that begins here is never closed",
                              f->path, s->line);
    } else {
        *more = !split_line(s, &n, &used, &blank);
    }
    if (*more) return CULL_OK;
    if (!blank && s->head) {
        s->head = false;
        if (s->opening)
            CULL_TRY(
                cull__csv_header(cx, s->c, &s->opening->file[s->file], s->line, s->buf + s->lo, n));
        else if (n != f->header_n || memcmp(s->buf + s->lo, f->header, n))
            return changed(cx, f->path);
    } else if (!blank) {
        CULL_TRY(CULL_GROW(cx, s->rec, &s->rec_cap, s->n + 1));
        s->rec[s->n++] = (cull__raw){s->lo, n, s->line, s->off, s->file};
        s->rows++;
    }
    s->line += lines;
    skip(s, used);
    return CULL_OK;
}

static cull_status grow(cull_ctx *cx, cull__stream *s)
{
    if (CULL_GROW(cx, s->buf, &s->buf_cap, s->buf_cap + 1) == CULL_OK) return CULL_OK;
    char why[512], size[32];
    const char *path = s->c->file[s->file].path;
    size_t rest = s->hi - s->lo;
    snprintf(why, sizeof why, "%.480s", cull_error(cx));
    if (rest > s->hi / 2)
        return cull__fail(cx, CULL_ENOMEM, "%s:%" PRId64 ": a record of more than %s: %s", path,
                          s->line, cull__format_bytes(rest, size), why);
    return cull__fail(cx, CULL_ENOMEM, "%s:%" PRId64 ": %d records together take more than %s: %s",
                      path, s->line, CULL__CORPUS_CHUNK, cull__format_bytes(s->hi, size), why);
}

/* Rows of memory stay where they are: only their numbers go by. */
static cull_status next_rows(cull_ctx *cx, cull__stream *s, int64_t *n)
{
    int64_t left = s->c->pub->rows - s->row;
    *n = s->n = left < s->most ? left : s->most;
    CULL_TRY(CULL_GROW(cx, s->rec, &s->rec_cap, s->n));
    for (int64_t i = 0; i < s->n; i++) s->rec[i] = (cull__raw){.line = s->row + i + 1};
    s->before += (uint64_t)s->n;
    return CULL_OK;
}

cull_status cull__stream_next(cull_ctx *cx, cull__stream *s, int64_t *n)
{
    if (s->c->column) return next_rows(cx, s, n);
    while (s->n < s->most && !s->over) {
        if (!s->r) {
            CULL_TRY(next_file(cx, s));
            continue;
        }
        bool more;
        CULL_TRY(split_one(cx, s, &more));
        if (!more) continue;
        if (s->ended) {
            skip(s, s->hi - s->lo);
            CULL_TRY(end_file(cx, s));
        } else if (s->hi + CULL__PAD < (size_t)s->buf_cap) {
            CULL_TRY(fill(cx, s));
        } else if (s->n >= CULL__CORPUS_CHUNK && (size_t)s->buf_cap > s->target) {
            break;
        } else {
            cull_status g = grow(cx, s);
            if (g != CULL_OK && s->n >= CULL__CORPUS_CHUNK) {
                s->target = 0; /* then with what there is */
                break;
            }
            CULL_TRY(g);
        }
    }
    *n = s->over ? s->n : s->n / CULL__CORPUS_CHUNK * CULL__CORPUS_CHUNK;
    return CULL_OK;
}

void cull__stream_done(cull__stream *s, int64_t n)
{
    size_t keep = n < s->n ? s->rec[n].at : s->lo;
    memmove(s->buf, s->buf + keep, s->hi - keep);
    if (n < s->n) memmove(s->rec, s->rec + n, (size_t)(s->n - n) * sizeof *s->rec);
    s->n -= n;
    s->row += n;
    for (int64_t i = 0; i < s->n; i++) s->rec[i].at -= keep;
    s->lo -= keep;
    s->hi -= keep;
}
