/* checkpoint_stat.c - what the numbers of a tensor are like, and how two tensors differ: in chunks by all threads,
 * which are put together in their order. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "num/cast.h"
#include "num/moments.h"
#include "repr/checkpoint.h"

#include "cull/checkpoint_look.h"

enum { CHUNK = 1 << 18, BLOCK = CULL__SEGMENT }; /* what is packed is read a segment at a time */

/* A tensor, and room for a block of its bytes when it is packed. */
typedef struct {
    const cull_checkpoint *ck;
    int64_t i;
    int form, size; /* size 1 where the dtype is not known: items are bytes */
    int64_t n;      /* items */
} side;

static side side_of(const cull_checkpoint *ck, int64_t i)
{
    const cull_tensor *t = ck->t + i;
    side s = {.ck = ck, .i = i, .n = t->n};
    s.form = cull__safetensors_form(t->dtype, &s.size);
    if (!s.size) s.size = 1, s.n = (int64_t)t->bytes;
    return s;
}

static cull_status side_room(cull_ctx *cx, const side *s, unsigned char **room)
{
    *room = NULL;
    return s->n && !s->ck->at[s->i] ? CULL_TMP(cx, *room, (int64_t)BLOCK * s->size) : CULL_OK;
}

/* Items from .. from + n where they lie, else in room. */
static cull_status side_bytes(cull_ctx *cx, const side *s, int64_t from, int64_t n,
                              unsigned char *room, const unsigned char **out)
{
    const unsigned char *at = s->ck->at[s->i];
    *out = at ? at + (size_t)from * (size_t)s->size : room;
    return at ? CULL_OK : cull_checkpoint_raw(cx, s->ck, s->i, from, n, room);
}

/* ---- one tensor ---- */

void cull_tensor_stat_add(cull_tensor_stat *a, const cull_tensor_stat *b)
{
    double na = (double)(a->n - a->nans - a->infs), nb = (double)(b->n - b->nans - b->infs);
    if (nb > 0) {
        double apart = b->mean - a->mean, all = na + nb;
        a->m2 += b->m2 + apart * apart * na * nb / all;
        a->mean += apart * nb / all;
    }
    if (b->absmax > a->absmax) a->absmax = b->absmax;
    a->n += b->n;
    a->zeros += b->zeros;
    a->nans += b->nans;
    a->infs += b->infs;
}

double cull_tensor_stat_std(const cull_tensor_stat *s)
{
    int64_t n = s->n - s->nans - s->infs;
    return n > 0 ? sqrt(s->m2 / (double)n) : 0;
}

typedef struct {
    side of;
    cull_tensor_stat *chunk;
} looking;

/* Numbers from .. from + n where they lie, when they lie there as f32, else in buf. */
static const float *numbers(cull_ctx *cx, int form, const unsigned char *at, int64_t n, float *buf)
{
    if (form == CULL_F32 && (uintptr_t)at % sizeof(float) == 0)
        return (const float *)(const void *)at;
    cull__widen(cx, form, at, n, buf);
    return buf;
}

static cull_status look(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const looking *g = arg;
    const cull__moments_kern *k = cull__moments_of(cx);
    cull_tensor_stat *all = g->chunk + chunk;
    float buf[BLOCK];
    unsigned char *room;
    const unsigned char *raw;
    *all = (cull_tensor_stat){0};
    CULL_TRY(side_room(cx, &g->of, &room));
    for (int64_t at = lo; at < hi; at += BLOCK) {
        int64_t n = hi - at < BLOCK ? hi - at : BLOCK;
        CULL_TRY(side_bytes(cx, &g->of, at, n, room, &raw));
        const float *x = numbers(cx, g->of.form, raw, n, buf);
        cull__moments m;
        k->moments(x, n, &m);
        cull_tensor_stat s = {.n = n, .zeros = m.zeros, .nans = m.nans, .infs = m.infs};
        s.absmax = (double)m.absmax;
        int64_t fine = n - m.nans - m.infs;
        if (fine) s.mean = m.sum / (double)fine;
        if (fine) s.m2 = k->spread(x, n, s.mean);
        cull_tensor_stat_add(all, &s);
    }
    return CULL_OK;
}

static cull_status not_numbers(cull_ctx *cx, const cull_checkpoint *ck, int64_t i)
{
    const cull_tensor *t = ck->t + i;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: tensor '%.100s' has dtype %s, whose numbers cull does not read",
                      ck->file[t->file].path, t->name, t->dtype);
}

static cull_status stat_tensor(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                               cull_tensor_stat *out)
{
    const cull_tensor *t = ck->t + i;
    looking g = {.of = side_of(ck, i)};
    int64_t chunks = (t->n + CHUNK - 1) / CHUNK;
    CULL_TRY(CULL_TMP(cx, g.chunk, chunks));
    CULL_TRY(cull__for(cx, t->n, CHUNK, look, &g));
    for (int64_t c = 0; c < chunks; c++) cull_tensor_stat_add(out, g.chunk + c);
    return CULL_OK;
}

cull_status cull_checkpoint_stat(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                 cull_tensor_stat *out)
{
    *out = (cull_tensor_stat){0};
    if (!ck->t[i].numeric) return not_numbers(cx, ck, i);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = stat_tensor(cx, ck, i, out);
    cull__release(cx, mark);
    cull_checkpoint_done(ck, i);
    return s;
}

/* ---- two ---- */

void cull_tensor_diff_add(cull_tensor_diff *a, const cull_tensor_diff *b)
{
    a->n += b->n;
    a->same += b->same;
    a->odd += b->odd;
    if (b->absmax > a->absmax) a->absmax = b->absmax;
    a->aa += b->aa;
    a->bb += b->bb;
    a->ab += b->ab;
    a->apart2 += b->apart2;
}

double cull_tensor_diff_rel(const cull_tensor_diff *d)
{
    return d->apart2 > 0 ? sqrt(d->apart2) / sqrt(d->aa) : 0;
}

double cull_tensor_diff_cosine(const cull_tensor_diff *d)
{
    double c = d->ab / (sqrt(d->aa) * sqrt(d->bb));
    return c > 1 ? 1 : c < -1 ? -1 : c;
}

typedef struct {
    side of[2];
    bool bits;  /* one dtype: numbers are the same when their bits are */
    bool items; /* no numbers: their bits are all there is */
    cull_tensor_diff *chunk;
} comparing;

#define SAME(T)                                                                                    \
    for (int64_t i = 0; i < n; i++) {                                                              \
        T x, y;                                                                                    \
        memcpy(&x, a + i * (int64_t)sizeof x, sizeof x);                                           \
        memcpy(&y, b + i * (int64_t)sizeof y, sizeof y);                                           \
        k += x == y;                                                                               \
    }                                                                                              \
    break

/* How many of n <= BLOCK items of `size` bytes are the same. */
static int64_t same_items(const unsigned char *restrict a, const unsigned char *restrict b,
                          int64_t n, int size)
{
    int32_t k = 0; /* as narrow as will do, for the vectors' sake */
    if (!memcmp(a, b, (size_t)n * (size_t)size)) return n;
    switch (size) {
    case 1: SAME(uint8_t);
    case 2: SAME(uint16_t);
    case 4: SAME(uint32_t);
    default: SAME(uint64_t);
    }
    return k;
}

/* Equal as f32, to the bit. `odd` = pairs not both of which are finite; the same ones are taken off it. */
static void same_floats(const float *x, const float *y, int64_t n, bool count, cull_tensor_diff *d)
{
    for (int64_t i = 0; i < n; i++) {
        bool same = !memcmp(x + i, y + i, sizeof *x);
        if (count) d->same += same;
        if (same && !isfinite(x[i])) d->odd--;
    }
}

static void compare_block(cull_ctx *cx, const comparing *g, const unsigned char *a,
                          const unsigned char *b, int64_t n, cull_tensor_diff *all)
{
    float buf[2][BLOCK];
    const float *x = numbers(cx, g->of[0].form, a, n, buf[0]),
                *y = numbers(cx, g->of[1].form, b, n, buf[1]);
    cull__apart p;
    cull__moments_of(cx)->apart(x, y, n, &p);
    cull_tensor_diff d = {.n = n, .odd = p.odd, .absmax = (double)p.absmax};
    d.aa = p.aa, d.bb = p.bb, d.ab = p.ab, d.apart2 = p.apart2;
    if (g->bits) d.same = same_items(a, b, n, g->of[0].size);
    if (!g->bits || p.odd) same_floats(x, y, n, !g->bits, &d);
    cull_tensor_diff_add(all, &d);
}

static cull_status compare(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const comparing *g = arg;
    cull_tensor_diff *all = g->chunk + chunk;
    unsigned char *room[2];
    const unsigned char *raw[2];
    *all = (cull_tensor_diff){0};
    for (int k = 0; k < 2; k++) CULL_TRY(side_room(cx, &g->of[k], &room[k]));
    for (int64_t at = lo; at < hi; at += BLOCK) {
        int64_t n = hi - at < BLOCK ? hi - at : BLOCK;
        for (int k = 0; k < 2; k++) CULL_TRY(side_bytes(cx, &g->of[k], at, n, room[k], &raw[k]));
        if (g->items) {
            all->n += n;
            all->same += same_items(raw[0], raw[1], n, g->of[0].size);
        } else {
            compare_block(cx, g, raw[0], raw[1], n, all);
        }
    }
    return CULL_OK;
}

static cull_status diff_tensors(cull_ctx *cx, const cull_checkpoint *a, int64_t i,
                                const cull_checkpoint *b, int64_t k, cull_tensor_diff *out)
{
    const cull_tensor *x = a->t + i, *y = b->t + k;
    comparing g = {.of = {side_of(a, i), side_of(b, k)}};
    int64_t n = g.of[0].n;
    g.bits = !strcmp(x->dtype, y->dtype);
    g.items = !x->numeric || !y->numeric;
    if (n != g.of[1].n || (g.items && !g.bits))
        return cull__fail(cx, CULL_EINPUT,
                          "'%.80s' (%" PRId64 " of %s) and '%.80s' (%" PRId64
                          " of %s) cannot be compared",
                          x->name, x->n, x->dtype, y->name, y->n, y->dtype);
    int64_t chunks = (n + CHUNK - 1) / CHUNK;
    CULL_TRY(CULL_TMP(cx, g.chunk, chunks));
    CULL_TRY(cull__for(cx, n, CHUNK, compare, &g));
    for (int64_t c = 0; c < chunks; c++) cull_tensor_diff_add(out, g.chunk + c);
    return CULL_OK;
}

cull_status cull_checkpoint_diff(cull_ctx *cx, const cull_checkpoint *a, int64_t i,
                                 const cull_checkpoint *b, int64_t k, cull_tensor_diff *out)
{
    *out = (cull_tensor_diff){0};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = diff_tensors(cx, a, i, b, k, out);
    cull__release(cx, mark);
    cull_checkpoint_done(a, i);
    cull_checkpoint_done(b, k);
    return s;
}
