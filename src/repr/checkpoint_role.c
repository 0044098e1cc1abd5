/* checkpoint_role.c - what a tensor does, told from its name.
 *
 * The table knows the names of LLaMA, Mistral, Qwen, Gemma and their mixtures of experts, GPT-2, GPT-NeoX, Falcon,
 * OPT, Bloom, MPT, BERT, RoBERTa, T5, ViT, CLIP, ResNet, VGG and of PEFT's adapters to them. */
#include <stdio.h>
#include <string.h>

#include "cull/text.h"
#include "repr/checkpoint.h"

static const char *const names[CULL_ROLES] = {
#define X(n, s) [CULL_ROLE_##n] = s,
    CULL_ROLE_MAP(X)
#undef X
};

const char *cull_role_name(cull_role r) { return (unsigned)r < CULL_ROLES ? names[r] : "?"; }

bool cull_role_find(const char *name, cull_role *out)
{
    for (int r = 0; r < CULL_ROLES; r++)
        if (cull__same_name(names[r], name)) return *out = (cull_role)r, true;
    return false;
}

/* The first that fits counts. Patterns are matched against "." and the name, so that "*.x." is a whole part. */
static const struct {
    const char *glob;
    cull_role role;
} table[] = {
    {"*.rotary_emb.*", CULL_ROLE_OTHER},
    /* wherever a norm stands, it is one */
    {"*norm*", CULL_ROLE_NORM},
    {"*Norm*", CULL_ROLE_NORM},
    {"*.ln_*", CULL_ROLE_NORM},
    {"*.ln?.*", CULL_ROLE_NORM},
    {"*.bn.*", CULL_ROLE_NORM},
    {"*.bn?.*", CULL_ROLE_NORM},
    {"*.running_mean", CULL_ROLE_NORM},
    {"*.running_var", CULL_ROLE_NORM},
    {"*.num_batches_tracked", CULL_ROLE_NORM},
    {"*.downsample.1.*", CULL_ROLE_NORM},
    {"*.shortcut.1.*", CULL_ROLE_NORM},
    /* before the experts that it leads to */
    {"*.router.*", CULL_ROLE_ROUTER},
    {"*.mlp.gate.*", CULL_ROLE_ROUTER},
    {"*.moe.gate.*", CULL_ROLE_ROUTER},
    {"*.block_sparse_moe.gate.*", CULL_ROLE_ROUTER},
    {"*.feed_forward.gate.*", CULL_ROLE_ROUTER},
    {"*.ffn.gate.*", CULL_ROLE_ROUTER},
    {"*.shared_expert_gate.*", CULL_ROLE_ROUTER},
    {"*.lm_head.*", CULL_ROLE_HEAD},
    {"*.embed_out.*", CULL_ROLE_HEAD},
    {".output.weight", CULL_ROLE_HEAD},
    {".cls.*", CULL_ROLE_HEAD},
    {"*.classifier.*", CULL_ROLE_HEAD},
    {"*.score.*", CULL_ROLE_HEAD},
    {"*.qa_outputs.*", CULL_ROLE_HEAD},
    {"*.pooler.*", CULL_ROLE_HEAD},
    {"*.visual_projection.*", CULL_ROLE_HEAD},
    {"*.text_projection*", CULL_ROLE_HEAD},
    {".fc.*", CULL_ROLE_HEAD},
    {".module.fc.*", CULL_ROLE_HEAD},
    {"*.head.*", CULL_ROLE_HEAD},
    {"*.heads.*", CULL_ROLE_HEAD},
    {"*embed*", CULL_ROLE_EMBEDDING},
    {"*.wte.*", CULL_ROLE_EMBEDDING},
    {"*.wpe.*", CULL_ROLE_EMBEDDING},
    {".shared.*", CULL_ROLE_EMBEDDING},
    {"*.cls_token", CULL_ROLE_EMBEDDING},
    {"*.class_token", CULL_ROLE_EMBEDDING},
    {"*relative_attention_bias*", CULL_ROLE_EMBEDDING},
    {"*relative_position_bias*", CULL_ROLE_EMBEDDING},
    {"*attn*", CULL_ROLE_ATTENTION},
    {"*attention*", CULL_ROLE_ATTENTION},
    {"*Attention*", CULL_ROLE_ATTENTION},
    {"*.?_proj.*", CULL_ROLE_ATTENTION},
    {"*expert*", CULL_ROLE_FFN},
    {"*mlp*", CULL_ROLE_FFN},
    {"*.ffn*", CULL_ROLE_FFN},
    {"*.feed_forward.*", CULL_ROLE_FFN},
    {"*.fc?.*", CULL_ROLE_FFN},
    {"*.c_fc.*", CULL_ROLE_FFN},
    {"*.linear?.*", CULL_ROLE_FFN},
    {"*.intermediate.dense.*", CULL_ROLE_FFN},
    {"*.output.dense.*", CULL_ROLE_FFN},
    {"*.DenseReluDense.*", CULL_ROLE_FFN},
    {"*.dense_h_to_4h.*", CULL_ROLE_FFN},
    {"*.dense_4h_to_h.*", CULL_ROLE_FFN},
    {"*conv*", CULL_ROLE_CONV},
    {"*Conv*", CULL_ROLE_CONV},
    {"*.downsample.0.*", CULL_ROLE_CONV},
    {"*.shortcut.0.*", CULL_ROLE_CONV},
};

/* The number that s begins with and that a dot or the end follows; -1 where there is none. */
static int number(const char *s)
{
    int v = 0, digits = 0;
    for (; *s >= '0' && *s <= '9' && digits < 9; s++, digits++) v = 10 * v + (*s - '0');
    return digits && (!*s || *s == '.') ? v : -1;
}

/* Where the number stands behind the first part of the name that is one of `parts` and has one; NULL = nowhere. */
static const char *numbered(const char *name, const char *const *parts, int n)
{
    for (const char *s = name; s; s = strchr(s, '.')) {
        s += *s == '.';
        for (int i = 0; i < n; i++) {
            size_t k = strlen(parts[i]);
            if (!strncmp(s, parts[i], k) && number(s + k) >= 0) return s + k;
        }
    }
    return NULL;
}

const char *cull__checkpoint_layer(const char *name)
{
    static const char *const layers[] = {"layers.", "h.",      "layer.",
                                         "block.",  "blocks.", "resblocks."};
    return numbered(name, layers, 6);
}

static bool has_part(const char *name, const char *part)
{
    size_t n = strlen(part);
    for (const char *s = name; s; s = strchr(s, '.')) {
        s += *s == '.';
        if (!strncmp(s, part, n) && (s[n] == '.' || !s[n])) return true;
    }
    return false;
}

static cull_role role_of(const cull_tensor *t)
{
    char dotted[512];
    snprintf(dotted, sizeof dotted, ".%s", t->name);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cull_glob(table[i].glob, dotted)) return table[i].role;
    return t->ndim == 4 ? CULL_ROLE_CONV : CULL_ROLE_OTHER;
}

void cull__checkpoint_role(cull_tensor *t)
{
    static const char *const experts[] = {"experts.", "experts.expert_"};
    const char *layer = cull__checkpoint_layer(t->name), *expert = numbered(t->name, experts, 2);
    t->role = role_of(t);
    t->layer = layer ? number(layer) : -1;
    t->expert = expert ? number(expert) : -1;
    t->lora = has_part(t->name, "lora_A") || has_part(t->name, "lora_embedding_A")   ? 'A'
              : has_part(t->name, "lora_B") || has_part(t->name, "lora_embedding_B") ? 'B'
                                                                                     : 0;
}

/* ---- rules of the user's ---- */

static cull_status read_rule(cull_ctx *cx, const char *rule, char **glob, cull_role *role)
{
    char all[200];
    int k = 0;
    const char *eq = strrchr(rule, '=');
    if (eq && eq > rule && cull_role_find(eq + 1, role)) {
        CULL_TRY(CULL_TMP0(cx, *glob, eq - rule + 1));
        memcpy(*glob, rule, (size_t)(eq - rule));
        return CULL_OK;
    }
    for (int r = 0; r < CULL_ROLES; r++)
        k += snprintf(all + k, sizeof all - (size_t)k, "%s%s", r ? ", " : "", names[r]);
    return cull__fail(cx, CULL_EOPTION, "'%.80s' is no rule GLOB=role; roles are %s", rule, all);
}

static cull_status apply(cull_ctx *cx, cull_checkpoint *ck, const char *const *rule, int rules)
{
    char **glob;
    cull_role *role;
    CULL_TRY(CULL_TMP(cx, glob, rules));
    CULL_TRY(CULL_TMP(cx, role, rules));
    for (int r = 0; r < rules; r++) CULL_TRY(read_rule(cx, rule[r], &glob[r], &role[r]));
    for (int64_t i = 0; i < ck->n; i++)
        for (int r = 0; r < rules; r++)
            if (cull_glob(glob[r], ck->name[i])) {
                ck->t[i].role = role[r];
                break;
            }
    return CULL_OK;
}

cull_status cull_checkpoint_roles(cull_ctx *cx, cull_checkpoint *ck, const char *const *rule,
                                  int rules)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status s = apply(cx, ck, rule, rules);
    cull__release(cx, mark);
    return s;
}

int64_t cull__checkpoint_words(const cull_checkpoint *ck, bool head)
{
    static const char *const embeddings[] = {"embed_tokens.weight", "wte.weight",
                                             "word_embeddings.weight", "embed_in.weight",
                                             "shared.weight"};
    static const char *const heads[] = {"lm_head.weight", "embed_out.weight"};
    const char *const *name = head ? heads : embeddings;
    for (int k = 0; k < (head ? 2 : 5); k++)
        for (int64_t i = 0; i < ck->n; i++)
            if (ck->t[i].ndim == 2 && cull__ends(ck->t[i].name, name[k])) return i;
    return -1;
}
