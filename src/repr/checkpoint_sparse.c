/* checkpoint_sparse.c - a checkpoint packed tensor by tensor, and dense again. */
#include "repr/checkpoint_sparse.h"
#include "repr/packed.h"

#include <stdio.h>
#include <string.h>

enum { TOGETHER = 8, CHUNK = TOGETHER * CULL__SEGMENT }; /* segments that are written at once */

typedef struct {
    const cull_checkpoint *ck;
    const cull__packing *only;
    cull_pack_report *report;
    cull__pack_form *form;    /* tensors; of those that are packed */
    bool *packed;             /* tensors */
    cull__pack_count **count; /* tensors: of each segment, and then before it; NULL = not packed */
    cull__specs specs;
    cull_checkpoint_writer *w;
} packing;

/* Chunks of tensor `i`, which is tensor `to` and those behind it of the file that is written. */
typedef struct {
    const packing *p;
    int64_t i, to;
    cull__pack_count *count;
} job;

/* The bytes of numbers [lo, hi): where they lie, or read to scratch. */
static cull_status raw(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t lo, int64_t hi,
                       const uint8_t **out)
{
    int size = cull__tensor_width(cull_checkpoint_at(ck, i));
    const uint8_t *at = cull_checkpoint_bytes(ck, i);
    uint8_t *own;
    if (at) {
        *out = at + lo * size;
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP(cx, own, (hi - lo) * size));
    *out = own;
    return cull_checkpoint_raw(cx, ck, i, lo, hi - lo, own);
}

/* ---- what there is to pack ---- */

static cull_status look(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const job *j = arg;
    int size = cull__tensor_width(cull_checkpoint_at(j->p->ck, j->i));
    const uint8_t *at;
    (void)c;
    CULL_TRY(raw(cx, j->p->ck, j->i, lo, hi, &at));
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

static cull_status choose(cull_ctx *cx, packing *p, int64_t i)
{
    const cull_tensor *t = cull_checkpoint_at(p->ck, i);
    int size = cull__tensor_width(t);
    job j = {.p = p, .i = i};
    if (!size) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, j.count, cull__segments(t->n)));
    CULL_TRY(cull__for(cx, t->n, CHUNK, look, &j));
    cull__pack_count sum = add_up(j.count, cull__segments(t->n));
    p->report->numbers += t->n;
    p->report->zeros += t->n - sum.values;
    p->packed[i] = cull__pack_choose(&sum, size, t->shape, t->ndim, p->only, &p->form[i]);
    p->count[i] = j.count;
    if (!p->packed[i]) cull__release(cx, mark);
    cull_checkpoint_done(p->ck, i);
    return CULL_OK;
}

static cull_status taken(cull_ctx *cx, const cull_checkpoint *ck, const char *name,
                         const char *suffix)
{
    char *full;
    CULL_TRY(CULL_TMP(cx, full, (int64_t)(strlen(name) + strlen(suffix) + 2)));
    sprintf(full, "%s.%s", name, suffix);
    if (cull_checkpoint_find(ck, full, NULL) < 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: '%.100s' cannot be packed, since there is a tensor '%.100s' already",
                      cull_checkpoint_path(ck), name, full);
}

static cull_status add_packed(cull_ctx *cx, packing *p, int64_t i)
{
    const cull_tensor *t = cull_checkpoint_at(p->ck, i);
    cull__pack_part part[CULL__PACK_PARTS];
    int parts = cull__pack_parts(&p->form[i], part);
    char *key, text[256];
    CULL_TRY(CULL_TMP(cx, key, (int64_t)(strlen(t->name) + sizeof CULL__PACKED_KEY + 1)));
    sprintf(key, CULL__PACKED_KEY ":%s", t->name);
    snprintf(text, sizeof text, "%s ", cull__packing_name(p->form[i].how));
    CULL_TRY(cull__shape_put(cx, t, text, sizeof text));
    CULL_TRY(cull__specs_meta(cx, &p->specs, key, text));
    for (int k = 0; k < parts; k++) {
        const char *dtype = *part[k].type ? part[k].type : t->dtype;
        CULL_TRY(taken(cx, p->ck, t->name, part[k].suffix));
        CULL_TRY(cull__specs_part(cx, &p->specs, t->name, part[k].suffix, dtype, part[k].count,
                                  part[k].width));
    }
    p->report->packed++;
    p->report->written += cull__pack_bytes(&p->form[i]);
    return CULL_OK;
}

static cull_status plan(cull_ctx *cx, packing *p)
{
    int64_t n = cull_checkpoint_count(p->ck);
    CULL_TRY(CULL_TMP0(cx, p->form, n));
    CULL_TRY(CULL_TMP0(cx, p->packed, n));
    CULL_TRY(CULL_TMP0(cx, p->count, n));
    CULL_TRY(cull__specs_meta_of(cx, &p->specs, p->ck));
    CULL_TRY(cull__specs_meta(cx, &p->specs, CULL__PACKED_KEY, CULL__PACKED_VERSION));
    for (int64_t i = 0; i < n; i++) {
        const cull_tensor *t = cull_checkpoint_at(p->ck, i);
        CULL_TRY(cull__tick(cx, (double)i, (double)n));
        CULL_TRY(choose(cx, p, i));
        p->report->tensors++;
        p->report->dense += t->bytes;
        if (p->packed[i]) {
            CULL_TRY(add_packed(cx, p, i));
        } else {
            CULL_TRY(cull__specs_add(cx, &p->specs, t));
            p->report->written += t->bytes;
        }
    }
    return CULL_OK;
}

/* ---- writing ---- */

/* The segments of a chunk lie one behind the other in every part. */
static cull_status pack_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const job *j = arg;
    const cull__pack_form *f = &j->p->form[j->i];
    uint64_t room = cull__pack_room(f) * TOGETHER, to[CULL__PACK_PARTS],
             len[CULL__PACK_PARTS] = {0};
    uint8_t *buffer[CULL__PACK_PARTS];
    const uint8_t *at;
    (void)c;
    CULL_TRY(raw(cx, j->p->ck, j->i, lo, hi, &at));
    for (int k = 0; k < CULL__PACK_PARTS; k++) CULL_TRY(CULL_TMP(cx, buffer[k], (int64_t)room));
    for (int64_t s = lo / CULL__SEGMENT; s * CULL__SEGMENT < hi; s++) {
        cull__pack_piece piece;
        for (int k = 0; k < CULL__PACK_PARTS; k++) piece.at[k] = buffer[k] + len[k];
        cull__pack_segment(f, at + (s * CULL__SEGMENT - lo) * f->size, s, &j->count[s], &piece);
        for (int k = 0; k < CULL__PACK_PARTS; k++) {
            if (!len[k]) to[k] = piece.to[k];
            len[k] += piece.len[k];
        }
    }
    for (int k = 0; k < CULL__PACK_PARTS; k++)
        if (len[k])
            CULL_TRY(cull_checkpoint_write_bytes(cx, j->p->w, j->to + k, to[k], buffer[k], len[k]));
    return CULL_OK;
}

static cull_status write_all(cull_ctx *cx, packing *p)
{
    int64_t n = cull_checkpoint_count(p->ck), to = 0;
    cull__pack_part part[CULL__PACK_PARTS];
    for (int64_t i = 0; i < n; i++) {
        job j = {p, i, to, p->count[i]};
        CULL_TRY(cull__tick(cx, (double)i, (double)n));
        if (p->packed[i]) {
            CULL_TRY(cull__for(cx, p->form[i].n, CHUNK, pack_chunk, &j));
            to += cull__pack_parts(&p->form[i], part);
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
