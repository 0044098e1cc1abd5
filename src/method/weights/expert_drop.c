/* expert-drop - a mixture of experts without its least useful experts
 *
 * Chooses   which experts of each layer stay; the others' weights and rows of the router go.
 * Idea      By loss: the set whose outputs on recorded inputs differ least from those of all experts, routers choosing among
 *           those that stay (Lu et al. 2024): every set is tried where there are few, else experts go one after another
 *           from the best sets so far. By usage: the experts that most tokens go to.
 * Reads     one model; as activations a file of router logits or usage of each layer, by loss also its inputs. A layer's number
 *           of experts may be its own: by a rule ("layer=0-3: experts=6"), or by share, which keeps the most used of all layers.
 * Deviates  Layers are judged by themselves, on inputs as they were before any expert went. Routers that score by a sigmoid
 *           or choose groups first are not judged by loss, nor are experts in one tensor of a network that is not known.
 * Cost      by usage a pass over the logits. By loss all experts are run on the tokens: 4 tokens units floats for each worker,
 *           tokens experts^2 doubles, and up to 64 MiB of outputs; sets cost some numbers a token each.
 * Example   cull weights expert-drop --experts 6 --activations stats.safetensors model -o small
 */
#include "choose/kept.h"
#include "score/experts_reduce.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int64_t experts, top, sets, beam;
    double share;
    int by;
} opts;
enum { AUTO, USAGE, LOSS };
static const cull_opt table[] = {
    CULL_OPT_I64(opts, experts, 0, 0, 1 << 20, "experts of each layer that stay"),
    CULL_OPT_F64(opts, share, 0, 0, 1,
                 "the share of all experts that stays, by usage over all layers; 0 = experts"),
    CULL_OPT_ENUM(
        opts, by, AUTO, "auto|usage|loss",
        "keep the most used, or the set that changes outputs least; auto: loss where inputs "
        "were recorded"),
    CULL_OPT_I64(opts, top, 0, 0, 1024, "experts that a token goes to; 0 = as the config says"),
    CULL_OPT_I64(opts, sets, 20000, 1, 100000000, "by loss: try every set up to so many"),
    CULL_OPT_I64(opts, beam, 8, 1, 4096, "by loss, of more: sets that are followed; 1 = greedy"),
    CULL_OPT_END};

/* The k most used; ties: the lower. */
static void most_used(const double *usage, int64_t experts, int64_t k, uint8_t *kept)
{
    memset(kept, 0, (size_t)experts);
    for (; k > 0; k--) {
        int64_t best = -1;
        for (int64_t e = 0; e < experts; e++)
            if (!kept[e] && (best < 0 || usage[e] > usage[best])) best = e;
        kept[best] = 1;
    }
}

static bool scaled(const cull__reduce *r) { return r->moe.network && r->moe.network->scaled; }

static cull_status least_loss(cull_ctx *cx, const cull__reduce *r, const opts *o, int64_t b,
                              const float *z, uint8_t *kept)
{
    cull__expert_cache cache;
    cull__act act;
    float *x;
    double loss;
    bool exact;
    const cull__kept_opts ask = {.most = o->sets, .beam = o->beam};
    if (r->of[b].inputs < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has no '%.160s.inputs', which by=loss runs experts on",
                          cull_checkpoint_path(r->stats), r->moe.block[b].prefix);
    if (r->config.sigmoid)
        return cull__fail(cx, CULL_EINPUT,
                          "'%.160s' scores experts by a sigmoid; by=loss knows softmax routers",
                          r->moe.block[b].prefix);
    if (scaled(r))
        return cull__fail(cx, CULL_EINPUT,
                          "the router of '%.160s' scales what it gives or is given; by=loss knows "
                          "softmax routers",
                          r->moe.block[b].prefix);
    CULL_TRY(cull__reduce_act(cx, r, &act));
    CULL_TRY(cull__expert_stats_read(cx, r->stats, r->of[b].inputs, &x));
    CULL_TRY(cull__expert_outputs(cx, r->ck, &r->moe, b, act, x, r->of[b].tokens, z, r->top,
                                  r->config.renormalise, &cache));
    CULL_TRY(cull__kept_best(cx, cache.experts, r->kept[b], cull__expert_loss, &cache, &ask, kept,
                             &loss, &exact));
    cull__log(cx, CULL_LOG_INFO, "%s: keeps %" PRId64 " of %" PRId64 ", outputs change by %.4g%s",
              r->moe.block[b].prefix, r->kept[b], cache.experts,
              cache.norm2 > 0 ? sqrt(loss / cache.norm2) : 0, exact ? ", no set by less" : "");
    return CULL_OK;
}

static cull_status choose(cull_ctx *cx, const cull_weights_work *w, cull__reduce *r, const opts *o,
                          int64_t b)
{
    int64_t experts = r->moe.block[b].experts;
    bool loss =
        o->by == LOSS || (o->by == AUTO && r->of[b].inputs >= 0 && !r->config.sigmoid &&
                          (!r->moe.block[b].fused || (r->moe.block[b].units && !scaled(r))));
    float *z;
    double *usage;
    uint8_t *kept;
    CULL_TRY(CULL_TMP(cx, kept, experts));
    CULL_TRY(cull__reduce_block(cx, r, b, &z, &usage));
    most_used(usage, experts, r->kept[b], kept);
    if (loss && !w->planning) CULL_TRY(least_loss(cx, r, o, b, z, kept));
    cull__moe_cut_keep(r->cut + b, experts, kept);
    return CULL_OK;
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    const opts *o = w->opts;
    cull__reduce *r;
    int64_t *keep;
    bool done;
    CULL_TRY(CULL_TMP(cx, r, 1));
    CULL_TRY(cull__reduce_open(cx, w, o->top, r, &done));
    w->own = r;
    CULL_TRY(CULL_TMP(cx, keep, r->moe.blocks));
    for (int64_t b = 0; b < r->moe.blocks; b++) /* rules may name a layer by its router */
        keep[b] = ((const opts *)w->item[r->moe.block[b].router].opts[0])->experts;
    if (!done) CULL_TRY(cull__reduce_counts(cx, r, o->share, keep));
    for (int64_t b = 0; b < r->moe.blocks && !done; b++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(choose(cx, w, r, o, b));
        cull__release(cx, mark);
        CULL_TRY(cull__tick(cx, (double)b, (double)r->moe.blocks));
    }
    return cull__reduce_close(cx, w, r, "expert-drop");
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    const cull__reduce *r = w->own;
    int64_t b = r->moe.place[it->from].block;
    (void)state, (void)own;
    return cull__moe_cut_rows(cx, w, it, &r->moe, r->cut + b, NULL, from, n, out);
}

static const cull_weights_fns fns = {
    .needs = CULL_WEIGHTS_NO_BASE, .least = 1, .most = 1, .items = items, .block = block};
const cull_method cull__method_expert_drop = {
    .slug = "expert-drop",
    .title = "a mixture of experts without its least useful experts",
    .paper = "Lu et al. 2024, Not All Experts are Equal: Efficient Expert Pruning and Skipping for "
             "Mixture-of-Experts Large Language Models",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
