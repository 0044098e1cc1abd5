/* mos.c - the file of a Mixture of Shards adapter: see mos.h. */
#include "repr/mos.h"
#include "base/base.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const ends[4] = {".pool_A", ".pool_B", ".index_A", ".index_B"};

static cull_status number(cull_ctx *cx, const cull_checkpoint *ck, const char *key, double *out)
{
    const char *s = cull_checkpoint_meta(ck, key);
    if (!s)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has no '%s' in its metadata; a file of shards has it",
                          cull_checkpoint_path(ck), key);
    if (!cull__parse_f64(s, strlen(s), out) || !(*out > 0) || *out > 1e9)
        return cull__fail(cx, CULL_EINPUT, "%s: '%s' of its metadata is no number above 0",
                          cull_checkpoint_path(ck), key);
    return CULL_OK;
}

/* The tensor called T and this end; -1 = none. */
static cull_status find(cull_ctx *cx, const cull_checkpoint *ck, const char *type, const char *end,
                        int64_t *out)
{
    size_t room = strlen(type) + strlen(end) + 1;
    char *name;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    snprintf(name, room, "%s%s", type, end);
    *out = cull_checkpoint_find(ck, name, NULL);
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status misfit(cull_ctx *cx, const cull_checkpoint *ck, const cull__mos_type *t,
                          const char *what)
{
    return cull__fail(cx, CULL_EINPUT, "%s: %s of '%.120s'", cull_checkpoint_path(ck), what,
                      t->name);
}

static cull_status shapes(cull_ctx *cx, const cull_checkpoint *ck, int64_t rank, cull__mos_type *t)
{
    const cull_tensor *pool[2], *index[2];
    for (int s = 0; s < 2; s++) {
        pool[s] = cull_checkpoint_at(ck, t->pool[s]);
        index[s] = cull_checkpoint_at(ck, t->index[s]);
        if (pool[s]->ndim != 2 || !pool[s]->floating || !pool[s]->n)
            return misfit(cx, ck, t, "a pool is no matrix of floating-point numbers");
        if (index[s]->ndim != 2 || strcmp(index[s]->dtype, "I32"))
            return misfit(cx, ck, t, "an index set is no matrix of I32");
    }
    t->layers = index[0]->shape[0], t->rows = pool[0]->shape[0];
    t->shards = index[0]->shape[1] / rank;
    if (pool[1]->shape[0] != t->rows || index[1]->shape[0] != t->layers || t->layers < 1 ||
        index[1]->shape[1] != index[0]->shape[1] || index[0]->shape[1] != rank * t->shards ||
        t->shards < 1)
        return misfit(cx, ck, t, "the shapes of pools and index sets do not fit each other");
    if (pool[0]->shape[1] > INT32_MAX / t->shards || pool[1]->shape[1] > INT32_MAX / t->shards)
        return misfit(cx, ck, t, "the vectors are longer than 2^31");
    t->in = pool[0]->shape[1] * t->shards, t->out = pool[1]->shape[1] * t->shards;
    if (t->scale < 0) return CULL_OK;
    const cull_tensor *scale = cull_checkpoint_at(ck, t->scale);
    if (!scale->numeric || scale->ndim != 2 || scale->shape[0] != t->layers ||
        scale->shape[1] != rank)
        return misfit(cx, ck, t, "'scale' has not a number for each layer and vector");
    return CULL_OK;
}

static cull_status load_index(cull_ctx *cx, const cull_checkpoint *ck, cull__mos_type *t, int side)
{
    int64_t n = cull_checkpoint_at(ck, t->index[side])->n;
    char what[96];
    CULL_TRY(CULL_TMP(cx, t->at[side], n));
    CULL_TRY(cull_checkpoint_raw(cx, ck, t->index[side], 0, n, t->at[side]));
    for (int64_t i = 0; i < n; i++)
        if (t->at[side][i] < 0 || t->at[side][i] >= t->rows) {
            snprintf(what, sizeof what,
                     "shard %d is not one of the %" PRId64 " that the pool %c has",
                     (int)t->at[side][i], t->rows, "AB"[side]);
            return misfit(cx, ck, t, what);
        }
    return CULL_OK;
}

/* The type that tensor i, its pool A, tells of. */
static cull_status read_type(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t rank,
                             cull__mos_type *t)
{
    const char *pool = cull_checkpoint_at(ck, i)->name;
    size_t n = strlen(pool) - strlen(ends[0]);
    char *name, *key;
    int64_t at[4];
    CULL_TRY(CULL_TMP(cx, name, (int64_t)n + 1));
    CULL_TRY(CULL_TMP(cx, key, (int64_t)n + 8));
    snprintf(name, n + 1, "%s", pool);
    snprintf(key, n + 8, "mos.%s", name);
    *t = (cull__mos_type){.name = name, .modules = cull_checkpoint_meta(ck, key)};
    for (int e = 0; e < 4; e++) {
        CULL_TRY(find(cx, ck, name, ends[e], &at[e]));
        if (at[e] < 0)
            return cull__fail(cx, CULL_EINPUT, "%s: '%.120s' has no tensor '%.120s%s'",
                              cull_checkpoint_path(ck), name, name, ends[e]);
    }
    t->pool[0] = at[0], t->pool[1] = at[1], t->index[0] = at[2], t->index[1] = at[3];
    CULL_TRY(find(cx, ck, name, ".scale", &t->scale));
    CULL_TRY(shapes(cx, ck, rank, t));
    const char *star = t->modules ? strchr(t->modules, '*') : NULL;
    if (!t->modules || (!star && t->layers > 1) || (star && strchr(star + 1, '*')))
        return misfit(cx, ck, t, "the metadata have no names of modules with one * for the layer");
    CULL_TRY(load_index(cx, ck, t, 0));
    return load_index(cx, ck, t, 1);
}

cull_status cull__mos_read(cull_ctx *cx, const cull_checkpoint *ck, cull__mos *out)
{
    double rank;
    *out = (cull__mos){0};
    CULL_TRY(number(cx, ck, "mos.rank", &rank));
    CULL_TRY(number(cx, ck, "mos.alpha", &out->alpha));
    out->rank = (int64_t)rank;
    if (out->rank < 1)
        return cull__fail(cx, CULL_EINPUT, "%s: the rank is below 1", cull_checkpoint_path(ck));
    CULL_TRY(CULL_TMP(cx, out->type, cull_checkpoint_count(ck)));
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        const char *name = cull_checkpoint_at(ck, i)->name;
        size_t n = strlen(name), e = strlen(ends[0]);
        if (n <= e || strcmp(name + n - e, ends[0])) continue;
        CULL_TRY(read_type(cx, ck, i, out->rank, out->type + out->types++));
    }
    if (!out->types)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has no tensor called TYPE.pool_A: it is no file of shards",
                          cull_checkpoint_path(ck));
    return CULL_OK;
}

cull_status cull__mos_module(cull_ctx *cx, const cull__mos_type *t, int64_t layer, const char **out)
{
    const char *star = strchr(t->modules, '*');
    size_t room = strlen(t->modules) + 24;
    char *s;
    CULL_TRY(CULL_TMP(cx, s, (int64_t)room));
    if (star)
        snprintf(s, room, "%.*s%" PRId64 "%s", (int)(star - t->modules), t->modules, layer,
                 star + 1);
    else
        snprintf(s, room, "%s", t->modules);
    *out = s;
    return CULL_OK;
}

/* Numbers from .. from + n of vector j, a strip of shards. */
static cull_status vector(cull_ctx *cx, const cull_checkpoint *ck, const cull__mos *m,
                          const cull__mos_type *t, int64_t layer, int side, int64_t j, int64_t from,
                          int64_t n, float *out)
{
    int64_t length = (side ? t->out : t->in) / t->shards;
    const int32_t *at = t->at[side] + (layer * m->rank + j) * t->shards;
    float by = 1;
    if (t->scale >= 0 && side == 0)
        CULL_TRY(cull_checkpoint_read(cx, ck, t->scale, layer * m->rank + j, 1, &by));
    for (int64_t done = 0, here; done < n; done += here) {
        int64_t shard = (from + done) / length, skip = (from + done) % length;
        here = length - skip < n - done ? length - skip : n - done;
        CULL_TRY(cull_checkpoint_read(cx, ck, t->pool[side], at[shard] * length + skip, here,
                                      out + done));
    }
    for (int64_t i = 0; i < n && by != 1; i++) out[i] *= by;
    return CULL_OK;
}

/* B is put together vector by vector, which are its columns: rows lo .. hi cover what is asked for. */
static cull_status columns(cull_ctx *cx, const cull_checkpoint *ck, const cull__mos *m,
                           const cull__mos_type *t, int64_t layer, int64_t from, int64_t n,
                           float *out)
{
    int64_t r = m->rank, lo = from / r, hi = (from + n + r - 1) / r;
    float *v;
    CULL_TRY(CULL_TMP(cx, v, hi - lo));
    for (int64_t j = 0; j < r; j++) {
        CULL_TRY(vector(cx, ck, m, t, layer, 1, j, lo, hi - lo, v));
        for (int64_t i = lo; i < hi; i++) {
            int64_t at = i * r + j - from;
            if (at >= 0 && at < n) out[at] = v[i - lo];
        }
    }
    return CULL_OK;
}

cull_status cull__mos_numbers(cull_ctx *cx, const cull_checkpoint *ck, const cull__mos *m,
                              const cull__mos_type *t, int64_t layer, int side, int64_t from,
                              int64_t n, float *out)
{
    if (side) return columns(cx, ck, m, t, layer, from, n, out);
    for (int64_t done = 0, here; done < n; done += here) {
        int64_t j = (from + done) / t->in, at = (from + done) % t->in;
        here = t->in - at < n - done ? t->in - at : n - done;
        CULL_TRY(vector(cx, ck, m, t, layer, 0, j, at, here, out + done));
    }
    return CULL_OK;
}
