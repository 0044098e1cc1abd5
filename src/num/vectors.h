/* vectors.h - a register of floats or doubles, for kernel files that are compiled once for each instruction set: the
 * widest of CULL_ISA_LEVEL. This is what compilers need to see; on other machines a "register" is one number and loops
 * stay as they are. */
#ifndef CULL__NUM_VECTORS_H
#define CULL__NUM_VECTORS_H
#include <stdint.h>
#include <string.h>

#if CULL_ISA_LEVEL >= 4 && defined(__AVX512F__)
#include <immintrin.h>
enum { W = 16, VN = 1, VM = 2 }; /* floats in a register; registers for 16 floats, 16 doubles */
typedef __m512 vf;
typedef __m512d vd;
static inline vf vf_set(float a) { return _mm512_set1_ps(a); }
static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline unsigned vf_above(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline vf vf_pick(vf a, vf b, vf x, vf y) /* a > b ? x : y */
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
}
static inline vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf vf_raise(vf a) /* the bits moved up into the exponent */
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a), 23));
}
static inline vd vd_set(double a) { return _mm512_set1_pd(a); }
static inline vd vd_widen(const float *p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
static inline vd vd_load(const double *p) { return _mm512_loadu_pd(p); }
static inline void vd_store(double *p, vd a) { _mm512_storeu_pd(p, a); }
static inline vd vd_add(vd a, vd b) { return _mm512_add_pd(a, b); }
static inline vd vd_sub(vd a, vd b) { return _mm512_sub_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm512_mul_pd(a, b); }
#elif CULL_ISA_LEVEL >= 3 && defined(__AVX2__)
#include <immintrin.h>
enum { W = 8, VN = 2, VM = 4 };
typedef __m256 vf;
typedef __m256d vd;
static inline vf vf_set(float a) { return _mm256_set1_ps(a); }
static inline vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
static inline vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline unsigned vf_above(vf a, vf b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
static inline vf vf_pick(vf a, vf b, vf x, vf y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
static inline vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf vf_raise(vf a)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a), 23));
}
static inline vd vd_set(double a) { return _mm256_set1_pd(a); }
static inline vd vd_widen(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
static inline vd vd_load(const double *p) { return _mm256_loadu_pd(p); }
static inline void vd_store(double *p, vd a) { _mm256_storeu_pd(p, a); }
static inline vd vd_add(vd a, vd b) { return _mm256_add_pd(a, b); }
static inline vd vd_sub(vd a, vd b) { return _mm256_sub_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm256_mul_pd(a, b); }
#elif defined(__SSE2__)
#include <emmintrin.h>
enum { W = 4, VN = 4, VM = 8 };
typedef __m128 vf;
typedef __m128d vd;
static inline vf vf_set(float a) { return _mm_set1_ps(a); }
static inline vf vf_load(const float *p) { return _mm_loadu_ps(p); }
static inline void vf_store(float *p, vf a) { _mm_storeu_ps(p, a); }
static inline vf vf_add(vf a, vf b) { return _mm_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm_div_ps(a, b); }
static inline vf vf_max(vf a, vf b) { return _mm_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm_min_ps(a, b); }
static inline unsigned vf_above(vf a, vf b)
{
    return (unsigned)_mm_movemask_ps(_mm_cmpgt_ps(a, b));
}
static inline vf vf_pick(vf a, vf b, vf x, vf y)
{
    vf m = _mm_cmpgt_ps(a, b);
    return _mm_or_ps(_mm_and_ps(m, x), _mm_andnot_ps(m, y));
}
static inline vf vf_sqrt(vf a) { return _mm_sqrt_ps(a); }
static inline vf vf_raise(vf a)
{
    return _mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(a), 23));
}
static inline vd vd_set(double a) { return _mm_set1_pd(a); }
static inline vd vd_widen(const float *p)
{
    return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}
static inline vd vd_load(const double *p) { return _mm_loadu_pd(p); }
static inline void vd_store(double *p, vd a) { _mm_storeu_pd(p, a); }
static inline vd vd_add(vd a, vd b) { return _mm_add_pd(a, b); }
static inline vd vd_sub(vd a, vd b) { return _mm_sub_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm_mul_pd(a, b); }
#else
enum { W = 1, VN = 16, VM = 16 };
typedef float vf;
typedef double vd;
static inline vf vf_set(float a) { return a; }
static inline vf vf_load(const float *p) { return *p; }
static inline void vf_store(float *p, vf a) { *p = a; }
static inline vf vf_add(vf a, vf b) { return a + b; }
static inline vf vf_sub(vf a, vf b) { return a - b; }
static inline vf vf_mul(vf a, vf b) { return a * b; }
static inline vf vf_div(vf a, vf b) { return a / b; }
static inline vf vf_max(vf a, vf b) { return a > b ? a : b; }
static inline vf vf_min(vf a, vf b) { return a < b ? a : b; }
static inline unsigned vf_above(vf a, vf b) { return a > b; }
static inline vf vf_pick(vf a, vf b, vf x, vf y) { return a > b ? x : y; }
static inline vf vf_sqrt(vf a) { return __builtin_sqrtf(a); }
static inline vf vf_raise(vf a)
{
    uint32_t u;
    memcpy(&u, &a, 4);
    u <<= 23;
    memcpy(&a, &u, 4);
    return a;
}
static inline vd vd_set(double a) { return a; }
static inline vd vd_widen(const float *p) { return *p; }
static inline vd vd_load(const double *p) { return *p; }
static inline void vd_store(double *p, vd a) { *p = a; }
static inline vd vd_add(vd a, vd b) { return a + b; }
static inline vd vd_sub(vd a, vd b) { return a - b; }
static inline vd vd_mul(vd a, vd b) { return a * b; }
#endif
enum { D = 16 / VM }; /* doubles in a register */

/* n <= W numbers; the rest of the register is 0 */
static inline vf vf_some(const float *p, int64_t n)
{
    float x[W] = {0};
    if (n == W) return vf_load(p);
    memcpy(x, p, (size_t)n * sizeof *x);
    return vf_load(x);
}
static inline void vf_store_some(float *p, vf a, int64_t n)
{
    float x[W];
    vf_store(x, a);
    memcpy(p, x, (size_t)n * sizeof *x);
}
#endif
