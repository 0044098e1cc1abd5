/* heads: groups of heads that add nothing go and the outputs stay, by a transformer of the test's own; the config, the manifest,
 * refusals. */
#include "transformer.h"

static void heads(void **state)
{
    (void)state;
    fixture f;
    hooks h = {0};
    cull_checkpoint *out;
    begin(&f, hooked_ctx(&h, 2));
    for (int l = 0; l < L; l++) /* group l: o reads nothing of its two heads, or its values are 0 */
        for (int i = 0; i < (l == 1 ? D * H : H * 2 * D); i++) {
            if (l == 1)
                of(&f, l, "self_attn.v_proj.weight")[l * D * H + i] = 0;
            else
                of(&f, l,
                   "self_attn.o_proj.weight")[i / (2 * D) * HEADS * D + l * 2 * D + i % (2 * D)] =
                    0;
        }
    for (int d = 0; d < D; d++) of(&f, 1, "self_attn.v_proj.bias")[D + d] = 0;
    save(&f, config);
    ok(f.cx, run(&f, "heads", "kv_heads=2", NULL, &out));
    same_outputs(&f, out, L);
    const char *text = cull_checkpoint_config(out);
    assert_non_null(
        strstr(text, "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"note\""));
    assert_non_null(strstr(text, "\"head_dim\": 4, \"eps\""));
    again(&f, out);
    cull_checkpoint_free(out);
    end(&f);
    cull_ctx_free(f.cx);
    assert_int_equal(h.live, 0);
}

static void refusals(void **state)
{
    (void)state;
    fixture f;
    static const refusal wrong[] = {
        {"kv_heads=0", NULL, "0 groups of heads are to stay of 3"},
        {"kv_heads=4", NULL, "4 groups of heads are to stay of 3"},
        {"", "layer=1: kv_heads=1", "heads takes no rules"},
    };
    begin(&f, cull_ctx_new(NULL));
    save(&f, config);
    refuses(&f, "heads", wrong, (int)(sizeof wrong / sizeof *wrong));
    other_config(&f, NULL);
    refuses(&f, "heads", &(refusal){"", NULL, "heads wants a config.json"}, 1);
    other_config(&f, "{\"intermediate_size\": 3, \"num_hidden_layers\": 9, "
                     "\"num_attention_heads\": 6, \"head_dim\": 4}");
    refuses(&f, "heads", &(refusal){"", NULL, "which is not"}, 1);
    odd_model(&f);
    refuses(&f, "heads", &(refusal){"", NULL, "heads wants a config.json"}, 1);
    end(&f);
    cull_ctx_free(f.cx);
}

/* Tensors of all heads beside the projections: cut where they are known, refused where not. */
static void beside(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t d0, d1, left; /* left: rows that stay; 0 = refused */
        const char *part;
    } c[] = {{"self_attn.sinks", HEADS, 0, 4, NULL},
             {"self_attn.k_norm.weight", GROUPS, D, 2, NULL},
             {"self_attn.k_norm.weight", D, 0, D, NULL},
             {"self_attn.rotary_emb.inv_freq", GROUPS, 0, GROUPS, NULL},
             {"self_attn.k_norm.weight", GROUPS * D, 0, 0, "is one norm over all heads"},
             {"self_attn.gate.weight", HEADS * D, H, 0, "may be of all heads"},
             {"self_attn.out_proj.weight", H, HEADS * D, 0, "can have no fewer heads"},
             {"self_attn.sinks", HEADS, 0, 0, "StableLmForCausalLM reads no head_dim"},
             {"self_attn.relative_attention_bias.weight", 32, HEADS, 0, "a position bias of each"}};
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        fixture f;
        cull_checkpoint *out;
        char name[TENSOR_NAME];
        begin(&f, cull_ctx_new(NULL));
        float *x = put(&f, 0, c[k].name, c[k].d0, c[k].d1);
        for (int64_t i = 0; i < c[k].d0 * (c[k].d1 ? c[k].d1 : 1); i++) x[i] = (float)i;
        save(
            &f,
            k == 6 ? "{\"num_attention_heads\": 6, \"num_key_value_heads\": 3, \"hidden_size\": 24}"
            : k == 7 ? "{\"architectures\": [\"StableLmForCausalLM\"], \"num_attention_heads\": 6, "
                       "\"num_key_value_heads\": 3, \"hidden_size\": 24}"
                     : config);
        if (!c[k].left) {
            refuses(&f, "heads", &(refusal){"kv_heads=2", NULL, c[k].part}, 1);
        } else {
            ok(f.cx, run(&f, "heads", "kv_heads=2", NULL, &out));
            snprintf(name, sizeof name, "model.layers.0.%s", c[k].name);
            int64_t at = cull_checkpoint_find(out, name, NULL);
            assert_int_equal(cull_checkpoint_at(out, at)->shape[0], c[k].left);
            cull_checkpoint_free(out);
        }
        end(&f);
        cull_ctx_free(f.cx);
    }
}

/* Queries, keys and values in one matrix: the same heads as of three. */
static void fused(void **state)
{
    (void)state;
    fixture f;
    cull_checkpoint *one, *three;
    const int q = HEADS * D * H, kv = GROUPS * D * H;
    begin(&f, cull_ctx_new(NULL));
    save(&f, config);
    ok(f.cx, run(&f, "heads", "kv_heads=2", NULL, &three));
    float *want[3] = {tensor_numbers(f.cx, three, "model.layers.0.self_attn.q_proj.weight"),
                      tensor_numbers(f.cx, three, "model.layers.0.self_attn.k_proj.weight"),
                      tensor_numbers(f.cx, three, "model.layers.0.self_attn.v_proj.weight")};
    float *want_o = tensor_numbers(f.cx, three, "model.layers.0.self_attn.o_proj.weight");
    cull_checkpoint_free(f.ck);
    tensors parts = f.in;
    memset(&f.in, 0, sizeof f.in);
    float *x = put(&f, 0, "self_attn.qkv_proj.weight", (HEADS + 2 * GROUPS) * D, H);
    float *o = put(&f, 0, "self_attn.o_proj.weight", H, HEADS * D);
    for (int i = 0; i < parts.n; i++) {
        const char *name = parts.name[i];
        if (!strcmp(name, "model.layers.0.self_attn.q_proj.weight"))
            memcpy(x, parts.x[i], (size_t)q * sizeof *x);
        if (!strcmp(name, "model.layers.0.self_attn.k_proj.weight"))
            memcpy(x + q, parts.x[i], (size_t)kv * sizeof *x);
        if (!strcmp(name, "model.layers.0.self_attn.v_proj.weight"))
            memcpy(x + q + kv, parts.x[i], (size_t)kv * sizeof *x);
        if (!strcmp(name, "model.layers.0.self_attn.o_proj.weight"))
            memcpy(o, parts.x[i], (size_t)q * sizeof *o);
    }
    save(&f, config);
    ok(f.cx, run(&f, "heads", "kv_heads=2", NULL, &one));
    float *got = tensor_numbers(f.cx, one, "model.layers.0.self_attn.qkv_proj.weight");
    float *got_o = tensor_numbers(f.cx, one, "model.layers.0.self_attn.o_proj.weight");
    int64_t at = cull_checkpoint_find(one, "model.layers.0.self_attn.qkv_proj.weight", NULL);
    const size_t two = sizeof *got * 2 / 3;
    assert_int_equal(cull_checkpoint_at(one, at)->shape[0], (HEADS + 2 * GROUPS) * D * 2 / 3);
    assert_memory_equal(got, want[0], (size_t)q * two);
    assert_memory_equal(got + q * 2 / 3, want[1], (size_t)kv * two);
    assert_memory_equal(got + (q + kv) * 2 / 3, want[2], (size_t)kv * two);
    assert_memory_equal(got_o, want_o, (size_t)q * two);
    again(&f, one);
    free(got), free(got_o), free(want_o);
    for (int i = 0; i < 3; i++) free(want[i]);
    tensors_clear(&parts);
    cull_checkpoint_free(one), cull_checkpoint_free(three);
    end(&f);
    cull_ctx_free(f.cx);
}

/* The k-th allocation fails: nothing is left behind. */
static void memory(void **state)
{
    (void)state;
    fails_at("heads");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads), cmocka_unit_test(fused),
                                       cmocka_unit_test(beside), cmocka_unit_test(refusals),
                                       cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
