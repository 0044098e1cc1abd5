/* blend.c - which loops of merges a ctx uses. */
#include "num/blend.h"

extern const cull__blend cull__blend_v2;
#if CULL_ISA_MAX >= 3
extern const cull__blend cull__blend_v3;
#endif
#if CULL_ISA_MAX >= 4
extern const cull__blend cull__blend_v4;
#endif

const cull__blend *cull__blend_of(const cull_ctx *cx)
{
#if CULL_ISA_MAX >= 4
    if (cull__isa(cx) >= 4) return &cull__blend_v4;
#endif
#if CULL_ISA_MAX >= 3
    if (cull__isa(cx) >= 3) return &cull__blend_v3;
#endif
    (void)cx;
    return &cull__blend_v2;
}
