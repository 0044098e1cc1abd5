/* links.c - models whose pruned linear layers are lists of the weights that are left. */
#include "nn/links.h"

#include <string.h>

/* Tensor i is the weights of a linear layer, which may be a list. */
static const cull__model_layer *layer_of(const cull_model *m, int i)
{
    const cull__model_op *linear = cull__model_op_find("linear");
    for (int64_t k = 0; k < m->layers; k++)
        if (m->layer[k].op == linear && m->layer[k].param[0] == i) return m->layer + k;
    return NULL;
}

static int64_t left_of(const cull_model *m, int i)
{
    const cull_param *q = cull_params_at(m->params, i);
    const float *mask = cull__params_mask(m->params);
    int64_t n = 0;
    for (int64_t k = q->at; mask && k < q->at + q->n; k++) n += mask[k] != 0;
    return mask ? n : q->n;
}

static bool is_thin(const cull_model *m, int i, double density)
{
    if (!layer_of(m, i)) return false;
    int64_t left = left_of(m, i);
    return left > 0 && (double)left <= density * (double)cull_params_at(m->params, i)->n;
}

/* The list of tensor i under the mask. */
static cull_status list(cull_ctx *cx, const cull_model *m, int i, cull__sparse **out)
{
    const cull_param *q = cull_params_at(m->params, i);
    const float *mask = cull__params_mask(m->params);
    uint8_t *kept;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, kept, q->n));
    for (int64_t k = 0; k < q->n; k++) kept[k] = !mask || mask[q->at + k] != 0;
    cull_status s = cull__sparse_new(cx, q->dim[0], q->dim[1], 0, out);
    if (s == CULL_OK) s = cull__sparse_from(cx, *out, cull_params_value(m->params) + q->at, kept);
    cull__release(cx, mark);
    return s;
}

/* Parameter i of m becomes the next one of thin's, with its mask. */
static cull_status add_param(const cull_model *m, int i, cull_model *thin, float *mask)
{
    const cull_param *q = cull_params_at(m->params, i);
    const float *v = cull_params_value(m->params), *has = cull__params_mask(m->params);
    const cull__sparse *s = thin->list[i];
    int index;
    CULL_TRY(cull_params_add(thin->params, q->name, s ? 1 : q->rank, s ? &s->links : q->dim,
                             CULL_INIT_ZERO, 0, 0, q->flags, &index));
    const cull_param *p = cull_params_at(thin->params, index);
    const float *from = s ? s->w : v + q->at;
    memcpy(cull_params_value(thin->params) + p->at, from, (size_t)p->n * sizeof *from);
    for (int64_t k = 0; k < p->n; k++) mask[p->at + k] = s || !has || has[q->at + k] != 0;
    return CULL_OK;
}

static cull_status make(cull_ctx *cx, const cull_model *m, double density, cull_model *thin)
{
    int count = cull_params_count(m->params);
    float *mask;
    CULL_TRY(CULL_TMP0(cx, mask, cull_params_size(m->params)));
    CULL_TRY(CULL_ALLOC(cx, thin->list, count));
    thin->lists = count;
    CULL_TRY(CULL_ALLOC(cx, thin->layer, m->layers));
    memcpy(thin->layer, m->layer, (size_t)m->layers * sizeof *m->layer);
    CULL_TRY(cull__copy_text(cx, m->name, strlen(m->name), &thin->name));
    CULL_TRY(cull__copy_text(cx, m->text, strlen(m->text), &thin->text));
    CULL_TRY(cull_params_new(cx, &thin->params));
    for (int i = 0; i < count; i++) {
        if (is_thin(m, i, density)) {
            CULL_TRY(list(cx, m, i, thin->list + i));
            thin->layer[layer_of(m, i) - m->layer].links = thin->list[i];
        }
        CULL_TRY(add_param(m, i, thin, mask));
    }
    return cull_params_mask(thin->params, mask);
}

cull_status cull__model_thin(cull_ctx *cx, const cull_model *m, double density, cull_model **out)
{
    cull_model *thin;
    bool any = false;
    *out = NULL;
    for (int i = 0; i < cull_params_count(m->params); i++) any |= is_thin(m, i, density);
    if (!any) return CULL_OK;
    CULL_TRY(CULL_ALLOC(cx, thin, 1));
    thin->cx = cx;
    thin->layers = m->layers;
    thin->start = m->start;
    thin->scaled = m->scaled;
    memcpy(thin->mean, m->mean, sizeof m->mean);
    memcpy(thin->std, m->std, sizeof m->std);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = make(cx, m, density, thin);
    cull__release(cx, mark);
    if (s == CULL_OK)
        *out = thin;
    else
        cull_model_free(thin);
    return s;
}

void cull__model_thicken(const cull_model *thin, const float *v, const cull_model *m, float *to)
{
    for (int i = 0; i < cull_params_count(m->params); i++) {
        const cull_param *p = cull_params_at(thin->params, i), *q = cull_params_at(m->params, i);
        if (thin->list[i]) {
            cull__sparse s = *thin->list[i];
            s.w = (float *)v + p->at;
            cull__sparse_dense(&s, to + q->at, NULL);
        } else {
            memcpy(to + q->at, v + p->at, (size_t)q->n * sizeof *v);
        }
    }
}
