/* rng.c - Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as
 * 1, 2, 3"): a draw is a function of (seed, stream, position), so no order of work can change it. */
#include "base/base.h"

#include <math.h>

static void philox(const uint32_t key0[2], const uint32_t ctr[4], uint32_t out[4])
{
    uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3], k0 = key0[0], k1 = key0[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* The low half of the counter is the position, the high half the stream. */
cull_rng cull__rng_seeded(uint64_t seed, uint64_t stream)
{
    return (cull_rng){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                      .ctr = {0, 0, (uint32_t)stream, (uint32_t)(stream >> 32)}};
}

cull_rng cull__rng(const cull_ctx *cx, uint64_t stream)
{
    return cull__rng_seeded(cull_ctx_seed(cx), stream);
}

static void next(cull_rng *r, uint32_t out[4])
{
    philox(r->key, r->ctr, out);
    if (++r->ctr[0] == 0) r->ctr[1]++;
}

uint32_t cull__rng_u32(cull_rng *r)
{
    if (!r->have) {
        next(r, r->out);
        r->have = 4;
    }
    return r->out[4 - r->have--];
}

/* Whole blocks go where they are wanted; none waits for the one before. */
void cull__rng_fill(cull_rng *r, uint32_t *out, int64_t n)
{
    int64_t i = 0;
    while (i < n && r->have) out[i++] = cull__rng_u32(r);
    for (; i + 4 <= n; i += 4) next(r, out + i);
    while (i < n) out[i++] = cull__rng_u32(r);
}

uint64_t cull__rng_u64(cull_rng *r)
{
    uint64_t lo = cull__rng_u32(r);
    return lo | (uint64_t)cull__rng_u32(r) << 32;
}

/* The first 2^64 mod m values are passed over, for they would be favoured; there are fewer than m. Divisions are slow:
 * there is one, or none where m is a power of two. */
int64_t cull__rng_below(cull_rng *r, int64_t n)
{
    uint64_t m = (uint64_t)n, x;
    do x = cull__rng_u64(r);
    while (x < m && x < (0 - m) % m);
    return (int64_t)(m & (m - 1) ? x % m : x & (m - 1));
}

double cull__rng_unit(cull_rng *r) { return ((double)(cull__rng_u64(r) >> 12) + 0.5) * 0x1p-52; }

double cull__rng_normal(cull_rng *r)
{
    double u = cull__rng_unit(r), v = cull__rng_unit(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v); /* Box-Muller, one of the two */
}

double cull__rng_gumbel(cull_rng *r) { return -log(-log(cull__rng_unit(r))); }

void cull__rng_shuffle(cull_rng *r, int64_t *v, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = cull__rng_below(r, i + 1), t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}
