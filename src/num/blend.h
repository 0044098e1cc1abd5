/* blend.h - loops over blocks of several models' numbers, of which merges are made. The same bits on every instruction set. */
#ifndef CULL__BLEND_H
#define CULL__BLEND_H
#include "base/base.h"

enum { CULL__SIFT = 16 };

/* n numbers each; nothing overlaps. */
typedef struct {
    bool (*nan)(const float *x, int64_t n);                      /* whether any is */
    void (*fma)(float *sum, const float *x, float w, int64_t n); /* sum + w x, rounded once */
    void (*add)(float *sum, const float *x, int64_t n);          /* sum + x */
    void (*subtract)(float *x, const float *y, int64_t n);       /* x - y */
    void (*scale)(float *x, float w, int64_t n);                 /* x w */
    void (*divide)(float *x, float w, int64_t n);                /* x / w */
    void (*keep)(float *x, const uint8_t *keep, int64_t n);      /* 0 of x's sign where keep is 0 */
    void (*above)(float *x, uint32_t key, int64_t n); /* the same where |x|'s bits are below key */
    void (*below)(float *x, uint32_t key, int64_t n); /* and where they are above it */
    void (*draw)(float *x, const uint32_t *u, uint32_t limit,
                 int64_t n); /* and where u is not below the limit */
    /* Of the models' x, stride apart, what has the sign of their sum (+ where that is 0) added up, and divided by the sum of those
     * models' w where that is not 0 */
    void (*elect)(float *sum, const float *x, int64_t stride, const float *w, int models,
                  bool normalize, int64_t n);
    void (*mix)(float *x, double a, const float *y, double b,
                int64_t n); /* a x + b y in f64, rounded to f32 once */
    /* Of the bits of |x|: how many are above hi, and those from lo to hi, in order, into some, which has room for
     * CULL__SIFT more than n; returns how many these are. hi <= INT32_MAX. */
    int32_t (*sift)(const float *x, uint32_t lo, uint32_t hi, int64_t n, int32_t *above,
                    uint32_t *some);
} cull__blend;
const cull__blend *cull__blend_of(const cull_ctx *cx);
#endif
