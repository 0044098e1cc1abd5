/* ffn-channels - feed-forward layers of a transformer with fewer channels
 *
 * Chooses   Of each feed-forward layer the channels that matter most; the others go from all its matrices, and from the config:
 *           gate and up projections lose rows, the down projection columns.
 * Idea      A channel adds (its gate) (its up) (its column of down) to the output, so that the product of the three sizes says how
 *           much it can add, and is 0 just where it adds nothing. With activations the columns count by the norms of what they
 *           are multiplied with, as in Wanda (Sun et al. 2024).
 * Reads     one model, by the names of its tensors: LLaMA, Mistral, Qwen, Gemma, Phi, GLM, GPT-2, OPT, BERT, ViT, T5, BART,
 *           Whisper, mixtures whose experts are tensors of their own, or one tensor (gpt-oss, Llama 4, GraniteMoE, Gemma 4,
 *           Qwen3.5-MoE); activations: for each down projection the norm of each input, under its name.
 * Deviates  LLM-Pruner (Ma et al. 2023) adds the parts' sizes up, and takes gradients. Layers of one width keep as many channels,
 *           since the config has one number for them; which ones differ. Experts, those that all share, and towers may be of other
 *           widths: of each width the share stays. Where gate and up of a channel lie side by side (gpt-oss) they are one part,
 *           of the size of both.
 * Cost      One pass over the layers to measure, one to write. A row and sums of columns are held.
 * Example   cull weights ffn-channels --share 0.75 model/ -o narrower/
 */
#include "cull/checkpoint_look.h"
#include "cull/weights.h"
#include "repr/config_edit.h"
#include "repr/narrow.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    double share;
    int64_t width, round;
    int importance;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, share, 0.75, 0, 1, "share of the channels that stays"),
    CULL_OPT_I64(opts, width, -1, -1, 1e9, "how many stay; -1 = by share"),
    CULL_OPT_I64(opts, round, 8, 1, 65536, "by share: a multiple of so many"),
    CULL_OPT_ENUM(opts, importance, CULL__NARROW_L2, "l2|l1|random",
                  "sizes: of w^2, its root; of |w|; any"),
    CULL_OPT_END};

static const char *const keys[] = {"intermediate_size",
                                   "intermediate_size_mlp",
                                   "moe_intermediate_size",
                                   "shared_expert_intermediate_size",
                                   "ffn_hidden_size",
                                   "ffn_dim",
                                   "encoder_ffn_dim",
                                   "decoder_ffn_dim",
                                   "n_inner",
                                   "d_ff"};
enum { KEYS = sizeof keys / sizeof *keys };
/* DistilBERT's; elsewhere that of a model may be called so. */
static const char *const other_key[] = {"hidden_dim"};
/* Experts that all tokens share, where they are one layer of so many times the width. */
static const char *const shared_key[] = {"n_shared_experts", "moe_num_shared_experts"};
/* Networks that take four times the width of the model where `key` is null or not there. */
static const struct {
    const char *network, *key, *before;
} four[] = {{"GPT2", "n_inner", "n_embd"},
            {"gpt2", "n_inner", "n_embd"},
            {"GPTJ", "n_inner", "n_embd"},
            {"gptj", "n_inner", "n_embd"},
            {"CodeGen", "n_inner", "n_embd"},
            {"codegen", "n_inner", "n_embd"},
            {"GPTBigCode", "n_inner", "n_embd"},
            {"gpt_bigcode", "n_inner", "n_embd"},
            {"GPTNeoFor", "intermediate_size", "hidden_size"},
            {"gpt_neo", "intermediate_size", "hidden_size"}};

static int64_t width_of(const opts *o, int64_t has)
{
    if (o->width >= 0) return o->width;
    int64_t n = llround((double)has * o->share / (double)o->round) * o->round;
    if (n < o->round && o->share > 0) n = o->round;
    return n < has ? n : has;
}

static int64_t times_of(const cull__narrow_block *b, int64_t shared)
{
    return shared > 1 && b->units % shared == 0 && cull__ends(b->prefix, ".shared_experts") ? shared
                                                                                            : 1;
}

/* How many channels of each block are to stay. */
static cull_status want(cull_ctx *cx, const opts *o, cull__narrow *n, int64_t shared)
{
    for (int64_t b = 0; b < n->blocks; b++) {
        cull__narrow_block *k = n->block + b;
        int64_t times = times_of(k, shared), width = k->units / times;
        if (o->width >= 0 && width != n->block[0].units / times_of(n->block, shared))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: '%.160s' has %" PRId64 " channels, and '%.160s' has %" PRId64
                              "; say by share how many stay",
                              cull_checkpoint_path(n->ck), k->prefix, k->units, n->block[0].prefix,
                              n->block[0].units);
        k->kept = times * width_of(o, width);
    }
    return CULL_OK;
}

static cull_status set_width(cull_ctx *cx, const cull_checkpoint *ck, int64_t from, int64_t to,
                             const char **text)
{
    char buf[128];
    int times;
    CULL_TRY(cull__config_set(cx, *text, keys, KEYS, from, to, text, &times));
    if (!times) CULL_TRY(cull__config_set(cx, *text, other_key, 1, from, to, text, &times));
    if (times) return CULL_OK;
    const char *network = cull_checkpoint_network(cx, ck, buf), *was = *text;
    for (size_t k = 0; k < sizeof four / sizeof *four; k++)
        if (!strncmp(network, four[k].network, strlen(four[k].network)))
            return cull__config_add(cx, was, four[k].key, to, four[k].before, text);
    return cull__fail(cx, CULL_EINPUT,
                      "%s: its feed-forward layers have %" PRId64
                      " channels, and no intermediate_size of the config is that",
                      cull_checkpoint_path(ck), from);
}

/* The narrowest first, so that what one becomes is not taken for another. */
static cull_status set_config(cull_ctx *cx, cull_weights_work *w, const cull__narrow *n,
                              int64_t shared)
{
    const char *text = cull_checkpoint_config(n->ck);
    if (!text) return CULL_OK;
    for (int64_t last = 0;;) {
        const cull__narrow_block *next = NULL;
        int64_t from = 0, times = 1;
        for (int64_t b = 0; b < n->blocks; b++) {
            int64_t of = times_of(n->block + b, shared), width = n->block[b].units / of;
            if (width <= last || (next && width >= from)) continue;
            next = n->block + b, from = width, times = of;
        }
        if (!next) return CULL_OK;
        last = from;
        if (next->kept == next->units) continue;
        CULL_TRY(set_width(cx, n->ck, from, next->kept / times, &text));
        w->config = text;
    }
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    const opts *o = w->opts;
    const cull_weights_problem *p = w->problem;
    cull__narrow *n;
    if (p->rules)
        return cull__fail(cx, CULL_EINPUT,
                          "ffn-channels takes no rules: the config has one number for all layers");
    CULL_TRY(cull__narrow_ffn(cx, w->source[w->first], &n));
    const char *path = cull_checkpoint_path(n->ck), *text = cull_checkpoint_config(n->ck);
    int64_t shared;
    CULL_TRY(cull__config_number(cx, path, text, shared_key, 2, &shared));
    if (p->manifest) {
        CULL_TRY(cull__narrow_again(cx, n, p->manifest));
    } else {
        CULL_TRY(want(cx, o, n, shared));
        CULL_TRY(cull__narrow_choose(cx, n, (cull__narrow_by)o->importance, p->activations,
                                     w->planning));
    }
    CULL_TRY(cull__narrow_items(cx, w, n));
    CULL_TRY(set_config(cx, w, n, shared));
    return cull__narrow_write(cx, n, "ffn-channels", &w->manifest);
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_NO_BASE,
                                     .least = 1,
                                     .most = 1,
                                     .items = items,
                                     .block = cull__narrow_read};
const cull_method cull__method_ffn_channels = {
    .slug = "ffn-channels",
    .title = "feed-forward layers of a transformer with fewer channels",
    .paper = "Ma et al. 2023, LLM-Pruner: On the Structural Pruning of Large Language Models",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .flags = CULL_STOCHASTIC,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
