/* soup - mean of models fine-tuned from one start, all of them or those that help (Wortsman et al. 2022)
 *
 * Chooses   the mean of the models; with a program that scores checkpoints the greedy soup: from the best model on, in the order of
 *           their scores, a model is added where the mean with it scores no worse.
 * Idea      Fine-tuned models of one start lie in one basin; their mean is more accurate than the best of them and costs as much to run.
 * Reads     models of the same names and shapes; greedy: a score of each, or a program that gives them.
 * Deviates  The mean is taken once over all that are kept, in f32; a running mean would be rounded at each step.
 * Cost      one pass; greedy: a pass and a run of the program for each model.
 * Example   cull weights soup a b c -o soup -- ./accuracy.sh {checkpoint}
 */
#include "choose/deltas.h"

typedef struct {
    double weight;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 1, 0, 1e6, "weight of the model in the mean"), CULL_OPT_END};

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    float weight[CULL_WEIGHTS_MODELS + 1];
    float total = cull__model_weights(w, it, offsetof(opts, weight), weight);
    (void)state, (void)own;
    if (total == 0)
        return cull__fail(cx, CULL_EOPTION, "soup: all weights of '%s' are 0", it->t.name);
    return cull__models_sum(cx, w, it, weight, total, from, n, out);
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_NO_BASE, .least = 1, .most = -1, .block = block};
const cull_method cull__method_soup = {
    .slug = "soup",
    .title = "mean of models fine-tuned from one start, of all or of those that help",
    .paper = "Wortsman et al. 2022, Model Soups",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
