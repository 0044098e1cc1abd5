/* op_binary.c - functions of two numbers, of shapes that are broadcast. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

typedef struct {
    int which; /* of the kernels */
} binary;

/* How both operands lie under the result: two outer dimensions, and blocks of (rows, n) for the kernels. */
typedef struct {
    int64_t d[CULL_RANK], a[CULL_RANK], b[CULL_RANK];
} walk;

/* Dimensions that both walk through as one are joined, at the back. */
static walk walk_of(const cull_var *y)
{
    walk w = {.d = {1, 1, 1, 1}};
    int64_t sa[CULL_RANK], sb[CULL_RANK];
    int at = CULL_RANK;
    cull__broadcast_strides(y->in[0], y->rank, sa);
    cull__broadcast_strides(y->in[1], y->rank, sb);
    for (int i = y->rank - 1; i >= 0; i--) {
        if (y->dim[i] == 1) continue;
        if (at < CULL_RANK && sa[i] == w.a[at] * w.d[at] && sb[i] == w.b[at] * w.d[at]) {
            w.d[at] *= y->dim[i];
            continue;
        }
        at--;
        w.d[at] = y->dim[i], w.a[at] = sa[i], w.b[at] = sb[i];
    }
    return w;
}

static cull__side side(const float *v, const int64_t *s, int64_t i, int64_t j)
{
    return (cull__side){v + i * s[0] + j * s[1], s[2], s[3]};
}

static cull_status shape(cull_tape *t, cull_var *y)
{
    char a[96], b[96];
    if (cull__broadcast(y->in[0], y->in[1], &y->rank, y->dim)) return CULL_OK;
    return cull__wrong(t, y,
                       "the shapes are %s and %s; from the last on, dimensions must be equal or 1",
                       cull__dims(y->in[0], a), cull__dims(y->in[1], b));
}

static cull_status forward(cull_tape *t, cull_var *y)
{
    const cull__binary_kern *k = CULL__KERN(binary, cull__tape_ctx(t));
    const int which = ((const binary *)y->attr)->which;
    const walk w = walk_of(y);
    const int64_t block = w.d[2] * w.d[3];
    for (int64_t i = 0; i < w.d[0]; i++)
        for (int64_t j = 0; j < w.d[1]; j++)
            k->forward[which](y->v + (i * w.d[1] + j) * block, side(y->in[0]->v, w.a, i, j),
                              side(y->in[1]->v, w.b, i, j), w.d[2], w.d[3]);
    return CULL_OK;
}

/* g = dy times the slope in operand `of`, of y's shape. */
static void slopes(cull_tape *t, const cull_var *y, int of, float *g, const float *dy, bool add)
{
    const cull__binary_kern *k = CULL__KERN(binary, cull__tape_ctx(t));
    const int which = ((const binary *)y->attr)->which;
    const walk w = walk_of(y);
    const int64_t block = w.d[2] * w.d[3];
    for (int64_t i = 0; i < w.d[0]; i++)
        for (int64_t j = 0; j < w.d[1]; j++) {
            int64_t at = (i * w.d[1] + j) * block;
            k->backward[which][of](g + at, dy + at, side(y->in[0]->v, w.a, i, j),
                                   side(y->in[1]->v, w.b, i, j), w.d[2], w.d[3], add);
        }
}

/* An operand that was broadcast. Of sums and differences the gradient is dy's own, but for a sign. */
static cull_status narrow_back(cull_tape *t, cull_var *y, int of)
{
    cull_var *x = y->in[of];
    const int which = ((const binary *)y->attr)->which;
    const bool linear = which == CULL__BINARY_add || which == CULL__BINARY_sub;
    const float sign = which == CULL__BINARY_sub && of ? -1 : 1;
    float *d = y->g;
    if (!linear) {
        if (!(d = cull__take_floats(t, y->n))) return cull_tape_status(t);
        slopes(t, y, of, d, y->g, false);
    }
    bool add;
    float *g = cull__grad(t, x, &add);
    if (g) cull__unbroadcast(cull__tape_ctx(t), g, x, d, y->rank, y->dim, linear ? sign : 1, add);
    if (!linear) cull__give_floats(t, d, y->n);
    return cull_tape_status(t);
}

static cull_status backward(cull_tape *t, cull_var *y)
{
    const int which = ((const binary *)y->attr)->which;
    for (int of = 1; of >= 0; of--) { /* the first last, for it may take dy over */
        cull_var *x = y->in[of];
        if (!x->needs) continue;
        if (x->n != y->n) {
            CULL_TRY(narrow_back(t, y, of));
            continue;
        }
        if (of == 0 && cull__grad_move(t, y, x)) {
            if (which != CULL__BINARY_add && which != CULL__BINARY_sub)
                slopes(t, y, of, x->g, x->g, false);
            continue;
        }
        bool add;
        float *g = cull__grad(t, x, &add);
        if (!g) return cull_tape_status(t);
        slopes(t, y, of, g, y->g, add);
    }
    return CULL_OK;
}

#define BINARY(NAME, reads, say)                                                                   \
    const cull__op cull__op_##NAME = {                                                             \
        .name = #NAME,                                                                             \
        .doc = say,                                                                                \
        .flags = reads,                                                                            \
        .shape = shape,                                                                            \
        .forward = forward,                                                                        \
        .backward = backward,                                                                      \
    };                                                                                             \
    cull_var *cull_nn_##NAME(cull_tape *t, cull_var *x, cull_var *y)                               \
    {                                                                                              \
        const binary b = {CULL__BINARY_##NAME};                                                    \
        return cull__apply(t, &cull__op_##NAME, (cull_var *[]){x, y}, 2, &b, sizeof b);            \
    }

BINARY(add, 0, "x + y")
BINARY(div, CULL__READS_IN, "x / y")
BINARY(max, CULL__READS_IN, "the larger of x and y")
BINARY(min, CULL__READS_IN, "the smaller of x and y")
BINARY(mul, CULL__READS_IN, "x y")
BINARY(sub, 0, "x - y")
