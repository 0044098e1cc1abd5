/* weights_write.c - the tensors of a result are made block by block, and written, or packed: see weights.h. */
#include "task/weights.h"

#include <stdio.h>
#include <string.h>

static const double AHEAD = 32 << 20; /* bytes of a tensor of each source */

typedef struct {
    cull__weights_job *job;
    const cull_weights_item *it;
    int64_t at; /* of the item */
    void *own;
} pass;

/* Numbers of `size` bytes whose mark is 0 become 0. */
#define CLEAR(type)                                                                                \
    for (int64_t i = 0; i < n; i++) {                                                              \
        type v;                                                                                    \
        memcpy(&v, out + (size_t)i * sizeof v, sizeof v);                                          \
        v = keep[i] ? v : 0;                                                                       \
        memcpy(out + (size_t)i * sizeof v, &v, sizeof v);                                          \
    }
static void clear(unsigned char *out, size_t size, const uint8_t *keep, int64_t n)
{
    switch (size) {
    case 1: CLEAR(uint8_t) break;
    case 2: CLEAR(uint16_t) break;
    case 4: CLEAR(uint32_t) break;
    default: CLEAR(uint64_t) break;
    }
}
#undef CLEAR

/* What the method does not keep becomes 0; all else has the bits it had, unless it is to be of another dtype. */
static cull_status kept(cull_ctx *cx, const pass *p, int64_t lo, int64_t n, bool again,
                        unsigned char **out, bool *f32)
{
    const cull__weights_job *j = p->job;
    const cull_checkpoint *ck = j->w.source[j->w.first];
    int64_t from = p->it->at[j->w.first];
    const cull_tensor *t = cull_checkpoint_at(ck, from);
    bool same = !strcmp(t->dtype, p->it->t.dtype);
    size_t size = same ? t->bytes / (uint64_t)t->n : sizeof(float);
    uint8_t *keep;
    *f32 = !same;
    CULL_TRY(CULL_TMP(cx, *out, n * (int64_t)size));
    CULL_TRY(CULL_TMP(cx, keep, n));
    CULL_TRY(j->fns->keep(cx, &j->w, p->it, j->state, p->own, lo, n, keep));
    CULL_TRY(same ? cull_checkpoint_raw(cx, ck, from, lo, n, *out)
                  : cull_checkpoint_read(cx, ck, from, lo, n, (float *)*out));
    clear(*out, size, keep, n);
    int64_t stay = 0;
    for (int64_t i = 0; i < n; i++) stay += keep[i];
    if (!again) p->job->zeroed += n - stay;
    return CULL_OK;
}

/* Numbers [lo, hi) of the item, in the arena: f32, or its own bytes. */
static cull_status make(cull_ctx *cx, const pass *p, int64_t lo, int64_t hi, bool again,
                        unsigned char **out, bool *f32)
{
    const cull__weights_job *j = p->job;
    const cull_tensor *t = &p->it->t;
    if (j->fns->keep && !p->it->copy) return kept(cx, p, lo, hi - lo, again, out, f32);
    uint64_t size = t->n && !t->floating ? t->bytes / (uint64_t)t->n : sizeof(float);
    *f32 = t->floating;
    CULL_TRY(CULL_TMP(cx, *out, (hi - lo) * (int64_t)size));
    if (p->it->copy) return cull_weights_read(cx, &j->w, p->it, 0, lo, hi - lo, (float *)*out);
    CULL_TRY(j->fns->block(cx, &j->w, p->it, j->state, p->own, lo, hi - lo, (float *)*out));
    return cull__weights_made(cx, &j->w, p->it, lo, (const float *)*out, hi - lo);
}

/* While an item is made the disk reads the beginning of the next one, for which a method that passes over it first would wait. */
static void ahead(const pass *p, int64_t lo, int64_t hi)
{
    const cull_weights_work *w = &p->job->w;
    const cull_weights_item *next = p->it + 1;
    if (p->job->passes == 0 || p->at + 1 == w->items || !next->at) return;
    double each = AHEAD / (double)p->it->t.n;
    uint64_t from = (uint64_t)((double)lo * each), to = (uint64_t)((double)hi * each);
    for (int s = 0; s < w->sources; s++)
        if (next->at[s] >= 0) cull_checkpoint_ahead(w->source[s], next->at[s], from, to - from);
}

static cull_status block(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const pass *p = arg;
    const cull_tensor *t = &p->it->t;
    unsigned char *out;
    bool f32;
    (void)chunk;
    ahead(p, lo, hi);
    CULL_TRY(make(cx, p, lo, hi, false, &out, &f32));
    if (f32) return cull_checkpoint_write(cx, p->job->out, p->at, lo, (const float *)out, hi - lo);
    uint64_t size = t->bytes / (uint64_t)t->n;
    return cull_checkpoint_write_bytes(cx, p->job->out, p->at, (uint64_t)lo * size, out,
                                       (uint64_t)(hi - lo) * size);
}

/* The same for who packs: bytes of the item's dtype. Blocks are those of a run that does not pack. */
static cull_status bytes(cull_ctx *cx, const void *arg, int64_t lo, int64_t hi, bool again,
                         const uint8_t **out)
{
    const pass *p = arg;
    const cull_tensor *t = &p->it->t;
    int64_t size = (int64_t)(t->bytes / (uint64_t)t->n);
    uint8_t *own;
    CULL_TRY(CULL_TMP(cx, own, (hi - lo) * size));
    *out = own;
    for (int64_t at = lo, end; at < hi; at = end) {
        unsigned char *x;
        bool f32;
        end = (at / CULL_WEIGHTS_BLOCK + 1) * CULL_WEIGHTS_BLOCK;
        if (end > hi) end = hi;
        cull__mark_t mark = cull__mark(cx);
        cull_status s = make(cx, p, at, end, again, &x, &f32);
        if (s == CULL_OK && f32)
            s = cull_checkpoint_narrow(cx, t->name, t->dtype, at, (const float *)x, end - at,
                                       own + (at - lo) * size);
        else if (s == CULL_OK)
            memcpy(own + (at - lo) * size, x, (size_t)((end - at) * size));
        cull__release(cx, mark);
        CULL_TRY(s);
    }
    return CULL_OK;
}

/* Copied from source 0; whether the others have the same is told at the end. */
static cull_status copy(cull_ctx *cx, cull__weights_job *j, int64_t i)
{
    const cull_weights_item *it = &j->w.item[i];
    const cull_tensor *t = cull_checkpoint_at(j->w.source[0], it->from);
    for (int s = 1; s < j->w.sources; s++) {
        bool same;
        if (it->at[s] < 0) continue;
        cull__mark_t mark = cull__mark(cx);
        cull_status status =
            cull__weights_same(cx, j->w.source[0], it->from, j->w.source[s], it->at[s], &same);
        cull__release(cx, mark);
        CULL_TRY(status);
        if (same) continue;
        j->report.unequal++;
        cull__log(cx, CULL_LOG_WARN, "'%s' is copied from %s; that of %s is not the same", t->name,
                  cull_checkpoint_path(j->w.source[0]), cull_checkpoint_path(j->w.source[s]));
    }
    if (!j->packer) return cull_checkpoint_copy(cx, j->out, i, j->w.source[0], it->from);
    cull_pack_source from = {&it->t, NULL, NULL, j->w.source[0], it->from};
    return cull_packer_add(cx, j->packer, &from);
}

static cull_status one(cull_ctx *cx, cull__weights_job *j, int64_t i)
{
    const cull_weights_item *it = &j->w.item[i];
    pass p = {.job = j, .it = it, .at = i};
    const cull_tensor *from = it->from < 0 ? NULL : cull_checkpoint_at(j->w.source[0], it->from);
    if (it->copy && !strcmp(it->t.dtype, from->dtype) && it->t.n == from->n) return copy(cx, j, i);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_OK;
    if (j->fns->tensor && !it->copy) s = j->fns->tensor(cx, &j->w, it, j->state, &p.own);
    cull_pack_source made = {&it->t, bytes, &p, NULL, -1};
    if (s == CULL_OK)
        s = j->packer ? cull_packer_add(cx, j->packer, &made)
                      : cull__for(cx, it->t.n, CULL_WEIGHTS_BLOCK, block, &p);
    cull__release(cx, mark);
    return s;
}

/* What an item was made of is not read again. */
static void leave(const cull__weights_job *j, const cull_weights_item *it)
{
    for (int s = 0; s < j->w.sources; s++) {
        if (!it->at || it->at[s] < 0) continue;
        if (j->forget)
            cull_checkpoint_forget(j->w.source[s], it->at[s]);
        else
            cull_checkpoint_done(j->w.source[s], it->at[s]);
    }
}

static cull_status all(cull_ctx *cx, cull__weights_job *j)
{
    double total = (double)j->report.written;
    for (int64_t i = 0; i < j->w.items; i++) {
        const cull_weights_item *it = &j->w.item[i];
        cull__span(cx, j->done, j->done + (double)it->t.bytes, total);
        cull_status s = cull__tick(cx, 0, 1);
        if (s == CULL_OK) s = one(cx, j, i);
        cull__span(cx, 0, 0, 0);
        CULL_TRY(s);
        leave(j, it);
        j->done += (double)it->t.bytes;
    }
    return j->fns->end ? j->fns->end(cx, &j->w, j->state) : CULL_OK;
}

static cull_status write_packed(cull_ctx *cx, cull__weights_job *j, const char *path,
                                const cull_checkpoint_opts *o)
{
    CULL_TRY(cull_packer_new(cx, j->w.items, j->w.problem->packing, &j->report.packed, &j->packer));
    cull_status s = all(cx, j);
    if (s == CULL_OK) s = cull_packer_write(cx, j->packer, path, o);
    cull_packer_free(j->packer);
    j->report.written = j->report.packed.written;
    return s;
}

cull_status cull__weights_write(cull_ctx *cx, cull__weights_job *j, const char *path)
{
    char made[96];
    const char *format = cull_checkpoint_meta(j->w.source[0], "format");
    const char **meta;
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    cull_tensor *t;
    snprintf(made, sizeof made, "cull weights %s", j->m->slug);
    CULL_TRY(CULL_TMP(cx, meta, 4 + j->w.metas));
    meta[0] = "format", meta[1] = format ? format : "pt", meta[2] = "made_by", meta[3] = made;
    for (int i = 0; i < j->w.metas; i++) meta[4 + i] = j->w.meta[i];
    o.meta = meta, o.metas = 4 + j->w.metas;
    o.shard_bytes = j->w.problem->shard;
    o.like = j->w.stem ? NULL : j->w.source[0];
    o.stem = j->w.stem;
    o.config = j->w.config;
    o.manifest = j->w.manifest;
    if (j->w.problem->sparse) return write_packed(cx, j, path, &o);
    CULL_TRY(CULL_TMP(cx, t, j->w.items));
    for (int64_t i = 0; i < j->w.items; i++) t[i] = j->w.item[i].t;
    CULL_TRY(cull_checkpoint_create(cx, path, t, j->w.items, &o, &j->out));
    return cull_checkpoint_finish(cx, j->out, all(cx, j));
}
