/* cases.h - how operations are checked: each against a naive double reference of its value, and its
 * gradients against finite differences of that reference. A file tests/nn/cases_X.c holds the cases of one
 * family in `cases_X`, ended by a case without a name, and is named in LISTS. */
#ifndef CULL_NN_CASES_H
#define CULL_NN_CASES_H
#include "cull/nn_decoder.h"
#include "cull/nn_image.h"
#include "cull/nn_ops.h"
#include "test.h"

#define LISTS(X)                                                                                   \
    X(attention)                                                                                   \
    X(binary)                                                                                      \
    X(elem)                                                                                        \
    X(fields)                                                                                      \
    X(image)                                                                                       \
    X(index)                                                                                       \
    X(loss)                                                                                        \
    X(product)                                                                                     \
    X(random)                                                                                      \
    X(reduce)                                                                                      \
    X(shape)                                                                                       \
    X(softmax)                                                                                     \
    X(unary)

enum { MOST = 6 }; /* inputs */
typedef struct nn_case nn_case;
struct nn_case {
    const char *op;  /* the record's name */
    const char *say; /* what is special: "odd sizes, no bias" */
    int ins;
    int rank[MOST];
    int64_t dim[MOST][CULL_RANK];
    double lo[MOST], hi[MOST]; /* numbers are uniform on it; both 0 = -1 .. 1 */
    bool fixed[MOST];          /* no gradient is asked for */
    double p[4];               /* whatever build and ref want */
    cull_var *(*build)(cull_tape *t, const nn_case *c, cull_var *const *x);
    /* y, of as many numbers as build's; x: the inputs' numbers */
    void (*ref)(const nn_case *c, const double *const *x, double *y);
    /* whose differences the gradient is, where it passes straight through; NULL = ref's */
    void (*soft)(const nn_case *c, const double *const *x, double *y);
    bool random;                /* draws anew when it is built again */
    double value_tol, grad_tol; /* relative to the largest number; 0 = 1e-5, 2e-5 */
    unsigned mode;              /* besides CULL_TAPE_GRAD */
    double kink; /* numbers within it of 0 are moved away: where the derivative jumps; 0 = none */
};
#define X(name) extern const nn_case cases_##name[];
LISTS(X)
#undef X
static inline int64_t count_of(const nn_case *c, int i)
{
    int64_t n = 1;
    for (int k = 0; k < c->rank[i]; k++) n *= c->dim[i][k];
    return n;
}
#endif
