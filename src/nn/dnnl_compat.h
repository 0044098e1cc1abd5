/* dnnl_compat.h - what prims.c calls of oneDNN, alike for its versions 2 and 3: in 2 a memory descriptor is a
 * struct of the caller's and a primitive descriptor is made from an operation descriptor; in 3 the former
 * is a handle to destroy and the latter are gone. */
#ifndef CULL__NN_DNNL_COMPAT_H
#define CULL__NN_DNNL_COMPAT_H
#if CULL_HAVE_DNNL
#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_version.h>
#include <stdbool.h>

typedef enum { CULL__FORWARD, CULL__BACK_DATA, CULL__BACK_WEIGHTS } cull__way;
typedef struct {
    dnnl_dims_t stride, dilation, before, after; /* dilation 0 = dense; padding */
} cull__window;

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t cull__layout; /* borrowed */
typedef struct {
    dnnl_memory_desc_t d;
} cull__md;

static inline cull__layout cull__md_of(const cull__md *m) { return m->d; }
static inline void cull__md_free(cull__md *m)
{
    if (m->d) dnnl_memory_desc_destroy(m->d);
    m->d = NULL;
}
/* f32; stride NULL = whatever the primitive likes best */
static inline bool cull__md_make(cull__md *m, int rank, const dnnl_dims_t dim,
                                 const dnnl_dims_t stride)
{
    return (stride ? dnnl_memory_desc_create_with_strides(&m->d, rank, dim, dnnl_f32, stride)
                   : dnnl_memory_desc_create_with_tag(&m->d, rank, dim, dnnl_f32,
                                                      dnnl_format_tag_any)) == dnnl_success;
}
static inline bool cull__post_sum(dnnl_post_ops_t p)
{
    return dnnl_post_ops_append_sum(p, 1, 0, dnnl_data_type_undef) == dnnl_success;
}
static inline bool cull__pd_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t e, cull__layout a,
                                   cull__layout b, cull__layout c, dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(pd, e, a, b, NULL, c, attr) == dnnl_success;
}
static inline bool cull__pd_conv(dnnl_primitive_desc_t *pd, dnnl_engine_t e, cull__way way,
                                 cull__layout x, cull__layout w, cull__layout bias, cull__layout y,
                                 const cull__window *k, dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t forward)
{
    const dnnl_alg_kind_t direct = dnnl_convolution_direct;
    dnnl_status_t s = dnnl_unimplemented;
    if (way == CULL__FORWARD)
        s = dnnl_convolution_forward_primitive_desc_create(pd, e, dnnl_forward_training, direct, x,
                                                           w, bias, y, k->stride, k->dilation,
                                                           k->before, k->after, attr);
    else if (way == CULL__BACK_DATA)
        s = dnnl_convolution_backward_data_primitive_desc_create(
            pd, e, direct, x, w, y, k->stride, k->dilation, k->before, k->after, forward, attr);
    else
        s = dnnl_convolution_backward_weights_primitive_desc_create(
            pd, e, direct, x, w, NULL, y, k->stride, k->dilation, k->before, k->after, forward,
            attr);
    return s == dnnl_success;
}
static inline bool cull__same_layout(cull__layout a, cull__layout b)
{
    return dnnl_memory_desc_equal(a, b);
}
#else
typedef const dnnl_memory_desc_t *cull__layout;
typedef struct {
    dnnl_memory_desc_t d;
} cull__md;

static inline cull__layout cull__md_of(const cull__md *m) { return m->d.ndims ? &m->d : NULL; }
static inline void cull__md_free(cull__md *m) { m->d.ndims = 0; }
static inline bool cull__md_make(cull__md *m, int rank, const dnnl_dims_t dim,
                                 const dnnl_dims_t stride)
{
    return (stride ? dnnl_memory_desc_init_by_strides(&m->d, rank, dim, dnnl_f32, stride)
                   : dnnl_memory_desc_init_by_tag(&m->d, rank, dim, dnnl_f32,
                                                  dnnl_format_tag_any)) == dnnl_success;
}
static inline bool cull__post_sum(dnnl_post_ops_t p)
{
    return dnnl_post_ops_append_sum(p, 1) == dnnl_success;
}
static inline bool cull__pd_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t e, cull__layout a,
                                   cull__layout b, cull__layout c, dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t d;
    return dnnl_matmul_desc_init(&d, a, b, NULL, c) == dnnl_success &&
           dnnl_primitive_desc_create(pd, &d, attr, e, NULL) == dnnl_success;
}
static inline bool cull__pd_conv(dnnl_primitive_desc_t *pd, dnnl_engine_t e, cull__way way,
                                 cull__layout x, cull__layout w, cull__layout bias, cull__layout y,
                                 const cull__window *k, dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t forward)
{
    const dnnl_alg_kind_t direct = dnnl_convolution_direct;
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_unimplemented;
    if (way == CULL__FORWARD)
        s = dnnl_dilated_convolution_forward_desc_init(&d, dnnl_forward_training, direct, x, w,
                                                       bias, y, k->stride, k->dilation, k->before,
                                                       k->after);
    else if (way == CULL__BACK_DATA)
        s = dnnl_dilated_convolution_backward_data_desc_init(&d, direct, x, w, y, k->stride,
                                                             k->dilation, k->before, k->after);
    else
        s = dnnl_dilated_convolution_backward_weights_desc_init(
            &d, direct, x, w, NULL, y, k->stride, k->dilation, k->before, k->after);
    return s == dnnl_success &&
           dnnl_primitive_desc_create(pd, &d, attr, e, forward) == dnnl_success;
}
static inline bool cull__same_layout(cull__layout a, cull__layout b)
{
    return dnnl_memory_desc_equal(a, b);
}
#endif

static inline cull__layout cull__pd_layout(dnnl_primitive_desc_t pd, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(pd, what, 0);
}
#endif
#endif
