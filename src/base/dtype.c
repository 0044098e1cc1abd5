/* dtype.c - element types and the half-width floats. */
#include "base/base.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[CULL_DTYPES] = {
    [CULL_F32] = {"f32", 4},   [CULL_F16] = {"f16", 2}, [CULL_BF16] = {"bf16", 2},
    [CULL_F64] = {"f64", 8},   [CULL_I8] = {"i8", 1},   [CULL_U8] = {"u8", 1},
    [CULL_I16] = {"i16", 2},   [CULL_U16] = {"u16", 2}, [CULL_I32] = {"i32", 4},
    [CULL_U32] = {"u32", 4},   [CULL_I64] = {"i64", 8}, [CULL_U64] = {"u64", 8},
    [CULL_BOOL] = {"bool", 1},
};

size_t cull_dtype_size(cull_dtype t) { return (unsigned)t < CULL_DTYPES ? types[t].size : 0; }
const char *cull_dtype_name(cull_dtype t)
{
    return (unsigned)t < CULL_DTYPES ? types[t].name : "?";
}

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

float cull__f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3FF, u;
    if (e == 31)
        u = sign | 0x7F800000u | m << 13;
    else if (e)
        u = sign | (e + 112) << 23 | m << 13;
    else {
        float f = (float)m * 0x1p-24f; /* subnormal or zero */
        u = sign | bits(f);
    }
    float f;
    memcpy(&f, &u, 4);
    return f;
}

uint16_t cull__f32_to_f16(float f)
{
    uint32_t u = bits(f), sign = u >> 16 & 0x8000, a = u & 0x7FFFFFFFu;
    if (a > 0x7F800000u) return (uint16_t)(sign | 0x7E00 | (a >> 13 & 0x3FF));
    if (a >= 0x477FF000u) return (uint16_t)(sign | 0x7C00); /* 65520 and more round to infinity */
    if (a >= 0x38800000u) {
        uint32_t r = a - 0x38000000u; /* rebias 127 -> 15 */
        return (uint16_t)(sign | (r + 0xFFF + (r >> 13 & 1)) >> 13);
    }
    uint32_t e = a >> 23, m = (a & 0x7FFFFFu) | 0x800000u;
    if (e < 102) return (uint16_t)sign;
    uint32_t shift = 126 - e, q = m >> shift, rest = m & ((1u << shift) - 1),
             half = 1u << (shift - 1);
    q += rest > half || (rest == half && (q & 1));
    return (uint16_t)(sign | q);
}

uint16_t cull__f32_to_bf16(float f)
{
    uint32_t u = bits(f);
    if ((u & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}
