/* linear - weighted mean of models
 *
 * Chooses   sum of weight * model over models, for each tensor; by default divided by the sum of the weights.
 * Idea      Models fine-tuned from one start lie in one basin, and so does their mean (Wortsman et al. 2022).
 * Reads     models of the same names and shapes.
 * Deviates  Products are added with one rounding (fma), as the common tools do on present machines.
 * Cost      one pass; a block of each model in memory.
 * Example   cull weights linear --weights 0.6,0.4 a.safetensors b.safetensors -o mean.safetensors
 */
#include "choose/deltas.h"

typedef struct {
    double weight;
    bool normalize;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 1, -1e6, 1e6, "weight of the model"),
    CULL_OPT_BOOL(opts, normalize, true, "divide by the sum of the weights"), CULL_OPT_END};

static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own)
{
    float weight[CULL_WEIGHTS_MODELS + 1];
    float total = cull__model_weights(w, it, offsetof(opts, weight), weight);
    (void)state, (void)own;
    if (total != 0 || !((const opts *)it->opts[0])->normalize) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION, "linear: weights of '%s' add up to 0; set normalize=no",
                      it->t.name);
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    float weight[CULL_WEIGHTS_MODELS + 1];
    float total = cull__model_weights(w, it, offsetof(opts, weight), weight);
    (void)state, (void)own;
    if (!((const opts *)it->opts[0])->normalize) total = 0;
    return cull__models_sum(cx, w, it, weight, total, from, n, out);
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_NO_BASE, .least = 1, .most = -1, .tensor = tensor, .block = block};
const cull_method cull__method_linear = {
    .slug = "linear",
    .title = "weighted mean of models",
    .paper = "Wortsman et al. 2022, Model Soups",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
