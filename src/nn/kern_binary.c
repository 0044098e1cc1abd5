/* kern_binary.c - functions of two numbers, one of which may stand still along a row; see dense.h. */
#include "nn/dense.h"
#include "nn/lanes.h"

/* The loop over a row, once for each way that the operands move. */
#define ROW(statement)                                                                             \
    if (a.one && b.one) {                                                                          \
        CULL__EACH for (int64_t i = 0; i < n; i++)                                                 \
        {                                                                                          \
            const float p = a.v[i], q = b.v[i];                                                    \
            (void)p, (void)q;                                                                      \
            statement;                                                                             \
        }                                                                                          \
    } else if (a.one) {                                                                            \
        const float q = *b.v;                                                                      \
        (void)q;                                                                                   \
        CULL__EACH for (int64_t i = 0; i < n; i++)                                                 \
        {                                                                                          \
            const float p = a.v[i];                                                                \
            (void)p;                                                                               \
            statement;                                                                             \
        }                                                                                          \
    } else if (b.one) {                                                                            \
        const float p = *a.v;                                                                      \
        (void)p;                                                                                   \
        CULL__EACH for (int64_t i = 0; i < n; i++)                                                 \
        {                                                                                          \
            const float q = b.v[i];                                                                \
            (void)q;                                                                               \
            statement;                                                                             \
        }                                                                                          \
    } else {                                                                                       \
        const float p = *a.v, q = *b.v;                                                            \
        (void)p, (void)q;                                                                          \
        CULL__EACH for (int64_t i = 0; i < n; i++) { statement; }                                  \
    }

#define BACK(name, side, slope)                                                                    \
    static void name##_##side(float *g, const float *dy, cull__side a, cull__side b, int64_t rows, \
                              int64_t n, bool add)                                                 \
    {                                                                                              \
        for (int64_t r = 0; r < rows; r++, g += n, dy += n, a.v += a.row, b.v += b.row) {          \
            if (add) {                                                                             \
                ROW(g[i] += dy[i] * (slope))                                                       \
            } else {                                                                               \
                ROW(g[i] = dy[i] * (slope))                                                        \
            }                                                                                      \
        }                                                                                          \
    }

#define BINARY(name, value, slope_a, slope_b)                                                      \
    static void name##_to(float *y, cull__side a, cull__side b, int64_t rows, int64_t n)           \
    {                                                                                              \
        for (int64_t r = 0; r < rows; r++, y += n, a.v += a.row, b.v += b.row) {                   \
            ROW(y[i] = (value))                                                                    \
        }                                                                                          \
    }                                                                                              \
    BACK(name, a, slope_a)                                                                         \
    BACK(name, b, slope_b)

BINARY(add, p + q, 1.f, 1.f)
BINARY(div, p / q, 1 / q, -p / (q * q))
BINARY(max, p < q ? q : p, p < q ? 0.f : 1.f, p < q ? 1.f : 0.f)
BINARY(min, p > q ? q : p, p > q ? 0.f : 1.f, p > q ? 1.f : 0.f)
BINARY(mul, p *q, q, p)
BINARY(sub, p - q, 1.f, -1.f)

const cull__binary_kern CULL__TABLE(binary) = {
    .forward =
        {
#define X(name) name##_to,
            CULL__BINARY(X)
#undef X
        },
    .backward =
        {
#define X(name) {name##_a, name##_b},
            CULL__BINARY(X)
#undef X
        },
};
