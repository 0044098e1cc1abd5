/* hash.c - xxHash (XXH3), inlined: 64 bits for tables, 128 bits to name an input. */
#define XXH_INLINE_ALL
#include "base/base.h"

#include <stdio.h>
#include <xxhash.h>

uint64_t cull__hash64(const void *p, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

cull_hash128 cull__hash128(const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(p, n);
    return (cull_hash128){h.low64, h.high64};
}

struct cull__hasher {
    XXH3_state_t state;
};

cull_status cull__hasher_new(cull_ctx *cx, cull__hasher **out)
{
    CULL_TRY(cull__alloc(cx, (void **)out, 1, sizeof **out));
    XXH3_128bits_reset(&(*out)->state);
    return CULL_OK;
}

void cull__hasher_add(cull__hasher *h, const void *p, size_t n)
{
    XXH3_128bits_update(&h->state, p, n);
}

cull_hash128 cull__hasher_end(cull__hasher *h)
{
    XXH128_hash_t d = XXH3_128bits_digest(&h->state);
    cull__free(h);
    return (cull_hash128){d.low64, d.high64};
}

void cull__hash_hex(cull_hash128 h, char out[33])
{
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
}
