/* op_fields.c - interactions of the embeddings of several fields (factorisation machines and kin). */
#include "cull/nn_ops.h"
#include "nn/nn.h"

#include <string.h>

static cull_status fields(cull_tape *t, const cull_var *y)
{
    char d[96];
    if (y->in[0]->rank == 3) return CULL_OK;
    return cull__wrong(t, y, "x is %s; it must be (rows, fields, dim)", cull__dims(y->in[0], d));
}

/* ---- factorisation machine: 1/2 sum_d ((sum_f x)^2 - sum_f x^2) ---- */

static cull_status fm_shape(cull_tape *t, cull_var *y)
{
    CULL_TRY(fields(t, y));
    y->rank = 1;
    y->dim[0] = y->in[0]->dim[0];
    return CULL_OK;
}

/* Leaves the sums over fields behind, (rows, dim). */
static cull_status fm_forward(cull_tape *t, cull_var *y)
{
    const cull_var *x = y->in[0];
    int64_t rows = x->dim[0], f = x->dim[1], d = x->dim[2];
    float *sums = cull__save(t, y, rows * d);
    if (!sums) return cull_tape_status(t);
    for (int64_t r = 0; r < rows; r++) {
        const float *v = x->v + r * f * d;
        float *s = sums + r * d, both = 0;
        memset(s, 0, (size_t)d * sizeof *s);
        for (int64_t i = 0; i < f; i++, v += d)
            for (int64_t k = 0; k < d; k++) {
                both += s[k] * v[k]; /* with the fields before: no difference of large squares */
                s[k] += v[k];
            }
        y->v[r] = both;
    }
    return CULL_OK;
}

static cull_status fm_backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    int64_t rows = x->dim[0], f = x->dim[1], d = x->dim[2];
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    for (int64_t r = 0; r < rows; r++) {
        const float *s = (const float *)y->save + r * d, w = y->g[r];
        for (int64_t i = 0; i < f; i++) {
            const float *v = x->v + (r * f + i) * d;
            float *out = g + (r * f + i) * d;
            for (int64_t k = 0; k < d; k++) out[k] = (add ? out[k] : 0) + w * (s[k] - v[k]);
        }
    }
    return CULL_OK;
}

static double fm_macs(const cull_var *y) { return (double)y->in[0]->n; }

const cull__op cull__op_fm = {
    .name = "fm",
    .doc = "sum over pairs of fields of the products of their embeddings",
    .flags = CULL__READS_IN | CULL__READS_OUT,
    .shape = fm_shape,
    .forward = fm_forward,
    .backward = fm_backward,
    .macs = fm_macs,
};

cull_var *cull_nn_fm(cull_tape *t, cull_var *x)
{
    return cull__apply(t, &cull__op_fm, &x, 1, NULL, 0);
}

/* ---- the product of each pair ---- */

static cull_status pairs_shape(cull_tape *t, cull_var *y)
{
    CULL_TRY(fields(t, y));
    int64_t f = y->in[0]->dim[1];
    if (f < 2) return cull__wrong(t, y, "there is one field; pairs need two");
    y->rank = 2;
    y->dim[0] = y->in[0]->dim[0];
    y->dim[1] = f * (f - 1) / 2;
    return CULL_OK;
}

static cull_status pairs_forward(cull_tape *t, cull_var *y)
{
    (void)t;
    const cull_var *x = y->in[0];
    int64_t rows = x->dim[0], f = x->dim[1], d = x->dim[2];
    float *out = y->v;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < f; i++)
            for (int64_t j = i + 1; j < f; j++) {
                const float *a = x->v + (r * f + i) * d, *b = x->v + (r * f + j) * d;
                float s = 0;
                for (int64_t k = 0; k < d; k++) s += a[k] * b[k];
                *out++ = s;
            }
    return CULL_OK;
}

static cull_status pairs_backward(cull_tape *t, cull_var *y)
{
    cull_var *x = y->in[0];
    int64_t rows = x->dim[0], f = x->dim[1], d = x->dim[2];
    bool add;
    float *g = cull__grad(t, x, &add);
    if (!g) return cull_tape_status(t);
    if (!add) memset(g, 0, (size_t)x->n * sizeof *g);
    const float *w = y->g;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < f; i++)
            for (int64_t j = i + 1; j < f; j++, w++) {
                const float *a = x->v + (r * f + i) * d, *b = x->v + (r * f + j) * d;
                float *ga = g + (r * f + i) * d, *gb = g + (r * f + j) * d;
                for (int64_t k = 0; k < d; k++) {
                    ga[k] += *w * b[k];
                    gb[k] += *w * a[k];
                }
            }
    return CULL_OK;
}

static double pairs_macs(const cull_var *y) { return (double)y->n * (double)y->in[0]->dim[2]; }

const cull__op cull__op_field_pairs = {
    .name = "field_pairs",
    .doc = "the product of the embeddings of each pair of fields",
    .flags = CULL__READS_IN,
    .shape = pairs_shape,
    .forward = pairs_forward,
    .backward = pairs_backward,
    .macs = pairs_macs,
};

cull_var *cull_nn_field_pairs(cull_tape *t, cull_var *x)
{
    return cull__apply(t, &cull__op_field_pairs, &x, 1, NULL, 0);
}
