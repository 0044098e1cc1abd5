/* cases_reduce.c - sums, means and largest numbers over dimensions. */
#include "cases.h"

/* p[0]: the dimensions, p[1]: keep */
#define OVER(name)                                                                                 \
    static cull_var *name##_of(cull_tape *t, const nn_case *c, cull_var *const *x)                 \
    {                                                                                              \
        return cull_nn_##name(t, x[0], (unsigned)c->p[0], c->p[1] != 0);                           \
    }
OVER(amax)
OVER(mean)
OVER(sum)

enum { MEAN, SUM, AMAX };
/* Coordinates of each number, without those of the dimensions summed over. */
static void over(const nn_case *c, const double *x, double *y, int what)
{
    const int rank = c->rank[0];
    const unsigned dims = c->p[0] ? (unsigned)c->p[0] : (1u << rank) - 1;
    const int64_t n = count_of(c, 0);
    int64_t outs = 1, seen[64] = {0};
    for (int d = 0; d < rank; d++) outs *= dims >> d & 1 ? 1 : c->dim[0][d];
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, o = 0, step = 1;
        for (int d = rank - 1; d >= 0; rest /= c->dim[0][d--]) {
            if (dims >> d & 1) continue;
            o += rest % c->dim[0][d] * step;
            step *= c->dim[0][d];
        }
        if (what == AMAX)
            y[o] = seen[o]++ ? fmax(y[o], x[i]) : x[i];
        else
            y[o] += what == MEAN ? x[i] * (double)outs / (double)n : x[i];
    }
}
static void amax_ref(const nn_case *c, const double *const *x, double *y)
{
    over(c, x[0], y, AMAX);
}
static void mean_ref(const nn_case *c, const double *const *x, double *y)
{
    over(c, x[0], y, MEAN);
}
static void sum_ref(const nn_case *c, const double *const *x, double *y) { over(c, x[0], y, SUM); }

#define ONE(name, what, dims, keep, r, ...)                                                        \
    {                                                                                              \
#name, what, 1,                                                                            \
            {r }, {{__VA_ARGS__ } }, .p = {dims, keep }, .build = name##_of, .ref = name##_ref     \
    }
#define EACH(name)                                                                                 \
    ONE(name, "all", 0, 0, 3, 3, 7, 5), ONE(name, "last", 4, 0, 3, 3, 2, 33),                      \
        ONE(name, "last, kept", 4, 1, 3, 3, 2, 5), ONE(name, "first", 1, 0, 2, 21, 19),            \
        ONE(name, "middle", 2, 0, 3, 3, 7, 5), ONE(name, "outer two", 5, 1, 3, 3, 7, 5),           \
        ONE(name, "of images", 6, 0, 4, 2, 3, 4, 5),                                               \
        ONE(name, "first and third", 5, 0, 4, 2, 3, 4, 5),                                         \
        ONE(name, "second and last", 10, 0, 4, 2, 3, 4, 5), ONE(name, "a number", 0, 0, 0, 0),     \
        ONE(name, "sizes of 1", 9, 1, 4, 2, 1, 4, 1)

const nn_case cases_reduce[] = {EACH(amax), EACH(mean), EACH(sum), {NULL}};
