/* corpus_write.c - what is taken from a corpus by row: lengths, ids and texts, the records
 * themselves.
 *
 * Records are copied byte for byte. One pass finds the chosen ones, in the order of the pool;
 * where another order is wanted, they are gathered first, in memory or in tmpdir. */
#define _GNU_SOURCE
#include "repr/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- lengths ---- */

struct lengths {
    bool words;
    double *out;
};

static void count(void *arg, uint64_t hash, const char *at, size_t n)
{
    int64_t *words = arg;
    (void)hash, (void)at, (void)n;
    ++*words;
}

static cull_status measure(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                           int64_t n, void *slot)
{
    struct lengths *l = arg;
    (void)cx, (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        int64_t words = 0;
        if (l->words) cull__words(rec[i].text, rec[i].text_n, count, &words);
        l->out[rec[i].row] = l->words ? (double)words : (double)rec[i].text_n;
    }
    return CULL_OK;
}

cull_status cull_corpus_lengths(cull_ctx *cx, const cull_corpus *c, const char *what, double *out)
{
    struct lengths l = {.out = out};
    l.words = !strcmp(what, "words");
    if (!l.words && strcmp(what, "bytes"))
        return cull__fail(cx, CULL_EOPTION, "length in '%s'; it must be in words or bytes", what);
    cull__pass p = {.c = c, .need = CULL__TEXT, .map = measure, .arg = &l};
    return cull__pass_run(cx, &p);
}

/* ---- rows asked for, sorted ---- */

struct want {
    int64_t row, place;
};

static int by_row(const void *a, const void *b)
{
    const struct want *x = a, *y = b;
    return x->row != y->row ? (x->row > y->row) - (x->row < y->row)
                            : (x->place > y->place) - (x->place < y->place);
}

static cull_status sort_rows(cull_ctx *cx, const cull_corpus *c, const int64_t *idx, int64_t n,
                             struct want **out)
{
    CULL_TRY(CULL_ALLOC(cx, *out, n));
    bool sorted = true;
    for (int64_t i = 0; i < n; i++) {
        if (idx[i] < 0 || idx[i] >= c->n)
            return cull__fail(cx, CULL_EINPUT, "row %" PRId64 " is not one of 0 to %" PRId64,
                              idx[i], c->n - 1);
        (*out)[i] = (struct want){idx[i], i};
        sorted = sorted && (!i || idx[i - 1] <= idx[i]);
    }
    if (!sorted) qsort(*out, (size_t)n, sizeof **out, by_row);
    return CULL_OK;
}

/* The first of want[0..n) with a row of at least `row`. */
static int64_t first_at(const struct want *want, int64_t n, int64_t row)
{
    int64_t lo = 0;
    while (lo < n) {
        int64_t mid = lo + (n - lo) / 2;
        if (want[mid].row < row)
            lo = mid + 1;
        else
            n = mid;
    }
    return lo;
}

/* ---- ids ---- */

struct ids {
    const struct want *want;
    int64_t n;
    int snippet;
    cull_strings *out;
    size_t *len; /* (n, 2) of ids and texts, which may hold a NUL; NULL = not wanted */
};

/* Bytes of the first `most` characters. */
static size_t cut(const char *s, size_t n, int most)
{
    size_t i = 0;
    while (i < n &&
           ((unsigned char)s[i] < 128 ? most-- > 0
                                      : ((unsigned char)s[i] & 0xC0) == 0x80 || most-- > 0))
        i++;
    return i;
}

static cull_status note(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec, int64_t n,
                        void *slot)
{
    struct ids *d = arg;
    (void)chunk, (void)slot;
    for (int64_t k = first_at(d->want, d->n, rec[0].row); k < d->n; k++) {
        int64_t i = d->want[k].row - rec[0].row, place = d->want[k].place;
        char row[32];
        if (i >= n) break;
        snprintf(row, sizeof row, "%" PRId64, rec[i].row);
        CULL_TRY(cull__copy_text(cx, rec[i].id ? rec[i].id : row,
                                 rec[i].id ? rec[i].id_n : strlen(row), &d->out->id[place]));
        size_t most = d->len ? rec[i].text_n : cut(rec[i].text, rec[i].text_n, d->snippet);
        if (d->snippet > 0) CULL_TRY(cull__copy_text(cx, rec[i].text, most, &d->out->text[place]));
        if (!d->len) continue;
        d->len[2 * place] = rec[i].id ? rec[i].id_n : strlen(row);
        d->len[2 * place + 1] = most;
    }
    return CULL_OK;
}

/* With `len` whole texts, however long. */
static cull_status gather(cull_ctx *cx, const cull_corpus *c, const int64_t *idx, int64_t n,
                          int snippet, size_t *len, cull_strings *out)
{
    struct want *want = NULL;
    *out = (cull_strings){.n = n};
    cull_status s = sort_rows(cx, c, idx, n, &want);
    if (s == CULL_OK) s = CULL_ALLOC(cx, out->id, n);
    if (s == CULL_OK && snippet > 0) s = CULL_ALLOC(cx, out->text, n);
    if (s == CULL_OK) {
        struct ids d = {want, n, snippet, out, len};
        cull__pass p = {
            .c = c, .need = CULL__ID | (snippet > 0 ? CULL__TEXT : 0), .map = note, .arg = &d};
        s = cull__pass_run(cx, &p);
    }
    cull__free(want);
    if (s != CULL_OK) cull_strings_free(out);
    return s;
}

cull_status cull_corpus_ids(cull_ctx *cx, const cull_corpus *c, const int64_t *idx, int64_t n,
                            int snippet, cull_strings *out)
{
    return gather(cx, c, idx, n, snippet, NULL, out);
}

/* ---- some records as a corpus of their own ---- */

/* One block: the corpus's columns, the two of strings, their offsets, their bytes. */
static cull_status pack(cull_ctx *cx, const cull_strings *s, const size_t *len, cull__memory *m)
{
    static const char *const name[] = {"id", "text"};
    char *const *const from[] = {s->id, s->text};
    size_t bytes = 0, head = 2 * (sizeof *m->col + sizeof(cull_column));
    size_t offsets = 2 * (size_t)(s->n + 1) * sizeof(int64_t);
    for (int64_t i = 0; i < 2 * s->n; i++) bytes += len[i];
    CULL_TRY(cull__alloc(cx, (void **)&m->col, (int64_t)(head + offsets + bytes), 1));
    cull_column *col = (cull_column *)(m->col + 2);
    int64_t *offset = (int64_t *)(col + 2);
    char *at = (char *)offset + offsets;
    for (int k = 0; k < 2; k++, offset += s->n + 1) {
        int64_t to = 0;
        for (int64_t i = 0; i < s->n; i++) {
            size_t n = len[2 * i + k];
            memcpy(at + to, from[k][i], n);
            offset[i + 1] = to += (int64_t)n;
        }
        col[k] = (cull_column){.name = name[k], .offset = offset, .bytes = at};
        m->col[k] = cull__memory_column(&col[k]);
        at += to;
    }
    m->n = s->n;
    m->cols = 2;
    return CULL_OK;
}

cull_status cull_corpus_take(cull_ctx *cx, const cull_corpus *c, const int64_t *row, int64_t n,
                             cull_corpus **out)
{
    cull_strings s = {0};
    cull__memory m = {0};
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    size_t *len;
    o.id = "id";
    o.text = "text";
    *out = NULL;
    if (n < 1) return cull__fail(cx, CULL_EINPUT, "no row is asked for; it takes at least one");
    CULL_TRY(CULL_ALLOC(cx, len, 2 * n));
    cull_status st = gather(cx, c, row, n, 1, len, &s);
    if (st == CULL_OK) st = pack(cx, &s, len, &m);
    cull_strings_free(&s);
    cull__free(len);
    return st == CULL_OK ? cull__corpus_open(cx, &o, &m, out) : st;
}

void cull_strings_free(cull_strings *s)
{
    for (int64_t i = 0; s->id && i < s->n; i++) cull__free(s->id[i]);
    for (int64_t i = 0; s->text && i < s->n; i++) cull__free(s->text[i]);
    cull__free(s->id);
    cull__free(s->text);
    *s = (cull_strings){0};
}

/* ---- records ---- */

struct copy {
    const struct want *want;
    int64_t n, at; /* want[at] is next */
    cull__writer *w;
    /* to gather: bytes of the chosen records in pool order, and where each begins */
    int fd;
    cull_buf held;
    size_t most;   /* held in memory before they go to fd */
    uint64_t done; /* bytes in fd */
    uint64_t *from;
    size_t *len;
};

static cull_status hold(cull_ctx *cx, struct copy *k, const char *p, size_t n)
{
    int64_t place = k->want[k->at].place;
    k->from[place] = k->done + k->held.n;
    k->len[place] = n;
    cull__buf_add(&k->held, p, n);
    cull__buf_add(&k->held, "\n", 1);
    CULL_TRY(k->held.status);
    if (k->held.n < k->most) return CULL_OK;
    if (k->fd < 0) CULL_TRY(cull__spool_new(cx, &k->fd));
    if (!cull__write_all(k->fd, k->held.at, k->held.n))
        return cull__fail_errno(cx, cull__tmpdir(cx), "cannot write a temporary file");
    k->done += k->held.n;
    k->held.n = 0;
    return CULL_OK;
}

static cull_status copy_pass(cull_ctx *cx, const cull_corpus *c, struct copy *k)
{
    cull__stream s = {0};
    cull_status st = cull__stream_new(cx, c, 0, &s);
    while (st == CULL_OK && k->at < k->n) {
        int64_t n;
        st = cull__stream_next(cx, &s, &n);
        if (st != CULL_OK || !n) break;
        for (; st == CULL_OK && k->at < k->n && k->want[k->at].row < s.row + n; k->at++) {
            const cull__raw *r = &s.rec[k->want[k->at].row - s.row];
            if (k->from) {
                st = hold(cx, k, s.buf + r->at, r->n);
            } else {
                st = cull__write(cx, k->w, s.buf + r->at, r->n);
                if (st == CULL_OK) st = cull__write(cx, k->w, "\n", 1);
            }
        }
        cull__stream_done(&s, n);
        if (st == CULL_OK) st = cull__tick(cx, cull__stream_at(&s), (double)c->size);
    }
    if (st == CULL_OK && k->at < k->n)
        st = cull__fail(cx, CULL_EIO, "%s: the file has changed since it was opened",
                        c->file[c->files - 1].path);
    cull__stream_free(&s);
    return st;
}

/* The gathered records in the order asked for. */
static cull_status put_gathered(cull_ctx *cx, struct copy *k)
{
    cull__bytes b = {.at = (const unsigned char *)k->held.at, .n = k->held.n};
    if (k->fd >= 0) {
        if (!cull__write_all(k->fd, k->held.at, k->held.n))
            return cull__fail_errno(cx, cull__tmpdir(cx), "cannot write a temporary file");
        CULL_TRY(cull__bytes_map_fd(cx, k->fd, cull__tmpdir(cx), &b));
    }
    cull_status s = CULL_OK;
    for (int64_t i = 0; s == CULL_OK && i < k->n; i++)
        s = cull__write(cx, k->w, b.at + k->from[i], k->len[i] + 1);
    if (k->fd >= 0) cull__bytes_close(&b);
    return s;
}

static cull_status copy_all(cull_ctx *cx, const cull_corpus *c, const int64_t *idx, struct copy *k)
{
    const cull__source *f = c->file;
    bool sorted = true;
    for (int64_t i = 1; i < k->n; i++) sorted = sorted && idx[i - 1] <= idx[i];
    if (f->header) {
        CULL_TRY(cull__write(cx, k->w, f->header, f->header_n));
        CULL_TRY(cull__write(cx, k->w, "\n", 1));
    }
    if (sorted) return copy_pass(cx, c, k);
    CULL_TRY(CULL_ALLOC(cx, k->from, k->n));
    CULL_TRY(CULL_ALLOC(cx, k->len, k->n));
    CULL_TRY(copy_pass(cx, c, k));
    return put_gathered(cx, k);
}

static cull_status one_form(cull_ctx *cx, const cull_corpus *c)
{
    const cull__source *a = c->file;
    if (c->column)
        return cull__fail(cx, CULL_EINPUT,
                          "the records are columns of memory, not lines of a file; take the rows "
                          "of the columns instead");
    for (int i = 1; i < c->files; i++) {
        const cull__source *b = &c->file[i];
        if (a->format != b->format)
            return cull__fail(cx, CULL_EINPUT,
                              "%s and %s are of two formats; they cannot be written to one file",
                              a->path, b->path);
        if (a->header_n != b->header_n || (a->header && memcmp(a->header, b->header, a->header_n)))
            return cull__fail(cx, CULL_EINPUT,
                              "%s and %s have two headers; they cannot be written to one file",
                              a->path, b->path);
    }
    return CULL_OK;
}

cull_status cull_corpus_write(cull_ctx *cx, const cull_corpus *c, const int64_t *idx, int64_t n,
                              const char *path)
{
    struct want *want = NULL;
    struct copy k = {.n = n, .fd = -1, .held = CULL_BUF(cx)};
    uint64_t some = cull__memory_limit(cx) / 16;
    k.most = some < (64 << 20) ? (size_t)some : 64 << 20;
    CULL_TRY(one_form(cx, c));
    const char *phase = cull__phase(cx, "writing");
    cull_status s = sort_rows(cx, c, idx, n, &want);
    k.want = want;
    if (s == CULL_OK) s = cull__writer_open(cx, path, &k.w);
    if (s == CULL_OK) {
        s = copy_all(cx, c, idx, &k);
        s = cull__writer_end(cx, k.w, s);
    }
    if (k.fd >= 0) close(k.fd);
    cull__buf_free(&k.held);
    cull__free(k.from);
    cull__free(k.len);
    cull__free(want);
    cull__phase(cx, phase);
    return s;
}
