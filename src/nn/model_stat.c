/* model_stat.c - what a model counts: parameters, multiply-adds, numbers held. */
#include "nn/model.h"

typedef cull__model_layer layer;

static int64_t size_of(const cull__model_shape *s)
{
    return s->rank == 1 ? s->dim[0] : s->dim[0] * s->dim[1] * s->dim[2];
}

/* Numbers of layer i's output, unless they are its input's. */
static int64_t own_values(const cull_model *m, int i)
{
    const layer *l = m->layer + i;
    return i == 0 || l->alias || l->view ? 0 : size_of(&l->shape);
}

static void shape_of(const layer *l, cull_model_stat *out)
{
    out->rank = l->shape.rank;
    for (int i = 0; i < 3; i++) out->dim[i] = i < l->shape.rank ? l->shape.dim[i] : 1;
}

cull_model_stat cull_model_count(const cull_model *m, int i)
{
    const layer *l = m->layer + i;
    cull_model_stat s = {.name = l->name,
                         .op = l->op ? l->op->name : "input",
                         .params = l->params,
                         .state = l->state,
                         .macs = l->macs,
                         .values = own_values(m, i)};
    shape_of(l, &s);
    return s;
}

bool cull_model_module(const cull_model *m, int i, cull_model_stat *out)
{
    for (int64_t k = 0; k < m->entries; k++) {
        const cull__model_entry *e = m->entry + k;
        if (!e->module || i--) continue;
        *out = (cull_model_stat){.name = e->name, .op = ""};
        shape_of(m->layer + e->last, out);
        for (int j = e->first; j <= e->last; j++) {
            const layer *l = m->layer + j;
            out->params += l->params;
            out->state += l->state;
            out->macs += l->macs;
            out->values += own_values(m, j);
        }
        return true;
    }
    return false;
}

/* As cull_model_forward gives tensors back. The memory under a view stays until the end. */
static int64_t forward_values(const cull_model *m)
{
    int64_t now = 0, most = 0;
    for (int i = 1; i < m->layers; i++) {
        const layer *l = m->layer + i;
        if (!l->live || l->joined) continue;
        now += own_values(m, i);
        if (now > most) most = now;
        for (int from = l->joins ? l->in[0] : i;; from = i) {
            const layer *f = m->layer + from;
            for (int k = 0; k < f->ins; k++) {
                int x = f->in[k];
                bool twice = false;
                for (int j = 0; j < k; j++) twice |= f->in[j] == x;
                if (!twice && m->layer[x].last == from && !m->layer[x].joined &&
                    !m->layer[x].viewed)
                    now -= own_values(m, x);
            }
            if (from == i) break;
        }
    }
    return most;
}

cull_model_total cull_model_totals(const cull_model *m)
{
    cull_model_total t = {.forward_values = forward_values(m)};
    for (int i = 1; i < m->layers; i++) {
        const layer *l = m->layer + i;
        t.params += l->params;
        t.state += l->state;
        if (!l->live) continue;
        t.macs += l->macs;
        if (!l->joined) t.training_values += own_values(m, i);
    }
    return t;
}
