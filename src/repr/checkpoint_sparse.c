/* checkpoint_sparse.c - a checkpoint packed tensor by tensor, there already or as it is made, and dense again. */
#include "repr/checkpoint_sparse.h"
#include "repr/packed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"

enum { TOGETHER = 8, CHUNK = TOGETHER * CULL__SEGMENT }; /* segments that are written at once */

/* How one tensor is packed. */
typedef struct {
    cull_pack_source from;
    bool packed;
    cull__pack_form form;
    cull__pack_count *count;          /* of each segment, and then before it; NULL = not packed */
    uint64_t spool[CULL__PACK_PARTS]; /* where its parts begin in the spool */
} one;

typedef struct {
    const cull_checkpoint *ck;
    const cull__packing *only;
    cull_pack_report *report;
    one *t; /* tensors */
    cull__specs specs;
    cull_checkpoint_writer *w;
} packing;

/* Chunks of a tensor, which is tensor `to` and those behind it of the file that is written, or goes to the spool. */
typedef struct {
    const one *t;
    cull__pack_count *count;
    cull_checkpoint_writer *w;
    int64_t to;
    int fd;
} job;

/* The bytes of numbers [lo, hi) of a tensor of a checkpoint: where they lie, or read to scratch. */
static cull_status raw(cull_ctx *cx, const void *arg, int64_t lo, int64_t hi, bool again,
                       const uint8_t **out)
{
    const one *t = arg;
    const cull_checkpoint *ck = t->from.ck;
    int size = cull__tensor_width(t->from.t);
    const uint8_t *at = cull_checkpoint_bytes(ck, t->from.at);
    uint8_t *own;
    (void)again;
    if (at) {
        *out = at + lo * size;
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP(cx, own, (hi - lo) * size));
    *out = own;
    return cull_checkpoint_raw(cx, ck, t->from.at, lo, hi - lo, own);
}

static cull_status numbers(cull_ctx *cx, const one *t, int64_t lo, int64_t hi, bool again,
                           const uint8_t **out)
{
    return t->from.read(cx, t->from.arg, lo, hi, again, out);
}

/* ---- what there is to pack ---- */

static cull_status look(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const job *j = arg;
    int size = cull__tensor_width(j->t->from.t);
    const uint8_t *at;
    (void)c;
    CULL_TRY(numbers(cx, j->t, lo, hi, false, &at));
    for (int64_t from = lo; from < hi; from += CULL__SEGMENT) {
        int64_t n = hi - from < CULL__SEGMENT ? hi - from : CULL__SEGMENT;
        cull__pack_look(at + (from - lo) * size, size, n, &j->count[from / CULL__SEGMENT]);
    }
    return CULL_OK;
}

/* Counts of each segment become those before it. */
static cull__pack_count add_up(cull__pack_count *count, int64_t segments)
{
    cull__pack_count sum = {.fits_2_4 = true};
    for (int64_t s = 0; s < segments; s++) {
        cull__pack_count here = count[s];
        count[s].values = sum.values, count[s].gaps = sum.gaps;
        sum.values += here.values, sum.gaps += here.gaps;
        sum.fits_2_4 &= here.fits_2_4;
    }
    return sum;
}

/* Counts stay in the arena where it is packed. */
static cull_status choose(cull_ctx *cx, const cull__packing *only, cull_pack_report *r, one *t)
{
    const cull_tensor *is = t->from.t;
    int size = cull__tensor_width(is);
    job j = {.t = t};
    r->tensors++;
    r->dense += is->bytes;
    if (size) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(CULL_TMP(cx, j.count, cull__segments(is->n)));
        CULL_TRY(cull__for(cx, is->n, CHUNK, look, &j));
        cull__pack_count sum = add_up(j.count, cull__segments(is->n));
        r->numbers += is->n;
        r->zeros += is->n - sum.values;
        t->packed = cull__pack_choose(&sum, size, is->shape, is->ndim, only, &t->form);
        t->count = j.count;
        if (!t->packed) cull__release(cx, mark);
    }
    r->packed += t->packed;
    r->written += t->packed ? cull__pack_bytes(&t->form) : is->bytes;
    return CULL_OK;
}

/* No other tensor is called as a part of this one. */
static cull_status taken(cull_ctx *cx, const one *t, const char *suffix)
{
    char *full;
    const char *name = t->from.t->name;
    if (!t->from.ck) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, full, (int64_t)(strlen(name) + strlen(suffix) + 2)));
    sprintf(full, "%s.%s", name, suffix);
    if (cull_checkpoint_find(t->from.ck, full, NULL) < 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: '%.100s' cannot be packed, since there is a tensor '%.100s' already",
                      cull_checkpoint_path(t->from.ck), name, full);
}

static cull_status add_packed(cull_ctx *cx, cull__specs *specs, const one *of)
{
    const cull_tensor *t = of->from.t;
    cull__pack_part part[CULL__PACK_PARTS];
    int parts = cull__pack_parts(&of->form, part);
    char *key, text[256];
    CULL_TRY(CULL_TMP(cx, key, (int64_t)(strlen(t->name) + sizeof CULL__PACKED_KEY + 1)));
    sprintf(key, CULL__PACKED_KEY ":%s", t->name);
    snprintf(text, sizeof text, "%s ", cull__packing_name(of->form.how));
    CULL_TRY(cull__shape_put(cx, t, text, sizeof text));
    CULL_TRY(cull__specs_meta(cx, specs, key, text));
    for (int k = 0; k < parts; k++) {
        const char *dtype = *part[k].type ? part[k].type : t->dtype;
        CULL_TRY(taken(cx, of, part[k].suffix));
        CULL_TRY(cull__specs_part(cx, specs, t->name, part[k].suffix, dtype, part[k].count,
                                  part[k].width));
    }
    return CULL_OK;
}

static cull_status add_spec(cull_ctx *cx, cull__specs *specs, const one *t)
{
    return t->packed ? add_packed(cx, specs, t) : cull__specs_add(cx, specs, t->from.t);
}

static cull_status plan(cull_ctx *cx, packing *p)
{
    int64_t n = cull_checkpoint_count(p->ck);
    CULL_TRY(CULL_TMP0(cx, p->t, n));
    CULL_TRY(cull__specs_meta_of(cx, &p->specs, p->ck));
    CULL_TRY(cull__specs_meta(cx, &p->specs, CULL__PACKED_KEY, CULL__PACKED_VERSION));
    for (int64_t i = 0; i < n; i++) {
        one *t = &p->t[i];
        CULL_TRY(cull__tick(cx, (double)i, (double)n));
        t->from = (cull_pack_source){cull_checkpoint_at(p->ck, i), raw, t, p->ck, i};
        CULL_TRY(choose(cx, p->only, p->report, t));
        cull_checkpoint_done(p->ck, i);
        CULL_TRY(add_spec(cx, &p->specs, t));
    }
    return CULL_OK;
}

/* ---- writing ---- */

static cull_status put(cull_ctx *cx, const job *j, int k, uint64_t to, const uint8_t *p, uint64_t n)
{
    if (j->w) return cull_checkpoint_write_bytes(cx, j->w, j->to + k, to, p, n);
    if (cull__write_all_at(j->fd, p, (size_t)n, j->t->spool[k] + to)) return CULL_OK;
    return cull__fail_errno(cx, cull__tmpdir(cx), "cannot write a temporary file");
}

/* The segments of a chunk lie one behind the other in every part. */
static cull_status pack_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const job *j = arg;
    const cull__pack_form *f = &j->t->form;
    uint64_t room = cull__pack_room(f) * TOGETHER, to[CULL__PACK_PARTS],
             len[CULL__PACK_PARTS] = {0};
    uint8_t *buffer[CULL__PACK_PARTS];
    const uint8_t *at;
    (void)c;
    CULL_TRY(numbers(cx, j->t, lo, hi, true, &at));
    for (int k = 0; k < CULL__PACK_PARTS; k++) CULL_TRY(CULL_TMP(cx, buffer[k], (int64_t)room));
    for (int64_t s = lo / CULL__SEGMENT; s * CULL__SEGMENT < hi; s++) {
        cull__pack_piece piece;
        for (int k = 0; k < CULL__PACK_PARTS; k++) piece.at[k] = buffer[k] + len[k];
        cull__pack_segment(f, at + (s * CULL__SEGMENT - lo) * f->size, s, &j->t->count[s], &piece);
        for (int k = 0; k < CULL__PACK_PARTS; k++) {
            if (!len[k]) to[k] = piece.to[k];
            len[k] += piece.len[k];
        }
    }
    for (int k = 0; k < CULL__PACK_PARTS; k++)
        if (len[k]) CULL_TRY(put(cx, j, k, to[k], buffer[k], len[k]));
    return CULL_OK;
}

static cull_status write_all(cull_ctx *cx, packing *p)
{
    int64_t n = cull_checkpoint_count(p->ck), to = 0;
    cull__pack_part part[CULL__PACK_PARTS];
    for (int64_t i = 0; i < n; i++) {
        job j = {.t = &p->t[i], .w = p->w, .to = to};
        CULL_TRY(cull__tick(cx, (double)i, (double)n));
        if (p->t[i].packed) {
            CULL_TRY(cull__for(cx, p->t[i].form.n, CHUNK, pack_chunk, &j));
            to += cull__pack_parts(&p->t[i].form, part);
        } else {
            CULL_TRY(cull_checkpoint_copy(cx, p->w, to++, p->ck, i));
        }
        cull_checkpoint_done(p->ck, i);
    }
    return CULL_OK;
}

static cull_status packing_of(cull_ctx *cx, const char *name, cull__packing *out)
{
    const char *names[CULL__PACKINGS];
    if (cull__packing_find(name, strlen(name), out)) return CULL_OK;
    for (int i = 0; i < CULL__PACKINGS; i++) names[i] = cull__packing_name((cull__packing)i);
    const char *near = cull__nearest(name, names, CULL__PACKINGS);
    return cull__fail(cx, CULL_EOPTION, "packing '%.40s' is none of bitmask, 2:4, csr, gaps%s%s",
                      name, near ? "; did you mean " : "", near ? near : "");
}

cull_status cull_packing_check(cull_ctx *cx, const char *name)
{
    cull__packing found;
    return packing_of(cx, name, &found);
}

static cull_status pack(cull_ctx *cx, packing *p, const char *out, const cull_pack_opts *o)
{
    const char *was = cull__phase(cx, "counting");
    cull_status s = plan(cx, p);
    cull__phase(cx, "packing");
    if (s == CULL_OK)
        s = cull__specs_create(cx, &p->specs, out, o && o->like ? o->like : p->ck,
                               o ? o->shard_bytes : 0, &p->w);
    if (s == CULL_OK) s = cull_checkpoint_finish(cx, p->w, write_all(cx, p));
    cull__phase(cx, was);
    return s;
}

cull_status cull_checkpoint_pack(cull_ctx *cx, const cull_checkpoint *ck, const char *out,
                                 const cull_pack_opts *opts, cull_pack_report *report)
{
    cull_pack_report own;
    cull__packing only;
    packing p = {.ck = ck, .report = report ? report : &own};
    *p.report = (cull_pack_report){0};
    CULL_TRY(cull_checkpoint_apart(cx, ck, out));
    if (opts && opts->packing) {
        CULL_TRY(packing_of(cx, opts->packing, &only));
        p.only = &only;
    }
    cull__mark_t mark = cull__mark(cx);
    cull_status s = pack(cx, &p, out, opts);
    cull__specs_free(&p.specs);
    cull__release(cx, mark);
    return s;
}

/* ---- through a spool ---- */

struct cull_packer {
    cull__packing packing;
    const cull__packing *only;
    cull_pack_report *report;
    int fd; /* -1 = none */
    uint64_t end;
    one *t;
    int64_t n, room;
};

cull_status cull_packer_new(cull_ctx *cx, int64_t tensors, const char *packing_,
                            cull_pack_report *report, cull_packer **out)
{
    cull_packer *k;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, k, 1));
    k->fd = -1;
    k->report = report;
    k->room = tensors;
    *report = (cull_pack_report){0};
    cull_status s = CULL_ALLOC(cx, k->t, tensors);
    if (s == CULL_OK && packing_) s = packing_of(cx, packing_, &k->packing);
    if (packing_) k->only = &k->packing;
    if (s == CULL_OK) s = cull__spool_new(cx, &k->fd);
    if (s == CULL_OK)
        *out = k;
    else
        cull_packer_free(k);
    return s;
}

void cull_packer_free(cull_packer *k)
{
    if (!k) return;
    if (k->fd >= 0) close(k->fd);
    cull__free(k->t);
    cull__free(k);
}

uint64_t cull_packer_bytes(int64_t n, int threads)
{
    /* the parts of a chunk, where a row is one number, and its numbers, of 8 bytes */
    const cull__pack_form widest = {.how = CULL__PACKING_CSR, .cols = 1};
    uint64_t chunk = CULL__PACK_PARTS * TOGETHER * cull__pack_room(&widest) + CHUNK * 8;
    return (uint64_t)cull__segments(n) * sizeof(cull__pack_count) + chunk * (uint64_t)threads;
}

static cull_status spool_dense(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const job *j = arg;
    const uint8_t *at;
    int64_t size = cull__tensor_width(j->t->from.t);
    (void)c;
    CULL_TRY(numbers(cx, j->t, lo, hi, true, &at));
    return put(cx, j, 0, (uint64_t)(lo * size), at, (uint64_t)((hi - lo) * size));
}

static cull_status spool(cull_ctx *cx, cull_packer *k, one *t)
{
    cull__pack_part part[CULL__PACK_PARTS];
    job j = {.t = t, .fd = k->fd};
    if (!t->packed) {
        t->spool[0] = k->end;
        k->end += t->from.t->bytes;
        return cull__for(cx, t->from.t->n, CHUNK, spool_dense, &j);
    }
    int parts = cull__pack_parts(&t->form, part);
    for (int i = 0; i < parts; i++) {
        t->spool[i] = k->end;
        k->end += (uint64_t)part[i].count * (uint64_t)part[i].width;
    }
    return cull__for(cx, t->form.n, CHUNK, pack_chunk, &j);
}

cull_status cull_packer_add(cull_ctx *cx, cull_packer *k, const cull_pack_source *from)
{
    if (k->n == k->room)
        return cull__fail(cx, CULL_EINTERNAL, "more tensors are packed than there are");
    one *t = &k->t[k->n++];
    *t = (one){.from = *from};
    if (!t->from.read) t->from.read = raw, t->from.arg = t;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = choose(cx, k->only, k->report, t);
    if (s == CULL_OK && (t->packed || !t->from.ck)) s = spool(cx, k, t);
    t->count = NULL;
    cull__release(cx, mark);
    return s;
}

typedef struct {
    cull_checkpoint_writer *w;
    int64_t to;
    const uint8_t *at;
} spooled;

static cull_status copy_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const spooled *p = arg;
    (void)c;
    return cull_checkpoint_write_bytes(cx, p->w, p->to, (uint64_t)lo, p->at + lo,
                                       (uint64_t)(hi - lo));
}

static cull_status copy_all(cull_ctx *cx, const cull_packer *k, const cull__specs *specs,
                            const cull__bytes *b, cull_checkpoint_writer *w)
{
    enum { COPY = 4 << 20 };
    cull__pack_part part[CULL__PACK_PARTS];
    int64_t to = 0;
    for (int64_t i = 0; i < k->n; i++) {
        const one *t = &k->t[i];
        int parts = t->packed ? cull__pack_parts(&t->form, part) : 1;
        CULL_TRY(cull__tick(cx, (double)i, (double)k->n));
        if (!t->packed && t->from.ck) {
            CULL_TRY(cull_checkpoint_copy(cx, w, to++, t->from.ck, t->from.at));
            continue;
        }
        for (int p = 0; p < parts; p++, to++) {
            spooled s = {w, to, b->at + t->spool[p]};
            CULL_TRY(cull__for(cx, (int64_t)specs->t[to].bytes, COPY, copy_chunk, &s));
            cull__bytes_drop(b, (size_t)t->spool[p], (size_t)specs->t[to].bytes);
        }
    }
    return CULL_OK;
}

static cull_status write_spooled(cull_ctx *cx, cull_packer *k, const char *path,
                                 const cull_checkpoint_opts *o, cull__specs *specs)
{
    cull_checkpoint_opts own = *o;
    cull_checkpoint_writer *w;
    cull__bytes b = {0};
    for (int i = 0; i < o->metas; i += 2)
        CULL_TRY(cull__specs_meta(cx, specs, o->meta[i], o->meta[i + 1]));
    CULL_TRY(cull__specs_meta(cx, specs, CULL__PACKED_KEY, CULL__PACKED_VERSION));
    for (int64_t i = 0; i < k->n; i++) CULL_TRY(add_spec(cx, specs, &k->t[i]));
    own.meta = specs->meta, own.metas = specs->metas;
    if (k->end) CULL_TRY(cull__bytes_map_fd(cx, k->fd, "a temporary file", &b));
    cull_status s = cull_checkpoint_create(cx, path, specs->t, specs->n, &own, &w);
    if (s == CULL_OK) s = cull_checkpoint_finish(cx, w, copy_all(cx, k, specs, &b, w));
    if (k->end) cull__bytes_close(&b);
    return s;
}

cull_status cull_packer_write(cull_ctx *cx, cull_packer *k, const char *path,
                              const cull_checkpoint_opts *o)
{
    cull__specs specs = {0};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = write_spooled(cx, k, path, o, &specs);
    cull__specs_free(&specs);
    cull__release(cx, mark);
    return s;
}

/* ---- dense again ---- */

static cull_status unpack_all(cull_ctx *cx, packing *p)
{
    int64_t n = cull_checkpoint_count(p->ck);
    for (int64_t i = 0; i < n; i++) {
        CULL_TRY(cull__tick(cx, (double)i, (double)n));
        CULL_TRY(cull_checkpoint_copy(cx, p->w, i, p->ck, i));
    }
    return CULL_OK;
}

static cull_status unpack(cull_ctx *cx, packing *p, const char *out, const cull_pack_opts *o)
{
    int64_t n = cull_checkpoint_count(p->ck);
    CULL_TRY(cull__specs_meta_of(cx, &p->specs, p->ck));
    for (int64_t i = 0; i < n; i++) {
        const cull_tensor *t = cull_checkpoint_at(p->ck, i);
        CULL_TRY(cull__specs_add(cx, &p->specs, t));
        p->report->tensors++;
        p->report->packed += t->packing != NULL;
        p->report->dense += t->bytes;
        p->report->written += t->bytes;
    }
    CULL_TRY(cull__specs_create(cx, &p->specs, out, o && o->like ? o->like : p->ck,
                                o ? o->shard_bytes : 0, &p->w));
    return cull_checkpoint_finish(cx, p->w, unpack_all(cx, p));
}

cull_status cull_checkpoint_unpack(cull_ctx *cx, const cull_checkpoint *ck, const char *out,
                                   const cull_pack_opts *opts, cull_pack_report *report)
{
    cull_pack_report own;
    packing p = {.ck = ck, .report = report ? report : &own};
    *p.report = (cull_pack_report){0};
    CULL_TRY(cull_checkpoint_apart(cx, ck, out));
    if (!cull_checkpoint_meta(ck, CULL__PACKED_KEY))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: nothing in it is packed (its metadata has no " CULL__PACKED_KEY ")",
                          cull_checkpoint_path(ck));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = unpack(cx, &p, out, opts);
    cull__specs_free(&p.specs);
    cull__release(cx, mark);
    return s;
}
