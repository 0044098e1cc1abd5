/* op_softmax.c - softmax over rows, over what a mask leaves of them, over segments. */
#include "cull/nn_dense.h"
#include "nn/dense.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    double temperature;
    const uint8_t *mask; /* masked: (rows, n) */
    int64_t rows, each;
    const int32_t *id; /* segments */
    int64_t segments;
} soft;

static float scale_of(const cull_var *y)
{
    return (float)(1 / ((const soft *)y->attr)->temperature);
}
static int64_t last(const cull_var *y) { return y->rank ? y->dim[y->rank - 1] : 1; }

static cull_status shape(cull_tape *t, cull_var *y)
{
    const double temperature = ((const soft *)y->attr)->temperature;
    if (!(temperature > 0) || isinf(temperature))
        return cull__wrong(t, y, "the temperature is %g; it must be above 0", temperature);
    return cull__same_shape(t, y);
}

static cull_status softmax(cull_tape *t, cull_var *y)
{
    const int64_t n = last(y);
    CULL__KERN(rows, cull__tape_ctx(t))->softmax(y->v, y->in[0]->v, y->n / n, n, scale_of(y));
    return CULL_OK;
}

static cull_status log_softmax(cull_tape *t, cull_var *y)
{
    const int64_t n = last(y);
    CULL__KERN(rows, cull__tape_ctx(t))->log_softmax(y->v, y->in[0]->v, y->n / n, n, scale_of(y));
    return CULL_OK;
}

typedef void back_fn(float *g, const float *y, const float *dy, int64_t rows, int64_t n, float a,
                     bool add);
static cull_status back_by(cull_tape *t, cull_var *y, back_fn *fn)
{
    const int64_t n = last(y);
    cull_var *x = y->in[0];
    if (cull__grad_move(t, y, x)) {
        fn(x->g, y->v, x->g, y->n / n, n, scale_of(y), false);
        return CULL_OK;
    }
    bool add;
    float *g = cull__grad(t, x, &add);
    if (g) fn(g, y->v, y->g, y->n / n, n, scale_of(y), add);
    return cull_tape_status(t);
}

static cull_status softmax_back(cull_tape *t, cull_var *y)
{
    return back_by(t, y, CULL__KERN(rows, cull__tape_ctx(t))->softmax_back);
}
static cull_status log_softmax_back(cull_tape *t, cull_var *y)
{
    return back_by(t, y, CULL__KERN(rows, cull__tape_ctx(t))->log_softmax_back);
}

const cull__op cull__op_softmax = {
    .name = "softmax",
    .doc = "softmax of rows",
    .flags = CULL__READS_OUT,
    .shape = shape,
    .forward = softmax,
    .backward = softmax_back,
};
const cull__op cull__op_log_softmax = {
    .name = "log_softmax",
    .doc = "logarithm of the softmax of rows",
    .flags = CULL__READS_OUT,
    .shape = shape,
    .forward = log_softmax,
    .backward = log_softmax_back,
};

cull_var *cull_nn_softmax(cull_tape *t, cull_var *x, double temperature)
{
    const soft s = {.temperature = temperature};
    return cull__apply(t, &cull__op_softmax, &x, 1, &s, sizeof s);
}
cull_var *cull_nn_log_softmax(cull_tape *t, cull_var *x, double temperature)
{
    const soft s = {.temperature = temperature};
    return cull__apply(t, &cull__op_log_softmax, &x, 1, &s, sizeof s);
}

/* ---- with a mask ---- */

static cull_status masked_shape(cull_tape *t, cull_var *y)
{
    const soft *s = y->attr;
    if (s->rows < 1 || s->each < 1)
        return cull__wrong(t, y,
                           "the mask has %" PRId64 " rows, each for %" PRId64
                           " in a row; both must be at least 1",
                           s->rows, s->each);
    return shape(t, y);
}

static cull_status masked(cull_tape *t, cull_var *y)
{
    const soft *s = y->attr;
    const int64_t n = last(y);
    for (int64_t r = 0; r < y->n / n; r++) {
        const uint8_t *m = s->mask + r / s->each % s->rows * n;
        const float *x = y->in[0]->v + r * n;
        for (int64_t i = 0; i < n; i++) y->v[r * n + i] = m[i] ? x[i] : -INFINITY;
    }
    CULL__KERN(rows, cull__tape_ctx(t))->softmax(y->v, y->v, y->n / n, n, scale_of(y));
    return CULL_OK;
}

const cull__op cull__op_masked_softmax = {
    .name = "masked_softmax",
    .doc = "softmax of what a mask leaves of rows",
    .flags = CULL__READS_OUT,
    .shape = masked_shape,
    .forward = masked,
    .backward = softmax_back,
};

cull_var *cull_nn_masked_softmax(cull_tape *t, cull_var *x, const uint8_t *mask, int64_t rows,
                                 int64_t each, double temperature)
{
    const soft s = {.temperature = temperature, .mask = mask, .rows = rows, .each = each};
    return cull__apply(t, &cull__op_masked_softmax, &x, 1, &s, sizeof s);
}

/* ---- over segments: of each column apart, rows in order ---- */

static cull_status segment_shape(cull_tape *t, cull_var *y)
{
    const soft *s = y->attr;
    const cull_var *x = y->in[0];
    char d[96];
    if (x->rank < 1) return cull__wrong(t, y, "x is %s; it must have rows", cull__dims(x, d));
    if (s->segments < 1 || s->segments > (INT64_C(1) << 40) / (x->n / x->dim[0]))
        return cull__wrong(t, y, "there cannot be %" PRId64 " segments", s->segments);
    CULL_TRY(cull__ids_ok(t, y, s->id, x->dim[0], s->segments));
    return shape(t, y);
}

static cull_status segment(cull_tape *t, cull_var *y)
{
    const soft *s = y->attr;
    const cull__rows_kern *k = CULL__KERN(rows, cull__tape_ctx(t));
    const int64_t rows = y->dim[0], n = y->n / rows, all = s->segments * n;
    const float *x = y->in[0]->v, a = scale_of(y);
    float *top = cull__take_floats(t, all), *v = y->v;
    if (!top) return cull_tape_status(t);
    for (int64_t i = 0; i < all; i++) top[i] = -INFINITY;
    for (int64_t r = 0; r < rows; r++) {
        float *of = top + s->id[r] * n;
        for (int64_t i = 0; i < n; i++) of[i] = x[r * n + i] > of[i] ? x[r * n + i] : of[i];
    }
    for (int64_t i = 0; i < all; i++) top[i] = isinf(top[i]) && top[i] < 0 ? 0 : top[i];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++) v[r * n + i] = (x[r * n + i] - top[s->id[r] * n + i]) * a;
    k->exps(v, y->n);
    memset(top, 0, (size_t)all * sizeof *top); /* sums now */
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++) top[s->id[r] * n + i] += v[r * n + i];
    for (int64_t i = 0; i < all; i++) top[i] = top[i] == 0 ? 0 : 1 / top[i];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++) v[r * n + i] *= top[s->id[r] * n + i];
    cull__give_floats(t, top, all);
    return CULL_OK;
}

static cull_status segment_back(cull_tape *t, cull_var *y)
{
    const soft *s = y->attr;
    const int64_t rows = y->dim[0], n = y->n / rows, all = s->segments * n;
    const float a = scale_of(y);
    bool add;
    float *g = cull__grad(t, y->in[0], &add), *sum = cull__take_floats(t, all);
    if (g && sum) {
        memset(sum, 0, (size_t)all * sizeof *sum);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t i = r * n; i < (r + 1) * n; i++)
                sum[s->id[r] * n + i - r * n] += y->v[i] * y->g[i];
        for (int64_t r = 0; r < rows; r++)
            for (int64_t i = r * n; i < (r + 1) * n; i++)
                g[i] = (add ? g[i] : 0) + a * y->v[i] * (y->g[i] - sum[s->id[r] * n + i - r * n]);
    }
    cull__give_floats(t, sum, all);
    return cull_tape_status(t);
}

const cull__op cull__op_segment_softmax = {
    .name = "segment_softmax",
    .doc = "softmax over the rows of each segment",
    .flags = CULL__READS_OUT,
    .shape = segment_shape,
    .forward = segment,
    .backward = segment_back,
};

cull_var *cull_nn_segment_softmax(cull_tape *t, cull_var *x, const int32_t *id, int64_t segments,
                                  double temperature)
{
    const soft s = {.temperature = temperature, .id = id, .segments = segments};
    return cull__apply(t, &cull__op_segment_softmax, &x, 1, &s, sizeof s);
}
