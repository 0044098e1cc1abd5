/* checkpoint.c - a checkpoint's handle: its tensors by number and name, their bytes and numbers. */
#include "repr/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "num/blend.h"
#include "num/cast.h"

void cull_checkpoint_free(cull_checkpoint *ck)
{
    if (!ck) return;
    for (int i = 0; i < ck->files; i++) {
        cull__bytes_close(&ck->file[i].bytes);
        cull__free(ck->file[i].path);
    }
    cull__checkpoint_drop_held(ck);
    while (ck->text) {
        void **block = ck->text;
        ck->text = *block;
        cull__free(block);
    }
    cull__free(ck->file);
    cull__free(ck->t);
    cull__free(ck->at);
    cull__free(ck->packed);
    cull__free(ck->name);
    cull__free(ck->by);
    cull__free(ck->meta);
    cull__free(ck->path);
    cull__free(ck->folder);
    cull__free(ck->config);
    cull__free(ck);
}

const char *cull_checkpoint_path(const cull_checkpoint *ck) { return ck->path; }
const char *cull_checkpoint_folder(const cull_checkpoint *ck) { return ck->folder; }
const char *cull_checkpoint_config(const cull_checkpoint *ck) { return ck->config; }
int cull_checkpoint_files(const cull_checkpoint *ck) { return ck->files; }
const char *cull_checkpoint_file(const cull_checkpoint *ck, int i) { return ck->file[i].path; }
uint64_t cull_checkpoint_bytes_all(const cull_checkpoint *ck) { return ck->bytes; }
int64_t cull_checkpoint_count(const cull_checkpoint *ck) { return ck->n; }
const cull_tensor *cull_checkpoint_at(const cull_checkpoint *ck, int64_t i) { return ck->t + i; }
const void *cull_checkpoint_bytes(const cull_checkpoint *ck, int64_t i) { return ck->at[i]; }

static int64_t by_name(const cull_checkpoint *ck, const char *name)
{
    int64_t lo = 0, hi = ck->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (strcmp(ck->name[ck->by[mid]], name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < ck->n && !strcmp(ck->name[ck->by[lo]], name) ? ck->by[lo] : -1;
}

int64_t cull_checkpoint_find(const cull_checkpoint *ck, const char *name, int64_t *near)
{
    enum { MOST = 100000 };
    int64_t i = by_name(ck, name);
    if (!near) return i;
    *near = -1;
    const char *s = i >= 0 ? NULL : cull__nearest(name, ck->name, ck->n > MOST ? MOST : (int)ck->n);
    if (s) *near = by_name(ck, s);
    return i;
}

const char *cull_checkpoint_meta(const cull_checkpoint *ck, const char *key)
{
    for (int64_t i = 0; i < ck->metas; i += 2)
        if (!strcmp(ck->meta[i], key)) return ck->meta[i + 1];
    return NULL;
}

bool cull_checkpoint_meta_at(const cull_checkpoint *ck, int64_t i, const char **key,
                             const char **value)
{
    if (i < 0 || 2 * i >= ck->metas_first) return false;
    *key = ck->meta[2 * i];
    *value = ck->meta[2 * i + 1];
    return true;
}

cull_status cull__checkpoint_fetch(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                   uint64_t from, uint64_t n, void *out)
{
    const cull__checkpoint_file *f = &ck->file[ck->t[i].file];
    const unsigned char *at = ck->at[i], *end = f->bytes.at + f->bytes.n;
    if (at < f->bytes.at || at >= end) { /* a member that was expanded */
        memcpy(out, at + from, (size_t)n);
        return CULL_OK;
    }
    return cull__bytes_read(cx, &f->bytes, f->path, (size_t)(at - f->bytes.at) + (size_t)from,
                            (size_t)n, out);
}

/* The same as f32. */
static cull_status widen(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int form, int size,
                         int64_t from, int64_t n, float *out)
{
    enum { PIECE = 65536 };
    unsigned char *raw;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, raw, (n < PIECE ? n : PIECE) * size);
    for (int64_t k = 0, m; s == CULL_OK && k < n; k += m) {
        m = n - k < PIECE ? n - k : PIECE;
        s = cull__checkpoint_fetch(cx, ck, i, (uint64_t)(from + k) * (uint64_t)size,
                                   (uint64_t)m * (uint64_t)size, raw);
        if (s == CULL_OK) cull__widen(cx, form, raw, m, out + k);
    }
    cull__release(cx, mark);
    return s;
}

cull_status cull_checkpoint_read(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t from,
                                 int64_t n, float *out)
{
    if (i < 0 || i >= ck->n)
        return cull__fail(cx, CULL_EINPUT, "%s: tensor %" PRId64 " of %" PRId64, ck->path, i,
                          ck->n);
    const cull_tensor *t = ck->t + i;
    int size, form = cull__safetensors_form(t->dtype, &size);
    if (!t->numeric)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: tensor '%.100s' has dtype %s, whose numbers cull does not read",
                          ck->file[t->file].path, t->name, t->dtype);
    if (from < 0 || n < 0 || n > t->n - from)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: tensor '%.100s': %" PRId64 " numbers from %" PRId64
                          " on are asked for, it has %" PRId64,
                          ck->file[t->file].path, t->name, n, from, t->n);
    if (n && !ck->at[i]) return cull__checkpoint_read_packed(cx, ck, i, form, from, n, out);
    if (form == CULL_F32)
        return cull__checkpoint_fetch(cx, ck, i, (uint64_t)from * sizeof *out,
                                      (uint64_t)n * sizeof *out, out);
    return widen(cx, ck, i, form, size, from, n, out);
}

cull_status cull_checkpoint_read_sound(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                       int64_t from, int64_t n, float *out)
{
    CULL_TRY(cull_checkpoint_read(cx, ck, i, from, n, out));
    if (!cull__blend_of(cx)->nan(out, n)) return CULL_OK;
    int64_t at = 0;
    while (out[at] == out[at]) at++;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: number %" PRId64 " of tensor '%s' is NaN (--allow-nan?)", ck->path,
                      from + at, ck->t[i].name);
}

typedef void advice(const cull__bytes *b, size_t at, size_t n);

/* About n bytes of a file. */
static void advise_part(const cull__bytes *b, const unsigned char *at, uint64_t n, advice *give)
{
    if (at < b->at || at >= b->at + b->n) return; /* a member that was expanded */
    give(b, (size_t)(at - b->at), (size_t)n);
}

static void advise(const cull_checkpoint *ck, int64_t i, advice *give)
{
    const cull_tensor *t = ck->t + i;
    const cull__checkpoint_packed *p = ck->packed ? ck->packed + i : NULL;
    if (ck->at[i]) {
        advise_part(&ck->file[t->file].bytes, ck->at[i], t->bytes, give);
        return;
    }
    for (int k = 0; p && k < CULL__PACK_PARTS; k++)
        if (p->p.part[k]) advise_part(&ck->file[p->file[k]].bytes, p->p.part[k], p->len[k], give);
}

void cull_checkpoint_done(const cull_checkpoint *ck, int64_t i) { advise(ck, i, cull__bytes_drop); }

void cull_checkpoint_ahead(const cull_checkpoint *ck, int64_t i, uint64_t from, uint64_t n)
{
    const cull_tensor *t = ck->t + i;
    const cull__bytes *b = &ck->file[t->file].bytes;
    if (!ck->at[i] || ck->at[i] < b->at || ck->at[i] >= b->at + b->n || from >= t->bytes) return;
    cull__bytes_ahead(b, (size_t)(ck->at[i] - b->at) + from,
                      n < t->bytes - from ? n : t->bytes - from);
}

void cull_checkpoint_forget(const cull_checkpoint *ck, int64_t i)
{
    advise(ck, i, cull__bytes_forget);
}

cull_status cull__checkpoint_keep(cull_checkpoint *ck, const char *s, size_t n, const char **out)
{
    enum { BLOCK = 64 * 1024 };
    if (ck->room < n + 1) {
        void **block;
        size_t room = n + 1 > BLOCK ? n + 1 : BLOCK;
        CULL_TRY(cull__alloc(ck->cx, (void **)&block, (int64_t)(sizeof(void *) + room), 1));
        *block = ck->text;
        ck->text = block;
        ck->room = room;
    }
    /* from the end of the newest block */
    char *at = (char *)ck->text + sizeof(void *) + ck->room - (n + 1);
    ck->room -= n + 1;
    memcpy(at, s, n);
    at[n] = 0;
    *out = at;
    return CULL_OK;
}
