/* cast.h - numbers of checkpoints to f32 and back, to nearest even, the same bits on every instruction set. */
#ifndef CULL__CAST_H
#define CULL__CAST_H
#include "base/forms.h"

/* A form is a cull_dtype or CULL__F8_... */
size_t cull__form_size(int form);
/* n numbers at any address. F64 and integers are rounded, all else is exact; NaN stays NaN. */
void cull__widen(const cull_ctx *cx, int form, const void *from, int64_t n, float *out);
/* To F64, F32, F16, BF16, F8_E4M3 or F8_E5M2 at any address. Which number is the first that the form has
 * no place for: finite and past its largest, or an infinity where it has none; -1: none is. NaN stays NaN. */
int64_t cull__narrow(const cull_ctx *cx, int form, const float *x, int64_t n, void *out);
/* The largest finite number of such a form. */
double cull__form_most(int form);

/* kern_cast.c: blocks of one form, halves at any address. to_*: whether any number had no place. */
typedef struct {
    void (*from_f16)(const void *from, int64_t n, float *out);
    void (*from_bf16)(const void *from, int64_t n, float *out);
    void (*from_e4m3)(const uint8_t *from, int64_t n, float *out);
    void (*from_e5m2)(const uint8_t *from, int64_t n, float *out);
    bool (*to_f16)(const float *x, int64_t n, void *out);
    bool (*to_bf16)(const float *x, int64_t n, void *out);
    bool (*to_e4m3)(const float *x, int64_t n, void *out);
    bool (*to_e5m2)(const float *x, int64_t n, void *out);
} cull__cast_kern;
#endif
