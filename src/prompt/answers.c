/* answers.c - what queries were answered, by hash: a query that was asked before is not asked again. */
#include "prompt/prompt.h"

#include <string.h>

cull_hash128 cull__prompt_key(const cull_prompt_query *q)
{
    /* exemplars first, by themselves: they may be many, and what is beside them has a fixed size */
    cull_hash128 list = cull__hash128(q->exemplar, (size_t)q->k * sizeof *q->exemplar);
    int64_t word[6];
    memcpy(word, &list, sizeof list);
    word[2] = q->instruction;
    word[3] = (int64_t)q->set;
    word[4] = q->row;
    word[5] = q->k;
    return cull__hash128(word, sizeof word);
}

static cull__answered *place(const cull__answers *a, cull_hash128 key)
{
    uint64_t mask = (uint64_t)a->cap - 1;
    for (uint64_t i = key.lo & mask;; i = (i + 1) & mask) {
        cull__answered *e = &a->at[i];
        if (!e->used || (e->key.lo == key.lo && e->key.hi == key.hi)) return e;
    }
}

cull__answered *cull__answers_find(const cull__answers *a, cull_hash128 key)
{
    if (!a->n) return NULL;
    cull__answered *e = place(a, key);
    return e->used ? e : NULL;
}

static cull_status widen(cull_ctx *cx, cull__answers *a)
{
    cull__answers more = {.cap = a->cap ? 2 * a->cap : 1024, .n = a->n};
    CULL_TRY(CULL_ALLOC(cx, more.at, more.cap));
    for (int64_t i = 0; i < a->cap; i++)
        if (a->at[i].used) *place(&more, a->at[i].key) = a->at[i];
    cull__free(a->at);
    *a = more;
    return CULL_OK;
}

cull_status cull__answers_put(cull_ctx *cx, cull__answers *a, cull_hash128 key, float score)
{
    if (2 * (a->n + 1) > a->cap) CULL_TRY(widen(cx, a));
    cull__answered *e = place(a, key);
    if (!e->used) a->n++;
    *e = (cull__answered){.key = key, .score = score, .used = true};
    return CULL_OK;
}
