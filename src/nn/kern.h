/* kern.h - inner loops of operations, compiled once for each instruction set.
 *
 * A file src/nn/kern_X.c defines one table, `const cull__X_kern CULL__TABLE(X) = {...}`, and users take
 * the one of their ctx: `const cull__X_kern *k = CULL__KERN(X, cx)`. Loops are plain C that the compiler
 * vectorises; sums run over explicit lanes in a fixed order. Pointers do not overlap unless said. */
#ifndef CULL__NN_KERN_H
#define CULL__NN_KERN_H
#include "base/base.h"

#define CULL__PASTE_(x, isa) cull__##x##_table_##isa
#define CULL__PASTE(x, isa) CULL__PASTE_(x, isa)
#define CULL__TABLE(x) CULL__PASTE(x, CULL_ISA)

#define CULL__DECLARE(x)                                                                           \
    extern const cull__##x##_kern cull__##x##_table_v2;                                            \
    extern const cull__##x##_kern cull__##x##_table_v3;                                            \
    extern const cull__##x##_kern cull__##x##_table_v4
#if defined(CULL_ISA_MAX) && CULL_ISA_MAX >= 4
#define CULL__KERN(x, cx)                                                                          \
    (cull__isa(cx) >= 4   ? &cull__##x##_table_v4                                                  \
     : cull__isa(cx) >= 3 ? &cull__##x##_table_v3                                                  \
                          : &cull__##x##_table_v2)
#elif defined(CULL_ISA_MAX) && CULL_ISA_MAX >= 3
#define CULL__KERN(x, cx) (cull__isa(cx) >= 3 ? &cull__##x##_table_v3 : &cull__##x##_table_v2)
#else
#define CULL__KERN(x, cx) ((void)(cx), &cull__##x##_table_v2)
#endif

/* ---- kern_elem.c: one number at a time, and rows ---- */
typedef struct {
    void (*relu)(float *y, const float *x, int64_t n);
    /* g = dy where y > 0, else 0; g may be dy. add: to what is in g */
    void (*relu_back)(float *g, const float *y, const float *dy, int64_t n, bool add);
    void (*add)(float *y, const float *x, int64_t n);                      /* y += x */
    void (*add_relu)(float *y, const float *a, const float *b, int64_t n); /* y = max(a + b, 0) */
    /* every row of y (rows, n) = b (n) */
    void (*fill_rows)(float *y, const float *b, int64_t rows, int64_t n);
    /* s (n) = sums over the rows of x, in order; add: to what is in s */
    void (*sum_rows)(float *s, const float *x, int64_t rows, int64_t n, bool add);
} cull__elem_kern;
CULL__DECLARE(elem);
#endif
