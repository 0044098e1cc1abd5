/* checkpoint_write.c - a checkpoint written as it comes: heads first, then every number at its place.
 *
 * Sizes are known before any number is, so heads, offsets and space are settled at once. Tensors of wider
 * numbers lie first in a file, as readers that view numbers in place want them aligned; its head names them in
 * the order they were given. Files of a folder are made in a folder of their own beside it. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/cast.h"
#include "repr/checkpoint.h"
#include "repr/checkpoint_place.h"

enum { COPY = 4 << 20 };
/* Numbers that are written at once: a block of a merge, since workers that write by turns wait for each other each time. */
enum { NARROWED = 65536 };

typedef struct {
    const char *name, *dtype;
    int form, size, file;
    int64_t n;
    uint64_t at, bytes; /* at: in its file */
    _Atomic uint64_t have;
} output;

typedef struct {
    cull__writer *w;
    uint64_t bytes; /* of tensors */
    uint64_t head;
} shard;

struct cull_checkpoint_writer {
    cull_ctx *cx;
    cull__place place;
    output *t;
    int64_t n;
    shard *file;
    int files;
    int64_t now; /* the tensor that put goes on with */
    void *names;
};

/* ---- what is to be written ---- */

static cull_status wrong(cull_ctx *cx, const cull_tensor *t, const char *what)
{
    char shown[100];
    return cull__fail(cx, CULL_EINPUT, "a checkpoint to write: tensor '%s' %s",
                      cull__quote(t->name, strlen(t->name), shown, sizeof shown), what);
}

static cull_status measure(cull_ctx *cx, const cull_tensor *t, output *o)
{
    size_t bad;
    if (!t->name || !t->dtype)
        return cull__fail(cx, CULL_EINPUT,
                          "a checkpoint to write: a tensor has no name or no dtype");
    if (!strcmp(t->name, "__metadata__") || !cull__utf8_ok(t->name, strlen(t->name), &bad))
        return wrong(cx, t, "cannot be called so");
    if (!cull__utf8_ok(t->dtype, strlen(t->dtype), &bad))
        return wrong(cx, t, "has a dtype that is not UTF-8");
    if (t->ndim < 0 || t->ndim > 8) return wrong(cx, t, "has more than 8 dimensions");
    *o = (output){.n = 1};
    o->form = cull__safetensors_form(t->dtype, &o->size);
    bool none = false, over = false;
    for (int d = 0; d < t->ndim; d++) {
        if (t->shape[d] < 0) return wrong(cx, t, "has a negative length");
        none |= t->shape[d] == 0;
        over |= __builtin_mul_overflow(o->n, t->shape[d], &o->n);
    }
    if (none) o->n = 0;
    over = !none && over;
    o->bytes = t->bytes;
    if (o->size) over |= __builtin_mul_overflow((uint64_t)o->n, (uint64_t)o->size, &o->bytes);
    if (over || o->bytes > INT64_MAX) return wrong(cx, t, "is larger than any file");
    return CULL_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static cull_status check_names(cull_ctx *cx, const cull_tensor *t, int64_t n)
{
    const char **name;
    CULL_TRY(CULL_TMP(cx, name, n));
    for (int64_t i = 0; i < n; i++) name[i] = t[i].name;
    if (n) qsort(name, (size_t)n, sizeof *name, by_text);
    for (int64_t i = 1; i < n; i++)
        if (!strcmp(name[i - 1], name[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "a checkpoint to write: two tensors are called '%.100s'", name[i]);
    return CULL_OK;
}

/* Which file each tensor goes to: on to the next where it would be too large. */
static cull_status deal(cull_ctx *cx, cull_checkpoint_writer *w, uint64_t most)
{
    uint64_t sum = 0, all = 0;
    int files = 1;
    for (int64_t i = 0; i < w->n; i++) {
        if (most && sum && w->t[i].bytes > most - (sum < most ? sum : most)) files++, sum = 0;
        w->t[i].file = files - 1;
        sum += w->t[i].bytes;
        if (__builtin_add_overflow(all, w->t[i].bytes, &all) || all > INT64_MAX)
            return cull__fail(cx, CULL_EINPUT, "a checkpoint to write is larger than any disk");
    }
    w->files = files;
    return CULL_ALLOC(cx, w->file, files);
}

/* Places within the files: numbers of 8 bytes first, then 4, 2, 1, then what is not known. */
static void place_all(cull_checkpoint_writer *w)
{
    static const int sizes[] = {8, 4, 2, 1, 0};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int64_t i = 0; i < w->n; i++) {
            if (w->t[i].size != sizes[k]) continue;
            w->t[i].at = w->file[w->t[i].file].bytes;
            w->file[w->t[i].file].bytes += w->t[i].bytes;
        }
}

static cull_status keep_names(cull_ctx *cx, cull_checkpoint_writer *w, const cull_tensor *t)
{
    size_t n = 0;
    char *at;
    for (int64_t i = 0; i < w->n; i++) n += strlen(t[i].name) + strlen(t[i].dtype) + 2;
    CULL_TRY(CULL_ALLOC(cx, at, (int64_t)n));
    w->names = at;
    for (int64_t i = 0; i < w->n; i++) {
        w->t[i].name = strcpy(at, t[i].name);
        at += strlen(at) + 1;
        w->t[i].dtype = strcpy(at, t[i].dtype);
        at += strlen(at) + 1;
    }
    return CULL_OK;
}

/* ---- files and heads ---- */

static cull_status head_of(cull_ctx *cx, const cull_checkpoint_writer *w, int file,
                           const cull_tensor *from, const cull_checkpoint_opts *o, cull_buf *head)
{
    static const char *const usual[] = {"format", "pt"};
    cull__tensor *t;
    int64_t n = 0;
    CULL_TRY(CULL_TMP0(cx, t, w->n));
    for (int64_t i = 0; i < w->n; i++) {
        if (w->t[i].file != file) continue;
        t[n] = (cull__tensor){.name = w->t[i].name, .dtype = w->t[i].dtype, .bytes = w->t[i].bytes};
        t[n].place = w->t[i].at;
        t[n].a.ndim = from[i].ndim;
        memcpy(t[n++].a.shape, from[i].shape, sizeof from[i].shape);
    }
    return cull__safetensors_head_of(cx, t, n, o->meta ? o->meta : usual, o->meta ? o->metas : 2,
                                     head);
}

static cull_status open_file(cull_ctx *cx, cull_checkpoint_writer *w, int k,
                             const cull_tensor *from, const cull_checkpoint_opts *o)
{
    cull_buf head = CULL_BUF(cx);
    shard *f = w->file + k;
    char *path;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = head_of(cx, w, k, from, o, &head);
    f->head = head.n;
    if (s == CULL_OK) s = cull__place_file(cx, &w->place, k, w->files, &path);
    if (s == CULL_OK) s = cull__writer_open(cx, path, &f->w);
    if (s == CULL_OK) s = cull__writer_room(cx, f->w, f->head + f->bytes);
    if (s == CULL_OK) s = cull__write_at(cx, f->w, head.at, head.n, 0);
    cull__buf_free(&head);
    cull__release(cx, mark);
    return s;
}

static cull_status prepare(cull_ctx *cx, cull_checkpoint_writer *w, const cull_tensor *from,
                           const cull_checkpoint_opts *o)
{
    uint64_t bytes = 0;
    CULL_TRY(CULL_ALLOC(cx, w->t, w->n));
    for (int64_t i = 0; i < w->n; i++) CULL_TRY(measure(cx, from + i, w->t + i));
    CULL_TRY(keep_names(cx, w, from));
    CULL_TRY(check_names(cx, from, w->n));
    CULL_TRY(deal(cx, w, w->place.folder ? o->shard_bytes : 0));
    place_all(w);
    for (int k = 0; k < w->files; k++) bytes += w->file[k].bytes;
    CULL_TRY(cull__place_begin(cx, &w->place, bytes, w->files, o));
    for (int k = 0; k < w->files; k++) CULL_TRY(open_file(cx, w, k, from, o));
    for (int64_t i = 0; i < w->n; i++) w->t[i].at += w->file[w->t[i].file].head;
    return CULL_OK;
}

cull_status cull_checkpoint_create(cull_ctx *cx, const char *path, const cull_tensor *tensors,
                                   int64_t count, const cull_checkpoint_opts *opts,
                                   cull_checkpoint_writer **out)
{
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    cull_checkpoint_writer *w;
    *out = NULL;
    if (opts) memcpy(&o, opts, opts->size < sizeof o ? opts->size : sizeof o);
    CULL_TRY(CULL_ALLOC(cx, w, 1));
    w->cx = cx;
    w->n = count;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__place_open(cx, path, &o, &w->place);
    if (s == CULL_OK) s = prepare(cx, w, tensors, &o);
    cull__release(cx, mark);
    if (s != CULL_OK) return cull_checkpoint_finish(cx, w, s);
    *out = w;
    return CULL_OK;
}

/* ---- numbers ---- */

static cull_status past_end(cull_ctx *cx, const output *t)
{
    return cull__fail(cx, CULL_EINTERNAL,
                      "tensor '%.100s': more is written than its %" PRIu64 " bytes", t->name,
                      t->bytes);
}

cull_status cull_checkpoint_write_bytes(cull_ctx *cx, cull_checkpoint_writer *w, int64_t i,
                                        uint64_t from, const void *p, uint64_t n)
{
    output *t = w->t + i;
    if (from > t->bytes || n > t->bytes - from) return past_end(cx, t);
    CULL_TRY(cull__write_at(cx, w->file[t->file].w, p, (size_t)n, t->at + from));
    atomic_fetch_add(&t->have, n);
    return CULL_OK;
}

cull_status cull_checkpoint_narrow(cull_ctx *cx, const char *name, const char *dtype, int64_t from,
                                   const float *x, int64_t n, void *out)
{
    int size, form = cull__safetensors_form(dtype, &size);
    int64_t bad = cull__narrow(cx, form, x, n, out);
    char v[32], most[32];
    if (bad < 0) return CULL_OK;
    if (isinf(x[bad]))
        return cull__fail(cx, CULL_EINPUT,
                          "tensor '%.100s': number %" PRId64 " is infinite, and %s has no infinity",
                          name, from + bad, dtype);
    return cull__fail(cx, CULL_EINPUT,
                      "tensor '%.100s': number %" PRId64 " is %s, past the largest of %s, %s", name,
                      from + bad, cull__format_f64((double)x[bad], v), dtype,
                      cull__format_f64(cull__form_most(form), most));
}

static bool floats(int form)
{
    return form == CULL_F32 || form == CULL_F64 || form == CULL_F16 || form == CULL_BF16 ||
           form >= CULL_DTYPES;
}

cull_status cull_checkpoint_write(cull_ctx *cx, cull_checkpoint_writer *w, int64_t i, int64_t from,
                                  const float *x, int64_t n)
{
    output *t = w->t + i;
    uint64_t size = (uint64_t)t->size;
    if (!floats(t->form))
        return cull__fail(
            cx, CULL_EINPUT,
            "tensor '%.100s' has dtype %s; numbers are rounded to F64, F32, F16, BF16, "
            "F8_E4M3 and F8_E5M2",
            t->name, t->dtype);
    if (from < 0 || n < 0 || from > t->n || n > t->n - from) return past_end(cx, t);
    if (t->form == CULL_F32)
        return cull_checkpoint_write_bytes(cx, w, i, (uint64_t)from * size, x, (uint64_t)n * size);
    cull__mark_t mark = cull__mark(cx);
    int64_t step = n < NARROWED ? n : NARROWED;
    unsigned char *some;
    cull_status s = CULL_TMP(cx, some, step * t->size);
    for (int64_t k = 0; s == CULL_OK && k < n; k += step) {
        int64_t m = n - k < step ? n - k : step;
        s = cull_checkpoint_narrow(cx, t->name, t->dtype, from + k, x + k, m, some);
        if (s == CULL_OK)
            s = cull_checkpoint_write_bytes(cx, w, i, (uint64_t)(from + k) * size, some,
                                            (uint64_t)m * size);
    }
    cull__release(cx, mark);
    return s;
}

/* The tensor whose turn it is, and how many of its bytes are there. */
static output *turn(cull_checkpoint_writer *w, uint64_t *have)
{
    while (w->now < w->n && atomic_load(&w->t[w->now].have) == w->t[w->now].bytes) w->now++;
    if (w->now == w->n) return NULL;
    *have = atomic_load(&w->t[w->now].have);
    return w->t + w->now;
}

cull_status cull_checkpoint_put(cull_ctx *cx, cull_checkpoint_writer *w, const float *x, int64_t n)
{
    uint64_t have;
    if (n == 0) return CULL_OK;
    output *t = turn(w, &have);
    if (!t) return cull__fail(cx, CULL_EINTERNAL, "more is written than there are tensors");
    int64_t from = t->size ? (int64_t)(have / (uint64_t)t->size) : 0;
    return cull_checkpoint_write(cx, w, w->now, from, x, n);
}

cull_status cull_checkpoint_put_bytes(cull_ctx *cx, cull_checkpoint_writer *w, const void *p,
                                      uint64_t n)
{
    uint64_t have;
    if (n == 0) return CULL_OK;
    if (!turn(w, &have))
        return cull__fail(cx, CULL_EINTERNAL, "more is written than there are tensors");
    return cull_checkpoint_write_bytes(cx, w, w->now, have, p, n);
}

typedef struct {
    cull_checkpoint_writer *w;
    int64_t i;
    const cull_checkpoint *ck;
    int64_t k;
} copying;

static cull_status copy_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const copying *c = arg;
    const unsigned char *at = cull_checkpoint_bytes(c->ck, c->k);
    unsigned char *own;
    (void)chunk;
    if (at)
        return cull_checkpoint_write_bytes(cx, c->w, c->i, (uint64_t)lo, at + lo,
                                           (uint64_t)(hi - lo));
    const cull_tensor *t = cull_checkpoint_at(c->ck, c->k);
    int64_t width =
        (int64_t)t->bytes / t->n; /* a power of two, which the chunks are multiples of */
    CULL_TRY(CULL_TMP(cx, own, hi - lo));
    CULL_TRY(cull_checkpoint_raw(cx, c->ck, c->k, lo / width, (hi - lo) / width, own));
    return cull_checkpoint_write_bytes(cx, c->w, c->i, (uint64_t)lo, own, (uint64_t)(hi - lo));
}

cull_status cull_checkpoint_copy(cull_ctx *cx, cull_checkpoint_writer *w, int64_t i,
                                 const cull_checkpoint *ck, int64_t k)
{
    const cull_tensor *from = cull_checkpoint_at(ck, k);
    const output *t = w->t + i;
    if (strcmp(from->dtype, t->dtype) || from->bytes != t->bytes)
        return cull__fail(cx, CULL_EINPUT,
                          "tensor '%.80s' (%s, %" PRIu64 " bytes) cannot be a copy of '%.80s' (%s, "
                          "%" PRIu64 " bytes)",
                          t->name, t->dtype, t->bytes, from->name, from->dtype, from->bytes);
    copying c = {w, i, ck, k};
    CULL_TRY(cull__for(cx, (int64_t)t->bytes, COPY, copy_chunk, &c));
    cull_checkpoint_done(ck, k);
    return CULL_OK;
}

/* ---- the end ---- */

static cull_status whole(cull_ctx *cx, const cull_checkpoint_writer *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        uint64_t have = atomic_load(&w->t[i].have);
        if (have != w->t[i].bytes)
            return cull__fail(cx, CULL_EINTERNAL,
                              "tensor '%.100s': %" PRIu64 " of its %" PRIu64 " bytes were written",
                              w->t[i].name, have, w->t[i].bytes);
    }
    return CULL_OK;
}

static cull_status write_index(cull_ctx *cx, const cull_checkpoint_writer *w)
{
    cull_json j = {.b = CULL_BUF(cx)};
    int64_t total = 0;
    char file[300];
    for (int64_t i = 0; i < w->n; i++) total += (int64_t)w->t[i].bytes;
    cull__json_open(&j, '{');
    cull__json_key(&j, "metadata");
    cull__json_open(&j, '{');
    cull__json_key(&j, "total_size");
    cull__json_i64(&j, total);
    cull__json_close(&j, '}');
    cull__json_key(&j, "weight_map");
    cull__json_open(&j, '{');
    for (int64_t i = 0; i < w->n; i++) {
        cull__json_key(&j, w->t[i].name);
        cull__json_str(&j, cull__place_name(&w->place, w->t[i].file, w->files, file));
    }
    cull__json_close(&j, '}');
    cull__json_close(&j, '}');
    cull__buf_add(&j.b, "\n", 1);
    cull_status s = j.b.status;
    if (s == CULL_OK) s = cull__place_index(cx, &w->place, j.b.at, j.b.n);
    cull__buf_free(&j.b);
    return s;
}

cull_status cull_checkpoint_finish(cull_ctx *cx, cull_checkpoint_writer *w, cull_status s)
{
    if (!w) return s;
    cull__mark_t mark = cull__mark(cx);
    if (s == CULL_OK) s = whole(cx, w);
    for (int k = 0; w->file && k < w->files; k++) s = cull__writer_end(cx, w->file[k].w, s);
    if (s == CULL_OK && w->files > 1) s = write_index(cx, w);
    s = cull__place_end(cx, &w->place, s);
    cull__release(cx, mark);
    cull__free(w->file);
    cull__free(w->names);
    cull__free(w->t);
    cull__free(w);
    return s;
}
