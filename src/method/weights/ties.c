/* ties - what models learned, trimmed and agreed on by sign (Yadav et al. 2023)
 *
 * Chooses   of each model's difference to the base the largest numbers, a share `density` of each tensor; of them those whose sign
 *           is that of the weighted sum; base + alpha * their mean.
 * Idea      Most of what changed in fine-tuning is noise, and where models disagree in sign they wipe one another out.
 * Reads     base, and models of the same names and shapes.
 * Deviates  (a) The share is taken of each tensor, as the common tools do; the paper takes it of the whole model. (b) Of equal
 *           magnitudes at the threshold those that stand first are kept, exactly as many as the share says. (c) Differences are
 *           taken in f32. (d) alpha is 1; the paper tunes it on validation data.
 * Cost      two or three passes, O(n); a block of each model in memory, and at most 64 MiB of what lies near the cuts.
 * Example   cull weights ties --base base --density 0.3 math code -o merged
 */
#include "choose/deltas.h"

typedef struct {
    double weight, density, alpha;
    bool normalize;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 1, -1e6, 1e6, "weight of the model's difference to the base"),
    CULL_OPT_F64(opts, density, 0.2, 0, 1, "share of a tensor's differences that is kept"),
    CULL_OPT_F64(opts, alpha, 1, -1e6, 1e6, "of the sum of differences"),
    CULL_OPT_BOOL(opts, normalize, true, "divide by the weights of those that agree"),
    CULL_OPT_END};

/* How many of n are kept: never none, unless that is asked for. */
static int64_t kept(double density, int64_t n)
{
    int64_t k = (int64_t)(density * (double)n);
    return density > 0 && k < 1 && n > 0 ? 1 : k;
}

/* Cuts of each source. */
static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own)
{
    cull__cut *cut;
    int64_t rank[CULL_WEIGHTS_MODELS + 1];
    (void)state;
    CULL_TRY(CULL_TMP(cx, cut, w->sources));
    *own = cut;
    for (int s = w->first; s < w->sources; s++) {
        double density = ((const opts *)it->opts[s])->density;
        rank[s] = density < 1 ? kept(density, it->t.n) : -1;
    }
    return cull__delta_cuts(cx, w, it, rank, 1, cut);
}

static cull_status thin(cull_ctx *cx, const cull__deltas *d, int s, int64_t from, int64_t n,
                        float *x)
{
    const cull__cut *cut = d->arg;
    if (((const opts *)d->it->opts[s])->density < 1) cull__delta_above(cx, &cut[s], 0, from, n, x);
    return CULL_OK;
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    float weight[CULL_WEIGHTS_MODELS + 1];
    const opts *o = it->opts[0];
    cull__deltas d = {.w = w,
                      .it = it,
                      .thin = thin,
                      .arg = own,
                      .weight = weight,
                      .alpha = (float)o->alpha,
                      .elect = true,
                      .normalize = o->normalize};
    (void)state;
    (void)cull__model_weights(w, it, offsetof(opts, weight), weight);
    return cull__deltas_block(cx, &d, from, n, out);
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    *bytes = cull__delta_cuts_bytes(w, 1, threads);
    *passes = 1;
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_BASE,
                                     .least = 1,
                                     .most = -1,
                                     .tensor = tensor,
                                     .block = block,
                                     .plan = plan};
const cull_method cull__method_ties = {
    .slug = "ties",
    .title = "the base and the largest of what models learned, where they agree in sign",
    .paper = "Yadav et al. 2023, TIES-Merging",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
