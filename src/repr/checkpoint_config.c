/* checkpoint_config.c - what a checkpoint's config says: see checkpoint_config.h. */
#include "repr/checkpoint_config.h"

#include <stdio.h>
#include <string.h>

#include "io/io.h"
#include "repr/checkpoint.h"
#include "repr/config_edit.h"

#include "cull/checkpoint_look.h"

static void text_at(cull__json_value root, const char *key, char *buf, size_t size)
{
    cull__json_value v;
    size_t n;
    if (!cull__json_get(root, key, &v) || cull__json_kind(v) != CULL__JSON_STRING) return;
    const char *s = cull__json_string(v, &n);
    cull__quote(s, n, buf, size);
}

static bool first_text(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    size_t n;
    (void)key, (void)key_n;
    if (cull__json_kind(v) != CULL__JSON_STRING) return false;
    const char *s = cull__json_string(v, &n);
    cull__quote(s, n, arg, 128);
    return false;
}

/* The number under one of these keys, which go by the family of the model. */
static int64_t count_at(cull__json_value root, const char *const *key, int keys)
{
    cull__json_value v;
    int64_t n;
    for (int i = 0; i < keys; i++)
        if (cull__json_get(root, key[i], &v) && cull__json_kind(v) == CULL__JSON_NUMBER &&
            cull__json_integer(v, &n) && n >= 0)
            return n;
    return -1;
}

static void counts(cull__json_value root, cull__checkpoint_config *c)
{
    static const char *const layers[] = {"num_hidden_layers", "n_layer", "n_layers", "num_layers"};
    static const char *const words[] = {"vocab_size"};
    static const char *const groups[] = {"num_key_value_heads", "num_kv_heads",
                                         "num_attention_heads", "n_head", "num_heads"};
    cull__json_value v;
    if (c->layers < 0) c->layers = count_at(root, layers, 4);
    if (c->words < 0) c->words = count_at(root, words, 1);
    if (c->groups < 0) c->groups = count_at(root, groups, 5);
    if (c->tied < 0 && cull__json_get(root, "tie_word_embeddings", &v) &&
        cull__json_kind(v) == CULL__JSON_BOOL)
        c->tied = cull__json_truth(v);
}

static cull_status read_root(void *user, cull__json_value root)
{
    cull__checkpoint_config *c = user;
    cull__json_value v;
    char adapter[32] = "", base[80] = "its base";
    if (cull__json_kind(root) != CULL__JSON_OBJECT) return CULL_OK;
    if (cull__json_get(root, "architectures", &v) && cull__json_kind(v) == CULL__JSON_ARRAY)
        (void)cull__json_each(v, first_text, c->network);
    if (!*c->network) text_at(root, "model_type", c->network, sizeof c->network);
    text_at(root, "peft_type", adapter, sizeof adapter);
    text_at(root, "base_model_name_or_path", base, sizeof base);
    if (*adapter) snprintf(c->network, sizeof c->network, "%s of %s", adapter, base);
    c->causal = strstr(c->network, "ForCausalLM") || strstr(c->network, "LMHeadModel");
    counts(root, c);
    if (cull__json_get(root, "text_config", &v) && cull__json_kind(v) == CULL__JSON_OBJECT)
        counts(v, c);
    return CULL_OK;
}

cull_status cull__checkpoint_config_read(cull_ctx *cx, const cull_checkpoint *ck,
                                         cull__checkpoint_config *out)
{
    const char *text = cull_checkpoint_config(ck);
    *out = (cull__checkpoint_config){.tied = -1, .layers = -1, .words = -1, .groups = -1};
    if (!text) return CULL_OK;
    char name[300];
    snprintf(name, sizeof name, "%.250s: its config", cull_checkpoint_folder(ck));
    return cull__json_file(cx, name, text, strlen(text), read_root, out);
}

const char *cull_checkpoint_network(cull_ctx *cx, const cull_checkpoint *ck, char buf[128])
{
    cull__checkpoint_config c;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__checkpoint_config_read(cx, ck, &c);
    cull__release(cx, mark);
    return memcpy(buf, s == CULL_OK ? c.network : "\0", s == CULL_OK ? sizeof c.network : 1);
}

bool cull_checkpoint_conv1d(const char *network, const char *name)
{
    static const char *const networks[] = {
        "GPT2",       "gpt2",     "DoubleHeadsGPT2", "OpenAIGPT",
        "openai-gpt", "ImageGPT", "imagegpt",        "DecisionTransformer"};
    static const char *const leaves[] = {".c_attn.weight", ".c_proj.weight", ".c_fc.weight",
                                         ".q_attn.weight"};
    bool of = false, leaf = false;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        of |= !strncmp(network, networks[i], strlen(networks[i]));
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) leaf |= cull__ends(name, leaves[i]);
    return of && leaf;
}

cull_status cull_checkpoint_config_rows(cull_ctx *cx, const cull_checkpoint *ck, int64_t i,
                                        int64_t rows, const char **out)
{
    static const char *const key[] = {"vocab_size"};
    int64_t words, of = cull__checkpoint_words(ck, false);
    *out = NULL;
    if (of < 0) of = cull__checkpoint_words(ck, true);
    if (i != of || !ck->config) return CULL_OK;
    CULL_TRY(cull__config_number(cx, ck->path, ck->config, key, 1, &words));
    if (words <= rows) return CULL_OK;
    return cull__config_set(cx, ck->config, key, 1, words, rows, out, NULL);
}
