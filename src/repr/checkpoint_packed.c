/* checkpoint_packed.c - a packed file's tensors, seen as they were before (cull/pack.h): found when it is opened. */
#include "repr/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "num/cast.h"
#include "repr/checkpoint_sparse.h"

static const char KEY[] = CULL__PACKED_KEY ":";

typedef struct {
    cull_checkpoint *ck;
    bool *gone; /* n: parts that are no tensors of their own */
    bool sums;  /* packed tensors have checksums */
} unfolding;

static cull_status damaged(const cull_checkpoint *ck, const char *name, const char *what)
{
    return cull__fail(ck->cx, CULL_EIO, "%s: the packed tensor '%.100s': %s; the file is damaged",
                      ck->path, name, what);
}

/* "2:4 BF16 32 64": how, dtype, shape; what follows from them. */
static bool read_form(const char *text, char dtype[16], cull_tensor *t, cull__pack_form *f)
{
    size_t len = strcspn(text, " ");
    int form;
    if (!text[len] || !cull__packing_find(text, len, &f->how)) return false;
    if (!cull__shape_get(text + len + 1, dtype, t->shape, &t->ndim, &t->n) || t->n == 0)
        return false;
    form = cull__safetensors_form(dtype, &f->size);
    if (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8) return false;
    if (__builtin_mul_overflow((uint64_t)t->n, (uint64_t)f->size, &t->bytes)) return false;
    if (t->bytes > INT64_MAX) return false;
    if (f->how == CULL__PACKING_2_4 && (!t->ndim || t->shape[t->ndim - 1] % 4)) return false;
    f->n = t->n;
    f->rows = t->ndim > 1 ? t->shape[0] : 1;
    f->cols = f->n / f->rows;
    if (f->how == CULL__PACKING_CSR && f->cols > INT32_MAX) return false;
    cull__checkpoint_kind(t, form);
    return true;
}

/* Part NAME.suffix, or -1. */
static cull_status part_of(const cull_checkpoint *ck, const char *name, const char *suffix,
                           int64_t *out)
{
    char *full;
    size_t n = strlen(name);
    CULL_TRY(CULL_TMP(ck->cx, full, (int64_t)(n + strlen(suffix) + 2)));
    memcpy(full, name, n);
    full[n] = '.';
    strcpy(full + n + 1, suffix);
    *out = cull_checkpoint_find(ck, full, NULL);
    return CULL_OK;
}

static cull_status take_part(const unfolding *u, const char *name, const char *dtype,
                             const cull__pack_part *want, int k, cull__checkpoint_packed *p)
{
    const cull_checkpoint *ck = u->ck;
    int64_t i;
    CULL_TRY(part_of(ck, name, want->suffix, &i));
    if (i < 0 || u->gone[i] || !ck->at[i]) return damaged(ck, name, "a part of it is missing");
    const cull_tensor *t = ck->t + i;
    if (t->ndim != 1 || t->n != want->count || strcmp(t->dtype, *want->type ? want->type : dtype))
        return damaged(ck, name, "a part of it has another size or type");
    p->p.part[k] = ck->at[i];
    p->file[k] = t->file;
    p->len[k] = t->bytes;
    u->gone[i] = true;
    return CULL_OK;
}

static cull_status unfold_one(const unfolding *u, const char *name, const char *text)
{
    cull_checkpoint *ck = u->ck;
    cull_tensor t = {.packing = NULL};
    cull__checkpoint_packed p = {.p.name = NULL};
    cull__pack_part part[CULL__PACK_PARTS];
    char dtype[16];
    int64_t values, gaps;
    if (!read_form(text, dtype, &t, &p.p.form)) return damaged(ck, name, "its form is unknown");
    CULL_TRY(part_of(ck, name, "values", &values));
    CULL_TRY(part_of(ck, name, "gaps", &gaps));
    if (values < 0) return damaged(ck, name, "its values are missing");
    if (cull_checkpoint_find(ck, name, NULL) >= 0) return damaged(ck, name, "it is there twice");
    p.p.form.values = ck->t[values].n;
    p.p.form.gaps = gaps < 0 ? 0 : ck->t[gaps].n;
    p.p.form.sums = u->sums;
    if (p.p.form.values > t.n || (p.p.form.how == CULL__PACKING_2_4 && p.p.form.values != t.n / 2))
        return damaged(ck, name, "it has more values than numbers");
    int parts = cull__pack_parts(&p.p.form, part);
    for (int k = 0; k < parts; k++) CULL_TRY(take_part(u, name, dtype, &part[k], k, &p));
    t.packing = cull__packing_name(p.p.form.how);
    t.file = ck->t[values].file;
    CULL_TRY(cull__checkpoint_keep(ck, name, strlen(name), &t.name));
    CULL_TRY(cull__checkpoint_keep(ck, dtype, strlen(dtype), &t.dtype));
    cull__checkpoint_role(&t);
    p.p.name = t.name;
    /* it stands where its values stood; names change together at the end, for they are still searched */
    u->gone[values] = false;
    ck->t[values] = t;
    ck->at[values] = NULL;
    ck->packed[values] = p;
    return CULL_OK;
}

static void drop_parts(const unfolding *u)
{
    cull_checkpoint *ck = u->ck;
    int64_t n = 0;
    ck->bytes = 0;
    for (int64_t i = 0; i < ck->n; i++) {
        if (u->gone[i]) continue;
        ck->t[n] = ck->t[i];
        ck->name[n] = ck->t[i].name;
        ck->at[n] = ck->at[i];
        ck->packed[n] = ck->packed[i];
        ck->bytes += ck->t[n++].bytes;
    }
    ck->n = n;
}

/* Files of one checkpoint have the same metadata: a key counts once. */
static bool met_before(const cull_checkpoint *ck, int64_t i)
{
    return ck->files > 1 && i >= ck->metas_first &&
           cull_checkpoint_meta(ck, ck->meta[i]) != ck->meta[i + 1];
}

cull_status cull__checkpoint_unfold(cull_checkpoint *ck)
{
    unfolding u = {.ck = ck};
    const char *version = cull_checkpoint_meta(ck, CULL__PACKED_KEY);
    if (!version) return CULL_OK;
    u.sums = !strcmp(version, CULL__PACKED_VERSION);
    if (!u.sums && strcmp(version, "1"))
        return cull__fail(
            ck->cx, CULL_EINPUT,
            "%s: its tensors are packed in version '%.20s'; 1 and " CULL__PACKED_VERSION
            " can be read",
            ck->path, version);
    CULL_TRY(CULL_TMP0(ck->cx, u.gone, ck->n));
    CULL_TRY(CULL_ALLOC(ck->cx, ck->packed, ck->n));
    for (int64_t i = 0; i < ck->metas; i += 2)
        if (!strncmp(ck->meta[i], KEY, sizeof KEY - 1) && !met_before(ck, i))
            CULL_TRY(unfold_one(&u, ck->meta[i] + sizeof KEY - 1, ck->meta[i + 1]));
    drop_parts(&u);
    return CULL_OK;
}

cull_status cull_checkpoint_raw(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t from,
                                int64_t n, void *out)
{
    const cull_tensor *t = ck->t + i;
    int width = cull__tensor_width(t);
    if (from < 0 || n < 0 || n > t->n - from || (n && !width))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: tensor '%.100s': the bytes of %" PRId64 " numbers from %" PRId64
                          " on are asked for; it has %" PRId64 " of %d bytes",
                          ck->file[t->file].path, t->name, n, from, t->n, width);
    if (n && !ck->at[i]) return cull__packed_read(cx, &ck->packed[i].p, from, n, out);
    return cull__checkpoint_fetch(cx, ck, i, (uint64_t)(from * width), (uint64_t)(n * width), out);
}

cull_status cull__checkpoint_read_packed(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                         int form, int64_t from, int64_t n, float *out)
{
    uint8_t *bytes;
    const cull__packed *p = &ck->packed[i].p;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, bytes, CULL__SEGMENT * p->form.size);
    for (int64_t at = 0, here; s == CULL_OK && at < n; at += here) {
        here = CULL__SEGMENT - (from + at) % CULL__SEGMENT;
        if (here > n - at) here = n - at;
        s = cull__packed_read(cx, p, from + at, here, bytes);
        if (s == CULL_OK) cull__widen(cx, form, bytes, here, out + at);
    }
    cull__release(cx, mark);
    return s;
}
