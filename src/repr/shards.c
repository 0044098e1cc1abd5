/* shards.c - Mixture of Shards (Wang et al. 2025): which pieces of two common pools a layer's adapter is made of: see
 * shards.h. The sets are drawn once, are the same for every input, and have to be kept with the pools. */
#include "repr/shards.h"

#include <inttypes.h>

static const uint64_t DRAW = UINT64_C(0x73686172) << 32; /* + stream, then layer */

cull_status cull__shards_check(cull_ctx *cx, const cull__shards *s, const char *what, int64_t in,
                               int64_t out)
{
    if (s->layers < 1 || s->rank < 1 || s->equal < 1 || s->shards < 1 || s->owned < 0)
        return cull__fail(cx, CULL_EOPTION, "%s: layers, ranks and shards must be at least 1",
                          what);
    if (in % s->shards || out % s->shards)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: vectors of %" PRId64 " and %" PRId64
                          " numbers cannot both be cut into %" PRId64 " shards of one length",
                          what, in, out, s->shards);
    int64_t most = s->equal < s->rank ? s->equal : s->rank;
    if (s->owned > most)
        return cull__fail(cx, CULL_EOPTION,
                          "%s: a layer cannot own %" PRId64 " vectors where the rank is %" PRId64
                          " and the pool has room for %" PRId64 " each",
                          what, s->owned, s->rank, s->equal);
    if (s->layers > INT32_MAX / s->equal / s->shards)
        return cull__fail(cx, CULL_EOPTION, "%s: a pool has more than 2^31 shards", what);
    int64_t open = (s->equal - s->owned) * s->layers;
    if (open < s->rank - s->owned)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: %" PRId64 " public vectors are too few for rank %" PRId64
                          " without repeats; the rank can be %" PRId64 " at most",
                          what, open, s->rank, open + s->owned);
    return CULL_OK;
}

cull_status cull__shards_draw(cull_ctx *cx, const cull__shards *s, uint64_t stream, int32_t *index)
{
    int64_t open = (s->equal - s->owned) * s->layers * s->shards;
    int64_t shared = (s->rank - s->owned) * s->shards, own = s->owned * s->shards;
    int64_t *row;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, row, open));
    for (int64_t layer = 0; layer < s->layers; layer++) {
        int32_t *out = index + layer * (shared + own);
        cull_rng r = cull__rng(cx, DRAW + (stream << 20) + (uint64_t)layer);
        for (int64_t i = 0; i < open; i++) row[i] = i;
        cull__rng_shuffle(&r, row, open);
        for (int64_t i = 0; i < shared; i++) out[i] = (int32_t)row[i];
        for (int64_t i = 0; i < own; i++) out[shared + i] = (int32_t)(open + layer * own + i);
    }
    cull__release(cx, mark);
    return CULL_OK;
}
