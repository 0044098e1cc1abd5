/* lanes.h - sums over 16 explicit lanes, for the kernel files: number i goes to lane i % 16, lanes are added
 * as a tree, so that every instruction set gives the same bits. */
#ifndef CULL__NN_LANES_H
#define CULL__NN_LANES_H
#include <stdint.h>
#include <string.h>

#if defined(CULL_ISA_LEVEL) && CULL_ISA_LEVEL >= 4
enum { CULL__W = 16 };
#elif defined(CULL_ISA_LEVEL) && CULL_ISA_LEVEL >= 3
enum { CULL__W = 8 };
#else
enum { CULL__W = 4 };
#endif
enum { CULL__VN = 16 / CULL__W, CULL__RUN = 4096 };
typedef float cull__vf __attribute__((vector_size(4 * CULL__W)));
typedef int32_t cull__vi __attribute__((vector_size(4 * CULL__W)));

/* Iterations depend on no other, though pointers may be equal. */
#if defined(__GNUC__) && !defined(__clang__)
#define CULL__EACH _Pragma("GCC ivdep")
#else
#define CULL__EACH
#endif

static inline float cull__tree(float *l)
{
    for (int w = 8; w; w /= 2)
        for (int i = 0; i < w; i++) l[i] += l[i + w];
    return l[0];
}

/* Up to CULL__RUN numbers; the tail goes to its lanes. Fewer than 16 are added one after another. */
static inline float cull__run_sum(const float *x, int64_t n)
{
    float few = 0;
    if (n < 16) {
        for (int64_t i = 0; i < n; i++) few += x[i];
        return few;
    }
    float l[16] = {0};
    int64_t i = 0;
    cull__vf s[CULL__VN], v;
    memset(s, 0, sizeof s);
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < CULL__VN; k++) {
            memcpy(&v, x + i + k * CULL__W, sizeof v);
            s[k] += v;
        }
    memcpy(l, s, sizeof s);
    for (int k = 0; i < n; i++, k++) l[k] += x[i];
    return cull__tree(l);
}

static inline float cull__run_dot(const float *x, const float *y, int64_t n)
{
    float few = 0;
    if (n < 16) {
        for (int64_t i = 0; i < n; i++) few += x[i] * y[i];
        return few;
    }
    float l[16] = {0};
    int64_t i = 0;
    cull__vf s[CULL__VN], v, w;
    memset(s, 0, sizeof s);
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < CULL__VN; k++) {
            memcpy(&v, x + i + k * CULL__W, sizeof v);
            memcpy(&w, y + i + k * CULL__W, sizeof w);
            s[k] += v * w;
        }
    memcpy(l, s, sizeof s);
    for (int k = 0; i < n; i++, k++) l[k] += x[i] * y[i];
    return cull__tree(l);
}

/* sum of (x - m)^2 */
static inline float cull__run_square(const float *x, float m, int64_t n)
{
    float few = 0;
    if (n < 16) {
        for (int64_t i = 0; i < n; i++) few += (x[i] - m) * (x[i] - m);
        return few;
    }
    float l[16] = {0};
    int64_t i = 0;
    cull__vf s[CULL__VN], v;
    memset(s, 0, sizeof s);
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < CULL__VN; k++) {
            memcpy(&v, x + i + k * CULL__W, sizeof v);
            v -= m;
            s[k] += v * v;
        }
    memcpy(l, s, sizeof s);
    for (int k = 0; i < n; i++, k++) l[k] += (x[i] - m) * (x[i] - m);
    return cull__tree(l);
}

/* Of any length: runs are added up in double. */
#define CULL__RUNS(call)                                                                           \
    double total = 0;                                                                              \
    for (int64_t at = 0; at < n; at += CULL__RUN) {                                                \
        int64_t m = n - at < CULL__RUN ? n - at : CULL__RUN;                                       \
        total += (double)(call);                                                                   \
    }                                                                                              \
    return total
static inline double cull__lane_sum(const float *x, int64_t n)
{
    CULL__RUNS(cull__run_sum(x + at, m));
}
static inline double cull__lane_dot(const float *x, const float *y, int64_t n)
{
    CULL__RUNS(cull__run_dot(x + at, y + at, m));
}
static inline double cull__lane_square(const float *x, float mean, int64_t n)
{
    CULL__RUNS(cull__run_square(x + at, mean, m));
}

static inline float cull__lane_max(const float *x, int64_t n)
{
    float top = x[0];
    int64_t i = 0;
    if (n >= 32) {
        cull__vf s, v;
        memcpy(&s, x, sizeof s);
        for (; i + CULL__W <= n; i += CULL__W) {
            memcpy(&v, x + i, sizeof v);
            cull__vi more = v > s;
            s = (cull__vf)((more & (cull__vi)v) | (~more & (cull__vi)s));
        }
        for (int k = 0; k < CULL__W; k++) top = s[k] > top ? s[k] : top;
    }
    for (; i < n; i++) top = x[i] > top ? x[i] : top;
    return top;
}
#endif
