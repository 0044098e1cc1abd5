/* kernels.c - which of the compiled instruction sets' loops a ctx uses. */
#include "num/num.h"

extern const cull__kern cull__kern_v2;
#if CULL_ISA_MAX >= 3
extern const cull__kern cull__kern_v3;
#endif
#if CULL_ISA_MAX >= 4
extern const cull__kern cull__kern_v4;
#endif

const cull__kern *cull__kernels(const cull_ctx *cx)
{
#if CULL_ISA_MAX >= 4
    if (cull__isa(cx) >= 4) return &cull__kern_v4;
#endif
#if CULL_ISA_MAX >= 3
    if (cull__isa(cx) >= 3) return &cull__kern_v3;
#endif
    (void)cx;
    return &cull__kern_v2;
}
