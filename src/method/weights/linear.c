/* linear - weighted mean of models
 *
 * Chooses   sum of weight * model over models, for each tensor; by default divided by the sum of the weights.
 * Idea      Models fine-tuned from one start lie in one basin, and so does their mean (Wortsman et al. 2022).
 * Reads     models of the same names and shapes.
 * Deviates  -
 * Cost      one pass; a block of each model in memory.
 * Example   cull weights linear --weights 0.6,0.4 a.safetensors b.safetensors -o mean.safetensors
 */
#include "base/base.h"
#include "cull/weights.h"

typedef struct {
    double weight;
    bool normalize;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 1, -1e6, 1e6, "weight of the model"),
    CULL_OPT_BOOL(opts, normalize, true, "divide by the sum of the weights"), CULL_OPT_END};

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    float *x;
    double sum = 0;
    (void)state, (void)own;
    CULL_TRY(CULL_TMP(cx, x, n));
    for (int64_t i = 0; i < n; i++) out[i] = 0;
    for (int s = w->first; s < w->sources; s++) {
        const opts *o = it->opts[s];
        float weight = (float)o->weight;
        sum += o->weight;
        CULL_TRY(cull_weights_read(cx, w, it, s, from, n, x));
        for (int64_t i = 0; i < n; i++) out[i] += weight * x[i];
    }
    const opts *o = it->opts[0];
    if (!o->normalize) return CULL_OK;
    float total = (float)sum;
    if (total == 0)
        return cull__fail(cx, CULL_EOPTION, "linear: weights of '%s' add up to 0; set normalize=no",
                          it->t.name);
    for (int64_t i = 0; i < n; i++) out[i] /= total;
    return CULL_OK;
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_NO_BASE, .least = 1, .most = -1, .block = block};
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
