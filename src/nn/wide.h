/* wide.h - a register of floats, for kernels (kern_X.c) whose lanes are channels.
 *
 * GCC's and clang's vectors, as wide as the instruction set that a file is compiled for, or, where it asks for that with
 * CULL_LANES_MOST, of 8 floats on AVX-512 too. A part is the first `w` lanes, for what is left of the channels; with a constant w = LANES it costs nothing. */
#ifndef CULL__NN_WIDE_H
#define CULL__NN_WIDE_H
#include <stdint.h>
#include <string.h>
#if defined(__FMA__)
#include <immintrin.h>
#endif

#if CULL_ISA_LEVEL >= 4 && defined(__AVX512F__) && !defined(CULL_LANES_MOST)
#define CULL_LANES_16
enum { LANES = 16 };
#elif CULL_ISA_LEVEL >= 3 && defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float vf __attribute__((vector_size(LANES * 4)));
#define CULL__INLINE static inline __attribute__((always_inline))

CULL__INLINE vf vf_set(float a)
{
#if defined(CULL_LANES_16)
    return (vf)_mm512_set1_ps(a);
#elif CULL_ISA_LEVEL >= 3 && defined(__AVX2__)
    return (vf)_mm256_set1_ps(a);
#else
    return (vf){a, a, a, a};
#endif
}
CULL__INLINE vf vf_load(const float *p, int w)
{
#if defined(CULL_LANES_16)
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << w) - 1), p);
#else
    vf v = {0};
    if (w == LANES)
        memcpy(&v, p, sizeof v);
    else
        for (int i = 0; i < w; i++) v[i] = p[i];
    return v;
#endif
}
CULL__INLINE void vf_store(float *p, vf v, int w)
{
#if defined(CULL_LANES_16)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << w) - 1), (__m512)v);
#else
    if (w == LANES)
        memcpy(p, &v, sizeof v);
    else
        for (int i = 0; i < w; i++) p[i] = v[i];
#endif
}
/* a b + c, rounded once where the instruction set can */
CULL__INLINE vf vf_fma(vf a, vf b, vf c)
{
#if defined(CULL_LANES_16)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif CULL_ISA_LEVEL >= 3 && defined(__FMA__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}
#endif
