/* task-arithmetic - what models learned is added to their base (Ilharco et al. 2023)
 *
 * Chooses   base + alpha * sum of weight * (model - base), for each tensor.
 * Idea      The difference of a fine-tuned model to its base is a direction in which it learned its task: directions are added
 *           to learn several, with a weight below 0 taken away to forget.
 * Reads     base, and models of the same names and shapes.
 * Deviates  Differences are taken in f32, also of bf16 and f16, whose own arithmetic loses small ones.
 * Cost      one pass; a block of each model in memory.
 * Example   cull weights task-arithmetic --base base --weights 0.4,0.4 math code -o merged
 */
#include "choose/deltas.h"

typedef struct {
    double weight, alpha;
    bool normalize;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 1, -1e6, 1e6, "weight of the model's difference to the base"),
    CULL_OPT_F64(opts, alpha, 1, -1e6, 1e6, "of the sum of differences"),
    CULL_OPT_BOOL(opts, normalize, false, "divide the sum by the sum of the weights"),
    CULL_OPT_END};

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    float weight[CULL_WEIGHTS_MODELS + 1];
    const opts *o = it->opts[0];
    cull__deltas d = {
        .w = w, .it = it, .weight = weight, .alpha = (float)o->alpha, .normalize = o->normalize};
    (void)state, (void)own;
    (void)cull__model_weights(w, it, offsetof(opts, weight), weight);
    return cull__deltas_block(cx, &d, from, n, out);
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_BASE, .least = 1, .most = -1, .block = block};
const cull_method cull__method_task_arithmetic = {
    .slug = "task-arithmetic",
    .title = "the base and what models learned since, added up",
    .paper = "Ilharco et al. 2023, Editing Models with Task Arithmetic",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
