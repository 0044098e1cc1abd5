/* shards.h - Mixture of Shards: which pieces of two common pools a layer's adapter of low rank is made of (shards.c). */
#ifndef CULL__SHARDS_H
#define CULL__SHARDS_H
#include "base/base.h"

/* Of one type of matrix (q_proj, ...), alike in every layer. A pool has equal * layers * shards rows. */
typedef struct {
    int64_t layers;
    int64_t rank;   /* of each layer's adapter */
    int64_t equal;  /* the rank that takes as many numbers without sharing */
    int64_t shards; /* that a vector is put together from */
    int64_t owned;  /* vectors of a layer that no other one uses */
} cull__shards;

static inline int64_t cull__shards_rows(const cull__shards *s)
{
    return s->equal * s->layers * s->shards;
}
/* EOPTION or EINPUT unless vectors of `in` and `out` numbers can be cut so and there are enough public shards. */
cull_status cull__shards_check(cull_ctx *cx, const cull__shards *s, const char *what, int64_t in,
                               int64_t out);
/* index (layers, rank * shards): rows of the pool, for each vector its shards in order. Public ones are drawn
 * without repeats in a layer; a layer's own are rows at the pool's end. Each stream is one draw. */
cull_status cull__shards_draw(cull_ctx *cx, const cull__shards *s, uint64_t stream, int32_t *index);
#endif
