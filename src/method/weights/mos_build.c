/* mos-build - pools and index sets of an adapter of shards, drawn for a model
 *
 * Chooses   which shards of two pools that all layers share make up the vectors of each layer's A and B.
 * Idea      Mixture of Shards (Wang et al. 2025): pools of as many numbers as LoRA of rank `equal` has; each layer draws
 *           rank - owned vectors' shards among the public ones without repeats, A and B apart, and owns the rest. What is
 *           drawn stays: only pools are trained.
 * Reads     one model, for the names and shapes of its matrices.
 * Deviates  A matrix whose shape is not the same in every layer is refused. Pools of A start uniform within
 *           1 / sqrt(in), as LoRA's A in PEFT, of B at 0.
 * Cost      O(pools); the index sets in memory.
 * Example   cull weights mos-build --rank 16 --equal 2 --shards 4 --owned 1 model -o shards.safetensors
 */
#include "base/base.h"
#include "cull/weights.h"
#include "repr/shards.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int64_t rank, equal, shards, owned;
    double alpha;
    bool attention, ffn;
} opts;
static const cull_opt table[] = {
    CULL_OPT_I64(opts, rank, 16, 1, 65536, "of the adapter of each layer"),
    CULL_OPT_I64(opts, equal, 2, 1, 65536,
                 "the rank of an adapter without sharing that has as many numbers"),
    CULL_OPT_I64(opts, shards, 4, 1, 65536, "that a vector is put together from"),
    CULL_OPT_I64(opts, owned, 1, 0, 65536, "vectors of a layer that no other one uses"),
    CULL_OPT_F64(opts, alpha, 16, 1e-6, 1e6, "what the adapter adds is times alpha / rank"),
    CULL_OPT_BOOL(opts, attention, true, "the matrices of attention"),
    CULL_OPT_BOOL(opts, ffn, true, "the matrices of feed-forward layers"),
    CULL_OPT_END};

static const uint64_t START = UINT64_C(0x6d6f7341) << 32; /* stream of a pool's rows: + type, row */
enum { POOL_A, POOL_B, INDEX_A, INDEX_B, SIDES };
static const char *const ends[SIDES] = {".pool_A", ".pool_B", ".index_A", ".index_B"};

typedef struct {
    char *modules;    /* "model.layers.*.mlp.up_proj" */
    const char *name; /* "up_proj": what stands behind its last dot */
    int64_t layers, in, out;
    int32_t *index[2];
} type;
typedef struct {
    type *t;
    int64_t types;
} state;

/* The name without ".weight", its layer's number as *; false when it is of no layer. */
static bool pattern(const cull_tensor *t, char *out, size_t room)
{
    char number[32];
    static const char *const tail = ".weight";
    size_t n = strlen(t->name), e = strlen(tail);
    if (n <= e || strcmp(t->name + n - e, tail) || n + 2 > room) return false;
    int digits = snprintf(number, sizeof number, ".%d.", t->layer);
    const char *at = strstr(t->name, number);
    if (!at) return false;
    size_t lead = (size_t)(at + 1 - t->name), rest = n - e - lead - (size_t)(digits - 2);
    snprintf(out, room, "%.*s*%.*s", (int)lead, t->name, (int)rest, at + digits - 1);
    return true;
}

static bool wanted(const cull_tensor *t, const opts *o)
{
    if (t->ndim != 2 || !t->floating || !t->n || t->layer < 0 || t->expert >= 0) return false;
    return (t->role == CULL_ROLE_ATTENTION && o->attention) || (t->role == CULL_ROLE_FFN && o->ffn);
}

static cull_status put_tensor(cull_ctx *cx, const cull_checkpoint *ck, const cull_tensor *t,
                              state *s)
{
    size_t room = strlen(t->name) + 8;
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    if (!pattern(t, name, room)) return CULL_OK;
    int64_t k = 0;
    while (k < s->types && strcmp(s->t[k].modules, name)) k++;
    type *y = s->t + k;
    if (k == s->types) {
        const char *dot = strrchr(name, '.');
        *y = (type){.modules = name, .name = dot ? dot + 1 : name};
        y->in = t->shape[1], y->out = t->shape[0];
        s->types++;
    }
    if (t->shape[0] != y->out || t->shape[1] != y->in)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: '%.160s' is %" PRId64 " by %" PRId64
                          ", other layers of it are %" PRId64 " by %" PRId64,
                          cull_checkpoint_path(ck), t->name, t->shape[0], t->shape[1], y->out,
                          y->in);
    y->layers = t->layer + 1 > y->layers ? t->layer + 1 : y->layers;
    return CULL_OK;
}

static cull_status find_types(cull_ctx *cx, const cull_weights_work *w, state *s)
{
    const cull_checkpoint *ck = w->source[0];
    const opts *o = w->opts;
    CULL_TRY(CULL_TMP(cx, s->t, cull_checkpoint_count(ck)));
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++)
        if (wanted(cull_checkpoint_at(ck, i), o))
            CULL_TRY(put_tensor(cx, ck, cull_checkpoint_at(ck, i), s));
    if (!s->types)
        return cull__fail(cx, CULL_EINPUT, "%s has no matrices of attention or feed-forward layers",
                          cull_checkpoint_path(ck));
    for (int64_t a = 0; a < s->types; a++) /* two of one last name are told apart by the whole */
        for (int64_t b = 0; b < a; b++)
            if (!strcmp(s->t[a].name, s->t[b].name))
                s->t[a].name = s->t[a].modules, s->t[b].name = s->t[b].modules;
    return CULL_OK;
}

static cull__shards shards_of(const opts *o, const type *t)
{
    return (cull__shards){t->layers, o->rank, o->equal, o->shards, o->owned};
}

static cull_status add(cull_ctx *cx, cull_weights_work *w, const type *t, int64_t k, int side)
{
    const opts *o = w->opts;
    const cull__shards s = shards_of(o, t);
    cull_weights_item it = {.from = -1, .part = k * SIDES + side};
    size_t room = strlen(t->name) + 16;
    char *name;
    CULL_TRY(CULL_TMP(cx, name, (int64_t)room));
    snprintf(name, room, "%s%s", t->name, ends[side]);
    it.t = (cull_tensor){.name = name, .ndim = 2};
    bool index = side >= INDEX_A;
    it.t.dtype = index ? "I32" : w->problem->dtype ? w->problem->dtype : "F32";
    it.t.shape[0] = index ? s.layers : cull__shards_rows(&s);
    it.t.shape[1] = index ? s.rank * s.shards : (side == POOL_A ? t->in : t->out) / s.shards;
    if (index) it.t.bytes = (uint64_t)(it.t.shape[0] * it.t.shape[1]) * 4;
    return cull_weights_add(cx, w, &it);
}

static cull_status metadata(cull_ctx *cx, cull_weights_work *w, const state *s)
{
    const opts *o = w->opts;
    const char **meta;
    char *text;
    CULL_TRY(CULL_TMP(cx, meta, 4 + 2 * s->types));
    CULL_TRY(CULL_TMP(cx, text, 64));
    snprintf(text, 32, "%" PRId64, o->rank);
    cull__format_f64(o->alpha, text + 32);
    meta[0] = "mos.rank", meta[1] = text, meta[2] = "mos.alpha", meta[3] = text + 32;
    for (int64_t k = 0; k < s->types; k++) {
        size_t room = strlen(s->t[k].name) + 8;
        char *key;
        CULL_TRY(CULL_TMP(cx, key, (int64_t)room));
        snprintf(key, room, "mos.%s", s->t[k].name);
        meta[4 + 2 * k] = key, meta[5 + 2 * k] = s->t[k].modules;
    }
    w->meta = meta, w->metas = (int)(4 + 2 * s->types);
    return CULL_OK;
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    state *s;
    CULL_TRY(CULL_TMP0(cx, s, 1));
    CULL_TRY(find_types(cx, w, s));
    w->items = 0;
    w->own = s;
    w->stem = "shards";
    for (int64_t k = 0; k < s->types; k++) {
        type *t = s->t + k;
        const cull__shards q = shards_of(w->opts, t);
        CULL_TRY(cull__shards_check(cx, &q, t->name, t->in, t->out));
        for (int side = 0; side < 2; side++) {
            CULL_TRY(CULL_TMP(cx, t->index[side], q.layers * q.rank * q.shards));
            CULL_TRY(cull__shards_draw(cx, &q, (uint64_t)(2 * k + side), t->index[side]));
        }
        for (int side = 0; side < SIDES; side++) CULL_TRY(add(cx, w, t, k, side));
    }
    return metadata(cx, w, s);
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *st, const void *own, int64_t from, int64_t n, float *out)
{
    const state *s = w->own;
    int64_t k = it->part / SIDES, length = it->t.shape[1], end = from + n;
    int side = (int)(it->part % SIDES);
    (void)st, (void)own;
    if (side >= INDEX_A) {
        memcpy(out, s->t[k].index[side - INDEX_A] + from, (size_t)n * sizeof(int32_t));
        return CULL_OK;
    }
    memset(out, 0, (size_t)n * sizeof *out);
    if (side == POOL_B) return CULL_OK;
    double bound = 1 / sqrt((double)s->t[k].in);
    for (int64_t row = from / length; row * length < end; row++) { /* each row has its own stream */
        cull_rng r = cull__rng(cx, START + ((uint64_t)k << 32) + (uint64_t)row);
        for (int64_t i = row * length; i < (row + 1) * length && i < end; i++) {
            float v = (float)((2 * cull__rng_unit(&r) - 1) * bound);
            if (i >= from) out[i - from] = v;
        }
    }
    return CULL_OK;
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_NO_BASE | CULL_WEIGHTS_OWN_NAMES,
                                     .least = 1,
                                     .most = 1,
                                     .items = items,
                                     .block = block};
const cull_method cull__method_mos_build = {
    .slug = "mos-build",
    .title = "pools and index sets of an adapter of shards, drawn for a model",
    .paper = "Wang et al. 2025, MoS: Unleashing Parameter Efficiency of Low-Rank Adaptation with "
             "Mixture of Shards",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
