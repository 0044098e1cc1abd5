/* dare - what models learned, dropped at random and scaled up (Yu et al. 2024)
 *
 * Chooses   of each model's difference to the base a share `density`, drawn; base + alpha * the sum of what is kept / density. With
 *           elect, only what has the sign of that sum counts (DARE with TIES).
 * Idea      Differences of fine-tuned models are small and redundant: most can go if the rest is scaled so that the sum is the same on
 *           average, and then models step less on one another.
 * Reads     base, and models of the same names and shapes.
 * Deviates  (a) Draws are counted from the seed, the tensor's name, the model's place and the element's, so that neither threads
 *           nor blocks change them. (b) Rescaling by l1, which makes the sum of magnitudes what it was, is other tools' default; here it is
 *           an option. (c) density 0.1 is kept, the paper's drop rate of 0.9.
 * Cost      one pass, two with rescale=l1; a block of each model in memory.
 * Example   cull weights dare --base base --density 0.2 --seed 7 math code -o merged
 */
#include "choose/deltas.h"
#include "num/blend.h"

#include <math.h>
#include <string.h>

enum { BY_DENSITY, BY_L1, BY_NOTHING };
typedef struct {
    double weight, density, alpha;
    bool elect, normalize;
    int rescale;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 1, -1e6, 1e6, "weight of the model's difference to the base"),
    CULL_OPT_F64(opts, density, 0.1, 0, 1, "share of the differences that is kept"),
    CULL_OPT_F64(opts, alpha, 1, -1e6, 1e6, "of the sum of differences"),
    CULL_OPT_BOOL(opts, elect, false, "only what has the sign of the sum counts, as ties"),
    CULL_OPT_BOOL(opts, normalize, false, "divide by the weights of what counts"),
    CULL_OPT_ENUM(opts, rescale, BY_DENSITY, "density|l1|no",
                  "what is kept is divided by the share, or grows to the sum of magnitudes before"),
    CULL_OPT_END};

/* What is not drawn of x[0 .. n), from .. on, becomes 0. Pieces begin at multiples of CULL__DELTAS. */
static void drop(cull_ctx *cx, const cull_weights_item *it, int model, double density, int64_t from,
                 int64_t n, float *x)
{
    uint32_t draw[CULL__DELTAS];
    uint64_t stream = cull__hash64(it->t.name, strlen(it->t.name), (uint64_t)model);
    cull_rng rng = cull__rng(cx, stream + (uint64_t)(from / CULL__DELTAS));
    double below = density * 0x1p32;
    uint32_t limit = below >= 0x1p32 ? UINT32_MAX : (uint32_t)below;
    cull__rng_fill(&rng, draw, n);
    cull__blend_of(cx)->draw(x, draw, limit, n);
}

/* ---- the scale ---- */
typedef struct {
    const cull_weights_work *w;
    const cull_weights_item *it;
    int s;
    double (*sum)[2]; /* of each chunk: of all magnitudes, of those that are kept */
} sums;

static double magnitudes(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += fabsf(x[i]);
    return sum;
}

static cull_status add(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const sums *p = arg;
    float *x;
    double density = ((const opts *)p->it->opts[p->s])->density;
    p->sum[chunk][0] = p->sum[chunk][1] = 0;
    CULL_TRY(CULL_TMP(cx, x, hi - lo));
    CULL_TRY(cull__delta_read(cx, p->w, p->it, p->s, lo, hi - lo, x));
    for (int64_t at = lo, n; at < hi; at += n, x += n) {
        n = hi - at < CULL__DELTAS ? hi - at : CULL__DELTAS;
        p->sum[chunk][0] += magnitudes(x, n);
        drop(cx, p->it, p->s - p->w->first, density, at, n, x);
        p->sum[chunk][1] += magnitudes(x, n);
    }
    return CULL_OK;
}

static cull_status by_l1(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         int s, float *scale)
{
    sums p = {.w = w, .it = it, .s = s};
    int64_t chunks = (it->t.n + CULL_WEIGHTS_BLOCK - 1) / CULL_WEIGHTS_BLOCK;
    double before = 0, after = 0;
    CULL_TRY(CULL_TMP(cx, p.sum, chunks));
    CULL_TRY(cull__for(cx, it->t.n, CULL_WEIGHTS_BLOCK, add, &p));
    for (int64_t c = 0; c < chunks; c++) before += p.sum[c][0], after += p.sum[c][1];
    if (!isfinite(before)) {
        CULL_TRY(cull_weights_finite(cx, w, it, 0));
        CULL_TRY(cull_weights_finite(cx, w, it, s));
    }
    *scale = before < 1e-7 || after < 1e-7 ? 1 : (float)(before / after);
    return CULL_OK;
}

/* The scale of each source. */
static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own)
{
    float *scale;
    (void)state;
    CULL_TRY(CULL_TMP(cx, scale, w->sources));
    *own = scale;
    for (int s = w->first; s < w->sources; s++) {
        const opts *o = it->opts[s];
        scale[s] = 1;
        if (o->density >= 1 || o->density <= 0) continue;
        if (o->rescale == BY_DENSITY) scale[s] = (float)(1 / o->density);
        if (o->rescale == BY_L1) CULL_TRY(by_l1(cx, w, it, s, &scale[s]));
    }
    return CULL_OK;
}

static cull_status thin(cull_ctx *cx, const cull__deltas *d, int s, int64_t from, int64_t n,
                        float *x)
{
    const float *scale = d->arg;
    double density = ((const opts *)d->it->opts[s])->density;
    if (density >= 1) return CULL_OK;
    drop(cx, d->it, s - d->w->first, density, from, n, x);
    cull__blend_of(cx)->scale(x, scale[s], n);
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
                      .elect = o->elect,
                      .normalize = o->normalize};
    (void)state;
    (void)cull__model_weights(w, it, offsetof(opts, weight), weight);
    return cull__deltas_block(cx, &d, from, n, out);
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    const opts *o = w->opts;
    (void)threads;
    *bytes = 0;
    *passes = o->rescale == BY_L1;
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_BASE,
                                     .least = 1,
                                     .most = -1,
                                     .tensor = tensor,
                                     .block = block,
                                     .plan = plan};
const cull_method cull__method_dare = {
    .slug = "dare",
    .title = "the base and a random share of what models learned, scaled up",
    .paper = "Yu et al. 2024, Language Models are Super Mario",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 3,
    .flags = CULL_STOCHASTIC,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
