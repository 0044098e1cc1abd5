/* checkpoint_specs.c - lists of tensors and metadata of a file to come; shapes as text. */
#include "repr/checkpoint_sparse.h"

#include <stdio.h>
#include <string.h>

int cull__tensor_width(const cull_tensor *t)
{
    if (t->n <= 0 || t->bytes % (uint64_t)t->n) return 0;
    uint64_t w = t->bytes / (uint64_t)t->n;
    return w == 1 || w == 2 || w == 4 || w == 8 ? (int)w : 0;
}

cull_status cull__specs_add(cull_ctx *cx, cull__specs *s, const cull_tensor *t)
{
    CULL_TRY(CULL_GROW(cx, s->t, &s->t_room, s->n + 1));
    s->t[s->n] = *t;
    CULL_TRY(cull__keep_text(cx, &s->t[s->n].name));
    s->n++;
    return CULL_OK;
}

cull_status cull__specs_part(cull_ctx *cx, cull__specs *s, const char *name, const char *suffix,
                             const char *dtype, int64_t count, int width)
{
    char *full;
    size_t len = strlen(name);
    CULL_TRY(CULL_TMP(cx, full, (int64_t)(len + strlen(suffix) + 2)));
    memcpy(full, name, len);
    full[len] = '.';
    strcpy(full + len + 1, suffix);
    cull_tensor t = {.name = full,
                     .dtype = dtype,
                     .ndim = 1,
                     .shape = {count},
                     .n = count,
                     .bytes = (uint64_t)count * (uint64_t)width};
    return cull__specs_add(cx, s, &t);
}

cull_status cull__specs_meta(cull_ctx *cx, cull__specs *s, const char *key, const char *value)
{
    CULL_TRY(CULL_GROW(cx, s->meta, &s->meta_room, s->metas + 2));
    s->meta[s->metas] = key;
    s->meta[s->metas + 1] = value;
    CULL_TRY(cull__keep_text(cx, &s->meta[s->metas]));
    CULL_TRY(cull__keep_text(cx, &s->meta[s->metas + 1]));
    s->metas += 2;
    return CULL_OK;
}

bool cull_pack_key(const char *key)
{
    return !strncmp(key, CULL__PACKED_KEY, strlen(CULL__PACKED_KEY)) ||
           !strncmp(key, CULL__MASK_KEY, strlen(CULL__MASK_KEY));
}

cull_status cull__specs_meta_of(cull_ctx *cx, cull__specs *s, const cull_checkpoint *ck)
{
    const char *key, *value;
    for (int64_t i = 0; cull_checkpoint_meta_at(ck, i, &key, &value); i++)
        if (!cull_pack_key(key)) CULL_TRY(cull__specs_meta(cx, s, key, value));
    if (!s->metas) CULL_TRY(cull__specs_meta(cx, s, "format", "pt"));
    return CULL_OK;
}

void cull__specs_free(cull__specs *s)
{
    cull__free(s->t);
    cull__free(s->meta);
}

cull_status cull__specs_create(cull_ctx *cx, const cull__specs *s, const char *path,
                               const cull_checkpoint *like, uint64_t shard_bytes,
                               cull_checkpoint_writer **w)
{
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    o.meta = s->meta, o.metas = s->metas;
    o.like = like;
    o.shard_bytes = shard_bytes;
    return cull_checkpoint_create(cx, path, s->t, s->n, &o, w);
}

/* ---- shapes as text ---- */

cull_status cull__shape_put(cull_ctx *cx, const cull_tensor *t, char *text, size_t size)
{
    size_t at = strlen(text);
    int n = snprintf(text + at, size - at, "%s", t->dtype);
    for (int d = 0; n >= 0 && (size_t)n < size - at && d < t->ndim; d++) {
        at += (size_t)n;
        n = snprintf(text + at, size - at, " %lld", (long long)t->shape[d]);
    }
    if (n >= 0 && (size_t)n < size - at) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "'%.100s': its dtype '%.40s' is too long", t->name,
                      t->dtype);
}

bool cull__shape_get(const char *text, char dtype[16], int64_t shape[8], int *ndim, int64_t *n)
{
    size_t len = strcspn(text, " ");
    if (len == 0 || len > 15) return false;
    memcpy(dtype, text, len);
    dtype[len] = 0;
    *ndim = 0;
    *n = 1;
    for (text += len; *text; text += len) {
        int64_t v;
        text++;
        len = strcspn(text, " ");
        if (*ndim == 8 || !cull__parse_i64(text, len, &v) || v < 0) return false;
        if (__builtin_mul_overflow(*n, v, n)) return false;
        shape[(*ndim)++] = v;
    }
    return true;
}
