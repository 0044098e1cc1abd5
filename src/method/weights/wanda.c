/* wanda - weights of smallest magnitude times the norm of their input become 0 (Sun et al. 2024)
 *
 * Chooses   which weights of a checkpoint stay; the others are set to 0. Shapes stay as they are.
 * Idea      Inputs differ in scale, and a small weight at a large one counts: the score of w_ij is |w_ij| ||x_j||, and in each output i
 *           the share `sparsity` with the least scores goes, or n of each m inputs stay.
 * Reads     one model; activations: for each tensor that is pruned the norm of each input over some samples, a vector under
 *           the tensor's name, or under NAME.sumsq the sums of squares. The name without ".weight" will do. Of a
 *           convolution a number for each channel, or for each channel and place of the kernel.
 * Deviates  (a) All norms are of the dense model; the paper prunes a layer and records the next one's inputs after it. (b) A score
 *           is rounded to f32. Equal scores fall as in the official code, the first ones first; of N:M, where that code leaves it
 *           open, the last ones first.
 * Cost      one pass besides that of writing; none for N:M. Memory of blocks, and of a cut for each output.
 * Example   cull weights wanda --sparsity 0.5 --activations norms.safetensors model/ -o pruned/
 */
#include "choose/prune.h"
#include "cull/weights.h"
#include "repr/inputs.h"

#include <math.h>
#include <stdio.h>

typedef cull__prune_opts opts;
static const cull_opt table[] = {
    CULL_OPT_F64(cull__prune_opts, sparsity, .5, 0, 1,
                 "share of each output's weights that becomes 0"),
    CULL__PRUNE_NM, CULL__PRUNE_WHICH,
    CULL_OPT_BOOL(cull__prune_opts, transposed, false,
                  "matrices are stored (inputs, outputs), as GPT-2 has them"),
    CULL_OPT_END};

static const opts *opts_of(const cull_weights_work *w, const cull_weights_item *it)
{
    return it->opts[w->first];
}

/* ---- the method ---- */

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    CULL_TRY(cull__prune_items(cx, w, "wanda"));
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = &w->item[i];
        const opts *o = opts_of(w, it);
        if (it->copy) continue;
        cull__grid g = cull__grid_of(it->t.shape, it->t.ndim, it->turned || o->transposed);
        CULL_TRY(cull__inputs_check(cx, w->problem->activations, it->t.name, g.ins,
                                    cull__grid_width(&g)));
    }
    return CULL_OK;
}

typedef struct {
    cull__pruner p;
    const cull_weights_work *w;
    const cull_weights_item *it;
} plan_of;

static cull_status read(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                        float *out)
{
    const plan_of *t = arg;
    (void)part;
    return cull_weights_read(cx, t->w, t->it, t->w->first, from, n, out);
}

static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own)
{
    const opts *o = opts_of(w, it);
    plan_of *t;
    float *norm;
    cull__cut *cuts;
    (void)state;
    CULL_TRY(CULL_TMP0(cx, t, 1));
    *own = t;
    t->w = w, t->it = it;
    t->p =
        (cull__pruner){.v = {read, t, 1, &it->t.n, &it->t.name},
                       .grid = cull__grid_of(it->t.shape, it->t.ndim, it->turned || o->transposed),
                       .later = true,
                       .n = (int)o->n,
                       .m = (int)o->m};
    CULL_TRY(CULL_TMP(cx, norm, cull__grid_width(&t->p.grid)));
    CULL_TRY(cull__inputs_norms(cx, w->problem->activations, it->t.name,
                                cull__grid_width(&t->p.grid), norm));
    t->p.norm = norm;
    if (o->m > 0) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, cuts, t->p.grid.outs));
    t->p.cuts = cuts;
    return cull__prune_cuts(cx, &t->p, o->sparsity, cuts);
}

static cull_status keep(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                        void *state, const void *own, int64_t from, int64_t n, uint8_t *out)
{
    const plan_of *t = own;
    (void)w, (void)it, (void)state;
    return cull__prune_keep(cx, &t->p, from, n, out);
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    *bytes = 0;
    *passes = 0;
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = &w->item[i];
        const opts *o = opts_of(w, it);
        if (it->copy) continue;
        cull__grid g = cull__grid_of(it->t.shape, it->t.ndim, it->turned || o->transposed);
        uint64_t here = cull__prune_bytes(&g, (int)o->m) * (uint64_t)threads +
                        8 * (uint64_t)cull__grid_width(&g);
        if (o->m == 0) here += (uint64_t)g.outs * sizeof(cull__cut);
        if (o->m == 0) *passes = 1;
        *bytes = here > *bytes ? here : *bytes;
    }
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_NO_BASE | CULL_WEIGHTS_ACTIVATIONS,
    .least = 1,
    .most = 1,
    .items = items,
    .idle = cull__prune_idle,
    .tensor = tensor,
    .keep = keep,
    .plan = plan,
};
const cull_method cull__method_wanda = {
    .slug = "wanda",
    .title = "weights of smallest magnitude times the norm of their input become 0",
    .paper = "Sun et al. 2024, A Simple and Effective Pruning Approach for Large Language Models",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
