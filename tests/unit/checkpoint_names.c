/* checkpoint: roles, layers and experts from names; two checkpoints of one network put side by side. */
#include "files.h"

#include "cull/checkpoint.h"
#include "cull/text.h"

typedef struct {
    const char *name;
    int64_t rows, cols; /* cols 0: one dimension */
    float first;        /* the numbers go on from there */
} spec;

static cull_checkpoint *made(cull_ctx *cx, const char *file, const spec *s, int n)
{
    cull_tensor t[64] = {{0}};
    cull_checkpoint_writer *w;
    cull_checkpoint *ck;
    char path[512];
    snprintf(path, sizeof path, "%s", in_dir(file));
    assert_true(n <= 64);
    for (int i = 0; i < n; i++)
        t[i] = (cull_tensor){.name = s[i].name,
                             .dtype = "F32",
                             .ndim = s[i].cols ? 2 : 1,
                             .shape = {s[i].rows, s[i].cols}};
    ok(cx, cull_checkpoint_create(cx, path, t, n, NULL, &w));
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < s[i].rows * (s[i].cols ? s[i].cols : 1); k++) {
            float x = s[i].first + (float)k;
            ok(cx, cull_checkpoint_put(cx, w, &x, 1));
        }
    ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    return ck;
}

static void globs(void **state)
{
    (void)state;
    assert_true(cull_glob("", "") && cull_glob("*", "") && cull_glob("**", "ab"));
    assert_true(cull_glob("a*c", "ac") && cull_glob("a*c", "abcbc") &&
                cull_glob("*b?", "abab"
                                 "bc"));
    assert_true(cull_glob("*.ln_*", "h.0.ln_1.weight") && cull_glob("?x*", "xxx"));
    assert_false(cull_glob("", "a") || cull_glob("a", "") || cull_glob("?", "") ||
                 cull_glob("a", "ab"));
    assert_false(cull_glob("a*c", "abcb") || cull_glob("*.q.*", "a.q") || cull_glob("*ab", "abac"));
    /* no time beyond the product of the lengths */
    char s[4001], p[401];
    memset(s, 'a', 4000), s[4000] = 0;
    for (int i = 0; i < 400; i += 2) p[i] = '*', p[i + 1] = 'a';
    p[399] = 'b', p[400] = 0;
    assert_false(cull_glob(p, s));
}

/* Names as the families have them. */
static const struct {
    const char *name;
    cull_role role;
    int layer, expert;
    char lora;
    int ndim;
} known[] = {
    {"model.embed_tokens.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 2},
    {"model.layers.3.self_attn.q_proj.weight", CULL_ROLE_ATTENTION, 3, -1, 0, 2},
    {"model.layers.31.self_attn.k_proj.bias", CULL_ROLE_ATTENTION, 31, -1, 0, 1},
    {"model.layers.3.self_attn.rotary_emb.inv_freq", CULL_ROLE_OTHER, 3, -1, 0, 1},
    {"model.layers.3.self_attn.q_norm.weight", CULL_ROLE_NORM, 3, -1, 0, 1},
    {"model.layers.3.mlp.gate_proj.weight", CULL_ROLE_FFN, 3, -1, 0, 2},
    {"model.layers.3.mlp.down_proj.weight", CULL_ROLE_FFN, 3, -1, 0, 2},
    {"model.layers.0.input_layernorm.weight", CULL_ROLE_NORM, 0, -1, 0, 1},
    {"model.layers.0.pre_feedforward_layernorm.weight", CULL_ROLE_NORM, 0, -1, 0, 1},
    {"model.norm.weight", CULL_ROLE_NORM, -1, -1, 0, 1},
    {"lm_head.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    {"score.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    {"layers.5.attention.wq.weight", CULL_ROLE_ATTENTION, 5, -1, 0, 2},
    {"layers.5.feed_forward.w1.weight", CULL_ROLE_FFN, 5, -1, 0, 2},
    {"tok_embeddings.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 2},
    {"output.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    /* mixtures of experts */
    {"model.layers.2.block_sparse_moe.gate.weight", CULL_ROLE_ROUTER, 2, -1, 0, 2},
    {"model.layers.2.block_sparse_moe.experts.7.w3.weight", CULL_ROLE_FFN, 2, 7, 0, 2},
    {"model.layers.2.mlp.gate.weight", CULL_ROLE_ROUTER, 2, -1, 0, 2},
    {"model.layers.2.mlp.gate.e_score_correction_bias", CULL_ROLE_ROUTER, 2, -1, 0, 1},
    {"model.layers.2.mlp.experts.63.down_proj.weight", CULL_ROLE_FFN, 2, 63, 0, 2},
    {"model.layers.2.mlp.shared_experts.up_proj.weight", CULL_ROLE_FFN, 2, -1, 0, 2},
    {"model.layers.2.mlp.shared_expert_gate.weight", CULL_ROLE_ROUTER, 2, -1, 0, 2},
    {"model.layers.2.mlp.experts.gate_up_proj", CULL_ROLE_FFN, 2, -1, 0, 3},
    {"encoder.block.3.layer.1.mlp.experts.expert_11.wi.weight", CULL_ROLE_FFN, 3, 11, 0, 2},
    {"encoder.block.3.layer.1.mlp.router.classifier.weight", CULL_ROLE_ROUTER, 3, -1, 0, 2},
    /* GPT-2, NeoX, Falcon, OPT, Bloom, MPT */
    {"transformer.wte.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 2},
    {"wpe.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 2},
    {"transformer.h.11.attn.c_attn.weight", CULL_ROLE_ATTENTION, 11, -1, 0, 2},
    {"h.11.mlp.c_fc.bias", CULL_ROLE_FFN, 11, -1, 0, 1},
    {"h.11.ln_1.weight", CULL_ROLE_NORM, 11, -1, 0, 1},
    {"transformer.ln_f.bias", CULL_ROLE_NORM, -1, -1, 0, 1},
    {"gpt_neox.embed_in.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 2},
    {"embed_out.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    {"gpt_neox.layers.5.attention.query_key_value.weight", CULL_ROLE_ATTENTION, 5, -1, 0, 2},
    {"gpt_neox.layers.5.mlp.dense_h_to_4h.weight", CULL_ROLE_FFN, 5, -1, 0, 2},
    {"gpt_neox.layers.5.post_attention_layernorm.weight", CULL_ROLE_NORM, 5, -1, 0, 1},
    {"transformer.h.2.self_attention.dense.weight", CULL_ROLE_ATTENTION, 2, -1, 0, 2},
    {"transformer.word_embeddings_layernorm.weight", CULL_ROLE_NORM, -1, -1, 0, 1},
    {"model.decoder.embed_positions.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 2},
    {"model.decoder.layers.4.fc1.weight", CULL_ROLE_FFN, 4, -1, 0, 2},
    {"model.decoder.layers.4.self_attn_layer_norm.weight", CULL_ROLE_NORM, 4, -1, 0, 1},
    {"transformer.blocks.9.attn.Wqkv.weight", CULL_ROLE_ATTENTION, 9, -1, 0, 2},
    {"transformer.blocks.9.ffn.up_proj.weight", CULL_ROLE_FFN, 9, -1, 0, 2},
    /* BERT, RoBERTa, T5 */
    {"bert.embeddings.word_embeddings.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 2},
    {"bert.embeddings.LayerNorm.weight", CULL_ROLE_NORM, -1, -1, 0, 1},
    {"bert.encoder.layer.7.attention.self.query.weight", CULL_ROLE_ATTENTION, 7, -1, 0, 2},
    {"bert.encoder.layer.7.attention.output.dense.weight", CULL_ROLE_ATTENTION, 7, -1, 0, 2},
    {"bert.encoder.layer.7.attention.output.LayerNorm.bias", CULL_ROLE_NORM, 7, -1, 0, 1},
    {"bert.encoder.layer.7.intermediate.dense.weight", CULL_ROLE_FFN, 7, -1, 0, 2},
    {"bert.encoder.layer.7.output.dense.bias", CULL_ROLE_FFN, 7, -1, 0, 1},
    {"bert.pooler.dense.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    {"cls.predictions.decoder.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    {"classifier.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    {"roberta.encoder.layer.0.attention.self.key.bias", CULL_ROLE_ATTENTION, 0, -1, 0, 1},
    {"lm_head.layer_norm.weight", CULL_ROLE_NORM, -1, -1, 0, 1},
    {"shared.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 2},
    {"encoder.block.3.layer.0.SelfAttention.q.weight", CULL_ROLE_ATTENTION, 3, -1, 0, 2},
    {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", CULL_ROLE_EMBEDDING, 0,
     -1, 0, 2},
    {"decoder.block.3.layer.1.EncDecAttention.o.weight", CULL_ROLE_ATTENTION, 3, -1, 0, 2},
    {"decoder.block.3.layer.2.DenseReluDense.wi_0.weight", CULL_ROLE_FFN, 3, -1, 0, 2},
    {"decoder.block.3.layer.2.layer_norm.weight", CULL_ROLE_NORM, 3, -1, 0, 1},
    /* images */
    {"vit.embeddings.patch_embeddings.projection.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 4},
    {"vit.encoder.layer.2.layernorm_before.weight", CULL_ROLE_NORM, 2, -1, 0, 1},
    {"patch_embed.proj.weight", CULL_ROLE_EMBEDDING, -1, -1, 0, 4},
    {"cls_token", CULL_ROLE_EMBEDDING, -1, -1, 0, 3},
    {"blocks.3.attn.qkv.weight", CULL_ROLE_ATTENTION, 3, -1, 0, 2},
    {"blocks.3.mlp.fc1.weight", CULL_ROLE_FFN, 3, -1, 0, 2},
    {"head.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    {"visual.transformer.resblocks.5.attn.in_proj_weight", CULL_ROLE_ATTENTION, 5, -1, 0, 2},
    {"text_model.encoder.layers.1.mlp.fc2.bias", CULL_ROLE_FFN, 1, -1, 0, 1},
    {"vision_model.embeddings.class_embedding", CULL_ROLE_EMBEDDING, -1, -1, 0, 1},
    {"visual_projection.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    {"conv1.weight", CULL_ROLE_CONV, -1, -1, 0, 4},
    {"layer1.0.bn1.running_mean", CULL_ROLE_NORM, -1, -1, 0, 1},
    {"bn1.weight", CULL_ROLE_NORM, -1, -1, 0, 1},
    {"layer2.0.downsample.0.weight", CULL_ROLE_CONV, -1, -1, 0, 4},
    {"layer2.0.downsample.1.num_batches_tracked", CULL_ROLE_NORM, -1, -1, 0, 0},
    {"features.14.weight", CULL_ROLE_CONV, -1, -1, 0, 4},
    {"fc.weight", CULL_ROLE_HEAD, -1, -1, 0, 2},
    /* adapters */
    {"base_model.model.model.layers.4.self_attn.v_proj.lora_A.weight", CULL_ROLE_ATTENTION, 4, -1,
     'A', 2},
    {"base_model.model.model.layers.4.mlp.up_proj.lora_B.default.weight", CULL_ROLE_FFN, 4, -1, 'B',
     2},
    {"base_model.model.model.embed_tokens.lora_embedding_A", CULL_ROLE_EMBEDDING, -1, -1, 'A', 2},
    /* nothing that is known */
    {"weight", CULL_ROLE_OTHER, -1, -1, 0, 2},
    {"layers.x.a", CULL_ROLE_OTHER, -1, -1, 0, 2},
    {"layers.3x.a", CULL_ROLE_OTHER, -1, -1, 0, 2},
    {"my_layers.3.a", CULL_ROLE_OTHER, -1, -1, 0, 2},
    {"layers.99999999999999999999.a", CULL_ROLE_OTHER, -1, -1, 0, 2},
};
enum { KNOWN = sizeof known / sizeof *known };

static void roles(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_tensor t[KNOWN] = {{0}};
    cull_checkpoint_writer *w;
    cull_checkpoint *ck;
    cull_role r;
    char path[512];
    snprintf(path, sizeof path, "%s", in_dir("roles.safetensors"));
    for (int i = 0; i < KNOWN; i++)
        t[i] = (cull_tensor){.name = known[i].name, .dtype = "F32", .ndim = known[i].ndim};
    ok(cx, cull_checkpoint_create(cx, path, t, KNOWN, NULL, &w));
    for (int i = 0; i < KNOWN; i++) /* of no dimension: one number; all others have none */
        if (!known[i].ndim) ok(cx, cull_checkpoint_write(cx, w, i, 0, &(float){1}, 1));
    ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    for (int i = 0; i < KNOWN; i++) {
        const cull_tensor *got = cull_checkpoint_at(ck, i);
        if (got->role != known[i].role || got->layer != known[i].layer ||
            got->expert != known[i].expert || got->lora != known[i].lora)
            fail_msg("%s: %s, layer %d, expert %d, '%c'", got->name, cull_role_name(got->role),
                     got->layer, got->expert, got->lora);
    }
    static const char *const rules[] = {"weight=ffn", "*.embed*=conv", "model.embed*=head"};
    ok(cx, cull_checkpoint_roles(cx, ck, rules, 3));
    assert_int_equal(cull_checkpoint_at(ck, cull_checkpoint_find(ck, "weight", NULL))->role,
                     CULL_ROLE_FFN);
    assert_int_equal(cull_checkpoint_at(ck, 0)->role, CULL_ROLE_CONV); /* the first that fits */
    assert_int_equal(cull_checkpoint_at(ck, 1)->role, CULL_ROLE_ATTENTION);
    static const char *const wrong[] = {"weight", "weight=", "=ffn", "weight=nothing"};
    for (int i = 0; i < 4; i++)
        refused(cx, cull_checkpoint_roles(cx, ck, wrong + i, 1), CULL_EOPTION,
                "is no rule GLOB=role; roles are other, embedding");
    for (int i = 0; i < CULL_ROLES; i++)
        assert_true(cull_role_find(cull_role_name((cull_role)i), &r) && (int)r == i);
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static const spec base[] = {{"model.embed_tokens.weight", 5, 2, 0},
                            {"model.layers.0.mlp.up_proj.weight", 3, 2, 1},
                            {"model.layers.0.mlp.up_proj.bias", 3, 0, 2},
                            {"lm_head.weight", 5, 2, 0}};

/* Rules of which one meets no tensor of b, of whose names all but the head's come right. */
static void idle_rules(cull_ctx *cx, const cull_checkpoint *a, const cull_checkpoint *b)
{
    static const char *const rename[] = {"module.*=*", "module.haed=lm_head.weight"};
    static const char *const tie[] = {"lm_head.weight=model.embed_tokens.weight",
                                      "lm_haed.weight=model.embed_tokens.weight",
                                      "lm_head.weight=model.embed_tokens.weigth"};
    int64_t of[4];
    bool used[3] = {false};
    cull_checkpoint_pair_opts o = {.size = sizeof o, .rename = rename, .renames = 2};
    o.missing = o.extra = true;
    refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EOPTION,
            "rename 'module.haed=lm_head.weight': no tensor that could be renamed is called "
            "'module.haed'; the nearest is 'module.head'");
    o.renames = 1, o.tie = tie, o.ties = 1;
    ok(cx, cull_checkpoint_pair(cx, a, b, &o, of));
    o.ties = 2;
    refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EOPTION,
            "no tensor is called 'lm_haed.weight'; the nearest is 'lm_head.weight'");
    o.tie = tie + 2, o.ties = 1;
    refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EOPTION,
            "no tensor is called 'model.embed_tokens.weigth'; the nearest is "
            "'model.embed_tokens.weight'");
    o.tie = tie, o.ties = 2, o.used = used;
    ok(cx, cull_checkpoint_pair(cx, a, b, &o, of));
    assert_true(used[0] && used[1] && !used[2]);
}

/* The same in another order, with a name in front, renamed by one rule or two. */
static void pairs(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    int64_t of[4];
    cull_checkpoint_pair_opts o = CULL_CHECKPOINT_PAIR_OPTS;
    cull_checkpoint *a = made(cx, "a.safetensors", base, 4), *b;
    static const spec turned[] = {{"lm_head.weight", 5, 2, 0},
                                  {"model.layers.0.mlp.up_proj.bias", 3, 0, 2},
                                  {"model.embed_tokens.weight", 5, 2, 0},
                                  {"model.layers.0.mlp.up_proj.weight", 3, 2, 1}};
    b = made(cx, "b.safetensors", turned, 4);
    ok(cx, cull_checkpoint_pair(cx, a, b, NULL, of));
    assert_true(of[0] == 2 && of[1] == 3 && of[2] == 1 && of[3] == 0);
    cull_checkpoint_free(b);
    static const spec named[] = {{"module.head", 5, 2, 0},
                                 {"module.model.layers.0.mlp.up_proj.bias", 3, 0, 2},
                                 {"module.model.embed_tokens.weight", 5, 2, 0},
                                 {"module.model.layers.0.mlp.up_proj.weight", 3, 2, 1}};
    b = made(cx, "b.safetensors", named, 4);
    refused(cx, cull_checkpoint_pair(cx, a, b, NULL, of), CULL_EINPUT,
            "begin with 'module.': rename by 'module.*=*'");
    static const char *const rename[] = {"module.head=lm_head.weight", "module.*=*"};
    o.rename = rename, o.renames = 2;
    ok(cx, cull_checkpoint_pair(cx, a, b, &o, of));
    assert_true(of[0] == 2 && of[1] == 3 && of[2] == 1 && of[3] == 0);
    idle_rules(cx, a, b);
    static const char *const same[] = {"module.h*=lm_head.weight*", "*=lm_head.weight"};
    o.rename = same, o.renames = 1;
    refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EINPUT,
            "lacks tensor 'model.embed_tokens.weight', which ");
    static const char *const wrong[] = {
        "a", "a=", "=b", "a*=b", "a=b*", "a**=b**", "*=lm_head.weight"};
    for (int i = 0; i < 7; i++) {
        o.rename = wrong + i;
        refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EOPTION, "is no rule OLD=NEW");
    }
    static const char *const both[] = {"module.head=lm_head.weight",
                                       "module.model.embed_tokens.weight=lm_head.weight"};
    o.rename = both, o.renames = 2;
    refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EOPTION,
            "both 'module.head' and 'module.model.embed_tokens.weight' become 'lm_head.weight'");
    cull_checkpoint_free(b);
    cull_checkpoint_free(a);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* One is missing, one is left over, one has another shape, one has more words. */
static void differences(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    int64_t of[4];
    cull_checkpoint_pair_opts o = CULL_CHECKPOINT_PAIR_OPTS;
    cull_checkpoint *a = made(cx, "a.safetensors", base, 4), *b;
    spec s[5];
    memcpy(s, base, sizeof base);
    s[2].name = "model.layers.0.mlp.up_prj.bias";
    b = made(cx, "b.safetensors", s, 4);
    refused(cx, cull_checkpoint_pair(cx, a, b, NULL, of), CULL_EINPUT,
            "b.safetensors lacks tensor 'model.layers.0.mlp.up_proj.bias', which ");
    assert_non_null(strstr(cull_error(cx), "a.safetensors has; the nearest "
                                           "there is 'model.layers.0.mlp.up_prj.bias'"));
    o.missing = true;
    refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EINPUT,
            "b.safetensors has tensor 'model.layers.0.mlp.up_prj.bias', which ");
    assert_non_null(
        strstr(cull_error(cx),
               "a.safetensors lacks; the nearest there is 'model.layers.0.mlp.up_proj.bias'"));
    o.extra = true;
    ok(cx, cull_checkpoint_pair(cx, a, b, &o, of));
    assert_true(of[0] == 0 && of[1] == 1 && of[2] == -1 && of[3] == 3);
    cull_checkpoint_free(b);
    o = (cull_checkpoint_pair_opts)CULL_CHECKPOINT_PAIR_OPTS;

    memcpy(s, base, sizeof base);
    s[1].cols = 4;
    b = made(cx, "b.safetensors", s, 4);
    refused(cx, cull_checkpoint_pair(cx, a, b, NULL, of), CULL_EINPUT,
            "tensor 'model.layers.0.mlp.up_proj.weight' is (3, 2) in ");
    assert_non_null(strstr(cull_error(cx), "and (3, 4) in "));
    o.rows = true;
    refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EINPUT, "shapes must be the same");
    o.shapes = true;
    ok(cx, cull_checkpoint_pair(cx, a, b, &o, of));
    cull_checkpoint_free(b);
    o.shapes = o.rows = false;

    memcpy(s, base, sizeof base);
    s[0].rows = s[3].rows = 7;
    b = made(cx, "b.safetensors", s, 4);
    refused(cx, cull_checkpoint_pair(cx, a, b, NULL, of), CULL_EINPUT,
            "the vocabularies differ in size: 'model.embed_tokens.weight' has 5 rows in ");
    assert_non_null(strstr(cull_error(cx), "and 7 in "));
    o.rows = true;
    ok(cx, cull_checkpoint_pair(cx, a, b, &o, of));
    cull_checkpoint_free(b);
    cull_checkpoint_free(a);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* A model that ties its head to its embedding beside one that says it twice, either way round. */
static void ties(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    int64_t of[4];
    cull_checkpoint_pair_opts o = CULL_CHECKPOINT_PAIR_OPTS;
    static const char *const tie[] = {"lm_head.weight=model.embed_tokens.weight"};
    cull_checkpoint *a = made(cx, "a.safetensors", base, 4),
                    *b = made(cx, "b.safetensors", base, 3);
    refused(cx, cull_checkpoint_pair(cx, a, b, NULL, of), CULL_EINPUT,
            "say so by --tied 'lm_head.weight=model.embed_tokens.weight'");
    refused(cx, cull_checkpoint_pair(cx, b, a, NULL, of), CULL_EINPUT,
            "has tensor 'lm_head.weight', which");
    o.tie = tie, o.ties = 1;
    ok(cx, cull_checkpoint_pair(cx, a, b, &o, of));
    assert_true(of[0] == 0 && of[1] == 1 && of[2] == 2 && of[3] == 0);
    ok(cx, cull_checkpoint_pair(cx, b, a, &o, of));
    assert_true(of[0] == 0 && of[1] == 1 && of[2] == 2);
    cull_checkpoint_free(a);
    spec s[4];
    memcpy(s, base, sizeof base);
    s[3].first = 9;
    a = made(cx, "a.safetensors", s, 4);
    refused(cx, cull_checkpoint_pair(cx, b, a, &o, of), CULL_EINPUT,
            "is tied to 'model.embed_tokens.weight' in ");
    static const char *const wrong[] = {"a*=b*", "a"};
    for (int i = 0; i < 2; i++) {
        o.tie = wrong + i;
        refused(cx, cull_checkpoint_pair(cx, a, b, &o, of), CULL_EOPTION,
                "is no rule ABSENT=PRESENT");
    }
    o.tie = tie;
    for (long k = 1, reached = 1; reached; k++) {
        h.fail_at = h.calls + k;
        cull_status e = cull_checkpoint_pair(cx, a, b, &o, of);
        reached = h.calls >= h.fail_at;
        assert_int_equal(e, reached ? CULL_ENOMEM : CULL_OK);
        if (k > 50) break;
    }
    cull_checkpoint_free(a);
    cull_checkpoint_free(b);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(globs), cmocka_unit_test(roles),
                                       cmocka_unit_test(pairs), cmocka_unit_test(differences),
                                       cmocka_unit_test(ties)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
