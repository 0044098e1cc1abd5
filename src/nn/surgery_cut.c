/* surgery_cut.c - the smaller network: what the kept channels have of every parameter. */
#include "nn/surgery.h"

#include <inttypes.h>
#include <string.h>

typedef cull__model_layer layer;

/* ---- what may be cut ---- */

static cull_status check_fixed(cull_ctx *cx, const cull_surgery *s, const bool *keep)
{
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t u = 0; s->group[g].fixed && u < s->group[g].width; u++)
            if (!keep[s->group[g].first + u])
                return cull__fail(cx, CULL_EINPUT,
                                  "channels of '%s' cannot go: they are tied to %s",
                                  s->group[g].name, s->group[g].fixed);
    return CULL_OK;
}

/* Every layer, those without parameters too, keeps a channel. */
static cull_status check_left(cull_ctx *cx, const cull_surgery *s, const bool *keep)
{
    for (int i = 1; i < s->m->layers; i++)
        if (!cull__surgery_made(s, i, keep))
            return cull__fail(cx, CULL_EINPUT,
                              "no channel of '%s' would be left; at least 1 must stay",
                              s->group[s->group_of[s->unit[s->at[i]]]].name);
    return CULL_OK;
}

/* ---- parameters ---- */

/* rows x (area x cols) of `from`, those kept: rows of layer `made`, columns of layer `read` (-1 = all). */
static void slice(const cull_surgery *s, const bool *keep, int made, int read, int64_t area,
                  int64_t cols, const float *from, float *to)
{
    const int32_t *row = s->unit + s->at[made], *col = read < 0 ? NULL : s->unit + s->at[read];
    int64_t rows = s->at[made + 1] - s->at[made];
    for (int64_t r = 0; r < rows; r++) {
        if (!keep[row[r]]) continue;
        for (int64_t k = 0; k < area * cols; k++)
            if (!col || keep[col[k % cols]]) *to++ = from[r * area * cols + k];
    }
}

static void cut_layer(const cull_surgery *s, const bool *keep, int i, cull_model *to,
                      const layer *l)
{
    const layer *old = s->m->layer + i;
    const float *from = cull_params_value(s->m->params);
    float *into = cull_params_value(to->params);
    cull__cuts kind = cull__surgery_kind(old);
    for (int k = 0; k < 4; k++) {
        if (old->param[k] < 0) continue;
        const cull_param *p = cull_params_at(s->m->params, old->param[k]);
        const cull_param *q = cull_params_at(to->params, l->param[k]);
        bool weight = k == 0 && kind != CULL__CUTS_NORM;
        int64_t area = p->rank == 4 ? p->dim[1] * p->dim[2] : 1;
        int64_t cols = weight ? p->dim[p->rank - 1] : 1;
        bool all = !weight || (kind == CULL__CUTS_CONV && old->arg[5] != 1);
        slice(s, keep, i, all ? -1 : old->in[0], area, cols, from + p->at, into + q->at);
    }
}

static cull_status fill(cull_ctx *cx, const cull_surgery *s, const bool *keep, cull_model *to)
{
    int k = 0;
    for (int i = 1; i < s->m->layers; i++) { /* layers with parameters stand in one order in both */
        if (cull__surgery_kind(s->m->layer + i) == CULL__CUTS_NOT) continue;
        while (k + 1 < to->layers && cull__surgery_kind(to->layer + ++k) == CULL__CUTS_NOT) {}
        if (strcmp(to->layer[k].name, s->m->layer[i].name))
            return cull__fail(cx, CULL_EINTERNAL, "layer %s was written as %s", s->m->layer[i].name,
                              to->layer[k].name);
        cut_layer(s, keep, i, to, to->layer + k);
    }
    for (int64_t i = 0; i < s->m->notes; i += 2)
        CULL_TRY(cull_model_set_note(to, s->m->note[i], s->m->note[i + 1]));
    return CULL_OK;
}

static cull_status cut(cull_ctx *cx, const cull_surgery *s, const bool *keep, cull_model **out)
{
    cull_model_opts o = CULL_MODEL_OPTS;
    cull_buf text = CULL_BUF(cx);
    o.start = s->m->start;
    o.shapes_only = s->m->shapes_only;
    CULL_TRY(check_fixed(cx, s, keep));
    CULL_TRY(check_left(cx, s, keep));
    cull_status status = cull__surgery_text(cx, s, keep, &text);
    if (status == CULL_OK)
        status = cull_model_from(cx, text.at, text.n, "the smaller model", &o, out);
    cull__buf_free(&text);
    if (status == CULL_OK && !o.shapes_only) status = fill(cx, s, keep, *out);
    return status;
}

cull_status cull_surgery_cut(cull_ctx *cx, const cull_surgery *s, const bool *keep,
                             cull_model **out)
{
    *out = NULL;
    cull__mark_t mark = cull__mark(cx);
    cull_status status = cut(cx, s, keep, out);
    cull__release(cx, mark);
    if (status != CULL_OK) {
        cull_model_free(*out);
        *out = NULL;
    }
    return status;
}
