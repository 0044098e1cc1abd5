/* heads - attention of a transformer with fewer heads
 *
 * Chooses   Of each attention layer the groups of heads that matter most, a group being one head of keys and values with all the
 *           heads of queries that share it. The others go from the four projections, and from the config.
 * Idea      A head adds what its values and its part of the output projection say; where it looks says nothing of how much. So the
 *           product of those two sizes is a group's, and is 0 just where it adds nothing. With activations the columns of the
 *           output projection count by the norms of what they are multiplied with.
 * Reads     one model with config.json: LLaMA, Mistral, Qwen, Gemma, gpt-oss, Phi and others with q_proj, k_proj, v_proj (or
 *           one qkv_proj) and o_proj; sinks and norms by head are cut with them, a norm over all heads is refused; activations: for
 *           each output projection the norm of each input, under its name.
 * Deviates  Michel et al. 2019 rank heads by gradients over data. Whole groups go, so that any kernel of grouped queries takes what
 *           is left; all layers keep as many. The width of a head stays, and is written into the config.
 * Cost      One pass over values and output projections to measure, one to write. A row and sums of columns are held.
 * Example   cull weights heads --kv-heads 6 model/ -o narrower/
 */
#include "cull/checkpoint_look.h"
#include "cull/weights.h"
#include "repr/config_edit.h"
#include "repr/narrow.h"

#include <math.h>
#include <string.h>
#include <strings.h>

typedef struct {
    double share;
    int64_t kv_heads;
    int importance;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, share, 0.75, 0, 1, "share of the groups that stays"),
    CULL_OPT_I64(opts, kv_heads, -1, -1, 1e6, "how many stay; -1 = by share"),
    CULL_OPT_ENUM(opts, importance, CULL__NARROW_L2, "l2|l1|random",
                  "sizes: of w^2, its root; of |w|; any"),
    CULL_OPT_END};

static const char *const heads_key[] = {"num_attention_heads", "n_head", "num_heads",
                                        "encoder_attention_heads", "attention_heads"};
enum { HEADS_KEYS = sizeof heads_key / sizeof *heads_key };
static const char *const groups_key[] = {"num_key_value_heads", "num_kv_heads"};
static const char *const width_key[] = {"head_dim"};
static const char *const hidden_key[] = {"hidden_size", "n_embd", "d_model"};

typedef struct {
    int64_t heads, groups, width;
    bool grouped, said; /* the config says how many groups there are, how wide a head is */
} shape;

static cull_status read_config(cull_ctx *cx, const cull_checkpoint *ck, shape *s)
{
    const char *path = cull_checkpoint_path(ck), *text = cull_checkpoint_config(ck);
    int64_t hidden;
    CULL_TRY(cull__config_number(cx, path, text, heads_key, HEADS_KEYS, &s->heads));
    CULL_TRY(cull__config_number(cx, path, text, groups_key, 2, &s->groups));
    CULL_TRY(cull__config_number(cx, path, text, width_key, 1, &s->width));
    CULL_TRY(cull__config_number(cx, path, text, hidden_key, 3, &hidden));
    s->grouped = s->groups > 0, s->said = s->width > 0;
    if (!s->grouped) s->groups = s->heads;
    if (s->width < 1 && s->heads > 0) s->width = hidden / s->heads;
    if (s->heads > 0 && s->width > 0 && s->heads % s->groups == 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: heads wants a config.json with num_attention_heads, and hidden_size or "
                      "head_dim; num_key_value_heads must divide the heads",
                      path);
}

/* Networks whose code takes the width to be hidden_size / num_attention_heads, whatever head_dim says. */
static cull_status check_network(cull_ctx *cx, const cull_checkpoint *ck)
{
    static const char *const divide[] = {
        "stablelm",    "chameleon", "blt",    "qwen2vl", "qwen2_vl",  "qwen2_5_vl",
        "qwen2_5_o",   "mllama",    "bert",   "roberta", "electra",   "distilbert",
        "deberta",     "albert",    "vit",    "deit",    "dinov2",    "gpt2",
        "gptneox",     "gpt_neox",  "falcon", "bloom",   "persimmon", "gptbigcode",
        "gpt_bigcode", "modernbert"};
    char buf[128];
    const char *network = cull_checkpoint_network(cx, ck, buf);
    for (size_t k = 0; k < sizeof divide / sizeof *divide; k++)
        if (!strncasecmp(network, divide[k], strlen(divide[k])))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: %s reads no head_dim and takes the width of a head to be "
                              "hidden_size / num_attention_heads: it can have no fewer heads",
                              cull_checkpoint_path(ck), network);
    return CULL_OK;
}

/* T5's layers share the position biases of the first one, a column for each head. */
static cull_status check_biases(cull_ctx *cx, const cull_checkpoint *ck)
{
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++)
        if (cull__ends(cull_checkpoint_at(ck, i)->name, ".relative_attention_bias.weight"))
            return cull__fail(
                cx, CULL_EINPUT,
                "%s: '%.160s' has a position bias of each head for all layers: heads are "
                "not cut",
                cull_checkpoint_path(ck), cull_checkpoint_at(ck, i)->name);
    return CULL_OK;
}

/* Networks of this name (OPT, BART, CLIP, GPT-J) divide hidden_size by the heads, and read no head_dim. */
static cull_status check_width(cull_ctx *cx, const cull__narrow *n, const shape *s)
{
    for (int64_t i = 0; i < n->parts && !s->said; i++) {
        const char *name = cull_checkpoint_at(n->ck, n->part[i].tensor)->name;
        if (cull__ends(name, ".out_proj.weight"))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: a network with '%.160s' and no head_dim in its config takes the "
                              "width of a head to be hidden_size / num_attention_heads, and can "
                              "have no fewer heads",
                              cull_checkpoint_path(n->ck), name);
    }
    return CULL_OK;
}

static cull_status set_config(cull_ctx *cx, cull_weights_work *w, const shape *s, int64_t groups)
{
    const char *text = cull_checkpoint_config(w->source[w->first]);
    int64_t each = s->heads / s->groups;
    if (groups == s->groups) return CULL_OK;
    CULL_TRY(cull__config_add(cx, text, "head_dim", s->width, "num_attention_heads", &text));
    CULL_TRY(
        cull__config_set(cx, text, heads_key, HEADS_KEYS, s->heads, groups * each, &text, NULL));
    if (s->grouped)
        CULL_TRY(cull__config_set(cx, text, groups_key, 2, s->groups, groups, &text, NULL));
    w->config = text;
    return CULL_OK;
}

static cull_status items(cull_ctx *cx, cull_weights_work *w)
{
    const opts *o = w->opts;
    const cull_weights_problem *p = w->problem;
    cull__narrow *n;
    shape s;
    if (p->rules)
        return cull__fail(cx, CULL_EINPUT,
                          "heads takes no rules: the config has one number for all layers");
    CULL_TRY(check_network(cx, w->source[w->first]));
    CULL_TRY(check_biases(cx, w->source[w->first]));
    CULL_TRY(read_config(cx, w->source[w->first], &s));
    CULL_TRY(cull__narrow_heads(cx, w->source[w->first], s.heads, s.groups, s.width, &n));
    CULL_TRY(check_width(cx, n, &s));
    int64_t kept = o->kv_heads >= 0 ? o->kv_heads : llround((double)s.groups * o->share);
    if (kept < 1 && o->kv_heads < 0 && o->share > 0) kept = 1;
    for (int64_t b = 0; b < n->blocks; b++) n->block[b].kept = kept;
    if (p->manifest)
        CULL_TRY(cull__narrow_again(cx, n, p->manifest));
    else
        CULL_TRY(cull__narrow_choose(cx, n, (cull__narrow_by)o->importance, p->activations,
                                     w->planning));
    CULL_TRY(cull__narrow_items(cx, w, n));
    CULL_TRY(set_config(cx, w, &s, n->block[0].kept));
    return cull__narrow_write(cx, n, "heads", &w->manifest);
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_NO_BASE,
                                     .least = 1,
                                     .most = 1,
                                     .items = items,
                                     .block = cull__narrow_read};
const cull_method cull__method_heads = {
    .slug = "heads",
    .title = "attention of a transformer with fewer heads",
    .paper = "Michel, Levy and Neubig 2019, Are Sixteen Heads Really Better than One?",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .flags = CULL_STOCHASTIC,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};
