/* convert.c - elements of an array as f32 or f64, from any address. Loops are plain, so that the
 * compiler makes vectors of them; the halves need no table and no branch. */
#include "io/io.h"

#include <string.h>

#define LOAD(T, name)                                                                              \
    static inline T name(const unsigned char *p, int64_t i)                                        \
    {                                                                                              \
        T v;                                                                                       \
        memcpy(&v, p + i * (int64_t)sizeof v, sizeof v);                                           \
        return v;                                                                                  \
    }
LOAD(float, f32_at)
LOAD(double, f64_at)
LOAD(int8_t, i8_at)
LOAD(uint8_t, u8_at)
LOAD(int16_t, i16_at)
LOAD(uint16_t, u16_at)
LOAD(int32_t, i32_at)
LOAD(uint32_t, u32_at)
LOAD(int64_t, i64_at)
LOAD(uint64_t, u64_at)

static inline float bool_at(const unsigned char *p, int64_t i) { return p[i] != 0; }

static inline float bf16_at(const unsigned char *p, int64_t i)
{
    return cull__bf16_to_f32(u16_at(p, i));
}

/* A normal half needs its exponent rebased from 15 to 127, infinity and nan twice as much; a subnormal
 * is its mantissa times 2^-24. Masks choose, and no subnormal float occurs on the way, so that a host
 * that flushes those to zero sees the same numbers. */
static inline float f16_at(const unsigned char *p, int64_t i)
{
    uint32_t h = u16_at(p, i), sign = (h & 0x8000) << 16, a = h & 0x7FFF, small, bits;
    float tiny = (float)(int32_t)a * 0x1p-24f, f;
    uint32_t full = 0u - (uint32_t)((int32_t)a > 0x7BFF),
             normal = 0u - (uint32_t)((int32_t)a > 0x3FF);
    memcpy(&small, &tiny, 4);
    bits = (a << 13) + 0x38000000u + (full & 0x38000000u);
    bits = (bits & normal) | (small & ~normal) | sign;
    memcpy(&f, &bits, 4);
    return f;
}

#define EACH(get)                                                                                  \
    for (int64_t i = 0; i < n; i++) out[i] = (OUT)get(p, i);                                       \
    break
#define CASES                                                                                      \
    switch (a->dtype) {                                                                            \
    case CULL_F32: EACH(f32_at);                                                                   \
    case CULL_F16: EACH(f16_at);                                                                   \
    case CULL_BF16: EACH(bf16_at);                                                                 \
    case CULL_F64: EACH(f64_at);                                                                   \
    case CULL_I8: EACH(i8_at);                                                                     \
    case CULL_U8: EACH(u8_at);                                                                     \
    case CULL_I16: EACH(i16_at);                                                                   \
    case CULL_U16: EACH(u16_at);                                                                   \
    case CULL_I32: EACH(i32_at);                                                                   \
    case CULL_U32: EACH(u32_at);                                                                   \
    case CULL_I64: EACH(i64_at);                                                                   \
    case CULL_U64: EACH(u64_at);                                                                   \
    case CULL_BOOL: EACH(bool_at);                                                                 \
    case CULL_DTYPES: break;                                                                       \
    }

static const unsigned char *element(const cull_array *a, int64_t i)
{
    return (const unsigned char *)a->at + i * (int64_t)cull_dtype_size(a->dtype);
}

#define OUT float
void cull_array_f32(const cull_array *a, int64_t lo, int64_t n, float *restrict out)
{
    if (n <= 0) return;
    const unsigned char *restrict p = element(a, lo);
    CASES
}
#undef OUT
#define OUT double
void cull_array_f64(const cull_array *a, int64_t lo, int64_t n, double *restrict out)
{
    if (n <= 0) return;
    const unsigned char *restrict p = element(a, lo);
    CASES
}
