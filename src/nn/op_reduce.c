/* op_reduce.c - sums, means and largest numbers over dimensions. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

typedef struct {
    unsigned dims;
    bool keep;
} over;

static unsigned dims_of(const cull_var *y)
{
    const over *o = y->attr;
    unsigned all = (1u << y->in[0]->rank) - 1;
    return o->dims ? o->dims : all;
}

static cull_status shape(cull_tape *t, cull_var *y)
{
    const over *o = y->attr;
    const cull_var *x = y->in[0];
    const unsigned dims = dims_of(y);
    char d[96];
    for (int i = x->rank; i < 32; i++)
        if (dims >> i & 1)
            return cull__wrong(t, y, "x is %s and has no dimension %d", cull__dims(x, d), i);
    for (int i = 0; i < x->rank; i++)
        if (!(dims >> i & 1))
            y->dim[y->rank++] = x->dim[i];
        else if (o->keep)
            y->dim[y->rank++] = 1;
    return CULL_OK;
}

/* Strides of the result along x's dimensions: 0 where it was summed. */
static void strides_of(const cull_var *y, int64_t *stride)
{
    const cull_var *x = y->in[0];
    const unsigned dims = dims_of(y);
    int64_t s = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        bool gone = dims >> i & 1;
        stride[i] = gone ? 0 : s;
        s *= gone ? 1 : x->dim[i];
    }
}

static cull_status reduce(cull_tape *t, cull_var *y, float a)
{
    const cull_var *x = y->in[0];
    cull__sum_over(cull__tape_ctx(t), y->v, x->v, x->rank, x->dim, dims_of(y), a, false);
    return CULL_OK;
}

static void spread(cull_var *y, float *g, const float *from, bool add)
{
    const cull_var *x = y->in[0];
    int64_t to[CULL_RANK], still[CULL_RANK];
    cull__dense(x->rank, x->dim, to);
    strides_of(y, still);
    cull__strided(g, to, from, still, x->rank, x->dim, add);
}

static cull_status sum(cull_tape *t, cull_var *y) { return reduce(t, y, 1); }
static cull_status sum_back(cull_tape *t, cull_var *y)
{
    bool add;
    float *g = cull__grad(t, y->in[0], &add);
    if (g) spread(y, g, y->g, add);
    return cull_tape_status(t);
}

static float share(const cull_var *y) { return (float)((double)y->n / (double)y->in[0]->n); }
static cull_status mean(cull_tape *t, cull_var *y) { return reduce(t, y, share(y)); }
static cull_status mean_back(cull_tape *t, cull_var *y)
{
    bool add;
    float *g = cull__grad(t, y->in[0], &add), *d = cull__take_floats(t, y->n);
    if (g && d) {
        CULL__KERN(rows, cull__tape_ctx(t))->scaled(d, y->g, y->n, share(y), false);
        spread(y, g, d, add);
    }
    cull__give_floats(t, d, y->n);
    return cull_tape_status(t);
}

/* ---- the largest ---- */

/* x is read in order: a line of its last dimension goes to one result or beside so many. */
static void line(float *v, int64_t *from, const float *x, int64_t at, int64_t n, bool one)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t o = one ? 0 : i;
        if (from[o] >= 0 && !(x[at + i] > v[o])) continue;
        v[o] = x[at + i];
        from[o] = at + i;
    }
}

static cull_status amax(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    int64_t *from = (int64_t *)cull__save(t, y, 2 * y->n), stride[CULL_RANK], at = 0;
    if (!from) return cull_tape_status(t);
    for (int64_t i = 0; i < y->n; i++) from[i] = -1;
    strides_of(y, stride);
    int64_t d[CULL_RANK] = {1, 1, 1, 1}, s[CULL_RANK] = {0};
    for (int i = 0; i < x->rank; i++) {
        d[CULL_RANK - x->rank + i] = x->dim[i];
        s[CULL_RANK - x->rank + i] = stride[i];
    }
    for (int64_t i = 0; i < d[0]; i++)
        for (int64_t j = 0; j < d[1]; j++)
            for (int64_t k = 0; k < d[2]; k++, at += d[3]) {
                int64_t o = i * s[0] + j * s[1] + k * s[2];
                line(y->v + o, from + o, x->v, at, d[3], !s[3]);
            }
    return CULL_OK;
}

static cull_status amax_back(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    const int64_t *from = y->save;
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    if (!add)
        for (int64_t i = 0; i < x->n; i++) g[i] = 0;
    for (int64_t i = 0; i < y->n; i++) g[from[i]] += y->g[i];
    return CULL_OK;
}

static double adds(const cull_var *y) { return (double)y->in[0]->n; }

#define OVER(NAME, reads, forth, back, count, say)                                                 \
    const cull__op cull__op_##NAME = {                                                             \
        .name = #NAME,                                                                             \
        .doc = say,                                                                                \
        .flags = reads,                                                                            \
        .shape = shape,                                                                            \
        .forward = forth,                                                                          \
        .backward = back,                                                                          \
        .macs = count,                                                                             \
    };                                                                                             \
    cull_var *cull_nn_##NAME(cull_tape *t, cull_var *x, unsigned dims, bool keep)                  \
    {                                                                                              \
        const over o = {dims, keep};                                                               \
        return cull__apply(t, &cull__op_##NAME, &x, 1, &o, sizeof o);                              \
    }

OVER(sum, 0, sum, sum_back, adds, "sum over dimensions")
OVER(mean, 0, mean, mean_back, adds, "mean over dimensions")
OVER(amax, CULL__READS_OUT, amax, amax_back, NULL, "largest over dimensions")
