/* weights.c - the door to every method of task weights. */
#include "task/weights.h"
#include "cull/checkpoint_look.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double AHEAD = 32 << 20; /* bytes of a tensor of each source */

typedef struct {
    cull_weights_work w;
    const cull_method *m;
    const cull_weights_fns *fns;
    cull__rules *rules;
    cull_checkpoint_writer *out; /* or packer, of a sparse result */
    cull_packer *packer;
    _Atomic int64_t zeroed; /* numbers that a method's keep left out */
    void *state;
    int64_t cap;   /* of items */
    double done;   /* bytes written so far */
    double passes; /* over each item before the one that makes it */
    bool forget; /* what is read and written is too much for the page cache to serve another run */
    cull_weights_report report;
} run;

static const char *path_of(const run *r, int s) { return cull_checkpoint_path(r->w.source[s]); }

/* ---- what is given ---- */
static cull_status check_number(cull_ctx *cx, const run *r)
{
    const cull_weights_problem *p = r->w.problem;
    const cull_weights_fns *f = r->fns;
    const char *slug = r->m->slug;
    if ((f->needs & CULL_WEIGHTS_BASE) && !p->base)
        return cull__fail(cx, CULL_EINPUT, "%s needs what the models were fine-tuned from (base)",
                          slug);
    if ((f->needs & CULL_WEIGHTS_NO_BASE) && p->base)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has no use for a base; if it is to count, give it as a model", slug);
    if ((f->needs & CULL_WEIGHTS_ACTIVATIONS) && !p->activations)
        return cull__fail(cx, CULL_EINPUT,
                          "%s needs statistics of what tensors are multiplied with (activations)",
                          slug);
    int most = f->most < 0 ? CULL_WEIGHTS_MODELS : f->most;
    if (p->models >= f->least && p->models <= most) return CULL_OK;
    char range[32];
    snprintf(range, sizeof range, f->least == most ? "%d" : "%d to %d", f->least, most);
    return cull__fail(cx, CULL_EINPUT, "%s takes %s model%s%s, and there %s %d", slug, range,
                      most == 1 ? "" : "s", p->base ? " beside the base" : "",
                      p->models == 1 ? "is" : "are", p->models);
}

static const struct {
    const char *name;
    int size;
} dtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* Bytes of a number of a floating dtype; 0 = it is none. */
static int size_of(const char *dtype)
{
    for (int i = 0; i < DTYPES; i++)
        if (!strcmp(dtype, dtypes[i].name)) return dtypes[i].size;
    return 0;
}

static cull_status check_dtype(cull_ctx *cx, const char *dtype)
{
    const char *names[DTYPES];
    if (!dtype || size_of(dtype)) return CULL_OK;
    for (int i = 0; i < DTYPES; i++) names[i] = dtypes[i].name;
    const char *near = cull__nearest(dtype, names, DTYPES);
    return cull__fail(cx, CULL_EOPTION,
                      "dtype '%s' is none of F64, F32, F16, BF16, F8_E4M3, F8_E5M2%s%s", dtype,
                      near ? "; did you mean " : "", near ? near : "");
}

static cull_status check_packing(cull_ctx *cx, const cull_weights_problem *p)
{
    return p->sparse && p->packing ? cull_packing_check(cx, p->packing) : CULL_OK;
}

static cull_status take_sources(cull_ctx *cx, run *r)
{
    const cull_weights_problem *p = r->w.problem;
    const cull_checkpoint **source;
    r->w.first = p->base != NULL;
    r->w.sources = r->w.first + p->models;
    if (!r->w.sources) return cull__fail(cx, CULL_EINPUT, "%s: there is no model", r->m->slug);
    CULL_TRY(CULL_TMP(cx, source, r->w.sources));
    if (p->base) source[0] = p->base;
    for (int i = 0; i < p->models; i++) source[r->w.first + i] = p->model[i];
    r->w.source = source;
    return CULL_OK;
}

/* ---- items ---- */
static cull_status resolve(cull_ctx *cx, run *r, cull_weights_item *it)
{
    const void **opts;
    CULL_TRY(CULL_TMP(cx, opts, r->w.sources));
    for (int s = 0; s < r->w.sources; s++)
        CULL_TRY(cull__rules_opts(cx, r->rules, &it->t, s - r->w.first, &opts[s]));
    it->opts = opts;
    return CULL_OK;
}

/* With common rows a tensor becomes as short as the shortest. */
static void shorten(const run *r, cull_weights_item *it)
{
    cull_tensor *t = &it->t;
    for (int s = 1; s < r->w.sources; s++) {
        if (it->at[s] < 0 || it->copy || !t->ndim) continue;
        int64_t rows = cull_checkpoint_at(r->w.source[s], it->at[s])->shape[0];
        if (rows >= t->shape[0]) continue;
        t->n = t->n / t->shape[0] * rows;
        t->shape[0] = rows;
    }
}

/* pair: of each source the tensors that are those of the first one (NULL = none is). */
static cull_status first_item(cull_ctx *cx, run *r, int64_t *const *pair, int64_t i)
{
    cull_weights_item *it = &r->w.item[i];
    int64_t *at;
    *it = (cull_weights_item){.t = *cull_checkpoint_at(r->w.source[0], i), .from = i};
    it->copy = cull_checkpoint_fixed(&it->t);
    CULL_TRY(CULL_TMP(cx, at, r->w.sources));
    it->at = at;
    for (int s = 0; s < r->w.sources; s++) at[s] = s == 0 ? i : pair[s] ? pair[s][i] : -1;
    shorten(r, it);
    return resolve(cx, r, it);
}

static cull_status first_items(cull_ctx *cx, run *r)
{
    const cull_weights_problem *p = r->w.problem;
    int64_t **pair;
    bool pairs = r->w.sources > 1 && !(r->fns->needs & CULL_WEIGHTS_OWN_NAMES);
    bool renames = pairs || (r->fns->needs & CULL_WEIGHTS_RENAMES);
    if ((!pairs && p->ties) || (!renames && p->renames))
        return cull__fail(cx, CULL_EOPTION,
                          "%s pairs no tensors of several checkpoints: there is nothing to rename "
                          "or tie",
                          r->m->slug);
    CULL_TRY(CULL_TMP0(cx, pair, r->w.sources));
    if (pairs) CULL_TRY(cull__weights_pair(cx, &r->w, pair));
    char buf[128];
    const char *network = cull_checkpoint_network(cx, r->w.source[0], buf);
    for (int64_t i = 0; i < r->w.items; i++) {
        CULL_TRY(first_item(cx, r, pair, i));
        cull_weights_item *it = r->w.item + i;
        it->turned = it->t.ndim == 2 && cull_checkpoint_conv1d(network, it->t.name);
    }
    return CULL_OK;
}

/* Tensors of models that nothing was made of. */
static void tell_extra(cull_ctx *cx, const run *r)
{
    for (int s = 1; s < r->w.sources; s++) {
        int64_t used = 0, all = cull_checkpoint_count(r->w.source[s]);
        for (int64_t i = 0; i < r->w.items; i++) used += r->w.item[i].at[s] >= 0;
        if (used < all)
            cull__log(cx, CULL_LOG_WARN, "%s: %" PRId64 " tensors that %s has not are left out",
                      path_of(r, s), all - used, path_of(r, 0));
    }
}

static cull_status make_items(cull_ctx *cx, run *r)
{
    const cull_weights_problem *p = r->w.problem;
    r->w.items = r->cap = cull_checkpoint_count(r->w.source[0]);
    CULL_TRY(CULL_ALLOC(cx, r->w.item, r->cap + 1));
    CULL_TRY(first_items(cx, r));
    CULL_TRY(cull__rules_used(cx, r->rules));
    if (!(r->fns->needs & CULL_WEIGHTS_OWN_NAMES) && !r->w.planning) tell_extra(cx, r);
    CULL_TRY(cull__weights_words(cx, &r->w));
    for (int64_t i = 0; i < r->w.items; i++)
        if (p->dtype && !r->w.item[i].copy) r->w.item[i].t.dtype = p->dtype;
    if (r->fns->items) CULL_TRY(r->fns->items(cx, &r->w));
    for (int64_t i = 0; i < r->w.items; i++) {
        cull_tensor *t = &r->w.item[i].t;
        t->floating = size_of(t->dtype) > 0;
        if (t->floating) t->bytes = (uint64_t)t->n * (uint64_t)size_of(t->dtype);
        if (!r->w.item[i].opts) CULL_TRY(resolve(cx, r, &r->w.item[i]));
    }
    return CULL_OK;
}

static cull_status keep_text(cull_ctx *cx, const char **s)
{
    char *own;
    CULL_TRY(CULL_TMP(cx, own, (int64_t)strlen(*s) + 1));
    strcpy(own, *s);
    *s = own;
    return CULL_OK;
}

cull_status cull_weights_add(cull_ctx *cx, cull_weights_work *w, const cull_weights_item *it)
{
    run *r = (run *)w; /* its first member */
    CULL_TRY(CULL_GROW(cx, w->item, &r->cap, w->items + 1));
    cull_weights_item *own = &w->item[w->items];
    *own = *it;
    CULL_TRY(keep_text(cx, &own->t.name));
    CULL_TRY(keep_text(cx, &own->t.dtype));
    own->t.n = 1;
    for (int i = 0; i < own->t.ndim; i++) own->t.n *= own->t.shape[i];
    w->items++;
    return CULL_OK;
}

void cull_weights_drop(cull_weights_work *w, int64_t i)
{
    memmove(w->item + i, w->item + i + 1, (size_t)(--w->items - i) * sizeof *w->item);
}

/* ---- reading ---- */
cull_status cull_weights_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                              int s, int64_t from, int64_t n, float *out)
{
    const cull_checkpoint *ck = w->source[s];
    if (w->problem->allow_nan) return cull_checkpoint_read(cx, ck, it->at[s], from, n, out);
    return cull_checkpoint_read_sound(cx, ck, it->at[s], from, n, out);
}

/* ---- what it takes ---- */
static uint64_t item_reads(const run *r, const cull_weights_item *it)
{
    uint64_t bytes = 0;
    for (int s = 0; s < r->w.sources; s++)
        if (it->at && it->at[s] >= 0) bytes += cull_checkpoint_at(r->w.source[s], it->at[s])->bytes;
    return bytes;
}

static void expect(const cull_ctx *cx, run *r)
{
    cull_weights_report *p = &r->report;
    uint64_t own = 0;
    double passes = 0, once = 0;
    int64_t most = 0;
    bool sparse = r->w.problem->sparse; /* counted before it is packed */
    int threads = cull_ctx_threads(cx);
    if (r->fns->plan) r->fns->plan(&r->w, threads, &own, &passes);
    r->passes = passes;
    p->tensors = r->w.items;
    for (int64_t i = 0; i < r->w.items; i++) {
        const cull_weights_item *it = &r->w.item[i];
        double reads = (double)item_reads(r, it);
        p->computed += !it->copy;
        if (r->fns->keep && !it->copy) p->pruned_of += it->t.n;
        p->written += it->t.bytes;
        once += reads + (double)it->t.bytes;
        p->read += (uint64_t)(reads * (1 + sparse + (it->copy ? 0 : passes)));
        most = it->t.n > most ? it->t.n : most;
    }
    /* a block of each source, the one that is made, the one that is written, and the method's own */
    uint64_t block = (uint64_t)CULL_WEIGHTS_BLOCK * sizeof(float) * (uint64_t)(r->w.sources + 3);
    p->held = cull_ctx_held(cx) + own + block * (uint64_t)threads;
    if (sparse) p->held += cull_packer_bytes(most, threads);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    r->forget = !sparse && once > memory / 2; /* (packing reads again) */
}

/* ---- the run ---- */
typedef struct {
    const run *r;
    const cull_weights_item *it;
    int64_t at; /* of the item */
    void *own;
    _Atomic int64_t *zeroed;
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
    const run *r = p->r;
    const cull_checkpoint *ck = r->w.source[r->w.first];
    int64_t from = p->it->at[r->w.first];
    const cull_tensor *t = cull_checkpoint_at(ck, from);
    bool same = !strcmp(t->dtype, p->it->t.dtype);
    size_t size = same ? t->bytes / (uint64_t)t->n : sizeof(float);
    uint8_t *keep;
    *f32 = !same;
    CULL_TRY(CULL_TMP(cx, *out, n * (int64_t)size));
    CULL_TRY(CULL_TMP(cx, keep, n));
    CULL_TRY(r->fns->keep(cx, &r->w, p->it, r->state, p->own, lo, n, keep));
    CULL_TRY(same ? cull_checkpoint_raw(cx, ck, from, lo, n, *out)
                  : cull_checkpoint_read(cx, ck, from, lo, n, (float *)*out));
    clear(*out, size, keep, n);
    int64_t stay = 0;
    for (int64_t i = 0; i < n; i++) stay += keep[i];
    if (!again) *p->zeroed += n - stay;
    return CULL_OK;
}

/* Numbers [lo, hi) of the item, in the arena: f32, or its own bytes. */
static cull_status make(cull_ctx *cx, const pass *p, int64_t lo, int64_t hi, bool again,
                        unsigned char **out, bool *f32)
{
    const run *r = p->r;
    const cull_tensor *t = &p->it->t;
    if (r->fns->keep && !p->it->copy) return kept(cx, p, lo, hi - lo, again, out, f32);
    uint64_t size = t->n && !t->floating ? t->bytes / (uint64_t)t->n : sizeof(float);
    *f32 = t->floating;
    CULL_TRY(CULL_TMP(cx, *out, (hi - lo) * (int64_t)size));
    if (p->it->copy) return cull_weights_read(cx, &r->w, p->it, 0, lo, hi - lo, (float *)*out);
    CULL_TRY(r->fns->block(cx, &r->w, p->it, r->state, p->own, lo, hi - lo, (float *)*out));
    return cull__weights_made(cx, &r->w, p->it, lo, (const float *)*out, hi - lo);
}

/* While an item is made the disk reads the beginning of the next one, for which a method that passes over it first would wait. */
static void ahead(const pass *p, int64_t lo, int64_t hi)
{
    const cull_weights_work *w = &p->r->w;
    const cull_weights_item *next = p->it + 1;
    if (p->r->passes == 0 || p->at + 1 == w->items || !next->at) return;
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
    if (f32) return cull_checkpoint_write(cx, p->r->out, p->at, lo, (const float *)out, hi - lo);
    uint64_t size = t->bytes / (uint64_t)t->n;
    return cull_checkpoint_write_bytes(cx, p->r->out, p->at, (uint64_t)lo * size, out,
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
static cull_status copy(cull_ctx *cx, run *r, int64_t i)
{
    const cull_weights_item *it = &r->w.item[i];
    const cull_tensor *t = cull_checkpoint_at(r->w.source[0], it->from);
    for (int s = 1; s < r->w.sources; s++) {
        bool same;
        if (it->at[s] < 0) continue;
        cull__mark_t mark = cull__mark(cx);
        cull_status status =
            cull__weights_same(cx, r->w.source[0], it->from, r->w.source[s], it->at[s], &same);
        cull__release(cx, mark);
        CULL_TRY(status);
        if (same) continue;
        r->report.unequal++;
        cull__log(cx, CULL_LOG_WARN, "'%s' is copied from %s; that of %s is not the same", t->name,
                  path_of(r, 0), path_of(r, s));
    }
    if (!r->packer) return cull_checkpoint_copy(cx, r->out, i, r->w.source[0], it->from);
    cull_pack_source from = {&it->t, NULL, NULL, r->w.source[0], it->from};
    return cull_packer_add(cx, r->packer, &from);
}

static cull_status one(cull_ctx *cx, run *r, int64_t i)
{
    const cull_weights_item *it = &r->w.item[i];
    pass p = {.r = r, .it = it, .at = i, .zeroed = &r->zeroed};
    const cull_tensor *from = it->from < 0 ? NULL : cull_checkpoint_at(r->w.source[0], it->from);
    if (it->copy && !strcmp(it->t.dtype, from->dtype) && it->t.n == from->n) return copy(cx, r, i);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_OK;
    if (r->fns->tensor && !it->copy) s = r->fns->tensor(cx, &r->w, it, r->state, &p.own);
    cull_pack_source made = {&it->t, bytes, &p, NULL, -1};
    if (s == CULL_OK)
        s = r->packer ? cull_packer_add(cx, r->packer, &made)
                      : cull__for(cx, it->t.n, CULL_WEIGHTS_BLOCK, block, &p);
    cull__release(cx, mark);
    return s;
}

/* What an item was made of is not read again. */
static void leave(const run *r, const cull_weights_item *it)
{
    for (int s = 0; s < r->w.sources; s++) {
        if (!it->at || it->at[s] < 0) continue;
        if (r->forget)
            cull_checkpoint_forget(r->w.source[s], it->at[s]);
        else
            cull_checkpoint_done(r->w.source[s], it->at[s]);
    }
}

static cull_status all(cull_ctx *cx, run *r)
{
    double total = (double)r->report.written;
    for (int64_t i = 0; i < r->w.items; i++) {
        const cull_weights_item *it = &r->w.item[i];
        cull__span(cx, r->done, r->done + (double)it->t.bytes, total);
        cull_status s = cull__tick(cx, 0, 1);
        if (s == CULL_OK) s = one(cx, r, i);
        cull__span(cx, 0, 0, 0);
        CULL_TRY(s);
        leave(r, it);
        r->done += (double)it->t.bytes;
    }
    return r->fns->end ? r->fns->end(cx, &r->w, r->state) : CULL_OK;
}

static cull_status write_packed(cull_ctx *cx, run *r, const char *path,
                                const cull_checkpoint_opts *o)
{
    CULL_TRY(cull_packer_new(cx, r->w.items, r->w.problem->packing, &r->report.packed, &r->packer));
    cull_status s = all(cx, r);
    if (s == CULL_OK) s = cull_packer_write(cx, r->packer, path, o);
    cull_packer_free(r->packer);
    r->report.written = r->report.packed.written;
    return s;
}

static cull_status write_out(cull_ctx *cx, run *r, const char *path)
{
    char made[96];
    const char *format = cull_checkpoint_meta(r->w.source[0], "format");
    const char **meta;
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    cull_tensor *t;
    snprintf(made, sizeof made, "cull weights %s", r->m->slug);
    CULL_TRY(CULL_TMP(cx, meta, 4 + r->w.metas));
    meta[0] = "format", meta[1] = format ? format : "pt", meta[2] = "made_by", meta[3] = made;
    for (int i = 0; i < r->w.metas; i++) meta[4 + i] = r->w.meta[i];
    o.meta = meta, o.metas = 4 + r->w.metas;
    o.shard_bytes = r->w.problem->shard;
    o.like = r->w.stem ? NULL : r->w.source[0];
    o.stem = r->w.stem;
    o.config = r->w.config;
    o.manifest = r->w.manifest;
    if (r->w.problem->sparse) return write_packed(cx, r, path, &o);
    CULL_TRY(CULL_TMP(cx, t, r->w.items));
    for (int64_t i = 0; i < r->w.items; i++) t[i] = r->w.item[i].t;
    CULL_TRY(cull_checkpoint_create(cx, path, t, r->w.items, &o, &r->out));
    return cull_checkpoint_finish(cx, r->out, all(cx, r));
}

static cull_status work(cull_ctx *cx, run *r, const char *path)
{
    CULL_TRY(take_sources(cx, r));
    if (path) CULL_TRY(cull__weights_apart(cx, r->w.problem, path));
    CULL_TRY(check_dtype(cx, r->w.problem->dtype));
    CULL_TRY(check_packing(cx, r->w.problem));
    CULL_TRY(make_items(cx, r));
    CULL_TRY(cull__weights_quantized(cx, &r->w));
    expect(cx, r);
    if (!path) return CULL_OK;
    CULL_TRY(cull__weights_unknown(cx, &r->w));
    if (r->fns->begin) {
        const char *was = cull__phase(cx, "reading");
        cull_status s = r->fns->begin(cx, &r->w, &r->state);
        cull__phase(cx, was);
        CULL_TRY(s);
    }
    const char *was = cull__phase(cx, "writing");
    cull_status s = write_out(cx, r, path);
    cull__phase(cx, was);
    r->report.zeroed = r->zeroed;
    return s;
}

static cull_status start(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                         const cull_weights_problem *p, const char *path,
                         cull_weights_report *report)
{
    run r = {.m = m, .w.problem = p, .w.planning = !path};
    if (report) *report = r.report;
    if (m->task != CULL_TASK_WEIGHTS)
        return cull__fail(cx, CULL_EINPUT, "%s is a method of task %s, not of weights", m->slug,
                          cull_task_name(m->task));
    if (opts && cull_opts_method(opts) != m)
        return cull__fail(cx, CULL_EINPUT, "these are options of %s, not of %s",
                          cull_opts_method(opts)->slug, m->slug);
    r.fns = m->run.weights;
    CULL_TRY(check_number(cx, &r));
    cull_opts *own = NULL;
    if (!opts) CULL_TRY(cull_opts_new(cx, m, &own));
    r.w.opts = cull_opts_raw(opts ? opts : own);
    uint64_t peak = cull__peak_anew(cx);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__rules_new(cx, m, opts ? opts : own, p, &r.rules);
    if (s == CULL_OK) s = work(cx, &r, path);
    cull__release(cx, mark);
    uint64_t held = cull__peak_since(cx, peak);
    if (path) r.report.held = held;
    cull__free(r.w.item);
    cull__rules_free(r.rules);
    cull_opts_free(own);
    if (report && s == CULL_OK) *report = r.report;
    return s;
}

cull_status cull_weights_run(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                             const cull_weights_problem *p, const char *out,
                             cull_weights_report *report)
{
    return start(cx, m, opts, p, out, report);
}

cull_status cull_weights_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                              const cull_weights_problem *p, cull_weights_report *report)
{
    return start(cx, m, opts, p, NULL, report);
}
