/* surgery_soft.c - soft filter pruning (He, Kang, Dong, Fu and Yang 2018, algorithm 1): the smallest filters are set to 0
 * after each epoch, and trained on.
 *
 * Ranked are units (cull/surgery.h), not the filters of each convolution for itself: what is 0 in the end can be cut,
 * residual sums included. Biases, batch norms and the optimiser's momentum stay, as in the published code: through them a
 * filter comes back. What they make of a filter that is 0, a constant, goes with the cut. */
#include "nn/surgery.h"

#include <string.h>

struct cull__soft {
    cull_surgery *s;
    cull_surgery_target target;
    double *score; /* of each unit */
    bool *keep;
};

/* Whether channels can go that a convolution makes. */
static bool has_filters(const cull_surgery *s)
{
    for (int i = 1; i < s->m->layers; i++) {
        if (cull__surgery_kind(s->m->layer + i) != CULL__CUTS_CONV) continue;
        const cull__surgery_group *g = s->group + s->group_of[s->unit[s->at[i]]];
        if (!g->fixed && g->width > 1) return true;
    }
    return false;
}

cull_status cull__soft_new(cull_ctx *cx, cull_model *m, double share, cull__soft **out)
{
    cull__soft *f;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, f, 1));
    f->target = (cull_surgery_target){.size = sizeof f->target, .share = share, .round = 1};
    cull_status s = cull_surgery_new(cx, m, &f->s);
    if (s == CULL_OK && !has_filters(f->s))
        s = cull__fail(cx, CULL_EINPUT,
                       "all but %g of the filters are to be set to 0, and the model has no "
                       "convolution that could lose one",
                       share);
    if (s == CULL_OK) s = CULL_ALLOC(cx, f->score, f->s->units);
    if (s == CULL_OK) s = CULL_ALLOC(cx, f->keep, f->s->units);
    if (s == CULL_OK)
        *out = f;
    else
        cull__soft_free(f);
    return s;
}

void cull__soft_free(cull__soft *f)
{
    if (!f) return;
    cull_surgery_free(f->s);
    cull__free(f->score);
    cull__free(f->keep);
    cull__free(f);
}

cull_status cull__soft_prune(cull_ctx *cx, cull__soft *f)
{
    const cull_surgery *s = f->s;
    CULL_TRY(cull_surgery_score(cx, s, CULL_CHANNEL_L2, f->score));
    CULL_TRY(cull_surgery_choose(cx, s, f->score, &f->target, f->keep));
    for (int i = 1; i < s->m->layers; i++) {
        const cull__model_layer *l = s->m->layer + i;
        if (cull__surgery_kind(l) != CULL__CUTS_CONV) continue;
        const cull_param *p = cull_params_at(s->m->params, l->param[0]);
        int64_t n = s->at[i + 1] - s->at[i], each = p->n / n;
        float *w = cull_params_value(s->m->params) + p->at;
        for (int64_t c = 0; c < n; c++)
            if (!f->keep[s->unit[s->at[i] + c]]) memset(w + c * each, 0, (size_t)each * sizeof *w);
    }
    return CULL_OK;
}
