/* cases_binary.c - functions of two numbers, and how shapes are broadcast. */
#include "cases.h"

/* Where number i of the result comes from in input k: by coordinates, from the last dimension on. */
static int64_t source(const nn_case *c, int k, int rank, const int64_t *dim, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = 1; d <= rank; d++) {
        int64_t here = i % dim[rank - d];
        i /= dim[rank - d];
        if (d > c->rank[k]) continue;
        int64_t own = c->dim[k][c->rank[k] - d];
        if (own > 1) at += here * step;
        step *= own;
    }
    return at;
}

static int64_t result(const nn_case *c, int *rank, int64_t *dim)
{
    int64_t n = 1;
    *rank = c->rank[0] > c->rank[1] ? c->rank[0] : c->rank[1];
    for (int d = 1; d <= *rank; d++) {
        int64_t p = d <= c->rank[0] ? c->dim[0][c->rank[0] - d] : 1;
        int64_t q = d <= c->rank[1] ? c->dim[1][c->rank[1] - d] : 1;
        n *= dim[*rank - d] = p > q ? p : q;
    }
    return n;
}

#define BINARY(name, value)                                                                        \
    static cull_var *name##_of(cull_tape *t, const nn_case *c, cull_var *const *x)                 \
    {                                                                                              \
        (void)c;                                                                                   \
        return cull_nn_##name(t, x[0], x[1]);                                                      \
    }                                                                                              \
    static void name##_ref(const nn_case *c, const double *const *x, double *y)                    \
    {                                                                                              \
        int rank;                                                                                  \
        int64_t dim[CULL_RANK], n = result(c, &rank, dim);                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const double p = x[0][source(c, 0, rank, dim, i)];                                     \
            const double q = x[1][source(c, 1, rank, dim, i)];                                     \
            y[i] = (value);                                                                        \
        }                                                                                          \
    }
BINARY(add, p + q)
BINARY(div, p / q)
BINARY(max, fmax(p, q))
BINARY(min, fmin(p, q))
BINARY(mul, p *q)
BINARY(sub, p - q)

/* second operands are positive: div may divide by them, and half of the firsts lie on either side */
#define ONE(name, what, r0, r1, ...)                                                               \
    {                                                                                              \
#name, what, 2,                                                                            \
            {r0, r1 }, {__VA_ARGS__ }, {-2, .5 }, {2, 1.5 }, .build = name##_of, .ref = name##_ref \
    }
#define D(...)                                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define EACH(name)                                                                                 \
    ONE(name, "same shape", 2, 2, D(5, 9), D(5, 9)),                                               \
        ONE(name, "a number", 3, 0, D(3, 2, 9), D(0)),                                             \
        ONE(name, "a number first", 0, 2, D(0), D(5, 9)),                                          \
        ONE(name, "last dimension", 3, 1, D(3, 2, 9), D(9)),                                       \
        ONE(name, "a column", 2, 2, D(7, 17), D(7, 1)),                                            \
        ONE(name, "a column by a row", 2, 1, D(7, 1), D(5)),                                       \
        ONE(name, "one, then many, in turns", 4, 4, D(3, 1, 2, 1), D(1, 4, 2, 5)),                 \
        ONE(name, "between", 4, 3, D(2, 3, 4, 5), D(3, 1, 5)),                                     \
        ONE(name, "channels' gates", 4, 4, D(2, 3, 3, 4), D(2, 1, 1, 4))

const nn_case cases_binary[] = {
    EACH(add), EACH(div), EACH(max), EACH(min), EACH(mul), EACH(sub), {NULL},
};
