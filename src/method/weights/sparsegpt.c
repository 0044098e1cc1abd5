/* sparsegpt - weights become 0, and those that remain make up for them (Frantar and Alistarh 2023)
 *
 * Chooses   which weights of a checkpoint stay, and what they become so that a layer's outputs stay near to what they were.
 * Idea      With the inputs' Gram matrix X^T X the cost of a weight, and what the others of its output had best become without it, are known
 *           in closed form. Columns are gone through in order; what goes in one changes those behind it.
 * Reads     one model; activations: for each matrix that is pruned X^T X of its inputs over some samples, (inputs, inputs), as
 *           NAME.gram; the name without ".weight" will do. A kernel of a convolution is a row for each output, and its inputs are what the
 *           kernel sees: channel by channel, place by place.
 * Deviates  (a) All Gram matrices are of the dense model; the paper prunes a layer and records the next one's inputs after it. (b) Of a block of
 *           columns exactly the share goes; the official code takes all up to a threshold. (c) The damping is a share of the mean over
 *           inputs that are not always 0. (d) A block is as many whole groups of N:M as 128 columns hold. Nothing is quantized.
 * Cost      O(outputs inputs^2) time. A tensor in f32 and its Gram matrix in f64 and f32 in memory.
 * Example   cull weights sparsegpt --sparsity 0.5 --activations grams.safetensors model/ -o pruned/
 */
#include "choose/obs.h"
#include "choose/prune.h"
#include "cull/weights.h"
#include "repr/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    cull__prune_opts prune;
    double damping;
    int64_t block;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(cull__prune_opts, sparsity, .5, 0, 1,
                 "share of the weights of each block that becomes 0"),
    CULL__PRUNE_NM,
    CULL_OPT_F64(opts, damping, .01, 1e-9, 10, "of the Gram matrix: share of its mean diagonal"),
    CULL_OPT_I64(opts, block, 128, 1, 4096, "columns whose weights are chosen together"),
    CULL__PRUNE_WHICH,
    CULL_OPT_BOOL(cull__prune_opts, transposed, false,
                  "matrices are stored (inputs, outputs), as GPT-2 has them"),
    CULL_OPT_END};

static const opts *opts_of(const cull_weights_work *w, const cull_weights_item *it)
{
    return it->opts[w->first];
}

static int64_t block_of(const opts *o)
{
    if (o->prune.m == 0) return o->block;
    return o->block < o->prune.m ? o->prune.m : o->block / o->prune.m * o->prune.m;
}

/* ---- the Gram matrix ---- */

static const char *const ending[] = {".gram"};

static int64_t gram_of(const cull_weights_work *w, const cull_weights_item *it)
{
    int which;
    return cull__inputs_find(w->problem->activations, it->t.name, ending, 1, &which);
}

static cull_status check_gram(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                              const cull__grid *g)
{
    const cull_checkpoint *ck = w->problem->activations;
    int64_t i = gram_of(w, it), d = cull__grid_width(g);
    if (i < 0) return cull__inputs_missing(cx, ck, "Gram matrix (.gram)", it->t.name);
    const cull_tensor *t = cull_checkpoint_at(ck, i);
    if (t->floating && t->ndim == 2 && t->shape[0] == d && t->shape[1] == d) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: '%s' is no Gram matrix of the %" PRId64
                      " inputs of '%s': floating, %" PRId64 " by %" PRId64,
                      cull_checkpoint_path(ck), t->name, d, it->t.name, d, d);
}

static cull_status no_gram(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t row)
{
    return cull__fail(cx, CULL_EINPUT,
                      "%s: '%s' is no Gram matrix X^T X: row %" PRId64
                      " is not finite, not symmetric, or of a square that is below 0",
                      cull_checkpoint_path(ck), cull_checkpoint_at(ck, i)->name, row);
}

/* h (d, d), and that it can be one. */
static cull_status read_gram(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t d,
                             double *h)
{
    enum { NEAR = 1000 }; /* of the diagonal's size: what f16 leaves of a symmetric matrix */
    float *row;
    CULL_TRY(CULL_TMP(cx, row, d));
    for (int64_t r = 0; r < d; r++) {
        CULL_TRY(cull_checkpoint_read(cx, ck, i, r * d, d, row));
        for (int64_t c = 0; c < d; c++) h[r * d + c] = (double)row[c];
        for (int64_t c = 0; c < d; c++)
            if (!isfinite(row[c])) return no_gram(cx, ck, i, r);
        for (int64_t c = 0; c < r; c++) {
            double size = sqrt(fabs(h[r * d + r] * h[c * d + c]));
            if (!(fabs(h[r * d + c] - h[c * d + r]) * NEAR <= size) && h[r * d + c] != h[c * d + r])
                return no_gram(cx, ck, i, r);
        }
    }
    return CULL_OK;
}

/* ---- the method ---- */

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    CULL_TRY(cull__prune_items(cx, w, "sparsegpt"));
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = &w->item[i];
        const opts *o = opts_of(w, it);
        if (it->copy) continue;
        cull__grid g = cull__grid_of(it->t.shape, it->t.ndim, it->turned || o->prune.transposed);
        if (o->prune.m > 0 && g.inner > 1)
            return cull__fail(cx, CULL_EINPUT,
                              "'%s' is a kernel of %" PRId64
                              " places: sparsegpt prunes N:M in matrices; leave it out by a rule "
                              "'%s: n=0, m=0, sparsity=0'",
                              it->t.name, g.inner, it->t.name);
        CULL_TRY(check_gram(cx, w, it, &g));
    }
    return CULL_OK;
}

/* All of a tensor, an output a row. */
typedef struct {
    float *w; /* (outs, ins) */
    int64_t outs, ins;
    bool across;
} matrix;

static cull_status read_all(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                            const matrix *m)
{
    float *x;
    CULL_TRY(CULL_TMP(cx, x, CULL_WEIGHTS_BLOCK));
    for (int64_t from = 0, n; from < it->t.n; from += n) {
        n = it->t.n - from < CULL_WEIGHTS_BLOCK ? it->t.n - from : CULL_WEIGHTS_BLOCK;
        float *to = m->across ? x : m->w + from;
        CULL_TRY(cull_weights_read(cx, w, it, w->first, from, n, to));
        for (int64_t i = 0; m->across && i < n; i++)
            m->w[(from + i) % m->outs * m->ins + (from + i) / m->outs] = x[i];
    }
    return CULL_OK;
}

static cull_status factor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          int64_t d, float *l, uint8_t *dead)
{
    const cull_checkpoint *ck = w->problem->activations;
    int64_t i = gram_of(w, it), bad = -1;
    double *h;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, h, d * d);
    if (s == CULL_OK) s = read_gram(cx, ck, i, d, h);
    if (s == CULL_OK) s = cull__obs_factor(cx, h, d, opts_of(w, it)->damping, l, dead, &bad);
    cull__release(cx, mark);
    cull_checkpoint_done(ck, i);
    return s == CULL_OK && bad >= 0 ? no_gram(cx, ck, i, bad) : s;
}

static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own)
{
    const opts *o = opts_of(w, it);
    cull__grid g = cull__grid_of(it->t.shape, it->t.ndim, it->turned || o->prune.transposed);
    matrix *m;
    float *l;
    uint8_t *dead;
    (void)state;
    CULL_TRY(CULL_TMP(cx, m, 1));
    *own = m;
    *m = (matrix){.outs = g.outs, .ins = cull__grid_width(&g), .across = g.across};
    CULL_TRY(CULL_TMP(cx, m->w, m->outs * m->ins));
    CULL_TRY(CULL_TMP(cx, l, m->ins * m->ins));
    CULL_TRY(CULL_TMP(cx, dead, m->ins));
    CULL_TRY(factor(cx, w, it, m->ins, l, dead));
    CULL_TRY(read_all(cx, w, it, m));
    const cull__obs p = {.outs = m->outs,
                         .ins = m->ins,
                         .w = m->w,
                         .l = l,
                         .dead = dead,
                         .sparsity = o->prune.sparsity,
                         .n = (int)o->prune.n,
                         .m = (int)o->prune.m,
                         .block = block_of(o)};
    return cull__obs_prune(cx, &p);
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    const matrix *m = own;
    (void)cx, (void)w, (void)it, (void)state;
    if (!m->across) {
        memcpy(out, m->w + from, (size_t)n * sizeof *out);
        return CULL_OK;
    }
    for (int64_t i = from; i < from + n; i++) *out++ = m->w[i % m->outs * m->ins + i / m->outs];
    return CULL_OK;
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    *bytes = 0;
    *passes = 0;
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = &w->item[i];
        const opts *o = opts_of(w, it);
        if (it->copy) continue;
        cull__grid g = cull__grid_of(it->t.shape, it->t.ndim, it->turned || o->prune.transposed);
        uint64_t d = (uint64_t)cull__grid_width(&g), outs = (uint64_t)g.outs;
        uint64_t factoring = d * d * sizeof(double) + d * sizeof(float);
        uint64_t pruning = cull__obs_bytes(g.outs, (int64_t)d, block_of(o), threads);
        uint64_t here = outs * d * sizeof(float) + d * d * sizeof(float) + d +
                        CULL_WEIGHTS_BLOCK * sizeof(float) +
                        (factoring > pruning ? factoring : pruning);
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
    .block = block,
    .plan = plan,
};
const cull_method cull__method_sparsegpt = {
    .slug = "sparsegpt",
    .title = "weights become 0, and those that remain make up for them",
    .paper = "Frantar and Alistarh 2023, SparseGPT: Massive Language Models Can Be Accurately "
             "Pruned in One-Shot",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
