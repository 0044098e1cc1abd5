/* cast.c - numbers of checkpoints to f32 and back: which loop, blocks, and the number that has no place. */
#include "num/cast.h"

#include <math.h>
#include <string.h>

#include "cull/pool.h"

enum { BLOCK = 1024 };

extern const cull__cast_kern cull__cast_v2;
#if CULL_ISA_MAX >= 3
extern const cull__cast_kern cull__cast_v3;
#endif
#if CULL_ISA_MAX >= 4
extern const cull__cast_kern cull__cast_v4;
#endif

static const cull__cast_kern *kernels(const cull_ctx *cx)
{
#if CULL_ISA_MAX >= 4
    if (cull__isa(cx) >= 4) return &cull__cast_v4;
#endif
#if CULL_ISA_MAX >= 3
    if (cull__isa(cx) >= 3) return &cull__cast_v3;
#endif
    (void)cx;
    return &cull__cast_v2;
}

size_t cull__form_size(int form)
{
    return form < CULL_DTYPES ? cull_dtype_size((cull_dtype)form) : 1;
}

double cull__form_most(int form)
{
    return form == CULL_F16        ? 65504
           : form == CULL_BF16     ? 0x1.FEp127
           : form == CULL__F8_E4M3 ? 448
           : form == CULL__F8_E5M2 ? 57344
           : form == CULL_F32      ? 0x1.FFFFFEp127
                                   : 0x1.FFFFFFFFFFFFFp1023;
}

void cull__widen(const cull_ctx *cx, int form, const void *from, int64_t n, float *out)
{
    if (n <= 0) return;
    if (form == CULL__F8_E4M3) return kernels(cx)->from_e4m3(from, n, out);
    if (form == CULL__F8_E5M2) return kernels(cx)->from_e5m2(from, n, out);
    if (form == CULL_F16) return kernels(cx)->from_f16(from, n, out);
    if (form == CULL_BF16) return kernels(cx)->from_bf16(from, n, out);
    if (form == CULL_F32) {
        memcpy(out, from, (size_t)n * sizeof *out);
        return;
    }
    cull_array a = {.dtype = (cull_dtype)form, .ndim = 1, .shape = {n}, .at = from};
    cull_array_f32(&a, 0, n, out);
}

static bool narrow(const cull__cast_kern *k, int form, const float *x, int64_t n, void *out)
{
    if (form == CULL_F16) return k->to_f16(x, n, out);
    if (form == CULL_BF16) return k->to_bf16(x, n, out);
    if (form == CULL__F8_E4M3) return k->to_e4m3(x, n, out);
    if (form == CULL__F8_E5M2) return k->to_e5m2(x, n, out);
    if (form == CULL_F32) {
        memcpy(out, x, (size_t)n * sizeof *x);
    } else {
        double *d = out;
        for (int64_t i = 0; i < n; i++) d[i] = (double)x[i];
    }
    return false;
}

/* No place = what is no NaN became one, or became infinite. */
static bool fits(const cull_ctx *cx, int form, float f)
{
    double one[1];
    float back;
    narrow(kernels(cx), form, &f, 1, one);
    cull__widen(cx, form, one, 1, &back);
    return isnan(f) || isfinite(back) || (isinf(f) && isinf(back));
}

int64_t cull__narrow(const cull_ctx *cx, int form, const float *x, int64_t n, void *out)
{
    const cull__cast_kern *k = kernels(cx);
    size_t size = cull__form_size(form);
    double some[BLOCK]; /* aligned for every form */
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t m = n - i < BLOCK ? n - i : BLOCK;
        if (narrow(k, form, x + i, m, some))
            for (int64_t j = i; j < i + m; j++)
                if (!fits(cx, form, x[j])) return j;
        memcpy((char *)out + (size_t)i * size, some, (size_t)m * size);
    }
    return -1;
}
