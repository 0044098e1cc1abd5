/* op_attention.c - scaled dot-product attention of several heads (Vaswani et al. 2017).
 *
 * Heads stay where they lie: a head is some columns of the rows, and the products go over them with the
 * stride of the whole row, so that nothing is permuted or copied. */
#include "cull/nn_decoder.h"
#include "nn/dense.h"

#include <inttypes.h>
#include <math.h>

typedef struct {
    int64_t heads;
    bool causal;
} attention;

/* One head of one sequence: scores (s, u), rows of `wide` numbers of which `d` are the head's. */
typedef struct {
    int64_t n, s, u, heads, d, wide;
    float scale;
} sizes;

static sizes sizes_of(const cull_var *y)
{
    const cull_var *q = y->in[0];
    const int64_t heads = ((const attention *)y->attr)->heads, d = q->dim[2] / heads;
    return (sizes){.n = q->dim[0],
                   .s = q->dim[1],
                   .u = y->in[1]->dim[1],
                   .heads = heads,
                   .d = d,
                   .wide = q->dim[2],
                   .scale = (float)(1 / sqrt((double)d))};
}

static cull_status shape(cull_tape *t, cull_var *y)
{
    const cull_var *q = y->in[0], *k = y->in[1], *v = y->in[2];
    const attention *a = y->attr;
    char dq[96], dk[96], dv[96];
    bool good = q->rank == 3 && k->rank == 3 && v->rank == 3;
    for (int i = 0; good && i < 3; i++)
        good = k->dim[i] == v->dim[i] && (i == 1 || k->dim[i] == q->dim[i]);
    if (!good)
        return cull__wrong(t, y,
                           "the queries are %s, the keys %s and the values %s; they must be (n, s, "
                           "width), (n, keys, width) and (n, keys, width)",
                           cull__dims(q, dq), cull__dims(k, dk), cull__dims(v, dv));
    if (a->heads < 1 || q->dim[2] % a->heads)
        return cull__wrong(t, y, "a width of %" PRId64 " is not divided by %" PRId64 " heads",
                           q->dim[2], a->heads);
    if (a->causal && k->dim[1] < q->dim[1])
        return cull__wrong(t, y,
                           "there are %" PRId64 " keys and %" PRId64
                           " queries; a causal mask needs as many keys or more",
                           k->dim[1], q->dim[1]);
    return cull__same_shape(t, y);
}

/* p (s, u) = softmax of the scores of one head; of row i the keys up to u - s + i where it is causal. */
static void weigh(cull_tape *t, const sizes *z, bool causal, const float *q, const float *k,
                  float *p)
{
    cull__mm(t, false, true, z->s, z->u, z->d, q, z->wide, k, z->wide, false, p, z->u);
    for (int64_t i = 0; causal && i < z->s; i++)
        for (int64_t j = z->u - z->s + i + 1; j < z->u; j++) p[i * z->u + j] = -INFINITY;
    CULL__KERN(rows, cull__tape_ctx(t))->softmax(p, p, z->s, z->u, z->scale);
}

static cull_status forward(cull_tape *t, cull_var *y)
{
    const sizes z = sizes_of(y);
    const bool causal = ((const attention *)y->attr)->causal;
    const int64_t one = z.s * z.u, all = one * z.n * z.heads;
    /* the weights are kept for backward; without one, a single head's will do */
    float *p = y->needs ? cull__save(t, y, all) : cull__take_floats(t, one);
    if (!p) return cull_tape_status(t);
    for (int64_t i = 0; i < z.n * z.heads; i++) {
        const int64_t n = i / z.heads, h = i % z.heads * z.d;
        const int64_t qa = n * z.s * z.wide + h, ka = n * z.u * z.wide + h;
        float *w = y->needs ? p + i * one : p;
        weigh(t, &z, causal, y->in[0]->v + qa, y->in[1]->v + ka, w);
        cull__mm(t, false, false, z.s, z.d, z.u, w, z.u, y->in[2]->v + ka, z.wide, false, y->v + qa,
                 z.wide);
    }
    if (!y->needs) cull__give_floats(t, p, one);
    return CULL_OK;
}

/* With weights p and their gradient d: dv = p^T dy, d = dy v^T, then through the softmax, dq = d k and
 * dk = d^T q. Of a tensor that is given twice, the first writes and the others add. */
static cull_status backward(cull_tape *t, cull_var *y)
{
    const sizes z = sizes_of(y);
    const int64_t one = z.s * z.u;
    const cull__rows_kern *kern = CULL__KERN(rows, cull__tape_ctx(t));
    float *g[3] = {0}, *d = cull__take_floats(t, one);
    bool add[3];
    for (int k = 0; d && k < 3; k++)
        if (y->in[k]->needs && !(g[k] = cull__grad(t, y->in[k], add + k)))
            return cull_tape_status(t);
    if (!d) return cull_tape_status(t);
    for (int64_t i = 0; i < z.n * z.heads; i++) {
        const int64_t n = i / z.heads, h = i % z.heads * z.d;
        const int64_t qa = n * z.s * z.wide + h, ka = n * z.u * z.wide + h;
        const float *p = (const float *)y->save + i * one, *dy = y->g + qa;
        const float *q = y->in[0]->v + qa, *k = y->in[1]->v + ka, *v = y->in[2]->v + ka;
        if (g[0] || g[1]) {
            cull__mm(t, false, true, z.s, z.u, z.d, dy, z.wide, v, z.wide, false, d, z.u);
            kern->softmax_back(d, p, d, z.s, z.u, z.scale, false);
        }
        if (g[0])
            cull__mm(t, false, false, z.s, z.d, z.u, d, z.u, k, z.wide, add[0], g[0] + qa, z.wide);
        if (g[1])
            cull__mm(t, true, false, z.u, z.d, z.s, d, z.u, q, z.wide, add[1], g[1] + ka, z.wide);
        if (g[2])
            cull__mm(t, true, false, z.u, z.d, z.s, p, z.u, dy, z.wide, add[2], g[2] + ka, z.wide);
    }
    cull__give_floats(t, d, one);
    return CULL_OK;
}

static double macs(const cull_var *y) { return 2 * (double)y->n * (double)y->in[1]->dim[1]; }

const cull__op cull__op_attention = {
    .name = "attention",
    .doc = "scaled dot-product attention of several heads",
    .flags = CULL__READS_OUT | CULL__READS_IN,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .macs = macs,
};

cull_var *cull_nn_attention(cull_tape *t, cull_var *q, cull_var *k, cull_var *v, int64_t heads,
                            bool causal)
{
    const attention a = {heads, causal};
    return cull__apply(t, &cull__op_attention, (cull_var *[]){q, k, v}, 3, &a, sizeof a);
}
