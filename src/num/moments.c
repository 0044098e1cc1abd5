/* moments.c - which instruction set's loops of kern_moments.c a ctx uses. */
#include "num/moments.h"

extern const cull__moments_kern cull__moments_v2;
#if CULL_ISA_MAX >= 3
extern const cull__moments_kern cull__moments_v3;
#endif
#if CULL_ISA_MAX >= 4
extern const cull__moments_kern cull__moments_v4;
#endif

const cull__moments_kern *cull__moments_of(const cull_ctx *cx)
{
#if CULL_ISA_MAX >= 4
    if (cull__isa(cx) >= 4) return &cull__moments_v4;
#endif
#if CULL_ISA_MAX >= 3
    if (cull__isa(cx) >= 3) return &cull__moments_v3;
#endif
    (void)cx;
    return &cull__moments_v2;
}
