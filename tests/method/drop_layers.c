/* drop-layers: a layer that adds nothing goes and the outputs stay, by a transformer of the test's own; names, config, manifest,
 * refusals. */
#include "transformer.h"

#include "repr/config_edit.h"

static void layers(void **state)
{
    (void)state;
    fixture f;
    hooks h = {0};
    cull_checkpoint *out;
    begin(&f, hooked_ctx(&h, 1));
    memset(of(&f, 1, "self_attn.o_proj.weight"), 0, H * HEADS * D * sizeof(float));
    memset(of(&f, 1, "self_attn.o_proj.bias"), 0, H * sizeof(float));
    memset(of(&f, 1, "mlp.down_proj.weight"), 0, H * I * sizeof(float));
    save(&f, config);
    static const char *const opts[] = {"", "", "importance=l2", "importance=l1"};
    for (int k = 0; k < 4; k++) { /* by a rule; the one before the last; the smallest */
        ok(f.cx, run(&f, "drop-layers", opts[k], k ? NULL : "layer=1: cut=yes", &out));
        same_outputs(&f, out, L - 1);
        const char *text = cull_checkpoint_config(out);
        assert_non_null(strstr(text, "\"num_hidden_layers\": 2,"));
        assert_non_null(strstr(text, "\"layer_types\": [\n    \"full\", \"full\"],\n"));
        assert_int_equal(cull_checkpoint_find(out, "model.layers.2.mlp.up_proj.weight", NULL), -1);
        assert_string_equal(cull_checkpoint_at(out, 12)->dtype, "F32"); /* of what was layer 2 */
        again(&f, out);
        cull_checkpoint_free(out);
    }
    end(&f);
    cull_ctx_free(f.cx);
    assert_int_equal(h.live, 0);
}

/* Kinds of layers that the config counts stay what they were. */
static void kinds(void **state)
{
    (void)state;
    fixture f;
    cull_checkpoint *out;
    begin(&f, cull_ctx_new(NULL));
    save(&f, "{\"num_hidden_layers\": 3, \"first_k_dense_replace\": 2, \"decoder_sparse_step\": 2, "
             "\"layer_types\": [\"a\", \"b\", \"a\"], \"sliding_window_pattern\": 3}");
    ok(f.cx, run(&f, "drop-layers", "", "layer=0-1: cut=yes", &out));
    assert_non_null(strstr(cull_checkpoint_config(out), "\"first_k_dense_replace\": 0,"));
    cull_checkpoint_free(out);
    other_config(&f, "{\"num_hidden_layers\": 3, \"model_type\": \"gemma2\"}");
    ok(f.cx, run(&f, "drop-layers", "", "layer=1-2: cut=yes", &out)); /* none behind them */
    cull_checkpoint_free(out);
    end(&f);
    cull_ctx_free(f.cx);
}

/* An encoder and a decoder: the layers of the one that is asked for go, and only its number in the config is another. */
static void stacks(void **state)
{
    (void)state;
    static const struct {
        const char *opts, *rule, *config;
        int encoder, decoder; /* layers that are left */
    } c[] = {
        {"stack=encoder", NULL, "{\"num_decoder_layers\": 3, \"num_layers\": 2}", 2, 3},
        {"stack=decoder layers=2", NULL, "{\"num_decoder_layers\": 1, \"num_layers\": 3}", 3, 1},
        {"stack=decoder", "layer=0: cut=yes", "{\"num_decoder_layers\": 2, \"num_layers\": 3}", 3,
         2},
        {"stack=decoder importance=l2", NULL, "{\"num_decoder_layers\": 2, \"num_layers\": 3}", 3,
         2}};
    fixture f;
    cull_checkpoint *out;
    memset(&f, 0, sizeof f);
    f.cx = cull_ctx_new(NULL);
    for (int l = 0; l < 2 * L; l++) {
        char name[TENSOR_NAME];
        const char *of = l < L ? "encoder" : "decoder";
        snprintf(name, sizeof name, "%s.block.%d.layer.1.DenseReluDense.wi.weight", of, l % L);
        tensors_add(&f.in, name, "F32", I, H);
    }
    tensors_add(&f.in, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                "F32", I, HEADS);
    fill(&f, 3);
    save(&f, "{\"num_layers\": 3}");
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        int left[2] = {0};
        ok(f.cx, run(&f, "drop-layers", c[k].opts, c[k].rule, &out));
        for (int64_t i = 0; i < cull_checkpoint_count(out); i++) {
            const cull_tensor *t = cull_checkpoint_at(out, i);
            if (strstr(t->name, ".wi.")) left[*t->name == 'd']++;
        }
        assert_int_equal(left[0], c[k].encoder);
        assert_int_equal(left[1], c[k].decoder);
        assert_string_equal(cull_checkpoint_config(out), c[k].config);
        again(&f, out);
        cull_checkpoint_free(out);
    }
    static const refusal wrong[] = {
        {"", NULL, "has layers of two stacks"},
        {"stack=encoder", "layer=0: cut=yes", "layer 0 has the position biases of all"}};
    refuses(&f, "drop-layers", wrong, 2);
    other_config(&f, "{\"text_config\": {\"num_hidden_layers\": 3}, \"vision_config\": "
                     "{\"num_hidden_layers\": 3}}");
    refuses(&f, "drop-layers",
            &(refusal){"stack=encoder", NULL, "2 parts of its config say that they have 3 layers"},
            1);
    end(&f);
    begin(&f, f.cx);
    save(&f, config);
    refuses(&f, "drop-layers", &(refusal){"stack=encoder", NULL, "has 0 layers of an encoder"}, 1);
    end(&f);
    cull_ctx_free(f.cx);
}

/* What a backbone says of its stages is of those that are left; layers that no number of the config can say are not cut. */
static void stages(void **state)
{
    (void)state;
    fixture f;
    cull_checkpoint *out;
    begin(&f, cull_ctx_new(NULL));
    save(&f,
         "{\"num_hidden_layers\": 3, \"out_features\": [\"stage3\"], \"out_indices\": [0, 2, 3], "
         "\"stage_names\": [\"stem\", \"stage1\", \"stage2\", \"stage3\"]}");
    ok(f.cx, run(&f, "drop-layers", "", NULL, &out));
    assert_string_equal(
        cull_checkpoint_config(out),
        "{\"num_hidden_layers\": 2, \"out_features\": null, \"out_indices\": [0, 2], "
        "\"stage_names\": [\"stem\", \"stage1\", \"stage2\"]}");
    cull_checkpoint_free(out);
    other_config(&f, "{\"num_layers\": 3, \"attention_types\": [[[\"global\"], 3]]}");
    refuses(&f, "drop-layers", &(refusal){"", NULL, "attention_types of its config"}, 1);
    of(&f, 1, "mlp.up_proj.weight")[3] = NAN;
    other_config(&f, config);
    refuses(&f, "drop-layers",
            &(refusal){"importance=l2", NULL,
                       "'model.layers.1.mlp.up_proj.weight' has a number that is not finite"},
            1);
    end(&f);
    static const struct {
        const char *one, *two, *part;
    } c[] = {{"encoder.layers.0.blocks.0.fc.weight", "encoder.layers.0.blocks.1.fc.weight",
              "is of a stage, which has blocks of its own"},
             {"encoder.stages.0.layers.0.fc.weight", "encoder.stages.1.layers.0.fc.weight",
              "has layers of two stacks"}};
    for (int k = 0; k < 2; k++) {
        memset(&f.in, 0, sizeof f.in);
        tensors_add(&f.in, c[k].one, "F32", 2, 3);
        tensors_add(&f.in, c[k].two, "F32", 2, 3);
        save(&f, NULL);
        refuses(&f, "drop-layers", &(refusal){"", NULL, c[k].part}, 1);
        end(&f);
    }
    cull_ctx_free(f.cx);
}

static void refusals(void **state)
{
    (void)state;
    fixture f;
    static const refusal wrong[] = {
        {"layers=3", NULL, "3 layers are to go of 3; at least one must stay"},
        {"", "*: cut=yes", "'model.layers' keeps none of its layers"},
    };
    begin(&f, cull_ctx_new(NULL));
    save(&f, config);
    refuses(&f, "drop-layers", wrong, (int)(sizeof wrong / sizeof *wrong));
    other_config(&f, "{\"intermediate_size\": 3, \"num_hidden_layers\": 9, "
                     "\"num_attention_heads\": 6, \"head_dim\": 4}");
    refuses(&f, "drop-layers", &(refusal){"", NULL, "no num_hidden_layers of the config is that"},
            1);
    static const char *const words[][2] = {
        {"\"decoder_sparse_step\": 2", "periods of 2 (decoder_sparse_step), and layer 2 would"},
        {"\"sliding_window_pattern\": 3", "3 layers in a row go, or say layer_types"},
        {"\"architectures\": [\"Gemma3ForCausalLM\"]", "periods of 6 (Gemma3ForCausalLM)"},
        {"\"model_type\": \"gemma2\", \"layer_types\": null", "periods of 2 (gemma2)"}};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        char text[200];
        snprintf(text, sizeof text, "{\"num_hidden_layers\": 3, %s}", words[k][0]);
        other_config(&f, text);
        refuses(&f, "drop-layers", &(refusal){"", NULL, words[k][1]}, 1);
    }
    odd_model(&f);
    refuses(&f, "drop-layers", &(refusal){"", NULL, "layers of two stacks"}, 1);
    end(&f);
    cull_ctx_free(f.cx);
}

static void configs(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const char *out, *key[] = {"n", "m"};
    int times;
    int64_t v;
    static const char text[] =
        "{\"n\":5,\"x\":\"\\\"n\\\":5\",\"a\":{\"m\" : 5, \"n\":15},\"m\":5.0}";
    ok(cx, cull__config_set(cx, text, key, 2, 5, 77, &out, &times));
    assert_string_equal(out,
                        "{\"n\":77,\"x\":\"\\\"n\\\":5\",\"a\":{\"m\" : 77, \"n\":15},\"m\":5.0}");
    assert_int_equal(times, 2);
    ok(cx, cull__config_add(cx, "{\"b\": 1, \"a\": 2}", "c", 9, "a", &out));
    assert_string_equal(out, "{\"b\": 1, \"c\": 9, \"a\": 2}");
    ok(cx, cull__config_add(cx, out, "c", 8, "a", &out));
    assert_string_equal(out, "{\"b\": 1, \"c\": 9, \"a\": 2}");
    ok(cx, cull__config_add(cx, "{\"c\": null, \"t\": {\"c\":null}, \"a\": 2}", "c", 8, "a", &out));
    assert_string_equal(out, "{\"c\": 8, \"t\": {\"c\":8}, \"a\": 2}");
    const bool keep[3] = {true, false, true};
    ok(cx, cull__config_list(cx, "{\"l\": [ 1 , \"a,]\", null], \"k\": {\"l\":[1,2]}}", "l", keep,
                             3, &out));
    assert_string_equal(out, "{\"l\": [ 1, null], \"k\": {\"l\":[1,2]}}");
    ok(cx, cull__config_list(cx, "{\"l\": [[1],2,3]}", "l", keep, 3, &out));
    assert_string_equal(out, "{\"l\": [[1],2,3]}");
    const int64_t number[3] = {0, -1, 1};
    ok(cx, cull__config_places(cx, "{\"l\": [0,\n 1, 2 ], \"k\": {\"l\":[2]}, \"m\": [2]}", "l",
                               number, 3, &out));
    assert_string_equal(out, "{\"l\": [0, 1], \"k\": {\"l\":[1]}, \"m\": [2]}");
    ok(cx, cull__config_places(cx, "{\"l\": [1], \"l\": []}", "l", number, 3, &out));
    assert_string_equal(out, "{\"l\": [], \"l\": []}");
    static const char *const others[] = {"{\"l\": [0,3]}", "{\"l\": [0.5]}", "{\"l\": [\"0\"]}",
                                         "{\"l\": [0"};
    for (int k = 0; k < 4; k++) {
        ok(cx, cull__config_places(cx, others[k], "l", number, 3, &out));
        assert_string_equal(out, others[k]);
    }
    ok(cx, cull__config_number(cx, "c", "{\"m\": 4.5, \"text_config\": {\"n\": 6}}", key, 2, &v));
    assert_int_equal(v, 6);
    ok(cx, cull__config_number(cx, "c", NULL, key, 2, &v));
    assert_int_equal(v, -1);
    refused(cx, cull__config_number(cx, "c", "[1]", key, 2, &v), CULL_EINPUT,
            "the config is no object");
    refused(cx, cull__config_number(cx, "c", "{", key, 2, &v), CULL_EINPUT, "damaged JSON");
    cull_ctx_free(cx);
}

/* The k-th allocation fails: nothing is left behind. */
static void memory(void **state)
{
    (void)state;
    fails_at("drop-layers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(layers),   cmocka_unit_test(kinds),
                                       cmocka_unit_test(stacks),   cmocka_unit_test(stages),
                                       cmocka_unit_test(refusals), cmocka_unit_test(configs),
                                       cmocka_unit_test(memory)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
