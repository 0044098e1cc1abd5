/* ffn-channels - feed-forward layers of a transformer with fewer channels
 *
 * Chooses   Of each feed-forward layer the channels that matter most; the others go from all its matrices, and from the config:
 *           gate and up projections lose rows, the down projection columns.
 * Idea      A channel adds (its gate) (its up) (its column of down) to the output, so that the product of the three sizes says how
 *           much it can add, and is 0 just where it adds nothing. With activations the columns count by the norms of what they
 *           are multiplied with, as in Wanda (Sun et al. 2024).
 * Reads     one model: LLaMA, Mistral, Qwen, Gemma, Mixtral, OPT, BERT, by the names of its tensors; activations: for each down
 *           projection the norm of each input, under its name.
 * Deviates  LLM-Pruner (Ma et al. 2023) adds the parts' sizes up, and takes gradients. All layers keep as many channels, since the
 *           config has one number for them; which ones differ.
 * Cost      One pass over the layers to measure, one to write. A row and sums of columns are held.
 * Example   cull weights ffn-channels --share 0.75 model/ -o narrower/
 */
#include "cull/weights.h"
#include "repr/config_edit.h"
#include "repr/narrow.h"

#include <math.h>

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

static const char *const keys[] = {
    "intermediate_size", "moe_intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "d_ff"};
enum { KEYS = sizeof keys / sizeof *keys };

static int64_t width_of(const opts *o, int64_t has)
{
    if (o->width >= 0) return o->width;
    int64_t n = llround((double)has * o->share / (double)o->round) * o->round;
    if (n < o->round && o->share > 0) n = o->round;
    return n < has ? n : has;
}

static cull_status set_config(cull_ctx *cx, cull_weights_work *w, int64_t from, int64_t to)
{
    const cull_checkpoint *ck = w->source[w->first];
    const char *text = cull_checkpoint_config(ck);
    int times;
    if (!text || from == to) return CULL_OK;
    CULL_TRY(cull__config_set(cx, text, keys, KEYS, from, to, &w->config, &times));
    if (times) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: its feed-forward layers have %lld channels, and no intermediate_size of "
                      "the config is that",
                      cull_checkpoint_path(ck), (long long)from);
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
    int64_t has = n->block[0].units;
    if (p->manifest)
        CULL_TRY(cull__narrow_again(cx, n, p->manifest));
    else
        CULL_TRY(cull__narrow_choose(cx, n, width_of(o, has), (cull__narrow_by)o->importance,
                                     p->activations, w->planning));
    CULL_TRY(cull__narrow_items(cx, w, n));
    CULL_TRY(set_config(cx, w, has, n->block[0].kept));
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
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
