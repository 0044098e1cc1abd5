/* kern_cast.c - halves and eighths of numbers, compiled once for each instruction set.
 *
 * Loops are integers and masks, so that the compiler makes vectors of them. A result that is normal is the
 * float's bits, rebased and rounded; one that is subnormal comes from adding a power of two whose unit in the
 * last place is the form's smallest number: the addition rounds to nearest even by itself. */
#include "num/cast.h"

#include <string.h>

static inline uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline uint32_t pick(uint32_t mask, uint32_t a, uint32_t b)
{
    return (a & mask) | (b & ~mask);
}

/* All ones where a > b; both below 2^31. */
static inline uint32_t above(uint32_t a, uint32_t b)
{
    return 0u - (uint32_t)((int32_t)a > (int32_t)b);
}

enum { INF = 0x7F800000 };

/* ---- to f32 ---- */

static inline uint32_t half_at(const unsigned char *p, int64_t i)
{
    uint16_t h;
    memcpy(&h, p + 2 * i, 2);
    return h;
}

static void from_f16(const void *restrict from, int64_t n, float *restrict out)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t h = half_at(from, i), a = h & 0x7FFF;
        uint32_t small = bits_of((float)(int32_t)a * 0x1p-24f), normal = (a << 13) + (112u << 23);
        uint32_t u = pick(above(a, 0x3FF), normal, small);
        u = pick(above(a, 0x7BFF), (a << 13) | INF, u);
        out[i] = float_of(u | (h & 0x8000) << 16);
    }
}

static void from_bf16(const void *restrict from, int64_t n, float *restrict out)
{
    for (int64_t i = 0; i < n; i++) out[i] = float_of(half_at(from, i) << 16);
}

static void from_e4m3(const uint8_t *restrict from, int64_t n, float *restrict out)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t h = from[i], a = h & 0x7F;
        uint32_t small = bits_of((float)(int32_t)a * 0x1p-9f), normal = (a << 20) + (120u << 23);
        uint32_t u = pick(above(a, 7), normal, small);
        u = pick(above(a, 0x7E), 0x7FC00000u, u);
        out[i] = float_of(u | (h & 0x80) << 24);
    }
}

static void from_e5m2(const uint8_t *restrict from, int64_t n, float *restrict out)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t h = from[i], a = h & 0x7F;
        uint32_t small = bits_of((float)(int32_t)a * 0x1p-16f), normal = (a << 21) + (112u << 23);
        uint32_t u = pick(above(a, 3), normal, small);
        u = pick(above(a, 0x7B), (a << 21) | INF, u);
        out[i] = float_of(u | (h & 0x80) << 24);
    }
}

/* ---- from f32 ---- */

/* A form of `mant` bits of mantissa and an exponent of bias `bias`: `least` is its smallest normal number,
 * `magic` the power of two to add below that, `over` the first float that rounds past its largest number, `full` what
 * that becomes; all as bits. NaN becomes `nan` with the leading bits of what it carried where `carry` says which. */
#define NARROW(name, T, mant, bias, least, magic, over, full, nan, carry, odd)                     \
    static bool name(const float *restrict x, int64_t n, void *restrict to)                        \
    {                                                                                              \
        T *restrict out = to;                                                                      \
        uint32_t bad = 0;                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const uint32_t u = bits_of(x[i]), a = u & 0x7FFFFFFF, cut = 23 - (mant);               \
            uint32_t base = a - ((127u - (bias)) << 23);                                           \
            uint32_t normal = (base + ((1u << (cut - 1)) - 1) + (base >> cut & 1)) >> cut;         \
            uint32_t small = bits_of(float_of(a) + float_of(magic)) - (magic);                     \
            uint32_t r = pick(above(least, a), small, normal);                                     \
            uint32_t wide = above(a, (over)-1), none = above(a, INF);                              \
            r = pick(wide, full, r);                                                               \
            r = pick(none, (nan) | (a >> cut & (carry)), r);                                       \
            bad |= wide & ~none & (odd | above(INF, a));                                           \
            out[i] = (T)(r | (u >> 31) << (8 * sizeof(T) - 1));                                    \
        }                                                                                          \
        return bad != 0;                                                                           \
    }
NARROW(to_f16, uint16_t, 10, 15, 0x38800000u, 126u << 23, 0x477FF000u, 0x7C00, 0x7E00, 0x3FF, 0u)
NARROW(to_bf16, uint16_t, 7, 127, 0u, 0u, 0x7F7F8000u, 0x7F80, 0x7FC0, 0x7F, 0u)
NARROW(to_e4m3, uint8_t, 3, 7, 0x3C800000u, 141u << 23, 0x43E80001u, 0x7F, 0x7F, 0, ~0u)
NARROW(to_e5m2, uint8_t, 2, 15, 0x38800000u, 134u << 23, 0x47700000u, 0x7C, 0x7F, 0, 0u)

#define PASTE_(isa) cull__cast_##isa
#define PASTE(isa) PASTE_(isa)
const cull__cast_kern PASTE(CULL_ISA) = {
    .from_f16 = from_f16,
    .from_bf16 = from_bf16,
    .from_e4m3 = from_e4m3,
    .from_e5m2 = from_e5m2,
    .to_f16 = to_f16,
    .to_bf16 = to_bf16,
    .to_e4m3 = to_e4m3,
    .to_e5m2 = to_e5m2,
};
