/* dict.c - texts as codes: an open-addressing table over one block of text. */
#include "io/dict.h"

#include <string.h>

static int64_t place(const cull__dict *d, const char *s, size_t n)
{
    uint64_t h = cull__hash64(s, n, 0);
    int64_t at = (int64_t)(h & (uint64_t)(d->slots - 1));
    while (d->slot[at]) {
        const char *have = cull__dict_text(d, d->slot[at] - 1);
        if (!strncmp(have, s, n) && !have[n]) break;
        at = (at + 1) & (d->slots - 1);
    }
    return at;
}

int32_t cull__dict_find(const cull__dict *d, const char *s, size_t n)
{
    return d->slots ? d->slot[place(d, s, n)] - 1 : -1;
}

static cull_status larger(cull_ctx *cx, cull__dict *d)
{
    cull__dict next = *d;
    next.slots = d->slots ? 2 * d->slots : 64;
    next.slot = NULL;
    CULL_TRY(CULL_ALLOC(cx, next.slot, next.slots));
    for (int32_t i = 0; i < d->n; i++) {
        const char *s = cull__dict_text(d, i);
        next.slot[place(&next, s, strlen(s))] = i + 1;
    }
    cull__free(d->slot);
    *d = next;
    return CULL_OK;
}

cull_status cull__dict_add(cull_ctx *cx, cull__dict *d, const char *s, size_t n, int32_t *code)
{
    if (memchr(s, 0, n)) n = strlen(s); /* a name ends where C says */
    if (2 * (d->n + 1) > d->slots) CULL_TRY(larger(cx, d));
    int64_t at = place(d, s, n);
    *code = d->slot[at] - 1;
    if (*code >= 0) return CULL_OK;
    if (d->n == INT32_MAX - 1)
        return cull__fail(cx, CULL_EINPUT, "more than %d different texts", INT32_MAX - 1);
    CULL_TRY(CULL_GROW(cx, d->at, &d->cap, d->n + 1));
    CULL_TRY(CULL_GROW(cx, d->text, &d->text_cap, d->used + (int64_t)n + 1));
    memcpy(d->text + d->used, s, n);
    d->text[d->used + (int64_t)n] = 0;
    d->at[d->n] = d->used;
    d->used += (int64_t)n + 1;
    *code = (int32_t)d->n++;
    d->slot[at] = (int32_t)d->n;
    return CULL_OK;
}

void cull__dict_free(cull__dict *d)
{
    cull__free(d->text);
    cull__free(d->at);
    cull__free(d->slot);
    *d = (cull__dict){0};
}
